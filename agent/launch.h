/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From a command line to a process that waits, filter installed, one step before execve. In between the
 * process makes no system call at all, so no filter can notify or refuse one of ours: it shares the
 * descriptor table with its parent (CLONE_FILES), which therefore owns the listener at the moment seccomp(2)
 * returns, and it waits for the word to go by looking at shared memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <signal.h>
#include <sys/types.h>

#include "policy/filter.h"

enum {
        LAUNCH_E_NOT_FOUND = 1,  /* no such command: 127 */
        LAUNCH_E_NOT_EXECUTABLE, /* found, but it cannot be executed: 126 */
        LAUNCH_E_SUPERVISED,     /* EBUSY: this process already has a listener */
        LAUNCH_E_FILTER,         /* the kernel refused the filter */
        LAUNCH_E_TIME,           /* the child did not get as far as the filter */
        LAUNCH_E_MOUNTS,         /* what a policy wants mounted cannot be had */
};

struct mounts; /* agent/mounts.h */

struct launch_options {
        char *const *argv;           /* NULL-terminated, argv[0] as typed; searched in PATH */
        const struct filter *filter; /* NULL: none, the program runs as it is */
        bool listener;               /* the filter notifies: a listener is wanted */
        struct mounts *mounts;       /* entered before the program is looked for; borrowed, NULL: none */
        unsigned filter_flags;       /* SECCOMP_FILTER_FLAG_LOG and _SPEC_ALLOW of the profile */
        /* What the program shall find: the state before callgate changed anything of its own. */
        const sigset_t *mask;
        const struct sigaction *on_child;
};

#define LAUNCH_ERROR_MAX 1024

struct launch_memory;

struct launch {
        pid_t pid;
        int listener_fd; /* owned; -1 when none was wanted */
        bool killable;   /* WAIT_KILLABLE_RECV is in force */
        bool no_new_privs;
        struct launch_memory *memory;
        /* The kernel's list of our robust futexes is launch.c's while the child waits; this is the C
         * library's. */
        bool owns;
        void *robust_list;
        size_t robust_size;
        char *path;                   /* what is executed */
        char error[LAUNCH_ERROR_MAX]; /* a sentence for LAUNCH_E_* and execve failures */
};

#define LAUNCH_INIT ((struct launch){ .pid = -1, .listener_fd = -1 })

/* Starts the child and takes its listener. On failure no process is left. 0, LAUNCH_E_* or -errno. */
int launch_start(const struct launch_options *options, struct launch *launch);

/* The child executes the program now. */
void launch_go(struct launch *launch);

/* The child must not go: kills and reaps it. */
void launch_abort(struct launch *launch);

/* Once the child is dead: 0 if the program was executed, else LAUNCH_E_NOT_FOUND or _NOT_EXECUTABLE with
 * launch->error filled in. */
int launch_executed(struct launch *launch);

void launch_deinit(struct launch *launch);
