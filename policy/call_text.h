/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One call as a person writes it: "openat", "socket AF_UNIX 1 0", "i386:socketcall 1 0xbff0". */

#include "base/diag.h"

#include <stdint.h>

struct arch;

#define CALL_TEXT_MAX 4096

struct call_text {
        const struct arch *arch;
        uint32_t audit, nr; /* as in struct seccomp_data */
        char name[32];
        uint64_t args[6]; /* those not given are 0; of 32-bit architectures cut to 32 bits */
        unsigned n_args;  /* given */
};

/*
 * [ARCH:]CALL [ARG…]: the call by name or number, arguments as decimal, octal or hexadecimal numbers, with a
 * minus if need be, or constants joined by '|', with the values they have on that architecture. 0,
 * PROFILE_E_INVALID (one diag says what is wrong), or -errno.
 */
int call_text_parse(const char *text, const struct arch *arch, struct diags *diags, struct call_text *ret);
