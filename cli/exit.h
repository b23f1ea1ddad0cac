/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Exit codes of callgate's own; every other one is the program's. Documented in callgate(1). */

#define EXIT_USAGE          2   /* a person's mistake: option, profile, file */
#define EXIT_VIOLATION      3   /* --fail-on-violation: the profile would have refused something */
#define EXIT_INCOMPLETE     4   /* the result has a hole */
#define EXIT_DIFFERENT      5   /* verify: the outcome differs */
#define EXIT_TROUBLE        125 /* trouble of callgate's own */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127
