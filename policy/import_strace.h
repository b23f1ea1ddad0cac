/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Output of strace(1), of most of its options: several tasks in one file (-f) or one each (-ff), clock times
 * (-t, -tt, -ttt, -r, -T), numbers (-n), names of tasks and files (-Y, -y, -yy, --decode-pids), addresses
 * (-i, -k), raw and verbose constants (-X), tables (-c, -C), calls interrupted by others. Tables also inside
 * documents.
 *
 * strace prints the name of a call, not its architecture. It says when a task changes between 64-bit, 32-bit
 * and x32 calls; which machine it ran on is guessed from the names (import_strace_guess.c) unless given.
 */

#include "policy/import.h"

struct strace;

int strace_new(struct import *import, struct strace **ret);
struct strace *strace_free(struct strace *strace);

/* A new file. begin (n bytes of it) is what to guess its architecture from; its name may end in the number
 * of the task (-ff). */
int strace_begin(struct strace *strace, const char *source, const char *begin, size_t n);
/* One line, without its end; torn: it had none, so it may have been cut. 0, or the sink's error or -ENOMEM.
 */
int strace_line(struct strace *strace, const char *line, size_t n, bool torn);
/* The file has ended: calls that never returned are given out now. */
int strace_end(struct strace *strace);

/* All of that for a file. Tasks of one file are not those of the next. */
int import_strace(struct strace *strace, int fd, const char *source);
