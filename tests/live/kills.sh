#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Sudden deaths, at moments nobody chose: of callgate, of its supervisor, of the program in the middle of a call.
# No process is left blocked, no file is left half-written, and what could not be finished is called so.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need /usr/bin/python3

RANDOM=${CALLGATE_TEST_SEED:-$$}
echo "seed ${CALLGATE_TEST_SEED:-$$}"
nap() { sleep "0.$(printf %03d $((RANDOM % ${1:-200})))"; }

whole_or_absent() { # sentence file
  [ -e "$2" ] || { pass; return; }
  if /usr/bin/python3 -E -c 'import json, sys; json.load(open(sys.argv[1]))' "$2" 2>/dev/null; then pass; else fail "$1: a half-written file" "$2"; fi
}

ended() { ! kill -0 "$1" 2>/dev/null; }

child_named() { # parent name
  local pid
  for pid in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] && { echo "$pid"; return; }
  done
  return 1
}

# ---- callgate is killed while the program runs: the program does not notice ----
for i in $(seq 12); do
  mkdir "k$i"
  if [ $((i % 2)) -eq 0 ]; then
    prefix=("$callgate" record -o "k$i/result.json" --evidence "k$i/evidence.json" --)
  else
    prefix=("$callgate" dry-run --profile "$profiles/violation.json" --json -o "k$i/result.json" --events "k$i/events" --)
  fi
  "${prefix[@]}" "$programs/hold" "$work/k$i/done" >/dev/null 2>"k$i/err" </dev/null &
  pid=$!
  if [ $i -le 8 ]; then
    until_true child_named $pid hold
    nap
  else
    nap 30 # perhaps before there is a program
  fi
  ran=no
  if program=$(child_named $pid hold); then ran=yes; fi
  kill -KILL $pid
  wait $pid 2>/dev/null
  if [ $ran = yes ]; then
    nap
    touch "k$i/done.stop"
    until_true test -s "k$i/done"
    same "callgate killed ($i): the program went on unharmed" "done, 0 wrong" "$(cat "k$i/done" 2>/dev/null)"
  else
    touch "k$i/done.stop"
  fi
  whole_or_absent "callgate killed ($i)" "k$i/result.json"
  whole_or_absent "callgate killed ($i)" "k$i/evidence.json"
  same "callgate killed ($i): nothing else is left" "" "$(find "k$i" -name '.*' -mindepth 1)"
done
# A launcher killed between two lines leaves a child that looks for its word a while (it cannot ask a clock) before
# it gives up.
PATIENCE=250 expect_no_leftovers "callgate killed"

# ---- callgate is killed while it writes its result ----
for i in $(seq 10); do
  mkdir "w$i"
  "$callgate" record -o "w$i/result.json" --evidence "w$i/evidence.json" --events "w$i/events" -- sh -c 'exit 0' >/dev/null 2>&1 </dev/null &
  pid=$!
  sleep "0.0$(printf %02d $((RANDOM % 40)))"
  kill -KILL $pid 2>/dev/null
  wait $pid 2>/dev/null
  whole_or_absent "killed at its end ($i)" "w$i/result.json"
  whole_or_absent "killed at its end ($i)" "w$i/evidence.json"
done
PATIENCE=250 expect_no_leftovers "killed at its end"

# ---- the supervisor is killed: the program is not left waiting, callgate says what happened ----
for i in $(seq 6); do
  "$callgate" record -o "s$i.json" -- "$programs/hold" "$work/s$i" >/dev/null 2>"s$i.err" </dev/null &
  pid=$!
  until_true child_named $pid hold
  nap
  supervisor=$(child_named $pid callgated)
  kill -KILL "$supervisor"
  # Calls now fail with ENOSYS: hold counts them and, being persistent, has to be asked to stop.
  touch "s$i.stop"
  # Where the filter notifies access(2), the request to stop cannot be seen any more.
  PATIENCE=1 until_true ended $pid || kill -TERM $pid
  until_true ended $pid || { fail "supervisor killed ($i): callgate hangs" "s$i.err"; kill -KILL $pid; }
  wait $pid 2>/dev/null
  status=$?
  has "supervisor killed ($i): callgate says so" "s$i.err" "supervisor was killed"
  if [ $status -eq 0 ]; then fail "supervisor killed ($i): exit status 0" "s$i.err"; else pass; fi
  # A hole in the recording: either no profile, or exit status 4 says that it is incomplete.
  if [ -e "s$i.json" ] && [ $status -ne 4 ] && [ $status -ne 125 ]; then fail "supervisor killed ($i): exit status $status with a profile" "s$i.err"; else pass; fi
  for child in $(leftovers); do
    case $(cat "/proc/$child/wchan" 2>/dev/null) in
    seccomp*) fail "supervisor killed ($i): process $child waits for ever in its call" ;;
    esac
    kill -KILL "$child" 2>/dev/null
  done
done

# ---- the program is killed in the middle of whatever it does ----
for i in $(seq 20); do
  "$callgate" record -o "p$i.json" -- "$programs/hold" "$work/p$i" >/dev/null 2>"p$i.err" </dev/null &
  pid=$!
  until_true child_named $pid hold
  program=$(child_named $pid hold)
  nap 60
  # The whole family, so that nothing outlives the first process.
  for child in $(cat "/proc/$program/task/$program/children" 2>/dev/null); do kill -KILL "$child" 2>/dev/null; done
  kill -KILL "$program"
  touch "p$i.stop"
  wait $pid
  same "program killed ($i): exit status" 137 $?
  whole_or_absent "program killed ($i)" "p$i.json"
  [ -s "p$i.json" ] && pass || fail "program killed ($i): no profile" "p$i.err"
  line=$(grep -o 'received [0-9]* = answered [0-9]* + gone [0-9]* + pending [0-9]*' "p$i.err")
  # shellcheck disable=SC2086
  set -- $(echo "$line" | tr -c '0-9\n' ' ')
  if [ $# -eq 4 ] && [ "$1" -eq $(($2 + $3 + $4)) ] && [ "$4" -eq 0 ]; then pass; else fail "program killed ($i): the ledger: '$line'" "p$i.err"; fi
done
expect_no_leftovers "program killed"

finish
