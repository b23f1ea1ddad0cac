/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Docker's reading of its extended form. The order of its tests does not matter for the outcome: a rule
 * stays when no exclusion holds and every inclusion does. Names of capabilities are compared as docker
 * compares them, as texts, against the bounding set.
 */

#include "policy/resolve.h"

#include "base/error.h"
#include "policy/match.h"
#include "syscalls/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/utsname.h>

int profile_context_machine(struct profile_context *ret) {
        struct profile_context context = { .arch = arch_native() };
        struct utsname name;

        if (!context.arch)
                return error_origin(-ENOTSUP);
        for (unsigned i = 0; i < 64; i++) {
                int r = prctl(PR_CAPBSET_READ, i, 0, 0, 0);

                if (r < 0)
                        break; /* past the last one this kernel knows */
                context.caps |= (uint64_t)r << i;
        }
        if (uname(&name) < 0)
                return error_origin(-errno);
        if (sscanf(name.release, "%u.%u", &context.kernel_major, &context.kernel_minor) != 2)
                return error_origin(-EINVAL);
        *ret = context;
        return 0;
}

static bool has_cap(const struct profile_context *context, const char *cap) {
        int number = capability_by_name(cap);

        return number >= 0 && context->caps & (UINT64_C(1) << number);
}

static bool names_arch(const struct rule_when *when, const struct arch *arch) {
        for (size_t i = 0; i < when->n_arches; i++) {
                if (arch->go && !strcmp(when->arches[i], arch->go))
                        return true;
                if (!arch->go && !strcmp(when->arches[i], arch->name))
                        return true;
        }
        return false;
}

static bool kernel_reaches(const struct profile_context *context, const struct rule_when *when) {
        if (context->kernel_major != when->kernel_major)
                return context->kernel_major > when->kernel_major;
        return context->kernel_minor >= when->kernel_minor;
}

bool rule_applies_in(const struct rule *rule, const struct profile_context *context, unsigned parts) {
        const struct rule_when *in = &rule->includes, *ex = &rule->excludes;

        if (parts & CONTEXT_ARCH) {
                if (names_arch(ex, context->arch) || (in->n_arches && !names_arch(in, context->arch)))
                        return false;
        }
        if (parts & CONTEXT_CAPS) {
                for (size_t i = 0; i < ex->n_caps; i++)
                        if (has_cap(context, ex->caps[i]))
                                return false;
                for (size_t i = 0; i < in->n_caps; i++)
                        if (!has_cap(context, in->caps[i]))
                                return false;
        }
        if (parts & CONTEXT_KERNEL) {
                if (ex->kernel_set && kernel_reaches(context, ex))
                        return false;
                if (in->kernel_set && !kernel_reaches(context, in))
                        return false;
        }
        return true;
}

static bool rule_applies(const struct rule *rule, const struct profile_context *context) {
        return rule_applies_in(rule, context, CONTEXT_ARCH | CONTEXT_CAPS | CONTEXT_KERNEL);
}

static unsigned when_needs(const struct rule_when *when) {
        return (when->n_arches ? CONTEXT_ARCH : 0u) | (when->n_caps ? CONTEXT_CAPS : 0u) |
               (when->kernel_set ? CONTEXT_KERNEL : 0u);
}

unsigned profile_context_needs(const struct profile *profile) {
        unsigned needs = profile->n_arch_maps ? CONTEXT_ARCH : 0;

        for (size_t i = 0; i < profile->n_rules; i++)
                needs |= when_needs(&profile->rules[i].includes) | when_needs(&profile->rules[i].excludes);
        return needs;
}

/*
 * An architecture of the file. Those whose calls are not in the tables, and those of the other byte order,
 * stay out: no program of theirs can run here, and a filter cannot hold both.
 */
