#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What a policy refuses by path is never obtained: not by changing memory, links, directories, descriptors or working
# directories while the call is looked at, nor under another name. And nothing is lost on either side when tasks die,
# or run out of descriptors, in the middle.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

attack=$programs/attack
tries=${1:-3000}

stage() {
  rm -rf place
  mkdir -p place/open place/secret place/x
  for i in place/open/key place/x/key; do echo "open to everybody" >$i; done
  { printf 'SECRET'; head -c 4236 /dev/zero; } >place/secret/key
  ln -s SECRETLINK place/secret/link
  (cd place && ln -s secret y && ln -s secret to-secret && ln -s secret/key to-key && ln -s to-key to-to-key &&
    ln -s /proc/self/cwd/secret/key through-proc)
}
stage
cat >deny.yaml <<Y
version: 1
rules:
  - name: secret
    family: [open, stat, access, readlink]
    where: { path: "$work/place/secret/**" }
    do: { errno: EACCES }
Y

# The attacks are worth something: without a policy they all succeed, sooner or later.
succeeds() {
  limited "$attack" place 20000 "$1" >native.out 2>&1
  ! grep -qF " 0 obtained" native.out
}
for name in $("$attack" -l .); do
  case $name in
    thread | new) ;; # what shows there is the refusal, and where something was made
    *) until_true succeeds "$name" || fail "without a policy: $name succeeds" native.out ;;
  esac
done
stage

for bits in '' 32; do
  [ -x "$attack$bits" ] || continue
  for name in $("$attack" -l .); do
    limited "$callgate" run -q --policy deny.yaml -- "$attack$bits" place "$tries" "$name" >attack.out 2>attack.err
    same "$name$bits: exit status" 0 $? attack.err
    has "$name$bits: never obtained" attack.out " 0 obtained"
    case $name in
      # The rule refuses no more than it says.
      text | link | directory) has_not "$name$bits: what is open stays open" attack.out " 0 harmless" ;;
    esac
    absent "$name$bits: nothing was made there" place/secret/made
  done
done

# The same by someone else's hands: programs that know nothing of it.
for words in "cat place/secret/key" "head -c 6 place/secret/key" "cp place/secret/key copied" "tar cf copied place/secret/key" \
  "grep -c SECRET place/secret/key" "dd if=place/secret/key of=copied status=none" "ln -f place/secret/link copied" "stat place/secret/key"; do
  rm -f copied
  # shellcheck disable=SC2086
  limited "$callgate" run -q --policy deny.yaml -- $words >out.text 2>err.text
  if [ $? -eq 0 ] && grep -qs SECRET copied out.text; then fail "$words: got it"; else pass; fi
done

# ---- tasks that die in the middle ----

fds_of() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }

cat >dying.sh <<S
echo ready; read -r _
for i in \$(seq 60); do
  "$attack" "$work/place" 100000 text >/dev/null 2>&1 & pid=\$!
  sleep 0.0\$((i % 5)); kill -KILL \$pid 2>/dev/null; wait \$pid 2>/dev/null
done
echo done; read -r _; exit 0
S
mkfifo to from
limited "$callgate" run --policy deny.yaml -- bash dying.sh <to >from 2>dying.err &
runner=$!
exec 3>to 4<from
read -r line <&4
same "dying tasks: begun" ready "$line"
supervisor=
for pid in $(leftovers); do
  [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = callgated ] && supervisor=$pid
done
if [ -n "$supervisor" ] && is_root; then
  before=$(fds_of "$supervisor")
  echo go >&3
  read -r line <&4
  same "dying tasks: went through" done "$line"
  holds_no_more() { [ "$(fds_of "$supervisor")" -le "$before" ]; }
  until_true holds_no_more && pass || fail "dying tasks: descriptors of the supervisor: $before before, $(fds_of "$supervisor") afterwards"
else
  echo go >&3
  read -r line <&4
  same "dying tasks: went through" done "$line"
fi
exec 3>&- 4<&-
wait $runner
same "dying tasks: the run ends well" 0 $? dying.err
has "dying tasks: the ledger balances" dying.err "pending 0"

# ---- no more descriptors ----

# Ours: the program is told so, not let through, and all is well when there are some again. The limit is the lowest
# number that is not in use, as soon as that stays the same.
starve() { # pid hard-limit
  local n before=-1
  while :; do
    n=0
    while [ -e "/proc/$1/fd/$n" ]; do n=$((n + 1)); done
    prlimit --pid "$1" --nofile="$n:$2"
    [ "$n" -ne "$before" ] || break
    before=$n
    sleep 0.1
  done
}
cat >starving.sh <<S
echo ready; read -r _
read -r x 2>/dev/null <"$work/place/secret/key" && echo got it
read -r x 2>&1 <"$work/place/open/key"; echo tried; read -r _
read -r x <"$work/place/open/key" && echo "\$x"; exit 0
S
if is_root && command -v prlimit >/dev/null; then
  limited "$callgate" run -q --policy deny.yaml -- bash starving.sh <to >from 2>starving.err &
  runner=$!
  exec 3>to 4<from
  read -r line <&4
  for pid in $(leftovers); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = callgated ] && supervisor=$pid
  done
  limits=$(prlimit --pid "$supervisor" --nofile --noheadings --output SOFT,HARD | xargs | tr ' ' :)
  starve "$supervisor" "${limits#*:}"
  echo go >&3
  until [ "$line" = tried ]; do
    read -r line <&4 || break
    echo "$line"
  done >starving.out
  has "no descriptors of ours: the call fails" starving.out "place/open/key: "
  has_not "no descriptors of ours: nothing is let through" starving.out "got it"
  prlimit --pid "$supervisor" --nofile="$limits"
  echo go >&3
  cat <&4 >starving.out
  has "no descriptors of ours: all is well afterwards" starving.out "open to everybody"
  exec 3>&- 4<&-
  wait $runner
  same "no descriptors of ours: the run ends well" 0 $? starving.err
fi

cat >limit.sh <<S
exec 3<"$work/place/open/key" 4<&3 5<&3 6<&3 7<&3
ulimit -Sn 8
cat </dev/null 8<"$work/place/open/key" 9<"$work/place/open/key" && echo opened
S
bash limit.sh >native.out 2>native.err
native=$?
limited "$callgate" run -q --policy deny.yaml -- bash limit.sh >out.text 2>err.text
same "EMFILE of the task: exit status" $native $?
same_file "EMFILE of the task: what it says" native.err err.text
same_file "EMFILE of the task: what it does" native.out out.text

finish
