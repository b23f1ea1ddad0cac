/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Mounts of a policy: in the launcher (folders, locks) and in the child (namespaces, mounts, capabilities).
 *
 * What must stay true: the program is who it was (ids, groups, capabilities, umask, signals, descriptors,
 * working directory), only the tree looks different; nothing that is done here is seen by any other process;
 * where something cannot be had, the program does not start and a sentence says why.
 *
 * Everything that appears is opened before the first mount, since a mount may cover what the next one is
 * made of. Places are opened after the mounts above them, since those decide what is there. Paths reach
 * overlayfs as /proc/self/fd/N: its options cut at commas and colons.
 */

#include "agent/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"

#define MS_PRIVATE_ALL ((1ul << 18) | (1ul << 14)) /* MS_PRIVATE | MS_REC; <sys/mount.h> clashes */

struct part {
        const struct policy_mount *mount;
        int changes_fd; /* OVERLAY: in the launcher, holds the lock */
        int upper_fd;   /* the launcher's, once asked for */

        /* In the child. */
        int source_fd; /* BIND: the detached copy */
        int folder_fd; /* OVERLAY: changes */
        char *real;    /* where it was mounted */
};

/* Written by the child. */
struct mounts_memory {
        char error[MOUNTS_ERROR_MAX];
        bool user_namespace;
        int lower_fds[]; /* numbers in the shared descriptor table; -1 */
};

struct mounts {
        struct part *parts; /* places above others first */
        size_t n;
        struct mounts_memory *memory;
        size_t n_memory;
};

static const char *const kind_names[] = {
        [POLICY_BIND] = "binds", [POLICY_OVERLAY] = "overlays", [POLICY_TMPFS] = "tmpfs"
};

/* ---- the launcher ---- */

static unsigned components(const char *path) {
        unsigned n = 0;

        for (; *path; path++)
                n += *path != '/' && (path[1] == '/' || path[1] == 0);
        return n;
}

/* Places above others come first; of equal depth, as written. */
static void sort(struct part *parts, size_t n) {
        for (size_t i = 1; i < n; i++)
                for (size_t k = i;
                     k > 0 && components(parts[k].mount->to) < components(parts[k - 1].mount->to); k--) {
                        struct part part = parts[k];

                        parts[k] = parts[k - 1];
                        parts[k - 1] = part;
                }
}

