#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The image recipe, built by buildah without any registry: the base of the image is made of Debian's packages, those
# that the recipe names; the stage that compiles borrows the machine's own tools. So the recipe's own steps run as they
# are, and the image has nothing but what the recipe gives it.

# CALLGATE_TEST_IMAGE  "yes": do it; it compiles everything once more and fetches packages, two minutes on two cores

[ "${CALLGATE_TEST_IMAGE:-}" = yes ] || { echo "skipped: takes minutes; asked for with CALLGATE_TEST_IMAGE=yes"; exit 77; }
BOX_LIMIT=280
BOX_NETWORK=host
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need buildah mmdebstrap cmake ninja gcc
source=$(cd "$live/../.." && pwd)
[ -e "$source/Containerfile" ] || skip "the sources are not here"

named() { # number of the stage, in order
  python - "$source/Containerfile" "$1" <<'P'
import re, sys
steps = re.findall(r"--no-install-recommends((?:\s|\\|[a-z0-9.+-])+)", open(sys.argv[1]).read())
print(" ".join(steps[int(sys.argv[2])].replace("\\", " ").split()))
P
}
for package in $(named 0); do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || skip "$package is not installed"
done

mkdir -p containers
printf '[storage]\ndriver = "overlay"\nrunroot = "/run/containers"\ngraphroot = "%s"\n' "$work/containers" >storage.conf
export CONTAINERS_STORAGE_CONF=$work/storage.conf BUILDAH_ISOLATION=chroot
buildah_() { LIMIT=250 limited buildah "$@" </dev/null; }

# An image of folders only; what is in them comes from the machine, and is gone after each step.
tools=$(buildah_ from scratch) && folder=$(buildah_ mount "$tools") || skip "buildah cannot make images here"
mkdir -p "$folder"/{usr,var/lib/dpkg,var/cache/apt,var/lib/apt/lists,var/log,etc,tmp,proc,sys,dev,run,root}
for link in bin sbin lib lib32 lib64 libx32; do [ ! -L "/$link" ] || cp -P "/$link" "$folder/$link"; done
cp -a /etc/alternatives /etc/ld.so.cache /etc/passwd /etc/group "$folder/etc/"
mkdir -p "$folder/etc/apt/"{apt.conf.d,preferences.d,trusted.gpg.d}
buildah_ commit -q --rm "$tools" localhost/tools:1 >/dev/null || fail "commit of the tools"

base=$(buildah_ from scratch) && folder=$(buildah_ mount "$base")
LIMIT=120 limited mmdebstrap --quiet --variant=essential --include="$(named 1 | tr ' ' ,)" \
  "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$folder" >mmdebstrap.log 2>&1 </dev/null ||
  skip "no packages can be fetched: $(tail -n 1 mmdebstrap.log)"
rm -f "$folder"/etc/apt/sources.list
buildah_ commit -q --rm "$base" localhost/base:1 >/dev/null || fail "commit of the base"

borrowed=()
for folder in /usr /var/lib/dpkg; do borrowed+=(--volume "$folder:$folder:O"); done
buildah_ build --build-arg BASE=localhost/base:1 --build-arg BUILD_BASE=localhost/tools:1 "${borrowed[@]}" \
  -t localhost/callgate:1 "$source" >build.log 2>&1
same "build" 0 $?
[ $n_failures -eq 0 ] || { tail -n 30 build.log; finish; }

image=$(buildah_ from --pull-never localhost/callgate:1)
in_image() { buildah_ run "$image" -- "$@"; }
in_image callgated --version >version 2>version.err
same_file "the version" <("$callgate" --version | sed 's/^callgate /callgated /') version
in_image callgated --check >check 2>&1
same "callgated --check in the image" 0 $?
has "what the configuration means" check oci
echo '{"defaultAction":"SCMP_ACT_ERRNO"}' >"$(buildah_ mount "$image")/strict.json"
in_image callgate profile dry-run-profile /strict.json --listener /run/callgate/oci.sock >dry.json 2>err
same "dry-run-profile in the image" 0 $?
has "what it wrote" dry.json SCMP_ACT_NOTIFY
in_image sh -c 'ldd /usr/bin/callgate /usr/bin/callgated' >libraries 2>libraries.err
has "the libraries" libraries libseccomp
has_not "every library is there" libraries "not found"
same "entry point" "[/usr/bin/callgated]" "$(buildah_ inspect --format '{{.OCIv1.Config.Entrypoint}}' "$image")"
finish
