/* SPDX-License-Identifier: Apache-2.0 */
/* Every answer of the reader: fine, fine with a warning, refused, each with its place and words. */

#include "policy_fixture.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

struct row {
        const char *text;
        int result;
        const char *id, *place, *says; /* one diag that must be there; all NULL: there must be none */
};

#define RULES(rules)    "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [" rules "]}"
#define RULE(fields)    RULES("{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"" fields "}")
#define ARG(fields)     RULE(", \"args\": [{" fields "}]")
#define PROFILE(fields) "{\"defaultAction\": \"SCMP_ACT_ERRNO\"" fields "}"

static const struct row rows[] = {
        { "{}", 0, NULL, NULL, NULL },
        { "{\"defaultAction\": \"SCMP_ACT_LOG\"}", 0, NULL, NULL, NULL },
        { RULE(""), 0, NULL, NULL, NULL },
        { RULE(", \"args\": null, \"comment\": null, \"includes\": {}, \"excludes\": null"), 0, NULL, NULL,
          NULL },
        { ARG("\"index\": 5, \"value\": 18446744073709551615, \"op\": \"SCMP_CMP_EQ\""), 0, NULL, NULL,
          NULL },
        { ARG("\"index\": 0, \"value\": 1, \"valueTwo\": 1, \"op\": \"SCMP_CMP_MASKED_EQ\""), 0, NULL, NULL,
          NULL },
        { "{\"ociVersion\": \"1.1.0\", \"linux\": {\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ALLOW\"}}}",
          0, NULL, NULL, NULL },

        /* syntax, with a position that is none of the test's business here */
        { "", PROFILE_E_INVALID, NULL, NULL, "" },
        { "{", PROFILE_E_INVALID, NULL, NULL, "" },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\",}", PROFILE_E_INVALID, NULL, NULL, "" },
        { "{} {}", PROFILE_E_INVALID, NULL, NULL, "end of file expected" },
        { "{\"defaultAction\": \"\\ud800\"}", PROFILE_E_INVALID, NULL, NULL, "" },
        { "{\"defaultAction\": \"\xff\"}", PROFILE_E_INVALID, NULL, NULL, "decode byte 0xff" },
        { PROFILE(", \"listenerPath\": \"\\u0001x\""), PROFILE_E_INVALID, NULL, NULL, "control character" },
        { "{\"defaultAction\": 1e999}", PROFILE_E_INVALID, NULL, NULL, "overflow" },

        /* not a profile */
        { "[]", PROFILE_E_INVALID, NULL, NULL, "an array is not a profile" },
        { "{\"name\": \"x\", \"version\": \"1\"}", PROFILE_E_INVALID, NULL, NULL, "not a seccomp profile" },
        { "{\"ociVersion\": \"1.0\", \"linux\": {}}", PROFILE_E_INVALID, NULL, NULL, "no linux.seccomp" },

        /* the whole */
        { "{\"defaultAction\": \"SCMP_ACT_ALOW\"}", PROFILE_E_INVALID, NULL, "defaultAction",
          "\"SCMP_ACT_ALOW\" is not an action; did you mean SCMP_ACT_ALLOW?" },
        { "{\"defaultAction\": 5}", PROFILE_E_INVALID, NULL, "defaultAction",
          "5 is not the name of an action" },
        { "{\"defaultAction\": \"\", \"syscalls\": [{\"names\": [\"read\"], \"action\": \"SCMP_ACT_LOG\"}]}",
          PROFILE_E_INVALID, NULL, NULL, "no defaultAction" },
        { PROFILE(", \"defaultErrnoRet\": -1"), PROFILE_E_INVALID, NULL, "defaultErrnoRet",
          "-1 is negative" },
        { PROFILE(", \"defaultErrnoRet\": 1.5"), PROFILE_E_INVALID, NULL, "defaultErrnoRet",
          "whole number" },
        { PROFILE(", \"defaultErrnoRet\": 70000"), PROFILE_E_INVALID, NULL, "defaultErrnoRet", "too large" },
        { PROFILE(", \"defaultErrnoRet\": 5000"), 0, "errno-large", "defaultErrnoRet", "4095" },
        { PROFILE(", \"defaultErrno\": \"ENOSYS\""), 0, NULL, NULL, NULL },
        { PROFILE(", \"defaultErrno\": \"ENOSUCH\""), PROFILE_E_INVALID, NULL, "defaultErrno",
          "not the name" },
        { PROFILE(", \"defaultErrno\": \"ENOSYS\", \"defaultErrnoRet\": 1"), 0, "errno-conflict",
          "defaultErrnoRet", "differs" },
        { "{\"defaultAction\": \"SCMP_ACT_KILL\", \"defaultErrnoRet\": 1}", 0, "errno-without-use",
          "defaultErrnoRet", "returns no errno" },
        { PROFILE(", \"defaultErnoRet\": 1"), 0, "unknown-field", NULL, "did you mean defaultErrnoRet?" },
        { "{\"DefaultAction\": \"SCMP_ACT_ALLOW\"}", 0, "field-case", NULL, "write defaultAction" },
        { "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"defaultAction\": \"SCMP_ACT_KILL\"}", 0,
          "duplicate-key", NULL, "line 1" },
        { PROFILE(", \"architectures\": [\"SCMP_ARCH_X86_46\"]"), PROFILE_E_INVALID, NULL,
          "architectures[0]", "did you mean SCMP_ARCH_X86_64?" },
        { PROFILE(", \"architectures\": [\"amd64\"]"), PROFILE_E_INVALID, NULL, "architectures[0]",
          "did you mean SCMP_ARCH_X86_64?" },
        { PROFILE(", \"architectures\": \"SCMP_ARCH_X86\""), PROFILE_E_INVALID, NULL, "architectures",
          "list" },
        { PROFILE(", \"architectures\": [\"SCMP_ARCH_X86\"], \"archMap\": [{\"architecture\": "
                  "\"SCMP_ARCH_X86\"}]"),
          PROFILE_E_INVALID, NULL, NULL, "exclude each other" },
        { PROFILE(", \"archMap\": [{\"subArchitectures\": []}]"), PROFILE_E_INVALID, NULL, "archMap[0]",
          "no architecture" },
        { PROFILE(", \"archMap\": [{\"architecture\": \"SCMP_ARCH_X86\", \"subArchitectures\": [7]}]"),
          PROFILE_E_INVALID, NULL, "archMap[0].subArchitectures[0]", "7 is not" },
        { PROFILE(", \"flags\": [\"SECCOMP_FILTER_FLAG_LOGG\"]"), PROFILE_E_INVALID, NULL, "flags[0]",
          "did you mean SECCOMP_FILTER_FLAG_LOG?" },
        { PROFILE(", \"flags\": [\"SECCOMP_FILTER_FLAG_TSYNC\"]"), 0, "flag-tsync", "flags[0]",
          "does nothing" },
        { PROFILE(", \"listenerPath\": 5"), PROFILE_E_INVALID, NULL, "listenerPath", "not a string" },

        /* rules */
        { PROFILE(", \"syscalls\": {}"), PROFILE_E_INVALID, NULL, "syscalls", "list of rules" },
        { RULES("\"read\", \"write\""), PROFILE_E_INVALID, NULL, "syscalls[0]", "\"read\" is not a rule" },
        { RULES("null"), 0, "rule-null", "syscalls[0]", "null" },
        { RULES("{\"names\": [\"read\"]}"), PROFILE_E_INVALID, NULL, "syscalls[0]", "no action" },
        { RULES("{\"action\": \"SCMP_ACT_ALLOW\"}"), 0, "rule-without-names", "syscalls[0]",
          "does nothing" },
        { RULES("{\"names\": [\"\"], \"action\": \"SCMP_ACT_ALLOW\"}"), PROFILE_E_INVALID, NULL,
          "syscalls[0].names[0]", "\"\" is not" },
        { RULES("{\"names\": [7], \"action\": \"SCMP_ACT_ALLOW\"}"), PROFILE_E_INVALID, NULL,
          "syscalls[0].names[0]", "7 is not" },
        { RULES("{\"names\": \"read\", \"action\": \"SCMP_ACT_ALLOW\"}"), PROFILE_E_INVALID, NULL,
          "syscalls[0].names", "list" },
        { RULES("{\"names\": [\"opennat\"], \"action\": \"SCMP_ACT_ALLOW\"}"), 0, "unknown-syscall",
          "syscalls[0].names[0]", "did you mean openat?" },
        { RULES("{\"names\": [\"a\\nb\"], \"action\": \"SCMP_ACT_ALLOW\"}"), 0, "unknown-syscall",
          "syscalls[0].names[0]", "a\\nb" },
        { RULES("{\"name\": \"read\", \"action\": \"SCMP_ACT_ALLOW\"}"), 0, NULL, NULL, NULL },
        { RULES("{\"name\": \"read\", \"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\"}"),
          PROFILE_E_INVALID, NULL, "syscalls[0].name", "exclude each other" },
        { RULES("{\"name\": \"\", \"names\": [\"write\"], \"action\": \"SCMP_ACT_ALLOW\"}"), 0, NULL, NULL,
          NULL },
        { RULES("{\"names\": [\"read\"], \"action\": \"ALLOW\"}"), PROFILE_E_INVALID, NULL,
          "syscalls[0].action", "\"ALLOW\" is not an action; did you mean SCMP_ACT_ALLOW?" },
        { RULE(", \"errnoRet\": 1"), 0, "errno-without-use", "syscalls[0].errnoRet", "SCMP_ACT_ALLOW" },
        { RULE(", \"arg\": []"), 0, "unknown-field", "syscalls[0]", "did you mean args?" },
        { RULE(", \"comment\": 5"), PROFILE_E_INVALID, NULL, "syscalls[0].comment", "not a string" },
        { RULE(", \"includes\": []"), PROFILE_E_INVALID, NULL, "syscalls[0].includes", "object" },
        { RULE(", \"includes\": {\"caps\": [\"SYS_ADMIN\"]}"), 0, "unknown-capability",
          "syscalls[0].includes.caps[0]", "SYS_ADMIN" },
        { RULE(", \"excludes\": {\"arches\": [\"vax\"]}"), 0, "unknown-architecture",
          "syscalls[0].excludes.arches[0]", "vax" },
        { RULE(", \"includes\": {\"minKernel\": \"4.8\"}"), 0, NULL, NULL, NULL },
        { RULE(", \"includes\": {\"minKernel\": \"4.8.1\"}"), 0, "kernel-patch-level",
          "syscalls[0].includes.minKernel", "4.8" },
        { RULE(", \"includes\": {\"minKernel\": \"4\"}"), PROFILE_E_INVALID, NULL,
          "syscalls[0].includes.minKernel", "\"4\" is not a kernel version" },
        { RULE(", \"includes\": {\"minKernel\": 4.8}"), PROFILE_E_INVALID, NULL,
          "syscalls[0].includes.minKernel", "4.8" },

        /* conditions */
        { RULE(", \"args\": {}"), PROFILE_E_INVALID, NULL, "syscalls[0].args", "list of conditions" },
        { RULE(", \"args\": [3]"), PROFILE_E_INVALID, NULL, "syscalls[0].args[0]", "3 is not" },
        { RULE(", \"args\": [null]"), PROFILE_E_INVALID, NULL, "syscalls[0].args[0]", "null" },
        { ARG("\"index\": 6, \"value\": 1, \"op\": \"SCMP_CMP_EQ\""), PROFILE_E_INVALID, NULL,
          "syscalls[0].args[0].index", "6 is too large; at most 5" },
        { ARG("\"index\": 0, \"value\": 18446744073709551616, \"op\": \"SCMP_CMP_EQ\""), PROFILE_E_INVALID,
          NULL, "syscalls[0].args[0].value",
          "18446744073709551616 is too large; at most 18446744073709551615" },
        { ARG("\"index\": 0, \"value\": -9223372036854775809, \"op\": \"SCMP_CMP_EQ\""), PROFILE_E_INVALID,
          NULL, "syscalls[0].args[0].value", "-9223372036854775809 is negative" },
        { ARG("\"index\": 0, \"value\": \"1\", \"op\": \"SCMP_CMP_EQ\""), PROFILE_E_INVALID, NULL,
          "syscalls[0].args[0].value", "\"1\" is not a number" },
        { ARG("\"index\": 0, \"value\": 1e3, \"op\": \"SCMP_CMP_EQ\""), PROFILE_E_INVALID, NULL,
          "syscalls[0].args[0].value", "whole number" },
        { ARG("\"index\": 0, \"value\": 1, \"op\": \"SCMP_CMP_EQUAL\""), PROFILE_E_INVALID, NULL,
          "syscalls[0].args[0].op", "\"SCMP_CMP_EQUAL\" is not a comparison" },
        { ARG("\"index\": 0, \"value\": 1, \"op\": 18446744073709551615"), PROFILE_E_INVALID, NULL,
          "syscalls[0].args[0].op", "18446744073709551615 is not the name" },
        { ARG("\"index\": 0, \"value\": 1"), PROFILE_E_INVALID, NULL, "syscalls[0].args[0]", "no op" },
        { ARG("\"value\": 1, \"op\": \"SCMP_CMP_EQ\""), 0, "index-missing", "syscalls[0].args[0]",
          "argument 0" },
        { ARG("\"index\": 1, \"op\": \"SCMP_CMP_EQ\""), 0, "value-missing", "syscalls[0].args[0]", "0" },
        { ARG("\"index\": 1, \"value\": 1, \"valueTwo\": 2, \"op\": \"SCMP_CMP_EQ\""), 0,
          "value-two-without-use", "syscalls[0].args[0]", "SCMP_CMP_MASKED_EQ" },
};

