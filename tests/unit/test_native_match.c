/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: which rule, in which order facts are asked for, and what counts. */

#include "native_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/audit.h>
#include <sys/un.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)
#define STOP   77

struct asked {
        char order[32]; /* a letter per fact fetched */
        const char *paths[2];
        size_t n_paths;
        struct sockaddr_storage address;
        size_t n_address;
        const char *program;
        uint64_t uid, caps, process;
        bool stop_at_paths;
        uint64_t flags; /* of openat2 */
};

static int fetch(struct policy_facts *facts, enum policy_fact fact, void *data) {
        static const char letters[] = "PAXCMN";
        struct asked *asked = data;

        if (fact == POLICY_FACT_PATHS && asked->stop_at_paths)
                return STOP;
        cr_assert(!(facts->known & 1u << fact), "fact %d is asked for twice", fact);
        asked->order[strlen(asked->order)] = letters[fact];
        facts->known |= 1u << fact;
        facts->paths[0] = asked->paths[0];
        facts->paths[1] = asked->paths[1];
        facts->n_paths = asked->n_paths;
        facts->program = asked->program;
        facts->uid = asked->uid;
        facts->caps = asked->caps;
        facts->process = asked->process;
        if (asked->n_address) {
                facts->address = (struct sockaddr *)&asked->address;
                facts->n_address = asked->n_address;
        }
        facts->memory_args[0] = (struct policy_memory_arg){ "flags", asked->flags };
        facts->n_memory_args = 1;
        return 0;
}

static struct policy_facts facts_of(const char *call, struct asked *asked) {
        memset(asked->order, 0, sizeof(asked->order));
        return (struct policy_facts){
                .arch = arch_by_audit(AUDIT_ARCH_X86_64), .call = call, .fetch = fetch, .data = asked
        };
}

static struct policy_verdict verdict_of(const struct policy *policy, const char *call, struct asked *asked) {
        struct policy_facts facts = facts_of(call, asked);
        struct policy_verdict verdict;

        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        return verdict;
}

static const char layered[] =
        "version: 1\n"
        "default: { errno: ENOSYS }\n"
        "rules:\n"
        "  - { name: registers, syscalls: [openat], where: { args: { flags: 7 } }, do: kill }\n"
        "  - { name: all, syscalls: [openat], where: { path: /a, program: /bin/x, uid: 5 }, do: { errno: "
        "EACCES } }\n"
        "  - { name: path, syscalls: [openat], where: { path: '/b/(*)' }, do: { redirect: '/c/$1' } }\n"
        "  - { name: ok, syscalls: [openat], do: allow }\n"
        "  - { name: late, syscalls: [openat], do: kill }\n";

Test(native_match, first_and_cheapest) {
        cleanup_policy struct policy *policy = fixture_policy(layered);
        struct asked asked = { .paths = { "/b/file" }, .n_paths = 1, .program = "/bin/y", .uid = 4 };
        struct policy_facts facts = facts_of("openat", &asked);
        struct policy_verdict verdict;
        char *text;

        facts.args[2] = 7;
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        cr_assert_str_eq(verdict.rule->name, "registers");
        cr_assert_str_eq(asked.order, "");
        cr_assert_not(verdict.judged);

        verdict = verdict_of(policy, "openat", &asked);
        cr_assert_str_eq(verdict.rule->name, "path");
        cr_assert_str_eq(asked.order, "CP", "%s", asked.order);
        cr_assert(verdict.judged);
        cr_assert_eq(verdict.n_captures, 1);
        cr_assert_eq(policy_expand(verdict.rule->text, &verdict, &text), 0);
        cr_assert_str_eq(text, "/c/file");
        free(text);
        cr_assert_eq(policy_expand("$$1$2-$", &verdict, &text), 0);
        cr_assert_str_eq(text, "$1-$");
        free(text);
        cr_assert_eq(policy_expand("", &verdict, &text), 0);
        cr_assert_str_eq(text, "");
        free(text);

        asked.uid = 5;
        verdict = verdict_of(policy, "openat", &asked);
        cr_assert_str_eq(asked.order, "CXP", "%s", asked.order);

        /* Allowed after a look at memory: judged all the same. */
        asked.paths[0] = "/elsewhere";
        verdict = verdict_of(policy, "openat", &asked);
        cr_assert_str_eq(verdict.rule->name, "ok");
        cr_assert_eq(verdict.action, POLICY_ALLOW);
        cr_assert(verdict.judged);
        cr_assert_eq(verdict.n_captures, 0);

        asked.paths[0] = "/a";
        asked.program = "/bin/x";
        verdict = verdict_of(policy, "openat", &asked);
        cr_assert_str_eq(verdict.rule->name, "all");
        cr_assert_eq(verdict.value, EACCES);

        /* A program or path that is not there matches nothing. */
        asked.program = NULL;
        asked.n_paths = 0;
        verdict = verdict_of(policy, "openat", &asked);
        cr_assert_str_eq(verdict.rule->name, "ok");

        verdict = verdict_of(policy, "close", &asked);
        cr_assert_null(verdict.rule);
        cr_assert_eq(verdict.action, POLICY_ERRNO);
        cr_assert_eq(verdict.value, ENOSYS);
        cr_assert_null(verdict_of(policy, NULL, &asked).rule);
}

