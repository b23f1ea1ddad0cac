/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Mounts of a policy: in the launcher (folders, locks) and in the child (namespaces, mounts, capabilities).
 *
 * What must stay true: the program is who it was (ids, groups, capabilities, umask, signals, descriptors,
 * working directory), only the tree looks different; nothing that is done here is seen by any other process;
 * where something cannot be had, the program does not start and a sentence says why.
 *
 * Everything that appears is opened before the first mount, since a mount may cover what the next one is
 * made of. Places are opened after the mounts above them, since those decide what is there.
 */

#include "agent/mounts_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"

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

__attribute__((format(printf, 2, 3))) int mounts_refuse(struct mounts *mounts, const char *format, ...) {
        va_list args;

        va_start(args, format);
        vsnprintf(mounts->memory->error, sizeof(mounts->memory->error), format, args);
        va_end(args);
        return -1;
}

__attribute__((format(printf, 3, 4))) int mounts_refuse_part(struct mounts *mounts, const struct part *part,
                                                             const char *format, ...) {
        char text[MOUNTS_ERROR_MAX - 64];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        return mounts_refuse(mounts, "%s: %.256s: %s", kind_names[part->mount->kind], part->mount->to, text);
}

/* ---- the child: what is to appear ---- */

static int open_bind(struct mounts *mounts, struct part *part) {
        /* With what is mounted inside: in a user namespace it may not be left out. */
        part->source_fd = (int)syscall(SYS_open_tree, AT_FDCWD, part->mount->from,
                                       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (part->source_fd < 0)
                return mounts_refuse_part(mounts, part, "from: %.256s: %s%s", part->mount->from,
                                          strerror(errno), errno == ENOSYS ? " (needs Linux 5.2)" : "");
        if (part->mount->read_only) {
                struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

                if (syscall(SYS_mount_setattr, part->source_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
                            sizeof(attr)) < 0)
                        return mounts_refuse_part(mounts, part, "read-only: %s%s", strerror(errno),
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
                                return mounts_refuse_part(mounts, part, "changes: %.256s: %s",
                                                          part->mount->from, strerror(errno));
                }
        }
        return 0;
}

/* ---- the child: places ---- */

bool mounts_lies_in(const char *path, const char *folder) {
        size_t n = strlen(folder);

        if (n == 1)
                return true;
        return strncmp(path, folder, n) == 0 && (path[n] == 0 || path[n] == '/');
}

static const char *type_name(mode_t mode) {
        return S_ISDIR(mode) ? "a folder" : "a file";
}

static int open_place(struct mounts *mounts, struct part *part, int *ret_fd, struct stat *ret_st) {
        char link[64], path[PATH_MAX];
        struct stat source;
        ssize_t n;
        cleanup_fd int fd = open(part->mount->to, O_PATH | O_CLOEXEC);

        if (fd < 0 || fstat(fd, ret_st) < 0)
                return mounts_refuse_part(mounts, part, "%s%s", strerror(errno),
                                          errno == ENOENT
                                                  ? ": a mount covers what is there, so make an empty file "
                                                    "or folder of that name first"
                                                  : "");
        if (part->mount->kind != POLICY_BIND && !S_ISDIR(ret_st->st_mode))
                return mounts_refuse_part(
                        mounts, part, "is a file, and only a folder can be %s",
                        part->mount->kind == POLICY_OVERLAY ? "overlaid; use binds for a file" : "a tmpfs");
        if (part->mount->kind == POLICY_BIND) {
                if (fstat(part->source_fd, &source) < 0)
                        return mounts_refuse_part(mounts, part, "from: %.256s: %s", part->mount->from,
                                                  strerror(errno));
                if (S_ISDIR(source.st_mode) != S_ISDIR(ret_st->st_mode))
                        return mounts_refuse_part(
                                mounts, part,
                                "is %s and from: %.256s is %s; both must be files or both folders",
                                type_name(ret_st->st_mode), part->mount->from, type_name(source.st_mode));
        }
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, path, sizeof(path) - 1);
        if (n < 0)
                return mounts_refuse_part(mounts, part, "/proc is needed to mount here: %s",
                                          strerror(errno));
        path[n] = 0;
        part->real = strdup(path);
        if (!part->real)
                return mounts_refuse_part(mounts, part, "%s", strerror(ENOMEM));
        *ret_fd = fd_take(&fd);
        return 0;
}

int mounts_attach(struct mounts *mounts, const struct part *part, int mount_fd, int place_fd) {
        if (syscall(SYS_move_mount, mount_fd, "", place_fd, "",
                    MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
                return mounts_refuse_part(mounts, part, "cannot be mounted: %s", strerror(errno));
        return 0;
}

/* ---- the child: file systems ---- */

unsigned mounts_attributes_of(int place_fd) {
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

/* What the kernel has to say about a file system that it does not want: "overlay: …". */
static void kernel_words(int fs_fd, char *ret, size_t size) {
        ssize_t n = read(fs_fd, ret, size - 1);

        ret[n > 0 ? n : 0] = 0;
        ret[strcspn(ret, "\n")] = 0;
        if (ret[0] && ret[1] == ' ')
                memmove(ret, ret + 2, strlen(ret + 2) + 1);
}

int mounts_make(const char *type, const struct setting *settings, unsigned attributes, int *ret_fd,
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
        r = mounts_make("tmpfs", settings,
                        mounts_attributes_of(place_fd) | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, &fd, words,
                        sizeof(words));
        if (r)
                return mounts_refuse_part(mounts, part, "cannot be mounted: %s%s%s", strerror(-r),
                                          words[0] ? ": " : "", words);
        return mounts_attach(mounts, part, fd, place_fd);
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
                        r = mounts_attach(mounts, part, part->source_fd, place_fd);
                        break;
                case POLICY_OVERLAY:
                        r = mounts_put_overlay(mounts, part, place_fd, &st);
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
                if (!mounts_lies_in(folder, mounts->parts[i].real))
                        continue;
                if (chdir(folder) == 0)
                        return 0;
                return mounts_refuse_part(
                        mounts, &mounts->parts[i],
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
                        return mounts_refuse(mounts,
                                             "the working directory cannot be named: %s; start the program "
                                             "from another folder",
                                             strerror(errno));
                folder[0] = 0;
        }
        mounts_remember_authority(&authority);
        r = mounts_make_namespaces(mounts);
        if (r == 0)
                r = open_sources(mounts);
        if (r == 0)
                r = mount_all(mounts);
        if (r == 0 && folder[0] == '/')
                r = enter_folder(mounts, folder);
        if (r == 0 && mounts->memory->user_namespace)
                r = mounts_restore_authority(mounts, &authority);
        close_all(mounts);
        return r;
}
