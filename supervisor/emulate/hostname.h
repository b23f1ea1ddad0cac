/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Host and domain name as a session last set them (`emulate: hostname`), for whoever shows them. */

#include <sys/utsname.h>

struct call;

/* Puts what was set over the real names; leaves alone what never was. Does nothing where the policy does not
 * use the emulation. */
void hostname_show(struct call *call, struct utsname *name);
