/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One subscription, again after each restart of the service. What must stay true: every line is out before
 * the next event is waited for, and an interrupt ends it wherever it is.
 */

#include "cli/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "cli/event_table.h"
#include "cli/exit.h"
#include "cli/report.h"
#include "cli/say.h"
#include "cli/service.h"
#include "proto/event_codec.h"
#include "proto/event_json.h"
#include "proto/event_source.h"

#define RETRY_MS 200

struct following {
        const struct follow_options *options;
        struct service service;
        struct event_table table;
        struct event_source *sources; /* owned; sessions that have begun and not ended */
        size_t n_sources, size_sources;
        struct buf line;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int number) {
        interrupted = number;
}

/* What whoever started us ignores stays ignored. */
static void catch (int number) {
        struct sigaction action = { .sa_handler = on_signal }, old;

        if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
                sigaction(number, &action, NULL);
}

/* ---- sources ---- */

static struct event_source *find(const struct following *following, uint64_t number) {
        for (size_t i = 0; i < following->n_sources; i++)
                if (following->sources[i].number == number)
                        return &following->sources[i];
        return NULL;
}

static void forget(struct following *following, struct event_source *source) {
        event_source_deinit(source);
        *source = following->sources[--following->n_sources];
}

static void forget_all(struct following *following) {
        while (following->n_sources > 0)
                forget(following, &following->sources[following->n_sources - 1]);
}

/* Eats what source owns. */
static int remember(struct following *following, struct event_source *source) {
        struct event_source *known = find(following, source->number);

        if (known)
                forget(following, known);
        if (following->n_sources == following->size_sources) {
                size_t size = following->size_sources ? following->size_sources * 2 : 16;
                struct event_source *grown = reallocarray(following->sources, size, sizeof(*grown));

                if (!grown) {
                        event_source_deinit(source);
                        return error_origin(-ENOMEM);
                }
                following->sources = grown;
                following->size_sources = size;
        }
        following->sources[following->n_sources++] = *source;
        return 0;
}

/* ---- lines ---- */

static int put_line(struct following *following) {
        struct buf *line = &following->line;
        int r;

        buf_putc(line, '\n');
        r = buf_error(line);
        errno = 0;
        if (!r && (fwrite(line->data, 1, line->n, stdout) != line->n || fflush(stdout) == EOF))
                r = errno ? -errno : -EIO;
        buf_reset(line);
        return r ? error_origin(r) : 0;
}

static int put_heading(struct following *following) {
        if (following->options->json)
                return 0;
        event_table_heading(&following->table, &following->line);
        return error_trace(put_line(following));
}

static int on_begin(struct following *following, struct codec_reader *reader) {
        struct event_source source;
        int r = event_source_get(reader, &source);

        if (r || reader->error) {
                event_source_deinit(&source);
                return r ? error_trace(r) : error_origin(-EPROTO);
        }
        return error_trace(remember(following, &source));
}

static int on_event(struct following *following, struct codec_reader *reader) {
        const struct event_source *source;
        struct event event;

        event_get(reader, &event);
        if (reader->error)
                return error_origin(-EPROTO);
        source = find(following, event.source);
        if (following->options->json)
                event_json_of(&following->line, &event, event.rule[0] ? event.rule : NULL, source);
        else
                event_table_line(&following->table, source, &event, &following->line);
        return error_trace(put_line(following));
}

static int on_end(struct following *following, uint64_t number, struct codec_reader *reader) {
        struct event_source *source = find(following, number);
        struct ledger ledger;
        int r = 0;

        ledger_get(reader, &ledger);
        if (reader->error)
                return error_origin(-EPROTO);
        if (!source)
                return 0;
        if (following->options->json) {
                event_source_json(&following->line, source, &ledger);
                r = put_line(following);
        }
        forget(following, source);
        return error_trace(r);
}

static int on_lost(struct following *following, struct codec_reader *reader) {
        uint64_t n = codec_get_uint(reader, UINT64_MAX);

        if (reader->error)
                return error_origin(-EPROTO);
        say("%" PRIu64 " events are missing here: they came faster than they were read", n);
        if (!following->options->json)
                return 0;
        buf_printf(&following->line, "{\"lost\":%" PRIu64 "}", n);
        return error_trace(put_line(following));
}

