/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every call that changes trees, in every situation: what it returned, and the tree afterwards. The same is
 * to come out whoever carries the calls out. Raw calls, so that old and new siblings both are made, and so
 * that the same source as a 32-bit program makes the calls of i386.
 *
 *      trees [names|attributes|times|xattr|watch|two]       in an empty folder; all of them without a word
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#define SYS_setxattrat_    463
#define SYS_getxattrat_    464
#define SYS_listxattrat_   465
#define SYS_removexattrat_ 466

static char longest[300], endless[5000];
static int dir_fd, file_fd, path_fd, inotify_fd;
static int show_times, watching;

/* ---- the tree ---- */

static void must(int r, const char *what) {
        if (r < 0) {
                perror(what);
                exit(3);
        }
}

static void put(const char *name, const char *text, mode_t mode) {
        int fd = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);

        must(fd, name);
        must((int)write(fd, text, strlen(text)), name);
        must(fchmod(fd, mode), name);
        close(fd);
}

static void make(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "sock" };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        must(mkdir("w", 0755), "w");
        must(chdir("w"), "w");
        must(mkdir("dir", 0755), "dir");
        must(mkdir("dir/inner", 0755), "dir/inner");
        must(mkdir("empty", 0755), "empty");
        must(mkdir("other", 0755), "other");
        put("file", "contents", 0644);
        put("second", "2", 0600);
        put("dir/x", "xx", 0644);
        must(symlink("file", "link"), "link");
        must(symlink("dir", "dlink"), "dlink");
        must(symlink("nowhere", "dangling"), "dangling");
        must(symlink("loop", "loop"), "loop");
        must(mkfifo("fifo", 0644), "fifo");
        must(bind(fd, (struct sockaddr *)&address, sizeof(address)), "sock");
        close(fd);
        must(mkdir("locked", 0755), "locked");
        put("locked/x", "secret", 0644);
        must(chmod("locked", 0), "locked");
        must(mkdir("fixed", 0755), "fixed");
        put("fixed/x", "fixed", 0644);
        must(chmod("fixed", 0555), "fixed");
        must(mkdir("sticky", 0755), "sticky");
        must(chmod("sticky", 01777), "sticky");
        dir_fd = open("dir", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        file_fd = open("file", O_RDONLY | O_CLOEXEC);
        path_fd = open("link", O_PATH | O_NOFOLLOW | O_CLOEXEC);
        /* Closing one takes the kernel milliseconds. */
        inotify_fd = watching ? inotify_init1(IN_CLOEXEC | IN_NONBLOCK) : -1;
        must(dir_fd, "dir");
        must(file_fd, "file");
        must(path_fd, "link");
        must(watching ? inotify_fd : 0, "inotify");
}

static void clear(const char *name) {
        struct stat st;
        struct dirent *entry;
        DIR *entries;

        if (lstat(name, &st) < 0)
                return;
        if (!S_ISDIR(st.st_mode)) {
                must(unlink(name), name);
                return;
        }
        must(chmod(name, 0700), name);
        entries = opendir(name);
        while ((entry = readdir(entries))) {
                char path[8192];

                if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                        continue;
                snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
                clear(path);
        }
        closedir(entries);
        must(rmdir(name), name);
}

static void done(void) {
        close(dir_fd);
        close(file_fd);
        close(path_fd);
        if (watching)
                close(inotify_fd);
        must(chdir(".."), "..");
        clear("w");
}

