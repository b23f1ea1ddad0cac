/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's filters are lists of names: an allow-list under a default that refuses, or a deny-list under one
 * that does not. Each call gets a word of that language, and equal words become lines.
 *
 * What must stay true: a call is on the lines exactly if its word says so; a group stands for its calls only
 * if all of them that exist here have the same word.
 */

#include "policy/write_systemd.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/match.h"
#include "policy/systemd_groups.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_   100
#define GROUP_LEAST 3 /* calls that a group must save */
#define SHOWN_MAX   6 /* names in a sentence */

/* What a unit can say about a call. */
enum word {
        WORD_RUN,
        WORD_LOG,
        WORD_KILL,
        WORD_ERRNO, /* and the number added */
};

struct entry {
        const char *name;
        unsigned word;
        bool covered; /* by a group, or implicitly */
};

/* A kind of loss, collected over all calls. */
struct loss {
        const char *id, *sentence;
        const char *names[SHOWN_MAX];
        size_t n;
};

enum loss_number {
        LOSS_CONDITIONS,
        LOSS_ARCHITECTURES,
        LOSS_KILL_THREAD,
        LOSS_TRAP,
        LOSS_ASK,
        LOSS_ALWAYS,
        N_LOSSES,
};

struct units {
        const struct profile *profile;
        struct entry *entries; /* by name */
        size_t n, size;
        unsigned word; /* of calls without a rule */
        struct loss losses[N_LOSSES];
        struct buf *to;
};

static void note(struct units *units, enum loss_number number, const char *name) {
        struct loss *loss = &units->losses[number];

        if (loss->n < SHOWN_MAX)
                loss->names[loss->n] = name;
        loss->n++;
}

static bool runs(unsigned word) {
        return word == WORD_RUN || word == WORD_LOG;
}

static unsigned word_of(struct units *units, uint32_t action, const char *name) {
        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
                return WORD_RUN;
        case SECCOMP_RET_LOG:
                return WORD_LOG;
        case SECCOMP_RET_ERRNO:
                return WORD_ERRNO + (action & SECCOMP_RET_DATA);
        case SECCOMP_RET_KILL_THREAD:
                note(units, LOSS_KILL_THREAD, name);
                return WORD_KILL;
        case SECCOMP_RET_TRAP:
                note(units, LOSS_TRAP, name);
                return WORD_KILL;
        case SECCOMP_RET_TRACE:
        case SECCOMP_RET_USER_NOTIF:
                note(units, LOSS_ASK, name);
                return WORD_ERRNO + EPERM;
        default:
                return WORD_KILL;
        }
}

/* ---- calls ---- */

