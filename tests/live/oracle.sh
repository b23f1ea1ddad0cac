#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# oracle.sh PROGRAM: one program natively, under strace, dry-run with every profile, recorded, verified and run
# enforced. Output and exit status never change; a dry run shows exactly what the profile refuses of what
# strace saw; a recorded profile allows what strace saw and nothing else, and works.

network=own
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
. "$live/programs.sh"
need strace /usr/bin/python3

program=${1:?names the program}
rounds=8 # at most, until strace and callgate have both seen what chance may show
mkdir "$program" && cd "$program" || exit 1
"program_$program"

oracle() { /usr/bin/python3 -E "$live/oracle.py" "$@"; }

# Runs "$@" command…, with the client beside it. Leaves out.NAME, err.NAME and $status. $passes is how often
# the command is going to be started (verify starts it twice).
passes=1
run() { # name wrapper…
  local name=$1 pid i
  shift
  if [ -z "$client" ]; then
    limited "$@" "${command[@]}" >"out.$name" 2>"err.$name" </dev/null
    status=$?
  else
    limited "$@" "${command[@]}" >"out.$name" 2>"err.$name" </dev/null &
    pid=$!
    for ((i = 0; i < passes; i++)); do
      eval "$client" >"client.$name" 2>&1
      until_true gone "$server"
    done
    wait $pid
    status=$?
  fi
  if [ $status -eq 124 ]; then fail "$program, $name: did not end" "err.$name"; fi
}

# Did it come out as natively?
as_native() { # name
  [ "$status" -eq "$native_status" ] && cmp -s out.native "out.$1" && { [ -z "$client" ] || cmp -s client.native "client.$1"; }
}

check_run() { # name
  same "$program, $1: exit status" "$native_status" "$status"
  same_file "$program, $1: standard output" out.native "out.$1"
  [ -z "$client" ] || same_file "$program, $1: what the client saw" client.native "client.$1"
}

run native
native_status=$status
run native2
check_run native2 # a program that differs from itself proves nothing

# Did a verification fail only for calls that chance decides on? Then one more recording may be what it takes.
refused_by_chance() { # error output of verify
  local names call
  grep -q 'so chance decides which calls it makes' "$1" && return 0
  names=$(sed -n 's/^calls to allow: //p' "$1" | tr -d ' ' | tr ',' '\n')
  [ -n "$names" ] || return 1
  for call in $names; do
    case ",$timing," in *",$call,"*) ;; *) return 1 ;; esac
  done
}

strace_files=()
traced() { # round
  if [ $mixed = yes ]; then
    run "strace$1" strace -f -qq -n -e raw=all -e trace=all@64 -e signal=none -o "trace$1.s64"
    run "strace$1" strace -f -qq -n -e raw=all -e trace=all@32 -e signal=none -o "trace$1.s32"
    strace_files+=("trace$1.s64" "trace$1.s32@32")
  else
    run "strace$1" strace -f -qq -n -e raw=all -e signal=none -o "trace$1.s64"
    strace_files+=("trace$1.s64")
  fi
}
traced 1
check_run strace1
n_traces=1

for profile in violation strict fine container audit; do
  reports=()
  for ((round = 1; round <= rounds; round++)); do
    while [ $n_traces -lt $round ]; do traced $((++n_traces)); done
    run "$profile" "$callgate" dry-run --profile "$profiles/$profile.json" --json -o "report.$profile.$round" --
    check_run "$profile"
    if ! /usr/bin/python3 -E -c 'import json, sys
d = json.load(open(sys.argv[1])); l = d["ledger"]
sys.exit(not (d["complete"] and l["received"] == l["answered"] + l["gone"] + l["pending"] and l["dropped"] == 0))' "report.$profile.$round"; then
      fail "$program, $profile: the ledger has a hole" "report.$profile.$round"
      break
    fi
    reports+=("report.$profile.$round")
    final=()
    # From the second round on there is something to tell chance from rule by.
    if [ $round -gt 1 ] && { [ -n "$timing" ] || [ $round -eq $rounds ]; }; then final=(--final --timing "$timing"); fi
    oracle compare "$profiles/$profile.json" "${final[@]}" --strace "${strace_files[@]}" --report "${reports[@]}" >"compare.$profile" 2>&1
    verdict=$?
    [ $verdict -ne 0 ] || break
  done
  if [ $verdict -eq 0 ]; then pass; else fail "$program, $profile: dry-run and strace disagree" "compare.$profile"; fi
done

for args in '' --args; do
  name=record$args
  # shellcheck disable=SC2086
  run "$name" "$callgate" record $args -o "$name.json" --evidence "$name.evidence" --
  check_run "$name"
  if [ ! -s "$name.json" ]; then
    fail "$program, $name: no profile was written" "err.$name"
    continue
  fi
  # What depends on chance in one run may be missing in another: such programs are recorded until they have
  # shown it, as a person would.
  for ((round = 2; round <= 4; round++)); do
    [ -n "$timing" ] || break
    # shellcheck disable=SC2086
    run "$name.again" "$callgate" record $args --merge -o "$name.json" --
    check_run "$name.again"
  done
  if [ -z "$args" ]; then
    if oracle recorded "$name.json" --timing "$timing" --strace "${strace_files[@]}" >"compare.$name" 2>&1; then
      pass
    else
      fail "$program, $name: the profile is not what strace saw" "compare.$name"
    fi
  fi
  for ((round = 1; round <= 5; round++)); do
    passes=2
    run "verify$args" "$callgate" verify "$name.json" --
    passes=1
    [ "$status" -ne 0 ] && [ -n "$timing" ] && refused_by_chance "err.verify$args" || break
    # shellcheck disable=SC2086
    run "$name.again" "$callgate" record $args --merge -o "$name.json" --
  done
  same "$program, $name then verify: exit status" 0 "$status"
  [ "$status" -eq 0 ] || fail "$program, $name then verify" "err.verify$args"
  same_file "$program, $name then verify: standard output" out.native "out.verify$args"
  for ((round = 1; round <= 5; round++)); do
    run "enforced$args" "$callgate" run --profile "$name.json" --
    ! as_native "enforced$args" && [ -n "$timing" ] && refused_by_chance "err.enforced$args" || break
    # shellcheck disable=SC2086
    run "$name.again" "$callgate" record $args --merge -o "$name.json" --
  done
  [ "$status" -eq "$native_status" ] || fail "$program, $name then run" "err.enforced$args"
  check_run "enforced$args"
  if [ -s "err.enforced$args" ] && grep -q '^COMM' "err.enforced$args"; then
    # Refusals that change nothing (a probe refused with ENOSYS, say) are allowed only to programs of chance.
    [ -n "$timing" ] && pass || fail "$program, $name then run: something was refused" "err.enforced$args"
  fi
done

finish
