/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One recorded call, or many equal ones (count > 1): plain data, no pointers to live things, so that the
 * supervisor, the learner, the codec and the printers need not know each other.
 *
 * (arch, nr) is the key; nr alone means nothing. Text fields hold what the task wrote, raw: they are cut
 * at their size, always end in NUL, and are escaped only when printed.
 */

#include <stdbool.h>
#include <stdint.h>

#define EVENT_COMM_MAX   16 /* TASK_COMM_LEN of the kernel, NUL included */
#define EVENT_EXE_MAX    256
#define EVENT_DETAIL_MAX 512
#define EVENT_OBJECT_MAX 192
#define EVENT_RULE_MAX   64
#define EVENT_N_ARGS     6

enum event_flag {
        EVENT_GONE = 1u << 0,      /* the task vanished or was interrupted before the answer arrived */
        EVENT_DETAIL_OK = 1u << 1, /* the id was still valid after the memory behind detail was read */
        EVENT_MERGED_ARGS =
                1u << 2, /* rows were merged for want of room: args are one example among unlike ones */
        EVENT_OBSERVED = 1u << 3,  /* the profile allows the call; it was notified only to be seen */
        EVENT_ASSUMED = 1u << 4,   /* never notified: every program needs it (record only) */
        EVENT_PERFORMED = 1u << 5, /* carried out by the supervisor for the task; the answer is its result */
        EVENT_RUNTIME = 1u << 6,   /* by the container runtime, between filter and the program's execve */
};
/* Nobody saw the register of argument i (a log without arguments, a text where a string stands for the
 * address); args[i] is 0 then. */
#define EVENT_UNKNOWN_ARG(i) (1u << (8 + (i)))

enum event_answer {
        EVENT_ANSWER_NONE,     /* nobody was there any more */
        EVENT_ANSWER_CONTINUE, /* the kernel carried the call out */
        EVENT_ANSWER_ERRNO,    /* value holds the positive errno; 0 is success without the call */
        EVENT_ANSWER_VALUE,    /* value holds the return value */
        EVENT_ANSWER_FD,       /* the task got a descriptor of ours; value holds its number */
        EVENT_ANSWER_KILL,     /* the process was killed */
};

struct event {
        uint64_t first_ns; /* CLOCK_REALTIME of the first occurrence, nanoseconds */
        uint64_t last_ns;  /* of the last one; equal to first_ns while count is 1 */
        uint64_t count;    /* at least 1 */

        uint32_t pid;   /* thread group, as the supervisor sees it; 0 where unknown */
        uint32_t tid;   /* the task that made the call */
        uint32_t uid;   /* real uid; UINT32_MAX where unknown */
        uint32_t arch;  /* AUDIT_ARCH_*; x32 is AUDIT_ARCH_X86_64 with bit 30 set in nr */
        uint32_t nr;    /* as in struct seccomp_data, bit 30 kept */
        uint32_t flags; /* enum event_flag */

        uint64_t ip;                 /* instruction pointer, as in struct seccomp_data */
        uint64_t args[EVENT_N_ARGS]; /* raw; already masked to 32 bits for 32-bit architectures */

        uint32_t verdict; /* SECCOMP_RET_* with data: what the profile says about this call */
        uint32_t answer;  /* enum event_answer: what the task was told */
        int64_t value;

        char comm[EVENT_COMM_MAX];
        char exe[EVENT_EXE_MAX];       /* /proc/PID/exe; empty where unknown */
        char detail[EVENT_DETAIL_MAX]; /* arguments as text, without name and parentheses; empty if not
                                          decoded */
        char object[EVENT_OBJECT_MAX]; /* mapped file the call came from; empty where unknown */
        uint64_t object_offset;        /* offset of ip in that file */
        char rule[EVENT_RULE_MAX];     /* name of the policy's rule that decided; empty: none did */
        uint64_t
                source; /* which of the sessions of a service; 0: there is one only (proto/event_source.h) */
};

/*
 * The ledger of one session: received = answered + gone + pending, and recorded + dropped = received.
 * It is printed with every result; a result with dropped > 0 is incomplete.
 */
struct ledger {
        uint64_t received;
        uint64_t answered; /* the kernel took our answer */
        uint64_t gone;     /* the task vanished or was interrupted after we received its call */
        uint64_t pending;
        uint64_t recorded;
        uint64_t dropped;
        uint64_t interrupted; /* known from gaps in the ids: aborted by a signal before we could receive them
                               */
        uint64_t errors;      /* trouble of ours, answered as the session's on-error rule says */
        uint64_t written;     /* event stream: written */
        uint64_t unwritten;   /* event stream: dropped because the sink was too slow or full */
        uint64_t merged;      /* recorded without their argument class for want of room */
};
