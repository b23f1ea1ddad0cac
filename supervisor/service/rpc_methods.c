/* SPDX-License-Identifier: Apache-2.0 */

/* The methods of the control socket: the table, what is about the service as a whole, and how parameters are
 * read. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "proto/event_map.h"
#include "proto/event_source.h"
#include "supervisor/service/publisher.h"
#include "supervisor/service/rpc_peer.h"

#define LINES_MAX 65536 /* of reload */

/* ---- parameters ---- */

int rpc_get_session(struct rpc_request *request, struct registered **ret) {
        uint64_t number = codec_get_uint(&request->params, UINT64_MAX);

        if (request->params.error)
                return rpc_refuse(request, RPC_ERROR_PARAMS, "the session is not a number");
        *ret = registry_find(request->rpc->options.registry, number);
        return *ret ? 0
                    : rpc_refuse(request, RPC_ERROR_SESSION, "there is no session %llu",
                                 (unsigned long long)number);
}

int rpc_get_options(struct rpc_request *request, const struct rpc_field *fields, size_t n_fields) {
        struct rpc_value unknown;

        rpc_get_fields(&request->params, fields, n_fields, &unknown);
        if (request->params.error)
                return rpc_refuse(request, RPC_ERROR_PARAMS,
                                  "the options are not a map, or one of them is of another type");
        if (unknown.bytes)
                return rpc_refuse(request, RPC_ERROR_PARAMS, "there is no option '%.*s' here",
                                  (int)(unknown.n < 100 ? unknown.n : 100), unknown.bytes);
        return 0;
}

int rpc_get_labels(struct rpc_request *request, const struct rpc_value *value, struct labels *ret) {
        struct codec_reader reader;
        size_t n;
        int r = 0;

        codec_reader_init(&reader, value->bytes, value->n);
        n = codec_get_map(&reader);
        for (size_t i = 0; i < n && !reader.error && !r; i++) {
                char name[LABEL_NAME_MAX + 1];
                size_t n_name, n_text;
                const char *bytes = codec_get_bytes(&reader, LABEL_NAME_MAX, &n_name), *text;

                memcpy(name, bytes, n_name);
                name[n_name] = 0;
                text = codec_get_bytes(&reader, LABEL_VALUE_MAX, &n_text);
                if (!reader.error)
                        r = labels_set_bytes(ret, name, text, n_text);
        }
        if (r < 0)
                return error_trace(r);
        if (codec_reader_finish(&reader) || ret->n_left_out > 0)
                return rpc_refuse(request, RPC_ERROR_PARAMS,
                                  "labels are a map of names and texts, neither too long nor too many");
        return 0;
}

/* ---- the service ---- */

const char *rpc_mode_name(enum wire_mode mode) {
        static const char *const names[] = { [WIRE_MODE_DRY_RUN] = "dry-run",
                                             [WIRE_MODE_RECORD] = "record",
                                             [WIRE_MODE_ENFORCE] = "enforce",
                                             [WIRE_MODE_POLICY] = "policy" };

        return mode >= WIRE_MODE_DRY_RUN && mode <= WIRE_MODE_POLICY ? names[mode] : "unknown";
}

static void put_text(struct codec_writer *writer, const char *key, const char *text) {
        codec_put_string(writer, key);
        if (text)
                codec_put_stranger(writer, text, strlen(text));
        else
                codec_put_nil(writer);
}

static void put_uint(struct codec_writer *writer, const char *key, uint64_t value) {
        codec_put_string(writer, key);
        codec_put_uint(writer, value);
}

static int method_version(struct rpc_request *request) {
        codec_put_map(request->result, 2);
        put_text(request->result, "callgate", CALLGATE_VERSION);
        put_uint(request->result, "control", RPC_VERSION);
        return 0;
}

static void put_outlet(struct codec_writer *writer, const char *name, const struct outlet_counts *counts) {
        codec_put_map(writer, 8);
        put_text(writer, "name", name);
        put_uint(writer, "taken", counts->taken);
        put_uint(writer, "delivered", counts->delivered);
        put_uint(writer, "dropped", counts->dropped);
        put_uint(writer, "waiting", counts->waiting);
        put_uint(writer, "bytes_waiting", counts->bytes_waiting);
        codec_put_string(writer, "healthy");
        codec_put_bool(writer, counts->healthy);
        put_text(writer, "problem", counts->problem[0] ? counts->problem : NULL);
}

