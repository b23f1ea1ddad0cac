/* SPDX-License-Identifier: Apache-2.0 */

/*
 * signalled SECONDS SIGNAL…: says "ready" and, of each signal that it got, "<NUMBER>", once for each time.
 * On SIGTERM or when the time is over, prints how often each of them came.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static volatile sig_atomic_t counts[65];

static void on_signal(int signal_number) {
        counts[signal_number]++;
}

int main(int argc, char **argv) {
        struct sigaction action = { .sa_handler = on_signal };
        int said[65] = { 0 };
        time_t end = time(NULL) + (argc > 1 ? atoi(argv[1]) : 10);
        sigset_t all, before;

        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, &before);
        for (int i = 2; i < argc; i++)
                sigaction(atoi(argv[i]), &action, NULL);
        sigaction(SIGTERM, &action, NULL);
        puts("ready");
        fflush(stdout);
        while (!counts[SIGTERM] && time(NULL) < end) {
                struct timespec pause = { 1, 0 };
                fd_set none;

                FD_ZERO(&none);
                pselect(0, &none, NULL, NULL, &pause, &before);
                for (int i = 2; i < argc; i++)
                        for (int number = atoi(argv[i]); said[number] < counts[number]; said[number]++)
                                printf("<%d>\n", number);
                fflush(stdout);
        }
        for (int i = 2; i < argc; i++)
                printf("signal %d: %d\n", atoi(argv[i]), (int)counts[atoi(argv[i])]);
        return 0;
}
