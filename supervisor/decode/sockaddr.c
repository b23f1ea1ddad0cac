/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Socket addresses by family. The layout in memory is the kernel's and equal on all architectures but for
 * byte order; fields are taken by their offset, so that a short address is never read beyond its end.
 */

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "supervisor/decode/decoder.h"

_Static_assert(sizeof(struct sockaddr_un) == 110, "kernel's struct sockaddr_un");
_Static_assert(sizeof(struct sockaddr_in) == 16, "kernel's struct sockaddr_in");
_Static_assert(sizeof(struct sockaddr_in6) == 28, "kernel's struct sockaddr_in6");
_Static_assert(sizeof(struct sockaddr_nl) == 12, "kernel's struct sockaddr_nl");
_Static_assert(sizeof(struct sockaddr_ll) == 20, "kernel's struct sockaddr_ll");
_Static_assert(sizeof(struct sockaddr_vm) == 16, "kernel's struct sockaddr_vm");

#define SOCKADDR_MAX 128 /* sizeof(struct sockaddr_storage): the kernel refuses longer ones */

static uint64_t field(const struct decoder *decoder, const char *bytes, size_t offset, size_t n) {
        return decode_number(decoder, bytes + offset, n);
}

/* Two bytes in network order. */
static unsigned port(const char *bytes, size_t offset) {
        return (unsigned)(unsigned char)bytes[offset] << 8 | (unsigned char)bytes[offset + 1];
}

static void put_unix(struct decoder *decoder, const char *bytes, size_t n) {
        const char *path = bytes + offsetof(struct sockaddr_un, sun_path);
        size_t n_path = n - offsetof(struct sockaddr_un, sun_path);

        if (!n_path) /* autobind, or "unnamed" */
                return;
        text_puts(decoder->text, ", sun_path=");
        if (*path) {
                text_quote(decoder->text, path, strnlen(path, n_path), false);
        } else {
                /* abstract: every byte of the given length counts, NULs at the end as well */
                text_puts(decoder->text, "@");
                text_quote(decoder->text, path + 1, n_path - 1, false);
        }
}

static void put_inet(struct decoder *decoder, const char *bytes) {
        char address[INET_ADDRSTRLEN];

        inet_ntop(AF_INET, bytes + offsetof(struct sockaddr_in, sin_addr), address, sizeof(address));
        text_printf(decoder->text, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")",
                    port(bytes, offsetof(struct sockaddr_in, sin_port)), address);
}

static void put_inet6(struct decoder *decoder, const char *bytes, size_t n) {
        char address[INET6_ADDRSTRLEN];
        uint32_t flowinfo;

        inet_ntop(AF_INET6, bytes + offsetof(struct sockaddr_in6, sin6_addr), address, sizeof(address));
        memcpy(&flowinfo, bytes + offsetof(struct sockaddr_in6, sin6_flowinfo), sizeof(flowinfo));
        text_printf(decoder->text, ", sin6_port=htons(%u), sin6_flowinfo=htonl(%u)",
                    port(bytes, offsetof(struct sockaddr_in6, sin6_port)), ntohl(flowinfo));
        text_printf(decoder->text, ", inet_pton(AF_INET6, \"%s\", &sin6_addr)", address);
        if (n >= sizeof(struct sockaddr_in6)) /* RFC 2133 addresses end here; the kernel takes both */
                text_printf(
                        decoder->text, ", sin6_scope_id=%u",
                        (unsigned)field(decoder, bytes, offsetof(struct sockaddr_in6, sin6_scope_id), 4));
}

static void put_packet(struct decoder *decoder, const char *bytes) {
        text_printf(decoder->text, ", sll_protocol=htons(0x%04x), sll_ifindex=%d, sll_hatype=%u",
                    port(bytes, offsetof(struct sockaddr_ll, sll_protocol)),
                    (int)field(decoder, bytes, offsetof(struct sockaddr_ll, sll_ifindex), 4),
                    (unsigned)field(decoder, bytes, offsetof(struct sockaddr_ll, sll_hatype), 2));
        text_printf(decoder->text, ", sll_pkttype=%u, sll_halen=%u",
                    (unsigned char)bytes[offsetof(struct sockaddr_ll, sll_pkttype)],
                    (unsigned char)bytes[offsetof(struct sockaddr_ll, sll_halen)]);
}

static void put_vsock(struct decoder *decoder, const char *bytes) {
        uint32_t cid = (uint32_t)field(decoder, bytes, offsetof(struct sockaddr_vm, svm_cid), 4);

        text_puts(decoder->text, ", svm_cid=");
        if (cid == VMADDR_CID_ANY)
                text_puts(decoder->text, "VMADDR_CID_ANY");
        else if (cid <= VMADDR_CID_HOST)
                text_puts(decoder->text, cid == VMADDR_CID_HYPERVISOR ? "VMADDR_CID_HYPERVISOR"
                                         : cid == VMADDR_CID_HOST     ? "VMADDR_CID_HOST"
                                                                      : "VMADDR_CID_LOCAL");
        else
                text_unsigned(decoder->text, cid);
        text_puts(decoder->text, ", svm_port=");
        text_hex(decoder->text, field(decoder, bytes, offsetof(struct sockaddr_vm, svm_port), 4));
}

void decode_sockaddr(struct decoder *decoder, uint64_t address, uint64_t length) {
        const struct constant_set *domains = constant_set_by_name("socket_domain");
        char bytes[SOCKADDR_MAX] = { 0 };
        size_t n = (uint32_t)length <= SOCKADDR_MAX ? (uint32_t)length : 0;
        uint64_t family;

        /* an address without a whole family, or longer than any: the kernel says EINVAL without a look */
        if (n < sizeof(sa_family_t) || !decode_read_all(decoder, address, bytes, n)) {
                text_pointer(decoder->text, address);
                return;
        }
        family = field(decoder, bytes, 0, sizeof(sa_family_t));
        text_puts(decoder->text, "{sa_family=");
        decode_enum(decoder, domains, family);
        if (family == AF_UNIX && n <= sizeof(struct sockaddr_un))
                put_unix(decoder, bytes, n);
        else if (family == AF_INET && n >= sizeof(struct sockaddr_in))
                put_inet(decoder, bytes);
        else if (family == AF_INET6 && n >= offsetof(struct sockaddr_in6, sin6_scope_id))
                put_inet6(decoder, bytes, n);
        else if (family == AF_NETLINK && n >= sizeof(struct sockaddr_nl))
                text_printf(decoder->text, ", nl_pid=%u, nl_groups=%#08x",
                            (unsigned)field(decoder, bytes, offsetof(struct sockaddr_nl, nl_pid), 4),
                            (unsigned)field(decoder, bytes, offsetof(struct sockaddr_nl, nl_groups), 4));
        else if (family == AF_PACKET && n >= offsetof(struct sockaddr_ll, sll_addr))
                put_packet(decoder, bytes);
        else if (family == AF_VSOCK && n >= offsetof(struct sockaddr_vm, svm_cid) + 4)
                put_vsock(decoder, bytes);
        else if (n > sizeof(sa_family_t)) {
                text_puts(decoder->text, ", sa_data=");
                text_quote(decoder->text, bytes + sizeof(sa_family_t), n - sizeof(sa_family_t), false);
        }
        text_put(decoder->text, "}", 1);
}
