#!/usr/bin/env bash
# The service killed (SIGKILL) at random moments, stopped and started again, and replaced, while programs run
# behind it: every call of theirs does what it does without, and is counted once. CALLGATE_TEST_SEED
# repeats a run as far as the machine allows it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"

seed=${CALLGATE_TEST_SEED:-$RANDOM}
RANDOM=$seed
rounds=250
kills=${CALLGATE_TEST_KILLS:-$(is_root && echo 200 || echo 60)} changes=$(is_root && echo 20 || echo 8)
LIMIT=240

service_config <<Y
keeper: { kind: process, wait: 120s }
Y
service_start

# ---- containers ----
containers_n=0 contained_rounds=4000
if is_root && command -v runc >/dev/null; then
  containers_n=2
  "$callgate" profile dry-run-profile --record -o recording.json --listener "$work/oci.sock" 2>err ||
    fail "a profile for recording" err
fi
configure() { # bundle
  mkdir -p "$1"/rootfs/{bin,dev,proc,work}
  mkfifo "$1/rootfs/work/hold"
  cp "$programs/steady-static" "$1/rootfs/bin/steady"
  python3 -E - "$mark" "$contained_rounds" recording.json >"$1/config.json" <<'P'
import json, sys
mark, rounds, profile = sys.argv[1:]
json.dump({
    "ociVersion": "1.0.2",
    "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["/bin/steady", rounds, "hold"], "cwd": "/work",
                "env": ["CALLGATE_TEST_MARK=" + mark], "noNewPrivileges": True},
    "root": {"path": "rootfs", "readonly": False},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}], "seccomp": json.load(open(profile))},
}, sys.stdout)
P
}
begin_containers() { # batch
  local i
  contained=()
  for i in $(seq "$containers_n"); do
    configure "$1-c$i"
    (limited runc --root "$work/runc" run --bundle "$1-c$i" "$mark-$1-c$i" </dev/null >"$1-c$i/out" 2>"$1-c$i/err"
      echo $? >"$1-c$i/rc") &
    contained[i]=$!
  done
  for i in $(seq "$containers_n"); do
    until_true test -e "$1-c$i/rootfs/work/begun" || fail "$1-c$i does not begin" "$1-c$i/err" service.err
  done
}
# What the program of a container did, as its session counted it. Not what runc itself did between filter and execve:
# how many calls the runtime of Go makes there, and how many its own signals take back before or after we receive them
# (interrupted, gone), is decided by its scheduler. So the whole ledger cannot be compared, only that it balances and has
# all that the rows have.
counted() { # id of the container
  python3 -B - "$live" "$work/control.sock" "$1" <<'P'
import collections, sys, time
sys.path.insert(0, sys.argv[1])
from service_control import Control
control = Control(sys.argv[2])
found = control.sessions(**{"container-id": sys.argv[3]})
print(len(found), "session")
for one in found:
    while not (session := control.call("session", one["session"]))["ended_ns"]:
        time.sleep(0.02)
    ledger, rows = session["ledger"], control.rows(one["session"])
    balance = ledger["received"] - ledger["answered"] - ledger["gone"], ledger["recorded"] - sum(row["count"] for row in rows)
    print("ledger", *balance, *(ledger[key] for key in ("pending", "dropped", "errors")))
    calls = collections.Counter()
    for row in rows:
        if not row.get("runtime"):
            calls[row["syscall_name"]] += row["count"]
    print(*(f"{name} {n}" for name, n in sorted(calls.items())), sep="\n")
P
}
ended_rounds() { grep -q rounds "$1-c$2/out" || ! kill -0 "${contained[$2]}" 2>/dev/null; }
check_containers() { # batch
  local i
  # At the end they wait, so that the service which sees their end is the one that is asked what it counted.
  for i in $(seq "$containers_n"); do
    PATIENCE=200 until_true ended_rounds "$1" "$i" || fail "$1-c$i does not come to its end" "$1-c$i/err" service.err
    # shellcheck disable=SC2016
    LIMIT=30 limited sh -c ': >"$1"' sh "$1-c$i/rootfs/work/hold" || fail "$1-c$i does not wait at its end" "$1-c$i/err" service.err
  done
  for i in $(seq "$containers_n"); do
    wait "${contained[i]}"
    same "$1-c$i: exit status of the container" 0 "$(cat "$1-c$i/rc")" "$1-c$i/err"
    same "$1-c$i: every call did what it does" "$contained_rounds rounds" "$(cat "$1-c$i/out")" "$1-c$i/err" service.err
    counted "$mark-$1-c$i" >"$1-c$i.counted" 2>&1
    [ "$1" = undisturbed ] || same_file "$1-c$i: every call counted once" undisturbed-c1.counted "$1-c$i.counted"
    [ "$n_failures" -gt 0 ] || rm -rf "${1:?}-c$i"
  done
}

