#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The developer build (ASan, UBSan) through everything once. The supervisor has no standard error to complain on, so
# the sanitizers write files, and not one may be there at the end.

export CALLGATE_TEST_RELEASE=
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
grep -qa __asan_init "$callgate" 2>/dev/null || skip "this build has no sanitizer"

mkdir -m 1777 reports
export ASAN_OPTIONS=log_path=$work/reports/asan:detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=log_path=$work/reports/ubsan:print_stacktrace=1
export LSAN_OPTIONS=log_path=$work/reports/lsan

check_reports() {
  local report
  for report in reports/*; do
    [ -e "$report" ] || { pass; return; }
    fail "$1: a sanitizer complained" "$report"
  done
  rm -f reports/*
}

try() { # sentence, wanted status, command…
  local name=$1 wanted=$2
  shift 2
  limited "$@" >out.text 2>err.text </dev/null
  same "$name: exit status" "$wanted" $?
  check_reports "$name"
}

cat >script.sh <<'S'
echo one | cat | tr a-z A-Z
mkdir dir && rmdir dir
(exit 3) &
wait
python3 -c 'import socket, threading; socket.socketpair(); t = threading.Thread(target=print, args=("thread",)); t.start(); t.join()' 2>/dev/null
ls -l / >/dev/null
exit 7
S
for profile in violation strict fine container audit; do
  try "dry-run $profile" 7 "$callgate" dry-run --profile "$profiles/$profile.json" -- sh script.sh
  wanted=3
  [ $profile = audit ] && wanted=7 # logging is no refusal
  try "dry-run $profile, everything on" $wanted "$callgate" dry-run --profile "$profiles/$profile.json" --all --json --events events -o report --fix fix --fail-on-violation -- sh script.sh
  [ $profile = audit ] && has "audit refuses nothing" report '"violations":0'
  try "events of $profile" 0 "$callgate" events events
  try "events of $profile as JSON" 0 "$callgate" events --json events
  limited "$callgate" profile check "$profiles/$profile.json" >/dev/null 2>&1 # 1: it found something
  check_reports "check $profile"
  try "explain $profile" 0 "$callgate" profile explain "$profiles/$profile.json"
  try "explain $profile openat" 0 "$callgate" profile explain "$profiles/$profile.json" openat
done
try "record" 7 "$callgate" record -o p.json --evidence evidence --events events -- sh script.sh
try "record --args" 7 "$callgate" record --args -o a.json --evidence evidence -- sh script.sh
try "record --base" 7 "$callgate" record --base p.json -o b.json -- sh script.sh
try "record --merge" 7 "$callgate" record --merge -o a.json -- sh script.sh
for runtime in runc crun docker; do
  try "record --for $runtime" 7 "$callgate" record --for $runtime -o r.json -- sh script.sh
done
try "verify" 0 "$callgate" verify p.json -- sh script.sh
try "verify --args" 0 "$callgate" verify a.json -- sh script.sh
try "run" 7 "$callgate" run --profile p.json --events events -- sh script.sh
try "run, refusing" 1 "$callgate" run --profile <(echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}') -- mkdir dir
try "no such command" 127 "$callgate" record -o p.json -- no-such-command
try "not executable" 126 "$callgate" dry-run --profile p.json -- /etc/passwd
try "threads" 0 "$callgate" record -o t.json -- "$programs/threads" 100 storm
try "32 bits" "$([ -x "$programs/int80" ] && echo 17 || echo 127)" "$callgate" dry-run --profile "$profiles/fine.json" -- "$programs/int80"
head -c 5000 /dev/urandom >garbage
printf '{' >brace.json
for file in garbage brace.json missing; do
  try "check $file" 2 "$callgate" profile check $file
  try "dry-run with $file" 2 "$callgate" dry-run --profile $file -- true
done
cp events cut && truncate -s -9 cut
limited "$callgate" events cut >/dev/null 2>&1
check_reports "events cut short"
limited "$callgate" events garbage >/dev/null 2>&1
check_reports "events of garbage"

# The dead take their reports with them only if they had any.
for i in 1 2 3; do
  "$callgate" record -o k.json -- "$programs/hold" "$work/k$i" >/dev/null 2>&1 </dev/null &
  pid=$!
  sleep 0.$((i * 3))
  kill -KILL $pid
  touch "k$i.stop"
  wait $pid
done
# (A child whose launcher was killed looks for its word a while.)
PATIENCE=250 expect_no_leftovers "callgate killed"
check_reports "callgate killed"
finish
