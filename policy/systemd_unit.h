/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a unit has to say about each call of a profile, and what it cannot say: the content of the lines that
 * write_systemd.c writes. */

#include "base/buf.h"
#include "base/diag.h"
#include "policy/model.h"

#define SYSTEMD_NAMES_SHOWN 6 /* in a sentence */

/* What a unit can say about a call. */
enum systemd_word {
        WORD_RUN,
        WORD_LOG,
        WORD_KILL,
        WORD_ERRNO, /* and the number added */
};

struct systemd_entry {
        const char *name;
        unsigned word;
        bool covered; /* by a group, or implicitly */
};

/* A kind of loss, collected over all calls. */
struct systemd_loss {
        const char *names[SYSTEMD_NAMES_SHOWN];
        size_t n;
};

enum systemd_loss_number {
        LOSS_CONDITIONS,
        LOSS_ARCHITECTURES,
        LOSS_KILL_THREAD,
        LOSS_TRAP,
        LOSS_ASK,
        LOSS_ALWAYS,
        N_LOSSES,
};

struct systemd_unit {
        const struct profile *profile;
        struct systemd_entry *entries; /* by name */
        size_t n, size;
        unsigned word; /* of calls without a rule */
        struct systemd_loss losses[N_LOSSES];
        struct buf *to;
};

bool systemd_runs(unsigned word);
/* The word for an action; name: what is said to have lost something. */
unsigned systemd_word_of(struct systemd_unit *unit, uint32_t action, const char *name);
/* Fills the entries: every call of every architecture of the profile. 0 or -errno; free(unit->entries). */
int systemd_unit_init(struct systemd_unit *unit);
/* name is not terminated; NULL when there is no such call. */
struct systemd_entry *systemd_find(const struct systemd_unit *unit, const char *name, size_t n);

void systemd_note(struct systemd_unit *unit, enum systemd_loss_number number, const char *name);
int systemd_say_losses(struct systemd_unit *unit, struct diags *losses);
