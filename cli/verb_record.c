/* SPDX-License-Identifier: Apache-2.0 */

/* callgate record: every call is notified, answered CONTINUE, and learnt into a profile. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/notify.h"
#include "base/error.h"
#include "base/output.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/supervise.h"
#include "cli/verbs.h"
#include "policy/learn.h"
#include "policy/write_oci.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate record -o PROFILE [OPTION…] -- COMMAND [ARGUMENT…]\n"
        "\n"
        "Runs COMMAND, refuses nothing, and writes a seccomp profile (OCI JSON) that allows what\n"
        "COMMAND and all its descendants did, and refuses the rest with EPERM (ENOSYS for calls\n"
        "that programs probe for). Equal runs give equal files.\n"
        "\n"
        "  -o, --output FILE       the profile to write ('-': standard output)\n"
        "      --args              learn conditions on arguments (socket domains, clone flags, …)\n"
        "      --base FILE         start from this profile: what it allows is not notified again\n"
        "      --merge             unite with what is in the output file already\n"
        "      --for RUNTIME       add the calls that runc, crun or docker make themselves\n"
        "      --evidence FILE     why each rule is there, as JSON\n"
        "      --events FILE       keep every call in FILE (callgate events reads it)\n"
        "      --supervisor SOCKET hand over to the callgated service at SOCKET\n"
        "      --detach            do not wait for processes that outlive the first one\n"
        "      --allow-incomplete  do not exit 4 when the recording has a hole\n"
        "  -h, --help              this text\n"
        "\n"
        "example: callgate record -o nginx.json -- nginx -g 'daemon off;'\n";

struct record {
        const char *output_path, *base_path, *evidence_path, *events_path, *service;
        struct learn_options learn_options;
        bool merge, detach, allow_incomplete;
        struct profile *base, *existing; /* as written: what is conditional in them stays so */
        struct profile *base_resolved, *existing_resolved;
        struct filter base_filter, installed;
        struct learn *learn;
};

