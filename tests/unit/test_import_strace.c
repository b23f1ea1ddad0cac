/* SPDX-License-Identifier: Apache-2.0 */

#include "import_fixture.h"

#include "policy/import_strace.h"
#include "policy/import_strace_parts.h"

static void import_text(struct import *import, const char *text, size_t n) {
        int fd = file_of_text(text, n);
        struct strace *strace;

        cr_assert_eq(strace_new(import, &strace), 0);
        cr_assert_eq(import_strace(strace, fd, "trace"), 0);
        strace_free(strace);
        close(fd);
}

static void short_of(const struct taken *taken, struct buf *to) {
        for (size_t i = 0; i < taken->n; i++) {
                buf_puts(to, i > 0 ? " " : "");
                event_short(taken->events + i, to);
        }
}

/* ---- calls and their registers, as this machine's x86_64 ---- */

static const struct {
        const char *trace, *events;
} calls[] = {
        { "close(3) = 0", "x86_64:close(0x3)" },
        { "close(-1) = -1 EBADF (Bad file descriptor)", "x86_64:close(0xffffffff)" },
        { "openat(AT_FDCWD, \"/a, (b) = 1\", O_RDONLY|O_CLOEXEC) = 3",
          "x86_64:openat(0xffffff9c,?,0x80000)" },
        { "openat(-100 /* AT_FDCWD */</root>, \"a\", 0x80000 /* O_RDONLY|O_CLOEXEC */) = 3</root/a>",
          "x86_64:openat(0xffffff9c,?,0x80000)" },
        { "rt_sigaction(SIGRT_2, NULL, 0x1, 8) = 0", "x86_64:rt_sigaction(0x22,0x0,0x1,0x8)" },
        { "socket(AF_LOCAL, SOCK_STREAM, 0) = 3", "x86_64:socket(0x1,0x1,0x0)" },
        { "openat(AT_FDCWD</root>, \"a\", O_WRONLY|O_CREAT|O_TRUNC, 0644) = 3</root/a>",
          "x86_64:openat(0xffffff9c,?,0x241,0x1a4)" },
        { "openat(0xffffff9c, 0x7f02, 0x80000 /* O_RDONLY|O_CLOEXEC */, 0) = 0x3",
          "x86_64:openat(0xffffff9c,0x7f02,0x80000,0x0)" },
        { "mmap(NULL, 8192*1024, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x7f00",
          "x86_64:mmap(0x0,0x800000,0x3,0x22,0xffffffff,0x0)" },
        { "mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE|MAP_HUGETLB|21<<MAP_HUGE_SHIFT, -1, 0) = 0x7f00",
          "x86_64:mmap(0x0,0x1000,0x0,0x54040002,0xffffffff,0x0)" },
        { "lseek(3, -2261, SEEK_CUR) = 1284", "x86_64:lseek(0x3,0xfffffffffffff72b,0x1)" },
        { "read(3</tmp/a\\\"b,c)>, \"\\177ELF\\\"\\2\"..., 832) = 832", "x86_64:read(0x3,?,0x340)" },
        { "read(3<TCP:[127.0.0.1:40000->127.0.0.1:80]>, \"x\", 10) = 1", "x86_64:read(0x3,?,0xa)" },
        { "read(4<UNIX-STREAM:[11->12,\"/tmp/x>y\"]>, \"x\", 10) = 1", "x86_64:read(0x4,?,0xa)" },
        { "execve(\"/bin/a\", [\"a\", \"-c\", \"true | (false)\"], 0x7ffe /* 41 vars */) = 0",
          "x86_64:execve(?,?,0x7ffe)" },
        { "execve(\"/bin/a\", [...], [/* 42 vars */]) = 0", "x86_64:execve()" },
        { "clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, "
          "child_tidptr=0x7f10) = 5",
          "x86_64:clone(0x1200011,0x0,?,0x7f10)" },
        { "clone(child_stack=0x7f01, flags=CLONE_VM|CLONE_THREAD, parent_tid=[7], tls=0x7f02, "
          "child_tidptr=0x7f03) = 7",
          "x86_64:clone(0x10100,0x7f01,?,0x7f03,0x7f02)" },
        { "clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88) = 9", "x86_64:clone3(?,0x58)" },
        { "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, IPPROTO_TCP) = 3", "x86_64:socket(0x2,0x80001,0x6)" },
        { "socket(PF_UNIX, SOCK_DGRAM, 0) = 3", "x86_64:socket(0x1,0x2,0x0)" },
        { "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE) = 3", "x86_64:socket(0x10,0x3,0x0)" },
        { "connect(9, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"1.2.3.4\")}, 16) = 0",
          "x86_64:connect(0x9,?,0x10)" },
        { "accept4(5, {sa_family=AF_INET}, [128->16], SOCK_NONBLOCK) = 8", "x86_64:accept4(0x5,?,?,0x800)" },
        { "mknod(\"x\", S_IFCHR|0666, makedev(0x1, 0x3)) = 0", "x86_64:mknod(?,0x21b6,0x103)" },
        { "ioctl(1, TCGETS, {B38400 opost isig icanon echo ...}) = 0", "x86_64:ioctl(0x1,0x5401)" },
        { "ioctl(3, SNDCTL_TMR_TIMEBASE or TCGETS, 0x1) = -1 ENOTTY (x)", "x86_64:ioctl(0x3,0x5401,0x1)" },
        { "ioctl(3, _IOC(_IOC_READ|_IOC_WRITE, 0x54, 0x1, 0x2c), 0x1) = 0",
          "x86_64:ioctl(0x3,0xc02c5401,0x1)" },
        { "fcntl(3, F_SETFD, FD_CLOEXEC) = 0", "x86_64:fcntl(0x3,0x2,0x1)" },
        { "fcntl(3, F_SETLK, {l_type=F_RDLCK}) = 0", "x86_64:fcntl(0x3,0x6)" },
        { "futex(0x7f01, FUTEX_WAKE_PRIVATE, 2147483647) = 0", "x86_64:futex(0x7f01,0x81,0x7fffffff)" },
        { "prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) = 0", "x86_64:prctl(0x26,0x1,0x0,0x0,0x0)" },
        { "prctl(PR_SET_NAME, \"x\") = 0", "x86_64:prctl(0xf)" },
        { "prlimit64(0, RLIMIT_STACK, NULL, {rlim_cur=8192*1024}) = 0", "x86_64:prlimit64(0x0,0x3,0x0)" },
        { "rt_sigaction(SIGCHLD, {sa_handler=0x1, sa_mask=~[RTMIN RT_1]}, NULL, 8) = 0",
          "x86_64:rt_sigaction(0x11,?,0x0,0x8)" },
        { "rt_sigreturn({mask=[]}) = 5", "x86_64:rt_sigreturn()" },
        { "kill(77<sh>, SIGTERM) = 0", "x86_64:kill(0x4d,0xf)" },
        { "umask(022) = 02", "x86_64:umask(0x12)" },
        { "unshare(CLONE_NEWNS|CLONE_NEWUSER|0x80000000) = 0", "x86_64:unshare(0x90020000)" },
        { "capset({version=_LINUX_CAPABILITY_VERSION_3, pid=0}, {effective=1<<CAP_CHOWN|1<<CAP_KILL, "
          "permitted=0}) = 0",
          "x86_64:capset()" },
        { "socket(AF_NOSUCH, SOCK_STREAM, 0) = -1 EAFNOSUPPORT (x)", "x86_64:socket(?,0x1,0x0)" },
        { "preadv2(3, [{iov_base=\"\", iov_len=1}], 1, 5, RWF_HIPRI) = 0",
          "x86_64:preadv2(0x3,?,0x1,0x5,?,0x1)" },
        { "exit_group(0) = ?", "x86_64:exit_group(0x0)" },
        { "vfork() = 7", "x86_64:vfork()" },
        { "select(1, [0], [], [], {tv_sec=1, tv_usec=0}) = 0 (Timeout)", "x86_64:select(0x1)" },
        { "restart_syscall(<... resuming interrupted nanosleep ...>) = 0", "x86_64:restart_syscall()" },
        { "syscall_0x3e7(0xffffffff, 0, 0, 0, 0, 0) = -1 ENOSYS (x)",
          "x86_64:syscall_0x3e7(0xffffffff,0x0,0x0,0x0,0x0,0x0)" },
        { "syscall_999(0x1, 0x2) = -1 (errno 38)", "x86_64:syscall_0x3e7(0x1,0x2)" },
        { "SYS_999(0x1) = -1 ENOSYS (x)", "x86_64:syscall_0x3e7(0x1)" },
        { "SYS_brk(0) = 0x1000", "x86_64:brk(0x0)" },
        { "pread(3, \"\", 1, 2) = 0", "x86_64:pread64(0x3,?,0x1,0x2)" },
        { "umount(\"/mnt\", MNT_DETACH) = 0", "x86_64:umount2(?,0x2)" },

        /* What stands before a call. */
        { "123 close(3) = 0", "x86_64:close(0x3)" },
        { "[pid   123] close(3) = 0", "x86_64:close(0x3)" },
        { "123<my comm> close(3) = 0", "x86_64:close(0x3)" },
        { "[pid 123<x>] 10:11:12 close(3) = 0 <0.000004>", "x86_64:close(0x3)" },
        { "10:11:12.131415 close(3) = 0", "x86_64:close(0x3)" },
        { "123 1700000000.5 close(3) = 0", "x86_64:close(0x3)" },
        { "1700000000 close(3) = 0", "x86_64:close(0x3)" },
        { "     0.000012 close(3) = 0", "x86_64:close(0x3)" },
        { "10:11:12.131415 (+     0.000012) close(3) = 0", "x86_64:close(0x3)" },
        { "[00007f0011223344] close(3) = 0", "x86_64:close(0x3)" },
        { "[????????????????] close(3) = 0", "x86_64:close(0x3)" },
        { "123 [   3] close(3) = 0", "x86_64:close(0x3)" },
        { "[00007f0011223344] [ 257] openat(3, \"\", O_RDONLY) = 4", "x86_64:openat(0x3,?,0x0)" },
        { "\tclose(3) = 0\r", "x86_64:close(0x3)" },

        /* What stands behind it. */
        { "close(3) = 0 (DELAYED)", "x86_64:close(0x3)" },
        { "close(3) = -1 EACCES (Permission denied) (INJECTED)", "x86_64:close(0x3)" },
        { "close(3) = ? <unavailable>", "x86_64:close(0x3)" },
        { "read(0, 0x7f01, 5) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
          "x86_64:read(0x0,0x7f01,0x5)" },
        { "close(3) = 0\n > /lib/libc.so.6(close+0x1) [0x2]\n", "x86_64:close(0x3)" },
        { "write(1, \"AB\", 2) = 2\n | 00000  41 42    AB |\n", "x86_64:write(0x1,?,0x2)" },

        /* Calls in two lines. */
        { "1 wait4(-1,  <unfinished ...>\n2 close(3) = 0\n1 <... wait4 resumed>0x7f01, 0, NULL) = 2",
          "x86_64:close(0x3) x86_64:wait4(0xffffffff,0x7f01,0x0,0x0)" },
        { "1 poll(0x7f01, 2, -1 <unfinished ...>\n1 <... poll resumed>) = 1",
          "x86_64:poll(0x7f01,0x2,0xffffffff)" },
        { "1 vfork( <unfinished ...>\n1 <... vfork resumed>) = 2", "x86_64:vfork()" },
        { "1 read(3, <unfinished ...>\n1 <... read resumed> \"x\", 1) = 1", "x86_64:read(0x3,?,0x1)" },
        { "<... futex resumed>) = 0", "x86_64:futex()" },
        { "1 read(3,  <unfinished ...>\n1 +++ killed by SIGKILL +++", "x86_64:read(0x3)" },
        { "1 read(3,  <unfinished ...>\n", "x86_64:read(0x3)" },
        { "1 read(3,  <detached ...>\n", "x86_64:read(0x3)" },
        { "1 read(3,  <unfinished ...>\n1 close(4) = 0", "x86_64:read(0x3) x86_64:close(0x4)" },
        { "vfork( <unfinished ...>\n[pid 9] close(3) = 0\n[pid 8] <... vfork resumed>) = 9",
          "x86_64:close(0x3) x86_64:vfork()" },
        { "[pid 8] wait4(-1,  <unfinished ...>\n[pid 9] +++ exited with 0 +++\n<... wait4 resumed>NULL, 0, "
          "NULL) = 9",
          "x86_64:wait4(0xffffffff,0x0,0x0,0x0)" },
        { "1 exit_group(0 <unfinished ...>\n1 <... exit_group resumed>) = ?", "x86_64:exit_group(0x0)" },
        /* The program's own output in the middle of a line. */
        { "write(1, \"hi\\n\", 3hi\n)                     = 3", "x86_64:write(0x1)" },
        { "futex(0x7f01, FUTEX_WAIT", "x86_64:futex(0x7f01,0x0)" },

        /* Architectures. */
        { "[ Process PID=5 runs in x32 mode. ]\ngetpid() = 5\n[ Process PID=5 runs in 64 bit mode. ]\n"
          "getpid() = 5",
          "x32:getpid() x86_64:getpid()" },
        { "5 getpid() = 5\n[ Process PID=6 runs in 32 bit mode. ]\n6 getpid() = 6\n5 getpid() = 5",
          "x86_64:getpid() i386:getpid() x86_64:getpid()" },
        { "[ Process PID=5 runs in 32 bit mode. ]\nold_mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0) = "
          "0x1\n"
          "mmap2(NULL, 4096, PROT_READ, MAP_PRIVATE, 3, 0x1000) = 0x1\n"
          "pread64(3, \"\", 5, 6) = 0\n_llseek(3, 0, [0], SEEK_SET) = 0",
          "i386:mmap() i386:mmap2(0x0,0x1000,0x1,0x2,0x3) i386:pread64(0x3,?,0x5) i386:_llseek(0x3)" },
        { "[ Process PID=5 runs in 32 bit mode. ]\nsocket(AF_UNIX, SOCK_STREAM, 0) = 3",
          "i386:socket(0x1,0x1,0x0) i386:socketcall(0x1)" },
        { "[ Process PID=5 runs in 32 bit mode. ]\n[ 102] socket(AF_UNIX, SOCK_STREAM, 0) = 3",
          "i386:socketcall(0x1)" },
        { "[ Process PID=5 runs in 32 bit mode. ]\n[ 359] socket(AF_UNIX, SOCK_STREAM, 0) = 3",
          "i386:socket(0x1,0x1,0x0)" },
        { "[ Process PID=5 runs in 32 bit mode. ]\nsend(3, \"\", 1, 0) = 1\nshmget(IPC_PRIVATE, 1, 0) = 1",
          "i386:socketcall(0x9) i386:shmget(0x0,0x1,0x0) i386:ipc(0x17)" },
        /* -q hides the change of mode: the name tells. */
        { "openat(3, \"\", O_RDONLY) = 4\nclone3({}, 88) = 9\narch_prctl(0x1, 0x2) = 0\nnewfstatat(3, \"\", "
          "{}, 0) "
          "= 0\nstat64(\"x\", 0x1) = 0\ngetpid() = 4\n",
          "x86_64:openat(0x3,?,0x0) x86_64:clone3(?,0x58) x86_64:arch_prctl(0x1,0x2) "
          "x86_64:newfstatat(0x3,?,?,0x0) i386:stat64(?,0x1) i386:getpid()" },

        /* Tables. */
        { "% time     seconds  usecs/call     calls    errors syscall\n"
          "------ ----------- ----------- --------- --------- ----------------\n"
          " 60.00    0.000003           0         7           read\n"
          " 40.00    0.000002           0         2         2 ioctl\n"
          "------ ----------- ----------- --------- --------- ----------------\n"
          "100.00    0.000005                     9         2 total\n",
          "x86_64:read() x86_64:ioctl()" },
        { "syscall calls errors\n------- ----- ------\nread 3\nioctl 5 1\ntotal 8 1\n",
          "x86_64:read() x86_64:ioctl()" },
        { "System call usage summary for 32 bit mode:\n% time seconds usecs/call calls errors syscall\n"
          "---- ---- ---- ---- ---- ----\n 1.0 0.1 0 4 stat64\n",
          "i386:stat64()" },
        /* -C: the table repeats the lines. A second run does not. */
        { "close(3) = 0\n% time seconds usecs/call calls errors syscall\n---- ---- ---- ---- ---- ----\n"
          "1.0 0.1 0 4 close\n1.0 0.1 0 4 read\n1.0 0.1 8 total\n"
          "% time seconds usecs/call calls errors syscall\n1.0 0.1 0 4 close\n",
          "x86_64:close(0x3) x86_64:read()" },
};

