/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "policy/filter.h"
#include "policy/native/read.h"
#include "supervisor/journal.h"
#include "supervisor/policing.h"
#include "supervisor/session.h"
#include "tests/fakes/fake_kernel.h"

#define PAGE 4096u

/* ---- the memory itself ---- */

static struct journal *shared(void) {
        struct journal *journal;

        cr_assert_eq(journal_new(true, &journal), 0);
        cr_assert_geq(journal->fd, 0);
        return journal;
}

static struct journal *adopt(int fd, enum journal_kept expected) {
        struct journal *journal;
        enum journal_kept kept;

        cr_assert_eq(journal_adopt(fd, &journal, &kept), 0);
        cr_assert_eq(kept, expected, "kept is %d", kept);
        return journal;
}

static int copy_of(const struct journal *journal) {
        return fcntl(journal->fd, F_DUPFD_CLOEXEC, 0);
}

Test(journal, meta_is_the_old_one_until_it_is_the_new_one) {
        struct journal *journal = shared(), *successor;
        size_t n;

        cr_assert_null(journal_meta(journal, &n));
        cr_assert_eq(journal_set_meta(journal, "first", 5), 0);
        cr_assert_eq(journal_set_meta(journal, "second!", 7), 0);
        /* A kill while the third is written. */
        memcpy(journal->bytes + journal->header->meta_offset[~journal->header->meta & 1], "th", 2);
        successor = adopt(copy_of(journal), JOURNAL_WHOLE);
        cr_assert_arr_eq(journal_meta(successor, &n), "second!", 7);
        cr_assert_eq(n, 7);
        cr_assert_neq(journal_set_meta(journal, "", JOURNAL_META_MAX + 1), 0);
        journal_free(successor);
        journal_free(journal);
}

Test(journal, every_slot_is_given_out_once) {
        struct journal *journal = shared();
        bool seen[JOURNAL_SLOTS] = { 0 };

        for (size_t i = 0; i < JOURNAL_SLOTS; i++) {
                size_t at = (size_t)(journal_take_slot(journal) - journal->slots);

                cr_assert_lt(at, JOURNAL_SLOTS);
                cr_assert_not(seen[at]);
                seen[at] = true;
        }
        journal_free(journal);
}

Test(journal, what_can_shrink_or_is_no_journal_is_not_believed) {
        struct journal *journal;
        int fd = memfd_create("other", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        journal = adopt(-1, JOURNAL_LOST);
        cr_assert_eq(journal->header->ledger.dropped, 1, "a result that looked whole would lie");
        journal_free(journal);
        journal = adopt(open("/dev/null", O_RDWR | O_CLOEXEC), JOURNAL_LOST);
        journal_free(journal);
        cr_assert_eq(ftruncate(fd, 1 << 20), 0);
        journal = adopt(dup(fd), JOURNAL_LOST);
        journal_free(journal);
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK);
        journal = adopt(fd, JOURNAL_LOST);
        journal_free(journal);
}

/* ---- sessions ---- */

static const struct kernel *kernel_of(struct fake_kernel *fake) {
        return &fake->kernel;
}

