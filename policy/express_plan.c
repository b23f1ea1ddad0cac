/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plans: for each name what the architectures want, and conditions that give it to all of them.
 *
 * Names behind socketcall and ipc bring their share of those two calls along, so plans for the two
 * themselves are held back until it shows that their share is not all.
 */

#include "policy/express_plan.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

#define NODES_ENOUGH 100000 /* worth a cleaning */

static const char *const shared[] = { "ipc", "socketcall" };
#define N_SHARED (sizeof(shared) / sizeof(shared[0]))

bool plan_is_shared(const struct plan *plan) {
        for (size_t i = 0; i < N_SHARED; i++)
                if (!strcmp(plan->name, shared[i]))
                        return true;
        return false;
}

static void plan_deinit(struct plan *plan) {
        verdict_parts_deinit(&plan->parts);
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
static bool is_alias(const struct verdicts *verdicts, const struct plan *plan) {
        for (size_t i = 0; i < plan->n_targets; i++) {
                const char *usual = syscall_name(plan->targets[i].arch->arch, plan->targets[i].nr);

                if (!usual || !strcmp(usual, plan->name) || !name_is_known(verdicts, usual))
                        return false;
        }
        return plan->n_targets;
}

static int plan_init(struct plan *plan, const struct plans *plans, const char *name, region_id region) {
        const struct verdicts *verdicts = plans->verdicts;
        bool native = false;

        *plan = (struct plan){ .name = name, .region = region, .bits = 64 };
        plan->targets = calloc(verdicts->n_archs, sizeof(*plan->targets));
        if (!plan->targets)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < verdicts->n_archs; i++) {
                struct target target = { .arch = &verdicts->archs[i] };
                const struct arch *arch = target.arch->arch;
                int through;

                if (!rule_numbers(arch, name, &target.nr, &through))
                        continue;
                target.bits = profile_arch_bits(arch);
                target.region = verdict_arch_find(target.arch, target.nr);
                /* The widest architecture says what is written, this machine's before others. */
                if (!plan->n_targets || target.bits > plan->bits ||
                    (target.bits == plan->bits && !native && arch == plans->context->arch)) {
                        plan->region = target.region;
                        plan->bits = target.bits;
                        native = arch == plans->context->arch;
                }
                plan->targets[plan->n_targets++] = target;
        }
        plan->held = is_alias(verdicts, plan) || plan_is_shared(plan);
        return 0;
}

/* One for each name, and for the calls behind which others stand, named or not. */
static int take_names(struct plans *plans) {
        const struct verdicts *verdicts = plans->verdicts;
        int r = 0;

        for (size_t i = 0; !r && i < verdicts->n_names; i++)
                r = plan_init(&plans->items[plans->n++], plans, verdicts->names[i].name,
                              verdicts->names[i].region);
        for (size_t i = 0; !r && i < N_SHARED; i++)
                if (!name_is_known(verdicts, shared[i]))
                        r = plan_init(&plans->items[plans->n++], plans, shared[i], verdicts->fallback);
        return error_trace(r);
}

/* ---- parts ---- */

static bool as_loose(const struct verdicts *verdicts, region_id a, region_id b) {
        return region_combine(verdicts->regions, REGION_LOOSER, a, b) == REGION_NOTHING &&
               region_combine(verdicts->regions, REGION_LOOSER, b, a) == REGION_NOTHING;
}

bool plans_good_enough(const struct plans *plans, region_id want, region_id got) {
        return want == got || (plans->verdicts->archs_differed && as_loose(plans->verdicts, want, got));
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

static int parts_suit(const struct verdict_parts *parts, unsigned bits, bool *ret) {
        struct alternative *alternatives = calloc(parts->n_alternatives + 1, sizeof(*alternatives));
        size_t n = 0;

        if (!alternatives)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < parts->n; i++)
                for (size_t j = 0; j < parts->items[i].cover.n; j++)
                        alternatives[n++] = narrowed(&parts->items[i].cover.boxes[j], bits);
        *ret = alternatives_suit_libseccomp(alternatives, n, parts->n > 1);
        free(alternatives);
        return 0;
}

/* The parts in one style; 0, REGION_E_COMPLEX or -ENOMEM. */
static int plan_style(const struct plans *plans, struct plan *plan, enum cover_style style) {
        struct verdicts *verdicts = plans->verdicts;
        uint32_t fallback = SECCOMP_RET_KILL_PROCESS;
        int r;

        region_is_value(verdicts->regions, verdicts->fallback, &fallback);
        r = verdict_parts_init(&plan->parts, verdicts->regions, plan->region, fallback, style, plan->bits);
        if (r)
                return error_trace(r);
        plan->exact = true;
        for (size_t i = 0; i < plan->n_targets; i++)
                plan->exact &= plans_good_enough(
                        plans, plan->targets[i].region,
                        verdict_parts_region(&plan->parts, verdicts->regions, plan->targets[i].bits));
        return error_trace(parts_suit(&plan->parts, plan->bits, &plan->suits));
}

