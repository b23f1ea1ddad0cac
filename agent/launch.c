/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The steps from fork to exec, in an order that has reasons:
 *
 *   parent                                child (shares the descriptor table, not the memory)
 *   ------                                -----
 *   find the program, build everything
 *   clone(CLONE_FILES)                    mounts, if any; then the program is looked for here
 *                                         restore signal state (these calls happen before the filter)
 *                                         seccomp(2): from here on, no call
 *   sees the listener's number            stores the listener's number, looks at `go`
 *   parts from the table                    …
 *   closes the listener in the old table    …
 *   hands the listener over                 …
 *   sets `go`                             execve
 *
 * Parting leaves the parent with a table of its own, so it may close what it likes without closing it for
 * the program. The child must not keep its copy until execve closes it: if the supervisor went away while
 * that very call waits for an answer, the listener would stay open and the call would wait for ever.
 */

#include "agent/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/mounts.h"
#include "base/error.h"
#include "base/fd.h"

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1ul << 5) /* kernel 5.19 */
#endif

extern char **environ;

/*
 * Looks at `go` before giving up, where the kernel does not tell the child that its parent was killed
 * between two lines: about ten seconds on an idle processor. The child cannot ask a clock, that might be a
 * call.
 */
#define GO_LOOKS (UINT64_C(1) << 28)

#define INSTALL_TIMEOUT_S 10

enum step {
        STEP_STARTED,
        STEP_INSTALLED,
        STEP_REFUSED, /* seccomp(2) failed with error */
        STEP_MOUNTS_FAILED,
        STEP_NOT_FOUND, /* the program, behind mounts: outcome and error */
        STEP_EXEC_FAILED,
};

/* Shared between the two; the child writes step last. */
struct launch_memory {
        _Atomic int step;
        _Atomic int go;
        int listener;
        int error;
        int killable;
        int no_new_privs;
        int outcome; /* of find_program() */
        char path[PATH_MAX];

        /* A list of one robust futex that the parent owns: whatever ends the parent, the kernel then writes
         * FUTEX_OWNER_DIED, where the child can see it without a call. */
        struct robust_list_head owned;
        struct robust_list link;
        _Atomic uint32_t owner; /* 0: not in use */
};

static void own(struct launch *launch) {
        struct launch_memory *memory = launch->memory;

        if (syscall(SYS_get_robust_list, 0, &launch->robust_list, &launch->robust_size) < 0)
                return;
        memory->owned.list.next = &memory->link;
        memory->owned.futex_offset =
                (long)offsetof(struct launch_memory, owner) - (long)offsetof(struct launch_memory, link);
        memory->link.next = &memory->owned.list;
        atomic_store(&memory->owner, (uint32_t)syscall(SYS_gettid));
        launch->owns = syscall(SYS_set_robust_list, &memory->owned, sizeof(memory->owned)) == 0;
        if (!launch->owns)
                atomic_store(&memory->owner, 0);
}

/* The list of the C library is in its place again. The child may still look: owner stays as it is. */
static void disown(struct launch *launch) {
        if (launch->owns)
                syscall(SYS_set_robust_list, launch->robust_list, launch->robust_size);
        launch->owns = false;
}

static bool is_orphan(struct launch_memory *memory, uint64_t looks) {
        uint32_t owner = atomic_load_explicit(&memory->owner, memory_order_relaxed);

        return owner ? owner & FUTEX_OWNER_DIED : looks >= GO_LOOKS;
}

/* ---- finding the program ---- */

static int examine(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        if (S_ISDIR(st.st_mode))
                return -EISDIR;
        return access(path, X_OK) < 0 ? -errno : 0;
}

/* As execvp(3): a name with a slash is a path; of several entries of PATH the first executable one counts,
 * and "permission denied" is remembered over "not found". */
