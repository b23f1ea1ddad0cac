/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile check: every profile read, every finding printed, the safe ones repaired if asked for. */

#include <errno.h>
#include <fts.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/output.h"
#include "cli/context.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/options.h"
#include "cli/say.h"
#include "policy/check.h"
#include "policy/convert.h"
#include "policy/fix.h"
#include "policy/write_check.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate profile check [OPTION…] FILE|DIRECTORY…\n"
        "\n"
        "Reads profiles ('-': standard input; of a directory *.json, *.yaml and *.yml, however deep)\n"
        "and says what is wrong or doubtful in them, each finding with its place, a remedy and a\n"
        "stable id in brackets. docs/FINDINGS.md explains every id.\n"
        "\n"
        "  --fleet A,B…    architectures it shall work on, such as amd64,arm64\n"
        "  --runtime NAME  that will load it: runc, crun or docker\n"
        "  --no-new-privs  the runtime sets no_new_privs (fewer calls of its own)\n"
        "  --strict        warnings count as errors\n"
        "  --ignore ID     leave this finding out; repeatable\n"
        "  --quiet         no notes, only warnings and errors\n"
        "  --fix           repair what can be repaired without changing which calls run\n"
        "  -o, --output F  write the repaired profile there instead of in place\n"
        "  --json          one JSON document instead of text\n" CONTEXT_HELP "  -h, --help      this text\n"
        "\n"
        "exit: 0 nothing but notes; 1 warnings; 2 errors\n"
        "example: callgate profile check --strict --fleet amd64,arm64 profiles/\n";

#define FLEET_MAX  16
#define IGNORE_MAX 32

struct check {
        struct context context;
        struct check_options options;
        const struct arch *fleet[FLEET_MAX];
        const char *ignored[IGNORE_MAX];
        size_t n_ignored;
        bool strict, fix, json, quiet, context_said;
        const char *output;
        struct check_report *report; /* with json */
        size_t n_files, n_errors, n_warnings, n_notes, n_repairs;
        int worst;
};

/* Asked to be left out, or repaired after a reader had spoken of it. */
static bool is_ignored(const struct check *check, const struct diags *done, const struct diag *diag) {
        for (size_t i = 0; check->fix && i < done->n; i++)
                if (diag->id == done->items[i].id || (diag->id && !strcmp(diag->id, done->items[i].id)))
                        return diag->place && !strcmp(diag->place, done->items[i].place);
        for (size_t i = 0; diag->severity != DIAG_ERROR && i < check->n_ignored; i++)
                if (!strcmp(finding_id(diag), check->ignored[i]))
                        return true;
        return false;
}

static void leave_out(const struct check *check, const struct diags *done, struct diags *diags) {
        size_t kept = 0;

        for (size_t i = 0; i < diags->n; i++) {
                struct diag *item = &diags->items[i];

                if (!is_ignored(check, done, item)) {
                        diags->items[kept++] = *item;
                        continue;
                }
                if (item->severity == DIAG_WARNING)
                        diags->n_warnings--;
                free(item->file);
                free(item->place);
                free(item->text);
        }
        diags->n = kept;
}

static void count(struct check *check, struct diags *diags) {
        for (size_t i = 0; i < diags->n; i++)
                diags->items[i].id = finding_id(&diags->items[i]);
        check->n_errors += diags->n_errors;
        check->n_warnings += diags->n_warnings;
        for (size_t i = 0; i < diags->n; i++)
                check->n_notes += diags->items[i].severity == DIAG_INFO;
}

/* What a reader passed over would be gone from a file that is written anew. */
static const char *unwritable(const struct profile *profile, const struct diags *diags) {
        static const char *const lossy[] = { "unknown-field", "foreign-field", "duplicate-key",
                                             "several-documents" };

        if (profile->inside)
                return "the profile is part of a larger document, of which the rest would be lost";
        for (size_t i = 0; i < diags->n; i++)
                for (size_t j = 0; j < sizeof(lossy) / sizeof(lossy[0]); j++)
                        if (diags->items[i].id && !strcmp(diags->items[i].id, lossy[j]))
                                return "the file holds what a profile cannot keep, as the warnings say";
        return NULL;
}

/* Whole or not at all; an existing file keeps its mode. */
static int write_file(const char *path, const struct buf *text) {
        struct output output = OUTPUT_INIT;
        struct stat status;
        bool there = strcmp(path, "-") && !stat(path, &status) && S_ISREG(status.st_mode);
        int r = options_open(path, "-o", &output);

        if (r)
                return r;
        if (there)
                (void)fchmod(fileno(output.stream), status.st_mode & 07777);
        fwrite(text->data, 1, text->n, output.stream);
        return options_commit(path, "-o", &output);
}

/* What can be repaired; with --fix *profile is, and the file is written if that changed anything or another
 * place was asked for. */
