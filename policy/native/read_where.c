/* SPDX-License-Identifier: Apache-2.0 */

/* Conditions of a rule. */

#include "policy/native/read_policy.h"

#include "base/error.h"
#include "policy/capability.h"
#include "policy/native/address.h"
#include "policy/native/pattern.h"
#include "policy/native/quantity.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- arguments ---- */

/* What one key of a condition makes of its value. */
struct comparison {
        const char *name;
        enum condition_op op;
        bool is_list;  /* several values may be written */
        bool has_mask; /* the value is the mask, too */
        bool is_zero;  /* … and nothing of it may be there */
};
static const struct comparison comparisons[] = {
        { "not", CONDITION_NE, true, false, false },
        { "has", CONDITION_MASKED_EQ, false, true, false },
        { "lacks", CONDITION_MASKED_EQ, false, true, true },
        { "below", CONDITION_LT, false, false, false },
        { "above", CONDITION_GT, false, false, false },
        { "at-least", CONDITION_GE, false, false, false },
        { "at-most", CONDITION_LE, false, false, false },
};
#define N_COMPARISONS (sizeof(comparisons) / sizeof(comparisons[0]))

/* "O_RDWR|O_CREAT": words of letters, digits and '_', or numbers. */
static bool is_constants(const char *text) {
        bool word = false;

        for (; *text; text++) {
                if (*text == '|' || *text == ' ') {
                        if (*text == '|' && !word)
                                return false;
                        word = *text == ' ' && word;
                } else if (isalnum((unsigned char)*text) || *text == '_') {
                        word = true;
                } else {
                        return false;
                }
        }
        return word;
}

static void read_value(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_value *ret = to;
        char shown[READER_SHOWN];

        if (policy_is_number(value, &ret->number))
                return;
        if (json_is_string(value) && is_constants(json_string_value(value)))
                ret->text = policy_copy_text(reader, value, "a number or constants");
        else
                policy_bad(reader, "%s is neither a number nor constants, such as O_RDWR|O_CREAT%s",
                           json_show(value, shown, sizeof(shown)),
                           json_is_string(value) && strchr(json_string_value(value), '/')
                                   ? "; paths are a condition of their own, \"path\" beside \"args\""
                                   : "");
}

static struct policy_arg *add_arg(struct policy_reader *reader, struct policy_where *where, const char *name,
                                  enum condition_op op) {
        struct policy_arg *arg = policy_grow(reader, (void **)&where->args, &where->n_args, sizeof(*arg));

        if (!arg)
                return NULL;
        arg->op = op;
        arg->name = strdup(name);
        if (!arg->name)
                reader_fail(&reader->base, error_origin(-ENOMEM));
        return arg;
}

static void add_value(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_arg *arg = to;
        struct policy_value *item =
                policy_grow(reader, (void **)&arg->values, &arg->n_values, sizeof(*item));

        if (item && value)
                read_value(reader, value, item);
}

static void read_comparison(struct policy_reader *reader, const struct comparison *row, const json_t *value,
                            struct policy_where *where, const char *name) {
        struct policy_arg *arg = add_arg(reader, where, name, row->op);

        if (!arg)
                return;
        if (row->has_mask)
                read_value(reader, value, &arg->mask);
        if (row->is_list)
                policy_each(reader, value, add_value, arg);
        else
                add_value(reader, row->is_zero ? NULL : value, arg);
}

static void read_masked(struct policy_reader *reader, const json_t *mask, const json_t *is,
                        struct policy_where *where, const char *name) {
        struct policy_arg *arg;

        if (!mask || !is) {
                policy_bad(reader, "\"%s\" goes with \"%s\"; write { mask: 0o777, is: 0o600 }",
                           mask ? "mask" : "is", mask ? "is" : "mask");
                return;
        }
        arg = add_arg(reader, where, name, CONDITION_MASKED_EQ);
        if (!arg)
                return;
        read_value(reader, mask, &arg->mask);
        add_value(reader, is, arg);
}

