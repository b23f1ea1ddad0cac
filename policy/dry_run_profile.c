/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Works on what the profile answers, not on how it is written: the answers are changed
 * (dry_run_answers.h) and written anew. So the order of rules, repeated arguments and libseccomp's own
 * precedence cannot make the two differ. What cannot be written exactly gives way: the call is asked
 * whatever its arguments.
 *
 * What must stay true: no answer of the result refuses; an answer that allows stands where the profile
 * allows, or is listed.
 */

#include "policy/dry_run_answers.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/express.h"
#include "policy/learn.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 8

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
        if (!r && dry_run_runs(copy->default_action)) {
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

/* runc itself refuses to notify write; of the others it says nothing, and hangs now and then. */
static int say_left(struct dry_run *run) {
        const char *why = run->options->record ? " unseen" : ", although the profile would refuse";
        struct buf others = BUF_INIT(4096);
        int r = 0;

        for (size_t i = 0; !r && i < learn_runtime_calls_n && i < 64; i++) {
                const char *name = learn_runtime_calls[i].name;

                if (!(run->left & UINT64_C(1) << i))
                        continue;
                if (strcmp(name, "write") == 0)
                        r = diag_add(run->diags, DIAG_WARNING, "left-allowed", name,
                                     "left allowed%s%s: runc refuses to notify write", why,
                                     run->options->record ? "" : " it");
                else
                        buf_printf(&others, "%s%s", others.n ? ", " : "", name);
        }
        if (!r && others.n)
                r = diag_add(
                        run->diags, DIAG_WARNING, "left-allowed", "runc",
                        "%s are left allowed%s%s: runc itself may call them before it hands the listener "
                        "over, when nobody answers",
                        buf_string(&others), why, run->options->record ? "" : " them");
        buf_deinit(&others);
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
                        r = dry_run_metadata(run->profile, run->options, &metadata);
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
                r = dry_run_ask(run);
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