Test(native_match, without_plans_the_same) {
        cleanup_policy struct policy *policy = fixture_policy(layered);
        struct asked asked = { .paths = { "/b/file" }, .n_paths = 1 };
        struct policy_facts facts = facts_of("openat", &asked);
        struct policy_verdict verdict;

        facts.arch = arch_by_audit(AUDIT_ARCH_AARCH64);
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        cr_assert_str_eq(verdict.rule->name, "path");
}

Test(native_match, two_paths) {
        cleanup_policy struct policy *policy = fixture_policy(
                "version: 1\nrules:\n"
                "  - { syscalls: [rename], where: { path: ['/x/**', '/y/**'] }, do: { errno: EPERM } }\n");
        struct asked asked = { .paths = { "/a", "/y/b" }, .n_paths = 2 };

        cr_assert_not_null(verdict_of(policy, "rename", &asked).rule);
        asked.paths[1] = "/z";
        cr_assert_null(verdict_of(policy, "rename", &asked).rule);
        cr_assert(verdict_of(policy, "rename", &asked).judged);
}

Test(native_match, memory_arguments) {
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n"
                               "  - { syscalls: [openat2, openat], where: { args: { flags: { has: O_CREAT } "
                               "} }, do: { errno: EROFS } }\n");
        struct asked asked = { .flags = 0x41 };

        cr_assert_not_null(verdict_of(policy, "openat2", &asked).rule);
        cr_assert(verdict_of(policy, "openat2", &asked).judged);
        cr_assert_str_eq(asked.order, "M");
        asked.flags = 1;
        cr_assert_null(verdict_of(policy, "openat2", &asked).rule);
        cr_assert(verdict_of(policy, "openat2", &asked).judged);
        cr_assert_not(verdict_of(policy, "openat", &asked).judged);
}

Test(native_match, delay_passes_on) {
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n"
                               "  - { syscalls: [socket], do: { delay: 10ms } }\n"
                               "  - { syscalls: [socket], do: { delay: 5ms } }\n"
                               "  - { name: end, syscalls: [socket], do: { errno: EACCES } }\n");
        struct asked asked = { 0 };
        struct policy_verdict verdict = verdict_of(policy, "socket", &asked);

        cr_assert_str_eq(verdict.rule->name, "end");
        cr_assert_eq(verdict.delay_ns, 15000000);
}

Test(native_match, credentials) {
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n"
                               "  - { name: user, syscalls: [getpid], where: { uid: [7, 1000-1999] }, do: { "
                               "errno: EPERM } }\n"
                               "  - { name: cap, syscalls: [getpid], where: { capability: [CAP_SYS_ADMIN] "
                               "}, do: { errno: EPERM } }\n");
        struct asked asked = { .uid = 1500 };

        cr_assert_str_eq(verdict_of(policy, "getpid", &asked).rule->name, "user");
        asked.uid = 2000;
        cr_assert_null(verdict_of(policy, "getpid", &asked).rule);
        asked.caps = UINT64_C(1) << 21;
        cr_assert_str_eq(verdict_of(policy, "getpid", &asked).rule->name, "cap");
        cr_assert_str_eq(asked.order, "C");
        cr_assert_not(verdict_of(policy, "getpid", &asked).judged);
}

