/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A resolved profile as lines of a systemd unit: SystemCallArchitectures=, SystemCallErrorNumber=,
 * SystemCallFilter= with groups where one fits exactly, SystemCallLog=.
 *
 * What the lines cannot say is a warning in losses, with what is written in its stead: conditions on
 * arguments (such a call is allowed when some arguments of it are), actions that systemd does not have,
 * calls that it always allows. 0 or -errno.
 */

#include "base/buf.h"
#include "base/diag.h"
#include "policy/model.h"

int profile_write_systemd(const struct profile *resolved, struct diags *losses, struct buf *to);
