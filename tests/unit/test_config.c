/* SPDX-License-Identifier: Apache-2.0 */
/* Configurations of the service: what holds by default, what is written, and where mistakes are said to be.
 */

#include "supervisor/service/config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

static struct config *read_text(const char *text) {
        struct config *config = NULL;
        struct diags diags = DIAGS_INIT;
        int r = config_read(text, strlen(text), &diags, &config);

        if (r)
                diags_print(&diags, stderr, DIAG_INFO, false);
        cr_assert_eq(r, 0, "%s", text);
        diags_deinit(&diags);
        return config;
}

Test(config, works_without_a_file) {
        struct config *config = NULL;
        struct diags diags = DIAGS_INIT;

        cr_assert_eq(config_read("", 0, &diags, &config), 0);
        cr_expect_eq(diags.n, 0);
        cr_expect_null(config->path);
        cr_expect_eq(*config->state, '/');
        cr_expect_eq(*config->agent.path, '/');
        cr_expect_eq(*config->control.path, '/');
        cr_expect_eq(config->agent.mode, 0600);
        cr_expect_eq(config->agent.gid, (gid_t)-1);
        cr_expect_eq(config->n_oci, 1);
        cr_expect_null(config->metrics);
        cr_expect_eq(config->keeper, CONFIG_KEEPER_AUTO);
        cr_expect_eq(config->n_rules, 0);
        cr_expect_eq(config->n_profile_folders, 1);
        cr_expect_eq(config->mode, 0);
        cr_expect_eq(config->interval_ns, UINT64_C(10000000000));
        cr_assert_eq(config->n_outlets, 1);
        cr_expect_eq(config->outlets[0].kind, CONFIG_OUTLET_FILE);
        cr_expect_str_eq(config->outlets[0].name, "file");
        cr_expect_gt(config->limits.sessions, 1000);
        cr_expect_gt(strlen(config->node), 0);
        config_free(config);
        diags_deinit(&diags);
}

Test(config, an_empty_file_says_nothing) {
        static const char *const texts[] = { "", "\n\n", "# nothing\n  # at all", "---\n", "{}", "null" };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct config *config = read_text(texts[i]);

                cr_expect_eq(config->n_outlets, 1);
                config_free(config);
        }
}

static const char whole[] =
        "state: /srv/callgate\n"
        "node: node-7\n"
        "mode: record\n"
        "sockets:\n"
        "  agent: { path: /run/x/agent.sock, mode: \"0640\", users: any }\n"
        "  oci: [ /run/x/a.sock, { path: \"@oci\", users: any } ]\n"
        "  control: { path: /run/x/control.sock, group: root }\n"
        "  metrics: 127.0.0.1:9464\n"
        "profiles: [ /etc/x, profiles ]\n"
        "sessions:\n"
        "  - match: { namespace: prod, pod: \"web-*\", annotation.team: 7 }\n"
        "    mode: dry-run\n"
        "    trust: nothing\n"
        "  - { name: mine, match: { uid: 1000, metadata: { policy: web } }, mode: record, all: true,\n"
        "      runtime: include }\n"
        "  - { match: { uid: root }, refuse: true }\n"
        "  - { capabilities: [ default, sys_admin ], trust: metadata }\n"
        "events:\n"
        "  interval: 1m\n"
        "  outlets:\n"
        "    - file: { path: /var/log/x, format: json, rotate: { size: 64M, age: 1d, count: 3 } }\n"
        "    - journal\n"
        "    - journal: { what: refusals }\n"
        "    - forward: { address: \"tcp:127.0.0.1:24224\", tag: cg, acknowledge: false, name: fluent,\n"
        "                 buffer: { path: /var/lib/x, size: 256M }, chunk: { size: 2M, age: 5s },\n"
        "                 acknowledge-wait: 30s, shared-key: secret }\n"
        "limits: { sessions: 12, sessions-per-uid: 3, connections: 4, connections-per-uid: 5,\n"
        "          event-bytes: 1M, event-bytes-per-uid: 2M, calls-in-flight: 6, ended: 0 }\n"
        "keeper: { kind: process, wait: 2m }\n";

