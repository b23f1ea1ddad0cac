/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of conditions: those that say nothing by themselves, those that compare what the kernel does not
 * look at, and those about an argument that is something else for another name of the rule.
 */

#include "policy/check_internal.h"

#include "base/buf.h"
#include "base/error.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <string.h>

#define LOW32 UINT64_C(0xffffffff)

static bool condition_never(const struct condition *condition) {
        return (condition->op == CONDITION_LT && !condition->value) ||
               (condition->op == CONDITION_GT && condition->value == UINT64_MAX);
}

static bool condition_always(const struct condition *condition) {
        return (condition->op == CONDITION_GE && !condition->value) ||
               (condition->op == CONDITION_LE && condition->value == UINT64_MAX) ||
               (condition->op == CONDITION_MASKED_EQ && !condition->value);
}

static int check_condition(struct checker *checker, const struct condition *condition, const char *place,
                           bool narrow) {
        char text[96];
        int r = 0;

        condition_text(condition, text, sizeof(text));
        if (condition_never(condition))
                r = check_find(checker, "condition-never", place,
                               "%s can never hold, so the rule does nothing; correct or remove it", text);
        else if (condition_always(condition))
                r = check_find(checker, "condition-always", place,
                               "%s always holds, so it tests nothing; correct or remove it", text);
        else if (condition->op == CONDITION_MASKED_EQ && condition->value_two & ~condition->value)
                r = check_find(
                        checker, "masked-bits-outside", place,
                        "%s can never hold as it stands: the right side has bits outside of the mask, and "
                        "runtimes drop them; for SCMP_CMP_MASKED_EQ value is the mask and valueTwo what "
                        "must remain",
                        text);
        else if (narrow && (condition->value >> 32 || condition->value_two >> 32) &&
                 condition->op != CONDITION_MASKED_EQ)
                r = check_find(checker, "value-narrowed", place,
                               "in %s only the low 32 bits count on the 32-bit architectures of this "
                               "profile; give those a rule of their own",
                               text);
        return error_trace(r);
}

int check_conditions(struct checker *checker) {
        const struct profile *flat = checker->flat;
        bool narrow = false;
        int r = 0;

        for (size_t i = 0; i < flat->n_archs; i++)
                narrow |= profile_arch_bits(flat->archs[i].arch) == 32;
        for (size_t i = 0; !r && i < flat->n_rules; i++) {
                const struct rule *rule = &flat->rules[i];
                char place[96];

                if (rule_is_split(rule))
                        r = check_find(checker, "repeated-argument", rule->place,
                                       "an argument is tested twice, and then runtimes take any one of the "
                                       "conditions as enough instead of asking for all; write one rule per "
                                       "alternative");
                for (size_t j = 0; !r && j < rule->n_conditions; j++) {
                        snprintf(place, sizeof(place), "%.60s.args[%zu]", rule->place, j);
                        r = check_condition(checker, &rule->conditions[j], place, narrow);
                }
        }
        return error_trace(r);
}

/* Arguments of one kind may be told apart by what they mean; numbers of unclear meaning may not. */
static bool same_meaning(const struct syscall_arg *a, const struct syscall_arg *b) {
        if (arg_is_pointer(a->kind) != arg_is_pointer(b->kind))
                return false;
        if ((a->kind == ARG_FLAGS || a->kind == ARG_ENUM) && (b->kind == ARG_FLAGS || b->kind == ARG_ENUM))
                return a->set == b->set || !strcmp(a->name, b->name);
        switch (a->kind) {
        case ARG_FLAGS:
        case ARG_ENUM:
        case ARG_FD:
        case ARG_DIRFD:
        case ARG_MODE:
        case ARG_SIGNAL:
        case ARG_SIZE:
        case ARG_PID:
        case ARG_UID:
                return a->kind == b->kind || ((a->kind == ARG_FD || a->kind == ARG_DIRFD) &&
                                              (b->kind == ARG_FD || b->kind == ARG_DIRFD));
        default:
                return true;
        }
}

/* Values whose high half the kernel drops, but the condition does not: with it a caller turns the answer. */
static bool high_half_decides(const struct condition *condition, bool lets_through) {
        switch ((enum condition_op)condition->op) {
        case CONDITION_NE:
        case CONDITION_GT:
        case CONDITION_GE:
                return lets_through;
        case CONDITION_EQ:
        case CONDITION_LT:
        case CONDITION_LE:
                return !lets_through;
        case CONDITION_MASKED_EQ:
                return !lets_through && condition->value >> 32;
        }
        return false;
}

static bool is_member(const struct constant_set *set, uint64_t value) {
        for (size_t i = 0; set && i < set->n; i++)
                if (set->items[i].value == value)
                        return true;
        return false;
}

