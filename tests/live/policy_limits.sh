#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Limits by count and by rate, with programs that know nothing of them: how many processes, sockets and opens there are
# is counted by the programs themselves, and compared with a run of the same program without limits.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need python3 dash

export XDG_RUNTIME_DIR=$work
chmod 700 "$work"

policy() { # file rules…
  local file=$1
  shift
  { echo "version: 1"; echo "rules:"; printf '  - %s\n' "$@"; } >"$file"
}
run() { # policy command…
  local file=$1
  shift
  limited "$callgate" run -q --policy "$file" -- "$@"
}

# ---- processes ----
forks='i=0; while [ $i -lt 20 ]; do i=$((i+1)); /bin/echo started; done; exit 0'
policy forks.yaml "{ name: forks, syscalls: [fork, vfork, clone, clone3], where: { count: { above: 12 } }, do: { errno: EAGAIN } }"
same "without a limit all are started" 20 "$(dash -c "$forks" | grep -c started)"
run forks.yaml dash -c "$forks" >out 2>err
same "twelve processes and no more" 12 "$(grep -c started out)" out err
has "the shell is told" err "Cannot fork"
# Each program has its own count: the second shell begins anew, a copy of the first one's file does not.
policy per_program.yaml "{ syscalls: [fork, vfork, clone, clone3], where: { count: { above: 12, of: program } }, do: { errno: EAGAIN } }"
run per_program.yaml dash -c "$forks" >out 2>err
same "twelve of one program" 12 "$(grep -c started out)" out err
cp "$(command -v dash)" other-dash
run per_program.yaml dash -c './other-dash -c '"'$forks'"'; dash -c '"'$forks'" >out 2>err
same "twelve of one program and ten of the other, which started both" 22 "$(grep -c started out)" out err

# ---- sockets ----
cat >sockets.py <<'P'
import errno, os, socket, sys, threading
def tries(n, kept=[]):
    text = ""
    for _ in range(n):
        try:
            kept.append(socket.socket())
            text += "+"
        except OSError as e:
            text += errno.errorcode[e.errno][0]
    return text
what = sys.argv[1]
if what == "here":
    print(tries(8))
elif what == "child":
    first = tries(8)
    pid = os.fork()
    if pid == 0:
        print(first, tries(8), flush=True)
        os._exit(0)
    os.waitpid(pid, 0)
elif what == "threads":
    texts = []
    def body(): texts.append(tries(25))
    threads = [threading.Thread(target=body) for _ in range(8)]
    for t in threads: t.start()
    for t in threads: t.join()
    text = "".join(texts)
    print(text.count("+"), len(text))
elif what == "twice":
    print(tries(6), flush=True)
    while not os.path.exists("go"): threading.Event().wait(0.02)
    print(tries(6), flush=True)
P
same "without a limit sockets are made" "++++++++" "$(python3 sockets.py here)"
policy process.yaml "{ syscalls: [socket], where: { count: { above: 5, of: process } }, do: { errno: EMFILE } }"
same "five sockets of a process" "+++++EEE" "$(run process.yaml python3 sockets.py here 2>err)" err
same "a child has its own five" "+++++EEE +++++EEE" "$(run process.yaml python3 sockets.py child 2>err)" err
policy program.yaml "{ syscalls: [socket], where: { count: { above: 5, of: program } }, do: { errno: EMFILE } }"
same "a child of the same program has none left" "+++++EEE EEEEEEEE" "$(run program.yaml python3 sockets.py child 2>err)" err
policy threads.yaml "{ syscalls: [socket], where: { count: { above: 50, of: process } }, do: { errno: EMFILE } }"
same "threads at once are counted exactly" "50 200" "$(run threads.yaml python3 sockets.py threads 2>err)" err
policy rate.yaml "{ syscalls: [socket], where: { rate: { above: 3/h, of: session } }, do: { errno: ENOBUFS } }"
same "a rate" "+++EEEEE" "$(run rate.yaml python3 sockets.py here 2>err)" err
policy by_argument.yaml "{ syscalls: [socket], where: { args: { domain: AF_INET6 }, count: { above: 0 } }, do: { errno: EMFILE } }"
same "what does not match is not counted" "++++++++" "$(run by_argument.yaml python3 sockets.py here 2>err)" err

# ---- opens, slowed down ----
mkdir data
for i in $(seq 60); do echo "text $i" >"data/$i"; done
cat >reads.py <<'P'
import sys, time
start = time.monotonic()
texts = [open(f"data/{i}").read() for i in range(1, 61)]
print("".join(texts), end="")
print(f"{time.monotonic() - start:.2f}", file=sys.stderr)
P
python3 reads.py >native 2>native.time
policy opens.yaml "{ syscalls: [openat], where: { path: '$work/data/**', rate: { above: 20/s, of: program } }, do: { delay: 50ms } }"
run opens.yaml python3 reads.py >out 2>seconds
same_file "delayed opens open the same" native out
# Twenty at once; then at least 50 ms for two: a second for the other forty, however slow the machine is.
same "and take their time" yes "$(awk '{ print ($1 >= 0.95) ? "yes" : $1 }' seconds)" seconds
policy denied.yaml "{ syscalls: [openat], where: { path: '$work/data/**', count: { above: 10 } }, do: { errno: ENFILE } }"
# shellcheck disable=SC2016
run denied.yaml dash -c 'for i in $(seq 15); do read -r a b <data/$i && echo "$b"; done' >out 2>err
same "ten opens of these files, and any of others" "1 2 3 4 5 6 7 8 9 10" "$(xargs <out)" out err

# ---- a delay is no prison ----
# (getsid: a call that nobody makes by the way, and that takes no time of its own.)
policy forever.yaml "{ syscalls: [getsid], do: { delay: 1h } }"
run forever.yaml timeout -s KILL 1 python3 -c 'import os; os.getsid(0)' >out 2>err
same "a delayed program can be killed" 137 $? out err

cat >alarmed.py <<'P'
import os, signal, sys
signal.signal(signal.SIGALRM, lambda *_: os._exit(3))
# More than once: the first might come before the call.
signal.setitimer(signal.ITIMER_REAL, 1, 0.5)
os.getsid(0)
sys.exit(4)
P
run forever.yaml python3 alarmed.py >out 2>err
same "a signal with a handler ends a long delay" 3 $? out err
cat >impatient.py <<'P'
import os, signal, sys, time
signal.signal(signal.SIGALRM, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
start = time.monotonic()
for _ in range(3): os.getsid(0)
signal.setitimer(signal.ITIMER_REAL, 0)
sys.exit(0 if time.monotonic() - start >= 0.9 else 5)
P
policy brief.yaml "{ syscalls: [getsid], do: { delay: 300ms } }"
run brief.yaml python3 impatient.py >out 2>err
same "and none shortens a brief one" 0 $? out err

# ---- counts outlive a reload ----
policy live.yaml "{ name: few, syscalls: [socket], where: { count: { above: 5 } }, do: { errno: EMFILE } }"
run live.yaml python3 sockets.py twice >out 2>err &
runner=$!
first_line() { grep -q . out; }
until_true first_line || fail "the first sockets" out err
policy live.yaml "{ name: few, syscalls: [socket], where: { count: { above: 8 } }, do: { errno: EMFILE } }"
limited "$callgate" reload >reload.out 2>&1
same "reload" 0 $? reload.out
touch go
wait "$runner"
same "three more, since five are counted" "+++++E +++EEE" "$(xargs <out)" out err reload.out

finish
