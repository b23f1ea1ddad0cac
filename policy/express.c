/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From verdicts to rules: a plan per name, the names with equal plans put together, and the proof.
 *
 * What must stay true: what comes out depends on the verdicts alone, not on the profiles they came from, so
 * that a union has the same bytes whatever its order; and nothing comes out that does not read back as what
 * went in, or as what the leeway allows.
 *
 * Names behind socketcall and ipc bring their share of those two calls along, so rules for the two
 * themselves are written only where that share is not all.
 */

#include "policy/express.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/cover.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX   4
#define NODES_ENOUGH 100000 /* worth a cleaning */

struct target {
        const struct verdict_arch *arch;
        uint32_t nr;
        unsigned bits;
        region_id region;
};

struct part {
        uint32_t action;
        struct cover cover;
};

struct plan {
        const char *name;
        struct target *targets; /* owned */
        size_t n_targets;
        region_id region; /* to be written; of arguments of this many bits */
        unsigned bits;
        struct part *parts; /* owned */
        size_t n_parts;
        size_t n_alternatives; /* of all parts */
        bool suits;            /* libseccomp compiles them as they are meant */
        bool exact;            /* on every architecture */
        bool held;             /* not written */
        bool plain;            /* written without conditions, since the right ones cannot be */
        bool reported;
};

struct expression {
        struct verdicts *verdicts;
        const struct profile_context *context;
        const struct express_options *options;
        struct diags *diags;
        struct plan *plans;
        size_t n_plans;
        bool refused;
        bool comparing; /* ids are in use that tidy() does not know */
};

static size_t max_alternatives(const struct expression *expression) {
        return expression->options->max_alternatives ? expression->options->max_alternatives
                                                     : EXPRESS_ALTERNATIVES;
}

static uint32_t fallback_action(const struct verdicts *verdicts) {
        uint32_t action = SECCOMP_RET_KILL_PROCESS;

        region_is_value(verdicts->regions, verdicts->fallback, &action);
        return action;
}

/* ---- plans ---- */

static const char *const shared[] = { "ipc", "socketcall" };
#define N_SHARED (sizeof(shared) / sizeof(shared[0]))

/* Calls of older ABIs that others go through. */
static bool is_shared(const char *name) {
        for (size_t i = 0; i < N_SHARED; i++)
                if (!strcmp(name, shared[i]))
                        return true;
        return false;
}

static void parts_deinit(struct plan *plan) {
        for (size_t i = 0; i < plan->n_parts; i++)
                cover_deinit(&plan->parts[i].cover);
        free(plan->parts);
        plan->parts = NULL;
        plan->n_parts = plan->n_alternatives = 0;
}

static void plan_deinit(struct plan *plan) {
        parts_deinit(plan);
        free(plan->targets);
}

static bool name_is_known(const struct verdicts *verdicts, const char *name) {
        size_t low = 0, high = verdicts->n_names;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strcmp(verdicts->names[middle].name, name);

                if (!r)
                        return true;
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

/* Another name for numbers that have their usual name in the profile, too. */
static bool is_alias(const struct expression *expression, const struct plan *plan) {
        for (size_t i = 0; i < plan->n_targets; i++) {
                const char *usual = syscall_name(plan->targets[i].arch->arch, plan->targets[i].nr);

                if (!usual || !strcmp(usual, plan->name) || !name_is_known(expression->verdicts, usual))
                        return false;
        }
        return plan->n_targets;
}

static int plan_init(struct plan *plan, const struct expression *expression,
                     const struct verdict_name *name) {
        const struct verdicts *verdicts = expression->verdicts;
        bool native = false;

        *plan = (struct plan){ .name = name->name, .region = name->region, .bits = 64 };
        plan->targets = calloc(verdicts->n_archs, sizeof(*plan->targets));
        if (!plan->targets)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < verdicts->n_archs; i++) {
                struct target target = { .arch = &verdicts->archs[i] };
                const struct arch *arch = target.arch->arch;
                int through;

                if (!rule_numbers(arch, name->name, &target.nr, &through))
                        continue;
                target.bits = profile_arch_bits(arch);
                target.region = verdict_arch_find(target.arch, target.nr);
                /* The widest architecture says what is written, this machine's before others. */
                if (!plan->n_targets || target.bits > plan->bits ||
                    (target.bits == plan->bits && !native && arch == expression->context->arch)) {
                        plan->region = target.region;
                        plan->bits = target.bits;
                        native = arch == expression->context->arch;
                }
                plan->targets[plan->n_targets++] = target;
        }
        plan->held = is_alias(expression, plan) || is_shared(name->name);
        return 0;
}

