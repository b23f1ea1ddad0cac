/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Messages, one row each: number, name, who may send it, in which states, how many descriptors come along,
 * how its fields are written and read. PROTOCOL.md says the same in words.
 *
 * What must stay true: whatever bytes arrive, decoding allocates nothing and either fills in a whole message
 * within its limits or says why not; and a message that is not the sender's to send, or not now, is found
 * out by message_allowed() before anybody acts on it.
 */

#include "proto/message.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/fd.h"
#include "proto/codec.h"
#include "proto/event_codec.h"
#include "proto/frame.h"

#define STATE(state) (1u << MESSAGE_STATE_##state)

struct message_row {
        enum message_number number;
        const char *name;
        enum message_sender sender;
        unsigned states;
        uint8_t fds_least, fds_most;
        uint8_t n_fields; /* at least; more are of a later version and skipped */
        void (*put)(struct codec_writer *writer, const struct message *message);
        void (*get)(struct codec_reader *reader, struct message *ret);
        bool (*valid)(const struct message *message); /* NULL: always */
};

/* ---- HELLO ---- */

static void hello_put(struct codec_writer *writer, const struct message *message) {
        const struct message_hello *hello = &message->hello;

        codec_put_uint(writer, hello->version);
        codec_put_uint(writer, hello->mode);
        codec_put_uint(writer, hello->flags);
        codec_put_bytes(writer, hello->filter, hello->n_filter * sizeof(struct sock_filter));
        codec_put_bytes(writer, hello->label, hello->n_label);
        codec_put_bytes(writer, hello->policy, hello->n_policy);
        codec_put_bytes(writer, hello->policy_path, hello->n_policy_path);
        codec_put_bytes(writer, hello->variables, hello->n_variables);
}

static void hello_get(struct codec_reader *reader, struct message *ret) {
        struct message_hello *hello = &ret->hello;
        size_t n_bytes;

        hello->version = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        /* The fields of another version are unknown: its number must do for a clear answer. */
        if (hello->version != WIRE_VERSION)
                return;
        hello->mode = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        hello->flags = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        hello->filter = codec_get_bytes(reader, WIRE_FILTER_MAX * sizeof(struct sock_filter), &n_bytes);
        hello->n_filter = n_bytes / sizeof(struct sock_filter);
        if (n_bytes % sizeof(struct sock_filter) != 0)
                codec_fail(reader);
        hello->label = codec_get_bytes(reader, MESSAGE_LABEL_MAX, &hello->n_label);
        hello->policy = codec_get_bytes(reader, WIRE_POLICY_MAX, &hello->n_policy);
        hello->policy_path = codec_get_bytes(reader, MESSAGE_TEXT_MAX, &hello->n_policy_path);
        hello->variables = codec_get_bytes(reader, MESSAGE_LINES_MAX, &hello->n_variables);
}

static bool hello_valid(const struct message *message) {
        const struct message_hello *hello = &message->hello;

        if (hello->mode < WIRE_MODE_DRY_RUN || hello->mode > WIRE_MODE_POLICY)
                return false;
        if ((hello->mode == WIRE_MODE_POLICY) != (hello->n_policy > 0) ||
            hello->n_policy > WIRE_POLICY_MAX || hello->n_policy_path > MESSAGE_TEXT_MAX ||
            hello->n_variables > MESSAGE_LINES_MAX)
                return false;
        if (hello->flags & ~MESSAGE_HELLO_FLAGS)
                return false;
        /* Only a recording and a policy can do without a program to judge calls by. */
        if (hello->n_filter > WIRE_FILTER_MAX ||
            (hello->n_filter == 0 && hello->mode != WIRE_MODE_RECORD && hello->mode != WIRE_MODE_POLICY))
                return false;
        if (hello->n_label > MESSAGE_LABEL_MAX)
                return false;
        return hello->n_label == 0 || !memchr(hello->label, 0, hello->n_label);
}

void message_hello_filter(const struct message_hello *hello, struct sock_filter *ret) {
        if (hello->n_filter > 0)
                memcpy(ret, hello->filter, hello->n_filter * sizeof(*ret));
}

