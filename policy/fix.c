/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Repairs of a profile as written. What must stay true: for every architecture, capability set and kernel
 * the same calls are let through before and after, since a repair looks at what is written only and touches
 * a rule only when it is without effect in every context. Texts such as comments go with the rule they stand
 * in.
 */

#include "policy/fix.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/check.h"
#include "policy/learn.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

struct fixer {
        struct profile *profile;
        struct diags *done;
};

/* One mention of a name, sorted by name, then in the order of the file. */
struct use {
        const char *name;
        size_t rule, position;
};

struct uses {
        struct use *items; /* owned */
        size_t n;
};

static int compare_uses(const void *left, const void *right) {
        const struct use *a = left, *b = right;
        int r = strcmp(a->name, b->name);

        if (r)
                return r;
        if (a->rule != b->rule)
                return a->rule < b->rule ? -1 : 1;
        return a->position < b->position ? -1 : a->position > b->position;
}

static int uses_init(struct uses *uses, const struct profile *profile) {
        size_t n = 0;

        for (size_t i = 0; i < profile->n_rules; i++)
                n += profile->rules[i].n_names;
        *uses = (struct uses){ .items = calloc(n ? n : 1, sizeof(*uses->items)) };
        if (!uses->items)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < profile->n_rules; i++)
                for (size_t j = 0; j < profile->rules[i].n_names; j++)
                        uses->items[uses->n++] = (struct use){ profile->rules[i].names[j], i, j };
        qsort(uses->items, uses->n, sizeof(*uses->items), compare_uses);
        return 0;
}

static const char *place_of(const struct rule *rule) {
        return rule->place ? rule->place : "syscalls";
}

static int note(struct fixer *fixer, const char *id, const char *place, const char *text) {
        return error_trace(diag_add(fixer->done, DIAG_INFO, finding_by_id(id)->id, place, "%s", text));
}

/* Names whose text was freed and set to NULL leave the list; says how many and which. */
static int close_gaps(struct fixer *fixer, struct rule *rule, char **gone, size_t n_gone, const char *id) {
        struct buf text = BUF_INIT(0);
        size_t kept = 0;
        int r;

        for (size_t i = 0; i < rule->n_names; i++)
                if (rule->names[i])
                        rule->names[kept++] = rule->names[i];
        rule->n_names = kept;
        buf_puts(&text, "removed ");
        for (size_t i = 0; i < n_gone && i < 12; i++)
                buf_printf(&text, "%s%s", i ? ", " : "", gone[i]);
        if (n_gone > 12)
                buf_printf(&text, " and %zu more", n_gone - 12);
        r = buf_error(&text) ? buf_error(&text) : note(fixer, id, place_of(rule), buf_string(&text));
        buf_deinit(&text);
        return error_trace(r);
}

/* Takes the names that are marked out of all rules. */
static int remove_names(struct fixer *fixer, const struct uses *uses, const bool *marked, const char *id) {
        struct profile *profile = fixer->profile;
        bool **by_rule = calloc(profile->n_rules ? profile->n_rules : 1, sizeof(*by_rule));
        int r = 0;

        if (!by_rule)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < uses->n; i++) {
                const struct use *use = &uses->items[i];

                if (!marked[i])
                        continue;
                if (!by_rule[use->rule])
                        by_rule[use->rule] = calloc(profile->rules[use->rule].n_names, sizeof(bool));
                if (by_rule[use->rule])
                        by_rule[use->rule][use->position] = true;
                else
                        r = error_origin(-ENOMEM);
        }
        for (size_t i = 0; !r && i < profile->n_rules; i++) {
                struct rule *rule = &profile->rules[i];
                char **gone;
                size_t n = 0;

                if (!by_rule[i])
                        continue;
                gone = calloc(rule->n_names, sizeof(*gone));
                if (!gone) {
                        r = error_origin(-ENOMEM);
                        break;
                }
                for (size_t j = 0; j < rule->n_names; j++)
                        if (by_rule[i][j]) {
                                gone[n++] = rule->names[j];
                                rule->names[j] = NULL;
                        }
                r = close_gaps(fixer, rule, gone, n, id);
                for (size_t j = 0; j < n; j++)
                        free(gone[j]);
                free(gone);
        }
        for (size_t i = 0; i < profile->n_rules; i++)
                free(by_rule[i]);
        free(by_rule);
        return error_trace(r);
}

