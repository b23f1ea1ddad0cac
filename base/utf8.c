/* SPDX-License-Identifier: Apache-2.0 */

#include "base/utf8.h"

size_t utf8_length(const void *data, size_t n) {
        const unsigned char *bytes = data;
        unsigned char lead = n > 0 ? bytes[0] : 0xff;
        unsigned char least = 0x80, most = 0xbf;
        size_t length;

        if (lead < 0x80)
                return 1;
        if (lead < 0xc2 || lead > 0xf4)
                return 0;
        length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (length > n)
                return 0;
        if (lead == 0xe0)
                least = 0xa0;
        else if (lead == 0xed)
                most = 0x9f;
        else if (lead == 0xf0)
                least = 0x90;
        else if (lead == 0xf4)
                most = 0x8f;
        if (bytes[1] < least || bytes[1] > most)
                return 0;
        for (size_t i = 2; i < length; i++)
                if ((bytes[i] & 0xc0) != 0x80)
                        return 0;
        return length;
}

bool utf8_valid(const void *data, size_t n) {
        const unsigned char *bytes = data;

        for (size_t i = 0; i < n;) {
                size_t length = utf8_length(bytes + i, n - i);

                if (length == 0)
                        return false;
                i += length;
        }
        return true;
}
