/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The messages between client (callgate) and supervisor (callgated): one frame holds one message, a msgpack
 * array of the message's number and its fields. PROTOCOL.md is the text; both change together.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "callgate/event.h"
#include "callgate/wire.h"

#define MESSAGE_LABEL_MAX 4096
#define MESSAGE_TEXT_MAX  4096
#define MESSAGE_LINES_MAX 65536 /* of RELOADED and of variables */

#define MESSAGE_QUESTION_ARGS_MAX 16
#define MESSAGE_QUESTION_NAME_MAX 32

enum message_outcome {
        MESSAGE_OK,
        MESSAGE_E_INVALID, /* not one of ours, malformed, or a field out of range */
        MESSAGE_E_VERSION, /* a HELLO, RESUME or READY of another protocol version; version is filled in */
};

enum message_number {
        /* client to supervisor */
        MESSAGE_HELLO = 1,
        MESSAGE_LISTENER = 2, /* descriptors: the listener, then the events sink if HELLO announced one */
        MESSAGE_SNAPSHOT = 3, /* asks for the rows so far; answered by ROW… RESULT(final = false) */
        MESSAGE_DETACH = 4,   /* the client goes away; supervise on */
        MESSAGE_STOP = 5,     /* stop supervising: close the listener, send the final result */
        MESSAGE_RELOAD = 6,   /* read the policy anew; answered by RELOADED */
        MESSAGE_ANSWER = 7,   /* what the person said to a QUESTION */
        MESSAGE_ATTEND = 8,   /* on the control socket: send QUESTIONs here */
        MESSAGE_RESUME = 9,   /* after a restart of the service: the result of that session comes here */
        /* supervisor to client */
        MESSAGE_READY = 64,    /* answer to HELLO */
        MESSAGE_GO = 65,       /* answer to LISTENER: the session is registered, the task may run */
        MESSAGE_EVENT = 66,    /* one occurrence, as it happens */
        MESSAGE_ROW = 67,      /* one distinct row with its count */
        MESSAGE_RESULT = 68,   /* ends a list of ROWs; final: nothing follows */
        MESSAGE_ERROR = 69,    /* the connection is useless after it */
        MESSAGE_RELOADED = 70, /* answer to RELOAD */
        MESSAGE_QUESTION = 71, /* a call waits for a person's word */
};

enum message_sender {
        MESSAGE_FROM_CLIENT,
        MESSAGE_FROM_SUPERVISOR,
};

/* Where a connection is; both sides keep it with message_state_next(). */
enum message_state {
        MESSAGE_STATE_NEW,      /* nothing said yet */
        MESSAGE_STATE_GREETED,  /* HELLO went over */
        MESSAGE_STATE_HANDED,   /* LISTENER went over */
        MESSAGE_STATE_RUNNING,  /* GO went over */
        MESSAGE_STATE_STOPPING, /* DETACH or STOP went over */
        MESSAGE_STATE_ENDED,    /* the final RESULT or an ERROR went over */
};

enum message_hello_flag {
        MESSAGE_HELLO_STREAM = 1u << 0, /* send every event as it happens */
        MESSAGE_HELLO_SINK = 1u << 1,   /* a descriptor to write events to follows with LISTENER */
        MESSAGE_HELLO_DECODE_ALL = 1u
                                   << 2, /* decode the arguments of every event, not of a row's first only */
        MESSAGE_HELLO_ANSWERS = 1u << 3, /* somebody is there to be asked */
};
#define MESSAGE_HELLO_FLAGS 15u

struct message_hello {
        uint32_t version;
        uint32_t mode;      /* enum wire_mode */
        uint32_t flags;     /* enum message_hello_flag */
        const void *filter; /* the enforcing program, struct sock_filter in this machine's order; perhaps
                               unaligned */
        size_t n_filter;    /* instructions; 0 when recording without a base */
        const char *label;
        size_t n_label;
        const char *policy; /* WIRE_MODE_POLICY: JSON */
        size_t n_policy;
        const char *policy_path; /* absolute; what RELOAD reads. Empty: it cannot be read again */
        size_t n_policy_path;
        const char *variables; /* "name=value" and a newline each: given to the policy on the command line */
        size_t n_variables;
};

