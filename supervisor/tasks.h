/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Names of tasks seen lately. Opening /proc/TID/comm costs as much as a whole notification, so a name is
 * kept until something may have changed it: a notified execve or prctl (tasks_renamed()), or TASKS_FRESH_NS.
 * Where execve is not notified nothing may be kept (may_cache false).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "callgate/event.h"
#include "supervisor/kernel.h"

#define TASKS_SLOTS    1024       /* direct-mapped by tid: a clash costs a re-read, nothing else */
#define TASKS_FRESH_NS 100000000u /* 0.1 s: pids do not wrap around in that time */

struct task {
        uint32_t tid;
        uint32_t generation;
        uint64_t read_ns;
        char comm[EVENT_COMM_MAX];
        uint32_t pid, uid; /* pid 0: not read yet */
};

struct tasks {
        const struct kernel *kernel;
        bool may_cache;
        uint32_t generation;
        struct task *slots; /* owned; allocated at the first use, idle sessions stay small */
        struct task spare;  /* used when there is no memory */
};

void tasks_init(struct tasks *tasks, const struct kernel *kernel, bool may_cache);
void tasks_deinit(struct tasks *tasks);
/* Whether names may be kept from now on. */
void tasks_may_cache(struct tasks *tasks, bool may_cache);

/* The task, its name "?" when it is gone. Valid until the next call. */
const struct task *tasks_find(struct tasks *tasks, uint32_t tid, uint64_t now_ns);

/* The same with pid and uid read. */
const struct task *tasks_find_whole(struct tasks *tasks, uint32_t tid, uint64_t now_ns);

/* Some task is about to get another name. */
void tasks_renamed(struct tasks *tasks);

/* Live processes among the tasks seen: an estimate for people, at most TASKS_SLOTS. */
size_t tasks_alive(const struct tasks *tasks);
