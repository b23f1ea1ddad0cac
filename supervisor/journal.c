/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Layout: header and the first slots share a page, so that an idle session costs one; then the other slots,
 * scratch, twice the meta, the rows. All but the first page is there only once it is written to.
 *
 * What is read of a predecessor's journal is checked before it is used: it may be of another version, or
 * have been written to by something that went wrong.
 */

#include "supervisor/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

#define MAGIC        "callgate-journal"
#define VERSION      1u
#define PAGE         4096u
#define SLOTS_OFFSET 1024u
#define SCRATCH_OFFSET                                                                                      \
        ((SLOTS_OFFSET + JOURNAL_SLOTS * sizeof(struct journal_slot) + PAGE - 1) / PAGE * PAGE)
#define META_OFFSET   (SCRATCH_OFFSET + PAGE)
#define ROWS_OFFSET   (META_OFFSET + 2 * (size_t)JOURNAL_META_MAX)
#define SIZE          (ROWS_OFFSET + TALLY_ROWS_MAX * sizeof(struct tally_row))
#define SIZE_MAX_READ ((size_t)1 << 30) /* of another version */
#define N_LEDGER      (sizeof(struct ledger) / sizeof(uint64_t))

static_assert(sizeof(struct journal_slot) == 256, "slots are frozen");
static_assert(offsetof(struct journal_slot, notif) == 64, "slots are frozen");
static_assert(sizeof(struct journal_header) <= SLOTS_OFFSET, "the header is in front of the slots");
static_assert(sizeof(struct journal_scratch) <= PAGE, "scratch is a page");

static uint64_t layout(void) {
        return (((uint64_t)VERSION << 16 | sizeof(struct event)) << 16 | sizeof(struct tally_row)) << 16 |
               sizeof(struct journal_header);
}

/* ---- memory ---- */

static void place(struct journal *journal) {
        journal->header = (struct journal_header *)(void *)journal->bytes;
        journal->slots = (struct journal_slot *)(void *)(journal->bytes + SLOTS_OFFSET);
        journal->scratch = (struct journal_scratch *)(void *)(journal->bytes + SCRATCH_OFFSET);
        journal->rows = (struct tally_row *)(void *)(journal->bytes + ROWS_OFFSET);
}

static int shared_memory(void) {
        int fd = memfd_create("callgate-journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0)
                return -errno;
        /* Nobody who holds it can make us fault. */
        if (ftruncate(fd, (off_t)SIZE) < 0 ||
            fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
                int r = -errno;

                fd_close(fd);
                return r;
        }
        return fd;
}

static int map(struct journal *journal, int fd) {
        int flags = fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS;
        void *bytes = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, fd, 0);

        if (bytes == MAP_FAILED)
                return error_origin(-errno);
        journal->bytes = bytes;
        journal->fd = fd;
        place(journal);
        return 0;
}

static void begin(struct journal_header *header) {
        memcpy(header->magic, MAGIC, sizeof(header->magic));
        header->frozen_size = offsetof(struct journal_header, layout);
        header->n_ledger = N_LEDGER;
        header->slots_offset = SLOTS_OFFSET;
        header->slot_size = sizeof(struct journal_slot);
        header->n_slots = JOURNAL_SLOTS;
        header->notif_offset = offsetof(struct journal_slot, notif);
        header->size = SIZE;
        header->meta_offset[0] = META_OFFSET;
        header->meta_offset[1] = META_OFFSET + JOURNAL_META_MAX;
        header->layout = layout();
}

int journal_new(bool shared, struct journal **ret) {
        struct journal *journal = calloc(1, sizeof(*journal));
        int fd, r;

        if (!journal)
                return error_origin(-ENOMEM);
        fd = shared ? shared_memory() : -1;
        /* Without it the session works as well, only nobody can take it over. */
        r = map(journal, fd < 0 ? -1 : fd);
        if (r) {
                fd_close(fd);
                free(journal);
                return error_trace(r);
        }
        begin(journal->header);
        *ret = journal;
        return 0;
}

struct journal *journal_free(struct journal *journal) {
        if (!journal)
                return NULL;
        munmap(journal->bytes, SIZE);
        fd_close(journal->fd);
        free(journal);
        return NULL;
}

/* ---- changes ---- */

struct journal_slot *journal_take_slot(struct journal *journal) {
        size_t word = 0, bit;

