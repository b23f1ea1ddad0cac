/* SPDX-License-Identifier: Apache-2.0 */

/* The scripted kernel. It checks what the real one checks: ids are answered once, and only those received.
 */

#include "tests/fakes/fake_kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static bool fake_is_listener(void *data, int fd) {
        (void)data;
        return fd >= 0;
}

static int fake_receive(void *data, int listener, union kernel_notif *ret_notif) {
        struct fake_kernel *fake = data;
        struct fake_call *call;
        int r = fake->receive_error;

        if (r) {
                fake->receive_error = 0;
                return r;
        }
        if (fake->next == fake->n_calls)
                return -ENOENT;
        call = &fake->calls[fake->next++];
        if (call->fate == FAKE_ABORTED)
                return -ENOENT;
        ret_notif->notif = call->notif;
        return 0;
}

static struct fake_call *find(struct fake_kernel *fake, uint64_t id) {
        for (size_t i = 0; i < fake->next; i++)
                if (fake->calls[i].notif.id == id)
                        return &fake->calls[i];
        return NULL;
}

static int fake_answer(void *data, int listener, const struct seccomp_notif_resp *response) {
        struct fake_kernel *fake = data;
        struct fake_call *call = fake->next ? &fake->calls[fake->next - 1] : NULL;

        if (!call || call->notif.id != response->id)
                call = find(fake, response->id);
        if (!call || call->fate == FAKE_ABORTED) {
                fake->n_unknown_answers++;
                return -ENOENT;
        }
        if ((response->flags & SECCOMP_USER_NOTIF_FLAG_CONTINUE) && (response->error || response->val))
                return -EINVAL;
        if (call->fate != FAKE_LIVES)
                return -ENOENT;
        if (call->answered)
                return -EINPROGRESS;
        call->answered = true;
        call->answer = *response;
        return 0;
}

static int fake_confirm(void *data, int listener, uint64_t id) {
        struct fake_kernel *fake = data;
        struct fake_call *call = find(fake, id);

        fake->n_confirms++;
        return !call || call->answered || call->fate == FAKE_ABORTED || call->fate == FAKE_GONE_AT_CONFIRM
                       ? -ENOENT
                       : 0;
}

static int fake_peek(void *data, int listener) {
        struct fake_kernel *fake = data;
        int seen = fake->next == fake->n_calls ? POLLHUP : POLLIN;

        for (size_t i = 0; i < fake->next && !(seen & POLLOUT); i++)
                if (fake->calls[i].fate == FAKE_LIVES && !fake->calls[i].answered)
                        seen |= POLLOUT;
        return seen;
}

static int fake_sync_wake_up(void *data, int listener) {
        return -EINVAL; /* as kernels before 6.6 */
}

static long fake_read_memory(void *data, uint32_t tid, uint64_t address, void *buffer, size_t n) {
        struct fake_kernel *fake = data;

        fake->n_memory_reads++;
        if (address < FAKE_MEMORY_BASE || address >= FAKE_MEMORY_BASE + sizeof(fake->memory))
                return -EFAULT;
        address -= FAKE_MEMORY_BASE;
        if (n > sizeof(fake->memory) - address)
                n = sizeof(fake->memory) - address;
        memcpy(buffer, fake->memory + address, n);
        return (long)n;
}

static long fake_write_memory(void *data, uint32_t tid, uint64_t address, const void *buffer, size_t n) {
        struct fake_kernel *fake = data;

        if (address < FAKE_MEMORY_BASE || address - FAKE_MEMORY_BASE > sizeof(fake->memory) - n)
                return -EFAULT;
        memcpy(fake->memory + (address - FAKE_MEMORY_BASE), buffer, n);
        return (long)n;
}

static const char *proc_of(const struct fake_kernel *fake, uint32_t tid, const char *name) {
        for (size_t i = 0; i < fake->n_procs; i++)
                if (fake->procs[i].tid == tid && strcmp(fake->procs[i].name, name) == 0)
                        return fake->procs[i].contents;
        return NULL;
}

static long fake_read_proc(void *data, uint32_t tid, const char *name, void *buffer, size_t n, long offset) {
        struct fake_kernel *fake = data;
        const char *contents = proc_of(fake, tid, name);
        size_t length;

        if (contents)
                ;
        else if (strcmp(name, "comm") == 0) {
                fake->n_comm_reads++;
                contents = fake->comm;
        } else if (strcmp(name, "status") == 0)
                contents = fake->status;
        else if (strcmp(name, "maps") == 0)
                contents = fake->maps;
        else if (strcmp(name, "syscall") == 0)
                contents = fake->syscall;
        else if (strcmp(name, "auxv") == 0 && fake->auxv && offset == 0) {
                memcpy(buffer, fake->auxv, fake->n_auxv < n ? fake->n_auxv : n);
                return (long)fake->n_auxv;
        }
        if (!contents)
                return -ENOENT;
        length = strlen(contents);
        if ((size_t)offset >= length)
                return 0;
        length -= (size_t)offset;
        if (length > n)
                length = n;
        memcpy(buffer, contents + offset, length);
        return (long)length;
}

static long fake_read_link(void *data, uint32_t tid, const char *name, char *buffer, size_t n) {
        struct fake_kernel *fake = data;
        const char *target = proc_of(fake, tid, name);
        size_t length;

        if (!target)
                target = strcmp(name, "exe") == 0 ? fake->exe : strcmp(name, "cwd") == 0 ? "/srv" : NULL;
        length = target ? strlen(target) : 0;

        if (!target)
                return -ENOENT;
        if (length > n - 1)
                length = n - 1;
        memcpy(buffer, target, length);
        buffer[length] = 0;
        return (long)length;
}

