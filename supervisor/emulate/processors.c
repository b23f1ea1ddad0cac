/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Another number of processors: the masks of sched_getaffinity are those of a machine that has so many. A
 * mask that a program sets is remembered for that thread (supervisor/emulate/inherited.h) and shown again;
 * nothing is pinned.
 */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/emulate/inherited.h"
#include "supervisor/emulate/options.h"
#include "supervisor/emulate/system.h"
#include "supervisor/members.h"

#define PROCESSORS_MAX 8192 /* the largest NR_CPUS of x86 */
#define MASK_BYTES     (PROCESSORS_MAX / 8)

struct processors {
        size_t count;
        size_t mask_size;     /* cpumask_size() of the kernel, in bytes: what sched_getaffinity returns */
        pthread_mutex_t lock; /* guards masks */
        struct inherited *masks;
};

/* The kernel's masks are as long as the machine could ever need; ours are not shorter. */
static size_t kernel_mask_size(void) {
        static unsigned char mask[MASK_BYTES];
        long n = syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask);

        return n > 0 ? (size_t)n : 8;
}

static void processors_close(void *state) {
        struct processors *processors = state;

        inherited_free(processors->masks);
        pthread_mutex_destroy(&processors->lock);
        free(processors);
}

static int processors_open(const struct policy_rule *rule, void **ret_state, char *error, size_t n_error) {
        cleanup_options struct options *options = NULL;
        struct processors *processors;
        int64_t count = 1;
        int r = options_new(rule->options, error, n_error, &options);

        if (!r)
                r = options_number(options, "count", &count);
        if (!r && (count < 1 || count > PROCESSORS_MAX))
                r = options_wrong(options, "count is %lld: expected 1 to %d", (long long)count,
                                  PROCESSORS_MAX);
        if (r)
                return r;
        processors = calloc(1, sizeof(*processors));
        if (!processors)
                return error_origin(-ENOMEM);
        processors->count = (size_t)count;
        processors->mask_size = (processors->count + 63) / 64 * 8;
        if (processors->mask_size < kernel_mask_size())
                processors->mask_size = kernel_mask_size();
        pthread_mutex_init(&processors->lock, NULL);
        r = inherited_new(MASK_BYTES, &processors->masks);
        if (r) {
                free(processors);
                return r;
        }
        *ret_state = processors;
        return 0;
}

static void all_of(const struct processors *processors, unsigned char mask[MASK_BYTES]) {
        memset(mask, 0, MASK_BYTES);
        for (size_t i = 0; i < processors->count; i++)
                mask[i / 8] |= (unsigned char)(1u << i % 8);
}

/* What the task may run on. */
static int mask_of(struct call *call, uint32_t tid, unsigned char mask[MASK_BYTES]) {
        struct processors *processors = emulation_state(call);
        int r;

        all_of(processors, mask);
        pthread_mutex_lock(&processors->lock);
        r = inherited_get(processors->masks, call, tid, mask);
        pthread_mutex_unlock(&processors->lock);
        return r;
}

/* The task that the call speaks of; pid 0 is the caller. 0, MEMBER_E_NONE, CALL_E_GONE or -errno. */
static int task_of(struct call *call, uint32_t *ret_tid) {
        int32_t pid = (int32_t)call->args[0];

        if (pid < 0)
                return MEMBER_E_NONE;
        if (pid == 0) {
                *ret_tid = call->tid;
                return 0;
        }
        return members_translate(call, pid, ret_tid);
}

static int emulate_getaffinity(struct call *call) {
        struct processors *processors = emulation_state(call);
        uint32_t length = (uint32_t)call->args[1], tid;
        unsigned char mask[MASK_BYTES];
        size_t n, word = call_is_32bit(call) ? 4 : 8;
        int r;

        if ((uint64_t)length * 8 < processors->count || length % word != 0)
                return answer_errno(call, EINVAL);
        r = task_of(call, &tid);
        if (!r)
                r = mask_of(call, tid, mask);
        if (r)
                return r == MEMBER_E_NONE ? answer_errno(call, ESRCH) : r;
        n = length < processors->mask_size ? length : processors->mask_size;
        r = target_write(call, call->args[2], mask, n);
        return r ? target_error(call, r) : answer_value(call, (int64_t)n);
}

static int emulate_setaffinity(struct call *call) {
        struct processors *processors = emulation_state(call);
        size_t n = (uint32_t)call->args[1];
        unsigned char mask[MASK_BYTES] = { 0 }, all[MASK_BYTES], any = 0;
        uint32_t tid;
        int r;

        if (n > processors->mask_size)
                n = processors->mask_size;
        r = target_read(call, call->args[2], mask, n);
        if (r)
                return target_error(call, r);
        r = task_of(call, &tid);
        if (r == MEMBER_E_NONE)
                return answer_errno(call, ESRCH);
        if (!r)
                r = members_has(call, tid);
        if (r)
                return r == MEMBER_E_NONE      ? answer_errno(call, ESRCH)
                       : r == MEMBER_E_FOREIGN ? answer_errno(call, EPERM)
                                               : r;
        all_of(processors, all);
        for (size_t i = 0; i < MASK_BYTES; i++)
                any |= mask[i] &= all[i];
        if (!any)
                return answer_errno(call, EINVAL);
        pthread_mutex_lock(&processors->lock);
        r = inherited_set(processors->masks, call, tid, all, mask);
        pthread_mutex_unlock(&processors->lock);
        return r == MEMBER_E_NONE ? answer_errno(call, ESRCH) : r ? r : answer_errno(call, 0);
}

/* The processor that the task is on, among those that it may run on. */
static unsigned shown_processor(const unsigned char mask[MASK_BYTES], unsigned real) {
        unsigned n = 0, i;

        for (i = 0; i < PROCESSORS_MAX; i++)
                n += mask[i / 8] >> i % 8 & 1u;
        real %= n ? n : 1;
        for (i = 0; i < PROCESSORS_MAX; i++)
                if ((mask[i / 8] >> i % 8 & 1u) && real-- == 0)
                        return i;
        return 0;
}

static int emulate_getcpu(struct call *call) {
        unsigned char mask[MASK_BYTES];
        struct member member;
        unsigned cpu, node = 0;
        int r = members_look(call->kernel, call->tid, &member);

        if (!r)
                r = mask_of(call, call->tid, mask);
        if (r)
                return r == MEMBER_E_NONE ? CALL_E_GONE : r;
        cpu = shown_processor(mask, member.processor);
        if (call->args[0])
                r = target_write(call, call->args[0], &cpu, sizeof(cpu));
        if (!r && call->args[1])
                r = target_write(call, call->args[1], &node, sizeof(node));
        return r ? target_error(call, r) : answer_errno(call, 0);
}

static const struct emulator processors_rows[] = {
        { "sched_getaffinity", emulate_getaffinity },
        { "sched_setaffinity", emulate_setaffinity },
        { "getcpu", emulate_getcpu },
        { 0 },
};

const struct emulation emulation_processors = {
        .name = "processors",
        .rows = processors_rows,
        .open = processors_open,
        .close = processors_close,
};