static int prepare_changes(struct part *part, char error[MOUNTS_ERROR_MAX]) {
        const char *changes = part->mount->from, *to = part->mount->to;

        if (mkdir(changes, 0777) < 0 && errno != EEXIST) {
                snprintf(error, MOUNTS_ERROR_MAX, "overlays: %s: changes: %s: cannot be made: %s%s", to,
                         changes, strerror(errno),
                         errno == ENOENT ? "; the folder it is to lie in must exist" : "");
                return MOUNTS_E_REFUSED;
        }
        part->changes_fd = open(changes, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (part->changes_fd < 0) {
                snprintf(error, MOUNTS_ERROR_MAX, "overlays: %s: changes: %s: cannot be opened: %s", to,
                         changes, strerror(errno));
                return MOUNTS_E_REFUSED;
        }
        if (flock(part->changes_fd, LOCK_EX | LOCK_NB) < 0) {
                snprintf(error, MOUNTS_ERROR_MAX,
                         "overlays: %s: changes: %s: another program is running on these changes; wait for "
                         "it, or give this one a folder of its own",
                         to, changes);
                return MOUNTS_E_REFUSED;
        }
        return 0;
}

int mounts_prepare(const struct policy_mount *policy_mounts, size_t n, struct mounts **ret,
                   char error[MOUNTS_ERROR_MAX]) {
        struct mounts *mounts;
        int r = 0;

        *ret = NULL;
        if (n == 0)
                return 0;
        mounts = calloc(1, sizeof(*mounts));
        if (!mounts)
                return error_origin(-ENOMEM);
        mounts->n_memory = sizeof(*mounts->memory) + n * sizeof(int);
        mounts->memory =
                mmap(NULL, mounts->n_memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (mounts->memory == MAP_FAILED)
                mounts->memory = NULL;
        mounts->parts = calloc(n, sizeof(*mounts->parts));
        if (!mounts->memory || !mounts->parts) {
                mounts_free(mounts);
                return error_origin(-ENOMEM);
        }
        for (; mounts->n < n; mounts->n++) {
                mounts->parts[mounts->n] = (struct part){ .mount = &policy_mounts[mounts->n],
                                                          .changes_fd = -1,
                                                          .upper_fd = -1,
                                                          .source_fd = -1,
                                                          .folder_fd = -1 };
                mounts->memory->lower_fds[mounts->n] = -1;
        }
        sort(mounts->parts, n);
        for (size_t i = 0; i < n && !r; i++)
                if (mounts->parts[i].mount->kind == POLICY_OVERLAY)
                        r = prepare_changes(&mounts->parts[i], error);
        if (r) {
                mounts_free(mounts);
                return error_trace(r);
        }
        *ret = mounts;
        return 0;
}

const char *mounts_error(const struct mounts *mounts) {
        return mounts->memory->error;
}

bool mounts_in_user_namespace(const struct mounts *mounts) {
        return mounts->memory->user_namespace;
}

bool mounts_overlay(const struct mounts *mounts, size_t i, struct mounts_overlay *ret) {
        for (size_t k = 0; k < mounts->n; k++) {
                struct part *part = &mounts->parts[k];

                if (part->mount->kind != POLICY_OVERLAY || i-- > 0)
                        continue;
                if (part->upper_fd < 0)
                        part->upper_fd = openat(part->changes_fd, "upper",
                                                O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                *ret = (struct mounts_overlay){ .path = part->mount->to,
                                                .changes = part->mount->from,
                                                .lower_fd = mounts->memory->lower_fds[k],
                                                .upper_fd = part->upper_fd,
                                                .user_xattrs = mounts->memory->user_namespace };
                return true;
        }
        return false;
}

struct mounts *mounts_free(struct mounts *mounts) {
        if (!mounts)
                return NULL;
        for (size_t i = 0; i < mounts->n; i++) {
                /* In words: a process that shares our descriptors may be there still. */
                if (mounts->parts[i].changes_fd >= 0)
                        flock(mounts->parts[i].changes_fd, LOCK_UN);
                fd_close(mounts->parts[i].changes_fd);
                fd_close(mounts->parts[i].upper_fd);
                fd_close(mounts->memory->lower_fds[i]);
        }
        if (mounts->memory)
                munmap(mounts->memory, mounts->n_memory);
        free(mounts->parts);
        free(mounts);
        return NULL;
}

/* ---- the child: what went wrong ---- */

__attribute__((format(printf, 2, 3))) static int refuse(struct mounts *mounts, const char *format, ...) {
        va_list args;

        va_start(args, format);
        vsnprintf(mounts->memory->error, sizeof(mounts->memory->error), format, args);
        va_end(args);
        return -1;
}

/* About one mount: "overlays: /opt/vendor: …". */
__attribute__((format(printf, 3, 4))) static int refuse_part(struct mounts *mounts, const struct part *part,
                                                             const char *format, ...) {
        char text[MOUNTS_ERROR_MAX - 64];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        return refuse(mounts, "%s: %.256s: %s", kind_names[part->mount->kind], part->mount->to, text);
}

/* ---- the child: namespaces ---- */

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
                        return refuse(mounts,
                                      "binds, overlays and tmpfs need a mount namespace: %s; " INSTEAD,
                                      reasons[i].why);
        return refuse(mounts, "binds, overlays and tmpfs need a mount namespace: %s; " INSTEAD,
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
                return refuse(mounts, "binds, overlays and tmpfs need /proc to be mounted; " INSTEAD);
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

/* A user namespace is given with all capabilities over itself: wanted for the mounts, not for the program.
 */
struct authority {
        struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];
        uint64_t bounding;
        int secure_bits;
        int last; /* highest capability that the kernel knows */
};

static void remember_authority(struct authority *authority) {
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

static int restore_authority(struct mounts *mounts, const struct authority *authority) {
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

        for (int cap = 0; cap <= authority->last; cap++)
                if (!(authority->bounding >> cap & 1) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
                        return refuse(mounts, "capability %d cannot be given up: %s", cap, strerror(errno));
        if (authority->secure_bits > 0 && prctl(PR_SET_SECUREBITS, authority->secure_bits, 0, 0, 0) < 0)
                return refuse(mounts, "the securebits of the process cannot be kept: %s", strerror(errno));
        if (syscall(SYS_capset, &header, authority->caps) < 0)
                return refuse(mounts, "capabilities cannot be given up: %s", strerror(errno));
        return 0;
}

static int make_namespaces(struct mounts *mounts) {
        if (unshare(CLONE_NEWNS) < 0) {
                if (errno != EPERM)
                        return refuse_namespace(mounts, errno);
                if (map_ids(mounts) < 0)
                        return -1;
        }
        /* What is mounted here is seen nowhere else, and nothing that others mount later appears here. */
        if (syscall(SYS_mount, NULL, "/", NULL, MS_PRIVATE_ALL, NULL) < 0)
                return refuse(mounts, "mounts cannot be made private: %s%s", strerror(errno),
                              errno == EACCES || errno == EPERM ? " (a security module or a container's "
                                                                  "filter forbids it); " INSTEAD
                                                                : "");
        return 0;
}

/* ---- the child: what is to appear ---- */

static int open_bind(struct mounts *mounts, struct part *part) {
        /* With what is mounted inside: in a user namespace it may not be left out. */
        part->source_fd = (int)syscall(SYS_open_tree, AT_FDCWD, part->mount->from,
                                       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (part->source_fd < 0)
                return refuse_part(mounts, part, "from: %.256s: %s%s", part->mount->from, strerror(errno),
                                   errno == ENOSYS ? " (needs Linux 5.2)" : "");
        if (part->mount->read_only) {
                struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

                if (syscall(SYS_mount_setattr, part->source_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                            sizeof(attr)) < 0)
                        return refuse_part(mounts, part, "read-only: %s%s", strerror(errno),
                                           errno == ENOSYS ? " (needs Linux 5.12)" : "");
        }
        return 0;
}

static int open_sources(struct mounts *mounts) {
        for (size_t i = 0; i < mounts->n; i++) {
                struct part *part = &mounts->parts[i];

                if (part->mount->kind == POLICY_BIND) {
                        if (open_bind(mounts, part) < 0)
                                return -1;
                } else if (part->mount->kind == POLICY_OVERLAY) {
                        /* By path again: the launcher's descriptor leads into its own mount namespace. */
                        part->folder_fd = open(part->mount->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                        if (part->folder_fd < 0)
                                return refuse_part(mounts, part, "changes: %.256s: %s", part->mount->from,
                                                   strerror(errno));
                }
        }
        return 0;
}

/* ---- the child: places ---- */

static const char *type_name(mode_t mode) {
        return S_ISDIR(mode) ? "a folder" : "a file";
}

static int open_place(struct mounts *mounts, struct part *part, int *ret_fd, struct stat *ret_st) {
        char link[64], path[PATH_MAX];
        struct stat source;
        ssize_t n;
        cleanup_fd int fd = open(part->mount->to, O_PATH | O_CLOEXEC);

        if (fd < 0 || fstat(fd, ret_st) < 0)
                return refuse_part(mounts, part, "%s%s", strerror(errno),
                                   errno == ENOENT ? ": a mount covers what is there, so make an empty file "
                                                     "or folder of that name first"
                                                   : "");
        if (part->mount->kind != POLICY_BIND && !S_ISDIR(ret_st->st_mode))
                return refuse_part(mounts, part, "is a file, and only a folder can be %s",
                                   part->mount->kind == POLICY_OVERLAY ? "overlaid; use binds for a file"
                                                                       : "a tmpfs");
        if (part->mount->kind == POLICY_BIND) {
                if (fstat(part->source_fd, &source) < 0)
                        return refuse_part(mounts, part, "from: %.256s: %s", part->mount->from,
                                           strerror(errno));
                if (S_ISDIR(source.st_mode) != S_ISDIR(ret_st->st_mode))
                        return refuse_part(
                                mounts, part,
                                "is %s and from: %.256s is %s; both must be files or both folders",
                                type_name(ret_st->st_mode), part->mount->from, type_name(source.st_mode));
        }
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n < 0)
                return refuse_part(mounts, part, "/proc is needed to mount here: %s", strerror(errno));
        path[n] = 0;
        part->real = strdup(path);
        if (!part->real)
                return refuse_part(mounts, part, "%s", strerror(ENOMEM));
        *ret_fd = fd_take(&fd);
        return 0;
}

static int attach(struct mounts *mounts, const struct part *part, int mount_fd, int place_fd) {
        if (syscall(SYS_move_mount, mount_fd, "", place_fd, "",
                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return refuse_part(mounts, part, "cannot be mounted: %s", strerror(errno));
        return 0;
}

/* ---- the child: file systems ---- */

/* What the place forbids stays forbidden on what covers it. */
static unsigned attributes_of(int place_fd) {
        struct statvfs vfs;
        unsigned attributes = 0;

        if (fstatvfs(place_fd, &vfs) < 0)
                return 0;
        if (vfs.f_flag & ST_NOSUID)
                attributes |= MOUNT_ATTR_NOSUID;
        if (vfs.f_flag & ST_NODEV)
                attributes |= MOUNT_ATTR_NODEV;
        if (vfs.f_flag & ST_NOEXEC)
                attributes |= MOUNT_ATTR_NOEXEC;
        if (vfs.f_flag & ST_NOATIME)
                attributes |= MOUNT_ATTR_NOATIME;
        return attributes;
}

struct setting {
        const char *key;
        char value[64]; /* "": the key alone */
};

/* What the kernel has to say about a file system that it does not want: "overlay: …". */
static void kernel_words(int fs_fd, char *ret, size_t size) {
        ssize_t n = read(fs_fd, ret, size - 1);

        ret[n > 0 ? n : 0] = 0;
        ret[strcspn(ret, "\n")] = 0;
        if (ret[0] && ret[1] == ' ')
                memmove(ret, ret + 2, strlen(ret + 2) + 1);
}

/* 0 and a detached mount, or -errno with the kernel's words. */
static int make_mount(const char *type, const struct setting *settings, unsigned attributes, int *ret_fd,
                      char *words, size_t n_words) {
        cleanup_fd int fs_fd = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
        int r = fs_fd < 0 ? -errno : 0;

        words[0] = 0;
        for (; !r && settings->key; settings++)
                if (syscall(SYS_fsconfig, fs_fd,
                            settings->value[0] ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, settings->key,
                            settings->value[0] ? settings->value : NULL, 0) < 0)
                        r = -errno;
        if (!r && syscall(SYS_fsconfig, fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
                r = -errno;
        if (!r) {
                *ret_fd = (int)syscall(SYS_fsmount, fs_fd, FSMOUNT_CLOEXEC, attributes);
                r = *ret_fd < 0 ? -errno : 0;
        }
        if (r && fs_fd >= 0)
                kernel_words(fs_fd, words, n_words);
        return r;
}

static int mount_tmpfs(struct mounts *mounts, struct part *part, int place_fd, const struct stat *st) {
        struct setting settings[6] = { { "source", "tmpfs" } };
        size_t n = 1;
        char words[256];
        cleanup_fd int fd = -1;
        int r;

        snprintf(settings[n].value, sizeof(settings[n].value), "%o", st->st_mode & 07777);
        settings[n++].key = "mode";
        /* An owner that has no number in our user namespace is left out: then it is ours. */
        if (!mounts->memory->user_namespace || st->st_uid == geteuid()) {
                snprintf(settings[n].value, sizeof(settings[n].value), "%u", st->st_uid);
                settings[n++].key = "uid";
        }
        if (!mounts->memory->user_namespace || st->st_gid == getegid()) {
                snprintf(settings[n].value, sizeof(settings[n].value), "%u", st->st_gid);
                settings[n++].key = "gid";
        }
        r = make_mount("tmpfs", settings, attributes_of(place_fd) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                       &fd, words, sizeof(words));
        if (r)
                return refuse_part(mounts, part, "cannot be mounted: %s%s%s", strerror(-r),
                                   words[0] ? ": " : "", words);
        return attach(mounts, part, fd, place_fd);
}

/* ---- the child: overlays ---- */

static void copy_xattrs(const char *from, const char *to) {
        char names[4096], value[4096];
        ssize_t n = listxattr(from, names, sizeof(names));

        for (ssize_t i = 0; i < n; i += (ssize_t)strlen(names + i) + 1) {
                ssize_t size;

                if (strncmp(names + i, "trusted.overlay.", 16) == 0 ||
                    strncmp(names + i, "user.overlay.", 13) == 0)
                        continue;
                size = getxattr(from, names + i, value, sizeof(value));
                if (size >= 0)
                        setxattr(to, names + i, value, (size_t)size, 0);
        }
}

/*
 * The top of the merged tree has the attributes of upper/, so these are made those of the original. An
 * ordinary user cannot give folders away: then the owner's bits, now ours, say what we might do before.
 */
static int imitate(const char *original, const struct stat *st, const char *upper) {
        struct timespec times[2] = { st->st_atim, st->st_mtim };
        mode_t mode = st->st_mode & 07777;

        if (chown(upper, st->st_uid, st->st_gid) < 0 && st->st_uid != geteuid()) {
                static const int wishes[] = { R_OK, W_OK, X_OK };

                mode &= 077;
                for (size_t i = 0; i < 3; i++)
                        if (eaccess(original, wishes[i]) == 0)
                                mode |= (mode_t)(0400u >> i);
        }
        copy_xattrs(original, upper);
        if (chmod(upper, mode) < 0)
                return -errno;
        utimensat(AT_FDCWD, upper, times, 0);
        return 0;
}

/* overlayfs goes on without extended attributes and fails later, when a folder is replaced. */
static int try_xattr(const char *upper, bool user) {
        const char *name = user ? "user.overlay.callgate" : "trusted.overlay.callgate";

        if (setxattr(upper, name, "y", 1, 0) < 0)
                return -errno;
        removexattr(upper, name);
        return 0;
}

static int open_changes(struct mounts *mounts, struct part *part, int place_fd, const struct stat *st,
                        int *ret_upper, int *ret_work) {
        char upper[64], original[64];
        bool fresh = mkdirat(part->folder_fd, "upper", 0700) == 0;
        int r = fresh || errno == EEXIST ? 0 : -errno;

        if (!r && mkdirat(part->folder_fd, "work", 0700) < 0 && errno != EEXIST)
                r = -errno;
        if (!r) {
                *ret_upper = openat(part->folder_fd, "upper", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                *ret_work = openat(part->folder_fd, "work", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
                r = *ret_upper < 0 || *ret_work < 0 ? -errno : 0;
        }
        if (r)
                return refuse_part(mounts, part, "changes: %.256s: %s", part->mount->from, strerror(-r));
        snprintf(upper, sizeof(upper), "/proc/self/fd/%d", *ret_upper);
        snprintf(original, sizeof(original), "/proc/self/fd/%d", place_fd);
        r = fresh ? imitate(original, st, upper) : 0;
        if (r)
                return refuse_part(mounts, part, "changes: %.256s: %s", part->mount->from, strerror(-r));
        r = try_xattr(upper, mounts->memory->user_namespace);
        if (r == -EOPNOTSUPP)
                return refuse_part(mounts, part,
                                   "changes: %.256s: its file system has no extended attributes; take a "
                                   "folder on ext4, xfs or btrfs",
                                   part->mount->from);
        if (r)
                return refuse_part(mounts, part, "changes: %.256s: %s", part->mount->from, strerror(-r));
        return 0;
}

static int refuse_overlay(struct mounts *mounts, const struct part *part, int r, const char *words) {
        const char *remedy = "";

        if (r == -ELOOP)
                remedy = "; changes may not lie inside the tree, nor the tree inside changes";
        else if (mounts->memory->user_namespace && r == -EPERM)
                remedy = " (ordinary users need Linux 5.11 for it)";
        else if (r == -ENODEV)
                remedy = " (this kernel has no overlayfs)";
        return refuse_part(mounts, part, "cannot be overlaid: %s%s%s%s", strerror(-r), words[0] ? ": " : "",
                           words, remedy);
}

static int mount_overlay_alone(struct mounts *mounts, struct part *part, int place_fd,
                               const struct stat *st) {
        /* Privileged mounts keep renamed folders; without privilege rename(2) of one gives EXDEV. */
        bool user = mounts->memory->user_namespace;
        struct setting settings[] = {
                { "source", "overlay" },
                { "lowerdir", "" },
                { "upperdir", "" },
                { "workdir", "" },
                { "metacopy", "off" },
                { "index", "off" },
                { user ? "userxattr" : "redirect_dir", "" },
                { NULL, "" },
        };
        char words[256];
        cleanup_fd int upper_fd = -1, work_fd = -1, fd = -1;
        int r = open_changes(mounts, part, place_fd, st, &upper_fd, &work_fd);

        if (r < 0)
                return r;
        snprintf(settings[1].value, sizeof(settings[1].value), "/proc/self/fd/%d", place_fd);
        snprintf(settings[2].value, sizeof(settings[2].value), "/proc/self/fd/%d", upper_fd);
        snprintf(settings[3].value, sizeof(settings[3].value), "/proc/self/fd/%d", work_fd);
        if (!user)
                strcpy(settings[6].value, "on");
        r = make_mount("overlay", settings, attributes_of(place_fd), &fd, words, sizeof(words));
        if (r)
                return refuse_overlay(mounts, part, r, words);
        /* overlayfs makes it without any permission, and `rm -r` of the changes would stop there. */
        if (fchmodat(part->folder_fd, "work/work", 0700, 0) < 0 && errno != ENOENT)
                return refuse_part(mounts, part, "its work directory cannot be made accessible: %s",
                                   strerror(errno));
        if (attach(mounts, part, fd, place_fd) < 0)
                return -1;
        /* The root of a process does not move by itself to what is mounted on it. */
        if (strcmp(part->real, "/") == 0 && (fchdir(fd) < 0 || chroot(".") < 0))
                return refuse_part(mounts, part, "cannot become the root: %s", strerror(errno));
        return 0;
}

/* ---- the child: what is mounted inside an overlaid tree ---- */

#define MOUNTINFO_MAX (16u * 1024 * 1024)

/* overlayfs shows one file system, so what is mounted inside is carried over: the kernel's own file systems
 * as they are, all others read-only, since the original is to stay untouched. */
struct inner {
        char *path;
        bool kernel;
        int fd;
};

struct inners {
        struct inner *inners;
        size_t n;
};

static void inners_deinit(struct inners *inners) {
        for (size_t i = 0; i < inners->n; i++) {
                free(inners->inners[i].path);
                fd_close(inners->inners[i].fd);
        }
        free(inners->inners);
}

static bool lies_in(const char *path, const char *folder) {
        size_t n = strlen(folder);

        if (n == 1)
                return true;
        return strncmp(path, folder, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static bool of_the_kernel(const char *type) {
        static const char *const types[] = { "proc",      "sysfs",  "devtmpfs",  "devpts",     "cgroup",
                                             "cgroup2",   "mqueue", "debugfs",   "tracefs",    "securityfs",
                                             "bpf",       "pstore", "configfs",  "fusectl",    "efivarfs",
                                             "hugetlbfs", "autofs", "selinuxfs", "binfmt_misc" };

        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
                if (strcmp(types[i], type) == 0)
                        return true;
        return false;
}

/* "\040" and the like, in place. */
static void unescape(char *text) {
        char *to = text;

        for (; *text; text++)
                if (text[0] == '\\' && text[1] >= '0' && text[1] <= '3' && text[2] && text[3]) {
                        *to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
                        text += 3;
                } else
                        *to++ = *text;
        *to = 0;
}

/* One line of mountinfo: "36 35 98:0 /root /place options optional… - type source options". */
static int add_inner(struct inners *inners, char *line, const char *folder) {
        char *place = line, *type = strstr(line, " - "), *path;
        struct inner *grown;

        for (int i = 0; i < 4 && place; i++)
                place = (place = strchr(place, ' ')) ? place + 1 : NULL;
        if (!place || !type || type < place)
                return 0;
        type += 3;
        type[strcspn(type, " ")] = 0;
        place[strcspn(place, " ")] = 0;
        unescape(place);
        if (strcmp(place, folder) == 0 || !lies_in(place, folder))
                return 0;
        /* Those inside others come with them. */
        for (size_t i = 0; i < inners->n; i++)
                if (lies_in(place, inners->inners[i].path))
                        return 0;
        grown = realloc(inners->inners, (inners->n + 1) * sizeof(*grown));
        if (grown)
                inners->inners = grown;
        path = grown ? strdup(place) : NULL;
        if (!path)
                return -ENOMEM;
        inners->inners[inners->n++] = (struct inner){ path, of_the_kernel(type), -1 };
        return 0;
}

static int find_inners(const char *folder, struct inners *ret) {
        struct buf text = BUF_INIT(MOUNTINFO_MAX);
        int r = buf_read_file(&text, "/proc/self/mountinfo", MOUNTINFO_MAX);
        char *rest = r ? NULL : text.data, *line;

        if (!r)
                buf_string(&text);
        while (!r && (line = strsep(&rest, "\n")))
                r = add_inner(ret, line, folder);
        buf_deinit(&text);
        return r;
}

static int take_inner(struct mounts *mounts, const struct part *part, struct inner *inner) {
        struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

        inner->fd = (int)syscall(SYS_open_tree, AT_FDCWD, inner->path,
                                 OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_SYMLINK_NOFOLLOW);
        if (inner->fd < 0 ||
            (!inner->kernel && syscall(SYS_mount_setattr, inner->fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                                       sizeof(attr)) < 0))
                return refuse_part(mounts, part, "what is mounted at %.256s cannot be shown read-only: %s",
                                   inner->path, strerror(errno));
        return 0;
}

static int put_inner(struct mounts *mounts, const struct part *part, const struct inner *inner) {
        cleanup_fd int place_fd = open(inner->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        if (place_fd < 0)
                return refuse_part(mounts, part, "what is mounted at %.256s has no place any more: %s",
                                   inner->path, strerror(errno));
        return attach(mounts, part, inner->fd, place_fd);
}

static int mount_overlay(struct mounts *mounts, struct part *part, int place_fd, const struct stat *st) {
        __attribute__((cleanup(inners_deinit))) struct inners inners = { 0 };
        int r = find_inners(part->real, &inners);

        if (r)
                return refuse_part(mounts, part, "/proc/self/mountinfo: %s", strerror(-r));
        if (inners.n > 0 && mounts->memory->user_namespace)
                return refuse_part(mounts, part,
                                   "cannot be overlaid by an ordinary user, because another file system is "
                                   "mounted inside, at %.256s; overlay folders beside that",
                                   inners.inners[0].path);
        for (size_t i = 0; i < inners.n && r == 0; i++)
                r = take_inner(mounts, part, &inners.inners[i]);
        if (r == 0)
                r = mount_overlay_alone(mounts, part, place_fd, st);
        for (size_t i = 0; i < inners.n && r == 0; i++)
                r = put_inner(mounts, part, &inners.inners[i]);
        return r;
}

/* ---- the child: all of it ---- */

static int mount_all(struct mounts *mounts) {
        for (size_t i = 0; i < mounts->n; i++) {
                struct part *part = &mounts->parts[i];
                cleanup_fd int place_fd = -1;
                struct stat st;
                int r;

                if (open_place(mounts, part, &place_fd, &st) < 0)
                        return -1;
                switch (part->mount->kind) {
                case POLICY_BIND:
                        r = attach(mounts, part, part->source_fd, place_fd);
                        break;
                case POLICY_OVERLAY:
                        r = mount_overlay(mounts, part, place_fd, &st);
                        if (r == 0)
                                mounts->memory->lower_fds[i] = fd_take(&place_fd);
                        break;
                default:
                        r = mount_tmpfs(mounts, part, place_fd, &st);
                }
                if (r < 0)
                        return r;
        }
        return 0;
}

/* A working directory below a mount is still the folder that the mount covers: it is entered again by name.
 */
static int enter_folder(struct mounts *mounts, const char *folder) {
        for (size_t i = 0; i < mounts->n; i++) {
                if (!lies_in(folder, mounts->parts[i].real))
                        continue;
                if (chdir(folder) == 0)
                        return 0;
                return refuse_part(mounts, &mounts->parts[i],
                                   "covers the working directory %.256s, which cannot be entered there: %s; "
                                   "start the program from another folder",
                                   folder, strerror(errno));
        }
        return 0;
}

static void close_all(struct mounts *mounts) {
        for (size_t i = 0; i < mounts->n; i++) {
                mounts->parts[i].source_fd = fd_close(mounts->parts[i].source_fd);
                mounts->parts[i].folder_fd = fd_close(mounts->parts[i].folder_fd);
        }
}

int mounts_enter(struct mounts *mounts) {
        struct authority authority;
        char folder[PATH_MAX];
        int r;

        /* One that was removed, or lies outside of our root, has no name, and stays what it is. */
        if (!getcwd(folder, sizeof(folder))) {
                if (errno != ENOENT)
                        return refuse(mounts,
                                      "the working directory cannot be named: %s; start the program "
                                      "from another folder",
                                      strerror(errno));
                folder[0] = 0;
        }
        remember_authority(&authority);
        r = make_namespaces(mounts);
        if (r == 0)
                r = open_sources(mounts);
        if (r == 0)
                r = mount_all(mounts);
        if (r == 0 && folder[0] == '/')
                r = enter_folder(mounts, folder);
        if (r == 0 && mounts->memory->user_namespace)
                r = restore_authority(mounts, &authority);
        close_all(mounts);
        return r;
}
