# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced by tests of container runtimes: the box, the checks of all live tests, a small image, and each runtime
# started with all that it keeps below $work. Every runtime gives the same few words:
#
#   RUNTIME_start            its daemon, where it has one; fails with the reason in RUNTIME.log
#   RUNTIME_run PROFILE NAME COMMAND…    a container under a profile file ("none": its own default is off too)

. "$(dirname "${BASH_SOURCE[0]}")/box.sh" "$@"
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
# The box removes everything when the last process in it is gone; before that, mounts are in the way.
trap - EXIT
need busybox /usr/bin/python3
runtimes=$live/runtimes
cgroup=/$(basename "$CALLGATE_TEST_BOX")
export HOME=$work/home TMPDIR=$work/tmp XDG_RUNTIME_DIR=$work/run
mkdir -p "$HOME" "$TMPDIR" "$XDG_RUNTIME_DIR"
chmod 1777 "$TMPDIR"

python() { /usr/bin/python3 -E "$@"; }

# busybox lists itself; a link to itself would be no program at all.
make_rootfs() { # directory
  local applet
  mkdir -p "$1"/{bin,proc,sys,dev,etc,tmp,work,run}
  cp "$(readlink -f "$(command -v busybox)")" "$1/bin/busybox"
  for applet in sh cat tr sort seq mkdir rmdir ls rm wc head sleep md5sum date touch ln grep true chmod hostname id; do
    ln -sf busybox "$1/bin/$applet"
  done
  cat >"$1/work/script.sh" <<'W'
cd /work || exit 99
seq 1 30 | sort -rn | head -n 3 | tr '\n' ' '
i=0; while [ $i -lt 5 ]; do echo "$i" | cat | tr 0-9 a-j; i=$((i + 1)); done | md5sum
mkdir made && touch made/file && ln -s file made/link && ls made && rm -r made && echo removed
echo text >file && cat file && wc -c <file && rm file
sleep 0.01
exit 33
W
}
workload=(/bin/sh /work/script.sh)

# ---- podman ----

podman_options=(--cgroup-manager cgroupfs --events-backend none)
podman_runtime=runc

podman_() { limited podman "${podman_options[@]}" --runtime "$(command -v "$podman_runtime")" "$@" </dev/null; }

podman_start() { # image archive
  export CONTAINERS_CONF=$work/podman/containers.conf CONTAINERS_STORAGE_CONF=$work/podman/storage.conf
  mkdir -p "$work/podman"
  # A longer run root breaks the paths of sockets, and podman then waits 20 s for each container's end.
  # Limits above our own cannot be set by anybody without CAP_SYS_RESOURCE.
  printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n' >"$CONTAINERS_CONF"
  printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' /run/podman "$work/podman/root" \
    >"$CONTAINERS_STORAGE_CONF"
  podman_ load -q -i "$1" >podman.log 2>&1
}

# Not "run --rm": conmon has the container removed, and a podman that is late then finds neither it nor its status (127).
podman_run() { # profile name command…
  local seccomp=$1 name=$2 status
  shift 2
  [ "$seccomp" = none ] && seccomp=unconfined
  podman_ run --name "$name" --network none --cgroup-parent "$cgroup" --security-opt "seccomp=$seccomp" \
    "${podman_more[@]}" callgate.test/busybox:1 "$@"
  status=$?
  podman_ rm -f -t 0 "$name" >podman.log 2>&1
  return $status
}
podman_more=()

# ---- dockerd ----

dockerd_start() { # image archive [dockerd's option…]
  local archive=$1
  shift
  mkdir -p "$work/docker"
  [ -e "$work/docker/daemon.json" ] || echo '{}' >"$work/docker/daemon.json"
  dockerd --config-file "$work/docker/daemon.json" --data-root "$work/docker/data" --exec-root "$work/docker/exec" \
    -H "unix://$work/docker/sock" -p "$work/docker/pid" --storage-driver vfs --iptables=false --ip6tables=false \
    --bridge=none --exec-opt native.cgroupdriver=cgroupfs --cgroup-parent "$cgroup" "$@" >dockerd.log 2>&1 </dev/null &
  dockerd_pid=$!
  PATIENCE=90 until_true docker_ version || return 1
  docker_ load -q -i "$archive" >>dockerd.log 2>&1
}