static int parse(struct record *record, int argc, char **argv) {
        enum { ARGS = 256, BASE, MERGE, FOR, EVIDENCE, EVENTS, DETACH, INCOMPLETE, SUPERVISOR };
        static const struct option options[] = {
                { "output", required_argument, NULL, 'o' },
                { "args", no_argument, NULL, ARGS },
                { "base", required_argument, NULL, BASE },
                { "merge", no_argument, NULL, MERGE },
                { "for", required_argument, NULL, FOR },
                { "evidence", required_argument, NULL, EVIDENCE },
                { "events", required_argument, NULL, EVENTS },
                { "supervisor", required_argument, NULL, SUPERVISOR },
                { "detach", no_argument, NULL, DETACH },
                { "allow-incomplete", no_argument, NULL, INCOMPLETE },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        int option;

        while ((option = getopt_long(argc, argv, "+o:h", options, NULL)) != -1) {
                switch (option) {
                case 'o':
                        record->output_path = optarg;
                        break;
                case ARGS:
                        record->learn_options.args = true;
                        break;
                case BASE:
                        record->base_path = optarg;
                        break;
                case MERGE:
                        record->merge = true;
                        break;
                case FOR:
                        if (learn_runtime_by_name(optarg, &record->learn_options.runtime) != 0)
                                return say_usage("record",
                                                 "--for %s: not a runtime known here; runc, crun or docker",
                                                 optarg);
                        break;
                case EVIDENCE:
                        record->evidence_path = optarg;
                        break;
                case EVENTS:
                        record->events_path = optarg;
                        break;
                case SUPERVISOR:
                        record->service = optarg;
                        break;
                case DETACH:
                        record->detach = true;
                        break;
                case INCOMPLETE:
                        record->allow_incomplete = true;
                        break;
                case 'h':
                        fputs(help, stdout);
                        return -1;
                default:
                        fputs("Try 'callgate record --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        }
        if (!record->output_path)
                return say_usage("record", "-o is missing: where shall the profile go?");
        if (optind == argc)
                return say_usage("record", "no command to run: put it after --");
        if (record->merge && strcmp(record->output_path, "-") == 0)
                return say_usage("record", "--merge needs a file to unite with, not standard output");
        return 0;
}

static int on_row(void *data, const struct event *event) {
        struct record *record = data;

        return learn_add(record->learn, event);
}

static int prepare(struct record *record) {
        int r;

        if (record->base_path) {
                r = options_profile(record->base_path, &record->base, &record->base_resolved,
                                    &record->base_filter);
                if (r)
                        return r;
                record->learn_options.base = record->base;
                record->learn_options.base_resolved = record->base_resolved;
        }
        if (record->merge && access(record->output_path, F_OK) == 0) {
                r = options_profile(record->output_path, &record->existing, &record->existing_resolved,
                                    NULL);
                if (r)
                        return r;
                record->learn_options.merge = record->existing;
                record->learn_options.merge_resolved = record->existing_resolved;
        }
        r = notify_record(&record->base_filter, &record->installed);
        if (!r)
                r = learn_new(&record->learn_options, &record->learn);
        return r ? say_trouble(r, "record") : 0;
}

/* What was learnt, in a few lines. */
static int summarize(struct record *record, const struct supervise_result *result) {
        const struct learn_unnamed *unnamed;
        struct completeness completeness = learn_completeness(record->learn);
        struct buf text = BUF_INIT(0);
        const char *const *names;
        size_t n = learn_unnamed(record->learn, &unnamed), n_names;
        int r;

        for (size_t i = 0; i < n; i++) {
                const struct arch *arch = arch_by_audit(unnamed[i].arch);

                say("warning: %s made call number %u of %s %llu times; it has no name here and no profile "
                    "can "
                    "allow it",
                    unnamed[i].comm, unnamed[i].nr, arch ? arch->name : "an unknown architecture",
                    (unsigned long long)unnamed[i].count);
        }
        if (strcmp(record->output_path, "-") != 0)
                say("wrote %s", record->output_path);
        completeness_text(&completeness, &text);
        say("%s", buf_string(&text));
        buf_reset(&text);
        if (record->base || record->existing) {
                r = learn_new_names(record->learn, &names, &n_names);
                if (r) {
                        buf_deinit(&text);
                        return say_trouble(r, "record");
                }
                for (size_t i = 0; i < n_names; i++)
                        buf_printf(&text, " %s", names[i]);
                say("new against %s: %s", record->base ? record->base_path : record->output_path,
                    n_names ? buf_string(&text) + 1 : "nothing");
                buf_reset(&text);
        }
        report_ledger_text(&result->ledger, &text);
        say("%s", buf_string(&text));
        if (!result->complete)
                say("the recording is incomplete: %s", result->missing);
        buf_deinit(&text);
        return 0;
}

static int write_results(struct record *record, const struct supervise_result *result,
                         struct output *profile_out, struct output *evidence_out) {
        cleanup_profile struct profile *profile = NULL;
        struct buf text = BUF_INIT(0);
        int r = learn_profile(record->learn, &profile);

        if (!r)
                r = profile_write_oci(profile, &text);
        if (r) {
                buf_deinit(&text);
                return say_trouble(r, "record");
        }
        fwrite(text.data, 1, text.n, profile_out->stream);
        buf_deinit(&text);
        r = options_commit(record->output_path, "-o", profile_out);
        if (!r && record->evidence_path) {
                r = learn_evidence(record->learn, &result->ledger, evidence_out->stream);
                if (r)
                        return say_trouble(r, "evidence");
                r = options_commit(record->evidence_path, "--evidence", evidence_out);
        }
        return r;
}

static int run_record(struct record *record, char **command) {
        struct supervise_options options = {
                .mode = WIRE_MODE_RECORD,
                .argv = command,
                .enforcing = record->base_path ? &record->base_filter : NULL,
                .installed = &record->installed,
                .events_path = record->events_path,
                .service = record->service,
                .keep_stdout = strcmp(record->output_path, "-") == 0,
                .detach = record->detach,
                .deferred_output = true,
                .on_row = on_row,
                .data = record,
        };
        struct output profile_out = OUTPUT_INIT, evidence_out = OUTPUT_INIT;
        struct supervise_result result;
        int r = prepare(record);

        if (!r)
                r = options_open(record->output_path, "-o", &profile_out);
        if (!r)
                r = options_open(record->evidence_path, "--evidence", &evidence_out);
        if (!r)
                r = supervise(&options, &result);
        if (!r)
                r = write_results(record, &result, &profile_out, &evidence_out);
        output_abort(&profile_out);
        output_abort(&evidence_out);
        if (!r)
                r = summarize(record, &result);
        if (r)
                return r;
        if (!result.complete && !record->allow_incomplete)
                return EXIT_INCOMPLETE;
        return result.exit_code;
}

int verb_record(int argc, char **argv) {
        struct record record = { 0 };
        int r = parse(&record, argc, argv);

        if (r == 0)
                r = run_record(&record, argv + optind);
        else if (r < 0)
                r = 0;
        learn_free(record.learn);
        filter_deinit(&record.base_filter);
        filter_deinit(&record.installed);
        profile_free(record.base);
        profile_free(record.existing);
        profile_free(record.base_resolved);
        profile_free(record.existing_resolved);
        return r;
}
