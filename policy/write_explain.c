/* SPDX-License-Identifier: Apache-2.0 */
/* {"default", "architectures": [{"name", "calls": [{"name", "number", "family", "action", "rule"}]}]}; a
 * call that depends on its arguments has "alternatives" instead, the first one that holds being the answer.
 */

#include "policy/write_explain.h"

#include "base/error.h"
#include "policy/call_text.h"
#include "policy/explain_internal.h"
#include "policy/match.h"
#include "policy/risk.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <inttypes.h>
#include <jansson.h>

static void put_action(json_t *object, uint32_t action) {
        unsigned data = action & SECCOMP_RET_DATA;

        json_object_set_new(object, "action", json_string(action_name(action)));
        if (action_has_errno(action))
                json_object_set_new(object, "errno", json_integer(data));
        json_object_set_new(object, "runs", json_boolean(explain_runs(action)));
}

/* skip: a bit for each condition that is known to hold. */
static json_t *alternative_object(const struct explained *explained, const struct alternative *alternative,
                                  unsigned skip) {
        json_t *object = json_object(), *when = json_array();
        struct buf text = BUF_INIT(0);

        put_action(object, alternative->action);
        for (size_t i = 0; i < alternative->n_conditions; i++) {
                if (skip & 1u << i)
                        continue;
                buf_reset(&text);
                explain_condition(&alternative->conditions[i], alternative, explained->arch, explained->row,
                                  &text);
                json_array_append_new(when, json_string(buf_string(&text)));
        }
        buf_deinit(&text);
        json_object_set_new(object, "when", when);
        json_object_set_new(object, "rule", json_string(explained->profile->rules[alternative->rule].place));
        return object;
}

static json_t *call_object(const struct explained *explained, const struct call_rules *call,
                           const char *name, uint32_t nr) {
        const struct alternative *first = call ? &explained->rules->alternatives[call->first] : NULL;
        const struct risk *risk = risk_find(name);
        json_t *object = json_object();

        json_object_set_new(object, "name", json_string(name));
        if ((int32_t)nr >= 0)
                json_object_set_new(object, "number", json_integer(nr));
        if (explained->row && explained->row->family)
                json_object_set_new(object, "family", json_string(explained->row->family));
        if (risk)
                json_object_set_new(object, "risk", json_string(risk->why));
        if (first && first->n_conditions) {
                json_t *alternatives = json_array(), *otherwise = json_object();

                for (size_t i = 0; i < call->n; i++)
                        json_array_append_new(alternatives, alternative_object(explained, first + i, 0));
                put_action(otherwise, explained->profile->default_action);
                json_object_set_new(otherwise, "rule", json_string("defaultAction"));
                json_array_append_new(alternatives, otherwise);
                json_object_set_new(object, "alternatives", alternatives);
        } else {
                put_action(object, first ? first->action : explained->profile->default_action);
                json_object_set_new(
                        object, "rule",
                        json_string(first ? explained->profile->rules[first->rule].place : "defaultAction"));
        }
        return object;
}

static json_t *arch_object(const struct profile *profile, const struct arch *arch, const char *wanted,
                           const struct explain_filter *filter, bool *ret_known) {
        struct explained explained = {
                .profile = profile,
                .arch = arch,
                .rules = match_table_arch(profile->match, arch->audit),
        };
        json_t *object = json_object(), *calls = json_array();
        uint32_t cursor = 0, nr;
        const char *name;
        int through;

        if (wanted) {
                if (rule_numbers(arch, wanted, &nr, &through)) {
                        explained.row = explain_row(arch, nr, wanted);
                        json_array_append_new(
                                calls,
                                call_object(&explained, arch_rules_find(explained.rules, nr), wanted, nr));
                        *ret_known = true;
                }
        } else {
                while ((name = syscall_next(arch, &cursor, &nr))) {
                        const struct call_rules *call = arch_rules_find(explained.rules, nr);

                        if (!explain_wants(filter, &explained, call, name))
                                continue;
                        explained.row = explain_row(arch, nr, name);
                        json_array_append_new(calls, call_object(&explained, call, name, nr));
                }
                *ret_known = true;
        }
        json_object_set_new(object, "name", json_string(arch->name));
        json_object_set_new(object, "calls", calls);
        return object;
}

int profile_explain_json(const struct profile *resolved, const char *name,
                         const struct explain_filter *filter, FILE *to) {
        json_t *object = json_object(), *archs = json_array(), *otherwise = json_object();
        bool known = false;
        int r = 0;

        if (resolved->file && *resolved->file)
                json_object_set_new(object, "file", json_string(resolved->file));
        put_action(otherwise, resolved->default_action);
        json_object_set_new(object, "default", otherwise);
        for (size_t i = 0; i < resolved->n_archs; i++)
                json_array_append_new(archs,
                                      arch_object(resolved, resolved->archs[i].arch, name, filter, &known));
        json_object_set_new(object, "architectures", archs);
        if (!known)
                r = PROFILE_E_INVALID;
        else if (json_dumpf(object, to, JSON_INDENT(2)) < 0)
                r = error_origin(-EIO);
        else
                fputc('\n', to);
        json_decref(object);
        return r;
}

static json_t *answers(const struct explained *explained, const struct call_text *call) {
        const struct call_rules *rules =
                explained->rules ? arch_rules_find(explained->rules, call->nr) : NULL;
        json_t *list = json_array(), *last = json_object();
        unsigned hold;

        for (size_t i = 0; rules && i < rules->n; i++) {
                const struct alternative *alternative = &explained->rules->alternatives[rules->first + i];
                enum explain_truth truth = explain_settle(alternative, call, &hold);

                if (truth == EXPLAIN_NO)
                        continue;
                json_array_append_new(list, alternative_object(explained, alternative, hold));
                if (truth == EXPLAIN_YES) {
                        json_decref(last);
                        return list;
                }
        }
        put_action(last, explained->rules ? explained->profile->default_action : SECCOMP_RET_KILL_THREAD);
        json_object_set_new(last, "when", json_array());
        json_object_set_new(last, "rule", json_string(explained->rules ? "defaultAction" : "architectures"));
        json_array_append_new(list, last);
        return list;
}

int profile_explain_arguments_json(const struct profile *resolved, const struct call_text *calls, size_t n,
                                   FILE *to) {
        json_t *object = json_object(), *list = json_array();
        int r = 0;

        for (size_t i = 0; i < n; i++) {
                struct explained explained = {
                        .profile = resolved,
                        .arch = calls[i].arch,
                        .rules = match_table_arch(resolved->match, calls[i].arch->audit),
                        .row = explain_row(calls[i].arch, calls[i].nr, calls[i].name),
                };
                json_t *item = json_object(), *args = json_array();

                json_object_set_new(item, "architecture", json_string(calls[i].arch->name));
                json_object_set_new(item, "name", json_string(calls[i].name));
                json_object_set_new(item, "number", json_integer(calls[i].nr));
                for (unsigned j = 0; j < calls[i].n_args; j++) {
                        char text[24]; /* JSON's numbers stop at 2^53 for many readers */

                        snprintf(text, sizeof(text), "0x%" PRIx64, calls[i].args[j]);
                        json_array_append_new(args, json_string(text));
                }
                json_object_set_new(item, "args", args);
                json_object_set_new(item, "answers", answers(&explained, &calls[i]));
                json_array_append_new(list, item);
        }
        json_object_set_new(object, "calls", list);
        if (json_dumpf(object, to, JSON_INDENT(2)) < 0)
                r = error_origin(-EIO);
        else
                fputc('\n', to);
        json_decref(object);
        return r;
}
