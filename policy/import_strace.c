/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A trace as a sequence of calls: lines of one call that others came between are joined, each task keeps its
 * architecture and name, tables of calls already seen in lines are not counted twice.
 *
 * What must stay true: every call that the trace shows, finished or not, becomes an event; memory is bounded
 * whatever the file (tasks, texts of unfinished calls and lines all have limits, and what goes over them is
 * given out as a call with unknown arguments, not lost).
 */

#include "policy/import_strace.h"

#include <errno.h>
#include <linux/audit.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/import_strace_parts.h"
#include "syscalls/table.h"

#define PENDING_MAX 4096 /* bytes of an unfinished call that are kept */
#define NEARBY_MAX  64   /* tasks looked through for a call whose line lost its number */

static const char not_of_strace[] = "not lines of strace", not_whole[] = "calls that are not whole",
                  not_a_call[] = "names of no call of the architecture";

int strace_new(struct import *import, struct strace **ret) {
        struct strace *strace = calloc(1, sizeof(*strace));

        if (!strace)
                return error_origin(-ENOMEM);
        strace->import = import;
        *ret = strace;
        return 0;
}

/* ---- giving out ---- */

static void set_number(struct event *event, const struct arch *arch, uint32_t nr) {
        event->arch = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        event->nr = nr;
}

/* The event of socketcall or ipc in place of the call it carries out. */
static void through(const struct event *event, int nr, const char *name, struct event *ret) {
        const char *set = strncmp(name, "SYS_", 4) == 0 ? "socketcall" : "ipccall";

        *ret = *event;
        ret->nr = (uint32_t)nr;
        memset(ret->args, 0, sizeof(ret->args));
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                ret->flags |= EVENT_UNKNOWN_ARG(i);
        if (constant_value(set, name, &ret->args[0]) == 0)
                ret->flags &= ~EVENT_UNKNOWN_ARG(0);
        memset(ret->detail, 0, sizeof(ret->detail));
}

/* An event of this name: what of it can be known is in *event already. */
static int give(struct strace *strace, const struct arch *arch, struct strace_text name,
                const struct strace_prefix *prefix, const struct strace_args *args, struct event *event) {
        int64_t nr = strace_number(arch, name);
        const char *constant = NULL;
        int carrier = strace_multiplexer(arch, name, &constant), r = 0;
        struct event carried;

        if (prefix && prefix->has_nr && carrier >= 0) {
                if (prefix->nr == (uint64_t)carrier)
                        nr = -1;
                else
                        carrier = -1;
        }
        if (nr < 0 && carrier < 0 && prefix && prefix->has_nr && prefix->nr <= UINT32_MAX)
                nr = (int64_t)(arch->audit == ARCH_X32 ? prefix->nr | X32_NR_BIT : prefix->nr);
        strace->import->n_records++;
        strace->import->n_either += nr >= 0 && carrier >= 0;
        if (nr >= 0) {
                set_number(event, arch, (uint32_t)nr);
                if (args)
                        strace_args_fill(args, event);
                if (args)
                        strace_seen_add(strace, event);
                r = import_emit(strace->import, event);
        }
        if (!r && carrier >= 0) {
                set_number(event, arch, (uint32_t)carrier);
                through(event, carrier, constant, &carried);
                if (args)
                        strace_seen_add(strace, &carried);
                r = import_emit(strace->import, &carried);
        }
        return error_trace(r);
}

static bool knows(const struct arch *arch, struct strace_text name) {
        const char *constant;

        return arch && (strace_number(arch, name) >= 0 || strace_multiplexer(arch, name, &constant) >= 0);
}

/*
 * The architecture in which a task makes this call; NULL when none of the machine's has it. A name that only
 * a sibling knows tells that the task has changed its mode: -q hides the lines that say so.
 */