static int by_name(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

static void show(const char *folder) {
        DIR *entries = opendir(folder);
        char *names[64];
        size_t n = 0;
        struct dirent *entry;

        if (!entries) {
                printf("    %s: %s\n", folder, strerror(errno));
                return;
        }
        while ((entry = readdir(entries)) && n < 64)
                if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        names[n++] = strdup(entry->d_name);
        closedir(entries);
        qsort(names, n, sizeof(*names), by_name);
        for (size_t i = 0; i < n; i++) {
                char path[8192], target[4096] = "", list[256];
                struct stat st;
                ssize_t n_list;

                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                if (lstat(path, &st) < 0) {
                        printf("    %s: %s\n", path, strerror(errno));
                        free(names[i]);
                        continue;
                }
                if (S_ISLNK(st.st_mode) && readlink(path, target, sizeof(target) - 1) < 0)
                        strcpy(target, strerror(errno));
                printf("    %.40s %o %u %lld %u %u %x %s", path, st.st_mode, (unsigned)st.st_nlink,
                       S_ISDIR(st.st_mode) ? 0 : (long long)st.st_size, st.st_uid, st.st_gid,
                       (unsigned)st.st_rdev, target);
                if (show_times && !S_ISDIR(st.st_mode))
                        printf(" %d %d.%09ld",
                               (int)st.st_atim.tv_sec > 1600000000 ? 1 : (int)st.st_atim.tv_sec,
                               (int)st.st_mtim.tv_sec > 1600000000 ? 1 : (int)st.st_mtim.tv_sec,
                               (int)st.st_mtim.tv_sec > 1600000000 ? 0 : (long)st.st_mtim.tv_nsec);
                n_list = llistxattr(path, list, sizeof(list));
                for (ssize_t k = 0; k < n_list; k += (ssize_t)strlen(list + k) + 1) {
                        char value[64];
                        ssize_t n_value = lgetxattr(path, list + k, value, sizeof(value));

                        if (strncmp(list + k, "user.", 5) == 0)
                                printf(" %s=%.*s", list + k, n_value < 0 ? 0 : (int)n_value, value);
                }
                printf("\n");
                if (S_ISDIR(st.st_mode))
                        show(path);
                free(names[i]);
        }
}

/* ---- one call, in a fresh tree ---- */

static const char *name_of(const char *path) {
        static char names[2][64];
        static int turn;
        char *name = names[turn++ % 2];

        if (path == NULL)
                return "NULL";
        if (path == (char *)1)
                return "bad";
        if (strlen(path) > 40)
                snprintf(name, 64, "%.3s…%zu", path, strlen(path));
        else
                snprintf(name, 64, "'%s'", path);
        return name;
}

static void tell(const char *call, const char *path, const char *path2, long r, int error) {
        printf("%s %s %s = ", call, name_of(path), path2 ? name_of(path2) : "");
        if (r < 0)
                printf("%s\n", strerrorname_np(error) ? strerrorname_np(error) : "?");
        else {
                printf("%ld\n", r);
                show(".");
        }
}

#define RUN2(call, path, path2, expression)                                                                 \
        do {                                                                                                \
                long r_;                                                                                    \
                int error_;                                                                                 \
                                                                                                            \
                make();                                                                                     \
                errno = 0;                                                                                  \
                r_ = (expression);                                                                          \
                error_ = errno;                                                                             \
                tell(call, path, path2, r_, error_);                                                        \
                done();                                                                                     \
        } while (0)
#define RUN(call, path, expression) RUN2(call, path, NULL, expression)

static const char *const harmless[] = { "file",     "dir",       "empty",   "dir/",     "file/",
                                        "link",     "link/",     "dlink",   "dlink/",   "dlink/x",
                                        "dangling", "dangling/", "loop",    "loop/x",   "none",
                                        "none/",    "none/x",    "file/x",  "dir/new",  "dir/.",
                                        "empty/..", ".",         "",        "locked/x", "locked",
                                        "fixed/x",  "fixed/new", "fifo",    "sock",     "dir/../file",
                                        longest,    endless,     (char *)1, NULL };
static const char *const special[] = { "/",           "..",        "/proc/self/comm", "/proc/version",
                                       "/dev/null/x", "/proc/self" };
#define N(list) (sizeof(list) / sizeof((list)[0]))

static void names_on(const char *path) {
        RUN("mkdir", path, syscall(SYS_mkdir, path, 0751));
        RUN("mkdirat", path, syscall(SYS_mkdirat, AT_FDCWD, path, 02777));
        RUN("mkdirat dir", path, syscall(SYS_mkdirat, dir_fd, path, 0755));
        if (path != longest)
                RUN("mkdirat file", path, syscall(SYS_mkdirat, file_fd, path, 0755));
        RUN("mkdirat 999", path, syscall(SYS_mkdirat, 999, path, 0755));
        RUN("rmdir", path, syscall(SYS_rmdir, path));
        RUN("unlink", path, syscall(SYS_unlink, path));
        RUN("unlinkat dir", path, syscall(SYS_unlinkat, dir_fd, path, 0));
        RUN("unlinkat rmdir", path, syscall(SYS_unlinkat, AT_FDCWD, path, AT_REMOVEDIR));
        RUN("unlinkat flags", path, syscall(SYS_unlinkat, AT_FDCWD, path, 0x4000));
        RUN("symlink", path, syscall(SYS_symlink, "where to", path));
        RUN("symlink nothing", path, syscall(SYS_symlink, "", path));
        RUN("symlink bad", path, syscall(SYS_symlink, (char *)1, path));
        RUN("symlink endless", path, syscall(SYS_symlink, endless, path));
        RUN("symlinkat dir", path, syscall(SYS_symlinkat, "/x/", dir_fd, path));
        RUN("mknod fifo", path, syscall(SYS_mknod, path, S_IFIFO | 0666, 0));
        RUN("mknod 0", path, syscall(SYS_mknod, path, 0640, 0));
        RUN("mknod sock", path, syscall(SYS_mknod, path, S_IFSOCK | 0777, 0));
        RUN("mknod dir", path, syscall(SYS_mknod, path, S_IFDIR | 0777, 0));
        RUN("mknod strange", path, syscall(SYS_mknod, path, 0170000 | 0777, 0));
        RUN("mknodat chr", path, syscall(SYS_mknodat, AT_FDCWD, path, S_IFCHR | 0666, (1 << 8) | 3));
        RUN("mknodat dir", path, syscall(SYS_mknodat, dir_fd, path, S_IFREG | 04755, 0));
        RUN("mkdir sticky", path, syscall(SYS_mkdir, path, 01777));
}

static void names(void) {
        for (size_t i = 0; i < N(harmless); i++)
                names_on(harmless[i]);
        for (size_t i = 0; i < N(special); i++)
                names_on(special[i]);
}

static void attributes(void) {
        for (size_t i = 0; i < N(harmless); i++) {
                const char *path = harmless[i];

                RUN("chmod", path, syscall(SYS_chmod, path, 0711));
                RUN("fchmodat", path, syscall(SYS_fchmodat, AT_FDCWD, path, 06755));
                RUN("fchmodat dir", path, syscall(SYS_fchmodat, dir_fd, path, 0700));
                RUN("fchmodat2", path, syscall(SYS_fchmodat2, AT_FDCWD, path, 0700, 0));
                RUN("fchmodat2 nofollow", path,
                    syscall(SYS_fchmodat2, AT_FDCWD, path, 0700, AT_SYMLINK_NOFOLLOW));
                RUN("fchmodat2 file", path, syscall(SYS_fchmodat2, file_fd, path, 0700, AT_EMPTY_PATH));
                RUN("fchmodat2 path", path, syscall(SYS_fchmodat2, path_fd, path, 0700, AT_EMPTY_PATH));
                RUN("fchmodat2 flags", path, syscall(SYS_fchmodat2, AT_FDCWD, path, 0700, 0x4000));
                RUN("chown", path, syscall(SYS_chown, path, getuid(), getgid()));
                RUN("chown -1", path, syscall(SYS_chown, path, -1, -1));
                RUN("chown 7", path, syscall(SYS_chown, path, 7, 8));
                RUN("chown 65535", path, syscall(SYS_chown, path, 65535, 65535));
                RUN("lchown 7", path, syscall(SYS_lchown, path, 70007, 8));
#ifdef SYS_chown32
                RUN("chown32", path, syscall(SYS_chown32, path, 70007, -1));
                RUN("lchown32", path, syscall(SYS_lchown32, path, -1, 70007));
#endif
                RUN("fchownat", path, syscall(SYS_fchownat, AT_FDCWD, path, 70007, -1, 0));
                RUN("fchownat nofollow", path,
                    syscall(SYS_fchownat, AT_FDCWD, path, -1, getgid(), AT_SYMLINK_NOFOLLOW));
                RUN("fchownat file", path, syscall(SYS_fchownat, file_fd, path, 9, 9, AT_EMPTY_PATH));
                RUN("fchownat path", path, syscall(SYS_fchownat, path_fd, path, 9, 9, AT_EMPTY_PATH));
                RUN("fchownat flags", path, syscall(SYS_fchownat, AT_FDCWD, path, 9, 9, 0x4000));
                RUN("truncate", path, syscall(SYS_truncate, path, 3));
                RUN("truncate -1", path, syscall(SYS_truncate, path, -1));
                RUN("truncate more", path, syscall(SYS_truncate, path, 100));
#ifdef SYS_truncate64
                RUN("truncate64", path, syscall(SYS_truncate64, path, 7, 1));
                RUN("truncate64 -1", path, syscall(SYS_truncate64, path, 7, -1));
#endif
        }
        for (size_t i = 0; i < N(special); i++) {
                RUN("truncate", special[i], i == 2 || i == 3 ? -1 : syscall(SYS_truncate, special[i], 0));
                /* It changes a time, and the first of them is everybody's. */
                if (i > 0)
                        RUN("chown -1", special[i], syscall(SYS_chown, special[i], -1, -1));
        }
}

static volatile sig_atomic_t n_signals;

static void over_limit(int s) {
        (void)s;
        n_signals++;
}

static void limits(void) {
        static const long lengths[] = { 1000, 1001, 8, 2000000 };
        struct rlimit limit = { 1000, 1000000 };

        signal(SIGXFSZ, over_limit);
        make();
        setrlimit(RLIMIT_FSIZE, &limit);
        for (size_t i = 0; i < N(lengths); i++) {
                long r = syscall(SYS_truncate, "file", lengths[i]);
                int error = r < 0 ? errno : 0;

                printf("truncate %ld: %ld %d, %d signals\n", lengths[i], r, error, (int)n_signals);
        }
        printf("truncate of a folder: %ld\n", syscall(SYS_truncate, "dir", 2000));
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_FSIZE, &limit);
        printf("truncate with more: %ld\n", syscall(SYS_truncate, "file", 500000));
        done();
}

