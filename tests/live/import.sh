#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Traces that strace makes here and now, with many of its options, become profiles that work: the names are those
# that the trace holds, the program runs under the profile as without, and what no trace used can be taken away.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need strace /usr/bin/python3
strace -o /dev/null true 2>/dev/null || skip "strace may not trace here"
python() { /usr/bin/python3 -E "$@"; }

cat >job.sh <<'S'
mkdir made && ls -d made | cat && rmdir made
exit 33
S
job() { limited "$@" sh job.sh; }
imported() { # names in an event file
  "$callgate" events --json "$1" | python -c 'import json, sys
names = {json.loads(line).get("syscall_name") for line in sys.stdin} - {None}
print(" ".join(sorted(names)))'
}

# ---- one trace, read by a few lines of Python ----
job strace -f -o plain.trace >/dev/null 2>&1
same "the job itself" 33 $?
cat >names.py <<'S'
import re, sys
names = set()
for line in open(sys.argv[1], errors="replace"):
    found = re.match(r"\d+\s+(?:<\.\.\. )?([a-z_0-9]+)(?:\(| resumed>)", line)
    if found:
        names.add(found.group(1))
print(" ".join(sorted(names)))
S
"$callgate" import strace -o plain.events plain.trace 2>err
same "import strace: exit status" 0 $?
has_not "import strace: every line is understood" err "skipped"
same "import strace: the names of the trace" "$(python names.py plain.trace)" "$(imported plain.events)"

# ---- every form of trace gives a profile under which the job runs ----
check() { # what trace…
  local what=$1
  shift
  "$callgate" import strace "$@" 2>err | "$callgate" profile from-events -o form.json 2>>err
  same "$what: import and from-events" "0 0" "${PIPESTATUS[*]}"
  limited "$callgate" verify -q form.json -- sh job.sh >out 2>&1
  same "$what: the job runs under the profile" 0 $?
  [ "$n_failures" -eq 0 ] || cat err out
}
n=0
for options in '-f' '-f -tt -T' '-f -ttt -y' '-f -r -yy' '-f -t -Y' '-f -X raw' '-f -X verbose' '-f -n' '-f -i' '-f -v -s 64' \
  '-f -xx' '-f -qq' '-f -c' '-f -C' '-f -c -S name' '-f -a 60' '-f -e inject=mkdir:delay_exit=10'; do
  n=$((n + 1))
  # shellcheck disable=SC2086
  job strace $options -o "form$n.trace" >/dev/null 2>form.err
  [ -s "form$n.trace" ] || { echo "this strace does not know $options"; continue; }
  check "strace $options" "form$n.trace"
done
job strace -ff -o each >/dev/null 2>&1
check "strace -ff" each.*
job strace -f >mixed.trace 2>&1
check "strace -f, with the job's own output among the lines" mixed.trace
check "standard input" - <plain.trace

# ---- arguments ----
limited strace -f -o args.trace "$programs/call" socket,1,1,0 personality,0xffffffff >/dev/null 2>&1
"$callgate" import strace args.trace 2>/dev/null | "$callgate" profile from-events --args -o args.json 2>err
limited "$callgate" verify -q args.json -- "$programs/call" socket,1,1,0 personality,0xffffffff >out 2>&1
same "--args: what was traced is allowed" 0 $?
same "--args: what was not is refused" "socket: -1 errno 1 (Operation not permitted)" \
  "$(limited "$callgate" run -q --profile args.json -- "$programs/call" socket,2,1,0 2>/dev/null)"

# ---- 32-bit programs ----
if [ -x "$programs/calls32" ] && "$programs/calls32" >/dev/null 2>&1; then
  for options in '-f' '-f -qq' '-f -n' '-f -c'; do
    # shellcheck disable=SC2086
    limited strace $options -o narrow.trace "$programs/calls32" >/dev/null 2>&1
    "$callgate" import strace narrow.trace 2>err | "$callgate" profile from-events -o narrow.json 2>>err
    limited "$callgate" verify -q narrow.json -- "$programs/calls32" >out 2>&1
    same "strace $options of a 32-bit program: it runs under the profile" 0 $?
  done
fi

# ---- replay and tighten ----
"$callgate" profile replay form.json plain.events >out 2>err
same "replay: everything recorded is allowed" 0 $?
python - <<'S'
import json
p = json.load(open("form.json"))
for rule in p["syscalls"]:
    rule["names"] = [n for n in rule["names"] if n not in ("mkdir", "mkdirat")]
json.dump(p, open("strict.json", "w"))
S
"$callgate" profile replay strict.json plain.events >out 2>err
same "replay: something would be refused" 3 $?
has "replay: what it is" out "mkdir"
has "replay: by which rule" out "defaultAction"
"$callgate" profile replay --json strict.json - <plain.events >out 2>err
same "replay --json" 3 $?
python -c 'import json; json.load(open("out"))' 2>err
same "replay --json: a document" 0 $?

python - <<'S'
import json
p = json.load(open("form.json"))
p["syscalls"].append({"names": ["mount", "reboot", "epoll_wait", "kexec_load"], "action": "SCMP_ACT_ALLOW"})
json.dump(p, open("wide.json", "w"))
S
"$callgate" profile tighten wide.json -o tight.json --keep 'epoll_*' plain.events 2>err
same "tighten" 0 $?
has "tighten: says what went" err "mount reboot kexec_load"
has_not "tighten: what is kept does not go" err "epoll_wait"
limited "$callgate" verify -q tight.json -- sh job.sh >out 2>&1
same "tighten: the job runs under the result" 0 $?
"$callgate" profile tighten wide.json -o piped.json --keep 'epoll_*' <plain.events 2>err
same "tighten: events on standard input" 0 $?
same_file "tighten: the same from a pipe" tight.json piped.json
"$callgate" profile tighten tight.json -o again.json --keep 'epoll_*' plain.events 2>err
same_file "tighten: a second time changes nothing" tight.json again.json
head -c 3000 plain.events >cut.events
"$callgate" profile tighten wide.json -o cut.json cut.events 2>err
same "tighten: refuses a recording that was cut" 4 $?
absent "tighten: and writes nothing" cut.json

# ---- many recordings in any order ----
for i in 1 2 3 4 5; do cp plain.events "copy$i.events"; done
"$callgate" import strace -o args.events args.trace 2>/dev/null
"$callgate" profile from-events -o one.json plain.events args.events 2>err
"$callgate" profile from-events -o other.json copy3.events args.events copy1.events - <plain.events 2>err
same_file "from-events: order and repetition do not matter" one.json other.json
expect_no_half_files "import" .
finish
