/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Asks the kernel about paths in every way there is, by raw system calls, and prints all that came back:
 * what is printed under supervision must be what is printed without.
 *
 *   paths make DIR      makes the tree that the others look at
 *   paths look DIR      questions and opens that change nothing
 *   paths change DIR    opens that make and truncate
 *
 * -c: DIR becomes the root; -t: by a thread with a working directory and descriptors of its own; -n: the
 * process is not dumpable
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define PATH_BYTES 4096
#define LARGE      3000000000ll
#define DIR_FD     20
#define FILE_FD    21
#define PIPE_FD    22
#define PATH_FD    23

static char longest[PATH_BYTES], too_long[PATH_BYTES + 1], long_name[300], longest_name[256];
static char *at_page_end, *past_page_end; /* ends there with NUL; goes on */
static int in_root;

static const char *const paths[] = {
        "d",
        "d/",
        "./d",
        "d/.",
        "d/..",
        "d/../d/e",
        "d/e/../..",
        "plain",
        "plain/",
        "plain/.",
        "plain/x",
        "link",
        "link/",
        "link/x",
        "dlink",
        "dlink/",
        "dlink/e",
        "dlink/..",
        "dangling",
        "dangling/",
        "loop",
        "loop/",
        "loop/x",
        "slash",
        "slash/",
        "slash/..",
        "dslash",
        "dslash/file",
        "pslash",
        "chain5",
        "nothing",
        "nothing/",
        "nothing/x",
        "d/nothing/..",
        "/",
        "//",
        "/.",
        "/..",
        "/../..",
        ".",
        "..",
        "./",
        "",
        "fifo",
        "socket",
        "large",
        "secret",
        "closed",
        "closed/x",
        "closed/..",
        "unlisted",
        "unlisted/x",
        "writeonly",
        "executable",
        "d/./e/.././file",
        "absolute",
        "up",
        "sticky/link",
        "sticky/file",
        "/dev/null",
        "/dev/null/",
        "/dev/null/x",
        "/dev/zero",
        "/dev/full",
        "/dev/ptmx",
        "/etc",
        "/etc/passwd",
        "/etc/shadow",
        "/nothing",
        "/usr/../etc/./passwd",
        "/tmp",
        "/bin/which", /* links through links to a script: a program that runs somewhere is ETXTBSY at times
                       */
};
static const char *const own_paths[] = {
        "/proc/self",
        "/proc/self/",
        "/proc/thread-self",
        "/proc/self/status",
        "/proc/self/exe",
        "/proc/self/cwd",
        "/proc/self/cwd/d",
        "/proc/self/root",
        "/proc/self/root/etc",
        "/proc/self/fd",
        "/proc/self/fd/20",
        "/proc/self/fd/20/file",
        "/proc/self/fd/21",
        "/proc/self/fd/21/x",
        "/proc/self/fd/22",
        "/proc/self/fd/23",
        "/proc/self/fd/99",
        "/dev/fd",
        "/dev/fd/21",
        "/dev/stdin",
        "/proc/self/maps",
        "/proc/self/environ",
        "/proc/self/mem",
        "/proc/self/task",
        "/proc/thread-self/fd/21",
        "/proc/mounts",
        "/proc/net",
        "/proc/net/dev",
        "/proc/self/ns/mnt",
        "/proc/self/../self/stat",
        "/proc/cpuinfo",
        "/proc/1",
        "/proc/1/status",
        "/proc/1/exe",
        "/proc/1/fd",
        "/proc/nothing",
        "/proc/self/nothing",
        "proc",
        "proc/status",
        "proc/fd/21",
        "/sys/kernel",
        "/proc/sys/kernel/hostname",
        "/proc/self/fdinfo/21",
        "/proc/fs",
        "/proc/self/attr",
};

static int is_number(const char *text, size_t n, long number) {
        char digits[16];
        size_t n_digits = (size_t)snprintf(digits, sizeof(digits), "%ld", number);

        return n >= n_digits && strncmp(text, digits, n_digits) == 0 &&
               (n == n_digits || text[n_digits] < '0' || text[n_digits] > '9');
}

/* What differs from run to run: process numbers. */
static void print_text(const char *text, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int starts = i == 0 || text[i - 1] == '/';

                if (starts && is_number(text + i, n - i, getpid()))
                        printf("PID");
                else if (starts && is_number(text + i, n - i, syscall(SYS_gettid)))
                        printf("TID");
                else if (n - i > 6 && strncmp(text + i, "pipe:[", 6) == 0)
                        i = n;
                else {
                        putchar(text[i]);
                        continue;
                }
                while (i + 1 < n && text[i + 1] >= '0' && text[i + 1] <= '9')
                        i++;
        }
}

