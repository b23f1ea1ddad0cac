/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What is known about calls beforehand: those a recording never sees, those programs probe for, those a
 * container runtime makes itself. Rows only; learn_profile.c says what becomes of them.
 */

#include "policy/learn.h"

#include <errno.h>
#include <string.h>

#include "syscalls/names.h"

static const char interrupted[] =
        "a signal before its notification is received would make it fail with EINTR";
static const char unreturning[] = "it does not return, and every program ends with it";
static const char signal_frame[] = "the kernel's own way back from a signal";

const struct learn_assumed learn_assumed[] = {
        { .name = "clone",
          .reason = "a signal before its notification is received would make it fail with EINTR; only "
                    "creating "
                    "namespaces is recorded",
          .conditional = true,
          .index = 0,
          .mask = LEARN_CLONE_NAMESPACES },
        { .name = "close", .reason = interrupted },
        { .name = "exit", .reason = unreturning },
        { .name = "exit_group", .reason = unreturning },
        { .name = "fork", .reason = interrupted },
        { .name = "restart_syscall", .reason = "the kernel's own way to resume a call after a stop" },
        { .name = "rt_sigreturn", .reason = signal_frame },
        { .name = "sigreturn", .reason = signal_frame },
        { .name = "vfork", .reason = interrupted },
};
const size_t learn_assumed_n = sizeof(learn_assumed) / sizeof(learn_assumed[0]);

unsigned learn_assumed_index(const struct learn_assumed *row, const struct arch *arch) {
        bool swapped = arch && (!strcmp(arch->name, "s390") || !strcmp(arch->name, "s390x"));

        return row->conditional && swapped ? 1 - row->index : row->index;
}

/*
 * Each is tried by a C library, a language runtime or a common tool which falls back to an older call, or
 * does without, on ENOSYS, while EPERM is taken as the final answer by at least one of them.
 */
const struct learn_probe learn_probes[] = {
        { "cachestat", false },
        { "clone3", false },
        { "close_range", false },
        { "copy_file_range", false },
        { "epoll_pwait2", false },
        { "execveat", false },
        { "faccessat2", false },
        { "fchmodat2", false },
        { "fsconfig", false },
        { "fsmount", false },
        { "fsopen", false },
        { "fspick", false },
        { "futex_requeue", false },
        { "futex_wait", false },
        { "futex_waitv", false },
        { "futex_wake", false },
        { "getrandom", false },
        { "getxattrat", false },
        { "io_uring_enter", false },
        { "io_uring_register", false },
        { "io_uring_setup", false },
        { "landlock_add_rule", false },
        { "landlock_create_ruleset", false },
        { "landlock_restrict_self", false },
        { "listmount", false },
        { "listxattrat", false },
        { "lsm_get_self_attr", false },
        { "lsm_list_modules", false },
        { "lsm_set_self_attr", false },
        { "map_shadow_stack", false },
        { "membarrier", false },
        { "memfd_create", false },
        { "memfd_secret", false },
        { "mlock2", false },
        { "mount_setattr", false },
        { "move_mount", false },
        { "mseal", false },
        { "open_tree", false },
        { "openat2", false },
        { "pidfd_getfd", false },
        { "pidfd_open", false },
        { "pidfd_send_signal", false },
        { "pkey_alloc", false },
        { "pkey_free", false },
        { "pkey_mprotect", false },
        { "preadv2", false },
        { "process_madvise", false },
        { "process_mrelease", false },
        { "pwritev2", false },
        { "quotactl_fd", false },
        { "removexattrat", false },
        { "renameat2", false },
        { "rseq", false },
        { "set_mempolicy_home_node", false },
        { "setxattrat", false },
        { "statmount", false },
        { "statx", false },
        { "uretprobe", false },
        /* 32-bit C libraries try the calls with 64-bit time first. */
        { "clock_adjtime64", true },
        { "clock_getres_time64", true },
        { "clock_gettime64", true },
        { "clock_nanosleep_time64", true },
        { "clock_settime64", true },
        { "futex_time64", true },
        { "io_pgetevents_time64", true },
        { "mq_timedreceive_time64", true },
        { "mq_timedsend_time64", true },
        { "ppoll_time64", true },
        { "pselect6_time64", true },
        { "recvmmsg_time64", true },
        { "rt_sigtimedwait_time64", true },
        { "sched_rr_get_interval_time64", true },
        { "semtimedop_time64", true },
        { "timer_gettime64", true },
        { "timer_settime64", true },
        { "timerfd_gettime64", true },
        { "timerfd_settime64", true },
        { "utimensat_time64", true },
};
const size_t learn_probes_n = sizeof(learn_probes) / sizeof(learn_probes[0]);