static const struct arch *arch_of(struct strace *strace, struct strace_task *task, struct strace_text name,
                                  const struct strace_prefix *prefix) {
        static const enum strace_mode modes[] = { STRACE_MODE_64, STRACE_MODE_32 };

        if (knows(task->arch, name))
                return task->arch;
        for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
                const struct arch *arch = strace_mode_arch(strace->machine, modes[i]);

                if (knows(arch, name)) {
                        task->arch = strace->current = arch;
                        return arch;
                }
        }
        return prefix->has_nr && strace_name_known(name) ? task->arch : NULL;
}

static int call_done(struct strace *strace, struct strace_task *task, const struct arch *arch,
                     struct strace_text name, const struct strace_prefix *prefix,
                     const struct strace_args *args) {
        static const char *const births[] = { "fork", "vfork", "clone", "clone3" };
        struct event event;
        int r;

        import_event_init(&event);
        event.pid = event.tid = task->pid;
        event.first_ns = event.last_ns = prefix->time_ns;
        event.ip = prefix->ip;
        memcpy(event.comm, prefix->has_comm ? prefix->comm : task->comm, sizeof(event.comm));
        memcpy(event.exe, task->exe, sizeof(event.exe));
        if (args->returned) {
                strace_result_fill(args->result, &event);
        } else {
                event.flags |= EVENT_GONE;
                event.answer = EVENT_ANSWER_NONE;
        }
        r = give(strace, arch, name, prefix, args, &event);
        if (r || event.answer != EVENT_ANSWER_VALUE)
                return error_trace(r);
        if (name.n == 6 && memcmp(name.bytes, "execve", 6) == 0)
                strace_task_executed(task, args);
        for (size_t i = 0; i < sizeof(births) / sizeof(births[0]); i++)
                if (name.n == strlen(births[i]) && memcmp(name.bytes, births[i], name.n) == 0)
                        return error_trace(strace_task_born(strace, task, event.value));
        return 0;
}

/* ---- calls in several lines ---- */

static int pending_set(struct strace *strace, struct strace_pending *pending, const struct arch *arch,
                       struct strace_text name, struct strace_text text,
                       const struct strace_prefix *prefix) {
        *pending = (struct strace_pending){
                .open = true, .arch = arch, .prefix = *prefix, .line = strace->import->line
        };
        memcpy(pending->name, name.bytes, name.n); /* shorter: strace_shape() */
        if (text.n > PENDING_MAX)
                return 0;
        pending->text = malloc(text.n + 1);
        if (!pending->text)
                return error_origin(-ENOMEM);
        memcpy(pending->text, text.bytes, text.n);
        pending->n = text.n;
        return 0;
}

static struct strace_text pending_name(const struct strace_pending *pending) {
        return (struct strace_text){ pending->name, strnlen(pending->name, STRACE_NAME_MAX) };
}

/* Nothing will finish it any more. */
int strace_give_up(struct strace *strace, struct strace_task *task) {
        struct strace_pending *pending = &task->pending;
        struct strace_args args = { 0 };
        int r;

        if (!pending->open)
                return 0;
        if (pending->text)
                strace_args_split((struct strace_text){ pending->text, pending->n }, &args);
        args.returned = false;
        r = call_done(strace, task, pending->arch, pending_name(pending), &pending->prefix, &args);
        strace_pending_clear(pending);
        return error_trace(r);
}

/* The beginning kept, then the rest: one call. last_lost: something else stands at the end of the beginning.
 */
static int pending_finish(struct strace *strace, struct strace_task *task, struct strace_pending *pending,
                          struct strace_text rest, bool last_lost) {
        struct strace_args args = { 0 };
        char *joined = NULL;
        int r;

        if (pending->text) {
                joined = malloc(pending->n + rest.n + 1);
                if (!joined)
                        return error_origin(-ENOMEM);
                memcpy(joined, pending->text, pending->n);
                memcpy(joined + pending->n, rest.bytes, rest.n);
                strace_args_split((struct strace_text){ joined, pending->n + rest.n }, &args);
        } else {
                strace_args_split(rest, &args);
                args.n = 0; /* which ones they are is not known */
                args.whole.n = 0;
        }
        if (last_lost && args.n > 0)
                args.n--;
        r = call_done(strace, task, pending->arch, pending_name(pending), &pending->prefix, &args);
        free(joined);
        strace_pending_clear(pending);
        return error_trace(r);
}

