/* SPDX-License-Identifier: Apache-2.0 */

/* A report as one JSON document, and as the rule that would allow what it shows. The keys are documented in
 * proto/PROTOCOL.md; they never change their meaning. */

#include "cli/report.h"

#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/report_rows.h"
#include "policy/model.h"
#include "policy/write_oci.h"
#include "proto/event_json.h"
#include "syscalls/names.h"

static const char *outcome_name(enum report_outcome outcome) {
        static const char *const names[] = {
                [REPORT_CLEAN] = "clean",
                [REPORT_ERRORS] = "errors",
                [REPORT_SIGNALS] = "signals",
                [REPORT_KILLED] = "killed",
        };

        return names[outcome];
}

static void put_rows(const struct report *report, bool observed, struct buf *to) {
        bool first = true;

        buf_putc(to, '[');
        for (size_t i = 0; i < report->n; i++) {
                if (report_is_observed(report->rows[i]) != observed)
                        continue;
                buf_puts(to, first ? "\n" : ",\n");
                event_json(to, report->rows[i], report_rule(report, report->rows[i]));
                first = false;
        }
        buf_putc(to, ']');
}

static void put_text(struct buf *to, const char *key, const char *text) {
        if (!text)
                return;
        buf_printf(to, ",\n\"%s\":", key);
        json_put_text(to, text, strlen(text));
}

int report_print_json(struct report *report, struct buf *to) {
        struct buf sentence = BUF_INIT(0);
        const char **names;
        size_t n, n_unnamed;
        uint32_t archs;
        bool first = true;
        int r;

        report_sort(report);
        r = report_names(report, &names, &n, &archs, &n_unnamed);
        if (r)
                return error_trace(r);
        report_sentence(report, &sentence);
        buf_puts(to, "{\"report_version\":1");
        put_text(to, "profile", report->options.profile);
        put_text(to, "command", report->options.command);
        put_text(to, "outcome", outcome_name(report_outcome(report)));
        put_text(to, "sentence", buf_string(&sentence));
        buf_printf(to, ",\n\"violations\":%" PRIu64 ",\n\"complete\":%s", report_n_violations(report),
                   report_complete(report) ? "true" : "false");
        buf_puts(to, ",\n\"rows\":");
        put_rows(report, false, to);
        buf_puts(to, ",\n\"observed\":");
        put_rows(report, true, to);
        buf_puts(to, ",\n\"allow\":[");
        for (size_t i = 0; i < n; i++) {
                buf_puts(to, i > 0 ? "," : "");
                json_put_text(to, names[i], strlen(names[i]));
        }
        buf_puts(to, "],\n\"missing_architectures\":[");
        for (size_t i = 0; i < arch_table_n; i++)
                if (archs & (1u << i)) {
                        buf_printf(to, "%s\"%s\"", first ? "" : ",", arch_table[i].scmp);
                        first = false;
                }
        buf_printf(to, "],\n\"unnamed_rows\":%zu", n_unnamed);
        if (report->has_ledger) {
                buf_puts(to, ",\n\"ledger\":");
                ledger_json(to, &report->ledger);
        }
        buf_puts(to, "}\n");
        buf_deinit(&sentence);
        free(names);
        return error_trace(buf_error(to));
}

int report_fix(struct report *report, struct buf *to, size_t *ret_n_unnamed) {
        struct rule rule = { .action = SECCOMP_RET_ALLOW };
        const char **names;
        uint32_t archs;
        size_t n;
        int r;

        r = report_names(report, &names, &n, &archs, ret_n_unnamed);
        if (r)
                return error_trace(r);
        if (n == 0) {
                free(names);
                return 0; /* a rule without names is none */
        }
        for (size_t i = 0; !r && i < n; i++)
                r = rule_add_name(&rule, names[i]);
        if (!r)
                r = profile_write_rule(&rule, DIALECT_OCI, 0, to);
        buf_putc(to, '\n');
        rule_deinit(&rule);
        free(names);
        return error_trace(r ?: buf_error(to));
}