Test(import_strace, calls) {
        if (arch_native()->audit != AUDIT_ARCH_X86_64)
                cr_skip("the rows are those of x86_64");
        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                cleanup_taken struct taken taken = { 0 };
                struct import import = IMPORT_INIT(take_event, &taken);
                struct buf got = BUF_INIT(0);

                import_text(&import, calls[i].trace, strlen(calls[i].trace));
                short_of(&taken, &got);
                cr_assert_str_eq(buf_string(&got), calls[i].events, "\n%s\ngave   %s\nnot    %s",
                                 calls[i].trace, buf_string(&got), calls[i].events);
                buf_deinit(&got);
        }
}

/* ---- the rest of an event ---- */

Test(import_strace, results) {
        static const struct {
                const char *line;
                uint32_t answer;
                int64_t value;
        } rows[] = {
                { "close(3) = 0", EVENT_ANSWER_VALUE, 0 },
                { "brk(NULL) = 0x55d0c0de0000", EVENT_ANSWER_VALUE, 0x55d0c0de0000 },
                { "openat(3, \"\", O_RDONLY) = 4</tmp/x>", EVENT_ANSWER_VALUE, 4 },
                { "close(3) = -1 EBADF (Bad file descriptor)", EVENT_ANSWER_ERRNO, 9 },
                { "close(3) = -1 (errno 38)", EVENT_ANSWER_ERRNO, 38 },
                { "getpriority(PRIO_PROCESS, 0) = -1", EVENT_ANSWER_VALUE, -1 },
                { "exit_group(0) = ?", EVENT_ANSWER_CONTINUE, 0 },
                { "read(0, 0x1, 5) = ? ERESTARTSYS (To be restarted)", EVENT_ANSWER_CONTINUE, 0 },
                { "poll(0x1, 1, 0) = 0 (Timeout)", EVENT_ANSWER_VALUE, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_taken struct taken taken = { 0 };
                struct import import = IMPORT_INIT(take_event, &taken);

                import_text(&import, rows[i].line, strlen(rows[i].line));
                cr_assert_eq(taken.n, 1);
                cr_assert_eq(taken.events[0].answer, rows[i].answer, "%s", rows[i].line);
                cr_assert_eq(taken.events[0].value, rows[i].value, "%s", rows[i].line);
                cr_assert_not(taken.events[0].flags & EVENT_GONE);
        }
}

Test(import_strace, tasks_times_and_names) {
        static const char trace[] = "7 1700000000.000001 [00007f0011223344] "
                                    "execve(\"/usr/bin/a-long-program-name\", [], []) = 0\n"
                                    "7 vfork( <unfinished ...>\n"
                                    "8 execve(\"./b\", [], []) = 0\n"
                                    "8 getpid() = 8\n"
                                    "7 <... vfork resumed>) = 8\n"
                                    "7 clone(child_stack=NULL, flags=SIGCHLD) = 9\n"
                                    "9 getpid() = 9\n"
                                    "10<other> getpid() = 10\n"
                                    "9 execve(\"/x\", [], []) = -1 ENOENT (x)\n"
                                    "9 getpid( <unfinished ...>";
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);

        import_text(&import, trace, sizeof(trace) - 1);
        cr_assert_eq(taken.n, 9);
        cr_assert_eq(taken.events[0].first_ns, UINT64_C(1700000000000001000));
        cr_assert_eq(taken.events[0].ip, 0x7f0011223344u);
        cr_assert_eq(taken.events[0].tid, 7);
        cr_assert_str_eq(taken.events[0].comm, "");
        cr_assert_str_eq(taken.events[1].comm, "", "8 is seen before its birth is");
        cr_assert_str_eq(taken.events[2].comm, "b");
        cr_assert_str_eq(taken.events[2].exe, "", "relative to nobody knows what");
        cr_assert_str_eq(taken.events[3].comm, "a-long-program-", "cut as the kernel does");
        cr_assert_str_eq(taken.events[4].exe, "/usr/bin/a-long-program-name");
        cr_assert_str_eq(taken.events[5].comm, "a-long-program-", "from its parent");
        cr_assert_eq(taken.events[5].tid, 9);
        cr_assert_str_eq(taken.events[6].comm, "other");
        cr_assert_str_eq(taken.events[8].comm, "a-long-program-", "the execve failed");
        cr_assert(taken.events[8].flags & EVENT_GONE);
        cr_assert_eq(taken.events[8].answer, EVENT_ANSWER_NONE);
        cr_assert_eq(import.n_gone, 1);
}

