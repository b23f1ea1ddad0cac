/* SPDX-License-Identifier: Apache-2.0 */
/* What changes between two profiles: rows by hand, and brute force over the compiled filters. */

#include "policy_fixture.h"

#include "base/buf.h"
#include "policy/diff.h"

static const struct difference *find(const struct diff *diff, const char *arch, const char *name) {
        for (size_t i = 0; i < diff->n; i++)
                if (!strcmp(diff->items[i].arch->name, arch) && !strcmp(diff->items[i].name, name))
                        return &diff->items[i];
        return NULL;
}

#define ARCHS "\"architectures\":[\"SCMP_ARCH_X86_64\"]"
#define A                                                                                                   \
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ARCHS ",\"syscalls\":["                                    \
        "{\"names\":[\"read\",\"write\",\"ptrace\"],\"action\":\"SCMP_ACT_ALLOW\"},"                        \
        "{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},"                           \
        "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":"  \
        "\"SCMP_CMP_EQ\"}]}]}"
#define B                                                                                                   \
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ARCHS ",\"syscalls\":["                                    \
        "{\"names\":[\"write\",\"read\",\"bpf\"],\"action\":\"SCMP_ACT_ALLOW\"},"                           \
        "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":2,\"op\":"  \
        "\"SCMP_CMP_EQ\"}]},"                                                                               \
        "{\"names\":[\"socket\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":0,\"value\":1,\"op\":"  \
        "\"SCMP_CMP_EQ\"},{\"index\":1,\"value\":5,\"op\":\"SCMP_CMP_EQ\"}]}]}"

static void assert_text(struct diff *diff, region_id set, const char *text) {
        struct buf got = BUF_INIT(0);
        struct cover cover;

        cr_assert_eq(cover_init(&cover, diff->regions, set, COVER_CLOSED, 64), 0);
        cover_text(&cover, 8, &got);
        cr_assert_str_eq(buf_string(&got), text);
        cover_deinit(&cover);
        buf_deinit(&got);
}

Test(diff, names_what_changed) {
        cleanup_fixture struct fixture a, b;
        const struct difference *item;
        struct diff diff;

        cr_assert_eq(fixture_text(&a, A), 0);
        cr_assert_eq(fixture_text(&b, B), 0);
        cr_assert_eq(diff_init(&diff, a.flat, b.flat, &a.diags), 0);
        cr_assert_eq(diff.n, 4);
        cr_assert_eq(find(&diff, "x86_64", "ptrace")->kind, DIFFERENCE_REFUSED);
        cr_assert_eq(find(&diff, "x86_64", "bpf")->kind, DIFFERENCE_ALLOWED);
        cr_assert_eq(find(&diff, "x86_64", "clone3")->kind, DIFFERENCE_ACTION);
        item = find(&diff, "x86_64", "socket");
        cr_assert_eq(item->kind, DIFFERENCE_CONDITIONS);
        assert_text(&diff, item->gained, "arg0 == 2");
        assert_text(&diff, item->lost, "arg0 == 1 and arg1 != 5");
        diff_deinit(&diff);
}

/* Order, grouping, redundancy and spelling are no difference. */
Test(diff, ignores_how_it_is_written) {
        cleanup_fixture struct fixture a, b;
        struct diff diff;

        cr_assert_eq(fixture_text(&a, "{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ARCHS ",\"syscalls\":["
                                      "{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
                                      "{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
                                      "\"index\":1,\"value\":4,\"op\":\"SCMP_CMP_GT\"}]}]}"),
                     0);
        cr_assert_eq(fixture_text(&b,
                                  "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1," ARCHS
                                  ",\"syscalls\":["
                                  "{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
                                  "\"index\":1,\"value\":9,\"op\":\"SCMP_CMP_GE\"}]},"
                                  "{\"names\":[\"kill\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{"
                                  "\"index\":1,\"value\":5,\"op\":\"SCMP_CMP_GE\"}]},"
                                  "{\"names\":[\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
                                  "{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"},"
                                  "{\"names\":[\"ptrace\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":1}]}"),
                     0);
        cr_assert_eq(diff_init(&diff, a.flat, b.flat, &a.diags), 0);
        cr_assert_eq(diff.n, 0);
        diff_deinit(&diff);
}

