/* SPDX-License-Identifier: Apache-2.0 */

/* binds, overlays and tmpfs: what the launcher arranges before the program starts. */

#include "policy/native/read_policy.h"

#include "base/error.h"

#include <stdlib.h>
#include <string.h>

#define MOUNTS_MAX 256

static struct policy_mount *add(struct policy_reader *reader, int kind) {
        struct policy *policy = reader->policy;
        struct policy_mount *mount;

        if (policy->n_mounts == MOUNTS_MAX) {
                policy_bad(reader, "more than %d binds, overlays and tmpfs; take folders instead of files",
                           MOUNTS_MAX);
                reader_fail(&reader->base, POLICY_E_INVALID);
                return NULL;
        }
        mount = policy_grow(reader, (void **)&policy->mounts, &policy->n_mounts, sizeof(*mount));
        if (mount)
                mount->kind = kind;
        return mount;
}

/* A place in the program's view. ".." could mean another place there than here. */
static void read_to(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_mount *mount = to;
        char shown[READER_SHOWN];
        const char *text;

        free(mount->to);
        mount->to = policy_copy_text(reader, value, "an absolute path");
        text = mount->to;
        if (!text)
                return;
        if (*text != '/')
                policy_bad(reader, "%s is not absolute; it begins with '/' as the program sees it",
                           reader_quote(text, shown, sizeof(shown)));
        else if (text[strspn(text, "/")] == '\0' && mount->kind != POLICY_OVERLAY)
                policy_bad(reader, "the root cannot be replaced; name what is in it");
        for (const char *at = text; (at = strstr(at, "/..")); at += 3)
                if (!at[3] || at[3] == '/') {
                        policy_bad(reader, "%s has '..' in it; write the path without",
                                   reader_quote(text, shown, sizeof(shown)));
                        return;
                }
}

static void read_from(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_mount *mount = to;

        free(mount->from);
        mount->from = policy_path(reader, value);
}

static void read_read_only(struct policy_reader *reader, const json_t *value, void *to) {
        policy_flag(reader, value, &((struct policy_mount *)to)->read_only);
}

static void require(struct policy_reader *reader, const json_t *value, const char *field) {
        if (!json_object_get(value, field))
                policy_bad(reader, "lacks \"%s\"", field);
}

static void read_bind(struct policy_reader *reader, const json_t *value, void *to) {
        static const struct policy_field fields[] = {
                { "from", read_from },
                { "to", read_to },
                { "read-only", read_read_only },
        };
        struct policy_mount *mount = add(reader, POLICY_BIND);

        (void)to;
        if (!mount ||
            !policy_fields(reader, value, "an object: { from: FILE, to: /PATH }", fields, 3, mount))
                return;
        require(reader, value, "from");
        require(reader, value, "to");
}

static void read_overlay(struct policy_reader *reader, const json_t *value, void *to) {
        static const struct policy_field fields[] = { { "path", read_to }, { "changes", read_from } };
        struct policy_mount *mount = add(reader, POLICY_OVERLAY);

        (void)to;
        if (!mount ||
            !policy_fields(reader, value, "an object: { path: /FOLDER, changes: FOLDER }", fields, 2, mount))
                return;
        require(reader, value, "path");
        require(reader, value, "changes");
}

static void read_tmpfs_item(struct policy_reader *reader, const json_t *value, void *to) {
        struct policy_mount *mount = add(reader, POLICY_TMPFS);

        (void)to;
        if (mount)
                read_to(reader, value, mount);
}

void policy_read_binds(struct policy_reader *reader, const json_t *value, void *to) {
        policy_each(reader, value, read_bind, to);
}

void policy_read_overlays(struct policy_reader *reader, const json_t *value, void *to) {
        policy_each(reader, value, read_overlay, to);
}

void policy_read_tmpfs(struct policy_reader *reader, const json_t *value, void *to) {
        policy_each(reader, value, read_tmpfs_item, to);
}