/* With one function that marks what is to go. */
static int fix_names(struct fixer *fixer, const char *id,
                     void (*mark)(const struct profile *profile, const struct use *uses, size_t n,
                                  bool *marked)) {
        struct uses uses;
        bool *marked;
        int r = uses_init(&uses, fixer->profile);

        if (r)
                return error_trace(r);
        marked = calloc(uses.n ? uses.n : 1, sizeof(*marked));
        if (!marked)
                r = error_origin(-ENOMEM);
        for (size_t i = 0, j; !r && i < uses.n; i = j) {
                for (j = i + 1; j < uses.n && !strcmp(uses.items[j].name, uses.items[i].name); j++)
                        ;
                mark(fixer->profile, &uses.items[i], j - i, &marked[i]);
        }
        if (!r)
                r = remove_names(fixer, &uses, marked, id);
        free(marked);
        free(uses.items);
        return error_trace(r);
}

static void mark_repeated(const struct profile *profile, const struct use *uses, size_t n, bool *marked) {
        (void)profile;
        for (size_t i = 1; i < n; i++)
                marked[i] = uses[i].rule == uses[i - 1].rule;
}

/*
 * A rule without conditions, includes and excludes decides about its names in every context unless an
 * unconditional one stands before it. So whatever names them behind it, or has conditions, is without
 * effect. Only where the action is the same is it no contradiction that a person should look at.
 */
static void mark_redundant(const struct profile *profile, const struct use *uses, size_t n, bool *marked) {
        const struct rule *always = NULL;
        size_t by = 0;

        for (size_t i = 0; i < n && !always; i++) {
                const struct rule *rule = &profile->rules[uses[i].rule];

                if (rule->n_conditions || rule_is_conditional(rule))
                        continue;
                always = rule;
                by = uses[i].rule;
        }
        for (size_t i = 0; always && i < n; i++) {
                const struct rule *rule = &profile->rules[uses[i].rule];

                if (rule != always && rule->action == always->action &&
                    (uses[i].rule > by || rule->n_conditions))
                        marked[i] = true;
        }
}

static bool is_default(const struct profile *profile, const struct rule *rule) {
        return rule->action == profile->default_action;
}

static bool is_nameless(const struct profile *profile, const struct rule *rule) {
        (void)profile;
        return !rule->n_names;
}

/* id NULL: nothing is said, because it was said before. */
static int fix_rules(struct fixer *fixer, const char *id, const char *text,
                     bool (*goes)(const struct profile *profile, const struct rule *rule)) {
        struct profile *profile = fixer->profile;
        size_t kept = 0;
        int r = 0;

        for (size_t i = 0; i < profile->n_rules; i++) {
                struct rule rule = profile->rules[i];

                if (goes(profile, &rule)) {
                        if (id && !r)
                                r = note(fixer, id, place_of(&rule), text);
                        rule_deinit(&rule);
                } else {
                        profile->rules[kept++] = rule;
                }
        }
        profile->n_rules = kept;
        return error_trace(r);
}

static bool has_32_bits(const struct profile *profile) {
        for (size_t i = 0; i < profile->n_archs; i++)
                if (profile->archs[i].arch && profile->archs[i].arch->bits == 32)
                        return true;
        for (size_t i = 0; i < profile->n_arch_maps; i++) {
                const struct profile_arch_map *map = &profile->arch_maps[i];

                if (map->arch.arch && map->arch.arch->bits == 32)
                        return true;
                for (size_t j = 0; j < map->n_subs; j++)
                        if (map->subs[j].arch && map->subs[j].arch->bits == 32)
                                return true;
        }
        return false;
}

/* Refused with another errno than ENOSYS in every context: by the default, which no rule changes, or by one
 * rule alone. *ret_use is that rule's mention, or NULL. */
