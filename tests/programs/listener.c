/* SPDX-License-Identifier: Apache-2.0 */

/* A program that wants to be a supervisor itself: asks for a seccomp listener and says what it was told. */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void) {
        struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        struct sock_fprog program = { 1, &allow };
        long r;

        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        errno = 0;
        r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
        printf("seccomp: %d errno %d\n", r < 0 ? -1 : 0, errno);
        return 0;
}
