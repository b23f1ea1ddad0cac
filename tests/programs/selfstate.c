/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Prints everything a process inherits, one line each, so that two ways of being started can be compared
 * with diff. Left out: its own pid, its parent, and what a filter must change (Seccomp, NoNewPrivs).
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

extern char **environ;

static FILE *out;

static void print_file(const char *path, const char *const *wanted) {
        char line[4096];
        FILE *file = fopen(path, "re");

        if (!file)
                return;
        while (fgets(line, sizeof(line), file))
                for (const char *const *w = wanted; !wanted || *w; w++) {
                        if (!wanted || strncmp(line, *w, strlen(*w)) == 0)
                                fprintf(out, "%s %s", path, line);
                        if (!wanted)
                                break;
                }
        fclose(file);
}

static void print_descriptors(void) {
        for (int fd = 0; fd < 4096; fd++) {
                int flags = fcntl(fd, F_GETFD), status;
                char link[64], target[4096];
                ssize_t n;

                if (flags < 0 || fd == fileno(out))
                        continue;
                status = fcntl(fd, F_GETFL);
                snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
                n = readlink(link, target, sizeof(target) - 1);
                target[n < 0 ? 0 : n] = 0;
                fprintf(out, "fd %d flags %x status %o offset %lld -> %s\n", fd, (unsigned)flags,
                        (unsigned)status, (long long)lseek(fd, 0, SEEK_CUR), target);
        }
}

static void print_signals(void) {
        for (int i = 1; i < NSIG; i++) {
                struct sigaction action;

                if (sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL)
                        fprintf(out, "signal %d %s flags %x\n", i,
                                action.sa_handler == SIG_IGN ? "ignored" : "handled",
                                (unsigned)action.sa_flags);
        }
}

int main(int argc, char **argv) {
        static const char *const wanted[] = {
                "SigBlk",  "SigIgn",        "SigCgt",        "SigPnd",      "ShdPnd", "Umask",  "Uid",
                "Gid",     "Groups",        "CapInh",        "CapPrm",      "CapEff", "CapBnd", "CapAmb",
                "Threads", "Cpus_allowed:", "Mems_allowed:", "THP_enabled", NULL
        };
        static const char *const own[] = { "comm", NULL };
        char folder[4096];
        struct itimerval timer;
        cpu_set_t set;
        struct sched_param param;
        mode_t mask;
        int death = 0;

        (void)own;
        if (argc < 2 || !(out = fopen(argv[1], "we")))
                return 2;
        for (int i = 2; i < argc; i++)
                fprintf(out, "argument %d <%s>\n", i, argv[i]);
        for (char **e = environ; *e; e++)
                if (strncmp(*e, "_=", 2) != 0)
                        fprintf(out, "environment <%s>\n", *e);
        fprintf(out, "cwd %s\n", getcwd(folder, sizeof(folder)) ? folder : "?");
        mask = umask(0);
        fprintf(out, "umask %o pgrp %d session %d foreground %d\n", mask, (int)getpgrp(), (int)getsid(0),
                (int)tcgetpgrp(0));
        print_descriptors();
        print_signals();
        for (int i = 0; i < RLIMIT_NLIMITS; i++) {
                struct rlimit limit;

                getrlimit(i, &limit);
                fprintf(out, "limit %d %llx %llx\n", i, (unsigned long long)limit.rlim_cur,
                        (unsigned long long)limit.rlim_max);
        }
        print_file("/proc/self/status", wanted);
        print_file("/proc/self/comm", NULL);
        print_file("/proc/self/oom_score_adj", NULL);
        print_file("/proc/self/cgroup", NULL);
        print_file("/proc/self/timerslack_ns", NULL);
        print_file("/proc/self/coredump_filter", NULL);
        prctl(PR_GET_PDEATHSIG, &death);
        fprintf(out, "dumpable %d deathsig %d keepcaps %d securebits %d subreaper %d personality %x\n",
                prctl(PR_GET_DUMPABLE), death, prctl(PR_GET_KEEPCAPS), prctl(PR_GET_SECUREBITS),
                prctl(PR_GET_CHILD_SUBREAPER, &(int){ 0 }), (unsigned)personality(0xffffffff));
        for (int i = 0; i < 3; i++) {
                getitimer(i, &timer);
                fprintf(out, "timer %d armed %d\n", i, timer.it_value.tv_sec || timer.it_value.tv_usec);
        }
        sched_getparam(0, &param);
        sched_getaffinity(0, sizeof(set), &set);
        fprintf(out, "nice %d scheduler %d priority %d cpus %d\n", getpriority(PRIO_PROCESS, 0),
                sched_getscheduler(0), param.sched_priority, CPU_COUNT(&set));
        return 0;
}