static bool refused_otherwise(const struct profile *profile, const struct uses *uses, const char *name,
                              const struct use **ret_use) {
        struct use key = { .name = name };
        size_t low = 0, high = uses->n;
        uint32_t action = profile->default_action;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_uses(&uses->items[middle], &key) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        *ret_use = NULL;
        if (low < uses->n && !strcmp(uses->items[low].name, name)) {
                const struct rule *rule = &profile->rules[uses->items[low].rule];

                if (low + 1 < uses->n && !strcmp(uses->items[low + 1].name, name))
                        return false;
                if (rule->n_conditions || rule_is_conditional(rule))
                        return false;
                action = rule->action;
                *ret_use = &uses->items[low];
        }
        return (action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
               (action & SECCOMP_RET_DATA) != ENOSYS;
}

static int add_fallback_rule(struct fixer *fixer, struct rule *rule, const char *id) {
        struct buf text = BUF_INIT(0);
        int r = 0;

        rule->action = SECCOMP_RET_ERRNO | ENOSYS;
        rule->errno_set = true;
        if (fixer->profile->dialect == DIALECT_DOCKER || fixer->profile->dialect == DIALECT_CONTAINERS)
                r = profile_set_text(&rule->comment, "C libraries fall back to older calls on ENOSYS only");
        buf_printf(&text, "refused with ENOSYS:");
        for (size_t i = 0; i < rule->n_names; i++)
                buf_printf(&text, "%s %s", i ? "," : "", rule->names[i]);
        if (!r)
                r = buf_error(&text);
        if (!r)
                r = note(fixer, id, "syscalls", buf_string(&text));
        buf_deinit(&text);
        if (!r)
                r = profile_take_rule(fixer->profile, rule);
        return error_trace(r);
}

static int fix_fallbacks(struct fixer *fixer, bool time64) {
        struct rule rule = { 0 };
        const struct use *use;
        struct uses uses;
        bool *marked;
        int r = uses_init(&uses, fixer->profile);

        if (r)
                return error_trace(r);
        marked = calloc(uses.n ? uses.n : 1, sizeof(*marked));
        if (!marked)
                r = error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < learn_probes_n; i++) {
                const char *name = learn_probes[i].name;

                if (learn_probes[i].time64 != time64 || (!time64 && !check_is_fallback(name)) ||
                    !refused_otherwise(fixer->profile, &uses, name, &use))
                        continue;
                r = rule_add_name(&rule, name);
                if (use)
                        marked[use - uses.items] = true;
        }
        if (!r && rule.n_names) {
                r = remove_names(fixer, &uses, marked,
                                 time64 ? "errno-breaks-time64" : "errno-breaks-fallback");
                /* Without a rule of its own a call gets the default's errno, which may be the right one. */
                if (!r && fixer->profile->default_action != (SECCOMP_RET_ERRNO | ENOSYS))
                        r = add_fallback_rule(fixer, &rule,
                                              time64 ? "errno-breaks-time64" : "errno-breaks-fallback");
        }
        rule_deinit(&rule);
        free(marked);
        free(uses.items);
        return error_trace(r);
}

int profile_fix(const struct profile *profile, struct diags *done, struct profile **ret) {
        cleanup_profile struct profile *copy = NULL;
        struct fixer fixer = { .done = done };
        int r = profile_copy(profile, &copy);

        if (r)
                return error_trace(r);
        fixer.profile = copy;
        if (copy->listener_metadata && !copy->listener_path) {
                r = note(&fixer, "metadata-without-listener", "listenerMetadata", "removed");
                if (!r)
                        r = profile_set_text(&copy->listener_metadata, NULL);
        }
        if (!r)
                r = fix_rules(&fixer, "rule-without-names", "removed, since it names no call", is_nameless);
        if (!r)
                r = fix_names(&fixer, "duplicate-name", mark_repeated);
        /* The rules of a base profile are not known here, and an equal rule may be there to win over one. */
        if (!r && copy->default_set && !copy->base_name)
                r = fix_rules(&fixer, "rule-equals-default", "removed, since it does what happens anyway",
                              is_default);
        if (!r)
                r = fix_names(&fixer, "redundant-rule", mark_redundant);
        if (!r && copy->default_set && copy->n_rules && !copy->base_name)
                r = fix_fallbacks(&fixer, false);
        if (!r && copy->default_set && copy->n_rules && !copy->base_name && has_32_bits(copy))
                r = fix_fallbacks(&fixer, true);
        if (!r)
                r = fix_rules(&fixer, NULL, NULL, is_nameless);
        if (r)
                return error_trace(r);
        *ret = copy;
        copy = NULL;
        return 0;
}
