/* SPDX-License-Identifier: Apache-2.0 */
/* Tables of calls by action and family: what explain and inspect show. */

#include "policy/explain_table.h"

#include "policy/explain.h"
#include "policy/region.h"
#include "syscalls/table.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH 100 /* columns of a list of names */

/* Names one after the other, in lines of WIDTH columns behind a left margin. */
struct paragraph {
        FILE *to;
        size_t margin, column;
};

static void paragraph_word(struct paragraph *paragraph, const char *word) {
        size_t n = strlen(word);

        if (paragraph->column > paragraph->margin && paragraph->column + 1 + n > WIDTH) {
                fprintf(paragraph->to, "\n%*s", (int)paragraph->margin, "");
                paragraph->column = paragraph->margin;
        }
        if (paragraph->column > paragraph->margin) {
                fputc(' ', paragraph->to);
                paragraph->column++;
        }
        fputs(word, paragraph->to);
        paragraph->column += n;
}

static int compare(const void *left, const void *right) {
        const struct explain_line *a = left, *b = right;
        unsigned severity_a = action_severity(a->action), severity_b = action_severity(b->action);
        int r;

        if (severity_a != severity_b)
                return severity_a < severity_b ? -1 : 1;
        if (a->action != b->action)
                return a->action > b->action ? -1 : 1;
        r = strcmp(a->family, b->family);
        return r ? r : strcmp(a->name, b->name);
}

void explain_lines_sort(struct explain_line *lines, size_t n) {
        qsort(lines, n, sizeof(*lines), compare);
}

const char *explain_family(const struct syscall_row *row) {
        return row && row->family ? row->family : "other";
}

void explain_lines_print(const struct explain_line *lines, size_t n, FILE *to) {
        char words[64];

        for (size_t i = 0, j; i < n; i = j) {
                for (j = i; j < n && lines[j].action == lines[i].action; j++)
                        ;
                fprintf(to, "\n%zu %s %s:\n", j - i, j - i == 1 ? "call is" : "calls are",
                        explain_action(lines[i].action, words, sizeof(words)));
                for (size_t k = i; k < j;) {
                        const char *family = lines[k].family;
                        struct paragraph paragraph = { .to = to, .margin = 13, .column = 13 };

                        fprintf(to, "  %-10s ", family);
                        for (; k < j && !strcmp(lines[k].family, family); k++)
                                paragraph_word(&paragraph, lines[k].name);
                        fputc('\n', to);
                }
        }
}

void explain_lines_count(const struct explain_line *lines, size_t n, FILE *to) {
        char words[64];

        for (size_t i = 0, j; i < n; i = j) {
                for (j = i; j < n && lines[j].action == lines[i].action; j++)
                        ;
                fprintf(to, ", %zu %s", j - i, explain_action(lines[i].action, words, sizeof(words)));
        }
}
