/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd's filters are lists of names: an allow-list under a default that refuses, or a deny-list under one
 * that does not. Equal words of systemd_unit.h become lines.
 *
 * What must stay true: a call is on the lines exactly if its word says so; a group stands for its calls only
 * if all of them that exist here have the same word.
 */

#include "policy/write_systemd.h"

#include "base/error.h"
#include "policy/systemd_groups.h"
#include "policy/systemd_unit.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_   100
#define GROUP_LEAST 3 /* calls that a group must save */

struct list {
        struct systemd_unit *unit;
        const char *key; /* "SystemCallFilter=~" */
        char suffix[32]; /* ":EPERM" */
        size_t line;     /* where the line began; 0 = none open */
};

static void put_word(struct list *list, const char *text) {
        struct buf *to = list->unit->to;

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
                buf_putc(list->unit->to, '\n');
        list->line = 0;
}

struct fit {
        struct systemd_unit *unit;
        bool (*wanted)(unsigned word, unsigned asked);
        unsigned asked;
        size_t n_new; /* wanted and not covered yet */
};

static int count_member(const char *name, size_t n, void *to) {
        struct fit *fit = to;
        const struct systemd_entry *entry = systemd_find(fit->unit, name, n);

        if (!entry)
                return 0;
        if (!fit->wanted(entry->word, fit->asked))
                return 1;
        fit->n_new += !entry->covered;
        return 0;
}

static int cover_member(const char *name, size_t n, void *to) {
        struct fit *fit = to;
        struct systemd_entry *entry = systemd_find(fit->unit, name, n);

        if (entry)
                entry->covered = true;
        return 0;
}

/* The groups that fit, those that stand for most first, then the names that are left. */
static void put_calls(struct list *list, bool (*wanted)(unsigned word, unsigned asked), unsigned asked) {
        struct systemd_unit *unit = list->unit;

        for (;;) {
                const struct systemd_group *best = NULL;
                size_t most = GROUP_LEAST - 1;
                struct fit fit = { .unit = unit, .wanted = wanted, .asked = asked };

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
        for (size_t i = 0; i < unit->n; i++) {
                struct systemd_entry *entry = &unit->entries[i];

                if (entry->covered || !wanted(entry->word, asked))
                        continue;
                put_word(list, entry->name);
                entry->covered = true;
        }
        end_list(list);
}

static bool wants_running(unsigned word, unsigned asked) {
        (void)asked;
        return systemd_runs(word);
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

static void put_deny_lists(struct systemd_unit *unit) {
        /* Words are few: one errno after the other, by rising number. */
        for (unsigned next = WORD_KILL;;) {
                struct list list = { .unit = unit, .key = "SystemCallFilter=~" };
                unsigned word = UINT32_MAX;
                char buf[16];

                for (size_t i = 0; i < unit->n; i++)
                        if (!unit->entries[i].covered && unit->entries[i].word >= next &&
                            unit->entries[i].word < word && unit->entries[i].word != unit->word)
                                word = unit->entries[i].word;
                if (word == UINT32_MAX)
                        return;
                if (word >= WORD_ERRNO)
                        snprintf(list.suffix, sizeof(list.suffix), ":%s",
                                 errno_text(word - WORD_ERRNO, buf, sizeof(buf)));
                else if (!systemd_runs(unit->word))
                        snprintf(list.suffix, sizeof(list.suffix), ":kill");
                put_calls(&list, wants_word, word);
                next = word + 1;
        }
}

static void uncover(struct systemd_unit *unit) {
        for (size_t i = 0; i < unit->n; i++)
                unit->entries[i].covered = false;
}

static int cover_always(const char *name, size_t n, void *to) {
        struct systemd_unit *unit = to;
        struct systemd_entry *entry = systemd_find(unit, name, n);

        if (!entry)
                return 0;
        if (!systemd_runs(entry->word))
                systemd_note(unit, LOSS_ALWAYS, entry->name);
        entry->covered = true;
        return 0;
}

static void put_filter(struct systemd_unit *unit) {
        struct list allowed = { .unit = unit, .key = "SystemCallFilter=" };
        char buf[16];

        if (systemd_runs(unit->word)) {
                put_deny_lists(unit);
                return;
        }
        if (unit->word >= WORD_ERRNO)
                buf_printf(unit->to, "SystemCallErrorNumber=%s\n",
                           errno_text(unit->word - WORD_ERRNO, buf, sizeof(buf)));
        systemd_group_each(systemd_group("@default", strlen("@default")), cover_always, unit);
        put_word(&allowed, "@default"); /* as systemd adds it anyway; and the list may not be empty */
        put_calls(&allowed, wants_running, 0);
        put_deny_lists(unit);
}

static void put_log(struct systemd_unit *unit) {
        struct list list = { .unit = unit, .key = "SystemCallLog=" };

        uncover(unit);
        if (unit->word == WORD_LOG) {
                size_t before = unit->to->n;

                list.key = "SystemCallLog=~";
                put_calls(&list, wants_word, WORD_RUN);
                /* A list of none would be no list. */
                if (unit->to->n == before)
                        buf_puts(unit->to, "SystemCallLog=@known\n");
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

static void put_archs(struct systemd_unit *unit) {
        const struct profile *profile = unit->profile;

        buf_puts(unit->to, "SystemCallArchitectures=");
        for (size_t i = 0, n = 0; i < profile->n_archs; i++) {
                const char *name = systemd_arch(profile->archs[i].arch->scmp);

                if (name)
                        buf_printf(unit->to, "%s%s", n++ ? " " : "", name);
        }
        buf_putc(unit->to, '\n');
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
        struct systemd_unit unit = {
                .profile = resolved,
                .to = to,
        };
        int r;

        unit.word = systemd_word_of(&unit, resolved->default_action, "calls without a rule");
        r = systemd_unit_init(&unit);
        if (!r && unit.word == WORD_ERRNO) {
                r = diag_add(losses, DIAG_WARNING, "lost-errno-zero", "defaultErrnoRet",
                             "errno 0 for calls without a rule: the lines have EPERM");
                unit.word = WORD_ERRNO + EPERM;
                for (size_t i = 0; i < unit.n; i++)
                        if (unit.entries[i].word == WORD_ERRNO)
                                unit.entries[i].word = unit.word;
        }
        if (!r) {
                buf_puts(to, "[Service]\n");
                put_archs(&unit);
                put_filter(&unit);
                put_log(&unit);
                r = systemd_say_losses(&unit, losses);
        }
        if (!r)
                r = note_comments(resolved, losses);
        free(unit.entries);
        return error_trace(r ?: buf_error(to));
}
