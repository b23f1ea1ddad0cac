/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * JSON text of strangers to a jansson tree, without what jansson would lose or leave to chance: unsigned
 * numbers above 2^63, the lines of rules, nesting, duplicate keys, and the memory that a hostile file could
 * ask for. Readers of profiles and policies take their trees from here.
 */

#include "base/diag.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define JSON_VALUES_MAX 131072 /* no profile comes near; a tree of that many stays below 64 MiB */

/* Where the lines of a text that is written over several lines (YAML's "|") stand in the file. */
struct json_text {
        const json_t *value;
        unsigned line;   /* of its first line */
        unsigned indent; /* in front of each line */
};

/* Where a value begins. null, true and false are each one value for jansson and have no place. */
struct json_place {
        const json_t *value;
        unsigned line, column;
};

struct json_document {
        json_t *root;    /* owned */
        unsigned *lines; /* owned; of each element of the array called "syscalls", if there is just one */
        size_t n_lines;
        unsigned line;           /* where the document begins */
        struct json_text *texts; /* owned; of YAML only */
        size_t n_texts;
        struct json_place *places; /* owned; only where asked for; sorted for json_place_of() */
        size_t n_places;
};

#define JSON_DOCUMENT_INIT ((struct json_document){ 0 })

/* 0, PROFILE_E_INVALID (diags say where), or -errno. */
int json_document_read(const char *bytes, size_t n, struct diags *diags, struct json_document *ret);
/* The same with the places of all values. */
int json_document_read_placed(const char *bytes, size_t n, struct diags *diags, struct json_document *ret);
void json_document_deinit(struct json_document *document);

/* For readers that collect places: into a growing array, then sorted. */
int json_places_add(struct json_place **places, size_t *n, const json_t *value, unsigned line,
                    unsigned column);
void json_places_sort(struct json_place *places, size_t n);
/* NULL: none is known. */
const struct json_place *json_place_of(const struct json_place *places, size_t n, const json_t *value);

enum json_number {
        JSON_NUMBER_OK,
        JSON_NUMBER_OTHER, /* not a number */
        JSON_NUMBER_NEGATIVE,
        JSON_NUMBER_FRACTION, /* or written with an exponent, which runtimes do not take either */
        JSON_NUMBER_LARGE,    /* above 2^64-1 */
};

enum json_number json_uint64(const json_t *value, uint64_t *ret);
bool json_is_number_text(const json_t *value); /* a large number in its string's clothes */
/* The value as a person wrote it, shortened; containers as "an object" and the like. buf of at least 64. */
const char *json_show(const json_t *value, char *buf, size_t size);
