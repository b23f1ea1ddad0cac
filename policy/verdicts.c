/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must stay true: the function of a call is that of the alternatives of alternatives.h tried in their
 * order, which is what match.h says and the compiled filter does; a call whose function is that of the
 * architecture's other numbers is not listed, so that equal behaviour is equal data.
 */

#include "policy/verdicts.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/match.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

static region_id conjunction(struct regions *regions, const struct condition *conditions, size_t n,
                             unsigned bits) {
        region_id set = REGION_EVERYTHING;

        for (size_t i = n; i-- > 0;)
                set = region_combine(regions, REGION_AND, set,
                                     region_condition(regions, &conditions[i], bits));
        return set;
}

static int arch_add(struct verdict_arch *arch, uint32_t nr, region_id region) {
        struct verdict_call *grown;
        size_t size;

        if (region == arch->fallback)
                return 0;
        if (arch->n == arch->size) {
                size = arch->size ? arch->size * 2 : 256;
                grown = reallocarray(arch->calls, size, sizeof(*grown));
                if (!grown)
                        return error_origin(-ENOMEM);
                arch->calls = grown;
                arch->size = size;
        }
        arch->calls[arch->n++] = (struct verdict_call){ nr, region };
        return 0;
}

static int arch_init(struct verdict_arch *to, struct regions *regions, const struct arch_rules *rules,
                     region_id fallback) {
        int r = 0;

        *to = (struct verdict_arch){ .arch = rules->arch, .fallback = fallback };
        for (size_t i = 0; !r && i < rules->n_calls; i++) {
                const struct call_rules *call = &rules->calls[i];
                region_id region = fallback;

                for (size_t j = call->n; j-- > 0;) {
                        const struct alternative *alternative = &rules->alternatives[call->first + j];

                        region = region_choose(regions,
                                               conjunction(regions, alternative->conditions,
                                                           alternative->n_conditions, rules->bits),
                                               region_value(regions, alternative->action), region);
                }
                r = arch_add(to, call->nr, region);
        }
        return error_trace(r);
}

int verdict_arch_order(const struct arch *a, const struct arch *b) {
        unsigned x = profile_arch_bits(a), y = profile_arch_bits(b);

        return x != y ? (x > y ? -1 : 1) : strcmp(a->scmp, b->scmp);
}

static int compare_archs(const void *a, const void *b) {
        return verdict_arch_order(((const struct verdict_arch *)a)->arch,
                                  ((const struct verdict_arch *)b)->arch);
}

struct mention {
        const char *name;
        size_t rule;
};

static int compare_mentions(const void *left, const void *right) {
        const struct mention *a = left, *b = right;
        int r = strcmp(a->name, b->name);

        return r ? r : a->rule < b->rule ? -1 : a->rule > b->rule;
}

static region_id rule_set(struct regions *regions, const struct rule *rule) {
        region_id set = REGION_NOTHING;

        if (!rule_is_split(rule))
                return conjunction(regions, rule->conditions, rule->n_conditions, 64);
        for (size_t i = 0; i < rule->n_conditions; i++)
                set = region_combine(regions, REGION_OR, set,
                                     region_condition(regions, &rule->conditions[i], 64));
        return set;
}

/* By name alone there is no tree of libseccomp's to imitate: the first rule without conditions wins, else
 * the first that holds. */
static region_id name_region(struct regions *regions, const struct profile *profile,
                             const struct mention *mentions, size_t n, region_id fallback) {
        region_id region = fallback;

        for (size_t i = 0; i < n; i++)
                if (!profile->rules[mentions[i].rule].n_conditions)
                        return region_value(regions, profile->rules[mentions[i].rule].action);
        for (size_t i = n; i-- > 0;) {
                const struct rule *rule = &profile->rules[mentions[i].rule];

                region = region_choose(regions, rule_set(regions, rule), region_value(regions, rule->action),
                                       region);
        }
        return region;
}

