/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What must stay true: a key holds every object and every argument by which a person may tell two calls
 * apart; its parts have their lengths before them, so that no name imitates another part; what is not known
 * for certain, or did not fit, is never remembered.
 */

#include "supervisor/question.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/utf8.h"
#include "policy/native/address.h"
#include "policy/native/calls.h"
#include "supervisor/call.h"
#include "supervisor/decode/decode.h"
#include "supervisor/target.h"
#include "syscalls/table.h"

static unsigned flags_of(const struct call *call) {
        const struct policy_call *known = policy_call_by_name(call->name);

        return known ? known->flags : 0;
}

/* ---- facts ---- */

static int fetch(struct call *call, enum policy_fact fact) {
        return call->facts.known & 1u << fact ? 0 : call->facts.fetch(&call->facts, fact, call);
}

int question_facts(struct call *call) {
        unsigned flags = flags_of(call);
        struct target target = { .kernel = call->kernel, .tid = call->tid };
        struct decode_source source = target_source(&target);
        int r = fetch(call, POLICY_FACT_PROGRAM);

        if (!r && flags & POLICY_CALL_PERFORMED) {
                call->verdict.judged = true;
                if (flags & POLICY_CALL_PATH)
                        r = fetch(call, POLICY_FACT_PATHS);
                if (!r && flags & POLICY_CALL_ADDRESS)
                        r = fetch(call, POLICY_FACT_ADDRESS);
                if (!r && policy_memory_arg_name(call->name, 0))
                        r = fetch(call, POLICY_FACT_MEMORY_ARGS);
        }
        if (!r && decode_args(&source, call->event.arch, call->event.nr, call->event.args,
                              call->event.detail, sizeof(call->event.detail)))
                call->read_memory = true;
        return error_trace(r);
}

/* ---- arguments ---- */

/* Opens take a mode only where they may make a file; else the register holds anything. */
static bool counts(const struct call *call, const struct syscall_arg *arg) {
        uint64_t flags = strcmp(call->name, "openat") == 0 ? call->args[2] : call->args[1];

        if (arg->kind != ARG_MODE || (strcmp(call->name, "open") != 0 && strcmp(call->name, "openat") != 0))
                return true;
        return flags & (O_CREAT | (O_TMPFILE & ~O_DIRECTORY));
}

static bool says_what(const struct syscall_arg *arg) {
        switch (arg->kind) {
        case ARG_ENUM:
        case ARG_FLAGS:
        case ARG_MODE:
        case ARG_SIGNAL:
        case ARG_PID:
        case ARG_UID:
        case ARG_DEV:
                return true;
        default:
                return false;
        }
}

static void add_arg(struct ask_question *question, const char *name, uint64_t mask, uint64_t value) {
        struct ask_arg *arg = &question->args[question->n_args++];

        *arg = (struct ask_arg){ .mask = mask, .value = value & mask };
        snprintf(arg->name, sizeof(arg->name), "%s", name);
}

static const struct syscall_row *row_of(const struct call *call) {
        int nr = syscall_number(call->arch, call->name);

        return nr >= 0 ? syscall_row_of(call->arch->audit, (uint32_t)nr) : syscall_row(call->name);
}

static void put_args(const struct call *call, struct ask_question *question) {
        const struct syscall_row *row = row_of(call);
        char name[8];

        for (size_t i = 0; row && i < row->n_args; i++) {
                const struct syscall_arg *arg = syscall_arg_resolve(&row->args[i], call->args);

                if ((row->args[i].learn == LEARN_NOTHING && !says_what(arg)) || !counts(call, arg))
                        continue;
                snprintf(name, sizeof(name), "arg%zu", i);
                add_arg(question, name, arg->bits == 32 || call->arch->bits == 32 ? UINT32_MAX : UINT64_MAX,
                        call->args[i]);
                /* The number of a process is another's in the next run. */
                if (arg->kind == ARG_PID)
                        question->is_rule = false;
        }
        for (size_t i = 0; i < call->facts.n_memory_args; i++)
                add_arg(question, call->facts.memory_args[i].name, UINT64_MAX,
                        call->facts.memory_args[i].value);
}

/* ---- objects ---- */

/* NULs of abstract names are shown as '@', and so is '@'. */
static bool is_plain(const struct policy_facts *facts) {
        const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)facts->address;
        size_t first = offsetof(struct sockaddr_un, sun_path);

        if (un->sun_family != AF_UNIX || facts->n_address <= first || un->sun_path[0])
                return true;
        for (size_t i = 1; first + i < facts->n_address; i++)
                if (!un->sun_path[i] || un->sun_path[i] == '@')
                        return false;
        return true;
}

