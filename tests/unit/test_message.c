/* SPDX-License-Identifier: Apache-2.0 */

/* Messages there and back, out of range, out of turn, and cut anywhere. */

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "proto/codec.h"
#include "proto/frame.h"
#include "proto/message.h"

static const struct sock_filter program[] = { { 0x20, 0, 0, 4 }, { 0x06, 0, 0, 0x7fff0000 } };

static const enum message_number all[] = {
        MESSAGE_HELLO,  MESSAGE_LISTENER, MESSAGE_SNAPSHOT, MESSAGE_DETACH, MESSAGE_STOP,   MESSAGE_READY,
        MESSAGE_GO,     MESSAGE_EVENT,    MESSAGE_ROW,      MESSAGE_RESULT, MESSAGE_ERROR,  MESSAGE_RELOAD,
        MESSAGE_ANSWER, MESSAGE_RELOADED, MESSAGE_QUESTION, MESSAGE_ATTEND, MESSAGE_RESUME,
};
#define N_ALL (sizeof(all) / sizeof(all[0]))

/* A valid message of each number. */
static struct message sample(enum message_number number) {
        struct message message = { .number = number };

        switch (number) {
        case MESSAGE_HELLO:
                message.hello = (struct message_hello){ .version = WIRE_VERSION,
                                                        .mode = WIRE_MODE_DRY_RUN,
                                                        .flags = MESSAGE_HELLO_STREAM,
                                                        .filter = program,
                                                        .n_filter = 2,
                                                        .label = "nginx",
                                                        .n_label = 5 };
                break;
        case MESSAGE_READY:
                message.ready = (struct message_ready){ .version = WIRE_VERSION, .pid = 4711 };
                break;
        case MESSAGE_GO:
                message.go = (struct message_go){ .session = 12 };
                break;
        case MESSAGE_RESUME:
                message.resume = (struct message_resume){ .version = WIRE_VERSION, .session = 12 };
                break;
        case MESSAGE_EVENT:
        case MESSAGE_ROW:
                message.event = (struct event){ .count = 3, .nr = 59, .arch = 0xc000003e, .value = -1 };
                strcpy(message.event.comm, "sh");
                break;
        case MESSAGE_RESULT:
                message.result = (struct message_result){ .final = true,
                                                          .ledger = { .received = 7, .merged = 9 },
                                                          .trouble = "full",
                                                          .n_trouble = 4 };
                break;
        case MESSAGE_ERROR:
                message.error = (struct message_error){ .error = 16, .text = "busy", .n_text = 4 };
                break;
        case MESSAGE_ANSWER:
                message.answer = (struct message_answer){ .id = 7, .answer = MESSAGE_DENY_ALWAYS };
                break;
        case MESSAGE_RELOADED:
                message.reloaded = (struct message_reloaded){ .ok = true, .text = "+ a", .n_text = 3 };
                break;
        case MESSAGE_QUESTION:
                message.question = (struct message_question){ .id = 9,
                                                              .text = "may it?",
                                                              .n_text = 7,
                                                              .call = "openat",
                                                              .n_call = 6,
                                                              .program = "/bin/sh",
                                                              .n_program = 7,
                                                              .object = "/etc/passwd",
                                                              .n_object = 11,
                                                              .args = { { "arg2", 4, 0xffffffff, 2 } },
                                                              .n_args = 1,
                                                              .error = 13,
                                                              .flags = MESSAGE_QUESTION_RULE };
                break;
        default:
                break;
        }
        return message;
}

Test(message, every_message_comes_back) {
        for (size_t i = 0; i < N_ALL; i++) {
                struct message from = sample(all[i]), to;
                struct buf buf = BUF_INIT(0);

                cr_assert_eq(message_encode(&buf, &from), 0, "%s", message_name(all[i]));
                cr_assert_eq(message_decode(buf.data, buf.n, &to), 0, "%s", message_name(all[i]));
                cr_expect_eq(to.number, all[i]);
                buf_deinit(&buf);
        }
}

