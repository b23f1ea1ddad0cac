/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings about a profile that can be read. Each function looks for one kind of doubt and adds at most a
 * few diags, naming all calls concerned in one sentence, so that a long profile with one habit gives one
 * finding. Nothing here changes the profile, and nothing depends on the order of the checks.
 */

#include "policy/check.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/compile.h"
#include "policy/match.h"
#include "syscalls/names.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_SHOWN 12 /* of a longer list; the rest is counted */

struct checker {
        const struct profile *written, *flat;
        const struct profile_context *context;
        struct diags *diags;
};

/* "a, b and c", or "a, b, … and 7 more". Free with buf_deinit(). */
static void list_names(struct buf *buf, const char *const *names, size_t n) {
        size_t shown = n <= NAMES_SHOWN ? n : NAMES_SHOWN - 1;

        for (size_t i = 0; i < shown; i++) {
                const char *before = !i ? "" : i + 1 == n ? " and " : ", ";

                buf_puts(buf, before);
                buf_puts(buf, names[i]);
        }
        if (shown < n)
                buf_printf(buf, " and %zu more", n - shown);
}

static int find(struct checker *checker, enum diag_severity severity, const char *id, const char *place,
                const char *const *names, size_t n, const char *format) {
        struct buf list = BUF_INIT(0);
        int r;

        list_names(&list, names, n);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-security"
        r = diag_add(checker->diags, severity, id, place, format, buf_string(&list));
#pragma GCC diagnostic pop
        buf_deinit(&list);
        return error_trace(r);
}

/* What the flat profile does on its first architecture with a call whose arguments are all zero. */
static bool native_verdict(const struct checker *checker, const char *name, struct match *ret) {
        static const uint64_t zeros[6];
        int nr = syscall_number(checker->context->arch, name);

        if (nr < 0)
                return false;
        match_call(checker->flat, checker->context->arch->audit, (uint32_t)nr, zeros, ret);
        return true;
}

static bool lets_through(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG ||
               action == SECCOMP_RET_USER_NOTIF || action == SECCOMP_RET_TRACE;
}

static int check_architectures(struct checker *checker) {
        const struct arch *siblings[4];
        const char *missing[4];
        size_t n = arch_siblings(checker->context->arch, siblings), n_missing = 0;
        bool only_x32 = true;

        for (size_t i = 0; i < n; i++)
                if (!profile_has_arch(checker->flat, siblings[i])) {
                        missing[n_missing++] = siblings[i]->scmp;
                        only_x32 &= siblings[i]->audit == ARCH_X32;
                }
        if (!n_missing)
                return 0;
        return error_trace(
                find(checker, only_x32 ? DIAG_INFO : DIAG_WARNING, "sub-architecture-missing",
                     "architectures", missing, n_missing,
                     "programs of another word size are killed at their first call; list %s as well"));
}

static int check_default(struct checker *checker) {
        uint32_t action = checker->flat->default_action & SECCOMP_RET_ACTION_FULL;
        int r = 0;

        if (action == SECCOMP_RET_USER_NOTIF)
                r = diag_add(
                        checker->diags, DIAG_WARNING, "notify-default", "defaultAction",
                        "runc refuses SCMP_ACT_NOTIFY as the default; name the calls to notify in rules");
        if (!r && !checker->flat->n_rules && !lets_through(action))
                r = diag_add(checker->diags, DIAG_WARNING, "nothing-allowed", "syscalls",
                             "no call is allowed, not even execve; add rules with SCMP_ACT_ALLOW");
        return error_trace(r);
}

static int check_notify(struct checker *checker) {
        const struct profile *flat = checker->flat;
        bool notifies = false;
        int r = 0;

        for (size_t i = 0; !r && i < flat->n_rules; i++) {
                if (flat->rules[i].action != SECCOMP_RET_USER_NOTIF)
                        continue;
                notifies = true;
                if (rule_has_name(&flat->rules[i], "write"))
                        r = diag_add(checker->diags, DIAG_WARNING, "notify-write", flat->rules[i].place,
                                     "runc refuses SCMP_ACT_NOTIFY for write, which it needs itself after "
                                     "loading "
                                     "the filter; leave write out");
        }
        if (!r && notifies && !flat->listener_path)
                r = diag_add(checker->diags, DIAG_WARNING, "notify-without-listener", "listenerPath",
                             "calls are to be notified, but a container runtime is not told to whom; set "
                             "listenerPath");
        if (!r && flat->listener_metadata && !flat->listener_path)
                r = diag_add(checker->diags, DIAG_WARNING, "metadata-without-listener", "listenerMetadata",
                             "listenerMetadata goes with listenerPath, which is not set; remove it");
        return error_trace(r);
}