docker_() { limited docker --config "$work/docker" -H "unix://$work/docker/sock" "$@" </dev/null; }

docker_more=()
docker_run() { # profile name command…
  local seccomp=$1 name=$2
  shift 2
  [ "$seccomp" = none ] && seccomp=unconfined
  docker_ run --rm --name "$name" --network none --security-opt "seccomp=$seccomp" "${docker_more[@]}" \
    callgate.test/busybox:1 "$@"
}

dockerd_stop() { kill "$dockerd_pid" && wait "$dockerd_pid"; }

# ---- containerd ----

containerd_start() { # image archive [of the pause container]
  local archive
  mkdir -p "$work/containerd"
  cat >"$work/containerd/config.toml" <<C
version = 2
root = "$work/containerd/root"
state = "$work/containerd/state"
[grpc]
  address = "$work/containerd/sock"
[plugins."io.containerd.internal.v1.opt"]
  path = "$work/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "callgate.test/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      pod_annotations = ["callgate.test/*"]
      container_annotations = ["callgate.test/*"]
C
  containerd -c "$work/containerd/config.toml" >containerd.log 2>&1 </dev/null &
  containerd_pid=$!
  PATIENCE=90 until_true ctr_ version || return 1
  for archive; do
    ctr_ -n default images import --snapshotter native "$archive" >>containerd.log 2>&1 || return 1
    ctr_ -n k8s.io images import --snapshotter native "$archive" >>containerd.log 2>&1 || return 1
  done
}

ctr_() { limited ctr -a "$work/containerd/sock" "$@" </dev/null; }

ctr_more=()
ctr_run() { # profile name command…
  local seccomp=(--seccomp --seccomp-profile "$1") name=$2
  [ "$1" != none ] || seccomp=()
  shift 2
  ctr_ run --rm --snapshotter native --cgroup "$cgroup/$name" "${seccomp[@]}" "${ctr_more[@]}" \
    callgate.test/busybox:1 "$name" "$@"
}

containerd_stop() { kill "$containerd_pid" && wait "$containerd_pid"; }

# ---- containerd, asked as the kubelet asks ----

kubelet_root=$work/kubelet
kubelet() { # option… verb manifest…
  limited /usr/bin/python3 -E "$runtimes/kubelet.py" --runtime "$work/containerd/sock" --root "$kubelet_root" \
    --cgroup-parent "$cgroup" "$@" </dev/null
}

cri_annotations='{}'
cri_manifest() { # profile name command…: a pod of one container, with a profile of the kubelet's folder
  local seccomp="{type: Localhost, localhostProfile: $1}" name=$2
  [ "$1" != none ] || seccomp='{type: Unconfined}'
  shift 2
  cat <<M
apiVersion: v1
kind: Pod
metadata: {name: $name-pod, namespace: shop, annotations: $cri_annotations}
spec:
  restartPolicy: Never
  terminationGracePeriodSeconds: 0
  containers:
    - name: $name
      image: callgate.test/busybox:1
      command: $(python -c 'import json, sys; print(json.dumps(sys.argv[1:]))' "$@")
      securityContext: {seccompProfile: $seccomp}
M
}

cri_run() { # profile name command…: the profile goes into the kubelet's folder, as an administrator puts it there
  mkdir -p "$kubelet_root/seccomp"
  [ "$1" = none ] || cp "$1" "$kubelet_root/seccomp/$2.json"
  cri_manifest "$([ "$1" = none ] && echo none || echo "$2.json")" "${@:2}" >"$2.yaml"
  kubelet run "$2.yaml"
}

# ---- podman as an ordinary user ----

