/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The tasks of a trace and the calls it has shown. Both are bounded: of more tasks than any machine runs at
 * once the oldest is forgotten, after the call it had not finished was given out.
 */

#include "policy/import_strace_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define TASKS_MAX 16384

struct strace_task *strace_task_find(struct strace *strace, uint32_t pid) {
        struct strace_task *task = strace->buckets[pid % STRACE_BUCKETS];

        while (task && task->pid != pid)
                task = task->next;
        return task;
}

void strace_pending_clear(struct strace_pending *pending) {
        free(pending->text);
        *pending = (struct strace_pending){ 0 };
}

void strace_task_remove(struct strace *strace, struct strace_task *task) {
        struct strace_task **link = &strace->buckets[task->pid % STRACE_BUCKETS];

        while (*link != task)
                link = &(*link)->next;
        *link = task->next;
        if (task->older)
                task->older->newer = task->newer;
        else
                strace->oldest = task->newer;
        if (task->newer)
                task->newer->older = task->older;
        else
                strace->newest = task->older;
        strace->n_tasks--;
        strace_pending_clear(&task->pending);
        free(task);
}

int strace_task(struct strace *strace, uint32_t pid, struct strace_task **ret) {
        struct strace_task *task = strace_task_find(strace, pid),
                           **bucket = &strace->buckets[pid % STRACE_BUCKETS];

        if (!task) {
                if (strace->n_tasks == TASKS_MAX) {
                        int r = strace_give_up(strace, strace->oldest);

                        if (r)
                                return error_trace(r);
                        strace_task_remove(strace, strace->oldest);
                }
                task = calloc(1, sizeof(*task));
                if (!task)
                        return error_origin(-ENOMEM);
                task->pid = pid;
                task->arch = strace->current;
                task->next = *bucket;
                *bucket = task;
                task->older = strace->newest;
                if (strace->newest)
                        strace->newest->newer = task;
                else
                        strace->oldest = task;
                strace->newest = task;
                strace->n_tasks++;
        }
        *ret = task;
        return 0;
}

void strace_tasks_clear(struct strace *strace) {
        while (strace->oldest)
                strace_task_remove(strace, strace->oldest);
}

void strace_task_executed(struct strace_task *task, const struct strace_args *args) {
        struct strace_text path = args->n > 0 ? args->args[0] : (struct strace_text){ 0 };
        const char *base;
        size_t n;

        if (path.n < 3 || path.bytes[0] != '"' || path.bytes[path.n - 1] != '"' ||
            memchr(path.bytes, '\\', path.n))
                return;
        path.bytes++;
        path.n -= 2;
        base = memrchr(path.bytes, '/', path.n);
        base = base ? base + 1 : path.bytes;
        n = (size_t)(path.bytes + path.n - base);
        memset(task->comm, 0, sizeof(task->comm));
        memcpy(task->comm, base, n < EVENT_COMM_MAX - 1 ? n : EVENT_COMM_MAX - 1);
        memset(task->exe, 0, sizeof(task->exe));
        if (*path.bytes == '/' && path.n < EVENT_EXE_MAX)
                memcpy(task->exe, path.bytes, path.n);
}

int strace_task_born(struct strace *strace, const struct strace_task *parent, int64_t pid) {
        struct strace_task *child;
        int r;

        /* When full it is left to its own first line: making room could free the parent. */
        if (pid <= 0 || pid > UINT32_MAX || strace->n_tasks == TASKS_MAX ||
            strace_task_find(strace, (uint32_t)pid))
                return 0;
        r = strace_task(strace, (uint32_t)pid, &child);
        if (r)
                return error_trace(r);
        memcpy(child->comm, parent->comm, sizeof(child->comm));
        memcpy(child->exe, parent->exe, sizeof(child->exe));
        return 0;
}

/* ---- calls already seen in lines ---- */

static uint64_t *seen_slot(struct strace *strace, uint64_t key) {
        size_t at = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 40) & (STRACE_SEEN_SIZE - 1);

        while (strace->seen[at] && strace->seen[at] != key + 1)
                at = (at + 1) & (STRACE_SEEN_SIZE - 1);
        return &strace->seen[at];
}

static uint64_t seen_key(const struct event *event) {
        return (uint64_t)event->arch << 32 | event->nr;
}

void strace_seen_add(struct strace *strace, const struct event *event) {
        uint64_t *slot;

        if (strace->table_done) {
                memset(strace->seen, 0, sizeof(strace->seen));
                strace->n_seen = 0;
                strace->table_done = false;
        }
        slot = seen_slot(strace, seen_key(event));
        if (!*slot && strace->n_seen < STRACE_SEEN_SIZE / 2) { /* more distinct calls than any kernel has */
                *slot = seen_key(event) + 1;
                strace->n_seen++;
        }
}

bool strace_seen(struct strace *strace, const struct event *event) {
        return *seen_slot(strace, seen_key(event)) != 0;
}
