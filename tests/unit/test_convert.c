/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions: what is lost, what stands for it, and that reading what was written gives the same model in
 * every dialect. */

#include "policy/convert.h"
#include "policy/read.h"
#include "policy_fixture.h"
#include "profile_same.h"

#include <dirent.h>

#define ALL (CONTEXT_ARCH | CONTEXT_CAPS | CONTEXT_KERNEL)

static const char *const dialect_texts[] = { "oci", "docker", "containers", "spo" };

static struct profile_context chosen(unsigned given) {
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");

        context.given = given;
        return context;
}

static struct profile *read_text(const char *text) {
        struct diags diags = DIAGS_INIT;
        struct profile *profile = NULL;
        int r = profile_read(text, strlen(text), &diags, &profile);

        if (r)
                diags_print(&diags, stderr, DIAG_INFO, false);
        cr_assert_eq(r, 0, "%s", text);
        diags_deinit(&diags);
        return profile;
}

static struct profile *convert(const struct profile *profile, enum profile_dialect to, unsigned given,
                               struct diags *losses) {
        struct profile_context context = chosen(given);
        struct convert_options options = { .to = to, .context = &context };
        struct profile *made = NULL;

        cr_assert_eq(profile_convert(profile, &options, losses, &made), 0);
        cr_assert_eq(made->dialect, to);
        return made;
}

/* Written and read back, in one form. */
static void expect_return(const struct profile *made, bool json, const char *what) {
        struct profile_read_options options = { .dialect_set = true, .dialect = made->dialect };
        cleanup_profile struct profile *again = NULL, *third = NULL;
        struct buf text = BUF_INIT(0), second = BUF_INIT(0);
        struct diags diags = DIAGS_INIT;
        const char *difference;
        int r;

        cr_assert_eq(profile_write(made, json, &text), 0);
        r = profile_read_as(text.data, text.n, &options, &diags, &again);
        if (r)
                diags_print(&diags, stderr, DIAG_ERROR, false);
        cr_assert_eq(r, 0, "%s as %s:\n%.2000s", what, dialect_texts[made->dialect], text.data);
        difference = profiles_differ(made, again);
        cr_assert_null(difference, "%s as %s: %s differs:\n%.3000s", what, dialect_texts[made->dialect],
                       difference ? difference : "", text.data);
        cr_assert_eq(again->dialect, made->dialect);
        cr_assert_eq(profile_write(again, json, &second), 0);
        cr_assert_str_eq(text.data, second.data);
        for (size_t i = 0; i < diags.n; i++)
                cr_assert(!diags.items[i].id || (strcmp(diags.items[i].id, "foreign-field") &&
                                                 strcmp(diags.items[i].id, "unknown-field")),
                          "%s: %s", what, diags.items[i].text);
        buf_deinit(&text);
        buf_deinit(&second);
        diags_deinit(&diags);
}

static void expect_all_dialects(const struct profile *profile, const char *what) {
        for (int to = DIALECT_OCI; to <= DIALECT_SPO; to++) {
                struct diags losses = DIAGS_INIT;
                cleanup_profile struct profile *made =
                        convert(profile, (enum profile_dialect)to, ALL, &losses);

                expect_return(made, true, what);
                if (to == DIALECT_SPO)
                        expect_return(made, false, what);
                /* What has all the words loses nothing. */
                if (to == DIALECT_DOCKER && profile->dialect != DIALECT_SPO) {
                        cr_assert_eq(losses.n, 0, "%s: %s", what, losses.n ? losses.items[0].text : "");
                        cr_assert_null(profiles_differ(profile, made), "%s", what);
                }
                diags_deinit(&losses);
        }
}

Test(convert, random_profiles_return) {
        uint64_t seed = 0x9e3779b97f4a7c15;

        for (int i = 0; i < 1500; i++) {
                cleanup_profile struct profile *profile = random_profile(&seed, i % 3 != 0);
                char what[32];

                snprintf(what, sizeof(what), "random %d", i);
                expect_all_dialects(profile, what);
        }
}

Test(convert, corpus_returns) {
        const char *root = getenv("CALLGATE_CORPUS");
        static const char *const folders[] = { "profiles", "odd" };
        size_t n = 0;

        if (!root)
                cr_skip_test("CALLGATE_CORPUS is not set");
        for (size_t i = 0; i < 2; i++) {
                char path[4096];
                struct dirent *entry;
                DIR *folder;

                snprintf(path, sizeof(path), "%s/%s", root, folders[i]);
                folder = opendir(path);
                cr_assert_not_null(folder);
                while ((entry = readdir(folder))) {
                        cleanup_profile struct profile *profile = NULL;
                        struct diags diags = DIAGS_INIT;
                        size_t length = strlen(path);

                        if (entry->d_name[0] == '.')
                                continue;
                        snprintf(path + length, sizeof(path) - length, "/%s", entry->d_name);
                        if (!profile_read_file(path, &diags, &profile)) {
                                expect_all_dialects(profile, entry->d_name);
                                n++;
                        }
                        path[length] = '\0';
                        diags_deinit(&diags);
                }
                closedir(folder);
        }
        cr_assert_gt(n, 100);
}

