# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced first by every live test. Gives checks that count, a private directory, a mark in the environment by
# which every process of the test is known afterwards, and the change to an ordinary user. What must stay
# true: a test that ends, however it ends, leaves neither processes nor files behind.
#
# CALLGATE_TEST_BUILD    build tree the test belongs to (programs, and callgate unless the next is set)
# CALLGATE_TEST_RELEASE  build tree whose callgate is tried; tests/run.sh points it at the release build
# CALLGATE_TEST_USER     "yes": give up root first (skipped when there is none to give up)
#
# A test that opens ports or abstract names sets network=own before it sources this: several tests run at a time, and
# names are of the whole network namespace.

set -u
live=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# Nothing that programs do here may depend on who runs the tests: of the environment only what names places (and the
# ways to the network of a test that fetches packages) is kept.
for name in $(compgen -e); do
  case $name in
  CALLGATE_* | *_TEST_INNER | HOME | TMPDIR | *SAN_OPTIONS | *_proxy | *_PROXY | *CERT* | *CA_BUNDLE* | *CAINFO* | npm_config_*) ;;
  *) unset "$name" 2>/dev/null ;;
  esac
done
export LC_ALL=C TZ=UTC PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=${HOME:-/}
umask 022

skip() {
  echo "skipped: $*"
  exit 77
}

is_root() { [ "$(id -u)" -eq 0 ]; }

# The test anew, where nobody else has ports; as it is where a namespace is not to be had.
own_network() {
  local up='import fcntl, socket, struct; fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sH14x", b"lo", 0x49))'
  [ -z "${CALLGATE_TEST_NETWORK:-}" ] && is_root && unshare -n python3 -c "$up" 2>/dev/null || return 0
  # shellcheck disable=SC2016
  CALLGATE_TEST_NETWORK=own exec unshare -n bash -c 'python3 -c "$1" && exec bash "${@:2}"' bash "$up" "$0" "$@"
}
[ "${network:-}" != own ] || own_network "$@"

bin=${CALLGATE_TEST_RELEASE:-${CALLGATE_TEST_BUILD:?is the build tree; run the tests through ctest or tests/run.sh}}
programs=$CALLGATE_TEST_BUILD/tests/live/programs

# Limits on processes and what kill(-1) reaches are a user's, so each test has one for itself.
TEST_UID=$((20000 + $$ % 40000))
# An ordinary user may read neither the checkout nor the build, so both are laid out anew.
as_user() {
  local stage rc
  [ "$(id -u)" -eq 0 ] || skip "runs as an ordinary user anyway; the plain test covers it"
  stage=$(mktemp -d /tmp/callgate-user.XXXXXX) || exit 1
  chmod 755 "$stage"
  mkdir -p "$stage/build/tests/live" "$stage/home" "$stage/tests"
  cp "$bin/callgate" "$bin/callgated" "$stage/build/"
  cp -r "$programs" "$stage/build/tests/live/programs"
  cp -r "$live" "$stage/tests/live"
  cp -r "$live/../../examples" "$stage/examples"
  chmod -R a+rX "$stage"
  chown -R "$TEST_UID:$TEST_UID" "$stage"
  env -i PATH="$PATH" HOME="$stage/home" LC_ALL=C TZ=UTC TMPDIR="$stage/home" \
    CALLGATE_TEST_USER=dropped CALLGATE_TEST_BUILD="$stage/build" CALLGATE_TEST_CACHE="$stage/home" \
    ${CALLGATE_TEST_KEEP:+CALLGATE_TEST_KEEP="$CALLGATE_TEST_KEEP"} \
    setpriv --reuid "$TEST_UID" --regid "$TEST_UID" --clear-groups --reset-env --inh-caps=-all \
    env PATH="$PATH" HOME="$stage/home" LC_ALL=C TZ=UTC TMPDIR="$stage/home" CALLGATE_TEST_USER=dropped \
    CALLGATE_TEST_BUILD="$stage/build" CALLGATE_TEST_CACHE="$stage/home" \
    bash -c 'cd "$1" && shift && exec bash "$@"' bash "$stage/home" "$stage/tests/live/$(basename "$0")" "$@"
  rc=$?
  [ -n "${CALLGATE_TEST_KEEP:-}" ] || rm -rf "$stage" "/tmp/callgate-$TEST_UID"
  exit $rc
}
[ "${CALLGATE_TEST_USER:-}" = yes ] && as_user "$@"

callgate=$bin/callgate
[ -x "$callgate" ] && [ -x "$bin/callgated" ] || { echo "no callgate in $bin"; exit 1; }
profiles=$live/profiles

need() {
  local tool
  for tool; do
    command -v "$tool" >/dev/null 2>&1 || skip "$tool is not installed"
  done
}

# What the test runner left open (its log) is nothing that the programs of a test should inherit. (One of these is the
# script that is being read.)
for fd in "/proc/$$/fd/"*; do
  [ "${fd##*/}" -le 2 ] || [ "$fd" -ef "$0" ] || eval "exec ${fd##*/}>&-"
done

