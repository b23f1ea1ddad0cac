#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# pipelines.sh SHELL: hundreds of three-stage pipelines in a loop. Shells catch SIGCHLD without SA_RESTART: a call
# that waits to be received when it arrives would fail with EINTR although it never ran, and about a third of such
# loops would hang. Every pipeline must print what it prints natively, under record and under a dry run that
# notifies everything.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

shell=${1:?names the shell}
case $shell in
busybox) need busybox; command=(busybox sh) ;;
*) need "$shell"; command=("$shell") ;;
esac
LIMIT=140

cat >loop.sh <<'S'
i=0
while [ $i -lt 200 ]; do
  echo "line $i" | (read -r a b; echo "$b $a") | while read -r a b; do echo "$b-$a"; done
  i=$((i + 1))
done
while [ $i -lt 350 ]; do
  echo "text $i" | cat | tr a-z A-Z
  i=$((i + 1))
done
# A handler of one's own, children in the background, and output collected from pipelines.
# (A handler with brackets in it makes bash 5.2 stumble natively, hence one without.)
trap : USR1
while [ $i -lt 450 ]; do
  (exit 3) &
  (kill -USR1 $$) &
  x=$(echo "$i" | (cat) | (cat))
  [ "$x" = "$i" ] || echo "lost $i: '$x'"
  wait
  i=$((i + 1))
done
echo over
S

limited "${command[@]}" loop.sh >out.native 2>err.native </dev/null
same "$shell natively" 0 $?
same "$shell natively: pipelines" 351 "$(wc -l <out.native)"

# A profile that allows nearly everything, the return from a signal handler included, but not what pipelines are made
# of: the calls that break a shell when they are interrupted wait for an answer, the rest never leaves the kernel.
cat >partial.json <<'J'
{
  "defaultAction": "SCMP_ACT_ALLOW",
  "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
  "syscalls": [
    { "names": ["clone", "clone3", "fork", "vfork", "close", "pipe", "pipe2", "dup2", "fcntl", "execve", "exit_group"],
      "action": "SCMP_ACT_ERRNO" }
  ]
}
J

for verb in record dry-run partial; do
  case $verb in
  record) prefix=("$callgate" record -o profile --) ;;
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/audit.json" -o report --) ;;
  partial) prefix=("$callgate" dry-run --profile partial.json -o report --) ;;
  esac
  limited "${prefix[@]}" "${command[@]}" loop.sh >"out.$verb" 2>"err.$verb" </dev/null
  same "$shell under $verb: exit status (124: hung)" 0 $?
  same_file "$shell under $verb: what the pipelines printed" out.native "out.$verb"
  has_not "$shell under $verb: no call failed that must not" "err.$verb" "nterrupted system call"
done
finish
