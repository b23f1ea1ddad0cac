/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What tests of verbs share: files by content, and the verb run as from the command line. */

#include "base/fd.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* A path under which these bytes can be read; lives as long as the test. */
static inline const char *verb_file_bytes(const void *bytes, size_t n) {
        static char paths[16][32];
        static unsigned next;
        int fd = memfd_create("file", 0);

        cr_assert_geq(fd, 0);
        cr_assert_lt(next, 16);
        cr_assert_eq(fd_write_all(fd, bytes, n), 0);
        snprintf(paths[next], sizeof(paths[next]), "/proc/self/fd/%d", fd);
        return paths[next++];
}

static inline const char *verb_file(const char *text) {
        return verb_file_bytes(text, strlen(text));
}

/* words end with NULL; the first is the verb. */
static inline int verb_run(int (*verb)(int argc, char **argv), const char *const *words) {
        char *argv[32];
        int argc = 0, code;

        for (; words[argc]; argc++)
                argv[argc] = strdup(words[argc]);
        argv[argc] = NULL;
        optind = 1;
        code = verb(argc, argv);
        for (int i = 0; i < argc; i++)
                free(argv[i]);
        fflush(stdout);
        return code;
}

#define VERB_RUN(verb, ...) verb_run(verb, (const char *const[]){ __VA_ARGS__, NULL })

/* libseccomp 2.5 loses nodes of its own when it prunes a tree of conditions. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}
