#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# callgate run --policy as a whole: decisions that registers make, what is listed, reload while the program runs, questions
# at a terminal, and what happens to a program whose supervisor is told to read nonsense.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

call=$programs/call
export XDG_RUNTIME_DIR=$work
chmod 700 "$work"

# ---- answers ----
cat >answers.yaml <<'Y'
version: 1
rules:
  - { name: fails, syscalls: [getpriority], do: { errno: EXDEV }, log: true }
  - { name: pretends, syscalls: [sync], do: { errno: 0 } }
  - { name: returns, syscalls: [personality], do: { return: 4711 } }
  - { name: some, syscalls: [umask], where: { args: { mask: 0 } }, do: { errno: ENOTTY } }
  - { name: dies, syscalls: [getuid], do: kill }
  - { name: seen, syscalls: [sched_yield], do: log }
Y
limited "$callgate" run --policy answers.yaml -- "$call" getpriority,0,0 sync personality,0 umask,0 umask,18 sched_yield >out 2>err
same "a run under a policy ends as the program does" 0 $? err
same "errno" "getpriority: -1 errno 18" "$(grep '^getpriority' out | cut -d'(' -f1 | xargs)" err
same "errno 0 pretends success" "sync: 0 errno 0" "$(grep '^sync' out | cut -d'(' -f1 | xargs)" err
same "a returned value" "personality: 4711 errno 0" "$(grep '^personality' out | cut -d'(' -f1 | xargs)" err
same "a condition that holds, and one that does not" "umask: -1 errno 25 umask: 18 errno 0" \
  "$(grep '^umask' out | cut -d'(' -f1 | xargs)" err
has "what was refused and logged is listed" err "fails"
has "what was only logged is listed" err "seen"
limited "$callgate" run -q --policy answers.yaml -- "$call" getuid >/dev/null 2>&1
same "kill is death by SIGSYS" 159 $?
limited "$callgate" run --json --policy answers.yaml -- "$call" personality,0 >/dev/null 2>err
same "the list as JSON" 4711 "$(python3 -c 'import json, sys; print(json.load(sys.stdin)["calls"][0]["value"])' <err)" err

# ---- base ----
cat >base.json <<'J'
{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30 }] }
J
cat >base.yaml <<'Y'
version: 1
base: base.json
rules:
  - { syscalls: [rmdir], do: { errno: EBUSY } }
Y
limited "$callgate" run --policy base.yaml -- sh -c 'mkdir a; rmdir b' >out 2>err
has "the base refuses" err "Read-only file system"
has "a rule beside it does" err "Device or resource busy"
echo '{ "version": 1, "base": "base.json", "rules": [{ "syscalls": ["mkdir"], "do": "allow" }] }' >above.json
limited "$callgate" run -q --policy above.json -- mkdir made >out 2>err
same "a rule stands above the base, and JSON will do" 0 $? err

# ---- what can only be recorded ----
# Nobody changes a directory for a program, so what its path says is no reason to let it pass.
mkdir -p place
echo "{ version: 1, rules: [{ name: seen, syscalls: chdir, where: { path: $work/place }, do: log }] }" >seen.yaml
limited "$callgate" run --policy seen.yaml -- sh -c 'cd place && pwd && cd ..' >out 2>err
same "a directory that is recorded" "$work/place" "$(cat out)" err
has "it is listed" err "seen"
sed 's/ }] }$/ }, { name: nowhere, syscalls: chdir, do: { errno: EXDEV }, log: true }] }/' seen.yaml >nowhere.yaml
limited "$callgate" run --policy nowhere.yaml -- python3 -c 'import os; os.chdir("place")' >out 2>err
has "recording it does not let it past the rule below" err "Invalid cross-device link"
has "the rule below is what is listed" err "nowhere"

# ---- mistakes ----
limited "$callgate" run --policy nothing.yaml -- true 2>err
same "a policy that is not there" 2 $? err
has "a policy that is not there is named" err "nothing.yaml"
echo 'rules: [{ syscalls: [mkdri], do: allow }]' >broken.yaml
limited "$callgate" run --policy broken.yaml -- touch ran 2>err
same "a broken policy" 2 $? err
absent "a broken policy runs nothing" ran
limited "$callgate" run --policy answers.yaml --profile base.json -- true 2>err
same "policy and profile" 2 $? err

