/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Members of a session. Times are clock ticks (10 ms) after boot, as /proc/TID/stat has them: a task that
 * started no later than a number was seen in use is the one that used it, since a number has one owner at a
 * time. Within one tick the two cannot be told apart; the numbers would have to go round once in it.
 */

#include "supervisor/members.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/call.h"

#define SLOTS           32768 /* direct-mapped by tid; as many as there are numbers where pid_max is the default */
#define DEPTH_MAX       64   /* of a chain of parents */
#define THREADS_MAX     4096 /* of a process that are looked through for one that was seen */
#define SLOT(tid, tick) ((uint64_t)(tid) << 40 | ((tick)&SLOT_TICK)) /* numbers have 22 bits */
#define SLOT_TICK       ((1ull << 40) - 1)
#define TICK_NS         10000000u /* USER_HZ is 100 on every architecture we know */

/* Kernel 6.11: a number of that namespace in the caller's. */
#ifndef NS_GET_PID_FROM_PIDNS
#define NS_GET_PID_FROM_PIDNS _IOR(0xb7, 0x6, int)
#endif

struct members {
        const struct kernel *kernel;
        uint32_t launcher;
        uint64_t launcher_start;
        _Atomic uint64_t slots[SLOTS]; /* SLOT(tid, tick of its last call) */
};

int members_new(const struct kernel *kernel, uint32_t launcher, struct members **ret) {
        struct members *members = calloc(1, sizeof(*members));
        struct member process;

        if (!members)
                return error_origin(-ENOMEM);
        members->kernel = kernel;
        if (launcher && members_look(kernel, launcher, &process) == 0) {
                members->launcher = launcher;
                members->launcher_start = process.start;
        }
        *ret = members;
        return 0;
}

struct members *members_free(struct members *members) {
        free(members);
        return NULL;
}

void members_see(struct members *members, uint32_t tid) {
        struct timespec now;
        uint64_t tick;

        if (tid == 0)
                return; /* not visible from our pid namespace */
        clock_gettime(CLOCK_BOOTTIME, &now);
        tick = (uint64_t)now.tv_sec * (1000000000u / TICK_NS) + (uint64_t)now.tv_nsec / TICK_NS;
        atomic_store_explicit(&members->slots[tid % SLOTS], SLOT(tid, tick), memory_order_relaxed);
}

/* ---- /proc ---- */

static long read_text(const struct kernel *kernel, uint32_t tid, const char *name, char *text, size_t size) {
        long n = kernel->read_proc(kernel->data, tid, name, text, size - 1, 0);

        text[n > 0 ? n : 0] = 0;
        return n;
}

/* A number of /proc/TID/status. The first line is the task's own name, which may try to look like another.
 */
static bool status_number(const char *status, const char *key, unsigned long *ret) {
        const char *at = strchr(status, '\n');

        at = at ? strstr(at, key) : NULL;
        if (at)
                *ret = strtoul(at + strlen(key), NULL, 10);
        return at != NULL;
}

int members_look(const struct kernel *kernel, uint32_t tid, struct member *ret) {
        char text[2048];
        unsigned long tgid = tid;
        unsigned parent, group, session, processor;
        unsigned long long start;
        const char *at;

        *ret = (struct member){ .tid = tid };
        if (read_text(kernel, tid, "stat", text, sizeof(text)) <= 0)
                return MEMBER_E_NONE;
        /* The name, in parentheses, may hold anything but ends with the last one. */
        at = strrchr(text, ')');
        if (!at || sscanf(at + 1,
                          " %*c %u %u %u %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu "
                          "%*u %*d %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %u",
                          &parent, &group, &session, &start, &processor) != 5)
                return MEMBER_E_NONE;
        ret->parent = parent;
        ret->group = group;
        ret->session = session;
        ret->start = start;
        ret->processor = processor;
        if (read_text(kernel, tid, "status", text, sizeof(text)) <= 0 ||
            !status_number(text, "\nTgid:", &tgid))
                return MEMBER_E_NONE;
        ret->tgid = (uint32_t)tgid;
        return 0;
}

/* Runs below some filter. Where the kernel does not say, it may. */
static bool filtered(const struct kernel *kernel, uint32_t tid) {
        unsigned long mode = 2;
        char text[4096];

        if (read_text(kernel, tid, "status", text, sizeof(text)) <= 0)
                return false;
        return !status_number(text, "\nSeccomp:", &mode) || mode == 2;
}

