/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The seccomp filters of a running task, as the kernel tells them: mode and number to anybody who may read
 * /proc, the programs themselves to CAP_SYS_ADMIN. */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "policy/filter.h"

enum inspect_outcome {
        INSPECT_E_GONE = 1,  /* there is no such task */
        INSPECT_E_PRIVILEGE, /* reading filters wants CAP_SYS_ADMIN of the first user namespace */
        INSPECT_E_FILTERED,  /* … and that the reader is under no filter itself */
        INSPECT_E_TRACED,    /* something else traces the task */
        INSPECT_E_BUSY,      /* the task did not stop in time */
        INSPECT_E_KERNEL,    /* this kernel cannot (no CONFIG_CHECKPOINT_RESTORE) */
};

struct inspect_task {
        pid_t pid;
        char name[64];
        int mode;         /* 0 none, 1 strict, 2 filter; -1: a kernel without seccomp */
        long n_filters;   /* -1: a kernel that does not count them (before 5.9) */
        int no_new_privs; /* 0, 1; -1: not told */
        pid_t tracer;
        size_t n_threads, n_otherwise; /* threads, and those with another mode or number of filters */
};

/* 0, INSPECT_E_GONE, or -errno. */
int inspect_task_read(pid_t pid, struct inspect_task *ret);

#define INSPECT_FILTERS_MAX 256

struct inspect_filters {
        struct filter *items; /* owned; in the order of installation */
        bool *logs;           /* owned; SECCOMP_FILTER_FLAG_LOG, where the kernel says */
        size_t n;
};
#define INSPECT_FILTERS_INIT ((struct inspect_filters){ 0 })

/* Stops the task for a moment. 0, an outcome above, or -errno. */
int inspect_filters_read(pid_t pid, struct inspect_filters *ret);
void inspect_filters_deinit(struct inspect_filters *filters);