/* One for each name, and for the calls behind which others stand, named or not. */
static int plans_init(struct expression *expression) {
        const struct verdicts *verdicts = expression->verdicts;
        int r = 0;

        expression->plans = calloc(verdicts->n_names + N_SHARED, sizeof(*expression->plans));
        if (!expression->plans)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < verdicts->n_names; i++)
                r = plan_init(&expression->plans[expression->n_plans++], expression, &verdicts->names[i]);
        for (size_t i = 0; !r && i < N_SHARED; i++)
                if (!name_is_known(verdicts, shared[i]))
                        r = plan_init(&expression->plans[expression->n_plans++], expression,
                                      &(struct verdict_name){ (char *)shared[i], verdicts->fallback });
        return error_trace(r);
}

/* ---- covers ---- */

/* What the parts say when they are read with arguments of so many bits. */
static region_id parts_region(const struct plan *plan, const struct verdicts *verdicts, unsigned bits) {
        region_id region = verdicts->fallback;

        for (size_t i = 0; i < plan->n_parts; i++)
                region = region_choose(verdicts->regions,
                                       cover_region(&plan->parts[i].cover, verdicts->regions, bits),
                                       region_value(verdicts->regions, plan->parts[i].action), region);
        return region;
}

static bool as_loose(const struct verdicts *verdicts, region_id a, region_id b) {
        return region_combine(verdicts->regions, REGION_LOOSER, a, b) == REGION_NOTHING &&
               region_combine(verdicts->regions, REGION_LOOSER, b, a) == REGION_NOTHING;
}

/* Where profiles list different architectures, the way in which a call is refused may change. */
static bool good_enough(const struct verdicts *verdicts, region_id want, region_id got) {
        return want == got || (verdicts->archs_differed && as_loose(verdicts, want, got));
}

static struct alternative narrowed(const struct box *box, unsigned bits) {
        struct alternative alternative = { 0 };

        for (size_t i = 0; i < box->n; i++) {
                struct condition condition = box->conditions[i];

                if (bits == 32) {
                        condition.value &= UINT32_MAX;
                        condition.value_two &= UINT32_MAX;
                }
                if (condition.op != CONDITION_MASKED_EQ || condition.value)
                        alternative.conditions[alternative.n_conditions++] = condition;
        }
        return alternative;
}

static int parts_suit(const struct plan *plan, unsigned bits, bool *ret) {
        struct alternative *alternatives = calloc(plan->n_alternatives + 1, sizeof(*alternatives));
        size_t n = 0;

        if (!alternatives)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < plan->n_parts; i++)
                for (size_t j = 0; j < plan->parts[i].cover.n; j++)
                        alternatives[n++] = narrowed(&plan->parts[i].cover.boxes[j], bits);
        *ret = alternatives_suit_libseccomp(alternatives, n, plan->n_parts > 1);
        free(alternatives);
        return 0;
}

/* The parts in one style; 0 or REGION_E_COMPLEX. */
static int plan_style(struct plan *plan, const struct verdicts *verdicts, enum cover_style style) {
        uint32_t actions[64], fallback = fallback_action(verdicts);
        size_t n_actions = region_values(verdicts->regions, plan->region, actions, 64);
        int r = 0;

        if (n_actions > 64)
                return REGION_E_COMPLEX;
        plan->parts = calloc(n_actions + 1, sizeof(*plan->parts));
        if (!plan->parts)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < n_actions; i++) {
                struct part *part = &plan->parts[plan->n_parts];
                region_id set;

                if (actions[i] == fallback)
                        continue;
                set = region_combine(verdicts->regions, REGION_IS, plan->region,
                                     region_value(verdicts->regions, actions[i]));
                part->action = actions[i];
                plan->n_parts++;
                r = cover_init(&part->cover, verdicts->regions, set, style, plan->bits);
                plan->n_alternatives += part->cover.n;
        }
        if (r)
                return error_trace(r);
        plan->exact = true;
        for (size_t i = 0; i < plan->n_targets; i++)
                plan->exact &= good_enough(verdicts, plan->targets[i].region,
                                           parts_region(plan, verdicts, plan->targets[i].bits));
        return error_trace(parts_suit(plan, plan->bits, &plan->suits));
}

