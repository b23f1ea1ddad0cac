/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/call.h"
#include "supervisor/emulate/vdso.h"
#include "tests/fakes/fake_kernel.h"

/* ---- an object of our own, in both classes ---- */

#define OBJECT_SIZE 4096
#define AT_DYNAMIC  512
#define AT_SYMBOLS  1024
#define AT_STRINGS  2048
#define AT_HASH     2560
#define AT_CODE     3072

struct maker {
        uint8_t bytes[OBJECT_SIZE];
        bool wide;
        uint64_t base;
        size_t n_symbols, n_strings;
};

static void put(struct maker *maker, size_t at, uint64_t value, size_t n) {
        memcpy(maker->bytes + at, &value, n);
}
#define PUT(maker, at, kind, field, value)                                                                  \
        do {                                                                                                \
                if ((maker)->wide)                                                                          \
                        put((maker), (at) + offsetof(Elf64_##kind, field), (value),                         \
                            sizeof(((Elf64_##kind *)0)->field));                                            \
                else                                                                                        \
                        put((maker), (at) + offsetof(Elf32_##kind, field), (value),                         \
                            sizeof(((Elf32_##kind *)0)->field));                                            \
        } while (0)
#define STEP(maker, kind) ((maker)->wide ? sizeof(Elf64_##kind) : sizeof(Elf32_##kind))

static void dynamic(struct maker *maker, size_t i, uint64_t tag, uint64_t value) {
        PUT(maker, AT_DYNAMIC + i * STEP(maker, Dyn), Dyn, d_tag, tag);
        PUT(maker, AT_DYNAMIC + i * STEP(maker, Dyn), Dyn, d_un, value);
}

static void add(struct maker *maker, const char *name, uint64_t offset, uint64_t size) {
        size_t at = AT_SYMBOLS + ++maker->n_symbols * STEP(maker, Sym);

        PUT(maker, at, Sym, st_name, maker->n_strings);
        PUT(maker, at, Sym, st_value, maker->base + offset);
        PUT(maker, at, Sym, st_size, size);
        PUT(maker, at, Sym, st_info, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC));
        PUT(maker, at, Sym, st_shndx, 7);
        strcpy((char *)maker->bytes + AT_STRINGS + maker->n_strings, name);
        maker->n_strings += strlen(name) + 1;
        put(maker, AT_HASH + 4, maker->n_symbols + 1, 4);
        dynamic(maker, 2, DT_STRSZ, maker->n_strings);
}

static void make(struct maker *maker, bool wide, uint64_t base) {
        *maker = (struct maker){ .wide = wide, .base = base, .n_strings = 1 };
        memcpy(maker->bytes, ELFMAG, SELFMAG);
        maker->bytes[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
        maker->bytes[EI_DATA] = ELFDATA2LSB;
        PUT(maker, 0, Ehdr, e_machine, wide ? EM_X86_64 : EM_386);
        PUT(maker, 0, Ehdr, e_phoff, 64);
        PUT(maker, 0, Ehdr, e_phnum, 2);
        PUT(maker, 64, Phdr, p_type, PT_LOAD);
        PUT(maker, 64, Phdr, p_vaddr, base);
        PUT(maker, 64 + STEP(maker, Phdr), Phdr, p_type, PT_DYNAMIC);
        PUT(maker, 64 + STEP(maker, Phdr), Phdr, p_offset, AT_DYNAMIC);
        PUT(maker, 64 + STEP(maker, Phdr), Phdr, p_filesz, 6 * STEP(maker, Dyn));
        dynamic(maker, 0, DT_SYMTAB, base + AT_SYMBOLS);
        dynamic(maker, 1, DT_STRTAB, base + AT_STRINGS);
        dynamic(maker, 2, DT_STRSZ, 1);
        dynamic(maker, 3, DT_HASH, base + AT_HASH);
        put(maker, AT_HASH, 1, 4);
        put(maker, AT_HASH + 4, 1, 4);
}

static int patches_of(const struct maker *maker, struct vdso_patches *ret) {
        return vdso_patches(maker->bytes, sizeof(maker->bytes), ret);
}

/* Copied into place and called. */
static void apply(uint8_t *image, const struct vdso_patches *patches) {
        for (size_t i = 0; i < patches->n; i++)
                memcpy(image + patches->items[i].offset, patches->items[i].bytes, patches->items[i].n);
}

Test(vdso, functions_are_found_by_name_in_both_classes_wherever_linked) {
        const uint64_t bases[] = { 0, 0x1000, 0xffffe000, 0xffffffffff700000 };

        for (unsigned wide = 0; wide < 2; wide++)
                for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]) - !wide; i++) {
                        struct maker maker;
                        struct vdso_patches patches;

                        make(&maker, wide, bases[i]);
                        add(&maker, "__vdso_clock_gettime", AT_CODE, 100);
                        add(&maker, "clock_gettime", AT_CODE, 100);
                        add(&maker, "__vdso_getcpu", AT_CODE + 100, 3);
                        add(&maker, "__vdso_clock_getres", AT_CODE + 110, 3);
                        add(&maker, "__vdso_time", AT_CODE + 128, 18);
                        cr_assert_eq(patches_of(&maker, &patches), 0, "wide %u base %zu", wide, i);
                        cr_assert_eq(patches.n, 2);
                        cr_assert_eq(patches.items[0].offset, AT_CODE);
                        cr_assert_eq(patches.items[1].offset, AT_CODE + 128);
                        cr_assert_eq(patches.items[0].n, wide ? 8u : 18u);
                        /* What was changed once is found as it is to be. */
                        apply(maker.bytes, &patches);
                        cr_assert_eq(patches_of(&maker, &patches), 0);
                }
}

Test(vdso, symbols_are_counted_by_the_other_hash_table_too) {
        struct maker maker;
        struct vdso_patches patches;

        make(&maker, true, 0);
        add(&maker, "__vdso_time", AT_CODE, 40);
        add(&maker, "__vdso_gettimeofday", AT_CODE + 64, 40);
        dynamic(&maker, 3, DT_GNU_HASH, AT_HASH);
        put(&maker, AT_HASH, 2, 4);           /* buckets */
        put(&maker, AT_HASH + 4, 1, 4);       /* first symbol */
        put(&maker, AT_HASH + 8, 1, 4);       /* words of the bloom filter */
        put(&maker, AT_HASH + 24, 1, 4);      /* bucket 0 begins with symbol 1 */
        put(&maker, AT_HASH + 28, 0, 4);      /* bucket 1 is empty */
        put(&maker, AT_HASH + 32, 0x1000, 4); /* hash of symbol 1, not the last of its chain */
        put(&maker, AT_HASH + 36, 0x1001, 4);
        cr_assert_eq(patches_of(&maker, &patches), 0);
        cr_assert_eq(patches.n, 2);
        put(&maker, AT_HASH + 36, 0x1000, 4); /* a chain without an end leaves the image */
        memset(maker.bytes + AT_HASH + 40, 0, OBJECT_SIZE - AT_HASH - 40);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_FORMAT);
}

Test(vdso, what_is_not_understood_is_refused_with_the_reason) {
        struct maker maker;
        struct vdso_patches patches;

        make(&maker, true, 0);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_MISSING);
        add(&maker, "__vdso_time", AT_CODE, 7);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_ROOM);

        make(&maker, true, 0);
        add(&maker, "__vdso_time", AT_CODE, 40);
        add(&maker, "__vdso_clock_gettime", AT_CODE + 4, 40);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_ROOM);

        make(&maker, true, 0);
        add(&maker, "__vdso_time", AT_CODE, 40);
        add(&maker, "__vdso_gettimeofday", AT_CODE, 40);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_FORMAT);

        make(&maker, true, 0);
        add(&maker, "__vdso_time", AT_CODE, 40);
        add(&maker, "__vdso_nanotime", AT_CODE + 64, 40);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_UNKNOWN);

        make(&maker, true, 0);
        add(&maker, "__vdso_time", OBJECT_SIZE - 4, 40);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_FORMAT);

        make(&maker, true, 0);
        add(&maker, "__vdso_time", AT_CODE, 40);
        put(&maker, 18, EM_AARCH64, 2);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_MACHINE);
        put(&maker, 18, EM_X86_64, 2);
        put(&maker, AT_HASH + 4, UINT32_MAX, 4);
        cr_assert_eq(patches_of(&maker, &patches), VDSO_E_FORMAT);
        cr_assert_str_neq(vdso_outcome_text(VDSO_E_FORMAT), vdso_outcome_text(VDSO_E_MACHINE));
}

