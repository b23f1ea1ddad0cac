/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Mounts pretended (`emulate: mount`), or done for the task where a policy allows it (`mount-allowed`, with
 * `authority: [mount]`).
 *
 * What is done for the task goes by descriptors: target and source are resolved as the task sees them,
 * judged, and used as they are, so nothing the task renames or links afterwards matters. File systems come
 * from a short list whose options are known to open nothing else. Mounts are nosuid and nodev unless the
 * policy says otherwise. Only what was mounted so can be unmounted.
 *
 * Entering a mount namespace is for a thread that shares its root and working directory with nobody, and it
 * stays there: each mount has a thread of its own, which ends with it.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/emulate/mounting.h"
#include "supervisor/emulate/system.h"

/* Flags of mount(2), whose header does not go together with linux/mount.h. */
#define FLAG_RDONLY      0x1u
#define FLAG_NOSUID      0x2u
#define FLAG_NODEV       0x4u
#define FLAG_NOEXEC      0x8u
#define FLAG_REMOUNT     0x20u
#define FLAG_NOATIME     0x400u
#define FLAG_NODIRATIME  0x800u
#define FLAG_BIND        0x1000u
#define FLAG_MOVE        0x2000u
#define FLAG_REC         0x4000u
#define FLAG_PROPAGATION 0x1e0000u /* unbindable, private, slave, shared */
#define FLAG_STRICTATIME 0x1000000u
#define FLAG_MAGIC       0xc0ed0000u
#define FLAG_MAGIC_MASK  0xffff0000u

#define UMOUNT_FLAGS     0xfu /* force, detach, expire, nofollow */
#define UMOUNT_NO_FOLLOW 0x8u

#define STRING_MAX 4096

/* Kernel 6.8; before it the number of a mount, which is given again after it is gone. */
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000u
#endif

/* ---- what the task asks for ---- */

struct request {
        struct call *call;
        const struct mounting *mounting;
        const struct filesystem *filesystem;
        uint64_t flags;
        char source[STRING_MAX], type[STRING_MAX], data[STRING_MAX];
        struct resolved from, to;
        int namespace_fd; /* the task's mount namespace */
        int root_fd;      /* of the mount made, afterwards */
        int error;        /* the task's; 0: done */
};

static void request_deinit(struct request *request) {
        resolved_deinit(&request->from);
        resolved_deinit(&request->to);
        request->namespace_fd = fd_close(request->namespace_fd);
        request->root_fd = fd_close(request->root_fd);
}

/* A string that may be missing. */
static int read_optional(struct call *call, uint64_t address, char *buffer) {
        buffer[0] = 0;
        return address ? target_string(call, address, buffer, STRING_MAX) : 0;
}

/* The kernel copies a page and ends it itself. */
static int read_data(struct call *call, uint64_t address, char *buffer) {
        size_t n = 0;
        int r;

        buffer[0] = 0;
        if (!address)
                return 0;
        r = target_read_some(call, address, buffer, STRING_MAX - 1, &n);
        buffer[n] = 0;
        return r;
}

static int resolve(struct call *call, uint64_t address, unsigned flags, struct resolved *ret) {
        char path[STRING_MAX];
        int r = target_string(call, address, path, sizeof(path));

        if (!r && !path[0])
                return answer_errno(call, ENOENT);
        if (!r)
                r = view_resolve(call, AT_FDCWD, path, flags, ret);
        if (!r && ret->error)
                return answer_errno(call, ret->error);
        return r;
}

static bool answered(const struct call *call) {
        return call->answer.kind != ANSWER_NONE;
}

/* All of it, in the kernel's order. The task's mistakes are answered. */
static int read_request(struct request *request) {
        struct call *call = request->call;
        int r = read_optional(call, call->args[2], request->type);

        if (!r)
                r = read_optional(call, call->args[0], request->source);
        if (!r)
                r = read_data(call, call->args[4], request->data);
        if (!r)
                r = resolve(call, call->args[1], RESOLVE_FOLLOW, &request->to);
        request->flags = call->args[3];
        if ((request->flags & FLAG_MAGIC_MASK) == FLAG_MAGIC)
                request->flags &= ~(uint64_t)FLAG_MAGIC_MASK;
        return r ? target_error(call, r) : 0;
}

/* ---- pretended ---- */

static int pretend_mount(struct call *call) {
        struct request request = {
                .call = call, .from = RESOLVED_INIT, .to = RESOLVED_INIT, .namespace_fd = -1, .root_fd = -1
        };
        int r = read_request(&request);

        request_deinit(&request);
        return r || answered(call) ? r : answer_errno(call, 0);
}

static uint64_t umount_flags(const struct call *call) {
        return strcmp(call->name, "umount2") == 0 ? (uint32_t)call->args[1] : 0; /* the old one has none */
}

