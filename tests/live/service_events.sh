#!/usr/bin/env bash
# What the service saw, in files: nothing is lost over rotations, a full disk, a kill and a restart; what was counted is
# what strace counts.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"
need python3 strace

# Sums over event files, as printed by callgate events --json.
cat >sums.py <<'P'
import collections, json, sys
rows, ledgers, names = collections.Counter(), {}, collections.Counter()
total = None
for line in open(sys.argv[1]):
    item = json.loads(line)
    if "syscall_name" in item:
        rows[item["session"]] += item["count"]
        if sys.argv[2:] and item["session"] == int(sys.argv[2]):
            names[item["syscall_name"]] += item["count"]
    elif "session" in item:
        ledgers[item["session"]] = item["ledger"]
    else:
        total = item["ledger"]
if sys.argv[2:]:
    for name in sorted(names):
        print(names[name], name)
    sys.exit()
for session, ledger in sorted(ledgers.items()):
    if rows[session] != ledger["recorded"] or ledger["recorded"] + ledger["dropped"] != ledger["received"]:
        print("session", session, "rows", rows[session], "ledger", ledger)
if total is None or total["received"] != sum(rows.values()) or total["unwritten"] or total["dropped"]:
    print("rows", sum(rows.values()), "ledger", total)
print(len(ledgers), "sessions ended,", len(rows), "seen")
P

mkdir events
service_config <<Y
keeper: none
events:
  interval: 100ms
  outlets:
    - file: { name: small, path: "$work/events/calls.events", rotate: { size: 8K, count: 1000 } }
    - file: { name: json, path: "$work/calls.json", format: json }
Y
service_start
given() { limited "$callgate" "$1" --supervisor agent.sock "${@:2}"; }

# ---- rotation under load ----
pids=()
for i in $(seq 8); do
  given record -o "load-$i.json" -- sh -c 'for i in 1 2 3 4 5 6; do ls / >/dev/null; mkdir "d-$1"; rmdir "d-$1"; done' sh "$i" \
    >/dev/null 2>"load-$i.err" &
  pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid" || fail "a program did not end well" "load-1.err"; done
given record -o loop.json -- "$programs/call" getppid getppid getppid getpid getuid getuid >/dev/null 2>loop.err
same "a program that calls one by one" 0 $? loop.err
service_stop
limited "$callgate" events --json events >all.json 2>err
same "all rotated files together: exit status" 0 $? err
same "all rotated files together: what is wrong" "9 sessions ended, 9 seen" "$(python3 sums.py all.json)"
for file in events/calls.events*; do
  limited "$callgate" events "$file" >/dev/null 2>err
  same "$file alone is whole" 0 $? err
  if [ "$(stat -c %s "$file")" -le 8192 ]; then pass; else fail "$file is larger than it may be"; fi
done
if [ "$(ls events | wc -l)" -gt 4 ]; then pass; else fail "there was hardly a rotation"; fi
same "modes" 640 "$(stat -c %a events/calls.events)"
same "JSON lines hold the same" "9 sessions ended, 9 seen" "$(python3 sums.py calls.json)"

# ---- what strace counts ----
# Of what a recording leaves in the kernel, and of execve, which strace itself makes, strace knows more.
limited strace -f -qq -o trace "$programs/call" getppid getppid getppid getpid getuid getuid >/dev/null 2>err
sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' trace | sort | uniq -c | awk '{ print $1, $2 }' >strace.counts
session=$(python3 - <<'P'
import json
for line in open("all.json"):
    item = json.loads(line)
    if "labels" in item and "getppid" in item["labels"].get("command", ""):
        print(item["session"])
        break
P
)
python3 sums.py all.json "$session" >our.counts
for name in getppid getpid getuid brk mmap write openat; do
  same "calls of $name, counted as strace does" "$(grep " $name\$" strace.counts)" "$(grep " $name\$" our.counts)" our.counts
done
limited "$callgate" profile from-events -o union.json --evidence why.json events 2>err
same "from-events over all files" 0 $? err
has "from-events: what it holds" union.json '"getppid"'
has "from-events: the node is in the evidence" why.json '"nodes_count": 1'

