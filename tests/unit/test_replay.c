/* SPDX-License-Identifier: Apache-2.0 */

#include "policy_fixture.h"

#include <dirent.h>
#include <errno.h>

#include "policy/import.h"
#include "policy/replay.h"
#include "syscalls/table.h"

/* An event all of whose registers are known. */
static struct event event_of(uint32_t arch, uint32_t nr, const uint64_t args[6]) {
        struct event event;

        import_event_init(&event);
        event.arch = arch;
        event.nr = nr;
        for (unsigned i = 0; i < EVENT_N_ARGS; i++) {
                event.args[i] = args ? args[i] : 0;
                event.flags &= ~EVENT_UNKNOWN_ARG(i);
        }
        return event;
}

static struct replay_verdict replay(const struct fixture *fixture, const struct event *event) {
        struct replay_verdict verdict;

        replay_event(fixture->flat, &fixture->filter, event, &verdict);
        return verdict;
}

static uint32_t simulate(const struct fixture *fixture, const struct event *event) {
        struct seccomp_data data = { .nr = (int)event->nr,
                                     .arch = event->arch,
                                     .instruction_pointer = event->ip };

        memcpy(data.args, event->args, sizeof(data.args));
        return filter_simulate(&fixture->filter, &data, NULL);
}

static bool lets_through(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

/* ---- what is known ---- */

Test(replay, known_bits) {
        static const uint64_t args[6] = { 0, 0, 0, 0, 0, 0 };
        uint32_t clone = (uint32_t)syscall_number(arch_by_any("x86_64"), "clone");
        struct event event = event_of(AUDIT_ARCH_X86_64, clone, args);
        uint64_t known[EVENT_N_ARGS], class[EVENT_N_ARGS];

        replay_known_bits(&event, known);
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                cr_assert_eq(known[i], UINT64_MAX);
        event.flags |= EVENT_UNKNOWN_ARG(2);
        replay_known_bits(&event, known);
        cr_assert_eq(known[1], UINT64_MAX);
        cr_assert_eq(known[2], 0);

        /* A row of a tally knows of its calls what they were told apart by. */
        event.flags &= ~EVENT_UNKNOWN_ARG(2);
        event.count = 5;
        replay_known_bits(&event, known);
        cr_assert_gt(syscall_class_mask(event.arch, event.nr, class), 0);
        cr_assert_eq(known[0], class[0]);
        cr_assert_eq(known[1], 0);
        event.flags |= EVENT_MERGED_ARGS;
        replay_known_bits(&event, known);
        cr_assert_eq(known[0], 0);

        event = event_of(AUDIT_ARCH_I386, 5, args);
        event.flags |= EVENT_UNKNOWN_ARG(0);
        replay_known_bits(&event, known);
        cr_assert_eq(known[0], UINT64_C(0xffffffff00000000), "a 32-bit register has no upper half");
}

static const char profile[] =
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\"],\"syscalls\":["
        "{\"names\":[\"read\"],\"action\":\"SCMP_ACT_ALLOW\"},"
        "{\"names\":[\"write\"],\"action\":\"SCMP_ACT_LOG\"},"
        "{\"names\":[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\","
        "\"args\":[{\"index\":0,\"value\":2114060288,\"valueTwo\":0,\"op\":\"SCMP_CMP_MASKED_EQ\"}]},"
        "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","
        "\"args\":[{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]},"
        "{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_TRAP\"}]}";

Test(replay, answers_by_what_is_known) {
        cleanup_fixture struct fixture fixture;
        static const struct {
                const char *name;
                uint64_t arg;
                bool known;
                enum replay_result result;
                size_t n_actions;
                uint32_t action; /* the most severe */
                const char *place;
        } rows[] = {
                { "read", 0, false, REPLAY_ALLOWED, 1, SECCOMP_RET_ALLOW, "syscalls[0]" },
                { "write", 0, false, REPLAY_ALLOWED, 1, SECCOMP_RET_LOG, "syscalls[1]" },
                { "mkdir", 0, false, REPLAY_REFUSED, 1, SECCOMP_RET_TRAP, "syscalls[4]" },
                { "mount", 0, false, REPLAY_REFUSED, 1, SECCOMP_RET_ERRNO | EPERM, "defaultAction" },
                { "clone", 0x11, true, REPLAY_ALLOWED, 1, SECCOMP_RET_ALLOW, "syscalls[2]" },
                { "clone", 0x10000000, true, REPLAY_REFUSED, 1, SECCOMP_RET_ERRNO | EPERM, "defaultAction" },
                { "clone", 0, false, REPLAY_UNDECIDED, 2, SECCOMP_RET_ERRNO | EPERM, "syscalls[2]" },
                { "personality", 8, true, REPLAY_ALLOWED, 1, SECCOMP_RET_ALLOW, "syscalls[3]" },
                { "personality", 9, true, REPLAY_REFUSED, 1, SECCOMP_RET_ERRNO | EPERM, "defaultAction" },
                { "personality", 0, false, REPLAY_UNDECIDED, 2, SECCOMP_RET_ERRNO | EPERM, "syscalls[3]" },
        };

        cr_assert_eq(fixture_text(&fixture, profile), 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                uint64_t args[6] = { rows[i].arg };
                struct event event =
                        event_of(AUDIT_ARCH_X86_64,
                                 (uint32_t)syscall_number(arch_by_any("x86_64"), rows[i].name), args);
                struct replay_verdict verdict;

                if (!rows[i].known)
                        for (unsigned k = 0; k < EVENT_N_ARGS; k++)
                                event.flags |= EVENT_UNKNOWN_ARG(k);
                verdict = replay(&fixture, &event);
                cr_assert_eq(verdict.result, rows[i].result, "%s", rows[i].name);
                cr_assert_eq(verdict.n_actions, rows[i].n_actions, "%s", rows[i].name);
                cr_assert_eq(verdict.actions[0], rows[i].action, "%s: %08x", rows[i].name,
                             verdict.actions[0]);
                cr_assert_str_eq(verdict.place, rows[i].place, "%s: %s", rows[i].name, verdict.place);
        }
}

Test(replay, unlisted_architecture_and_unknown_number) {
        cleanup_fixture struct fixture fixture;
        struct event event = event_of(AUDIT_ARCH_AARCH64, 63, NULL);
        struct replay_verdict verdict;

        cr_assert_eq(fixture_text(&fixture, profile), 0);
        verdict = replay(&fixture, &event);
        cr_assert_eq(verdict.result, REPLAY_REFUSED);
        cr_assert_str_eq(verdict.place, "architectures");
        event = event_of(AUDIT_ARCH_X86_64, 100000, NULL);
        verdict = replay(&fixture, &event);
        cr_assert_eq(verdict.result, REPLAY_REFUSED);
        cr_assert_str_eq(verdict.place, "defaultAction");
}

/* ---- against brute force ---- */

static uint64_t seed = 88172645463325252u;
static uint64_t draw(void) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed;
}

