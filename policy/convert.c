/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must stay true: a profile that loses nothing means the same afterwards, and what is lost is named.
 * Where something cannot be said in the other dialect, what is written in its stead is the nearest thing
 * that can.
 */

#include "policy/convert_internal.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/write_oci.h"
#include "policy/write_spo.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void convert_lose(struct conversion *conversion, const char *id, const char *place, const char *format,
                  ...) {
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
                convert_lose(conversion, "lost-comments", place, "%zu comment%s: the dialect has none", n,
                             n == 1 ? "" : "s");
}

/* What only a resource has. */
static void drop_resource(struct conversion *conversion) {
        struct profile *to = conversion->to;

        if (to->base_name)
                convert_lose(conversion, "lost-base-profile", "spec.baseProfileName",
                             "the rules of %s, which the operator adds, are not in this file; merge the two "
                             "profiles "
                             "instead",
                             to->base_name);
        if (to->disabled)
                convert_lose(conversion, "lost-disabled", "spec", "that the profile is disabled");
        free(to->base_name);
        free(to->name);
        to->base_name = to->name = NULL;
        to->disabled = to->older_api = false;
}

static void need_default(struct conversion *conversion) {
        struct profile *to = conversion->to;

        if (to->default_set)
                return;
        convert_lose(
                conversion, "lost-no-filter", NULL,
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
                convert_fit_to_spo(&conversion);
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
