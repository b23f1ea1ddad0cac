#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A profile for a dry run, loaded by runc and crun: nothing is refused, the listener gets what the strict profile
# would refuse and nothing else, and the metadata say which profile it was.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need runc busybox /usr/bin/python3
is_root || skip "runc as an ordinary user needs delegated control groups"
[ "$(uname -m)" = x86_64 ] || skip "the numbers below are those of x86_64"

mkdir -p bundle/rootfs/{bin,dev,proc,tmp,work}
cp "$(readlink -f "$(command -v busybox)")" bundle/rootfs/bin/busybox
for applet in sh cat mkdir rmdir ls; do ln -s busybox "bundle/rootfs/bin/$applet"; done
cat >bundle/rootfs/work/script.sh <<'S'
export PATH="${1:-}${1:+/../bin:}/bin"
cd "${1:-/work}" || exit 99
mkdir made && ls -d made && rmdir made && echo gone
exit 33
S

cat >configure.py <<'S'
import json, sys
bundle, profile, words = sys.argv[1], sys.argv[2], sys.argv[3:]
config = {
    "ociVersion": "1.0.2",
    "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": words, "cwd": "/",
                "env": ["PATH=/bin"], "noNewPrivileges": True},
    "root": {"path": "rootfs", "readonly": False},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
    "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}]},
}
if profile != "none":
    config["linux"]["seccomp"] = json.load(open(profile))
json.dump(config, open(bundle + "/config.json", "w"))
S

# Lets every call continue; at the end writes the metadata, then one number per line.
cat >listener.py <<'S'
import array, fcntl, json, os, select, socket, struct, sys
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1] + ".new")
server.listen(1)
os.rename(sys.argv[1] + ".new", sys.argv[1])  # whoever sees it can connect
server.settimeout(60)
connection = server.accept()[0]
text, fds, state = b"", array.array("i"), None
while state is None:
    piece, ancillary = connection.recvmsg(65536, socket.CMSG_SPACE(4))[:2]
    for _, _, data in ancillary:
        fds.frombytes(data[:4])
    text += piece
    try:
        state = json.loads(text)
    except ValueError:
        if not piece:
            sys.exit("the runtime sent no state")
poll, seen = select.poll(), {}
poll.register(fds[0], select.POLLIN)
while True:
    events = poll.poll(60000)
    if not events or events[0][1] & (select.POLLHUP | select.POLLERR):
        break
    call = bytearray(80)
    try:
        fcntl.ioctl(fds[0], 0xC0502100, call, True)
        number, = struct.unpack_from("i", call, 16)
        seen[number] = seen.get(number, 0) + 1
        fcntl.ioctl(fds[0], 0xC0182101, struct.pack("QqiI", struct.unpack_from("Q", call)[0], 0, 0, 1))
    except OSError:
        pass
with open(sys.argv[2], "w") as out:
    print(state.get("metadata"), *sorted(seen), sep="\n", file=out)
S

runc_run() { limited runc --root "$work/state" run --bundle bundle "$1" </dev/null; }
# crun wants no controllers in the unified hierarchy of a hybrid machine.
crun_run() {
  limited unshare -m --propagation private sh -c \
    'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun "$@"' crun --root "$work/crun" run --bundle bundle "$1" </dev/null
}
in_container() { # runtime, profile
  /usr/bin/python3 -E configure.py bundle "$2" sh /work/script.sh
  "$1_run" "dry-$$-$RANDOM"
}
under_listener() { # runtime, profile
  local pid status
  rm -f seen socket
  /usr/bin/python3 -E listener.py "$work/socket" seen &
  pid=$!
  until_true test -S socket
  in_container "$1" "$2"
  status=$?
  [ $status -eq 33 ] || until_true test -s seen || kill $pid 2>/dev/null
  wait $pid
  return $status
}

in_container runc none >out.plain 2>err.plain
[ $? -eq 33 ] || { cat err.plain; skip "runc does not run containers here"; }

limited "$callgate" record --for runc -o all.json -- "$PWD/bundle/rootfs/bin/busybox" sh \
  "$PWD/bundle/rootfs/work/script.sh" "$PWD/bundle/rootfs/work" >/dev/null 2>err.record </dev/null
same "record: exit status" 33 $?
without() { # file, names…
  /usr/bin/python3 -E - "$@" <<'S'
import json, sys
profile = json.load(open("all.json"))
for rule in profile["syscalls"]:
    rule["names"] = [name for name in rule["names"] if name not in sys.argv[2:]]
profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
json.dump(profile, open(sys.argv[1], "w"))
S
}
without strict.json mkdir rmdir
in_container runc strict.json >out.strict 2>err.strict
has_not "the strict profile refuses" out.strict made

limited "$callgate" profile dry-run-profile strict.json -o dry.json --listener "$work/socket" --metadata 'a "test"' 2>err.make
same "dry-run-profile: exit status" 0 $?
has "what runc cannot do is listed" err.make left-allowed
under_listener runc dry.json >out.dry 2>err.dry
same "runc: exit status" 33 $?
same_file "runc: output" out.plain out.dry
same "runc: calls that came" "83 84" "$(sed 1d seen | xargs)"
digest=$(sha256sum <strict.json | cut -d' ' -f1)
same "runc: metadata" "{\"profile\":\"strict.json\",\"digest\":\"sha256:$digest\",\"metadata\":\"a \\\"test\\\"\"}" "$(head -n 1 seen)"

limited "$callgate" profile dry-run-profile strict.json -o log.json --log
same "--log: exit status" 0 $?
in_container runc log.json >out.log 2>err.log
same "--log: exit status in runc" 33 $?
same_file "--log: output" out.plain out.log

# Without write: left allowed under runc, notified under crun.
without mute.json mkdir rmdir write
limited "$callgate" profile dry-run-profile mute.json -o dry.json --listener "$work/socket" 2>err.make
has "write is listed" err.make "write: warning: left allowed"
under_listener runc dry.json >out.dry 2>err.dry
same "without write, runc: exit status" 33 $?
same_file "without write, runc: output" out.plain out.dry
same "without write, runc: calls that came" "83 84" "$(sed 1d seen | xargs)"

if command -v crun >/dev/null 2>&1 && in_container crun none >out.crun 2>err.crun; [ $? -eq 33 ]; then
  limited "$callgate" profile dry-run-profile mute.json -o dry.json --listener "$work/socket" --runtime crun
  under_listener crun dry.json >out.dry 2>err.dry
  same "crun: exit status" 33 $?
  same_file "crun: output" out.plain out.dry
  for number in 1 83 84; do
    if sed 1d seen | grep -qx $number; then pass; else fail "crun: call $number did not come" seen; fi
  done
else
  echo "crun does not run containers here: not tried"
fi

finish
