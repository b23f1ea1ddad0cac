/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One connection, blocking. What the service sends is trusted no more than what it gets: sizes are bounded
 * and texts are escaped before anybody sees them.
 */

#include "cli/service.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/say.h"
#include "proto/event_json.h"

#define SILENT_MS   2000
#define PATIENCE_MS 60000

#define SYSTEM_PATH "/run/callgate/control.sock"

/* ---- connection ---- */

static int usual_path(char *ret, size_t size) {
        const char *base = getenv("XDG_RUNTIME_DIR");
        int n;

        if (geteuid() == 0)
                n = snprintf(ret, size, "%s", SYSTEM_PATH);
        else if (base && *base == '/')
                n = snprintf(ret, size, "%s/callgate/control.sock", base);
        else
                n = snprintf(ret, size, "/run/user/%u/callgate/control.sock", (unsigned)geteuid());
        return n < (int)size ? 0 : error_origin(-ENAMETOOLONG);
}

/* 0, SERVICE_E_NONE or -errno. */
static int connect_to(const char *path, int *ret) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        cleanup_fd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        size_t n = strlen(path);
        socklen_t n_address = sizeof(address);

        if (fd < 0)
                return error_origin(-errno);
        if (n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, n);
        if (path[0] == '@') {
                address.sun_path[0] = 0;
                n_address = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
        }
        if (connect(fd, (const struct sockaddr *)&address, n_address) < 0)
                return errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR ? SERVICE_E_NONE
                                                                                    : -errno;
        *ret = fd_take(&fd);
        return 0;
}

int service_open(struct service *service, const char *path) {
        int r = 0;

        *service = (struct service){ .fd = -1,
                                     .params = BUF_INIT(RPC_REQUEST_MAX),
                                     .sentence = BUF_INIT(0),
                                     .on_notification = service->on_notification,
                                     .data = service->data };
        rpc_stream_init(&service->stream, RPC_ANSWER_MAX);
        if (path && strlen(path) >= sizeof(service->path))
                return -ENAMETOOLONG;
        if (path)
                snprintf(service->path, sizeof(service->path), "%s", path);
        else
                r = usual_path(service->path, sizeof(service->path));
        if (r)
                return r;
        r = connect_to(service->path, &service->fd);
        if (r == SERVICE_E_NONE && !path && geteuid() != 0 && connect_to(SYSTEM_PATH, &service->fd) == 0) {
                snprintf(service->path, sizeof(service->path), "%s", SYSTEM_PATH);
                r = 0;
        }
        return r;
}

void service_close(struct service *service) {
        if (service->fd > 0)
                service->fd = fd_close(service->fd);
        rpc_stream_deinit(&service->stream);
        buf_deinit(&service->params);
        buf_deinit(&service->sentence);
}

/* ---- messages ---- */

void service_begin(struct service *service, size_t n_params) {
        buf_reset(&service->params);
        codec_writer_init(&service->writer, &service->params);
        service->n_params = n_params;
}

void service_put_lines(struct buf *to, const char *bytes, size_t n) {
        for (size_t i = 0; i < n;) {
                size_t length = utf8_length(bytes + i, n - i);
                unsigned char c = (unsigned char)bytes[i];
                bool control = (c < 0x20 && c != '\n') || c == 0x7f ||
                               (length == 2 && c == 0xc2 && (unsigned char)bytes[i + 1] < 0xa0);

                if (length == 0 || control) {
                        buf_printf(to, "\\x%02x", c);
                        i++;
                } else {
                        buf_put(to, bytes + i, length);
                        i += length;
                }
        }
}

static void note(struct service *service, int code, struct rpc_value sentence) {
        service->code = code;
        buf_reset(&service->sentence);
        service_put_lines(&service->sentence, sentence.bytes, sentence.n);
}

/* Between one service and the next its socket is there, and nobody answers. */
static int wait_for_answer(struct service *service) {
        struct pollfd pollfd = { .fd = service->fd, .events = POLLIN };
        int n = poll(&pollfd, 1, SILENT_MS);

        if (n == 0) {
                say("waiting for the service at %s, which does not answer yet (ctrl-C ends it)",
                    service->path);
                n = poll(&pollfd, 1, PATIENCE_MS);
        }
        return n < 0 ? -errno : n == 0 ? SERVICE_E_SILENT : 0;
}

static int receive(struct service *service) {
        char bytes[65536];
        ssize_t n = recv(service->fd, bytes, sizeof(bytes), 0);

        if (n < 0)
                return errno == ECONNRESET ? SERVICE_E_GONE : -errno;
        if (n == 0)
                return SERVICE_E_GONE;
        return rpc_stream_put(&service->stream, bytes, (size_t)n);
}

