/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must stay true: no cell is empty and none but the last holds a space, so that awk finds its columns;
 * a pipe gets every text whole; nothing of a task or a container reaches a terminal unescaped.
 */

#include "cli/event_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/report.h"
#include "proto/event_text.h"
#include "syscalls/names.h"

#define CELL_MAX 32 /* columns of a cell that on a terminal is widened no more */

#define CONTAINER_ID_SHOWN 12

enum { NODE, NAMESPACE, POD, CONTAINER, COMM, PID, TID, CODE, SYSCALL, SESSION, COUNT, TIME, ARGS };

static const struct {
        const char *heading, *label;
        unsigned width; /* at first */
        bool right;
} columns[EVENT_TABLE_COLUMNS] = {
        [NODE] = { "K8S.NODE", "node", 12, false },
        [NAMESPACE] = { "K8S.NAMESPACE", "namespace", 13, false },
        [POD] = { "K8S.PODNAME", "pod", 20, false },
        [CONTAINER] = { "K8S.CONTAINERNAME", "container", 17, false },
        [COMM] = { "COMM", NULL, 15, false },
        [PID] = { "PID", NULL, 7, true },
        [TID] = { "TID", NULL, 7, true },
        [CODE] = { "CODE", NULL, 24, false },
        [SYSCALL] = { "SYSCALL", NULL, 15, false },
        [SESSION] = { "SESSION", NULL, 7, true },
        [COUNT] = { "COUNT", NULL, 5, true },
        [TIME] = { "TIME", NULL, 15, false },
        [ARGS] = { "ARGS", NULL, 0, false },
};

void event_table_init(struct event_table *table, unsigned width) {
        table->width = width;
        for (size_t i = 0; i < EVENT_TABLE_COLUMNS; i++)
                table->widths[i] = columns[i].width;
}

static void put_time(struct buf *to, uint64_t ns) {
        time_t seconds = (time_t)(ns / 1000000000);
        struct tm tm;

        if (ns > 0 && localtime_r(&seconds, &tm))
                buf_printf(to, "%02d:%02d:%02d.%06u", tm.tm_hour, tm.tm_min, tm.tm_sec,
                           (unsigned)(ns % 1000000000 / 1000));
}

static void put_word(struct buf *to, const char *text) {
        size_t mark = to->n;

        buf_escape(to, text, strlen(text));
        for (size_t i = mark; i < to->n; i++)
                if (to->data[i] == ' ')
                        to->data[i] = '_';
}

/* Of a container without a name, as docker shows it. */
static void put_id(struct buf *to, const char *id) {
        char start[CONTAINER_ID_SHOWN + 1];

        snprintf(start, sizeof(start), "%s", id);
        put_word(to, start);
}

static void put_cell(struct buf *to, const struct event_source *source, const struct event *event,
                     size_t column) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        const char *label;
        char small[48];

        switch (column) {
        case COMM:
                put_word(to, event->comm);
                break;
        case PID:
                buf_printf(to, "%" PRIu32, event->pid);
                break;
        case TID:
                buf_printf(to, "%" PRIu32, event->tid);
                break;
        case CODE:
                buf_puts(to, event_text_code(event->verdict, small, sizeof(small)));
                break;
        case SYSCALL:
                if (arch != arch_native())
                        buf_printf(to, "%s:", arch ? arch->name : "unknown");
                buf_puts(to, syscall_label(event->arch, event->nr, small, sizeof(small)));
                break;
        case SESSION:
                buf_printf(to, "%" PRIu64, event->source);
                break;
        case COUNT:
                buf_printf(to, "%" PRIu64, event->count);
                break;
        case TIME:
                put_time(to, event->first_ns);
                break;
        case ARGS:
                event_text_args(to, event);
                break;
        default:
                label = event_source_label(source, columns[column].label);
                if (label)
                        put_word(to, label);
                else if (column == CONTAINER && (label = event_source_label(source, "container-id")))
                        put_id(to, label);
        }
        if (to->n == 0)
                buf_putc(to, '-');
}

static size_t width_of(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += (*text & 0xc0) != 0x80;
        return n;
}

/* Bytes of the first n characters. */
static size_t bytes_of(const char *text, size_t n) {
        size_t at = 0;

        while (text[at] && ((text[at] & 0xc0) == 0x80 || n-- > 0))
                at++;
        return at;
}

static void pad(struct buf *to, size_t n) {
        for (size_t i = 0; i < n; i++)
                buf_putc(to, ' ');
}

/* At most max columns; more are cut where max is not REPORT_WIDTH_WHOLE. */
static void put_padded(struct buf *to, const char *text, size_t width, size_t max, bool right) {
        size_t n = width_of(text);

        if (max != REPORT_WIDTH_WHOLE && n > max) {
                buf_put(to, text, bytes_of(text, max - 1));
                buf_puts(to, "…");
                return;
        }
        if (right && n < width)
                pad(to, width - n);
        buf_puts(to, text);
        if (!right && n < width)
                pad(to, width - n);
}

static size_t total(const struct event_table *table) {
        size_t sum = 0;

        for (size_t i = 0; i < ARGS; i++)
                sum += table->widths[i] + 1;
        return sum;
}

void event_table_heading(const struct event_table *table, struct buf *to) {
        for (size_t i = 0; i < EVENT_TABLE_COLUMNS; i++) {
                buf_puts(to, i > 0 ? " " : "");
                put_padded(to, columns[i].heading, table->widths[i], REPORT_WIDTH_WHOLE, columns[i].right);
        }
}

void event_table_line(struct event_table *table, const struct event_source *source,
                      const struct event *event, struct buf *to) {
        bool whole = table->width == REPORT_WIDTH_WHOLE;
        struct buf text = BUF_INIT(0);
        size_t left;

        for (size_t i = 0; i < ARGS; i++) {
                size_t n;

                buf_reset(&text);
                put_cell(&text, source, event, i);
                n = width_of(buf_string(&text));
                if (n > table->widths[i])
                        table->widths[i] = n < CELL_MAX ? n : CELL_MAX;
                put_padded(to, buf_string(&text), table->widths[i], whole ? REPORT_WIDTH_WHOLE : CELL_MAX,
                           columns[i].right);
                buf_putc(to, ' ');
        }
        left = table->width > total(table) + 1 ? table->width - total(table) : 20;
        buf_reset(&text);
        put_cell(&text, source, event, ARGS);
        put_padded(to, buf_string(&text), 0, whole ? REPORT_WIDTH_WHOLE : left, false);
        buf_deinit(&text);
}
