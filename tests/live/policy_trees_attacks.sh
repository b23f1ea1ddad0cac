#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A program with two threads tries to get changes into a folder that a policy protects, by flipping what its paths
# mean while they are looked at. The folder itself tells whether anything came through; without a policy the same
# attacks do come through, so the test can fail.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cat >policy.yaml <<Y
version: 1
default: allow
rules:
  - { family: [names, attributes, xattr, write], where: { path: ["$work/*/secret", "$work/*/secret/**"] }, do: { errno: EACCES } }
Y

prepare() { # folder
  mkdir -p "$1/secret" "$1/open"
  for file in secret/victim open/victim source source2; do echo contents >"$1/$file"; done
  ln -s open "$1/way"
  chmod 600 "$1/secret/victim"
  touch -d 2001-01-01 "$1/secret/victim"
  touch -d 2001-01-01 "$1/secret"
}
# Everything about it: names, types, modes, links, times, contents, attributes.
look() { # folder
  (cd "$1/secret" && find . -printf '%p %M %n %U %s %T@ %C@ %l\n' | sort && cat victim 2>&1 &&
    python3 -c 'import os; print(os.listxattr("victim"))' 2>&1)
}
need python3

for kind in link text exchange dirfd; do
  prepare "bare.$kind"
  look "bare.$kind" >before
  came=no
  for _ in 1 2 3 4 5; do
    LIMIT=30 limited "$programs/attack_trees" "bare.$kind" 3000 $kind >out.text 2>&1
    look "bare.$kind" >after
    cmp -s before after || { came=yes; break; }
  done
  same "$kind: without a policy it comes through" yes $came out.text
  for program in attack_trees attack_trees32; do
    [ -x "$programs/$program" ] || continue
    prepare "$program.$kind"
    look "$program.$kind" >before
    LIMIT=120 limited "$callgate" run -q --policy policy.yaml -- "$programs/$program" "$program.$kind" 200 $kind both >out.text 2>err.text
    same "$program $kind: status" 0 $? out.text err.text
    look "$program.$kind" >after
    same_file "$program $kind: nothing came through" before after
    same "$program $kind: some calls were carried out" yes "$(grep -q '^[1-9][0-9]* done' out.text && echo yes)" out.text
    same "$program $kind: some calls were refused" yes "$(grep -q ' [1-9][0-9]* refused' out.text && echo yes)" out.text
  done
done

finish
