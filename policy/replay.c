/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Runs a filter over data of which some bits are unknown, following both ways where a jump depends on them.
 *
 * What must stay true: the real answer is always among the answers found, whatever the unknown bits are. It
 * may be one of several that cannot all happen (two jumps on one unknown word are taken as independent), so
 * "undecided" is said too often rather than too seldom.
 */

#include "policy/replay.h"

#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>

#include "policy/match.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#define STEPS_MAX 100000
#define WAYS_MAX  (FILTER_MAX * 2)

/* seccomp_data, and for each of its bits whether it is known. */
struct partial {
        struct seccomp_data data, known;
};

/* The accumulator at an instruction that is still to be run. */
struct way {
        uint32_t pc, value, known;
};

struct exploration {
        const struct filter *filter;
        const struct partial *partial;
        struct way ways[WAYS_MAX];
        size_t n_ways, n_steps;
        uint8_t been[FILTER_MAX /
                     8]; /* at a load or return: what was in the accumulator no longer matters */
        bool lost;
        struct replay_verdict *verdict;
};

void replay_known_bits(const struct event *event, uint64_t ret[EVENT_N_ARGS]) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        uint64_t class[EVENT_N_ARGS] = { 0 };

        if (event->count > 1)
                syscall_class_mask(event->arch, event->nr, class);
        for (unsigned i = 0; i < EVENT_N_ARGS; i++) {
                ret[i] = UINT64_MAX;
                if (event->count > 1 && !(event->flags & EVENT_MERGED_ARGS)) {
                        /* Calls with an equal class were counted as one; the rest is an example. The upper
                         * half of an int is none of the kernel's business and zero in practice. */
                        ret[i] = class[i] == UINT32_MAX ? UINT64_MAX : class[i];
                }
                if (event->flags & (EVENT_MERGED_ARGS | EVENT_UNKNOWN_ARG(i)))
                        ret[i] = 0;
                if (arch && arch->bits == 32)
                        ret[i] |= ~(uint64_t)UINT32_MAX; /* the kernel fills in zeros */
        }
}

static void partial_of(const struct event *event, struct partial *ret) {
        memset(ret, 0, sizeof(*ret));
        ret->data.nr = (int)event->nr;
        ret->data.arch = event->arch;
        ret->data.instruction_pointer = event->ip;
        ret->known.nr = -1;
        ret->known.arch = UINT32_MAX;
        ret->known.instruction_pointer = event->count == 1 && event->ip ? UINT64_MAX : 0;
        replay_known_bits(event, (uint64_t *)ret->known.args);
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                ret->data.args[i] = event->args[i];
}

static uint32_t word(const struct seccomp_data *data, uint32_t offset) {
        uint32_t value;

        memcpy(&value, (const char *)data + offset, sizeof(value));
        return value;
}

/* More severe is smaller, as the kernel compares them. */
static int severity(uint32_t action) {
        return (int)(action & SECCOMP_RET_ACTION_FULL);
}

static void answer(struct exploration *exploration, uint32_t action) {
        struct replay_verdict *verdict = exploration->verdict;
        size_t i = 0;

        for (i = 0; i < verdict->n_actions; i++)
                if (verdict->actions[i] == action)
                        return;
        if (verdict->n_actions == REPLAY_ACTIONS_MAX) {
                exploration->lost = true;
                return;
        }
        for (i = verdict->n_actions++; i > 0; i--) {
                uint32_t other = verdict->actions[i - 1];

                if (severity(other) < severity(action) ||
                    (severity(other) == severity(action) && other < action))
                        break;
                verdict->actions[i] = other;
        }
        verdict->actions[i] = action;
}

static void follow(struct exploration *exploration, struct way way) {
        const struct filter *filter = exploration->filter;
        uint16_t code;

        if (way.pc >= filter->n) {
                answer(exploration, SECCOMP_RET_KILL_PROCESS);
                return;
        }
        code = filter->insns[way.pc].code;
        if (code == (BPF_LD | BPF_W | BPF_ABS) || code == (BPF_RET | BPF_K)) {
                uint8_t *byte = &exploration->been[way.pc / 8], bit = (uint8_t)(1u << way.pc % 8);

                if (*byte & bit)
                        return;
                *byte |= bit;
        }
        if (exploration->n_ways == WAYS_MAX)
                exploration->lost = true;
        else
                exploration->ways[exploration->n_ways++] = way;
}

