/* SPDX-License-Identifier: Apache-2.0 */
/* {"pid", "name", "mode", "filters": [{"instructions", "program"}], "architectures": [{"name", "calls":
 * [{"name", "number", "actions": [{"action", "errno"}], "runs"}]}]}. More than one action: it depends on the
 * arguments. "runs" is null then, if some run and some do not. */

#include "policy/write_inspect.h"

#include "base/error.h"
#include "policy/disassemble.h"
#include "policy/explain.h"
#include "policy/model.h"
#include "policy/risk.h"
#include "syscalls/names.h"

#include <jansson.h>
#include <string.h>

static json_t *actions_array(const struct inspect_verdict *verdict) {
        json_t *array = json_array();

        for (size_t i = 0; i < verdict->n; i++) {
                json_t *object = json_object();

                json_object_set_new(object, "action", json_string(action_name(verdict->actions[i])));
                if (action_has_errno(verdict->actions[i]))
                        json_object_set_new(object, "errno",
                                            json_integer(verdict->actions[i] & SECCOMP_RET_DATA));
                json_array_append_new(array, object);
        }
        return array;
}

static json_t *runs_value(const struct inspect_verdict *verdict) {
        size_t n = 0;

        for (size_t i = 0; i < verdict->n; i++)
                n += explain_runs(verdict->actions[i]);
        return !n ? json_false() : n == verdict->n ? json_true() : json_null();
}

static int put_arch(json_t *to, const struct filter *filters, size_t n, const struct arch *arch,
                    const struct inspect_options *options) {
        json_t *object = json_object(), *calls = json_array();
        uint32_t cursor = 0, nr;
        const char *name;
        int r = 0;

        while (!r && (name = syscall_next(arch, &cursor, &nr))) {
                struct inspect_verdict verdict;
                json_t *call;

                if (options->risky && !risk_find(name))
                        continue;
                r = inspect_call(filters, n, arch, nr, &verdict);
                if (r)
                        break;
                call = json_object();
                json_object_set_new(call, "name", json_string(name));
                json_object_set_new(call, "number", json_integer(nr));
                json_object_set_new(call, "actions", actions_array(&verdict));
                json_object_set_new(call, "runs", runs_value(&verdict));
                json_array_append_new(calls, call);
        }
        json_object_set_new(object, "name", json_string(arch->name));
        json_object_set_new(object, "calls", calls);
        json_array_append_new(to, object);
        return error_trace(r);
}

static int put_filters(json_t *to, const struct inspect_about *about, const struct filter *filters,
                       size_t n) {
        int r = 0;

        for (size_t i = 0; !r && i < n; i++) {
                struct buf text = BUF_INIT(0);
                json_t *object = json_object();

                json_object_set_new(object, "instructions", json_integer((json_int_t)filters[i].n));
                json_object_set_new(object, "logs", json_boolean(about->logs && about->logs[i]));
                if (about->programs) {
                        r = filter_disassemble(&filters[i], &text);
                        json_object_set_new(object, "program", json_string(buf_string(&text)));
                }
                json_array_append_new(to, object);
                buf_deinit(&text);
        }
        return error_trace(r);
}

static json_t *name_string(const char *name) {
        json_t *string = json_string(name);
        struct buf escaped = BUF_INIT(0);

        if (string)
                return string;
        buf_escape(&escaped, name, strlen(name)); /* any bytes may name a task */
        string = json_string(buf_string(&escaped));
        buf_deinit(&escaped);
        return string;
}

int inspect_json(const struct inspect_about *about, const struct filter *filters, size_t n,
                 const struct inspect_options *options, FILE *to) {
        static const char *const modes[] = { "none", "strict", "filter" };
        json_t *object = json_object(), *array = json_array(), *archs = json_array();
        const struct arch *arches[5];
        size_t n_arches = inspect_arches(options, arches);
        int r = 0;

        json_object_set_new(object, "pid", json_integer(about->pid));
        json_object_set_new(object, "name", name_string(about->name));
        json_object_set_new(object, "mode",
                            about->mode < 0 || about->mode > 2 ? json_null()
                                                               : json_string(modes[about->mode]));
        if (about->n_filters >= 0)
                json_object_set_new(object, "n_filters", json_integer(about->n_filters));
        if (about->no_new_privs >= 0)
                json_object_set_new(object, "no_new_privs", json_boolean(about->no_new_privs));
        if (about->trouble) {
                json_object_set_new(object, "trouble", json_string(about->trouble));
        } else {
                r = put_filters(array, about, filters, n);
                for (size_t i = 0; !r && i < n_arches; i++)
                        r = put_arch(archs, filters, n, arches[i], options);
                json_object_set(object, "filters", array);
                json_object_set(object, "architectures", archs);
        }
        if (!r && json_dumpf(object, to, JSON_INDENT(2)) < 0)
                r = error_origin(-EIO);
        if (!r)
                fputc('\n', to);
        json_decref(array);
        json_decref(archs);
        json_decref(object);
        return error_trace(r);
}
