/* SPDX-License-Identifier: Apache-2.0 */

/* Facts about a supervised task, from its /proc entry and its memory. Everything is read by thread id: the
 * pid of a notification is a TID, and /proc/TID works for any thread. */

#include "supervisor/target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

int target_comm(const struct target *target, char ret_comm[EVENT_COMM_MAX]) {
        char comm[EVENT_COMM_MAX + 1];
        long n = target->kernel->read_proc(target->kernel->data, target->tid, "comm", comm, sizeof(comm), 0);

        if (n < 0)
                return (int)n;
        /* The kernel ends the name with a newline; the name itself may hold any byte. */
        if (n > 0 && comm[n - 1] == '\n')
                n--;
        if (n > EVENT_COMM_MAX - 1)
                n = EVENT_COMM_MAX - 1;
        memset(ret_comm, 0, EVENT_COMM_MAX);
        memcpy(ret_comm, comm, (size_t)n);
        return 0;
}

/* "Name:\t123…" of a status file: 0, or -ENOENT. */
static int status_number(const char *status, const char *key, uint32_t *ret) {
        const char *at = strstr(status, key);

        if (!at)
                return -ENOENT;
        *ret = (uint32_t)strtoul(at + strlen(key), NULL, 10);
        return 0;
}

int target_identify(const struct target *target, uint32_t *ret_pid, uint32_t *ret_uid) {
        char status[4096], *rest;
        long n = target->kernel->read_proc(target->kernel->data, target->tid, "status", status,
                                           sizeof(status) - 1, 0);
        int r;

        *ret_pid = target->tid;
        *ret_uid = UINT32_MAX;
        if (n < 0)
                return (int)n;
        status[n] = 0;
        /* The first line is the task's own name, which may try to look like another key: skip it. */
        rest = strchr(status, '\n');
        if (!rest)
                return -ENOENT;
        r = status_number(rest, "\nTgid:", ret_pid);
        return r ? r : status_number(rest, "\nUid:", ret_uid);
}

void target_program(const struct target *target, struct event *event) {
        if (target->kernel->read_link(target->kernel->data, target->tid, "exe", event->exe,
                                      sizeof(event->exe)) < 0)
                event->exe[0] = 0;
}

/* One line of a maps file: "start-end perms offset dev inode   path". */
static int locate_in_line(char *line, uint64_t ip, struct event *event) {
        uint64_t start, end, offset;
        int at = 0;

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64 " %*s %*s %n", &start, &end, &offset, &at) <
                    3 ||
            at == 0)
                return 0;
        if (ip < start || ip >= end)
                return 0;
        snprintf(event->object, sizeof(event->object), "%s", line + at);
        event->object_offset = ip - start + offset;
        return 1;
}

void target_locate(const struct target *target, struct event *event) {
        /* The file is read in pieces; a line that straddles two is carried over. */
        char buffer[8192 + 1];
        size_t kept = 0;
        long offset = 0;

        event->object[0] = 0;
        event->object_offset = 0;
        if (event->ip == 0)
                return;
        for (int pieces = 0; pieces < 256; pieces++) {
                char *line = buffer, *newline;
                long n = target->kernel->read_proc(target->kernel->data, target->tid, "maps", buffer + kept,
                                                   sizeof(buffer) - 1 - kept, offset);

                if (n <= 0)
                        return;
                offset += n;
                buffer[kept + (size_t)n] = 0;
                while ((newline = strchr(line, '\n'))) {
                        *newline = 0;
                        if (locate_in_line(line, event->ip, event))
                                return;
                        line = newline + 1;
                }
                kept = strlen(line);
                if (kept >= sizeof(buffer) - 1)
                        return;
                memmove(buffer, line, kept);
        }
}

static long source_read(void *data, uint64_t address, void *buffer, size_t n) {
        struct target *target = data;

        return target->kernel->read_memory(target->kernel->data, target->tid, address, buffer, n);
}

static int source_fd_path(void *data, int fd, char *buffer, size_t size) {
        struct target *target = data;
        char name[32];
        long n;

        if (fd == AT_FDCWD)
                snprintf(name, sizeof(name), "cwd");
        else
                snprintf(name, sizeof(name), "fd/%d", fd);
        n = target->kernel->read_link(target->kernel->data, target->tid, name, buffer, size);
        return n < 0 ? (int)n : 0;
}

struct decode_source target_source(struct target *target) {
        return (struct decode_source){ .read = source_read, .fd_path = source_fd_path, .data = target };
}
