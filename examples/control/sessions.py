#!/usr/bin/env python3
# The sessions of the callgated service, one line each:  ./sessions.py [SOCKET]
import socket, sys
import msgpack

peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1] if len(sys.argv) > 1 else "/run/callgate/control.sock")
peer.sendall(msgpack.packb([0, 1, "sessions", []]))
kind, number, error, answer = next(msgpack.Unpacker(peer.makefile("rb", buffering=0)))
for session in answer["sessions"]:
    print(session["session"], session["mode"], session["labels"].get("pod", "-"), session["calls"], session["refused"])
