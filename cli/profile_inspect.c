/* SPDX-License-Identifier: Apache-2.0 */

/* callgate profile inspect: the filters of a running task, and what it cannot do under them. */

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/inspect.h"
#include "base/error.h"
#include "cli/exit.h"
#include "cli/profile_verbs.h"
#include "cli/say.h"
#include "policy/disassemble.h"
#include "policy/explain.h"
#include "policy/inspect.h"
#include "policy/write_inspect.h"
#include "syscalls/names.h"

static const char help[] =
        "usage: callgate profile inspect [OPTION…] PID|--self\n"
        "\n"
        "Says which seccomp filters a running task is under and, as root, what they do with every\n"
        "system call: what the task, or the container it is in, cannot call. All filters count; the\n"
        "most severe answer wins. To read them the task is stopped for a moment, which makes a\n"
        "waiting epoll_wait or the like return EINTR, as any debugger does.\n"
        "\n"
        "  --self        callgate's own task, so what callgate and its caller are under\n"
        "  --proc        ask /proc only: mode and number, nothing is stopped\n"
        "  --all         list also the calls that run\n"
        "  --risky       only the calls that are a risk\n"
        "  --filters     print the filters as programs instead\n"
        "  --arch ARCH   calls of this architecture (x86_64, i386, …)\n"
        "  --json        one JSON document\n"
        "  -h, --help    this text\n"
        "\n"
        "exit: 0; 1 the filters could not be read; 2 no such task\n"
        "example: callgate profile inspect $(docker inspect -f '{{.State.Pid}}' web)\n";

struct inspection {
        struct inspect_options options;
        bool self, proc_only, programs, json;
        pid_t pid;
};

static const char *trouble(int r) {
        switch (r) {
        case INSPECT_E_PRIVILEGE:
                return "reading filters wants CAP_SYS_ADMIN on the host; run it there as root";
        case INSPECT_E_FILTERED:
                return "callgate is under a filter itself, and the kernel then lets it read none; run it "
                       "outside, as root";
        case INSPECT_E_TRACED:
                return "a debugger traces the task; end it first";
        case INSPECT_E_BUSY:
                return "the task did not stop within 2 s; try again when it is not waiting for a disk or a "
                       "supervisor";
        case INSPECT_E_KERNEL:
                return "this kernel does not hand out filters (CONFIG_CHECKPOINT_RESTORE is off)";
        default:
                return NULL;
        }
}

static void print_head(const struct inspect_task *task) {
        static const char *const modes[] = { "under no filter", "in strict mode: read, write and exit only",
                                             "under" };
        struct buf name = BUF_INIT(256);

        buf_escape(&name, task->name, strlen(task->name));
        printf("%s (%d) is %s", buf_string(&name), task->pid,
               task->mode < 0 || task->mode > 2 ? "on a kernel without seccomp" : modes[task->mode]);
        buf_deinit(&name);
        if (task->mode == 2 && task->n_filters >= 0)
                printf(" %ld filter%s", task->n_filters, task->n_filters == 1 ? "" : "s");
        else if (task->mode == 2)
                printf(" filters");
        printf("%s\n", task->no_new_privs == 1 ? ", with no_new_privs" : "");
        if (task->n_otherwise)
                printf("%zu of its %zu threads are otherwise: see /proc/%d/task and inspect those by "
                       "number\n",
                       task->n_otherwise, task->n_threads, task->pid);
}