Test(import_strace, detail_is_what_was_printed) {
        static const char line[] = "openat(AT_FDCWD, \"a\\n\", O_RDONLY) = -1 ENOENT (x)";
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);

        import_text(&import, line, sizeof(line) - 1);
        cr_assert_str_eq(taken.events[0].detail, "AT_FDCWD, \"a\\n\", O_RDONLY");
        cr_assert(taken.events[0].flags & EVENT_DETAIL_OK);
}

Test(import_strace, counts_of_tables) {
        static const char trace[] = "% time     seconds  usecs/call     calls    errors syscall\n"
                                    "------ ----------- ----------- --------- --------- -------\n"
                                    " 47.19    2.671077          56     48093     22397 read\n"
                                    "  0.05    0.002055           5       389           write\n";
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);

        import_text(&import, trace, sizeof(trace) - 1);
        cr_assert_eq(taken.n, 2);
        cr_assert_eq(taken.events[0].count, 48093);
        cr_assert_eq(taken.events[1].count, 389);
        cr_assert_eq(import.n_calls, 48482);
}

/* -ff: a file per task, whose number is in its name. */
Test(import_strace, number_in_the_name_of_the_file) {
        static const struct {
                const char *source;
                uint32_t pid;
        } rows[] = {
                { "/tmp/t.1/trace.4711", 4711 }, { "trace.4711.txt", 4711 }, { "trace", 0 }, { "-", 0 }
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_taken struct taken taken = { 0 };
                struct import import = IMPORT_INIT(take_event, &taken);
                struct strace *strace;

                cr_assert_eq(strace_new(&import, &strace), 0);
                cr_assert_eq(strace_begin(strace, rows[i].source, "", 0), 0);
                cr_assert_eq(strace_line(strace, "getpid() = 1", 12, false), 0);
                cr_assert_eq(strace_end(strace), 0);
                strace_free(strace);
                cr_assert_eq(taken.events[0].tid, rows[i].pid, "%s", rows[i].source);
        }
}