Test(read_oci, rows) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct row *row = &rows[i];
                bool quiet = !row->id && !row->place && !row->says;
                struct profile *profile = NULL;
                struct diags diags = DIAGS_INIT;
                int r = profile_read(row->text, strlen(row->text), &diags, &profile);

                cr_expect_eq(r, row->result, "%s: %d", row->text, r);
                cr_expect_eq(r == 0, profile != NULL, "%s", row->text);
                cr_expect_eq(r == PROFILE_E_INVALID, diags.n_errors > 0, "%s", row->text);
                if (quiet)
                        cr_expect_eq(diags.n, 0, "%s", row->text);
                else
                        cr_expect_not_null(diags_find(&diags, row->id, row->place, row->says), "%s",
                                           row->text);
                if ((quiet && diags.n) || (!quiet && !diags_find(&diags, row->id, row->place, row->says)))
                        diags_print(&diags, stderr, DIAG_INFO, false);
                profile_free(profile);
                diags_deinit(&diags);
        }
}

Test(read_oci, fills_the_model) {
        static const char text[] =
                "{\"defaultAction\": \"SCMP_ACT_TRACE\", \"defaultErrnoRet\": 9,\n"
                " \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_LOONGARCH64\"],\n"
                " \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\", \"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV\"],\n"
                " \"listenerPath\": \"/run/x\", \"listenerMetadata\": \"m\",\n"
                " \"syscalls\": [\n"
                "  {\"names\": [\"read\", \"write\"], \"action\": \"SCMP_ACT_ERRNO\"},\n"
                "  {\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 0,\n"
                "   \"comment\": \"c\", \"includes\": {\"caps\": [\"CAP_KILL\"], \"minKernel\": \"5.10\"},\n"
                "   \"excludes\": {\"arches\": [\"arm64\", \"s390x\"]},\n"
                "   \"args\": [{\"index\": 1, \"value\": 18446744073709551615, \"op\": \"SCMP_CMP_NE\"},\n"
                "            {\"index\": 2, \"value\": 240, \"valueTwo\": 16, \"op\": "
                "\"SCMP_CMP_MASKED_EQ\"}]},\n"
                "  {\"name\": \"sync\", \"action\": \"SCMP_ACT_NOTIFY\"}]}";
        cleanup_profile struct profile *profile = NULL;
        struct diags diags = DIAGS_INIT;
        const struct rule *rule;

        cr_assert_eq(profile_read(text, strlen(text), &diags, &profile), 0);
        cr_expect_eq(profile->dialect, DIALECT_DOCKER);
        cr_expect(profile->default_set && profile->default_errno_set);
        cr_expect_eq(profile->default_action, SECCOMP_RET_TRACE | 9);
        cr_expect_eq(profile->n_archs, 2);
        cr_expect_str_eq(profile->archs[1].name, "SCMP_ARCH_LOONGARCH64");
        cr_expect_eq(profile->flags, SECCOMP_FILTER_FLAG_LOG | 1u << 5);
        cr_expect(profile->flags_set);
        cr_expect_str_eq(profile->listener_path, "/run/x");
        cr_expect_str_eq(profile->listener_metadata, "m");
        cr_assert_eq(profile->n_rules, 3);

        rule = &profile->rules[0];
        cr_expect_eq(rule->n_names, 2);
        cr_expect_str_eq(rule->names[1], "write");
        cr_expect_eq(rule->action, SECCOMP_RET_ERRNO | EPERM, "EPERM where nothing is said");
        cr_expect_not(rule->errno_set);
        cr_expect_str_eq(rule->place, "syscalls[0]");
        cr_expect_eq(rule->line, 6);

        rule = &profile->rules[1];
        cr_expect_eq(rule->action, SECCOMP_RET_ERRNO);
        cr_expect(rule->errno_set);
        cr_expect_eq(rule->line, 7);
        cr_expect_str_eq(rule->comment, "c");
        cr_assert_eq(rule->n_conditions, 2);
        cr_expect_eq(rule->conditions[0].index, 1);
        cr_expect_eq(rule->conditions[0].op, CONDITION_NE);
        cr_expect_eq(rule->conditions[0].value, UINT64_MAX);
        cr_expect_eq(rule->conditions[1].value, 240);
        cr_expect_eq(rule->conditions[1].value_two, 16);
        cr_expect_str_eq(rule->includes.caps[0], "CAP_KILL");
        cr_expect(rule->includes.kernel_set && rule->includes.kernel_major == 5 &&
                  rule->includes.kernel_minor == 10);
        cr_expect_eq(rule->excludes.n_arches, 2);
        cr_expect(rule_is_conditional(rule));

        rule = &profile->rules[2];
        cr_expect(rule->legacy_name);
        cr_expect_eq(rule->line, 12);
        cr_expect_eq(rule->action, SECCOMP_RET_USER_NOTIF);
        diags_deinit(&diags);
}

