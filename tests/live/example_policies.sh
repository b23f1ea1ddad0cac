#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/policies: each does what its first lines say, on programs that know nothing of it.

network=own
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need perl
folder=$(cd "$live/../../examples/policies" && pwd)
under() { # policy [--var …] -- command…
  limited "$callgate" run --quiet --policy "$folder/$1.yaml" "${@:2}"
}

tried=()
try() { tried+=("$1"); }

try another-date
same "another-date" 2019-03-01 "$(under another-date --var date=2019-03-01T10:00:00Z -- date -u +%F)"

try pretend-root
same "pretend-root" 0:33:33 "$(under pretend-root -- sh -c 'touch x && chown 33:33 x && echo "$(id -u):$(stat -c %u:%g x)"')"

try no-network
under no-network -- bash -c 'echo >/dev/tcp/192.0.2.1/80' >out 2>&1
has "no-network: others" out "Network is unreachable"
under no-network -- bash -c 'echo >/dev/tcp/127.0.0.1/1' >out 2>&1
has "no-network: this machine" out "Connection refused"

try ask-before-connecting
# Patience is a person's.
sed 's/timeout: 30s/timeout: 1s/' "$folder/ask-before-connecting.yaml" >ask.yaml
limited "$callgate" run --quiet --policy ask.yaml -- bash -c 'echo >/dev/tcp/192.0.2.1/80' >out 2>&1 </dev/null
has "ask-before-connecting: the test is not as patient" ask.yaml "timeout: 1s"
has "ask-before-connecting: nobody there" out "Connection refused"

try keep-home
mkdir kept && echo old >kept/a
limited "$callgate" run --policy "$folder/keep-home.yaml" --var folder="$work/kept" --var changes="$work/changes" -- \
  sh -c 'echo new >kept/a && echo new >kept/b && cat kept/a' >out 2>err
same "keep-home: the program's view" new "$(cat out)"
same "keep-home: the folder" "old" "$(cat kept/*)"
has "keep-home: the list" err "changed   a"

try few-processes
# (bash tries again for 15 s.)
same "few-processes: the first ones" 12345 \
  "$(under few-processes --var most=5 -- "$(command -v dash || echo bash)" -c 'for i in 1 2 3 4 5 6 7 8; do (printf $i) || exit 3; done' 2>/dev/null)"

try small-machine
same "small-machine: processors" 1 "$(under small-machine -- nproc)"
same "small-machine: disk" 100% "$(under small-machine -- df --output=pcent / | tail -1 | tr -d ' ')"

try secrets
mkdir -p .ssh && echo key >.ssh/id && echo other >not-secret
under secrets -- sh -c 'cat .ssh/id; mv .ssh seen; cat seen/id; cat not-secret' >out 2>&1
same "secrets: what is none" other "$(tail -1 out)"
has_not "secrets: what is one" out key
has "secrets: are not there" out "No such file"

try no-harm
says() { perl -e '$! = 0; print syscall(shift, 0, 0, 0, 0, 0), " ", $! + 0, "\n"' "$1"; }
export -f says
if [ "$(uname -m)" = x86_64 ]; then
  for nr in 169 227 165; do # reboot, clock_settime, mount: none of them would succeed with zeros
    same "no-harm: call $nr" "0 0" "$(under no-harm -- bash -c "says $nr")"
    [ "$(says $nr)" != "0 0" ] && pass || fail "call $nr succeeds by itself"
  done
fi

try no-back-doors
[ "$(uname -m)" != x86_64 ] || same "no-back-doors: ptrace" "-1 1" "$(under no-back-doors -- bash -c 'says 101')"

try other-machine
same "other-machine: by call and by file" "4.19.0-vendor licence-host 4.19.0-vendor" \
  "$(under other-machine -- sh -c 'echo "$(uname -r) $(uname -n) $(cat /proc/sys/kernel/osrelease)"')"

try pretend-privilege
[ "$(uname -m)" != x86_64 ] || same "pretend-privilege: mlockall" "0 0" "$(under pretend-privilege -- bash -c 'says 151')"

same "every policy is tried" "$(cd "$folder" && printf '%s\n' *.yaml | sed 's/\.yaml$//' | sort)" \
  "$(printf '%s\n' "${tried[@]}" | sort)"
for policy in "$folder"/*.yaml; do
  "$callgate" policy check "$policy" >out 2>&1
  [ $? -le 1 ] && pass || fail "$(basename "$policy") is refused" out
done
finish
