/* SPDX-License-Identifier: Apache-2.0 */

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "supervisor/service/oci_state.h"

static struct oci_state state;
static char problem[256];

static int read_bytes(const char *bytes, size_t n) {
        return oci_state_read(bytes, n, &state, problem, sizeof(problem));
}

static int read_string(const char *text) {
        return read_bytes(text, strlen(text));
}

static void expect_label(const char *name, const char *value) {
        const char *found = labels_get(&state.labels, name);

        if (value)
                cr_assert(found && strcmp(found, value) == 0, "%s: %s", name, found ?: "none");
        else
                cr_assert_null(found, "%s: %s", name, found);
}

/* As runc 1.1.5 and crun 1.8.1 send them. */
static const char runc_run[] =
        "{\"ociVersion\":\"1.0.2-dev\",\"fds\":[\"seccompFd\"],\"pid\":22014,"
        "\"metadata\":\"meta: {\\\"policy\\\":\\\"web\\\"}\",\"state\":{\"ociVersion\":\"1.0.2-dev\","
        "\"id\":\"r1\",\"status\":\"creating\",\"pid\":22014,\"bundle\":\"/b/one\","
        "\"annotations\":{\"io.test/x\":\"hello\",\"org.example.a\":\"1\"}}}";
static const char runc_exec[] =
        "{\"ociVersion\":\"1.0.2-dev\",\"fds\":[\"seccompFd\"],\"pid\":22812,\"state\":"
        "{\"ociVersion\":\"1.0.2-dev\",\"id\":\"r1\",\"status\":\"running\",\"pid\":22720,"
        "\"bundle\":\"/b/one\"}}";
static const char crun_run[] = "{\n    \"ociVersion\": \"0.2.0\",\n    \"fds\": [\n        \"seccompFd\"\n"
                               "    ],\n    \"pid\": 23484,\n    \"metadata\": \"m\",\n    \"state\": {\n"
                               "        \"ociVersion\": \"0.2.0\",\n        \"id\": \"c1\",\n"
                               "        \"status\": \"creating\",\n        \"pid\": 23484,\n"
                               "        \"bundle\": \"/b/two\",\n        \"annotations\": {\n"
                               "            \"a\": \"b\"\n        }\n    }\n}\n";
static const char crun_exec[] = "{\n    \"ociVersion\": \"0.2.0\",\n    \"fds\": [\n        \"seccompFd\"\n"
                                "    ],\n    \"pid\": 0,\n    \"state\": {\n"
                                "        \"ociVersion\": \"0.2.0\",\n        \"id\": \"c1\",\n"
                                "        \"status\": \"running\",\n        \"pid\": 0,\n"
                                "        \"bundle\": \".\"\n    }\n}\n";