static bool is_pending(const struct strace_task *task, struct strace_text name) {
        struct strace_text other = task ? pending_name(&task->pending) : (struct strace_text){ 0 };

        return task && task->pending.open && other.n == name.n &&
               memcmp(other.bytes, name.bytes, name.n) == 0;
}

/* The task whose call is resumed. While only one task is left strace prints no number. */
static struct strace_task *resumed_task(struct strace *strace, struct strace_task *task, bool has_pid,
                                        struct strace_text name) {
        struct strace_task *other = strace_task_find(strace, strace->default_pid);

        if (is_pending(task, name))
                return task;
        if (is_pending(other, name))
                return other;
        other = strace->newest;
        for (size_t i = 0; !has_pid && other && i < NEARBY_MAX; i++, other = other->older)
                if (is_pending(other, name))
                        return other;
        return task;
}

static int on_resumed(struct strace *strace, struct strace_task *task, const struct strace_prefix *prefix,
                      const struct strace_shape *shape) {
        struct strace_args args;
        const struct arch *arch;
        int r;

        task = resumed_task(strace, task, prefix->has_pid, shape->name);
        if (is_pending(task, shape->name))
                return error_trace(pending_finish(strace, task, &task->pending, shape->rest, false));
        /* Its beginning is not in the file: the call was made all the same. */
        r = strace_give_up(strace, task);
        if (r)
                return error_trace(r);
        arch = arch_of(strace, task, shape->name, prefix);
        strace_args_split(shape->rest, &args);
        if (!arch || (!args.returned && !args.interrupted)) {
                import_skip(strace->import, arch ? not_whole : not_a_call, NULL);
                return 0;
        }
        args.n = 0;
        args.whole.n = 0;
        return error_trace(call_done(strace, task, arch, shape->name, prefix, &args));
}

static void held_drop(struct strace *strace) {
        struct import *import = strace->import;
        uint64_t line = import->line;

        if (!strace->held.open)
                return;
        import->line = strace->held.line;
        import_skip(import, not_whole, "%.40s(… has no end", strace->held.name);
        import->line = line;
        strace_pending_clear(&strace->held);
}

static int on_call(struct strace *strace, struct strace_task *task, const struct strace_prefix *prefix,
                   const struct strace_shape *shape, bool torn) {
        struct strace_args args;
        const struct arch *arch;
        int r;

        strace_args_split(shape->rest, &args);
        if (args.closed && !args.returned && !args.interrupted) {
                import_skip(strace->import, not_whole, NULL);
                return 0;
        }
        arch = arch_of(strace, task, shape->name, prefix);
        if (!arch) {
                import_skip(strace->import, not_a_call,
                            "%s has no call %.*s; give --arch where it was traced", task->arch->name,
                            (int)shape->name.n, shape->name.bytes);
                return 0;
        }
        if (!args.closed && !args.interrupted && !torn) {
                held_drop(strace);
                strace->import->n_other++; /* with the rest of it */
                return error_trace(
                        pending_set(strace, &strace->held, arch, shape->name, shape->rest, prefix));
        }
        r = strace_give_up(strace, task);
        if (r)
                return error_trace(r);
        if (args.interrupted && args.awaited) {
                size_t n = (size_t)(args.whole.bytes - shape->rest.bytes) + args.whole.n;

                /* The comma behind the last one belongs to it. */
                while (n < shape->rest.n && strchr(" ,)", shape->rest.bytes[n]) && shape->rest.bytes[n])
                        n++;
                strace->import->n_other++;
                return error_trace(pending_set(strace, &task->pending, arch, shape->name,
                                               (struct strace_text){ shape->rest.bytes, n }, prefix));
        }
        return error_trace(call_done(strace, task, arch, shape->name, prefix, &args));
}

