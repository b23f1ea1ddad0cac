/* SPDX-License-Identifier: Apache-2.0 */
/* Options that say for which machine a profile is read. */

#include "cli/context.h"

#include "cli/exit.h"
#include "syscalls/names.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <string.h>

static int take(struct context *context, int option, const char *value) {
        return context_option(context, "profile check", option, value);
}

Test(context, defaults_to_this_machine) {
        struct context context;

        cr_assert_eq(context_init(&context), 0);
        cr_expect_eq(context.profile.arch, arch_native());
        cr_expect_eq(context.profile.given, 0);
        cr_expect_not(context.read.dialect_set);
        cr_expect_eq(take(&context, 'x', NULL), -1);
}

Test(context, options, .init = cr_redirect_stderr) {
        static const struct {
                int option;
                const char *value;
                int r;
                unsigned given;
        } rows[] = {
                { CONTEXT_OPTION_ARCH, "arm64", 0, CONTEXT_ARCH },
                { CONTEXT_OPTION_ARCH, "aarch64", 0, CONTEXT_ARCH },
                { CONTEXT_OPTION_ARCH, "SCMP_ARCH_S390X", 0, CONTEXT_ARCH },
                { CONTEXT_OPTION_ARCH, "arm46", EXIT_USAGE, 0 },
                { CONTEXT_OPTION_CAP, "CAP_SYS_ADMIN", 0, CONTEXT_CAPS },
                { CONTEXT_OPTION_CAP, "sys_admin", 0, CONTEXT_CAPS },
                { CONTEXT_OPTION_CAP, "none", 0, CONTEXT_CAPS },
                { CONTEXT_OPTION_CAP, "all", 0, CONTEXT_CAPS },
                { CONTEXT_OPTION_CAP, "default", 0, CONTEXT_CAPS },
                { CONTEXT_OPTION_CAP, "CAP_SYS_ADMNI", EXIT_USAGE, 0 },
                { CONTEXT_OPTION_KERNEL, "6.1", 0, CONTEXT_KERNEL },
                { CONTEXT_OPTION_KERNEL, "6.1.0-13-amd64", 0, CONTEXT_KERNEL },
                { CONTEXT_OPTION_KERNEL, "5.10-rc1", 0, CONTEXT_KERNEL },
                { CONTEXT_OPTION_KERNEL, "6", EXIT_USAGE, 0 },
                { CONTEXT_OPTION_KERNEL, "6.x", EXIT_USAGE, 0 },
                { CONTEXT_OPTION_KERNEL, "6.1x", EXIT_USAGE, 0 },
                { CONTEXT_OPTION_KERNEL, "-6.1", EXIT_USAGE, 0 },
                { CONTEXT_OPTION_KERNEL, "", EXIT_USAGE, 0 },
                { CONTEXT_OPTION_DIALECT, "docker", 0, 0 },
                { CONTEXT_OPTION_DIALECT, "podman", 0, 0 },
                { CONTEXT_OPTION_DIALECT, "kafel", EXIT_USAGE, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct context context;

                cr_assert_eq(context_init(&context), 0);
                cr_expect_eq(take(&context, rows[i].option, rows[i].value), rows[i].r, "%s", rows[i].value);
                cr_expect_eq(context.profile.given, rows[i].given, "%s", rows[i].value);
        }
}

Test(context, capabilities_add_up) {
        struct context context;
        struct buf text = BUF_INIT(0);

        cr_assert_eq(context_init(&context), 0);
        context.profile.caps = UINT64_MAX;
        cr_assert_eq(take(&context, CONTEXT_OPTION_CAP, "CAP_CHOWN"), 0);
        cr_assert_eq(take(&context, CONTEXT_OPTION_CAP, "cap_bpf"), 0);
        cr_expect_eq(context.profile.caps, UINT64_C(1) | UINT64_C(1) << 39);
        context_text(&context, CONTEXT_CAPS, &text);
        cr_expect_str_eq(buf_string(&text), "2 capabilities (CAP_CHOWN, CAP_BPF)");
        buf_reset(&text);
        cr_assert_eq(take(&context, CONTEXT_OPTION_CAP, "all"), 0);
        cr_assert_eq(take(&context, CONTEXT_OPTION_KERNEL, "6.1"), 0);
        cr_assert_eq(take(&context, CONTEXT_OPTION_ARCH, "s390x"), 0);
        context_text(&context, CONTEXT_ARCH | CONTEXT_CAPS | CONTEXT_KERNEL, &text);
        cr_expect_str_eq(buf_string(&text), "s390x, Linux 6.1, all capabilities");
        buf_deinit(&text);
}