Test(vdso, a_cut_object_is_never_read_beyond) {
        struct maker maker;
        struct vdso_patches patches;

        for (unsigned wide = 0; wide < 2; wide++) {
                make(&maker, wide, 0);
                add(&maker, "__vdso_time", AT_CODE, 40);
                for (size_t n = 0; n < AT_CODE + (wide ? 8u : 18u); n++) {
                        uint8_t *copy = malloc(n ? n : 1);
                        int r;

                        memcpy(copy, maker.bytes, n);
                        r = vdso_patches(copy, n, &patches);
                        free(copy);
                        cr_assert_neq(r, 0, "%zu bytes", n);
                }
        }
}

/* ---- the kernel's own ---- */

static const uint8_t *own_vdso(size_t *ret_n) {
        FILE *maps = fopen("/proc/self/maps", "re");
        uint64_t start = 0, end = 0;
        char line[8192];
        bool found = false;

        while (!found && fgets(line, sizeof(line), maps)) {
                line[strcspn(line, "\n")] = 0;
                found = vdso_line(line, &start, &end);
        }
        fclose(maps);
        if (!found)
                return NULL;
        cr_assert_eq(start, getauxval(AT_SYSINFO_EHDR));
        *ret_n = (size_t)(end - start);
        return (const uint8_t *)(uintptr_t)start;
}

