/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The proof of a shared key in the Forward protocol's greeting: SHA-512 over salt, name, nonce and key. */

#include <stddef.h>

#define FORWARD_DIGEST_SIZE 129 /* hexadecimal, NUL included */
#define FORWARD_SALT_SIZE   16

struct forward_greeting {
        char salt[FORWARD_SALT_SIZE]; /* ours, new for every connection */
        const char *nonce;            /* the receiver's */
        size_t n_nonce;
        const char *key;
};

/* The digest that whoever calls itself hostname proves the key with. */
void forward_key_digest(const struct forward_greeting *greeting, const char *hostname, size_t n_hostname,
                        char ret[static FORWARD_DIGEST_SIZE]);
