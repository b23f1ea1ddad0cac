/* SPDX-License-Identifier: Apache-2.0 */

/* Written profiles: the text itself, and that reading it gives the same model, for every field and for the
 * real profiles where CALLGATE_CORPUS says where they are. */

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/read.h"
#include "policy/write_oci.h"
#include "syscalls/names.h"

static struct profile *read_text(const char *text) {
        struct diags diags = DIAGS_INIT;
        struct profile *profile = NULL;

        cr_assert_eq(profile_read(text, strlen(text), &diags, &profile), 0, "%s", text);
        diags_deinit(&diags);
        return profile;
}

static char *write_text(const struct profile *profile) {
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(profile_write_oci(profile, &buf), 0);
        return buf.data;
}

static void expect_texts(char *const *one, size_t n_one, char *const *other, size_t n_other) {
        cr_assert_eq(n_one, n_other);
        for (size_t i = 0; i < n_one; i++)
                cr_expect_str_eq(one[i], other[i]);
}

static void expect_text(const char *one, const char *other) {
        cr_assert_eq(one == NULL, other == NULL);
        if (one)
                cr_expect_str_eq(one, other);
}

static void expect_when(const struct rule_when *one, const struct rule_when *other) {
        expect_texts(one->caps, one->n_caps, other->caps, other->n_caps);
        expect_texts(one->arches, one->n_arches, other->arches, other->n_arches);
        cr_expect_eq(one->kernel_set, other->kernel_set);
        cr_expect_eq(one->kernel_major, other->kernel_major);
        cr_expect_eq(one->kernel_minor, other->kernel_minor);
}

static void expect_rule(const struct rule *one, const struct rule *other) {
        expect_texts(one->names, one->n_names, other->names, other->n_names);
        cr_expect_eq(one->action, other->action);
        cr_expect_eq(one->errno_set, other->errno_set);
        cr_expect_eq(one->legacy_name, other->legacy_name);
        cr_assert_eq(one->n_conditions, other->n_conditions);
        for (size_t i = 0; i < one->n_conditions; i++) {
                cr_expect_eq(one->conditions[i].index, other->conditions[i].index);
                cr_expect_eq(one->conditions[i].op, other->conditions[i].op);
                cr_expect_eq(one->conditions[i].value, other->conditions[i].value);
                cr_expect_eq(one->conditions[i].value_two, other->conditions[i].value_two);
        }
        expect_when(&one->includes, &other->includes);
        expect_when(&one->excludes, &other->excludes);
        expect_text(one->comment, other->comment);
}

/* Does anything in it need more than the runtime specification's form? An empty "includes" makes a file
 * docker's without leaving a trace in the model. */
static bool needs_dialect(const struct profile *profile) {
        bool needs = profile->n_arch_maps > 0 ||
                     (profile->dialect == DIALECT_CONTAINERS && profile->default_errno_set);

        for (size_t i = 0; i < profile->n_rules; i++) {
                const struct rule *rule = profile->rules + i;

                needs |= rule_is_conditional(rule) || rule->legacy_name ||
                         (profile->dialect == DIALECT_CONTAINERS && rule->errno_set);
        }
        return needs;
}

static void expect_same(const struct profile *one, const struct profile *other) {
        if (needs_dialect(one))
                cr_expect_eq(one->dialect, other->dialect);
        cr_expect_eq(one->default_set, other->default_set);
        cr_expect_eq(one->default_action, other->default_action);
        cr_expect_eq(one->default_errno_set, other->default_errno_set);
        cr_expect_eq(one->flags, other->flags);
        cr_expect_eq(one->flags_set, other->flags_set);
        expect_text(one->listener_path, other->listener_path);
        expect_text(one->listener_metadata, other->listener_metadata);
        cr_assert_eq(one->n_archs, other->n_archs);
        for (size_t i = 0; i < one->n_archs; i++)
                cr_expect_str_eq(one->archs[i].name, other->archs[i].name);
        cr_assert_eq(one->n_arch_maps, other->n_arch_maps);
        for (size_t i = 0; i < one->n_arch_maps; i++) {
                const struct profile_arch_map *x = one->arch_maps + i, *y = other->arch_maps + i;

                cr_expect_str_eq(x->arch.name, y->arch.name);
                cr_assert_eq(x->n_subs, y->n_subs);
                for (size_t k = 0; k < x->n_subs; k++)
                        cr_expect_str_eq(x->subs[k].name, y->subs[k].name);
        }
        cr_assert_eq(one->n_rules, other->n_rules);
        for (size_t i = 0; i < one->n_rules; i++)
                expect_rule(one->rules + i, other->rules + i);
}

