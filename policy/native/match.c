/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts and rules to a verdict. Of each rule the cheapest is asked first and the next only while it may
 * still hold: registers, labels, /proc, memory of the task, and counting last, since a call counts for a
 * rule only if the rule holds in all other ways.
 */

#include "policy/match.h"

#include "base/buf.h"
#include "base/error.h"
#include "policy/alternatives.h"
#include "policy/native/address.h"
#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/native/facts.h"
#include "policy/native/pattern.h"
#include "policy/native/plan.h"
#include "syscalls/names.h"

#include <linux/audit.h>
#include <string.h>
#include <sys/un.h>

struct matching {
        const struct policy *policy;
        const struct plan_way *way;
        const struct policy_rule *rule;
        struct policy_facts *facts;
        struct policy_verdict *verdict;
};

static int want(struct policy_facts *facts, enum policy_fact fact) {
        int r;

        if (facts->known & 1u << fact)
                return 0;
        if (facts->fetch) {
                r = facts->fetch(facts, fact, facts->data);
                if (r)
                        return r;
        }
        facts->known |= 1u << fact;
        return 0;
}

static unsigned flags_of(const struct matching *matching) {
        const struct policy_call *row = policy_call_by_name(matching->facts->call);

        return row ? row->flags : 0;
}

/* Letting pass by memory what nobody can carry out would be a decision that another thread can undo. Such a
 * LOG decides nothing: it is noted, and the rules below decide. */
static bool only_records(const struct matching *matching) {
        const struct policy_where *where = &matching->rule->where;

        return matching->rule->action == POLICY_LOG && !matching->rule->advisory &&
               (where->n_paths || where->n_addresses || matching->way->n_memory_tests) &&
               !(flags_of(matching) & POLICY_CALL_PERFORMED);
}

/* Memory has a say from here on, by matching or not. */
static int want_memory(struct matching *matching, enum policy_fact fact) {
        if (!matching->rule->advisory && !only_records(matching))
                matching->verdict->judged = true;
        return want(matching->facts, fact);
}

static bool in_ranges(const struct policy_range *ranges, size_t n, uint64_t number) {
        for (size_t i = 0; i < n; i++)
                if (number >= ranges[i].first && number <= ranges[i].last)
                        return true;
        return n == 0;
}

/* ---- each asks one kind of condition: 0 and *ret_holds, or what fetch() returned ---- */

static int match_labels(struct matching *matching, bool *ret_holds) {
        const struct policy_where *where = &matching->rule->where;
        const struct policy_facts *facts = matching->facts;

        for (size_t i = 0; i < where->n_labels; i++) {
                bool found = false;

                for (size_t j = 0; !found && j < facts->n_labels; j++)
                        found = strcmp(facts->label_names[j], where->labels[i]) == 0 &&
                                pattern_match(where->label_values[i], facts->label_values[j], NULL, NULL);
                if (!found)
                        return 0;
        }
        *ret_holds = true;
        return 0;
}

static int match_credentials(struct matching *matching, bool *ret_holds) {
        const struct policy_where *where = &matching->rule->where;
        const struct policy_facts *facts = matching->facts;
        int r;

        *ret_holds = !where->n_uids && !where->n_gids && !where->caps_set;
        if (*ret_holds)
                return 0;
        r = want(matching->facts, POLICY_FACT_CREDENTIALS);
        if (r)
                return r;
        *ret_holds = in_ranges(where->uids, where->n_uids, facts->uid) &&
                     in_ranges(where->gids, where->n_gids, facts->gid) &&
                     (!where->caps_set || (facts->caps & where->caps) == where->caps);
        return 0;
}

static int match_program(struct matching *matching, bool *ret_holds) {
        const struct policy_where *where = &matching->rule->where;
        int r;

        *ret_holds = !where->n_programs;
        if (*ret_holds)
                return 0;
        r = want(matching->facts, POLICY_FACT_PROGRAM);
        if (r)
                return r;
        for (size_t i = 0; !*ret_holds && matching->facts->program && i < where->n_programs; i++)
                *ret_holds = pattern_match(where->programs[i], matching->facts->program, NULL, NULL);
        return 0;
}

