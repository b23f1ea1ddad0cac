/* SPDX-License-Identifier: Apache-2.0 */
/* Commas, brackets and indentation. What must stay true: any sequence of calls that opens what it closes
 * gives JSON, whatever bytes the strings hold. */

#include "policy/write_layout.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

static int put_bytes(const char *bytes, size_t n, void *to) {
        buf_put(to, bytes, n);
        return 0;
}

void layout_quote(struct layout *layout, const char *text) {
        json_t *string = json_string(text);

        /* Names come from readers that take UTF-8 only, or from our own tables. */
        if (!string || json_dump_callback(string, put_bytes, layout->to, JSON_ENCODE_ANY) < 0)
                layout->to->error = layout->to->error ?: -EILSEQ;
        json_decref(string);
}

void layout_line(struct layout *layout) {
        buf_puts(layout->to, layout->first ? "\n" : ",\n");
        for (unsigned i = 0; i < layout->indent; i++)
                buf_putc(layout->to, '\t');
        layout->first = false;
}

void layout_key(struct layout *layout, const char *name) {
        layout_line(layout);
        buf_printf(layout->to, "\"%s\": ", name);
}

void layout_open(struct layout *layout, char bracket) {
        buf_putc(layout->to, bracket);
        layout->indent++;
        layout->first = true;
}

void layout_close(struct layout *layout, char bracket) {
        bool empty = layout->first;

        layout->indent--;
        layout->first = true;
        if (!empty)
                layout_line(layout);
        buf_putc(layout->to, bracket);
        layout->first = false;
}

void layout_text(struct layout *layout, const char *name, const char *text) {
        layout_key(layout, name);
        layout_quote(layout, text);
}

void layout_number(struct layout *layout, const char *name, uint64_t value) {
        layout_key(layout, name);
        buf_printf(layout->to, "%" PRIu64, value);
}

void layout_words(struct layout *layout, const char *name, char *const *words, size_t n) {
        if (n == 0)
                return;
        layout_key(layout, name);
        layout_open(layout, '[');
        for (size_t i = 0; i < n; i++) {
                layout_line(layout);
                layout_quote(layout, words[i]);
        }
        layout_close(layout, ']');
}