struct message_go {
        uint64_t session; /* its number with the service; 0: of a private supervisor */
};

struct message_resume {
        uint32_t version;
        uint64_t session;
};

struct message_ready {
        uint32_t version;
        uint32_t pid;
};

struct message_result {
        bool final;
        uint32_t n_tasks; /* supervised processes still alive; 0 when final */
        struct ledger ledger;
        const char
                *trouble; /* what was to outlive the session and could not be kept; empty when not final */
        size_t n_trouble;
};

struct message_error {
        int32_t error; /* a positive errno, or 0 */
        const char *text;
        size_t n_text;
};

struct message_reloaded {
        bool ok;          /* false: the old policy stays in force */
        const char *text; /* lines: what changed, or what is wrong */
        size_t n_text;
};

enum message_question_flag {
        MESSAGE_QUESTION_REMEMBERED = 1u << 0, /* "always" may be answered */
        MESSAGE_QUESTION_RULE = 1u << 1, /* … and call, program, object and args make a rule that says it */
};

struct message_question_arg {
        const char *name; /* as policies have it: "arg1" */
        size_t n_name;
        uint64_t mask, value;
};

struct message_question {
        uint64_t id;
        const char *text; /* for the person; names of a task are quoted and escaped in it */
        size_t n_text;
        const char *call, *program, *object; /* for a rule made of the answer; may be empty */
        size_t n_call, n_program, n_object;
        struct message_question_arg args[MESSAGE_QUESTION_ARGS_MAX];
        size_t n_args;
        int32_t error;  /* positive: what a denied call gets */
        uint32_t flags; /* enum message_question_flag */
};

struct message_answer {
        uint64_t id;
        uint32_t answer; /* enum message_word */
};

enum message_word {
        MESSAGE_ALLOW_ONCE = 1,
        MESSAGE_ALLOW_ALWAYS,
        MESSAGE_DENY_ONCE,
        MESSAGE_DENY_ALWAYS,
};

/* After decoding, pointers lead into the payload. */
struct message {
        enum message_number number;
        union {
                struct message_hello hello;
                struct message_ready ready;
                struct message_go go;
                struct message_resume resume;
                struct event event; /* EVENT and ROW */
                struct message_result result;
                struct message_error error;
                struct message_reloaded reloaded;
                struct message_question question;
                struct message_answer answer;
        };
};

/* Appends the payload (no frame header). 0, MESSAGE_E_INVALID (a field out of range), or the buf's error. */
int message_encode(struct buf *to, const struct message *message);
/* EVENT or ROW without copying the event into a struct message. */
int message_encode_event(struct buf *to, enum message_number number, const struct event *event);
int message_decode(const void *bytes, size_t n, struct message *ret);

/* The instructions of a HELLO, copied where they are aligned; ret has room for hello->n_filter of them. */
void message_hello_filter(const struct message_hello *hello, struct sock_filter *ret);

bool message_allowed(enum message_number number, enum message_sender sender, enum message_state state);
enum message_state message_state_next(enum message_state state, const struct message *message);
/* Descriptors that may come with it: at least and at most. */
void message_fds(enum message_number number, size_t *ret_least, size_t *ret_most);
const char *message_name(enum message_number number); /* "HELLO"; never NULL */

/* Blocking helpers for clients: encode and send, receive and decode. fds borrowed on send.
 * 0, a MESSAGE_E_* or -errno; the peer's end or a broken frame is -ECONNRESET or -EPROTO. */
int message_send(int fd, const struct message *message, const int *fds, size_t n_fds);
/* payload holds what ret points into. Messages with descriptors are refused: the supervisor sends none. */
int message_recv(int fd, struct buf *payload, struct message *ret);
