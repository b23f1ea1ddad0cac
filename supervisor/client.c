/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A connection walks through proto/message.h's states; its session lives on a receiver thread. Results are
 * sent row by row as the socket takes them, so that a slow reader costs a row of memory, not a copy of the
 * tally.
 */

#include "supervisor/client.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "policy/filter.h"
#include "policy/simulate.h"
#include "proto/control_path.h"
#include "proto/frame.h"
#include "proto/message.h"
#include "supervisor/ask.h"
#include "supervisor/control.h"
#include "supervisor/policing.h"
#include "supervisor/receiver.h"
#include "supervisor/reload.h"
#include "supervisor/session.h"

#define OUTGOING_MAX   (WIRE_FRAME_MAX + 65536u)
#define OUTGOING_FILL  65536u /* stop encoding rows above this many waiting bytes */
#define KICK_PERIOD_MS 10

enum sending {
        SENDING_NOTHING,
        SENDING_SNAPSHOT,
        SENDING_FINAL,
};

struct client {
        uv_loop_t *loop;
        const struct kernel *kernel;
        void (*on_closed)(void *data);
        void *data;

        int fd; /* -1 once the peer is gone */
        uv_poll_t socket;
        bool socket_open;
        struct frame_reader reader;
        struct buf outgoing;
        size_t n_sent;
        enum message_state state;

        struct session_options options;
        struct filter filter;
        char *label;

        /* Under a policy. */
        bool answers; /* somebody is at the client's terminal */
        struct reload reload;
        struct asks *asks;
        uv_async_t question;       /* raised by workers */
        uv_signal_t hangup_signal; /* SIGHUP: reload */
        struct control *control;

        struct session *session;
        struct receiver receiver;
        uv_async_t ended; /* raised by the receiver's thread */
        int ended_result;
        bool session_ended;

        /* Hang-up of the listener: a nested epoll asks for nothing but EPOLLHUP, so that calls do not wake
         * the loop (uv_poll cannot ask for less than readable, and reports a hang-up as readable). */
        int hangup_fd;
        uv_poll_t hangup;
        uv_timer_t kick;

        enum sending sending;
        size_t next_row;
        unsigned n_handles; /* libuv handles not yet closed */
        bool closing;
};

static void client_free(struct client *client) {
        void (*on_closed)(void *data) = client->on_closed;
        void *data = client->data;

        policing_free(client->options.policing);
        session_free(client->session);
        asks_free(client->asks);
        reload_deinit(&client->reload);
        frame_reader_deinit(&client->reader);
        buf_deinit(&client->outgoing);
        filter_deinit(&client->filter);
        free(client->label);
        fd_close(client->hangup_fd);
        free(client);
        on_closed(data);
}

static void on_handle_closed(uv_handle_t *handle) {
        struct client *client = handle->data;

        if (handle == (uv_handle_t *)&client->socket) {
                client->fd = fd_close(client->fd);
                client->socket_open = false;
        }
        if (--client->n_handles == 0 && client->closing)
                client_free(client);
}

/* The peer is gone or no longer wanted. The session, if any, goes on. */
static void client_hang_up(struct client *client) {
        if (client->asks)
                asks_again(client->asks);
        if (client->socket_open && !uv_is_closing((uv_handle_t *)&client->socket))
                uv_close((uv_handle_t *)&client->socket, on_handle_closed);
}

/* Both connection and session are done: close what is left; the last handle frees. */
static void client_close(struct client *client) {
        uv_handle_t *handles[] = {
                (uv_handle_t *)&client->socket,   (uv_handle_t *)&client->ended,
                (uv_handle_t *)&client->hangup,   (uv_handle_t *)&client->kick,
                (uv_handle_t *)&client->question, (uv_handle_t *)&client->hangup_signal,
        };

        client->closing = true;
        client->control = control_free(client->control);
        for (size_t i = 0; i < sizeof(handles) / sizeof(handles[0]); i++)
                if (handles[i]->data && handles[i]->type != UV_UNKNOWN_HANDLE && !uv_is_closing(handles[i]))
                        uv_close(handles[i], on_handle_closed);
        if (client->n_handles == 0)
                client_free(client);
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

        session_ledger(client->session, &message.result.ledger);
        if (final) {
                message.result.trouble = client->session->trouble;
                message.result.n_trouble = strlen(client->session->trouble);
        } else
                message.result.n_tasks = (uint32_t)session_alive(client->session);
        return client_put(client, &message);
}

