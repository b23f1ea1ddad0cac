/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of what loads a profile and what starts under it: things a container runtime refuses, calls without
 * which nothing gets to main(), answers that keep C libraries from falling back.
 */

#include "policy/check_internal.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/filter.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

static bool is_kill(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_KILL_THREAD || action == SECCOMP_RET_KILL_PROCESS;
}

int check_default(struct checker *checker) {
        uint32_t full = checker->flat->default_action, action = full & SECCOMP_RET_ACTION_FULL;
        const char *place = "defaultAction";
        bool refuses = false;
        int r = 0;

        for (size_t i = 0; i < checker->flat->n_rules; i++)
                refuses |= !check_lets_through(checker->flat->rules[i].action) ||
                           checker->flat->rules[i].action == SECCOMP_RET_USER_NOTIF;
        if (action == SECCOMP_RET_USER_NOTIF)
                r = check_find(checker, "notify-default", place,
                               "runc refuses SCMP_ACT_NOTIFY as the default; name the calls to notify in "
                               "rules");
        else if (action == SECCOMP_RET_KILL_THREAD)
                r = check_find(checker, "kill-thread", place,
                               "only the thread that made the call dies, and the rest of the program may "
                               "wait for it for ever; use SCMP_ACT_KILL_PROCESS, or SCMP_ACT_ERRNO");
        else if (action == SECCOMP_RET_KILL_PROCESS)
                r = check_find(checker, "kill-default", place,
                               "a program that dies tells nobody which call it was; use SCMP_ACT_ERRNO or "
                               "SCMP_ACT_LOG while the profile is being tried");
        else if (action == SECCOMP_RET_TRACE)
                r = check_find(checker, "trace-default", place,
                               "without a tracer every call that no rule names gets ENOSYS; use "
                               "SCMP_ACT_ERRNO, or SCMP_ACT_LOG to only watch");
        else if (action == SECCOMP_RET_LOG)
                r = check_find(checker, "log-default", place,
                               "calls that no rule names are logged but run; use SCMP_ACT_ERRNO once the "
                               "profile is complete");
        else if (full == SECCOMP_RET_ERRNO)
                r = check_find(checker, "pretend-default", place,
                               "errno 0 makes every call that no rule names look done although it is not; "
                               "give defaultErrnoRet, such as 1 (EPERM) or 38 (ENOSYS)");
        if (!r && action == SECCOMP_RET_ALLOW && !refuses)
                r = check_find(
                        checker, "nothing-refused", "syscalls",
                        "every call is allowed; add rules that refuse some, or leave the profile out");
        if (!r && !checker->flat->n_rules && !check_lets_through(action))
                r = check_find(checker, "nothing-allowed", "syscalls",
                               "no call is allowed, not even execve; add rules with SCMP_ACT_ALLOW");
        return error_trace(r);
}

int check_notify(struct checker *checker) {
        const struct profile *flat = checker->flat;
        bool notifies = flat->default_action == SECCOMP_RET_USER_NOTIF;
        int r = 0;

        for (size_t i = 0; !r && i < flat->n_rules; i++) {
                if (flat->rules[i].action != SECCOMP_RET_USER_NOTIF)
                        continue;
                notifies = true;
                if (rule_has_name(&flat->rules[i], "write"))
                        r = check_find(checker, "notify-write", flat->rules[i].place,
                                       "runc refuses SCMP_ACT_NOTIFY for write, which it needs itself after "
                                       "loading the filter; leave write out");
        }
        if (!r && notifies && !flat->listener_path)
                r = check_find(checker, "notify-without-listener", "listenerPath",
                               "calls are to be notified, but a container runtime is not told to whom; set "
                               "listenerPath");
        if (!r && !notifies && flat->listener_path)
                r = check_find(checker, "listener-without-notify", "listenerPath",
                               "no rule notifies, so nothing is ever sent there; add rules with "
                               "SCMP_ACT_NOTIFY, or remove it");
        if (!r && flat->listener_path && flat->listener_path[0] != '/')
                r = check_find(checker, "listener-not-absolute", "listenerPath",
                               "'%.80s' is not an absolute path, which crun refuses; write it from /",
                               flat->listener_path);
        if (!r && flat->listener_metadata && !flat->listener_path)
                r = check_find(checker, "metadata-without-listener", "listenerMetadata",
                               "listenerMetadata goes with listenerPath, which is not set; remove it");
        return error_trace(r);
}

