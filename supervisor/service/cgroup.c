/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Paths of control groups are made by systemd and by container engines, each in its own way:
 *
 *   /system.slice/nginx.service
 *   /user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope
 *   /system.slice/docker-ID.scope                          docker, systemd driver
 *   /docker/ID                                             docker, cgroupfs driver
 *   /machine.slice/libpod-ID.scope/container               podman
 *   /kubepods.slice/…/kubepods-burstable-podUID.slice/cri-containerd-ID.scope
 *   /kubepods/burstable/podUID/ID                          kubelet, cgroupfs driver
 *   /system.slice/containerd.service/kubepods-podUID.slice:cri-containerd:ID
 *
 * So names are read by their form, component by component; the innermost container counts.
 */

#include "supervisor/service/cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"

#define ID_LENGTH   64
#define UUID_LENGTH 36
#define HASH_LENGTH 32 /* what the kubelet calls static pods by */

/* A part of the text. */
struct part {
        const char *at;
        size_t n;
};

static bool ends_in(struct part part, const char *end) {
        size_t n = strlen(end);

        return part.n > n && memcmp(part.at + part.n - n, end, n) == 0;
}

static bool begins_with(struct part part, const char *begin) {
        size_t n = strlen(begin);

        return part.n >= n && memcmp(part.at, begin, n) == 0;
}

static bool is_hex(const char *text, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!isdigit((unsigned char)text[i]) && (text[i] < 'a' || text[i] > 'f'))
                        return false;
        return n > 0;
}

static void keep(char *to, size_t size, struct part part) {
        snprintf(to, size, "%.*s", (int)(part.n < size ? part.n : size - 1), part.at);
}

/* ---- containers and pods ---- */

/* The id at the end of docker-ID.scope, of a:b:ID, or ID itself. conmon sits beside a container, in a scope
 * that bears its id. */
static void take_container(struct part part, struct cgroup_names *names) {
        if (ends_in(part, ".scope"))
                part.n -= strlen(".scope");
        if (part.n < ID_LENGTH || memmem(part.at, part.n, "conmon", 6))
                return;
        if (part.n > ID_LENGTH && !strchr("-:", part.at[part.n - ID_LENGTH - 1]))
                return;
        part.at += part.n - ID_LENGTH;
        part.n = ID_LENGTH;
        if (is_hex(part.at, part.n))
                keep(names->container_id, sizeof(names->container_id), part);
}

/* 8-4-4-4-12 digits; systemd's names have '_' where '-' would be a folder. */
static bool is_uuid(const char *text) {
        for (size_t i = 0; i < UUID_LENGTH; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? text[i] != '-' && text[i] != '_' : !is_hex(&text[i], 1))
                        return false;
        }
        return true;
}

static bool take_uid(struct part part, struct cgroup_names *names) {
        if (part.n >= UUID_LENGTH && is_uuid(part.at) &&
            (part.n == UUID_LENGTH || part.at[UUID_LENGTH] == '.'))
                part.n = UUID_LENGTH;
        else if (part.n >= HASH_LENGTH && is_hex(part.at, HASH_LENGTH) &&
                 (part.n == HASH_LENGTH || part.at[HASH_LENGTH] == '.'))
                part.n = HASH_LENGTH;
        else
                return false;
        keep(names->pod_uid, sizeof(names->pod_uid), part);
        for (char *c = names->pod_uid; *c; c++)
                if (*c == '_')
                        *c = '-';
        return true;
}

/* "podUID" or "…-podUID.slice", also with ":…" behind. */
static void take_pod(struct part part, struct cgroup_names *names) {
        const char *colon = memchr(part.at, ':', part.n);

        if (colon)
                part.n = (size_t)(colon - part.at);
        for (size_t i = 0; i + 3 < part.n; i++)
                if ((i == 0 || part.at[i - 1] == '-') && memcmp(part.at + i, "pod", 3) == 0 &&
                    take_uid((struct part){ part.at + i + 3, part.n - i - 3 }, names))
                        return;
}

