/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles for a dry run under a container runtime, against the profiles they are made of: by brute force
 * over the compiled filter, for our own profiles, real ones and random ones. */

#include "policy/dry_run_profile.h"

#include "policy/convert.h"
#include "policy/learn.h"
#include "policy/read.h"
#include "policy_fixture.h"
#include "profile_same.h"

#include <dirent.h>

#define LISTENER "/run/callgate/oci.sock"

struct made {
        struct diags diags;
        struct profile *profile;
        struct fixture read; /* what was written, read again and compiled */
};

static void made_deinit(struct made *made) {
        diags_deinit(&made->diags);
        profile_free(made->profile);
        fixture_deinit(&made->read);
}
#define cleanup_made __attribute__((cleanup(made_deinit)))

static int make(const struct fixture *from, const struct dry_run_options *options, struct made *made) {
        struct buf text = BUF_INIT(0);
        int r;

        *made = (struct made){ 0 };
        r = dry_run_profile(from->flat, &from->context, options, &made->diags, &made->profile);
        cr_assert_geq(r, 0);
        if (r)
                return r;
        cr_assert_eq(profile_write(made->profile, false, &text), 0);
        r = fixture_text(&made->read, text.data);
        if (r)
                fixture_show(&made->read);
        cr_assert_eq(r, 0, "%.4000s", text.data);
        cr_assert_null(profiles_differ(made->profile, made->read.profile));
        buf_deinit(&text);
        return 0;
}

