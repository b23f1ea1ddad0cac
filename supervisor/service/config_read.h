/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the files that read configurations share: rows of keys, each with the reader of its value. The rows
 * are also the list of all keys, which a test compares with callgated(8). Only supervisor/service/config*.c
 * include this.
 */

#include "policy/reader_values.h"
#include "supervisor/service/config.h"

struct config_reader {
        struct reader base;
        struct config *config;
        const char *folder; /* absolute; where relative paths begin */
};

struct config_keys;

struct config_key {
        const char *name;
        /* NULL: an object of the keys below. to: where the value goes, by the row's offset. */
        void (*read)(struct config_reader *reader, const json_t *value, void *to);
        size_t offset;
        const struct config_keys *below; /* of an object, or of what a list holds */
};

struct config_keys {
        const char *what; /* "an object with path, group, mode and users" */
        const struct config_key *rows;
        size_t n;
};

#define CONFIG_KEYS(text, table)                                                                            \
        { .what = (text), .rows = (table), .n = sizeof(table) / sizeof((table)[0]) }

#define config_bad(reader, ...)      reader_complain(&(reader)->base, DIAG_ERROR, NULL, __VA_ARGS__)
#define config_warn(reader, id, ...) reader_complain(&(reader)->base, DIAG_WARNING, id, __VA_ARGS__)

/* Every key of the object has a row, or is refused. to: where offsets count from. */
void config_read_keys(struct config_reader *reader, const json_t *value, const struct config_keys *keys,
                      void *to);
/* The value, or each item of a list, which may be empty. */
void config_each(struct config_reader *reader, const json_t *value,
                 void (*read)(struct config_reader *reader, const json_t *value, void *to), void *to);
/* A value that is not there: `false` or "off". */
bool config_is_off(const json_t *value);

/* Readers of one value. */
void config_text(struct config_reader *reader, const json_t *value, void *to); /* char * */
void config_path(struct config_reader *reader, const json_t *value, void *to); /* char *, absolute */
void config_flag(struct config_reader *reader, const json_t *value, void *to); /* bool */
void config_time(struct config_reader *reader, const json_t *value, void *to); /* uint64_t, not 0 */
void config_time_or_0(struct config_reader *reader, const json_t *value, void *to);
void config_size(struct config_reader *reader, const json_t *value, void *to);  /* uint64_t */
void config_count(struct config_reader *reader, const json_t *value, void *to); /* unsigned, not 0 */
void config_count_or_0(struct config_reader *reader, const json_t *value, void *to);

struct config_word {
        const char *word;
        int means;
};
/* One of the words. False, with a sentence. */
bool config_word(struct config_reader *reader, const json_t *value, const struct config_word *words,
                 size_t n, int *ret);

/* The last reader replaced what another had put there. */
void config_keep(char **to, char *text);

extern const struct config_keys config_keys;         /* config.c: of the file */
extern const struct config_keys config_sockets_keys; /* config_sockets.c */
extern const struct config_keys config_rule_keys;    /* config_rules.c */
extern const struct config_keys config_outlet_keys;  /* config_outlets.c */

void config_read_rules(struct config_reader *reader, const json_t *value, void *to);
void config_read_outlets(struct config_reader *reader, const json_t *value, void *to);
/* Policies and profiles that rules name; value: the list of them. After everything else was read. */
void config_rules_load(struct config_reader *reader, const json_t *value);
void config_rules_deinit(struct config *config);
void config_outlets_deinit(struct config *config);

/* config_defaults.c: what holds without a file. 0 or -errno. */
int config_defaults(struct config *config);
/* The file that is read without being named; owned by the caller. NULL when memory is short. */
char *config_default_path(void);
