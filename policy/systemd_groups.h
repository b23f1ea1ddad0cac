/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The groups of SystemCallFilter=: "@mount" and the like. */

#include <stdbool.h>
#include <stddef.h>

struct systemd_group {
        const char *name;    /* "@mount" */
        const char *members; /* names of calls and of other groups, with spaces between them */
};

extern const struct systemd_group systemd_groups[];
extern const size_t systemd_groups_n;

const struct systemd_group *systemd_group(const char *name, size_t n); /* NULL: no such group */
/* All calls of the group and of the groups in it, some perhaps twice; stops at the first result that is not
 * 0, and returns it. name is not terminated. */
int systemd_group_each(const struct systemd_group *group, int (*each)(const char *name, size_t n, void *to),
                       void *to);
