/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * msgpack-rpc over a stream: [0, id, method, [params]] is a request, [1, id, error, result] its response,
 * [2, method, [params]] a notification. Messages follow each other without lengths, so the reader finds
 * their ends itself. PROTOCOL.md lists the methods of the service.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "proto/codec.h"

#define RPC_VERSION     1
#define RPC_REQUEST_MAX (1024 * 1024)      /* bytes of a message to the service */
#define RPC_ANSWER_MAX  (16 * 1024 * 1024) /* of one from it */
#define RPC_METHOD_MAX  64

enum rpc_outcome {
        RPC_OK,
        RPC_E_AGAIN,   /* the message is not complete yet */
        RPC_E_LONG,    /* it is longer than the limit, or announces to be */
        RPC_E_INVALID, /* not msgpack, too deep, or not msgpack-rpc */
};

enum rpc_kind {
        RPC_REQUEST = 0,
        RPC_RESPONSE = 1,
        RPC_NOTIFICATION = 2,
};

/* First element of an error: [code, sentence]. */
enum rpc_error {
        RPC_ERROR_METHOD = 1,  /* there is no such method; the connection ends */
        RPC_ERROR_PARAMS = 2,  /* a parameter is missing, too much, of another type or unknown */
        RPC_ERROR_SESSION = 3, /* there is no such session */
        RPC_ERROR_ENDED = 4,   /* the session has ended */
        RPC_ERROR_REFUSED = 5, /* understood, and cannot be done: the sentence says why, perhaps in lines */
        RPC_ERROR_LIMIT = 6,   /* too many of something */
        RPC_ERROR_TROUBLE = 7, /* of the service's own */
};

/* Bytes of one msgpack value, or of a text, somewhere in a message. */
struct rpc_value {
        const char *bytes; /* never NULL after decoding */
        size_t n;
};

struct rpc_message {
        enum rpc_kind kind;
        uint32_t id;             /* REQUEST, RESPONSE */
        struct rpc_value method; /* text; REQUEST, NOTIFICATION */
        struct rpc_value params; /* an array; REQUEST, NOTIFICATION */
        struct rpc_value error;  /* RESPONSE; nil: none */
        struct rpc_value result; /* RESPONSE */
};

/* Exactly one message. RPC_OK or RPC_E_INVALID. */
int rpc_decode(const void *bytes, size_t n, struct rpc_message *ret);

struct rpc_stream {
        struct buf bytes; /* from the message at hand on */
        size_t taken;     /* of them are of messages handed out already */
        size_t limit;
        struct codec_scanner scanner;
        int outcome; /* a failed stream stays failed */
};

void rpc_stream_init(struct rpc_stream *stream, size_t limit);
void rpc_stream_deinit(struct rpc_stream *stream);
/* Bytes as they arrive; take all messages before the next ones. 0 or -ENOMEM. */
int rpc_stream_put(struct rpc_stream *stream, const void *bytes, size_t n);
/* The next message; ret points into the stream until more is put. An RPC_E_*. */
int rpc_stream_next(struct rpc_stream *stream, struct rpc_message *ret);

/* What is behind them, params and result, is put by the caller. */
void rpc_put_request(struct codec_writer *writer, uint32_t id, const char *method, size_t n_params);
void rpc_put_notification(struct codec_writer *writer, const char *method, size_t n_params);
void rpc_put_response(struct codec_writer *writer, uint32_t id);
/* Whole. */
void rpc_put_error(struct codec_writer *writer, uint32_t id, enum rpc_error code, const char *sentence);

/* The error of a response: false when it is not of our form (then it is 0 and ""). */
bool rpc_error_get(const struct rpc_message *response, int *ret_code, struct rpc_value *ret_sentence);

/* ---- maps with keys that are known ---- */

enum rpc_type {
        RPC_BOOL,  /* bool */
        RPC_UINT,  /* uint64_t */
        RPC_TEXT,  /* struct rpc_value, of str or bin */
        RPC_VALUE, /* struct rpc_value, of anything */
};

struct rpc_field {
        const char *key;
        enum rpc_type type;
        void *to;
        bool *given; /* may be NULL; not set for nil */
};

/*
 * One map: what a field says goes where it says, nil leaves it as it is. Other keys are skipped, and the
 * first of them is *ret_unknown (bytes NULL: none; ret_unknown may be NULL). Failure shows in reader->error.
 */
void rpc_get_fields(struct codec_reader *reader, const struct rpc_field *fields, size_t n_fields,
                    struct rpc_value *ret_unknown);
