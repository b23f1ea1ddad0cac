/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Structs of the task. open_how and clone_args are made of 64-bit fields and equal everywhere; they carry
 * their size and may be longer than what is known here. timespec and sigset_t consist of words of the
 * architecture.
 */

#include <linux/openat2.h>
#include <linux/sched.h>
#include <stddef.h>
#include <string.h>
#include "supervisor/decode/decoder.h"

_Static_assert(sizeof(struct open_how) == 24, "OPEN_HOW_SIZE_VER0");
_Static_assert(sizeof(struct clone_args) == 88, "CLONE_ARGS_SIZE_VER2");

#define SIZED_MAX       88   /* the longest struct below */
#define SIZED_LIMIT     4096 /* the kernel refuses sized structs longer than a page */
#define UTIME_NOW_NSEC  0x3fffffff
#define UTIME_OMIT_NSEC 0x3ffffffe

/* The known part of a sized struct, zero-filled; false: leave the pointer. */
static bool read_sized(struct decoder *decoder, uint64_t address, uint64_t size, size_t least, size_t known,
                       char bytes[SIZED_MAX]) {
        memset(bytes, 0, SIZED_MAX);
        return size >= least && size <= SIZED_LIMIT &&
               decode_read_all(decoder, address, bytes, size < known ? (size_t)size : known);
}

static uint64_t field(const struct decoder *decoder, const char *bytes, size_t offset) {
        return decode_number(decoder, bytes + offset, 8);
}

void decode_open_how(struct decoder *decoder, uint64_t address, uint64_t size) {
        const struct constant_set *open_flags = constant_set_by_name("open");
        char bytes[SIZED_MAX];
        uint64_t flags;

        if (!read_sized(decoder, address, size, sizeof(struct open_how), sizeof(struct open_how), bytes)) {
                text_pointer(decoder->text, address);
                return;
        }
        flags = field(decoder, bytes, offsetof(struct open_how, flags));
        text_puts(decoder->text, "{flags=");
        decode_flags(decoder, open_flags, flags);
        if (field(decoder, bytes, offsetof(struct open_how, mode)) ||
            (flags & decode_constant(decoder, open_flags, "O_CREAT")))
                text_printf(decoder->text, ", mode=%#03llo",
                            (unsigned long long)field(decoder, bytes, offsetof(struct open_how, mode)));
        text_puts(decoder->text, ", resolve=");
        decode_flags(decoder, constant_set_by_name("resolve"),
                     field(decoder, bytes, offsetof(struct open_how, resolve)));
        text_puts(decoder->text, size > sizeof(struct open_how) ? ", ...}" : "}");
}

static void put_field(struct decoder *decoder, const char *name, uint64_t value) {
        text_puts(decoder->text, ", ");
        text_puts(decoder->text, name);
        text_put(decoder->text, "=", 1);
        text_pointer(decoder->text, value);
}

void decode_clone_args(struct decoder *decoder, uint64_t address, uint64_t size) {
        char bytes[SIZED_MAX];
        uint64_t flags, value;

        if (!read_sized(decoder, address, size, 64, sizeof(struct clone_args), bytes)) {
                text_pointer(decoder->text, address);
                return;
        }
        flags = field(decoder, bytes, offsetof(struct clone_args, flags));
        text_puts(decoder->text, "{flags=");
        decode_flags(decoder, constant_set_by_name("clone3"), flags);
        if (flags & CLONE_PIDFD)
                put_field(decoder, "pidfd", field(decoder, bytes, offsetof(struct clone_args, pidfd)));
        if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
                put_field(decoder, "child_tid",
                          field(decoder, bytes, offsetof(struct clone_args, child_tid)));
        if (flags & CLONE_PARENT_SETTID)
                put_field(decoder, "parent_tid",
                          field(decoder, bytes, offsetof(struct clone_args, parent_tid)));
        text_puts(decoder->text, ", exit_signal=");
        decode_signal(decoder, field(decoder, bytes, offsetof(struct clone_args, exit_signal)));
        put_field(decoder, "stack", field(decoder, bytes, offsetof(struct clone_args, stack)));
        text_puts(decoder->text, ", stack_size=");
        text_hex(decoder->text, field(decoder, bytes, offsetof(struct clone_args, stack_size)));
        if (flags & CLONE_SETTLS)
                put_field(decoder, "tls", field(decoder, bytes, offsetof(struct clone_args, tls)));
        value = field(decoder, bytes, offsetof(struct clone_args, set_tid_size));
        if (value) {
                put_field(decoder, "set_tid", field(decoder, bytes, offsetof(struct clone_args, set_tid)));
                text_puts(decoder->text, ", set_tid_size=");
                text_unsigned(decoder->text, value);
        }
        if (flags & CLONE_INTO_CGROUP) {
                text_puts(decoder->text, ", cgroup=");
                text_unsigned(decoder->text, field(decoder, bytes, offsetof(struct clone_args, cgroup)));
        }
        text_puts(decoder->text, size > sizeof(struct clone_args) ? ", ...}" : "}");
}

