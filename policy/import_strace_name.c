/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The names strace gives to calls. They are the kernel's with few exceptions: older calls have names of
 * strace's own, calls unknown to it are numbers, and the calls behind socketcall and ipc are shown as if
 * they had been made directly.
 */

#include "policy/import_strace_parts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct {
        const char *printed, *name;
} aliases[] = {
        { "_exit", "exit" },
        { "arm_fadvise64_64", "fadvise64_64" },
        { "arm_sync_file_range", "sync_file_range2" },
        { "fstatat", "newfstatat" },
        { "llseek", "_llseek" },
        { "old_getrlimit", "getrlimit" },
        { "old_mmap", "mmap" },
        { "old_readdir", "readdir" },
        { "old_select", "select" },
        { "oldselect", "select" },
        { "oldumount", "umount" },
        { "pread", "pread64" },
        { "pwrite", "pwrite64" },
        { "sysctl", "_sysctl" },
        { "umount", "umount2" },
};

static const struct {
        const char *name, *constant;
} socket_calls[] = {
        { "socket", "SYS_SOCKET" },           { "bind", "SYS_BIND" },
        { "connect", "SYS_CONNECT" },         { "listen", "SYS_LISTEN" },
        { "accept", "SYS_ACCEPT" },           { "getsockname", "SYS_GETSOCKNAME" },
        { "getpeername", "SYS_GETPEERNAME" }, { "socketpair", "SYS_SOCKETPAIR" },
        { "send", "SYS_SEND" },               { "recv", "SYS_RECV" },
        { "sendto", "SYS_SENDTO" },           { "recvfrom", "SYS_RECVFROM" },
        { "shutdown", "SYS_SHUTDOWN" },       { "setsockopt", "SYS_SETSOCKOPT" },
        { "getsockopt", "SYS_GETSOCKOPT" },   { "sendmsg", "SYS_SENDMSG" },
        { "recvmsg", "SYS_RECVMSG" },         { "accept4", "SYS_ACCEPT4" },
        { "recvmmsg", "SYS_RECVMMSG" },       { "sendmmsg", "SYS_SENDMMSG" },
}, ipc_calls[] = {
        { "semop", "SEMOP" },       { "semget", "SEMGET" }, { "semctl", "SEMCTL" }, { "semtimedop", "SEMTIMEDOP" },
        { "msgsnd", "MSGSND" },     { "msgrcv", "MSGRCV" }, { "msgget", "MSGGET" }, { "msgctl", "MSGCTL" },
        { "shmat", "SHMAT" },       { "shmdt", "SHMDT" },   { "shmget", "SHMGET" }, { "shmctl", "SHMCTL" },
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool text_is(struct strace_text text, const char *word) {
        return text.n == strlen(word) && memcmp(text.bytes, word, text.n) == 0;
}

/* syscall_0x1f4, syscall_500 and SYS_500. */
static bool numbered(struct strace_text name, uint64_t *ret) {
        static const char *const prefixes[] = { "syscall_0x", "syscall_", "SYS_" };

        for (size_t i = 0; i < N_OF(prefixes); i++) {
                size_t skip = strlen(prefixes[i]), n = name.n - skip;

                if (import_starts(name.bytes, name.n, prefixes[i]) && n > 0 &&
                    import_number(name.bytes + skip, n, i == 0 ? 16 : 10, ret) == n)
                        return *ret <= UINT32_MAX;
        }
        return false;
}

/* The name as the tables have it, in buf. */
static bool plain(struct strace_text name, char *buf, size_t size) {
        if (import_starts(name.bytes, name.n, "SYS_")) { /* ltrace -S */
                name.bytes += 4;
                name.n -= 4;
        }
        if (name.n == 0 || name.n >= size)
                return false;
        memcpy(buf, name.bytes, name.n);
        buf[name.n] = 0;
        return true;
}

const struct arch *strace_mode_arch(const struct arch *machine, enum strace_mode mode) {
        const struct arch *siblings[4];
        size_t n = arch_siblings(machine, siblings);

        if (mode == STRACE_MODE_64)
                return machine;
        for (size_t i = 0; i < n; i++) {
                bool narrow = siblings[i]->audit == ARCH_X32 || strstr(siblings[i]->name, "n32");

                if (narrow == (mode == STRACE_MODE_X32) && (narrow || siblings[i]->bits == 32))
                        return siblings[i];
        }
        return NULL; /* on a machine of one mode strace has no word for it */
}

int64_t strace_number(const struct arch *arch, struct strace_text name) {
        char text[STRACE_NAME_MAX];
        uint64_t value;
        int nr;

        if (numbered(name, &value))
                return (int64_t)(arch->audit == ARCH_X32 && value != UINT32_MAX ? value | X32_NR_BIT
                                                                                : value);
        if (!plain(name, text, sizeof(text)))
                return -1;
        nr = syscall_number(arch, text);
        for (size_t i = 0; i < N_OF(aliases) && nr < 0; i++)
                if (strcmp(aliases[i].printed, text) == 0)
                        nr = syscall_number(arch, aliases[i].name);
        return nr;
}

static bool uses_multiplexers(const struct arch *arch) {
        static const char *const names[] = { "i386", "s390", "s390x", "m68k", "sh", "sheb" };

        for (size_t i = 0; i < N_OF(names); i++)
                if (strcmp(arch->name, names[i]) == 0)
                        return true;
        return false;
}

int strace_multiplexer(const struct arch *arch, struct strace_text name, const char **ret_constant) {
        const char *through = NULL;

        for (size_t i = 0; i < N_OF(socket_calls) && !through; i++)
                if (text_is(name, socket_calls[i].name)) {
                        through = "socketcall";
                        *ret_constant = socket_calls[i].constant;
                }
        for (size_t i = 0; i < N_OF(ipc_calls) && !through; i++)
                if (text_is(name, ipc_calls[i].name)) {
                        through = "ipc";
                        *ret_constant = ipc_calls[i].constant;
                }
        if (!through)
                return -1;
        /* Elsewhere C libraries make the direct calls, where there are any. */
        if (!uses_multiplexers(arch) && strace_number(arch, name) >= 0)
                return -1;
        return syscall_number(arch, through);
}

bool strace_name_known(struct strace_text name) {
        char text[STRACE_NAME_MAX];
        uint64_t value;

        if (numbered(name, &value))
                return true;
        if (!plain(name, text, sizeof(text)))
                return false;
        if (syscall_known(text))
                return true;
        for (size_t i = 0; i < N_OF(aliases); i++)
                if (strcmp(aliases[i].printed, text) == 0)
                        return true;
        return false;
}
