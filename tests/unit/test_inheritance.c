/* SPDX-License-Identifier: Apache-2.0 */

/* What a predecessor left: found by name, given out once, and closed where nobody wants it. */

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "supervisor/service/inheritance.h"

static struct inheritance inheritance;

/* What was added, with the numbers of its descriptors: they need not follow each other. */
static struct kept add(const char *name) {
        struct kept kept = { .n_fds = 2, .fds = { eventfd(0, EFD_CLOEXEC), eventfd(0, EFD_CLOEXEC) } };

        snprintf(kept.name, sizeof(kept.name), "%s", name);
        cr_assert_eq(inheritance_add(&inheritance, &kept), 0);
        return kept;
}

static bool is_open(int fd) {
        return fcntl(fd, F_GETFD) >= 0;
}

Test(inheritance, by_name_once) {
        struct kept second = add("socket-oci-2"), first = add("socket-oci");
        int fd;

        fd = inheritance_take(&inheritance, "socket-oci");
        cr_assert_eq(fd, first.fds[0], "not one whose name only begins so");
        cr_assert_eq(inheritance_take(&inheritance, "socket-oci"), -1);
        cr_assert_eq(inheritance_take(&inheritance, "socket-agent"), -1);
        inheritance_deinit(&inheritance, NULL);
        cr_assert(is_open(fd), "whoever took it has it");
        cr_assert_not(is_open(first.fds[1]));
        cr_assert_not(is_open(second.fds[0]));
        cr_assert_not(is_open(second.fds[1]));
        close(fd);
}

Test(inheritance, all_that_begin_so) {
        struct kept kept[] = { add("connection-1-77"), add("connection-2-5"), add("connection-1-78") };

        cr_assert_eq(inheritance_take_any(&inheritance, "connection-1-"), kept[0].fds[0]);
        cr_assert_eq(inheritance_take_any(&inheritance, "connection-1-"), kept[2].fds[0]);
        cr_assert_eq(inheritance_take_any(&inheritance, "connection-1-"), -1);
        inheritance_deinit(&inheritance, NULL);
        cr_assert_not(is_open(kept[1].fds[0]));
        close(kept[0].fds[0]);
        close(kept[2].fds[0]);
}
