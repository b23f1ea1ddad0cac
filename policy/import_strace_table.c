/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Tables of strace -c, -C and -U, wherever they stand: under their heading one row per call, closed by the
 * total. The columns are read from the heading; the one of errors is empty where there were none.
 */

#include "policy/import_strace_parts.h"

#include <ctype.h>
#include <string.h>

static const char *const headings[] = {
        "%", "time", "seconds", "usecs/call", "calls", "errors", "syscall", "shortest", "longest",
};

static struct strace_text next_word(struct strace_text *text) {
        struct strace_text word;

        while (text->n > 0 && isspace((unsigned char)*text->bytes)) {
                text->bytes++;
                text->n--;
        }
        word = (struct strace_text){ text->bytes, 0 };
        while (text->n > 0 && !isspace((unsigned char)*text->bytes)) {
                text->bytes++;
                text->n--;
                word.n++;
        }
        return word;
}

static bool text_is(struct strace_text text, const char *word) {
        return text.n == strlen(word) && memcmp(text.bytes, word, text.n) == 0;
}

bool strace_table_open(struct strace_table *table, struct strace_text heading) {
        struct strace_text word;

        *table = (struct strace_table){ .name = UINT8_MAX, .calls = UINT8_MAX, .errors = UINT8_MAX };
        for (word = next_word(&heading); word.n > 0; word = next_word(&heading)) {
                bool known = false;

                for (size_t i = 0; i < sizeof(headings) / sizeof(headings[0]); i++)
                        known |= text_is(word, headings[i]);
                if (!known || table->n == STRACE_COLUMNS_MAX)
                        return false;
                if (text_is(word, "%"))
                        continue; /* "% time" is one column */
                if (text_is(word, "syscall"))
                        table->name = table->n;
                else if (text_is(word, "calls"))
                        table->calls = table->n;
                else if (text_is(word, "errors"))
                        table->errors = table->n;
                table->n++;
        }
        table->open = table->name != UINT8_MAX && table->n > 1;
        return table->open;
}

static bool is_number(struct strace_text word) {
        for (size_t i = 0; i < word.n; i++)
                if (!isdigit((unsigned char)word.bytes[i]) && word.bytes[i] != '.')
                        return false;
        return word.n > 0;
}

/* Column of the n-th word, when the column of errors is empty. */
static uint8_t column_of(const struct strace_table *table, size_t position, size_t n_words) {
        return (uint8_t)(n_words < table->n && position >= table->errors ? position + 1 : position);
}

bool strace_table_row(struct strace_table *table, struct strace_text line, struct strace_text *ret_name,
                      uint64_t *ret_calls) {
        struct strace_text words[STRACE_COLUMNS_MAX], word;
        size_t n = 0;
        uint64_t calls = 1;

        for (word = next_word(&line); word.n > 0; word = next_word(&line)) {
                if (n == table->n)
                        return false;
                words[n++] = word;
        }
        if (n != table->n && !(n + 1 == table->n && table->errors != UINT8_MAX))
                return false;
        *ret_name = (struct strace_text){ 0 };
        for (size_t i = 0; i < n; i++) {
                uint8_t column = column_of(table, i, n);

                if (column == table->name)
                        *ret_name = words[i];
                else if (!is_number(words[i]))
                        return false; /* the ruler, or no row at all */
                else if (column == table->calls &&
                         import_number(words[i].bytes, words[i].n, 10, &calls) != words[i].n)
                        return false;
        }
        if (text_is(*ret_name, "total")) {
                table->open = false;
                return false;
        }
        *ret_calls = calls;
        return ret_name->n > 0 && !isdigit((unsigned char)*ret_name->bytes) && calls > 0;
}
