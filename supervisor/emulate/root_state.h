/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The file that keeps a store of pretended files between runs. One session at a time has it; it is replaced
 * whole, when the session ends.
 */

#include "supervisor/emulate/root_files.h"

struct root_state {
        char *path; /* owned; NULL: nothing is kept */
        int fd;     /* locked; -1 */
};
#define ROOT_STATE_INIT ((struct root_state){ .fd = -1 })

/* Reads what is there; a file that is missing is made. 0, or -errno with a sentence: somebody else has it,
 * it cannot be read or made, it is broken (then with the line). Nothing is held after an error. */
int root_state_open(struct root_state *state, const char *path, struct root_files *files, char *error,
                    size_t n_error);
/* Writes files where state says, and lets go. 0, or -errno with a sentence. */
int root_state_save(struct root_state *state, const struct root_files *files, char *error, size_t n_error);
/* Lets go without writing. */
void root_state_deinit(struct root_state *state);