/* The action of a name on one architecture: the most permissive one where it depends on arguments. */
static uint32_t action_on(const struct units *units, const struct arch_rules *rules, uint32_t nr,
                          bool *ret_conditional) {
        const struct call_rules *call = arch_rules_find(rules, nr);
        uint32_t action = units->profile->default_action;

        *ret_conditional = false;
        if (!call)
                return action;
        for (size_t i = 0; i < call->n; i++) {
                const struct alternative *alternative = &rules->alternatives[call->first + i];

                if (!alternative->n_conditions)
                        return alternative->action;
                *ret_conditional = true;
                if ((alternative->action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
                        action = alternative->action;
        }
        return action;
}

/* socketcall and ipc carry the rules of the calls that go through them; they have none of their own then. */
static bool only_carries(const struct arch_rules *rules, uint32_t nr) {
        const struct call_rules *call = arch_rules_find(rules, nr);

        for (size_t i = 0; call && i < call->n; i++)
                if (!rules->alternatives[call->first + i].multiplexed)
                        return false;
        return call;
}

static int add_entry(struct units *units, const char *name, unsigned word) {
        if (units->n == units->size) {
                size_t size = units->size ? units->size * 2 : 512;
                struct entry *grown = reallocarray(units->entries, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                units->entries = grown;
                units->size = size;
        }
        units->entries[units->n++] = (struct entry){ .name = name, .word = word };
        return 0;
}

static int add_name(struct units *units, const char *name) {
        const struct profile *profile = units->profile;
        uint32_t action = 0;
        bool found = false, differ = false, conditional = false;
        unsigned word;

        for (size_t i = 0; i < profile->n_archs; i++) {
                const struct arch *arch = profile->archs[i].arch;
                const struct arch_rules *rules = match_table_arch(profile->match, arch->audit);
                uint32_t nr, here;
                bool depends;
                int through;

                if (!rules || !rule_numbers(arch, name, &nr, &through) || only_carries(rules, nr))
                        continue;
                here = action_on(units, rules, nr, &depends);
                differ |= found && here != action;
                conditional |= depends;
                if (!found || (here & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
                        action = here;
                found = true;
        }
        if (!found)
                return 0;
        if (conditional)
                note(units, LOSS_CONDITIONS, name);
        else if (differ)
                note(units, LOSS_ARCHITECTURES, name);
        word = word_of(units, action, name);
        return error_trace(add_entry(units, name, word));
}

static int compare_names(const void *left, const void *right) {
        return strcmp(*(char *const *)left, *(char *const *)right);
}

/* All names of all architectures of the profile, once each. */
static int add_names(struct units *units) {
        const struct profile *profile = units->profile;
        const char **names = NULL;
        size_t n = 0, size = 0;
        int r = 0;

        for (size_t i = 0; !r && i < profile->n_archs; i++) {
                uint32_t cursor = 0, nr;
                const char *name;

                while (!r && (name = syscall_next(profile->archs[i].arch, &cursor, &nr))) {
                        if (n == size) {
                                const char **grown =
                                        reallocarray(names, size ? size * 2 : 1024, sizeof(*names));

                                if (!grown) {
                                        r = error_origin(-ENOMEM);
                                        break;
                                }
                                names = grown;
                                size = size ? size * 2 : 1024;
                        }
                        names[n++] = name;
                }
        }
        if (n)
                qsort(names, n, sizeof(*names), compare_names);
        for (size_t i = 0; !r && i < n; i++)
                if (!i || strcmp(names[i], names[i - 1]))
                        r = add_name(units, names[i]);
        free(names);
        return error_trace(r);
}

static struct entry *find_entry(const struct units *units, const char *name, size_t n) {
        size_t low = 0, high = units->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strncmp(units->entries[middle].name, name, n);

                if (!r && units->entries[middle].name[n])
                        r = 1;
                if (!r)
                        return &units->entries[middle];
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

/* ---- lines ---- */

struct list {
        struct units *units;
        const char *key; /* "SystemCallFilter=~" */
        char suffix[32]; /* ":EPERM" */
        size_t line;     /* where the line began; 0 = none open */
};

static void put_word(struct list *list, const char *text) {
        struct buf *to = list->units->to;

        if (list->line && to->n - list->line + strlen(text) + strlen(list->suffix) + 1 > LINE_MAX_) {
                buf_putc(to, '\n');
                list->line = 0;
        }
        if (list->line) {
                buf_putc(to, ' ');
        } else {
                list->line = to->n;
                buf_puts(to, list->key);
        }
        buf_puts(to, text);
        buf_puts(to, list->suffix);
}

static void end_list(struct list *list) {
        if (list->line)
                buf_putc(list->units->to, '\n');
        list->line = 0;
}

struct fit {
        struct units *units;
        bool (*wanted)(unsigned word, unsigned asked);
        unsigned asked;
        size_t n_new; /* wanted and not covered yet */
};

static int count_member(const char *name, size_t n, void *to) {
        struct fit *fit = to;
        const struct entry *entry = find_entry(fit->units, name, n);

        if (!entry)
                return 0;
        if (!fit->wanted(entry->word, fit->asked))
                return 1;
        fit->n_new += !entry->covered;
        return 0;
}

static int cover_member(const char *name, size_t n, void *to) {
        struct fit *fit = to;
        struct entry *entry = find_entry(fit->units, name, n);

        if (entry)
                entry->covered = true;
        return 0;
}

/* The groups that fit, those that stand for most first, then the names that are left. */
static void put_calls(struct list *list, bool (*wanted)(unsigned word, unsigned asked), unsigned asked) {
        struct units *units = list->units;

        for (;;) {
                const struct systemd_group *best = NULL;
                size_t most = GROUP_LEAST - 1;
                struct fit fit = { .units = units, .wanted = wanted, .asked = asked };

                for (size_t i = 0; i < systemd_groups_n; i++) {
                        fit.n_new = 0;
                        if (systemd_group_each(&systemd_groups[i], count_member, &fit) || fit.n_new <= most)
                                continue;
                        most = fit.n_new;
                        best = &systemd_groups[i];
                }
                if (!best)
                        break;
                put_word(list, best->name);
                systemd_group_each(best, cover_member, &fit);
        }
        for (size_t i = 0; i < units->n; i++) {
                struct entry *entry = &units->entries[i];

                if (entry->covered || !wanted(entry->word, asked))
                        continue;
                put_word(list, entry->name);
                entry->covered = true;
        }
        end_list(list);
}

static bool wants_running(unsigned word, unsigned asked) {
        (void)asked;
        return runs(word);
}

static bool wants_word(unsigned word, unsigned asked) {
        return word == asked;
}

static const char *errno_text(unsigned number, char *buf, size_t size) {
        const char *name = number ? strerrorname_np((int)number) : NULL;

        if (name)
                return name;
        snprintf(buf, size, "%u", number > 4095 ? 4095 : number);
        return buf;
}

static void put_deny_lists(struct units *units) {
        /* Words are few: one errno after the other, by rising number. */
        for (unsigned next = WORD_KILL;;) {
                struct list list = { .units = units, .key = "SystemCallFilter=~" };
                unsigned word = UINT32_MAX;
                char buf[16];

                for (size_t i = 0; i < units->n; i++)
                        if (!units->entries[i].covered && units->entries[i].word >= next &&
                            units->entries[i].word < word && units->entries[i].word != units->word)
                                word = units->entries[i].word;
                if (word == UINT32_MAX)
                        return;
                if (word >= WORD_ERRNO)
                        snprintf(list.suffix, sizeof(list.suffix), ":%s",
                                 errno_text(word - WORD_ERRNO, buf, sizeof(buf)));
                else if (!runs(units->word))
                        snprintf(list.suffix, sizeof(list.suffix), ":kill");
                put_calls(&list, wants_word, word);
                next = word + 1;
        }
}

static void uncover(struct units *units) {
        for (size_t i = 0; i < units->n; i++)
                units->entries[i].covered = false;
}

static int cover_always(const char *name, size_t n, void *to) {
        struct units *units = to;
        struct entry *entry = find_entry(units, name, n);

        if (!entry)
                return 0;
        if (!runs(entry->word))
                note(units, LOSS_ALWAYS, entry->name);
        entry->covered = true;
        return 0;
}

static void put_filter(struct units *units) {
        struct list allowed = { .units = units, .key = "SystemCallFilter=" };
        char buf[16];

        if (runs(units->word)) {
                put_deny_lists(units);
                return;
        }
        if (units->word >= WORD_ERRNO)
                buf_printf(units->to, "SystemCallErrorNumber=%s\n",
                           errno_text(units->word - WORD_ERRNO, buf, sizeof(buf)));
        systemd_group_each(systemd_group("@default", strlen("@default")), cover_always, units);
        put_word(&allowed, "@default"); /* as systemd adds it anyway; and the list may not be empty */
        put_calls(&allowed, wants_running, 0);
        put_deny_lists(units);
}

static void put_log(struct units *units) {
        struct list list = { .units = units, .key = "SystemCallLog=" };

        uncover(units);
        if (units->word == WORD_LOG) {
                size_t before = units->to->n;

                list.key = "SystemCallLog=~";
                put_calls(&list, wants_word, WORD_RUN);
                /* A list of none would be no list. */
                if (units->to->n == before)
                        buf_puts(units->to, "SystemCallLog=@known\n");
                return;
        }
        put_calls(&list, wants_word, WORD_LOG);
}

static const char *systemd_arch(const char *scmp) {
        static const struct {
                const char *scmp, *name;
        } rows[] = {
                { "SCMP_ARCH_X86", "x86" },
                { "SCMP_ARCH_X86_64", "x86-64" },
                { "SCMP_ARCH_X32", "x32" },
                { "SCMP_ARCH_ARM", "arm" },
                { "SCMP_ARCH_AARCH64", "arm64" },
                { "SCMP_ARCH_LOONGARCH64", "loongarch64" },
                { "SCMP_ARCH_MIPS", "mips" },
                { "SCMP_ARCH_MIPS64", "mips64" },
                { "SCMP_ARCH_MIPS64N32", "mips64-n32" },
                { "SCMP_ARCH_MIPSEL", "mips-le" },
                { "SCMP_ARCH_MIPSEL64", "mips64-le" },
                { "SCMP_ARCH_MIPSEL64N32", "mips64-le-n32" },
                { "SCMP_ARCH_PARISC", "parisc" },
                { "SCMP_ARCH_PARISC64", "parisc64" },
                { "SCMP_ARCH_PPC", "ppc" },
                { "SCMP_ARCH_PPC64", "ppc64" },
                { "SCMP_ARCH_PPC64LE", "ppc64-le" },
                { "SCMP_ARCH_RISCV64", "riscv64" },
                { "SCMP_ARCH_S390", "s390" },
                { "SCMP_ARCH_S390X", "s390x" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (!strcmp(rows[i].scmp, scmp))
                        return rows[i].name;
        return NULL;
}

static void put_archs(struct units *units) {
        const struct profile *profile = units->profile;

        buf_puts(units->to, "SystemCallArchitectures=");
        for (size_t i = 0, n = 0; i < profile->n_archs; i++) {
                const char *name = systemd_arch(profile->archs[i].arch->scmp);

                if (name)
                        buf_printf(units->to, "%s%s", n++ ? " " : "", name);
        }
        buf_putc(units->to, '\n');
}

/* ---- losses ---- */

static int say_losses(struct units *units, struct diags *losses) {
        int r = 0;

        for (size_t i = 0; !r && i < N_LOSSES; i++) {
                const struct loss *loss = &units->losses[i];
                struct buf names = BUF_INIT(4096);

                if (!loss->n)
                        continue;
                for (size_t j = 0; j < loss->n && j < SHOWN_MAX; j++)
                        buf_printf(&names, "%s%s", j ? ", " : "", loss->names[j]);
                if (loss->n > SHOWN_MAX)
                        buf_printf(&names, " and %zu more", loss->n - SHOWN_MAX);
                r = diag_add(losses, DIAG_WARNING, loss->id, NULL, loss->sentence, buf_string(&names));
                buf_deinit(&names);
        }
        if (!r && units->profile->listener_path)
                r = diag_add(losses, DIAG_WARNING, "lost-listener", "listenerPath",
                             "the listener: systemd has none");
        if (!r && units->profile->flags)
                r = diag_add(losses, DIAG_WARNING, "lost-flags", "flags",
                             "the flags of the filter: systemd has none");
        return error_trace(r);
}

static int note_comments(const struct profile *profile, struct diags *losses) {
        size_t n = 0;

        for (size_t i = 0; i < profile->n_rules; i++)
                n += profile->rules[i].comment != NULL;
        return n ? error_trace(diag_add(losses, DIAG_WARNING, "lost-comments", NULL, "%zu comment%s", n,
                                        n == 1 ? "" : "s"))
                 : 0;
}

int profile_write_systemd(const struct profile *resolved, struct diags *losses, struct buf *to) {
        struct units units = {
                .profile = resolved,
                .to = to,
                .losses = {
                        [LOSS_CONDITIONS] = { "lost-conditions",
                                              "conditions on arguments of %s: the lines allow a call when the "
                                              "profile allows it with some arguments, and refuse it otherwise",
                                              { 0 }, 0 },
                        [LOSS_ARCHITECTURES] = { "lost-architectures",
                                                 "%s: refused on one architecture and not on another; the "
                                                 "lines allow them on all",
                                                 { 0 }, 0 },
                        [LOSS_KILL_THREAD] = { "lost-kill-thread",
                                               "%s: the profile ends the thread, the lines end the process",
                                               { 0 }, 0 },
                        [LOSS_TRAP] = { "lost-trap",
                                        "%s: the profile sends SIGSYS, which a program may handle; the lines "
                                        "end the process",
                                        { 0 }, 0 },
                        [LOSS_ASK] = { "lost-ask",
                                       "%s: the profile asks a tracer or listener, which systemd cannot; the "
                                       "lines refuse with EPERM",
                                       { 0 }, 0 },
                        [LOSS_ALWAYS] = { "lost-refusals",
                                          "%s: refused by the profile, but systemd allows them always",
                                          { 0 }, 0 },
                },
        };
        int r;

        units.word = word_of(&units, resolved->default_action, "calls without a rule");
        r = add_names(&units);
        if (!r && units.word == WORD_ERRNO) {
                r = diag_add(losses, DIAG_WARNING, "lost-errno-zero", "defaultErrnoRet",
                             "errno 0 for calls without a rule: the lines have EPERM");
                units.word = WORD_ERRNO + EPERM;
                for (size_t i = 0; i < units.n; i++)
                        if (units.entries[i].word == WORD_ERRNO)
                                units.entries[i].word = units.word;
        }
        if (!r) {
                buf_puts(to, "[Service]\n");
                put_archs(&units);
                put_filter(&units);
                put_log(&units);
                r = say_losses(&units, losses);
        }
        if (!r)
                r = note_comments(resolved, losses);
        free(units.entries);
        return error_trace(r ?: buf_error(to));
}
