/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One overlay, and what was mounted inside the tree that it covers. What must stay true: nothing below is
 * written to; paths reach overlayfs as /proc/self/fd/N, since its options cut at commas and colons.
 */

#include "agent/mounts_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fd.h"

/* ---- the overlay ---- */

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
                return mounts_refuse_part(mounts, part, "changes: %.256s: %s", part->mount->from,
                                          strerror(-r));
        snprintf(upper, sizeof(upper), "/proc/self/fd/%d", *ret_upper);
        snprintf(original, sizeof(original), "/proc/self/fd/%d", place_fd);
        r = fresh ? imitate(original, st, upper) : 0;
        if (r)
                return mounts_refuse_part(mounts, part, "changes: %.256s: %s", part->mount->from,
                                          strerror(-r));
        r = try_xattr(upper, mounts->memory->user_namespace);
        if (r == -EOPNOTSUPP)
                return mounts_refuse_part(
                        mounts, part,
                        "changes: %.256s: its file system has no extended attributes; take a "
                        "folder on ext4, xfs or btrfs",
                        part->mount->from);
        if (r)
                return mounts_refuse_part(mounts, part, "changes: %.256s: %s", part->mount->from,
                                          strerror(-r));
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
        return mounts_refuse_part(mounts, part, "cannot be overlaid: %s%s%s%s", strerror(-r),
                                  words[0] ? ": " : "", words, remedy);
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
        r = mounts_make("overlay", settings, mounts_attributes_of(place_fd), &fd, words, sizeof(words));
        if (r)
                return refuse_overlay(mounts, part, r, words);
        /* overlayfs makes it without any permission, and `rm -r` of the changes would stop there. */
        if (fchmodat(part->folder_fd, "work/work", 0700, 0) < 0 && errno != ENOENT)
                return mounts_refuse_part(mounts, part, "its work directory cannot be made accessible: %s",
                                          strerror(errno));
        if (mounts_attach(mounts, part, fd, place_fd) < 0)
                return -1;
        /* The root of a process does not move by itself to what is mounted on it. */
        if (strcmp(part->real, "/") == 0 && (fchdir(fd) < 0 || chroot(".") < 0))
                return mounts_refuse_part(mounts, part, "cannot become the root: %s", strerror(errno));
        return 0;
}

/* ---- what is mounted inside the tree ---- */

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
        if (strcmp(place, folder) == 0 || !mounts_lies_in(place, folder))
                return 0;
        /* Those inside others come with them. */
        for (size_t i = 0; i < inners->n; i++)
                if (mounts_lies_in(place, inners->inners[i].path))
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
                return mounts_refuse_part(mounts, part,
                                          "what is mounted at %.256s cannot be shown read-only: %s",
                                          inner->path, strerror(errno));
        return 0;
}

static int put_inner(struct mounts *mounts, const struct part *part, const struct inner *inner) {
        cleanup_fd int place_fd = open(inner->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);

        if (place_fd < 0)
                return mounts_refuse_part(mounts, part,
                                          "what is mounted at %.256s has no place any more: %s", inner->path,
                                          strerror(errno));
        return mounts_attach(mounts, part, inner->fd, place_fd);
}

int mounts_put_overlay(struct mounts *mounts, struct part *part, int place_fd, const struct stat *st) {
        __attribute__((cleanup(inners_deinit))) struct inners inners = { 0 };
        int r = find_inners(part->real, &inners);

        if (r)
                return mounts_refuse_part(mounts, part, "/proc/self/mountinfo: %s", strerror(-r));
        if (inners.n > 0 && mounts->memory->user_namespace)
                return mounts_refuse_part(
                        mounts, part,
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
