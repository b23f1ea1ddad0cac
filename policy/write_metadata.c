/* SPDX-License-Identifier: Apache-2.0 */
/* The text that travels with a listener: which profile this is a dry run of. One line of JSON. */

#include "policy/dry_run_profile.h"

#include "base/error.h"
#include "policy/write_layout.h"

#include <string.h>

static void put(struct layout *layout, const char *key, const char *value) {
        if (!value)
                return;
        buf_printf(layout->to, "%s\"%s\":", layout->first ? "" : ",", key);
        layout_quote(layout, value);
        layout->first = false;
}

int dry_run_metadata(const struct profile *resolved, const struct dry_run_options *options, struct buf *to) {
        struct layout layout = { .to = to, .first = true };
        const char *name = resolved->file ? strrchr(resolved->file, '/') : NULL;

        buf_putc(to, '{');
        put(&layout, "mode", options->record ? "record" : NULL);
        put(&layout, "profile", name ? name + 1 : resolved->file);
        put(&layout, "digest", resolved->digest);
        put(&layout, "metadata", options->metadata);
        buf_putc(to, '}');
        return error_trace(buf_error(to));
}
