/* SPDX-License-Identifier: Apache-2.0 */
/* Findings about files as one JSON document: {"files": [{"file", "verdict", "findings": […]}], "errors",
 * "warnings"}. Keys that a finding has nothing for are left out. */

#include "policy/write_check.h"

#include "base/error.h"
#include "policy/check.h"
#include "policy/read.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct check_report {
        json_t *files;
        json_int_t n_errors, n_warnings;
};

struct check_report *check_report_free(struct check_report *report) {
        if (!report)
                return NULL;
        json_decref(report->files);
        free(report);
        return NULL;
}

int check_report_new(struct check_report **ret) {
        struct check_report *report = calloc(1, sizeof(*report));

        if (!report)
                return error_origin(-ENOMEM);
        report->files = json_array();
        if (!report->files) {
                free(report);
                return error_origin(-ENOMEM);
        }
        *ret = report;
        return 0;
}

/* What strangers wrote may not be UTF-8; it is shown with what can be. */
static json_t *text(const char *bytes) {
        json_t *string = json_string(bytes);
        struct buf escaped = BUF_INIT(0);

        if (string)
                return string;
        buf_escape(&escaped, bytes, strlen(bytes));
        string = json_string(buf_string(&escaped));
        buf_deinit(&escaped);
        return string;
}

static bool is_repaired(const struct diags *repairs, const struct diag *diag) {
        for (size_t i = 0; i < repairs->n; i++)
                if (diag->id && !strcmp(repairs->items[i].id, diag->id))
                        return true;
        return false;
}

static json_t *finding_object(const struct profile *profile, const struct diag *diag, bool repaired) {
        static const char *const severities[] = {
                [DIAG_INFO] = "note",
                [DIAG_WARNING] = "warning",
                [DIAG_ERROR] = "error",
        };
        const struct finding *finding = finding_by_id(finding_id(diag));
        unsigned line = diag->line ? diag->line : profile ? finding_line(profile, diag->place) : 0;
        json_t *object = json_object();

        json_object_set_new(object, "id", json_string(finding_id(diag)));
        json_object_set_new(object, "severity", json_string(severities[diag->severity]));
        if (diag->place)
                json_object_set_new(object, "place", text(diag->place));
        if (line)
                json_object_set_new(object, "line", json_integer(line));
        if (diag->column)
                json_object_set_new(object, "column", json_integer(diag->column));
        json_object_set_new(object, "text", text(diag->text));
        if (finding) {
                json_object_set_new(object, "remedy", json_string(finding->remedy));
                json_object_set_new(object, "fixable", json_boolean(repaired));
        }
        return object;
}

int check_report_add(struct check_report *report, const char *file, const char *verdict,
                     const struct profile *profile, const struct diags *diags, const struct diags *repairs) {
        json_t *object = json_object(), *found = json_array();

        json_object_set_new(object, "file", text(file));
        json_object_set_new(object, "verdict", json_string(verdict));
        if (profile)
                json_object_set_new(object, "dialect", json_string(dialect_name(profile->dialect)));
        for (size_t i = 0; i < diags->n; i++)
                json_array_append_new(found, finding_object(profile, &diags->items[i],
                                                            is_repaired(repairs, &diags->items[i])));
        json_object_set_new(object, "findings", found);
        report->n_errors += (json_int_t)diags->n_errors;
        report->n_warnings += (json_int_t)diags->n_warnings;
        if (json_array_append_new(report->files, object) < 0)
                return error_origin(-ENOMEM);
        return 0;
}

int check_report_print(const struct check_report *report, FILE *to) {
        json_t *object = json_pack("{s:O, s:I, s:I}", "files", report->files, "errors", report->n_errors,
                                   "warnings", report->n_warnings);
        int r = object ? json_dumpf(object, to, JSON_INDENT(2)) : -1;

        json_decref(object);
        if (!r)
                fputc('\n', to);
        return r < 0 || ferror(to) ? error_origin(-EIO) : 0;
}