/* 0 … 7, more is better: right everywhere, then within the limit, then right in today's runtimes. */
static unsigned quality(const struct plan *plan, size_t max) {
        return (plan->exact ? 4u : 0u) | (plan->n_alternatives <= max ? 2u : 0u) | (plan->suits ? 1u : 0u);
}

/* Covers leave nodes behind that nobody needs. */
static int tidy(struct expression *expression) {
        region_id **roots;
        size_t n = 0;
        int r;

        if (expression->comparing || regions_count(expression->verdicts->regions) < NODES_ENOUGH)
                return 0;
        for (size_t i = 0; i < expression->n_plans; i++)
                n += 1 + expression->plans[i].n_targets;
        roots = calloc(n + 1, sizeof(*roots));
        if (!roots)
                return error_origin(-ENOMEM);
        n = 0;
        for (size_t i = 0; i < expression->n_plans; i++) {
                struct plan *plan = &expression->plans[i];

                roots[n++] = &plan->region;
                for (size_t j = 0; j < plan->n_targets; j++)
                        roots[n++] = &plan->targets[j].region;
        }
        r = verdicts_compact(expression->verdicts, roots, n);
        free(roots);
        return error_trace(r);
}

static int plan_covers(struct plan *plan, struct expression *expression) {
        const struct verdicts *verdicts = expression->verdicts;
        size_t max = max_alternatives(expression);
        bool found = false;

        parts_deinit(plan);
        for (int style = 0; style < COVER_N_STYLES; style++) {
                struct plan other;
                int r = tidy(expression);

                if (r)
                        return error_trace(r);
                other = *plan;
                other.parts = NULL;
                other.n_parts = other.n_alternatives = 0;
                r = plan_style(&other, verdicts, (enum cover_style)style);
                if (r == REGION_E_COMPLEX && !regions_error(verdicts->regions)) {
                        parts_deinit(&other);
                        continue;
                }
                if (r) {
                        parts_deinit(&other);
                        return error_trace(r);
                }
                if (!found || quality(&other, max) > quality(plan, max) ||
                    (quality(&other, max) == quality(plan, max) &&
                     other.n_alternatives < plan->n_alternatives)) {
                        parts_deinit(plan);
                        *plan = other;
                        found = true;
                } else {
                        parts_deinit(&other);
                }
                if (region_is_value(verdicts->regions, plan->region, NULL))
                        break;
        }
        if (!found)
                plan->n_alternatives = SIZE_MAX;
        return 0;
}

/* ---- what cannot be written ---- */

static int say(struct expression *expression, struct plan *plan, const char *why) {
        bool exact = expression->options->leeway == EXPRESS_EXACT;
        int r;

        plan->reported = true;
        expression->refused |= exact;
        if (exact)
                r = diag_add(expression->diags, DIAG_ERROR, "not-expressible", plan->name,
                             "%s; --approximate writes the nearest that can be written", why);
        else
                r = diag_add(expression->diags, DIAG_WARNING, "approximated", plan->name,
                             "%s; it is written %s than asked for, without conditions", why,
                             expression->options->leeway == EXPRESS_WIDER ? "wider" : "narrower");
        return error_trace(r);
}

static int give_up_conditions(struct expression *expression, struct plan *plan, const char *why) {
        const struct verdicts *verdicts = expression->verdicts;
        uint32_t actions[64], best = 0;
        bool wider = expression->options->leeway == EXPRESS_WIDER, first = true;
        int r = 0;

        if (!plan->reported)
                r = say(expression, plan, why);
        if (r || expression->options->leeway == EXPRESS_EXACT)
                return error_trace(r);
        for (size_t i = 0; i <= plan->n_targets; i++) {
                region_id region = i < plan->n_targets ? plan->targets[i].region : plan->region;
                size_t n = region_values(verdicts->regions, region, actions, 64);

                for (size_t j = 0; j < n && j < 64; j++) {
                        best = first   ? actions[j]
                               : wider ? action_milder(best, actions[j])
                                       : action_stricter(best, actions[j]);
                        first = false;
                }
        }
        plan->plain = true;
        plan->held = false;
        plan->region = region_value(verdicts->regions, best);
        return error_trace(plan_covers(plan, expression));
}

