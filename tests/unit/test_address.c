/* SPDX-License-Identifier: Apache-2.0 */

#include "policy/native/address.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#define PATH_OFFSET offsetof(struct sockaddr_un, sun_path)

/* "4 HOST PORT", "6 HOST PORT", "u PATH", "@ NAME" as an address; NULs of an abstract name are written "\".
 */
static size_t address_of(const char *text, void *bytes) {
        struct sockaddr_in in = { .sin_family = AF_INET };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
        sa_family_t family = AF_UNIX;
        char host[64] = "";
        unsigned port = 0;
        size_t n = strlen(text + 1);

        switch (text[0]) {
        case '4':
                cr_assert_eq(sscanf(text, "4 %63s %u", host, &port), 2);
                in.sin_port = htons((uint16_t)port);
                cr_assert_eq(inet_pton(AF_INET, host, &in.sin_addr), 1);
                memcpy(bytes, &in, sizeof(in));
                return sizeof(in);
        case '6':
                cr_assert_eq(sscanf(text, "6 %63s %u", host, &port), 2);
                in6.sin6_port = htons((uint16_t)port);
                cr_assert_eq(inet_pton(AF_INET6, host, &in6.sin6_addr), 1);
                memcpy(bytes, &in6, sizeof(in6));
                return sizeof(in6);
        default:
                memcpy(bytes, &family, sizeof(family));
                if (n == 0)
                        return PATH_OFFSET;
                n--; /* the blank */
                memcpy((char *)bytes + PATH_OFFSET, text + 2, n);
                if (text[0] == '@') {
                        memmove((char *)bytes + PATH_OFFSET + 1, text + 2, n);
                        ((char *)bytes)[PATH_OFFSET] = 0;
                        n++;
                        for (size_t i = 1; i < n; i++)
                                if (((char *)bytes)[PATH_OFFSET + i] == '\\')
                                        ((char *)bytes)[PATH_OFFSET + i] = 0;
                }
                return PATH_OFFSET + n;
        }
}

static const struct {
        const char *text, *address;
        bool matches;
} rows[] = {
        { "10.0.0.0/8:443", "4 10.1.2.3 443", true },
        { "10.0.0.0/8:443", "4 10.1.2.3 444", false },
        { "10.0.0.0/8:443", "4 11.1.2.3 443", false },
        { "10.0.0.0/8:443", "6 ::ffff:10.1.2.3 443", true },
        { "10.0.0.0/8:443", "6 ::10.1.2.3 443", false },
        { "10.0.0.0/8", "4 10.255.255.255 1", true },
        { "10.0.0.0/8:*", "4 10.255.255.255 0", true },
        { "172.16.0.0/12", "4 172.31.255.255 1", true },
        { "172.16.0.0/12", "4 172.32.0.0 1", false },
        { "192.0.2.1", "4 192.0.2.1 65535", true },
        { "192.0.2.1", "4 192.0.2.0 65535", false },
        { "0.0.0.0/0", "4 203.0.113.9 1", true },
        { "0.0.0.0/0", "6 2001:db8::1 1", false },
        { "0.0.0.0/0", "6 ::ffff:203.0.113.9 1", true },
        { "1.2.3.4:8000-8100", "4 1.2.3.4 7999", false },
        { "1.2.3.4:8000-8100", "4 1.2.3.4 8000", true },
        { "1.2.3.4:8000-8100", "4 1.2.3.4 8100", true },
        { "1.2.3.4:8000-8100", "4 1.2.3.4 8101", false },
        { "[::1]:8000-8100", "6 ::1 8050", true },
        { "[::1]:8000-8100", "6 ::2 8050", false },
        { "[::]/0", "6 2001:db8::1 1", true },
        { "[::]/0", "6 ::ffff:1.2.3.4 1", false },
        { "[::ffff:0.0.0.0]/96", "4 1.2.3.4 1", true },
        { "[::ffff:10.0.0.0]/104:1", "6 ::ffff:10.3.3.3 1", true },
        { "[::ffff:10.0.0.0]/104:1", "6 ::ffff:11.3.3.3 1", false },
        { "[2001:db8::]/33:443", "6 2001:db8:7fff::1 443", true },
        { "[2001:db8::]/33:443", "6 2001:db8:8000::1 443", false },
        { "*:53", "4 9.9.9.9 53", true },
        { "*:53", "6 2620:fe::fe 53", true },
        { "*:53", "u /run/x", false },
        { "*:53", "4 9.9.9.9 54", false },
        { "*", "4 9.9.9.9 54", true },
        { "*", "u /run/x", true },
        { "*", "u", true },
        { "unix:*", "u /run/x.sock", true },
        { "unix:*", "@ name", true },
        { "unix:*", "u", true },
        { "unix:*", "4 1.2.3.4 1", false },
        { "unix:/run/*.sock", "u /run/x.sock", true },
        { "unix:/run/*.sock", "u /run/d/x.sock", false },
        { "unix:/run/*.sock", "@ /run/x.sock", false },
        { "unix:/run/*.sock", "u", false },
        { "unix:/run/**", "u /run/d/x.sock", true },
        { "unix:@name", "@ name", true },
        { "unix:@name", "@ names", false },
        { "unix:@name", "@ name\\", false },
        { "unix:@name", "@ name\\x", false },
        { "unix:@name@*", "@ name\\x", true },
        { "unix:@name", "u @name", true }, /* never so: a path is given in full */
        { "unix:~^/run/[0-9]+$", "u /run/17", true },
        { "10.0.0.0/8", "u /run/x", false },
};

