/* SPDX-License-Identifier: Apache-2.0 */

/* What holds where the configuration says nothing: enough for a service without a file. */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "supervisor/service/config_read.h"

#define SECOND UINT64_C(1000000000)
#define MIB    (UINT64_C(1) << 20)

/* "BASE/callgate" with BASE from the environment, or "HOME/OTHER/callgate". */
static int user_folder(const char *variable, const char *other, char *ret, size_t size) {
        const char *base = getenv(variable), *home = getenv("HOME");
        int n;

        if (base && *base == '/')
                n = snprintf(ret, size, "%s/callgate", base);
        else if (home && *home == '/')
                n = snprintf(ret, size, "%s/%s/callgate", home, other);
        else
                n = snprintf(ret, size, "/tmp/callgate-%u/%s", (unsigned)geteuid(), other);
        return n < (int)size ? 0 : error_origin(-ENAMETOOLONG);
}

static int run_folder(char *ret, size_t size) {
        const char *base = getenv("XDG_RUNTIME_DIR");
        int n;

        if (base && *base == '/')
                n = snprintf(ret, size, "%s/callgate", base);
        else
                n = snprintf(ret, size, "/run/user/%u/callgate", (unsigned)geteuid());
        return n < (int)size ? 0 : error_origin(-ENAMETOOLONG);
}

static char *join(const char *folder, const char *name) {
        char *path;

        return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static int default_sockets(struct config *config, const char *run) {
        const struct config_socket none = { .mode = 0600, .gid = (gid_t)-1 };

        config->agent = config->control = none;
        config->oci = malloc(sizeof(*config->oci));
        if (!config->oci)
                return error_origin(-ENOMEM);
        *config->oci = none;
        config->n_oci = 1;
        config->agent.path = join(run, "agent.sock");
        config->control.path = join(run, "control.sock");
        config->oci->path = join(run, "oci.sock");
        return config->agent.path && config->control.path && config->oci->path ? 0 : error_origin(-ENOMEM);
}

static int default_outlets(struct config *config) {
        struct config_outlet *outlet = calloc(1, sizeof(*outlet));

        config->outlets = outlet;
        if (!outlet)
                return error_origin(-ENOMEM);
        config->n_outlets = 1;
        *outlet = (struct config_outlet){
                .kind = CONFIG_OUTLET_FILE,
                .name = strdup("file"),
                .path = join(config->state, "events"),
                .rotate_bytes = 64 * MIB,
                .rotate_ns = 24 * 3600 * SECOND,
                .rotate_count = 8,
        };
        return outlet->name && outlet->path ? 0 : error_origin(-ENOMEM);
}

static int default_folders(struct config *config, const char *state, const char *settings) {
        config->state = strdup(state);
        config->profile_folders = malloc(sizeof(*config->profile_folders));
        if (!config->state || !config->profile_folders)
                return error_origin(-ENOMEM);
        *config->profile_folders = join(settings, "profiles");
        config->n_profile_folders = 1;
        return *config->profile_folders ? 0 : error_origin(-ENOMEM);
}

static int default_node(struct config *config) {
        char name[HOST_NAME_MAX + 1] = "";

        if (gethostname(name, sizeof(name) - 1) != 0 || !name[0])
                snprintf(name, sizeof(name), "localhost");
        config->node = strdup(name);
        return config->node ? 0 : error_origin(-ENOMEM);
}

static int settings_folder(char *ret, size_t size) {
        if (geteuid() != 0)
                return error_trace(user_folder("XDG_CONFIG_HOME", ".config", ret, size));
        snprintf(ret, size, "/etc/callgate");
        return 0;
}

char *config_default_path(void) {
        char folder[PATH_MAX];

        return settings_folder(folder, sizeof(folder)) ? NULL : join(folder, "callgated.yaml");
}

int config_defaults(struct config *config) {
        char run[PATH_MAX] = "/run/callgate", state[PATH_MAX] = "/var/lib/callgate";
        char settings[PATH_MAX];
        int r = settings_folder(settings, sizeof(settings));

        if (geteuid() != 0) {
                r = r ? r : run_folder(run, sizeof(run));
                r = r ? r : user_folder("XDG_STATE_HOME", ".local/state", state, sizeof(state));
        }
        config->keeper = CONFIG_KEEPER_AUTO;
        config->keeper_wait_ns = 300 * SECOND;
        config->interval_ns = 10 * SECOND;
        config->limits = (struct config_limits){
                .sessions = 4096,
                .sessions_per_uid = 1024,
                .connections = 1024,
                .connections_per_uid = 256,
                .event_bytes = 4 * MIB,
                .event_bytes_per_uid = 64 * MIB,
                .calls_in_flight = 256,
                .ended = 1000,
        };
        r = r ? r : default_folders(config, state, settings);
        r = r ? r : default_sockets(config, run);
        r = r ? r : default_outlets(config);
        r = r ? r : default_node(config);
        return error_trace(r);
}
