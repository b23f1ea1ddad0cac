/* SPDX-License-Identifier: Apache-2.0 */

/* Arrays of the task: argv, the size of envp, buffers and iovecs. How much is looked at is fixed here; a
 * count or length of the task only makes it less. */

#include <string.h>
#include "supervisor/decode/decoder.h"

/* Pointer number i of an array; false where memory ends. */
static bool read_pointer(struct decoder *decoder, uint64_t array, size_t i, uint64_t *ret) {
        size_t word = decode_word(decoder);
        char bytes[8];

        if (array > UINT64_MAX - i * word || !decode_read_all(decoder, array + i * word, bytes, word))
                return false;
        *ret = decode_number(decoder, bytes, word);
        return true;
}

void decode_argv(struct decoder *decoder, uint64_t address) {
        uint64_t word;

        if (!address || !read_pointer(decoder, address, 0, &word)) {
                text_pointer(decoder->text, address);
                return;
        }
        text_put(decoder->text, "[", 1);
        for (size_t i = 0; !decoder->text->cut; i++) {
                if (!read_pointer(decoder, address, i, &word)) {
                        text_puts(decoder->text, i ? ", ???" : "???");
                        break;
                }
                if (!word)
                        break;
                if (i)
                        text_puts(decoder->text, ", ");
                if (i == DECODE_ARGV_MAX) {
                        text_puts(decoder->text, "...");
                        break;
                }
                decode_string(decoder, word, DECODE_STRING_MAX);
        }
        text_put(decoder->text, "]", 1);
}

void decode_envp(struct decoder *decoder, uint64_t address) {
        size_t word = decode_word(decoder), n = 0;
        char bytes[1024];
        bool ended = false;

        text_pointer(decoder->text, address);
        if (!address)
                return;
        while (!ended && n < DECODE_ENVP_MAX && address <= UINT64_MAX - n * word) {
                size_t got = decode_read(decoder, address + n * word, bytes, sizeof(bytes)) / word;

                for (size_t i = 0; i < got && !ended; i++) {
                        ended = !decode_number(decoder, bytes + i * word, word);
                        n += !ended;
                }
                if (got < sizeof(bytes) / word)
                        break;
        }
        if (ended)
                text_printf(decoder->text, " /* %zu var%s */", n, n == 1 ? "" : "s");
        else if (n >= DECODE_ENVP_MAX)
                text_printf(decoder->text, " /* more than %zu vars */", n);
}

void decode_buffer(struct decoder *decoder, uint64_t address, uint64_t length) {
        char bytes[DECODE_BUFFER_MAX];
        size_t n = length < sizeof(bytes) ? (size_t)length : sizeof(bytes), got;

        if (!address) {
                text_puts(decoder->text, "NULL");
                return;
        }
        got = decode_read(decoder, address, bytes, n);
        if (got < n || (!n && length))
                text_pointer(decoder->text, address);
        else
                text_quote(decoder->text, bytes, n, length > n);
}

void decode_iovec(struct decoder *decoder, uint64_t address, uint64_t count) {
        size_t word = decode_word(decoder);
        char bytes[16];

        if (!address || !count || !decode_read_all(decoder, address, bytes, 2 * word)) {
                if (address && !count)
                        text_puts(decoder->text, "[]");
                else
                        text_pointer(decoder->text, address);
                return;
        }
        text_put(decoder->text, "[", 1);
        for (uint64_t i = 0; i < count && !decoder->text->cut; i++) {
                uint64_t length;

                if (i)
                        text_puts(decoder->text, ", ");
                if (i == DECODE_IOVEC_MAX) {
                        text_puts(decoder->text, "...");
                        break;
                }
                if (address > UINT64_MAX - i * 2 * word ||
                    !decode_read_all(decoder, address + i * 2 * word, bytes, 2 * word)) {
                        text_puts(decoder->text, "???");
                        break;
                }
                length = decode_number(decoder, bytes + word, word);
                text_puts(decoder->text, "{iov_base=");
                decode_buffer(decoder, decode_number(decoder, bytes, word), length);
                text_puts(decoder->text, ", iov_len=");
                text_unsigned(decoder->text, length);
                text_put(decoder->text, "}", 1);
        }
        text_put(decoder->text, "]", 1);
}
