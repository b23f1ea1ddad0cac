#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Job control on a terminal: an interactive bash in a pseudo terminal starts a program through a prefix.

  jobs.py PROGRAMS PREFIX…      prints one line per scenario: what a person at the terminal would have noticed

The caller runs it once with env(1) and once with callgate as prefix and compares the lines. Nothing here waits
for time to pass: every step waits for the text or the state that must follow.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 60


class Terminal:
    """A bash at a terminal, its prompt made recognizable."""

    def __init__(self, tag):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(JOBS_TAG=tag, PS1="[$?]PROMPT> ", TERM="dumb", HISTFILE="")
            os.execv("/bin/bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
        self.text = ""
        self.wait("PROMPT> ")

    def wait(self, pattern):
        """Reads until the pattern appears; returns what came before and the match."""
        end = time.monotonic() + PATIENCE
        while True:
            match = re.search(pattern, self.text)
            if match:
                before, self.text = self.text[:match.start()], self.text[match.end():]
                return before, match
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise TimeoutError("no %r after: %r" % (pattern, self.text[-2000:]))
            try:
                chunk = os.read(self.fd, 65536)
            except OSError:
                chunk = b""
            if not chunk:
                raise EOFError("terminal closed before %r: %r" % (pattern, self.text[-2000:]))
            self.text += chunk.decode(errors="replace").replace("\r", "")

    def wait_for_both(self, one, other):
        """Reads until both appear, in any order."""
        self.wait("%s(?s:.*?)%s|%s(?s:.*?)%s" % (one, other, other, one))

    def send(self, text):
        os.write(self.fd, text.encode())

    def status(self):
        """The exit status in the next prompt."""
        return int(self.wait(r"\[(\d+)\]PROMPT> ")[1].group(1))

    def line(self, command):
        self.send(command + "\n")
        self.wait(re.escape(command[-20:]) + "\n")

    def close(self):
        try:
            self.send("exit\n")
            time.sleep(0.05)
        except OSError:
            pass
        os.close(self.fd)
        for _ in range(200):
            if os.waitpid(self.pid, os.WNOHANG)[0]:
                return
            time.sleep(0.02)
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def processes(tag):
    """Processes of one terminal: pid, name of the program, state. Their environment tells whose they are."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if b"JOBS_TAG=" + tag.encode() not in open("/proc/%s/environ" % name, "rb").read().split(b"\0"):
                    continue
                words = open("/proc/%s/cmdline" % name, "rb").read().split(b"\0")
                state = re.search(r"^State:\s*(\S)", open("/proc/%s/status" % name).read(), re.M).group(1)
            except (OSError, AttributeError):
                continue
            found.append((int(name), os.path.basename(words[0].decode(errors="replace")), state))
    return found


def state_of(pid):
    """One letter, or nothing for a process that is gone."""
    try:
        return re.search(r"^State:\s*(\S)", open("/proc/%d/status" % pid).read(), re.M).group(1)
    except OSError:
        return ""


def until(what, condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)


def find(tag, name):
    """The process that runs the program of that name; waits until there is one."""
    found = []

    def look():
        found[:] = [pid for pid, program, state in processes(tag) if program == name and state != "Z"]
        return found
    until("no process " + name, look)
    return found[0]


def launcher(tag, name):
    """The process that the shell started: callgate; env(1) has become the program."""
    return find(tag, os.path.basename(prefix[0]) if "callgate" in prefix[0] else name)


def stopped(tag, name):
    """The shell speaks as soon as its own child has stopped. A program below it that has the signal, but was not run
    since, still takes a line that is typed, natively too."""
    until(name + " does not stop", lambda: any(program == name and state == "T" for _, program, state in processes(tag)))


def quoted(words):
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


def scenario_interrupt(t, start, tag):
    """ctrl-C ends a program that does nothing about it."""
    t.line(start("sh -c 'echo up; exec sleep 1000'"))
    t.wait("up\n")
    t.send("\x03")
    return "status %d" % t.status()


def scenario_interrupt_once(t, start, tag):
    """ctrl-C arrives at a program that handles it, exactly once each time."""
    t.line(start("%s/signalled 60 2 3 20" % programs))
    t.wait("ready\n")
    # A signal that comes while the same one is pending is lost, natively too: the next when this one was handled.
    for _ in range(3):
        t.send("\x03")
        t.wait_for_both(r"\^C", "<2>")
    t.send("\x1c")
    t.wait_for_both(r"\^\\", "<3>")
    time.sleep(0.2)  # for a second one that should not come
    os.kill(find(tag, "signalled"), signal.SIGTERM)
    counts = t.wait(r"signal 2: \d+\nsignal 3: \d+\nsignal 20: \d+\n")[1].group(0)
    return "%r status %d" % (counts, t.status())


def scenario_quit(t, start, tag):
    """ctrl-\\ kills."""
    t.line("ulimit -c 0; " + start("sh -c 'echo up; exec sleep 1000'"))
    t.wait("up\n")
    t.send("\x1c")
    return "status %d" % t.status()


def scenario_stop(t, start, tag):
    """ctrl-Z stops the job, fg goes on with it, twice."""
    t.line(start("sh -c 'echo up; cat; echo over'"))
    t.wait("up\n")
    said = []
    for round in range(2):
        t.send("line %d\n" % round)
        t.wait("line %d\nline %d\n" % (round, round))
        t.send("\x1a")
        t.wait("Stopped")
        said.append("stopped %d" % t.status())
        stopped(tag, "cat")
        # Twice: the terminal's echo and cat's. What bash says in between may be lost, natively too: ctrl-Z
        # flushes the terminal's output.
        t.line("fg")
        t.send("again %d\n" % round)
        t.wait("again %d\n(?s:.*?)again %d\n" % (round, round))
    t.send("\x04")
    t.wait("over\n")
    return ", ".join(said) + " status %d" % t.status()


def scenario_background(t, start, tag):
    """A job in the background that reads the terminal stops; kill %1 ends it."""
    t.line(start("cat") + " &")
    t.status()
    stopped(tag, "cat")
    t.line("jobs -s | grep -c Stopped")
    # The shell learns of the stop a moment later.
    end = time.monotonic() + PATIENCE
    while True:
        n = t.wait(r"(\d+)\n(?:\n?\[1\].*\n)?\[\d+\]PROMPT> ")[1].group(1)
        if n == "1" or time.monotonic() > end:
            break
        time.sleep(0.02)
        t.line("jobs -s | grep -c Stopped")
    # When the process is gone, the shell has its status. (A busy one may not reap it before it has something to do.)
    job = launcher(tag, "cat")
    t.line("kill %1")
    t.status()
    until("the job does not end", lambda: state_of(job) in "Z")
    while state_of(job):
        t.line("/bin/true")
        t.status()
    t.line("wait $!; echo status $?")
    return "stopped jobs %s, %s" % (n, t.wait(r"status \d+\n")[1].group(0).strip())


def scenario_terminate(t, start, tag):
    """SIGTERM, SIGHUP and SIGUSR1 sent to the launcher reach the program."""
    said = []
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        t.line(start("sh -c 'echo up; exec sleep 1000'"))
        t.wait("up\n")
        os.kill(launcher(tag, "sleep"), number)
        said.append("%s %d" % (signal.Signals(number).name, t.status()))
    return ", ".join(said)


def scenario_handled(t, start, tag):
    """Signals to the launcher reach a program that handles them, once each."""
    t.line(start("%s/signalled 60 10 12 1" % programs))
    t.wait("ready\n")
    target = launcher(tag, "signalled")
    for number in (10, 10, 12, 1):
        os.kill(target, number)
        t.wait("<%d>" % number)
    time.sleep(0.2)  # for a second one that should not come
    os.kill(target, signal.SIGTERM)
    counts = t.wait(r"signal 10: \d+\nsignal 12: \d+\nsignal 1: \d+\n")[1].group(0)
    return "%r status %d" % (counts, t.status())


def scenario_stop_launcher(t, start, tag):
    """SIGTSTP to the launcher stops the job; the shell sees it and goes on with it."""
    t.line(start("sh -c 'echo up; exec cat'"))
    t.wait("up\n")
    os.kill(launcher(tag, "cat"), signal.SIGTSTP)
    t.wait("Stopped")
    first = t.status()
    t.line("fg")
    t.send("text\n")
    t.wait("text\n(?s:.*?)text\n")
    t.send("\x04")
    return "stopped %d status %d" % (first, t.status())


def scenario_window(t, start, tag):
    """A change of the window's size arrives, and the size is right."""
    t.line(start("%s/signalled 60 28" % programs))
    t.wait("ready\n")
    fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 99, 0, 0))
    t.wait("<28>")
    time.sleep(0.2)  # for a second one that should not come
    os.kill(find(tag, "signalled"), signal.SIGTERM)
    count = t.wait(r"signal 28: \d+\n")[1].group(0).strip()
    status = t.status()
    t.line(start("stty size"))
    return "%s status %d, %s" % (count, status, t.wait(r"\d+ \d+\n")[1].group(0).strip())


