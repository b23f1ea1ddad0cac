/* SPDX-License-Identifier: Apache-2.0 */
/* Lines for units: read here as systemd reads them, and compared with the profile call by call. */

#include "policy/write_systemd.h"

#include "policy/systemd_groups.h"
#include "policy_fixture.h"

#include <dirent.h>
#include <errno.h>

/* What the lines say, per name: allowed, or refused with an errno, or killed. */
enum said {
        SAID_NOTHING,
        SAID_ALLOWED,
        SAID_KILLED,
        SAID_ERRNO, /* and the number added */
};

#define NAMES_MAX 2000

struct unit {
        char *names[NAMES_MAX];
        int said[NAMES_MAX], logged[NAMES_MAX];
        size_t n;
        bool allow_list, has_filter, log_others;
        int default_errno; /* -1: kill */
        char archs[256];
};

static size_t slot(struct unit *unit, const char *name, size_t n) {
        for (size_t i = 0; i < unit->n; i++)
                if (strlen(unit->names[i]) == n && !memcmp(unit->names[i], name, n))
                        return i;
        cr_assert_lt(unit->n, NAMES_MAX);
        unit->names[unit->n] = strndup(name, n);
        return unit->n++;
}

static int errno_number(const char *text, size_t n) {
        if (text[0] >= '0' && text[0] <= '9')
                return atoi(text);
        for (int i = 1; i < 134; i++) {
                const char *name = strerrorname_np(i);

                if (name && strlen(name) == n && !memcmp(name, text, n))
                        return i;
        }
        cr_assert_fail("%.*s is no errno", (int)n, text);
        return 0;
}

struct say {
        struct unit *unit;
        int said;
        bool log;
};

static int say_one(const char *name, size_t n, void *to) {
        struct say *say = to;
        size_t at = slot(say->unit, name, n);

        if (say->log)
                say->unit->logged[at] = say->said;
        else
                say->unit->said[at] = say->said;
        return 0;
}

static void read_words(struct unit *unit, const char *words, const char *end, struct say say) {
        while (words < end) {
                size_t n = strcspn(words, " \n"), n_name = strcspn(words, ":");
                struct say one = say;

                if (n_name < n) {
                        if (!strncmp(words + n_name, ":kill", 5))
                                one.said = SAID_KILLED;
                        else
                                one.said = SAID_ERRNO + errno_number(words + n_name + 1, n - n_name - 1);
                } else {
                        n_name = n;
                }
                if (*words == '@')
                        systemd_group_each(systemd_group(words, n_name), say_one, &one);
                else
                        say_one(words, n_name, &one);
                words += n + 1;
        }
}

static bool value_of(const char *line, const char *key, const char **ret) {
        *ret = line + strlen(key);
        return !strncmp(line, key, strlen(key));
}

static void read_unit(struct unit *unit, const char *text) {
        *unit = (struct unit){ .default_errno = -1 };
        while (*text) {
                const char *end = strchr(text, '\n'), *value;
                struct say say = { .unit = unit };

                cr_assert_not_null(end);
                cr_assert_lt(end - text, 130, "%.*s", (int)(end - text), text);
                if (value_of(text, "SystemCallLog=@known\n", &value)) {
                        unit->log_others = true;
                } else if (value_of(text, "SystemCallArchitectures=", &value)) {
                        snprintf(unit->archs, sizeof(unit->archs), "%.*s", (int)(end - value), value);
                } else if (value_of(text, "SystemCallErrorNumber=", &value)) {
                        unit->default_errno = errno_number(value, (size_t)(end - value));
                } else if (value_of(text, "SystemCallFilter=~", &value)) {
                        say.said = unit->default_errno < 0 ? SAID_KILLED : SAID_ERRNO + unit->default_errno;
                        unit->has_filter = true;
                        read_words(unit, value, end, say);
                } else if (value_of(text, "SystemCallFilter=", &value)) {
                        if (!unit->has_filter) {
                                unit->allow_list = true;
                                say.said = SAID_ALLOWED;
                                systemd_group_each(systemd_group("@default", 8), say_one, &say);
                        }
                        unit->has_filter = true;
                        say.said = SAID_ALLOWED;
                        read_words(unit, value, end, say);
                } else if (value_of(text, "SystemCallLog=~", &value)) {
                        unit->log_others = true;
                        say.said = -1;
                        say.log = true;
                        read_words(unit, value, end, say);
                } else if (value_of(text, "SystemCallLog=", &value)) {
                        say.said = 1;
                        say.log = true;
                        read_words(unit, value, end, say);
                } else {
                        cr_assert(!strncmp(text, "[Service]\n", 10), "%.60s", text);
                }
                text = end + 1;
        }
}