# ---- killed in the middle ----
rm -rf events/*
service_config <<Y
keeper: none
events:
  interval: 100ms
  outlets: [{ file: { path: "$work/events/calls.events" } }]
Y
service_start
given record -o killed.json -- sh -c 'echo $$ >pid; touch ready; while true; do sleep 0.05; done' >/dev/null 2>killed.err &
held=$!
until_true test -e ready || fail "the program does not begin" killed.err
written() { limited "$callgate" events events/calls.events 2>/dev/null | grep -q ' touch'; }
until_true written || fail "nothing is written" service.err
for what in events events/calls.events; do
  limited "$callgate" events $what >out 2>err
  same "while it is written, $what: no damage" 0 $? err
  has "while it is written, $what: said" err "events/calls.events: still being written"
  has "while it is written, $what: what is there" out " touch"
done
limited "$callgate" events - <events/calls.events >/dev/null 2>err
same "while it is written, by standard input: no damage" 0 $? err
limited "$callgate" profile from-events -o now.json events >/dev/null 2>err
same "while it is written, from-events: no damage" 0 $? err
head -c -1 events/calls.events >part.events
limited "$callgate" events part.events events >/dev/null 2>err
same "a part of it is cut short" 4 $? err
has "a part of it is cut short: said" err "part.events: cut short"
kill -KILL "$service_pid"
wait "$service_pid"
# Hardly a call of it does what it should any more; of itself it would not end.
kill -KILL "$(cat pid)" 2>/dev/null
limited "$callgate" events events/calls.events >out 2>err
same "after a kill: cut short" 4 $? err
has "after a kill: said" err "cut short"
has "after a kill: what was written is there" out " touch"
service_start
# Its launcher looks for a service that knows of it: this one does not.
wait "$held"
given record -o after.json -- true >/dev/null 2>err
service_stop
limited "$callgate" events events/calls.events.1 >again 2>err
same_file "after a restart: the old file is as it was" out again
limited "$callgate" events events/calls.events >out 2>err
same "after a restart: the new file is whole" 0 $? err

# ---- a full disk ----
full_disk() {
  mkdir small && mount -t tmpfs -o size=64k none small 2>/dev/null
}
if is_root && full_disk; then
  trap 'umount -l "$work/small" 2>/dev/null; cleanup' EXIT
  service_config <<Y
keeper: none
events:
  interval: 100ms
  outlets:
    - file: { path: "$work/small/calls.events" }
    - file: { path: "$work/events/large.events" }
Y
  head -c 64k /dev/zero >small/ballast 2>/dev/null
  service_start
  until_true grep -q "small/calls.events" service.err || fail "a full disk: it is not said at the beginning" service.err
  given record -o full.json -- ls / >/dev/null 2>err
  same "a full disk: programs do not notice" 0 $? err
  rm small/ballast
  until_true grep -q "works again" service.err || fail "a full disk: it does not go on" service.err
  service_stop
  limited "$callgate" events --json small/calls.events >small.json 2>err
  same "a disk with room again: the file is whole" 0 $? err
  limited "$callgate" events --json events/large.events >large.json 2>err
  same "both outlets have the same" "$(python3 sums.py large.json)" "$(python3 sums.py small.json)"
  umount small
fi

# ---- a task that makes its session wait holds up nobody's events ----
if is_root; then
  service_config <<Y
keeper: none
events: { interval: 100ms, outlets: [{ file: { path: "$work/events/stuck.events" } }] }
Y
  service_start
  given record -o stuck.json -- "$programs/hostile" stuck "$work/is-stuck" >stuck.out 2>stuck.err &
  stuck=$!
  until_true eval 'test -e is-stuck || ! kill -0 "$stuck" 2>/dev/null' || fail "stuck: it does not begin" stuck.err
  if [ -e is-stuck ]; then
    until_true stuck_waits || fail "stuck: nobody waits for it" stuck.err
    given record -o beside.json -- mkdir beside >/dev/null 2>err
    same "beside a stuck session: another ends" 0 $? err
    told() { limited "$callgate" events events/stuck.events 2>/dev/null | grep -q '"beside"'; }
    if until_true told; then pass; else fail "beside a stuck session: events are not published" service.err; fi
    stuck_end
  fi
  wait "$stuck"
  service_stop
fi

finish
