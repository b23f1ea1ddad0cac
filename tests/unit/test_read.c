/* SPDX-License-Identifier: Apache-2.0 */
/* The front door: what is recognised where, what is refused and how it is said, and that no file costs more
 * than it may. */

#include "policy/read.h"
#include "policy_fixture.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SPO       "apiVersion: security-profiles-operator.x-k8s.io/v1\nkind: SeccompProfile\n"
#define SPO_ALLOW SPO "metadata: {name: a}\nspec: {defaultAction: SCMP_ACT_ALLOW}\n"
#define RULES_    "\"syscalls\":[{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ERRNO\""

struct reading {
        struct diags diags;
        struct profile *profile;
        int r;
};

static void reading_deinit(struct reading *reading) {
        diags_deinit(&reading->diags);
        profile_free(reading->profile);
}
#define cleanup_reading __attribute__((cleanup(reading_deinit)))

static void read_as(struct reading *reading, const char *text, const struct profile_read_options *options) {
        *reading = (struct reading){ 0 };
        reading->r = profile_read_as(text, strlen(text), options, &reading->diags, &reading->profile);
        cr_assert_geq(reading->r, 0, "%s", text);
        cr_assert_eq(reading->r > 0, reading->diags.n_errors > 0, "%s", text);
}

static void source_text(const struct reading *reading, char *buf, size_t size) {
        struct buf text = BUF_INIT(0);

        profile_source_text(reading->profile, &text);
        snprintf(buf, size, "%s", buf_string(&text));
        buf_deinit(&text);
}

Test(read, recognised) {
        static const struct {
                const char *text, *source;
        } rows[] = {
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\"}", "OCI profile" },
                { "\xef\xbb\xbf# a\ndefaultAction: SCMP_ACT_ALLOW\n", "OCI profile, in YAML" },
                { "{}", "OCI profile" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"archMap\":[]}", "docker profile" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," RULES_ ",\"errno\":\"EPERM\"}]}",
                  "containers/common profile" },
                { "{\"ociVersion\":\"1\",\"linux\":{\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\"}}}",
                  "OCI profile, linux.seccomp of OCI configuration" },
                { SPO_ALLOW, "SeccompProfile resource v1, in YAML" },
                { "{\"apiVersion\":\"security-profiles-operator.x-k8s.io/"
                  "v1beta1\",\"kind\":\"SeccompProfile\","
                  "\"metadata\":{\"name\":\"a\"},\"spec\":{\"defaultAction\":\"SCMP_ACT_LOG\"}}",
                  "SeccompProfile resource v1beta1" },
                { "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: web}\ndata:\n  note: text\n  a.json: "
                  "|\n"
                  "    {\"defaultAction\": \"SCMP_ACT_ALLOW\", \"archMap\": []}\n",
                  "docker profile, data[\"a.json\"] of ConfigMap web, in YAML" },
                { "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"x\":\"{\\\"linux\\\":{"
                  "\\\"seccomp\\\":"
                  "{\\\"defaultAction\\\":\\\"SCMP_ACT_KILL\\\"}}}\"}}",
                  "OCI profile, data[\"x\"].linux.seccomp of OCI configuration" },
                { "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod}\n- apiVersion: "
                  "security-profiles-operator.x-k8s.io/v1\n  kind: SeccompProfile\n  metadata: {name: b}\n"
                  "  spec: {defaultAction: SCMP_ACT_ALLOW}\n",
                  "SeccompProfile resource v1, items[1] of List, in YAML" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_reading struct reading reading;
                char source[256];

                read_as(&reading, rows[i].text, &(struct profile_read_options){ 0 });
                if (reading.r)
                        diags_print(&reading.diags, stderr, DIAG_INFO, false);
                cr_assert_eq(reading.r, 0, "row %zu", i);
                source_text(&reading, source, sizeof(source));
                cr_expect_str_eq(source, rows[i].source, "row %zu: %s", i, source);
        }
}