Test(message, hello_keeps_its_filter) {
        struct message from = sample(MESSAGE_HELLO), to;
        struct sock_filter copy[2];
        struct buf buf = BUF_INIT(0);

        message_encode(&buf, &from);
        cr_assert_eq(message_decode(buf.data, buf.n, &to), 0);
        cr_expect_eq(to.hello.mode, WIRE_MODE_DRY_RUN);
        cr_expect_eq(to.hello.flags, MESSAGE_HELLO_STREAM);
        cr_assert_eq(to.hello.n_filter, 2);
        message_hello_filter(&to.hello, copy);
        cr_expect_arr_eq(copy, program, sizeof(program));
        cr_expect(to.hello.n_label == 5 && memcmp(to.hello.label, "nginx", 5) == 0);
        buf_deinit(&buf);
}

Test(message, result_and_error_keep_their_fields) {
        struct message from = sample(MESSAGE_RESULT), to;
        struct buf buf = BUF_INIT(0);

        message_encode(&buf, &from);
        cr_assert_eq(message_decode(buf.data, buf.n, &to), 0);
        cr_expect(to.result.final && to.result.n_tasks == 0);
        cr_expect_eq(to.result.ledger.received, 7);
        cr_expect_eq(to.result.ledger.merged, 9);
        cr_expect(to.result.n_trouble == 4 && memcmp(to.result.trouble, "full", 4) == 0);
        buf_reset(&buf);
        from = sample(MESSAGE_ERROR);
        message_encode(&buf, &from);
        cr_assert_eq(message_decode(buf.data, buf.n, &to), 0);
        cr_expect_eq(to.error.error, 16);
        cr_expect(to.error.n_text == 4 && memcmp(to.error.text, "busy", 4) == 0);
        buf_deinit(&buf);
}

Test(message, a_question_keeps_its_fields) {
        struct message from = sample(MESSAGE_QUESTION), to;
        struct buf buf = BUF_INIT(0);

        message_encode(&buf, &from);
        cr_assert_eq(message_decode(buf.data, buf.n, &to), 0);
        cr_assert_eq(to.question.n_args, 1);
        cr_expect(to.question.args[0].n_name == 4 && memcmp(to.question.args[0].name, "arg2", 4) == 0);
        cr_expect_eq(to.question.args[0].mask, 0xffffffff);
        cr_expect_eq(to.question.args[0].value, 2);
        cr_expect_eq(to.question.error, 13);
        cr_expect_eq(to.question.flags, MESSAGE_QUESTION_RULE);
        buf_deinit(&buf);
}

/* What callgate writes into a policy. */
Test(message, questions_that_make_no_rule) {
        static const struct message_question_arg args[] = {
                { "arg1: x", 7, 1, 1 }, { "arg 1", 5, 1, 1 }, { "", 0, 1, 1 },
                { "a\0b", 3, 1, 1 },    { "ARG1", 4, 1, 1 },  { "arg1", 4, 1, 2 },
        };

        for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++) {
                struct message message = sample(MESSAGE_QUESTION);
                struct buf buf = BUF_INIT(0);

                message.question.args[0] = args[i];
                cr_expect_eq(message_encode(&buf, &message), MESSAGE_E_INVALID, "%zu", i);
                message.question.args[0] = (struct message_question_arg){ "arg1", 4, 1, 1 };
                cr_expect_eq(message_encode(&buf, &message), 0);
                message.question.error = 0;
                cr_expect_eq(message_encode(&buf, &message), MESSAGE_E_INVALID, "a denial that is none");
                message.question.error = 1;
                message.question.n_args = MESSAGE_QUESTION_ARGS_MAX + 1;
                cr_expect_eq(message_encode(&buf, &message), MESSAGE_E_INVALID);
                buf_deinit(&buf);
        }
}

Test(message, an_event_alone_encodes_the_same) {
        struct message from = sample(MESSAGE_ROW);
        struct buf one = BUF_INIT(0), other = BUF_INIT(0);

        message_encode(&one, &from);
        cr_assert_eq(message_encode_event(&other, MESSAGE_ROW, &from.event), 0);
        cr_assert_eq(one.n, other.n);
        cr_expect_arr_eq(one.data, other.data, one.n);
        cr_expect_eq(message_encode_event(&other, MESSAGE_HELLO, &from.event), MESSAGE_E_INVALID);
        buf_deinit(&one);
        buf_deinit(&other);
}

