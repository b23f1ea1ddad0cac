/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF over one struct seccomp_data. The set of instructions is the one that the kernel's
 * seccomp_check_filter() admits; the data words are read in the order of this machine, as the kernel does.
 * Programs come from our compiler and over the wire: whatever the instructions say, nothing outside of data,
 * the scratch words and the program is touched, and since jumps only go forward every run ends.
 */

#include "policy/simulate.h"

#include "base/error.h"

#include <string.h>

#define SCRATCH_WORDS 16 /* BPF_MEMWORDS */

struct machine {
        uint32_t a, x;
        uint32_t scratch[SCRATCH_WORDS];
};

/* False where the kernel stops the program: division by zero. */
static bool alu(uint16_t op, uint32_t *a, uint32_t by) {
        switch (op) {
        case BPF_ADD:
                *a += by;
                return true;
        case BPF_SUB:
                *a -= by;
                return true;
        case BPF_MUL:
                *a *= by;
                return true;
        case BPF_DIV:
                if (!by)
                        return false;
                *a /= by;
                return true;
        case BPF_AND:
                *a &= by;
                return true;
        case BPF_OR:
                *a |= by;
                return true;
        case BPF_XOR:
                *a ^= by;
                return true;
        case BPF_LSH:
                *a = *a << (by & 31); /* the machine code that the kernel emits masks the count so */
                return true;
        case BPF_RSH:
                *a = *a >> (by & 31);
                return true;
        case BPF_NEG:
                *a = -*a;
                return true;
        default:
                return false;
        }
}

static bool jump_taken(uint16_t op, uint32_t a, uint32_t with) {
        switch (op) {
        case BPF_JEQ:
                return a == with;
        case BPF_JGT:
                return a > with;
        case BPF_JGE:
                return a >= with;
        default: /* BPF_JSET */
                return a & with;
        }
}

uint32_t filter_simulate(const struct filter *filter, const struct seccomp_data *data,
                         bool *ret_on_arguments) {
        struct machine m = { 0 };
        bool on_arguments = false;
        uint32_t result = SECCOMP_RET_KILL_PROCESS;

        for (size_t pc = 0; pc < filter->n; pc++) {
                const struct sock_filter *insn = &filter->insns[pc];
                uint32_t operand = BPF_SRC(insn->code) == BPF_X ? m.x : insn->k;

                switch (insn->code) {
                case BPF_LD | BPF_W | BPF_ABS:
                        if (insn->k > sizeof(*data) - 4 || insn->k & 3)
                                goto out;
                        memcpy(&m.a, (const char *)data + insn->k, 4);
                        on_arguments |= insn->k >= offsetof(struct seccomp_data, instruction_pointer);
                        break;
                case BPF_LD | BPF_W | BPF_LEN:
                        m.a = sizeof(*data);
                        break;
                case BPF_LDX | BPF_W | BPF_LEN:
                        m.x = sizeof(*data);
                        break;
                case BPF_LD | BPF_IMM:
                        m.a = insn->k;
                        break;
                case BPF_LDX | BPF_IMM:
                        m.x = insn->k;
                        break;
                case BPF_LD | BPF_MEM:
                        if (insn->k >= SCRATCH_WORDS)
                                goto out;
                        m.a = m.scratch[insn->k];
                        break;
                case BPF_LDX | BPF_MEM:
                        if (insn->k >= SCRATCH_WORDS)
                                goto out;
                        m.x = m.scratch[insn->k];
                        break;
                case BPF_ST:
                        if (insn->k >= SCRATCH_WORDS)
                                goto out;
                        m.scratch[insn->k] = m.a;
                        break;
                case BPF_STX:
                        if (insn->k >= SCRATCH_WORDS)
                                goto out;
                        m.scratch[insn->k] = m.x;
                        break;
                case BPF_MISC | BPF_TAX:
                        m.x = m.a;
                        break;
                case BPF_MISC | BPF_TXA:
                        m.a = m.x;
                        break;
                case BPF_RET | BPF_K:
                        result = insn->k;
                        goto out;
                case BPF_RET | BPF_A:
                        result = m.a;
                        goto out;
                case BPF_JMP | BPF_JA:
                        if (insn->k >= filter->n - pc)
                                goto out;
                        pc += insn->k;
                        break;
                case BPF_JMP | BPF_JEQ | BPF_K:
                case BPF_JMP | BPF_JEQ | BPF_X:
                case BPF_JMP | BPF_JGE | BPF_K:
                case BPF_JMP | BPF_JGE | BPF_X:
                case BPF_JMP | BPF_JGT | BPF_K:
                case BPF_JMP | BPF_JGT | BPF_X:
                case BPF_JMP | BPF_JSET | BPF_K:
                case BPF_JMP | BPF_JSET | BPF_X:
                        pc += jump_taken(BPF_OP(insn->code), m.a, operand) ? insn->jt : insn->jf;
                        break;
                default:
                        if (BPF_CLASS(insn->code) != BPF_ALU || !alu(BPF_OP(insn->code), &m.a, operand)) {
                                /* Unlike a malformed program, a division by zero returns 0. */
                                if (insn->code == (BPF_ALU | BPF_DIV | BPF_X))
                                        result = SECCOMP_RET_KILL_THREAD;
                                goto out;
                        }
                }
        }
out:
        if (ret_on_arguments)
                *ret_on_arguments = on_arguments;
        return result;
}

