#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What goes wrong is said in a sentence, has the documented exit status, and leaves nothing behind: commands that
# cannot be executed, profiles that cannot be read, results that cannot be written.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

strict=$profiles/strict.json
mkdir outputs

# $1 sentence, $2 expected status, $3 text that must be said, rest: the command
refused() {
  local name=$1 status=$2 text=$3 got
  shift 3
  limited "$@" >out.text 2>err.text </dev/null
  got=$?
  # What a check finds is its result, not an error message.
  if [ "${2:-} ${3:-}" = "profile check" ]; then cat out.text >>err.text; : >out.text; fi
  if [ $got -ne "$status" ]; then fail "$name: exit status $got, not $status" err.text; else pass; fi
  has "$name: says why" err.text "$text"
  same "$name: nothing on standard output" "" "$(cat out.text)"
  if grep -q 'AddressSanitizer\|runtime error\|Assertion' err.text; then fail "$name: crashed" err.text; fi
  same "$name: no output is left" "" "$(find outputs -mindepth 1)"
}

# ---- commands that cannot be executed: 127 and 126, as the shell says them ----
printf '#!/no/such/interpreter\n' >bad-interpreter && chmod +x bad-interpreter
printf 'not to be executed\n' >not-executable
printf '\177ELF garbage' >bad-binary && chmod +x bad-binary
mkdir a-directory
for verb in dry-run record run; do
  case $verb in
  dry-run) prefix=("$callgate" dry-run --profile "$strict" -o outputs/report --events outputs/events --fix outputs/fix --) ;;
  record) prefix=("$callgate" record -o outputs/profile --evidence outputs/evidence --events outputs/events --) ;;
  run) prefix=("$callgate" run --profile "$strict" --events outputs/events --) ;;
  esac
  refused "$verb: no such command" 127 no-such-command "${prefix[@]}" no-such-command
  refused "$verb: no such path" 127 ./nothing "${prefix[@]}" ./nothing
  refused "$verb: empty name" 127 "" "${prefix[@]}" ""
  refused "$verb: bad interpreter" 127 bad-interpreter "${prefix[@]}" ./bad-interpreter
  refused "$verb: not executable" 126 not-executable "${prefix[@]}" ./not-executable
  refused "$verb: a directory" 126 a-directory "${prefix[@]}" ./a-directory
done
# What is no program in the kernel's eyes is a script to execvp(3), so that env(1) does just the same.
env ./bad-binary >/dev/null 2>&1
status=$?
limited "$callgate" run --profile "$profiles/audit.json" -- ./bad-binary >/dev/null 2>&1
same "a broken binary" $status $?
# An interrupted look-up of the path is not the end of it.
same "PATH that names things that are not folders" found "$(PATH=/nothing:$work/not-executable:/usr/bin:/bin limited "$callgate" run -p "$profiles/audit.json" -- echo found 2>/dev/null)"

# ---- profiles that cannot be read: 2 ----
printf '{ "defaultAction": "SCMP_ACT_ERRNO", \n  "syscalls": [ { "names": ["read" "write"] } ] }\n' >broken.json
printf '{ "defaultAction": "SCMP_ACT_EXPLODE" }' >unknown-action.json
printf '{ "syscalls": "none" }' >wrong-type.json
printf '[]' >not-an-object.json
printf '' >empty.json
printf '{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ALLOW", "args": [{ "index": 9, "value": 1, "op": "SCMP_CMP_EQ" }] }] }' >bad-index.json
head -c 100000 /dev/urandom >garbage.json
{ printf '{ "defaultAction": "SCMP_ACT_ALLOW", "comment": "'; head -c $((17 << 20)) /dev/zero | tr '\0' x; printf '" }'; } >large.json
{ for i in $(seq 20000); do printf '['; done; } >deep.json
for verb in dry-run run verify 'profile check'; do
  # shellcheck disable=SC2086
  use() { # file
    case $verb in
    verify) echo "$callgate verify $1 -- touch $work/outputs/ran" ;;
    'profile check') echo "$callgate profile check $1" ;;
    *) echo "$callgate $verb --profile $1 -- touch $work/outputs/ran" ;;
    esac
  }
  for file in broken unknown-action wrong-type not-an-object empty garbage deep bad-index; do
    # shellcheck disable=SC2046
    refused "$verb: $file.json" 2 "$file.json" $(use $file.json)
  done
  # shellcheck disable=SC2046
  refused "$verb: 17 MiB" 2 "large.json" $(use large.json)
  # shellcheck disable=SC2046
  refused "$verb: missing profile" 2 "missing.json" $(use missing.json)
  # shellcheck disable=SC2046
  refused "$verb: a directory as profile" 2 "a-directory" $(use a-directory)
