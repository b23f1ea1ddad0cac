/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tries to get at DIR/secret/key although a policy refuses every path below DIR/secret: by changing what a
 * path means while the call is looked at, and by every name the file has. DIR/secret/key and whatever lies
 * there begin with SECRET; DIR/open/key with "open".
 *
 *   attack DIR TRIES ATTACK …     prints per attack how often it was refused, got something else, and got it
 *   attack -l DIR                 lists the attacks
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define SECRET_SIZE 4242
#define FLIPPED_FD  30

static char place[2048];
static char text[4096] __attribute__((aligned(4096)));
static volatile int stop;
static volatile long refused, harmless, obtained;

static void look_at_fd(int fd) {
        char got[16] = "";
        struct stat st;

        if (fd < 0) {
                refused++;
                return;
        }
        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == SECRET_SIZE)
                obtained++;
        else if (pread(fd, got, 6, 0) == 6 && memcmp(got, "SECRET", 6) == 0)
                obtained++;
        else
                harmless++;
        close(fd);
}

/* Opens, stats and reads links by a path in all ways. */
static void try_path(int dirfd, const char *path, long i) {
        struct stat st;
        char link[64] = "";
        struct open_how how = { .flags = O_RDONLY };

        switch (i % 7) {
        case 0:
        case 1:
                look_at_fd((int)syscall(SYS_openat, dirfd, path, O_RDONLY));
                return;
        case 2:
                look_at_fd((int)syscall(SYS_openat2, dirfd, path, &how, sizeof(how)));
                return;
        case 3:
                look_at_fd((int)syscall(SYS_openat, dirfd, path, O_RDWR | O_CLOEXEC));
                return;
        case 4:
                if (fstatat(dirfd, path, &st, 0) < 0)
                        refused++;
                else if (st.st_size == SECRET_SIZE)
                        obtained++;
                else
                        harmless++;
                return;
        case 5: {
                /* A descriptor that only stands for the file is as good, if it can be opened again. */
                int fd = (int)syscall(SYS_openat, dirfd, path, O_PATH);

                if (fd < 0) {
                        refused++;
                        return;
                }
                snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
                look_at_fd(open(link, O_RDONLY));
                close(fd);
                return;
        }
        default:
                if (readlinkat(dirfd, path, link, sizeof(link) - 1) > 0 && strstr(link, "SECRET"))
                        obtained++;
                else
                        refused++;
        }
}

/* ---- what changes meanwhile ---- */

static void *flip_text(void *data) {
        char open_path[sizeof(place) + 16], secret_path[sizeof(place) + 16];

        (void)data;
        snprintf(open_path, sizeof(open_path), "%s/open/key", place);
        snprintf(secret_path, sizeof(secret_path), "%s/secret/key", place);
        while (!stop) {
                memcpy(text, secret_path, strlen(secret_path) + 1);
                memcpy(text, open_path, strlen(open_path) + 1);
        }
        return NULL;
}

static void *flip_link(void *data) {
        (void)data;
        while (!stop) {
                (void)!symlink("open/key", "l1");
                rename("l1", "flip");
                (void)!symlink("secret/key", "l2");
                rename("l2", "flip");
        }
        return NULL;
}

static void *flip_new(void *data) {
        (void)data;
        while (!stop) {
                (void)!symlink("open/made", "m1");
                rename("m1", "made");
                (void)!symlink("secret/made", "m2");
                rename("m2", "made");
                unlink("made");
        }
        return NULL;
}

/* A directory and a link to the secret one take each other's place. */
static void *flip_directory(void *data) {
        (void)data;
        while (!stop)
                syscall(SYS_renameat2, AT_FDCWD, "x", AT_FDCWD, "y", RENAME_EXCHANGE);
        return NULL;
}

static void *flip_fd(void *data) {
        int open_fd = open("open", O_RDONLY | O_DIRECTORY),
            secret_fd = open("secret", O_RDONLY | O_DIRECTORY);

        (void)data;
        while (!stop) {
                dup2(open_fd, FLIPPED_FD);
                dup2(secret_fd, FLIPPED_FD);
                close(FLIPPED_FD);
        }
        return NULL;
}

static void *flip_cwd(void *data) {
        char directory[sizeof(place) + 16];

        (void)data;
        while (!stop) {
                snprintf(directory, sizeof(directory), "%s/open", place);
                (void)!chdir(directory);
                snprintf(directory, sizeof(directory), "%s/secret", place);
                (void)!chdir(directory);
        }
        return NULL;
}

/* ---- attacks ---- */

static void by_text(long i) {
        try_path(AT_FDCWD, text, i);
}

static void by_link(long i) {
        static const char *const paths[] = { "flip", "./flip", "open/../flip", "/proc/self/cwd/flip" };

        try_path(AT_FDCWD, paths[i / 7 % 4], i);
}

static void by_new(long i) {
        int fd = open("made", O_CREAT | O_RDWR | (i % 2 ? O_TRUNC : 0), 0600);

        /* Whether it was made in the wrong place is seen afterwards. */
        if (fd < 0)
                refused++;
        else
                harmless++;
        close(fd);
        unlink("open/made");
}

static void by_directory(long i) {
        static const char *const paths[] = { "x/key", "y/key", "x/../x/key", "./y/./key" };

        try_path(AT_FDCWD, paths[i / 7 % 4], i);
}

