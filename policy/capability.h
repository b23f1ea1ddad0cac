/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Capabilities by name, as profiles write them: "CAP_SYS_ADMIN". */

int capability_by_name(const char *name);     /* negative when unknown */
const char *capability_name(unsigned number); /* NULL when unknown */
unsigned capability_count(void);              /* numbers known by name: 0 … count-1 */