static uint32_t hash(const void *bytes, size_t n) {
        const unsigned char *at = bytes;
        uint32_t value = 2166136261u;

        while (n-- > 0)
                value = (value ^ *at++) * 16777619u;
        return value;
}

/* May we look at it ourselves? */
static int is_text(const char *path) {
        return (uintptr_t)path >= 4096 && (uintptr_t)path < (uintptr_t)-4096 && path != past_page_end;
}

static void name_case(const char *call, const char *path, long extra) {
        printf("%s ", call);
        if (!is_text(path))
                printf("%s", path == past_page_end ? "(no end)" : path ? "(nowhere)" : "NULL");
        else
                printf("\"%.40s\"%s", path, strlen(path) > 40 ? "…" : "");
        printf(" %lx: ", (unsigned long)extra & 0xfffffffful);
}

static void print_errno(long r) {
        if (r < 0)
                printf("%s\n", strerrorname_np(errno));
}

/* A result in a buffer: every byte of it counts, and those behind it. */
static void print_bytes(long r, const unsigned char *bytes, size_t n, int changing) {
        if (r < 0)
                print_errno(r);
        else if (changing)
                printf("%ld\n", r);
        else
                printf("%ld %08x\n", r, hash(bytes, n));
}

static void print_opened(long fd, int changing) {
        struct stat64 st;
        char name[64], target[PATH_BYTES];
        ssize_t n;

        if (fd < 0) {
                print_errno(fd);
                return;
        }
        fstat64((int)fd, &st);
        printf("%ld fl %x fd %x mode %o", fd, fcntl((int)fd, F_GETFL) & ~(0100000 | O_NOFOLLOW),
               fcntl((int)fd, F_GETFD), st.st_mode);
        if (!changing)
                printf(" ino %llu", (unsigned long long)st.st_ino);
        if (S_ISREG(st.st_mode))
                printf(" size %lld uid %u gid %u at %lld", (long long)st.st_size, st.st_uid, st.st_gid,
                       (long long)lseek((int)fd, 0, SEEK_CUR));
        snprintf(name, sizeof(name), "/proc/self/fd/%ld", fd);
        n = in_root ? -1 : readlink(name, target, sizeof(target));
        if (n > 0 && !S_ISFIFO(st.st_mode)) {
                printf(" ");
                /* An unnamed file shows its inode. */
                if (memchr(target, '#', (size_t)n))
                        n = (char *)memchr(target, '#', (size_t)n) - target;
                print_text(target, (size_t)n);
        }
        printf("\n");
        close((int)fd);
}

/* ---- questions ---- */

static void ask_stat(const char *call, long number, int dirfd, const char *path, int flags, int own) {
        unsigned char buffer[512];
        long r;

        if (number < 0)
                return;
        /* The kernel leaves holes of stat64 as they were. */
        memset(buffer, 0, sizeof(buffer));
        name_case(call, path, flags);
        errno = 0;
        r = dirfd == -2 ? syscall(number, path, buffer) : syscall(number, dirfd, path, buffer, flags);
        print_bytes(r, buffer, sizeof(buffer), own);
}

static void ask_statx(int dirfd, const char *path, int flags, unsigned mask, int own) {
        struct statx stx[2];
        long r;

        memset(stx, 0xa5, sizeof(stx));
        name_case("statx", path, flags | (long)mask << 16);
        r = syscall(SYS_statx, dirfd, path, flags, mask, stx);
        if (r == 0 && own)
                printf("mode %o size %llu\n", stx[0].stx_mode,
                       S_ISREG(stx[0].stx_mode) ? (unsigned long long)stx[0].stx_size : 0ull);
        else
                print_bytes(r, (void *)stx, sizeof(stx), own);
}

static void ask_access(int dirfd, const char *path) {
        static const int modes[] = { F_OK, R_OK, W_OK, X_OK, R_OK | W_OK, R_OK | W_OK | X_OK, 8, -1 };
        static const int flags[] = {
                0, AT_EACCESS, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_EMPTY_PATH | AT_EACCESS, 0x4000
        };

        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
#ifdef SYS_access
                name_case("access", path, modes[i]);
                printf("%s\n", syscall(SYS_access, path, modes[i]) < 0 ? strerrorname_np(errno) : "yes");
#endif
                name_case("faccessat", path, modes[i]);
                printf("%s\n",
                       syscall(SYS_faccessat, dirfd, path, modes[i]) < 0 ? strerrorname_np(errno) : "yes");
                for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
                        name_case("faccessat2", path, modes[i] | (long)flags[k] << 4);
                        printf("%s\n", syscall(SYS_faccessat2, dirfd, path, modes[i], flags[k]) < 0
                                               ? strerrorname_np(errno)
                                               : "yes");
                }
        }
}

