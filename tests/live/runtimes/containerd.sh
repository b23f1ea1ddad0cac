#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# containerd: through ctr, and as the kubelet asks it, by CRI, with annotations of pods.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$runtimes/flow.sh"
need containerd ctr runc crun
python -c 'import grpc, grpc_tools, yaml' 2>/dev/null || skip "python3-grpcio, -grpc-tools or -yaml is not installed"

make_rootfs rootfs
python "$runtimes/image.py" image.tar callgate.test/busybox:1 rootfs
python "$runtimes/image.py" pause.tar callgate.test/pause:1 rootfs /bin/sleep 100000
service_start || { fail "callgated does not start" callgated.log; finish; }
containerd_start image.tar pause.tar || { fail "containerd does not start" containerd.log; finish; }

ctr_crun_run() {
  local ctr_more=(--runc-binary "$(command -v crun)")
  ctr_run "$@"
}
cri_annotations='{callgate.test/team: blue, other.test/x: hidden}'

flow_plain ctr_run
flow_record ctr ctr_run runc runc
has_label ctr manager containerd
has_label ctr container-id "flow-$counter"
flow_dry_run ctr ctr_run runc runc
# containerd's own default profile, as it gives it to runc.
ctr_ run -d --snapshotter native --cgroup "$cgroup/sleeper" --seccomp callgate.test/busybox:1 sleeper /bin/sleep 1000 2>ctr.err
bundle_profile containerd/state/io.containerd.runtime.v2.task/default/sleeper profiles/containerd.json
ctr_ task kill -s KILL sleeper 2>>ctr.err
until_true ctr_ container rm sleeper
flow_default "containerd's default profile" ctr_run runc containerd

flow_record ctr-crun ctr_crun_run crun crun
flow_dry_run ctr-crun ctr_crun_run crun crun

flow_record cri cri_run runc runc
flow_dry_run cri cri_run runc runc
for label in manager=containerd pod="flow-$counter-pod" namespace=shop container="flow-$counter" \
  image=callgate.test/busybox:1 annotation.callgate.test/team=blue; do
  has_label cri "${label%%=*}" "${label#*=}"
done
if grep -q hidden session.json; then fail "an annotation that containerd was not told to hand on came"; else pass; fi

cri_manifest cri-dry.json exec /bin/sleep 1000 >exec.yaml
cp cri-dry.json "$kubelet_root/seccomp/"
kubelet start exec.yaml >exec.out 2>&1
kubelet --container exec exec exec.yaml -- /bin/mkdir /work/more >exec.out 2>&1
flow_exec cri pod=exec-pod $?
kubelet stop exec.yaml

service_stop
same "callgated: exit status" 0 $?
flow_alone ctr ctr_run
flow_alone ctr-crun ctr_crun_run
flow_alone cri cri_run
containerd_stop
finish
