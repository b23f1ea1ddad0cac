/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows only, each with the reason a person can check. The list names what lets a process act on others, on
 * the whole machine, or on parts of the kernel that have often been wrong; not what merely looks unusual.
 */

#include "policy/risk.h"

#include <stdlib.h>
#include <string.h>

#define CLONE_NAMESPACES UINT64_C(0x7e020000)
#define MOUNT_API        "is part of the newer mount interface, which does all that mount does"
#define KEYS                                                                                                \
        "reaches the kernel's key store, which is not separated by container, and had several flaws of "    \
        "its "                                                                                              \
        "own"
#define URING                                                                                               \
        "opens, reads, connects and more by io_uring without making those calls, so no filter sees them; "  \
        "a frequent source of kernel flaws besides"
#define TIME          "changes the clock of the whole machine"
#define MODULES       "loads or removes kernel code"
#define MEMORY_POLICY "moves memory between nodes, also of other processes, and holds up the whole machine"

const struct risk risks[] = {
        { "_sysctl", RISK_HIGH, "changes settings of the kernel; long removed, so nothing needs it", 0 },
        { "acct", RISK_HIGH, "switches process accounting for the whole machine", 0 },
        { "add_key", RISK_HIGH, KEYS, 0 },
        { "adjtimex", RISK_CARE, "with a privilege " TIME, 0 },
        { "bpf", RISK_HIGH, "loads programs into the kernel, whose verifier had many flaws", 0 },
        { "chroot", RISK_CARE,
          "with open descriptors leads out of a chroot again; wants CAP_SYS_CHROOT, which containers have",
          0 },
        { "clock_adjtime", RISK_CARE, "with a privilege " TIME, 0 },
        { "clock_settime", RISK_HIGH, TIME, 0 },
        { "clone", RISK_HIGH,
          "makes namespaces, and a new user namespace holds every capability over much kernel code",
          CLONE_NAMESPACES },
        { "clone3", RISK_HIGH,
          "makes namespaces by flags in memory, which no filter can see (refused with ENOSYS, C libraries "
          "take clone)",
          0 },
        { "create_module", RISK_HIGH, MODULES, 0 },
        { "delete_module", RISK_HIGH, MODULES, 0 },
        { "fanotify_init", RISK_CARE, "watches, and can hold up, file accesses of other processes", 0 },
        { "finit_module", RISK_HIGH, MODULES, 0 },
        { "fsconfig", RISK_HIGH, MOUNT_API "; its parser had flaws that led out of containers", 0 },
        { "fsmount", RISK_HIGH, MOUNT_API, 0 },
        { "fsopen", RISK_HIGH, MOUNT_API, 0 },
        { "fspick", RISK_HIGH, MOUNT_API, 0 },
        { "get_kernel_syms", RISK_HIGH, "tells where kernel code lies; long removed", 0 },
        { "init_module", RISK_HIGH, MODULES, 0 },
        { "io_uring_enter", RISK_HIGH, URING, 0 },
        { "io_uring_register", RISK_HIGH, URING, 0 },
        { "io_uring_setup", RISK_HIGH, URING, 0 },
        { "ioperm", RISK_HIGH, "gives direct access to I/O ports", 0 },
        { "iopl", RISK_HIGH, "gives direct access to all I/O ports", 0 },
        { "kcmp", RISK_CARE, "compares objects of other processes and so tells about kernel addresses", 0 },
        { "kexec_file_load", RISK_HIGH, "replaces the running kernel", 0 },
        { "kexec_load", RISK_HIGH, "replaces the running kernel", 0 },
        { "keyctl", RISK_HIGH, KEYS, 0 },
        { "lookup_dcookie", RISK_HIGH, "tells paths of other processes; long removed", 0 },
        { "mbind", RISK_CARE, MEMORY_POLICY, 0 },
        { "migrate_pages", RISK_CARE, MEMORY_POLICY, 0 },
        { "mknod", RISK_CARE, "makes device files, which lead to the hardware where they may be opened", 0 },
        { "mknodat", RISK_CARE, "makes device files, which lead to the hardware where they may be opened",
          0 },
        { "modify_ldt", RISK_CARE,
          "sets up 16-bit segments, of use to old emulators only, with flaws in its past", 0 },
        { "mount", RISK_HIGH,
          "changes what files are where, and hands images to file systems that trust them", 0 },
        { "mount_setattr", RISK_HIGH, MOUNT_API, 0 },
        { "move_mount", RISK_HIGH, MOUNT_API, 0 },
        { "move_pages", RISK_CARE, MEMORY_POLICY, 0 },
        { "name_to_handle_at", RISK_CARE, "makes the handles that open_by_handle_at opens", 0 },
        { "nfsservctl", RISK_HIGH, "controls the kernel's file server; long removed", 0 },
        { "open_by_handle_at", RISK_HIGH,
          "opens files by inode, past every mount and directory: the way out of containers that guess "
          "handles",
          0 },
        { "open_tree", RISK_HIGH, MOUNT_API, 0 },
        { "perf_event_open", RISK_HIGH,
          "measures other processes and the kernel, leaks addresses, and had many flaws", 0 },
        { "personality", RISK_CARE,
          "switches off address randomisation and sets other behaviours that exploits rely on", 0 },
        { "pidfd_getfd", RISK_HIGH, "takes open files out of other processes", 0 },
        { "pivot_root", RISK_HIGH, "changes the root directory of all processes in the namespace", 0 },
        { "process_madvise", RISK_CARE, "changes how memory of other processes is treated", 0 },
        { "process_mrelease", RISK_CARE, "takes memory from other processes that are about to die", 0 },
        { "process_vm_readv", RISK_HIGH, "reads memory of other processes", 0 },
        { "process_vm_writev", RISK_HIGH, "writes memory of other processes and so makes them run anything",
          0 },
        { "ptrace", RISK_HIGH,
          "takes control of other processes; before Linux 4.8 also a way past seccomp itself", 0 },
        { "query_module", RISK_HIGH, "tells about kernel modules; long removed", 0 },
        { "quotactl", RISK_HIGH, "changes disk quotas of the whole file system", 0 },
        { "quotactl_fd", RISK_HIGH, "changes disk quotas of the whole file system", 0 },
        { "reboot", RISK_HIGH, "restarts or halts the machine", 0 },
        { "request_key", RISK_HIGH, KEYS ", and starts a helper of the host", 0 },
        { "set_mempolicy", RISK_CARE, MEMORY_POLICY, 0 },
        { "setdomainname", RISK_CARE, "renames the machine, or the container", 0 },
        { "sethostname", RISK_CARE, "renames the machine, or the container", 0 },
        { "setns", RISK_HIGH, "enters namespaces of other processes, of the host too if a descriptor leaks",
          0 },
        { "settimeofday", RISK_HIGH, TIME, 0 },
        { "stime", RISK_HIGH, TIME, 0 },
        { "swapoff", RISK_HIGH, "changes swapping of the whole machine", 0 },
        { "swapon", RISK_HIGH, "changes swapping of the whole machine", 0 },
        { "syslog", RISK_CARE, "reads and clears the kernel's messages, which tell addresses", 0 },
        { "umount", RISK_HIGH, "uncovers what a mount hides", 0 },
        { "umount2", RISK_HIGH, "uncovers what a mount hides", 0 },
        { "unshare", RISK_HIGH,
          "makes namespaces, and a new user namespace holds every capability over much kernel code",
          CLONE_NAMESPACES },
        { "uselib", RISK_HIGH, "maps an old kind of library; removed, with flaws in its past", 0 },
        { "userfaultfd", RISK_HIGH,
          "lets a program stop the kernel in the middle of a copy, which makes races in it easy to win", 0 },
        { "ustat", RISK_CARE, "is obsolete, and tells about file systems of others", 0 },
        { "vhangup", RISK_CARE, "hangs up the terminal", 0 },
        { "vm86", RISK_HIGH, "runs 16-bit code in the kernel's care; for DOS emulators only", 0 },
        { "vm86old", RISK_HIGH, "runs 16-bit code in the kernel's care; for DOS emulators only", 0 },
};
const size_t risks_n = sizeof(risks) / sizeof(risks[0]);

