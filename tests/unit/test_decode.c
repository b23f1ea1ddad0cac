/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>
#include "supervisor/decode/decode.h"
#include "syscalls/names.h"

/* A task whose memory is one piece of bytes at a chosen address. */
struct fake {
        uint64_t base;
        const void *bytes;
        size_t n;
        unsigned n_reads;
        size_t longest;
};

#define BASE 0x10000u

static long fake_read(void *data, uint64_t address, void *buffer, size_t n) {
        struct fake *fake = data;

        fake->n_reads++;
        if (n > fake->longest)
                fake->longest = n;
        if (address < fake->base || address >= fake->base + fake->n)
                return -EFAULT;
        if (n > fake->base + fake->n - address)
                n = fake->base + fake->n - address;
        memcpy(buffer, (const char *)fake->bytes + (address - fake->base), n);
        return (long)n;
}

static int fake_fd_path(void *data, int fd, char *buffer, size_t size) {
        if (fd == AT_FDCWD)
                snprintf(buffer, size, "/srv");
        else if (fd == 5)
                snprintf(buffer, size, "socket:[77]");
        else if (fd == 6)
                snprintf(buffer, size, "/tmp/a\n>b");
        else
                return -EBADF;
        return 0;
}

static char text[EVENT_DETAIL_MAX];

static int decode_fake(struct fake *fake, const char *arch_name, const char *name, const uint64_t args[6]) {
        const struct arch *arch = arch_by_any(arch_name);
        struct decode_source source = { .read = fake_read, .data = fake };
        uint32_t audit = arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit;
        int nr = syscall_number(arch, name);

        cr_assert(nr >= 0, "%s has no %s", arch_name, name);
        memset(text, '#', sizeof(text));
        return decode_args(&source, audit, (uint32_t)nr, args, text, sizeof(text));
}

struct row {
        const char *arch, *name;
        uint64_t args[6];
        const char *bytes; /* at BASE */
        size_t n;
        const char *expected;
        int touched;
};

#define BYTES(string) string, sizeof(string) - 1

static void check_rows(const struct row *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                struct fake fake = { .base = BASE, .bytes = rows[i].bytes, .n = rows[i].n };
                int touched = decode_fake(&fake, rows[i].arch, rows[i].name, rows[i].args);

                cr_expect_str_eq(text, rows[i].expected, "%s %s:\n got  %s\n want %s", rows[i].arch,
                                 rows[i].name, text, rows[i].expected);
                cr_expect_eq(touched, rows[i].touched, "%s %s: touched %d", rows[i].arch, rows[i].name,
                             touched);
        }
}

#define CHECK(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

