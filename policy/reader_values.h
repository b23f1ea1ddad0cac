/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * For readers that refuse what they do not know: policies, case files, the configuration of the service.
 * What is wrong is said with line and column of the value, and every key must have a row.
 */

#include "policy/reader.h"

/* Where a reader was before it entered a value. */
struct reader_mark {
        size_t n;
        unsigned line, column;
};

/* As reader_enter(), with line and column of the value where they are known (reader->places). */
struct reader_mark reader_enter_value(struct reader *reader, const json_t *value, const char *format, ...)
        __attribute__((format(printf, 3, 4)));
struct reader_mark reader_enter_key(struct reader *reader, const json_t *value, const char *key);
void reader_leave_value(struct reader *reader, struct reader_mark mark);

/* Which of the names key is. False, with a sentence, when it is none of them or has no value. */
bool reader_knows_key(struct reader *reader, const char *key, const json_t *value, const char *const *names,
                      size_t n, size_t *ret_index);

/* A copy of a text that is not empty; NULL with a sentence, or after trouble. */
char *reader_copy_text(struct reader *reader, const json_t *value, const char *what);
bool reader_flag(struct reader *reader, const json_t *value, bool *ret);
/* "10ms", "1h30m", "-30d": nanoseconds. */
bool reader_duration(struct reader *reader, const json_t *value, bool may_be_negative, int64_t *ret);
/* "16G", "512M", 4096: bytes. */
bool reader_size(struct reader *reader, const json_t *value, uint64_t *ret);

/* Room for one more of *n items; zeroed. NULL after trouble. */
void *reader_grow(struct reader *reader, void **items, size_t *n, size_t size);

/* The one document that a file holds, YAML or JSON by its name (NULL: none) or else by its first byte, with
 * the places of its values; its root is NULL when YAML is empty. what: "a policy". False, with a sentence,
 * or after trouble; *ret is the caller's to deinit then as well. */
bool reader_one_document(struct reader *reader, const char *path, const char *bytes, size_t n,
                         const char *what, struct json_document *ret);
