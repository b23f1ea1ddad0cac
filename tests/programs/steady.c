/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Makes the same calls over and over, by itself and in children, and checks what each of them does: whoever
 * supervises it may come and go, and nothing may be refused, done twice or not at all.
 *
 *   steady [ROUNDS [FIFO]]     with FIFO, waits at the end until somebody opens it for writing
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int round_nr;

static void want(int well, const char *what) {
        if (well)
                return;
        printf("round %d: %s: %s\n", round_nr, what, strerror(errno));
        fflush(stdout);
        _exit(1);
}

static void files(const char *self) {
        char name[64], bytes[4];
        struct stat status;
        int fd;

        snprintf(name, sizeof(name), "steady-%d", getpid());
        fd = open(self, O_RDONLY | O_CLOEXEC);
        want(fd >= 0, "open");
        want(read(fd, bytes, 4) == 4 && memcmp(bytes, "\177ELF", 4) == 0, "read");
        want(close(fd) == 0, "close");
        want(stat(self, &status) == 0 && status.st_size > 0, "stat");
        /* Done twice, the second would fail. */
        want(mkdir(name, 0700) == 0, "mkdir");
        want(rmdir(name) == 0, "rmdir");
        errno = 0;
        want(access("no-such-file", R_OK) < 0 && errno == ENOENT, "access to what is not there");
}

static void pipes(void) {
        int fds[2];
        char byte = 0;

        want(pipe(fds) == 0, "pipe");
        want(write(fds[1], "x", 1) == 1 && read(fds[0], &byte, 1) == 1 && byte == 'x', "pipe's byte");
        want(close(fds[0]) == 0 && close(fds[1]) == 0, "close of a pipe");
}

static void children(void) {
        int status;
        pid_t parent = getpid(), child = fork();

        want(child >= 0, "fork");
        if (child == 0) {
                want(syscall(SYS_getppid) == parent, "getppid of the child");
                _exit(7);
        }
        want(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7,
             "waitpid");
}

int main(int argc, char **argv) {
        int rounds = argc > 1 ? atoi(argv[1]) : 100;
        pid_t parent = getppid();

        close(open("begun", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        for (round_nr = 0; round_nr < rounds; round_nr++) {
                want(syscall(SYS_getppid) == parent, "getppid");
                want(syscall(SYS_getpid) == getpid(), "getpid");
                files("/proc/self/exe");
                pipes();
                if (round_nr % 8 == 0)
                        children();
        }
        printf("%d rounds\n", round_nr);
        fflush(stdout);
        if (argc > 2)
                close(open(argv[2], O_RDONLY | O_CLOEXEC));
        return 0;
}
