#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Calls that change trees, carried out for the program: every call in every situation (programs/trees.c), by the
# kernel and by callgate, must come to the same answers and leave the same trees. The kernel is the oracle.
#
#   policy_trees.sh trees|trees32 PART…

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

program=$programs/$1
shift
[ -x "$program" ] || skip "$program was not built"

# A disk would take minutes for what memory does in seconds.
fast=$work
if [ -w /dev/shm ] && [ "$(stat -f -c %T /dev/shm)" = tmpfs ] && [ "$(stat -c %d /dev/shm)" != "$(stat -c %d /dev)" ]; then
  fast=$(mktemp -d /dev/shm/callgate-live.XXXXXX) || exit 1
  trap 'rm -rf "$fast"; cleanup' EXIT
fi

echo '{ "version": 1, "default": "allow", "rules": [{ "do": { "emulate": "identity" } }] }' >identity.json

for part; do
  for where in native callgate; do
    mkdir "$fast/$where.$part"
  done
  (cd "$fast/native.$part" && LIMIT=120 limited "$program" "$part") >"native.$part" 2>&1
  same "$part: native status" 0 $?
  [ "$(wc -l <"native.$part")" -gt 1 ] || fail "$part: says nothing" "native.$part"
  (cd "$fast/callgate.$part" && LIMIT=240 limited "$callgate" run -q --policy "$work/identity.json" -- "$program" "$part") \
    >"callgate.$part" 2>&1
  same "$part: status" 0 $? "callgate.$part"
  same_file "$part: answers and trees are the kernel's" "native.$part" "callgate.$part"
  rm -rf "$fast/native.$part" "$fast/callgate.$part"
done

# The limit of file sizes under which callgate was started is the program's, and kills nobody else.
mkdir "$fast/limits"
(cd "$fast/limits" && (ulimit -S -f 1; limited "$program" limits) 2>&1 | cat) >native.limits
(cd "$fast/limits" && (ulimit -S -f 1; limited "$callgate" run -q --policy "$work/identity.json" -- "$program" limits) 2>&1 | cat) \
  >callgate.limits
same_file "a small limit of file sizes" native.limits callgate.limits
has "a small limit of file sizes" native.limits "truncate with more: 0"

# That the calls were carried out here, and not passed on: the report counts them.
(mkdir "$fast/once" && cd "$fast/once" && limited "$callgate" run --policy "$work/identity.json" -- "$program" limits) >/dev/null 2>report
has "the calls were carried out" report "carried out"

finish
