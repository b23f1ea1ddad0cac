/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks of what a profile lets happen: calls that are a danger by themselves, and restrictions that a
 * program gets around by a call that does the same.
 */

#include "policy/check_internal.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/risk.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <stdlib.h>
#include <string.h>

/* Allowed whatever the arguments, or with those that make it dangerous. */
static bool risky(const struct checker *checker, const struct risk *risk, struct match *ret) {
        const struct arch *arch = checker->context->arch;
        int nr = syscall_number(arch, risk->name);
        uint64_t args[6] = { 0 };
        uint32_t action;

        if (nr < 0)
                return false;
        if (!risk->flags)
                return check_allowed(checker, risk->name, ret);
        for (uint64_t bit = 1; bit && bit <= risk->flags; bit <<= 1) {
                struct learn_assumed where = { .conditional = true, .index = 0 };

                if (!(risk->flags & bit))
                        continue;
                memset(args, 0, sizeof(args));
                args[!strcmp(risk->name, "clone") ? learn_assumed_index(&where, arch) : 0] = bit;
                match_call(checker->flat, arch->audit, (uint32_t)nr, args, ret);
                action = ret->action & SECCOMP_RET_ACTION_FULL;
                if (action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG)
                        return true;
        }
        return false;
}

/* A rule for containers that hold a capability is no oversight. */
static bool wants_capability(const struct checker *checker, const struct match *match) {
        const struct rule *written;

        if (match->rule == MATCH_NONE)
                return false;
        written = check_written(checker, &checker->flat->rules[match->rule]);
        return written && written->includes.n_caps;
}

/* By a rule: one finding for each reason, so that mount's nine relatives make one sentence. */
static int check_allowed_risks(struct checker *checker) {
        struct {
                const struct risk *risk;
                const char *place;
        } *found = calloc(risks_n, sizeof(*found));
        const char **names = calloc(risks_n, sizeof(*names));
        size_t n = 0;
        int r = 0;

        if (!found || !names) {
                r = error_origin(-ENOMEM);
                goto out;
        }
        for (size_t i = 0; i < risks_n; i++) {
                struct match match;

                if (!risky(checker, &risks[i], &match) || wants_capability(checker, &match))
                        continue;
                found[n].risk = &risks[i];
                found[n++].place = match.place;
        }
        for (size_t i = 0; !r && i < n; i++) {
                const struct risk *risk = found[i].risk;
                struct buf sentence = BUF_INIT(0);
                const char *place = found[i].place;
                size_t n_names = 0;

                if (!risk)
                        continue;
                for (size_t j = i; j < n; j++)
                        if (found[j].risk && found[j].place == place &&
                            !strcmp(found[j].risk->why, risk->why) && found[j].risk->level == risk->level) {
                                names[n_names++] = found[j].risk->name;
                                found[j].risk = NULL;
                        }
                buf_printf(&sentence, "%%s %s allowed%s, and %s %s; %s", n_names > 1 ? "are" : "is",
                           risk->flags ? " with flags for namespaces" : " without conditions",
                           n_names > 1 ? "each" : "it", risk->why,
                           risk->level == RISK_HIGH ? "refuse it unless the program cannot do without"
                                                    : "allow it only to programs known to want it");
                r = check_names(checker, risk->level == RISK_HIGH ? "dangerous-call" : "risky-call", place,
                                names, n_names, buf_string(&sentence));
                buf_deinit(&sentence);
        }
out:
        free(found);
        free(names);
        return error_trace(r);
}

int check_risks(struct checker *checker) {
        const char **names;
        size_t n = 0;
        int r = 0;

        if (!check_lets_through(checker->flat->default_action))
                return error_trace(check_allowed_risks(checker));
        if (!checker->flat->n_rules)
                return 0;
        names = calloc(risks_n, sizeof(*names));
        if (!names)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < risks_n; i++) {
                struct match match;

                if (risks[i].level == RISK_HIGH && risky(checker, &risks[i], &match))
                        names[n++] = risks[i].name;
        }
        if (n)
                r = check_names(
                        checker, "deny-list-dangerous", "syscalls", names, n,
                        "the list of refused calls leaves out %s, each a way to other processes or "
                        "deep into the kernel ('explain --risky' gives the reasons); refuse them, or "
                        "turn the list round: refuse by default and allow what is needed");
        free(names);
        return error_trace(r);
}