Test(native_match, labels) {
        cleanup_policy struct policy *policy = fixture_policy(
                "version: 1\nrules:\n"
                "  - { syscalls: [getpid], where: { labels: { pod: 'web-*' } }, do: { errno: EPERM } }\n");
        const char *names[] = { "ns", "pod" }, *values[] = { "web-1", "web-1" };
        struct asked asked = { 0 };
        struct policy_facts facts = facts_of("getpid", &asked);
        struct policy_verdict verdict;

        facts.label_names = names;
        facts.label_values = values;
        facts.n_labels = 2;
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        cr_assert_not_null(verdict.rule);
        values[1] = "db-1";
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        cr_assert_null(verdict.rule);
}

static void set_inet(struct asked *asked, const char *host, uint16_t port) {
        struct sockaddr_in *in = (struct sockaddr_in *)&asked->address;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&asked->address;

        memset(&asked->address, 0, sizeof(asked->address));
        if (strchr(host, ':')) {
                in6->sin6_family = AF_INET6;
                in6->sin6_port = htons(port);
                cr_assert_eq(inet_pton(AF_INET6, host, &in6->sin6_addr), 1);
                asked->n_address = sizeof(*in6);
        } else {
                in->sin_family = AF_INET;
                in->sin_port = htons(port);
                cr_assert_eq(inet_pton(AF_INET, host, &in->sin_addr), 1);
                asked->n_address = sizeof(*in);
        }
}

/* Every way to say an address that leads to the one of the rule. */
Test(native_match, addresses) {
        static const struct {
                const char *call, *rule, *host;
                bool no_family, holds;
        } rows[] = {
                { "connect", "10.0.0.0/8", "10.1.2.3", false, true },
                { "connect", "10.0.0.0/8", "::ffff:10.1.2.3", false, true },
                { "connect", "10.0.0.0/8", "11.1.2.3", false, false },
                { "connect", "127.0.0.1", "0.0.0.0", false, true },
                { "connect", "127.0.0.1", "::ffff:0.0.0.0", false, true },
                { "connect", "'[::1]'", "::", false, true },
                { "bind", "127.0.0.1", "0.0.0.0", false, false },
                { "connect", "10.1.2.3", "10.1.2.3", true, false },
                { "sendto", "10.1.2.3", "10.1.2.3", true, true },
                { "bind", "10.1.2.3", "10.1.2.3", true, true },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_policy struct policy *policy = NULL;
                struct asked asked = { 0 };
                char text[256];

                snprintf(text, sizeof(text),
                         "version: 1\nrules:\n  - { syscalls: [%s], where: { address: %s }, do: { errno: "
                         "EPERM } }\n",
                         rows[i].call, rows[i].rule);
                policy = fixture_policy(text);
                set_inet(&asked, rows[i].host, 80);
                if (rows[i].no_family)
                        asked.address.ss_family = AF_UNSPEC;
                cr_expect_eq(verdict_of(policy, rows[i].call, &asked).rule != NULL, rows[i].holds,
                             "%s %s %s", rows[i].call, rows[i].rule, rows[i].host);
                cr_assert(verdict_of(policy, rows[i].call, &asked).judged);
        }
}

Test(native_match, unix_sockets_by_where_they_lie) {
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n"
                               "  - { syscalls: [connect], where: { address: 'unix:/run/*.sock' }, do: { "
                               "errno: EPERM } }\n");
        struct asked asked = { .paths = { "/run/a.sock" }, .n_paths = 1 };
        struct sockaddr_un *un = (struct sockaddr_un *)&asked.address;

        un->sun_family = AF_UNIX;
        strcpy(un->sun_path, "a.sock");
        asked.n_address = offsetof(struct sockaddr_un, sun_path) + strlen(un->sun_path) + 1;
        cr_assert_not_null(verdict_of(policy, "connect", &asked).rule);
        cr_assert_str_eq(asked.order, "AP");
        strcpy(un->sun_path, "/run/a.sock");
        asked.n_address = offsetof(struct sockaddr_un, sun_path) + strlen(un->sun_path) + 1;
        asked.paths[0] = "/tmp/a.sock";
        cr_assert_null(verdict_of(policy, "connect", &asked).rule);
        /* an abstract name leads nowhere else */
        memcpy(un->sun_path, "\0/run/a.sock", 12);
        cr_assert_null(verdict_of(policy, "connect", &asked).rule);
        cr_assert_str_eq(asked.order, "A");
}