/* ---- the others ---- */

static void ready_put(struct codec_writer *writer, const struct message *message) {
        codec_put_uint(writer, message->ready.version);
        codec_put_uint(writer, message->ready.pid);
}

static void ready_get(struct codec_reader *reader, struct message *ret) {
        ret->ready.version = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        if (ret->ready.version != WIRE_VERSION)
                return;
        ret->ready.pid = (uint32_t)codec_get_uint(reader, INT32_MAX);
}

static void go_put(struct codec_writer *writer, const struct message *message) {
        codec_put_uint(writer, message->go.session);
}

static void go_get(struct codec_reader *reader, struct message *ret) {
        ret->go.session = codec_get_uint(reader, UINT64_MAX);
}

static void resume_put(struct codec_writer *writer, const struct message *message) {
        codec_put_uint(writer, message->resume.version);
        codec_put_uint(writer, message->resume.session);
}

static void resume_get(struct codec_reader *reader, struct message *ret) {
        ret->resume.version = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        if (ret->resume.version == WIRE_VERSION)
                ret->resume.session = codec_get_uint(reader, UINT64_MAX);
}

static void occurrence_put(struct codec_writer *writer, const struct message *message) {
        event_put(writer, &message->event);
}

static void occurrence_get(struct codec_reader *reader, struct message *ret) {
        event_get(reader, &ret->event);
}

static void result_put(struct codec_writer *writer, const struct message *message) {
        codec_put_bool(writer, message->result.final);
        codec_put_uint(writer, message->result.n_tasks);
        ledger_put(writer, &message->result.ledger);
        codec_put_bytes(writer, message->result.trouble, message->result.n_trouble);
}

static void result_get(struct codec_reader *reader, struct message *ret) {
        ret->result.final = codec_get_bool(reader);
        ret->result.n_tasks = (uint32_t)codec_get_uint(reader, UINT32_MAX);
        ledger_get(reader, &ret->result.ledger);
        ret->result.trouble = codec_get_bytes(reader, MESSAGE_TEXT_MAX, &ret->result.n_trouble);
}

static bool result_valid(const struct message *message) {
        return (message->result.final ? message->result.n_tasks : message->result.n_trouble) == 0 &&
               message->result.n_trouble <= MESSAGE_TEXT_MAX;
}

static void error_put(struct codec_writer *writer, const struct message *message) {
        codec_put_int(writer, message->error.error);
        codec_put_bytes(writer, message->error.text, message->error.n_text);
}

static void error_get(struct codec_reader *reader, struct message *ret) {
        ret->error.error = (int32_t)codec_get_uint(reader, INT32_MAX);
        ret->error.text = codec_get_bytes(reader, MESSAGE_TEXT_MAX, &ret->error.n_text);
}

static bool error_valid(const struct message *message) {
        return message->error.error >= 0 && message->error.n_text <= MESSAGE_TEXT_MAX;
}

static void reloaded_put(struct codec_writer *writer, const struct message *message) {
        codec_put_bool(writer, message->reloaded.ok);
        codec_put_bytes(writer, message->reloaded.text, message->reloaded.n_text);
}

static void reloaded_get(struct codec_reader *reader, struct message *ret) {
        ret->reloaded.ok = codec_get_bool(reader);
        ret->reloaded.text = codec_get_bytes(reader, MESSAGE_LINES_MAX, &ret->reloaded.n_text);
}

static bool reloaded_valid(const struct message *message) {
        return message->reloaded.n_text <= MESSAGE_LINES_MAX;
}

static void question_put(struct codec_writer *writer, const struct message *message) {
        codec_put_uint(writer, message->question.id);
        codec_put_bytes(writer, message->question.text, message->question.n_text);
        codec_put_bytes(writer, message->question.call, message->question.n_call);
        codec_put_bytes(writer, message->question.program, message->question.n_program);
        codec_put_bytes(writer, message->question.object, message->question.n_object);
        codec_put_array(writer, message->question.n_args);
        for (size_t i = 0; i < message->question.n_args && i < MESSAGE_QUESTION_ARGS_MAX; i++) {
                const struct message_question_arg *arg = &message->question.args[i];

                codec_put_array(writer, 3);
                codec_put_bytes(writer, arg->name, arg->n_name);
                codec_put_uint(writer, arg->mask);
                codec_put_uint(writer, arg->value);
        }
        codec_put_uint(writer, (uint32_t)message->question.error);
        codec_put_uint(writer, message->question.flags);
}

