/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile convert: a profile in another dialect, as a unit's lines, or as a program. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/output.h"
#include "cli/context.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/options.h"
#include "cli/say.h"
#include "policy/compile.h"
#include "policy/convert.h"
#include "policy/disassemble.h"
#include "policy/write_spo.h"
#include "policy/write_systemd.h"

static const char help[] =
        "usage: callgate profile convert FILE --to FORM [-o FILE] [OPTION…]\n"
        "\n"
        "Writes a profile in another form. What the form cannot hold is listed, and without\n"
        "--lossy nothing is written then.\n"
        "\n"
        "  --to FORM       oci, docker, containers: profiles in JSON\n"
        "                  spo: SeccompProfile resource (YAML; JSON with --json)\n"
        "                  systemd: lines for a unit\n"
        "                  bpf: with -o the raw program; without, its instructions in words\n"
        "  -o, --output FILE  write there ('-': standard output, the default)\n"
        "  --lossy         write although something is lost\n"
        "  --name NAME     of the resource (default: from the profile or its file's name)\n"
        "  --api VERSION   of the resource: v1 (default) or v1beta1\n"
        "  --json          the resource as JSON\n" CONTEXT_HELP "  -h, --help      this text\n"
        "\n"
        "exit: 0 written; 1 something would be lost; 2 the profile or the command line is wrong\n"
        "example: callgate profile convert docker.json --to spo --arch x86_64 --cap default --kernel 6.1\n";

enum form {
        FORM_NONE,
        FORM_DIALECT,
        FORM_SYSTEMD,
        FORM_BPF,
};

struct conversion_options {
        struct context context;
        struct convert_options convert;
        enum form form;
        const char *from, *output;
        bool lossy, json, output_set;
};

static int take_form(struct conversion_options *options, const char *value) {
        static const char *const names[] = { "oci", "docker", "containers", "spo", "systemd", "bpf" };
        const char *nearest;

        if (!strcmp(value, "systemd")) {
                options->form = FORM_SYSTEMD;
        } else if (!strcmp(value, "bpf")) {
                options->form = FORM_BPF;
        } else if (dialect_by_name(value, &options->convert.to)) {
                options->form = FORM_DIALECT;
        } else {
                nearest = diag_nearest(value, names, sizeof(names) / sizeof(names[0]));
                return say_usage("profile convert", "--to: '%s' is not a form; write %s", value,
                                 nearest ? nearest : "oci, docker, containers, spo, systemd or bpf");
        }
        return 0;
}

enum option_number {
        OPTION_TO = 0x100,
        OPTION_LOSSY,
        OPTION_NAME,
        OPTION_API,
        OPTION_JSON,
};

static int take_option(struct conversion_options *options, int option) {
        int r = context_option(&options->context, "profile convert", option, optarg);

        if (r >= 0)
                return r;
        switch (option) {
        case OPTION_TO:
                return take_form(options, optarg);
        case 'o':
                options->output = optarg;
                options->output_set = true;
                return 0;
        case OPTION_LOSSY:
                options->lossy = true;
                return 0;
        case OPTION_NAME:
                if (!spo_name_is_valid(optarg))
                        return say_usage("profile convert",
                                         "--name: '%s' cannot name a resource; use lower-case letters, "
                                         "digits, '-' and '.'",
                                         optarg);
                options->convert.name = optarg;
                return 0;
        case OPTION_API:
                if (strcmp(optarg, "v1") && strcmp(optarg, "v1beta1"))
                        return say_usage("profile convert", "--api: '%s' is neither v1 nor v1beta1", optarg);
                options->convert.older_api = !strcmp(optarg, "v1beta1");
                return 0;
        case OPTION_JSON:
                options->json = true;
                return 0;
        default:
                fputs("Try 'callgate profile convert --help'.\n", stderr);
                return EXIT_USAGE;
        }
}

/* What systemd and programs are made of. */
static int resolve(const struct conversion_options *options, const struct profile *profile,
                   struct diags *losses, struct profile **ret) {
        struct diags diags = DIAGS_INIT;
        int r;

        diags.file = profile->file;
        r = profile_resolve(profile, &options->context.profile, &diags, ret);
        say_diags(&diags, false);
        diags_deinit(&diags);
        if (r == PROFILE_E_EMPTY) {
                say_error("%s: asks for no filter at all, so there is nothing to write",
                          profile->file ? profile->file : "the profile");
                return PROFILE_E_INVALID;
        }
        if (!r)
                r = convert_note_context(profile, &options->context.profile,
                                         CONTEXT_ARCH | CONTEXT_CAPS | CONTEXT_KERNEL, losses);
        if (!r && profile->base_name)
                r = diag_add(losses, DIAG_WARNING, "lost-base-profile", "spec.baseProfileName",
                             "the rules of %s, which the operator adds, are not in this file",
                             profile->base_name);
        return error_trace(r);
}