/* ---- counts ---- */

static struct policy_verdict counted(const struct policy *policy, struct policy_counts *counts,
                                     struct asked *asked, uint64_t now_ns) {
        struct policy_facts facts = facts_of("socket", asked);
        struct policy_verdict verdict;

        facts.counts = counts;
        facts.now_ns = now_ns;
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        return verdict;
}

static size_t n_above(const struct policy *policy, struct policy_counts *counts, struct asked *asked,
                      uint64_t from_ns, uint64_t step_ns, size_t n) {
        size_t above = 0;

        for (size_t i = 0; i < n; i++)
                above += counted(policy, counts, asked, from_ns + i * step_ns).rule != NULL;
        return above;
}

Test(native_match, counts) {
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n"
                               "  - { syscalls: [socket], where: { count: { above: 3, of: process }, args: "
                               "{ domain: 0 } }, do: { errno: EMFILE } }\n");
        struct policy_counts *counts;
        struct asked asked = { .process = 1 };

        cr_assert_null(counted(policy, NULL, &asked, 0).rule);
        cr_assert_eq(policy_counts_new(policy, &counts), 0);
        cr_assert_eq(n_above(policy, counts, &asked, 0, 0, 3), 0);
        asked.process = 2;
        cr_assert_eq(n_above(policy, counts, &asked, 0, 0, 2), 0);
        asked.process = 1;
        cr_assert_eq(n_above(policy, counts, &asked, 0, 0, 5), 5);
        cr_assert_str_eq(asked.order, "N");
        asked.process = 2;
        cr_assert_eq(n_above(policy, counts, &asked, 0, 0, 2), 1);
        policy_counts_free(counts);
}

Test(native_match, rates) {
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n"
                               "  - { syscalls: [socket], where: { rate: { above: 10/s, of: program } }, "
                               "do: { errno: EMFILE } }\n");
        struct policy_counts *counts;
        struct asked asked = { .program = "/bin/a" };

        cr_assert_eq(policy_counts_new(policy, &counts), 0);
        /* all at once: ten pass, the rest does not */
        cr_assert_eq(n_above(policy, counts, &asked, 5 * SECOND, 0, 30), 20);
        asked.program = "/bin/b";
        cr_assert_eq(n_above(policy, counts, &asked, 5 * SECOND, 0, 10), 0);
        /* as fast as is allowed, for long */
        asked.program = "/bin/a";
        cr_assert_eq(n_above(policy, counts, &asked, 6 * SECOND, SECOND / 10, 1000), 0);
        /* twice as fast: half of them are above, but for the ten in the bucket */
        cr_assert_eq(n_above(policy, counts, &asked, 1000 * SECOND, SECOND / 20, 1000), 491);
        policy_counts_free(counts);
}

Test(native_match, counts_are_bounded) {
        cleanup_policy struct policy *policy =
                fixture_policy("version: 1\nrules:\n"
                               "  - { syscalls: [socket], where: { count: { above: 1, of: process } }, do: "
                               "{ errno: EMFILE } }\n");
        struct policy_counts *counts;
        struct asked asked = { 0 };

        cr_assert_eq(policy_counts_new(policy, &counts), 0);
        for (asked.process = 0; asked.process < 65536; asked.process++)
                cr_assert_null(counted(policy, counts, &asked, 0).rule);
        asked.process = 0;
        cr_assert_not_null(counted(policy, counts, &asked, 0).rule);
        /* one more: the one not seen for longest goes, which is 1 now */
        asked.process = 65536;
        cr_assert_null(counted(policy, counts, &asked, 0).rule);
        asked.process = 0;
        cr_assert_not_null(counted(policy, counts, &asked, 0).rule);
        asked.process = 1;
        cr_assert_null(counted(policy, counts, &asked, 0).rule);
        policy_counts_free(counts);
}