static bool insn_known(const struct sock_filter *insn) {
        switch (insn->code) {
        case BPF_LD | BPF_W | BPF_ABS:
                return !(insn->k & 3) && insn->k < sizeof(struct seccomp_data);
        case BPF_LD | BPF_W | BPF_LEN:
        case BPF_LDX | BPF_W | BPF_LEN:
        case BPF_LD | BPF_IMM:
        case BPF_LDX | BPF_IMM:
        case BPF_MISC | BPF_TAX:
        case BPF_MISC | BPF_TXA:
        case BPF_RET | BPF_K:
        case BPF_RET | BPF_A:
        case BPF_ALU | BPF_NEG:
        case BPF_ALU | BPF_ADD | BPF_K:
        case BPF_ALU | BPF_ADD | BPF_X:
        case BPF_ALU | BPF_SUB | BPF_K:
        case BPF_ALU | BPF_SUB | BPF_X:
        case BPF_ALU | BPF_MUL | BPF_K:
        case BPF_ALU | BPF_MUL | BPF_X:
        case BPF_ALU | BPF_DIV | BPF_X:
        case BPF_ALU | BPF_AND | BPF_K:
        case BPF_ALU | BPF_AND | BPF_X:
        case BPF_ALU | BPF_OR | BPF_K:
        case BPF_ALU | BPF_OR | BPF_X:
        case BPF_ALU | BPF_XOR | BPF_K:
        case BPF_ALU | BPF_XOR | BPF_X:
        case BPF_ALU | BPF_LSH | BPF_X:
        case BPF_ALU | BPF_RSH | BPF_X:
                return true;
        case BPF_ALU | BPF_DIV | BPF_K:
                return insn->k != 0;
        case BPF_ALU | BPF_LSH | BPF_K:
        case BPF_ALU | BPF_RSH | BPF_K:
                return insn->k < 32;
        case BPF_LD | BPF_MEM:
        case BPF_LDX | BPF_MEM:
        case BPF_ST:
        case BPF_STX:
                return insn->k < SCRATCH_WORDS;
        default:
                return false;
        }
}

static bool jump_fits(const struct filter *filter, size_t pc) {
        const struct sock_filter *insn = &filter->insns[pc];
        size_t left = filter->n - pc - 1; /* a jump of 0 needs one instruction more */

        switch (insn->code) {
        case BPF_JMP | BPF_JA:
                return insn->k < left;
        case BPF_JMP | BPF_JEQ | BPF_K:
        case BPF_JMP | BPF_JEQ | BPF_X:
        case BPF_JMP | BPF_JGE | BPF_K:
        case BPF_JMP | BPF_JGE | BPF_X:
        case BPF_JMP | BPF_JGT | BPF_K:
        case BPF_JMP | BPF_JGT | BPF_X:
        case BPF_JMP | BPF_JSET | BPF_K:
        case BPF_JMP | BPF_JSET | BPF_X:
                return insn->jt < left && insn->jf < left;
        default:
                return false;
        }
}

/*
 * The kernel also refuses to read a scratch word that some path has not written. Walk forward with the set
 * of words surely written at each instruction; jumps only go forward, so one pass is enough.
 */
static bool scratch_written_first(const struct filter *filter) {
        uint16_t known[FILTER_MAX + 1];

        memset(known, 0xff, sizeof(known));
        known[0] = 0;
        for (size_t pc = 0; pc < filter->n; pc++) {
                const struct sock_filter *insn = &filter->insns[pc];
                uint16_t now = known[pc];

                switch (insn->code) {
                case BPF_ST:
                case BPF_STX:
                        now |= (uint16_t)(1u << insn->k);
                        break;
                case BPF_LD | BPF_MEM:
                case BPF_LDX | BPF_MEM:
                        if (!(now & (1u << insn->k)))
                                return false;
                        break;
                case BPF_JMP | BPF_JA:
                        known[pc + 1 + insn->k] &= now;
                        continue;
                default:
                        break;
                }
                if (BPF_CLASS(insn->code) == BPF_RET)
                        continue;
                if (BPF_CLASS(insn->code) == BPF_JMP) {
                        known[pc + 1 + insn->jt] &= now;
                        known[pc + 1 + insn->jf] &= now;
                        continue;
                }
                known[pc + 1] &= now;
        }
        return true;
}

int filter_check(const struct filter *filter) {
        if (!filter->n || filter->n > FILTER_MAX)
                return error_origin(-EINVAL);
        for (size_t pc = 0; pc < filter->n; pc++)
                if (!insn_known(&filter->insns[pc]) && !jump_fits(filter, pc))
                        return error_origin(-EINVAL);
        if (BPF_CLASS(filter->insns[filter->n - 1].code) != BPF_RET)
                return error_origin(-EINVAL);
        if (!scratch_written_first(filter))
                return error_origin(-EINVAL);
        return 0;
}
