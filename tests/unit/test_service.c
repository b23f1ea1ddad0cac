/* SPDX-License-Identifier: Apache-2.0 */

/* The callgate command's side of the control socket, against a service that is scripted. */

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/service.h"

static struct service service;
static int far = -1;

static void setup(void) {
        int fds[2];

        cr_assert_eq(fd_socketpair(fds), 0);
        service_open(&service, "/nowhere/at/all");
        service.fd = fds[0];
        far = fds[1];
}

static void teardown(void) {
        service_close(&service);
        far = fd_close(far);
}

TestSuite(service, .init = setup, .fini = teardown, .timeout = 300);

/* What the service will answer, before it was asked: the socket keeps it. */
static void answer(const void *bytes, size_t n) {
        cr_assert_eq(send(far, bytes, n, 0), (ssize_t)n);
}

#define ANSWER(bytes) answer(bytes, sizeof(bytes) - 1)

static int call(struct rpc_value *ret) {
        service_begin(&service, 0);
        return service_call(&service, "status", ret);
}

static int n_notified;

static int on_notification(void *data, const struct rpc_message *message) {
        n_notified++;
        return 0;
}

Test(service, answers_come_back_whatever_is_between) {
        struct rpc_value result;
        char request[64];

        service.on_notification = on_notification;
        ANSWER("\x93\x02\xa5"
               "event\x91\x01\x94\x01\x63\xc0\x07\x94\x01\x01\xc0\x81\xa1"
               "a\x05");
        cr_assert_eq(call(&result), 0);
        cr_expect(result.n == 4 && memcmp(result.bytes,
                                          "\x81\xa1"
                                          "a\x05",
                                          4) == 0);
        cr_expect_eq(n_notified, 1);
        cr_expect_eq(recv(far, request, sizeof(request), 0), 11);
        cr_expect_eq(memcmp(request, "\x94\x00\x01\xa6status\x90", 11), 0);
}

Test(service, errors_are_sentences) {
        struct rpc_value result;

        ANSWER("\x94\x01\x01\x92\x03\xa8no\x1b such\xc0");
        cr_expect_eq(call(&result), SERVICE_E_ERROR);
        cr_expect_eq(service.code, RPC_ERROR_SESSION);
        cr_expect_str_eq(buf_string(&service.sentence), "no\\x1b such");
}

Test(service, the_last_word_is_kept) {
        struct rpc_value result;

        ANSWER("\x93\x02\xa7"
               "closing\x92\x05\xa3"
               "why");
        shutdown(far, SHUT_RDWR);
        cr_expect_eq(call(&result), SERVICE_E_GONE);
        cr_expect_eq(service.code, RPC_ERROR_REFUSED);
        cr_expect_str_eq(buf_string(&service.sentence), "why");
}

Test(service, nonsense_is_told) {
        struct rpc_value result;

        ANSWER("HTTP/1.1 400 Bad Request\r\n");
        cr_expect_eq(call(&result), -EPROTO);
}

Test(service, values_as_json) {
        static const char bytes[] = "\x85\xa1"
                                    "a\x93\x01\xd0\xfb\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1"
                                    "b\xc3\xa1"
                                    "c\xc0\xa1"
                                    "d\xa3\"\n\xff\xa1"
                                    "e\x81\xa1"
                                    "f\x90";
        struct buf text = BUF_INIT(0);

        service_json(&text, (struct rpc_value){ bytes, sizeof(bytes) - 1 });
        cr_expect_str_eq(buf_string(&text), "{\"a\":[1,-5,18446744073709551615],\"b\":true,\"c\":null,"
                                            "\"d\":\"\\\"\\n\\\\xff\",\"e\":{\"f\":[]}}");
        buf_deinit(&text);
}

Test(service, lines_of_strangers) {
        struct buf text = BUF_INIT(0);

        service_put_lines(&text, "one \"1\"\n\033[2J\xff\xc2\x9b größe\n", 20);
        cr_expect_str_eq(buf_string(&text), "one \"1\"\n\\x1b[2J\\xff\\xc2\\x9b grö");
        buf_deinit(&text);
}
