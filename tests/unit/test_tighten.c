/* SPDX-License-Identifier: Apache-2.0 */

#include "policy_fixture.h"

#include <dirent.h>

#include "policy/import.h"
#include "policy/replay.h"
#include "policy/tighten.h"
#include "policy/write_oci.h"

#define PROFILE                                                                                             \
        "{\"defaultAction\":\"SCMP_ACT_ERRNO\","                                                            \
        "\"architectures\":[\"SCMP_ARCH_X86_64\",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"],\"syscalls\":["       \
        "{\"names\":[\"read\",\"write\",\"mkdir\",\"execve\",\"exit_group\",\"rmdir\"],"                    \
        "\"action\":\"SCMP_ACT_ALLOW\"},"                                                                   \
        "{\"names\":[\"epoll_wait\",\"epoll_ctl\"],\"action\":\"SCMP_ACT_ALLOW\"},"                         \
        "{\"names\":[\"clone3\"],\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":38},"                           \
        "{\"names\":[\"personality\"],\"action\":\"SCMP_ACT_ALLOW\","                                       \
        "\"args\":[{\"index\":0,\"value\":8,\"op\":\"SCMP_CMP_EQ\"}]},"                                     \
        "{\"names\":[\"connect\",\"bind\",\"semop\"],\"action\":\"SCMP_ACT_ALLOW\"},"                       \
        "{\"names\":[\"mkdir\"],\"action\":\"SCMP_ACT_LOG\",\"comment\":\"why\","                           \
        "\"args\":[{\"index\":1,\"value\":7,\"op\":\"SCMP_CMP_EQ\"}]}]}"

struct tightened {
        struct fixture fixture;
        struct tighten *tighten;
        struct profile *profile, *flat;
        struct filter filter;
        struct tighten_drop *drops;
        size_t n_drops;
};

static void tightened_deinit(struct tightened *tightened) {
        tighten_free(tightened->tighten);
        profile_free(tightened->profile);
        profile_free(tightened->flat);
        filter_deinit(&tightened->filter);
        tighten_drops_free(tightened->drops, tightened->n_drops);
        fixture_deinit(&tightened->fixture);
}
#define cleanup_tightened __attribute__((cleanup(tightened_deinit)))

static void begin(struct tightened *tightened, const struct tighten_options *options) {
        cr_assert_eq(tighten_new(options, &tightened->tighten), 0);
}

static struct event event_of(const char *arch_name, const char *name) {
        const struct arch *arch = arch_by_any(arch_name);
        int nr = syscall_number(arch, name);
        struct event event;

        cr_assert(nr >= 0, "%s %s", arch_name, name);
        import_event_init(&event);
        event.arch = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        event.nr = (uint32_t)nr;
        return event;
}

static void use(struct tightened *tightened, const char *arch, const char *name) {
        struct event event = event_of(arch, name);

        cr_assert_eq(tighten_add(tightened->tighten, &event), 0);
}

static int apply(struct tightened *tightened) {
        int r = tighten_apply(tightened->tighten, tightened->fixture.profile, &tightened->profile,
                              &tightened->drops, &tightened->n_drops);

        if (!r) {
                cr_assert_eq(profile_resolve(tightened->profile, &tightened->fixture.context,
                                             &tightened->fixture.diags, &tightened->flat),
                             0);
                cr_assert_eq(filter_compile(tightened->flat, &tightened->fixture.diags, &tightened->filter),
                             0);
        }
        return r;
}

static bool names(const struct profile *profile, const char *name) {
        for (size_t i = 0; i < profile->n_rules; i++)
                if (rule_has_name(profile->rules + i, name))
                        return true;
        return false;
}

static bool dropped(const struct tightened *tightened, const char *name) {
        for (size_t i = 0; i < tightened->n_drops; i++)
                if (strcmp(tightened->drops[i].name, name) == 0)
                        return true;
        return false;
}

Test(tighten, drops_what_was_not_used) {
        cleanup_tightened struct tightened tightened = { 0 };
        struct tighten_options options = { 0 };

        cr_assert_eq(fixture_text(&tightened.fixture, PROFILE), 0);
        begin(&tightened, &options);
        use(&tightened, "x86_64", "read");
        use(&tightened, "i386", "bind");
        cr_assert_eq(apply(&tightened), 0);
        cr_assert(names(tightened.profile, "read"));
        cr_assert(names(tightened.profile, "bind"));
        cr_assert(names(tightened.profile, "execve"), "every start needs it");
        cr_assert(names(tightened.profile, "exit_group"), "every end needs it");
        cr_assert(names(tightened.profile, "clone3"), "a refusal is not touched");
        cr_assert_not(names(tightened.profile, "write"));
        cr_assert_not(names(tightened.profile, "mkdir"));
        cr_assert_not(names(tightened.profile, "personality"));
        cr_assert_not(names(tightened.profile, "epoll_wait"));
        cr_assert_eq(tightened.profile->n_rules, 3, "rules without a name are gone: %zu",
                     tightened.profile->n_rules);
        cr_assert_eq(tightened.n_drops, 9, "%zu", tightened.n_drops);
        cr_assert_str_eq(tightened.drops[0].name, "write");
        cr_assert_str_eq(tightened.drops[0].place, "syscalls[0]");
        cr_assert_str_eq(tightened.drops[tightened.n_drops - 1].place, "syscalls[5]");
        cr_assert_null(tightened.profile->rules[0].comment);
        /* The one it was made from is as it was. */
        cr_assert_eq(tightened.fixture.profile->n_rules, 6);
        cr_assert(names(tightened.fixture.profile, "epoll_wait"));
}

Test(tighten, keeps_what_a_person_wants) {
        cleanup_tightened struct tightened tightened = { 0 };
        const char *keep[] = { "epoll_*", "[mr]kdir" };
        struct tighten_options options = { .keep = keep, .n_keep = 2, .runtime = LEARN_FOR_RUNC };

        cr_assert_eq(fixture_text(&tightened.fixture, PROFILE), 0);
        begin(&tightened, &options);
        use(&tightened, "x86_64", "read");
        cr_assert(tighten_keeps(tightened.tighten, "epoll_pwait"));
        cr_assert(tighten_keeps(tightened.tighten, "capset"), "runc's own");
        cr_assert_not(tighten_keeps(tightened.tighten, "mount"));
        cr_assert_eq(apply(&tightened), 0);
        cr_assert(names(tightened.profile, "epoll_wait"));
        cr_assert(names(tightened.profile, "mkdir"));
        cr_assert(names(tightened.profile, "write"), "runc writes");
        cr_assert_not(names(tightened.profile, "rmdir"));
        cr_assert_not(names(tightened.profile, "connect"));
}

Test(tighten, every_assumed_call_is_kept) {
        cleanup_tightened struct tightened tightened = { 0 };
        struct tighten_options options = { 0 };

        begin(&tightened, &options);
        for (size_t i = 0; i < learn_assumed_n; i++)
                cr_assert(tighten_keeps(tightened.tighten, learn_assumed[i].name), "%s",
                          learn_assumed[i].name);
        for (size_t i = 0; tighten_start_calls[i]; i++) {
                cr_assert(tighten_keeps(tightened.tighten, tighten_start_calls[i]));
                cr_assert(syscall_known(tighten_start_calls[i]), "%s", tighten_start_calls[i]);
        }
}

/* An event that nobody saw is no use. */
Test(tighten, assumed_events_and_numbers_without_a_name) {
        cleanup_tightened struct tightened tightened = { 0 };
        struct tighten_options options = { 0 };
        struct event event = event_of("x86_64", "write");

        begin(&tightened, &options);
        event.flags |= EVENT_ASSUMED;
        cr_assert_eq(tighten_add(tightened.tighten, &event), 0);
        cr_assert_not(tighten_keeps(tightened.tighten, "write"));
        event.flags = 0;
        event.nr = 100000;
        cr_assert_eq(tighten_add(tightened.tighten, &event), 0);
        event.arch = 12345;
        cr_assert_eq(tighten_add(tightened.tighten, &event), 0);
}

/* A rule for connect decides about socketcall(SYS_CONNECT) too. */
Test(tighten, calls_through_socketcall_and_ipc) {
        cleanup_tightened struct tightened tightened = { 0 };
        struct tighten_options options = { 0 };
        struct event event = event_of("i386", "socketcall");

        cr_assert_eq(fixture_text(&tightened.fixture, PROFILE), 0);
        begin(&tightened, &options);
        event.args[0] = 3;
        event.flags &= ~EVENT_UNKNOWN_ARG(0);
        cr_assert_eq(tighten_add(tightened.tighten, &event), 0);
        cr_assert(tighten_keeps(tightened.tighten, "connect"));
        cr_assert_not(tighten_keeps(tightened.tighten, "bind"));
        event.args[0] = 0;
        event.flags |= EVENT_UNKNOWN_ARG(0);
        cr_assert_eq(tighten_add(tightened.tighten, &event), 0);
        cr_assert(tighten_keeps(tightened.tighten, "bind"), "which one it was is not known");
        event = event_of("i386", "ipc");
        event.args[0] = 0x10001;
        event.flags &= ~EVENT_UNKNOWN_ARG(0);
        cr_assert_eq(tighten_add(tightened.tighten, &event), 0);
        cr_assert(tighten_keeps(tightened.tighten, "semop"));
        cr_assert_not(tighten_keeps(tightened.tighten, "msgget"));
}

Test(tighten, comments_tell_what_went) {
        cleanup_tightened struct tightened tightened = { 0 };
        cleanup_fixture struct fixture again = { 0 };
        struct tighten_options options = { .comment = true };
        struct buf text = BUF_INIT(0);

        cr_assert_eq(fixture_text(&tightened.fixture, PROFILE), 0);
        begin(&tightened, &options);
        use(&tightened, "x86_64", "read");
        use(&tightened, "x86_64", "mkdir");
        cr_assert_eq(apply(&tightened), 0);
        cr_assert_eq(tightened.profile->n_rules, 3);
        cr_assert_str_eq(tightened.profile->rules[0].comment, "unused in the recordings: write rmdir");
        /* Of rules that are gone: with the next that stays. */
        cr_assert_str_eq(tightened.profile->rules[1].comment,
                         "unused in the recordings: epoll_wait epoll_ctl");
        cr_assert_str_eq(tightened.profile->rules[2].comment,
                         "why; unused in the recordings: personality (where arg0 == 8); unused in the "
                         "recordings: connect bind semop",
                         "%s", tightened.profile->rules[2].comment);
        cr_assert_eq(profile_write_oci(tightened.profile, &text), 0);
        cr_assert_eq(fixture_text(&again, buf_string(&text)), 0, "it can be read back");
        buf_deinit(&text);
}

Test(tighten, refuses_what_makes_no_sense) {
        static const struct {
                const char *text;
                int outcome;
        } rows[] = {
                { "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"mount\"],\"action\":"
                  "\"SCMP_ACT_ERRNO\"}]}",
                  TIGHTEN_E_OPEN },
                { "{\"defaultAction\":\"SCMP_ACT_LOG\",\"syscalls\":[{\"names\":[\"mount\"],\"action\":"
                  "\"SCMP_ACT_ERRNO\"}]}",
                  TIGHTEN_E_OPEN },
                { "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[{\"names\":[\"mount\"],\"action\":"
                  "\"SCMP_ACT_ALLOW\"}]}",
                  TIGHTEN_E_EMPTY },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_tightened struct tightened tightened = { 0 };
                struct tighten_options options = { 0 };

                cr_assert_eq(fixture_text(&tightened.fixture, rows[i].text), 0);
                begin(&tightened, &options);
                use(&tightened, "x86_64", "read");
                cr_assert_eq(apply(&tightened), rows[i].outcome, "row %zu", i);
        }
}

/* ---- against brute force over the compiled filters ---- */

static uint64_t seed = 88172645463325252u;
static uint64_t draw(void) {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return seed;
}

static bool lets_through(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

static void fill_args(const struct profile *resolved, const struct arch *arch, uint64_t args[6]) {
        for (unsigned i = 0; i < 6; i++) {
                const struct rule *rule = resolved->rules + draw() % resolved->n_rules;

                args[i] = draw() % 3 ? 0 : draw();
                if (rule->n_conditions > 0)
                        args[i] = rule->conditions[draw() % rule->n_conditions].value + draw() % 3 - 1;
                if (arch->bits == 32)
                        args[i] &= UINT32_MAX;
        }
}

static uint32_t run(const struct filter *filter, uint32_t audit, uint32_t nr, const uint64_t args[6]) {
        struct seccomp_data data = { .nr = (int)nr, .arch = audit };

        memcpy(data.args, args, sizeof(data.args));
        return filter_simulate(filter, &data, NULL);
}

/* Every number of every architecture: what stays answers as before, what went is refused now, and nothing is
 * allowed that was not. */
static void compare(const struct tightened *tightened, const struct arch *arch, const char *what) {
        uint32_t audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;

        for (uint32_t low = 0; low < 520; low++) {
                uint32_t nr = low | (arch->audit == ARCH_X32 ? X32_NR_BIT : 0);
                const char *name = syscall_name(arch, nr);
                bool carries = name && (!strcmp(name, "socketcall") || !strcmp(name, "ipc"));

                for (unsigned i = 0; i < 6; i++) {
                        uint64_t args[6];
                        uint32_t before, after;

                        fill_args(tightened->fixture.flat, arch, args);
                        if (carries)
                                args[0] = draw() % 26;
                        before = run(&tightened->fixture.filter, audit, nr, args);
                        after = run(&tightened->filter, audit, nr, args);
                        if (before == after)
                                continue;
                        cr_assert(lets_through(before) && !lets_through(after),
                                  "%s: %s %u: %08x became %08x", what, arch->name, nr, before, after);
                        cr_assert(carries || (name && dropped(tightened, name)),
                                  "%s: %s %s changed although it stays", what, arch->name,
                                  name ? name : "?");
                }
        }
}

static void check_dropped(const struct tightened *tightened, const char *what) {
        for (size_t i = 0; i < tightened->n_drops; i++)
                for (size_t k = 0; k < tightened->flat->n_archs; k++) {
                        const struct arch *arch = tightened->flat->archs[k].arch;
                        const char *name = tightened->drops[i].name;
                        int nr = arch ? syscall_number(arch, name) : -1;

                        /* These may still carry calls whose own names stay: libseccomp makes rules of them.
                         */
                        if (!strcmp(name, "socketcall") || !strcmp(name, "ipc"))
                                continue;

                        for (unsigned m = 0; nr >= 0 && m < 20; m++) {
                                uint64_t args[6];

                                fill_args(tightened->fixture.flat, arch, args);
                                cr_assert_not(lets_through(run(&tightened->filter,
                                                               arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64
                                                                                       : arch->audit,
                                                               (uint32_t)nr, args)),
                                              "%s: %s is still allowed", what, tightened->drops[i].name);
                        }
                }
}

static bool tighten_file(const char *path, const char *what) {
        cleanup_tightened struct tightened tightened = { 0 };
        struct tighten_options options = { 0 };
        const struct arch *archs[] = { arch_by_any("x86_64"), arch_by_any("i386"), arch_by_any("x32") };
        struct event events[200];
        size_t n = 0;
        int r;

        if (fixture_file(&tightened.fixture, path, "SCMP_ARCH_X86_64") != 0)
                return false;
        begin(&tightened, &options);
        while (n < sizeof(events) / sizeof(events[0])) {
                const struct arch *arch = archs[draw() % 8 < 6 ? 0 : draw() % 3];
                uint32_t nr = (uint32_t)(draw() % 440) | (arch->audit == ARCH_X32 ? X32_NR_BIT : 0);
                struct event *event = events + n++;

                import_event_init(event);
                event->arch = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
                event->nr = nr;
                if (draw() & 1) { /* else a record without arguments */
                        event->flags = 0;
                        for (unsigned i = 0; i < 6; i++)
                                event->args[i] = arch->bits == 32 ? draw() & UINT32_MAX : draw();
                }
                cr_assert_eq(tighten_add(tightened.tighten, event), 0);
        }
        r = apply(&tightened);
        if (r > 0)
                return false;
        cr_assert_eq(r, 0, "%s", what);
        for (size_t i = 0; i < n; i++) {
                struct replay_verdict before, after;

                replay_event(tightened.fixture.flat, &tightened.fixture.filter, events + i, &before);
                replay_event(tightened.flat, &tightened.filter, events + i, &after);
                cr_assert(replay_verdict_equal(&before, &after), "%s: %08x %u is answered otherwise", what,
                          events[i].arch, events[i].nr);
        }
        for (size_t i = 0; i < sizeof(archs) / sizeof(archs[0]); i++)
                compare(&tightened, archs[i], what);
        check_dropped(&tightened, what);
        return tightened.n_drops > 0;
}

static size_t tighten_folder(const char *folder) {
        DIR *dir = opendir(folder);
        struct dirent *entry;
        size_t n = 0;

        cr_assert(dir, "%s", folder);
        while ((entry = readdir(dir))) {
                char path[4096];

                snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
                if (entry->d_name[0] != '.')
                        n += tighten_file(path, entry->d_name);
        }
        closedir(dir);
        return n;
}

Test(tighten, brute_force_over_own_profiles) {
        cr_assert_gt(tighten_folder(SOURCE_DIR "/tests/rows/profiles"), 2);
}

Test(tighten, brute_force_over_corpus) {
        const char *corpus = getenv("CALLGATE_CORPUS");
        char path[4096];

        if (!corpus)
                cr_skip("CALLGATE_CORPUS is not set");
        snprintf(path, sizeof(path), "%s/profiles", corpus);
        cr_assert_gt(tighten_folder(path), 40);
}
