/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A policy: what is to happen to which calls, as a person wrote it (docs/POLICY.md has the language).
 * policy_read() makes one, with includes, variables and families resolved; it never changes afterwards, so
 * that many threads may read it. Rules are looked through in order; the first that matches decides. Where
 * none matches, the base profile decides (what it allows stays in the kernel); without one, `fallback`.
 *
 * Names of calls, not numbers, are kept: one rule stands for the call on every architecture the machine
 * runs.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "policy/model.h"

struct arch;
struct policy_emulation;

#define POLICY_BYTES_MAX    (4u * 1024 * 1024) /* of one file, and of the whole with its includes */
#define POLICY_RULES_MAX    4096
#define POLICY_INCLUDES_MAX 64 /* files, and depth 8 */
#define POLICY_CAPTURES_MAX 9  /* $1 … $9 */

enum policy_outcome {
        POLICY_OK = PROFILE_OK,
        POLICY_E_INVALID = PROFILE_E_INVALID, /* what a person wrote is wrong; the diags say what and why */
};

enum policy_action {
        POLICY_ALLOW,    /* carried out: by the kernel, or for the task where memory was judged */
        POLICY_LOG,      /* the same, and recorded */
        POLICY_ERRNO,    /* value: positive errno */
        POLICY_RETURN,   /* value: what the call returns */
        POLICY_KILL,     /* the process: SIGSYS from the kernel's filter, SIGKILL from callgated */
        POLICY_REDIRECT, /* text: another path ($1 … $9: captures) or address, then carried out for the task
                          */
        POLICY_SUBSTITUTE, /* an open gets a sealed memfd, or a file of the supervisor's */
        POLICY_EMULATE,    /* emulation says how; options are its own */
        POLICY_DELAY,      /* value: nanoseconds to wait; then the next matching rule decides */
        POLICY_ASK,        /* a person decides; value: time-out in nanoseconds, `otherwise` after it */
};
#define POLICY_N_ACTIONS 10

/* As docs/POLICY.md has them: "*" any text without '/', "**" any text, "?" one character, "[a-z]", "{a,b}";
 * parts in parentheses are captures; a leading "~" makes the rest a POSIX extended regular expression. */
struct policy_pattern; /* policy/native/pattern.h */

/* One condition on an argument by its name in syscalls/syscalls.tbl, or "arg0" … "arg5". Several values: any
 * of them (EQ), none of them (NE). Constants are resolved per architecture: policy_conditions(). */
struct policy_value {
        char *text; /* "O_RDWR|O_CREAT", as written; NULL when a number was written */
        uint64_t number;
};
struct policy_arg {
        char *name;
        enum condition_op op; /* MASKED_EQ: mask and values[0] */
        struct policy_value mask;
        struct policy_value *values;
        size_t n_values;
};

struct policy_address {
        int family;                     /* AF_UNIX, AF_INET, AF_INET6; AF_UNSPEC: any */
        struct policy_pattern *path;    /* AF_UNIX; "@name" is abstract. NULL: any */
        uint8_t bytes[16];              /* network order */
        unsigned prefix;                /* bits that count; 0: any */
        uint16_t port_first, port_last; /* 0, 65535: any */
};

struct policy_range {
        uint64_t first, last;
};

/* Over how much the calls are counted. */
enum policy_scope {
        POLICY_SCOPE_SESSION,
        POLICY_SCOPE_PROGRAM, /* /proc/PID/exe */
        POLICY_SCOPE_PROCESS,
};

struct policy_where {
        struct policy_arg *args; /* all must hold */
        size_t n_args;
        struct policy_pattern **paths; /* any path of the call matches any of them */
        size_t n_paths;
        struct policy_address *addresses;
        size_t n_addresses;
        struct policy_pattern **programs; /* /proc/PID/exe as the task's root shows it */
        size_t n_programs;
        struct policy_range *uids, *gids; /* effective, in the supervisor's user namespace */
        size_t n_uids, n_gids;
        uint64_t caps; /* effective ones that the task must have, bit per capability */
        bool caps_set;
        char **labels; /* "key" … */
        struct policy_pattern **label_values;
        size_t n_labels;
        bool architectures_set; /* 64-bit callers only, or 32-bit ones only */
        unsigned bits;          /* 32 or 64 */
        /* The rule matches only above this many calls: per period (rate), or in all (period 0). */
        uint64_t above, period_ns;
        enum policy_scope scope;
        bool above_set;
};

