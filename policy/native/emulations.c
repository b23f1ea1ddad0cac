/* SPDX-License-Identifier: Apache-2.0 */

/* What `emulate:` of a policy can say, one row each. */

#include <fcntl.h>
#include <linux/prctl.h>
#include <string.h>

#include "policy/native/calls.h"

static const struct policy_option no_options[] = { { 0 } };

static const struct policy_option root_options[] = {
        { "state", OPTION_FILE, "file that keeps pretended owners, modes and devices between runs", false },
        { 0 },
};

/* Who one is; what files are. A limit on locks carries who one is (supervisor/emulate/root_process.c). */
static const char root_calls[] =
        "getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 "
        "getresgid getresgid32 getgroups getgroups32 setuid setuid32 setreuid setreuid32 setresuid "
        "setresuid32 setfsuid setfsuid32 setgid setgid32 setregid setregid32 setresgid setresgid32 "
        "setfsgid setfsgid32 setgroups setgroups32 capget capset prctl getrlimit ugetrlimit "
        "setrlimit prlimit64 stat stat64 oldstat lstat lstat64 oldlstat newfstatat fstatat64 fstat "
        "fstat64 oldfstat statx access faccessat faccessat2 chown chown32 lchown lchown32 fchown "
        "fchown32 fchownat chmod fchmod fchmodat fchmodat2 utime utimes futimesat utimensat "
        "utimensat_time64 open openat openat2 creat mknod mknodat mkdir mkdirat getdents64 symlink "
        "symlinkat unlink unlinkat "
        "rmdir "
        "rename renameat "
        "renameat2 setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr "
        "flistxattr removexattr lremovexattr fremovexattr";

#define HAS(call, arg, flag)                                                                                \
        { call, { { arg, CONDITION_MASKED_EQ, flag, flag } }, 1 }
#define OPTION_IS(option)                                                                                   \
        { "prctl", { { 0, CONDITION_MASKED_EQ, UINT32_MAX, option } }, 1 }
#define RESOURCE_IS(call, arg, resource)                                                                    \
        { call, { { arg, CONDITION_MASKED_EQ, UINT32_MAX, resource } }, 1 }
static const struct policy_emulation_when root_when[] = {
        OPTION_IS(PR_GET_KEEPCAPS),       OPTION_IS(PR_SET_KEEPCAPS),
        OPTION_IS(PR_CAPBSET_READ),       OPTION_IS(PR_CAPBSET_DROP),
        OPTION_IS(PR_GET_SECUREBITS),     OPTION_IS(PR_SET_SECUREBITS),
        OPTION_IS(PR_CAP_AMBIENT),        HAS("open", 1, O_CREAT),
        HAS("open", 1, O_TMPFILE),        HAS("openat", 2, O_CREAT),
        HAS("openat", 2, O_TMPFILE),      RESOURCE_IS("getrlimit", 0, 10), /* RLIMIT_LOCKS */
        RESOURCE_IS("ugetrlimit", 0, 10), RESOURCE_IS("setrlimit", 0, 10),
        RESOURCE_IS("prlimit64", 1, 10),  { 0 },
};

static const struct policy_option uname_options[] = {
        { "sysname", OPTION_TEXT, "operating system, \"Linux\"", false },
        { "nodename", OPTION_TEXT, "host name", false },
        { "release", OPTION_TEXT, "kernel release", false },
        { "version", OPTION_TEXT, "kernel version", false },
        { "machine", OPTION_TEXT, "hardware, \"x86_64\"", false },
        { "domainname", OPTION_TEXT, "NIS domain", false },
        { 0 },
};

static const struct policy_option sysinfo_options[] = {
        { "memory", OPTION_SIZE, "total memory", false },
        { "free", OPTION_SIZE, "free memory", false },
        { "swap", OPTION_SIZE, "total swap", false },
        { "swap-free", OPTION_SIZE, "free swap", false },
        { "uptime", OPTION_DURATION, "time since boot", false },
        { "processes", OPTION_NUMBER, "number of processes", false },
        { 0 },
};

static const struct policy_option limits_options[] = {
        { "limits", OPTION_MAP,
          "resource (\"nofile\", \"memlock\" …) to number, or [soft, hard], or \"unlimited\"", true },
        { 0 },
};