done
refused "syntax has a place" 2 "broken.json:2:" "$callgate" dry-run --profile broken.json -- true
refused "meaning has a place" 2 "syscalls[0].args[0].index" "$callgate" dry-run --profile bad-index.json -- true
# Whoever inherits processes without reaping them (the first process of many containers) gets none of ours.
if command -v python3 >/dev/null; then
  cat >heir.py <<'P'
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
subprocess.run(sys.argv[1:], stderr=subprocess.DEVNULL)
try:
    print("left behind", *os.waitpid(-1, 0))
except ChildProcessError:
    print("nothing")
P
  for verb in run dry-run; do
    same "$verb: a mistake leaves no process" nothing "$(limited python3 -E heir.py "$callgate" $verb -p broken.json -- true)"
  done
  same "record: a mistake leaves no process" nothing "$(limited python3 -E heir.py "$callgate" record --base broken.json -o outputs/profile -- true)"
fi
refused "record: broken base" 2 "broken.json" "$callgate" record --base broken.json -o outputs/profile -- true

# ---- command lines ----
refused "no verb" 2 "usage" "$callgate"
refused "unknown verb" 2 "dry-run" "$callgate" dryrun
refused "unknown option" 2 "--help" "$callgate" dry-run --no-such-option -- true
refused "no profile" 2 "--profile" "$callgate" dry-run -- true
refused "no command" 2 "no command" "$callgate" dry-run --profile "$strict"
refused "no output" 2 "-o" "$callgate" record -- true
refused "unknown runtime" 2 "lxc" "$callgate" record -o outputs/profile --for lxc -- true
refused "events of nothing" 2 "missing.events" "$callgate" events missing.events
refused "events of garbage" 2 "garbage.json" "$callgate" events garbage.json
refused "events of an empty file" 4 "empty.json" "$callgate" events empty.json

# ---- results that cannot be written: said before the program runs where it can be known ----
refused "record: folder does not exist" 2 "nowhere/profile" "$callgate" record -o nowhere/profile -- touch outputs/ran
refused "record: output is a directory" 2 "a-directory" "$callgate" record -o a-directory -- touch outputs/ran
refused "record: evidence cannot be written" 2 "nowhere/evidence" "$callgate" record -o outputs/profile --evidence nowhere/evidence -- touch outputs/ran
refused "record: events cannot be written" 2 "nowhere/events" "$callgate" record -o outputs/profile --events nowhere/events -- touch outputs/ran
refused "dry-run: output cannot be written" 2 "nowhere/report" "$callgate" dry-run --profile "$strict" -o nowhere/report -- touch outputs/ran
refused "dry-run: fix cannot be written" 2 "nowhere/fix" "$callgate" dry-run --profile "$strict" --fix nowhere/fix -- touch outputs/ran
for verb in "convert --to oci $strict" "merge $strict" "dry-run-profile $strict --log" "check --fix $strict"; do
  # shellcheck disable=SC2086
  refused "profile $verb: folder does not exist" 2 "nowhere/made" "$callgate" profile $verb -o nowhere/made
done
if ! is_root; then
  mkdir closed && chmod 555 closed
  refused "record: folder without write permission" 2 "closed/profile" "$callgate" record -o closed/profile -- touch outputs/ran
fi

# ---- standard output that takes nothing ----
limited "$callgate" record --events some.events -o some.json -- sh -c 'mkdir x; rmdir x' >/dev/null 2>&1
if [ -w /dev/full ]; then
  while read -r line; do
    # shellcheck disable=SC2086
    limited "$callgate" $line >/dev/full 2>err.text </dev/null
    same "$line on a full disk: exit status" 125 $? err.text
    has "$line on a full disk: says where" err.text "standard output"
    same "$line on a full disk: says so once" 1 "$(grep -c "No space left\|Input/output" err.text)" err.text
  done <<EOF
--help
--version
events some.events
events --json some.events
profile check $strict
profile explain $strict
profile merge $strict
profile convert --to bpf $strict
profile replay $strict some.events
profile simulate $strict getpid
EOF
fi

# ---- results that go to standard output come there ----
limited "$callgate" dry-run --profile "$profiles/violation.json" --fix - -- true >out.text 2>err.text
has "--fix -" out.text '"execve"'
limited "$callgate" record -o other.json --evidence - -- true >out.text 2>err.text
has "--evidence -" out.text evidence_version
limited "$callgate" dry-run --profile "$strict" --all --events - -- true >out.text 2>err.text
limited "$callgate" events out.text >events.text 2>err.text
same "--all --events -" 0 $? err.text
limited "$callgate" record --detach -o - -- sh -c '(sleep 0.5; mkdir x; rmdir x) & exit 0' 2>err.text | cat >out.text
has "--detach -o -" out.text '"rmdir"'

# ---- a supervisor that dies slowly ----
mkdir slow && cp "$callgate" slow/
printf '#!/bin/sh\nexec 3>&-\nsleep 1\nkill -KILL $$\n' >slow/callgated && chmod 755 slow/callgated
refused "a supervisor that dies a while after its connection" 125 "the supervisor was killed by signal 9" \
  slow/callgate run --profile "$profiles/audit.json" -- touch outputs/ran

