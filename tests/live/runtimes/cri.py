#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: cri.py SOCKET [OPTION…] NAME IMAGE COMMAND…

One pod of one container, asked for in the words of the kubelet: sandbox, create, start; prints what the container
wrote and exits as it did. The pod is on the host's network, since there is no other here."""
import argparse
import os
import subprocess
import sys
import tempfile
import time

import grpc


def load(folder):
    """The messages and the client, generated afresh from cri.proto."""
    here = os.path.dirname(os.path.abspath(__file__))
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", "-I", here, "--python_out", folder,
                    "--grpc_python_out", folder, "cri.proto"], check=True)
    sys.path.insert(0, folder)
    import cri_pb2
    import cri_pb2_grpc
    return cri_pb2, cri_pb2_grpc


def profile(cri, text):
    kinds = cri.SecurityProfile
    if text == "none":
        return kinds(profile_type=kinds.Unconfined)
    if text == "default":
        return kinds(profile_type=kinds.RuntimeDefault)
    return kinds(profile_type=kinds.Localhost, localhost_ref=text)


def pod_config(cri, options, logs):
    annotations = dict(pair.split("=", 1) for pair in options.annotation)
    return cri.PodSandboxConfig(
        metadata=cri.PodSandboxMetadata(name=options.pod or options.name, namespace=options.namespace,
                                        uid="uid-" + options.name),
        log_directory=logs, annotations=annotations,
        linux=cri.LinuxPodSandboxConfig(
            cgroup_parent=options.cgroup_parent,
            security_context=cri.LinuxSandboxSecurityContext(
                namespace_options=cri.NamespaceOption(network=cri.NODE), seccomp=profile(cri, "none"))))


def container_config(cri, options):
    return cri.ContainerConfig(
        metadata=cri.ContainerMetadata(name=options.name), image=cri.ImageSpec(image=options.image),
        command=options.command, log_path="log",
        linux=cri.LinuxContainerConfig(security_context=cri.LinuxContainerSecurityContext(
            namespace_options=cri.NamespaceOption(network=cri.NODE), no_new_privs=options.no_new_privs,
            seccomp=profile(cri, options.seccomp))))


def copy_log(path):
    """Lines of it: time, stream, F (whole) or P (part), text."""
    with open(path) as log:
        for line in log:
            _, stream, whole, text = line.rstrip("\n").split(" ", 3)
            print(text, end="\n" if whole == "F" else "", file=sys.stdout if stream == "stdout" else sys.stderr)


def run(cri, stub, options, logs):
    config = pod_config(cri, options, logs)
    pod = stub.RunPodSandbox(cri.RunPodSandboxRequest(config=config), timeout=60).pod_sandbox_id
    try:
        container = stub.CreateContainer(cri.CreateContainerRequest(
            pod_sandbox_id=pod, config=container_config(cri, options), sandbox_config=config), timeout=60)
        stub.StartContainer(container, timeout=60)
        if options.exec:
            done = stub.ExecSync(cri.ExecSyncRequest(container_id=container.container_id, cmd=options.exec.split(),
                                                     timeout=60), timeout=90)
            sys.stdout.write(done.stdout.decode())
            sys.stderr.write(done.stderr.decode())
            return done.exit_code
        while True:
            status = stub.ContainerStatus(container, timeout=60).status
            if status.state == cri.EXITED:
                copy_log(os.path.join(logs, "log"))
                return status.exit_code
            time.sleep(0.05)
    finally:
        stub.StopPodSandbox(cri.PodSandbox(pod_sandbox_id=pod), timeout=60)
        stub.RemovePodSandbox(cri.PodSandbox(pod_sandbox_id=pod), timeout=60)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("socket")
    parser.add_argument("--seccomp", default="default", help="none, default, or a profile's absolute path")
    parser.add_argument("--namespace", default="default")
    parser.add_argument("--pod", help="its name; the container's by default")
    parser.add_argument("--annotation", action="append", default=[], help="NAME=VALUE of the pod")
    parser.add_argument("--cgroup-parent", default="")
    parser.add_argument("--no-new-privs", action="store_true")
    parser.add_argument("--exec", help="run this in it, and end with that")
    parser.add_argument("name")
    parser.add_argument("image")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cri, cri_grpc = load(folder)
        with grpc.insecure_channel("unix://" + options.socket) as channel:
            try:
                return run(cri, cri_grpc.RuntimeServiceStub(channel), options, folder)
            except grpc.RpcError as error:
                print(error.code().name + ": " + error.details(), file=sys.stderr)
                return 125


sys.exit(main())
