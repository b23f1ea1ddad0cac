/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Capabilities by name, as profiles write them: "CAP_SYS_ADMIN". */

#include <stdint.h>

/* What docker, podman and containerd give a container that asks for nothing, by number. */
#define CAPABILITY_CONTAINERS UINT64_C(0xa80425fb)

int capability_by_name(const char *name);     /* negative when unknown */
const char *capability_name(unsigned number); /* NULL when unknown */
unsigned capability_count(void);              /* numbers known by name: 0 … count-1 */
