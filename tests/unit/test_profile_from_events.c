/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile from-events over the recordings of a fleet: the union, where each call was seen, counts
 * that came in parts. */

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/audit.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "proto/event_file.h"
#include "tests/unit/verb_fixture.h"

#define NODES 1000

static char folder[] = "/tmp/callgate-fleet.XXXXXX", profile[64], evidence[64];

static void setup(void) {
        cr_assert_not_null(mkdtemp(folder));
        snprintf(profile, sizeof(profile), "%s/out.json", folder);
        snprintf(evidence, sizeof(evidence), "%s/why.json", folder);
}

static void teardown(void) {
        char command[64];

        snprintf(command, sizeof(command), "rm -r %s", folder);
        cr_assert_eq(system(command), 0);
}

TestSuite(profile_from_events, .init = setup, .fini = teardown, .timeout = 300);

static void put_call(struct buf *buf, uint64_t session, uint32_t nr, uint64_t count, uint32_t flags) {
        struct event event = {
                .count = count, .arch = AUDIT_ARCH_X86_64, .nr = nr, .source = session, .flags = flags
        };

        strcpy(event.comm, "app");
        cr_assert_eq(event_file_put_event(buf, &event), 0);
}

static void put_session(struct buf *buf, uint64_t session, unsigned node, const char *pod) {
        struct event_source source = { .number = session, .mode = WIRE_MODE_RECORD };
        char name[32];

        snprintf(name, sizeof(name), "node-%u", node);
        labels_set(&source.labels, "node", name);
        labels_set(&source.labels, "namespace", "shop");
        labels_set(&source.labels, "pod", pod);
        labels_set(&source.labels, "container", "main");
        cr_assert_eq(event_file_put_source(buf, &source), 0);
        event_source_deinit(&source);
}

/* All nodes: getpid in two parts by web, getppid by db. Node 7 alone: mkdir by web. */
static void put_node(unsigned node, bool whole) {
        const struct ledger ledger = { .received = 7, .answered = 7, .recorded = 7, .written = 7 };
        struct buf buf = BUF_INIT(0);
        char path[96], pod[32];
        int fd;

        event_file_put_header(&buf, "callgated", node);
        snprintf(pod, sizeof(pod), "web-%u", node);
        put_session(&buf, 1, node, pod);
        put_call(&buf, 1, 39, 3, 0);
        put_session(&buf, 2, node, "db-0");
        put_call(&buf, 2, 110, 1, 0);
        put_call(&buf, 1, 39, 2, 0);
        put_call(&buf, 1, 161, 1, EVENT_RUNTIME); /* chroot, by the runtime */
        if (node == 7)
                put_call(&buf, 1, 83, 1, 0);
        if (whole)
                event_file_put_ledger(&buf, &ledger);
        snprintf(path, sizeof(path), "%s/node-%u", folder, node);
        cr_assert_eq(mkdir(path, 0700), 0);
        snprintf(path, sizeof(path), "%s/node-%u/calls.events", folder, node);
        fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        cr_assert_geq(fd, 0);
        cr_assert_eq(fd_write_all(fd, buf.data, buf.n), 0);
        fd_close(fd);
        buf_deinit(&buf);
}

static json_t *load(const char *path) {
        json_t *root = json_load_file(path, 0, NULL);

        cr_assert_not_null(root, "%s", path);
        return root;
}

static json_t *call_of(json_t *why, const char *name) {
        json_t *calls = json_object_get(why, "calls");

        for (size_t i = 0; i < json_array_size(calls); i++)
                if (strcmp(json_string_value(json_object_get(json_array_get(calls, i), "name")), name) == 0)
                        return json_array_get(calls, i);
        return NULL;
}

static json_int_t number(json_t *object, const char *key) {
        return json_integer_value(json_object_get(object, key));
}

static bool allows(json_t *root, const char *name) {
        json_t *rules = json_object_get(root, "syscalls");

        for (size_t i = 0; i < json_array_size(rules); i++) {
                json_t *names = json_object_get(json_array_get(rules, i), "names");

                for (size_t k = 0; k < json_array_size(names); k++)
                        if (strcmp(json_string_value(json_array_get(names, k)), name) == 0)
                                return true;
        }
        return false;
}

Test(profile_from_events, a_thousand_nodes) {
        json_t *root, *why, *place;

        for (unsigned i = 0; i < NODES; i++)
                put_node(i, true);
        cr_assert_eq(VERB_RUN(profile_verb_from_events, "from-events", "-o", profile, "--evidence", evidence,
                              folder),
                     0);
        root = load(profile);
        why = load(evidence);
        cr_expect(allows(root, "getpid"));
        cr_expect(allows(root, "getppid"));
        cr_expect(allows(root, "mkdir"));
        cr_expect_not(allows(root, "chroot"), "the runtime's own");
        cr_expect_eq(number(why, "nodes_count"), NODES);
        cr_expect_eq(number(why, "places_count"), 2 * NODES);
        cr_expect_eq(number(call_of(why, "getpid"), "count"), 5 * NODES, "parts are added up");
        cr_expect_eq(number(call_of(why, "getpid"), "nodes_count"), NODES);
        cr_expect_eq(json_array_size(json_object_get(call_of(why, "getpid"), "places")), 8);
        cr_expect_eq(number(call_of(why, "mkdir"), "places_count"), 1);
        place = json_array_get(json_object_get(call_of(why, "mkdir"), "places"), 0);
        cr_expect_str_eq(json_string_value(json_object_get(place, "node")), "node-7");
        cr_expect_str_eq(json_string_value(json_object_get(place, "pod")), "web-7");
        cr_expect_str_eq(json_string_value(json_object_get(place, "container")), "main");
        cr_expect_eq(number(json_object_get(why, "ledger"), "received"), 7 * NODES);
        json_decref(root);
        json_decref(why);
}

Test(profile_from_events, of_some_pods) {
        json_t *root;

        for (unsigned i = 5; i < 9; i++)
                put_node(i, true);
        cr_assert_eq(
                VERB_RUN(profile_verb_from_events, "from-events", "-o", profile, "--pod", "db-*", folder),
                0);
        root = load(profile);
        cr_expect(allows(root, "getppid"));
        cr_expect_not(allows(root, "mkdir"));
        json_decref(root);
        cr_assert_eq(VERB_RUN(profile_verb_from_events, "from-events", "-o", profile, "--with-runtime",
                              "--label", "pod=web-*", "--node=node-8", folder),
                     0);
        root = load(profile);
        cr_expect(allows(root, "getpid"));
        cr_expect(allows(root, "chroot"));
        cr_expect_not(allows(root, "getppid"));
        cr_expect_not(allows(root, "mkdir"));
        json_decref(root);
        cr_expect_eq(
                VERB_RUN(profile_verb_from_events, "from-events", "-o", profile, "--pod", "none", folder),
                EXIT_USAGE, "nothing fits");
}

Test(profile_from_events, one_of_many_was_cut_short) {
        put_node(1, true);
        put_node(2, false);
        cr_expect_eq(VERB_RUN(profile_verb_from_events, "from-events", "-o", profile, folder),
                     EXIT_INCOMPLETE);
        cr_expect_eq(VERB_RUN(profile_verb_from_events, "from-events", "-o", profile, "--allow-incomplete",
                              folder),
                     0);
}
