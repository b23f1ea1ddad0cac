/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filters of strangers, followed with a known architecture and number and unknown arguments. Programs only
 * jump forward, so one pass over the instructions suffices: each gets the state in which it may be reached,
 * with "unknown" where ways that meet disagree. What must stay true: an action that the kernel may give for
 * some arguments is never missing; one too many may be there, where two tests contradict each other.
 */

#include "policy/inspect.h"

#include "base/error.h"
#include "policy/simulate.h"
#include "syscalls/names.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 16 /* BPF_MEMWORDS */

struct word {
        uint32_t value;
        bool known;
};

struct state {
        bool reached;
        struct word a, x, memory[WORDS];
};

/* A value that the architecture and the number do not settle. */
static const struct word unknown;

static struct word known(uint32_t value) {
        return (struct word){ .value = value, .known = true };
}

static void join_word(struct word *to, struct word from) {
        if (!to->known || !from.known || to->value != from.value)
                *to = unknown;
}

static void join(struct state *to, const struct state *from) {
        if (!to->reached) {
                *to = *from;
                return;
        }
        join_word(&to->a, from->a);
        join_word(&to->x, from->x);
        for (size_t i = 0; i < WORDS; i++)
                join_word(&to->memory[i], from->memory[i]);
}

static bool add_action(struct inspect_verdict *verdict, uint32_t action) {
        for (size_t i = 0; i < verdict->n; i++)
                if (verdict->actions[i] == action)
                        return true;
        if (verdict->n == INSPECT_ACTIONS_MAX)
                return false;
        verdict->actions[verdict->n++] = action;
        return true;
}

/* An operation on what is known is left to the simulator, so that there is one reading of it: a program of
 * three instructions. */
static struct word operate(const struct sock_filter *insn, struct word a, struct word x) {
        bool by_x = BPF_SRC(insn->code) == BPF_X && BPF_OP(insn->code) != BPF_NEG;
        struct sock_filter insns[4];
        struct filter program = { .insns = insns, .n = 4 };
        static const struct seccomp_data none;

        if (!a.known || (by_x && !x.known))
                return unknown;
        insns[0] = (struct sock_filter)BPF_STMT(BPF_LDX | BPF_IMM, x.value);
        insns[1] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_IMM, a.value);
        insns[2] = *insn;
        insns[3] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
        return known(filter_simulate(&program, &none, NULL));
}

static bool taken(uint16_t op, uint32_t a, uint32_t with) {
        switch (op) {
        case BPF_JEQ:
                return a == with;
        case BPF_JGT:
                return a > with;
        case BPF_JGE:
                return a >= with;
        default:
                return a & with;
        }
}

struct walk {
        const struct filter *filter;
        struct state *states;
        const struct seccomp_data *data;
        struct inspect_verdict *ret;
};

static void go(struct walk *walk, size_t pc, const struct state *state) {
        if (pc < walk->filter->n)
                join(&walk->states[pc], state);
        else
                add_action(walk->ret, SECCOMP_RET_KILL_PROCESS);
}

static struct word load(const struct walk *walk, uint32_t offset) {
        if (offset == offsetof(struct seccomp_data, nr))
                return known((uint32_t)walk->data->nr);
        if (offset == offsetof(struct seccomp_data, arch))
                return known(walk->data->arch);
        return unknown;
}

static void jump(struct walk *walk, size_t pc, const struct state *state) {
        const struct sock_filter *insn = &walk->filter->insns[pc];
        struct word with = BPF_SRC(insn->code) == BPF_X ? state->x : known(insn->k);

        if (BPF_OP(insn->code) == BPF_JA) {
                go(walk, insn->k < FILTER_MAX ? pc + 1 + insn->k : FILTER_MAX, state);
                return;
        }
        if (!state->a.known || !with.known) {
                struct state equal = *state;

                /* On the way on which it is equal, it is known. */
                if (BPF_OP(insn->code) == BPF_JEQ && with.known)
                        equal.a = with;
                go(walk, pc + 1 + insn->jt, &equal);
                go(walk, pc + 1 + insn->jf, state);
                return;
        }
        go(walk, pc + 1 + (taken(BPF_OP(insn->code), state->a.value, with.value) ? insn->jt : insn->jf),
           state);
}

