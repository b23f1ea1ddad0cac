/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a filter says of calls. Where no argument decides it is asked once, and its answer kept. */

#include <linux/seccomp.h>
#include <stdint.h>

#include "policy/filter.h"

struct verdicts;

/* A filter without instructions has no say: SECCOMP_RET_USER_NOTIF. *verdicts is what is kept, NULL in the
 * beginning; the caller's, to be freed by free(). */
uint32_t verdicts_ask(struct verdicts **verdicts, const struct filter *filter,
                      const struct seccomp_data *data);
/* The filter is another one. NULL: there is nothing to forget. */
void verdicts_forget(struct verdicts *verdicts);
