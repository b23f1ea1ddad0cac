/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Signals that reach processes of the session only (supervisor/members.h).
 *
 * A number of a process is a register, but what it stands for may change between our look and the kernel's:
 * the process ends, and the number goes to a stranger. So a call is sent on only where that cannot be: the
 * number is the caller's own, or the group is, and holds no stranger; or the caller lives in a pid namespace
 * of the session, where no strangers are. All other signals are sent by us, through a pidfd that was opened
 * before we looked: when it takes the signal, the number was that process's all the time. That is done with
 * no more authority than the caller has.
 *
 * The kernel lets nobody name another sender unless the signal says that it was queued: so receivers see the
 * caller's pid and uid, but si_code SI_QUEUE in place of SI_USER and SI_TKILL.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/emulate/system.h"
#include "supervisor/members.h"

/* Kernel 6.9: pidfds of threads, and signals to a thread, its process or its group through one. */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#define SIGNAL_THREAD 1u
#define SIGNAL_GROUP  4u
#define SIGNAL_FLAGS  7u

#define INFO_SIZE 128u /* siginfo_t, of all programs */
#define ROUNDS    8    /* looks for processes of a group that were born meanwhile */
_Static_assert(sizeof(siginfo_t) == INFO_SIZE, "siginfo of the kernel");

/* Of 32-bit programs: three numbers, then, for the codes that a program may send, pid, uid, value, or the
 * like. */
struct siginfo32 {
        int32_t signo, error, code, fields[29];
};
_Static_assert(sizeof(struct siginfo32) == INFO_SIZE, "compat_siginfo of the kernel");

/* One signal on its way. */
struct letter {
        struct call *call;
        struct member caller;
        int sig;
        siginfo_t info;
};

/* ---- the caller ---- */

static int letter_begin(struct call *call, int sig, struct letter *ret) {
        char uid[64];
        int r;

        *ret = (struct letter){ .call = call, .sig = sig };
        if (members_look(call->kernel, call->tid, &ret->caller))
                return CALL_E_GONE;
        r = view_status(call, "Uid", uid, sizeof(uid));
        if (r)
                return r;
        ret->info.si_signo = sig;
        ret->info.si_code = SI_QUEUE;
        /* In a receiver's namespace below ours the kernel makes it 0. */
        ret->info.si_pid = (int32_t)ret->caller.tgid;
        ret->info.si_uid = (uid_t)strtoul(uid, NULL, 10);
        return target_confirm(call);
}

/* Is the number the caller's own process, or with thread the calling thread? */
static bool is_own(const struct letter *letter, int32_t number, bool thread) {
        return number > 0 && number == members_own_number(letter->call->kernel,
                                                          thread ? letter->caller.tid : letter->caller.tgid);
}

/* A pid namespace whose first process is of the session has no strangers to protect. */
static bool lives_apart(struct call *call) {
        uint32_t first;

        return members_nested(call) && members_translate(call, 1, &first) == 0 &&
               members_has(call, first) == 0;
}

/* ---- one receiver ---- */

/* Through a pidfd that was opened before the receiver was looked at. The errno, or 0. */
static int post(struct letter *letter, const struct member *receiver, int pidfd, unsigned flags,
                int *ret_error) {
        struct call *call = letter->call;
        int r = authority_assume(call);

        if (r)
                return r;
        *ret_error =
                syscall(SYS_pidfd_send_signal, pidfd, letter->sig, &letter->info, flags) < 0 ? errno : 0;
        authority_return(call);
        /* Anybody may wake up what is in his own session (setsid). */
        if (*ret_error == EPERM && letter->sig == SIGCONT && receiver->session != 0 &&
            receiver->session == letter->caller.session)
                *ret_error = syscall(SYS_pidfd_send_signal, pidfd, letter->sig, &letter->info, flags) < 0
                                     ? errno
                                     : 0;
        return 0;
}

