/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"

static char *printed(const struct diags *diags, enum diag_severity least, bool colour) {
        char *text = NULL;
        size_t n;
        FILE *stream = open_memstream(&text, &n);

        diags_print(diags, stream, least, colour);
        fclose(stream);
        return text;
}

Test(diag, layouts) {
        struct diags diags = DIAGS_INIT;
        char *text;

        diags.file = "p.json";
        cr_assert_eq(diag_syntax(&diags, 3, 14, "unexpected '%c'", '}'), 0);
        cr_assert_eq(diag_add(&diags, DIAG_ERROR, NULL, "syscalls[3].args[0].op",
                              "\"%s\" is not an operator", "=="),
                     0);
        cr_assert_eq(diag_add(&diags, DIAG_WARNING, "shadowed-rule", "syscalls[4]", "never reached"), 0);
        diags.file = NULL;
        cr_assert_eq(diag_add(&diags, DIAG_INFO, NULL, NULL, "no file, no place"), 0);

        text = printed(&diags, DIAG_INFO, false);
        cr_assert_str_eq(text, "p.json:3:14: error: unexpected '}'\n"
                               "p.json: syscalls[3].args[0].op: error: \"==\" is not an operator\n"
                               "p.json: syscalls[4]: warning: never reached [shadowed-rule]\n"
                               "note: no file, no place\n");
        free(text);
        text = printed(&diags, DIAG_ERROR, false);
        cr_assert_null(strstr(text, "warning"));
        cr_assert_null(strstr(text, "note"));
        free(text);
        text = printed(&diags, DIAG_WARNING, true);
        cr_assert_not_null(strstr(text, "\033[1;31merror\033[0m"));
        free(text);
        cr_assert_eq(diags.n, 4);
        cr_assert_eq(diags.n_errors, 2);
        cr_assert_eq(diags.n_warnings, 1);
        diags_deinit(&diags);
        cr_assert_eq(diags.n, 0);
}

/* The sentence is copied, with the file it was about; later changes of the caller's text do not show. */
Test(diag, keeps_copies) {
        struct diags diags = DIAGS_INIT;
        char file[] = "first", place[] = "a.b";
        char *text;

        diags.file = file;
        diag_add(&diags, DIAG_ERROR, NULL, place, "x");
        strcpy(file, "other");
        strcpy(place, "c.d");
        text = printed(&diags, DIAG_INFO, false);
        cr_assert_str_eq(text, "first: a.b: error: x\n");
        free(text);
        diags_deinit(&diags);
}

Test(diag, a_flood_is_counted_not_kept) {
        struct diags diags = DIAGS_INIT;
        char *text;

        for (int i = 0; i < DIAGS_MAX + 25; i++)
                cr_assert_eq(diag_add(&diags, i % 2 ? DIAG_ERROR : DIAG_WARNING, NULL, NULL, "%d", i), 0);
        cr_assert_eq(diags.n, DIAGS_MAX);
        cr_assert_eq(diags.n_errors + diags.n_warnings, DIAGS_MAX + 25);
        text = printed(&diags, DIAG_ERROR, false);
        cr_assert_not_null(strstr(text, "(25 more are not shown)"));
        free(text);
        diags_deinit(&diags);
}

static const char *const names[] = { "read",           "write",          "openat",       "openat2",
                                     "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL" };

static const struct {
        const char *name, *nearest;
} nearest[] = {
        { "raed", "read" },
        { "wirte", "write" },
        { "openta", "openat" },
        { "openatt2", "openat2" },
        { "SCMP_ACT_ALOW", "SCMP_ACT_ALLOW" },
        { "SCMP_ACT_ERROR", "SCMP_ACT_ERRNO" },
        { "read", "read" },
        { "oepnat", "openat" },
        { "reda", "read" },
        { "red", "read" },
        { "rood", NULL },
        { "SCMP_ACTALOW", "SCMP_ACT_ALLOW" },
        { "SCMP_OLDWORD", NULL },
        { "something-else", NULL },
        { "zz", NULL },
        { "", NULL },
        { "x", NULL },
};

Test(diag, nearest) {
        char long_name[200];

        for (size_t i = 0; i < sizeof(nearest) / sizeof(nearest[0]); i++) {
                const char *found = diag_nearest(nearest[i].name, names, sizeof(names) / sizeof(names[0]));

                if (nearest[i].nearest)
                        cr_assert(found && strcmp(found, nearest[i].nearest) == 0, "%s: %s", nearest[i].name,
                                  found ? found : "nothing");
                else
                        cr_assert_null(found, "%s: %s", nearest[i].name, found);
        }
        memset(long_name, 'r', sizeof(long_name) - 1);
        long_name[sizeof(long_name) - 1] = 0;
        cr_assert_null(diag_nearest(long_name, names, sizeof(names) / sizeof(names[0])));
        cr_assert_null(diag_nearest("read", names, 0));
}

Test(diag, lines_in_memory) {
        struct buf lines = BUF_INIT(0);
        struct diags diags = DIAGS_INIT;

        diags_put(&diags, &lines, DIAG_WARNING);
        cr_assert_str_eq(buf_string(&lines), "");
        buf_puts(&lines, "before\n");
        diag_add(&diags, DIAG_INFO, NULL, NULL, "left out");
        diag_add(&diags, DIAG_WARNING, NULL, "rules[1]", "doubtful");
        diag_add(&diags, DIAG_ERROR, NULL, NULL, "wrong");
        diags_put(&diags, &lines, DIAG_WARNING);
        cr_assert_str_eq(buf_string(&lines), "before\nrules[1]: warning: doubtful\nerror: wrong\n");
        diags_deinit(&diags);
        buf_deinit(&lines);
}
