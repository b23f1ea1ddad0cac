/* SPDX-License-Identifier: Apache-2.0 */

/* A trace of a stranger, with and without a machine to read it for; the events go through learner and
 * printer. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "policy/import_strace.h"
#include "policy/learn.h"
#include "proto/event_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_event(void *data, const struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        struct buf text = BUF_INIT(0);

        if (event->count == 0 || !arch || strnlen(event->comm, sizeof(event->comm)) == sizeof(event->comm) ||
            strnlen(event->exe, sizeof(event->exe)) == sizeof(event->exe) ||
            strnlen(event->detail, sizeof(event->detail)) == sizeof(event->detail))
                abort();
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                if (event->args[i] && (event->flags & EVENT_UNKNOWN_ARG(i) ||
                                       (arch->bits == 32 && event->args[i] > UINT32_MAX)))
                        abort();
        event_text(&text, event);
        buf_deinit(&text);
        return learn_add(data, event);
}

static void run(int fd, const struct arch *arch) {
        struct learn_options options = { .args = true };
        struct import import;
        struct strace *strace;
        struct learn *learn;

        if (lseek(fd, 0, SEEK_SET) < 0 || learn_new(&options, &learn) < 0)
                abort();
        import = IMPORT_INIT(on_event, learn);
        import.arch = arch;
        if (strace_new(&import, &strace) < 0 || import_strace(strace, fd, "trace.77.txt") != 0)
                abort();
        if (import.n_events < import.n_records || import.n_calls < import.n_events)
                abort();
        strace_free(strace);
        learn_free(learn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        int fd = memfd_create("trace", MFD_CLOEXEC);

        if (fd < 0 || (size > 0 && fd_write_all(fd, data, size) < 0))
                abort();
        run(fd, NULL);
        run(fd, arch_by_any("s390x"));
        close(fd);
        return 0;
}
