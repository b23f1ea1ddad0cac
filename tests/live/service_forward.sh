#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The Forward outlet against a server that is not ours (npm: @fluent-org/logger): what programs did arrives whole and
# once, whatever the receiver and the service go through. Sums of what arrived are compared with the ledgers that the
# launchers printed.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"
need node npm python3 curl
# A receiver that was away for long is tried every half minute only.
PATIENCE=100

package=@fluent-org/logger@1.0.10
export npm_config_cache=$work/npm-cache npm_config_update_notifier=false
mkdir npm
limited npm install --prefix "$work/npm" --no-audit --no-fund --no-package-lock --loglevel=error "$package" >npm.log 2>&1 ||
  skip "npm cannot install $package: $(tail -n 1 npm.log)"

# ---- receivers ----

receiver_pid=
receive() { # PATH or ADDRESS:PORT [MANNERS]: in the background, into got.json
  n_receivers=$((${n_receivers:-0} + 1))
  : >"receiver-$n_receivers.out"
  node "$live/forward/receiver.js" "$work/npm/node_modules" "$1" "$work/got.json" "${2:-}" \
    >"receiver-$n_receivers.out" 2>"receiver-$n_receivers.err" &
  receiver_pid=$!
  until_true grep -q listening "receiver-$n_receivers.out" || fail "the receiver does not start" "receiver-$n_receivers.err"
}
receiver_ends() { # of itself
  until_true eval '! kill -0 "$receiver_pid" 2>/dev/null' || fail "$1: the receiver does not die"
  wait "$receiver_pid" 2>/dev/null
}
receiver_stop() {
  kill -KILL "$receiver_pid" 2>/dev/null
  wait "$receiver_pid" 2>/dev/null
}

# ---- the service ----

