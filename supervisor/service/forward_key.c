/* SPDX-License-Identifier: Apache-2.0 */

/* The one file that uses nettle, which is on every system that libmicrohttpd is on. */

#include "supervisor/service/forward_key.h"

#include <nettle/sha2.h>
#include <stdint.h>
#include <string.h>

void forward_key_digest(const struct forward_greeting *greeting, const char *hostname, size_t n_hostname,
                        char ret[static FORWARD_DIGEST_SIZE]) {
        static const char hexadecimal[] = "0123456789abcdef";
        uint8_t digest[SHA512_DIGEST_SIZE];
        struct sha512_ctx context;

        sha512_init(&context);
        sha512_update(&context, sizeof(greeting->salt), (const uint8_t *)greeting->salt);
        sha512_update(&context, n_hostname, (const uint8_t *)hostname);
        sha512_update(&context, greeting->n_nonce, (const uint8_t *)greeting->nonce);
        sha512_update(&context, strlen(greeting->key), (const uint8_t *)greeting->key);
        sha512_digest(&context, sizeof(digest), digest);
        for (size_t i = 0; i < sizeof(digest); i++) {
                ret[2 * i] = hexadecimal[digest[i] >> 4];
                ret[2 * i + 1] = hexadecimal[digest[i] & 15];
        }
        ret[2 * sizeof(digest)] = 0;
}
