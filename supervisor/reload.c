/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/reload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "policy/native/changes.h"
#include "policy/native/read.h"

static int add_text(char ***texts, size_t *n, char *text) {
        char **grown = realloc(*texts, (*n + 1) * sizeof(*grown));

        if (!grown || !text) {
                free(text);
                return error_origin(-ENOMEM);
        }
        *texts = grown;
        grown[(*n)++] = text;
        return 0;
}

/* One of `variables` of HELLO (proto/PROTOCOL.md). */
static int take_line(struct reload *reload, const char *line, size_t n) {
        static const char state[] = "--state=", label[] = "--label=";
        const size_t prefix = sizeof(state) - 1;

        if (n > prefix && strncmp(line, label, prefix) == 0)
                return add_text(&reload->labels, &reload->n_labels, strndup(line + prefix, n - prefix));
        if (n <= prefix || strncmp(line, state, prefix) != 0)
                return add_text(&reload->variables, &reload->n_variables, strndup(line, n));
        free(reload->state);
        reload->state = strndup(line + prefix, n - prefix);
        return reload->state ? 0 : error_origin(-ENOMEM);
}

static int take_lines(struct reload *reload, const char *text, size_t n) {
        const char *end = text + n;
        int r = 0;

        while (!r && text < end) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                size_t length = (size_t)((newline ? newline : end) - text);

                r = take_line(reload, text, length);
                text += length + 1;
        }
        return r;
}

static int read_json(const char *json, size_t n, struct buf *lines, struct policy **ret) {
        struct policy_read_options options = { .folder = "/" };
        struct diags diags = DIAGS_INIT;
        int r;

        diags.file = "policy";
        r = policy_read(json, n, &options, &diags, ret);
        if (r == POLICY_E_INVALID)
                diags_put(&diags, lines, DIAG_WARNING);
        diags_deinit(&diags);
        return error_trace(r);
}

int reload_init(struct reload *reload, const char *json, size_t n_json, const char *path, size_t n_path,
                const char *variables, size_t n_variables, struct buf *lines) {
        int r = take_lines(reload, variables, n_variables);

        if (!r && n_path > 0) {
                reload->path = strndup(path, n_path);
                r = reload->path ? 0 : error_origin(-ENOMEM);
        }
        if (!r)
                r = read_json(json, n_json, lines, &reload->installed);
        if (!r)
                r = read_json(json, n_json, lines, &reload->current);
        return error_trace(r);
}

void reload_deinit(struct reload *reload) {
        for (size_t i = 0; i < reload->n_variables; i++)
                free(reload->variables[i]);
        free(reload->variables);
        for (size_t i = 0; i < reload->n_labels; i++)
                free(reload->labels[i]);
        free(reload->labels);
        free(reload->state);
        free(reload->path);
        policy_free(reload->installed);
        policy_free(reload->current);
        *reload = (struct reload){ 0 };
}

int reload_policy(const struct reload *reload, struct policy **ret) {
        struct buf lines = BUF_INIT(65536);
        int r = read_json(reload->current->source, strlen(reload->current->source), &lines, ret);

        buf_deinit(&lines);
        return error_trace(r);
}

bool reload_again(struct reload *reload, struct policing *policing, struct buf *lines) {
        struct policy_read_options options = { .variables = (const char *const *)reload->variables,
                                               .n_variables = reload->n_variables,
                                               .state = reload->state };
        struct policy *next = NULL, *working = NULL;
        struct diags diags = DIAGS_INIT;
        char error[256] = "";
        int r;

        if (!reload->path) {
                buf_puts(lines, "the policy did not come from a file: it cannot be read again\n");
                return false;
        }
        r = policy_read_file(reload->path, &options, &diags, &next);
        diags_put(&diags, lines, DIAG_WARNING);
        diags_deinit(&diags);
        if (!r)
                r = read_json(next->source, strlen(next->source), lines, &working);
        if (!r)
                r = policing_replace(policing, working, error, sizeof(error));
        if (r) {
                if (error[0])
                        buf_printf(lines, "%s\n", error);
                buf_printf(lines, "%s: not loaded; the old policy stays in force\n", reload->path);
                policy_free(next);
                return false;
        }
        policy_changes(reload->current, next, lines);
        policy_out_of_reach(reload->installed, next, lines);
        policy_free(reload->current);
        reload->current = next;
        return true;
}