static void unit_deinit(struct unit *unit) {
        for (size_t i = 0; i < unit->n; i++)
                free(unit->names[i]);
}

/* The action that the lines give a name. */
static uint32_t action_of(struct unit *unit, const char *name) {
        size_t at = slot(unit, name, strlen(name));
        int said = unit->said[at];
        bool logged = unit->logged[at] == 1 || (unit->log_others && unit->logged[at] != -1);

        if (said == SAID_NOTHING && unit->has_filter && unit->allow_list)
                said = unit->default_errno < 0 ? SAID_KILLED : SAID_ERRNO + unit->default_errno;
        if (said == SAID_NOTHING || said == SAID_ALLOWED)
                return logged ? SECCOMP_RET_LOG : SECCOMP_RET_ALLOW;
        return said == SAID_KILLED ? SECCOMP_RET_KILL_PROCESS
                                   : SECCOMP_RET_ERRNO | (uint32_t)(said - SAID_ERRNO);
}

static void expect_agreement(const struct fixture *from, const char *what) {
        struct diags losses = DIAGS_INIT;
        struct buf text = BUF_INIT(0);
        struct unit *unit = malloc(sizeof(*unit));
        uint32_t cursor = 0, nr;
        const char *name;
        const struct arch *arch = arch_by_scmp("SCMP_ARCH_X86_64");
        bool loses;

        cr_assert_not_null(unit);
        cr_assert_eq(profile_write_systemd(from->flat, &losses, &text), 0);
        read_unit(unit, buf_string(&text));
        loses = losses.n;
        while ((name = syscall_next(arch, &cursor, &nr))) {
                const uint64_t args[6] = { 0 };
                struct match match;
                uint32_t want = match_call(from->flat, AUDIT_ARCH_X86_64, nr, args, &match);

                if (match.on_arguments)
                        continue;
                /* What differs is said: no word for the action, or always allowed. */
                if (want != action_of(unit, name))
                        cr_assert(loses, "%s: %s is %#x, the lines say %#x", what, name, want,
                                  action_of(unit, name));
                if (!loses)
                        cr_assert_eq(want, action_of(unit, name), "%s: %s", what, name);
                /* Whatever is lost, what runs in the profile runs under the lines. */
                if (want == SECCOMP_RET_ALLOW)
                        cr_assert_eq(action_of(unit, name) & SECCOMP_RET_ACTION_FULL, SECCOMP_RET_ALLOW,
                                     "%s: %s", what, name);
        }
        unit_deinit(unit);
        free(unit);
        buf_deinit(&text);
        diags_deinit(&losses);
}

#define X86_64 "\"architectures\":[\"SCMP_ARCH_X86_64\"],"

