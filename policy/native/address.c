/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Socket addresses of policies, read and matched. What must stay true: two spellings of one destination
 * never match differently, and bytes beyond the length that the task gave decide nothing.
 */

#include "policy/native/address.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/error.h"
#include "policy/native/pattern.h"

#define UNIX_PREFIX   "unix:"
#define PATH_OFFSET   offsetof(struct sockaddr_un, sun_path)
#define INET6_MINIMUM offsetof(struct sockaddr_in6, sin6_scope_id) /* RFC 2133's; the kernel takes both */
#define MAPPED_BITS   96
#define HOST_MAX      64

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static __attribute__((format(printf, 3, 4))) int wrong(char *error, size_t n_error, const char *format,
                                                       ...) {
        va_list ap;

        va_start(ap, format);
        vsnprintf(error, n_error, format, ap);
        va_end(ap);
        return POLICY_E_INVALID;
}

/* ---- reading ---- */

/* The three parts of "HOST[/PREFIX][:PORTS]"; NULL where one is not there. */
struct parts {
        char host[HOST_MAX];
        bool bracketed;
        const char *prefix, *ports;
};

static int split(const char *text, struct parts *ret, char *error, size_t n_error) {
        const char *begin = text, *end;

        if (*text == '/' || *text == '@')
                return wrong(error, n_error, "\"%s\": a Unix address is written \"unix:%s\"", text, text);
        *ret = (struct parts){ .bracketed = *text == '[' };
        if (ret->bracketed) {
                begin++;
                end = strchr(begin, ']');
                if (!end)
                        return wrong(error, n_error, "\"%s\": the bracket is not closed", text);
        } else {
                end = begin + strcspn(begin, "/:");
                if (*end == ':' && strchr(end + 1, ':'))
                        return wrong(error, n_error,
                                     "\"%s\": an IPv6 address stands in brackets, as in \"[::1]:80\"", text);
        }
        if ((size_t)(end - begin) >= sizeof(ret->host))
                return wrong(error, n_error, "\"%s\" is no address", text);
        memcpy(ret->host, begin, (size_t)(end - begin));
        if (ret->bracketed)
                end++;
        if (*end == '/') {
                ret->prefix = end + 1;
                end += strcspn(end, ":");
        }
        if (*end == ':')
                ret->ports = end + 1;
        else if (*end)
                return wrong(error, n_error, "\"%s\": \":PORT\" or the end is expected at \"%s\"", text,
                             end);
        return 0;
}

/* Digits up to `stop` or the end; at most 65535. NULL: no such number. */
static const char *number(const char *at, char stop, unsigned *ret) {
        size_t n = strspn(at, "0123456789");

        if (n == 0 || n > 5 || (at[n] && at[n] != stop))
                return NULL;
        *ret = (unsigned)strtoul(at, NULL, 10);
        return *ret > UINT16_MAX ? NULL : at + n;
}

static int read_ports(const char *text, const char *ports, struct policy_address *ret, char *error,
                      size_t n_error) {
        unsigned first, last;
        const char *at;

        ret->port_first = 0;
        ret->port_last = UINT16_MAX;
        if (!ports || strcmp(ports, "*") == 0)
                return 0;
        at = number(ports, '-', &first);
        last = first;
        if (at && *at == '-')
                at = number(at + 1, 0, &last);
        if (!at || *at)
                return wrong(error, n_error,
                             "\"%s\": a port is a number up to 65535, or a range \"8000-8100\"", text);
        if (first > last)
                return wrong(error, n_error, "\"%s\": the range of ports is empty; write \"%u-%u\"", text,
                             last, first);
        ret->port_first = (uint16_t)first;
        ret->port_last = (uint16_t)last;
        return 0;
}

/* Are all bits behind the prefix clear? */
static bool is_network(const uint8_t *bytes, size_t n, unsigned prefix) {
        for (size_t bit = prefix; bit < n * 8; bit++)
                if (bytes[bit / 8] & 0x80 >> bit % 8)
                        return false;
        return true;
}

static int read_prefix(const char *text, const char *prefix, struct policy_address *ret, char *error,
                       size_t n_error) {
        unsigned bits = ret->family == AF_INET ? 32 : 128;
        const char *at;

        ret->prefix = bits;
        if (!prefix)
                return 0;
        at = number(prefix, ':', &ret->prefix);
        if (!at || ret->prefix > bits)
                return wrong(error, n_error, "\"%s\": the prefix is a number up to %u", text, bits);
        if (!is_network(ret->bytes, bits / 8, ret->prefix))
                return wrong(error, n_error,
                             "\"%s\": bits behind the prefix are set; \"/%u\" is one address", text, bits);
        return 0;
}