static int pretend_umount(struct call *call) {
        uint64_t flags = umount_flags(call);
        struct resolved to = RESOLVED_INIT;
        int r;

        if (flags & ~(uint64_t)UMOUNT_FLAGS)
                return answer_errno(call, EINVAL);
        r = resolve(call, call->args[0], flags & UMOUNT_NO_FOLLOW ? 0 : RESOLVE_FOLLOW, &to);
        resolved_deinit(&to);
        if (r)
                return target_error(call, r);
        return answered(call) ? 0 : answer_errno(call, 0);
}

/* The newer calls that mount step by step: without them programs use mount(2). */
static int missing(struct call *call) {
        return answer_errno(call, ENOSYS);
}

/* ---- done ---- */

static uint64_t attributes(const struct request *request) {
        static const struct {
                unsigned flag;
                uint64_t attribute;
        } rows[] = {
                { FLAG_RDONLY, MOUNT_ATTR_RDONLY },         { FLAG_NOSUID, MOUNT_ATTR_NOSUID },
                { FLAG_NODEV, MOUNT_ATTR_NODEV },           { FLAG_NOEXEC, MOUNT_ATTR_NOEXEC },
                { FLAG_NODIRATIME, MOUNT_ATTR_NODIRATIME },
        };
        uint64_t result = (request->mounting->suid ? 0 : MOUNT_ATTR_NOSUID) |
                          (request->mounting->dev ? 0 : MOUNT_ATTR_NODEV);

        /* mount(2) takes no attributes with a bind. */
        for (size_t i = 0; !(request->flags & FLAG_BIND) && i < sizeof(rows) / sizeof(rows[0]); i++)
                if (request->flags & rows[i].flag)
                        result |= rows[i].attribute;
        if (!(request->flags & FLAG_BIND) && (request->flags & FLAG_NOATIME))
                result |= MOUNT_ATTR_NOATIME;
        else if (!(request->flags & FLAG_BIND) && (request->flags & FLAG_STRICTATIME))
                result |= MOUNT_ATTR_STRICTATIME;
        return result;
}

static bool word_in(const char *words, const char *word, size_t n) {
        for (const char *at = words; (at = strstr(at, word)); at += n)
                if ((at == words || at[-1] == ' ') && (at[n] == ' ' || at[n] == 0))
                        return true;
        return false;
}

/* "size=1m,mode=700" one by one. 0 or the errno. */
static int configure(int fd, const struct filesystem *filesystem, char *data) {
        char *rest = NULL;

        for (char *word = strtok_r(data, ",", &rest); word; word = strtok_r(NULL, ",", &rest)) {
                char *value = strchr(word, '=');

                if (!value)
                        return EINVAL;
                *value++ = 0;
                if (!*word || !word_in(filesystem->options, word, strlen(word)))
                        return EINVAL;
                if (syscall(SYS_fsconfig, fd, FSCONFIG_SET_STRING, word, value, 0) < 0)
                        return errno;
        }
        return 0;
}

