/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A filter program under construction: instructions one after the other, jumps closed once their target is
 * known. One instruction too many makes it full for good, which is looked at once, at the end. */

#include "policy/alternatives.h"
#include "policy/filter.h"

struct program {
        struct sock_filter insns[FILTER_MAX];
        size_t n;
        bool full;
};

/* Each returns the position of its (last) instruction. */
size_t program_emit(struct program *program, struct sock_filter insn);
size_t program_load(struct program *program, uint32_t offset);
size_t program_return(struct program *program, uint32_t action);
/* A long jump, to be closed by program_land(). */
size_t program_jump(struct program *program);
/* If the loaded word is k (BPF_JEQ) or at least k (BPF_JGE), go on here, else to program_land(). */
size_t program_if(struct program *program, uint16_t op, uint32_t k);
void program_land(struct program *program, size_t jump);

/* Conditions, each on so many bits, and what is returned when all hold; when one does not, execution goes on
 * behind it. At most 48 of them. */
void program_conditions(struct program *program, const struct condition *conditions, const uint8_t *bits,
                        size_t n, uint32_t action);
/* All conditions of an alternative and its action; when one does not hold, execution goes on behind it. */
void program_alternative(struct program *program, const struct alternative *alternative, unsigned bits);
