/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The runtime's stage of a session: a container runtime loads the filter and goes on with calls of its own
 * until execve of the program. Those calls are the runtime's, all others the workload's.
 *
 * What counts is the program at work, not what it calls itself: its auxiliary vector, which execve makes
 * anew at random addresses, fork copies and no ordinary task can change. A task with that of the runtime is
 * the runtime; once the process that loaded the filter has another one, the stage is over and never comes
 * back. What cannot be proved to be the runtime's counts as the workload's, so that nothing is hidden.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "supervisor/kernel.h"

#define STAGE_PROGRAM_MAX 1024 /* bytes; some 370 in use */

enum stage_at {
        STAGE_OVER,   /* or there never was one */
        STAGE_UNSEEN, /* the runtime said nothing of use about its process: the first call decides */
        STAGE_RUNTIME,
};

struct stage {
        const struct kernel *kernel;
        enum stage_at at;
        uint32_t pid; /* process that loaded the filter; 0: unknown */
        bool begun;
        unsigned char program[STAGE_PROGRAM_MAX]; /* STAGE_RUNTIME: the runtime's auxiliary vector */
        size_t n_program;
};

/* runtime false: there is no such stage. pid: as the runtime names it, 0 where it does not. */
void stage_init(struct stage *stage, const struct kernel *kernel, bool runtime, uint32_t pid);

/* Looks at the process named, before its first call; on the session's thread, for looking may take long. */
void stage_begin(struct stage *stage);

/* Is a call of this task, which waits for its answer, the runtime's own? */
bool stage_has(struct stage *stage, uint32_t tid);
