/* SPDX-License-Identifier: Apache-2.0 */

/* From a profile and a command to a report. */

#include "cli/refusals.h"

#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/exit.h"
#include "cli/options.h"
#include "cli/say.h"
#include "policy/match.h"
#include "syscalls/names.h"

int refusals_open(struct refusals *refusals, const char *path) {
        return options_profile(path, NULL, &refusals->resolved, &refusals->enforcing);
}

const char *refusals_rule(void *data, const struct event *event) {
        const struct refusals *refusals = data;
        struct match match;

        match_call(refusals->resolved, event->arch, event->nr, event->args, &match);
        return match.place; /* the profile's */
}

void refusals_say_start(const struct refusals *refusals, const char *path) {
        const struct arch *arch = arch_native();
        int nr = syscall_number(arch, "execve");
        uint64_t args[6] = { 0 };
        struct match match;
        uint32_t action =
                nr < 0 ? SECCOMP_RET_ALLOW : match_call(refusals->resolved, arch->audit, nr, args, &match);

        action &= SECCOMP_RET_ACTION_FULL;
        if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
                say("%s refuses execve (%s), and a program is started by that call, under the filter; allow "
                    "it",
                    path, match.place);
}

static int on_row(void *data, const struct event *event) {
        struct refusals *refusals = data;

        return report_add(refusals->report, event);
}

int refusals_supervise(struct refusals *refusals, struct supervise_options *options,
                       int (*make)(const struct filter *enforcing, struct filter *ret), const char *path,
                       const char *file, struct supervise_result *ret) {
        struct report_options report_options = {
                .width = file ? REPORT_WIDTH_WHOLE : report_width(STDERR_FILENO),
                .enforced = options->mode == WIRE_MODE_ENFORCE,
                .rule_text = refusals_rule,
                .rule_data = refusals,
                .profile = path,
                .command = options->argv[0],
        };
        struct filter installed = FILTER_INIT;
        int r = make(&refusals->enforcing, &installed);

        if (r == -E2BIG) {
                say_error("%s: the profile makes a filter of more than %d instructions", path, FILTER_MAX);
                return EXIT_USAGE;
        }
        if (!r)
                r = report_new(&report_options, &refusals->report);
        if (r) {
                filter_deinit(&installed);
                return say_trouble(r, path);
        }
        options->enforcing = &refusals->enforcing;
        options->installed = &installed;
        options->filter_flags = options_filter_flags(refusals->resolved);
        options->on_row = on_row;
        options->data = refusals;
        r = supervise(options, ret);
        filter_deinit(&installed);
        if (!r)
                report_ledger(refusals->report, &ret->ledger);
        return r;
}

int refusals_print(struct refusals *refusals, bool json, FILE *to) {
        struct buf text = BUF_INIT(0);
        int r = json ? report_print_json(refusals->report, &text) : report_print(refusals->report, &text);

        if (r)
                r = say_trouble(r, "result");
        else
                fwrite(text.data, 1, text.n, to);
        buf_deinit(&text);
        return r;
}

void refusals_close(struct refusals *refusals) {
        report_free(refusals->report);
        filter_deinit(&refusals->enforcing);
        profile_free(refusals->resolved);
        *refusals = REFUSALS_INIT;
}