# Every process below this line carries the mark; /proc/PID/environ shows it whatever the process became.
mark=callgate-live-$$-$RANDOM$RANDOM
export CALLGATE_TEST_MARK=$mark
work=$(mktemp -d "${TMPDIR:-/tmp}/callgate-live.XXXXXX") || exit 1
chmod 755 "$work"
cd "$work" || exit 1

# Ports of TCP and UDP to listen at later: none that the kernel gives to connections in the meantime.
free_ports() { # how many
  /usr/bin/python3 -E - "$1" <<'P'
import random, socket, sys
low, high = 1024, int(open("/proc/sys/net/ipv4/ip_local_port_range").read().split()[0])
held = []
while len(held) < 2 * int(sys.argv[1]):
    tcp, udp = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        tcp.bind(("127.0.0.1", random.randrange(low, high) if high > low + 4096 else 0))
        udp.bind(tcp.getsockname())
        held += [tcp, udp]
    except OSError:
        pass
print(*(s.getsockname()[1] for s in held[::2]))
P
}

# Processes of this test still alive (zombies do not count: they belong to whoever has to reap them; nor does who ended
# since it was found).
leftovers() {
  local file pid
  # shellcheck disable=SC2013
  for file in $(grep -lsa "CALLGATE_TEST_MARK=$mark" /proc/[0-9]*/environ 2>/dev/null); do
    pid=${file#/proc/}
    pid=${pid%/environ}
    [ "$pid" = $$ ] || [ "$pid" = "$BASHPID" ] || ! grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$pid/status" || echo "$pid"
  done
}

cleanup() {
  local pids round
  for round in 1 2 3 4 5; do
    pids=$(leftovers)
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086
    kill -KILL $pids 2>/dev/null
    sleep 0.1
  done
  cd / || exit 1
  if [ -n "${CALLGATE_TEST_KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
  ! is_root || rm -rf "/tmp/callgate-$TEST_UID" # control sockets of what ran as that user
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

n_checks=0
n_failures=0

pass() { n_checks=$((n_checks + 1)); }

fail() { # sentence [file to show…]
  n_checks=$((n_checks + 1))
  n_failures=$((n_failures + 1))
  echo "FAILED: $1"
  shift
  local file
  for file; do
    [ -s "$file" ] && { echo "--- $(basename "$file")"; excerpt "$file" | sed 's/^/    /'; }
  done
}

excerpt() { # file: its beginning and its end
  head -c 4000 "$1"
  [ ! -f "$1" ] || [ "$(stat -c %s "$1")" -le 4000 ] || { echo; echo '[…]'; tail -c 2000 "$1"; }
}

same() { # sentence expected actual [file to show…]
  if [ "$2" = "$3" ]; then pass; else fail "$1: expected '$2', got '$3'" "${@:4}"; fi
}

same_file() { # sentence expected-file actual-file, each read once: pipes will do
  local difference
  if difference=$(diff -u "$2" "$3"); then
    pass
  else
    fail "$1"
    head -40 <<<"$difference" | sed 's/^/    /'
  fi
}

has() { # sentence file fixed-string
  if grep -qF -- "$3" "$2"; then pass; else fail "$1: '$3' is not in it" "$2"; fi
}

has_not() { # sentence file fixed-string
  if grep -qF -- "$3" "$2"; then fail "$1: '$3' is in it" "$2"; else pass; fi
}

absent() { # sentence path
  if [ -e "$2" ]; then fail "$1: $2 exists"; else pass; fi
}

# A safety net only: no check depends on how long something took. 124 when it was needed.
limited() { timeout -k 5 "${LIMIT:-100}" "$@"; }

# Waits until a command succeeds, looking every 20 ms; 1 after $PATIENCE seconds. (By a clock that nobody sets.)
until_true() {
  local up end
  read -r end _ </proc/uptime
  end=$((${end%.*} + ${PATIENCE:-60}))
  until "$@" >/dev/null 2>&1; do
    read -r up _ </proc/uptime
    [ "${up%.*}" -lt $end ] || return 1
    sleep 0.02
  done
}

no_leftovers() { [ -z "$(leftovers)" ]; }

# Nothing of the test may live on; a process just killed gets a moment to be gone.
expect_no_leftovers() { # sentence
  if until_true no_leftovers; then
    pass
  else
    fail "$1: processes are left"
    for pid in $(leftovers); do
      echo "    $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | head -c 200) [$(cat "/proc/$pid/wchan" 2>/dev/null)]"
    done
  fi
}

# Names that callgate's outputs use while they are written.
expect_no_half_files() { # sentence directory
  local left
  left=$(find "$2" -name '.*.json*' -o -name '.*.events*' -o -name '.out*' 2>/dev/null)
  same "$1: no half-written file" "" "$left"
}

finish() {
  expect_no_leftovers "at the end"
  if [ "$n_failures" -gt 0 ]; then
    echo "$n_failures of $n_checks checks failed"
    exit 1
  fi
  [ "$n_checks" -gt 0 ] || { echo "no check was made"; exit 1; }
  echo "$n_checks checks passed (uid $(id -u), $bin)"
  exit 0
}
