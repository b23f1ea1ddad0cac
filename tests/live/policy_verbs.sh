#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# callgate policy check, explain and test; and that what they say is what happens: the cases that pass are tried on the
# kernel with programs that know nothing of us.

network=own
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need python3

policy() { limited "$callgate" policy "$@"; }

# ---- check ----
cat >good.yaml <<'Y'
version: 1
variables: { area: /nowhere }
rules:
  - { name: pretends, syscalls: [sync], do: { errno: 0 } }
  - { name: returns, syscalls: [personality], where: { args: { persona: 0xffffffff } }, do: { return: 4711 } }
  - { name: umask, syscalls: [umask], where: { args: { mask: [0, 0o22] } }, do: { errno: EXDEV } }
  - { name: groups, syscalls: [getpgid], where: { uid: 0-4294967295 }, do: { errno: ENOTTY } }
  - { name: perl, syscalls: [getsid], where: { program: "**/perl*" }, do: { errno: ECHILD } }
  - { name: often, syscalls: [sched_yield], where: { count: { above: 2, of: process } }, do: { errno: EAGAIN } }
  - { name: hidden, family: files, where: { path: "${area}/(**)" }, do: { errno: EACCES } }
  - { name: net, family: net, where: { address: "127.0.0.0/8:9" }, do: { errno: EHOSTUNREACH } }
Y
policy check good.yaml >out 2>err
same "nothing to say" 0 $? out
same "and nothing said" "good.yaml: fine" "$(cat out)"

cat >doubtful.yaml <<'Y'
rules:
  - { syscalls: [openat], where: { path: /secret }, do: { errno: EPERM } }
  - { syscalls: [openat], do: log }
  - { name: late, syscalls: [openat], where: { path: /x }, do: log }
  - { family: open, where: { path: /data }, do: { substitute: { file: nothing } } }
Y
policy check doubtful.yaml >out 2>err
same "doubts are exit 1" 1 $? out
has "siblings within the family" out "openat2"
has "the remedy" out "family: open"
has "unreachable" out "[policy-unreachable]"
has "a missing file" out "[policy-file]"
has "line and column" out "doubtful.yaml:4:5: rules[2]:"
policy check --strict doubtful.yaml >/dev/null
same "--strict" 2 $?

cat >bad.yaml <<'Y'
rules:
  - { syscalls: [execve], where: { path: /bin/sh }, do: { errno: EPERM } }
  - { syscalls: [opneat], do: allow }
Y
policy check bad.yaml >out 2>err
same "errors are exit 2" 2 $? out
has "an unknown call" out "did you mean openat?"
sed -i 3d bad.yaml
policy check bad.yaml >out 2>err
has "what cannot be enforced says what can" out '"binds"'
policy check --json good.yaml bad.yaml >out
python3 - <out <<'P' || fail "--json" out
import json, sys
report = json.load(open("out"))
assert [f["verdict"] for f in report["files"]] == ["fine", "errors"], report
assert report["files"][1]["findings"][0]["line"] == 2, report
P
pass
limited "$callgate" run --policy bad.yaml -- touch ran 2>err
same "such a policy is not run" 2 $? err
absent "and nothing was" ran
policy check --var area=relative good.yaml >out 2>&1
same "--var reaches the rules" 2 $? out
policy check - <good.yaml >out 2>&1
same "standard input" 0 $? out
policy check nothing.yaml >out 2>&1
same "a file that is not there" 2 $? out
printf 'include: %s\n' good.yaml >outer.yaml
sed -i 's/sync\]/snyc]/' good.yaml
policy check outer.yaml >out 2>&1
has "mistakes in included files have their own file" out "good.yaml:4:34: rules[0].syscalls[0]: error:"
sed -i 's/snyc\]/sync]/' good.yaml

# ---- explain ----
policy explain good.yaml >out 2>err
same "explain" 0 $? err
has "decided in the kernel" out "  kernel    sync"
has "notified, and why" out "its path lies in memory"
same "no line is too long" 0 "$(COLUMNS=60 policy explain good.yaml | awk 'length > 70' | wc -l)"
policy explain --json good.yaml >out
same "explain --json" 8 "$(python3 -c 'import json; print(len(json.load(open("out"))["rules"]))')" out
policy explain good.yaml umask mask=022 >out
has "one call" out "errno EXDEV, by umask; the kernel decides"
policy explain good.yaml openat path=/nowhere/x >out
has "one path" out "errno EACCES, by hidden; callgated decides"
policy explain good.yaml opneat >/dev/null 2>err
same "an unknown call" 2 $? err
has "is corrected" err "openat"