Test(read_oci, recognises_dialects) {
        static const struct {
                const char *text;
                enum profile_dialect dialect;
        } forms[] = {
                { RULE(""), DIALECT_OCI },
                { RULE(", \"excludes\": {}"), DIALECT_DOCKER },
                { PROFILE(", \"archMap\": []"), DIALECT_DOCKER },
                { PROFILE(", \"defaultErrno\": \"EPERM\""), DIALECT_CONTAINERS },
        };

        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                cleanup_profile struct profile *profile = NULL;
                struct diags diags = DIAGS_INIT;

                cr_assert_eq(profile_read(forms[i].text, strlen(forms[i].text), &diags, &profile), 0);
                cr_expect_eq(profile->dialect, forms[i].dialect, "%s", forms[i].text);
                diags_deinit(&diags);
        }
}

Test(read_oci, takes_errno_by_name) {
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_text(&fixture,
                                  "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrno\": \"ENOSYS\","
                                  " \"syscalls\": [{\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ERRNO\","
                                  " \"errnoRet\": 1, \"errno\": \"EACCES\"}]}"),
                     0);
        cr_expect_eq(fixture.profile->default_action, SECCOMP_RET_ERRNO | ENOSYS);
        cr_expect_eq(fixture.profile->rules[0].action, SECCOMP_RET_ERRNO | EACCES, "the name wins");
}

