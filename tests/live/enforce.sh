#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# callgate run: the program sees exactly what the kernel alone would have shown it. The referee is underfilter.c, a
# filter written by hand; every action, with and without a handler for SIGSYS, in the first and in a second thread.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

call=$programs/call
referee=$programs/underfilter
nr() { "$programs/call" -N "$1"; }

# One profile with every action that a rule may have, and the same by hand.
cat >every.json <<'J'
{
  "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [
    { "names": ["getpriority"], "action": "SCMP_ACT_ERRNO" },
    { "names": ["getgid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 },
    { "names": ["umask"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0 },
    { "names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 97 },
    { "names": ["getppid"], "action": "SCMP_ACT_TRAP" },
    { "names": ["getsid"], "action": "SCMP_ACT_LOG" },
    { "names": ["personality"], "action": "SCMP_ACT_TRACE", "errnoRet": 7 },
    { "names": ["sched_yield"], "action": "SCMP_ACT_KILL_THREAD" },
    { "names": ["getuid"], "action": "SCMP_ACT_KILL_PROCESS" }
  ]
}
J
by_hand=(7fff0000 "$(nr getpriority)=50001" "$(nr getgid)=50026" "$(nr umask)=50000" "$(nr socket)=50061"
  "$(nr getppid)=30000" "$(nr getsid)=7ffc0000" "$(nr personality)=7ff00007" "$(nr sched_yield)=0"
  "$(nr getuid)=80000000")

ulimit -c 0
for words in getpriority,0,0 getgid umask,0 socket,1,1,0 getppid getsid,0 personality,0xffffffff sched_yield getuid getpid \
  'getpriority,0,0 getgid umask,0 socket,1,1,0 getsid,0 getpid' 'getpid getuid getpid' 'getpid sched_yield getpid'; do
  for options in '' -H -t '-t -H'; do
    # shellcheck disable=SC2086
    limited "$referee" "${by_hand[@]}" -- "$call" $options $words >out.kernel 2>/dev/null
    wanted=$?
    # shellcheck disable=SC2086
    limited "$callgate" run --profile every.json -- "$call" $options $words >out.run 2>err.run
    got=$?
    same "run: call $options $words: exit status" $wanted $got
    same_file "run: call $options $words: what the program saw" out.kernel out.run
    # shellcheck disable=SC2086
    limited "$callgate" verify every.json -- "$call" $options $words >out.verify 2>err.verify
    same_file "verify: call $options $words: what the program saw" out.kernel out.verify
    # shellcheck disable=SC2086
    limited "$call" $options $words >out.native 2>/dev/null
    native=$?
    # shellcheck disable=SC2086
    limited "$callgate" dry-run --profile every.json -o report -- "$call" $options $words >out.dry 2>err.dry
    same "dry-run: call $options $words: exit status" $native $?
    same_file "dry-run: call $options $words: what the program saw" out.native out.dry
  done
done

# The statuses themselves, so that referee and callgate cannot be wrong together.
limited "$callgate" run --profile every.json -- "$call" getuid >/dev/null 2>err.run
same "KILL_PROCESS: exit status" 159 $?
has "KILL_PROCESS: is explained" err.run "SIGSYS"
limited "$callgate" run --profile every.json -- "$call" getppid >/dev/null 2>&1
same "TRAP without a handler: exit status" 159 $?
same "TRAP with a handler" "signal 31 code 1 syscall $(nr getppid)" \
  "$(limited "$callgate" run --profile every.json -- "$call" -H getppid 2>/dev/null | head -1 | cut -d' ' -f1-6)"
same "ERRNO" "socket: -1 errno 97 (Address family not supported by protocol)" \
  "$(limited "$callgate" run --profile every.json -- "$call" socket,1,1,0 2>/dev/null)"
same "ERRNO 0 is a success that does nothing" "umask: 0 errno 0 (-)" \
  "$(limited "$callgate" run --profile every.json -- "$call" umask,0 2>/dev/null)"
limited "$callgate" run --profile every.json -- "$call" -t sched_yield >out.text 2>/dev/null
same "KILL_THREAD ends a thread, not the process: exit status" 0 $?

# What was refused is listed, with what the kernel did; what was not is not.
limited "$callgate" run --profile every.json --events events -- "$call" socket,1,1,0 getpriority,0,0 getpid >/dev/null 2>err.run
has "the list names the call" err.run "socket"
has "the list says what the kernel did" err.run "SECCOMP_RET_ERRNO(EAFNOSUPPORT)"
has "the list has every call" err.run "getpriority"
has_not "the list has nothing else" err.run "getpid"
limited "$callgate" events events >out.text 2>&1
same "the events can be read" 0 $?
has "the events have the call" out.text "socket"
limited "$callgate" run --quiet --profile every.json -- "$call" socket,1,1,0 >/dev/null 2>err.run
same "--quiet is quiet" "" "$(cat err.run)"

# Conditions on registers decide as the kernel decides, refused or not.
cat >conditions.json <<'J'
{
  "defaultAction": "SCMP_ACT_ALLOW",
  "syscalls": [
    { "names": ["socket"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13,
      "args": [{ "index": 0, "value": 1, "op": "SCMP_CMP_NE" }, { "index": 1, "value": 15, "valueTwo": 2, "op": "SCMP_CMP_MASKED_EQ" }] },
    { "names": ["close"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5,
      "args": [{ "index": 0, "value": 4294967296, "op": "SCMP_CMP_GE" }] }
  ]
}
J
same "conditions: datagram socket of another family" "socket: -1 errno 13 (Permission denied)" \
  "$(limited "$callgate" run -q --profile conditions.json -- "$call" socket,2,0x80002,0 2>/dev/null)"
same "conditions: unix datagram socket" "$("$call" socket,1,2,0)" \
  "$(limited "$callgate" run -q --profile conditions.json -- "$call" socket,1,2,0 2>/dev/null)"
same "conditions: stream socket" "$("$call" socket,2,1,0)" \
  "$(limited "$callgate" run -q --profile conditions.json -- "$call" socket,2,1,0 2>/dev/null)"
same "conditions: 64 bits count" "close: -1 errno 5 (Input/output error)" \
  "$(limited "$callgate" run -q --profile conditions.json -- "$call" close,0x100000063 2>/dev/null)"
same "conditions: below 2^32" "close: -1 errno 9 (Bad file descriptor)" \
  "$(limited "$callgate" run -q --profile conditions.json -- "$call" close,0xffffffff 2>/dev/null)"

# A refused call in a program of many threads under signals is refused every time, and nothing else is.
limited "$callgate" run -q --profile every.json -- "$programs/threads" 50 >out.text 2>&1
same "50 threads whose getppid is trapped" 159 $?
echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 0 }] }' >zero.json
same "50 threads whose getppid is refused" "1000 calls, 1000 wrong" "$(limited "$callgate" run -q --profile zero.json -- "$programs/threads" 50 storm 2>/dev/null)"

# No signal may put its own errno in the place of the profile's.
echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["getppid"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13 }] }' >ppid.json
same "100 threads under a storm of signals whose getppid is refused with an errno" "2000 calls, 2000 wrong" "$(limited "$callgate" run -q --profile ppid.json -- "$programs/threads" 100 storm 2>/dev/null)"

# A shell and its tools under a profile that refuses one thing they can do without.
echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30 }] }' >nodirs.json
# shellcheck disable=SC2016
limited "$callgate" run --profile nodirs.json -- sh -c 'mkdir a; echo "status $?"; echo x >b; cat b' >out.text 2>err.text
same "mkdir refused: what the shell says" "status 1 x" "$(xargs <out.text)"
has "mkdir refused: what mkdir says" err.text "Read-only file system"
absent "mkdir refused: no directory" a

# A profile from standard input, and the program's own input after that is at its end.
same "profile from standard input" 0 "$(limited "$callgate" run -q --profile - -- cat <nodirs.json 2>/dev/null | wc -c)"

finish
