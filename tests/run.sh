#!/usr/bin/env bash
# Installs what the tests need, builds the developer preset (sanitizers) and the release, runs every test and
# ends with one summary line:  N passed, N failed, N skipped
#   tests/run.sh [--quick]      --quick leaves out the long live tests
set -euo pipefail
cd "$(dirname "$0")/.."

quick=
case "${1:-}" in
  '') ;;
  --quick) quick=yes ;;
  --help | -h) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
  *) echo "usage: tests/run.sh [--quick]" >&2; exit 2 ;;
esac

step() { printf '\n== %s (%d s)\n' "$*" "$SECONDS"; }

build=(gcc libc6-dev cmake ninja-build pkg-config libseccomp-dev libuv1-dev libmsgpack-dev libjansson-dev
  libyaml-dev libsystemd-dev libmicrohttpd-dev nettle-dev libcriterion-dev)
tools=(clang-format-14 strace busybox-static dash bash python3 perl git tar make nginx-light wrk
  python3-jsonschema python3-msgpack python3-prometheus-client python3-yaml redis-server redis-tools runc crun procps util-linux fakeroot rsync cpio curl systemd)
long=(gcc-multilib golang-go libpython3.11-testsuite podman containerd docker.io uidmap python3-grpcio
  python3-grpc-tools python3-kubernetes buildah mmdebstrap)

step "packages"
wanted=("${build[@]}" "${tools[@]}")
[ -n "$quick" ] || wanted+=("${long[@]}")
# Elsewhere than in the distribution's packages node brings its own npm, and the two exclude each other.
[ -n "$quick" ] || command -v npm >/dev/null || wanted+=(nodejs npm)
missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing: ${missing[*]}"
  root=()
  [ "$(id -u)" -eq 0 ] || root=(sudo)
  apt() { "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@"; }
  apt update
  # Servers are tried, never started as services: this is how packages are told.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e $policy ]; then
    trap '"${root[@]}" rm -f $policy' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee $policy >/dev/null
    "${root[@]}" chmod 755 $policy
  fi
  apt install -y --no-install-recommends "${missing[@]}" >/dev/null
  if [ -n "$(trap -p EXIT)" ]; then
    "${root[@]}" rm -f $policy
    trap - EXIT
  fi
fi

step "build: dev (ASan, UBSan)"
werror=
[ -z "${CI:-}" ] || werror=-DCALLGATE_WERROR=ON
cmake --preset dev $werror >/dev/null
cmake --build --preset dev
step "build: release"
cmake --preset release $werror >/dev/null
cmake --build --preset release

step "tests"
export CALLGATE_TEST_RELEASE=$PWD/build/release
labels=()
[ -z "$quick" ] || labels=(-LE live-long)
log=build/dev/run.log
status=0
ctest --test-dir build/dev -j2 --output-on-failure "${labels[@]}" | tee "$log" || status=$?

passed=$(grep -cE ' Passed +[0-9.]+ sec' "$log" || true)
failed=$(grep -cE '\*\*\*(Failed|Timeout|Not Run|Exception)' "$log" || true)
skipped=$(grep -cE '\*\*\*Skipped' "$log" || true)
[ "$passed" -gt 0 ] || status=1
[ "$failed" -eq 0 ] || status=1
step "done"
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
