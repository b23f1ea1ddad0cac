/* SPDX-License-Identifier: Apache-2.0 */
/* Files that people take for profiles, or that belong to other tools: named, so that nobody has to guess
 * what is missing in them. Always adds one error. */

#include "policy/read_foreign.h"

#include "base/buf.h"

#include <stdio.h>
#include <string.h>

/* Tools whose files say "seccomp" and mean something else, by a field that only they have. */
static const struct foreign {
        const char *field, *sentence;
} foreign[] = {
        { "default_action",
          "default_action is of another format (Firecracker's, Elastic's and others have it); a profile has "
          "defaultAction, with values such as SCMP_ACT_ERRNO" },
        { "filter_action",
          "filter_action is of Firecracker's format; a profile has defaultAction and syscalls" },
        { "whitelist",
          "whitelist and policy are of an early OpenWrt format; write the names as syscalls: [{\"names\": "
          "[…], \"action\": \"SCMP_ACT_ALLOW\"}] under a defaultAction" },
        { "seccompPolicy", "seccompPolicy is a text in Kafel's language; a profile has defaultAction and "
                           "syscalls" },
        { "rules", "rules are of another format; a profile has defaultAction and syscalls" },
        { "actions", "actions, operators and archs are what 'runc features' prints about a runtime" },
};

static const struct foreign *find_foreign(const json_t *object) {
        for (size_t i = 0; i < sizeof(foreign) / sizeof(foreign[0]); i++)
                if (json_object_get(object, foreign[i].field))
                        return &foreign[i];
        return NULL;
}

/* A text somewhere in a resource that is a profile by its looks: Kubernetes tools keep them so. Adds its
 * place to where, and returns true. */
static bool find_text(const json_t *value, struct buf *where, unsigned depth) {
        const char *key;
        json_t *item;

        if (json_is_string(value) && strstr(json_string_value(value), "defaultAction"))
                return true;
        if (!json_is_object(value) || depth == 8)
                return false;
        json_object_foreach((json_t *)value, key, item) {
                size_t n = where->n;

                if (n)
                        buf_putc(where, '.');
                buf_escape(where, key, strlen(key) > 40 ? 40 : strlen(key));
                if (find_text(item, where, depth + 1))
                        return true;
                where->n = n;
        }
        return false;
}

static void resource(struct reader *reader, const json_t *root, const char *kind) {
        struct buf where = BUF_INIT(4096);
        char shown[READER_SHOWN];

        reader_quote(kind, shown, sizeof(shown));
        if (find_text(root, &where, 0))
                reader_bad(reader,
                           "this is a resource of kind %s; put the text of its %s in a file of its own",
                           shown, buf_string(&where));
        else
                reader_bad(reader,
                           "this is a resource of kind %s; profiles are read from the kinds SeccompProfile, "
                           "ConfigMap and List",
                           shown);
        buf_deinit(&where);
}

/* The first fields, for the end of a sentence. */
static void fields_text(const json_t *root, struct buf *to) {
        char shown[READER_SHOWN];
        size_t n = 0;
        const char *key;
        json_t *value;

        json_object_foreach((json_t *)root, key, value) {
                if (n == 4) {
                        buf_puts(to, " …");
                        break;
                }
                buf_puts(to, n++ ? ", " : "");
                buf_puts(to, reader_quote(key, shown, sizeof(shown)));
        }
}

void read_foreign(struct reader *reader, const json_t *root) {
        const char *kind = json_string_value(json_object_get(root, "kind"));
        const struct foreign *found = find_foreign(root);
        struct buf fields = BUF_INIT(4096);
        char shown[READER_SHOWN];
        const char *key;
        json_t *value;

        if (!json_is_object(root)) {
                reader_bad(reader, "%s is not a profile: an object with defaultAction and syscalls",
                           json_show(root, shown, sizeof(shown)));
                return;
        }
        if (kind && json_object_get(root, "apiVersion")) {
                resource(reader, root, kind);
                return;
        }
        json_object_foreach((json_t *)root, key, value) if (!found) found = find_foreign(value);
        if (found) {
                reader_bad(reader, "this is not a seccomp profile: %s", found->sentence);
                return;
        }
        if (json_is_object(json_object_get(root, "linux")) || json_object_get(root, "ociVersion")) {
                reader_bad(reader,
                           "this OCI configuration has no linux.seccomp, so there is no profile in it");
                return;
        }
        fields_text(root, &fields);
        reader_bad(reader,
                   "this is not a seccomp profile: it has neither defaultAction nor syscalls, but %s; one "
                   "looks like {\"defaultAction\": \"SCMP_ACT_ERRNO\", "
                   "\"syscalls\": […]}",
                   buf_string(&fields));
        buf_deinit(&fields);
}
