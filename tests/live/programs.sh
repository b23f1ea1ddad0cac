# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
#
# The programs that oracle.sh runs: not written by us, or (Go, 32-bit) written to behave like what people have.
# program_NAME prepares $work/NAME and sets
#   command   what runs, the same in every run, wherever the run before it stopped
#   client    shell text run beside a server: waits until it is up, uses it, sets server to its pid and ends it;
#             empty: the command ends by itself
#   timing    calls whose presence depends on scheduling (each with a reason)
#   mixed     "yes": makes 32-bit calls, so strace runs once per kind

command=() client= timing= mixed=no

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
gone() { ! kill -0 "$1" 2>/dev/null; }

program_busybox() {
  need busybox
  cat >script.sh <<'S'
i=0
while [ $i -lt 5 ]; do
  busybox seq 1 20 | busybox sort -rn | busybox head -n 3 | busybox tr '\n' ' '
  i=$((i + 1))
done
busybox rm -rf dir copy
mkdir dir && cd dir || exit 9
for name in c a b; do echo "$name line" >"$name.txt"; done
busybox grep -c line *.txt
busybox sed -e 's/line/row/' a.txt | busybox tee d.txt
busybox ln -s a.txt link && busybox readlink link
busybox find . -type f | busybox sort
busybox cp -r . ../copy && busybox diff -r . ../copy && echo equal
busybox dd if=/dev/zero bs=512 count=8 2>/dev/null | busybox md5sum
busybox rm -r ../copy
(trap 'echo term; exit 4' TERM; busybox sleep 0; kill -TERM $$ 2>/dev/null) &
wait
exit 7
S
  sed -i 's/kill -TERM \$\$ 2>\/dev\/null/true/' script.sh
  command=(/usr/bin/busybox sh script.sh)
  # A shell that finds its child already dead does not wait for it.
  timing=wait4,rt_sigreturn
}

program_bash() {
  cat >script.sh <<'S'
set -o pipefail
rm -f numbers file
for i in {1..10}; do seq "$i" | sort -rn | head -n 2 | paste -sd,; done
while read -r line; do echo "<$line>"; done < <(printf '%s\n' one two three)
cat <<HERE | tr a-z A-Z
here document $((6 * 7))
HERE
mapfile -t lines < <(seq 3); echo "${#lines[@]}"
coproc cat; echo through >&"${COPROC[1]}"; read -r back <&"${COPROC[0]}"; echo "$back"
exec {COPROC[1]}>&-; wait
(exit 3) | (exit 5) | true; echo "${PIPESTATUS[*]}"
trap 'echo usr1' USR1; kill -USR1 $$; trap - USR1
umask 027; : >file; stat -c %a file; rm file
[[ -d /proc && ! -e nothing ]] && echo tested
exec {fd}>numbers; seq 5 >&$fd; exec {fd}>&-; wc -l <numbers
kill -TERM $BASHPID
S
  command=(/bin/bash --norc script.sh)
  timing=wait4,rt_sigreturn,read,pselect6
}

program_python() {
  need /usr/bin/python3
  cat >script.py <<'S'
import asyncio, hashlib, json, mmap, os, select, socket, subprocess, sys, tempfile, threading

results = []
def work(n):
    results.append(sum(range(n)))
threads = [threading.Thread(target=work, args=(1000 * i,)) for i in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(results))
print(subprocess.run(["/bin/sh", "-c", "cat; exit 6"], input=b"fed\n", stdout=subprocess.PIPE))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "file")
    with open(path, "w") as file: json.dump({"a": [1, 2, 3]}, file)
    os.rename(path, path + ".new"); os.link(path + ".new", path); os.chmod(path, 0o600)
    print(oct(os.stat(path).st_mode), os.stat(path).st_nlink, sorted(os.listdir(folder)))
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as view: print(view[:5])
a, b = socket.socketpair()
a.send(b"ping"); print(select.select([b], [], [], 10)[0] == [b], b.recv(4))
async def echo(reader, writer):
    writer.write((await reader.readline()).upper()); await writer.drain(); writer.close()
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n"); print(await reader.readline()); writer.close()
    server.close()
