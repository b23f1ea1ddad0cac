#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Everything at once against one callgated: launchers that are killed, people at the control socket, strangers at the
others, reloads, restarts, replacements and SIGKILL.   tests/storm.py [--seconds N] [--seed N] [--calm] BUILD

For sanitizers (BUILD is build/dev or build/tsan) and for finding what no single test asks for; not part of the tests,
since what happens is a matter of luck. --calm leaves out what changes a program's fate (close, change of mode): then
programs must end as they do natively, but for starts, and opens under the policy, that a SIGKILL of the service hits
(docs/SERVICE.md; of the latter one run in many shows one). Exit 1: something is wrong, and
the folder with all logs is kept.
"""

import argparse
import collections
import glob
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "live"))
from service_control import Control, Refused  # noqa: E402

PATIENCE = 120
PROGRAMS = [
    ["sh", "-c", "i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done; exit 7"],
    ["sh", "-c", "cat /etc/hostname | cat; exit 7"],
    ["sh", "-c", "(sleep 0.5; ls /) & exit 7"],
    ["find", "/usr/share", "-maxdepth", "2"],
    ["sleep", "0.2"],
    ["/bin/true"],
]
ENDS = {0, 7}  # of these programs
POLICY = """version: 1
default: allow
rules:
  - { family: open, where: { path: /etc/hostname }, do: { errno: EACCES } }
  - { family: open, where: { path: "/usr/share/**" }, do: allow }
  - { syscalls: uname, do: { emulate: { uname: { release: "1.2" } } } }
