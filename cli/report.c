/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Rows of a dry run, merged, and what they mean.
 *
 * What must stay true: counts add up to what was given, and two reports of the same rows are equal whatever
 * order they came in.
 */

#include "cli/report.h"

#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "cli/report_rows.h"
#include "proto/event_codec.h"
#include "proto/event_text.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

int report_new(const struct report_options *options, struct report **ret) {
        struct report *report = calloc(1, sizeof(*report));

        if (!report)
                return error_origin(-ENOMEM);
        report->options = *options;
        report->seed = hash_seed();
        *ret = report;
        return 0;
}

struct report *report_free(struct report *report) {
        if (!report)
                return NULL;
        for (size_t i = 0; i < report->n; i++)
                free(report->rows[i]);
        free(report->rows);
        free(report->slots);
        free(report);
        return NULL;
}

void report_ledger(struct report *report, const struct ledger *ledger) {
        report->ledger = *ledger;
        report->has_ledger = true;
}

bool report_is_refused(const struct event *event) {
        uint32_t action = event->verdict & SECCOMP_RET_ACTION_FULL;

        return action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG;
}

bool report_is_observed(const struct event *event) {
        return (event->flags & EVENT_OBSERVED) ||
               (event->verdict & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW;
}

enum report_part report_part(const struct event *event) {
        if (report_is_observed(event))
                return event->flags & EVENT_RUNTIME ? REPORT_PART_OBSERVED_RUNTIME : REPORT_PART_OBSERVED;
        return event->flags & EVENT_RUNTIME ? REPORT_PART_RUNTIME : REPORT_PART_WORKLOAD;
}

/* ---- merging ---- */

/* What tells rows apart: of the arguments only those that name a variant of the call. */
struct row_key {
        char comm[EVENT_COMM_MAX];
        uint32_t arch, nr, verdict, observed, runtime;
        uint64_t args[EVENT_N_ARGS];
};

static void key_of(const struct event *event, struct row_key *ret) {
        const struct syscall_row *row = syscall_row_of(event->arch, event->nr);
        uint64_t mask[EVENT_N_ARGS];

        memset(ret, 0, sizeof(*ret));
        memcpy(ret->comm, event->comm, strnlen(event->comm, sizeof(ret->comm)));
        ret->arch = event->arch;
        ret->nr = event->nr;
        ret->verdict = event->verdict;
        ret->observed = report_is_observed(event);
        ret->runtime = event->flags & EVENT_RUNTIME;
        if (!row || (event->flags & EVENT_MERGED_ARGS))
                return;
        syscall_class_mask(event->arch, event->nr, mask);
        for (size_t i = 0; i < row->n_args; i++)
                if (row->args[i].learn == LEARN_VALUES)
                        ret->args[i] = event->args[i] & mask[i];
}

_Static_assert(sizeof(struct row_key) % sizeof(uint64_t) == 0, "hashed by words");

static size_t hash_of(const struct report *report, const struct row_key *key) {
        uint64_t words[sizeof(*key) / sizeof(uint64_t)], hash = report->seed;

        memcpy(words, key, sizeof(words));
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                hash = hash_mix(hash ^ words[i]);
        return (size_t)hash;
}

static size_t slot_of(const struct report *report, const struct row_key *key) {
        size_t at = hash_of(report, key) & (report->n_slots - 1);

        for (; report->slots[at]; at = (at + 1) & (report->n_slots - 1)) {
                struct row_key other;

                key_of(report->rows[report->slots[at] - 1], &other);
                if (memcmp(&other, key, sizeof(other)) == 0)
                        break;
        }
        return at;
}

static int grow(struct report *report) {
        size_t size = report->size ? report->size * 2 : 64;
        struct event **rows = reallocarray(report->rows, size, sizeof(*rows));
        uint32_t *slots;

        if (!rows)
                return error_origin(-ENOMEM);
        report->rows = rows;
        slots = calloc(size * 2, sizeof(*slots));
        if (!slots)
                return error_origin(-ENOMEM);
        free(report->slots);
        report->slots = slots;
        report->n_slots = size * 2;
        report->size = size;
        for (size_t i = 0; i < report->n; i++) {
                struct row_key key;

                key_of(report->rows[i], &key);
                report->slots[slot_of(report, &key)] = (uint32_t)i + 1;
        }
        return 0;
}

/* The earliest occurrence stays as the example. */
static void merge(struct event *row, const struct event *event) {
        uint64_t count = row->count + event->count;
        uint64_t last_ns = event->last_ns > row->last_ns ? event->last_ns : row->last_ns;
        uint32_t flags = (row->flags | event->flags) & (EVENT_MERGED_ARGS | EVENT_OBSERVED);

        if (event->first_ns < row->first_ns)
                *row = *event;
        row->count = count;
        row->last_ns = last_ns;
        row->flags |= flags;
}

bool report_is_own(const struct event *event) {
        const char *name;

        if (!(event->flags & EVENT_OBSERVED))
                return false;
        name = syscall_name(arch_of_call(event->arch, event->nr), event->nr);
        return name && strcmp(name, "rt_sigreturn") == 0;
}

int report_add(struct report *report, const struct event *event) {
        struct row_key key;
        struct event *row;
        size_t at;
        int r;

        if (report_is_own(event))
                return 0;

        if (report->sorted)
                return error_origin(-EINVAL);
        if (report->n == report->size) {
                r = grow(report);
                if (r)
                        return error_trace(r);
        }
        key_of(event, &key);
        at = slot_of(report, &key);
        if (report->slots[at]) {
                merge(report->rows[report->slots[at] - 1], event);
                return 0;
        }
        row = malloc(sizeof(*row));
        if (!row)
                return error_origin(-ENOMEM);
        *row = *event;
        report->rows[report->n++] = row;
        report->slots[at] = (uint32_t)report->n;
        return 0;
}

static int compare_rows(const void *a, const void *b) {
        const struct event *one = *(const struct event *const *)a, *other = *(const struct event *const *)b;
        struct row_key key_one, key_other;

        if (report_part(one) != report_part(other))
                return report_part(one) > report_part(other) ? 1 : -1;
        if (one->count != other->count)
                return one->count > other->count ? -1 : 1;
        if (one->first_ns != other->first_ns)
                return one->first_ns < other->first_ns ? -1 : 1;
        key_of(one, &key_one);
        key_of(other, &key_other);
        return memcmp(&key_one, &key_other, sizeof(key_one));
}

void report_sort(struct report *report) {
        if (!report->sorted && report->n > 0)
                qsort(report->rows, report->n, sizeof(*report->rows), compare_rows);
        report->sorted = true;
}

/* ---- what it means ---- */

size_t report_n_rows(const struct report *report) {
        size_t n = 0;

        for (size_t i = 0; i < report->n; i++)
                n += report_is_refused(report->rows[i]);
        return n;
}

uint64_t report_n_violations(const struct report *report) {
        uint64_t n = 0;

        for (size_t i = 0; i < report->n; i++)
                if (report_is_refused(report->rows[i]))
                        n += report->rows[i]->count;
        return n;
}

static enum report_outcome outcome_of(const struct event *event) {
        switch (event->verdict & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
        case SECCOMP_RET_LOG:
                return REPORT_CLEAN;
        case SECCOMP_RET_ERRNO:
        case SECCOMP_RET_USER_NOTIF:
                return REPORT_ERRORS;
        case SECCOMP_RET_TRAP:
        case SECCOMP_RET_TRACE:
                return REPORT_SIGNALS;
        default: /* the kernel kills the process for a value it does not know */
                return REPORT_KILLED;
        }
}

enum report_outcome report_outcome(const struct report *report) {
        enum report_outcome worst = REPORT_CLEAN;

        for (size_t i = 0; i < report->n; i++)
                if (outcome_of(report->rows[i]) > worst)
                        worst = outcome_of(report->rows[i]);
        return worst;
}

bool report_complete(const struct report *report) {
        return !report->has_ledger || (report->ledger.dropped == 0 && ledger_balances(&report->ledger));
}

const char *report_rule(const struct report *report, const struct event *event) {
        return report->options.rule_text ? report->options.rule_text(report->options.rule_data, event)
                                         : NULL;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int report_names(const struct report *report, const char ***ret, size_t *ret_n, uint32_t *ret_archs,
                 size_t *ret_n_unnamed) {
        const char **names = calloc(report->n + 1, sizeof(*names));
        size_t n = 0, n_distinct = 0;

        if (!names)
                return error_origin(-ENOMEM);
        *ret_archs = 0;
        *ret_n_unnamed = 0;
        for (size_t i = 0; i < report->n; i++) {
                const struct event *event = report->rows[i];
                const struct arch *arch = arch_of_call(event->arch, event->nr);
                const char *name = arch ? syscall_name(arch, event->nr) : NULL;
                const char *rule;

                if (!report_is_refused(event))
                        continue;
                rule = report_rule(report, event);
                if (arch && rule && strcmp(rule, "architectures") == 0)
                        *ret_archs |= 1u << (arch - arch_table);
                if (name)
                        names[n++] = name;
                else
                        ++*ret_n_unnamed;
        }
        qsort(names, n, sizeof(*names), compare_names);
        for (size_t i = 0; i < n; i++)
                if (n_distinct == 0 || strcmp(names[n_distinct - 1], names[i]) != 0)
                        names[n_distinct++] = names[i];
        *ret = names;
        *ret_n = n_distinct;
        return 0;
}

/* ---- texts ---- */

/* "SECCOMP_RET_ERRNO(EPERM) on mount, umount2 (12 calls)" for each code of this outcome. */
static void put_codes(const struct report *report, enum report_outcome outcome, struct buf *to) {
        bool first_code = true;

        for (size_t i = 0; i < report->n; i++) {
                uint32_t verdict = report->rows[i]->verdict;
                bool done = outcome_of(report->rows[i]) != outcome;
                const char *shown[8];
                size_t n_shown = 0, n_more = 0;
                uint64_t count = 0;
                char code[48];

                for (size_t k = 0; k < i && !done; k++)
                        done = report->rows[k]->verdict == verdict;
                if (done)
                        continue;
                buf_printf(to, "%s%s on ", first_code ? "" : "; ",
                           event_text_code(verdict, code, sizeof(code)));
                first_code = false;
                for (size_t k = i; k < report->n; k++) {
                        const struct event *event = report->rows[k];
                        char label[32];
                        const char *name = syscall_label(event->arch, event->nr, label, sizeof(label));
                        bool known = false;

                        if (event->verdict != verdict)
                                continue;
                        count += event->count;
                        for (size_t m = 0; m < n_shown; m++)
                                known |= strcmp(shown[m], name) == 0;
                        if (known || name == label) {
                                n_more += name == label;
                                continue;
                        }
                        if (n_shown == sizeof(shown) / sizeof(shown[0])) {
                                n_more++;
                                continue;
                        }
                        buf_printf(to, "%s%s", n_shown > 0 ? ", " : "", name);
                        shown[n_shown++] = name;
                }
                if (n_more > 0)
                        buf_puts(to, n_shown > 0 ? " and others" : "calls without a name");
                buf_printf(to, " (%" PRIu64 " call%s)", count, count == 1 ? "" : "s");
        }
}

void report_sentence(struct report *report, struct buf *to) {
        uint64_t n = report_n_violations(report), n_logged = 0;

        report_sort(report);
        for (size_t i = 0; i < report->n; i++)
                if (!report_is_refused(report->rows[i]) && !report_is_observed(report->rows[i]))
                        n_logged += report->rows[i]->count;
        switch (report_outcome(report)) {
        case REPORT_CLEAN:
                buf_puts(to, report->options.enforced ? "nothing was refused"
                                                      : "nothing would have been refused");
                if (n_logged > 0)
                        buf_printf(to, ", %" PRIu64 " call%s would have been logged", n_logged,
                                   n_logged == 1 ? "" : "s");
                break;
        case REPORT_ERRORS:
                if (report->options.enforced)
                        buf_printf(to, "%" PRIu64 " call%s refused: ", n, n == 1 ? " was" : "s were");
                else
                        buf_printf(to,
                                   "would have survived the filter, but %" PRIu64
                                   " call%s would have failed: ",
                                   n, n == 1 ? "" : "s");
                put_codes(report, REPORT_ERRORS, to);
                break;
        case REPORT_SIGNALS:
                buf_puts(to, "would have been interrupted, and survived only with a handler or a tracer of "
                             "its own: ");
                put_codes(report, REPORT_SIGNALS, to);
                break;
        case REPORT_KILLED:
                buf_puts(to, "would not have survived: ");
                put_codes(report, REPORT_KILLED, to);
                break;
        }
        if (!report_complete(report))
                buf_puts(to, "; the result is incomplete");
}

void report_ledger_text(const struct ledger *ledger, struct buf *to) {
        const struct {
                const char *name;
                uint64_t value;
        } extras[] = {
                { "interrupted", ledger->interrupted },
                { "errors", ledger->errors },
                { "merged", ledger->merged },
                { "events written", ledger->written },
                { "events not written", ledger->unwritten },
        };

        buf_printf(to,
                   "ledger: received %" PRIu64 " = answered %" PRIu64 " + gone %" PRIu64
                   " + pending %" PRIu64 "; recorded %" PRIu64 ", dropped %" PRIu64,
                   ledger->received, ledger->answered, ledger->gone, ledger->pending, ledger->recorded,
                   ledger->dropped);
        for (size_t i = 0; i < sizeof(extras) / sizeof(extras[0]); i++)
                if (extras[i].value > 0)
                        buf_printf(to, ", %s %" PRIu64, extras[i].name, extras[i].value);
        if (!ledger_balances(ledger))
                buf_puts(to, " (does not balance)");
}
