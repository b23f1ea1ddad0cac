#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dockerd drops a profile's listenerPath. The two ways around it: examples/docker/callgate-runc, which puts it back, and
# crun, which takes the listener's path from dockerd's environment and leaves the rest to the service's rules.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$runtimes/flow.sh"
need dockerd docker runc crun

make_rootfs rootfs
python "$runtimes/image.py" image.tar callgate.test/busybox:1 rootfs
by_metadata='sessions: []'
by_rule="sessions: [{match: {manager: docker}, mode: dry-run, profile: crun-strict.json}]"
service_start "$by_metadata" || { fail "callgated does not start" callgated.log; finish; }

mkdir docker
# dockerd writes paths into a script as they are.
cp "$live/../../examples/docker/callgate-runc" "$work/callgate-runc"
python - "$work/callgate-runc" "$service_sock" "$(command -v crun)" <<'P' >docker/daemon.json
import json, sys
wrapper, listener, crun = sys.argv[1:]
def runtime(*words):
    return {"path": wrapper, "runtimeArgs": ["--listener=" + listener, *words]}
print(json.dumps({"runtimes": {"record": runtime("--mode=record"), "crun": {"path": crun},
                               "dry-run": runtime("--profile=runc-strict.json"),
                               "default": runtime("--profile=moby.json")}}))
P
RUN_OCI_SECCOMP_RECEIVER=$service_sock dockerd_start "$work/image.tar" ||
  { fail "dockerd does not start" dockerd.log; finish; }

# With callgate-runc, where callgated is to see something, and with docker's own runc elsewhere.
runc_run() {
  local docker_more=()
  case $1 in
    *-record.json) docker_more=(--runtime record) ;;
    *moby-dry.json) docker_more=(--runtime default) ;;
    *-dry.json) docker_more=(--runtime dry-run) ;;
  esac
  docker_run "$@"
}
# crun hands over whatever there is to hand over.
crun_run() {
  local docker_more=(--runtime crun)
  docker_run "$@"
}

flow_plain runc_run
flow_record runc runc_run docker runc
has_label runc manager docker
flow_dry_run runc runc_run docker runc

# docker's own default profile, as docker gives it to runc.
sleeper=$(docker_ run -d --name sleeper --network none callgate.test/busybox:1 /bin/sleep 1000 2>docker.err)
bundle_profile "docker/exec/containerd/daemon/io.containerd.runtime.v2.task/moby/$sleeper" profiles/moby.json
docker_ rm -f sleeper >/dev/null
flow_default "docker's default profile" runc_run runc moby

flow_record crun crun_run crun crun
has_label crun manager docker
sed -i "s|^sessions: .*|$by_rule|" callgated.yaml
kill -HUP "$service_pid"
flow_dry_run crun crun_run crun crun

service_stop
same "callgated: exit status" 0 $?
flow_alone runc runc_run
dockerd_stop
# crun would ask for the agent, which is gone, wherever its environment names one.
dockerd_start "$work/image.tar"
flow_alone crun crun_run
dockerd_stop
finish
