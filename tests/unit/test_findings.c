/* SPDX-License-Identifier: Apache-2.0 */
/* Three lists say the same: the ids that the code gives, the table of findings, and docs/FINDINGS.md. */

#include "base/buf.h"
#include "policy/check.h"
#include "policy_fixture.h"

#include <ctype.h>
#include <dirent.h>

static void load(const char *path, struct buf *to) {
        cr_assert_eq(buf_read_file(to, path, 1 << 22), 0, "%s", path);
        buf_string(to);
}

/* Calls each of every source file that gives findings, except the table's. */
static void sources(void (*each)(const char *path, const char *text, void *to), void *to) {
        static const char *const folders[] = { SOURCE_DIR "/policy", SOURCE_DIR "/policy/native",
                                               SOURCE_DIR "/cli" };

        for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
                DIR *dir = opendir(folders[i]);
                struct dirent *entry;

                cr_assert_not_null(dir);
                while ((entry = readdir(dir))) {
                        size_t n = strlen(entry->d_name);
                        struct buf text = BUF_INIT(0);
                        char path[4096];

                        if (n < 3 || strcmp(entry->d_name + n - 2, ".c") ||
                            !strcmp(entry->d_name, "check_findings.c"))
                                continue;
                        snprintf(path, sizeof(path), "%s/%s", folders[i], entry->d_name);
                        load(path, &text);
                        each(path, buf_string(&text), to);
                        buf_deinit(&text);
                }
                closedir(dir);
        }
}

/* The string literal that begins at text, after blanks; false when there is none that could be an id. */
static bool literal(const char *text, char *ret, size_t size) {
        size_t n = 0;

        while (isspace((unsigned char)*text))
                text++;
        if (*text++ != '"')
                return false;
        while (n + 1 < size &&
               (islower((unsigned char)text[n]) || isdigit((unsigned char)text[n]) || text[n] == '-')) {
                ret[n] = text[n];
                n++;
        }
        ret[n] = '\0';
        return n && text[n] == '"';
}

struct seen {
        bool *given; /* of each row of the table */
        size_t n;
};

static void note(const char *path, const char *id, struct seen *seen) {
        const struct finding *finding = finding_by_id(id);

        cr_expect_not_null(finding, "%s gives %s, which is not in the table of policy/check_findings.c",
                           path, id);
        if (finding)
                seen->given[finding - findings] = true;
        seen->n++;
}

static void scan(const char *path, const char *text, void *to) {
        static const char *const marks[] = { "DIAG_INFO,",      "DIAG_WARNING,",     "DIAG_ERROR,",
                                             "checker,",        "warn(check,",       "note(check,",
                                             "LEARN_FOR_CRUN,", "options->runtime,", "LEARN_FOR_RUNC," };
        struct seen *seen = to;
        char id[64];

        for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++)
                for (const char *at = text; (at = strstr(at, marks[i]));) {
                        at += strlen(marks[i]);
                        if (literal(at, id, sizeof(id)))
                                note(path, id, seen);
                }
        /* The readers' own words take the reader first. */
        for (const char *at = text; (at = strstr(at, "reader_warn("));) {
                at += strcspn(at, ",);");
                if (*at == ',' && literal(at + 1, id, sizeof(id)))
                        note(path, id, seen);
        }
        for (const char *at = text; (at = strstr(at, "\"lost-"));) {
                if (literal(at, id, sizeof(id)))
                        note(path, id, seen);
                at++;
        }
        /* One out of two. */
        for (const char *at = text; (at = strstr(at, "check_names("));) {
                const char *end = at + strcspn(at, ";"), *choice = strchr(at, '?');

                at++;
                if (!choice || choice > end || !literal(choice + 1, id, sizeof(id)) || !finding_by_id(id))
                        continue;
                note(path, id, seen);
                choice = strchr(choice, ':');
                if (choice && literal(choice + 1, id, sizeof(id)))
                        note(path, id, seen);
        }
}

Test(findings, code_and_table_agree) {
        struct seen seen = { .given = calloc(findings_n, sizeof(bool)) };

        sources(scan, &seen);
        cr_expect_gt(seen.n, findings_n, "the scan must see what is there");
        for (size_t i = 0; i < findings_n; i++) {
                const char *id = findings[i].id;

                if (i)
                        cr_expect_lt(strcmp(findings[i - 1].id, id), 0, "%s is out of order", id);
                if (strcmp(id, "syntax") &&
                    strcmp(id, "invalid")) /* of diags that have no id of their own */
                        cr_expect(seen.given[i], "nothing gives %s", id);
        }
        free(seen.given);
}

Test(findings, table_and_docs_agree) {
        static const char *const words[] = {
                [DIAG_INFO] = "*Note", [DIAG_WARNING] = "*Warning", [DIAG_ERROR] = "*Error"
        };
        struct buf docs = BUF_INIT(0);
        size_t n = 0;

        load(SOURCE_DIR "/docs/FINDINGS.md", &docs);
        for (size_t i = 0; i < findings_n; i++) {
                const struct finding *finding = &findings[i];
                char heading[96], severity[32];
                const char *entry, *end;

                snprintf(heading, sizeof(heading), "\n### `%s`\n", finding->id);
                entry = strstr(buf_string(&docs), heading);
                cr_assert_not_null(entry, "docs/FINDINGS.md says nothing of %s", finding->id);
                end = strstr(entry + 1, "\n#");
                entry += strlen(heading) + 1;
                snprintf(severity, sizeof(severity), "%s%s.*", words[finding->severity],
                         finding->fixable ? ", repaired" : "");
                cr_expect_eq(strncmp(entry, severity, strlen(severity)), 0, "%s: %.20s", finding->id, entry);
                entry = strstr(entry, "\nRemedy: ");
                cr_expect(entry && (!end || entry < end), "%s has no remedy", finding->id);
        }
        for (const char *at = buf_string(&docs); (at = strstr(at, "\n### `"));) {
                char id[64];
                size_t length = strcspn(at + 6, "`");

                snprintf(id, sizeof(id), "%.*s", (int)length, at + 6);
                cr_expect_not_null(finding_by_id(id), "docs/FINDINGS.md has %s, which is no finding", id);
                at += 6;
                n++;
        }
        cr_expect_eq(n, findings_n, "each once");
        buf_deinit(&docs);
}