static int open_nothing(void) {
        return open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static struct session *start(struct fake_kernel *fake, struct journal *journal) {
        struct session_options options = { .mode = WIRE_MODE_RECORD, .label = "test", .journal = journal };
        struct session *session;

        cr_assert_eq(session_new(kernel_of(fake), open_nothing(), -1, &options, &session), 0);
        return session;
}

static struct session *go_on(struct fake_kernel *fake, struct journal *journal) {
        struct session_options options = { .mode = WIRE_MODE_RECORD, .label = "test", .journal = journal };
        struct session *session;

        cr_assert_eq(session_adopt(kernel_of(fake), open_nothing(), &options, &session), 0);
        return session;
}

static void run(struct session *session) {
        int r;

        while ((r = session_step(session)) != SESSION_E_ENDED)
                cr_assert(r == 0 || r == SESSION_E_IDLE, "step gave %d", r);
}

static struct ledger ledger_of(struct session *session) {
        struct ledger ledger;

        session_ledger(session, &ledger);
        cr_assert_eq(ledger.received, ledger.answered + ledger.gone + ledger.pending);
        return ledger;
}

static void call(struct fake_kernel *fake, int nr) {
        fake_kernel_call(fake, 812, AUDIT_ARCH_X86_64, nr, NULL, FAKE_LIVES);
}

Test(journal, a_successor_counts_on) {
        struct fake_kernel fake;
        struct session *session;
        struct journal *journal = shared();
        struct event row;
        int fd = copy_of(journal);
        size_t cursor = 0;
        bool is_new;

        fake_kernel_init(&fake);
        session = start(&fake, journal);
        for (int i = 0; i < 3; i++)
                call(&fake, SYS_getppid);
        call(&fake, SYS_getpid);
        run(session);
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), 0);
        session_free(session); /* as good as a kill: nothing is written at the end */
        session = go_on(&fake, adopt(fd, JOURNAL_WHOLE));
        cr_assert_eq(ledger_of(session).received, 4);
        call(&fake, SYS_getppid);
        run(session);
        cr_assert_eq(ledger_of(session).received, 5);
        cr_assert_eq(ledger_of(session).interrupted, 0);
        cr_assert_eq(session_row(session, 0, &row), 0);
        cr_assert_eq(row.nr, SYS_getppid);
        cr_assert_eq(row.count, 4);
        cr_assert_eq(session_row(session, 2, &row), SESSION_E_IDLE);
        cursor = 0;
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), 0);
        cr_assert_eq(row.count, 1, "three were taken of the predecessor");
        cr_assert_not(is_new);
        cr_assert_eq(session_take_row(session, &cursor, &row, &is_new), 0);
        cr_assert(is_new);
        session_free(session);
        fake_kernel_deinit(&fake);
}

Test(journal, of_another_version_ledger_calls_and_meta_are_taken_over) {
        struct fake_kernel fake;
        struct session *session;
        struct journal *journal = shared();
        struct fake_call *waiting;
        int fd = copy_of(journal);
        struct event row;
        size_t n;

        fake_kernel_init(&fake);
        journal_set_meta(journal, "web", 3);
        journal_deliver(journal);
        session = start(&fake, journal);
        call(&fake, SYS_getppid);
        run(session);
        waiting = fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getpid, NULL, FAKE_LIVES);
        memset(&session->slot->notif, 0, sizeof(session->slot->notif));
        journal_turn(session->slot, JOURNAL_RECEIVING);
        fake.kernel.receive(&fake, -1, &session->slot->notif);
        journal->header->layout++;
        session_free(session);

        journal = adopt(fd, JOURNAL_FROZEN);
        cr_assert_arr_eq(journal_meta(journal, &n), "web", 3);
        cr_assert(journal_delivered(journal));
        session = go_on(&fake, journal);
        cr_assert_eq(ledger_of(session).pending, 1);
        run(session);
        cr_assert(waiting->answered);
        cr_assert_eq(ledger_of(session).received, 2);
        cr_assert_eq(ledger_of(session).dropped, 1, "its row is gone");
        cr_assert_eq(ledger_of(session).recorded, 1);
        cr_assert_eq(session_row(session, 0, &row), 0);
        cr_assert_eq(row.nr, SYS_getpid);
        session_free(session);
        fake_kernel_deinit(&fake);
}

