/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Other hardware addresses of network interfaces. Only ioctls with request SIOCGIFHWADDR come here; the
 * filter leaves all others to the kernel (policy/native/emulations.c). The question is asked for the task,
 * of its own socket and with our copy of the request, so the answer is of the socket's network namespace and
 * the task cannot change the name after we looked.
 */

#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/emulate/options.h"
#include "supervisor/emulate/system.h"

#define IFREQ32   32u /* struct ifreq of 32-bit programs: its longest member (ifmap) is shorter there */
#define ADDRESS_N 6u

_Static_assert(sizeof(struct ifreq) == 40 || sizeof(long) == 4, "struct ifreq of the kernel");

struct interface {
        char name[IFNAMSIZ];
        unsigned char address[ADDRESS_N];
};

struct interfaces {
        size_t n;
        struct interface items[];
};

static bool read_address(const char *text, unsigned char ret[ADDRESS_N]) {
        char *end;

        for (size_t i = 0; i < ADDRESS_N; i++) {
                unsigned long byte =
                        strspn(text, "0123456789abcdefABCDEF") > 0 ? strtoul(text, &end, 16) : 256;

                if (byte > 255 || *end != (i + 1 < ADDRESS_N ? ':' : 0))
                        return false;
                ret[i] = (unsigned char)byte;
                text = end + 1;
        }
        return true;
}

static int interfaces_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        struct interfaces *interfaces;
        const struct option *map;
        int r = options_new(rule->options, error, n_error, &options);

        if (r)
                return r;
        map = options_get(options, "addresses");
        interfaces = calloc(1, sizeof(*interfaces) + option_n(map) * sizeof(interfaces->items[0]));
        if (!interfaces)
                return error_origin(-ENOMEM);
        for (size_t i = 0; !r && i < option_n(map); i++) {
                struct interface *interface = &interfaces->items[interfaces->n++];
                const char *name, *text = option_text(option_at(map, i, &name));

                if (!name || !*name || strlen(name) >= IFNAMSIZ)
                        r = options_wrong(options, "addresses.%.40s: an interface has 1 to %d letters",
                                          name ? name : "", IFNAMSIZ - 1);
                else if (!text || !read_address(text, interface->address))
                        r = options_wrong(options,
                                          "addresses.%s: expected an address such as \"02:00:00:00:00:01\"",
                                          name);
                else
                        memcpy(interface->name, name, strlen(name));
        }
        if (r)
                free(interfaces);
        else
                *ret_state = interfaces;
        return r;
}

/* As the kernel looks for it: "eth0:1" is eth0. */
static const struct interface *find(const struct interfaces *interfaces, const char *name) {
        size_t n = strcspn(name, ":");

        for (size_t i = 0; i < interfaces->n; i++)
                if (strncmp(interfaces->items[i].name, name, n) == 0 && interfaces->items[i].name[n] == 0)
                        return &interfaces->items[i];
        return NULL;
}

/* Asks the socket. ioctl on anything else could be a driver's own request with that number, done in our
 * memory instead of the task's: never. */
static int ask(struct call *call, struct ifreq *request, int *ret_error) {
        cleanup_fd int fd = -1;
        socklen_t n = sizeof(int);
        int type, error, r = view_take_fd(call, (int)call->args[0], &fd, &error);

        *ret_error = 0;
        if (r)
                return r;
        if (fd < 0)
                *ret_error = error;
        else if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
                *ret_error = errno == ENOTSOCK ? ENOTTY : errno; /* O_PATH: EBADF */
        else if (ioctl(fd, SIOCGIFHWADDR, request) < 0)
                *ret_error = errno;
        return 0;
}

static int emulate_ioctl(struct call *call) {
        const struct interfaces *interfaces = emulation_state(call);
        size_t n = call_is_32bit(call) ? IFREQ32 : sizeof(struct ifreq);
        const struct interface *interface;
        struct ifreq request = { 0 };
        int error, r;

        if ((uint32_t)call->args[1] != SIOCGIFHWADDR)
                return answer_continue(call);
        r = target_read(call, call->args[2], &request, n);
        if (r && r != CALL_E_FAULT)
                return r;
        if (r) {
                /* EBADF and ENOTTY come before EFAULT. */
                r = ask(call, &request, &error);
                return r ? r : answer_errno(call, error && error != ENODEV ? error : EFAULT);
        }
        request.ifr_name[IFNAMSIZ - 1] = 0;
        r = ask(call, &request, &error);
        if (r)
                return r;
        interface = find(interfaces, request.ifr_name);
        if (interface && error == ENODEV) {
                /* Programs that look for "eth0" find it. */
                memset(&request.ifr_hwaddr, 0, sizeof(request.ifr_hwaddr));
                request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
                error = 0;
        }
        if (error)
                return answer_errno(call, error);
        if (interface)
                memcpy(request.ifr_hwaddr.sa_data, interface->address, ADDRESS_N);
        r = target_write(call, call->args[2], &request, n);
        return r ? target_error(call, r) : answer_errno(call, 0);
}

static const struct emulator interfaces_rows[] = {
        { "ioctl", emulate_ioctl },
        { 0 },
};

const struct emulation emulation_interfaces = {
        .name = "interfaces",
        .rows = interfaces_rows,
        .open = interfaces_open,
        .close = free,
};
