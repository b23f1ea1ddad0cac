/* SPDX-License-Identifier: Apache-2.0 */

/*
 * sendto, sendmsg and sendmmsg on the task's own socket, with copies of address, control data and contents.
 *
 * A message of a datagram socket is sent whole. A stream's bytes are copied and sent in pieces, and what was
 * sent so far is the result when something stops them: as natively. What may block is tried with
 * MSG_DONTWAIT first; what is left is a worker's, who begins where the bytes of a stream ended.
 */

#include "supervisor/emulate/net_message.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"

#define PIECE        (256u * 1024)
#define ZEROCOPY_MAX (4u * 1024 * 1024)
#define DATAGRAM_MIN (128u * 1024) /* what any datagram socket may try to send, whatever its buffer */
#define COMPAT_FLAGS 0x80000000u   /* MSG_CMSG_COMPAT: the kernel's own mark */

/* One message on its way. */
struct sending {
        struct call *call;
        const struct net_socket *socket;
        const struct net_destination *to;
        const struct message *message;
        const struct control *control;
        int flags;         /* the task's */
        bool as_ourselves; /* the control data says who the task is; see send_prepare() */
};

/* Memory that the kernel may still read after munmap(): pages of a zero-copy send stay until they are sent.
 */
static char *buffer_new(size_t n) {
        char *buffer = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        return buffer == MAP_FAILED ? NULL : buffer;
}

static void buffer_free(char *buffer, size_t n) {
        if (buffer)
                munmap(buffer, n ? n : 1);
}

/* ---- one send of ours ---- */

/* -1 and errno, as the call; done is what went before. */
static int send_bytes(const struct sending *sending, char *bytes, size_t n, uint64_t done, bool last,
                      int extra_flags, long *ret) {
        struct iovec vector = { bytes, n };
        struct msghdr header = { .msg_iov = &vector, .msg_iovlen = 1 };
        int flags = sending->flags | extra_flags | MSG_NOSIGNAL, error, r;
        bool as_task;

        if (sending->to->n >= 0) {
                header.msg_name = (void *)(uintptr_t)&sending->to->any;
                header.msg_namelen = (socklen_t)sending->to->n;
        }
        if (done == 0 && sending->control->n > 0) {
                header.msg_control = sending->control->bytes;
                header.msg_controllen = sending->control->n;
        }
        /* The urgent byte, and the end of a record, are the last ones of all. */
        if (!last)
                flags &= ~(MSG_OOB | MSG_EOR);
        if (done > 0)
                flags &= ~MSG_FASTOPEN;
        as_task = !sending->as_ourselves && (net_asks_who(sending->socket) || sending->control->n > 0);
        r = as_task ? authority_assume(sending->call) : target_confirm(sending->call);
        if (r)
                return r;
        /* An address of no length is none to sendmsg, and a wrong one to sendto. */
        if (sending->to->n == 0)
                *ret = sendto(sending->socket->fd, bytes, n, flags, &sending->to->any, 0);
        else
                *ret = sendmsg(sending->socket->fd, &header, flags);
        error = errno;
        if (as_task)
                authority_return(sending->call);
        errno = error;
        return 0;
}

/* The kernel signals the sender, who is us: it is passed on. With SI_TKILL, and from us. */
static void signal_pipe(const struct sending *sending) {
        struct call *call = sending->call;
        uint32_t tgid;

        if (sending->socket->type != SOCK_STREAM || (sending->flags & MSG_NOSIGNAL))
                return;
        tgid = view_tgid(call);
        if (tgid != 0 && target_confirm(call) == 0)
                syscall(SYS_tgkill, tgid, call->tid, SIGPIPE);
}

/* ---- a whole message ---- */

static int send_datagram(const struct sending *sending, int extra_flags, long *ret) {
        const struct message *message = sending->message;
        size_t limit = DATAGRAM_MIN;
        socklen_t n_option = sizeof(int);
        char *bytes;
        int room = 0, r, error;

        /* No socket takes a message that is larger than its buffer. */
        if (getsockopt(sending->socket->fd, SOL_SOCKET, SO_SNDBUF, &room, &n_option) == 0 &&
            (size_t)room > limit)
                limit = (size_t)room;
        if (message->n > limit) {
                *ret = -1;
                errno = EMSGSIZE;
                return 0;
        }
        bytes = buffer_new(message->n);
        if (!bytes)
                return error_origin(-ENOMEM);
        r = message_gather(sending->call, message, 0, bytes, message->n);
        if (!r)
                r = send_bytes(sending, bytes, message->n, 0, true, extra_flags, ret);
        error = errno;
        buffer_free(bytes, message->n);
        errno = error;
        return r;
}

