/* SPDX-License-Identifier: Apache-2.0 */

/* What `emulate:` of a policy can say, one row each. */

#include <string.h>

#include "policy/native/calls.h"

static const struct policy_option no_options[] = { { 0 } };

static const struct policy_option root_options[] = {
        { "state", OPTION_TEXT, "file that keeps pretended owners, modes and devices between runs", false },
        { 0 },
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
        { "start", OPTION_TEXT,
          "date and time that it shall be when the program starts: \"2019-03-01T00:00:00Z\"", false },
        { "settable", OPTION_FLAG, "clock_settime and the like move the pretended time", false },
        { 0 },
};

static const struct policy_option mount_options[] = {
        { "pretend", OPTION_FLAG, "say success and do nothing (the default)", false },
        { "types", OPTION_LIST, "file systems that are really mounted", false },
        { "targets", OPTION_LIST, "patterns of places where they are", false },
        { 0 },
};

const struct policy_emulation policy_emulations[] = {
        { "identity", "carried out for the task exactly as the kernel would: for tests and measurements", "",
          no_options, false, NULL },
        { "root", "pretends that the program runs as root", "", root_options, true, NULL },
        { "uname", "other names of the system", "uname olduname oldolduname", uname_options, false, NULL },
        { "hostname",
          "sethostname and setdomainname are remembered and shown by uname, for this session alone",
          "sethostname setdomainname uname", no_options, false, NULL },
        { "sysinfo", "other amounts of memory and processes", "sysinfo", sysinfo_options, false, NULL },
        { "limits", "other resource limits", "getrlimit ugetrlimit setrlimit prlimit64", limits_options,
          false, NULL },
        { "processors", "another number of processors", "sched_getaffinity sched_setaffinity getcpu",
          processors_options, false, NULL },
        { "statfs", "other sizes of file systems", "statfs statfs64 fstatfs fstatfs64", statfs_options,
          false, NULL },
        { "interfaces", "other hardware addresses of network interfaces", "ioctl", interfaces_options, false,
          NULL },
        { "signals", "kill and its siblings reach processes of the session only",
          "kill tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal", no_options, false, NULL },
        { "time", "another date", "", time_options, true, NULL },
        { "mount", "mount and umount pretended, or done where allowed", "mount umount umount2",
          mount_options, false, NULL },
};
const size_t policy_emulations_n = sizeof(policy_emulations) / sizeof(policy_emulations[0]);

const struct policy_emulation *policy_emulation_by_name(const char *name) {
        for (size_t i = 0; i < policy_emulations_n; i++)
                if (strcmp(policy_emulations[i].name, name) == 0)
                        return &policy_emulations[i];
        return NULL;
}