# ---- what is so without any of it ----
programs_n=4
begin() { # batch
  for i in $(seq "$programs_n"); do
    mkdir -p "$1-$i"
    (cd "$1-$i" && limited "$callgate" record --supervisor "$work/agent.sock" -o profile.json -- \
      "$programs/steady" "$rounds" >out 2>err; echo $? >rc) &
    running[i]=$!
  done
  # A launch that the service is killed in fails, before its program begins; that is not what this is about.
  for i in $(seq "$programs_n"); do
    until_true test -e "$1-$i/begun" || fail "$1-$i does not begin" "$1-$i/err" service.err
  done
}
# The set of calls, and how many there were: the ledger of an undisturbed run is that of every other.
received() { sed -n 's/.*ledger: received \([0-9]*\) = answered \([0-9]*\) + gone 0 + pending 0; recorded \([0-9]*\), dropped 0.*/\1 \2 \3/p' "$1"; }
check() { # batch
  for i in $(seq "$programs_n"); do
    wait "${running[i]}"
    same "$1-$i: exit status" 0 "$(cat "$1-$i/rc")" "$1-$i/err"
    same "$1-$i: every call did what it does" "$rounds rounds" "$(cat "$1-$i/out")" service.err
    [ "$1" = native ] || same_file "$1-$i: the profile" native-1/profile.json "$1-$i/profile.json"
    [ "$1" = native ] || same "$1-$i: every call counted once" "$(received native-1/err)" "$(received "$1-$i/err")" "$1-$i/err"
    [ "$1" = native ] || [ "$n_failures" -gt 0 ] || rm -rf "${1:?}-$i"
  done
}
any_runs() {
  for pid in "${running[@]}"; do
    kill -0 "$pid" 2>/dev/null && return 0
  done
  return 1
}
begin native
check native
same "an undisturbed ledger balances" 3 "$(received native-1/err | wc -w)" native-1/err

# ---- at random moments ----
run_service() { # arguments
  n_served=$(grep -c 'serving;' service.err)
  "$bin/callgated" --config "$work/service.yaml" "$@" 2>>"$work/service.err" </dev/null &
  service_pid=$!
}
served() { until_true service_serves "$n_served" || fail "the successor does not serve" service.err; }
# Mostly while it serves, now and then while it is still taking over.
moment() {
  [ $((RANDOM % 4)) -eq 0 ] || served
  sleep "0.0$((RANDOM % 60 + 10))"
}
n_served=0 batch=0
disturb() { # name how often: begins programs and calls change_NAME until it did so often
  local n=0
  while [ "$n" -lt "$2" ] && [ "$n_failures" -eq 0 ]; do
    batch=$((batch + 1))
    begin "$1-$batch"
    while any_runs && [ "$n" -lt "$2" ]; do
      "change_$1"
      n=$((n + 1))
    done
    check "$1-$batch"
  done
  echo "service_kills: $n times $1, $batch batches of $programs_n programs so far, seed $seed"
}
change_kill() {
  moment
  kill -KILL "$service_pid"
  wait "$service_pid" 2>/dev/null
  run_service
}
# Longer than a launcher waits for one answer: it asks again and again.
change_absence() {
  served
  kill -KILL "$service_pid"
  wait "$service_pid" 2>/dev/null
  sleep 1.3
  run_service
}
change_restart() {
  served
  sleep "0.0$((RANDOM % 60 + 10))"
  kill -TERM "$service_pid"
  wait "$service_pid"
  same "it ends as asked" 0 $? service.err
  run_service
}
change_replace() {
  local old
  served
  old=$service_pid
  sleep "0.0$((RANDOM % 60 + 10))"
  run_service --replace
  served
  wait "$old"
  same "the old one ends" 0 $? service.err
}
disturb kill "$kills"
disturb absence 2
disturb restart "$changes"
disturb replace "$changes"
has "sessions were taken over" service.err "took over"

# ---- the same with containers, and programs beside them ----
contained_run() {
  local i
  for i in $(seq "$containers_n"); do
    kill -0 "${contained[i]}" 2>/dev/null && ! grep -q rounds "contained-c$i/out" && return 0
  done
  return 1
}
if [ "$containers_n" -gt 0 ]; then
  served
  begin_containers undisturbed
  check_containers undisturbed
  has "an undisturbed ledger of a container balances" undisturbed-c1.counted "ledger 0 0 0 0 0"
  same_file "containers that are not disturbed do the same" undisturbed-c1.counted "undisturbed-c$containers_n.counted"
  begin_containers contained
  n=0
  while contained_run && [ "$n" -lt 20 ]; do
    change_kill
    n=$((n + 1))
  done
  served
  check_containers contained
  [ "$n" -ge 3 ] || fail "the containers were gone after $n kills" service.err
  echo "service_kills: $n times kill beside $containers_n containers"
fi

# ---- the keeper itself ----
batch=$((batch + 1))
begin "keeper-$batch"
kill -KILL "$(keeper_pid)"
until_true grep -q 'holds all' service.err || fail "no other keeper is started" service.err
change_kill
check "keeper-$batch"

# ---- a second one ----
served
limited "$bin/callgated" --config service.yaml 2>err
same "a second one: exit status" 125 $? err
has "a second one is told" err "another callgated runs with the state folder"

kill -INT "$service_pid"
wait "$service_pid"
same "the service ends" 0 $? service.err
finish
