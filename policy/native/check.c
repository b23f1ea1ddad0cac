/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules that cannot hold. What must stay true: a rule that comes through is carried out as it is written for
 * every call it names, or is marked by its author as advice.
 *
 * A decision on memory holds only where the supervisor carries the call out with the bytes that it looked
 * at. Where it cannot, the kernel would read them once more, and another thread may have changed them.
 */

#include "policy/native/check.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/native/address.h"
#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/native/facts.h"
#include "policy/native/pattern.h"
#include "syscalls/names.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const policy_authorities[] = { "mount", NULL };

void policy_check_say(struct policy_check *check, enum diag_severity severity, const char *id,
                      const char *field, const char *format, ...) {
        struct buf text = BUF_INIT(0);
        va_list args;

        if (check->r)
                return;
        va_start(args, format);
        buf_vprintf(&text, format, args);
        va_end(args);
        check->r = buf_error(&text);
        if (!check->r)
                check->r = check->say(check->data, severity, id, check->rule, field, buf_string(&text));
        buf_deinit(&text);
}
#define refuse(check, field, ...) policy_check_say(check, DIAG_ERROR, NULL, field, __VA_ARGS__)

#define LISTED_MAX 8

const char *policy_check_list(const char *const *names, size_t n, char *buf, size_t size) {
        size_t at = 0, shown = n > LISTED_MAX ? LISTED_MAX - 1 : n;

        buf[0] = '\0';
        for (size_t i = 0; i < shown && at < size; i++)
                at += (size_t)snprintf(buf + at, size - at, "%s%s",
                                       !i           ? ""
                                       : i + 1 == n ? " and "
                                                    : ", ",
                                       names[i]);
        if (shown < n && at < size)
                snprintf(buf + at, size - at, " and %zu more", n - shown);
        return buf;
}

/* The calls of a rule of which `is` is not true. */
struct calls {
        const char *names[64];
        size_t n;
        char text[512];
};

static const char *listed(struct calls *calls) {
        return policy_check_list(calls->names, calls->n, calls->text, sizeof(calls->text));
}

static unsigned flags_of(const char *call) {
        const struct policy_call *row = policy_call_by_name(call);

        return row ? row->flags : 0;
}

static bool lack(const struct policy_rule *rule, unsigned flags, struct calls *ret) {
        ret->n = 0;
        for (size_t i = 0; i < rule->n_calls && ret->n < 64; i++)
                if ((flags_of(rule->calls[i]) & flags) != flags)
                        ret->names[ret->n++] = rule->calls[i];
        return ret->n;
}

static bool have(const struct policy_rule *rule, unsigned flags, struct calls *ret) {
        ret->n = 0;
        for (size_t i = 0; i < rule->n_calls && ret->n < 64; i++)
                if ((flags_of(rule->calls[i]) & flags) == flags)
                        ret->names[ret->n++] = rule->calls[i];
        return ret->n;
}

/* ---- paths and addresses ---- */

static void check_kind(struct policy_check *check, const struct policy_rule *rule, unsigned kind,
                       const char *field, const char *what) {
        struct calls calls;

        if (!lack(rule, kind, &calls))
                return;
        /* An emulation is asked for as a whole: for the rest of its calls the rule just does not match. */
        if (rule->action == POLICY_EMULATE && calls.n < rule->n_calls)
                return;
        refuse(check, field, "%s %s no %s that callgate knows of, so the rule would never match; %s",
               listed(&calls), calls.n == 1 ? "takes" : "take", what,
               calls.n < rule->n_calls ? "give it to the other calls alone" : "remove the condition");
}

static bool reads_memory(const struct policy_rule *rule, const char *call) {
        const char *name;

        for (size_t i = 0; i < rule->where.n_args; i++)
                for (size_t k = 0; (name = policy_memory_arg_name(call, k)); k++)
                        if (!strcmp(name, rule->where.args[i].name))
                                return true;
        return false;
}

/* What to write instead. */
static const char *safe_form(const char *call) {
        const struct policy_call *row = policy_call_by_name(call);

        if (row && policy_call_in_family(row, "exec"))
                return "a program is kept from being started by \"binds\" over its file, or by refusing "
                       "execve "
                       "and execveat altogether";
        if (row && row->flags & POLICY_CALL_PATH)
                return "\"binds\", \"overlays\" and \"tmpfs\" change what a path leads to, and the kernel "
                       "itself holds them";
        return "refuse the call by what registers say, or altogether";
}

