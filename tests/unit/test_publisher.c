/* SPDX-License-Identifier: Apache-2.0 */

/* The publisher between sessions on a scripted kernel and outlets that write down what they get. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <uv.h>

#include "supervisor/service/publisher.h"
#include "supervisor/service/registry.h"
#include "tests/fakes/fake_kernel.h"

#define SESSIONS_MAX 40
#define PATIENCE_NS  UINT64_C(240000000000)

static struct fake_kernel fakes[SESSIONS_MAX];
static uv_loop_t loop;
static struct publisher *publisher;
static unsigned n_final;

/* What an outlet got, by session; guarded by the lock. */
static struct {
        struct outlet outlet;
        pthread_mutex_t lock;
        pthread_cond_t go;
        bool hold, held; /* stands still between two ticks */
        bool slow;       /* a millisecond for every publication */
        uint64_t flood;  /* calls of session 1 before the last row of any other */
        unsigned n_begins, n_rows, n_events, n_ends, n_flushes, n_closes;
        uint64_t calls[SESSIONS_MAX + 1]; /* of ROWs, by number of the session */
        uint64_t events, lost, received_at_end;
        char profile[64];
        enum wire_mode mode, row_mode;
        uint64_t last_number;
} seen;

static void on_take(struct outlet *outlet, const struct publication *publication) {
        (void)outlet;
        if (seen.slow)
                usleep(1000);
        pthread_mutex_lock(&seen.lock);
        seen.last_number = publication->source->number;
        switch (publication->kind) {
        case PUBLICATION_BEGIN:
                seen.n_begins++;
                seen.mode = publication->source->mode;
                snprintf(seen.profile, sizeof(seen.profile), "%s",
                         publication->source->profile ? publication->source->profile : "");
                break;
        case PUBLICATION_ROW:
                cr_assert_eq(publication->event->source, publication->source->number);
                seen.n_rows++;
                seen.row_mode = publication->source->mode;
                seen.calls[publication->source->number] += publication->event->count;
                if (publication->source->number > 1)
                        seen.flood = seen.calls[1];
                break;
        case PUBLICATION_EVENT:
                cr_assert_eq(publication->event->count, 1);
                seen.n_events++;
                break;
        case PUBLICATION_LOST:
                seen.lost += publication->lost;
                break;
        case PUBLICATION_END:
                cr_assert_str_eq(labels_get(publication->source->labels, "pod"), "web-0");
                seen.n_ends++;
                seen.received_at_end += publication->ledger->received;
                break;
        }
        pthread_mutex_unlock(&seen.lock);
}

static void on_flush(struct outlet *outlet) {
        (void)outlet;
        pthread_mutex_lock(&seen.lock);
        seen.n_flushes++;
        while (seen.hold) {
                seen.held = true;
                pthread_cond_wait(&seen.go, &seen.lock);
        }
        pthread_mutex_unlock(&seen.lock);
}

static void on_counts(const struct outlet *outlet, struct outlet_counts *ret) {
        (void)outlet;
        *ret = (struct outlet_counts){ .healthy = true };
}

static void on_close(struct outlet *outlet) {
        (void)outlet;
        pthread_mutex_lock(&seen.lock);
        seen.n_closes++;
        pthread_mutex_unlock(&seen.lock);
}

static void on_final(void *data, struct registered *registered) {
        (void)data;
        cr_assert_null(registered->published);
        n_final++;
}

static struct config config = {
        .interval_ns = 3600 * UINT64_C(1000000000), /* counts of known rows are not due in a test */
        .limits = { .event_bytes = 1u << 20, .event_bytes_per_uid = 4u << 20 },
};

static void start(void) {
        struct publisher_options options = { .config = &config, .loop = &loop, .on_final = on_final };

        cr_assert_eq(publisher_new(&options, &publisher), 0);
        seen.outlet = (struct outlet){
                .name = (char[]){ "test" },
                .take = on_take,
                .flush = on_flush,
                .counts = on_counts,
                .close = on_close,
        };
        publisher_attach(publisher, &seen.outlet);
}

static void setup(void) {
        pthread_mutex_init(&seen.lock, NULL);
        pthread_cond_init(&seen.go, NULL);
        cr_assert_eq(uv_loop_init(&loop), 0);
}

static void stop(void) {
        publisher = publisher_free(publisher, 0);
        uv_run(&loop, UV_RUN_DEFAULT);
        cr_assert_eq(uv_loop_close(&loop), 0);
}

