/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Names used, and a profile without the others.
 *
 * What must stay true: a rule that refuses is never touched, a name that stays does so in every rule it is
 * in, and conditions are not looked at: so each call of a name that stays is answered as before. A call that
 * goes through socketcall or ipc is a use of the name of the call it carries out too, since a rule for that
 * name decides about it.
 */

#include "policy/tighten.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#define RECENT 4096 /* (architecture, number) remembered as done; a power of two */

const char *const tighten_start_calls[] = {
        "arch_prctl", "brk",        "close",        "execve",          "execveat",
        "exit",       "exit_group", "fstat",        "futex",           "mmap",
        "mmap2",      "mprotect",   "munmap",       "newfstatat",      "open",
        "openat",     "read",       "rt_sigreturn", "set_thread_area", "set_tid_address",
        "set_tls",    "sigreturn",  NULL,
};

struct tighten {
        struct tighten_options options;
        const char **names; /* used; sorted; static storage or owned by nobody */
        size_t n, size;
        uint64_t recent[RECENT]; /* key + 1 */
};

int tighten_new(const struct tighten_options *options, struct tighten **ret) {
        struct tighten *tighten = calloc(1, sizeof(*tighten));

        if (!tighten)
                return error_origin(-ENOMEM);
        tighten->options = *options;
        *ret = tighten;
        return 0;
}

struct tighten *tighten_free(struct tighten *tighten) {
        if (!tighten)
                return NULL;
        free(tighten->names);
        free(tighten);
        return NULL;
}

