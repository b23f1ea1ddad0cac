/* SPDX-License-Identifier: Apache-2.0 */

/* callgate sessions: what the service supervises, one session in full, and another mode for it. */

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/columns.h"
#include "cli/exit.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/service.h"
#include "cli/verbs.h"

static const char help[] =
        "usage: callgate sessions [-a] [FILTER…] [--json]\n"
        "       callgate sessions NUMBER [--json]\n"
        "       callgate sessions NUMBER --mode MODE [--profile P | --policy FILE]\n"
        "       callgate sessions NUMBER --end\n"
        "\n"
        "Lists the sessions of the callgated service: containers and programs that it supervises.\n"
        "With NUMBER, all that is known of one, with its labels and its ledger.\n"
        "\n"
        "  -a, --all             also those that have ended and whose results are kept\n"
        "      --pod, --namespace, --container, --image, --unit PATTERN\n"
        "                        only those with this label; '*' stands for any text\n"
        "      --label NAME=PATTERN  the same for any label\n"
        "      --json            one JSON document\n"
        "      --mode MODE       from the next call on: record, dry-run, enforce or policy\n"
        "      --profile P       for dry-run and enforce: a file, or a name below the service's\n"
        "                        folders; left out, the one at work goes on\n"
        "      --policy FILE     for policy\n"
        "      --every           publish every occurrence, not only distinct calls\n"
        "      --end             end supervising: notified calls get ENOSYS from then on\n" SERVICE_HELP
        "  -h, --help            this text\n"
        "\n"
        "exit: 0 well; 2 no such session, a wrong profile, or no service; 125 trouble\n"
        "example: callgate sessions 7 --mode enforce --profile web.json\n";

struct options {
        const char *control, *mode, *profile, *policy;
        bool all, json, every, end, filtered;
        struct labels labels;
        uint64_t number; /* 0: all */
};

#define CONTAINER_ID_SHOWN 12

static const char *const label_options[] = { "pod", "namespace", "container", "image", "unit" };

#define LABELS 300 /* label_options[] from here on, past every letter */

static int take(struct options *options, int option) {
        if (option >= LABELS) {
                options->filtered = true;
                return service_label(&options->labels, "sessions", label_options[option - LABELS], optarg);
        }
        switch (option) {
        case 'a':
                options->all = true;
                return 0;
        case 'j':
                options->json = true;
                return 0;
        case 'm':
                options->mode = optarg;
                return 0;
        case 'p':
                options->profile = optarg;
                return 0;
        case 'P':
                options->policy = optarg;
                return 0;
        case 'e':
                options->every = true;
                return 0;
        case 'E':
                options->end = true;
                return 0;
        case 'c':
                options->control = optarg;
                return 0;
        case 'l':
                options->filtered = true;
                return service_label(&options->labels, "sessions", NULL, optarg);
        case 'h':
                fputs(help, stdout);
                return -1;
        default:
                fputs("Try 'callgate sessions --help'.\n", stderr);
                return EXIT_USAGE;
        }
}

static int check(const struct options *options, int n_left, char **left) {
        bool changes = options->mode || options->profile || options->policy || options->every;

        if (n_left > 1)
                return say_usage("sessions", "'%s' is too much: one session at a time", left[1]);
        if ((changes || options->end) && n_left == 0)
                return say_usage("sessions", "which session? 'callgate sessions' lists their numbers");
        if (changes && options->end)
                return say_usage("sessions", "--end goes with no other change");
        if (n_left > 0 && (options->filtered || options->all))
                return say_usage("sessions", "filters are for lists; a session has been named");
        if (options->profile && options->policy)
                return say_usage("sessions", "--profile and --policy exclude each other");
        return 0;
}

