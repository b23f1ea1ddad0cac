/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * What a container runtime sends with a listener: a ContainerProcessState of the OCI runtime specification,
 * one JSON object. The bytes come in pieces, and no end of the connection follows: the scanner says when the
 * object is closed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/labels.h"

#define OCI_STATE_MAX  (4u * 1024 * 1024) /* bytes of JSON; annotations alone have been seen at 300 KB */
#define OCI_FDS_MAX    16                 /* descriptors that one may come with; runtimes send one */
#define OCI_DEPTH_MAX  32
#define OCI_TOKENS_MAX 262144 /* a value costs the reader some twenty times its bytes */

enum {
        OCI_STATE_E_INVALID = 97, /* not an object, too long, too deep, or not what the specification says */
};

/* Finds the end of the object without building anything, so that a long message costs its bytes once. */
struct oci_scanner {
        unsigned depth;
        bool in_text, escaped, begun, closed;
        size_t n, n_tokens;
};

/* How many of the n bytes belong to the object; scanner->closed: it ends with them. OCI_STATE_E_INVALID or
 * 0. */
int oci_scanner_feed(struct oci_scanner *scanner, const char *bytes, size_t n, size_t *ret_n);

struct oci_state {
        char *id, *metadata;    /* owned; metadata NULL: absent */
        uint32_t pid;           /* that installed the filter; 0: the runtime does not know (crun exec) */
        uint32_t container_pid; /* state.pid */
        size_t listener;        /* index among the descriptors: of "seccompFd" in fds[] */
        size_t n_fds;
        struct labels labels; /* container-id, bundle, status, manager, what that says of pod, namespace,
                                 container, image, pod-uid, sandbox-id and container-type, annotation.* */
};

/* 0, OCI_STATE_E_INVALID (problem says why) or -errno. */
int oci_state_read(const char *bytes, size_t n, struct oci_state *ret, char *problem, size_t n_problem);
void oci_state_deinit(struct oci_state *state);
