/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The file as a whole: what holds by default, what is written, and what of both cannot be.
 *
 * What must stay true: a configuration that comes out can be carried out, and no bytes make it use more than
 * a bounded amount of memory.
 */

#include "supervisor/service/config.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "supervisor/service/config_profile.h"
#include "supervisor/service/config_read.h"

#define BYTES_MAX   (1u << 20)
#define FOLDERS_MAX 64

static void socket_deinit(struct config_socket *socket) {
        free(socket->path);
        free(socket->group);
}

static void folders_deinit(struct config *config) {
        for (size_t i = 0; i < config->n_profile_folders; i++)
                free(config->profile_folders[i]);
        free(config->profile_folders);
        config->profile_folders = NULL;
        config->n_profile_folders = 0;
}

struct config *config_free(struct config *config) {
        if (!config)
                return NULL;
        free(config->path);
        free(config->state);
        socket_deinit(&config->agent);
        socket_deinit(&config->control);
        for (size_t i = 0; i < config->n_oci; i++)
                socket_deinit(&config->oci[i]);
        free(config->oci);
        free(config->metrics);
        folders_deinit(config);
        config_rules_deinit(config);
        config_outlets_deinit(config);
        free(config->node);
        config_profiles_free(config->profiles);
        free(config);
        return NULL;
}

#define SWAP(a, b)                                                                                          \
        do {                                                                                                \
                typeof(a) swapped = (a);                                                                    \
                (a) = (b);                                                                                  \
                (b) = swapped;                                                                              \
        } while (0)

void config_stay(struct config *config, struct config *in_force) {
        SWAP(config->state, in_force->state);
        SWAP(config->agent, in_force->agent);
        SWAP(config->control, in_force->control);
        SWAP(config->oci, in_force->oci);
        SWAP(config->n_oci, in_force->n_oci);
        SWAP(config->metrics, in_force->metrics);
        SWAP(config->keeper, in_force->keeper);
        SWAP(config->keeper_wait_ns, in_force->keeper_wait_ns);
}

/* ---- keys ---- */

static void add_folder(struct config_reader *reader, const json_t *value, void *to) {
        struct config *config = reader->config;
        char **folder;

        (void)to;
        if (config->n_profile_folders == FOLDERS_MAX) {
                config_bad(reader, "more than %d folders", FOLDERS_MAX);
                return;
        }
        folder = reader_grow(&reader->base, (void **)&config->profile_folders, &config->n_profile_folders,
                             sizeof(*folder));
        if (folder)
                config_path(reader, value, folder);
        if (folder && !*folder)
                config->n_profile_folders--;
}

static void read_folders(struct config_reader *reader, const json_t *value, void *to) {
        folders_deinit(reader->config);
        config_each(reader, value, add_folder, to);
}

static void read_mode(struct config_reader *reader, const json_t *value, void *to) {
        static const struct config_word words[] = {
                { "dry-run", WIRE_MODE_DRY_RUN },
                { "record", WIRE_MODE_RECORD },
                { "enforce", WIRE_MODE_ENFORCE },
        };
        int mode;

        if (config_word(reader, value, words, 3, &mode))
                *(enum wire_mode *)to = (enum wire_mode)mode;
}

static void read_keeper_kind(struct config_reader *reader, const json_t *value, void *to) {
        static const struct config_word words[] = {
                { "auto", CONFIG_KEEPER_AUTO },
                { "process", CONFIG_KEEPER_PROCESS },
                { "systemd", CONFIG_KEEPER_SYSTEMD },
                { "none", CONFIG_KEEPER_NONE },
        };
        int kind;

        if (config_word(reader, value, words, 4, &kind))
                *(enum config_keeper *)to = (enum config_keeper)kind;
}

static const struct config_key keeper_rows[] = {
        { "kind", read_keeper_kind, offsetof(struct config, keeper), NULL },
        { "wait", config_time, offsetof(struct config, keeper_wait_ns), NULL },
};
static const struct config_keys keeper_keys =
        CONFIG_KEYS("auto, process, systemd or none, or an object with kind and wait", keeper_rows);

static void read_keeper(struct config_reader *reader, const json_t *value, void *to) {
        if (json_is_string(value))
                read_keeper_kind(reader, value, &reader->config->keeper);
        else
                config_read_keys(reader, value, &keeper_keys, to);
}

static const struct config_key event_rows[] = {
        { "interval", config_time, offsetof(struct config, interval_ns), NULL },
        { "outlets", config_read_outlets, 0, &config_outlet_keys },
};
static const struct config_keys event_keys = CONFIG_KEYS("an object with interval and outlets", event_rows);

#define LIMIT(field) (offsetof(struct config, limits) + offsetof(struct config_limits, field))

static const struct config_key limit_rows[] = {
        { "sessions", config_count, LIMIT(sessions), NULL },
        { "sessions-per-uid", config_count, LIMIT(sessions_per_uid), NULL },
        { "connections", config_count, LIMIT(connections), NULL },
        { "connections-per-uid", config_count, LIMIT(connections_per_uid), NULL },
        { "event-bytes", config_size, LIMIT(event_bytes), NULL },
        { "event-bytes-per-uid", config_size, LIMIT(event_bytes_per_uid), NULL },
        { "calls-in-flight", config_count, LIMIT(calls_in_flight), NULL },
        { "ended", config_count_or_0, LIMIT(ended), NULL },
};
static const struct config_keys limit_keys = CONFIG_KEYS("an object of limits", limit_rows);