"""

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--seconds", type=float, default=60)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 30))
parser.add_argument("--calm", action="store_true")
parser.add_argument("build")
options = parser.parse_args()

folder = tempfile.mkdtemp(prefix="callgate-storm.")
for name, rest in ("ASAN", ""), ("UBSAN", ":print_stacktrace=1"), ("TSAN", ""):
    os.environ[name + "_OPTIONS"] = f"log_path={folder}/{name.lower()}:handle_abort=1{rest}"
over = threading.Event()
lock = threading.Lock()
outcomes = collections.Counter()
problems = []


def note(what):
    with lock:
        outcomes[what] += 1


def problem(what):
    with lock:
        problems.append(what)
    print(what, flush=True)


def path(name):
    return os.path.join(folder, name)


def configure(n):
    """Another configuration each time, so that a reload has something to do."""
    with open(path("new"), "w") as file:
        json.dump({
            "state": path("state"),
            "sockets": {"agent": path("agent.sock"), "oci": path("oci.sock"), "control": path("control.sock"),
                        "metrics": "unix:" + path("metrics.sock")},
            "keeper": {"kind": "process", "wait": "120s"},
            "limits": {"ended": n % 4},
            "events": {"interval": "1s",
                       "outlets": [{"file": {"path": path("events"), "rotate": {"size": "100K", "count": 3}}}]},
        }, file)
    os.rename(path("new"), path("service.yaml"))


def log():
    with open(path("service.err"), "rb") as file:
        return file.read()


class Service:
    def __init__(self):
        self.err = open(path("service.err"), "ab")
        self.process = None

    def start(self, *arguments):
        before = log().count(b"serving;")
        self.process = subprocess.Popen([options.build + "/callgated", "--config", path("service.yaml"), *arguments],
                                        stdin=subprocess.DEVNULL, stdout=self.err, stderr=self.err)
        end = time.monotonic() + PATIENCE
        while log().count(b"serving;") == before:
            if self.process.poll() is not None or time.monotonic() > end:
                problem(f"the service does not start: {self.process.returncode}")
                break
            time.sleep(0.01)

    @staticmethod
    def ended(process, expected):
        try:
            if process.wait(PATIENCE) != expected:
                problem(f"the service ended with {process.returncode}")
        except subprocess.TimeoutExpired:
            problem("the service does not end")
            process.kill()
            process.wait()

    def act(self, action):
        old = self.process
        if old.poll() is not None:
            problem(f"the service is gone: {old.returncode}")
        elif action == "reload":
            old.send_signal(signal.SIGHUP)
            return
        elif action == "replace":
            self.start("--replace")
            self.ended(old, 0)
            return
        else:
            old.send_signal(signal.SIGKILL if action == "kill" else signal.SIGTERM)
            self.ended(old, -signal.SIGKILL if action == "kill" else 0)
        self.start()


def launch(number):
    luck = random.Random(f"{options.seed} launcher {number}")
    verbs = {
        "record": ["record", "-o", path(f"profile-{number}")],
        "dry-run": ["dry-run", "--profile", path("strict.json"), "-o", path(f"table-{number}")],
        "policy": ["run", "--policy", path("policy.yaml")],
    }
    while not over.is_set():
        verb, program = luck.choice(list(verbs)), luck.choice(PROGRAMS)
        command = [options.build + "/callgate", *verbs[verb], "--supervisor", path("agent.sock"), "--", *program]
        with open(path(f"launcher-{number}.err"), "wb") as err:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err,
                                       start_new_session=True)
        killed = luck.random() < 0.3
        if killed:
            time.sleep(luck.random() * 0.3)
            number_of = luck.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            try:
                (os.killpg if luck.random() < 0.3 else os.kill)(process.pid, number_of)
            except ProcessLookupError:
                pass
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            problem(f"hangs: {' '.join(command)}")
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            continue
        note(f"{verb} {status}{' (killed)' if killed else ''}")
        if options.calm and not killed and status not in ENDS:
            with open(path(f"launcher-{number}.err"), errors="replace") as file:
                text = file.read()
            # The one start that a SIGKILL may cost something.
            if "while it took the listener" not in text:
                problem(f"{verb} {status}: {' '.join(program)}\n{text[-600:]}")


def control(number):
    luck = random.Random(f"{options.seed} control {number}")
    changes = [{"mode": "record"}, {"mode": "dry-run", "profile": path("strict.json")}, {"all": True},
               {"mode": "enforce", "profile": path("strict.json")}, {"mode": "policy", "policy": path("policy.yaml")}]
    while not over.is_set():
        try:
            peer = Control(path("control.sock"))
            for _ in range(luck.randint(1, 20)):
                sessions = peer.call("sessions", {"ended": True})["sessions"]
                what = luck.choice(["session", "snapshot", "reload", "status", "subscribe"] +
                                   ([] if options.calm else ["change", "change", "close"]))
                if what in ("status", "subscribe") or (what == "reload" and luck.random() < 0.5):
                    peer.call(what)
                elif sessions and (what != "close" or luck.random() < 0.1):
                    peer.call(what, luck.choice(sessions)["session"], *([luck.choice(changes)] if what == "change" else []))
                note(what)
        except Refused:
            note("control: refused")
        except (OSError, EOFError) as error:
            note(f"control: {type(error).__name__}")
            time.sleep(0.05)
        time.sleep(luck.random() * 0.2)


def stranger(number):
    luck = random.Random(f"{options.seed} stranger {number}")
    while not over.is_set():
        name = luck.choice(["agent.sock", "oci.sock", "control.sock", "metrics.sock"])
        try:
            with socket.socket(socket.AF_UNIX) as peer:
                peer.settimeout(PATIENCE)
                peer.connect(path(name))
                kind = luck.random()
                if kind < 0.3:
                    peer.sendall(luck.randbytes(luck.randint(1, 200)))
                elif kind < 0.5:
                    message = b'{"ociVersion": "1.0.2", "fds": ["seccompFd"], "pid": 1, "state": {}}'
                    socket.send_fds(peer, [message[:luck.randint(1, len(message))]], [0])
                elif kind < 0.7 and name == "metrics.sock":
                    peer.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                    while peer.recv(65536):
                        pass
                time.sleep(luck.random() * 0.3)
        except OSError:
            note("stranger turned away")
        time.sleep(luck.random() * 0.1)


print(f"seed {options.seed}, {folder}", flush=True)
with open(path("strict.json"), "w") as file:
    json.dump({"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": [
        {"names": ["execve", "brk", "mmap", "openat", "read", "close", "exit_group"], "action": "SCMP_ACT_ALLOW"}]}, file)
with open(path("policy.yaml"), "w") as file:
    file.write(POLICY)
open(path("service.err"), "w").close()
configure(0)
service = Service()
service.start()
threads = [threading.Thread(target=target, args=(i,)) for target, n in ((launch, 6), (control, 3), (stranger, 2))
           for i in range(n)]
for thread in threads:
    thread.start()
luck = random.Random(options.seed)
end = time.monotonic() + options.seconds
turns = 0
while time.monotonic() < end:
    time.sleep(luck.random() * 2)
    turns += 1
    configure(turns)
    action = luck.choice(["kill", "replace", "reload", "reload", "restart"])
    note(action)
    service.act(action)
over.set()
for thread in threads:
    thread.join()
service.process.terminate()
Service.ended(service.process, 0)
for report in glob.glob(path("*san.*")):
    with open(report, errors="replace") as file:
        text = file.read()
    # The search for leaks says so when a thread ends while it looks; it looks again at the next end.
    if "ERROR: " in text or "WARNING: " in text or "runtime error" in text:
        problem(text[:4000])
for what, n in sorted(outcomes.items()):
    print(f"{n:6} {what}")
print(f"{len(problems)} problems, seed {options.seed}")
if not problems:
    shutil.rmtree(folder)
sys.exit(1 if problems else 0)
