/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "supervisor/service/gate.h"

static int leave(struct inheritance *inheritance, const char *name) {
        struct kept kept = { .n_fds = 1, .fds = { eventfd(0, EFD_CLOEXEC) } };

        snprintf(kept.name, sizeof(kept.name), "%s", name);
        cr_assert_eq(inheritance_add(inheritance, &kept), 0);
        return kept.fds[0];
}

Test(gate, each_inherits_its_own_connections) {
        const struct config_socket socket = { .gid = (gid_t)-1 };
        const struct gate first = gate_of(&socket, 1, NULL), eleventh = gate_of(&socket, 11, NULL);
        struct inheritance inheritance = { 0 };
        int of_eleventh = leave(&inheritance, "connection-11-1"),
            of_first = leave(&inheritance, "connection-1-1");

        leave(&inheritance, "socket-oci");
        cr_expect_eq(gate_inherit(&first, &inheritance), of_first);
        cr_expect_eq(gate_inherit(&first, &inheritance), -1);
        cr_expect_eq(gate_inherit(&eleventh, &inheritance), of_eleventh);
        fd_close(of_first);
        fd_close(of_eleventh);
        inheritance_deinit(&inheritance, NULL);
}

Test(gate, without_a_keeper_nothing_is_kept) {
        const struct config_socket socket = { .gid = (gid_t)-1 };
        struct gate gate = gate_of(&socket, 1, NULL);

        cr_expect_eq(gate_keep(&gate, "77", STDERR_FILENO), -ENOTSUP);
}

Test(gate, who_may_stays_as_it_was) {
        struct config_socket socket = { .gid = (gid_t)-1, .any_uid = true };
        struct gate gate = gate_of(&socket, 1, NULL);
        int pair[2];

        cr_assert_eq(fd_socketpair(pair), 0);
        socket.any_uid = false;
        cr_expect(gate_may(&gate, 0, 0, pair[0]));
        fd_close(pair[0]);
        fd_close(pair[1]);
}
