/* SPDX-License-Identifier: Apache-2.0 */

/* `callgated --check`: what a configuration means, as a table for people or as JSON. */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/diag.h"
#include "base/error.h"
#include "supervisor/service/config.h"
#include "supervisor/service/config_profile.h"

#define EXIT_WRONG   2
#define EXIT_TROUBLE 125
#define FIRST_WIDTH  40

static const char *mode_name(enum wire_mode mode) {
        switch (mode) {
        case WIRE_MODE_DRY_RUN:
                return "dry-run";
        case WIRE_MODE_RECORD:
                return "record";
        case WIRE_MODE_ENFORCE:
                return "enforce";
        case WIRE_MODE_POLICY:
                return "policy";
        }
        return "";
}

static const char *keeper_name(enum config_keeper keeper) {
        static const char *const names[] = {
                [CONFIG_KEEPER_PROCESS] = "process",
                [CONFIG_KEEPER_SYSTEMD] = "systemd",
                [CONFIG_KEEPER_NONE] = "none",
                [CONFIG_KEEPER_AUTO] = "auto",
        };

        return names[keeper];
}

/* ---- parts as text, shared by both forms ---- */

static void who_text(const struct config_socket *socket, struct buf *to) {
        if (*socket->path != '@')
                buf_printf(to, "mode %04o, ", (unsigned)socket->mode);
        if (socket->any_uid) {
                buf_puts(to, "any user");
                return;
        }
        buf_puts(to, "root");
        if (geteuid() != 0)
                buf_printf(to, ", user %u", (unsigned)geteuid());
        if (socket->gid != (gid_t)-1)
                buf_printf(to, ", group %s", *socket->group ? socket->group : "(without a name)");
}

static void patterns_text(const struct labels *patterns, const char *prefix, struct buf *to) {
        for (size_t i = 0; i < patterns->n; i++) {
                buf_printf(to, "%s%s", to->n ? " " : "", prefix);
                buf_escape(to, patterns->items[i].name, strlen(patterns->items[i].name));
                buf_putc(to, '=');
                buf_escape(to, patterns->items[i].value, strlen(patterns->items[i].value));
        }
}

static void match_text(const struct config_rule *rule, struct buf *to) {
        if (rule->has_uid)
                buf_printf(to, "uid=%u", (unsigned)rule->uid);
        patterns_text(&rule->match, "", to);
        patterns_text(&rule->metadata, "metadata.", to);
        if (to->n == 0)
                buf_puts(to, "every session");
}

/* Can the rule's profile be used now? */
static bool profile_is_there(const struct config *config, const struct config_rule *rule) {
        const struct config_profile_query query = { .name = rule->profile,
                                                    .trusted = true,
                                                    .caps = rule->caps };
        struct filter filter = FILTER_INIT;
        char problem[CONFIG_PROBLEM_MAX];
        int r = config_profile_find(config, &query, &filter, problem, sizeof(problem));

        filter_deinit(&filter);
        return !r;
}

static void open_text(const struct config *config, bool may_enforce, struct buf *to) {
        buf_printf(to, "as the metadata says (dry-run%s), else ",
                   may_enforce ? ", record or enforce" : " or record");
        if (config->mode)
                buf_puts(to, mode_name(config->mode));
        else
                buf_puts(to, "dry-run with a profile, record without");
}

static void rule_text(const struct config *config, const struct config_rule *rule, struct buf *to) {
        if (rule->refuse) {
                buf_puts(to, "refuse");
                return;
        }
        if (rule->mode)
                buf_puts(to, mode_name(rule->mode));
        else
                open_text(config, rule->trust_metadata, to);
        if (rule->policy)
                buf_printf(to, " %s", rule->policy);
        else if (rule->profile && rule->mode != WIRE_MODE_RECORD)
                buf_printf(to, "; profile %s: %s", rule->profile,
                           profile_is_there(config, rule) ? "found" : "NOT USABLE, recorded until it is");
        else if (rule->mode == WIRE_MODE_DRY_RUN || rule->mode == WIRE_MODE_ENFORCE)
                buf_puts(to, "; profile as the metadata says");
        if (rule->all)
                buf_puts(to, "; every occurrence");
        if (rule->include_runtime)
                buf_puts(to, "; with the runtime's own calls");
}

static void duration_text(uint64_t ns, struct buf *to) {
        static const struct {
                uint64_t ns;
                const char *unit;
        } units[] = { { UINT64_C(86400000000000), "d" }, { UINT64_C(3600000000000), "h" },
                      { UINT64_C(60000000000), "m" },    { UINT64_C(1000000000), "s" },
                      { UINT64_C(1000000), "ms" },       { 1, "ns" } };

        for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
                if (ns % units[i].ns == 0) {
                        buf_printf(to, "%llu%s", (unsigned long long)(ns / units[i].ns), units[i].unit);
                        return;
                }
}

static void size_text(uint64_t bytes, struct buf *to) {
        static const char units[] = "KMGT";
        int i = -1;

        while (i < 3 && bytes && bytes % 1024 == 0) {
                bytes /= 1024;
                i++;
        }
        buf_printf(to, "%llu", (unsigned long long)bytes);
        if (i >= 0)
                buf_putc(to, units[i]);
}

