/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From verdicts to rules: a plan per name (express_plan.c), rules from the plans (express_rules.c), and here
 * the proof, and what becomes of calls that cannot be written.
 *
 * What must stay true: what comes out depends on the verdicts alone, not on the profiles they came from, so
 * that a union has the same bytes whatever its order; and nothing comes out that does not read back as what
 * went in, or, with a warning, as what the leeway allows.
 */

#include "policy/express.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/express_plan.h"
#include "syscalls/names.h"

#include <stdio.h>

#define ROUNDS_MAX 6

struct expression {
        struct verdicts *verdicts;
        const struct profile_context *context;
        enum express_leeway leeway;
        struct diags *diags;
        struct plans plans;
        bool refused;
};

/* ---- what cannot be written ---- */

static int say(struct expression *expression, struct plan *plan, const char *why) {
        bool exact = expression->leeway == EXPRESS_EXACT;
        int r;

        plan->reported = true;
        expression->refused |= exact;
        if (exact)
                r = diag_add(expression->diags, DIAG_ERROR, "not-expressible", plan->name,
                             "%s; --approximate writes the nearest that can be written", why);
        else
                r = diag_add(expression->diags, DIAG_WARNING, "approximated", plan->name,
                             "%s; it is written %s than asked for, without conditions", why,
                             expression->leeway == EXPRESS_WIDER ? "wider" : "narrower");
        return error_trace(r);
}

static int give_up_conditions(struct expression *expression, struct plan *plan, const char *why) {
        const struct verdicts *verdicts = expression->verdicts;
        uint32_t actions[64], best = 0;
        bool wider = expression->leeway == EXPRESS_WIDER, first = true;
        int r = 0;

        if (!plan->reported)
                r = say(expression, plan, why);
        if (r || expression->leeway == EXPRESS_EXACT)
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
        return error_trace(plan_parts(&expression->plans, plan));
}

static int check_limit(struct expression *expression, struct plan *plan) {
        char why[192];

        if (plan->parts.n_alternatives <= expression->plans.max_alternatives)
                return 0;
        if (plan->parts.n_alternatives == SIZE_MAX)
                snprintf(why, sizeof(why), "its conditions are too many and too different to be written");
        else
                snprintf(why, sizeof(why), "its conditions take %zu alternatives and the limit is %zu",
                         plan->parts.n_alternatives, expression->plans.max_alternatives);
        return error_trace(give_up_conditions(expression, plan, why));
}

/* ---- proof ---- */

/* Off in the direction that was allowed. */
static bool within_leeway(const struct expression *expression, region_id want, region_id got) {
        const struct verdicts *verdicts = expression->verdicts;

        switch (expression->leeway) {
        case EXPRESS_WIDER:
                return region_combine(verdicts->regions, REGION_LOOSER, want, got) == REGION_NOTHING;
        case EXPRESS_NARROWER:
                return region_combine(verdicts->regions, REGION_LOOSER, got, want) == REGION_NOTHING;
        case EXPRESS_EXACT:
                break;
        }
        return false;
}

/* Gives up the conditions of the calls that go through a shared one: less is lost than by giving up its own.
 */
static int repair_through(struct expression *expression, const struct verdict_arch *arch, uint32_t nr,
                          const char *why, bool *ret_done) {
        struct plans *plans = &expression->plans;
        int r = 0;

        for (size_t i = 0; !r && i < plans->n; i++) {
                struct plan *plan = &plans->items[i];
                uint32_t direct;
                int through;

                if (plan->held || plan->plain ||
                    region_is_value(plans->verdicts->regions, plan->region, NULL))
                        continue;
                if (!rule_numbers(arch->arch, plan->name, &direct, &through) || through != (int)nr)
                        continue;
                r = give_up_conditions(expression, plan, why);
                *ret_done = true;
        }
        return error_trace(r);
}

