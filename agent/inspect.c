/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Filters of a task by ptrace(2). The task is seized, not attached to, so it gets no SIGSTOP and goes on by
 * itself if we die; it is stopped for as long as it takes to copy the programs. What must stay true:
 * whatever fails, the task is let go.
 */

#include "agent/inspect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#define STOP_MS     2000
#define STATUS_SIZE 8192

#ifndef PTRACE_SECCOMP_GET_METADATA
#define PTRACE_SECCOMP_GET_METADATA 0x420d
#endif

struct metadata {
        uint64_t filter_off, flags;
};

static int read_file(const char *path, char *buf, size_t size) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        if (fd < 0)
                return errno == ENOENT || errno == ESRCH ? INSPECT_E_GONE : error_origin(-errno);
        n = read(fd, buf, size - 1);
        if (n < 0) {
                int r = errno == ESRCH ? INSPECT_E_GONE : -errno;

                close(fd);
                return error_origin(r);
        }
        close(fd);
        buf[n] = '\0';
        return 0;
}

/* The number behind "Key:" at the beginning of a line. */
static long number(const char *status, const char *key, long otherwise) {
        size_t n = strlen(key);

        for (const char *line = status; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                if (!strncmp(line, key, n) && line[n] == ':')
                        return strtol(line + n + 1, NULL, 10);
                if (!*line)
                        break;
        }
        return otherwise;
}

static int read_status(const char *path, struct inspect_task *ret) {
        char status[STATUS_SIZE], *end;
        int r = read_file(path, status, sizeof(status));

        if (r)
                return r > 0 ? r : error_trace(r);
        if (!strncmp(status, "Name:\t", 6) && (end = strchr(status, '\n')))
                snprintf(ret->name, sizeof(ret->name), "%.*s", (int)(end - status - 6), status + 6);
        ret->mode = (int)number(status, "Seccomp", -1);
        ret->n_filters = number(status, "Seccomp_filters", -1);
        ret->no_new_privs = (int)number(status, "NoNewPrivs", -1);
        ret->tracer = (pid_t)number(status, "TracerPid", 0);
        return 0;
}

int inspect_task_read(pid_t pid, struct inspect_task *ret) {
        struct inspect_task task = { .pid = pid };
        struct dirent *entry;
        char path[300];
        DIR *tasks;
        int r;

        snprintf(path, sizeof(path), "/proc/%d/status", pid);
        r = read_status(path, &task);
        if (r)
                return r > 0 ? r : error_trace(r);
        snprintf(path, sizeof(path), "/proc/%d/task", pid);
        tasks = opendir(path);
        while (tasks && (entry = readdir(tasks))) {
                struct inspect_task thread = { 0 };

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "/proc/%d/task/%s/status", pid, entry->d_name);
                if (read_status(path, &thread))
                        continue; /* it ended meanwhile */
                task.n_threads++;
                task.n_otherwise += thread.mode != task.mode || thread.n_filters != task.n_filters;
        }
        if (tasks)
                closedir(tasks);
        *ret = task;
        return 0;
}

void inspect_filters_deinit(struct inspect_filters *filters) {
        for (size_t i = 0; i < filters->n; i++)
                filter_deinit(&filters->items[i]);
        free(filters->items);
        free(filters->logs);
        *filters = INSPECT_FILTERS_INIT;
}

static int reason(int error) {
        switch (error) {
        case EACCES: /* of the filters: no CAP_SYS_ADMIN, or a filter of our own */
                return prctl(PR_GET_SECCOMP) == 2 ? INSPECT_E_FILTERED : INSPECT_E_PRIVILEGE;
        case EPERM: /* of the seizing */
                return INSPECT_E_PRIVILEGE;
        case ESRCH:
                return INSPECT_E_GONE;
        case EIO:
        case EMEDIUMTYPE: /* the program behind it was not kept */
                return INSPECT_E_KERNEL;
        default:
                return error_origin(-error);
        }
}

/* A task that sleeps in the kernel stops at once; one that cannot be woken must not hold us up. It may stop
 * for a signal that was on its way: that one is handed on when the task is let go. */
static int wait_stopped(pid_t pid, int *ret_signal) {
        struct timespec pause = { .tv_nsec = 1000000 };

        for (int i = 0; i < STOP_MS; i++) {
                int status;
                pid_t seen = waitpid(pid, &status, WNOHANG | __WALL);

                if (seen == pid && WIFSTOPPED(status)) {
                        *ret_signal = status >> 16 ? 0 : WSTOPSIG(status);
                        return 0;
                }
                if (seen == pid)
                        return INSPECT_E_GONE;
                if (seen < 0 && errno != EINTR)
                        return errno == ECHILD ? INSPECT_E_GONE : error_origin(-errno);
                nanosleep(&pause, NULL);
        }
        return INSPECT_E_BUSY;
}

static int read_one(pid_t pid, size_t i, struct inspect_filters *filters) {
        struct metadata metadata = { .filter_off = i };
        struct sock_filter insns[FILTER_MAX];
        struct filter read = { .insns = insns };
        struct filter *items;
        bool *logs;
        long n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, NULL);
        int r;

        if (n < 0)
                return reason(errno);
        if (n > FILTER_MAX)
                return error_origin(-E2BIG);
        n = ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, insns);
        if (n < 0)
                return reason(errno);
        items = reallocarray(filters->items, i + 1, sizeof(*items));
        if (items)
                filters->items = items;
        logs = reallocarray(filters->logs, i + 1, sizeof(*logs));
        if (logs)
                filters->logs = logs;
        if (!items || !logs)
                return error_origin(-ENOMEM);
        read.n = (size_t)n;
        r = filter_copy(&read, &items[i]);
        if (r)
                return error_trace(r);
        filters->n++;
        logs[i] = ptrace(PTRACE_SECCOMP_GET_METADATA, pid, (void *)sizeof(metadata), &metadata) > 0 &&
                  metadata.flags & SECCOMP_FILTER_FLAG_LOG;
        return 0;
}

static int read_all(pid_t pid, struct inspect_filters *filters) {
        for (size_t i = 0; i < INSPECT_FILTERS_MAX; i++) {
                int r;

                /* One past the last is ENOENT; no filter at all EINVAL. */
                if (ptrace(PTRACE_SECCOMP_GET_FILTER, pid, (void *)i, NULL) < 0 &&
                    (errno == ENOENT || errno == EINVAL))
                        return 0;
                r = read_one(pid, i, filters);
                if (r)
                        return r > 0 ? r : error_trace(r);
        }
        return error_origin(-E2BIG);
}

int inspect_filters_read(pid_t pid, struct inspect_filters *ret) {
        struct inspect_filters filters = INSPECT_FILTERS_INIT;
        struct inspect_task task;
        int signal = 0;
        int r = inspect_task_read(pid, &task);

        if (r)
                return r > 0 ? r : error_trace(r);
        if (task.mode != 2) {
                *ret = filters;
                return 0;
        }
        if (task.tracer)
                return INSPECT_E_TRACED;
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0)
                return reason(errno);
        if (ptrace(PTRACE_INTERRUPT, pid, NULL, NULL) < 0)
                r = reason(errno);
        if (!r)
                r = wait_stopped(pid, &signal);
        if (!r)
                r = read_all(pid, &filters);
        /* One that never stopped cannot be let go by hand; the kernel does it when we end. */
        ptrace(PTRACE_DETACH, pid, NULL, (void *)(intptr_t)signal);
        if (r) {
                inspect_filters_deinit(&filters);
                return r > 0 ? r : error_trace(r);
        }
        *ret = filters;
        return 0;
}