/* A Unix socket is named by where its path leads, which need not be what the program calls it. */
static int match_socket_path(struct matching *matching, const struct policy_address *address,
                             bool *ret_by_path, bool *ret_holds) {
        const struct sockaddr *sockaddr = matching->facts->address;
        sa_family_t family;
        int r;

        *ret_by_path = false;
        if (address->family != AF_UNIX || !address->path ||
            matching->facts->n_address <= offsetof(struct sockaddr_un, sun_path))
                return 0;
        memcpy(&family, sockaddr, sizeof(family));
        if (family != AF_UNIX || !((const char *)sockaddr)[offsetof(struct sockaddr_un, sun_path)])
                return 0;
        r = want(matching->facts, POLICY_FACT_PATHS);
        if (r || !matching->facts->n_paths)
                return r;
        *ret_by_path = true;
        *ret_holds = pattern_match(address->path, matching->facts->paths[0], NULL, NULL);
        return 0;
}

/*
 * The address as the kernel takes it, into copy: no family means IPv4, but to connect(), which takes it for
 * a wish to disconnect.
 */
static const struct sockaddr *meant_address(const struct policy_facts *facts,
                                            struct sockaddr_storage *copy) {
        size_t n = facts->n_address < sizeof(*copy) ? facts->n_address : sizeof(*copy);

        if (!facts->address || n < sizeof(copy->ss_family))
                return facts->address;
        memcpy(copy, facts->address, n);
        if (copy->ss_family != AF_UNSPEC || strcmp(facts->call, "connect") == 0)
                return facts->address;
        copy->ss_family = AF_INET;
        return (struct sockaddr *)copy;
}

/* "No address" to go to is this machine: false, or its loopback address in copy. */
static bool loopback_instead(const struct policy_facts *facts, const struct sockaddr *address,
                             struct sockaddr_storage *copy) {
        static const uint8_t mapped_any[16] = { [10] = 0xff, [11] = 0xff };
        struct sockaddr_in *in = (struct sockaddr_in *)copy;
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)copy;
        size_t n = facts->n_address < sizeof(*copy) ? facts->n_address : sizeof(*copy);

        if (strcmp(facts->call, "bind") == 0 || n < sizeof(*in))
                return false;
        memmove(copy, address, n);
        if (copy->ss_family == AF_INET && in->sin_addr.s_addr == INADDR_ANY) {
                in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                return true;
        }
        if (copy->ss_family != AF_INET6 || n < offsetof(struct sockaddr_in6, sin6_scope_id))
                return false;
        if (memcmp(&in6->sin6_addr, &in6addr_any, sizeof(in6addr_any)) == 0) {
                in6->sin6_addr = in6addr_loopback;
                return true;
        }
        if (memcmp(&in6->sin6_addr, mapped_any, sizeof(mapped_any)) != 0)
                return false;
        in6->sin6_addr.s6_addr[12] = 127;
        in6->sin6_addr.s6_addr[15] = 1;
        return true;
}

static int match_address(struct matching *matching, bool *ret_holds) {
        const struct policy_where *where = &matching->rule->where;
        const struct policy_facts *facts = matching->facts;
        struct sockaddr_storage copy, loopback;
        const struct sockaddr *address;
        bool is_loopback;
        int r;

        *ret_holds = !where->n_addresses;
        if (*ret_holds || !(flags_of(matching) & POLICY_CALL_ADDRESS))
                return 0;
        r = want_memory(matching, POLICY_FACT_ADDRESS);
        if (r || !facts->address)
                return r;
        address = meant_address(facts, &copy);
        is_loopback = loopback_instead(facts, address, &loopback);
        for (size_t i = 0; !*ret_holds && i < where->n_addresses; i++) {
                const struct policy_address *wanted = &where->addresses[i];
                bool by_path;

                r = match_socket_path(matching, wanted, &by_path, ret_holds);
                if (r)
                        return r;
                if (by_path)
                        continue;
                *ret_holds = address_match(wanted, address, facts->n_address) ||
                             (is_loopback &&
                              address_match(wanted, (struct sockaddr *)&loopback, facts->n_address));
        }
        return 0;
}