TestSuite(publisher, .init = setup, .timeout = 300);

static struct registered *session(unsigned number, enum wire_mode mode, bool all) {
        struct session_options options = { .mode = mode, .label = "test" };
        struct registered *registered = calloc(1, sizeof(*registered));

        fake_kernel_init(&fakes[number - 1]);
        registered->number = number;
        registered->mode = mode;
        registered->all = all;
        cr_assert_eq(labels_set(&registered->labels, "pod", "web-0"), 0);
        cr_assert_eq(session_new(&fakes[number - 1].kernel, open("/dev/null", O_RDONLY | O_CLOEXEC), -1,
                                 &options, &registered->session),
                     0);
        publisher_expect(publisher, registered);
        publisher_begin(publisher, registered);
        return registered;
}

static void calls(struct registered *registered, int nr, unsigned n) {
        struct fake_kernel *fake = &fakes[registered->number - 1];

        for (unsigned i = 0; i < n; i++) {
                fake_kernel_call(fake, 812, AUDIT_ARCH_X86_64, nr, NULL, FAKE_LIVES);
                cr_assert_eq(session_step(registered->session), 0);
        }
}

static void forget(struct registered *registered) {
        session_free(registered->session);
        labels_deinit(&registered->labels);
        fake_kernel_deinit(&fakes[registered->number - 1]);
        free(registered);
}

