/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * YAML text of strangers to the same trees as read_json.h makes, so that one reader gives meaning to both.
 * Scalars are read as Kubernetes reads them; numbers above 2^63 keep their mark. Aliases are followed within
 * the limits that hold for everything else, so that no file is larger inside than outside.
 */

#include "policy/read_json.h"

#define YAML_DOCUMENTS_MAX 1000

struct yaml_documents {
        struct json_document *items; /* owned; empty documents are left out */
        size_t n;
};

#define YAML_DOCUMENTS_INIT ((struct yaml_documents){ 0 })

/* 0, PROFILE_E_INVALID (diags say where), or -errno. */
int yaml_documents_read(const char *bytes, size_t n, struct diags *diags, struct yaml_documents *ret);
/* The same with the places of all values; those of an alias are where its anchor stands. */
int yaml_documents_read_placed(const char *bytes, size_t n, struct diags *diags, struct yaml_documents *ret);
void yaml_documents_deinit(struct yaml_documents *documents);