/* ---- tables ---- */

static int on_row(struct strace *strace, struct strace_text name, uint64_t calls) {
        const struct arch *arch = strace->table_arch;
        struct event event;
        int64_t nr;

        if (!knows(arch, name))
                arch = knows(strace->machine, name) ? strace->machine
                                                    : strace_mode_arch(strace->machine, STRACE_MODE_32);
        if (!knows(arch, name)) {
                import_skip(strace->import, not_a_call,
                            "%s has no call %.*s; give --arch where it was traced", strace->machine->name,
                            (int)(name.n < 60 ? name.n : 60), name.bytes);
                return 0;
        }
        import_event_init(&event);
        event.count = calls;
        nr = strace_number(arch, name);
        if (nr >= 0) {
                set_number(&event, arch, (uint32_t)nr);
                if (strace_seen(strace, &event)) {
                        strace->import->n_other++; /* -C counts the calls of its own lines */
                        return 0;
                }
        }
        return error_trace(give(strace, arch, name, NULL, NULL, &event));
}

static int on_table_line(struct strace *strace, struct strace_text line) {
        struct strace_text name;
        uint64_t calls;

        if (strace_table_row(&strace->table, line, &name, &calls))
                return error_trace(on_row(strace, name, calls));
        if (!strace->table.open) {
                strace->table_done = true;
                strace->table_arch = strace->machine;
        }
        strace->import->n_other++;
        return 0;
}

/* ---- lines ---- */

static int on_mode(struct strace *strace, const struct strace_shape *shape) {
        const struct arch *arch = strace_mode_arch(strace->machine, shape->mode);
        struct strace_task *task;
        int r;

        strace->import->n_other++;
        if (!arch)
                return 0;
        strace->current = arch;
        r = strace_task(strace, shape->pid, &task);
        if (r)
                return error_trace(r);
        task->arch = arch;
        if (strace->saw_pid || shape->pid == strace->default_pid)
                return 0;
        r = strace_task(strace, strace->default_pid, &task);
        if (r)
                return error_trace(r);
        task->arch = arch;
        return 0;
}

static int on_exited(struct strace *strace, uint32_t pid) {
        struct strace_task *task = strace_task_find(strace, pid);
        int r = 0;

        strace->import->n_other++;
        if (task) {
                r = strace_give_up(strace, task);
                /* Lines without a number are of whoever is left. */
                if (!r && pid != strace->default_pid)
                        strace_task_remove(strace, task);
        }
        return error_trace(r);
}

/* The rest of a line that the traced program printed into. */
static int on_rest(struct strace *strace, const struct strace_prefix *prefix,
                   const struct strace_shape *shape) {
        struct strace_task *task;
        int r;

        if (!strace->held.open || (prefix->has_pid && prefix->pid != strace->held.prefix.pid)) {
                import_skip(strace->import, not_of_strace, NULL);
                return 0;
        }
        r = strace_task(strace, strace->held.prefix.pid, &task);
        if (r)
                return error_trace(r);
        return error_trace(pending_finish(strace, task, &strace->held, shape->rest, true));
}

