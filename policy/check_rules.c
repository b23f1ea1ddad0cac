/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of rules against each other: those that do nothing, those that another one takes the effect from,
 * those that contradict another, and what a runtime refuses to load.
 */

#include "policy/check_internal.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/compile.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX 256 /* alternatives of one call that are compared with each other */

int check_equal_to_default(struct checker *checker) {
        int r = 0;

        for (size_t i = 0; !r && i < checker->flat->n_rules; i++)
                if (checker->flat->rules[i].action == checker->flat->default_action)
                        r = check_find(checker, "rule-equals-default", checker->flat->rules[i].place,
                                       "does what happens anyway, and runtimes skip it; remove it");
        return error_trace(r);
}

static int compare_texts(const void *left, const void *right) {
        return strcmp(*(const char *const *)left, *(const char *const *)right);
}

static void put_texts(struct buf *key, char *const *texts, size_t n) {
        const char **sorted = calloc(n ? n : 1, sizeof(*sorted));

        if (!sorted) {
                key->error = -ENOMEM;
                return;
        }
        for (size_t i = 0; i < n; i++)
                sorted[i] = texts[i];
        qsort(sorted, n, sizeof(*sorted), compare_texts);
        for (size_t i = 0; i < n; i++)
                if (!i || strcmp(sorted[i], sorted[i - 1]))
                        buf_printf(key, "%s ", sorted[i]);
        free(sorted);
        buf_putc(key, ';');
}

static void put_when(struct buf *key, const struct rule_when *when) {
        put_texts(key, when->caps, when->n_caps);
        put_texts(key, when->arches, when->n_arches);
        if (when->kernel_set)
                buf_printf(key, "%u.%u", when->kernel_major, when->kernel_minor);
        buf_putc(key, ';');
}

/* Equal for rules that differ in comment and order only. */
static void put_rule(struct buf *key, const struct rule *rule) {
        buf_printf(key, "%08x ", rule->action);
        for (size_t i = 0; i < rule->n_conditions; i++) {
                const struct condition *condition = &rule->conditions[i];

                buf_printf(key, "%u %u %llx %llx,", condition->index, condition->op,
                           (unsigned long long)condition->value, (unsigned long long)condition->value_two);
        }
        buf_putc(key, ';');
        put_texts(key, rule->names, rule->n_names);
        put_when(key, &rule->includes);
        put_when(key, &rule->excludes);
}

struct keyed {
        char *key; /* owned */
        size_t rule;
};

static int compare_keyed(const void *left, const void *right) {
        const struct keyed *a = left, *b = right;
        int r = strcmp(a->key, b->key);

        return r ? r : a->rule < b->rule ? -1 : a->rule > b->rule;
}

static int check_duplicate_names(struct checker *checker) {
        const char **names = calloc(checker->n_mentions ? checker->n_mentions : 1, sizeof(*names));
        size_t n = 0, first = SIZE_MAX;
        int r = 0;

        if (!names)
                return error_origin(-ENOMEM);
        for (size_t i = 1; i < checker->n_mentions; i++) {
                const struct mention *a = &checker->mentions[i - 1], *b = &checker->mentions[i];

                if (a->rule != b->rule || strcmp(a->name, b->name) || (n && names[n - 1] == a->name))
                        continue;
                names[n++] = b->name;
                if (b->rule < first)
                        first = b->rule;
        }
        if (n)
                r = check_names(checker, "duplicate-name", checker->flat->rules[first].place, names, n,
                                "a rule names %s more than once; remove the repetitions");
        free(names);
        return error_trace(r);
}

int check_duplicates(struct checker *checker) {
        const struct profile *written = checker->written;
        struct keyed *keyed = calloc(written->n_rules ? written->n_rules : 1, sizeof(*keyed));
        size_t n = 0;
        int r = 0;

        if (!keyed)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < written->n_rules; i++) {
                struct buf key = BUF_INIT(0);

                put_rule(&key, &written->rules[i]);
                r = buf_error(&key);
                keyed[n].rule = i;
                keyed[n].key = r ? NULL : strdup(buf_string(&key));
                if (!r && !keyed[n++].key)
                        r = error_origin(-ENOMEM);
                buf_deinit(&key);
        }
        if (!r)
                qsort(keyed, n, sizeof(*keyed), compare_keyed);
        for (size_t i = 1, first = 0; !r && i < n; i++) {
                if (strcmp(keyed[i].key, keyed[first].key)) {
                        first = i;
                        continue;
                }
                r = check_find(checker, "duplicate-rule",
                               written->rules[keyed[i].rule].place ? written->rules[keyed[i].rule].place
                                                                   : "syscalls",
                               "says the same as %s once more; remove it",
                               written->rules[keyed[first].rule].place
                                       ? written->rules[keyed[first].rule].place
                                       : "another rule");
        }
        for (size_t i = 0; i < n; i++)
                free(keyed[i].key);
        free(keyed);
        return error_trace(r ? r : check_duplicate_names(checker));
}

/* A name of a rule that another rule makes useless. */
struct shadow {
        size_t rule, by, position;
};

