/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Case files: a list of cases, or an object with the list as "cases". The same trees, places and sentences
 * as for policies.
 */

#include "policy/native/cases.h"

#include "base/error.h"
#include "policy/native/address.h"
#include "policy/native/calls.h"
#include "policy/native/read_policy.h"
#include "syscalls/names.h"
#include "syscalls/table.h"

#include <arpa/inet.h>
#include <linux/audit.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define REPEAT_MAX 100000

/* ---- the call ---- */

static void read_arch(struct policy_reader *reader, const json_t *value, struct policy_case *item) {
        const char *text = reader_text(&reader->base, value, "an architecture, such as x86_64");
        char shown[READER_SHOWN];

        item->arch = text ? arch_by_any(text) : NULL;
        if (text && !item->arch)
                policy_bad(reader, "%s is not an architecture, such as x86_64 or i386",
                           reader_quote(text, shown, sizeof(shown)));
}

static void read_bits(struct policy_reader *reader, const json_t *value, struct policy_case *item) {
        const struct arch *siblings[4];
        size_t n = arch_siblings(item->arch, siblings);
        char shown[READER_SHOWN];
        uint64_t bits;

        if (!policy_is_number(value, &bits) || (bits != 32 && bits != 64)) {
                policy_bad(reader, "%s is not 32 or 64", json_show(value, shown, sizeof(shown)));
                return;
        }
        for (size_t i = 0; i < n && item->arch->bits != bits; i++)
                if (siblings[i]->bits == bits && siblings[i]->audit != ARCH_X32)
                        item->arch = siblings[i];
        if (item->arch->bits != bits)
                policy_bad(reader, "this machine runs no programs of %llu bits", (unsigned long long)bits);
}

static void read_call(struct policy_reader *reader, const json_t *value, struct policy_case *item) {
        char shown[READER_SHOWN], hint[READER_HINT];

        item->call = policy_copy_text(reader, value, "the name of a system call");
        if (!item->call || !item->arch)
                return;
        reader_quote(item->call, shown, sizeof(shown));
        if (!syscall_known(item->call))
                policy_bad(reader, "%s is not a system call%s", shown,
                           reader_hint(hint, sizeof(hint), syscall_nearest(item->call)));
        else if (syscall_number(item->arch, item->call) < 0)
                policy_bad(reader, "%s has no call %s", item->arch->name, shown);
}

/* ---- arguments ---- */

/* O_RDWR|O_CREAT, as the architecture numbers them. */
static bool sum(const char *set, uint32_t audit, const char *text, uint64_t *ret) {
        char word[64];

        *ret = 0;
        while (*(text += strspn(text, " |"))) {
                size_t n = strcspn(text, " |");
                uint64_t value;
                char *end;

                snprintf(word, sizeof(word), "%.*s", (int)n, text);
                text += n;
                if (!strcmp(word, "AT_FDCWD")) {
                        value = (uint64_t)(int64_t)AT_FDCWD;
                } else if (*word >= '0' && *word <= '9') {
                        value = strtoull(word, &end, 0);
                        if (*end)
                                return false;
                } else if (constant_value_on(set, word, audit, &value) &&
                           constant_value_on(NULL, word, audit, &value)) {
                        return false;
                }
                *ret |= value;
        }
        return true;
}

static bool read_value(struct policy_reader *reader, const json_t *value, const char *set,
                       const struct arch *arch, uint64_t *ret) {
        char shown[READER_SHOWN];

        if (policy_is_number(value, ret))
                return true;
        if (json_is_string(value) && *json_string_value(value) &&
            sum(set, arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : arch->audit, json_string_value(value),
                ret))
                return true;
        policy_bad(reader, "%s is neither a number nor constants that %s has",
                   json_show(value, shown, sizeof(shown)), arch->name);
        return false;
}

static const struct syscall_row *row_of(const struct policy_case *item) {
        int nr = syscall_number(item->arch, item->call);
        uint32_t audit = item->arch->audit == ARCH_X32 ? AUDIT_ARCH_X86_64 : item->arch->audit;
        const struct syscall_row *row = nr < 0 ? NULL : syscall_row_of(audit, (uint32_t)nr);

        return row ? row : syscall_row(item->call);
}

static bool is_called(const struct syscall_arg *arg, const char *name) {
        if (!strcmp(arg->name, name))
                return true;
        for (const struct syscall_case *one = arg->cases; arg->kind == ARG_CASE && one->when; one++)
                if (one->arg.name && !strcmp(one->arg.name, name))
                        return true;
        return false;
}

