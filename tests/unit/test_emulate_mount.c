/* SPDX-License-Identifier: Apache-2.0 */

/* What needs no mount: options, refusals, pretence. Mounts themselves: tests/live/policy_system.sh. */

#include "tests/unit/emulate_fixture.h"

static void begin(void) {
        fixture_begin("do: { emulate: mount }");
}

TestSuite(emulate_mount, .init = begin, .fini = fixture_end);

Test(emulate_mount, newer_calls_are_missing) {
        static const char *const names[] = { "fsopen",    "fsconfig",   "fsmount",      "fspick",
                                             "open_tree", "move_mount", "mount_setattr" };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                cr_expect_eq(made(names[i], 0), -ENOSYS, "%s", names[i]);
                cr_expect_eq(made32(names[i], 0), -ENOSYS, "%s", names[i]);
        }
}

Test(emulate_mount, bad_pointers_and_flags) {
        strcpy(fake.memory, "none");
        cr_expect_eq(made("mount", NOWHERE, AT(0), AT(0), 0, 0), -EFAULT);
        cr_expect_eq(made("mount", AT(0), NOWHERE, AT(0), 0, 0), -EFAULT);
        cr_expect_eq(made("mount", AT(0), AT(0), NOWHERE, 0, 0), -EFAULT);
        cr_expect_eq(made("mount", AT(0), AT(0), AT(0), 0, NOWHERE), -EFAULT);
        cr_expect_eq(made("mount", AT(0), AT(100), AT(0), 0, 0), -ENOENT, "an empty path");
        cr_expect_eq(made("umount2", AT(0), 0x10), -EINVAL);
        cr_expect_eq(made("umount2", NOWHERE, 0), -EFAULT);
        cr_expect_eq(made32("umount", NOWHERE, 0x10), -EFAULT, "the old call has no flags");
        memset(fake.memory, 'x', 5000);
        cr_expect_eq(made("umount2", AT(0), 0), -ENAMETOOLONG);
        cr_expect_eq(fixture_call_of(TASK, AUDIT_ARCH_X86_64, "umount2", (uint64_t[6]){ AT(0) },
                                     FAKE_GONE_AT_CONFIRM),
                     CALL_E_GONE);
}

/* Whoever cannot mount is told that first. */
Test(emulate_mount_options, what_is_wrong_is_said) {
        static const struct {
                const char *options, *says;
        } rows[] = {
                { "types: [proc], targets: [/a]", "\"proc\" is not mounted for programs" },
                { "types: [bind], targets: [/a]", "bind needs \"sources\"" },
                { "types: [ext4], targets: [/a]", "ext4 needs \"sources\"" },
                { "types: [tmpfs], targets: [/a], allow: [exec]", "allow: expected suid or dev" },
                { "types: [tmpfs], targets: [\"~(\"]", "targets: \"~(\"" },
        };
        char rule[300];

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const char *said;

                snprintf(rule, sizeof(rule), "do: { emulate: { mount-allowed: { %s } } }", rows[i].options);
                said = fixture_refusal_with("authority: [mount]\n", rule);
                cr_expect(said && (strstr(said, rows[i].says) || strstr(said, "CAP_SYS_ADMIN")), "%s: %s",
                          rows[i].options, said ? said : "it starts");
        }
}
