/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The error doctrine.
 *
 * A function that can fail returns int. 0 is success. A negative errno is trouble nobody planned for: it
 * goes up unchanged through error_trace() and is never matched on the way. A positive value is a documented
 * outcome of that one function (or of a group that shares its codes); it is declared in the header and the
 * caller must handle it. What a person wrote wrongly is additionally described in a struct diags.
 *
 * error_origin() raises, error_trace() passes on. Both remember where a failure began and the way it took,
 * for the one line the program prints about an internal error.
 */

#include <errno.h>

int error_note(int r, const char *file, int line, const char *function, int origin);

/* A new failure: error_origin(-ENOMEM), or error_origin(-errno) right after the call that failed. */
#define error_origin(r) error_note((r), __FILE__, __LINE__, __func__, 1)
/* Pass a failure on. Zero and positive codes pass silently. */
#define error_trace(r) error_note((r), __FILE__, __LINE__, __func__, 0)

/* Translate what libseccomp returns: -ECANCELED stands for "read errno", the rest is a negative errno. */
int error_seccomp(int r);

/* "base/fd.c:31 fd_send: Broken pipe, by agent/launch.c:200 …" of this thread's last failure; never NULL. */
const char *error_describe(int r);
