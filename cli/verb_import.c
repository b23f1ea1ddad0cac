/* SPDX-License-Identifier: Apache-2.0 */

/* callgate import: logs of other tools as event files. */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/output.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "policy/import_audit.h"
#include "policy/import_strace.h"
#include "proto/event_file.h"
#include "proto/event_json.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate import audit  [OPTION…] [FILE…]\n"
        "       callgate import strace [OPTION…] [FILE…]\n"
        "\n"
        "Turns logs into an event file: seccomp records of the kernel and of auditd (dmesg, syslog,\n"
        "journal, audit.log, JSON lines), or the output of strace with most of its options. FILE\n"
        "'-', or none, is standard input. Lines that are no whole record are counted and passed over.\n"
        "\n"
        "  -o, --output FILE  the event file to write (default: standard output)\n"
        "      --json         events as JSON, one per line, instead\n"
        "      --arch ARCH    strace: the machine it ran on (default: guessed from the names)\n"
        "      --quiet        no summary\n"
        "  -h, --help         this text\n"
        "\n"
        "exit: 0 well; 1 there was no record in it; 2 a file or the command line is wrong\n"
        "example: journalctl -k | callgate import audit | callgate profile from-events -o app.json\n"
        "         strace -f -o t.txt ls; callgate import strace t.txt | callgate profile from-events -o "
        "ls.json\n";

struct importing {
        struct import import;
        const char *kind, *output_path;
        bool strace, json, quiet;
        struct output output;
        struct buf record;
};

static int put_record(struct importing *importing) {
        struct buf *record = &importing->record;
        int r = buf_error(record);

        if (!r && fwrite(record->data, 1, record->n, importing->output.stream) != record->n)
                r = error_origin(-errno);
        buf_reset(record);
        return r;
}

static int on_event(void *data, const struct event *event) {
        struct importing *importing = data;

        if (importing->json) {
                event_json(&importing->record, event, NULL);
                buf_putc(&importing->record, '\n');
        } else {
                int r = event_file_put_event(&importing->record, event);

                if (r)
                        return error_trace(r);
        }
        return put_record(importing);
}

