/* SPDX-License-Identifier: Apache-2.0 */
/* Docker's conditions, each met and missed. */

#include "policy_fixture.h"

static struct profile *resolve(struct fixture *fixture, const char *text, int expected) {
        struct profile_context context = fixture->context;

        fixture_deinit(fixture);
        *fixture = (struct fixture){ .context = context };
        cr_assert_eq(profile_read(text, strlen(text), &fixture->diags, &fixture->profile), 0, "%s", text);
        cr_assert_eq(profile_resolve(fixture->profile, &fixture->context, &fixture->diags, &fixture->flat),
                     expected, "%s", text);
        return fixture->flat;
}

#define CAP(number) (UINT64_C(1) << (number))
#define ADMIN       21
#define CHROOT      18

Test(resolve, rules_apply_when_docker_says_so) {
        static const struct {
                const char *when, *arch;
                uint64_t caps;
                unsigned major, minor;
                bool applies;
        } rows[] = {
                { "\"includes\": {}, \"excludes\": {}", "SCMP_ARCH_X86_64", 0, 6, 1, true },
                { "\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", "SCMP_ARCH_X86_64", 0, 6, 1, false },
                { "\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"]}", "SCMP_ARCH_X86_64", CAP(ADMIN), 6, 1,
                  true },
                { "\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_SYS_CHROOT\"]}", "SCMP_ARCH_X86_64",
                  CAP(ADMIN), 6, 1, false },
                { "\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_SYS_CHROOT\"]}", "SCMP_ARCH_X86_64",
                  CAP(ADMIN) | CAP(CHROOT), 6, 1, true },
                { "\"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_SYS_CHROOT\"]}", "SCMP_ARCH_X86_64",
                  CAP(CHROOT), 6, 1, false },
                { "\"excludes\": {\"caps\": [\"CAP_SYS_ADMIN\", \"CAP_SYS_CHROOT\"]}", "SCMP_ARCH_X86_64", 0,
                  6, 1, true },
                { "\"includes\": {\"caps\": [\"CAP_NO_SUCH\"]}", "SCMP_ARCH_X86_64", UINT64_MAX, 6, 1,
                  false },
                { "\"excludes\": {\"caps\": [\"CAP_NO_SUCH\"]}", "SCMP_ARCH_X86_64", UINT64_MAX, 6, 1,
                  true },
                { "\"includes\": {\"arches\": [\"amd64\", \"x32\"]}", "SCMP_ARCH_X86_64", 0, 6, 1, true },
                { "\"includes\": {\"arches\": [\"amd64\", \"x32\"]}", "SCMP_ARCH_AARCH64", 0, 6, 1, false },
                { "\"includes\": {\"arches\": [\"arm64\"]}", "SCMP_ARCH_AARCH64", 0, 6, 1, true },
                { "\"includes\": {\"arches\": [\"x86\"]}", "SCMP_ARCH_X86", 0, 6, 1, true },
                { "\"excludes\": {\"arches\": [\"s390\", \"s390x\"]}", "SCMP_ARCH_S390X", 0, 6, 1, false },
                { "\"excludes\": {\"arches\": [\"s390\", \"s390x\"]}", "SCMP_ARCH_X86_64", 0, 6, 1, true },
                { "\"includes\": {\"minKernel\": \"4.8\"}", "SCMP_ARCH_X86_64", 0, 4, 7, false },
                { "\"includes\": {\"minKernel\": \"4.8\"}", "SCMP_ARCH_X86_64", 0, 4, 8, true },
                { "\"includes\": {\"minKernel\": \"4.8\"}", "SCMP_ARCH_X86_64", 0, 5, 0, true },
                { "\"includes\": {\"minKernel\": \"4.18\"}", "SCMP_ARCH_X86_64", 0, 4, 9, false },
                { "\"excludes\": {\"minKernel\": \"4.8\"}", "SCMP_ARCH_X86_64", 0, 4, 8, false },
                { "\"excludes\": {\"minKernel\": \"4.8\"}", "SCMP_ARCH_X86_64", 0, 3, 19, true },
                { "\"includes\": {\"caps\": [\"CAP_SYS_ADMIN\"], \"minKernel\": \"4.8\"}",
                  "SCMP_ARCH_X86_64", CAP(ADMIN), 4, 4, false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_fixture struct fixture fixture = {
                        .context = { arch_by_scmp(rows[i].arch), rows[i].caps, rows[i].major,
                                     rows[i].minor },
                };
                struct profile *flat;
                char text[512];

                snprintf(text, sizeof(text),
                         "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": ["
                         "{\"names\": [\"sync\"], \"action\": \"SCMP_ACT_LOG\"},"
                         "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", %s}]}",
                         rows[i].when);
                flat = resolve(&fixture, text, 0);
                cr_expect_eq(flat->n_rules, rows[i].applies ? 2 : 1, "row %zu: %s", i, rows[i].when);
                for (size_t j = 0; j < flat->n_rules; j++)
                        cr_expect_not(rule_is_conditional(&flat->rules[j]));
        }
}