/* ---- what is no call ---- */

Test(import_strace, lines_that_are_no_call) {
        static const struct {
                const char *line;
                bool ours;
        } rows[] = {
                { "+++ exited with 0 +++", true },
                { "7 +++ killed by SIGSYS +++", true },
                { "--- SIGCHLD {si_signo=SIGCHLD, si_pid=7} ---", true },
                { "[pid 7] --- stopped by SIGSTOP ---", true },
                { "strace: Process 7 attached", true },
                { "Process 3173 attached - interrupt to quit", true },
                { "[ Process PID=7 runs in 64 bit mode. ]", true },
                { " * 1 bytes in buffer 0", true },
                { "", true },
                { "main(argc, argv)", false },
                { "read(3) is a system call.", false },
                { "read(3);", false },
                { "int r = read(3, 4);", false },
                { "nosuchcall(1) = 0", false },
                { "=> limits reduce the number of syscalls by 23%", false },
                { "cmd #2 stp #3: do_rcv(4): ret=2", false },
                { ")                     = 3", false },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_taken struct taken taken = { 0 };
                struct import import = IMPORT_INIT(take_event, &taken);
                char text[128];

                snprintf(text, sizeof(text), "%s\n", rows[i].line);
                import_text(&import, text, strlen(text));
                cr_assert_eq(taken.n, 0, "%s", rows[i].line);
                cr_assert_eq(import.n_other, rows[i].ours, "%s", rows[i].line);
                cr_assert_eq(import.n_skipped, !rows[i].ours, "%s", rows[i].line);
        }
}

