/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A referee: loads a filter written by hand, instruction by instruction, and executes a command under it. No
 * library, no code of callgate. Native architecture only.
 *
 *   underfilter DEFAULT [NUMBER=ACTION…] -- COMMAND [ARGUMENT…]      actions as SECCOMP_RET_* values in hex
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
        struct sock_filter insns[512];
        unsigned short n = 0;
        struct sock_fprog program;
        int i;

        if (argc < 4)
                return 2;
        insns[n++] =
                (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
        for (i = 2; i < argc && strcmp(argv[i], "--") != 0 && n < 500; i++) {
                char *end;
                unsigned number = (unsigned)strtoul(argv[i], &end, 0);

                if (*end != '=')
                        return 2;
                insns[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
                insns[n++] =
                        (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (unsigned)strtoul(end + 1, NULL, 16));
        }
        insns[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (unsigned)strtoul(argv[1], NULL, 16));
        if (i + 1 >= argc)
                return 2;
        program = (struct sock_fprog){ n, insns };
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
            syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0) {
                perror("underfilter");
                return 2;
        }
        execvp(argv[i + 1], argv + i + 1);
        return errno == ENOENT ? 127 : 126;
}
