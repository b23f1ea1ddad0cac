/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The task's credentials on one thread of ours. Raw system calls, because the C library's change all
 * threads.
 *
 * The saved user id stays 0, so that the way back is open; what decides about permissions (effective and
 * file system ids, groups, effective capabilities) is the task's, and so are the real ids, which access(2)
 * asks for. Leaving user 0 empties the effective capabilities and returning fills them again
 * (capabilities(7)).
 */

#include "supervisor/authority.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

#define STATUS_MAX 4096
#define NO_ID      UINT32_MAX

/* What we are ourselves; read once per thread. */
struct own {
        bool known;
        uint32_t uid, gid;
        gid_t *groups; /* never freed: as long as the thread */
        int n_groups;
        uint64_t effective, permitted;
        mode_t umask;
        uint64_t user_namespace;
};

static _Thread_local struct own own;
static _Thread_local bool switched;

/* The credentials of a task that waits for its answer do not change, so they are read once for each call. */
static _Thread_local struct {
        int listener_fd;
        uint64_t id;
        bool known, same_user_namespace;
        struct credentials task;
} last;

static int get_caps(uint64_t *ret_effective, uint64_t *ret_permitted) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2];

        if (syscall(SYS_capget, &header, data) < 0)
                return -errno;
        *ret_effective = data[0].effective | (uint64_t)data[1].effective << 32;
        *ret_permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
        return 0;
}

static int set_caps(uint64_t effective, uint64_t permitted) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = {
                { .effective = (uint32_t)effective, .permitted = (uint32_t)permitted },
                { .effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(permitted >> 32) },
        };

        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int know_ourselves(void) {
        struct stat st;
        int r;

        if (own.known)
                return 0;
        own.uid = geteuid();
        own.gid = getegid();
        own.n_groups = getgroups(0, NULL);
        if (own.n_groups > 0) {
                own.groups = calloc((size_t)own.n_groups, sizeof(*own.groups));
                if (!own.groups)
                        return error_origin(-ENOMEM);
                own.n_groups = getgroups(own.n_groups, own.groups);
        }
        if (own.n_groups < 0)
                return error_origin(-errno);
        r = get_caps(&own.effective, &own.permitted);
        if (r)
                return error_origin(r);
        own.umask = umask(0);
        umask(own.umask);
        own.user_namespace = stat("/proc/self/ns/user", &st) == 0 ? st.st_ino : 0;
        own.known = true;
        return 0;
}

/* ---- the task's ---- */

static const char *line_of(const char *status, const char *key) {
        const char *at = strstr(status, key);

        return at ? at + strlen(key) : NULL;
}

int authority_read(const struct kernel *kernel, uint32_t tid, struct credentials *ret) {
        char status[STATUS_MAX + 1];
        long n = kernel->read_proc(kernel->data, tid, "status", status, STATUS_MAX, 0);
        const char *uids, *gids, *groups, *caps, *mask, *rest;
        char *end;

        if (n < 0)
                return (int)n;
        status[n] = 0;
        /* The first line is the task's own name, which may try to look like another key. */
        rest = strchr(status, '\n');
        if (!rest)
                return -ESRCH;
        mask = line_of(rest, "\nUmask:");
        uids = line_of(rest, "\nUid:");
        gids = line_of(rest, "\nGid:");
        groups = line_of(rest, "\nGroups:");
        caps = line_of(rest, "\nCapEff:");
        if (!uids || !gids || !groups)
                return -ESRCH;
        *ret = (struct credentials){ .umask = mask ? (uint32_t)strtoul(mask, NULL, 8) : 022 };
        if (sscanf(uids, "%u %u %*u %u", &ret->uid, &ret->euid, &ret->fsuid) != 3 ||
            sscanf(gids, "%u %u %*u %u", &ret->gid, &ret->egid, &ret->fsgid) != 3)
                return -ESRCH;
        while (ret->n_groups < CREDENTIALS_GROUPS_MAX) {
                unsigned long group;

                while (*groups == ' ' || *groups == '\t')
                        groups++;
                if (*groups < '0' || *groups > '9')
                        break;
                group = strtoul(groups, &end, 10);
                ret->groups[ret->n_groups++] = (uint32_t)group;
                groups = end;
        }
        ret->caps = caps ? strtoull(caps, NULL, 16) : 0;
        return 0;
}