static const struct policy_option processors_options[] = {
        { "count", OPTION_NUMBER, "processors that the program sees", true },
        { 0 },
};

static const struct policy_option statfs_options[] = {
        { "size", OPTION_SIZE, "of the file system", false },
        { "free", OPTION_SIZE, "free, also for unprivileged users", false },
        { "files", OPTION_NUMBER, "inodes", false },
        { "type", OPTION_TEXT, "\"ext4\", \"xfs\", \"tmpfs\", \"nfs\" or a number", false },
        { 0 },
};

static const struct policy_option interfaces_options[] = {
        { "addresses", OPTION_MAP, "interface name to hardware address (\"02:00:00:00:00:01\")", true },
        { 0 },
};

static const struct policy_option time_options[] = {
        { "offset", OPTION_DURATION, "added to the real time: \"-30d\", \"2h\"", false },
        { "start", OPTION_DATE,
          "date and time that it shall be when the program starts: \"2019-03-01T00:00:00Z\"", false },
        { "settable", OPTION_FLAG, "clock_settime and the like move the pretended time", false },
        { 0 },
};

/* The last four tell of a new program image before it can have looked at a clock: C libraries and Go set up
 * the storage of their first thread with one of them. */
static const char time_calls[] =
        "clock_gettime clock_gettime64 gettimeofday time clock_settime clock_settime64 settimeofday stime "
        "adjtimex clock_adjtime clock_adjtime64 clock_nanosleep clock_nanosleep_time64 timerfd_settime "
        "timerfd_settime64 timer_settime timer_settime64 mq_timedsend mq_timedsend_time64 mq_timedreceive "
        "mq_timedreceive_time64 futex futex_time64 futex_waitv futex_wait "
        "brk arch_prctl set_thread_area set_tid_address";

/* clock ids: CLOCK_REALTIME 0, _COARSE 5, _ALARM 8, TAI 11. A clockid_t is 32 bits wide. */
#define CLOCK_IS(call, arg, clock)                                                                          \
        { call, { { arg, CONDITION_MASKED_EQ, UINT32_MAX, clock } }, 1 }
#define CLOCK_WITH(call, arg, clock, flags_arg, flag)                                                       \
        {                                                                                                   \
                call,                                                                                       \
                        { { arg, CONDITION_MASKED_EQ, UINT32_MAX, clock },                                  \
                          { flags_arg, CONDITION_MASKED_EQ, flag, flag } },                                 \
                        2                                                                                   \
        }
#define GETTIME(call) CLOCK_IS(call, 0, 0), CLOCK_IS(call, 0, 5), CLOCK_IS(call, 0, 8), CLOCK_IS(call, 0, 11)
#define ABSTIME       1 /* TIMER_ABSTIME, TFD_TIMER_ABSTIME */
#define SLEEP(call)                                                                                         \
        CLOCK_WITH(call, 0, 0, 1, ABSTIME), CLOCK_WITH(call, 0, 8, 1, ABSTIME),                             \
                CLOCK_WITH(call, 0, 11, 1, ABSTIME)
/* FUTEX_CLOCK_REALTIME; FUTEX_LOCK_PI (6), whose time is always of that clock. */
#define FUTEX(call)                                                                                         \
        HAS(call, 1, 0x100), {                                                                              \
                call, { { 1, CONDITION_MASKED_EQ, 0x7f, 6 }, { 3, CONDITION_NE, 0, 0 } }, 2                 \
        }
#define NOT_NULL(call, arg)                                                                                 \
        { call, { { arg, CONDITION_NE, 0, 0 } }, 1 }

