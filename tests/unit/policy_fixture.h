/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the tests of policy/ share: profiles from text and from files, all the way to a filter. */

#include "base/diag.h"
#include "policy/compile.h"
#include "policy/match.h"
#include "policy/read.h"
#include "policy/resolve.h"
#include "policy/simulate.h"
#include "syscalls/names.h"

#include <criterion/criterion.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* libseccomp 2.5 loses nodes of its own when it prunes a tree of conditions. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
        return "leak:libseccomp.so\n";
}
const char *__lsan_default_options(void);
const char *__lsan_default_options(void) {
        return "print_suppressions=0";
}

#define ROWS SOURCE_DIR "/tests/rows/profiles/"

struct fixture {
        struct diags diags;
        struct profile *profile, *flat;
        struct profile_context context;
        struct filter filter;
};

/* x86_64 with docker's usual capabilities on a recent kernel, whatever machine the test runs on. */
static inline struct profile_context fixture_context(const char *scmp) {
        return (struct profile_context){
                .arch = arch_by_scmp(scmp),
                .caps = UINT64_C(0xa80425fb),
                .kernel_major = 6,
                .kernel_minor = 1,
        };
}

static inline void fixture_deinit(struct fixture *fixture) {
        filter_deinit(&fixture->filter);
        profile_free(fixture->flat);
        profile_free(fixture->profile);
        diags_deinit(&fixture->diags);
}
#define cleanup_fixture __attribute__((cleanup(fixture_deinit)))

static inline int fixture_compile(struct fixture *fixture, int r) {
        if (!r)
                r = profile_resolve(fixture->profile, &fixture->context, &fixture->diags, &fixture->flat);
        if (!r)
                r = filter_compile(fixture->flat, &fixture->diags, &fixture->filter);
        return r;
}

static inline int fixture_text(struct fixture *fixture, const char *text) {
        *fixture = (struct fixture){ .context = fixture_context("SCMP_ARCH_X86_64") };
        return fixture_compile(fixture,
                               profile_read(text, strlen(text), &fixture->diags, &fixture->profile));
}

static inline int fixture_file(struct fixture *fixture, const char *path, const char *scmp) {
        *fixture = (struct fixture){ .context = fixture_context(scmp) };
        return fixture_compile(fixture, profile_read_file(path, &fixture->diags, &fixture->profile));
}

static inline void fixture_show(const struct fixture *fixture) {
        diags_print(&fixture->diags, stderr, DIAG_INFO, false);
}

static inline uint32_t fixture_run(const struct fixture *fixture, uint32_t arch, uint32_t nr, uint64_t a0,
                                   uint64_t a1, uint64_t a2) {
        struct seccomp_data data = { .nr = (int)nr, .arch = arch, .args = { a0, a1, a2 } };

        return filter_simulate(&fixture->filter, &data, NULL);
}

/* Is there a finding with this id at this place (NULL: anywhere) whose text holds the fragment (may be
 * NULL)? */
static inline const struct diag *diags_find(const struct diags *diags, const char *id, const char *place,
                                            const char *fragment) {
        for (size_t i = 0; i < diags->n; i++) {
                const struct diag *item = &diags->items[i];

                if (id && (!item->id || strcmp(item->id, id)))
                        continue;
                if (place && (!item->place || strcmp(item->place, place)))
                        continue;
                if (fragment && !strstr(item->text, fragment))
                        continue;
                return item;
        }
        return NULL;
}
