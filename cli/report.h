/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The result of a dry run: rows merged by program, call, verdict and the arguments that matter, most
 * frequent first, and what they mean for the workload. Pure: rows in, text out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "base/buf.h"
#include "callgate/event.h"

#define REPORT_WIDTH_DEFAULT 100
#define REPORT_WIDTH_WHOLE   0 /* do not cut: output goes to a file or a pipe */

struct report_options {
        unsigned width; /* columns, or REPORT_WIDTH_WHOLE */
        bool enforced;  /* the refusals happened, instead of being what would have happened */
        /* The rule that decided, "syscalls[3]" or "defaultAction"; NULL when unknown. May itself be NULL.
         * The text must hold until the next call. */
        const char *(*rule_text)(void *data, const struct event *event);
        void *rule_data;
        const char *profile; /* file name, for the JSON document; may be NULL */
        const char *command; /* what ran, for the JSON document; may be NULL */
};

/* What a set of verdicts means for the program that meets them. */
enum report_outcome {
        REPORT_CLEAN,   /* nothing would have been refused */
        REPORT_ERRORS,  /* calls would have failed, or would have been handed to somebody */
        REPORT_SIGNALS, /* SIGSYS would have been raised (TRAP) or a tracer asked (TRACE) */
        REPORT_KILLED,  /* a thread or the process would have been killed */
};

struct report;

int report_new(const struct report_options *options, struct report **ret);
struct report *report_free(struct report *report);
int report_add(struct report *report, const struct event *event);

/* Was the call notified for our own sake, to repair others, and is of no interest to people? Such events are
 * not added. */
bool report_is_own(const struct event *event);
void report_ledger(struct report *report, const struct ledger *ledger);

size_t report_n_rows(const struct report *report);         /* refused ones; observed ones not counted */
uint64_t report_n_violations(const struct report *report); /* calls that would have been refused */
enum report_outcome report_outcome(const struct report *report);
bool report_complete(const struct report *report); /* nothing dropped, ledger balanced */

/* Table, apart from it what was only observed, ledger line, sentence. 0 or -errno. */
int report_print(struct report *report, struct buf *to);
/* One document; keys in proto/PROTOCOL.md. */
int report_print_json(struct report *report, struct buf *to);
/* "would not have survived: …", one line without a newline. */
void report_sentence(struct report *report, struct buf *to);
/* The rule that would allow what was refused: an OCI rule object to paste into "syscalls". Names without
 * a name are left out and counted in *ret_n_unnamed. Nothing is written when there is nothing to allow. */
int report_fix(struct report *report, struct buf *to, size_t *ret_n_unnamed);

/* "ledger: received 512 = answered 510 + gone 2 + pending 0; recorded 512, dropped 0", without a newline. */
void report_ledger_text(const struct ledger *ledger, struct buf *to);
/* Columns of the terminal behind fd (or of $COLUMNS); REPORT_WIDTH_WHOLE when it is none. */
unsigned report_width(int fd);
