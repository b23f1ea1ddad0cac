/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Equality of two profiles as data, and profiles made at random. Where a profile came from does not count:
 * file, places, lines and what it stood inside of. */

#include "policy/model.h"
#include "syscalls/names.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static inline bool same_text(const char *a, const char *b) {
        return a && b ? !strcmp(a, b) : a == b;
}

static inline bool same_texts(char *const *a, size_t n_a, char *const *b, size_t n_b) {
        if (n_a != n_b)
                return false;
        for (size_t i = 0; i < n_a; i++)
                if (strcmp(a[i], b[i]))
                        return false;
        return true;
}

static inline bool same_when(const struct rule_when *a, const struct rule_when *b) {
        return same_texts(a->caps, a->n_caps, b->caps, b->n_caps) &&
               same_texts(a->arches, a->n_arches, b->arches, b->n_arches) &&
               a->kernel_set == b->kernel_set &&
               (!a->kernel_set ||
                (a->kernel_major == b->kernel_major && a->kernel_minor == b->kernel_minor));
}

static inline bool same_rule(const struct rule *a, const struct rule *b) {
        if (!same_texts(a->names, a->n_names, b->names, b->n_names) || a->action != b->action ||
            a->errno_set != b->errno_set || a->n_conditions != b->n_conditions ||
            a->legacy_name != b->legacy_name || !same_text(a->comment, b->comment))
                return false;
        for (size_t i = 0; i < a->n_conditions; i++) {
                const struct condition *x = &a->conditions[i], *y = &b->conditions[i];

                if (x->index != y->index || x->op != y->op || x->value != y->value ||
                    x->value_two != y->value_two)
                        return false;
        }
        return same_when(&a->includes, &b->includes) && same_when(&a->excludes, &b->excludes);
}

static inline bool same_archs(const struct profile_arch *a, size_t n_a, const struct profile_arch *b,
                              size_t n_b) {
        if (n_a != n_b)
                return false;
        for (size_t i = 0; i < n_a; i++)
                if (strcmp(a[i].name, b[i].name) || a[i].arch != b[i].arch)
                        return false;
        return true;
}

/* NULL when they are the same, else what differs. */
static inline const char *profiles_differ(const struct profile *a, const struct profile *b) {
        if (a->default_set != b->default_set || a->default_action != b->default_action ||
            a->default_errno_set != b->default_errno_set)
                return "default";
        if (!same_archs(a->archs, a->n_archs, b->archs, b->n_archs))
                return "architectures";
        if (a->n_arch_maps != b->n_arch_maps)
                return "archMap";
        for (size_t i = 0; i < a->n_arch_maps; i++)
                if (strcmp(a->arch_maps[i].arch.name, b->arch_maps[i].arch.name) ||
                    !same_archs(a->arch_maps[i].subs, a->arch_maps[i].n_subs, b->arch_maps[i].subs,
                                b->arch_maps[i].n_subs))
                        return "archMap";
        if (a->flags != b->flags || a->flags_set != b->flags_set)
                return "flags";
        if (!same_text(a->listener_path, b->listener_path) ||
            !same_text(a->listener_metadata, b->listener_metadata))
                return "listener";
        if (!same_text(a->name, b->name) || !same_text(a->base_name, b->base_name) ||
            a->disabled != b->disabled || a->older_api != b->older_api)
                return "resource";
        if (a->n_rules != b->n_rules)
                return "number of rules";
        for (size_t i = 0; i < a->n_rules; i++)
                if (!same_rule(&a->rules[i], &b->rules[i]))
                        return "rules";
        return NULL;
}

/* ---- at random ---- */