static size_t position_of(const struct tighten *tighten, const char *name, bool *ret_found) {
        size_t low = 0, high = tighten->n;

        *ret_found = false;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int order = strcmp(tighten->names[middle], name);

                if (order == 0) {
                        *ret_found = true;
                        return middle;
                }
                if (order < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

/* name: of the tables, which last. */
static int use(struct tighten *tighten, const char *name) {
        bool found;
        size_t position = position_of(tighten, name, &found);

        if (found)
                return 0;
        if (tighten->n == tighten->size) {
                size_t size = tighten->size ? tighten->size * 2 : 128;
                const char **grown = reallocarray(tighten->names, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                tighten->names = grown;
                tighten->size = size;
        }
        memmove(tighten->names + position + 1, tighten->names + position,
                (tighten->n - position) * sizeof(*tighten->names));
        tighten->names[position] = name;
        tighten->n++;
        return 0;
}

/* The calls that socketcall or ipc carried out: the one of its first argument, or all when that is unknown.
 */
static int use_carried(struct tighten *tighten, const char *carrier, const struct event *event) {
        bool is_socket = strcmp(carrier, "socketcall") == 0;
        const struct constant_set *set = constant_set_by_name(is_socket ? "socketcall" : "ipccall");
        bool unknown = event->count > 1 || event->flags & (EVENT_UNKNOWN_ARG(0) | EVENT_MERGED_ARGS);
        int r = 0;

        for (size_t i = 0; set && i < set->n && !r; i++) {
                char name[64];
                size_t n = 0;

                /* ipc carries a version in the upper half of the word. */
                if (!unknown && (event->args[0] & 0xffff) != set->items[i].value)
                        continue;
                for (const char *at = set->items[i].name + (is_socket ? 4 : 0); *at && n < sizeof(name) - 1;
                     at++)
                        name[n++] = (char)tolower((unsigned char)*at);
                name[n] = 0;
                /* The table's copy of the name lasts. */
                if (syscall_row(name))
                        r = use(tighten, syscall_row(name)->name);
        }
        return error_trace(r);
}

int tighten_add(struct tighten *tighten, const struct event *event) {
        uint64_t key = (uint64_t)event->arch << 32 | event->nr;
        uint64_t *recent = &tighten->recent[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 52];
        const struct arch *arch;
        const char *name;
        int r;

        if (event->flags & EVENT_ASSUMED || *recent == key + 1)
                return 0;
        arch = arch_of_call(event->arch, event->nr);
        name = arch ? syscall_name(arch, event->nr) : NULL;
        if (!name)
                return 0; /* no rule can name it */
        r = use(tighten, name);
        if (r)
                return error_trace(r);
        if (strcmp(name, "socketcall") == 0 || strcmp(name, "ipc") == 0)
                return error_trace(use_carried(tighten, name, event));
        *recent = key + 1;
        return 0;
}

bool tighten_keeps(const struct tighten *tighten, const char *name) {
        bool found;

        position_of(tighten, name, &found);
        if (found)
                return true;
        for (size_t i = 0; tighten_start_calls[i]; i++)
                if (strcmp(tighten_start_calls[i], name) == 0)
                        return true;
        for (size_t i = 0; i < learn_assumed_n; i++)
                if (strcmp(learn_assumed[i].name, name) == 0)
                        return true;
        for (size_t i = 0; i < learn_runtime_calls_n; i++)
                if (strcmp(learn_runtime_calls[i].name, name) == 0 &&
                    learn_runtime_needs(tighten->options.runtime, false, learn_runtime_calls + i))
                        return true;
        for (size_t i = 0; i < tighten->options.n_keep; i++)
                if (fnmatch(tighten->options.keep[i], name, 0) == 0)
                        return true;
        return false;
}

/* ---- the profile ---- */

static bool lets_through(uint32_t action) {
        action &= SECCOMP_RET_ACTION_FULL;
        return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

struct drops {
        struct tighten_drop *items;
        size_t n, size;
};

void tighten_drops_free(struct tighten_drop *drops, size_t n) {
        for (size_t i = 0; i < n; i++) {
                free(drops[i].name);
                free(drops[i].place);
        }
        free(drops);
}

static int note(struct drops *drops, const char *name, const char *place) {
        struct tighten_drop *drop;

        if (drops->n == drops->size) {
                size_t size = drops->size ? drops->size * 2 : 64;
                struct tighten_drop *grown = reallocarray(drops->items, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                drops->items = grown;
                drops->size = size;
        }
        drop = drops->items + drops->n++;
        *drop = (struct tighten_drop){ .name = strdup(name), .place = strdup(place) };
        return drop->name && drop->place ? 0 : error_origin(-ENOMEM);
}

/* "unused in the recordings: a b (where arg0 == 1)", for a comment. */
static void describe(const struct rule *rule, const char *names, struct buf *to) {
        char text[96];

        if (buf_error(to) == 0 && to->n > 0)
                buf_puts(to, "; ");
        buf_printf(to, "unused in the recordings: %s", names);
        for (size_t i = 0; i < rule->n_conditions; i++)
                buf_printf(to, "%s%s",
                           i == 0                ? " (where "
                           : rule_is_split(rule) ? " or "
                                                 : " and ",
                           condition_text(rule->conditions + i, text, sizeof(text)));
        if (rule->n_conditions > 0)
                buf_putc(to, ')');
        if ((rule->action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ALLOW)
                buf_printf(to, " with %s", action_name(rule->action));
        if (rule_is_conditional(rule))
                buf_puts(to, ", under the conditions of its own rule");
}

/* Takes the unused names out of one rule. */
static int thin(const struct tighten *tighten, struct rule *rule, size_t index, struct drops *drops,
                struct buf *comment) {
        struct buf names = BUF_INIT(0);
        size_t n = 0;
        char place[40];
        int r = 0;

        snprintf(place, sizeof(place), "syscalls[%zu]", index);
        for (size_t i = 0; i < rule->n_names; i++) {
                if (r || tighten_keeps(tighten, rule->names[i])) {
                        rule->names[n++] = rule->names[i];
                        continue;
                }
                r = note(drops, rule->names[i], rule->place ? rule->place : place);
                buf_printf(&names, "%s%s", names.n > 0 ? " " : "", rule->names[i]);
                free(rule->names[i]);
        }
        if (n < rule->n_names)
                describe(rule, buf_string(&names), comment);
        rule->n_names = n;
        r = r ?: buf_error(&names);
        buf_deinit(&names);
        return error_trace(r);
}

static int add_comment(struct rule *rule, struct buf *comment) {
        struct buf text = BUF_INIT(0);
        int r;

        if (comment->n == 0)
                return 0;
        if (rule->comment)
                buf_printf(&text, "%s; ", rule->comment);
        buf_puts(&text, buf_string(comment));
        r = buf_error(&text) ?: buf_error(comment);
        if (!r) {
                free(rule->comment);
                rule->comment = strdup(buf_string(&text));
                if (!rule->comment)
                        r = error_origin(-ENOMEM);
        }
        buf_deinit(&text);
        buf_reset(comment);
        return r;
}

static int thin_all(const struct tighten *tighten, struct profile *profile, struct drops *drops) {
        struct buf comment = BUF_INIT(0);
        size_t n = 0;
        int r = 0;

        for (size_t i = 0; i < profile->n_rules; i++) {
                struct rule *rule = profile->rules + i;
                bool was_empty = rule->n_names == 0;

                if (!r && lets_through(rule->action))
                        r = thin(tighten, rule, i, drops, &comment);
                if (rule->n_names == 0 && !was_empty && !r) {
                        rule_deinit(rule); /* its comment goes to the next rule that stays */
                        continue;
                }
                if (!r && tighten->options.comment)
                        r = add_comment(rule, &comment);
                buf_reset(&comment);
                if (n != i) {
                        profile->rules[n] = *rule;
                        memset(rule, 0, sizeof(*rule));
                }
                n++;
        }
        profile->n_rules = n;
        if (!r && tighten->options.comment && n > 0)
                r = add_comment(profile->rules + n - 1, &comment);
        buf_deinit(&comment);
        return error_trace(r);
}

int tighten_apply(const struct tighten *tighten, const struct profile *written, struct profile **ret,
                  struct tighten_drop **ret_drops, size_t *ret_n) {
        cleanup_profile struct profile *profile = NULL;
        struct drops drops = { 0 };
        int r;

        if (lets_through(written->default_action))
                return TIGHTEN_E_OPEN;
        r = profile_copy(written, &profile);
        if (!r)
                r = thin_all(tighten, profile, &drops);
        if (!r && profile->n_rules == 0)
                r = TIGHTEN_E_EMPTY;
        if (r) {
                tighten_drops_free(drops.items, drops.n);
                return error_trace(r);
        }
        *ret = profile;
        profile = NULL;
        *ret_drops = drops.items;
        *ret_n = drops.n;
        return 0;
}