Test(oci_state, messages_of_runc_and_crun) {
        static const struct {
                const char *text, *id, *status, *bundle, *metadata, *annotation, *value;
                uint32_t pid, container_pid;
        } rows[] = {
                { runc_run, "r1", "creating", "/b/one", "meta: {\"policy\":\"web\"}", "annotation.io.test/x",
                  "hello", 22014, 22014 },
                { runc_exec, "r1", "running", "/b/one", NULL, "annotation.io.test/x", NULL, 22812, 22720 },
                { crun_run, "c1", "creating", "/b/two", "m", "annotation.a", "b", 23484, 23484 },
                { crun_exec, "c1", "running", ".", NULL, "annotation.a", NULL, 0, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cr_assert_eq(read_string(rows[i].text), 0, "row %zu: %s", i, problem);
                cr_assert_str_eq(state.id, rows[i].id);
                cr_assert_eq(state.pid, rows[i].pid);
                cr_assert_eq(state.container_pid, rows[i].container_pid);
                cr_assert_eq(state.listener, 0);
                cr_assert_eq(state.n_fds, 1);
                if (rows[i].metadata)
                        cr_assert_str_eq(state.metadata, rows[i].metadata);
                else
                        cr_assert_null(state.metadata);
                expect_label("container-id", rows[i].id);
                expect_label("status", rows[i].status);
                expect_label("bundle", rows[i].bundle);
                expect_label(rows[i].annotation, rows[i].value);
                oci_state_deinit(&state);
        }
}

/* However the bytes are cut, the object ends at the same one, and what follows is not taken. */
Test(oci_state, the_scanner_finds_the_end_in_pieces_of_any_size) {
        static const char *const texts[] = {
                runc_run, runc_exec, crun_run, crun_exec,
                " \n{\"a\":\"}\\\"}{\",\"b\":[{},[\"]\"]],\"c\\\\\":\"\\\\\"}"
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                size_t n = strlen(texts[i]), end = n;

                while (texts[i][end - 1] == '\n')
                        end--;
                for (size_t piece = 1; piece <= n; piece++) {
                        struct oci_scanner scanner = { 0 };
                        size_t at = 0, used;

                        while (!scanner.closed) {
                                size_t left = n - at < piece ? n - at : piece;

                                cr_assert_gt(left, 0);
                                cr_assert_eq(oci_scanner_feed(&scanner, texts[i] + at, left, &used), 0);
                                at += used;
                        }
                        cr_assert_eq(at, end, "text %zu in pieces of %zu", i, piece);
                        cr_assert_eq(scanner.n, end);
                }
        }
}

Test(oci_state, the_scanner_refuses_what_is_no_object) {
        static const struct {
                const char *bytes;
                size_t n;
        } rows[] = {
                { "[]", 2 }, { "x", 1 }, { "\"{", 2 }, { "\0{", 2 }, { "{\0", 2 }, { "\xef\xbb\xbf{}", 5 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct oci_scanner scanner = { 0 };
                size_t used;

                cr_assert_eq(oci_scanner_feed(&scanner, rows[i].bytes, rows[i].n, &used),
                             OCI_STATE_E_INVALID, "row %zu", i);
        }
}

static int scan_repeated(const char *begin, const char *piece, size_t times) {
        struct oci_scanner scanner = { 0 };
        size_t used;
        int r = oci_scanner_feed(&scanner, begin, strlen(begin), &used);

        for (size_t i = 0; i < times && !r; i++)
                r = oci_scanner_feed(&scanner, piece, strlen(piece), &used);
        return r;
}

Test(oci_state, the_scanner_has_bounds) {
        char spaces[4096];

        memset(spaces, ' ', sizeof(spaces) - 1);
        spaces[sizeof(spaces) - 1] = 0;
        cr_assert_eq(scan_repeated("{", "[", OCI_DEPTH_MAX - 1), 0);
        cr_assert_eq(scan_repeated("{", "[", OCI_DEPTH_MAX), OCI_STATE_E_INVALID);
        cr_assert_eq(scan_repeated("{", ",", OCI_TOKENS_MAX), 0);
        cr_assert_eq(scan_repeated("{", ",", OCI_TOKENS_MAX + 1), OCI_STATE_E_INVALID);
        cr_assert_eq(scan_repeated("{\"", spaces, 1000), 0);
        cr_assert_eq(scan_repeated("{\"", spaces, 1025), OCI_STATE_E_INVALID);
        cr_assert_eq(scan_repeated("", spaces, 1025), OCI_STATE_E_INVALID,
                     "nor is it waited for without end");
}

#define FD    "\"fds\":[\"seccompFd\"]"
#define STATE "\"state\":{\"id\":\"a\"}"

Test(oci_state, hostile_messages) {
        static const char *const texts[] = {
                "",
                "{}",
                "[]",
                "{" FD "}",
                "{" STATE "}",
                "{" FD "," STATE "",
                "{" FD "," STATE "}x",
                "{" FD "," FD "," STATE "}",
                "{" FD ",\"state\":{\"id\":\"a\",\"id\":\"b\"}}",
                "{" FD ",\"state\":{\"id\":\"a\",\"annotations\":{\"x\":\"1\",\"x\":\"2\"}}}",
                "{\"fds\":\"seccompFd\"," STATE "}",
                "{\"fds\":[]," STATE "}",
                "{\"fds\":[\"other\"]," STATE "}",
                "{\"fds\":[1,\"seccompFd\"]," STATE "}",
                "{\"fds\":[[\"seccompFd\"]]," STATE "}",
                "{\"fds\":[\"seccompFd\",\"seccompFd\"]," STATE "}",
                "{\"fds\":[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\","
                "\"a\","
                "\"a\",\"a\",\"seccompFd\"]," STATE "}",
                "{" FD "," STATE ",\"pid\":\"1\"}",
                "{" FD "," STATE ",\"pid\":-1}",
                "{" FD "," STATE ",\"pid\":1.0}",
                "{" FD "," STATE ",\"pid\":4294967297}",
                "{" FD "," STATE ",\"pid\":99999999999999999999}",
                "{" FD "," STATE ",\"pid\":1e400}",
                "{" FD "," STATE ",\"metadata\":{}}",
                "{" FD "," STATE ",\"metadata\":\"a\\u0000b\"}",
                "{" FD ",\"state\":[]}",
                "{" FD ",\"state\":{}}",
                "{" FD ",\"state\":{\"id\":\"\"}}",
                "{" FD ",\"state\":{\"id\":7}}",
                "{" FD ",\"state\":{\"id\":null}}",
                "{" FD ",\"state\":{\"id\":\"a\\u0000b\"}}",
                "{" FD ",\"state\":{\"id\":\"a\",\"pid\":-7}}",
                "{" FD ",\"state\":{\"id\":\"a\",\"status\":[]}}",
                "{" FD ",\"state\":{\"id\":\"a\",\"annotations\":[]}}",
                "{" FD ",\"state\":{\"id\":\"a\",\"annotations\":{\"a\":1}}}",
                "{" FD ",\"state\":{\"id\":\"a\",\"annotations\":{\"a\\u0000\":\"1\"}}}",
                "{" FD ",\"state\":{\"id\":\"\xff\"}}",
                "{" FD ",\"state\":{\"id\":\"\xc0\x80\"}}",
                "{" FD ",\"state\":{\"id\":\"\\ud800\"}}",
                "{" FD ",\"state\":{\"id\":\"a\nb\"}}",
                "{" FD ",\"x\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]," STATE
                "}",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                cr_assert_eq(read_string(texts[i]), OCI_STATE_E_INVALID, "%s", texts[i]);
                cr_assert_neq(problem[0], 0, "%s", texts[i]);
                cr_assert_null(state.id);
                cr_assert_eq(state.labels.n, 0);
        }
        cr_assert_eq(read_bytes("{" FD ",\0" STATE "}", 9 + strlen(FD STATE)), OCI_STATE_E_INVALID);
}

Test(oci_state, odd_but_valid_messages) {
        static const struct {
                const char *text;
                size_t listener, n_fds;
                uint32_t pid;
        } rows[] = {
                { "{" FD "," STATE "}", 0, 1, 0 },
                { " \n\t{" FD "," STATE ",\"pid\":null,\"metadata\":null}\n", 0, 1, 0 },
                { "{" STATE ",\"pid\":2147483647," FD "}", 0, 1, 2147483647 },
                { "{\"fds\":[\"other\",\"seccompFd\",\"pidFd\"]," STATE ",\"unknown\":{\"a\":[1,2.5,true]}}",
                  1, 3, 0 },
                { "{" FD ",\"state\":{\"id\":\"a\",\"annotations\":null,\"x\":[[]]}}", 0, 1, 0 },
                { "{" FD ",\"state\":{\"id\":\"a\",\"annotations\":{\"n\":\"a\\u0000b\"}}}", 0, 1, 0 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                cr_assert_eq(read_string(rows[i].text), 0, "%s: %s", rows[i].text, problem);
                cr_assert_eq(state.listener, rows[i].listener);
                cr_assert_eq(state.n_fds, rows[i].n_fds);
                cr_assert_eq(state.pid, rows[i].pid);
                cr_assert_str_eq(state.id, "a");
                if (i == 5)
                        expect_label("annotation.n", "a");
                oci_state_deinit(&state);
        }
}

Test(oci_state, labels_of_the_engines) {
        static const struct {
                const char *bundle, *annotations, *manager, *pod, *namespace, *container, *image, *sandbox;
        } rows[] = {
                { "/run/containerd/io.containerd.runtime.v2.task/k8s.io/f00",
                  "\"io.kubernetes.cri.container-type\":\"container\","
                  "\"io.kubernetes.cri.sandbox-name\":\"web-1\","
                  "\"io.kubernetes.cri.sandbox-namespace\":\"shop\","
                  "\"io.kubernetes.cri.container-name\":\"app\","
                  "\"io.kubernetes.cri.image-name\":\"nginx:1\",\"io.kubernetes.cri.sandbox-id\":\"5b\"",
                  "containerd", "web-1", "shop", "app", "nginx:1", "5b" },
                { "/run/containers/storage/overlay-containers/f00/userdata",
                  "\"io.container.manager\":\"cri-o\",\"io.kubernetes.pod.name\":\"web-1\","
                  "\"io.kubernetes.pod.namespace\":\"shop\",\"io.kubernetes.container.name\":\"app\","
                  "\"io.kubernetes.cri-o.ImageName\":\"nginx:1\",\"io.kubernetes.cri-o.SandboxID\":\"5b\"",
                  "cri-o", "web-1", "shop", "app", "nginx:1", "5b" },
                { ".", "\"io.container.manager\":\"libpod\",\"io.kubernetes.cri-o.SandboxID\":\"5b\"",
                  "podman", NULL, NULL, NULL, NULL, "5b" },
                { "/run/containerd/io.containerd.runtime.v2.task/moby/f00", "", "docker", NULL, NULL, NULL,
                  NULL, NULL },
                { "/run/containerd/io.containerd.runtime.v2.task/default/f00", "", "containerd", NULL, NULL,
                  NULL, NULL, NULL },
                { "/somewhere", "\"io.kubernetes.pod.namespace\":\"shop\"", NULL, NULL, NULL, NULL, NULL,
                  NULL },
                /* A pod's own annotations among those of CRI-O. */
                { "/run/containers/storage/overlay-containers/f00/userdata",
                  "\"io.container.manager\":\"cri-o\",\"io.kubernetes.pod.namespace\":\"shop\","
                  "\"io.kubernetes.cri.sandbox-namespace\":\"kube-system\"",
                  "cri-o", NULL, "shop", NULL, NULL, NULL },
                /* Two engines: nobody knows which one speaks. */
                { ".",
                  "\"io.container.manager\":\"cri-o\",\"io.kubernetes.pod.namespace\":\"shop\","
                  "\"io.kubernetes.cri.sandbox-namespace\":\"kube-system\","
                  "\"io.kubernetes.cri.container-type\":\"container\"",
                  NULL, NULL, NULL, NULL, NULL, NULL },
                /* Where the bundle lies says it. */
                { "/run/containerd/io.containerd.runtime.v2.task/k8s.io/f00",
                  "\"io.container.manager\":\"cri-o\",\"io.kubernetes.pod.namespace\":\"shop\","
                  "\"io.kubernetes.cri.sandbox-namespace\":\"kube-system\"",
                  "containerd", NULL, "kube-system", NULL, NULL, NULL },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char text[2048];

                snprintf(text, sizeof(text),
                         "{" FD ",\"state\":{\"id\":\"a\",\"bundle\":\"%s\",\"annotations\":{%s}}}",
                         rows[i].bundle, rows[i].annotations);
                cr_assert_eq(read_string(text), 0, "row %zu: %s", i, problem);
                expect_label("manager", rows[i].manager);
                expect_label("pod", rows[i].pod);
                expect_label("namespace", rows[i].namespace);
                expect_label("container", rows[i].container);
                expect_label("image", rows[i].image);
                expect_label("sandbox-id", rows[i].sandbox);
                oci_state_deinit(&state);
        }
}

/* An annotation cannot pass for a label of ours, whatever its name. */
Test(oci_state, annotations_stay_annotations) {
        cr_assert_eq(read_string("{" FD
                                 ",\"state\":{\"id\":\"a\",\"annotations\":{\"namespace\":\"kube-system\","
                                 "\"container-id\":\"b\",\"\":\"c\"}}}"),
                     0);
        expect_label("namespace", NULL);
        expect_label("container-id", "a");
        expect_label("annotation.namespace", "kube-system");
        expect_label("annotation.", "c");
        oci_state_deinit(&state);
}

Test(oci_state, many_and_large_annotations_are_bounded_and_said) {
        size_t size = 4u << 20, n;
        char *text = malloc(size);

        /* 300 KB in 300 of them: all kept. */
        n = (size_t)sprintf(text, "{" FD ",\"state\":{\"id\":\"a\",\"annotations\":{");
        for (int i = 0; i < 300; i++)
                n += (size_t)sprintf(text + n, "%s\"key%d\":\"%01000d\"", i ? "," : "", i, i);
        n += (size_t)sprintf(text + n, "}}}");
        cr_assert_gt(n, 300000);
        cr_assert_eq(read_bytes(text, n), 0, "%s", problem);
        cr_assert_eq(state.labels.n_left_out, 0);
        cr_assert_eq(state.labels.n, 301);
        oci_state_deinit(&state);

        /* 100,000 of them, and one too long. */
        n = (size_t)sprintf(text, "{" FD ",\"state\":{\"id\":\"a\",\"annotations\":{\"long\":\"%0100000d\"",
                            0);
        for (int i = 0; i < 100000; i++)
                n += (size_t)sprintf(text + n, ",\"key%d\":\"%d\"", i, i);
        n += (size_t)sprintf(text + n, "}}}");
        cr_assert_eq(read_bytes(text, n), 0, "%s", problem);
        cr_assert_eq(state.labels.n, LABELS_MAX);
        cr_assert_eq(state.labels.n_left_out, 100001 - (LABELS_MAX - 1));
        expect_label("annotation.key0", "0");
        oci_state_deinit(&state);
        free(text);
}