int strace_line(struct strace *strace, const char *line, size_t n, bool torn) {
        struct import *import = strace->import;
        struct strace_prefix prefix;
        struct strace_shape shape;
        struct strace_task *task;
        int r;

        import->line++;
        import->n_lines++;
        strace_shape(strace_prefix(line, n, &prefix), &shape);
        if (prefix.has_pid && (shape.kind == STRACE_CALL || shape.kind == STRACE_RESUMED))
                strace->saw_pid = true;
        if (!prefix.has_pid)
                prefix.pid = strace->default_pid;
        switch (shape.kind) {
        case STRACE_CALL:
        case STRACE_RESUMED:
                strace->table.open = false;
                r = strace_task(strace, prefix.pid, &task);
                if (r)
                        return error_trace(r);
                strace->current = task->arch;
                if (shape.kind == STRACE_CALL)
                        return error_trace(on_call(strace, task, &prefix, &shape, torn));
                return error_trace(on_resumed(strace, task, &prefix, &shape));
        case STRACE_REST:
                return error_trace(on_rest(strace, &prefix, &shape));
        case STRACE_MODE:
                return error_trace(on_mode(strace, &shape));
        case STRACE_EXIT:
                return error_trace(on_exited(strace, prefix.pid));
        case STRACE_SUMMARY:
                strace->table_arch = strace_mode_arch(strace->machine, shape.mode) ?: strace->machine;
                import->n_other++;
                return 0;
        case STRACE_HEADING:
                if (strace_table_open(&strace->table, shape.rest)) {
                        import->n_other++;
                        return 0;
                }
                break;
        case STRACE_SIGNAL:
        case STRACE_QUIET:
                import->n_other++;
                return 0;
        case STRACE_OTHER:
                break;
        }
        if (strace->table.open)
                return error_trace(on_table_line(strace, (struct strace_text){ line, n }));
        import_skip(import, not_of_strace, NULL);
        return 0;
}

/* trace.1234 and trace.1234.txt: of task 1234. */
static uint32_t pid_of_name(const char *source) {
        const char *at = strrchr(source, '/');
        uint64_t pid = 0, value;

        for (at = at ? at + 1 : source; (at = strchr(at, '.')); at++) {
                size_t n = import_number(at + 1, strlen(at + 1), 10, &value);

                if (n > 0 && (at[1 + n] == '.' || at[1 + n] == 0) && value <= UINT32_MAX)
                        pid = value;
        }
        return (uint32_t)pid;
}

int strace_begin(struct strace *strace, const char *source, const char *begin, size_t n) {
        int r = strace_end(strace);

        import_source(strace->import, source);
        strace->machine = strace->import->arch ? strace->import->arch : strace_guess(begin, n);
        strace->current = strace->table_arch = strace->machine;
        strace->default_pid = pid_of_name(source);
        strace->saw_pid = false;
        return error_trace(r);
}

int strace_end(struct strace *strace) {
        int r = 0;

        held_drop(strace);
        for (struct strace_task *task = strace->oldest; task && !r; task = task->newer)
                r = strace_give_up(strace, task);
        strace_tasks_clear(strace);
        strace->table.open = false;
        strace->table_done = true; /* what the next file shows is not this run's */
        return error_trace(r);
}

struct strace *strace_free(struct strace *strace) {
        if (!strace)
                return NULL;
        strace_tasks_clear(strace);
        strace_pending_clear(&strace->held);
        free(strace);
        return NULL;
}

int import_strace(struct strace *strace, int fd, const char *source) {
        struct import *import = strace->import;
        struct import_lines lines;
        const char *line;
        size_t n;
        int r;

        r = import_lines_init(&lines, fd);
        if (!r)
                r = import_lines_peek(&lines, &line, &n);
        if (!r)
                r = strace_begin(strace, source, line, n);
        while (!r) {
                r = import_lines_next(&lines, &line, &n);
                if (r == IMPORT_LINES_OK) {
                        r = strace_line(strace, line, n, lines.torn);
                } else if (r == IMPORT_LINES_LONG) {
                        import->line++;
                        import->n_lines++;
                        import_skip(import, "longer than 1 MiB", "longer than 1 MiB");
                        r = 0;
                }
        }
        import_lines_deinit(&lines);
        if (r == IMPORT_LINES_END)
                r = strace_end(strace);
        return error_trace(r);
}