static int check_limit(struct expression *expression, struct plan *plan) {
        char why[192];

        if (plan->n_alternatives <= max_alternatives(expression))
                return 0;
        if (plan->n_alternatives == SIZE_MAX)
                snprintf(why, sizeof(why), "its conditions are too many and too different to be written");
        else
                snprintf(why, sizeof(why), "its conditions take %zu alternatives and the limit is %zu",
                         plan->n_alternatives, max_alternatives(expression));
        return error_trace(give_up_conditions(expression, plan, why));
}

/* ---- rules ---- */

struct line {
        const struct plan *plan;
        const struct part *part;
};

static bool part_is_plain(const struct part *part) {
        return part->cover.n == 1 && !part->cover.boxes[0].n;
}

/* Mild actions first, those without conditions before the others. */
static int compare_kinds(const struct line *a, const struct line *b) {
        const struct part *x = a->part, *y = b->part;

        if (action_severity(x->action) != action_severity(y->action))
                return action_severity(x->action) < action_severity(y->action) ? -1 : 1;
        if (x->action != y->action)
                return x->action < y->action ? -1 : 1;
        return (int)part_is_plain(y) - (int)part_is_plain(x);
}

static int compare_covers(const struct cover *a, const struct cover *b) {
        for (size_t i = 0; i < a->n && i < b->n; i++) {
                int r = box_compare(&a->boxes[i], &b->boxes[i]);

                if (r)
                        return r;
        }
        return a->n < b->n ? -1 : a->n > b->n;
}

static int compare_lines(const void *left, const void *right) {
        const struct line *a = left, *b = right;
        int r = compare_kinds(a, b);

        if (!r)
                r = compare_covers(&a->part->cover, &b->part->cover);
        return r ? r : strcmp(a->plan->name, b->plan->name);
}

struct group {
        const struct line *lines;
        size_t n;
};

static int compare_groups(const void *left, const void *right) {
        const struct group *a = left, *b = right;
        int r = compare_kinds(a->lines, b->lines);

        return r ? r : strcmp(a->lines->plan->name, b->lines->plan->name);
}

static int add_rules(struct profile *profile, const struct group *group) {
        const struct part *part = group->lines->part;
        int r = 0;

        for (size_t i = 0; !r && i < part->cover.n; i++) {
                const struct box *box = &part->cover.boxes[i];
                struct rule *rule;

                r = profile_add_rule(profile, &rule);
                if (r)
                        break;
                rule->action = part->action;
                rule->errno_set = action_has_errno(part->action);
                for (size_t j = 0; !r && j < group->n; j++)
                        r = rule_add_name(rule, group->lines[j].plan->name);
                for (size_t j = 0; !r && j < box->n; j++)
                        r = rule_add_condition(rule, box->conditions[j].index,
                                               (enum condition_op)box->conditions[j].op,
                                               box->conditions[j].value, box->conditions[j].value_two);
        }
        return error_trace(r);
}

static int add_all_rules(struct profile *profile, const struct expression *expression) {
        size_t n = 0, n_groups = 0;
        struct group *groups;
        struct line *lines;
        int r = 0;

        for (size_t i = 0; i < expression->n_plans; i++)
                n += expression->plans[i].n_parts;
        lines = calloc(n + 1, sizeof(*lines));
        groups = calloc(n + 1, sizeof(*groups));
        if (!lines || !groups)
                r = error_origin(-ENOMEM);
        n = 0;
        for (size_t i = 0; !r && i < expression->n_plans; i++) {
                const struct plan *plan = &expression->plans[i];

                for (size_t j = 0; !plan->held && j < plan->n_parts; j++)
                        lines[n++] = (struct line){ plan, &plan->parts[j] };
        }
        if (!r)
                qsort(lines, n, sizeof(*lines), compare_lines);
        for (size_t i = 0; !r && i < n; i++) {
                if (i && !compare_kinds(&lines[i - 1], &lines[i]) &&
                    !compare_covers(&lines[i - 1].part->cover, &lines[i].part->cover))
                        groups[n_groups - 1].n++;
                else
                        groups[n_groups++] = (struct group){ &lines[i], 1 };
        }
        if (!r)
                qsort(groups, n_groups, sizeof(*groups), compare_groups);
        for (size_t i = 0; !r && i < n_groups; i++)
                r = add_rules(profile, &groups[i]);
        free(lines);
        free(groups);
        return error_trace(r);
}

