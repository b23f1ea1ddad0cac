/* SPDX-License-Identifier: Apache-2.0 */

/* A 32-bit program: files, sockets, a child, a thread. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void *thread_main(void *data) {
        *(int *)data = 42;
        return NULL;
}

int main(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "calls32.dir/nobody" };
        pthread_t thread;
        struct stat st;
        int answer = 0, status, fd;
        void *memory;

        printf("%zu-byte pointers\n", sizeof(void *));
        printf("mkdir %d\n", mkdir("calls32.dir", 0700));
        fd = open("calls32.dir/file", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
        printf("write %d\n", (int)write(fd, "hello", 5));
        printf("seek %d\n", (int)lseek(fd, -2, SEEK_END));
        status = stat("calls32.dir/file", &st);
        printf("stat %d size %d\n", status, (int)st.st_size);
        memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
        printf("mmap %d\n", memory != MAP_FAILED && memcmp(memory, "hello", 5) == 0);
        close(fd);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        status = connect(fd, (struct sockaddr *)&address, sizeof(address));
        printf("connect %d errno %d\n", status, errno);
        close(fd);
        pthread_create(&thread, NULL, thread_main, &answer);
        pthread_join(thread, NULL);
        printf("thread %d\n", answer);
        fflush(stdout);
        if (fork() == 0)
                _exit(7);
        printf("child %d\n", wait(&status) > 0 ? WEXITSTATUS(status) : -1);
        printf("unlink %d", unlink("calls32.dir/file"));
        printf(" rmdir %d\n", rmdir("calls32.dir"));
        return 19;
}
