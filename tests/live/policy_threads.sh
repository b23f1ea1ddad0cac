#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A policy with many rules under a program with many threads: all of them see the same lies, also in forked and vforked
# children, in 32-bit programs, with signals during waits, when the supervisor is short of descriptors, and when the
# program is killed at any moment. The ledger balances whatever happens.

network=own
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need perl

echo secret >secret
echo moved >to
echo unmoved >from
mkfifo fifo
cat >listen.pl <<'PERL'
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 0, Listen => 100) or die "no socket: $!\n";
open(my $port, ">", "port.new") or die "port.new: $!\n";
print $port $server->sockport;
close $port;
rename "port.new", "port";
close $_ while ($_ = $server->accept);
PERL
perl listen.pl &
until_true test -s port || { fail "no listener"; finish; }

cat >mixed.yaml <<Y
version: 1
rules:
  - { name: kernel, syscalls: [uname], do: { emulate: { uname: { release: 4.4.0-mixed } } } }
  - { name: date, do: { emulate: { time: { start: "2001-10-01T00:00:00Z" } } } }
  - { name: host-id, family: open, where: { path: /etc/hostid }, do: { substitute: { text: "mixed-id\n" } } }
  - { name: moved, family: open, where: { path: "$work/from" }, do: { redirect: "$work/to" } }
  - { name: secret, family: files, where: { path: "$work/secret" }, do: { errno: EACCES } }
  - { name: slow, syscalls: [sched_yield], do: { delay: 1ms } }
  - { name: maker, syscalls: [connect], where: { address: "192.0.2.10:7777" }, do: { redirect: "127.0.0.1:$(cat port)" } }
  - { name: root, do: { emulate: root } }
Y

under() { limited "$callgate" run --policy mixed.yaml --all -- "$@"; }
balances() { # sentence file
  if perl -ne 'if (/^ledger: received (\d+) = answered (\d+) \+ gone (\d+) \+ pending 0; recorded (\d+), dropped (\d+)/) { $ok = $1 == $2 + $3 && $1 == $4 + $5 } END { exit !$ok }' "$2"; then
    pass
  else
    fail "$1: the ledger does not balance" "$2"
  fi
}

kinds=("$programs/mixed")
[ -x "$programs/mixed32" ] && kinds+=("$programs/mixed32")
for mixed in "${kinds[@]}"; do
  what=$(basename "$mixed")
  LIMIT=120 under "$mixed" work 8 8 >out 2>err
  same "$what: threads and children: exit status" 0 $? out err
  same "$what: threads and children" "" "$(head -c 2000 out)"
  balances "$what: threads and children" err

  LIMIT=120 under "$mixed" storm 8 8 >out 2>err
  same "$what: a storm of signals" "0 " "$? $(head -c 2000 out)" err
  balances "$what: a storm of signals" err

  LIMIT=240 under "$mixed" wait >out 2>err
  same "$what: signals during waits" "0 " "$? $(head -c 2000 out)" err
  balances "$what: signals during waits" err

  under "$mixed" fds 50 >out 2>err
  same "$what: descriptors" "0 " "$? $(head -c 2000 out)" err
done

# Without WAIT_KILLABLE_RECV (kernels before 5.19), signals take calls back while the supervisor looks at them.
cat >older.pl <<'PERL'
# seccomp(_, flags & 0x20, _) is EINVAL, as on a kernel that does not know the flag.
my @insns = ([0x20, 0, 0, 0], [0x15, 0, 3, 317], [0x20, 0, 0, 24], [0x45, 0, 1, 0x20], [0x06, 0, 0, 0x00050016],
  [0x06, 0, 0, 0x7fff0000]);
my $code = join "", map { pack "SCCL", @$_ } @insns;
syscall(157, 38, 1, 0, 0, 0) == 0 or die "no_new_privs: $!\n";
syscall(317, 1, 0, pack("S x6 P", scalar @insns, $code)) == 0 or die "seccomp: $!\n";
exec @ARGV or die "$ARGV[0]: $!\n";
PERL
if [ "$(uname -m)" = x86_64 ]; then
  # Not `wait`: without the flag, the open of a FIFO that a signal took back may meet the other end before it is given up
  # (docs/EMULATED.md).
  for words in 'work 8 4'; do
    # shellcheck disable=SC2086
    LIMIT=120 limited perl older.pl "$callgate" run --policy mixed.yaml --all -- "$programs/mixed" $words >out 2>err
    same "an older kernel, $words" "0 " "$? $(head -c 2000 out)" err
    balances "an older kernel, $words" err
  done
fi

# Short of descriptors, the supervisor may refuse, but neither lie nor end. (The launcher passes its limit on.)
for limit in 24 32 48; do
  (
    ulimit -n $limit
    LIMIT=120 under "$programs/mixed" -l work 8 4 >out.$limit 2>err.$limit
  )
  rc=$?
  # With too few to begin with, it says so before the program runs.
  if [ $rc -ne 0 ] && [ ! -s out.$limit ] && ! grep -q '^ledger' err.$limit; then
    has "$limit descriptors: why nothing was run" err.$limit "callgate:"
  else
    same "$limit descriptors: no mistakes" "" "$(head -c 2000 out.$limit)" err.$limit
    balances "$limit descriptors" err.$limit
  fi
done

# Killed at any moment: the program, its group, in the middle of whatever it was doing. The first of them first, since a
# parent that lives would say what became of its child.
is_mixed() { [[ $(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") == "$programs/mixed "* ]]; }
parent_of() { sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null; }
running() {
  local pid
  first=() others=()
  for pid in $(leftovers); do
    is_mixed "$pid" || continue
    if is_mixed "$(parent_of "$pid")"; then others+=("$pid"); else first+=("$pid"); fi
  done
  [ ${#first[@]} -gt 0 ]
}
for round in $(seq 12); do
  LIMIT=60 under "$programs/mixed" endless 6 >out 2>err &
  runner=$!
  sleep "0.$((RANDOM % 4))$((RANDOM % 10))"
  until_true running || { fail "kill $round: did not start" out err; break; }
  kill -KILL "${first[@]}" "${others[@]}" 2>/dev/null
  wait $runner
  same "kill $round: exit status" 137 $? err
  same "kill $round: no mistakes before" "" "$(head -c 2000 out)"
  balances "kill $round" err
done
kill %1 2>/dev/null
rm -f made-*
finish
