/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The changes of an overlay: upper/ against the original.
 *
 * What overlayfs leaves in upper/ (Documentation/filesystems/overlayfs.rst): things made or copied; for what
 * was removed a whiteout, a character device 0/0 or, with an attribute, an empty file; folders that are
 * merged with the original, unless marked opaque; folders that were renamed, with the old name in an
 * attribute.
 *
 * What must stay true: the program wrote all of this and may still be writing, so nothing is followed out of
 * the two trees (RESOLVE_BENEATH, no symbolic links), nothing but plain files is opened, and no depth of
 * folders costs stack or descriptors: work is a list of paths.
 */

#include "agent/changes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "agent/mounts.h"
#include "base/error.h"
#include "base/fd.h"
#include "proto/event_json.h"

/* A folder of upper/ still to be read. */
struct folder {
        char *path;
        char *original; /* what it is merged with; NULL: nothing */
};

struct comparison {
        const struct mounts_overlay *overlay;
        struct changes *changes;
        struct folder *folders;
        size_t n_folders, n_room;
        size_t n_changes_room;
};

/* ---- the two trees ---- */

static int open_below(int tree_fd, const char *path, int flags) {
        struct open_how how = {
                .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
        };
        int fd = (int)syscall(SYS_openat2, tree_fd, *path ? path : ".", &how, sizeof(how));

        return fd < 0 ? -errno : fd;
}

