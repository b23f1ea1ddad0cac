/* SPDX-License-Identifier: Apache-2.0 */

/*
 * HTTP is the library's; ours are the limits. Everybody on this machine can connect to a loopback address,
 * so what must stay true: no client costs the service more than a little memory and one look at the counters
 * per METRICS_FRESH_MS; and clients that hold connections open without asking anything keep nobody else out:
 * the oldest connection gives way to a new one.
 */

#include "supervisor/service/metrics.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/fd.h"
#include "supervisor/service/metrics_text.h"
#include "supervisor/service/sockets.h"

#define CONNECTIONS_MAX  32
#define CONNECTIONS_KEPT 16  /* of more than these the oldest is closed */
#define TIMEOUT_S        10u /* without a byte */
#define REQUEST_BYTES    (16u << 10)
#define METRICS_BYTES    (1u << 20)
#define METRICS_FRESH_MS 100u
#define PREDECESSOR_MS   3000u /* how long another one may still have the address */
#define LOOK_MS          20u

struct metrics {
        struct metrics_options options;
        struct MHD_Daemon *daemon;
        char *path; /* owned; of a unix socket */

        /* Of the library's thread. */
        struct metrics_view view;
        struct buf text;
        uint64_t text_ms;                 /* when it was made; 0: never */
        int connections[CONNECTIONS_MAX]; /* borrowed descriptors, oldest first */
        size_t n_connections;
};

static uint64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- answers ---- */

static void look(struct metrics *metrics) {
        struct metrics_view *view = &metrics->view;

        registry_totals(metrics->options.registry, &view->totals);
        metrics_process_read(&view->process);
        view->ready = metrics->options.ready(metrics->options.data);
        view->keeper = metrics->options.keeper;
        view->n_outlets = 0;
        while (metrics->options.publisher && view->n_outlets < METRICS_OUTLETS_MAX) {
                struct metrics_outlet *outlet = &view->outlets[view->n_outlets];

                if (!publisher_counts(metrics->options.publisher, view->n_outlets, outlet->name,
                                      sizeof(outlet->name), &outlet->counts))
                        break;
                view->n_outlets++;
        }
}

static unsigned put_metrics(struct metrics *metrics, struct buf *to) {
        uint64_t at_ms = now_ms();

        if (metrics->text_ms == 0 || at_ms - metrics->text_ms >= METRICS_FRESH_MS) {
                look(metrics);
                buf_reset(&metrics->text);
                metrics_text(&metrics->text, &metrics->view);
                metrics->text_ms = at_ms;
        }
        if (buf_error(&metrics->text))
                return MHD_HTTP_INTERNAL_SERVER_ERROR;
        buf_put(to, metrics->text.data, metrics->text.n);
        return MHD_HTTP_OK;
}

static unsigned put_health(struct metrics *metrics, struct buf *to) {
        struct metrics_outlet outlet;

        if (metrics->options.healthy(metrics->options.data)) {
                buf_puts(to, "ok\n");
                return MHD_HTTP_OK;
        }
        for (size_t i = 0; metrics->options.publisher && i < METRICS_OUTLETS_MAX &&
                           publisher_counts(metrics->options.publisher, i, outlet.name, sizeof(outlet.name),
                                            &outlet.counts);
             i++)
                if (!outlet.counts.healthy) {
                        buf_puts(to, "outlet ");
                        buf_escape(to, outlet.name, strlen(outlet.name));
                        buf_puts(to, ": ");
                        buf_escape(to, outlet.counts.problem, strlen(outlet.counts.problem));
                        buf_putc(to, '\n');
                }
        if (to->n == 0)
                buf_puts(to, "not well\n");
        return MHD_HTTP_SERVICE_UNAVAILABLE;
}

static unsigned put_readiness(struct metrics *metrics, struct buf *to) {
        bool ready = metrics->options.ready(metrics->options.data);

        buf_puts(to, ready ? "ready\n" : "not ready: no new sessions are taken\n");
        return ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
}

static const struct {
        const char *path, *type;
        unsigned (*put)(struct metrics *metrics, struct buf *to);
} pages[] = {
        { "/metrics", "text/plain; version=0.0.4; charset=utf-8", put_metrics },
        { "/healthz", "text/plain; charset=utf-8", put_health },
        { "/readyz", "text/plain; charset=utf-8", put_readiness },
};

/* ---- HTTP ---- */

/* Eats body. */
static enum MHD_Result respond(struct MHD_Connection *connection, unsigned status, const char *type,
                               struct buf *body) {
        struct MHD_Response *response;
        enum MHD_Result r;

        if (buf_error(body)) {
                buf_reset(body);
                status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        }
        response = MHD_create_response_from_buffer(body->n, body->data, MHD_RESPMEM_MUST_COPY);
        buf_deinit(body);
        if (!response)
                return MHD_NO;
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
        /* A connection per request is cheap on one machine, and no client sits on one. */
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
        if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
                MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        r = MHD_queue_response(connection, status, response);
        MHD_destroy_response(response);
        return r;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *n_upload, void **request) {
        struct metrics *metrics = data;
        struct buf body = BUF_INIT(2 * METRICS_BYTES);

        (void)version;
        (void)upload;
        (void)n_upload;
        (void)request;
        if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
                buf_puts(&body, "only GET and HEAD\n");
                return respond(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", &body);
        }
        for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
                if (strcmp(url, pages[i].path) == 0) {
                        unsigned status = pages[i].put(metrics, &body);

                        return respond(connection, status, pages[i].type, &body);
                }
        buf_puts(&body, "there are /metrics, /healthz and /readyz\n");
        return respond(connection, MHD_HTTP_NOT_FOUND, "text/plain", &body);
}

