#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Real runc and crun hand their listeners to the service: run, create and start, exec. A strict profile is tried
# without refusing anything, the runtime's own calls standing apart; what is recorded becomes a profile under which
# the runtime itself runs the container, without callgate.
#   service_runtimes.sh runc|crun
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"
runtime=${1:?runc or crun}
need "$runtime" busybox python3 unshare
is_root || skip "runtimes as an ordinary user need delegated control groups"

mkdir -p bundle/rootfs/{bin,dev,proc,tmp,work} profiles
cp "$(readlink -f "$(command -v busybox)")" bundle/rootfs/bin/busybox
for applet in sh cat mkdir rmdir ls sleep true; do ln -s busybox "bundle/rootfs/bin/$applet"; done
# It calls itself what the runtime calls itself; its calls are its own all the same.
cat >bundle/rootfs/work/script.sh <<'S'
export PATH="${1:-}${1:+/../bin:}/bin"
cd "${1:-/work}" || exit 99
mkdir made && ls -d made && rmdir made && echo gone
printf "runc:[2:INIT]" >/proc/self/comm
cd /tmp || exit 98
exit 33
S

configure() { # profile or none, noNewPrivileges, command…
  python3 -E - "$mark" "$@" <<'S'
import json, sys
mark, profile, no_new_privs, words = sys.argv[1], sys.argv[2], sys.argv[3] == "yes", sys.argv[4:]
config = {
    "ociVersion": "1.0.2",
    "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": words, "cwd": "/",
                "env": ["PATH=/bin", "CALLGATE_TEST_MARK=" + mark], "noNewPrivileges": no_new_privs},
    "root": {"path": "rootfs", "readonly": False},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "annotations": {"example.team": "seven"},
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
}
if profile != "none":
    config["linux"]["seccomp"] = json.load(open(profile))
json.dump(config, open("bundle/config.json", "w"))
S
}

oci() { # command of the runtime…
  if [ "$runtime" = runc ]; then
    limited runc --root "$work/runc" "$@" </dev/null
  else # crun wants no controllers in the unified hierarchy of a hybrid machine
    limited unshare -m --propagation private sh -c \
      'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun "$@"' crun --root "$work/crun" "$@" </dev/null
  fi
}
# Control groups have the names of containers, and those are the whole machine's.
id_of() { echo "$mark-$1"; }
run() { # name, profile, noNewPrivileges
  configure "$2" "$3" sh /work/script.sh
  oci run --bundle bundle "$(id_of "$1")"
}

run plain none no >out.plain 2>err.plain
[ $? -eq 33 ] || { cat err.plain; skip "$runtime does not run containers here"; }

service_config <<Y
keeper: none
profiles: [ $work/profiles ]
Y
service_start
given() { limited "$callgate" "$@" --control "$work/control.sock"; }

# Numbers of the sessions of a container with a status; "ended": when they have, and nothing is left to be counted.
sessions() { # name, status, [ended]
  python3 -B - "$live" "$work/control.sock" "$(id_of "$1")" "${@:2}" <<'S'
import sys, time
sys.path.insert(0, sys.argv[1])
from service_control import Control
control = Control(sys.argv[2])
for session in control.sessions(**{"container-id": sys.argv[3], "status": sys.argv[4]}):
    end = time.monotonic() + 50
    while sys.argv[5:] and not control.call("session", session["session"])["ended_ns"] and time.monotonic() < end:
        time.sleep(0.02)
    print(session["session"])
S
}
# "CALL COMM runtime|workload" of each call that the profile does not allow.
calls() { # session
  python3 -B - "$live" "$work/control.sock" "$1" <<'S' | sort -u
import sys
sys.path.insert(0, sys.argv[1])
from service_control import Control
for row in Control(sys.argv[2]).rows(int(sys.argv[3])):
    if not row.get("observed"):
        print(row["syscall_name"], row["proc"]["comm"], "runtime" if row.get("runtime") else "workload")
S
}
has_line() { if grep -qx -- "$3" "$2"; then pass; else fail "$1: no line '$3'" "$2"; fi; }
has_no_line() { if grep -qx -- "$3" "$2"; then fail "$1: a line '$3'" "$2"; else pass; fi; }

