/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is to be done with a session: the first rule that fits, then, where it leaves something open, what
 * the runtime sent.
 *
 * What must stay true: metadata, which is the word of whoever made the container, chooses among dry-run,
 * record and the profiles in the folders, never a policy and, unless the rule trusts it, never enforcing.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "supervisor/service/config.h"
#include "supervisor/service/config_metadata.h"
#include "supervisor/service/config_policy.h"
#include "supervisor/service/config_profile.h"

#include "policy/capability.h"

void assignment_deinit(struct assignment *assignment) {
        free(assignment->profile);
        filter_deinit(&assignment->filter);
        free(assignment->policy);
        free(assignment->policy_path);
        *assignment = (struct assignment){ 0 };
}

static const struct config_rule *find_rule(const struct config *config, const struct labels *labels,
                                           uint32_t uid, const struct labels *metadata) {
        for (size_t i = 0; i < config->n_rules; i++) {
                const struct config_rule *rule = &config->rules[i];

                if ((!rule->has_uid || rule->uid == uid) && labels_match(labels, &rule->match) &&
                    labels_match(metadata, &rule->metadata))
                        return rule;
        }
        return NULL;
}

/* The first problem is what people look for. */
__attribute__((format(printf, 2, 3))) static void say(struct assignment *assignment, const char *format,
                                                      ...) {
        va_list args;

        if (assignment->problem[0])
                return;
        va_start(args, format);
        vsnprintf(assignment->problem, sizeof(assignment->problem), format, args);
        va_end(args);
}

/* 0: metadata chooses none. */
static enum wire_mode mode_of_metadata(const struct labels *metadata, bool trusted,
                                       struct assignment *assignment) {
        const char *mode = labels_get(metadata, "mode");
        struct buf text = BUF_INIT(256);

        if (!mode)
                return 0;
        if (strcmp(mode, "dry-run") == 0)
                return WIRE_MODE_DRY_RUN;
        if (strcmp(mode, "record") == 0)
                return WIRE_MODE_RECORD;
        if (strcmp(mode, "enforce") == 0 && trusted)
                return WIRE_MODE_ENFORCE;
        if (strcmp(mode, "enforce") == 0) {
                say(assignment,
                    "the metadata asks for \"enforce\", which no rule lets it choose (trust: metadata)");
                return WIRE_MODE_DRY_RUN;
        }
        buf_escape(&text, mode, strnlen(mode, 40));
        say(assignment, "the metadata asks for the mode \"%s\"; it may be dry-run or record",
            buf_string(&text));
        buf_deinit(&text);
        return 0;
}

/* Without the profile there is nothing to compare with, or to refuse by. */
static int take_profile(const struct config *config, const struct config_profile_query *query,
                        struct assignment *ret) {
        char problem[CONFIG_PROBLEM_MAX];
        int r = config_profile_find(config, query, &ret->filter, problem, sizeof(problem));

        if (r < 0)
                return error_trace(r);
        if (problem[0])
                say(ret, "%s", problem);
        if (r > 0)
                return r;
        ret->profile = strdup(query->name);
        return ret->profile ? 0 : error_origin(-ENOMEM);
}

static int take_policy(const struct config_rule *rule, struct assignment *ret) {
        ret->mode = WIRE_MODE_POLICY;
        ret->policy = strdup(rule->policy_text);
        ret->policy_path = strdup(rule->policy);
        if (!ret->policy || !ret->policy_path)
                return error_origin(-ENOMEM);
        return error_trace(filter_copy(&rule->base, &ret->filter));
}