/* -1: help was shown. */
static int parse(struct options *options, int argc, char **argv) {
        static const struct option table[] = {
                { "all", no_argument, NULL, 'a' },
                { "json", no_argument, NULL, 'j' },
                { "mode", required_argument, NULL, 'm' },
                { "profile", required_argument, NULL, 'p' },
                { "policy", required_argument, NULL, 'P' },
                { "every", no_argument, NULL, 'e' },
                { "end", no_argument, NULL, 'E' },
                { "control", required_argument, NULL, 'c' },
                { "label", required_argument, NULL, 'l' },
                { "pod", required_argument, NULL, LABELS },
                { "namespace", required_argument, NULL, LABELS + 1 },
                { "container", required_argument, NULL, LABELS + 2 },
                { "image", required_argument, NULL, LABELS + 3 },
                { "unit", required_argument, NULL, LABELS + 4 },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option, r;

        while ((option = getopt_long(argc, argv, "ah", table, NULL)) != -1) {
                r = take(options, option);
                if (r)
                        return r;
        }
        r = check(options, argc - optind, argv + optind);
        if (!r && optind < argc)
                r = service_session("sessions", argv[optind], &options->number);
        return r;
}

/* ---- the list ---- */

/* What a row shows; texts point into the answer. */
struct row {
        uint64_t number, calls, refused, lost, began_ns, ended_ns;
        struct rpc_value mode, profile, problem, labels;
        bool ended;
};

static struct row row_get(struct rpc_value map) {
        struct row row = { .mode.bytes = "",
                           .profile.bytes = "",
                           .problem.bytes = "",
                           .labels = { .bytes = "\x80", .n = 1 } };
        const struct rpc_field fields[] = {
                { "session", RPC_UINT, &row.number, NULL },
                { "calls", RPC_UINT, &row.calls, NULL },
                { "refused", RPC_UINT, &row.refused, NULL },
                { "lost", RPC_UINT, &row.lost, NULL },
                { "began_ns", RPC_UINT, &row.began_ns, NULL },
                { "ended_ns", RPC_UINT, &row.ended_ns, &row.ended },
                { "mode", RPC_TEXT, &row.mode, NULL },
                { "profile", RPC_TEXT, &row.profile, NULL },
                { "problem", RPC_TEXT, &row.problem, NULL },
                { "labels", RPC_VALUE, &row.labels, NULL },
        };
        struct codec_reader reader;

        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, sizeof(fields) / sizeof(fields[0]), NULL);
        return row;
}

static void add_text(struct columns *columns, struct rpc_value text) {
        char *copy = strndup(text.bytes, text.n);

        columns_add(columns, copy);
        free(copy);
}

/* The last part of a path says enough in a list. */
static void add_name(struct columns *columns, struct rpc_value path) {
        const char *slash = memrchr(path.bytes, '/', path.n);

        if (slash && slash + 1 < path.bytes + path.n) {
                path.n -= (size_t)(slash + 1 - path.bytes);
                path.bytes = slash + 1;
        }
        add_text(columns, path);
}

static void add_label(struct columns *columns, struct rpc_value labels, const char *name) {
        char *value = service_text(labels, name);

        columns_add(columns, value);
        free(value);
}

/* Its name, or the beginning of its id, as docker shows it. */
static void add_container(struct columns *columns, struct rpc_value labels) {
        char *name = service_text(labels, "container"), *id = service_text(labels, "container-id");

        if (id && strlen(id) > CONTAINER_ID_SHOWN)
                id[CONTAINER_ID_SHOWN] = 0;
        columns_add(columns, name && name[0] ? name : id);
        free(name);
        free(id);
}

static void add_since(struct columns *columns, uint64_t ns) {
        time_t seconds = (time_t)(ns / 1000000000), now = time(NULL);
        char text[32] = "?";
        struct tm tm;

        if (localtime_r(&seconds, &tm))
                strftime(text, sizeof(text), now - seconds < 12 * 3600 ? "%H:%M:%S" : "%Y-%m-%d", &tm);
        columns_add(columns, text);
}

static void add_row(struct columns *columns, const struct row *row) {
        char mode[40];

        snprintf(mode, sizeof(mode), "%.*s%s", (int)(row->mode.n < 20 ? row->mode.n : 20), row->mode.bytes,
                 row->ended       ? " (ended)"
                 : row->problem.n ? " (!)"
                                  : "");
        columns_add_number(columns, row->number);
        columns_add(columns, mode);
        add_name(columns, row->profile);
        add_label(columns, row->labels, "namespace");
        add_label(columns, row->labels, "pod");
        add_container(columns, row->labels);
        add_label(columns, row->labels, "unit");
        add_label(columns, row->labels, "command");
        columns_add_number(columns, row->calls);
        columns_add_number(columns, row->refused);
        columns_add_number(columns, row->lost);
        add_since(columns, row->began_ns);
}

static const struct column list_columns[] = {
        { "NUMBER", true, true },      { "MODE", false, true },     { "PROFILE", false, true },
        { "NAMESPACE", false, false }, { "POD", false, false },     { "CONTAINER", false, false },
        { "UNIT", false, false },      { "COMMAND", false, false }, { "CALLS", true, true },
        { "REFUSED", true, true },     { "LOST", true, true },      { "SINCE", false, true },
};

