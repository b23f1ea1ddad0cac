/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The running result is one struct verdicts. What must stay true: nothing of a profile that was added stays
 * behind but through the verdicts and the few fields below, each of which is combined in a way that does not
 * care about order.
 */

#include "policy/merge.h"

#include "base/error.h"
#include "policy/express.h"
#include "policy/verdicts.h"

#include <stdlib.h>
#include <string.h>

#define COMPACT_MIN 32768 /* nodes that are worth a cleaning */

struct merge {
        enum merge_kind kind;
        struct profile_context context;
        struct regions *regions;
        struct verdicts verdicts;
        size_t n_added;
        size_t n_nodes; /* after the last cleaning */
        unsigned flags;
        bool flags_set;
        char *listener_path, *listener_metadata;
};

int merge_new(enum merge_kind kind, const struct profile_context *context, struct merge **ret) {
        struct merge *merge = calloc(1, sizeof(*merge));
        int r;

        if (!merge)
                return error_origin(-ENOMEM);
        merge->kind = kind;
        merge->context = *context;
        r = regions_new(&merge->regions);
        if (r) {
                merge_free(merge);
                return error_trace(r);
        }
        *ret = merge;
        return 0;
}

struct merge *merge_free(struct merge *merge) {
        if (!merge)
                return NULL;
        verdicts_deinit(&merge->verdicts);
        regions_free(merge->regions);
        free(merge->listener_path);
        free(merge->listener_metadata);
        free(merge);
        return NULL;
}

static int take_text(char **to, const char *text, const char *place, struct diags *diags) {
        int r;

        if (!text || (*to && !strcmp(*to, text)))
                return 0;
        if (*to) {
                r = diag_add(
                        diags, DIAG_ERROR, "listener-differs", place,
                        "it is '%s' here and '%s' in an earlier profile; a profile has one listener, so "
                        "make them equal",
                        text, *to);
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        *to = strdup(text);
        return *to ? 0 : error_origin(-ENOMEM);
}

/* Logging and waiting are kept where any profile asks for them; giving up the kernel's defences against
 * speculation is looser, so an intersection wants everyone to ask for it. */
static void take_flags(struct merge *merge, const struct profile *resolved) {
        unsigned both = resolved->flags & merge->flags, any = resolved->flags | merge->flags;

        merge->flags_set |= resolved->flags_set;
        if (!merge->n_added)
                merge->flags = resolved->flags;
        else if (merge->kind == MERGE_UNION)
                merge->flags = any;
        else
                merge->flags = (any & ~(unsigned)SECCOMP_FILTER_FLAG_SPEC_ALLOW) | both;
}

static int too_complex(struct diags *diags) {
        int r = diag_add(diags, DIAG_ERROR, "too-complex", NULL,
                         "together with the profiles before it, its conditions are too many and too "
                         "different to be merged");

        return r ? error_trace(r) : PROFILE_E_INVALID;
}

int merge_add(struct merge *merge, const struct profile *resolved, struct diags *diags) {
        struct verdicts verdicts = { 0 };
        int r;

        r = take_text(&merge->listener_path, resolved->listener_path, "listenerPath", diags);
        if (!r)
                r = take_text(&merge->listener_metadata, resolved->listener_metadata, "listenerMetadata",
                              diags);
        if (r)
                return error_trace(r);
        take_flags(merge, resolved);
        r = verdicts_init(&verdicts, merge->regions, resolved);
        if (!r && !merge->n_added) {
                merge->verdicts = verdicts;
                verdicts = (struct verdicts){ 0 };
        } else if (!r) {
                r = verdicts_combine(&merge->verdicts, &verdicts,
                                     merge->kind == MERGE_UNION ? REGION_MILDER : REGION_STRICTER);
        }
        verdicts_deinit(&verdicts);
        if (r == REGION_E_COMPLEX)
                return too_complex(diags);
        if (r)
                return error_trace(r);
        merge->n_added++;
        if (regions_count(merge->regions) > COMPACT_MIN + 2 * merge->n_nodes) {
                r = verdicts_compact(&merge->verdicts, NULL, 0);
                merge->n_nodes = regions_count(merge->regions);
        }
        return error_trace(r);
}

static int copy_text(const char *from, char **to) {
        if (from && !(*to = strdup(from)))
                return error_origin(-ENOMEM);
        return 0;
}

int merge_result(struct merge *merge, const struct merge_options *options, struct diags *diags,
                 struct profile **ret) {
        struct express_options how = {
                .leeway = !options->approximate        ? EXPRESS_EXACT
                          : merge->kind == MERGE_UNION ? EXPRESS_WIDER
                                                       : EXPRESS_NARROWER,
                .max_alternatives = options->max_alternatives,
        };
        cleanup_profile struct profile *profile = NULL;
        int r;

        if (!merge->n_added)
                return PROFILE_E_EMPTY;
        r = verdicts_compact(&merge->verdicts, NULL, 0);
        if (!r)
                r = express(&merge->verdicts, &merge->context, &how, diags, &profile);
        if (!r)
                r = copy_text(merge->listener_path, &profile->listener_path);
        if (!r)
                r = copy_text(merge->listener_metadata, &profile->listener_metadata);
        if (r)
                return error_trace(r);
        profile->flags = merge->flags;
        profile->flags_set = merge->flags_set;
        *ret = profile;
        profile = NULL;
        return 0;
}