Test(import_strace, machine_can_be_given) {
        static const char trace[] = "openat(3, \"\", O_RDONLY|O_DIRECTORY) = 3\nopen(\"x\", O_RDONLY) = 3\n";
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);
        struct buf got = BUF_INIT(0);

        import.arch = arch_by_any("aarch64");
        import_text(&import, trace, sizeof(trace) - 1);
        short_of(&taken, &got);
        /* aarch64 numbers O_DIRECTORY otherwise and has no open, but the 32-bit programs it runs do. */
        cr_assert_str_eq(buf_string(&got), "aarch64:openat(0x3,?,0x4000) arm:open(?,0x0)", "%s",
                         buf_string(&got));
        buf_deinit(&got);
}

Test(import_strace, guesses) {
        static const struct {
                const char *trace, *machine;
        } rows[] = {
                { "", "x86_64" },
                { "read(3, \"\", 1) = 0\n", "x86_64" },
                { "nosuch(3) = 0\n", "x86_64" },
                { "mmap2(NULL, 1, 0, 0, 0, 0) = 0\nfstat64(3, {}) = 0\nset_thread_area(0x1) = 0\n", "i386" },
                { "set_tls(0x1) = 0\nmmap2(NULL, 1, 0, 0, 0, 0) = 0\n", "arm" },
                { "[ Process PID=7 runs in 32 bit mode. ]\nset_tls(0x1) = 0\n", "aarch64" },
                { "getpid() = 1\n--- SIGSYS {si_signo=SIGSYS, si_arch=AUDIT_ARCH_AARCH64} ---\n",
                  "aarch64" },
                { "getpid() = 1\n--- SIGSYS {si_signo=SIGSYS, si_arch=AUDIT_ARCH_I386} ---\n", "x86_64" },
                { "s390_runtime_instr(1) = 0\nmmap(0x1) = 0x1\n", "s390x" },
                { "swapcontext(0x1, 0x2, 3) = 0\n", "ppc64" },
                /* Prose does not decide. */
                { "read(3, \"\", 1) = 0\nset_tls(x) is for others\n", "x86_64" },
        };

        if (arch_native()->audit != AUDIT_ARCH_X86_64)
                cr_skip("the rows are those of x86_64");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const struct arch *arch = strace_guess(rows[i].trace, strlen(rows[i].trace));

                cr_assert_str_eq(arch->name, rows[i].machine, "%s: %s", rows[i].trace, arch->name);
        }
}

