/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/meter.h"

#include <linux/seccomp.h>

#include "supervisor/decide.h"

const char *const meter_verdicts[METER_VERDICTS] = {
        [METER_ALLOW] = "allow",
        [METER_LOG] = "log",
        [METER_TRACE] = "trace",
        [METER_NOTIFY] = "notify",
        [METER_ERRNO] = "errno",
        [METER_TRAP] = "trap",
        [METER_KILL_THREAD] = "kill_thread",
        [METER_KILL_PROCESS] = "kill_process",
        [METER_UNKNOWN] = "unknown",
};

const char *const meter_answers[METER_ANSWERS] = {
        [EVENT_ANSWER_NONE] = "none",   [EVENT_ANSWER_CONTINUE] = "continue", [EVENT_ANSWER_ERRNO] = "errno",
        [EVENT_ANSWER_VALUE] = "value", [EVENT_ANSWER_FD] = "descriptor",     [EVENT_ANSWER_KILL] = "killed",
};

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

/* A round trip takes a few microseconds, a question to a person minutes. */
const uint64_t meter_bounds[METER_BUCKETS - 1] = {
        2 * US, 5 * US, 10 * US, 20 * US, 50 * US,  100 * US, 200 * US,  500 * US,   1 * MS,
        2 * MS, 5 * MS, 10 * MS, 50 * MS, 100 * MS, 500 * MS, 1000 * MS, 10000 * MS,
};

static enum meter_verdict verdict_of(uint32_t verdict) {
        switch (verdict & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
                return METER_ALLOW;
        case SECCOMP_RET_LOG:
                return METER_LOG;
        case SECCOMP_RET_TRACE:
                return METER_TRACE;
        case SECCOMP_RET_USER_NOTIF:
                return METER_NOTIFY;
        case SECCOMP_RET_ERRNO:
                return METER_ERRNO;
        case SECCOMP_RET_TRAP:
                return METER_TRAP;
        case SECCOMP_RET_KILL_THREAD:
                return METER_KILL_THREAD;
        case SECCOMP_RET_KILL_PROCESS:
                return METER_KILL_PROCESS;
        default:
                return METER_UNKNOWN;
        }
}

void meter_note(struct meter *meter, enum wire_mode mode, const struct event *event, uint64_t ns) {
        enum meter_verdict verdict = verdict_of(event->verdict);
        uint32_t answer = event->answer < METER_ANSWERS ? event->answer : EVENT_ANSWER_NONE;
        size_t bucket = 0;

        while (bucket < METER_BUCKETS - 1 && ns > meter_bounds[bucket])
                bucket++;
        meter_raise(&meter->buckets[bucket], 1);
        meter_raise(&meter->counts[METER_SUM_NS], ns);
        meter_raise(&meter->calls[mode < METER_MODES ? mode : 0][verdict][answer], 1);
        if (decide_refused(mode, event))
                meter_count(meter, METER_REFUSED, 1);
}

static void add(uint64_t *sums, const _Atomic uint64_t *terms, size_t n) {
        for (size_t i = 0; i < n; i++)
                sums[i] += atomic_load_explicit(&terms[i], memory_order_relaxed);
}

void meter_add(const struct meter *meter, struct meter_sums *sums) {
        /* Answers first: a call that is received meanwhile is in flight, never less than none. */
        add(&sums->calls[0][0][0], &meter->calls[0][0][0], METER_MODES * METER_VERDICTS * METER_ANSWERS);
        add(sums->buckets, meter->buckets, METER_BUCKETS);
        add(sums->counts, meter->counts, METER_COUNTS);
}

uint64_t meter_in_flight(const struct meter_sums *sums) {
        const uint64_t *calls = &sums->calls[0][0][0];
        uint64_t n = 0;

        for (size_t i = 0; i < METER_MODES * METER_VERDICTS * METER_ANSWERS; i++)
                n += calls[i];
        return sums->counts[METER_RECEIVED] > n ? sums->counts[METER_RECEIVED] - n : 0;
}