/* An argument of the row by its name: architectures order those of clone differently. */
static uint64_t named_arg(const struct decoder *decoder, const char *name) {
        for (size_t i = 0; i < decoder->row->n_args; i++)
                if (!strcmp(decoder->row->args[i].name, name))
                        return decoder->args[i];
        return 0;
}

void decode_clone(struct decoder *decoder) {
        uint64_t flags = named_arg(decoder, "flags");

        text_puts(decoder->text, "child_stack=");
        text_pointer(decoder->text, named_arg(decoder, "stack"));
        text_puts(decoder->text, ", flags=");
        decode_flags(decoder, constant_set_by_name("clone"), flags);
        if (flags & (CLONE_PARENT_SETTID | CLONE_PIDFD))
                put_field(decoder, "parent_tid", named_arg(decoder, "parent_tid"));
        if (flags & CLONE_SETTLS)
                put_field(decoder, "tls", named_arg(decoder, "tls"));
        if (flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID))
                put_field(decoder, "child_tidptr", named_arg(decoder, "child_tid"));
}

/* Are the fields of a timespec 64 bits? On 32-bit architectures only in the calls made for the year 2038. */
static bool wide_timespec(const struct decoder *decoder) {
        static const char *const wide[] = { "epoll_pwait2", "futex_wait", "futex_waitv" };

        if (decoder->wide_pointers || decoder->arch->audit == ARCH_X32 || strstr(decoder->row->name, "64"))
                return true;
        for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
                if (!strcmp(decoder->row->name, wide[i]))
                        return true;
        return false;
}

static int64_t signed_number(const struct decoder *decoder, const char *bytes, size_t n) {
        uint64_t value = decode_number(decoder, bytes, n);

        return n == 4 ? (int32_t)value : (int64_t)value;
}

void decode_timespec(struct decoder *decoder, uint64_t address, size_t count) {
        size_t word = wide_timespec(decoder) ? 8 : 4;
        char bytes[2 * 2 * 8];

        if (count > 2 || !decode_read_all(decoder, address, bytes, count * 2 * word)) {
                text_pointer(decoder->text, address);
                return;
        }
        if (count > 1)
                text_put(decoder->text, "[", 1);
        for (size_t i = 0; i < count; i++) {
                int64_t seconds = signed_number(decoder, bytes + 2 * i * word, word);
                int64_t nanoseconds = signed_number(decoder, bytes + (2 * i + 1) * word, word);

                if (i)
                        text_puts(decoder->text, ", ");
                if (count > 1 && nanoseconds == UTIME_NOW_NSEC) {
                        text_puts(decoder->text, "UTIME_NOW");
                } else if (count > 1 && nanoseconds == UTIME_OMIT_NSEC) {
                        text_puts(decoder->text, "UTIME_OMIT");
                } else {
                        text_puts(decoder->text, "{tv_sec=");
                        text_signed(decoder->text, seconds);
                        text_puts(decoder->text, ", tv_nsec=");
                        text_signed(decoder->text, nanoseconds);
                        text_put(decoder->text, "}", 1);
                }
        }
        if (count > 1)
                text_put(decoder->text, "]", 1);
}

static void put_limit(struct decoder *decoder, uint64_t value, size_t word) {
        if (value == (word == 8 ? UINT64_MAX : UINT32_MAX)) {
                text_puts(decoder->text,
                          !strcmp(decoder->row->name, "prlimit64") ? "RLIM64_INFINITY" : "RLIM_INFINITY");
        } else if (value > 1024 && value % 1024 == 0) {
                text_unsigned(decoder->text, value / 1024);
                text_puts(decoder->text, "*1024");
        } else {
                text_unsigned(decoder->text, value);
        }
}

void decode_rlimit(struct decoder *decoder, uint64_t address) {
        size_t word = strcmp(decoder->row->name, "prlimit64") ? decode_word(decoder) : 8;
        char bytes[16];

        if (!decode_read_all(decoder, address, bytes, 2 * word)) {
                text_pointer(decoder->text, address);
                return;
        }
        text_puts(decoder->text, "{rlim_cur=");
        put_limit(decoder, decode_number(decoder, bytes, word), word);
        text_puts(decoder->text, ", rlim_max=");
        put_limit(decoder, decode_number(decoder, bytes + word, word), word);
        text_put(decoder->text, "}", 1);
}