struct pair {
        long a, b;
};

static void times(void) {
        static const struct pair plain[2] = { { 1000000001, 5 }, { 1000000002, 7 } },
                                 now[2] = { { 0, (1l << 30) - 1l }, { 1000000003, 1 } },
                                 omit[2] = { { 0, (1l << 30) - 2l }, { 1000000004, 2 } },
                                 nothing[2] = { { 0, (1l << 30) - 2l }, { 0, (1l << 30) - 2l } },
                                 wrong[2] = { { 0, -1 }, { 0, 0 } },
                                 wrong2[2] = { { 0, 0 }, { 0, 1000000 } },
                                 wrong3[2] = { { 0, 0 }, { 0, 1000000000 } },
                                 both[2] = { { 0, (1l << 30) - 1l }, { 0, (1l << 30) - 1l } };

        show_times = 1;
        for (size_t i = 0; i < N(harmless); i++) {
                const char *path = harmless[i];

#ifdef SYS_utime
                RUN("utime", path, syscall(SYS_utime, path, plain));
                RUN("utime now", path, syscall(SYS_utime, path, NULL));
                RUN("utime bad", path, syscall(SYS_utime, path, 1));
#endif
#ifdef SYS_utimes
                RUN("utimes", path, syscall(SYS_utimes, path, plain));
                RUN("utimes now", path, syscall(SYS_utimes, path, NULL));
                RUN("utimes wrong", path, syscall(SYS_utimes, path, wrong2));
#endif
#ifdef SYS_futimesat
                RUN("futimesat", path, syscall(SYS_futimesat, AT_FDCWD, path, plain));
                RUN("futimesat dir", path, syscall(SYS_futimesat, dir_fd, path, plain));
                RUN("futimesat 999", path, syscall(SYS_futimesat, 999, path, plain));
#endif
                RUN("utimensat", path, syscall(SYS_utimensat, AT_FDCWD, path, plain, 0));
                RUN("utimensat now", path, syscall(SYS_utimensat, AT_FDCWD, path, now, 0));
                RUN("utimensat both", path, syscall(SYS_utimensat, AT_FDCWD, path, both, 0));
                RUN("utimensat omit", path,
                    syscall(SYS_utimensat, AT_FDCWD, path, omit, AT_SYMLINK_NOFOLLOW));
                RUN("utimensat nothing", path, syscall(SYS_utimensat, 999, path, nothing, 0x4000));
                RUN("utimensat wrong", path, syscall(SYS_utimensat, AT_FDCWD, path, wrong, 0));
                RUN("utimensat wrong3", path, syscall(SYS_utimensat, AT_FDCWD, path, wrong3, 0));
                RUN("utimensat NULL", path, syscall(SYS_utimensat, AT_FDCWD, path, NULL, 0));
                RUN("utimensat bad", path, syscall(SYS_utimensat, AT_FDCWD, path, 1, 0));
                RUN("utimensat file", path, syscall(SYS_utimensat, file_fd, path, plain, 0));
                RUN("utimensat file empty", path,
                    syscall(SYS_utimensat, file_fd, path, plain, AT_EMPTY_PATH));
                RUN("utimensat path empty", path,
                    syscall(SYS_utimensat, path_fd, path, plain, AT_EMPTY_PATH));
                RUN("utimensat path", path, syscall(SYS_utimensat, path_fd, path, plain, 0));
                RUN("utimensat flags", path, syscall(SYS_utimensat, AT_FDCWD, path, plain, 0x4000));
#ifdef SYS_utimensat_time64
                {
                        static const int64_t wide[4] = { 1000000001, 5, 1000000002, INT64_C(0x500000007) };

                        RUN("utimensat_time64", path,
                            syscall(SYS_utimensat_time64, AT_FDCWD, path, wide, 0));
                }
#endif
        }
        show_times = 0;
}

