/* SPDX-License-Identifier: Apache-2.0 */
/* What systemd hands over and is told. Each part runs in a process of its own, with descriptors as systemd
 * puts them. */

#include "supervisor/service/manager.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* The number of the row that does not hold, or 0. */
static int in_child(int (*part)(void)) {
        pid_t pid = fork();
        int status;

        cr_assert_geq(pid, 0);
        if (pid == 0)
                _exit(part());
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1000;
}

static void hand_over(const char *names, int n) {
        int null = open("/dev/null", O_RDONLY);
        char number[16];

        for (int fd = 3; fd < 3 + n; fd++)
                if (dup2(null, fd) < 0)
                        _exit(100);
        snprintf(number, sizeof(number), "%d", (int)getpid());
        setenv("LISTEN_PID", number, 1);
        snprintf(number, sizeof(number), "%d", n);
        setenv("LISTEN_FDS", number, 1);
        setenv("LISTEN_FDNAMES", names, 1);
}

static int takes_by_name(void) {
        char name[64];

        hand_over("control:session-2:agent:session-1:agent", 5);
        if (manager_take_fd("agent") != 5)
                return 1;
        if (getenv("LISTEN_FDS"))
                return 2;
        if (!(fcntl(5, F_GETFD) & FD_CLOEXEC))
                return 3;
        if (manager_take_fd("agent") != 7 || manager_take_fd("agent") != -1)
                return 4;
        if (manager_take_next("session-", name, sizeof(name)) != 4 || strcmp(name, "session-2") != 0)
                return 5;
        if (manager_take_next("session-", name, sizeof(name)) != 6 || strcmp(name, "session-1") != 0)
                return 6;
        if (manager_take_next("session-", name, sizeof(name)) != -1)
                return 7;
        return manager_take_fd("oci") == -1 ? 0 : 8;
}

static int nobody_hands_over(void) {
        unsetenv("LISTEN_PID");
        unsetenv("LISTEN_FDS");
        unsetenv("NOTIFY_SOCKET");
        unsetenv("WATCHDOG_USEC");
        manager_ready("fine");
        manager_reloading();
        manager_watchdog();
        manager_stopping();
        if (manager_watchdog_ms() != 0)
                return 1;
        return manager_take_fd("agent") == -1 ? 0 : 2;
}

/* Descriptors for another process are none of ours. */
static int meant_for_another(void) {
        hand_over("agent", 1);
        setenv("LISTEN_PID", "1", 1);
        return manager_take_fd("agent") == -1 ? 0 : 1;
}

static bool told(int fd, const char *words) {
        char text[1024];
        ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

        text[n > 0 ? n : 0] = '\0';
        return n > 0 && strstr(text, words);
}

static int tells(void) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t n = sizeof(address);
        char name[sizeof(address.sun_path) + 1];

        /* A name of the kernel's choice. */
        if (bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)) != 0 ||
            getsockname(fd, (struct sockaddr *)&address, &n) != 0)
                return 1;
        snprintf(name, sizeof(name), "@%.*s", (int)(n - offsetof(struct sockaddr_un, sun_path) - 1),
                 address.sun_path + 1);
        setenv("NOTIFY_SOCKET", name, 1);
        manager_ready("serving; 3 sessions");
        if (!told(fd, "READY=1\nSTATUS=serving; 3 sessions"))
                return 2;
        manager_reloading();
        if (!told(fd, "RELOADING=1\nMONOTONIC_USEC="))
                return 3;
        manager_watchdog();
        if (!told(fd, "WATCHDOG=1"))
                return 4;
        manager_status("100% well");
        if (!told(fd, "STATUS=100% well"))
                return 5;
        manager_stopping();
        return told(fd, "STOPPING=1") ? 0 : 6;
}

static int watchdog_is_fed_twice_as_often(void) {
        setenv("WATCHDOG_USEC", "30000000", 1);
        unsetenv("WATCHDOG_PID");
        if (manager_watchdog_ms() != 15000)
                return 1;
        setenv("WATCHDOG_PID", "1", 1);
        return manager_watchdog_ms() == 0 ? 0 : 2;
}

Test(manager, takes_descriptors_by_name) {
        cr_expect_eq(in_child(takes_by_name), 0);
        cr_expect_eq(in_child(meant_for_another), 0);
}

Test(manager, nothing_happens_without_one) {
        cr_expect_eq(in_child(nobody_hands_over), 0);
}

Test(manager, tells_systemd) {
        cr_expect_eq(in_child(tells), 0);
        cr_expect_eq(in_child(watchdog_is_fed_twice_as_often), 0);
}
