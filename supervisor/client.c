/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A connection walks through proto/message.h's states; its session is the registry's. Results are sent row
 * by row as the socket takes them, so that a slow reader costs a row of memory, not a copy of the tally.
 */

#include "supervisor/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/filter.h"
#include "policy/simulate.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "supervisor/policed.h"
#include "supervisor/policing.h"
#include "supervisor/session.h"

#define OUTGOING_MAX  (WIRE_FRAME_MAX + 65536u)
#define OUTGOING_FILL 65536u /* stop encoding rows above this many waiting bytes */

enum sending {
        SENDING_NOTHING,
        SENDING_SNAPSHOT,
        SENDING_FINAL,
};

struct client {
        struct client_options options;

        int fd; /* -1 once the peer is gone */
        struct ucred peer;
        uv_poll_t socket;
        bool socket_open;
        struct frame_reader reader;
        struct buf outgoing;
        size_t n_sent;
        enum message_state state;

        struct session_options wanted;
        struct filter filter;
        char *label;
        struct policed *policed; /* NULL: no policy */

        struct registered *registered; /* held; NULL: no listener yet */
        bool session_ended;
        bool stopped; /* the client asked for its end */

        enum sending sending;
        size_t next_row;
        bool closing;
        struct client *next, **link; /* in options.all */
};

/* Whoever was cut off comes again, and must not find the place taken by his own lost connection. */
static void client_let_go(struct client *client) {
        struct registered *registered = client->registered;
        bool served = client->state == MESSAGE_STATE_STOPPING ||
                      (client->state == MESSAGE_STATE_ENDED && client->n_sent == client->outgoing.n);

        client->registered = NULL;
        if (registered && served)
                registry_delivered(registered);
        else if (registered)
                registry_unattend(registered);
}

static void client_dispose(struct client *client, const int *fds, size_t n_fds) {
        if (client->options.dispose)
                client->options.dispose(client->options.data, fds, n_fds);
        else
                for (size_t i = 0; i < n_fds; i++)
                        fd_close(fds[i]);
}

/* What came with a frame and nobody took. */
static void client_dispose_rest(struct client *client) {
        int fds[WIRE_FDS_MAX + FD_MESSAGE_MAX];
        size_t n = frame_reader_take_rest(&client->reader, fds);

        if (n > 0)
                client_dispose(client, fds, n);
}

static void client_free(struct client *client) {
        void (*on_closed)(void *data) = client->options.on_closed;
        void *data = client->options.data;

        if (client->link) {
                *client->link = client->next;
                if (client->next)
                        client->next->link = client->link;
        }

        policing_free(client->wanted.policing);
        client_let_go(client);
        policed_free(client->policed);
        client_dispose_rest(client);
        frame_reader_deinit(&client->reader);
        buf_deinit(&client->outgoing);
        filter_deinit(&client->filter);
        free(client->label);
        free(client);
        on_closed(data);
}

static void on_socket_closed(uv_handle_t *handle) {
        struct client *client = handle->data;

        client->fd = fd_close(client->fd);
        client->socket_open = false;
        if (client->closing)
                client_free(client);
}

/* The peer is gone or no longer wanted. The session, if any, goes on; without us, unless its policy is ours
 * or we are all there is. */
static void client_hang_up(struct client *client) {
        if (!client->socket_open || uv_is_closing((uv_handle_t *)&client->socket))
                return;
        uv_close((uv_handle_t *)&client->socket, on_socket_closed);
        if (client->policed)
                policed_attended(client->policed);
        else if (!client->options.private && !client->session_ended)
                client_let_go(client);
}

/* Both connection and session are done. */
static void client_close(struct client *client) {
        client->closing = true;
        if (!client->socket_open)
                client_free(client);
        else
                client_hang_up(client);
}

static void client_update(struct client *client);

static int client_put(struct client *client, const struct message *message) {
        size_t mark = frame_begin(&client->outgoing);
        int r = message_encode(&client->outgoing, message);

        if (!r)
                r = frame_end(&client->outgoing, mark);
        client->state = message_state_next(client->state, message);
        return r < 0 ? error_trace(r) : r ? error_origin(-EPROTO) : 0;
}

/* Tells the peer why and ends the connection once that is out. */
static void client_refuse(struct client *client, int error, const char *text) {
        struct message message = {
                .number = MESSAGE_ERROR,
                .error = { .error = error, .text = text, .n_text = strlen(text) },
        };

        client_put(client, &message);
        client->state = MESSAGE_STATE_ENDED;
}

