#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The referee of the live tests: what would a profile have refused of what strace saw?

It shares nothing with callgate: strace prints raw numbers (strace -f -n -e raw=all), this file has its own
reading of the profile, and only names and verdicts are compared.

  oracle.py compare PROFILE [--final] [--timing A,B] --strace FILE[@32]... --report FILE...
  oracle.py recorded PROFILE [--timing A,B] --strace FILE[@32]...
  oracle.py counts PROFILE --strace FILE --report FILE

compare: exit 0 when the union over all straces equals the union over all reports, else 10 (run again). With
--final, 1 unless every difference is a call named by --timing that some, but not all, runs of its side made.
counts: for a program that does the same in each run, also how often is equal.
recorded: every call strace saw is allowed by the profile, and every name it allows was seen or is one that
a recorder must assume.
"""

import json
import os
import re
import sys

ARCH_64, ARCH_32 = 0xC000003E, 0x40000003
ARCH_NAME = {"SCMP_ARCH_X86_64": ARCH_64, "SCMP_ARCH_X86": ARCH_32}
GO_ARCH = "amd64"
ERRNO, KILL_PROCESS, KILL_THREAD = 0x00050000, 0x80000000, 0
ACTION = {
    "SCMP_ACT_KILL": KILL_THREAD, "SCMP_ACT_KILL_THREAD": KILL_THREAD, "SCMP_ACT_KILL_PROCESS": KILL_PROCESS,
    "SCMP_ACT_TRAP": 0x00030000, "SCMP_ACT_NOTIFY": 0x7FC00000, "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000, "SCMP_ACT_ALLOW": 0x7FFF0000,
}
ALLOW = ACTION["SCMP_ACT_ALLOW"]
# strace names the entry point where the table of system calls names the call.
ALIAS = {"old_mmap": "mmap", "old_select": "select"}
# strace shows what is behind these; a filter sees the number and a pointer.
MULTIPLEXED = {(ARCH_32, 102): "socketcall", (ARCH_32, 117): "ipc"}
# Calls a recorder allows without having seen them: see the recorder's own list and its reasons.
ASSUMED = {"clone", "close", "exit", "exit_group", "fork", "restart_syscall", "rt_sigreturn", "sigreturn", "vfork"}


def capabilities():
    """Capability names in the bounding set of this process."""
    names = ("CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
             "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT "
             "SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE "
             "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ "
             "PERFMON BPF CHECKPOINT_RESTORE").split()
    bits = int(re.search(r"^CapBnd:\s*([0-9a-f]+)", open("/proc/self/status").read(), re.M).group(1), 16)
    return {"CAP_" + name for i, name in enumerate(names) if bits >> i & 1}


class Profile:
    def __init__(self, path):
        with open(path) as file:
            tree = json.load(file)
        self.default = self.action(tree["defaultAction"], tree.get("defaultErrnoRet"))
        archs = tree.get("architectures") or []
        for row in tree.get("archMap") or []:
            if row["architecture"] == "SCMP_ARCH_X86_64":
                archs = [row["architecture"]] + (row.get("subArchitectures") or [])
        self.archs = {ARCH_NAME[name] for name in archs if name in ARCH_NAME} | {ARCH_64}
        self.rules = {}
        caps = capabilities()
        kernel = [int(part) for part in re.match(r"(\d+)\.(\d+)", os.uname().release).groups()]
        for rule in tree.get("syscalls") or []:
            includes, excludes = rule.get("includes") or {}, rule.get("excludes") or {}
            if includes.get("arches") and GO_ARCH not in includes["arches"]:
                continue
            if any(arch == GO_ARCH for arch in excludes.get("arches") or []):
                continue
            if not set(includes.get("caps") or []) <= caps or set(excludes.get("caps") or []) & caps:
                continue
            if includes.get("minKernel") and kernel < [int(p) for p in includes["minKernel"].split(".")[:2]]:
                continue
            if excludes.get("minKernel") and kernel >= [int(p) for p in excludes["minKernel"].split(".")[:2]]:
                continue
            action = self.action(rule["action"], rule.get("errnoRet", tree.get("defaultErrnoRet")))
            for name in rule.get("names") or [rule["name"]]:
                self.rules.setdefault(name, []).append((rule.get("args") or [], action))

    @staticmethod
    def action(text, errno):
        if text == "SCMP_ACT_ERRNO":
            return ERRNO | (1 if errno is None else errno)
        return ACTION[text]

    @staticmethod
    def holds(condition, args, arch):
        mask = (1 << 64) - 1 if arch == ARCH_64 else (1 << 32) - 1
        index = condition["index"]
        # strace prints no more arguments than a call has; conditions beyond them are not used here.
        actual, value = args[index] & mask, condition["value"] & mask
        op = condition["op"]
        if op == "SCMP_CMP_MASKED_EQ":
            return actual & value == condition.get("valueTwo", 0) & mask
        return {"SCMP_CMP_EQ": actual == value, "SCMP_CMP_NE": actual != value, "SCMP_CMP_LT": actual < value,
                "SCMP_CMP_LE": actual <= value, "SCMP_CMP_GT": actual > value, "SCMP_CMP_GE": actual >= value}[op]

    def verdict(self, arch, name, args, behind=None):
        if arch not in self.archs:
            return KILL_THREAD  # what libseccomp does with an architecture that is not listed
        if behind:
            # On i386 libseccomp turns a rule for socket, connect … into one for socketcall with that number as
            # its first argument, which takes the place of the condition on the first argument, if any.
            for conditions, action in self.rules.get(behind, []):
                return action
        for conditions, action in self.rules.get(name, []):
            if all(self.holds(condition, args, arch) for condition in conditions):
                return action
        return self.default


LINE = re.compile(r"^(?:\d+ +)?\[ *(\d+)\] (\w+)\((.*)$")


def trace(path):
    """Yields (arch, name, args, name behind a multiplexer) of every call that began."""
    arch = ARCH_64
    if path.endswith("@32"):
        path, arch = path[:-3], ARCH_32
    n = 0
    with open(path, errors="replace") as file:
        for line in file:
            match = LINE.match(line)
            if not match:
                continue  # signals, exits, resumed halves
            n += 1
            args = [int(text, 16) for text in re.findall(r"(0x[0-9a-f]+|\b0\b)", match.group(3).split(")")[0].split("<")[0])]
            name = match.group(2)
            if name == "restart_syscall":
                continue  # the kernel makes it after a stop, and strace itself stops the program
            if name.startswith("syscall_"):
                name = "#" + match.group(1)
            behind = None
            if (arch, int(match.group(1))) in MULTIPLEXED:
                behind, name = name, MULTIPLEXED[arch, int(match.group(1))]
            yield arch, ALIAS.get(name, name), args, behind
    if n == 0 and arch == ARCH_64:
        sys.exit("oracle: %s holds no call" % path)


def refused(profile, path):
    result = set()
    for arch, name, args, behind in trace(path):
        verdict = profile.verdict(arch, name, args, behind)
        if verdict != ALLOW:
            result.add((arch, name, verdict))
    return result


def reported(path):
    with open(path) as file:
        document = json.load(file)
    rows = document["rows"] + document["observed"]
    result = set()
    for row in rows:
        if row["code_raw"] == ALLOW and row["observed"]:
            continue  # allowed by the profile; watched for reasons of callgate's own
        if row["count"] < 1:
            sys.exit("oracle: %s: a row counts nothing: %r" % (path, row))
        name = row.get("syscall_name") or "#%d" % row["syscall_raw"]
        if name == "restart_syscall":
            continue
        result.add((row["arch_raw"], name, row["code_raw"]))
    return result


def counts(profile, strace, report):
    wanted, got = {}, {}
    for arch, name, args, behind in trace(strace):
        verdict = profile.verdict(arch, name, args, behind)
        if verdict != ALLOW:
            wanted[arch, name, verdict] = wanted.get((arch, name, verdict), 0) + 1
    with open(report) as file:
        document = json.load(file)
    watched = 0
    for row in document["rows"] + document["observed"]:
        if row["code_raw"] == ALLOW and row["observed"]:
            watched += row["count"]
            continue
        key = row["arch_raw"], row["syscall_name"], row["code_raw"]
        got[key] = got.get(key, 0) + row["count"]
    for key in sorted(set(wanted) | set(got)):
        if wanted.get(key) != got.get(key):
            print("  %s 0x%x: strace %s, callgate %s" % (key[1], key[2], wanted.get(key), got.get(key)))
    received = document["ledger"]["received"]
    if received != sum(got.values()) + watched:
        print("  ledger: %d received, %d in rows" % (received, sum(got.values())))
        return 1
    return 0 if wanted == got and wanted else 1


def group(rounds):
    """Per round the set of its 64-bit and 32-bit traces."""
    return set.union(*rounds), set.intersection(*rounds)


def show(title, items):
    for arch, name, verdict in sorted(items):
        print("  %s: %s %s 0x%x" % (title, "x86_64" if arch == ARCH_64 else "i386", name, verdict))


def compare(profile, straces, reports, timing, final):
    some_s, all_s = group(straces)
    some_d, all_d = group(reports)
    if not some_s:
        print("  note: the profile refuses nothing of this")
    if some_s == some_d:
        return 0
    only_s, only_d = some_s - some_d, some_d - some_s
    if not final:
        return 10  # with one run on a side, everything is in all of its runs: more runs tell
    bad_s = {row for row in only_s if row in all_s or row[1] not in timing}
    bad_d = {row for row in only_d if row in all_d or row[1] not in timing}
    show("strace only", bad_s)
    show("callgate only", bad_d)
    return 1 if bad_s or bad_d else 0


def recorded(profile, straces, timing):
    bad = 0
    seen = set()
    for path in straces:
        for arch, name, args, behind in trace(path):
            seen.add(name)
            if profile.verdict(arch, name, args, behind) != ALLOW:
                print("  not allowed though strace saw it: %s %s %r" % (hex(arch), name, args))
                bad = 1 if name not in timing else bad
    allowed = {name for name, rules in profile.rules.items() if any(action == ALLOW for _, action in rules)}
    for name in sorted(allowed - seen - ASSUMED - timing):
        print("  allowed though strace never saw it: %s" % name)
        bad = 1
    return bad


def main(argv):
    mode, profile = argv[0], Profile(argv[1])
    straces, reports, timing, final, target = [], [], set(), False, None
    for word in argv[2:]:
        if word == "--final":
            final = True
        elif word in ("--strace", "--report", "--timing"):
            target = word
        elif target == "--timing":
            timing = set(word.split(",")) - {""}
        elif target == "--strace":
            straces.append(word)
        elif target == "--report":
            reports.append(word)
    if mode == "recorded":
        return recorded(profile, straces, timing)
    if mode == "counts":
        return counts(profile, straces[0], reports[0])
    # FILE and FILE@32 of one round belong together.
    rounds = {}
    for path in straces:
        key = path.replace("@32", "").replace(".s32", "").replace(".s64", "")
        rounds.setdefault(key, set()).update(refused(profile, path))
    return compare(profile, list(rounds.values()), [reported(path) for path in reports], timing, final)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
