/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call of a profile in words: all its alternatives, or those that the given arguments leave. Said is
 * what the index of match.h holds, in the order in which it is tried.
 */

#include "policy/explain.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/call_text.h"
#include "policy/explain_internal.h"
#include "policy/match.h"
#include "policy/risk.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <inttypes.h>
#include <string.h>

const char *explain_action(uint32_t action, char *buf, size_t size) {
        unsigned data = action & SECCOMP_RET_DATA;
        const char *name = strerrorname_np((int)data);

        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
                return "allowed";
        case SECCOMP_RET_LOG:
                return "allowed and logged";
        case SECCOMP_RET_ERRNO:
                if (!data)
                        return "not carried out, but reported as done";
                if (name)
                        snprintf(buf, size, "refused with %s", name);
                else
                        snprintf(buf, size, "refused with errno %u", data);
                return buf;
        case SECCOMP_RET_TRAP:
                return "refused with a SIGSYS that the program may handle";
        case SECCOMP_RET_TRACE:
                return "left to a tracer, refused with ENOSYS where there is none";
        case SECCOMP_RET_USER_NOTIF:
                return "left to a supervisor";
        case SECCOMP_RET_KILL_THREAD:
                return "deadly to the thread";
        default:
                return "deadly to the process";
        }
}

bool explain_runs(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

const struct syscall_row *explain_row(const struct arch *arch, uint32_t nr, const char *name) {
        const struct syscall_row *row = syscall_row_of(arch->audit, nr);

        return row ? row : name ? syscall_row(name) : NULL;
}

/* Conditions of which skip says that they hold anyhow are left out. Returns how many were printed. */
static size_t print_alternative(const struct explained *explained, const struct alternative *alternative,
                                unsigned skip, FILE *to) {
        struct buf text = BUF_INIT(0);
        char words[64];
        size_t n = 0;

        fputs(explain_action(alternative->action, words, sizeof(words)), to);
        for (size_t i = 0; i < alternative->n_conditions; i++) {
                if (skip & 1u << i)
                        continue;
                buf_reset(&text);
                explain_condition(&alternative->conditions[i], alternative, explained->arch, explained->row,
                                  &text);
                fprintf(to, " %s %s", n++ ? "and" : "when", buf_string(&text));
        }
        buf_deinit(&text);
        fprintf(to, " (%s)", explained->profile->rules[alternative->rule].place);
        return n;
}

void explain_print_call(const struct explained *explained, const struct call_rules *call,
                        const char *between, FILE *to) {
        const struct alternative *alternatives = &explained->rules->alternatives[call->first];
        char words[64];

        for (size_t i = 0; i < call->n; i++) {
                if (i)
                        fputs(between, to);
                print_alternative(explained, &alternatives[i], 0, to);
        }
        if (alternatives[0].n_conditions)
                fprintf(to, "%sotherwise %s (defaultAction)", between,
                        explain_action(explained->profile->default_action, words, sizeof(words)));
}

static void print_risk(const char *name, FILE *to) {
        const struct risk *risk = risk_find(name);

        if (risk)
                fprintf(to, "Mind: %s %s%s.\n", name, risk->why,
                        risk->flags ? " (with flags for namespaces)" : "");
}

int profile_explain_call(const struct profile *resolved, const char *name, FILE *to) {
        bool known = false;
        char words[64];

        for (size_t i = 0; i < resolved->n_archs; i++) {
                const struct arch *arch = resolved->archs[i].arch;
                struct explained explained = {
                        .profile = resolved,
                        .arch = arch,
                        .rules = match_table_arch(resolved->match, arch->audit),
                };
                const struct call_rules *call;
                uint32_t nr;
                int through;

                if (!rule_numbers(arch, name, &nr, &through))
                        continue;
                known = true;
                explained.row = explain_row(arch, nr, name);
                call = arch_rules_find(explained.rules, nr);
                if ((int32_t)nr >= 0)
                        fprintf(to, "%s, %s (number %" PRIu32 "): ", name, arch->name, nr);
                else
                        fprintf(to, "%s, %s (behind %s only): ", name, arch->name,
                                syscall_name(arch, (uint32_t)through));
                if (call)
                        explain_print_call(&explained, call, ";\n    ", to);
                else
                        fprintf(to, "%s (defaultAction)",
                                explain_action(resolved->default_action, words, sizeof(words)));
                fputc('\n', to);
        }
        if (!known)
                return PROFILE_E_INVALID;
        print_risk(name, to);
        return ferror(to) ? error_origin(-EIO) : 0;
}

/* Of the conditions, which hold (a bit each), and whether all do. */
enum explain_truth explain_settle(const struct alternative *alternative, const struct call_text *call,
                                  unsigned *ret_hold) {
        enum explain_truth truth = EXPLAIN_YES;

        *ret_hold = 0;
        for (size_t i = 0; i < alternative->n_conditions; i++) {
                const struct condition *condition = &alternative->conditions[i];

                if (condition->index >= call->n_args)
                        truth = EXPLAIN_OPEN;
                else if (condition_holds(condition, call->args))
                        *ret_hold |= 1u << i;
                else
                        return EXPLAIN_NO;
        }
        return truth;
}

int profile_explain_arguments(const struct profile *resolved, const struct call_text *call, FILE *to) {
        struct explained explained = {
                .profile = resolved,
                .arch = call->arch,
                .rules = match_table_arch(resolved->match, call->arch->audit),
                .row = explain_row(call->arch, call->nr, call->name),
        };
        const struct call_rules *rules;
        bool settled = false, begun = false;
        struct match match;
        char words[64];

        fprintf(to, "%s", call->name);
        for (unsigned i = 0; i < call->n_args; i++) {
                struct condition equal = { .index = (uint8_t)i, .op = CONDITION_EQ, .value = call->args[i] };
                struct buf text = BUF_INIT(0);
                const char *value;

                explain_condition(&equal, NULL, call->arch, explained.row, &text);
                value = strstr(buf_string(&text), "== ");
                fprintf(to, "%s%s", i ? ", " : "(", value ? value + 3 : "?");
                buf_deinit(&text);
        }
        fprintf(to, "%s, %s (number %" PRIu32 "): ", call->n_args ? ")" : "", call->arch->name, call->nr);
        rules = explained.rules ? arch_rules_find(explained.rules, call->nr) : NULL;
        for (size_t i = 0; rules && !settled && i < rules->n; i++) {
                const struct alternative *alternative = &explained.rules->alternatives[rules->first + i];
                unsigned hold;
                enum explain_truth truth = explain_settle(alternative, call, &hold);

                if (truth == EXPLAIN_NO)
                        continue;
                fputs(begun ? ";\n    " : "", to);
                fputs(begun && truth == EXPLAIN_YES ? "otherwise " : "", to);
                print_alternative(&explained, alternative,
                                  truth == EXPLAIN_YES && begun ? ~0u
                                  : truth == EXPLAIN_OPEN       ? hold
                                                                : 0,
                                  to);
                begun = true;
                settled = truth == EXPLAIN_YES;
        }
        if (!settled) {
                bool listed = explained.rules;

                fprintf(to, "%s%s (%s)", begun ? ";\n    otherwise " : "",
                        explain_action(listed ? resolved->default_action : SECCOMP_RET_KILL_THREAD, words,
                                       sizeof(words)),
                        listed ? "defaultAction" : "architectures: not listed");
        }
        fputc('\n', to);
        match_call(resolved, call->audit, call->nr, call->args, &match);
        if (match.ambiguous)
                fputs("    (another rule that holds asks for something else; libseccomp's order decides)\n",
                      to);
        return ferror(to) ? error_origin(-EIO) : 0;
}
