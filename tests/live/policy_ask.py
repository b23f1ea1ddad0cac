#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Answers callgate's questions at a pseudo terminal.

  policy_ask.py CALLGATE POLICY ANSWERS [apart]    exits 0 when every question came and every answer counted

apart: the program has no terminal, and callgate answer answers at another one.
"""

import os
import pty
import re
import select
import socket
import subprocess
import sys
import time



def is_there(folder):
    """A name that was bound does not mean yet that somebody listens."""
    for name in os.listdir(folder) if os.path.isdir(folder) else ():
        with socket.socket(socket.AF_UNIX) as there:
            if there.connect_ex(folder + "/" + name) == 0:
                return True
    return False


callgate, policy, answers = sys.argv[1:4]
apart = sys.argv[4:] == ["apart"]
program = "mkdir once; mkdir denied; mkdir always; rmdir always; mkdir always; echo status $?"
command = [callgate, "run", "-q", "--policy", policy, "--", "sh", "-c", program]
if apart:
    runner = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              start_new_session=True)
    folder = os.environ["XDG_RUNTIME_DIR"] + "/callgate"
    while not is_there(folder):
        time.sleep(0.01)
    command = [callgate, "answer", "--answers", answers]
else:
    command[2:2] = ["--answers", answers]
pid, fd = pty.fork()
if pid == 0:
    os.execv(callgate, command)

text = ""


def wait(pattern):
    global text
    end = time.monotonic() + 60
    while True:
        match = re.search(pattern, text)
        if match:
            text = text[match.end():]
            return match
        left = end - time.monotonic()
        if left <= 0 or not select.select([fd], [], [], left)[0]:
            sys.exit("no %r after %r" % (pattern, text))
        try:
            text += os.read(fd, 65536).decode(errors="replace").replace("\r", "")
        except OSError:
            sys.exit("the end came before %r: %r" % (pattern, text))


def answer(name, word):
    wait(r'mkdir \(pid \d+\) wants mkdir "/[^\n]*/%s" \("%s", 0777\): a folder\n[^\n]*always[^\n]*> ' % (name, name))
    os.write(fd, word.encode() + b"\n")


answer("once", "what?")
wait(r"> ")
os.write(fd, b"a\n")
answer("denied", "d")
if not apart:
    wait("Operation not permitted")
answer("always", "A")
if apart:
    output = runner.communicate(timeout=60)[0].decode()
    if runner.returncode != 0 or "Operation not permitted" not in output or "status 0" not in output:
        sys.exit("the program saw other answers: %r" % output)
else:
    wait(r"status 0")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
