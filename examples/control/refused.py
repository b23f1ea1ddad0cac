#!/usr/bin/env python3
# What is refused, or would be, as it happens:  ./refused.py [SOCKET [LABEL=PATTERN …]]
import socket, sys
import msgpack

peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1] if len(sys.argv) > 1 else "/run/callgate/control.sock")
labels = dict(argument.split("=", 1) for argument in sys.argv[2:])
peer.sendall(msgpack.packb([0, 1, "subscribe", [{"refused": True, "labels": labels}]]))
for message in msgpack.Unpacker(peer.makefile("rb", buffering=0)):
    if message[:2] == [2, "event"]:
        subscription, session, event = message[2]
        print(session, event["proc"]["comm"], event["syscall_name"], event["verdict"], event["count"], flush=True)
    elif message[0] == 2 and message[1] in ("lost", "closing"):
        print(message[1], message[2], file=sys.stderr)
