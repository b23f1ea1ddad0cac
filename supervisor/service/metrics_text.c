/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must stay true: the number of time series is bounded whatever strangers do, since each is stored by
 * somebody for months; no label names a session, a pod or a task. A value of a label may come from strangers
 * all the same (names of profiles) and is escaped.
 */

#include "supervisor/service/metrics_text.h"

#include <inttypes.h>
#include <string.h>

#include "proto/event_source.h"

static void head(struct buf *to, const char *name, const char *type, const char *help) {
        buf_printf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void value(struct buf *to, const char *name, uint64_t n) {
        buf_printf(to, "%s %" PRIu64 "\n", name, n);
}

static void single(struct buf *to, const char *name, const char *type, const char *help, uint64_t n) {
        head(to, name, type, help);
        value(to, name, n);
}

/* Control characters and what is not UTF-8 as \xNN, and that in the format's own escapes. */
static void put_label(struct buf *to, const char *label, const char *text) {
        struct buf clean = BUF_INIT(4096);

        buf_escape(&clean, text, strlen(text));
        buf_printf(to, "%s=\"", label);
        for (const char *at = buf_string(&clean); *at; at++) {
                if (*at == '"' || *at == '\\')
                        buf_putc(to, '\\');
                buf_putc(to, *at);
        }
        buf_putc(to, '"');
        buf_deinit(&clean);
}

static void labelled(struct buf *to, const char *name, const char *label, const char *text, uint64_t n) {
        buf_printf(to, "%s{", name);
        put_label(to, label, text);
        buf_printf(to, "} %" PRIu64 "\n", n);
}

/* ---- calls ---- */

static void put_calls(struct buf *to, const struct meter_sums *sums) {
        static const char name[] = "callgate_calls_total";

        head(to, name, "counter", "Notified calls that were answered, or gone before (answer none).");
        for (unsigned mode = 0; mode < METER_MODES; mode++)
                for (unsigned verdict = 0; verdict < METER_VERDICTS; verdict++)
                        for (unsigned answer = 0; answer < METER_ANSWERS; answer++)
                                if (sums->calls[mode][verdict][answer] > 0)
                                        buf_printf(to,
                                                   "%s{mode=\"%s\",verdict=\"%s\",answer=\"%s\"} %" PRIu64
                                                   "\n",
                                                   name, event_source_mode((enum wire_mode)mode),
                                                   meter_verdicts[verdict], meter_answers[answer],
                                                   sums->calls[mode][verdict][answer]);
}

static void put_seconds(struct buf *to, const struct meter_sums *sums) {
        static const char name[] = "callgate_call_seconds";
        uint64_t n = 0;

        head(to, name, "histogram", "Time from receiving a call to its answer.");
        for (size_t i = 0; i < METER_BUCKETS - 1; i++) {
                n += sums->buckets[i];
                buf_printf(to, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", name, (double)meter_bounds[i] / 1e9, n);
        }
        n += sums->buckets[METER_BUCKETS - 1];
        buf_printf(to, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, n);
        buf_printf(to, "%s_sum %.9f\n", name, (double)sums->counts[METER_SUM_NS] / 1e9);
        buf_printf(to, "%s_count %" PRIu64 "\n", name, n);
}

static void put_refusals(struct buf *to, const struct profile_sums *sums) {
        static const char name[] = "callgate_refusals_total";

        head(to, name, "counter",
             "Calls that the profile or policy refuses, carried out in a dry run. The first profiles have a "
             "series of their own, later ones share other.");
        for (size_t i = 0; i < sums->n; i++)
                labelled(to, name, "profile", sums->items[i].name, sums->items[i].n);
        if (sums->other > 0)
                labelled(to, name, "profile", "other", sums->other);
}

static void put_losses(struct buf *to, const struct meter_sums *sums) {
        static const char name[] = "callgate_events_lost_total";

        head(to, name, "counter",
             "Calls that were answered and not recorded: no room for another row (rows), or for single "
             "occurrences that were asked for (occurrences).");
        labelled(to, name, "from", "rows", sums->counts[METER_DROPPED]);
        labelled(to, name, "from", "occurrences", sums->counts[METER_UNSTREAMED]);
}

/* ---- sessions ---- */

static void put_sessions(struct buf *to, const struct totals *totals) {
        head(to, "callgate_sessions", "gauge", "Sessions that are alive.");
        for (unsigned mode = WIRE_MODE_DRY_RUN; mode < METER_MODES; mode++)
                labelled(to, "callgate_sessions", "mode", event_source_mode((enum wire_mode)mode),
                         totals->alive[mode]);
        single(to, "callgate_sessions_started_total", "counter", "Sessions since the start.",
               totals->sessions);
        head(to, "callgate_sessions_refused_total", "counter", "Listeners that were turned away.");
        for (size_t i = 0; i < TOTALS_REFUSALS; i++)
                labelled(to, "callgate_sessions_refused_total", "reason", totals_refusals[i],
                         totals->refused[i]);
}

/* ---- outlets ---- */

static uint64_t taken_of(const struct outlet_counts *counts) {
        return counts->taken;
}

static uint64_t delivered_of(const struct outlet_counts *counts) {
        return counts->delivered;
}

static uint64_t dropped_of(const struct outlet_counts *counts) {
        return counts->dropped;
}

static uint64_t waiting_of(const struct outlet_counts *counts) {
        return counts->waiting;
}

static uint64_t bytes_of(const struct outlet_counts *counts) {
        return counts->bytes_waiting;
}

static uint64_t health_of(const struct outlet_counts *counts) {
        return counts->healthy;
}

static void put_outlets(struct buf *to, const struct metrics_view *view) {
        static const struct {
                const char *name, *type, *help;
                uint64_t (*of)(const struct outlet_counts *counts);
        } rows[] = {
                { "callgate_outlet_taken_total", "counter", "Publications handed to the outlet.", taken_of },
                { "callgate_outlet_delivered_total", "counter", "Publications that arrived.", delivered_of },
                { "callgate_outlet_dropped_total", "counter", "Publications lost for want of room.",
                  dropped_of },
                { "callgate_outlet_waiting", "gauge", "Publications that wait.", waiting_of },
                { "callgate_outlet_waiting_bytes", "gauge", "Bytes of what waits.", bytes_of },
                { "callgate_outlet_healthy", "gauge", "1: the outlet does its work.", health_of },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                head(to, rows[i].name, rows[i].type, rows[i].help);
                for (size_t k = 0; k < view->n_outlets; k++)
                        labelled(to, rows[i].name, "outlet", view->outlets[k].name,
                                 rows[i].of(&view->outlets[k].counts));
        }
}

/* ---- the process ---- */

static void known(struct buf *to, const char *name, const char *help, int64_t n) {
        if (n >= 0)
                single(to, name, "gauge", help, (uint64_t)n);
}

static void put_process(struct buf *to, const struct metrics_process *process) {
        head(to, "process_cpu_seconds_total", "counter", "User and system time.");
        buf_printf(to, "process_cpu_seconds_total %.6f\n", process->cpu_seconds);
        if (process->start_seconds >= 0) {
                head(to, "process_start_time_seconds", "gauge", "Start, in seconds since 1970.");
                buf_printf(to, "process_start_time_seconds %.2f\n", process->start_seconds);
        }
        known(to, "process_resident_memory_bytes", "Resident memory.", process->resident_bytes);
        known(to, "process_open_fds", "Open descriptors.", process->open_fds);
        known(to, "process_max_fds", "Descriptors that may be open.", process->max_fds);
}

void metrics_text(struct buf *to, const struct metrics_view *view) {
        const struct meter_sums *sums = &view->totals.meter;

        put_calls(to, sums);
        put_seconds(to, sums);
        single(to, "callgate_calls_received_total", "counter", "Notified calls that were received.",
               sums->counts[METER_RECEIVED]);
        single(to, "callgate_calls_interrupted_total", "counter",
               "Calls that a signal took back before anybody received them.",
               sums->counts[METER_INTERRUPTED]);
        single(to, "callgate_calls_in_flight", "gauge", "Calls received and not answered yet.",
               meter_in_flight(sums));
        put_refusals(to, &view->totals.profiles);
        put_losses(to, sums);
        put_sessions(to, &view->totals);
        put_outlets(to, view);
        single(to, "callgate_keeper_present", "gauge",
               "1: listeners survive an end of this process, because a keeper holds them.", view->keeper);
        single(to, "callgate_ready", "gauge", "1: new sessions are taken.", view->ready);
        head(to, "callgate_build_info", "gauge", "Always 1; the label is what matters.");
        labelled(to, "callgate_build_info", "version", CALLGATE_VERSION, 1);
        put_process(to, &view->process);
}
