#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Metrics, health and readiness over HTTP: the numbers are those of the ledgers, counters never go back, and clients
# that hold connections, send rubbish or ask without end disturb neither the service nor each other.
network=own
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"
need curl python3

configured() { # address of metrics; further configuration from standard input
  SOCKETS="sockets: { agent: \"$work/agent.sock\", oci: [], control: \"$work/control.sock\", metrics: \"$1\" }" service_config
}
get() { curl -s --max-time 30 --unix-socket "$work/metrics.sock" "http://localhost$1" "${@:2}"; }
status() { get "$1" -o answer.out -w '%{http_code}' "${@:2}"; }
is() { [ "$("${@:2}")" = "$1" ]; }
# The sum of all samples of a family whose labels hold a text.
sum() { # name [text]
  get /metrics | awk -v name="$1" -v text="${2:-}" '
    !/^#/ && index($0, text) { split($1, at, "{"); if (at[1] == name) n += $2 } END { printf "%d\n", n }'
}
# What is served was made at most 100 ms before it was asked for (METRICS_FRESH_MS): after this it is all of what was.
fresh() { sleep 0.15; }
program() { # VERB OPTION… -- COMMAND…: under the service
  local rc=0
  limited "$callgate" "$1" --supervisor "$work/agent.sock" "${@:2}" >program.out 2>program.err || rc=$?
  fresh
  return $rc
}
ledger() { sed -n "s/.*ledger: .*$1 \([0-9]*\).*/\1/p" program.err; }

configured "unix:$work/metrics.sock" <<Y
keeper: none
limits: { sessions-per-uid: 3, ended: 1 }
events: { outlets: [ { file: { path: $work/events } } ] }
Y
service_start

# ---- a service that has done nothing ----
fds=$(sum process_open_fds)
same "nothing was received" 0 "$(sum callgate_calls_received_total)"
same "no session is alive" 0 "$(sum callgate_sessions)"
same "healthy" 200 "$(status /healthz)" answer.out
same "ready" 200 "$(status /readyz)" answer.out
same "the version" 1 "$(sum callgate_build_info "version=\"$("$callgate" --version | cut -d' ' -f2)\"")"
same "no keeper" 0 "$(sum callgate_keeper_present)"

# ---- known programs ----
program record -o ours.json -- "$programs/hostile" quiet 500
same "record: exit status" 0 $? program.err
received=$(ledger received)
until_true is "$received" sum callgate_calls_received_total
same "record: calls received, as the ledger says" "$received" "$(sum callgate_calls_received_total)"
same "record: by mode" "$received" "$(sum callgate_calls_total 'mode="record"')"
same "record: every call is in the histogram" "$received" "$(sum callgate_call_seconds_count)"
same "record: refusals" 0 "$(sum callgate_refusals_total)"
echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["getppid"], "action": "SCMP_ACT_ERRNO" },
  { "names": ["getpriority"], "action": "SCMP_ACT_TRAP" }] }' >profile.json
program dry-run --profile profile.json --json -o dry.json -- "$programs/call" getppid getppid getppid getpriority,0,0
same "dry-run: exit status" 0 $? program.err
received=$((received + $(grep -o '"received":[ 0-9]*' dry.json | tr -dc 0-9)))
until_true is "$received" sum callgate_calls_received_total
same "dry-run: calls received, as the ledger says" "$received" "$(sum callgate_calls_received_total)"
same "dry-run: ERRNO, carried out" 3 "$(sum callgate_calls_total 'mode="dry-run",verdict="errno",answer="continue"')"
same "dry-run: TRAP, carried out" 1 "$(sum callgate_calls_total 'mode="dry-run",verdict="trap",answer="continue"')"
same "dry-run: refusals" 4 "$(sum callgate_refusals_total)"
if is_root; then
  # Without the condition the kernel would do it alone, and nobody would be notified.
  printf 'version: 1\ndefault: allow\nrules:\n  - { syscalls: [mkdir, mkdirat], where: { count: { above: 0, of: session } }, do: { errno: ENOSPC } }\n' \
    >policy.yaml
  program run -q --policy policy.yaml -- mkdir refused
  until_true is 1 sum callgate_calls_total 'mode="policy",verdict="notify",answer="errno"'
  same "policy: one errno" 1 "$(sum callgate_calls_total 'mode="policy",verdict="notify",answer="errno"')"
  same "policy: one refusal more" 5 "$(sum callgate_refusals_total)"
