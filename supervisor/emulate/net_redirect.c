/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Another address than the program's. Where the socket's family can reach it, only the address changes.
 * Where it cannot (TCP to a Unix socket), another socket takes the place of the task's: under every number
 * that the process has for it, with options and flags, and in every epoll instance of the process.
 *
 * An epoll instance knows an entry by open file and number. Both can be had from outside: the instance by
 * pidfd_getfd, the number by giving the substitute the same one in a descriptor table made for that moment.
 */

#include "supervisor/emulate/net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "policy/native/address.h"

#define PATH_OFFSET  ((socklen_t)offsetof(struct sockaddr_un, sun_path))
#define NUMBERS_MAX  256 /* numbers of one socket, and entries of epoll instances, that are looked after */
#define FDINFO_BYTES 65536

static int answer_with(struct call *call, int error) {
        answer_errno(call, error);
        return NET_E_ANSWERED;
}

/* ---- the new address ---- */

static uint16_t port_of(const struct net_destination *to) {
        return to->any.sa_family == AF_INET6 ? ((const struct sockaddr_in6 *)&to->storage)->sin6_port
                                             : ((const struct sockaddr_in *)&to->storage)->sin_port;
}

static void put_inet(struct net_destination *to, const uint8_t *bytes, uint16_t port) {
        struct sockaddr_in *in = (struct sockaddr_in *)&to->storage;

        *in = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = port };
        memcpy(&in->sin_addr, bytes, sizeof(in->sin_addr));
        to->n = sizeof(*in);
}

static void put_inet6(struct net_destination *to, const uint8_t *bytes, bool mapped, uint16_t port) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&to->storage;

        *in6 = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = port };
        if (mapped) {
                in6->sin6_addr.s6_addr32[2] = htonl(0xffff);
                memcpy(&in6->sin6_addr.s6_addr32[3], bytes, 4);
        } else {
                memcpy(&in6->sin6_addr, bytes, sizeof(in6->sin6_addr));
        }
        to->n = sizeof(*in6);
}

/* A path as the program sees paths. */
static int put_path(struct call *call, enum net_role role, const char *path, struct net_destination *to) {
        int r;

        if (call->n_paths > 0)
                resolved_deinit(&call->paths[0]);
        call->paths[0] = (struct resolved)RESOLVED_INIT;
        call->n_paths = 0;
        r = view_resolve(call, AT_FDCWD, path, role == NET_BIND ? RESOLVE_PARENT : RESOLVE_FOLLOW,
                         &call->paths[0]);
        if (r)
                return r;
        call->n_paths = 1;
        call->facts.n_paths = 0; /* they pointed there */
        to->storage = (struct sockaddr_storage){ .ss_family = AF_UNIX };
        to->n = PATH_OFFSET;
        to->at_path = role == NET_BIND;
        return to->at_path ? 0 : net_object(call, to);
}

static int put_unix(struct call *call, enum net_role role, const char *path, struct net_destination *to) {
        struct sockaddr_un *un = (struct sockaddr_un *)&to->storage;
        size_t n = strlen(path);

        if (*path != '@')
                return put_path(call, role, path, to);
        *un = (struct sockaddr_un){ .sun_family = AF_UNIX };
        memcpy(un->sun_path + 1, path + 1, n - 1);
        to->n = (int)(PATH_OFFSET + n);
        to->at_path = false;
        return 0;
}

static bool is_internet(int family) {
        return family == AF_INET || family == AF_INET6;
}

static int put_target(struct call *call, enum net_role role, const struct net_socket *socket,
                      const struct address_target *target, struct net_destination *to) {
        int family = to->any.sa_family;
        uint16_t port = target->has_port ? htons(target->port) : is_internet(family) ? port_of(to) : 0;

        switch (target->family) {
        case AF_UNIX: {
                int r = put_unix(call, role, target->path, to);

                return r ? r : socket->domain == AF_UNIX ? 0 : NET_E_OTHER_FAMILY;
        }
        case AF_INET:
                if (socket->domain == AF_INET6) {
                        put_inet6(to, target->bytes, true, port);
                        return 0;
                }
                put_inet(to, target->bytes, port);
                break;
        case AF_INET6:
                put_inet6(to, target->bytes, false, port);
                break;
        default:
                if (!is_internet(family))
                        return answer_with(call, EAFNOSUPPORT);
                /* The port is at the same place in both. */
                ((struct sockaddr_in *)&to->storage)->sin_port = port;
                return 0;
        }
        to->at_path = false;
        return socket->domain == target->family ? 0 : NET_E_OTHER_FAMILY;
}

int net_redirect(struct call *call, enum net_role role, const struct net_socket *socket,
                 struct net_destination *to) {
        struct address_target target;
        char error[256], *text;
        int r;

        /* Disconnecting, netlink and the like go where they go. */
        if (!call->facts.address || (!is_internet(socket->domain) && socket->domain != AF_UNIX))
                return 0;
        r = policy_expand(call->verdict.rule->text, &call->verdict, &text);
        if (r)
                return error_trace(r);
        r = address_target_parse(text, &target, error, sizeof(error));
        if (!r)
                r = put_target(call, role, socket, &target, to);
        else if (r > 0)
                r = error_origin(-EINVAL);
        free(text);
        return r;
}

