/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/cache.h"
#include "policy/compile.h"
#include "policy/read.h"
#include "policy/resolve.h"

#define AT_KEY 60 /* somewhere behind the numbers that a file begins with */

static char folder[64];

static void setup(void) {
        strcpy(folder, "/tmp/cache.XXXXXX");
        cr_assert_not_null(mkdtemp(folder));
        setenv("XDG_CACHE_HOME", folder, 1);
}

static void teardown(void) {
        char command[128];

        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        cr_assert_eq(system(command), 0);
}

TestSuite(cache, .init = setup, .fini = teardown);

static struct profile *example(const char *action) {
        struct profile_context context;
        struct profile *profile = NULL, *resolved = NULL;
        struct diags diags = DIAGS_INIT;
        char text[256];

        snprintf(text, sizeof(text),
                 "{\"defaultAction\":\"%s\",\"architectures\":[\"SCMP_ARCH_X86_64\"],"
                 "\"syscalls\":[{\"names\":[\"read\",\"write\"],\"action\":\"SCMP_ACT_ALLOW\"}]}",
                 action);
        cr_assert_eq(profile_context_machine(&context), 0);
        cr_assert_eq(profile_read(text, strlen(text), &diags, &profile), 0);
        cr_assert_eq(profile_resolve(profile, &context, &diags, &resolved), 0);
        profile_free(profile);
        diags_deinit(&diags);
        return resolved;
}

/* The one file in the cache. */
static void only_file(char path[256]) {
        char cache[128];
        struct dirent *entry;
        unsigned n = 0;
        DIR *dir;

        snprintf(cache, sizeof(cache), "%s/callgate", folder);
        dir = opendir(cache);
        cr_assert_not_null(dir);
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.') {
                        snprintf(path, 256, "%s/%s", cache, entry->d_name);
                        n++;
                }
        closedir(dir);
        cr_assert_eq(n, 1);
}

static void assert_same(const struct filter *a, const struct filter *b) {
        cr_assert_eq(a->n, b->n);
        cr_assert_eq(memcmp(a->insns, b->insns, a->n * sizeof(*a->insns)), 0);
}

Test(cache, a_hit_is_what_the_compiler_made) {
        struct profile *profile = example("SCMP_ACT_ERRNO"), *other = example("SCMP_ACT_KILL");
        struct filter compiled = FILTER_INIT, first = FILTER_INIT, second = FILTER_INIT, third = FILTER_INIT;
        struct diags diags = DIAGS_INIT;
        char path[256];

        cr_assert_eq(filter_compile(profile, &diags, &compiled), 0);
        cr_assert_eq(cache_compile(profile, &diags, &first), 0);
        only_file(path);
        cr_assert_eq(cache_compile(profile, &diags, &second), 0);
        assert_same(&compiled, &first);
        assert_same(&compiled, &second);
        cr_assert_eq(cache_compile(other, &diags, &third), 0);
        cr_assert(third.n != first.n ||
                  memcmp(third.insns, first.insns, first.n * sizeof(*first.insns)) != 0);
        filter_deinit(&compiled);
        filter_deinit(&first);
        filter_deinit(&second);
        filter_deinit(&third);
        profile_free(profile);
        profile_free(other);
}

Test(cache, files_that_cannot_be_trusted_are_misses) {
        struct profile *profile = example("SCMP_ACT_ERRNO");
        struct filter compiled = FILTER_INIT, again = FILTER_INIT;
        static const struct sock_filter allow = { BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW };
        struct diags diags = DIAGS_INIT;
        char path[256], bytes[1];
        struct stat st;
        int fd;

        cr_assert_eq(cache_compile(profile, &diags, &compiled), 0);
        only_file(path);
        cr_assert_eq(stat(path, &st), 0);

        /* Of another profile: what is in it would show. */
        fd = open(path, O_RDWR);
        cr_assert_eq(pread(fd, bytes, 1, AT_KEY), 1);
        bytes[0] ^= 1;
        cr_assert_eq(pwrite(fd, bytes, 1, AT_KEY), 1);
        cr_assert_eq(pwrite(fd, &allow, sizeof(allow), st.st_size - (off_t)sizeof(allow)), sizeof(allow));
        close(fd);
        cr_assert_eq(cache_compile(profile, &diags, &again), 0);
        assert_same(&compiled, &again);
        filter_deinit(&again);

        /* Cut short. */
        cr_assert_eq(truncate(path, st.st_size - 8), 0);
        cr_assert_eq(cache_compile(profile, &diags, &again), 0);
        assert_same(&compiled, &again);
        filter_deinit(&again);

        /* Writable by others: whoever wrote it, it is made anew. */
        fd = open(path, O_RDWR);
        cr_assert_eq(pwrite(fd, &allow, sizeof(allow), st.st_size - (off_t)sizeof(allow)), sizeof(allow));
        close(fd);
        cr_assert_eq(chmod(path, 0666), 0);
        cr_assert_eq(cache_compile(profile, &diags, &again), 0);
        assert_same(&compiled, &again);
        cr_assert_eq(stat(path, &st), 0);
        cr_assert_eq(st.st_mode & 0777, 0600);
        filter_deinit(&again);
        filter_deinit(&compiled);
        profile_free(profile);
}

Test(cache, no_place_to_cache_is_no_error) {
        struct profile *profile = example("SCMP_ACT_ERRNO");
        struct filter filter = FILTER_INIT;
        struct diags diags = DIAGS_INIT;

        setenv("XDG_CACHE_HOME", "/proc/nowhere", 1);
        cr_assert_eq(cache_compile(profile, &diags, &filter), 0);
        filter_deinit(&filter);
        unsetenv("XDG_CACHE_HOME");
        unsetenv("HOME");
        cr_assert_eq(cache_compile(profile, &diags, &filter), 0);
        filter_deinit(&filter);
        profile_free(profile);
        setenv("HOME", "/", 1);
}
