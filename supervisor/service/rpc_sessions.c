/* SPDX-License-Identifier: Apache-2.0 */

/* What is asked of single sessions on the control socket. Answers are bounded: who wants more than fits asks
 * again from where the last one ended. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "proto/event_codec.h"
#include "proto/event_map.h"
#include "proto/event_source.h"
#include "supervisor/service/config.h"
#include "supervisor/service/rpc_peer.h"

static void put_text(struct codec_writer *writer, const char *key, const char *text) {
        codec_put_string(writer, key);
        if (text)
                codec_put_stranger(writer, text, strlen(text));
        else
                codec_put_nil(writer);
}

static void put_uint(struct codec_writer *writer, const char *key, uint64_t value) {
        codec_put_string(writer, key);
        codec_put_uint(writer, value);
}

static void put_bool(struct codec_writer *writer, const char *key, bool value) {
        codec_put_string(writer, key);
        codec_put_bool(writer, value);
}

void rpc_put_labels(struct codec_writer *writer, const struct labels *labels, bool all) {
        size_t n = 0;

        for (size_t i = 0; i < labels->n; i++)
                n += all || event_source_keeps(&labels->items[i]);
        codec_put_map(writer, n);
        for (size_t i = 0; i < labels->n; i++)
                if (all || event_source_keeps(&labels->items[i])) {
                        codec_put_stranger(writer, labels->items[i].name, strlen(labels->items[i].name));
                        codec_put_stranger(writer, labels->items[i].value, strlen(labels->items[i].value));
                }
}

/* What the list shows of a session, and what more is known of a single one. */
static void put_session(struct codec_writer *writer, struct registered *registered, bool whole) {
        struct ledger ledger;

        session_ledger(registered->session, &ledger);
        codec_put_map(writer, whole ? 22 : 16);
        put_uint(writer, "session", registered->number);
        put_text(writer, "origin", registered->origin == ORIGIN_OCI ? "oci" : "agent");
        put_uint(writer, "uid", registered->uid);
        put_uint(writer, "pid", registered->pid);
        put_text(writer, "mode", rpc_mode_name(registered->mode));
        put_text(writer, "profile", registered->profile);
        put_text(writer, "rule", registered->rule);
        put_text(writer, "problem", registered->problem);
        put_uint(writer, "began_ns", registered->began_ns);
        codec_put_string(writer, "ended_ns");
        if (registry_has_ended(registered))
                codec_put_uint(writer, registered->ended_ns);
        else
                codec_put_nil(writer);
        put_uint(writer, "calls", ledger.received);
        put_uint(writer, "refused", session_refused(registered->session));
        put_uint(writer, "lost", ledger.dropped + ledger.unwritten);
        put_uint(writer, "processes",
                 registry_has_ended(registered) ? 0 : session_alive(registered->session));
        codec_put_string(writer, "labels");
        rpc_put_labels(writer, &registered->labels, whole);
        put_uint(writer, "labels_left_out", registered->labels.n_left_out);
        if (!whole)
                return;
        put_text(writer, "metadata", registered->metadata);
        put_bool(writer, "all", registered->all);
        put_bool(writer, "include_runtime", registered->include_runtime);
        put_bool(writer, "complete", ledger.dropped == 0 && ledger_balances(&ledger));
        codec_put_string(writer, "ledger");
        ledger_put_map(writer, &ledger);
        put_uint(writer, "rows", session_rows(registered->session));
}

int rpc_method_sessions(struct rpc_request *request) {
        struct labels labels = LABELS_INIT;
        struct rpc_value labels_value = { 0 };
        bool has_labels = false, alive = true, ended = false;
        uint64_t from = 0, most = RPC_ROWS_MAX;
        const struct rpc_field fields[] = {
                { "labels", RPC_VALUE, &labels_value, &has_labels },
                { "alive", RPC_BOOL, &alive, NULL },
                { "ended", RPC_BOOL, &ended, NULL },
                { "from", RPC_UINT, &from, NULL },
                { "n", RPC_UINT, &most, NULL },
        };
        struct buf parts = BUF_INIT(RPC_ANSWER_MAX);
        struct codec_writer writer;
        struct registered *at = NULL;
        size_t n = 0;
        int r = 0;

        if (request->n_params > 0)
                r = rpc_get_options(request, fields, sizeof(fields) / sizeof(fields[0]));
        if (!r && has_labels)
                r = rpc_get_labels(request, &labels_value, &labels);
        codec_writer_init(&writer, &parts);
        for (at = r ? NULL : registry_first(request->rpc->options.registry); at; at = at->next) {
                if (at->number < from || !(registry_has_ended(at) ? ended : alive) ||
                    !labels_match(&at->labels, &labels))
                        continue;
                if (n == most || n == RPC_ROWS_MAX || parts.n > RPC_PART_MAX)
                        break;
                put_session(&writer, at, false);
                n++;
        }
        labels_deinit(&labels);
        if (!r)
                r = codec_writer_finish(&writer);
        if (!r) {
                codec_put_map(request->result, 2);
                codec_put_string(request->result, "sessions");
                codec_put_array(request->result, n);
                codec_put_value(request->result, parts.data, parts.n);
                codec_put_string(request->result, "next");
                if (at)
                        codec_put_uint(request->result, at->number);
                else
                        codec_put_nil(request->result);
        }
        buf_deinit(&parts);
        return r;
}

