/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy as a filter. For every call that rules speak of there is a decision: the rules' conditions on
 * registers in order, each with what the kernel does where they hold. A rule that needs a look stands in its
 * place with "notify", so the first match decides in the kernel exactly as it does in policy_match().
 * Behind the last one, what the base or the fallback says.
 *
 * Equal decisions are written once. Numbers are searched for by halves, in pieces small enough for short
 * jumps to their own returns, since the kernel takes 4096 instructions and no more. The base's filter stands
 * at the end and is fallen into, unchanged but for its answers.
 */

#include "policy/native/compile.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/compile.h"
#include "policy/match.h"
#include "policy/native/calls.h"
#include "policy/native/plan.h"
#include "policy/program.h"
#include "syscalls/names.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#define ERRNO_MAX 4095                    /* the kernel's MAX_ERRNO: returns below are errors */
#define ELSE      SECCOMP_RET_ACTION_FULL /* no action of the kernel: what base or fallback says */

/* ---- what one rule is for the kernel ---- */

static const char *reason_of_action(const struct policy_rule *rule) {
        switch (rule->action) {
        case POLICY_LOG:
                return "it is recorded";
        case POLICY_RETURN:
                return rule->value > 0 || rule->value < -ERRNO_MAX ? "filters can return errors only" : NULL;
        case POLICY_ERRNO:
                return rule->value > ERRNO_MAX ? "filters can return errors up to 4095 only" : NULL;
        case POLICY_REDIRECT:
        case POLICY_SUBSTITUTE:
        case POLICY_EMULATE:
                return "callgated carries it out";
        case POLICY_DELAY:
                return "filters cannot wait";
        case POLICY_ASK:
                return "a person decides";
        default:
                return NULL;
        }
}