static int match_memory_args(struct matching *matching, bool *ret_holds) {
        const struct plan_way *way = matching->way;
        const struct policy_facts *facts = matching->facts;
        uint64_t args[6] = { 0 };
        unsigned found = 0;
        const char *name;
        int r;

        *ret_holds = !way->n_memory_tests;
        if (*ret_holds)
                return 0;
        r = want_memory(matching, POLICY_FACT_MEMORY_ARGS);
        if (r)
                return r;
        for (size_t n = 0; (name = policy_memory_arg_name(facts->call, n)); n++)
                for (size_t i = 0; i < facts->n_memory_args; i++)
                        if (strcmp(facts->memory_args[i].name, name) == 0) {
                                args[n] = facts->memory_args[i].value;
                                found |= 1u << n;
                        }
        /* Where the memory could not be read nothing is said of it. */
        for (size_t i = 0; i < way->n_memory_tests; i++)
                if (!(found & 1u << way->memory_tests[i].condition.index))
                        return 0;
        *ret_holds = plan_tests_hold(way->memory_tests, way->n_memory_tests, args);
        return 0;
}

static int match_paths(struct matching *matching, bool *ret_holds) {
        const struct policy_where *where = &matching->rule->where;
        const struct policy_facts *facts = matching->facts;
        struct policy_verdict *verdict = matching->verdict;
        int r;

        *ret_holds = !where->n_paths;
        if (*ret_holds || !(flags_of(matching) & POLICY_CALL_PATH))
                return 0;
        r = want_memory(matching, POLICY_FACT_PATHS);
        if (r)
                return r;
        for (size_t i = 0; i < facts->n_paths; i++)
                for (size_t j = 0; facts->paths[i] && !*ret_holds && j < where->n_paths; j++)
                        *ret_holds = pattern_match(where->paths[j], facts->paths[i], verdict->captures,
                                                   &verdict->n_captures);
        return 0;
}

static int match_counts(struct matching *matching, bool *ret_holds) {
        const struct policy_where *where = &matching->rule->where;
        int r = 0;

        *ret_holds = !where->above_set;
        if (*ret_holds || !matching->facts->counts)
                return 0;
        if (where->scope == POLICY_SCOPE_PROGRAM)
                r = want(matching->facts, POLICY_FACT_PROGRAM);
        if (where->scope == POLICY_SCOPE_PROCESS)
                r = want(matching->facts, POLICY_FACT_PROCESS);
        if (r)
                return r;
        return error_trace(
                policy_counts_add(matching->facts->counts, matching->way->rule, matching->facts, ret_holds));
}

static int (*const kinds[])(struct matching *, bool *) = {
        match_labels,      match_credentials, match_program, match_address,
        match_memory_args, match_paths,       match_counts,
};

static int match_way(struct matching *matching, bool *ret_holds) {
        const struct plan_way *way = matching->way;
        int r = 0;

        matching->verdict->n_captures = 0;
        *ret_holds = plan_tests_hold(way->tests, way->n_tests, matching->facts->args);
        if (!way->rest)
                return 0;
        for (size_t i = 0; !r && *ret_holds && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                *ret_holds = false;
                r = kinds[i](matching, ret_holds);
        }
        return r;
}

/* ---- verdicts ---- */

static void decided_by(const struct policy_rule *rule, struct policy_verdict *verdict) {
        verdict->rule = rule;
        verdict->action = rule->action;
        verdict->value = rule->value;
}

/* What a profile says, in the words of a policy. Without a tracer or listener of the profile's own TRACE and
 * NOTIFY mean ENOSYS to a program; a trap cannot be sent from outside and is as deadly. */
static void decided_by_profile(uint32_t action, struct policy_verdict *verdict) {
        switch (action & SECCOMP_RET_ACTION_FULL) {
        case SECCOMP_RET_ALLOW:
                verdict->action = POLICY_ALLOW;
                break;
        case SECCOMP_RET_LOG:
                verdict->action = POLICY_LOG;
                break;
        case SECCOMP_RET_ERRNO:
                verdict->action = POLICY_ERRNO;
                verdict->value = action & SECCOMP_RET_DATA;
                break;
        case SECCOMP_RET_TRACE:
        case SECCOMP_RET_USER_NOTIF:
                verdict->action = POLICY_ERRNO;
                verdict->value = ENOSYS;
                break;
        default:
                verdict->action = POLICY_KILL;
                break;
        }
}

