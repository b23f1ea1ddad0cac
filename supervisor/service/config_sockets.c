/* SPDX-License-Identifier: Apache-2.0 */

/* `sockets`: where launchers, container runtimes and people connect. */

#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/error.h"
#include "supervisor/service/config_read.h"

/* A socket while it is read. */
struct draft {
        struct config_socket socket;
        bool mode_set;
};

static void draft_path(struct config_reader *reader, const json_t *value, void *to) {
        char *text = reader_copy_text(&reader->base, value, "a path"), shown[READER_SHOWN];
        struct draft *draft = to;

        if (!text)
                return;
        config_keep(&draft->socket.path, text);
        reader_quote(text, shown, sizeof(shown));
        if (*text != '/' && *text != '@')
                config_bad(reader, "%s begins neither with '/' nor, as an abstract name, with '@'", shown);
        else if (strlen(text) >= sizeof(((struct sockaddr_un *)0)->sun_path))
                config_bad(reader, "%s is longer than the %zu bytes that a socket's path may have", shown,
                           sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        else if (!text[1])
                config_bad(reader, "%s is not the path of a socket", shown);
}

/* "0660" or 0660: YAML reads the latter as octal, JSON has text only. */
static void draft_mode(struct config_reader *reader, const json_t *value, void *to) {
        struct draft *draft = to;
        const char *text = json_string_value(value);
        char shown[READER_SHOWN], *end = NULL;
        uint64_t mode = 0;

        if (text)
                mode = strtoul(text, &end, 8);
        else if (json_uint64(value, &mode) != JSON_NUMBER_OK)
                text = "";
        if (mode > 0777 || (text && (!*text || *end)))
                config_bad(reader, "%s is not the mode of a file, such as \"0660\"",
                           json_show(value, shown, sizeof(shown)));
        else if (!(mode & 0600))
                config_bad(reader, "%s keeps its owner out; write \"0600\" or more",
                           json_show(value, shown, sizeof(shown)));
        draft->socket.mode = (mode_t)mode;
        draft->mode_set = true;
}

static void draft_group(struct config_reader *reader, const json_t *value, void *to) {
        struct draft *draft = to;
        char shown[READER_SHOWN];
        const struct group *group;
        uint64_t number;

        if (json_uint64(value, &number) == JSON_NUMBER_OK && number < (gid_t)-1) {
                draft->socket.gid = (gid_t)number;
                group = getgrgid((gid_t)number);
                config_keep(&draft->socket.group, strdup(group ? group->gr_name : ""));
                return;
        }
        config_text(reader, value, &draft->socket.group);
        if (!draft->socket.group)
                return;
        group = getgrnam(draft->socket.group);
        if (group)
                draft->socket.gid = group->gr_gid;
        else
                config_bad(reader,
                           "there is no group %s on this machine; make it (groupadd -r), or leave it out",
                           reader_quote(draft->socket.group, shown, sizeof(shown)));
}

static void draft_users(struct config_reader *reader, const json_t *value, void *to) {
        static const struct config_word words[] = { { "any", 1 }, { "own", 0 } };
        struct draft *draft = to;
        int any;

        if (config_word(reader, value, words, 2, &any))
                draft->socket.any_uid = any;
}

static const struct config_key rows[] = {
        { "path", draft_path, 0, NULL },
        { "group", draft_group, 0, NULL },
        { "mode", draft_mode, 0, NULL },
        { "users", draft_users, 0, NULL },
};
static const struct config_keys config_socket_keys =
        CONFIG_KEYS("a path, or an object with path, group, mode and users", rows);

/* A text is its path. Where a socket was there already, as by default, its path stays unless another is
 * written. */
static void read_socket(struct config_reader *reader, const json_t *value, void *to) {
        struct config_socket *socket = to;
        struct draft draft = { .socket = { .path = socket->path, .mode = 0600, .gid = (gid_t)-1 } };

        free(socket->group);
        *socket = (struct config_socket){ .mode = 0600, .gid = (gid_t)-1 };
        if (config_is_off(value)) {
                free(draft.socket.path);
                return;
        }
        if (json_is_string(value))
                draft_path(reader, value, &draft);
        else
                config_read_keys(reader, value, &config_socket_keys, &draft);
        if (!draft.mode_set)
                draft.socket.mode = draft.socket.any_uid ? 0666 : draft.socket.group ? 0660 : 0600;
        *socket = draft.socket;
        if (!socket->path)
                config_bad(reader, "lacks \"path\"");
        else if (*socket->path == '@' && !socket->any_uid)
                config_warn(
                        reader, "abstract-socket",
                        "an abstract name has no owner and no mode: whoever is in this network namespace "
                        "can connect, and only root and callgated's own user are served");
}

static void add_oci(struct config_reader *reader, const json_t *value, void *to) {
        struct config *config = reader->config;
        struct config_socket *socket;

        (void)to;
        if (config->n_oci == CONFIG_OCI_MAX) {
                config_bad(reader, "more than %d sockets", CONFIG_OCI_MAX);
                return;
        }
        socket = reader_grow(&reader->base, (void **)&config->oci, &config->n_oci, sizeof(*socket));
        if (!socket)
                return;
        read_socket(reader, value, socket);
        if (!socket->path) { /* off, or wrong */
                free(socket->group);
                config->n_oci--;
        }
}

static void read_oci(struct config_reader *reader, const json_t *value, void *to) {
        struct config *config = reader->config;

        for (size_t i = 0; i < config->n_oci; i++) {
                free(config->oci[i].path);
                free(config->oci[i].group);
        }
        free(config->oci);
        config->oci = NULL;
        config->n_oci = 0;
        config_each(reader, value, add_oci, to);
}

/* "unix:/path", or a host and a port. */
static void read_metrics(struct config_reader *reader, const json_t *value, void *to) {
        char **address = to, shown[READER_SHOWN];
        const char *port;
        char *text, *end;
        unsigned long number;

        config_keep(address, NULL);
        if (config_is_off(value))
                return;
        text = reader_copy_text(&reader->base, value, "an address, such as \"127.0.0.1:9464\"");
        if (!text)
                return;
        config_keep(address, text);
        if (strncmp(text, "unix:/", 6) == 0)
                return;
        port = strrchr(text, ':');
        number = port ? strtoul(port + 1, &end, 10) : 0;
        if (!port || port == text || number == 0 || number > 65535 || *end)
                config_bad(reader,
                           "%s is not an address; write HOST:PORT, such as \"127.0.0.1:9464\", or "
                           "\"unix:/path\"",
                           reader_quote(text, shown, sizeof(shown)));
        else if (strncmp(text, "127.", 4) != 0 && strncmp(text, "[::1]:", 6) != 0 &&
                 strncmp(text, "localhost:", 10) != 0)
                config_bad(reader,
                           "%s is not an address of this machine alone, and whoever reaches it would learn "
                           "which programs run here; write 127.0.0.1, [::1] or \"unix:/path\"",
                           reader_quote(text, shown, sizeof(shown)));
}

static const struct config_key socket_rows[] = {
        { "agent", read_socket, offsetof(struct config, agent), &config_socket_keys },
        { "oci", read_oci, 0, &config_socket_keys },
        { "control", read_socket, offsetof(struct config, control), &config_socket_keys },
        { "metrics", read_metrics, offsetof(struct config, metrics), NULL },
};
const struct config_keys config_sockets_keys =
        CONFIG_KEYS("an object with agent, oci, control and metrics", socket_rows);