Test(decode, registers) {
        static const struct row rows[] = {
                { "x86_64", "read", { 3, 0x7f00, 832 }, NULL, 0, "3, 0x7f00, 832", 0 },
                { "x86_64", "read", { UINT64_MAX, 0, 0 }, NULL, 0, "-1, NULL, 0", 0 },
                { "x86_64", "getpid", { 1, 2, 3 }, NULL, 0, "", 0 },
                { "x86_64",
                  "socket",
                  { 2, 0x80801, 6 },
                  NULL,
                  0,
                  "AF_INET, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, IPPROTO_TCP",
                  0 },
                { "x86_64", "socket", { 16, 3, 0 }, NULL, 0, "AF_NETLINK, SOCK_RAW, NETLINK_ROUTE", 0 },
                { "x86_64",
                  "socket",
                  { 1, 0x70000002, 0 },
                  NULL,
                  0,
                  "AF_UNIX, SOCK_DGRAM|0x70000000, 0",
                  0 },
                { "x86_64", "socket", { 99, 77, 5 }, NULL, 0, "0x63, 0x4d, 5", 0 },
                { "x86_64", "socket", { 0xffffffff00000001, 1, 0 }, NULL, 0, "AF_UNIX, SOCK_STREAM, 0", 0 },
                { "x86_64",
                  "mmap",
                  { 0, 8192, 3, 0x22, UINT64_MAX, 0 },
                  NULL,
                  0,
                  "NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0",
                  0 },
                { "x86_64",
                  "mmap",
                  { 0x1000, 1, 0, 0x4000011, 3, 0x2000 },
                  NULL,
                  0,
                  "0x1000, 1, PROT_NONE, MAP_SHARED|MAP_FIXED|0x4000000, 3, 0x2000",
                  0 },
                { "x86_64",
                  "mprotect",
                  { 0x1000, 1, 0x105 },
                  NULL,
                  0,
                  "0x1000, 1, PROT_READ|PROT_EXEC|0x100",
                  0 },
                { "x86_64", "ioctl", { 1, 0x5401, 0x7f0 }, NULL, 0, "1, TCGETS, 0x7f0", 0 },
                { "x86_64", "ioctl", { 1, 0xffffffff00005412, 0x7f0 }, NULL, 0, "1, TIOCSTI, 0x7f0", 0 },
                { "x86_64",
                  "ioctl",
                  { 1, 0xc0f85a01, 0 },
                  NULL,
                  0,
                  "1, _IOC(_IOC_READ|_IOC_WRITE, 0x5a, 0x1, 0xf8), NULL",
                  0 },
                { "x86_64", "ioctl", { 1, 0x12, 0 }, NULL, 0, "1, 0x12, NULL", 0 },
                { "x86_64", "prctl", { 38, 1, 0, 0, 0 }, NULL, 0, "PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0", 0 },
                { "x86_64", "prctl", { 24, 21 }, NULL, 0, "PR_CAPBSET_DROP, CAP_SYS_ADMIN", 0 },
                { "x86_64", "prctl", { 12345, 1, 2, 3, 4 }, NULL, 0, "0x3039, 0x1, 0x2, 0x3, 0x4", 0 },
                { "x86_64", "personality", { 0xffffffff }, NULL, 0, "0xffffffff", 0 },
                { "x86_64", "personality", { 0x40008 }, NULL, 0, "PER_LINUX32|ADDR_NO_RANDOMIZE", 0 },
                { "x86_64", "fcntl", { 3, 1, 99 }, NULL, 0, "3, F_GETFD", 0 },
                { "x86_64", "fcntl", { 3, 2, 1 }, NULL, 0, "3, F_SETFD, FD_CLOEXEC", 0 },
                { "x86_64", "fcntl", { 3, 4, 0x802 }, NULL, 0, "3, F_SETFL, O_RDWR|O_NONBLOCK", 0 },
                { "x86_64", "fcntl", { 3, 999, 0x802 }, NULL, 0, "3, 0x3e7, 0x802", 0 },
                { "x86_64",
                  "setsockopt",
                  { 3, 1, 2, 0x10, 4 },
                  NULL,
                  0,
                  "3, SOL_SOCKET, SO_REUSEADDR, 0x10, 4",
                  0 },
                { "x86_64",
                  "setsockopt",
                  { 3, 6, 1, 0x10, 4 },
                  NULL,
                  0,
                  "3, SOL_TCP, TCP_NODELAY, 0x10, 4",
                  0 },
                { "x86_64", "setsockopt", { 3, 77, 1, 0, 4 }, NULL, 0, "3, 0x4d, 1, NULL, 4", 0 },
                { "x86_64",
                  "clone",
                  { 0x1200011, 0, 0, 0x7f10, 9 },
                  NULL,
                  0,
                  "child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, "
                  "child_tidptr=0x7f10",
                  0 },
                { "x86",
                  "clone",
                  { 0x80000 | 17, 1, 2, 3, 4 },
                  NULL,
                  0,
                  "child_stack=0x1, flags=CLONE_SETTLS|SIGCHLD, tls=0x3",
                  0 },
                { "s390x", "clone", { 0x50, 17 }, NULL, 0, "child_stack=0x50, flags=SIGCHLD", 0 },
                { "x86_64", "unshare", { 0x10000000 }, NULL, 0, "CLONE_NEWUSER", 0 },
                { "x86_64", "kill", { (uint64_t)-1, 9 }, NULL, 0, "-1, SIGKILL", 0 },
                { "x86_64", "kill", { 1, 34 }, NULL, 0, "1, SIGRT_2", 0 },
                { "x86_64", "kill", { 1, 0 }, NULL, 0, "1, 0", 0 },
                { "x86_64", "kill", { 1, 99 }, NULL, 0, "1, 99", 0 },
                { "x86_64", "lseek", { 3, (uint64_t)-5, 2 }, NULL, 0, "3, -5, SEEK_END", 0 },
                { "x86", "lseek", { 3, 0xfffffffb, 2 }, NULL, 0, "3, -5, SEEK_END", 0 },
                { "x86_64", "fchmod", { 3, 0 }, NULL, 0, "3, 000", 0 },
                { "x86_64", "fchown", { 3, 0xffffffff, 1000 }, NULL, 0, "3, -1, 1000", 0 },
                { "x86_64", "futex", { 0x10, 129, 1, 7, 7, 7 }, NULL, 0, "0x10, FUTEX_WAKE_PRIVATE, 1", 0 },
                { "x86_64", "pwritev2", { 1, 0, 0, 5, 0, 2 }, NULL, 0, "1, NULL, 0, 5, RWF_DSYNC", 0 },
                { "x86", "pread64", { 1, 0x10, 3, 1, 2 }, NULL, 0, "1, 0x10, 3, 0x1, 0x2", 0 },
        };

        CHECK(rows);
}

