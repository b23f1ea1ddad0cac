/* SPDX-License-Identifier: Apache-2.0 */

/*
 * From the task's memory to an address that can be judged and used. The kernel gives some addresses a
 * meaning that they do not show: "any" as a destination is this machine, AF_UNSPEC is whatever the socket
 * speaks. A rule on 127.0.0.1 must not be passed by writing 0.0.0.0, so the copy says what is meant, and the
 * copy is what is used.
 */

#include "supervisor/emulate/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/fd.h"

#define PATH_OFFSET   ((socklen_t)offsetof(struct sockaddr_un, sun_path))
#define INET6_MINIMUM offsetof(struct sockaddr_in6, sin6_scope_id) /* RFC 2133's; the kernel takes both */

static const struct {
        const char *call;
        enum net_role role;
        int address, length; /* arguments; length -1: address is that of a struct msghdr */
} rows[] = {
        { "connect", NET_CONNECT, 1, 2 }, { "bind", NET_BIND, 1, 2 },      { "sendto", NET_SEND, 4, 5 },
        { "sendmsg", NET_SEND, 1, -1 },   { "sendmmsg", NET_SEND, 1, -1 },
};

bool net_is_compat(const struct call *call) {
        return call->arch && call->arch->bits == 32;
}

/* ---- the copy ---- */

/* What lies at address: *ret_error is what the kernel says of length or memory. */
static int copy_address(struct call *call, uint64_t address, int n, struct sockaddr_storage *ret,
                        int *ret_error) {
        int r;

        memset(ret, 0, sizeof(*ret));
        *ret_error = 0;
        if (n < 0 || n > (int)sizeof(*ret)) {
                *ret_error = EINVAL;
                return 0;
        }
        r = target_read(call, address, ret, (size_t)n);
        if (r == CALL_E_FAULT) {
                *ret_error = EFAULT;
                return 0;
        }
        return r;
}

/* msg_name and msg_namelen stand first in every layout. */
static int copy_name(struct call *call, uint64_t message, struct sockaddr_storage *ret, socklen_t *ret_n,
                     bool *ret_given, int *ret_error) {
        uint64_t name = 0;
        int32_t n = 0;
        int r;

        *ret_given = false;
        *ret_n = 0;
        *ret_error = 0;
        if (net_is_compat(call)) {
                uint32_t words[2];

                r = target_read(call, message, words, sizeof(words));
                if (!r) {
                        name = words[0];
                        n = (int32_t)words[1];
                }
        } else {
                struct msghdr header;

                r = target_read(call, message, &header, offsetof(struct msghdr, msg_iov));
                if (!r) {
                        name = (uint64_t)(uintptr_t)header.msg_name;
                        n = (int32_t)header.msg_namelen;
                }
        }
        if (r == CALL_E_FAULT) {
                *ret_error = EFAULT;
                return 0;
        }
        if (r || name == 0 || n == 0)
                return r;
        /* Unlike elsewhere, what is too long is cut. */
        if (n > (int)sizeof(*ret))
                n = sizeof(*ret);
        r = copy_address(call, name, n, ret, ret_error);
        *ret_given = !r && !*ret_error;
        *ret_n = *ret_given ? (socklen_t)n : 0;
        return r;
}

/* ---- what is meant ---- */

static bool is_any(const struct sockaddr_storage *address, socklen_t n) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;

        if (address->ss_family == AF_INET && n >= sizeof(*in))
                return in->sin_addr.s_addr == htonl(INADDR_ANY);
        if (address->ss_family != AF_INET6 || n < INET6_MINIMUM)
                return false;
        if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
                return in6->sin6_addr.s6_addr32[3] == 0;
        return IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

/* The IPv4 address that a socket is bound to, if it is to one that can be a destination. */
static uint32_t bound_to(const struct sockaddr_storage *own) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)own;
        uint32_t bound = 0;

        if (own->ss_family == AF_INET)
                bound = ((const struct sockaddr_in *)own)->sin_addr.s_addr;
        else if (own->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
                bound = in6->sin6_addr.s6_addr32[3];
        return bound == 0 || bound == htonl(INADDR_BROADCAST) || IN_MULTICAST(ntohl(bound))
                       ? htonl(INADDR_LOOPBACK)
                       : bound;
}

/* As a destination, "any" is the address that the socket is bound to, or loopback (ip_route_output_key(),
 * tcp_v6_connect()). */
