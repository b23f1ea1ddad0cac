/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One intercepted call from receive to answer, and the words that an emulator has. session.c (or, for calls
 * that may wait, worker.c) takes it through its stages; emulators read args, look at the task through
 * target_*() and view_*(), and fill the answer.
 *
 * What an emulator returns is about us: 0 (the answer is filled), CALL_E_GONE, CALL_E_SLOW, or a negative
 * errno, which is trouble of ours and answered as the policy's `on-error` says. What the task is told is
 * never a return value: answer_errno(call, ENOENT).
 */

#include <limits.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "callgate/event.h"
#include "policy/native/facts.h"
#include "supervisor/kernel.h"
#include "supervisor/view.h"
#include "syscalls/names.h"

struct journal_slot;
struct session;
struct tally_row;

enum {
        CALL_E_GONE =
                32, /* the task no longer waits for this answer; nothing was changed that it could see */
        CALL_E_FAULT = 33, /* the task gave us a bad address: its own mistake, EFAULT */
        CALL_E_SLOW =
                34, /* this may take long: do it again on a worker (call->may_wait). Nothing was done yet. */
};

enum answer_kind {
        ANSWER_NONE, /* not yet */
        ANSWER_CONTINUE,
        ANSWER_ERRNO, /* value: positive; 0 is success */
        ANSWER_VALUE,
        ANSWER_FD,    /* fd goes to the task and is what the call returns */
        ANSWER_FD_AT, /* fd replaces number fd_at of the task; the call returns value */
        ANSWER_KILL,
};

struct answer {
        enum answer_kind kind;
        int64_t value;
        int fd; /* owned; -1 */
        int fd_at;
        bool cloexec;
};

struct call {
        struct session *session;
        const struct kernel *kernel;
        int listener_fd;            /* borrowed */
        struct seccomp_notif notif; /* a copy */
        struct event event;         /* without description unless the call is described */
        struct tally_row *row;
        struct journal_slot *slot; /* it is in flight there; NULL: in tests of emulators */
        unsigned n_errors;         /* trouble of ours with it */
        bool new_row, gone;
        bool recovered; /* a predecessor received it */
        bool described; /* everything is looked at, for the row */
        bool decoded;   /* arguments are, for the event stream */
        bool read_memory;
        bool policed; /* a policy decides */

        /* What is meant: i386's socketcall and ipc are unpacked. name is NULL for unknown numbers. args are
         * masked to 32 bits for 32-bit callers. */
        const struct arch *arch;
        const char *name;
        uint64_t args[6];
        uint32_t tid;
        bool multiplexed; /* name and args came from memory (supervisor/multiplex.h) */

        struct policy_facts facts;
        struct policy_verdict verdict;
        /* POLICY_FACT_PATHS: the objects that the paths lead to. After a REDIRECT: those of the new path. */
        struct resolved paths[2];
        size_t n_paths;
        bool has_paths, redirected; /* supervisor/emulate/paths.h */
        struct open_how how;        /* openat2: our copy; how_error: what is wrong with its size */
        bool has_how;
        int how_error;
        struct sockaddr_storage address; /* POLICY_FACT_ADDRESS: our copy */
        socklen_t n_address;
        bool address_given;
        int address_error; /* what the kernel would say of the address; 0: nothing */
        bool address_path; /* it is a Unix path, and leads to paths[0] */
        uint64_t sent;     /* bytes of a stream that went before the rest became a worker's */
        struct view view;
        bool matched; /* the verdict stands; set before an emulator runs */
        _Atomic bool
                kicked; /* the wait is to end: the call vanished, or its task has a signal to take (EINTR) */
        bool may_wait;  /* we are on a worker: blocking harms nobody, a signal gets us out with EINTR */

        struct answer answer;
        char note[160]; /* why the answer is what it is, where that is not plain: shown with the record */
        /* POLICY_FACT_PROGRAM, with room for any: half a path would match what the whole does not. Last, and
         * not cleared with the rest. */
        char program[PATH_MAX];
};

/* For a notification about to be received. */
void call_init(struct call *call, struct session *session, const struct kernel *kernel, int listener_fd);
/* Takes all of *from, whose facts' pointers into itself move along; *from holds nothing afterwards. */
void call_move(struct call *to, struct call *from);
/* Closes what it holds. */
void call_deinit(struct call *call);

/* ---- the answer ---- */

int answer_continue(struct call *call);         /* only on what registers say */
int answer_errno(struct call *call, int error); /* positive; 0: success */
int answer_value(struct call *call, int64_t value);
int answer_kill(struct call *call);                     /* SIGKILL for the process: nothing it can handle */
int answer_fd(struct call *call, int fd, bool cloexec); /* eats fd */
int answer_fd_at(struct call *call, int fd, int fd_at, bool cloexec); /* eats fd; the call returns 0 */
/* -1 and errno, or a result, of a system call of ours as the answer. */
int answer_result(struct call *call, long result);

/* ---- the task's memory. 0, CALL_E_FAULT, CALL_E_GONE, -errno ---- */

/* Exactly n bytes. What was read is believed: the id was confirmed after it. */
int target_read(struct call *call, uint64_t address, void *buffer, size_t n);
/* Up to n bytes, as many as are mapped: the number, 0 is CALL_E_FAULT. */
int target_read_some(struct call *call, uint64_t address, void *buffer, size_t n, size_t *ret_n);
/* Confirms first, then writes all n bytes or none that matter. Under WAIT_KILLABLE_RECV the task cannot have
 * been restarted in between. */
int target_write(struct call *call, uint64_t address, const void *buffer, size_t n);
/* A NUL-terminated string: -ENAMETOOLONG (as a return value: the task's mistake) without one in size bytes.
 */
int target_string(struct call *call, uint64_t address, char *buffer, size_t size);
/* Still waiting for us? 0 or CALL_E_GONE. */
int target_confirm(struct call *call);
/* CALL_E_FAULT and -ENAMETOOLONG become the task's errno and 0; all else passes. */
int target_error(struct call *call, int r);

bool call_is_32bit(const struct call *call); /* pointers, long and time_t of the task are 32 bits wide */

/* So many bytes of a stream went: what the call returns should we die over the rest. */
void call_sent(struct call *call, uint64_t n);

/* ---- credentials ---- */

/*
 * Acts with no more than the task's authority until authority_return(): its effective (file system) user,
 * groups, and of our capabilities only those it has, in this thread alone. Free where we are the same user
 * without capabilities. umask is the task's as well. 0, CALL_E_GONE or -errno.
 */
int authority_assume(struct call *call);
void authority_return(struct call *call);