Test(decode, no_row) {
        const uint64_t args[6] = { 0, 1, 0xffffffffffffffff, 3, 4, 5 };
        struct decode_source source = { 0 };

        cr_expect_eq(decode_args(&source, AUDIT_ARCH_X86_64, 999, args, text, sizeof(text)), 0);
        cr_expect_str_eq(text, "0x0, 0x1, 0xffffffffffffffff, 0x3, 0x4, 0x5");
        cr_expect_eq(decode_args(&source, 0xdead, 1, args, text, sizeof(text)), 0);
        cr_expect_str_eq(text, "0x0, 0x1, 0xffffffffffffffff, 0x3, 0x4, 0x5");
}

Test(decode, paths) {
        static const struct row rows[] = {
                { "x86_64",
                  "open",
                  { BASE, 0, 0777 },
                  BYTES("/etc/passwd\0"),
                  "\"/etc/passwd\", O_RDONLY",
                  1 },
                { "x86_64", "open", { BASE, 0101, 0640 }, BYTES("x\0"), "\"x\", O_WRONLY|O_CREAT, 0640", 1 },
                { "x86_64",
                  "open",
                  { BASE, 020200002, 0600 },
                  BYTES("x\0"),
                  "\"x\", O_RDWR|O_TMPFILE, 0600",
                  1 },
                { "x86_64",
                  "open",
                  { BASE, 0200000, 0600 },
                  BYTES("x\0"),
                  "\"x\", O_RDONLY|O_DIRECTORY",
                  1 },
                { "x86_64", "open", { BASE, 3, 0 }, BYTES("x\0"), "\"x\", 0x3", 1 },
                { "x86_64", "open", { 0, 0, 0 }, NULL, 0, "NULL, O_RDONLY", 0 },
                { "x86_64", "open", { 0x9, 0, 0 }, NULL, 0, "0x9, O_RDONLY", 1 },
                { "x86_64", "open", { BASE, 0, 0 }, BYTES("not terminated"), "0x10000, O_RDONLY", 1 },
                { "x86_64", "open", { UINT64_MAX, 0, 0 }, NULL, 0, "0xffffffffffffffff, O_RDONLY", 0 },
                { "x86_64", "open", { UINT64_MAX - 3, 0, 0 }, NULL, 0, "0xfffffffffffffffc, O_RDONLY", 1 },
                { "x86", "open", { UINT32_MAX, 0, 0 }, NULL, 0, "0xffffffff, O_RDONLY", 0 },
                { "x86_64",
                  "open",
                  { BASE, 0, 0 },
                  BYTES("a\nb\tc\"d\\e\x01\x7f\xff\0"),
                  "\"a\\nb\\tc\\\"d\\\\e\\x01\\x7f\\xff\", O_RDONLY",
                  1 },
                { "x86_64",
                  "open",
                  { BASE, 0, 0 },
                  BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82\0"),
                  "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82\", O_RDONLY",
                  1 },
                { "x86_64",
                  "open",
                  { BASE, 0, 0 },
                  BYTES("\xc0\xaf\xed\xa0\x80\xe2\x80\xae\xc2\x9b\0"),
                  "\"\\xc0\\xaf\\xed\\xa0\\x80\\xe2\\x80\\xae\\xc2\\x9b\", O_RDONLY",
                  1 },
                { "x86_64",
                  "openat",
                  { (uint32_t)AT_FDCWD, BASE, 02000000 },
                  BYTES("a\0"),
                  "AT_FDCWD, \"a\", O_RDONLY|O_CLOEXEC",
                  1 },
                { "x86_64", "openat", { 7, BASE, 0 }, BYTES("a\0"), "7, \"a\", O_RDONLY", 1 },
                { "x86_64", "unlinkat", { 7, BASE, 0x200 }, BYTES("a\0"), "7, \"a\", AT_REMOVEDIR", 1 },
                { "x86_64", "access", { BASE, 6 }, BYTES("a\0"), "\"a\", R_OK|W_OK", 1 },
                { "x86_64", "access", { BASE, 0 }, BYTES("a\0"), "\"a\", F_OK", 1 },
                { "x86_64",
                  "mknod",
                  { BASE, 020666, 0x103 },
                  BYTES("n\0"),
                  "\"n\", S_IFCHR|0666, makedev(0x1, 0x3)",
                  1 },
                { "x86_64", "mknod", { BASE, 010644, 0x103 }, BYTES("n\0"), "\"n\", S_IFIFO|0644", 1 },
                { "x86_64", "prctl", { 15, BASE }, BYTES("worker\0"), "PR_SET_NAME, \"worker\"", 1 },
                { "x86_64",
                  "mount",
                  { BASE, BASE, 0, 0xc0ed1000, 0 },
                  BYTES("/m\0"),
                  "\"/m\", \"/m\", NULL, MS_MGC_VAL|MS_BIND, NULL",
                  1 },
        };

        CHECK(rows);
}