/* One call reads back as something else: the plan is changed, or the whole thing refused. */
static int repair(struct expression *expression, const struct verdict_arch *arch, uint32_t nr) {
        struct plan *plan = plans_find(&expression->plans, arch, nr, true);
        char label[32], why[256];
        bool done = false;
        int r;

        if (plan) {
                plan->held = false;
                return error_trace(plan_parts(&expression->plans, plan) ?: check_limit(expression, plan));
        }
        plan = plans_find(&expression->plans, arch, nr, false);
        if (plan && !plan->plain) {
                if (plan_is_shared(plan))
                        snprintf(why, sizeof(why),
                                 "calls through %s on %s would need other rules than by their own numbers, "
                                 "and a rule for such a call applies to both ways",
                                 plan->name, arch->arch->name);
                else
                        snprintf(why, sizeof(why),
                                 "on %s it would need other rules than on the other architectures, and a "
                                 "rule names a call on all of them",
                                 arch->arch->name);
                if (plan_is_shared(plan) && expression->leeway != EXPRESS_EXACT) {
                        r = repair_through(expression, arch, nr, why, &done);
                        if (r || done)
                                return error_trace(r);
                }
                return error_trace(give_up_conditions(expression, plan, why));
        }
        expression->refused = true;
        return error_trace(
                diag_add(expression->diags, DIAG_ERROR, "not-expressible",
                         plan ? plan->name : syscall_label(arch->arch->audit, nr, label, sizeof(label)),
                         "what is asked for on %s cannot be written as rules, not even approximately",
                         arch->arch->name));
}

/* What is written for the other architectures is written for this one, too. */
static int say_of_spill(struct expression *expression, const struct verdict_arch *arch, uint32_t nr) {
        struct plan *plan = plans_find(&expression->plans, arch, nr, false);
        char label[32];

        if (plan && plan->reported)
                return 0;
        if (plan)
                plan->reported = true;
        return error_trace(
                diag_add(expression->diags, DIAG_WARNING, "approximated",
                         plan ? plan->name : syscall_label(arch->arch->audit, nr, label, sizeof(label)),
                         "a rule names a call on all architectures, so %s gets %s than asked for",
                         arch->arch->name, expression->leeway == EXPRESS_WIDER ? "more" : "less"));
}

static int check_fallback(struct expression *expression, const struct verdict_arch *want,
                          const struct verdict_arch *got) {
        if (plans_good_enough(&expression->plans, want->fallback, got->fallback))
                return 0;
        if (within_leeway(expression, want->fallback, got->fallback))
                return error_trace(
                        diag_add(expression->diags, DIAG_WARNING, "approximated", "defaultAction",
                                 "a profile has one default for all architectures, so calls of %s without a "
                                 "rule get %s than asked for",
                                 want->arch->name, expression->leeway == EXPRESS_WIDER ? "more" : "less"));
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
                if (plans_good_enough(&expression->plans, a, b))
                        continue;
                if (within_leeway(expression, a, b) && !plans_find(&expression->plans, want, nr, true)) {
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
        expression->plans.comparing = true;
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
        expression->plans.comparing = false;
        verdicts_deinit(&got);
        return error_trace(r);
}

static int warn_of_libseccomp(const struct expression *expression) {
        int r = 0;

        for (size_t i = 0; !r && i < expression->plans.n; i++)
                if (!expression->plans.items[i].held && !expression->plans.items[i].suits)
                        r = diag_add(expression->diags, DIAG_WARNING, "libseccomp-shape",
                                     expression->plans.items[i].name,
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
                r = plans_write(&expression->plans, &profile);
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
                .verdicts = verdicts, .context = context, .leeway = options->leeway, .diags = diags
        };
        int r = plans_init(&expression.plans, verdicts, context,
                           options->max_alternatives ? options->max_alternatives : EXPRESS_ALTERNATIVES);

        for (size_t i = 0; !r && i < expression.plans.n; i++)
                if (!expression.plans.items[i].held)
                        r = check_limit(&expression, &expression.plans.items[i]);
        if (!r)
                r = express_rounds(&expression, ret);
        plans_deinit(&expression.plans);
        if (r == REGION_E_COMPLEX) {
                r = diag_add(diags, DIAG_ERROR, "too-complex", NULL,
                             "the conditions of these profiles together are too many and too different");
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        return error_trace(r);
}