/* A number that no architecture has. Calls without a name are like it: profiles speak of names too. */
#define NO_CALL 0x3fffffffu

static void decided_below(const struct policy *policy, const struct policy_facts *facts,
                          struct policy_verdict *verdict) {
        bool x32 = facts->arch->audit == ARCH_X32;
        uint32_t nr = NO_CALL;
        int through;

        if (!policy->base) {
                verdict->action = policy->fallback;
                verdict->value = policy->fallback_errno;
                return;
        }
        if (!facts->call || !rule_numbers(facts->arch, facts->call, &nr, &through))
                nr = NO_CALL | (x32 ? X32_NR_BIT : 0);
        decided_by_profile(match_call(policy->base, x32 ? AUDIT_ARCH_X86_64 : facts->arch->audit, nr,
                                      facts->args, NULL),
                           verdict);
}

static void decided_by_none(const struct policy *policy, const struct policy_facts *facts,
                            struct policy_verdict *verdict) {
        int error;

        decided_below(policy, facts, verdict);
        if (verdict->action != POLICY_ALLOW && verdict->action != POLICY_LOG)
                return;
        if (facts->call && policy_closes(policy, facts->call, &error)) {
                verdict->action = POLICY_ERRNO;
                verdict->value = error;
        }
}

static int match_plan(const struct policy *policy, const struct plan *plan, struct policy_facts *facts,
                      struct policy_verdict *verdict, const struct policy_rule **recorded_by) {
        for (size_t i = 0; i < plan->n_ways; i++) {
                struct matching matching = {
                        .policy = policy,
                        .way = &plan->ways[i],
                        .rule = &policy->rules[plan->ways[i].rule],
                        .facts = facts,
                        .verdict = verdict,
                };
                bool holds;
                int r;

                if (matching.way->rule < facts->stopped.rule)
                        continue;
                r = match_way(&matching, &holds);
                if (r) {
                        facts->stopped.rule = matching.way->rule;
                        facts->stopped.delay_ns = verdict->delay_ns;
                        facts->stopped.judged = verdict->judged;
                        facts->stopped.recorded_by = *recorded_by;
                        return r;
                }
                if (!holds)
                        continue;
                if (matching.rule->action == POLICY_DELAY)
                        verdict->delay_ns += (uint64_t)matching.rule->value;
                else if (!only_records(&matching)) {
                        decided_by(matching.rule, verdict);
                        return 0;
                } else if (!*recorded_by)
                        *recorded_by = matching.rule;
        }
        return 0;
}

int policy_match(const struct policy *policy, struct policy_facts *facts, struct policy_verdict *ret) {
        const struct policy_rule *recorded_by = facts->stopped.recorded_by;
        const struct plan *plan;
        struct plan made;
        int r = 0;

        *ret = (struct policy_verdict){ .delay_ns = facts->stopped.delay_ns,
                                        .judged = facts->stopped.judged };
        if (facts->call) {
                r = plan_of(policy, facts->arch, facts->call, &made, &plan);
                if (r)
                        return error_trace(r);
                r = match_plan(policy, plan, facts, ret, &recorded_by);
                plan_deinit(&made);
        }
        if (!r && !ret->rule) {
                ret->n_captures = 0;
                decided_by_none(policy, facts, ret);
        }
        if (!r && recorded_by && (ret->action == POLICY_ALLOW || ret->action == POLICY_LOG)) {
                ret->n_captures = 0;
                decided_by(recorded_by, ret);
        }
        return r;
}

int policy_expand(const char *text, const struct policy_verdict *verdict, char **ret) {
        struct buf buf = BUF_INIT(0);

        *ret = NULL;
        for (const char *at = text; *at; at++) {
                if (at[0] == '$' && at[1] >= '1' && at[1] <= '9') {
                        size_t i = (size_t)(*++at - '1');

                        if (i < verdict->n_captures)
                                buf_put(&buf, verdict->captures[i].text, verdict->captures[i].n);
                        continue;
                }
                if (at[0] == '$' && at[1] == '$')
                        at++;
                buf_putc(&buf, *at);
        }
        *ret = buf_error(&buf) ? NULL : strdup(buf_string(&buf));
        buf_deinit(&buf);
        return *ret ? 0 : error_origin(-ENOMEM);
}
