#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a dry run prints: counts equal to strace's, paths and arguments as strace shows them, every occurrence with
# --all and --events, the rule to paste with --fix, and the documented exit statuses.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need strace /usr/bin/python3 tar

oracle() { /usr/bin/python3 -E "$live/oracle.py" "$@"; }
python() { /usr/bin/python3 -E "$@"; }

# A program that does the same in every run.
mkdir -p tree/sub
for i in $(seq 30); do echo "$i" >"tree/sub/file $i"; done
ln -s 'sub/file 1' tree/link
printf 'x' >"$(printf 'tree/odd \001\033[31m\n"name"')"
command=(/bin/tar --sort=name -cf out.tar tree)

# ---- counts and arguments ----
limited strace -f -qq -n -e raw=all -e signal=none -o trace.raw "${command[@]}" </dev/null
for profile in violation strict fine container audit; do
  limited "$callgate" dry-run --profile "$profiles/$profile.json" --json -o report --events events -- "${command[@]}" 2>err </dev/null
  same "$profile: exit status" 0 $?
  oracle counts "$profiles/$profile.json" --strace trace.raw --report report >counts 2>&1
  same "$profile: counts equal strace's" "0" "$?$(cat counts)"
done

# Paths as strace decodes them, in the order of the calls.
limited strace -qq -s 4096 -e trace=openat,readlinkat,unlinkat,execve -e signal=none -o trace.text "${command[@]}" </dev/null
limited "$callgate" dry-run --profile "$profiles/violation.json" --events events -o report -- "${command[@]}" </dev/null
limited "$callgate" events events --json >events.json 2>err
same "events --json: exit status" 0 $?
python - >paths.out 2>&1 <<'S'
import json, re
# A path is the first string of a line; both sides escape what is not printable, each in its own way.
def plain(text):
    text = re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)), text)
    text = re.sub(r"\\([0-7]{1,3})", lambda m: chr(int(m.group(1), 8)), text)
    return text.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"').replace("\\\\", "\\")
string = re.compile(r'"((?:[^"\\]|\\.)*)"')
strace = []
for line in open("trace.text"):
    match = re.match(r"(\w+)\((.*)", line)
    if match:
        strace.append((match.group(1), plain(string.search(match.group(2)).group(1))))
ours = []
for line in open("events.json"):
    event = json.loads(line)
    if event.get("syscall_name") in ("openat", "readlinkat", "unlinkat", "execve"):
        ours.append((event["syscall_name"], plain(string.search(event["detail"]).group(1))))
if strace != ours:
    for a, b in zip(strace + [None] * 99, ours):
        if a != b:
            print("strace %r, callgate %r" % (a, b))
            break
    print("strace %d calls, callgate %d" % (len(strace), len(ours)))
elif len(ours) < 30:
    print("only %d calls" % len(ours))
S
same "paths equal strace's, in order" "" "$(cat paths.out)"
# Not one control character reaches a terminal or a file of text.
limited "$callgate" dry-run --profile "$profiles/violation.json" --all -- "${command[@]}" 2>err </dev/null
if LC_ALL=C grep -q $'[\001-\010\016-\037\177]' err; then fail "control characters are printed"; else pass; fi
limited "$callgate" events events >out.text 2>&1
if LC_ALL=C grep -q $'[\001-\010\016-\037\177]' out.text; then fail "control characters are printed by events"; else pass; fi

# ---- every occurrence ----
limited "$callgate" dry-run --profile "$profiles/violation.json" --json --events events -o report.json -- "${command[@]}" 2>err </dev/null
n=$(python -c 'import json; print(json.load(open("report.json"))["ledger"]["received"])')
limited "$callgate" events events --json 2>/dev/null | grep -c '"syscall_raw"' >out.text
same "--events has every occurrence" "$n" "$(cat out.text)"
limited "$callgate" dry-run --profile "$profiles/violation.json" --all -o report -- "${command[@]}" 2>err </dev/null
same "--all prints every occurrence" "$n" "$(grep -c 'SECCOMP_RET_ERRNO(EPERM)' err)"
limited "$callgate" dry-run --profile "$profiles/violation.json" --all --json -o report -- "${command[@]}" 2>err </dev/null
python -c 'import json, sys
n = 0
for line in open("err"):
    if json.loads(line)["verdict"] != "SECCOMP_RET_ERRNO(EPERM)": sys.exit(1)
    n += 1
print(n)' >out.text 2>&1
same "--all --json prints one object per occurrence" "$n" "$(cat out.text)"

# ---- the rows ----
limited "$callgate" dry-run --profile "$profiles/strict.json" -- sh -c 'chmod 600 tree/link; exit 0' 2>err </dev/null
has "a killing rule is shown as such" err "SECCOMP_RET_KILL_PROCESS"
has "the rule that decided is named" err "syscalls[2]"
has "the program is named" err "chmod"
if grep -qiE 'not have survived|would have (been )?killed' err; then pass; else fail "the sentence does not say that it would have been killed" err; fi
limited "$callgate" dry-run --profile "$profiles/audit.json" --json -o report -- true 2>err
python -c 'import json, sys
d = json.load(open("report"))
sys.exit(not (d["outcome"] == "clean" and d["violations"] == 0 and len(d["rows"]) > 5 and {r["code"] for r in d["rows"]} == {"SECCOMP_RET_LOG"}))'
same "logging is shown, but no refusal" 0 $?

# ---- exit statuses ----
limited "$callgate" dry-run --profile "$profiles/violation.json" --fail-on-violation -o report -- sh -c 'exit 9' 2>err
same "--fail-on-violation with violations" 3 $?
limited "$callgate" dry-run --profile "$profiles/audit.json" --fail-on-violation -o report -- sh -c 'exit 9' 2>err
same "--fail-on-violation without violations" 9 $?

# ---- --fix: what it says to paste makes the next dry run clean ----
for profile in violation fine container; do
  limited "$callgate" dry-run --profile "$profiles/$profile.json" --fix fix.json -o report -- "${command[@]}" 2>err </dev/null
  python - "$profiles/$profile.json" <<'S' 2>err.python
import json, sys
profile, fix = json.load(open(sys.argv[1])), json.load(open("fix.json"))
profile.setdefault("syscalls", []).append(fix)
json.dump(profile, open("fixed.json", "w"))
S
  limited "$callgate" dry-run --profile fixed.json --json -o report.json -- "${command[@]}" 2>err </dev/null
  python -c 'import json, sys
d = json.load(open("report.json"))
print(d["sentence"])
sys.exit(d["violations"] != 0)' >out.text
  same "$profile, --fix pasted: nothing is refused" 0 $?
  limited "$callgate" verify fixed.json -- "${command[@]}" >out.text 2>&1 </dev/null
  same "$profile, --fix pasted: verify" 0 $?
done

# ---- a profile from standard input; the result on standard output ----
limited "$callgate" dry-run --profile - --json -o - -- true <"$profiles/violation.json" >out.text 2>err
python -c 'import json; json.load(open("out.text"))' 2>/dev/null
same "profile from standard input, result to standard output" 0 $?
limited "$callgate" dry-run --profile "$profiles/violation.json" -o /dev/stdout -- true 2>err | cat >out.text
has "result to /dev/stdout" out.text "ledger"

finish