static int put_result(struct client *client, bool final) {
        struct message message = { .number = MESSAGE_RESULT, .result.final = final };

        session_ledger(client->registered->session, &message.result.ledger);
        if (final) {
                message.result.trouble = client->registered->session->trouble;
                message.result.n_trouble = strlen(client->registered->session->trouble);
        } else
                message.result.n_tasks = (uint32_t)session_alive(client->registered->session);
        return client_put(client, &message);
}

/* Encodes rows until enough bytes wait. */
static int client_fill(struct client *client) {
        struct event event;

        while (client->sending != SENDING_NOTHING && client->outgoing.n - client->n_sent < OUTGOING_FILL) {
                if (session_row(client->registered->session, client->next_row, &event) == 0) {
                        size_t mark;
                        int r;

                        client->next_row++;
                        if (event.count == 0)
                                continue;
                        mark = frame_begin(&client->outgoing);
                        r = message_encode_event(&client->outgoing, MESSAGE_ROW, &event);
                        if (!r)
                                r = frame_end(&client->outgoing, mark);
                        if (r)
                                return r < 0 ? error_trace(r) : error_origin(-EPROTO);
                } else {
                        bool final = client->sending == SENDING_FINAL;

                        client->sending = SENDING_NOTHING;
                        return put_result(client, final);
                }
        }
        return 0;
}

static int client_write(struct client *client) {
        for (;;) {
                ssize_t n;
                int r;

                if (client->n_sent == client->outgoing.n) {
                        buf_reset(&client->outgoing);
                        client->n_sent = 0;
                        r = client_fill(client);
                        if (r)
                                return r;
                        if (client->outgoing.n == 0)
                                return 0;
                }
                n = send(client->fd, client->outgoing.data + client->n_sent,
                         client->outgoing.n - client->n_sent, MSG_NOSIGNAL);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return errno == EAGAIN ? 0 : -errno;
                client->n_sent += (size_t)n;
        }
}

static bool client_has_output(const struct client *client) {
        return client->n_sent < client->outgoing.n || client->sending != SENDING_NOTHING;
}

static void on_ended(void *data, struct registered *registered) {
        struct client *client = data;

        client->session_ended = true;
        if (registered->ending == ENDING_HANDED_OVER)
                client_hang_up(client); /* it asks the successor */
        else if (registered->ending == ENDING_CLOSED && !client->stopped)
                client_refuse(client, ESHUTDOWN, "the session was closed while programs were running");
        else if (client->socket_open) {
                client->sending = SENDING_FINAL;
                client->next_row = 0;
        }
        client_update(client);
}

/* ---- policies ---- */

static struct session *session_of(void *data) {
        struct client *client = data;

        return client->registered && !client->session_ended ? client->registered->session : NULL;
}

static bool attended(void *data) {
        struct client *client = data;

        return client->socket_open && !uv_is_closing((uv_handle_t *)&client->socket) &&
               client->state == MESSAGE_STATE_RUNNING;
}

static int ask(void *data, const struct message *question) {
        struct client *client = data;
        int r = client_put(client, question);

        if (r < 0)
                client_hang_up(client);
        client_update(client);
        return error_trace(r);
}

static int refuse_policy(struct client *client, const char *text) {
        client_refuse(client, EINVAL, text[0] ? text : "the policy cannot be put in force");
        return POLICY_E_INVALID;
}

static int on_hello_policy(struct client *client, const struct message_hello *hello) {
        struct buf lines = BUF_INIT(MESSAGE_LINES_MAX);
        const struct policed_options options = {
                .loop = client->options.loop,
                .private = client->options.private,
                .session = session_of,
                .attended = attended,
                .ask = ask,
                .data = client,
        };
        char error[256] = "";
        int r;

        /* It names files to read and to write, and calls are carried out with our rights or with the task's:
         * what a policy may do, its author must be able to do. */
        if (!client->options.private && client->peer.uid != 0 && client->peer.uid != geteuid())
                return refuse_policy(client,
                                     "this service takes policies of root only: run the program without "
                                     "--supervisor");
        r = policed_new(&options, hello, &lines, &client->policed);
        if (r == POLICY_E_INVALID)
                r = refuse_policy(client, buf_string(&lines));
        buf_deinit(&lines);
        if (r)
                return error_trace(r);
        r = policed_policing(client->policed, &client->wanted.policing, error, sizeof(error));
        return r == POLICY_E_INVALID ? refuse_policy(client, error) : error_trace(r);
}

static int on_reload_message(struct client *client) {
        struct message reloaded = { .number = MESSAGE_RELOADED };
        struct buf lines = BUF_INIT(MESSAGE_LINES_MAX);
        int r;

        if (client->policed)
                reloaded.reloaded.ok = policed_reload(client->policed, &lines);
        else
                buf_puts(&lines, "there is no policy\n");
        reloaded.reloaded.text = buf_string(&lines);
        reloaded.reloaded.n_text = strlen(reloaded.reloaded.text);
        r = client_put(client, &reloaded);
        buf_deinit(&lines);
        return error_trace(r);
}

