/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Field by field, unknown ones passed over.
 *
 * Whoever may make containers may give them annotations, and CRI-O hands a pod's own on as they are. So the
 * labels that rules choose by are taken only from the annotations of the one engine that made the container:
 * "io.kubernetes.cri.sandbox-namespace" beside those of CRI-O is a text that somebody wrote. What every
 * annotation says can be had as annotation.NAME.
 */

#include "supervisor/service/oci_state.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define METADATA_MAX LABEL_VALUE_MAX

/* ---- the end of the object ---- */

static bool is_space(char c) {
        return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* One byte outside of texts. */
static int scan_byte(struct oci_scanner *scanner, char c) {
        switch (c) {
        case '"':
                scanner->in_text = true;
                break;
        case '{':
        case '[':
                if (++scanner->depth > OCI_DEPTH_MAX)
                        return OCI_STATE_E_INVALID;
                break;
        case '}':
        case ']':
                scanner->closed = --scanner->depth == 0;
                break;
        case ',':
        case ':':
                if (++scanner->n_tokens > OCI_TOKENS_MAX)
                        return OCI_STATE_E_INVALID;
                break;
        case 0:
                return OCI_STATE_E_INVALID;
        }
        return 0;
}

int oci_scanner_feed(struct oci_scanner *scanner, const char *bytes, size_t n, size_t *ret_n) {
        size_t i = 0;

        for (; i < n && !scanner->closed; i++) {
                char c = bytes[i];

                if (!scanner->begun && is_space(c))
                        continue;
                if (!scanner->begun && c != '{')
                        return OCI_STATE_E_INVALID;
                scanner->begun = true;
                if (scanner->escaped)
                        scanner->escaped = false;
                else if (scanner->in_text && c == '\\')
                        scanner->escaped = true;
                else if (scanner->in_text)
                        scanner->in_text = c != '"';
                else if (scan_byte(scanner, c) != 0)
                        return OCI_STATE_E_INVALID;
        }
        scanner->n += i;
        *ret_n = i;
        return scanner->n > OCI_STATE_MAX ? OCI_STATE_E_INVALID : 0;
}

/* ---- fields ---- */

struct reading {
        struct oci_state *state;
        char *problem;
        size_t n_problem;
};

static int invalid(struct reading *reading, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int invalid(struct reading *reading, const char *format, ...) {
        va_list args;

        va_start(args, format);
        vsnprintf(reading->problem, reading->n_problem, format, args);
        va_end(args);
        return OCI_STATE_E_INVALID;
}

/* A text of at most max bytes without NUL; absent and null leave *ret NULL. */
static int read_text(struct reading *reading, json_t *object, const char *key, size_t max,
                     const char **ret) {
        json_t *value = json_object_get(object, key);

        *ret = NULL;
        if (!value || json_is_null(value))
                return 0;
        if (!json_is_string(value))
                return invalid(reading, "%s is not a text", key);
        if (json_string_length(value) > max)
                return invalid(reading, "%s has %zu bytes, which is too long", key,
                               json_string_length(value));
        if (strlen(json_string_value(value)) != json_string_length(value))
                return invalid(reading, "there is a NUL in %s", key);
        *ret = json_string_value(value);
        return 0;
}

static int read_pid(struct reading *reading, json_t *object, const char *key, uint32_t *ret) {
        json_t *value = json_object_get(object, key);

        *ret = 0;
        if (!value || json_is_null(value))
                return 0;
        if (!json_is_integer(value) || json_integer_value(value) < 0 ||
            json_integer_value(value) > INT32_MAX)
                return invalid(reading, "%s is not a process number", key);
        *ret = (uint32_t)json_integer_value(value);
        return 0;
}

/* Names of the descriptors, in the order in which they came. */
static int read_fds(struct reading *reading, json_t *root) {
        json_t *fds = json_object_get(root, "fds");
        bool found = false;

        if (!json_is_array(fds))
                return invalid(reading, "fds is not a list of names");
        if (json_array_size(fds) > OCI_FDS_MAX)
                return invalid(reading, "fds names more than %d descriptors", OCI_FDS_MAX);
        for (size_t i = 0; i < json_array_size(fds); i++) {
                const char *name = json_string_value(json_array_get(fds, i));

                if (!name)
                        return invalid(reading, "fds[%zu] is not a name", i);
                if (strcmp(name, "seccompFd") != 0)
                        continue;
                if (found)
                        return invalid(reading, "fds names seccompFd twice");
                reading->state->listener = i;
                found = true;
        }
        reading->state->n_fds = json_array_size(fds);
        return found ? 0 : invalid(reading, "fds does not name seccompFd");
}

/* ---- labels ---- */

struct known {
        const char *annotation, *label;
};

/* How to tell that an engine made a container: an annotation that it always sets, or where it keeps bundles.
 */
struct manager {
        const char *name, *annotation, *value, *bundle;
        struct known known[8]; /* the first of several for one label wins */
};

static const struct manager managers[] = {
        { "containerd",
          "io.kubernetes.cri.container-type",
          NULL,
          "/io.containerd.runtime.v2.task/k8s.io/",
          { { "io.kubernetes.cri.sandbox-name", "pod" },
            { "io.kubernetes.cri.sandbox-namespace", "namespace" },
            { "io.kubernetes.cri.sandbox-uid", "pod-uid" },
            { "io.kubernetes.cri.sandbox-id", "sandbox-id" },
            { "io.kubernetes.cri.container-name", "container" },
            { "io.kubernetes.cri.container-type", "container-type" },
            { "io.kubernetes.cri.image-name", "image" } } },
        { "cri-o",
          "io.container.manager",
          "cri-o",
          NULL,
          { { "io.kubernetes.pod.name", "pod" },
            { "io.kubernetes.pod.namespace", "namespace" },
            { "io.kubernetes.pod.uid", "pod-uid" },
            { "io.kubernetes.cri-o.SandboxID", "sandbox-id" },
            { "io.kubernetes.container.name", "container" },
            { "io.kubernetes.cri-o.ContainerType", "container-type" },
            { "io.kubernetes.cri-o.ImageName", "image" } } },
        { "podman",
          "io.container.manager",
          "libpod",
          NULL,
          { { "io.kubernetes.cri-o.SandboxID", "sandbox-id" },
            { "io.kubernetes.cri-o.ContainerType", "container-type" },
            { "io.kubernetes.cri-o.ImageName", "image" } } },
        { "docker", NULL, NULL, "/io.containerd.runtime.v2.task/moby/", { { 0 } } },
        { "containerd", NULL, NULL, "/io.containerd.runtime.v2.task/", { { 0 } } },
};

static bool has_annotation(json_t *annotations, const struct manager *manager) {
        const char *value = json_string_value(json_object_get(annotations, manager->annotation ?: ""));

        return manager->annotation && value && (!manager->value || strcmp(value, manager->value) == 0);
}

/* Where the bundle lies is the engine's word; annotations may be a stranger's, so two engines at once are
 * none. */
static const struct manager *manager_of(json_t *annotations, const char *bundle) {
        const struct manager *found = NULL;

        for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++)
                if (managers[i].bundle && bundle && strstr(bundle, managers[i].bundle))
                        return &managers[i];
        for (size_t i = 0; i < sizeof(managers) / sizeof(managers[0]); i++) {
                if (!has_annotation(annotations, &managers[i]))
                        continue;
                if (found)
                        return NULL;
                found = &managers[i];
        }
        return found;
}

static int label_known(const struct manager *manager, json_t *annotations, struct labels *labels) {
        int r = 0;

        if (!manager)
                return 0;
        r = labels_set(labels, "manager", manager->name);
        for (size_t i = 0; i < sizeof(manager->known) / sizeof(manager->known[0]) && !r; i++) {
                const struct known *known = &manager->known[i];
                const char *value =
                        known->label ? json_string_value(json_object_get(annotations, known->annotation))
                                     : NULL;

                if (value && !labels_get(labels, known->label))
                        r = labels_set(labels, known->label, value);
        }
        return error_trace(r);
}

static int label_annotation(struct reading *reading, const char *key, json_t *value) {
        char name[LABEL_NAME_MAX + 1];

        if (!json_is_string(value))
                return invalid(reading, "an annotation is not a text");
        if (snprintf(name, sizeof(name), "annotation.%s", key) >= (int)sizeof(name)) {
                reading->state->labels.n_left_out++;
                return 0;
        }
        return error_trace(labels_set_bytes(&reading->state->labels, name, json_string_value(value),
                                            json_string_length(value)));
}

static int read_annotations(struct reading *reading, json_t *state, const char *bundle) {
        json_t *annotations = json_object_get(state, "annotations"), *value;
        const char *key;
        int r;

        if (annotations && !json_is_object(annotations) && !json_is_null(annotations))
                return invalid(reading, "annotations is not an object");
        r = label_known(manager_of(annotations, bundle), annotations, &reading->state->labels);
        if (r || !json_is_object(annotations))
                return error_trace(r);
        json_object_foreach(annotations, key, value) {
                /* Labels are searched one after the other, and there may be many more than are kept. */
                if (reading->state->labels.n == LABELS_MAX)
                        reading->state->labels.n_left_out++;
                else
                        r = label_annotation(reading, key, value);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

/* ---- all of it ---- */

static int read_container(struct reading *reading, json_t *root) {
        json_t *state = json_object_get(root, "state");
        const char *id = NULL, *bundle = NULL, *status = NULL;
        int r;

        if (!json_is_object(state))
                return invalid(reading, "state is not an object");
        r = read_text(reading, state, "id", LABEL_VALUE_MAX, &id);
        if (!r && (!id || !*id))
                r = invalid(reading, "state has no id");
        if (!r)
                r = read_text(reading, state, "bundle", LABEL_VALUE_MAX, &bundle);
        if (!r)
                r = read_text(reading, state, "status", LABEL_NAME_MAX, &status);
        if (!r)
                r = read_pid(reading, state, "pid", &reading->state->container_pid);
        if (r)
                return r;
        reading->state->id = strdup(id);
        r = reading->state->id ? 0 : error_origin(-ENOMEM);
        if (!r)
                r = labels_set(&reading->state->labels, "container-id", id);
        if (!r && status)
                r = labels_set(&reading->state->labels, "status", status);
        if (!r && bundle)
                r = labels_set(&reading->state->labels, "bundle", bundle);
        return r ? error_trace(r) : read_annotations(reading, state, bundle);
}

static int read_root(struct reading *reading, json_t *root) {
        const char *metadata = NULL;
        int r = 0;

        if (!json_is_object(root))
                return invalid(reading, "not an object");
        r = read_fds(reading, root);
        if (!r)
                r = read_pid(reading, root, "pid", &reading->state->pid);
        if (!r)
                r = read_text(reading, root, "metadata", METADATA_MAX, &metadata);
        if (!r && metadata) {
                reading->state->metadata = strdup(metadata);
                r = reading->state->metadata ? 0 : error_origin(-ENOMEM);
        }
        return r ? error_trace(r) : read_container(reading, root);
}

/* jansson goes down one level of its own stack per level of the text. */
static bool is_shallow(const char *bytes, size_t n) {
        struct oci_scanner scanner = { 0 };
        size_t n_object;

        return oci_scanner_feed(&scanner, bytes, n, &n_object) == 0;
}

int oci_state_read(const char *bytes, size_t n, struct oci_state *ret, char *problem, size_t n_problem) {
        struct reading reading = { ret, problem, n_problem };
        json_error_t error;
        json_t *root;
        int r;

        *ret = (struct oci_state){ 0 };
        problem[0] = 0;
        if (!is_shallow(bytes, n))
                return invalid(&reading, "no object, or one too long or too deep");
        /* An annotation may hold a NUL; of two equal keys nobody knows which one is meant. */
        root = json_loadb(bytes, n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
        if (!root)
                return json_error_code(&error) == json_error_out_of_memory
                               ? error_origin(-ENOMEM)
                               : invalid(&reading, "byte %d: %s", error.position, error.text);
        r = read_root(&reading, root);
        json_decref(root);
        if (r)
                oci_state_deinit(ret);
        return error_trace(r);
}

void oci_state_deinit(struct oci_state *state) {
        free(state->id);
        free(state->metadata);
        labels_deinit(&state->labels);
        *state = (struct oci_state){ 0 };
}
