/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done with a session: rules, what runtimes send, and names of profiles by strangers. */

#include "supervisor/service/config.h"

#include <criterion/criterion.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/buf.h"
#include "policy/simulate.h"
#include "syscalls/names.h"

const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}

static char folder[64]; /* with "in" (the profile folder) and "out" beside it */

static void put(const char *name, const char *text) {
        char path[256];
        FILE *file;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
}

static const char web[] = "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"mkdir\", "
                          "\"mkdirat\"], \"action\": \"SCMP_ACT_ERRNO\"}]}";
/* What docker writes: mkdir is refused unless the container has a capability that few have. */
static const char conditional[] =
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"names\": [\"mkdirat\"], \"action\": "
        "\"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}}, {\"names\": [\"read\"], "
        "\"action\": \"SCMP_ACT_ALLOW\"}]}";

static const char policy[] = "default: { errno: ENOSYS }\nrules: [ { syscalls: read, do: allow } ]";

static void make_folders(void) {
        char path[256], target[256];

        snprintf(folder, sizeof(folder), "/tmp/callgate-assign-XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        for (int i = 0; i < 3; i++) {
                snprintf(path, sizeof(path), "%s/%s", folder,
                         ((const char *[]){ "in", "out", "in/sub" })[i]);
                cr_assert_eq(mkdir(path, 0700), 0);
        }
        put("in/web.json", web);
        put("in/plain.yaml", web);
        put("in/sub/deep.json", web);
        put("in/conditional.json", conditional);
        put("in/broken.json", "{\"defaultAction\": \"SCMP_ACT_NEVER\"}");
        put("in/empty.json", "{}");
        put("out/secret.json", web);
        snprintf(path, sizeof(path), "%s/in/link.json", folder);
        snprintf(target, sizeof(target), "%s/out/secret.json", folder);
        cr_assert_eq(symlink(target, path), 0);
        snprintf(path, sizeof(path), "%s/in/up.json", folder);
        cr_assert_eq(symlink("../out/secret.json", path), 0);
        snprintf(path, sizeof(path), "%s/in/inner.json", folder);
        cr_assert_eq(symlink("sub/deep.json", path), 0);
        snprintf(path, sizeof(path), "%s/in/pipe.json", folder);
        cr_assert_eq(mkfifo(path, 0600), 0);
}

static void remove_folders(void) {
        char command[128];

        snprintf(command, sizeof(command), "rm -rf %s", folder);
        cr_assert_eq(system(command), 0);
}

TestSuite(config_assign, .init = make_folders, .fini = remove_folders);

/* FOLDER in the text stands for ours. */
static struct config *read_text(const char *text) {
        struct buf buf = BUF_INIT(0);
        struct config *config = NULL;
        struct diags diags = DIAGS_INIT;
        const char *at;
        int r;

        buf_printf(&buf, "profiles: %s/in\n", folder);
        while ((at = strstr(text, "FOLDER"))) {
                buf_put(&buf, text, (size_t)(at - text));
                buf_puts(&buf, folder);
                text = at + 6;
        }
        buf_puts(&buf, text);
        r = config_read(buf_string(&buf), buf.n, &diags, &config);
        if (r)
                diags_print(&diags, stderr, DIAG_INFO, false);
        cr_assert_eq(r, 0, "%s", buf_string(&buf));
        diags_deinit(&diags);
        buf_deinit(&buf);
        return config;
}

static uint32_t verdict(const struct filter *filter, int nr) {
        struct seccomp_data data = { .nr = nr, .arch = arch_native()->audit };

        return filter_simulate(filter, &data, NULL);
}

static const char rules[] =
        "sessions:\n"
        "  - { match: { namespace: prod, pod: \"web-*\" }, mode: dry-run, profile: web }\n"
        "  - { match: { namespace: prod, pod: \"*-db\" }, mode: enforce, profile: web.json,\n"
        "      all: true, runtime: include }\n"
        "  - { match: { image: \"reg/*:9\" }, refuse: true }\n"
        "  - { match: { metadata: { team: blue } }, mode: record }\n"
        "  - { match: { metadata: plain }, name: by-text }\n"
        "  - { match: { uid: 1000 }, trust: metadata }\n"
        "  - { match: { pod: gone }, mode: enforce, profile: gone.json }\n"
        "  - { match: { pod: caps }, profile: conditional, capabilities: all }\n"
        "  - { match: { pod: policy }, policy: FOLDER/out/policy.yaml }\n";