static int compare_shadows(const void *left, const void *right) {
        const struct shadow *a = left, *b = right;

        if (a->rule != b->rule)
                return a->rule < b->rule ? -1 : 1;
        if (a->by != b->by)
                return a->by < b->by ? -1 : 1;
        return a->position < b->position ? -1 : a->position > b->position;
}

/* The first rule that names the call without conditions: runtimes let it replace all others for that call.
 */
static size_t unconditional(const struct checker *checker, const struct mention *mentions, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const struct rule *rule = &checker->flat->rules[mentions[i].rule];

                if (!rule->n_conditions && rule->action != checker->flat->default_action)
                        return mentions[i].rule;
        }
        return SIZE_MAX;
}

/* Not worth a word: an exact duplicate is reported as such, and rules for one capability or kernel repeat
 * what rules for another say. */
static bool is_known(struct checker *checker, const struct rule *rule, const struct rule *other, size_t n) {
        const struct rule *a = check_written(checker, rule), *b = check_written(checker, other);

        if (!a || !b || rule->action != other->action)
                return false;
        return rule_is_conditional(a) || rule_is_conditional(b) ||
               (!rule->n_conditions && n == rule->n_names && n == other->n_names);
}

static int say_shadow(struct checker *checker, const struct shadow *shadows, size_t n) {
        const struct rule *rule = &checker->flat->rules[shadows->rule];
        const struct rule *other = &checker->flat->rules[shadows->by];
        const char **names = calloc(n, sizeof(*names));
        struct buf sentence = BUF_INIT(0);
        bool same = other->action == rule->action;
        int r;

        if (!names)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < n; i++)
                names[i] = rule->names[shadows[i].position];
        buf_printf(&sentence, "has no effect on %%s: %s names %s without conditions%s; remove one of them",
                   other->place, n == 1 ? "it" : "them", same ? "" : " and asks for another action");
        r = check_names(checker, same ? "redundant-rule" : "shadowed-rule", rule->place, names, n,
                        buf_string(&sentence));
        buf_deinit(&sentence);
        free(names);
        return error_trace(r);
}

int check_shadowed(struct checker *checker) {
        struct shadow *shadows = calloc(checker->n_mentions ? checker->n_mentions : 1, sizeof(*shadows));
        size_t n = 0;
        int r = 0;

        if (!shadows)
                return error_origin(-ENOMEM);
        for (size_t i = 0, j; i < checker->n_mentions; i = j) {
                size_t by;

                for (j = i + 1; j < checker->n_mentions &&
                                !strcmp(checker->mentions[j].name, checker->mentions[i].name);
                     j++)
                        ;
                by = unconditional(checker, &checker->mentions[i], j - i);
                for (size_t k = i; by != SIZE_MAX && k < j; k++) {
                        const struct mention *mention = &checker->mentions[k];

                        if (mention->rule == by || (k > i && mention->rule == mention[-1].rule) ||
                            checker->flat->rules[mention->rule].action == checker->flat->default_action)
                                continue;
                        shadows[n++] = (struct shadow){ mention->rule, by, mention->position };
                }
        }
        qsort(shadows, n, sizeof(*shadows), compare_shadows);
        for (size_t i = 0, j; !r && i < n; i = j) {
                for (j = i + 1;
                     j < n && shadows[j].rule == shadows[i].rule && shadows[j].by == shadows[i].by; j++)
                        ;
                if (!is_known(checker, &checker->flat->rules[shadows[i].rule],
                              &checker->flat->rules[shadows[i].by], j - i))
                        r = say_shadow(checker, &shadows[i], j - i);
        }
        free(shadows);
        return error_trace(r);
}

static bool meets(char *const *a, size_t n_a, char *const *b, size_t n_b, bool all) {
        for (size_t i = 0; i < n_a; i++) {
                bool found = false;

                for (size_t j = 0; j < n_b; j++)
                        found |= !strcmp(a[i], b[j]);
                if (found != all)
                        return found;
        }
        return all && n_a;
}

int check_never_applies(struct checker *checker) {
        int r = 0;

        for (size_t i = 0; !r && i < checker->written->n_rules; i++) {
                const struct rule *rule = &checker->written->rules[i];
                const struct rule_when *in = &rule->includes, *ex = &rule->excludes;
                const char *what = NULL;

                if (meets(in->caps, in->n_caps, ex->caps, ex->n_caps, false))
                        what = "caps";
                else if (meets(in->arches, in->n_arches, ex->arches, ex->n_arches, true))
                        what = "arches";
                else if (in->kernel_set && ex->kernel_set &&
                         (in->kernel_major > ex->kernel_major ||
                          (in->kernel_major == ex->kernel_major && in->kernel_minor >= ex->kernel_minor)))
                        what = "minKernel";
                if (what)
                        r = check_find(checker, "never-applies", rule->place ? rule->place : "syscalls",
                                       "what includes asks of %s, excludes rules out, so the rule is never "
                                       "used; correct one of them",
                                       what);
        }
        return error_trace(r);
}

