/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tries to change what lies in DIR/secret, although a policy refuses it, by changing what a path means while
 * the call is looked at. Whether it came through is seen in DIR/secret, not here.
 *
 *      attack_trees DIR TRIES link|text|exchange|dirfd [both]
 *
 * both: goes on until calls were carried out and calls were refused: on a busy machine the thread that flips
 * may not have run yet.
 *
 * DIR holds secret/ and open/ with a file "victim" each, and "way", a symbolic link to open.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#define FLIPPED 40

static volatile int stop;
static char place[16] = "way"; /* what paths begin with: "way", or flipped between "open" and "secr" */
static char paths[2][4096];
static long done_calls, failed_calls, refused_calls;

static void tell(long r) {
        if (r >= 0)
                done_calls++;
        else if (errno == EACCES)
                refused_calls++;
        else
                failed_calls++;
}

static int is_starved(void) {
        static time_t begin;
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        if (begin == 0)
                begin = now.tv_sec;
        return (done_calls == 0 || refused_calls == 0) && now.tv_sec - begin < 60;
}

static void *flip_link(void *unused) {
        (void)unused;
        for (long i = 0; !stop; i++) {
                unlink("new");
                if (symlink(i % 2 ? "secret" : "open", "new") == 0)
                        rename("new", "way");
        }
        return NULL;
}

/* The text itself: "./open/…" and "secret/…" are equally long. */
static void *flip_text(void *unused) {
        (void)unused;
        for (long i = 0; !stop; i++)
                for (int k = 0; k < 2; k++)
                        if (strncmp(paths[k], "./open/", 7) == 0)
                                memcpy(paths[k], "secret/", 7);
                        else if (strncmp(paths[k], "secret/", 7) == 0)
                                memcpy(paths[k], "./open/", 7);
        return NULL;
}

static void *flip_exchange(void *unused) {
        (void)unused;
        while (!stop)
                syscall(SYS_renameat2, AT_FDCWD, "way", AT_FDCWD, "other", RENAME_EXCHANGE);
        return NULL;
}

static void *flip_dirfd(void *unused) {
        int fds[2] = { open("open", O_PATH | O_DIRECTORY), open("secret", O_PATH | O_DIRECTORY) };

        (void)unused;
        for (long i = 0; !stop; i++)
                dup2(fds[i % 2], FLIPPED);
        return NULL;
}

static const char *path(int k, const char *name) {
        snprintf(paths[k], sizeof(paths[k]), "%s/%s", place, name);
        return paths[k];
}

static void by_path(long i) {
        char made[64], stolen[64];

        snprintf(made, sizeof(made), "made%ld", i % 7);
        snprintf(stolen, sizeof(stolen), "stolen%ld", i);
        tell(syscall(SYS_mkdir, path(0, made), 0755));
        tell(syscall(SYS_symlink, "nowhere", path(0, "link")));
        tell(syscall(SYS_mknod, path(0, "fifo"), S_IFIFO | 0600, 0));
        tell(syscall(SYS_chmod, path(0, "victim"), 0777));
        tell(syscall(SYS_truncate, path(0, "victim"), i % 5));
        tell(syscall(SYS_utimensat, AT_FDCWD, path(0, "victim"), NULL, 0));
        tell(syscall(SYS_setxattr, path(0, "victim"), "user.a", "x", 1, 0));
        tell(syscall(SYS_link, "source", path(1, "linked")));
        tell(syscall(SYS_link, path(0, "victim"), stolen));
        tell(syscall(SYS_rename, "source2", path(1, "moved")));
        tell(syscall(SYS_rename, path(0, "moved"), "source2"));
        tell(syscall(SYS_renameat2, AT_FDCWD, path(0, "victim"), AT_FDCWD, path(1, "renamed"), 0));
        tell(syscall(SYS_renameat2, AT_FDCWD, path(0, "renamed"), AT_FDCWD, path(1, "victim"), 0));
        tell(syscall(SYS_unlink, path(0, "victim")));
        tell(syscall(SYS_rmdir, path(0, made)));
        tell(syscall(SYS_unlink, path(0, "link")));
        tell(syscall(SYS_unlink, path(0, "fifo")));
        tell(syscall(SYS_unlink, path(0, "linked")));
        unlink(stolen);
        close(open("open/victim", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
        close(open("source2", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

static void by_dirfd(long i) {
        char made[64];

        snprintf(made, sizeof(made), "made%ld", i % 7);
        tell(syscall(SYS_mkdirat, FLIPPED, made, 0755));
        tell(syscall(SYS_symlinkat, "nowhere", FLIPPED, "link"));
        tell(syscall(SYS_fchmodat, FLIPPED, "victim", 0777));
        tell(syscall(SYS_fchownat, FLIPPED, "victim", -1, -1, 0));
        tell(syscall(SYS_utimensat, FLIPPED, "victim", NULL, 0));
        tell(syscall(SYS_linkat, AT_FDCWD, "source", FLIPPED, "linked", 0));
        tell(syscall(SYS_renameat, FLIPPED, "victim", FLIPPED, "renamed"));
        tell(syscall(SYS_renameat2, FLIPPED, "renamed", FLIPPED, "victim", RENAME_NOREPLACE));
        tell(syscall(SYS_unlinkat, FLIPPED, "victim", 0));
        tell(syscall(SYS_unlinkat, FLIPPED, made, AT_REMOVEDIR));
        tell(syscall(SYS_unlinkat, FLIPPED, "link", 0));
        tell(syscall(SYS_unlinkat, FLIPPED, "linked", 0));
        close(open("open/victim", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
}

int main(int argc, char **argv) {
        static const struct {
                const char *name;
                void *(*flip)(void *);
                void (*attack)(long);
                const char *place;
        } kinds[] = { { "link", flip_link, by_path, "way" },
                      { "text", flip_text, by_path, "./open" },
                      { "exchange", flip_exchange, by_path, "way" },
                      { "dirfd", flip_dirfd, by_dirfd, "way" } };
        long tries = argc > 3 ? atol(argv[2]) : 0;
        pthread_t thread;

        if (argc < 4 || chdir(argv[1]) < 0)
                return 2;
        for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
                if (strcmp(kinds[k].name, argv[3]) != 0)
                        continue;
                strcpy(place, kinds[k].place);
                if (kinds[k].flip == flip_exchange && symlink("secret", "other") < 0 && errno != EEXIST)
                        return 3;
                if (pthread_create(&thread, NULL, kinds[k].flip, NULL) != 0)
                        return 3;
                for (long i = 0; i < tries || (argc > 4 && is_starved()); i++)
                        kinds[k].attack(i);
                stop = 1;
                pthread_join(thread, NULL);
                printf("%ld done, %ld refused, %ld failed\n", done_calls, refused_calls, failed_calls);
                return 0;
        }
        return 2;
}