static int assign(const struct config *config, const struct config_rule *rule, const struct labels *metadata,
                  struct assignment *ret) {
        const char *name = rule && rule->profile ? rule->profile : labels_get(metadata, "profile");
        const struct config_profile_query query = {
                .name = name,
                .trusted = rule && rule->profile,
                .caps = rule ? rule->caps : CAPABILITY_CONTAINERS,
                .digest = rule && rule->profile ? NULL : labels_get(metadata, "digest"),
        };
        int r;

        if (rule && rule->policy)
                return error_trace(take_policy(rule, ret));
        ret->mode = rule && rule->mode ? rule->mode
                                       : mode_of_metadata(metadata, rule && rule->trust_metadata, ret);
        if (!ret->mode)
                ret->mode = config->mode ? config->mode : name ? WIRE_MODE_DRY_RUN : WIRE_MODE_RECORD;
        if (ret->mode == WIRE_MODE_RECORD)
                return 0;
        if (!name)
                say(ret, "neither a rule nor the metadata names a profile; what is notified is recorded");
        r = name ? take_profile(config, &query, ret) : CONFIG_E_INVALID;
        /* What is there to refuse must not let through instead; who only looks must not stop a container. */
        if (r > 0) {
                ret->refused = ret->mode == WIRE_MODE_ENFORCE;
                ret->mode = ret->refused ? 0 : WIRE_MODE_RECORD;
        }
        return r < 0 ? error_trace(r) : 0;
}

int config_assign(const struct config *config, const struct labels *labels, uint32_t uid,
                  const char *metadata, struct assignment *ret) {
        struct labels fields = LABELS_INIT;
        const struct config_rule *rule;
        int r = config_metadata_read(metadata, &fields);

        *ret = (struct assignment){ 0 };
        if (!r) {
                rule = find_rule(config, labels, uid, &fields);
                ret->rule = rule ? rule->name : NULL;
                ret->refused = rule && rule->refuse;
                ret->all = rule && rule->all;
                ret->include_runtime = rule && rule->include_runtime;
                if (!ret->refused)
                        r = assign(config, rule, &fields, ret);
        }
        labels_deinit(&fields);
        if (r)
                assignment_deinit(ret);
        return error_trace(r);
}

bool config_refuses(const struct config *config, const struct labels *labels, uint32_t uid) {
        const struct labels none = LABELS_INIT;
        const struct config_rule *rule = find_rule(config, labels, uid, &none);

        return rule && rule->refuse;
}

static int choose_policy(const char *path, struct diags *diags, struct assignment *ret) {
        int r = config_policy_read(path, diags, &ret->policy, &ret->filter);

        if (r)
                return error_trace(r);
        ret->policy_path = strdup(path);
        return ret->policy_path ? 0 : error_origin(-ENOMEM);
}

static int choose_profile(const struct config *config, const char *name, struct diags *diags,
                          struct assignment *ret) {
        const struct config_profile_query query = { .name = name,
                                                    .trusted = true,
                                                    .caps = CAPABILITY_CONTAINERS };
        int r = take_profile(config, &query, ret);

        if (r <= 0)
                return error_trace(r);
        r = diag_add(diags, DIAG_ERROR, NULL, NULL, "%s", ret->problem);
        return r ? error_trace(r) : CONFIG_E_INVALID;
}

/* Why the parts do not go together; NULL: they do. */
static const char *complaint(enum wire_mode mode, const char *profile, const char *policy) {
        bool asks_profile = mode == WIRE_MODE_DRY_RUN || mode == WIRE_MODE_ENFORCE;

        if (mode == WIRE_MODE_POLICY ? !policy : policy != NULL)
                return "the mode policy takes a policy, and no other mode does";
        if (policy && *policy != '/')
                return "the path of the policy is not absolute";
        if (asks_profile && !profile)
                return "dry-run and enforce take a profile";
        if (!asks_profile && profile)
                return "only dry-run and enforce take a profile";
        return NULL;
}

int config_choose(const struct config *config, enum wire_mode mode, const char *profile, const char *policy,
                  struct diags *diags, struct assignment *ret) {
        const char *text = complaint(mode, profile, policy);
        int r;

        *ret = (struct assignment){ .mode = mode };
        if (text) {
                r = diag_add(diags, DIAG_ERROR, NULL, NULL, "%s", text);
                return r ? error_trace(r) : CONFIG_E_INVALID;
        }
        if (policy)
                r = choose_policy(policy, diags, ret);
        else
                r = profile ? choose_profile(config, profile, diags, ret) : 0;
        if (r)
                assignment_deinit(ret);
        return error_trace(r);
}
