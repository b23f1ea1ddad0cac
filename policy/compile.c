/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resolved profile to one filter program.
 *
 * Each architecture is compiled by libseccomp on its own and the programs are joined here: in one common
 * context x86_64, x86 and x32 together cost twenty times as much as one by one. The join is what libseccomp
 * itself would put in front: the architecture word chooses the program, numbers from 0x40000000 up belong to
 * x32 where x32 is listed, and what is not listed kills the thread. Calls that this libseccomp has no name
 * for are tested by number before the program of their architecture.
 *
 * What must stay true: no rule is dropped silently. One that cannot be compiled makes the compilation fail
 * with a diag, as it makes the runtime fail.
 */

#include "policy/compile.h"

#include "base/error.h"
#include "base/fd.h"
#include "policy/alternatives.h"
#include "policy/match.h"
#include "policy/program.h"
#include "syscalls/names.h"

#include <pthread.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define NUMBER_OFFSET ((uint32_t)offsetof(struct seccomp_data, nr))
#define ARCH_OFFSET   ((uint32_t)offsetof(struct seccomp_data, arch))
#define OPTIMIZE_TREE 2 /* binary tree over the numbers instead of a list */
#define API_LEVEL     6 /* of libseccomp: all actions and notifications */

struct compiler {
        const struct profile *profile;
        struct diags *diags;
        int **numbers; /* [rule][name]: libseccomp's number on this machine, or __NR_SCMP_ERROR */
        char **newer;  /* names that only names.h knows, each once; borrowed */
        size_t n_newer;
        struct program program;
};

/* A call by number, from its alternatives as match.h knows them. */
static void emit_call(struct compiler *compiler, const struct arch_rules *rules,
                      const struct call_rules *call) {
        struct program *program = &compiler->program;
        size_t skip = program_if(program, BPF_JEQ, call->nr);
        bool unconditional = false;

        for (size_t i = 0; i < call->n; i++) {
                const struct alternative *alternative = &rules->alternatives[call->first + i];

                program_alternative(program, alternative, rules->bits);
                unconditional |= !alternative->n_conditions;
        }
        if (!unconditional)
                program_return(program, compiler->profile->default_action);
        program_land(program, skip);
}

static int refuse(struct compiler *compiler, const struct rule *rule, const char *name,
                  const struct arch *arch, int error) {
        int r;

        if (error == -ENOMEM)
                return error_origin(-ENOMEM);
        if (error == -EEXIST)
                r = diag_add(
                        compiler->diags, DIAG_ERROR, "conflicting-rules", rule->place,
                        "libseccomp refuses this rule for %s (%s), and so does the runtime: an earlier rule "
                        "asks for another action under the same conditions; remove one of them",
                        name, arch->name);
        else
                r = diag_add(compiler->diags, DIAG_ERROR, "rule-refused", rule->place,
                             "libseccomp refuses this rule for %s (%s), and so does the runtime: %s", name,
                             arch->name, strerror(-error));
        return r ? error_trace(r) : PROFILE_E_INVALID;
}

static int add_rule(struct compiler *compiler, scmp_filter_ctx context, const struct arch *arch,
                    const struct rule *rule, size_t name, int nr) {
        struct scmp_arg_cmp args[PROFILE_ARGS_MAX];
        static const enum scmp_compare ops[CONDITION_N_OPS] = {
                [CONDITION_NE] = SCMP_CMP_NE,
                [CONDITION_LT] = SCMP_CMP_LT,
                [CONDITION_LE] = SCMP_CMP_LE,
                [CONDITION_EQ] = SCMP_CMP_EQ,
                [CONDITION_GE] = SCMP_CMP_GE,
                [CONDITION_GT] = SCMP_CMP_GT,
                [CONDITION_MASKED_EQ] = SCMP_CMP_MASKED_EQ,
        };
        bool split = rule_is_split(rule);
        int r = 0;

        for (size_t i = 0; i < rule->n_conditions; i++) {
                const struct condition *condition = &rule->conditions[i];

                args[split ? 0 : i] = (struct scmp_arg_cmp){
                        .arg = condition->index,
                        .op = ops[condition->op],
                        .datum_a = condition->value,
                        .datum_b = condition->value_two,
                };
                if (split) {
                        r = seccomp_rule_add_array(context, rule->action, nr, 1, args);
                        if (r)
                                break;
                }
        }
        if (!split)
                r = seccomp_rule_add_array(context, rule->action, nr, (unsigned)rule->n_conditions, args);
        r = error_seccomp(r);
        return r ? refuse(compiler, rule, rule->names[name], arch, r) : 0;
}

static bool given_to_libseccomp(const struct compiler *compiler, const struct arch_rules *rules,
                                const struct rule *rule, const char *name, int number) {
        const struct alternative *first;
        const struct call_rules *call;
        uint32_t nr;
        int through;

        /* Without a number here libseccomp would test for a pseudo number that no call has. */
        if (number == __NR_SCMP_ERROR || !rule_numbers(rules->arch, name, &nr, &through))
                return false;
        call = arch_rules_find(rules, nr);
        if (!call || call->own_code)
                return false;
        /* What an unconditional rule replaces in the end need not go in first. */
        first = &rules->alternatives[call->first];
        return first->n_conditions || &compiler->profile->rules[first->rule] == rule;
}