static int stat_below(int tree_fd, const char *path, struct stat *ret) {
        cleanup_fd int fd = open_below(tree_fd, path, O_PATH);

        if (fd < 0)
                return fd;
        return fstatat(fd, "", ret, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* Attribute "opaque" of overlayfs; -1 without one. */
static ssize_t overlay_attribute(const struct mounts_overlay *overlay, int fd, const char *name, char *value,
                                 size_t size) {
        char full[64], link[64];
        ssize_t n;

        snprintf(full, sizeof(full), "%s.overlay.%s", overlay->user_xattrs ? "user" : "trusted", name);
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = getxattr(link, full, value, size - 1);
        if (n >= 0)
                value[n] = 0;
        return n;
}

static bool is_whiteout(const struct mounts_overlay *overlay, int fd, const struct stat *st) {
        char value[8];

        if (S_ISCHR(st->st_mode))
                return st->st_rdev == 0;
        return S_ISREG(st->st_mode) && st->st_size == 0 &&
               overlay_attribute(overlay, fd, "whiteout", value, sizeof(value)) >= 0;
}

/* ---- rows ---- */

static int add_change(struct comparison *comparison, enum change_kind kind, const char *path,
                      const struct stat *before, const struct stat *after, unsigned what, const char *from) {
        struct changes *changes = comparison->changes;
        struct change *change;

        if (changes->n == CHANGES_MAX) {
                changes->n_unread++;
                return 0;
        }
        if (changes->n == comparison->n_changes_room) {
                size_t room = comparison->n_changes_room ? comparison->n_changes_room * 2 : 64;

                change = realloc(changes->changes, room * sizeof(*change));
                if (!change)
                        return error_origin(-ENOMEM);
                changes->changes = change;
                comparison->n_changes_room = room;
        }
        change = &changes->changes[changes->n];
        *change = (struct change){
                .kind = kind,
                .what = what,
                .before = before ? before->st_mode : 0,
                .after = after ? after->st_mode : 0,
                .size_before = before && S_ISREG(before->st_mode) ? (uint64_t)before->st_size : 0,
                .size_after = after && S_ISREG(after->st_mode) ? (uint64_t)after->st_size : 0,
                .path = strdup(path),
                .from = from ? strdup(from) : NULL,
        };
        changes->n++;
        return !change->path || (from && !change->from) ? error_origin(-ENOMEM) : 0;
}

static int add_folder(struct comparison *comparison, const char *path, const char *original) {
        struct folder *folder;

        if (comparison->n_folders == comparison->n_room) {
                size_t room = comparison->n_room ? comparison->n_room * 2 : 64;

                folder = realloc(comparison->folders, room * sizeof(*folder));
                if (!folder)
                        return error_origin(-ENOMEM);
                comparison->folders = folder;
                comparison->n_room = room;
        }
        folder = &comparison->folders[comparison->n_folders];
        *folder = (struct folder){ strdup(path), original ? strdup(original) : NULL };
        comparison->n_folders++;
        return !folder->path || (original && !folder->original) ? error_origin(-ENOMEM) : 0;
}

/* ---- comparing ---- */

/* 1 differ, 0 equal, or -errno. */
static int contents_differ(int before_fd, int after_fd) {
        char before[16384], after[16384];

        for (;;) {
                ssize_t n = read(before_fd, before, sizeof(before)), m = 0;

                if (n < 0)
                        return -errno;
                while (m < n) {
                        ssize_t more = read(after_fd, after + m, (size_t)(n - m));

                        if (more < 0)
                                return -errno;
                        if (more == 0)
                                return 1;
                        m += more;
                }
                if (n == 0)
                        return 0;
                if (memcmp(before, after, (size_t)n) != 0)
                        return 1;
        }
}

static int files_differ(const struct comparison *comparison, const char *original, const char *path) {
        cleanup_fd int before_fd =
                open_below(comparison->overlay->lower_fd, original, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        cleanup_fd int after_fd =
                open_below(comparison->overlay->upper_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
        struct stat st;

        if (before_fd < 0 || after_fd < 0)
                return before_fd < 0 ? before_fd : after_fd;
        if (fstat(after_fd, &st) < 0 || !S_ISREG(st.st_mode))
                return 1;
        return contents_differ(before_fd, after_fd);
}

static int links_differ(const struct comparison *comparison, const char *original, const char *path) {
        cleanup_fd int before_fd = open_below(comparison->overlay->lower_fd, original, O_PATH);
        cleanup_fd int after_fd = open_below(comparison->overlay->upper_fd, path, O_PATH);
        char before[PATH_MAX], after[PATH_MAX];
        ssize_t n = before_fd < 0 ? -1 : readlinkat(before_fd, "", before, sizeof(before));
        ssize_t m = after_fd < 0 ? -1 : readlinkat(after_fd, "", after, sizeof(after));

        return n < 0 || m < 0 || n != m || memcmp(before, after, (size_t)n) != 0;
}

static int compare(struct comparison *comparison, const char *path, const char *original,
                   const struct stat *before, const struct stat *after) {
        unsigned what = 0;
        int differ = 0;

        if (S_ISREG(after->st_mode))
                differ = before->st_size != after->st_size ? 1 : files_differ(comparison, original, path);
        else if (S_ISLNK(after->st_mode))
                differ = links_differ(comparison, original, path);
        else if (S_ISCHR(after->st_mode) || S_ISBLK(after->st_mode))
                differ = before->st_rdev != after->st_rdev;
        if (differ < 0) {
                comparison->changes->n_unread++;
                return 0;
        }
        if (differ)
                what |= CHANGE_CONTENT;
        if (before->st_mode != after->st_mode)
                what |= CHANGE_MODE;
        if (before->st_uid != after->st_uid || before->st_gid != after->st_gid)
                what |= CHANGE_OWNER;
        /* A folder's time changes with what is in it, and that is said there. */
        if (!S_ISDIR(after->st_mode) && (before->st_mtim.tv_sec != after->st_mtim.tv_sec ||
                                         before->st_mtim.tv_nsec != after->st_mtim.tv_nsec))
                what |= CHANGE_TIME;
        return what ? add_change(comparison, CHANGE_CHANGED, path, before, after, what, NULL) : 0;
}

/* ---- folders ---- */

/* Where the original of a renamed folder lies: "/from/the/top", or a name beside `original`. */
static char *moved_from(const char *value, const char *original) {
        const char *slash = original ? strrchr(original, '/') : NULL;
        char *path;

        if (*value == '/')
                return strdup(value + 1);
        if (strchr(value, '/') || !original)
                return NULL;
        return asprintf(&path, "%.*s%s", slash ? (int)(slash - original + 1) : 0, original, value) < 0
                       ? NULL
                       : path;
}

/* original: what the name stands for below; NULL: its folder is not merged. */
static int visit_folder(struct comparison *comparison, const char *path, const char *original, int fd,
                        const struct stat *before, const struct stat *after) {
        char value[PATH_MAX];
        struct stat moved;
        int r;

        if (overlay_attribute(comparison->overlay, fd, "redirect", value, sizeof(value)) > 0) {
                char *from = moved_from(value, original);

                if (from && stat_below(comparison->overlay->lower_fd, from, &moved) == 0 &&
                    S_ISDIR(moved.st_mode)) {
                        r = add_change(comparison, CHANGE_MOVED, path, &moved, after, 0, from);
                        if (!r)
                                r = add_folder(comparison, path, from);
                        free(from);
                        return r;
                }
                free(from);
        }
        if (!before)
                r = add_change(comparison, CHANGE_MADE, path, NULL, after, 0, NULL);
        else if (!S_ISDIR(before->st_mode) ||
                 (overlay_attribute(comparison->overlay, fd, "opaque", value, sizeof(value)) == 1 &&
                  value[0] == 'y')) {
                r = add_change(comparison, CHANGE_REPLACED, path, before, after, 0, NULL);
                before = NULL;
        } else
                r = compare(comparison, path, original, before, after);
        return r ? r : add_folder(comparison, path, before ? original : NULL);
}

/* One name of a folder in upper/. */
static int visit(struct comparison *comparison, const char *path, const char *original) {
        cleanup_fd int fd = open_below(comparison->overlay->upper_fd, path, O_PATH);
        struct stat after, st;
        const struct stat *before = NULL;

        if (fd < 0 || fstatat(fd, "", &after, AT_EMPTY_PATH) < 0) {
                comparison->changes->n_unread++;
                return 0;
        }
        if (original && stat_below(comparison->overlay->lower_fd, original, &st) == 0)
                before = &st;
        if (is_whiteout(comparison->overlay, fd, &after))
                return before ? add_change(comparison, CHANGE_REMOVED, path, before, NULL, 0, NULL) : 0;
        if (S_ISDIR(after.st_mode))
                return visit_folder(comparison, path, original, fd, before, &after);
        if (!before)
                return add_change(comparison, CHANGE_MADE, path, NULL, &after, 0, NULL);
        if ((before->st_mode & S_IFMT) != (after.st_mode & S_IFMT))
                return add_change(comparison, CHANGE_REPLACED, path, before, &after, 0, NULL);
        return compare(comparison, path, original, before, &after);
}

static int join(const char *folder, const char *name, char ret[PATH_MAX]) {
        int n = snprintf(ret, PATH_MAX, "%s%s%s", folder, *folder ? "/" : "", name);

        return n < 0 || n >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int read_folder(struct comparison *comparison, const struct folder *folder) {
        int fd = open_below(comparison->overlay->upper_fd, folder->path, O_RDONLY | O_DIRECTORY);
        DIR *entries = fd < 0 ? NULL : fdopendir(fd);
        struct dirent *entry;
        int r = 0;

        if (!entries) {
                fd_close(fd);
                comparison->changes->n_unread++;
                return 0;
        }
        while (!r && (entry = readdir(entries))) {
                char path[PATH_MAX], original[PATH_MAX];

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                if (join(folder->path, entry->d_name, path) ||
                    (folder->original && join(folder->original, entry->d_name, original)))
                        comparison->changes->n_unread++;
                else
                        r = visit(comparison, path, folder->original ? original : NULL);
        }
        closedir(entries);
        return r;
}

static int by_path(const void *a, const void *b) {
        return strcmp(((const struct change *)a)->path, ((const struct change *)b)->path);
}

int changes_list(const struct mounts_overlay *overlay, struct changes *ret) {
        struct comparison comparison = { .overlay = overlay, .changes = ret };
        int r;

        *ret = (struct changes){ 0 };
        if (overlay->upper_fd < 0 || overlay->lower_fd < 0)
                return error_origin(-EBADF);
        r = add_folder(&comparison, "", "");
        while (!r && comparison.n_folders > 0) {
                struct folder folder = comparison.folders[--comparison.n_folders];

                r = read_folder(&comparison, &folder);
                free(folder.path);
                free(folder.original);
        }
        while (comparison.n_folders > 0) {
                struct folder *folder = &comparison.folders[--comparison.n_folders];

                free(folder->path);
                free(folder->original);
        }
        free(comparison.folders);
        if (r) {
                changes_deinit(ret);
                return error_trace(r);
        }
        if (ret->n > 0)
                qsort(ret->changes, ret->n, sizeof(*ret->changes), by_path);
        return 0;
}

void changes_deinit(struct changes *changes) {
        for (size_t i = 0; i < changes->n; i++) {
                free(changes->changes[i].path);
                free(changes->changes[i].from);
        }
        free(changes->changes);
        *changes = (struct changes){ 0 };
}

/* ---- for people and programs ---- */

static const char *const kind_names[] = { [CHANGE_MADE] = "made",
                                          [CHANGE_MOVED] = "moved",
                                          [CHANGE_CHANGED] = "changed",
                                          [CHANGE_REPLACED] = "replaced",
                                          [CHANGE_REMOVED] = "removed" };
#define N_KINDS (sizeof(kind_names) / sizeof(kind_names[0]))

static const struct {
        unsigned what;
        const char *name;
} what_names[] = { { CHANGE_CONTENT, "content" },
                   { CHANGE_MODE, "mode" },
                   { CHANGE_OWNER, "owner" },
                   { CHANGE_TIME, "time" } };
#define N_WHATS (sizeof(what_names) / sizeof(what_names[0]))

static const char *type_name(mode_t mode) {
        switch (mode & S_IFMT) {
        case S_IFREG:
                return "file";
        case S_IFDIR:
                return "folder";
        case S_IFLNK:
                return "link";
        case S_IFIFO:
                return "fifo";
        case S_IFSOCK:
                return "socket";
        default:
                return "device";
        }
}

static void put_detail(const struct change *change, struct buf *to) {
        if (change->kind == CHANGE_REPLACED)
                buf_printf(to, "  (%s, was a %s)", type_name(change->after), type_name(change->before));
        if (change->kind == CHANGE_MOVED) {
                buf_puts(to, "  (from ");
                buf_escape(to, change->from, strlen(change->from));
                buf_puts(to, ")");
        }
        if (change->kind == CHANGE_CHANGED && change->what != CHANGE_CONTENT &&
            change->what != (CHANGE_CONTENT | CHANGE_TIME)) {
                const char *separator = "  (";

                for (size_t i = 0; i < N_WHATS; i++)
                        if (change->what & what_names[i].what) {
                                buf_printf(to, "%s%s", separator, what_names[i].name);
                                separator = ", ";
                        }
                buf_puts(to, ")");
        }
        if (change->kind == CHANGE_CHANGED && (change->what & CHANGE_CONTENT) && S_ISREG(change->after))
                buf_printf(to, "  %llu -> %llu bytes", (unsigned long long)change->size_before,
                           (unsigned long long)change->size_after);
        else if (change->kind != CHANGE_CHANGED && S_ISREG(change->after))
                buf_printf(to, "  %llu bytes", (unsigned long long)change->size_after);
        else if (change->kind == CHANGE_REMOVED && S_ISREG(change->before))
                buf_printf(to, "  %llu bytes", (unsigned long long)change->size_before);
}

static void put_counts(const struct changes *changes, struct buf *to) {
        size_t counts[N_KINDS] = { 0 };
        const char *separator = "";

        for (size_t i = 0; i < changes->n; i++)
                counts[changes->changes[i].kind]++;
        for (size_t i = 0; i < N_KINDS; i++)
                if (counts[i] > 0) {
                        buf_printf(to, "%s%zu %s", separator, counts[i], kind_names[i]);
                        separator = ", ";
                }
        if (changes->n == 0)
                buf_puts(to, "nothing changed");
}

void changes_print(const struct changes *changes, const struct mounts_overlay *overlay, size_t limit,
                   FILE *to) {
        size_t n = limit && changes->n > limit ? limit : changes->n;
        struct buf line = BUF_INIT(0);

        buf_escape(&line, overlay->path, strlen(overlay->path));
        buf_puts(&line, ": ");
        put_counts(changes, &line);
        buf_puts(&line, ", kept in ");
        buf_escape(&line, overlay->changes, strlen(overlay->changes));
        fprintf(to, "%s\n", buf_string(&line));
        for (size_t i = 0; i < n; i++) {
                const struct change *change = &changes->changes[i];

                buf_reset(&line);
                buf_printf(&line, "  %-8s  ", kind_names[change->kind]);
                buf_escape(&line, change->path, strlen(change->path));
                if (S_ISDIR(change->after ? change->after : change->before))
                        buf_putc(&line, '/');
                put_detail(change, &line);
                fprintf(to, "%s\n", buf_string(&line));
        }
        if (n < changes->n)
                fprintf(to, "  and %zu more\n", changes->n - n);
        if (changes->n_unread > 0)
                fprintf(to, "  %zu could not be looked at; more may have changed there\n",
                        changes->n_unread);
        buf_deinit(&line);
}

static void put_side(struct buf *to, const char *key, mode_t mode, uint64_t size) {
        if (!mode) {
                buf_printf(to, ",\"%s\":null", key);
                return;
        }
        buf_printf(to, ",\"%s\":{\"type\":\"%s\",\"mode\":\"%04o\"", key, type_name(mode),
                   (unsigned)mode & 07777u);
        if (S_ISREG(mode))
                buf_printf(to, ",\"size\":%llu", (unsigned long long)size);
        buf_putc(to, '}');
}

void changes_json(const struct changes *changes, const struct mounts_overlay *overlay, struct buf *to) {
        buf_puts(to, "{\"path\":");
        json_put_text(to, overlay->path, strlen(overlay->path));
        buf_puts(to, ",\"kept_in\":");
        json_put_text(to, overlay->changes, strlen(overlay->changes));
        buf_printf(to, ",\"complete\":%s,\"changes\":[", changes->n_unread ? "false" : "true");
        for (size_t i = 0; i < changes->n; i++) {
                const struct change *change = &changes->changes[i];

                buf_printf(to, "%s{\"change\":\"%s\",\"path\":", i ? "," : "", kind_names[change->kind]);
                json_put_text(to, change->path, strlen(change->path));
                put_side(to, "before", change->before, change->size_before);
                put_side(to, "after", change->after, change->size_after);
                if (change->from) {
                        buf_puts(to, ",\"from\":");
                        json_put_text(to, change->from, strlen(change->from));
                }
                buf_puts(to, ",\"what\":[");
                for (size_t k = 0, n = 0; k < N_WHATS; k++)
                        if (change->what & what_names[k].what)
                                buf_printf(to, "%s\"%s\"", n++ ? "," : "", what_names[k].name);
                buf_puts(to, "]}");
        }
        buf_puts(to, "]}");
}
