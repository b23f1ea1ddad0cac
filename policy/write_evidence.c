/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Why each name is in a learnt profile, as one JSON document: how often and when it was seen, by whom, with
 * which arguments, from which code. It is what a reviewer reads before trusting the profile.
 *
 * What must stay true: every name of the profile is here with a reason, and texts of tasks come out as valid
 * JSON whatever bytes they hold.
 */

#include "policy/learn.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/error.h"
#include "policy/learn_seen.h"
#include "syscalls/names.h"

/* Takes over value, also on failure; a NULL value is a failure. */
static void set(json_t *object, const char *key, json_t *value, int *r) {
        if (json_object_set_new(object, key, value) < 0)
                *r = *r ?: -ENOMEM;
}

static void append(json_t *array, json_t *value, int *r) {
        if (json_array_append_new(array, value) < 0)
                *r = *r ?: -ENOMEM;
}

/* Text of a task: as it is where that is UTF-8, else escaped. */
static json_t *text_of(const char *text) {
        json_t *value = json_string(text);

        if (!value) {
                struct buf escaped = BUF_INIT(0);

                buf_escape(&escaped, text, strlen(text));
                value = json_string(buf_string(&escaped));
                buf_deinit(&escaped);
        }
        return value;
}

static json_t *hex(uint64_t value) {
        return json_sprintf("0x%" PRIx64, value);
}

static json_t *time_of(uint64_t ns) {
        time_t seconds = (time_t)(ns / 1000000000);
        char text[40];
        struct tm tm;

        if (ns == 0 || !gmtime_r(&seconds, &tm) ||
            strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm) == 0)
                return json_null();
        return json_sprintf("%s.%09uZ", text, (unsigned)(ns % 1000000000));
}

static json_t *archs_of(uint32_t archs, int *r) {
        json_t *array = json_array();

        for (size_t i = 0; i < arch_table_n; i++)
                if (archs & (1u << i))
                        append(array, json_string(arch_table[i].name), r);
        return array;
}

static json_t *conditions_of(const struct learn_ways *ways, int *r) {
        json_t *array = json_array();

        for (size_t i = 0; i < ways->n_ways; i++) {
                json_t *all = json_array();

                for (size_t k = 0; k < ways->n_conditions; k++) {
                        char text[96];

                        append(all,
                               json_string(condition_text(ways->conditions + i * ways->n_conditions + k,
                                                          text, sizeof(text))),
                               r);
                }
                append(array, all, r);
        }
        return array;
}

static json_t *sample_of(const struct event *event, int *r) {
        json_t *sample = json_object(), *args = json_array();

        set(sample, "comm", text_of(event->comm), r);
        set(sample, "pid", json_integer(event->pid), r);
        if (event->exe[0])
                set(sample, "exe", text_of(event->exe), r);
        for (size_t i = 0; i < EVENT_N_ARGS; i++)
                append(args, hex(event->args[i]), r);
        set(sample, "args", args, r);
        if (event->detail[0]) {
                set(sample, "detail", text_of(event->detail), r);
                set(sample, "detail_confirmed", json_boolean(event->flags & EVENT_DETAIL_OK), r);
        }
        set(sample, "ip", hex(event->ip), r);
        if (event->object[0]) {
                set(sample, "object", text_of(event->object), r);
                set(sample, "object_offset", hex(event->object_offset), r);
        }
        return sample;
}

static const char *runtime_name(const struct learn *learn, const char *name) {
        for (size_t i = 0; i < learn_runtime_calls_n; i++)
                if (strcmp(learn_runtime_calls[i].name, name) == 0 &&
                    learn_runtime_needs(learn->options.runtime, learn->options.for_no_new_privs,
                                        learn_runtime_calls + i))
                        return learn->options.runtime == LEARN_FOR_CRUN ? "crun" : "runc";
        return NULL;
}

static const struct learn_assumed *assumed_row(const char *name) {
        for (size_t i = 0; i < learn_assumed_n; i++)
                if (strcmp(learn_assumed[i].name, name) == 0)
                        return learn_assumed + i;
        return NULL;
}

