/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles in words. What is said comes from the index that match_call() decides by, never from the rules as
 * written, so that what people read is what happens.
 */

#include "policy/explain.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/explain_internal.h"
#include "policy/explain_table.h"
#include "policy/match.h"
#include "policy/risk.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool explain_wants(const struct explain_filter *filter, const struct explained *explained,
                   const struct call_rules *rules, const char *name) {
        bool refuses = !explain_runs(explained->profile->default_action);

        if (filter->risky && !risk_find(name))
                return false;
        if (!filter->blocked)
                return true;
        if (!rules)
                return refuses;
        for (size_t i = 0; i < rules->n; i++) {
                const struct alternative *alternative = &explained->rules->alternatives[rules->first + i];

                if (!explain_runs(alternative->action))
                        return true;
        }
        return explained->rules->alternatives[rules->first].n_conditions && refuses;
}

struct survey {
        struct explain_line
                *lines; /* of calls whose verdict needs no arguments, by action, family and name */
        size_t n_lines;
        size_t n_calls, n_conditional;
};

static struct explained look(const struct profile *profile, const struct arch *arch) {
        return (struct explained){ .profile = profile,
                                   .arch = arch,
                                   .rules = match_table_arch(profile->match, arch->audit) };
}

/* What always happens to a call. False when that depends on its arguments. */
static bool always(const struct explained *explained, const struct call_rules *call, uint32_t *ret) {
        const struct alternative *first = call ? &explained->rules->alternatives[call->first] : NULL;

        if (first && first->n_conditions)
                return false;
        *ret = first ? first->action : explained->profile->default_action;
        return true;
}

/* Is it on the other architecture just as here? */
static bool same_there(const struct explained *there, const char *name, uint32_t action) {
        int nr = syscall_number(there->arch, name);
        uint32_t other;

        return nr >= 0 && always(there, arch_rules_find(there->rules, (uint32_t)nr), &other) &&
               other == action;
}

/* than: what is the same there is counted, but not listed. */
static int survey_arch(const struct explained *here, const struct explain_filter *filter,
                       const struct explained *than, struct survey *ret) {
        struct survey survey = { 0 };
        uint32_t cursor = 0, nr, action;
        const char *name;

        while (syscall_next(here->arch, &cursor, &nr))
                survey.n_calls++;
        survey.lines = calloc(survey.n_calls ? survey.n_calls : 1, sizeof(*survey.lines));
        if (!survey.lines)
                return error_origin(-ENOMEM);
        cursor = 0;
        while ((name = syscall_next(here->arch, &cursor, &nr))) {
                const struct call_rules *call = arch_rules_find(here->rules, nr);
                const struct syscall_row *row = explain_row(here->arch, nr, name);

                if (!explain_wants(filter, here, call, name))
                        continue;
                if (!always(here, call, &action))
                        survey.n_conditional++;
                else if (!than || !same_there(than, name, action))
                        survey.lines[survey.n_lines++] = (struct explain_line){
                                .name = name,
                                .family = explain_family(row),
                                .action = action,
                        };
        }
        explain_lines_sort(survey.lines, survey.n_lines);
        *ret = survey;
        return 0;
}

static void print_conditional(const struct explained *here, const struct explain_filter *filter, FILE *to) {
        struct explained explained = *here;
        uint32_t cursor = 0, nr, action;
        bool begun = false;
        const char *name;

        while ((name = syscall_next(here->arch, &cursor, &nr))) {
                const struct call_rules *call = arch_rules_find(here->rules, nr);

                if (always(here, call, &action) || !explain_wants(filter, here, call, name))
                        continue;
                if (!begun)
                        fputs("\nDepends on the arguments:\n", to);
                begun = true;
                fprintf(to, "  %s: ", name);
                explained.row = explain_row(here->arch, nr, name);
                explain_print_call(&explained, call, "; ", to);
                fputc('\n', to);
        }
}

static void print_counts(const struct arch *arch, const struct survey *survey, FILE *to) {
        fprintf(to, "%s: %zu calls known, %zu of them depend on the arguments", arch->name, survey->n_calls,
                survey->n_conditional);
        explain_lines_count(survey->lines, survey->n_lines, to);
        fputs("\n", to);
}

static void print_head(const struct profile *profile, FILE *to) {
        char words[64];

        fprintf(to, "A call that no rule names is %s.\n",
                explain_action(profile->default_action, words, sizeof(words)));
        fputs("Architectures:", to);
        for (size_t i = 0; i < profile->n_archs; i++)
                fprintf(to, "%s %s", i ? "," : "", profile->archs[i].arch->name);
        fputs("; a call of any other is deadly to the thread.\n", to);
        if (profile->listener_path)
                fprintf(to, "Calls left to a supervisor go to %s.\n", profile->listener_path);
}

/* Of one architecture: all of it, or what is otherwise than on the first one. */
static int explain_arch(const struct explained *here, const struct explained *first,
                        const struct explain_filter *filter, FILE *to) {
        static const struct explain_filter all;
        struct survey survey = { 0 }, other = { 0 };
        int r = survey_arch(here, &all, NULL, &survey);

        if (!r)
                r = survey_arch(here, filter, first, &other);
        if (!r) {
                fputc('\n', to);
                print_counts(here->arch, &survey, to);
                if (first && (other.n_lines || other.n_conditional))
                        fprintf(to, "Not as on %s, or not there:\n", first->arch->name);
                explain_lines_print(other.lines, other.n_lines, to);
                if (!first || filter->blocked || filter->risky)
                        print_conditional(here, filter, to);
        }
        free(survey.lines);
        free(other.lines);
        return error_trace(r);
}

int profile_explain_list(const struct profile *resolved, const struct explain_filter *filter, FILE *to) {
        struct explained first = look(resolved, resolved->archs[0].arch);
        int r = 0;

        print_head(resolved, to);
        for (size_t i = 0; !r && i < resolved->n_archs; i++) {
                struct explained here = look(resolved, resolved->archs[i].arch);

                r = explain_arch(&here, i ? &first : NULL, filter, to);
        }
        if (!r && filter->risky) {
                fputs("\nWhy they are a risk:\n", to);
                for (size_t i = 0; i < risks_n; i++) {
                        int nr = syscall_number(first.arch, risks[i].name);

                        if (nr >= 0 &&
                            explain_wants(filter, &first, arch_rules_find(first.rules, (uint32_t)nr),
                                          risks[i].name))
                                fprintf(to, "  %s %s\n", risks[i].name, risks[i].why);
                }
        }
        return r ? error_trace(r) : ferror(to) ? error_origin(-EIO) : 0;
}

int profile_explain(const struct profile *resolved, FILE *to) {
        static const struct explain_filter all;

        return error_trace(profile_explain_list(resolved, &all, to));
}