Test(journal, a_call_nobody_wrote_down_is_found_and_answered) {
        struct fake_kernel fake;
        struct session *session;
        struct journal *journal = shared();
        struct fake_call *orphan;
        int fd = copy_of(journal);
        union kernel_notif lost = { 0 };

        fake_kernel_init(&fake);
        session = start(&fake, journal);
        call(&fake, SYS_getppid);
        run(session);
        fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getpid, NULL, FAKE_ABORTED);
        orphan = fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getpid, NULL, FAKE_LIVES);
        fake.kernel.receive(&fake, -1, &lost);
        fake.kernel.receive(&fake, -1, &lost);
        cr_assert_eq(lost.notif.id, orphan->notif.id);
        session_free(session);
        session = go_on(&fake, adopt(fd, JOURNAL_WHOLE));
        run(session);
        cr_assert(orphan->answered);
        cr_assert_eq(orphan->answer.flags, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
        cr_assert_eq(ledger_of(session).errors, 1);
        cr_assert_eq(ledger_of(session).dropped, 1);
        cr_assert_eq(ledger_of(session).interrupted, 1);
        session_free(session);

        /* Not even the last id is known: once the next call comes. */
        orphan = fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_getpid, NULL, FAKE_LIVES);
        fake.kernel.receive(&fake, -1, &lost);
        session = go_on(&fake, adopt(-1, JOURNAL_LOST));
        call(&fake, SYS_getppid);
        run(session);
        cr_assert(orphan->answered);
        session_free(session);
        fake_kernel_deinit(&fake);
}

/* ---- what was prepared for a call that was not settled ---- */