/* Positions are those of the file, although large numbers before them were rewritten. */
Test(read_oci, syntax_errors_have_positions) {
        static const struct {
                const char *text;
                unsigned line, column;
        } errors[] = {
                { "{\n  \"defaultAction\": }", 2, 20 },
                { "{\"a\": 18446744073709551615 x}", 1, 28 },
                { "{\"a\": 18446744073709551615,\n \"b\": 99999999999999999999, x}", 2, 29 },
                { "{\"a\": [18446744073709551615 18446744073709551615]}", 1, 48 },
                { "{\"a\":\n\n\n[[[1,2,,]]]}", 4, 8 },
        };

        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
                struct diags diags = DIAGS_INIT;
                struct profile *profile = NULL;

                cr_assert_eq(profile_read(errors[i].text, strlen(errors[i].text), &diags, &profile),
                             PROFILE_E_INVALID);
                cr_assert_eq(diags.n, 1);
                cr_expect_eq(diags.items[0].line, errors[i].line, "%s: line %u: %s", errors[i].text,
                             diags.items[0].line, diags.items[0].text);
                cr_expect_eq(diags.items[0].column, errors[i].column, "%s: column %u: %s", errors[i].text,
                             diags.items[0].column, diags.items[0].text);
                diags_deinit(&diags);
        }
}

