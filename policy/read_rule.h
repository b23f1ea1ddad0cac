/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Rules of JSON profiles into the model: names, conditions, and when docker and podman apply them. */

#include "policy/reader.h"

/* An action and the two ways to write its errno, joined when all fields have been seen. */
struct action_fields {
        bool action_set, number_set, name_set;
        uint32_t action;
        uint16_t number, named;
};

bool read_action(struct reader *reader, const json_t *value, uint32_t *ret);
void read_errno_number(struct reader *reader, const json_t *value, struct action_fields *fields);
void read_errno_name(struct reader *reader, const json_t *value, struct action_fields *fields);
/* The name wins over the number, as in containers/common; without either it is EPERM, as in every runtime.
 */
uint32_t read_action_join(struct reader *reader, const struct action_fields *fields,
                          const char *number_field, const char *name_field, bool *ret_errno_set);

/* A list of rules, appended to the reader's profile; to is not used. */
void read_rules(struct reader *reader, const json_t *value, void *to);