/* Values at which some condition of the profile changes its mind, and others. */
static uint64_t interesting(const struct profile *resolved) {
        const struct rule *rule = resolved->n_rules ? resolved->rules + draw() % resolved->n_rules : NULL;
        uint64_t value = 0;

        if (rule && rule->n_conditions > 0) {
                const struct condition *condition = rule->conditions + draw() % rule->n_conditions;

                value = draw() & 1 ? condition->value : condition->value_two;
        }
        switch (draw() % 6) {
        case 0:
                return value + 1;
        case 1:
                return value - 1;
        case 2:
                return draw();
        case 3:
                return value | 1ull << draw() % 64;
        default:
                return value;
        }
}

/* A call that the profile has an opinion about. */
static struct event random_event(const struct fixture *fixture) {
        const struct profile *resolved = fixture->flat;
        const struct arch *arch = resolved->archs[draw() % resolved->n_archs].arch;
        uint64_t args[6];
        int nr = -1;

        if (!arch)
                arch = arch_native();
        if (resolved->n_rules > 0 && draw() % 8) {
                const struct rule *rule = resolved->rules + draw() % resolved->n_rules;

                /* Rules with conditions are few, but it is they that are difficult. */
                for (unsigned i = 0; i < 8 && rule->n_conditions == 0; i++)
                        rule = resolved->rules + draw() % resolved->n_rules;
                nr = syscall_number(arch, rule->names[draw() % rule->n_names]);
        }
        if (nr < 0)
                nr = (int)(draw() % 500);
        for (unsigned i = 0; i < 6; i++) {
                args[i] = interesting(resolved);
                if (arch->bits == 32)
                        args[i] &= UINT32_MAX;
        }
        return event_of(arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit,
                        (uint32_t)nr | (arch->audit == ARCH_X32 ? X32_NR_BIT : 0), args);
}

static bool has_action(const struct replay_verdict *verdict, uint32_t action) {
        for (size_t i = 0; i < verdict->n_actions; i++)
                if (verdict->actions[i] == action)
                        return true;
        return verdict->n_actions == 0;
}

static void check_known(const struct fixture *fixture, const char *what) {
        for (unsigned i = 0; i < 200; i++) {
                struct event event = random_event(fixture);
                struct replay_verdict verdict = replay(fixture, &event);
                uint32_t action = simulate(fixture, &event);
                struct match match;

                cr_assert_eq(verdict.n_actions, 1, "%s: %08x %u", what, event.arch, event.nr);
                cr_assert_eq(verdict.actions[0], action, "%s: %08x %u: %08x, not %08x", what, event.arch,
                             event.nr, verdict.actions[0], action);
                cr_assert_eq(verdict.result, lets_through(action) ? REPLAY_ALLOWED : REPLAY_REFUSED);
                match_call(fixture->flat, event.arch, event.nr, event.args, &match);
                if (!match.ambiguous)
                        cr_assert_eq(match.action, action, "%s: model and filter differ", what);
        }
}