Test(message, every_cut_and_every_addition_is_refused) {
        for (size_t i = 0; i < N_ALL; i++) {
                struct message from = sample(all[i]), to;
                struct buf buf = BUF_INIT(0);

                message_encode(&buf, &from);
                for (size_t n = 0; n < buf.n; n++) {
                        /* An exact copy, so that the sanitizer sees a read beyond it. */
                        char *cut = malloc(n + 1);

                        memcpy(cut, buf.data, n);
                        cr_expect_neq(message_decode(cut, n, &to), MESSAGE_OK, "%s cut at %zu",
                                      message_name(all[i]), n);
                        free(cut);
                }
                buf_putc(&buf, 0);
                cr_expect_eq(message_decode(buf.data, buf.n, &to), MESSAGE_E_INVALID, "%s",
                             message_name(all[i]));
                buf_deinit(&buf);
        }
}

/* A later version may append fields to any message. */
Test(message, unknown_fields_at_the_end_are_skipped) {
        for (size_t i = 0; i < N_ALL; i++) {
                struct message from = sample(all[i]), to;
                struct buf buf = BUF_INIT(0);

                message_encode(&buf, &from);
                cr_assert_eq(((uint8_t)buf.data[0] & 0xf0), 0x90);
                buf.data[0]++; /* one element more */
                buf_put(&buf, "\x92\xc0\xa1x", 4);
                cr_expect_eq(message_decode(buf.data, buf.n, &to), MESSAGE_OK, "%s", message_name(all[i]));
                buf_deinit(&buf);
        }
}

Test(message, unknown_numbers_are_refused) {
        static const uint8_t numbers[] = { 0, 10, 63, 72, 127 };
        struct message to;

        for (size_t i = 0; i < sizeof(numbers); i++) {
                uint8_t bytes[] = { 0x91, numbers[i] };

                cr_expect_eq(message_decode(bytes, sizeof(bytes), &to), MESSAGE_E_INVALID);
                cr_expect_eq(message_encode(&BUF_INIT(0), &(struct message){ .number = numbers[i] }),
                             MESSAGE_E_INVALID);
        }
}

Test(message, other_versions_are_said_by_number) {
        static const uint8_t hello[] = { 0x92, MESSAGE_HELLO, 99 },
                             long_hello[] = { 0x96, MESSAGE_HELLO, 99, 1, 2, 3, 4 };
        struct message to;

        cr_expect_eq(message_decode(long_hello, sizeof(long_hello), &to), MESSAGE_E_VERSION);
        cr_expect_eq(to.hello.version, 99);
        cr_expect_eq(message_decode(hello, sizeof(hello), &to), MESSAGE_E_VERSION, "however few its fields");
}

struct hello_row {
        const char *what;
        uint32_t mode, flags;
        size_t n_filter, n_label, n_policy;
        int outcome;
};

static const struct hello_row hello_rows[] = {
        { "record without a filter", WIRE_MODE_RECORD, 0, 0, 0, 0, 0 },
        { "dry run without a filter", WIRE_MODE_DRY_RUN, 0, 0, 0, 0, MESSAGE_E_INVALID },
        { "enforce without a filter", WIRE_MODE_ENFORCE, 0, 0, 0, 0, MESSAGE_E_INVALID },
        { "no mode", 0, 0, 1, 0, 0, MESSAGE_E_INVALID },
        { "unknown mode", 5, 0, 1, 0, 0, MESSAGE_E_INVALID },
        { "unknown flag", WIRE_MODE_RECORD, 16, 1, 0, 0, MESSAGE_E_INVALID },
        { "all flags", WIRE_MODE_RECORD, 15, 1, 0, 0, 0 },
        { "longest filter", WIRE_MODE_ENFORCE, 0, WIRE_FILTER_MAX, 0, 0, 0 },
        { "filter too long", WIRE_MODE_ENFORCE, 0, WIRE_FILTER_MAX + 1, 0, 0, MESSAGE_E_INVALID },
        { "longest label", WIRE_MODE_RECORD, 0, 1, MESSAGE_LABEL_MAX, 0, 0 },
        { "a policy", WIRE_MODE_POLICY, 0, 1, 0, 2, 0 },
        { "no policy", WIRE_MODE_POLICY, 0, 1, 0, 0, MESSAGE_E_INVALID },
        { "a policy in another mode", WIRE_MODE_ENFORCE, 0, 1, 0, 2, MESSAGE_E_INVALID },
        { "longest policy", WIRE_MODE_POLICY, 0, 0, 0, WIRE_POLICY_MAX, 0 },
        { "policy too long", WIRE_MODE_POLICY, 0, 0, 0, WIRE_POLICY_MAX + 1, MESSAGE_E_INVALID },
        { "label too long", WIRE_MODE_RECORD, 0, 1, MESSAGE_LABEL_MAX + 1, 0, MESSAGE_E_INVALID },
};