static bool lists(const struct profile *flat, const char *scmp) {
        return profile_has_arch(flat, arch_by_scmp(scmp));
}

#define DEFAULT "{\"defaultAction\": \"SCMP_ACT_ERRNO\""
#define MAP                                                                                                 \
        DEFAULT ", \"archMap\": ["                                                                          \
                "{\"architecture\": \"SCMP_ARCH_X86_64\", \"subArchitectures\": [\"SCMP_ARCH_X86\", "       \
                "\"SCMP_ARCH_X32\"]},"                                                                      \
                "{\"architecture\": \"SCMP_ARCH_AARCH64\", \"subArchitectures\": [\"SCMP_ARCH_ARM\"]}]}"

Test(resolve, architectures) {
        cleanup_fixture struct fixture fixture = { .context = fixture_context("SCMP_ARCH_X86_64") };
        struct profile *flat;

        flat = resolve(&fixture, MAP, 0);
        cr_expect_eq(flat->n_archs, 3);
        cr_expect(lists(flat, "SCMP_ARCH_X86_64") && lists(flat, "SCMP_ARCH_X86") &&
                  lists(flat, "SCMP_ARCH_X32"));
        cr_expect_eq(flat->n_arch_maps, 0);

        fixture.context = fixture_context("SCMP_ARCH_AARCH64");
        flat = resolve(&fixture, MAP, 0);
        cr_expect_eq(flat->n_archs, 2);
        cr_expect(lists(flat, "SCMP_ARCH_AARCH64") && lists(flat, "SCMP_ARCH_ARM"));

        /* no row for this one: it stands alone */
        fixture.context = fixture_context("SCMP_ARCH_RISCV64");
        flat = resolve(&fixture, MAP, 0);
        cr_expect_eq(flat->n_archs, 1);
        cr_expect(lists(flat, "SCMP_ARCH_RISCV64"));

        fixture.context = fixture_context("SCMP_ARCH_X86_64");
        flat = resolve(&fixture, DEFAULT "}", 0);
        cr_expect_eq(flat->n_archs, 1);
        cr_expect(lists(flat, "SCMP_ARCH_X86_64"), "the native one where none is listed");

        /* libseccomp starts from the native one even if it is not listed */
        flat = resolve(&fixture, DEFAULT ", \"architectures\": [\"SCMP_ARCH_X86\"]}", 0);
        cr_expect_eq(flat->n_archs, 2);
        cr_expect_eq(flat->archs[0].arch, fixture.context.arch);

        flat = resolve(&fixture, DEFAULT ", \"architectures\": [\"SCMP_ARCH_NATIVE\"]}", 0);
        cr_expect_eq(flat->n_archs, 1);
}