static bool condition_never(const struct condition *condition) {
        return (condition->op == CONDITION_LT && !condition->value) ||
               (condition->op == CONDITION_GT && condition->value == UINT64_MAX);
}

static bool condition_always(const struct condition *condition) {
        return (condition->op == CONDITION_GE && !condition->value) ||
               (condition->op == CONDITION_LE && condition->value == UINT64_MAX) ||
               (condition->op == CONDITION_MASKED_EQ && !condition->value);
}

static int check_condition(struct checker *checker, const struct condition *condition, const char *place,
                           bool narrow) {
        char text[96];
        int r = 0;

        condition_text(condition, text, sizeof(text));
        if (condition_never(condition))
                r = diag_add(checker->diags, DIAG_WARNING, "condition-never", place,
                             "%s can never hold, so the rule does nothing; correct or remove it", text);
        else if (condition_always(condition))
                r = diag_add(checker->diags, DIAG_WARNING, "condition-always", place,
                             "%s always holds, so it tests nothing; correct or remove it", text);
        else if (condition->op == CONDITION_MASKED_EQ && condition->value_two & ~condition->value)
                r = diag_add(
                        checker->diags, DIAG_WARNING, "masked-bits-outside", place,
                        "in %s the right side has bits outside of the mask, which libseccomp ignores; for "
                        "SCMP_CMP_MASKED_EQ value is the mask and valueTwo what must remain",
                        text);
        else if (narrow && (condition->value >> 32 || condition->value_two >> 32) &&
                 condition->op != CONDITION_MASKED_EQ)
                r = diag_add(checker->diags, DIAG_INFO, "value-narrowed", place,
                             "in %s only the low 32 bits count on the 32-bit architectures of this profile",
                             text);
        return error_trace(r);
}

static int check_conditions(struct checker *checker) {
        const struct profile *flat = checker->flat;
        bool narrow = false;
        int r = 0;

        for (size_t i = 0; i < flat->n_archs; i++)
                narrow |= profile_arch_bits(flat->archs[i].arch) == 32;
        for (size_t i = 0; !r && i < flat->n_rules; i++) {
                const struct rule *rule = &flat->rules[i];
                struct buf place = BUF_INIT(0);

                if (rule_is_split(rule))
                        r = diag_add(checker->diags, DIAG_WARNING, "repeated-argument", rule->place,
                                     "an argument is tested twice, and then runtimes take any one of the "
                                     "conditions "
                                     "as enough instead of asking for all; write one rule per alternative");
                for (size_t j = 0; !r && j < rule->n_conditions; j++) {
                        buf_reset(&place);
                        buf_printf(&place, "%s.args[%zu]", rule->place, j);
                        r = check_condition(checker, &rule->conditions[j], buf_string(&place), narrow);
                }
                buf_deinit(&place);
        }
        return error_trace(r);
}

static int check_equal_to_default(struct checker *checker) {
        int r = 0;

        for (size_t i = 0; !r && i < checker->flat->n_rules; i++)
                if (checker->flat->rules[i].action == checker->flat->default_action)
                        r = diag_add(checker->diags, DIAG_INFO, "rule-equals-default",
                                     checker->flat->rules[i].place,
                                     "does what happens anyway, and runtimes skip it; remove it");
        return error_trace(r);
}

/* The first rule that names the call without conditions: runtimes let it replace all others for that call.
 */
static const struct rule *unconditional_rule(const struct profile *flat, const char *name) {
        for (size_t i = 0; i < flat->n_rules; i++)
                if (!flat->rules[i].n_conditions && flat->rules[i].action != flat->default_action &&
                    rule_has_name(&flat->rules[i], name))
                        return &flat->rules[i];
        return NULL;
}