Test(address, matches) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char bytes[256] __attribute__((aligned(8))), error[256] = "";
                struct policy_address address;
                size_t n = address_of(rows[i].address, bytes);

                cr_assert_eq(address_parse(rows[i].text, &address, error, sizeof(error)), 0, "%s: %s",
                             rows[i].text, error);
                cr_expect_eq(address_match(&address, (struct sockaddr *)bytes, n), rows[i].matches,
                             "\"%s\" and \"%s\"", rows[i].text, rows[i].address);
                address_deinit(&address);
        }
}

Test(address, what_ends_early_matches_nothing) {
        static const struct {
                const char *text, *address;
                size_t least;
        } short_rows[] = {
                { "1.2.3.4:5", "4 1.2.3.4 5", 16 },
                { "[::1]:5", "6 ::1 5", 24 },
                { "*:5", "6 ::1 5", 24 },
        };
        char error[256];

        for (size_t i = 0; i < sizeof(short_rows) / sizeof(short_rows[0]); i++) {
                char bytes[128] __attribute__((aligned(8)));
                struct policy_address address;
                size_t n = address_of(short_rows[i].address, bytes);

                cr_assert_eq(address_parse(short_rows[i].text, &address, error, sizeof(error)), 0);
                for (size_t at = 0; at <= n; at++)
                        cr_expect_eq(address_match(&address, (struct sockaddr *)bytes, at),
                                     at >= short_rows[i].least, "%s: %zu bytes", short_rows[i].text, at);
                cr_expect_not(address_match(&address, NULL, 0));
                address_deinit(&address);
        }
}

Test(address, a_path_longer_than_sun_path) {
        char bytes[400] = { 0 }, error[256];
        sa_family_t family = AF_UNIX;
        struct policy_address address;

        memcpy(bytes, &family, sizeof(family));
        memset(bytes + PATH_OFFSET, 'x', 300);
        memcpy(bytes + PATH_OFFSET, "/run/", 5);
        cr_assert_eq(address_parse("unix:/run/*", &address, error, sizeof(error)), 0);
        cr_expect(address_match(&address, (struct sockaddr *)bytes, PATH_OFFSET + 300));
        address_deinit(&address);
}

Test(address, what_is_wrong_is_said) {
        static const struct {
                const char *text, *says;
        } wrongs[] = {
                { "", "no IPv4 address" },
                { "localhost:80", "not looked up" },
                { "/run/x.sock", "\"unix:/run/x.sock\"" },
                { "@x", "\"unix:@x\"" },
                { "10.0.0.1/8", "\"/32\" is one address" },
                { "10.0.0.0/33", "up to 32" },
                { "10.0.0.0/", "up to 32" },
                { "10.0.0.0/8x:1", "up to 32" },
                { "[::]/129", "up to 128" },
                { "[::1", "not closed" },
                { "[::1]80", "expected at \"80\"" },
                { "[fe80::1%lo]:80", "no IPv6 address" },
                { "[1.2.3.4]:80", "no IPv6 address" },
                { "::1", "in brackets" },
                { "::1:80", "in brackets" },
                { "1.2.3.4:", "a port is" },
                { "1.2.3.4:65536", "a port is" },
                { "1.2.3.4:99999999999999999999", "a port is" },
                { "1.2.3.4:-1", "a port is" },
                { "1.2.3.4:1-", "a port is" },
                { "1.2.3.4:1-2-3", "a port is" },
                { "1.2.3.4:http", "a port is" },
                { "1.2.3.4:90-80", "write \"80-90\"" },
                { "1.2.3:4", "no IPv4 address" },
                { "*/8", "no prefix" },
                { "unix:", "missing" },
                { "unix:run/x", "absolute" },
        };
        char error[256];

        for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
                struct policy_address address;

                cr_expect_eq(address_parse(wrongs[i].text, &address, error, sizeof(error)), POLICY_E_INVALID,
                             "%s", wrongs[i].text);
                cr_expect(strstr(error, wrongs[i].says), "%s: %s", wrongs[i].text, error);
        }
}