/* ---- a substitute ---- */

static const struct {
        int option;
        socklen_t size;
        bool doubled; /* the kernel doubles what is set */
} kept_options[] = {
        { SO_KEEPALIVE, sizeof(int), false },
        { SO_OOBINLINE, sizeof(int), false },
        { SO_PRIORITY, sizeof(int), false },
        { SO_RCVLOWAT, sizeof(int), false },
        { SO_SNDBUF, sizeof(int), true },
        { SO_RCVBUF, sizeof(int), true },
        { SO_LINGER, sizeof(struct linger), false },
        { SO_RCVTIMEO, sizeof(struct timeval), false },
        { SO_SNDTIMEO, sizeof(struct timeval), false },
        { SO_TIMESTAMP, sizeof(int), false },
};

/* Only what differs from what the new socket has: setting a size fixes it. */
static void keep_options(const struct net_socket *given, const struct net_socket *substitute) {
        for (size_t i = 0; i < sizeof(kept_options) / sizeof(kept_options[0]); i++) {
                char wanted[32] = { 0 }, there[32] = { 0 }, usual[32] = { 0 };
                socklen_t n = kept_options[i].size, n_there = n, n_usual = n;
                cleanup_fd int fresh = -1;

                if (getsockopt(given->fd, SOL_SOCKET, kept_options[i].option, wanted, &n) < 0 ||
                    getsockopt(substitute->fd, SOL_SOCKET, kept_options[i].option, there, &n_there) < 0 ||
                    memcmp(wanted, there, n) == 0)
                        continue;
                /* Families begin with different sizes: the program's wish shows against its own family. */
                fresh = socket(given->domain, given->type | SOCK_CLOEXEC, 0);
                if (fresh >= 0 &&
                    getsockopt(fresh, SOL_SOCKET, kept_options[i].option, usual, &n_usual) == 0 &&
                    memcmp(wanted, usual, n) == 0)
                        continue;
                if (kept_options[i].doubled) {
                        int size;

                        memcpy(&size, wanted, sizeof(size));
                        size /= 2;
                        memcpy(wanted, &size, sizeof(size));
                }
                setsockopt(substitute->fd, SOL_SOCKET, kept_options[i].option, wanted, n);
        }
}

/* A socket of ours belongs to our network namespace; a path is of none. */
static bool same_network(struct call *call) {
        char theirs[64], ours[64];
        ssize_t n = readlink("/proc/self/ns/net", ours, sizeof(ours) - 1);

        if (n < 0)
                return false;
        ours[n] = 0;
        return call->kernel->read_link(call->kernel->data, call->tid, "ns/net", theirs, sizeof(theirs)) >
                       0 &&
               strcmp(ours, theirs) == 0;
}

int net_substitute(struct call *call, const struct net_socket *given, int family, struct net_socket *ret) {
        bool by_path = family == AF_UNIX && call->n_paths > 0;

        if (!by_path && !same_network(call))
                return answer_with(call, EAFNOSUPPORT);
        ret->domain = family;
        ret->type = given->type;
        ret->blocking = true;
        ret->fd = socket(family, given->type | SOCK_CLOEXEC, 0);
        if (ret->fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM))
                return error_origin(-errno);
        if (ret->fd < 0)
                return answer_with(call, EAFNOSUPPORT);
        keep_options(given, ret);
        return 0;
}

/* ---- in the place of the task's ---- */

/* Where the task's socket is to be found. */
struct places {
        ino_t ino;
        struct {
                int number;
                bool cloexec;
        } numbers[NUMBERS_MAX];
        size_t n_numbers;
        struct {
                int epoll; /* our copy; owned */
                int number;
                uint32_t events;
                uint64_t data;
        } entries[NUMBERS_MAX];
        size_t n_entries;
        int fd, old_fd; /* borrowed: the substitute, and the task's socket */
};

static void places_deinit(struct places *places) {
        for (size_t i = 0; i < places->n_entries; i++)
                fd_close(places->entries[i].epoll);
}

/* Contents of /proc/TID/fdinfo/NUMBER; owned by the caller. */
static char *read_fdinfo(struct call *call, int number) {
        char name[32], *text = malloc(FDINFO_BYTES + 1);
        long n = 0, offset = 0;

        snprintf(name, sizeof(name), "fdinfo/%d", number);
        while (text && offset < FDINFO_BYTES) {
                n = call->kernel->read_proc(call->kernel->data, call->tid, name, text + offset,
                                            (size_t)(FDINFO_BYTES - offset), offset);
                if (n <= 0)
                        break;
                offset += n;
        }
        if (text)
                text[offset] = 0;
        return text;
}

static void look_at_socket(struct call *call, struct places *places, int number) {
        char *text = read_fdinfo(call, number), *flags = text ? strstr(text, "flags:") : NULL;

        if (flags && places->n_numbers < NUMBERS_MAX) {
                places->numbers[places->n_numbers].number = number;
                places->numbers[places->n_numbers++].cloexec =
                        strtoul(flags + strlen("flags:"), NULL, 8) & O_CLOEXEC;
        }
        free(text);
}

