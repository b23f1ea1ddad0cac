/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jumps go forward only, so one pass suffices to know, for each instruction, what the accumulator holds and
 * for which architecture the program has come here, as far as that is the same on all ways.
 *
 * What must stay true: any program can be shown, also one that the kernel would refuse.
 */

#include "policy/disassemble.h"

#include "base/error.h"
#include "syscalls/names.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CODE_COLUMN 44 /* where the meaning begins */

enum source {
        SOURCE_UNSEEN, /* no way leads here */
        SOURCE_MIXED,  /* differs by way, or computed */
        SOURCE_NR,
        SOURCE_ARCH,
        SOURCE_IP_LOW,
        SOURCE_IP_HIGH,
        SOURCE_ARG, /* and index * 2 + high added */
};

struct state {
        bool seen;
        int source;
        uint32_t mask; /* what the accumulator was and-ed with */
        uint32_t arch; /* AUDIT_ARCH_* or ARCH_X32; 0 = unknown */
        bool not_x32;  /* of x86_64: the number has no bit 30 */
};

static int source_at(uint32_t offset) {
        if (offset == 0)
                return SOURCE_NR;
        if (offset == 4)
                return SOURCE_ARCH;
        if (offset == 8 || offset == 12)
                return offset == 8 ? SOURCE_IP_LOW : SOURCE_IP_HIGH;
        if (offset >= 16 && offset < 64 && offset % 4 == 0)
                return SOURCE_ARG + (int)((offset - 16) / 4);
        return SOURCE_MIXED;
}

static void source_text(int source, uint32_t mask, struct buf *to) {
        if (source >= SOURCE_ARG)
                buf_printf(to, "arg%d.%s", (source - SOURCE_ARG) / 2,
                           (source - SOURCE_ARG) % 2 ? "high" : "low");
        else
                buf_puts(to, source == SOURCE_NR        ? "number"
                             : source == SOURCE_ARCH    ? "architecture"
                             : source == SOURCE_IP_LOW  ? "ip.low"
                             : source == SOURCE_IP_HIGH ? "ip.high"
                                                        : "A");
        if (mask != UINT32_MAX)
                buf_printf(to, " & 0x%x", mask);
}

/* Adds a way to an instruction. */
static void join(struct state *states, size_t n, size_t at, const struct state *from) {
        struct state *to;

        if (at >= n)
                return;
        to = &states[at];
        if (!to->seen) {
                *to = *from;
                to->seen = true;
                return;
        }
        if (to->source != from->source || to->mask != from->mask) {
                to->source = SOURCE_MIXED;
                to->mask = UINT32_MAX;
        }
        if (to->arch != from->arch)
                to->arch = 0;
        to->not_x32 &= from->not_x32;
}

static void follow_jump(struct state *states, size_t n, size_t at, const struct sock_filter *insn) {
        struct state yes = states[at], no = states[at];

        if (BPF_OP(insn->code) == BPF_JA) {
                if (insn->k < n)
                        join(states, n, at + 1 + insn->k, &yes);
                return;
        }
        if (yes.source == SOURCE_ARCH && yes.mask == UINT32_MAX && BPF_OP(insn->code) == BPF_JEQ)
                yes.arch = insn->k;
        /* libseccomp and we tell x32 apart by its numbers. */
        if (yes.source == SOURCE_NR && yes.arch == AUDIT_ARCH_X86_64 && insn->k == X32_NR_BIT &&
            BPF_OP(insn->code) == BPF_JGE) {
                yes.arch = ARCH_X32;
                no.not_x32 = true;
        }
        /* libseccomp lets the number -1 (a call that a tracer took away) out of its test for x32. */
        if (yes.source == SOURCE_NR && yes.arch == ARCH_X32 && insn->k == UINT32_MAX)
                yes.arch = AUDIT_ARCH_X86_64;
        join(states, n, at + 1 + insn->jt, &yes);
        join(states, n, at + 1 + insn->jf, &no);
}

static void follow(struct state *states, size_t n, size_t at, const struct sock_filter *insn) {
        struct state next = states[at];

        switch (BPF_CLASS(insn->code)) {
        case BPF_RET:
                return;
        case BPF_JMP:
                follow_jump(states, n, at, insn);
                return;
        case BPF_LD:
                next.source = insn->code == (BPF_LD | BPF_W | BPF_ABS) ? source_at(insn->k) : SOURCE_MIXED;
                next.mask = UINT32_MAX;
                break;
        case BPF_ALU:
                if (insn->code == (BPF_ALU | BPF_AND | BPF_K))
                        next.mask &= insn->k;
                else
                        next.source = SOURCE_MIXED;
                break;
        case BPF_MISC:
                if (BPF_MISCOP(insn->code) == BPF_TXA)
                        next.source = SOURCE_MIXED;
                break;
        default:
                break;
        }
        join(states, n, at + 1, &next);
}

/* ---- text ---- */

static const char *operand(const struct sock_filter *insn, char *buf, size_t size) {
        if (BPF_SRC(insn->code) == BPF_X)
                return "x";
        snprintf(buf, size, "#0x%x", insn->k);
        return buf;
}