/* Kernels before 6.9 have no pidfds of threads: the process's stands guard, its number is used. */
static int post_by_number(struct letter *letter, const struct member *receiver, int *ret_error) {
        int r = authority_assume(letter->call);

        if (r)
                return r;
        *ret_error =
                syscall(SYS_rt_tgsigqueueinfo, receiver->tgid, receiver->tid, letter->sig, &letter->info) < 0
                        ? errno
                        : 0;
        authority_return(letter->call);
        return 0;
}

/* tid as we number it: its process, or with thread itself. 0 with the task's errno, CALL_E_GONE, or -errno.
 */
static int deliver(struct letter *letter, uint32_t tid, bool thread, int *ret_error) {
        struct call *call = letter->call;
        cleanup_fd int pidfd = -1;
        struct member receiver;
        bool by_number = false;
        int r;

        *ret_error = ESRCH;
        if (members_look(call->kernel, tid, &receiver))
                return 0;
        pidfd = (int)syscall(SYS_pidfd_open, thread ? tid : receiver.tgid, thread ? PIDFD_THREAD : 0);
        if (pidfd < 0 && errno == EINVAL && thread) {
                by_number = true;
                pidfd = (int)syscall(SYS_pidfd_open, receiver.tgid, 0);
        }
        if (pidfd < 0)
                return errno == ESRCH || errno == EINVAL ? 0 : error_origin(-errno);
        r = members_has(call, thread ? tid : receiver.tgid);
        if (r == MEMBER_E_NONE || r == MEMBER_E_FOREIGN) {
                *ret_error = r == MEMBER_E_NONE ? ESRCH : EPERM;
                return 0;
        }
        if (!r)
                r = target_confirm(call);
        if (r)
                return r;
        return by_number ? post_by_number(letter, &receiver, ret_error)
                         : post(letter, &receiver, pidfd, thread ? SIGNAL_THREAD : 0, ret_error);
}

/* ---- many receivers ---- */

/* Who belongs to the session is asked of all before any is sent a signal: the children of one that it ended
 * would have lost their proof. */
struct face {
        struct member member;
        int has; /* members_has() */
};

struct crowd {
        struct letter *letter;
        uint32_t group; /* 0: all but the caller */
        struct face *faces;
        size_t n, size;
        bool led; /* by a member: who is born into the group while we go through it belongs to it */
        int error;
        bool any;
};

static bool crowd_wants(const struct crowd *crowd, const struct member *member) {
        if (crowd->group != 0)
                return member->group == crowd->group;
        return member->tgid != crowd->letter->caller.tgid && member->tid > 1;
}