static void xattrs_on(const char *path) {
        static char value[70000];
        char buffer[64];

        memset(value, 'v', sizeof(value));
        RUN("setxattr", path, syscall(SYS_setxattr, path, "user.a", "value", 5, 0));
        RUN("setxattr create", path, syscall(SYS_setxattr, path, "user.a", "", 0, XATTR_CREATE));
        RUN("setxattr replace", path, syscall(SYS_setxattr, path, "user.a", "value", 5, XATTR_REPLACE));
        RUN("setxattr flags", path, syscall(SYS_setxattr, path, "user.a", "value", 5, 16));
        RUN("setxattr large", path, syscall(SYS_setxattr, path, "user.a", value, 65537, 0));
        RUN("setxattr name", path, syscall(SYS_setxattr, path, longest, value, 1, 0));
        RUN("setxattr noname", path, syscall(SYS_setxattr, path, "", value, 1, 0));
        RUN("setxattr strange", path, syscall(SYS_setxattr, path, "strange", value, 1, 0));
        RUN("setxattr trusted", path, syscall(SYS_setxattr, path, "trusted.a", value, 1, 0));
        RUN("setxattr badname", path, syscall(SYS_setxattr, path, (char *)1, value, 1, 0));
        RUN("setxattr bad", path, syscall(SYS_setxattr, path, "user.a", (char *)1, 1, 0));
        RUN("lsetxattr", path, syscall(SYS_lsetxattr, path, "user.b", "b", 1, 0));
        RUN("getxattr none", path, syscall(SYS_getxattr, path, "user.none", buffer, sizeof(buffer)));
        RUN("getxattr size", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_getxattr, path, "user.a", NULL, 0)));
        RUN("getxattr small", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_getxattr, path, "user.a", buffer, 3)));
        RUN("getxattr bad", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_getxattr, path, "user.a", 1, 30)));
        RUN("getxattr", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_getxattr, path, "user.a", value, sizeof(value))));
        RUN("lgetxattr", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_lgetxattr, path, "user.a", buffer, sizeof(buffer))));
        RUN("listxattr size", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0), syscall(SYS_listxattr, path, NULL, 0)));
        RUN("listxattr small", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0), syscall(SYS_listxattr, path, buffer, 3)));
        RUN("listxattr", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_listxattr, path, value, sizeof(value))));
        RUN("llistxattr", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_llistxattr, path, buffer, sizeof(buffer))));
        RUN("removexattr none", path, syscall(SYS_removexattr, path, "user.none"));
        RUN("removexattr", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_removexattr, path, "user.a")));
        RUN("lremovexattr", path,
            (syscall(SYS_lsetxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_lremovexattr, path, "user.a")));
}