static void code_text(const struct sock_filter *insn, size_t at, struct buf *to) {
        static const char *const alu[] = { "add", "sub", "mul", "div", "or", "and",
                                           "lsh", "rsh", "neg", "mod", "xor" };
        static const char *const jumps[] = { "ja", "jeq", "jgt", "jge", "jset" };
        unsigned op = BPF_OP(insn->code) >> 4;
        char buf[24];

        switch (BPF_CLASS(insn->code)) {
        case BPF_LD:
        case BPF_LDX:
                buf_puts(to, BPF_CLASS(insn->code) == BPF_LD ? "ld" : "ldx");
                switch (BPF_MODE(insn->code)) {
                case BPF_IMM:
                        buf_printf(to, " #0x%x", insn->k);
                        return;
                case BPF_ABS:
                        buf_printf(to, " [%u]", insn->k);
                        return;
                case BPF_MEM:
                        buf_printf(to, " M[%u]", insn->k);
                        return;
                case BPF_LEN:
                        buf_puts(to, " len");
                        return;
                default:
                        break;
                }
                break;
        case BPF_ST:
        case BPF_STX:
                buf_printf(to, "%s M[%u]", BPF_CLASS(insn->code) == BPF_ST ? "st" : "stx", insn->k);
                return;
        case BPF_ALU:
                if (op == BPF_NEG >> 4) {
                        buf_puts(to, "neg");
                        return;
                }
                if (op < sizeof(alu) / sizeof(alu[0])) {
                        buf_printf(to, "%s %s", alu[op], operand(insn, buf, sizeof(buf)));
                        return;
                }
                break;
        case BPF_JMP:
                if (op == BPF_JA >> 4) {
                        buf_printf(to, "ja %zu", at + 1 + insn->k);
                        return;
                }
                if (op < sizeof(jumps) / sizeof(jumps[0])) {
                        buf_printf(to, "%s %s, %zu, %zu", jumps[op], operand(insn, buf, sizeof(buf)),
                                   at + 1 + insn->jt, at + 1 + insn->jf);
                        return;
                }
                break;
        case BPF_RET:
                if (BPF_RVAL(insn->code) == BPF_A)
                        buf_puts(to, "ret a");
                else
                        buf_printf(to, "ret #0x%x", insn->k);
                return;
        case BPF_MISC:
                buf_puts(to, BPF_MISCOP(insn->code) == BPF_TXA ? "txa" : "tax");
                return;
        }
        buf_printf(to, ".word 0x%04x, %u, %u, 0x%x", insn->code, insn->jt, insn->jf, insn->k);
}

static void value_text(const struct state *state, uint32_t k, struct buf *to) {
        const struct arch *arch;
        char label[24];

        if (state->source == SOURCE_ARCH && state->mask == UINT32_MAX) {
                arch = arch_by_audit(k);
                if (arch)
                        buf_puts(to, arch->name);
                else
                        buf_printf(to, "0x%x", k);
                return;
        }
        if (state->source == SOURCE_NR && state->mask == UINT32_MAX && state->arch) {
                if (k == X32_NR_BIT && state->arch == AUDIT_ARCH_X86_64) {
                        buf_puts(to, "the first number of x32");
                        return;
                }
                arch = arch_by_audit(state->arch);
                if (arch && syscall_name(arch, k)) {
                        buf_puts(to, syscall_name(arch, k));
                        return;
                }
                buf_puts(to, syscall_label(state->arch, k, label, sizeof(label)));
                return;
        }
        buf_printf(to, k < 10 ? "%u" : "0x%x", k);
}

static void meaning(const struct state *state, const struct sock_filter *insn, struct buf *to) {
        static const char *const signs[] = { "", "==", ">", ">=", "&" };
        unsigned op = BPF_OP(insn->code) >> 4;
        char action[64];

        if (insn->code == (BPF_RET | BPF_K)) {
                buf_puts(to, filter_action_text(insn->k, action, sizeof(action)));
        } else if (insn->code == (BPF_LD | BPF_W | BPF_ABS)) {
                source_text(source_at(insn->k), UINT32_MAX, to);
        } else if (BPF_CLASS(insn->code) == BPF_JMP && BPF_SRC(insn->code) == BPF_K && op > 0 && op < 5 &&
                   state->source > SOURCE_MIXED) {
                source_text(state->source, state->mask, to);
                buf_printf(to, " %s ", signs[op]);
                value_text(state, insn->k, to);
        }
}

int filter_disassemble(const struct filter *filter, struct buf *to) {
        struct state *states = calloc(filter->n + 1, sizeof(*states));

        if (!states)
                return error_origin(-ENOMEM);
        if (filter->n)
                states[0] = (struct state){ .seen = true, .source = SOURCE_MIXED, .mask = UINT32_MAX };
        for (size_t i = 0; i < filter->n; i++) {
                const struct sock_filter *insn = &filter->insns[i];
                size_t start = to->n, n;

                buf_printf(to, "%5zu: ", i);
                code_text(insn, i, to);
                n = to->n;
                if (!states[i].seen) {
                        buf_printf(to, "%*s; never reached",
                                   (int)(start + CODE_COLUMN > n ? start + CODE_COLUMN - n : 1), "");
                } else {
                        struct buf text = BUF_INIT(4096);

                        meaning(&states[i], insn, &text);
                        if (text.n)
                                buf_printf(to, "%*s; %s",
                                           (int)(start + CODE_COLUMN > n ? start + CODE_COLUMN - n : 1), "",
                                           buf_string(&text));
                        buf_deinit(&text);
                        follow(states, filter->n, i, insn);
                }
                buf_putc(to, '\n');
        }
        free(states);
        return error_trace(buf_error(to));
}
