# SPDX-License-Identifier: Apache-2.0
"""What container runtimes do on the listener's socket, and what they should not: each peer on its own, and after each
a container that does everything right.   service_oci.py peers|many PROGRAMS SOCKET CONTROL CONNECTIONS"""

import array
import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time

from service_control import Control

part, programs, path, control_path = sys.argv[1:5]
max_connections = int(sys.argv[5])
PATIENCE = 60
failures = 0
n_good = 0


def check(what, yes):
    global failures
    if not yes:
        failures += 1
        print(f"FAILED: {what}")


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            check(what, False)
            return False
        time.sleep(0.01)
    return True


def obey(process, word):
    process.stdin.write(word + "\n")
    process.stdin.flush()


def answer(process):
    return process.stdout.readline().strip()


@contextlib.contextmanager
def listeners(*arguments, fds=()):
    process = subprocess.Popen([programs + "/listeners", *map(str, arguments)], pass_fds=fds, text=True,
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield process
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


class Task:
    """A task under a filter of its own; its listener is for whoever wants it."""

    def __init__(self, stack):
        ours, its = socket.socketpair()
        with ours, its:
            self.process = stack.enter_context(listeners(f"fd:{its.fileno()}", 1, 0, "-", fds=[its.fileno()]))
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        self.fd = fds[0]
        self.closed = False
        stack.callback(self.close)
        check("a task begins", answer(self.process) == "ready")

    def close(self):
        if not self.closed:
            os.close(self.fd)
        self.closed = True

    def works(self):
        """Is its call answered as if nobody had looked? Without a session it would fail with ENOSYS, or wait."""
        self.close()
        obey(self.process, "call")
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            return False
        return answer(self.process) == "called 1 of 1"


def dial(stack):
    connection = stack.enter_context(socket.socket(socket.AF_UNIX))
    connection.settimeout(PATIENCE)
    connection.connect(path)
    return connection


def state(name, **more):
    return {"ociVersion": "1.0.2-dev", "fds": ["seccompFd"], "pid": os.getpid(),
            "state": {"ociVersion": "1.0.2-dev", "id": name, "status": "creating", "pid": os.getpid(), "bundle": "/b"},
            **more}


def text(name, **more):
    return json.dumps(state(name, **more), separators=(",", ":")).encode()


def send(connection, data, *fds):
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sent = connection.sendmsg([data], rights)
    if sent < len(data):
        connection.sendall(data[sent:])


def mutter(connection, data, *fds):
    """To whom it may have been let go already."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        send(connection, data, *fds)


def hangs_up(what, connection):
    try:
        check(f"{what}: is hung up on", connection.recv(1) == b"")
    except ConnectionResetError:
        pass  # there was more to read
    except TimeoutError:
        check(f"{what}: is hung up on", False)


def good(beside):
    """A container whose runtime does everything right."""
    global n_good
    n_good += 1
    with listeners(path, 1, 1000, f"good-{n_good}") as process:
        check(f"beside {beside}: a good one begins", answer(process) == "ready")
        obey(process, "call")
        check(f"beside {beside}: a good one works", answer(process) == "called 1 of 1")


def sessions(name):
    return control.sessions(**{"container-id": name})


def the_session(name):
    until(f"{name}: there is a session", lambda: len(sessions(name)) == 1)
    found = sessions(name)
    return control.call("session", found[0]["session"]) if found else {}


# ---- as runc and crun have it ----


def in_pieces(stack):
    for first in (0, 57, -1):
        task, connection, data = Task(stack), dial(stack), text(f"pieces{first}")
        at = first % len(data)
        for i in range(len(data)):
            send(connection, data[i:i + 1], *([task.fd] if i == at else []))
        check(f"in pieces, descriptor with byte {at}", task.works())


def late(stack):
    task, connection = Task(stack), dial(stack)
    good("one that sends later")
    send(connection, text("late"), task.fd)
    check("late", task.works())


def kept_open(stack):
    task, connection = Task(stack), dial(stack)
    send(connection, text("open"), task.fd)
    check("kept open", task.works())
    mutter(connection, b"\n")
    check("kept open: again", task.works())
    connection.close()
    check("kept open, then closed", task.works())


def nothing(stack):
    dial(stack).close()
    idle = dial(stack)
    good("one that says nothing")
    idle.close()


def crun_exec(stack):
    """Exactly what crun 1.8.1 sends."""
    task, connection = Task(stack), dial(stack)
    message = {"ociVersion": "0.2.0", "fds": ["seccompFd"], "pid": 0,
               "state": {"ociVersion": "0.2.0", "id": "crun-exec", "status": "running", "pid": 0, "bundle": "."}}
    send(connection, (json.dumps(message, indent=4) + "\n").encode(), task.fd)
    check("crun exec", task.works())
    found = the_session("crun-exec")
    check("crun exec: no process is known", found["pid"] == 0)
    check("crun exec: status", found["labels"]["status"] == "running")
    check("crun exec: no metadata", found["metadata"] is None)


def unknown_fields(stack):
    task, connection = Task(stack), dial(stack)
    data = state("unknown", metadata='{"policy":"web"}', future={"a": [1, None, 2.5]})
    data["state"].update(annotations={"team": "7", "io.kubernetes.pod.namespace": "prod"}, owner=[])
    send(connection, json.dumps(data).encode(), task.fd)
    check("unknown fields", task.works())
    found = the_session("unknown")
    check("metadata", found["metadata"] == '{"policy":"web"}')
    check("annotations", found["labels"]["annotation.team"] == "7")
    check("annotations are no labels", "namespace" not in found["labels"])
    check("whose it is", found["uid"] == os.getuid() and found["origin"] == "oci")
    check("the runtime", found["labels"]["runtime"].startswith("python3"))


def several(stack):
    tasks = [Task(stack) for _ in range(3)]
    for task in tasks:
        send(dial(stack), text("several"), task.fd)
    for task in tasks:
        check("several listeners of one container", task.works())
    check("several: as many sessions", len(sessions("several")) == 3)


def by_name(stack):
    task, connection = Task(stack), dial(stack)
    with open("/dev/null", "rb") as other:
        send(connection, text("named", fds=["other", "seccompFd"]), other.fileno(), task.fd)
        check("the listener is the one of that name", task.works())


def large(stack):
    with listeners(path, 20, 300000, "large") as process:
        check("20 of 300 KB each begin", answer(process) == "ready")
        obey(process, "call")
        check("20 of 300 KB each work", answer(process) == "called 20 of 20")
        found = the_session("large-7")
        check("their annotations are there", len(found["labels"].get("annotation.key299", "")) == 990)


# ---- as no runtime should ----


def ends_badly(what, data, *fds):
    """Wrong, and known to be."""

    def play(stack):
        task, connection = Task(stack), dial(stack)
        with open("/dev/null", "rb") as other:
            sent = [task.fd if fd == "listener" else other.fileno() for fd in fds]
            send(connection, data(), *sent)
            hangs_up(what, connection)
        task.close()
        obey(task.process, "call")
        check(f"{what}: its task is told so", answer(task.process) == "called 0 of 1")

    play.__name__ = what
    return play


def byte_and_gone(stack):
    task, connection = Task(stack), dial(stack)
    send(connection, b"{", task.fd)
    connection.close()
    task.close()
    obey(task.process, "call")
    check("a byte and gone: its task is told so", answer(task.process) == "called 0 of 1")


def half_and_hangs(stack):
    send(dial(stack), text("half")[:40], Task(stack).fd)


def two_objects(stack):
    one, two, connection = Task(stack), Task(stack), dial(stack)
    send(connection, text("first") + text("second"), one.fd)
    check("two objects: the first counts", one.works())
    check("two objects: the second does not", not sessions("second"))
    mutter(connection, text("third"), two.fd)
    hangs_up("a second listener on one connection", connection)
    check("two objects: the first goes on", one.works())
    check("two objects: the third does not count", not sessions("third"))


def endless(stack):
    connection = dial(stack)
    try:
        send(connection, b'{"state":"', Task(stack).fd)
        for _ in range(5 * 1024):
            connection.sendall(b"x" * 1024)
        hangs_up("5 MiB", connection)
    except (BrokenPipeError, ConnectionResetError):
        pass


def storm(stack):
    """More than are let in: those that said nothing give way, and one in the middle of a message does not."""
    task, patient = Task(stack), dial(stack)
    data, n_sent = text("patient"), 10
    send(patient, data[:n_sent], task.fd)
    for _ in range(2):
        with contextlib.ExitStack() as crowd:
            idle = []
            for i in range(max_connections + 50):
                idle.append(dial(crowd))
                if i % 10 == 9:  # whoever stalls gives way, too
                    patient.sendall(data[n_sent:n_sent + 1])
                    n_sent += 1
                if i % 50 == 49:
                    good("a storm")
            good("a full house")
            hangs_up("the first to come", idle[0])
    patient.sendall(data[n_sent:])
    check("a message begun before a storm", task.works())


def thousand(stack):
    with listeners(path, 1000, 0, "many") as process:
        check("1000 at once begin", answer(process) == "ready")
        obey(process, "call")
        check("1000 at once work", answer(process) == "called 1000 of 1000")
        obey(process, "hangup")
        obey(process, "call")
        check("1000 at once work when the runtimes are gone", answer(process) == "called 1000 of 1000")
        good("1000 others")
        pid = control.call("status")["pid"]
        with open(f"/proc/{pid}/status") as file:
            print("with 1000 sessions:", *[line.strip().replace("\t", " ") for line in file
                                           if line.startswith(("VmRSS", "Threads"))])


plays = [
    in_pieces, late, kept_open, nothing, crun_exec, unknown_fields, several, by_name, large,
    byte_and_gone, half_and_hangs, two_objects, endless,
    ends_badly("no object", lambda: b"hello", "listener"),
    ends_badly("a list", lambda: b"[]", "listener"),
    ends_badly("an empty object", lambda: b"{}", "listener"),
    ends_badly("too deep", lambda: b'{"a":' + b"[" * 100, "listener"),
    ends_badly("too many values", lambda: b'{"a":[' + b"0," * 300000, "listener"),
    ends_badly("equal names", lambda: text("x")[:-1] + b',"fds":["seccompFd"]}', "listener"),
    ends_badly("no UTF-8", lambda: text("x").replace(b"creating", b"\xff"), "listener"),
    ends_badly("a NUL", lambda: text("x").replace(b"creating", b"a\\u0000"), "listener"),
    ends_badly("a negative pid", lambda: text("x", pid=-1), "listener"),
    ends_badly("a huge pid", lambda: text("x", pid=1 << 80), "listener"),
    ends_badly("no descriptor", lambda: text("x")),
    ends_badly("no listener", lambda: text("x"), "other"),
    ends_badly("more descriptors than names", lambda: text("x"), "listener", "other"),
    ends_badly("fewer descriptors than names", lambda: text("x", fds=["seccompFd", "other"]), "listener"),
    ends_badly("another one is called so", lambda: text("x", fds=["other", "seccompFd"]), "listener", "other"),
    ends_badly("64 descriptors", lambda: text("x"), *["listener"] * 64),
    ends_badly("200 strange descriptors", lambda: b"{", *["other"] * 200),
    storm,
]
if part == "many":
    plays = [thousand]

control = Control(control_path)
hanging = contextlib.ExitStack()  # half messages stay until the end
for play in plays:
    with contextlib.ExitStack() as stack:
        play(hanging if play is half_and_hangs else stack)
        good(play.__name__)
hanging.close()
until("all sessions end with their tasks", lambda: control.call("status")["sessions"]["alive"] == 0)
sys.exit(1 if failures else 0)
