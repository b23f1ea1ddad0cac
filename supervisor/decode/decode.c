/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Arguments of one call as text: looks up the row and writes its arguments from left to right, each by its
 * kind. A call without a row becomes six hex numbers. Nothing here fails and nothing is kept between calls.
 */

#include <string.h>
#include <sys/stat.h>
#include "supervisor/decode/decoder.h"

static uint64_t linked(const struct decoder *decoder, const struct syscall_arg *arg) {
        return decoder->args[arg->link];
}

/* A creation mode is an argument only when something is created; before that, the register holds anything.
 */
static bool mode_counts(const struct decoder *decoder, size_t i) {
        const struct syscall_arg *before = i ? &decoder->row->args[i - 1] : NULL;

        if (!before || before->kind != ARG_FLAGS || strcmp(before->set->name, "open") != 0)
                return true;
        return decoder->args[i - 1] & (decode_constant(decoder, before->set, "O_CREAT") |
                                       (decode_constant(decoder, before->set, "O_TMPFILE") &
                                        ~decode_constant(decoder, before->set, "O_DIRECTORY")));
}

/* mknod looks at the device number for devices only. */
static bool device_counts(const struct decoder *decoder, size_t i) {
        uint64_t type = i ? decoder->args[i - 1] & S_IFMT : 0;

        return type == S_IFCHR || type == S_IFBLK || strncmp(decoder->row->name, "mknod", 5) != 0;
}

/* What a directory descriptor refers to matters only for a relative path; asking costs a look into /proc. */
static bool dirfd_matters(struct decoder *decoder, size_t i) {
        return i + 1 >= decoder->row->n_args || decoder->row->args[i + 1].kind != ARG_PATH ||
               !decode_path_is_absolute(decoder, decoder->args[i + 1]);
}

static void put_int(struct decoder *decoder, const struct syscall_arg *arg, uint64_t value) {
        /* a register of a 32-bit architecture arrives masked, so its sign is bit 31 as well */
        if (arg->bits == 32 || decoder->arch->bits == 32)
                text_signed(decoder->text, (int32_t)value);
        else
                text_signed(decoder->text, (int64_t)value);
}

static void decode_list(struct decoder *decoder);

/* Arguments that lie in memory: those of old mmap, and of the members of socketcall. */
static void decode_block(struct decoder *decoder, const char *name, uint64_t address) {
        struct decoder inner = *decoder;
        size_t word = decode_word(decoder);
        uint64_t args[EVENT_N_ARGS] = { 0 };
        char bytes[EVENT_N_ARGS * 8];

        inner.row = syscall_row(name);
        inner.args = args;
        inner.in_block = true;
        if (decoder->in_block || !inner.row ||
            !decode_read_all(decoder, address, bytes, inner.row->n_args * word)) {
                text_pointer(decoder->text, address);
                return;
        }
        for (size_t i = 0; i < inner.row->n_args; i++)
                args[i] = decode_number(decoder, bytes + i * word, word);
        text_put(decoder->text, "[", 1);
        decode_list(&inner);
        text_put(decoder->text, "]", 1);
        decoder->touched = true;
}

