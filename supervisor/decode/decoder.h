/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * One decoding under way: what the functions of this folder share. Each decode_<kind>() writes one argument.
 * It never fails: memory that cannot be read leaves the raw number. Everything read is bounded by constants
 * here, never by a number that the task gave.
 */

#include "callgate/event.h"
#include "supervisor/decode/decode.h"
#include "supervisor/decode/text.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

enum {
        DECODE_PATH_MAX = 4096,  /* PATH_MAX of the kernel, NUL included */
        DECODE_STRING_MAX = 256, /* of names, attribute names, one word of argv */
        DECODE_BUFFER_MAX = 32,  /* bytes of a buffer that are shown, as strace does */
        DECODE_ARGV_MAX = 32,    /* words of argv */
        DECODE_ENVP_MAX = 4096,  /* entries of envp that are counted */
        DECODE_IOVEC_MAX = 4,    /* elements of an iovec */
};

#define DECODE_STRING_FIRST 128u /* most strings are shorter: do not fetch a page for each */

struct decoder {
        const struct decode_source *source;
        const struct arch *arch;
        const struct syscall_row *row;
        const uint64_t *args;
        struct text *text;
        bool touched;       /* the task was looked at: the id must be confirmed */
        bool wide_pointers; /* pointers and long are 64 bits */
        bool last;          /* no argument after this one is shown */
        bool in_block;      /* the arguments come from memory, not from registers */
        /* The start of a path that was looked at for its first character: it is read once, not twice. */
        uint64_t ahead_address;
        size_t ahead_n;
        char ahead[DECODE_STRING_FIRST];
};

/* memory.c: bytes of the task. */
size_t decode_read(struct decoder *decoder, uint64_t address, void *buffer,
                   size_t n); /* how many, maybe 0 */
bool decode_read_all(struct decoder *decoder, uint64_t address, void *buffer, size_t n);
/* A NUL-terminated string of less than size bytes: 0 and its length, 1 when there is no NUL within size (the
 * buffer then holds size bytes), -1 when memory ends before the NUL. buffer is not terminated. */
int decode_read_string(struct decoder *decoder, uint64_t address, char *buffer, size_t size, size_t *ret_n);
uint64_t decode_number(const struct decoder *decoder, const void *bytes, size_t n); /* in the task's order */
size_t decode_word(const struct decoder *decoder); /* size of long: 4 or 8 */

/* The first character of a string, 0 if there is none; what was read is kept for decode_read_string(). */
char decode_read_ahead(struct decoder *decoder, uint64_t address);

/* constant.c */
void decode_enum(struct decoder *decoder, const struct constant_set *set, uint64_t value);
void decode_flags(struct decoder *decoder, const struct constant_set *set, uint64_t value);
/* The value of one bit or constant of a set on this architecture; 0 if there is none. */
uint64_t decode_constant(const struct decoder *decoder, const struct constant_set *set, const char *name);

/* path.c */
void decode_fd(struct decoder *decoder, int fd);
void decode_dirfd(struct decoder *decoder, int fd, bool resolve);
void decode_string(struct decoder *decoder, uint64_t address, size_t max);
bool decode_path_is_absolute(struct decoder *decoder, uint64_t address);

/* sockaddr.c */
void decode_sockaddr(struct decoder *decoder, uint64_t address, uint64_t length);

/* vector.c */
void decode_argv(struct decoder *decoder, uint64_t address);
void decode_envp(struct decoder *decoder, uint64_t address);
void decode_buffer(struct decoder *decoder, uint64_t address, uint64_t length);
void decode_iovec(struct decoder *decoder, uint64_t address, uint64_t count);

/* structs.c */
void decode_open_how(struct decoder *decoder, uint64_t address, uint64_t size);
void decode_clone_args(struct decoder *decoder, uint64_t address, uint64_t size);
void decode_clone(struct decoder *decoder); /* the whole argument list, named as in strace */
void decode_timespec(struct decoder *decoder, uint64_t address, size_t count);
void decode_rlimit(struct decoder *decoder, uint64_t address);

/* signal.c */
void decode_signal(struct decoder *decoder, uint64_t value);
void decode_sigset(struct decoder *decoder, uint64_t address, uint64_t size);
void decode_sigaction(struct decoder *decoder, uint64_t address, uint64_t size);

/* message.c */
void decode_msghdr(struct decoder *decoder, uint64_t address);