# ---- reload ----
loop='until [ -e stop ]; do mkdir made 2>&1; read -r -t 0.05 _ <>fifo; done; true'
mkfifo fifo
live_policy() { echo "{ version: 1, rules: [{ name: made, syscalls: [mkdir, mkdirat], do: { errno: $1 } }] }" >live.yaml; }
await_text() { until_true grep -qF -- "$2" "$1"; } # file text
# The supervisor takes its socket away when it ends, a moment after callgate.
no_socket() { [ -z "$(find "$XDG_RUNTIME_DIR/callgate" -name '*.sock')" ]; }
live_policy EROFS
limited "$callgate" run -q --policy live.yaml -- bash -c "$loop" >loop.out 2>loop.err &
runner=$!
await_text loop.out "Read-only file system" && pass || fail "the policy before the reload" loop.out loop.err
live_policy EXDEV
limited "$callgate" reload >out 2>err
same "reload" 0 $? out err
has "reload shows what changed" out "~ made: errno"
# What the kernel decides stays as it was, and reload says so; what is notified changes at once.
if grep -q '^!' out; then
  has "a change out of reach is named" out "! mkdir:"
else
  await_text loop.out "Invalid cross-device link" && pass || fail "the policy after the reload" loop.out
fi
echo 'rules: 5' >live.yaml
limited "$callgate" reload >out 2>err
same "reload of a broken policy" 1 $? out err
has "the old one stays in force" out "stays in force"
touch stop
wait "$runner"
same "the program was not disturbed" 0 $? loop.err
rm -f stop
until_true no_socket && pass || fail "the socket is gone with the program"
limited "$callgate" reload >out 2>err
same "nobody to tell" 2 $? err

# What is notified, and so within reach.
live_policy2() { echo "{ version: 1, rules: [{ name: made, syscalls: [mkdir, mkdirat], log: true, do: { errno: $1 } }] }" >live.yaml; }
live_policy2 EROFS
limited "$callgate" run -q --policy live.yaml -- bash -c "$loop" >loop.out 2>loop.err &
runner=$!
await_text loop.out "Read-only file system" && pass || fail "the logged policy before the reload" loop.out loop.err
live_policy2 EXDEV
limited "$callgate" reload >out 2>err
await_text loop.out "Invalid cross-device link" && pass || fail "the logged policy after the reload" loop.out out
has_not "nothing is out of reach" out "! mkdir"
live_policy2 ENOTTY
supervisor=$(basename "$XDG_RUNTIME_DIR"/callgate/*.sock .sock)
kill -HUP "$supervisor"
await_text loop.out "Inappropriate ioctl" && pass || fail "the policy after SIGHUP" loop.out
touch stop
wait "$runner"
same "the second program was not disturbed" 0 $? loop.err
until_true no_socket && pass || fail "the socket is gone with the second program"

# ---- questions ----
if [ -x /usr/bin/python3 ]; then
  cat >ask.yaml <<'Y'
version: 1
rules:
  - { name: asks, syscalls: [mkdir, mkdirat], do: { ask: { timeout: 60s, otherwise: { errno: EPERM } } }, message: a folder }
Y
  limited /usr/bin/python3 "$live/policy_ask.py" "$callgate" ask.yaml answered.yaml >ask.out 2>&1
  same "questions at a terminal" 0 $? ask.out
  has "an answer of always became a rule" answered.yaml "/always"
  has_not "an answer of once did not" answered.yaml "/once"
  [ -d always ] && pass || fail "what was allowed happened"
  [ ! -d denied ] && pass || fail "what was denied happened"
  # The answers decide what was asked about, before anybody is asked, and nothing else.
  { echo 'include: [answered.yaml]'; sed 's/60s/100ms/' ask.yaml; } >answered.policy.yaml
  rmdir always
  limited setsid "$callgate" run -q --policy answered.policy.yaml -- mkdir always >out 2>err </dev/null
  same "what was allowed always is allowed by the rule" 0 $? err
  rmdir always
  limited setsid "$callgate" run -q --policy answered.policy.yaml -- mkdir -m 700 always >out 2>err </dev/null
  has "with another mode it is another question" err "Operation not permitted"
  rm -rf once denied always answered.yaml
  limited /usr/bin/python3 "$live/policy_ask.py" "$callgate" ask.yaml answered.yaml apart >ask.out 2>&1
  same "questions answered at another terminal" 0 $? ask.out
  has "an answer of always there became a rule" answered.yaml "/always"
  sed -i 's/60s/100ms/' ask.yaml
  limited setsid "$callgate" run -q --policy ask.yaml -- mkdir late >out 2>err </dev/null
  has "nobody there: as after the time-out" err "Operation not permitted"
fi

finish
