/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instructions of a filter. Conditions compare unsigned, the high word first, as libseccomp does; the words
 * of an argument lie in memory in the order of this machine.
 */

#include "policy/program.h"

#include <linux/seccomp.h>
#include <string.h>

size_t program_emit(struct program *program, struct sock_filter insn) {
        if (program->n == FILTER_MAX) {
                program->full = true;
                return 0;
        }
        program->insns[program->n] = insn;
        return program->n++;
}

size_t program_load(struct program *program, uint32_t offset) {
        return program_emit(program, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

size_t program_return(struct program *program, uint32_t action) {
        return program_emit(program, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

size_t program_jump(struct program *program) {
        return program_emit(program, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
}

void program_land(struct program *program, size_t jump) {
        if (!program->full)
                program->insns[jump].k = (uint32_t)(program->n - jump - 1);
}

size_t program_if(struct program *program, uint16_t op, uint32_t k) {
        program_emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | op | BPF_K, k, 1, 0));
        return program_jump(program);
}

static uint32_t word_offset(unsigned arg, bool high) {
        uint32_t offset = (uint32_t)(offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t));
        bool second = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? high : !high;

        return offset + (second ? 4 : 0);
}

/* Jumps inside of one condition: fall through when it holds; FAIL is replaced when the rule ends. */
#define FAIL 255

static void emit_test(struct program *program, uint16_t op, uint32_t k, uint8_t if_true, uint8_t if_false) {
        program_emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | op | BPF_K, k, if_true, if_false));
}

static void emit_condition(struct program *program, const struct condition *condition, unsigned bits) {
        uint32_t low = (uint32_t)condition->value, high = (uint32_t)(condition->value >> 32);
        uint64_t datum = condition->value & condition->value_two;
        bool wide = bits == 64;

        if (condition->op == CONDITION_MASKED_EQ) {
                if (wide) {
                        program_load(program, word_offset(condition->index, true));
                        program_emit(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, high));
                        emit_test(program, BPF_JEQ, (uint32_t)(datum >> 32), 0, FAIL);
                }
                program_load(program, word_offset(condition->index, false));
                program_emit(program, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, low));
                emit_test(program, BPF_JEQ, (uint32_t)datum, 0, FAIL);
                return;
        }
        if (wide) {
                program_load(program, word_offset(condition->index, true));
                switch ((enum condition_op)condition->op) {
                case CONDITION_EQ:
                        emit_test(program, BPF_JEQ, high, 0, FAIL);
                        break;
                case CONDITION_NE:
                        emit_test(program, BPF_JEQ, high, 0, 2);
                        break;
                case CONDITION_GT:
                case CONDITION_GE:
                        emit_test(program, BPF_JGT, high, 3, 0);
                        emit_test(program, BPF_JEQ, high, 0, FAIL);
                        break;
                default: /* LT, LE */
                        emit_test(program, BPF_JGT, high, FAIL, 0);
                        emit_test(program, BPF_JEQ, high, 0, 2);
                        break;
                }
        }
        program_load(program, word_offset(condition->index, false));
        switch ((enum condition_op)condition->op) {
        case CONDITION_EQ:
                emit_test(program, BPF_JEQ, low, 0, FAIL);
                break;
        case CONDITION_NE:
                emit_test(program, BPF_JEQ, low, FAIL, 0);
                break;
        case CONDITION_GT:
                emit_test(program, BPF_JGT, low, 0, FAIL);
                break;
        case CONDITION_GE:
                emit_test(program, BPF_JGE, low, 0, FAIL);
                break;
        case CONDITION_LT:
                emit_test(program, BPF_JGE, low, FAIL, 0);
                break;
        default: /* LE */
                emit_test(program, BPF_JGT, low, FAIL, 0);
                break;
        }
}

/* Five instructions each at most, so short jumps reach the end. */
void program_conditions(struct program *program, const struct condition *conditions, const uint8_t *bits,
                        size_t n, uint32_t action) {
        size_t start = program->n;

        for (size_t i = 0; i < n; i++)
                emit_condition(program, &conditions[i], bits[i]);
        program_return(program, action);
        for (size_t i = start; i < program->n; i++) {
                struct sock_filter *insn = &program->insns[i];

                if (BPF_CLASS(insn->code) != BPF_JMP)
                        continue;
                if (insn->jt == FAIL)
                        insn->jt = (uint8_t)(program->n - i - 1);
                if (insn->jf == FAIL)
                        insn->jf = (uint8_t)(program->n - i - 1);
        }
}

void program_alternative(struct program *program, const struct alternative *alternative, unsigned bits) {
        uint8_t each[PROFILE_ARGS_MAX];

        memset(each, (int)bits, sizeof(each));
        program_conditions(program, alternative->conditions, each, alternative->n_conditions,
                           alternative->action);
}