static void ask_readlink(int dirfd, const char *path, int own) {
        static const int sizes[] = { 4096, 3, 1, 0, -1 };
        unsigned char buffer[PATH_BYTES + 8];

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                long r;

                if (own && sizes[i] > 0 && sizes[i] < 4096)
                        continue; /* half a process number */
                memset(buffer, 0xa5, sizeof(buffer));
                name_case("readlinkat", path, sizes[i]);
                r = syscall(SYS_readlinkat, dirfd, path, buffer, sizes[i]);
                if (r < 0)
                        print_errno(r);
                else {
                        print_text((char *)buffer, (size_t)r < 200 ? (size_t)r : 200);
                        printf(" %x\n", buffer[r]);
                }
        }
#ifdef SYS_readlink
        name_case("readlink", path, 0);
        memset(buffer, 0xa5, sizeof(buffer));
        {
                long r = syscall(SYS_readlink, path, buffer, 4096);

                if (r < 0)
                        print_errno(r);
                else {
                        print_text((char *)buffer, (size_t)r < 200 ? (size_t)r : 200);
                        printf("\n");
                }
        }
#endif
}

static void ask_open(int dirfd, const char *path, int own) {
        static const int flags[] = {
                O_RDONLY | O_NONBLOCK,
                O_RDONLY | O_NONBLOCK | O_CLOEXEC,
                O_RDWR | O_NONBLOCK,
                O_RDONLY | O_NONBLOCK | O_DIRECTORY,
                O_RDONLY | O_NONBLOCK | O_NOFOLLOW,
                O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_DIRECTORY,
                O_WRONLY | O_NONBLOCK | O_APPEND,
                O_RDONLY | O_NONBLOCK | O_NOATIME,
                O_ACCMODE | O_NONBLOCK,
                O_PATH,
                O_PATH | O_NOFOLLOW,
                O_PATH | O_DIRECTORY | O_RDWR,
                O_RDONLY | O_NONBLOCK | O_CREAT | O_EXCL,
                O_RDONLY | O_NONBLOCK | O_CREAT | O_DIRECTORY,
                O_TMPFILE | O_RDONLY,
                (int)0x80000000u | O_RDONLY | O_NONBLOCK,
                O_RDONLY | O_NONBLOCK | O_SYNC,
                O_RDONLY | O_NONBLOCK | O_NOCTTY,
        };

        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                /* Nothing may be made here. */
                if ((flags[i] & O_CREAT) && is_text(path)) {
                        struct stat64 st;

                        if (fstatat64(dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
                                continue;
                }
                name_case("openat", path, flags[i]);
                print_opened(syscall(SYS_openat, dirfd, path, flags[i], 0600), own);
        }
#ifdef SYS_open
        name_case("open", path, 0);
        print_opened(syscall(SYS_open, path, O_RDONLY | O_NONBLOCK), own);
#endif
}

static void ask_openat2(int dirfd, const char *path, int own) {
        static const uint64_t resolves[] = {
                0,
                RESOLVE_NO_XDEV,
                RESOLVE_NO_MAGICLINKS,
                RESOLVE_NO_SYMLINKS,
                RESOLVE_BENEATH,
                RESOLVE_IN_ROOT,
                RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
                RESOLVE_BENEATH | RESOLVE_IN_ROOT,
                0x1000,
        };
        struct open_how how = { .flags = O_RDONLY | O_NONBLOCK };
        long fd;

        for (size_t i = 0; i < sizeof(resolves) / sizeof(resolves[0]); i++) {
                how.resolve = resolves[i];
                name_case("openat2", path, (long)resolves[i]);
                /* A rename somewhere on the machine can make a scoped lookup give up. */
                do
                        fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
                while (fd < 0 && errno == EAGAIN);
                print_opened(fd, own);
        }
}

static void ask_how(void) {
        struct {
                struct open_how how;
                uint64_t more;
        } long_how = { .how = { .flags = O_RDONLY } };
        static const struct open_how bad[] = {
                { .flags = 1ull << 40 },
                { .flags = O_RDONLY, .mode = 0600 },
                { .flags = O_CREAT, .mode = 01000000 },
                { .flags = O_PATH | O_RDWR },
                { .flags = O_CREAT | O_DIRECTORY, .mode = 0600 },
                { .flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT | RESOLVE_BENEATH },
        };
        static const size_t sizes[] = { 0, 8, 23, 24, 25, 32, 4096, 4097, 1u << 20 };
        char *big = calloc(1, 1 << 20);

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                name_case("openat2 bad", "plain", (long)i);
                print_opened(syscall(SYS_openat2, AT_FDCWD, "plain", &bad[i], sizeof(bad[i])), 0);
        }
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                name_case("openat2 size", "plain", (long)sizes[i]);
                print_opened(syscall(SYS_openat2, AT_FDCWD, "plain", big, sizes[i]), 0);
        }
        long_how.more = 1;
        name_case("openat2 more", "plain", 0);
        print_opened(syscall(SYS_openat2, AT_FDCWD, "plain", &long_how, sizeof(long_how)), 0);
        name_case("openat2 nothing", "plain", 0);
        print_opened(syscall(SYS_openat2, AT_FDCWD, "plain", NULL, sizeof(long_how.how)), 0);
        free(big);
}

