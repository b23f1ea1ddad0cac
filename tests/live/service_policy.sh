#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Policies over the service's end: a session whose policy is of the configuration, and one of a launcher. The service
# is killed (SIGKILL) at random moments, restarted, replaced: the policy in force is that of the session again, also
# where it was changed meanwhile; every call is answered once and counted once, and one that was cut short is
# answered as `on-error` says. CALLGATE_TEST_SEED repeats a run as far as the machine allows it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"
need python3

seed=${CALLGATE_TEST_SEED:-$RANDOM}
RANDOM=$seed
LIMIT=200

policy() { # name, what getppid returns
  cat >"$1.yaml" <<Y
version: 1
on-error: { errno: EREMOTEIO }
rules:
  - { name: parent, syscalls: [getppid], do: { return: $2 } }
  - { name: full, syscalls: [mkdir, mkdirat], where: { path: "**/refused" }, do: { errno: ENOSPC } }
  - { name: given, family: open, where: { path: "**/asked" }, do: { redirect: $work/given } }
  - { name: root, do: { emulate: { root: { state: $work/${1%-*}.state } } } }
Y
}
policy contained-1 4242
policy contained-2 4444
policy launched-1 4242
echo given >given

service_config <<Y
keeper: { kind: process, wait: 60s }
sessions:
  - { match: { container-id: ruled }, mode: policy, policy: $work/contained-1.yaml }
Y
service_start

# ---- programs ----
names=(contained launched)
for name in "${names[@]}"; do
  mkdir "$name"
  echo asked >"$name/asked"
  touch "$name/owned"
done
under() { # name, command…: what starts it
  "${@:2}" python3 -B -I "$live/service_policy.py" "$work/$1" "$work/$1.begun" "$work/stop"
}
under contained limited "$programs/contained" "$work/oci.sock" ruled >contained.out 2>contained.err &
pids[0]=$!
under launched limited "$callgate" run --policy launched-1.yaml --supervisor "$work/agent.sock" -- >launched.out 2>launched.err &
pids[1]=$!
for name in "${names[@]}"; do
  until_true test -e "$name.begun" || fail "$name: it does not begin" "$name.out" "$name.err" service.err
done
[ "$n_failures" -eq 0 ] || finish

run_python() { python3 -B - "$live" "$work/control.sock" "$@"; }
# Number, mode, rule and policy of a session, by its origin.
session() { # origin
  run_python "$1" <<'P'
import sys
sys.path.insert(0, sys.argv[1])
from service_control import Control
control = Control(sys.argv[2])
for found in control.sessions():
    one = control.call("session", found["session"])
    if one["origin"] == sys.argv[3]:
        print(one["session"], one["mode"], one["rule"], (one["profile"] or "-").rsplit("/", 1)[-1])
P
}

# ---- ends of the service ----
run_service() { # arguments
  n_served=$(grep -c 'serving;' service.err)
  "$bin/callgated" --config "$work/service.yaml" "$@" 2>>"$work/service.err" </dev/null &
  service_pid=$!
}
served() { until_true service_serves "$n_served" || fail "the successor does not serve" service.err; }
well() { # sentence
  local i
  for i in 0 1; do
    kill -0 "${pids[i]}" 2>/dev/null || fail "$1: ${names[i]} has ended" "${names[i]}.out" "${names[i]}.err" service.err
  done
  [ "$n_failures" -eq 0 ] || finish
}
killed() { # times
  local i
  for i in $(seq "$1"); do
    [ $((RANDOM % 4)) -eq 0 ] || served
    sleep "0.$(printf %03d $((RANDOM % 120 + 10)))"
    kill -KILL "$service_pid"
    wait "$service_pid" 2>/dev/null
    run_service
    well "kill $i of $1, seed $seed"
  done
  served
}
n_served=0
contained=$(session oci)
launched=$(session agent)
same "the policy of the configuration" "policy sessions[0]" "$(cut -d' ' -f2,3 <<<"$contained")"
same "the policy of the launcher" "policy" "$(cut -d' ' -f2 <<<"$launched")"
# A restart keeps what emulations remember, where they have a file; a kill leaves that file as it was.
service_stop
for name in "${names[@]}"; do
  if grep -q 123 "$name.state"; then pass; else fail "$name: what is remembered is not written" "$name.state"; fi
done
run_service
killed 8
old=$service_pid
run_service --replace
served
wait "$old"
same "the old one ends" 0 $? service.err
same "the session is the same, and its policy" "$contained" "$(session oci)" service.err
same "that of the launcher" "$launched" "$(session agent)" service.err
# The file of the configuration changes, and is read again; then whoever controls the service chooses another one, which
# is the session's from then on.
policy contained-1 4343
limited "$callgate" reload --control "$work/control.sock" >out 2>&1
same "reload: exit status" 0 $? out
has "reload: changes the session" out "1 sessions changed"
killed 2
limited "$callgate" sessions "${contained%% *}" --mode policy --policy "$work/contained-2.yaml" --control "$work/control.sock" >out 2>&1
same "another policy: exit status" 0 $? out
contained=$(session oci)
killed 4
same "the session is the same, and its other policy" "$contained" "$(session oci)" service.err
until_true grep -q "another policy: getppid 4444" contained.out || fail "the other policy is not in force" contained.out service.err
well "at the end"

# ---- what became of every call ----
touch stop
for i in 0 1; do
  wait "${pids[i]}"
  same "${names[i]}: exit status" 0 $? "${names[i]}.out" "${names[i]}.err" service.err
done
has "launched: the policy was its own" launched.out "getppid 4242"
# The ledger and rows of a session against what the program says of itself: rounds, and calls cut short.
accounts() { # session, output of the program
  run_python "$@" <<'P'
import re, sys, time
sys.path.insert(0, sys.argv[1])
from service_control import Control
control, number = Control(sys.argv[2]), int(sys.argv[3])
rounds, cut = map(int, re.search(r"(\d+) rounds, (\d+) cut short", open(sys.argv[4]).read()).groups())
while True:
    session = control.call("session", number)
    if session["ended_ns"]:
        break
    time.sleep(0.02)
ledger = session["ledger"]
print("balances", ledger["received"] == ledger["answered"] + ledger["gone"] and ledger["gone"] == 0)
print("dropped", ledger["dropped"])
print("errors", ledger["errors"] - cut)
rows = control.rows(number)
print("rows", sum(row["count"] for row in rows) - ledger["recorded"])
print("getppid", sum(row["count"] for row in rows if row["syscall_name"] == "getppid") - rounds)
P
}
for name in "${names[@]}"; do
  number=${!name}
  same "$name: ledger and rows" "balances True dropped 0 errors 0 rows 0 getppid 0" "$(accounts "${number%% *}" "$name.out" 2>&1 | xargs)" \
    "$name.out" service.err
done
echo "service_policy: seed $seed, $(cat contained.out launched.out | xargs)"
kill -INT "$service_pid"
wait "$service_pid"
same "the service ends" 0 $? service.err
finish