static void file_text(const struct config_outlet *outlet, struct buf *to) {
        buf_printf(to, "file %s, %s", outlet->path, outlet->json ? "json" : "msgpack");
        if (outlet->rotate_bytes || outlet->rotate_ns)
                buf_puts(to, ", another one");
        if (outlet->rotate_bytes) {
                buf_puts(to, " after ");
                size_text(outlet->rotate_bytes, to);
        }
        if (outlet->rotate_ns) {
                buf_puts(to, outlet->rotate_bytes ? " or " : " after ");
                duration_text(outlet->rotate_ns, to);
        }
        if (outlet->rotate_bytes || outlet->rotate_ns)
                buf_printf(to, ", %u kept", outlet->rotate_count);
}

static void forward_text(const struct config_outlet *outlet, struct buf *to) {
        buf_printf(to, "forward to %s as %s%s, buffer ", outlet->address, outlet->tag,
                   outlet->acknowledge ? ", acknowledged" : "");
        size_text(outlet->buffer_bytes, to);
        buf_printf(to, " in %s", outlet->buffer_path ? outlet->buffer_path : "memory");
}

static void outlet_text(const struct config_outlet *outlet, struct buf *to) {
        switch (outlet->kind) {
        case CONFIG_OUTLET_FILE:
                file_text(outlet, to);
                break;
        case CONFIG_OUTLET_JOURNAL:
                buf_puts(to, "the journal");
                break;
        case CONFIG_OUTLET_FORWARD:
                forward_text(outlet, to);
                break;
        }
        if (outlet->only_refusals)
                buf_puts(to, ", refusals only");
}

/* ---- for people ---- */

static void line(const char *first, const char *second, const char *third) {
        printf("  %-*s  %-*s%s%s\n", 13, first, third ? FIRST_WIDTH : 0, second, third ? "  " : "",
               third ? third : "");
}

static void print_socket(const char *name, const struct config_socket *socket) {
        struct buf who = BUF_INIT(4096);

        if (socket->path)
                who_text(socket, &who);
        line(name, socket->path ? socket->path : "off", socket->path ? buf_string(&who) : NULL);
        buf_deinit(&who);
}

static void print_sockets(const struct config *config) {
        puts("\nsockets");
        print_socket("agent", &config->agent);
        for (size_t i = 0; i < config->n_oci; i++)
                print_socket("oci", &config->oci[i]);
        if (!config->n_oci)
                line("oci", "off", NULL);
        print_socket("control", &config->control);
        line("metrics", config->metrics ? config->metrics : "off", NULL);
}

static void print_rules(const struct config *config) {
        struct buf match = BUF_INIT(65536), text = BUF_INIT(65536);

        puts("\nsessions");
        for (size_t i = 0; i < config->n_rules; i++) {
                buf_reset(&match);
                buf_reset(&text);
                match_text(&config->rules[i], &match);
                rule_text(config, &config->rules[i], &text);
                line(config->rules[i].name, buf_string(&match), buf_string(&text));
        }
        buf_reset(&text);
        open_text(config, false, &text);
        line("(no rule)", config->n_rules ? "all others" : "every session", buf_string(&text));
        buf_deinit(&match);
        buf_deinit(&text);
}

static void print_outlets(const struct config *config) {
        struct buf text = BUF_INIT(65536);

        duration_text(config->interval_ns, &text);
        printf("\nevents, counts every %s\n", buf_string(&text));
        for (size_t i = 0; i < config->n_outlets; i++) {
                buf_reset(&text);
                outlet_text(&config->outlets[i], &text);
                line(config->outlets[i].name, buf_string(&text), NULL);
        }
        if (!config->n_outlets)
                line("(none)", "events go nowhere; callgate snapshot has the counts", NULL);
        buf_deinit(&text);
}

static void print_rest(const struct config *config) {
        const struct config_limits *limits = &config->limits;
        struct buf text = BUF_INIT(4096);

        printf("\nlimits\n  %u sessions, %u of one user; %u connections, %u of one user; %u results kept\n",
               limits->sessions, limits->sessions_per_uid, limits->connections, limits->connections_per_uid,
               limits->ended);
        buf_puts(&text, "  events waiting: ");
        size_text(limits->event_bytes, &text);
        buf_puts(&text, " of one session, ");
        size_text(limits->event_bytes_per_uid, &text);
        buf_printf(&text, " of one user; %u calls in flight of one session\n", limits->calls_in_flight);
        fputs(buf_string(&text), stdout);
        buf_deinit(&text);
}

static void print_config(const struct config *config) {
        printf("node      %s\nstate     %s\nkeeper    %s\n", config->node, config->state,
               keeper_name(config->keeper));
        for (size_t i = 0; i < config->n_profile_folders; i++)
                printf("profiles  %s%s\n", config->profile_folders[i],
                       access(config->profile_folders[i], X_OK) == 0 ? "" : " (not there yet)");
        print_sockets(config);
        print_rules(config);
        print_outlets(config);
        print_rest(config);
}