#define NONE 0
#define DRY  WIRE_MODE_DRY_RUN
#define REC  WIRE_MODE_RECORD
#define ENF  WIRE_MODE_ENFORCE

Test(config_assign, the_first_rule_that_fits_decides) {
        static const struct {
                const char *labels; /* "name=value name=value" */
                uint32_t uid;
                const char *metadata;
                const char *rule;
                enum wire_mode mode; /* NONE: refused */
                const char *profile;
                const char *problem; /* words; NULL: none */
        } rows[] = {
                { "namespace=prod pod=web-1", 0, NULL, "sessions[0]", DRY, "web", NULL },
                { "namespace=prod pod=web-", 0, NULL, "sessions[0]", DRY, "web", NULL },
                { "namespace=test pod=web-1", 0, NULL, NULL, REC, NULL, NULL },
                { "pod=web-1", 0, NULL, NULL, REC, NULL, NULL },
                { "namespace=prod pod=my-db", 0, NULL, "sessions[1]", ENF, "web.json", NULL },
                { "image=reg/a:9", 0, NULL, "sessions[2]", NONE, NULL, NULL },
                { "image=reg/a:98", 0, NULL, NULL, REC, NULL, NULL },
                { "", 0, "{\"team\": \"blue\", \"profile\": \"web\"}", "sessions[3]", REC, NULL, NULL },
                { "", 0, " plain\n", "by-text", DRY, "plain", NULL },
                { "", 0, "{\"profile\": \"plain\", \"mode\": \"record\"}", "by-text", REC, NULL, NULL },
                { "pod=gone", 0, NULL, "sessions[6]", NONE, NULL, "gone.json" },
                /* no rule: what the runtime sent decides, within bounds */
                { "", 5, "web.json", NULL, DRY, "web.json", NULL },
                { "", 5, "sub/deep", NULL, DRY, "sub/deep", NULL },
                { "", 5, "inner", NULL, DRY, "inner", NULL },
                { "", 5, "{\"mode\": \"dry-run\", \"profile\": \"web.json\"}", NULL, DRY, "web.json", NULL },
                { "", 5, "{\"mode\": \"record\"}", NULL, REC, NULL, NULL },
                { "", 5, "{\"mode\": \"dry-run\"}", NULL, REC, NULL, "names a profile" },
                { "", 5, "{\"mode\": \"enforce\", \"profile\": \"web\"}", NULL, DRY, "web", "trust" },
                { "", 5, "{\"mode\": \"policy\", \"profile\": \"web\"}", NULL, DRY, "web",
                  "may be dry-run" },
                { "", 5, "{\"policy\": \"/etc/passwd\"}", NULL, REC, NULL, NULL },
                { "", 5, "", NULL, REC, NULL, NULL },
                { "", 5, "{", NULL, REC, NULL, "\"{\"" },
                { "", 1000, "{\"mode\": \"enforce\", \"profile\": \"web\"}", "sessions[5]", ENF, "web",
                  NULL },
                /* what dry-run-profile writes */
                { "", 5, "{\"profile\":\"web.json\",\"digest\":\"sha256:00\"}", NULL, DRY, "web.json",
                  "no longer" },
                { "", 5, "{\"profile\":\"web.json\",\"metadata\":\"{\\\"mode\\\":\\\"record\\\"}\"}", NULL,
                  REC, NULL, NULL },
                { "", 5, "{\"profile\":\"web.json\",\"metadata\":\"for me\"}", NULL, DRY, "web.json", NULL },
                /* names by strangers */
                { "", 5, "../out/secret.json", NULL, REC, NULL, "leads out" },
                { "", 5, "sub/../../out/secret.json", NULL, REC, NULL, "leads out" },
                { "", 5, "up.json", NULL, REC, NULL, "leads out" },
                { "", 5, "link.json", NULL, REC, NULL, "leads out" },
                { "", 5, "/etc/passwd", NULL, REC, NULL, "No such file" },
                { "", 5, "pipe.json", NULL, REC, NULL, "plain file" },
                { "", 5, ".", NULL, REC, NULL, "plain file" },
                { "", 5, "sub", NULL, REC, NULL, "plain file" },
                { "", 5, "broken", NULL, REC, NULL, "SCMP_ACT_NEVER" },
                { "", 5, "empty", NULL, REC, NULL, "" },
                { "", 5, "no\tsuch", NULL, REC, NULL, "no\\tsuch" },
        };
        struct config *config;

        put("out/policy.yaml", policy);
        config = read_text(rules);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct labels labels = LABELS_INIT;
                struct assignment assignment;
                char *copy = strdup(rows[i].labels), *save = NULL;

                for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
                        char *value = strchr(word, '=');

                        *value = '\0';
                        labels_set(&labels, word, value + 1);
                }
                cr_assert_eq(config_assign(config, &labels, rows[i].uid, rows[i].metadata, &assignment), 0);
                cr_expect_eq(assignment.refused, rows[i].mode == NONE, "row %zu", i);
                cr_expect_eq(assignment.mode, rows[i].mode, "row %zu: mode %d", i, assignment.mode);
                cr_expect_str_eq(assignment.rule ?: "", rows[i].rule ?: "", "row %zu", i);
                cr_expect_str_eq(assignment.profile ?: "", rows[i].profile ?: "", "row %zu", i);
                cr_expect_eq(assignment.filter.n > 0, rows[i].profile != NULL, "row %zu", i);
                if (rows[i].problem)
                        cr_expect(strlen(assignment.problem) && strstr(assignment.problem, rows[i].problem),
                                  "row %zu: %s", i, assignment.problem);
                else
                        cr_expect_str_eq(assignment.problem, "", "row %zu", i);
                if (assignment.filter.n)
                        cr_expect_eq(verdict(&assignment.filter, SYS_mkdirat) & SECCOMP_RET_ACTION_FULL,
                                     SECCOMP_RET_ERRNO, "row %zu", i);
                assignment_deinit(&assignment);
                labels_deinit(&labels);
                free(copy);
        }
        config_free(config);
}

