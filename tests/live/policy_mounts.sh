#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# binds, overlays and tmpfs of a policy: real programs change a tree, the original stays as it was (checksums), the
# list of changes is what a comparison of both trees by others says (diff -r), and the program is who it was.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export HOME=$work # what somebody has set for git does not matter here
need git make python3

policy() { # file, lines…
  local file=$1
  shift
  printf 'version: 1\ndefault: allow\n' >"$file"
  printf '%s\n' "$@" 'rules:' '  - { syscalls: [reboot], do: { return: 0 } }' >>"$file"
}
run() { limited "$callgate" run --policy "$@"; }

policy none.yaml
policy empty.yaml 'tmpfs: [./nothing]'
sed -i "s|./nothing|$work/nothing|" empty.yaml
mkdir nothing
if ! run empty.yaml -- true 2>err.text; then
  grep -qE 'namespace' err.text && skip "$(cat err.text)"
  fail "an empty tmpfs" err.text
fi

# Who the program is: natively, under a policy, and under one with mounts.
cat >who.sh <<'S'
grep -E '^(Uid|Gid|Groups|Cap|Sig[BIC]|ShdPnd|Umask)' /proc/self/status
id
pwd
umask
ls -l /proc/self/fd | grep -c .
ulimit -n
S
sh who.sh >who.native
run none.yaml -q -- sh who.sh >who.policy 2>err.text
same_file "who: under a policy" who.native who.policy
run empty.yaml -q -- sh who.sh >who.mounts 2>err.text
same_file "who: under a policy with mounts" who.native who.mounts
same "what has no native counterpart: no_new_privs is that of a policy without mounts" \
  "$(run none.yaml -q -- grep NoNewPrivs /proc/self/status 2>/dev/null)" \
  "$(run empty.yaml -q -- grep NoNewPrivs /proc/self/status 2>/dev/null)"

# The supervisor sees the paths of a program behind mounts, and its memory.
mkdir secret open
echo secret >secret/file
echo open >open/file
cat >redirect.yaml <<Y
version: 1
default: allow
binds: [{ from: $work/open, to: $work/nothing }]
rules:
  - { family: open, where: { path: "$work/secret/**" }, do: { errno: EACCES } }
  - { family: open, where: { path: "$work/nothing/other" }, do: { redirect: "$work/nothing/file" } }
Y
same "paths are judged in the program's tree" "open refused open" \
  "$(run redirect.yaml -q -- sh -c 'cat nothing/file; cat secret/file 2>&1 | grep -q "Permission denied" && echo refused; cat nothing/other' 2>err.text | xargs)"

# An overlay and what real programs do in it.
mkdir tree
(
  cd tree || exit 1
  git init -q . && git config user.email a@b && git config user.name a
  mkdir -p src/lib
  for i in 1 2 3 4 5; do seq "$i" 100 >src/lib/file$i; done
  printf 'all:\n\techo built >product\ninstall: all\n\tmkdir -p out/bin\n\tinstall -m 755 product out/bin/tool\n\tln -sf tool out/bin/link\n' >Makefile
  git add -A && git commit -qm one
  mkdir old && echo old >old/file
) >/dev/null 2>&1
sums() { (cd "$1" && find . -path ./.git/index -prune -o -printf '%p %M %U %G %T@ %l\n' | sort && find . -type f -exec sha256sum {} + | sort); }
sums tree >sums.before
policy overlay.yaml "overlays: [{ path: $work/tree, changes: ./changes }]"
cat >change.sh <<'S'
set -e
cd tree
make -s install
git mv src/lib/file1 src/lib/moved
echo more >>src/lib/file2
git commit -qam two
git checkout -q -b other
git gc -q
rm -r src/lib/file3
rm -r old
mv src/lib src/library
chmod 600 src/library/file4
cp -a src/library copy
python3 - <<'P'
import os, shutil
os.makedirs('site/package/__pycache__')
open('site/package/__init__.py', 'w').write('x = 1\n')
os.replace('product', 'site/product')
shutil.rmtree('copy')
P
tar -cf - src | (mkdir unpacked && cd unpacked && tar -xf -)
git status --porcelain >status.text
git fsck >/dev/null 2>&1
S
LIMIT=120 run overlay.yaml -- sh change.sh >out.text 2>changes.text
same "programs in an overlay: status" 0 $? out.text changes.text
sums tree >sums.after
same_file "the original is untouched" sums.before sums.after
has "made" changes.text "  made      out/bin/tool  6 bytes"
has "removed" changes.text "  removed   old/"
has_not "what came and went is no change" changes.text " copy/"

