/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/cgroup as systemd, docker, containerd, podman and the kubelet make it. */

#include "supervisor/service/cgroup.h"

#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#define ID    "4f1c0b7c2a9d3e5f60718293a4b5c6d7e8f90123456789abcdef0123456789ab"
#define OTHER "aaaa0b7c2a9d3e5f60718293a4b5c6d7e8f90123456789abcdef0123456789ab"
#define UID   "0e7c1d52-83f5-4b57-9c38-7d2b1f4a6e90"
#define UID_  "0e7c1d52_83f5_4b57_9c38_7d2b1f4a6e90"

Test(cgroup, names_by_their_form) {
        static const struct {
                const char *text, *unit, *container, *pod;
        } rows[] = {
                /* systemd */
                { "0::/\n", "", "", "" },
                { "0::/init.scope\n", "init.scope", "", "" },
                { "0::/system.slice/nginx.service\n", "nginx.service", "", "" },
                { "0::/system.slice/nginx.service", "nginx.service", "", "" },
                { "0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service", "", "" },
                { "0::/system.slice/a.service/worker.service\n", "a.service", "", "" },
                { "0::/user.slice/user-1000.slice/session-3.scope\n", "session-3.scope", "", "" },
                { "0::/user.slice/user-1000.slice/user@1000.service/init.scope\n", "init.scope", "", "" },
                { "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/"
                  "vte-spawn-1.scope\n",
                  "vte-spawn-1.scope", "", "" },
                { "0::/user.slice/user-1000.slice/user@1000.service\n", "user@1000.service", "", "" },
                { "0::/system.slice/dev-disk\\x2dby.swap (deleted)\n", "dev-disk\\x2dby.swap", "", "" },
                { "0::/system.slice/nginx.service (deleted)\n", "nginx.service", "", "" },
                /* version 1, and both */
                { "12:memory:/system.slice/cron.service\n1:name=systemd:/system.slice/cron.service\n0::/"
                  "system.slice/cron.service\n",
                  "cron.service", "", "" },
                { "11:cpu,cpuacct:/\n3:memory:/x\n1:name=systemd:/user.slice/user-0.slice/session-1.scope\n",
                  "session-1.scope", "", "" },
                { "4:memory:/system.slice/not-asked.service\n", "", "", "" },
                /* docker */
                { "0::/system.slice/docker-" ID ".scope\n", "docker-" ID ".scope", ID, "" },
                { "0::/docker/" ID "\n", "", ID, "" },
                { "12:pids:/docker/" ID "\n1:name=systemd:/docker/" ID
                  "\n0::/system.slice/containerd.service\n",
                  "containerd.service", ID, "" },
                { "0::/../" ID "\n", "", ID, "" },
                { "0::/system.slice/docker.service\n", "docker.service", "", "" },
                /* podman */
                { "0::/machine.slice/libpod-" ID ".scope/container\n", "libpod-" ID ".scope", ID, "" },
                { "0::/machine.slice/libpod-conmon-" ID ".scope\n", "libpod-conmon-" ID ".scope", "", "" },
                { "0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope\n",
                  "libpod-" ID ".scope", ID, "" },
                { "0::/machine.slice/machine-libpod_pod_" OTHER ".slice/libpod-" ID ".scope/container\n",
                  "libpod-" ID ".scope", ID, "" },
                { "0::/libpod_parent/libpod-" ID "\n", "", ID, "" },
                /* kubelet */
                { "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_
                  ".slice/cri-containerd-" ID ".scope\n",
                  "cri-containerd-" ID ".scope", ID, UID },
                { "0::/kubepods.slice/kubepods-pod" UID_ ".slice/crio-" ID ".scope\n", "crio-" ID ".scope",
                  ID, UID },
                { "0::/kubepods.slice/kubepods-pod" UID_ ".slice/crio-conmon-" ID ".scope\n",
                  "crio-conmon-" ID ".scope", "", UID },
                { "0::/kubepods/besteffort/pod" UID "/" ID "\n", "", ID, UID },
                { "0::/kubepods/burstable/pod0123456789abcdef0123456789abcdef/" ID "\n", "", ID,
                  "0123456789abcdef0123456789abcdef" },
                { "0::/system.slice/containerd.service/kubepods-besteffort-pod" UID_
                  ".slice:cri-containerd:" ID "\n",
                  "containerd.service", ID, UID },
                /* kind: a node that is a container itself */
                { "0::/docker/" OTHER "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" UID_
                  ".slice/cri-containerd-" ID ".scope\n",
                  "cri-containerd-" ID ".scope", ID, UID },
                /* containerd by itself, nerdctl, runc */
                { "0::/default/" ID "\n", "", ID, "" },
                { "0::/system.slice/nerdctl-" ID ".scope\n", "nerdctl-" ID ".scope", ID, "" },
                { "0::/mycontainer\n", "", "", "" },
                /* no names, though they look like some */
                { "0::/podcast/pod-web\n", "", "", "" },
                { "0::/docker/4F1C0B7C2A9D3E5F60718293A4B5C6D7E8F90123456789ABCDEF0123456789AB\n", "", "",
                  "" },
                { "0::/x" ID "\n", "", "", "" },
                { "0::/kubepods/pod" UID "x/a\n", "", "", "" },
                { "0::/.scope/.service\n", "", "", "" },
                { "", "", "", "" },
                { "nonsense\n::\n:\n\n", "", "", "" },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct cgroup_names names;

                cgroup_parse(rows[i].text, strlen(rows[i].text), &names);
                cr_expect_str_eq(names.unit, rows[i].unit, "%s", rows[i].text);
                cr_expect_str_eq(names.container_id, rows[i].container, "%s", rows[i].text);
                cr_expect_str_eq(names.pod_uid, rows[i].pod, "%s", rows[i].text);
        }
}

Test(cgroup, labels_that_are_there_stay) {
        struct labels labels = LABELS_INIT;

        labels_set(&labels, "container-id", "mine");
        cr_expect_eq(cgroup_label((uint32_t)getpid(), &labels), 0);
        cr_expect_str_eq(labels_get(&labels, "container-id"), "mine");
        cr_expect_eq(cgroup_label(UINT32_MAX, &labels), 0, "nobody");
        cr_expect_eq(cgroup_label(0, &labels), 0);
        labels_deinit(&labels);
}