static const struct vdso_patch *patch_with(const struct vdso_patches *patches, uint32_t nr) {
        for (size_t i = 0; i < patches->n; i++)
                if (memcmp(patches->items[i].bytes + 1, &nr, 4) == 0)
                        return &patches->items[i];
        return NULL;
}

#ifdef __x86_64__
Test(vdso, the_kernels_own_is_understood_and_the_code_calls) {
        size_t n = 0;
        const uint8_t *own = own_vdso(&n);
        struct vdso_patches patches;
        uint8_t *code =
                mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        const struct vdso_patch *patch;
        long (*gettime)(int, struct timespec *);
        struct timespec now, ours;

        if (!own)
                cr_skip_test("no vDSO");
        if (code == MAP_FAILED)
                cr_skip_test("no code may be written here");
        cr_assert_eq(vdso_patches(own, n, &patches), 0);
        cr_assert_eq(patches.n, 3);
        cr_assert(patch_with(&patches, SYS_gettimeofday) && patch_with(&patches, SYS_time));
        patch = patch_with(&patches, SYS_clock_gettime);
        cr_assert(patch);
        memcpy(code, patch->bytes, patch->n);
        memcpy(&gettime, &code, sizeof(gettime));
        cr_assert_eq(gettime(CLOCK_REALTIME, &ours), 0);
        clock_gettime(CLOCK_REALTIME, &now);
        cr_assert(now.tv_sec - ours.tv_sec <= 60 && now.tv_sec >= ours.tv_sec);
        cr_assert_eq(gettime(12345, &ours), -EINVAL);
}
#endif

Test(vdso, only_the_kernels_line_of_maps_is_believed) {
        uint64_t start = 0, end = 0;

        cr_assert(
                vdso_line("7fb4ed50a000-7fb4ed50c000 r-xp 00000000 00:00 0                          [vdso]",
                          &start, &end));
        cr_assert(start == 0x7fb4ed50a000 && end == 0x7fb4ed50c000);
        cr_assert(vdso_line("f7f9a000-f7f9c000 r-xp 00000000 00:00 0 [vdso]", &start, &end));
        cr_assert_not(
                vdso_line("7f0000000000-7f0000002000 r-xp 00000000 fe:00 42 /tmp/a [vdso]", &start, &end));
        cr_assert_not(vdso_line("7f0000000000-7f0000002000 r--p 00000000 00:00 0 [vvar]", &start, &end));
        cr_assert_not(vdso_line("7f0000002000-7f0000000000 r-xp 00000000 00:00 0 [vdso]", &start, &end));
        cr_assert_not(vdso_line("7f0000000000-7f0000002000 r--p 00000000 00:00 0 ", &start, &end));
        cr_assert_not(
                vdso_line("7f0000000000-7f0000002000 r-xp 00000000 00:00 0 [anon:[vdso]]", &start, &end));
        cr_assert_not(vdso_line("", &start, &end));
}