/* Never back, whichever threads ask at the same time. */
static uint64_t fake_now(void *data) {
        struct fake_kernel *fake = data;

        return __atomic_add_fetch(&fake->now_ns, 1000, __ATOMIC_RELAXED);
}

static int fake_add_fd(void *data, int listener, uint64_t id, int fd, int fd_at, bool cloexec, bool send) {
        struct fake_kernel *fake = data;
        struct seccomp_notif_resp response = { .id = id, .val = fd_at >= 0 ? fd_at : 40 };
        int r = 0;

        (void)cloexec;
        if (fake->add_error)
                return fake->add_error;
        if (send)
                r = fake_answer(data, listener, &response);
        if (r)
                return r;
        if (fake->n_added < sizeof(fake->added_fds) / sizeof(fake->added_fds[0]))
                fake->added_fds[fake->n_added++] = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        fake->added_at = fd_at;
        return (int)response.val;
}

static int copy_of(int fd) {
        int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);

        return copy < 0 ? -EBADF : copy;
}

static int fake_open_proc(void *data, uint32_t tid, const char *name, int flags) {
        struct fake_kernel *fake = data;

        (void)tid, (void)name, (void)flags;
        return copy_of(fake->proc_fd);
}

static int fake_take_fd(void *data, uint32_t tid, int fd) {
        struct fake_kernel *fake = data;

        (void)tid, (void)fd;
        return copy_of(fake->task_fd);
}

static int fake_limit(void *data, uint32_t tid, int resource, const struct rlimit64 *set,
                      struct rlimit64 *ret_old) {
        struct fake_kernel *fake = data;

        if (fake->limit_error || resource != RLIMIT_LOCKS)
                return fake->limit_error ? fake->limit_error : -EINVAL;
        if (ret_old)
                *ret_old = (struct rlimit64){ fake->limits[tid % FAKE_TASKS].soft,
                                              fake->limits[tid % FAKE_TASKS].hard };
        if (!set)
                return 0;
        if (set->rlim_cur > set->rlim_max)
                return -EINVAL;
        if (set->rlim_max > fake->limits[tid % FAKE_TASKS].hard)
                return -EPERM;
        fake->limits[tid % FAKE_TASKS].soft = set->rlim_cur;
        fake->limits[tid % FAKE_TASKS].hard = set->rlim_max;
        return 0;
}

static int fake_kill(void *data, uint32_t tid) {
        struct fake_kernel *fake = data;

        (void)tid;
        fake->n_killed++;
        return 0;
}

void fake_kernel_init(struct fake_kernel *fake) {
        memset(fake, 0, sizeof(*fake));
        fake->kernel = (struct kernel){
                .is_listener = fake_is_listener,
                .receive = fake_receive,
                .answer = fake_answer,
                .confirm = fake_confirm,
                .peek = fake_peek,
                .sync_wake_up = fake_sync_wake_up,
                .read_memory = fake_read_memory,
                .write_memory = fake_write_memory,
                .read_proc = fake_read_proc,
                .read_link = fake_read_link,
                .add_fd = fake_add_fd,
                .open_proc = fake_open_proc,
                .take_fd = fake_take_fd,
                .limit = fake_limit,
                .kill = fake_kill,
                .now = fake_now,
                .data = fake,
        };
        fake->calls = calloc(FAKE_CALLS_MAX, sizeof(*fake->calls));
        fake->next_id = 0xfffffffffffffff0u; /* real ids start anywhere and wrap */
        fake->now_ns = 1700000000000000000u;
        fake->proc_fd = fake->task_fd = -1;
        memset(fake->limits, 0xff, sizeof(fake->limits)); /* none: infinity */
        fake->comm = "nginx\n";
        fake->status = "Name:\tTgid:\t1\nUmask:\t0022\nTgid:\t812\nUid:\t33\t33\t33\t33\n";
        fake->maps = "400000-401000 r-xp 00001000 fe:00 42       /usr/sbin/nginx\n";
        fake->exe = "/usr/sbin/nginx";
}

void fake_kernel_deinit(struct fake_kernel *fake) {
        for (unsigned i = 0; i < fake->n_added; i++)
                close(fake->added_fds[i]);
        fake->n_added = 0;
        free(fake->calls);
        fake->calls = NULL;
}

struct fake_call *fake_kernel_call(struct fake_kernel *fake, uint32_t tid, uint32_t arch, int nr,
                                   const uint64_t args[6], enum fake_fate fate) {
        struct fake_call *call;

        if (fake->n_calls == FAKE_CALLS_MAX)
                abort();
        call = &fake->calls[fake->n_calls++];
        call->notif = (struct seccomp_notif){ .id = fake->next_id++, .pid = tid };
        call->notif.data = (struct seccomp_data){ .nr = nr, .arch = arch, .instruction_pointer = 0x400010 };
        if (args)
                memcpy(call->notif.data.args, args, sizeof(call->notif.data.args));
        call->fate = fate;
        return call;
}

int fake_kernel_receive(struct fake_kernel *fake, struct seccomp_notif *ret) {
        union kernel_notif buffer = { 0 };
        int r = fake->kernel.receive(fake->kernel.data, -1, &buffer);

        *ret = buffer.notif;
        return r;
}