static void put_outlets(struct rpc *rpc, struct codec_writer *writer) {
        struct publisher *publisher = rpc->options.publisher;
        struct outlet_counts counts;
        char name[256];
        size_t n = 0;

        while (publisher && publisher_counts(publisher, n, name, sizeof(name), &counts))
                n++;
        codec_put_string(writer, "outlets");
        codec_put_array(writer, n);
        /* They change on this thread only. */
        for (size_t i = 0; i < n; i++) {
                memset(&counts, 0, sizeof(counts));
                name[0] = 0;
                publisher_counts(publisher, i, name, sizeof(name), &counts);
                put_outlet(writer, name, &counts);
        }
}

static int method_status(struct rpc_request *request) {
        struct rpc *rpc = request->rpc;
        const struct config *config = rpc->options.service.config(rpc->options.service.data);
        struct codec_writer *writer = request->result;
        struct registry_counts counts = { 0 };
        size_t n_ended = 0;

        registry_counts(rpc->options.registry, &counts);
        for (struct registered *at = registry_first(rpc->options.registry); at; at = at->next)
                n_ended += at->ended_ns > 0;
        codec_put_map(writer, 12);
        put_text(writer, "version", CALLGATE_VERSION);
        put_uint(writer, "pid", (uint64_t)getpid());
        put_uint(writer, "uid", geteuid());
        put_uint(writer, "began_ns", rpc->began_ns);
        put_text(writer, "config", config->path);
        put_text(writer, "state", config->state);
        put_text(writer, "node", config->node);
        codec_put_string(writer, "sessions");
        codec_put_map(writer, 4);
        put_uint(writer, "alive", counts.alive);
        put_uint(writer, "ended", n_ended); /* and their results are still here */
        put_uint(writer, "ever", counts.sessions);
        put_uint(writer, "refused", counts.refused);
        codec_put_string(writer, "ledger");
        ledger_put_map(writer, &counts.ledger);
        put_outlets(rpc, writer);
        put_uint(writer, "connections", rpc->n_peers);
        codec_put_string(writer, "limits");
        codec_put_map(writer, 8);
        put_uint(writer, "sessions", config->limits.sessions);
        put_uint(writer, "sessions_per_uid", config->limits.sessions_per_uid);
        put_uint(writer, "connections", config->limits.connections);
        put_uint(writer, "connections_per_uid", config->limits.connections_per_uid);
        put_uint(writer, "event_bytes", config->limits.event_bytes);
        put_uint(writer, "event_bytes_per_uid", config->limits.event_bytes_per_uid);
        put_uint(writer, "calls_in_flight", config->limits.calls_in_flight);
        put_uint(writer, "ended", config->limits.ended);
        return 0;
}

static int method_reload(struct rpc_request *request) {
        const struct rpc_service *service = &request->rpc->options.service;
        struct buf lines = BUF_INIT(LINES_MAX);
        bool in_force = false;
        int r = 0;

        if (request->n_params > 0)
                r = rpc_reload_session(request, &lines, &in_force);
        else
                in_force = service->reload(service->data, &lines);
        if (!r) {
                codec_put_map(request->result, 2);
                codec_put_string(request->result, "ok");
                codec_put_bool(request->result, in_force);
                put_text(request->result, "text", buf_string(&lines));
        }
        buf_deinit(&lines);
        return r;
}

static int method_drain(struct rpc_request *request) {
        const struct rpc_service *service = &request->rpc->options.service;

        service->drain(service->data);
        codec_put_map(request->result, 1);
        put_uint(request->result, "alive", registry_alive(request->rpc->options.registry));
        return 0;
}

static void on_handed_over(void *data, int r) {
        rpc_later_answer(data, r ? RPC_ERROR_TROUBLE : 0, r ? strerror(-r) : NULL);
}

static int method_hand_over(struct rpc_request *request) {
        const struct rpc_service *service = &request->rpc->options.service;
        struct rpc_later *later = rpc_later_new(request);

        if (!later)
                return error_origin(-ENOMEM);
        service->hand_over(service->data, on_handed_over, later);
        return RPC_LATER;
}

static const struct rpc_method methods[] = {
        { "version", "", 0, 0, method_version },
        { "status", "", 0, 0, method_status },
        { "sessions", "[options]", 0, 1, rpc_method_sessions },
        { "session", "session", 1, 1, rpc_method_session },
        { "snapshot", "session, [from, n, options]", 1, 4, rpc_method_snapshot },
        { "change", "session, options", 2, 2, rpc_method_change },
        { "close", "session", 1, 1, rpc_method_close },
        { "reload", "[session]", 0, 1, method_reload },
        { "subscribe", "[options]", 0, 1, rpc_method_subscribe },
        { "unsubscribe", "subscription", 1, 1, rpc_method_unsubscribe },
        { "drain", "", 0, 0, method_drain },
        { "hand_over", "", 0, 0, method_hand_over },
};

const struct rpc_method *rpc_methods(size_t *ret_n) {
        *ret_n = sizeof(methods) / sizeof(methods[0]);
        return methods;
}
