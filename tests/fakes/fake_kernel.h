/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A scripted kernel: calls to deliver, tasks with memory and names, answers seen. Plays what a real one does
 * to a supervisor: tasks that die between receipt and answer, aborted calls, the last task leaving.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/kernel.h"

#define FAKE_CALLS_MAX   200000
#define FAKE_MEMORY_BASE 0x10000u
#define FAKE_TASKS       8

enum fake_fate {
        FAKE_LIVES,
        FAKE_ABORTED,        /* receive() gives ENOENT: a signal took the call back before we came */
        FAKE_GONE_AT_ANSWER, /* received, but vanished before the answer */
        FAKE_GONE_AT_CONFIRM /* received, and vanished before its memory was confirmed */
};

struct fake_call {
        struct seccomp_notif notif;
        enum fake_fate fate;
        bool answered;
        struct seccomp_notif_resp answer;
};

/* Contents of /proc/TID/NAME, or the target of that link, of one task instead of what all have. */
struct fake_proc {
        uint32_t tid;
        const char *name, *contents;
};

struct fake_kernel {
        struct kernel kernel;
        struct fake_call *calls;
        size_t n_calls, next;
        uint64_t next_id;
        uint64_t now_ns;
        const char *comm;   /* of every task */
        const char *status; /* contents of /proc/TID/status */
        const char *maps;   /* contents of /proc/TID/maps */
        const char *exe;
        const char *syscall; /* contents of /proc/TID/syscall */
        struct fake_proc procs[64];
        size_t n_procs;
        char memory[65536]; /* mapped at FAKE_MEMORY_BASE */
        unsigned n_comm_reads, n_memory_reads, n_confirms, n_unknown_answers;
        /* Descriptors: those that add_fd() got are kept, -1 ends; open_proc() and take_fd() answer with
         * copies of proc_fd and task_fd, or with add_error. */
        int added_fds[16];
        unsigned n_added, n_killed;
        int added_at, add_error, proc_fd, task_fd;
        /* Soft and hard limit of RLIMIT_LOCKS, the only one there is, of task tid at [tid % FAKE_TASKS]. */
        struct {
                uint64_t soft, hard;
        } limits[FAKE_TASKS];
        int limit_error;
        const void *auxv; /* contents of /proc/TID/auxv, n_auxv bytes */
        size_t n_auxv;
        int receive_error; /* delivered once when not 0 */
};

void fake_kernel_init(struct fake_kernel *fake);
void fake_kernel_deinit(struct fake_kernel *fake);
/* Adds a call; ids go up by one each, aborted calls included. */
struct fake_call *fake_kernel_call(struct fake_kernel *fake, uint32_t tid, uint32_t arch, int nr,
                                   const uint64_t args[6], enum fake_fate fate);
/* kernel.receive() into a struct of ours. */
int fake_kernel_receive(struct fake_kernel *fake, struct seccomp_notif *ret);
