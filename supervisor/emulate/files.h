/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls on paths that change no names, carried out for the task: open and its kin (open.c), stat (stat.c),
 * access (access.c), readlink (readlink.c). Their rows stand in performers[] of emulate.c.
 */

#include "supervisor/emulate/emulate.h"

extern const struct emulator perform_open[];
extern const struct emulator perform_stat[];
extern const struct emulator perform_access[];
extern const struct emulator perform_readlink[];

/* Writes a stat of st in the layout of the call (newfstatat, stat64 …) to address of the task, and answers:
 * also EOVERFLOW and EFAULT. For emulations that show other owners than there are. */
int stat_answer(struct call *call, uint64_t address, const struct stat *st);

/* The stat that the call is about, without answering: paths are needed, flags checked. *ret_answered: the
 * call has been answered, with an errno. */
int stat_fetch(struct call *call, struct stat *ret, bool *ret_answered);
/* The argument that takes the result. */
uint64_t stat_address(const struct call *call);