/* ---- limits ---- */

/* More tasks than are kept: none of their unfinished calls is lost. */
Test(import_strace, more_tasks_than_are_kept) {
        enum { N = 20000 };
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);
        struct buf text = BUF_INIT(0);
        uint64_t sum = 0;

        for (unsigned i = 1; i <= N; i++)
                buf_printf(&text, "%u read(%u,  <unfinished ...>\n", i, i);
        buf_printf(&text, "1 fork() = %u\n", N + 5); /* 1 is forgotten by now, and full it still is */
        import_text(&import, text.data, text.n);
        cr_assert_eq(taken.n, N + 1);
        for (size_t i = 0; i < taken.n; i++)
                sum += taken.events[i].args[0];
        cr_assert_eq(sum, (uint64_t)N * (N + 1) / 2);
        buf_deinit(&text);
}

/* A call whose beginning is too long to be kept is given out without arguments. */
Test(import_strace, long_unfinished_call) {
        cleanup_taken struct taken taken = { 0 };
        struct import import = IMPORT_INIT(take_event, &taken);
        struct buf text = BUF_INIT(0);

        buf_puts(&text, "1 writev(1, [");
        for (unsigned i = 0; i < 10000; i++)
                buf_puts(&text, "{}, ");
        buf_puts(&text, "],  <unfinished ...>\n1 <... writev resumed>7) = 7\n");
        import_text(&import, text.data, text.n);
        cr_assert_eq(taken.n, 1);
        cr_assert_eq(taken.events[0].value, 7);
        for (unsigned i = 0; i < EVENT_N_ARGS; i++)
                cr_assert(taken.events[0].flags & EVENT_UNKNOWN_ARG(i));
        buf_deinit(&text);
}

Test(import_strace, long_lines_of_openings, .timeout = 120) {
        static const char *const pieces[] = { "a<b", "/* ", "(", "\"",   "[",  "{a=",
                                              ",",   "'",   "|", " or ", "1<<" };

        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
                cleanup_taken struct taken taken = { 0 };
                struct import import = IMPORT_INIT(take_event, &taken);
                struct buf line = BUF_INIT(0);

                buf_puts(&line, "read(3, ");
                while (line.n < IMPORT_LINE_MAX - 16)
                        buf_puts(&line, pieces[i]);
                import_text(&import, line.data, line.n);
                cr_assert_leq(taken.n, 1);
                buf_deinit(&line);
        }
}

/* ---- real traces: every name of each, and no other ---- */