Test(read, refused) {
        static const struct {
                const char *text;
                unsigned line, column; /* 0: by place */
                const char *place, *sentence;
        } rows[] = {
                { "", 1, 1, NULL, "the file is empty" },
                { " \n ", 2, 1, NULL, "the file is empty" },
                { "# nothing\n", 0, 0, NULL, "the file is empty" },
                { "\xef\xbb\xbf{}", 1, 1, NULL, "byte order mark" },
                { "{\"a\": 1,}", 1, 9, NULL, "remove the comma" },
                { "{\"syscalls\": [...]}", 1, 15, NULL, "excerpt" },
                { "{\n  {{ .x }}\n}", 2, 3, NULL, "template" },
                { "{ // a\n}", 1, 3, NULL, "no comments" },
                { "{'a': 1}", 1, 2, NULL, "double quotes" },
                { "{\"a\": \"b", 1, 8, NULL, "premature end of input" },
                { "a: [b\nc: d\n", 2, 2, NULL, "did not find expected" },
                { "a:\n\tb: c\n", 2, 1, NULL, "by spaces, not by tabs" },
                { "{{- if x }}\na: b\n", 1, 2, NULL, "template" },
                { "[]", 0, 0, NULL, "an array is not a profile" },
                { "\"a\"", 1, 3, NULL, "expected near" },
                { "just text\n", 0, 0, NULL, "\"just text\" is not a profile" },
                { "{\"vmm\":{\"default_action\":\"allow\"}}", 0, 0, NULL, "Firecracker" },
                { "seccomp: {default_action: log}\n", 0, 0, NULL, "Elastic" },
                { "{\"whitelist\":[\"a\"],\"policy\":1}", 0, 0, NULL, "OpenWrt" },
                { "{\"seccompPolicy\":\"ALLOW{}\"}", 0, 0, NULL, "Kafel" },
                { "{\"x\":1,\"y\":2}", 0, 0, NULL, "but \"x\", \"y\"; one looks like" },
                { "{\"linux\":{\"seccomp\":{\"actions\":[],\"archs\":[]}}}", 0, 0, "linux.seccomp",
                  "runc features" },
                { "{\"ociVersion\":\"1.0\"}", 0, 0, NULL, "has no linux.seccomp" },
                { "apiVersion: v1\nkind: Pod\n", 0, 0, NULL, "a resource of kind \"Pod\"" },
                { "apiVersion: x/v1\nkind: Policy\nspec: {a: {profile: '{\"defaultAction\": 1}'}}\n", 0, 0,
                  NULL, "the text of its spec.a.profile" },
                { SPO "metadata: {name: a}\n", 0, 0, NULL, "has no spec" },
                { SPO "metadata: {name: a}\nspec: {}\n", 0, 0, "spec", "no defaultAction" },
                { SPO "metadata: {name: a}\nspec: {defaultAction: SCMP_ACT_ALOW}\n", 0, 0,
                  "spec.defaultAction", "did you mean SCMP_ACT_ALLOW" },
                { SPO "metadata: {name: a}\nspec: {defaultAction: SCMP_ACT_KILL, state: off}\n", 0, 0,
                  "spec.state", "false is not a state" },
                { SPO "metadata: {name: a}\nspec:\n  defaultAction: SCMP_ACT_ERRNO\n  syscalls:\n  - names: "
                      "[a]\n"
                      "    action: SCMP_ACT_ALLOW\n    args: [{index: 0, op: SCMP_CMP_EQ, value: "
                      "9223372036854775808}]\n",
                  0, 0, "spec.syscalls[0].args[0].value", "9223372036854775808 is too large" },
                { "apiVersion: v1\nkind: ConfigMap\ndata:\n  a.json: |\n    {\n      \"defaultAction\": "
                  "1,\n    }\n",
                  7, 5, NULL, "remove the comma" },
                { "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"data\":{\"p\":\"{"
                  "\\n\\\"defaultAction\\\":}\"}}",
                  0, 0, "data[\"p\"]", "line 2, column" },
                { "apiVersion: v1\nkind: ConfigMap\ndata:\n  p: |\n    {\"defaultAction\": \"X\"}\n", 0, 0,
                  "data[\"p\"].defaultAction", "\"X\" is not an action" },
                { "apiVersion: v1\nkind: ConfigMap\ndata: {a: b}\n", 0, 0, NULL, "of kind \"ConfigMap\"" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_reading struct reading reading;
                const struct diag *found = NULL;

                read_as(&reading, rows[i].text, &(struct profile_read_options){ 0 });
                for (size_t j = 0; j < reading.diags.n && !found; j++)
                        if (reading.diags.items[j].severity == DIAG_ERROR)
                                found = &reading.diags.items[j];
                cr_assert(found, "row %zu was not refused: %s", i, rows[i].text);
                cr_expect_eq(found->line, rows[i].line, "row %zu: line %u: %s", i, found->line, found->text);
                cr_expect_eq(found->column, rows[i].column, "row %zu: column %u: %s", i, found->column,
                             found->text);
                if (rows[i].place)
                        cr_expect_str_eq(found->place ? found->place : "", rows[i].place, "row %zu", i);
                cr_expect(strstr(found->text, rows[i].sentence), "row %zu: %s", i, found->text);
        }
}

Test(read, warned) {
        static const struct {
                const char *text, *id, *place;
        } rows[] = {
                { "defaultAction: SCMP_ACT_ALLOW\n", "yaml-profile", NULL },
                { SPO_ALLOW "---\n" SPO_ALLOW, "several-documents", NULL },
                { "kind: Pod\napiVersion: v1\n---\n" SPO_ALLOW, "several-documents", NULL },
                { SPO "metadata: {name: a}\nspec: {defaultAction: SCMP_ACT_ALLOW, baseProfileName: b}\n",
                  "base-profile", "spec.baseProfileName" },
                { SPO "metadata: {name: a}\nspec: {defaultAction: SCMP_ACT_ALLOW, state: Disabled}\n",
                  "profile-disabled", "spec.state" },
                { SPO "metadata: {name: a}\nspec: {defaultAction: SCMP_ACT_ALLOW, disabled: true}\n",
                  "profile-disabled", "spec.disabled" },
                { SPO "metadata: {name: a}\nspec: {defaultAction: SCMP_ACT_ERRNO, defaultErrnoRet: 38}\n",
                  "foreign-field", "spec" },
                { SPO "spec: {defaultAction: SCMP_ACT_ALLOW}\n", "resource-without-name", NULL },
                { "apiVersion: security-profiles-operator.x-k8s.io/v1alpha1\nkind: "
                  "SeccompProfile\nmetadata: "
                  "{name: a}\nspec: {defaultAction: SCMP_ACT_ALLOW}\n",
                  "api-version", "apiVersion" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"baseProfileName\":\"a\"}", "foreign-field",
                  NULL },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," RULES_
                  ",\"errno\":\"EPERM\",\"includes\":{\"minKernel\":\"4.8\"}}]}",
                  "kernel-for-podman", NULL },
                { "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: '{\"defaultAction\":\"SCMP_ACT_LOG\"}'\n  "
                  "b: "
                  "'{\"defaultAction\":\"SCMP_ACT_LOG\"}'\n",
                  "several-documents", "data[\"a\"]" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_reading struct reading reading;

                read_as(&reading, rows[i].text, &(struct profile_read_options){ 0 });
                cr_assert_eq(reading.r, 0, "row %zu", i);
                cr_expect(diags_find(&reading.diags, rows[i].id, rows[i].place, NULL), "row %zu: %s", i,
                          reading.diags.n ? reading.diags.items[0].text : "nothing said");
        }
}

Test(read, containers_errnos) {
        static const struct {
                const char *fields;
                int action; /* negative: refused */
        } rows[] = {
                { ",\"errno\":\"ENOSYS\"", 38 },
                { ",\"errno\":\"38\"", 38 }, /* podman takes numbers as texts */
                { ",\"errno\":\"ENOSYS\",\"errnoRet\":1", 38 },
                { ",\"errno\":\"\",\"errnoRet\":2", 2 },
                { ",\"errnoRet\":2", 2 },
                { "", 1 },
                { ",\"errno\":\"ENOPE\"", -1 },
                { ",\"errno\":38", -1 },
                { ",\"errno\":\"38x\"", -1 },
                { ",\"errno\":\"99999\"", -1 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_reading struct reading reading;
                char text[256];

                snprintf(text, sizeof(text), "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," RULES_ "%s}]}",
                         rows[i].fields);
                read_as(&reading, text, &(struct profile_read_options){ 0 });
                cr_assert_eq(reading.r > 0, rows[i].action < 0, "row %zu", i);
                if (!reading.r)
                        cr_expect_eq(reading.profile->rules[0].action,
                                     SECCOMP_RET_ERRNO | (uint32_t)rows[i].action, "row %zu", i);
        }
}

Test(read, dialect_forced) {
        const char *docker = "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," RULES_
                             ",\"includes\":{\"caps\":[\"CAP_BPF\"]},\"comment\":\"x\"}]}";
        struct profile_read_options options = { .dialect_set = true, .dialect = DIALECT_OCI };
        cleanup_reading struct reading oci, spo, resource;

        /* As runc reads it: it knows no conditions. */
        read_as(&oci, docker, &options);
        cr_assert_eq(oci.r, 0);
        cr_expect_eq(oci.profile->dialect, DIALECT_OCI);
        cr_expect_eq(oci.profile->rules[0].includes.n_caps, 0);
        cr_expect_null(oci.profile->rules[0].comment);
        cr_expect(diags_find(&oci.diags, "foreign-field", "syscalls[0]", "includes"));
        options.dialect = DIALECT_SPO;
        read_as(&spo, docker, &options);
        cr_expect_eq(spo.r, PROFILE_E_INVALID);
        options.dialect = DIALECT_DOCKER;
        read_as(&resource, SPO_ALLOW, &options);
        cr_expect_eq(resource.r, PROFILE_E_INVALID);
}

Test(read, lines_of_rules) {
        cleanup_reading struct reading yaml, map;

        read_as(&yaml,
                "defaultAction: SCMP_ACT_ALLOW\nsyscalls:\n- names: [read]\n  action: SCMP_ACT_KILL\n# c\n"
                "- {names: [write], action: SCMP_ACT_KILL}\n",
                &(struct profile_read_options){ 0 });
        cr_assert_eq(yaml.profile->n_rules, 2);
        cr_expect_eq(yaml.profile->rules[0].line, 3);
        cr_expect_eq(yaml.profile->rules[1].line, 6);
        read_as(&map,
                "apiVersion: v1\nkind: ConfigMap\ndata:\n  p: |\n    {\"defaultAction\": "
                "\"SCMP_ACT_ALLOW\",\n"
                "     \"syscalls\": [\n       {\"names\": [\"read\"], \"action\": \"SCMP_ACT_KILL\"}]}\n",
                &(struct profile_read_options){ 0 });
        cr_assert_eq(map.r, 0);
        cr_expect_eq(map.profile->rules[0].line, 7);
        cr_expect_str_eq(map.profile->rules[0].place, "data[\"p\"].syscalls[0]");
}

/* ---- limits ---- */

#ifdef __SANITIZE_ADDRESS__
#define KIB_MAX     (600 * 1024) /* shadow memory and quarantine */
#define SECONDS_MAX 40           /* of the processor: others may have it meanwhile */
#else
#define KIB_MAX     (100 * 1024)
#define SECONDS_MAX 8
#endif

/* Whatever is too much ends the process; what it takes of memory does not depend on the machine's huge
 * pages. */
static void bound_cost(void) {
        setrlimit(RLIMIT_CPU, &(struct rlimit){ SECONDS_MAX, SECONDS_MAX });
        prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

/* Runs the reader in a process of its own: its exit code is the answer, 0 … 2; what it cost is checked. */
static int cost_of(const char *path, const char *bytes, size_t n, bool yaml) {
        struct rusage usage;
        int status;
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (!pid) {
                struct profile_read_options options = { .yaml = yaml, .json = !yaml };
                struct profile *profile = NULL;
                struct diags diags = DIAGS_INIT;
                int r;

                bound_cost();
                r = path ? profile_read_file(path, &diags, &profile)
                         : profile_read_as(bytes, n, &options, &diags, &profile);
                if (r < 0 || (r > 0) != (diags.n_errors > 0))
                        _exit(100);
                _exit(r > 0 ? 2 : diags.n_warnings ? 1 : 0);
        }
        cr_assert_eq(wait4(pid, &status, 0, &usage), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) < 100, "status %#x for %s", status,
                  path ? path : "made text");
        if (path)
                cr_expect_lt(usage.ru_maxrss, KIB_MAX, "%ld KiB for %s", usage.ru_maxrss, path);
        return WEXITSTATUS(status);
}

Test(read, corpus_gets_answers, .timeout = 240) {
        const char *root = getenv("CALLGATE_CORPUS");
        size_t n[3] = { 0 };

        if (!root)
                cr_skip_test("CALLGATE_CORPUS is not set");
        for (int odd = 0; odd < 2; odd++) {
                char path[4096];
                struct dirent *entry;
                DIR *folder;

                snprintf(path, sizeof(path), "%s/%s", root, odd ? "odd" : "profiles");
                folder = opendir(path);
                cr_assert_not_null(folder);
                while ((entry = readdir(folder))) {
                        size_t length = strlen(path);
                        int answer;

                        if (entry->d_name[0] == '.')
                                continue;
                        snprintf(path + length, sizeof(path) - length, "/%s", entry->d_name);
                        answer = cost_of(path, NULL, 0, false);
                        n[answer]++;
                        /* What runtimes take is not refused. */
                        if (!odd)
                                cr_expect_neq(answer, 2, "%s", path);
                        path[length] = '\0';
                }
                closedir(folder);
        }
        printf("fine %zu, with warnings %zu, refused %zu\n", n[0], n[1], n[2]);
        cr_expect_gt(n[2], 10);
}

/* A text of the largest size that is one piece over and over, between a head and a tail. */
static char *repeated(const char *head, const char *piece, const char *tail, size_t *ret_n) {
        size_t n = PROFILE_BYTES_MAX, n_piece = strlen(piece), at = strlen(head);
        char *text = malloc(n + 1);

        cr_assert_not_null(text);
        memcpy(text, head, at);
        while (at + n_piece + strlen(tail) < n) {
                memcpy(text + at, piece, n_piece);
                at += n_piece;
        }
        memcpy(text + at, tail, strlen(tail));
        *ret_n = at + strlen(tail);
        return text;
}

static double seconds_of(const struct rusage *usage) {
        return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
               (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static long peak_of(const char *head, const char *piece, const char *tail, bool yaml, double *ret_seconds) {
        struct rusage usage;
        int status;
        pid_t pid = fork();

        cr_assert_geq(pid, 0);
        if (!pid) {
                struct profile_read_options options = { .yaml = yaml, .json = !yaml };
                struct profile *profile = NULL;
                struct diags diags = DIAGS_INIT;
                size_t n;
                char *text;
                int r;

                bound_cost();
                text = repeated(head, piece, tail, &n);
                r = profile_read_as(text, n, &options, &diags, &profile);
                _exit(r < 0 ? 100 : 0);
        }
        cr_assert_eq(wait4(pid, &status, 0, &usage), pid);
        cr_assert(WIFEXITED(status) && !WEXITSTATUS(status), "status %#x for %s%s", status, head, piece);
        *ret_seconds = seconds_of(&usage);
        return usage.ru_maxrss;
}

Test(read, hostile_files_cost_little, .timeout = 600) {
        static const struct {
                const char *head, *piece, *tail;
                bool yaml;
        } rows[] = {
                { "", "[", "", false },
                { "", "{\"a\":", "", false },
                { "\"", "a", "\"", false },
                { "[", "1234567890123456789012,", "1]", false },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"architectures\":[", "\"SCMP_ARCH_X86\",",
                  "\"a\"]}", false },
                { "{\"syscalls\":[{\"names\":[", "\"read\",", "\"x\"]}]}", false },
                { "{\"syscalls\":[", "{},", "{}]}", false },
                { "[", "\"\\u0041\",", "1]", false },
                { "{", "\"a\":1,", "\"a\":1}", false },
                { "", "[", "", true },
                { "", "{", "", true },
                { "", "- ", "", true },
                { "", "a: b\n", "", true },
                { "", "- a\n", "", true },
                { "", "a", "", true },
                { "'", "a ", "'", true },
                { "a: |\n", "  text\n", "", true },
                { "a: >\n", "  text\n\n", "", true },
                { "", "%TAG !a! x\n", "--- a\n", true },
                { "", "# comment\n", "a: b\n", true },
                { "", "---\na\n", "", true },
                { "", "&a ", "", true },
                { "", "- &a a\n- *a\n", "", true },
                { "", "? ", "", true },
                { "", "\t", "", true },
                { "", " ", "a", true },
                { "{", "a,", "}", true },
                { "", "\"\\x41\": 1\n", "", true },
                { "", "!t ", "", true },
                { "", "\xc3\xa4", "", true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                double seconds;
                long peak = peak_of(rows[i].head, rows[i].piece, rows[i].tail, rows[i].yaml, &seconds);

                cr_expect_lt(peak, KIB_MAX, "row %zu: %ld KiB", i, peak);
                cr_expect_lt(seconds, SECONDS_MAX, "row %zu: %.1f s", i, seconds);
        }
}

Test(read, too_long_is_refused) {
        cleanup_reading struct reading reading = { 0 };
        size_t n = PROFILE_BYTES_MAX + 1;
        char *text = malloc(n);

        cr_assert_not_null(text);
        memset(text, ' ', n);
        for (int yaml = 0; yaml < 2; yaml++) {
                struct profile_read_options options = { .yaml = yaml, .json = !yaml };

                cr_expect_eq(profile_read_as(text, n, &options, &reading.diags, &reading.profile),
                             PROFILE_E_INVALID);
                cr_expect(diags_find(&reading.diags, NULL, NULL, "longer than 16 MiB"));
        }
        free(text);
}