/* Runs the service's loop until it is so. */
#define UNTIL(condition)                                                                                    \
        do {                                                                                                \
                uint64_t until_ns = uv_hrtime() + PATIENCE_NS;                                              \
                bool is_so = false;                                                                         \
                                                                                                            \
                while (!is_so) {                                                                            \
                        cr_assert_lt(uv_hrtime(), until_ns, "never: %s", #condition);                       \
                        uv_run(&loop, UV_RUN_NOWAIT);                                                       \
                        pthread_mutex_lock(&seen.lock);                                                     \
                        is_so = condition;                                                                  \
                        pthread_mutex_unlock(&seen.lock);                                                   \
                        usleep(1000);                                                                       \
                }                                                                                           \
        } while (0)

/* The publisher's thread stands still, in the middle of a tick, until it is let go. */
static void hold(void) {
        pthread_mutex_lock(&seen.lock);
        seen.hold = true;
        pthread_mutex_unlock(&seen.lock);
        UNTIL(seen.held);
}

static void let_go(void) {
        pthread_mutex_lock(&seen.lock);
        seen.hold = seen.held = false;
        pthread_cond_signal(&seen.go);
        pthread_mutex_unlock(&seen.lock);
}

Test(publisher, new_rows_at_the_next_tick_counts_later_and_all_of_it_at_the_end) {
        struct registered *one;
        unsigned n_flushes;

        start();
        one = session(1, WIRE_MODE_RECORD, false);
        UNTIL(seen.n_begins == 1);
        calls(one, SYS_getppid, 3);
        UNTIL(seen.n_rows >= 1);
        calls(one, SYS_getppid, 100);
        calls(one, SYS_getpid, 1);
        UNTIL(seen.n_rows >= 2);
        pthread_mutex_lock(&seen.lock);
        n_flushes = seen.n_flushes;
        cr_expect_leq(seen.calls[1], 4, "counts of known rows are not due yet: %u", (unsigned)seen.calls[1]);
        pthread_mutex_unlock(&seen.lock);
        UNTIL(seen.n_flushes > n_flushes + 2);
        cr_expect_eq(seen.n_rows, 2);
        publisher_end(publisher, one);
        UNTIL(n_final == 1);
        cr_expect_eq(seen.calls[1], 104, "nothing is lost: %u", (unsigned)seen.calls[1]);
        cr_expect_eq(seen.n_ends, 1);
        cr_expect_eq(seen.received_at_end, 104);
        stop();
        cr_expect_eq(seen.n_closes, 1);
        forget(one);
}

Test(publisher, counts_once_per_interval) {
        struct registered *one;

        config.interval_ns = 1;
        start();
        one = session(1, WIRE_MODE_RECORD, false);
        calls(one, SYS_getppid, 5);
        UNTIL(seen.calls[1] == 5);
        calls(one, SYS_getppid, 7);
        UNTIL(seen.calls[1] == 12);
        stop();
        forget(one);
}

Test(publisher, what_sessions_have_is_handed_on_before_the_end) {
        struct registered *one;

        start();
        one = session(1, WIRE_MODE_RECORD, false);
        calls(one, SYS_getppid, 1);
        UNTIL(seen.calls[1] == 1);
        calls(one, SYS_getppid, 1000);
        stop();
        cr_expect_eq(seen.calls[1], 1001);
        cr_expect_eq(seen.n_ends, 0, "it goes on elsewhere");
        cr_expect_eq(n_final, 0);
        forget(one);
}

Test(publisher, every_occurrence_where_it_was_asked_for) {
        struct registered *one;

        start();
        one = session(1, WIRE_MODE_RECORD, true);
        calls(one, SYS_getppid, 500);
        publisher_end(publisher, one);
        UNTIL(n_final == 1);
        cr_expect_eq(seen.n_events, 500);
        cr_expect_eq(seen.lost, 0);
        cr_expect_eq(seen.calls[1], 500, "attached outlets get rows as well and choose");
        stop();
        forget(one);
}

Test(publisher, occurrences_that_come_too_fast_are_counted) {
        struct registered *one;

        config.limits.event_bytes_per_uid = 100000;
        start();
        one = session(1, WIRE_MODE_RECORD, true);
        UNTIL(seen.n_begins == 1);
        hold();
        calls(one, SYS_getppid, 30000);
        publisher_end(publisher, one);
        let_go();
        UNTIL(n_final == 1);
        cr_expect_gt(seen.lost, 0);
        cr_expect_gt(seen.n_events, 0);
        cr_expect_eq(seen.n_events + seen.lost, 30000, "%u and %u", seen.n_events, (unsigned)seen.lost);
        stop();
        forget(one);
}

Test(publisher, subscribers_may_want_all_for_a_while) {
        struct registered *one;
        unsigned n_flushes;

        start();
        one = session(1, WIRE_MODE_RECORD, false);
        calls(one, SYS_getppid, 5);
        UNTIL(seen.n_rows == 1);
        cr_expect_eq(seen.n_events, 0);
        publisher_want_all(publisher, 1);
        n_flushes = seen.n_flushes;
        UNTIL(seen.n_flushes > n_flushes + 1);
        calls(one, SYS_getppid, 5);
        UNTIL(seen.n_events == 5);
        publisher_want_all(publisher, -1);
        n_flushes = seen.n_flushes;
        UNTIL(seen.n_flushes > n_flushes + 1);
        calls(one, SYS_getppid, 5);
        publisher_end(publisher, one);
        UNTIL(n_final == 1);
        cr_expect_eq(seen.n_events, 5);
        cr_expect_eq(seen.calls[1], 15);
        stop();
        forget(one);
}

Test(publisher, a_change_is_told) {
        struct registered *one;

        start();
        one = session(1, WIRE_MODE_RECORD, false);
        UNTIL(seen.n_begins == 1);
        cr_expect_str_eq(seen.profile, "");
        one->mode = WIRE_MODE_ENFORCE;
        one->profile = (char[]){ "strict.json" };
        publisher_change(publisher, one);
        UNTIL(seen.n_begins == 2);
        cr_expect_str_eq(seen.profile, "strict.json");
        cr_expect_eq(seen.mode, WIRE_MODE_ENFORCE);
        stop();
        forget(one);
}

/* Whether a call was refused depends on the mode that it was made in. */
Test(publisher, what_came_before_a_change_is_told_before_it) {
        struct registered *one;

        start();
        one = session(1, WIRE_MODE_RECORD, false);
        UNTIL(seen.n_begins == 1);
        hold();
        calls(one, SYS_getppid, 3);
        one->mode = WIRE_MODE_ENFORCE;
        publisher_change(publisher, one);
        let_go();
        UNTIL(seen.n_begins == 2 && seen.n_rows == 1);
        cr_expect_eq(seen.row_mode, WIRE_MODE_RECORD);
        cr_expect_eq(seen.calls[1], 3);
        stop();
        forget(one);
}

Test(publisher, who_comes_late_hears_of_all_sessions) {
        struct registered *all[5];

        start();
        for (unsigned i = 0; i < 5; i++)
                all[i] = session(i + 1, WIRE_MODE_RECORD, false);
        UNTIL(seen.n_begins == 5);
        publisher_detach(publisher, &seen.outlet);
        UNTIL(seen.n_closes == 1);
        publisher_attach(publisher, &seen.outlet);
        UNTIL(seen.n_begins == 10);
        stop();
        cr_expect_eq(seen.n_closes, 2);
        for (unsigned i = 0; i < 5; i++)
                forget(all[i]);
}

/* One session has more new rows than go into a tick; the others still get their turn at once. */
Test(publisher, a_flood_delays_nobody) {
        struct registered *flood, *quiet[SESSIONS_MAX - 1];
        unsigned n = SESSIONS_MAX - 1;

        start();
        flood = session(1, WIRE_MODE_RECORD, false);
        for (unsigned i = 0; i < n; i++)
                quiet[i] = session(i + 2, WIRE_MODE_RECORD, false);
        UNTIL(seen.n_begins == SESSIONS_MAX);
        hold();
        for (int i = 0; i < 16000; i++)
                calls(flood, 10000 + i, 1);
        for (unsigned i = 0; i < n; i++)
                calls(quiet[i], SYS_getppid, 3);
        let_go();
        UNTIL(seen.calls[1] == 16000);
        for (unsigned i = 0; i < n; i++)
                cr_expect_eq(seen.calls[i + 2], 3);
        cr_expect_leq(seen.flood, 200, "the others had to wait for %u of the flood", (unsigned)seen.flood);
        stop();
        forget(flood);
        for (unsigned i = 0; i < n; i++)
                forget(quiet[i]);
}

/* What a slow outlet leaves of a tick is for the next one, although nothing happens any more. */
Test(publisher, a_turn_that_was_too_short_is_gone_on_with) {
        struct registered *all[3];

        seen.slow = true;
        start();
        for (unsigned i = 0; i < 3; i++)
                all[i] = session(i + 1, WIRE_MODE_RECORD, false);
        UNTIL(seen.n_begins == 3);
        hold();
        for (unsigned i = 0; i < 3; i++)
                for (int k = 0; k < 200; k++)
                        calls(all[i], 10000 + k, 1);
        let_go();
        UNTIL(seen.n_rows == 600);
        for (unsigned i = 0; i < 3; i++)
                cr_expect_eq(seen.calls[i + 1], 200);
        stop();
        for (unsigned i = 0; i < 3; i++)
                forget(all[i]);
}

Test(publisher, many_end_at_once) {
        struct registered *all[SESSIONS_MAX];

        start();
        for (unsigned i = 0; i < SESSIONS_MAX; i++) {
                all[i] = session(i + 1, WIRE_MODE_RECORD, false);
                calls(all[i], SYS_getppid, i + 1);
                publisher_end(publisher, all[i]);
        }
        UNTIL(n_final == SESSIONS_MAX);
        for (unsigned i = 0; i < SESSIONS_MAX; i++)
                cr_expect_eq(seen.calls[i + 1], i + 1);
        stop();
        for (unsigned i = 0; i < SESSIONS_MAX; i++)
                forget(all[i]);
}

Test(publisher, outlets_of_the_configuration_come_and_go) {
        char folder[] = "/tmp/callgate-publisher.XXXXXX", path[2][64], name[32];
        struct config_outlet outlets[2] = { { .kind = CONFIG_OUTLET_FILE, .name = (char[]){ "one" } },
                                            { .kind = CONFIG_OUTLET_FILE, .name = (char[]){ "two" } } };
        struct outlet_counts counts;

        cr_assert_not_null(mkdtemp(folder));
        for (int i = 0; i < 2; i++) {
                snprintf(path[i], sizeof(path[i]), "%s/%d", folder, i);
                outlets[i].path = path[i];
        }
        config.outlets = outlets;
        config.n_outlets = 1;
        start();
        cr_assert(publisher_counts(publisher, 0, name, sizeof(name), &counts));
        cr_expect_str_eq(name, "one");
        cr_expect(counts.healthy);
        cr_expect_not(publisher_counts(publisher, 1, name, sizeof(name), &counts));
        cr_expect_eq(access(path[0], F_OK), 0, "it is made at the beginning");
        config.outlets = outlets + 1;
        cr_assert_eq(publisher_configure(publisher, &config), 0);
        UNTIL(publisher_counts(publisher, 0, name, sizeof(name), &counts) && strcmp(name, "two") == 0);
        UNTIL(seen.n_flushes > 0);
        cr_expect_eq(access(path[1], F_OK), 0);
        config.n_outlets = 0;
        cr_assert_eq(publisher_configure(publisher, &config), 0);
        UNTIL(!publisher_counts(publisher, 0, name, sizeof(name), &counts));
        stop();
        unlink(path[0]);
        unlink(path[1]);
        cr_expect_eq(rmdir(folder), 0);
}
