#!/usr/bin/env bash
# The service as launchers use it: many sessions at once, of which one floods and one makes its supervisor wait,
# while the others go on; sockets that are safe; limits; ends and reloads.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"

service_config <<Y
keeper: none
limits: { $([ "$(id -u)" -eq 0 ] && echo sessions || echo sessions-per-uid): 40 }
Y
service_start

# ---- what works without it works with it ----
given() { limited "$callgate" "$1" --supervisor agent.sock "${@:2}"; }
given record -o ours.json -- sh -c 'mkdir made; exit 7' 2>err
same "record: exit status" 7 $? err
if [ -d made ]; then pass; else fail "record: the program did not run" err; fi
rmdir made
limited "$callgate" record -o private.json -- sh -c 'mkdir made; exit 7' 2>err
same_file "record: the profile is that of a private supervisor" private.json ours.json
given run --profile ours.json -- sh -c 'exit 7' 2>err
same "run: exit status" 7 $? err
given dry-run --profile "$live/../../examples/no-network/no-network.json" --json -o dry.json -- \
  python3 -c 'import socket; socket.socket()' 2>err
same "dry-run: exit status" 0 $? err
has "dry-run: the refusal is shown" dry.json '"socket"'
if [ "$(id -u)" -eq 0 ]; then
  printf 'version: 1\ndefault: allow\nrules:\n  - { syscalls: [mkdir, mkdirat], do: { errno: ENOSPC } }\n' >policy.yaml
  given run -q --policy policy.yaml -- mkdir refused 2>err
  same "policy: exit status" 1 $? err
  has "policy: its errno" err "No space left"
fi

# ---- one that floods and one that makes the supervisor wait ----
given record -o flood.json -- "$programs/hostile" flood "$work/let-go" >flood.out 2>flood.err &
flood=$!
until_true grep -q flooding flood.out || fail "the flood does not begin" flood.err
given record -o stuck.json -- "$programs/hostile" stuck "$work/is-stuck" >stuck.out 2>stuck.err &
stuck=$!
# Only a privileged process may have memory that its reader must wait for.
until_true eval 'test -e is-stuck || ! kill -0 "$stuck" 2>/dev/null' || fail "stuck: it does not begin" stuck.err
if [ -e is-stuck ]; then
  until_true stuck_waits || fail "stuck: nobody waits for it" stuck.err
else
  wait "$stuck"
  same "stuck: not possible here" 77 $? stuck.err
  stuck=
fi
quiet=()
for i in $(seq 20); do
  given record -o "quiet-$i.json" -- "$programs/hostile" quiet 200 >/dev/null 2>"quiet-$i.err" &
  quiet+=($!)
done
for i in $(seq 20); do
  wait "${quiet[$((i - 1))]}"
  same "quiet $i goes on beside them" 0 $? "quiet-$i.err"
done
for name in flood stuck; do
  [ -z "${!name}" ] || same "$name: goes on as well" 0 "$(kill -0 "${!name}" 2>&1; echo $?)"
done
touch let-go
wait "$flood"
same "flood: exit status" 0 $? flood.err
if [ -n "$stuck" ]; then
  until_true stuck_waits || fail "stuck: it did not last"
  stuck_end
  wait "$stuck"
  same "stuck: exit status" 137 $? stuck.err
fi
for name in flood quiet-1 quiet-20; do
  has "$name: its ledger" "$name.err" "dropped 0"
done

# ---- limits of one user ----
# Launchers end when they have their results; their sessions may be counted for a moment longer.
none_is_alive() { limited "$callgate" status --control control.sock | grep -qw '0 alive'; }
until_true none_is_alive || fail "sessions do not end" service.err
for i in $(seq 45); do
  given record -o "many-$i.json" -- sh -c 'touch "$1/in-$2"; until [ -e "$1/out" ]; do sleep 0.05; done' sh "$work" "$i" \
    >/dev/null 2>"many-$i.err" &
done
settled() { [ $(($(ls in-* 2>/dev/null | wc -l) + $(cat many-*.err | grep -c 'limits')))  -ge 45 ]; }
until_true settled || fail "sessions beyond the limit: neither in nor refused"
same "as many sessions as the limit says" 40 "$(ls in-* | wc -l)"
touch out
for job in $(jobs -p); do [ "$job" = "$service_pid" ] || wait "$job"; done
has "the others are told why" <(cat many-*.err) "as many sessions as its limits allow"
given record -o after.json -- true 2>err
same "there is room again" 0 $? err

# ---- sockets ----
same "the agent socket is its owner's" 600 "$(stat -c %a agent.sock)"
printf 'half' | limited python3 -c '
import socket, sys, struct
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.send(struct.pack("<I", 1 << 30)); print(s.recv(100))' agent.sock >out
has "a frame of a gigabyte ends its connection" out "b''"
if [ "$(id -u)" -eq 0 ]; then
  chmod 666 agent.sock
  as_stranger record -o /dev/null --supervisor "$work/agent.sock" -- true 2>err
  same "a stranger is turned away, whatever the mode of the socket" 125 $? err
  has "the service says so" service.err "who may not hand over sessions"
fi
limited "$bin/callgated" --config service.yaml 2>err
same "a second one" 125 $? err
has "a second one is told" err "another service listens at"
given record -o after.json -- true 2>err
same "the first one goes on" 0 $? err

# ---- configuration ----
echo 'nonsense: 1' >>service.yaml
kill -HUP "$service_pid"
until_true grep -q "the old configuration stays in force" service.err || fail "a wrong configuration is not told" service.err
sed -i '/nonsense/d' service.yaml
kill -HUP "$service_pid"
until_true grep -q "configuration read" service.err || fail "a right configuration is not told" service.err
limited "$bin/callgated" --config missing.yaml 2>err
same "a configuration that is not there" 2 $? err
has "it is named" err "missing.yaml"

# ---- the end ----
given record -o end.json -- sh -c 'echo $$ >pid; touch up; while true; do sleep 0.05; done' >/dev/null 2>end.err &
last=$!
until_true test -e up || fail "the last program does not start" end.err
service_stop
has "sessions that end with it are announced" service.err "notified calls fail with ENOSYS"
# A shell whose wait4(2) fails may ask for ever.
kill -KILL "$(cat pid)" 2>/dev/null
wait "$last"
has "a launcher is told" end.err "the session was closed while programs were running"
finish