int check_flags(struct checker *checker) {
        const struct profile *flat = checker->flat;
        bool notifies = flat->default_action == SECCOMP_RET_USER_NOTIF;
        int r = 0;

        for (size_t i = 0; i < flat->n_rules; i++)
                notifies |= flat->rules[i].action == SECCOMP_RET_USER_NOTIF;
        if (flat->flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV && !notifies)
                r = check_find(checker, "flag-without-notify", "flags",
                               "the kernel refuses SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV where nothing is "
                               "notified; remove it");
        if (!r && flat->flags)
                r = check_find(checker, "flags-of-newer-runtimes", "flags",
                               "runc 1.1 refuses every flag, and later ones take "
                               "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV from 1.5 on; leave flags out where "
                               "such a runtime is in use");
        return error_trace(r);
}

/* Without these a dynamically linked program does not reach main() or cannot leave it. C libraries differ in
 * which of two calls they use. */
int check_start(struct checker *checker) {
        static const struct {
                const char *name, *instead;
        } needed[] = {
                { "execve", NULL },
                { "brk", NULL },
                { "mmap", "mmap2" },
                { "mprotect", NULL },
                { "munmap", NULL },
                { "openat", "open" },
                { "read", NULL },
                { "close", NULL },
                { "newfstatat", "fstat" },
                { "arch_prctl", NULL },
                { "set_tid_address", NULL },
                { "exit_group", NULL },
                { "rt_sigreturn", NULL },
                { "futex", NULL },
        };
        /* Not for hello world, but before long, by one C library each. */
        static const struct {
                const char *name, *library;
        } wanted[] = {
                { "pread64", "glibc's loader" },
                { "set_robust_list", "glibc" },
                { "prlimit64", "glibc" },
                { "getrandom", "glibc's malloc" },
                { "rt_sigprocmask", "glibc and musl" },
                { "rt_sigaction", "glibc and musl" },
                { "writev", "musl's stdio" },
                { "readv", "musl's stdio" },
                { "write", "glibc's stdio" },
                { "ioctl", "stdio on terminals" },
                { "madvise", "malloc" },
                { "mremap", "malloc" },
                { "clone", "threads and processes" },
                { "tgkill", "abort" },
                { "lseek", "stdio" },
                { "fcntl", "stdio" },
        };
        const char *missing[sizeof(needed) / sizeof(needed[0])];
        char texts[sizeof(wanted) / sizeof(wanted[0])][48];
        const char *later[sizeof(wanted) / sizeof(wanted[0])];
        size_t n = 0, n_later = 0;
        int r = 0;

        if (!checker->flat->n_rules)
                return 0; /* said by check_default() */
        for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
                if (syscall_number(checker->context->arch, needed[i].name) >= 0 &&
                    check_refused(checker, needed[i].name) &&
                    (!needed[i].instead || check_refused(checker, needed[i].instead)))
                        missing[n++] = needed[i].name;
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
                if (syscall_number(checker->context->arch, wanted[i].name) >= 0 &&
                    check_refused(checker, wanted[i].name)) {
                        snprintf(texts[n_later], sizeof(texts[0]), "%s (%s)", wanted[i].name,
                                 wanted[i].library);
                        later[n_later] = texts[n_later];
                        n_later++;
                }
        if (n)
                r = check_names(checker, "start-call-missing", "syscalls", missing, n,
                                "almost every program needs %s to start or to end; allow them");
        if (!r && n_later)
                r = check_names(checker, "library-call-missing", "syscalls", later, n_later,
                                "C libraries make calls that are refused: %s; allow those of the library in "
                                "use");
        return error_trace(r);
}

static int check_one_runtime(struct checker *checker, enum learn_runtime runtime, const char *id,
                             const char *title) {
        const char **missing = calloc(learn_runtime_calls_n, sizeof(*missing));
        struct buf sentence = BUF_INIT(0);
        size_t n = 0;
        int r = 0;

        if (!missing)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < learn_runtime_calls_n; i++) {
                const struct learn_runtime_call *call = &learn_runtime_calls[i];

                if (learn_runtime_needs(runtime, checker->options->no_new_privs, call) &&
                    syscall_number(checker->context->arch, call->name) >= 0 &&
                    check_refused(checker, call->name))
                        missing[n++] = call->name;
        }
        if (n) {
                buf_printf(&sentence,
                           "%s itself makes %%s between loading the filter%s and starting the program, so "
                           "the container may not start; allow them where it is used",
                           title, checker->options->no_new_privs ? " (with no_new_privs)" : "");
                r = check_names(checker, id, "syscalls", missing, n, buf_string(&sentence));
        }
        buf_deinit(&sentence);
        free(missing);
        return error_trace(r);
}