asyncio.run(main())
pid = os.fork()
if pid == 0: os._exit(9)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(hashlib.sha256(b"x" * 100000).hexdigest())
sys.exit(11)
S
  command=(/usr/bin/env PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 TMPDIR="$PWD" /usr/bin/python3 -E script.py)
  # Locks that are or are not contended, memory that another thread's arena does or does not need.
  timing=futex,madvise,munmap,mprotect,brk,exit,restart_syscall,poll
}

program_perl() {
  need perl
  cat >script.pl <<'S'
use strict; use warnings; use POSIX qw(:sys_wait_h); use IO::Handle; use IO::Socket::UNIX; use Socket;
STDOUT->autoflush(1);
print join(",", sort { $b <=> $a } 3, 11, 2), "\n";
pipe(my $r, my $w) or die;
my $pid = fork(); if (!$pid) { close $r; print $w "from child\n"; exit 5 }
close $w; print <$r>; waitpid($pid, 0); print $? >> 8, "\n";
print `echo backticks`; print system("exit 3") >> 8, "\n";
open(my $f, ">", "perl.txt") or die; print $f "line $_\n" for 1..100; close $f;
open($f, "<", "perl.txt"); my $n = 0; $n++ while <$f>; print "$n\n"; print -s "perl.txt", "\n";
utime(1, 2, "perl.txt"); print((stat "perl.txt")[9], "\n"); chmod 0640, "perl.txt"; rename "perl.txt", "moved.txt";
print join(" ", sort glob("*.txt")), "\n"; unlink "moved.txt";
local $SIG{ALRM} = sub { print "alarm\n" }; kill ALRM => $$; 
socketpair(my $x, my $y, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die; syswrite $x, "abc"; sysread $y, my $b, 3; print "$b\n";
select(undef, undef, undef, 0.01); print "done\n"; exit 12;
S
  command=(/usr/bin/perl script.pl)
  timing=rt_sigreturn,restart_syscall
}

program_git() {
  need git
  export HOME=$PWD GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
  export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
  export GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
  git config --global safe.directory '*'
  git config --global init.defaultBranch main
  git config --global pack.threads 2
  git init -q origin
  local i
  for i in 1 2 3 4 5 6; do
    mkdir -p "origin/d$i"
    seq $((i * 500)) >"origin/d$i/file"
    git -C origin add . && git -C origin commit -q -m "commit $i"
  done
  command=(/bin/sh -c 'rm -rf copy; git clone -q --no-local origin copy && git -C copy log --oneline --stat | cat && git -C copy fsck --no-progress && git -C copy status --short --branch')
  # Threads of pack-objects and index-pack, a side band that is or is not read in one piece.
  timing=futex,madvise,munmap,mprotect,brk,poll,wait4,rt_sigreturn,mmap,exit,getdents64,setitimer,restart_syscall,rt_sigaction,pread64,sched_yield,read
}

program_tar() {
  need tar gzip
  mkdir -p tree/sub
  local i
  for i in $(seq 40); do echo "file $i" >"tree/sub/$i"; done
  ln -s sub/1 tree/link; mkfifo tree/pipe; ln tree/sub/2 tree/hard
  command=(/bin/sh -c 'rm -rf out out.tgz; tar -czf out.tgz tree && tar -tzf out.tgz | sort && mkdir out && tar -xzf out.tgz -C out && diff -r --no-dereference tree/sub out/tree/sub && tar -cf - tree | wc -c')
  timing=wait4,rt_sigreturn,pselect6
}

program_gcc() {
  need gcc
  cat >hello.c <<'S'
#include <stdio.h>
int main(void) { for (int i = 0; i < 3; i++) printf("hello %d\n", i); return 21; }
S
  command=(/bin/sh -c 'rm -f hello; gcc -O1 -Wall -o hello hello.c && ./hello')
  timing=wait4,rt_sigreturn,brk,munmap
}

program_make() {
  need make gcc
  {
    printf 'all: %s\n\tcat %s; rm -f *.out *.o\n' "$(printf 't%s.out ' $(seq 24))" "$(printf 't%s.out ' $(seq 24))"
    printf '%%.out: %%.in\n\tsort -n $< | tail -n 1 | sed s/^/$*:/ >$@\n'
    printf 'lib.o: lib.c\n\tgcc -c -o $@ $<\nall: lib.o\n'
  } >Makefile
  local i
  for i in $(seq 24); do seq "$i" >"t$i.in"; done
  echo 'int f(void) { return 1; }' >lib.c
  command=(/usr/bin/make -s -j2)
  # Tokens of the job server, children that end while make looks or does not look.
  timing=wait4,rt_sigreturn,pselect6,read,write,munmap,brk,restart_syscall,futex,lseek,madvise
}

nginx_common() { # daemon on|off
  need nginx wrk
  mkdir -p html temp && head -c 20000 /dev/zero | tr '\0' x >html/index.html
  port=$(free_ports 1)
  chmod 755 . html
  cat >nginx.conf <<S
daemon $1;
pid $PWD/server.pid;
error_log $PWD/error.log warn;
worker_processes 2;
events { worker_connections 64; }
http {
  access_log off;
  sendfile on;
  client_body_temp_path $PWD/temp/a; proxy_temp_path $PWD/temp/b; fastcgi_temp_path $PWD/temp/c;
  uwsgi_temp_path $PWD/temp/d; scgi_temp_path $PWD/temp/e;
  server { listen 127.0.0.1:$port; root $PWD/html; }
}
S
  command=(/usr/sbin/nginx -e "$PWD/error.log" -c "$PWD/nginx.conf" -p "$PWD")
  client="until_true port_open $port && wrk -t1 -c8 -d1s --timeout 60s http://127.0.0.1:$port/ >wrk.out; grep -q 'requests in' wrk.out && ! grep -q 'Non-2xx\|Socket errors' wrk.out && echo served; until_true test -s server.pid; server=\$(cat server.pid); kill -QUIT \$server"
  # What a worker does when it finds nothing to do, a peer that is gone, or its own buffers full.
  timing=epoll_wait,futex,rt_sigreturn,wait4,writev,sendfile,close,brk,munmap,mmap,sendto,recvfrom,recvmsg,sendmsg,restart_syscall,accept4,gettid,shutdown,epoll_ctl,exit_group,socketpair,rt_sigsuspend,setitimer,timer_settime,write,fcntl,pread64,openat,fstat,newfstatat,setsockopt
}

program_nginx() { nginx_common off; }
program_nginx_daemon() { nginx_common on; }

program_redis() {
  need redis-server redis-benchmark redis-cli
  port=$(free_ports 1)
  command=(/usr/bin/redis-server --port "$port" --bind 127.0.0.1 --save '' --daemonize no --logfile "$PWD/redis.log" --dir "$PWD" --pidfile "$PWD/server.pid")
  client="until_true redis-cli -p $port ping && redis-benchmark -p $port -n 1000 -c 10 -q -t set,get,lpush,lrange_100 >bench.out 2>&1; redis-cli -p $port set key value; redis-cli -p $port get key; redis-cli -p $port bgsave >/dev/null; until_true sh -c 'redis-cli -p $port info persistence | grep -q rdb_bgsave_in_progress:0'; server=\$(cat server.pid); redis-cli -p $port shutdown nosave"
  timing=epoll_wait,futex,rt_sigreturn,madvise,munmap,mmap,mprotect,brk,restart_syscall,read,write,open,close,writev,sendto,setsockopt,epoll_ctl,pread64,lseek,getrusage,sched_yield,exit,wait4
}

program_go() {
  need go
  local cache=${CALLGATE_TEST_CACHE:-$work}/go
  mkdir -p "$cache"
  cp "$live/signals.go" .
  HOME=$PWD GOCACHE=$cache GO111MODULE=off GOFLAGS= go build -o signals signals.go || { echo "go build failed"; exit 1; }
  command=("$PWD/signals")
  # The scheduler: which thread sleeps, wakes or is preempted (SIGURG) is up to chance.
  timing=futex,nanosleep,sched_yield,tgkill,getpid,rt_sigreturn,madvise,epoll_pwait,epoll_ctl,epoll_create1,mmap,munmap,clone,gettid,rt_sigprocmask,sigaltstack,exit,restart_syscall,pipe2,read,write,close,fcntl,mprotect
}

program_32bit() {
  [ -x "$programs/calls32" ] || skip "no 32-bit program: gcc-multilib is not installed"
  cp "$programs/calls32" .
  command=(/bin/sh -c 'rm -rf calls32.dir; exec ./calls32')
  mixed=yes
  # A thread that has ended already is not waited for.
  timing=futex,futex_time64
}

program_int80() {
  [ -x "$programs/int80" ] || skip "int 0x80 exists on x86 only"
  cp "$programs/int80" .
  command=("$PWD/int80")
  mixed=yes
}
