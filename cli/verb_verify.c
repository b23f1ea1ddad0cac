/* SPDX-License-Identifier: Apache-2.0 */

/*
 * callgate verify: the same command without a filter, then under the profile's own in-kernel filter, with no
 * supervisor. Only when the two end differently a third, dry run names the calls that were refused.
 */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/job.h"
#include "agent/launch.h"
#include "agent/notify.h"
#include "base/error.h"
#include "base/fd.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/refusals.h"
#include "cli/say.h"
#include "cli/verbs.h"

static const char help[] =
        "usage: callgate verify PROFILE [OPTION…] -- COMMAND [ARGUMENT…]\n"
        "\n"
        "Runs COMMAND twice: as it is (output discarded), then under PROFILE enforced by the kernel\n"
        "alone, without a supervisor. Says whether both end alike. If they do not, a third run\n"
        "finds out which calls the profile refused. COMMAND should be one that may run repeatedly.\n"
        "\n"
        "  -q, --quiet  discard the output of the second run as well\n"
        "  -h, --help   this text\n"
        "\n"
        "exit: 0 both end alike; 5 they differ; 2 the profile cannot be used\n"
        "example: callgate verify nginx.json -- nginx -t\n";

#define STDIN_MAX (64u << 20)
#define NOTICE_MS 2000

struct verify {
        const char *profile_path;
        bool quiet;
        struct refusals refusals;
        bool interrupted; /* somebody wants an end, not another run */
        int stdin_fd; /* what was piped in, kept so that every run reads the same; -1: a terminal or nothing
                       */
};

/* PROFILE may stand before or after the options; the command begins behind it, with or without "--". */
static int parse(struct verify *verify, int argc, char **argv) {
        static const struct option options[] = {
                { "quiet", no_argument, NULL, 'q' },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };

        for (;;) {
                int option = getopt_long(argc, argv, "+qh", options, NULL);

                if (option == 'q')
                        verify->quiet = true;
                else if (option == 'h') {
                        fputs(help, stdout);
                        return -1;
                } else if (option != -1) {
                        fputs("Try 'callgate verify --help'.\n", stderr);
                        return EXIT_USAGE;
                } else if (!verify->profile_path && optind < argc && strcmp(argv[optind - 1], "--") != 0)
                        verify->profile_path = argv[optind++];
                else
                        break;
        }
        if (!verify->profile_path)
                return say_usage("verify", "PROFILE is missing: which profile is to be verified?");
        if (optind == argc)
                return say_usage("verify", "no command to run: put it after --");
        return 0;
}

/* Every run shall read the same input. */
static int keep_stdin(struct verify *verify) {
        struct buf bytes = BUF_INIT(STDIN_MAX);
        int r;

        verify->stdin_fd = -1;
        if (isatty(STDIN_FILENO) || fcntl(STDIN_FILENO, F_GETFD) < 0 ||
            lseek(STDIN_FILENO, 0, SEEK_CUR) >= 0)
                return 0; /* a file is read again from where it stands: see rewind_stdin() */
        r = buf_read_fd(&bytes, STDIN_FILENO, STDIN_MAX);
        if (r == -EFBIG) {
                buf_deinit(&bytes);
                say_error("verify: standard input is longer than %u MiB; give the command a file instead",
                          STDIN_MAX >> 20);
                return EXIT_USAGE;
        }
        if (!r) {
                verify->stdin_fd = memfd_create("stdin", MFD_CLOEXEC);
                r = verify->stdin_fd < 0 ? error_origin(-errno)
                                         : fd_write_all(verify->stdin_fd, bytes.data, bytes.n);
        }
        buf_deinit(&bytes);
        return r ? say_trouble(r, "standard input") : 0;
}

/* Redirects our own descriptors for one run and puts them back. */
struct streams {
        int saved[3];
        off_t stdin_at;
};

static void streams_set(struct streams *streams, const struct verify *verify, bool discard) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        streams->stdin_at = lseek(STDIN_FILENO, 0, SEEK_CUR);
        for (int fd = 0; fd < 3; fd++)
                streams->saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (verify->stdin_fd >= 0) {
                lseek(verify->stdin_fd, 0, SEEK_SET);
                dup2(verify->stdin_fd, STDIN_FILENO);
        }
        if (discard) {
                dup2(null, STDOUT_FILENO);
                dup2(null, STDERR_FILENO);
        }
        fd_close(null);
}

static void streams_restore(struct streams *streams) {
        for (int fd = 0; fd < 3; fd++)
                if (streams->saved[fd] >= 0) {
                        dup2(streams->saved[fd], fd);
                        fd_close(streams->saved[fd]);
                }
        if (streams->stdin_at >= 0)
                lseek(STDIN_FILENO, streams->stdin_at, SEEK_SET);
}

/*
 * Waits for what outlived the first process: adopted by us (PR_SET_CHILD_SUBREAPER), so that a daemon of one
 * run cannot disturb the next.
 */
static void wait_for_orphans(struct job *job) {
        bool noticed = false;

        for (;;) {
                struct pollfd pollfd = { .fd = job->signal_fd, .events = POLLIN };
                pid_t pid;

                while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                        ;
                if (pid < 0)
                        return;
                if (poll(&pollfd, 1, NOTICE_MS) == 0 && !noticed) {
                        say("waiting for processes that the command left behind (ctrl-C: go on without "
                            "them)");
                        noticed = true;
                }
                if (job_on_signal(job) == JOB_E_INTERRUPTED)
                        return;
        }
}

