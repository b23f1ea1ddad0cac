/* SPDX-License-Identifier: Apache-2.0 */

/* From a path on the command line to a profile that can be used. */

#include "cli/options.h"

#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>

#include "agent/cache.h"
#include "base/error.h"
#include "base/output.h"
#include "cli/exit.h"
#include "cli/say.h"
#include "policy/read.h"
#include "policy/resolve.h"

int options_profile(const char *path, struct profile **ret_written, struct profile **ret_resolved,
                    struct filter *ret_filter) {
        struct profile_context context;
        struct diags diags = DIAGS_INIT;
        cleanup_profile struct profile *profile = NULL, *resolved = NULL;
        int r = profile_context_machine(&context);

        if (!r)
                r = profile_read_file(path, &diags, &profile);
        if (!r)
                r = profile_resolve(profile, &context, &diags, &resolved);
        if (!r && ret_filter)
                r = cache_compile(resolved, &diags, ret_filter);
        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r == PROFILE_E_EMPTY) {
                say_error("%s: asks for no filter at all (no default action and no rules); nothing would be "
                          "refused",
                          path);
                return EXIT_USAGE;
        }
        if (r > 0)
                return EXIT_USAGE;
        if (r < 0)
                return say_trouble(r, path);
        *ret_resolved = resolved;
        resolved = NULL;
        if (ret_written) {
                *ret_written = profile;
                profile = NULL;
        }
        return 0;
}

unsigned options_filter_flags(const struct profile *resolved) {
        return resolved->flags & (SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);
}

bool options_is_stdout(const char *path) {
        return path && strcmp(path, "-") == 0;
}

static void cannot_write(const char *path, const char *option, int r) {
        if (options_is_stdout(path))
                say_unwritten(r);
        else
                say_error("%s %s: cannot be written: %s", option, path, strerror(-r));
}

int options_open(const char *path, const char *option, struct output *output) {
        int r = path ? output_open(output, path) : 0;

        if (!r)
                return 0;
        cannot_write(path, option, r);
        return EXIT_USAGE;
}

int options_commit(const char *path, const char *option, struct output *output) {
        int r = output_commit(output);

        if (!r)
                return 0;
        cannot_write(path, option, r);
        return EXIT_TROUBLE;
}

int options_write(const char *path, const char *option, const struct buf *text) {
        struct output output = OUTPUT_INIT;
        int r = options_open(path, option, &output);

        if (r)
                return r;
        if (text->n > 0)
                fwrite(text->data, 1, text->n, output.stream); /* a failure is seen by the next */
        return options_commit(path, option, &output);
}
