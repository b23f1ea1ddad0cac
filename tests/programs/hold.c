/* SPDX-License-Identifier: Apache-2.0 */

/*
 * hold FILE: works until FILE.stop exists, making calls of many kinds all the while, in three processes.
 * Then writes "done" and how often a call failed that must not fail into FILE.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int stop_wanted(const char *path) {
        return access(path, F_OK) == 0;
}

/* One round of calls; the number of wrong outcomes. */
static int work(void) {
        int wrong = 0, pair[2], status;
        char byte = 'x';
        struct stat st;
        pid_t pid;
        int fd = open("/dev/null", O_RDWR);

        if (fd < 0)
                return 1;
        wrong += write(fd, &byte, 1) != 1;
        wrong += close(fd) != 0;
        wrong += stat("/proc/self", &st) != 0;
        if (pipe(pair) < 0)
                return wrong + 1;
        pid = fork();
        if (pid == 0)
                _exit(write(pair[1], &byte, 1) == 1 ? 0 : 1);
        close(pair[1]);
        wrong += pid < 0;
        wrong += read(pair[0], &byte, 1) != 1;
        close(pair[0]);
        if (pid > 0)
                wrong += waitpid(pid, &status, 0) != pid || status != 0;
        return wrong;
}

int main(int argc, char **argv) {
        char stop[4096];
        int wrong = 0, status;
        FILE *file;

        if (argc < 2)
                return 2;
        snprintf(stop, sizeof(stop), "%s.stop", argv[1]);
        for (int i = 0; i < 2; i++)
                if (fork() == 0) {
                        while (!stop_wanted(stop))
                                wrong += work();
                        _exit(wrong > 200 ? 200 : wrong);
                }
        while (!stop_wanted(stop))
                wrong += work();
        while (wait(&status) > 0)
                wrong += WIFEXITED(status) ? WEXITSTATUS(status) : 1;
        file = fopen(argv[1], "w");
        if (!file)
                return 3;
        fprintf(file, "done, %d wrong\n", wrong);
        fclose(file);
        return wrong != 0;
}