/* ---- in a task ---- */

static struct fake_kernel fake;
static int memory_fd = -EACCES;

static int open_memory(void *data, uint32_t tid, const char *name, int flags) {
        cr_assert_str_eq(name, "mem");
        cr_assert_eq(tid, 812);
        return memory_fd < 0 ? memory_fd : fcntl(memory_fd, F_DUPFD_CLOEXEC, 0);
}

static void prepare(struct call *call) {
        static struct fake_call *delivered;

        fake_kernel_init(&fake);
        fake.kernel.open_proc = open_memory;
        delivered = fake_kernel_call(&fake, 812, AUDIT_ARCH_X86_64, SYS_brk, NULL, FAKE_LIVES);
        memset(call, 0, sizeof(*call));
        call->kernel = &fake.kernel;
        call->tid = 812;
        cr_assert_eq(fake_kernel_receive(&fake, &call->notif), 0);
        cr_assert_eq(call->notif.id, delivered->notif.id);
}

static int memory_of(const uint8_t *image, size_t n, uint64_t at) {
        int fd = memfd_create("memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);

        cr_assert_eq(pwrite(fd, image, n, (off_t)at), (ssize_t)n);
        return fd;
}

Test(vdso, a_task_gets_it_once) {
        struct maker maker;
        struct call call;
        uint8_t after[OBJECT_SIZE];

        make(&maker, true, 0);
        add(&maker, "__vdso_time", AT_CODE, 40);
        memory_fd = memory_of(maker.bytes, OBJECT_SIZE, 0x10000);
        prepare(&call);
        fake.maps = "8000-9000 r-xp 00000000 fe:00 42 /bin/x\n10000-11000 r-xp 00000000 00:00 0 [vdso]\n";
        cr_assert_eq(vdso_make_calls(&call), 0);
        cr_assert_eq(pread(memory_fd, after, sizeof(after), 0x10000), OBJECT_SIZE);
        cr_assert_arr_eq(after + AT_CODE, ((uint8_t[]){ 0xb8, 201, 0, 0, 0, 0x0f, 0x05, 0xc3 }), 8);
        memset(after + AT_CODE, 0, 8);
        cr_assert_arr_eq(after, maker.bytes, OBJECT_SIZE);
        /* The second time nothing is written: the descriptor does not allow it. */
        cr_assert_eq(fcntl(memory_fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
        cr_assert_eq(vdso_make_calls(&call), 0);
        fake_kernel_deinit(&fake);
}

Test(vdso, trouble_is_told_apart) {
        struct call call;

        prepare(&call);
        fake.maps = "10000-11000 r-xp 00000000 00:00 0 [vdso]\n";
        cr_assert_eq(vdso_make_calls(&call), -EACCES);
        memory_fd = -ESRCH;
        cr_assert_eq(vdso_make_calls(&call), CALL_E_GONE);
        memory_fd = memory_of((const uint8_t *)"x", 1, 0x12000);
        cr_assert_eq(vdso_make_calls(&call), VDSO_E_FORMAT);
        fake.maps = "8000-9000 r-xp 00000000 fe:00 42 /bin/x\n";
        cr_assert_eq(vdso_make_calls(&call), 0);
        fake.maps = "10000-40000 r-xp 00000000 00:00 0 [vdso]\n";
        cr_assert_eq(vdso_make_calls(&call), VDSO_E_FORMAT);
        fake.calls[0].fate = FAKE_GONE_AT_CONFIRM;
        cr_assert_eq(vdso_make_calls(&call), CALL_E_GONE);
        fake_kernel_deinit(&fake);
}