struct policy_rule {
        char *name;  /* as written, or "rules[3]" */
        char *file;  /* it stands in */
        char *place; /* "rules[3]" */
        unsigned line, column;
        char **calls; /* names; families are expanded, in order, without duplicates */
        size_t n_calls;
        struct policy_where where;
        enum policy_action action;
        int64_t value;
        char *text; /* REDIRECT: target; SUBSTITUTE: path or the text itself */
        enum { POLICY_TEXT, POLICY_FILE, POLICY_TEMPLATE } content; /* what text is, for SUBSTITUTE */
        const struct policy_emulation *emulation;                   /* EMULATE */
        char *options;                /* EMULATE: JSON object, checked against emulation->options; or NULL */
        enum policy_action otherwise; /* ASK: ALLOW or ERRNO with otherwise_errno, after the time-out */
        int otherwise_errno;
        bool log;      /* to be recorded although the kernel could decide it alone */
        bool advisory; /* judged on memory and left to the kernel: known not to be enforcement */
        char *message; /* shown with the record; NULL = none */
        char *source;  /* the rule as canonical JSON */
};

/* What the launcher arranges before the program starts, in mount namespaces of its own. */
struct policy_mount {
        enum { POLICY_BIND, POLICY_OVERLAY, POLICY_TMPFS } kind;
        char *from; /* BIND: what appears; OVERLAY: directory that takes the changes */
        char *to;   /* absolute, in the program's view */
        bool read_only;
};

struct policy {
        char *file;
        char *source;         /* canonical JSON of the whole, includes resolved: what travels; policy_read()
                                 of it gives the same policy */
        char *base_path;      /* as found; NULL = none */
        struct profile *base; /* resolved for this machine; NULL = none */
        enum policy_action fallback; /* ALLOW, ERRNO or KILL, or LOG; only without base */
        int fallback_errno;
        int error_errno; /* what a task sees when trouble of ours kept us from deciding; EPERM unless written
                          */
        bool error_kill;
        struct policy_rule *rules;
        size_t n_rules;
        struct policy_mount *mounts;
        size_t n_mounts;
        struct policy_plans *plans; /* made by policy_prepare(); owned */
        char **authority; /* what the policy asks for beyond the caller's: "mount", … (docs/SECURITY.md) */
        size_t n_authority;
};

struct policy *policy_free(struct policy *policy);
static inline void policy_cleanup(struct policy **policy) {
        policy_free(*policy);
}
#define cleanup_policy __attribute__((cleanup(policy_cleanup)))

const char *policy_action_name(enum policy_action action); /* "errno" */

/* Do both say the same, wherever they stand? By their canonical text: `source` of the rule. */
bool policy_rules_equal(const struct policy_rule *a, const struct policy_rule *b);

/* Does the rule speak of this call at all? */
bool policy_rule_covers(const struct policy_rule *rule, const char *call);

/*
 * The conditions on registers of this rule for one of its calls on one architecture, as alternatives: any of
 * the lists is enough, all conditions of a list must hold. 0; POLICY_E_NEVER when none can ever hold there
 * (the architecture lacks the constant, the argument or the call); -E2BIG where lists of values multiply
 * beyond POLICY_ALTERNATIVES_MAX; -ENOMEM. *ret_rest: something remains that registers do not say (paths,
 * programs, rates, arguments in memory …).
 */
enum { POLICY_E_NEVER = 16 };
#define POLICY_CONDITIONS_MAX   32
#define POLICY_ALTERNATIVES_MAX 1024
struct policy_conditions {
        struct condition conditions[POLICY_CONDITIONS_MAX];
        uint8_t bits[POLICY_CONDITIONS_MAX]; /* of the argument that are compared: 32 or 64 */
        size_t n;
};
int policy_conditions(const struct policy_rule *rule, const struct arch *arch, const char *call,
                      struct policy_conditions **ret, size_t *ret_n, bool *ret_rest);
/* The same for arguments that the call takes from memory (the flags of openat2): the index of a condition is
 * one of policy_memory_arg_name(). 0 alternatives: none is asked for. */
int policy_memory_conditions(const struct policy_rule *rule, const struct arch *arch, const char *call,
                             struct policy_conditions **ret, size_t *ret_n);
/* "flags", "mode", "resolve" of openat2; NULL beyond the last. */
const char *policy_memory_arg_name(const char *call, size_t i);
bool policy_condition_holds(const struct condition *condition, unsigned bits, const uint64_t args[6]);