static void question_args_get(struct codec_reader *reader, struct message_question *ret) {
        ret->n_args = codec_get_array(reader);
        if (ret->n_args > MESSAGE_QUESTION_ARGS_MAX) {
                ret->n_args = 0;
                codec_fail(reader);
        }
        for (size_t i = 0; i < ret->n_args && !reader->error; i++) {
                struct message_question_arg *arg = &ret->args[i];

                if (codec_get_array(reader) != 3)
                        codec_fail(reader);
                arg->name = codec_get_bytes(reader, MESSAGE_QUESTION_NAME_MAX, &arg->n_name);
                arg->mask = codec_get_uint(reader, UINT64_MAX);
                arg->value = codec_get_uint(reader, UINT64_MAX);
        }
}

static void question_get(struct codec_reader *reader, struct message *ret) {
        ret->question.id = codec_get_uint(reader, UINT64_MAX);
        ret->question.text = codec_get_bytes(reader, MESSAGE_TEXT_MAX, &ret->question.n_text);
        ret->question.call = codec_get_bytes(reader, MESSAGE_TEXT_MAX, &ret->question.n_call);
        ret->question.program = codec_get_bytes(reader, MESSAGE_TEXT_MAX, &ret->question.n_program);
        ret->question.object = codec_get_bytes(reader, MESSAGE_TEXT_MAX, &ret->question.n_object);
        question_args_get(reader, &ret->question);
        ret->question.error = (int32_t)codec_get_uint(reader, INT32_MAX);
        ret->question.flags = (uint32_t)codec_get_uint(reader, UINT32_MAX);
}

/* Names end up in a policy. */
static bool question_arg_valid(const struct message_question_arg *arg) {
        for (size_t i = 0; i < arg->n_name; i++)
                if (!strchr("abcdefghijklmnopqrstuvwxyz_0123456789", arg->name[i]) || !arg->name[i])
                        return false;
        return arg->n_name > 0 && arg->n_name <= MESSAGE_QUESTION_NAME_MAX && !(arg->value & ~arg->mask);
}

static bool question_valid(const struct message *message) {
        const struct message_question *question = &message->question;

        if (question->n_args > MESSAGE_QUESTION_ARGS_MAX)
                return false;
        for (size_t i = 0; i < question->n_args; i++)
                if (!question_arg_valid(&question->args[i]))
                        return false;
        return question->id > 0 && question->error > 0 && question->n_text <= MESSAGE_TEXT_MAX &&
               question->n_call <= MESSAGE_TEXT_MAX && question->n_program <= MESSAGE_TEXT_MAX &&
               question->n_object <= MESSAGE_TEXT_MAX;
}

static void answer_put(struct codec_writer *writer, const struct message *message) {
        codec_put_uint(writer, message->answer.id);
        codec_put_uint(writer, message->answer.answer);
}

static void answer_get(struct codec_reader *reader, struct message *ret) {
        ret->answer.id = codec_get_uint(reader, UINT64_MAX);
        ret->answer.answer = (uint32_t)codec_get_uint(reader, UINT32_MAX);
}

static bool answer_valid(const struct message *message) {
        return message->answer.answer >= MESSAGE_ALLOW_ONCE && message->answer.answer <= MESSAGE_DENY_ALWAYS;
}

/* ---- the table ---- */

