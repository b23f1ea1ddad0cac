# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced after lib.sh by tests of the service: a callgated of the test's own in $work, with sockets agent.sock,
# oci.sock and control.sock there, and its log in service.err.

# The configuration: what every test needs, then standard input. SOCKETS replaces the block of sockets.
service_config() {
  {
    echo "state: $work/state"
    if [ -n "${SOCKETS:-}" ]; then
      echo "$SOCKETS"
    else
      printf 'sockets:\n  agent: %s\n  oci: [%s]\n  control: %s\n' "$work/agent.sock" "$work/oci.sock" "$work/control.sock"
    fi
    cat
  } >"$work/service.yaml"
}

# Processes by their command lines, which begin with these words. The words are no pattern, as they would be for pgrep: a
# path may have characters that mean something there.
pids_of() { # word…
  local file words
  for file in /proc/[0-9]*/cmdline; do
    { mapfile -d '' -t words <"$file"; } 2>/dev/null || continue
    if [ "${words[*]:0:$#}" = "$*" ]; then
      file=${file#/proc/}
      echo "${file%/cmdline}"
    fi
  done
}
keeper_pid() { pids_of callgated-keeper --keeper "$work/state/keeper.sock"; }

# A task that makes its session wait (hostile stuck): does somebody wait for its memory, as its userfaultfd says? Its end.
stuck_pid() { pids_of "$programs/hostile" stuck "$work/is-stuck"; }
stuck_waits() { grep -qsE '^total:[[:space:]]*[1-9]' "/proc/$(stuck_pid)/fdinfo/"*; }
stuck_end() { kill -KILL "$(stuck_pid)"; }

# callgate as somebody else, who may read neither the build nor what is the test's; only for a test that is root's.
stranger=(setpriv --reuid "$TEST_UID" --regid "$TEST_UID" --clear-groups)
as_stranger() { # argument of callgate…
  [ -e "$work/callgate.copy" ] || cp "$callgate" "$work/callgate.copy"
  chmod 755 "$work/callgate.copy"
  limited "${stranger[@]}" "$work/callgate.copy" "$@"
}

service_serves() { [ "$(grep -c 'serving;' "$work/service.err")" -gt "$1" ]; }

# Starts it and waits until it serves. Arguments are further options.
service_start() {
  local before
  touch "$work/service.err"
  before=$(grep -c 'serving;' "$work/service.err")
  "$bin/callgated" --config "$work/service.yaml" "$@" 2>>"$work/service.err" </dev/null &
  service_pid=$!
  if ! until_true service_serves "$before"; then
    fail "the service does not start" "$work/service.err"
    finish
  fi
}

# Ends it as a service manager does, and checks how it ended.
service_stop() {
  local rc=0
  kill -TERM "$service_pid" 2>/dev/null
  wait "$service_pid" || rc=$?
  same "the service ends as asked" 0 "$rc" "$work/service.err"
}