static int put_header(struct importing *importing) {
        struct timespec now;
        char label[64];

        if (importing->json)
                return 0;
        clock_gettime(CLOCK_REALTIME, &now);
        snprintf(label, sizeof(label), "import %s", importing->kind);
        event_file_put_header(&importing->record, label,
                              (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
        return put_record(importing);
}

static int put_ledger(struct importing *importing) {
        struct ledger ledger;

        import_ledger(&importing->import, &ledger);
        if (importing->json) {
                buf_puts(&importing->record, "{\"ledger\":");
                ledger_json(&importing->record, &ledger);
                buf_puts(&importing->record, "}\n");
        } else {
                event_file_put_ledger(&importing->record, &ledger);
        }
        return put_record(importing);
}

static int import_file(struct importing *importing, struct strace *strace, const char *path) {
        bool is_stdin = strcmp(path, "-") == 0;
        const char *name = is_stdin ? "standard input" : path;
        cleanup_fd int fd =
                is_stdin ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0) : open(path, O_RDONLY | O_CLOEXEC);
        int r;

        if (fd < 0) {
                say_error("%s: cannot be opened: %s", name, strerror(errno));
                return EXIT_USAGE;
        }
        r = strace ? import_strace(strace, fd, name) : import_audit(&importing->import, fd, name);
        if (r == -EISDIR) {
                say_error("%s: is a directory; give the log itself", name);
                return EXIT_USAGE;
        }
        return r ? say_trouble(r, name) : 0;
}

static const char *plural(uint64_t n) {
        return n == 1 ? "" : "s";
}

static void summarize(const struct importing *importing) {
        const struct import *import = &importing->import;
        struct buf text = BUF_INIT(0);

        buf_printf(&text, "%" PRIu64 " record%s", import->n_records, plural(import->n_records));
        if (import->n_calls != import->n_records)
                buf_printf(&text, " of %" PRIu64 " calls", import->n_calls);
        buf_printf(&text, " in %" PRIu64 " line%s", import->n_lines, plural(import->n_lines));
        if (import->n_skipped > 0)
                buf_printf(&text, "; %" PRIu64 " line%s skipped:", import->n_skipped,
                           plural(import->n_skipped));
        for (size_t i = 0; i < import->n_reasons; i++)
                buf_printf(&text, "%s %" PRIu64 " %s", i > 0 ? "," : "", import->reasons[i].n,
                           import->reasons[i].text);
        say("%s", buf_string(&text));
        for (size_t i = 0; i < import->n_notes; i++) {
                buf_reset(&text);
                buf_escape(&text, import->notes[i].source, strlen(import->notes[i].source));
                buf_printf(&text, ":%" PRIu64 ": skipped: ", import->notes[i].line);
                buf_escape(&text, import->notes[i].text, strlen(import->notes[i].text));
                say("%s", buf_string(&text));
        }
        if (import->n_suppressed > 0)
                say("warning: the kernel left out %" PRIu64
                    " audit records at its printk limit; calls may be missing (read audit.log of auditd, "
                    "which has no such limit)",
                    import->n_suppressed);
        if (import->n_either > 0)
                say("%" PRIu64
                    " record%s may stand for a direct call or for one through socketcall or ipc, which "
                    "strace does not tell apart without -n: both are taken down",
                    import->n_either, plural(import->n_either));
        buf_deinit(&text);
}

static int parse(struct importing *importing, int argc, char **argv) {
        enum { JSON = 256, ARCH, QUIET };
        static const struct option options[] = {
                { "output", required_argument, NULL, 'o' }, { "json", no_argument, NULL, JSON },
                { "arch", required_argument, NULL, ARCH },  { "quiet", no_argument, NULL, QUIET },
                { "help", no_argument, NULL, 'h' },         { 0 },
        };
        int option;

        while ((option = getopt_long(argc, argv, "o:h", options, NULL)) != -1) {
                switch (option) {
                case 'o':
                        importing->output_path = optarg;
                        break;
                case JSON:
                        importing->json = true;
                        break;
                case ARCH:
                        importing->import.arch = arch_by_any(optarg);
                        if (!importing->import.arch || importing->import.arch->audit == ARCH_X32)
                                return say_usage("import", "--arch: '%s' is no machine known here", optarg);
                        break;
                case QUIET:
                        importing->quiet = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate import --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (importing->import.arch && !importing->strace)
                return say_usage("import", "--arch is for strace; audit records name their architecture");
        if (!importing->output_path && !importing->json && isatty(STDOUT_FILENO))
                return say_usage("import",
                                 "an event file is no text for a terminal: give -o FILE, --json, or pipe it "
                                 "into 'callgate profile from-events'");
        return 0;
}

static int run(struct importing *importing, char **paths, int n) {
        struct strace *strace = NULL;
        int r = output_open(&importing->output, importing->output_path ?: "-"), code = 0;

        if (r) {
                say_error("-o %s: cannot be written: %s", importing->output_path, strerror(-r));
                return EXIT_USAGE;
        }
        r = importing->strace ? strace_new(&importing->import, &strace) : 0;
        if (!r)
                r = put_header(importing);
        for (int i = 0; i < n && !r && !code; i++)
                code = import_file(importing, strace, paths[i]);
        if (n == 0 && !r)
                code = import_file(importing, strace, "-");
        if (!r && !code)
                r = put_ledger(importing);
        strace_free(strace);
        if (!r && !code)
                r = output_commit(&importing->output);
        output_abort(&importing->output);
        if (r) {
                if (!importing->output_path || options_is_stdout(importing->output_path))
                        return say_unwritten(r);
                say_error("-o %s: cannot be written: %s", importing->output_path, strerror(-r));
                return EXIT_TROUBLE;
        }
        return code;
}

int verb_import(int argc, char **argv) {
        struct importing importing = { .output = OUTPUT_INIT, .record = BUF_INIT(0) };
        int r;

        if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
                fputs(help, stdout);
                return 0;
        }
        if (argc < 2 || (strcmp(argv[1], "audit") != 0 && strcmp(argv[1], "strace") != 0))
                return say_usage("import", "%s%s%swhat shall be read: audit or strace?", argc > 1 ? "'" : "",
                                 argc > 1 ? argv[1] : "", argc > 1 ? "' is not known here; " : "");
        importing.kind = argv[1];
        importing.strace = strcmp(argv[1], "strace") == 0;
        importing.import = IMPORT_INIT(on_event, &importing);
        r = parse(&importing, argc - 1, argv + 1);
        if (r)
                return r < 0 ? 0 : r;
        argc--;
        argv++;
        r = run(&importing, argv + optind, argc - optind);
        buf_deinit(&importing.record);
        if (r)
                return r;
        if (!importing.quiet)
                summarize(&importing);
        return importing.import.n_records > 0 ? 0 : 1;
}
