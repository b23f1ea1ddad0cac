/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Events that an import gave out, kept for comparison. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"
#include "policy/import.h"
#include "syscalls/names.h"

struct taken {
        struct event *events;
        size_t n;
};

static inline int take_event(void *data, const struct event *event) {
        struct taken *taken = data;

        if ((taken->n & (taken->n - 1)) == 0) {
                taken->events = reallocarray(taken->events, taken->n ? taken->n * 2 : 1, sizeof(*event));
                cr_assert(taken->events);
        }
        taken->events[taken->n++] = *event;
        return 0;
}

static inline void taken_deinit(struct taken *taken) {
        free(taken->events);
}
#define cleanup_taken __attribute__((cleanup(taken_deinit)))

/* A file that holds text. */
static inline int file_of_text(const char *text, size_t n) {
        int fd = memfd_create("import", MFD_CLOEXEC);

        cr_assert(fd >= 0 && fd_write_all(fd, text, n) == 0 && lseek(fd, 0, SEEK_SET) == 0);
        return fd;
}

/* A file of the corpus of real logs; -1 where that is not there. */
static inline int corpus_open(const char *name) {
        const char *folder = getenv("CALLGATE_CORPUS");
        char path[4096];

        if (!folder)
                return -1;
        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return open(path, O_RDONLY | O_CLOEXEC);
}

/* "x86_64:openat(0xffffff9c,?,0x80000)": the registers up to the last known one. */
static inline void event_short(const struct event *event, struct buf *to) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        char label[32];
        const char *name = arch ? syscall_name(arch, event->nr) : NULL;
        unsigned n = 0;

        if (!name)
                name = syscall_label(event->arch, event->nr, label, sizeof(label));
        buf_printf(to, "%s:%s(", arch ? arch->name : "?", name);
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                if (!(event->flags & EVENT_UNKNOWN_ARG(i)))
                        n = i + 1;
        for (unsigned i = 0; i < n; i++) {
                buf_puts(to, i > 0 ? "," : "");
                if (event->flags & EVENT_UNKNOWN_ARG(i))
                        buf_putc(to, '?');
                else
                        buf_printf(to, "0x%" PRIx64, event->args[i]);
        }
        buf_putc(to, ')');
}