static bool is_mapped(const void *bytes) {
        return memcmp(bytes, mapped, sizeof(mapped)) == 0;
}

static void unmap(struct policy_address *address) {
        if (address->family != AF_INET6 || address->prefix < MAPPED_BITS || !is_mapped(address->bytes))
                return;
        memmove(address->bytes, address->bytes + sizeof(mapped), 4);
        memset(address->bytes + 4, 0, sizeof(address->bytes) - 4);
        address->family = AF_INET;
        address->prefix -= MAPPED_BITS;
}

static int read_host(const char *text, const struct parts *parts, struct policy_address *ret, char *error,
                     size_t n_error) {
        if (!parts->bracketed && strcmp(parts->host, "*") == 0) {
                ret->family = AF_UNSPEC;
                return parts->prefix ? wrong(error, n_error, "\"%s\": \"*\" has no prefix", text) : 0;
        }
        ret->family = parts->bracketed ? AF_INET6 : AF_INET;
        if (inet_pton(ret->family, parts->host, ret->bytes) != 1)
                return wrong(error, n_error,
                             "\"%s\": \"%s\" is no %s address; names of hosts are not looked up", text,
                             parts->host, parts->bracketed ? "IPv6" : "IPv4");
        return read_prefix(text, parts->prefix, ret, error, n_error);
}

static int read_inet(const char *text, struct policy_address *ret, char *error, size_t n_error) {
        struct parts parts;
        int r = split(text, &parts, error, n_error);

        if (!r)
                r = read_host(text, &parts, ret, error, n_error);
        if (!r)
                r = read_ports(text, parts.ports, ret, error, n_error);
        if (!r)
                unmap(ret);
        return r;
}

static int read_unix(const char *text, const char *path, struct policy_address *ret, char *error,
                     size_t n_error) {
        if (!*path)
                return wrong(error, n_error, "\"%s\": a path, \"@name\" or \"*\" is missing", text);
        ret->family = AF_UNIX;
        ret->port_last = UINT16_MAX;
        /* A single "*" would stand for names without a slash, which no path is. */
        if (strcmp(path, "*") == 0)
                return 0;
        if (strchr("/@*?[{(~", *path) == NULL)
                return wrong(error, n_error, "\"%s\": paths of sockets are absolute here", text);
        return pattern_new(path, &ret->path, error, n_error);
}

int address_parse(const char *text, struct policy_address *ret, char *error, size_t n_error) {
        *ret = (struct policy_address){ 0 };
        if (strlen(text) > ADDRESS_TEXT_MAX)
                return wrong(error, n_error, "an address has at most %d bytes", ADDRESS_TEXT_MAX);
        if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
                return read_unix(text, text + strlen(UNIX_PREFIX), ret, error, n_error);
        return read_inet(text, ret, error, n_error);
}

void address_deinit(struct policy_address *address) {
        address->path = pattern_free(address->path);
}

