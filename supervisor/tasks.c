/* SPDX-License-Identifier: Apache-2.0 */

/* Names of tasks, cached. A slot is right if its tid matches, nobody was renamed since (generation) and it
 * is young enough that the tid cannot have been reused. */

#include "supervisor/tasks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/target.h"

void tasks_init(struct tasks *tasks, const struct kernel *kernel, bool may_cache) {
        *tasks = (struct tasks){ .kernel = kernel, .may_cache = may_cache, .generation = 1 };
}

void tasks_deinit(struct tasks *tasks) {
        free(tasks->slots);
        tasks->slots = NULL;
}

void tasks_may_cache(struct tasks *tasks, bool may_cache) {
        tasks->may_cache = may_cache;
        tasks_renamed(tasks);
}

static struct task *find(struct tasks *tasks, uint32_t tid, uint64_t now_ns) {
        struct target target = { .kernel = tasks->kernel, .tid = tid };
        struct task *task = &tasks->spare;

        if (!tasks->slots)
                tasks->slots = calloc(TASKS_SLOTS, sizeof(*tasks->slots));
        if (tasks->slots)
                task = &tasks->slots[tid % TASKS_SLOTS];
        if (task->tid == tid && task->generation == tasks->generation &&
            (task->read_ns == now_ns || (tasks->may_cache && now_ns - task->read_ns < TASKS_FRESH_NS)))
                return task;
        task->tid = tid;
        task->generation = tasks->generation;
        task->read_ns = now_ns;
        task->pid = 0;
        if (target_comm(&target, task->comm) < 0) {
                memset(task->comm, 0, sizeof(task->comm));
                task->comm[0] = '?';
                task->generation = 0;
        }
        return task;
}

const struct task *tasks_find(struct tasks *tasks, uint32_t tid, uint64_t now_ns) {
        return find(tasks, tid, now_ns);
}

const struct task *tasks_find_whole(struct tasks *tasks, uint32_t tid, uint64_t now_ns) {
        struct target target = { .kernel = tasks->kernel, .tid = tid };
        struct task *task = find(tasks, tid, now_ns);

        if (task->pid == 0)
                target_identify(&target, &task->pid, &task->uid);
        return task;
}

void tasks_renamed(struct tasks *tasks) {
        if (++tasks->generation == 0)
                tasks->generation = 1;
}

size_t tasks_alive(const struct tasks *tasks) {
        size_t n = 0;

        for (size_t i = 0; tasks->slots && i < TASKS_SLOTS; i++) {
                struct target target = { .kernel = tasks->kernel, .tid = tasks->slots[i].tid };
                uint32_t pid, uid;

                /* Threads are not counted beside their leader. */
                if (target.tid != 0 && target_identify(&target, &pid, &uid) == 0 && pid == target.tid)
                        n++;
        }
        return n;
}