static int read_bytes(const char *bytes, size_t n, const char *says) {
        struct diags diags = DIAGS_INIT;
        struct profile *profile = NULL;
        int r = profile_read(bytes, n, &diags, &profile);

        if (r)
                cr_expect_not_null(diags_find(&diags, NULL, NULL, says), "%s", says);
        cr_expect_leq(diags.n, 128, "%zu sentences are too many to read", diags.n);
        profile_free(profile);
        diags_deinit(&diags);
        return r;
}

static char *repeated(const char *what, size_t n) {
        size_t size = strlen(what);
        char *bytes = malloc(n * size + 1);

        cr_assert_not_null(bytes);
        for (size_t i = 0; i < n; i++)
                memcpy(bytes + i * size, what, size);
        bytes[n * size] = '\0';
        return bytes;
}

Test(read_oci, bounds_nesting) {
        char *deep = repeated("[", 100000);

        cr_expect_eq(read_bytes(deep, 100000, "nested deeper than 64"), PROFILE_E_INVALID);
        free(deep);
        deep = repeated("{\"a\":", 65);
        cr_expect_eq(read_bytes(deep, strlen(deep), "nested deeper than 64"), PROFILE_E_INVALID);
        free(deep);
}

Test(read_oci, bounds_size_and_memory) {
        const size_t n = PROFILE_BYTES_MAX;
        char *bytes = malloc(n + 1);
        static const char *const fillers[] = { "{},", "0,", "\"\",", "[],", "18446744073709551615," };
        struct rusage before, after;

        cr_assert_not_null(bytes);
        memset(bytes, ' ', n + 1);
        cr_expect_eq(read_bytes(bytes, n + 1, "longer than 16 MiB"), PROFILE_E_INVALID);
        getrusage(RUSAGE_SELF, &before);
        for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
                size_t size = strlen(fillers[i]);

                bytes[0] = '[';
                for (size_t j = 1; j + size < n; j += size)
                        memcpy(bytes + j, fillers[i], size);
                cr_expect_eq(read_bytes(bytes, n, "more than 131072 values"), PROFILE_E_INVALID);
        }
        getrusage(RUSAGE_SELF, &after);
        cr_expect_lt(after.ru_maxrss - before.ru_maxrss, 100 * 1024, "%ld KiB more",
                     after.ru_maxrss - before.ru_maxrss);
        free(bytes);
}