configured() { # further keys of the outlet, with a comma behind
  SOCKETS="sockets: { agent: \"$work/agent.sock\", oci: [], control: \"$work/control.sock\", metrics: \"unix:$work/metrics.sock\" }" \
    service_config <<Y
keeper: none
events:
  outlets:
    - forward: { $1 tag: callgate.test, chunk: { age: 50ms, size: ${CHUNK:-64K} } }
Y
}
begin() { # a story of its own: sentence
  story=$1
  rm -rf buffer got.json ledger.err
  : >got.json
  : >ledger.err
}
metric() { curl -s --max-time 30 --unix-socket "$work/metrics.sock" "http://localhost/metrics" | sed -n "s/^callgate_outlet_$1{.*} //p"; }
health() { curl -s --max-time 30 -o health.out -w '%{http_code}' --unix-socket "$work/metrics.sock" http://localhost/healthz; }
is() { [ "$($1)" = "$2" ]; }
waiting() { metric waiting; }
program() { # COMMAND…: under the service
  limited "$callgate" record -o profile.json --supervisor "$work/agent.sock" -- "$@" >/dev/null 2>program.err ||
    fail "$story: the program failed" program.err
  grep '^callgate: ledger' program.err >>ledger.err
}
recorded() { sed 's/.*recorded \([0-9]*\),.*/\1/' ledger.err | awk '{ n += $1 } END { print n }'; }
sums() { "$live/forward/sums.py" "$work/got.json" 2>&1; }
fact() { sums | sed -n "s/^$1 //p"; }
ends() { fact ends; }
until_ends() { until_true is ends "$1" || fail "$story: the end did not arrive" <(sums) service.err; }

# Everything arrived, and is what the launchers said.
expect_whole() { # number of sessions
  until_ends "$1"
  sums >sums.out
  same "$story: sessions begun" "$1" "$(fact begins)" sums.out
  same "$story: every session's sum is its ledger's" 0 "$(fact unequal)" sums.out
  same "$story: calls, and what the launchers said" "$(recorded)" "$(fact calls)" sums.out
  same "$story: nothing is missing" 0 "$(fact holes)" sums.out
  has_not "$story: what came twice is the same" sums.out CHANGED
}

# ---- a receiver that is well ----

begin "unix socket"
configured "address: \"unix:$work/forward.sock\", buffer: { path: $work/buffer },"
receive "$work/forward.sock"
service_start
program "$programs/hostile" quiet 300
program sh -c 'mkdir made; rmdir made'
expect_whole 2
same "$story: calls of getppid" 300 "$(sums | awk '$1 == "getppid" && $2 >= 300 { print 300 }')" sums.out
same "$story: tag" callgate.test "$(fact tags)"
until_true is waiting 0 || fail "$story: receipts do not come"
same "$story: nothing came twice" 0 "$(fact twice)"
same "$story: no chunk is left" "" "$(find buffer -name '*.chunk')"
same "$story: the folder is the service's alone" 700 "$(stat -c %a buffer)"
same "$story: dropped" 0 "$(metric dropped_total)"
same "$story: healthy" 200 "$(health)" health.out
# What was taken last is delivered at the end.
program "$programs/hostile" quiet 10
service_stop
expect_whole 3
receiver_stop

# Below the range that the kernel gives to clients: nobody takes it while a receiver is away.
free_port() { # address of this machine
  python3 -c '
import random, socket, sys
while True:
    port = random.randrange(20000, 32000)
    try:
        socket.create_server((sys.argv[1], port)).close()
    except OSError:
        continue
    print(port)
    break' "$1"
}
# The whole of 127/8 is the machine itself. The machine's network is needed for npm, so the test has an address of its own
# instead of a network.
own=127.$((1 + $$ / 62500 % 250)).$((1 + $$ / 250 % 250)).$((1 + $$ % 250))

begin "TCP, a shared key"
place=$own:$(free_port "$own")
configured "address: \"tcp:$place\", shared-key: secret,"
receive "$place" '{ "key": "secret" }'
service_start
program "$programs/hostile" quiet 20
expect_whole 1
receiver_stop
receive "$place" '{ "key": "another" }'
program "$programs/hostile" quiet 20
until_true is health 503 || fail "$story: another key is not noticed"
until_true eval 'health >/dev/null; grep -qi "shared key" health.out' || fail "$story: nobody says why" health.out
same "$story: nothing goes to whoever has another key" 1 "$(ends)"
receiver_stop
receive "$place" '{ "key": "secret" }'
expect_whole 2
until_true is health 200 || fail "$story: it does not become healthy" health.out
service_stop
receiver_stop

begin "without receipts"
port=$(free_port 127.0.0.1)
configured "address: \"tcp:localhost:$port\", acknowledge: false,"
receive "127.0.0.1:$port"
service_start
program "$programs/hostile" quiet 20
expect_whole 1
service_stop
receiver_stop

# ---- receivers that die in the middle of a chunk, again and again ----

begin "restarts of the receiver"
CHUNK=4K configured "address: \"unix:$work/forward.sock\", buffer: { path: $work/buffer },"
service_start
for after in 3 17 40 90; do
  receive "$work/forward.sock" "{ \"die\": $after }"
  program sh -c 'mkdir made; rmdir made; ls / >/dev/null'
  receiver_ends "$story"
done
receive "$work/forward.sock"
expect_whole 4
same "$story: some came twice" yes "$([ "$(fact twice)" -gt 0 ] && echo yes)"
until_true is waiting 0 || fail "$story: receipts do not come"
same "$story: dropped" 0 "$(metric dropped_total)"
service_stop
receiver_stop

# ---- a receiver that never sends a receipt, and somebody who is no receiver ----

begin "no receipts"
configured "address: \"unix:$work/forward.sock\", acknowledge-wait: 200ms,"
receive "$work/forward.sock" '{ "silent": true }'
service_start
program "$programs/hostile" quiet 20
until_true eval '[ "$(fact twice)" -gt 0 ]' || fail "$story: it is not sent again"
until_true is health 503 || fail "$story: it passes for healthy"
same "$story: nothing counts as delivered" 0 "$(metric delivered_total)"
receiver_stop
receive "$work/forward.sock"
expect_whole 1
until_true is waiting 0 || fail "$story: receipts do not come"
receiver_stop

story="garbage"
receive "$work/forward.sock" '{ "garbage": true }'
program "$programs/hostile" quiet 20
until_true eval 'health >/dev/null; grep -q "not the Forward protocol" health.out' || fail "$story: it is not noticed" health.out
receiver_stop
receive "$work/forward.sock"
expect_whole 2
service_stop
receiver_stop

# ---- kill -9 of the service ----

begin "kill -9 of the service"
configured "address: \"unix:$work/forward.sock\", buffer: { path: $work/buffer },"
service_start
program "$programs/hostile" quiet 50
program sh -c 'mkdir made; rmdir made'
# Two ends are on disk: nothing of those sessions is in memory alone.
two_ends() { [ "$(cat buffer/*.chunk 2>/dev/null | grep -aoF calls_received | wc -l)" -eq 2 ]; }
until_true two_ends || fail "$story: chunks are not written" <(ls -l buffer)
kill -KILL "$service_pid"
wait "$service_pid" 2>/dev/null
# A chunk that is broken is set aside, told, and never sent.
printf 'half a chunk' >buffer/00000000000fffff-7.chunk
receive "$work/forward.sock"
service_start
expect_whole 2
until_true is waiting 0 || fail "$story: receipts do not come"
same "$story: the broken chunk is counted" 7 "$(metric dropped_total)"
same "$story: the broken chunk is set aside" buffer/00000000000fffff-7.broken "$(find buffer -name '*.broken')"
same "$story: nothing came twice" 0 "$(fact twice)"
service_stop
receiver_stop

# ---- a buffer that is full ----

begin "a full buffer"
CHUNK=8K configured "address: \"unix:$work/forward.sock\", buffer: { path: $work/buffer, size: 64K },"
service_start
n=0
while [ "$(metric dropped_total)" -eq 0 ] && [ $n -lt 40 ]; do
  program sh -c 'ls / >/dev/null'
  n=$((n + 1))
done
program "$programs/hostile" quiet 20
n=$((n + 1))
# What the last program did is published after it has ended.
published() {
  local before
  before=$(metric taken_total)
  sleep 0.5
  [ "$(metric taken_total)" = "$before" ]
}
until_true published || fail "$story: events come without end" service.err
same "$story: events are dropped" yes "$([ "$(metric dropped_total)" -gt 0 ] && echo yes)"
same "$story: on disk it stays in bounds" yes "$([ "$(du -B1 --apparent-size buffer/*.chunk | awk '{ n += $1 } END { print n }')" -le 65536 ] && echo yes)"
same "$story: unhealthy" 503 "$(health)" health.out
receive "$work/forward.sock"
until_true is waiting 0 || fail "$story: it does not recover" service.err
program "$programs/hostile" quiet 20
n=$((n + 1))
until_true eval '[ "$(($(fact calls) + $(fact hole-calls)))" -eq "$(recorded)" ]'
echo "service_forward: $n programs filled the buffer"
sums >sums.out
same "$story: what came and what is told to be missing" "$(recorded)" "$(($(fact calls) + $(fact hole-calls)))" sums.out
same "$story: the hole is as large as what was dropped" "$(metric dropped_total)" "$(fact hole-records)" sums.out
same "$story: one hole" 1 "$(fact holes)" sums.out
until_true is health 200 || fail "$story: it does not become healthy" health.out
service_stop
receiver_stop

finish
