#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: kubelet.py --runtime SOCKET [OPTION…] VERB MANIFEST… [-- COMMAND…]

The part of a kubelet that a node's flow depends on: takes pods (or the pod of a DaemonSet) out of manifests and asks
the container runtime for them by CRI, in the kubelet's own order and words.

  run    runs the pod to its end; prints what its containers wrote; ends with the status of the first that failed
  start  starts it; its init containers have ended then
  exec   runs a command in a container of a pod that was started
  logs   prints what a container wrote
  stop   stops and removes a pod that was started

Unlike a kubelet's, its pods are on the host's network (there is no other here), images are there already, and nothing
is restarted."""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import grpc
import yaml


def load():
    """The messages and the client, generated from cri.proto once for all calls of a test."""
    here = os.path.dirname(os.path.abspath(__file__))
    folder = os.path.join(tempfile.gettempdir(), "cri")
    if not os.path.isdir(folder):
        os.mkdir(folder)
        subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I", here, "--python_out", folder,
                        "--grpc_python_out", folder, "cri.proto"], check=True)
    sys.path.insert(0, folder)
    import cri_pb2
    import cri_pb2_grpc
    return cri_pb2, cri_pb2_grpc


cri, cri_grpc = load()


class Failure(Exception):
    pass


# ---- manifests ----

def documents(paths):
    for path in paths:
        with open(path) as file:
            yield from (document for document in yaml.safe_load_all(file) if document)


class Pod:
    """What a manifest says of one pod."""

    def __init__(self, manifest, node):
        template = manifest["spec"]["template"] if manifest["kind"] == "DaemonSet" else manifest
        meta = {**manifest["metadata"], **template.get("metadata", {})}
        self.name = meta["name"] if manifest["kind"] == "Pod" else "%s-%s" % (manifest["metadata"]["name"], node)
        self.namespace = manifest["metadata"].get("namespace", "default")
        self.labels = meta.get("labels", {})
        self.annotations = meta.get("annotations", {})
        self.spec = template["spec"]
        self.uid = "uid-of-" + self.name
        self.node = node

    @property
    def namespaces(self):
        return cri.NamespaceOption(network=cri.NODE, pid=cri.NODE if self.spec.get("hostPID") else cri.CONTAINER)

    def field(self, path):
        known = {"spec.nodeName": self.node, "metadata.name": self.name, "metadata.namespace": self.namespace}
        if path not in known:
            raise Failure("fieldPath %s: not known here" % path)
        return known[path]


class Kubelet:
    def __init__(self, options, stub):
        self.options, self.stub = options, stub
        self.maps = {(d["metadata"].get("namespace", "default"), d["metadata"]["name"]): d
                     for d in documents(options.manifests) if d["kind"] == "ConfigMap"}
        pods = [Pod(d, options.node) for d in documents(options.manifests) if d["kind"] in ("Pod", "DaemonSet")]
        pods = [pod for pod in pods if options.pod in (None, pod.name)]
        if len(pods) != 1:
            raise Failure("%d pods in these manifests, and --pod names one" % len(pods))
        self.pod = pods[0]
        self.folder = os.path.join(options.root, "pods", self.pod.uid)
        self.logs = os.path.join(self.folder, "logs")
        os.makedirs(self.logs, exist_ok=True)

    # ---- what containers are given ----

    def profile(self, wanted):
        """The kubelet's word for a seccompProfile; its own folder is where a localhostProfile is looked for."""
        kinds = cri.SecurityProfile
        kind = (wanted or {"type": "Unconfined"})["type"]
        if kind != "Localhost":
            return kinds(profile_type=kinds.RuntimeDefault if kind == "RuntimeDefault" else kinds.Unconfined)
        path = os.path.join(self.options.root, "seccomp", wanted["localhostProfile"])
        return kinds(profile_type=kinds.Localhost, localhost_ref=path)

    def volume(self, volume):
        name = volume["name"]
        own = os.path.join(self.folder, "volumes", name)
        if "hostPath" in volume:
            path, kind = volume["hostPath"]["path"], volume["hostPath"].get("type", "")
            if kind == "DirectoryOrCreate":
                os.makedirs(path, exist_ok=True)
            elif kind == "Directory" and not os.path.isdir(path):
                raise Failure("volume %s: %s is no directory" % (name, path))
            return path
        os.makedirs(own, exist_ok=True)
        if "configMap" in volume:
            key = (self.pod.namespace, volume["configMap"]["name"])
            if key not in self.maps:
                raise Failure("volume %s: there is no ConfigMap %s/%s" % (name, *key))
            for file, text in self.maps[key].get("data", {}).items():
                with open(os.path.join(own, file), "w") as out:
                    out.write(text)
        elif "emptyDir" not in volume:
            raise Failure("volume %s: of a kind that is not known here" % name)
        return own

    def mounts(self, container):
        volumes = {volume["name"]: volume for volume in self.pod.spec.get("volumes", [])}
        for mount in container.get("volumeMounts", []):
            yield cri.Mount(container_path=mount["mountPath"], host_path=self.volume(volumes[mount["name"]]),
                            readonly=mount.get("readOnly", False))

    def environment(self, container):
        for item in container.get("env", []):
            value = item["value"] if "value" in item else self.pod.field(item["valueFrom"]["fieldRef"]["fieldPath"])
            yield cri.KeyValue(key=item["name"], value=value)

    def security(self, container):
        of_pod, own = self.pod.spec.get("securityContext", {}), container.get("securityContext", {})
        user = own.get("runAsUser", of_pod.get("runAsUser"))
        caps = own.get("capabilities", {})
        return cri.LinuxContainerSecurityContext(
            capabilities=cri.Capability(add_capabilities=caps.get("add", []), drop_capabilities=caps.get("drop", [])),
            privileged=own.get("privileged", False),
            namespace_options=self.pod.namespaces,
            run_as_user=None if user is None else cri.Int64Value(value=user),
            readonly_rootfs=own.get("readOnlyRootFilesystem", False),
            no_new_privs=not own.get("allowPrivilegeEscalation", True),
            seccomp=self.profile(own.get("seccompProfile", of_pod.get("seccompProfile"))))

    # ---- requests ----

    def sandbox(self):
        return cri.PodSandboxConfig(
            metadata=cri.PodSandboxMetadata(name=self.pod.name, namespace=self.pod.namespace, uid=self.pod.uid),
            log_directory=self.logs, labels=self.pod.labels, annotations=self.pod.annotations,
            linux=cri.LinuxPodSandboxConfig(
                cgroup_parent=self.options.cgroup_parent,
                security_context=cri.LinuxSandboxSecurityContext(namespace_options=self.pod.namespaces,
                                                                 seccomp=self.profile(None))))

    def begin(self, state, container):
        name = container["name"]
        config = cri.ContainerConfig(
            metadata=cri.ContainerMetadata(name=name), image=cri.ImageSpec(image=container["image"]),
            command=container.get("command", []), args=container.get("args", []),
            envs=self.environment(container), mounts=self.mounts(container), log_path=name + ".log",
            labels={"io.kubernetes.container.name": name},
            linux=cri.LinuxContainerConfig(security_context=self.security(container)))
        made = self.stub.CreateContainer(cri.CreateContainerRequest(
            pod_sandbox_id=state["pod"], config=config, sandbox_config=self.sandbox()), timeout=60)
        self.stub.StartContainer(made, timeout=60)
        state["containers"][name] = made.container_id

    def wait(self, state, name):
        while True:
            status = self.stub.ContainerStatus(cri.Container(container_id=state["containers"][name]),
                                               timeout=60).status
            if status.state == cri.EXITED:
                return status.exit_code
            time.sleep(0.05)

    def copy_log(self, name):
        """Lines of it: time, stream, F (whole) or P (part), text."""
        with open(os.path.join(self.logs, name + ".log")) as log:
            for line in log:
                _, stream, whole, text = line.rstrip("\n").split(" ", 3)
                print(text, end="\n" if whole == "F" else "", file=sys.stdout if stream == "stdout" else sys.stderr)

    @property
    def state_file(self):
        return os.path.join(self.folder, "state.json")

    def state(self):
        with open(self.state_file) as file:
            return json.load(file)

    # ---- verbs ----

    def start(self):
        sandbox = self.stub.RunPodSandbox(cri.RunPodSandboxRequest(config=self.sandbox()), timeout=60)
        state = {"pod": sandbox.pod_sandbox_id, "containers": {}}
        try:
            for container in self.pod.spec.get("initContainers", []):
                self.begin(state, container)
                status = self.wait(state, container["name"])
                if status:
                    self.copy_log(container["name"])
                    raise Failure("init container %s ended with %d" % (container["name"], status))
            for container in self.pod.spec["containers"]:
                self.begin(state, container)
        except BaseException:
            self.remove(state)
            raise
        with open(self.state_file, "w") as file:
            json.dump(state, file)
        return state

    def remove(self, state):
        grace = self.pod.spec.get("terminationGracePeriodSeconds", 30)
        for container in state["containers"].values():
            self.stub.StopContainer(cri.StopContainerRequest(container_id=container, timeout=grace), timeout=60)
        self.stub.StopPodSandbox(cri.PodSandbox(pod_sandbox_id=state["pod"]), timeout=60)
        self.stub.RemovePodSandbox(cri.PodSandbox(pod_sandbox_id=state["pod"]), timeout=60)
        shutil.rmtree(self.folder)

    def run(self):
        state, failed = self.start(), 0
        try:
            for container in self.pod.spec["containers"]:
                failed = self.wait(state, container["name"]) or failed
                self.copy_log(container["name"])
        finally:
            self.remove(state)
        return failed

    def execute(self):
        done = self.stub.ExecSync(cri.ExecSyncRequest(
            container_id=self.state()["containers"][self.options.container], cmd=self.options.command, timeout=60),
            timeout=90)
        sys.stdout.write(done.stdout.decode())
        sys.stderr.write(done.stderr.decode())
        return done.exit_code


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runtime", required=True, help="its socket")
    parser.add_argument("--root", default="/var/lib/kubelet")
    parser.add_argument("--node", default="node-1")
    parser.add_argument("--cgroup-parent", default="")
    parser.add_argument("--pod", help="which of the pods in the manifests")
    parser.add_argument("--container")
    parser.add_argument("verb", choices=["run", "start", "exec", "logs", "stop"])
    parser.add_argument("manifests", nargs="+")
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options = parser.parse_args(sys.argv[1:end])
    options.command = sys.argv[end + 1:]
    with grpc.insecure_channel("unix://" + options.runtime) as channel:
        try:
            kubelet = Kubelet(options, cri_grpc.RuntimeServiceStub(channel))
            if options.verb == "start":
                kubelet.start()
            elif options.verb == "logs":
                kubelet.copy_log(options.container)
            elif options.verb == "stop":
                kubelet.remove(kubelet.state())
            else:
                return kubelet.run() if options.verb == "run" else kubelet.execute()
            return 0
        except grpc.RpcError as error:
            print(error.code().name + ": " + error.details(), file=sys.stderr)
        except Failure as failure:
            print(failure, file=sys.stderr)
        return 125


sys.exit(main())