Test(write_oci, layout) {
        struct profile *profile;
        struct rule *rule;
        char *text;

        cr_assert_eq(profile_new(&profile), 0);
        profile->default_set = true;
        profile->default_action = SECCOMP_RET_ERRNO | EPERM;
        profile->default_errno_set = true;
        cr_assert_eq(profile_add_arch(profile, arch_by_any("x86_64")), 0);
        cr_assert_eq(profile_add_rule(profile, &rule), 0);
        cr_assert_eq(rule_add_name(rule, "read"), 0);
        cr_assert_eq(rule_add_name(rule, "write"), 0);
        cr_assert_eq(rule_add_condition(rule, 2, CONDITION_MASKED_EQ, UINT64_MAX, 7), 0);
        text = write_text(profile);
        cr_expect_str_eq(text, "{\n"
                               "\t\"defaultAction\": \"SCMP_ACT_ERRNO\",\n"
                               "\t\"defaultErrnoRet\": 1,\n"
                               "\t\"architectures\": [\n"
                               "\t\t\"SCMP_ARCH_X86_64\"\n"
                               "\t],\n"
                               "\t\"syscalls\": [\n"
                               "\t\t{\n"
                               "\t\t\t\"names\": [\n"
                               "\t\t\t\t\"read\",\n"
                               "\t\t\t\t\"write\"\n"
                               "\t\t\t],\n"
                               "\t\t\t\"action\": \"SCMP_ACT_ALLOW\",\n"
                               "\t\t\t\"args\": [\n"
                               "\t\t\t\t{\n"
                               "\t\t\t\t\t\"index\": 2,\n"
                               "\t\t\t\t\t\"value\": 18446744073709551615,\n"
                               "\t\t\t\t\t\"valueTwo\": 7,\n"
                               "\t\t\t\t\t\"op\": \"SCMP_CMP_MASKED_EQ\"\n"
                               "\t\t\t\t}\n"
                               "\t\t\t]\n"
                               "\t\t}\n"
                               "\t]\n"
                               "}\n");
        free(text);
        profile_free(profile);
}

static const char *const texts[] = {
        "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}",
        "{\"defaultAction\": \"SCMP_ACT_KILL\", \"syscalls\": []}",
        "{\"defaultAction\": \"SCMP_ACT_KILL_PROCESS\", \"flags\": []}",
        "{\"defaultAction\": \"SCMP_ACT_LOG\", \"flags\": [\"SECCOMP_FILTER_FLAG_SPEC_ALLOW\","
        "\"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\", \"SECCOMP_FILTER_FLAG_LOG\"],"
        "\"listenerPath\": \"/run/a \\\"b\\\" \\u00e9\\n.sock\", \"listenerMetadata\": \"{}\"}",
        "{\"defaultAction\": \"SCMP_ACT_TRACE\", \"defaultErrnoRet\": 5, \"architectures\": "
        "[\"SCMP_ARCH_S390X\","
        "\"SCMP_ARCH_RISCV64\"], \"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_TRAP\"}]}",
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86_64\","
        "\"subArchitectures\": [\"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\"]}, {\"architecture\": "
        "\"SCMP_ARCH_S390X\","
        "\"subArchitectures\": []}], \"syscalls\": ["
        "{\"name\": \"read\", \"action\": \"SCMP_ACT_ALLOW\", \"comment\": \"why\\tnot\"},"
        "{\"names\": [\"clone\", \"no_such_call\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 0,"
        " \"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"], \"minKernel\": \"4.8\"},"
        " \"excludes\": {\"arches\": [\"s390x\", \"amd64\"], \"caps\": [\"CAP_BPF\", \"CAP_PERFMON\"]},"
        " \"args\": [{\"index\": 0, \"value\": 2114060288, \"valueTwo\": 0, \"op\": \"SCMP_CMP_MASKED_EQ\"},"
        "            {\"index\": 0, \"value\": 18446744073709551615, \"op\": \"SCMP_CMP_NE\"},"
        "            {\"index\": 5, \"value\": 1, \"op\": \"SCMP_CMP_LT\"}, {\"index\": 1, \"value\": 1, "
        "\"op\": \"SCMP_CMP_LE\"},"
        "            {\"index\": 2, \"value\": 1, \"op\": \"SCMP_CMP_EQ\"}, {\"index\": 3, \"value\": 1, "
        "\"op\": \"SCMP_CMP_GE\"},"
        "            {\"index\": 4, \"value\": 1, \"op\": \"SCMP_CMP_GT\"}]},"
        "{\"names\": [], \"action\": \"SCMP_ACT_NOTIFY\"}]}",
        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"defaultErrno\": \"ENOSYS\","
        "\"syscalls\": [{\"names\": [\"bdflush\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 1, "
        "\"errno\": \"EPERM\","
        "\"args\": [], \"comment\": \"\", \"includes\": {}, \"excludes\": {}}]}",
};

