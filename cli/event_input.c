/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Event files as the verbs take them from the command line. Of a folder every event file is read, below it
 * as well, in the order of names, the older ones of a rotation (NAME.2, NAME.1) before NAME.
 */

#include "cli/event_input.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "cli/exit.h"
#include "cli/say.h"
#include "proto/event_file.h"

#define PROGRESS_NS UINT64_C(1000000000) /* how often it is told on a terminal: 1 s */

void event_input_deinit(struct event_input *input) {
        input->kept_fd = fd_close(input->kept_fd);
        labels_deinit(&input->want);
}

/* ---- which sessions ---- */

static int set_label(struct event_input *input, const char *verb, const char *value) {
        const char *sign = strchr(value, '=');
        char name[LABEL_NAME_MAX + 1];

        if (!sign || sign == value || sign - value > LABEL_NAME_MAX)
                return say_usage(verb, "--label %s: write NAME=VALUE", value);
        memcpy(name, value, (size_t)(sign - value));
        name[sign - value] = 0;
        return labels_set(&input->want, name, sign + 1) ? say_trouble(-ENOMEM, verb) : 0;
}

bool event_input_option(struct event_input *input, const char *verb, int option, const char *value,
                        int *ret_code) {
        static const char *const names[] = { "node", "namespace", "pod", "container", "image", "unit" };
        char *end;

        *ret_code = 0;
        switch (option) {
        case EVENT_INPUT_NODE:
        case EVENT_INPUT_NAMESPACE:
        case EVENT_INPUT_POD:
        case EVENT_INPUT_CONTAINER:
        case EVENT_INPUT_IMAGE:
        case EVENT_INPUT_UNIT:
                if (labels_set(&input->want, names[option - EVENT_INPUT_NODE], value))
                        *ret_code = say_trouble(-ENOMEM, verb);
                return true;
        case EVENT_INPUT_LABEL:
                *ret_code = set_label(input, verb, value);
                return true;
        case EVENT_INPUT_SESSION:
                input->session = strtoull(value, &end, 10);
                if (*end || end == value || input->session == 0)
                        *ret_code = say_usage(verb, "--session %s: not the number of a session", value);
                return true;
        default:
                return false;
        }
}

static bool wanted(const struct event_input *input, const struct event_source *source, uint64_t number) {
        if (input->session > 0 && input->session != number)
                return false;
        return input->want.n == 0 || (source && labels_match(&source->labels, &input->want));
}

static void on_source(void *data, const struct event_source *source, const struct ledger *ledger) {
        struct event_input *input = data;

        if (input->on_source && wanted(input, source, source->number))
                input->on_source(input->data, source, ledger);
}

/* ---- progress ---- */

static void progress(struct event_input *input) {
        struct timespec now;
        uint64_t now_ns;

        if (!isatty(STDERR_FILENO) || isatty(STDOUT_FILENO))
                return;
        clock_gettime(CLOCK_MONOTONIC, &now);
        now_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
        if (input->said_ns == 0)
                input->said_ns = now_ns;
        if (now_ns - input->said_ns < PROGRESS_NS)
                return;
        input->said_ns = now_ns;
        input->said = true;
        fprintf(stderr, "\r%" PRIu64 " files, %" PRIu64 " rows", input->n_files, input->n_events);
}

static void progress_end(struct event_input *input) {
        if (input->said)
                fputs("\r\033[K", stderr);
        input->said = false;
}

/* ---- files ---- */

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

/* What cannot be used as it is: the exit code, or 0 where that is tolerated. */
static int broken(struct event_input *input, int code) {
        input->incomplete = true;
        if (!input->tolerant && input->go_on)
                input->worst = code;
        return input->tolerant || input->go_on ? 0 : code;
}

/* It ends before its ledger. */
static void cut(struct event_input *input, const char *name, const struct event_file *file, bool claimed) {
        if (claimed) {
                say("%s: still being written; read as far as it goes, its ledger is missing", name);
                input->unfinished = true;
                return;
        }
        if (file)
                say("warning: %s: cut short at byte %" PRIu64 ": its writer was killed", name,
                    event_file_offset(file));
        else
                say("warning: %s: empty or cut short before its header was whole", name);
        input->incomplete = true;
}

/* How a file ended, in words. 0 when it can be used, or the exit code. claimed: somebody is writing to it.
 */
static int ended(struct event_input *input, const char *name, struct event_file *file, int r, bool claimed) {
        progress_end(input);
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
                cut(input, name, file, claimed);
                return 0;
        case EVENT_FILE_E_VERSION:
                say_error("%s: written by a later version of callgate; read it with that one", name);
                return broken(input, EXIT_USAGE);
        case EVENT_FILE_E_INVALID:
                if (file)
                        say_error("%s: broken at byte %" PRIu64 "; what stands before it was read", name,
                                  event_file_offset(file));
                else
                        say_error("%s: not an event file; give one that was written by --events, a service "
                                  "or callgate import",
                                  name);
                return broken(input, EXIT_USAGE);
        default:
                return say_trouble(r, name);
        }
}

