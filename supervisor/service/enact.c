/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/enact.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fd.h"
#include "policy/native/read.h"
#include "supervisor/policing.h"
#include "supervisor/service/adopt.h"
#include "supervisor/service/keeper.h"
#include "supervisor/service/log.h"

static int add_labels(struct policing *policing, const struct labels *labels) {
        int r = 0;

        for (size_t i = 0; i < labels->n && !r; i++) {
                char *line;

                if (asprintf(&line, "%s=%s", labels->items[i].name, labels->items[i].value) < 0)
                        return error_origin(-ENOMEM);
                r = policing_add_label(policing, line);
                free(line);
        }
        return error_trace(r);
}

/* Where somebody could take the session over, its journal is in memory that can be handed to him. */
static int begin_session(const struct registry_options *options, struct registration *registration,
                         struct session_options *wanted, struct session **ret) {
        int r = options->keeper ? journal_new(true, &wanted->journal) : 0;

        if (r)
                return error_trace(r);
        r = session_new(options->kernel, fd_take(&registration->listener_fd),
                        fd_take(&registration->sink_fd), wanted, ret);
        if (r)
                journal_free(wanted->journal);
        return error_trace(r);
}

/* Nobody is there to be asked: questions are answered as after their time-out. old: of the session; NULL:
 * none. */
static int begin_policing(const struct assignment *assignment, const struct labels *labels,
                          struct policing *old, struct policing **ret, char *problem, size_t n_problem) {
        struct policy_read_options options = { .folder = "/" };
        struct diags diags = DIAGS_INIT;
        struct policy *policy;
        int r = policy_read(assignment->policy, strlen(assignment->policy), &options, &diags, &policy);

        diags_deinit(&diags);
        if (!r)
                r = old ? policing_new_beside(old, policy, ret, problem, n_problem)
                        : policing_new(policy, NULL, ret, problem, n_problem);
        if (r)
                return error_trace(r);
        r = add_labels(*ret, labels);
        if (r)
                *ret = policing_free(*ret);
        return error_trace(r);
}

static unsigned calls_in_flight(const struct config *config) {
        return config ? config->limits.calls_in_flight : 0;
}

static int options_of(const struct config *config, const struct registered *registered,
                      const struct assignment *assignment, struct session_options *ret, char *problem,
                      size_t n_problem) {
        *ret = (struct session_options){
                .mode = assignment->mode,
                .label = assignment->profile,
                .runtime = registered->origin == ORIGIN_OCI && !assignment->include_runtime,
                .runtime_pid = registered->origin == ORIGIN_OCI ? registered->pid : 0,
                .launcher = registered->origin == ORIGIN_AGENT ? registered->pid : 0,
                .filter = &assignment->filter,
                .calls_in_flight = calls_in_flight(config),
        };
        if (assignment->mode != WIRE_MODE_POLICY)
                return 0;
        return error_trace(begin_policing(assignment, &registered->labels,
                                          registered->session ? registered->session->policing : NULL,
                                          &ret->policing, problem, n_problem));
}

static void replace(char **to, char *text) {
        free(*to);
        *to = text;
}

static void note(struct registered *registered, struct assignment *assignment) {
        registered->mode = assignment->mode;
        registered->all = assignment->all;
        registered->include_runtime = assignment->include_runtime;
        registered->chosen = assignment->chosen;
        replace(&registered->rule, assignment->rule ? strdup(assignment->rule) : NULL);
        replace(&registered->profile, assignment->profile);
        assignment->profile = NULL;
        replace(&registered->policy_path, assignment->policy_path);
        assignment->policy_path = NULL;
        replace(&registered->problem, assignment->problem[0] ? strdup(assignment->problem) : NULL);
}

static struct log_limiter refusals; /* the loop's thread only */

/* A policy that cannot be put in force must not let through what it would refuse. */
static int begin_assigned(const struct registry_options *options, struct registration *registration,
                          struct registered *registered) {
        struct assignment assignment = { 0 };
        struct session_options wanted;
        int r = config_assign(options->config, &registered->labels, registered->uid, registered->metadata,
                              &assignment);

        if (!r && assignment.refused) {
                if (assignment.problem[0])
                        log_limited(&refusals, LOG_LEVEL_WARNING,
                                    "a session that was to be enforced is refused: %s", assignment.problem);
                r = REGISTRY_E_REFUSED;
        }
        if (!r)
                r = options_of(options->config, registered, &assignment, &wanted, assignment.problem,
                               sizeof(assignment.problem));
        if (r) {
                assignment_deinit(&assignment);
                return r == POLICY_E_INVALID ? REGISTRY_E_REFUSED : error_trace(r);
        }
        r = begin_session(options, registration, &wanted, &registered->session);
        if (r)
                policing_free(wanted.policing);
        else
                note(registered, &assignment);
        assignment_deinit(&assignment);
        return error_trace(r);
}

/* ---- of a predecessor ---- */