Test(write_oci, reading_back_gives_the_same_model) {
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct profile *first = read_text(texts[i]), *second;
                char *once = write_text(first), *twice;

                second = read_text(once);
                expect_same(first, second);
                twice = write_text(second);
                cr_expect_str_eq(once, twice);
                free(once);
                free(twice);
                profile_free(first);
                profile_free(second);
        }
}

Test(write_oci, real_profiles_come_back) {
        const char *corpus = getenv("CALLGATE_CORPUS");
        struct dirent *entry;
        char path[4096];
        unsigned n = 0;
        DIR *folder;

        if (!corpus)
                cr_skip_test("CALLGATE_CORPUS is not set");
        snprintf(path, sizeof(path), "%s/profiles", corpus);
        folder = opendir(path);
        if (!folder)
                cr_skip_test("no folder of profiles");
        while ((entry = readdir(folder))) {
                struct diags diags = DIAGS_INIT;
                struct profile *first = NULL, *second;
                char *text;

                snprintf(path, sizeof(path), "%s/profiles/%s", corpus, entry->d_name);
                if (entry->d_name[0] != '.' && strstr(entry->d_name, ".json") &&
                    profile_read_file(path, &diags, &first) == 0 && first->default_set) {
                        text = write_text(first);
                        second = read_text(text);
                        expect_same(first, second);
                        free(text);
                        profile_free(second);
                        n++;
                }
                profile_free(first);
                diags_deinit(&diags);
        }
        closedir(folder);
        cr_expect_gt(n, 20);
}

Test(write_oci, a_rule_alone_is_an_object_to_paste) {
        struct rule rule = { .action = SECCOMP_RET_ALLOW };
        struct profile *profile;
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(rule_add_name(&rule, "mount"), 0);
        buf_puts(&buf, "{\"defaultAction\": \"SCMP_ACT_KILL\", \"syscalls\": [");
        cr_assert_eq(profile_write_rule(&rule, DIALECT_OCI, 2, &buf), 0);
        buf_puts(&buf, "]}");
        profile = read_text(buf_string(&buf));
        cr_assert_eq(profile->n_rules, 1);
        expect_rule(&rule, profile->rules);
        profile_free(profile);
        rule_deinit(&rule);
        buf_deinit(&buf);
}

Test(write_oci, text_that_is_no_utf8_is_an_error) {
        struct profile *profile;
        struct buf buf = BUF_INIT(0);

        cr_assert_eq(profile_new(&profile), 0);
        profile->listener_path = strdup("/run/\xff");
        cr_expect_eq(profile_write_oci(profile, &buf), -EILSEQ);
        profile_free(profile);
        buf_deinit(&buf);
}