static int repair(struct check *check, const char *path, const struct diags *said, struct diags *done,
                  struct profile **profile) {
        const char *to = check->output ? check->output : path;
        const char *why = unwritable(*profile, said);
        struct profile *fixed = NULL;
        struct buf text = BUF_INIT(0);
        int r = profile_fix(*profile, done, &fixed);

        if (r) {
                r = say_trouble(r, path);
        } else if (check->fix && (done->n || check->output) && why) {
                say_error("%s: not repaired: %s; repair it by hand", path, why);
                r = EXIT_USAGE;
        } else if (check->fix && (done->n || check->output)) {
                /* JSON stays JSON, also where YAML is the usual form. */
                r = profile_write(fixed, !(*profile)->yaml, &text);
                r = r ? say_trouble(r, path) : write_file(to, &text);
                for (size_t i = 0; !r && i < done->n; i++)
                        say("%s: %s: repaired: %s [%s]", path, done->items[i].place, done->items[i].text,
                            done->items[i].id);
        }
        if (!r && check->fix && fixed) {
                profile_free(*profile);
                *profile = fixed;
                fixed = NULL;
        }
        profile_free(fixed);
        buf_deinit(&text);
        return r;
}

static void check_one(struct check *check, const char *path) {
        cleanup_profile struct profile *profile = NULL;
        struct diags diags = DIAGS_INIT, done = DIAGS_INIT;
        FILE *to = check->output && !strcmp(check->output, "-") ? stderr : stdout;
        int r = profile_read_file_as(path, &check->context.read, &diags, &profile), code;

        if (!r) {
                code = repair(check, path, &diags, &done, &profile);
                check->n_repairs += done.n;
                if (code > check->worst)
                        check->worst = code;
        }
        if (!r) {
                /* Of a thousand profiles one line says for which machine they were read. */
                if (!check->context_said && profile_context_needs(profile)) {
                        context_say(&check->context, profile);
                        check->context_said = true;
                }
                r = profile_check_for(profile, &check->context.profile, &check->options, &diags);
        }
        leave_out(check, &done, &diags);
        count(check, &diags);
        check->n_files++;
        code = diags.n_errors > 0 || r ? EXIT_USAGE : !diags.n_warnings ? 0 : check->strict ? EXIT_USAGE : 1;
        if (r < 0) {
                code = say_trouble(r, path);
        } else if (check->json) {
                static const char *const verdicts[] = { "fine", "warnings", "errors" };

                r = check_report_add(check->report, path, verdicts[code], profile, &diags, &done);
                if (r)
                        code = say_trouble(r, path);
        } else {
                diags_print(&diags, to, check->quiet ? DIAG_WARNING : DIAG_INFO,
                            to == stdout && isatty(STDOUT_FILENO));
                if (!diags.n)
                        fprintf(to, "%s: fine\n", path);
        }
        diags_deinit(&diags);
        diags_deinit(&done);
        if (code > check->worst)
                check->worst = code;
}

static bool is_profile_name(const char *name) {
        static const char *const endings[] = { ".json", ".yaml", ".yml" };
        size_t n = strlen(name);

        for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
                size_t n_ending = strlen(endings[i]);

                if (n > n_ending && !strcmp(name + n - n_ending, endings[i]))
                        return true;
        }
        return false;
}

static int by_name(const FTSENT **a, const FTSENT **b) {
        return strcmp((*a)->fts_name, (*b)->fts_name);
}

static void check_directory(struct check *check, const char *path) {
        char *roots[] = { strdup(path), NULL };
        FTS *tree = roots[0] ? fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, by_name) : NULL;
        size_t n_before = check->n_files;
        FTSENT *entry;

        if (!tree) {
                check->worst = say_trouble(-errno, path);
                free(roots[0]);
                return;
        }
        while ((entry = fts_read(tree))) {
                if (entry->fts_info == FTS_DNR || entry->fts_info == FTS_ERR) {
                        say_error("%s: cannot be read: %s", entry->fts_path, strerror(entry->fts_errno));
                        check->worst = check->worst < EXIT_USAGE ? EXIT_USAGE : check->worst;
                }
                if (entry->fts_info == FTS_F && is_profile_name(entry->fts_name))
                        check_one(check, entry->fts_path);
        }
        fts_close(tree);
        free(roots[0]);
        if (check->n_files == n_before) {
                say_error("%s: holds no file named *.json, *.yaml or *.yml", path);
                check->worst = check->worst < EXIT_USAGE ? EXIT_USAGE : check->worst;
        }
}

static int take_fleet(struct check *check, const char *value) {
        char name[32];

        while (*value) {
                size_t n = strcspn(value, ",");
                const struct arch *arch;

                snprintf(name, sizeof(name), "%.*s", n < 31 ? (int)n : 31, value);
                value += n + (value[n] == ',');
                if (!n)
                        continue;
                arch = arch_by_any(name);
                if (!arch)
                        return say_usage("profile check",
                                         "--fleet: '%s' is not an architecture; write one such as amd64 or "
                                         "arm64",
                                         name);
                if (check->options.n_fleet == FLEET_MAX)
                        return say_usage("profile check", "--fleet: at most %d architectures", FLEET_MAX);
                check->fleet[check->options.n_fleet++] = arch;
        }
        check->options.fleet = check->fleet;
        return 0;
}