/* Names of a rule that another rule, always the same one per finding, makes useless. */
static int check_shadowed_rule(struct checker *checker, const struct rule *rule) {
        const struct rule **by;
        const char **names;
        int r = 0;

        if (rule->action == checker->flat->default_action || !rule->n_names)
                return 0;
        names = calloc(rule->n_names, sizeof(*names));
        by = calloc(rule->n_names, sizeof(struct rule *));
        if (!names || !by) {
                r = error_origin(-ENOMEM);
                goto out;
        }
        for (size_t i = 0; i < rule->n_names; i++) {
                const struct rule *other = unconditional_rule(checker->flat, rule->names[i]);

                by[i] = other == rule ? NULL : other;
        }
        for (size_t i = 0; !r && i < rule->n_names; i++) {
                const struct rule *other = by[i];
                struct buf sentence = BUF_INIT(0);
                size_t n = 0;

                if (!other)
                        continue;
                for (size_t j = i; j < rule->n_names; j++)
                        if (by[j] == other) {
                                names[n++] = rule->names[j];
                                by[j] = NULL;
                        }
                buf_printf(&sentence,
                           "has no effect on %%s: %s names %s without conditions%s; remove one of them",
                           other->place, n == 1 ? "it" : "them",
                           other->action == rule->action ? "" : " and asks for another action");
                r = find(checker, other->action == rule->action ? DIAG_INFO : DIAG_WARNING,
                         other->action == rule->action ? "redundant-rule" : "shadowed-rule", rule->place,
                         names, n, buf_string(&sentence));
                buf_deinit(&sentence);
        }
out:
        free(names);
        free(by);
        return error_trace(r);
}

static int check_shadowed(struct checker *checker) {
        int r = 0;

        for (size_t i = 0; !r && i < checker->flat->n_rules; i++)
                r = check_shadowed_rule(checker, &checker->flat->rules[i]);
        return error_trace(r);
}

/* Calls whose alternatives can hold together and differ: then libseccomp's order decides, not the file's. */
static int check_overlaps(struct checker *checker) {
        const struct arch_rules *rules =
                match_table_arch(checker->flat->match, checker->context->arch->audit);
        int r = 0;

        for (size_t i = 0; !r && i < rules->n_calls; i++) {
                const struct call_rules *call = &rules->calls[i];
                const struct alternative *alternatives = &rules->alternatives[call->first];
                bool found = false;

                if (!call->mixed || call->conflict != SIZE_MAX)
                        continue;
                for (size_t j = 1; !found && j < call->n; j++)
                        for (size_t k = 0; !found && k < j; k++) {
                                const struct rule *late = &checker->flat->rules[alternatives[j].rule];
                                const struct rule *early = &checker->flat->rules[alternatives[k].rule];

                                if (alternatives[j].action == alternatives[k].action ||
                                    alternatives_exclude(&alternatives[j], &alternatives[k]))
                                        continue;
                                found = true;
                                r = diag_add(
                                        checker->diags, DIAG_WARNING, "overlapping-rules", late->place,
                                        "for %s this and %s can hold for the same arguments but ask for "
                                        "different actions, and not their order in the file but libseccomp "
                                        "decides; make the conditions exclude each other",
                                        late->names[alternatives[j].name], early->place);
                        }
        }
        return error_trace(r);
}

static int check_names(struct checker *checker) {
        const struct profile *flat = checker->flat;
        int r = 0;

        for (size_t i = 0; !r && i < flat->n_rules; i++) {
                const struct rule *rule = &flat->rules[i];
                const char **names = calloc(rule->n_names ? rule->n_names : 1, sizeof(*names));
                size_t n = 0;

                if (!names)
                        return error_origin(-ENOMEM);
                for (size_t j = 0; j < rule->n_names; j++) {
                        bool exists = !syscall_known(rule->names[j]); /* the reader has said so */
                        uint32_t nr;
                        int through;

                        for (size_t k = 0; !exists && k < flat->n_archs; k++)
                                exists = rule_numbers(flat->archs[k].arch, rule->names[j], &nr, &through);
                        if (!exists)
                                names[n++] = rule->names[j];
                }
                if (n)
                        r = find(checker, DIAG_INFO, "name-of-other-architecture", rule->place, names, n,
                                 "no listed architecture has %s");
                free(names);
        }
        return error_trace(r);
}

static bool always_refused(const struct checker *checker, const char *name) {
        struct match match;

        return !native_verdict(checker, name, &match) ||
               (!lets_through(match.action) && !match.on_arguments);
}

/* Without these a dynamically linked program does not reach main() or cannot leave it. C libraries differ in
 * which of two calls they use. */
