/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes single system calls and says what came of each: the value or errno, or what SIGSYS said.
 *
 *   call [-t] [-H] NAME|NUMBER[,ARG…] …
 *   call -N NAME       prints the number of that call here
 *
 * -H: a handler for SIGSYS prints what it was told and lets the program go on
 * -t: the calls are made by a second thread; the first reports how that ended
 */

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

static const struct {
        const char *name;
        long number;
} names[] = {
#ifdef SYS_mkdir
        { "mkdir", SYS_mkdir },     { "rmdir", SYS_rmdir },
        { "getpgrp", SYS_getpgrp },
#endif
        { "getppid", SYS_getppid }, { "getpid", SYS_getpid },
        { "getuid", SYS_getuid },   { "sched_yield", SYS_sched_yield },
        { "umask", SYS_umask },     { "getpriority", SYS_getpriority },
        { "socket", SYS_socket },   { "close", SYS_close },
        { "sync", SYS_sync },       { "getgid", SYS_getgid },
        { "getsid", SYS_getsid },   { "personality", SYS_personality },
};

static void say(const char *text) {
        (void)!write(STDOUT_FILENO, text, strlen(text));
}

static void on_sigsys(int signal_number, siginfo_t *info, void *context) {
        char text[160];
        (void)context;

        snprintf(text, sizeof(text), "signal %d code %d syscall %d arch %x errno %d\n", signal_number,
                 info->si_code, info->si_syscall, info->si_arch, info->si_errno);
        say(text);
}

static long number_of(const char *name) {
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(name, names[i].name) == 0)
                        return names[i].number;
        return strtol(name, NULL, 0);
}

static void make(const char *word) {
        char copy[256], *at, text[400];
        long number, args[6] = { 0 }, r;

        snprintf(copy, sizeof(copy), "%s", word);
        at = strchr(copy, ',');
        if (at)
                *at++ = 0;
        number = number_of(copy);
        for (int i = 0; at && i < 6; i++) {
                char *comma = strchr(at, ',');

                if (comma)
                        *comma++ = 0;
                args[i] = *at == '/' ? (long)strdup(at) : (long)strtoul(at, NULL, 0);
                at = comma;
        }
        errno = 0;
        r = syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]);
        /* Process ids differ from run to run; that there was one is all that is said. */
        if (r > 0 && (number == SYS_getpid || number == SYS_getppid || number == SYS_getsid
#ifdef SYS_getpgrp
                      || number == SYS_getpgrp
#endif
                      ))
                snprintf(text, sizeof(text), "%s: a process\n", copy);
        else
                snprintf(text, sizeof(text), "%s: %ld errno %d (%s)\n", copy, r, errno,
                         errno ? strerror(errno) : "-");
        say(text);
}

struct calls {
        char **words;
};

static void *make_all(void *data) {
        for (char **word = ((struct calls *)data)->words; *word; word++)
                make(*word);
        return NULL;
}

int main(int argc, char **argv) {
        int threaded = 0, option;
        struct calls calls;

        while ((option = getopt(argc, argv, "+tHN:")) != -1) {
                if (option == 'N') {
                        printf("%ld\n", number_of(optarg));
                        return 0;
                }
                if (option == 't')
                        threaded = 1;
                else if (option == 'H') {
                        struct sigaction action = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };

                        sigaction(SIGSYS, &action, NULL);
                } else
                        return 2;
        }
        calls.words = argv + optind;
        if (threaded) {
                pthread_t thread;
                struct timespec pause = { 0, 20 * 1000 * 1000 };

                if (pthread_create(&thread, NULL, make_all, &calls) != 0)
                        return 2;
                /* A thread that seccomp kills does not wake its joiner in every C library: look instead. */
                for (int i = 0; i < 4000; i++) {
                        if (pthread_tryjoin_np(thread, NULL) == 0) {
                                say("thread ended\n");
                                return 0;
                        }
                        nanosleep(&pause, NULL);
                }
                say("thread never ended\n");
                return 1;
        }
        make_all(&calls);
        return 0;
}
