/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Version, numbers and limits of the protocol between callgate and callgated. Text: proto/PROTOCOL.md. */

#define WIRE_VERSION 2

#define WIRE_FRAME_MAX                                                                                      \
        (4u * 1024 * 1024) /* bytes of one frame's payload; a longer one ends the connection */
#define WIRE_POLICY_MAX (3u * 1024 * 1024) /* bytes of a policy as JSON */
#define WIRE_FDS_MAX    4                  /* descriptors that may travel with one frame */
#define WIRE_FILTER_MAX 4096               /* instructions; BPF_MAXINSNS of the kernel */

enum wire_mode {
        WIRE_MODE_DRY_RUN = 1, /* answer CONTINUE, verdict is what the profile would have done */
        WIRE_MODE_RECORD = 2,  /* answer CONTINUE, everything notified is wanted */
        WIRE_MODE_ENFORCE = 3, /* answer what the profile says */
        WIRE_MODE_POLICY = 4,  /* answer what the policy says; the filter is its base's */
};