static int compare_risk(const void *key, const void *row) {
        return strcmp(key, ((const struct risk *)row)->name);
}

const struct risk *risk_find(const char *name) {
        return bsearch(name, risks, risks_n, sizeof(risks[0]), compare_risk);
}

const struct sibling_family sibling_families[] = {
        { "make namespaces", true, { "unshare", "clone", "clone3" } },
        { "make processes", false, { "fork", "vfork", "clone", "clone3" } },
        { "open files", true, { "open", "openat", "creat", "openat2", "open_by_handle_at" } },
        { "start programs", true, { "execve", "execveat" } },
        { "make memory executable", true, { "mprotect", "pkey_mprotect" } },
        { "reach into other processes",
          false,
          { "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd" } },
        { "mount", false, { "mount", "fsmount", "move_mount", "open_tree", "mount_setattr" } },
        { "unmount", false, { "umount", "umount2" } },
        { "load kernel modules", false, { "init_module", "finit_module" } },
        { "load another kernel", false, { "kexec_load", "kexec_file_load" } },
        { "set the clock", false, { "stime", "settimeofday", "clock_settime", "clock_settime64" } },
        { "adjust the clock", false, { "adjtimex", "clock_adjtime", "clock_adjtime64" } },
        { "change modes", true, { "chmod", "fchmod", "fchmodat", "fchmodat2" } },
        { "change owners",
          false,
          { "chown", "lchown", "fchown", "fchownat", "chown32", "lchown32", "fchown32" } },
        { "remove files", false, { "unlink", "unlinkat" } },
        { "remove directories", false, { "rmdir", "unlinkat" } },
        { "rename files", false, { "rename", "renameat", "renameat2" } },
        { "make directories", false, { "mkdir", "mkdirat" } },
        { "make links", false, { "link", "linkat" } },
        { "make symbolic links", false, { "symlink", "symlinkat" } },
        { "make device files", true, { "mknod", "mknodat" } },
        { "set times of files", false, { "utime", "utimes", "futimesat", "utimensat" } },
        { "set extended attributes", false, { "setxattr", "lsetxattr", "fsetxattr", "setxattrat" } },
        { "read extended attributes", false, { "getxattr", "lgetxattr", "fgetxattr", "getxattrat" } },
        { "remove extended attributes",
          false,
          { "removexattr", "lremovexattr", "fremovexattr", "removexattrat" } },
        { "ask for access", false, { "access", "faccessat", "faccessat2" } },
        { "send signals",
          true,
          { "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal" } },
        { "accept connections", false, { "accept", "accept4" } },
        { "send", false, { "sendto", "sendmsg", "sendmmsg" } },
        { "receive", false, { "recvfrom", "recvmsg", "recvmmsg", "recvmmsg_time64" } },
        { "change scheduling", false, { "sched_setparam", "sched_setscheduler", "sched_setattr" } },
        { "limit resources", false, { "setrlimit", "prlimit64" } },
        { "change users", false, { "setuid", "setreuid", "setresuid", "setuid32", "setresuid32" } },
        { "change groups", false, { "setgid", "setregid", "setresgid", "setgid32", "setresgid32" } },
        { "use keys", false, { "add_key", "keyctl", "request_key" } },
};
const size_t sibling_families_n = sizeof(sibling_families) / sizeof(sibling_families[0]);

