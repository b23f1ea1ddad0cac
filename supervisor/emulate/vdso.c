/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The functions are found by name in the dynamic symbols, as every program finds them, and their first bytes
 * are replaced by "load the number, call, return". That holds for whoever looked them up before, too.
 *
 * What must stay true: nothing is changed unless everything that tells the time is; an image is changed only
 * while its task waits for our answer, which is at its first call, when no thread can be inside the old
 * code.
 *
 * The image may be hostile. Offsets are checked against its size before they are used, and every loop is
 * bounded by it.
 */

#include "supervisor/emulate/vdso.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "supervisor/call.h"

/* ---- what to write ---- */

struct function {
        const char *name; /* without "__vdso_"; NULL ends the rows */
        uint32_t nr;
};
struct machine {
        uint8_t class;
        uint16_t number;
        const struct function *functions;
        uint8_t code[VDSO_STUB_MAX];
        uint32_t n;
        uint32_t nr_at; /* where in code the number belongs */
};

static const struct function functions_64[] = {
        { "clock_gettime", 228 }, { "gettimeofday", 96 }, { "time", 201 }, { 0 }
};
static const struct function functions_32[] = {
        { "clock_gettime", 265 }, { "clock_gettime64", 403 }, { "gettimeofday", 78 }, { "time", 13 }, { 0 }
};

static const struct machine machines[] = {
        /* mov $nr, %eax; syscall; ret */
        { ELFCLASS64, EM_X86_64, functions_64, { 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0xc3 }, 8, 1 },
        /* push %ebx; mov 8(%esp), %ebx; mov 12(%esp), %ecx; mov $nr, %eax; int $0x80; pop %ebx; ret */
        { ELFCLASS32,
          EM_386,
          functions_32,
          { 0x53, 0x8b, 0x5c, 0x24, 0x08, 0x8b, 0x4c, 0x24, 0x0c, 0xb8, 0, 0, 0, 0, 0xcd, 0x80, 0x5b, 0xc3 },
          18,
          10 },
};

const char *vdso_outcome_text(int outcome) {
        switch (outcome) {
        case VDSO_E_FORMAT:
                return "its format is not understood";
        case VDSO_E_MACHINE:
                return "it is code of a machine that is not known";
        case VDSO_E_UNKNOWN:
                return "it has a function about time that is not known";
        case VDSO_E_ROOM:
                return "one of its functions is too short for a call";
        case VDSO_E_MISSING:
                return "it has none of the functions that are known";
        }
        return "it cannot be changed";
}

/* ---- the object ---- */

/* Both classes in the words of the larger one. */
struct object {
        const uint8_t *bytes;
        size_t n;
        bool wide;
        uint64_t base; /* address of the first byte */
        uint64_t symbols, strings, n_strings, hash, gnu_hash;
};

static bool within(const struct object *object, uint64_t offset, uint64_t n) {
        return offset <= object->n && n <= object->n - offset;
}

/* Little endian, as both machines. */
static uint64_t number(const struct object *object, uint64_t offset, unsigned n) {
        uint64_t value = 0;

        memcpy(&value, object->bytes + offset, n);
        return value;
}

