/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers say what they expected. People want to know what they did: the few mistakes that most broken files
 * have in common are recognised from the text around the place. */

#include "policy/syntax_hint.h"

#include <string.h>

static size_t line_start(const char *bytes, size_t n, unsigned line) {
        size_t at = 0;

        while (line > 1 && at < n) {
                const char *end = memchr(bytes + at, '\n', n - at);

                if (!end)
                        return n;
                at = (size_t)(end - bytes) + 1;
                line--;
        }
        return at;
}

static bool holds(const char *bytes, size_t n, const char *text) {
        return n && memmem(bytes, n, text, strlen(text));
}

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Is there a comma in front of the closing bracket at or just before this place? */
static bool comma_before(const char *bytes, size_t at) {
        while (at > 0 && bytes[at] != '}' && bytes[at] != ']')
                at--;
        while (at > 0 && is_space(bytes[at - 1]))
                at--;
        return at > 0 && bytes[at - 1] == ',';
}

const char *syntax_hint(const char *bytes, size_t n, unsigned line, unsigned column, bool yaml) {
        size_t start = line_start(bytes, n, line), length, at;
        const char *text = bytes + start, *end;

        for (at = 0; at < n && is_space(bytes[at]);)
                at++;
        if (at == n)
                return "; the file is empty";
        end = start < n ? memchr(text, '\n', n - start) : NULL;
        length = end ? (size_t)(end - text) : n - start;
        if (holds(text, length, "{{") || holds(text, length, "{%"))
                return "; this looks like a template: render it first";
        if (holds(text, length, "..."))
                return "; this looks like an excerpt: put in what the dots stand for";
        at = start + (column ? column - 1 : 0);
        if (at >= n)
                return "; the text ends too early";
        if (yaml)
                return bytes[at] == '\t' ? "; YAML is indented by spaces, not by tabs" : "";
        if (bytes[at] == '#' ||
            (bytes[at] == '/' && at + 1 < n && (bytes[at + 1] == '/' || bytes[at + 1] == '*')) ||
            (bytes[at] == '/' && at > 0 && bytes[at - 1] == '/'))
                return "; JSON has no comments: remove it";
        if (bytes[at] == '\'')
                return "; JSON takes double quotes only";
        if ((bytes[at] == '}' || bytes[at] == ']') && comma_before(bytes, at))
                return "; remove the comma before it";
        return "";
}
