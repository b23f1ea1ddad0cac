/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Numbers by the names of their constants. What has no name stays: an enumeration as a hex number, a flag
 * word as the names it has and the rest in hex, so that nothing of the value is lost.
 */

#include <string.h>
#include "supervisor/decode/decoder.h"

static const char *set_name(const struct constant_set *set, uint64_t value) {
        for (size_t i = 0; i < set->n; i++)
                if (set->items[i].value == value)
                        return set->items[i].name;
        return NULL;
}

/* A request made with the kernel's own macros says what it is: direction, type, number, size. MIPS, PowerPC,
 * PA-RISC and others have a layout of their own and stay hex. */
static bool decode_ioctl_parts(struct decoder *decoder, uint64_t value) {
        static const char *const directions[] = { "_IOC_NONE", "_IOC_WRITE", "_IOC_READ",
                                                  "_IOC_READ|_IOC_WRITE" };
        const char *name = decoder->arch->name;

        if (!strncmp(name, "mips", 4) || !strncmp(name, "ppc", 3) || !strncmp(name, "parisc", 6) ||
            !(value >> 8) || value >> 32)
                return false;
        text_puts(decoder->text, "_IOC(");
        text_puts(decoder->text, directions[value >> 30]);
        text_puts(decoder->text, ", ");
        text_hex(decoder->text, value >> 8 & 0xff);
        text_puts(decoder->text, ", ");
        text_hex(decoder->text, value & 0xff);
        text_puts(decoder->text, ", ");
        text_hex(decoder->text, value >> 16 & 0x3fff);
        text_put(decoder->text, ")", 1);
        return true;
}

void decode_enum(struct decoder *decoder, const struct constant_set *set, uint64_t value) {
        const struct constant_set *here = constant_set_variant(set, decoder->arch->audit);
        const char *name = set_name(here, value);

        if (name)
                text_puts(decoder->text, name);
        else if (strcmp(set->name, "ioctl") != 0 || !decode_ioctl_parts(decoder, value))
                text_hex(decoder->text, value);
}

void decode_flags(struct decoder *decoder, const struct constant_set *set, uint64_t value) {
        const struct constant_set *here = constant_set_variant(set, decoder->arch->audit);
        uint64_t mask = here->enum_mask;
        const char *masked = mask ? set_name(here, value & mask) : NULL;
        /* where the table lists the enumerated part after the flags it is printed after them, too */
        bool masked_last = mask && here->n && (here->items[0].value & ~mask);
        bool octal_rest = !strcmp(here->name, "mknod");
        const char *separator = "";
        uint64_t rest = value;

        /* personality(0xffffffff) asks, and means none of its bits */
        if (value == UINT32_MAX && !strcmp(here->name, "personality")) {
                text_hex(decoder->text, value);
                return;
        }
        if (masked)
                rest &= ~mask;
        if (masked && !masked_last) {
                text_puts(decoder->text, masked);
                separator = "|";
        }
        for (size_t i = 0; i < here->n; i++) {
                const struct constant *item = &here->items[i];

                if (!item->value || (rest & item->value) != item->value || (mask && !(item->value & ~mask)))
                        continue;
                text_puts(decoder->text, separator);
                text_puts(decoder->text, item->name);
                separator = "|";
                rest &= ~item->value;
        }
        if (masked && masked_last) {
                text_puts(decoder->text, separator);
                text_puts(decoder->text, masked);
                separator = "|";
        }
        if (!*separator && !value && set_name(here, 0)) {
                text_puts(decoder->text, set_name(here, 0));
        } else if (rest || !*separator) {
                text_puts(decoder->text, separator);
                if (octal_rest)
                        text_printf(decoder->text, "%#03o", (unsigned)rest);
                else
                        text_hex(decoder->text, rest);
        }
}

uint64_t decode_constant(const struct decoder *decoder, const struct constant_set *set, const char *name) {
        const struct constant_set *here = constant_set_variant(set, decoder->arch->audit);

        for (size_t i = 0; i < here->n; i++)
                if (!strcmp(here->items[i].name, name))
                        return here->items[i].value;
        return 0;
}