static void read_memory_arg(struct policy_reader *reader, const char *name, const json_t *value,
                            struct policy_case *item) {
        const char *known;
        char shown[READER_SHOWN];

        for (size_t i = 0; (known = policy_memory_arg_name(item->call, i)); i++)
                if (!strcmp(known, name)) {
                        struct policy_memory_arg *arg = &item->memory_args[item->n_memory_args];

                        if (item->n_memory_args < 4 &&
                            read_value(reader, value, !strcmp(name, "flags") ? "open" : NULL, item->arch,
                                       &arg->value)) {
                                arg->name = known;
                                item->n_memory_args++;
                        }
                        return;
                }
        policy_bad(reader, "%s has no argument %s", item->call, reader_quote(name, shown, sizeof(shown)));
}

static void read_arg(struct policy_reader *reader, const char *name, const json_t *value,
                     struct policy_case *item) {
        const struct syscall_row *row = row_of(item);
        size_t index = 6;
        const char *set = NULL;

        if (!strncmp(name, "arg", 3) && name[3] >= '0' && name[3] <= '5' && !name[4])
                index = (size_t)(name[3] - '0');
        for (size_t i = 0; row && i < row->n_args; i++) {
                if (index == 6 && is_called(&row->args[i], name))
                        index = i;
                if (index == i)
                        set = row->args[i].set ? row->args[i].set->name : NULL;
        }
        if (index == 6)
                read_memory_arg(reader, name, value, item);
        else
                read_value(reader, value, set, item->arch, &item->args[index]);
}

static void read_args(struct policy_reader *reader, const json_t *value, void *to) {
        const char *name;
        json_t *arg;

        if (!reader_expect(&reader->base, value, json_is_object(value), "an object of arguments and values"))
                return;
        json_object_foreach((json_t *)value, name, arg) {
                struct reader_mark mark = policy_enter_field(reader, arg, name);

                read_arg(reader, name, arg, to);
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
}

/* ---- facts ---- */

static void add_path(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_case *item = to;
        char *path = policy_copy_text(reader, value, "a path");

        if (!path)
                return;
        if (*path != '/')
                policy_bad(reader, "is not absolute; write the path as the program sees it, from '/'");
        if (item->n_paths == 2) {
                policy_bad(reader, "is a third path; calls take two at most");
                free(path);
                return;
        }
        item->paths[item->n_paths++] = path;
}

static void read_path(struct policy_reader *reader, const json_t *value, void *to) {
        policy_each(reader, value, add_path, to);
}

static void put_unix(const char *path, struct policy_case *item) {
        struct sockaddr_un *address = (struct sockaddr_un *)&item->address;
        size_t n = strlen(path);

        address->sun_family = AF_UNIX;
        if (n > sizeof(address->sun_path) - 1)
                n = sizeof(address->sun_path) - 1;
        memcpy(address->sun_path, path, n);
        item->n_address = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + (*path != '@'));
        if (*path == '@')
                address->sun_path[0] = '\0';
}

static void read_address(struct policy_reader *reader, const json_t *value, void *to) {
        const char *text = reader_text(&reader->base, value, "an address, such as 10.0.0.1:443");
        struct policy_case *item = to;
        struct address_target target;
        char error[256] = "";

        if (!text)
                return;
        if (address_target_parse(text, &target, error, sizeof(error))) {
                policy_bad(reader, "%s", error);
        } else if (target.family == AF_UNIX) {
                put_unix(target.path, item);
        } else if (target.family == AF_INET6) {
                struct sockaddr_in6 *address = (struct sockaddr_in6 *)&item->address;

                address->sin6_family = AF_INET6;
                address->sin6_port = htons(target.port);
                memcpy(&address->sin6_addr, target.bytes, 16);
                item->n_address = sizeof(*address);
        } else if (target.family == AF_INET) {
                struct sockaddr_in *address = (struct sockaddr_in *)&item->address;

                address->sin_family = AF_INET;
                address->sin_port = htons(target.port);
                memcpy(&address->sin_addr, target.bytes, 4);
                item->n_address = sizeof(*address);
        } else {
                policy_bad(reader, "is not one address");
        }
}

static void read_program(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_case *item = to;

        free(item->program);
        item->program = policy_copy_text(reader, value, "the program's file");
}

static void read_uid(struct policy_reader *reader, const json_t *value, void *to) {
        policy_number(reader, value, UINT32_MAX, &((struct policy_case *)to)->uid);
}

static void read_gid(struct policy_reader *reader, const json_t *value, void *to) {
        policy_number(reader, value, UINT32_MAX, &((struct policy_case *)to)->gid);
}

static void read_process(struct policy_reader *reader, const json_t *value, void *to) {
        policy_number(reader, value, UINT32_MAX, &((struct policy_case *)to)->process);
}

