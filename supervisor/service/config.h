/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The configuration of the service: a YAML or JSON file, read like policies and profiles (same tree, places
 * and limits). Every key is documented in callgated(8). Immutable once read; a reload makes another one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"
#include "callgate/wire.h"
#include "policy/filter.h"
#include "proto/labels.h"

enum {
        CONFIG_E_INVALID = 64, /* diags say why */
};

#define CONFIG_OCI_MAX 16 /* sockets for container runtimes */

struct config_socket {
        char *path;   /* owned, absolute; "@name" is an abstract one; NULL: none */
        mode_t mode;  /* of the file; unless it is written: 0600, with a group 0660, for any user 0666 */
        char *group;  /* owned; whose members may connect as well: NULL: nobody */
        gid_t gid;    /* of that, looked up when read; (gid_t)-1: none */
        bool any_uid; /* peers other than root and our own user are served (agent socket: `users: any`) */
};

enum config_keeper {
        CONFIG_KEEPER_PROCESS, /* a small process of ours holds what must survive us */
        CONFIG_KEEPER_SYSTEMD, /* the service manager's descriptor store */
        CONFIG_KEEPER_NONE,
        CONFIG_KEEPER_AUTO, /* systemd where it offers a store, else a process */
};

/* What to do with a session: decided by the first rule whose `match` fits. */
struct config_rule {
        char *name; /* owned; for messages: as given, or "sessions[3]" */
        /* match: all of these; '*' in a value stands for any text (labels_match()). */
        struct labels match; /* by label */
        bool has_uid;
        uint32_t uid;
        /* What the runtime sent as listenerMetadata, as fields of a JSON object; a text that is not one
         * counts as {"profile": TEXT}. */
        struct labels metadata;

        bool refuse;          /* do not take the listener at all */
        enum wire_mode mode;  /* 0: as the metadata says, else as `mode` at the top */
        char *profile;        /* owned; name or absolute path; NULL: as the metadata says, else none */
        char *policy;         /* owned; absolute path; WIRE_MODE_POLICY */
        char *policy_text;    /* owned; canonical JSON of it, as it was when the configuration was read */
        struct filter base;   /* owned; what decides where no rule of the policy does */
        uint64_t caps;        /* of the containers, bit by number, for profiles with conditions on them */
        bool trust_metadata;  /* `trust: metadata`: who makes a container may choose enforce as well */
        bool all;             /* every occurrence goes to the outlets, not only distinct ones */
        bool include_runtime; /* calls of the runtime's own count like the workload's (`runtime: include`) */
};

enum config_outlet_kind {
        CONFIG_OUTLET_FILE,
        CONFIG_OUTLET_JOURNAL,
        CONFIG_OUTLET_FORWARD,
};

struct config_outlet {
        enum config_outlet_kind kind;
        char *name;         /* owned; for messages and metrics: "file", "forward-2", or as given */
        bool only_refusals; /* `what: refusals`: no rows of what the profile allows */

        /* file; path also of the journal, whose socket it is then (tests) */
        char *path;            /* owned, absolute */
        bool json;             /* JSON lines instead of msgpack */
        uint64_t rotate_bytes; /* 0: never */
        uint64_t rotate_ns;
        unsigned rotate_count; /* old files kept */

        /* forward */
        char *address;         /* owned; "unix:/path" or "tcp:host:port" */
        char *tag;             /* owned */
        bool acknowledge;      /* ask for the receipt of every chunk (require_ack_response) */
        char *buffer_path;     /* owned; folder of the disk buffer; NULL: memory only */
        uint64_t buffer_bytes; /* bound of it */
        uint64_t chunk_bytes;  /* a chunk is sent when it is this large … */
        uint64_t flush_ns;     /* … or this old */
        uint64_t ack_ns;       /* how long a receipt is waited for before the chunk is sent again */
        char *shared_key;      /* owned; NULL: none */
};

