/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a person wrote wrongly, as sentences: place, value, remedy. Readers of profiles, policies and options
 * collect them in a struct diags; programs print them and exit 2. Libraries never print.
 *
 * Layout when printed:  FILE:LINE:COLUMN: error: TEXT          (syntax)
 *                       FILE: syscalls[3].args[0].op: error: TEXT   (meaning)
 *                       FILE: syscalls[3]: warning: TEXT [ID]
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct buf;

enum diag_severity {
        DIAG_INFO,
        DIAG_WARNING,
        DIAG_ERROR,
};

struct diag {
        enum diag_severity severity;
        unsigned line, column; /* 1-based; 0 = none */
        const char *id;        /* stable finding id, static storage; NULL = none */
        char *file;            /* owned */
        char *place;           /* owned; path in the document, NULL = none */
        char *text;            /* owned; one sentence or two, without a newline */
};

#define DIAGS_MAX 10000 /* more are counted, not kept: a hostile file must not eat memory */

struct diags {
        struct diag *items;
        size_t n, size;
        size_t n_errors, n_warnings; /* including those not kept */
        const char *file;            /* used for items added without a file; borrowed */
};

#define DIAGS_INIT ((struct diags){ 0 })

void diags_deinit(struct diags *diags);

/* All return 0, or -ENOMEM. file NULL: diags->file. place NULL: none. */
int diag_syntax(struct diags *diags, unsigned line, unsigned column, const char *format, ...)
        __attribute__((format(printf, 4, 5)));
int diag_add(struct diags *diags, enum diag_severity severity, const char *id, const char *place,
             const char *format, ...) __attribute__((format(printf, 5, 6)));
/* The same with line and column (0: unknown) as well. */
int diag_add_at(struct diags *diags, enum diag_severity severity, const char *id, unsigned line,
                unsigned column, const char *place, const char *format, ...)
        __attribute__((format(printf, 7, 8)));

/* One diag per line, and once what is found several times in a row; colour only if asked for. */
void diags_print(const struct diags *diags, FILE *to, enum diag_severity least, bool colour);

/* The same, uncoloured, in memory. */
void diags_put(const struct diags *diags, struct buf *to, enum diag_severity least);

/* Nearest of n names to name by edit distance, or NULL if none is near enough to be meant. */
const char *diag_nearest(const char *name, const char *const *names, size_t n);