static int find_program(const char *name, char **ret_path, int *ret_errno) {
        const char *path = getenv("PATH"), *end;
        int remembered = ENOENT;

        if (*name == 0) {
                *ret_errno = ENOENT;
                return LAUNCH_E_NOT_FOUND;
        }
        if (strchr(name, '/')) {
                int r = examine(name);

                *ret_path = strdup(name);
                if (!*ret_path)
                        return error_origin(-ENOMEM);
                *ret_errno = -r;
                return r == 0                          ? 0
                       : r == -ENOENT || r == -ENOTDIR ? LAUNCH_E_NOT_FOUND
                                                       : LAUNCH_E_NOT_EXECUTABLE;
        }
        if (!path)
                path = "/bin:/usr/bin";
        for (;; path = end + 1) {
                char *candidate;
                int r;

                end = strchrnul(path, ':');
                if (asprintf(&candidate, "%.*s%s%s", (int)(end - path), path, end == path ? "" : "/", name) <
                    0)
                        return error_origin(-ENOMEM);
                r = examine(candidate);
                if (r == 0) {
                        *ret_path = candidate;
                        return 0;
                }
                free(candidate);
                if (r == -EACCES)
                        remembered = EACCES;
                if (!*end)
                        break;
        }
        *ret_errno = remembered;
        return remembered == EACCES ? LAUNCH_E_NOT_EXECUTABLE : LAUNCH_E_NOT_FOUND;
}

/* ---- the child ---- */

struct plan {
        const struct launch_options *options;
        struct launch_memory *memory;
        const char *path;
        char **shell_argv; /* for a script without #!, as execvp(3) runs it */
        struct sock_fprog program;
};

static int install(const struct plan *plan, unsigned long flags) {
        if (!plan->options->filter)
                return 0;
        return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &plan->program);
}

__attribute__((noreturn)) static void child_fail(struct launch_memory *memory, enum step step) {
        atomic_store(&memory->step, step);
        _exit(1);
}

/* What a command's name leads to is known only in its own tree. */
static void child_mount(struct plan *plan) {
        struct launch_memory *memory = plan->memory;
        char *path = NULL;

        if (mounts_enter(plan->options->mounts) < 0)
                child_fail(memory, STEP_MOUNTS_FAILED);
        memory->outcome = find_program(plan->options->argv[0], &path, &memory->error);
        if (!memory->outcome && strlen(path) >= sizeof(memory->path)) {
                memory->outcome = LAUNCH_E_NOT_FOUND;
                memory->error = ENAMETOOLONG;
        }
        if (memory->outcome)
                child_fail(memory, STEP_NOT_FOUND);
        strcpy(memory->path, path);
        free(path);
        plan->path = plan->shell_argv[1] = memory->path;
}

/* With our own thread in mind (no instrumentation that might make calls) and nothing but raw steps. */
__attribute__((noreturn, noinline)) static void child_run(struct plan *plan) {
        struct launch_memory *memory = plan->memory;
        unsigned long flags = plan->options->filter_flags;
        int r;

        /* Before the filter: calls are free. */
        sigaction(SIGCHLD, plan->options->on_child, NULL);
        prctl(PR_SET_DUMPABLE, 1);
        if (plan->options->mounts)
                child_mount(plan);
        if (plan->options->listener)
                flags |= SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
        memory->killable = plan->options->listener;
        sigprocmask(SIG_SETMASK, plan->options->mask, NULL);

        /* no_new_privs only where it is needed: a privileged caller keeps set-uid programs working. */
        r = install(plan, flags);
        if (r < 0 && errno == EINVAL && memory->killable) {
                flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
                memory->killable = 0;
                r = install(plan, flags);
        }
        if (r < 0 && errno == EACCES) {
                prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
                memory->no_new_privs = 1;
                r = install(plan, flags);
                if (r < 0 && errno == EINVAL && memory->killable) {
                        flags &= ~SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
                        memory->killable = 0;
                        r = install(plan, flags);
                }
        }
        if (r < 0) {
                memory->error = errno;
                child_fail(memory, STEP_REFUSED);
        }

        /* Behind the filter: no calls until execve. */
        memory->listener = plan->options->listener ? r : -1;
        atomic_store(&memory->step, STEP_INSTALLED);
        for (uint64_t i = 0; !atomic_load_explicit(&memory->go, memory_order_acquire); i++) {
                if (is_orphan(memory, i))
                        __builtin_trap();
#if defined(__x86_64__) || defined(__i386__)
                __builtin_ia32_pause();
#endif
        }
        execve(plan->path, plan->options->argv, environ);
        if (errno == ENOEXEC)
                execve(plan->shell_argv[0], plan->shell_argv, environ);
        memory->error = errno;
        atomic_store(&memory->step, STEP_EXEC_FAILED);
        syscall(SYS_exit_group, 126);
        /* A filter that refuses even that. */
        __builtin_trap();
}