static const struct {
        const char *file, *arch, *names;
} corpus[] = {
        { "strace/03-ff-t.23611.txt", "x86_64",
          "access arch_prctl brk clone close execve exit_group getegid geteuid getgid getpid "
          "getppid getrandom getuid mmap mprotect munmap newfstatat openat pipe2 pread64 prlimit64 "
          "read rseq rt_sigaction rt_sigreturn set_robust_list set_tid_address wait4" },
        { "strace/03-ff-t.23612.txt", "x86_64", "close dup2 exit_group set_robust_list write" },
        { "strace/03-ff-t.23613.txt", "x86_64",
          "access arch_prctl brk close dup2 execve exit_group fadvise64 futex getrandom mmap "
          "mprotect munmap newfstatat openat pread64 prlimit64 read rseq set_robust_list "
          "set_tid_address write" },
        { "strace/03-ff-t.23614.txt", "x86_64",
          "access arch_prctl brk close dup2 execve exit_group fadvise64 futex getrandom ioctl mmap "
          "mprotect munmap newfstatat openat pread64 prlimit64 read rseq set_robust_list "
          "set_tid_address write" },
        { "strace/04-f-tt-T.txt", "x86_64",
          "access arch_prctl brk clock_nanosleep clone close execve exit_group futex getegid "
          "geteuid getgid getpid getppid getrandom getuid ioctl lseek mmap mprotect munmap "
          "newfstatat openat pread64 prlimit64 read rseq rt_sigaction rt_sigprocmask rt_sigreturn "
          "rt_sigsuspend set_robust_list set_tid_address vfork wait4 write" },
        { "strace/06-f-r-relative.txt", "x86_64",
          "access arch_prctl brk clone close dup2 execve exit_group getegid geteuid getgid getpid "
          "getppid getrandom getuid mmap mprotect munmap newfstatat openat pipe2 pread64 prlimit64 "
          "read rseq rt_sigaction rt_sigreturn set_robust_list set_tid_address wait4" },
        { "strace/07-f-t.txt", "x86_64",
          "access arch_prctl brk clone close dup2 execve exit_group getegid geteuid getgid getpid "
          "getppid getrandom getuid mmap mprotect munmap newfstatat openat pipe2 pread64 prlimit64 "
          "read rseq rt_sigaction rt_sigreturn set_robust_list set_tid_address wait4" },
        { "strace/08-c-summary.txt", "x86_64",
          "access arch_prctl brk close execve futex getdents64 getrandom ioctl mmap mprotect munmap "
          "newfstatat openat pread64 prlimit64 read rseq set_robust_list set_tid_address statfs "
          "statx write" },
        { "strace/09-f-c-Sname.txt", "x86_64",
          "access arch_prctl brk clock_nanosleep clone clone3 close close_range connect dup2 "
          "epoll_create1 execve fadvise64 fcntl futex getcwd getdents64 getegid geteuid getgid "
          "getpid getppid getrandom gettid getuid ioctl lseek madvise mmap mprotect munmap "
          "newfstatat openat pipe2 pread64 prlimit64 read readlink rseq rt_sigaction rt_sigprocmask "
          "rt_sigreturn set_robust_list set_tid_address socket sysinfo vfork wait4 write" },
        { "strace/10-f-C-both.txt", "x86_64",
          "access arch_prctl brk clone close dup2 execve exit_group fadvise64 futex getegid geteuid "
          "getgid getpid getppid getrandom getuid mmap mprotect munmap newfstatat openat pipe2 "
          "pread64 prlimit64 read rseq rt_sigaction rt_sigreturn set_robust_list set_tid_address "
          "wait4 write" },
        { "strace/13-f-n-syscall-number.txt", "x86_64",
          "access arch_prctl brk clone close dup2 execve exit_group getegid geteuid getgid getpid "
          "getppid getrandom getuid mmap mprotect munmap newfstatat openat pipe2 pread64 prlimit64 "
          "read rseq rt_sigaction rt_sigreturn set_robust_list set_tid_address wait4" },
        { "strace/15-f-Y-comm.txt", "x86_64",
          "access arch_prctl brk clone close dup2 execve exit_group fadvise64 futex getegid geteuid "
          "getgid getpid getppid getrandom getuid mmap mprotect munmap newfstatat openat pipe2 "
          "pread64 prlimit64 read rseq rt_sigaction rt_sigreturn set_robust_list set_tid_address "
          "wait4 write" },
        { "strace/17-f-raw.txt", "x86_64",
          "access arch_prctl brk clone close dup2 execve exit_group getegid geteuid getgid getpid "
          "getppid getrandom getuid mmap mprotect munmap newfstatat openat pipe2 pread64 prlimit64 "
          "read rseq rt_sigaction rt_sigreturn set_robust_list set_tid_address wait4" },
        { "strace/19-f-sigsys-trap.txt", "x86_64",
          "access arch_prctl brk close execve mmap mprotect munmap newfstatat openat prctl pread64 "
          "prlimit64 read rseq seccomp set_robust_list set_tid_address unshare" },
        { "strace/22-f-unknown-syscall.txt", "x86_64",
          "access arch_prctl brk close execve exit_group mmap mprotect munmap newfstatat openat "
          "prctl pread64 prlimit64 read rseq seccomp set_robust_list set_tid_address syscall_0x3e7" },
        { "strace/23-f-x32-abi.txt", "x32", "getpid" },
        { "strace/23-f-x32-abi.txt", "x86_64",
          "access arch_prctl brk close execve exit_group mmap mprotect munmap newfstatat openat "
          "prctl pread64 prlimit64 read rseq seccomp set_robust_list set_tid_address" },
        { "strace/24-f-injected.txt", "x86_64",
          "access arch_prctl brk close execve exit_group fadvise64 futex getrandom mmap mprotect "
          "munmap newfstatat openat pread64 prlimit64 read rseq set_robust_list set_tid_address "
          "write" },
        { "strace/25-f-qq-Z-failed.txt", "x86_64", "access ioctl openat statfs statx" },
        { "strace/28-f-c-pretty-errors.txt", "x86_64",
          "access arch_prctl brk close execve futex getegid geteuid getgid getpid getppid getrandom "
          "getuid ioctl mmap mprotect munmap newfstatat openat pread64 prlimit64 read rseq "
          "rt_sigaction rt_sigprocmask rt_sigreturn set_robust_list set_tid_address statfs statx "
          "vfork wait4 write" },
        { "strace/32-f-signals.txt", "x86_64",
          "access arch_prctl brk clone close execve exit_group futex getegid geteuid getgid "
          "getpeername getpgrp getpid getppid getrandom getuid ioctl kill mmap mprotect munmap "
          "newfstatat openat pread64 prlimit64 read rseq rt_sigaction rt_sigprocmask rt_sigreturn "
          "set_robust_list set_tid_address sysinfo uname wait4 write" },
        { "strace/50-antitree-ls.txt", "x86_64",
          "access arch_prctl brk close connect execve exit_group fstat futex getdents getrlimit "
          "getxattr ioctl lgetxattr lseek lstat mmap mprotect munmap open read rt_sigaction "
          "rt_sigprocmask set_robust_list set_tid_address socket statfs write" },
        { "strace/52-dkopecek-ex1.txt", "x86_64",
          "access arch_prctl brk clock_getres clock_gettime clone close connect epoll_create1 "
          "epoll_ctl epoll_wait eventfd2 execve exit fcntl fstat futex getegid geteuid getrandom "
          "getrlimit gettimeofday madvise mmap mprotect munmap open pipe poll prctl read recvfrom "
          "recvmsg rt_sigaction rt_sigprocmask sendmsg sendto set_robust_list set_tid_address "
          "setsockopt shutdown socket stat statfs write" },
        { "strace/53-haproxy-io_limits-c-tables.txt", "i386",
          "brk close connect epoll_ctl epoll_wait fcntl64 gettimeofday setsockopt shutdown socket" },
        /* accept, recv and send are no calls of their own there */
        { "strace/53-haproxy-io_limits-c-tables.txt", "i386", "socketcall" },
        { "strace/54-haproxy-notes-pollhup.txt", "x86_64",
          "accept accept4 bind brk close connect epoll_ctl epoll_wait fcntl fstat getsockname "
          "getsockopt listen poll recvfrom sendto setsockopt shutdown socket write" },
        { "strace/55-vasu1124-c-table-in-markdown.txt", "x86_64",
          "arch_prctl clone execve futex gettid mmap munmap readlinkat rt_sigaction rt_sigprocmask "
          "sched_getaffinity sigaltstack write" },
        { "strace/56-sydbox-c-tables.txt", "x86_64",
          "arch_prctl brk close execve fcntl fork fstat getcwd getdents64 ioctl kill lseek lstat "
          "madvise mmap mprotect munmap open pidfd_getfd pidfd_open pidfd_send_signal pipe2 poll "
          "process_vm_readv process_vm_writev ptrace read readlink readlinkat rt_sigaction "
          "rt_sigprocmask rt_sigreturn seccomp set_tid_address stat uname utimensat wait4 writev" },
        { "strace/57-termux-arm32-execve-unfinished.txt", "aarch64", "execve" },
        { "strace/57-termux-arm32-execve-unfinished.txt", "arm", "brk getuid32 set_tls setuid32 uname" },
};
#define N_CORPUS (sizeof(corpus) / sizeof(corpus[0]))