Test(decode, descriptors) {
        static const char path[] = "rel\0/abs";
        struct fake fake = { .base = BASE, .bytes = path, .n = sizeof(path) };
        struct decode_source source = { .read = fake_read, .fd_path = fake_fd_path, .data = &fake };
        uint32_t nr = (uint32_t)syscall_number(arch_by_any("x86_64"), "openat");

        decode_args(&source, AUDIT_ARCH_X86_64, nr, (uint64_t[6]){ (uint64_t)AT_FDCWD, BASE, 0 }, text,
                    sizeof(text));
        cr_expect_str_eq(text, "AT_FDCWD</srv>, \"rel\", O_RDONLY");
        decode_args(&source, AUDIT_ARCH_X86_64, nr, (uint64_t[6]){ 6, BASE, 0 }, text, sizeof(text));
        cr_expect_str_eq(text, "6</tmp/a\\n>b>, \"rel\", O_RDONLY");
        /* an absolute path does not depend on the directory: no look at it */
        decode_args(&source, AUDIT_ARCH_X86_64, nr, (uint64_t[6]){ 6, BASE + 4, 0 }, text, sizeof(text));
        cr_expect_str_eq(text, "6, \"/abs\", O_RDONLY");
        decode_args(&source, AUDIT_ARCH_X86_64, nr, (uint64_t[6]){ 9, BASE, 0 }, text, sizeof(text));
        cr_expect_str_eq(text, "9, \"rel\", O_RDONLY");
        cr_expect_eq(decode_args(&source, AUDIT_ARCH_X86_64, 3, (uint64_t[6]){ 5 }, text, sizeof(text)), 1,
                     "what /proc says may be of another task");
        cr_expect_str_eq(text, "5<socket:[77]>");
        cr_expect_eq(
                decode_args(&source, AUDIT_ARCH_X86_64, 3, (uint64_t[6]){ UINT64_MAX }, text, sizeof(text)),
                0);
        cr_expect_str_eq(text, "-1");
}

