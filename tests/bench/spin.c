/* SPDX-License-Identifier: Apache-2.0 */

/* A target for benches: N times getppid(2), as fast as it goes. */

#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char **argv) {
        long n = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;

        for (long i = 0; i < n; i++)
                syscall(SYS_getppid);
        return 0;
}
