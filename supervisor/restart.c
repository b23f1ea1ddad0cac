/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The frame that rt_sigreturn will restore, and the one change made to it. Only x86_64 has been worked out;
 * elsewhere nothing is changed.
 *
 * The kernel does not keep the call's number in the frame (rax holds -EINTR), so it is read from the
 * instruction that set it: "mov $nr, %eax" or "mov $nr, %rax" right before "syscall", as every C library has
 * it. Where the bytes say something else, nothing is changed.
 */

#include "supervisor/restart.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>

bool restart_may_interrupt(uint32_t nr) {
        /* signal(7), "Interruption of system calls and library functions", and what waits in drivers. */
        static const uint16_t numbers[] = {
                SYS_read,
                SYS_readv,
                SYS_pread64,
                SYS_preadv,
                SYS_preadv2,
                SYS_write,
                SYS_writev,
                SYS_pwrite64,
                SYS_pwritev,
                SYS_pwritev2,
                SYS_openat,
                SYS_openat2,
                SYS_wait4,
                SYS_waitid,
                SYS_futex,
                SYS_ppoll,
                SYS_pselect6,
                SYS_epoll_pwait,
                SYS_nanosleep,
                SYS_clock_nanosleep,
                SYS_rt_sigsuspend,
                SYS_accept,
                SYS_accept4,
                SYS_connect,
                SYS_rt_sigtimedwait,
                SYS_recvfrom,
                SYS_recvmsg,
                SYS_recvmmsg,
                SYS_sendto,
                SYS_sendmsg,
                SYS_sendmmsg,
                SYS_flock,
                SYS_fcntl,
                SYS_semop,
                SYS_semtimedop,
                SYS_msgrcv,
                SYS_msgsnd,
                SYS_ioctl,
                SYS_io_getevents,
                SYS_mq_timedreceive,
                SYS_mq_timedsend,
                SYS_getrandom,
                SYS_splice,
                SYS_tee,
                SYS_vmsplice,
                SYS_sendfile,
                SYS_fallocate,
                SYS_fsync,
                SYS_fdatasync,
                SYS_copy_file_range,
                SYS_request_key,
                SYS_mount,
                SYS_ptrace,
                SYS_restart_syscall,
                SYS_io_uring_enter,
#ifdef SYS_open
                SYS_open,
                SYS_creat,
                SYS_poll,
                SYS_select,
                SYS_epoll_wait,
                SYS_pause,
#endif
        };

        for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
                if (numbers[i] == nr)
                        return true;
        return nr >= 441; /* newer than this list: epoll_pwait2 and later */
}

#ifdef __x86_64__

#define OFFSET_RAX offsetof(ucontext_t, uc_mcontext.gregs[REG_RAX])
#define OFFSET_RIP offsetof(ucontext_t, uc_mcontext.gregs[REG_RIP])
#define N_CODE     9 /* the longer "mov" (7 bytes) and "syscall" (2) */

#define LOOKS_MAX 200

/*
 * The stack pointer of a task that waits in a call: the last but one word of /proc/TID/syscall. "running"
 * there: since we received its call, the task has been woken up to sleep more deeply (WAIT_KILLABLE_RECV),
 * and does so right away.
 */
static uint64_t stack_pointer(const struct kernel *kernel, uint32_t tid) {
        for (int looks = 0; looks < LOOKS_MAX; looks++) {
                char text[512];
                long n = kernel->read_proc(kernel->data, tid, "syscall", text, sizeof(text) - 1, 0);
                uint64_t sp = 0, pc;
                int nr;

                if (n <= 0)
                        return 0;
                text[n] = 0;
                if (strncmp(text, "running", 7) == 0) {
                        if (looks < 10)
                                sched_yield();
                        else
                                nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
                        continue;
                }
                return sscanf(text, "%d %*x %*x %*x %*x %*x %*x %" SCNx64 " %" SCNx64, &nr, &sp, &pc) == 3 &&
                                       nr == SYS_rt_sigreturn
                               ? sp
                               : 0;
        }
        return 0;
}

static bool read_whole(const struct kernel *kernel, uint32_t tid, uint64_t address, void *to, size_t n) {
        return kernel->read_memory(kernel->data, tid, address, to, n) == (long)n;
}

/* The number that the code before rip loads, or -1. */
static int64_t number_before(const struct kernel *kernel, uint32_t tid, uint64_t rip) {
        uint8_t code[N_CODE];
        uint32_t nr;

        if (!read_whole(kernel, tid, rip - N_CODE, code, N_CODE) || code[7] != 0x0f || code[8] != 0x05)
                return -1;
        memcpy(&nr, code + 3, sizeof(nr));
        if (code[2] == 0xb8 || (code[0] == 0x48 && code[1] == 0xc7 && code[2] == 0xc0))
                return nr;
        return -1;
}

bool restart_interrupted(const struct kernel *kernel, int listener_fd, uint64_t id, uint32_t tid) {
        uint64_t sp = stack_pointer(kernel, tid), rax, rip;
        int64_t nr;

        /* At the entry of rt_sigreturn the stack pointer stands at the frame's ucontext. */
        if (sp == 0 || !read_whole(kernel, tid, sp + OFFSET_RAX, &rax, sizeof(rax)) ||
            !read_whole(kernel, tid, sp + OFFSET_RIP, &rip, sizeof(rip)))
                return false;
        if (rax != (uint64_t)-EINTR)
                return false;
        nr = number_before(kernel, tid, rip);
        if (nr < 0 || restart_may_interrupt((uint32_t)nr))
                return false;
        /* Still the task we looked at, and still waiting for us: nothing else runs on that stack now. */
        if (kernel->confirm(kernel->data, listener_fd, id) != 0)
                return false;
        rip -= 2;
        rax = (uint64_t)nr;
        return kernel->write_memory(kernel->data, tid, sp + OFFSET_RIP, &rip, sizeof(rip)) == sizeof(rip) &&
               kernel->write_memory(kernel->data, tid, sp + OFFSET_RAX, &rax, sizeof(rax)) == sizeof(rax);
}

#else

bool restart_interrupted(const struct kernel *kernel, int listener_fd, uint64_t id, uint32_t tid) {
        return false;
}

#endif