static void check_memory(struct policy_check *check, const struct policy_rule *rule) {
        bool by_path = rule->where.n_paths, by_address = rule->where.n_addresses;

        if (rule->advisory || rule->action == POLICY_LOG)
                return;
        for (size_t i = 0; i < rule->n_calls; i++) {
                const char *call = rule->calls[i];
                unsigned flags = flags_of(call);
                bool path = by_path && flags & POLICY_CALL_PATH;
                bool address = by_address && flags & POLICY_CALL_ADDRESS;
                bool memory = reads_memory(rule, call);

                if (flags & POLICY_CALL_PERFORMED || (!path && !address && !memory))
                        continue;
                refuse(check,
                       path      ? "where.path"
                       : address ? "where.address"
                                 : "where.args",
                       "%s cannot be decided by %s: it lies in the program's memory, which another thread "
                       "can change between our look and the kernel's, and callgate cannot carry %s out "
                       "itself; %s. \"advisory: true\" accepts that a program may get past the rule, \"do: "
                       "log\" only records",
                       call,
                       path      ? "its path"
                       : address ? "its address"
                                 : "this argument",
                       call, safe_form(call));
                return;
        }
}

/* ---- what is done ---- */

/* The highest $N of a text; 0: none. */
static unsigned highest_capture(const char *text) {
        unsigned highest = 0;

        for (; *text; text++) {
                if (*text != '$')
                        continue;
                text++;
                if (!*text)
                        break;
                if (isdigit((unsigned char)*text) && (unsigned)(*text - '0') > highest)
                        highest = (unsigned)(*text - '0');
        }
        return highest;
}

static void check_captures(struct policy_check *check, const struct policy_rule *rule) {
        unsigned highest = highest_capture(rule->text);

        if (!highest)
                return;
        if (!rule->where.n_paths)
                refuse(check, "do.redirect",
                       "$%u stands for a part of a pattern behind \"path\", and the rule has none; write $$ "
                       "for a dollar",
                       highest);
        for (size_t i = 0; i < rule->where.n_paths; i++)
                if (pattern_n_captures(rule->where.paths[i]) < highest) {
                        refuse(check, "do.redirect",
                               "$%u: the pattern %.60s has only %zu parts in parentheses; write them, or $$ "
                               "for "
                               "a dollar",
                               highest, pattern_text(rule->where.paths[i]),
                               pattern_n_captures(rule->where.paths[i]));
                        return;
                }
}

static void check_redirect(struct policy_check *check, const struct policy_rule *rule) {
        struct address_target target;
        struct calls paths, addresses, others;
        char error[256] = "";

        if (lack(rule, POLICY_CALL_REDIRECT, &others)) {
                refuse(check, "do.redirect", "%s cannot be redirected; %s", listed(&others),
                       safe_form(others.names[0]));
                return;
        }
        have(rule, POLICY_CALL_PATH, &paths);
        have(rule, POLICY_CALL_ADDRESS, &addresses);
        if (paths.n && addresses.n) {
                refuse(check, "do.redirect", "%s takes a path and %s an address; write a rule for each kind",
                       paths.names[0], addresses.names[0]);
        } else if (paths.n) {
                if (*rule->text != '/' && *rule->text != '$')
                        refuse(check, "do.redirect",
                               "%s takes a path, and this is none: it begins with '/', as the program sees "
                               "it",
                               paths.names[0]);
                else
                        check_captures(check, rule);
        } else if (addresses.n) {
                if (address_target_parse(rule->text, &target, error, sizeof(error)))
                        refuse(check, "do.redirect", "%s takes an address: %s", addresses.names[0], error);
        }
}

static void check_substitute(struct policy_check *check, const struct policy_rule *rule) {
        struct calls calls;

        if (lack(rule, POLICY_CALL_CONTENT, &calls))
                refuse(check, "do.substitute",
                       "%s %s no contents that could be others; that is for opens and what goes with them "
                       "(\"family: [open, stat, access]\")",
                       listed(&calls), calls.n == 1 ? "shows" : "show");
}

static bool takes_call(const struct policy_emulation *emulation, const char *call) {
        size_t n = strlen(call);

        if (!strcmp(emulation->calls, "*"))
                return flags_of(call) & POLICY_CALL_PERFORMED;
        for (const char *at = emulation->calls; (at = strstr(at, call)); at += n)
                if ((at == emulation->calls || at[-1] == ' ') && (at[n] == '\0' || at[n] == ' '))
                        return true;
        return false;
}

static bool has_authority(const struct policy *policy, const char *word) {
        for (size_t i = 0; i < policy->n_authority; i++)
                if (!strcmp(policy->authority[i], word))
                        return true;
        return false;
}

/* Do the rules above leave the call to this one, on every architecture of this machine? */
static bool reaches(const struct policy_check *check, const char *call) {
        const struct arch *archs[5] = { arch_native() };
        size_t n = 1 + arch_siblings(archs[0], archs + 1);
        const char *reason;

        for (size_t i = 0; i < n; i++)
                if (syscall_number(archs[i], call) >= 0 &&
                    policy_layer(check->policy, check->rule, archs[i], call, &reason) == POLICY_UNREACHED)
                        return false;
        return true;
}

