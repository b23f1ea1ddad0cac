/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* uname and its elders, answered with every name the policy gives (`emulate: uname`) or a program set
 * (`emulate: hostname`): the same answer whichever of the two rules a call came to. */

struct call;

int uname_answer(struct call *call);
