/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a session is called: names and values, in order of insertion, such as pod, namespace, container,
 * image, container-id, node, unit, runtime, bundle, command, and annotation.NAME for every annotation of a
 * container. Rules of the configuration choose by them, and they go with every event. Bounded: a container
 * may have hundreds of kilobytes of annotations.
 */

#include <stdbool.h>
#include <stddef.h>

#define LABELS_MAX       1024          /* names */
#define LABELS_BYTES_MAX (1024 * 1024) /* names and values together */
#define LABEL_NAME_MAX   512
#define LABEL_VALUE_MAX  65536

struct label {
        char *name, *value; /* owned */
};

struct labels {
        struct label *items; /* owned */
        size_t n, size, bytes;
        size_t n_left_out; /* too many or too long: said, never silent */
};

#define LABELS_INIT ((struct labels){ 0 })

void labels_deinit(struct labels *labels);
/* Copies both; the last value of a name wins. Too much is counted in n_left_out. 0 or -ENOMEM. */
int labels_set(struct labels *labels, const char *name, const char *value);
/* The same of n bytes that need not end in NUL; bytes from the first NUL on are cut off. */
int labels_set_bytes(struct labels *labels, const char *name, const char *value, size_t n);
/* NULL: there is none. */
const char *labels_get(const struct labels *labels, const char *name);
int labels_copy(const struct labels *from, struct labels *to);
/* Do all of what are among labels, with these values? */
bool labels_include(const struct labels *labels, const struct labels *what);
/* The same where values of what are patterns: '*' stands for any text, also for none. */
bool labels_match(const struct labels *labels, const struct labels *what);
bool label_fits(const char *pattern, const char *value);
