#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Redirected paths and substituted contents. The oracle is the program that is given the other path, or a real file of
# that content, without callgate.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

here=$(pwd -P)
mkdir real other
echo "the real one" >real/f
echo "other content, longer" >other/f
echo "of a file" >content
printf 'pid ${pid} uid ${uid} gid ${gid} program ${program} path ${path} call ${call} $$ ${none} $' >template
cat >files.yaml <<Y
version: 1
rules:
  - name: text
    family: [open, stat, access]
    where: { path: "$here/text" }
    do: { substitute: { text: "hello text\n" } }
  - name: file
    family: [open, stat, access]
    where: { path: "$here/file" }
    do: { substitute: { file: "$here/content" } }
  - name: template
    family: open
    where: { path: "$here/template-*" }
    do: { substitute: { template: "$here/template" } }
  - name: cpuinfo
    family: open
    where: { path: /proc/cpuinfo }
    do: { substitute: { text: "processor : 0\n" } }
  - name: moved
    family: [open, stat, access, readlink]
    where: { path: "$here/real/(**)" }
    do: { redirect: "$here/other/\$1" }
Y
run() { limited "$callgate" run -q --policy files.yaml -- "$@"; }

# ---- other contents ----

same "text" "hello text" "$(run cat text)"
same "text: twice at a time, with positions of their own" "hello he" \
  "$(run bash -c 'exec 3<text 4<text; read -r -n 5 a <&3; read -r -n 2 b <&4; echo "$a $b"')"
same "text: what stat says" "regular file 11 444" "$(run stat -c '%F %s %a' text)"
same "text: access" "readable only" "$(run bash -c '[ -r text ] && ! [ -w text ] && ! [ -x text ] && echo readable only')"
run bash -c 'echo x >text' >out.text 2>err.text
has "text: written to" err.text "Read-only file system"
run bash -c 'echo x >>text' >out.text 2>err.text
has "text: appended to" err.text "Read-only file system"
run bash -c 'set -C; echo x >text' >out.text 2>err.text
has "text: made anew" err.text "cannot overwrite existing file"
run ls text/ >out.text 2>err.text
has "text: no directory" err.text "Not a directory"
absent "text: there still is no such file" text
run bash -c 'exec 3<text; echo more >/proc/self/fd/3' >out.text 2>err.text
same "text: reopened for writing" 1 "$([ $? -ne 0 ] && echo 1)"
same "text: nobody changed it" "hello text" "$(run bash -c '{ exec 3<text; echo more >/proc/self/fd/3; } 2>/dev/null; cat text')"
ln -s text link-to-text
same "text: through a link" "hello text" "$(run cat link-to-text)"
same "text: from its directory" "hello text" "$(cd real && limited "$callgate" run -q --policy ../files.yaml -- cat ../text)"
same "file" "of a file" "$(run cat file)"
same "file: its size" 10 "$(run stat -c %s file)"
same "file: changed while the program runs" "of a file changed" \
  "$(run bash -c 'cat file; echo changed >content; cat file' | xargs)"
same "/proc/cpuinfo" "processor : 0" "$(run cat /proc/cpuinfo)"
same "/proc/cpuinfo by another name" "processor : 0" "$(run cat /proc/self/root/proc/./cpuinfo)"
run bash -c 'echo $$; exec cat template-x' >out.text
pid=$(head -1 out.text)
same "template" "pid $pid uid $(id -u) gid $(id -g) program $(readlink -f "$(command -v cat)") path $here/template-x call openat \$ \${none} \$" \
  "$(tail -n +2 out.text)"

# ---- other paths ----

redirected() { # sentence words with REAL for the path: as without callgate and with the other path
  local what=$1
  shift
  limited bash -c "${*//REAL/other}" >native.out 2>native.err
  local native=$?
  run bash -c "${*//REAL/real}" >policed.out 2>policed.err
  same "redirect: $what: exit status" $native $?
  sed 's/other/real/g' native.err >native.said
  same_file "redirect: $what: output" native.out policed.out
  same_file "redirect: $what: what it says" native.said policed.err
}
redirected "read" 'cat REAL/f'
redirected "stat" 'stat -c "%s %i %F" REAL/f; stat -L -c "%s %i %F" REAL/f'
redirected "missing" 'cat REAL/nothing'
redirected "no directory" 'cat REAL/f/x'
redirected "access" 'for o in -r -w -x -d -f; do test $o REAL/f; echo $?; done'
redirected "made" 'echo new >REAL/new; cat REAL/new; echo more >>REAL/new; cat REAL/new'
redirected "umask" 'umask 077; echo x >REAL/private; stat -c %a REAL/private'
redirected "relative" 'cd REAL && cat f ./f ../REAL/f'
ln -s "$here/real/f" link-real
same "redirect: a link to it leads there, too" "other content, longer" "$(run cat link-real)"
absent "redirect: nothing was made in the old place" real/new
ln -s f other/link
same "redirect: links are read in the new place" f "$(run readlink real/link)"
same "redirect: the original is as it was" "the real one" "$(cat real/f)"

# What is not there can be redirected as well, and no ".." gets around it.
cat >absent.yaml <<Y
version: 1
rules:
  - family: [open, stat, access]
    where: { path: "/nowhere/vendor/(**)" }
    do: { redirect: "$here/other/\$1" }
  - family: [open, stat, access]
    where: { path: "$here/real/**" }
    do: { errno: EACCES }
Y
same "redirect: from a tree that is not there" "other content, longer" \
  "$(limited "$callgate" run -q --policy absent.yaml -- cat /nowhere/vendor/f)"
limited "$callgate" run -q --policy absent.yaml -- cat "/nowhere/vendor/../../$here/real/f" >out.text 2>&1
has_not "redirect: no way around other rules" out.text "the real one"

finish