Test(decode, socket_addresses) {
        static const struct row rows[] = {
                { "x86_64",
                  "connect",
                  { 3, BASE, 110 },
                  BYTES("\1\0/run/s\0________________________________"
                        "____________________________________________________________________________"),
                  "3, {sa_family=AF_UNIX, sun_path=\"/run/s\"}, 110",
                  1 },
                { "x86_64",
                  "connect",
                  { 3, BASE, 5 },
                  BYTES("\1\0abcdef"),
                  "3, {sa_family=AF_UNIX, sun_path=\"abc\"}, 5",
                  1 },
                { "x86_64", "bind", { 3, BASE, 2 }, BYTES("\1\0"), "3, {sa_family=AF_UNIX}, 2", 1 },
                { "x86_64",
                  "bind",
                  { 3, BASE, 7 },
                  BYTES("\1\0\0a\0b\n"),
                  "3, {sa_family=AF_UNIX, sun_path=@\"a\\x00b\\n\"}, 7",
                  1 },
                { "x86_64",
                  "connect",
                  { 3, BASE, 16 },
                  BYTES("\2\0\0\x50\x7f\0\0\1\0\0\0\0\0\0\0\0"),
                  "3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16",
                  1 },
                { "ppc64",
                  "connect",
                  { 3, BASE, 16 },
                  BYTES("\0\2\0\x50\x7f\0\0\1\0\0\0\0\0\0\0\0"),
                  "3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16",
                  1 },
                { "x86_64",
                  "connect",
                  { 3, BASE, 28 },
                  BYTES("\12\0\1\xbb\0\0\0\5\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\3\0\0\0"),
                  "3, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(5), "
                  "inet_pton(AF_INET6, \"::1\", &sin6_addr), sin6_scope_id=3}, 28",
                  1 },
                { "x86_64",
                  "bind",
                  { 3, BASE, 12 },
                  BYTES("\20\0\0\0\14\0\0\0\5\0\0\0"),
                  "3, {sa_family=AF_NETLINK, nl_pid=12, nl_groups=0x000005}, 12",
                  1 },
                { "x86_64",
                  "bind",
                  { 3, BASE, 20 },
                  BYTES("\21\0\0\3\1\0\0\0\1\0\0\6\1\2\3\4\5\6\0\0"),
                  "3, {sa_family=AF_PACKET, sll_protocol=htons(0x0003), sll_ifindex=1, sll_hatype=1, "
                  "sll_pkttype=0, sll_halen=6}, 20",
                  1 },
                { "x86_64",
                  "connect",
                  { 3, BASE, 16 },
                  BYTES("\50\0\0\0\0\4\0\0\2\0\0\0\0\0\0\0"),
                  "3, {sa_family=AF_VSOCK, svm_cid=VMADDR_CID_HOST, svm_port=0x400}, 16",
                  1 },
                { "x86_64",
                  "connect",
                  { 3, BASE, 4 },
                  BYTES("\37\0a\1"),
                  "3, {sa_family=AF_BLUETOOTH, sa_data=\"a\\x01\"}, 4",
                  1 },
                { "x86_64",
                  "connect",
                  { 3, BASE, 8 },
                  BYTES("\2\0\0\x50\x7f\0\0\1"),
                  "3, {sa_family=AF_INET, sa_data=\"\\x00P\\x7f\\x00\\x00\\x01\"}, 8",
                  1 },
                /* too short, too long, huge, unmapped, shorter than its length, NULL */
                { "x86_64", "connect", { 3, BASE, 1 }, BYTES("\2\0"), "3, 0x10000, 1", 0 },
                { "x86_64", "connect", { 3, BASE, 129 }, BYTES("\2\0"), "3, 0x10000, 129", 0 },
                { "x86_64", "connect", { 3, BASE, 1ull << 62 }, BYTES("\2\0"), "3, 0x10000, 0", 0 },
                { "x86_64", "connect", { 3, BASE, UINT64_MAX }, BYTES("\2\0"), "3, 0x10000, 4294967295", 0 },
                { "x86_64", "connect", { 3, 8, 16 }, BYTES("\2\0"), "3, 0x8, 16", 1 },
                { "x86_64", "connect", { 3, BASE, 16 }, BYTES("\2\0\0\x50\x7f\0\0\1"), "3, 0x10000, 16", 1 },
                { "x86_64", "connect", { 3, 0, 16 }, NULL, 0, "3, NULL, 16", 0 },
                { "x86_64",
                  "sendto",
                  { 3, BASE, 2, 0x4040, BASE, 5 },
                  BYTES("\1\0abc"),
                  "3, \"\\x01\\x00\", 2, MSG_DONTWAIT|MSG_NOSIGNAL, {sa_family=AF_UNIX, sun_path=\"abc\"}, "
                  "5",
                  1 },
        };

        CHECK(rows);
}