Test(native_match, counts_outlive_a_reload) {
        static const char before[] = "version: 1\nrules:\n"
                                     "  - { name: a, syscalls: [socket], where: { args: { domain: 0 }, "
                                     "count: { above: 2 } }, do: { errno: EMFILE } }\n"
                                     "  - { name: b, syscalls: [socket], where: { args: { domain: 0 }, "
                                     "count: { above: 2, of: process } }, do: { errno: EPERM } }\n";
        static const char after[] = "version: 1\nrules:\n"
                                    "  - { name: new, syscalls: [close], do: { errno: EIO } }\n"
                                    "  - { name: b, syscalls: [socket], where: { count: { above: 2, of: "
                                    "process } }, do: { errno: EPERM } }\n"
                                    "  - { name: a, syscalls: [socket], where: { count: { above: 4 } }, do: "
                                    "{ errno: EMFILE } }\n";
        cleanup_policy struct policy *old = fixture_policy(before), *new = fixture_policy(after);
        struct policy_counts *old_counts, *new_counts;
        struct asked asked = { .process = 9 };

        cr_assert_eq(policy_counts_new(old, &old_counts), 0);
        cr_assert_eq(policy_counts_new(new, &new_counts), 0);
        cr_assert_eq(n_above(old, old_counts, &asked, 0, 0, 2), 0);
        policy_counts_take_over(new_counts, old_counts);
        policy_counts_free(old_counts);
        cr_assert_str_eq(counted(new, new_counts, &asked, 0).rule->name, "b");
        asked.process = 10;
        cr_assert_null(counted(new, new_counts, &asked, 0).rule);
        cr_assert_null(counted(new, new_counts, &asked, 0).rule);
        asked.process = 11;
        cr_assert_str_eq(counted(new, new_counts, &asked, 0).rule->name, "a");
        policy_counts_free(new_counts);
}

/* A match that has to wait for a slow file system is asked again, and has counted only once. */
Test(native_match, stopped_and_asked_again) {
        cleanup_policy struct policy *policy = fixture_policy(
                "version: 1\nrules:\n"
                "  - { syscalls: [openat], where: { count: { above: 2 } }, do: { errno: EMFILE } }\n"
                "  - { syscalls: [openat], do: { delay: 1s } }\n"
                "  - { name: path, syscalls: [openat], where: { path: /a }, do: { errno: EPERM } }\n");
        struct policy_counts *counts;
        struct asked asked = { .paths = { "/a" }, .n_paths = 1 };

        cr_assert_eq(policy_counts_new(policy, &counts), 0);
        for (int i = 0; i < 3; i++) {
                struct policy_facts facts = facts_of("openat", &asked);
                struct policy_verdict verdict;

                facts.counts = counts;
                asked.stop_at_paths = true;
                if (i < 2) {
                        cr_assert_eq(policy_match(policy, &facts, &verdict), STOP);
                        cr_assert_eq(policy_match(policy, &facts, &verdict), STOP);
                        asked.stop_at_paths = false;
                }
                cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
                if (i < 2) {
                        cr_assert_str_eq(verdict.rule->name, "path");
                        cr_assert_eq(verdict.delay_ns, SECOND);
                        cr_assert(verdict.judged);
                } else {
                        cr_assert_eq(verdict.value, EMFILE);
                }
        }
        policy_counts_free(counts);
}

