/* SPDX-License-Identifier: Apache-2.0 */

#include "cli/learning.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/say.h"
#include "policy/convert.h"
#include "policy/read.h"
#include "policy/write_oci.h"
#include "policy/write_spo.h"
#include "syscalls/names.h"

#define UNNAMED_SAID 20

int learning_option(struct learning *learning, int option, const char *value) {
        switch (option) {
        case 'o':
                learning->output_path = value;
                return 0;
        case LEARNING_OPTION_ARGS:
                learning->options.args = true;
                return 0;
        case LEARNING_OPTION_BASE:
                learning->base_path = value;
                return 0;
        case LEARNING_OPTION_MERGE:
                learning->merge = true;
                return 0;
        case LEARNING_OPTION_FOR:
                if (learn_runtime_by_name(value, &learning->options.runtime) != 0)
                        return say_usage(learning->verb,
                                         "--for %s: not a runtime known here; runc, crun or docker", value);
                return 0;
        case LEARNING_OPTION_EVIDENCE:
                learning->evidence_path = value;
                return 0;
        case LEARNING_OPTION_INCOMPLETE:
                learning->allow_incomplete = true;
                return 0;
        case LEARNING_OPTION_WITH_RUNTIME:
                learning->options.with_runtime = true;
                return 0;
        default:
                return -1;
        }
}

int learning_check(const struct learning *learning) {
        if (!learning->output_path)
                return say_usage(learning->verb, "-o is missing: where shall the profile go?");
        if (learning->merge && strcmp(learning->output_path, "-") == 0)
                return say_usage(learning->verb, "--merge needs a file to unite with, not standard output");
        return 0;
}

int learning_prepare(struct learning *learning, struct filter *ret_base) {
        int r;

        if (learning->base_path) {
                r = options_profile(learning->base_path, &learning->base, &learning->base_resolved,
                                    ret_base);
                if (r)
                        return r;
        }
        if (learning->merge && access(learning->output_path, F_OK) == 0) {
                r = options_profile(learning->output_path, &learning->existing, &learning->existing_resolved,
                                    NULL);
                if (r)
                        return r;
        }
        learning->options.base = learning->base;
        learning->options.base_resolved = learning->base_resolved;
        learning->options.merge = learning->existing;
        learning->options.merge_resolved = learning->existing_resolved;
        r = learn_new(&learning->options, &learning->learn);
        return r ? say_trouble(r, learning->verb) : 0;
}

int learning_open(struct learning *learning) {
        int r = options_open(learning->output_path, "-o", &learning->profile_out);

        return r ?: options_open(learning->evidence_path, "--evidence", &learning->evidence_out);
}

/* What a resource is called by its file: "web" of "out/web.yaml"; NULL: that cannot name one. */
static const char *name_of(const char *path, char *ret, size_t size) {
        const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
        size_t n = strcspn(base, ".");

        if (n == 0 || n >= size)
                return NULL;
        snprintf(ret, size, "%.*s", (int)n, base);
        return spo_name_is_valid(ret) ? ret : NULL;
}

static bool is_json_file(const char *path) {
        size_t n = strlen(path);

        return n > 5 && strcmp(path + n - 5, ".json") == 0;
}

/* What the dialect has no words for is said, and left out. */
static int put_as(struct learning *learning, const struct profile *profile, struct buf *to) {
        cleanup_profile struct profile *converted = NULL;
        struct convert_options options = { 0 };
        struct profile_context context;
        char name[256];
        struct diags losses = DIAGS_INIT;
        int r = profile_context_machine(&context);

        options.context = &context;
        options.name = name_of(learning->output_path, name, sizeof(name));
        if (!dialect_by_name(learning->dialect, &options.to)) {
                say_usage(learning->verb, "--format %s: write oci, docker, containers or spo",
                          learning->dialect);
                return EXIT_USAGE;
        }
        if (!r)
                r = profile_convert(profile, &options, &losses, &converted);
        say_diags(&losses, false);
        diags_deinit(&losses);
        if (!r)
                r = profile_write(converted, is_json_file(learning->output_path), to);
        return error_trace(r);
}