Test(config, every_key_has_its_place) {
        struct config *config = read_text(whole);

        cr_expect_str_eq(config->state, "/srv/callgate");
        cr_expect_str_eq(config->node, "node-7");
        cr_expect_eq(config->mode, WIRE_MODE_RECORD);
        cr_expect_str_eq(config->agent.path, "/run/x/agent.sock");
        cr_expect_eq(config->agent.mode, 0640);
        cr_expect(config->agent.any_uid);
        cr_assert_eq(config->n_oci, 2);
        cr_expect_str_eq(config->oci[0].path, "/run/x/a.sock");
        cr_expect_eq(config->oci[0].mode, 0600);
        cr_expect_str_eq(config->oci[1].path, "@oci");
        cr_expect_eq(config->oci[1].mode, 0666, "any user, and no mode written");
        cr_expect_str_eq(config->control.group, "root");
        cr_expect_eq(config->control.gid, 0);
        cr_expect_eq(config->control.mode, 0660, "a group, and no mode written");
        cr_expect_str_eq(config->metrics, "127.0.0.1:9464");
        cr_assert_eq(config->n_profile_folders, 2);
        cr_expect_str_eq(config->profile_folders[0], "/etc/x");
        cr_expect_eq(*config->profile_folders[1], '/');
        cr_expect_eq(config->interval_ns, UINT64_C(60000000000));
        cr_expect_eq(config->keeper, CONFIG_KEEPER_PROCESS);
        cr_expect_eq(config->keeper_wait_ns, UINT64_C(120000000000));
        config_free(config);
}

Test(config, rules_have_their_fields) {
        struct config *config = read_text(whole);
        const struct config_rule *rules = config->rules;

        cr_assert_eq(config->n_rules, 4);
        cr_expect_str_eq(rules[0].name, "sessions[0]");
        cr_expect_str_eq(labels_get(&rules[0].match, "pod"), "web-*");
        cr_expect_str_eq(labels_get(&rules[0].match, "annotation.team"), "7");
        cr_expect_eq(rules[0].mode, WIRE_MODE_DRY_RUN);
        cr_expect_not(rules[0].has_uid);
        cr_expect_str_eq(rules[1].name, "mine");
        cr_expect(rules[1].has_uid);
        cr_expect_eq(rules[1].uid, 1000);
        cr_expect_str_eq(labels_get(&rules[1].metadata, "policy"), "web");
        cr_expect(rules[1].all);
        cr_expect(rules[1].include_runtime);
        cr_expect(rules[2].refuse);
        cr_expect(rules[2].has_uid);
        cr_expect_eq(rules[2].uid, 0);
        cr_expect_eq(rules[3].caps, UINT64_C(0xa80425fb) | 1u << 21);
        cr_expect(rules[3].trust_metadata);
        cr_expect_eq(rules[3].mode, 0);
        config_free(config);
}

