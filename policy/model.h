/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A seccomp profile as data: default action, architectures, rules. Every dialect is read into this one model
 * and written from it; resolve.h turns a conditional profile (docker's includes and excludes) into a flat
 * one, which is what compile.h, match.h, check.h and explain.h work on.
 *
 * Actions are the kernel's: SECCOMP_RET_* with the errno (ERRNO, TRACE) in the low 16 bits. SCMP_ACT_KILL
 * and SCMP_ACT_KILL_THREAD are both SECCOMP_RET_KILL_THREAD.
 */

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arch;
struct match_table;

/* Positive outcomes shared by all functions under policy/ that return int. */
enum profile_outcome {
        PROFILE_OK,
        PROFILE_E_INVALID, /* what a person wrote is wrong; the diags say what and why */
        PROFILE_E_EMPTY,   /* the profile asks for no filter at all */
};

#define PROFILE_BYTES_MAX (16u * 1024 * 1024)
#define PROFILE_DEPTH_MAX 64
#define PROFILE_ARGS_MAX  6

enum profile_dialect {
        DIALECT_OCI,        /* linux.seccomp of the runtime specification */
        DIALECT_DOCKER,     /* plus archMap, includes, excludes, name, comment */
        DIALECT_CONTAINERS, /* plus errno and defaultErrno by name */
        DIALECT_SPO,        /* SeccompProfile custom resource */
};

enum condition_op {
        CONDITION_NE,
        CONDITION_LT,
        CONDITION_LE,
        CONDITION_EQ,
        CONDITION_GE,
        CONDITION_GT,
        CONDITION_MASKED_EQ, /* value is the mask, value_two what must remain */
};
#define CONDITION_N_OPS 7

struct condition {
        uint8_t index; /* 0 … 5 */
        uint8_t op;    /* enum condition_op */
        uint64_t value, value_two;
};

/* When docker and podman apply a rule. Empty lists and kernel_set = false ask for nothing. */
struct rule_when {
        char **caps; /* owned; "CAP_SYS_ADMIN" */
        size_t n_caps;
        char **arches; /* owned; "amd64" */
        size_t n_arches;
        bool kernel_set; /* minKernel; only the first two numbers count */
        unsigned kernel_major, kernel_minor;
};

struct rule {
        char **names; /* owned */
        size_t n_names;
        uint32_t action; /* SECCOMP_RET_* with data */
        bool errno_set;  /* the data was written, not assumed */
        struct condition *conditions;
        size_t n_conditions;
        struct rule_when includes, excludes;
        char *comment;    /* NULL = none */
        char *place;      /* "syscalls[3]" in the file it came from; NULL when made, not read */
        unsigned line;    /* of that place; 0 = unknown */
        bool legacy_name; /* written as docker's old "name" */
};

/* An architecture as a profile names it. */
struct profile_arch {
        char *name; /* owned; "SCMP_ARCH_X86_64" */
        const struct arch *arch;
};

struct profile_arch_map {
        struct profile_arch arch;
        struct profile_arch *subs; /* owned */
        size_t n_subs;
};

struct profile {
        char *file; /* NULL when made, not read */
        enum profile_dialect dialect;
        bool yaml;       /* read from YAML */
        char *inside;    /* place of the profile in a larger document: "linux.seccomp"; NULL = all of it */
        char *container; /* what that document is: "ConfigMap web"; NULL with inside */
        char *digest;    /* "sha256:…" of the bytes it was read from; NULL when not asked for */

        bool default_set; /* false: no defaultAction was written */
        uint32_t default_action;
        bool default_errno_set;

        struct profile_arch *archs;
        size_t n_archs; /* 0: the native one only */
        struct profile_arch_map *arch_maps;
        size_t n_arch_maps;

        unsigned flags; /* SECCOMP_FILTER_FLAG_LOG, _SPEC_ALLOW, _WAIT_KILLABLE_RECV */
        bool flags_set;
        char *listener_path, *listener_metadata;

        struct rule *rules;
        size_t n_rules, size_rules;

        /* Of a SeccompProfile resource. */
        char *name;      /* metadata.name */
        char *base_name; /* profile whose rules the operator adds to these */
        bool disabled;   /* not to be installed */
        bool older_api;  /* v1beta1 */

        bool resolved;             /* made by profile_resolve() */
        struct match_table *match; /* index for match_call(); made by profile_resolve(), owned */
};

int profile_new(struct profile **ret);
struct profile *profile_free(struct profile *profile);
static inline void profile_cleanup(struct profile **profile) {
        profile_free(*profile);
}
#define cleanup_profile __attribute__((cleanup(profile_cleanup)))

/* A copy of all that was read, not of what profile_resolve() adds: it is not resolved. */
int profile_copy(const struct profile *from, struct profile **ret);

/* Appends an empty rule (action ALLOW) and lends it; the pointer holds until the next rule is added. */
int profile_add_rule(struct profile *profile, struct rule **ret);
/* Takes the contents of *rule and leaves it empty. */
int profile_take_rule(struct profile *profile, struct rule *rule);
int profile_add_arch(struct profile *profile, const struct arch *arch);
bool profile_has_arch(const struct profile *profile, const struct arch *arch);

/* Bits of an argument that libseccomp compares: 32 for x32 and MIPS n32, although their registers have 64.
 */
unsigned profile_arch_bits(const struct arch *arch);

void rule_deinit(struct rule *rule);
int rule_copy(const struct rule *from, struct rule *ret);
int rule_add_name(struct rule *rule, const char *name);
int rule_add_condition(struct rule *rule, unsigned index, enum condition_op op, uint64_t value,
                       uint64_t value_two);
int rule_when_add_cap(struct rule_when *when, const char *cap);
int rule_when_add_arch(struct rule_when *when, const char *arch);
void rule_forget_when(struct rule *rule); /* drops includes, excludes and the legacy spelling of the name */
/* Sets *to to a copy of text, or to NULL. */
int profile_set_text(char **to, const char *text);
bool rule_has_name(const struct rule *rule, const char *name);
bool rule_is_conditional(const struct rule *rule); /* has includes or excludes */
/* True when an argument index appears twice: runc then makes one rule of each condition, any of which
 * suffices, instead of asking for all of them. */
bool rule_is_split(const struct rule *rule);

bool condition_holds(const struct condition *condition, const uint64_t args[6]);

/* "SCMP_ACT_ERRNO" <-> SECCOMP_RET_ERRNO (data 0). action_name() never returns NULL. */
bool action_by_name(const char *name, uint32_t *ret);
const char *action_name(uint32_t action);
extern const char *const action_names[];
extern const size_t action_names_n;
bool action_has_errno(uint32_t action); /* ERRNO and TRACE carry data */
/* "SCMP_CMP_MASKED_EQ" <-> CONDITION_MASKED_EQ. */
bool op_by_name(const char *name, enum condition_op *ret);
const char *op_name(enum condition_op op);
extern const char *const op_names[CONDITION_N_OPS];
/* "arg0 & 0x7e020000 == 0", "arg1 >= 5": at most 80 bytes. */
const char *condition_text(const struct condition *condition, char *buf, size_t size);
