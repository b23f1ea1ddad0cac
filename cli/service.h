/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The callgated service from outside: requests over its control socket (proto/PROTOCOL.md), one at a time.
 * For every verb that asks it: --control names the socket.
 */

#include <stdbool.h>

#include "callgate/event.h"
#include "proto/codec.h"
#include "proto/labels.h"
#include "proto/rpc.h"

enum {
        SERVICE_E_ERROR = 1,  /* it said no: service->code and service->sentence */
        SERVICE_E_GONE = 2,   /* it hung up; the sentence says why if it did */
        SERVICE_E_NONE = 3,   /* nobody listens there */
        SERVICE_E_SILENT = 4, /* it took the request and does not answer */
};

#define SERVICE_HELP "      --control SOCKET  of the service, instead of the usual place\n"

struct service {
        char path[108];
        int fd;
        struct rpc_stream stream;
        uint32_t last_id;
        struct buf params; /* of the next request: put them here with the writer */
        struct codec_writer writer;
        size_t n_params;
        int code;            /* enum rpc_error of the last error; 0: none */
        struct buf sentence; /* of it; escaped */
        /* Notifications that come while a response is awaited, and out of service_read(). */
        int (*on_notification)(void *data, const struct rpc_message *message);
        void *data;
};

/*
 * path NULL: the usual place, /run/callgate/control.sock for root, else the user's own or, where there is
 * none, that of the system. service->path says which it was. 0; SERVICE_E_NONE; -errno.
 */
int service_open(struct service *service, const char *path);
void service_close(struct service *service); /* fine on a zeroed one and on a closed one */

/* Parameters: begin, put values into service->writer, one per n_params. */
void service_begin(struct service *service, size_t n_params);
/* The result points into the service until the next call. 0; SERVICE_E_ERROR, _GONE, _SILENT; -errno. */
int service_call(struct service *service, const char *method, struct rpc_value *ret);
/* Waits for what comes and hands on all whole notifications of it. 0; SERVICE_E_GONE; -errno, also what
 * on_notification gave. */
int service_read(struct service *service);

/* Says what r means and returns the exit code. */
int service_trouble(const struct service *service, int r);

/* ---- for verbs ---- */

/* Opens, or says why not. 0 or an exit code. */
int service_need(struct service *service, const char *path);
/* "NAME=VALUE", or a pattern of the label called name: 0 or EXIT_USAGE after saying why. */
int service_label(struct labels *labels, const char *verb, const char *name, const char *text);
void service_put_labels(struct codec_writer *writer, const struct labels *labels);
/* A number above 0, or EXIT_USAGE after saying why. */
int service_session(const char *verb, const char *text, uint64_t *ret);

/* Lines of strangers for a terminal: newlines stay, other control characters and what is not UTF-8 become
 * \xNN. */
void service_put_lines(struct buf *to, const char *bytes, size_t n);
/* A msgpack value as JSON; what has no JSON is null. */
void service_json(struct buf *to, struct rpc_value value);
/* A ledger as a map. False: it is none. */
bool service_get_ledger(struct rpc_value map, struct ledger *ret);
/* A field of a map that is text; "" when there is none. The copy is the caller's. NULL: no memory. */
char *service_text(struct rpc_value map, const char *key);
