/* SPDX-License-Identifier: Apache-2.0 */

/* A log of a stranger, read for seccomp records; the events go through learner and printer. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/import_audit.h"
#include "policy/learn.h"
#include "proto/event_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(void *data, const struct event *event) {
        struct buf text = BUF_INIT(0);

        if (event->count != 1 || strnlen(event->comm, sizeof(event->comm)) == sizeof(event->comm) ||
            strnlen(event->exe, sizeof(event->exe)) == sizeof(event->exe))
                abort();
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                if (!(event->flags & EVENT_UNKNOWN_ARG(i)) || event->args[i])
                        abort(); /* such a record has no arguments */
        event_text(&text, event);
        buf_deinit(&text);
        return learn_add(data, event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct learn_options options = { .args = true };
        struct import import;
        struct learn *learn;
        int fd = memfd_create("log", MFD_CLOEXEC);

        if (fd < 0 || (size > 0 && fd_write_all(fd, data, size) < 0) || lseek(fd, 0, SEEK_SET) < 0)
                abort();
        if (learn_new(&options, &learn) < 0)
                abort();
        import = IMPORT_INIT(on_event, learn);
        if (import_audit(&import, fd, "log") != 0)
                abort();
        if (import.n_records + import.n_other + import.n_skipped != import.n_lines ||
            import.n_events < import.n_records)
                abort();
        close(fd);
        learn_free(learn);
        return 0;
}
