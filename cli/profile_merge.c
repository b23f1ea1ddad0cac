/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile merge: many profiles to one, read one by one. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/output.h"
#include "cli/context.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/options.h"
#include "cli/say.h"
#include "policy/express.h"
#include "policy/merge.h"
#include "policy/write_oci.h"

static const char help[] =
        "usage: callgate profile merge [--intersect] FILE… -o FILE\n"
        "\n"
        "Writes one profile out of many. By default the union: a call runs where any of them\n"
        "lets it run, and no other. With --intersect the most severe of their actions\n"
        "(KILL_PROCESS, KILL_THREAD, TRAP, ERRNO, NOTIFY, TRACE, LOG, ALLOW). Between two errnos\n"
        "ENOSYS wins, then the smaller one. Neither the order of the files nor merging them in\n"
        "groups changes a byte of the result, which is an OCI profile without comments.\n"
        "\n"
        "Conditions on arguments are kept exactly. What rules cannot say (a call that is allowed\n"
        "on one architecture only, more alternatives for a call than the limit) is an error.\n"
        "\n"
        "  -o FILE              write there ('-': standard output, the default)\n"
        "      --intersect      what all of them allow\n"
        "      --approximate    write the nearest instead of an error, with a warning for each\n"
        "                       call: wider in a union, narrower with --intersect\n"
        "      --max-alternatives N\n"
        "                       sets of arguments of one call that may stand side by side\n"
        "                       (default 128, which is what validators of profiles take)\n" CONTEXT_HELP
        "  -h, --help           this text\n"
        "\n"
        "exit: 0 written; 2 a profile is wrong, or the result cannot be written\n"
        "example: callgate profile merge replica-*.json -o service.json\n";

struct merging {
        struct context context;
        struct merge_options options;
        enum merge_kind kind;
        const char *output;
};

static int take_number(const char *text, size_t *ret) {
        char *end;

        errno = 0;
        *ret = strtoul(text, &end, 10);
        if (errno || *end || !*ret || *ret > 100000 || *text == '-')
                return say_usage("profile merge",
                                 "--max-alternatives: '%s' is not a number from 1 to 100000", text);
        return 0;
}

static int add_file(struct merging *merging, struct merge *merge, const char *path, bool first) {
        cleanup_profile struct profile *profile = NULL, *resolved = NULL;
        struct diags diags = DIAGS_INIT;
        int r = context_read(&merging->context, path, &profile);

        if (r)
                return r;
        if (first)
                context_say(&merging->context, profile);
        diags.file = path;
        r = profile_resolve(profile, &merging->context.profile, &diags, &resolved);
        if (r == PROFILE_E_EMPTY)
                say_error("%s: asks for no filter at all, so everything is allowed; leave it out", path);
        if (!r)
                r = merge_add(merge, resolved, &diags);
        say_diags(&diags, false);
        diags_deinit(&diags);
        return r < 0 ? say_trouble(r, path) : r > 0 ? EXIT_USAGE : 0;
}

static int write_result(const struct profile *profile, struct output *output, const char *path) {
        struct buf text = BUF_INIT(0);
        int r = profile_write_oci(profile, &text);

        if (!r)
                fwrite(text.data, 1, text.n, output->stream); /* a failure is seen by the commit */
        buf_deinit(&text);
        return r ? say_trouble(r, path) : options_commit(path, "-o", output);
}

static int merge_files(struct merging *merging, char **paths, int n) {
        cleanup_profile struct profile *result = NULL;
        struct output output = OUTPUT_INIT;
        struct diags diags = DIAGS_INIT;
        struct merge *merge = NULL;
        int code = 0, r;

        r = options_open(merging->output, "-o", &output);
        if (r)
                return r;
        r = merge_new(merging->kind, &merging->context.profile, &merge);
        for (int i = 0; !r && !code && i < n; i++)
                code = add_file(merging, merge, paths[i], i == 0);
        if (!r && !code) {
                r = merge_result(merge, &merging->options, &diags, &result);
                say_diags(&diags, false);
        }
        diags_deinit(&diags);
        merge_free(merge);
        if (r)
                code = r < 0 ? say_trouble(r, "profile merge") : EXIT_USAGE;
        if (!code)
                code = write_result(result, &output, merging->output);
        output_abort(&output);
        return code;
}

int profile_verb_merge(int argc, char **argv) {
        enum { INTERSECT = 256, APPROXIMATE, MAX_ALTERNATIVES };
        static const struct option options[] = {
                { "help", no_argument, NULL, 'h' },
                { "output", required_argument, NULL, 'o' },
                { "intersect", no_argument, NULL, INTERSECT },
                { "approximate", no_argument, NULL, APPROXIMATE },
                { "max-alternatives", required_argument, NULL, MAX_ALTERNATIVES },
                CONTEXT_OPTIONS,
                { 0 },
        };
        struct merging merging = { .kind = MERGE_UNION, .output = "-" };
        int option, r = context_init(&merging.context);

        if (r)
                return r;
        while ((option = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
                r = context_option(&merging.context, "profile merge", option, optarg);
                if (r > 0)
                        return r;
                if (!r)
                        continue;
                switch (option) {
                case 'h':
                        fputs(help, stdout);
                        return 0;
                case 'o':
                        merging.output = optarg;
                        break;
                case INTERSECT:
                        merging.kind = MERGE_INTERSECTION;
                        break;
                case APPROXIMATE:
                        merging.options.approximate = true;
                        break;
                case MAX_ALTERNATIVES:
                        r = take_number(optarg, &merging.options.max_alternatives);
                        if (r)
                                return r;
                        break;
                default:
                        fputs("Try 'callgate profile merge --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (optind == argc)
                return say_usage("profile merge", "merge which files?");
        return merge_files(&merging, argv + optind, argc - optind);
}
