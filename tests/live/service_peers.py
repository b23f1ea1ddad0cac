#!/usr/bin/env python3
"""Peers of the control socket that a service should survive, and one that counts what it is told.

service_peers.py SOCKET hostile     each of them; prints a line for what did not go as it should
service_peers.py SOCKET stranger    prints the last word of the service
service_peers.py SOCKET greedy FILE N
                                    subscribes to everything of the command "quiet N", says so, reads nothing until
                                      FILE is there; then prints events and lost ones
"""
import os
import select
import socket
import sys
import time

import msgpack


def connect():
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(60)
    peer.connect(sys.argv[1])
    return peer


def messages(peer):
    return msgpack.Unpacker(peer.makefile("rb", buffering=0), max_buffer_size=1 << 28)


def call(peer, method, *params):
    peer.sendall(msgpack.packb([0, 7, method, list(params)]))
    for message in messages(peer):
        if message[0] == 1:
            return message[2], message[3]
    return "hung up", None


def last_words(sent):
    """What the service says before it hangs up; it need not have read everything."""
    peer, words = connect(), []
    try:
        peer.sendall(sent)
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        for message in messages(peer):
            words.append(message)
    except ConnectionResetError:
        pass
    return words


def expect(what, seen, wanted):
    if seen != wanted:
        print(f"{what}: {seen} instead of {wanted}")


def hostile():
    watcher = connect()
    half = connect()
    half.sendall(b"\x94\x00\x01\xa7vers")
    idle = [connect() for _ in range(20)]
    request = lambda body: b"\x94\x00\x01\xa1x" + body
    for what, sent, code in [
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n", 2),
        ("100 MB announced", request(b"\xc6\x05\xf5\xe1\x00"), 6),
        ("four billion parameters", request(b"\xdd\xff\xff\xff\xff"), 6),
        ("nested deeply", request(b"\x91" * 100), 2),
        ("an answer", b"\x94\x01\x01\xc0\xc0", 2),
        ("more than a megabyte", request(b"\xdc\x00\x11" + (b"\xc5\xff\xff" + b"a" * 0xffff) * 17), 6),
    ]:
        words = last_words(sent)
        expect(what, [words[0][:2], words[0][2][0], len(words)], [[2, "closing"], code, 1])
        expect(what + ": another peer", call(watcher, "version")[0], None)
    words = last_words(msgpack.packb([0, 9, "no_such_method", []]))
    expect("unknown method", [words[0][:2], words[0][2][0], len(words)], [[1, 9], 1, 1])
    expect("wrong parameters", call(watcher, "session", "one")[0][0], 2)
    expect("no such session", call(watcher, "session", 99999)[0][0], 3)
    # Requests in one piece, the last of them not whole.
    many = connect()
    many.sendall(msgpack.packb([0, 1, "version", []]) * 1000 + b"\x94\x00")
    unpacker = messages(many)
    expect("a thousand requests at once", sum(next(unpacker)[0] for _ in range(1000)), 1000)
    # Far too many connections: those that are there go on.
    crowd = []
    for _ in range(100):
        crowd.append(connect())
    told = select.select(crowd, [], [], 60)[0]
    expect("a crowd is turned away", [peer.recv(100)[:3] for peer in told[:1]], [b"\x93\x02\xa7"])
    expect("whoever was there goes on", call(watcher, "version")[0], None)
    for peer in crowd + idle:
        peer.close()
    half.sendall(b"ion\x90")
    expect("half a request, and its other half", next(messages(half))[:3], [1, 1, None])
    print("done")


def greedy(signal):
    peer = connect()
    print("subscription", call(peer, "subscribe", {"all": True, "labels": {"command": "*quiet " + sys.argv[4]}})[1], flush=True)
    while not os.path.exists(signal):
        time.sleep(0.02)
    events = lost = 0
    for kind, method, params in messages(peer):
        events += params[2]["count"] if method == "event" else 0
        lost += params[2] if method == "lost" else 0
        if method == "end" or (method == "lost" and events + lost > int(sys.argv[4])):
            break
    print(events, lost)


def stranger():
    peer = connect()
    print(list(messages(peer)))


globals()[sys.argv[2]](*sys.argv[3:4])