bool risk_in_io_uring(const char *name) {
        static const char *const names[] = {
                "accept",   "accept4",   "bind",     "close",     "connect", "creat",   "fallocate",
                "fsync",    "ftruncate", "getxattr", "link",      "linkat",  "listen",  "mkdir",
                "mkdirat",  "open",      "openat",   "openat2",   "pread64", "preadv",  "preadv2",
                "pwrite64", "pwritev",   "pwritev2", "read",      "readv",   "recv",    "recvfrom",
                "recvmsg",  "rename",    "renameat", "renameat2", "rmdir",   "send",    "sendmsg",
                "sendto",   "setxattr",  "socket",   "splice",    "statx",   "symlink", "symlinkat",
                "tee",      "unlink",    "unlinkat", "write",     "writev",
        };

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (!strcmp(names[i], name))
                        return true;
        return false;
}

const struct successor successors[] = {
        { "accept", "accept4" },
        { "access", "faccessat" },
        { "chmod", "fchmodat" },
        { "chown", "fchownat" },
        { "dup2", "dup3" },
        { "epoll_create", "epoll_create1" },
        { "epoll_wait", "epoll_pwait" },
        { "eventfd", "eventfd2" },
        { "fork", "clone" },
        { "getdents", "getdents64" },
        { "inotify_init", "inotify_init1" },
        { "link", "linkat" },
        { "lstat", "newfstatat" },
        { "mkdir", "mkdirat" },
        { "mknod", "mknodat" },
        { "open", "openat" },
        { "pipe", "pipe2" },
        { "poll", "ppoll" },
        { "readlink", "readlinkat" },
        { "rename", "renameat2" },
        { "rmdir", "unlinkat" },
        { "select", "pselect6" },
        { "signalfd", "signalfd4" },
        { "stat", "newfstatat" },
        { "symlink", "symlinkat" },
        { "unlink", "unlinkat" },
        { "utimes", "utimensat" },
        { "vfork", "clone" },
};
const size_t successors_n = sizeof(successors) / sizeof(successors[0]);
