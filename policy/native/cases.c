/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks a policy about calls that nobody makes. What must stay true: the answer is the one that callgated and
 * the kernel would give, from the same functions and the same program; where the two differ, it is said.
 */

#include "policy/native/cases.h"

#include "base/error.h"
#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/simulate.h"
#include "syscalls/names.h"

#include <inttypes.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

struct policy_trial {
        const struct policy *policy;
        struct filter filter;
};

int policy_trial_new(const struct policy *policy, struct policy_trial **ret) {
        struct policy_trial *trial = calloc(1, sizeof(*trial));
        int r;

        if (!trial)
                return error_origin(-ENOMEM);
        trial->policy = policy;
        r = policy_compile(policy, &trial->filter);
        if (r) {
                policy_trial_free(trial);
                return error_trace(r);
        }
        *ret = trial;
        return 0;
}

struct policy_trial *policy_trial_free(struct policy_trial *trial) {
        if (!trial)
                return NULL;
        filter_deinit(&trial->filter);
        free(trial);
        return NULL;
}

static void fill(struct policy_facts *facts, const struct policy_case *item, struct policy_counts *counts) {
        *facts = (struct policy_facts){
                .arch = item->arch,
                .call = item->call,
                .known = (1u << POLICY_N_FACTS) - 1,
                .n_paths = item->n_paths,
                .address = item->n_address ? (const struct sockaddr *)&item->address : NULL,
                .n_address = item->n_address,
                .program = item->program,
                .uid = item->uid,
                .gid = item->gid,
                .caps = item->caps,
                .process = item->process,
                .n_memory_args = item->n_memory_args,
                .label_names = (const char *const *)item->label_names,
                .label_values = (const char *const *)item->label_values,
                .n_labels = item->n_labels,
                .counts = counts,
        };
        memcpy(facts->args, item->args, sizeof(facts->args));
        memcpy(facts->memory_args, item->memory_args, sizeof(facts->memory_args));
        for (size_t i = 0; i < item->n_paths; i++)
                facts->paths[i] = item->paths[i];
}

