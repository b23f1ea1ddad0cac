/* SPDX-License-Identifier: Apache-2.0 */

/* `sessions`: rules that say what is to be done with a session, the first that fits. Policies are read here
 * and now, since whoever wrote the rule is here to mend them; profiles may also come later. */

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/capability.h"
#include "supervisor/service/config_metadata.h"
#include "supervisor/service/config_policy.h"
#include "supervisor/service/config_profile.h"
#include "supervisor/service/config_read.h"

#define RULES_MAX 4096

/* Labels that we give; launchers may give others. */
static const char *const known_labels[] = {
        "pod",  "namespace", "container", "image",   "container-id", "container-type", "pod-uid",    "node",
        "unit", "manager",   "status",    "runtime", "bundle",       "command",        "sandbox-id",
};

static void warn_unknown_label(struct config_reader *reader, const char *name) {
        const size_t n = sizeof(known_labels) / sizeof(known_labels[0]);
        const char *nearest = diag_nearest(name, known_labels, n);
        char shown[READER_SHOWN], hint[READER_HINT];

        for (size_t i = 0; i < n; i++)
                if (strcmp(known_labels[i], name) == 0)
                        return;
        if (nearest)
                config_warn(reader, "unknown-label", "no session gets a label %s by itself%s",
                            reader_quote(name, shown, sizeof(shown)),
                            reader_hint(hint, sizeof(hint), nearest));
}

/* A label's pattern: texts, and numbers as they are written. */
static void read_pattern(struct config_reader *reader, const char *name, const json_t *value,
                         struct labels *to) {
        struct reader_mark mark = reader_enter_key(&reader->base, value, name);
        char shown[READER_SHOWN];
        size_t n_left_out = to->n_left_out;

        if (json_is_string(value) && !json_is_number_text(value))
                reader_fail(&reader->base, labels_set(to, name, json_string_value(value)));
        else if (json_is_number(value) || json_is_boolean(value) || json_is_number_text(value))
                reader_fail(&reader->base, labels_set(to, name, json_show(value, shown, sizeof(shown))));
        else
                reader_expect(&reader->base, value, false, "a text, which may hold '*'");
        if (to->n_left_out > n_left_out)
                config_bad(reader, "is too long, or one of too many");
        reader_leave_value(&reader->base, mark);
}

static void match_uid(struct config_reader *reader, const json_t *value, void *to) {
        struct config_rule *rule = to;
        char shown[READER_SHOWN];
        const struct passwd *user;
        const char *text = json_is_number_text(value) ? NULL : json_string_value(value);
        uint64_t number;

        if (!text) {
                rule->has_uid = reader_number(&reader->base, value, UINT32_MAX - 1, &number);
                rule->uid = rule->has_uid ? (uint32_t)number : 0;
                return;
        }
        user = getpwnam(text);
        rule->has_uid = user;
        if (user)
                rule->uid = user->pw_uid;
        else
                config_bad(reader, "there is no user %s on this machine; write a name or a number",
                           reader_quote(text, shown, sizeof(shown)));
}

/* A text that is no object counts as the name of a profile, here as in what runtimes send. */
static void match_metadata(struct config_reader *reader, const json_t *value, void *to) {
        struct config_rule *rule = to;
        const char *key;
        json_t *item;

        if (json_is_string(value)) {
                reader_fail(&reader->base, labels_set(&rule->metadata, "profile", json_string_value(value)));
                return;
        }
        if (!reader_expect(&reader->base, value, json_is_object(value), "an object of fields and texts"))
                return;
        json_object_foreach((json_t *)value, key, item) read_pattern(reader, key, item, &rule->metadata);
}

static const struct config_key match_rows[] = {
        { "uid", match_uid, 0, NULL },
        { "metadata", match_metadata, 0, NULL },
};
static const struct config_keys match_keys =
        CONFIG_KEYS("an object of labels, uid and metadata", match_rows);

static void read_match(struct config_reader *reader, const json_t *value, void *to) {
        struct config_rule *rule = to;
        const char *key;
        json_t *item;

        if (!reader_expect(&reader->base, value, json_is_object(value), match_keys.what))
                return;
        json_object_foreach((json_t *)value, key, item) {
                size_t i = 0;

                while (i < match_keys.n && strcmp(match_keys.rows[i].name, key) != 0)
                        i++;
                if (i < match_keys.n) {
                        struct reader_mark mark = reader_enter_key(&reader->base, item, key);

                        match_keys.rows[i].read(reader, item, rule);
                        reader_leave_value(&reader->base, mark);
                } else {
                        read_pattern(reader, key, item, &rule->match);
                        if (strncmp(key, "annotation.", 11) != 0)
                                warn_unknown_label(reader, key);
                }
        }
}

