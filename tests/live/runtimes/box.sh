# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced first by tests of container runtimes, before anything else. Runs the whole script again in a box: mount,
# PID, network and IPC namespaces of its own, with an empty /run, an empty /dev/shm (where podman keeps its locks) and a
# folder that goes away with it. What must stay true: whatever a runtime leaves behind (shims, mounts, control groups, sockets), and however the test ends, the
# machine is as it was before.
#
# CALLGATE_TEST_BOX    the box's folder; set inside
# BOX_LIMIT            seconds; less than the limit of ctest, which would not let us clean up
# BOX_NETWORK          "host": the machine's network, for a test that installs packages

set -u
# Hybrid machines have a cgroup2 without the controllers that matter, and crun refuses to run there.
box_enter() {
  if mountpoint -q /sys/fs/cgroup/unified; then umount /sys/fs/cgroup/unified || return 1; fi
  mount -t tmpfs -o mode=755 tmpfs /run || return 1
  mount -t tmpfs -o mode=1777 tmpfs /dev/shm || return 1
  [ "${BOX_NETWORK:-own}" = host ] || busybox ip link set lo up
}

box_cgroups() { find /sys/fs/cgroup -maxdepth 2 -type d -name "$(basename "$1")" 2>/dev/null; }

# Groups go from the leaves up, and only when their last process is gone.
box_remove_cgroups() {
  local group end=$((SECONDS + 20))
  while [ $SECONDS -lt $end ]; do
    for group in $(box_cgroups "$1"); do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; done
    [ -n "$(box_cgroups "$1")" ] || return 0
    sleep 0.1
  done
  return 1
}

box_leave() { # folder
  local status=0
  box_remove_cgroups "$1" || { echo "FAILED: control groups are left: $(box_cgroups "$1" | xargs)"; status=1; }
  rm -rf --one-file-system "$1" 2>/dev/null || { echo "FAILED: $1 cannot be removed"; status=1; }
  return $status
}

box_run() {
  local status
  [ "$(id -u)" -eq 0 ] || { echo "skipped: needs root"; exit 77; }
  box=$(mktemp -d /tmp/callgate-box.XXXXXX) || exit 1
  chmod 755 "$box"
  # A PID namespace ends with its first process, and a mount namespace with its last: nothing can stay.
  local words=(unshare --mount --propagation private --pid --fork --kill-child --mount-proc --ipc)
  [ "${BOX_NETWORK:-own}" = host ] || words+=(--net)
  "${words[@]}" busybox true 2>/dev/null || { rmdir "$box"; echo "skipped: namespaces cannot be made here"; exit 77; }
  CALLGATE_TEST_BOX=$box TMPDIR=$box HOME=$box timeout -k 5 "${BOX_LIMIT:-350}" "${words[@]}" \
    /usr/bin/python3 -E "$(dirname "${BASH_SOURCE[0]}")/init.py" bash "$0" "$@" </dev/null &
  local child=$!
  trap 'kill -TERM $child' INT TERM HUP
  wait $child
  status=$?
  # A wait that a signal ended is no end of the child.
  while kill -0 $child 2>/dev/null; do wait $child; done
  trap - INT TERM HUP
  box_leave "$box" || status=1
  [ $status -ne 124 ] && [ $status -ne 137 ] || echo "FAILED: ended after ${BOX_LIMIT:-350} s"
  exit $status
}

if [ -z "${CALLGATE_TEST_BOX:-}" ]; then
  command -v busybox >/dev/null && [ -x /usr/bin/python3 ] || { echo "skipped: busybox or python3 is not installed"; exit 77; }
  box_run "$@"
fi
box_enter || { echo "skipped: the box cannot be furnished here"; exit 77; }