#define RULES(rules) "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" rules "]}"
#define RULE(more)   "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"" more "}"
#define RESOURCE(spec)                                                                                      \
        "apiVersion: security-profiles-operator.x-k8s.io/v1\nkind: SeccompProfile\nmetadata: {name: a}\n"   \
        "spec: {defaultAction: SCMP_ACT_ERRNO" spec "}\n"

Test(convert, losses) {
        static const struct {
                const char *text;
                enum profile_dialect to;
                unsigned given;
                const char *id, *place; /* id NULL: nothing is lost */
        } rows[] = {
                { RULES(RULE("")), DIALECT_SPO, 0, NULL, NULL },
                { RULES(RULE(",\"includes\":{\"caps\":[\"CAP_BPF\"]}")), DIALECT_OCI, 0, "lost-capabilities",
                  "syscalls[0]" },
                { RULES(RULE(",\"includes\":{\"caps\":[\"CAP_BPF\"]}")), DIALECT_OCI, CONTEXT_CAPS, NULL,
                  NULL },
                { RULES(RULE(",\"includes\":{\"caps\":[\"CAP_BPF\"]}")), DIALECT_CONTAINERS, 0, NULL, NULL },
                { RULES(RULE(",\"excludes\":{\"arches\":[\"amd64\"]}")), DIALECT_SPO, CONTEXT_CAPS,
                  "lost-architectures", "syscalls[0]" },
                { RULES(RULE(",\"includes\":{\"minKernel\":\"4.8\"}")), DIALECT_CONTAINERS, 0,
                  "lost-kernels", "syscalls[0]" },
                { RULES(RULE(",\"includes\":{\"minKernel\":\"4.8\"}")), DIALECT_DOCKER, 0, NULL, NULL },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[{\"architecture\":\"SCMP_ARCH_S390X\"}"
                  "]}",
                  DIALECT_OCI, 0, "lost-architectures", "archMap" },
                { RULES(RULE(",\"comment\":\"x\"")), DIALECT_OCI, ALL, "lost-comments", "syscalls[0]" },
                { RULES(RULE(",\"comment\":\"x\"")), DIALECT_CONTAINERS, ALL, NULL, NULL },
                { "{}", DIALECT_OCI, ALL, "lost-no-filter", NULL },
                { "{}", DIALECT_DOCKER, ALL, NULL, NULL },
                { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":38}", DIALECT_SPO, ALL,
                  "lost-default-errno", "defaultErrnoRet" },
                { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1}", DIALECT_SPO, ALL, NULL,
                  NULL },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"x\"],\"action\":"
                  "\"SCMP_ACT_ERRNO\",\"errnoRet\":0}]}",
                  DIALECT_SPO, ALL, "lost-errno-zero", "syscalls[0]" },
                { RULES(RULE(
                          ",\"args\":[{\"index\":0,\"op\":\"SCMP_CMP_EQ\",\"value\":9223372036854775808}]")),
                  DIALECT_SPO, ALL, "lost-large-value", "syscalls[0]" },
                { RULES(RULE(
                          ",\"args\":[{\"index\":0,\"op\":\"SCMP_CMP_EQ\",\"value\":9223372036854775807}]")),
                  DIALECT_SPO, ALL, NULL, NULL },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/run/a\"}", DIALECT_SPO, ALL,
                  "lost-listener", "listenerPath" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/var/run/"
                  "security-profiles-operator/a.sock\"}",
                  DIALECT_SPO, ALL, NULL, NULL },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[\"SCMP_ARCH_LOONGARCH64\"]}",
                  DIALECT_SPO, ALL, "lost-architecture", "architectures" },
                { "{\"defaultAction\":\"SCMP_ACT_NOTIFY\"}", DIALECT_SPO, ALL, "lost-default-notify",
                  "defaultAction" },
                { RESOURCE(", baseProfileName: b"), DIALECT_OCI, ALL, "lost-base-profile",
                  "spec.baseProfileName" },
                { RESOURCE(", baseProfileName: b"), DIALECT_SPO, ALL, NULL, NULL },
                { RESOURCE(", state: Disabled"), DIALECT_OCI, ALL, "lost-disabled", "spec" },
                { RESOURCE(""), DIALECT_OCI, ALL, NULL, NULL },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_profile struct profile *profile = read_text(rows[i].text);
                struct diags losses = DIAGS_INIT;
                cleanup_profile struct profile *made = convert(profile, rows[i].to, rows[i].given, &losses);

                if (rows[i].id) {
                        cr_expect_eq(losses.n, 1, "row %zu: %zu losses", i, losses.n);
                        cr_expect(diags_find(&losses, rows[i].id, rows[i].place, NULL), "row %zu: %s", i,
                                  losses.n ? losses.items[0].text : "nothing lost");
                } else {
                        cr_expect_eq(losses.n, 0, "row %zu: %s", i, losses.n ? losses.items[0].text : "");
                }
                diags_deinit(&losses);
        }
}

