/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles as SeccompProfile resources can hold them: without an errno for the default, with numbers below
 * 2^63, lists that are sets, and at most six conditions in a rule. */

#include "policy/convert_internal.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/write_spo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LISTENER_DIRECTORY "/var/run/security-profiles-operator/"
#define ERRNO_MAX_         4095

static void fit_default_to_spo(struct conversion *conversion) {
        struct profile *to = conversion->to;
        unsigned value = to->default_action & SECCOMP_RET_DATA;

        if (action_has_errno(to->default_action) && value != EPERM) {
                convert_lose(conversion, "lost-default-errno", "defaultErrnoRet",
                             "calls without a rule would fail with %s instead of %s (%u): the resource has "
                             "no errno "
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
                                convert_lose(
                                        conversion, "lost-architecture", "architectures",
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
        convert_lose(conversion, "lost-listener", "listenerPath",
                     "%s: the resource takes sockets in " LISTENER_DIRECTORY
                     " only, and here stands none now",
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
                convert_lose(conversion, "lost-large-value", rule->place,
                             "the rule with %s: the resource holds values below 2^63 only, and the rule is "
                             "left out",
                             condition_text(condition, text, sizeof(text)));
                return false;
        }
        if (rule->n_conditions > PROFILE_ARGS_MAX && !rule_is_split(rule)) {
                convert_lose(conversion, "lost-conditions", rule->place,
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
                convert_lose(
                        conversion, "lost-errno-zero", rule->place,
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

void convert_fit_to_spo(struct conversion *conversion) {
        fit_default_to_spo(conversion);
        fit_archs_to_spo(conversion);
        fit_listener_to_spo(conversion);
        fit_rules_to_spo(conversion);
        if ((conversion->to->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
                convert_lose(conversion, "lost-default-notify", "defaultAction",
                             "the operator refuses SCMP_ACT_NOTIFY there, and so does runc");
        conversion->to->older_api = conversion->options->older_api;
        name_resource(conversion);
}
