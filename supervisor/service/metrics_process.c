/* SPDX-License-Identifier: Apache-2.0 */

/* What client libraries of Prometheus tell of every process, under the names that they use. */

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/service/metrics_text.h"

#define NS_PER_SECOND 1e9

static double clock_seconds(clockid_t clock) {
        struct timespec now = { 0 };

        clock_gettime(clock, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / NS_PER_SECOND;
}

static int64_t count_fds(void) {
        DIR *folder = opendir("/proc/self/fd");
        const struct dirent *entry;
        int64_t n = -1; /* the folder's own */

        if (!folder)
                return -1;
        while ((entry = readdir(folder)))
                n += entry->d_name[0] != '.';
        closedir(folder);
        return n;
}

static int64_t resident_bytes(void) {
        FILE *file = fopen("/proc/self/statm", "re");
        long long pages = -1;

        if (!file)
                return -1;
        if (fscanf(file, "%*s %lld", &pages) != 1)
                pages = -1;
        fclose(file);
        return pages < 0 ? -1 : pages * sysconf(_SC_PAGESIZE);
}

/* Field 22 of /proc/self/stat, in ticks since boot; the name in field 2 is our own and has no ')'. */
static double start_seconds(void) {
        FILE *file = fopen("/proc/self/stat", "re");
        unsigned long long ticks = 0;
        bool known;

        if (!file)
                return -1;
        known = fscanf(file,
                       "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
                       "%*d "
                       "%*d %llu",
                       &ticks) == 1;
        fclose(file);
        return known ? clock_seconds(CLOCK_REALTIME) - clock_seconds(CLOCK_BOOTTIME) +
                               (double)ticks / (double)sysconf(_SC_CLK_TCK)
                     : -1;
}

void metrics_process_read(struct metrics_process *ret) {
        struct rlimit limit;

        *ret = (struct metrics_process){
                .cpu_seconds = clock_seconds(CLOCK_PROCESS_CPUTIME_ID),
                .start_seconds = start_seconds(),
                .resident_bytes = resident_bytes(),
                .open_fds = count_fds(),
                .max_fds = getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (int64_t)limit.rlim_cur : -1,
        };
}
