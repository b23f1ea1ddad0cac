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

work=''
clean_up() {
        [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'printf "\nquickstart: interrupted\n"; exit 130' INT TERM HUP

[ "$(uname -s)" = Linux ] || fail "callgate needs Linux"
[ "$(uname -m)" = x86_64 ] || fail "the profile tried here is written for x86_64, this is $(uname -m); start with: callgate record --help"

# ---------------------------------------------------------------------------------------------------------
step "1/5 packages"

packages=(gcc libc6-dev cmake ninja-build pkg-config libseccomp-dev libuv1-dev libmsgpack-dev libjansson-dev
        libyaml-dev git)
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
        tell "installing ${missing[*]}"
        log=$(mktemp)
        {
                "${as_root[@]}" apt-get update -qq &&
                        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
        } >"$log" 2>&1 || {
                cat "$log"
                rm -f "$log"
                fail "apt-get could not install ${missing[*]}"
        }
        rm -f "$log"
fi

# ---------------------------------------------------------------------------------------------------------
step "2/5 release build"

tell "cmake --preset release && cmake --build --preset release   (half a minute the first time)"
mkdir -p build
{ cmake --preset release && cmake --build --preset release; } >build/quickstart-build.log 2>&1 || {
        tail -n 30 build/quickstart-build.log
        fail "the build failed; all of it: build/quickstart-build.log"
}
PATH=$root/build/release:$PATH
tell "built build/release/callgate and build/release/callgated ($(callgate --version))"

# A repository to clone, made of our own sources. Nothing of the reader's git settings or caches is touched.
work=$(mktemp -d "${TMPDIR:-/tmp}/cg.XXXX")
export HOME="$work/home" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
unset XDG_CACHE_HOME XDG_CONFIG_HOME GIT_DIR GIT_WORK_TREE
mkdir "$HOME"
cp "$root"/examples/quickstart/{strict.json,workload.sh} "$work"
git -c init.defaultBranch=main init --quiet "$work/origin"
cp -r policy proto supervisor "$work/origin"
git -C "$work/origin" add .
git -C "$work/origin" -c user.name=you -c user.email=you@localhost commit --quiet -m 'three folders of callgate'
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
tell "What it says about sockets, for example:"
show callgate profile explain recorded.json socket

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
  callgate dry-run --profile build/quickstart/strict.json --all -- ls -l /    each call as it happens
  callgate dry-run --profile build/quickstart/strict.json --fix rule.json -- make    the rule that is missing
  callgate profile explain build/quickstart/strict.json ioctl  what a profile does with one call

README.md shows a web server; examples/README.md lists what else is here; ./tests/run.sh tests everything.
END