static void xattrats_on(const char *path) {
        struct {
                uint64_t value;
                uint32_t size, flags;
                uint64_t more;
        } arguments = { (uintptr_t) "value", 5, 0, 0 }, more = { (uintptr_t) "value", 5, 0, 1 };
        char buffer[64];

        RUN("setxattrat", path, syscall(SYS_setxattrat_, AT_FDCWD, path, 0, "user.a", &arguments, 16));
        RUN("setxattrat dir", path, syscall(SYS_setxattrat_, dir_fd, path, 0, "user.a", &arguments, 24));
        RUN("setxattrat more", path, syscall(SYS_setxattrat_, dir_fd, path, 0, "user.a", &more, 24));
        RUN("setxattrat short", path, syscall(SYS_setxattrat_, dir_fd, path, 0, "user.a", &more, 8));
        RUN("setxattrat flags", path, syscall(SYS_setxattrat_, dir_fd, path, 0x4000, "user.a", &more, 16));
        RUN("setxattrat file", path,
            syscall(SYS_setxattrat_, file_fd, path, AT_EMPTY_PATH, "user.a", &arguments, 16));
        RUN("listxattrat", path,
            (syscall(SYS_setxattrat_, AT_FDCWD, path, 0, "user.a", &arguments, 16),
             syscall(SYS_listxattrat_, AT_FDCWD, path, 0, buffer, sizeof(buffer))));
        arguments.value = (uintptr_t)buffer;
        arguments.size = sizeof(buffer);
        RUN("getxattrat", path, syscall(SYS_getxattrat_, AT_FDCWD, path, 0, "user.a", &arguments, 16));
        RUN("removexattrat", path,
            (syscall(SYS_setxattr, path, "user.a", "value", 5, 0),
             syscall(SYS_removexattrat_, AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, "user.a")));
}

