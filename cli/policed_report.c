/* SPDX-License-Identifier: Apache-2.0 */

#include "cli/policed_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/report.h"
#include "proto/event_json.h"
#include "proto/event_text.h"
#include "syscalls/names.h"

enum { COMM, PID, SYSCALL, COUNT, ANSWER, RULE, ARGS, N_COLUMNS };

static const char *const headings[N_COLUMNS] = {
        "COMM", "PID", "SYSCALL", "COUNT", "ANSWER", "RULE", "ARGS"
};

struct policed_report {
        bool all;
        unsigned width;
        struct event *rows; /* owned */
        size_t n, size;
};

int policed_report_new(bool all, unsigned width, struct policed_report **ret) {
        struct policed_report *report = calloc(1, sizeof(*report));

        if (!report)
                return error_origin(-ENOMEM);
        report->all = all;
        report->width = width;
        *ret = report;
        return 0;
}

struct policed_report *policed_report_free(struct policed_report *report) {
        if (!report)
                return NULL;
        free(report->rows);
        free(report);
        return NULL;
}

static bool alike(const struct event *a, const struct event *b) {
        return a->arch == b->arch && a->nr == b->nr && a->answer == b->answer &&
               (a->answer != EVENT_ANSWER_ERRNO || a->value == b->value) && strcmp(a->rule, b->rule) == 0 &&
               strncmp(a->comm, b->comm, sizeof(a->comm)) == 0;
}

int policed_report_add(struct policed_report *report, const struct event *event) {
        if ((event->flags & EVENT_OBSERVED || event->rule[0] == 0) &&
            (!report->all || report_is_own(event)) && event->answer != EVENT_ANSWER_ERRNO &&
            event->answer != EVENT_ANSWER_KILL)
                return 0;
        if (event->flags & EVENT_OBSERVED && !report->all)
                return 0;
        for (size_t i = 0; i < report->n; i++)
                if (alike(&report->rows[i], event)) {
                        report->rows[i].count += event->count;
                        return 0;
                }
        if (report->n == report->size) {
                size_t size = report->size ? 2 * report->size : 32;
                struct event *grown = realloc(report->rows, size * sizeof(*grown));

                if (!grown)
                        return error_origin(-ENOMEM);
                report->rows = grown;
                report->size = size;
        }
        report->rows[report->n++] = *event;
        return 0;
}

size_t policed_report_n_rows(const struct policed_report *report) {
        return report->n;
}

bool policed_report_has_rule(const struct policed_report *report, const char *name) {
        for (size_t i = 0; i < report->n; i++)
                if (strncmp(report->rows[i].rule, name, EVENT_RULE_MAX - 1) == 0)
                        return true;
        return false;
}

const char *policed_answer_text(const struct event *event, char *buf, size_t size) {
        const char *name;

        switch (event->answer) {
        case EVENT_ANSWER_ERRNO:
                name = strerrorname_np((int)event->value);
                if (event->value == 0)
                        snprintf(buf, size, "returned 0");
                else if (name)
                        snprintf(buf, size, "%s", name);
                else
                        snprintf(buf, size, "errno %" PRId64, event->value);
                return buf;
        case EVENT_ANSWER_VALUE:
        case EVENT_ANSWER_FD:
                if (event->flags & EVENT_PERFORMED)
                        return "carried out";
                snprintf(buf, size, "returned %" PRId64, event->value);
                return buf;
        case EVENT_ANSWER_KILL:
                return "killed";
        case EVENT_ANSWER_CONTINUE:
                return "passed on";
        default:
                return "gone";
        }
}

static int by_count(const void *a, const void *b) {
        const struct event *first = a, *second = b;
        int r = first->count < second->count ? 1 : first->count > second->count ? -1 : 0;

        if (r == 0)
                r = strcmp(first->rule, second->rule);
        if (r == 0)
                r = first->nr < second->nr ? -1 : first->nr > second->nr;
        return r ? r : strncmp(first->comm, second->comm, sizeof(first->comm));
}

static void put_cell(struct buf *to, const struct event *event, int column) {
        char small[64];

        switch (column) {
        case COMM:
                buf_escape(to, event->comm, strnlen(event->comm, sizeof(event->comm)));
                break;
        case PID:
                buf_printf(to, "%" PRIu32, event->pid);
                break;
        case SYSCALL:
                buf_puts(to, syscall_label(event->arch, event->nr, small, sizeof(small)));
                break;
        case COUNT:
                buf_printf(to, "%" PRIu64, event->count);
                break;
        case ANSWER:
                buf_puts(to, policed_answer_text(event, small, sizeof(small)));
                break;
        case RULE:
                if (event->rule[0])
                        buf_escape(to, event->rule, strlen(event->rule));
                else
                        buf_putc(to, '-');
                break;
        default:
                event_text_args(to, event);
        }
}

static void put_row(const struct policed_report *report, const struct event *event, const size_t widths[],
                    struct buf *to) {
        size_t start = to->n;

        for (int column = 0; column < N_COLUMNS; column++) {
                struct buf cell = BUF_INIT(0);

                if (event)
                        put_cell(&cell, event, column);
                else
                        buf_puts(&cell, headings[column]);
                if (column == PID || column == COUNT)
                        buf_printf(to, "%*s  ", (int)widths[column], buf_string(&cell));
                else if (column == ARGS)
                        buf_puts(to, buf_string(&cell));
                else
                        buf_printf(to, "%-*s  ", (int)widths[column], buf_string(&cell));
                buf_deinit(&cell);
        }
        if (report->width > 4 && to->n - start > report->width) {
                to->n = start + report->width - 3;
                buf_puts(to, "...");
        }
        buf_putc(to, '\n');
}

int policed_report_print(struct policed_report *report, const struct ledger *ledger, struct buf *to) {
        size_t widths[N_COLUMNS];

        if (report->n > 1)
                qsort(report->rows, report->n, sizeof(*report->rows), by_count);
        for (int column = 0; column < N_COLUMNS; column++) {
                widths[column] = strlen(headings[column]);
                for (size_t i = 0; i < report->n; i++) {
                        struct buf cell = BUF_INIT(0);

                        put_cell(&cell, &report->rows[i], column);
                        if (cell.n > widths[column])
                                widths[column] = cell.n;
                        buf_deinit(&cell);
                }
        }
        if (report->n > 0) {
                put_row(report, NULL, widths, to);
                for (size_t i = 0; i < report->n; i++)
                        put_row(report, &report->rows[i], widths, to);
        }
        report_ledger_text(ledger, to);
        buf_putc(to, '\n');
        return to->error;
}

int policed_report_print_json(struct policed_report *report, const struct ledger *ledger,
                              const char *overlays, struct buf *to) {
        if (report->n > 1)
                qsort(report->rows, report->n, sizeof(*report->rows), by_count);
        buf_puts(to, "{ \"calls\": [");
        for (size_t i = 0; i < report->n; i++) {
                buf_puts(to, i > 0 ? ",\n  " : "\n  ");
                event_json(to, &report->rows[i], report->rows[i].rule[0] ? report->rows[i].rule : NULL);
        }
        buf_puts(to, report->n > 0 ? "\n], \"ledger\": " : "], \"ledger\": ");
        ledger_json(to, ledger);
        if (overlays[0])
                buf_printf(to, ", \"overlays\": [%s\n]", overlays);
        buf_puts(to, " }\n");
        return to->error;
}