static int send_stream(const struct sending *sending, int extra_flags, long *ret) {
        uint64_t n = sending->message->n, done = sending->call->sent < n ? sending->call->sent : n;
        /* Each zero-copy send of ours would be reported on its own: what does not fit in one is not sent. */
        bool zero_copy = sending->flags & MSG_ZEROCOPY;
        size_t limit = zero_copy ? ZEROCOPY_MAX : PIECE;
        long sent = 0;
        int r = 0, error = 0;

        do {
                size_t piece = n - done < limit ? (size_t)(n - done) : limit;
                char *bytes = buffer_new(piece);

                if (!bytes)
                        return error_origin(-ENOMEM);
                r = message_gather(sending->call, sending->message, done, bytes, piece);
                if (!r)
                        r = send_bytes(sending, bytes, piece, done, done + piece == n, extra_flags, &sent);
                error = errno;
                buffer_free(bytes, piece);
                if (r || sent < 0)
                        break;
                done += (uint64_t)sent;
                if (strcmp(sending->call->name, "sendmmsg") != 0)
                        call_sent(sending->call, done);
                if ((size_t)sent < piece || zero_copy)
                        break;
        } while (done < n && !sending->call->kicked);
        /* What is gone cannot be taken back: trouble with the rest is not told now. */
        if (done > 0 || (!r && sent == 0)) {
                *ret = (long)done;
                return r == CALL_E_GONE ? r : 0;
        }
        *ret = -1;
        errno = error;
        return r;
}

/* Sends without blocking the session: CALL_E_SLOW where it would have to wait. */
static int send_message(struct sending *sending, long *ret) {
        struct call *call = sending->call;
        bool stream = sending->socket->type == SOCK_STREAM, may_wait = call->may_wait;
        bool waits = sending->socket->blocking && !(sending->flags & MSG_DONTWAIT);
        int extra = may_wait && waits ? 0 : MSG_DONTWAIT, r;

        /* Of a batch no message may be half sent; what connects first would report that it has begun to. */
        if (stream && waits && !may_wait &&
            (sending->message->n > PIECE || strcmp(call->name, "sendmmsg") == 0 ||
             (sending->flags & MSG_FASTOPEN)))
                return CALL_E_SLOW;
        r = stream ? send_stream(sending, extra, ret) : send_datagram(sending, extra, ret);
        if (!r && stream && waits && !may_wait && *ret >= 0 && (uint64_t)*ret < sending->message->n) {
                call->sent = (uint64_t)*ret;
                return CALL_E_SLOW;
        }
        if (!r && *ret < 0 && (errno == EAGAIN || errno == EINPROGRESS) && waits && !may_wait)
                return CALL_E_SLOW;
        if (!r && *ret < 0 && errno == EPIPE)
                signal_pipe(sending);
        return r;
}

/* ---- who sends ---- */

static bool may_name_others(void) {
        const uint32_t wanted = 1u << CAP_SYS_ADMIN | 1u << CAP_SETUID | 1u << CAP_SETGID;
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = { 0 };

        return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & wanted) == wanted;
}

/* May the task write to the object that *to is? The kernel would ask it of us, who may more. */
static int check_object(struct call *call) {
        int r = authority_assume(call), error = 0;

        if (r)
                return r;
        if (syscall(SYS_faccessat2, call->paths[0].fd, "", W_OK, AT_EACCESS | AT_EMPTY_PATH) < 0)
                error = errno;
        authority_return(call);
        if (error) {
                answer_errno(call, error);
                return NET_E_ANSWERED;
        }
        return 0;
}

/*
 * Whoever receives over a Unix socket may ask who sent, and would be told that we did. With CAP_SYS_ADMIN
 * the message says that it was the task; then it is sent without the task's authority, which need not hold
 * that capability, after the one permission that counts was looked at.
 */
static int send_prepare(struct sending *sending, struct control *control) {
        struct call *call = sending->call;
        int r;

        if (sending->socket->domain != AF_UNIX || !may_name_others())
                return 0;
        r = control_add_credentials(call, control);
        if (!r && call->address_path && sending->to->n >= 0 && sending->socket->type == SOCK_DGRAM)
                r = check_object(call);
        sending->as_ourselves = true;
        return r;
}

