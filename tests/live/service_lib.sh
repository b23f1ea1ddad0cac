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
