/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explains rule by rule. The calls of a rule are put together where they are decided in the same place for
 * the same reason; where architectures differ, they are told apart.
 */

#include "policy/native/write_explain.h"

#include "base/error.h"
#include "policy/native/calls.h"
#include "policy/native/compile.h"
#include "policy/native/read_policy.h"
#include "syscalls/names.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define MARGIN 12 /* of the text beside labels */

static const char *const layer_words[] = {
        [POLICY_IN_KERNEL] = "kernel",
        [POLICY_NOTIFIED] = "notified",
        [POLICY_UNREACHED] = "unreached",
        [POLICY_NEVER] = "never",
};

/* ---- words ---- */

static size_t columns(const char *text, size_t n) {
        size_t columns = 0;

        for (size_t i = 0; i < n; i++)
                columns += ((unsigned char)text[i] & 0xc0) != 0x80;
        return columns;
}

/* A label and a text that goes on below itself. Words longer than a line are not cut: they are names. */
static void put_labelled(const char *label, const char *text, unsigned width, struct buf *to) {
        size_t at = MARGIN, room = width > MARGIN + 20 ? width : 0;

        buf_printf(to, "  %-*s", MARGIN - 2, label);
        while (*text) {
                size_t n = strcspn(text, " "), n_columns = columns(text, n);

                if (room && at > MARGIN && at + 1 + n_columns > room) {
                        buf_printf(to, "\n%*s", MARGIN, "");
                        at = MARGIN;
                } else if (at > MARGIN) {
                        buf_putc(to, ' ');
                        at++;
                }
                buf_put(to, text, n);
                at += n_columns;
                text += n + (text[n] == ' ');
        }
        buf_putc(to, '\n');
}

static void put_flow(const json_t *value, struct buf *to);

static void put_pairs(const json_t *object, struct buf *to) {
        bool first = true;
        const char *key;
        json_t *item;

        json_object_foreach((json_t *)object, key, item) {
                if (!first)
                        buf_puts(to, ", ");
                first = false;
                buf_escape(to, key, strlen(key));
                buf_puts(to, ": ");
                put_flow(item, to);
        }
}

/* As YAML's flow form, without the quotes that it would need. */
static void put_flow(const json_t *value, struct buf *to) {
        size_t i;
        json_t *item;

        if (json_is_object(value)) {
                buf_puts(to, "{ ");
                put_pairs(value, to);
                buf_puts(to, " }");
        } else if (json_is_array(value)) {
                buf_putc(to, '[');
                json_array_foreach(value, i, item) {
                        if (i)
                                buf_puts(to, ", ");
                        put_flow(item, to);
                }
                buf_putc(to, ']');
        } else if (json_is_string(value) && !json_is_number_text(value)) {
                buf_escape(to, json_string_value(value), json_string_length(value));
        } else {
                char shown[64];

                buf_puts(to, json_show(value, shown, sizeof(shown)));
        }
}

static json_t *source_of(const struct policy_rule *rule) {
        struct json_document document = JSON_DOCUMENT_INIT;
        struct diags diags = DIAGS_INIT;
        json_t *root = NULL;

        if (rule->source && !json_document_read(rule->source, strlen(rule->source), &diags, &document))
                root = json_incref(document.root);
        json_document_deinit(&document);
        diags_deinit(&diags);
        return root;
}

void policy_where_text(const struct policy_rule *rule, struct buf *to) {
        json_t *source = source_of(rule);
        const json_t *where = json_object_get(source, "where");
        const json_t *args = json_object_get(where, "args");
        size_t n = to->n;
        const char *key;
        json_t *item;

        if (args)
                put_pairs(args, to);
        json_object_foreach((json_t *)where, key, item) {
                if (item == args)
                        continue;
                if (to->n > n)
                        buf_puts(to, ", ");
                buf_printf(to, "%s: ", key);
                put_flow(item, to);
        }
        if (to->n == n)
                buf_puts(to, "always");
        json_decref(source);
}

static void put_duration(int64_t ns, struct buf *to) {
        if (ns % 1000000000 == 0)
                buf_printf(to, "%" PRId64 " s", ns / 1000000000);
        else
                buf_printf(to, "%" PRId64 ".%03" PRId64 " s", ns / 1000000000, ns / 1000000 % 1000);
}

