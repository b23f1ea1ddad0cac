#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Processes that outlive the first one: callgate stays until the last is gone and counts what they did; with
# --detach it leaves the supervisor behind, and the result is written when the last is gone. A second ctrl-C (here
# SIGINT) stops the waiting, never the program.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# A daemon in the usual way: two forks, a session of its own, and a mkdir as its last deed.
cat >daemon.sh <<'S'
folder=$1
(setsid sh -c 'echo $$ >"$0/pid"; until [ -e "$0/go" ]; do sleep 0.02; done; mkdir "$0/made"; echo late >"$0/late"' "$folder" </dev/null >/dev/null 2>&1 &)
echo first process over
exit 5
S

profile=$work/nodirs.json
echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30 }] }' >"$profile"

for verb in dry-run record run; do
  mkdir "$verb"
  case $verb in
  dry-run) prefix=("$callgate" dry-run --profile "$profile" --json -o "$verb/result" --) ;;
  record) prefix=("$callgate" record -o "$verb/result" --) ;;
  run) prefix=("$callgate" run --profile "$profile" --events "$verb/result" --) ;;
  esac
  "${prefix[@]}" sh daemon.sh "$work/$verb" >"$verb/out" 2>"$verb/err" </dev/null &
  pid=$!
  until_true test -s "$verb/pid"
  # The daemon waits for a word; so does callgate, and says so when it has waited a little.
  until_true grep -q 'waiting for processes' "$verb/err"
  same "$verb: callgate waits" 0 "$(kill -0 $pid; echo $?)"
  absent "$verb: no result before the end" "$verb/result"
  touch "$verb/go"
  wait $pid
  same "$verb: exit status is the first process's" 5 $?
  same "$verb: output" "first process over" "$(cat "$verb/out")"
  until_true test -e "$verb/late"
  case $verb in
  dry-run)
    has "$verb: what the daemon did is in the result" "$verb/result" '"mkdir"'
    if [ -d "$verb/made" ]; then pass; else fail "$verb: the daemon was refused something"; fi
    ;;
  record)
    has "$verb: what the daemon did is in the result" "$verb/result" '"mkdir"'
    if [ -d "$verb/made" ]; then pass; else fail "$verb: the daemon was refused something"; fi
    ;;
  run)
    absent "$verb: the daemon was refused" "$verb/made"
    has "$verb: what was refused is listed" "$verb/err" mkdir
    ;;
  esac
  expect_no_leftovers "$verb"
done

# --detach
for verb in dry-run record; do
  mkdir "detach-$verb"
  case $verb in
  dry-run) prefix=("$callgate" dry-run --detach --profile "$profile" --json -o "detach-$verb/result" --) ;;
  record) prefix=("$callgate" record --detach -o "detach-$verb/result" --) ;;
  esac
  limited "${prefix[@]}" sh daemon.sh "$work/detach-$verb" >out 2>err </dev/null
  same "$verb --detach: exit status" 5 $?
  has "$verb --detach: says what it left" err "left the supervisor"
  absent "$verb --detach: no result before the end" "detach-$verb/result"
  until_true test -s "detach-$verb/pid"
  same "$verb --detach: the daemon lives" 0 "$(kill -0 "$(cat "detach-$verb/pid")"; echo $?)"
  touch "detach-$verb/go"
  until_true test -e "detach-$verb/result"
  has "$verb --detach: what the daemon did is in the result" "detach-$verb/result" '"mkdir"'
  if [ -d "detach-$verb/made" ]; then pass; else fail "$verb --detach: the daemon was refused something"; fi
  expect_no_leftovers "$verb --detach"
done
# A caller that reads our output to its end must not have to wait for the daemon.
mkdir detach-pipe
same "--detach: the caller's pipe ends" "first process over" \
  "$(limited "$callgate" record --detach -o detach-pipe/result -- sh daemon.sh "$work/detach-pipe" 2>/dev/null </dev/null)"
touch detach-pipe/go
until_true test -e detach-pipe/result
# Nothing outlives: --detach makes no difference, the result is there at once.
limited "$callgate" record --detach -o plain.result -- sh -c 'exit 4' 2>err
same "--detach without a daemon: exit status" 4 $?
if [ -s plain.result ]; then pass; else until_true test -s plain.result && pass || fail "--detach without a daemon: no result" err; fi

# Interrupted while it waits: callgate goes, the daemon is not hurt, what is known is written and called incomplete.
for verb in dry-run record; do
  mkdir "left-$verb"
  case $verb in
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/violation.json" --json -o "left-$verb/result" --) ;;
  record) prefix=("$callgate" record -o "left-$verb/result" --) ;;
  esac
  "${prefix[@]}" sh daemon.sh "$work/left-$verb" >out 2>err </dev/null &
  pid=$!
  until_true test -s "left-$verb/pid"
  until_true grep -q 'waiting for processes' err
  kill -INT $pid 2>/dev/null || kill -TERM $pid
  sleep 0.3
  kill -TERM $pid 2>/dev/null # bash starts background jobs with SIGINT ignored
  wait $pid
  same "$verb, interrupted while waiting: exit status says incomplete" 4 $?
  has "$verb, interrupted while waiting: says so" err "incomplete"
  if [ -s "left-$verb/result" ]; then pass; else fail "$verb, interrupted while waiting: no result" err; fi
  same "$verb, interrupted while waiting: the daemon lives" 0 "$(kill -0 "$(cat "left-$verb/pid")"; echo $?)"
  touch "left-$verb/go"
  until_true test -e "left-$verb/late"
  if [ -d "left-$verb/made" ]; then pass; else fail "$verb, interrupted while waiting: the daemon was refused something"; fi
  expect_no_leftovers "$verb, interrupted while waiting"
done

finish