static void say_local(struct sockaddr_storage *address, const struct sockaddr_storage *own) {
        struct sockaddr_in *in = (struct sockaddr_in *)address;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
        const struct sockaddr_in6 *own6 = (const struct sockaddr_in6 *)own;

        if (address->ss_family == AF_INET) {
                in->sin_addr.s_addr = bound_to(own);
        } else if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
                in6->sin6_addr.s6_addr32[3] = bound_to(own);
        } else if (own->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&own6->sin6_addr)) {
                in6->sin6_addr.s6_addr32[2] = htonl(0xffff);
                in6->sin6_addr.s6_addr32[3] = htonl(INADDR_LOOPBACK);
        } else {
                in6->sin6_addr = in6addr_loopback;
        }
}

/* UDP over IPv4 and raw sockets take AF_UNSPEC for their own family when they send; inet_bind() takes it for
 * AF_INET with "any". */
static void say_family(struct sockaddr_storage *address, socklen_t n, enum net_role role, int domain,
                       int type) {
        if (role == NET_BIND && n >= sizeof(struct sockaddr_in) &&
            ((struct sockaddr_in *)address)->sin_addr.s_addr == htonl(INADDR_ANY))
                address->ss_family = AF_INET;
        if (role != NET_SEND)
                return;
        if (domain == AF_INET && n >= sizeof(struct sockaddr_in))
                address->ss_family = AF_INET;
        else if (domain == AF_INET6 && type == SOCK_RAW && n >= INET6_MINIMUM)
                address->ss_family = AF_INET6;
}

/* Makes the copy say what the kernel would understand. A number that is no socket changes nothing. */
static int canonize(struct call *call, enum net_role role, struct sockaddr_storage *address, socklen_t n) {
        cleanup_fd int fd = -1;
        struct sockaddr_storage own = { 0 };
        socklen_t n_own = sizeof(own), n_option = sizeof(int);
        int domain = -1, type = -1, error, r;
        bool unspecified =
                address->ss_family == AF_UNSPEC && n >= sizeof(sa_family_t) && role != NET_CONNECT;

        if (!unspecified && (role == NET_BIND || !is_any(address, n)))
                return 0;
        r = view_take_fd(call, (int)call->args[0], &fd, &error);
        if (r)
                return r;
        if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n_option) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n_option) < 0)
                domain = -1;
        if (unspecified)
                say_family(address, n, role, domain, type);
        if (role != NET_BIND && is_any(address, n)) {
                if (fd < 0 || getsockname(fd, (struct sockaddr *)&own, &n_own) < 0)
                        own.ss_family = AF_UNSPEC;
                say_local(address, &own);
        }
        return 0;
}

/* ---- facts ---- */