static void put_errno(int value, struct buf *to) {
        const char *name = value ? strerrorname_np(value) : "0 (pretended success)";

        if (name)
                buf_puts(to, name);
        else
                buf_printf(to, "%d", value);
}

static void put_text(const char *text, struct buf *to) {
        size_t n = text ? strlen(text) : 0;

        buf_escape(to, text, n > 60 ? 60 : n);
        buf_puts(to, n > 60 ? "…" : "");
}

static void put_action(const struct policy_rule *rule, struct buf *to) {
        static const char *const contents[] = {
                [POLICY_TEXT] = "text", [POLICY_FILE] = "file", [POLICY_TEMPLATE] = "template"
        };

        buf_printf(to, "%s ", policy_action_name(rule->action));
        switch (rule->action) {
        case POLICY_ERRNO:
                put_errno((int)rule->value, to);
                break;
        case POLICY_RETURN:
                buf_printf(to, "%" PRId64, rule->value);
                break;
        case POLICY_REDIRECT:
                put_text(rule->text, to);
                break;
        case POLICY_SUBSTITUTE:
                buf_printf(to, "%s ", contents[rule->content]);
                put_text(rule->text, to);
                break;
        case POLICY_EMULATE:
                buf_puts(to, rule->emulation->name);
                if (rule->options && strcmp(rule->options, "{}") != 0) {
                        json_t *options = json_loads(rule->options, JSON_DECODE_ANY, NULL);

                        buf_putc(to, ' ');
                        put_flow(options, to);
                        json_decref(options);
                }
                break;
        case POLICY_DELAY:
                put_duration(rule->value, to);
                buf_puts(to, ", then the rules below");
                break;
        case POLICY_ASK:
                put_duration(rule->value, to);
                buf_puts(to, ", otherwise ");
                if (rule->otherwise == POLICY_ALLOW)
                        buf_puts(to, "allow");
                else
                        put_errno(rule->otherwise_errno, to);
                break;
        case POLICY_ALLOW:
        case POLICY_LOG:
        case POLICY_KILL:
                to->n--;
                to->data[to->n] = '\0';
                break;
        }
}

void policy_do_text(const struct policy_rule *rule, struct buf *to) {
        put_action(rule, to);
        if (rule->log && rule->action != POLICY_LOG)
                buf_puts(to, ", recorded");
        if (rule->advisory)
                buf_puts(to, ", advisory: no protection");
}

/* ---- where it is decided ---- */

/* One call on the native architecture and those that differ from it. */
struct decision {
        const char *call;
        const struct arch *arch; /* NULL: on all that have the call */
        enum policy_layer layer;
        const char *reason;
};

struct decisions {
        struct decision *items;
        size_t n;
        int r;
};

static void add(struct decisions *decisions, struct decision decision) {
        struct decision *grown;

        if (decisions->r)
                return;
        if (!(decisions->n & (decisions->n - 1))) {
                grown = reallocarray(decisions->items, decisions->n ? decisions->n * 2 : 1, sizeof(*grown));
                if (!grown) {
                        decisions->r = error_origin(-ENOMEM);
                        return;
                }
                decisions->items = grown;
        }
        decisions->items[decisions->n++] = decision;
}

static bool same_reason(const char *a, const char *b) {
        return a == b || (a && b && !strcmp(a, b));
}

static void decide(const struct policy *policy, size_t rule, const char *call, struct decisions *decisions) {
        const struct arch *archs[5] = { arch_native() };
        size_t n = 1 + arch_siblings(archs[0], archs + 1), n_found = 0;
        struct decision found[5];
        bool same = true;

        for (size_t i = 0; i < n; i++) {
                struct decision *one = &found[n_found];

                if (syscall_number(archs[i], call) < 0)
                        continue;
                *one = (struct decision){ .call = call, .arch = archs[i] };
                one->layer = policy_layer(policy, rule, archs[i], call, &one->reason);
                same &= one->layer == found[0].layer && same_reason(one->reason, found[0].reason);
                n_found++;
        }
        if (!n_found)
                add(decisions, (struct decision){ .call = call,
                                                  .layer = POLICY_NEVER,
                                                  .reason = "this machine has no such call" });
        for (size_t i = 0; i < (same && n_found ? 1 : n_found); i++) {
                if (same || archs[0] == found[i].arch)
                        found[i].arch = NULL;
                add(decisions, found[i]);
        }
}

