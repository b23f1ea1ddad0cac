#!/usr/bin/env bash
# The control socket of the service: every verb of callgate that uses it, the examples in Python, and peers that
# misbehave, while programs that were handed over run.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"
need python3
python3 -c 'import msgpack' 2>/dev/null || skip "python3-msgpack is not installed"

echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30 }] }' >nodirs.json
service_config <<Y
keeper: none
events: { interval: 1s }
Y
service_start
socket=$work/control.sock
ask() { limited "$callgate" "$@" --control "$socket" >out 2>err; }
json() { python3 -c 'import json, sys; print(eval(sys.argv[1], {"j": json.load(open("out"))}))' "$1"; }
field() { ask sessions "$1" --json && json "j[\"$2\"]"; }

# A program that waits for files, handed over: $1 its name, then options of callgate.
program() {
  local name=$1
  shift
  # shellcheck disable=SC2016
  "$callgate" "$@" --supervisor agent.sock -- sh -c 'cd "$0" && touch "$1.up"
until [ -e "$1.step" ]; do sleep 0.05; done; mkdir "$1.made"; touch "$1.did"; until [ -e "$1.down" ]; do sleep 0.05; done; exit 7' \
    "$work" "$name" >"$name.out" 2>"$name.err" &
  until_true test -e "$name.up" || fail "$name: it does not start" "$name.err"
}

# ---- nobody there, nobody at home ----
limited "$callgate" status --control "$work/nowhere.sock" 2>err
same "no service: exit status" 2 $? err
has "no service: what to do" err "no callgated service at $work/nowhere.sock: start it with"
limited "$callgate" status --control agent.sock 2>err
same "another socket: exit status" 125 $? err
ask sessions
same "no sessions: exit status" 0 $? err
has "no sessions: is said" err "no session"
for verb in status sessions events snapshot reload drain; do
  limited "$callgate" $verb --help >out
  has "$verb --help: an example" out "example: callgate $verb"
  has "$verb --help: the exit status" <(tr E e <out) "exit"
done

# ---- following ----
# Whoever is started in the background of a script ignores interrupts; a person's shell does not.
env --default-signal=INT "$callgate" events -f --control "$socket" >follow.out 2>follow.err &
follow=$!
"$callgate" events -f --json --refused --session 2 --control "$socket" >refused.out 2>refused.err &
refused=$!
"$live/../../examples/control/refused.py" "$socket" 'command=*two*' >python.out 2>python.err &
python=$!
until_true grep -q K8S.PODNAME follow.out || fail "follow: no heading" follow.err
# What happens before somebody listens is not told to him: the three, and who asks.
all_are_there() { [ "$(ask status --json && json 'j["connections"]')" = 4 ]; }
until_true all_are_there || fail "following: not all are there" out follow.err refused.err python.err

# ---- sessions ----
program one record -o one.json
one=$!
program two dry-run --profile nodirs.json -o two.report
two=$!
ask sessions
same "sessions: exit status" 0 $? err
same "sessions: heading" "NUMBER MODE PROFILE COMMAND CALLS REFUSED LOST SINCE" "$(head -1 out | tr -s ' ' | sed 's/^ //')"
same "sessions: numbers and modes" "1 record 2 dry-run" "$(sed 1d out | awk '{print $1, $2}' | xargs)"
COLUMNS=60 ask sessions
same "sessions: as narrow as asked" 60 "$(LC_ALL=C.UTF-8 wc -L <out)" out
ask sessions --json
same "sessions --json" "[1, 2]" "$(json '[s["session"] for s in j]')"
ask sessions --label 'command=*two*' --json
same "sessions by label" "[2]" "$(json '[s["session"] for s in j]')"
ask sessions --pod none
has "sessions by a label that none has" err "no session fits"
ask sessions 1
has "one session: its labels" out "  command = sh -c"
has "one session: its ledger" out "ledger: received"
ask sessions 3
same "no such session: exit status" 2 $? err
has "no such session: is said" err "there is no session 3"
same "python: sessions" "1 record 2 dry-run" "$("$live/../../examples/control/sessions.py" "$socket" | cut -d' ' -f1,2 | xargs)"

