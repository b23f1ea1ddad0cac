/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "proto/labels.h"
