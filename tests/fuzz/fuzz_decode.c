/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Arguments decoded over fake memory. The input is: architecture (1 byte, position in arch_table), number
 * (2), size of the text (1), how the memory behaves (1), six arguments (8 bytes each, little endian), then
 * the bytes of memory, which lie at 64 KiB and again at the last page of the address space.
 */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <linux/audit.h>
#include "supervisor/decode/decode.h"
#include "syscalls/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE 0x10000u
#define HIGH (UINT64_MAX - 4095)

struct memory {
        const uint8_t *bytes;
        size_t n;
        uint8_t manner;
        size_t total;
};

static long fuzz_read(void *data, uint64_t address, void *buffer, size_t n) {
        struct memory *memory = data;
        uint64_t offset = address >= HIGH ? address - HIGH : address - BASE;

        memory->total += n;
        if (!n || n > 4096 || address + (n - 1) < address)
                abort(); /* reads are bounded, never empty, and do not wrap around */
        if (offset >= memory->n)
                return memory->manner & 1 ? -ESRCH : -EFAULT;
        if (n > memory->n - offset)
                n = memory->n - (size_t)offset;
        if (memory->manner & 2)
                n = (n + 1) / 2; /* short for no reason */
        memcpy(buffer, memory->bytes + offset, n);
        return (long)n;
}

static int fuzz_fd_path(void *data, int fd, char *buffer, size_t size) {
        struct memory *memory = data;
        size_t n = memory->n < size ? memory->n : size - 1;

        if (fd & 1)
                return -EBADF;
        memcpy(buffer, memory->bytes, n);
        buffer[n] = '\0';
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        struct memory memory;
        struct decode_source source = { .read = fuzz_read, .data = &memory };
        const struct arch *arch;
        uint64_t args[EVENT_N_ARGS];
        uint32_t nr, cursor = 0, base = 0;
        size_t n_text;
        char *text;

        if (size < 5 + sizeof(args))
                return 0;
        arch = &arch_table[data[0] % arch_table_n];
        nr = (uint32_t)(data[1] | data[2] << 8);
        n_text = data[3] * 4u;
        memory = (struct memory){ .bytes = data + 5 + sizeof(args),
                                  .n = size - 5 - sizeof(args),
                                  .manner = data[4] };
        for (size_t i = 0; i < EVENT_N_ARGS; i++) {
                args[i] = 0;
                for (size_t k = 0; k < 8; k++)
                        args[i] |= (uint64_t)data[5 + 8 * i + k] << (8 * k);
                if (arch->bits == 32)
                        args[i] &= UINT32_MAX;
        }
        if (!(data[4] & 4)) { /* mostly numbers that exist: counted from the base of the architecture */
                syscall_next(arch, &cursor, &base);
                nr = nr % 640u + (base > 1 ? base : 0);
        }
        if (data[4] & 8)
                source.fd_path = fuzz_fd_path;

        text = malloc(n_text ? n_text : 1);
        if (!text)
                return 0;
        decode_args(&source, arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit, nr, args, text,
                    n_text);
        if (n_text) {
                size_t n = strnlen(text, n_text);

                if (n == n_text)
                        abort();
                for (size_t i = 0; i < n; i++) /* nothing that moves a cursor or ends a line */
                        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                                abort();
        }
        if (memory.total > 1u << 20)
                abort(); /* one call must not make us read for ever */
        free(text);
        return 0;
}