/* Deciding conditions before or after the conversion gives the same filter. */
Test(convert, decided_rules_mean_the_same) {
        struct fixture before, after;
        struct diags losses = DIAGS_INIT;
        cleanup_profile struct profile *made = NULL;
        struct buf text = BUF_INIT(0);

        cr_assert_eq(fixture_file(&before, ROWS "docker-form.json", "SCMP_ARCH_X86_64"), 0);
        made = convert(before.profile, DIALECT_OCI, ALL, &losses);
        cr_assert_eq(profile_write(made, false, &text), 0);
        cr_assert_eq(fixture_text(&after, text.data), 0);
        cr_assert_eq(before.filter.n, after.filter.n);
        cr_assert_arr_eq(before.filter.insns, after.filter.insns,
                         before.filter.n * sizeof(struct sock_filter));
        buf_deinit(&text);
        diags_deinit(&losses);
        fixture_deinit(&before);
        fixture_deinit(&after);
}

Test(convert, large_split_rule_is_taken_apart) {
        cleanup_profile struct profile *profile = NULL;
        struct diags losses = DIAGS_INIT;
        cleanup_profile struct profile *made = NULL;
        struct rule *rule;

        cr_assert_eq(profile_new(&profile), 0);
        profile->default_set = true;
        cr_assert_eq(profile_add_rule(profile, &rule), 0);
        rule->action = SECCOMP_RET_ERRNO | 1;
        cr_assert_eq(rule_add_name(rule, "ioctl"), 0);
        cr_assert_eq(rule_add_name(rule, "ioctl"), 0);
        for (unsigned i = 0; i < 9; i++)
                cr_assert_eq(rule_add_condition(rule, 1, CONDITION_EQ, i, 0), 0);
        made = convert(profile, DIALECT_SPO, ALL, &losses);
        cr_expect_eq(losses.n, 0);
        cr_assert_eq(made->n_rules, 9);
        for (unsigned i = 0; i < 9; i++) {
                cr_expect_eq(made->rules[i].n_names, 1);
                cr_expect_eq(made->rules[i].n_conditions, 1);
                cr_expect_eq(made->rules[i].conditions[0].value, i);
        }
        diags_deinit(&losses);
}

Test(convert, names_of_resources) {
        static const struct {
                const char *file, *asked, *expect;
        } rows[] = {
                { NULL, NULL, "profile" },       { "/a/b/Strict_Web.json", NULL, "strict-web" },
                { "---.json", NULL, "profile" }, { "x", "given", "given" },
                { ".json", NULL, "json" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_profile struct profile *profile = read_text(RULES(RULE("")));
                struct profile_context context = chosen(ALL);
                struct convert_options options = { .to = DIALECT_SPO,
                                                   .context = &context,
                                                   .name = rows[i].asked };
                struct diags losses = DIAGS_INIT;
                cleanup_profile struct profile *made = NULL;

                cr_assert_eq(profile_set_text(&profile->file, rows[i].file), 0);
                cr_assert_eq(profile_convert(profile, &options, &losses, &made), 0);
                cr_expect_str_eq(made->name, rows[i].expect);
                diags_deinit(&losses);
        }
}

/* A list of names that is as long as a file can hold takes no time that grows with its square. */
Test(convert, many_names, .timeout = 60) {
        cleanup_profile struct profile *profile = NULL;
        struct diags losses = DIAGS_INIT;
        cleanup_profile struct profile *made = NULL;
        struct rule *rule;

        cr_assert_eq(profile_new(&profile), 0);
        profile->default_set = true;
        cr_assert_eq(profile_add_rule(profile, &rule), 0);
        for (unsigned i = 0; i < 130000; i++) {
                char name[16];

                snprintf(name, sizeof(name), "n%u", i % 65000);
                cr_assert_eq(rule_add_name(rule, name), 0);
        }
        made = convert(profile, DIALECT_SPO, ALL, &losses);
        cr_assert_eq(made->rules[0].n_names, 65000);
        cr_expect_str_eq(made->rules[0].names[0], "n0");
        cr_expect_str_eq(made->rules[0].names[64999], "n64999");
        diags_deinit(&losses);
}