static void read_comparisons(struct policy_reader *reader, const json_t *value, struct policy_where *where,
                             const char *name) {
        const json_t *mask = json_object_get(value, "mask"), *is = json_object_get(value, "is");
        char shown[READER_SHOWN], hint[READER_HINT];
        const char *names[N_COMPARISONS + 2] = { "mask", "is" }, *key;
        json_t *item;

        if (!json_object_size(value))
                policy_bad(reader, "says nothing; write a value, or one of not, mask and is, has, lacks, "
                                   "below, above, at-least, at-most");
        for (size_t i = 0; i < N_COMPARISONS; i++)
                names[i + 2] = comparisons[i].name;
        if (mask || is)
                read_masked(reader, mask, is, where, name);
        json_object_foreach((json_t *)value, key, item) {
                const struct comparison *row = NULL;
                struct reader_mark mark = policy_enter_field(reader, item, key);

                for (size_t i = 0; i < N_COMPARISONS; i++)
                        if (!strcmp(comparisons[i].name, key))
                                row = &comparisons[i];
                if (row)
                        read_comparison(reader, row, item, where, name);
                else if (item != mask && item != is)
                        policy_bad(reader, "there is no comparison %s%s",
                                   reader_quote(key, shown, sizeof(shown)),
                                   reader_hint(hint, sizeof(hint),
                                               diag_nearest(key, names, N_COMPARISONS + 2)));
                policy_leave(reader, mark);
        }
}

static void read_arg(struct policy_reader *reader, const char *name, const json_t *value,
                     struct policy_where *where) {
        struct policy_arg *arg;

        if (json_is_object(value)) {
                read_comparisons(reader, value, where, name);
                return;
        }
        arg = add_arg(reader, where, name, CONDITION_EQ);
        if (arg)
                policy_each(reader, value, add_value, arg);
}

#define ARGS_MAX 16 /* comparisons in one rule */

static void read_args(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;
        const char *name;
        json_t *item;

        if (!reader_expect(&reader->base, value, json_is_object(value),
                           "an object of arguments and conditions"))
                return;
        json_object_foreach((json_t *)value, name, item) {
                struct reader_mark mark = policy_enter_field(reader, item, name);

                read_arg(reader, name, item, where);
                if (where->n_args > ARGS_MAX)
                        policy_bad(reader, "more than %d comparisons in one rule; write several rules",
                                   ARGS_MAX);
                policy_leave(reader, mark);
                if (reader->base.r || where->n_args > ARGS_MAX)
                        return;
        }
}

/* ---- paths, programs, addresses, labels ---- */

struct patterns {
        struct policy_pattern ***items;
        size_t *n;
};

static void add_pattern(struct policy_reader *reader, const json_t *value, void *to) {
        const struct patterns *patterns = to;
        struct policy_pattern *pattern = policy_pattern(reader, value), **item;

        if (!pattern)
                return;
        item = policy_grow(reader, (void **)patterns->items, patterns->n, sizeof(*item));
        if (item)
                *item = pattern;
        else
                pattern_free(pattern);
}

/* A pattern of absolute paths that cannot match one is a mistake. */
static void add_path_pattern(struct policy_reader *reader, const json_t *value, void *to) {
        const char *text = json_string_value(value);
        char shown[READER_SHOWN];

        if (text && *text && !strchr("/~*{([?", *text)) {
                policy_bad(reader, "%s matches no path: they begin with '/' and are absolute; write **/%s",
                           reader_quote(text, shown, sizeof(shown)), strlen(text) < 40 ? text : "…");
                return;
        }
        add_pattern(reader, value, to);
}

static void read_path(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;

        policy_each(reader, value, add_path_pattern, &(struct patterns){ &where->paths, &where->n_paths });
}

static void read_program(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;

        policy_each(reader, value, add_path_pattern,
                    &(struct patterns){ &where->programs, &where->n_programs });
}

static void add_address(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;
        const char *text = reader_text(&reader->base, value, "an address");
        char error[256] = "";
        struct policy_address address = { 0 }, *item;
        int r;

        if (!text)
                return;
        r = address_parse(text, &address, error, sizeof(error));
        if (r == POLICY_E_INVALID) {
                policy_bad(reader, "%s", error);
                return;
        }
        item = r ? NULL
                 : policy_grow(reader, (void **)&where->addresses, &where->n_addresses, sizeof(*item));
        if (item) {
                *item = address;
                policy_count_pattern(reader, address.path);
        } else if (r) {
                reader_fail(&reader->base, error_trace(r));
        } else {
                address_deinit(&address);
        }
}

