#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A recorded profile works when something that is not callgate loads it: runc, whose own calls between filter and
# execve "record --for runc" adds. And runc as a second referee: what it refuses under a profile is what callgate
# refuses.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need runc busybox /usr/bin/python3
is_root || skip "runc as an ordinary user needs delegated control groups"

mkdir -p bundle/rootfs/{bin,proc,tmp,work}
cp "$(readlink -f "$(command -v busybox)")" bundle/rootfs/bin/busybox
for applet in sh cat tr sort seq mkdir rmdir ls rm wc head sleep md5sum date touch ln; do ln -s busybox "bundle/rootfs/bin/$applet"; done

cat >bundle/rootfs/work/script.sh <<'S'
cd "${1:-/work}" || exit 99
export PATH=/bin
seq 1 30 | sort -rn | head -n 3 | tr '\n' ' '
i=0; while [ $i -lt 20 ]; do echo "$i" | cat | tr 0-9 a-j; i=$((i + 1)); done | md5sum
mkdir made && touch made/file && ln -s file made/link && ls made && rm -r made && echo removed
echo text >file && cat file && wc -c <file && rm file
sleep 0.01
exit 33
S

cat >configure.py <<'S'
import json, sys
bundle, profile, noNewPrivileges, words = sys.argv[1], sys.argv[2], sys.argv[3] == "yes", sys.argv[4:]
config = {
    "ociVersion": "1.0.2",
    "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": words, "cwd": "/",
                "env": ["PATH=/bin"], "noNewPrivileges": noNewPrivileges},
    "root": {"path": "rootfs", "readonly": False},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
}
if profile != "none":
    seccomp = json.load(open(profile))
    config["linux"]["seccomp"] = seccomp
json.dump(config, open(bundle + "/config.json", "w"))
S
in_runc() { # profile, noNewPrivileges, command…
  local profile=$1 nnp=$2 status
  shift 2
  /usr/bin/python3 -E configure.py bundle "$profile" "$nnp" "$@"
  limited runc --root "$work/state" run --bundle bundle "live-$$-$RANDOM" </dev/null
  status=$?
  return $status
}

in_runc none no sh /work/script.sh >out.plain 2>err.plain
if [ $? -ne 33 ]; then cat err.plain; skip "runc does not run containers here"; fi

record() { # options…
  limited "$callgate" record "$@" --for runc -o profile.json -- "$PWD/bundle/rootfs/bin/busybox" sh "$PWD/bundle/rootfs/work/script.sh" "$PWD/bundle/rootfs/work" >out.record 2>err.record </dev/null
}
# The same busybox, natively, finding its applets in the same places.
sed -i 's,^export PATH=/bin,export PATH="${1:-}${1:+/../bin:}/bin",' bundle/rootfs/work/script.sh

for options in '' --args; do
  # shellcheck disable=SC2086
  record $options
  same "record $options: exit status" 33 $?
  same_file "record $options: output" out.plain out.record
  for nnp in yes no; do
    in_runc profile.json $nnp sh /work/script.sh >out.runc 2>err.runc
    status=$?
    same "record $options --for runc, noNewPrivileges $nnp: exit status in runc" 33 $status
    [ $status -eq 33 ] || fail "record $options --for runc, noNewPrivileges $nnp" err.runc
    same_file "record $options --for runc, noNewPrivileges $nnp: output in runc" out.plain out.runc
  done
done

# Without --for runc the container must not start, or the list would be idle.
limited "$callgate" record -o bare.json -- "$PWD/bundle/rootfs/bin/busybox" sh "$PWD/bundle/rootfs/work/script.sh" "$PWD/bundle/rootfs/work" >/dev/null 2>&1 </dev/null
in_runc bare.json no sh /work/script.sh >out.bare 2>err.bare
if [ $? -eq 33 ]; then fail "without --for runc the container started all the same"; else pass; fi

# runc as referee: profile.json less one call. What a program sees there it sees under callgate.
record
for victim in mkdir symlink rt_sigprocmask lseek unlink rmdir pipe2 nanosleep; do
  /usr/bin/python3 -E - "$victim" <<'S'
import json, sys
profile = json.load(open("profile.json"))
for rule in profile["syscalls"]:
    rule["names"] = [name for name in rule["names"] if name != sys.argv[1]]
profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
profile["syscalls"].append({"names": [sys.argv[1]], "action": "SCMP_ACT_ERRNO", "errnoRet": 1})
# For callgate's half, which changes root under the filter.
profile["syscalls"].append({"names": ["chroot", "chdir"], "action": "SCMP_ACT_ALLOW"})
json.dump(profile, open("less.json", "w"))
S
  in_runc less.json yes sh /work/script.sh >out.runc 2>err.runc
  wanted=$?
  rm -rf bundle/rootfs/work/made bundle/rootfs/work/file
  # The same root, so that paths in messages are the same.
  limited "$callgate" run -q --profile less.json -- bundle/rootfs/bin/busybox chroot bundle/rootfs /bin/sh /work/script.sh >out.run 2>err.run </dev/null
  got=$?
  rm -rf bundle/rootfs/work/made bundle/rootfs/work/file
  same "without $victim: exit status under callgate and in runc" $wanted $got
  same_file "without $victim: output under callgate and in runc" out.runc out.run
  same_file "without $victim: errors under callgate and in runc" err.runc err.run
done

finish
