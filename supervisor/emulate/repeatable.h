/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

struct call;

/*
 * May the call be carried out once more when nobody knows whether it was carried out already, because the
 * supervisor died over it? Only if the second time leaves everything as the first did and says the same.
 */
bool repeatable(const struct call *call);
