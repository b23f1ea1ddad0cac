/* SPDX-License-Identifier: Apache-2.0 */

/* What must stay true: text of a program never ends its quotes, and never means anything in a pattern or as
 * a variable. */

#include "cli/answer_rule.h"

#include <inttypes.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* What does not belong to ASCII: some of it is not allowed as such in YAML. */
static void put_wide(struct buf *to, const unsigned char *bytes, size_t n) {
        uint32_t character = bytes[0] & (0x7fu >> n);

        for (size_t i = 1; i < n; i++)
                character = character << 6 | (bytes[i] & 0x3fu);
        buf_printf(to, "\\U%08" PRIx32, character);
}

/* As a YAML string in double quotes; characters that mean something in patterns are taken literally. */
static void put_quoted(struct buf *to, const char *text, size_t n, bool pattern) {
        size_t length;

        buf_putc(to, '"');
        for (size_t i = 0; i < n && text[i]; i += length) {
                length = utf8_length(text + i, n - i);
                if (length > 1) {
                        put_wide(to, (const unsigned char *)text + i, length);
                        continue;
                }
                length = 1;
                if (pattern && strchr("*?[]{}()~\\", text[i]))
                        buf_puts(to, "\\\\");
                if (text[i] == '"' || text[i] == '\\')
                        buf_putc(to, '\\');
                if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                        buf_printf(to, "\\x%02x", (unsigned char)text[i]);
                else if (text[i] == '$')
                        buf_puts(to, "$$");
                else
                        buf_putc(to, text[i]);
        }
        buf_putc(to, '"');
}

static void put_args(struct buf *to, const struct message_question *question) {
        buf_puts(to, "      args:\n");
        for (size_t i = 0; i < question->n_args; i++) {
                const struct message_question_arg *arg = &question->args[i];

                buf_printf(to, "        %.*s: { mask: 0x%" PRIx64 ", is: 0x%" PRIx64 " }\n",
                           (int)arg->n_name, arg->name, arg->mask, arg->value);
        }
}

static void put_conditions(struct buf *to, const struct message_question *question) {
        const char *object = question->object;
        size_t n = question->n_object;

        if (question->n_program > 0) {
                buf_puts(to, "      program: ");
                put_quoted(to, question->program, question->n_program, true);
                buf_putc(to, '\n');
        }
        if (n > 0) {
                bool path = object[0] == '/', unix_path = n >= 5 && memcmp(object, "unix:", 5) == 0;

                /* Of addresses, only those of Unix sockets are patterns. */
                buf_puts(to, path ? "      path: " : "      address: ");
                put_quoted(to, object, n, path || unix_path);
                buf_putc(to, '\n');
        }
        if (question->n_args > 0)
                put_args(to, question);
}

void answer_rule(struct buf *to, const struct message_question *question, bool allow) {
        const char *error = strerrorname_np(question->error);

        buf_printf(to, "  - syscalls: [%.*s]\n", (int)question->n_call, question->call);
        if (question->n_program + question->n_object + question->n_args > 0) {
                buf_puts(to, "    where:\n");
                put_conditions(to, question);
        }
        if (allow)
                buf_puts(to, "    do: allow\n");
        else if (error)
                buf_printf(to, "    do: { errno: %s }\n", error);
        else
                buf_printf(to, "    do: { errno: %d }\n", (int)question->error);
}
