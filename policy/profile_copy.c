/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A second profile with the contents of the first. What must stay true: a field added to struct profile is
 * added here, or a conversion silently loses it.
 */

#include "policy/model.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

int profile_set_text(char **to, const char *text) {
        char *copy = NULL;

        if (text && !(copy = strdup(text)))
                return error_origin(-ENOMEM);
        free(*to);
        *to = copy;
        return 0;
}

static int copy_archs(const struct profile_arch *from, size_t n, struct profile_arch **ret, size_t *ret_n) {
        if (!n)
                return 0;
        *ret = calloc(n, sizeof(**ret));
        if (!*ret)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < n; i++) {
                int r = profile_set_text(&(*ret)[i].name, from[i].name);

                if (r)
                        return error_trace(r);
                (*ret)[i].arch = from[i].arch;
                *ret_n = i + 1;
        }
        return 0;
}

static int copy_arch_maps(const struct profile *from, struct profile *to) {
        if (!from->n_arch_maps)
                return 0;
        to->arch_maps = calloc(from->n_arch_maps, sizeof(*to->arch_maps));
        if (!to->arch_maps)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < from->n_arch_maps; i++) {
                const struct profile_arch_map *map = &from->arch_maps[i];
                struct profile_arch_map *copy = &to->arch_maps[to->n_arch_maps++];
                int r = profile_set_text(&copy->arch.name, map->arch.name);

                copy->arch.arch = map->arch.arch;
                if (!r)
                        r = copy_archs(map->subs, map->n_subs, &copy->subs, &copy->n_subs);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int copy_texts(const struct profile *from, struct profile *to) {
        const struct {
                const char *from;
                char **to;
        } texts[] = {
                { from->file, &to->file },
                { from->inside, &to->inside },
                { from->container, &to->container },
                { from->digest, &to->digest },
                { from->listener_path, &to->listener_path },
                { from->listener_metadata, &to->listener_metadata },
                { from->name, &to->name },
                { from->base_name, &to->base_name },
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                int r = profile_set_text(texts[i].to, texts[i].from);

                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int copy_rules(const struct profile *from, struct profile *to) {
        for (size_t i = 0; i < from->n_rules; i++) {
                struct rule rule = { 0 };
                int r = rule_copy(&from->rules[i], &rule);

                if (!r)
                        r = profile_take_rule(to, &rule);
                rule_deinit(&rule);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

int profile_copy(const struct profile *from, struct profile **ret) {
        cleanup_profile struct profile *to = NULL;
        int r = profile_new(&to);

        if (r)
                return error_trace(r);
        to->dialect = from->dialect;
        to->yaml = from->yaml;
        to->default_set = from->default_set;
        to->default_action = from->default_action;
        to->default_errno_set = from->default_errno_set;
        to->flags = from->flags;
        to->flags_set = from->flags_set;
        to->disabled = from->disabled;
        to->older_api = from->older_api;
        r = copy_texts(from, to);
        if (!r)
                r = copy_archs(from->archs, from->n_archs, &to->archs, &to->n_archs);
        if (!r)
                r = copy_arch_maps(from, to);
        if (!r)
                r = copy_rules(from, to);
        if (r)
                return error_trace(r);
        *ret = to;
        to = NULL;
        return 0;
}
