/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must stay true: a profile that loses nothing means the same afterwards, and what is lost is named.
 * Where something cannot be said in the other dialect, what is written in its stead is the nearest thing
 * that can.
 */

#include "policy/convert.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/write_oci.h"
#include "policy/write_spo.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LISTENER_DIRECTORY "/var/run/security-profiles-operator/"
#define ERRNO_MAX_         4095

struct conversion {
        const struct convert_options *options;
        const struct profile *from;
        struct profile *to;
        struct diags *losses;
        int r;
};

static void lose(struct conversion *conversion, const char *id, const char *place, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
static void lose(struct conversion *conversion, const char *id, const char *place, const char *format, ...) {
        struct buf text = BUF_INIT(0);
        va_list args;

        va_start(args, format);
        buf_vprintf(&text, format, args);
        va_end(args);
        if (!conversion->r)
                conversion->r =
                        diag_add(conversion->losses, DIAG_WARNING, id, place, "%s", buf_string(&text));
        buf_deinit(&text);
}

/* Parts of the context that a dialect has no words for. */
static unsigned parts_without_words(enum profile_dialect to) {
        switch (to) {
        case DIALECT_DOCKER:
                return 0;
        case DIALECT_CONTAINERS:
                return CONTEXT_KERNEL;
        default:
                return CONTEXT_ARCH | CONTEXT_CAPS | CONTEXT_KERNEL;
        }
}

/* ---- conditions on the context ---- */

static unsigned when_parts(const struct rule_when *when) {
        return (when->n_arches ? CONTEXT_ARCH : 0u) | (when->n_caps ? CONTEXT_CAPS : 0u) |
               (when->kernel_set ? CONTEXT_KERNEL : 0u);
}

static size_t count_rules(const struct profile *profile, unsigned part, const char **ret_place) {
        size_t n = 0;

        *ret_place = NULL;
        for (size_t i = profile->n_rules; i-- > 0;) {
                const struct rule *rule = &profile->rules[i];

                if ((when_parts(&rule->includes) | when_parts(&rule->excludes)) & part) {
                        n++;
                        *ret_place = rule->place;
                }
        }
        return n;
}

int convert_note_context(const struct profile *profile, const struct profile_context *context,
                         unsigned parts, struct diags *losses) {
        static const struct {
                unsigned part;
                const char *id, *depends, *option;
        } rows[] = {
                { CONTEXT_ARCH, "lost-architectures", "the architecture", "--arch" },
                { CONTEXT_CAPS, "lost-capabilities", "capabilities", "--cap (or --cap none)" },
                { CONTEXT_KERNEL, "lost-kernels", "the kernel's version", "--kernel" },
        };
        unsigned needs = profile_context_needs(profile) & parts & ~context->given;
        int r = 0;

        for (size_t i = 0; !r && i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *place;
                size_t n;

                if (!(needs & rows[i].part))
                        continue;
                n = count_rules(profile, rows[i].part, &place);
                if (n)
                        r = diag_add(
                                losses, DIAG_WARNING, rows[i].id, place,
                                "%zu rule%s depend%s on %s, and only what holds on this machine is kept; "
                                "say with %s what it should be",
                                n, n == 1 ? "" : "s", n == 1 ? "s" : "", rows[i].depends, rows[i].option);
                else
                        r = diag_add(losses, DIAG_WARNING, rows[i].id, "archMap",
                                     "only this machine's row of the map is kept; say with --arch which one "
                                     "it should be");
        }
        return error_trace(r);
}

static void forget_parts(struct rule_when *when, unsigned parts) {
        if (parts & CONTEXT_KERNEL)
                when->kernel_set = false;
        if (parts & CONTEXT_CAPS) {
                while (when->n_caps)
                        free(when->caps[--when->n_caps]);
                free(when->caps);
                when->caps = NULL;
        }
        if (parts & CONTEXT_ARCH) {
                while (when->n_arches)
                        free(when->arches[--when->n_arches]);
                free(when->arches);
                when->arches = NULL;
        }
}

static void decide_rules(struct conversion *conversion, unsigned parts) {
        struct profile *to = conversion->to;
        size_t kept = 0;

        for (size_t i = 0; i < to->n_rules; i++) {
                struct rule *rule = &to->rules[i];

                if (!rule_applies_in(rule, conversion->options->context, parts)) {
                        rule_deinit(rule);
                        continue;
                }
                forget_parts(&rule->includes, parts);
                forget_parts(&rule->excludes, parts);
                if (kept != i) {
                        to->rules[kept] = *rule;
                        *rule = (struct rule){ 0 };
                }
                kept++;
        }
        to->n_rules = kept;
}

/* The map's row for the architecture becomes the list; without such a row the list stays empty, which means
 * the native architecture, as for docker. */
static void decide_arch_map(struct conversion *conversion) {
        struct profile *to = conversion->to;
        struct profile_arch_map *chosen = NULL;

        for (size_t i = 0; i < to->n_arch_maps && !chosen; i++)
                if (to->arch_maps[i].arch.arch == conversion->options->context->arch)
                        chosen = &to->arch_maps[i];
        if (chosen) {
                to->archs = calloc(chosen->n_subs + 1, sizeof(*to->archs));
                if (!to->archs) {
                        conversion->r = error_origin(-ENOMEM);
                        return;
                }
                to->archs[to->n_archs++] = chosen->arch;
                chosen->arch = (struct profile_arch){ 0 };
                for (size_t i = 0; i < chosen->n_subs; i++) {
                        to->archs[to->n_archs++] = chosen->subs[i];
                        chosen->subs[i] = (struct profile_arch){ 0 };
                }
        }
        for (size_t i = 0; i < to->n_arch_maps; i++) {
                struct profile_arch_map *map = &to->arch_maps[i];

                free(map->arch.name);
                while (map->n_subs)
                        free(map->subs[--map->n_subs].name);
                free(map->subs);
        }
        free(to->arch_maps);
        to->arch_maps = NULL;
        to->n_arch_maps = 0;
}

static void decide(struct conversion *conversion) {
        unsigned parts = parts_without_words(conversion->options->to);

        conversion->r = convert_note_context(conversion->from, conversion->options->context, parts,
                                             conversion->losses);
        decide_rules(conversion, parts);
        if (!conversion->r && parts & CONTEXT_ARCH)
                decide_arch_map(conversion);
}

/* ---- what single dialects lack ---- */

static void drop_comments(struct conversion *conversion) {
        struct profile *to = conversion->to;
        const char *place = NULL;
        size_t n = 0;

        for (size_t i = 0; i < to->n_rules; i++) {
                struct rule *rule = &to->rules[i];

                if (!rule->comment)
                        continue;
                place = n++ ? place : rule->place;
                free(rule->comment);
                rule->comment = NULL;
        }
        if (n)
                lose(conversion, "lost-comments", place, "%zu comment%s: the dialect has none", n,
                     n == 1 ? "" : "s");
}

/* What only a resource has. */
static void drop_resource(struct conversion *conversion) {
        struct profile *to = conversion->to;

        if (to->base_name)
                lose(conversion, "lost-base-profile", "spec.baseProfileName",
                     "the rules of %s, which the operator adds, are not in this file; merge the two "
                     "profiles "
                     "instead",
                     to->base_name);
        if (to->disabled)
                lose(conversion, "lost-disabled", "spec", "that the profile is disabled");
        free(to->base_name);
        free(to->name);
        to->base_name = to->name = NULL;
        to->disabled = to->older_api = false;
}

static void need_default(struct conversion *conversion) {
        struct profile *to = conversion->to;

        if (to->default_set)
                return;
        lose(conversion, "lost-no-filter", NULL,
             "an empty profile means no filter at all, which the dialect cannot say; written is a filter "
             "that "
             "allows everything");
        to->default_set = true;
        to->default_action = SECCOMP_RET_ALLOW;
}

static void forget_spelling(struct profile *to) {
        for (size_t i = 0; i < to->n_rules; i++)
                to->rules[i].legacy_name = false;
}

static void fit_default_to_spo(struct conversion *conversion) {
        struct profile *to = conversion->to;
        unsigned value = to->default_action & SECCOMP_RET_DATA;

        if (action_has_errno(to->default_action) && value != EPERM) {
                lose(conversion, "lost-default-errno", "defaultErrnoRet",
                     "calls without a rule would fail with %s instead of %s (%u): the resource has no errno "
                     "for the default",
                     strerrorname_np(EPERM), strerrorname_np((int)value) ?: "an errno", value);
                to->default_action = (to->default_action & SECCOMP_RET_ACTION_FULL) | EPERM;
        }
        to->default_errno_set = false;
}

static bool spo_lacks(const char *arch) {
        static const char *const lacking[] = { "SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_SH",
                                               "SCMP_ARCH_SHEB" };

        for (size_t i = 0; i < sizeof(lacking) / sizeof(lacking[0]); i++)
                if (!strcmp(arch, lacking[i]))
                        return true;
        return false;
}

/* The list is a set there. However long it was, few names are different. */
static void fit_archs_to_spo(struct conversion *conversion) {
        struct profile *to = conversion->to;
        size_t n = to->n_archs;

        to->n_archs = 0;
        for (size_t i = 0; i < n; i++) {
                struct profile_arch arch = to->archs[i];
                bool twice = false;

                for (size_t j = 0; j < to->n_archs; j++)
                        twice |= !strcmp(arch.name, to->archs[j].name);
                if (twice || spo_lacks(arch.name)) {
                        if (!twice)
                                lose(conversion, "lost-architecture", "architectures",
                                     "%s, which the resource does not have: its programs would be killed",
                                     arch.name);
                        free(arch.name);
                        continue;
                }
                to->archs[to->n_archs++] = arch;
        }
}

/* The resource's path for listeners is one directory. */
static bool listener_fits_spo(const char *path) {
        const char *name = path + strlen(LISTENER_DIRECTORY);

        return strlen(path) <= 107 && !strncmp(path, LISTENER_DIRECTORY, strlen(LISTENER_DIRECTORY)) &&
               *name &&
               strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") ==
                       strlen(name);
}

static void fit_listener_to_spo(struct conversion *conversion) {
        struct profile *to = conversion->to;

        if (!to->listener_path || listener_fits_spo(to->listener_path))
                return;
        lose(conversion, "lost-listener", "listenerPath",
             "%s: the resource takes sockets in " LISTENER_DIRECTORY " only, and here stands none now",
             to->listener_path);
        free(to->listener_path);
        to->listener_path = NULL;
}

/* False when the rule has to go. */
static bool fit_conditions_to_spo(struct conversion *conversion, const struct rule *rule) {
        for (size_t i = 0; i < rule->n_conditions; i++) {
                const struct condition *condition = &rule->conditions[i];
                char text[96];

                if (condition->value <= INT64_MAX && condition->value_two <= INT64_MAX)
                        continue;
                lose(conversion, "lost-large-value", rule->place,
                     "the rule with %s: the resource holds values below 2^63 only, and the rule is left out",
                     condition_text(condition, text, sizeof(text)));
                return false;
        }
        if (rule->n_conditions > PROFILE_ARGS_MAX && !rule_is_split(rule)) {
                lose(conversion, "lost-conditions", rule->place,
                     "the rule with %zu conditions: the resource takes 6, and the rule is left out",
                     rule->n_conditions);
                return false;
        }
        return true;
}

static void fit_errno_to_spo(struct conversion *conversion, struct rule *rule) {
        unsigned value = rule->action & SECCOMP_RET_DATA;

        if (!action_has_errno(rule->action))
                return;
        if (value == 0) {
                lose(conversion, "lost-errno-zero", rule->place,
                     "errnoRet 0: the resource takes it for absent, and the calls would fail with EPERM");
                value = EPERM;
                rule->errno_set = false;
        }
        if (value > ERRNO_MAX_)
                value = ERRNO_MAX_; /* what the kernel makes of it */
        rule->action = (rule->action & SECCOMP_RET_ACTION_FULL) | value;
}

struct place_of_name {
        char *name;
        size_t at;
};

static int compare_names(const void *left, const void *right) {
        const struct place_of_name *a = left, *b = right;
        int r = strcmp(a->name, b->name);

        return r ? r : a->at < b->at ? -1 : a->at > b->at;
}

/* The resource's lists are sets: the first of equal names stays. */
static void drop_repeated_names(struct conversion *conversion, struct rule *rule) {
        struct place_of_name *places = calloc(rule->n_names + 1, sizeof(*places));
        size_t kept = 0;

        if (!places) {
                conversion->r = conversion->r ?: error_origin(-ENOMEM);
                return;
        }
        for (size_t i = 0; i < rule->n_names; i++)
                places[i] = (struct place_of_name){ rule->names[i], i };
        qsort(places, rule->n_names, sizeof(*places), compare_names);
        for (size_t i = 1; i < rule->n_names; i++)
                if (!strcmp(places[i].name, places[i - 1].name))
                        rule->names[places[i].at] = NULL;
        for (size_t i = 1; i < rule->n_names; i++)
                if (!rule->names[places[i].at])
                        free(places[i].name);
        for (size_t i = 0; i < rule->n_names; i++)
                if (rule->names[i])
                        rule->names[kept++] = rule->names[i];
        rule->n_names = kept;
        free(places);
}

/* A rule with a repeated argument is one rule per condition for runc; written as such when there are more
 * than the resource takes. */
static void take_split(struct conversion *conversion, struct profile *to, const struct rule *rule) {
        for (size_t i = 0; i < rule->n_conditions && !conversion->r; i++) {
                struct rule one = { 0 };

                conversion->r = rule_copy(rule, &one);
                if (!conversion->r) {
                        one.conditions[0] = rule->conditions[i];
                        one.n_conditions = 1;
                        conversion->r = profile_take_rule(to, &one);
                }
                rule_deinit(&one);
        }
}

static void fit_rules_to_spo(struct conversion *conversion) {
        struct profile *to = conversion->to;
        struct rule *rules = to->rules;
        size_t n = to->n_rules;

        to->rules = NULL;
        to->n_rules = to->size_rules = 0;
        for (size_t i = 0; i < n; i++) {
                struct rule *rule = &rules[i];

                drop_repeated_names(conversion, rule);
                if (!conversion->r && rule->n_names && fit_conditions_to_spo(conversion, rule)) {
                        fit_errno_to_spo(conversion, rule);
                        if (rule->n_conditions > PROFILE_ARGS_MAX)
                                take_split(conversion, to, rule);
                        else if (!conversion->r)
                                conversion->r = profile_take_rule(to, rule);
                }
                rule_deinit(rule);
        }
        free(rules);
}

static void name_resource(struct conversion *conversion) {
        const struct convert_options *options = conversion->options;
        const struct profile *from = conversion->from;
        struct buf name = BUF_INIT(4096);
        const char *base;
        size_t n;

        if (options->name) {
                buf_puts(&name, options->name);
        } else if (from->name && spo_name_is_valid(from->name)) {
                buf_puts(&name, from->name);
        } else {
                base = from->file && *from->file ? from->file : "profile";
                base = strrchr(base, '/') ? strrchr(base, '/') + 1 : base;
                n = strcspn(base, ".");
                buf_put(&name, base, n ? n : strlen(base));
                base = strdup(buf_string(&name));
                buf_reset(&name);
                if (base)
                        spo_name_from(base, &name);
                free((char *)base);
        }
        conversion->r = conversion->r ?: profile_set_text(&conversion->to->name, buf_string(&name));
        buf_deinit(&name);
}

static void fit_to_spo(struct conversion *conversion) {
        fit_default_to_spo(conversion);
        fit_archs_to_spo(conversion);
        fit_listener_to_spo(conversion);
        fit_rules_to_spo(conversion);
        if ((conversion->to->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
                lose(conversion, "lost-default-notify", "defaultAction",
                     "the operator refuses SCMP_ACT_NOTIFY there, and so does runc");
        conversion->to->older_api = conversion->options->older_api;
        name_resource(conversion);
}

int profile_convert(const struct profile *profile, const struct convert_options *options,
                    struct diags *losses, struct profile **ret) {
        cleanup_profile struct profile *to = NULL;
        struct conversion conversion = { .options = options, .from = profile, .losses = losses };
        enum profile_dialect dialect = options->to;
        int r = profile_copy(profile, &to);

        if (r)
                return error_trace(r);
        conversion.to = to;
        to->dialect = dialect;
        free(to->inside);
        free(to->container);
        to->inside = to->container = NULL;
        decide(&conversion);
        if (dialect != DIALECT_DOCKER && dialect != DIALECT_CONTAINERS) {
                drop_comments(&conversion);
                need_default(&conversion);
                forget_spelling(to);
        }
        if (dialect == DIALECT_SPO)
                fit_to_spo(&conversion);
        else
                drop_resource(&conversion);
        if (conversion.r)
                return error_trace(conversion.r);
        *ret = to;
        to = NULL;
        return 0;
}

int profile_write(const struct profile *profile, bool json, struct buf *to) {
        if (profile->dialect != DIALECT_SPO)
                return profile_write_oci(profile, to);
        return json ? profile_write_spo_json(profile, to) : profile_write_spo_yaml(profile, to);
}
