#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the system says of itself, under policies: names, amounts, limits, processors, file systems, interfaces, signals and
# mounts, asked for by programs that know nothing of callgate. What a policy does not name must be what the same program
# says without one.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need python3 busybox taskset prlimit chrt

facts=$programs/facts
facts32=$programs/facts32
both=("$facts")
[ -x "$facts32" ] && both+=("$facts32")
examples=$live/../../examples/policies
cd "$work" || exit 1

rules() { # file rule…
  local file=$1 rule
  shift
  { echo "version: 1"; echo "rules:"; for rule; do echo "  - $rule"; done; } >"$file"
}
under() { limited "$callgate" run -q --policy "$@"; } # file -- command…

# ---- names ----
rules names.yaml 'do: { emulate: { uname: { release: 2.4.18-vendor, machine: sparc } } }' 'do: { emulate: hostname }'
for option in s n v o; do
  same "uname -$option, which the policy does not name" "$(uname -$option)" "$(under names.yaml -- uname -$option)"
done
same "uname -r" "2.4.18-vendor" "$(under names.yaml -- uname -r)"
same "platform of python" "Linux 2.4.18-vendor sparc" \
  "$(under names.yaml -- python3 -c 'import platform; u = platform.uname(); print(u.system, u.release, u.machine)')"
before=$(uname -n)
same "hostname after hostname, and in every child" "inside inside inside" \
  "$(under names.yaml -- sh -c 'hostname inside && hostname; uname -n; python3 -c "import socket; print(socket.gethostname())"' | xargs)"
same "the machine's own name" "$before" "$(uname -n)"
same "domainname after domainname" "its.domain" "$(under names.yaml -- sh -c 'domainname its.domain && domainname')"
for program in "${both[@]}"; do
  same "every layout of uname ($(basename "$program"))" 0 \
    "$(under names.yaml -- "$program" uname | grep -vc '2\.4\.18-v.*sparc')"
done
if [ -x "$facts32" ]; then
  same "the oldest layout cuts names to 8 letters" "[2.4.18-v]" "$(under names.yaml -- "$facts32" uname | sed -n 's/^oldoldu.* \(\[2[^ ]*\]\).*/\1/p')"
fi
rules release.yaml 'do: { emulate: { uname: { version: told } } }'
same "personalities stay as they are" "$(setarch i686 --uname-2.6 uname -rm)" \
  "$(under release.yaml -- setarch i686 --uname-2.6 uname -rm)"
if is_root && unshare -u true 2>/dev/null; then
  same "a UTS namespace of the program's own" "nested told" \
    "$(under release.yaml -- unshare -u sh -c 'hostname nested; uname -nv')"
fi

# ---- amounts ----
rules amounts.yaml 'do: { emulate: { sysinfo: { memory: 64M, swap: 0, uptime: 30d } } }'
same "uptime" "up 30 days" "$(under amounts.yaml -- busybox uptime | grep -o 'up 30 days')"
for program in "${both[@]}"; do
  same "total of $(basename "$program")" "total 67108864" "$(under amounts.yaml -- "$program" sysinfo | grep -o '^total [0-9]*')"
  same "swap of $(basename "$program")" "swap 0" "$(under amounts.yaml -- "$program" sysinfo | grep -o 'swap [0-9]*')"
done
rules large.yaml 'do: { emulate: { sysinfo: { memory: 48G } } }'
for program in "${both[@]}"; do
  same "more than 4G for $(basename "$program")" "total 51539607552" "$(under large.yaml -- "$program" sysinfo | grep -o '^total [0-9]*')"
done

# ---- limits ----
rules limits.yaml 'do: { emulate: { limits: { limits: { nofile: [777, 1000000], as: 5G, memlock: unlimited } } } }'
same "ulimit" "777 1000000 unlimited" "$(under limits.yaml -- bash -c 'ulimit -n; ulimit -Hn; ulimit -l' | xargs)"
same "what the policy does not name" "$(bash -c 'ulimit -s; ulimit -c' | xargs)" \
  "$(under limits.yaml -- bash -c 'ulimit -s; ulimit -c' | xargs)"