struct outcome {
        int status;                     /* as of wait(2) */
        char failure[LAUNCH_ERROR_MAX]; /* under the filter the program could not even be started; or empty
                                         */
};

/* One run without a supervisor. 0 with *ret, or an exit code. */
static int run_plain(struct verify *verify, char **command, const struct filter *filter, bool discard,
                     struct outcome *ret) {
        struct launch launch = LAUNCH_INIT;
        struct streams streams;
        struct job job;
        int r = job_init(&job);

        if (r)
                return say_trouble(r, "signals");
        streams_set(&streams, verify, discard);
        prctl(PR_SET_CHILD_SUBREAPER, 1);
        r = launch_start(
                &(struct launch_options){
                        .argv = command,
                        .filter = filter,
                        .filter_flags = filter ? options_filter_flags(verify->refusals.resolved) : 0,
                        .mask = &job.mask,
                        .on_child = &job.on_child,
                },
                &launch);
        if (!r) {
                job.pid = launch.pid;
                launch_go(&launch);
        }
        while (!r && !job.ended) {
                struct pollfd pollfd = { .fd = job.signal_fd, .events = POLLIN };

                poll(&pollfd, 1, -1);
                if (job_on_signal(&job) < 0)
                        r = -EIO;
        }
        streams_restore(&streams);
        if (!r)
                wait_for_orphans(&job);
        prctl(PR_SET_CHILD_SUBREAPER, 0);
        job_deinit(&job);
        *ret = (struct outcome){ .status = job.status };
        verify->interrupted |= job.interrupted;
        if (!r)
                r = launch_executed(&launch);
        if (filter && (r == LAUNCH_E_NOT_EXECUTABLE || r == LAUNCH_E_NOT_FOUND)) {
                memcpy(ret->failure, launch.error, sizeof(ret->failure));
                r = 0;
        } else if (r > 0) {
                say_error("%s", launch.error);
                r = r == LAUNCH_E_NOT_FOUND        ? EXIT_NOT_FOUND
                    : r == LAUNCH_E_NOT_EXECUTABLE ? EXIT_NOT_EXECUTABLE
                                                   : EXIT_TROUBLE;
        } else if (r < 0)
                r = say_trouble(r, "launch");
        launch_deinit(&launch);
        return r;
}

/* The third run: which calls does the profile refuse? */
static int find_refusals(struct verify *verify, char **command) {
        struct supervise_options options = {
                .mode = WIRE_MODE_DRY_RUN,
                .argv = command,
                .keep_stdout = true,
        };
        struct supervise_result result;
        struct streams streams;
        int r;

        streams_set(&streams, verify, true);
        r = refusals_supervise(&verify->refusals, &options, notify_dry_run, verify->profile_path, NULL,
                               &result);
        streams_restore(&streams);
        return r ? r : refusals_print(&verify->refusals, false, stderr);
}

static void outcome_text(const struct outcome *outcome, char *text, size_t size) {
        int status = outcome->status;

        if (outcome->failure[0])
                snprintf(text, size, "not started (%s)", outcome->failure);
        else if (WIFSIGNALED(status))
                snprintf(text, size, "killed by %s%s (%d)", sigabbrev_np(WTERMSIG(status)) ? "SIG" : "",
                         sigabbrev_np(WTERMSIG(status)) ? sigabbrev_np(WTERMSIG(status)) : "a signal",
                         WTERMSIG(status));
        else
                snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

static int verify_command(struct verify *verify, char **command) {
        char before[64], after[LAUNCH_ERROR_MAX + 32];
        struct outcome unfiltered, enforced;
        int r;

        r = refusals_open(&verify->refusals, verify->profile_path);
        if (!r)
                r = keep_stdin(verify);
        if (!r)
                r = run_plain(verify, command, NULL, true, &unfiltered);
        if (!r && verify->interrupted)
                return job_exit_code(unfiltered.status);
        if (!r)
                r = run_plain(verify, command, &verify->refusals.enforcing, verify->quiet, &enforced);
        if (r)
                return r;
        if (verify->interrupted)
                return job_exit_code(enforced.status);
        outcome_text(&unfiltered, before, sizeof(before));
        outcome_text(&enforced, after, sizeof(after));
        if (unfiltered.status == enforced.status && !enforced.failure[0]) {
                say("verified: %s under %s, as without it", after, verify->profile_path);
                return 0;
        }
        say("not the same: %s under %s, but %s without it; the calls it refuses:", after,
            verify->profile_path, before);
        r = find_refusals(verify, command);
        /* The kernel does not tell which call it was, and this was a run of its own. */
        if (!r && report_n_violations(verify->refusals.report) == 0)
                say("a further run was refused nothing, so chance decides which calls it makes; record it a "
                    "few times "
                    "with --merge");
        return r ? r : EXIT_DIFFERENT;
}

int verb_verify(int argc, char **argv) {
        struct verify verify = { .refusals = REFUSALS_INIT, .stdin_fd = -1 };
        int r = parse(&verify, argc, argv);

        if (r == 0)
                r = verify_command(&verify, argv + optind);
        else if (r < 0)
                r = 0;
        fd_close(verify.stdin_fd);
        refusals_close(&verify.refusals);
        return r;
}
