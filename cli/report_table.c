/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The table of a report.
 *
 * What must stay true: it is never wider than asked where that is possible at all, and nothing that a task
 * wrote reaches the terminal unescaped.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/error.h"
#include "cli/report_rows.h"
#include "proto/event_text.h"
#include "syscalls/names.h"

#define ARGS_LEAST 20 /* columns below which arguments say nothing */

unsigned report_width(int fd) {
        const char *columns = getenv("COLUMNS");
        unsigned long width = columns ? strtoul(columns, NULL, 10) : 0;
        struct winsize size;

        if (ioctl(fd, TIOCGWINSZ, &size) == 0)
                return size.ws_col > 0             ? size.ws_col
                       : width > 0 && width < 4096 ? (unsigned)width
                                                   : REPORT_WIDTH_DEFAULT;
        return width > 0 && width < 4096 ? (unsigned)width : REPORT_WIDTH_WHOLE;
}

enum {
        COLUMN_COMM,
        COLUMN_PID,
        COLUMN_TID,
        COLUMN_CODE,
        COLUMN_SYSCALL,
        COLUMN_COUNT,
        COLUMN_RULE,
        COLUMN_ARGS, /* last, since it is the long one: a pipe gets it whole, without padding */
        N_COLUMNS
};

static const char *const headings[N_COLUMNS] = { "COMM",    "PID",   "TID",  "CODE",
                                                 "SYSCALL", "COUNT", "RULE", "ARGS" };

struct layout {
        size_t width[N_COLUMNS]; /* 0: the column is left out */
        bool short_codes;        /* without SECCOMP_RET_ */
};

static size_t text_width(const char *text) {
        size_t n = 0;

        for (; *text; text++)
                n += (*text & 0xc0) != 0x80;
        return n;
}

static const char *cell(const struct report *report, const struct event *event, int column, bool short_codes,
                        struct buf *scratch) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        const char *rule;
        char small[48];

        buf_reset(scratch);
        switch (column) {
        case COLUMN_COMM:
                buf_escape(scratch, event->comm, strnlen(event->comm, sizeof(event->comm)));
                break;
        case COLUMN_PID:
                buf_printf(scratch, "%" PRIu32, event->pid);
                break;
        case COLUMN_TID:
                buf_printf(scratch, "%" PRIu32, event->tid);
                break;
        case COLUMN_CODE:
                event_text_code(event->verdict, small, sizeof(small));
                buf_puts(scratch, small + (short_codes && strncmp(small, "SECCOMP_RET_", 12) == 0 ? 12 : 0));
                break;
        case COLUMN_SYSCALL:
                if (arch != arch_native())
                        buf_printf(scratch, "%s:", arch ? arch->name : "unknown");
                buf_puts(scratch, syscall_label(event->arch, event->nr, small, sizeof(small)));
                break;
        case COLUMN_COUNT:
                buf_printf(scratch, "%" PRIu64, event->count);
                break;
        case COLUMN_ARGS:
                if (event->flags & EVENT_MERGED_ARGS)
                        buf_puts(scratch, "e.g. ");
                event_text_args(scratch, event);
                break;
        case COLUMN_RULE:
                rule = report_rule(report, event);
                buf_puts(scratch, rule ? rule : "");
                break;
        }
        return buf_string(scratch);
}

static size_t total_without_args(const struct layout *layout) {
        size_t total = 0;

        for (int i = 0; i < N_COLUMNS; i++)
                if (i != COLUMN_ARGS && layout->width[i] > 0)
                        total += layout->width[i] + 1;
        return total;
}

static void fit(const struct report *report, size_t from, size_t to, struct layout *ret) {
        struct buf scratch = BUF_INIT(0);
        size_t width = report->options.width;
        bool has_threads = false;

        *ret = (struct layout){ 0 };
        for (int round = 0; round < 2; round++) {
                for (int i = 0; i < N_COLUMNS; i++)
                        ret->width[i] = strlen(headings[i]);
                for (size_t k = from; k < to; k++) {
                        has_threads |= report->rows[k]->pid != report->rows[k]->tid;
                        for (int i = 0; i < N_COLUMNS; i++) {
                                size_t n = text_width(
                                        cell(report, report->rows[k], i, ret->short_codes, &scratch));

                                if (n > ret->width[i])
                                        ret->width[i] = n;
                        }
                }
                if (!report->options.rule_text)
                        ret->width[COLUMN_RULE] = 0;
                if (width == REPORT_WIDTH_WHOLE || total_without_args(ret) + ARGS_LEAST <= width)
                        break;
                ret->short_codes = true;
        }
        buf_deinit(&scratch);
        if (width == REPORT_WIDTH_WHOLE)
                return;
        /* Least missed first: a thread id that only repeats the process id, then the rule. */
        if (total_without_args(ret) + ARGS_LEAST > width && !has_threads)
                ret->width[COLUMN_TID] = 0;
        if (total_without_args(ret) + ARGS_LEAST > width)
                ret->width[COLUMN_RULE] = 0;
        if (total_without_args(ret) + ARGS_LEAST > width)
                ret->width[COLUMN_TID] = 0;
        if (total_without_args(ret) + ret->width[COLUMN_ARGS] > width)
                ret->width[COLUMN_ARGS] =
                        width > total_without_args(ret) + 1 ? width - total_without_args(ret) : 1;
}

/* Text in exactly width columns, cut with an ellipsis; right-aligned numbers. The last column is not padded.
 */