/* The last word before the connection ends. */
static void on_closing(struct service *service, const struct rpc_message *message) {
        struct codec_reader reader;
        struct rpc_value sentence;
        int code;

        codec_reader_init(&reader, message->params.bytes, message->params.n);
        if (codec_get_array(&reader) < 2)
                codec_fail(&reader);
        code = (int)codec_get_uint(&reader, INT32_MAX);
        sentence.bytes = codec_get_bytes(&reader, SIZE_MAX, &sentence.n);
        if (!reader.error)
                note(service, code, sentence);
}

static int on_notification(struct service *service, const struct rpc_message *message) {
        if (message->method.n == 7 && memcmp(message->method.bytes, "closing", 7) == 0)
                on_closing(service, message);
        else if (service->on_notification)
                return service->on_notification(service->data, message);
        return 0;
}

/* The next whole message: 0; RPC_E_AGAIN; -EPROTO. */
static int next(struct service *service, struct rpc_message *ret) {
        int r = rpc_stream_next(&service->stream, ret);

        return r == RPC_OK || r == RPC_E_AGAIN ? r : error_origin(-EPROTO);
}

int service_call(struct service *service, const char *method, struct rpc_value *ret) {
        struct buf bytes = BUF_INIT(RPC_REQUEST_MAX);
        struct codec_writer writer;
        struct rpc_message message;
        struct rpc_value sentence;
        int r = codec_writer_finish(&service->writer), code;

        service->code = 0;
        codec_writer_init(&writer, &bytes);
        rpc_put_request(&writer, ++service->last_id, method, service->n_params);
        codec_put_value(&writer, service->params.data, service->params.n);
        if (!r)
                r = codec_writer_finish(&writer);
        for (size_t at = 0; !r && at < bytes.n;) {
                ssize_t n = send(service->fd, bytes.data + at, bytes.n - at, MSG_NOSIGNAL);

                /* Why it hung up may still be there to be read. */
                if (n < 0 && errno == EPIPE)
                        break;
                if (n < 0 && errno != EINTR)
                        r = -errno;
                at += n > 0 ? (size_t)n : 0;
        }
        buf_deinit(&bytes);
        while (!r) {
                r = next(service, &message);
                if (r == RPC_E_AGAIN)
                        r = wait_for_answer(service) ?: receive(service);
                else if (!r && message.kind == RPC_NOTIFICATION)
                        r = on_notification(service, &message);
                else if (!r && message.kind == RPC_RESPONSE && message.id == service->last_id)
                        break;
        }
        if (r)
                return r;
        if (message.error.n == 1 && (unsigned char)message.error.bytes[0] == 0xc0) {
                *ret = message.result;
                return 0;
        }
        rpc_error_get(&message, &code, &sentence);
        note(service, code, sentence);
        return SERVICE_E_ERROR;
}

int service_read(struct service *service) {
        struct rpc_message message;
        int r = receive(service);

        while (!r) {
                r = next(service, &message);
                if (r == RPC_E_AGAIN)
                        return 0;
                if (!r && message.kind == RPC_NOTIFICATION)
                        r = on_notification(service, &message);
        }
        return r;
}

/* ---- verbs ---- */

/* A sentence out of a list of findings has the word before it. */
static const char *without_error(const char *sentence) {
        return strncmp(sentence, "error: ", 7) == 0 ? sentence + 7 : sentence;
}

int service_trouble(const struct service *service, int r) {
        struct buf sentence = service->sentence;

        switch (r) {
        case SERVICE_E_NONE:
                say_error("no callgated service at %s: start it with 'callgated' or 'systemctl start "
                          "callgated', or name its socket by --control",
                          service->path);
                return EXIT_USAGE;
        case SERVICE_E_ERROR:
                say_error("%s", sentence.n ? without_error(buf_string(&sentence))
                                           : "the service refuses, and does not say why");
                return service->code == RPC_ERROR_TROUBLE ? EXIT_TROUBLE : EXIT_USAGE;
        case SERVICE_E_GONE:
                if (service->code)
                        say_error("%s: %s", service->path, buf_string(&sentence));
                else
                        say_error("the service at %s has hung up", service->path);
                return service->code == RPC_ERROR_REFUSED ? EXIT_USAGE : EXIT_TROUBLE;
        case SERVICE_E_SILENT:
                say_error("the service at %s does not answer: it is stopped, or has ended and left its "
                          "socket to "
                          "a successor that does not come; start it",
                          service->path);
                return EXIT_TROUBLE;
        case -EACCES:
        case -EPERM:
                say_error("%s: this user may not control the service: root, its own user and the group of "
                          "its configuration may",
                          service->path);
                return EXIT_USAGE;
        case -EPROTO:
                say_error("%s: that is not the control socket of a callgated service", service->path);
                return EXIT_USAGE;
        default:
                say_error("%s: %s", service->path, strerror(-r));
                return EXIT_TROUBLE;
        }
}

