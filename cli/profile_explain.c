/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile explain: a profile in words. */

#include <getopt.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "policy/explain.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate profile explain FILE [SYSCALL]\n"
        "\n"
        "Says what a profile does on this machine; or, for one call, what happens to it and\n"
        "which rule decides, on each architecture of the profile.\n"
        "\n"
        "  -h, --help  this text\n"
        "\n"
        "example: callgate profile explain strict.json clone3\n";

static int explain_call(const struct profile *resolved, const char *name) {
        const char *nearest;
        int r = profile_explain_call(resolved, name, stdout);

        if (r != PROFILE_E_INVALID)
                return r;
        nearest = syscall_nearest(name);
        return say_usage("profile explain",
                         "'%s' is not a system call of this profile's architectures%s%s%s", name,
                         nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

int profile_verb_explain(int argc, char **argv) {
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        cleanup_profile struct profile *resolved = NULL;
        int option, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return 0;
                }
                fputs("Try 'callgate profile explain --help'.\n", stderr);
                return EXIT_USAGE;
        }
        if (argc - optind < 1 || argc - optind > 2)
                return say_usage("profile explain", "it takes a file and perhaps one call");
        r = options_profile(argv[optind], NULL, &resolved, NULL);
        if (r)
                return r;
        r = argc - optind == 1 ? profile_explain(resolved, stdout)
                               : explain_call(resolved, argv[optind + 1]);
        return r < 0 ? say_trouble(r, "profile explain") : r;
}
