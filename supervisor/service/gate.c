/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/gate.h"

#include <errno.h>
#include <stdio.h>

#include "base/error.h"
#include "supervisor/service/sockets.h"

struct gate gate_of(const struct config_socket *socket, size_t number, struct keeper *keeper) {
        return (struct gate){
                .keeper = keeper, .number = number, .gid = socket->gid, .any_uid = socket->any_uid
        };
}

bool gate_may(void *data, uint32_t uid, uint32_t gid, int fd) {
        const struct gate *gate = data;
        const struct config_socket socket = { .gid = gate->gid, .any_uid = gate->any_uid };

        (void)uid;
        (void)gid;
        return sockets_may(&socket, fd, NULL, NULL);
}

static void name_connection(const struct gate *gate, const char *name, char ret[static KEEPER_NAME_MAX]) {
        snprintf(ret, KEEPER_NAME_MAX, "connection-%zu-%s", gate->number, name);
}

int gate_keep(void *data, const char *name, int fd) {
        const struct gate *gate = data;
        char kept[KEEPER_NAME_MAX];

        if (!gate->keeper)
                return -ENOTSUP;
        name_connection(gate, name, kept);
        return error_trace(keeper_put(gate->keeper, kept, &fd, 1));
}

void gate_drop(void *data, const char *name) {
        const struct gate *gate = data;
        char kept[KEEPER_NAME_MAX];

        name_connection(gate, name, kept);
        keeper_drop(gate->keeper, kept);
}

int gate_inherit(const struct gate *gate, struct inheritance *inheritance) {
        char prefix[KEEPER_NAME_MAX];

        name_connection(gate, "", prefix);
        return inheritance_take_any(inheritance, prefix);
}
