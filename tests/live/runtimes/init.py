#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: init.py COMMAND…

First process of a PID namespace: runs the command, reaps every orphan (podman takes a conmon that nobody reaped for a
living one), and ends with the command, and so everything else does."""
import os
import signal
import sys

child = os.fork()
if child == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored by what runs in a shell's background
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    pid, status = os.wait()
    if pid == child:
        sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