static int print_programs(const struct inspect_filters *filters) {
        for (size_t i = 0; i < filters->n; i++) {
                struct buf text = BUF_INIT(0);
                int r = filter_disassemble(&filters->items[i], &text);

                printf("%sfilter %zu%s, %zu instructions%s\n%s", i ? "\n" : "", i + 1,
                       filters->n == 1       ? ""
                       : !i                  ? " (the oldest)"
                       : i + 1 == filters->n ? " (the newest)"
                                             : "",
                       filters->items[i].n, filters->logs[i] ? ", what it refuses is logged" : "",
                       buf_string(&text));
                buf_deinit(&text);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int show(const struct inspection *inspection, const struct inspect_task *task,
                const struct inspect_filters *filters, const char *why) {
        struct inspect_about about = {
                .pid = task->pid,
                .name = task->name,
                .mode = task->mode,
                .no_new_privs = task->no_new_privs,
                .n_filters = task->n_filters,
                .trouble = why,
                .logs = filters->logs,
                .programs = inspection->programs,
        };

        if (inspection->json)
                return error_trace(
                        inspect_json(&about, filters->items, filters->n, &inspection->options, stdout));
        print_head(task);
        if (why || task->mode != 2)
                return 0;
        return error_trace(inspection->programs ? print_programs(filters)
                                                : inspect_print(filters->items, filters->n,
                                                                &inspection->options, stdout));
}

static int inspect(const struct inspection *inspection) {
        struct inspect_filters filters = INSPECT_FILTERS_INIT;
        struct inspect_task task;
        const char *why = NULL;
        int r = inspect_task_read(inspection->pid, &task), shown;

        if (!r && inspection->proc_only)
                why = "not asked for (--proc)";
        else if (!r && task.mode == 1)
                why = "strict mode has no filter: read, write, exit and rt_sigreturn only";
        else if (!r && inspection->self && task.mode == 2)
                why = trouble(INSPECT_E_FILTERED);
        else if (!r && task.mode == 2)
                r = inspect_filters_read(inspection->pid, &filters);
        if (r == INSPECT_E_GONE)
                return say_usage("profile inspect", "there is no task %d", inspection->pid);
        if (r > 0)
                why = trouble(r);
        if (r < 0)
                return say_trouble(r, "profile inspect");
        shown = show(inspection, &task, &filters, why);
        inspect_filters_deinit(&filters);
        if (shown)
                return say_trouble(shown, "profile inspect");
        if (!why || inspection->proc_only || task.mode == 1)
                return 0;
        say("the filters were not read: %s", why);
        return 1;
}

static int take_pid(struct inspection *inspection, const char *text) {
        char *end;
        long value = strtol(text, &end, 10);

        if (*end || end == text || value < 1 || value > 0x7fffffff)
                return say_usage("profile inspect", "'%s' is not the number of a task", text);
        inspection->pid = (pid_t)value;
        return 0;
}

int profile_verb_inspect(int argc, char **argv) {
        enum { SELF = 1, PROC, ALL, RISKY, FILTERS, ARCH, JSON };
        static const struct option options[] = {
                { "self", no_argument, NULL, SELF },
                { "proc", no_argument, NULL, PROC },
                { "all", no_argument, NULL, ALL },
                { "risky", no_argument, NULL, RISKY },
                { "filters", no_argument, NULL, FILTERS },
                { "arch", required_argument, NULL, ARCH },
                { "json", no_argument, NULL, JSON },
                { "help", no_argument, NULL, 'h' },
                { 0 },
        };
        struct inspection inspection = { 0 };
        int option, r;

        while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1)
                switch (option) {
                case 'h':
                        fputs(help, stdout);
                        return 0;
                case SELF:
                        inspection.self = true;
                        break;
                case PROC:
                        inspection.proc_only = true;
                        break;
                case ALL:
                        inspection.options.all = true;
                        break;
                case RISKY:
                        inspection.options.risky = true;
                        break;
                case FILTERS:
                        inspection.programs = true;
                        break;
                case ARCH:
                        inspection.options.arch = arch_by_any(optarg);
                        if (!inspection.options.arch)
                                return say_usage("profile inspect",
                                                 "--arch: '%s' is not an architecture; write one such as "
                                                 "x86_64 or i386",
                                                 optarg);
                        break;
                case JSON:
                        inspection.json = true;
                        break;
                default:
                        fputs("Try 'callgate profile inspect --help'.\n", stderr);
                        return EXIT_USAGE;
                }
        if (argc - optind + inspection.self != 1)
                return say_usage("profile inspect", "inspect which task? Give one number, or --self");
        inspection.pid = getpid();
        if (!inspection.self && (r = take_pid(&inspection, argv[optind])))
                return r;
        return inspect(&inspection);
}
