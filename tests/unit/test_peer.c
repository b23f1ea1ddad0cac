/* SPDX-License-Identifier: Apache-2.0 */

/* The launcher's side of a connection to a service: one that is not there, one that is, and one whose socket
 * somebody holds without answering. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/peer.h"
#include "base/fd.h"
#include "proto/frame.h"
#include "proto/message.h"

static char folder[] = "/tmp/test-peer.XXXXXX", path[64];
static int listening = -1;

static void setup(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        cr_assert(mkdtemp(folder));
        snprintf(path, sizeof(path), "%s/agent.sock", folder);
        strcpy(address.sun_path, path);
        listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        cr_assert_eq(bind(listening, (struct sockaddr *)&address, sizeof(address)), 0);
        cr_assert_eq(listen(listening, 0), 0);
}

static void teardown(void) {
        fd_close(listening);
        unlink(path);
        rmdir(folder);
}

TestSuite(peer, .init = setup, .fini = teardown, .timeout = 120);

/* What the service says, one word after each message that it gets; then it says nothing more. */
struct service {
        pthread_t thread;
        struct message words[2];
        size_t n;
        unsigned restarts; /* so many connections end first, before and after their first message */
};

static void restart(unsigned times) {
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);

        for (unsigned i = 0; i < times; i++) {
                int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
                size_t n_fds;

                if (i % 2)
                        frame_recv(fd, &payload, NULL, 0, &n_fds);
                fd_close(fd);
        }
        buf_deinit(&payload);
}

static void *serve(void *data) {
        struct service *service = data;
        struct buf payload = BUF_INIT(WIRE_FRAME_MAX);
        int fds[WIRE_FDS_MAX];
        size_t n_fds;
        int fd;

        restart(service->restarts);
        fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        /* Until the other end has had enough of it. */
        for (size_t i = 0; frame_recv(fd, &payload, fds, WIRE_FDS_MAX, &n_fds) == 0; i++) {
                for (size_t k = 0; k < n_fds; k++)
                        fd_close(fds[k]);
                if (i < service->n)
                        message_send(fd, &service->words[i], NULL, 0);
        }
        buf_deinit(&payload);
        fd_close(fd);
        return NULL;
}

/* Words may be changed as long as nobody has sent anything. */
static void begin(struct service *service) {
        service->words[0] =
                (struct message){ .number = MESSAGE_READY, .ready = { .version = WIRE_VERSION } };
        service->words[1] = (struct message){ .number = MESSAGE_GO, .go = { .session = 77 } };
        cr_assert_eq(pthread_create(&service->thread, NULL, serve, service), 0);
}

static int start_again(struct peer *peer) {
        const struct peer_options options = { .mode = WIRE_MODE_RECORD, .label = "test", .service = path };

        return peer_start(peer, &options);
}

static int start(struct peer *peer, unsigned patience_ms) {
        *peer = PEER_INIT;
        peer->patience_ms = patience_ms;
        return start_again(peer);
}

Test(peer, a_service_that_takes_the_listener) {
        struct service service = { .n = 2 };
        struct timeval limit;
        socklen_t n = sizeof(limit);
        struct peer peer;

        begin(&service);
        cr_assert_eq(start(&peer, 60000), 0);
        cr_assert_eq(peer_hand_over(&peer, listening, -1), 0, "any descriptor will do");
        cr_assert_eq(peer.session, 77);
        cr_assert_eq(getsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &n), 0);
        cr_assert(limit.tv_sec == 0 && limit.tv_usec == 0, "a result may take days");
        peer_deinit(&peer);
        pthread_join(service.thread, NULL);
}

/* The service is restarted: connections that it had not answered yet end with it. */
Test(peer, a_service_that_goes_away_at_the_start_is_looked_for_again) {
        struct service service = { .n = 1, .restarts = 2 };
        struct peer peer;

        begin(&service);
        cr_assert_eq(start(&peer, 60000), 0);
        peer_deinit(&peer);
        pthread_join(service.thread, NULL);
}

/* It was just ending when it got the listener: it says so, and has not taken it. */
Test(peer, a_service_that_ends_leaves_the_listener_to_its_successor) {
        const struct message refusal = { .number = MESSAGE_ERROR,
                                         .error = { .error = EAGAIN, .text = "ending", .n_text = 6 } };
        struct service ending = { .n = 2 }, successor = { .n = 2 };
        struct peer peer;

        begin(&ending);
        ending.words[1] = (struct message){ .number = MESSAGE_ERROR,
                                            .error = { .error = EAGAIN, .text = "ending", .n_text = 6 } };
        cr_assert_eq(start(&peer, 60000), 0);
        cr_assert_eq(peer_hand_over(&peer, listening, -1), PEER_E_AWAY);
        pthread_join(ending.thread, NULL);
        begin(&successor);
        cr_assert_eq(start_again(&peer), 0);
        cr_assert_eq(peer_hand_over(&peer, listening, -1), 0);
        peer.fd = fd_close(peer.fd);
        pthread_join(successor.thread, NULL);
        /* It was gone before it could be sent anything. */
        begin(&successor);
        cr_assert_eq(start_again(&peer), 0);
        shutdown(peer.fd, SHUT_WR);
        cr_assert_eq(peer_hand_over(&peer, listening, -1), PEER_E_AWAY);
        pthread_join(successor.thread, NULL);
        /* The same when the result is asked for. */
        begin(&ending);
        ending.words[0] = ending.words[1] = refusal;
        cr_assert_eq(peer_resume(&peer), PEER_E_GONE, "to be tried again");
        peer_deinit(&peer);
        pthread_join(ending.thread, NULL);
}

Test(peer, nobody_is_there) {
        struct peer peer;

        listening = fd_close(listening);
        cr_assert_eq(start(&peer, 60000), PEER_E_MISSING);
        cr_assert(strstr(peer.error, path));
        peer_deinit(&peer);
}

Test(peer, nobody_answers_at_any_step) {
        for (size_t n = 0; n < 2; n++) {
                const struct timeval soon = { .tv_usec = 200000 };
                struct service service = { .n = n };
                struct peer peer;
                int r;

                begin(&service);
                r = start(&peer, n == 0 ? 200 : 60000);
                if (n == 1) {
                        cr_assert_eq(r, 0);
                        setsockopt(peer.fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
                        r = peer_hand_over(&peer, listening, -1);
                }
                cr_assert_eq(r, PEER_E_GONE);
                cr_assert(strstr(peer.error, "answered"), "%s", peer.error);
                cr_assert_lt(peer.fd, 0);
                peer_deinit(&peer);
                pthread_join(service.thread, NULL);
        }
}

/* The keeper has the socket between two services, and the queue is full. */
Test(peer, nobody_accepts) {
        struct peer waiting[8], peer;
        int r = 0, n = 0;

        while (n < 8 && r != PEER_E_MISSING)
                r = start(&waiting[n++], 200);
        cr_assert_gt(n, 1);
        cr_assert_eq(r, PEER_E_MISSING, "connect(2) does not wait for ever either");
        peer = PEER_INIT;
        peer.session = 77;
        peer.service = strdup(path);
        cr_assert_eq(peer_resume(&peer), PEER_E_MISSING, "to be tried again");
        peer_deinit(&peer);
        for (int i = 0; i < n; i++)
                peer_deinit(&waiting[i]);
}
