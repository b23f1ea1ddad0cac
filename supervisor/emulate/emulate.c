/* SPDX-License-Identifier: Apache-2.0 */

/* The tables of what can be carried out or pretended. A new family adds its rows here. */

#include "supervisor/emulate/emulate.h"

#include <string.h>

const struct emulation *const emulations[] = { NULL };
const struct emulator *const performers[] = { NULL };

const struct emulation *emulation_by_name(const char *name) {
        for (const struct emulation *const *e = emulations; *e; e++)
                if (strcmp((*e)->name, name) == 0)
                        return *e;
        return NULL;
}

const struct emulator *performer_of(const char *call) {
        for (const struct emulator *const *rows = performers; *rows; rows++)
                for (const struct emulator *row = *rows; row->call; row++)
                        if (strcmp(row->call, call) == 0)
                                return row;
        return NULL;
}