/* Says the kernel the same, where it decides alone? */
static bool kernel_agrees(uint32_t kernel, const struct policy_verdict *verdict) {
        switch (verdict->action) {
        case POLICY_ALLOW:
                return (kernel & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW ||
                       (kernel & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_LOG;
        case POLICY_LOG:
                return (kernel & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_LOG;
        case POLICY_ERRNO:
                return kernel == (SECCOMP_RET_ERRNO | (uint32_t)verdict->value);
        case POLICY_RETURN:
                return verdict->value == 0 && kernel == SECCOMP_RET_ERRNO;
        case POLICY_KILL:
                return (kernel & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_KILL_PROCESS ||
                       (kernel & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_KILL_THREAD ||
                       (kernel & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_TRAP;
        case POLICY_REDIRECT:
        case POLICY_SUBSTITUTE:
        case POLICY_EMULATE:
        case POLICY_DELAY:
        case POLICY_ASK:
                return false;
        }
        return false;
}

static uint32_t ask_kernel(const struct policy_trial *trial, const struct policy_case *item) {
        struct seccomp_data data = {
                .nr = syscall_number(item->arch, item->call),
                .arch = item->arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : item->arch->audit,
        };

        for (size_t i = 0; i < 6; i++)
                data.args[i] = item->arch->bits == 32 ? (uint32_t)item->args[i] : item->args[i];
        return filter_simulate(&trial->filter, &data, NULL);
}

static int ask(struct policy_trial *trial, const struct policy_case *item, struct policy_verdict *ret,
               uint32_t *ret_kernel) {
        struct policy_counts *counts = NULL;
        struct policy_facts facts;
        int r = policy_counts_new(trial->policy, &counts);

        for (uint64_t i = 0; !r && i < item->repeat; i++) {
                fill(&facts, item, counts);
                facts.now_ns = 1000000000u + i * item->every_ns;
                r = policy_match(trial->policy, &facts, ret);
        }
        policy_counts_free(counts);
        *ret_kernel = ask_kernel(trial, item);
        return error_trace(r);
}

int policy_trial_ask(struct policy_trial *trial, const struct policy_case *item, struct policy_verdict *ret,
                     bool *ret_notified) {
        uint32_t kernel;
        int r = ask(trial, item, ret, &kernel);

        *ret_notified = kernel == SECCOMP_RET_USER_NOTIF;
        return error_trace(r);
}

int policy_trial_rule(struct policy_trial *trial, const struct policy_case *item, size_t rule,
                      bool *ret_holds) {
        struct policy alone = *trial->policy;
        struct policy_trial one = { .policy = &alone, .filter = trial->filter };
        struct policy_verdict verdict = { 0 };
        uint32_t kernel;
        int r;

        alone.rules += rule;
        alone.n_rules = 1;
        alone.plans = NULL;
        r = ask(&one, item, &verdict, &kernel);
        *ret_holds = verdict.rule || verdict.delay_ns;
        return error_trace(r);
}

static void put_value(enum policy_action action, int64_t value, struct buf *to) {
        const char *name;

        switch (action) {
        case POLICY_ERRNO:
                name = value ? strerrorname_np((int)value) : "0";
                if (name)
                        buf_printf(to, " %s", name);
                else
                        buf_printf(to, " %" PRId64, value);
                break;
        case POLICY_RETURN:
                buf_printf(to, " %" PRId64, value);
                break;
        default:
                break;
        }
}

static void put_quoted(const char *text, struct buf *to) {
        size_t n = strlen(text);

        buf_putc(to, '"');
        buf_escape(to, text, n > 60 ? 60 : n);
        buf_puts(to, n > 60 ? "…\"" : "\"");
}

void policy_verdict_text(const struct policy_verdict *verdict, struct buf *to) {
        const struct policy_rule *rule = verdict->rule;
        char *target = NULL;

        buf_puts(to, policy_action_name(verdict->action));
        put_value(verdict->action, verdict->value, to);
        if (rule && verdict->action == POLICY_REDIRECT && !policy_expand(rule->text, verdict, &target)) {
                buf_puts(to, " ");
                buf_escape(to, target, strlen(target));
        } else if (rule && verdict->action == POLICY_SUBSTITUTE) {
                buf_puts(to, rule->content == POLICY_TEXT   ? " text "
                             : rule->content == POLICY_FILE ? " file "
                                                            : " template ");
                put_quoted(rule->text, to);
        } else if (rule && verdict->action == POLICY_EMULATE && rule->emulation) {
                buf_printf(to, " %s", rule->emulation->name);
        }
        free(target);
}

static void put_expected(const struct policy_expectation *expect, struct buf *to) {
        if (!expect->action_set)
                return;
        buf_puts(to, policy_action_name(expect->action));
        if (expect->value_set)
                put_value(expect->action, expect->value, to);
        if (expect->emulation)
                buf_printf(to, " %s", expect->emulation->name);
        if (expect->text) {
                buf_putc(to, ' ');
                if (expect->action == POLICY_SUBSTITUTE)
                        put_quoted(expect->text, to);
                else
                        buf_escape(to, expect->text, strlen(expect->text));
        }
}

static void separate(struct buf *to) {
        if (to->n)
                buf_puts(to, ", ");
}

static bool same_action(const struct policy_expectation *expect, const struct policy_verdict *verdict,
                        int *ret_r) {
        char *target;
        bool same;

        *ret_r = 0;
        if (expect->action != verdict->action)
                return false;
        if (expect->value_set && expect->value != verdict->value)
                return false;
        if (expect->emulation && (!verdict->rule || expect->emulation != verdict->rule->emulation))
                return false;
        if (!expect->text)
                return true;
        if (!verdict->rule || !verdict->rule->text)
                return false;
        if (verdict->action == POLICY_SUBSTITUTE)
                return !strcmp(expect->text, verdict->rule->text);
        *ret_r = policy_expand(verdict->rule->text, verdict, &target);
        if (*ret_r)
                return false;
        same = !strcmp(expect->text, target);
        free(target);
        return same;
}

static void compare(const struct policy_expectation *expect, const struct policy_verdict *verdict,
                    bool notified, struct policy_case_result *ret, int *ret_r) {
        const char *rule = verdict->rule ? verdict->rule->name : "";

        ret->passed = true;
        *ret_r = 0;
        if (expect->action_set) {
                put_expected(expect, &ret->expected);
                ret->passed = same_action(expect, verdict, ret_r);
        }
        policy_verdict_text(verdict, &ret->got);
        if (expect->rule) {
                separate(&ret->expected);
                buf_printf(&ret->expected, "%s%s", *expect->rule ? "by " : "by no rule", expect->rule);
                ret->passed &= !strcmp(rule, expect->rule);
        }
        buf_printf(&ret->got, "%s%s", *rule ? ", by " : ", by no rule", rule);
        if (expect->where_set) {
                separate(&ret->expected);
                buf_puts(&ret->expected, expect->notified ? "notified" : "in the kernel");
                buf_puts(&ret->got, notified ? ", notified" : ", in the kernel");
                ret->passed &= expect->notified == notified;
        }
        if (expect->delay_set) {
                separate(&ret->expected);
                buf_printf(&ret->expected, "after %" PRIu64 " ms", expect->delay_ns / 1000000);
                buf_printf(&ret->got, ", after %" PRIu64 " ms", verdict->delay_ns / 1000000);
                ret->passed &= expect->delay_ns == verdict->delay_ns;
        }
}

int policy_trial_run(struct policy_trial *trial, const struct policy_case *item,
                     struct policy_case_result *ret) {
        struct policy_case_result result = { .expected = BUF_INIT(0), .got = BUF_INIT(0) };
        struct policy_verdict verdict = { 0 };
        uint32_t kernel;
        char text[64];
        int r = ask(trial, item, &verdict, &kernel);

        if (!r)
                compare(&item->expect, &verdict, kernel == SECCOMP_RET_USER_NOTIF, &result, &r);
        if (!r && kernel != SECCOMP_RET_USER_NOTIF && !kernel_agrees(kernel, &verdict)) {
                result.passed = false;
                if (asprintf(&result.disagreement, "the compiled filter says %s",
                             filter_action_text(kernel, text, sizeof(text))) < 0) {
                        result.disagreement = NULL;
                        r = error_origin(-ENOMEM);
                }
        }
        if (!r)
                r = buf_error(&result.expected) ?: buf_error(&result.got);
        if (r) {
                policy_case_result_deinit(&result);
                return error_trace(r);
        }
        *ret = result;
        return 0;
}

void policy_case_result_deinit(struct policy_case_result *result) {
        buf_deinit(&result->expected);
        buf_deinit(&result->got);
        free(result->disagreement);
        result->disagreement = NULL;
}

static void free_case(struct policy_case *item) {
        free(item->name);
        free(item->place);
        free(item->call);
        for (size_t i = 0; i < 2; i++)
                free(item->paths[i]);
        free(item->program);
        for (size_t i = 0; i < item->n_labels; i++) {
                free(item->label_names[i]);
                free(item->label_values[i]);
        }
        free(item->label_names);
        free(item->label_values);
        free(item->expect.text);
        free(item->expect.rule);
}

struct policy_cases *policy_cases_free(struct policy_cases *cases) {
        if (!cases)
                return NULL;
        for (size_t i = 0; i < cases->n; i++)
                free_case(&cases->items[i]);
        free(cases->items);
        free(cases);
        return NULL;
}
