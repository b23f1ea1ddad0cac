/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 as in FIPS 180-4; here so that a name for a file's contents needs no library. The constants are
 * the fractions of the square and cube roots of the first primes. */

#include "policy/sha256.h"

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const uint32_t round_constants[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t turn(uint32_t word, unsigned bits) {
        return word >> bits | word << (32 - bits);
}

static void add_block(uint32_t state[8], const uint8_t block[64]) {
        uint32_t words[64], s[8];

        for (size_t i = 0; i < 16; i++) {
                memcpy(&words[i], block + 4 * i, 4);
                words[i] = be32toh(words[i]);
        }
        for (size_t i = 16; i < 64; i++)
                words[i] = words[i - 16] + words[i - 7] +
                           (turn(words[i - 15], 7) ^ turn(words[i - 15], 18) ^ words[i - 15] >> 3) +
                           (turn(words[i - 2], 17) ^ turn(words[i - 2], 19) ^ words[i - 2] >> 10);
        memcpy(s, state, sizeof(s));
        for (size_t i = 0; i < 64; i++) {
                uint32_t one = s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) +
                               ((s[4] & s[5]) ^ (~s[4] & s[6])) + round_constants[i] + words[i];
                uint32_t two = (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) +
                               ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));

                memmove(s + 1, s, 7 * sizeof(*s));
                s[4] += one;
                s[0] = one + two;
        }
        for (size_t i = 0; i < 8; i++)
                state[i] += s[i];
}

const char *sha256_text(const void *bytes, size_t n, char *buf) {
        uint32_t state[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                              0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
        const uint8_t *at = bytes;
        uint64_t n_bits = htobe64((uint64_t)n * 8);
        uint8_t last[128] = { 0 };
        size_t left = n, n_last;

        for (; left >= 64; at += 64, left -= 64)
                add_block(state, at);
        if (left)
                memcpy(last, at, left);
        last[left] = 0x80;
        n_last = left < 56 ? 64 : 128;
        memcpy(last + n_last - 8, &n_bits, 8);
        for (size_t i = 0; i < n_last; i += 64)
                add_block(state, last + i);
        memcpy(buf, "sha256:", 7);
        for (size_t i = 0; i < 8; i++)
                snprintf(buf + 7 + 8 * i, 9, "%08x", state[i]);
        return buf;
}
