#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# callgate in a minute: builds it, tries a strict profile on a real program (git clone) without refusing
# anything, records a profile that fits, and proves both. Needs Debian 12 or a relative; works as root and as
# an ordinary user; writes only to build/ and to a temporary folder that it removes.
set -eu

cd "$(dirname "$0")/.."
root=$PWD
exec 2>&1 # one stream, so that tables and progress keep their order in a pipe as well

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
        bold=$'\e[1m' plain=$'\e[0m'
else
        export COLUMNS="${COLUMNS:-140}"
fi

step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
tell() { printf '%s\n' "$*"; }
show() { # a command as the reader would type it, then its output
        printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
        "$@" || status=$?
}
fail() {
        printf '\nquickstart: %s\n' "$*"
        exit 1
}

work='' ticker=''
clean_up() {
        [ -z "$ticker" ] || kill "$ticker" 2>/dev/null || true
        [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'printf "\nquickstart: interrupted\n"; exit 130' INT TERM HUP

# watched LOG COMMAND…: output goes to LOG, its last line is shown every few seconds.
watched() {
        local log=$1 result=0

        shift
        : >"$log"
        (
                trap 'kill "$!" 2>/dev/null; exit 0' TERM
                while :; do
                        sleep 5 &
                        wait "$!"
                        printf '%5d s  %s\n' "$SECONDS" "$(tail -n 1 "$log" | cut -c 1-110)"
                done
        ) &
        ticker=$!
        "$@" >"$log" 2>&1 || result=$?
        kill "$ticker" 2>/dev/null || true
        wait "$ticker" 2>/dev/null || true
        ticker=''
        return "$result"
}

[ "$(uname -s)" = Linux ] || fail "callgate needs Linux"
[ "$(uname -m)" = x86_64 ] || fail "the profile tried here is written for x86_64, this is $(uname -m); start with: callgate record --help"

work=$(mktemp -d "${TMPDIR:-/tmp}/cg.XXXX")

# ---------------------------------------------------------------------------------------------------------
step "1/5 packages"

packages=(gcc libc6-dev cmake ninja-build pkg-config libseccomp-dev libuv1-dev libmsgpack-dev libjansson-dev
        libyaml-dev libsystemd-dev libmicrohttpd-dev nettle-dev git)
missing=()
for package in "${packages[@]}"; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
# pkgconf does pkg-config's job under another name
if command -v pkg-config >/dev/null; then
        for i in "${!missing[@]}"; do
                [ "${missing[$i]}" != pkg-config ] || unset "missing[$i]"
        done
fi
if [ "${#missing[@]}" -eq 0 ]; then
        tell "everything is there: ${packages[*]}"
else
        command -v apt-get >/dev/null || fail "please install what matches these Debian packages, then come back: ${missing[*]}"
        as_root=()
        if [ "$(id -u)" -ne 0 ]; then
                command -v sudo >/dev/null || fail "not root, and no sudo; as root: apt-get install ${missing[*]}"
                as_root=(sudo)
        fi
        install() {
                "${as_root[@]}" apt-get update -q &&
                        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                                apt-get install -y -q --no-install-recommends "${missing[@]}"
        }
        tell "installing ${missing[*]}"
        [ "${#as_root[@]}" -eq 0 ] || sudo -v || fail "sudo is needed to install them"
        watched "$work/apt.log" install || {
                tail -n 30 "$work/apt.log"
                fail "apt-get could not install ${missing[*]}"
        }
fi

# ---------------------------------------------------------------------------------------------------------
step "2/5 release build"

tell "cmake --preset release && cmake --build --preset release   (half a minute the first time)"
mkdir -p build
build() {
        cmake --preset release && cmake --build --preset release
}
watched build/quickstart-build.log build || {
        tail -n 30 build/quickstart-build.log
        fail "the build failed; all of it: build/quickstart-build.log"
}
PATH=$root/build/release:$PATH
tell "built build/release/callgate and build/release/callgated ($(callgate --version))"

# A repository to clone, made of our own sources. Nothing of the reader's git settings or caches is touched.
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_AUTHOR_NAME=you GIT_AUTHOR_EMAIL=you@localhost GIT_COMMITTER_NAME=you GIT_COMMITTER_EMAIL=you@localhost
unset XDG_CACHE_HOME XDG_CONFIG_HOME GIT_DIR GIT_WORK_TREE
mkdir "$HOME"
cp "$root"/examples/quickstart/{strict.json,workload.sh} "$work"
git -c init.defaultBranch=main init --quiet "$work/origin"
cp -r policy proto supervisor "$work/origin"
git -C "$work/origin" add .
git -C "$work/origin" commit --quiet -m 'three folders of callgate'
cd "$work"

# ---------------------------------------------------------------------------------------------------------
step "3/5 dry run: what would a strict profile break?"

tell "The program is workload.sh: a shell, git clone and its helpers. The profile is strict.json: files, memory and"
tell "processes are allowed, making links kills, everything else fails with EPERM. Reading it, callgate doubts:"
show callgate profile check strict.json
tell
tell "A dry run refuses nothing. The program's own output comes first, then one row per kind of call that"
tell "strict.json would have refused:"
status=0
show callgate dry-run --profile strict.json -- ./workload.sh
[ "$status" -eq 0 ] || fail "the dry run ended with status $status; a dry run must not change the program's status"
tell
tell "So git needs more than that, hard links included. Is the forecast right? The same, enforced:"
show callgate run --profile strict.json -- ./workload.sh
[ "$status" -ne 0 ] || fail "the forecast did not come true"
tell "(exit status $status: git gave up at the first refusal it could not live with)"

# ---------------------------------------------------------------------------------------------------------
step "4/5 record: a profile that fits"

tell "The same program again; every call it makes is learnt, with conditions on the arguments that matter:"
status=0
show callgate record --args --evidence evidence.json -o recorded.json -- ./workload.sh
[ "$status" -eq 0 ] || fail "the recording ended with status $status"
tell
tell "What it says about ioctl, for example:"
show callgate profile explain recorded.json ioctl

# ---------------------------------------------------------------------------------------------------------
step "5/5 proof: the recorded profile, enforced by the kernel alone"

tell "Without the profile, then under it, without callgate in between:"
status=0
show callgate verify recorded.json -- ./workload.sh
[ "$status" -eq 0 ] || fail "the recorded profile does not hold (exit status $status)"

rm -rf "$root/build/quickstart"
mkdir "$root/build/quickstart"
cp strict.json recorded.json evidence.json workload.sh "$root/build/quickstart"

step "done in $SECONDS s. Next:"
cat <<END
The profiles are in build/quickstart/: strict.json, recorded.json, and evidence.json (why each rule is there).

  PATH=$root/build/release:\$PATH
  callgate record -o sort.json -- sort /etc/passwd             your own program, recorded
  callgate verify sort.json -- sort /etc/passwd                … and proved
  callgate dry-run --profile build/quickstart/strict.json --all -- sleep 1    each call as it happens
  callgate dry-run --profile build/quickstart/strict.json --fix rule.json -- ls -l /    the rule that is missing
  callgate profile explain build/quickstart/strict.json ioctl  what a profile does with one call

README.md shows a web server; examples/README.md lists what else is here; ./tests/run.sh tests everything.
END