/* What it was is not known: as if it had just come. */
static int assign_anew(const struct config *config, struct adopted *adopted) {
        const struct labels none = LABELS_INIT;
        struct assignment assignment = { 0 };
        int r = config_assign(config, &none, 0, NULL, &assignment);

        if (r)
                return error_trace(r);
        adopted->mode = assignment.mode;
        adopted->filter = assignment.filter;
        adopted->policy = assignment.policy;
        adopted->profile = assignment.profile;
        assignment.filter = FILTER_INIT;
        assignment.policy = assignment.profile = NULL;
        assignment_deinit(&assignment);
        return 0;
}

static int police_again(const struct adopted *adopted, struct policing **ret) {
        struct assignment assignment = { .policy = adopted->policy };
        char problem[256];
        int r = begin_policing(&assignment, &adopted->policing_labels, NULL, ret, problem, sizeof(problem));

        return r > 0 ? error_origin(-EINVAL) : error_trace(r);
}

static void take_text(char **to, char **from) {
        replace(to, *from);
        *from = NULL;
}

static int begin_adopted(const struct registry_options *options, struct registration *registration,
                         struct registered *registered) {
        struct adopted *adopted = registration->adopted;
        int r = adopted->described ? 0 : assign_anew(options->config, adopted);
        struct session_options wanted = {
                .mode = adopted->mode,
                .decode_all = adopted->decode_all,
                .label = adopted->label,
                .calls_in_flight = calls_in_flight(options->config),
                .launcher = adopted->launcher,
                .runtime = adopted->runtime,
                .runtime_pid = adopted->runtime_pid,
                .filter = &adopted->filter,
                .journal = adopted->journal,
        };

        if (!r && adopted->mode == WIRE_MODE_POLICY)
                r = police_again(adopted, &wanted.policing);
        if (r)
                return error_trace(r);
        r = session_adopt(options->kernel, fd_take(&registration->listener_fd), &wanted,
                          &registered->session);
        if (r) {
                policing_free(wanted.policing);
                return error_trace(r);
        }
        /* Without its number the first call of all tells which process is the runtime: that may be long ago.
         */
        if (adopted->runtime_pid == 0)
                stage_init(&registered->session->stage, options->kernel, false, 0);
        adopted->journal = NULL;
        registered->number = adopted->number;
        registered->began_ns = adopted->began_ns;
        registered->mode = adopted->mode;
        registered->all = adopted->all;
        registered->include_runtime = adopted->include_runtime;
        registered->chosen = adopted->chosen;
        take_text(&registered->rule, &adopted->rule);
        take_text(&registered->profile, &adopted->profile);
        take_text(&registered->policy_path, &adopted->policy_path);
        take_text(&registered->problem, &adopted->problem);
        if (adopted->kept != JOURNAL_WHOLE && !registered->problem)
                registered->problem = strdup("what was recorded before callgated was restarted is lost");
        return 0;
}

int enact_begin(const struct registry_options *options, struct registration *registration,
                struct registered *registered) {
        struct session_options wanted;

        if (registration->adopted)
                return error_trace(begin_adopted(options, registration, registered));
        if (!registration->options)
                return error_trace(begin_assigned(options, registration, registered));
        if (options->config && config_refuses(options->config, &registered->labels, registered->uid))
                return REGISTRY_E_REFUSED;
        wanted = *registration->options;
        wanted.calls_in_flight = calls_in_flight(options->config);
        registered->mode = wanted.mode;
        return error_trace(begin_session(options, registration, &wanted, &registered->session));
}

int enact_change(const struct config *config, struct registered *registered, struct assignment *assignment) {
        struct session_options wanted;
        int r = options_of(config, registered, assignment, &wanted, assignment->problem,
                           sizeof(assignment->problem));

        if (!r)
                r = session_change(registered->session, &wanted);
        if (r) {
                policing_free(wanted.policing);
                return r == POLICY_E_INVALID ? error_origin(-EINVAL) : error_trace(r);
        }
        note(registered, assignment);
        /* As it was before, for a successor, rather than not at all. */
        if (registered->session->journal->fd >= 0 && adopt_write(registered) != 0)
                log_say(LOG_LEVEL_WARNING, "session %llu: a successor will find it as it was before",
                        (unsigned long long)registered->number);
        return 0;
}

static void name_of(const struct registered *registered, char name[KEEPER_NAME_MAX]) {
        snprintf(name, KEEPER_NAME_MAX, "session-%llu", (unsigned long long)registered->number);
}

int enact_keep(struct keeper *keeper, const struct registered *registered, bool is_there) {
        const struct session *session = registered->session;
        const int fds[] = { session->listener_fd, session->journal->fd };
        char name[KEEPER_NAME_MAX];
        int r = adopt_write(registered);

        if (r || is_there)
                return error_trace(r);
        name_of(registered, name);
        return error_trace(keeper_put(keeper, name, fds, fds[1] >= 0 ? 2 : 1));
}

void enact_drop(struct keeper *keeper, const struct registered *registered) {
        char name[KEEPER_NAME_MAX];

        name_of(registered, name);
        keeper_drop(keeper, name);
}
