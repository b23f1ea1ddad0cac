#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/kubernetes on one node: the manifests as they are, driven through containerd's CRI as the kubelet drives it,
# along the walk-through of its README.

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
image() { python "$runtimes/image.py" "$1.tar" "${@:2}"; }
image busybox docker.io/library/busybox:1.35 rootfs
image pause callgate.test/pause:1 rootfs /bin/sleep 100000
image supervisor localhost/callgate:0.1.0 callgate
containerd_start busybox.tar pause.tar supervisor.tar || { fail "containerd does not start" containerd.log; finish; }

manifests=$work/manifests
cp -r "$examples" "$manifests"
daemon_set() { kubelet --pod callgated-node-1 "$@"; }
daemon_set_start() {
  daemon_set start "$manifests"/*.yaml >start.out 2>start.err
  same "DaemonSet: it starts" 0 $? start.out start.err
  until_true callgate_there status || fail "DaemonSet: it does not serve" start.err
}
# kubectl -n callgate exec callgated-… -- callgate …
callgate_there() { daemon_set --container callgated exec "$manifests"/*.yaml -- callgate "$@"; }

report() { # profile below callgate/, name of the pod
  sed "s,callgate/strict.json,callgate/$1.json,; s,^  name: report$,  name: $2," "$examples/report-pod.yaml" >"$2.yaml"
  kubelet run "$2.yaml" >report.out 2>report.err
}
session_of() { # pod: number of its session, once it has ended
  callgate_there sessions -a --json --pod "$1" >sessions.json 2>sessions.err || return 1
  python -c 'import json; s, = json.load(open("sessions.json")); print(s["session"]) if s["ended_ns"] else exit(1)'
}
judged() { # pod: sets session, and leaves report.json
  until_true session_of "$1" || { fail "$1: no session that ended" sessions.json sessions.err; return; }
  session=$(session_of "$1")
  callgate_there snapshot "$session" --json >report.json 2>report.err
}
names_in_report() {
  python -c 'import json
print(" ".join(sorted({row["syscall_name"] for row in json.load(open("report.json"))["rows"] if not row.get("runtime")})))'
}

# ---- the walk-through ----

daemon_set_start
daemon_set --container install-profiles logs "$manifests"/*.yaml >install.out 2>&1
has "DaemonSet: the configuration is good" install.out "callgated.yaml: good"
same "DaemonSet: profiles in the kubelet's folder" "record.json strict-dry-run.json strict.json" \
  "$(ls $kubelet_root/seccomp/callgate | xargs)"

probe=$(python -c 'import yaml, sys
pod = yaml.safe_load(open(sys.argv[1]))["spec"]["template"]["spec"]
print(*pod["containers"][0]["livenessProbe"]["exec"]["command"])' "$manifests/40-daemonset.yaml")
# shellcheck disable=SC2086
daemon_set --container callgated exec "$manifests"/*.yaml -- $probe >probe.out 2>&1
same "DaemonSet: the probe finds it alive" 0 $? probe.out

sed '/seccompProfile:/,$d' "$examples/report-pod.yaml" >plain.yaml
kubelet run plain.yaml >plain.out 2>plain.err
same "without a profile: status" 0 $? plain.err
report strict report
same "strict profile: status" 1 $?
has "strict profile: it breaks" report.err "Operation not permitted"
report strict-dry-run report
same "dry run: status" 0 $?
same_file "dry run: output" plain.out report.out
judged report
same "dry run: what would have been refused" "mkdir symlink" "$(names_in_report)" report.json report.err
callgate_there snapshot "$session" >snapshot.out 2>&1
has "dry run: the report" snapshot.out 'SECCOMP_RET_ERRNO(EPERM) mkdir       1 "reports", 0777'

callgate_there snapshot "$session" --base /profiles/strict.json --for runc -o - >fixed.json 2>fix.err
same "fix: status" 0 $? fix.err

# ---- the fixed profile, and others, as a new ConfigMap ----

python - "$manifests/30-profiles.yaml" strict.json=- fixed.json=fixed.json audit.json="$profiles/audit.json" \
  violation.json="$profiles/violation.json" fine.json="$profiles/fine.json" <<'P'
import sys, yaml
path, *files = sys.argv[1:]
config = yaml.safe_load(open(path))
for file in files:
    name, source = file.split("=", 1)
    if source != "-":
        config["data"][name] = open(source).read()
yaml.safe_dump(config, open(path, "w"))
P
# What pods load is one thing, what their calls are judged by another: everything comes, and the rule judges.
python - "$manifests/20-config.yaml" <<'P'
import sys, yaml
config = yaml.safe_load(open(sys.argv[1]))
config["data"]["callgated.yaml"] += "sessions: [{match: {pod: \"audit-*\"}, mode: dry-run, profile: audit.json}]\n"
yaml.safe_dump(config, open(sys.argv[1], "w"))
P
daemon_set stop "$manifests"/*.yaml
daemon_set_start

report fixed report
same "fixed profile: status" 0 $?
same_file "fixed profile: output" plain.out report.out
report fixed-dry-run verified
same "fixed profile, dry run: status" 0 $?
judged verified
same "fixed profile, dry run: nothing would have been refused" "" "$(names_in_report)" report.json report.err

report record recorded
same "recording: status" 0 $?
same_file "recording: output" plain.out report.out
judged recorded
callgate_there snapshot "$session" --for runc -o - >$kubelet_root/seccomp/callgate/recorded.json 2>record.err
same "recording: a profile" 0 $? record.err
report recorded report
same "recorded profile: status" 0 $?
same_file "recorded profile: output" plain.out report.out

for profile in violation-dry-run fine-dry-run record; do
  pod=${profile%-dry-run}-pod
  [ $profile != record ] || pod=audit-pod
  report $profile $pod
  same "$pod: status" 0 $?
  same_file "$pod: output" plain.out report.out
  judged $pod
  for name in mkdir symlink openat execve; do
    case $pod-$name in
      fine-pod-execve) has_not "$pod: $name" report.json "\"$name\"" ;;
      *) has "$pod: $name" report.json "\"$name\"" ;;
    esac
  done
done
has "audit-pod: what is only logged" report.json SECCOMP_RET_LOG

# ---- all pods in one table ----

callgate_there events /var/lib/callgate/ >table 2>table.err
for line in 'K8S.NODE.*K8S.NAMESPACE.*K8S.PODNAME.*K8S.CONTAINERNAME' 'node-1 +default +report +report +mkdir ' \
  'node-1 +default +violation-pod +report +ln ' 'node-1 +default +audit-pod +report .*LOG'; do
  if grep -qE "$line" table; then pass; else fail "table: no line '$line'" table table.err; fi
done

# ---- for the Security Profiles Operator ----

for api in v1 v1beta1; do
  "$callgate" profile convert fixed.json --to spo --api $api --name report -o resource.yaml 2>convert.err
  same "export, $api: status" 0 $? convert.err
  python "$runtimes/manifests.py" resource.yaml >manifests.out 2>&1
  same "export, $api: nothing is wrong with the resource" "" "$(cat manifests.out)"
  "$callgate" profile diff resource.yaml fixed.json >diff.out 2>&1
  same "export, $api: the resource says the same" 0 $? diff.out
done
"$callgate" profile diff "$examples/report-profile.yaml" fixed.json >diff.out 2>&1
same "the resource of the example is what the walk-through ends with" 0 $? diff.out

daemon_set stop "$manifests"/*.yaml
containerd_stop
finish