/* Which outcomes of a comparison are possible: bit 0 false, bit 1 true. */
static unsigned outcomes(uint16_t operation, const struct way *way, uint32_t k) {
        uint32_t least = way->value & way->known, most = way->value | ~way->known;

        switch (operation) {
        case BPF_JEQ:
                if ((way->value ^ k) & way->known)
                        return 1;
                return way->known == UINT32_MAX ? 2 : 3;
        case BPF_JGT:
                return (least <= k ? 1u : 0u) | (most > k ? 2u : 0u);
        case BPF_JGE:
                return (least < k ? 1u : 0u) | (most >= k ? 2u : 0u);
        case BPF_JSET:
                if (way->value & way->known & k)
                        return 2;
                return (k & ~way->known) == 0 ? 1 : 3;
        default:
                return 3;
        }
}

static void step(struct exploration *exploration, struct way way) {
        const struct sock_filter *insn = exploration->filter->insns + way.pc;
        struct way next = { .pc = way.pc + 1, .value = way.value, .known = way.known };
        unsigned possible;

        switch (BPF_CLASS(insn->code)) {
        case BPF_RET:
                if (BPF_RVAL(insn->code) == BPF_K)
                        answer(exploration, insn->k);
                else
                        exploration->lost = true;
                return;
        case BPF_LD:
                next.value = next.known = 0;
                if (insn->code == (BPF_LD | BPF_W | BPF_ABS) && insn->k <= sizeof(struct seccomp_data) - 4) {
                        next.value = word(&exploration->partial->data, insn->k);
                        next.known = word(&exploration->partial->known, insn->k);
                        next.value &= next.known;
                } else if (insn->code == (BPF_LD | BPF_IMM)) {
                        next.value = insn->k;
                        next.known = UINT32_MAX;
                }
                break;
        case BPF_ALU:
                if (insn->code == (BPF_ALU | BPF_AND | BPF_K)) {
                        next.value &= insn->k;
                        next.known |= ~insn->k;
                } else {
                        next.value = next.known = 0;
                }
                break;
        case BPF_JMP:
                if (BPF_OP(insn->code) == BPF_JA) {
                        next.pc += insn->k;
                        break;
                }
                possible = BPF_SRC(insn->code) == BPF_K ? outcomes(BPF_OP(insn->code), &way, insn->k) : 3;
                if (possible & 1)
                        follow(exploration, (struct way){ next.pc + insn->jf, next.value, next.known });
                if (possible & 2)
                        follow(exploration, (struct way){ next.pc + insn->jt, next.value, next.known });
                return;
        case BPF_MISC:
                next.value = next.known = 0;
                break;
        default: /* stores and the index register: what they hold is not followed */
                break;
        }
        follow(exploration, next);
}

static bool is_refused(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG;
}

/* The rule to name for an answer that depends on arguments: the first that asks for some. */
static const char *conditional_place(const struct profile *resolved, const struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        const char *name = arch ? syscall_name(arch, event->nr) : NULL;

        for (size_t i = 0; name && i < resolved->n_rules; i++)
                if (resolved->rules[i].n_conditions > 0 && rule_has_name(resolved->rules + i, name))
                        return resolved->rules[i].place;
        return NULL;
}

void replay_event(const struct profile *resolved, const struct filter *filter, const struct event *event,
                  struct replay_verdict *ret) {
        struct exploration exploration; /* only partly set: it is large, and this is done for every event */
        struct partial partial;
        struct match match;
        bool refused = false, allowed = false;

        memset(ret, 0, sizeof(*ret));
        partial_of(event, &partial);
        exploration.filter = filter;
        exploration.partial = &partial;
        exploration.verdict = ret;
        exploration.n_ways = exploration.n_steps = 0;
        exploration.lost = false;
        memset(exploration.been, 0, sizeof(exploration.been));
        follow(&exploration, (struct way){ 0 });
        while (exploration.n_ways > 0 && !exploration.lost) {
                exploration.lost = exploration.n_steps++ == STEPS_MAX;
                step(&exploration, exploration.ways[--exploration.n_ways]);
        }
        if (exploration.lost)
                ret->n_actions = 0;
        for (size_t i = 0; i < ret->n_actions; i++) {
                refused |= is_refused(ret->actions[i]);
                allowed |= !is_refused(ret->actions[i]);
        }
        ret->result = refused && !allowed   ? REPLAY_REFUSED
                      : allowed && !refused ? REPLAY_ALLOWED
                                            : REPLAY_UNDECIDED;
        match_call(resolved, event->arch, event->nr, event->args, &match);
        ret->place = match.place;
        if (ret->n_actions != 1)
                ret->place = conditional_place(resolved, event) ?: match.place;
}

bool replay_verdict_equal(const struct replay_verdict *a, const struct replay_verdict *b) {
        return a->result == b->result && a->n_actions == b->n_actions &&
               memcmp(a->actions, b->actions, a->n_actions * sizeof(*a->actions)) == 0;
}