/* Numbers in the entries of a directory of /proc. */
static int each_number(int fd, size_t max, int (*found)(uint32_t number, void *data), void *data) {
        DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
        struct dirent *entry;
        int r = 0;

        if (!directory) {
                fd_close(fd);
                return 0;
        }
        while (r == 0 && max-- > 0 && (entry = readdir(directory)))
                if (isdigit((unsigned char)entry->d_name[0]))
                        r = found((uint32_t)strtoul(entry->d_name, NULL, 10), data);
        closedir(directory);
        return r;
}

struct visit {
        const struct kernel *kernel;
        int (*found)(const struct member *member, void *data);
        void *data;
};

static int visit_process(uint32_t pid, void *data) {
        struct visit *visit = data;
        struct member member;

        return members_look(visit->kernel, pid, &member) == 0 ? visit->found(&member, visit->data) : 0;
}

int members_each(const struct kernel *kernel, int (*found)(const struct member *member, void *data),
                 void *data) {
        struct visit visit = { kernel, found, data };

        return each_number(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), SIZE_MAX, visit_process,
                           &visit);
}

/* ---- pid namespaces ---- */

/* All numbers of a task, from our namespace to its own: how many. */
static size_t numbers_of(const struct kernel *kernel, uint32_t tid, unsigned long numbers[32]) {
        char text[4096], *at, *end;
        size_t n = 0;

        if (read_text(kernel, tid, "status", text, sizeof(text)) <= 0)
                return 0;
        at = strchr(text, '\n');
        at = at ? strstr(at, "\nNSpid:") : NULL;
        if (!at)
                return 0;
        for (at += strlen("\nNSpid:"); n < 32; at = end) {
                while (*at == '\t' || *at == ' ')
                        at++;
                numbers[n] = strtoul(at, &end, 10);
                if (end == at)
                        break;
                n++;
        }
        return n;
}

static bool same_namespace(const struct kernel *kernel, uint32_t a, uint32_t b) {
        char link_a[64], link_b[64];

        return kernel->read_link(kernel->data, a, "ns/pid", link_a, sizeof(link_a)) > 0 &&
               kernel->read_link(kernel->data, b, "ns/pid", link_b, sizeof(link_b)) > 0 &&
               strcmp(link_a, link_b) == 0;
}

/* Is the task in the namespace of the other one, or in one below it? level: how far down that one is. */
static bool below(const struct kernel *kernel, uint32_t tid, uint32_t other, size_t level, size_t depth) {
        cleanup_fd int fd = -1, wanted = -1;
        struct stat here, there;

        if (level == depth)
                return same_namespace(kernel, tid, other);
        fd = kernel->open_proc(kernel->data, tid, "ns/pid", O_RDONLY);
        wanted = kernel->open_proc(kernel->data, other, "ns/pid", O_RDONLY);
        if (fd < 0 || wanted < 0 || fstat(wanted, &there) < 0)
                return false;
        for (; level < depth; depth--) {
                int up = ioctl(fd, NS_GET_PARENT);

                fd_close(fd);
                fd = up;
                if (fd < 0)
                        return false;
        }
        return fstat(fd, &here) == 0 && here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

struct search {
        struct call *call;
        size_t level; /* of the caller's namespace below ours */
        int32_t pid;
        uint32_t found;
};

static int search_thread(uint32_t tid, void *data) {
        struct search *search = data;
        unsigned long numbers[32];
        size_t n = numbers_of(search->call->kernel, tid, numbers);

        if (n < search->level || numbers[search->level - 1] != (unsigned long)search->pid ||
            !below(search->call->kernel, tid, search->call->tid, search->level, n))
                return 0;
        search->found = tid;
        return 1;
}

static int search_process(uint32_t pid, void *data) {
        struct search *search = data;

        return each_number(search->call->kernel->open_proc(search->call->kernel->data, pid, "task",
                                                           O_RDONLY | O_DIRECTORY),
                           SIZE_MAX, search_thread, search);
}

int members_translate(struct call *call, int32_t pid, uint32_t *ret_tid) {
        struct search search = { .call = call, .pid = pid };
        unsigned long numbers[32];
        cleanup_fd int fd = -1;
        int r;

        search.level = numbers_of(call->kernel, call->tid, numbers);
        if (search.level == 0)
                return CALL_E_GONE;
        r = target_confirm(call);
        if (r)
                return r;
        if (search.level == 1) {
                struct member member;

                *ret_tid = (uint32_t)pid;
                return members_look(call->kernel, *ret_tid, &member);
        }
        fd = call->kernel->open_proc(call->kernel->data, call->tid, "ns/pid", O_RDONLY);
        if (fd >= 0) {
                r = ioctl(fd, NS_GET_PID_FROM_PIDNS, pid);
                if (r > 0) {
                        *ret_tid = (uint32_t)r;
                        return target_confirm(call);
                }
                if (errno == ESRCH)
                        return MEMBER_E_NONE;
        }
        /* An older kernel: look through all there are. */
        each_number(open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC), SIZE_MAX, search_process, &search);
        *ret_tid = search.found;
        return search.found ? target_confirm(call) : MEMBER_E_NONE;
}

