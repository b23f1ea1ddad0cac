/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile explain: a profile in words. */

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/context.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "policy/call_text.h"
#include "policy/explain.h"
#include "policy/write_explain.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate profile explain [OPTION…] FILE [[ARCH:]SYSCALL [ARGUMENT…]]\n"
        "\n"
        "Says what a profile does; or, for one call, what happens to it and which rule decides, on\n"
        "each architecture of the profile. Arguments are numbers or constants (O_RDWR|O_CREAT);\n"
        "those left out at the end are open, and what depends on them is said.\n"
        "\n"
        "  --blocked       list the calls that are refused, always or for some arguments\n"
        "  --risky         list dangerous calls only, with the reason\n"
        "  --json          as one JSON document\n" CONTEXT_HELP "  -h, --help      this text\n"
        "\n"
        "example: callgate profile explain strict.json socket AF_INET SOCK_STREAM\n";

#define ARCHES_MAX 32

static int unknown_call(const char *name) {
        const char *nearest = syscall_nearest(name);

        return say_usage("profile explain",
                         "'%s' is not a system call of this profile's architectures%s%s%s", name,
                         nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* "socket AF_INET 1" out of the words on the command line. */
static int join(char **words, int n, struct buf *to) {
        for (int i = 0; i < n; i++)
                buf_printf(to, "%s%s", i ? " " : "", words[i]);
        return buf_error(to);
}

/* On every architecture that has the call, unless one is named. Words that fit none are said once. */
static int explain_arguments(const struct profile *resolved, char **words, int n, bool json) {
        struct call_text calls[ARCHES_MAX];
        struct diags diags = DIAGS_INIT;
        struct buf text = BUF_INIT(CALL_TEXT_MAX);
        size_t n_calls = 0;
        int r = join(words, n, &text);

        if (r) {
                buf_deinit(&text);
                return say_usage("profile explain", "the call is too long");
        }
        diags.file = buf_string(&text);
        for (size_t i = 0; !r && i < resolved->n_archs && n_calls < ARCHES_MAX; i++) {
                const struct arch *arch = resolved->archs[i].arch;

                r = call_text_parse(buf_string(&text), arch, &diags, &calls[n_calls]);
                if (!r)
                        n_calls++;
                else if (r > 0)
                        r = 0;
                if (strchr(words[0], ':'))
                        break;
        }
        if (!r && !n_calls) {
                say_diags(&diags, false);
                r = EXIT_USAGE;
        } else if (!r && json) {
                r = profile_explain_arguments_json(resolved, calls, n_calls, stdout);
        } else {
                for (size_t i = 0; !r && i < n_calls; i++)
                        r = profile_explain_arguments(resolved, &calls[i], stdout);
        }
        diags_deinit(&diags);
        buf_deinit(&text);
        return r;
}

static int explain(const struct profile *resolved, const struct explain_filter *filter, bool json,
                   char **words, int n) {
        int r;

        if (n > 1 || (n == 1 && strchr(words[0], ':')))
                return explain_arguments(resolved, words, n, json);
        if (json)
                r = profile_explain_json(resolved, n ? words[0] : NULL, filter, stdout);
        else if (n)
                r = profile_explain_call(resolved, words[0], stdout);
        else
                r = profile_explain_list(resolved, filter, stdout);
        return r == PROFILE_E_INVALID ? unknown_call(words[0]) : r;
}

int profile_verb_explain(int argc, char **argv) {
        enum { BLOCKED = 1, RISKY, JSON };
        static const struct option options[] = {
                { "blocked", no_argument, NULL, BLOCKED }, { "risky", no_argument, NULL, RISKY },
                { "json", no_argument, NULL, JSON },       CONTEXT_OPTIONS,
                { "help", no_argument, NULL, 'h' },        { 0 },
        };
        cleanup_profile struct profile *resolved = NULL;
        struct explain_filter filter = { 0 };
        struct context context;
        bool json = false;
        int option, r;

        r = context_init(&context);
        if (r)
                return r;
        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
                switch (option) {
                case 'h':
                        fputs(help, stdout);
                        return 0;
                case BLOCKED:
                        filter.blocked = true;
                        break;
                case RISKY:
                        filter.risky = true;
                        break;
                case JSON:
                        json = true;
                        break;
                default:
                        r = context_option(&context, "profile explain", option, optarg);
                        if (r < 0)
                                fputs("Try 'callgate profile explain --help'.\n", stderr);
                        if (r)
                                return EXIT_USAGE;
                }
        if (argc == optind)
                return say_usage("profile explain", "explain which file?");
        if (argc - optind > 1 && (filter.blocked || filter.risky))
                return say_usage("profile explain", "--blocked and --risky list calls; name none");
        r = context_resolve(&context, argv[optind], NULL, &resolved);
        if (r)
                return r;
        r = explain(resolved, &filter, json, argv + optind + 1, argc - optind - 1);
        return r < 0 ? ferror(stdout) ? say_unwritten(r) : say_trouble(r, "profile explain") : r;
}
