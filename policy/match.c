/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index behind match_call(): for each listed architecture the calls that rules name, by number, each
 * with its alternatives in the order in which the compiled filter tries them. An alternative is a rule's
 * conjunction of conditions, already in the word size that libseccomp compares in.
 *
 * What must stay true: for every call the first alternative that holds has the action that the compiled
 * filter returns, or the match says that it is ambiguous. The order is not that of the file. libseccomp
 * keeps the conditions of a call as a tree whose levels are sorted (conditions on higher arguments first,
 * equality before order, narrower before wider), and an unconditional rule replaces all others.
 */

#include "policy/match.h"

#include "base/error.h"
#include "syscalls/names.h"

#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

struct alternative {
        uint32_t nr;
        uint32_t action;
        size_t rule;      /* index in the profile */
        size_t condition; /* what struct match reports */
        size_t order;     /* position in the file */
        uint8_t n_conditions;
        struct condition conditions[PROFILE_ARGS_MAX]; /* by rising argument index */
};

struct match_arch {
        const struct arch *arch;
        unsigned bits;
        struct alternative *alternatives; /* sorted by number, then as tried */
        size_t n_alternatives, size;
};

struct match_table {
        struct match_arch *archs;
        size_t n_archs;
};

/* Calls that older ABIs pass through one number, with the call in the first argument. */
static const struct {
        const char *through, *name;
        uint32_t call;
} multiplexed[] = {
        { "socketcall", "socket", 1 },
        { "socketcall", "bind", 2 },
        { "socketcall", "connect", 3 },
        { "socketcall", "listen", 4 },
        { "socketcall", "accept", 5 },
        { "socketcall", "getsockname", 6 },
        { "socketcall", "getpeername", 7 },
        { "socketcall", "socketpair", 8 },
        { "socketcall", "send", 9 },
        { "socketcall", "recv", 10 },
        { "socketcall", "sendto", 11 },
        { "socketcall", "recvfrom", 12 },
        { "socketcall", "shutdown", 13 },
        { "socketcall", "setsockopt", 14 },
        { "socketcall", "getsockopt", 15 },
        { "socketcall", "sendmsg", 16 },
        { "socketcall", "recvmsg", 17 },
        { "socketcall", "accept4", 18 },
        { "socketcall", "recvmmsg", 19 },
        { "socketcall", "sendmmsg", 20 },
        { "ipc", "semop", 1 },
        { "ipc", "semget", 2 },
        { "ipc", "semctl", 3 },
        { "ipc", "semtimedop", 4 },
        { "ipc", "msgsnd", 11 },
        { "ipc", "msgrcv", 12 },
        { "ipc", "msgget", 13 },
        { "ipc", "msgctl", 14 },
        { "ipc", "shmat", 21 },
        { "ipc", "shmdt", 22 },
        { "ipc", "shmget", 23 },
        { "ipc", "shmctl", 24 },
};

struct match_table *match_table_free(struct match_table *table) {
        if (!table)
                return NULL;
        for (size_t i = 0; i < table->n_archs; i++)
                free(table->archs[i].alternatives);
        free(table->archs);
        free(table);
        return NULL;
}

/* The order of conditions on one level of libseccomp's tree; positive: a is tried before b. */
static int op_rank(const struct condition *condition) {
        switch ((enum condition_op)condition->op) {
        case CONDITION_GE:
        case CONDITION_GT:
                return 1;
        case CONDITION_LE:
        case CONDITION_LT:
                return 2;
        default:
                return 3;
        }
}

static uint64_t datum(const struct condition *condition) {
        return condition->op == CONDITION_MASKED_EQ ? condition->value_two : condition->value;
}

static int compare_conditions(const struct condition *a, const struct condition *b) {
        if (a->index != b->index)
                return a->index > b->index ? -1 : 1;
        if (op_rank(a) != op_rank(b))
                return op_rank(a) > op_rank(b) ? -1 : 1;
        if (datum(a) == datum(b))
                return 0;
        if (op_rank(a) == 2)
                return datum(a) < datum(b) ? -1 : 1;
        return datum(a) > datum(b) ? -1 : 1;
}