/* When nobody says which runtime it is for, what two of them need is worth a note and no more. */
int check_runtime(struct checker *checker) {
        int r;

        if (!checker->flat->n_rules)
                return 0;
        switch (checker->options->runtime) {
        case LEARN_FOR_RUNC:
        case LEARN_FOR_DOCKER:
                return error_trace(check_one_runtime(checker, checker->options->runtime,
                                                     "runtime-call-missing", "runc"));
        case LEARN_FOR_CRUN:
                return error_trace(
                        check_one_runtime(checker, LEARN_FOR_CRUN, "runtime-call-missing", "crun"));
        case LEARN_FOR_NOTHING:
                break;
        }
        r = check_one_runtime(checker, LEARN_FOR_RUNC, "runtime-may-need", "runc");
        if (!r)
                r = check_one_runtime(checker, LEARN_FOR_CRUN, "runtime-may-need", "crun");
        return error_trace(r);
}

/* A call that is refused in another way than by ENOSYS, and by which place. */
static bool fallback_broken(const struct checker *checker, const struct arch *arch, const char *name,
                            struct match *ret) {
        static const uint64_t zeros[6];
        int nr = syscall_number(arch, name);

        if (nr < 0)
                return false;
        match_call(checker->flat, arch->audit, (uint32_t)nr, zeros, ret);
        if (ret->on_arguments)
                return false;
        return is_kill(ret->action) || ((ret->action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
                                        (ret->action & SECCOMP_RET_DATA) != ENOSYS);
}

static const char *const probed[] = {
        "clone3",         "openat2",         "faccessat2", "statx",      "fchmodat2",
        "close_range",    "epoll_pwait2",    "rseq",       "pidfd_open", "futex_waitv",
        "io_uring_setup", "copy_file_range", "membarrier", "getrandom",  "memfd_create",
};

bool check_is_fallback(const char *name) {
        for (size_t i = 0; i < sizeof(probed) / sizeof(probed[0]); i++)
                if (!strcmp(probed[i], name))
                        return true;
        return false;
}

/* Programs and C libraries try these first and fall back to older calls on ENOSYS only. */
static int check_fallbacks_by(struct checker *checker) {
        enum { N = sizeof(probed) / sizeof(probed[0]) };
        const char *places[N], *names[N];
        bool kills[N];
        int r = 0;

        for (size_t i = 0; i < N; i++) {
                struct match match;

                places[i] = fallback_broken(checker, checker->context->arch, probed[i], &match) ? match.place
                                                                                                : NULL;
                kills[i] = is_kill(match.action);
        }
        for (size_t i = 0; !r && i < N; i++) {
                const char *place = places[i];
                bool kill = kills[i];
                size_t n = 0;

                if (!place)
                        continue;
                for (size_t j = i; j < N; j++)
                        if (places[j] && !strcmp(places[j], place)) {
                                names[n++] = probed[j];
                                places[j] = NULL;
                        }
                r = check_names(
                        checker, "errno-breaks-fallback", place, names, n,
                        kill ? "programs that try %s die instead of falling back to older calls, which they "
                               "do on ENOSYS only; refuse them with SCMP_ACT_ERRNO and errnoRet 38"
                             : "programs that try %s fall back to older calls on ENOSYS only; refuse them "
                               "with SCMP_ACT_ERRNO and errnoRet 38");
        }
        return error_trace(r);
}

/* The same for 64-bit time on the 32-bit architectures of the profile, where every look at the clock is
 * such a try. */
static int check_time64(struct checker *checker) {
        const char **names = calloc(learn_probes_n, sizeof(*names));
        struct buf sentence = BUF_INIT(0);
        const struct arch *where = NULL;
        struct match match;
        size_t n = 0;
        int r = 0;

        if (!names)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < checker->flat->n_archs; i++) {
                const struct arch *arch = checker->flat->archs[i].arch;

                if (where || arch->bits != 32 || syscall_number(arch, "clock_gettime64") < 0)
                        continue;
                for (size_t j = 0; j < learn_probes_n; j++)
                        if (learn_probes[j].time64 &&
                            fallback_broken(checker, arch, learn_probes[j].name, &match))
                                names[n++] = learn_probes[j].name;
                where = n ? arch : NULL;
        }
        if (n) {
                buf_printf(&sentence,
                           "on %s C libraries try %%s first and fall back to the calls with 32-bit time on "
                           "ENOSYS only; allow them, or refuse them with errnoRet 38",
                           where->name);
                r = check_names(checker, "errno-breaks-time64", "syscalls", names, n, buf_string(&sentence));
        }
        buf_deinit(&sentence);
        free(names);
        return error_trace(r);
}

int check_fallbacks(struct checker *checker) {
        int r;

        if (!checker->flat->n_rules)
                return 0;
        r = check_fallbacks_by(checker);
        if (!r)
                r = check_time64(checker);
        return error_trace(r);
}