static void check_needs(struct policy_check *check, const struct policy_rule *rule) {
        const struct policy_emulation *emulation = rule->emulation;
        struct calls missing = { 0 }, taken = { 0 };
        char names[512], *save = NULL;

        snprintf(names, sizeof(names), "%s", emulation->needs ? emulation->needs : "");
        for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
                if (!policy_rule_covers(rule, name))
                        missing.names[missing.n++] = name;
                else if (!reaches(check, name))
                        taken.names[taken.n++] = name;
        }
        if (missing.n)
                refuse(check, "syscalls",
                       "without %s the emulation %s would not be consistent; leave \"syscalls\" out",
                       listed(&missing), emulation->name);
        if (taken.n)
                refuse(check, "do.emulate",
                       "the emulation %s would not be consistent, since rules above decide %s already; move "
                       "the rule up",
                       emulation->name, listed(&taken));
}

static void check_emulate(struct policy_check *check, const struct policy_rule *rule) {
        const struct policy_emulation *emulation = rule->emulation;
        struct calls calls = { 0 };

        for (size_t i = 0; i < rule->n_calls && calls.n < 64; i++)
                if (!takes_call(emulation, rule->calls[i]))
                        calls.names[calls.n++] = rule->calls[i];
        if (calls.n)
                refuse(check, "syscalls", "the emulation %s does not take %s; %s%s", emulation->name,
                       listed(&calls), *emulation->calls ? "it takes " : "leave \"syscalls\" out",
                       strcmp(emulation->calls, "*") != 0 ? emulation->calls
                                                          : "what is in \"family: files\" and \"net\"");
        if (emulation->wants_installed && rule->where.n_args)
                refuse(check, "where.args",
                       "the emulation %s must see all of its calls to be consistent; leave the conditions "
                       "on "
                       "arguments out",
                       emulation->name);
        check_needs(check, rule);
        if (emulation->authority && !has_authority(check->policy, emulation->authority))
                refuse(check, "do.emulate",
                       "%s does more than the program may by itself; if that is meant, write \"authority: "
                       "[%s]\" at the top",
                       emulation->name, emulation->authority);
}

static void check_delay(struct policy_check *check, const struct policy_rule *rule) {
        static const char *const never[] = { "rt_sigreturn", "sigreturn", NULL };

        for (size_t i = 0; never[i]; i++)
                if (policy_rule_covers(rule, never[i]))
                        refuse(check, "syscalls",
                               "%s ends a signal handler and has nothing to return to if it is taken back "
                               "or refused; leave it out",
                               never[i]);
}

/* ---- all of it ---- */

static void check_rule(struct policy_check *check, const struct policy_rule *rule) {
        policy_check_args(check, rule);
        if (rule->where.n_paths)
                check_kind(check, rule, POLICY_CALL_PATH, "where.path", "path");
        if (rule->where.n_addresses)
                check_kind(check, rule, POLICY_CALL_ADDRESS, "where.address", "address");
        check_memory(check, rule);
        switch (rule->action) {
        case POLICY_REDIRECT:
                check_redirect(check, rule);
                break;
        case POLICY_SUBSTITUTE:
                check_substitute(check, rule);
                break;
        case POLICY_EMULATE:
                check_emulate(check, rule);
                break;
        case POLICY_ALLOW:
        case POLICY_LOG:
        case POLICY_KILL:
                break;
        case POLICY_ERRNO:
        case POLICY_RETURN:
        case POLICY_DELAY:
        case POLICY_ASK:
                check_delay(check, rule);
                break;
        }
}

static void check_authority(struct policy_check *check) {
        char hint[80] = "";
        size_t n = 0;

        while (policy_authorities[n])
                n++;
        for (size_t i = 0; i < check->policy->n_authority; i++) {
                const char *word = check->policy->authority[i], *nearest;
                bool known = false;

                for (size_t k = 0; k < n; k++)
                        known |= !strcmp(policy_authorities[k], word);
                if (known)
                        continue;
                nearest = diag_nearest(word, policy_authorities, n);
                snprintf(hint, sizeof(hint), "%s%s%s", nearest ? "did you mean " : "write ",
                         nearest ? nearest : policy_authorities[0], nearest ? "?" : " or nothing");
                refuse(check, "authority", "nothing is called \"%.40s\" that could be given; %s", word,
                       hint);
        }
}

int policy_check_sound(const struct policy *policy, policy_say say, void *data) {
        struct policy_check check = { .policy = policy, .say = say, .data = data, .rule = POLICY_NO_RULE };

        check_authority(&check);
        for (check.rule = 0; check.rule < policy->n_rules && !check.r; check.rule++)
                check_rule(&check, &policy->rules[check.rule]);
        return error_trace(check.r);
}
