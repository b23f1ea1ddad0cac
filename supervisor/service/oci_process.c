/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/oci_process.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/target.h"

/* Others than root and our own user speak of their own processes only: somebody else's control group must
 * not become a label of theirs. */
static bool may_speak_of(const struct kernel *kernel, uint32_t uid, uint32_t pid) {
        const struct target target = { .kernel = kernel, .tid = pid };
        uint32_t group, owner;

        if (uid == 0 || uid == geteuid())
                return true;
        return target_identify(&target, &group, &owner) == 0 && group == pid && owner == uid;
}

static bool has_filter(const struct kernel *kernel, uint32_t pid) {
        char status[4096], *rest;
        long n = kernel->read_proc(kernel->data, pid, "status", status, sizeof(status) - 1, 0);

        if (n < 0)
                return false;
        status[n] = 0;
        rest = strchr(status, '\n'); /* the first line is the task's own */
        return rest && strstr(rest, "\nSeccomp:\t2\n");
}

/* crun exec sends from the parent of the process that loaded the filter, and does not know its number. With
 * --detach it is no child of the sender. */
static uint32_t filtered_child(const struct kernel *kernel, uint32_t parent) {
        char name[64], children[4096], *save = NULL;
        uint32_t found = 0;
        long n;

        snprintf(name, sizeof(name), "task/%u/children", parent);
        n = kernel->read_proc(kernel->data, parent, name, children, sizeof(children) - 1, 0);
        if (n <= 0)
                return 0;
        children[n] = 0;
        for (char *word = strtok_r(children, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
                uint32_t pid = (uint32_t)strtoul(word, NULL, 10);

                if (!has_filter(kernel, pid))
                        continue;
                if (found)
                        return 0;
                found = pid;
        }
        return found;
}

uint32_t oci_process(const struct kernel *kernel, uint32_t peer_pid, uint32_t peer_uid, uint32_t named) {
        uint32_t pid = named || !peer_pid ? named : filtered_child(kernel, peer_pid);

        return pid && may_speak_of(kernel, peer_uid, pid) ? pid : 0;
}