Test(decode, vectors) {
        static const struct row rows[] = {
                { "x86_64",
                  "execve",
                  { BASE + 32, BASE, BASE },
                  BYTES("\x20\0\1\0\0\0\0\0\x23\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0________ls\0-l\0"),
                  "\"ls\", [\"ls\", \"-l\"], 0x10000 /* 2 vars */",
                  1 },
                { "x86",
                  "execve",
                  { BASE + 8, BASE, BASE + 4 },
                  BYTES("\x8\0\1\0\0\0\0\0ls\0"),
                  "\"ls\", [\"ls\"], 0x10004 /* 0 vars */",
                  1 },
                { "ppc",
                  "execve",
                  { BASE + 8, BASE, BASE },
                  BYTES("\0\1\0\x8\0\0\0\0ls\0"),
                  "\"ls\", [\"ls\"], 0x10000 /* 1 var */",
                  1 },
                { "x86", "execve", { 0, BASE, 0 }, BYTES("\x8\0\1\0"), "NULL, [0x10008, ???], NULL", 1 },
                { "x86_64", "execve", { 0, 0, 0 }, NULL, 0, "NULL, NULL, NULL", 0 },
                { "x86_64", "execve", { 0, 9, 9 }, NULL, 0, "NULL, 0x9, 0x9", 1 },
                { "x86_64",
                  "execve",
                  { 0, UINT64_MAX - 3, UINT64_MAX - 3 },
                  NULL,
                  0,
                  "NULL, 0xfffffffffffffffc, 0xfffffffffffffffc",
                  1 },
                { "x86_64", "write", { 1, BASE, 6 }, BYTES("hello\n"), "1, \"hello\\n\", 6", 1 },
                { "x86_64",
                  "write",
                  { 1, BASE, 40 },
                  BYTES("0123456789012345678901234567890123456789"),
                  "1, \"01234567890123456789012345678901\"..., 40",
                  1 },
                { "x86_64",
                  "write",
                  { 1, BASE, UINT64_MAX },
                  BYTES("0123456789012345678901234567890123456789"),
                  "1, \"01234567890123456789012345678901\"..., 18446744073709551615",
                  1 },
                { "x86_64", "write", { 1, BASE, 9 }, BYTES("short"), "1, 0x10000, 9", 1 },
                { "x86_64", "write", { 1, BASE, 0 }, NULL, 0, "1, \"\", 0", 0 },
                { "x86_64", "write", { 1, 0, 5 }, NULL, 0, "1, NULL, 5", 0 },
                { "x86_64",
                  "writev",
                  { 1, BASE, 2 },
                  BYTES("\x20\0\1\0\0\0\0\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0ab"),
                  "1, [{iov_base=\"ab\", iov_len=2}, {iov_base=NULL, iov_len=0}], 2",
                  1 },
                { "x86",
                  "writev",
                  { 1, BASE, UINT32_MAX },
                  BYTES("\x8\0\1\0\1\0\0\0z"),
                  "1, [{iov_base=\"z\", iov_len=1}, ???], 4294967295",
                  1 },
                { "x86_64", "writev", { 1, BASE, 0 }, NULL, 0, "1, [], 0", 0 },
                { "x86_64", "writev", { 1, 8, 1 }, NULL, 0, "1, 0x8, 1", 1 },
        };

        CHECK(rows);
}

Test(decode, arguments_in_memory) {
        static const struct row rows[] = {
                { "x86",
                  "mmap",
                  { BASE },
                  BYTES("\0\0\0\0\0\x10\0\0\3\0\0\0\x22\0\0\0\xff\xff\xff\xff\0\x20\0\0"),
                  "[NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x2000]",
                  1 },
                { "x86", "mmap", { 0x9000 }, NULL, 0, "0x9000", 1 },
                { "x86", "mmap", { 0 }, NULL, 0, "NULL", 0 },
                { "x86",
                  "socketcall",
                  { 3, BASE },
                  BYTES("\7\0\0\0\x0c\0\1\0\5\0\0\0\1\0abc"),
                  "SYS_CONNECT, [7, {sa_family=AF_UNIX, sun_path=\"abc\"}, 5]",
                  1 },
                { "s390x",
                  "socketcall",
                  { 13, BASE },
                  BYTES("\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\1"),
                  "SYS_SHUTDOWN, [7, SHUT_WR]",
                  1 },
                { "x86", "socketcall", { 99, 0x9000 }, NULL, 0, "0x63, 0x9000", 0 },
                { "x86", "socketcall", { 3, 0x9000 }, NULL, 0, "SYS_CONNECT, 0x9000", 1 },
        };

        CHECK(rows);
}

Test(decode, argv_is_bounded) {
        uint64_t memory[64];
        struct fake fake = { .base = BASE, .bytes = memory, .n = sizeof(memory) };
        const char *at;
        unsigned n = 0;

        /* no end, every word the same short string */
        for (size_t i = 0; i < 63; i++)
                memory[i] = BASE + 63 * 8;
        memory[63] = 'w';
        decode_fake(&fake, "x86_64", "execve", (uint64_t[6]){ 0, BASE, 0 });
        for (at = text; (at = strstr(at, "\"w\"")); at++)
                n++;
        cr_expect_eq(n, 32);
        cr_expect_not_null(strstr(text, ", ...], NULL"));
}