Test(config_assign, launchers_choose_but_for_refusals) {
        struct config *config = read_text("sessions:\n"
                                          "  - { match: { unit: \"trusted-*\" }, mode: record }\n"
                                          "  - { match: { uid: 7 }, refuse: true }\n");
        struct labels labels = LABELS_INIT;

        cr_expect(config_refuses(config, &labels, 7));
        cr_expect_not(config_refuses(config, &labels, 8));
        labels_set(&labels, "unit", "trusted-web.service");
        cr_expect_not(config_refuses(config, &labels, 7), "the first rule that fits decides");
        labels_deinit(&labels);
        config_free(config);
}

static void assign_pod(const struct config *config, const char *pod, struct assignment *ret) {
        struct labels labels = LABELS_INIT;

        labels_set(&labels, "pod", pod);
        cr_assert_eq(config_assign(config, &labels, 0, NULL, ret), 0);
        labels_deinit(&labels);
}

Test(config_assign, a_policy_comes_as_it_was_when_the_rule_was_read) {
        struct assignment assignment;
        struct config *config;

        put("out/policy.yaml", policy);
        config = read_text(rules);
        put("out/policy.yaml", "rules: [");
        assign_pod(config, "policy", &assignment);
        cr_expect_eq(assignment.mode, WIRE_MODE_POLICY);
        cr_expect(strstr(assignment.policy, "\"syscalls\""));
        cr_expect(strstr(assignment.policy_path, "/out/policy.yaml"));
        cr_expect_str_eq(assignment.problem, "");
        cr_expect_eq(verdict(&assignment.filter, SYS_mkdirat) & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ERRNO);
        assignment_deinit(&assignment);
        config_free(config);
}