static void read_address(struct policy_reader *reader, const json_t *value, void *to) {
        policy_each(reader, value, add_address, to);
}

static void read_labels(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;
        const char *name;
        json_t *item;

        if (!reader_expect(&reader->base, value, json_is_object(value), "an object of labels and patterns"))
                return;
        json_object_foreach((json_t *)value, name, item) {
                struct reader_mark mark = policy_enter_field(reader, item, name);
                struct policy_pattern *pattern = policy_pattern(reader, item);
                size_t n = where->n_labels;
                char **label =
                        pattern ? policy_grow(reader, (void **)&where->labels, &n, sizeof(*label)) : NULL;
                struct policy_pattern **kept = label ? policy_grow(reader, (void **)&where->label_values,
                                                                   &where->n_labels, sizeof(*kept))
                                                     : NULL;

                if (kept) {
                        *kept = pattern;
                        *label = strdup(name);
                        if (!*label)
                                reader_fail(&reader->base, error_origin(-ENOMEM));
                } else {
                        pattern_free(pattern);
                }
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
}

/* ---- credentials ---- */

#define ID_MAX UINT32_MAX

struct ranges {
        struct policy_range **items;
        size_t *n;
};

/* "1000-1999"; false: it is no range. */
static bool range_in(const char *text, struct policy_range *ret) {
        char *end;

        if (!isdigit((unsigned char)*text))
                return false;
        errno = 0;
        ret->first = strtoull(text, &end, 10);
        if (*end != '-' || !isdigit((unsigned char)end[1]))
                return false;
        ret->last = strtoull(end + 1, &end, 10);
        return !errno && !*end && ret->last <= ID_MAX;
}

static void add_range(struct policy_reader *reader, const json_t *value, void *to) {
        const struct ranges *ranges = to;
        struct policy_range range, *item;
        char shown[READER_SHOWN];

        if (policy_is_number(value, &range.first) && range.first <= ID_MAX) {
                range.last = range.first;
        } else if (!json_is_string(value) || !range_in(json_string_value(value), &range)) {
                policy_bad(reader, "%s is neither a number nor a range such as 1000-1999",
                           json_show(value, shown, sizeof(shown)));
                return;
        } else if (range.first > range.last) {
                policy_bad(reader, "%s is an empty range; write the smaller number first",
                           json_show(value, shown, sizeof(shown)));
                return;
        }
        item = policy_grow(reader, (void **)ranges->items, ranges->n, sizeof(*item));
        if (item)
                *item = range;
}

static void read_uid(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;

        policy_each(reader, value, add_range, &(struct ranges){ &where->uids, &where->n_uids });
}

static void read_gid(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;

        policy_each(reader, value, add_range, &(struct ranges){ &where->gids, &where->n_gids });
}

static void add_capability(struct policy_reader *reader, const json_t *value, void *to) {
        const char *text = reader_text(&reader->base, value, "a capability, such as CAP_SYS_ADMIN");
        char shown[READER_SHOWN], hint[READER_HINT], full[64];
        const char *names[64];
        uint64_t *caps = to;
        int number;

        if (!text)
                return;
        snprintf(full, sizeof(full), "%s%s", strncasecmp(text, "cap_", 4) ? "CAP_" : "", text);
        for (char *c = full; *c; c++)
                *c = (char)toupper((unsigned char)*c);
        number = capability_by_name(full);
        if (number >= 0 && number < 64) {
                *caps |= 1ull << number;
                return;
        }
        for (unsigned i = 0; i < capability_count() && i < 64; i++)
                names[i] = capability_name(i);
        policy_bad(reader, "%s is not a capability%s", reader_quote(text, shown, sizeof(shown)),
                   reader_hint(hint, sizeof(hint), diag_nearest(full, names, capability_count())));
}

uint64_t policy_capabilities(struct policy_reader *reader, const json_t *value) {
        uint64_t caps = 0;

        policy_each(reader, value, add_capability, &caps);
        return caps;
}

static void read_capability(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;

        where->caps = policy_capabilities(reader, value);
        where->caps_set = where->caps;
}

static void read_bits(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;
        char shown[READER_SHOWN];
        uint64_t bits;

        if (!policy_is_number(value, &bits) || (bits != 32 && bits != 64)) {
                policy_bad(reader, "%s is not 32 or 64", json_show(value, shown, sizeof(shown)));
                return;
        }
        where->architectures_set = true;
        where->bits = (unsigned)bits;
}

/* ---- rates and counts ---- */

static void read_scope(struct policy_reader *reader, const json_t *value, void *to) {
        static const char *const scopes[] = { "session", "program", "process" };
        struct policy_where *where = to;
        const char *text = reader_text(&reader->base, value, "session, program or process");
        char shown[READER_SHOWN], hint[READER_HINT];

        if (!text)
                return;
        for (unsigned i = 0; i < 3; i++)
                if (!strcmp(scopes[i], text)) {
                        where->scope = (enum policy_scope)i;
                        return;
                }
        policy_bad(reader, "%s is not session, program or process%s",
                   reader_quote(text, shown, sizeof(shown)),
                   reader_hint(hint, sizeof(hint), diag_nearest(text, scopes, 3)));
}

/* "100/s", "10/min", "5/100ms". */
static bool rate_in(const char *text, uint64_t *ret_above, uint64_t *ret_period) {
        char period[32], *end;
        int64_t ns;

        if (!isdigit((unsigned char)*text))
                return false;
        errno = 0;
        *ret_above = strtoull(text, &end, 10);
        if (errno || *end++ != '/')
                return false;
        if (!strcmp(end, "min"))
                end = (char *)"m";
        snprintf(period, sizeof(period), "%s%s", isdigit((unsigned char)*end) ? "" : "1", end);
        if (strlen(end) > 24 || quantity_duration(period, &ns) || ns <= 0)
                return false;
        *ret_period = (uint64_t)ns;
        return true;
}

static void read_rate_above(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;
        char shown[READER_SHOWN];

        if (!json_is_string(value) || !rate_in(json_string_value(value), &where->above, &where->period_ns))
                policy_bad(reader, "%s is not a rate, such as 100/s, 10/min or 5/100ms",
                           json_show(value, shown, sizeof(shown)));
        where->above_set = true;
}

static void read_count_above(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_where *where = to;

        policy_number(reader, value, INT64_MAX, &where->above);
        where->above_set = true;
}

static void read_above(struct policy_reader *reader, const json_t *value, struct policy_where *where,
                       const struct policy_field *above, const char *example) {
        const struct policy_field fields[] = { *above, { "of", read_scope } };

        if (where->above_set) {
                policy_bad(reader, "goes not with the other of \"rate\" and \"count\"; write two rules");
                return;
        }
        if (policy_fields(reader, value, example, fields, 2, where) && !where->above_set)
                policy_bad(reader, "lacks \"above\"; write %s", example);
}

static void read_rate(struct policy_reader *reader, const json_t *value, void *to) {
        read_above(reader, value, to, &(struct policy_field){ "above", read_rate_above },
                   "{ above: 100/s, of: session }");
}

static void read_count(struct policy_reader *reader, const json_t *value, void *to) {
        read_above(reader, value, to, &(struct policy_field){ "above", read_count_above },
                   "{ above: 50, of: process }");
}

static const struct policy_field fields[] = {
        { "args", read_args },
        { "path", read_path },
        { "address", read_address },
        { "program", read_program },
        { "uid", read_uid },
        { "gid", read_gid },
        { "capability", read_capability },
        { "labels", read_labels },
        { "bits", read_bits },
        { "rate", read_rate },
        { "count", read_count },
};

void policy_read_where(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_rule *rule = to;

        policy_fields(reader, value, "an object of conditions", fields, sizeof(fields) / sizeof(fields[0]),
                      &rule->where);
}
