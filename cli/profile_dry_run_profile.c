/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile dry-run-profile: what a container runtime loads so that nothing is refused. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/context.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/options.h"
#include "cli/say.h"
#include "policy/convert.h"
#include "policy/dry_run_profile.h"

#define VERB          "profile dry-run-profile"
#define SOCKET_LENGTH 107 /* of sun_path, without the zero */

static const char help[] =
        "usage: callgate profile dry-run-profile FILE [-o FILE] --listener PATH [OPTION…]\n"
        "       callgate profile dry-run-profile FILE [-o FILE] --log\n"
        "       callgate profile dry-run-profile --record [-o FILE] --listener PATH | --log\n"
        "\n"
        "Writes the profile that a container runtime can load so that nothing is refused, and\n"
        "everything that FILE would refuse is notified to a listener, or logged by the kernel.\n"
        "With --record that is everything, for a profile to be learnt from it.\n"
        "What the runtime cannot notify is left allowed, and listed.\n"
        "\n"
        "  -o, --output FILE  write there ('-': standard output, the default)\n"
        "  --listener PATH    socket that the runtime hands the listener to\n"
        "  --metadata TEXT    handed over with it, beside FILE's name and digest\n"
        "  --record           without FILE: notify everything but the few calls that a signal\n"
        "                     could break, and tell the listener to record\n"
        "  --log              log (SCMP_ACT_LOG) instead of notifying\n"
        "  --runtime RUNTIME  runc (the default; fits every runtime) or crun, which can notify\n"
        "                     by default and for write\n" CONTEXT_HELP "  -h, --help         this text\n"
        "\n"
        "exit: 0 written; 2 the profile or the command line is wrong\n"
        "example: callgate profile dry-run-profile strict.json -o dry.json \\\n"
        "           --listener /run/callgate/oci.sock --cap default\n";

enum option_number {
        OPTION_LISTENER = 0x100,
        OPTION_METADATA,
        OPTION_LOG,
        OPTION_RUNTIME,
        OPTION_RECORD,
};

struct options {
        struct context context;
        struct dry_run_options dry_run;
        const char *output;
        bool record;
};

static int take_option(struct options *options, int option) {
        int r = context_option(&options->context, VERB, option, optarg);

        if (r >= 0)
                return r;
        switch (option) {
        case 'o':
                options->output = optarg;
                return 0;
        case OPTION_LISTENER:
                if (optarg[0] != '/')
                        return say_usage(VERB,
                                         "--listener: '%s' is relative, and runtimes want a path from /",
                                         optarg);
                if (strlen(optarg) > SOCKET_LENGTH)
                        return say_usage(VERB, "--listener: a socket's path has at most %d bytes",
                                         SOCKET_LENGTH);
                options->dry_run.listener = optarg;
                return 0;
        case OPTION_METADATA:
                options->dry_run.metadata = optarg;
                return 0;
        case OPTION_LOG:
                options->dry_run.log = true;
                return 0;
        case OPTION_RECORD:
                options->record = true;
                return 0;
        case OPTION_RUNTIME:
                if (strcmp(optarg, "runc") && strcmp(optarg, "crun"))
                        return say_usage(VERB,
                                         "--runtime: '%s' is neither runc nor crun; runc fits others, "
                                         "too",
                                         optarg);
                options->dry_run.runtime = strcmp(optarg, "crun") ? DRY_RUN_RUNC : DRY_RUN_CRUN;
                return 0;
        default:
                fputs("Try 'callgate profile dry-run-profile --help'.\n", stderr);
                return EXIT_USAGE;
        }
}

static int write_out(const char *path, const struct profile *profile) {
        struct buf text = BUF_INIT(0);
        int r = profile_write(profile, false, &text);

        r = r ? say_trouble(r, path) : options_write(path, "-o", &text);
        buf_deinit(&text);
        return r;
}

/* path NULL: of no profile, a recording. */
static int make(struct options *options, const char *path) {
        cleanup_profile struct profile *resolved = NULL, *made = NULL;
        const struct profile_context *context = &options->context.profile;
        struct diags diags = DIAGS_INIT;
        int r;

        options->context.read.digest = true;
        r = path ? context_resolve(&options->context, path, NULL, &resolved) : 0;
        if (r)
                return r;
        diags.file = path ? resolved->file : "--record";
        r = path ? dry_run_profile(resolved, context, &options->dry_run, &diags, &made)
                 : record_profile(context, &options->dry_run, &diags, &made);
        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r)
                return r < 0 ? say_trouble(r, path ? path : "--record") : EXIT_USAGE;
        return write_out(options->output, made);
}

int profile_verb_dry_run_profile(int argc, char **argv) {
        static const struct option long_options[] = {
                { "help", no_argument, NULL, 'h' },
                { "output", required_argument, NULL, 'o' },
                { "listener", required_argument, NULL, OPTION_LISTENER },
                { "metadata", required_argument, NULL, OPTION_METADATA },
                { "log", no_argument, NULL, OPTION_LOG },
                { "runtime", required_argument, NULL, OPTION_RUNTIME },
                { "record", no_argument, NULL, OPTION_RECORD },
                CONTEXT_OPTIONS,
                { 0 },
        };
        struct options options = { .output = "-" };
        int option, r = context_init(&options.context);

        if (r)
                return r;
        while ((option = getopt_long(argc, argv, "ho:", long_options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return 0;
                }
                r = take_option(&options, option);
                if (r)
                        return r;
        }
        if (options.record && argc != optind)
                return say_usage(VERB, "--record notifies everything; it takes no file");
        if (!options.record && argc - optind != 1)
                return say_usage(VERB, "it takes one file");
        if (!options.dry_run.listener == !options.dry_run.log)
                return say_usage(VERB, "--listener PATH or --log: one of them, where should refusals go?");
        return make(&options, options.record ? NULL : argv[optind]);
}
