/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Messages of the task: where their parts lie in its memory, and the control data as one of our own calls
 * can give it. Descriptors in it are copies of the task's; credentials are the task's or refused.
 */

#include "supervisor/emulate/net.h"

#define MESSAGE_VECTORS_MAX 1024 /* UIO_MAXIOV */

struct message_part {
        uint64_t address;
        uint64_t n;
};

struct message {
        struct message_part *parts; /* owned */
        size_t n_parts;
        uint64_t n; /* bytes in all, cut as the kernel cuts */
        uint64_t control_address;
        uint64_t n_control; /* in the task's memory */
};
void message_deinit(struct message *message);
#define cleanup_message __attribute__((cleanup(message_deinit)))

/* Of a struct msghdr: NET_E_ANSWERED for what the kernel refuses. */
int message_read(struct call *call, uint64_t header, struct message *ret);
/* Of a plain buffer. */
int message_plain(uint64_t address, uint64_t n, struct message *ret);
size_t message_header_size(const struct call *call);

/* Bytes from..from+n of the message, all of them: 0, CALL_E_FAULT, CALL_E_GONE, -errno. */
int message_gather(struct call *call, const struct message *message, uint64_t from, char *buffer, size_t n);

struct control {
        char *bytes; /* owned */
        size_t n, size;
        int *fds; /* owned, each of them */
        size_t n_fds;
        bool has_credentials;
};
void control_deinit(struct control *control);
#define cleanup_control __attribute__((cleanup(control_deinit)))

/* NET_E_ANSWERED: EINVAL, EBADF, EPERM, ENOBUFS. */
int control_read(struct call *call, const struct message *message, struct control *ret);
/* Adds the task's own credentials, which the kernel would have added as the sender's: only somebody with
 * CAP_SYS_ADMIN may name another process. 0, CALL_E_GONE or -errno. */
int control_add_credentials(struct call *call, struct control *control);
