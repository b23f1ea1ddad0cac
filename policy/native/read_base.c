/* SPDX-License-Identifier: Apache-2.0 */

/* The profile below a policy: the name of a file, or, in the text that travels, the profile itself. It is
 * resolved for this machine. */

#include "policy/native/read_policy.h"

#include "base/error.h"
#include "policy/read.h"
#include "policy/resolve.h"

#include <stdlib.h>
#include <string.h>

static void resolve(struct policy_reader *reader, const struct profile *profile) {
        struct policy *policy = reader->policy;
        struct profile_context context;
        struct profile *base = NULL;
        int r = profile_context_machine(&context);

        if (!r)
                r = profile_resolve(profile, &context, reader->base.diags, &base);
        if (r == PROFILE_E_EMPTY) {
                policy_bad(reader, "the profile asks for no filter; leave \"base\" out");
                return;
        }
        if (r) {
                reader_fail(&reader->base, error_trace(r));
                return;
        }
        profile_free(policy->base);
        policy->base = base;
}

static void read_path(struct policy_reader *reader, const json_t *value) {
        cleanup_profile struct profile *profile = NULL;
        struct diags *diags = reader->base.diags;
        const char *file = diags->file;
        char *path = policy_path(reader, value);
        int r;

        if (!path)
                return;
        r = profile_read_file(path, diags, &profile);
        if (!r)
                resolve(reader, profile);
        diags->file = file;
        if (r == PROFILE_E_INVALID)
                policy_bad(reader, "the profile cannot be used");
        else
                reader_fail(&reader->base, error_trace(r));
        free(reader->policy->base_path);
        reader->policy->base_path = path;
}

static void read_inline(struct policy_reader *reader, const json_t *value) {
        cleanup_profile struct profile *profile = NULL;
        struct buf text = BUF_INIT(PROFILE_BYTES_MAX);
        int r;

        policy_json_text(value, &text);
        r = buf_error(&text);
        if (!r)
                r = profile_read(text.data, text.n, reader->base.diags, &profile);
        buf_deinit(&text);
        if (!r)
                resolve(reader, profile);
        else if (r == PROFILE_E_INVALID)
                policy_bad(reader, "the profile cannot be used");
        else
                reader_fail(&reader->base, error_trace(r));
}

void policy_read_base(struct policy_reader *reader, const json_t *value, void *to) {
        (void)to;
        if (reader->part->order >= reader->base_order)
                return;
        reader->base_order = reader->part->order;
        if (json_is_object(value))
                read_inline(reader, value);
        else
                read_path(reader, value);
}