# The user exists in the box only: its files lie over those of the machine. It may have no more than 65536 ids.
rootless_user=callgate-test
rootless_home=$work/rootless
rootless_start() { # image archive
  local file
  need newuidmap
  setpriv --reuid "$TEST_UID" --regid "$TEST_UID" --clear-groups unshare -Ur true 2>/dev/null ||
    skip "ordinary users have no user namespaces here"
  mkdir -p etc "$rootless_home" "/run/user/$TEST_UID"
  for file in passwd group subuid subgid; do
    cp "/etc/$file" "etc/$file" 2>/dev/null || : >"etc/$file"
  done
  echo "$rootless_user:x:$TEST_UID:$TEST_UID::$rootless_home:/bin/sh" >>etc/passwd
  echo "$rootless_user:x:$TEST_UID:" >>etc/group
  echo "$rootless_user:1000000000:65536" | tee -a etc/subuid >>etc/subgid
  for file in passwd group subuid subgid; do
    [ -e "/etc/$file" ] || skip "/etc/$file does not exist, and is not ours to make"
    mount --bind "etc/$file" "/etc/$file" || return 1
  done
  printf '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n' >"$rootless_home/containers.conf"
  printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "/run/user/$TEST_UID/containers" \
    "$rootless_home/storage" >"$rootless_home/storage.conf"
  cp "$1" "$rootless_home/image.tar"
  chown -R "$TEST_UID:$TEST_UID" "$rootless_home" "/run/user/$TEST_UID"
  rootless_podman load -q -i "$rootless_home/image.tar" >rootless.log 2>&1
}

rootless_podman() {
  limited env -i PATH="$PATH" HOME="$rootless_home" USER="$rootless_user" XDG_RUNTIME_DIR="/run/user/$TEST_UID" \
    LC_ALL=C TZ=UTC CALLGATE_TEST_MARK="$mark" CONTAINERS_CONF="$rootless_home/containers.conf" \
    CONTAINERS_STORAGE_CONF="$rootless_home/storage.conf" \
    setpriv --reuid "$TEST_UID" --regid "$TEST_UID" --clear-groups --inh-caps=-all \
    env --chdir="$rootless_home" podman --cgroup-manager cgroupfs --events-backend none \
    --runtime "$(command -v "$podman_runtime")" "$@" </dev/null
}

rootless_run() { # profile name command…
  local seccomp=$1 name=$2 status
  shift 2
  [ "$seccomp" = none ] && seccomp=unconfined
  rootless_podman run --name "$name" --network none --security-opt "seccomp=$seccomp" callgate.test/busybox:1 "$@"
  status=$?
  rootless_podman rm -f -t 0 "$name" >rootless.log 2>&1
  return $status
}

# podman keeps a process that holds the user's namespaces.
rootless_stop() { rootless_podman system migrate >>rootless.log 2>&1; }

# ---- callgated ----

service_sock=$work/oci.sock
service_start() { # line of configuration…
  mkdir -p profiles state
  cat >callgated.yaml <<C
state: $work/state
sockets:
  oci: [{path: $service_sock, mode: 0666, users: any}]
  control: {path: $work/control.sock}
  agent: {path: $work/agent.sock}
profiles: [$work/profiles]
node: test-node
C
  printf '%s\n' "$@" >>callgated.yaml
  "$bin/callgated" --config callgated.yaml >callgated.log 2>&1 </dev/null &
  service_pid=$!
  until_true grep -q 'serving;' callgated.log
}

service_stop() { kill "$service_pid" && wait "$service_pid"; }

# callgate itself in an image: its programs and the libraries they want, beside a shell.
make_callgate_rootfs() { # directory
  local library
  make_rootfs "$1"
  mkdir -p "$1/usr/bin" "$1/var/lib/callgate" "$1/run/callgate" "$1/etc/callgate"
  ln -s ../../bin/busybox "$1/usr/bin/basename"
  ln -s busybox "$1/bin/cp"
  cp "$bin/callgate" "$bin/callgated" "$1/usr/bin/"
  ldd "$bin/callgate" "$bin/callgated" | grep -oE '/[^ ]+' | grep -v ':$' | sort -u | while read -r library; do
    mkdir -p "$1$(dirname "$library")"
    cp -L "$library" "$1$library"
  done
}
