/* SPDX-License-Identifier: Apache-2.0 */

/* struct msghdr of sendmsg: where to, and the first bytes of what. Ancillary data is named by its length. */

#include "supervisor/decode/decoder.h"

void decode_msghdr(struct decoder *decoder, uint64_t address) {
        size_t word = decode_word(decoder);
        uint64_t name, name_length, iov, n_iov;
        char bytes[7 * 8];

        /* name, its length (int, padded), iov, its count, control, its length, flags (int, padded) */
        if (!decode_read_all(decoder, address, bytes, 7 * word)) {
                text_pointer(decoder->text, address);
                return;
        }
        name = decode_number(decoder, bytes, word);
        name_length = decode_number(decoder, bytes + word, 4);
        iov = decode_number(decoder, bytes + 2 * word, word);
        n_iov = decode_number(decoder, bytes + 3 * word, word);
        text_puts(decoder->text, "{msg_name=");
        decode_sockaddr(decoder, name, name_length);
        text_puts(decoder->text, ", msg_namelen=");
        text_unsigned(decoder->text, name_length);
        text_puts(decoder->text, ", msg_iov=");
        decode_iovec(decoder, iov, n_iov);
        text_puts(decoder->text, ", msg_iovlen=");
        text_unsigned(decoder->text, n_iov);
        text_puts(decoder->text, ", msg_controllen=");
        text_unsigned(decoder->text, decode_number(decoder, bytes + 5 * word, word));
        text_puts(decoder->text, ", msg_flags=");
        decode_flags(decoder, constant_set_by_name("msg"), decode_number(decoder, bytes + 6 * word, 4));
        text_put(decoder->text, "}", 1);
}
