#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# podman with runc and with crun, and as an ordinary user ("rootless").

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$runtimes/flow.sh"
need podman runc crun

make_rootfs rootfs
python "$runtimes/image.py" image.tar callgate.test/busybox:1 rootfs
service_start || { fail "callgated does not start" callgated.log; finish; }

runc_run() { podman_runtime=runc "${kind}_run" "$@"; }
crun_run() { podman_runtime=crun "${kind}_run" "$@"; }
case ${1:-root} in
  root) kind=podman engine=podman_ start=podman_start ;;
  rootless) kind=rootless engine=rootless_podman start=rootless_start ;;
esac
$start "$work/image.tar" || { fail "podman cannot load the image" podman.log rootless.log; finish; }
flow_plain runc_run
for runtime in runc crun; do
  flow_record $runtime ${runtime}_run $runtime $runtime
  has_label "$runtime" manager podman
  flow_dry_run $runtime ${runtime}_run $runtime $runtime
done
podman_runtime=runc parent=()
[ $kind = rootless ] || parent=(--cgroup-parent "$cgroup")
id=$("$engine" run -d --name exec --network none "${parent[@]}" --security-opt "seccomp=$PWD/runc-dry.json" callgate.test/busybox:1 \
  /bin/sleep 1000 2>exec.err)
"$engine" exec exec /bin/mkdir /work/more >exec.out 2>&1
flow_exec podman "container-id=$id" $?
"$engine" rm -f -t 0 exec >exec.out 2>&1

if [ -e /usr/share/containers/seccomp.json ]; then
  cp /usr/share/containers/seccomp.json profiles/containers.json
  flow_default "podman's default profile" crun_run crun containers --cap default
fi
service_stop
same "callgated: exit status" 0 $?
for runtime in runc crun; do flow_alone $runtime ${runtime}_run; done
[ $kind = podman ] || rootless_stop
finish
