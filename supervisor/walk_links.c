/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Links on the way. What must stay true: they are followed where the kernel follows them for the task, and
 * as often; /proc/self is the task's, and what procfs keeps from the task stays kept from it.
 */

#include "supervisor/walk_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/call.h"

#define LINKS_MAX     40 /* MAXSYMLINKS */
#define PROC_ROOT_INO 1

#ifndef ST_NOSYMFOLLOW
#define ST_NOSYMFOLLOW 0x2000 /* kernel 5.10 */
#endif

/* /proc/sys/fs/protected_symlinks; whoever changes it under us is root. */
static bool links_protected(void) {
        static int known = -1;
        char c = '0';

        if (known < 0) {
                cleanup_fd int fd = open("/proc/sys/fs/protected_symlinks", O_RDONLY | O_CLOEXEC);

                known = fd >= 0 && read(fd, &c, 1) == 1 && c != '0';
        }
        return known;
}

/* May the task follow the link in the last place of a path? As may_follow_link() of the kernel. */
static bool may_follow(const struct walk *walk, const struct stat *link) {
        const mode_t shared = S_ISVTX | S_IWOTH;

        return (walk->st.st_mode & shared) != shared || link->st_uid == geteuid() ||
               link->st_uid == walk->st.st_uid || !links_protected();
}

int walk_own_numbers_on(struct call *call, dev_t device, uint32_t *ret_tgid, uint32_t *ret_tid) {
        static dev_t our_proc;
        char line[128], *last;
        struct stat st;
        uint32_t tgid = view_tgid(call);
        int r;

        if (tgid == 0)
                return CALL_E_GONE;
        *ret_tgid = tgid;
        *ret_tid = call->tid;
        if (our_proc == 0 && stat("/proc", &st) == 0)
                our_proc = st.st_dev;
        if (device == our_proc)
                return 0;
        /* A procfs of another pid namespace: the task's own, as a rule, which comes last. */
        r = view_status(call, "NStgid", line, sizeof(line));
        if (r == -ENOENT)
                return 0;
        if (r)
                return r;
        last = strrchr(line, '\t');
        *ret_tgid = (uint32_t)strtoul(last ? last + 1 : line, NULL, 10);
        r = view_status(call, "NSpid", line, sizeof(line));
        if (r)
                return r;
        last = strrchr(line, '\t');
        *ret_tid = (uint32_t)strtoul(last ? last + 1 : line, NULL, 10);
        return 0;
}

int walk_own_numbers(struct call *call, int fd, uint32_t *ret_tgid, uint32_t *ret_tid) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return error_origin(-errno);
        return walk_own_numbers_on(call, st.st_dev, ret_tgid, ret_tid);
}

bool walk_in_proc_root(const struct walk *walk) {
        return walk->proc && walk->st.st_ino == PROC_ROOT_INO;
}

/* text goes before what is left. */
static int put_before(struct walk *walk, const char *text, int *ret_error) {
        size_t n = strlen(text), n_rest = strlen(walk->at);
        char *joined = malloc(n + n_rest + 1);

        if (!joined)
                return error_origin(-ENOMEM);
        memcpy(joined, text, n);
        memcpy(joined + n, walk->at, n_rest + 1);
        free(walk->rest);
        walk->rest = walk->at = joined;
        return text[0] == '/' ? walk_go_to_root(walk, ret_error) : 0;
}