int rpc_method_session(struct rpc_request *request) {
        struct registered *registered;
        int r = rpc_get_session(request, &registered);

        if (!r)
                put_session(request->result, registered, true);
        return r;
}

int rpc_method_close(struct rpc_request *request) {
        struct registered *registered;
        int r = rpc_get_session(request, &registered);

        if (!r && registry_has_ended(registered))
                r = rpc_refuse(request, RPC_ERROR_ENDED, "session %llu has ended already",
                               (unsigned long long)registered->number);
        if (r)
                return r;
        registry_close(request->rpc->options.registry, registered);
        codec_put_nil(request->result);
        return 0;
}

/* ---- change ---- */

struct wish {
        struct rpc_value mode, profile, policy;
        bool has_mode, has_profile, has_policy, all, has_all;
};

static int read_wish(struct rpc_request *request, struct wish *wish) {
        const struct rpc_field fields[] = {
                { "mode", RPC_TEXT, &wish->mode, &wish->has_mode },
                { "profile", RPC_TEXT, &wish->profile, &wish->has_profile },
                { "policy", RPC_TEXT, &wish->policy, &wish->has_policy },
                { "all", RPC_BOOL, &wish->all, &wish->has_all },
        };
        int r = rpc_get_options(request, fields, sizeof(fields) / sizeof(fields[0]));

        if (!r && (memchr(wish->profile.bytes ?: "", 0, wish->profile.n) ||
                   memchr(wish->policy.bytes ?: "", 0, wish->policy.n)))
                r = rpc_refuse(request, RPC_ERROR_PARAMS, "a name of a file has no NUL in it");
        return r;
}

static int mode_of(struct rpc_request *request, const struct wish *wish, const struct registered *registered,
                   enum wire_mode *ret) {
        *ret = wish->has_policy ? WIRE_MODE_POLICY : registered->mode;
        if (!wish->has_mode)
                return 0;
        for (*ret = WIRE_MODE_DRY_RUN; *ret <= WIRE_MODE_POLICY; (*ret)++) {
                const char *name = rpc_mode_name(*ret);

                if (strlen(name) == wish->mode.n && memcmp(name, wish->mode.bytes, wish->mode.n) == 0)
                        return 0;
        }
        return rpc_refuse(request, RPC_ERROR_PARAMS,
                          "'%.*s' is not a mode: record, dry-run, enforce or policy",
                          (int)(wish->mode.n < 100 ? wish->mode.n : 100), wish->mode.bytes);
}

static void say_diags(struct rpc_request *request, const struct diags *diags) {
        struct buf lines = BUF_INIT(0);
        size_t n;

        diags_put(diags, &lines, DIAG_WARNING);
        n = strlen(buf_string(&lines));
        while (n > 0 && lines.data[n - 1] == '\n')
                n--;
        rpc_refuse(request, RPC_ERROR_REFUSED, "%.*s", (int)n, buf_string(&lines));
        buf_deinit(&lines);
}

/* The profile that is at work, for another mode: what was read once need not be readable again. */
static bool keeps_profile(const struct registered *registered, const struct wish *wish,
                          enum wire_mode mode) {
        return !wish->has_profile && !wish->has_policy && registered->session->filter.n > 0 &&
               (mode == WIRE_MODE_DRY_RUN || mode == WIRE_MODE_ENFORCE) &&
               (registered->mode == WIRE_MODE_DRY_RUN || registered->mode == WIRE_MODE_ENFORCE);
}

static int keep_profile(const struct registered *registered, enum wire_mode mode, struct assignment *ret) {
        *ret = (struct assignment){ .mode = mode };
        if (registered->profile) {
                ret->profile = strdup(registered->profile);
                if (!ret->profile)
                        return error_origin(-ENOMEM);
        }
        return error_trace(filter_copy(&registered->session->filter, &ret->filter));
}

static int choose(struct rpc_request *request, const struct wish *wish, enum wire_mode mode,
                  struct assignment *ret) {
        const struct rpc_service *service = &request->rpc->options.service;
        struct diags diags = DIAGS_INIT;
        char *profile = wish->has_profile ? strndup(wish->profile.bytes, wish->profile.n) : NULL;
        char *policy = wish->has_policy ? strndup(wish->policy.bytes, wish->policy.n) : NULL;
        int r = config_choose(service->config(service->data), mode, profile, policy, &diags, ret);

        if (r == CONFIG_E_INVALID) {
                say_diags(request, &diags);
                r = RPC_ERROR_REFUSED;
        }
        diags_deinit(&diags);
        free(profile);
        free(policy);
        return error_trace(r);
}