static void xattr(void) {
        for (size_t i = 0; i < N(harmless); i++) {
                xattrs_on(harmless[i]);
                xattrats_on(harmless[i]);
        }
        xattrs_on("/proc/self/comm");
        xattrs_on("/proc/version");
}

static void watch(void) {
        watching = 1;
        for (size_t i = 0; i < N(harmless) + N(special); i++) {
                const char *path = i < N(harmless) ? harmless[i] : special[i - N(harmless)];

                RUN("watch", path, syscall(SYS_inotify_add_watch, inotify_fd, path, IN_ALL_EVENTS));
                RUN("watch nofollow", path,
                    syscall(SYS_inotify_add_watch, inotify_fd, path, IN_MODIFY | IN_DONT_FOLLOW));
                RUN("watch onlydir", path,
                    syscall(SYS_inotify_add_watch, inotify_fd, path, IN_CREATE | IN_ONLYDIR));
                RUN("watch 0", path, syscall(SYS_inotify_add_watch, inotify_fd, path, 0));
                RUN("watch both", path,
                    syscall(SYS_inotify_add_watch, inotify_fd, path,
                            IN_MODIFY | IN_MASK_ADD | IN_MASK_CREATE));
                RUN("watch again", path,
                    (syscall(SYS_inotify_add_watch, inotify_fd, path, IN_MODIFY),
                     syscall(SYS_inotify_add_watch, inotify_fd, path, IN_MODIFY | IN_MASK_CREATE)));
                RUN("watch file", path, syscall(SYS_inotify_add_watch, file_fd, path, IN_MODIFY));
                RUN("watch 999", path, syscall(SYS_inotify_add_watch, 999, path, IN_MODIFY));
        }
        /* What is watched is what happens. */
        {
                struct inotify_event event[8];
                ssize_t n;

                make();
                syscall(SYS_inotify_add_watch, inotify_fd, "link", IN_ATTRIB);
                chmod("file", 0600);
                n = read(inotify_fd, event, sizeof(event));
                printf("events: %zd %x\n", n, n > 0 ? event[0].mask : 0);
                done();
        }
        watching = 0;
}