/* Text of the link that fd is, or of self and thread-self. magic: it has none that leads anywhere. */
static int read_link(struct walk *walk, int fd, const char *name, char text[PATH_BYTES], bool *ret_magic,
                     int *ret_error) {
        bool self = strcmp(name, "self") == 0, thread = strcmp(name, "thread-self") == 0;
        ssize_t n;

        *ret_magic = false;
        if (walk_in_proc_root(walk) && (self || thread)) {
                uint32_t tgid, tid;
                int r = walk_own_numbers_on(walk->call, walk->st.st_dev, &tgid, &tid);

                if (r)
                        return r;
                if (self)
                        snprintf(text, PATH_BYTES, "%u", tgid);
                else
                        snprintf(text, PATH_BYTES, "%u/task/%u", tgid, tid);
                return 0;
        }
        if (walk->proc) {
                int probe, r = walk_open(walk->call, walk->fd, name, O_PATH, RESOLVE_NO_MAGICLINKS, &probe,
                                         ret_error);

                fd_close(probe);
                *ret_magic = !r && *ret_error == ELOOP;
                *ret_error = 0;
                if (r || *ret_magic)
                        return r;
        }
        n = readlinkat(fd, "", text, PATH_BYTES - 1);
        if (n < 0)
                *ret_error = errno;
        else if (n == 0)
                *ret_error = ENOENT;
        text[n < 0 ? 0 : n] = 0;
        return 0;
}

bool walk_stands_outside(struct walk *walk) {
        const struct kernel *kernel = walk->call->kernel;
        char own[64], task[64], other[64];
        ssize_t n_own = readlink("/proc/self/ns/user", own, sizeof(own)), n_other;
        long n_task = kernel->read_link(kernel->data, walk->call->tid, "ns/user", task, sizeof(task));

        if (n_own < 0 || (n_own == n_task && memcmp(own, task, (size_t)n_own) == 0))
                return false;
        n_other = readlinkat(walk->fd, "ns/user", other, sizeof(other));
        if (n_other < 0)
                n_other = readlinkat(walk->fd, "../ns/user", other, sizeof(other));
        return n_other != n_task || n_task < 0 || memcmp(other, task, (size_t)n_task) != 0;
}

bool walk_is_private(const char *name) {
        static const char *const names[] = { "auxv",      "clear_refs",   "cwd",         "environ",
                                             "exe",       "fd",           "fdinfo",      "io",
                                             "map_files", "maps",         "mem",         "ns",
                                             "numa_maps", "pagemap",      "personality", "root",
                                             "smaps",     "smaps_rollup", "stack",       "syscall" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(names[i], name) == 0)
                        return true;
        return false;
}

/* Where a magic link leads; *ret_fd is the object. */
static int jump(struct walk *walk, const char *name, int *ret_fd, int *ret_error) {
        int r;

        if (walk->scope & (RESOLVE_NO_MAGICLINKS | RESOLVE_BENEATH | RESOLVE_IN_ROOT)) {
                *ret_error = walk->scope & RESOLVE_NO_MAGICLINKS ? ELOOP : EXDEV;
                return 0;
        }
        if (!walk->own && walk_stands_outside(walk)) {
                *ret_error = EACCES;
                return 0;
        }
        r = walk_open(walk->call, walk->fd, name, O_PATH, 0, ret_fd, ret_error);
        if (!r && *ret_error == EACCES && walk->own)
                r = walk_open_as_ourselves(walk, name, O_PATH, ret_fd, ret_error);
        if (!r && !*ret_error) {
                *ret_error = walk_leaves_mount(walk, *ret_fd);
                if (*ret_error)
                        *ret_fd = fd_close(*ret_fd);
        }
        return r;
}

int walk_follow(struct walk *walk, int *fd, const char *name, const struct stat *link, bool last,
                int *ret_error) {
        char text[PATH_BYTES];
        struct statvfs fs;
        bool magic;
        int r;

        *ret_error = 0;
        if (++walk->n_links > LINKS_MAX || (walk->scope & RESOLVE_NO_SYMLINKS) ||
            (fstatvfs(*fd, &fs) == 0 && (fs.f_flag & ST_NOSYMFOLLOW)))
                *ret_error = ELOOP;
        else if (last && !may_follow(walk, link))
                *ret_error = EACCES;
        if (*ret_error)
                return 0;
        r = read_link(walk, *fd, name, text, &magic, ret_error);
        if (r || *ret_error)
                return r;
        *fd = fd_close(*fd);
        return magic ? jump(walk, name, fd, ret_error) : put_before(walk, text, ret_error);
}