static int resolve_path(struct call *call, enum net_role role) {
        char path[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
        size_t n = call->n_address - PATH_OFFSET;
        int r;

        memcpy(path, (const char *)&call->address + PATH_OFFSET, n);
        path[n] = 0;
        r = view_resolve(call, AT_FDCWD, path, role == NET_BIND ? RESOLVE_PARENT : RESOLVE_FOLLOW,
                         &call->paths[0]);
        if (r)
                return r;
        call->n_paths = 1;
        call->address_path = true;
        call->facts.paths[0] = call->paths[0].path;
        call->facts.n_paths = 1;
        call->facts.known |= 1u << POLICY_FACT_PATHS;
        return 0;
}

static void forget(struct call *call) {
        call->facts.address = NULL;
        call->facts.n_address = 0;
        call->facts.n_paths = 0;
        if (call->n_paths > 0)
                resolved_deinit(&call->paths[0]);
        call->paths[0] = (struct resolved)RESOLVED_INIT;
        call->n_paths = 0;
        call->address_path = false;
}

static int state_facts(struct call *call, enum net_role role) {
        int r = 0;

        forget(call);
        if (!call->address_given || call->address_error || call->n_address < sizeof(sa_family_t))
                return 0;
        switch (call->address.ss_family) {
        case AF_UNIX:
                if (call->n_address > sizeof(struct sockaddr_un))
                        return 0;
                if (call->n_address > PATH_OFFSET && ((const char *)&call->address)[PATH_OFFSET])
                        r = resolve_path(call, role);
                break;
        case AF_INET:
                if (call->n_address < sizeof(struct sockaddr_in))
                        return 0;
                break;
        case AF_INET6:
                if (call->n_address < INET6_MINIMUM)
                        return 0;
                break;
        default:
                return 0;
        }
        call->facts.address = (const struct sockaddr *)&call->address;
        call->facts.n_address = call->n_address;
        return r;
}

int net_fetch_message(struct call *call, uint64_t message) {
        int r = copy_name(call, message, &call->address, &call->n_address, &call->address_given,
                          &call->address_error);

        if (!r && call->address_given)
                r = canonize(call, NET_SEND, &call->address, call->n_address);
        return r ? r : state_facts(call, NET_SEND);
}

int net_fetch(struct call *call) {
        size_t i;
        int r;

        forget(call);
        call->address_given = false;
        call->address_error = 0;
        call->n_address = 0;
        for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (strcmp(rows[i].call, call->name) == 0)
                        break;
        if (i == sizeof(rows) / sizeof(rows[0]))
                return 0;
        if (rows[i].length < 0) {
                /* sendmmsg without messages looks at none. */
                if (strcmp(call->name, "sendmmsg") == 0 && (uint32_t)call->args[2] == 0)
                        return 0;
                return net_fetch_message(call, call->args[1]);
        }
        if (rows[i].role == NET_SEND && call->args[rows[i].address] == 0)
                return 0;
        r = copy_address(call, call->args[rows[i].address], (int)call->args[rows[i].length], &call->address,
                         &call->address_error);
        call->address_given = true;
        call->n_address = call->address_error ? 0 : (socklen_t)call->args[rows[i].length];
        if (!r && call->address_given && !call->address_error)
                r = canonize(call, rows[i].role, &call->address, call->n_address);
        return r ? r : state_facts(call, rows[i].role);
}

int net_know(struct call *call) {
        int r = 0;

        if (!(call->facts.known & 1u << POLICY_FACT_ADDRESS))
                r = net_fetch(call);
        if (!r)
                call->facts.known |= 1u << POLICY_FACT_ADDRESS;
        return r;
}

int net_same_address(struct call *call, uint64_t message, bool *ret_same) {
        struct sockaddr_storage address;
        socklen_t n;
        bool given;
        int error, r = copy_name(call, message, &address, &n, &given, &error);

        *ret_same = false;
        if (r)
                return r;
        if (error == EFAULT)
                return CALL_E_FAULT;
        if (error)
                return 0;
        if (given) {
                r = canonize(call, NET_SEND, &address, n);
                if (r)
                        return r;
        }
        *ret_same = given == call->address_given && n == call->n_address &&
                    (!given || memcmp(&address, &call->address, n) == 0);
        return 0;
}

/* ---- for the kernel ---- */

int net_take(struct call *call, int fd, struct net_socket *ret) {
        socklen_t n = sizeof(int);
        int error, flags, r = view_take_fd(call, fd, &ret->fd, &error);

        if (r)
                return r;
        if (ret->fd < 0) {
                answer_errno(call, error);
                return NET_E_ANSWERED;
        }
        if (getsockopt(ret->fd, SOL_SOCKET, SO_DOMAIN, &ret->domain, &n) < 0 ||
            getsockopt(ret->fd, SOL_SOCKET, SO_TYPE, &ret->type, &n) < 0) {
                answer_errno(call, errno); /* ENOTSOCK, or EBADF for O_PATH */
                return NET_E_ANSWERED;
        }
        flags = fcntl(ret->fd, F_GETFL);
        ret->blocking = flags >= 0 && !(flags & O_NONBLOCK);
        return 0;
}

int net_object(struct call *call, struct net_destination *ret) {
        const struct resolved *object = &call->paths[0];
        struct sockaddr_un *un = (struct sockaddr_un *)&ret->storage;
        int error = object->error;

        if (!error && object->slash && !S_ISDIR(object->mode))
                error = ENOTDIR;
        if (error) {
                answer_errno(call, error);
                return NET_E_ANSWERED;
        }
        /* The link of a descriptor is the object itself: nothing in the task's file system has a say. */
        *un = (struct sockaddr_un){ .sun_family = AF_UNIX };
        snprintf(un->sun_path, sizeof(un->sun_path), "/proc/self/fd/%d", object->fd);
        ret->n = (int)(PATH_OFFSET + strlen(un->sun_path) + 1);
        return 0;
}

int net_destination(struct call *call, enum net_role role, const struct net_socket *socket,
                    struct net_destination *ret) {
        ret->n = -1;
        ret->at_path = role == NET_BIND && socket->domain == AF_UNIX && call->address_path;
        if (call->address_error) {
                answer_errno(call, call->address_error);
                return NET_E_ANSWERED;
        }
        if (!call->address_given)
                return 0;
        /* Unix sockets other than datagram ones take no notice of where a message is to go. */
        if (call->address_path && socket->domain == AF_UNIX && call->verdict.action != POLICY_REDIRECT &&
            (role == NET_CONNECT || (role == NET_SEND && socket->type == SOCK_DGRAM)))
                return net_object(call, ret);
        /* It was not taken for an address, so it must not become one: the number may be another socket by
         * now. Where AF_UNSPEC is none, it means the peer. */
        if (role == NET_SEND && call->address.ss_family == AF_UNSPEC &&
            call->n_address >= sizeof(sa_family_t) &&
            (socket->domain == AF_INET || socket->domain == AF_INET6))
                return 0;
        ret->storage = call->address;
        ret->n = (int)call->n_address;
        return 0;
}