# The tree as the program left it, seen by the next program, against the list.
run overlay.yaml -q -- cp -a tree merged >/dev/null 2>err.text
same "the next program continues" 0 $? err.text
run overlay.yaml -q --json -- true >/dev/null 2>changes.json
python3 - >wanted.text <<'P'
import os, stat
def tree(top):
    found = {}
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            kind = stat.S_IFMT(st.st_mode)
            data = None
            if stat.S_ISREG(st.st_mode): data = open(path, 'rb').read()
            if stat.S_ISLNK(st.st_mode): data = os.readlink(path)
            times = st.st_mtime_ns if not stat.S_ISDIR(st.st_mode) else 0
            found[os.path.relpath(path, top)] = (kind, st.st_mode, data, times)
    return found
before, after = tree('tree'), tree('merged')
for path in sorted(set(before) | set(after)):
    if path not in after: print('-', path)
    elif path not in before: print('+', path)
    elif before[path] != after[path]: print('~', path)
P
python3 - <<'P' >got.text
import json, os
rows = json.load(open('changes.json'))['overlays'][0]['changes']
def below(top):
    found = []
    for folder, folders, files in os.walk(os.path.join('tree', top)):
        found += [os.path.relpath(os.path.join(folder, n), 'tree') for n in folders + files]
    return found
marks = {}
for row in rows:
    path, kind = row['path'], row['change']
    if kind == 'removed':
        marks[path] = '-'
        for inner in below(path): marks[inner] = '-'
    elif kind == 'made': marks[path] = '+'
    elif kind == 'moved':
        marks[path] = '+'
        for inner in below(row['from']):
            marks.setdefault(path + inner[len(row['from']):], '+')
    elif kind == 'changed': marks[path] = '~'
# Rows of what lies below a moved folder are about that folder.
for row in rows:
    for other in rows:
        if other['change'] == 'moved' and row['path'].startswith(other['path'] + '/'):
            if row['change'] == 'removed': marks.pop(row['path'], None)
            elif row['change'] == 'changed': marks[row['path']] = '+'
for path in sorted(marks): print(marks[path], path)
P
grep -v '\.git' wanted.text >wanted.plain
grep -v '\.git' got.text >got.plain
same_file "the list is what a comparison says" wanted.plain got.plain
[ "$(wc -l <got.plain)" -gt 10 ] || fail "the list is short" got.plain

# One at a time.
run overlay.yaml -q -- sh -c 'touch ready; until [ -e go ]; do sleep 0.02; done' 2>/dev/null &
until_true test -e ready
run overlay.yaml -q -- true 2>err.text
same "a second program on the same changes: status" 125 $?
has "a second program on the same changes" err.text "another program is running on these changes"
touch go
wait

# Thrown away.
rm -rf changes
absent "changes can be removed" changes
run overlay.yaml -- true 2>err.text
has "and all is as before" err.text "tree: nothing changed"

# The original is not to be had through processes outside (root has other ways: docs/SECURITY.md), also not by the
# hands of a supervisor that carries the calls out and might look at them.
if ! is_root; then
  policy carried.yaml "overlays: [{ path: $work/tree, changes: ./changes }]"
  sed -i 's/- { syscalls: .*/- do: { emulate: identity }/' carried.yaml
  cat >outside.sh <<S
echo changed >tree/Makefile
for file in root$work/tree/Makefile cwd/tree/Makefile fd/0 environ mem; do
  head -c 1 /proc/\$PPID/\$file >/dev/null 2>&1 && echo "got \$file"
  (cd /proc/\$PPID && head -c 1 \$file >/dev/null 2>&1) && echo "got ./\$file"
done
cat /proc/\$PPID/comm /proc/\$\$/root$work/tree/Makefile /proc/self/cwd/tree/Makefile
S
  for file in overlay.yaml carried.yaml; do
    same "$file: processes outside are closed" "callgate changed changed" "$(run $file -q -- sh outside.sh 2>err.text | xargs)" err.text
  done
  rm -rf changes
fi

# Nothing of it outside: no mount is left.
same "no mount is left" "" "$(grep -F "$work" /proc/self/mountinfo)"

# What cannot be is said with place, value and remedy.
policy bad.yaml "binds: [{ from: $work/none, to: $work/tree }]"
run bad.yaml -q -- true 2>err.text
same "a bind of nothing: status" 125 $?
has "a bind of nothing" err.text "binds: $work/tree: from: $work/none: No such file or directory"
if ! is_root; then
  unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_mnt_namespaces 2>/dev/null; cd '"$work"' && '"$callgate"' run -q --policy empty.yaml -- true' 2>err.text
  has "no mount namespaces" err.text "need a mount namespace"
fi

finish
