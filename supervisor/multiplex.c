/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/multiplex.h"

#include <stddef.h>
#include <string.h>

/* Indexed by the first argument: linux/net.h. n: words at the address in the second one. */
static const struct {
        const char *name;
        unsigned n;
} socket_calls[] = {
        [1] = { "socket", 3 },      [2] = { "bind", 3 },        [3] = { "connect", 3 },
        [4] = { "listen", 2 },      [5] = { "accept", 3 },      [6] = { "getsockname", 3 },
        [7] = { "getpeername", 3 }, [8] = { "socketpair", 4 },  [9] = { "sendto", 4 },
        [10] = { "recvfrom", 4 },   [11] = { "sendto", 6 },     [12] = { "recvfrom", 6 },
        [13] = { "shutdown", 2 },   [14] = { "setsockopt", 5 }, [15] = { "getsockopt", 5 },
        [16] = { "sendmsg", 3 },    [17] = { "recvmsg", 3 },    [18] = { "accept4", 4 },
        [19] = { "recvmmsg", 5 },   [20] = { "sendmmsg", 4 },
};

/* linux/ipc.h: from ipc(call, first, second, third, ptr, fifth); digits are arguments of ipc. */
static const struct {
        const char *name;
        const char *args;
} ipc_calls[] = {
        [1] = { "semop", "142" },       [2] = { "semget", "123" },   [3] = { "semctl", "1234" },
        [4] = { "semtimedop", "1425" }, [11] = { "msgsnd", "1423" }, [12] = { "msgrcv", "14253" },
        [13] = { "msgget", "12" },      [14] = { "msgctl", "124" },  [21] = { "shmat", "142" },
        [22] = { "shmdt", "4" },        [23] = { "shmget", "123" },  [24] = { "shmctl", "124" },
};

static int unpack_socketcall(struct call *call) {
        uint64_t which = call->args[0];
        uint32_t words[6] = { 0 };
        int r;

        if (which >= sizeof(socket_calls) / sizeof(socket_calls[0]) || !socket_calls[which].name)
                return 0;
        r = target_read(call, call->args[1], words, socket_calls[which].n * sizeof(words[0]));
        if (r)
                return r;
        call->name = socket_calls[which].name;
        for (size_t i = 0; i < 6; i++)
                call->args[i] = words[i];
        call->multiplexed = true;
        return 0;
}

static void unpack_ipc(struct call *call) {
        uint64_t which = call->args[0] & 0xffff, args[6] = { 0 };

        if (which >= sizeof(ipc_calls) / sizeof(ipc_calls[0]) || !ipc_calls[which].name)
                return;
        for (size_t i = 0; ipc_calls[which].args[i]; i++)
                args[i] = call->args[ipc_calls[which].args[i] - '0'];
        call->name = ipc_calls[which].name;
        memcpy(call->args, args, sizeof(args));
}

int multiplex_unpack(struct call *call) {
        if (!call->name || call->multiplexed || !call->arch || call->arch->bits != 32)
                return 0;
        if (strcmp(call->name, "socketcall") == 0)
                return unpack_socketcall(call);
        if (strcmp(call->name, "ipc") == 0)
                unpack_ipc(call);
        return 0;
}
