#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# callgate run --policy with `emulate: identity`: every call that the supervisor can carry out is carried out by it,
# and no program sees a difference. The oracle is the same program without callgate.
#   policy_identity.sh [python MODULE…]      Python's own tests instead of the rest

network=own
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

cat >identity.yaml <<'Y'
version: 1
rules:
  - do: { emulate: identity }
Y
policed() { limited "$callgate" run -q --policy "$work/identity.yaml" -- "$@"; }

# A library's own tests say what programs rely on.
if [ "${1:-}" = python ]; then
  . "$live/python_suite.sh"
  "$python" -c 'import test.test_posix' 2>/dev/null || skip "Python's own tests are not installed"
  for module in "${@:2}"; do python_suite "$work/identity.yaml" "$module"; done
  finish
fi

# ---- every way to ask about a path ----

tree=$work/tree/up/d
make_tree() {
  chmod -R u+rwx "$work/tree" 2>/dev/null
  rm -rf "$work/tree"
  mkdir -p "$tree"
  chmod 777 "$tree"
  "$programs/paths" make "$tree" || fail "making a tree"
}

# The kernel lets a process write into its own /proc/self/fd, as far as access(2) goes (docs/EMULATED.md).
own_fds() {
  if is_root; then cat; else grep -vE '^f?access[a-z0-9]* "/(proc/self|dev)/fd" '; fi
}

# Some of what is looked at is the machine's, whose times others change: a line may be as natively before or after.
before_or_after() { # before after got
  awk -v after="$2" -v got="$3" '{ if ((getline a <after) > 0 && (getline g <got) > 0 && a == g) print a; else print }' "$1"
}

look() { # program options…
  make_tree
  "$@" look "$tree" >/dev/null
  "$@" look "$tree" | own_fds >before.look
  policed "$@" look "$tree" >policed.raw
  same "$(basename "$*") look: exit status" 0 $?
  own_fds <policed.raw >policed.look
  "$@" look "$tree" | own_fds >after.look
  before_or_after before.look after.look policed.look >native.look
  same_file "$(basename "$*") look" native.look policed.look
  same "$(basename "$*") look: there was something to compare" yes "$([ "$(wc -l <native.look)" -gt 15000 ] && echo yes)"
}

change() { # program options…
  make_tree
  "$@" change "$tree" >native.change
  (cd "$tree" && find . -printf '%p %y %m %s %l\n' 2>/dev/null | sort) >native.tree
  make_tree
  policed "$@" change "$tree" >policed.change
  same "$(basename "$*") change: exit status" 0 $?
  (cd "$tree" && find . -printf '%p %y %m %s %l\n' 2>/dev/null | sort) >policed.tree
  same_file "$(basename "$*") change" native.change policed.change
  same_file "$(basename "$*") change: the tree afterwards" native.tree policed.tree
}

for program in paths paths32; do
  [ -x "$programs/$program" ] || continue
  for option in '' -t; do
    # shellcheck disable=SC2086
    look "$programs/$program" $option
    # shellcheck disable=SC2086
    change "$programs/$program" $option
  done
  is_root || continue
  # A supervisor with no more rights than the task cannot look into one that is not dumpable.
  look "$programs/$program" -n
  look "$programs/$program" -c
  change "$programs/$program" -c
done
chmod -R u+rwx "$work/tree"

# ---- programs that know nothing of this ----

compared() { # sentence program…: in a directory of its own each, output, exit status and what is left
  local what=$1 how status=()
  shift
  for how in native policed; do
    rm -rf "$work/$how.d"
    mkdir "$work/$how.d"
    # Names of directories are seen in outputs: they are the same.
    mv "$work/$how.d" "$work/here"
    if [ $how = native ]; then
      (cd here && limited "$@") >"$how.out" 2>"$how.err" </dev/null
    else
      (cd here && policed "$@") >"$how.out" 2>"$how.err" </dev/null
    fi
    status+=($?)
    (cd here && find . -name .git -prune -o -printf '%p %y %m %s %l\n' | sort) >"$how.left"
    rm -rf here
  done
  same "$what: exit status" "${status[0]}" "${status[1]}" policed.err
  same_file "$what: output" native.out policed.out
  same_file "$what: errors" native.err policed.err
  same_file "$what: what is left" native.left policed.left
}

cat >coreutils.sh <<'S'
umask 027
mkdir -p a/b/c; echo one >a/one; echo two >a/b/two; ln -s ../one a/b/link; ln a/one a/hard
cp -a a copy; ls -lR --time-style=+ a copy | sed '/^total/d; s/ [0-9]* root/ root/'; du -a --apparent-size a | sort
readlink -f a/b/link; realpath a/b/../b/link; stat -c '%n %F %a %s %h' a/* a/b/*; touch -d 2001-02-03 a/one
stat -c %y a/hard; head -c 3 a/one; tail -c 3 a/b/two; wc a/one a/b/two nothing; cat nothing/x a/one/x
install -m 640 a/one installed; mv installed a/b/; dd if=a/one of=a/dd bs=1 count=2 status=none; test -r a/one && echo readable
test -w /etc/passwd; echo $?; find a -type f | sort; sort a/one a/b/two; cmp a/one copy/one; rm -r copy; ls
rm "$(mktemp -p . XXXX)"; truncate -s 100 a/sparse; ls -s a/sparse; tee a/tee <a/one; cat /proc/self/comm /dev/null
exec 3<a/one; cat /dev/fd/3 /proc/self/fd/3; exec 4<>a/rw; echo x >&4; cat a/rw; cat <<<here; (echo out >/dev/stdout) | cat
mkfifo pipe; (echo through >pipe &) ; cat pipe; ls -d /proc/self/fd /dev/stdin; cd a/b && pwd -P && cat ../one
S
compared "coreutils" bash "$work/coreutils.sh"
if command -v busybox >/dev/null; then
  sed 's/<<<here/\/dev\/null/; s/--time-style=+ //; s/du -a --apparent-size a | sort//; s/^stat -c %y a.hard; //' coreutils.sh >busybox.sh
  grep -v 'touch -d\|ls -lR\|mktemp' busybox.sh >busybox2.sh
  compared "busybox sh" busybox sh "$work/busybox2.sh"
fi
cat >fifo.sh <<'S'
mkfifo f; for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.01; echo "line $i" >f) & cat f; wait; done
S
compared "opens that wait" dash "$work/fifo.sh"
cat >tar.sh <<'S'
tar c -C /usr/share/zoneinfo . 2>/dev/null | tar x; find . -type f | wc -l; tar c . | tar t | sort | md5sum
S
compared "tar" sh "$work/tar.sh"
if command -v git >/dev/null; then
  cat >git.sh <<'S'
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000' HOME=$PWD GIT_CONFIG_NOSYSTEM=1
git init -q -b main r; cd r; git config user.name n; git config user.email e; for i in 1 2 3 4 5; do echo $i >f$i; git add .; git commit -qm $i; done
git log --format=%H; git status --porcelain; git checkout -q HEAD~2; ls; git fsck 2>&1; git gc -q; git branch -a | cat
S
  compared "git" sh "$work/git.sh"
fi
if command -v gcc >/dev/null; then
  cat >gcc.sh <<'S'
printf '#include <stdio.h>\nint main(void) { puts("made"); return 3; }\n' >m.c; gcc -O1 -o m m.c; ./m; echo $?; gcc -c nothing.c; gcc -E m.c | wc -l
S
  compared "gcc" sh "$work/gcc.sh"
fi

finish