same "raising is fine, and inherited" "900000 900000 900000" \
  "$(under limits.yaml -- bash -c 'ulimit -n 900000; ulimit -n; bash -c "ulimit -n"; sh -c "sh -c \"ulimit -n\""' | xargs)"
same "a child's limit is its own" "5000 777" "$(under limits.yaml -- bash -c 'bash -c "ulimit -n 5000; ulimit -n"; ulimit -n' | xargs)"
same "past the hard limit" "ok" "$(under limits.yaml -- python3 -c '
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (2000000, 2000000))
assert resource.getrlimit(resource.RLIMIT_NOFILE) == (2000000, 2000000)
print("ok")')"
same "soft above hard" "ValueError" "$(under limits.yaml -- python3 -c '
import resource
try: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 8))
except ValueError as e: print(type(e).__name__)')"
same "a program that limits itself is limited" "20" "$(under limits.yaml -- python3 -c '
import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
try:
    while True: last = os.dup(0)
except OSError: print(last + 1)')"
same "prlimit on a child" "777 1234" "$(under limits.yaml -- bash -c 'sleep 60 & prlimit --noheadings -o SOFT --nofile --pid $!
  prlimit --nofile=1234:5678 --pid $!; prlimit --noheadings -o SOFT --nofile --pid $!; kill $!' | xargs)"
sleep 10000 &
outside=$!
under limits.yaml -- prlimit --nofile --pid $outside >out 2>err
has "prlimit on a stranger" err "Operation not permitted"
if [ -x "$facts32" ]; then
  same "5G of address space, as 32-bit programs see it" "getrlimit 7fffffff 7fffffff ugetrlimit ffffffff ffffffff prlimit64 140000000 140000000" \
    "$(under limits.yaml -- "$facts32" limits | xargs)"
fi

# ---- processors ----
rules processors.yaml 'do: { emulate: { processors: { count: 3 } } }' \
  '{ family: open, where: { path: /sys/devices/system/cpu/online }, do: { substitute: { text: "0-2\n" } } }'
same "nproc" 3 "$(under processors.yaml -- nproc)"
same "os.cpu_count, which reads a file" 3 "$(under processors.yaml -- python3 -c 'import os; print(os.cpu_count())')"
same "os.sched_getaffinity" "0 1 2" "$(under processors.yaml -- python3 -c 'import os; print(*os.sched_getaffinity(0))')"
same "taskset, and what inherits from it" "1 2" "$(under processors.yaml -- sh -c 'taskset -c 1 nproc; taskset -c 0,2 sh -c nproc' | xargs)"
under processors.yaml -- taskset -c 7 true >out 2>err
same "a processor that there is not" 1 $?
# The rule for lengths: as on a machine that has so many processors.
under processors.yaml -- "$facts" affinity >out.shown
limited "$facts" affinity >out.real
same_file "lengths of masks as the kernel takes them" <(grep -v processors out.real) <(grep -v processors out.shown)

# ---- file systems ----
rules disk.yaml 'do: { emulate: { statfs: { size: 100G, free: 25G, type: xfs } } }'
same "df" "107374182400 26843545600" "$(under disk.yaml -- df -B1 --output=size,avail . | tail -1 | xargs)"
same "stat -f" "xfs" "$(under disk.yaml -- stat -f -c %T .)"
same "os.statvfs" "100.0" "$(under disk.yaml -- python3 -c 'import os; s = os.statvfs("."); print(s.f_blocks * s.f_frsize / 2**30)')"
for program in "${both[@]}"; do
  same "every call of $(basename "$program")" 3 "$(under disk.yaml -- "$program" statfs . | grep -c 'type 58465342 size 107374182400 free 26843545600')"
done
rules huge.yaml 'do: { emulate: { statfs: { size: 64P } } }'
if [ -x "$facts32" ]; then
  same "what does not fit into 32 bits" "statfs Value too large for defined data type fstatfs Value too large for defined data type" \
    "$(under huge.yaml -- "$facts32" statfs . | head -2 | xargs)"
  same "and what has room for it" 1 "$(under huge.yaml -- "$facts32" statfs . | grep -c 'statfs64 .*size 72057594037927936 ')"
