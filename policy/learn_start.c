/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Where a learnt profile starts: a copy of the profile to build on, and the architectures.
 *
 * What must stay true: nothing that decides about calls is lost in the copy; every architecture seen is
 * listed afterwards, in the form (list or map) that the profile has already, for runtimes refuse both
 * together.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/learn_seen.h"
#include "syscalls/names.h"

static int arch_copy(const struct profile_arch *from, struct profile_arch *ret) {
        ret->arch = from->arch;
        ret->name = strdup(from->name);
        return ret->name ? 0 : error_origin(-ENOMEM);
}

static int archs_copy(const struct profile_arch *from, size_t n, struct profile_arch **ret, size_t *ret_n) {
        if (n == 0)
                return 0;
        *ret = calloc(n, sizeof(**ret));
        if (!*ret)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < n; i++) {
                int r = arch_copy(from + i, *ret + i);

                if (r)
                        return error_trace(r);
                (*ret_n)++;
        }
        return 0;
}

static int text_copy(const char *from, char **ret) {
        if (!from)
                return 0;
        *ret = strdup(from);
        return *ret ? 0 : error_origin(-ENOMEM);
}

int learn_start_from(const struct profile *from, struct profile *ret) {
        int r;

        ret->dialect = from->dialect;
        ret->default_set = true;
        ret->default_action = from->default_action;
        ret->default_errno_set = from->default_errno_set;
        ret->flags = from->flags;
        ret->flags_set = from->flags_set;
        r = text_copy(from->listener_path, &ret->listener_path);
        if (!r)
                r = text_copy(from->listener_metadata, &ret->listener_metadata);
        if (!r)
                r = archs_copy(from->archs, from->n_archs, &ret->archs, &ret->n_archs);
        if (!r && from->n_arch_maps > 0) {
                ret->arch_maps = calloc(from->n_arch_maps, sizeof(*ret->arch_maps));
                if (!ret->arch_maps)
                        r = error_origin(-ENOMEM);
        }
        for (size_t i = 0; !r && i < from->n_arch_maps; i++) {
                struct profile_arch_map *map = ret->arch_maps + ret->n_arch_maps++;

                r = arch_copy(&from->arch_maps[i].arch, &map->arch);
                if (!r)
                        r = archs_copy(from->arch_maps[i].subs, from->arch_maps[i].n_subs, &map->subs,
                                       &map->n_subs);
        }
        for (size_t i = 0; !r && i < from->n_rules; i++) {
                struct rule *rule;

                r = profile_add_rule(ret, &rule);
                if (r)
                        break;
                r = rule_copy(from->rules + i, rule);
                free(rule->place); /* of another file */
                rule->place = NULL;
                rule->line = 0;
        }
        return error_trace(r);
}

static bool covers(const struct profile *profile, const struct arch *arch) {
        if (profile_has_arch(profile, arch))
                return true;
        for (size_t i = 0; i < profile->n_arch_maps; i++) {
                const struct profile_arch_map *map = profile->arch_maps + i;

                if (map->arch.arch == arch)
                        return true;
                for (size_t k = 0; k < map->n_subs; k++)
                        if (map->subs[k].arch == arch)
                                return true;
        }
        return false;
}

/* A runtime takes the one row of its own architecture, with the sub-architectures in it. */
static int add_mapped(struct profile *profile, const struct arch *arch) {
        struct profile_arch_map *map = NULL, *maps;
        struct profile_arch *grown;

        for (size_t i = 0; i < profile->n_arch_maps; i++)
                if (profile->arch_maps[i].arch.arch == arch_native())
                        map = profile->arch_maps + i;
        if (!map) {
                maps = reallocarray(profile->arch_maps, profile->n_arch_maps + 1, sizeof(*maps));
                if (!maps)
                        return error_origin(-ENOMEM);
                profile->arch_maps = maps;
                map = maps + profile->n_arch_maps;
                *map = (struct profile_arch_map){ .arch = { .name = strdup(arch->scmp), .arch = arch } };
                if (!map->arch.name)
                        return error_origin(-ENOMEM);
                profile->n_arch_maps++;
                return 0;
        }
        grown = reallocarray(map->subs, map->n_subs + 1, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM);
        map->subs = grown;
        grown[map->n_subs] = (struct profile_arch){ .name = strdup(arch->scmp), .arch = arch };
        if (!grown[map->n_subs].name)
                return error_origin(-ENOMEM);
        map->n_subs++;
        return 0;
}

static int add_arch(struct profile *profile, const struct arch *arch) {
        if (covers(profile, arch))
                return 0;
        /* docker refuses a profile with both a list and a map. */
        if (profile->n_arch_maps > 0)
                return error_trace(add_mapped(profile, arch));
        return error_trace(profile_add_arch(profile, arch));
}

int learn_add_archs(const struct learn *learn, struct profile *profile, bool fresh) {
        uint32_t archs = learn->archs;
        int r = 0;

        if (archs == 0 && (fresh || learn->options.runtime))
                archs = 1u << (arch_native() - arch_table);
        /* A profile without a list means the native architecture; with a list it must be named. */
        if (!fresh && profile->n_archs == 0 && profile->n_arch_maps == 0)
                r = profile_add_arch(profile, arch_native());
        /* Those with siblings are the ones a person expects first. */
        for (int with_siblings = 1; with_siblings >= 0; with_siblings--)
                for (size_t i = 0; !r && i < arch_table_n; i++) {
                        const struct arch *siblings[4];
                        size_t n = arch_siblings(arch_table + i, siblings);

                        if (!(archs & (1u << i)) || (n > 0) != with_siblings)
                                continue;
                        r = add_arch(profile, arch_table + i);
                        for (size_t k = 0; fresh && !r && k < n; k++)
                                r = add_arch(profile, siblings[k]);
                }
        return error_trace(r);
}

bool learn_name_exists(const struct profile *profile, const char *name) {
        for (size_t i = 0; i < profile->n_archs; i++)
                if (profile->archs[i].arch && syscall_number(profile->archs[i].arch, name) >= 0)
                        return true;
        for (size_t i = 0; i < profile->n_arch_maps; i++) {
                const struct profile_arch_map *map = profile->arch_maps + i;

                if (map->arch.arch && syscall_number(map->arch.arch, name) >= 0)
                        return true;
                for (size_t k = 0; k < map->n_subs; k++)
                        if (map->subs[k].arch && syscall_number(map->subs[k].arch, name) >= 0)
                                return true;
        }
        return false;
}
