/* SPDX-License-Identifier: Apache-2.0 */
/* The keys that the reader knows are those of callgated(8), one by one. */

#include "supervisor/service/config_read.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS_MAX 256

struct list {
        char names[KEYS_MAX][128];
        size_t n;
};

static void add(struct list *list, const char *name, size_t length) {
        for (size_t i = 0; i < list->n; i++)
                if (strlen(list->names[i]) == length && memcmp(list->names[i], name, length) == 0)
                        return;
        cr_assert_lt(list->n, KEYS_MAX);
        snprintf(list->names[list->n++], sizeof(list->names[0]), "%.*s", (int)length, name);
}

static bool is_shared(const struct config_keys *keys, const struct config_keys *below) {
        size_t n = 0;

        for (size_t i = 0; i < keys->n; i++)
                n += keys->rows[i].below == below;
        return n > 1;
}

/* Keys below several rows alike are written once, with '*' for the row. */
static void walk(const struct config_keys *keys, const char *prefix, struct list *list) {
        char name[120], inner[122];

        for (size_t i = 0; i < keys->n; i++) {
                const struct config_key *row = &keys->rows[i];

                snprintf(name, sizeof(name), "%s%s", prefix, row->name);
                add(list, name, strlen(name));
                if (!row->below)
                        continue;
                if (is_shared(keys, row->below))
                        snprintf(inner, sizeof(inner), "%s*.", prefix);
                else
                        snprintf(inner, sizeof(inner), "%s.", name);
                walk(row->below, inner, list);
        }
}

/* ".It Cm a.b , c.d" of the section CONFIGURATION. */
static void read_page(struct list *list) {
        FILE *file = fopen(SOURCE_DIR "/docs/man/callgated.8", "r");
        char line[512];
        bool inside = false;

        cr_assert_not_null(file);
        while (fgets(line, sizeof(line), file)) {
                if (strncmp(line, ".Sh ", 4) == 0)
                        inside = strcmp(line, ".Sh CONFIGURATION\n") == 0;
                if (!inside || strncmp(line, ".It Cm ", 7) != 0)
                        continue;
                for (char *word = strtok(line + 7, " ,\n"); word; word = strtok(NULL, " ,\n"))
                        add(list, word, strlen(word));
        }
        fclose(file);
}

static void expect_all(const struct list *these, const struct list *among, const char *where) {
        for (size_t i = 0; i < these->n; i++) {
                bool found = false;

                for (size_t j = 0; j < among->n && !found; j++)
                        found = strcmp(these->names[i], among->names[j]) == 0;
                cr_expect(found, "%s is not in %s", these->names[i], where);
        }
}

Test(config_keys, the_manual_has_them_all_and_no_others) {
        static struct list known, written;

        walk(&config_keys, "", &known);
        read_page(&written);
        cr_assert_gt(known.n, 40);
        expect_all(&known, &written, "callgated(8)");
        expect_all(&written, &known, "the reader");
}