fi
rules some.yaml "{ syscalls: [statfs, fstatfs], where: { path: \"$work/told\" }, do: { emulate: { statfs: { size: 7G } } } }"
mkdir told other
same "by path, for one place only" "7G no" \
  "$(under some.yaml -- sh -c 'stat -f -c "%b %S" told other' | awk '{ print $1 * $2 == 7516192768 ? "7G" : "no" }' | xargs)"

# ---- interfaces ----
rules addresses.yaml 'do: { emulate: { interfaces: { addresses: { lo: "02:00:00:00:00:07", licence0: "02:00:00:00:00:08" } } } }' \
  '{ family: open, where: { path: ["/sys/class/net/lo/address", "/sys/devices/**/net/lo/address"] }, do: { substitute: { text: "02:00:00:00:00:07\n" } } }'
for program in "${both[@]}"; do
  same "hardware address ($(basename "$program"))" "02:00:00:00:00:07" "$(under addresses.yaml -- "$program" hwaddr lo)"
  same "of an interface that is not there ($(basename "$program"))" "02:00:00:00:00:08" "$(under addresses.yaml -- "$program" hwaddr licence0)"
  same "of none ($(basename "$program"))" "$(limited "$program" hwaddr none0)" "$(under addresses.yaml -- "$program" hwaddr none0)"
done
same "the file" "02:00:00:00:00:07" "$(under addresses.yaml -- cat /sys/class/net/lo/address)"
limited "$callgate" run --policy addresses.yaml -- stty -a </dev/null >/dev/null 2>err.stty && :
grep -v ^stty err.stty >err
has_not "other requests stay in the kernel" err " ioctl "

# ---- signals ----
rules signals.yaml 'do: { emulate: signals }'
for program in "${both[@]}"; do
  same "senders, as receivers see them ($(basename "$program"))" "$(limited "$program" sender | sort | xargs)" \
    "$(under signals.yaml -- "$program" sender | sort | xargs)"
done
under signals.yaml -- bash -c "kill -9 $outside" >out 2>err
has "a stranger" err "Operation not permitted"
under signals.yaml -- python3 - $outside 2>err <<'P'
import os, signal, sys
pid = int(sys.argv[1])
for send in (lambda: os.kill(pid, 9), lambda: os.kill(pid, 0), lambda: signal.pidfd_send_signal(os.pidfd_open(pid), 9),
             lambda: os.killpg(os.getpgid(pid), 0)):
    try:
        send()
        print("sent", file=sys.stderr)
    except PermissionError:
        pass
os.kill(-1, 0) # nothing is sent
P
same "a stranger, in every way" "" "$(cat err)"
# Everything in reach is the session only. A callgate that gets it wrong must not reach this machine: in a pid namespace.
if is_root && unshare -pf --mount-proc true 2>/dev/null; then
  # shellcheck disable=SC2016
  same "all there are, but for strangers" "alive" "$(unshare -pf --mount-proc bash -c 'sleep 600 & stranger=$!
    timeout 90 "$1" run -q --policy signals.yaml -- bash -c "sleep 600 & (sleep 600 &) ; kill -KILL -1; wait" >/dev/null 2>&1
    # Who was killed may still be on the way to where nobody sees it.
    for i in $(seq 1200); do [ "$(pgrep -xc sleep)" = 1 ] && break; busybox usleep 50000; done
    kill -0 $stranger && echo alive; [ "$(pgrep -xc sleep)" = 1 ] || echo "some are left"' bash "$callgate")"
