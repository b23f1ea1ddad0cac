/* SPDX-License-Identifier: Apache-2.0 */

/* Calls of the 32-bit table made from 64-bit code, some with registers whose upper halves are not zero. */

#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static long int80(long number, long a, long b, long c) {
        long r;

        __asm__ volatile("int $0x80"
                         : "=a"(r)
                         : "a"(number), "b"(a), "c"(b), "d"(c)
                         : "memory", "r8", "r9", "r10", "r11");
        return r;
}

int main(void) {
        printf("getpid %d\n", int80(20, 0, 0, 0) == getpid());
        printf("close %ld\n", int80(6, -1, 0, 0));
        printf("umask %d\n", int80(60, 022, 0, 0) >= 0);
        /* lseek(0x1'ffffffff, …): the kernel takes 32 bits, a bad descriptor. */
        printf("lseek %ld\n", int80(19, 0x1ffffffffL, 0, 0));
        printf("dup2 %ld\n", int80(63, -5, 0x700000001L, 0));
        printf("getppid %d\n", syscall(SYS_getppid) == getppid());
        return 17;
}