static int hand_on(struct event_input *input, struct event_file *file, const struct event *event,
                   int (*on_event)(void *data, const struct event *event)) {
        input->source = event->source > 0 ? event_file_source(file, event->source) : NULL;
        if (!wanted(input, input->source, event->source)) {
                input->n_filtered++;
                return 0;
        }
        input->n_events++;
        if (input->n_events % 4096 == 0)
                progress(input);
        return on_event(input->data, event);
}

/* foreign: a file in a folder need not be one of ours. */
static int each_of(struct event_input *input, const char *path, bool foreign,
                   int (*on_event)(void *data, const struct event *event)) {
        const char *name = strcmp(path, "-") == 0 && !foreign ? "standard input" : path;
        struct event_file *file = NULL;
        struct event event;
        int fd = open_input(input, path), r, failed = 0;
        bool claimed;

        if (fd < 0) {
                progress_end(input);
                say_error("%s: cannot be opened: %s", name, strerror(-fd));
                return foreign ? broken(input, EXIT_USAGE) : EXIT_USAGE;
        }
        claimed = event_file_is_claimed(fd);
        r = event_file_open(fd, &file);
        if (foreign && (r == EVENT_FILE_E_INVALID || r == EVENT_FILE_E_TRUNCATED)) {
                input->n_foreign++;
                return 0;
        }
        if (!r)
                event_file_watch(file, on_source, input);
        while (!r && !failed) {
                r = event_file_next(file, &event);
                if (!r)
                        failed = hand_on(input, file, &event, on_event);
        }
        if (file && event_file_sources_forgotten(file) > 0)
                say("warning: %s: too many sessions at once; the labels of %" PRIu64 " of them are unknown",
                    name, event_file_sources_forgotten(file));
        input->n_files++;
        progress(input);
        r = failed < 0   ? say_trouble(failed, name)
            : failed > 0 ? failed
                         : ended(input, name, file, r, claimed || (file && event_file_is_claimed(fd)));
        event_file_close(file);
        input->source = NULL;
        return r;
}

/* ---- folders ---- */

/* "a.events.12": the length of what stands before the dot, and 12. */
static size_t split_number(const char *name, unsigned long *ret_number) {
        const char *dot = strrchr(name, '.');
        char *end = NULL;

        *ret_number = dot && dot[1] >= '0' && dot[1] <= '9' ? strtoul(dot + 1, &end, 10) : 0;
        return end && !*end ? (size_t)(dot - name) : strlen(name);
}

static int compare_names(const FTSENT **one, const FTSENT **other) {
        unsigned long number, other_number;
        size_t n = split_number((*one)->fts_name, &number);
        size_t n_other = split_number((*other)->fts_name, &other_number);
        int order = strncmp((*one)->fts_name, (*other)->fts_name, n < n_other ? n : n_other);

        if (order != 0 || n != n_other)
                return order ? order : n < n_other ? -1 : 1;
        return number > other_number ? -1 : number < other_number;
}

static int each_below(struct event_input *input, char *folder,
                      int (*on_event)(void *data, const struct event *event)) {
        char *roots[] = { folder, NULL };
        FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, compare_names);
        uint64_t n_before = input->n_files;
        FTSENT *entry;
        int r = 0;

        if (!walk)
                return say_trouble(-errno, folder);
        while (!r && (entry = fts_read(walk))) {
                switch (entry->fts_info) {
                case FTS_F:
                        r = each_of(input, entry->fts_path, true, on_event);
                        break;
                case FTS_DNR:
                case FTS_ERR:
                case FTS_NS:
                        progress_end(input);
                        say_error("%s: %s", entry->fts_path, strerror(entry->fts_errno));
                        r = broken(input, EXIT_USAGE);
                        break;
                default:
                        break;
                }
        }
        fts_close(walk);
        if (!r && input->n_files == n_before) {
                say_error("%s: there is no event file in this folder", folder);
                return EXIT_USAGE;
        }
        if (!r && input->n_foreign > 0) {
                progress_end(input);
                say("%s: left out, since they are no event files: %" PRIu64, folder, input->n_foreign);
                input->n_foreign = 0;
        }
        return r;
}

static bool is_folder(const char *path) {
        struct stat status;

        return strcmp(path, "-") != 0 && stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

int event_input_each(struct event_input *input, const char *verb,
                     int (*on_event)(void *data, const struct event *event), void *data) {
        static char standard_input[] = "-";
        size_t n_stdin = 0;
        int r = 0;

        for (size_t i = 0; i < input->n; i++)
                n_stdin += strcmp(input->paths[i], "-") == 0;
        if (n_stdin > 1)
                return say_usage(verb, "standard input ('-') can be read only once");
        if (input->n == 0 && isatty(STDIN_FILENO))
                return say_usage(verb, "give event files, or events on standard input");
        input->ledger = (struct ledger){ 0 };
        input->n_events = input->n_files = input->n_filtered = input->n_foreign = 0;
        input->worst = 0;
        input->incomplete = input->unfinished = false;
        input->data = data;
        if (input->n == 0)
                r = each_of(input, standard_input, false, on_event);
        for (size_t i = 0; i < input->n && !r; i++)
                r = is_folder(input->paths[i]) ? each_below(input, input->paths[i], on_event)
                                               : each_of(input, input->paths[i], false, on_event);
        progress_end(input);
        return r ? r : input->worst;
}
