#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The socket for container runtimes: what runc and crun do there, measured, and what a hostile peer may try. After
# each a container that does everything right must work. Nothing is left of any of them.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"
need python3

fds() { find "/proc/$service_pid/fd" -mindepth 1 | wc -l; }
as_before() { [ "$(fds)" -le "$before" ]; }
try() { # part, connections
  service_config <<Y
keeper: none
mode: record
limits: { connections: $2, connections-per-uid: $2, sessions-per-uid: 2000, ended: 20 }
Y
  service_start
  before=$(fds)
  LIMIT=300 limited python3 -B "$live/service_oci.py" "$1" "$programs" oci.sock control.sock "$2" >out 2>err
  same "$1" 0 $? out err service.err
  cat out
  if until_true as_before; then pass; else fail "$1: descriptors are left: $(fds), before $before" service.err; fi
  service_stop
}

begun=$SECONDS
try peers 100
has "what a peer did wrong is said" service.err "runtime socket: process"
if [ "$(grep -c 'runtime socket' service.err)" -le $((2 * (SECONDS - begun) + 2)) ]; then pass; else fail "too much is said" service.err; fi
# Of each session the service keeps the listener and the process, and of each connection its end.
descriptors=$(ulimit -Hn)
if [ "$descriptors" = unlimited ] || [ "$descriptors" -ge 4096 ]; then
  try many 1500
else
  echo "a thousand containers: not tried, a process may have $descriptors descriptors"
fi
finish