Test(decode, structs) {
        static const struct row rows[] = {
                { "x86_64",
                  "openat2",
                  { (uint64_t)-1, BASE + 24, BASE, 24 },
                  BYTES("\x41\0\0\0\0\0\0\0\xa0\1\0\0\0\0\0\0\x8\0\0\0\0\0\0\0q\0"),
                  "-1, \"q\", {flags=O_WRONLY|O_CREAT, mode=0640, resolve=RESOLVE_BENEATH}, 24",
                  1 },
                { "x86_64",
                  "openat2",
                  { (uint64_t)-1, 0, BASE, 25 },
                  BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0q\0"),
                  "-1, NULL, {flags=O_RDONLY, resolve=0, ...}, 25",
                  1 },
                { "x86_64",
                  "openat2",
                  { 1, 0, BASE, 23 },
                  BYTES("________________________"),
                  "1, NULL, 0x10000, 23",
                  0 },
                { "x86_64",
                  "openat2",
                  { 1, 0, BASE, UINT64_MAX },
                  BYTES("________________________"),
                  "1, NULL, 0x10000, 18446744073709551615",
                  0 },
                { "x86_64", "openat2", { 1, 0, 0, 24 }, NULL, 0, "1, NULL, NULL, 24", 0 },
                { "x86_64",
                  "clone3",
                  { BASE, 64 },
                  BYTES("\0\1\0\0\2\0\0\0"
                        "12345678"
                        "12345678"
                        "12345678"
                        "\x11\0\0\0\0\0\0\0"
                        "\0\x10\0\0\0\0\0\0"
                        "\0\0\1\0\0\0\0\0"
                        "12345678"),
                  "{flags=CLONE_VM|CLONE_INTO_CGROUP, exit_signal=SIGCHLD, stack=0x1000, "
                  "stack_size=0x10000, "
                  "cgroup=0}, 64",
                  1 },
                { "x86_64", "clone3", { BASE, 8 }, BYTES("12345678"), "0x10000, 8", 0 },
                { "x86_64", "clone3", { BASE, 64 }, BYTES("12345678"), "0x10000, 64", 1 },
                { "x86_64",
                  "nanosleep",
                  { BASE, 0 },
                  BYTES("\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"),
                  "{tv_sec=1, tv_nsec=-1}, NULL",
                  1 },
                { "x86",
                  "nanosleep",
                  { BASE, 0 },
                  BYTES("\1\0\0\0\xff\xff\xff\xff"),
                  "{tv_sec=1, tv_nsec=-1}, NULL",
                  1 },
                { "x86",
                  "clock_nanosleep_time64",
                  { 1, 1, BASE, 0 },
                  BYTES("\1\0\0\0\1\0\0\0\2\0\0\0\0\0\0\0"),
                  "CLOCK_MONOTONIC, TIMER_ABSTIME, {tv_sec=4294967297, tv_nsec=2}, NULL",
                  1 },
                { "x32",
                  "nanosleep",
                  { BASE, 0 },
                  BYTES("\1\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0"),
                  "{tv_sec=1, tv_nsec=2}, NULL",
                  1 },
                { "x86_64", "nanosleep", { BASE, 0 }, BYTES("\1\0\0\0\0\0\0\0"), "0x10000, NULL", 1 },
                { "x86_64",
                  "utimensat",
                  { 3, 0, BASE, 0 },
                  BYTES("\0\0\0\0\0\0\0\0\xff\xff\xff\x3f\0\0\0\0\0\0\0\0\0\0\0\0\xfe\xff\xff\x3f\0\0\0\0"),
                  "3, NULL, [UTIME_NOW, UTIME_OMIT], 0",
                  1 },
                { "x86_64",
                  "rt_sigprocmask",
                  { 0, BASE, 0, 8 },
                  BYTES("\2\0\1\x80\1\0\0\x80"),
                  "SIG_BLOCK, [INT CHLD RTMIN RT_1 RT_32], NULL, 8",
                  1 },
                { "x86_64",
                  "rt_sigprocmask",
                  { 2, BASE, 0, 8 },
                  BYTES("\xff\xfe\xff\xff\xff\xff\xff\xff"),
                  "SIG_SETMASK, ~[KILL], NULL, 8",
                  1 },
                { "ppc",
                  "rt_sigprocmask",
                  { 1, BASE, 0, 8 },
                  BYTES("\0\0\0\2\x80\0\0\0"),
                  "SIG_UNBLOCK, [INT RT_32], NULL, 8",
                  1 },
                { "x86_64",
                  "rt_sigprocmask",
                  { 2, BASE, 0, 4 },
                  BYTES("\0\0\0\0\0\0\0\0"),
                  "SIG_SETMASK, 0x10000, NULL, 4",
                  0 },
        };

        CHECK(rows);
}

/* The end of a string falls on the end of the mapped page, in a real address space. */
static long self_read(void *data, uint64_t address, void *buffer, size_t n) {
        struct iovec local = { buffer, n }, remote = { (void *)(uintptr_t)address, n };
        ssize_t r = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

        return r < 0 ? -errno : r;
}

static char *guarded_page(size_t page) {
        char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        cr_assert_neq(pages, MAP_FAILED);
        cr_assert_eq(mprotect(pages + page, page, PROT_NONE), 0);
        return pages + page;
}

