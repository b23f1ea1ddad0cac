#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Many of everything: short processes, threads, callgates side by side, a callgate inside a callgate, and a fork
# bomb under a limit. Nothing hangs, nothing is lost, nothing is left.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
LIMIT=120

balanced() { # sentence, file with a ledger line
  local line
  line=$(grep -o 'received [0-9]* = answered [0-9]* + gone [0-9]* + pending [0-9]*; recorded [0-9]*, dropped [0-9]*' "$2" | tail -1)
  # shellcheck disable=SC2086
  set -- "$1" $(echo "$line" | tr -c '0-9\n' ' ')
  if [ $# -eq 7 ] && [ "$2" -gt 0 ] && [ "$2" -eq $(($3 + $4 + $5)) ] && [ "$2" -eq $(($6 + $7)) ]; then
    pass
  else
    fail "$1: the ledger does not balance: '$line'"
  fi
}

# ---- short processes ----
cat >short.sh <<'S'
i=0
while [ $i -lt 500 ]; do /bin/true && i=$((i + 1)); done
echo $i
S
for verb in dry-run record; do
  case $verb in
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/violation.json" --) ;;
  record) prefix=("$callgate" record -o profile --) ;;
  esac
  same "$verb: 500 short processes" 500 "$(limited "${prefix[@]}" sh short.sh 2>err)"
  balanced "$verb: 500 short processes" err
done
has "500 short processes: each execve was counted" <(limited "$callgate" dry-run --profile "$profiles/violation.json" -o /dev/stdout -- sh short.sh 2>/dev/null | grep -E 'execve +500 ' | tr -s ' ') "execve 500"

# ---- threads ----
threads=1000
[ "$(ulimit -u)" = unlimited ] || [ "$(ulimit -u)" -gt 1200 ] || threads=200
for verb in dry-run record run; do
  case $verb in
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/violation.json" -o report --) ;;
  record) prefix=("$callgate" record -o profile --) ;;
  run) prefix=("$callgate" run -q --profile "$profiles/audit.json" --) ;;
  esac
  same "$verb: $threads threads" "$((threads * 20)) calls, 0 wrong" "$(limited "${prefix[@]}" "$programs/threads" $threads 2>err)"
  # Calls that must not be interrupted are not, however many handlers without SA_RESTART run.
  same "$verb: a storm of signals" "2000 calls, 0 wrong" "$(limited "${prefix[@]}" "$programs/threads" 100 storm 2>err)"
done

# ---- side by side ----
pids=()
for i in $(seq 12); do
  limited "$callgate" dry-run --profile "$profiles/violation.json" --json -o "side.$i" -- sh -c "i=0; while [ \$i -lt 40 ]; do /bin/echo $i; i=\$((i+1)); done; exit $i" >"side.out.$i" 2>/dev/null </dev/null &
  pids+=($!)
done
for i in $(seq 12); do
  wait "${pids[$((i - 1))]}"
  same "callgate $i of 12 at once: exit status" "$i" $?
  same "callgate $i of 12 at once: output" "40 $i" "$(sort "side.out.$i" | uniq -c | xargs)"
  has "callgate $i of 12 at once: result" "side.$i" '"complete":true'
done

# ---- one inside another ----
for outer in dry-run record; do
  case $outer in
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/violation.json" -o report --) ;;
  record) prefix=("$callgate" record -o profile --) ;;
  esac
  limited "${prefix[@]}" "$callgate" dry-run --profile "$profiles/strict.json" -o inner -- touch ran >out 2>err
  same "callgate inside callgate $outer: exit status" 125 $?
  has "callgate inside callgate $outer: says why" err "listener"
  absent "callgate inside callgate $outer: the program did not run" ran
  absent "callgate inside callgate $outer: no result" inner
done
# What needs no listener works inside.
limited "$callgate" record -o outer.json -- "$callgate" verify "$profiles/audit.json" -- sh -c 'exit 0' >out 2>err
same "verify inside record: exit status" 0 $?
# A program that asks for a listener of its own is told EBUSY by the kernel, and callgate explains that.
if [ -x "$programs/listener" ]; then
  limited "$callgate" dry-run --profile "$profiles/audit.json" -o report -- "$programs/listener" >out 2>err
  same "a program with a listener of its own: what it sees" "seccomp: -1 errno 16" "$(cat out)"
  has "a program with a listener of its own: is explained" err "EBUSY"
  # A filter without a listener is its own affair.
  limited "$callgate" dry-run --profile "$profiles/audit.json" -o report -- "$programs/underfilter" 7fff0000 39=50016 -- "$programs/call" 39 >out 2>err
  same "a program with a filter of its own: what it sees" "39: -1 errno 22 (Invalid argument)" "$(cat out)"
fi

# ---- a fork bomb under a limit ----
# The limit counts all processes of a user, and root has none: a user nobody else is.
bomb() {
  if is_root; then
    mkdir -p bomb/bin && cp "$callgate" "$bin/callgated" "$programs/forkbomb" "$profiles/violation.json" bomb/bin/
    chmod -R a+rX bomb && chown -R "$TEST_UID:$TEST_UID" bomb
    (cd bomb && limited setpriv --reuid "$TEST_UID" --regid "$TEST_UID" --clear-groups prlimit --nproc=60:60 \
      bin/callgate dry-run --profile bin/violation.json -o report -- bin/forkbomb 7)
  else
    # Threads of everything else this user runs count as well; leave the bomb its sixty.
    local others
    others=$(cat /proc/[0-9]*/status 2>/dev/null | awk -v uid="$(id -u)" '/^Uid:/ { mine = $2 == uid } /^Threads:/ && mine { n += $2 } END { print n + 0 }')
    mkdir -p bomb
    (cd bomb && limited prlimit --nproc=$((others + 60)):$((others + 60)) \
      "$callgate" dry-run --profile "$profiles/violation.json" -o report -- "$programs/forkbomb" 7)
  fi
}
bomb >out 2>err
same "fork bomb: exit status" 0 $?
same "fork bomb: met its limit and nothing else" "limit met, strange errors: 0" "$(cat out)"
balanced "fork bomb" bomb/report

finish