static int write_profile(const struct expression *expression, struct profile **ret) {
        cleanup_profile struct profile *profile = NULL;
        const struct verdicts *verdicts = expression->verdicts;
        int r = profile_new(&profile);

        if (r)
                return error_trace(r);
        profile->dialect = DIALECT_OCI;
        profile->default_set = true;
        profile->default_action = fallback_action(verdicts);
        profile->default_errno_set = action_has_errno(profile->default_action);
        for (size_t i = 0; !r && i < verdicts->n_archs; i++)
                r = profile_add_arch(profile, verdicts->archs[i].arch);
        if (!r)
                r = add_all_rules(profile, expression);
        if (r)
                return error_trace(r);
        *ret = profile;
        profile = NULL;
        return 0;
}

/* ---- proof ---- */

/* Off in the direction that was allowed. */
static bool within_leeway(const struct expression *expression, region_id want, region_id got) {
        const struct verdicts *verdicts = expression->verdicts;

        switch (expression->options->leeway) {
        case EXPRESS_WIDER:
                return region_combine(verdicts->regions, REGION_LOOSER, want, got) == REGION_NOTHING;
        case EXPRESS_NARROWER:
                return region_combine(verdicts->regions, REGION_LOOSER, got, want) == REGION_NOTHING;
        case EXPRESS_EXACT:
                break;
        }
        return false;
}

static struct plan *plan_of(const struct expression *expression, const struct verdict_arch *arch,
                            uint32_t nr, bool held) {
        for (size_t i = 0; i < expression->n_plans; i++) {
                struct plan *plan = &expression->plans[i];

                for (size_t j = 0; plan->held == held && j < plan->n_targets; j++)
                        if (plan->targets[j].arch == arch && plan->targets[j].nr == nr)
                                return plan;
        }
        return NULL;
}

/* One call reads back as something else: the plan is changed, or the whole thing refused. */
static int repair(struct expression *expression, const struct verdict_arch *arch, uint32_t nr) {
        struct plan *plan = plan_of(expression, arch, nr, true);
        char label[32], why[256];

        if (plan) {
                plan->held = false;
                return error_trace(plan_covers(plan, expression) ?: check_limit(expression, plan));
        }
        plan = plan_of(expression, arch, nr, false);
        if (plan && !plan->plain) {
                if (is_shared(plan->name))
                        snprintf(why, sizeof(why),
                                 "calls through it on %s would need other rules than by their own numbers, "
                                 "and a rule for such a call applies to both ways",
                                 arch->arch->name);
                else
                        snprintf(why, sizeof(why),
                                 "on %s it would need other rules than on the other architectures, and a "
                                 "rule names a call on all of them",
                                 arch->arch->name);
                return error_trace(plan->reported ? 0 : give_up_conditions(expression, plan, why));
        }
        expression->refused = true;
        return error_trace(diag_add(
                expression->diags, DIAG_ERROR, "not-expressible",
                plan ? plan->name : syscall_label(arch->arch->audit, nr, label, sizeof(label)),
                "what is asked for on %s cannot be written as rules for all architectures, not even "
                "approximately; merge profiles that list the same architectures",
                arch->arch->name));
}

/* What is written for the other architectures is written for this one, too. */
static int say_of_spill(struct expression *expression, const struct verdict_arch *arch, uint32_t nr) {
        struct plan *plan = plan_of(expression, arch, nr, false);
        char label[32];

        if (plan && plan->reported)
                return 0;
        if (plan)
                plan->reported = true;
        return error_trace(
                diag_add(expression->diags, DIAG_WARNING, "approximated",
                         plan ? plan->name : syscall_label(arch->arch->audit, nr, label, sizeof(label)),
                         "a rule names a call on all architectures, so %s gets %s than asked for",
                         arch->arch->name, expression->options->leeway == EXPRESS_WIDER ? "more" : "less"));
}

static int check_fallback(struct expression *expression, const struct verdict_arch *want,
                          const struct verdict_arch *got) {
        if (good_enough(expression->verdicts, want->fallback, got->fallback))
                return 0;
        if (within_leeway(expression, want->fallback, got->fallback))
                return error_trace(diag_add(
                        expression->diags, DIAG_WARNING, "approximated", "defaultAction",
                        "a profile has one default for all architectures, so calls of %s without a "
                        "rule get %s than asked for",
                        want->arch->name, expression->options->leeway == EXPRESS_WIDER ? "more" : "less"));
        expression->refused = true;
        return error_trace(diag_add(
                expression->diags, DIAG_ERROR, "not-expressible", "defaultAction",
                "calls without a rule would need another default on %s than elsewhere, since a profile that "
                "does not list it has another default; merge profiles that list the same architectures",
                want->arch->name));
}