static void two(void) {
        static const char *const from
                [] = { "file", "dir",     "dir/",          "file/", "link",  "dlink",    "dlink/",
                       "none", "fifo",    "dangling",      ".",     "dir/.", "locked/x", "fixed/x",
                       "",     (char *)1, "/proc/version", "dir/x" },
            *const to[] = {
                    "second",        "empty",         "empty/", "other",    "none", "none/",   "dir/inner",
                    "dir/inner/new", "link",          "dlink",  "dangling", ".",    "..",      "/",
                    "locked/x",      "fixed/new",     "file",   "dir",      "",     (char *)1, "file/x",
                    longest,         "/dev/callgate", "/proc/x"
            };

        for (size_t i = 0; i < N(from); i++)
                for (size_t k = 0; k < N(to); k++) {
                        const char *a = from[i], *b = to[k];

                        /* Which of two mistakes is told is up to the kernel's version. */
                        if ((b == longest || b == (char *)1) && i > 0)
                                continue;
                        if ((a == (char *)1 || !*a) && !*b)
                                continue;

                        RUN2("rename", a, b, syscall(SYS_rename, a, b));
                        if (b != longest && b != (char *)1)
                                RUN2("renameat dir", a, b, syscall(SYS_renameat, dir_fd, a, AT_FDCWD, b));
                        RUN2("renameat2", a, b, syscall(SYS_renameat2, AT_FDCWD, a, dir_fd, b, 1));
                        RUN2("renameat2 exchange", a, b,
                             syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2));
                        RUN2("renameat2 3", a, b, syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 3));
                        RUN2("link", a, b, syscall(SYS_link, a, b));
                        RUN2("linkat", a, b, syscall(SYS_linkat, AT_FDCWD, a, dir_fd, b, 0));
                        RUN2("linkat follow", a, b,
                             syscall(SYS_linkat, AT_FDCWD, a, AT_FDCWD, b, AT_SYMLINK_FOLLOW));
                        RUN2("linkat flags", a, b, syscall(SYS_linkat, AT_FDCWD, a, AT_FDCWD, b, 1));
                }
        RUN("linkat empty", "", syscall(SYS_linkat, file_fd, "", AT_FDCWD, "none", AT_EMPTY_PATH));
        RUN("linkat empty path", "", syscall(SYS_linkat, path_fd, "", AT_FDCWD, "none", AT_EMPTY_PATH));
        RUN("linkat empty 999", "", syscall(SYS_linkat, 999, "", AT_FDCWD, "none", AT_EMPTY_PATH));
}

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                void (*run)(void);
        } parts[] = { { "names", names }, { "attributes", attributes }, { "limits", limits },
                      { "times", times }, { "xattr", xattr },           { "watch", watch },
                      { "two", two } };

        memset(longest, 'n', sizeof(longest) - 1);
        memset(endless, 'e', sizeof(endless) - 1);
        umask(argc > 2 ? 0 : 027);
        for (size_t i = 0; i < N(parts); i++)
                if (argc < 2 || strcmp(argv[1], parts[i].name) == 0)
                        parts[i].run();
        return 0;
}