static const struct message_row rows[] = {
        { MESSAGE_HELLO, "HELLO", MESSAGE_FROM_CLIENT, STATE(NEW), 0, 0, 8, hello_put, hello_get,
          hello_valid },
        { MESSAGE_LISTENER, "LISTENER", MESSAGE_FROM_CLIENT, STATE(GREETED), 1, 2, 0, NULL, NULL, NULL },
        { MESSAGE_SNAPSHOT, "SNAPSHOT", MESSAGE_FROM_CLIENT, STATE(RUNNING), 0, 0, 0, NULL, NULL, NULL },
        { MESSAGE_DETACH, "DETACH", MESSAGE_FROM_CLIENT, STATE(RUNNING), 0, 0, 0, NULL, NULL, NULL },
        { MESSAGE_STOP, "STOP", MESSAGE_FROM_CLIENT, STATE(GREETED) | STATE(HANDED) | STATE(RUNNING), 0, 0,
          0, NULL, NULL, NULL },
        { MESSAGE_RELOAD, "RELOAD", MESSAGE_FROM_CLIENT, STATE(NEW) | STATE(RUNNING), 0, 0, 0, NULL, NULL,
          NULL },
        { MESSAGE_ANSWER, "ANSWER", MESSAGE_FROM_CLIENT, STATE(RUNNING), 0, 0, 2, answer_put, answer_get,
          answer_valid },
        { MESSAGE_ATTEND, "ATTEND", MESSAGE_FROM_CLIENT, STATE(NEW), 0, 0, 0, NULL, NULL, NULL },
        { MESSAGE_READY, "READY", MESSAGE_FROM_SUPERVISOR, STATE(GREETED) | STATE(HANDED) | STATE(STOPPING),
          0, 0, 2, ready_put, ready_get, NULL },
        { MESSAGE_RESUME, "RESUME", MESSAGE_FROM_CLIENT, STATE(NEW), 0, 0, 2, resume_put, resume_get, NULL },
        { MESSAGE_GO, "GO", MESSAGE_FROM_SUPERVISOR, STATE(HANDED) | STATE(STOPPING), 0, 0, 1, go_put,
          go_get, NULL },
        { MESSAGE_EVENT, "EVENT", MESSAGE_FROM_SUPERVISOR, STATE(RUNNING) | STATE(STOPPING), 0, 0, 1,
          occurrence_put, occurrence_get, NULL },
        { MESSAGE_ROW, "ROW", MESSAGE_FROM_SUPERVISOR, STATE(RUNNING) | STATE(STOPPING), 0, 0, 1,
          occurrence_put, occurrence_get, NULL },
        { MESSAGE_RESULT, "RESULT", MESSAGE_FROM_SUPERVISOR, STATE(RUNNING) | STATE(STOPPING), 0, 0, 4,
          result_put, result_get, result_valid },
        { MESSAGE_ERROR, "ERROR", MESSAGE_FROM_SUPERVISOR,
          STATE(NEW) | STATE(GREETED) | STATE(HANDED) | STATE(RUNNING) | STATE(STOPPING), 0, 0, 2, error_put,
          error_get, error_valid },
        { MESSAGE_RELOADED, "RELOADED", MESSAGE_FROM_SUPERVISOR,
          STATE(NEW) | STATE(RUNNING) | STATE(STOPPING), 0, 0, 2, reloaded_put, reloaded_get,
          reloaded_valid },
        { MESSAGE_QUESTION, "QUESTION", MESSAGE_FROM_SUPERVISOR, STATE(RUNNING) | STATE(STOPPING), 0, 0, 8,
          question_put, question_get, question_valid },
};

static const struct message_row *row_of(uint64_t number) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if ((uint64_t)rows[i].number == number)
                        return rows + i;
        return NULL;
}

int message_encode(struct buf *to, const struct message *message) {
        const struct message_row *row = row_of(message->number);
        struct codec_writer writer;

        if (!row || (row->valid && !row->valid(message)))
                return MESSAGE_E_INVALID;
        codec_writer_init(&writer, to);
        codec_put_array(&writer, 1u + row->n_fields);
        codec_put_uint(&writer, message->number);
        if (row->put)
                row->put(&writer, message);
        return codec_writer_finish(&writer);
}

int message_encode_event(struct buf *to, enum message_number number, const struct event *event) {
        struct codec_writer writer;

        if ((number != MESSAGE_EVENT && number != MESSAGE_ROW) || event->count == 0)
                return MESSAGE_E_INVALID;
        codec_writer_init(&writer, to);
        codec_put_array(&writer, 2);
        codec_put_uint(&writer, number);
        event_put(&writer, event);
        return codec_writer_finish(&writer);
}

