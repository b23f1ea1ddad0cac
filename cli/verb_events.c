/* SPDX-License-Identifier: Apache-2.0 */

/* callgate events: prints a recorded event file. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/exit.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "proto/event_file.h"
#include "proto/event_json.h"
#include "proto/event_text.h"

static const char help[] =
        "usage: callgate events [--json] FILE\n"
        "\n"
        "Prints the events of FILE, one line each, in the order they happened, and then the\n"
        "ledger of the recording. FILE was written by --events; '-' is standard input.\n"
        "\n"
        "      --json   one JSON object per line; the last one holds the ledger\n"
        "  -h, --help   this text\n"
        "\n"
        "A file whose writer was killed is printed as far as it goes, with a warning.\n"
        "Exit status: 0 well, 2 the file is missing or broken, 4 it was cut short, 125 trouble.\n"
        "\n"
        "example: callgate events --json nginx.events | jq -r .syscall_name | sort | uniq -c\n";

struct printing {
        const char *path;
        bool json;
        struct event_file *file;
};

/* *ret_code is an exit code when something was wrong with the file. */
static bool explain(const struct printing *printing, int r, int *ret_code) {
        uint64_t offset = printing->file ? event_file_offset(printing->file) : 0;

        switch (r) {
        case EVENT_FILE_E_TRUNCATED:
                if (!printing->file)
                        say_error("%s: empty or cut short before its header was whole", printing->path);
                else
                        say_error("%s: cut short at byte %" PRIu64
                                  ": its writer was killed or is still writing",
                                  printing->path, offset);
                *ret_code = EXIT_INCOMPLETE;
                return true;
        case EVENT_FILE_E_INVALID:
                if (printing->file)
                        say_error("%s: broken at byte %" PRIu64 "; what stands before it was printed",
                                  printing->path, offset);
                else
                        say_error("%s: not an event file; give one that was written by --events",
                                  printing->path);
                *ret_code = EXIT_USAGE;
                return true;
        case EVENT_FILE_E_VERSION:
                say_error("%s: written by a later version of callgate; read it with that one",
                          printing->path);
                *ret_code = EXIT_USAGE;
                return true;
        default:
                return false;
        }
}

static int print_ledger(const struct printing *printing) {
        struct buf line = BUF_INIT(0);
        int failed;

        if (printing->json) {
                buf_puts(&line, "{\"ledger\":");
                ledger_json(&line, event_file_ledger(printing->file));
                buf_putc(&line, '}');
        } else {
                report_ledger_text(event_file_ledger(printing->file), &line);
        }
        failed = puts(buf_string(&line)) == EOF;
        buf_deinit(&line);
        return failed ? EXIT_TROUBLE : 0;
}

static int print_all(struct printing *printing) {
        struct buf line = BUF_INIT(0);
        struct event event;
        int r, code = 0;

        while ((r = event_file_next(printing->file, &event)) == EVENT_FILE_OK) {
                buf_reset(&line);
                if (printing->json)
                        event_json(&line, &event, NULL);
                else
                        event_text(&line, &event);
                buf_putc(&line, '\n');
                if (buf_error(&line) || fwrite(line.data, 1, line.n, stdout) != line.n) {
                        r = buf_error(&line) ?: -errno;
                        buf_deinit(&line);
                        return say_trouble(r, "standard output");
                }
        }
        buf_deinit(&line);
        if (r == EVENT_FILE_E_END)
                code = print_ledger(printing);
        else if (!explain(printing, r, &code))
                code = say_trouble(r, printing->path);
        if (fflush(stdout) == EOF && code == 0)
                code = say_trouble(-errno, "standard output");
        return code;
}

int verb_events(int argc, char **argv) {
        enum { JSON = 256 };
        static const struct option options[] = {
                { "json", no_argument, NULL, JSON },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        struct printing printing = { 0 };
        int option, fd, r, code;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                switch (option) {
                case JSON:
                        printing.json = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return 0;
                default:
                        fputs("Try 'callgate events --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (argc - optind != 1)
                return say_usage("events", "give one FILE, as written by --events");
        printing.path = argv[optind];

        if (strcmp(printing.path, "-") == 0) {
                printing.path = "standard input";
                fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
        } else {
                fd = open(printing.path, O_RDONLY | O_CLOEXEC);
        }
        if (fd < 0) {
                say_error("%s: cannot be opened: %s", printing.path, strerror(errno));
                return EXIT_USAGE;
        }
        r = event_file_open(fd, &printing.file);
        if (r) {
                if (r == -EISDIR) {
                        say_error("%s: is a directory; give a file written by --events", printing.path);
                        return EXIT_USAGE;
                }
                if (!explain(&printing, r, &code))
                        code = say_trouble(r, printing.path);
                return code;
        }
        code = print_all(&printing);
        event_file_close(printing.file);
        return code;
}
