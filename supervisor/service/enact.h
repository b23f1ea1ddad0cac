/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * From what a session is to be (an assignment, or a launcher's wish) to the session itself. Only registry.c
 * includes this.
 */

#include "supervisor/service/config.h"
#include "supervisor/service/registry.h"

struct keeper;

/* Makes registered->session and fills in mode, rule, profile, problem. Takes the registration's descriptors
 * as registry_add() does. 0, REGISTRY_E_REFUSED, or -errno. */
int enact_begin(const struct registry_options *options, struct registration *registration,
                struct registered *registered);

/* Another assignment for a living session; takes what it owns. 0 or -errno: then all is as before. */
int enact_change(const struct config *config, struct registered *registered, struct assignment *assignment);

/* What a successor needs is written down and goes to the keeper (is_there: it is there already); is taken
 * from it again. */
int enact_keep(struct keeper *keeper, const struct registered *registered, bool is_there);
void enact_drop(struct keeper *keeper, const struct registered *registered);
