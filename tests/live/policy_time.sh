#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# emulate: time. The oracle is the machine's own date with the distance added: programs of every kind must show
# it, wait as long as they would natively, and leave the machine's date alone.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need perl python3 busybox setpriv

# Should the emulation fail, nothing here may set the machine's clock: nobody below this line could.
if is_root && [ -z "${TIME_TEST_INNER:-}" ]; then
  TIME_TEST_INNER=yes exec setpriv --bounding-set=-sys_time --inh-caps=-sys_time bash "$live/policy_time.sh" "$@"
fi

dates=$programs/dates
policy() { # file option…
  { echo "version: 1"; echo "rules:"; echo "  - { name: date, do: { emulate: { time: { ${*:2} } } } }"; } >"$1"
}
policy past.yaml 'offset: "-4000d"'
policy future.yaml 'offset: 400d'
policy start.yaml 'start: "2001-09-09T01:46:40Z"'
policy settable.yaml 'start: "2001-09-09T01:46:40Z"', 'settable: true'

under() { # policy command…
  limited "$callgate" run --quiet --policy "$1" -- "${@:2}"
}

# Every word of the output that is a number of seconds must be the machine's, with the distance, between the
# start and the end of the program. Whole seconds may be cut, and time() is as old as the last tick.
shows() { # sentence policy distance command…
  local before after word n=0
  before=$(($(date +%s) + $3 - 1))
  under "$2" "${@:4}" >out.shows 2>err.shows || fail "$1: exit status $?" err.shows
  after=$(($(date +%s) + $3))
  # shellcheck disable=SC2013
  for word in $(grep -oE '\b[0-9]{9,10}\b' out.shows); do
    n=$((n + 1))
    [ "$word" -ge $before ] && [ "$word" -le $after ] || fail "$1: $word is not between $before and $after" out.shows
  done
  if [ $n -gt 0 ]; then pass; else fail "$1: no date was shown" out.shows err.shows; fi
}

DAY=86400
kinds=("$dates" "$programs/dates_static")
[ -x "$programs/dates32" ] && kinds+=("$programs/dates32")

for name in past future; do
  distance=$((400 * DAY))
  [ $name = past ] && distance=$((-4000 * DAY))
  shows "date, $name" $name.yaml $distance date +%s
  shows "busybox, $name" $name.yaml $distance busybox date +%s
  shows "bash, $name" $name.yaml $distance bash -c 'echo $EPOCHSECONDS; printf "%(%s)T\n" -1; (date +%s); exec date +%s'
  shows "perl, $name" $name.yaml $distance perl -MTime::HiRes -e 'print time, "\n", int(Time::HiRes::time()), "\n"'
  shows "python, $name" $name.yaml $distance python3 -c '
import datetime, subprocess, sys, time
print(int(time.time()), time.time_ns() // 10**9, int(datetime.datetime.now().timestamp()))
sys.stdout.flush()
subprocess.run(["date", "+%s"])
subprocess.run("date +%s", shell=True, close_fds=False)
print(int(time.clock_gettime(time.CLOCK_REALTIME)))'
  for kind in "${kinds[@]}"; do
    shows "$(basename "$kind"), $name" $name.yaml $distance "$kind" read
  done
done

# By name: every way to read the date, none left out.
for kind in "${kinds[@]}"; do
  "$kind" read | cut -d' ' -f1 >names.native
  under past.yaml "$kind" read | cut -d' ' -f1 >names.under
  same_file "$(basename "$kind"): what was read" names.native names.under
done

case $(under start.yaml date -u +%F) in
  2001-09-09) pass ;;
  *) fail "start: the date of the start" ;;
esac

# Clocks that do not tell the date are the machine's.
between() { # sentence first last
  if [ "$2" -le "$3" ] && [ "$3" -le $(($2 + ${4:-60})) ]; then pass; else fail "$1: $3 is not soon after $2"; fi
}
uptime_s() { python3 -c 'import time; print(int(time.monotonic()))'; }
before=$(uptime_s)
between "the monotonic clock" "$before" "$(under past.yaml python3 -c 'import time; print(int(time.monotonic()))')"

