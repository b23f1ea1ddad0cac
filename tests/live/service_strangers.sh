#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Descriptors that the agent socket did not ask for, and whose close(2) takes as long as a stranger likes: those of a
# file system that hangs, or, as here, of a connection that lingers over data that nobody reads.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source-path=SCRIPTDIR source=service_lib.sh
. "$live/service_lib.sh"
need python3

service_config </dev/null
sed -i '1i keeper: none' service.yaml
service_start

cat >stranger.py <<'P'
import array, os, signal, socket, struct, sys, time

def slow():
    """A descriptor whose last close waits, and the end of its connection that keeps it waiting."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 3600))
    one.setblocking(False)
    try:
        while True:
            one.send(b"x" * 65536)
    except BlockingIOError:
        one.setblocking(True)
    return one, other

def stop(pid):
    """Only the last close waits, and it is the service that should have to do it, not we."""
    os.kill(pid, signal.SIGSTOP)
    while "\nState:\tT" not in open(f"/proc/{pid}/status").read():
        time.sleep(0.01)

def frame(payload):
    return struct.pack("<I", len(payload)) + payload

hello = frame(bytes([0x99, 1, 2, 2, 2]) + b"\xc4\0" + b"\xc4\1x" + b"\xc4\0" * 3)
kept = []
for what, first, then, n in [
    ("a frame that is no message", b"", frame(b"x"), 1),
    ("half a frame", b"", frame(b"xx")[:-1], 1),
    ("a message that takes no descriptors", b"", hello, 1),
    ("more descriptors than a frame may have", b"", frame(b"x"), 5),
    ("as many as a message carries", b"", frame(b"x"), 253),
    ("no listener", hello, frame(b"\x91\2"), 1),
    ("no listener, with a sink", hello, frame(b"\x91\2"), 2),
]:
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(60)
    peer.connect(sys.argv[1])
    if first:
        peer.sendall(first)
    one, other = slow()
    kept.append(other)
    stop(int(sys.argv[2]))
    peer.sendmsg([then], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [one.fileno()] * n))])
    one.close()
    peer.shutdown(socket.SHUT_WR)
    os.kill(int(sys.argv[2]), signal.SIGCONT)
    try:
        while peer.recv(4096):
            pass
    except ConnectionResetError:
        pass
    except TimeoutError:
        print(what + ": no answer")
print("all sent", flush=True)
while not os.path.exists("let-go"):
    time.sleep(0.05)
P
python3 stranger.py agent.sock "$service_pid" >stranger.out 2>stranger.err &
stranger=$!
until_true eval 'grep -q "all sent" stranger.out || ! kill -0 "$stranger" 2>/dev/null' || fail "the stranger hangs" stranger.err
same "each is answered or hung up on" "all sent" "$(cat stranger.out)" stranger.err
limited "$callgate" record --supervisor agent.sock -o beside.json -- true >out 2>err
same "others are served meanwhile" 0 $? err
service_stop
touch let-go
wait "$stranger"
same "the stranger ends" 0 $? stranger.err
finish
