/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Which machine a trace was made on. strace does not say, except in a SIGSYS, so it is the machine that
 * knows the most of the names; of equals this one, then those whose programs it runs, then the rest in a
 * fixed order.
 *
 * What must stay true: the answer depends on the text alone, not on the order of its lines, and a trace of
 * this machine's own programs is never taken for one of another because of a few odd names.
 */

#include "policy/import_strace_parts.h"

#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 1024 /* distinct (mode, name) looked at */

struct sighting {
        struct strace_text name;
        enum strace_mode mode;
};

struct sightings {
        struct sighting items[NAMES_MAX];
        size_t n;
        const struct arch *said; /* by si_arch= */
};

static void add(struct sightings *seen, struct strace_text name, enum strace_mode mode) {
        for (size_t i = 0; i < seen->n; i++)
                if (seen->items[i].mode == mode && seen->items[i].name.n == name.n &&
                    memcmp(seen->items[i].name.bytes, name.bytes, name.n) == 0)
                        return;
        /* Words of prose are no evidence. */
        if (seen->n < NAMES_MAX && strace_name_known(name))
                seen->items[seen->n++] = (struct sighting){ name, mode };
}

static const struct arch *said_arch(struct strace_text signal) {
        static const char key[] = "si_arch=AUDIT_ARCH_";
        static const struct {
                const char *word, *name;
        } words[] = {
                { "SHEL", "sh" },
                { "SH", "sheb" },
        };
        const char *at = import_find(signal.bytes, signal.n, key);
        char name[24];
        size_t n = 0, left;

        if (!at)
                return NULL;
        at += strlen(key);
        left = signal.n - (size_t)(at - signal.bytes);
        while (n < left && n < sizeof(name) - 1 && at[n] != '}' && at[n] != ',')
                n++;
        memcpy(name, at, n);
        name[n] = 0;
        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (strcmp(words[i].word, name) == 0)
                        return arch_by_any(words[i].name);
        return arch_by_any(name);
}

static void look(struct sightings *seen, const char *bytes, size_t n) {
        enum strace_mode mode = STRACE_MODE_64;
        struct strace_table table = { 0 };

        while (n > 0) {
                const char *newline = memchr(bytes, '\n', n);
                size_t length = newline ? (size_t)(newline - bytes) : n;
                struct strace_prefix prefix;
                struct strace_shape shape;
                struct strace_args args;
                struct strace_text name;
                uint64_t calls;

                strace_shape(strace_prefix(bytes, length, &prefix), &shape);
                switch (shape.kind) {
                case STRACE_CALL:
                case STRACE_RESUMED:
                        strace_args_split(shape.rest, &args);
                        if (!args.returned && !args.interrupted)
                                break; /* prose, or cut */
                        table.open = false;
                        add(seen, shape.name, mode);
                        break;
                case STRACE_MODE:
                case STRACE_SUMMARY:
                        mode = shape.mode;
                        break;
                case STRACE_SIGNAL:
                        if (!seen->said)
                                seen->said = said_arch(shape.rest);
                        break;
                case STRACE_HEADING:
                        strace_table_open(&table, shape.rest);
                        break;
                default:
                        if (table.open &&
                            strace_table_row(&table, (struct strace_text){ bytes, length }, &name, &calls))
                                add(seen, name, mode);
                }
                bytes += newline ? length + 1 : length;
                n -= newline ? length + 1 : length;
        }
}

static bool has(const struct arch *arch, struct strace_text name) {
        const char *constant;

        return arch && (strace_number(arch, name) >= 0 || strace_multiplexer(arch, name, &constant) >= 0);
}

/* How badly the names fit a machine. A mode line may be hidden (-q), so a sibling's name is a small matter.
 */
static size_t misfit(const struct sightings *seen, const struct arch *machine) {
        const struct arch *siblings[4];
        size_t n = arch_siblings(machine, siblings), cost = 0;
        bool said = !seen->said || seen->said == machine;

        for (size_t i = 0; i < n; i++)
                said |= seen->said == siblings[i];
        if (!said)
                cost += 100 * NAMES_MAX;
        for (size_t i = 0; i < seen->n; i++) {
                const struct sighting *sighting = seen->items + i;
                bool near = has(machine, sighting->name);

                if (has(strace_mode_arch(machine, sighting->mode), sighting->name))
                        continue;
                for (size_t k = 0; k < n && !near; k++)
                        near = has(siblings[k], sighting->name);
                cost += near ? 1 : 10;
        }
        return cost;
}

const struct arch *strace_guess(const char *bytes, size_t n) {
        const struct arch *native = arch_native(), *best = native, *siblings[4];
        struct sightings *seen = calloc(1, sizeof(*seen));
        size_t n_siblings = arch_siblings(native, siblings), least, cost;

        if (!seen)
                return native;
        look(seen, bytes, n);
        least = misfit(seen, native);
        for (size_t i = 0; i < n_siblings + 2 * arch_table_n && least > 0; i++) {
                size_t row = (i - n_siblings) % arch_table_n;
                const struct arch *arch = i < n_siblings ? siblings[i] : arch_table + row;
                bool wide = i >= n_siblings && i - n_siblings < arch_table_n;

                /* Of the others first those that also run a sibling's programs. */
                if (arch->audit == ARCH_X32 || (wide && arch->bits == 32))
                        continue;
                cost = misfit(seen, arch);
                if (cost < least) {
                        best = arch;
                        least = cost;
                }
        }
        free(seen);
        return best;
}
