/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A file that appears whole or not at all. It is written nameless (O_TMPFILE) beside its place, or under a
 * temporary name where the file system cannot do that, and takes its name by rename(2) in
 * output_commit(). A program killed at any point leaves the old file, if any, untouched.
 * "-" is standard output; a path that names something other than a regular file (a FIFO, /dev/stderr) is
 * written in place, since replacing it is never what is meant.
 */

#include <stdio.h>

struct output {
        FILE *stream; /* write here */
        char *path;
        char *temporary; /* name to unlink, NULL when nameless or in place */
        int in_place;
};

#define OUTPUT_INIT ((struct output){ 0 })

int output_open(struct output *output, const char *path); /* 0 or -errno */
int output_commit(struct output *output);                 /* flushes, syncs, renames; frees; 0 or -errno */
void output_abort(struct output *output);                 /* frees, leaves no trace; fine on OUTPUT_INIT */
