/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile: work on profiles, without running anything. */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/say.h"
#include "cli/verbs.h"
#include "policy/check.h"
#include "policy/compile.h"
#include "policy/explain.h"
#include "policy/read_oci.h"
#include "policy/resolve.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate profile check FILE…\n"
        "       callgate profile explain FILE [SYSCALL]\n"
        "\n"
        "check    reads profiles and says what is wrong or doubtful in them, each finding with its\n"
        "         place and remedy. Exit 0: nothing to say; 1: warnings; 2: errors.\n"
        "explain  says what a profile does on this machine, or what happens to one call.\n"
        "\n"
        "example: callgate profile check strict.json\n"
        "example: callgate profile explain strict.json clone3\n";

static int check_one(const char *path, const struct profile_context *context) {
        cleanup_profile struct profile *profile = NULL;
        struct diags diags = DIAGS_INIT;
        int r = profile_read_file(path, &diags, &profile), code;

        if (!r)
                r = profile_check(profile, context, &diags);
        diags_print(&diags, stdout, DIAG_INFO, false);
        code = diags.n_errors > 0 ? EXIT_USAGE : diags.n_warnings > 0 ? 1 : 0;
        if (r == 0 && diags.n == 0)
                printf("%s: fine\n", path);
        diags_deinit(&diags);
        return r < 0 ? say_trouble(r, path) : r > 0 ? EXIT_USAGE : code;
}

static int check(int argc, char **argv) {
        struct profile_context context;
        int worst = 0, r = profile_context_machine(&context);

        if (r)
                return say_trouble(r, "profile check");
        if (argc == 0)
                return say_usage("profile", "check which file?");
        for (int i = 0; i < argc; i++) {
                r = check_one(argv[i], &context);
                if (r > worst)
                        worst = r;
        }
        return worst;
}

static int explain(int argc, char **argv) {
        cleanup_profile struct profile *resolved = NULL;
        int r;

        if (argc < 1 || argc > 2)
                return say_usage("profile", "explain takes a file and perhaps one call");
        r = options_profile(argv[0], &resolved, NULL);
        if (r)
                return r;
        if (argc == 1)
                r = profile_explain(resolved, stdout);
        else
                r = profile_explain_call(resolved, argv[1], stdout);
        if (r == PROFILE_E_INVALID) {
                const char *nearest = syscall_nearest(argv[1]);

                return say_usage("profile",
                                 "'%s' is not a system call of this profile's architectures%s%s%s", argv[1],
                                 nearest ? "; did you mean '" : "", nearest ? nearest : "",
                                 nearest ? "'?" : "");
        }
        return r < 0 ? say_trouble(r, "profile explain") : r;
}

int verb_profile(int argc, char **argv) {
        if (argc < 2)
                return say_usage("profile", "what is to be done: check or explain?");
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
                fputs(help, stdout);
                return 0;
        }
        for (int i = 2; i < argc; i++)
                if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
                        fputs(help, stdout);
                        return 0;
                }
        if (strcmp(argv[1], "check") == 0)
                return check(argc - 2, argv + 2);
        if (strcmp(argv[1], "explain") == 0)
                return explain(argc - 2, argv + 2);
        return say_usage("profile", "'%s' is none of check, explain", argv[1]);
}
