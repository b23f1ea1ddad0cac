/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/policed.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "proto/control_path.h"
#include "supervisor/ask.h"
#include "supervisor/control.h"
#include "supervisor/reload.h"
#include "supervisor/session.h"

struct policed {
        struct policed_options options;
        bool answers; /* the client said that somebody is at its terminal */
        struct reload reload;
        struct asks *asks;
        uv_async_t question;       /* raised by workers */
        uv_signal_t hangup_signal; /* SIGHUP: reload */
        struct control *control;
        unsigned n_handles; /* not yet closed */
};

/* ---- questions ---- */

/* To whoever attends on the control socket, else to the client's terminal. */
static int put_question(struct policed *policed, const struct ask_question *asked) {
        struct message question = {
                .number = MESSAGE_QUESTION,
                .question = { .id = asked->id,
                              .text = asked->text,
                              .n_text = strlen(asked->text),
                              .call = asked->call,
                              .n_call = strlen(asked->call),
                              .program = asked->program,
                              .n_program = strlen(asked->program),
                              .object = asked->object,
                              .n_object = strlen(asked->object),
                              .n_args = asked->n_args,
                              .error = asked->error,
                              .flags = (asked->remembered ? MESSAGE_QUESTION_REMEMBERED : 0) |
                                       (asked->is_rule ? MESSAGE_QUESTION_RULE : 0) },
        };

        _Static_assert(ASK_ARGS_MAX <= MESSAGE_QUESTION_ARGS_MAX, "all arguments fit into a message");
        for (size_t i = 0; i < asked->n_args; i++) {
                const struct ask_arg *arg = &asked->args[i];

                question.question.args[i] = (struct message_question_arg){ .name = arg->name,
                                                                           .n_name = strlen(arg->name),
                                                                           .mask = arg->mask,
                                                                           .value = arg->value };
        }

        if (control_attended(policed->control)) {
                /* Should they be gone, their leaving asks anew. */
                control_question(policed->control, &question);
                return 0;
        }
        return policed->options.ask(policed->options.data, &question);
}

static bool has_terminal(const struct policed *policed) {
        return policed->answers && policed->options.attended(policed->options.data);
}

static void on_question(uv_async_t *async) {
        struct policed *policed = async->data;
        struct ask_question asked;
        int r = 0;

        while (!r && (control_attended(policed->control) || has_terminal(policed)) &&
               asks_take(policed->asks, &asked))
                r = put_question(policed, &asked);
}

/* On a worker's thread. */
static void on_asked(void *data) {
        struct policed *policed = data;

        uv_async_send(&policed->question);
}

void policed_attended(struct policed *policed) {
        asks_again(policed->asks);
        uv_async_send(&policed->question);
}

void policed_answer(struct policed *policed, uint64_t id, enum message_word word) {
        asks_answer(policed->asks, id, (enum ask_answer)word);
}

/* ---- requests ---- */

bool policed_reload(struct policed *policed, struct buf *lines) {
        struct session *session = policed->options.session(policed->options.data);

        if (!session) {
                buf_puts(lines, "there is no running program\n");
                return false;
        }
        return reload_again(&policed->reload, session->policing, lines);
}

static bool on_reload(void *data, struct buf *lines) {
        return policed_reload(data, lines);
}

static void on_hangup_signal(uv_signal_t *signal, int number) {
        struct buf lines = BUF_INIT(MESSAGE_LINES_MAX);

        (void)number;
        policed_reload(signal->data, &lines);
        buf_deinit(&lines);
}

static void on_attended(void *data) {
        policed_attended(data);
}

static void on_answer(void *data, uint64_t id, enum message_word word) {
        policed_answer(data, id, word);
}

/* Where the supervisor takes requests: beside the user's other sockets, or nowhere. */
static void open_control(struct policed *policed) {
        char path[512];
        const struct control_options options = { .path = path,
                                                 .on_reload = on_reload,
                                                 .on_attended = on_attended,
                                                 .on_answer = on_answer,
                                                 .data = policed };

        if (control_path_of((unsigned)getpid(), path, sizeof(path)) == 0)
                control_new(policed->options.loop, &options, &policed->control);
}

/* ---- life ---- */

int policed_policing(struct policed *policed, struct policing **ret, char *error, size_t n_error) {
        struct policy *policy;
        int r = reload_policy(&policed->reload, &policy);

        if (!r)
                r = policing_new(policy, policed->asks, ret, error, n_error);
        for (size_t i = 0; !r && i < policed->reload.n_labels; i++) {
                r = policing_add_label(*ret, policed->reload.labels[i]);
                if (r)
                        *ret = policing_free(*ret);
        }
        return error_trace(r);
}

static void policed_destroy(struct policed *policed) {
        asks_free(policed->asks);
        reload_deinit(&policed->reload);
        free(policed);
}

static void on_closed(uv_handle_t *handle) {
        struct policed *policed = handle->data;

        if (--policed->n_handles == 0)
                policed_destroy(policed);
}

struct policed *policed_free(struct policed *policed) {
        if (!policed)
                return NULL;
        policed->control = control_free(policed->control);
        if (policed->n_handles == 0) {
                policed_destroy(policed);
                return NULL;
        }
        if (policed->hangup_signal.data)
                uv_close((uv_handle_t *)&policed->hangup_signal, on_closed);
        uv_close((uv_handle_t *)&policed->question, on_closed);
        return NULL;
}

static int open_handles(struct policed *policed) {
        int r = uv_async_init(policed->options.loop, &policed->question, on_question);

        if (r)
                return error_origin(r);
        policed->question.data = policed;
        policed->n_handles++;
        if (!policed->options.private)
                return 0;
        r = uv_signal_init(policed->options.loop, &policed->hangup_signal);
        if (r)
                return error_origin(r);
        policed->hangup_signal.data = policed;
        policed->n_handles++;
        open_control(policed);
        return error_trace(uv_signal_start(&policed->hangup_signal, on_hangup_signal, SIGHUP));
}

int policed_new(const struct policed_options *options, const struct message_hello *hello, struct buf *lines,
                struct policed **ret) {
        struct policed *policed = calloc(1, sizeof(*policed));
        int r;

        if (!policed)
                return error_origin(-ENOMEM);
        policed->options = *options;
        policed->answers = hello->flags & MESSAGE_HELLO_ANSWERS;
        r = reload_init(&policed->reload, hello->policy, hello->n_policy, hello->policy_path,
                        hello->n_policy_path, hello->variables, hello->n_variables, lines);
        if (!r)
                r = asks_new(on_asked, policed, &policed->asks);
        if (!r)
                r = open_handles(policed);
        if (r) {
                policed_free(policed);
                return error_trace(r);
        }
        *ret = policed;
        return 0;
}