bool members_nested(struct call *call) {
        unsigned long numbers[32];

        return numbers_of(call->kernel, call->tid, numbers) > 1;
}

int32_t members_own_number(const struct kernel *kernel, uint32_t tid) {
        unsigned long numbers[32];
        size_t n = numbers_of(kernel, tid, numbers);

        return n > 0 ? (int32_t)numbers[n - 1] : 0;
}

/* ---- who belongs to it ---- */

static bool seen(const struct members *members, uint32_t tid, uint64_t start) {
        uint64_t slot = atomic_load_explicit(&members->slots[tid % SLOTS], memory_order_relaxed);

        return slot >> 40 == tid && (slot & SLOT_TICK) >= start;
}

struct thread_search {
        const struct members *members;
        const struct member *process;
};

static int search_seen(uint32_t tid, void *data) {
        struct thread_search *search = data;
        struct member thread;

        return seen(search->members, tid, 0) && members_look(search->members->kernel, tid, &thread) == 0 &&
               thread.tgid == search->process->tgid && seen(search->members, tid, thread.start);
}

/* The process, or a thread of it, made a call that we saw. */
static bool process_seen(const struct members *members, const struct member *process) {
        struct thread_search search = { members, process };

        if (seen(members, process->tid, process->start))
                return true;
        return each_number(members->kernel->open_proc(members->kernel->data, process->tgid, "task",
                                                      O_RDONLY | O_DIRECTORY),
                           THREADS_MAX, search_seen, &search) > 0;
}

/* The chain of parents leads to a member, or ends below the launcher. */
static bool descends(const struct members *members, const struct member *member) {
        struct member at = *member, parent;

        for (int i = 0; i < DEPTH_MAX; i++) {
                if (process_seen(members, &at))
                        return true;
                /* A parent younger than its child: the number has changed hands while we looked. */
                if (at.parent == 0 || at.tgid == (uint32_t)getpid() ||
                    members_look(members->kernel, at.parent, &parent) || parent.start > at.start)
                        return false;
                if (at.parent == members->launcher)
                        return parent.start == members->launcher_start;
                at = parent;
        }
        return false;
}

struct company {
        const struct members *members;
        const struct member *member;
};

static int search_company(const struct member *other, void *data) {
        struct company *company = data;

        return other->session == company->member->session && other->tid != company->member->tid &&
               descends(company->members, other);
}

static bool in_company(const struct members *members, const struct member *member) {
        struct company company = { members, member };
        struct member launcher;

        if (member->session == 0 || members->launcher == 0 ||
            members_look(members->kernel, members->launcher, &launcher) ||
            launcher.session == member->session)
                return false;
        return members_each(members->kernel, search_company, &company) > 0;
}

int members_has(struct call *call, uint32_t tid) {
        const struct members *members = session_members(call->session);
        struct member member;

        if (tid == call->tid)
                return 0;
        if (!members || members_look(call->kernel, tid, &member))
                return MEMBER_E_NONE;
        if (!filtered(call->kernel, tid))
                return MEMBER_E_FOREIGN;
        if (tid != member.tgid && members_look(call->kernel, member.tgid, &member))
                return MEMBER_E_NONE;
        return descends(members, &member) || in_company(members, &member) ? 0 : MEMBER_E_FOREIGN;
}