Test(native_match, base_decides_the_rest) {
        static const char base[] =
                "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, "
                "\"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X32\"], \"syscalls\": ["
                "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"},"
                "{\"names\": [\"kill\"], \"action\": \"SCMP_ACT_KILL_PROCESS\"},"
                "{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_TRACE\"}]}";
        char path[] = "/tmp/native-base-XXXXXX", text[256];
        cleanup_policy struct policy *policy = NULL;
        struct asked asked = { 0 };
        struct policy_facts facts;
        struct policy_verdict verdict;
        int fd = mkstemp(path);

        cr_assert_eq(write(fd, base, strlen(base)), (ssize_t)strlen(base));
        close(fd);
        snprintf(text, sizeof(text), "version: 1\nbase: %s\nrules:\n  - { syscalls: [uname], do: allow }\n",
                 path);
        policy = fixture_policy(text);
        unlink(path);
        cr_assert_eq(verdict_of(policy, "read", &asked).action, POLICY_ALLOW);
        cr_assert_null(verdict_of(policy, "read", &asked).rule);
        cr_assert_eq(verdict_of(policy, "kill", &asked).action, POLICY_KILL);
        cr_assert_eq(verdict_of(policy, "sync", &asked).action, POLICY_ERRNO);
        cr_assert_eq(verdict_of(policy, "sync", &asked).value, ENOSYS);
        cr_assert_eq(verdict_of(policy, "write", &asked).action, POLICY_ERRNO);
        cr_assert_eq(verdict_of(policy, "write", &asked).value, 38);
        cr_assert_eq(verdict_of(policy, NULL, &asked).value, 38);
        cr_assert_not_null(verdict_of(policy, "uname", &asked).rule);
        facts = facts_of("read", &asked);
        facts.arch = arch_by_audit(ARCH_X32);
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        cr_assert_eq(verdict.action, POLICY_ALLOW);
        facts = facts_of("read", &asked);
        facts.arch = arch_by_audit(AUDIT_ARCH_I386);
        cr_assert_eq(policy_match(policy, &facts, &verdict), 0);
        cr_assert_eq(verdict.action, POLICY_KILL);
}

/* Nobody can start a program or change a directory for a task, so a LOG by path decides nothing there. */
Test(native_match, log_by_memory_decides_only_what_can_be_carried_out) {
        static const char log[] = "{name: log, syscalls: [execve, openat], where: {path: /a}, do: log}";
        static const char advisory[] =
                "{name: log, syscalls: [execve, openat], where: {path: /a}, do: log, advisory: true}";
        static const char second[] = "{name: second, syscalls: execve, where: {path: /*}, do: log}";
        static const char no[] = "{name: deny, syscalls: [execve, openat], do: {errno: EACCES}}";
        static const char yes[] = "{name: pass, syscalls: [execve, openat], do: allow}";
        static const char wait[] = "{name: wait, syscalls: [execve, openat], do: {delay: 5ns}}";
        const struct {
                const char *rules[3];
                size_t n_rules;
                const char *call, *path;
                enum policy_action action;
                const char *rule; /* NULL: none */
                bool judged;
        } rows[] = {
                { { log }, 1, "execve", "/a", POLICY_LOG, "log", false },
                { { log }, 1, "execve", "/b", POLICY_ALLOW, NULL, false },
                { { log, no }, 2, "execve", "/a", POLICY_ERRNO, "deny", false },
                { { log, yes }, 2, "execve", "/a", POLICY_LOG, "log", false },
                { { log, yes }, 2, "execve", "/b", POLICY_ALLOW, "pass", false },
                { { log, second, yes }, 3, "execve", "/a", POLICY_LOG, "log", false },
                { { log, second, yes }, 3, "execve", "/b", POLICY_LOG, "second", false },
                { { log, wait, no }, 3, "execve", "/a", POLICY_ERRNO, "deny", false },
                { { log, no }, 2, "openat", "/a", POLICY_LOG, "log", true },
                { { log, yes }, 2, "openat", "/b", POLICY_ALLOW, "pass", true },
                { { advisory, no }, 2, "execve", "/a", POLICY_LOG, "log", false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_policy struct policy *policy = fixture_rules("", rows[i].rules, rows[i].n_rules);
                struct asked asked = { .paths = { rows[i].path }, .n_paths = 1 };
                struct policy_verdict verdict = verdict_of(policy, rows[i].call, &asked);

                cr_expect_eq(verdict.action, rows[i].action, "row %zu: %d", i, verdict.action);
                cr_expect_eq(verdict.judged, rows[i].judged, "row %zu", i);
                cr_expect(rows[i].rule ? verdict.rule && strcmp(verdict.rule->name, rows[i].rule) == 0
                                       : !verdict.rule,
                          "row %zu: %s", i, verdict.rule ? verdict.rule->name : "none");
        }
}