#ifdef SYS_newfstatat
#define FSTATAT      SYS_newfstatat
#define FSTATAT_NAME "newfstatat"
#else
#define FSTATAT      SYS_fstatat64
#define FSTATAT_NAME "fstatat64"
#endif
#ifndef SYS_stat
#define SYS_stat (-1)
#endif
#ifndef SYS_lstat
#define SYS_lstat (-1)
#endif
#ifndef SYS_stat64
#define SYS_stat64 (-1)
#endif
#ifndef SYS_lstat64
#define SYS_lstat64 (-1)
#endif

static void look_at(int dirfd, const char *path, int own) {
        static const int flags[] = { 0,
                                     AT_SYMLINK_NOFOLLOW,
                                     AT_EMPTY_PATH,
                                     AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW,
                                     AT_NO_AUTOMOUNT,
                                     0x80000,
                                     AT_SYMLINK_FOLLOW };

        ask_stat("stat", SYS_stat, -2, path, 0, own);
        ask_stat("lstat", SYS_lstat, -2, path, 0, own);
        ask_stat("stat64", SYS_stat64, -2, path, 0, own);
        ask_stat("lstat64", SYS_lstat64, -2, path, 0, own);
        for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
                ask_stat(FSTATAT_NAME, FSTATAT, dirfd, path, flags[i], own);
                ask_statx(dirfd, path, flags[i], STATX_BASIC_STATS, own);
        }
        ask_statx(dirfd, path, 0, STATX_ALL | STATX_MNT_ID, own);
        ask_statx(dirfd, path, AT_STATX_FORCE_SYNC, STATX_SIZE, own);
        ask_statx(dirfd, path, AT_STATX_SYNC_TYPE, STATX_SIZE, own);
        ask_statx(dirfd, path, 0, 0x80000000u, own);
        ask_access(dirfd, path);
        ask_readlink(dirfd, path, own);
        ask_open(dirfd, path, own);
        ask_openat2(dirfd, path, own);
}

static void look_odd(void) {
        static const int dirfds[] = { DIR_FD, FILE_FD, PIPE_FD, PATH_FD, 99, -1, AT_FDCWD, -101 };
        static const char *const few[] = { "file", "../plain", "", "/etc/passwd", "nothing", "..", "../.." };
        const char *const odd[] = { longest,       too_long, long_name, longest_name, at_page_end,
                                    past_page_end, NULL,     (char *)8, (char *)-8l };
        unsigned char buffer[256];

        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
                look_at(AT_FDCWD, odd[i], 0);
        for (size_t i = 0; i < sizeof(dirfds) / sizeof(dirfds[0]); i++)
                for (size_t k = 0; k < sizeof(few) / sizeof(few[0]); k++) {
                        printf("from %d: ", dirfds[i]);
                        look_at(dirfds[i], few[k], dirfds[i] == PIPE_FD && !few[k][0]);
                }
        /* Results to where nothing is. */
        for (size_t i = 0; i < 3; i++) {
                char *const addresses[] = { NULL, past_page_end + 4, (char *)buffer };

                name_case("bad buffer", "plain", (long)i);
                printf("%s ", syscall(FSTATAT, AT_FDCWD, "plain", addresses[i], 0) < 0
                                      ? strerrorname_np(errno)
                                      : "yes");
                printf("%s ", syscall(SYS_statx, AT_FDCWD, "plain", 0, STATX_ALL, addresses[i]) < 0
                                      ? strerrorname_np(errno)
                                      : "yes");
                printf("%s\n", syscall(SYS_readlinkat, AT_FDCWD, "link", addresses[i], 100) < 0
                                       ? strerrorname_np(errno)
                                       : "yes");
        }
        ask_how();
}

