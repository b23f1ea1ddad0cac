/* SPDX-License-Identifier: Apache-2.0 */
/* What is repaired, and that nothing else changes: over own and foreign profiles and random arguments the
 * same calls are let through before and after, in every context. */

#include "policy/fix.h"
#include "policy/check.h"
#include "policy/convert.h"
#include "policy_fixture.h"

#include <dirent.h>
#include <errno.h>

static struct profile *read_text(const char *text) {
        struct diags diags = DIAGS_INIT;
        struct profile *profile;

        cr_assert_eq(profile_read(text, strlen(text), &diags, &profile), 0, "%s", text);
        diags_deinit(&diags);
        return profile;
}

static void fixes_to(const char *text, const char *wanted, size_t n_done) {
        cleanup_profile struct profile *profile = read_text(text), *fixed = NULL,
                                       *expected = read_text(wanted);
        struct buf is = BUF_INIT(0), should = BUF_INIT(0);
        struct diags done = DIAGS_INIT;

        cr_assert_eq(profile_fix(profile, &done, &fixed), 0);
        cr_assert_eq(profile_write(fixed, true, &is), 0);
        cr_assert_eq(profile_write(expected, true, &should), 0);
        cr_expect_str_eq(buf_string(&is), buf_string(&should), "%s", text);
        cr_expect_eq(done.n, n_done, "%s: %zu", text, done.n);
        for (size_t i = 0; i < done.n; i++) {
                const struct finding *finding = finding_by_id(done.items[i].id);

                cr_assert_not_null(finding);
                cr_expect(finding->fixable, "%s", finding->id);
        }
        diags_deinit(&done);
        buf_deinit(&is);
        buf_deinit(&should);
}

#define HEAD "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"defaultErrnoRet\": 38, \"syscalls\": ["
#define READ "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\"}"
#define READ_WHEN                                                                                           \
        "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"includes\": {\"caps\": "                 \
        "[\"CAP_CHOWN\"]}}"
#define READ_ARGS                                                                                           \
        "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{\"index\": 0, \"value\": 1, "  \
        "\"op\": \"SCMP_CMP_EQ\"}]}"
#define READ_LOG "{\"names\": [\"read\"], \"action\": \"SCMP_ACT_LOG\"}"

Test(fix, rows) {
        fixes_to(HEAD READ "]}", HEAD READ "]}", 0);
        fixes_to(HEAD "{\"names\": [\"read\", \"read\"], \"action\": \"SCMP_ACT_ALLOW\"}]}", HEAD READ "]}",
                 1);
        fixes_to(HEAD READ "," READ "]}", HEAD READ "]}", 1);
        fixes_to(HEAD READ "," READ_ARGS "]}", HEAD READ "]}", 1);
        fixes_to(HEAD READ_ARGS "," READ "]}", HEAD READ "]}", 1);
        fixes_to(HEAD READ "," READ_WHEN "]}", HEAD READ "]}", 1);
        fixes_to(HEAD READ ",{\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38}]}",
                 HEAD READ "]}", 1);
        fixes_to(HEAD READ ",{\"names\": [], \"action\": \"SCMP_ACT_ALLOW\"}]}", HEAD READ "]}", 1);
        fixes_to("{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"listenerMetadata\": \"x\"}",
                 "{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", 1);
        fixes_to(HEAD READ ",{\"names\": [\"statx\", \"kill\"], \"action\": \"SCMP_ACT_ERRNO\"}]}",
                 HEAD READ ",{\"names\": [\"kill\"], \"action\": \"SCMP_ACT_ERRNO\"}]}", 1);
}

/* Every call that programs fall back from is refused with ENOSYS afterwards, and nothing else is. */
Test(fix, fallbacks) {
        cleanup_profile struct profile
                *profile = read_text("{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"architectures\": "
                                     "[\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\"], \"syscalls\": [" READ
                                     ", {\"names\": [\"statx\"], \"action\": \"SCMP_ACT_ALLOW\"}]}"),
                *fixed = NULL, *flat = NULL;
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");
        struct diags diags = DIAGS_INIT;
        static const uint64_t zeros[6];
        const struct arch *x86 = arch_by_any("i386");

        cr_assert_eq(profile_fix(profile, &diags, &fixed), 0);
        cr_expect_eq(diags.n, 2);
        cr_assert_eq(profile_resolve(fixed, &context, &diags, &flat), 0);
        cr_expect_eq(match_call(flat, AUDIT_ARCH_X86_64, 435, zeros, NULL), SECCOMP_RET_ERRNO | ENOSYS,
                     "clone3");
        cr_expect_eq(match_call(flat, AUDIT_ARCH_X86_64, 332, zeros, NULL), SECCOMP_RET_ALLOW, "statx");
        cr_expect_eq(match_call(flat, AUDIT_ARCH_X86_64, 1, zeros, NULL), SECCOMP_RET_ERRNO | EPERM,
                     "write");
        cr_expect_eq(
                match_call(flat, x86->audit, (uint32_t)syscall_number(x86, "clock_gettime64"), zeros, NULL),
                SECCOMP_RET_ERRNO | ENOSYS);
        diags_deinit(&diags);
}