/* 0 … 7, more is better: right everywhere, then within the limit, then right in today's runtimes. */
static unsigned quality(const struct plan *plan, size_t max) {
        return (plan->exact ? 4u : 0u) | (plan->parts.n_alternatives <= max ? 2u : 0u) |
               (plan->suits ? 1u : 0u);
}

/* Covers leave nodes behind that nobody needs. */
static int tidy(struct plans *plans) {
        region_id **roots;
        size_t n = 0;
        int r;

        if (plans->comparing || regions_count(plans->verdicts->regions) < NODES_ENOUGH)
                return 0;
        for (size_t i = 0; i < plans->n; i++)
                n += 1 + plans->items[i].n_targets;
        roots = calloc(n + 1, sizeof(*roots));
        if (!roots)
                return error_origin(-ENOMEM);
        n = 0;
        for (size_t i = 0; i < plans->n; i++) {
                struct plan *plan = &plans->items[i];

                roots[n++] = &plan->region;
                for (size_t j = 0; j < plan->n_targets; j++)
                        roots[n++] = &plan->targets[j].region;
        }
        r = verdicts_compact(plans->verdicts, roots, n);
        free(roots);
        return error_trace(r);
}

static bool is_better(const struct plan *a, const struct plan *b, size_t max) {
        if (quality(a, max) != quality(b, max))
                return quality(a, max) > quality(b, max);
        return a->parts.n_alternatives < b->parts.n_alternatives;
}

/* Nothing is gained by looking for another style: it is right everywhere, short, and lists plain values. */
static bool is_good(const struct plan *plan, size_t max) {
        for (size_t i = 0; i < plan->parts.n; i++)
                for (size_t j = 0; j < plan->parts.items[i].cover.n; j++)
                        for (size_t k = 0; k < plan->parts.items[i].cover.boxes[j].n; k++)
                                if (plan->parts.items[i].cover.boxes[j].conditions[k].op != CONDITION_EQ)
                                        return false;
        return quality(plan, max) == 7;
}

int plan_parts(struct plans *plans, struct plan *plan) {
        size_t max = plans->max_alternatives;
        bool found = false;

        verdict_parts_deinit(&plan->parts);
        for (int style = 0; style < COVER_N_STYLES && !(found && is_good(plan, max)); style++) {
                struct plan other;
                int r = tidy(plans);

                if (r)
                        return error_trace(r);
                if (style == COVER_POINTS && found && plan->parts.n_alternatives <= max)
                        break;
                other = *plan;
                if (found)
                        other.parts = (struct verdict_parts){ 0 };
                r = plan_style(plans, &other, (enum cover_style)style);
                if (r == REGION_E_COMPLEX && !regions_error(plans->verdicts->regions))
                        continue;
                if (r)
                        return error_trace(r);
                if (!found || is_better(&other, plan, max)) {
                        if (found)
                                verdict_parts_deinit(&plan->parts);
                        *plan = other;
                        found = true;
                } else {
                        verdict_parts_deinit(&other.parts);
                }
        }
        if (!found)
                plan->parts.n_alternatives = SIZE_MAX;
        return 0;
}

int plans_init(struct plans *plans, struct verdicts *verdicts, const struct profile_context *context,
               size_t max_alternatives) {
        int r;

        *plans = (struct plans){
                .verdicts = verdicts,
                .context = context,
                .max_alternatives = max_alternatives,
                .items = calloc(verdicts->n_names + N_SHARED, sizeof(*plans->items)),
        };
        if (!plans->items)
                return error_origin(-ENOMEM);
        r = take_names(plans);
        for (size_t i = 0; !r && i < plans->n; i++)
                if (!plans->items[i].held)
                        r = plan_parts(plans, &plans->items[i]);
        if (r)
                plans_deinit(plans);
        return error_trace(r);
}

void plans_deinit(struct plans *plans) {
        for (size_t i = 0; i < plans->n; i++)
                plan_deinit(&plans->items[i]);
        free(plans->items);
        *plans = (struct plans){ 0 };
}

struct plan *plans_find(const struct plans *plans, const struct verdict_arch *arch, uint32_t nr, bool held) {
        for (size_t i = 0; i < plans->n; i++) {
                struct plan *plan = &plans->items[i];

                for (size_t j = 0; plan->held == held && j < plan->n_targets; j++)
                        if (plan->targets[j].arch == arch && plan->targets[j].nr == nr)
                                return plan;
        }
        return NULL;
}
