/* SPDX-License-Identifier: Apache-2.0 */
/* Calls as people write them. */

#include "policy/call_text.h"
#include "policy/model.h"
#include "syscalls/names.h"

#include <criterion/criterion.h>
#include <linux/audit.h>
#include <string.h>

static const struct {
        const char *text;
        uint32_t audit, nr;
        unsigned n_args;
        uint64_t args[6];
} good[] = {
        { "openat", AUDIT_ARCH_X86_64, 257, 0, { 0 } },
        { "socket 2 1 0", AUDIT_ARCH_X86_64, 41, 3, { 2, 1, 0 } },
        { " socket  AF_INET\tSOCK_STREAM|SOCK_CLOEXEC 0x6 ", AUDIT_ARCH_X86_64, 41, 3, { 2, 0x80001, 6 } },
        { "openat AT_FDCWD 0 O_RDONLY|O_CLOEXEC",
          AUDIT_ARCH_X86_64,
          257,
          3,
          { (uint64_t)-100, 0, 02000000 } },
        { "i386:socketcall 1 0xbff0", AUDIT_ARCH_I386, 102, 2, { 1, 0xbff0 } },
        { "i386:openat -100", AUDIT_ARCH_I386, 295, 1, { 0xffffff9c } },
        { "x32:read 0", AUDIT_ARCH_X86_64, X32_NR_BIT, 1, { 0 } },
        { "500 1", AUDIT_ARCH_X86_64, 500, 1, { 1 } },
        { "SCMP_ARCH_X86:9", AUDIT_ARCH_I386, 9, 0, { 0 } },
        { "dup 18446744073709551615", AUDIT_ARCH_X86_64, 32, 1, { UINT64_MAX } },
        { "kill 1 SIGKILL", AUDIT_ARCH_X86_64, 62, 2, { 1, 9 } },
        { "kill 017 9", AUDIT_ARCH_X86_64, 62, 2, { 15, 9 } },
};

Test(call_text, good) {
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                struct diags diags = DIAGS_INIT;
                struct call_text call;
                int r = call_text_parse(good[i].text, arch_by_scmp("SCMP_ARCH_X86_64"), &diags, &call);

                cr_assert_eq(r, 0, "%s: %s", good[i].text, diags.n ? diags.items[0].text : "");
                cr_assert_eq(call.audit, good[i].audit, "%s", good[i].text);
                cr_assert_eq(call.nr, good[i].nr, "%s: %u", good[i].text, call.nr);
                cr_assert_eq(call.n_args, good[i].n_args, "%s", good[i].text);
                for (size_t j = 0; j < 6; j++)
                        cr_assert_eq(call.args[j], good[i].args[j], "%s: %zu is %lx", good[i].text, j,
                                     call.args[j]);
        }
}

static const struct {
        const char *text, *says;
} bad[] = {
        { "", "empty" },
        { "opanat", "did you mean openat" },
        { "i387:openat", "i386" },
        { "socketcall 1", "i386:socketcall" },
        { "socket AF_INTE", "AF_INET" },
        { "socket 1x", "neither a number" },
        { "socket -", "neither a number" },
        { "socket 2|", "neither a number" },
        { "socket 1 2 3 4 5 6 7", "six" },
        { "socket 18446744073709551616", "neither a number" },
        { "i386:socket 0x100000000", "32 bits" },
        { "4294967296", "not the number of a call" },
};

Test(call_text, bad) {
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct diags diags = DIAGS_INIT;
                struct call_text call;

                cr_assert_eq(call_text_parse(bad[i].text, arch_by_scmp("SCMP_ARCH_X86_64"), &diags, &call),
                             PROFILE_E_INVALID, "%s", bad[i].text);
                cr_assert_eq(diags.n, 1);
                cr_assert_not_null(strstr(diags.items[0].text, bad[i].says), "%s: %s", bad[i].text,
                                   diags.items[0].text);
                diags_deinit(&diags);
        }
}
