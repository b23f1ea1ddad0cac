/* SPDX-License-Identifier: Apache-2.0 */

/*
 * `emulate: addresses`: getsockname and getpeername show what the program asked for, where a call was
 * redirected or a Unix name was made from within its directory. Remembered by the socket's cookie, which is
 * the same for all copies of a socket, and never that of another one.
 */

#include "supervisor/emulate/net.h"

#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/error.h"

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)
#define SLOTS_MAX   65536u /* sockets; of more, those that were told longest ago show what they have */

struct shown {
        struct sockaddr_storage address;
        socklen_t n; /* 0: what the kernel says */
};

struct slot {
        uint64_t cookie; /* 0: empty */
        struct shown own, peer;
        bool substitute; /* of another family than the program thinks */
};

/* A ring in the order of arrival; looked up by walking, from the newest: there are few. */
struct addresses {
        pthread_mutex_t lock;
        struct slot *slots;
        size_t n, size, next;
};

static int addresses_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        struct addresses *addresses = calloc(1, sizeof(*addresses));

        if (!addresses)
                return error_origin(-ENOMEM);
        pthread_mutex_init(&addresses->lock, NULL);
        *ret_state = addresses;
        return 0;
}

static void addresses_close(void *state) {
        struct addresses *addresses = state;

        if (!addresses)
                return;
        pthread_mutex_destroy(&addresses->lock);
        free(addresses->slots);
        free(addresses);
}

static uint64_t cookie_of(int fd) {
        uint64_t cookie = 0;
        socklen_t n = sizeof(cookie);

        return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &n) == 0 ? cookie : 0;
}

static struct slot *find(struct addresses *addresses, uint64_t cookie) {
        for (size_t i = 0; i < addresses->n; i++) {
                struct slot *slot =
                        &addresses->slots[(addresses->next + addresses->n - 1 - i) % addresses->n];

                if (slot->cookie == cookie)
                        return slot;
        }
        return NULL;
}

/* An existing one, or a place for it; NULL without memory. */
static struct slot *obtain(struct addresses *addresses, uint64_t cookie) {
        struct slot *slot = find(addresses, cookie);

        if (slot)
                return slot;
        if (addresses->n < SLOTS_MAX && addresses->n == addresses->size) {
                size_t size = addresses->size ? addresses->size * 2 : 16;
                struct slot *grown = realloc(addresses->slots, size * sizeof(*grown));

                if (!grown)
                        return NULL;
                addresses->slots = grown;
                addresses->size = size;
        }
        if (addresses->n < SLOTS_MAX) {
                slot = &addresses->slots[addresses->n++];
                addresses->next = 0;
        } else {
                slot = &addresses->slots[addresses->next];
                addresses->next = (addresses->next + 1) % SLOTS_MAX;
        }
        *slot = (struct slot){ .cookie = cookie };
        return slot;
}

static struct shown as_asked(const struct call *call) {
        struct shown shown = { .address = call->address, .n = call->n_address };

        /* The kernel shows whole addresses, whatever was given. */
        if (shown.address.ss_family == AF_INET)
                shown.n = sizeof(struct sockaddr_in);
        else if (shown.address.ss_family == AF_INET6)
                shown.n = sizeof(struct sockaddr_in6);
        else if (call->address_path)
                shown.n = (socklen_t)(PATH_OFFSET +
                                      strnlen((const char *)&shown.address + PATH_OFFSET,
                                              sizeof(shown.address) - PATH_OFFSET) +
                                      1);
        return shown;
}

/* Does what the kernel says of the socket differ from what the program asked for? */
static bool is_changed(const struct call *call) {
        return call->verdict.action == POLICY_REDIRECT || call->address_path;
}

int net_remember(struct call *call, enum net_role role, const struct net_socket *socket, bool well) {
        struct addresses *addresses = emulation_state_of(call, "addresses");
        bool changed = well && call->facts.address && is_changed(call);
        int error = errno;
        struct slot *slot;
        uint64_t cookie;

        /* A path that is connected to leaves the listener's own name to be seen. */
        if (role == NET_CONNECT && call->verdict.action != POLICY_REDIRECT)
                changed = false;
        errno = error;
        if (!addresses || !well)
                return 0;
        cookie = cookie_of(socket->fd);
        pthread_mutex_lock(&addresses->lock);
        slot = cookie == 0 ? NULL : changed ? obtain(addresses, cookie) : find(addresses, cookie);
        if (slot && role == NET_CONNECT)
                slot->peer = changed ? as_asked(call) : (struct shown){ .n = 0 };
        else if (slot)
                slot->own = changed ? as_asked(call) : (struct shown){ .n = 0 };
        pthread_mutex_unlock(&addresses->lock);
        errno = error;
        return 0;
}

