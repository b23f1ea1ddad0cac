#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/kubernetes on one node: the manifests as they are, driven through containerd's CRI as the kubelet drives it,
# along the walk-through of its README.

BOX_LIMIT=150
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need containerd ctr runc ldd
python -c 'import grpc, grpc_tools, kubernetes, yaml' 2>/dev/null || skip "python3-grpcio, -grpc-tools, -kubernetes or -yaml is not installed"
examples=$live/../../examples/kubernetes

# ---- manifests ----

python "$runtimes/manifests.py" "$examples"/*.yaml >manifests.out 2>&1
same "manifests: status of the check" 0 $?
same "manifests: nothing is wrong" "" "$(cat manifests.out)"
sed 's/hostPID: true/hostPid: true/' "$examples/40-daemonset.yaml" >wrong.yaml
python "$runtimes/manifests.py" wrong.yaml >manifests.out 2>&1
same "manifests: a wrong one is found" 1 $?

# ---- a node ----

# What the manifests name lies below these, and this is a box of our own.
mount -t tmpfs -o mode=755 tmpfs /var/lib || skip "/var/lib cannot be covered"
kubelet_root=/var/lib/kubelet
mkdir -p $kubelet_root
make_rootfs rootfs
make_callgate_rootfs callgate
for image in busybox:callgate.test/busybox:1 busybox:docker.io/library/busybox:1.35 pause:callgate.test/pause:1 \
  callgate:localhost/callgate:0.1.0; do
  case $image in
    busybox:*) python "$runtimes/image.py" "$(echo "$image" | tr /: --).tar" "${image#*:}" rootfs ;;
    pause:*) python "$runtimes/image.py" "$(echo "$image" | tr /: --).tar" "${image#*:}" rootfs /bin/sleep 100000 ;;
    callgate:*) python "$runtimes/image.py" "$(echo "$image" | tr /: --).tar" "${image#*:}" callgate ;;
  esac
done
containerd_start ./*.tar || { fail "containerd does not start" containerd.log; finish; }

on_node() { kubelet "$@" "$examples"/*.yaml; }

on_node --pod callgated-node-1 start >start.out 2>start.err
same "DaemonSet: it starts" 0 $?
until_true test -S /run/callgate/oci.sock || fail "DaemonSet: no socket" start.err
on_node --pod callgated-node-1 --container install-profiles logs >install.out 2>&1
cat install.out start.err
ls -l /var/lib/kubelet/seccomp/callgate /run/callgate
on_node --pod callgated-node-1 --container callgated logs

report() { # profile below callgate/, name: the pod of the example under another profile
  sed "s,callgate/strict.json,callgate/$1.json,; s,^  name: report$,  name: $2," "$examples/report-pod.yaml" >"$2.yaml"
  kubelet run "$2.yaml"
}
report strict report >report.out 2>report.err; echo rc=$?; cat report.out report.err
report strict-dry-run report >report.out 2>report.err; echo rc=$?; cat report.out report.err
report record report >report.out 2>report.err; echo rc=$?; cat report.out report.err
ls -l /var/lib/callgate
"$callgate" events /var/lib/callgate/events 2>&1 | head -60; kubelet --pod callgated-node-1 --container callgated exec "$examples"/*.yaml -- callgate --version
on_node --pod callgated-node-1 stop
containerd_stop
finish