static inline uint64_t random_next(uint64_t *seed) {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

static inline unsigned random_below(uint64_t *seed, unsigned n) {
        return (unsigned)(random_next(seed) % n);
}

static inline const char *random_name(uint64_t *seed) {
        static const char *const odd[] = { "null",
                                           "true",
                                           "~",
                                           "1e3",
                                           "0x10",
                                           "no",
                                           "- x",
                                           "a: b",
                                           "#x",
                                           "<<",
                                           "y",
                                           "\"q\"",
                                           "a\\b",
                                           "\xc3\xa4",
                                           "\xf0\x9f\x90\x80",
                                           "a\tb",
                                           "a\x7f"
                                           "b",
                                           "{{",
                                           "&a",
                                           "*a",
                                           "!t",
                                           "2024-01-01",
                                           "%a",
                                           "a b",
                                           "\xc2\x85",
                                           "=",
                                           "'" };
        static const char *const usual[] = { "read",  "write", "openat", "clone", "socket", "personality",
                                             "mkdir", "fcntl", "ioctl",  "mmap",  "ptrace", "clone3" };

        return random_below(seed, 6) ? usual[random_below(seed, sizeof(usual) / sizeof(usual[0]))]
                                     : odd[random_below(seed, sizeof(odd) / sizeof(odd[0]))];
}

static inline uint64_t random_value(uint64_t *seed) {
        static const uint64_t edges[] = { 0,          1,
                                          9,          10,
                                          UINT32_MAX, UINT64_C(1) << 32,
                                          INT64_MAX,  UINT64_C(1) << 63,
                                          UINT64_MAX, UINT64_MAX - 1 };

        return random_below(seed, 2) ? edges[random_below(seed, sizeof(edges) / sizeof(edges[0]))]
                                     : random_next(seed) >> random_below(seed, 64);
}

/* An action, with an errno that was written or EPERM. */
static inline uint32_t random_action(uint64_t *seed, bool *ret_errno_set) {
        uint32_t action;

        action_by_name(action_names[random_below(seed, (unsigned)action_names_n)], &action);
        *ret_errno_set = action_has_errno(action) && random_below(seed, 2);
        if (*ret_errno_set)
                return action |
                       (random_below(seed, 4) ? random_below(seed, 140) : random_below(seed, 65536));
        return action_has_errno(action) ? action | 1 : action;
}

static inline void random_when(uint64_t *seed, struct rule_when *when) {
        for (unsigned i = random_below(seed, 3); i > 0; i--)
                cr_assert_eq(rule_when_add_cap(when, random_below(seed, 2) ? "CAP_SYS_ADMIN" : "CAP_BPF"),
                             0);
        for (unsigned i = random_below(seed, 3); i > 0; i--)
                cr_assert_eq(rule_when_add_arch(when, random_below(seed, 2) ? "amd64" : "s390x"), 0);
        if (!random_below(seed, 3)) {
                when->kernel_set = true;
                when->kernel_major = 1 + random_below(seed, 7);
                when->kernel_minor = random_below(seed, 20);
        }
}

static inline void random_rule(uint64_t *seed, struct rule *rule, bool extended) {
        unsigned n_names = 1 + random_below(seed, 4);

        rule->action = random_action(seed, &rule->errno_set);
        for (unsigned i = 0; i < n_names; i++)
                cr_assert_eq(rule_add_name(rule, random_name(seed)), 0);
        for (unsigned i = random_below(seed, 3) ? 0 : random_below(seed, 9); i > 0; i--)
                cr_assert_eq(rule_add_condition(rule, random_below(seed, 6),
                                                (enum condition_op)random_below(seed, CONDITION_N_OPS),
                                                random_value(seed), random_value(seed)),
                             0);
        if (!extended)
                return;
        if (!random_below(seed, 3))
                random_when(seed, &rule->includes);
        if (!random_below(seed, 3))
                random_when(seed, &rule->excludes);
        if (!random_below(seed, 5))
                cr_assert_eq(profile_set_text(&rule->comment, random_name(seed)), 0);
        rule->legacy_name = n_names == 1 && random_below(seed, 2);
}

static inline void random_archs(uint64_t *seed, struct profile_arch **archs, size_t *n) {
        *archs = calloc(4, sizeof(**archs));
        for (unsigned i = random_below(seed, 4); i > 0; i--) {
                const struct arch *arch = &arch_table[random_below(seed, (unsigned)arch_table_n)];

                (*archs)[*n].arch = arch;
                cr_assert_eq(profile_set_text(&(*archs)[(*n)++].name, arch->scmp), 0);
        }
}

/* extended: with what only docker and podman have. */
static inline struct profile *random_profile(uint64_t *seed, bool extended) {
        static const unsigned flags[] = { SECCOMP_FILTER_FLAG_LOG, SECCOMP_FILTER_FLAG_SPEC_ALLOW, 1u << 5 };
        struct profile *profile;
        struct rule *rule;

        cr_assert_eq(profile_new(&profile), 0);
        profile->dialect = extended ? DIALECT_DOCKER : DIALECT_OCI;
        profile->default_set = !extended || random_below(seed, 30);
        if (profile->default_set)
                profile->default_action = random_action(seed, &profile->default_errno_set);
        for (unsigned i = profile->default_set ? random_below(seed, 8) : 0; i > 0; i--) {
                cr_assert_eq(profile_add_rule(profile, &rule), 0);
                random_rule(seed, rule, extended);
        }
        if (extended && random_below(seed, 2)) {
                profile->arch_maps = calloc(2, sizeof(*profile->arch_maps));
                for (unsigned i = random_below(seed, 3); i > 0; i--) {
                        struct profile_arch_map *map = &profile->arch_maps[profile->n_arch_maps++];

                        map->arch.arch = &arch_table[random_below(seed, (unsigned)arch_table_n)];
                        cr_assert_eq(profile_set_text(&map->arch.name, map->arch.arch->scmp), 0);
                        random_archs(seed, &map->subs, &map->n_subs);
                }
        } else {
                random_archs(seed, &profile->archs, &profile->n_archs);
        }
        profile->flags_set = random_below(seed, 2);
        for (unsigned i = 0; profile->flags_set && i < 3; i++)
                if (random_below(seed, 2))
                        profile->flags |= flags[i];
        if (!random_below(seed, 3))
                cr_assert_eq(profile_set_text(&profile->listener_path, "/run/x.sock"), 0);
        if (!random_below(seed, 3))
                cr_assert_eq(profile_set_text(&profile->listener_metadata, random_name(seed)), 0);
        return profile;
}