static void by_fd(long i) {
        static const char *const paths[] = { "key", "/proc/self/fd/30/key", "/dev/fd/30/key", "./key" };

        try_path(FLIPPED_FD, paths[i / 7 % 4], i);
}

static void by_cwd(long i) {
        static const char *const paths[] = { "key", "/proc/self/cwd/key", "../secret/./key",
                                             "/proc/thread-self/cwd/key" };

        try_path(AT_FDCWD, paths[i / 7 % 4], i);
}

/* Threads that no longer share a working directory: each path is looked at where its thread stands. */
static void *stand_in_secret(void *data) {
        (void)data;
        if (unshare(CLONE_FS) < 0 || chdir("secret") < 0)
                return NULL;
        for (long i = 0; !stop; i++)
                try_path(AT_FDCWD, "key", i);
        return NULL;
}

static void by_thread(long i) {
        char got[5] = "";
        int fd = open("open/key", O_RDONLY);

        (void)i;
        if (fd < 0 || read(fd, got, 4) != 4 || strcmp(got, "open") != 0)
                obtained++; /* somebody else's directory was used */
        close(fd);
}

static void by_name(long i) {
        static const char *const forms[] = {
                "%s/secret/key",
                "/%s//secret///key",
                "%s/open/../secret/key",
                "%s/secret/./key",
                "%s/secret/../secret/key",
                "/proc/self/root%s/secret/key",
                "/proc/self/root/proc/self/root%s/secret/key",
                "/proc/self/cwd/secret/key",
                "/proc/self/cwd/../%s/secret/key",
                "/proc/self/task/../cwd/secret/key",
                "%s/to-secret/key",
                "%s/to-key",
                "%s/to-to-key",
                "%s/through-proc",
                "secret/key",
                "./secret/key",
                "to-secret/../secret/key",
        };
        char path[sizeof(place) + 64], pid_path[64];

        snprintf(path, sizeof(path), forms[i / 7 % (sizeof(forms) / sizeof(forms[0]))], place);
        try_path(AT_FDCWD, path, i);
        snprintf(pid_path, sizeof(pid_path), "/proc/%d/cwd/secret/key", getpid());
        try_path(AT_FDCWD, pid_path, i);
}

static void by_scope(long i) {
        static const struct {
                const char *path;
                uint64_t resolve;
        } rows[] = {
                { "/key", RESOLVE_IN_ROOT },
                { "key", RESOLVE_BENEATH },
                { "../key", RESOLVE_IN_ROOT },
                { "key", RESOLVE_NO_XDEV },
                { "key", RESOLVE_NO_SYMLINKS },
                { "/../secret/../key", RESOLVE_IN_ROOT },
                { "./key", RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS },
        };
        struct open_how how = { .flags = O_RDONLY, .resolve = rows[i % 7].resolve };
        int fd = open("secret", O_RDONLY | O_DIRECTORY);

        look_at_fd((int)syscall(SYS_openat2, fd, rows[i % 7].path, &how, sizeof(how)));
        close(fd);
}

static const struct {
        const char *name;
        void (*attack)(long i);
        void *(*beside)(void *data);
        int harmless_too; /* at times what is asked for is open to everybody */
} attacks[] = {
        { "text", by_text, flip_text, 1 },
        { "link", by_link, flip_link, 1 },
        { "new", by_new, flip_new, 0 },
        { "directory", by_directory, flip_directory, 1 },
        { "fd", by_fd, flip_fd, 0 },
        { "cwd", by_cwd, flip_cwd, 0 },
        { "thread", by_thread, stand_in_secret, 0 },
        { "name", by_name, NULL, 0 },
        { "scope", by_scope, NULL, 0 },
};

/* On a busy machine the thread beside may not have run at all, or not since it stopped at what is refused.
 */
static int is_starved(time_t begin) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return harmless == 0 && now.tv_sec - begin < 60;
}

static int run(const char *name, long tries) {
        for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++) {
                struct timespec begin;
                pthread_t thread;

                if (strcmp(attacks[i].name, name) != 0)
                        continue;
                stop = 0;
                refused = harmless = obtained = 0;
                if (attacks[i].beside)
                        pthread_create(&thread, NULL, attacks[i].beside, NULL);
                clock_gettime(CLOCK_MONOTONIC, &begin);
                for (long k = 0; k < tries || (attacks[i].harmless_too && is_starved(begin.tv_sec)); k++)
                        attacks[i].attack(k);
                stop = 1;
                if (attacks[i].beside)
                        pthread_join(thread, NULL);
                (void)!chdir(place);
                printf("%s: %ld refused, %ld harmless, %ld obtained\n", name, refused, harmless, obtained);
                fflush(stdout);
                return 0;
        }
        return 2;
}

int main(int argc, char **argv) {
        if (argc == 3 && strcmp(argv[1], "-l") == 0) {
                for (size_t i = 0; i < sizeof(attacks) / sizeof(attacks[0]); i++)
                        printf("%s\n", attacks[i].name);
                return 0;
        }
        if (argc < 4 || chdir(argv[1]) < 0 || !getcwd(place, sizeof(place)))
                return 2;
        for (int i = 3; i < argc; i++) {
                int r = run(argv[i], atol(argv[2]));

                if (r)
                        return r;
        }
        return 0;
}