static int names_init(struct verdicts *to, const struct profile *profile) {
        struct mention *mentions;
        size_t n = 0;

        for (size_t i = 0; i < profile->n_rules; i++)
                n += profile->rules[i].n_names;
        mentions = calloc(n + 1, sizeof(*mentions));
        to->names = calloc(n + 1, sizeof(*to->names));
        if (!mentions || !to->names) {
                free(mentions);
                return error_origin(-ENOMEM);
        }
        n = 0;
        for (size_t i = 0; i < profile->n_rules; i++)
                for (size_t j = 0; j < profile->rules[i].n_names; j++)
                        if (profile->rules[i].action != profile->default_action)
                                mentions[n++] = (struct mention){ profile->rules[i].names[j], i };
        qsort(mentions, n, sizeof(*mentions), compare_mentions);
        for (size_t i = 0, j; i < n; i = j) {
                struct verdict_name *name = &to->names[to->n_names];

                for (j = i + 1; j < n && !strcmp(mentions[j].name, mentions[i].name); j++)
                        ;
                name->region = name_region(to->regions, profile, &mentions[i], j - i, to->fallback);
                name->name = strdup(mentions[i].name);
                if (!name->name) {
                        free(mentions);
                        return error_origin(-ENOMEM);
                }
                to->n_names++;
        }
        free(mentions);
        return 0;
}

int verdicts_init(struct verdicts *verdicts, struct regions *regions, const struct profile *resolved) {
        int r = 0;

        *verdicts = (struct verdicts){ .regions = regions };
        if (!resolved->resolved)
                return error_origin(-EINVAL);
        verdicts->fallback = region_value(regions, resolved->default_action);
        verdicts->archs = calloc(resolved->n_archs, sizeof(*verdicts->archs));
        if (!verdicts->archs)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < resolved->n_archs; i++) {
                const struct arch_rules *rules =
                        match_table_arch(resolved->match, resolved->archs[i].arch->audit);

                r = arch_init(&verdicts->archs[verdicts->n_archs++], regions, rules, verdicts->fallback);
        }
        qsort(verdicts->archs, verdicts->n_archs, sizeof(*verdicts->archs), compare_archs);
        if (!r)
                r = names_init(verdicts, resolved);
        return error_trace(r ? r : regions_error(regions));
}

void verdicts_deinit(struct verdicts *verdicts) {
        for (size_t i = 0; i < verdicts->n_archs; i++)
                free(verdicts->archs[i].calls);
        free(verdicts->archs);
        for (size_t i = 0; i < verdicts->n_names; i++)
                free(verdicts->names[i].name);
        free(verdicts->names);
        *verdicts = (struct verdicts){ 0 };
}

region_id verdict_arch_find(const struct verdict_arch *arch, uint32_t nr) {
        size_t low = 0, high = arch->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (arch->calls[middle].nr < nr)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < arch->n && arch->calls[low].nr == nr ? arch->calls[low].region : arch->fallback;
}

const struct verdict_arch *verdicts_arch(const struct verdicts *verdicts, const struct arch *arch) {
        for (size_t i = 0; i < verdicts->n_archs; i++)
                if (verdicts->archs[i].arch == arch)
                        return &verdicts->archs[i];
        return NULL;
}

region_id verdicts_find(const struct verdicts *verdicts, const struct arch *arch, uint32_t nr) {
        const struct verdict_arch *found = verdicts_arch(verdicts, arch);

        return found ? verdict_arch_find(found, nr)
                     : region_value(verdicts->regions, SECCOMP_RET_KILL_THREAD);
}

/* Two sorted lists of calls become one. */
static int arch_combine(struct verdict_arch *to, const struct verdict_arch *other, struct regions *regions,
                        enum region_op op) {
        struct verdict_arch merged = {
                .arch = to->arch,
                .fallback = region_combine(regions, op, to->fallback, other->fallback),
        };
        size_t i = 0, j = 0;
        int r = 0;

        while (!r && (i < to->n || j < other->n)) {
                region_id a = to->fallback, b = other->fallback;
                uint32_t nr;

                if (j == other->n || (i < to->n && to->calls[i].nr <= other->calls[j].nr))
                        nr = to->calls[i].nr;
                else
                        nr = other->calls[j].nr;
                if (i < to->n && to->calls[i].nr == nr)
                        a = to->calls[i++].region;
                if (j < other->n && other->calls[j].nr == nr)
                        b = other->calls[j++].region;
                r = arch_add(&merged, nr, region_combine(regions, op, a, b));
        }
        free(to->calls);
        *to = merged;
        return error_trace(r);
}

static int arch_copy(const struct verdict_arch *from, struct verdict_arch *ret) {
        *ret = *from;
        ret->size = from->n;
        ret->calls = calloc(from->n + 1, sizeof(*ret->calls));
        if (!ret->calls)
                return error_origin(-ENOMEM);
        if (from->n)
                memcpy(ret->calls, from->calls, from->n * sizeof(*ret->calls));
        return 0;
}