static void read_capabilities(struct policy_reader *reader, const json_t *value, void *to) {
        ((struct policy_case *)to)->caps = policy_capabilities(reader, value);
}

static void read_labels(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_case *item = to;
        const char *name;
        json_t *label;

        if (!reader_expect(&reader->base, value, json_is_object(value), "an object of labels and texts"))
                return;
        json_object_foreach((json_t *)value, name, label) {
                struct reader_mark mark = policy_enter_field(reader, label, name);
                char *text = policy_copy_text(reader, label, "a text; put it in quotes");
                size_t n = item->n_labels;
                char **key =
                        text ? policy_grow(reader, (void **)&item->label_names, &n, sizeof(*key)) : NULL;
                char **slot = key ? policy_grow(reader, (void **)&item->label_values, &item->n_labels,
                                                sizeof(*slot))
                                  : NULL;

                if (slot) {
                        *slot = text;
                        *key = strdup(name);
                        if (!*key)
                                reader_fail(&reader->base, error_origin(-ENOMEM));
                } else {
                        free(text);
                }
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
}

static void read_repeat(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_case *item = to;

        if (policy_number(reader, value, REPEAT_MAX, &item->repeat) && !item->repeat)
                policy_bad(reader, "0 calls have no answer; write 1 or more");
}

static void read_every(struct policy_reader *reader, const json_t *value, void *to) {
        int64_t ns;

        if (policy_duration(reader, value, false, &ns) && ns <= INT64_MAX / REPEAT_MAX / 2)
                ((struct policy_case *)to)->every_ns = (uint64_t)ns;
}

/* ---- what is expected ---- */

static void expect_emulation(struct policy_reader *reader, const json_t *value,
                             struct policy_expectation *expect) {
        const char *name = reader_text(&reader->base, value, "the name of an emulation");
        char shown[READER_SHOWN];

        expect->action = POLICY_EMULATE;
        expect->emulation = name ? policy_emulation_by_name(name) : NULL;
        if (name && !expect->emulation)
                policy_bad(reader, "nothing called %s can be emulated",
                           reader_quote(name, shown, sizeof(shown)));
}

static void expect_as_rule(struct policy_reader *reader, const json_t *value,
                           struct policy_expectation *expect) {
        struct policy_rule rule = { 0 };

        policy_read_do(reader, value, &rule);
        expect->action = rule.action;
        expect->value = rule.value;
        expect->value_set = rule.action == POLICY_ERRNO || rule.action == POLICY_RETURN;
        expect->text = rule.text;
        free(rule.options);
}

static void read_expect(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_expectation *expect = &((struct policy_case *)to)->expect;
        const json_t *emulation = json_object_get(value, "emulate");
        const char *text = json_string_value(value);

        expect->action_set = true;
        for (unsigned i = 0; text && i < POLICY_N_ACTIONS; i++)
                if (!strcmp(policy_action_name((enum policy_action)i), text)) {
                        expect->action = (enum policy_action)i;
                        return;
                }
        if (emulation && json_object_size(value) == 1) {
                struct reader_mark mark = policy_enter_field(reader, emulation, "emulate");

                expect_emulation(reader, emulation, expect);
                policy_leave(reader, mark);
        } else {
                expect_as_rule(reader, value, expect);
        }
}

static void read_rule(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_case *item = to;
        const char *text = reader_text(&reader->base, value, "the name of a rule, or none");

        free(item->expect.rule);
        item->expect.rule = text ? strdup(strcmp(text, "none") != 0 ? text : "") : NULL;
        if (text && !item->expect.rule)
                reader_fail(&reader->base, error_origin(-ENOMEM));
}

static void read_where(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_expectation *expect = &((struct policy_case *)to)->expect;
        const char *text = reader_text(&reader->base, value, "kernel or notified");

        if (!text)
                return;
        expect->where_set = true;
        expect->notified = !strcmp(text, "notified");
        if (!expect->notified && strcmp(text, "kernel") != 0)
                policy_bad(reader, "is neither kernel nor notified");
}

static void read_delay(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_expectation *expect = &((struct policy_case *)to)->expect;
        int64_t ns;

        if (policy_duration(reader, value, false, &ns)) {
                expect->delay_set = true;
                expect->delay_ns = (uint64_t)ns;
        }
}

/* ---- a case ---- */

static void read_name(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_case *item = to;
        char *name = policy_copy_text(reader, value, "a name");

        if (name) {
                free(item->name);
                item->name = name;
        }
}

/* The call and its architecture: read before the rest, which depends on them. */
static void read_before(struct policy_reader *reader, const json_t *value, void *to) {
        (void)reader;
        (void)value;
        (void)to;
}

static const struct policy_field fields[] = {
        { "name", read_name },
        { "arch", read_before },
        { "bits", read_before },
        { "call", read_before },
        { "args", read_args },
        { "path", read_path },
        { "address", read_address },
        { "program", read_program },
        { "uid", read_uid },
        { "gid", read_gid },
        { "capability", read_capabilities },
        { "labels", read_labels },
        { "process", read_process },
        { "repeat", read_repeat },
        { "every", read_every },
        { "expect", read_expect },
        { "rule", read_rule },
        { "where", read_where },
        { "delay", read_delay },
};

static void read_first(struct policy_reader *reader, const json_t *value, struct policy_case *item) {
        static const struct {
                const char *name;
                void (*read)(struct policy_reader *reader, const json_t *value, struct policy_case *item);
        } first[] = { { "arch", read_arch }, { "bits", read_bits }, { "call", read_call } };

        item->arch = arch_native();
        for (size_t i = 0; i < 3 && item->arch; i++) {
                const json_t *field = json_object_get(value, first[i].name);
                struct reader_mark mark;

                if (!field || json_is_null(field))
                        continue;
                mark = policy_enter_field(reader, field, first[i].name);
                first[i].read(reader, field, item);
                policy_leave(reader, mark);
        }
        if (!json_object_get(value, "call"))
                policy_bad(reader, "lacks \"call\", the system call that is asked about");
        if (!json_object_get(value, "expect") && !json_object_get(value, "rule") &&
            !json_object_get(value, "where"))
                policy_bad(reader, "lacks \"expect\", what the policy shall say: allow, { errno: EPERM } …");
}

static void read_case(struct policy_reader *reader, const json_t *value, struct policy_cases *cases) {
        struct policy_case *item;
        size_t n_errors = reader->base.n_errors;

        if (cases->n == POLICY_CASES_MAX) {
                policy_bad(reader, "more than %d cases; write a second file", POLICY_CASES_MAX);
                reader_fail(&reader->base, POLICY_E_INVALID);
                return;
        }
        item = policy_grow(reader, (void **)&cases->items, &cases->n, sizeof(*item));
        if (!item)
                return;
        item->repeat = 1;
        item->process = 1;
        item->line = reader->base.line;
        item->column = reader->base.column;
        item->place = strdup(reader->base.place);
        item->name = strdup(reader->base.place);
        if (!item->place || !item->name) {
                reader_fail(&reader->base, error_origin(-ENOMEM));
                return;
        }
        if (!reader_expect(&reader->base, value, json_is_object(value), "a case: an object with \"call\""))
                return;
        read_first(reader, value, item);
        if (item->arch && item->call && reader->base.n_errors == n_errors)
                policy_fields(reader, value, "a case", fields, sizeof(fields) / sizeof(fields[0]), item);
}

static void read_list(struct policy_reader *reader, const json_t *value, void *to) {
        size_t i;
        json_t *item;

        if (!reader_expect(&reader->base, value, json_is_array(value), "a list of cases"))
                return;
        json_array_foreach(value, i, item) {
                struct reader_mark mark = policy_enter(reader, item, "[%zu]", i);

                read_case(reader, item, to);
                policy_leave(reader, mark);
                if (reader->base.r)
                        return;
        }
}

static const struct policy_field file_fields[] = { { "cases", read_list } };

static int read_all(const char *path, const char *bytes, size_t n, struct diags *diags,
                    struct policy_cases **ret) {
        cleanup_policy_cases struct policy_cases *cases = calloc(1, sizeof(*cases));
        struct policy_reader reader = {
                .base.diags = diags,
                .options = &(struct policy_read_options){ 0 },
        };
        size_t n_errors = diags->n_errors;
        const char *file = diags->file;

        if (!cases)
                return error_origin(-ENOMEM);
        policy_parts_read_alone(&reader, path, bytes, n);
        if (!reader.base.r && reader.parts.n) {
                reader.part = &reader.parts.items[0];
                diags->file = reader.part->file;
                if (json_is_array(reader.part->tree))
                        read_list(&reader, reader.part->tree, cases);
                else
                        policy_fields(&reader, reader.part->tree, "a list of cases", file_fields, 1, cases);
        }
        diags->file = file;
        policy_parts_deinit(&reader.parts);
        if (reader.base.r)
                return error_trace(reader.base.r);
        if (diags->n_errors > n_errors)
                return POLICY_E_INVALID;
        *ret = cases;
        cases = NULL;
        return 0;
}

int policy_cases_read_file(const char *path, struct diags *diags, struct policy_cases **ret) {
        return error_trace(read_all(path, NULL, 0, diags, ret));
}

int policy_cases_read(const char *bytes, size_t n, struct diags *diags, struct policy_cases **ret) {
        return error_trace(read_all(NULL, bytes, n, diags, ret));
}