limited "$callgate" record --for "$runtime" -o all.json -- "$PWD/bundle/rootfs/bin/busybox" sh \
  "$PWD/bundle/rootfs/work/script.sh" "$PWD/bundle/rootfs/work" >/dev/null 2>err.record </dev/null
same "record: exit status" 33 $? err.record
without() { # file, names…
  python3 -E - "$@" <<'S'
import json, sys
profile = json.load(open("all.json"))
for rule in profile["syscalls"]:
    rule["names"] = [name for name in rule["names"] if name not in sys.argv[2:]]
profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
json.dump(profile, open(sys.argv[1], "w"))
S
}
# A call that the runtime makes itself between filter and execve, and the program does not.
own_call() {
  case $runtime-$1 in
  runc-yes) echo fstatfs ;;
  crun-yes) echo kill ;;
  *) echo capset ;;
  esac
}

# ---- a strict profile, tried ----
for nnp in yes no; do
  what="$runtime, noNewPrivileges $nnp"
  own=$(own_call $nnp)
  without profiles/strict.json mkdir rmdir chdir "$own"
  limited "$callgate" profile dry-run-profile profiles/strict.json --runtime "$runtime" --listener "$work/oci.sock" \
    -o dry.json 2>err
  same "$what: dry-run-profile" 0 $? err
  run "dry-$nnp" dry.json $nnp >out 2>err
  same "$what: dry run: exit status" 33 $? err service.err
  same_file "$what: dry run: output" out.plain out
  number=$(sessions "dry-$nnp" creating ended)
  if [[ $number =~ ^[0-9]+$ ]]; then pass; else
    fail "$what: one session: '$number'" service.err
    continue
  fi
  given sessions "$number" --json >session.json 2>err
  same "$what: sessions" 0 $? err
  has "$what: mode" session.json '"dry-run"'
  has "$what: profile" session.json '"strict.json"'
  has "$what: annotation" session.json '"annotation.example.team"'
  has "$what: runtime" session.json "\"$runtime\""
  calls "$number" >rows
  has_line "$what: the workload's call" rows "mkdir mkdir workload"
  has_line "$what: the workload's call" rows "chdir sh workload"
  has_line "$what: under the runtime's name" rows "chdir runc:\[2:INIT\] workload"
  if grep -q "^$own .* runtime$" rows; then pass; else fail "$what: the runtime's own $own" rows; fi
  if grep -q "^$own .* workload$" rows; then fail "$what: $own as the workload's" rows; else pass; fi
  if grep -Eq '^(mkdir|rmdir) .* runtime$' rows; then fail "$what: the workload's as the runtime's" rows; else pass; fi
  given snapshot "$number" -o report 2>err
  same "$what: snapshot" 0 $? err
  has "$what: the runtime stands apart" report "by the container runtime itself, before it started the program:"
  has "$what: and is refused like anybody" report " $own"
done
# runc calls chdir itself where privileges are still to be given up: the same name, the same call, two rows.
[ "$runtime" = crun ] || has_line "no: the runtime's own chdir" rows "chdir runc:\[2:INIT\] runtime"

# ---- create, start, exec ----
for nnp in yes no; do
  what="$runtime, noNewPrivileges $nnp"
  without profiles/strict.json mkdir
  limited "$callgate" profile dry-run-profile profiles/strict.json --runtime "$runtime" --listener "$work/oci.sock" -o dry.json
  configure dry.json $nnp sh -c 'mkdir /tmp/made && rmdir /tmp/made; exec sleep 1000'
  id=$(id_of "long-$nnp")
  oci create --bundle bundle "$id" >out 2>&1
  same "$what: create" 0 $? out service.err
  oci start "$id" >out 2>&1
  same "$what: start" 0 $? out
  begun() { number=$(sessions "long-$nnp" creating) && [ -n "$number" ] && calls "$number" | grep -qx "mkdir mkdir workload"; }
  if until_true begun; then pass; else fail "$what: the session of start" service.err; fi
  oci exec "$id" sh -c 'mkdir /tmp/exec && rmdir /tmp/exec && exit 44' >out 2>&1
  same "$what: exec: exit status" 44 $? out service.err
  number=$(sessions "long-$nnp" running ended)
  if [[ $number =~ ^[0-9]+$ ]]; then pass; else fail "$what: exec: a session of its own: '$number'" service.err; fi
  calls "$number" >rows
  has_line "$what: exec: the workload's call" rows "mkdir mkdir workload"
  given sessions "$number" --json >session.json
  # crun does not say which process that is.
  has_not "$what: exec: its process" session.json '"pid":0,'
  oci kill "$id" KILL >out 2>&1
  same "$what: kill" 0 $? out
  until_true oci delete "$id" || fail "$what: delete"