static void begin_list(struct service *service, const struct options *options, uint64_t from) {
        service_begin(service, 1);
        codec_put_map(&service->writer, 3);
        codec_put_string(&service->writer, "labels");
        service_put_labels(&service->writer, &options->labels);
        codec_put_string(&service->writer, "ended");
        codec_put_bool(&service->writer, options->all);
        codec_put_string(&service->writer, "from");
        codec_put_uint(&service->writer, from);
}

/* One answer of the list. *from: where to go on; 0: that was all. */
static void add_part(struct rpc_value answer, struct columns *columns, struct buf *json, uint64_t *from) {
        struct rpc_value list = { .bytes = "\x90", .n = 1 };
        const struct rpc_field fields[] = { { "sessions", RPC_VALUE, &list, NULL },
                                            { "next", RPC_UINT, from, NULL } };
        struct codec_reader reader;
        size_t n;

        *from = 0;
        codec_reader_init(&reader, answer.bytes, answer.n);
        rpc_get_fields(&reader, fields, 2, NULL);
        codec_reader_init(&reader, list.bytes, list.n);
        n = codec_get_array(&reader);
        for (size_t i = 0; i < n && !reader.error; i++) {
                struct rpc_value map;
                struct row row;

                map.bytes = codec_get_value(&reader, &map.n);
                if (json) {
                        buf_puts(json, json->n > 1 ? "," : "");
                        service_json(json, map);
                } else {
                        row = row_get(map);
                        add_row(columns, &row);
                }
        }
}

static int list(struct service *service, const struct options *options) {
        struct columns columns = COLUMNS_INIT(list_columns);
        struct buf text = BUF_INIT(0);
        uint64_t from = 0;
        int r;

        if (options->json)
                buf_putc(&text, '[');
        do {
                struct rpc_value answer;

                begin_list(service, options, from);
                r = service_call(service, "sessions", &answer);
                if (!r)
                        add_part(answer, &columns, options->json ? &text : NULL, &from);
        } while (!r && from > 0);
        if (r)
                r = service_trouble(service, r);
        else if (options->json)
                buf_puts(&text, "]\n");
        else if (columns.n_cells == 0)
                say(options->filtered ? "no session fits" : "the service has no session%s",
                    options->all ? ", and none is kept" : "");
        else
                r = columns_print(&columns, report_width(STDOUT_FILENO), &text) ? EXIT_TROUBLE : 0;
        if (r == 0)
                fputs(buf_string(&text), stdout);
        buf_deinit(&text);
        columns_deinit(&columns);
        return r;
}

/* ---- one ---- */

static void put_line(struct buf *to, const char *name, const char *bytes, size_t n) {
        buf_printf(to, "%-16s ", name);
        buf_escape(to, bytes, n);
        buf_putc(to, '\n');
}

static void put_time(struct buf *to, const char *name, uint64_t ns) {
        time_t seconds = (time_t)(ns / 1000000000);
        char text[64] = "?";
        struct tm tm;

        if (localtime_r(&seconds, &tm))
                strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
        put_line(to, name, text, strlen(text));
}

static void put_labels(struct buf *to, struct rpc_value labels) {
        struct codec_reader reader;
        size_t n;

        codec_reader_init(&reader, labels.bytes, labels.n);
        n = codec_get_map(&reader);
        if (n > 0)
                buf_puts(to, "labels\n");
        for (size_t i = 0; i < n && !reader.error; i++) {
                struct rpc_value name, value;

                name.bytes = codec_get_bytes(&reader, SIZE_MAX, &name.n);
                value.bytes = codec_get_bytes(&reader, SIZE_MAX, &value.n);
                buf_puts(to, "  ");
                buf_escape(to, name.bytes, name.n);
                buf_puts(to, " = ");
                buf_escape(to, value.bytes, value.n);
                buf_putc(to, '\n');
        }
}

