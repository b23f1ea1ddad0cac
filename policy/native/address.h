/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Socket addresses as a policy writes them: "10.0.0.0/8:443", "[::1]:8000-8100", "*:53", "*",
 * "unix:/run/?.sock", "unix:@name". Those that match, and the one that a call is redirected to.
 *
 * An IPv4-mapped IPv6 address is the IPv4 address it holds, on both sides: that is where it leads.
 */

#include "policy/native/policy.h"

#define ADDRESS_TEXT_MAX 4096

/* 0; POLICY_E_INVALID with a sentence in error; -ENOMEM. */
int address_parse(const char *text, struct policy_address *ret, char *error, size_t n_error);
void address_deinit(struct policy_address *address);

/*
 * n bytes at sockaddr, as the task gave them; too few of them match nothing. A pathname may be longer than
 * sun_path. The text of an abstract name begins with '@', and each NUL in it is one '@' more, as
 * /proc/net/unix shows it; an unnamed Unix address matches "unix:*" and "*" only.
 */
bool address_match(const struct policy_address *address, const struct sockaddr *sockaddr, size_t n);

/* One address to go to. What is not said is kept: "*:8080" is the same host, "127.0.0.1" the same port. */
struct address_target {
        int family;        /* AF_INET, AF_INET6, AF_UNIX; AF_UNSPEC: the host is kept */
        uint8_t bytes[16]; /* network order */
        bool has_port;
        uint16_t port;
        const char *path; /* AF_UNIX: into the text; "@name" is abstract */
};

/* The same outcomes as address_parse(). Patterns, ranges and prefixes are not one address. */
int address_target_parse(const char *text, struct address_target *ret, char *error, size_t n_error);

/* The address as a policy would write it: "10.0.0.1:443", "[::1]:80", "unix:/run/x", "unix:@name". false,
 * and an empty text, for what cannot be written so. */
bool address_text(const struct sockaddr *sockaddr, size_t n, char *buffer, size_t size);
