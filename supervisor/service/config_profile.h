/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Profiles by name, as filters. Names come from strangers too: those are looked for below the profile
 * folders and nowhere else. A file is read and compiled once for many containers, until it changes. Any
 * thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "policy/filter.h"
#include "supervisor/service/config.h"

#define CONFIG_PROBLEM_MAX sizeof(((struct assignment *)0)->problem)

struct config_profiles;

int config_profiles_new(struct config_profiles **ret);
struct config_profiles *config_profiles_free(struct config_profiles *profiles);

struct config_profile_query {
        const char *name;   /* in a folder, also without ".json" or ".yaml" */
        bool trusted;       /* an absolute path may be the name */
        uint64_t caps;      /* for which container */
        const char *digest; /* "sha256:…" that the file should have; NULL: any */
};

/* *ret is a copy. 0; CONFIG_E_INVALID: problem (CONFIG_PROBLEM_MAX) says why not; or -errno. With 0, problem
 * says that the digest is another, or is empty. */
int config_profile_find(const struct config *config, const struct config_profile_query *query,
                        struct filter *ret, char *problem, size_t size);
