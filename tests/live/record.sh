#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a recording writes: the same file for the same run, conditions where they matter, bases and merges that
# grow no more than they must, evidence that adds up, and calls without a name that are not lost.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need /usr/bin/python3
python() { /usr/bin/python3 -E "$@"; }
allowed() { python -c 'import json, sys
print(" ".join(sorted({n for r in json.load(open(sys.argv[1]))["syscalls"] if r["action"] == "SCMP_ACT_ALLOW" for n in r["names"]})))' "$1"; }

# ---- stable output ----
for args in '' --args; do
  for i in 1 2 3; do
    # shellcheck disable=SC2086
    limited "$callgate" record $args -o "stable$i.json" -- sh -c 'ls /proc/self >/dev/null; exit 3' 2>err </dev/null
    same "record $args: exit status" 3 $?
  done
  same_file "record $args: equal runs, equal files" stable1.json stable2.json
  same_file "record $args: equal runs, equal files" stable1.json stable3.json
done
python - <<'S' >out.text 2>&1
import json
p = json.load(open("stable1.json"))
assert p["defaultAction"] == "SCMP_ACT_ERRNO" and p["defaultErrnoRet"] == 1, "default"
for rule in p["syscalls"]:
    assert rule["names"] == sorted(rule["names"]), "order of names"
unused = {n: r for r in p["syscalls"] if r["action"] == "SCMP_ACT_ERRNO" for n in r["names"]}
assert unused["clone3"]["errnoRet"] == 38, "clone3"
assert set(p["architectures"]) >= {"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}, "architectures"
S
same "the form of a recorded profile" "" "$(tail -n 1 out.text)"

# ---- conditions ----
limited "$callgate" record --args -o args.json -- "$programs/call" socket,1,1,0 personality,0xffffffff 2>err >/dev/null
limited "$callgate" verify args.json -- "$programs/call" socket,1,1,0 personality,0xffffffff >/dev/null 2>&1
same "--args: what was seen is allowed" 0 $?
for words in socket,2,1,0 socket,1,2,0 personality,0x40000; do
  # socket(2) fails with EPERM, which natively it does not.
  same "--args: $words, which was not seen, is refused" "${words%%,*}: -1 errno 1 (Operation not permitted)" \
    "$(limited "$callgate" run -q --profile args.json -- "$programs/call" "$words" 2>/dev/null)"
done
limited "$callgate" record -o plain.json -- "$programs/call" socket,1,1,0 2>err >/dev/null
same "without --args any socket is allowed" "$("$programs/call" socket,2,1,0)" \
  "$(limited "$callgate" run -q --profile plain.json -- "$programs/call" socket,2,1,0 2>/dev/null)"

# ---- --base: cheaper each round, nothing lost ----
limited "$callgate" record -o base.json -- sh -c 'exit 0' 2>err.base
first=$(grep -o 'received [0-9]*' err.base | tr -dc 0-9)
limited "$callgate" record --base base.json -o second.json -- sh -c 'exit 0' 2>err.base
second=$(grep -o 'received [0-9]*' err.base | tr -dc 0-9)
if [ "$second" -lt $((first / 4)) ]; then pass; else fail "--base: $first calls first, $second calls with what they allow as base" err.base; fi
has "--base: says that nothing was new" err.base "nothing"
same "--base: the same names" "$(allowed base.json)" "$(allowed second.json)"
limited "$callgate" record --base base.json -o third.json -- sh -c 'mkdir made && rmdir made' 2>err.base
same "--base: the program ran" 0 $?
has "--base: says what was new" err.base "mkdir"
limited "$callgate" verify third.json -- sh -c 'mkdir made && rmdir made' >/dev/null 2>&1
same "--base: the result is enough" 0 $?

# ---- --merge ----
limited "$callgate" record -o merged.json -- sh -c 'mkdir made && rmdir made' 2>err
limited "$callgate" record --merge -o merged.json -- ln -s x link 2>err
for name in mkdir rmdir symlinkat; do has "--merge: $name is in the union" merged.json "\"$name\""; done
limited "$callgate" verify merged.json -- sh -c 'mkdir made && rmdir made' >/dev/null 2>&1
same "--merge: the older part still works" 0 $?
rm -f link
cp merged.json once.json
limited "$callgate" record --merge -o merged.json -- sh -c 'mkdir made && rmdir made' 2>err
same_file "--merge of what is known changes nothing" once.json merged.json
limited "$callgate" record --merge --args -o fresh.json -- sh -c 'exit 0' 2>err
same "--merge with a file that is not there yet" 0 $?

# ---- evidence ----
limited "$callgate" record -o p.json --evidence evidence.json --events events -- sh -c 'i=0; while [ $i -lt 20 ]; do mkdir d; rmdir d; i=$((i+1)); done' 2>err
limited "$callgate" events events --json >events.json 2>/dev/null
python - <<'S' >out.text 2>&1
import json
evidence = json.load(open("evidence.json"))
counts = {}
for line in open("events.json"):
    event = json.loads(line)
    if "syscall_name" in event:
        counts[event["syscall_name"]] = counts.get(event["syscall_name"], 0) + 1
calls = {call["name"]: call for call in evidence["calls"] if "seen" in call["reasons"]}
for name, count in counts.items():
    assert calls[name]["count"] == count, "%s: %d events, evidence says %d" % (name, count, calls[name]["count"])
assert counts["mkdir"] == 20 and counts["rmdir"] == 20, "mkdir"
assert sum(counts.values()) == evidence["ledger"]["received"], "ledger"
assert '"d"' in json.dumps(calls["mkdir"]).replace('\\"', '"'), "sample"
p = json.load(open("p.json"))
allowed = {n for r in p["syscalls"] if r["action"] == "SCMP_ACT_ALLOW" for n in r["names"]}
assert allowed == {call["name"] for call in evidence["calls"]}, allowed ^ {call["name"] for call in evidence["calls"]}
S
same "evidence agrees with events and profile" "" "$(tail -n 1 out.text)"

# ---- numbers without a name are said, not lost ----
limited "$callgate" record -o p.json -- "$programs/call" 2999 2>err >out.text
same "a number nobody knows: the program sees ENOSYS" "2999: -1 errno 38 (Function not implemented)" "$(cat out.text)"
has "a number nobody knows: is warned of" err "2999"
python -c 'import json; json.load(open("p.json"))'
same "a number nobody knows: the profile is well-formed" 0 $?
limited "$callgate" dry-run --profile "$profiles/violation.json" --json -o report -- "$programs/call" 2999 2>err >/dev/null
has "a number nobody knows: is in the dry run" report '"syscall_raw":2999'
# A call newer than libseccomp has its name from our own table.
limited "$callgate" record -o p.json -- "$programs/call" 462 2>err >/dev/null # mseal
has "a call newer than libseccomp" p.json '"mseal"'

finish