Test(config_assign, capabilities_decide_conditions_of_a_profile) {
        struct config *config =
                read_text("sessions:\n"
                          "  - { match: { pod: all }, profile: conditional, capabilities: all }\n"
                          "  - { match: { pod: usual }, profile: conditional }\n");
        struct assignment all, usual;

        assign_pod(config, "all", &all);
        assign_pod(config, "usual", &usual);
        cr_expect_eq(verdict(&all.filter, SYS_mkdirat), SECCOMP_RET_ALLOW);
        cr_expect_neq(verdict(&usual.filter, SYS_mkdirat), SECCOMP_RET_ALLOW);
        cr_expect_eq(verdict(&usual.filter, SYS_read), SECCOMP_RET_ALLOW);
        assignment_deinit(&all);
        assignment_deinit(&usual);
        config_free(config);
}

Test(config_assign, a_changed_profile_is_read_again) {
        struct config *config = read_text("");
        struct labels labels = LABELS_INIT;
        struct assignment before, after;
        char path[128], other[128];

        cr_assert_eq(config_assign(config, &labels, 0, "web", &before), 0);
        put("in/new.json", "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": [\"rmdir\"], "
                           "\"action\": \"SCMP_ACT_ERRNO\"}]}");
        snprintf(path, sizeof(path), "%s/in/new.json", folder);
        snprintf(other, sizeof(other), "%s/in/web.json", folder);
        cr_assert_eq(rename(path, other), 0);
        cr_assert_eq(config_assign(config, &labels, 0, "web", &after), 0);
        cr_expect_neq(verdict(&before.filter, SYS_mkdirat), SECCOMP_RET_ALLOW);
        cr_expect_eq(verdict(&after.filter, SYS_mkdirat), SECCOMP_RET_ALLOW);
        assignment_deinit(&before);
        assignment_deinit(&after);
        config_free(config);
}

static atomic_bool over;

static void *rename_on(void *data) {
        char path[128], other[128];

        (void)data;
        snprintf(path, sizeof(path), "%s/out/here", folder);
        snprintf(other, sizeof(other), "%s/out/there", folder);
        while (!over) {
                rename(path, other);
                rename(other, path);
        }
        return NULL;
}

/* The kernel gives up a lookup that must not lead out, and comes to "..", when anything is renamed meanwhile
 * anywhere. */
Test(config_assign, a_rename_elsewhere_makes_no_difference) {
        struct config *config = read_text("");
        struct labels labels = LABELS_INIT;
        pthread_t thread;

        put("out/here", "");
        cr_assert_eq(pthread_create(&thread, NULL, rename_on, NULL), 0);
        for (int i = 0; i < 2000; i++) {
                struct assignment good, bad;

                cr_assert_eq(config_assign(config, &labels, 0, "sub/../web", &good), 0);
                cr_assert_eq(good.mode, WIRE_MODE_DRY_RUN, "%d: %s", i, good.problem);
                cr_assert_eq(config_assign(config, &labels, 0, "sub/../../out/secret.json", &bad), 0);
                cr_assert(strstr(bad.problem, "leads out"), "%d: %s", i, bad.problem);
                assignment_deinit(&good);
                assignment_deinit(&bad);
        }
        over = true;
        pthread_join(thread, NULL);
        config_free(config);
}

/* More profiles than are kept, and one of them a thousand times. */
Test(config_assign, many_containers_and_many_profiles) {
        struct config *config = read_text("");
        struct labels labels = LABELS_INIT;
        struct assignment assignment;
        char name[64];

        for (int i = 0; i < 600; i++) {
                snprintf(name, sizeof(name), "in/p%d.json", i);
                put(name, web);
                cr_assert_eq(config_assign(config, &labels, 0, name + 3, &assignment), 0);
                cr_assert_eq(assignment.mode, WIRE_MODE_DRY_RUN);
                assignment_deinit(&assignment);
        }
        for (int i = 0; i < 1000; i++) {
                cr_assert_eq(config_assign(config, &labels, 0, "web", &assignment), 0);
                cr_assert_gt(assignment.filter.n, 0);
                assignment_deinit(&assignment);
        }
        config_free(config);
}

Test(config_assign, metadata_without_bounds_is_left_alone) {
        struct config *config = read_text("");
        struct labels labels = LABELS_INIT;
        struct assignment assignment;
        char *text = malloc(200000);

        memset(text, 'a', 199999);
        text[199999] = '\0';
        cr_assert_eq(config_assign(config, &labels, 0, text, &assignment), 0);
        cr_expect_eq(assignment.mode, WIRE_MODE_RECORD);
        assignment_deinit(&assignment);
        text[60000] = '\0';
        cr_assert_eq(config_assign(config, &labels, 0, text, &assignment), 0);
        cr_expect_eq(assignment.mode, WIRE_MODE_RECORD);
        cr_expect(assignment.problem[0]);
        assignment_deinit(&assignment);
        memset(text, '[', 60000);
        cr_assert_eq(config_assign(config, &labels, 0, text, &assignment), 0);
        cr_expect_eq(assignment.mode, WIRE_MODE_RECORD);
        assignment_deinit(&assignment);
        free(text);
        config_free(config);
}

Test(config_assign, who_controls_the_service_chooses) {
        static const struct {
                enum wire_mode mode;
                const char *profile, *policy; /* FOLDER stands in front of '/' */
                const char *words;            /* NULL: good */
        } rows[] = {
                { WIRE_MODE_RECORD, NULL, NULL, NULL },
                { WIRE_MODE_DRY_RUN, "web", NULL, NULL },
                { WIRE_MODE_ENFORCE, "/out/secret.json", NULL, NULL },
                { WIRE_MODE_POLICY, NULL, "/out/policy.yaml", NULL },
                { WIRE_MODE_DRY_RUN, "../out/secret.json", NULL, "leads out" },
                { WIRE_MODE_DRY_RUN, "broken", NULL, "SCMP_ACT_NEVER" },
                { WIRE_MODE_DRY_RUN, NULL, NULL, "take a profile" },
                { WIRE_MODE_RECORD, "web", NULL, "take a profile" },
                { WIRE_MODE_POLICY, NULL, NULL, "takes a policy" },
                { WIRE_MODE_RECORD, NULL, "/out/policy.yaml", "no other" },
                { WIRE_MODE_POLICY, NULL, "policy.yaml", "not absolute" },
                { WIRE_MODE_POLICY, NULL, "/out/none.yaml", "cannot be read" },
        };
        struct config *config = read_text("");

        put("out/policy.yaml", policy);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char profile[128], path[128];
                struct diags diags = DIAGS_INIT;
                struct assignment assignment;
                int r;

                snprintf(profile, sizeof(profile), "%s%s",
                         rows[i].profile && *rows[i].profile == '/' ? folder : "", rows[i].profile ?: "");
                snprintf(path, sizeof(path), "%s%s", rows[i].policy && *rows[i].policy == '/' ? folder : "",
                         rows[i].policy ?: "");
                r = config_choose(config, rows[i].mode, rows[i].profile ? profile : NULL,
                                  rows[i].policy ? path : NULL, &diags, &assignment);
                cr_expect_eq(r, rows[i].words ? CONFIG_E_INVALID : 0, "row %zu", i);
                cr_expect_eq(diags.n_errors > 0, rows[i].words != NULL, "row %zu", i);
                if (rows[i].words && diags.n)
                        cr_expect(strstr(diags.items[0].text, rows[i].words), "row %zu: %s", i,
                                  diags.items[0].text);
                if (!r) {
                        cr_expect_eq(assignment.mode, rows[i].mode);
                        cr_expect_eq(assignment.filter.n > 0, rows[i].mode != WIRE_MODE_RECORD, "row %zu",
                                     i);
                        cr_expect_eq(assignment.policy != NULL, rows[i].mode == WIRE_MODE_POLICY);
                }
                assignment_deinit(&assignment);
                diags_deinit(&diags);
        }
        config_free(config);
}
