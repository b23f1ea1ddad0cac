/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Namespaces of mounts. What must stay true: where it takes a user namespace, the program is who it was in
 * it, by its ids and by its capabilities.
 */

#include "agent/mounts_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define MS_PRIVATE_ALL ((1ul << 18) | (1ul << 14)) /* MS_PRIVATE | MS_REC; <sys/mount.h> clashes */

static int write_proc(const char *path, const char *text) {
        cleanup_fd int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 ? -errno : fd_write_all(fd, text, strlen(text));
}

#define INSTEAD "run callgate as root, or leave binds, overlays and tmpfs out of the policy"

static int refuse_namespace(struct mounts *mounts, int error) {
        static const struct {
                int error;
                const char *why;
        } reasons[] = {
                { EPERM, "the kernel does not let ordinary users make user namespaces here "
                         "(kernel.unprivileged_userns_clone, kernel.apparmor_restrict_unprivileged_userns), "
                         "or a container's filter or a chroot forbids it" },
                { EACCES, "a security module does not let ordinary users make user namespaces here "
                          "(kernel.apparmor_restrict_unprivileged_userns)" },
                { ENOSPC, "no further user or mount namespace is allowed (user.max_user_namespaces, "
                          "user.max_mnt_namespaces)" },
                { EINVAL, "this kernel has no user namespaces" },
                { ENOSYS, "this kernel has no user namespaces, or a container's filter forbids them" },
        };

        for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
                if (reasons[i].error == error)
                        return mounts_refuse(
                                mounts, "binds, overlays and tmpfs need a mount namespace: %s; " INSTEAD,
                                reasons[i].why);
        return mounts_refuse(mounts, "binds, overlays and tmpfs need a mount namespace: %s; " INSTEAD,
                             strerror(error));
}

/* The same ids inside as outside. All others show as nobody: one line is all that an ordinary user may map.
 */
static int map_ids(struct mounts *mounts) {
        uid_t uid = geteuid();
        gid_t gid = getegid();
        char text[64];
        int r;

        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
                return refuse_namespace(mounts, errno);
        mounts->memory->user_namespace = true;
        r = write_proc("/proc/self/setgroups", "deny");
        if (r == -ENOENT)
                return mounts_refuse(mounts, "binds, overlays and tmpfs need /proc to be mounted; " INSTEAD);
        if (!r) {
                snprintf(text, sizeof(text), "%u %u 1\n", uid, uid);
                r = write_proc("/proc/self/uid_map", text);
        }
        if (!r) {
                snprintf(text, sizeof(text), "%u %u 1\n", gid, gid);
                r = write_proc("/proc/self/gid_map", text);
        }
        return r ? refuse_namespace(mounts, -r) : 0;
}

void mounts_remember_authority(struct authority *authority) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

        *authority = (struct authority){ .last = -1 };
        syscall(SYS_capget, &header, authority->caps);
        authority->secure_bits = prctl(PR_GET_SECUREBITS);
        for (int cap = 0; cap < 64; cap++) {
                int r = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

                if (r < 0)
                        break;
                authority->last = cap;
                authority->bounding |= (uint64_t)r << cap;
        }
}

int mounts_restore_authority(struct mounts *mounts, const struct authority *authority) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

        for (int cap = 0; cap <= authority->last; cap++)
                if (!(authority->bounding >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return mounts_refuse(mounts, "capability %d cannot be given up: %s", cap,
                                             strerror(errno));
        if (authority->secure_bits > 0 && prctl(PR_SET_SECUREBITS, authority->secure_bits, 0, 0, 0) < 0)
                return mounts_refuse(mounts, "the securebits of the process cannot be kept: %s",
                                     strerror(errno));
        if (syscall(SYS_capset, &header, authority->caps) < 0)
                return mounts_refuse(mounts, "capabilities cannot be given up: %s", strerror(errno));
        return 0;
}

int mounts_make_namespaces(struct mounts *mounts) {
        if (unshare(CLONE_NEWNS) < 0) {
                if (errno != EPERM)
                        return refuse_namespace(mounts, errno);
                if (map_ids(mounts) < 0)
                        return -1;
        }
        /* What is mounted here is seen nowhere else, and nothing that others mount later appears here. */
        if (syscall(SYS_mount, NULL, "/", NULL, MS_PRIVATE_ALL, NULL) < 0)
                return mounts_refuse(mounts, "mounts cannot be made private: %s%s", strerror(errno),
                                     errno == EACCES || errno == EPERM
                                             ? " (a security module or a container's "
                                               "filter forbids it); " INSTEAD
                                             : "");
        return 0;
}
