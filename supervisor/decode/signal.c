/* SPDX-License-Identifier: Apache-2.0 */

/* Signals: their numbers, sets of them, and sigaction. Names are those of the architecture. */

#include <string.h>
#include "supervisor/decode/decoder.h"

#define SA_RESTORER_BIT 0x04000000u

static const char *signal_name(const struct constant_set *signals, unsigned number) {
        for (size_t i = 0; i < signals->n; i++)
                if (signals->items[i].value == number)
                        return signals->items[i].name;
        return NULL;
}

static const struct constant_set *signals_of(const struct decoder *decoder) {
        return constant_set_variant(constant_set_by_name("signal"), decoder->arch->audit);
}

void decode_signal(struct decoder *decoder, uint64_t value) {
        int number = (int)value;
        const char *name = number > 0 ? signal_name(signals_of(decoder), (unsigned)number) : NULL;

        if (name)
                text_puts(decoder->text, name);
        else if (number == 32)
                text_puts(decoder->text, "SIGRTMIN");
        else if (number > 32 && number <= 64)
                text_printf(decoder->text, "SIGRT_%d", number - 32);
        else
                text_signed(decoder->text, number);
}

static void put_set(struct decoder *decoder, const char *bytes) {
        const struct constant_set *signals = signals_of(decoder);
        size_t word = decode_word(decoder), n_set = 0;
        const char *separator = "";
        uint64_t set = 0;

        /* an array of words: on big-endian 32-bit machines not the same as one 64-bit number */
        for (size_t at = 0; at < 8; at += word)
                set |= decode_number(decoder, bytes + at, word) << (8 * at);
        for (unsigned i = 0; i < 64; i++)
                n_set += set >> i & 1;
        /* mostly full: those left out say more */
        if (n_set > 32) {
                text_put(decoder->text, "~", 1);
                set = ~set;
        }
        text_put(decoder->text, "[", 1);
        for (unsigned number = 1; number <= 64; number++) {
                const char *name;

                if (!(set >> (number - 1) & 1))
                        continue;
                name = signal_name(signals, number);
                text_puts(decoder->text, separator);
                separator = " ";
                if (name)
                        text_puts(decoder->text, name + strlen("SIG"));
                else if (number == 32)
                        text_puts(decoder->text, "RTMIN");
                else
                        text_printf(decoder->text, "RT_%u", number - 32);
        }
        text_put(decoder->text, "]", 1);
}

void decode_sigset(struct decoder *decoder, uint64_t address, uint64_t size) {
        char bytes[16] = { 0 };

        /* MIPS has 128 signals, of which the upper half is in no use worth a name */
        if ((size != 8 && size != 16) || !decode_read_all(decoder, address, bytes, (size_t)size))
                text_pointer(decoder->text, address);
        else
                put_set(decoder, bytes);
}

/* The kernel's struct, not the C library's: handler, flags and restorer are words, the set comes last. MIPS,
 * PA-RISC and the architectures without a restorer order it differently and stay pointers. */
void decode_sigaction(struct decoder *decoder, uint64_t address, uint64_t size) {
        static const char *const same[] = { "i386", "x86_64", "x32",     "arm",  "aarch64",
                                            "ppc",  "ppc64",  "ppc64le", "s390", "s390x" };
        size_t word = decode_word(decoder);
        char bytes[3 * 8 + 8];
        uint64_t handler, flags;
        bool known = false;

        for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
                known |= !strcmp(decoder->arch->name, same[i]);
        if (!known || size != 8 || !decode_read_all(decoder, address, bytes, 3 * word + 8)) {
                text_pointer(decoder->text, address);
                return;
        }
        handler = decode_number(decoder, bytes, word);
        flags = decode_number(decoder, bytes + word, word);
        text_puts(decoder->text, "{sa_handler=");
        if (handler <= 1)
                text_puts(decoder->text, handler ? "SIG_IGN" : "SIG_DFL");
        else
                text_hex(decoder->text, handler);
        text_puts(decoder->text, ", sa_mask=");
        put_set(decoder, bytes + 3 * word);
        text_puts(decoder->text, ", sa_flags=");
        decode_flags(decoder, constant_set_by_name("sa_flags"), flags);
        if (flags & SA_RESTORER_BIT) {
                text_puts(decoder->text, ", sa_restorer=");
                text_pointer(decoder->text, decode_number(decoder, bytes + 2 * word, word));
        }
        text_put(decoder->text, "}", 1);
}
