/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works on what the profile answers, not on how it is written: every answer that refuses becomes the one
 * that asks, and the result is written anew. So the order of rules, repeated arguments and libseccomp's own
 * precedence cannot make the two differ.
 *
 * Where the runtime takes no asking default, the default is to allow, and every call that is known by name
 * and would be refused gets a rule.
 *
 * What must stay true: no answer of the result refuses; an answer that allows stands where the profile
 * allows, or is listed.
 */

#include "policy/dry_run_profile.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/express.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

#define ACTIONS_MAX 64
#define ROUNDS_MAX  8

struct dry_run {
        const struct profile *profile;
        const struct profile_context *context;
        const struct dry_run_options *options;
        struct diags *diags;
        struct regions *regions;
        struct verdicts verdicts; /* becomes those of the result */
        uint32_t ask;             /* NOTIFY or LOG */
        bool allow_by_default;    /* the profile would ask by default, but the runtime cannot */
        bool write_left;          /* write would have been notified */
        char **always;            /* names that are asked whatever their arguments; owned */
        size_t n_always;
        struct profile *stricter; /* the profile with those refused; NULL while there are none */
};

static bool runs(uint32_t action) {
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
                if (runs(actions[i]))
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

static void leave_write(struct dry_run *run) {
        for (size_t i = 0; i < run->verdicts.n_archs; i++) {
                struct verdict_arch *arch = &run->verdicts.archs[i];
                int nr = syscall_number(arch->arch, "write");
                region_id region;

                if (nr < 0)
                        continue;
                region = verdict_arch_find(arch, (uint32_t)nr);
                if (!asks(run, region))
                        continue;
                run->write_left = true;
                replace(arch, (uint32_t)nr, unasked(run, region));
        }
}

/* From the profile's answers to those of the result. */
static int ask(struct dry_run *run) {
        struct verdicts *verdicts = &run->verdicts;
        bool refuses = !runs(run->profile->default_action);
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
                leave_write(run);
        return error_trace(regions_error(run->regions));
}

/* ---- what is said ---- */

static bool asked_always(const struct dry_run *run, const char *name) {
        for (size_t i = 0; i < run->n_always; i++)
                if (!strcmp(run->always[i], name))
                        return true;
        return false;
}

static int note_always(struct dry_run *run, const char *name) {
        char **grown;

        if (asked_always(run, name))
                return 0;
        grown = reallocarray(run->always, run->n_always + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        run->always = grown;
        grown[run->n_always] = strdup(name);
        if (!grown[run->n_always])
                return error_origin(-ENOMEM);
        run->n_always++;
        return 0;
}

static bool has_conditions(const struct profile *profile, const char *name) {
        for (size_t i = 0; i < profile->n_rules; i++)
                if (profile->rules[i].n_conditions && rule_has_name(&profile->rules[i], name))
                        return true;
        return false;
}

static bool goes_through(const struct dry_run *run, const char *name, const char *shared) {
        for (size_t i = 0; i < run->profile->n_archs; i++) {
                const struct arch *arch = run->profile->archs[i].arch;
                int through, nr = syscall_number(arch, shared);
                uint32_t direct;

                if (nr >= 0 && rule_numbers(arch, name, &direct, &through) && through == nr)
                        return true;
        }
        return false;
}

/* A name to be asked always; of a call behind which others stand, those of them that have conditions. */
static int ask_always(struct dry_run *run, const char *name) {
        bool any = false;
        int r = 0;

        for (size_t i = 0; !r && i < run->profile->n_rules; i++) {
                const struct rule *rule = &run->profile->rules[i];

                for (size_t j = 0; !r && rule->n_conditions && j < rule->n_names; j++)
                        if (goes_through(run, rule->names[j], name)) {
                                any = true;
                                r = note_always(run, rule->names[j]);
                        }
        }
        return error_trace(r ? r : any && !has_conditions(run->profile, name) ? 0 : note_always(run, name));
}

/* The profile in which these names have no rule but one that refuses. */
static int make_stricter(struct dry_run *run) {
        cleanup_profile struct profile *copy = NULL;
        struct diags unheard = DIAGS_INIT;
        int r = profile_copy(run->profile, &copy);

        for (size_t i = 0; !r && i < copy->n_rules; i++) {
                struct rule *rule = &copy->rules[i];
                size_t kept = 0;

                for (size_t j = 0; j < rule->n_names; j++)
                        if (asked_always(run, rule->names[j]))
                                free(rule->names[j]);
                        else
                                rule->names[kept++] = rule->names[j];
                rule->n_names = kept;
        }
        if (!r && runs(copy->default_action)) {
                struct rule *rule;

                r = profile_add_rule(copy, &rule);
                if (!r)
                        rule->action = SECCOMP_RET_KILL_PROCESS;
                for (size_t i = 0; !r && i < run->n_always; i++)
                        r = rule_add_name(rule, run->always[i]);
        }
        run->stricter = profile_free(run->stricter);
        if (!r)
                r = profile_resolve(copy, run->context, &unheard, &run->stricter);
        diags_deinit(&unheard);
        return error_trace(r);
}

static const char *asked_word(const struct dry_run *run) {
        return run->options->log ? "logged" : "notified";
}

/* Findings about writing the rules become sentences about what is asked; errors go on as they are. */
static int carry_over(struct dry_run *run, const struct diags *inner, bool last) {
        int r = 0;

        for (size_t i = 0; !r && i < inner->n; i++) {
                const struct diag *item = &inner->items[i];

                if (item->severity == DIAG_ERROR)
                        r = diag_add(run->diags, DIAG_ERROR, item->id, item->place, "%s", item->text);
                else if (last && item->id && !strcmp(item->id, "approximated"))
                        r = diag_add(run->diags, DIAG_WARNING, "always-notified", item->place,
                                     "%s also where the profile allows it: %.*s", asked_word(run),
                                     (int)strcspn(item->text, ";"), item->text);
        }
        for (size_t i = 0; !r && last && i < run->n_always; i++)
                r = diag_add(run->diags, DIAG_WARNING, "always-notified", run->always[i],
                             "%s also where the profile allows it: the libseccomp of runtimes may get the "
                             "conditions that would tell the two apart wrong",
                             asked_word(run));
        return error_trace(r);
}

static int say_archs(struct dry_run *run, const struct buf *added) {
        if (!added->n)
                return 0;
        return error_trace(
                diag_add(run->diags, DIAG_WARNING, "left-allowed", "architectures",
                         "the profile ends every program of %s; a rule names a call on all architectures, "
                         "so here its "
                         "calls are treated as those of %s, and what is allowed there is allowed unseen",
                         added->data, run->context->arch->name));
}

static int say_left(struct dry_run *run) {
        int r = 0;

        if (run->write_left)
                r = diag_add(run->diags, DIAG_WARNING, "left-allowed", "write",
                             "left allowed, although the profile would refuse it: runc refuses to notify "
                             "write");
        if (!r && run->allow_by_default)
                r = diag_add(run->diags, DIAG_WARNING, "left-allowed", "defaultAction",
                             "runc refuses to notify by default, so the calls to notify are listed by name; "
                             "calls that its libseccomp does not know are left allowed");
        if (!r && !run->options->log && run->options->runtime == DRY_RUN_RUNC && run->profile->flags)
                r = diag_add(run->diags, DIAG_WARNING, "left-out", "flags",
                             "left out: runc refuses flags beside a listener");
        return error_trace(r);
}

/* ---- the profile ---- */

/* The first rule that holds wins in runtimes: those that ask come first. */
static int ask_first(struct profile *profile, uint32_t ask) {
        struct rule *rules = calloc(profile->n_rules + 1, sizeof(*rules));
        size_t n = 0;

        if (!rules)
                return error_origin(-ENOMEM);
        for (int pass = 0; pass < 2; pass++)
                for (size_t i = 0; i < profile->n_rules; i++)
                        if ((profile->rules[i].action == ask) == !pass)
                                rules[n++] = profile->rules[i];
        if (n)
                memcpy(profile->rules, rules, n * sizeof(*rules));
        free(rules);
        return 0;
}

/* Programs of the sibling architectures would be killed if they were not listed. */
static int add_siblings(struct dry_run *run, struct profile *profile) {
        const struct arch *siblings[4];
        size_t n = arch_siblings(run->context->arch, siblings);
        struct buf added = BUF_INIT(4096);
        int r = 0;

        for (size_t i = 0; !r && i < n; i++) {
                if (profile_has_arch(profile, siblings[i]))
                        continue;
                buf_printf(&added, "%s%s", added.n ? " and " : "", siblings[i]->name);
                r = profile_add_arch(profile, siblings[i]);
        }
        if (!r)
                r = say_archs(run, &added);
        buf_deinit(&added);
        return error_trace(r);
}

static int finish(struct dry_run *run, struct profile *profile) {
        struct buf metadata = BUF_INIT(0);
        int r = ask_first(profile, run->ask);

        if (!r)
                r = add_siblings(run, profile);
        if (!r && !run->options->log) {
                r = profile_set_text(&profile->listener_path, run->options->listener);
                if (!r)
                        r = dry_run_metadata(run->profile, run->options->metadata, &metadata);
                if (!r)
                        r = profile_set_text(&profile->listener_metadata, buf_string(&metadata));
        }
        if (run->options->log || run->options->runtime == DRY_RUN_CRUN) {
                profile->flags = run->profile->flags;
                profile->flags_set = run->profile->flags_set;
        }
        buf_deinit(&metadata);
        return error_trace(r);
}

/* Is it about a call that could be asked always instead? */
static bool can_give_way(const struct dry_run *run, const struct diag *item) {
        return item->id && item->place &&
               (!strcmp(item->id, "libseccomp-shape") || !strcmp(item->id, "not-expressible")) &&
               syscall_known(item->place) && !asked_always(run, item->place);
}

/* One attempt; *ret_again when some name has to be asked always. */
static int attempt(struct dry_run *run, bool last, bool *ret_again, struct profile **ret) {
        const struct express_options how = { .leeway = EXPRESS_NARROWER };
        struct diags inner = DIAGS_INIT;
        size_t n_before = run->n_always;
        int r;

        r = run->n_always ? make_stricter(run) : 0;
        if (!r)
                r = verdicts_init(&run->verdicts, run->regions,
                                  run->stricter ? run->stricter : run->profile);
        if (!r)
                r = ask(run);
        if (!r)
                r = express(&run->verdicts, run->context, &how, &inner, ret);
        if (!last && (!r || r == PROFILE_E_INVALID)) {
                int r_always = 0;

                for (size_t i = 0; !r_always && i < inner.n; i++)
                        if (can_give_way(run, &inner.items[i]))
                                r_always = ask_always(run, inner.items[i].place);
                if (r_always || run->n_always > n_before)
                        r = r_always;
        }
        *ret_again = run->n_always > n_before;
        if (*ret_again)
                *ret = profile_free(*ret);
        else if (!r || r == PROFILE_E_INVALID)
                r = carry_over(run, &inner, !r) ?: r;
        verdicts_deinit(&run->verdicts);
        diags_deinit(&inner);
        return error_trace(r);
}

int dry_run_profile(const struct profile *resolved, const struct profile_context *context,
                    const struct dry_run_options *options, struct diags *diags, struct profile **ret) {
        struct dry_run run = {
                .profile = resolved,
                .context = context,
                .options = options,
                .diags = diags,
                .ask = options->log ? SECCOMP_RET_LOG : SECCOMP_RET_USER_NOTIF,
        };
        cleanup_profile struct profile *profile = NULL;
        bool again = true;
        int r = 0;

        for (int round = 0; !r && again && round < ROUNDS_MAX; round++) {
                cleanup_regions struct regions *regions = NULL;

                r = regions_new(&regions);
                run.regions = regions;
                if (!r)
                        r = attempt(&run, round == ROUNDS_MAX - 1, &again, &profile);
        }
        if (r == REGION_E_COMPLEX) {
                r = diag_add(diags, DIAG_ERROR, "too-complex", NULL,
                             "the conditions of this profile are too many and too different");
                r = r ? r : PROFILE_E_INVALID;
        }
        if (!r)
                r = finish(&run, profile);
        if (!r)
                r = say_left(&run);
        for (size_t i = 0; i < run.n_always; i++)
                free(run.always[i]);
        free(run.always);
        profile_free(run.stricter);
        if (r)
                return error_trace(r);
        *ret = profile;
        profile = NULL;
        return 0;
}
