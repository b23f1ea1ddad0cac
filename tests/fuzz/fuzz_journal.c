/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a successor reads of its predecessor: a journal, and in it the bytes that say what the session is.
 * The input is what to change in a new journal, since a whole one is megabytes of nothing: a byte of SIZE_*
 * and its pages, then parts (place, index, length, bytes).
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/journal.h"
#include "supervisor/service/adopt.h"

#define PAGE 4096u

enum size_flag {
        SIZE_OTHER = 1u << 0, /* as many pages as the second byte says, and its bits as bytes more */
        SIZE_OPEN = 1u << 1,  /* it could shrink */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
        const uint8_t *data;
        size_t size;
};

static size_t number(struct input *input, size_t n) {
        size_t value = 0;

        for (; n > 0 && input->size > 0; n--, input->data++, input->size--)
                value = value << 8 | *input->data;
        return value;
}

/* Where a part goes: both meta places, so that either can be the valid one. */
static size_t offset_of(const struct journal *journal, size_t place, size_t index) {
        const struct journal_header *header = journal->header;

        switch (place % 6) {
        case 0:
                return index % PAGE;
        case 1:
                return header->slots_offset + index % JOURNAL_SLOTS * sizeof(struct journal_slot);
        case 2:
                return (size_t)((const uint8_t *)journal->scratch - journal->bytes) + index % PAGE;
        case 3:
                return header->meta_offset[0] + index;
        case 4:
                return header->meta_offset[1] + index;
        default:
                return (size_t)((const uint8_t *)journal->rows - journal->bytes) +
                       index % TALLY_ROWS_MAX * sizeof(struct tally_row);
        }
}

static void write_parts(struct input *input, const struct journal *journal, int fd) {
        while (input->size > 0) {
                size_t place = number(input, 1), index = number(input, 2), n = number(input, 2);

                if (n > input->size)
                        n = input->size;
                /* Beyond the end of a small one: the seal says no. */
                if (pwrite(fd, input->data, n, (off_t)offset_of(journal, place, index)) < 0 && n > PAGE)
                        return;
                input->data += n;
                input->size -= n;
        }
}

static int memory_of(struct input *input) {
        struct journal *journal;
        size_t flags = number(input, 1), pages = flags & SIZE_OTHER ? number(input, 1) : 0;
        struct stat status;
        int fd = memfd_create("journal", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        if (fd < 0 || journal_new(true, &journal) < 0 || fstat(journal->fd, &status) < 0)
                abort();
        if (flags & SIZE_OTHER)
                status.st_size = (off_t)(pages * PAGE + (flags >> 2));
        if (ftruncate(fd, status.st_size) < 0 ||
            fcntl(fd, F_ADD_SEALS, flags & SIZE_OPEN ? F_SEAL_GROW : F_SEAL_SHRINK | F_SEAL_GROW) < 0)
                abort();
        if (status.st_size >= PAGE && pwrite(fd, journal->bytes, PAGE, 0) != PAGE)
                abort();
        write_parts(input, journal, fd);
        journal_free(journal);
        return fd;
}

/* The sum that everybody relies on who reads rows and ledger. */
static void check_rows(const struct journal *journal, enum journal_kept kept) {
        const struct journal_header *header = journal->header;
        uint64_t total = 0;

        if (header->n_rows > TALLY_ROWS_MAX || (kept != JOURNAL_WHOLE && header->n_rows > 0))
                abort();
        for (uint32_t i = 0; i < header->n_rows; i++)
                total += journal->rows[i].event.count;
        if (total != header->ledger.recorded)
                abort();
        if (kept == JOURNAL_LOST && header->ledger.dropped == 0)
                abort();
}

/* A session goes on: calls that were answered are settled, and there is room for more. */
static void go_on(struct journal *journal) {
        for (size_t i = 0; i < JOURNAL_SLOTS; i++) {
                struct journal_slot *slot = &journal->slots[i];

                if (atomic_load(&slot->state) > JOURNAL_GONE)
                        abort();
                if (atomic_load(&slot->state) == JOURNAL_ANSWERED && journal_prepared(journal, slot))
                        journal_settle(journal, slot, false);
        }
        if (journal_take_slot(journal) == journal_take_slot(journal))
                abort();
}

static void read_meta(const struct journal *journal) {
        struct adopted adopted;
        size_t n;
        const void *meta = journal_meta(journal, &n);
        void *copy = meta ? malloc(n) : NULL; /* so that reading past its end is noticed */

        if (!copy)
                return;
        memcpy(copy, meta, n);
        if (adopt_read_bytes(copy, n, &adopted) == 0) {
                if (!adopted.described || adopted.mode == 0 || adopted.number == 0)
                        abort();
                adopted_deinit(&adopted);
        }
        free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct input input = { data, size };
        struct stage stage = { 0 };
        struct journal *journal;
        enum journal_kept kept;

        if (journal_adopt(memory_of(&input), &journal, &kept) < 0)
                abort();
        check_rows(journal, kept);
        journal_give_stage(journal, &stage);
        if (stage.n_program > STAGE_PROGRAM_MAX)
                abort();
        read_meta(journal);
        go_on(journal);
        check_rows(journal, kept);
        if (journal_set_meta(journal, "", 1) < 0)
                abort();
        journal_free(journal);
        return 0;
}