/* ---- changes ---- */

static void change_one(const char *path, int flags, mode_t mode, const char *call, long number) {
        struct open_how how = { .flags = (unsigned)flags, .mode = flags & (O_CREAT | O_TMPFILE) ? mode : 0 };
        long fd;

        name_case(call, path, flags | (long)mode << 20);
        if (number == SYS_openat2)
                fd = syscall(number, AT_FDCWD, path, &how, sizeof(how));
#ifdef SYS_creat
        else if (number == SYS_creat)
                fd = syscall(number, path, mode);
        else if (number == SYS_open)
                fd = syscall(number, path, flags, mode);
#endif
        else
                fd = syscall(number, AT_FDCWD, path, flags, mode);
        print_opened(fd, 1);
}

static const char *const made[] = { "new",    "d/new",      "dlink/new2", "nowhere",
                                    "d/made", "closed/new", "sticky/new" };

static void change(void) {
        static const char *const targets[] = {
                "new",
                "new/",
                "d/new",
                "dlink/new2",
                "plain",
                "plain/",
                "link",
                "dangling",
                "dangling2",
                "d",
                "d/",
                "d/.",
                "loop",
                "nothing/new",
                "closed/new",
                "secret",
                "plain/new",
                "/",
                "..",
                "",
                "sticky/new",
                "sticky/file",
                "/etc/passwd/x",
                "/proc/new",
                "/proc/self/new",
                "/dev/null",
                "fifo2",
                "unlisted/x",
                "writeonly",
                "/proc/self/fd/21",
                "/proc/self/fd/20/new",
                "/dev/fd/new",
                "proc/cwd/new",
        };
        static const int flags[] = {
                O_CREAT | O_WRONLY,
                O_CREAT | O_EXCL | O_RDWR,
                O_CREAT | O_RDONLY | O_NOFOLLOW,
                O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC,
                O_CREAT | O_APPEND | O_RDWR,
                O_CREAT | O_PATH,
                O_CREAT | O_DIRECTORY,
                O_TRUNC | O_WRONLY,
                O_TRUNC | O_RDONLY,
                O_TRUNC | O_RDWR | O_NOFOLLOW,
                O_TMPFILE | O_RDWR,
                O_TMPFILE | O_WRONLY | O_EXCL,
                O_TMPFILE | O_RDONLY,
                O_TMPFILE & ~O_DIRECTORY,
        };
        static const mode_t masks[] = { 022, 0, 077, 0777 };
        static const mode_t modes[] = { 0666, 04755, 0, 01777 };

        for (size_t u = 0; u < sizeof(masks) / sizeof(masks[0]); u++) {
                umask(masks[u]);
                for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
                        for (size_t k = 0; k < sizeof(flags) / sizeof(flags[0]); k++) {
                                change_one(targets[i], flags[k], modes[(u + k) % 4], "openat", SYS_openat);
                                if (u == 0)
                                        change_one(targets[i], flags[k], 0644, "openat2", SYS_openat2);
#ifdef SYS_creat
                                if (k == 0)
                                        change_one(targets[i], 0, modes[u], "creat", SYS_creat);
                                if (u == 1)
                                        change_one(targets[i], flags[k], modes[k % 4], "open", SYS_open);
#endif
                                for (size_t m = 0; m < sizeof(made) / sizeof(made[0]); m++)
                                        unlink(made[m]);
                        }
        }
}

/* ---- the tree ---- */