static int compare_alternatives(const void *left, const void *right) {
        const struct alternative *a = left, *b = right;

        if (a->nr != b->nr)
                return a->nr < b->nr ? -1 : 1;
        if (!a->n_conditions != !b->n_conditions)
                return a->n_conditions ? 1 : -1;
        for (size_t i = 0; i < a->n_conditions && i < b->n_conditions; i++) {
                int r = compare_conditions(&a->conditions[i], &b->conditions[i]);

                if (r)
                        return r;
        }
        return a->order < b->order ? -1 : a->order > b->order;
}

static int add(struct match_arch *arch, const struct alternative *alternative) {
        if (arch->n_alternatives == arch->size) {
                size_t size = arch->size ? arch->size * 2 : 512;
                struct alternative *grown = reallocarray(arch->alternatives, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                arch->alternatives = grown;
                arch->size = size;
        }
        arch->alternatives[arch->n_alternatives] = *alternative;
        arch->alternatives[arch->n_alternatives].order = arch->n_alternatives;
        arch->n_alternatives++;
        return 0;
}

/* A condition in the word size of the architecture; one that every value meets is left out. */
static void narrow(struct alternative *alternative, const struct condition *from, unsigned bits) {
        uint64_t word = bits == 64 ? UINT64_MAX : UINT32_MAX;
        struct condition condition = *from;
        size_t i;

        condition.value &= word;
        condition.value_two &= word;
        if (condition.op == CONDITION_MASKED_EQ) {
                condition.value_two &= condition.value;
                if (!condition.value)
                        return;
        }
        for (i = alternative->n_conditions; i > 0 && alternative->conditions[i - 1].index > condition.index;
             i--)
                alternative->conditions[i] = alternative->conditions[i - 1];
        alternative->conditions[i] = condition;
        alternative->n_conditions++;
}

/* The same conditions behind socketcall or ipc: the first argument names the call, so a condition on it is
 * replaced, as libseccomp does; the others stay although they now see a pointer. */
static int add_multiplexed(struct match_arch *arch, const char *name, const struct alternative *direct) {
        for (size_t i = 0; i < sizeof(multiplexed) / sizeof(multiplexed[0]); i++) {
                struct alternative through = *direct;
                int nr;

                if (strcmp(multiplexed[i].name, name))
                        continue;
                nr = syscall_number(arch->arch, multiplexed[i].through);
                if (nr < 0)
                        return 0;
                through.nr = (uint32_t)nr;
                through.n_conditions = 0;
                narrow(&through,
                       &(struct condition){ .index = 0, .op = CONDITION_EQ, .value = multiplexed[i].call },
                       arch->bits);
                for (size_t j = 0; j < direct->n_conditions; j++)
                        if (direct->conditions[j].index)
                                narrow(&through, &direct->conditions[j], arch->bits);
                return error_trace(add(arch, &through));
        }
        return 0;
}

static int add_name(struct match_arch *arch, const char *name, const struct alternative *alternative) {
        struct alternative direct = *alternative;
        int nr = syscall_number(arch->arch, name);
        int r;

        if (nr >= 0) {
                direct.nr = (uint32_t)nr;
                r = add(arch, &direct);
                if (r)
                        return error_trace(r);
        }
        return error_trace(add_multiplexed(arch, name, alternative));
}

static int add_rule(struct match_arch *arch, const struct rule *rule, size_t index) {
        bool split = rule_is_split(rule);
        size_t n = split ? rule->n_conditions : 1;

        for (size_t i = 0; i < n; i++) {
                struct alternative alternative = {
                        .action = rule->action,
                        .rule = index,
                        .condition = rule->n_conditions ? i : MATCH_NONE,
                };

                for (size_t j = 0; j < rule->n_conditions; j++)
                        if (!split || j == i)
                                narrow(&alternative, &rule->conditions[j], arch->bits);
                for (size_t j = 0; j < rule->n_names; j++) {
                        int r = add_name(arch, rule->names[j], &alternative);

                        if (r)
                                return error_trace(r);
                }
        }
        return 0;
}

int match_table_new(const struct profile *resolved, struct match_table **ret) {
        struct match_table *table = calloc(1, sizeof(*table));
        int r = 0;

        if (!table)
                return error_origin(-ENOMEM);
        table->archs = calloc(resolved->n_archs ? resolved->n_archs : 1, sizeof(*table->archs));
        if (!table->archs) {
                match_table_free(table);
                return error_origin(-ENOMEM);
        }
        for (size_t i = 0; !r && i < resolved->n_archs; i++) {
                struct match_arch *arch = &table->archs[table->n_archs];

                if (!resolved->archs[i].arch)
                        continue;
                arch->arch = resolved->archs[i].arch;
                arch->bits = profile_arch_bits(arch->arch);
                table->n_archs++;
                for (size_t j = 0; !r && j < resolved->n_rules; j++)
                        if (resolved->rules[j].action != resolved->default_action)
                                r = add_rule(arch, &resolved->rules[j], j);
                if (!r && arch->n_alternatives)
                        qsort(arch->alternatives, arch->n_alternatives, sizeof(*arch->alternatives),
                              compare_alternatives);
        }
        if (r) {
                match_table_free(table);
                return error_trace(r);
        }
        *ret = table;
        return 0;
}

static const struct match_arch *find_arch(const struct match_table *table, uint32_t audit) {
        for (size_t i = 0; i < table->n_archs; i++)
                if (table->archs[i].arch->audit == audit)
                        return &table->archs[i];
        return NULL;
}

/* First alternative of a call; *ret_n is how many there are. */
static const struct alternative *find_call(const struct match_arch *arch, uint32_t nr, size_t *ret_n) {
        size_t low = 0, high = arch->n_alternatives, end;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (arch->alternatives[middle].nr < nr)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (end = low; end < arch->n_alternatives && arch->alternatives[end].nr == nr; end++)
                ;
        *ret_n = end - low;
        return &arch->alternatives[low];
}

static bool holds(const struct alternative *alternative, const uint64_t args[6]) {
        for (size_t i = 0; i < alternative->n_conditions; i++)
                if (!condition_holds(&alternative->conditions[i], args))
                        return false;
        return true;
}

static uint32_t decide(const struct profile *resolved, const struct match_arch *arch, uint32_t nr,
                       const uint64_t args[6], struct match *match) {
        const struct alternative *alternatives, *found = NULL;
        uint64_t narrowed[6];
        size_t n;

        alternatives = find_call(arch, nr, &n);
        if (!n) {
                match->place = "defaultAction";
                return resolved->default_action;
        }
        if (!alternatives[0].n_conditions) {
                found = &alternatives[0];
                n = 1;
        } else {
                match->on_arguments = true;
                for (size_t i = 0; i < 6; i++)
                        narrowed[i] = arch->bits == 64 ? args[i] : (uint32_t)args[i];
        }
        for (size_t i = 0; i < n && !(found && match->ambiguous); i++) {
                const struct alternative *alternative = &alternatives[i];

                if (found == alternative || !holds(alternative, narrowed))
                        continue;
                if (!found)
                        found = alternative;
                else if (alternative->action != found->action)
                        match->ambiguous = true;
        }
        if (!found) {
                match->place = "defaultAction";
                return resolved->default_action;
        }
        match->rule = found->rule;
        match->condition = found->condition;
        match->place = resolved->rules[found->rule].place;
        return found->action;
}

uint32_t match_call(const struct profile *resolved, uint32_t audit_arch, uint32_t nr, const uint64_t args[6],
                    struct match *ret) {
        struct match match = { .rule = MATCH_NONE, .condition = MATCH_NONE, .place = "architectures" };
        const struct match_arch *arch = find_arch(resolved->match, audit_arch);

        match.action = SECCOMP_RET_KILL_THREAD;
        if (audit_arch == AUDIT_ARCH_X86_64 && nr >= X32_NR_BIT) {
                const struct match_arch *x32 = find_arch(resolved->match, ARCH_X32);

                /* -1 is what a tracer leaves to skip a call; libseccomp lets it reach the default. */
                if (x32 || nr != UINT32_MAX)
                        arch = x32;
        }
        if (arch)
                match.action = decide(resolved, arch, nr, args, &match);
        if (ret)
                *ret = match;
        return match.action;
}