static int add_rules(struct compiler *compiler, scmp_filter_ctx context, const struct arch_rules *rules) {
        const struct profile *profile = compiler->profile;
        int r;

        for (size_t i = 0; i < profile->n_rules; i++) {
                const struct rule *rule = &profile->rules[i];

                if (rule->action == profile->default_action)
                        continue;
                for (size_t j = 0; j < rule->n_names; j++) {
                        int number = compiler->numbers[i][j];

                        if (!given_to_libseccomp(compiler, rules, rule, rule->names[j], number))
                                continue;
                        r = add_rule(compiler, context, rules->arch, rule, j, number);
                        if (r)
                                return error_trace(r);
                }
        }
        return 0;
}

/* Whether libseccomp has the number. What it may lack are late additions, so only the upper numbers are
 * worth its linear search. */
static bool libseccomp_knows(const struct arch *arch, uint32_t nr) {
        char *name;

        if ((nr & ~X32_NR_BIT) < 330 || (int32_t)nr < 0)
                return true;
        name = seccomp_syscall_resolve_num_arch(arch->scmp_token, (int)nr);
        free(name);
        return name;
}

/* What libseccomp does not know, or does not get right, stands before its program. */
static int append_own_code(struct compiler *compiler, const struct arch_rules *rules) {
        const struct profile *profile = compiler->profile;
        bool loaded = false;

        for (size_t i = 0; i < rules->n_calls; i++) {
                const struct call_rules *call = &rules->calls[i];

                if (call->conflict != SIZE_MAX) {
                        const struct alternative *later = &rules->alternatives[call->conflict];
                        const struct rule *rule = &profile->rules[later->rule];

                        return error_trace(
                                refuse(compiler, rule, rule->names[later->name], rules->arch, -EEXIST));
                }
                if (!call->own_code && libseccomp_knows(rules->arch, call->nr))
                        continue;
                if (!loaded)
                        program_load(&compiler->program, NUMBER_OFFSET);
                loaded = true;
                emit_call(compiler, rules, call);
        }
        return 0;
}

/* Appends what libseccomp exports, without its own test of the architecture, which stands at the front. */
static int append_export(struct compiler *compiler, scmp_filter_ctx context) {
        struct program *program = &compiler->program;
        struct sock_filter *insns;
        cleanup_fd int fd = -1;
        struct stat st;
        size_t n, skip;
        int r;

        fd = memfd_create("filter", MFD_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno);
        r = error_seccomp(seccomp_export_bpf(context, fd));
        if (r)
                return error_trace(r);
        if (fstat(fd, &st) < 0)
                return error_origin(-errno);
        n = (size_t)st.st_size / sizeof(*insns);
        if (n > FILTER_MAX - program->n) {
                program->full = true;
                return 0;
        }
        insns = &program->insns[program->n];
        if (lseek(fd, 0, SEEK_SET) < 0)
                return error_origin(-errno);
        r = fd_read_all(fd, insns, n * sizeof(*insns));
        if (r)
                return error_trace(r);
        skip = n > 2 && insns[0].code == (BPF_LD | BPF_W | BPF_ABS) && insns[0].k == ARCH_OFFSET &&
                               insns[1].code == (BPF_JMP | BPF_JEQ | BPF_K) && insns[1].jt == 0
                       ? 2
                       : 0;
        memmove(insns, insns + skip, (n - skip) * sizeof(*insns));
        program->n += n - skip;
        return 0;
}

static void context_release(scmp_filter_ctx *context) {
        if (*context)
                seccomp_release(*context);
}

static int append_arch(struct compiler *compiler, const struct arch *arch) {
        __attribute__((cleanup(context_release))) scmp_filter_ctx context = NULL;
        const struct arch_rules *rules = match_table_arch(compiler->profile->match, arch->audit);
        uint32_t native = seccomp_arch_native();
        int r;

        if (rules->n_alternatives > FILTER_MAX) {
                compiler->program.full = true;
                return 0;
        }
        r = append_own_code(compiler, rules);
        if (r)
                return error_trace(r);

        context = seccomp_init(compiler->profile->default_action);
        if (!context) {
                r = diag_add(compiler->diags, DIAG_ERROR, NULL, "defaultAction",
                             "libseccomp refuses %s as the default, and so does the runtime",
                             action_name(compiler->profile->default_action));
                return r ? error_trace(r) : PROFILE_E_INVALID;
        }
        r = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, OPTIMIZE_TREE);
        if (!r && arch->scmp_token != native) {
                r = seccomp_arch_add(context, arch->scmp_token);
                if (!r)
                        r = seccomp_arch_remove(context, native);
        }
        if (r)
                return error_origin(error_seccomp(r));
        r = add_rules(compiler, context, rules);
        if (r)
                return error_trace(r);
        return error_trace(append_export(compiler, context));
}