/* ---- units ---- */

static bool is_unit(struct part part) {
        return ends_in(part, ".service") || ends_in(part, ".scope") || ends_in(part, ".socket") ||
               ends_in(part, ".mount") || ends_in(part, ".swap");
}

/* The outermost, unless it is a user's manager: that has units of its own. */
static void take_unit(struct part part, struct cgroup_names *names) {
        bool is_manager = strncmp(names->unit, "user@", 5) == 0;

        if (is_unit(part) && !memchr(part.at, ':', part.n) && part.n < sizeof(names->unit) &&
            (!names->unit[0] || is_manager))
                keep(names->unit, sizeof(names->unit), part);
}

/* ---- lines ---- */

static void take_path(struct part path, bool has_units, struct cgroup_names *names) {
        const char *end = path.at + path.n;

        while (path.at < end) {
                const char *slash = memchr(path.at, '/', (size_t)(end - path.at));
                struct part part = { path.at, (size_t)((slash ? slash : end) - path.at) };

                take_container(part, names);
                take_pod(part, names);
                if (has_units)
                        take_unit(part, names);
                path.at += part.n + 1;
        }
}

/* "ID:CONTROLLERS:PATH". Of version 1, systemd keeps its units in "name=systemd" (and, where controllers are
 * delegated, in others, but not always); a line of version 2 has no controllers. */
static void take_line(struct part line, struct cgroup_names *names) {
        static const char deleted[] = " (deleted)";
        const char *first = memchr(line.at, ':', line.n), *second;
        struct part controllers, path;
        struct cgroup_names found = { 0 };
        bool has_units;

        if (!first)
                return;
        controllers.at = first + 1;
        second = memchr(controllers.at, ':', line.n - (size_t)(controllers.at - line.at));
        if (!second)
                return;
        controllers.n = (size_t)(second - controllers.at);
        path = (struct part){ second + 1, line.n - (size_t)(second + 1 - line.at) };
        if (ends_in(path, deleted))
                path.n -= strlen(deleted);
        has_units = controllers.n == 0 || begins_with(controllers, "name=systemd");
        take_path(path, has_units, &found);
        if (!names->unit[0])
                memcpy(names->unit, found.unit, sizeof(found.unit));
        if (!names->container_id[0])
                memcpy(names->container_id, found.container_id, sizeof(found.container_id));
        if (!names->pod_uid[0])
                memcpy(names->pod_uid, found.pod_uid, sizeof(found.pod_uid));
}

void cgroup_parse(const char *text, size_t n, struct cgroup_names *ret) {
        const char *end = text + n;

        *ret = (struct cgroup_names){ 0 };
        while (text < end) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                struct part line = { text, (size_t)((newline ? newline : end) - text) };

                take_line(line, ret);
                text += line.n + 1;
        }
}

static int set_lacking(struct labels *labels, const char *name, const char *value) {
        return *value && !labels_get(labels, name) ? error_trace(labels_set(labels, name, value)) : 0;
}

int cgroup_label(uint32_t pid, struct labels *labels) {
        struct buf buf = BUF_INIT(CGROUP_BYTES_MAX + 1);
        struct cgroup_names names;
        char path[64];
        int r;

        if (pid == 0)
                return 0;
        snprintf(path, sizeof(path), "/proc/%u/cgroup", pid);
        r = buf_read_file(&buf, path, CGROUP_BYTES_MAX);
        if (!r) {
                cgroup_parse(buf.n ? buf.data : "", buf.n, &names);
                r = *names.unit ? labels_set(labels, "unit", names.unit) : 0;
                r = r ? r : set_lacking(labels, "container-id", names.container_id);
                r = r ? r : set_lacking(labels, "pod-uid", names.pod_uid);
        }
        buf_deinit(&buf);
        return r == -ENOMEM ? error_trace(r) : 0;
}
