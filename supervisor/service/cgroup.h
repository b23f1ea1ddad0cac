/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What the control groups of a process say about where it runs: the unit of systemd, the container, the pod.
 * Unlike annotations they are the machine's word, not that of whoever made the container.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/labels.h"

#define CGROUP_BYTES_MAX 65536 /* of /proc/PID/cgroup */

/* "": not known. */
struct cgroup_names {
        char unit[256];         /* nginx.service, session-3.scope; of a user's manager the unit in it */
        char container_id[129]; /* of the innermost container */
        char pod_uid[37];
};

/* text: what /proc/PID/cgroup holds, of version 1, 2 or both. */
void cgroup_parse(const char *text, size_t n, struct cgroup_names *ret);

/* Sets unit; container-id and pod-uid where labels lack them. A process that is gone has none. 0 or
 * -ENOMEM. */
int cgroup_label(uint32_t pid, struct labels *labels);