# ---- a profile that lets no program start ----
printf '{ "defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{ "names": ["read"], "action": "SCMP_ACT_ALLOW" }] }' >no-start.json
refused "run: execve is refused" 126 "no-start.json refuses execve (defaultAction)" "$callgate" run --profile no-start.json -- true
limited "$callgate" verify no-start.json -- true >out.text 2>err.text
same "verify: execve is refused" 5 $? err.text
has "verify: says what happened" err.text "not started"
has "verify: says which call" err.text "execve "

# ---- words that do nothing ----
limited "$callgate" profile tighten "$strict" -o tight.json --keep 'no_such_*' --keep 'rea*' some.events >/dev/null 2>err.text
has "tighten: a pattern that fits nothing" err.text "--keep 'no_such_*' fits no name"
has_not "tighten: one that does" err.text "--keep 'rea*'"
printf 'variables: { date: 2001-01-01 }\nrules: [{ do: { emulate: { time: { start: "${date}" } } } }]\n' >date.yaml
limited "$callgate" policy check --var dat=2002-01-01 date.yaml >out.text 2>&1
same "a variable that nobody asks for: exit status" 1 $? out.text
has "a variable that nobody asks for" out.text "did you mean date?"
refused "a date that is none" 2 "date.yaml:2:" "$callgate" run --policy date.yaml --var date=noon -- true
printf 'rules: [{ do: { emulate: { uname: { release: "%s" } } } }]\n' "$(printf 'x%.0s' {1..100})" >uname.yaml
refused "an option that its emulation refuses" 2 "release is longer" "$callgate" run --policy uname.yaml -- true

# ---- an old file survives a failure ----
echo '{ "defaultAction": "SCMP_ACT_ALLOW" }' >old.json
cp old.json old.copy
limited "$callgate" record -o old.json -- no-such-command >/dev/null 2>&1
same_file "an old profile survives a command that does not exist" old.copy old.json
limited "$callgate" record --merge -o old.json -- true >/dev/null 2>err.text
same "merging into an allowing profile" 0 $? err.text
same "files beside it" "" "$(find . -maxdepth 1 -name '.old*')"

# ---- a service that takes the connection and says nothing ----
for signal in INT TERM; do
  rm -f listens heard silent.sock
  python3 - <<'P' &
import socket
service = socket.socket(socket.AF_UNIX)
service.bind("silent.sock")
service.listen(1)
open("listens", "w").close()
peer = service.accept()[0]
peer.recv(1)
open("heard", "w").close()
while peer.recv(4096):
    pass
P
  silent=$!
  until_true test -e listens || fail "no silent service"
  # Whoever is started in the background of a script ignores interrupts.
  env --default-signal=INT "$callgate" record -o silent.json --supervisor silent.sock -- touch silent.ran >/dev/null 2>err.text &
  asking=$!
  until_true test -e heard || fail "the silent service hears nothing" err.text
  kill -"$signal" "$asking"
  wait "$asking"
  status=$?
  same "$signal ends the wait for a silent service" "$signal" "$(kill -l $status)" err.text
  same "$signal: nobody has run out of patience" "" "$(cat err.text)"
  wait "$silent"
  if [ -e silent.ran ]; then fail "$signal: the program ran"; else pass; fi
done

# ---- a full disk ----
if is_root && mkdir tiny && mount -t tmpfs -o size=64k tmpfs tiny 2>/dev/null; then
  echo old >tiny/profile
  dd if=/dev/zero of=tiny/filler bs=1k count=200 2>/dev/null
  echo old | cmp -s - tiny/profile || echo "note: the old file did not fit"
  for verb in record dry-run; do
    case $verb in
    record) prefix=("$callgate" record -o tiny/profile --) ;;
    dry-run) prefix=("$callgate" dry-run --profile "$strict" -o tiny/profile --) ;;
    esac
    limited "${prefix[@]}" sh -c 'echo ran' >out.text 2>err.text
    status=$?
    same "$verb, full disk: exit status" 125 $status
    has "$verb, full disk: says why" err.text "No space left"
    has "$verb, full disk: says where" err.text "tiny/profile"
    same "$verb, full disk: the program ran" ran "$(cat out.text)"
    same "$verb, full disk: the old file is whole" old "$(cat tiny/profile)"
    same "$verb, full disk: nothing else is there" "filler profile" "$(find tiny -mindepth 1 -printf '%f\n' | sort | xargs)"
  done
  # Events are lost, the program is not hurt, and it is said.
  limited "$callgate" record -o outputs/profile --events tiny/events -- sh -c 'i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i+1)); done; echo ran' >out.text 2>err.text
  status=$?
  same "events on a full disk: the program ran" ran "$(cat out.text)"
  if [ $status -eq 0 ]; then fail "events on a full disk: exit status 0" err.text; else pass; fi
  has "events on a full disk: says where" err.text "tiny/events"
  umount tiny
  rm -f outputs/profile
else
  echo "note: no tmpfs here, the full disk is left out"
fi

finish