/* ---- for machines ---- */

static json_t *socket_json(const char *name, const struct config_socket *socket) {
        struct buf who = BUF_INIT(4096);
        json_t *object = NULL;

        if (socket->path) {
                who_text(socket, &who);
                object = json_pack("{s:s, s:s, s:s, s:b}", "name", name, "path", socket->path, "who",
                                   buf_string(&who), "any_user", socket->any_uid);
        }
        buf_deinit(&who);
        return object;
}

static json_t *sockets_json(const struct config *config) {
        json_t *array = json_array();

        if (config->agent.path)
                json_array_append_new(array, socket_json("agent", &config->agent));
        for (size_t i = 0; i < config->n_oci; i++)
                json_array_append_new(array, socket_json("oci", &config->oci[i]));
        if (config->control.path)
                json_array_append_new(array, socket_json("control", &config->control));
        return array;
}

static json_t *rules_json(const struct config *config) {
        struct buf match = BUF_INIT(65536), text = BUF_INIT(65536);
        json_t *array = json_array();

        for (size_t i = 0; i < config->n_rules; i++) {
                const struct config_rule *rule = &config->rules[i];
                bool usable = !rule->profile || profile_is_there(config, rule);

                buf_reset(&match);
                buf_reset(&text);
                match_text(rule, &match);
                rule_text(config, rule, &text);
                json_array_append_new(array, json_pack("{s:s, s:s, s:s, s:s?, s:s?, s:b, s:b, s:s}", "name",
                                                       rule->name, "match", buf_string(&match), "mode",
                                                       mode_name(rule->mode), "profile", rule->profile,
                                                       "policy", rule->policy, "usable", usable, "refuse",
                                                       rule->refuse, "means", buf_string(&text)));
        }
        buf_deinit(&match);
        buf_deinit(&text);
        return array;
}

static json_t *outlets_json(const struct config *config) {
        struct buf text = BUF_INIT(65536);
        json_t *array = json_array();

        for (size_t i = 0; i < config->n_outlets; i++) {
                buf_reset(&text);
                outlet_text(&config->outlets[i], &text);
                json_array_append_new(array, json_pack("{s:s, s:s}", "name", config->outlets[i].name,
                                                       "means", buf_string(&text)));
        }
        buf_deinit(&text);
        return array;
}

static json_t *diags_json(const struct diags *diags) {
        static const char *const severities[] = { "info", "warning", "error" };
        json_t *array = json_array();

        for (size_t i = 0; i < diags->n; i++) {
                const struct diag *diag = &diags->items[i];

                json_array_append_new(array,
                                      json_pack("{s:s, s:s?, s:s?, s:s?, s:i, s:i, s:s}", "severity",
                                                severities[diag->severity], "id", diag->id, "file",
                                                diag->file, "place", diag->place, "line", (int)diag->line,
                                                "column", (int)diag->column, "text", diag->text));
        }
        return array;
}

/* config NULL: it is wrong. */
static int print_json(const struct config *config, const struct diags *diags) {
        json_t *root = json_pack("{s:b, s:o}", "valid", config != NULL, "findings", diags_json(diags));
        int r;

        if (config && root) {
                json_object_set_new(root, "file", config->path ? json_string(config->path) : json_null());
                json_object_set_new(root, "node", json_string(config->node));
                json_object_set_new(root, "state", json_string(config->state));
                json_object_set_new(root, "keeper", json_string(keeper_name(config->keeper)));
                json_object_set_new(root, "metrics",
                                    config->metrics ? json_string(config->metrics) : json_null());
                json_object_set_new(root, "sockets", sockets_json(config));
                json_object_set_new(root, "sessions", rules_json(config));
                json_object_set_new(root, "outlets", outlets_json(config));
        }
        r = root ? json_dumpf(root, stdout, JSON_INDENT(2)) : -1;
        json_decref(root);
        putchar('\n');
        return r ? EXIT_TROUBLE : 0;
}

static void say_summary(const char *path, const struct diags *diags) {
        fprintf(stderr, "%s: %zu error%s, %zu warning%s\n", path ? path : "callgated", diags->n_errors,
                diags->n_errors == 1 ? "" : "s", diags->n_warnings, diags->n_warnings == 1 ? "" : "s");
}

int config_check(const char *path, bool json) {
        struct diags diags = DIAGS_INIT;
        struct config *config = NULL;
        int r = config_read_file(path, &diags, &config), code = r ? EXIT_WRONG : 0;

        if (r < 0) {
                fprintf(stderr, "callgated: %s\n", error_describe(r));
                code = EXIT_TROUBLE;
        } else if (json) {
                code = print_json(config, &diags) ? EXIT_TROUBLE : code;
        } else {
                diags_print(&diags, stderr, DIAG_INFO, isatty(STDERR_FILENO));
                if (config) {
                        printf("%s: good\n", config->path ? config->path : "no file, all by default");
                        print_config(config);
                } else {
                        say_summary(path, &diags);
                }
        }
        diags_deinit(&diags);
        config_free(config);
        if (fflush(stdout) != 0 && !code)
                code = EXIT_TROUBLE;
        return code;
}
