/* SPDX-License-Identifier: Apache-2.0 */

#include "supervisor/service/config_metadata.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "policy/read_json.h"

static int take_object(const json_t *object, struct labels *to) {
        const char *key;
        char shown[64];
        json_t *value;
        int r = 0;

        json_object_foreach((json_t *)object, key, value) {
                if (r)
                        break;
                if (labels_get(to, key) || json_is_object(value) || json_is_array(value) ||
                    json_is_null(value))
                        continue;
                r = labels_set(to, key,
                               json_is_string(value) && !json_is_number_text(value)
                                       ? json_string_value(value)
                                       : json_show(value, shown, sizeof(shown)));
        }
        return error_trace(r);
}

/* Names of files have no white space around them; metadata that people wrote may. */
static int take_profile(const char *text, size_t n, struct labels *to) {
        static const char blank[] = " \t\r\n";

        while (n && strchr(blank, *text)) {
                text++;
                n--;
        }
        while (n && strchr(blank, text[n - 1]))
                n--;
        return n ? error_trace(labels_set_bytes(to, "profile", text, n)) : 0;
}

/* *ret_object: it was one. */
static int take_text(const char *text, size_t n, struct labels *to, bool *ret_object) {
        struct json_document document = JSON_DOCUMENT_INIT;
        struct diags diags = DIAGS_INIT;
        int r = json_document_read(text, n, &diags, &document);

        diags_deinit(&diags);
        *ret_object = !r && json_is_object(document.root);
        if (*ret_object)
                r = take_object(document.root, to);
        else if (r > 0)
                r = 0; /* no JSON: a name */
        json_document_deinit(&document);
        return error_trace(r);
}

int config_metadata_read(const char *text, struct labels *ret) {
        const char *inner;
        size_t n = text ? strnlen(text, CONFIG_METADATA_MAX + 1) : 0;
        bool is_object;
        int r;

        if (n == 0)
                return 0;
        if (n > CONFIG_METADATA_MAX) {
                ret->n_left_out++;
                return 0;
        }
        r = take_text(text, n, ret, &is_object);
        if (r || !is_object)
                return error_trace(r ? r : take_profile(text, n, ret));
        inner = labels_get(ret, "metadata");
        if (inner) {
                char *copy = strdup(inner); /* what it stands in may move */

                r = copy ? take_text(copy, strlen(copy), ret, &is_object) : error_origin(-ENOMEM);
                free(copy);
        }
        return error_trace(r);
}