static void put(const char *path, mode_t mode, long long size) {
        int fd = open64(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

        if (fd < 0 || ftruncate64(fd, size) < 0 || fchmod(fd, mode) < 0) {
                perror(path);
                exit(1);
        }
        close(fd);
}

static void make(const char *place) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket" };
        char to[16], name[16], absolute[PATH_BYTES];

        umask(0);
        mkdir("d", 0755);
        mkdir("d/e", 0755);
        put("d/file", 0644, 10);
        put("plain", 0644, 100);
        put("secret", 0, 7);
        put("writeonly", 0222, 7);
        put("executable", 0755, 7);
        put("large", 0644, LARGE);
        mkdir("closed", 0755);
        put("closed/x", 0644, 1);
        chmod("closed", 0600);
        mkdir("unlisted", 0755);
        put("unlisted/x", 0644, 1);
        chmod("unlisted", 0311);
        mkdir("sticky", 01777);
        put("sticky/file", 0666, 3);
        (void)!symlink("../plain", "sticky/link");
        (void)!symlink("d/file", "link");
        (void)!symlink("d", "dlink");
        (void)!symlink("nowhere", "dangling");
        (void)!symlink("d/made", "dangling2");
        (void)!symlink("loop", "loop");
        (void)!symlink("/", "slash");
        (void)!symlink("d/", "dslash");
        (void)!symlink("plain/", "pslash");
        (void)!symlink("/proc/self", "proc");
        (void)!symlink("../../../../../../etc/passwd", "up");
        snprintf(absolute, sizeof(absolute), "%s/plain", place);
        (void)!symlink(absolute, "absolute");
        for (int i = 0; i < 6; i++) {
                snprintf(to, sizeof(to), i == 0 ? "link" : "chain%d", i - 1);
                snprintf(name, sizeof(name), "chain%d", i);
                (void)!symlink(to, name);
        }
        mkfifo("fifo", 0644);
        bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&address, sizeof(address));
}

static void prepare(void) {
        char *pages = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int pipe_fds[2];

        munmap(pages + 4096, 4096);
        munmap(pages + 3 * 4096, 4096);
        at_page_end = pages + 4096 - sizeof("plain");
        strcpy(at_page_end, "plain");
        past_page_end = pages + 3 * 4096 - 3;
        memcpy(past_page_end, "pla", 3);
        memset(longest, '/', sizeof(longest) - 1);
        memcpy(longest + sizeof(longest) - 1 - 5, "plain", 5);
        memcpy(longest, "././", 4);
        for (size_t i = 0; i + 1 < sizeof(longest) - 6; i += 2)
                memcpy(longest + i, "./", 2);
        memset(too_long, '/', sizeof(too_long) - 1);
        memset(long_name, 'x', 256);
        memset(longest_name, 'x', 255);
        dup2(open("d", O_RDONLY), DIR_FD);
        dup2(open("d/file", O_RDONLY), FILE_FD);
        (void)!pipe(pipe_fds);
        dup2(pipe_fds[0], PIPE_FD);
        dup2(open("link", O_PATH | O_NOFOLLOW), PATH_FD);
        for (int fd = 3; fd < DIR_FD; fd++)
                close(fd);
}

static void *run(void *data) {
        const char *what = data;

        prepare();
        if (strcmp(what, "change") == 0) {
                change();
                return NULL;
        }
        for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
                look_at(AT_FDCWD, paths[i],
                        strncmp(paths[i], "/dev", 4) == 0 || strcmp(paths[i], "/tmp") == 0);
        for (size_t i = 0; i < sizeof(own_paths) / sizeof(own_paths[0]); i++)
                look_at(AT_FDCWD, own_paths[i], 1);
        look_odd();
        return NULL;
}

static void *run_apart(void *data) {
        if (unshare(CLONE_FS | CLONE_FILES) < 0 || chdir("..") < 0 || chdir(((char **)data)[1]) < 0)
                return (void *)1;
        return run(((char **)data)[0]);
}

int main(int argc, char **argv) {
        int option, threaded = 0;

        while ((option = getopt(argc, argv, "ctn")) != -1) {
                if (option == 'c')
                        in_root = 1;
                else if (option == 't')
                        threaded = 1;
                else if (option == 'n')
                        prctl(PR_SET_DUMPABLE, 0);
                else
                        return 2;
        }
        if (optind + 2 > argc || chdir(argv[optind + 1]) < 0)
                return 2;
        setvbuf(stdout, NULL, _IOFBF, 1 << 16);
        if (strcmp(argv[optind], "make") == 0) {
                make(argv[optind + 1]);
                return 0;
        }
        if (in_root && chroot(".") < 0)
                return 77;
        if (threaded) {
                char *data[] = { argv[optind], argv[optind + 1] };
                pthread_t thread;
                void *wrong;

                pthread_create(&thread, NULL, run_apart, data);
                pthread_join(thread, &wrong);
                return wrong ? 1 : 0;
        }
        run(argv[optind]);
        return 0;
}