static int crowd_add(struct crowd *crowd, const struct member *member) {
        struct face *face;

        for (size_t i = 0; i < crowd->n; i++)
                if (crowd->faces[i].member.tid == member->tid &&
                    crowd->faces[i].member.start == member->start)
                        return 0;
        if (crowd->n == crowd->size) {
                size_t size = crowd->size ? crowd->size * 2 : 64;
                struct face *grown = reallocarray(crowd->faces, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                crowd->faces = grown;
                crowd->size = size;
        }
        face = &crowd->faces[crowd->n++];
        face->member = *member;
        face->has = members_has(crowd->letter->call, member->tid);
        crowd->led |= face->has == 0 && member->tid == crowd->group;
        return 0;
}

static int crowd_collect(const struct member *member, void *data) {
        struct crowd *crowd = data;

        return crowd_wants(crowd, member) ? crowd_add(crowd, member) : 0;
}

/* To a process that was looked at before; the same one still, or nobody. */
static int deliver_face(struct letter *letter, const struct face *face, int *ret_error) {
        cleanup_fd int pidfd = (int)syscall(SYS_pidfd_open, face->member.tgid, 0);
        struct member now;
        int r;

        *ret_error = ESRCH;
        if (pidfd < 0 && errno != ESRCH)
                return error_origin(-errno);
        if (pidfd < 0 || members_look(letter->call->kernel, face->member.tid, &now) ||
            now.start != face->member.start)
                return 0;
        r = target_confirm(letter->call);
        return r ? r : post(letter, &now, pidfd, 0, ret_error);
}

static int crowd_deliver(struct crowd *crowd, size_t first) {
        struct letter *letter = crowd->letter;
        int r = 0;

        for (size_t i = first; !r && i < crowd->n; i++) {
                const struct face *face = &crowd->faces[i];
                int error = EPERM;

                if (face->member.tid == letter->caller.tgid)
                        continue; /* last, since it may be its end */
                if (face->has == 0 || (face->has == MEMBER_E_FOREIGN && crowd->led && first > 0))
                        r = deliver_face(letter, face, &error);
                /* As kill_pgrp_info() of the kernel: success once is success. */
                if (!r && !crowd->any)
                        crowd->error = error;
                crowd->any |= error == 0;
        }
        return r;
}

/* New processes may be born while we go through them; the kernel would hold them off. */
static int crowd_send(struct crowd *crowd, bool including_caller) {
        int r = 0;

        for (int round = 0; !r && round < ROUNDS; round++) {
                size_t first = crowd->n;

                r = members_each(crowd->letter->call->kernel, crowd_collect, crowd);
                if (r || crowd->n == first)
                        break;
                r = crowd_deliver(crowd, first);
                if (crowd->letter->sig == 0)
                        break;
        }
        if (!r && including_caller) {
                int error;

                r = deliver(crowd->letter, crowd->letter->caller.tgid, false, &error);
                if (!r && !crowd->any)
                        crowd->error = error;
        }
        return r;
}

/* Is everybody of the group in the session? */
static int crowd_familiar(struct crowd *crowd, bool *ret) {
        int r = members_each(crowd->letter->call->kernel, crowd_collect, crowd);

        *ret = true;
        for (size_t i = 0; !r && *ret && i < crowd->n; i++)
                *ret = crowd->faces[i].has == 0 || crowd->faces[i].has == MEMBER_E_NONE;
        crowd->n = 0;
        return r;
}

static int to_group(struct letter *letter, uint32_t group) {
        struct crowd crowd = { .letter = letter, .group = group, .error = ESRCH };
        bool own = group != 0 && group == letter->caller.group, familiar = false;
        int r = own ? crowd_familiar(&crowd, &familiar) : 0;

        /* The number stays with the group as long as the caller is in it. */
        if (!r && own && familiar)
                r = answer_continue(letter->call);
        else if (!r && group == 0)
                r = answer_errno(letter->call, ESRCH);
        else if (!r) {
                r = crowd_send(&crowd, own);
                if (!r)
                        r = answer_errno(letter->call, crowd.any ? 0 : crowd.error);
        }
        free(crowd.faces);
        return r;
}

static int to_all(struct letter *letter) {
        struct crowd crowd = { .letter = letter };
        int r = crowd_send(&crowd, false);

        /* As the kernel: that all refused it is no error. */
        if (!r)
                r = answer_errno(letter->call, crowd.n == 0                        ? ESRCH
                                               : crowd.any || crowd.error == EPERM ? 0
                                                                                   : crowd.error);
        free(crowd.faces);
        return r;
}

static int to_one(struct letter *letter, int32_t number, bool thread) {
        int error = 0, r;
        uint32_t tid;

        if (number <= 0)
                return answer_errno(letter->call, ESRCH);
        r = members_translate(letter->call, number, &tid);
        if (r == MEMBER_E_NONE)
                return answer_errno(letter->call, ESRCH);
        if (!r)
                r = deliver(letter, tid, thread, &error);
        return r ? r : answer_errno(letter->call, error);
}

/* ---- calls ---- */

static int emulate_kill(struct call *call) {
        int32_t pid = (int32_t)call->args[0];
        struct letter letter;
        uint32_t group;
        int r = letter_begin(call, (int)call->args[1], &letter);

        if (r)
                return r;
        if (is_own(&letter, pid, false) || is_own(&letter, pid, true) || lives_apart(call))
                return answer_continue(call);
        if (pid > 0)
                return to_one(&letter, pid, false);
        if (pid == 0)
                return to_group(&letter, letter.caller.group);
        if (pid == -1)
                return to_all(&letter);
        if (pid == INT32_MIN)
                return answer_errno(call, ESRCH);
        group = (uint32_t)-pid;
        if (members_nested(call)) {
                r = members_translate(call, -pid, &group);
                if (r)
                        return r == MEMBER_E_NONE ? answer_errno(call, ESRCH) : r;
        }
        return to_group(&letter, group);
}

static int emulate_tkill(struct call *call) {
        int32_t tid = (int32_t)call->args[0];
        struct letter letter;
        int r;

        if (tid <= 0)
                return answer_errno(call, EINVAL);
        r = letter_begin(call, (int)call->args[1], &letter);
        if (r)
                return r;
        if (is_own(&letter, tid, true) || lives_apart(call))
                return answer_continue(call);
        return to_one(&letter, tid, true);
}

/* The thread must be of the process that the call names, too. */
static int to_thread_of(struct letter *letter, int32_t tgid, int32_t tid) {
        struct call *call = letter->call;
        struct member receiver;
        uint32_t process, thread;
        int error = ESRCH, r;

        r = members_translate(call, tgid, &process);
        if (!r)
                r = members_translate(call, tid, &thread);
        if (!r)
                r = members_look(call->kernel, thread, &receiver);
        if (!r && receiver.tgid == process)
                r = deliver(letter, thread, true, &error);
        return r && r != MEMBER_E_NONE ? r : answer_errno(call, error);
}

static int emulate_tgkill(struct call *call) {
        int32_t tgid = (int32_t)call->args[0], tid = (int32_t)call->args[1];
        struct letter letter;
        int r;

        if (tgid <= 0 || tid <= 0)
                return answer_errno(call, EINVAL);
        r = letter_begin(call, (int)call->args[2], &letter);
        if (r)
                return r;
        /* Of its own process: whatever the other number is, the kernel refuses threads of strangers. */
        if (is_own(&letter, tgid, false) || lives_apart(call))
                return answer_continue(call);
        return to_thread_of(&letter, tgid, tid);
}

/* The caller's own siginfo: 0, CALL_E_*. */
static int read_info(struct letter *letter, uint64_t address) {
        struct siginfo32 info32;
        int32_t *fields;
        int r;

        if (!call_is_32bit(letter->call))
                return target_read(letter->call, address, &letter->info, sizeof(letter->info));
        r = target_read(letter->call, address, &info32, sizeof(info32));
        if (r)
                return r;
        memset(&letter->info, 0, sizeof(letter->info));
        letter->info.si_signo = info32.signo;
        letter->info.si_errno = info32.error;
        letter->info.si_code = info32.code;
        if (info32.code == SI_SIGIO) {
                letter->info.si_band = info32.fields[0];
                letter->info.si_fd = info32.fields[1];
                return 0;
        }
        /* pid, uid, value, or the timer's three; they begin four bytes later where pointers are long. */
        fields = (int32_t *)&letter->info + 4;
        memcpy(fields, info32.fields, 3 * sizeof(fields[0]));
        return 0;
}

static bool claims_kernel(const struct letter *letter) {
        return letter->info.si_code >= 0 || letter->info.si_code == SI_TKILL;
}

static int emulate_sigqueueinfo(struct call *call) {
        int32_t tgid = (int32_t)call->args[0];
        struct letter letter;
        int r = letter_begin(call, (int)call->args[1], &letter);

        if (r)
                return r;
        if (is_own(&letter, tgid, false) || lives_apart(call))
                return answer_continue(call);
        r = read_info(&letter, call->args[2]);
        if (r)
                return target_error(call, r);
        letter.info.si_signo = letter.sig;
        return claims_kernel(&letter) ? answer_errno(call, EPERM) : to_one(&letter, tgid, false);
}

static int emulate_tgsigqueueinfo(struct call *call) {
        int32_t tgid = (int32_t)call->args[0], tid = (int32_t)call->args[1];
        struct letter letter;
        int r = letter_begin(call, (int)call->args[2], &letter);

        if (r)
                return r;
        if (is_own(&letter, tgid, false) || lives_apart(call))
                return answer_continue(call);
        r = read_info(&letter, call->args[3]);
        if (r)
                return target_error(call, r);
        letter.info.si_signo = letter.sig;
        if (tgid <= 0 || tid <= 0)
                return answer_errno(call, EINVAL);
        return claims_kernel(&letter) ? answer_errno(call, EPERM) : to_thread_of(&letter, tgid, tid);
}

/* Which process a pidfd of ours is about: 0, EBADF (it is none), ESRCH. */
static int pidfd_number(int pidfd, uint32_t *ret_pid) {
        char path[64], line[128];
        int number = 0, r = EBADF;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", pidfd);
        file = fopen(path, "re");
        if (!file)
                return error_origin(-errno);
        while (r == EBADF && fgets(line, sizeof(line), file))
                if (sscanf(line, "Pid: %d", &number) == 1)
                        r = number > 0 ? 0 : ESRCH;
        fclose(file);
        *ret_pid = (uint32_t)number;
        return r;
}

static int through_pidfd(struct letter *letter, int pidfd, unsigned flags) {
        struct call *call = letter->call;
        struct member receiver;
        uint32_t pid = 0;
        int error = 0, r = pidfd_number(pidfd, &pid);

        if (r)
                return r < 0 ? r : answer_errno(call, r);
        if (members_look(call->kernel, pid, &receiver))
                return answer_errno(call, ESRCH);
        if (claims_kernel(letter)) {
                if (receiver.tgid != letter->caller.tgid)
                        return answer_errno(call, EPERM);
                letter->info.si_code = SI_QUEUE; /* allowed to itself, but not to us */
        }
        if (flags & SIGNAL_GROUP) {
                struct crowd crowd = { .letter = letter, .group = pid, .error = ESRCH };

                r = crowd_send(&crowd, letter->caller.group == pid);
                free(crowd.faces);
                return r ? r : answer_errno(call, crowd.any ? 0 : crowd.error);
        }
        r = members_has(call, pid);
        if (r == MEMBER_E_NONE || r == MEMBER_E_FOREIGN)
                return answer_errno(call, r == MEMBER_E_NONE ? ESRCH : EPERM);
        if (!r)
                r = target_confirm(call);
        if (!r)
                r = post(letter, &receiver, pidfd, flags, &error);
        return r ? r : answer_errno(call, error);
}

static int emulate_pidfd_send_signal(struct call *call) {
        unsigned flags = (uint32_t)call->args[3];
        cleanup_fd int pidfd = -1;
        struct letter letter;
        int error, r;

        if ((flags & ~SIGNAL_FLAGS) || (flags & (flags - 1)))
                return answer_errno(call, EINVAL);
        r = letter_begin(call, (int)call->args[1], &letter);
        if (!r)
                r = view_take_fd(call, (int)call->args[0], &pidfd, &error);
        if (r)
                return r;
        if (pidfd < 0)
                return answer_errno(call, error);
        if (call->args[2]) {
                r = read_info(&letter, call->args[2]);
                if (r)
                        return target_error(call, r);
                if (letter.info.si_signo != letter.sig)
                        return answer_errno(call, EINVAL);
        }
        return through_pidfd(&letter, pidfd, flags);
}

/* That it was made is all that was wanted: now its process is known (members_see()). */
static int emulate_birth(struct call *call) {
        return answer_continue(call);
}

static const struct emulator signals_rows[] = {
        { "kill", emulate_kill },
        { "tkill", emulate_tkill },
        { "tgkill", emulate_tgkill },
        { "rt_sigqueueinfo", emulate_sigqueueinfo },
        { "rt_tgsigqueueinfo", emulate_tgsigqueueinfo },
        { "pidfd_send_signal", emulate_pidfd_send_signal },
        { "set_robust_list", emulate_birth },
        { "set_tid_address", emulate_birth },
        { 0 },
};

const struct emulation emulation_signals = {
        .name = "signals",
        .rows = signals_rows,
};