static int put_profile(struct learning *learning, struct buf *to) {
        cleanup_profile struct profile *profile = NULL;
        int r = learn_profile(learning->learn, &profile);

        if (r)
                return error_trace(r);
        if (learning->dialect)
                return put_as(learning, profile, to);
        return error_trace(learning->any_dialect ? profile_write(profile, !profile->yaml, to)
                                                 : profile_write_oci(profile, to));
}

int learning_write(struct learning *learning, const struct ledger *ledger) {
        struct buf text = BUF_INIT(0);
        int r = put_profile(learning, &text);

        if (!r && fwrite(text.data, 1, text.n, learning->profile_out.stream) != text.n)
                r = error_origin(-errno);
        buf_deinit(&text);
        if (r > 0)
                return r;
        if (r)
                return say_trouble(r, learning->output_path);
        r = options_commit(learning->output_path, "-o", &learning->profile_out);
        if (r || !learning->evidence_path)
                return r;
        r = learn_evidence(learning->learn, ledger, learning->evidence_out.stream);
        if (r) {
                say_error("--evidence %s: cannot be written: %s", learning->evidence_path, strerror(-r));
                return EXIT_TROUBLE;
        }
        return options_commit(learning->evidence_path, "--evidence", &learning->evidence_out);
}

static void say_unnamed(const struct learning *learning) {
        const struct learn_unnamed *unnamed;
        size_t n = learn_unnamed(learning->learn, &unnamed);

        for (size_t i = 0; i < n && i < UNNAMED_SAID; i++) {
                const struct arch *arch = arch_of_call(unnamed[i].arch, unnamed[i].nr);
                struct buf comm = BUF_INIT(0);

                buf_escape(&comm, unnamed[i].comm, strnlen(unnamed[i].comm, sizeof(unnamed[i].comm)));
                say("warning: call number %" PRIu32 " of %s was made %" PRIu64
                    " times, by %s for one; it has no name here and no profile can allow it",
                    unnamed[i].nr, arch ? arch->name : "an unknown architecture", unnamed[i].count,
                    comm.n ? buf_string(&comm) : "an unknown program");
                buf_deinit(&comm);
        }
        if (n > UNNAMED_SAID)
                say("warning: and %zu more such numbers", n - UNNAMED_SAID);
}

static int say_new(const struct learning *learning) {
        struct buf text = BUF_INIT(0);
        const char *const *names;
        size_t n;
        int r = learn_new_names(learning->learn, &names, &n);

        for (size_t i = 0; i < n && !r; i++)
                buf_printf(&text, " %s", names[i]);
        if (r)
                r = say_trouble(r, learning->verb);
        else
                say("new against %s: %s", learning->base ? learning->base_path : learning->output_path,
                    n ? buf_string(&text) + 1 : "nothing");
        buf_deinit(&text);
        return r;
}

int learning_summarize(const struct learning *learning) {
        struct completeness completeness = learn_completeness(learning->learn);
        struct buf text = BUF_INIT(0);
        size_t n_nodes, n_places;

        say_unnamed(learning);
        if (strcmp(learning->output_path, "-") != 0)
                say("wrote %s", learning->output_path);
        if (learn_left_out(learning->learn) > 0)
                say("left out: %" PRIu64 " calls of the container runtime's own; --for RUNTIME or "
                    "--with-runtime adds them",
                    learn_left_out(learning->learn));
        learn_places(learning->learn, &n_nodes, &n_places);
        if (n_places > 0)
                say("seen on %zu node%s, in %zu container%s or program%s", n_nodes, n_nodes == 1 ? "" : "s",
                    n_places, n_places == 1 ? "" : "s", n_places == 1 ? "" : "s");
        completeness_text(&completeness, &text);
        say("%s", buf_string(&text));
        buf_deinit(&text);
        return learning->base || learning->existing ? say_new(learning) : 0;
}

void learning_deinit(struct learning *learning) {
        output_abort(&learning->profile_out);
        output_abort(&learning->evidence_out);
        learn_free(learning->learn);
        profile_free(learning->base);
        profile_free(learning->existing);
        profile_free(learning->base_resolved);
        profile_free(learning->existing_resolved);
}
