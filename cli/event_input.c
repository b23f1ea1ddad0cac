/* SPDX-License-Identifier: Apache-2.0 */

/* Event files as the verbs take them from the command line. */

#include "cli/event_input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "cli/exit.h"
#include "cli/say.h"
#include "proto/event_file.h"

void event_input_deinit(struct event_input *input) {
        input->kept_fd = fd_close(input->kept_fd);
}

/* Standard input in a file without a name, on disk where there is one: it may be large. */
static int keep(struct event_input *input) {
        const char *folder = getenv("TMPDIR");
        char bytes[65536];
        cleanup_fd int fd = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        ssize_t n;
        int r;

        if (fd < 0)
                fd = memfd_create("callgate-events", MFD_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno);
        while ((n = read(STDIN_FILENO, bytes, sizeof(bytes))) != 0) {
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_origin(-errno);
                r = fd_write_all(fd, bytes, (size_t)n);
                if (r)
                        return error_trace(r);
        }
        input->kept_fd = fd_take(&fd);
        return 0;
}

static int open_input(struct event_input *input, const char *path) {
        int fd, r;

        if (strcmp(path, "-") != 0) {
                fd = open(path, O_RDONLY | O_CLOEXEC);
                return fd < 0 ? -errno : fd;
        }
        if (!input->again) {
                fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
                return fd < 0 ? -errno : fd;
        }
        r = input->kept_fd < 0 ? keep(input) : 0;
        if (r)
                return r;
        if (lseek(input->kept_fd, 0, SEEK_SET) < 0)
                return -errno;
        fd = fcntl(input->kept_fd, F_DUPFD_CLOEXEC, 0);
        return fd < 0 ? -errno : fd;
}

static void add_ledger(struct ledger *to, const struct ledger *from) {
        to->received += from->received;
        to->answered += from->answered;
        to->gone += from->gone;
        to->pending += from->pending;
        to->recorded += from->recorded;
        to->dropped += from->dropped;
        to->interrupted += from->interrupted;
        to->errors += from->errors;
        to->written += from->written;
        to->unwritten += from->unwritten;
        to->merged += from->merged;
}

/* How a file ended, in words. 0 when it can be used, or the exit code. */
static int ended(struct event_input *input, const char *name, struct event_file *file, int r) {
        switch (r) {
        case EVENT_FILE_E_END:
                add_ledger(&input->ledger, event_file_ledger(file));
                if (event_file_ledger(file)->dropped > 0 || event_file_ledger(file)->unwritten > 0) {
                        say("warning: %s: the recording has a hole: %" PRIu64 " calls are missing", name,
                            event_file_ledger(file)->dropped + event_file_ledger(file)->unwritten);
                        input->incomplete = true;
                }
                return 0;
        case EVENT_FILE_E_TRUNCATED:
                say("warning: %s: cut short%s: its writer was killed or is still writing", name,
                    file ? "" : " before its header was whole");
                input->incomplete = true;
                return 0;
        case EVENT_FILE_E_VERSION:
                say_error("%s: written by a later version of callgate; read it with that one", name);
                return EXIT_USAGE;
        case EVENT_FILE_E_INVALID:
                if (file)
                        say_error("%s: broken at byte %" PRIu64, name, event_file_offset(file));
                else
                        say_error("%s: not an event file; give one that was written by --events or "
                                  "callgate import",
                                  name);
                return EXIT_USAGE;
        case -EISDIR:
                say_error("%s: is a directory; give an event file", name);
                return EXIT_USAGE;
        default:
                return say_trouble(r, name);
        }
}

static int each_of(struct event_input *input, const char *path,
                   int (*on_event)(void *data, const struct event *event), void *data) {
        const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
        struct event_file *file = NULL;
        struct event event;
        int fd = open_input(input, path), r, failed = 0;

        if (fd < 0) {
                say_error("%s: cannot be opened: %s", name, strerror(-fd));
                return EXIT_USAGE;
        }
        r = event_file_open(fd, &file);
        while (!r && !failed) {
                r = event_file_next(file, &event);
                if (!r) {
                        input->n_events++;
                        failed = on_event(data, &event);
                }
        }
        r = failed ? say_trouble(failed, name) : ended(input, name, file, r);
        event_file_close(file);
        return r;
}

int event_input_each(struct event_input *input, const char *verb,
                     int (*on_event)(void *data, const struct event *event), void *data) {
        size_t n_stdin = 0;
        int r = 0;

        for (size_t i = 0; i < input->n; i++)
                n_stdin += strcmp(input->paths[i], "-") == 0;
        if (n_stdin > 1)
                return say_usage(verb, "standard input ('-') can be read only once");
        if (input->n == 0 && isatty(STDIN_FILENO))
                return say_usage(verb, "give event files, or events on standard input");
        input->ledger = (struct ledger){ 0 };
        input->n_events = 0;
        input->incomplete = false;
        if (input->n == 0)
                return each_of(input, "-", on_event, data);
        for (size_t i = 0; i < input->n && !r; i++)
                r = each_of(input, input->paths[i], on_event, data);
        return r;
}