static void step(struct walk *walk, size_t pc) {
        const struct sock_filter *insn = &walk->filter->insns[pc];
        struct state state = walk->states[pc];
        uint32_t k = insn->k;

        switch (BPF_CLASS(insn->code)) {
        case BPF_LD:
                state.a = BPF_MODE(insn->code) == BPF_ABS   ? load(walk, k)
                          : BPF_MODE(insn->code) == BPF_IMM ? known(k)
                          : BPF_MODE(insn->code) == BPF_LEN ? known(sizeof(struct seccomp_data))
                                                            : state.memory[k % WORDS];
                break;
        case BPF_LDX:
                state.x = BPF_MODE(insn->code) == BPF_IMM   ? known(k)
                          : BPF_MODE(insn->code) == BPF_LEN ? known(sizeof(struct seccomp_data))
                                                            : state.memory[k % WORDS];
                break;
        case BPF_ST:
                state.memory[k % WORDS] = state.a;
                break;
        case BPF_STX:
                state.memory[k % WORDS] = state.x;
                break;
        case BPF_ALU:
                state.a = operate(insn, state.a, state.x);
                break;
        case BPF_MISC:
                if (BPF_MISCOP(insn->code) == BPF_TAX)
                        state.x = state.a;
                else
                        state.a = state.x;
                break;
        case BPF_RET:
                if (BPF_RVAL(insn->code) == BPF_K)
                        add_action(walk->ret, k);
                else if (state.a.known)
                        add_action(walk->ret, state.a.value);
                else
                        add_action(walk->ret, SECCOMP_RET_KILL_PROCESS); /* could be anything */
                return;
        default:
                jump(walk, pc, &state);
                return;
        }
        go(walk, pc + 1, &state);
}

/* Every action that one filter may answer with. */
static int possible(const struct filter *filter, const struct seccomp_data *data,
                    struct inspect_verdict *ret) {
        struct walk walk = { .filter = filter, .data = data, .ret = ret };

        ret->n = 0;
        walk.states = calloc(filter->n ? filter->n : 1, sizeof(*walk.states));
        if (!walk.states)
                return error_origin(-ENOMEM);
        if (filter->n)
                walk.states[0] = (struct state){ .reached = true, .a = known(0), .x = known(0) };
        for (size_t i = 0; filter->n && i < WORDS; i++)
                walk.states[0].memory[i] = known(0);
        for (size_t pc = 0; pc < filter->n; pc++)
                if (walk.states[pc].reached)
                        step(&walk, pc);
        free(walk.states);
        return 0;
}

/* As the kernel compares them: as signed numbers, so that KILL_PROCESS is the least. */
static bool more_severe(uint32_t a, uint32_t b) {
        return (int32_t)(a & SECCOMP_RET_ACTION_FULL) < (int32_t)(b & SECCOMP_RET_ACTION_FULL);
}

static int compare_actions(const void *left, const void *right) {
        const uint32_t *a = left, *b = right;

        if (more_severe(*a, *b) != more_severe(*b, *a))
                return more_severe(*b, *a) ? -1 : 1;
        return *a < *b ? -1 : *a > *b;
}

static struct seccomp_data data_of(const struct arch *arch, uint32_t nr) {
        return (struct seccomp_data){
                .nr = (int)nr,
                .arch = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit,
        };
}

int inspect_call(const struct filter *filters, size_t n, const struct arch *arch, uint32_t nr,
                 struct inspect_verdict *ret) {
        struct inspect_verdict all = { .actions = { SECCOMP_RET_ALLOW }, .n = 1 };
        struct seccomp_data data = data_of(arch, nr);

        for (size_t i = n; i-- > 0;) {
                struct inspect_verdict one, both = { .n = 0 };
                int r = possible(&filters[i], &data, &one);

                if (r)
                        return error_trace(r);
                for (size_t j = 0; j < all.n; j++)
                        for (size_t k = 0; k < one.n; k++)
                                add_action(&both, more_severe(one.actions[k], all.actions[j])
                                                          ? one.actions[k]
                                                          : all.actions[j]);
                all = both;
        }
        qsort(all.actions, all.n, sizeof(all.actions[0]), compare_actions);
        *ret = all;
        return 0;
}

uint32_t inspect_simulate(const struct filter *filters, size_t n, const struct seccomp_data *data) {
        uint32_t result = SECCOMP_RET_ALLOW;

        for (size_t i = n; i-- > 0;) {
                uint32_t one = filter_simulate(&filters[i], data, NULL);

                if (more_severe(one, result))
                        result = one;
        }
        return result;
}
