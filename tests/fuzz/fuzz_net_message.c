/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A message in the memory of a task: its header, vectors and control data. The first byte says what kind of
 * task it is (enum manner); the rest is its memory, and the header stands at the beginning.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/emulate/net_message.h"

#define BASE        0x10000u
#define BYTES_MAX   0x7ffff000u
#define GATHER_MAX  65536u
#define CONTROL_MAX (1024u * 1024)

enum manner {
        MANNER_32_BIT = 1u << 0,
        MANNER_GONE = 1u << 1,   /* on the last look */
        MANNER_NO_FDS = 1u << 2, /* it has no descriptors */
        MANNER_CREDENTIALS = 1u << 3,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct task {
        const uint8_t *bytes;
        size_t n;
        unsigned manner;
};

static long read_memory(void *data, uint32_t tid, uint64_t address, void *buffer, size_t n) {
        const struct task *task = data;

        (void)tid;
        if (address < BASE || address - BASE >= task->n)
                return -EFAULT;
        if (n > task->n - (address - BASE))
                n = task->n - (address - BASE);
        memcpy(buffer, task->bytes + (address - BASE), n);
        return (long)n;
}

static long read_proc(void *data, uint32_t tid, const char *name, void *buffer, size_t n, long offset) {
        static const char status[] = "Name:\tx\nTgid:\t7\nNStgid:\t7\nUid:\t0\t1\t2\t3\nGid:\t0\t1\t2\t3\n";

        (void)data;
        (void)tid;
        if (strcmp(name, "status") != 0 || offset || n < sizeof(status))
                return -ENOENT;
        memcpy(buffer, status, sizeof(status) - 1);
        return sizeof(status) - 1;
}

static int confirm(void *data, int listener, uint64_t id) {
        const struct task *task = data;

        (void)listener;
        (void)id;
        return task->manner & MANNER_GONE ? -ENOENT : 0;
}

static int take_fd(void *data, uint32_t tid, int fd) {
        const struct task *task = data;

        (void)tid;
        return task->manner & MANNER_NO_FDS || fd > 64 ? -EBADF : fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

/* What our own call is given can be walked, and names no descriptor but those that were taken for it. */
static void check_control(const struct control *control) {
        struct msghdr header = { .msg_control = control->bytes, .msg_controllen = control->n };
        size_t n_fds = 0, n = 0;

        for (struct cmsghdr *at = CMSG_FIRSTHDR(&header); at; at = CMSG_NXTHDR(&header, at)) {
                const int *fds = (const int *)(const void *)CMSG_DATA(at);
                size_t n_data = at->cmsg_len - CMSG_LEN(0);

                n += CMSG_SPACE(n_data);
                if (at->cmsg_level != SOL_SOCKET || at->cmsg_type != SCM_RIGHTS)
                        continue;
                for (size_t i = 0; i < n_data / sizeof(int); i++)
                        if (n_fds >= control->n_fds || fds[i] != control->fds[n_fds++])
                                abort();
        }
        if (n != control->n || n_fds != control->n_fds || n > CONTROL_MAX)
                abort();
}

static void look(struct call *call, unsigned manner) {
        cleanup_message struct message message = { 0 };
        cleanup_control struct control control = { 0 };
        char *bytes;
        uint64_t n = 0;
        int r = message_read(call, BASE, &message);

        if (r != 0)
                return;
        if (message.n_parts > MESSAGE_VECTORS_MAX || message.n > BYTES_MAX)
                abort();
        for (size_t i = 0; i < message.n_parts; i++)
                n += message.parts[i].n;
        if (n != message.n)
                abort();
        if (n > GATHER_MAX)
                n = GATHER_MAX;
        bytes = malloc(n + 1);
        if (!bytes)
                abort();
        for (uint64_t from = 0; from < message.n && from < 3; from++)
                message_gather(call, &message, from, bytes, n > from ? n - from : 0);
        free(bytes);
        r = control_read(call, &message, &control);
        if (r == 0 && manner & MANNER_CREDENTIALS)
                r = control_add_credentials(call, &control);
        if (r == 0)
                check_control(&control);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static struct call call;
        struct task task;
        struct kernel kernel = {
                .confirm = confirm,
                .read_memory = read_memory,
                .read_proc = read_proc,
                .take_fd = take_fd,
                .data = &task,
        };
        int before, after;

        if (size < 1)
                return 0;
        task = (struct task){ data + 1, size - 1, data[0] };
        call_init(&call, NULL, &kernel, -1);
        call.tid = 7;
        call.arch = arch_by_any(task.manner & MANNER_32_BIT ? "x86" : "x86_64");
        before = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        fd_close(before);
        look(&call, task.manner);
        after = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
        fd_close(after);
        if (before != after)
                abort(); /* a descriptor was left open */
        call_deinit(&call);
        return 0;
}