Test(message, hello_is_held_to_its_limits) {
        static struct sock_filter filter[WIRE_FILTER_MAX + 1];
        static char label[MESSAGE_LABEL_MAX + 1], policy[WIRE_POLICY_MAX + 1];

        memset(label, 'x', sizeof(label));
        for (size_t i = 0; i < sizeof(hello_rows) / sizeof(hello_rows[0]); i++) {
                const struct hello_row *row = hello_rows + i;
                struct message to, from = { .number = MESSAGE_HELLO,
                                            .hello = { .version = WIRE_VERSION,
                                                       .mode = row->mode,
                                                       .flags = row->flags,
                                                       .filter = filter,
                                                       .n_filter = row->n_filter,
                                                       .label = label,
                                                       .n_label = row->n_label,
                                                       .policy = policy,
                                                       .n_policy = row->n_policy } };
                struct codec_writer writer;
                struct buf buf = BUF_INIT(0);

                cr_expect_eq(message_encode(&buf, &from), row->outcome, "%s", row->what);
                /* The same from a peer that does not check. */
                buf_reset(&buf);
                codec_writer_init(&writer, &buf);
                codec_put_array(&writer, 9);
                codec_put_uint(&writer, MESSAGE_HELLO);
                codec_put_uint(&writer, WIRE_VERSION);
                codec_put_uint(&writer, row->mode);
                codec_put_uint(&writer, row->flags);
                codec_put_bytes(&writer, filter, row->n_filter * sizeof(filter[0]));
                codec_put_bytes(&writer, label, row->n_label);
                codec_put_bytes(&writer, policy, row->n_policy);
                codec_put_bytes(&writer, "/p.yaml", 7);
                codec_put_bytes(&writer, "", 0);
                codec_writer_finish(&writer);
                cr_expect_eq(message_decode(buf.data, buf.n, &to), row->outcome, "%s", row->what);
                buf_deinit(&buf);
        }
}

Test(message, a_filter_of_half_an_instruction_is_refused) {
        struct codec_writer writer;
        struct buf buf = BUF_INIT(0);
        struct message to;

        codec_writer_init(&writer, &buf);
        codec_put_array(&writer, 9);
        codec_put_uint(&writer, MESSAGE_HELLO);
        codec_put_uint(&writer, WIRE_VERSION);
        codec_put_uint(&writer, WIRE_MODE_ENFORCE);
        codec_put_uint(&writer, 0);
        codec_put_bytes(&writer, program, sizeof(program) - 1);
        for (int i = 0; i < 4; i++)
                codec_put_bytes(&writer, "", 0);
        codec_writer_finish(&writer);
        cr_expect_eq(message_decode(buf.data, buf.n, &to), MESSAGE_E_INVALID);
        buf_deinit(&buf);
}