Test(read_oci, stops_after_many_errors) {
        char *rules = repeated("{\"action\": 1},", 1000), *text = NULL;

        cr_assert_gt(asprintf(&text, "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [%s{}]}", rules),
                     0);
        cr_expect_eq(read_bytes(text, strlen(text), "not read after 50 errors"), PROFILE_E_INVALID);
        free(text);
        free(rules);
}

Test(read_oci, files) {
        struct diags diags = DIAGS_INIT;
        struct profile *profile = NULL;
        char path[] = "/tmp/test_read_oci.XXXXXX";
        int fd = mkstemp(path);
        static const char text[] = "{\"defaultAction\": \"SCMP_ACT_KILLER\"}";

        cr_assert_geq(fd, 0);
        cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        cr_expect_eq(profile_read_file(path, &diags, &profile), PROFILE_E_INVALID);
        cr_assert_eq(diags.n, 1);
        cr_expect_str_eq(diags.items[0].file, path);
        cr_assert_eq(ftruncate(fd, (off_t)PROFILE_BYTES_MAX + 1), 0);
        cr_expect_eq(profile_read_file(path, &diags, &profile), PROFILE_E_INVALID);
        cr_expect_not_null(diags_find(&diags, NULL, NULL, "longer than 16 MiB"));
        close(fd);
        unlink(path);
        cr_expect_eq(profile_read_file(path, &diags, &profile), PROFILE_E_INVALID);
        cr_expect_not_null(diags_find(&diags, NULL, NULL, "No such file"));
        cr_expect_eq(profile_read_file(ROWS "strict.json", &diags, &profile), 0);
        cr_expect_str_eq(profile->file, ROWS "strict.json");
        profile_free(profile);
        diags_deinit(&diags);
}

Test(read_oci, cut_anywhere_is_refused_or_read) {
        struct diags diags = DIAGS_INIT;
        struct profile *profile = NULL;
        FILE *file = fopen(ROWS "docker-form.json", "r");
        char bytes[8192];
        size_t n;

        cr_assert_not_null(file);
        n = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        for (size_t cut = 0; cut < n; cut++) {
                char *exact = malloc(cut ? cut : 1); /* so that a read past the end is seen */

                memcpy(exact, bytes, cut);
                if (!profile_read(exact, cut, &diags, &profile))
                        profile = profile_free(profile);
                free(exact);
                diags_deinit(&diags);
        }
}
