/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the readers of profiles share: where in the document they are, what is said about it, and tables of
 * fields. Only policy/read*.[ch], policy/native/read*.[ch] and supervisor/service/config_read.h include
 * this.
 */

#include "base/diag.h"
#include "policy/model.h"
#include "policy/read_json.h"

struct reader {
        struct diags *diags;
        struct profile *profile;
        const struct json_document *document;
        char place[256]; /* where in the document we are: "syscalls[3].args[0]" */
        size_t n_place;
        unsigned line, column;           /* of that, where known; 0 = unknown */
        const struct json_place *places; /* of all values, sorted; NULL: not known */
        size_t n_places;
        size_t n_errors;
        int r; /* reading stops early: first -ENOMEM, or PROFILE_E_INVALID after too many errors */
        bool docker, containers; /* fields of these dialects were seen */
        size_t n_unknown;        /* names of calls that nobody knows */
        unsigned dialects;       /* whose fields count: IN_* */
};

#define IN_OCI        (1u << DIALECT_OCI)
#define IN_DOCKER     (1u << DIALECT_DOCKER)
#define IN_CONTAINERS (1u << DIALECT_CONTAINERS)
#define IN_SPO        (1u << DIALECT_SPO)
#define IN_ANY        (IN_OCI | IN_DOCKER | IN_CONTAINERS | IN_SPO)

/* Steps into a part of the document; the returned mark leads back. */
size_t reader_enter(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
size_t reader_enter_field(struct reader *reader, const char *field);
void reader_leave(struct reader *reader, size_t mark);

/* One sentence about the part of the document we are in. Too many errors end the reading. */
void reader_complain(struct reader *reader, enum diag_severity severity, const char *id, const char *format,
                     ...) __attribute__((format(printf, 4, 5)));
#define reader_bad(reader, ...)      reader_complain(reader, DIAG_ERROR, NULL, __VA_ARGS__)
#define reader_warn(reader, id, ...) reader_complain(reader, DIAG_WARNING, id, __VA_ARGS__)
/* Trouble of ours; 0 is none. Only the first counts. */
void reader_fail(struct reader *reader, int r);

#define READER_SHOWN 64 /* size of a value, and of a hint, inside of a sentence */
#define READER_HINT  80
/* Text of the file inside of a sentence, escaped and cut. */
const char *reader_quote(const char *text, char *buf, size_t size);
/* "; did you mean X?", or nothing, for the end of a sentence. */
const char *reader_hint(char *buf, size_t size, const char *nearest);
/* The nearest of names, also when the text lacks their prefix: "errno" or "ALLOW" for "SCMP_ACT_...". */
const char *reader_nearest(const char *text, const char *prefix, const char *const *names, size_t n);

struct field {
        const char *name;
        void (*read)(struct reader *reader, const json_t *value, void *to);
        unsigned in; /* the dialects that have it; 0 = all */
};

/* Every key of object finds its field, or is warned of. null stands for absent, as in Go's decoder. Keys
 * that differ in case only are taken, since docker and runc take them. */
void reader_fields(struct reader *reader, const json_t *object, const struct field *fields, size_t n,
                   void *to);
bool reader_missing(const json_t *object, const char *field);

/* False, with a sentence, when `is` is false: "VALUE is not WHAT". */
bool reader_expect(struct reader *reader, const json_t *value, bool is, const char *what);
/* The string, or NULL with a sentence. */
const char *reader_text(struct reader *reader, const json_t *value, const char *what);
bool reader_number(struct reader *reader, const json_t *value, uint64_t max, uint64_t *ret);
/* A copy of the string; an empty one counts as absent. */
void reader_keep_text(struct reader *reader, const json_t *value, char **to);
