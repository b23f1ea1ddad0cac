#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/policies: each does what its first lines say, on programs that know nothing of it.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

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
under ask-before-connecting -- bash -c 'echo >/dev/tcp/192.0.2.1/80' >out 2>&1 </dev/null
has "ask-before-connecting: nobody there" out "Connection refused"

try keep-home
mkdir kept && echo old >kept/a
limited "$callgate" run --policy "$folder/keep-home.yaml" --var folder="$work/kept" --var changes="$work/changes" -- \
  sh -c 'echo new >kept/a && echo new >kept/b && cat kept/a' >out 2>err
same "keep-home: the program's view" new "$(cat out)"
same "keep-home: the folder" "old" "$(cat kept/*)"
has "keep-home: the list" err "changed   a"

try few-processes
same "few-processes: the first ones" 12345 \
  "$(under few-processes --var most=5 -- bash -c 'for i in 1 2 3 4 5 6 7 8; do (printf $i) || exit 3; done' 2>/dev/null)"

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
for words in reboot,0,0,0,0 clock_settime,0,0 mount,0,0,0,0,0; do
  same "no-harm: $words" "${words%%,*}: 0 errno 0 (-)" "$(under no-harm -- "$programs/call" $words)"
done

same "every policy is tried" "$(cd "$folder" && printf '%s\n' *.yaml | sed 's/\.yaml$//' | sort)" \
  "$(printf '%s\n' "${tried[@]}" | sort)"
for policy in "$folder"/*.yaml; do
  "$callgate" policy check "$policy" >out 2>&1
  [ $? -le 1 ] && pass || fail "$(basename "$policy") is refused" out
done
finish
