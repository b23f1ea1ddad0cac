/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long work on profiles takes: one default profile all the way to a filter, a thousand checked, a
 * thousand recordings made one. Prints a table; the figures people rely on are in docs/PERFORMANCE.md.
 *
 *   bench-profiles [PROFILE]
 *
 * PROFILE is measured in the first row; without one, a profile of docker's size is made up. The recordings
 * are made up, too: most calls are common to all, some only few have, a few have conditions.
 */

#include "base/buf.h"
#include "policy/check.h"
#include "policy/compile.h"
#include "policy/merge.h"
#include "policy/read.h"
#include "policy/resolve.h"
#include "policy/write_oci.h"
#include "syscalls/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define N_PROFILES 1000
#define N_ROUNDS   50

static struct profile_context context;
static uint64_t seed = 1;

static unsigned draw(unsigned below) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (unsigned)(seed >> 33) % below;
}

static double now_ms(void) {
        struct timespec time;

        clock_gettime(CLOCK_MONOTONIC, &time);
        return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static void must(int r, const char *what) {
        if (!r)
                return;
        fprintf(stderr, "bench-profiles: %s: %d\n", what, r);
        exit(1);
}

static size_t all_names(const char *names[], size_t max) {
        uint32_t cursor = 0, nr;
        const char *name;
        size_t n = 0;

        while (n < max && (name = syscall_next(context.arch, &cursor, &nr)))
                names[n++] = name;
        return n;
}

static void put_condition(struct buf *to, const char *name, unsigned index, unsigned value) {
        buf_printf(to,
                   ",{\"names\":[\"%s\"],\"action\":\"SCMP_ACT_ALLOW\",\"args\":[{\"index\":%u,\"value\":%u,"
                   "\"op\":\"SCMP_CMP_EQ\"}]}",
                   name, index, value);
}

/* The first n_common calls, n_rare of the rest, and conditions on some that most programs make. */
static void put_recording(struct buf *to, unsigned n_common, unsigned n_rare, bool siblings) {
        static const char *const held_back[] = { "socket", "ioctl", "prctl", "fcntl", "personality" };
        const char *names[600];
        size_t n = all_names(names, 600);
        bool first = true;

        buf_printf(to,
                   "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"defaultErrnoRet\":1,\"architectures\":["
                   "\"SCMP_ARCH_X86_64\"%s],\"syscalls\":[{\"names\":[",
                   siblings ? ",\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"" : "");
        for (size_t i = 0; i < n; i++) {
                bool has = i < n_common || draw((unsigned)n) < n_rare;

                for (size_t j = 0; j < sizeof(held_back) / sizeof(held_back[0]); j++)
                        has &= strcmp(names[i], held_back[j]) != 0;
                if (!has)
                        continue;
                buf_printf(to, "%s\n\"%s\"", first ? "" : ",", names[i]);
                first = false;
        }
        buf_puts(to, "],\"action\":\"SCMP_ACT_ALLOW\"}");
        put_condition(to, "socket", 0, 1 + draw(2));
        put_condition(to, "socket", 0, 10 + draw(7));
        put_condition(to, "ioctl", 1, 0x5401 + draw(40));
        put_condition(to, "prctl", 0, 15 + draw(20));
        put_condition(to, "fcntl", 1, draw(8));
        put_condition(to, "personality", 0, 8 * draw(2));
        buf_puts(to, "]}\n");
}

static int compare_doubles(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;

        return x < y ? -1 : x > y;
}

static void to_filter(const char *bytes, size_t n) {
        cleanup_profile struct profile *profile = NULL, *resolved = NULL;
        struct filter filter = FILTER_INIT;
        struct diags diags = DIAGS_INIT;

        must(profile_read(bytes, n, &diags, &profile), "read");
        must(profile_resolve(profile, &context, &diags, &resolved), "resolve");
        must(filter_compile(resolved, &diags, &filter), "compile");
        filter_deinit(&filter);
        diags_deinit(&diags);
}

static void bench_compile(const char *path) {
        struct buf text = BUF_INIT(0);
        double times[N_ROUNDS], start, first;

        if (path)
                must(buf_read_file(&text, path, PROFILE_BYTES_MAX), path);
        else
                put_recording(&text, 340, 0, true);
        start = now_ms();
        to_filter(buf_string(&text), text.n);
        first = now_ms() - start;
        for (size_t i = 0; i < N_ROUNDS; i++) {
                start = now_ms();
                to_filter(text.data, text.n);
                times[i] = now_ms() - start;
        }
        qsort(times, N_ROUNDS, sizeof(*times), compare_doubles);
        printf("read, resolve, compile %-24s %8.2f ms median, %.2f worst of %d, %.2f the first time\n",
               path ? "" : "(made up)", times[N_ROUNDS / 2], times[N_ROUNDS - 1], N_ROUNDS, first);
        buf_deinit(&text);
}

static void bench_check(void) {
        struct buf text = BUF_INIT(0);
        size_t n_bytes = 0;
        double spent = 0;

        for (size_t i = 0; i < N_PROFILES; i++) {
                cleanup_profile struct profile *profile = NULL;
                struct diags diags = DIAGS_INIT;
                double start;

                buf_reset(&text);
                put_recording(&text, 150 + draw(150), 30, true);
                n_bytes += text.n;
                start = now_ms();
                must(profile_read(buf_string(&text), text.n, &diags, &profile), "read");
                must(profile_check(profile, &context, &diags), "check");
                diags_deinit(&diags);
                spent += now_ms() - start;
        }
        printf("check %d profiles                        %8.0f ms, %.1f MB of text\n", N_PROFILES, spent,
               (double)n_bytes / 1e6);
        buf_deinit(&text);
}

static void write_recordings(const char *folder) {
        struct buf text = BUF_INIT(0);
        char path[256];

        for (size_t i = 0; i < N_PROFILES; i++) {
                FILE *file;

                buf_reset(&text);
                put_recording(&text, 120, 15, true);
                snprintf(path, sizeof(path), "%s/%zu.json", folder, i);
                file = fopen(path, "we");
                if (!file || fwrite(buf_string(&text), 1, text.n, file) != text.n || fclose(file))
                        must(-errno, path);
        }
        buf_deinit(&text);
}

static long peak_kb(void) {
        struct rusage usage;

        getrusage(RUSAGE_SELF, &usage);
        return usage.ru_maxrss;
}

static void merge_recordings(const char *folder, enum merge_kind kind, const char *what) {
        cleanup_profile struct profile *result = NULL;
        const struct merge_options options = { 0 };
        struct diags diags = DIAGS_INIT;
        struct buf text = BUF_INIT(0);
        struct merge *merge;
        double start = now_ms();
        char path[256];

        must(merge_new(kind, &context, &merge), "merge");
        for (size_t i = 0; i < N_PROFILES; i++) {
                cleanup_profile struct profile *profile = NULL, *resolved = NULL;

                snprintf(path, sizeof(path), "%s/%zu.json", folder, i);
                must(profile_read_file(path, &diags, &profile), path);
                must(profile_resolve(profile, &context, &diags, &resolved), path);
                must(merge_add(merge, resolved, &diags), path);
        }
        must(merge_result(merge, &options, &diags, &result), "result");
        must(profile_write_oci(result, &text), "write");
        printf("%-12s of %d recordings             %8.0f ms, %.1f MB peak, %zu rules\n", what, N_PROFILES,
               now_ms() - start, (double)peak_kb() / 1024, result->n_rules);
        merge_free(merge);
        buf_deinit(&text);
        diags_deinit(&diags);
}

/* In a process of its own, so that its peak of memory is its own. */
static void bench_merge(const char *folder, enum merge_kind kind, const char *what) {
        int status;
        pid_t pid;

        fflush(stdout);
        pid = fork();
        if (pid < 0)
                must(-errno, "fork");
        if (!pid) {
                merge_recordings(folder, kind, what);
                fflush(stdout);
                _exit(0);
        }
        if (waitpid(pid, &status, 0) < 0 || status)
                must(-ECHILD, what);
}

static void remove_recordings(const char *folder) {
        char path[256];

        for (size_t i = 0; i < N_PROFILES; i++) {
                snprintf(path, sizeof(path), "%s/%zu.json", folder, i);
                unlink(path);
        }
        rmdir(folder);
}

int main(int argc, char **argv) {
        char folder[] = "/tmp/bench-profiles-XXXXXX";

        must(profile_context_machine(&context), "this machine");
        if (!mkdtemp(folder))
                must(-errno, folder);
        write_recordings(folder);
        bench_merge(folder, MERGE_UNION, "union");
        bench_merge(folder, MERGE_INTERSECTION, "intersection");
        remove_recordings(folder);
        bench_compile(argc > 1 ? argv[1] : NULL);
        bench_check();
        return 0;
}