/* A field that is an address wide, by its places in the two classes. Within was checked. */
static uint64_t word(const struct object *object, uint64_t offset, size_t at_64, size_t at_32) {
        return object->wide ? number(object, offset + at_64, 8) : number(object, offset + at_32, 4);
}
#define WORD(object, offset, kind, field)                                                                   \
        word(object, offset, offsetof(Elf64_##kind, field), offsetof(Elf32_##kind, field))
#define SIZE(object, kind) ((object)->wide ? sizeof(Elf64_##kind) : sizeof(Elf32_##kind))

static void read_dynamic(struct object *object, uint64_t offset, uint64_t n) {
        size_t step = SIZE(object, Dyn);

        for (; n >= step && within(object, offset, step); offset += step, n -= step) {
                uint64_t value = WORD(object, offset, Dyn, d_un) - object->base;

                switch (WORD(object, offset, Dyn, d_tag)) {
                case DT_NULL:
                        return;
                case DT_SYMTAB:
                        object->symbols = value;
                        break;
                case DT_STRTAB:
                        object->strings = value;
                        break;
                case DT_STRSZ:
                        object->n_strings = value + object->base;
                        break;
                case DT_HASH:
                        object->hash = value;
                        break;
                case DT_GNU_HASH:
                        object->gnu_hash = value;
                        break;
                }
        }
}

static int read_object(struct object *object) {
        uint64_t table, dynamic = 0, n_dynamic = 0;
        size_t n, step;
        bool loaded = false;

        if (!within(object, 0, SIZE(object, Ehdr)))
                return VDSO_E_FORMAT;
        table = WORD(object, 0, Ehdr, e_phoff);
        n = (size_t)number(object,
                           object->wide ? offsetof(Elf64_Ehdr, e_phnum) : offsetof(Elf32_Ehdr, e_phnum), 2);
        step = SIZE(object, Phdr);
        if (!within(object, table, n * step))
                return VDSO_E_FORMAT;
        for (size_t i = 0; i < n; i++, table += step) {
                uint64_t type = number(object, table, 4);

                if (type == PT_LOAD && !loaded) {
                        object->base =
                                WORD(object, table, Phdr, p_vaddr) - WORD(object, table, Phdr, p_offset);
                        loaded = true;
                } else if (type == PT_DYNAMIC) {
                        dynamic = WORD(object, table, Phdr, p_offset);
                        n_dynamic = WORD(object, table, Phdr, p_filesz);
                }
        }
        if (!loaded || n_dynamic == 0)
                return VDSO_E_FORMAT;
        read_dynamic(object, dynamic, n_dynamic);
        if (object->symbols == 0 || object->strings == 0 ||
            !within(object, object->strings, object->n_strings) || object->n_strings == 0 ||
            object->bytes[object->strings + object->n_strings - 1] != 0)
                return VDSO_E_FORMAT;
        return 0;
}

/* How many symbols there are is written in the hash tables only: in the old one as such; in GNU's, the last
 * symbol is the end of the chain of the highest bucket. */
static int count_symbols(const struct object *object, size_t *ret) {
        uint64_t n_buckets, first, words, chains, last = 0;

        if (object->hash) {
                if (!within(object, object->hash, 8))
                        return VDSO_E_FORMAT;
                *ret = (size_t)number(object, object->hash + 4, 4);
                return 0;
        }
        if (!object->gnu_hash || !within(object, object->gnu_hash, 16))
                return VDSO_E_FORMAT;
        n_buckets = number(object, object->gnu_hash, 4);
        first = number(object, object->gnu_hash + 4, 4);
        words = number(object, object->gnu_hash + 8, 4) * (object->wide ? 8 : 4);
        chains = object->gnu_hash + 16 + words + 4 * n_buckets;
        if (!within(object, object->gnu_hash + 16, words + 4 * n_buckets))
                return VDSO_E_FORMAT;
        for (uint64_t i = 0; i < n_buckets; i++) {
                uint64_t symbol = number(object, chains - 4 * (n_buckets - i), 4);

                if (symbol > last)
                        last = symbol;
        }
        if (last < first)
                return VDSO_E_FORMAT;
        for (;; last++) {
                if (!within(object, chains + 4 * (last - first), 4))
                        return VDSO_E_FORMAT;
                if (number(object, chains + 4 * (last - first), 4) & 1)
                        break;
        }
        *ret = (size_t)last + 1;
        return 0;
}

/* ---- the functions ---- */

static int add_patch(struct vdso_patches *patches, const struct machine *machine, uint64_t offset,
                     uint32_t nr) {
        struct vdso_patch *patch;

        for (size_t i = 0; i < patches->n; i++) {
                uint64_t other = patches->items[i].offset;

                if (other == offset) /* "time" is another name of "__vdso_time" */
                        return memcmp(patches->items[i].bytes + machine->nr_at, &nr, 4) == 0 ? 0
                                                                                             : VDSO_E_FORMAT;
                if (offset < other + machine->n && other < offset + machine->n)
                        return VDSO_E_ROOM;
        }
        if (patches->n == VDSO_PATCHES_MAX)
                return VDSO_E_FORMAT;
        patch = &patches->items[patches->n++];
        patch->offset = (uint32_t)offset;
        patch->n = machine->n;
        memcpy(patch->bytes, machine->code, machine->n);
        memcpy(patch->bytes + machine->nr_at, &nr, 4);
        return 0;
}

/* Is there something in the name that a clock may hide behind? The resolution of clocks is no secret. */
static bool tells_time(const char *name) {
        return (strstr(name, "time") || strstr(name, "clock")) && strcmp(name, "clock_getres") != 0 &&
               strcmp(name, "clock_getres_time64") != 0;
}

static int look_at_symbol(const struct object *object, const struct machine *machine, uint64_t symbol,
                          struct vdso_patches *patches) {
        size_t info = object->wide ? offsetof(Elf64_Sym, st_info) : offsetof(Elf32_Sym, st_info);
        size_t section = object->wide ? offsetof(Elf64_Sym, st_shndx) : offsetof(Elf32_Sym, st_shndx);
        uint64_t at_name = number(object, symbol, 4);
        uint64_t value = WORD(object, symbol, Sym, st_value) - object->base;
        uint64_t size = WORD(object, symbol, Sym, st_size);
        const char *name;

        if (ELF64_ST_TYPE(object->bytes[symbol + info]) != STT_FUNC ||
            number(object, symbol + section, 2) == SHN_UNDEF)
                return 0;
        if (at_name >= object->n_strings)
                return VDSO_E_FORMAT;
        name = (const char *)object->bytes + object->strings + at_name;
        if (strncmp(name, "__vdso_", 7) == 0)
                name += 7;
        for (const struct function *function = machine->functions; function->name; function++) {
                if (strcmp(function->name, name) != 0)
                        continue;
                if (!within(object, value, machine->n))
                        return VDSO_E_FORMAT;
                if (size < machine->n)
                        return VDSO_E_ROOM;
                return add_patch(patches, machine, value, function->nr);
        }
        return tells_time(name) ? VDSO_E_UNKNOWN : 0;
}

int vdso_patches(const void *image, size_t n, struct vdso_patches *ret) {
        struct object object = { .bytes = image, .n = n };
        const struct machine *machine = NULL;
        size_t n_symbols;
        int r;

        ret->n = 0;
        if (n < EI_NIDENT + 4 || memcmp(image, ELFMAG, SELFMAG) != 0)
                return VDSO_E_FORMAT;
        for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++)
                if (machines[i].class == object.bytes[EI_CLASS] && object.bytes[EI_DATA] == ELFDATA2LSB &&
                    machines[i].number == number(&object, EI_NIDENT + 2, 2))
                        machine = &machines[i];
        if (!machine)
                return VDSO_E_MACHINE;
        object.wide = machine->class == ELFCLASS64;
        r = read_object(&object);
        if (!r)
                r = count_symbols(&object, &n_symbols);
        if (r)
                return r;
        if (n_symbols > n / SIZE(&object, Sym) ||
            !within(&object, object.symbols, n_symbols * SIZE(&object, Sym)))
                return VDSO_E_FORMAT;
        for (size_t i = 0; i < n_symbols && !r; i++)
                r = look_at_symbol(&object, machine, object.symbols + i * SIZE(&object, Sym), ret);
        return r ? r : ret->n == 0 ? VDSO_E_MISSING : 0;
}

/* ---- in a task ---- */

bool vdso_line(const char *line, uint64_t *ret_start, uint64_t *ret_end) {
        const char *name = strrchr(line, ' ');

        /* Where the name is missing the line ends in the inode's number; a file's path begins with '/' and
         * may hold blanks: "/tmp/x [vdso]". */
        return name && strcmp(name + 1, "[vdso]") == 0 && !strchr(line, '/') &&
               sscanf(line, "%" SCNx64 "-%" SCNx64, ret_start, ret_end) == 2 && *ret_start < *ret_end;
}

enum { FOUND = 64, NOT_FOUND };

/* FOUND, NOT_FOUND, CALL_E_GONE or -errno. */
static int find(struct call *call, uint64_t *ret_start, uint64_t *ret_end) {
        /* The file is read in pieces; a line that straddles two is carried over. A path is at most a page
         * long. */
        char buffer[16384 + 1];
        size_t kept = 0;
        long offset = 0;

        for (;;) {
                char *line = buffer, *newline;
                long n = call->kernel->read_proc(call->kernel->data, call->tid, "maps", buffer + kept,
                                                 sizeof(buffer) - 1 - kept, offset);

                if (n < 0)
                        return n == -ESRCH || n == -ENOENT ? CALL_E_GONE : error_origin((int)n);
                if (n == 0)
                        return NOT_FOUND;
                offset += n;
                buffer[kept + (size_t)n] = 0;
                while ((newline = strchr(line, '\n'))) {
                        *newline = 0;
                        if (vdso_line(line, ret_start, ret_end))
                                return FOUND;
                        line = newline + 1;
                }
                kept = strlen(line);
                if (kept >= sizeof(buffer) - 1)
                        return error_origin(-EOVERFLOW);
                memmove(buffer, line, kept);
        }
}

static int transfer(ssize_t done, size_t n) {
        return done < 0 ? error_origin(-errno) : (size_t)done != n ? error_origin(-EIO) : 0;
}

/* memory is the program image that waits for us, whatever the number of its task stands for by now. */
static int apply(int memory, uint64_t start, const uint8_t *image, const struct vdso_patches *patches) {
        for (size_t i = 0; i < patches->n; i++) {
                const struct vdso_patch *patch = &patches->items[i];
                uint8_t now[VDSO_STUB_MAX];
                off_t at = (off_t)(start + patch->offset);
                int r;

                if (memcmp(image + patch->offset, patch->bytes, patch->n) == 0)
                        continue;
                /* Goes past the protection of the page, and makes it the image's own, as for debuggers. */
                r = transfer(pwrite(memory, patch->bytes, patch->n, at), patch->n);
                if (!r)
                        r = transfer(pread(memory, now, patch->n, at), patch->n);
                if (r)
                        return error_trace(r);
                if (memcmp(now, patch->bytes, patch->n) != 0)
                        return error_origin(-EIO);
        }
        return 0;
}

int vdso_make_calls(struct call *call) {
        cleanup_fd int memory = call->kernel->open_proc(call->kernel->data, call->tid, "mem", O_RDWR);
        uint8_t image[VDSO_SIZE_MAX];
        struct vdso_patches patches;
        uint64_t start, end;
        int r;

        if (memory < 0)
                return memory == -ENOENT || memory == -ESRCH ? CALL_E_GONE : error_origin(memory);
        r = find(call, &start, &end);
        if (r != FOUND && r != NOT_FOUND)
                return error_trace(r);
        if (target_confirm(call) == CALL_E_GONE)
                return CALL_E_GONE;
        if (r == NOT_FOUND)
                return 0;
        if (end - start > sizeof(image))
                return VDSO_E_FORMAT;
        r = transfer(pread(memory, image, (size_t)(end - start), (off_t)start), (size_t)(end - start));
        if (!r)
                r = vdso_patches(image, (size_t)(end - start), &patches);
        return r ? error_trace(r) : error_trace(apply(memory, start, image, &patches));
}