static const struct config_key rows[] = {
        { "state", config_path, offsetof(struct config, state), NULL },
        { "sockets", NULL, 0, &config_sockets_keys },
        { "profiles", read_folders, 0, NULL },
        { "mode", read_mode, offsetof(struct config, mode), NULL },
        { "sessions", config_read_rules, 0, &config_rule_keys },
        { "events", NULL, 0, &event_keys },
        { "limits", NULL, 0, &limit_keys },
        { "keeper", read_keeper, 0, &keeper_keys },
        { "node", config_text, offsetof(struct config, node), NULL },
};
const struct config_keys config_keys =
        CONFIG_KEYS("an object with sockets, profiles, sessions, events, limits and more", rows);

/* ---- the whole ---- */

/* By default the outlet follows `state`. */
static void follow_state(struct config_reader *reader, const json_t *root) {
        struct config *config = reader->config;
        char *path;

        if (!json_object_get(root, "state") || json_object_get(json_object_get(root, "events"), "outlets"))
                return;
        if (asprintf(&path, "%s/events", config->state) < 0)
                reader_fail(&reader->base, error_origin(-ENOMEM));
        else
                config_keep(&config->outlets[0].path, path);
}

/* Two sockets at one place: the second would take the first one's name away. */
static void check_sockets(struct config_reader *reader) {
        const struct config *config = reader->config;
        const char *paths[2 + CONFIG_OCI_MAX];
        char shown[READER_SHOWN];
        size_t n = 0;

        for (size_t i = 0; i < config->n_oci + 2; i++) {
                const char *path = i == 0   ? config->agent.path
                                   : i == 1 ? config->control.path
                                            : config->oci[i - 2].path;

                for (size_t j = 0; path && j < n; j++)
                        if (strcmp(paths[j], path) == 0) {
                                config_bad(reader, "sockets: %s is the path of two of them",
                                           reader_quote(path, shown, sizeof(shown)));
                                return;
                        }
                if (path)
                        paths[n++] = path;
        }
}

static void read_root(struct config_reader *reader, const json_t *root) {
        struct reader_mark mark = reader_enter_value(&reader->base, root, "%s", "");

        if (!root || json_is_null(root))
                return; /* an empty file */
        config_read_keys(reader, root, &config_keys, reader->config);
        reader_leave_value(&reader->base, mark);
        if (!reader->base.r && !reader->base.n_errors)
                follow_state(reader, root);
        if (!reader->base.r)
                check_sockets(reader);
        if (!reader->base.r && !reader->base.n_errors)
                config_rules_load(reader, json_object_get(root, "sessions"));
}

static void read_bytes(struct config_reader *reader, const char *path, const char *bytes, size_t n) {
        struct json_document document = JSON_DOCUMENT_INIT;

        if (n > BYTES_MAX) {
                config_bad(reader, "longer than %u MiB; no configuration is that large", BYTES_MAX >> 20);
                return;
        }
        if (reader_one_document(&reader->base, path, bytes, n, "a configuration", &document)) {
                reader->base.places = document.places;
                reader->base.n_places = document.n_places;
                read_root(reader, document.root);
        }
        json_document_deinit(&document);
}

static void read_file(struct config_reader *reader, const char *path) {
        struct buf buf = BUF_INIT(BYTES_MAX + 2);
        int r = buf_read_file(&buf, path, BYTES_MAX + 1);

        if (r == -ENOMEM)
                reader_fail(&reader->base, error_trace(r));
        else if (r && r != -EFBIG)
                config_bad(reader, "cannot be read: %s", strerror(-r));
        else
                read_bytes(reader, path, buf.n ? buf.data : "", r ? BYTES_MAX + 1 : buf.n);
        buf_deinit(&buf);
}

/* Where relative paths begin: the file's folder. */
static int find_folder(const char *path, char *ret, size_t size) {
        char real[PATH_MAX];

        if (!path || !realpath(path, real))
                return getcwd(ret, size) ? 0 : error_origin(-errno);
        snprintf(ret, size, "%s", dirname(real));
        return 0;
}

static int read_all(const char *path, const char *bytes, size_t n, struct diags *diags,
                    struct config **ret) {
        struct config *config = calloc(1, sizeof(*config));
        char folder[PATH_MAX] = "/";
        struct config_reader reader = { .base.diags = diags, .config = config, .folder = folder };
        size_t n_errors = diags->n_errors;
        const char *file = diags->file;
        int r;

        if (!config)
                return error_origin(-ENOMEM);
        r = config_profiles_new(&config->profiles);
        r = r ? r : config_defaults(config);
        if (!r && (path || bytes))
                r = find_folder(path, folder, sizeof(folder));
        if (!r && path) {
                config->path = strdup(path);
                r = config->path ? 0 : error_origin(-ENOMEM);
        }
        if (!r) {
                diags->file = path ? path : file;
                if (path)
                        read_file(&reader, path);
                else if (bytes)
                        read_bytes(&reader, NULL, bytes, n);
                diags->file = file;
                r = reader.base.r > 0 ? CONFIG_E_INVALID : reader.base.r;
        }
        if (!r && diags->n_errors > n_errors)
                r = CONFIG_E_INVALID;
        if (r) {
                config_free(config);
                return error_trace(r);
        }
        *ret = config;
        return 0;
}

int config_read_file(const char *path, struct diags *diags, struct config **ret) {
        char *found;
        int r;

        if (path)
                return error_trace(read_all(path, NULL, 0, diags, ret));
        found = config_default_path();
        if (!found)
                return error_origin(-ENOMEM);
        r = read_all(access(found, F_OK) == 0 ? found : NULL, NULL, 0, diags, ret);
        free(found);
        return error_trace(r);
}

int config_read(const char *bytes, size_t n, struct diags *diags, struct config **ret) {
        return error_trace(read_all(NULL, bytes, n, diags, ret));
}