Test(diff, says_when_an_architecture_comes_or_goes) {
        cleanup_fixture struct fixture a, b;
        struct diff diff;

        cr_assert_eq(fixture_text(&a, "{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ARCHS "}"), 0);
        cr_assert_eq(
                fixture_text(&b,
                             "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86\"],"
                             "\"syscalls\":[{\"names\":[\"read\",\"waitpid\"],\"action\":"
                             "\"SCMP_ACT_ALLOW\"}]}"),
                0);
        cr_assert_eq(diff_init(&diff, a.flat, b.flat, &a.diags), 0);
        cr_assert_eq(diff.n, 2);
        cr_assert_eq(diff.items[1].kind, DIFFERENCE_ARCH_ADDED);
        cr_assert_eq(diff.items[1].n_calls, 2);
        cr_assert_eq(diff.items[0].kind, DIFFERENCE_ALLOWED);
        cr_assert_str_eq(diff.items[0].name, "read");
        diff_deinit(&diff);
        cr_assert_eq(diff_init(&diff, b.flat, a.flat, &a.diags), 0);
        cr_assert_eq(diff.items[1].kind, DIFFERENCE_ARCH_REMOVED);
        diff_deinit(&diff);
}

Test(diff, defaults_are_one_difference) {
        cleanup_fixture struct fixture a, b;
        struct diff diff;

        cr_assert_eq(fixture_text(&a, "{\"defaultAction\":\"SCMP_ACT_ERRNO\"," ARCHS "}"), 0);
        cr_assert_eq(fixture_text(&b, "{\"defaultAction\":\"SCMP_ACT_LOG\"," ARCHS "}"), 0);
        cr_assert_eq(diff_init(&diff, a.flat, b.flat, &a.diags), 0);
        cr_assert_eq(diff.n, 1);
        cr_assert(diff.items[0].others);
        cr_assert_eq(diff.items[0].kind, DIFFERENCE_ALLOWED);
        diff_deinit(&diff);
}

/* Own profiles with each other: a call is listed exactly when some arguments show it. */
Test(diff, agrees_with_the_filters) {
        static const char *const files[] = { "deny-list.json", "docker-form.json", "fine-grained.json",
                                             "newer.json",     "overlapping.json", "ranges.json",
                                             "repeated.json",  "strict.json" };
        size_t n = sizeof(files) / sizeof(files[0]), n_differences = 0;
        struct fixture fixtures[8];

        for (size_t i = 0; i < n; i++) {
                char path[512];

                snprintf(path, sizeof(path), "%s%s", ROWS, files[i]);
                cr_assert_eq(fixture_file(&fixtures[i], path, "SCMP_ARCH_X86_64"), 0);
        }
        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++) {
                        struct diff diff;

                        cr_assert_eq(
                                diff_init(&diff, fixtures[i].flat, fixtures[j].flat, &fixtures[i].diags), 0);
                        cr_assert(i != j || !diff.n);
                        for (uint32_t nr = 0; nr < 462; nr++) {
                                struct seccomp_data data = { .nr = (int)nr, .arch = AUDIT_ARCH_X86_64 };
                                const char *name = syscall_name(arch_by_audit(AUDIT_ARCH_X86_64), nr);
                                const struct difference *item = find(&diff, "x86_64", name ? name : "-"),
                                                        *others = find(&diff, "x86_64", "");

                                for (uint64_t value = 0; value < 40; value++) {
                                        uint32_t x, y;

                                        data.args[0] = data.args[1] = data.args[2] = value;
                                        x = filter_simulate(&fixtures[i].filter, &data, NULL);
                                        y = filter_simulate(&fixtures[j].filter, &data, NULL);
                                        cr_assert(x == y || item || others, "%s, %s: %s", files[i], files[j],
                                                  name);
                                }
                        }
                        for (size_t k = 0; k < diff.n; k++) {
                                const struct difference *item = &diff.items[k];
                                struct seccomp_data data = { .nr = (int)item->nr,
                                                             .arch = AUDIT_ARCH_X86_64 };
                                region_id odd = item->gained != REGION_NOTHING ? item->gained
                                                : item->lost != REGION_NOTHING
                                                        ? item->lost
                                                        : region_combine(diff.regions, REGION_OTHER_WORD,
                                                                         item->before, item->after);
                                uint64_t args[6];

                                if (item->others || strcmp(item->arch->name, "x86_64"))
                                        continue;
                                cr_assert(region_pick(diff.regions, odd, args));
                                memcpy(data.args, args, sizeof(args));
                                cr_assert_neq(filter_simulate(&fixtures[i].filter, &data, NULL),
                                              filter_simulate(&fixtures[j].filter, &data, NULL),
                                              "%s, %s: %s", files[i], files[j], item->name);
                                n_differences++;
                        }
                        diff_deinit(&diff);
                }
        cr_assert_gt(n_differences, 100);
        for (size_t i = 0; i < n; i++)
                fixture_deinit(&fixtures[i]);
}