/* A session killed over its second getppid, with the answer on its way. */
static int killed_while_answering(struct fake_kernel *fake, enum journal_state state) {
        struct journal *journal = shared();
        struct session *session;
        struct journal_slot *slot;
        struct journal_record record;
        int fd = copy_of(journal);

        fake_kernel_init(fake);
        session = start(fake, journal);
        call(fake, SYS_getppid);
        run(session);
        slot = session->slot;
        call(fake, SYS_getppid);
        memset(&slot->notif, 0, sizeof(slot->notif));
        journal_turn(slot, JOURNAL_RECEIVING);
        fake->kernel.receive(fake, -1, &slot->notif);
        record = (struct journal_record){
                .row = journal->rows, .count = 2, .last_ns = 7, .ledger = journal->header->ledger
        };
        record.ledger.recorded++;
        journal_prepare(journal, slot, &record);
        slot->response = (struct seccomp_notif_resp){ .id = slot->notif.notif.id,
                                                      .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        slot->flags = JOURNAL_RESEND;
        journal_turn(slot, state);
        session_free(session);
        return fd;
}

struct spoilt {
        const char *what;
        size_t at; /* in the header */
        uint64_t by;
        bool believed; /* it makes no difference to what is counted */
};

#define AT(field) offsetof(struct journal_header, field)

/* A count is 64 bits. */
static const struct spoilt spoilt[] = {
        { "nothing", AT(redo_ledger.answered), 0, true },
        { "answered", AT(redo_ledger.answered), 1000, true },
        { "gone", AT(redo_ledger.gone), 1000, true },
        { "recorded", AT(redo_ledger.recorded), 1, false },
        { "recorded, by much", AT(redo_ledger.recorded), UINT64_MAX / 2, false },
        { "recorded, less", AT(redo_ledger.recorded), -1ull, false },
        { "dropped", AT(redo_ledger.dropped), 1, false },
        { "dropped, less", AT(redo_ledger.dropped), -1ull, false },
        { "one row more", AT(n_rows), UINT64_C(1) << 32, false },
        { "rows without end", AT(n_rows), UINT64_C(0xfffffffe) << 32, false },
        { "another row", AT(redo_row), 1, false },
        { "the row's count", AT(redo_count), 1, false },
        { "the row's count, less", AT(redo_count), -1ull, false },
        { "the row's count, none", AT(redo_count), -2ull, false },
};

static void spoil(int fd, const struct spoilt *how) {
        uint64_t value;

        cr_assert_eq(pread(fd, &value, sizeof(value), (off_t)how->at), (ssize_t)sizeof(value));
        value += how->by;
        cr_assert_eq(pwrite(fd, &value, sizeof(value), (off_t)how->at), (ssize_t)sizeof(value));
}

Test(journal, what_was_prepared_adds_up_or_is_not_used) {
        for (enum journal_state state = JOURNAL_ANSWERING; state <= JOURNAL_GONE; state++)
                for (size_t i = 0; i < sizeof(spoilt) / sizeof(spoilt[0]); i++) {
                        struct fake_kernel fake;
                        int fd = killed_while_answering(&fake, state), again;
                        struct session *session;
                        struct ledger ledger;
                        struct event row;

                        spoil(fd, &spoilt[i]);
                        again = fcntl(fd, F_DUPFD_CLOEXEC, 0);
                        session = go_on(&fake, adopt(fd, JOURNAL_WHOLE));
                        run(session);
                        ledger = ledger_of(session);
                        cr_expect_eq(ledger.received, 2, "%s", spoilt[i].what);
                        cr_expect_eq(ledger.pending, 0, "%s", spoilt[i].what);
                        cr_expect_eq(ledger.gone, state == JOURNAL_GONE, "%s", spoilt[i].what);
                        cr_expect_eq(ledger.recorded, 1 + spoilt[i].believed, "%s", spoilt[i].what);
                        cr_expect_eq(ledger.dropped, !spoilt[i].believed, "%s", spoilt[i].what);
                        cr_expect_eq(session_row(session, 0, &row), 0);
                        cr_expect_eq(row.count, ledger.recorded, "%s", spoilt[i].what);
                        session_free(session);
                        /* The next one finds it in order. */
                        journal_free(adopt(again, JOURNAL_WHOLE));
                        fake_kernel_deinit(&fake);
                }
}

/* ---- a kill at any instruction ---- */

/*
 * A kill comes between two instructions, and only what was written to the journal before matters. So the
 * journal is write-protected while a session runs on it: every instruction that writes there faults, is let
 * through alone, and a picture is taken of what it left. From each picture a successor goes on.
 */
#ifdef __x86_64__

#define CALLS_MAX    8
#define PICTURES_MAX 4096
#define TRAP_FLAG    0x100

/* All that outlives the one who is killed: the kernel's side. */
struct world {
        struct fake_kernel fake;
        struct fake_call calls[CALLS_MAX];
};

/* The pages that a few calls write to. */
struct picture {
        uint8_t first[2 * PAGE], scratch[PAGE], rows[3 * PAGE];
        struct world world;
};

static struct fake_kernel pure; /* as it came: its functions */
static struct world world;
static const struct journal *filmed;
static struct picture *pictures;
static size_t n_pictures;
static size_t filmed_size;
static bool inside; /* the kernel is at work, and a kill comes after */

static void world_copy(struct world *to, const struct world *from) {
        *to = *from;
        to->fake.kernel.data = to;
        to->fake.calls = to->calls;
}

/* Since the last picture nothing was written but what was there: many steps of one instruction that repeats
 * itself, as memset() does on some machines. */
static bool nothing_changed(void) {
        const struct picture *last = n_pictures > 0 ? &pictures[n_pictures - 1] : NULL;

        return last && memcmp(last->first, filmed->bytes, sizeof(last->first)) == 0 &&
               memcmp(last->scratch, filmed->scratch, sizeof(last->scratch)) == 0 &&
               memcmp(last->rows, filmed->rows, sizeof(last->rows)) == 0;
}

static void take_picture(void) {
        struct picture *to = &pictures[n_pictures];

        if (inside || n_pictures == PICTURES_MAX)
                return;
        memcpy(to->first, filmed->bytes, sizeof(to->first));
        memcpy(to->scratch, filmed->scratch, sizeof(to->scratch));
        memcpy(to->rows, filmed->rows, sizeof(to->rows));
        world_copy(&to->world, &world);
        n_pictures++;
}

static void protect(bool on) {
        mprotect(filmed->bytes, filmed_size, on ? PROT_READ : PROT_READ | PROT_WRITE);
}

static void on_fault(int number, siginfo_t *info, void *data) {
        ucontext_t *context = data;
        uint8_t *at = info->si_addr;

        if (at < filmed->bytes || at >= filmed->bytes + filmed_size) {
                signal(SIGSEGV, SIG_DFL);
                return;
        }
        protect(false);
        context->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

static void on_trap(int number, siginfo_t *info, void *data) {
        ucontext_t *context = data;

        context->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
        if (!nothing_changed())
                take_picture();
        protect(true);
}

static int receive_whole(void *data, int listener, union kernel_notif *ret_notif) {
        struct world *of = data;
        int r;

        inside = true;
        r = pure.kernel.receive(&of->fake, listener, ret_notif);
        inside = false;
        if (of == &world)
                take_picture();
        return r;
}

static int answer_whole(void *data, int listener, const struct seccomp_notif_resp *response) {
        struct world *of = data;
        int r = pure.kernel.answer(&of->fake, listener, response);

        if (of == &world)
                take_picture();
        return r;
}

static void world_init(void) {
        fake_kernel_init(&pure);
        free(pure.calls);
        pure.calls = NULL;
        world.fake = pure;
        world.fake.kernel.receive = receive_whole;
        world.fake.kernel.answer = answer_whole;
        world_copy(&world, &world);
}

static void film(void) {
        struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO },
                         trap = { .sa_sigaction = on_trap, .sa_flags = SA_SIGINFO };
        struct journal *journal = shared();
        struct session *session;
        struct stat status;

        pictures = calloc(PICTURES_MAX, sizeof(*pictures));
        filmed = journal;
        fstat(journal->fd, &status);
        filmed_size = (size_t)status.st_size;
        session = start(&world.fake, journal);
        sigaction(SIGSEGV, &fault, NULL);
        sigaction(SIGTRAP, &trap, NULL);
        protect(true);
        for (size_t i = 0; i < world.fake.n_calls; i++)
                cr_assert_eq(session_step(session), 0);
        protect(false);
        take_picture();
        session_free(session);
        printf("%zu states\n", n_pictures);
        cr_assert_gt(n_pictures, 50);
        cr_assert_lt(n_pictures, PICTURES_MAX);
}

static int restore(const struct picture *picture) {
        struct journal *journal = shared();
        int fd = copy_of(journal);

        memcpy(journal->bytes, picture->first, sizeof(picture->first));
        memcpy(journal->scratch, picture->scratch, sizeof(picture->scratch));
        memcpy(journal->rows, picture->rows, sizeof(picture->rows));
        journal_free(journal);
        return fd;
}

static void check(const struct picture *picture, uint64_t n_gone, size_t n_rows, size_t nth) {
        static struct world after;
        struct session *session;
        struct ledger ledger;
        struct event row;
        uint64_t total = 0;
        size_t n = 0;

        world_copy(&after, &picture->world);
        session = go_on(&after.fake, adopt(restore(picture), JOURNAL_WHOLE));
        run(session);
        ledger = ledger_of(session);
        for (size_t i = 0; i < after.fake.n_calls; i++)
                cr_assert(after.calls[i].answered || after.calls[i].fate != FAKE_LIVES,
                          "call %zu was never answered, killed at state %zu", i, nth);
        cr_assert_eq(after.fake.n_unknown_answers, 0);
        cr_assert_eq(ledger.received, after.fake.n_calls, "%lu received at state %zu", ledger.received, nth);
        cr_assert_eq(ledger.pending, 0);
        cr_assert_leq(ledger.gone, n_gone);
        cr_assert_eq(ledger.recorded, ledger.received, "at state %zu", nth);
        cr_assert_eq(ledger.dropped, 0);
        cr_assert_eq(ledger.errors, 0);
        cr_assert_eq(ledger.interrupted, 0);
        for (; session_row(session, n, &row) == 0; n++)
                total += row.count;
        cr_assert_eq(total, ledger.recorded);
        cr_assert_eq(n, n_rows, "%zu rows at state %zu", n, nth);
        session_free(session);
}

Test(journal, a_kill_at_any_instruction_costs_nothing) {
        world_init();
        call(&world.fake, SYS_getppid);
        call(&world.fake, SYS_getppid);
        call(&world.fake, SYS_getpid);
        fake_kernel_call(&world.fake, 812, AUDIT_ARCH_X86_64, SYS_getuid, NULL, FAKE_GONE_AT_ANSWER);
        call(&world.fake, SYS_getuid);
        film();
        for (size_t i = 0; i < n_pictures; i++)
                check(&pictures[i], 1, 3, i);
        free(pictures);
}

#endif
