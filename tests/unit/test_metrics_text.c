/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/service/metrics_text.h"

static struct metrics_view view;
static struct buf text;

static void setup(void) {
        static const struct event refused = { .verdict = SECCOMP_RET_ERRNO | 1,
                                              .answer = EVENT_ANSWER_CONTINUE };
        static const struct event allowed = { .verdict = SECCOMP_RET_ALLOW,
                                              .answer = EVENT_ANSWER_CONTINUE };
        static struct meter meter;
        static struct metered metered;

        text = BUF_INIT(0);
        totals_begin(&view.totals, &metered, &meter, WIRE_MODE_DRY_RUN, "a \"b\"\\c\n\xff");
        meter_count(&meter, METER_RECEIVED, 4);
        meter_count(&meter, METER_DROPPED, 5);
        meter_note(&meter, WIRE_MODE_DRY_RUN, &refused, 3000);
        meter_note(&meter, WIRE_MODE_DRY_RUN, &refused, 70000000000);
        meter_note(&meter, WIRE_MODE_DRY_RUN, &allowed, 1000);
        totals_add(&view.totals, &metered);
        view.totals.profiles.other = 17;
        view.n_outlets = 1;
        view.process = (struct metrics_process){ .cpu_seconds = 1.5, .start_seconds = -1, .open_fds = -1 };
        strcpy(view.outlets[0].name, "forward");
        view.outlets[0].counts =
                (struct outlet_counts){ .taken = 9, .delivered = 6, .dropped = 1, .waiting = 2 };
        metrics_text(&text, &view);
        cr_assert_eq(buf_error(&text), 0);
}

static void teardown(void) {
        buf_deinit(&text);
}

TestSuite(metrics_text, .init = setup, .fini = teardown);

static const char *const lines[] = {
        "callgate_calls_total{mode=\"dry-run\",verdict=\"errno\",answer=\"continue\"} 2",
        "callgate_calls_total{mode=\"dry-run\",verdict=\"allow\",answer=\"continue\"} 1",
        "callgate_call_seconds_bucket{le=\"2e-06\"} 1",
        "callgate_call_seconds_bucket{le=\"5e-06\"} 2",
        "callgate_call_seconds_bucket{le=\"10\"} 2",
        "callgate_call_seconds_bucket{le=\"+Inf\"} 3",
        "callgate_call_seconds_sum 70.000004000",
        "callgate_call_seconds_count 3",
        "callgate_calls_received_total 4",
        "callgate_calls_in_flight 1",
        /* A newline is escaped for people first and for the format then. */
        "callgate_refusals_total{profile=\"a \\\\\\\"b\\\\\\\"\\\\\\\\c\\\\n\\\\xff\"} 2",
        "callgate_refusals_total{profile=\"other\"} 17",
        "callgate_events_lost_total{from=\"rows\"} 5",
        "callgate_events_lost_total{from=\"occurrences\"} 0",
        "callgate_sessions{mode=\"dry-run\"} 1",
        "callgate_sessions{mode=\"policy\"} 0",
        "callgate_sessions_started_total 1",
        "callgate_sessions_refused_total{reason=\"limit\"} 0",
        "callgate_outlet_taken_total{outlet=\"forward\"} 9",
        "callgate_outlet_delivered_total{outlet=\"forward\"} 6",
        "callgate_outlet_dropped_total{outlet=\"forward\"} 1",
        "callgate_outlet_waiting{outlet=\"forward\"} 2",
        "callgate_outlet_healthy{outlet=\"forward\"} 0",
        "callgate_keeper_present 0",
        "callgate_build_info{version=\"" CALLGATE_VERSION "\"} 1",
        "process_cpu_seconds_total 1.500000",
        "# TYPE callgate_call_seconds histogram",
};

Test(metrics_text, lines) {
        for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
                char whole[300];

                snprintf(whole, sizeof(whole), "\n%s\n", lines[i]);
                cr_expect(strstr(buf_string(&text), whole), "not there: %s", lines[i]);
        }
}

/* Every sample comes behind the HELP and TYPE of its family, and a family comes once. */
Test(metrics_text, families_are_whole) {
        char *copy = strdup(buf_string(&text)), *save = NULL, family[100] = "";

        for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                char help[200];

                if (strncmp(line, "# HELP ", 7) == 0) {
                        snprintf(family, sizeof(family), "%.*s", (int)strcspn(line + 7, " "), line + 7);
                        snprintf(help, sizeof(help), "# HELP %s ", family);
                        cr_expect_null(strstr(strstr(buf_string(&text), help) + 1, help), "%s", family);
                        cr_expect_gt(strlen(line), strlen(help));
                } else if (strncmp(line, "# TYPE ", 7) == 0)
                        cr_expect(strncmp(line + 7, family, strlen(family)) == 0 &&
                                          line[7 + strlen(family)] == ' ',
                                  "%s", line);
                else
                        cr_expect_eq(strncmp(line, family, strlen(family)), 0, "%s in %s", line, family);
        }
        free(copy);
}

Test(metrics_text, of_this_process) {
        struct metrics_process process;

        metrics_process_read(&process);
        cr_expect_gt(process.resident_bytes, 100000);
        cr_expect_geq(process.open_fds, 3);
        cr_expect_gt(process.max_fds, process.open_fds);
        cr_expect_gt(process.cpu_seconds, 0);
        cr_expect_gt(process.start_seconds, 1.6e9);
}