Test(address, targets) {
        static const struct {
                const char *text;
                int family;
                int port;         /* -1: kept */
                const char *says; /* NULL: right */
        } targets[] = {
                { "127.0.0.1:8080", AF_INET, 8080, NULL },
                { "127.0.0.1", AF_INET, -1, NULL },
                { "[::1]:80", AF_INET6, 80, NULL },
                { "[::ffff:127.0.0.1]:80", AF_INET, 80, NULL },
                { "*:8080", AF_UNSPEC, 8080, NULL },
                { "unix:/run/x*.sock", AF_UNIX, -1, NULL },
                { "unix:@x", AF_UNIX, -1, NULL },
                { "10.0.0.0/8:1", 0, 0, "not a network" },
                { "10.0.0.1:1-2", 0, 0, "not a range" },
                { "*", 0, 0, "goes anyway" },
                { "unix:x", 0, 0, "absolute" },
                { "unix:@", 0, 0, "absolute" },
                { "example.org:80", 0, 0, "not looked up" },
        };
        char error[256];

        for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
                struct address_target target;
                int r = address_target_parse(targets[i].text, &target, error, sizeof(error));

                cr_expect_eq(r, targets[i].says ? POLICY_E_INVALID : 0, "%s", targets[i].text);
                if (targets[i].says) {
                        cr_expect(strstr(error, targets[i].says), "%s: %s", targets[i].text, error);
                        continue;
                }
                cr_expect_eq(target.family, targets[i].family, "%s", targets[i].text);
                cr_expect_eq(target.has_port, targets[i].port >= 0, "%s", targets[i].text);
                if (target.has_port)
                        cr_expect_eq(target.port, targets[i].port, "%s", targets[i].text);
        }
}

Test(address, texts_are_what_they_match) {
        static const char *const texts[] = { "192.0.2.10:7777", "[2001:db8::1]:80", "unix:/run/x.sock",
                                             "unix:@name" };
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(7777) };
        struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(80) };
        struct sockaddr_un path = { .sun_family = AF_UNIX, .sun_path = "/run/x.sock" };
        struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0name" };
        const struct {
                const void *address;
                size_t n;
        } addresses[] = { { &in, sizeof(in) },
                          { &in6, sizeof(in6) },
                          { &path, sizeof(path) },
                          { &name, offsetof(struct sockaddr_un, sun_path) + 5 } };
        char text[ADDRESS_TEXT_MAX];

        inet_pton(AF_INET, "192.0.2.10", &in.sin_addr);
        inet_pton(AF_INET6, "2001:db8::1", &in6.sin6_addr);
        for (size_t i = 0; i < 4; i++) {
                struct policy_address parsed;

                cr_assert(address_text(addresses[i].address, addresses[i].n, text, sizeof(text)));
                cr_assert_str_eq(text, texts[i]);
                cr_assert_eq(address_parse(text, &parsed, (char[256]){ 0 }, 256), 0, "%s", text);
                for (size_t j = 0; j < 4; j++)
                        cr_assert_eq(address_match(&parsed, addresses[j].address, addresses[j].n), i == j);
                address_deinit(&parsed);
        }
        for (size_t n = 0; n < sizeof(sa_family_t); n++)
                cr_assert_not(address_text((const struct sockaddr *)&in, n, text, sizeof(text)));
        cr_assert_not(address_text((const struct sockaddr *)&in, sizeof(in) - 1, text, sizeof(text)));
        cr_assert_not(address_text((const struct sockaddr *)&in, sizeof(in), text, 10));
}
