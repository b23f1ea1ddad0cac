# SPDX-License-Identifier: Apache-2.0
"""The control socket of a service, for tests: just enough of msgpack-rpc."""

import socket
import struct


def pack(value):
    if value is None:
        return b"\xc0"
    if isinstance(value, bool):
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return b"\xcf" + struct.pack(">Q", value) if value >= 0 else b"\xd3" + struct.pack(">q", value)
    if isinstance(value, str):
        data = value.encode()
        return b"\xdb" + struct.pack(">I", len(data)) + data
    if isinstance(value, (list, tuple)):
        return b"\xdd" + struct.pack(">I", len(value)) + b"".join(map(pack, value))
    if isinstance(value, dict):
        return b"\xdf" + struct.pack(">I", len(value)) + b"".join(pack(k) + pack(v) for k, v in value.items())
    raise TypeError(value)


class Short(Exception):
    pass


def unpack(data, at=0):
    """(value, end); Short when there is not all of it."""

    def take(n):
        nonlocal at
        if at + n > len(data):
            raise Short
        at += n
        return data[at - n:at]

    def number(form):
        return struct.unpack(">" + form, take(struct.calcsize(form)))[0]

    def items(n):
        nonlocal at
        found = []
        for _ in range(n):
            value, at = unpack(data, at)
            found.append(value)
        return found

    def pairs(n):
        flat = items(2 * n)
        return dict(zip(flat[::2], flat[1::2]))

    kind = take(1)[0]
    numbers = {0xca: "f", 0xcb: "d", 0xcc: "B", 0xcd: "H", 0xce: "I", 0xcf: "Q", 0xd0: "b", 0xd1: "h", 0xd2: "i", 0xd3: "q"}
    lengths = {0xc4: "B", 0xc5: "H", 0xc6: "I", 0xd9: "B", 0xda: "H", 0xdb: "I"}
    if kind < 0x80:
        value = kind
    elif kind >= 0xe0:
        value = kind - 256
    elif kind < 0x90:
        value = pairs(kind & 15)
    elif kind < 0xa0:
        value = items(kind & 15)
    elif kind < 0xc0:
        value = take(kind & 31).decode()
    elif kind in (0xc0, 0xc2, 0xc3):
        value = {0xc0: None, 0xc2: False, 0xc3: True}[kind]
    elif kind in numbers:
        value = number(numbers[kind])
    elif kind in lengths:
        value = take(number(lengths[kind]))
        value = value if kind < 0xd0 else value.decode()
    elif kind in (0xdc, 0xdd):
        value = items(number("HI"[kind - 0xdc]))
    elif kind in (0xde, 0xdf):
        value = pairs(number("HI"[kind - 0xde]))
    else:
        raise ValueError(f"msgpack {kind:#x}")
    return value, at


class Refused(Exception):
    pass


class Control:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(path)
        self.data = b""
        self.id = 0

    def call(self, method, *parameters):
        self.id += 1
        self.socket.sendall(pack([0, self.id, method, list(parameters)]))
        while True:
            message = self.next()
            if message[0] == 1 and message[1] == self.id:
                if message[2] is not None:
                    raise Refused(method, message[2])
                return message[3]

    def next(self):
        while True:
            try:
                message, end = unpack(self.data)
            except Short:
                piece = self.socket.recv(1 << 20)
                if not piece:
                    raise EOFError("the service closed the control socket") from None
                self.data += piece
                continue
            self.data = self.data[end:]
            return message

    def sessions(self, **labels):
        """All that fit, alive or not."""
        found, at = [], 0
        while at is not None:
            result = self.call("sessions", {"labels": labels, "ended": True, "from": at})
            found += result["sessions"]
            at = result["next"]
        return found

    def rows(self, session):
        found, at = [], 0
        while at is not None:
            result = self.call("snapshot", session, at)
            found += result["rows"]
            at = result["next"]
        return found