/* Numbers as runc asks for them: once per name, on this machine's architecture. */
static int resolve_names(struct compiler *compiler) {
        const struct profile *profile = compiler->profile;

        compiler->numbers = calloc(profile->n_rules ? profile->n_rules : 1, sizeof(*compiler->numbers));
        if (!compiler->numbers)
                return error_origin(-ENOMEM);
        for (size_t i = 0; i < profile->n_rules; i++) {
                const struct rule *rule = &profile->rules[i];

                compiler->numbers[i] =
                        calloc(rule->n_names ? rule->n_names : 1, sizeof(**compiler->numbers));
                if (!compiler->numbers[i])
                        return error_origin(-ENOMEM);
                for (size_t j = 0; j < rule->n_names; j++)
                        compiler->numbers[i][j] = seccomp_syscall_resolve_name(rule->names[j]);
        }
        return 0;
}

static uint32_t kernel_audit(const struct arch *arch) {
        return arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
}

/* The programs of one AUDIT_ARCH_* value: one, or two for x86_64 and x32. */
static int append_audit(struct compiler *compiler, const struct arch *wide, const struct arch *x32) {
        struct program *program = &compiler->program;
        size_t jump;
        int r;

        if (!x32)
                return error_trace(append_arch(compiler, wide));
        if (!wide)
                return error_trace(append_arch(compiler, x32));
        program_load(program, NUMBER_OFFSET);
        program_emit(program, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_NR_BIT, 0, 1));
        jump = program_jump(program);
        r = append_arch(compiler, wide);
        if (r)
                return error_trace(r);
        program_land(program, jump);
        return error_trace(append_arch(compiler, x32));
}

static int compile(struct compiler *compiler) {
        const struct profile *profile = compiler->profile;
        struct program *program = &compiler->program;
        bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
        const struct arch *archs[32];
        size_t n_archs = 0;
        int r;

        for (size_t i = 0; i < profile->n_archs && n_archs < 32; i++) {
                const struct profile_arch *listed = &profile->archs[i];

                if (!listed->arch || listed->arch->big_endian != big) {
                        r = diag_add(compiler->diags, DIAG_ERROR, NULL, "architectures",
                                     "%s cannot be compiled on this machine: its byte order is another",
                                     listed->name);
                        return r ? error_trace(r) : PROFILE_E_INVALID;
                }
                archs[n_archs++] = listed->arch;
        }
        program_load(program, ARCH_OFFSET);
        for (size_t i = 0; i < n_archs; i++) {
                const struct arch *wide = NULL, *x32 = NULL;
                bool done = false;
                size_t jump;

                for (size_t j = 0; j < n_archs; j++) {
                        if (kernel_audit(archs[j]) != kernel_audit(archs[i]))
                                continue;
                        done |= j < i;
                        if (archs[j]->audit == ARCH_X32)
                                x32 = archs[j];
                        else
                                wide = archs[j];
                }
                if (done)
                        continue;
                jump = program_if(program, BPF_JEQ, kernel_audit(archs[i]));
                r = append_audit(compiler, wide, x32);
                if (r)
                        return error_trace(r);
                program_land(program, jump);
        }
        program_return(program, SECCOMP_RET_KILL_THREAD);
        return 0;
}

static void api_level_init(void) {
        /* Without it libseccomp refuses actions that the running kernel, or a filter already in force, keeps
         * it from probing; whether the kernel takes the program is decided when it is loaded. */
        if (seccomp_api_get() < API_LEVEL)
                seccomp_api_set(API_LEVEL);
}

int filter_compile(const struct profile *resolved, struct diags *diags, struct filter *ret) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        struct filter built;
        struct compiler *compiler;
        int r;

        if (!resolved->resolved)
                return error_origin(-EINVAL);
        if (!resolved->default_set)
                return PROFILE_E_EMPTY;
        pthread_once(&once, api_level_init);
        compiler = calloc(1, sizeof(*compiler));
        if (!compiler)
                return error_origin(-ENOMEM);
        compiler->profile = resolved;
        compiler->diags = diags;
        r = resolve_names(compiler);
        if (!r)
                r = compile(compiler);
        if (!r && compiler->program.full) {
                r = diag_add(
                        diags, DIAG_ERROR, "filter-too-long", NULL,
                        "the filter would be longer than the kernel's %u instructions; use fewer conditions "
                        "or architectures",
                        FILTER_MAX);
                if (!r)
                        r = PROFILE_E_INVALID;
        }
        if (!r) {
                built = (struct filter){ .insns = compiler->program.insns, .n = compiler->program.n };
                r = filter_copy(&built, ret);
        }
        for (size_t i = 0; compiler->numbers && i < resolved->n_rules; i++)
                free(compiler->numbers[i]);
        free(compiler->numbers);
        free(compiler);
        return error_trace(r);
}
