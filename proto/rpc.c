/* SPDX-License-Identifier: Apache-2.0 */

/*
 * msgpack-rpc. What must stay true: memory grows with the bytes that arrived, never with what they announce;
 * a message that will be too long is refused at the byte that says so.
 */

#include "proto/rpc.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"

#define READ_MOST 65536 /* what may be put at once beyond the message at hand */

static struct rpc_value value_get(struct codec_reader *reader) {
        struct rpc_value value;

        value.bytes = codec_get_value(reader, &value.n);
        return value;
}

static void call_get(struct codec_reader *reader, struct rpc_message *ret) {
        ret->method.bytes = codec_get_bytes(reader, RPC_METHOD_MAX, &ret->method.n);
        if (codec_peek(reader) != CODEC_ARRAY)
                codec_fail(reader);
        ret->params = value_get(reader);
}

int rpc_decode(const void *bytes, size_t n, struct rpc_message *ret) {
        static const size_t lengths[] = { [RPC_REQUEST] = 4, [RPC_RESPONSE] = 4, [RPC_NOTIFICATION] = 3 };
        struct codec_reader reader;
        size_t n_elements;

        *ret = (struct rpc_message){ 0 };
        codec_reader_init(&reader, bytes, n);
        n_elements = codec_get_array(&reader);
        ret->kind = (enum rpc_kind)codec_get_uint(&reader, RPC_NOTIFICATION);
        if (reader.error || n_elements != lengths[ret->kind])
                return RPC_E_INVALID;
        if (ret->kind != RPC_NOTIFICATION)
                ret->id = (uint32_t)codec_get_uint(&reader, UINT32_MAX);
        if (ret->kind != RPC_RESPONSE) {
                call_get(&reader, ret);
        } else {
                ret->error = value_get(&reader);
                ret->result = value_get(&reader);
        }
        return codec_reader_finish(&reader) == CODEC_OK ? RPC_OK : RPC_E_INVALID;
}

void rpc_stream_init(struct rpc_stream *stream, size_t limit) {
        *stream = (struct rpc_stream){ .bytes = BUF_INIT(limit + READ_MOST),
                                       .limit = limit,
                                       .scanner = CODEC_SCANNER_INIT };
}

void rpc_stream_deinit(struct rpc_stream *stream) {
        buf_deinit(&stream->bytes);
}

int rpc_stream_put(struct rpc_stream *stream, const void *bytes, size_t n) {
        if (stream->outcome)
                return 0;
        if (stream->taken > 0) {
                size_t left = stream->bytes.n - stream->taken;

                memmove(stream->bytes.data, stream->bytes.data + stream->taken, left);
                stream->bytes.n = left;
                stream->taken = 0;
        }
        buf_put(&stream->bytes, bytes, n);
        return error_trace(buf_error(&stream->bytes));
}

int rpc_stream_next(struct rpc_stream *stream, struct rpc_message *ret) {
        static const int outcomes[] = { [CODEC_OK] = RPC_OK,
                                        [CODEC_E_INVALID] = RPC_E_INVALID,
                                        [CODEC_E_SHORT] = RPC_E_AGAIN,
                                        [CODEC_E_LONG] = RPC_E_LONG };
        const char *bytes;
        int r;

        if (stream->outcome)
                return stream->outcome;
        if (stream->taken == stream->bytes.n)
                return RPC_E_AGAIN;
        bytes = stream->bytes.data + stream->taken;
        r = outcomes[codec_scan(&stream->scanner, bytes, stream->bytes.n - stream->taken, stream->limit)];
        if (r == RPC_E_AGAIN)
                return r;
        if (!r)
                r = rpc_decode(bytes, stream->scanner.at, ret);
        stream->taken += stream->scanner.at;
        stream->scanner = CODEC_SCANNER_INIT;
        stream->outcome = r;
        return r;
}

void rpc_put_request(struct codec_writer *writer, uint32_t id, const char *method, size_t n_params) {
        codec_put_array(writer, 4);
        codec_put_uint(writer, RPC_REQUEST);
        codec_put_uint(writer, id);
        codec_put_string(writer, method);
        codec_put_array(writer, n_params);
}

void rpc_put_notification(struct codec_writer *writer, const char *method, size_t n_params) {
        codec_put_array(writer, 3);
        codec_put_uint(writer, RPC_NOTIFICATION);
        codec_put_string(writer, method);
        codec_put_array(writer, n_params);
}

void rpc_put_response(struct codec_writer *writer, uint32_t id) {
        codec_put_array(writer, 4);
        codec_put_uint(writer, RPC_RESPONSE);
        codec_put_uint(writer, id);
        codec_put_nil(writer);
}

void rpc_put_error(struct codec_writer *writer, uint32_t id, enum rpc_error code, const char *sentence) {
        codec_put_array(writer, 4);
        codec_put_uint(writer, RPC_RESPONSE);
        codec_put_uint(writer, id);
        codec_put_array(writer, 2);
        codec_put_uint(writer, code);
        codec_put_stranger(writer, sentence, strlen(sentence));
        codec_put_nil(writer);
}

bool rpc_error_get(const struct rpc_message *response, int *ret_code, struct rpc_value *ret_sentence) {
        struct codec_reader reader;

        codec_reader_init(&reader, response->error.bytes, response->error.n);
        if (codec_get_array(&reader) != 2)
                codec_fail(&reader);
        *ret_code = (int)codec_get_uint(&reader, INT32_MAX);
        ret_sentence->bytes = codec_get_bytes(&reader, SIZE_MAX, &ret_sentence->n);
        if (codec_reader_finish(&reader) == CODEC_OK)
                return true;
        *ret_code = 0;
        *ret_sentence = (struct rpc_value){ .bytes = "" };
        return false;
}

static void field_get(struct codec_reader *reader, const struct rpc_field *field) {
        struct rpc_value *value = field->to;

        if (codec_peek(reader) == CODEC_NIL) {
                codec_get_nil(reader);
                return;
        }
        switch (field->type) {
        case RPC_BOOL:
                *(bool *)field->to = codec_get_bool(reader);
                break;
        case RPC_UINT:
                *(uint64_t *)field->to = codec_get_uint(reader, UINT64_MAX);
                break;
        case RPC_TEXT:
                value->bytes = codec_get_bytes(reader, SIZE_MAX, &value->n);
                break;
        case RPC_VALUE:
                *value = value_get(reader);
                break;
        }
        if (field->given)
                *field->given = true;
}

void rpc_get_fields(struct codec_reader *reader, const struct rpc_field *fields, size_t n_fields,
                    struct rpc_value *ret_unknown) {
        size_t n = codec_get_map(reader);

        if (ret_unknown)
                *ret_unknown = (struct rpc_value){ 0 };
        for (size_t i = 0; i < n && !reader->error; i++) {
                const struct rpc_field *field = NULL;
                struct rpc_value key;

                key.bytes = codec_get_bytes(reader, SIZE_MAX, &key.n);
                for (size_t k = 0; k < n_fields && !field; k++)
                        if (key.n == strlen(fields[k].key) && memcmp(key.bytes, fields[k].key, key.n) == 0)
                                field = &fields[k];
                if (field) {
                        field_get(reader, field);
                        continue;
                }
                if (ret_unknown && !ret_unknown->bytes && !reader->error)
                        *ret_unknown = key;
                codec_skip(reader);
        }
}