static const struct policy_emulation_when time_when[] = {
        GETTIME("clock_gettime"),
        GETTIME("clock_gettime64"),
        CLOCK_IS("clock_settime", 0, 0),
        CLOCK_IS("clock_settime64", 0, 0),
        CLOCK_IS("clock_adjtime", 0, 0),
        CLOCK_IS("clock_adjtime64", 0, 0),
        SLEEP("clock_nanosleep"),
        SLEEP("clock_nanosleep_time64"),
        HAS("timerfd_settime", 1, ABSTIME),
        HAS("timerfd_settime64", 1, ABSTIME),
        HAS("timer_settime", 1, ABSTIME),
        HAS("timer_settime64", 1, ABSTIME),
        NOT_NULL("mq_timedsend", 4),
        NOT_NULL("mq_timedsend_time64", 4),
        NOT_NULL("mq_timedreceive", 4),
        NOT_NULL("mq_timedreceive_time64", 4),
        FUTEX("futex"),
        FUTEX("futex_time64"),
        { "futex_waitv", { { 3, CONDITION_NE, 0, 0 }, { 4, CONDITION_MASKED_EQ, UINT32_MAX, 0 } }, 2 },
        { "futex_wait", { { 4, CONDITION_NE, 0, 0 }, { 5, CONDITION_MASKED_EQ, UINT32_MAX, 0 } }, 2 },
        { "brk", { { 0, CONDITION_EQ, 0, 0 } }, 1 },
        { "arch_prctl", { { 0, CONDITION_MASKED_EQ, UINT32_MAX, 0x1002 } }, 1 }, /* ARCH_SET_FS */
        { 0 },
};

/* SIOCGIFHWADDR; a request is 32 bits wide. */
static const struct policy_emulation_when interfaces_when[] = {
        { "ioctl", { { 1, CONDITION_MASKED_EQ, UINT32_MAX, 0x8927 } }, 1 },
        { 0 },
};

static const struct policy_option mount_options[] = {
        { "types", OPTION_LIST, "file systems that are mounted: \"bind\", \"tmpfs\", \"ext4\" …", true },
        { "targets", OPTION_LIST, "patterns of places where they are", true },
        { "sources", OPTION_LIST, "patterns of directories and devices that may be mounted", false },
        { "allow", OPTION_LIST, "\"suid\", \"dev\": without them mounts are nosuid and nodev", false },
        { 0 },
};

/* The last two tell of new processes: C libraries make them in children and when a program starts. */
static const char signals_calls[] = "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal "
                                    "set_robust_list set_tid_address";

/* Programs use mount(2) where the others are missing. */
static const char mount_calls[] =
        "mount umount umount2 fsopen fsconfig fsmount fspick open_tree open_tree_attr "
        "move_mount mount_setattr";

const struct policy_emulation policy_emulations[] = {
        { "identity", "carried out for the task exactly as the kernel would: for tests and measurements",
          "*", no_options, false, NULL },
        { "addresses",
          "getsockname and getpeername show what the program asked for, where a rule redirected it",
          "getsockname getpeername setsockopt", no_options, false, NULL, NULL },
        { "root", "pretends that the program runs as root", root_calls, root_options, true, NULL,
          root_when },
        { "uname", "other names of the system", "uname olduname oldolduname", uname_options, false, NULL },
        { "hostname",
          "sethostname and setdomainname are remembered and shown by uname, for this session alone",
          "sethostname setdomainname uname olduname oldolduname", no_options, false, NULL },
        { "sysinfo", "other amounts of memory and processes", "sysinfo", sysinfo_options, false, NULL },
        { "limits", "other resource limits", "getrlimit ugetrlimit setrlimit prlimit64", limits_options,
          false, NULL },
        { "processors", "another number of processors", "sched_getaffinity sched_setaffinity getcpu",
          processors_options, false, NULL },
        { "statfs", "other sizes of file systems", "statfs statfs64 fstatfs fstatfs64", statfs_options,
          false, NULL },
        { "interfaces", "other hardware addresses of network interfaces", "ioctl", interfaces_options, false,
          NULL, interfaces_when },
        { "signals", "kill and its siblings reach processes of the session only", signals_calls, no_options,
          false, NULL },
        { "time", "another date", time_calls, time_options, true, NULL, time_when,
          "clock_gettime clock_gettime64 gettimeofday time arch_prctl set_thread_area set_tid_address" },
        { "mount", "mount and umount pretended", mount_calls, no_options, false, NULL },
        { "mount-allowed", "mount and umount done where allowed", mount_calls, mount_options, false,
          "mount" },
};
const size_t policy_emulations_n = sizeof(policy_emulations) / sizeof(policy_emulations[0]);

const struct policy_emulation *policy_emulation_by_name(const char *name) {
        for (size_t i = 0; i < policy_emulations_n; i++)
                if (strcmp(policy_emulations[i].name, name) == 0)
                        return &policy_emulations[i];
        return NULL;
}
