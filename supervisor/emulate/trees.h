/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * Calls that change trees, carried out for the task: names (names.c), attributes (attributes.c), extended
 * attributes (xattr.c), sizes (write.c), and watching them (watch.c). Their rows stand in performers[] of
 * emulate.c.
 *
 * A performer looks at what registers say as the kernel would before any path, then begins, makes one system
 * call on descriptors that were judged, and ends:
 *
 *      r = tree_paths(call, &answered);
 *      if (r || answered)
 *              return error_trace(r);
 *      r = tree_begin(call);
 *      return r ? error_trace(r) : tree_end(call, mkdirat(…));
 */

#include <stdbool.h>
#include <sys/stat.h>

#include "supervisor/emulate/emulate.h"

extern const struct emulator perform_names[];
extern const struct emulator perform_attributes[];
extern const struct emulator perform_xattr[];
extern const struct emulator perform_write[];
extern const struct emulator perform_watch[];

/* Paths are there and lead somewhere, or *ret_answered: with the errno that the kernel would give. */
int tree_paths(struct call *call, bool *ret_answered);

/* The task still waits, and the thread has its authority until tree_end(), which answers with what the
 * system call in between returned. */
int tree_begin(struct call *call);
int tree_end(struct call *call, long result);
/* The same, for calls that have more to do: the result, or -errno. */
long tree_return(struct call *call, long result);

/* The last component as the task wrote it, its slash included: the kernel has its own word on that. */
#define TREE_NAME_MAX (sizeof(((struct resolved *)0)->name) + 1)
const char *tree_name(const struct resolved *path, char buffer[TREE_NAME_MAX]);
/* The object as a path that leads nowhere else: calls without AT_EMPTY_PATH. */
#define TREE_LINK_MAX 32
const char *tree_link(const struct resolved *path, char buffer[TREE_LINK_MAX]);

/* An owner or group as the task numbers it: *ret as we do. EINVAL where its user namespace has no such one.
 * 0, CALL_E_GONE or -errno; *ret_known. */
int tree_owner(struct call *call, const char *map, uint32_t id, uint32_t *ret, bool *ret_known);