/* ---- messages ---- */

static int on_hello(struct client *client, const struct message_hello *hello) {
        struct message ready = { .number = MESSAGE_READY,
                                 .ready = { .version = WIRE_VERSION, .pid = (uint32_t)getpid() } };

        if (hello->n_filter > 0) {
                client->filter.insns = calloc(hello->n_filter, sizeof(*client->filter.insns));
                if (!client->filter.insns)
                        return error_origin(-ENOMEM);
                client->filter.n = hello->n_filter;
                message_hello_filter(hello, client->filter.insns);
                if (filter_check(&client->filter) != 0) {
                        client_refuse(client, EINVAL,
                                      "the filter in HELLO is not one that the kernel would load");
                        return 0;
                }
        }
        client->label = strndup(hello->label, hello->n_label);
        if (!client->label)
                return error_origin(-ENOMEM);
        client->wanted = (struct session_options){
                .mode = (enum wire_mode)hello->mode,
                .decode_all = hello->flags & MESSAGE_HELLO_DECODE_ALL,
                .label = client->label,
                .filter = &client->filter,
                .launcher = (uint32_t)client->peer.pid,
        };
        if (hello->mode == WIRE_MODE_POLICY) {
                int r = on_hello_policy(client, hello);

                if (r)
                        return r < 0 ? r : 0;
        }
        return client_put(client, &ready);
}

static const char *refusal_text(int r) {
        switch (r) {
        case REGISTRY_E_LIMIT:
                return "the service has as many sessions as its limits allow";
        case REGISTRY_E_REFUSED:
                return "the service's configuration refuses this session";
        case REGISTRY_E_FOREIGN:
                return "the descriptor handed over is not a listener of seccomp";
        case REGISTRY_E_ENDING:
                return "the service is ending";
        default:
                return "the session could not be started";
        }
}

static int refusal_error(int r) {
        return r < 0 ? -r : r == REGISTRY_E_ENDING ? EAGAIN : EACCES;
}

/* Asked for at the service's control socket. */
static bool on_reload(void *data, struct buf *lines) {
        struct client *client = data;

        return policed_reload(client->policed, lines);
}

static int on_listener(struct client *client) {
        struct message go = { .number = MESSAGE_GO };
        struct labels labels = LABELS_INIT;
        struct registration registration = {
                .origin = ORIGIN_AGENT,
                .listener_fd = frame_reader_take_fd(&client->reader, 0),
                .sink_fd = frame_reader_take_fd(&client->reader, 1),
                .uid = client->peer.uid,
                .pid = (uint32_t)client->peer.pid,
                .labels = &labels,
                .options = &client->wanted,
                .on_end = on_ended,
                .data = client,
        };
        int r = 0;

        if (client->label[0])
                r = labels_set(&labels, "command", client->label);
        if (!r)
                r = registry_add(client->options.registry, &registration, &client->registered);
        labels_deinit(&labels);
        if (r) {
                client_dispose(client, (const int[]){ registration.listener_fd, registration.sink_fd }, 2);
                client_refuse(client, refusal_error(r), refusal_text(r));
                return 0;
        }
        client->wanted.policing = NULL; /* the session's now */
        if (client->policed) {
                client->registered->reload = on_reload;
                client->registered->reload_data = client;
        }
        if (!client->options.private)
                go.go.session = client->registered->number;
        return client_put(client, &go);
}

/* The service was restarted under a client that waits for its result. */
static int on_resume(struct client *client, const struct message_resume *resume) {
        const struct message go = { .number = MESSAGE_GO, .go = { .session = resume->session } };
        struct registered *registered =
                client->options.private ? NULL : registry_find(client->options.registry, resume->session);
        int r;

        if (!registered || (client->peer.uid != 0 && client->peer.uid != registered->uid)) {
                client_refuse(client, ENOENT, "there is no such session of this user");
                return 0;
        }
        if (!registry_attend(registered, on_ended, client)) {
                client_refuse(client, EBUSY, "another client waits for the result of this session");
                return 0;
        }
        client->registered = registered;
        r = client_put(client, &go);
        if (!r && registry_has_ended(registered))
                on_ended(client, registered);
        return error_trace(r);
}