static bool runs(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

static bool listed(const struct made *made, const char *id, const char *place) {
        return diags_find(&made->diags, id, place, NULL);
}

/* What runc may call before it hands over is left, and listed in one sentence. */
static bool left_for_runc(const struct made *made, const char *name) {
        for (size_t i = 0; i < learn_runtime_calls_n; i++)
                if (learn_runtime_calls[i].any_time && !strcmp(learn_runtime_calls[i].name, name))
                        return listed(made, "left-allowed", strcmp(name, "write") ? "runc" : "write");
        return false;
}

struct sweep {
        const struct fixture *from;
        const struct made *made;
        const struct dry_run_options *options;
        const char *what;
        size_t n_checked;
};

static void check_call(struct sweep *sweep, const struct arch *arch, uint32_t nr, const uint64_t args[6]) {
        uint32_t audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        struct seccomp_data data = { .nr = (int)nr, .arch = audit };
        uint32_t ask = sweep->options->log ? SECCOMP_RET_LOG : SECCOMP_RET_USER_NOTIF;
        uint32_t before = match_call(sweep->from->flat, audit, nr, args, NULL), after;
        const char *name = syscall_name(arch, nr);
        bool known_arch = profile_has_arch(sweep->from->flat, arch);

        memcpy(data.args, args, sizeof(data.args));
        after = filter_simulate(&sweep->made->read.filter, &data, NULL);
        sweep->n_checked++;
        cr_assert(runs(after) || after == ask, "%s: %s %s (%u) is refused with %#x", sweep->what, arch->name,
                  name ? name : "?", nr, after);
        if (!known_arch) {
                cr_assert(listed(sweep->made, "left-allowed", "architectures"), "%s", sweep->what);
                return;
        }
        if (runs(before)) {
                cr_assert(after == before || (name && listed(sweep->made, "always-notified", name)),
                          "%s: %s %s (%u) runs with %#x, but here %#x", sweep->what, arch->name,
                          name ? name : "?", nr, before, after);
                return;
        }
        if (after == ask)
                return;
        cr_assert(sweep->options->runtime == DRY_RUN_RUNC && !sweep->options->log &&
                          ((name && left_for_runc(sweep->made, name)) ||
                           (!name && listed(sweep->made, "left-allowed", "defaultAction"))),
                  "%s: %s %s (%u) with %#llx %#llx is refused with %#x and would not be seen", sweep->what,
                  arch->name, name ? name : "?", nr, (unsigned long long)args[0],
                  (unsigned long long)args[1], before);
}

/* Arguments around what the rules of a call compare with. */
static void check_number(struct sweep *sweep, const struct arch *arch, uint32_t nr, uint64_t *seed) {
        const struct profile *flat = sweep->from->flat;
        const char *name = syscall_name(arch, nr);
        uint64_t args[6] = { 0 };

        check_call(sweep, arch, nr, args);
        for (size_t i = 0; name && i < flat->n_rules; i++) {
                const struct rule *rule = &flat->rules[i];

                if (!rule->n_conditions || !rule_has_name(rule, name))
                        continue;
                for (int round = 0; round < 24; round++) {
                        for (size_t k = 0; k < 6; k++)
                                args[k] = random_below(seed, 2) ? 0 : random_value(seed);
                        for (size_t k = 0; k < rule->n_conditions; k++) {
                                const struct condition *condition = &rule->conditions[k];
                                uint64_t value = condition->op == CONDITION_MASKED_EQ ? condition->value_two
                                                                                      : condition->value;

                                if (random_below(seed, 3))
                                        args[condition->index] = value + random_below(seed, 3) - 1;
                                if (!random_below(seed, 4))
                                        args[condition->index] ^= UINT64_C(1) << random_below(seed, 64);
                        }
                        check_call(sweep, arch, nr, args);
                }
        }
}

static void check_all(struct sweep *sweep) {
        static const char *const archs[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
        uint64_t seed = 88172645463325252;

        for (size_t i = 0; i < 3; i++) {
                const struct arch *arch = arch_by_scmp(archs[i]);
                uint32_t base = arch->audit == ARCH_X32 ? X32_NR_BIT : 0;

                for (uint32_t nr = 0; nr < 620; nr++)
                        check_number(sweep, arch, base + nr, &seed);
                check_number(sweep, arch, base + 100000, &seed);
        }
}

static const struct dry_run_options ways[] = {
        { .runtime = DRY_RUN_RUNC, .listener = LISTENER },
        { .runtime = DRY_RUN_CRUN, .listener = LISTENER },
        { .runtime = DRY_RUN_RUNC, .log = true },
};

/* What runtimes refuse is not in it. */
static void check_form(const struct made *made, const struct dry_run_options *options, const char *what) {
        const struct profile *profile = made->profile;
        bool asked = false, over = false;

        cr_assert_eq(profile->n_arch_maps, 0);
        for (size_t i = 0; i < profile->n_rules; i++) {
                bool asks = profile->rules[i].action ==
                            (options->log ? SECCOMP_RET_LOG : SECCOMP_RET_USER_NOTIF);

                cr_assert_not(rule_is_split(&profile->rules[i]), "%s", what);
                cr_assert(!asks || !over, "%s: rules that ask come first", what);
                asked |= asks;
                over |= !asks;
        }
        if (options->log) {
                cr_assert_null(profile->listener_path);
                return;
        }
        cr_assert_str_eq(profile->listener_path, LISTENER);
        if (options->runtime != DRY_RUN_RUNC)
                return;
        cr_assert_neq(profile->default_action, SECCOMP_RET_USER_NOTIF, "%s", what);
        cr_assert_not(profile->flags_set, "%s", what);
        for (size_t i = 0; i < profile->n_rules; i++)
                cr_assert(profile->rules[i].action != SECCOMP_RET_USER_NOTIF ||
                                  !rule_has_name(&profile->rules[i], "write"),
                          "%s", what);
}

static size_t check_profile(const struct fixture *from, const char *what) {
        size_t n = 0;

        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                cleanup_made struct made made;
                struct sweep sweep = { .from = from, .made = &made, .options = &ways[i], .what = what };

                cr_assert_eq(make(from, &ways[i], &made), 0, "%s", what);
                check_form(&made, &ways[i], what);
                check_all(&sweep);
                n += sweep.n_checked;
        }
        return n;
}

static size_t check_folder(const char *folder_path) {
        char path[4096];
        struct dirent *entry;
        DIR *folder = opendir(folder_path);
        size_t n = 0;

        cr_assert_not_null(folder, "%s", folder_path);
        while ((entry = readdir(folder))) {
                cleanup_fixture struct fixture from = { 0 };

                if (entry->d_name[0] == '.')
                        continue;
                snprintf(path, sizeof(path), "%s/%s", folder_path, entry->d_name);
                if (fixture_file(&from, path, "SCMP_ARCH_X86_64"))
                        continue;
                check_profile(&from, entry->d_name);
                n++;
        }
        closedir(folder);
        return n;
}

Test(dry_run_profile, own_profiles, .timeout = 120) {
        cr_assert_geq(check_folder(ROWS), 8);
}

Test(dry_run_profile, real_profiles, .timeout = 400) {
        const char *root = getenv("CALLGATE_CORPUS");
        char path[4096];

        if (!root)
                cr_skip_test("CALLGATE_CORPUS is not set");
        snprintf(path, sizeof(path), "%s/profiles", root);
        cr_assert_gt(check_folder(path), 60);
}

Test(dry_run_profile, random_profiles, .timeout = 300) {
        uint64_t seed = 0x2545f4914f6cdd1d;
        size_t n = 0;

        for (int i = 0; i < 60; i++) {
                cleanup_fixture struct fixture from = { .context = fixture_context("SCMP_ARCH_X86_64") };
                char what[32];

                from.profile = random_profile(&seed, true);
                snprintf(what, sizeof(what), "random %d", i);
                if (fixture_compile(&from, 0))
                        continue;
                check_profile(&from, what);
                n++;
        }
        cr_assert_gt(n, 30);
}

#define PROFILE(more)                                                                                       \
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\","  \
        "\"SCMP_ARCH_X32\"]" more ",\"syscalls\":[{\"names\":[\"read\",\"exit_group\"],\"action\":"         \
        "\"SCMP_ACT_ALLOW\"}]}"

Test(dry_run_profile, what_is_listed) {
        cleanup_fixture struct fixture from;
        cleanup_made struct made runc, crun, log;

        cr_assert_eq(fixture_text(&from, PROFILE(",\"flags\":[\"SECCOMP_FILTER_FLAG_LOG\"]")), 0);
        cr_assert_eq(make(&from, &ways[0], &runc), 0);
        cr_expect(listed(&runc, "left-allowed", "write"));
        cr_expect(listed(&runc, "left-allowed", "defaultAction"));
        cr_expect(listed(&runc, "left-out", "flags"));
        cr_expect_not(listed(&runc, "left-allowed", "architectures"));
        cr_assert_eq(make(&from, &ways[1], &crun), 0);
        cr_expect_eq(crun.diags.n, 0);
        cr_expect_eq(crun.profile->flags, SECCOMP_FILTER_FLAG_LOG);
        cr_assert_eq(make(&from, &ways[2], &log), 0);
        cr_expect_eq(log.diags.n, 0);
}

Test(dry_run_profile, metadata) {
        cleanup_profile struct profile *profile = NULL;
        struct dry_run_options options = { .metadata = "a\nb" };
        struct buf text = BUF_INIT(0);

        cr_assert_eq(profile_new(&profile), 0);
        cr_assert_eq(profile_set_text(&profile->file, "/etc/x/strict \"1\".json"), 0);
        cr_assert_eq(profile_set_text(&profile->digest, "sha256:00"), 0);
        cr_assert_eq(dry_run_metadata(profile, &options, &text), 0);
        cr_expect_str_eq(buf_string(&text),
                         "{\"profile\":\"strict \\\"1\\\".json\",\"digest\":\"sha256:00\","
                         "\"metadata\":\"a\\nb\"}");
        buf_reset(&text);
        cr_assert_eq(profile_set_text(&profile->digest, NULL), 0);
        cr_assert_eq(profile_set_text(&profile->file, NULL), 0);
        options.metadata = NULL;
        cr_assert_eq(dry_run_metadata(profile, &options, &text), 0);
        cr_expect_str_eq(buf_string(&text), "{}");
        buf_reset(&text);
        options.record = true;
        cr_assert_eq(dry_run_metadata(profile, &options, &text), 0);
        cr_expect_str_eq(buf_string(&text), "{\"mode\":\"record\"}");
        buf_deinit(&text);
}

/* ---- recordings ---- */

/* Does a recording leave it in the kernel? What a handler's return is needed for stays visible. */
static bool assumed(const char *name, const uint64_t args[6]) {
        for (size_t i = 0; name && i < learn_assumed_n; i++)
                if (!strcmp(learn_assumed[i].name, name))
                        return strcmp(name, "rt_sigreturn") != 0 &&
                               (!learn_assumed[i].conditional ||
                                !(args[learn_assumed[i].index] & learn_assumed[i].mask));
        return false;
}

static void check_recorded(const struct made *made, const struct dry_run_options *options,
                           const struct arch *arch, uint32_t nr, uint64_t first) {
        uint32_t audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        uint32_t ask = options->log ? SECCOMP_RET_LOG : SECCOMP_RET_USER_NOTIF;
        struct seccomp_data data = { .nr = (int)nr, .arch = audit, .args = { first } };
        const char *name = syscall_name(arch, nr);
        uint64_t args[6] = { first };
        uint32_t answer = filter_simulate(&made->read.filter, &data, NULL);

        if (assumed(name, args)) {
                cr_assert_eq(answer, SECCOMP_RET_ALLOW, "%s %s(%#llx): %#x", arch->name, name,
                             (unsigned long long)first, answer);
                return;
        }
        cr_assert(answer == ask ||
                          (name ? left_for_runc(made, name) : listed(made, "left-allowed", "defaultAction")),
                  "%s %s (%u): %#x", arch->name, name ? name : "?", nr, answer);
}

Test(record_profile, everything_but_what_a_recording_leaves) {
        static const char *const archs[] = { "SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32" };
        static const uint64_t firsts[] = { 0, 0x01200011, 0x00020000, 0x7e020000, 0x10000000, 0x80000000 };
        struct profile_context context = fixture_context("SCMP_ARCH_X86_64");

        for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
                cleanup_made struct made made = { 0 };
                struct buf text = BUF_INIT(0);

                cr_assert_eq(record_profile(&context, &ways[i], &made.diags, &made.profile), 0);
                check_form(&made, &ways[i], "record");
                cr_assert_eq(profile_write(made.profile, false, &text), 0);
                cr_assert_eq(fixture_text(&made.read, text.data), 0, "%.2000s", text.data);
                buf_deinit(&text);
                if (ways[i].listener)
                        cr_expect_str_eq(made.profile->listener_metadata, "{\"mode\":\"record\"}");
                for (size_t k = 0; k < 3; k++) {
                        const struct arch *arch = arch_by_scmp(archs[k]);
                        uint32_t base = arch->audit == ARCH_X32 ? X32_NR_BIT : 0;

                        for (uint32_t nr = 0; nr < 620; nr++)
                                for (size_t a = 0; a < sizeof(firsts) / sizeof(firsts[0]); a++)
                                        check_recorded(&made, &ways[i], arch, base + nr, firsts[a]);
                }
        }
}
