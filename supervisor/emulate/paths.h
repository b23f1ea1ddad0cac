/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The paths of a call: which arguments they are, how the kernel would look them up, and what they lead to
 * (call->paths, in order of the arguments). Every call with paths in policy/native/calls.c has its row here.
 *
 * What comes out holds what was judged: a performer takes call->paths and never the task's text again.
 */

#include <stdbool.h>

struct call;
struct resolved;

/*
 * POLICY_FACT_PATHS: call->paths with their texts, facts.paths; for openat2 also call->how and
 * facts.memory_args. 0, CALL_E_FAULT, CALL_E_GONE, CALL_E_SLOW or -errno, -ENAMETOOLONG among them as the
 * task's mistake. A path that leads nowhere is a path (resolved.error); a call without paths has none.
 */
int paths_fetch(struct call *call);

/*
 * The same for performers, to be called first: fetches what has not been fetched, without texts, and after a
 * REDIRECT puts what the new path leads to into the place of what it matched. Returns as paths_fetch(); the
 * task's own mistakes are answered, so look at call->answer.kind (paths_answered()).
 */
int paths_need(struct call *call);
/* openat2's struct alone, call->how; for other calls nothing. As paths_need(). */
int paths_need_how(struct call *call);
bool paths_answered(const struct call *call);

/* POLICY_FACT_MEMORY_ARGS: of openat2 flags, mode and resolve. */
int paths_fetch_memory_args(struct call *call);

/* open("/proc/self/fd/N", flags) of a descriptor of ours: a new description with access, or -errno. */
int paths_reopen(int fd, int flags);