/* What a person has to look at stays as it is. */
Test(fix, contradictions_stay) {
        fixes_to(HEAD READ_WHEN "," READ "]}", HEAD READ_WHEN "," READ "]}", 0);
        fixes_to(HEAD READ "," READ_LOG "]}", HEAD READ "," READ_LOG "]}", 0);
        fixes_to(HEAD READ_LOG "," READ_WHEN "," READ "]}", HEAD READ_LOG "," READ_WHEN "," READ "]}", 0);
}

static bool runs(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action != SECCOMP_RET_ERRNO;
}

/* In one context; errnos may differ, nothing else. */
static void same_in(const struct profile *a, const struct profile *b,
                    const struct profile_context *context) {
        static const uint64_t values[] = { 0, 1, 2, 9, 0x10000000, 0x7e020000, UINT32_MAX, UINT64_MAX };
        cleanup_profile struct profile *flat_a = NULL, *flat_b = NULL;
        struct diags diags = DIAGS_INIT;
        int r_a = profile_resolve(a, context, &diags, &flat_a);
        int r_b = profile_resolve(b, context, &diags, &flat_b);
        unsigned random = 7;

        cr_assert_eq(r_a, r_b);
        for (size_t i = 0; !r_a && i < flat_a->n_archs; i++) {
                const struct arch *arch = flat_a->archs[i].arch;
                uint32_t cursor = 0, nr;

                while (syscall_next(arch, &cursor, &nr))
                        for (int j = 0; j < 8; j++) {
                                uint64_t args[6];
                                uint32_t x, y,
                                        audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;

                                for (int k = 0; k < 6; k++)
                                        args[k] = values[rand_r(&random) % 8];
                                x = match_call(flat_a, audit, nr, args, NULL);
                                y = match_call(flat_b, audit, nr, args, NULL);
                                cr_assert(x == y || (!runs(x) && !runs(y)), "%s: %s %u: 0x%x, 0x%x",
                                          a->file ? a->file : "?", arch->name, nr, x, y);
                        }
        }
        diags_deinit(&diags);
}

static void same_everywhere(const char *path) {
        static const char *const archs[] = { "amd64", "arm64", "s390x" };
        static const uint64_t caps[] = { 0, 0xa80425fb, UINT64_MAX };
        cleanup_profile struct profile *profile = NULL, *fixed = NULL;
        struct diags diags = DIAGS_INIT, again = DIAGS_INIT;

        if (profile_read_file(path, &diags, &profile)) {
                diags_deinit(&diags);
                return;
        }
        diags_deinit(&diags);
        cr_assert_eq(profile_fix(profile, &diags, &fixed), 0);
        for (size_t i = 0; i < 9; i++) {
                struct profile_context context = { .arch = arch_by_any(archs[i % 3]), .caps = caps[i / 3] };

                context.kernel_major = i % 2 ? 6 : 4;
                same_in(profile, fixed, &context);
        }
        /* A second time there is nothing left to do. */
        {
                cleanup_profile struct profile *twice = NULL;

                cr_assert_eq(profile_fix(fixed, &again, &twice), 0);
                cr_expect_eq(again.n, 0, "%s: %s", path, again.n ? again.items[0].text : "");
        }
        diags_deinit(&again);
        diags_deinit(&diags);
}

static size_t all_of(const char *folder) {
        DIR *dir = opendir(folder);
        struct dirent *entry;
        size_t n = 0;

        cr_assert_not_null(dir, "%s", folder);
        while ((entry = readdir(dir))) {
                char path[4096];

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                same_everywhere(path);
                n++;
        }
        closedir(dir);
        return n;
}

Test(fix, own_profiles_keep_their_verdicts) {
        cr_expect_gt(all_of(ROWS), 5);
}

Test(fix, foreign_profiles_keep_their_verdicts, .timeout = 200) {
        const char *corpus = getenv("CALLGATE_CORPUS");
        char folder[4096];

        if (!corpus)
                cr_skip("CALLGATE_CORPUS is not set");
        snprintf(folder, sizeof(folder), "%s/profiles", corpus);
        cr_expect_gt(all_of(folder), 50);
}