/* Does the task stand in our user namespace, so that its capabilities mean what ours do? */
static bool stands_in_ours(const struct call *call) {
        char path[64];
        struct stat st;

        snprintf(path, sizeof(path), "/proc/%u/ns/user", call->tid);
        return stat(path, &st) == 0 && st.st_ino == own.user_namespace;
}

/* Calls whose result depends on the umask. */
static bool makes_something(const struct call *call) {
        static const struct {
                const char *name;
                int flags; /* argument that holds open flags; -1: always */
        } rows[] = {
                { "open", 1 },   { "openat", 2 },   { "openat2", 6 }, { "creat", -1 },   { "mkdir", -1 },
                { "mknod", -1 }, { "mkdirat", -1 }, { "bind", -1 },   { "mknodat", -1 },
        };

        for (size_t i = 0; call->name && i < sizeof(rows) / sizeof(rows[0]); i++)
                if (strcmp(rows[i].name, call->name) == 0)
                        return rows[i].flags < 0 || rows[i].flags == 6 ||
                               (call->args[rows[i].flags] & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY)));
        return false;
}

static bool same_groups(const struct credentials *task) {
        if ((int)task->n_groups != own.n_groups)
                return false;
        for (size_t i = 0; i < task->n_groups; i++)
                if (task->groups[i] != own.groups[i])
                        return false;
        return true;
}

static int become(const struct credentials *task) {
        uint64_t caps = task->caps & own.permitted;
        gid_t groups[CREDENTIALS_GROUPS_MAX];
        int r = 0;

        if (task->caps && !last.same_user_namespace)
                caps = 0;
        if (task->fsuid == own.uid && task->euid == own.uid && task->uid == own.uid &&
            task->fsgid == own.gid && task->egid == own.gid && task->gid == own.gid && same_groups(task) &&
            caps == own.effective)
                return 0;
        switched = true;
        for (size_t i = 0; i < task->n_groups; i++)
                groups[i] = task->groups[i];
        if (syscall(SYS_setgroups, task->n_groups, groups) < 0 ||
            syscall(SYS_setresgid, task->gid, task->fsgid, -1) < 0 ||
            syscall(SYS_setresuid, task->uid, task->fsuid, -1) < 0)
                r = -errno;
        if (!r)
                r = set_caps(caps, own.permitted);
        if (r)
                authority_return(NULL);
        return error_origin(r);
}

/* 0 with `last` of this call, CALL_E_GONE or -errno. */
static int know_task(struct call *call) {
        int r;

        if (last.known && last.id == call->notif.id && last.listener_fd == call->listener_fd)
                return 0;
        last.known = false;
        r = authority_read(call->kernel, call->tid, &last.task);
        if (r == -ESRCH || r == -ENOENT)
                return CALL_E_GONE;
        if (r)
                return error_origin(r);
        last.same_user_namespace = last.task.caps && stands_in_ours(call);
        r = target_confirm(call);
        if (r)
                return r;
        last.id = call->notif.id;
        last.listener_fd = call->listener_fd;
        last.known = true;
        return 0;
}

int authority_assume(struct call *call) {
        bool makes = makes_something(call), privileged;
        int r = know_ourselves();

        if (r)
                return r;
        privileged = own.uid == 0 || own.permitted != 0;
        if (!privileged && !makes)
                return 0;
        r = know_task(call);
        if (r)
                return r;
        if (makes)
                umask((mode_t)last.task.umask);
        return privileged ? become(&last.task) : 0;
}

void authority_return(struct call *call) {
        if (!switched)
                return;
        switched = false;
        /* In this order: only user 0 may set groups. There is no going on as somebody else. */
        if (syscall(SYS_setresuid, own.uid, own.uid, -1) < 0 || set_caps(own.permitted, own.permitted) < 0 ||
            syscall(SYS_setresgid, own.gid, own.gid, -1) < 0 ||
            syscall(SYS_setgroups, own.n_groups, own.groups) < 0 ||
            set_caps(own.effective, own.permitted) < 0)
                abort();
}