/* Some arguments are hidden: whatever they are, the real answer is among those named. */
static size_t check_partial(const struct fixture *fixture, const char *what) {
        size_t n_undecided = 0;

        for (unsigned i = 0; i < 100; i++) {
                struct event event = random_event(fixture), hidden;
                const struct arch *arch = arch_of_call(event.arch, event.nr);
                unsigned which = (unsigned)draw() & 0x3f;
                struct replay_verdict verdict;

                hidden = event;
                for (unsigned k = 0; k < EVENT_N_ARGS; k++)
                        if (which & 1u << k) {
                                hidden.flags |= EVENT_UNKNOWN_ARG(k);
                                hidden.args[k] = 0;
                        }
                verdict = replay(fixture, &hidden);
                n_undecided += verdict.result == REPLAY_UNDECIDED;
                for (unsigned k = 0; k < 60; k++) {
                        uint32_t action = simulate(fixture, &event);

                        cr_assert(has_action(&verdict, action), "%s: %08x %u: %08x is missing", what,
                                  event.arch, event.nr, action);
                        cr_assert(verdict.result == REPLAY_UNDECIDED ||
                                          (verdict.result == REPLAY_ALLOWED) == lets_through(action),
                                  "%s: %08x %u", what, event.arch, event.nr);
                        for (unsigned m = 0; m < EVENT_N_ARGS; m++)
                                if (which & 1u << m) {
                                        event.args[m] = interesting(fixture->flat);
                                        if (arch->bits == 32)
                                                event.args[m] &= UINT32_MAX;
                                }
                }
        }
        return n_undecided;
}

static int is_shown(const struct dirent *entry) {
        return entry->d_name[0] != '.';
}

/* In one order on every file system: what is drawn for a profile depends on those before it. */
static size_t check_folder(const char *folder) {
        struct dirent **entries;
        size_t n = 0, n_undecided = 0;
        int n_entries = scandir(folder, &entries, is_shown, alphasort);

        cr_assert_geq(n_entries, 0, "%s", folder);
        for (int i = 0; i < n_entries; i++) {
                const char *name = entries[i]->d_name;
                struct fixture fixture;
                char path[4096];

                snprintf(path, sizeof(path), "%s/%s", folder, name);
                if (fixture_file(&fixture, path, "SCMP_ARCH_X86_64") == 0) {
                        check_known(&fixture, name);
                        n_undecided += check_partial(&fixture, name);
                        n++;
                }
                fixture_deinit(&fixture);
                free(entries[i]);
        }
        free(entries);
        cr_assert_gt(n_undecided, 0, "nothing was difficult");
        return n;
}

Test(replay, agrees_with_filter_and_model_on_own_profiles) {
        cr_assert_gt(check_folder(SOURCE_DIR "/tests/rows/profiles"), 5);
}

Test(replay, agrees_with_filter_and_model_on_corpus) {
        const char *corpus = getenv("CALLGATE_CORPUS");
        char path[4096];

        if (!corpus)
                cr_skip("CALLGATE_CORPUS is not set");
        snprintf(path, sizeof(path), "%s/profiles", corpus);
        cr_assert_gt(check_folder(path), 50);
}

/* ---- programs that libseccomp does not make ---- */

Test(replay, odd_programs) {
        static const struct {
                struct sock_filter insns[6];
                size_t n;
                size_t n_actions;
        } rows[] = {
                /* falls off its end */
                { { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16) }, 1, 1 },
                /* what is returned is in the accumulator: not followed */
                { { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16), BPF_STMT(BPF_RET | BPF_A, 0) }, 2, 0 },
                /* a known constant */
                { { BPF_STMT(BPF_LD | BPF_IMM, 5), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 5, 0, 1),
                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_K, 0) },
                  4,
                  1 },
                /* a sum is not followed: both */
                { { BPF_STMT(BPF_LD | BPF_IMM, 5), BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 1),
                    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 6, 0, 1),
                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_K, 0) },
                  5,
                  2 },
                /* masked bits are zero whatever was there */
                { { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
                    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 0xf0, 0, 1),
                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_K, 0) },
                  5,
                  1 },
                { { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf0),
                    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x0f, 0, 1),
                    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_K, 0) },
                  5,
                  1 },
        };
        cleanup_fixture struct fixture fixture;

        cr_assert_eq(fixture_text(&fixture, profile), 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct filter filter = { (struct sock_filter *)rows[i].insns, rows[i].n };
                struct event event = event_of(AUDIT_ARCH_X86_64, 0, NULL);
                struct replay_verdict verdict;

                event.flags |= EVENT_UNKNOWN_ARG(0);
                replay_event(fixture.flat, &filter, &event, &verdict);
                cr_assert_eq(verdict.n_actions, rows[i].n_actions, "row %zu: %zu", i, verdict.n_actions);
                if (rows[i].n_actions != 1)
                        cr_assert_eq(verdict.result, REPLAY_UNDECIDED, "row %zu", i);
        }
}