/* What a rule, not the default, does to a call: refuse it always, restrict it by arguments, or neither. */
enum restriction { FREE, RESTRICTED, REFUSED };

static enum restriction restriction(const struct checker *checker, const char *name) {
        struct match match;

        if (!check_verdict(checker, name, &match))
                return FREE;
        if (match.on_arguments)
                return RESTRICTED;
        return match.rule != MATCH_NONE && !check_lets_through(match.action) ? REFUSED : FREE;
}

/* Docker refuses clone3 with ENOSYS so that clone is taken: no restriction, a hint to the C library. */
static bool is_hint(const struct checker *checker, const char *name) {
        struct match match;

        return check_verdict(checker, name, &match) && !match.on_arguments &&
               match.action == (SECCOMP_RET_ERRNO | ENOSYS);
}

static int check_family(struct checker *checker, const struct sibling_family *family) {
        const char *first = NULL, *through[SIBLINGS_MAX];
        struct buf sentence = BUF_INIT(0);
        bool refused = false;
        struct match match;
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < SIBLINGS_MAX && family->names[i]; i++) {
                const char *name = family->names[i];
                enum restriction how = restriction(checker, name);

                if (!first && ((how == REFUSED && !is_hint(checker, name)) ||
                               (how == RESTRICTED && family->by_arguments))) {
                        first = name;
                        refused = how == REFUSED;
                } else if (first && check_allowed(checker, name, &match) &&
                           !wants_capability(checker, &match)) {
                        through[n++] = name;
                }
        }
        if (!n)
                return 0;
        check_verdict(checker, first, &match);
        buf_printf(&sentence,
                   "%s is %s, but %%s can %s as well and %s allowed without conditions; treat %s alike",
                   first, refused ? "refused" : "restricted by arguments", family->what,
                   n > 1 ? "are" : "is", n > 1 ? "them" : "both");
        r = check_names(checker, "sibling-allowed", match.rule == MATCH_NONE ? "syscalls" : match.place,
                        through, n, buf_string(&sentence));
        buf_deinit(&sentence);
        return error_trace(r);
}

int check_siblings(struct checker *checker) {
        const char **names;
        struct match match;
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; !r && i < sibling_families_n; i++)
                r = check_family(checker, &sibling_families[i]);
        if (r || !check_allowed(checker, "io_uring_setup", &match) || !checker->n_mentions)
                return error_trace(r);
        names = calloc(checker->n_mentions, sizeof(*names));
        if (!names)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < checker->n_mentions; i++) {
                const char *name = checker->mentions[i].name;

                if ((i && !strcmp(name, checker->mentions[i - 1].name)) || !risk_in_io_uring(name))
                        continue;
                if (restriction(checker, name) != FREE)
                        names[n++] = name;
        }
        if (n)
                r = check_names(checker, "io-uring-bypasses", match.place, names, n,
                                "io_uring_setup is allowed, and with it a program does what %s would do "
                                "although the profile restricts them; refuse it with ENOSYS");
        free(names);
        return error_trace(r);
}

int check_deny_list(struct checker *checker) {
        bool refuses = false;

        for (size_t i = 0; i < checker->flat->n_rules; i++)
                refuses |= !check_lets_through(checker->flat->rules[i].action);
        if (!refuses || !check_lets_through(checker->flat->default_action) ||
            (checker->flat->default_action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ALLOW)
                return 0;
        return error_trace(check_find(checker, "deny-list", "defaultAction",
                                      "every call that no rule names is allowed, those of later kernels "
                                      "too; refuse by default and "
                                      "allow what a recording shows"));
}