        while (word < sizeof(journal->busy) / sizeof(journal->busy[0]) - 1 &&
               journal->busy[word] == UINT64_MAX)
                word++;
        bit = (size_t)__builtin_ctzll(~journal->busy[word]);
        assert(word * 64 + bit < JOURNAL_SLOTS);
        journal->busy[word] |= UINT64_C(1) << bit;
        return &journal->slots[word * 64 + bit];
}

static void turn(_Atomic uint32_t *state, uint32_t to) {
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(state, to, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
}

void journal_prepare(struct journal *journal, const struct journal_slot *slot,
                     const struct journal_record *record) {
        struct journal_header *header = journal->header;
        uint32_t row = record->row ? (uint32_t)(record->row - journal->rows) + 1 : 0;

        /* May be called again while the answer is on its way: nothing is written that does not stay. */
        header->redo_slot = (uint32_t)(slot - journal->slots) + 1;
        header->redo_row = row;
        header->redo_n_rows = row > header->n_rows ? row : header->n_rows;
        header->redo_whole = record->whole;
        header->redo_count = record->count;
        header->redo_last_ns = record->last_ns;
        header->redo_ledger = record->ledger;
}

bool journal_prepared(const struct journal *journal, const struct journal_slot *slot) {
        return journal->header->redo_slot == (uint32_t)(slot - journal->slots) + 1;
}

/* Again after a kill in the middle: everything here is a copy. */
static void copy_redo(struct journal *journal) {
        struct journal_header *header = journal->header;
        uint32_t slot = header->redo_slot - 1;

        header->ledger = header->redo_ledger;
        if (header->redo_row > 0) {
                struct event *event = &journal->rows[header->redo_row - 1].event;

                if (header->redo_whole)
                        *event = journal->scratch->event;
                event->count = header->redo_count;
                event->last_ns = header->redo_last_ns;
        }
        header->n_rows = header->redo_n_rows;
        journal_turn(&journal->slots[slot], JOURNAL_FREE);
        turn(&header->redo_state, 0);
        journal->busy[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

void journal_settle(struct journal *journal, struct journal_slot *slot, bool gone) {
        struct journal_header *header = journal->header;

        assert(journal_prepared(journal, slot));
        header->redo_ledger.answered = header->ledger.answered + !gone;
        header->redo_ledger.gone = header->ledger.gone + gone;
        turn(&header->redo_state, 1);
        copy_redo(journal);
}

void journal_deliver(struct journal *journal) {
        turn(&journal->header->delivered, 1);
}

bool journal_delivered(const struct journal *journal) {
        return atomic_load(&journal->header->delivered) != 0;
}

void journal_keep_stage(struct journal *journal, const struct stage *stage) {
        struct journal_header *header = journal->header;

        if (header->stage_known && header->stage_at == (uint32_t)stage->at)
                return;
        /* Over is over; before that, what a successor finds must belong together. */
        header->stage_known = 0;
        atomic_signal_fence(memory_order_seq_cst);
        memcpy(journal->scratch->program, stage->program, sizeof(stage->program));
        header->n_program = (uint32_t)stage->n_program;
        header->stage_pid = stage->pid;
        header->stage_at = stage->at;
        atomic_signal_fence(memory_order_seq_cst);
        header->stage_known = 1;
}

void journal_give_stage(const struct journal *journal, struct stage *stage) {
        const struct journal_header *header = journal->header;

        if (!header->stage_known || header->stage_at > STAGE_RUNTIME)
                return;
        stage->at = header->stage_at;
        stage->pid = header->stage_pid;
        stage->n_program = header->n_program;
        memcpy(stage->program, journal->scratch->program, sizeof(stage->program));
        stage->begun = true;
}

int journal_set_meta(struct journal *journal, const void *bytes, size_t n) {
        struct journal_header *header = journal->header;
        uint64_t which = ~atomic_load(&header->meta) & 1;

        if (n > JOURNAL_META_MAX)
                return error_origin(-E2BIG);
        memcpy(journal->bytes + header->meta_offset[which], bytes, n);
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store(&header->meta, (uint64_t)n << 1 | which);
        return 0;
}

const void *journal_meta(const struct journal *journal, size_t *ret_n) {
        uint64_t meta = atomic_load(&journal->header->meta);

        *ret_n = (size_t)(meta >> 1);
        return *ret_n > 0 ? journal->bytes + journal->header->meta_offset[meta & 1] : NULL;
}

/* ---- taking over ---- */

#define ENDS(text) (memchr((text), 0, sizeof(text)) != NULL)

static bool row_is_well(const struct tally_row *row) {
        const struct event *event = &row->event;

        return event->count > 0 && row->taken <= event->count && event->answer <= EVENT_ANSWER_KILL &&
               ENDS(row->key.rule) && ENDS(event->comm) && ENDS(event->exe) && ENDS(event->detail) &&
               ENDS(event->object) && ENDS(event->rule);
}

/* Every settled call is recorded in one row, or was dropped. */
static bool rows_are_well(const struct journal *journal) {
        const struct journal_header *header = journal->header;
        uint64_t total = 0;

        if (header->n_rows > TALLY_ROWS_MAX || header->n_program > STAGE_PROGRAM_MAX)
                return false;
        for (uint32_t i = 0; i < header->n_rows; i++) {
                if (!row_is_well(&journal->rows[i]))
                        return false;
                total += journal->rows[i].event.count;
        }
        return total == header->ledger.recorded && header->ledger.recorded + header->ledger.dropped ==
                                                           header->ledger.answered + header->ledger.gone;
}

/* Row, and how many there are, as they will be. */
static bool redo_row_is_well(const struct journal *journal) {
        const struct journal_header *header = journal->header;
        struct tally_row row;

        if (header->redo_slot == 0 || header->redo_slot > JOURNAL_SLOTS ||
            header->redo_n_rows > TALLY_ROWS_MAX || header->n_rows > header->redo_n_rows ||
            header->redo_row > header->n_rows + 1)
                return false;
        /* The only one that can be new is the call's own. */
        if (header->redo_n_rows != (header->redo_row > header->n_rows ? header->redo_row : header->n_rows))
                return false;
        if (header->redo_row == 0)
                return true;
        row = journal->rows[header->redo_row - 1];
        if (header->redo_whole)
                row.event = journal->scratch->event;
        row.event.count = header->redo_count;
        return row_is_well(&row);
}

/* One call more than is recorded now, in its row or dropped: after settling it all adds up as before. Of one
 * that is being settled the sums are looked at afterwards, in rows_are_well(). */
static bool redo_counts_one(const struct journal *journal) {
        const struct journal_header *header = journal->header;
        const struct ledger *now = &header->ledger, *then = &header->redo_ledger;
        bool recorded = header->redo_row > 0;
        uint64_t count = recorded && header->redo_row <= header->n_rows
                                 ? journal->rows[header->redo_row - 1].event.count
                                 : 0;

        return then->recorded == now->recorded + recorded && then->dropped == now->dropped + !recorded &&
               (!recorded || header->redo_count == count + 1);
}

static bool is_ours(const struct journal_header *header, size_t size) {
        struct journal_header expected = { 0 };

        begin(&expected);
        return size == SIZE && memcmp(header, &expected, offsetof(struct journal_header, meta)) == 0 &&
               header->layout == expected.layout && atomic_load(&header->meta) >> 1 <= JOURNAL_META_MAX;
}

/* Slots that a call is in are in use; the others are free, whatever stands there. */
static void sort_slots(struct journal *journal) {
        for (size_t i = 0; i < JOURNAL_SLOTS; i++) {
                struct journal_slot *slot = &journal->slots[i];
                uint32_t state = atomic_load(&slot->state);

                if (state == JOURNAL_FREE)
                        continue;
                if (slot->notif.notif.id == 0)
                        journal_turn(slot, JOURNAL_FREE);
                else
                        journal->busy[i / 64] |= UINT64_C(1) << i % 64;
                if (state > JOURNAL_GONE)
                        journal_turn(slot, JOURNAL_PERFORMING);
        }
}

/* For a session that goes on: one call on its way, and the next. */
static bool has_room(const struct journal *journal) {
        size_t n = 0;

        for (size_t i = 0; i < JOURNAL_SLOTS; i++)
                n += atomic_load(&journal->slots[i].state) != JOURNAL_FREE &&
                     journal->slots[i].notif.notif.id != 0;
        return n <= JOURNAL_SLOTS - 2;
}

static bool take_whole(struct journal *journal) {
        struct journal_header *header = journal->header;

        if (atomic_load(&header->redo_state)) {
                if (!redo_row_is_well(journal))
                        return false;
                copy_redo(journal);
        } else if (!redo_row_is_well(journal) || !redo_counts_one(journal))
                header->redo_slot = 0; /* half prepared, or of a call that is settled, or never */
        return rows_are_well(journal) && has_room(journal);
}

/* A predecessor's bytes, of any version. */
struct predecessor {
        const uint8_t *bytes;
        size_t size;
        const struct journal_header *header;
};

static bool frozen_is_well(const struct predecessor *from) {
        const struct journal_header *header = from->header;

        return from->size >= PAGE && memcmp(header->magic, MAGIC, sizeof(header->magic)) == 0 &&
               header->n_ledger >= N_LEDGER &&
               header->frozen_size >= offsetof(struct journal_header, layout) &&
               header->slot_size >= sizeof(struct journal_slot) && header->slot_size <= PAGE &&
               header->slot_size % sizeof(uint64_t) == 0 && header->slots_offset % sizeof(uint64_t) == 0 &&
               header->notif_offset == offsetof(struct journal_slot, notif) && header->n_slots <= PAGE &&
               header->slots_offset + (uint64_t)header->n_slots * header->slot_size <= from->size;
}

static void take_ledger(struct journal_header *to, const struct journal_header *from) {
        to->ledger = atomic_load(&from->redo_state) ? from->redo_ledger : from->ledger;
        /* Their rows are gone. */
        to->ledger.recorded = 0;
        to->ledger.dropped = to->ledger.answered + to->ledger.gone;
        to->first_id = from->first_id;
        to->last_id = from->last_id;
        atomic_store(&to->any_id, atomic_load(&from->any_id) != 0);
        atomic_store(&to->delivered, atomic_load(&from->delivered) != 0);
}

static void take_slots(struct journal *to, const struct predecessor *from) {
        const uint8_t *at = from->bytes + from->header->slots_offset;
        uint32_t settled = atomic_load(&from->header->redo_state) ? from->header->redo_slot : 0;

        for (size_t i = 0, n = 0; i < from->header->n_slots && n < JOURNAL_SLOTS - 2; i++) {
                const struct journal_slot *slot =
                        (const struct journal_slot *)(const void *)(at + i * from->header->slot_size);

                if (atomic_load(&slot->state) == JOURNAL_FREE || slot->notif.notif.id == 0 ||
                    i + 1 == settled)
                        continue;
                memcpy(&to->slots[n], slot, sizeof(*slot));
                to->slots[n].notif.notif = slot->notif.notif;
                n++;
        }
}

static void take_meta(struct journal *to, const struct predecessor *from) {
        uint64_t meta = atomic_load(&from->header->meta), n = meta >> 1,
                 offset = from->header->meta_offset[meta & 1];

        if (n <= JOURNAL_META_MAX && offset <= from->size && n <= from->size - offset)
                journal_set_meta(to, from->bytes + offset, (size_t)n);
}

/* One call, at least, was recorded and is lost: nobody may take what follows for all. */
static void mark_lost(struct journal_header *header) {
        header->ledger.gone = header->ledger.dropped = 1;
}

static enum journal_kept take_frozen(struct journal *journal, int fd, size_t size) {
        struct predecessor from = { .size = size };
        enum journal_kept kept = JOURNAL_LOST;
        void *bytes = size >= PAGE && size <= SIZE_MAX_READ ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0)
                                                            : MAP_FAILED;

        if (bytes != MAP_FAILED) {
                from.bytes = bytes;
                from.header = bytes;
                if (frozen_is_well(&from)) {
                        take_ledger(journal->header, from.header);
                        take_slots(journal, &from);
                        take_meta(journal, &from);
                        kept = JOURNAL_FROZEN;
                }
                munmap(bytes, size);
        }
        if (kept == JOURNAL_LOST)
                mark_lost(journal->header);
        return kept;
}

/* Its size, once it can no longer shrink under us; 0: it could. */
static size_t sealed_size(int fd) {
        struct stat status;
        int seals = fcntl(fd, F_GET_SEALS);

        if (seals < 0 || !(seals & F_SEAL_SHRINK) || fstat(fd, &status) < 0 || status.st_size < 0)
                return 0;
        return (size_t)status.st_size;
}

int journal_adopt(int fd, struct journal **ret, enum journal_kept *ret_kept) {
        size_t size = fd < 0 ? 0 : sealed_size(fd);
        struct journal *journal;
        int r;

        if (size == SIZE) {
                journal = calloc(1, sizeof(*journal));
                r = journal ? map(journal, fd) : error_origin(-ENOMEM);
                if (r) {
                        fd_close(fd);
                        free(journal);
                        return error_trace(r);
                }
                if (is_ours(journal->header, size) && take_whole(journal)) {
                        sort_slots(journal);
                        *ret = journal;
                        *ret_kept = JOURNAL_WHOLE;
                        return 0;
                }
                journal->fd = -1;
                journal_free(journal);
        }
        r = journal_new(true, &journal);
        if (!r) {
                *ret_kept = take_frozen(journal, fd, size);
                sort_slots(journal);
                *ret = journal;
        }
        fd_close(fd);
        return error_trace(r);
}