static void decode_arg(struct decoder *decoder, const struct syscall_arg *given, size_t i) {
        const struct syscall_arg *arg = syscall_arg_resolve(given, decoder->args);
        uint64_t value = decoder->args[i];
        struct text *text = decoder->text;

        if (arg->bits == 32)
                value &= UINT32_MAX;
        if (arg->kind == ARG_NONE || (arg->kind == ARG_MODE && !mode_counts(decoder, i))) {
                decoder->last = true;
                return;
        }
        if (arg->kind == ARG_UNUSED || (arg->kind == ARG_DEV && !device_counts(decoder, i)))
                return;
        if (i)
                text_puts(text, ", ");
        switch (arg->kind) {
        case ARG_INT:
        case ARG_PID:
        case ARG_OFFSET:
                put_int(decoder, arg, value);
                break;
        case ARG_UID: /* -1 stands for "leave as it is" */
                if (value == UINT32_MAX)
                        text_puts(text, "-1");
                else
                        text_unsigned(text, value);
                break;
        case ARG_UINT:
        case ARG_SIZE:
                text_unsigned(text, value);
                break;
        case ARG_PTR:
        case ARG_OUT:
                text_pointer(text, value);
                break;
        case ARG_FD:
                decode_fd(decoder, (int)value);
                break;
        case ARG_DIRFD:
                decode_dirfd(decoder, (int)value, dirfd_matters(decoder, i));
                break;
        case ARG_PATH:
                decode_string(decoder, value, DECODE_PATH_MAX);
                break;
        case ARG_STRING:
                decode_string(decoder, value, DECODE_STRING_MAX);
                break;
        case ARG_MODE:
                text_printf(text, "%#03o", (unsigned)value);
                break;
        case ARG_ENUM:
                decode_enum(decoder, arg->set, value);
                break;
        case ARG_FLAGS:
                decode_flags(decoder, arg->set, value);
                break;
        case ARG_SIGNAL:
                decode_signal(decoder, value);
                break;
        case ARG_SOCKADDR:
                decode_sockaddr(decoder, value, linked(decoder, arg));
                break;
        case ARG_ARGV:
                decode_argv(decoder, value);
                break;
        case ARG_ENVP:
                decode_envp(decoder, value);
                break;
        case ARG_BUFFER:
                decode_buffer(decoder, value, linked(decoder, arg));
                break;
        case ARG_IOVEC:
                decode_iovec(decoder, value, linked(decoder, arg));
                break;
        case ARG_OPEN_HOW:
                decode_open_how(decoder, value, linked(decoder, arg));
                break;
        case ARG_CLONE_ARGS:
                decode_clone_args(decoder, value, linked(decoder, arg));
                break;
        case ARG_TIMESPEC: /* here link is not an argument but how many there are */
                decode_timespec(decoder, value, arg->link ? arg->link : 1);
                break;
        case ARG_SIGSET:
                decode_sigset(decoder, value, linked(decoder, arg));
                break;
        case ARG_SIGACTION:
                decode_sigaction(decoder, value, linked(decoder, arg));
                break;
        case ARG_RLIMIT:
                decode_rlimit(decoder, value);
                break;
        case ARG_MSGHDR:
                decode_msghdr(decoder, value);
                break;
        case ARG_BLOCK:
                decode_block(decoder, arg->name, value);
                break;
        case ARG_DEV:
                text_printf(text, "makedev(0x%x, 0x%x)", (unsigned)(value >> 8 & 0xfff),
                            (unsigned)(value & 0xff) | (unsigned)(value >> 12 & 0xfff00));
                break;
        case ARG_NONE:
        case ARG_UNUSED:
        case ARG_CASE:
        case ARG_HEX:
                text_hex(text, value);
                break;
        }
}

static void decode_list(struct decoder *decoder) {
        for (size_t i = 0; i < decoder->row->n_args && !decoder->last && !decoder->text->cut; i++)
                decode_arg(decoder, &decoder->row->args[i], i);
}

int decode_args(const struct decode_source *source, uint32_t audit, uint32_t nr,
                const uint64_t args[EVENT_N_ARGS], char *data, size_t size) {
        const struct syscall_row *row = syscall_row_of(audit, nr);
        struct text text;
        struct decoder decoder = { .source = source, .row = row, .args = args, .text = &text };

        text_init(&text, data, size);
        decoder.arch = arch_of_call(audit, nr);
        if (!row) {
                for (size_t i = 0; i < EVENT_N_ARGS; i++) {
                        text_puts(&text, i ? ", 0x" : "0x");
                        text_printf(&text, "%llx", (unsigned long long)args[i]);
                }
                return 0;
        }
        decoder.wide_pointers = decoder.arch->bits == 64 && decoder.arch->audit != ARCH_X32 &&
                                !strstr(decoder.arch->name, "n32");
        if (!strcmp(row->name, "clone")) {
                decode_clone(&decoder);
                return decoder.touched;
        }
        decode_list(&decoder);
        return decoder.touched;
}