static int client_handle(struct client *client) {
        struct message message;
        size_t least, most;
        int r = message_decode(client->reader.payload.data, client->reader.payload.n, &message);

        if (r == MESSAGE_E_VERSION) {
                client_refuse(client, EPROTO, "callgate and callgated are of different versions");
                return 0;
        }
        if (r || !message_allowed(message.number, MESSAGE_FROM_CLIENT, client->state)) {
                client_refuse(client, EPROTO,
                              r ? "a message could not be understood" : "an untimely message");
                return 0;
        }
        message_fds(message.number, &least, &most);
        if (client->reader.n_fds < least || client->reader.n_fds > most) {
                client_refuse(client, EPROTO, "a message came with the wrong number of descriptors");
                return 0;
        }
        client->state = message_state_next(client->state, &message);
        switch (message.number) {
        case MESSAGE_HELLO:
                return on_hello(client, &message.hello);
        case MESSAGE_LISTENER:
                return on_listener(client);
        case MESSAGE_RESUME:
                return on_resume(client, &message.resume);
        case MESSAGE_SNAPSHOT:
                if (client->sending == SENDING_NOTHING) {
                        client->sending = SENDING_SNAPSHOT;
                        client->next_row = 0;
                }
                return 0;
        case MESSAGE_STOP:
                client->stopped = true;
                if (client->registered)
                        registry_close(client->options.registry, client->registered);
                return 0;
        case MESSAGE_DETACH:
                client_hang_up(client);
                return 0;
        case MESSAGE_RELOAD:
                return on_reload_message(client);
        case MESSAGE_ANSWER:
                if (client->policed)
                        policed_answer(client->policed, message.answer.id,
                                       (enum message_word)message.answer.answer);
                return 0;
        default:
                return error_origin(-EPROTO);
        }
}

static void on_socket(uv_poll_t *poll, int status, int events) {
        struct client *client = poll->data;
        int r = 0;

        if (status < 0 || (events & UV_READABLE)) {
                while ((r = frame_reader_next(&client->reader, client->fd)) == FRAME_OK) {
                        r = client_handle(client);
                        client_dispose_rest(client);
                        if (r || uv_is_closing((uv_handle_t *)poll))
                                break;
                }
                if (r == FRAME_E_AGAIN)
                        r = 0;
                if (r) {
                        /* The end, a broken frame or trouble of ours: this connection only. */
                        client_dispose_rest(client);
                        client_hang_up(client);
                        client_update(client);
                        return;
                }
        }
        client_update(client);
}

/* Sends what there is, asks for what is needed next, and closes when nothing is left to do. */
static void client_update(struct client *client) {
        if (client->closing)
                return;
        if (client->socket_open && !uv_is_closing((uv_handle_t *)&client->socket)) {
                if (client_write(client) < 0)
                        client_hang_up(client);
                else if (client_has_output(client))
                        uv_poll_start(&client->socket, UV_READABLE | UV_WRITABLE, on_socket);
                else if (client->state == MESSAGE_STATE_ENDED)
                        client_hang_up(client);
                else
                        uv_poll_start(&client->socket, UV_READABLE, on_socket);
        }
        if ((!client->registered || client->session_ended) &&
            (!client->socket_open || uv_is_closing((uv_handle_t *)&client->socket)))
                client_close(client);
}

int client_new(const struct client_options *options, int fd) {
        struct client *client = calloc(1, sizeof(*client));
        socklen_t n = sizeof(client->peer);
        int r;

        if (!client) {
                fd_close(fd);
                return error_origin(-ENOMEM);
        }
        client->options = *options;
        client->fd = fd;
        client->outgoing = BUF_INIT(OUTGOING_MAX);
        client->socket.data = client;
        frame_reader_init(&client->reader);
        r = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &client->peer, &n) < 0 ? -errno : 0;
        if (!r)
                r = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
        if (!r)
                r = uv_poll_init(options->loop, &client->socket, fd);
        if (r) {
                fd_close(fd);
                free(client);
                return error_origin(r);
        }
        client->socket_open = true;
        if (options->all) {
                client->next = *options->all;
                client->link = options->all;
                if (client->next)
                        client->next->link = &client->next;
                *options->all = client;
        }
        r = uv_poll_start(&client->socket, UV_READABLE, on_socket);
        if (r)
                client_close(client);
        return 0;
}

/* Who has handed nothing over yet is told so, and may ask a successor without a doubt. */
static void client_send_on(struct client *client) {
        if (client->registered || client->session_ended || !client->socket_open ||
            client->state == MESSAGE_STATE_ENDED)
                return;
        client_refuse(client, EAGAIN, "the service is ending");
        client_write(client);
}

void client_end_all(struct client *all) {
        for (struct client *client = all, *next; client; client = next) {
                next = client->next;
                if (client->closing)
                        continue;
                client_send_on(client);
                client_close(client);
        }
}