static int make_program(const struct conversion_options *options, const struct profile *resolved,
                        struct diags *losses, struct buf *to) {
        struct filter filter = FILTER_INIT;
        struct diags diags = DIAGS_INIT;
        int r = filter_compile(resolved, &diags, &filter);

        say_diags(&diags, false);
        diags_deinit(&diags);
        if (!r && (resolved->listener_path || resolved->flags))
                r = diag_add(losses, DIAG_WARNING, "lost-loading",
                             resolved->listener_path ? "listenerPath" : "flags",
                             "listener and flags are for the one who loads a program, not in it");
        if (!r && options->output_set)
                buf_put(to, filter.insns, filter.n * sizeof(*filter.insns));
        else if (!r)
                r = filter_disassemble(&filter, to);
        filter_deinit(&filter);
        return error_trace(r ?: buf_error(to));
}

static int make(const struct conversion_options *options, const struct profile *profile,
                struct diags *losses, struct buf *to) {
        cleanup_profile struct profile *made = NULL;
        int r;

        losses->file = profile->file;
        if (options->form == FORM_DIALECT) {
                r = profile_convert(profile, &options->convert, losses, &made);
                return error_trace(r ?: profile_write(made, options->json, to));
        }
        r = resolve(options, profile, losses, &made);
        if (r)
                return error_trace(r);
        return error_trace(options->form == FORM_SYSTEMD ? profile_write_systemd(made, losses, to)
                                                         : make_program(options, made, losses, to));
}

/* Does what is written depend on the context? */
static bool depends(const struct conversion_options *options, const struct profile *profile) {
        if (options->form == FORM_DIALECT && options->convert.to == DIALECT_DOCKER)
                return false;
        if (options->form == FORM_DIALECT && options->convert.to == DIALECT_CONTAINERS)
                return profile_context_needs(profile) & CONTEXT_KERNEL;
        return true;
}

static int convert(struct conversion_options *options) {
        cleanup_profile struct profile *profile = NULL;
        struct diags losses = DIAGS_INIT;
        struct buf text = BUF_INIT(0);
        int r = context_read(&options->context, options->from, &profile);

        if (r)
                return r;
        options->convert.context = &options->context.profile;
        r = make(options, profile, &losses, &text);
        if (!r && losses.n_warnings) {
                diags_print(&losses, stderr, DIAG_WARNING, say_colour());
                if (!options->lossy)
                        say_error("%s: the above would be lost, so nothing is written; --lossy writes it "
                                  "nevertheless",
                                  options->from);
        }
        if (!r && (!losses.n_warnings || options->lossy)) {
                if (depends(options, profile))
                        context_say(&options->context, profile);
                r = options_write(options->output, "-o", &text);
        } else if (!r) {
                r = 1;
        } else {
                r = r < 0 ? say_trouble(r, options->from) : EXIT_USAGE;
        }
        buf_deinit(&text);
        diags_deinit(&losses);
        return r;
}

int profile_verb_convert(int argc, char **argv) {
        static const struct option long_options[] = {
                { "help", no_argument, NULL, 'h' },
                { "output", required_argument, NULL, 'o' },
                { "to", required_argument, NULL, OPTION_TO },
                { "lossy", no_argument, NULL, OPTION_LOSSY },
                { "name", required_argument, NULL, OPTION_NAME },
                { "api", required_argument, NULL, OPTION_API },
                { "json", no_argument, NULL, OPTION_JSON },
                CONTEXT_OPTIONS,
                { 0 },
        };
        struct conversion_options options = { .output = "-" };
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
        if (options.form == FORM_NONE)
                return say_usage("profile convert",
                                 "--to what? oci, docker, containers, spo, systemd or bpf");
        if (argc - optind != 1)
                return say_usage("profile convert", "it takes one file");
        if (options.form == FORM_BPF && options.output_set && !strcmp(options.output, "-") &&
            isatty(STDOUT_FILENO))
                return say_usage("profile convert",
                                 "a terminal is no place for a raw program; leave -o out for its text");
        options.from = argv[optind];
        return convert(&options);
}