fi
until_true is 0 sum callgate_sessions
same "sessions are over" 0 "$(sum callgate_sessions)"
same "nothing is in flight" 0 "$(sum callgate_calls_in_flight)"
same "nothing is lost" 0 "$(sum callgate_events_lost_total)"
same "all sessions, of which one result is kept" "$(is_root && echo 3 || echo 2)" "$(sum callgate_sessions_started_total)"

# ---- sessions that are alive, and one too many ----
for i in 1 2 3; do
  program record -o "many-$i.json" -- sh -c 'until [ -e "$1/out" ]; do sleep 0.05; done' sh "$work" &
done
until_true is 3 sum callgate_sessions 'mode="record"'
same "three are alive" 3 "$(sum callgate_sessions 'mode="record"')"
if ! is_root; then # root's containers are not counted as one user's
  limited "$callgate" record --supervisor "$work/agent.sock" -o no.json -- true >/dev/null 2>&1
  same "a fourth is refused" 125 $?
  until_true is 1 sum callgate_sessions_refused_total 'reason="limit"'
  same "and counted" 1 "$(sum callgate_sessions_refused_total 'reason="limit"')"
fi
touch out
for job in $(jobs -p); do [ "$job" = "$service_pid" ] || wait "$job"; done

# ---- the format, by parsers that are not ours ----
get /metrics >metrics.out
if command -v promtool >/dev/null; then
  limited promtool check metrics <metrics.out >promtool.out 2>&1
  same "promtool" 0 $? promtool.out
fi
/usr/bin/python3 - metrics.out >parsed.out 2>&1 <<'P'
import sys
try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    sys.exit("no parser")
families = list(text_string_to_metric_families(open(sys.argv[1]).read()))
for family in families:
    assert family.documentation, family.name
    assert family.name.startswith(("callgate_", "process_")), family.name
    assert family.type in ("counter", "gauge", "histogram"), family.name
    print(family.name, family.type, len(family.samples))
histogram = [f for f in families if f.name == "callgate_call_seconds"][0]
buckets = [s.value for s in histogram.samples if s.name.endswith("_bucket")]
assert buckets == sorted(buckets)
assert buckets[-1] == [s.value for s in histogram.samples if s.name.endswith("_count")][0]
P
rc=$?
if grep -q "no parser" parsed.out; then echo "prometheus_client is not installed: not parsed"; else
  same "the parser of prometheus_client" 0 $rc parsed.out
  has "the parser knows the histogram" parsed.out "callgate_call_seconds histogram"
fi

# ---- HTTP ----
same "POST" 405 "$(status /metrics -X POST -d x)" answer.out
same "DELETE" 405 "$(status /metrics -X DELETE)" answer.out
same "HEAD" 200 "$(status /metrics --head)" answer.out
has "the content type" answer.out "text/plain; version=0.0.4"
has "a connection for one request" answer.out "Connection: close"
same "another path" 404 "$(status /)" answer.out
same "a path with dots" 404 "$(status /metrics/../../etc/passwd --path-as-is)" answer.out
same "a header that is too long" yes "$(case $(status /metrics -H "X: $(head -c 60000 /dev/zero | tr '\0' x)") in 4?? | 000) echo yes ;; esac)"

# Clients that are in nobody's interest. In the meantime everybody else is served.
cat >clients.py <<'P'
import os, socket, sys, time
path, said = sys.argv[1:]
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(path)
    return s
held = []
def hold(first):
    try:
        s = connect()
        s.send(first)
        held.append(s)
    except OSError:
        pass
