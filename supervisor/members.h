/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Which processes belong to a session, that is: run behind its filter. The kernel tells nobody whose filter
 * a task has, so it is proved from what is known for certain:
 *
 *   seen       the task, or a thread of its process, made a notified call, and is the same one still: it
 *              started no later than that call;
 *   descent    a filter is inherited by fork, so every descendant of a member is one; and so is every child
 *              of the launcher but we;
 *   company    a process group session (setsid) that a member is in now, and that is not the launcher's own,
 *              was made behind the filter; its processes all descend from the one that made it. So daemons
 *              that left their parents are found, as long as one of them has made a notified call.
 *
 * A task without any seccomp filter is foreign whatever else is true. What is not proved is foreign: a
 * signal too few rather than one to a stranger.
 */

#include <stdbool.h>
#include <stdint.h>

struct call;
struct kernel;
struct members;
struct session;

enum {
        MEMBER_E_NONE = 48,    /* there is no such process, or it is gone */
        MEMBER_E_FOREIGN = 49, /* it does not belong to the session */
};

struct member {
        uint32_t tid, tgid, parent; /* as our pid namespace has them */
        uint32_t group, session;    /* process group and session (setsid); 0: not visible to us */
        uint64_t start;             /* clock ticks after boot */
        unsigned processor;         /* it ran on last */
};

/* launcher: the process that started the first program; 0: none to rely on. */
int members_new(const struct kernel *kernel, uint32_t launcher, struct members **ret);
struct members *members_free(struct members *members);

/* Those of a session, for emulators; NULL: nothing is known. */
struct members *session_members(struct session *session);

/* The task makes a notified call now. Costs a clock and a store; any thread. */
void members_see(struct members *members, uint32_t tid);

/* What /proc says of a task. 0 or MEMBER_E_NONE. */
int members_look(const struct kernel *kernel, uint32_t tid, struct member *ret);

/* The task that the caller means by number pid (> 0), as our pid namespace calls it: 0, MEMBER_E_NONE,
 * CALL_E_GONE (the caller), or -errno. */
int members_translate(struct call *call, int32_t pid, uint32_t *ret_tid);
/* Does the caller live in a pid namespace below ours? */
bool members_nested(struct call *call);
/* The number that a task has in its own pid namespace; 0: gone. */
int32_t members_own_number(const struct kernel *kernel, uint32_t tid);

/*
 * Is it of the call's session? 0, MEMBER_E_FOREIGN or MEMBER_E_NONE. Whoever acts on the answer opens a
 * pidfd before and finds it alive afterwards: then the number did not change hands in between.
 */
int members_has(struct call *call, uint32_t tid);

/* Calls found() for every process (thread group leader) visible to us until it returns other than 0. */
int members_each(const struct kernel *kernel, int (*found)(const struct member *member, void *data),
                 void *data);
