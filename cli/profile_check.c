/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile check: every profile read, every finding printed. */

#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "policy/check.h"
#include "policy/read_oci.h"
#include "policy/resolve.h"

static const char help[] =
        "usage: callgate profile check FILE…\n"
        "\n"
        "Reads profiles ('-': standard input) and says what is wrong or doubtful in them, each\n"
        "finding with its place, a remedy and a stable name in brackets.\n"
        "\n"
        "  -h, --help  this text\n"
        "\n"
        "exit: 0 nothing to say; 1 warnings; 2 errors\n"
        "example: callgate profile check strict.json\n";

static int check_one(const char *path, const struct profile_context *context) {
        cleanup_profile struct profile *profile = NULL;
        struct diags diags = DIAGS_INIT;
        int r = profile_read_file(path, &diags, &profile), code;

        if (!r)
                r = profile_check(profile, context, &diags);
        diags_print(&diags, stdout, DIAG_INFO, isatty(STDOUT_FILENO));
        code = diags.n_errors > 0 ? EXIT_USAGE : diags.n_warnings > 0 ? 1 : 0;
        if (r == 0 && diags.n == 0)
                printf("%s: fine\n", path);
        diags_deinit(&diags);
        return r < 0 ? say_trouble(r, path) : r > 0 ? EXIT_USAGE : code;
}

int profile_verb_check(int argc, char **argv) {
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        struct profile_context context;
        int worst = 0, option, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return 0;
                }
                fputs("Try 'callgate profile check --help'.\n", stderr);
                return EXIT_USAGE;
        }
        if (optind == argc)
                return say_usage("profile check", "check which file?");
        r = profile_context_machine(&context);
        if (r)
                return say_trouble(r, "profile check");
        for (int i = optind; i < argc; i++) {
                r = check_one(argv[i], &context);
                if (r > worst)
                        worst = r;
        }
        return worst;
}
