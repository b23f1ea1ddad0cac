/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * A socket for container runtimes, as it was when it was opened: whom it lets in stays as it is until a
 * restart. Connections through it that have said nothing yet are kept for a successor under its number.
 * What takes a void * is for struct oci_options (oci.h); data is the gate.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "supervisor/service/config.h"
#include "supervisor/service/inheritance.h"
#include "supervisor/service/keeper.h"

struct gate {
        struct keeper *keeper; /* borrowed; NULL: nothing is kept */
        size_t number;         /* in the configuration, from 1 on */
        gid_t gid;
        bool any_uid;
};

struct gate gate_of(const struct config_socket *socket, size_t number, struct keeper *keeper);

/* May the peer of fd hand over sessions? */
bool gate_may(void *data, uint32_t uid, uint32_t gid, int fd);
/* A connection of that name is kept; fd is borrowed. 0, -ENOTSUP or another -errno. */
int gate_keep(void *data, const char *name, int fd);
/* It need not be kept any more. */
void gate_drop(void *data, const char *name);

/* The next connection that a predecessor left, the caller's; -1: there is none. */
int gate_inherit(const struct gate *gate, struct inheritance *inheritance);