static int check_start(struct checker *checker) {
        static const struct {
                const char *name, *instead;
        } needed[] = {
                { "execve", NULL },
                { "brk", NULL },
                { "mmap", NULL },
                { "mprotect", NULL },
                { "munmap", NULL },
                { "openat", "open" },
                { "read", NULL },
                { "close", NULL },
                { "newfstatat", "fstat" },
                { "arch_prctl", NULL },
                { "set_tid_address", NULL },
                { "exit_group", NULL },
                { "rt_sigreturn", NULL },
                { "futex", NULL },
        };
        const char *missing[sizeof(needed) / sizeof(needed[0])];
        size_t n = 0;

        if (!checker->flat->n_rules)
                return 0; /* said by check_default() */
        for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
                if (syscall_number(checker->context->arch, needed[i].name) >= 0 &&
                    always_refused(checker, needed[i].name) &&
                    (!needed[i].instead || always_refused(checker, needed[i].instead)))
                        missing[n++] = needed[i].name;
        if (!n)
                return 0;
        return error_trace(find(checker, DIAG_WARNING, "start-call-missing", "syscalls", missing, n,
                                "almost every program needs %s to start or to end; allow them"));
}

/* Programs and C libraries try these first and fall back to older calls on ENOSYS only. */
static int check_fallbacks(struct checker *checker) {
        static const char *const probed[] = {
                "clone3",         "openat2",         "faccessat2", "statx",      "fchmodat2",
                "close_range",    "epoll_pwait2",    "rseq",       "pidfd_open", "futex_waitv",
                "io_uring_setup", "copy_file_range", "membarrier", "getrandom",  "memfd_create",
        };
        const char *broken[sizeof(probed) / sizeof(probed[0])];
        struct match match;
        size_t n = 0;

        for (size_t i = 0; i < sizeof(probed) / sizeof(probed[0]); i++)
                if (native_verdict(checker, probed[i], &match) && !match.on_arguments &&
                    (match.action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
                    (match.action & SECCOMP_RET_DATA) != ENOSYS)
                        broken[n++] = probed[i];
        if (!n || !checker->flat->n_rules)
                return 0;
        return error_trace(
                find(checker, DIAG_WARNING, "errno-breaks-fallback", "syscalls", broken, n,
                     "programs that try %s fall back to older calls on ENOSYS only; refuse them with "
                     "SCMP_ACT_ERRNO and errnoRet 38"));
}

/* Sets of conditions that this program compiles itself, because libseccomp 2.5 may not get them right. */
static int check_shapes(struct checker *checker) {
        const struct arch *arch = checker->context->arch;
        const struct arch_rules *rules = match_table_arch(checker->flat->match, arch->audit);
        const char **names = calloc(rules->n_calls ? rules->n_calls : 1, sizeof(*names));
        size_t n = 0;
        int r = 0;

        if (!names)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < rules->n_calls; i++) {
                const struct alternative *first = &rules->alternatives[rules->calls[i].first];

                if (rules->calls[i].own_code)
                        names[n++] = checker->flat->rules[first->rule].names[first->name];
        }
        if (n)
                r = find(checker, DIAG_INFO, "libseccomp-may-differ", "syscalls", names, n,
                         "for %s ranges or inequalities meet in several rules; here they count as written, "
                         "but "
                         "libseccomp 2.5 gets some such sets wrong, so try the profile under the runtime as "
                         "well");
        free(names);
        return error_trace(r);
}

/* What libseccomp, and with it the runtime, refuses. */
static int check_compiles(struct checker *checker) {
        struct filter filter = FILTER_INIT;
        int r = filter_compile(checker->flat, checker->diags, &filter);

        filter_deinit(&filter);
        return r < 0 ? error_trace(r) : 0;
}

int profile_check(const struct profile *profile, const struct profile_context *context,
                  struct diags *diags) {
        static int (*const checks[])(struct checker * checker) = {
                check_architectures, check_default,          check_notify,
                check_conditions,    check_equal_to_default, check_shadowed,
                check_names,         check_overlaps,         check_start,
                check_fallbacks,     check_shapes,           check_compiles,
        };
        cleanup_profile struct profile *flat = NULL;
        struct checker checker = { .written = profile, .context = context, .diags = diags };
        int r;

        r = profile_resolve(profile, context, diags, &flat);
        if (r == PROFILE_E_EMPTY)
                return error_trace(
                        diag_add(diags, DIAG_WARNING, "no-filter", NULL,
                                 "has neither defaultAction nor rules, so no filter is loaded at all"));
        if (r)
                return r < 0 ? error_trace(r) : 0;
        checker.flat = flat;
        for (size_t i = 0; !r && i < sizeof(checks) / sizeof(checks[0]); i++)
                r = checks[i](&checker);
        return error_trace(r);
}