static int fd_of(struct MHD_Connection *connection) {
        const union MHD_ConnectionInfo *info =
                MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

        return info ? info->connect_fd : -1;
}

/* A connection that is shut down ends in the library's next turn. */
static void on_connection(void *data, struct MHD_Connection *connection, void **own,
                          enum MHD_ConnectionNotificationCode code) {
        struct metrics *metrics = data;
        int fd = fd_of(connection);
        size_t n = 0;

        (void)own;
        if (code == MHD_CONNECTION_NOTIFY_STARTED) {
                if (metrics->n_connections >= CONNECTIONS_KEPT)
                        shutdown(metrics->connections[metrics->n_connections - CONNECTIONS_KEPT], SHUT_RDWR);
                if (metrics->n_connections < CONNECTIONS_MAX)
                        metrics->connections[metrics->n_connections++] = fd;
                return;
        }
        for (size_t i = 0; i < metrics->n_connections; i++)
                if (metrics->connections[i] != fd)
                        metrics->connections[n++] = metrics->connections[i];
        metrics->n_connections = n;
}

/* ---- sockets ---- */

static bool is_loopback(const struct sockaddr_storage *address) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

        if (address->ss_family == AF_INET)
                return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/* "127.0.0.1:9464", "[::1]:9464", "localhost:9464" */
static int parse(const char *text, struct sockaddr_storage *ret, socklen_t *ret_n) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
        const char *colon = strrchr(text, ':');
        char host[64], *end = NULL;
        unsigned long port = colon ? strtoul(colon + 1, &end, 10) : 0;

        *ret = (struct sockaddr_storage){ 0 };
        if (!colon || colon - text >= (ptrdiff_t)sizeof(host) || colon[1] < '0' || colon[1] > '9' || *end ||
            port == 0 || port > UINT16_MAX)
                return CONFIG_E_INVALID;
        snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
        if (strcmp(host, "localhost") == 0)
                strcpy(host, "127.0.0.1");
        if (host[0] == '[' && host[strlen(host) - 1] == ']') {
                host[strlen(host) - 1] = 0;
                v6->sin6_family = AF_INET6;
                v6->sin6_port = htons((uint16_t)port);
                *ret_n = sizeof(*v6);
                if (inet_pton(AF_INET6, host + 1, &v6->sin6_addr) != 1)
                        return CONFIG_E_INVALID;
        } else {
                v4->sin_family = AF_INET;
                v4->sin_port = htons((uint16_t)port);
                *ret_n = sizeof(*v4);
                if (inet_pton(AF_INET, host, &v4->sin_addr) != 1)
                        return CONFIG_E_INVALID;
        }
        return is_loopback(ret) ? 0 : CONFIG_E_INVALID;
}

static int open_tcp(const char *text, int *ret) {
        cleanup_fd int fd = -1;
        struct sockaddr_storage address;
        socklen_t n;
        int one = 1, r = parse(text, &address, &n);

        if (r)
                return r;
        fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return error_origin(-errno);
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (const struct sockaddr *)&address, n) < 0)
                return errno == EADDRINUSE ? -EADDRINUSE : error_origin(-errno);
        if (listen(fd, CONNECTIONS_MAX) < 0)
                return error_origin(-errno);
        *ret = fd_take(&fd);
        return 0;
}

static int open_once(const char *address, char *path, int *ret) {
        /* Loopback addresses are for everybody on the machine; whoever wants less has the folder. */
        const struct config_socket socket = { .path = path, .mode = 0666, .gid = (gid_t)-1 };
        int r;

        if (!path)
                return open_tcp(address, ret);
        r = sockets_open(&socket, ret);
        return r == SOCKETS_E_SERVED ? -EADDRINUSE : r;
}

static int open_address(const char *address, char *path, int *ret) {
        const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000 };
        uint64_t end_ms = now_ms() + PREDECESSOR_MS;
        int r;

        while ((r = open_once(address, path, ret)) == -EADDRINUSE && now_ms() < end_ms)
                nanosleep(&pause, NULL);
        return r;
}

/* ---- life ---- */

static int start(struct metrics *metrics, int fd) {
        metrics->daemon = MHD_start_daemon(
                MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, on_request, metrics,
                MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
                MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                (size_t)REQUEST_BYTES, MHD_OPTION_NOTIFY_CONNECTION, on_connection, metrics, MHD_OPTION_END);
        return metrics->daemon ? 0 : error_origin(errno ? -errno : -EIO);
}

int metrics_new(const struct metrics_options *options, struct metrics **ret) {
        struct metrics *metrics = calloc(1, sizeof(*metrics));
        cleanup_fd int fd = -1;
        int r = 0;

        if (!metrics)
                return error_origin(-ENOMEM);
        metrics->options = *options;
        metrics->text = BUF_INIT(METRICS_BYTES);
        if (strncmp(options->address, "unix:/", 6) == 0) {
                metrics->path = strdup(options->address + 5);
                r = metrics->path ? 0 : error_origin(-ENOMEM);
        }
        if (!r)
                r = open_address(options->address, metrics->path, &fd);
        if (!r)
                r = start(metrics, fd);
        metrics->options.address = NULL;
        if (r) {
                metrics_free(metrics);
                return error_trace(r);
        }
        fd_take(&fd);
        *ret = metrics;
        return 0;
}

struct metrics *metrics_free(struct metrics *metrics) {
        if (!metrics)
                return NULL;
        if (metrics->daemon) {
                /* As long as somebody answers there, no successor makes a file of that name. */
                if (metrics->path)
                        unlink(metrics->path);
                MHD_stop_daemon(metrics->daemon); /* closes the listening socket */
        }
        buf_deinit(&metrics->text);
        free(metrics->path);
        free(metrics);
        return NULL;
}
