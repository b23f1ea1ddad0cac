#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# examples/vendor-binary as a stranger runs it: every step says what README.md says it does, and afterwards neither
# the machine nor the example's folder has changed.

network=own
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need cc perl

# The program sets the clock. It does not even try under its policy; before there is one, it must not be able to.
if is_root && [ -z "${EXAMPLE_TEST_INNER:-}" ]; then
  cleanup
  EXAMPLE_TEST_INNER=yes exec setpriv --bounding-set=-sys_time --inh-caps=-sys_time bash "$live/example_vendor.sh" "$@"
fi

example=$live/../../examples/vendor-binary
list() { (cd "$example" && find . -type f -exec cksum {} + | sort -k3); }
list >before
ls -lA /opt >opt.before

CALLGATE=$callgate LIMIT=120 limited "$example/run.sh" >out 2>&1
same "exit status" 0 $? out

section() { sed -n "/^== $1\/6 /,/^== /p" out; }
section 2 >out.2
has "it refuses to run" out.2 "this copy is not licensed for this machine"
has_not "it did not get far" out.2 "books"
section 4 >out.4
# Each rule leads further than the one before, and the last to the end.
previous=0
while read -r n; do
  if [ "$n" -ge $previous ]; then pass; else fail "a rule led back, from step $previous to $n" out.4; fi
  previous=$n
done < <(grep '^+' out.4 | sed -E 's/.*\[ *([0-9]+)\].*/\1/')
same "the rules lead to the last step" 12 "$previous"
same "steps shown" 9 "$(grep -c '^+' out.4)"
section 5 >out.5
same "every case passes" "$(grep -c '^- name' "$example/ledgerd.cases.yaml")" "$(grep -c '^ok ' out.5)"
section 6 >out.6
has "it runs" out.6 "[12] ledger: ok"
has "it does its work" out.6 "2012-06-01 balance 42.00"
has "the machine's date is what it was" out.6 "$(date -u +%Y)-"

# Without one of its rules the example must fail, and say so.
cp -r "$example" broken
sed -i 's/acce5500acce5500acce5500acce5500/00000000000000000000000000000000/' broken/ledgerd.yaml
CALLGATE=$callgate LIMIT=120 limited broken/run.sh >out.broken 2>&1
if [ $? -ne 0 ]; then pass; else fail "a wrong rule is not noticed" out.broken; fi
has "a wrong rule is noticed where it matters" out.broken "[ 6] machine id: 00000000000000000000000000000000 is not mine"

list >after
same_file "the example's folder" before after
ls -lA /opt >opt.after
same_file "the machine's /opt" opt.before opt.after
finish