/* again: it is what it was, read again, and whose choice it was does not change. */
static int change(struct rpc_request *request, struct registered *registered, const struct wish *wish,
                  enum wire_mode mode, bool again) {
        struct assignment assignment = { 0 };
        int r = keeps_profile(registered, wish, mode) ? keep_profile(registered, mode, &assignment)
                                                      : choose(request, wish, mode, &assignment);

        if (r) {
                assignment_deinit(&assignment);
                return r;
        }
        assignment.all = wish->has_all ? wish->all : registered->all;
        assignment.include_runtime = registered->include_runtime;
        assignment.chosen = !again || registered->chosen;
        assignment.rule = again ? registered->rule : NULL;
        r = registry_change(request->rpc->options.registry, registered, &assignment);
        if (r == -EINVAL)
                r = rpc_refuse(request, RPC_ERROR_REFUSED, "session %llu stays as it was: %s",
                               (unsigned long long)registered->number,
                               assignment.problem[0] ? assignment.problem : "that cannot be put in force");
        assignment_deinit(&assignment);
        return error_trace(r);
}

int rpc_method_change(struct rpc_request *request) {
        struct registered *registered;
        struct wish wish = { 0 };
        enum wire_mode mode;
        int r = rpc_get_session(request, &registered);

        if (!r && registry_has_ended(registered))
                r = rpc_refuse(request, RPC_ERROR_ENDED, "session %llu has ended",
                               (unsigned long long)registered->number);
        if (!r)
                r = read_wish(request, &wish);
        if (!r)
                r = mode_of(request, &wish, registered, &mode);
        if (!r)
                r = change(request, registered, &wish, mode, false);
        if (!r)
                put_session(request->result, registered, true);
        return r;
}

int rpc_reload_session(struct rpc_request *request, struct buf *lines, bool *ret_ok) {
        struct registered *registered;
        struct wish wish = { .has_policy = true };
        int r = rpc_get_session(request, &registered);

        if (!r && registry_has_ended(registered))
                r = rpc_refuse(request, RPC_ERROR_ENDED, "session %llu has ended",
                               (unsigned long long)registered->number);
        if (r)
                return r;
        if (registered->reload) {
                *ret_ok = registered->reload(registered->reload_data, lines);
                return 0;
        }
        if (!registered->policy_path)
                return rpc_refuse(request, RPC_ERROR_REFUSED, "session %llu has no policy to read again",
                                  (unsigned long long)registered->number);
        wish.policy = (struct rpc_value){ registered->policy_path, strlen(registered->policy_path) };
        r = change(request, registered, &wish, WIRE_MODE_POLICY, true);
        *ret_ok = r == 0;
        if (r == RPC_ERROR_REFUSED)
                buf_printf(lines, "%s\nthe old policy stays in force\n", buf_string(&request->sentence));
        else if (!r)
                buf_printf(lines, "%s is in force\n", registered->policy_path);
        return r == RPC_ERROR_REFUSED ? 0 : r;
}

/* ---- snapshot ---- */

static size_t put_rows(struct codec_writer *writer, const struct buf *bytes, struct session *session,
                       uint64_t *from, uint64_t most, bool raw, bool *ret_more) {
        struct event event;
        size_t n = 0;

        for (*ret_more = false; session_row(session, *from, &event) == 0; (*from)++) {
                if (event.count == 0)
                        continue;
                if (n == most || n == RPC_ROWS_MAX || bytes->n > RPC_PART_MAX) {
                        *ret_more = true;
                        break;
                }
                if (raw)
                        event_put(writer, &event);
                else
                        event_put_map(writer, &event);
                n++;
        }
        return n;
}

/* Rows are never taken away and never change their place, so a list of parts has no hole, whatever happens
 * between them. */
int rpc_method_snapshot(struct rpc_request *request) {
        struct registered *registered;
        struct buf parts = BUF_INIT(RPC_ANSWER_MAX);
        uint64_t from = 0, most = RPC_ROWS_MAX;
        bool raw = false, more = false;
        const struct rpc_field fields[] = { { "raw", RPC_BOOL, &raw, NULL } };
        struct codec_writer writer;
        struct ledger ledger;
        size_t n;
        int r = rpc_get_session(request, &registered);

        if (!r && request->n_params > 1)
                from = codec_get_uint(&request->params, SIZE_MAX);
        if (!r && request->n_params > 2)
                most = codec_get_uint(&request->params, UINT64_MAX);
        if (!r && request->n_params > 3)
                r = rpc_get_options(request, fields, 1);
        if (r || request->params.error)
                return r;
        session_ledger(registered->session, &ledger);
        codec_writer_init(&writer, &parts);
        n = put_rows(&writer, &parts, registered->session, &from, most, raw, &more);
        r = codec_writer_finish(&writer);
        if (!r) {
                codec_put_map(request->result, 4);
                codec_put_string(request->result, "rows");
                codec_put_array(request->result, n);
                codec_put_value(request->result, parts.data, parts.n);
                codec_put_string(request->result, "next");
                if (more)
                        codec_put_uint(request->result, from);
                else
                        codec_put_nil(request->result);
                put_bool(request->result, "ended", registry_has_ended(registered));
                codec_put_string(request->result, "ledger");
                if (raw)
                        ledger_put(request->result, &ledger);
                else
                        ledger_put_map(request->result, &ledger);
        }
        buf_deinit(&parts);
        return r;
}
