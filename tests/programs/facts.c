/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What the system says of itself, through every call and layout that programs of this word size have.
 *
 *   facts uname|sysinfo|limits|affinity|statfs PATH|hwaddr NAME
 *   facts sender      forks a child that sends SIGUSR1, SIGRTMIN and a queued value; says who did
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

static void say_names(const char *call, const char *names, size_t n, size_t width) {
        printf("%s:", call);
        for (size_t i = 0; i < n; i++)
                printf(" [%s]", names + i * width);
        printf("\n");
}

static int say_uname(void) {
        char names[6 * 65];

        memset(names, 0, sizeof(names));
        if (syscall(SYS_uname, names) < 0)
                return 1;
        say_names("uname", names, 6, 65);
#ifdef SYS_olduname
        if (syscall(SYS_olduname, names) < 0)
                return 1;
        say_names("olduname", names, 5, 65);
        if (syscall(SYS_oldolduname, names) < 0)
                return 1;
        say_names("oldolduname", names, 5, 9);
#endif
        return 0;
}

static int say_sysinfo(void) {
        struct sysinfo info;

        if (sysinfo(&info) < 0)
                return 1;
        printf("total %llu free %llu swap %llu uptime %ld procs %d unit %u\n",
               (unsigned long long)info.totalram * info.mem_unit,
               (unsigned long long)info.freeram * info.mem_unit,
               (unsigned long long)info.totalswap * info.mem_unit, info.uptime, info.procs, info.mem_unit);
        return 0;
}

static int say_limits(void) {
        unsigned long raw[2];
        unsigned long long wide[2];

        if (syscall(SYS_getrlimit, RLIMIT_AS, raw) < 0)
                return 1;
        printf("getrlimit %lx %lx\n", raw[0], raw[1]);
#ifdef SYS_ugetrlimit
        if (syscall(SYS_ugetrlimit, RLIMIT_AS, raw) < 0)
                return 1;
        printf("ugetrlimit %lx %lx\n", raw[0], raw[1]);
#endif
        if (syscall(SYS_prlimit64, 0, RLIMIT_AS, NULL, wide) < 0)
                return 1;
        printf("prlimit64 %llx %llx\n", wide[0], wide[1]);
        return 0;
}

static int say_affinity(void) {
        unsigned char mask[128] = { 0 };
        long n;

        for (size_t size = 0; size <= 128; size = size ? size * 2 : 1) {
                n = syscall(SYS_sched_getaffinity, 0, size, mask);
                printf("%zu: %s\n", size, n < 0 ? strerror(errno) : n > 128 ? "long" : "fits");
        }
        n = 0;
        for (size_t i = 0; i < sizeof(mask); i++)
                n += __builtin_popcount(mask[i]);
        printf("processors %ld\n", n);
        return 0;
}

static int say_statfs(const char *path) {
        struct statfs fs;
        struct statfs64 fs64;
        int fd = open(path, O_RDONLY | O_CLOEXEC), r;

        r = statfs(path, &fs);
        printf("statfs %s", r < 0 ? strerror(errno) : "");
        if (r == 0)
                printf("type %lx size %llu free %llu", (unsigned long)fs.f_type,
                       (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_frsize,
                       (unsigned long long)fs.f_bavail * (unsigned long long)fs.f_frsize);
        r = fstatfs(fd, &fs);
        printf("\nfstatfs %s", r < 0 ? strerror(errno) : "");
        if (r == 0)
                printf("type %lx size %llu free %llu", (unsigned long)fs.f_type,
                       (unsigned long long)fs.f_blocks * (unsigned long long)fs.f_frsize,
                       (unsigned long long)fs.f_bavail * (unsigned long long)fs.f_frsize);
        r = statfs64(path, &fs64);
        printf("\nstatfs64 %s", r < 0 ? strerror(errno) : "");
        if (r == 0)
                printf("type %lx size %llu free %llu", (unsigned long)fs64.f_type,
                       (unsigned long long)fs64.f_blocks * (unsigned long long)fs64.f_frsize,
                       (unsigned long long)fs64.f_bavail * (unsigned long long)fs64.f_frsize);
        printf("\n");
        return 0;
}

static int say_hwaddr(const char *name) {
        struct ifreq request = { 0 };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
        if (ioctl(fd, SIOCGIFHWADDR, &request) < 0) {
                printf("%s\n", strerror(errno));
                return 1;
        }
        for (int i = 0; i < 6; i++)
                printf("%02x%s", (unsigned char)request.ifr_hwaddr.sa_data[i], i < 5 ? ":" : "\n");
        return 0;
}

/* Who sent it, as the receiver sees it. */
static int say_sender(void) {
        union sigval value = { .sival_int = 4711 };
        int numbers[] = { SIGUSR1, SIGRTMIN, SIGRTMIN + 1 };
        siginfo_t info;
        sigset_t set;
        pid_t child;

        sigemptyset(&set);
        for (int i = 0; i < 3; i++)
                sigaddset(&set, numbers[i]);
        sigprocmask(SIG_BLOCK, &set, NULL);
        child = fork();
        if (child == 0) {
                if (kill(getppid(), SIGUSR1) < 0 ||
                    syscall(SYS_tgkill, getppid(), getppid(), SIGRTMIN) < 0 ||
                    sigqueue(getppid(), SIGRTMIN + 1, value) < 0)
                        _exit(errno);
                _exit(0);
        }
        for (int i = 0; i < 3; i++) {
                struct timespec patience = { 60, 0 };
                int number = sigtimedwait(&set, &info, &patience);

                printf("%s from %s uid %s",
                       number == SIGUSR1    ? "USR1"
                       : number == SIGRTMIN ? "RTMIN"
                                            : "value",
                       info.si_pid == child ? "the child" : "somebody",
                       info.si_uid == getuid() ? "ours" : "other");
                if (number == SIGRTMIN + 1)
                        printf(" %d code %d", info.si_value.sival_int, info.si_code);
                printf("\n");
        }
        waitpid(child, NULL, 0);
        return 0;
}

int main(int argc, char **argv) {
        const char *what = argc > 1 ? argv[1] : "";

        if (strcmp(what, "uname") == 0)
                return say_uname();
        if (strcmp(what, "sysinfo") == 0)
                return say_sysinfo();
        if (strcmp(what, "limits") == 0)
                return say_limits();
        if (strcmp(what, "affinity") == 0)
                return say_affinity();
        if (strcmp(what, "statfs") == 0 && argc > 2)
                return say_statfs(argv[2]);
        if (strcmp(what, "hwaddr") == 0 && argc > 2)
                return say_hwaddr(argv[2]);
        if (strcmp(what, "sender") == 0)
                return say_sender();
        return 2;
}