Test(resolve, leaves_out_what_cannot_be_in_one_filter) {
        cleanup_fixture struct fixture fixture = { .context = fixture_context("SCMP_ARCH_X86_64") };
        struct profile *flat;

        flat = resolve(&fixture, DEFAULT ", \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_S390X\"]}",
                       0);
        cr_expect_eq(flat->n_archs, 1);
        cr_expect_not_null(diags_find(&fixture.diags, "architecture-byte-order", "architectures", "S390X"));
}

Test(resolve, nothing_wanted) {
        cleanup_fixture struct fixture fixture = { .context = fixture_context("SCMP_ARCH_X86_64") };

        resolve(&fixture, "{}", PROFILE_E_EMPTY);
        resolve(&fixture, "{\"defaultAction\": \"\", \"syscalls\": []}", PROFILE_E_EMPTY);
        resolve(&fixture, DEFAULT "}", 0);
}

/* The reader refuses these; a profile made in memory may still hold them. */
Test(resolve, refuses_contradictions) {
        cleanup_fixture struct fixture fixture = { .context = fixture_context("SCMP_ARCH_X86_64") };
        struct rule *rule;

        resolve(&fixture, MAP, 0);
        cr_assert_eq(profile_add_arch(fixture.profile, fixture.context.arch), 0);
        profile_free(fixture.flat);
        fixture.flat = NULL;
        cr_expect_eq(profile_resolve(fixture.profile, &fixture.context, &fixture.diags, &fixture.flat),
                     PROFILE_E_INVALID);

        resolve(&fixture, "{}", PROFILE_E_EMPTY);
        cr_assert_eq(profile_add_rule(fixture.profile, &rule), 0);
        cr_expect_eq(profile_resolve(fixture.profile, &fixture.context, &fixture.diags, &fixture.flat),
                     PROFILE_E_INVALID);
        cr_expect_not_null(diags_find(&fixture.diags, NULL, NULL, "no defaultAction"));
}

Test(resolve, keeps_place_line_and_settings) {
        cleanup_fixture struct fixture fixture = { .context = fixture_context("SCMP_ARCH_X86_64") };
        struct profile *flat =
                resolve(&fixture,
                        "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"flags\": [\"SECCOMP_FILTER_FLAG_LOG\"],\n"
                        "\"listenerPath\": \"/p\", \"listenerMetadata\": \"m\", \"syscalls\": [\n"
                        "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_LOG\", \"includes\": {\"arches\": "
                        "[\"arm\"]}},\n"
                        "{\"name\": \"write\", \"action\": \"SCMP_ACT_NOTIFY\"}]}",
                        0);

        cr_assert_eq(flat->n_rules, 1);
        cr_expect_str_eq(flat->rules[0].place, "syscalls[1]");
        cr_expect_eq(flat->rules[0].line, 4);
        cr_expect_not(flat->rules[0].legacy_name);
        cr_expect_eq(flat->flags, SECCOMP_FILTER_FLAG_LOG);
        cr_expect_str_eq(flat->listener_path, "/p");
        cr_expect_str_eq(flat->listener_metadata, "m");
        cr_expect(flat->resolved);
        cr_expect_not_null(flat->match);
}

Test(resolve, machine) {
        struct profile_context context;

        cr_assert_eq(profile_context_machine(&context), 0);
        cr_expect_eq(context.arch, arch_native());
        cr_expect_geq(context.kernel_major, 3);
}

Test(resolve, capabilities_by_name) {
        cr_expect_eq(capability_by_name("CAP_SYS_ADMIN"), 21);
        cr_expect_eq(capability_by_name("CAP_CHECKPOINT_RESTORE"), 40);
        cr_expect_lt(capability_by_name("cap_sys_admin"), 0);
        cr_expect_str_eq(capability_name(0), "CAP_CHOWN");
        cr_expect_null(capability_name(capability_count()));
}
