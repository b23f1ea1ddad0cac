/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON as people know it from docker's default profile: one value per line, indented by tabs. jansson quotes
 * the strings. For policy/write_*.c. */

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct layout {
        struct buf *to;
        unsigned indent;
        bool first;      /* nothing in the innermost container yet */
        bool containers; /* podman's form */
};

void layout_quote(struct layout *layout, const char *text);
void layout_line(struct layout *layout); /* in front of a list's element */
void layout_key(struct layout *layout, const char *name);
void layout_open(struct layout *layout, char bracket);
void layout_close(struct layout *layout, char bracket);
void layout_text(struct layout *layout, const char *name, const char *text);
void layout_number(struct layout *layout, const char *name, uint64_t value);
/* A list of strings; nothing when it is empty. */
void layout_words(struct layout *layout, const char *name, char *const *words, size_t n);