static int add_arch(struct profile *flat, const struct profile_arch *from,
                    const struct profile_context *context, struct diags *diags) {
        const struct arch *arch = from->arch;

        if (!strcmp(from->name, "SCMP_ARCH_NATIVE"))
                arch = context->arch;
        if (!arch || syscall_number(arch, "read") < 0)
                return error_trace(diag_add(
                        diags, DIAG_WARNING, "architecture-unknown-calls", "architectures",
                        "%s is left out: the libseccomp of this machine does not know it", from->name));
        if (arch->big_endian != context->arch->big_endian)
                return error_trace(
                        diag_add(diags, DIAG_WARNING, "architecture-byte-order", "architectures",
                                 "%s is left out: no program of it runs on %s, and container runtimes "
                                 "refuse to list both",
                                 from->name, context->arch->scmp));
        return error_trace(profile_add_arch(flat, arch));
}

static int resolve_archs(const struct profile *profile, const struct profile_context *context,
                         struct diags *diags, struct profile *flat) {
        int r;

        /* libseccomp starts from the native one, whether a profile lists it or not. */
        r = profile_add_arch(flat, context->arch);
        for (size_t i = 0; !r && i < profile->n_archs; i++)
                r = add_arch(flat, &profile->archs[i], context, diags);
        for (size_t i = 0; !r && i < profile->n_arch_maps; i++) {
                const struct profile_arch_map *map = &profile->arch_maps[i];

                if (map->arch.arch != context->arch)
                        continue;
                for (size_t j = 0; !r && j < map->n_subs; j++)
                        r = add_arch(flat, &map->subs[j], context, diags);
                break;
        }
        return error_trace(r);
}

static int resolve_rule(const struct rule *from, size_t i, struct profile *flat) {
        struct rule rule = { 0 };
        char place[32];
        int r;

        r = rule_copy(from, &rule);
        if (!r && !rule.place) {
                snprintf(place, sizeof(place), "syscalls[%zu]", i);
                rule.place = strdup(place);
                if (!rule.place)
                        r = error_origin(-ENOMEM);
        }
        rule_forget_when(&rule);
        if (!r)
                r = profile_take_rule(flat, &rule);
        rule_deinit(&rule);
        return error_trace(r);
}

static int copy_text(const char *from, char **to) {
        if (from && !(*to = strdup(from)))
                return error_origin(-ENOMEM);
        return 0;
}

int profile_resolve(const struct profile *profile, const struct profile_context *context,
                    struct diags *diags, struct profile **ret) {
        cleanup_profile struct profile *flat = NULL;
        int r;

        if (!profile->default_set && !profile->n_rules)
                return PROFILE_E_EMPTY;
        if (profile->n_archs && profile->n_arch_maps) {
                r = diag_add(diags, DIAG_ERROR, NULL, "archMap",
                             "architectures and archMap exclude each other; keep one of them");
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        if (!profile->default_set) {
                r = diag_add(diags, DIAG_ERROR, NULL, NULL,
                             "there are rules but no defaultAction; add one, such as SCMP_ACT_ERRNO");
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        r = profile_new(&flat);
        if (r)
                return error_trace(r);
        flat->dialect = DIALECT_OCI;
        flat->default_set = true;
        flat->default_action = profile->default_action;
        flat->default_errno_set = profile->default_errno_set;
        flat->flags = profile->flags;
        flat->flags_set = profile->flags_set;
        flat->resolved = true;
        r = copy_text(profile->file, &flat->file);
        if (!r)
                r = copy_text(profile->digest, &flat->digest);
        if (!r)
                r = copy_text(profile->listener_path, &flat->listener_path);
        if (!r)
                r = copy_text(profile->listener_metadata, &flat->listener_metadata);
        if (!r)
                r = resolve_archs(profile, context, diags, flat);
        for (size_t i = 0; !r && i < profile->n_rules; i++)
                if (rule_applies(&profile->rules[i], context))
                        r = resolve_rule(&profile->rules[i], i, flat);
        if (!r)
                r = match_table_new(flat, &flat->match);
        if (r)
                return error_trace(r);
        *ret = flat;
        flat = NULL;
        return 0;
}