static int decisions_of(const struct policy *policy, size_t rule, const char *call,
                        struct decisions *decisions) {
        const struct policy_rule *of = &policy->rules[rule];

        *decisions = (struct decisions){ 0 };
        for (size_t i = 0; i < of->n_calls && !decisions->r; i++)
                if (!call || !strcmp(of->calls[i], call))
                        decide(policy, rule, of->calls[i], decisions);
        return decisions->r;
}

/* The calls from i on that are decided alike, as one line; they are marked by their call becoming NULL. */
static void put_alike(struct decisions *decisions, size_t i, unsigned width, struct buf *to) {
        const struct decision first = decisions->items[i];
        struct buf line = BUF_INIT(0);

        for (size_t k = i; k < decisions->n; k++) {
                struct decision *one = &decisions->items[k];

                if (!one->call || one->layer != first.layer || !same_reason(one->reason, first.reason))
                        continue;
                buf_printf(&line, "%s%s%s%s", line.n ? ", " : "", one->arch ? one->arch->name : "",
                           one->arch ? ":" : "", one->call);
                one->call = NULL;
        }
        if (first.reason)
                buf_printf(&line, ": %s", first.reason);
        put_labelled(layer_words[first.layer], buf_string(&line), width, to);
        buf_deinit(&line);
}

/* ---- text ---- */

static int put_rule(const struct policy *policy, size_t i, const char *call, unsigned width,
                    struct buf *to) {
        const struct policy_rule *rule = &policy->rules[i];
        struct decisions decisions;
        struct buf text = BUF_INIT(0);
        int r = decisions_of(policy, i, call, &decisions);

        buf_putc(to, '\n');
        buf_escape(to, rule->name, strlen(rule->name));
        buf_puts(to, "  (");
        buf_escape(to, rule->file, strlen(rule->file));
        buf_printf(to, ":%u)\n", rule->line);
        policy_where_text(rule, &text);
        put_labelled("when", buf_string(&text), width, to);
        buf_reset(&text);
        policy_do_text(rule, &text);
        put_labelled("does", buf_string(&text), width, to);
        if (rule->message) {
                buf_reset(&text);
                buf_escape(&text, rule->message, strlen(rule->message));
                put_labelled("message", buf_string(&text), width, to);
        }
        for (size_t k = 0; !r && k < decisions.n; k++)
                if (decisions.items[k].call)
                        put_alike(&decisions, k, width, to);
        buf_deinit(&text);
        free(decisions.items);
        return error_trace(r);
}

static void put_otherwise(const struct policy *policy, struct buf *to) {
        if (policy->base) {
                buf_puts(to, "what the base ");
                buf_escape(to, policy->base_path ? policy->base_path : "profile",
                           strlen(policy->base_path ? policy->base_path : "profile"));
                buf_puts(to, " says");
        } else {
                buf_puts(to, policy_action_name(policy->fallback));
                if (policy->fallback == POLICY_ERRNO) {
                        buf_putc(to, ' ');
                        put_errno(policy->fallback_errno, to);
                }
        }
}

static void put_mount(const struct policy_mount *mount, unsigned width, struct buf *to) {
        static const char *const kinds[] = {
                [POLICY_BIND] = "bind", [POLICY_OVERLAY] = "overlay", [POLICY_TMPFS] = "tmpfs"
        };
        struct buf text = BUF_INIT(0);

        buf_escape(&text, mount->to, strlen(mount->to));
        if (mount->from) {
                buf_puts(&text, mount->kind == POLICY_BIND ? " shows " : ", changes go to ");
                buf_escape(&text, mount->from, strlen(mount->from));
        }
        if (mount->read_only)
                buf_puts(&text, ", read-only");
        put_labelled(kinds[mount->kind], buf_string(&text), width, to);
        buf_deinit(&text);
}