/* A whole conversation in order; at each step everything else is out of turn unless the table allows it. */
Test(message, states_lead_through_a_session) {
        static const struct {
                enum message_number number;
                enum message_sender sender;
                enum message_state after;
        } steps[] = {
                { MESSAGE_HELLO, MESSAGE_FROM_CLIENT, MESSAGE_STATE_GREETED },
                { MESSAGE_READY, MESSAGE_FROM_SUPERVISOR, MESSAGE_STATE_GREETED },
                { MESSAGE_LISTENER, MESSAGE_FROM_CLIENT, MESSAGE_STATE_HANDED },
                { MESSAGE_GO, MESSAGE_FROM_SUPERVISOR, MESSAGE_STATE_RUNNING },
                { MESSAGE_EVENT, MESSAGE_FROM_SUPERVISOR, MESSAGE_STATE_RUNNING },
                { MESSAGE_SNAPSHOT, MESSAGE_FROM_CLIENT, MESSAGE_STATE_RUNNING },
                { MESSAGE_ROW, MESSAGE_FROM_SUPERVISOR, MESSAGE_STATE_RUNNING },
                { MESSAGE_STOP, MESSAGE_FROM_CLIENT, MESSAGE_STATE_STOPPING },
                { MESSAGE_ROW, MESSAGE_FROM_SUPERVISOR, MESSAGE_STATE_STOPPING },
                { MESSAGE_RESULT, MESSAGE_FROM_SUPERVISOR, MESSAGE_STATE_ENDED },
        };
        enum message_state state = MESSAGE_STATE_NEW;

        for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
                struct message message = sample(steps[i].number);
                enum message_sender other = steps[i].sender == MESSAGE_FROM_CLIENT ? MESSAGE_FROM_SUPERVISOR
                                                                                   : MESSAGE_FROM_CLIENT;

                cr_expect(message_allowed(steps[i].number, steps[i].sender, state), "step %zu", i);
                cr_expect_not(message_allowed(steps[i].number, other, state), "step %zu", i);
                state = message_state_next(state, &message);
                cr_assert_eq(state, steps[i].after, "step %zu", i);
        }
        for (size_t i = 0; i < N_ALL; i++) {
                cr_expect_not(message_allowed(all[i], MESSAGE_FROM_CLIENT, MESSAGE_STATE_ENDED));
                cr_expect_not(message_allowed(all[i], MESSAGE_FROM_SUPERVISOR, MESSAGE_STATE_ENDED));
        }
        cr_expect_not(message_allowed(MESSAGE_LISTENER, MESSAGE_FROM_CLIENT, MESSAGE_STATE_NEW));
        cr_expect_not(message_allowed(MESSAGE_LISTENER, MESSAGE_FROM_CLIENT, MESSAGE_STATE_HANDED));
        cr_expect_not(message_allowed(MESSAGE_HELLO, MESSAGE_FROM_CLIENT, MESSAGE_STATE_GREETED));
}

Test(message, a_snapshot_result_does_not_end) {
        struct message message = sample(MESSAGE_RESULT);

        message.result.final = false;
        message.result.n_tasks = 5;
        message.result.n_trouble = 0;
        cr_expect_eq(message_state_next(MESSAGE_STATE_RUNNING, &message), MESSAGE_STATE_RUNNING);
        message.result.final = true;
        cr_expect_eq(message_encode(&BUF_INIT(0), &message), MESSAGE_E_INVALID); /* tasks left */
        message.result.final = false;
        message.result.n_trouble = 4;
        cr_expect_eq(message_encode(&BUF_INIT(0), &message), MESSAGE_E_INVALID); /* trouble before the end */
}

Test(message, only_the_listener_brings_descriptors) {
        for (size_t i = 0; i < N_ALL; i++) {
                size_t least, most;

                message_fds(all[i], &least, &most);
                cr_expect_eq(least, all[i] == MESSAGE_LISTENER ? 1 : 0);
                cr_expect_eq(most, all[i] == MESSAGE_LISTENER ? 2 : 0);
        }
}

Test(message, over_a_socket, .timeout = 60) {
        struct message from = sample(MESSAGE_ROW), to;
        const struct timeval soon = { .tv_usec = 1000 };
        struct buf payload = BUF_INIT(0);
        int pair[2];

        cr_assert_eq(fd_socketpair(pair), 0);
        cr_assert_eq(message_send(pair[0], &from, NULL, 0), 0);
        cr_assert_eq(message_recv(pair[1], &payload, &to), 0);
        cr_expect_eq(to.event.count, 3);
        cr_expect_str_eq(to.event.comm, "sh");
        cr_assert_eq(fd_write_all(pair[0], "\1\0\0\0\xc0", 5), 0);
        cr_expect_eq(message_recv(pair[1], &payload, &to), MESSAGE_E_INVALID);
        /* The supervisor sends no descriptors; one that does is not ours. */
        cr_assert_eq(message_send(pair[0], &from, pair, 1), 0);
        cr_expect_eq(message_recv(pair[1], &payload, &to), -EPROTO);
        /* Somebody holds the other end, and half a message is there. */
        setsockopt(pair[1], SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
        cr_assert_eq(fd_write_all(pair[0], "\1\0", 2), 0);
        cr_expect_eq(message_recv(pair[1], &payload, &to), -EAGAIN);
        fd_close(pair[0]);
        cr_expect_eq(message_recv(pair[1], &payload, &to), -ECONNRESET);
        cr_expect_eq(message_send(pair[1], &from, NULL, 0), -ECONNRESET);
        fd_close(pair[1]);
        buf_deinit(&payload);
}