struct config_limits {
        unsigned sessions;         /* at once */
        unsigned sessions_per_uid; /* not for root, whose are all containers of a machine */
        unsigned connections;      /* of agent and OCI sockets, without a session yet */
        unsigned connections_per_uid;
        uint64_t event_bytes; /* waiting to be published, of one session */
        uint64_t event_bytes_per_uid;
        unsigned calls_in_flight; /* of one session: received and not answered */
        unsigned ended;           /* results of ended sessions kept for `callgate snapshot` */
};

struct config_profiles;

struct config {
        char *path;  /* of the file; NULL: all by default */
        char *state; /* folder; owned, absolute */
        struct config_socket agent, control;
        struct config_socket *oci; /* owned */
        size_t n_oci;
        char *metrics; /* owned; "127.0.0.1:9464" or "unix:/path"; NULL: none */
        enum config_keeper keeper;
        uint64_t keeper_wait_ns; /* how long the keeper waits for a successor */

        char **profile_folders; /* owned; where names of profiles are looked for */
        size_t n_profile_folders;
        enum wire_mode mode; /* for sessions no rule fits: DRY_RUN where a profile is known, else RECORD */
        struct config_rule *rules;
        size_t n_rules;

        uint64_t interval_ns; /* of distinct rows: how often counts are published */
        struct config_outlet *outlets;
        size_t n_outlets;
        struct config_limits limits;
        char *node; /* label `node` of all sessions: the host's name unless given; owned */

        struct config_profiles *profiles; /* owned; compiled before (config_profile.h) */
};

/*
 * path NULL: /etc/callgate/callgated.yaml as root, else $XDG_CONFIG_HOME/callgate/callgated.yaml, and where
 * that is not there the defaults, as with bytes that say nothing. 0, CONFIG_E_INVALID with at least one
 * diag, or -errno.
 */
int config_read_file(const char *path, struct diags *diags, struct config **ret);
int config_read(const char *bytes, size_t n, struct diags *diags, struct config **ret);
struct config *config_free(struct config *config);
/* What a running service cannot change stays as it is: config gets state folder, sockets and keeper of the
 * one in force, the very same strings, and that one gets config's. */
void config_stay(struct config *config, struct config *in_force);

/* What is to be done with a session that has these labels. */
struct assignment {
        bool refused;
        const char *rule; /* its name; NULL: none fitted. Lives as long as the config */
        enum wire_mode mode;
        char *profile;        /* owned; its name, for people and metrics; NULL: none */
        struct filter filter; /* owned; what the profile, or the base of the policy, says; empty: none */
        char *policy;         /* owned; canonical JSON; WIRE_MODE_POLICY */
        char *policy_path;    /* owned */
        bool all, include_runtime;
        bool chosen;       /* by whoever controls the service: another configuration leaves it as it is */
        char problem[512]; /* why it is not what was asked for, e.g. a profile that cannot be read: the
                            * session is recorded then, since refusing would stop a container. Empty: none */
};

/*
 * metadata: as the runtime sent it; NULL: none. A profile that cannot be found or read does not stop a dry
 * run: problem says so and it is recorded; where it was to be enforced the session is refused. A name of a
 * profile comes from strangers: it is looked for below the profile folders only, never outside. 0 or -errno.
 */
int config_assign(const struct config *config, const struct labels *labels, uint32_t uid,
                  const char *metadata, struct assignment *ret);
/* Does a rule say that nothing is taken of a launcher with these labels? Otherwise launchers choose for
 * themselves. */
bool config_refuses(const struct config *config, const struct labels *labels, uint32_t uid);
/* The same with mode and profile (NULL: none) or policy path chosen by whoever controls the service. 0,
 * CONFIG_E_INVALID with diags, or -errno. */
int config_choose(const struct config *config, enum wire_mode mode, const char *profile, const char *policy,
                  struct diags *diags, struct assignment *ret);
void assignment_deinit(struct assignment *assignment);

/* `callgated --check`: says what the configuration at path (NULL: the usual place) means. An exit code. */
int config_check(const char *path, bool json);
