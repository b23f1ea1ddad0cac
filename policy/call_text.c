/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must stay true: a constant means what the kernel of that architecture means by it for that argument;
 * only where the argument has no constants of its own are all constants searched.
 */

#include "policy/call_text.h"

#include "base/error.h"
#include "policy/model.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <stdarg.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 7 /* the call and its arguments */

static int wrong(struct diags *diags, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int wrong(struct diags *diags, const char *format, ...) {
        char text[512];
        va_list args;
        int r;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        r = diag_add(diags, DIAG_ERROR, NULL, NULL, "%s", text);
        return r ? error_trace(r) : PROFILE_E_INVALID;
}

/* The whole word, in any base of C, with a sign. */
static bool number(const char *word, uint64_t *ret) {
        bool minus = *word == '-';
        const char *digits = minus ? word + 1 : word;
        char *end;

        if (!isdigit((unsigned char)*digits))
                return false;
        errno = 0;
        *ret = strtoull(digits, &end, 0);
        if (errno || *end)
                return false;
        if (minus)
                *ret = -*ret;
        return true;
}

static const struct constant_set *set_of(const struct call_text *call, unsigned index) {
        const struct syscall_row *row = syscall_row_of(call->arch->audit, call->nr);
        const struct syscall_arg *arg;

        if (!row || index >= row->n_args)
                return NULL;
        arg = syscall_arg_resolve(&row->args[index], call->args);
        return arg && arg->set ? constant_set_variant(arg->set, call->arch->audit) : NULL;
}

/* Words that stand in no table of flags. */
static bool well_known(const char *name, uint64_t *ret) {
        if (!strcmp(name, "AT_FDCWD")) {
                *ret = (uint64_t)AT_FDCWD;
                return true;
        }
        if (strncmp(name, "SIG", 3))
                return false;
        for (int i = 1; i < NSIG; i++) {
                const char *abbreviation = sigabbrev_np(i);

                if (abbreviation && !strcmp(abbreviation, name + 3)) {
                        *ret = (uint64_t)i;
                        return true;
                }
        }
        return false;
}

static bool constant(const struct constant_set *set, const char *name, uint64_t *ret) {
        for (size_t i = 0; set && i < set->n; i++)
                if (!strcmp(set->items[i].name, name)) {
                        *ret = set->items[i].value;
                        return true;
                }
        return !constant_value(NULL, name, ret) || well_known(name, ret);
}

static int unknown(const struct call_text *call, const struct constant_set *set, const char *name,
                   struct diags *diags) {
        const char *names[256], *nearest;
        size_t n = 0;

        for (size_t i = 0; set && i < set->n && n < 256; i++)
                names[n++] = set->items[i].name;
        nearest = diag_nearest(name, names, n);
        return wrong(diags, "'%s' is neither a number nor a constant of %s%s%s%s", name, call->name,
                     nearest ? "; did you mean " : "; write a number", nearest ? nearest : "",
                     nearest ? "?" : "");
}

/* Numbers and constants joined by '|'. */
static int argument(struct call_text *call, unsigned index, char *word, struct diags *diags) {
        const struct constant_set *set = set_of(call, index);
        uint64_t value = 0, part;
        char *rest = word, *piece;

        while ((piece = strsep(&rest, "|"))) {
                if (!number(piece, &part) && !constant(set, piece, &part))
                        return unknown(call, set, piece, diags);
                value |= part;
        }
        if (call->arch->bits == 32) {
                if (value > UINT32_MAX && value < UINT64_C(0xffffffff80000000))
                        return wrong(diags,
                                     "0x%" PRIx64 " does not fit into an argument of %s, which has 32 bits",
                                     value, call->arch->name);
                value &= UINT32_MAX;
        }
        call->args[index] = value;
        return 0;
}

static int take_arch(char **word, const struct arch *arch, struct diags *diags, struct call_text *call) {
        char *colon = strchr(*word, ':');
        const char *names[64], *nearest;
        size_t n = 0;

        call->arch = arch;
        if (!colon)
                return 0;
        *colon = '\0';
        call->arch = arch_by_any(*word);
        if (!call->arch) {
                for (size_t i = 0; i < arch_table_n && n < 64; i++)
                        names[n++] = arch_table[i].name;
                nearest = diag_nearest(*word, names, n);
                return wrong(diags, "'%s' is not an architecture; write %s", *word,
                             nearest ? nearest : "one such as x86_64 or i386");
        }
        *word = colon + 1;
        return 0;
}

static int take_name(const char *word, struct diags *diags, struct call_text *call) {
        char label[32];
        uint64_t value;
        const char *nearest;
        int nr;

        call->audit = call->arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : call->arch->audit;
        if (number(word, &value)) {
                if (value > UINT32_MAX)
                        return wrong(diags, "%s is not the number of a call", word);
                call->nr = (uint32_t)value;
                if (call->arch->audit == ARCH_X32)
                        call->nr |= X32_NR_BIT;
                snprintf(call->name, sizeof(call->name), "%s",
                         syscall_label(call->arch->audit, call->nr, label, sizeof(label)));
                return 0;
        }
        nr = syscall_number(call->arch, word);
        if (nr >= 0) {
                call->nr = (uint32_t)nr;
                snprintf(call->name, sizeof(call->name), "%s", word);
                return 0;
        }
        if (syscall_known(word))
                return wrong(diags, "%s has no call '%s'; name an architecture that has, as in i386:%s",
                             call->arch->name, word, word);
        nearest = syscall_nearest(word);
        return wrong(diags, "'%s' is not a system call; %s%s%s", word,
                     nearest ? "did you mean " : "write a name ", nearest ? nearest : "or a number",
                     nearest ? "?" : "");
}

static int parse(char *text, const struct arch *arch, struct diags *diags, struct call_text *call) {
        char *words[WORDS_MAX], *rest = text, *word;
        size_t n = 0;
        int r;

        while ((word = strsep(&rest, " \t"))) {
                if (!*word)
                        continue;
                if (n == WORDS_MAX)
                        return wrong(diags, "a call has no more than six arguments");
                words[n++] = word;
        }
        if (!n)
                return wrong(diags, "there is no call in an empty word; write one such as openat");
        r = take_arch(&words[0], arch, diags, call);
        if (!r)
                r = take_name(words[0], diags, call);
        call->n_args = (unsigned)n - 1;
        /* What a constant means may depend on an argument behind it, so the numbers go first. */
        for (int pass = 0; pass < 2; pass++)
                for (unsigned i = 0; !r && i + 1 < n; i++) {
                        uint64_t value;

                        if (number(words[i + 1], &value) == !pass)
                                r = argument(call, i, words[i + 1], diags);
                }
        return error_trace(r);
}

int call_text_parse(const char *text, const struct arch *arch, struct diags *diags, struct call_text *ret) {
        char copy[CALL_TEXT_MAX];

        *ret = (struct call_text){ 0 };
        if (strlen(text) >= sizeof(copy))
                return wrong(diags, "a call of more than %u bytes is not read", CALL_TEXT_MAX - 1);
        memcpy(copy, text, strlen(text) + 1);
        return error_trace(parse(copy, arch, diags, ret));
}