/* "tfd:        5 events:       19 data:               5  pos:0 ino:1f3a sdev:8" */
static int look_at_epoll(struct call *call, struct places *places, int number) {
        char *text = read_fdinfo(call, number);
        int r = 0;

        for (char *line = text; !r && line && (line = strstr(line, "tfd:")); line++) {
                unsigned long ino = 0;
                uint32_t events;
                uint64_t data;
                int tfd, error;

                if (sscanf(line, "tfd: %d events: %" SCNx32 " data: %" SCNx64 " pos:%*d ino:%lx", &tfd,
                           &events, &data, &ino) != 4 ||
                    ino != places->ino || places->n_entries == NUMBERS_MAX)
                        continue;
                places->entries[places->n_entries].number = tfd;
                places->entries[places->n_entries].events = events;
                places->entries[places->n_entries].data = data;
                r = view_take_fd(call, number, &places->entries[places->n_entries].epoll, &error);
                if (!r && places->entries[places->n_entries].epoll >= 0)
                        places->n_entries++;
        }
        free(text);
        return r;
}

static int look_around(struct call *call, struct places *places) {
        int fd = call->kernel->open_proc(call->kernel->data, call->tid, "fd", O_RDONLY | O_DIRECTORY), r = 0;
        char wanted[64];
        struct dirent *entry;
        DIR *folder;

        if (fd < 0)
                return fd == -ENOENT || fd == -ESRCH ? CALL_E_GONE : error_origin(fd);
        folder = fdopendir(fd);
        if (!folder) {
                fd_close(fd);
                return error_origin(-ENOMEM);
        }
        snprintf(wanted, sizeof(wanted), "socket:[%lu]", (unsigned long)places->ino);
        while (!r && (entry = readdir(folder))) {
                char name[32], link[128];

                if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
                        continue;
                snprintf(name, sizeof(name), "fd/%.20s", entry->d_name);
                if (call->kernel->read_link(call->kernel->data, call->tid, name, link, sizeof(link)) < 0)
                        continue;
                if (strcmp(link, wanted) == 0)
                        look_at_socket(call, places, atoi(entry->d_name));
                else if (strcmp(link, "anon_inode:[eventpoll]") == 0)
                        r = look_at_epoll(call, places, atoi(entry->d_name));
        }
        closedir(folder);
        return r;
}

/* fd under another number than this, which is about to be used. */
static int out_of_the_way(int fd, int number) {
        return fd == number ? fcntl(fd, F_DUPFD_CLOEXEC, number + 1) : fd;
}

/* On a thread whose descriptor table is its own and ends with it. */
static void *move_entries(void *data) {
        struct places *places = data;

        if (unshare(CLONE_FILES) < 0)
                return NULL;
        for (size_t i = 0; i < places->n_entries; i++) {
                int number = places->entries[i].number;
                int fd = out_of_the_way(places->fd, number), old_fd = out_of_the_way(places->old_fd, number);
                int epoll = out_of_the_way(places->entries[i].epoll, number);
                struct epoll_event event = { .events = places->entries[i].events,
                                             .data.u64 = places->entries[i].data };

                if (fd < 0 || old_fd < 0 || epoll < 0)
                        continue;
                if (dup2(old_fd, number) == number)
                        epoll_ctl(epoll, EPOLL_CTL_DEL, number, NULL);
                if (dup2(fd, number) == number)
                        epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event);
                /* Who held the place of the number stays where it went. */
                places->fd = fd;
                places->old_fd = old_fd;
                for (size_t j = i + 1; j < places->n_entries; j++)
                        if (places->entries[j].epoll == number)
                                places->entries[j].epoll = -1;
        }
        return NULL;
}

int net_replace(struct call *call, const struct net_socket *given, const struct net_socket *substitute) {
        struct places places = { .fd = substitute->fd, .old_fd = given->fd };
        int number = (int)call->args[0], flags = fcntl(given->fd, F_GETFL);
        struct stat st;
        pthread_t thread;
        int r;

        if (fstat(given->fd, &st) < 0 || flags < 0 ||
            fcntl(substitute->fd, F_SETFL, flags & (O_NONBLOCK | O_ASYNC)) < 0)
                return error_origin(-errno);
        places.ino = st.st_ino;
        r = look_around(call, &places);
        for (size_t i = 0; !r && i < places.n_numbers; i++) {
                r = call->kernel->add_fd(call->kernel->data, call->listener_fd, call->notif.id,
                                         substitute->fd, places.numbers[i].number, places.numbers[i].cloexec,
                                         false);
                if (r >= 0)
                        r = 0;
                else if (r == -ENOENT)
                        r = CALL_E_GONE;
                else if (r == -EBADF && places.numbers[i].number != number)
                        r = 0;
        }
        if (!r && places.n_entries > 0) {
                r = -pthread_create(&thread, NULL, move_entries, &places);
                if (!r)
                        pthread_join(thread, NULL);
        }
        places_deinit(&places);
        return r < 0 ? error_origin(r) : r ? r : answer_value(call, 0);
}
