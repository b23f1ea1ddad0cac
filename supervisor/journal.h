/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What of a session survives its supervisor: the calls in flight, the ledger, the rows, and what the session
 * is. One shared memory (a memfd) per session, which a keeper holds as well (supervisor/service/keeper.h);
 * the kernel writes notifications straight into it. A session that nobody could take over anyway has the
 * same in private memory.
 *
 * What must stay true: whoever reads it after a kill at any instruction finds a state that was meant. So
 * every change becomes true by one store: a call's counts, its row and the end of its slot are written to
 * the redo record first, then redo_state says APPLY, then they are copied; a copy that was cut short is made
 * again. There is one writer at a time (the session's lock), but for the slots: each belongs to its call.
 *
 * The ledger here holds calls that are settled. A call in flight is in its slot and nowhere else; so it
 * cannot be counted twice.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "callgate/event.h"
#include "supervisor/kernel.h"
#include "supervisor/stage.h"
#include "supervisor/tally.h"

#define JOURNAL_SLOTS       264u /* calls in flight: WORKERS_MAX, those on their way, and some to spare */
#define JOURNAL_META_MAX    (8u * 1024 * 1024)
#define JOURNAL_INTERRUPTED 64

/* Where a call is. Numbers are kept for good: later versions read them. */
enum journal_state {
        JOURNAL_FREE = 0,
        JOURNAL_RECEIVING = 1,  /* the kernel may write into notif; received once id is not 0 */
        JOURNAL_PERFORMING = 2, /* being carried out for the task */
        JOURNAL_ANSWERING = 3,  /* the answer is on its way; redo holds how it is recorded */
        JOURNAL_ANSWERED = 4,   /* the kernel took it */
        JOURNAL_GONE = 5,       /* the kernel no longer wanted it */
};

enum journal_flag {
        JOURNAL_RESEND = 1u << 0,     /* ANSWERING: response is all there is to it, and can be sent again */
        JOURNAL_REPEATABLE = 1u << 1, /* PERFORMING: doing it twice is as good as once */
};

struct journal_slot {
        _Atomic uint32_t state;
        uint32_t flags;
        struct seccomp_notif_resp response;
        uint64_t sent; /* bytes of a stream that went already: what the call returns if it ends here */
        uint8_t spare[24];
        union kernel_notif notif;
        uint8_t spare_too[64];
};

/* The first page. What stands before `layout` is read by every later version. */
struct journal_header {
        char magic[16];
        uint32_t frozen_size, n_ledger;                          /* n_ledger: of u64, as in struct ledger */
        uint32_t slots_offset, slot_size, n_slots, notif_offset; /* notif_offset: in the slot */
        uint64_t size;
        uint64_t meta_offset[2];
        _Atomic uint64_t meta;      /* bytes << 1 | which of the two is valid */
        uint64_t first_id, last_id; /* of notifications received; consecutive */
        _Atomic uint32_t any_id;
        /* How the call being finished changes the rest: absolute values, copying twice is harmless. */
        _Atomic uint32_t redo_state; /* 1: is being copied */
        uint32_t redo_slot;          /* index + 1: ends */
        _Atomic uint32_t delivered;  /* 1: whoever waited for the result has it, or does not want it */
        struct ledger ledger, redo_ledger;

        uint64_t layout;                                      /* tells versions of the rest apart */
        uint32_t n_rows, redo_n_rows;                         /* redo: with a new one */
        uint32_t redo_row;                                    /* index + 1; 0: none */
        uint32_t redo_whole;                                  /* it gets the description in scratch */
        uint64_t redo_count, redo_last_ns;                    /* of the row */
        uint64_t stream_kept, stream_taken;                   /* occurrences: session_take_stream() */
        uint32_t stage_known, stage_at, stage_pid, n_program; /* supervisor/stage.h; program: in scratch */
        uint32_t interrupted_tids[JOURNAL_INTERRUPTED]; /* by tid modulo the size: its last answer was an
                                                         * EINTR that was meant; 0: none */
};

struct journal_scratch {
        struct event event;
        unsigned char program[STAGE_PROGRAM_MAX];
};

struct journal {
        struct journal_header *header;
        struct journal_slot *slots;
        struct journal_scratch *scratch;
        struct tally_row *rows;                   /* TALLY_ROWS_MAX */
        uint8_t *bytes;                           /* the mapping */
        int fd;                                   /* owned; -1: private memory */
        uint64_t busy[(JOURNAL_SLOTS + 63) / 64]; /* slots given out */
};

struct journal_record {
        const struct tally_row *row;
        uint64_t count, last_ns;
        bool whole;
        struct ledger ledger;
};

/* shared: it can be handed to a successor (fd). 0 or -errno. */
int journal_new(bool shared, struct journal **ret);
struct journal *journal_free(struct journal *journal);

/* What a predecessor's journal was good for. */
enum journal_kept {
        JOURNAL_WHOLE,  /* it is used further */
        JOURNAL_FROZEN, /* of another version, or its rows are not to be believed: ledger, calls in flight
                         * and meta were taken over into a new one; calls recorded so far count as dropped */
        JOURNAL_LOST,   /* nothing could be believed: a new one, with a ledger that is not whole */
};

/* Eats fd. *ret is whole and consistent in any case; whatever fd holds. 0 or -errno. */
int journal_adopt(int fd, struct journal **ret, enum journal_kept *ret_kept);

/* Bytes that say what the session is; those given before stay valid until these are. 0, -E2BIG. */
int journal_set_meta(struct journal *journal, const void *bytes, size_t n);
/* NULL: none. */
const void *journal_meta(const struct journal *journal, size_t *ret_n);

/* ---- calls; under the session's lock, but for journal_turn() of a slot's owner ---- */

/* A slot that is not in use; there is one. The caller's until it is settled. */
struct journal_slot *journal_take_slot(struct journal *journal);

/* All that was written before is there when the state is, and nothing that is written after. A kill stops us
 * between two instructions, so only the compiler must be held to the order. */
static inline void journal_turn(struct journal_slot *slot, enum journal_state state) {
        atomic_signal_fence(memory_order_seq_cst);
        atomic_store_explicit(&slot->state, state, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
}

/* Before the answer is sent: what recording the call will change. row: NULL, or its row with count and
 * last_ns as they will be; whole: its description is in scratch. ledger: but for answered and gone. */
void journal_prepare(struct journal *journal, const struct journal_slot *slot,
                     const struct journal_record *record);
/* All of that becomes true at once, and the slot is free. */
void journal_settle(struct journal *journal, struct journal_slot *slot, bool gone);
/* Does what was prepared belong to this slot? */
bool journal_prepared(const struct journal *journal, const struct journal_slot *slot);

/* Nobody will come for the result any more, not even to a successor. */
void journal_deliver(struct journal *journal);
bool journal_delivered(const struct journal *journal);

/* Whose calls are a container runtime's: written when it changed, and read by a successor. */
void journal_keep_stage(struct journal *journal, const struct stage *stage);
void journal_give_stage(const struct journal *journal, struct stage *stage);
