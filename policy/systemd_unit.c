/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One word per call. What must stay true: a call has the word of its rule without conditions, or of the
 * default; where the word does not say all that the profile does, the loss is noted with the call's name.
 */

#include "policy/systemd_unit.h"

#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/match.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void systemd_note(struct systemd_unit *unit, enum systemd_loss_number number, const char *name) {
        struct systemd_loss *loss = &unit->losses[number];

        if (loss->n < SYSTEMD_NAMES_SHOWN)
                loss->names[loss->n] = name;
        loss->n++;
}

bool systemd_runs(unsigned word) {
        return word == WORD_RUN || word == WORD_LOG;
}

unsigned systemd_word_of(struct systemd_unit *unit, uint32_t action, const char *name) {
        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
                return WORD_RUN;
        case SECCOMP_RET_LOG:
                return WORD_LOG;
        case SECCOMP_RET_ERRNO:
                return WORD_ERRNO + (action & SECCOMP_RET_DATA);
        case SECCOMP_RET_KILL_THREAD:
                systemd_note(unit, LOSS_KILL_THREAD, name);
                return WORD_KILL;
        case SECCOMP_RET_TRAP:
                systemd_note(unit, LOSS_TRAP, name);
                return WORD_KILL;
        case SECCOMP_RET_TRACE:
        case SECCOMP_RET_USER_NOTIF:
                systemd_note(unit, LOSS_ASK, name);
                return WORD_ERRNO + EPERM;
        default:
                return WORD_KILL;
        }
}

/* ---- calls ---- */

/* The action of a name on one architecture: the most permissive one where it depends on arguments. */
static uint32_t action_on(const struct systemd_unit *unit, const struct arch_rules *rules, uint32_t nr,
                          bool *ret_conditional) {
        const struct call_rules *call = arch_rules_find(rules, nr);
        uint32_t action = unit->profile->default_action;

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

static int add_entry(struct systemd_unit *unit, const char *name, unsigned word) {
        if (unit->n == unit->size) {
                size_t size = unit->size ? unit->size * 2 : 512;
                struct systemd_entry *grown = reallocarray(unit->entries, size, sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                unit->entries = grown;
                unit->size = size;
        }
        unit->entries[unit->n++] = (struct systemd_entry){ .name = name, .word = word };
        return 0;
}

static int add_name(struct systemd_unit *unit, const char *name) {
        const struct profile *profile = unit->profile;
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
                here = action_on(unit, rules, nr, &depends);
                differ |= found && here != action;
                conditional |= depends;
                if (!found || (here & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
                        action = here;
                found = true;
        }
        if (!found)
                return 0;
        if (conditional)
                systemd_note(unit, LOSS_CONDITIONS, name);
        else if (differ)
                systemd_note(unit, LOSS_ARCHITECTURES, name);
        word = systemd_word_of(unit, action, name);
        return error_trace(add_entry(unit, name, word));
}

static int compare_names(const void *left, const void *right) {
        return strcmp(*(char *const *)left, *(char *const *)right);
}

/* All names of all architectures of the profile, once each. */
int systemd_unit_init(struct systemd_unit *unit) {
        const struct profile *profile = unit->profile;
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
                        r = add_name(unit, names[i]);
        free(names);
        return error_trace(r);
}

struct systemd_entry *systemd_find(const struct systemd_unit *unit, const char *name, size_t n) {
        size_t low = 0, high = unit->n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                int r = strncmp(unit->entries[middle].name, name, n);

                if (!r && unit->entries[middle].name[n])
                        r = 1;
                if (!r)
                        return &unit->entries[middle];
                if (r < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return NULL;
}

/* ---- losses ---- */

static const struct {
        const char *id, *sentence;
} sentences[N_LOSSES] = {
        [LOSS_CONDITIONS] = { "lost-conditions",
                              "conditions on arguments of %s: the lines allow a call when the "
                              "profile allows it with some arguments, and refuse it otherwise" },
        [LOSS_ARCHITECTURES] = { "lost-architectures",
                                 "%s: refused on one architecture and not on another; the "
                                 "lines allow them on all" },
        [LOSS_KILL_THREAD] = { "lost-kill-thread",
                               "%s: the profile ends the thread, the lines end the process" },
        [LOSS_TRAP] = { "lost-trap", "%s: the profile sends SIGSYS, which a program may handle; the lines "
                                     "end the process" },
        [LOSS_ASK] = { "lost-ask", "%s: the profile asks a tracer or listener, which systemd cannot; the "
                                   "lines refuse with EPERM" },
        [LOSS_ALWAYS] = { "lost-refusals", "%s: refused by the profile, but systemd allows them always" },
};

int systemd_say_losses(struct systemd_unit *unit, struct diags *losses) {
        int r = 0;

        for (size_t i = 0; !r && i < N_LOSSES; i++) {
                const struct systemd_loss *loss = &unit->losses[i];
                struct buf names = BUF_INIT(4096);

                if (!loss->n)
                        continue;
                for (size_t j = 0; j < loss->n && j < SYSTEMD_NAMES_SHOWN; j++)
                        buf_printf(&names, "%s%s", j ? ", " : "", loss->names[j]);
                if (loss->n > SYSTEMD_NAMES_SHOWN)
                        buf_printf(&names, " and %zu more", loss->n - SYSTEMD_NAMES_SHOWN);
                r = diag_add(losses, DIAG_WARNING, sentences[i].id, NULL, sentences[i].sentence,
                             buf_string(&names));
                buf_deinit(&names);
        }
        if (!r && unit->profile->listener_path)
                r = diag_add(losses, DIAG_WARNING, "lost-listener", "listenerPath",
                             "the listener: systemd has none");
        if (!r && unit->profile->flags)
                r = diag_add(losses, DIAG_WARNING, "lost-flags", "flags",
                             "the flags of the filter: systemd has none");
        return error_trace(r);
}
