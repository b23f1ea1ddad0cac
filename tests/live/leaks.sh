#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# After much work callgate and its supervisor hold as many descriptors, and not notably more memory, than after a
# little; they give none to the program, and leave no process, no shared memory and no temporary file.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

fds() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
kib() { awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"; }
child_named() {
  local pid
  for pid in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] && { echo "$pid"; return; }
  done
  return 1
}

# Works in rounds; a round begins when its file appears and has ended when that file is gone. Round 1 is the
# measure, round 2 is fifty times as much of the same.
cat >rounds.sh <<'S'
round() {
  n=$1
  while [ "$n" -gt 0 ]; do
    /bin/true
    (echo "$n" | cat) >/dev/null
    n=$((n - 1))
  done
}
for name in 1 2 3; do
  until [ -e "round.$name" ]; do sleep 0.02; done
  case $name in 1) round 10 ;; 2) round 400 ;; 3) : ;; esac
  rm "round.$name"
done
S
for verb in dry-run record; do
  case $verb in
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/violation.json" --events events -o result --) ;;
  record) prefix=("$callgate" record -o result --events events --) ;;
  esac
  "${prefix[@]}" sh rounds.sh >/dev/null 2>err </dev/null &
  pid=$!
  until_true child_named $pid callgated
  supervisor=$(child_named $pid callgated)
  touch round.1
  until_true test ! -e round.1
  before="$(fds $pid)"
  before_supervisor=$(fds "$supervisor")
  before_kib=$(kib "$supervisor")
  touch round.2
  PATIENCE=120 until_true test ! -e round.2
  after="$(fds $pid)"
  # Of who died just now it may not have heard yet.
  holds_no_more() { after_supervisor=$(fds "$supervisor") && [ "$after_supervisor" -le $((before_supervisor + 16)) ]; }
  until_true holds_no_more
  after_kib=$(kib "$supervisor")
  touch round.3
  wait $pid
  same "$verb: exit status" 0 $?
  same "$verb: descriptors of callgate" "$before" "$after"
  # Descriptors of tasks (pidfds and the like) may come and go; they may not pile up. Root may look.
  if is_root; then
    if [ "$before_supervisor" -gt 3 ] && [ "$after_supervisor" -le $((before_supervisor + 16)) ]; then
      pass
    else
      fail "$verb: descriptors of the supervisor: $before_supervisor after 30 processes, $after_supervisor after 1200 more"
    fi
  fi
  if [ "$after_kib" -le $((before_kib + 8192)) ]; then pass; else fail "$verb: memory of the supervisor: $before_kib KiB after 30 processes, $after_kib KiB after 1200 more"; fi
  rm -f result events
done
expect_no_leftovers "after much work"

# What the program inherits is what its caller has.
for verb in dry-run record run; do
  case $verb in
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/violation.json" --events events -o result --) ;;
  record) prefix=("$callgate" record -o result --events events --evidence evidence --) ;;
  run) prefix=("$callgate" run --profile "$profiles/audit.json" --events events --) ;;
  esac
  env ls /proc/self/fd >fds.native 2>/dev/null </dev/null
  limited "${prefix[@]}" ls /proc/self/fd >fds.verb 2>/dev/null </dev/null
  # ls itself opens one; callgate may not add any.
  same_file "$verb: descriptors of the program" fds.native fds.verb
done

# Many runs: nothing is left anywhere.
# (Of the machine's shared memory only what was not there before and is ours: other tests use it as well.)
shared_memory() { find /dev/shm -mindepth 1 -iname '*callgate*' ! -name 'callgate-live.*' ! -path '*/callgate-live.*/*' 2>/dev/null | sort; }
for i in $(seq 60); do
  limited "$callgate" record -o "r.json" -- /bin/true >/dev/null 2>&1 </dev/null || fail "run $i: exit status $?"
done
expect_no_leftovers "after 60 runs"
same "after 60 runs: shared memory" "" "$(shared_memory)"
same "after 60 runs: files" "" "$(find . -name '.*' -mindepth 1)"
finish