done

# ---- recorded, then run by the runtime alone ----
for nnp in yes no; do
  what="$runtime, noNewPrivileges $nnp"
  limited "$callgate" profile dry-run-profile --record --runtime "$runtime" --listener "$work/oci.sock" -o record.json 2>err
  same "$what: a profile that records" 0 $? err
  run "record-$nnp" record.json $nnp >out 2>err
  same "$what: recording: exit status" 33 $? err service.err
  same_file "$what: recording: output" out.plain out
  number=$(sessions "record-$nnp" creating ended)
  for words in "--for $runtime" "--args --for $runtime"; do
    # shellcheck disable=SC2086
    given snapshot "$number" -o learnt.json $words 2>err
    same "$what: snapshot $words" 0 $? err
    run "alone-$nnp" learnt.json $nnp >out 2>err
    same "$what: under $words alone: exit status" 33 $? err learnt.json
    same_file "$what: under $words alone: output" out.plain out
  done
  # Without the runtime's own calls it does not even start, so leaving them out is no empty word.
  given snapshot "$number" -o bare.json --events events 2>err
  has "$what: what is left out is said" err "left out:"
  run "bare-$nnp" bare.json $nnp >out 2>err
  if [ $? -eq 33 ]; then fail "$what: the container starts without the runtime's own calls" bare.json; else pass; fi
  # crun does the same every time; what was seen of it once is enough.
  if [ "$runtime" = crun ]; then
    limited "$callgate" profile from-events -o seen.json --with-runtime events 2>err
    same "$what: from-events" 0 $? err
    run "seen-$nnp" seen.json $nnp >out 2>err
    same "$what: under what was seen: exit status" 33 $? err seen.json
  fi
done

service_stop

# ---- created, the service restarted or killed, started ----
# With noNewPrivileges crun connects when it creates and speaks only when it starts.
service_config <<Y
keeper: { kind: process, wait: 120s }
profiles: [ $work/profiles ]
Y
service_start
keeper_fds() { find "/proc/$(keeper_pid)/fd" -mindepth 1 | wc -l; }
idle=$(keeper_fds)
keeper_is_idle() { [ "$(keeper_fds)" -eq "$idle" ]; }
keeper_has_it() { [ "$(keeper_fds)" -gt "$idle" ]; }
for how in TERM KILL; do
  what="$runtime, SIG$how between create and start"
  configure dry.json yes sh /work/script.sh
  id=$(id_of "over-$how")
  until_true keeper_is_idle || fail "$what: something is kept of what was before" service.err
  oci create --bundle bundle "$id" >out 2>err
  same "$what: create" 0 $? err service.err
  [ $how = TERM ] || until_true keeper_has_it || fail "$what: nothing is kept" service.err
  kill "-$how" "$service_pid"
  wait "$service_pid" 2>/dev/null
  service_start
  oci start "$id" >out 2>err
  same "$what: start" 0 $? err service.err
  begun() { number=$(sessions "over-$how" creating) && [ -n "$number" ] && calls "$number" | grep -qx "mkdir mkdir workload"; }
  if until_true begun; then pass; else fail "$what: its session" service.err; fi
  until_true oci delete "$id" || fail "$what: delete"
done
kill -INT "$service_pid"
wait "$service_pid"
same "the service ends" 0 $? service.err
finish
