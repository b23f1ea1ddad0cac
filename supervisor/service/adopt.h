/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a session is, as bytes in its journal, so that a successor can go on with it: written when it begins
 * and whenever it changes, read when it is adopted. The bytes are msgpack and grow at the end only; what is
 * read is checked like anything from outside.
 */

#include <stdbool.h>
#include <stdint.h>

#include "policy/filter.h"
#include "proto/labels.h"
#include "supervisor/journal.h"
#include "supervisor/service/keeper.h"
#include "supervisor/service/registry.h"

struct adopted {
        uint64_t number, began_ns;
        enum origin origin;
        uint32_t uid, pid;
        struct labels labels, policing_labels;
        enum wire_mode mode;
        bool all, include_runtime, decode_all, runtime, chosen;
        uint32_t runtime_pid, launcher;
        /* Owned; NULL: none. */
        char *metadata, *rule, *profile, *problem, *label, *policy, *policy_path;
        struct filter filter;
        bool described; /* all of that is known; else the number alone, from its name */

        int listener_fd;         /* owned until it is registered */
        struct journal *journal; /* owned until it is registered */
        enum journal_kept kept;
};

/* The bytes of a session that is registered. options: what it was begun or changed with. 0 or -errno. */
int adopt_write(const struct registered *registered);

/* Takes the descriptors of kept, also on failure. 0; 1: it is no session; or -errno. */
int adopt_read(struct kept *kept, const struct kernel *kernel, struct adopted *ret);
/* The same of bytes alone. 0, or 1 when they are none of ours. */
int adopt_read_bytes(const void *bytes, size_t n, struct adopted *ret);
void adopted_deinit(struct adopted *adopted);
