/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the readers of other tools' logs share: where events go, what was skipped and why, and lines of
 * bounded length. A log is pasted, cut and wrapped by people and daemons, so a line that is no whole record
 * is counted, with its reason, and never an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "callgate/event.h"
#include "syscalls/names.h"

#define IMPORT_LINE_MAX    (1u << 20) /* bytes; a longer line is skipped as a whole */
#define IMPORT_REASONS_MAX 16
#define IMPORT_NOTES_MAX   5

/* Takes one event; negative errno ends the import. */
typedef int (*import_sink)(void *data, const struct event *event);

struct import_reason {
        const char *text; /* static storage */
        uint64_t n;
};

/* One of the first lines skipped. */
struct import_note {
        char source[64];
        uint64_t line;
        char text[160]; /* why, in words; may quote the line, so escape it when printing */
};

struct import {
        import_sink sink;
        void *data;
        const struct arch *arch; /* whose calls a log means that does not say; NULL: guess */

        const char *source; /* of the lines now being read; borrowed */
        uint64_t line;      /* of source, from 1 */

        uint64_t n_lines;      /* of all sources */
        uint64_t n_records;    /* calls told of, and rows of tables */
        uint64_t n_events;     /* given to the sink */
        uint64_t n_calls;      /* the sum of their counts */
        uint64_t n_gone;       /* of n_calls: entered, never returned */
        uint64_t n_other;      /* understood, and about no call: signals, exits, headings */
        uint64_t n_skipped;    /* not understood or not whole */
        uint64_t n_suppressed; /* records that the log itself says are missing from it */
        uint64_t n_either;     /* calls that may have been made directly or through socketcall or ipc */

        struct import_reason reasons[IMPORT_REASONS_MAX]; /* their counts add up to n_skipped */
        size_t n_reasons;
        struct import_note notes[IMPORT_NOTES_MAX];
        size_t n_notes;
};

#define IMPORT_INIT(sink_, data_) ((struct import){ .sink = (sink_), .data = (data_) })

/* A new source: its lines count from 1. */
void import_source(struct import *import, const char *source);
/* Gives the event to the sink and counts it. */
int import_emit(struct import *import, const struct event *event);
/* This line is skipped. reason: static text that is counted; the rest says more about this line, or NULL. */
void import_skip(struct import *import, const char *reason, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* An event about which nothing is known yet: no time, no task, no arguments. */
void import_event_init(struct event *event);
/* The ledger of what was imported. */
void import_ledger(const struct import *import, struct ledger *ret);

/* ---- lines ---- */

enum import_lines_outcome {
        IMPORT_LINES_OK,
        IMPORT_LINES_END,
        IMPORT_LINES_LONG, /* a line longer than IMPORT_LINE_MAX was passed over */
};

struct import_lines {
        int fd; /* borrowed */
        char *bytes;
        size_t start, n; /* the unread part of bytes */
        bool end;        /* nothing more comes from fd */
        bool torn;       /* the line last returned had no newline: it may have been cut */
};

int import_lines_init(struct import_lines *lines, int fd);
void import_lines_deinit(struct import_lines *lines);
/* What comes next, as much as is there up to IMPORT_LINE_MAX; nothing is consumed. */
int import_lines_peek(struct import_lines *lines, const char **ret, size_t *ret_n);
/* The next line, without its end; it holds until the next call. 0, one of the above, or -errno. */
int import_lines_next(struct import_lines *lines, const char **ret, size_t *ret_n);

/* ---- words ---- */

/* Does the text at bytes begin with prefix? */
bool import_starts(const char *bytes, size_t n, const char *prefix);
/* First occurrence of a word in bytes, or NULL. */
const char *import_find(const char *bytes, size_t n, const char *word);
/* Digits at bytes (base 10 or 16, no prefix): how many were read, 0 when none or too large. */
size_t import_number(const char *bytes, size_t n, unsigned base, uint64_t *ret);
/* The longest decimal fraction as nanoseconds: bytes begins behind the point. Returns how many were read. */
size_t import_fraction(const char *bytes, size_t n, uint64_t *ret_ns);
