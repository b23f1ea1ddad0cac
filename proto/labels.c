/* SPDX-License-Identifier: Apache-2.0 */

/* Few enough to be searched one after the other. */

#include "proto/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void labels_deinit(struct labels *labels) {
        for (size_t i = 0; i < labels->n; i++) {
                free(labels->items[i].name);
                free(labels->items[i].value);
        }
        free(labels->items);
        *labels = LABELS_INIT;
}

static struct label *find(const struct labels *labels, const char *name) {
        for (size_t i = 0; i < labels->n; i++)
                if (strcmp(labels->items[i].name, name) == 0)
                        return &labels->items[i];
        return NULL;
}

const char *labels_get(const struct labels *labels, const char *name) {
        const struct label *label = find(labels, name);

        return label ? label->value : NULL;
}

static int append(struct labels *labels, const char *name, char *value) {
        char *copy;

        if (labels->n == labels->size) {
                size_t size = labels->size ? labels->size * 2 : 16;
                struct label *items = realloc(labels->items, size * sizeof(*items));

                if (!items)
                        return error_origin(-ENOMEM);
                labels->items = items;
                labels->size = size;
        }
        copy = strdup(name);
        if (!copy)
                return error_origin(-ENOMEM);
        labels->items[labels->n++] = (struct label){ copy, value };
        return 0;
}

int labels_set_bytes(struct labels *labels, const char *name, const char *value, size_t n) {
        struct label *label = find(labels, name);
        size_t n_name = strlen(name), n_value = strnlen(value, n), old = label ? strlen(label->value) : 0;
        size_t more = n_value + (label ? 0 : n_name);
        char *copy;
        int r;

        if (n_name > LABEL_NAME_MAX || n_value > LABEL_VALUE_MAX || (!label && labels->n == LABELS_MAX) ||
            labels->bytes - old + more > LABELS_BYTES_MAX) {
                labels->n_left_out++;
                return 0;
        }
        copy = strndup(value, n_value);
        if (!copy)
                return error_origin(-ENOMEM);
        if (label) {
                free(label->value);
                label->value = copy;
        } else {
                r = append(labels, name, copy);
                if (r) {
                        free(copy);
                        return error_trace(r);
                }
        }
        labels->bytes += more - old;
        return 0;
}

int labels_set(struct labels *labels, const char *name, const char *value) {
        return error_trace(labels_set_bytes(labels, name, value, strlen(value)));
}

int labels_copy(const struct labels *from, struct labels *to) {
        int r = 0;

        for (size_t i = 0; i < from->n && !r; i++)
                r = labels_set(to, from->items[i].name, from->items[i].value);
        to->n_left_out += from->n_left_out;
        return error_trace(r);
}

bool labels_include(const struct labels *labels, const struct labels *what) {
        for (size_t i = 0; i < what->n; i++) {
                const char *value = labels_get(labels, what->items[i].name);

                if (!value || strcmp(value, what->items[i].value) != 0)
                        return false;
        }
        return true;
}

/* Goes back to the last '*' only, so the time is bounded by the product of both lengths. */
bool label_fits(const char *pattern, const char *value) {
        const char *star = NULL, *from = NULL;

        while (*value) {
                if (*pattern == '*') {
                        star = pattern++;
                        from = value;
                } else if (*pattern == *value) {
                        pattern++;
                        value++;
                } else if (star) {
                        pattern = star + 1;
                        value = ++from;
                } else {
                        return false;
                }
        }
        return pattern[strspn(pattern, "*")] == '\0';
}

bool labels_match(const struct labels *labels, const struct labels *what) {
        for (size_t i = 0; i < what->n; i++) {
                const char *value = labels_get(labels, what->items[i].name);

                if (!value || !label_fits(what->items[i].value, value))
                        return false;
        }
        return true;
}
