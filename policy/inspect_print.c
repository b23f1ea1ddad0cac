/* SPDX-License-Identifier: Apache-2.0 */
/* The verdict of stacked filters about every call, for people: what is refused first of all, since that is
 * the question. */

#include "policy/inspect.h"

#include "base/error.h"
#include "policy/explain.h"
#include "policy/explain_table.h"
#include "policy/risk.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <stdlib.h>

size_t inspect_arches(const struct inspect_options *options, const struct arch *ret[5]) {
        const struct arch *siblings[4];
        size_t n = 0, n_siblings;

        ret[n++] = options->arch ? options->arch : arch_native();
        if (options->arch)
                return n;
        n_siblings = arch_siblings(ret[0], siblings);
        for (size_t i = 0; i < n_siblings && n < 5; i++)
                ret[n++] = siblings[i];
        return n;
}

static void print_varying(const char *name, const struct inspect_verdict *verdict, FILE *to) {
        char words[64];

        fprintf(to, "  %s: ", name);
        for (size_t i = 0; i < verdict->n; i++)
                fprintf(to, "%s%s",
                        !i                    ? ""
                        : i + 1 == verdict->n ? " or "
                                              : ", ",
                        explain_action(verdict->actions[i], words, sizeof(words)));
        fputc('\n', to);
}

struct listing {
        struct explain_line *lines; /* owned */
        size_t n, n_calls;
};

/* Prints what varies on the way, when asked to. */
static int collect(const struct filter *filters, size_t n, const struct arch *arch,
                   const struct inspect_options *options, bool varying, struct listing *listing, FILE *to) {
        uint32_t cursor = 0, nr;
        bool begun = false;
        const char *name;

        while ((name = syscall_next(arch, &cursor, &nr))) {
                struct inspect_verdict verdict;
                int r;

                if (options->risky && !risk_find(name))
                        continue;
                r = inspect_call(filters, n, arch, nr, &verdict);
                if (r)
                        return error_trace(r);
                if (verdict.n == 1 && !varying)
                        listing->lines[listing->n++] = (struct explain_line){
                                .name = name,
                                .family = explain_family(syscall_row_of(arch->audit, nr)),
                                .action = verdict.actions[0],
                        };
                if (verdict.n > 1 && varying) {
                        fputs(begun ? "" : "\nDepends on the arguments:\n", to);
                        begun = true;
                        print_varying(name, &verdict, to);
                }
                listing->n_calls++;
        }
        return 0;
}

static int print_arch(const struct filter *filters, size_t n, const struct arch *arch,
                      const struct inspect_options *options, FILE *to) {
        struct listing listing = { 0 }, varying = { 0 };
        uint32_t cursor = 0, nr;
        size_t size = 1, first = 0;
        int r;

        while (syscall_next(arch, &cursor, &nr))
                size++;
        listing.lines = calloc(size, sizeof(*listing.lines));
        if (!listing.lines)
                return error_origin(-ENOMEM);
        r = collect(filters, n, arch, options, false, &listing, to);
        if (!r) {
                explain_lines_sort(listing.lines, listing.n);
                fprintf(to, "\n%s: %zu calls%s, %zu of them depend on the arguments", arch->name,
                        listing.n_calls, options->risky ? " that are a risk" : "",
                        listing.n_calls - listing.n);
                explain_lines_count(listing.lines, listing.n, to);
                fputc('\n', to);
                while (!options->all && first < listing.n && explain_runs(listing.lines[first].action))
                        first++;
                /* All of one kind, as for an architecture that no filter knows: the count has said it. */
                if (options->all ||
                    (listing.n && listing.lines[0].action != listing.lines[listing.n - 1].action))
                        explain_lines_print(listing.lines + first, listing.n - first, to);
                r = collect(filters, n, arch, options, true, &varying, to);
        }
        free(listing.lines);
        return error_trace(r);
}

int inspect_print(const struct filter *filters, size_t n, const struct inspect_options *options, FILE *to) {
        const struct arch *arches[5];
        size_t n_arches = inspect_arches(options, arches);
        int r = 0;

        for (size_t i = 0; !r && i < n_arches; i++)
                r = print_arch(filters, n, arches[i], options, to);
        return r ? error_trace(r) : ferror(to) ? error_origin(-EIO) : 0;
}
