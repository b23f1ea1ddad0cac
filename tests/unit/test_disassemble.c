/* SPDX-License-Identifier: Apache-2.0 */
/* Programs as text: names under the right architecture, and no program that cannot be shown. */

#include "policy/disassemble.h"

#include "policy_fixture.h"
#include "profile_same.h"

#define STMT(code, k)         ((struct sock_filter)BPF_STMT(code, k))
#define JUMP(code, k, jt, jf) ((struct sock_filter)BPF_JUMP(code, k, jt, jf))

static char *text_of(struct sock_filter *insns, size_t n) {
        struct filter filter = { .insns = insns, .n = n };
        struct buf text = BUF_INIT(0);

        cr_assert_eq(filter_disassemble(&filter, &text), 0);
        return text.data;
}

Test(disassemble, lines) {
        struct sock_filter insns[] = {
                STMT(BPF_LD | BPF_W | BPF_ABS, 4),
                JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
                STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                JUMP(BPF_JMP | BPF_JEQ | BPF_K, 83, 0, 4),
                STMT(BPF_LD | BPF_W | BPF_ABS, 28),
                STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
                JUMP(BPF_JMP | BPF_JGE | BPF_K, 16, 0, 1),
                STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 13),
                STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                STMT(BPF_RET | BPF_A, 0),
        };
        static const char *const expect[] = {
                "0: ld [4]                               ; architecture\n",
                "1: jeq #0xc000003e, 3, 2                ; architecture == x86_64\n",
                "2: ret #0x0                             ; SECCOMP_RET_KILL_THREAD\n",
                "3: ld [0]                               ; number\n",
                "4: jeq #0x53, 5, 9                      ; number == mkdir\n",
                "5: ld [28]                              ; arg1.high\n",
                "6: and #0xff\n",
                "7: jge #0x10, 8, 9                      ; arg1.high & 0xff >= 0x10\n",
                "8: ret #0x5000d                         ; SECCOMP_RET_ERRNO(EACCES)\n",
                "9: ret #0x7fff0000                      ; SECCOMP_RET_ALLOW\n",
                "10: ret a                                ; never reached\n",
        };
        char *text = text_of(insns, sizeof(insns) / sizeof(insns[0])), *at = text;

        for (size_t i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
                at += strspn(at, " ");
                cr_expect_eq(strncmp(at, expect[i], strlen(expect[i])), 0, "line %zu: %.80s", i, at);
                at = strchr(at, '\n') + 1;
        }
        cr_expect_eq(*at, '\0');
        free(text);
}

/* Where two architectures meet, a number has no name. */
Test(disassemble, architectures_that_meet) {
        struct sock_filter insns[] = {
                STMT(BPF_LD | BPF_W | BPF_ABS, 4),
                JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
                JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 2),
                STMT(BPF_LD | BPF_W | BPF_ABS, 0),
                JUMP(BPF_JMP | BPF_JEQ | BPF_K, 39, 0, 0),
                STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        char *text = text_of(insns, sizeof(insns) / sizeof(insns[0]));

        cr_expect(strstr(text, "number == 0x27"), "%s", text);
        free(text);
}

/* Every call of a compiled profile is there by name, of all three architectures. */
Test(disassemble, compiled_profile) {
        cleanup_fixture struct fixture fixture;
        struct buf text = BUF_INIT(0);

        cr_assert_eq(
                fixture_text(&fixture,
                             "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\","
                             "\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],\"syscalls\":[{\"names\":[\"mkdir\","
                             "\"getpid\",\"waitpid\",\"openat2\"],\"action\":\"SCMP_ACT_ALLOW\"},{\"names\":"
                             "[\"clone\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":"
                             "2114060288,\"op\":\"SCMP_CMP_MASKED_EQ\"}]}]}"),
                0);
        cr_assert_eq(filter_disassemble(&fixture.filter, &text), 0);
        cr_expect(strstr(text.data, "jeq #0x53,") && strstr(text.data, "jeq #0x27,") &&
                  strstr(text.data, "jeq #0x40000053,"));
        for (const char *at = text.data; (at = strstr(at, "number == ")); at++)
                cr_expect(strncmp(at, "number == 0x", 12), "%.60s", at);
        cr_expect(strstr(text.data, "number == waitpid"));
        cr_expect(strstr(text.data, "arg0.low & 0x7e020000 == 0"));
        buf_deinit(&text);
}

Test(disassemble, any_program) {
        uint64_t seed = 42;

        for (int round = 0; round < 3000; round++) {
                struct sock_filter insns[40];
                size_t n = random_below(&seed, 40);
                char *text;
                size_t lines = 0;

                for (size_t i = 0; i < n; i++)
                        insns[i] = (struct sock_filter){
                                .code = (uint16_t)random_next(&seed) & (round % 2 ? 0xff : 0xffff),
                                .jt = (uint8_t)random_below(&seed, round % 3 ? 8 : 256),
                                .jf = (uint8_t)random_below(&seed, 8),
                                .k = (uint32_t)random_value(&seed),
                        };
                text = text_of(insns, n);
                for (const char *at = text; at && (at = strchr(at, '\n')); at++)
                        lines++;
                cr_assert_eq(lines, n);
                free(text);
        }
}
