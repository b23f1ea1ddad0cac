/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Events as lines. What a task wrote (its name, paths, arguments) never reaches a terminal unescaped: the
 * detail is escaped by the decoder already, so its backslashes and quotes stay and only bytes that could
 * move a cursor are replaced.
 */

#include "proto/event_text.h"

#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "syscalls/names.h"
#include "syscalls/table.h"

static const struct {
        uint32_t action;
        const char *name;
} actions[] = {
        { SECCOMP_RET_KILL_PROCESS, "SECCOMP_RET_KILL_PROCESS" },
        { SECCOMP_RET_KILL_THREAD, "SECCOMP_RET_KILL_THREAD" },
        { SECCOMP_RET_TRAP, "SECCOMP_RET_TRAP" },
        { SECCOMP_RET_ERRNO, "SECCOMP_RET_ERRNO" },
        { SECCOMP_RET_USER_NOTIF, "SECCOMP_RET_USER_NOTIF" },
        { SECCOMP_RET_TRACE, "SECCOMP_RET_TRACE" },
        { SECCOMP_RET_LOG, "SECCOMP_RET_LOG" },
        { SECCOMP_RET_ALLOW, "SECCOMP_RET_ALLOW" },
};

const char *event_text_action(uint32_t verdict) {
        for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
                if (actions[i].action == (verdict & SECCOMP_RET_ACTION_FULL))
                        return actions[i].name;
        return NULL;
}

const char *event_text_code(uint32_t verdict, char *buf, size_t size) {
        const char *name = event_text_action(verdict);
        uint32_t action = verdict & SECCOMP_RET_ACTION_FULL;
        unsigned data = verdict & SECCOMP_RET_DATA;
        const char *error = strerrorname_np((int)data);

        if (!name)
                snprintf(buf, size, "0x%08" PRIx32, verdict);
        else if (action == SECCOMP_RET_ERRNO && error && data > 0)
                snprintf(buf, size, "%s(%s)", name, error);
        else if (action == SECCOMP_RET_ERRNO || (action == SECCOMP_RET_TRACE && data > 0))
                snprintf(buf, size, "%s(%u)", name, data);
        else
                snprintf(buf, size, "%s", name);
        return buf;
}

/* The decoder escaped strings inside; control characters that are left come from elsewhere (a wire peer). */
static void put_clean(struct buf *to, const char *text) {
        for (const char *at = text; *at; at++) {
                const char *from = at;

                while ((unsigned char)*at >= 0x20 && *at != 0x7f)
                        at++;
                buf_put(to, from, (size_t)(at - from));
                if (!*at)
                        return;
                buf_printf(to, "\\x%02x", (unsigned char)*at);
        }
}

void event_text_args(struct buf *to, const struct event *event) {
        const struct syscall_row *row = syscall_row_of(event->arch, event->nr);
        size_t n = row ? row->n_args : EVENT_N_ARGS; /* further registers hold what was left in them */

        if (event->detail[0]) {
                put_clean(to, event->detail);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                buf_puts(to, i > 0 ? ", " : "");
                if (event->flags & EVENT_UNKNOWN_ARG(i))
                        buf_putc(to, '?');
                else
                        buf_printf(to, "0x%" PRIx64, event->args[i]);
        }
}

void event_text_call(struct buf *to, const struct event *event) {
        char label[32];

        buf_printf(to, "%s(", syscall_label(event->arch, event->nr, label, sizeof(label)));
        event_text_args(to, event);
        buf_putc(to, ')');
}

static void put_answer(struct buf *to, const struct event *event) {
        const char *error;

        switch (event->answer) {
        case EVENT_ANSWER_NONE:
                buf_puts(to, "no answer");
                break;
        case EVENT_ANSWER_CONTINUE:
                buf_puts(to, "continue");
                break;
        case EVENT_ANSWER_ERRNO:
                error = event->value > 0 && event->value < 4096 ? strerrorname_np((int)event->value) : NULL;
                if (error)
                        buf_puts(to, error);
                else
                        buf_printf(to, "errno %" PRId64, event->value);
                break;
        case EVENT_ANSWER_VALUE:
                buf_printf(to, "%" PRId64, event->value);
                break;
        case EVENT_ANSWER_FD:
                buf_printf(to, "descriptor %" PRId64, event->value);
                break;
        case EVENT_ANSWER_KILL:
                buf_puts(to, "killed");
                break;
        default:
                buf_printf(to, "answer %" PRIu32, event->answer);
        }
}

void event_text(struct buf *to, const struct event *event) {
        const struct arch *arch = arch_of_call(event->arch, event->nr);
        time_t seconds = (time_t)(event->first_ns / 1000000000);
        struct tm tm;
        char code[48];

        if (localtime_r(&seconds, &tm))
                buf_printf(to, "%02d:%02d:%02d.%06u ", tm.tm_hour, tm.tm_min, tm.tm_sec,
                           (unsigned)(event->first_ns % 1000000000 / 1000));
        buf_escape(to, event->comm, strnlen(event->comm, sizeof(event->comm)));
        buf_printf(to, "[%" PRIu32, event->pid);
        if (event->tid != 0 && event->tid != event->pid) /* audit records have none */
                buf_printf(to, "/%" PRIu32, event->tid);
        buf_puts(to, "] ");
        if (!arch)
                buf_printf(to, "{0x%08" PRIx32 "} ", event->arch);
        else if (arch != arch_native())
                buf_printf(to, "{%s} ", arch->name);
        event_text_call(to, event);
        buf_printf(to, " %s -> ", event_text_code(event->verdict, code, sizeof(code)));
        put_answer(to, event);
        if (event->rule[0]) {
                buf_puts(to, " by ");
                buf_escape(to, event->rule, strlen(event->rule));
        }
        if (event->count > 1)
                buf_printf(to, " x%" PRIu64, event->count);
        if (event->flags & EVENT_OBSERVED)
                buf_puts(to, " (observed)");
        if (event->flags & EVENT_RUNTIME)
                buf_puts(to, " (runtime)");
        if (event->flags & EVENT_GONE)
                buf_puts(to, " (gone)");
        if (event->flags & EVENT_MERGED_ARGS)
                buf_puts(to, " (unlike arguments merged)");
        if (event->detail[0] && !(event->flags & EVENT_DETAIL_OK))
                buf_puts(to, " (memory not confirmed)");
}

const char *event_text_answer(uint32_t answer) {
        switch (answer) {
        case EVENT_ANSWER_NONE:
                return "none";
        case EVENT_ANSWER_CONTINUE:
                return "continue";
        case EVENT_ANSWER_ERRNO:
                return "errno";
        case EVENT_ANSWER_VALUE:
                return "value";
        case EVENT_ANSWER_FD:
                return "descriptor";
        case EVENT_ANSWER_KILL:
                return "killed";
        default:
                return "unknown";
        }
}