int service_need(struct service *service, const char *path) {
        int r = service_open(service, path);

        return r ? service_trouble(service, r) : 0;
}

int service_label(struct labels *labels, const char *verb, const char *name, const char *text) {
        const char *equals = strchr(text, '=');
        size_t n_left_out = labels->n_left_out;
        char *copy = NULL;
        int r;

        if (!name) {
                if (!equals || equals == text)
                        return say_usage(
                                verb, "--label '%s': write NAME=VALUE, where '*' stands for any text", text);
                copy = strndup(text, (size_t)(equals - text));
                if (!copy)
                        return say_trouble(error_origin(-ENOMEM), verb);
                name = copy;
                text = equals + 1;
        }
        r = labels_set(labels, name, text);
        free(copy);
        if (r)
                return say_trouble(r, verb);
        return labels->n_left_out > n_left_out ? say_usage(verb, "a label is too long") : 0;
}

void service_put_labels(struct codec_writer *writer, const struct labels *labels) {
        codec_put_map(writer, labels->n);
        for (size_t i = 0; i < labels->n; i++) {
                codec_put_stranger(writer, labels->items[i].name, strlen(labels->items[i].name));
                codec_put_stranger(writer, labels->items[i].value, strlen(labels->items[i].value));
        }
}

int service_session(const char *verb, const char *text, uint64_t *ret) {
        char *end;

        errno = 0;
        *ret = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno || *ret == 0)
                return say_usage(verb, "'%s' is not the number of a session; 'callgate sessions' lists them",
                                 text);
        return 0;
}

/* ---- values ---- */

static void put_json(struct buf *to, struct codec_reader *reader, unsigned depth) {
        const char *bytes;
        size_t n;

        switch (codec_peek(reader)) {
        case CODEC_NUMBER: {
                struct codec_reader again = *reader;
                uint64_t value = codec_get_uint(reader, UINT64_MAX);

                if (!reader->error) {
                        buf_printf(to, "%" PRIu64, value);
                } else {
                        *reader = again;
                        buf_printf(to, "%" PRId64, codec_get_int(reader));
                }
                break;
        }
        case CODEC_BOOL:
                buf_puts(to, codec_get_bool(reader) ? "true" : "false");
                break;
        case CODEC_BYTES:
                bytes = codec_get_bytes(reader, SIZE_MAX, &n);
                json_put_text(to, bytes, n);
                break;
        case CODEC_ARRAY:
        case CODEC_MAP: {
                bool map = codec_peek(reader) == CODEC_MAP;
                size_t n_values = map ? codec_get_map(reader) : codec_get_array(reader);

                buf_putc(to, map ? '{' : '[');
                for (size_t i = 0; i < n_values && !reader->error && depth < CODEC_DEPTH_MAX; i++) {
                        buf_puts(to, i > 0 ? "," : "");
                        if (map) {
                                bytes = codec_get_bytes(reader, SIZE_MAX, &n);
                                json_put_text(to, bytes, n);
                                buf_putc(to, ':');
                        }
                        put_json(to, reader, depth + 1);
                }
                buf_putc(to, map ? '}' : ']');
                break;
        }
        default:
                buf_puts(to, "null");
                codec_skip(reader);
        }
}

void service_json(struct buf *to, struct rpc_value value) {
        struct codec_reader reader;

        codec_reader_init(&reader, value.bytes, value.n);
        put_json(to, &reader, 0);
}

bool service_get_ledger(struct rpc_value map, struct ledger *ret) {
        const struct rpc_field fields[] = {
                { "received", RPC_UINT, &ret->received, NULL },
                { "answered", RPC_UINT, &ret->answered, NULL },
                { "gone", RPC_UINT, &ret->gone, NULL },
                { "pending", RPC_UINT, &ret->pending, NULL },
                { "recorded", RPC_UINT, &ret->recorded, NULL },
                { "dropped", RPC_UINT, &ret->dropped, NULL },
                { "interrupted", RPC_UINT, &ret->interrupted, NULL },
                { "errors", RPC_UINT, &ret->errors, NULL },
                { "written", RPC_UINT, &ret->written, NULL },
                { "unwritten", RPC_UINT, &ret->unwritten, NULL },
                { "merged", RPC_UINT, &ret->merged, NULL },
        };
        struct codec_reader reader;

        *ret = (struct ledger){ 0 };
        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, sizeof(fields) / sizeof(fields[0]), NULL);
        return !reader.error;
}

char *service_text(struct rpc_value map, const char *key) {
        struct rpc_value text = { .bytes = "" };
        const struct rpc_field fields[] = { { key, RPC_TEXT, &text, NULL } };
        struct codec_reader reader;

        codec_reader_init(&reader, map.bytes, map.n);
        rpc_get_fields(&reader, fields, 1, NULL);
        return strndup(reader.error ? "" : text.bytes, reader.error ? 0 : text.n);
}
