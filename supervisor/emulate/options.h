/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Options of an emulation, read from the JSON of its rule (struct policy_rule.options). policy/native
 * checked names and types when it read the policy; here values come out. The only file of the supervisor
 * that knows jansson is options.c.
 *
 * An emulation's open() reads like this:
 *
 *      cleanup_options struct options *options = NULL;
 *      int r = options_new(rule->options, error, n_error, &options);
 *
 *      if (!r)
 *              r = options_size(options, "memory", &state->memory);
 *
 * What is absent leaves the result as it was and is 0, so defaults are set before. What is there but cannot
 * be meant is -EINVAL, and the sentence for people is in error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct options;
struct option; /* one value, borrowed from its options */

/* json NULL: no options. error is kept for the functions below; it must outlive the options. */
int options_new(const char *json, char *error, size_t n_error, struct options **ret);
struct options *options_free(struct options *options);
static inline void options_cleanup(struct options **options) {
        options_free(*options);
}
#define cleanup_options __attribute__((cleanup(options_cleanup)))

bool options_has(const struct options *options, const char *name);
int options_text(const struct options *options, const char *name, const char **ret); /* borrowed */
int options_number(const struct options *options, const char *name, int64_t *ret);
int options_flag(const struct options *options, const char *name, bool *ret);
int options_size(const struct options *options, const char *name, uint64_t *ret_bytes); /* "512M", 4096 */
int options_duration(const struct options *options, const char *name, int64_t *ret_ns); /* "-30d", 1.5 (s) */
/* For options that have their own grammar: the sentence, and -EINVAL. */
int options_wrong(const struct options *options, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Lists and maps: the value by name (NULL: absent), then its entries. A single value is a list of one. */
const struct option *options_get(const struct options *options, const char *name);
size_t option_n(const struct option *option); /* NULL: 0 */
/* Entry i < option_n() in the order written; *ret_key is NULL but in maps. */
const struct option *option_at(const struct option *option, size_t i, const char **ret_key);
const char *option_text(const struct option *option); /* NULL when it is no text */
/* 0, or -EINVAL when it is none. */
int option_number(const struct option *option, int64_t *ret);
int option_flag(const struct option *option, bool *ret);
int option_size(const struct option *option, uint64_t *ret_bytes);
int option_duration(const struct option *option, int64_t *ret_ns);