for i in range(60):
    hold(b"")                                   # says nothing
    hold(b"GET /metrics HTTP/1.1\r\nHost: x\r\nX-")  # never ends
    hold(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)  # reads nothing
    hold(os.urandom(3000))
    hold(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")    # TLS
open(said, "w").close()
while os.path.exists(said):
    time.sleep(0.05)
P
python3 clients.py "$work/metrics.sock" "$work/held" &
clients=$!
until_true test -e held || fail "the clients are not there"
for i in 1 2 3; do
  same "among clients that hold connections: metrics $i" 200 "$(status /metrics)" answer.out
  same "among clients that hold connections: readiness $i" 200 "$(status /readyz)" answer.out
done
same "descriptors stay few" yes "$([ "$(sum process_open_fds)" -lt $((fds + 100)) ] && echo yes)"
rm held
wait $clients
for i in 1 2 3 4; do
  until [ -e enough ]; do get /metrics -o /dev/null || true; done &
done
for i in 1 2 3; do
  program record -o "beside-$i.json" -- "$programs/hostile" quiet 200
  same "a program beside clients that ask without end $i" 0 $? program.err
done
touch enough
for job in $(jobs -p); do [ "$job" = "$service_pid" ] || wait "$job"; done
# What has just ended may not be counted among the ended yet.
until_true is 0 sum callgate_sessions
fresh
before=$(sum callgate_calls_received_total)
program record -o more.json -- true
until_true is 0 sum callgate_sessions
same "counters go on although results were forgotten" $((before + $(ledger received))) "$(sum callgate_calls_received_total)"

# ---- a task that makes its session wait holds up no metrics ----
program record -o stuck.json -- "$programs/hostile" stuck "$work/is-stuck" &
stuck=$!
until_true eval 'test -e is-stuck || ! kill -0 "$stuck" 2>/dev/null'
if [ -e is-stuck ]; then
  until_true is 1 sum callgate_calls_in_flight
  same "beside a task that makes its session wait: it is in flight" 1 "$(sum callgate_calls_in_flight)"
  same "beside a task that makes its session wait: healthz" 200 "$(status /healthz)" answer.out
  # Its events are published meanwhile, and everybody else's.
  program record -o beside.json -- "$programs/hostile" quiet 100
  same "beside a task that makes its session wait: another program" 0 $? program.err
  count_of() { limited "$callgate" events --json events 2>/dev/null | grep -F 'quiet 100"' | grep -c '"syscall_name":"getppid"'; }
  until_true eval '[ "$(count_of)" -gt 0 ]'
  same "beside a task that makes its session wait: what the other did is published" yes \
    "$([ "$(count_of)" -gt 0 ] && echo yes)" service.err
  limited "$callgate" status --control "$work/control.sock" >status.out 2>&1
  same "beside a task that makes its session wait: callgate status" 0 $? status.out
  stuck_end
fi
wait "$stuck"

# ---- an outlet that breaks ----
service_stop
absent "the socket is gone with the service" metrics.sock
configured "unix:$work/metrics.sock" <<Y
keeper: none
events: { outlets: [ { forward: { name: "to \"nobody\"", address: "unix:$work/nobody.sock" } } ] }
Y
service_start
until_true is 503 status /healthz
same "an outlet without a receiver: unhealthy" 503 "$(status /healthz)" answer.out
has "it is named" answer.out 'outlet to \"nobody\": connecting'
same "it is named in the metrics" 0 "$(sum callgate_outlet_healthy 'outlet="to \\\"nobody\\\""')"
has "as it should be" <(get /metrics) 'callgate_outlet_healthy{outlet="to \\\"nobody\\\""} 0'
same "it is ready all the same" 200 "$(status /readyz)" answer.out

# ---- draining ----
program record -o drained.json -- sh -c 'touch "$1/in"; until [ -e "$1/drained" ]; do sleep 0.05; done' sh "$work" &
drained=$!
until_true test -e in
python3 - "$work/control.sock" <<'P' >drain.out 2>&1
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(30)
s.connect(sys.argv[1])
s.send(b"\x94\x00\x01\xa5drain\x90")
print(s.recv(1000))
P
until_true is 503 status /readyz
same "draining: not ready" 503 "$(status /readyz)" answer.out drain.out
fresh
same "draining: what is alive is counted" 1 "$(sum callgate_sessions)"
touch drained
wait "$drained"
until_true eval '! kill -0 "$service_pid" 2>/dev/null'
wait "$service_pid"
same "drained: the service ends" 0 $? service.err

# ---- addresses ----
port=$(python3 -c '
import random, socket
while True:
    port = random.randrange(20000, 32000)
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        continue
    print(port)
    break')
echo 'keeper: none' | configured "127.0.0.1:$port"
service_start
same "on a port of this machine" 200 "$(curl -s --max-time 30 -o /dev/null -w '%{http_code}' "http://127.0.0.1:$port/readyz")"
service_stop
for address in 0.0.0.0:9464 '[::]:9464' 192.0.2.1:9464 example.com:9464; do
  echo 'keeper: none' | configured "$address"
  limited "$bin/callgated" --config service.yaml >/dev/null 2>err
  same "$address: the service does not start" 2 $? err
  has "$address: why" err "of this machine alone"
done

finish