static int take_ignored(struct check *check, const char *value) {
        if (!finding_by_id(value)) {
                const char *names[256], *nearest;
                size_t n = 0;

                while (n < 256 && n < findings_n) {
                        names[n] = findings[n].id;
                        n++;
                }
                nearest = diag_nearest(value, names, n);
                return say_usage("profile check", "--ignore: no finding is called '%s'%s%s%s", value,
                                 nearest ? "; did you mean '" : "", nearest ? nearest : "",
                                 nearest ? "'?" : "");
        }
        if (check->n_ignored == IGNORE_MAX)
                return say_usage("profile check", "--ignore: at most %d of them", IGNORE_MAX);
        check->ignored[check->n_ignored++] = value;
        return 0;
}

static int take_runtime(struct check *check, const char *value) {
        if (!learn_runtime_by_name(value, &check->options.runtime))
                return 0;
        return say_usage("profile check", "--runtime: '%s' is not known; write runc, crun or docker", value);
}

enum { FLEET = 1, RUNTIME, NO_NEW_PRIVS, STRICT, IGNORE, QUIET, FIX, JSON };

static int take(struct check *check, int option, const char *value) {
        int r;

        switch (option) {
        case FLEET:
                return take_fleet(check, value);
        case RUNTIME:
                return take_runtime(check, value);
        case NO_NEW_PRIVS:
                check->options.no_new_privs = true;
                return 0;
        case STRICT:
                check->strict = true;
                return 0;
        case IGNORE:
                return take_ignored(check, value);
        case QUIET:
                check->quiet = true;
                return 0;
        case FIX:
                check->fix = true;
                return 0;
        case JSON:
                check->json = true;
                return 0;
        case 'o':
                check->output = value;
                return 0;
        default:
                r = context_option(&check->context, "profile check", option, value);
                if (r < 0)
                        fputs("Try 'callgate profile check --help'.\n", stderr);
                return r < 0 ? EXIT_USAGE : r;
        }
}

static void print_summary(const struct check *check) {
        if (check->n_files < 2 && !check->n_repairs)
                return;
        fprintf(check->output ? stderr : stdout, "%zu file%s: %zu error%s, %zu warning%s, %zu note%s",
                check->n_files, check->n_files == 1 ? "" : "s", check->n_errors,
                check->n_errors == 1 ? "" : "s", check->n_warnings, check->n_warnings == 1 ? "" : "s",
                check->n_notes, check->n_notes == 1 ? "" : "s");
        if (check->n_repairs && !check->fix)
                fprintf(check->output ? stderr : stdout, "; --fix repairs %zu place%s", check->n_repairs,
                        check->n_repairs == 1 ? "" : "s");
        fputc('\n', check->output ? stderr : stdout);
}

static int check_all(struct check *check, char **paths, int n) {
        struct stat status;
        int r;

        if (check->output && (!check->fix || n != 1))
                return say_usage("profile check", "--output goes with --fix and one file");
        if (check->json && (r = check_report_new(&check->report)))
                return say_trouble(r, "profile check");
        for (int i = 0; i < n; i++) {
                bool directory =
                        strcmp(paths[i], "-") && !stat(paths[i], &status) && S_ISDIR(status.st_mode);

                if (check->output && directory)
                        return say_usage("profile check", "--output goes with one file, not a directory");
                if (check->fix && !check->output && !strcmp(paths[i], "-"))
                        return say_usage("profile check",
                                         "standard input cannot be repaired in place; give --output");
                if (directory)
                        check_directory(check, paths[i]);
                else
                        check_one(check, paths[i]);
        }
        if (check->json) {
                r = check_report_print(check->report,
                                       check->output && !strcmp(check->output, "-") ? stderr : stdout);
                if (r)
                        return say_trouble(r, "--json");
        } else {
                print_summary(check);
        }
        return check->worst;
}

int profile_verb_check(int argc, char **argv) {
        static const struct option options[] = {
                { "fleet", required_argument, NULL, FLEET },
                { "runtime", required_argument, NULL, RUNTIME },
                { "no-new-privs", no_argument, NULL, NO_NEW_PRIVS },
                { "strict", no_argument, NULL, STRICT },
                { "ignore", required_argument, NULL, IGNORE },
                { "quiet", no_argument, NULL, QUIET },
                { "fix", no_argument, NULL, FIX },
                { "json", no_argument, NULL, JSON },
                { "output", required_argument, NULL, 'o' },
                CONTEXT_OPTIONS,
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        struct check check = { 0 };
        int option, r;

        r = context_init(&check.context);
        if (r)
                return r;
        while ((option = getopt_long(argc, argv, "ho:", options, NULL)) != -1) {
                if (option == 'h') {
                        fputs(help, stdout);
                        return 0;
                }
                r = take(&check, option, optarg);
                if (r)
                        return r;
        }
        if (optind == argc)
                return say_usage("profile check", "check which file?");
        r = check_all(&check, argv + optind, argc - optind);
        check_report_free(check.report);
        return r;
}
