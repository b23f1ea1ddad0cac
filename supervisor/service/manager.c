/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the manager handed us is looked at once, before anything else starts, and then taken by name. Its
 * variables leave the environment with that: nobody whom we start is meant by them.
 */

#include "supervisor/service/manager.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#define WATCHDOG_LEAST_MS 100

static struct {
        bool known;
        char **names; /* owned; NULL once taken */
        int n;
} given;

static void look(void) {
        if (given.known)
                return;
        given.known = true;
        given.n = sd_listen_fds_with_names(1, &given.names);
        if (given.n < 0)
                given.n = 0;
}

static int take(int i) {
        free(given.names[i]);
        given.names[i] = NULL;
        return SD_LISTEN_FDS_START + i;
}

int manager_take_fd(const char *name) {
        look();
        for (int i = 0; i < given.n; i++)
                if (given.names[i] && strcmp(given.names[i], name) == 0)
                        return take(i);
        return -1;
}

int manager_take_next(const char *prefix, char *ret_name, size_t size) {
        look();
        for (int i = 0; i < given.n; i++)
                if (given.names[i] && strncmp(given.names[i], prefix, strlen(prefix)) == 0) {
                        snprintf(ret_name, size, "%s", given.names[i]);
                        return take(i);
                }
        return -1;
}

void manager_ready(const char *status) {
        sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void manager_reloading(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=reading the configuration",
                   (unsigned long long)now.tv_sec * 1000000 + (unsigned long long)now.tv_nsec / 1000);
}

void manager_stopping(void) {
        sd_notify(0, "STOPPING=1\nSTATUS=ending");
}

void manager_status(const char *status) {
        sd_notifyf(0, "STATUS=%s", status);
}

/* Half of what the manager waits for, so that one late turn of the loop is no failure. */
uint64_t manager_watchdog_ms(void) {
        uint64_t us = 0, ms;

        if (sd_watchdog_enabled(0, &us) <= 0)
                return 0;
        ms = us / 2000;
        return ms < WATCHDOG_LEAST_MS ? WATCHDOG_LEAST_MS : ms;
}

void manager_watchdog(void) {
        sd_notify(0, "WATCHDOG=1");
}