static int send_one(struct call *call, const struct net_socket *socket, const struct net_destination *to,
                    const struct message *message, int flags, long *ret) {
        cleanup_control struct control control = { 0 };
        struct sending sending = { .call = call,
                                   .socket = socket,
                                   .to = to,
                                   .message = message,
                                   .control = &control,
                                   .flags = flags };
        int r, error;

        /* The mark is what the kernel's entry for 32-bit tasks sets; sendto takes no notice. */
        if (net_is_compat(call) || strcmp(call->name, "sendto") == 0)
                sending.flags &= ~(int)COMPAT_FLAGS;
        r = control_read(call, message, &control);
        if (!r)
                r = send_prepare(&sending, &control);
        if (!r)
                r = send_message(&sending, ret);
        error = errno;
        control_deinit(&control);
        errno = error;
        return r;
}

/* ---- the calls ---- */

/* Socket and destination. */
static int send_begin(struct call *call, struct net_socket *socket, struct net_destination *to) {
        int r = net_know(call);

        if (!r)
                r = net_take(call, (int)call->args[0], socket);
        if (!r)
                r = net_destination(call, NET_SEND, socket, to);
        if (!r && call->verdict.action == POLICY_REDIRECT)
                r = net_redirect(call, NET_SEND, socket, to);
        if (r == NET_E_OTHER_FAMILY) {
                answer_errno(call, EAFNOSUPPORT);
                r = NET_E_ANSWERED;
        }
        return r;
}

static int finish(struct call *call, int r, long result) {
        if (r == NET_E_ANSWERED)
                return 0;
        return r ? target_error(call, r) : answer_result(call, result);
}

int net_sendto(struct call *call) {
        cleanup_net_socket struct net_socket socket = { .fd = -1 };
        cleanup_message struct message message = { 0 };
        struct net_destination to;
        long result = -1;
        int r = send_begin(call, &socket, &to);

        if (!r)
                r = message_plain(call->args[1], call->args[2], &message);
        if (!r)
                r = send_one(call, &socket, &to, &message, (int)call->args[3], &result);
        return finish(call, r, result);
}

int net_sendmsg(struct call *call) {
        cleanup_net_socket struct net_socket socket = { .fd = -1 };
        cleanup_message struct message message = { 0 };
        struct net_destination to;
        long result = -1;
        int r = send_begin(call, &socket, &to);

        if (!r)
                r = message_read(call, call->args[1], &message);
        if (!r)
                r = send_one(call, &socket, &to, &message, (int)call->args[2], &result);
        return finish(call, r, result);
}

/* Message i of a batch: sent, and its length told. */
static int send_of_batch(struct call *call, const struct net_socket *socket,
                         const struct net_destination *to, uint64_t at, long *ret) {
        cleanup_message struct message message = { 0 };
        uint32_t n;
        int r = message_read(call, at, &message), error;

        if (!r)
                r = send_one(call, socket, to, &message, (int)call->args[3], ret);
        error = errno;
        if (!r && *ret >= 0) {
                n = (uint32_t)*ret;
                r = target_write(call, at + message_header_size(call), &n, sizeof(n));
        }
        errno = error;
        return r;
}

/*
 * The judged address is that of the first message. The batch ends, and its result says so, before a message
 * that goes somewhere else; the task calls again for the rest, which is judged then.
 */
int net_sendmmsg(struct call *call) {
        cleanup_net_socket struct net_socket socket = { .fd = -1 };
        struct net_destination to;
        uint32_t n = (uint32_t)call->args[2];
        uint64_t size = message_header_size(call) + (net_is_compat(call) ? 4 : 8), at = call->args[1];
        long result = -1;
        uint32_t i = 0;
        int r = send_begin(call, &socket, &to);

        if (n > MESSAGE_VECTORS_MAX)
                n = MESSAGE_VECTORS_MAX;
        for (; !r && i < n; i++, at += size) {
                bool same = i == 0;

                if (i > 0)
                        r = net_same_address(call, at, &same);
                if (!r && !same) {
                        if (call->verdict.judged)
                                break;
                        r = net_fetch_message(call, at);
                        if (!r)
                                r = net_destination(call, NET_SEND, &socket, &to);
                }
                if (!r)
                        r = send_of_batch(call, &socket, &to, at, &result);
                if (r || result < 0)
                        break;
        }
        if (r == CALL_E_GONE)
                return r;
        if (i > 0 || (!r && n == 0)) {
                /* What stopped the batch shows again with its next message. */
                if (r == NET_E_ANSWERED)
                        call->answer = (struct answer){ .kind = ANSWER_NONE, .fd = -1, .fd_at = -1 };
                return answer_value(call, i);
        }
        return finish(call, r, result);
}