Test(decode, against_an_unmapped_page) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        char *end = guarded_page(page), expected[64];
        struct decode_source source = { .read = self_read };
        uint32_t open_nr = (uint32_t)syscall_number(arch_by_any("x86_64"), "open");
        uint32_t connect_nr = (uint32_t)syscall_number(arch_by_any("x86_64"), "connect");
        const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/s" };

        memcpy(end - 5, "/abc", 5);
        decode_args(&source, AUDIT_ARCH_X86_64, open_nr, (uint64_t[6]){ (uintptr_t)(end - 5) }, text,
                    sizeof(text));
        cr_expect_str_eq(text, "\"/abc\", O_RDONLY");

        /* the same without its NUL: the kernel says EFAULT, and so we show the pointer */
        memcpy(end - 4, "/abc", 4);
        decode_args(&source, AUDIT_ARCH_X86_64, open_nr, (uint64_t[6]){ (uintptr_t)(end - 4) }, text,
                    sizeof(text));
        snprintf(expected, sizeof(expected), "%p, O_RDONLY", (void *)(end - 4));
        cr_expect_str_eq(text, expected);

        decode_args(&source, AUDIT_ARCH_X86_64, open_nr, (uint64_t[6]){ (uintptr_t)end }, text,
                    sizeof(text));
        snprintf(expected, sizeof(expected), "%p, O_RDONLY", (void *)end);
        cr_expect_str_eq(text, expected);

        memcpy(end - 5, &address, 5);
        decode_args(&source, AUDIT_ARCH_X86_64, connect_nr, (uint64_t[6]){ 3, (uintptr_t)(end - 5), 5 },
                    text, sizeof(text));
        cr_expect_str_eq(text, "3, {sa_family=AF_UNIX, sun_path=\"/s\"}, 5");
        decode_args(&source, AUDIT_ARCH_X86_64, connect_nr, (uint64_t[6]){ 3, (uintptr_t)(end - 5), 6 },
                    text, sizeof(text));
        snprintf(expected, sizeof(expected), "3, %p, 6", (void *)(end - 5));
        cr_expect_str_eq(text, expected);
}

Test(decode, long_strings_across_pages) {
        static char memory[3 * 4096], large[8192];
        struct fake fake = { .base = BASE + 4000, .bytes = memory, .n = sizeof(memory) };
        struct decode_source source = { .read = fake_read, .data = &fake };

        memset(memory, 'p', sizeof(memory));
        memory[300] = '\0';
        decode_args(&source, AUDIT_ARCH_X86_64, 2, (uint64_t[6]){ BASE + 4000 }, large, sizeof(large));
        cr_expect_eq(strlen(large), 300 + strlen("\"\", O_RDONLY"));
        cr_expect(fake.longest <= 4096);

        /* no NUL within 4096 bytes: what was read, and that there is more */
        memory[300] = 'p';
        decode_args(&source, AUDIT_ARCH_X86_64, 2, (uint64_t[6]){ BASE + 4000 }, large, sizeof(large));
        cr_expect_eq(strlen(large), 4096 + strlen("\"\"..., O_RDONLY"));
        cr_expect_not_null(strstr(large, "\"..., O_RDONLY"));
}

Test(decode, small_buffers) {
        static const char path[] = "/a\x01\x01\x01\x01\x01\xc3\xa9";
        char small[64];

        for (size_t size = 0; size <= sizeof(small); size++) {
                struct fake fake = { .base = BASE, .bytes = path, .n = sizeof(path) };
                struct decode_source source = { .read = fake_read, .data = &fake };

                memset(small, '#', sizeof(small));
                decode_args(&source, AUDIT_ARCH_X86_64, 2, (uint64_t[6]){ BASE, 01 }, small, size);
                for (size_t i = size; i < sizeof(small); i++)
                        cr_assert_eq(small[i], '#', "wrote behind %zu bytes", size);
                if (!size)
                        continue;
                cr_assert(strnlen(small, size) < size, "no NUL in %zu bytes", size);
                if (size > 4 && size < 40 &&
                    strcmp(small, "\"/a\\x01\\x01\\x01\\x01\\x01\xc3\xa9\", O_WRONLY"))
                        cr_expect_str_eq(small + strlen(small) - 3, "...", "%zu: %s", size, small);
        }
        cr_expect_str_eq(small, "\"/a\\x01\\x01\\x01\\x01\\x01\xc3\xa9\", O_WRONLY");
}
