/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every answer that refuses becomes the one that asks. Where the runtime takes no asking default, the
 * default is to allow, and every call that is known by name and would be refused gets an answer of its own.
 */

#include "policy/dry_run_answers.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/learn.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

#define ACTIONS_MAX 64

bool dry_run_runs(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

/* One call's answers with the refusals asked instead. */
static region_id asked(struct dry_run *run, region_id region) {
        struct regions *regions = run->regions;
        region_id result = region_value(regions, run->ask);
        uint32_t actions[ACTIONS_MAX];
        size_t n = region_values(regions, region, actions, ACTIONS_MAX);

        for (size_t i = 0; i < n && i < ACTIONS_MAX; i++)
                if (dry_run_runs(actions[i]))
                        result = region_choose(regions,
                                               region_combine(regions, REGION_IS, region,
                                                              region_value(regions, actions[i])),
                                               region_value(regions, actions[i]), result);
        return result;
}

static bool asks(const struct dry_run *run, region_id region) {
        uint32_t actions[ACTIONS_MAX];
        size_t n = region_values(run->regions, region, actions, ACTIONS_MAX);

        for (size_t i = 0; i < n && i < ACTIONS_MAX; i++)
                if (actions[i] == run->ask)
                        return true;
        return false;
}

/* The answers with "ask" turned into "allow", for a call that the runtime refuses to notify. */
static region_id unasked(struct dry_run *run, region_id region) {
        return region_choose(
                run->regions,
                region_combine(run->regions, REGION_IS, region, region_value(run->regions, run->ask)),
                region_value(run->regions, SECCOMP_RET_ALLOW), region);
}

/* ---- names ---- */

static int compare_texts(const void *left, const void *right) {
        return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* Every name of every architecture, sorted and once each. */
static int all_names(const struct verdicts *verdicts, const char ***ret, size_t *ret_n) {
        const char **names = NULL;
        size_t n = 0, size = 0, kept = 0;

        for (size_t i = 0; i < verdicts->n_archs; i++) {
                uint32_t cursor = 0, nr;
                const char *name;

                while ((name = syscall_next(verdicts->archs[i].arch, &cursor, &nr))) {
                        if (n == size) {
                                const char **grown =
                                        reallocarray(names, size ? size * 2 : 1024, sizeof(*names));

                                if (!grown) {
                                        free(names);
                                        return error_origin(-ENOMEM);
                                }
                                names = grown;
                                size = size ? size * 2 : 1024;
                        }
                        names[n++] = name;
                }
        }
        if (n)
                qsort(names, n, sizeof(*names), compare_texts);
        for (size_t i = 0; i < n; i++)
                if (!kept || strcmp(names[i], names[kept - 1]))
                        names[kept++] = names[i];
        *ret = names;
        *ret_n = kept;
        return 0;
}

static int compare_names(const void *left, const void *right) {
        const struct verdict_name *a = left, *b = right;

        return strcmp(a->name, b->name);
}

static struct verdict_name *find_name(struct verdicts *verdicts, size_t n, const char *name) {
        return bsearch(&(struct verdict_name){ .name = (char *)name }, verdicts->names, n,
                       sizeof(*verdicts->names), compare_names);
}

/* Names of the result: those the profile has, and all others that there are. */
static int add_names(struct dry_run *run, const char *const *names, size_t n) {
        struct verdicts *verdicts = &run->verdicts;
        size_t n_before = verdicts->n_names;
        struct verdict_name *grown =
                reallocarray(verdicts->names, n_before + n + 1, sizeof(*verdicts->names));

        if (!grown)
                return error_origin(-ENOMEM);
        verdicts->names = grown;
        for (size_t i = 0; i < n; i++) {
                struct verdict_name *name = &verdicts->names[verdicts->n_names];

                if (find_name(verdicts, n_before, names[i]))
                        continue;
                *name = (struct verdict_name){ strdup(names[i]), verdicts->fallback };
                if (!name->name)
                        return error_origin(-ENOMEM);
                verdicts->n_names++;
        }
        qsort(verdicts->names, verdicts->n_names, sizeof(*verdicts->names), compare_names);
        return 0;
}

/* ---- calls ---- */

static int compare_calls(const void *left, const void *right) {
        const struct verdict_call *a = left, *b = right;

        return a->nr < b->nr ? -1 : a->nr > b->nr;
}

/* The calls of one architecture, asked, under the new default. The old ones are still as in the profile. */
static int ask_arch(struct dry_run *run, struct verdict_arch *arch, const char *const *names, size_t n,
                    region_id fallback) {
        struct verdict_arch result = { .arch = arch->arch, .fallback = fallback };
        size_t n_all = 0, kept = 0;

        result.size = arch->n + n;
        result.calls = calloc(result.size + 1, sizeof(*result.calls));
        if (!result.calls)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < arch->n; i++)
                result.calls[n_all++] = arch->calls[i];
        for (size_t i = 0; i < n; i++) {
                uint32_t nr;
                int through;

                if (rule_numbers(arch->arch, names[i], &nr, &through))
                        result.calls[n_all++] = (struct verdict_call){ nr, verdict_arch_find(arch, nr) };
        }
        qsort(result.calls, n_all, sizeof(*result.calls), compare_calls);
        for (size_t i = 0; i < n_all; i++) {
                struct verdict_call call = result.calls[i];

                if (kept && result.calls[kept - 1].nr == call.nr)
                        continue;
                call.region = asked(run, call.region);
                if (call.region != fallback)
                        result.calls[kept++] = call;
        }
        result.n = kept;
        free(arch->calls);
        *arch = result;
        return 0;
}

static void replace(struct verdict_arch *arch, uint32_t nr, region_id region) {
        for (size_t i = 0; i < arch->n; i++)
                if (arch->calls[i].nr == nr)
                        arch->calls[i].region = region;
}

/* Was any of it asked? */
static bool leave(struct dry_run *run, const char *name) {
        bool was = false;

        for (size_t i = 0; i < run->verdicts.n_archs; i++) {
                struct verdict_arch *arch = &run->verdicts.archs[i];
                int nr = syscall_number(arch->arch, name);
                region_id region;

                if (nr < 0)
                        continue;
                region = verdict_arch_find(arch, (uint32_t)nr);
                if (!asks(run, region))
                        continue;
                was = true;
                replace(arch, (uint32_t)nr, unasked(run, region));
        }
        return was;
}

/* What runc calls before it has handed the listener over: asking would be waiting for ever. */
static void leave_runc(struct dry_run *run) {
        for (size_t i = 0; i < learn_runtime_calls_n && i < 64; i++)
                if (learn_runtime_calls[i].any_time && leave(run, learn_runtime_calls[i].name))
                        run->left |= UINT64_C(1) << i;
}

/* From the profile's answers to those of the result. */
int dry_run_ask(struct dry_run *run) {
        struct verdicts *verdicts = &run->verdicts;
        bool refuses = !dry_run_runs(run->profile->default_action);
        region_id fallback;
        const char **names = NULL;
        size_t n = 0;
        int r;

        run->allow_by_default = refuses && !run->options->log && run->options->runtime == DRY_RUN_RUNC;
        fallback = region_value(run->regions, run->allow_by_default ? SECCOMP_RET_ALLOW
                                              : refuses             ? run->ask
                                                                    : run->profile->default_action);
        for (size_t i = 0; i < verdicts->n_names; i++)
                verdicts->names[i].region = asked(run, verdicts->names[i].region);
        verdicts->fallback = fallback;
        r = all_names(verdicts, &names, &n);
        if (!r && run->allow_by_default)
                r = add_names(run, names, n);
        for (size_t i = 0; !r && i < verdicts->n_archs; i++)
                r = ask_arch(run, &verdicts->archs[i], names, n, fallback);
        free(names);
        if (r)
                return error_trace(r);
        if (!run->options->log && run->options->runtime == DRY_RUN_RUNC)
                leave_runc(run);
        return error_trace(regions_error(run->regions));
}