int message_decode(const void *bytes, size_t n, struct message *ret) {
        struct codec_reader reader;
        const struct message_row *row;
        size_t n_elements;

        codec_reader_init(&reader, bytes, n);
        n_elements = codec_get_array(&reader);
        row = row_of(codec_get_uint(&reader, UINT32_MAX));
        if (reader.error || !row || n_elements < 1u + (row->n_fields > 0))
                return MESSAGE_E_INVALID;
        ret->number = row->number;
        if (row->get)
                row->get(&reader, ret);
        if (!reader.error && row->number == MESSAGE_HELLO && ret->hello.version != WIRE_VERSION)
                return MESSAGE_E_VERSION;
        if (!reader.error && row->number == MESSAGE_READY && ret->ready.version != WIRE_VERSION)
                return MESSAGE_E_VERSION;
        if (!reader.error && row->number == MESSAGE_RESUME && ret->resume.version != WIRE_VERSION)
                return MESSAGE_E_VERSION;
        /* Only now: other versions may have had fewer. */
        if (n_elements < 1u + row->n_fields)
                return MESSAGE_E_INVALID;
        for (size_t i = 1u + row->n_fields; i < n_elements && !reader.error; i++)
                codec_skip(&reader);
        if (codec_reader_finish(&reader) || (row->valid && !row->valid(ret)))
                return MESSAGE_E_INVALID;
        return MESSAGE_OK;
}

bool message_allowed(enum message_number number, enum message_sender sender, enum message_state state) {
        const struct message_row *row = row_of(number);

        return row && row->sender == sender && (row->states & (1u << state));
}

enum message_state message_state_next(enum message_state state, const struct message *message) {
        switch (message->number) {
        case MESSAGE_HELLO:
                return MESSAGE_STATE_GREETED;
        case MESSAGE_LISTENER:
        case MESSAGE_RESUME:
                return MESSAGE_STATE_HANDED;
        case MESSAGE_GO:
                /* A STOP may have crossed it. */
                return state == MESSAGE_STATE_STOPPING ? state : MESSAGE_STATE_RUNNING;
        case MESSAGE_DETACH:
        case MESSAGE_STOP:
                return MESSAGE_STATE_STOPPING;
        case MESSAGE_RESULT:
                return message->result.final ? MESSAGE_STATE_ENDED : state;
        case MESSAGE_ERROR:
                return MESSAGE_STATE_ENDED;
        case MESSAGE_SNAPSHOT:
        case MESSAGE_READY:
        case MESSAGE_EVENT:
        case MESSAGE_ROW:
        case MESSAGE_RELOAD:
        case MESSAGE_RELOADED:
        case MESSAGE_QUESTION:
        case MESSAGE_ANSWER:
        case MESSAGE_ATTEND:
                break;
        }
        return state;
}

void message_fds(enum message_number number, size_t *ret_least, size_t *ret_most) {
        const struct message_row *row = row_of(number);

        *ret_least = row ? row->fds_least : 0;
        *ret_most = row ? row->fds_most : 0;
}

const char *message_name(enum message_number number) {
        const struct message_row *row = row_of(number);

        return row ? row->name : "an unknown message";
}

int message_send(int fd, const struct message *message, const int *fds, size_t n_fds) {
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        int r;

        r = message_encode(&payload, message);
        if (!r) {
                r = frame_send(fd, &payload, fds, n_fds);
                if (r > 0)
                        r = r == FRAME_E_END ? -ECONNRESET : -EPROTO;
        }
        buf_deinit(&payload);
        return error_trace(r);
}

int message_recv(int fd, struct buf *payload, struct message *ret) {
        size_t n_fds;
        int r;

        r = frame_recv(fd, payload, NULL, 0, &n_fds);
        if (r == FRAME_E_END || r == FRAME_E_TRUNCATED)
                return -ECONNRESET;
        if (r == FRAME_E_AGAIN)
                return -EAGAIN;
        if (r > 0)
                return -EPROTO;
        if (r)
                return error_trace(r);
        return message_decode(payload->data, payload->n, ret);
}