static void read_mode(struct config_reader *reader, const json_t *value, void *to) {
        static const struct config_word words[] = {
                { "dry-run", WIRE_MODE_DRY_RUN },
                { "record", WIRE_MODE_RECORD },
                { "enforce", WIRE_MODE_ENFORCE },
                { "policy", WIRE_MODE_POLICY },
        };
        int mode;

        if (config_word(reader, value, words, 4, &mode))
                *(enum wire_mode *)to = (enum wire_mode)mode;
}

static void read_runtime(struct config_reader *reader, const json_t *value, void *to) {
        static const struct config_word words[] = { { "mark", 0 }, { "include", 1 } };
        int include;

        if (config_word(reader, value, words, 2, &include))
                *(bool *)to = include;
}

static void read_trust(struct config_reader *reader, const json_t *value, void *to) {
        static const struct config_word words[] = { { "nothing", 0 }, { "metadata", 1 } };
        int trust;

        if (config_word(reader, value, words, 2, &trust))
                *(bool *)to = trust;
}

static void add_cap(struct config_reader *reader, const json_t *value, void *to) {
        const char *text = reader_text(&reader->base, value, "a capability, such as \"CAP_SYS_ADMIN\"");
        char name[64], shown[READER_SHOWN], hint[READER_HINT];
        const char *names[64];
        uint64_t *caps = to;
        size_t n = 0;
        int number;

        if (!text)
                return;
        if (strcmp(text, "default") == 0)
                *caps |= CAPABILITY_CONTAINERS;
        else if (strcmp(text, "all") == 0)
                *caps = UINT64_MAX;
        if (strcmp(text, "default") == 0 || strcmp(text, "all") == 0 || strcmp(text, "none") == 0)
                return;
        snprintf(name, sizeof(name), "%s%.40s", strncasecmp(text, "CAP_", 4) ? "CAP_" : "", text);
        for (char *c = name; *c; c++)
                *c = (char)toupper((unsigned char)*c);
        number = capability_by_name(name);
        if (number >= 0) {
                *caps |= UINT64_C(1) << number;
                return;
        }
        while (n < 64 && n < capability_count()) {
                names[n] = capability_name((unsigned)n);
                n++;
        }
        config_bad(reader, "%s is not a capability, nor none, all or default%s",
                   reader_quote(text, shown, sizeof(shown)),
                   reader_hint(hint, sizeof(hint), diag_nearest(name, names, n)));
}

static void read_caps(struct config_reader *reader, const json_t *value, void *to) {
        *(uint64_t *)to = 0;
        config_each(reader, value, add_cap, to);
}

static const struct config_key rule_rows[] = {
        { "name", config_text, offsetof(struct config_rule, name), NULL },
        { "match", read_match, 0, &match_keys },
        { "refuse", config_flag, offsetof(struct config_rule, refuse), NULL },
        { "mode", read_mode, offsetof(struct config_rule, mode), NULL },
        { "profile", config_text, offsetof(struct config_rule, profile), NULL },
        { "policy", config_path, offsetof(struct config_rule, policy), NULL },
        { "capabilities", read_caps, offsetof(struct config_rule, caps), NULL },
        { "trust", read_trust, offsetof(struct config_rule, trust_metadata), NULL },
        { "all", config_flag, offsetof(struct config_rule, all), NULL },
        { "runtime", read_runtime, offsetof(struct config_rule, include_runtime), NULL },
};
const struct config_keys config_rule_keys =
        CONFIG_KEYS("an object with match, and mode, profile, policy or refuse", rule_rows);

/* ---- does the rule mean something? ---- */

static void read_policy(struct config_reader *reader, const json_t *value, struct config_rule *rule) {
        struct reader_mark mark =
                reader_enter_key(&reader->base, json_object_get(value, "policy"), "policy");
        char shown[READER_SHOWN];
        int r = config_policy_read(rule->policy, reader->base.diags, &rule->policy_text, &rule->base);

        if (r > 0)
                config_bad(reader, "%s is not usable as a policy",
                           reader_quote(rule->policy, shown, sizeof(shown)));
        else
                reader_fail(&reader->base, r);
        reader_leave_value(&reader->base, mark);
}