static int prove_arch(struct expression *expression, const struct verdict_arch *want,
                      const struct verdict_arch *got, bool *ret_changed) {
        size_t i = 0, j = 0;
        int r = check_fallback(expression, want, got);

        while (!r && (i < want->n || j < got->n)) {
                region_id a = want->fallback, b = got->fallback;
                uint32_t nr;

                if (j == got->n || (i < want->n && want->calls[i].nr <= got->calls[j].nr))
                        nr = want->calls[i].nr;
                else
                        nr = got->calls[j].nr;
                if (i < want->n && want->calls[i].nr == nr)
                        a = want->calls[i++].region;
                if (j < got->n && got->calls[j].nr == nr)
                        b = got->calls[j++].region;
                if (good_enough(expression->verdicts, a, b))
                        continue;
                if (within_leeway(expression, a, b) && !plan_of(expression, want, nr, true)) {
                        r = say_of_spill(expression, want, nr);
                        continue;
                }
                *ret_changed = true;
                r = repair(expression, want, nr);
        }
        return error_trace(r);
}

static int prove(struct expression *expression, const struct profile *profile, bool *ret_changed) {
        cleanup_profile struct profile *resolved = NULL;
        struct verdicts got = { 0 };
        int r;

        r = profile_resolve(profile, expression->context, expression->diags, &resolved);
        expression->comparing = true;
        if (!r)
                r = verdicts_init(&got, expression->verdicts->regions, resolved);
        for (size_t i = 0; !r && i < expression->verdicts->n_archs; i++) {
                const struct verdict_arch *want = &expression->verdicts->archs[i];
                const struct verdict_arch *arch = verdicts_arch(&got, want->arch);

                if (arch)
                        r = prove_arch(expression, want, arch, ret_changed);
                else
                        r = error_origin(-EINVAL);
        }
        expression->comparing = false;
        verdicts_deinit(&got);
        return error_trace(r);
}

static int warn_of_libseccomp(const struct expression *expression) {
        int r = 0;

        for (size_t i = 0; !r && i < expression->n_plans; i++)
                if (!expression->plans[i].held && !expression->plans[i].suits)
                        r = diag_add(expression->diags, DIAG_WARNING, "libseccomp-shape",
                                     expression->plans[i].name,
                                     "libseccomp 2.5 may compile these conditions wrongly in a container "
                                     "runtime; callgate's own filter is right");
        return error_trace(r);
}

static int express_rounds(struct expression *expression, struct profile **ret) {
        cleanup_profile struct profile *profile = NULL;
        bool changed = true;
        int r = 0;

        for (int round = 0; changed && round < ROUNDS_MAX && !expression->refused; round++) {
                changed = false;
                profile = profile_free(profile);
                r = write_profile(expression, &profile);
                if (!r)
                        r = prove(expression, profile, &changed);
                if (r)
                        return error_trace(r);
        }
        if (expression->refused)
                return PROFILE_E_INVALID;
        if (changed) {
                r = diag_add(expression->diags, DIAG_ERROR, "not-expressible", NULL,
                             "these profiles cannot be written as one");
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        r = warn_of_libseccomp(expression);
        if (r)
                return error_trace(r);
        *ret = profile;
        profile = NULL;
        return 0;
}

int express(struct verdicts *verdicts, const struct profile_context *context,
            const struct express_options *options, struct diags *diags, struct profile **ret) {
        struct expression expression = {
                .verdicts = verdicts, .context = context, .options = options, .diags = diags
        };
        int r = plans_init(&expression);

        for (size_t i = 0; !r && i < expression.n_plans; i++) {
                struct plan *plan = &expression.plans[i];

                if (plan->held)
                        continue;
                r = plan_covers(plan, &expression);
                if (!r)
                        r = check_limit(&expression, plan);
        }
        if (!r)
                r = express_rounds(&expression, ret);
        for (size_t i = 0; i < expression.n_plans; i++)
                plan_deinit(&expression.plans[i]);
        free(expression.plans);
        if (r == REGION_E_COMPLEX) {
                r = diag_add(diags, DIAG_ERROR, "too-complex", NULL,
                             "the conditions of these profiles together are too many and too different");
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        return error_trace(r);
}