static void put_one(struct buf *to, struct rpc_value map) {
        static const char *const texts[] = { "mode", "profile", "problem", "rule", "origin", "metadata" };
        struct rpc_value ledger_map = { .bytes = "\x80", .n = 1 };
        uint64_t uid = 0, pid = 0, processes = 0, rows = 0;
        const struct rpc_field fields[] = {
                { "uid", RPC_UINT, &uid, NULL },
                { "pid", RPC_UINT, &pid, NULL },
                { "processes", RPC_UINT, &processes, NULL },
                { "rows", RPC_UINT, &rows, NULL },
                { "ledger", RPC_VALUE, &ledger_map, NULL },
        };
        struct row row = row_get(map);
        struct codec_reader reader;
        struct ledger ledger;

        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, sizeof(fields) / sizeof(fields[0]), NULL);
        buf_printf(to, "%-16s %" PRIu64 "\n", "session", row.number);
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                char *text = service_text(map, texts[i]);

                if (text && *text)
                        put_line(to, texts[i], text, strlen(text));
                free(text);
        }
        buf_printf(to, "%-16s process %" PRIu64 " of uid %" PRIu64 "\n", "handed over by", pid, uid);
        put_time(to, "since", row.began_ns);
        if (row.ended)
                put_time(to, "ended", row.ended_ns);
        else
                buf_printf(to, "%-16s about %" PRIu64 "\n", "processes", processes);
        buf_printf(to, "%-16s %" PRIu64 ", %" PRIu64 " of them %s, %" PRIu64 " distinct\n", "calls",
                   row.calls, row.refused,
                   row.mode.n == 7 && memcmp(row.mode.bytes, "dry-run", 7) == 0 ? "would have been refused"
                                                                                : "refused",
                   rows);
        put_labels(to, row.labels);
        if (service_get_ledger(ledger_map, &ledger)) {
                report_ledger_text(&ledger, to);
                buf_putc(to, '\n');
        }
}

static int print_one(const struct options *options, struct rpc_value session) {
        struct buf text = BUF_INIT(0);

        if (options->json) {
                service_json(&text, session);
                buf_putc(&text, '\n');
        } else {
                put_one(&text, session);
        }
        fputs(buf_string(&text), stdout);
        buf_deinit(&text);
        return 0;
}

/* ---- changes ---- */

/* A file of ours as the service finds it; a name stays one. 0 or an exit code. */
static int put_path(struct service *service, const char *key, const char *path, bool may_be_name) {
        char absolute[PATH_MAX];

        codec_put_string(&service->writer, key);
        if (may_be_name && !strchr(path, '/') && access(path, F_OK) != 0) {
                codec_put_stranger(&service->writer, path, strlen(path));
                return 0;
        }
        if (!realpath(path, absolute)) {
                say_error("%s: cannot be read: %s", path, strerror(errno));
                return EXIT_USAGE;
        }
        codec_put_bytes(&service->writer, absolute, strlen(absolute));
        return 0;
}

static int change(struct service *service, const struct options *options, struct rpc_value *ret) {
        size_t n = !!options->mode + !!options->profile + !!options->policy + options->every;
        int r = 0;

        service_begin(service, 2);
        codec_put_uint(&service->writer, options->number);
        codec_put_map(&service->writer, n);
        if (options->mode) {
                codec_put_string(&service->writer, "mode");
                codec_put_stranger(&service->writer, options->mode, strlen(options->mode));
        }
        if (options->profile)
                r = put_path(service, "profile", options->profile, true);
        if (!r && options->policy)
                r = put_path(service, "policy", options->policy, false);
        if (options->every) {
                codec_put_string(&service->writer, "all");
                codec_put_bool(&service->writer, true);
        }
        if (r)
                return r;
        r = service_call(service, "change", ret);
        return r ? service_trouble(service, r) : 0;
}

static int one(struct service *service, const struct options *options) {
        bool changes = options->mode || options->profile || options->policy || options->every;
        struct rpc_value session;
        int r;

        if (changes) {
                r = change(service, options, &session);
                return r ? r : print_one(options, session);
        }
        service_begin(service, 1);
        codec_put_uint(&service->writer, options->number);
        r = service_call(service, options->end ? "close" : "session", &session);
        if (r)
                return service_trouble(service, r);
        return options->end ? 0 : print_one(options, session);
}

int verb_sessions(int argc, char **argv) {
        struct options options = { 0 };
        struct service service = { 0 };
        int r = parse(&options, argc, argv);

        if (!r) {
                r = service_need(&service, options.control);
                if (!r)
                        r = options.number ? one(&service, &options) : list(&service, &options);
                service_close(&service);
        }
        labels_deinit(&options.labels);
        return r < 0 ? 0 : r;
}