# ---- snapshots of what is going on ----
ask snapshot 1 -o first.json --evidence first.evidence --events first.events
same "snapshot: exit status" 0 $? err
has "snapshot: it goes on" err "the session goes on"
has "snapshot: has the program" first.json '"execve"'
has_not "snapshot: does not have what comes later" first.json '"mkdir"'
has "snapshot: evidence" first.evidence '"reasons"'
limited "$callgate" profile from-events -o again.json first.events 2>err
same_file "snapshot: the events make the same profile" first.json again.json
ask snapshot 1
same "snapshot of a recording without -o" 2 $? err
ask snapshot 2
has "snapshot of a dry run: nothing yet" out "nothing would have been refused"
touch one.step two.step
until_true test -e one.did -a -e two.did || fail "the programs do not go on" one.err two.err
# A call is answered first, and recorded then.
was_refused() { [ "$(field 2 refused)" = 1 ]; }
until_true was_refused || fail "the refused call is not counted" out err
ask snapshot 1 -o second.yaml --format spo
has "snapshot: has what came since" second.yaml "mkdir"
has "snapshot as a resource" second.yaml "kind: SeccompProfile"
ask snapshot 2
has "snapshot of a dry run: what would have been refused" out "SECCOMP_RET_ERRNO(EROFS) mkdir"
ask snapshot 2 --json --fix fix.json
same "snapshot of a dry run as JSON" "['mkdir']" "$(json 'j["allow"]')"
has "snapshot of a dry run: the rule that would allow it" fix.json '"mkdir"'
ask snapshot 2 -o x.json --args
same "snapshot of a dry run as a profile: exit status" 2 $? err
has "snapshot of a dry run as a profile: what to do" err "--base"
ask snapshot 2 -o wider.json --base nodirs.json
same "snapshot of a dry run over its profile" 0 $? err
limited "$callgate" profile simulate wider.json mkdir >out 2>&1
has "snapshot of a dry run over its profile: allows it" out "ALLOW"
ask sessions 2
has "sessions: refusals are counted" out "1 of them would have been refused"

# ---- modes ----
ask sessions 2 --mode enforce
same "enforce: exit status" 0 $? err
ask sessions 2 --mode record --json
same "record: the mode" "record None" "$(json 'j["mode"] + " " + str(j["profile"])')"
ask sessions 2 --mode dry-run --profile nodirs.json --json
same "dry-run: the profile" "$work/nodirs.json" "$(json 'j["profile"]')"
ask sessions 2 --mode dry-run --profile "$work/nowhere.json"
same "a profile that is not there: exit status" 2 $? err
ask sessions 2 --mode watch
has "a mode that there is not" err "'watch' is not a mode: record, dry-run, enforce or policy"
ask sessions --mode record
same "a change of no session: exit status" 2 $? err

# ---- misbehaving peers ----
limited python3 "$live/service_peers.py" "$socket" hostile >out 2>err
same "hostile peers" "done" "$(cat out)" err
if [ "$(id -u)" -eq 0 ]; then
  chmod 666 "$socket"
  limited "${stranger[@]}" python3 - "$socket" stranger <"$live/service_peers.py" >out 2>err
  has "a stranger is told" out "this user may not control the service"
  as_stranger status --control "$socket" 2>err
  same "a stranger's callgate: exit status" 2 $? err
  has "a stranger's callgate is told" err "may not control"
