/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a rule is decided, in the kernel or by callgated, and why. What must stay true: what is said here of
 * a rule is what the compiled filter does.
 */

#include "policy/native/layer.h"

#include "policy/alternatives.h"
#include "policy/match.h"
#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/native/decision.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <string.h>

#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO: returns below are errors */

/* ---- what one rule is for the kernel ---- */

static const char *reason_of_action(const struct policy_rule *rule) {
        switch (rule->action) {
        case POLICY_LOG:
                return "it is recorded";
        case POLICY_RETURN:
                return rule->value > 0 || rule->value < -ERRNO_MAX ? "filters can return errors only" : NULL;
        case POLICY_ERRNO:
                return rule->value > ERRNO_MAX ? "filters can return errors up to 4095 only" : NULL;
        case POLICY_REDIRECT:
        case POLICY_SUBSTITUTE:
        case POLICY_EMULATE:
                return "callgated carries it out";
        case POLICY_DELAY:
                return "filters cannot wait";
        case POLICY_ASK:
                return "a person decides";
        default:
                return NULL;
        }
}

/* NULL: registers say it all, and the kernel can do it. */
static const char *reason_of(const struct policy_rule *rule, const struct plan_way *way) {
        const struct policy_where *where = &rule->where;
        const struct {
                bool is;
                const char *reason;
        } rows[] = {
                { where->n_paths, "its path lies in memory" },
                { where->n_addresses, "its address lies in memory" },
                { way->n_memory_tests, "its arguments lie in memory" },
                { where->n_programs, "filters know nothing of programs" },
                { where->n_uids || where->n_gids || where->caps_set, "filters know nothing of users" },
                { where->n_labels, "filters know nothing of labels" },
                { where->above_set, "filters cannot count" },
                { way->rest, "registers do not say it all" },
                { rule->log, "it is recorded" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (rows[i].is)
                        return rows[i].reason;
        return reason_of_action(rule);
}

uint32_t layer_action(enum policy_action action, int64_t value) {
        switch (action) {
        case POLICY_ALLOW:
                return SECCOMP_RET_ALLOW;
        case POLICY_ERRNO:
                return SECCOMP_RET_ERRNO | ((uint32_t)value & SECCOMP_RET_DATA);
        case POLICY_RETURN:
                return SECCOMP_RET_ERRNO | ((uint32_t)-value & SECCOMP_RET_DATA);
        case POLICY_KILL:
                return SECCOMP_RET_KILL_PROCESS;
        default:
                return SECCOMP_RET_USER_NOTIF;
        }
}

uint32_t layer_action_of(const struct policy *policy, const struct plan_way *way) {
        const struct policy_rule *rule = &policy->rules[way->rule];

        return reason_of(rule, way) ? SECCOMP_RET_USER_NOTIF : layer_action(rule->action, rule->value);
}

/* ---- ways around ---- */

/* What io_uring can do besides calls that take a path or an address (policy_calls). */
static bool ring_can(const char *call) {
        static const char *const names[] = {
                "read",      "readv",    "pread64",   "preadv",          "preadv2",   "write",
                "writev",    "pwrite64", "pwritev",   "pwritev2",        "fsync",     "fdatasync",
                "close",     "splice",   "tee",       "fallocate",       "fadvise64", "madvise",
                "socket",    "accept",   "accept4",   "listen",          "shutdown",  "recvfrom",
                "recvmsg",   "recvmmsg", "epoll_ctl", "epoll_wait",      "ftruncate", "fsetxattr",
                "fgetxattr", "waitid",   "futex",     "sync_file_range", "pipe",      "pipe2",
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (strcmp(names[i], call) == 0)
                        return true;
        return policy_call_by_name(call);
}

static bool rule_on_ring_calls(const struct policy_rule *rule) {
        if (rule->action == POLICY_ALLOW || rule->advisory)
                return false;
        for (size_t i = 0; i < rule->n_calls; i++)
                if (ring_can(rule->calls[i]))
                        return true;
        return false;
}

static bool rule_on_opens(const struct policy_rule *rule) {
        if (rule->action == POLICY_ALLOW || rule->advisory)
                return false;
        for (size_t i = 0; i < rule->n_calls; i++) {
                const struct policy_call *call = policy_call_by_name(rule->calls[i]);

                if (call && call->flags & POLICY_CALL_OPENS)
                        return true;
        }
        return false;
}

static const struct around {
        const char *call;
        int error; /* what a kernel without it says, or one that finds the caller unprivileged */
        bool (*of)(const struct policy_rule *rule);
        const char *reason;
} arounds[] = {
        { "io_uring_setup", ENOSYS, rule_on_ring_calls,
          "io_uring would carry out calls that no filter sees" },
        { "open_by_handle_at", EPERM, rule_on_opens, "it opens files without a path" },
};

const char *policy_closes(const struct policy *policy, const char *call, int *ret_errno) {
        const struct around *around = NULL;
        bool closes = false;

        for (size_t i = 0; i < sizeof(arounds) / sizeof(arounds[0]); i++)
                if (strcmp(arounds[i].call, call) == 0)
                        around = &arounds[i];
        if (!around)
                return NULL;
        for (size_t i = 0; i < policy->n_rules; i++) {
                if (policy_rule_covers(&policy->rules[i], call))
                        return NULL;
                closes |= around->of(&policy->rules[i]);
        }
        *ret_errno = around->error;
        return closes ? around->reason : NULL;
}

const char *policy_closable(size_t i) {
        return i < sizeof(arounds) / sizeof(arounds[0]) ? arounds[i].call : NULL;
}

/* ---- layers ---- */

/* Surely no value meets both. False when in doubt. */
static bool conditions_exclude(const struct condition *a, const struct condition *b) {
        uint64_t args[6] = { 0 };

        if (a->op == CONDITION_MASKED_EQ && b->op == CONDITION_MASKED_EQ)
                return (a->value & b->value) & (a->value_two ^ b->value_two);
        if (a->op == CONDITION_EQ) {
                args[a->index] = a->value;
                return !condition_holds(b, args);
        }
        if (b->op == CONDITION_EQ)
                return conditions_exclude(b, a);
        if (a->op == CONDITION_LT && b->op == CONDITION_GE)
                return a->value <= b->value;
        return a->op == CONDITION_GE && b->op == CONDITION_LT && b->value <= a->value;
}

static bool alternatives_meet(const struct plan_test *a, size_t n_a, const struct plan_test *b, size_t n_b) {
        for (size_t i = 0; i < n_a; i++)
                for (size_t j = 0; j < n_b; j++)
                        if (a[i].bits == b[j].bits && a[i].condition.index == b[j].condition.index &&
                            conditions_exclude(&a[i].condition, &b[j].condition))
                                return false;
        return true;
}

static size_t alternative_length(const struct plan_test *tests) {
        size_t n = 1;

        while (!tests[n - 1].last)
                n++;
        return n;
}

/* May some call meet the conditions on registers of both? */
static bool ways_meet(const struct plan_way *a, const struct plan_way *b) {
        size_t n_a, n_b;

        if (!a->n_tests || !b->n_tests)
                return true;
        for (size_t i = 0; i < a->n_tests; i += n_a) {
                n_a = alternative_length(&a->tests[i]);
                for (size_t j = 0; j < b->n_tests; j += n_b) {
                        n_b = alternative_length(&b->tests[j]);
                        if (alternatives_meet(&a->tests[i], n_a, &b->tests[j], n_b))
                                return true;
                }
        }
        return false;
}

static bool tests_equal(const struct plan_way *a, const struct plan_way *b) {
        struct decision left = { 0 }, right = { 0 };
        bool equal = !decision_add_way(&left, a, 0) && !decision_add_way(&right, b, 0) &&
                     decisions_equal(&left, &right);

        decision_deinit(&left);
        decision_deinit(&right);
        return equal;
}

static enum policy_layer layer_in(const struct policy *policy, const struct plan *plan, size_t way,
                                  const struct arch *arch, const char **ret_reason) {
        const struct plan_way *own = &plan->ways[way];
        const char *reason = reason_of(&policy->rules[own->rule], own);
        int through;
        uint32_t nr;

        for (size_t i = 0; i < way; i++) {
                const struct plan_way *above = &plan->ways[i];
                const struct policy_rule *rule = &policy->rules[above->rule];

                if (!above->rest && rule->action != POLICY_DELAY &&
                    (!above->n_tests || tests_equal(above, own))) {
                        *ret_reason = "rules above it leave nothing to it";
                        return POLICY_UNREACHED;
                }
                if (!reason && reason_of(rule, above) && (above->rest || rule->action == POLICY_DELAY) &&
                    ways_meet(above, own))
                        reason = "a rule above it has to look first";
        }
        if (!reason && rule_numbers(arch, plan->call, &nr, &through) && through >= 0)
                reason = "socketcall and ipc pass it on, with arguments in memory";
        *ret_reason = reason;
        return reason ? POLICY_NOTIFIED : POLICY_IN_KERNEL;
}

enum policy_layer policy_layer(const struct policy *policy, size_t rule, const struct arch *arch,
                               const char *call, const char **ret_reason) {
        enum policy_layer layer = POLICY_NEVER;
        const struct plan *plan;
        struct plan made;

        *ret_reason = "it cannot hold on this architecture";
        if (plan_of(policy, arch, call, &made, &plan))
                return POLICY_NEVER;
        for (size_t i = 0; i < plan->n_ways; i++)
                if (plan->ways[i].rule == rule)
                        layer = layer_in(policy, plan, i, arch, ret_reason);
        plan_deinit(&made);
        return layer;
}