static int on_notification(void *data, const struct rpc_message *message) {
        struct following *following = data;
        struct codec_reader reader;
        uint64_t number = 0;
        char method[RPC_METHOD_MAX + 1];

        snprintf(method, sizeof(method), "%.*s", (int)message->method.n, message->method.bytes);
        codec_reader_init(&reader, message->params.bytes, message->params.n);
        if (codec_get_array(&reader) < 3)
                return error_origin(-EPROTO);
        codec_get_uint(&reader, UINT64_MAX);
        if (codec_peek(&reader) == CODEC_NIL)
                codec_get_nil(&reader);
        else
                number = codec_get_uint(&reader, UINT64_MAX);
        if (strcmp(method, "begin") == 0)
                return on_begin(following, &reader);
        if (strcmp(method, "event") == 0)
                return on_event(following, &reader);
        if (strcmp(method, "end") == 0)
                return on_end(following, number, &reader);
        if (strcmp(method, "lost") == 0)
                return on_lost(following, &reader);
        return 0;
}

/* ---- the service ---- */

static int subscribe(struct following *following) {
        const struct follow_options *options = following->options;
        struct service *service = &following->service;
        struct codec_writer *writer = &service->writer;
        struct rpc_value result;

        service_begin(service, 1);
        codec_put_map(writer, 5);
        codec_put_string(writer, "labels");
        service_put_labels(writer, options->want);
        codec_put_string(writer, "session");
        codec_put_uint(writer, options->session);
        codec_put_string(writer, "refused");
        codec_put_bool(writer, options->refused);
        codec_put_string(writer, "all");
        codec_put_bool(writer, options->all);
        codec_put_string(writer, "raw");
        codec_put_bool(writer, true);
        return service_call(service, "subscribe", &result);
}

static int open_service(struct following *following) {
        int r;

        following->service.on_notification = on_notification;
        following->service.data = following;
        r = service_open(&following->service, following->options->control);
        return r ? r : subscribe(following);
}

static bool is_away(int r) {
        return r == SERVICE_E_NONE || r == SERVICE_E_GONE || r == SERVICE_E_SILENT || r == -ECONNRESET;
}

/* Until it is there again, or cannot be used any more. */
static int open_again(struct following *following) {
        const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000 };
        int r;

        say("the service at %s is gone; waiting for the next", following->service.path);
        forget_all(following);
        do {
                service_close(&following->service);
                nanosleep(&pause, NULL);
                r = interrupted ? -EINTR : open_service(following);
        } while (is_away(r) && following->service.code == 0 && !interrupted);
        if (!r)
                say("the service is back");
        return r;
}

/* Signals come while we wait here and nowhere else, so that none is missed before. */
static int wait_for(struct following *following, const sigset_t *open_mask) {
        struct pollfd waiting = { .fd = following->service.fd, .events = POLLIN };
        int r = ppoll(&waiting, 1, NULL, open_mask);

        if (interrupted)
                return -EINTR;
        if (r < 0)
                return errno == EINTR ? 0 : -errno;
        return service_read(&following->service);
}

static int follow_all(struct following *following, const sigset_t *open_mask) {
        int r = put_heading(following);

        while (!r) {
                r = wait_for(following, open_mask);
                if (is_away(r) && following->service.code == 0) {
                        sigset_t closed_mask;

                        sigprocmask(SIG_SETMASK, open_mask, &closed_mask);
                        r = open_again(following);
                        sigprocmask(SIG_SETMASK, &closed_mask, NULL);
                }
        }
        return r;
}

int follow(const struct follow_options *options) {
        struct following following = { .options = options, .line = BUF_INIT(0) };
        sigset_t ours, open_mask;
        int r;

        event_table_init(&following.table, report_width(STDOUT_FILENO));
        catch (SIGINT);
        catch (SIGTERM);
        r = open_service(&following);
        sigemptyset(&ours);
        sigaddset(&ours, SIGINT);
        sigaddset(&ours, SIGTERM);
        sigprocmask(SIG_BLOCK, &ours, &open_mask);
        if (!r)
                r = interrupted ? -EINTR : follow_all(&following, &open_mask);
        sigprocmask(SIG_SETMASK, &open_mask, NULL);
        if (interrupted)
                r = 128 + interrupted;
        else if (r == -EPIPE) {
                clearerr(stdout); /* whoever read it has seen enough */
                r = 0;
        } else if (ferror(stdout))
                r = say_unwritten(r);
        else
                r = service_trouble(&following.service, r);
        service_close(&following.service);
        forget_all(&following);
        free(following.sources);
        buf_deinit(&following.line);
        return r;
}