/* NULL: registers say it all, and the kernel can do it. */
static const char *reason_of(const struct policy_rule *rule, const struct plan_way *way) {
        const struct policy_where *where = &rule->where;
        const struct {
                bool is;
                const char *reason;
        } rows[] = {
                { where->n_paths, "its path lies in memory" },
                { where->n_addresses, "its address lies in memory" },
                { way->n_memory_tests, "its arguments lie in memory" },
                { where->n_programs, "filters know nothing of programs" },
                { where->n_uids || where->n_gids || where->caps_set, "filters know nothing of users" },
                { where->n_labels, "filters know nothing of labels" },
                { where->above_set, "filters cannot count" },
                { way->rest, "registers do not say it all" },
                { rule->log, "it is recorded" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (rows[i].is)
                        return rows[i].reason;
        return reason_of_action(rule);
}

static uint32_t kernel_action(enum policy_action action, int64_t value) {
        switch (action) {
        case POLICY_ALLOW:
                return SECCOMP_RET_ALLOW;
        case POLICY_ERRNO:
                return SECCOMP_RET_ERRNO | ((uint32_t)value & SECCOMP_RET_DATA);
        case POLICY_RETURN:
                return SECCOMP_RET_ERRNO | ((uint32_t)-value & SECCOMP_RET_DATA);
        case POLICY_KILL:
                return SECCOMP_RET_KILL_PROCESS;
        default:
                return SECCOMP_RET_USER_NOTIF;
        }
}

static uint32_t action_of(const struct policy *policy, const struct plan_way *way) {
        const struct policy_rule *rule = &policy->rules[way->rule];

        return reason_of(rule, way) ? SECCOMP_RET_USER_NOTIF : kernel_action(rule->action, rule->value);
}

/* ---- ways around ---- */

/* What io_uring can do besides calls that take a path or an address (policy_calls). */
static bool ring_can(const char *call) {
        static const char *const names[] = {
                "read",      "readv",    "pread64",   "preadv",          "preadv2",   "write",
                "writev",    "pwrite64", "pwritev",   "pwritev2",        "fsync",     "fdatasync",
                "close",     "splice",   "tee",       "fallocate",       "fadvise64", "madvise",
                "socket",    "accept",   "accept4",   "listen",          "shutdown",  "recvfrom",
                "recvmsg",   "recvmmsg", "epoll_ctl", "epoll_wait",      "ftruncate", "fsetxattr",
                "fgetxattr", "waitid",   "futex",     "sync_file_range", "pipe",      "pipe2",
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(names[i], call) == 0)
                        return true;
        return policy_call_by_name(call);
}

static bool rule_on_ring_calls(const struct policy_rule *rule) {
        if (rule->action == POLICY_ALLOW || rule->advisory)
                return false;
        for (size_t i = 0; i < rule->n_calls; i++)
                if (ring_can(rule->calls[i]))
                        return true;
        return false;
}

static bool rule_on_opens(const struct policy_rule *rule) {
        if (rule->action == POLICY_ALLOW || rule->advisory)
                return false;
        for (size_t i = 0; i < rule->n_calls; i++) {
                const struct policy_call *call = policy_call_by_name(rule->calls[i]);

                if (call && call->flags & POLICY_CALL_OPENS)
                        return true;
        }
        return false;
}

static const struct around {
        const char *call;
        int error; /* what a kernel without it says, or one that finds the caller unprivileged */
        bool (*of)(const struct policy_rule *rule);
        const char *reason;
} arounds[] = {
        { "io_uring_setup", ENOSYS, rule_on_ring_calls,
          "io_uring would carry out calls that no filter sees" },
        { "open_by_handle_at", EPERM, rule_on_opens, "it opens files without a path" },
};

const char *policy_closes(const struct policy *policy, const char *call, int *ret_errno) {
        const struct around *around = NULL;
        bool closes = false;

        for (size_t i = 0; i < sizeof(arounds) / sizeof(arounds[0]); i++)
                if (strcmp(arounds[i].call, call) == 0)
                        around = &arounds[i];
        if (!around)
                return NULL;
        for (size_t i = 0; i < policy->n_rules; i++) {
                if (policy_rule_covers(&policy->rules[i], call))
                        return NULL;
                closes |= around->of(&policy->rules[i]);
        }
        *ret_errno = around->error;
        return closes ? around->reason : NULL;
}

/* ---- decisions ---- */

struct step {
        size_t first, n; /* conditions; 0: always */
        uint32_t action;
};

/* What happens to one call of one architecture. The last step is unconditional. */
struct decision {
        struct step *steps;
        size_t n_steps;
        struct condition *conditions;
        uint8_t *bits;
        size_t n_conditions;
        size_t at; /* in the program, once written */
        bool written;
};

static void decision_deinit(struct decision *decision) {
        free(decision->steps);
        free(decision->conditions);
        free(decision->bits);
}

static int add_step(struct decision *decision, uint32_t action) {
        struct step *grown = reallocarray(decision->steps, decision->n_steps + 1, sizeof(*grown));

        if (!grown)
                return error_origin(-ENOMEM);
        decision->steps = grown;
        grown[decision->n_steps++] = (struct step){ .first = decision->n_conditions, .action = action };
        return 0;
}

static int add_condition(struct decision *decision, const struct condition *condition, unsigned bits) {
        struct condition *conditions =
                reallocarray(decision->conditions, decision->n_conditions + 1, sizeof(*conditions));
        uint8_t *widths;

        if (!conditions)
                return error_origin(-ENOMEM);
        decision->conditions = conditions;
        widths = reallocarray(decision->bits, decision->n_conditions + 1, sizeof(*widths));
        if (!widths)
                return error_origin(-ENOMEM);
        decision->bits = widths;
        conditions[decision->n_conditions] = *condition;
        widths[decision->n_conditions++] = (uint8_t)bits;
        decision->steps[decision->n_steps - 1].n++;
        return 0;
}

static bool decision_ends(const struct decision *decision) {
        return decision->n_steps && !decision->steps[decision->n_steps - 1].n;
}

static int add_way(struct decision *decision, const struct plan_way *way, uint32_t action) {
        bool first = true;
        int r = way->n_tests ? 0 : add_step(decision, action);

        for (size_t i = 0; !r && i < way->n_tests; i++) {
                if (first)
                        r = add_step(decision, action);
                if (!r)
                        r = add_condition(decision, &way->tests[i].condition, way->tests[i].bits);
                first = way->tests[i].last;
        }
        return error_trace(r);
}

static bool decisions_equal(const struct decision *a, const struct decision *b) {
        if (a->n_steps != b->n_steps || a->n_conditions != b->n_conditions)
                return false;
        for (size_t i = 0; i < a->n_steps; i++)
                if (a->steps[i].n != b->steps[i].n || a->steps[i].action != b->steps[i].action)
                        return false;
        for (size_t i = 0; i < a->n_conditions; i++)
                if (a->bits[i] != b->bits[i] || a->conditions[i].index != b->conditions[i].index ||
                    a->conditions[i].op != b->conditions[i].op ||
                    a->conditions[i].value != b->conditions[i].value ||
                    a->conditions[i].value_two != b->conditions[i].value_two)
                        return false;
        return true;
}

/* ---- the compiler ---- */

struct numbered {
        uint32_t nr;
        size_t decision;
};

/* Numbers from `first` to where the next one begins. */
struct interval {
        uint32_t first;
        size_t decision;
};

struct compiler {
        const struct policy *policy;
        struct filter base; /* with its answers rewritten; empty without base */
        const char **calls;
        size_t n_calls;
        struct decision *decisions; /* the first is for calls that no rule speaks of */
        size_t n_decisions;
        struct numbered *numbered; /* of the AUDIT_ARCH being written */
        size_t n_numbered;
        struct {
                size_t at, decision;
        } jumps[FILTER_MAX]; /* to be closed when decisions are written */
        size_t n_jumps;
        struct program program;
};

static uint32_t else_action(const struct policy *policy) {
        return policy->base ? ELSE : kernel_action(policy->fallback, policy->fallback_errno);
}

static uint32_t audit_of(const struct arch *arch) {
        return arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
}

/* Adds the decision unless it is there; eats it. */
static int keep_decision(struct compiler *compiler, struct decision *decision, size_t *ret) {
        struct decision *grown;

        for (size_t i = 0; i < compiler->n_decisions; i++)
                if (decisions_equal(&compiler->decisions[i], decision)) {
                        decision_deinit(decision);
                        *ret = i;
                        return 0;
                }
        grown = reallocarray(compiler->decisions, compiler->n_decisions + 1, sizeof(*grown));
        if (!grown) {
                decision_deinit(decision);
                return error_origin(-ENOMEM);
        }
        compiler->decisions = grown;
        *ret = compiler->n_decisions;
        grown[compiler->n_decisions++] = *decision;
        return 0;
}

static int number(struct compiler *compiler, uint32_t nr, size_t decision) {
        struct numbered *grown;

        if (!decision)
                return 0;
        grown = reallocarray(compiler->numbered, compiler->n_numbered + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        compiler->numbered = grown;
        grown[compiler->n_numbered++] = (struct numbered){ nr, decision };
        return 0;
}

/* Calls in a block of arguments are unpacked by callgated, if some rule speaks of the one that is meant. */
static int add_multiplexed(struct compiler *compiler, const char *through, struct decision *decision) {
        const char *row_through, *name;
        uint32_t call;
        int r = 0;

        for (size_t i = 0; !r && multiplexed_call(i, &row_through, &name, &call); i++) {
                bool is_ipc = strcmp(through, "ipc") == 0, covered = false;
                /* send and recv are sendto and recvfrom without an address */
                const char *meant = strcmp(name, "send") == 0   ? "sendto"
                                    : strcmp(name, "recv") == 0 ? "recvfrom"
                                                                : name;

                if (strcmp(row_through, through) != 0)
                        continue;
                for (size_t j = 0; !covered && j < compiler->policy->n_rules; j++)
                        covered = policy_rule_covers(&compiler->policy->rules[j], meant);
                if (!covered)
                        continue;
                r = add_step(decision, SECCOMP_RET_USER_NOTIF);
                if (!r)
                        r = add_condition(decision,
                                          &(struct condition){ .op = CONDITION_MASKED_EQ,
                                                               .value = is_ipc ? 0xffff : UINT32_MAX,
                                                               .value_two = call },
                                          32);
        }
        return error_trace(r);
}

static int add_call(struct compiler *compiler, const struct arch *arch, const char *call, uint32_t nr) {
        struct decision decision = { 0 };
        const struct plan *plan;
        struct plan made;
        size_t kept;
        int r;

        r = plan_of(compiler->policy, arch, call, &made, &plan);
        if (r)
                return error_trace(r);
        if (strcmp(call, "socketcall") == 0 || strcmp(call, "ipc") == 0)
                r = add_multiplexed(compiler, call, &decision);
        for (size_t i = 0; !r && i < plan->n_ways && !decision_ends(&decision); i++)
                r = add_way(&decision, &plan->ways[i], action_of(compiler->policy, &plan->ways[i]));
        plan_deinit(&made);
        if (!r && !decision_ends(&decision))
                r = add_step(&decision, else_action(compiler->policy));
        if (r) {
                decision_deinit(&decision);
                return error_trace(r);
        }
        r = keep_decision(compiler, &decision, &kept);
        if (!r)
                r = number(compiler, nr, kept);
        return error_trace(r);
}

/* What base or fallback would let pass, for some arguments at least, and is refused instead. */
static int add_around(struct compiler *compiler, const struct arch *arch, const struct around *around) {
        struct decision decision = { 0 };
        uint32_t otherwise = else_action(compiler->policy);
        const uint64_t args[6] = { 0 };
        struct match match = { 0 };
        int nr = syscall_number(arch, around->call), error, r;
        size_t kept;

        if (nr < 0 || !policy_closes(compiler->policy, around->call, &error))
                return 0;
        if (otherwise == ELSE)
                otherwise = match_call(compiler->policy->base, audit_of(arch), (uint32_t)nr, args, &match);
        else if (otherwise == SECCOMP_RET_USER_NOTIF)
                otherwise = SECCOMP_RET_LOG; /* recorded, and let pass */
        if (!match.on_arguments && otherwise != SECCOMP_RET_ALLOW && otherwise != SECCOMP_RET_LOG)
                return 0;
        r = add_step(&decision, SECCOMP_RET_ERRNO | (uint32_t)error);
        if (!r)
                r = keep_decision(compiler, &decision, &kept);
        if (!r)
                r = number(compiler, (uint32_t)nr, kept);
        return error_trace(r);
}

static int add_arch(struct compiler *compiler, const struct arch *arch) {
        static const char *const multiplexers[] = { "socketcall", "ipc" };
        int r = 0;

        for (size_t i = 0; !r && i < compiler->n_calls; i++) {
                int nr = syscall_number(arch, compiler->calls[i]);

                if (nr >= 0 && strcmp(compiler->calls[i], multiplexers[0]) != 0 &&
                    strcmp(compiler->calls[i], multiplexers[1]) != 0)
                        r = add_call(compiler, arch, compiler->calls[i], (uint32_t)nr);
        }
        for (size_t i = 0; !r && i < sizeof(multiplexers) / sizeof(multiplexers[0]); i++) {
                int nr = syscall_number(arch, multiplexers[i]);

                if (nr >= 0)
                        r = add_call(compiler, arch, multiplexers[i], (uint32_t)nr);
        }
        for (size_t i = 0; !r && i < sizeof(arounds) / sizeof(arounds[0]); i++)
                r = add_around(compiler, arch, &arounds[i]);
        return error_trace(r);
}

/* ---- searching a number ---- */

#define PIECE 128 /* intervals in reach of short jumps: so many tests, and at most so many returns */

static void jump_to_decision(struct compiler *compiler, size_t decision) {
        struct program *program = &compiler->program;
        const struct decision *to = &compiler->decisions[decision];

        if (to->n_steps == 1 && to->steps[0].action != ELSE) {
                program_return(program, to->steps[0].action);
                return;
        }
        if (program->full)
                return;
        compiler->jumps[compiler->n_jumps].decision = decision;
        compiler->jumps[compiler->n_jumps++].at = program_jump(program);
}

/* Tests of a piece in the order of a search by halves; *targets of each are filled when the returns are. */
static void emit_tests(struct compiler *compiler, const struct interval *intervals, size_t low, size_t high,
                       size_t *leaves) {
        struct program *program = &compiler->program;
        size_t middle = low + (high - low) / 2, at;

        if (high - low == 1)
                return;
        at = program_emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
                                                                intervals[middle].first, 0, 0));
        emit_tests(compiler, intervals, low, middle, leaves);
        if (!program->full && high - middle > 1)
                program->insns[at].jt = (uint8_t)(program->n - at - 1);
        emit_tests(compiler, intervals, middle, high, leaves);
        /* A side that is one interval leads to its return, which comes later. */
        if (middle - low == 1)
                leaves[low] = at;
        if (high - middle == 1)
                leaves[middle] = at;
}

static void emit_piece(struct compiler *compiler, const struct interval *intervals, size_t n) {
        struct program *program = &compiler->program;
        size_t leaves[PIECE];

        if (n == 1) {
                jump_to_decision(compiler, intervals[0].decision);
                return;
        }
        emit_tests(compiler, intervals, 0, n, leaves);
        for (size_t i = 0; i < n; i++) {
                bool there = false;

                for (size_t j = 0; j < i; j++)
                        there |= intervals[j].decision == intervals[i].decision;
                if (there)
                        continue;
                for (size_t j = i; !program->full && j < n; j++) {
                        struct sock_filter *test = &program->insns[leaves[j]];
                        uint8_t distance = (uint8_t)(program->n - leaves[j] - 1);

                        if (intervals[j].decision != intervals[i].decision)
                                continue;
                        *(intervals[j].first >= test->k ? &test->jt : &test->jf) = distance;
                }
                jump_to_decision(compiler, intervals[i].decision);
        }
}

static void emit_search(struct compiler *compiler, const struct interval *intervals, size_t n) {
        struct program *program = &compiler->program;
        size_t middle = n / 2, jump;

        if (n <= PIECE) {
                emit_piece(compiler, intervals, n);
                return;
        }
        /* The lower half comes first; from its first number up, over it. */
        program_emit(program,
                     (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, intervals[middle].first, 0, 1));
        jump = program_jump(program);
        emit_search(compiler, intervals, middle);
        program_land(program, jump);
        emit_search(compiler, intervals + middle, n - middle);
}

static int compare_numbered(const void *a, const void *b) {
        const struct numbered *left = a, *right = b;

        return left->nr < right->nr ? -1 : left->nr > right->nr;
}

static void append_interval(struct interval *intervals, size_t *n, uint32_t first, size_t decision) {
        if (*n && intervals[*n - 1].first == first)
                --*n;
        if (*n && intervals[*n - 1].decision == decision)
                return;
        intervals[(*n)++] = (struct interval){ first, decision };
}

/* Numbers of one AUDIT_ARCH: x86_64 with x32 above it, which bit 30 of the number puts there. */
static int emit_audit(struct compiler *compiler) {
        struct interval *intervals = calloc(compiler->n_numbered * 2 + 1, sizeof(*intervals));
        size_t n = 0;

        if (!intervals)
                return error_origin(-ENOMEM);
        if (compiler->n_numbered)
                qsort(compiler->numbered, compiler->n_numbered, sizeof(*compiler->numbered),
                      compare_numbered);
        append_interval(intervals, &n, 0, 0);
        for (size_t i = 0; i < compiler->n_numbered; i++) {
                append_interval(intervals, &n, compiler->numbered[i].nr, compiler->numbered[i].decision);
                append_interval(intervals, &n, compiler->numbered[i].nr + 1, 0);
        }
        program_load(&compiler->program, (uint32_t)offsetof(struct seccomp_data, nr));
        emit_search(compiler, intervals, n);
        free(intervals);
        return 0;
}

/* ---- the whole ---- */

static void emit_decision(struct compiler *compiler, struct decision *decision) {
        struct program *program = &compiler->program;

        decision->at = program->n;
        decision->written = true;
        for (size_t i = 0; i < decision->n_steps; i++) {
                const struct step *step = &decision->steps[i];

                if (step->n)
                        program_conditions(program, &decision->conditions[step->first],
                                           &decision->bits[step->first], step->n, step->action);
                else if (step->action != ELSE)
                        program_return(program, step->action);
                else if (!program->full)
                        jump_to_decision(compiler, 0);
        }
}

/* Decisions that are jumped to, and behind them the base, which is what the first one is then. */
static void emit_decisions(struct compiler *compiler) {
        struct program *program = &compiler->program;

        for (size_t i = 0; i < compiler->n_jumps; i++) {
                struct decision *decision = &compiler->decisions[compiler->jumps[i].decision];

                if (compiler->jumps[i].decision && !decision->written)
                        emit_decision(compiler, decision);
        }
        for (size_t i = 0; !program->full && i < compiler->n_jumps; i++) {
                const struct decision *decision = &compiler->decisions[compiler->jumps[i].decision];
                size_t to = compiler->jumps[i].decision ? decision->at : program->n;

                program->insns[compiler->jumps[i].at].k = (uint32_t)(to - compiler->jumps[i].at - 1);
        }
        for (size_t i = 0; i < compiler->base.n; i++)
                program_emit(program, compiler->base.insns[i]);
}

static int compile(struct compiler *compiler, const struct arch *const *archs, size_t n_archs) {
        struct program *program = &compiler->program;
        size_t jump;
        int r;

        program_load(program, (uint32_t)offsetof(struct seccomp_data, arch));
        for (size_t i = 0; i < n_archs; i++) {
                bool done = false;

                for (size_t j = 0; j < i; j++)
                        done |= audit_of(archs[j]) == audit_of(archs[i]);
                if (done)
                        continue;
                compiler->n_numbered = 0;
                for (size_t j = i; j < n_archs; j++) {
                        if (audit_of(archs[j]) != audit_of(archs[i]))
                                continue;
                        r = add_arch(compiler, archs[j]);
                        if (r)
                                return error_trace(r);
                }
                jump = program_if(program, BPF_JEQ, audit_of(archs[i]));
                r = emit_audit(compiler);
                if (r)
                        return error_trace(r);
                program_land(program, jump);
        }
        /* Of another architecture. */
        if (compiler->policy->base)
                jump_to_decision(compiler, 0);
        else
                program_return(program, SECCOMP_RET_KILL_PROCESS);
        emit_decisions(compiler);
        return program->full ? error_origin(-E2BIG) : 0;
}

static int compile_base(struct compiler *compiler) {
        struct diags diags = DIAGS_INIT;
        struct filter enforcing = FILTER_INIT;
        int r;

        if (!compiler->policy->base)
                return 0;
        r = filter_compile(compiler->policy->base, &diags, &enforcing);
        diags_deinit(&diags);
        if (r)
                return r < 0 ? error_trace(r) : error_origin(-EINVAL);
        r = filter_rewrite(&enforcing, filter_is_errno, SECCOMP_RET_USER_NOTIF, &compiler->base);
        filter_deinit(&enforcing);
        return error_trace(r);
}

int policy_compile(const struct policy *policy, struct filter *ret) {
        const struct arch *archs[5] = { arch_native() };
        size_t n = 1 + arch_siblings(archs[0], archs + 1);

        return error_trace(policy_compile_for(policy, archs, n, ret));
}

int policy_compile_for(const struct policy *policy, const struct arch *const *archs, size_t n,
                       struct filter *ret) {
        struct compiler *compiler = calloc(1, sizeof(*compiler));
        struct decision none = { 0 };
        struct filter built;
        size_t first;
        int r;

        if (!compiler)
                return error_origin(-ENOMEM);
        compiler->policy = policy;
        r = compile_base(compiler);
        if (!r)
                r = plan_calls(policy, &compiler->calls, &compiler->n_calls);
        if (!r)
                r = add_step(&none, else_action(policy));
        if (!r)
                r = keep_decision(compiler, &none, &first);
        if (!r)
                r = compile(compiler, archs, n);
        if (!r) {
                built = (struct filter){ .insns = compiler->program.insns, .n = compiler->program.n };
                r = filter_copy(&built, ret);
        }
        for (size_t i = 0; i < compiler->n_decisions; i++)
                decision_deinit(&compiler->decisions[i]);
        free(compiler->decisions);
        free(compiler->numbered);
        free(compiler->calls);
        filter_deinit(&compiler->base);
        free(compiler);
        return error_trace(r);
}

/* ---- layers ---- */

/* Surely no value meets both. False when in doubt. */
static bool conditions_exclude(const struct condition *a, const struct condition *b) {
        uint64_t args[6] = { 0 };

        if (a->op == CONDITION_MASKED_EQ && b->op == CONDITION_MASKED_EQ)
                return (a->value & b->value) & (a->value_two ^ b->value_two);
        if (a->op == CONDITION_EQ) {
                args[a->index] = a->value;
                return !condition_holds(b, args);
        }
        if (b->op == CONDITION_EQ)
                return conditions_exclude(b, a);
        if (a->op == CONDITION_LT && b->op == CONDITION_GE)
                return a->value <= b->value;
        return a->op == CONDITION_GE && b->op == CONDITION_LT && b->value <= a->value;
}

static bool alternatives_meet(const struct plan_test *a, size_t n_a, const struct plan_test *b, size_t n_b) {
        for (size_t i = 0; i < n_a; i++)
                for (size_t j = 0; j < n_b; j++)
                        if (a[i].bits == b[j].bits && a[i].condition.index == b[j].condition.index &&
                            conditions_exclude(&a[i].condition, &b[j].condition))
                                return false;
        return true;
}

static size_t alternative_length(const struct plan_test *tests) {
        size_t n = 1;

        while (!tests[n - 1].last)
                n++;
        return n;
}

/* May some call meet the conditions on registers of both? */
static bool ways_meet(const struct plan_way *a, const struct plan_way *b) {
        size_t n_a, n_b;

        if (!a->n_tests || !b->n_tests)
                return true;
        for (size_t i = 0; i < a->n_tests; i += n_a) {
                n_a = alternative_length(&a->tests[i]);
                for (size_t j = 0; j < b->n_tests; j += n_b) {
                        n_b = alternative_length(&b->tests[j]);
                        if (alternatives_meet(&a->tests[i], n_a, &b->tests[j], n_b))
                                return true;
                }
        }
        return false;
}

static bool tests_equal(const struct plan_way *a, const struct plan_way *b) {
        struct decision left = { 0 }, right = { 0 };
        bool equal = !add_way(&left, a, 0) && !add_way(&right, b, 0) && decisions_equal(&left, &right);

        decision_deinit(&left);
        decision_deinit(&right);
        return equal;
}

static enum policy_layer layer_in(const struct policy *policy, const struct plan *plan, size_t way,
                                  const struct arch *arch, const char **ret_reason) {
        const struct plan_way *own = &plan->ways[way];
        const char *reason = reason_of(&policy->rules[own->rule], own);
        int through;
        uint32_t nr;

        for (size_t i = 0; i < way; i++) {
                const struct plan_way *above = &plan->ways[i];
                const struct policy_rule *rule = &policy->rules[above->rule];

                if (!above->rest && rule->action != POLICY_DELAY &&
                    (!above->n_tests || tests_equal(above, own))) {
                        *ret_reason = "rules above it leave nothing to it";
                        return POLICY_UNREACHED;
                }
                if (!reason && reason_of(rule, above) && (above->rest || rule->action == POLICY_DELAY) &&
                    ways_meet(above, own))
                        reason = "a rule above it has to look first";
        }
        if (!reason && rule_numbers(arch, plan->call, &nr, &through) && through >= 0)
                reason = "socketcall and ipc pass it on, with arguments in memory";
        *ret_reason = reason;
        return reason ? POLICY_NOTIFIED : POLICY_IN_KERNEL;
}

enum policy_layer policy_layer(const struct policy *policy, size_t rule, const struct arch *arch,
                               const char *call, const char **ret_reason) {
        enum policy_layer layer = POLICY_NEVER;
        const struct plan *plan;
        struct plan made;

        *ret_reason = "it cannot hold on this architecture";
        if (plan_of(policy, arch, call, &made, &plan))
                return POLICY_NEVER;
        for (size_t i = 0; i < plan->n_ways; i++)
                if (plan->ways[i].rule == rule)
                        layer = layer_in(policy, plan, i, arch, ret_reason);
        plan_deinit(&made);
        return layer;
}
