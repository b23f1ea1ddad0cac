/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A value that every task has, that it may change, and that its children inherit as it was when they began:
 * limits, affinity masks. Children are not announced to us; when one is first asked about, the value comes
 * from its parents, as it was then. Times are clock ticks (10 ms): what a parent sets in the tick in which a
 * child begins counts as inherited. The value of a parent that ended before its child was ever asked about
 * is lost.
 *
 * Bounded: beyond 4096 tasks the one longest unasked is forgotten. No lock of its own: the owner has one.
 */

#include <stddef.h>
#include <stdint.h>

struct call;
struct inherited;

int inherited_new(size_t size, struct inherited **ret);
struct inherited *inherited_free(struct inherited *inherited);

/* value, of the size given, holds what tasks begin with and becomes what tid has. 0, MEMBER_E_NONE, -ENOMEM.
 */
int inherited_get(struct inherited *inherited, struct call *call, uint32_t tid, void *value);
/* initial: what tasks begin with. */
int inherited_set(struct inherited *inherited, struct call *call, uint32_t tid, const void *initial,
                  const void *value);
