/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Profiles in words. What is said comes from the index that match_call() decides by, never from the rules as
 * written, so that what people read is what happens.
 */

#include "policy/explain.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/filter.h"
#include "policy/match.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 100 /* columns of a list of names */

static const char *in_words(uint32_t action, char *buf, size_t size) {
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

/* "flags & 0x7e020000 == 0x0": the argument by its name where the table has one. */
static void print_condition(FILE *to, const struct condition *condition, const struct syscall_row *row) {
        char text[96], arg[8];
        size_t n;

        condition_text(condition, text, sizeof(text));
        n = (size_t)snprintf(arg, sizeof(arg), "arg%u", condition->index);
        if (row && condition->index < row->n_args && row->args[condition->index].name)
                fprintf(to, "%s%s", row->args[condition->index].name, text + n);
        else
                fputs(text, to);
}

static void print_alternative(FILE *to, const struct profile *profile, const struct alternative *alternative,
                              const struct syscall_row *row) {
        char words[64];

        fputs(in_words(alternative->action, words, sizeof(words)), to);
        for (size_t i = 0; i < alternative->n_conditions; i++) {
                fputs(i ? " and " : " when ", to);
                print_condition(to, &alternative->conditions[i], row);
        }
        fprintf(to, " (%s)", profile->rules[alternative->rule].place);
}

static void print_call(FILE *to, const struct profile *profile, const struct arch_rules *rules,
                       const struct call_rules *call, const char *name, const char *between) {
        const struct syscall_row *row = name ? syscall_row(name) : NULL;
        const struct alternative *alternatives = &rules->alternatives[call->first];
        char words[64];

        for (size_t i = 0; i < call->n; i++) {
                if (i)
                        fputs(between, to);
                print_alternative(to, profile, &alternatives[i], row);
        }
        if (alternatives[0].n_conditions)
                fprintf(to, "%sotherwise %s (defaultAction)", between,
                        in_words(profile->default_action, words, sizeof(words)));
}

/* Names one after the other, in lines of WIDTH columns behind a left margin. */
struct paragraph {
        FILE *to;
        size_t margin, column;
};

static void paragraph_word(struct paragraph *paragraph, const char *word) {
        size_t n = strlen(word);

        if (paragraph->column > paragraph->margin && paragraph->column + 1 + n > WIDTH) {
                fprintf(paragraph->to, "\n%*s", (int)paragraph->margin, "");
                paragraph->column = paragraph->margin;
        }
        if (paragraph->column > paragraph->margin) {
                fputc(' ', paragraph->to);
                paragraph->column++;
        }
        fputs(word, paragraph->to);
        paragraph->column += n;
}

/* One call of an architecture with what always happens to it. */
struct line {
        const char *name, *family;
        uint32_t action;
};

static int compare_lines(const void *left, const void *right) {
        const struct line *a = left, *b = right;
        int r;

        if (a->action != b->action)
                return a->action > b->action ? -1 : 1; /* ALLOW has the greatest value */
        r = strcmp(a->family, b->family);
        return r ? r : strcmp(a->name, b->name);
}

struct survey {
        struct line *lines; /* of calls whose verdict needs no arguments */
        size_t n_lines;
        size_t n_calls, n_conditional;
};

static const struct arch_rules *rules_of(const struct profile *profile, const struct arch *arch) {
        return match_table_arch(profile->match, arch->audit);
}

static int survey_arch(const struct profile *profile, const struct arch *arch, struct survey *ret) {
        const struct arch_rules *rules = rules_of(profile, arch);
        struct survey survey = { 0 };
        uint32_t cursor = 0, nr;
        const char *name;

        while (syscall_next(arch, &cursor, &nr))
                survey.n_calls++;
        survey.lines = calloc(survey.n_calls ? survey.n_calls : 1, sizeof(*survey.lines));
        if (!survey.lines)
                return error_origin(-ENOMEM);
        cursor = 0;
        while ((name = syscall_next(arch, &cursor, &nr))) {
                const struct call_rules *call = arch_rules_find(rules, nr);
                const struct syscall_row *row = syscall_row(name);

                if (call && rules->alternatives[call->first].n_conditions) {
                        survey.n_conditional++;
                        continue;
                }
                survey.lines[survey.n_lines++] = (struct line){
                        .name = name,
                        .family = row && row->family ? row->family : "other",
                        .action = call ? rules->alternatives[call->first].action : profile->default_action,
                };
        }
        qsort(survey.lines, survey.n_lines, sizeof(*survey.lines), compare_lines);
        *ret = survey;
        return 0;
}

static void print_table(const struct survey *survey, FILE *to) {
        char words[64];

        for (size_t i = 0, j; i < survey->n_lines; i = j) {
                for (j = i; j < survey->n_lines && survey->lines[j].action == survey->lines[i].action; j++)
                        ;
                fprintf(to, "\n%zu %s %s:\n", j - i, j - i == 1 ? "call is" : "calls are",
                        in_words(survey->lines[i].action, words, sizeof(words)));
                for (size_t k = i; k < j;) {
                        const char *family = survey->lines[k].family;
                        struct paragraph paragraph = { .to = to, .margin = 13, .column = 13 };

                        fprintf(to, "  %-10s ", family);
                        for (; k < j && !strcmp(survey->lines[k].family, family); k++)
                                paragraph_word(&paragraph, survey->lines[k].name);
                        fputc('\n', to);
                }
        }
}

static void print_conditional(const struct profile *profile, const struct arch *arch, FILE *to) {
        const struct arch_rules *rules = rules_of(profile, arch);
        uint32_t cursor = 0, nr;
        bool begun = false;
        const char *name;

        while ((name = syscall_next(arch, &cursor, &nr))) {
                const struct call_rules *call = arch_rules_find(rules, nr);

                if (!call || !rules->alternatives[call->first].n_conditions)
                        continue;
                if (!begun)
                        fputs("\nDepends on the arguments:\n", to);
                begun = true;
                fprintf(to, "  %s: ", name);
                print_call(to, profile, rules, call, name, "; ");
                fputc('\n', to);
        }
}

static void print_head(const struct profile *profile, FILE *to) {
        char words[64];

        fprintf(to, "A call that no rule names is %s.\n",
                in_words(profile->default_action, words, sizeof(words)));
        fputs("Architectures:", to);
        for (size_t i = 0; i < profile->n_archs; i++)
                fprintf(to, "%s %s", i ? "," : "", profile->archs[i].arch->name);
        fputs("; a call of any other is deadly to the thread.\n", to);
        if (profile->listener_path)
                fprintf(to, "Calls left to a supervisor go to %s.\n", profile->listener_path);
}

int profile_explain(const struct profile *resolved, FILE *to) {
        int r;

        print_head(resolved, to);
        for (size_t i = 0; i < resolved->n_archs; i++) {
                const struct arch *arch = resolved->archs[i].arch;
                struct survey survey = { 0 };

                r = survey_arch(resolved, arch, &survey);
                if (r)
                        return error_trace(r);
                if (!i) {
                        print_table(&survey, to);
                        print_conditional(resolved, arch, to);
                        fputc('\n', to);
                }
                fprintf(to, "%s: %zu calls known, %zu of them by their arguments", arch->name,
                        survey.n_calls, survey.n_conditional);
                for (size_t j = 0, k; j < survey.n_lines; j = k) {
                        char words[64];

                        for (k = j; k < survey.n_lines && survey.lines[k].action == survey.lines[j].action;
                             k++)
                                ;
                        fprintf(to, ", %zu %s", k - j,
                                in_words(survey.lines[j].action, words, sizeof(words)));
                }
                fputs("\n", to);
                free(survey.lines);
        }
        return ferror(to) ? error_origin(-EIO) : 0;
}

int profile_explain_call(const struct profile *resolved, const char *name, FILE *to) {
        bool known = false;
        char words[64];

        for (size_t i = 0; i < resolved->n_archs; i++) {
                const struct arch *arch = resolved->archs[i].arch;
                const struct arch_rules *rules = rules_of(resolved, arch);
                const struct call_rules *call;
                uint32_t nr;
                int through;

                if (!rule_numbers(arch, name, &nr, &through))
                        continue;
                known = true;
                call = arch_rules_find(rules, nr);
                if ((int32_t)nr >= 0)
                        fprintf(to, "%s, %s (number %" PRIu32 "): ", name, arch->name, nr);
                else
                        fprintf(to, "%s, %s (behind %s only): ", name, arch->name,
                                syscall_name(arch, (uint32_t)through));
                if (call)
                        print_call(to, resolved, rules, call, name, ";\n    ");
                else
                        fprintf(to, "%s (defaultAction)",
                                in_words(resolved->default_action, words, sizeof(words)));
                fputc('\n', to);
        }
        if (!known)
                return PROFILE_E_INVALID;
        return ferror(to) ? error_origin(-EIO) : 0;
}