fi
same "job control" "143 137" "$(under signals.yaml -- bash -c 'sleep 100 & kill $!; wait $!; echo $?; sleep 100 & kill -9 $!; wait $!; echo $?' 2>/dev/null | xargs)"
same "a group" "143" "$(under signals.yaml -- bash -c 'set -m; (sleep 30 & sleep 30 & wait) & kill -- -$!; wait $!; echo $?' 2>/dev/null)"
same "timeout" 124 "$(under signals.yaml -- sh -c 'timeout 0.2 sleep 100; echo $?')"
same "its parent, and itself" "usr1 usr2" "$(under signals.yaml -- bash -c 'trap "echo usr1" USR1; trap "echo usr2" USR2; sh -c "kill -USR1 \$PPID"; kill -USR2 $$' | xargs)"
same "a process that is gone" "ESRCH" "$(under signals.yaml -- python3 -c '
import os, errno
pid = os.fork()
if pid == 0: os._exit(0)
os.waitpid(pid, 0)
try: os.kill(pid, 0)
except OSError as e: print(errno.errorcode[e.errno])')"
same "a daemon that left its parents, among its own" "dead" "$(under signals.yaml -- python3 -c '
import os, signal, time
r, w = os.pipe()
if os.fork() == 0:
    os.setsid()
    a = os.fork()
    if a == 0:
        os.close(r); os.close(w)
        time.sleep(300)
    if os.fork() == 0:
        while os.getppid() == os.getsid(0): time.sleep(0.01)
        os.kill(a, signal.SIGKILL)
        for i in range(3000):
            try: state = open("/proc/%d/stat" % a).read().rsplit(")", 1)[1].split()[0]
            except FileNotFoundError: break
            if state == "Z": break
            time.sleep(0.01)
        else: os._exit(1)
        os.write(w, b"dead")
    os._exit(0)
os.close(w)
print(os.read(r, 9).decode())')"
same "an orphan, in the launcher's own session of processes" "gone" "$(under signals.yaml -- bash -c '
  (sleep 100 & echo $! >orphan); until [ "$(ps -o comm= -p "$(cat orphan)")" = sleep ]; do sleep 0.05; done
  kill "$(cat orphan)"; for i in $(seq 1200); do
    # (Whose first process reaps nobody keeps it as a zombie.)
    case $(ps -o stat= -p "$(cat orphan)") in "" | Z*) echo gone; break ;; esac
    sleep 0.05
  done')"
if is_root && unshare -pf --mount-proc true 2>/dev/null; then
  same "in a pid namespace of its own" "143 1" \
    "$(under signals.yaml -- unshare -pf --mount-proc bash -c 'sleep 100 & kill $!; wait $!; echo $?; sh -c "kill -0 1 && echo 1"' 2>/dev/null | xargs)"
  same "a stranger stays out of reach there" "alive" "$(kill -0 $outside && echo alive)"
fi
kill $outside 2>/dev/null

# ---- mounts ----
mkdir -p there from
echo content >from/file
rules pretend.yaml 'do: { emulate: mount }'
same "pretended with busybox" "0 0" "$(under pretend.yaml -- sh -c 'busybox mount -t tmpfs none there; echo $?; busybox umount there; echo $?' 2>/dev/null | xargs)"
same "a place that is not there" "ENOENT EFAULT EINVAL" "$(under pretend.yaml -- python3 -c '
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
def said(r): return errno.errorcode[ctypes.get_errno()] if r else "0"
print(said(libc.mount(b"none", b"nowhere", b"tmpfs", 0, None)), said(libc.mount(b"none", ctypes.c_void_p(8), b"tmpfs", 0, None)),
      said(libc.umount2(b"there", 64)))')"
same "nothing was mounted" "" "$(under pretend.yaml -- sh -c 'busybox mount -t tmpfs none there; grep "$PWD/there" /proc/self/mounts')"
cat >allowed.yaml <<Y
version: 1
authority: [mount]
rules:
  - do: { emulate: { mount-allowed: { types: [tmpfs, bind], targets: ["$work/there", "$work/t2"], sources: ["$work/from"] } } }
Y
if ! is_root; then
  under allowed.yaml -- true >out 2>err
  same "an ordinary user's policy that mounts is refused" 2 $?
  has "and the reason is said" err "CAP_SYS_ADMIN"