/* Is "arch name" among the rows of the file? */
static bool is_expected(const char *file, const char *arch, const char *name) {
        for (size_t i = 0; i < N_CORPUS; i++) {
                size_t length = strlen(name);

                if (strcmp(corpus[i].file, file) != 0 || strcmp(corpus[i].arch, arch) != 0)
                        continue;
                for (const char *at = corpus[i].names; (at = strstr(at, name)); at++)
                        if ((at == corpus[i].names || at[-1] == ' ') &&
                            (at[length] == ' ' || at[length] == 0))
                                return true;
        }
        return false;
}

static bool is_taken(const struct taken *taken, const char *arch_name, const char *name, size_t n) {
        for (size_t i = 0; i < taken->n; i++) {
                const struct arch *arch = arch_of_call(taken->events[i].arch, taken->events[i].nr);
                const char *known = syscall_name(arch, taken->events[i].nr);

                if (strcmp(arch->name, arch_name) != 0)
                        continue;
                if (known ? strlen(known) == n && memcmp(known, name, n) == 0
                          : taken->events[i].nr == 0x3e7 && n == 13 && memcmp(name, "syscall_0x3e7", n) == 0)
                        return true;
        }
        return false;
}

static void import_corpus(const char *file, struct taken *taken) {
        struct import import = IMPORT_INIT(take_event, taken);
        int fd = corpus_open(file);
        struct strace *strace;

        cr_assert(fd >= 0, "%s is missing", file);
        cr_assert_eq(strace_new(&import, &strace), 0);
        cr_assert_eq(import_strace(strace, fd, file), 0);
        strace_free(strace);
        close(fd);
}

Test(import_strace, corpus) {
        if (!getenv("CALLGATE_CORPUS"))
                cr_skip("CALLGATE_CORPUS is not set");
        for (size_t i = 0; i < N_CORPUS; i++) {
                cleanup_taken struct taken taken = { 0 };

                import_corpus(corpus[i].file, &taken);
                for (size_t k = 0; k < taken.n; k++) {
                        const struct arch *arch = arch_of_call(taken.events[k].arch, taken.events[k].nr);
                        const char *name = syscall_name(arch, taken.events[k].nr);

                        cr_assert(is_expected(corpus[i].file, arch->name, name ? name : "syscall_0x3e7"),
                                  "%s: %s %s is not in it", corpus[i].file, arch->name, name);
                }
                for (const char *at = corpus[i].names; *at;) {
                        size_t n = strcspn(at, " ");

                        cr_assert(is_taken(&taken, corpus[i].arch, at, n), "%s: %s %.*s was lost",
                                  corpus[i].file, corpus[i].arch, (int)n, at);
                        at += n + (at[n] == ' ');
                }
        }
}

/* Numbers read off the files. */
Test(import_strace, corpus_counts) {
        static const struct {
                const char *file;
                uint64_t n_calls;
        } rows[] = {
                { "strace/03-ff-t.23612.txt", 6 },
                { "strace/08-c-summary.txt", 145 },
                { "strace/09-f-c-Sname.txt", 1293 },
                { "strace/28-f-c-pretty-errors.txt", 347 },
                { "strace/55-vasu1124-c-table-in-markdown.txt", 147 },
                { "strace/25-f-qq-Z-failed.txt", 27 },
                { "strace/50-antitree-ls.txt", 213 },
                { "strace/57-termux-arm32-execve-unfinished.txt", 9 },
        };

        if (!getenv("CALLGATE_CORPUS"))
                cr_skip("CALLGATE_CORPUS is not set");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cleanup_taken struct taken taken = { 0 };
                uint64_t n = 0;

                import_corpus(rows[i].file, &taken);
                for (size_t k = 0; k < taken.n; k++)
                        n += taken.events[k].count;
                cr_assert_eq(n, rows[i].n_calls, "%s: %" PRIu64, rows[i].file, n);
        }
}
