/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What callgate says to people: on standard error, with its name in front, coloured only on a terminal. */

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "callgate: error: …" */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Trouble of ours: what we were doing and where it failed. Returns EXIT_TROUBLE. */
int say_trouble(int r, const char *doing);
/* Standard output took not all that was written; r is a negative errno. Returns EXIT_TROUBLE. */
int say_unwritten(int r);
/* At the very end: code, or EXIT_TROUBLE where standard output did not take all of it and nobody said so
 * yet. */
int say_end(int code);
/* A mistake on the command line, with a pointer to --help. Returns EXIT_USAGE. */
int say_usage(const char *verb, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool say_colour(void);
/* All diags; with quiet, errors only. */
void say_diags(const struct diags *diags, bool quiet);