Test(write_systemd, without_loss) {
        static const char *const texts[] = {
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," X86_64
                "\"syscalls\":[{\"names\":[\"mount\",\"umount2\","
                "\"ptrace\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},{\"names\":[\"reboot\"],"
                "\"action\":"
                "\"SCMP_ACT_KILL_PROCESS\"},{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_LOG\"}]}",
                "{\"defaultAction\":\"SCMP_ACT_LOG\"," X86_64
                "\"syscalls\":[{\"names\":[\"read\",\"write\"],"
                "\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":[\"bpf\"],\"action\":\"SCMP_ACT_ERRNO\"}]}",
                "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," X86_64
                "\"syscalls\":[{\"names\":[\"mount\"],\"action\":"
                "\"SCMP_ACT_ERRNO\",\"errnoRet\":0},{\"names\":[\"chroot\"],\"action\":\"SCMP_ACT_ERRNO\","
                "\"errnoRet\":2000}]}",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                cleanup_fixture struct fixture from;
                struct diags losses = DIAGS_INIT;
                struct buf text = BUF_INIT(0);

                cr_assert_eq(fixture_text(&from, texts[i]), 0);
                cr_assert_eq(profile_write_systemd(from.flat, &losses, &text), 0);
                cr_expect_eq(losses.n, 0, "%zu: %s", i, losses.n ? losses.items[0].text : "");
                expect_agreement(&from, texts[i]);
                buf_deinit(&text);
                diags_deinit(&losses);
        }
}

Test(write_systemd, losses) {
        static const struct {
                const char *text, *id;
        } rows[] = {
                { "{\"defaultAction\":\"SCMP_ACT_ERRNO\"}", "lost-refusals" },
                { "{\"defaultAction\":\"SCMP_ACT_KILL\"}", "lost-kill-thread" },
                { "{\"defaultAction\":\"SCMP_ACT_TRAP\"}", "lost-trap" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"bpf\"],\"action\":"
                  "\"SCMP_ACT_NOTIFY\"}],\"listenerPath\":\"/x\"}",
                  "lost-ask" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"listenerPath\":\"/x\"}", "lost-listener" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"]}",
                  "lost-flags" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"bpf\"],\"action\":"
                  "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":0,\"value\":1,\"op\":\"SCMP_CMP_EQ\"}]}]}",
                  "lost-conditions" },
                { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":0}", "lost-errno-zero" },
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"bpf\"],\"action\":"
                  "\"SCMP_ACT_ERRNO\",\"comment\":\"x\"}]}",
                  "lost-comments" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_fixture struct fixture from;
                struct diags losses = DIAGS_INIT;
                struct buf text = BUF_INIT(0);

                cr_assert_eq(fixture_text(&from, rows[i].text), 0);
                cr_assert_eq(profile_write_systemd(from.flat, &losses, &text), 0);
                cr_expect(diags_find(&losses, rows[i].id, NULL, NULL), "row %zu: %s", i,
                          losses.n ? losses.items[0].text : "nothing");
                buf_deinit(&text);
                diags_deinit(&losses);
        }
}

/* A conditional call is allowed when some arguments of it are. */
Test(write_systemd, conditional_calls) {
        cleanup_fixture struct fixture from;
        struct diags losses = DIAGS_INIT;
        struct buf text = BUF_INIT(0);

        cr_assert_eq(
                fixture_text(&from,
                             "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"clone\"],"
                             "\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":"
                             "\"SCMP_CMP_EQ\"}]}]}"),
                0);
        cr_assert_eq(profile_write_systemd(from.flat, &losses, &text), 0);
        cr_expect(strstr(buf_string(&text), " clone\n"), "%s", buf_string(&text));
        buf_deinit(&text);
        diags_deinit(&losses);
}

Test(write_systemd, groups) {
        cleanup_fixture struct fixture from;
        struct diags losses = DIAGS_INIT;
        struct buf text = BUF_INIT(0);

        cr_assert_eq(fixture_text(&from, "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," X86_64
                                         "\"syscalls\":[{\"names\":[\"delete_module\",\"finit_module\","
                                         "\"init_module\",\"kexec_load\"],\"action\":\"SCMP_ACT_ERRNO\"}]}"),
                     0);
        cr_assert_eq(profile_write_systemd(from.flat, &losses, &text), 0);
        cr_expect_str_eq(buf_string(&text), "[Service]\nSystemCallArchitectures=x86-64\n"
                                            "SystemCallFilter=~@module:EPERM kexec_load:EPERM\n");
        buf_deinit(&text);
        diags_deinit(&losses);
}

static int is_known(const char *name, size_t n, void *to) {
        char copy[64];

        snprintf(copy, sizeof(copy), "%.*s", (int)n, name);
        cr_expect(syscall_known(copy) ||
                          strstr("rtas switch_endian subpage_prot sys_debug_setcontext spu_run "
                                 "spu_create multiplexer",
                                 copy),
                  "%s", copy);
        ++*(size_t *)to;
        return 0;
}

/* Words that are no calls would be typing errors in the table. */
Test(write_systemd, group_members_are_calls) {
        size_t n = 0;

        cr_expect_gt(systemd_groups_n, 25);
        for (size_t i = 0; i < systemd_groups_n; i++)
                systemd_group_each(&systemd_groups[i], is_known, &n);
        cr_expect_gt(n, 500);
        cr_expect_null(systemd_group("@defaul", 7));
}

static void check_folder(const char *folder_path, size_t least) {
        char path[4096];
        struct dirent *entry;
        DIR *folder = opendir(folder_path);
        size_t n = 0;

        cr_assert_not_null(folder);
        while ((entry = readdir(folder))) {
                cleanup_fixture struct fixture from = { 0 };

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/%s", folder_path, entry->d_name);
                if (fixture_file(&from, path, "SCMP_ARCH_X86_64"))
                        continue;
                expect_agreement(&from, entry->d_name);
                n++;
        }
        closedir(folder);
        cr_assert_geq(n, least);
}

Test(write_systemd, own_profiles) {
        check_folder(ROWS, 8);
}

Test(write_systemd, real_profiles, .timeout = 300) {
        const char *root = getenv("CALLGATE_CORPUS");
        char path[4096];

        if (!root)
                cr_skip_test("CALLGATE_CORPUS is not set");
        snprintf(path, sizeof(path), "%s/profiles", root);
        check_folder(path, 60);
}
