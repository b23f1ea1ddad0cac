#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Answers callgate's questions at a pseudo terminal.

  policy_ask.py CALLGATE POLICY ANSWERS    exits 0 when every question came and every answer counted
"""

import os
import pty
import re
import select
import sys
import time

callgate, policy, answers = sys.argv[1:]
program = "mkdir once; mkdir denied; mkdir always; rmdir always; mkdir always; echo status $?"
pid, fd = pty.fork()
if pid == 0:
    os.execv(callgate, [callgate, "run", "-q", "--policy", policy, "--answers", answers, "--", "sh", "-c", program])

text = ""


def wait(pattern):
    global text
    end = time.monotonic() + 30
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
    wait(r"mkdir \(pid \d+\) wants mkdir\([^\n]*%s[^\n]*\): a folder\n[^\n]*> " % name)
    os.write(fd, word.encode() + b"\n")


answer("once", "what?")
wait(r"> ")
os.write(fd, b"a\n")
answer("denied", "d")
wait("Operation not permitted")
answer("always", "A")
wait(r"status 0")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