/* Encodes rows until enough bytes wait. */
static int client_fill(struct client *client) {
        struct event event;

        while (client->sending != SENDING_NOTHING && client->outgoing.n - client->n_sent < OUTGOING_FILL) {
                if (session_row(client->session, client->next_row, &event) == 0) {
                        size_t mark = frame_begin(&client->outgoing);
                        int r = message_encode_event(&client->outgoing, MESSAGE_ROW, &event);

                        if (!r)
                                r = frame_end(&client->outgoing, mark);
                        if (r)
                                return r < 0 ? error_trace(r) : error_origin(-EPROTO);
                        client->next_row++;
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

static void on_ended(uv_async_t *async) {
        struct client *client = async->data;

        if (client->session_ended || !receiver_done(&client->receiver))
                return;
        receiver_join(&client->receiver);
        client->session_ended = true;
        if (client->socket_open) {
                client->sending = SENDING_FINAL;
                client->next_row = 0;
        }
        client_update(client);
}

/* On the receiver's thread. */
static void on_receiver_end(void *data, int r) {
        struct client *client = data;

        client->ended_result = r;
        uv_async_send(&client->ended);
}

static void on_kick(uv_timer_t *timer) {
        struct client *client = timer->data;

        if (receiver_done(&client->receiver))
                uv_timer_stop(timer);
        else
                receiver_kick(&client->receiver);
}

static void client_stop_session(struct client *client) {
        if (client->session && !client->session_ended)
                uv_timer_start(&client->kick, on_kick, 0, KICK_PERIOD_MS);
}

static void on_hangup(uv_poll_t *poll, int status, int events) {
        struct client *client = poll->data;

        uv_poll_stop(poll);
        /* The receiver usually sees the end by itself; kernels before 6.11 leave it asleep. */
        uv_timer_start(&client->kick, on_kick, KICK_PERIOD_MS, KICK_PERIOD_MS);
}

static int watch_hangup(struct client *client) {
        struct epoll_event event = { .events = 0 }; /* EPOLLHUP and EPOLLERR are always reported */
        int r;

        client->hangup_fd = epoll_create1(EPOLL_CLOEXEC);
        if (client->hangup_fd < 0)
                return error_origin(-errno);
        if (epoll_ctl(client->hangup_fd, EPOLL_CTL_ADD, client->session->listener_fd, &event) < 0)
                return error_origin(-errno);
        r = uv_poll_init(client->loop, &client->hangup, client->hangup_fd);
        if (r)
                return error_origin(r);
        client->hangup.data = client;
        client->n_handles++;
        return error_trace(uv_poll_start(&client->hangup, UV_READABLE, on_hangup));
}

/* ---- policies ---- */

/* To whoever attends on the control socket, else to the client's terminal. */
static int put_question(struct client *client, const struct ask_question *asked) {
        const struct message question = {
                .number = MESSAGE_QUESTION,
                .question = { .id = asked->id,
                              .text = asked->text,
                              .n_text = strlen(asked->text),
                              .call = asked->call,
                              .n_call = strlen(asked->call),
                              .program = asked->program,
                              .n_program = strlen(asked->program),
                              .object = asked->object,
                              .n_object = strlen(asked->object) },
        };

        if (control_attended(client->control)) {
                /* Should they be gone, their leaving asks anew. */
                control_question(client->control, &question);
                return 0;
        }
        return client_put(client, &question);
}

static bool has_terminal(const struct client *client) {
        return client->answers && client->socket_open && !uv_is_closing((uv_handle_t *)&client->socket) &&
               client->state == MESSAGE_STATE_RUNNING;
}

static void on_question(uv_async_t *async) {
        struct client *client = async->data;
        struct ask_question asked;
        int r = 0;

        while (!r && (control_attended(client->control) || has_terminal(client)) &&
               asks_take(client->asks, &asked))
                r = put_question(client, &asked);
        if (r < 0)
                client_hang_up(client);
        client_update(client);
}

/* On a worker's thread. */
static void on_asked(void *data) {
        struct client *client = data;

        uv_async_send(&client->question);
}

static bool on_reload(void *data, struct buf *lines) {
        struct client *client = data;

        if (!client->session || client->session_ended) {
                buf_puts(lines, "there is no running program\n");
                return false;
        }
        return reload_again(&client->reload, client->session->policing, lines);
}

static void on_hangup_signal(uv_signal_t *signal, int number) {
        struct buf lines = BUF_INIT(MESSAGE_LINES_MAX);

        (void)number;
        on_reload(signal->data, &lines);
        buf_deinit(&lines);
}

/* Who can be asked has changed; what was asked before is asked again. */
static void on_attended(void *data) {
        struct client *client = data;

        asks_again(client->asks);
        uv_async_send(&client->question);
}

static void on_answer(void *data, uint64_t id, enum message_word word) {
        struct client *client = data;

        asks_answer(client->asks, id, (enum ask_answer)word);
}

/* Where the supervisor takes requests: beside the user's other sockets, or nowhere. */
static void open_control(struct client *client) {
        char path[512];
        const struct control_options options = { .path = path,
                                                 .on_reload = on_reload,
                                                 .on_attended = on_attended,
                                                 .on_answer = on_answer,
                                                 .data = client };

        if (control_path_of((unsigned)getpid(), path, sizeof(path)) == 0)
                control_new(client->loop, &options, &client->control);
}

static int begin_policing(struct client *client) {
        struct policing *policing;
        struct policy *policy;
        char error[256] = "";
        int r = reload_policy(&client->reload, &policy);

        if (!r)
                r = policing_new(policy, client->asks, &policing, error, sizeof(error));
        if (r == POLICY_E_INVALID) {
                client_refuse(client, EINVAL, error[0] ? error : "the policy cannot be put in force");
                return r;
        }
        if (!r)
                client->options.policing = policing;
        for (size_t i = 0; !r && i < client->reload.n_labels; i++)
                r = policing_add_label(policing, client->reload.labels[i]);
        return error_trace(r);
}

static int on_hello_policy(struct client *client, const struct message_hello *hello) {
        struct buf lines = BUF_INIT(MESSAGE_LINES_MAX);
        int r = reload_init(&client->reload, hello->policy, hello->n_policy, hello->policy_path,
                            hello->n_policy_path, hello->variables, hello->n_variables, &lines);

        client->answers = hello->flags & MESSAGE_HELLO_ANSWERS;
        if (r == POLICY_E_INVALID) {
                client_refuse(client, EINVAL, buf_string(&lines));
                buf_deinit(&lines);
                return r;
        }
        buf_deinit(&lines);
        if (!r)
                r = asks_new(on_asked, client, &client->asks);
        if (!r)
                r = uv_async_init(client->loop, &client->question, on_question);
        if (!r) {
                client->question.data = client;
                client->n_handles++;
                r = uv_signal_init(client->loop, &client->hangup_signal);
        }
        if (!r) {
                client->hangup_signal.data = client;
                client->n_handles++;
                r = uv_signal_start(&client->hangup_signal, on_hangup_signal, SIGHUP);
        }
        if (!r) {
                open_control(client);
                r = begin_policing(client);
        }
        return error_trace(r);
}

static int on_reload_message(struct client *client) {
        struct message reloaded = { .number = MESSAGE_RELOADED };
        struct buf lines = BUF_INIT(MESSAGE_LINES_MAX);
        int r;

        reloaded.reloaded.ok = on_reload(client, &lines);
        reloaded.reloaded.text = buf_string(&lines);
        reloaded.reloaded.n_text = strlen(reloaded.reloaded.text);
        r = client_put(client, &reloaded);
        buf_deinit(&lines);
        return error_trace(r);
}

/* ---- messages ---- */

/* The process at the other end, as the kernel knows it; 0 where it is not visible to us. */
static uint32_t launcher_of(const struct client *client) {
        struct ucred peer = { 0 };
        socklen_t n = sizeof(peer);

        return getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 ? (uint32_t)peer.pid : 0;
}

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
        client->options = (struct session_options){
                .mode = (enum wire_mode)hello->mode,
                .decode_all = hello->flags & MESSAGE_HELLO_DECODE_ALL,
                .label = client->label,
                .filter = &client->filter,
                .launcher = launcher_of(client),
        };
        if (hello->mode == WIRE_MODE_POLICY) {
                int r = on_hello_policy(client, hello);

                if (r)
                        return r < 0 ? r : 0;
        }
        return client_put(client, &ready);
}

static int on_listener(struct client *client) {
        const struct message go = { .number = MESSAGE_GO };
        int r = session_new(client->kernel, frame_reader_take_fd(&client->reader, 0),
                            frame_reader_take_fd(&client->reader, 1), &client->options, &client->session);

        if (!r) {
                client->options.policing = NULL; /* the session's now */
                r = watch_hangup(client);
        }
        if (!r)
                r = receiver_start(&client->receiver, client->session, on_receiver_end, client);
        if (r) {
                client_refuse(client, -r, "the session could not be started");
                return 0;
        }
        return client_put(client, &go);
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
        case MESSAGE_SNAPSHOT:
                if (client->sending == SENDING_NOTHING) {
                        client->sending = SENDING_SNAPSHOT;
                        client->next_row = 0;
                }
                return 0;
        case MESSAGE_STOP:
                client_stop_session(client);
                return 0;
        case MESSAGE_DETACH:
                client_hang_up(client);
                return 0;
        case MESSAGE_RELOAD:
                return on_reload_message(client);
        case MESSAGE_ANSWER:
                if (client->asks)
                        asks_answer(client->asks, message.answer.id, (enum ask_answer)message.answer.answer);
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
                        if (r || uv_is_closing((uv_handle_t *)poll))
                                break;
                }
                if (r == FRAME_E_AGAIN)
                        r = 0;
                if (r) {
                        /* The end, a broken frame or trouble of ours: this connection only. */
                        client_hang_up(client);
                        client_update(client);
                        return;
                }
        }
        client_update(client);
}