Test(config, outlets_and_limits_have_their_fields) {
        struct config *config = read_text(whole);
        const struct config_outlet *outlets = config->outlets;

        cr_assert_eq(config->n_outlets, 4);
        cr_expect_str_eq(outlets[0].path, "/var/log/x");
        cr_expect(outlets[0].json);
        cr_expect_eq(outlets[0].rotate_bytes, 64 << 20);
        cr_expect_eq(outlets[0].rotate_ns, UINT64_C(86400000000000));
        cr_expect_eq(outlets[0].rotate_count, 3);
        cr_expect_str_eq(outlets[1].name, "journal");
        cr_expect_eq(outlets[2].kind, CONFIG_OUTLET_JOURNAL);
        cr_expect_str_eq(outlets[2].name, "journal-2");
        cr_expect(outlets[2].only_refusals);
        cr_expect_str_eq(outlets[3].name, "fluent");
        cr_expect_str_eq(outlets[3].address, "tcp:127.0.0.1:24224");
        cr_expect_str_eq(outlets[3].tag, "cg");
        cr_expect_not(outlets[3].acknowledge);
        cr_expect_eq(outlets[3].ack_ns, UINT64_C(30000000000));
        cr_expect_str_eq(outlets[3].buffer_path, "/var/lib/x");
        cr_expect_eq(outlets[3].buffer_bytes, 256 << 20);
        cr_expect_eq(outlets[3].chunk_bytes, 2 << 20);
        cr_expect_eq(outlets[3].flush_ns, UINT64_C(5000000000));
        cr_expect_str_eq(outlets[3].shared_key, "secret");
        cr_expect_eq(config->limits.sessions, 12);
        cr_expect_eq(config->limits.sessions_per_uid, 3);
        cr_expect_eq(config->limits.connections, 4);
        cr_expect_eq(config->limits.connections_per_uid, 5);
        cr_expect_eq(config->limits.event_bytes, 1 << 20);
        cr_expect_eq(config->limits.event_bytes_per_uid, 2 << 20);
        cr_expect_eq(config->limits.calls_in_flight, 6);
        cr_expect_eq(config->limits.ended, 0);
        config_free(config);
}

Test(config, what_is_off_is_not_there) {
        struct config *config = read_text("sockets: { agent: off, oci: off, control: false, metrics: off }\n"
                                          "events: { outlets: [] }");

        cr_expect_null(config->agent.path);
        cr_expect_null(config->control.path);
        cr_expect_null(config->metrics);
        cr_expect_eq(config->n_oci, 0);
        cr_expect_eq(config->n_outlets, 0);
        config_free(config);
}

Test(config, a_socket_keeps_its_path_beside_other_words) {
        struct config *config = read_text("{\"sockets\": {\"agent\": {\"users\": \"any\"}}}");

        cr_expect(strstr(config->agent.path, "/agent.sock"));
        cr_expect(config->agent.any_uid);
        config_free(config);
}

/* Parts of a running service point to them. */
Test(config, places_stay_the_same_over_any_number_of_reloads) {
        struct config *config = read_text("state: /a\n"
                                          "sockets: {agent: /a/agent, control: /a/control, "
                                          "metrics: '127.0.0.1:1', oci: [/a/1, /a/2]}\n"
                                          "keeper: none\n");
        const char *state = config->state, *agent = config->agent.path, *control = config->control.path,
                   *metrics = config->metrics, *oci = config->oci[1].path;

        for (int i = 0; i < 3; i++) {
                struct config *next = read_text("state: /b\n"
                                                "sockets: {agent: {path: /b/agent, users: any}, "
                                                "control: /b/control, oci: /b/1}\n"
                                                "keeper: process\n"
                                                "limits: {ended: 7}\n");

                config_stay(next, config);
                config_free(config);
                config = next;
                cr_expect_eq(config->limits.ended, 7);
        }
        cr_expect_eq(config->state, state);
        cr_expect_eq(config->agent.path, agent);
        cr_expect_not(config->agent.any_uid);
        cr_expect_eq(config->control.path, control);
        cr_expect_eq(config->metrics, metrics);
        cr_expect_eq(config->keeper, CONFIG_KEEPER_NONE);
        cr_assert_eq(config->n_oci, 2);
        cr_expect_eq(config->oci[1].path, oci);
        cr_expect_str_eq(config->state, "/a");
        config_free(config);
}

Test(config, the_default_outlet_follows_state) {
        struct config *config = read_text("state: /srv/cg");

        cr_expect_str_eq(config->outlets[0].path, "/srv/cg/events");
        config_free(config);
}

Test(config, files_beside_each_other) {
        struct config *config = read_text("events: { outlets: [ { file: { path: /x/e } }, { file: { path: "
                                          "/x/e.9 } }, { file: { path: /x/e.01 } }, { file: { path: /x/e. "
                                          "} }, { file: { path: /y/e } }, { file: { path: /x/ee } }, "
                                          "{ file: { path: /x/e.1.gz } } ] }");

        cr_expect_eq(config->n_outlets, 7);
        config_free(config);
}