static int archs_union(struct verdicts *to, const struct verdicts *other) {
        struct verdict_arch *grown =
                reallocarray(to->archs, to->n_archs + other->n_archs, sizeof(*to->archs));
        size_t n_before = to->n_archs;
        int r = 0;

        if (!grown)
                return error_origin(-ENOMEM);
        to->archs = grown;
        for (size_t i = 0; !r && i < other->n_archs; i++) {
                struct verdict_arch *same = NULL;

                for (size_t j = 0; j < n_before; j++)
                        if (to->archs[j].arch == other->archs[i].arch)
                                same = &to->archs[j];
                if (same)
                        r = arch_combine(same, &other->archs[i], to->regions, REGION_MILDER);
                else
                        r = arch_copy(&other->archs[i], &to->archs[to->n_archs++]);
        }
        to->archs_differed |= other->archs_differed || to->n_archs != n_before || n_before != other->n_archs;
        qsort(to->archs, to->n_archs, sizeof(*to->archs), compare_archs);
        return error_trace(r);
}

static int archs_intersection(struct verdicts *to, const struct verdicts *other) {
        size_t kept = 0;
        int r = 0;

        for (size_t i = 0; i < to->n_archs; i++) {
                const struct verdict_arch *same = verdicts_arch(other, to->archs[i].arch);

                if (!r && same)
                        r = arch_combine(&to->archs[i], same, to->regions, REGION_STRICTER);
                if (same)
                        to->archs[kept++] = to->archs[i];
                else
                        free(to->archs[i].calls);
        }
        to->n_archs = kept;
        to->archs_differed |= other->archs_differed;
        return error_trace(r);
}

static int names_combine(struct verdicts *to, const struct verdicts *other, enum region_op op) {
        struct verdict_name *merged = calloc(to->n_names + other->n_names + 1, sizeof(*merged));
        size_t i = 0, j = 0, n = 0;
        int r = 0;

        if (!merged)
                return error_origin(-ENOMEM);
        while (!r && (i < to->n_names || j < other->n_names)) {
                region_id a = to->fallback, b = other->fallback;
                char *name = NULL;
                int order = i == to->n_names      ? 1
                            : j == other->n_names ? -1
                                                  : strcmp(to->names[i].name, other->names[j].name);

                if (order <= 0) {
                        a = to->names[i].region;
                        name = to->names[i++].name;
                }
                if (order >= 0) {
                        b = other->names[j].region;
                        if (!name && !(name = strdup(other->names[j].name)))
                                r = error_origin(-ENOMEM);
                        j++;
                }
                merged[n++] = (struct verdict_name){ name, region_combine(to->regions, op, a, b) };
        }
        for (; i < to->n_names; i++)
                merged[n++] = to->names[i];
        free(to->names);
        to->names = merged;
        to->n_names = n;
        return r;
}

int verdicts_combine(struct verdicts *to, const struct verdicts *other, enum region_op op) {
        int r;

        r = op == REGION_MILDER ? archs_union(to, other) : archs_intersection(to, other);
        if (!r)
                r = names_combine(to, other, op);
        to->fallback = region_combine(to->regions, op, to->fallback, other->fallback);
        return error_trace(r ? r : regions_error(to->regions));
}

static size_t n_roots(const struct verdicts *verdicts) {
        size_t n = 1 + verdicts->n_names;

        for (size_t i = 0; i < verdicts->n_archs; i++)
                n += 1 + verdicts->archs[i].n;
        return n;
}

int verdicts_compact(struct verdicts *verdicts, region_id **further, size_t n_further) {
        region_id **roots = calloc(n_roots(verdicts) + n_further, sizeof(*roots));
        size_t n = 0;

        if (!roots)
                return error_origin(-ENOMEM);
        roots[n++] = &verdicts->fallback;
        for (size_t i = 0; i < verdicts->n_archs; i++) {
                roots[n++] = &verdicts->archs[i].fallback;
                for (size_t j = 0; j < verdicts->archs[i].n; j++)
                        roots[n++] = &verdicts->archs[i].calls[j].region;
        }
        for (size_t i = 0; i < verdicts->n_names; i++)
                roots[n++] = &verdicts->names[i].region;
        for (size_t i = 0; i < n_further; i++)
                roots[n++] = further[i];
        regions_compact(verdicts->regions, roots, n);
        free(roots);
        return 0;
}