def scenario_terminal_modes(t, start, tag):
    """The program may change the terminal's modes; they stay as it left them."""
    t.line(start("sh -c 'stty -echo; stty -a | grep -o -- -echo; stty echo; test -t 0 && test -t 1 && test -t 2 && echo three; tty'"))
    before = t.wait(r"\[(\d+)\]PROMPT> ")
    return "%r" % re.sub(r"/dev/pts/\d+", "/dev/pts/N", "\n".join(l for l in before[0].split("\n") if not l.startswith("callgate:")))


def scenario_pipeline(t, start, tag):
    """ctrl-C ends a whole pipeline with the program in its middle."""
    t.line("sh -c 'echo up; exec sleep 1000' | " + start("cat") + " | cat")
    t.wait("up\n")
    t.send("\x03")
    status = t.status()
    t.line("echo ${PIPESTATUS[1]}")
    return "status %d" % status


def scenario_killed(t, start, tag):
    """The program killed by SIGKILL from elsewhere."""
    t.line(start("sh -c 'echo up; exec sleep 1000'"))
    t.wait("up\n")
    os.kill(find(tag, "sleep"), signal.SIGKILL)
    return "status %d" % t.status()


def scenario_child_interrupted(t, start, tag):
    """A shell script in the foreground: ctrl-C ends its child, the script's trap says so."""
    t.line(start("bash -c 'trap \"echo trapped; exit 9\" INT; echo up; while :; do sleep 1000; done'"))
    t.wait("up\n")
    find(tag, "sleep")  # before it is there, the shell itself might be the one to be interrupted
    t.send("\x03")
    t.wait("trapped\n")
    return "status %d" % t.status()


def main():
    failed = 0
    for name, scenario in sorted((n, f) for n, f in globals().items() if n.startswith("scenario_")):
        tag = "%s-%d" % (name, os.getpid())

        def start(command):
            return quoted(prefix) + " " + command
        try:
            terminal = Terminal(tag)
            try:
                terminal.line("exec 2>&1")
                terminal.status()
                print("%s: %s" % (name[len("scenario_"):], scenario(terminal, start, tag)), flush=True)
            finally:
                terminal.close()
        except (TimeoutError, EOFError, ProcessLookupError) as error:
            failed = 1
            print("%s: %s" % (name[len("scenario_"):], error), flush=True)
    return failed


programs, prefix = sys.argv[1], sys.argv[2:]
sys.exit(main())