/* ---- the parent ---- */

static char **shell_arguments(const char *path, char *const *argv) {
        size_t n = 0;
        char **shell;

        while (argv[n])
                n++;
        shell = calloc(n + 3, sizeof(*shell));
        if (!shell)
                return NULL;
        shell[0] = (char *)(uintptr_t) "/bin/sh";
        shell[1] = (char *)(uintptr_t)path;
        for (size_t i = 1; i < n; i++)
                shell[i + 1] = argv[i];
        return shell;
}

static bool child_died(pid_t pid) {
        siginfo_t info = { 0 };

        return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* The child cannot wake us without a call, so look: often at first, then with naps. */
static int await_install(struct launch *launch) {
        struct timespec start, now;

        clock_gettime(CLOCK_MONOTONIC, &start);
        for (unsigned looks = 0; atomic_load(&launch->memory->step) == STEP_STARTED; looks++) {
                if (looks < 200)
                        sched_yield();
                else
                        usleep(100);
                if (looks % 64 == 63) {
                        if (child_died(launch->pid))
                                return atomic_load(&launch->memory->step) == STEP_STARTED ? LAUNCH_E_TIME
                                                                                          : 0;
                        clock_gettime(CLOCK_MONOTONIC, &now);
                        if (now.tv_sec - start.tv_sec > INSTALL_TIMEOUT_S)
                                return LAUNCH_E_TIME;
                }
        }
        return 0;
}

static int explain_refusal(struct launch *launch) {
        int error = launch->memory->error;

        if (error == EBUSY) {
                snprintf(launch->error, sizeof(launch->error),
                         "this process already has a seccomp listener (EBUSY): it runs under another "
                         "callgate or "
                         "a container runtime that supervises it; the kernel allows one per process");
                return LAUNCH_E_SUPERVISED;
        }
        snprintf(launch->error, sizeof(launch->error), "the kernel refused the filter: %s%s",
                 strerror(error), error == ENOSYS ? " (is seccomp blocked by an outer filter?)" : "");
        return LAUNCH_E_FILTER;
}

static int explain_not_found(struct launch *launch, const char *name, int r, int error) {
        if (r > 0)
                snprintf(launch->error, sizeof(launch->error), "%s: %s", name,
                         error == EISDIR ? "is a directory" : strerror(error));
        return r;
}

/* What the child says of the steps before its filter. */
static int examine_step(struct launch *launch, const struct launch_options *options) {
        struct launch_memory *memory = launch->memory;

        switch (atomic_load(&memory->step)) {
        case STEP_REFUSED:
                return explain_refusal(launch);
        case STEP_MOUNTS_FAILED:
                snprintf(launch->error, sizeof(launch->error), "%s", mounts_error(options->mounts));
                return LAUNCH_E_MOUNTS;
        case STEP_NOT_FOUND:
                return explain_not_found(launch, options->argv[0], memory->outcome, memory->error);
        default:
                return 0;
        }
}

/* ---- the table that the child keeps ---- */

struct remover {
        sem_t parted; /* our own table is another one */
        int fd;
};

static void *remove_fd(void *data) {
        struct remover *remover = data;

        while (sem_wait(&remover->parted) < 0)
                ;
        fd_close(remover->fd);
        return NULL;
}

/* Container runtimes' profiles refuse unshare(2), whatever it is to unshare. This closes nothing. */
static int unshare_by_closing(void) {
        return (int)syscall(SYS_close_range, ~0u, ~0u, CLOSE_RANGE_UNSHARE); /* kernel 5.9 */
}

/* Our table is our own from here on, and the child's is without the listener. Only a task that shares a
 * table can close something in it, so a thread stays behind there for a moment. */
static int part(int listener_fd) {
        struct remover remover = { .fd = listener_fd };
        pthread_t thread;
        int r;

        if (sem_init(&remover.parted, 0, 0) < 0)
                return error_origin(-errno);
        r = -pthread_create(&thread, NULL, remove_fd, &remover);
        if (!r) {
                if (unshare(CLONE_FILES) < 0 && unshare_by_closing() < 0) {
                        r = -errno;
                        remover.fd = -1; /* still ours, too */
                }
                sem_post(&remover.parted);
                pthread_join(thread, NULL);
        }
        sem_destroy(&remover.parted);
        return r ? error_origin(r) : 0;
}

/* ---- both ---- */

int launch_start(const struct launch_options *options, struct launch *launch) {
        struct plan plan = { .options = options };
        int r, error = 0;
        long pid;

        if (!options->mounts) {
                r = find_program(options->argv[0], &launch->path, &error);
                if (r)
                        return explain_not_found(launch, options->argv[0], r, error);
        }
        launch->memory = mmap(NULL, sizeof(*launch->memory), PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (launch->memory == MAP_FAILED) {
                launch->memory = NULL;
                return error_origin(-errno);
        }
        plan.shell_argv = shell_arguments(launch->path, options->argv);
        if (!plan.shell_argv)
                return error_origin(-ENOMEM);
        own(launch);
        plan.memory = launch->memory;
        plan.path = launch->path;
        if (options->filter)
                plan.program =
                        (struct sock_fprog){ (unsigned short)options->filter->n, options->filter->insns };

        /* Raw, because no C library function shares descriptors without sharing memory. */
        pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
        if (pid == 0)
                child_run(&plan);
        free(plan.shell_argv);
        if (pid < 0)
                return error_origin(-errno);
        launch->pid = (pid_t)pid;

        r = await_install(launch);
        if (!r)
                r = examine_step(launch, options);
        else
                snprintf(launch->error, sizeof(launch->error),
                         "the new process ended before its filter was installed");
        if (!r && options->mounts) {
                launch->path = strdup(launch->memory->path);
                r = launch->path ? 0 : error_origin(-ENOMEM);
        }
        if (!r) {
                launch->listener_fd = launch->memory->listener;
                launch->killable = launch->memory->killable;
                launch->no_new_privs = launch->memory->no_new_privs;
        }
        if (!r)
                r = part(launch->listener_fd);
        if (r)
                launch_abort(launch);
        return error_trace(r);
}

void launch_go(struct launch *launch) {
        atomic_store_explicit(&launch->memory->go, 1, memory_order_release);
        disown(launch);
}

void launch_abort(struct launch *launch) {
        disown(launch);
        launch->listener_fd = fd_close(launch->listener_fd);
        if (launch->pid <= 0)
                return;
        kill(launch->pid, SIGKILL);
        while (waitpid(launch->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        launch->pid = -1;
}

int launch_executed(struct launch *launch) {
        int error;

        if (atomic_load(&launch->memory->step) != STEP_EXEC_FAILED)
                return 0;
        error = launch->memory->error;
        snprintf(launch->error, sizeof(launch->error), "%s: %s", launch->path,
                 error == ENOENT ? "its interpreter was not found" : strerror(error));
        return error == ENOENT ? LAUNCH_E_NOT_FOUND : LAUNCH_E_NOT_EXECUTABLE;
}

void launch_deinit(struct launch *launch) {
        disown(launch);
        launch->listener_fd = fd_close(launch->listener_fd);
        if (launch->memory)
                munmap(launch->memory, sizeof(*launch->memory));
        free(launch->path);
        *launch = LAUNCH_INIT;
}