/* Is the name in a rule of the profile that lets calls pass, and under which conditions? */
static bool allowed_in(const struct profile *profile, const char *name) {
        if ((profile->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ALLOW)
                return true;
        for (size_t i = 0; i < profile->n_rules; i++) {
                uint32_t action = profile->rules[i].action & SECCOMP_RET_ACTION_FULL;

                if ((action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG) &&
                    rule_has_name(profile->rules + i, name))
                        return true;
        }
        return false;
}

static json_t *reasons_of(const struct learn *learn, const char *name, const struct seen *seen, int *r) {
        const struct learn_assumed *assumed = assumed_row(name);
        const char *runtime = runtime_name(learn, name);
        json_t *reasons = json_array();

        if (seen)
                append(reasons, json_string("seen"), r);
        if (assumed)
                append(reasons, json_sprintf("assumed: %s", assumed->reason), r);
        if (runtime)
                append(reasons, json_sprintf("runtime: %s makes it after loading the filter", runtime), r);
        if (learn->options.base && allowed_in(learn->options.base, name))
                append(reasons, json_string("base"), r);
        if (learn->options.merge && allowed_in(learn->options.merge, name))
                append(reasons, json_string("merge"), r);
        return reasons;
}

static json_t *place_of(const struct place *place, int *r) {
        const struct {
                const char *key, *text;
        } rows[] = {
                { "node", place->texts.node },
                { "namespace", place->texts.namespace },
                { "pod", place->texts.pod },
                { "container", place->texts.container },
        };
        json_t *object = json_object();

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                if (rows[i].text)
                        set(object, rows[i].key, text_of(rows[i].text), r);
        return object;
}

/* On how many nodes, in how many containers of pods, and a few of these. */
static void set_places(json_t *call, const struct learn *learn, const struct place_set *seen_at, int *r) {
        struct place_set nodes = { 0 };
        json_t *shown = json_array();
        size_t n = 0, n_nodes = 0;

        for (size_t i = 0; i < learn->places.n; i++) {
                const struct place *place = learn->places.items + i;

                if (!place_set_has(seen_at, i))
                        continue;
                if (!place_set_has(&nodes, place->node)) {
                        n_nodes++;
                        *r = *r ?: place_set_add(&nodes, place->node);
                }
                if (n++ < SEEN_PLACES_MAX)
                        append(shown, place_of(place, r), r);
        }
        place_set_deinit(&nodes);
        if (n == 0) {
                json_decref(shown);
                return;
        }
        set(call, "nodes_count", json_integer((json_int_t)n_nodes), r);
        set(call, "places_count", json_integer((json_int_t)n), r);
        set(call, "places", shown, r);
}

static json_t *call_of(const struct learn *learn, const struct profile *profile, const char *name, int *r) {
        const struct seen *seen = learn_seen(learn, name);
        json_t *call = json_object();

        set(call, "name", json_string(name), r);
        set(call, "reasons", reasons_of(learn, name, seen, r), r);
        set(call, "unconditional", json_boolean(learn_allows_plainly(profile, name)), r);
        if (seen) {
                json_t *programs = json_array(), *samples = json_array();
                struct learn_ways ways;

                set(call, "count", json_integer((json_int_t)seen->count), r);
                set(call, "first", time_of(seen->first_ns), r);
                set(call, "last", time_of(seen->last_ns), r);
                set(call, "architectures", archs_of(seen->archs, r), r);
                for (size_t i = 0; i < seen->n_programs; i++) {
                        json_t *program = json_object();

                        set(program, "comm", text_of(seen->programs[i].comm), r);
                        set(program, "count", json_integer((json_int_t)seen->programs[i].count), r);
                        append(programs, program, r);
                }
                set(call, "programs", programs, r);
                if (seen->other_programs > 0)
                        set(call, "other_programs_count", json_integer((json_int_t)seen->other_programs), r);
                *r = *r ?: learn_ways(learn, seen, &ways);
                if (!*r && ways.n_ways > 0)
                        set(call, "conditions", conditions_of(&ways, r), r);
                if (!*r)
                        learn_ways_deinit(&ways);
                if (learn->options.args && (seen->blurred || seen->too_many))
                        set(call, "conditions_left_out",
                            json_string(
                                    seen->too_many
                                            ? "more alternatives than a profile should hold"
                                            : "rows were merged or architectures differ in the arguments"),
                            r);
                for (size_t i = 0; i < seen->n_samples; i++)
                        append(samples, sample_of(seen->samples + i, r), r);
                set(call, "samples", samples, r);
                set_places(call, learn, &seen->places, r);
        }
        return call;
}

static json_t *calls_of(const struct learn *learn, const struct profile *profile, int *r) {
        json_t *calls = json_array(), *names = json_object();
        const char *name;
        json_t *unused;

        /* A set, then in order: a name may stand in many rules. */
        for (size_t i = 0; i < profile->n_rules; i++) {
                uint32_t action = profile->rules[i].action & SECCOMP_RET_ACTION_FULL;

                if (action != SECCOMP_RET_ALLOW && action != SECCOMP_RET_LOG)
                        continue;
                for (size_t k = 0; k < profile->rules[i].n_names; k++)
                        set(names, profile->rules[i].names[k], json_null(), r);
        }
        for (size_t i = 0; i < learn->n_names; i++)
                set(names, learn->names[i]->name, json_null(), r);
        json_object_foreach(names, name, unused) append(calls, json_string(name), r);
        json_decref(names);
        (void)unused;
        return calls;
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *completeness_of(const struct learn *learn, int *r) {
        struct completeness completeness = learn_completeness(learn);
        json_t *object = json_object();
        struct buf text = BUF_INIT(0);

        set(object, "calls", json_integer((json_int_t)completeness.n_calls), r);
        set(object, "distinct", json_integer((json_int_t)completeness.n_distinct), r);
        set(object, "seen_once", json_integer((json_int_t)completeness.n_once), r);
        set(object, "chance_next_is_new", json_real(completeness_chance_new(&completeness)), r);
        if (completeness.n_calls > 0) {
                set(object, "first", time_of(completeness.first_ns), r);
                set(object, "last", time_of(completeness.last_ns), r);
                set(object, "last_new", time_of(completeness.last_new_ns), r);
        }
        completeness_text(&completeness, &text);
        set(object, "text", json_string(buf_string(&text)), r);
        buf_deinit(&text);
        return object;
}

static json_t *ledger_of(const struct ledger *ledger, int *r) {
        json_t *object = json_object();
        const struct {
                const char *name;
                uint64_t value;
        } rows[] = {
                { "received", ledger->received },
                { "answered", ledger->answered },
                { "gone", ledger->gone },
                { "pending", ledger->pending },
                { "recorded", ledger->recorded },
                { "dropped", ledger->dropped },
                { "interrupted", ledger->interrupted },
                { "errors", ledger->errors },
                { "merged", ledger->merged },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                set(object, rows[i].name, json_integer((json_int_t)rows[i].value), r);
        return object;
}

static json_t *unnamed_of(const struct learn *learn, int *r) {
        json_t *array = json_array();

        for (size_t i = 0; i < learn->n_unnamed; i++) {
                const struct learn_unnamed *unnamed = learn->unnamed + i;
                const struct arch *arch = arch_of_call(unnamed->arch, unnamed->nr);
                json_t *object = json_object();

                if (arch)
                        set(object, "arch", json_string(arch->name), r);
                set(object, "arch_raw", json_integer(unnamed->arch), r);
                set(object, "syscall_raw", json_integer(unnamed->nr), r);
                set(object, "count", json_integer((json_int_t)unnamed->count), r);
                set(object, "comm", text_of(unnamed->comm), r);
                append(array, object, r);
        }
        return array;
}

int learn_evidence(const struct learn *learn, const struct ledger *ledger, FILE *to) {
        cleanup_profile struct profile *profile = NULL;
        json_t *root, *calls, *sorted;
        const char **names;
        size_t n;
        int r;

        r = learn_profile(learn, &profile);
        if (r)
                return error_trace(r);
        root = json_object();
        set(root, "evidence_version", json_integer(1), &r);
        set(root, "completeness", completeness_of(learn, &r), &r);
        if (ledger)
                set(root, "ledger", ledger_of(ledger, &r), &r);
        set(root, "architectures", archs_of(learn->archs, &r), &r);
        if (learn->places.n_places > 0) {
                set(root, "nodes_count", json_integer(learn->places.n_nodes), &r);
                set(root, "places_count", json_integer(learn->places.n_places), &r);
                set(root, "places_complete", json_boolean(!learn->places.full), &r);
        }
        calls = calls_of(learn, profile, &r);
        sorted = json_array();
        n = json_array_size(calls);
        names = calloc(n + 1, sizeof(*names));
        if (!names)
                r = r ?: -ENOMEM;
        for (size_t i = 0; names && i < n; i++)
                names[i] = json_string_value(json_array_get(calls, i));
        if (names)
                qsort(names, n, sizeof(*names), compare_texts);
        for (size_t i = 0; names && !r && i < n; i++)
                append(sorted, call_of(learn, profile, names[i], &r), &r);
        free(names);
        json_decref(calls);
        set(root, "calls", sorted, &r);
        set(root, "unnamed", unnamed_of(learn, &r), &r);
        if (learn->unnamed_more > 0)
                set(root, "unnamed_more_count", json_integer((json_int_t)learn->unnamed_more), &r);
        if (!r && (json_dumpf(root, to, JSON_INDENT(2)) < 0 || fputc('\n', to) == EOF))
                r = errno > 0 ? -errno : -EIO;
        json_decref(root);
        return r ? error_origin(r) : 0;
}