static int read_unix_target(const char *text, const char *path, struct address_target *ret, char *error,
                            size_t n_error) {
        if (*path != '/' && (*path != '@' || !path[1]))
                return wrong(error, n_error, "\"%s\": an absolute path or \"@name\" is expected", text);
        if (*path == '@' && strlen(path) > sizeof(((struct sockaddr_un *)0)->sun_path))
                return wrong(error, n_error, "\"%s\": abstract names have at most %zu bytes", text,
                             sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        ret->family = AF_UNIX;
        ret->path = path;
        return 0;
}

int address_target_parse(const char *text, struct address_target *ret, char *error, size_t n_error) {
        struct policy_address address = { 0 };
        int r;

        *ret = (struct address_target){ 0 };
        if (strlen(text) > ADDRESS_TEXT_MAX)
                return wrong(error, n_error, "an address has at most %d bytes", ADDRESS_TEXT_MAX);
        if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
                return read_unix_target(text, text + strlen(UNIX_PREFIX), ret, error, n_error);
        r = read_inet(text, &address, error, n_error);
        if (r)
                return r;
        ret->has_port = address.port_first == address.port_last;
        if (!ret->has_port && (address.port_first != 0 || address.port_last != UINT16_MAX))
                return wrong(error, n_error, "\"%s\": one port is expected, not a range", text);
        if (address.family != AF_UNSPEC && address.prefix != (address.family == AF_INET ? 32u : 128u))
                return wrong(error, n_error, "\"%s\": one address is expected, not a network", text);
        if (address.family == AF_UNSPEC && !ret->has_port)
                return wrong(error, n_error, "\"%s\" is where the call goes anyway", text);
        ret->family = address.family;
        ret->port = address.port_first;
        memcpy(ret->bytes, address.bytes, sizeof(ret->bytes));
        return 0;
}

/* ---- matching ---- */

static bool prefix_match(const uint8_t *wanted, const uint8_t *bytes, unsigned bits) {
        unsigned whole = bits / 8, rest = bits % 8;

        if (memcmp(wanted, bytes, whole) != 0)
                return false;
        return rest == 0 || ((wanted[whole] ^ bytes[whole]) & 0xff00 >> rest & 0xff) == 0;
}

/* Fields are taken by their offset: the bytes may lie anywhere, and end anywhere. */
static bool match_inet(const struct policy_address *address, int family, const uint8_t *bytes, size_t n) {
        const uint8_t *host;
        uint16_t port;

        if (n < (family == AF_INET ? sizeof(struct sockaddr_in) : INET6_MINIMUM))
                return false;
        memcpy(&port, bytes + offsetof(struct sockaddr_in, sin_port), sizeof(port));
        port = ntohs(port);
        if (port < address->port_first || port > address->port_last)
                return false;
        if (address->family == AF_UNSPEC)
                return true;
        host = bytes + (family == AF_INET ? offsetof(struct sockaddr_in, sin_addr)
                                          : offsetof(struct sockaddr_in6, sin6_addr));
        if (family == AF_INET6 && is_mapped(host)) {
                family = AF_INET;
                host += sizeof(mapped);
        }
        return family == address->family && prefix_match(address->bytes, host, address->prefix);
}

static bool match_unix(const struct policy_address *address, const char *path, size_t n) {
        char text[ADDRESS_TEXT_MAX + 1];

        if (address->family == AF_UNSPEC)
                return address->port_first == 0 && address->port_last == UINT16_MAX;
        if (address->family != AF_UNIX)
                return false;
        if (!address->path)
                return true;
        if (n == 0 || n > sizeof(text) - 1)
                return false;
        if (*path)
                n = strnlen(path, n);
        for (size_t i = 0; i < n; i++)
                text[i] = path[i] ? path[i] : '@';
        text[n] = 0;
        return pattern_match(address->path, text, NULL, NULL);
}

bool address_match(const struct policy_address *address, const struct sockaddr *sockaddr, size_t n) {
        sa_family_t family;

        if (!sockaddr || n < sizeof(family))
                return false;
        memcpy(&family, sockaddr, sizeof(family));
        switch (family) {
        case AF_INET:
        case AF_INET6:
                return match_inet(address, family, (const uint8_t *)sockaddr, n);
        case AF_UNIX:
                return match_unix(address, (const char *)sockaddr + PATH_OFFSET, n - PATH_OFFSET);
        default:
                return false;
        }
}

bool address_text(const struct sockaddr *sockaddr, size_t n, char *buffer, size_t size) {
        char host[INET6_ADDRSTRLEN];
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
        struct sockaddr_un un = { 0 };
        int written = -1;

        buffer[0] = 0;
        if (n < sizeof(sa_family_t))
                return false;
        if (sockaddr->sa_family == AF_INET && n >= sizeof(in)) {
                memcpy(&in, sockaddr, sizeof(in));
                if (inet_ntop(AF_INET, &in.sin_addr, host, sizeof(host)))
                        written = snprintf(buffer, size, "%s:%u", host, ntohs(in.sin_port));
        } else if (sockaddr->sa_family == AF_INET6 && n >= offsetof(struct sockaddr_in6, sin6_scope_id)) {
                memcpy(&in6, sockaddr, offsetof(struct sockaddr_in6, sin6_scope_id));
                if (inet_ntop(AF_INET6, &in6.sin6_addr, host, sizeof(host)))
                        written = snprintf(buffer, size, "[%s]:%u", host, ntohs(in6.sin6_port));
        } else if (sockaddr->sa_family == AF_UNIX && n > PATH_OFFSET && n <= sizeof(un)) {
                memcpy(&un, sockaddr, n);
                n -= PATH_OFFSET;
                /* The NULs of an abstract name are shown as '@'; a path ends with its first. */
                for (size_t i = 0; i < n && !un.sun_path[0]; i++)
                        if (!un.sun_path[i] && i > 0)
                                un.sun_path[i] = '@';
                if (!un.sun_path[0])
                        un.sun_path[0] = '@';
                written = snprintf(buffer, size, "unix:%.*s", (int)n, un.sun_path);
        }
        if (written < 0 || (size_t)written >= size)
                buffer[0] = 0;
        return buffer[0];
}
