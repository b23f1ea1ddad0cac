#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Programs that live on names and attributes, with all their calls carried out by callgate: the trees that they
# leave, and what they say, are those of the native run.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export HOME=$work # what somebody has set for git does not matter here
need git tar install python3

echo '{ "version": 1, "default": "allow", "rules": [{ "do": { "emulate": "identity" } }] }' >identity.json

# What is to be copied, moved and packed; the same for both runs.
mkdir base
(
  cd base || exit 1
  mkdir -p a/b/c empty modes
  for i in $(seq 20); do echo "file $i" >"a/b/file$i"; done
  ln -s b/file1 a/link
  ln -s nowhere a/dangling
  ln a/b/file2 a/hard
  mkfifo a/fifo
  for mode in 600 644 755 4755 2755 1777 000; do echo "$mode" >"modes/$mode" && chmod "$mode" "modes/$mode"; done
  touch -d '2001-02-03 04:05:06.123456789' a/b/file3
  git init -q repository && cd repository && git config user.email a@b && git config user.name a
  for i in $(seq 10); do echo "$i" >file$i; done
  git add -A && GIT_AUTHOR_DATE='2001-01-01T00:00:00' GIT_COMMITTER_DATE='2001-01-01T00:00:00' git commit -qm one
) >/dev/null 2>&1
touch -d '2002-01-01' base/a/b/* base/modes/* 2>/dev/null

cat >work.sh <<'S'
set -u
cp -a ../base/. . ; echo "cp $?"
cp -al a linked; echo "cp -l $?"
mv a/b a/moved; echo "mv $?"
mv a/moved/file1 a/moved/file2 empty; echo "mv two $?"
mv -T linked renamed; echo "mv -T $?"
ln -s ../a made.link; ln a/moved/file3 made.hard; ln made.hard made.hard; echo "ln $?"
install -d -m 750 installed/x/y; install -m 640 a/moved/file4 installed/x/y; echo "install $?"
mkdir -p a/b/c/d; mkdir a; echo "mkdir $?"
rmdir a; echo "rmdir $?"; rmdir -p installed/none 2>&1; rmdir a/b/c/d; echo "rmdir $?"
chmod -R u+w modes; chmod 4711 modes/755; chmod a+x nothing; echo "chmod $?"
chown "$(id -u):$(id -g)" modes/644; chown 12345 modes/644 2>/dev/null && echo gave || echo kept
touch -d 2010-10-10 a/moved/file5; touch -h -d 2011-11-11 a/link; touch new; touch -d 2012-12-12 new; echo "touch $?"
truncate -s 12345 new; truncate -s 3 a/moved/file6; echo "truncate $?"
tar -cf ../$1.tar a modes renamed; mkdir unpacked; tar -xpf ../$1.tar -C unpacked; echo "tar $?"
rm -rf renamed; rm -r none; rm a/moved/file7; unlink a/dangling; echo "rm $?"
git clone -q repository clone; echo "clone $?"
cd clone && git mv file1 file11 && git rm -q file2 && git -c user.email=a@b -c user.name=a commit -qm two; git checkout -q HEAD~1; git fsck; git status --porcelain; cd ..
python3 - <<'P'
import os, shutil, tempfile
os.makedirs('py/one/two', exist_ok=True)
for name in ('user.a', 'user.b'):
    try: os.setxattr('py/one', name, b'value')
    except OSError as e: print('setxattr', e.errno)
try:
    print(sorted(n for n in os.listxattr('py/one') if n.startswith('user.')), os.getxattr('py/one', 'user.a')); os.removexattr('py/one', 'user.a'); print([n for n in os.listxattr('py/one') if n.startswith('user.')])
except OSError as e: print('xattr', e.errno)
shutil.copytree('a', 'py/copy', symlinks=True, ignore=shutil.ignore_patterns('fifo'))
os.replace('py/copy/moved/file8', 'py/one/file8')
os.rename('py/copy', 'py/one/two/copy')
os.symlink('x' * 200, 'py/long')
os.mkfifo('py/fifo', 0o620)
os.utime('py/one/file8', ns=(1, 999999999))
for call in (lambda: os.rename('py', 'py/one/in'), lambda: os.rmdir('py'), lambda: os.mkdir('py'), lambda: os.unlink('py'),
             lambda: os.link('py', 'py2'), lambda: os.rename('py/none', 'py/none2'), lambda: os.chmod('py/none', 0), lambda: os.truncate('py', 0)):
    try: print(call())
    except OSError as e: print(e.errno, e.filename, e.filename2)
shutil.rmtree('py/one/two')
P
find . -path '*/.git' -prune -o -printf '%P %M %n %s %U %G %l\n' | sed -E 's/^(.*) (d[^ ]*) [0-9]+ [0-9]+ /\1 \2 /' | sort
find a modes installed unpacked py -not -type d -newermt 1970-01-01 -not -newermt 2015-01-01 -printf '%P %T@\n' | sort
S
umask 027
for where in native callgate; do mkdir "$where"; done
(cd native && LIMIT=120 limited bash ../work.sh same) >native.text 2>&1
rm -f same.tar
(cd callgate && LIMIT=240 limited "$callgate" run -q --policy ../identity.json -- bash ../work.sh same) >callgate.text 2>&1
same_file "programs: what they say and leave" native.text callgate.text
[ "$(wc -l <native.text)" -gt 100 ] || fail "programs: too little" native.text
same "programs: file contents" "$(cd native && find . -path '*/.git' -prune -o -type f -readable -exec sha256sum {} + | sort | sha256sum)" \
  "$(cd callgate && find . -path '*/.git' -prune -o -type f -readable -exec sha256sum {} + | sort | sha256sum)"

# Rules that change what happens: refused, pretended and sent elsewhere, by either path.
mkdir -p rules/yes rules/no rules/else
cat >rules.yaml <<Y
version: 1
default: allow
rules:
  - { family: [names, attributes, write, xattr], where: { path: "$work/rules/no/**" }, do: { errno: EROFS } }
  - { syscalls: [mkdir, mkdirat], where: { path: "$work/rules/(*)/there" }, do: { redirect: "$work/rules/else/\$1" } }
  - { syscalls: [rename, renameat, renameat2], where: { path: "$work/rules/yes/target" }, do: { redirect: "$work/rules/else/target" } }
  - { syscalls: [unlink, unlinkat], where: { path: "$work/rules/yes/keep" }, do: { errno: 0 } }
  - { family: attributes, where: { path: "$work/rules/yes/fixed" }, do: { return: 0 } }
Y
touch rules/no/file rules/yes/keep rules/yes/fixed rules/yes/source
ln -s ../no rules/yes/way
chmod 600 rules/yes/fixed
limited "$callgate" run -q --policy rules.yaml -- sh -c '
  cd rules
  mkdir no/x; mv yes/source no/source; ln yes/source no/hard; ln -s x yes/way/link; chmod 777 no/file; touch -d 2001-01-01 no/file; rm -f yes/way/file
  truncate -s 9 no/file
  mkdir yes/there; mv yes/source yes/target; rm yes/keep; chmod 777 yes/fixed' >out.text 2>&1
same "rules: refusals" "7" "$(grep -c 'Read-only file system' out.text)" out.text
same "rules: the tree" "else else/target else/yes no no/file yes yes/fixed yes/keep yes/way" \
  "$(cd rules && find . -mindepth 1 -printf '%P\n' | sort | xargs)" out.text
same "rules: pretended" 600 "$(stat -c %a rules/yes/fixed)"

finish