/* What the call is about, as a rule would name it. */
static void put_object(const struct call *call, struct ask_question *question) {
        const struct policy_facts *facts = &call->facts;
        const char *path = facts->n_paths > 0 ? facts->paths[0] : NULL,
                   *kind = facts->address ? "unix:" : "";
        bool fits = true;

        if (path)
                fits = (size_t)snprintf(question->object, sizeof(question->object), "%s%s", kind, path) <
                       sizeof(question->object);
        else if (facts->address)
                fits = address_text(facts->address, facts->n_address, question->object,
                                    sizeof(question->object)) &&
                       is_plain(facts);
        /* Conditions on paths hold for any path of a call, not for both; a pipe has none; and without a
         * condition a rule would be about everything. */
        if (!fits || facts->n_paths > 1 || (path && path[0] != '/') ||
            (!question->object[0] && flags_of(call) & (POLICY_CALL_PATH | POLICY_CALL_ADDRESS)))
                question->is_rule = false;
}

/* ---- what is shown ---- */

static void put_quoted(struct buf *to, const char *before, const char *text) {
        buf_puts(to, before);
        buf_putc(to, '"');
        buf_escape(to, text, strlen(text));
        buf_putc(to, '"');
}

/* False: it did not fit. The objects come before anything that a program can make long. */
static bool put_text(const struct call *call, struct ask_question *question) {
        const char *message = call->verdict.rule->message;
        struct buf text = BUF_INIT(4 * sizeof(question->text));
        bool fits;

        buf_escape(&text, call->event.comm, strnlen(call->event.comm, sizeof(call->event.comm)));
        buf_printf(&text, " (pid %u) wants %s", call->tid, call->name);
        if (question->object[0])
                put_quoted(&text, " ", question->object);
        if (call->facts.n_paths > 1)
                put_quoted(&text, " and ", call->facts.paths[1]);
        buf_printf(&text, " (%s)", call->event.detail);
        if (message)
                buf_printf(&text, ": %s", message);
        fits = !text.error && text.n < sizeof(question->text);
        text.error = 0;
        snprintf(question->text, sizeof(question->text), "%s", buf_string(&text));
        if (!fits)
                memcpy(question->text + sizeof(question->text) - sizeof(" …"), " …", sizeof(" …"));
        buf_deinit(&text);
        return fits;
}

/* ---- which questions are equal ---- */

static void put_part(struct buf *key, const char *text) {
        buf_printf(key, "%zu:%s", strlen(text), text);
}

static void put_key(const struct call *call, const struct ask_question *question, struct buf *key) {
        const struct policy_facts *facts = &call->facts;
        const unsigned char *address = (const unsigned char *)facts->address;

        put_part(key, call->verdict.rule->source);
        put_part(key, call->arch->name);
        put_part(key, call->name);
        put_part(key, facts->program);
        buf_printf(key, "%zu", facts->n_paths);
        for (size_t i = 0; i < facts->n_paths; i++)
                put_part(key, facts->paths[i]);
        buf_printf(key, " %zu:", address ? facts->n_address : 0);
        for (size_t i = 0; address && i < facts->n_address; i++)
                buf_printf(key, "%02x", address[i]);
        for (size_t i = 0; i < question->n_args; i++)
                buf_printf(key, " %s %" PRIx64, question->args[i].name, question->args[i].value);
}

/* Are all names that the call gives in our hands? Else "always" would be about others as well. */
static bool is_bound(const struct call *call) {
        const struct syscall_row *row = row_of(call);
        unsigned flags = flags_of(call);
        size_t n_paths = 0;

        for (size_t i = 0; row && i < row->n_args; i++) {
                if (row->args[i].kind == ARG_STRING || row->args[i].kind == ARG_ARGV)
                        return false;
                n_paths += row->args[i].kind == ARG_PATH;
        }
        if (!(flags & POLICY_CALL_PERFORMED) && flags & (POLICY_CALL_PATH | POLICY_CALL_ADDRESS))
                return false;
        return n_paths == (call->facts.address ? 0 : call->facts.n_paths);
}

void question_of(const struct call *call, struct ask_question *ret, struct buf *key) {
        const char *program = call->facts.program;
        bool whole = program && is_bound(call) && call->verdict.rule->source;

        memset(ret, 0, sizeof(*ret));
        ret->is_rule = true;
        ret->error = question_denial(call);
        snprintf(ret->call, sizeof(ret->call), "%s", call->name);
        if (program)
                whole = (size_t)snprintf(ret->program, sizeof(ret->program), "%s", program) <
                                sizeof(ret->program) &&
                        whole;
        put_object(call, ret);
        put_args(call, ret);
        whole = put_text(call, ret) && whole;
        if (whole)
                put_key(call, ret, key);
        if (!whole || key->error)
                buf_reset(key);
        ret->remembered = key->n > 0;
        ret->is_rule = ret->is_rule && ret->remembered && ret->program[0] == '/' &&
                       utf8_valid(ret->program, strlen(ret->program)) &&
                       utf8_valid(ret->object, strlen(ret->object));
}

int question_denial(const struct call *call) {
        const struct policy_rule *rule = call->verdict.rule;

        return rule->otherwise == POLICY_ERRNO && rule->otherwise_errno > 0 ? rule->otherwise_errno : EPERM;
}
