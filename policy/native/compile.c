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
#include "policy/native/decision.h"
#include "policy/native/layer.h"
#include "policy/native/plan.h"
#include "policy/program.h"
#include "syscalls/names.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#define ELSE SECCOMP_RET_ACTION_FULL /* no action of the kernel: what base or fallback says */

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
        return policy->base ? ELSE : layer_action(policy->fallback, policy->fallback_errno);
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
                r = decision_add_step(decision, SECCOMP_RET_USER_NOTIF);
                if (!r)
                        r = decision_add_condition(
                                decision,
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
                r = decision_add_way(&decision, &plan->ways[i],
                                     layer_action_of(compiler->policy, &plan->ways[i]));
        plan_deinit(&made);
        if (!r && !decision_ends(&decision))
                r = decision_add_step(&decision, else_action(compiler->policy));
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
static int add_around(struct compiler *compiler, const struct arch *arch, const char *call) {
        struct decision decision = { 0 };
        uint32_t otherwise = else_action(compiler->policy);
        const uint64_t args[6] = { 0 };
        struct match match = { 0 };
        int nr = syscall_number(arch, call), error, r;
        size_t kept;

        if (nr < 0 || !policy_closes(compiler->policy, call, &error))
                return 0;
        if (otherwise == ELSE)
                otherwise = match_call(compiler->policy->base, audit_of(arch), (uint32_t)nr, args, &match);
        else if (otherwise == SECCOMP_RET_USER_NOTIF)
                otherwise = SECCOMP_RET_LOG; /* recorded, and let pass */
        if (!match.on_arguments && otherwise != SECCOMP_RET_ALLOW && otherwise != SECCOMP_RET_LOG)
                return 0;
        r = decision_add_step(&decision, SECCOMP_RET_ERRNO | (uint32_t)error);
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
        for (size_t i = 0; !r && policy_closable(i); i++)
                r = add_around(compiler, arch, policy_closable(i));
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
                r = decision_add_step(&none, else_action(policy));
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