static void put_cell(struct buf *to, const char *text, size_t width, bool right, bool last) {
        size_t n = text_width(text), kept = 0;
        const char *end = text;

        if (right)
                for (size_t i = n; i < width; i++)
                        buf_putc(to, ' ');
        if (n <= width) {
                buf_puts(to, text);
        } else {
                while (*end && !((*end & 0xc0) != 0x80 && kept++ == width - 1))
                        end++;
                buf_put(to, text, (size_t)(end - text));
                buf_puts(to, "…");
        }
        if (!right && !last)
                for (size_t i = n; i < width; i++)
                        buf_putc(to, ' ');
}

static void put_line(const struct report *report, const struct event *event, const struct layout *layout,
                     struct buf *to) {
        struct buf scratch = BUF_INIT(0);

        for (int i = 0; i < N_COLUMNS; i++) {
                bool right = i == COLUMN_PID || i == COLUMN_TID || i == COLUMN_COUNT;

                if (layout->width[i] == 0)
                        continue;
                put_cell(to, event ? cell(report, event, i, layout->short_codes, &scratch) : headings[i],
                         layout->width[i], right, i == COLUMN_ARGS);
                if (i != COLUMN_ARGS)
                        buf_putc(to, ' ');
        }
        buf_putc(to, '\n');
        buf_deinit(&scratch);
}

static void put_table(const struct report *report, size_t from, size_t to_row, struct buf *to) {
        struct layout layout;

        fit(report, from, to_row, &layout);
        put_line(report, NULL, &layout, to);
        for (size_t i = from; i < to_row; i++)
                put_line(report, report->rows[i], &layout, to);
}

/* The rule that refuses by name; NULL: none does. */
static const char *naming_rule(const struct report *report, size_t row) {
        const struct event *event = report->rows[row];
        const char *rule = report_is_refused(event) ? report_rule(report, event) : NULL;

        /* (It may be that of a profile inside of another file: "linux.seccomp.syscalls[3]".) */
        return rule && strstr(rule, "syscalls[") ? rule : NULL;
}

/* Is there a row before this one that names the call, and, where a rule is given, by this rule? */
static bool is_named_before(const struct report *report, size_t row, const char *rule) {
        const struct event *event = report->rows[row];

        for (size_t i = 0; i < row; i++) {
                const char *other = naming_rule(report, i);

                if (other && report->rows[i]->arch == event->arch && report->rows[i]->nr == event->nr &&
                    (!rule || strcmp(other, rule) == 0))
                        return true;
        }
        return false;
}

/* Calls that a rule refuses by name: a rule that allows them would come too late, the first one decides. */
static void put_named_refusals(const struct report *report, struct buf *to) {
        size_t n = 0;

        for (size_t i = 0; i < report->n; i++) {
                const struct event *event = report->rows[i];
                const char *rule = naming_rule(report, i);
                char label[32];

                if (!rule || is_named_before(report, i, NULL))
                        continue;
                buf_printf(to, "%s %s (%s",
                           n++ > 0 ? "," : "refused by name, so take them out of that rule:",
                           syscall_label(event->arch, event->nr, label, sizeof(label)), rule);
                for (size_t k = i + 1; k < report->n; k++) {
                        const struct event *later = report->rows[k];

                        rule = later->arch == event->arch && later->nr == event->nr ? naming_rule(report, k)
                                                                                    : NULL;
                        if (rule && !is_named_before(report, k, rule))
                                buf_printf(to, ", %s", rule);
                }
                buf_putc(to, ')');
        }
        if (n > 0)
                buf_putc(to, '\n');
}

static int put_remedy(const struct report *report, struct buf *to) {
        const char **names;
        size_t n, n_unnamed;
        uint32_t archs;
        int r;

        r = report_names(report, &names, &n, &archs, &n_unnamed);
        if (r)
                return error_trace(r);
        if (n > 0) {
                buf_puts(to, "calls to allow:");
                for (size_t i = 0; i < n; i++)
                        buf_printf(to, "%s %s", i > 0 ? "," : "", names[i]);
                buf_putc(to, '\n');
        }
        put_named_refusals(report, to);
        if (n_unnamed > 0)
                buf_printf(to, "%zu row%s without a name here: no profile can allow such a call\n",
                           n_unnamed, n_unnamed == 1 ? "" : "s");
        for (size_t i = 0; i < arch_table_n; i++)
                if (archs & (1u << i))
                        buf_printf(to,
                                   "the profile does not list %s: add it to architectures, or no rule helps "
                                   "%s calls\n",
                                   arch_table[i].scmp, arch_table[i].name);
        free(names);
        return 0;
}

static void put_parts(const struct report *report, struct buf *to) {
        static const char *const titles[] = {
                [REPORT_PART_RUNTIME] = "by the container runtime itself, before it started the program:\n",
                [REPORT_PART_OBSERVED] = "allowed by the profile, notified only to be seen:\n",
                [REPORT_PART_OBSERVED_RUNTIME] = "allowed by the profile, by the container runtime itself, "
                                                 "notified only to be seen:\n",
        };

        for (size_t from = 0, n; from < report->n; from = n) {
                enum report_part part = report_part(report->rows[from]);

                for (n = from; n < report->n && report_part(report->rows[n]) == part; n++)
                        ;
                if (titles[part])
                        buf_printf(to, "%s%s", from > 0 ? "\n" : "", titles[part]);
                put_table(report, from, n, to);
        }
}

int report_print(struct report *report, struct buf *to) {
        int r;

        report_sort(report);
        put_parts(report, to);
        if (report->n > 0)
                buf_putc(to, '\n');
        if (report->has_ledger) {
                report_ledger_text(&report->ledger, to);
                buf_putc(to, '\n');
        }
        report_sentence(report, to);
        buf_putc(to, '\n');
        r = put_remedy(report, to);
        return error_trace(r ?: buf_error(to));
}