/* A profile may be put into a folder later, so that it lacks is no error. */
static void try_profile(struct config_reader *reader, const json_t *value, const struct config_rule *rule) {
        struct reader_mark mark =
                reader_enter_key(&reader->base, json_object_get(value, "profile"), "profile");
        struct config_profile_query query = { .name = rule->profile, .trusted = true, .caps = rule->caps };
        struct filter filter = FILTER_INIT;
        char problem[CONFIG_PROBLEM_MAX];
        int r = config_profile_find(reader->config, &query, &filter, problem, sizeof(problem));

        filter_deinit(&filter);
        if (r > 0)
                config_warn(reader, "no-profile", "%s; until it can be used, sessions are recorded instead",
                            problem);
        else
                reader_fail(&reader->base, r);
        reader_leave_value(&reader->base, mark);
}

static void check_words(struct config_reader *reader, struct config_rule *rule) {
        if (rule->policy && !rule->mode)
                rule->mode = WIRE_MODE_POLICY;
        if (rule->refuse && (rule->mode || rule->profile || rule->policy))
                config_bad(reader,
                           "\"refuse\" leaves nothing for mode, profile and policy; remove it or them");
        else if (rule->mode == WIRE_MODE_POLICY && !rule->policy)
                config_bad(reader, "lacks \"policy\", the policy's file");
        else if (rule->policy && rule->mode != WIRE_MODE_POLICY)
                config_bad(reader, "a policy is followed in \"mode: policy\" alone; remove \"mode\"");
        else if (rule->policy && rule->profile)
                config_bad(reader, "a policy names its profile itself (base); remove \"profile\"");
        else if (rule->mode == WIRE_MODE_RECORD && rule->profile)
                config_warn(reader, "idle-profile", "a recording asks no profile; \"profile\" says nothing");
        if (rule->trust_metadata && (rule->mode || rule->refuse))
                config_warn(reader, "idle-trust",
                            "metadata chooses nothing where \"mode\" is written; \"trust\" says nothing");
}

static bool is_for_all(const struct config_rule *rule) {
        return !rule->match.n && !rule->metadata.n && !rule->has_uid;
}

static void name_rule(struct config_reader *reader, struct config_rule *rule) {
        if (!rule->name && asprintf(&rule->name, "sessions[%zu]", reader->config->n_rules - 1) < 0) {
                rule->name = NULL;
                reader_fail(&reader->base, error_origin(-ENOMEM));
        }
}

static void add_rule(struct config_reader *reader, const json_t *value, void *to) {
        struct config *config = reader->config;
        struct config_rule *rule;

        (void)to;
        if (config->n_rules == RULES_MAX) {
                config_bad(reader, "more than %d rules", RULES_MAX);
                reader_fail(&reader->base, CONFIG_E_INVALID);
                return;
        }
        if (config->n_rules && is_for_all(&config->rules[config->n_rules - 1]))
                config_warn(reader, "unreached",
                            "is never asked: the rule above has no \"match\" and fits every session");
        rule = reader_grow(&reader->base, (void **)&config->rules, &config->n_rules, sizeof(*rule));
        if (!rule)
                return;
        rule->caps = CAPABILITY_CONTAINERS;
        config_read_keys(reader, value, &config_rule_keys, rule);
        name_rule(reader, rule);
        check_words(reader, rule);
}

void config_rules_deinit(struct config *config) {
        for (size_t i = 0; i < config->n_rules; i++) {
                struct config_rule *rule = &config->rules[i];

                free(rule->name);
                labels_deinit(&rule->match);
                labels_deinit(&rule->metadata);
                free(rule->profile);
                free(rule->policy);
                free(rule->policy_text);
                filter_deinit(&rule->base);
        }
        free(config->rules);
        config->rules = NULL;
        config->n_rules = 0;
}

void config_read_rules(struct config_reader *reader, const json_t *value, void *to) {
        (void)to;
        config_each(reader, value, add_rule, NULL);
}

void config_rules_load(struct config_reader *reader, const json_t *value) {
        struct reader_mark mark = reader_enter_key(&reader->base, value, "sessions");

        for (size_t i = 0; i < reader->config->n_rules && !reader->base.r; i++) {
                const json_t *item = json_is_array(value) ? json_array_get(value, i) : value;
                struct config_rule *rule = &reader->config->rules[i];
                struct reader_mark inner = reader_enter_value(&reader->base, item, "[%zu]", i);

                if (rule->policy)
                        read_policy(reader, item, rule);
                else if (rule->profile && rule->mode != WIRE_MODE_RECORD)
                        try_profile(reader, item, rule);
                reader_leave_value(&reader->base, inner);
        }
        reader_leave_value(&reader->base, mark);
}