static void put_head(const struct policy *policy, unsigned width, struct buf *to) {
        struct buf text = BUF_INIT(0);

        buf_escape(to, policy->file, strlen(policy->file));
        buf_printf(to, ": %zu rule%s; the first that matches decides\n", policy->n_rules,
                   policy->n_rules == 1 ? "" : "s");
        put_otherwise(policy, &text);
        put_labelled("otherwise", buf_string(&text), width, to);
        buf_reset(&text);
        if (policy->error_kill)
                buf_puts(&text, "kill");
        else
                put_errno(policy->error_errno, &text);
        put_labelled("on-error", buf_string(&text), width, to);
        buf_reset(&text);
        for (size_t i = 0; i < policy->n_authority; i++)
                buf_printf(&text, "%s%s", i ? ", " : "", policy->authority[i]);
        if (policy->n_authority)
                put_labelled("authority", buf_string(&text), width, to);
        for (size_t i = 0; i < policy->n_mounts; i++)
                put_mount(&policy->mounts[i], width, to);
        buf_deinit(&text);
}

int policy_explain_text(const struct policy *policy, const char *call, unsigned width, struct buf *to) {
        struct buf text = BUF_INIT(0);
        size_t n = 0;
        int r = 0;

        if (!call)
                put_head(policy, width, to);
        for (size_t i = 0; i < policy->n_rules && !r; i++) {
                if (call && !policy_rule_covers(&policy->rules[i], call))
                        continue;
                r = put_rule(policy, i, call, width, to);
                n++;
        }
        if (call) {
                put_otherwise(policy, &text);
                buf_printf(to, "%s%s: %s\n", n ? "\notherwise" : call, n ? "" : ": no rule speaks of it",
                           buf_string(&text));
        }
        buf_deinit(&text);
        return r ? error_trace(r) : buf_error(to);
}

/* ---- JSON ---- */

static void set_text(json_t *object, const char *name, const char *text) {
        struct buf escaped = BUF_INIT(0);
        json_t *value;

        if (!text)
                return;
        value = json_string(text);
        if (!value) { /* not UTF-8 */
                buf_escape(&escaped, text, strlen(text));
                value = json_string(buf_string(&escaped));
        }
        json_object_set_new(object, name, value);
        buf_deinit(&escaped);
}

static json_t *decision_object(const struct decision *decision) {
        json_t *object = json_object();

        set_text(object, "call", decision->call);
        if (decision->arch)
                set_text(object, "arch", decision->arch->name);
        set_text(object, "where", layer_words[decision->layer]);
        set_text(object, "reason", decision->reason);
        return object;
}

static int rule_object(const struct policy *policy, size_t i, const char *call, json_t **ret) {
        const struct policy_rule *rule = &policy->rules[i];
        json_t *object = json_object(), *calls = json_array(), *source = source_of(rule);
        struct decisions decisions;
        struct buf text = BUF_INIT(0);
        int r = decisions_of(policy, i, call, &decisions);

        set_text(object, "name", rule->name);
        set_text(object, "file", rule->file);
        json_object_set_new(object, "line", json_integer(rule->line));
        set_text(object, "action", policy_action_name(rule->action));
        policy_do_text(rule, &text);
        set_text(object, "does", buf_string(&text));
        if (json_object_get(source, "where"))
                json_object_set(object, "when", json_object_get(source, "where"));
        set_text(object, "message", rule->message);
        for (size_t k = 0; !r && k < decisions.n; k++)
                json_array_append_new(calls, decision_object(&decisions.items[k]));
        json_object_set_new(object, "calls", calls);
        json_decref(source);
        buf_deinit(&text);
        free(decisions.items);
        *ret = object;
        return error_trace(r);
}

int policy_explain_json(const struct policy *policy, const char *call, struct buf *to) {
        json_t *root = json_object(), *rules = json_array(), *rule;
        struct buf text = BUF_INIT(0);
        int r = 0;

        set_text(root, "file", policy->file);
        put_otherwise(policy, &text);
        set_text(root, "otherwise", buf_string(&text));
        for (size_t i = 0; i < policy->n_rules && !r; i++) {
                if (call && !policy_rule_covers(&policy->rules[i], call))
                        continue;
                r = rule_object(policy, i, call, &rule);
                json_array_append_new(rules, rule);
        }
        json_object_set_new(root, "rules", rules);
        if (!r) {
                policy_json_text(root, to);
                buf_putc(to, '\n');
        }
        json_decref(root);
        buf_deinit(&text);
        return r ? error_trace(r) : buf_error(to);
}