static int check_argument(struct checker *checker, const struct rule *rule, const char *name,
                          const struct syscall_row *row, const struct condition *condition,
                          const char *place) {
        const struct syscall_arg *arg = &row->args[condition->index];
        bool zero = (condition->op == CONDITION_EQ || condition->op == CONDITION_NE) && !condition->value;
        char text[96];
        int r = 0;

        condition_text(condition, text, sizeof(text));
        if (condition->index >= row->n_args)
                r = check_find(checker, "condition-without-argument", place,
                               "%s has %u argument%s, so %s compares what happens to be in a register; "
                               "correct the index",
                               name, row->n_args, row->n_args == 1 ? "" : "s", text);
        else if (arg_is_pointer(arg->kind) && !zero)
                r = check_find(checker, "condition-on-pointer", place,
                               "%s of %s is an address, and %s says nothing of what is there; a filter "
                               "cannot look behind it",
                               arg->name, name, text);
        else if (arg->kind == ARG_ENUM && condition->op == CONDITION_MASKED_EQ && !condition->value_two &&
                 condition->value && condition->value < 0x10000 && is_member(arg->set, condition->value))
                r = check_find(checker, "masked-for-equal", place,
                               "%s of %s is one value out of a list, not bits, so %s is hardly meant; write "
                               "SCMP_CMP_EQ to compare with %llu",
                               arg->name, name, text, (unsigned long long)condition->value);
        else if (arg->bits == 32 && profile_arch_bits(checker->context->arch) == 64 &&
                 high_half_decides(condition, check_lets_through(rule->action)) &&
                 check_lets_through(rule->action) != check_lets_through(checker->flat->default_action))
                r = check_find(checker, "high-half-ignored", place,
                               "the kernel looks at the low 32 bits of %s of %s only, but %s compares all "
                               "64, so a program that sets a high bit gets past the rule; %s",
                               arg->name, name, text,
                               check_lets_through(rule->action)
                                       ? "allow the wanted values by SCMP_CMP_EQ or SCMP_CMP_MASKED_EQ"
                                       : "use SCMP_CMP_MASKED_EQ with the mask 4294967295");
        return error_trace(r);
}

static const struct syscall_row *row_of(const struct checker *checker, const char *name) {
        int nr = syscall_number(checker->context->arch, name);

        return nr < 0 ? NULL : syscall_row_of(checker->context->arch->audit, (uint32_t)nr);
}

static int check_meaning(struct checker *checker, const struct rule *rule, unsigned index,
                         const char *place) {
        const struct syscall_arg *first = NULL;
        const char *first_name = NULL;

        for (size_t i = 0; i < rule->n_names; i++) {
                const struct syscall_row *row = row_of(checker, rule->names[i]);

                if (!row || index >= row->n_args)
                        continue;
                if (first && !same_meaning(first, &row->args[index]))
                        return error_trace(check_find(checker, "condition-meaning-differs", place,
                                                      "argument %u is %s for %s but %s for %s, and one "
                                                      "condition hardly fits both; "
                                                      "give each a rule of its own",
                                                      index, first->name, first_name, row->args[index].name,
                                                      rule->names[i]));
                if (!first) {
                        first = &row->args[index];
                        first_name = rule->names[i];
                }
        }
        return 0;
}

/* Of several names for which a condition is wrong the first one stands for all. */
static int check_rule_arguments(struct checker *checker, const struct rule *rule, size_t j) {
        size_t n_before;
        char place[96];
        int r;

        snprintf(place, sizeof(place), "%.60s.args[%zu]", rule->place, j);
        r = check_meaning(checker, rule, rule->conditions[j].index, place);
        n_before = checker->diags->n;
        for (size_t i = 0; !r && i < rule->n_names && checker->diags->n == n_before; i++) {
                const struct syscall_row *row = row_of(checker, rule->names[i]);

                if (row)
                        r = check_argument(checker, rule, rule->names[i], row, &rule->conditions[j], place);
        }
        return error_trace(r);
}

int check_arguments(struct checker *checker) {
        int r = 0;

        for (size_t i = 0; !r && i < checker->flat->n_rules; i++)
                for (size_t j = 0; !r && j < checker->flat->rules[i].n_conditions; j++)
                        r = check_rule_arguments(checker, &checker->flat->rules[i], j);
        return error_trace(r);
}

/* Behind socketcall and ipc the arguments are in memory: a condition on the first is dropped by libseccomp,
 * and the others compare with an address. */
int check_multiplexed(struct checker *checker) {
        const char *names[64];
        const struct rule *rule = NULL;
        const struct arch *where = NULL;
        size_t n = 0;

        for (size_t i = 0; i < checker->flat->n_archs; i++) {
                const struct arch *arch = checker->flat->archs[i].arch;
                const struct arch_rules *rules = match_table_arch(checker->flat->match, arch->audit);

                for (size_t j = 0; rules && j < rules->n_alternatives && n < 64; j++) {
                        const struct alternative *alternative = &rules->alternatives[j];
                        const struct rule *from = &checker->flat->rules[alternative->rule];
                        bool known = false;

                        if (!alternative->multiplexed || !from->n_conditions)
                                continue;
                        for (size_t k = 0; k < n; k++)
                                known |= !strcmp(names[k], from->names[alternative->name]);
                        if (known)
                                continue;
                        if (!rule || from < rule)
                                rule = from;
                        where = arch;
                        names[n++] = from->names[alternative->name];
                }
        }
        if (!n)
                return 0;
        {
                struct buf sentence = BUF_INIT(0);
                int r;

                buf_printf(
                        &sentence,
                        "on %s programs can make %%s through one call that keeps the arguments in memory, "
                        "where these conditions are not tested as they stand; leave %s out if nothing "
                        "needs it",
                        where->name, where->scmp);
                r = check_names(checker, "condition-behind-socketcall", rule->place, names, n,
                                buf_string(&sentence));
                buf_deinit(&sentence);
                return error_trace(r);
        }
}