/* Sends what there is, asks for what is needed next, and closes when nothing is left to do. */
static void client_update(struct client *client) {
        bool session_over = !client->session || client->session_ended;

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
        if (session_over && (!client->socket_open || uv_is_closing((uv_handle_t *)&client->socket)))
                client_close(client);
}

int client_new(uv_loop_t *loop, const struct kernel *kernel, int fd, void (*on_closed)(void *data),
               void *data) {
        struct client *client = calloc(1, sizeof(*client));
        int r;

        if (!client) {
                fd_close(fd);
                return error_origin(-ENOMEM);
        }
        client->loop = loop;
        client->kernel = kernel;
        client->on_closed = on_closed;
        client->data = data;
        client->fd = fd;
        client->hangup_fd = -1;
        client->outgoing = BUF_INIT(OUTGOING_MAX);
        client->socket.data = client->ended.data = client->kick.data = client;
        frame_reader_init(&client->reader);

        r = fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0 ? -errno : 0;
        if (!r)
                r = uv_poll_init(loop, &client->socket, fd);
        if (r) {
                fd_close(fd);
                free(client);
                return error_origin(r);
        }
        client->socket_open = true;
        client->n_handles = 3;
        uv_timer_init(loop, &client->kick);
        r = uv_async_init(loop, &client->ended, on_ended);
        if (!r)
                r = uv_poll_start(&client->socket, UV_READABLE, on_socket);
        if (r) {
                if (client->ended.type == UV_UNKNOWN_HANDLE)
                        client->n_handles--;
                client_close(client);
                return error_origin(r);
        }
        return 0;
}
