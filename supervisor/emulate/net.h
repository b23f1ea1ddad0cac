/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls that take socket addresses, done on the task's own socket (pidfd_getfd) with our copy of the
 * address.
 *
 * What was judged is what is used. An address is copied once; what the kernel would read out of it only with
 * the socket in hand (0.0.0.0, AF_UNSPEC) is made explicit in the copy, and a path is resolved to the object
 * itself, so that neither the task's memory, nor its descriptors, nor its file system can make another
 * address of it afterwards.
 */

#include <sys/socket.h>

#include "base/fd.h"
#include "supervisor/emulate/emulate.h"

enum net_code {
        NET_E_ANSWERED = 48,     /* the task's own mistake: the answer is filled */
        NET_E_OTHER_FAMILY = 49, /* net_redirect() */
};

enum net_role {
        NET_CONNECT,
        NET_BIND,
        NET_SEND,
};

/* POLICY_FACT_ADDRESS: call->address and the facts. 0, CALL_E_GONE, CALL_E_SLOW or -errno. An address that
 * the kernel would refuse is absent from the facts, and what it would say is kept for the performer. */
int net_fetch(struct call *call);
/* The same, unless it was done. */
int net_know(struct call *call);
/* The same of one message of several, by the place of its struct msghdr. */
int net_fetch_message(struct call *call, uint64_t message);
/* Is the address of another message the one that was fetched? CALL_E_FAULT as well. */
int net_same_address(struct call *call, uint64_t message, bool *ret_same);

/* The task's socket, in our hands. */
struct net_socket {
        int fd; /* owned; -1 */
        int domain, type;
        bool blocking; /* O_NONBLOCK is not set; a hint, since other tasks may change it */
};
/* Does the kernel look at who calls when this socket connects or sends without control data? For Internet
 * addresses it does not. */
static inline bool net_asks_who(const struct net_socket *socket) {
        return socket->domain != AF_INET && socket->domain != AF_INET6;
}
/* Number fd of the task. NET_E_ANSWERED: EBADF or ENOTSOCK. */
int net_take(struct call *call, int fd, struct net_socket *ret);
static inline void net_socket_cleanup(struct net_socket *socket) {
        fd_close(socket->fd);
}
#define cleanup_net_socket __attribute__((cleanup(net_socket_cleanup)))

/* What to give to the kernel. n < 0: no address at all. */
struct net_destination {
        union {
                struct sockaddr any;
                struct sockaddr_storage storage;
        };
        int n;
        bool at_path; /* a Unix path to bind to: the name in call->paths[0] */
};
/* NET_E_ANSWERED: the path leads nowhere, for example. For bind a path is left as it was written. */
int net_destination(struct call *call, enum net_role role, const struct net_socket *socket,
                    struct net_destination *ret);
/* Unix: the object that call->paths[0] is. */
int net_object(struct call *call, struct net_destination *ret);

/*
 * REDIRECT: *to becomes the rule's address, in the family of the socket where there is a way. Otherwise
 * NET_E_OTHER_FAMILY, and *to is of another family: a socket of that family must take the place of the
 * task's.
 */
int net_redirect(struct call *call, enum net_role role, const struct net_socket *socket,
                 struct net_destination *to);

/* A socket of the family of *to, with the options of the task's; blocking. */
int net_substitute(struct call *call, const struct net_socket *given, int family, struct net_socket *ret);
/* Puts it in the place of the task's: under all numbers that it has in this process, and in every epoll
 * instance. The answer is 0. */
int net_replace(struct call *call, const struct net_socket *given, const struct net_socket *substitute);

/* Layouts of pointers and lengths in the task's memory: i386's and x32's are the same ones. */
bool net_is_compat(const struct call *call);

/*
 * What getsockname and getpeername are to show (`emulate: addresses`): call->address, which a call that did
 * well, or did not, has given. Keeps errno.
 */
int net_remember(struct call *call, enum net_role role, const struct net_socket *socket, bool well);
/* Copies of a substitute show what the program would expect of its own socket. */
int net_remember_substitute(struct call *call, enum net_role role, const struct net_socket *socket,
                            const struct net_socket *substitute);
extern const struct emulation emulate_addresses;

int net_connect(struct call *call);
int net_bind(struct call *call);
int net_sendto(struct call *call);
int net_sendmsg(struct call *call);
int net_sendmmsg(struct call *call);

extern const struct emulator perform_net[];