/* A new file system, attached nowhere yet. The device is opened in our own namespace, by descriptor. */
static int make_detached(struct request *request, int *ret_error) {
        cleanup_fd int fd = (int)syscall(SYS_fsopen, request->filesystem->type, FSOPEN_CLOEXEC);
        char source[64];
        int mount_fd = -1;

        *ret_error = 0;
        if (fd < 0)
                *ret_error = errno;
        snprintf(source, sizeof(source), "/proc/thread-self/fd/%d", request->from.fd);
        if (!*ret_error && (request->filesystem->device || request->source[0]) &&
            syscall(SYS_fsconfig, fd, FSCONFIG_SET_STRING, "source",
                    request->filesystem->device ? source : request->source, 0) < 0)
                *ret_error = errno;
        if (!*ret_error && (request->flags & FLAG_RDONLY) &&
            syscall(SYS_fsconfig, fd, FSCONFIG_SET_FLAG, "ro", NULL, 0) < 0)
                *ret_error = errno;
        if (!*ret_error)
                *ret_error = configure(fd, request->filesystem, request->data);
        if (!*ret_error && syscall(SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                *ret_error = errno;
        if (!*ret_error)
                mount_fd = (int)syscall(SYS_fsmount, fd, FSMOUNT_CLOEXEC, (unsigned)attributes(request));
        if (!*ret_error && mount_fd < 0)
                *ret_error = errno;
        return mount_fd;
}

/* A copy of what is there; only in the task's namespace can it be had. */
static int copy_tree(const struct request *request, int *ret_error) {
        struct mount_attr set = { .attr_set = attributes(request) };
        unsigned recursive = request->flags & FLAG_REC ? AT_RECURSIVE : 0;
        int fd = (int)syscall(SYS_open_tree, request->from.fd, "",
                              OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | recursive);

        *ret_error = fd < 0 ? errno : 0;
        if (fd >= 0 && set.attr_set &&
            syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | recursive, &set, sizeof(set)) < 0) {
                *ret_error = errno;
                fd = fd_close(fd);
        }
        return fd;
}

static int enter(int namespace_fd) {
        return unshare(CLONE_FS) < 0 || setns(namespace_fd, CLONE_NEWNS) < 0 ? errno : 0;
}

static void *mount_there(void *data) {
        struct request *request = data;
        bool bind = request->flags & FLAG_BIND;

        if (!bind)
                request->root_fd = make_detached(request, &request->error);
        if (!request->error)
                request->error = enter(request->namespace_fd);
        if (!request->error && bind)
                request->root_fd = copy_tree(request, &request->error);
        if (!request->error && syscall(SYS_move_mount, request->root_fd, "", request->to.fd, "",
                                       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                request->error = errno;
        return NULL;
}

struct removal {
        int parent_fd, namespace_fd;
        const char *name;
        int flags;
        int error;
};

/* By name below its parent: a descriptor of the mount itself would keep it busy. What is mounted there
 * cannot be renamed or replaced by whoever may not mount. */
static void *umount_there(void *data) {
        struct removal *removal = data;

        removal->error = enter(removal->namespace_fd);
        if (!removal->error && fchdir(removal->parent_fd) < 0)
                removal->error = errno;
        if (!removal->error &&
            syscall(SYS_umount2, removal->name, removal->flags | (int)UMOUNT_NO_FOLLOW) < 0)
                removal->error = errno;
        return NULL;
}

static int on_own_thread(void *(*run)(void *data), void *data) {
        pthread_t thread;
        int r = pthread_create(&thread, NULL, run, data);

        if (r)
                return error_origin(-r);
        pthread_join(thread, NULL);
        return 0;
}

/* ---- what was mounted ---- */

/* The number of the mount that a descriptor leads into; 0: not known. */
static uint64_t mount_number(int fd, const char *name) {
        struct statx st;
        int flags = (*name ? 0 : AT_EMPTY_PATH) | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

        if (statx(fd, name, flags, STATX_MNT_ID_UNIQUE | STATX_MNT_ID, &st) < 0 ||
            !(st.stx_mask & (STATX_MNT_ID_UNIQUE | STATX_MNT_ID)))
                return 0;
        return st.stx_mnt_id;
}

static bool is_root_of_mount(int fd, const char *name) {
        struct statx st;
        int flags = (*name ? 0 : AT_EMPTY_PATH) | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;

        return statx(fd, name, flags, STATX_BASIC_STATS, &st) == 0 &&
               (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

/* ---- calls ---- */

/* Is it one of those that the policy allows? 0 or the errno. */
static int judge(struct request *request) {
        const struct mounting *mounting = request->mounting;
        const char *type = request->flags & FLAG_BIND ? "bind" : request->type;
        struct stat st;

        if (request->flags & (FLAG_REMOUNT | FLAG_MOVE | FLAG_PROPAGATION))
                return EPERM;
        request->filesystem = mounting_filesystem(type);
        if (!request->filesystem)
                return *type ? EPERM : EINVAL;
        if (!mounting_takes(mounting, request->filesystem) ||
            !mounting_matches(&mounting->targets, request->to.path))
                return EPERM;
        if (!(request->flags & FLAG_BIND) && !request->filesystem->device)
                return 0;
        if (!mounting_matches(&mounting->sources, request->from.path))
                return EPERM;
        if (request->filesystem->device && (fstat(request->from.fd, &st) < 0 || !S_ISBLK(st.st_mode)))
                return ENOTBLK;
        return 0;
}

/* The source is a path for some types only. */
static int resolve_source(struct request *request) {
        const struct filesystem *filesystem = mounting_filesystem(request->type);
        struct call *call = request->call;

        if (!(request->flags & FLAG_BIND) && !(filesystem && filesystem->device))
                return 0;
        if (!call->args[0])
                return answer_errno(call, EINVAL);
        return target_error(call, resolve(call, call->args[0], RESOLVE_FOLLOW, &request->from));
}

static int mount_requested(struct request *request) {
        struct call *call = request->call;
        struct mounting *mounting = emulation_state(call);
        int r = read_request(request);

        if (!r && !answered(call))
                r = resolve_source(request);
        if (r || answered(call))
                return r;
        request->mounting = mounting;
        request->error = judge(request);
        if (!request->error && !mounting_remember(mounting, 0))
                request->error = ENOSPC; /* as fs.mount-max has it */
        if (request->error)
                return answer_errno(call, request->error);
        request->namespace_fd = call->kernel->open_proc(call->kernel->data, call->tid, "ns/mnt", O_RDONLY);
        r = target_confirm(call);
        if (r)
                return r;
        if (request->namespace_fd < 0)
                return error_origin(request->namespace_fd);
        r = on_own_thread(mount_there, request);
        if (!r && !request->error)
                mounting_remember(mounting, mount_number(request->root_fd, ""));
        return r ? r : answer_errno(call, request->error);
}

static int allowed_mount(struct call *call) {
        struct request *request;
        int r;

        if (!call->may_wait)
                return CALL_E_SLOW;
        request = calloc(1, sizeof(*request));
        if (!request)
                return error_origin(-ENOMEM);
        *request = (struct request){
                .call = call, .from = RESOLVED_INIT, .to = RESOLVED_INIT, .namespace_fd = -1, .root_fd = -1
        };
        r = mount_requested(request);
        request_deinit(request);
        free(request);
        return r;
}

/* The mount at path: its number, and how to get at it from its parent. Held by nobody afterwards. */
static int find_mount(struct call *call, char *path, struct resolved *parent, const char **ret_name) {
        char *slash = strrchr(path, '/');
        int r;

        if (!slash || !slash[1])
                return answer_errno(call, EPERM); /* a root is nothing that we mounted */
        *slash = 0;
        *ret_name = slash + 1;
        r = view_resolve(call, AT_FDCWD, *path ? path : "/", RESOLVE_FOLLOW, parent);
        if (!r && parent->error)
                return answer_errno(call, parent->error);
        return r;
}

static int umount_found(struct call *call, char *path, int flags) {
        struct mounting *mounting = emulation_state(call);
        struct removal removal = { .namespace_fd = -1, .flags = flags };
        struct resolved parent = RESOLVED_INIT;
        uint64_t number;
        int r = find_mount(call, path, &parent, &removal.name);

        if (!r && !answered(call)) {
                number = mount_number(parent.fd, removal.name);
                if (!is_root_of_mount(parent.fd, removal.name))
                        r = answer_errno(call, EINVAL);
                else if (!mounting_forget(mounting, number, false))
                        r = answer_errno(call, EPERM);
        }
        if (!r && !answered(call)) {
                removal.parent_fd = parent.fd;
                removal.namespace_fd =
                        call->kernel->open_proc(call->kernel->data, call->tid, "ns/mnt", O_RDONLY);
                r = target_confirm(call);
                if (!r && removal.namespace_fd < 0)
                        r = error_origin(removal.namespace_fd);
                if (!r)
                        r = on_own_thread(umount_there, &removal);
                if (!r && !removal.error)
                        mounting_forget(mounting, number, true);
                if (!r)
                        r = answer_errno(call, removal.error);
        }
        fd_close(removal.namespace_fd);
        resolved_deinit(&parent);
        return r;
}

static int allowed_umount(struct call *call) {
        uint64_t flags = umount_flags(call);
        struct resolved to = RESOLVED_INIT;
        char *path = NULL;
        int r;

        if (!call->may_wait)
                return CALL_E_SLOW;
        if (flags & ~(uint64_t)UMOUNT_FLAGS)
                return answer_errno(call, EINVAL);
        r = resolve(call, call->args[0], flags & UMOUNT_NO_FOLLOW ? 0 : RESOLVE_FOLLOW, &to);
        if (!r && !answered(call)) {
                path = strdup(to.path);
                if (!path)
                        r = error_origin(-ENOMEM);
        }
        resolved_deinit(&to);
        if (!r && !answered(call))
                r = umount_found(call, path, (int)flags);
        free(path);
        return target_error(call, r);
}

#define STEP_BY_STEP                                                                                        \
        { "fsopen", missing }, { "fsconfig", missing }, { "fsmount", missing }, { "fspick", missing },      \
                { "open_tree", missing }, { "open_tree_attr", missing }, { "move_mount", missing }, {       \
                "mount_setattr", missing                                                                    \
        }

static const struct emulator pretended_rows[] = {
        { "mount", pretend_mount },
        { "umount", pretend_umount },
        { "umount2", pretend_umount },
        STEP_BY_STEP,
        { 0 },
};

const struct emulation emulation_mount = { .name = "mount", .rows = pretended_rows };

static const struct emulator allowed_rows[] = {
        { "mount", allowed_mount },
        { "umount", allowed_umount },
        { "umount2", allowed_umount },
        STEP_BY_STEP,
        { 0 },
};

const struct emulation emulation_mount_allowed = {
        .name = "mount-allowed",
        .rows = allowed_rows,
        .open = mounting_open,
        .close = mounting_close,
};