int net_remember_substitute(struct call *call, enum net_role role, const struct net_socket *socket,
                            const struct net_socket *substitute) {
        struct addresses *addresses = emulation_state_of(call, "addresses");
        uint64_t cookie = cookie_of(substitute->fd);
        struct slot *slot;

        if (!addresses || cookie == 0)
                return 0;
        pthread_mutex_lock(&addresses->lock);
        slot = obtain(addresses, cookie);
        if (slot)
                slot->substitute = true;
        if (slot && role == NET_BIND) {
                slot->own = as_asked(call);
        } else if (slot) {
                slot->peer = as_asked(call);
                /* As far as it had one: of the family that the program knows. */
                slot->own.n = sizeof(slot->own.address);
                if (getsockname(socket->fd, (struct sockaddr *)&slot->own.address, &slot->own.n) < 0)
                        slot->own.n = 0;
        }
        pthread_mutex_unlock(&addresses->lock);
        return 0;
}

/* As move_addr_to_user(): cut to the room there is, and the whole length told. */
static int show(struct call *call, const struct shown *shown) {
        int32_t room, whole = (int32_t)shown->n;
        int r = target_read(call, call->args[2], &room, sizeof(room));

        if (r)
                return target_error(call, r);
        if (room < 0)
                return answer_errno(call, EINVAL);
        if (room > whole)
                room = whole;
        r = target_write(call, call->args[1], &shown->address, (size_t)room);
        if (!r)
                r = target_write(call, call->args[2], &whole, sizeof(whole));
        return r ? target_error(call, r) : answer_value(call, 0);
}

static bool is_internet(const struct sockaddr_storage *address) {
        return address->ss_family == AF_INET || address->ss_family == AF_INET6;
}

static int get_name(struct call *call, bool peer) {
        struct addresses *addresses = emulation_state_of(call, "addresses");
        cleanup_net_socket struct net_socket socket = { .fd = -1 };
        struct sockaddr_storage own;
        struct shown shown = { .n = 0 };
        socklen_t n = sizeof(own);
        const struct slot *slot;
        int r = net_take(call, (int)call->args[0], &socket);

        if (r)
                return r == NET_E_ANSWERED ? 0 : r;
        pthread_mutex_lock(&addresses->lock);
        slot = find(addresses, cookie_of(socket.fd));
        if (slot)
                shown = peer ? slot->peer : slot->own;
        pthread_mutex_unlock(&addresses->lock);
        /* One that is no longer connected has no peer, whatever it was. */
        if ((peer ? getpeername(socket.fd, (struct sockaddr *)&own, &n)
                  : getsockname(socket.fd, (struct sockaddr *)&own, &n)) < 0)
                return answer_errno(call, errno);
        if (shown.n == 0) {
                shown.address = own;
                shown.n = n;
        } else if (!peer && is_internet(&own) && is_internet(&shown.address) &&
                   ((struct sockaddr_in *)&shown.address)->sin_port == 0) {
                /* Port 0 was a wish for any; it stands at the same place in both families. */
                ((struct sockaddr_in *)&shown.address)->sin_port = ((struct sockaddr_in *)&own)->sin_port;
        }
        return show(call, &shown);
}

static bool is_internet_level(int level) {
        return level == IPPROTO_IP || level == IPPROTO_TCP || level == IPPROTO_IPV6;
}

static int get_own(struct call *call) {
        return get_name(call, false);
}

static int get_peer(struct call *call) {
        return get_name(call, true);
}

/* Options of TCP and IP, which a program would set on the socket that it had: Nagle's algorithm and the like
 * mean nothing to the substitute, and a failure might end the program. */
static int set_option(struct call *call) {
        struct addresses *addresses = emulation_state_of(call, "addresses");
        cleanup_net_socket struct net_socket socket = { .fd = -1 };
        const struct slot *slot;
        bool pretend;
        int r = net_take(call, (int)call->args[0], &socket);

        if (r)
                return r == NET_E_ANSWERED ? 0 : r;
        pthread_mutex_lock(&addresses->lock);
        slot = find(addresses, cookie_of(socket.fd));
        pretend = slot && slot->substitute && socket.domain == AF_UNIX;
        pthread_mutex_unlock(&addresses->lock);
        return pretend && is_internet_level((int)call->args[1]) ? answer_value(call, 0)
                                                                : answer_continue(call);
}

static const struct emulator rows[] = {
        { "getsockname", get_own },
        { "getpeername", get_peer },
        { "setsockopt", set_option },
        { 0 },
};

const struct emulation emulate_addresses = {
        .name = "addresses",
        .rows = rows,
        .open = addresses_open,
        .close = addresses_close,
};
