/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `emulate: NAME`, with or without options. What must stay true: the options that a rule keeps have the
 * names and types of the emulation's table, so that emulators need not doubt them.
 */

#include "policy/native/read_policy.h"

#include "base/error.h"
#include "policy/native/calls.h"
#include "policy/native/quantity.h"

#include <stdlib.h>
#include <string.h>

#define OPTIONS_BYTES_MAX 65536

/* Text of digits, from a variable, is a number where one is wanted. */
static void be_number(struct policy_reader *reader, json_t *options, const char *name, const json_t *value) {
        int64_t number;

        if (policy_signed(reader, value, &number) && !json_is_integer(value) &&
            json_object_set_new(options, name, json_integer(number)))
                reader_fail(&reader->base, error_origin(-ENOMEM));
}

static void check_flag(struct policy_reader *reader, json_t *options, const char *name,
                       const json_t *value) {
        const char *text = json_string_value(value);
        bool flag;

        if (text && (!strcmp(text, "true") || !strcmp(text, "false"))) {
                if (json_object_set_new(options, name, json_boolean(!strcmp(text, "true"))))
                        reader_fail(&reader->base, error_origin(-ENOMEM));
        } else {
                policy_flag(reader, value, &flag);
        }
}

static void check_date(struct policy_reader *reader, const json_t *value) {
        const char *text = reader_text(&reader->base, value, "a date; put it in quotes");
        char shown[READER_SHOWN];
        int64_t s;

        if (text && quantity_date(text, &s))
                policy_bad(reader, "%s is no date; write 2019-03-01 or 2019-03-01T12:30:00Z",
                           reader_quote(text, shown, sizeof(shown)));
}

static void check_item(struct policy_reader *reader, const json_t *value, void *to) {
        (void)to;
        reader_text(&reader->base, value, "a text; put it in quotes");
}

static void check_map(struct policy_reader *reader, const json_t *value) {
        char shown[READER_SHOWN];
        const char *key;
        json_t *item;

        if (!reader_expect(&reader->base, value, json_is_object(value), "an object of names and values"))
                return;
        json_object_foreach((json_t *)value, key, item) {
                struct reader_mark mark = policy_enter_field(reader, item, key);

                if (json_is_object(item) || json_is_null(item))
                        policy_bad(reader, "%s is not a value; here stands a text, a number or a list",
                                   json_show(item, shown, sizeof(shown)));
                policy_leave(reader, mark);
        }
}

static void check_option(struct policy_reader *reader, json_t *options, const struct policy_option *option,
                         const json_t *value) {
        uint64_t size;
        int64_t duration;

        switch (option->type) {
        case OPTION_TEXT:
                reader_text(&reader->base, value, "a text; put it in quotes");
                break;
        case OPTION_FILE:
                free(policy_path(reader, value));
                break;
        case OPTION_NUMBER:
                be_number(reader, options, option->name, value);
                break;
        case OPTION_FLAG:
                check_flag(reader, options, option->name, value);
                break;
        case OPTION_SIZE:
                policy_size(reader, value, &size);
                break;
        case OPTION_DURATION:
                policy_duration(reader, value, true, &duration);
                break;
        case OPTION_DATE:
                check_date(reader, value);
                break;
        case OPTION_LIST:
                policy_each(reader, value, check_item, NULL);
                break;
        case OPTION_MAP:
                check_map(reader, value);
                break;
        }
}

static void complain_option(struct policy_reader *reader, const struct policy_emulation *emulation,
                            const char *name) {
        char shown[READER_SHOWN], hint[READER_HINT];
        const char *names[64];
        size_t n = 0;

        for (const struct policy_option *row = emulation->options; row->name && n < 64; row++)
                names[n++] = row->name;
        policy_bad(reader, "%s has no option %s%s", emulation->name,
                   reader_quote(name, shown, sizeof(shown)),
                   n ? reader_hint(hint, sizeof(hint), diag_nearest(name, names, n)) : "; it takes none");
}

static void read_options(struct policy_reader *reader, json_t *options, struct policy_rule *rule) {
        const struct policy_emulation *emulation = rule->emulation;
        const char *name;
        json_t *value;

        if (!reader_expect(&reader->base, options, json_is_object(options), "an object of options"))
                return;
        json_object_foreach(options, name, value) {
                const struct policy_option *option = emulation->options;
                struct reader_mark mark = policy_enter_field(reader, value, name);

                while (option->name && strcmp(option->name, name) != 0)
                        option++;
                if (!option->name)
                        complain_option(reader, emulation, name);
                else
                        check_option(reader, options, option, value);
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
        rule->options = json_dumps(options, JSON_COMPACT);
        if (!rule->options)
                reader_fail(&reader->base, error_origin(-ENOMEM));
        else if (strlen(rule->options) > OPTIONS_BYTES_MAX)
                policy_bad(reader, "more than %d bytes of options; shorten them", OPTIONS_BYTES_MAX);
}

static void find(struct policy_reader *reader, const char *name, struct policy_rule *rule) {
        char shown[READER_SHOWN], hint[READER_HINT];
        const char *names[64];
        size_t n = 0;

        rule->emulation = policy_emulation_by_name(name);
        if (rule->emulation)
                return;
        for (; n < policy_emulations_n && n < 64; n++)
                names[n] = policy_emulations[n].name;
        policy_bad(reader, "nothing called %s can be emulated%s", reader_quote(name, shown, sizeof(shown)),
                   reader_hint(hint, sizeof(hint), diag_nearest(name, names, n)));
}

void policy_read_emulate(struct policy_reader *reader, const json_t *value, struct policy_rule *rule) {
        const char *name = NULL;
        json_t *options = NULL;

        if (json_is_object(value) && json_object_size(value) == 1) {
                void *entry = json_object_iter((json_t *)value);

                name = json_object_iter_key(entry);
                options = json_object_iter_value(entry);
        } else if (!json_is_object(value)) {
                name = reader_text(&reader->base, value, "the name of an emulation");
        } else {
                policy_bad(reader, "takes one emulation; write a rule for each");
        }
        if (!name)
                return;
        find(reader, name, rule);
        if (!rule->emulation)
                return;
        if (options && !json_is_null(options)) {
                struct reader_mark mark = policy_enter_field(reader, options, name);

                read_options(reader, options, rule);
                policy_leave(reader, mark);
        }
        for (const struct policy_option *row = rule->emulation->options; row->name; row++)
                if (row->required && !json_object_get(options, row->name))
                        policy_bad(reader, "%s needs the option \"%s\": %s", name, row->name, row->about);
}
