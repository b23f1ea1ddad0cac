# SPDX-License-Identifier: Apache-2.0
"""Makes calls that a policy has something to say about, over and over, until a file says stop, and checks every answer:
service_policy.sh has the policy. Says at the end how often it asked and how often it was told that trouble of the
supervisor cut a call short (EREMOTEIO).

A supervisor killed while the kernel hands a descriptor over for it: the kernel takes that back, but not that the call is
answered, so an open gives 0 (seccomp_notify_addfd(), seen with 6.18). Descriptor 0 is taken, so that is told apart.

service_policy.py FOLDER BEGUN STOP"""

import errno
import os
import sys

folder, begun, stop = sys.argv[1:]
os.chdir(folder)
rounds = cut = lost = 0
parents = [4242, 4343, 4444]  # policies in the order in which they are put in force


def wrong(what):
    print(f"round {rounds}: {what}", flush=True)
    os._exit(1)


def cut_short(error):
    global cut
    if error.errno != errno.EREMOTEIO:
        return False
    cut += 1
    return True


def make():
    """Was it made, or taken away, when the supervisor died over it? Nobody knows; looking tells."""
    try:
        os.mkdir("made")
    except OSError as error:
        if not cut_short(error):
            wrong(f"mkdir: {error}")
    there = os.path.isdir("made")
    while there:
        try:
            os.rmdir("made")
            there = False
        except OSError as error:
            if not cut_short(error):
                wrong(f"rmdir: {error}")
            there = os.path.isdir("made")


def check():
    global lost
    parent = os.getppid()
    if parent not in parents:
        wrong(f"return: getppid is {parent}, after {parents[0]}")
    if parent != parents[0]:
        del parents[:parents.index(parent)]
        print(f"another policy: getppid {parent}", flush=True)
    try:
        os.mkdir("refused")
        wrong("errno: mkdir was not refused")
    except OSError as error:
        if error.errno != errno.ENOSPC and not cut_short(error):
            wrong(f"errno: {error}")
    fd = os.open("asked", os.O_RDONLY)
    if fd == 0:
        lost += 1
    else:
        text = os.read(fd, 100)
        if text != b"given\n":
            wrong(f"redirect: descriptor {fd} has {text}")
        os.close(fd)
    if os.getuid() != 0:
        wrong(f"emulate: uid {os.getuid()}")
    make()
    status = os.stat("owned")
    if (status.st_uid, status.st_gid) != (123, 456):
        wrong(f"emulate: the file belongs to {status.st_uid}, {status.st_gid}")


os.chown("owned", 123, 456)
open(begun, "w").close()
while not os.path.exists(stop):
    check()
    rounds += 1
print(f"{rounds} rounds, {cut} cut short, getppid {parents[0]}, {lost} without a descriptor")