# ---- test ----
cat >cases.yaml <<'Y'
- { call: sync, expect: { errno: 0 }, where: kernel }
- { call: personality, args: { persona: 0xffffffff }, expect: { return: 4711 } }
- { call: umask, args: { mask: 0 }, expect: { errno: EXDEV } }
- { call: umask, args: { mask: 18 }, expect: { errno: EXDEV } }
- { call: umask, args: { mask: 63 }, expect: allow, where: kernel }
- { call: getpgid, uid: 5, expect: { errno: ENOTTY } }
- { call: getsid, program: /usr/bin/perl, expect: { errno: ECHILD } }
- { call: getsid, program: /bin/sh, expect: allow }
- { call: sched_yield, repeat: 2, expect: allow }
- { call: sched_yield, repeat: 3, expect: { errno: EAGAIN }, where: notified }
- { call: open, path: /nowhere/x, expect: { errno: EACCES }, rule: hidden }
- { call: mkdir, path: /nowhere/y/z, expect: { errno: EACCES }, rule: hidden }
- { call: open, path: /nowherex, expect: allow, rule: none }
- { call: connect, address: "127.0.0.1:9", expect: { errno: EHOSTUNREACH } }
- { call: connect, address: "127.0.0.1:10", expect: allow }
Y
policy test good.yaml cases.yaml >out 2>err
same "all cases pass" 0 $? out
has "they are counted" out "15 passed, 0 failed"

# What the cases say is what a program sees that knows nothing of us.
cat >calls.py <<'P'
import ctypes, errno, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    ctypes.set_errno(0)
    r = getattr(libc, name)(*args)
    e = ctypes.get_errno()
    print(name, r if r != -1 else "-1", errno.errorcode.get(e, "0") if r == -1 else "0", flush=True)
call("personality", ctypes.c_ulong(0xffffffff))
call("getpgid", 0)
call("sched_yield"); call("sched_yield"); call("sched_yield")
call("open", b"/nowhere/x", os.O_RDONLY)
call("mkdir", b"/nowhere/y/z", 0o700)
call("open", b"/nowherex", os.O_RDONLY)
for port in 9, 10:
    s = socket.socket()
    print("connect", port, errno.errorcode[s.connect_ex(("127.0.0.1", port))], flush=True)
P
limited "$callgate" run -q --policy good.yaml -- python3 calls.py >out 2>err
cat >expected <<'X'
personality 4711 0
getpgid -1 ENOTTY
sched_yield 0 0
sched_yield 0 0
sched_yield -1 EAGAIN
open -1 EACCES
mkdir -1 EACCES
open -1 ENOENT
connect 9 EHOSTUNREACH
connect 10 ECONNREFUSED
X
same_file "what the cases say is what a program sees" expected out
cat >wrong.yaml <<'Y'
cases:
  - { name: fine, call: sync, expect: { errno: 0 } }
  - { name: not so, call: sync, expect: { errno: EPERM }, rule: other }
Y
policy test good.yaml wrong.yaml >out
same "a case that does not hold" 1 $? out
has "what was expected" out "errno EPERM, by other"
has "what came" out "errno 0, by pretends"
has "counts" out "1 passed, 1 failed"
policy test --json good.yaml wrong.yaml >out
same "test --json" "[true, false]" "$(python3 -c 'import json; print([json.loads(l)["passed"] for l in open("out")])' | tr TF tf)" out
policy test bad.yaml cases.yaml >out 2>&1
same "a policy that is wrong" 2 $? out
echo '- { call: opne, expect: allow }' >broken.yaml
policy test good.yaml broken.yaml >out 2>&1
same "a case file that is wrong" 2 $? out
has "is corrected, too" out "did you mean open?"

# ---- nothing takes long or much, whatever the file ----
python3 - <<'P'
open("large.yaml", "w").write("rules:\n" + "".join(
    '- { family: files, where: { path: "/a/b%d/**", uid: %d }, do: { errno: EPERM } }\n' % (i, i) for i in range(1000)))
open("patterns.yaml", "w").write("rules:\n- { syscalls: open, do: log, where: { path: [" + "'~(a{1,99}){1,60}'," * 20000 + "] } }\n")
open("addresses.json", "w").write('{"rules":[{"syscalls":"connect","do":"log","where":{"address":["' +
    '","'.join(["unix:/a/b/*c"] * 60000) + '"]}}]}')
open("bomb.yaml", "w").write("variables:\n  v0: xxxxxxxxxx\n" + "".join(
    '  v%d: "%s"\n' % (i, "${v%d}" % (i - 1) * 100) for i in range(1, 9)) +
    'rules:\n- { syscalls: open, do: log, message: "${v7}" }\n')
open("deep.json", "w").write('{"rules":' + "[" * 100000)
P
# A sanitizer reserves more than any limit would leave.
grep -q __asan_init "$callgate" && memory=unlimited || memory=150000
for file in large.yaml patterns.yaml addresses.json bomb.yaml deep.json; do
  (ulimit -v $memory; limited "$callgate" policy check $file >out 2>&1)
  rc=$?
  if [ $rc -le 2 ]; then pass; else fail "$file: exit $rc" out; fi
done

finish