elif unshare -m true 2>/dev/null; then
  mkdir -p t2
  ln -s from link
  # shellcheck disable=SC2016
  unshare -m "$callgate" run -q --policy allowed.yaml -- setpriv --reuid "$TEST_UID" --regid "$TEST_UID" --clear-groups --inh-caps=-all sh -c '
    mnt() { python3 - "$@" <<P
import ctypes, errno, sys
libc = ctypes.CDLL(None, use_errno=True)
a = [None if x == "-" else x.encode() for x in sys.argv[1:]]
r = libc.umount2(a[1], int(a[2])) if a[0] == b"umount" else libc.mount(a[0], a[1], a[2], int(a[3]), a[4])
print(errno.errorcode[ctypes.get_errno()] if r else "done")
P
    }
    echo "tmpfs $(mnt none there tmpfs 0 size=1m,mode=1777)"
    echo kept >there/x
    echo "options $(grep "$PWD/there " /proc/self/mounts | cut -d" " -f4 | grep -o "^rw,nosuid,nodev,relatime,size=1024k")"
    echo "inside $(cat there/x)"
    echo "bind $(mnt link t2 - 4096 -) $(cat t2/file)"
    echo "elsewhere $(mnt none from tmpfs 0 -)"
    echo "type $(mnt none there proc 0 -)"
    echo "source $(mnt /etc t2 - 4096 -)"
    echo "option $(mnt none there tmpfs 0 mpol=default)"
    echo "remount $(mnt none there - 32 -)"
    echo "private $(mnt none / - 278528 -)"
    echo "busy $(cd t2; mnt umount "$OLDPWD/t2" 0 2>/dev/null || true)"
    echo "umount $(mnt umount t2 0) $(mnt umount there 0) $(mnt umount there 0)"
    echo "strange $(mnt umount /proc 2)"
    echo "left $(grep -c "$PWD" /proc/self/mounts)"
  ' >out 2>err
  cat >wanted <<'W'
tmpfs done
options rw,nosuid,nodev,relatime,size=1024k
inside kept
bind done content
elsewhere EPERM
type EPERM
source EPERM
option EINVAL
remount EPERM
private EPERM
busy EBUSY
umount done done EINVAL
strange EPERM
left 0
W
  same_file "mounts done for an ordinary user, where allowed" wanted out
  [ ! -s err ] || fail "mounts done: nothing is said on standard error" err
  same "ours is untouched" "" "$(grep "$work" /proc/self/mounts)"
fi

# ---- examples ----
pretend=$examples/pretend-privilege.yaml
same "chrt, date -s, mlockall, swapoff, delete_module" "0 0 0 0 0" "$(under "$pretend" -- sh -c '
  chrt -f 10 true; echo $?; date -s 2001-01-01 >/dev/null; echo $?
  python3 -c "
import ctypes
libc = ctypes.CDLL(None)
print(libc.mlockall(3), libc.swapoff(b\"/nowhere\"), libc.delete_module(b\"nothing\", 0))"' | xargs)"
same "the clock was not set" "$(date +%Y)" "$(under "$pretend" -- sh -c 'date -s 2001-01-01 >/dev/null; date +%Y')"
same "reboot, swapon, init_module, keyctl" "0 0 0 -1 errno 38" \
  "$(under "$pretend" -- "$programs/call" 169,1,2,3,4 167,/nowhere,0 175,0,0,0 250,0 | cut -d: -f2 | sed 's/ (.*//; s/^ //; s/^0 errno 0/0/' | xargs)"
doors=$examples/no-back-doors.yaml
same "TIOCSTI, io_uring, ptrace, perf" "errno 1 errno 38 errno 1 errno 1" \
  "$(under "$doors" -- "$programs/call" 16,0,0x5412,0 425,1,0 101,0,0,0,0 298,0,0,0,0,0 | grep -o 'errno [0-9]*' | xargs)"
same "other requests on a terminal" "$(limited "$programs/call" 16,0,0x5401,0 </dev/null)" "$(under "$doors" -- "$programs/call" 16,0,0x5401,0 </dev/null)"
same "typing in other people's terminal, as a 32-bit request with dirt above it" "errno 1" \
  "$(under "$doors" -- "$programs/call" 16,0,0xffffffff00005412,0 | grep -o 'errno [0-9]*')"
other=$examples/other-machine.yaml
same "another machine, asked in every way" "licence-host 4.19.0-vendor 4.19.0-vendor 2 2 2 2097152 2097152 1024" \
  "$(under "$other" -- sh -c 'uname -nr; cat /proc/sys/kernel/osrelease; nproc; python3 -c "import os; print(os.cpu_count())"
    grep -c ^processor /proc/cpuinfo; free | sed -n "s/^Mem: *\([0-9]*\).*/\1/p"; sed -n "s/^MemTotal: *\([0-9]*\).*/\1/p" /proc/meminfo; ulimit -n' | xargs)"
same "uptime, which reads a file" "up 30 days" "$(under "$other" -- uptime | grep -o 'up 30 days')"

finish