# Waits take as long as they would. The upper bound only tells "waits" from "waits for years".
took() { # sentence first-ms "…milliseconds"
  local ms=${3##* }
  if [[ $ms =~ ^[0-9]+$ ]] && [ "$ms" -ge "$2" ] && [ "$ms" -le 30000 ]; then pass; else fail "$1: '$3'"; fi
}
for name in past future; do
  for kind in "${kinds[@]}"; do
    what="$(basename "$kind"), $name"
    under $name.yaml "$kind" wait >out.wait 2>&1
    for way in clock_nanosleep timerfd pthread_cond semaphore mutex span; do
      took "$what: $way" 295 "$(grep "^$way " out.wait)"
    done
    grep -q '^mqueue: Function not implemented' out.wait || took "$what: mqueue" 295 "$(grep '^mqueue ' out.wait)"
    has "$what: a timer of the process is refused" out.wait "timer: Operation not supported"
    under $name.yaml "$kind" wake >out.wake 2>&1
    took "$what: a signalled condition" 95 "$(grep '^cond Success' out.wake)"
    took "$what: a posted semaphore" 195 "$(grep '^sem Success' out.wake)"
    took "$what: a signal" 295 "$(grep '^sleep Interrupted' out.wake)"
  done
  read -r first last < <(under $name.yaml "$dates" pool 40)
  took "a pool, $name: the first" 495 "$first"
  took "a pool, $name: the last" 495 "$last"
done
took "python: sleeping and waiting" 500 "$(under past.yaml python3 -c '
import threading, time
start = time.monotonic()
threading.Event().wait(0.3)
threading.Semaphore(0).acquire(timeout=0.1)
time.sleep(0.2)
print(int((time.monotonic() - start) * 1000))')"

# Setting the date: refused, or for this session alone.
machine=$(date +%s)
under start.yaml date -s @1100000000 >out.set 2>&1
same "date -s without settable" 1 $?
has "date -s without settable: why" out.set "Operation not permitted"
under settable.yaml sh -c 'date -s @1100000000 >/dev/null && date +%s && exec python3 -c "import time; print(int(time.time()))"' \
  >out.set 2>err.set
same "date -s: exit status" 0 $? err.set
while read -r s; do between "date -s: everybody sees it" 1100000000 "$s"; done <out.set
same "date -s: both lines" 2 "$(wc -l <out.set)"
between "the machine's date is left alone" "$machine" "$(date +%s)" 600
# Who sleeps until a date wakes up when it is set.
took "a sleep that a new date ends" 1 "$(under settable.yaml python3 -c '
import ctypes, os, subprocess, time
class timespec(ctypes.Structure):
    _fields_ = [("s", ctypes.c_long), ("ns", ctypes.c_long)]
libc = ctypes.CDLL(None)
until = timespec(int(time.time()) + 3600, 0)
start = time.monotonic()
setter = subprocess.Popen(["sh", "-c", "sleep 0.3; date -s @1100000000 >/dev/null"])
r = libc.clock_nanosleep(0, 1, ctypes.byref(until), None)
setter.wait()
print("slept", r, int((time.monotonic() - start) * 1000))')"

# A program that cannot be changed is ended, and the reason is said.
if ! is_root; then
  cp "$(command -v date)" unreadable
  chmod 111 unreadable
  limited "$callgate" run --policy past.yaml -- ./unreadable +%s >out.unreadable 2>err.unreadable
  same "a program that may not be looked at: exit status" 137 $?
  same "a program that may not be looked at shows nothing" "" "$(cat out.unreadable)"
  has "a program that may not be looked at: why" err.unreadable "vDSO"
fi

# Go asks the vDSO by itself, without a C library.
if command -v go >/dev/null 2>&1; then
  cat >now.go <<'G'
package main

import (
	"fmt"
	"time"
)

func main() {
	start := time.Now()
	time.Sleep(50 * time.Millisecond)
	fmt.Println(start.Unix(), time.Now().Unix())
}
G
  if GOCACHE=$work/gocache GOFLAGS=-mod=mod HOME=$work CGO_ENABLED=0 go build -o now now.go >out.go 2>&1; then
    shows "go" past.yaml $((-4000 * DAY)) ./now
  else
    fail "go build" out.go
  fi
fi

finish
