/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/keeper.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "supervisor/service/keeper_kind.h"

int keeper_new(const struct config *config, struct keeper **ret) {
        enum config_keeper wanted = config->keeper;

        *ret = NULL;
        if (wanted == CONFIG_KEEPER_AUTO)
                wanted = keeper_systemd_offered() ? CONFIG_KEEPER_SYSTEMD : CONFIG_KEEPER_PROCESS;
        switch (wanted) {
        case CONFIG_KEEPER_SYSTEMD:
                return error_trace(keeper_systemd_new(ret));
        case CONFIG_KEEPER_PROCESS:
                return error_trace(keeper_process_new(config, ret));
        default:
                return 0;
        }
}

struct keeper *keeper_free(struct keeper *keeper) {
        if (keeper)
                keeper->kind->free(keeper);
        return NULL;
}

int keeper_take(struct keeper *keeper, struct kept *ret) {
        return error_trace(keeper->kind->take(keeper, ret));
}

int keeper_put(struct keeper *keeper, const char *name, const int *fds, size_t n_fds) {
        if (n_fds == 0 || n_fds > KEEPER_FDS_MAX || !name[0])
                return error_origin(-EINVAL);
        if (strlen(name) >= KEEPER_NAME_MAX)
                return error_origin(-ENAMETOOLONG);
        return error_trace(keeper->kind->put(keeper, name, fds, n_fds));
}

int keeper_drop(struct keeper *keeper, const char *name) {
        if (strlen(name) >= KEEPER_NAME_MAX)
                return error_origin(-ENAMETOOLONG);
        return error_trace(keeper->kind->drop(keeper, name));
}

int keeper_dismiss(struct keeper *keeper) {
        return error_trace(keeper->kind->dismiss(keeper));
}

int keeper_watch(struct keeper *keeper, uv_loop_t *loop) {
        return keeper->kind->watch ? error_trace(keeper->kind->watch(keeper, loop)) : 0;
}
