/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Bytes of the task. A read never crosses the end of a page unless the page before it could be read, so that
 * a string which ends right before an unmapped page is read whole whatever the source does at the boundary.
 * Addresses that would wrap around are cut at the end of the address space.
 */

#include <string.h>
#include "supervisor/decode/decoder.h"

#define PAGE 4096u /* the smallest page of any architecture: larger ones only mean more reads */

size_t decode_word(const struct decoder *decoder) {
        return decoder->wide_pointers ? 8 : 4;
}

static uint64_t bytes_left(const struct decoder *decoder, uint64_t address) {
        uint64_t end = decoder->wide_pointers ? UINT64_MAX : UINT32_MAX;

        return address > end ? 0 : end - address;
}

size_t decode_read(struct decoder *decoder, uint64_t address, void *buffer, size_t n) {
        size_t done = 0;

        if (!address || !decoder->source || !decoder->source->read)
                return 0;
        while (done < n) {
                size_t piece = PAGE - (size_t)((address + done) & (PAGE - 1));
                uint64_t left = bytes_left(decoder, address + done);
                long r;

                if (piece > n - done)
                        piece = n - done;
                if (piece > left)
                        piece = (size_t)left;
                if (!piece)
                        break;
                decoder->touched = true;
                r = decoder->source->read(decoder->source->data, address + done, (char *)buffer + done,
                                          piece);
                if (r <= 0)
                        break;
                done += (size_t)r < piece ? (size_t)r : piece;
                if ((size_t)r < piece)
                        break;
        }
        return done;
}

bool decode_read_all(struct decoder *decoder, uint64_t address, void *buffer, size_t n) {
        return decode_read(decoder, address, buffer, n) == n;
}

static size_t first_piece(uint64_t address) {
        size_t to_page_end = PAGE - (size_t)(address & (PAGE - 1));

        return to_page_end < DECODE_STRING_FIRST ? to_page_end : DECODE_STRING_FIRST;
}

char decode_read_ahead(struct decoder *decoder, uint64_t address) {
        decoder->ahead_address = address;
        decoder->ahead_n = decode_read(decoder, address, decoder->ahead, first_piece(address));
        return decoder->ahead_n ? decoder->ahead[0] : 0;
}

/* One piece of a string, from what was read ahead if that is its start. */
static size_t read_piece(struct decoder *decoder, uint64_t address, char *buffer, size_t piece) {
        if (decoder->ahead_n == 0 || decoder->ahead_address != address || decoder->ahead_n != piece)
                return decode_read(decoder, address, buffer, piece);
        memcpy(buffer, decoder->ahead, piece);
        return piece;
}

int decode_read_string(struct decoder *decoder, uint64_t address, char *buffer, size_t size, size_t *ret_n) {
        size_t n = 0, piece = first_piece(address);

        while (n < size) {
                size_t to_page_end = PAGE - (size_t)((address + n) & (PAGE - 1));
                const char *end;
                size_t got;

                if (piece > to_page_end)
                        piece = to_page_end;
                if (piece > size - n)
                        piece = size - n;
                got = read_piece(decoder, address + n, buffer + n, piece);
                end = got ? memchr(buffer + n, '\0', got) : NULL;
                if (end) {
                        *ret_n = (size_t)(end - buffer);
                        return 0;
                }
                n += got;
                if (got < piece) {
                        *ret_n = n;
                        return -1;
                }
                piece = PAGE;
        }
        *ret_n = n;
        return 1;
}

uint64_t decode_number(const struct decoder *decoder, const void *bytes, size_t n) {
        const unsigned char *byte = bytes;
        uint64_t value = 0;

        for (size_t i = 0; i < n; i++)
                value |= (uint64_t)byte[decoder->arch->big_endian ? n - 1 - i : i] << (8 * i);
        return value;
}