Test(config, says_what_is_wrong_and_where) {
        static const struct {
                const char *text;
                const char *words; /* of the first error */
                const char *place; /* "": none */
                unsigned line, column;
        } rows[] = {
                { "sesions: []", "did you mean sessions?", "sesions", 1, 10 },
                { "events:\n  intervall: 1s", "did you mean interval?", "events.intervall", 2, 14 },
                { "events:\n  interval: soon", "\"soon\" is not a time", "events.interval", 2, 13 },
                { "events: { interval: 1ms }", "10ms or more", "events.interval", 1, 21 },
                { "limits: { event-bytes: much }", "is not a size", "limits.event-bytes", 1, 24 },
                { "limits: { sessions: 0 }", "1 or more", "limits.sessions", 1, 21 },
                { "limits: { sessions: -1 }", "negative", "limits.sessions", 1, 21 },
                { "sessions: [ { mode: dryrun } ]", "did you mean dry-run?", "sessions[0].mode", 1, 21 },
                { "sessions: [ { mode: policy } ]", "lacks \"policy\"", "sessions[0]", 1, 13 },
                { "sessions: [ { refuse: true, mode: record } ]", "leaves nothing", "sessions[0]", 1, 13 },
                { "sessions: [ { policy: /x, mode: enforce } ]", "mode: policy", "sessions[0]", 1, 13 },
                { "sessions: [ { policy: /nowhere.yaml } ]", "cannot be read", "", 0, 0 },
                { "sessions: [ { match: { uid: no-such-user-here } } ]", "there is no user",
                  "sessions[0].match.uid", 1, 29 },
                { "sessions: [ { match: { pod: [ a ] } } ]", "is not a text", "sessions[0].match.pod", 1,
                  29 },
                { "sessions: [ { capabilities: CAP_SYS_ADMN } ]", "did you mean CAP_SYS_ADMIN?",
                  "sessions[0].capabilities", 1, 29 },
                { "sockets: { agent: run/x }", "begins neither", "sockets.agent", 1, 19 },
                { "sockets: { agent: { path: /x, mode: \"0888\" } }", "is not the mode",
                  "sockets.agent.mode", 1, 37 },
                { "sockets: { agent: { path: /x, mode: 12345 } }", "is not the mode", "sockets.agent.mode",
                  1, 37 },
                { "sockets: { agent: { path: /x, mode: \"060\" } }", "keeps its owner out",
                  "sockets.agent.mode", 1, 37 },
                { "sockets: { agent: { path: /x, group: no-such-group } }", "there is no group",
                  "sockets.agent.group", 1, 38 },
                { "sockets: { agent: /x, control: /x }", "path of two", "", 0, 0 },
                { "sockets: { metrics: 9464 }", "is not an address", "sockets.metrics", 1, 21 },
                { "sockets: { metrics: \"0.0.0.0:9464\" }", "of this machine alone", "sockets.metrics", 1,
                  21 },
                { "sockets: { metrics: \"127.0.0.1:99999\" }", "is not an address", "sockets.metrics", 1,
                  21 },
                { "events: { outlets: [ { file: {} } ] }", "lacks \"path\"", "events.outlets[0].file", 1,
                  30 },
                { "events: { outlets: [ { fil: {} } ] }", "did you mean file?", "events.outlets[0].fil", 1,
                  29 },
                { "events: { outlets: [ { forward: { address: \"udp:x:1\" } } ] }", "is not an address",
                  "events.outlets[0].forward.address", 1, 44 },
                { "events: { outlets: [ { journal: {}, file: { path: /x } } ] }", "one outlet",
                  "events.outlets[0]", 1, 22 },
                { "events: { outlets: [ { journal: { name: a } }, { journal: { name: a } } ] }",
                  "another outlet", "events.outlets[1]", 1, 48 },
                { "events: { outlets: [ { file: { path: /x/e } }, { file: { path: /x/e } } ] }",
                  "the outlet file writes to \"/x/e\" already", "events.outlets[1]", 1, 48 },
                { "events: { outlets: [ { file: { path: /x/e, name: first } }, journal, "
                  "{ file: { path: /./x//e, format: json } } ] }",
                  "the outlet first writes", "events.outlets[2]", 1, 70 },
                { "events: { outlets: [ { file: { path: /usr/e } }, { file: { path: /usr/bin/../e } } ] }",
                  "the outlet file writes", "events.outlets[1]", 1, 50 },
                { "events: { outlets: [ { file: { path: /x/e } }, { file: { path: /x/e.8 } } ] }",
                  "older files", "events.outlets[1]", 1, 48 },
                { "events: { outlets: [ { file: { path: /x/e.3 } }, { file: { path: /x/e } } ] }",
                  "older files", "events.outlets[1]", 1, 50 },
                { "keeper: systemdd", "did you mean systemd?", "keeper", 1, 9 },
                { "state:", "has no value", "state", 0, 0 },
                { "[ 1 ]", "is not an object", "", 1, 1 },
                { "state: [", "", "", 1, 0 },
                { "{\"state\": 1}", "is not a path", "state", 1, 11 },
                { "a: 1\n---\nb: 1", "a configuration is one", "", 0, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct config *config = NULL;
                struct diags diags = DIAGS_INIT;
                int r = config_read(rows[i].text, strlen(rows[i].text), &diags, &config);

                cr_assert_eq(r, CONFIG_E_INVALID, "%s is refused", rows[i].text);
                cr_assert_gt(diags.n_errors, 0);
                cr_expect(strstr(diags.items[0].text, rows[i].words), "%s: %s", rows[i].text,
                          diags.items[0].text);
                if (*rows[i].place)
                        cr_expect_str_eq(diags.items[0].place ?: "", rows[i].place, "%s", rows[i].text);
                if (rows[i].column) {
                        cr_expect_eq(diags.items[0].line, rows[i].line, "%s: line %u", rows[i].text,
                                     diags.items[0].line);
                        cr_expect_eq(diags.items[0].column, rows[i].column, "%s: column %u", rows[i].text,
                                     diags.items[0].column);
                }
                diags_deinit(&diags);
        }
}

Test(config, warns_of_what_is_doubtful) {
        static const struct {
                const char *text, *id;
        } rows[] = {
                { "sessions: [ { mode: record }, { mode: record } ]", "unreached" },
                { "sessions: [ { match: { nampespace: x }, mode: record } ]", "unknown-label" },
                { "sessions: [ { match: { pod: x }, mode: dry-run, profile: no-such } ]", "no-profile" },
                { "sessions: [ { match: { pod: x }, mode: record, profile: x } ]", "idle-profile" },
                { "sessions: [ { match: { pod: x }, mode: record, trust: metadata } ]", "idle-trust" },
                { "sockets: { agent: \"@callgate\" }", "abstract-socket" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct config *config = NULL;
                struct diags diags = DIAGS_INIT;

                cr_assert_eq(config_read(rows[i].text, strlen(rows[i].text), &diags, &config), 0, "%s",
                             rows[i].text);
                cr_assert_eq(diags.n_warnings, 1, "%s", rows[i].text);
                cr_expect_str_eq(diags.items[0].id, rows[i].id);
                config_free(config);
                diags_deinit(&diags);
        }
}

Test(config, a_missing_file_is_said) {
        struct config *config = NULL;
        struct diags diags = DIAGS_INIT;

        cr_assert_eq(config_read_file("/nowhere/callgated.yaml", &diags, &config), CONFIG_E_INVALID);
        cr_expect(strstr(diags.items[0].text, "cannot be read"));
        cr_expect_str_eq(diags.items[0].file, "/nowhere/callgated.yaml");
        diags_deinit(&diags);
}