fi
# More than the service keeps for one subscriber (RPC_FEED_MAX) and the kernel for one socket.
many=$((50000 + $(cat /proc/sys/net/core/wmem_default 2>/dev/null || echo 212992) / 100))
python3 "$live/service_peers.py" "$socket" greedy "$work/read-now" $many >greedy.out 2>greedy.err &
greedy=$!
until_true grep -q subscription greedy.out || fail "greedy: no subscription" greedy.err
limited "$callgate" record -o greedy.json --supervisor agent.sock -- "$programs/hostile" quiet $many >/dev/null 2>err
same "a program beside a subscriber that does not read" 0 $? err
ask status
same "the service beside a subscriber that does not read" 0 $? err
touch read-now
wait "$greedy"
same "greedy: exit status" 0 $? greedy.err
same "a subscriber that does not read loses, and is told how much" True \
  "$(tail -1 greedy.out | python3 -c 'import sys; e, l = map(int, input().split()); print(l > 0 and e > 0 and e + l >= int(sys.argv[1]))' $many)" greedy.out greedy.err

# ---- what was followed ----
until_true grep -q '"mkdir"' refused.out || fail "follow --refused: nothing" refused.err
same "follow --refused: only that, of that session" "2 mkdir" "$(python3 -c 'import json
for line in open("refused.out").readlines():
    event = json.loads(line)
    if "syscall_name" in event: print(event["session"], event["syscall_name"])' | sort -u | xargs)"
until_true grep -q mkdir python.out || fail "python: no refusal" python.err
same "python: the refusal" "2 mkdir mkdir SECCOMP_RET_ERRNO(EROFS) 1" "$(head -1 python.out)"
until_true grep -q 'mkdir ' follow.out || fail "follow: nothing" follow.err
kill -INT "$follow"
wait "$follow"
same "follow, interrupted: exit status" 130 $? follow.err
same "follow, interrupted: says nothing" "" "$(cat follow.err)"

# ---- ends ----
touch one.down
wait "$one"
same "the first program: exit status" 7 $? one.err
ended() { [ "$(field "$1" ended_ns)" != None ]; }
until_true ended 1 || fail "the first program: its session does not end" err
ask sessions
has_not "sessions: ended ones are not shown" out " record "
ask sessions -a
has "sessions -a: they are" out "record (ended)"
ask snapshot 1 -o last.json
same_file "the last snapshot is what record made" one.json last.json
ask sessions 1 --mode record
has "an ended session stays as it is" err "session 1 has ended"
ask sessions 2 --end
same "--end: exit status" 0 $? err
until_true ended 2 || fail "--end: it does not end" err
touch two.down
wait "$two"

# ---- the service itself ----
ask status
has "status: version" out "callgated $("$callgate" --version | cut -d' ' -f2)"
has "status: sessions" out "0 alive, 3 ended and kept, 3 ever"
has "status: outlets" out "OUTLET"
ask status --json
same "status --json" "$work/service.yaml" "$(json 'j["config"]')"
ask reload
same "reload: exit status" 0 $? err
has "reload: says so" out "service: reloaded"
echo 'nonsense: 1' >>service.yaml
ask reload
same "reload of a broken configuration: exit status" 1 $? err
has "reload of a broken configuration: what is wrong" out "nonsense"
has "reload of a broken configuration: what holds" out "the old configuration stays in force"
sed -i '$d' service.yaml
ask reload --session 1
same "reload of a session without a policy" 2 $? err

# ---- followers outlast the service ----
service_stop
until_true grep -q "is gone; waiting" refused.err || fail "follow: the end is not told" refused.err
service_start
until_true grep -q "the service is back" refused.err || fail "follow: does not come back" refused.err
kill -TERM "$refused"
wait "$refused"
same "follow, ended: exit status" 143 $? refused.err
wait "$python"
same "python: ends with the service" 0 $? python.err

# ---- drain ----
program three record -o three.json
three=$!
ask drain
same "drain: exit status" 0 $? err
has "drain: who is left" out "1 are alive"
limited "$callgate" record -o x.json --supervisor agent.sock -- true 2>err
same "drain: nobody else is taken" 125 $? err
touch three.step three.down
wait "$three"
same "drain: the last one is served to its end" 7 $? three.err
rc=0
wait "$service_pid" || rc=$?
same "drain: then the service ends" 0 "$rc" service.err
finish