#define RUNC     .runc = 1
#define CRUN     .crun = 1
#define EARLY    .early = 1
#define ANY_TIME .any_time = 1

/*
 * Seen by notifying every call of runc 1.1 and crun 1.8 after they loaded the filter, plus what the Go
 * runtime under runc does when its timers, threads or heap happen to want it, plus openat2 and statx, which
 * later versions of runc call in the same place.
 */
const struct learn_runtime_call learn_runtime_calls[] = {
        { "capget", RUNC, EARLY },
        { "capset", RUNC, CRUN, EARLY },
        { "chdir", RUNC, CRUN, EARLY },
        { "clone", RUNC },
        { "close", RUNC, CRUN },
        { "epoll_ctl", RUNC },
        { "epoll_pwait", RUNC, ANY_TIME },
        { "execve", RUNC, CRUN },
        { "exit", RUNC },
        { "exit_group", RUNC, CRUN },
        { "faccessat2", RUNC, EARLY },
        { "fcntl", RUNC, EARLY },
        { "fstat", RUNC },
        { "fstatfs", RUNC },
        { "futex", RUNC, ANY_TIME },
        { "getcwd", RUNC, EARLY },
        { "getdents64", RUNC },
        { "getpid", RUNC, ANY_TIME },
        { "getppid", RUNC, EARLY },
        { "gettid", RUNC, ANY_TIME },
        { "kill", CRUN },
        { "lseek", RUNC, EARLY },
        { "madvise", RUNC, ANY_TIME },
        { "mmap", RUNC, CRUN },
        { "munmap", RUNC, CRUN },
        { "nanosleep", RUNC, ANY_TIME },
        { "newfstatat", RUNC },
        { "openat", RUNC },
        { "openat2", RUNC },
        { "prctl", RUNC, CRUN, EARLY },
        { "read", RUNC, CRUN },
        { "rt_sigaction", RUNC, CRUN, EARLY },
        { "rt_sigprocmask", RUNC, CRUN, ANY_TIME },
        { "rt_sigreturn", RUNC, CRUN, ANY_TIME },
        { "sched_yield", RUNC, ANY_TIME },
        { "setgid", RUNC, EARLY },
        { "setgroups", RUNC, CRUN, EARLY },
        { "setresgid", CRUN, EARLY },
        { "setresuid", CRUN, EARLY },
        { "setuid", RUNC, EARLY },
        { "sigaltstack", RUNC, ANY_TIME },
        { "statx", RUNC },
        { "tgkill", RUNC, ANY_TIME },
        { "wait4", CRUN },
        { "write", RUNC, CRUN, ANY_TIME },
};
const size_t learn_runtime_calls_n = sizeof(learn_runtime_calls) / sizeof(learn_runtime_calls[0]);

int learn_runtime_by_name(const char *name, enum learn_runtime *ret) {
        static const struct {
                const char *name;
                enum learn_runtime runtime;
        } rows[] = {
                { "runc", LEARN_FOR_RUNC },
                { "crun", LEARN_FOR_CRUN },
                { "docker", LEARN_FOR_DOCKER },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (!strcmp(rows[i].name, name)) {
                        *ret = rows[i].runtime;
                        return 0;
                }
        return -ENOENT;
}

bool learn_runtime_needs(enum learn_runtime runtime, bool no_new_privs,
                         const struct learn_runtime_call *call) {
        switch (runtime) {
        case LEARN_FOR_NOTHING:
                return false;
        case LEARN_FOR_RUNC:
                return call->runc && !(call->early && no_new_privs);
        case LEARN_FOR_CRUN:
                return call->crun && !(call->early && no_new_privs);
        case LEARN_FOR_DOCKER:
                return call->runc;
        }
        return false;
}