int check_foreign_names(struct checker *checker) {
        const struct profile *flat = checker->flat;
        int r = 0;

        for (size_t i = 0; !r && i < flat->n_rules; i++) {
                const struct rule *rule = &flat->rules[i];
                const char **names = calloc(rule->n_names ? rule->n_names : 1, sizeof(*names));
                size_t n = 0;

                if (!names)
                        return error_origin(-ENOMEM);
                for (size_t j = 0; j < rule->n_names; j++) {
                        bool exists = !syscall_known(rule->names[j]); /* the reader has said so */
                        uint32_t nr;
                        int through;

                        for (size_t k = 0; !exists && k < flat->n_archs; k++)
                                exists = rule_numbers(flat->archs[k].arch, rule->names[j], &nr, &through);
                        if (!exists)
                                names[n++] = rule->names[j];
                }
                if (n)
                        r = check_names(checker, "name-of-other-architecture", rule->place, names, n,
                                        "no listed architecture has %s, so nothing is done for it there; "
                                        "list the architecture, or leave it");
                free(names);
        }
        return error_trace(r);
}

/* Calls whose alternatives can hold together and differ: then libseccomp's order decides, not the file's. */
int check_overlaps(struct checker *checker) {
        const struct arch_rules *rules =
                match_table_arch(checker->flat->match, checker->context->arch->audit);
        int r = 0;

        for (size_t i = 0; rules && !r && i < rules->n_calls; i++) {
                const struct call_rules *call = &rules->calls[i];
                const struct alternative *alternatives = &rules->alternatives[call->first];
                size_t n = call->n < PAIRS_MAX ? call->n : PAIRS_MAX;
                bool found = false;

                if (!call->mixed || call->conflict != SIZE_MAX)
                        continue;
                for (size_t j = 1; !found && j < n; j++)
                        for (size_t k = 0; !found && k < j; k++) {
                                const struct rule *late = &checker->flat->rules[alternatives[j].rule];
                                const struct rule *early = &checker->flat->rules[alternatives[k].rule];

                                if (alternatives[j].action == alternatives[k].action ||
                                    alternatives_exclude(&alternatives[j], &alternatives[k]))
                                        continue;
                                found = true;
                                r = check_find(
                                        checker, "overlapping-rules", late->place,
                                        "for %s this and %s can hold for the same arguments but ask for "
                                        "different actions, and not their order in the file but libseccomp "
                                        "decides; make the conditions exclude each other",
                                        late->names[alternatives[j].name], early->place);
                        }
        }
        return error_trace(r);
}

/* Sets of conditions that this program compiles itself, because libseccomp 2.5 may not get them right. */
static int check_shapes(struct checker *checker) {
        const struct arch *arch = checker->context->arch;
        const struct arch_rules *rules = match_table_arch(checker->flat->match, arch->audit);
        const char **names = calloc(rules && rules->n_calls ? rules->n_calls : 1, sizeof(*names));
        size_t n = 0;
        int r = 0;

        if (!names)
                return error_origin(-ENOMEM);
        for (size_t i = 0; rules && i < rules->n_calls; i++) {
                const struct alternative *first = &rules->alternatives[rules->calls[i].first];

                if (rules->calls[i].own_code)
                        names[n++] = checker->flat->rules[first->rule].names[first->name];
        }
        if (n)
                r = check_names(checker, "libseccomp-may-differ", "syscalls", names, n,
                                "for %s ranges or inequalities meet in several rules; here they count as "
                                "written, but libseccomp 2.5 gets some such sets wrong, so try the profile "
                                "under the runtime as well");
        free(names);
        return error_trace(r);
}

/*
 * libseccomp refuses rules that contradict each other, which takes several actions for one call, and
 * programs that are too long. Asking it takes longer than all other checks together, so it is not asked
 * where neither can be: a call costs it a comparison and a jump, a condition at most ten instructions.
 */
bool check_surely_compiles(const struct profile *flat) {
        size_t n = 64;

        for (size_t i = 0; i < flat->n_archs; i++) {
                const struct arch_rules *rules = match_table_arch(flat->match, flat->archs[i].arch->audit);

                for (size_t j = 0; rules && j < rules->n_calls; j++)
                        if (rules->calls[j].mixed)
                                return false;
                for (size_t j = 0; rules && j < rules->n_alternatives; j++)
                        n += 2 + 12 * (size_t)rules->alternatives[j].n_conditions;
        }
        return n <= FILTER_MAX;
}

/* What libseccomp, and with it the runtime, refuses. */
int check_compiles(struct checker *checker) {
        struct filter filter = FILTER_INIT;
        int r = check_shapes(checker);

        /* Programs for machines of the other byte order cannot be made here. */
        if (r || checker->context->arch->big_endian != arch_native()->big_endian ||
            check_surely_compiles(checker->flat))
                return error_trace(r);
        r = filter_compile(checker->flat, checker->diags, &filter);
        filter_deinit(&filter);
        return r < 0 ? error_trace(r) : 0;
}
