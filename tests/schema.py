#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every policy that callgate takes is one that policy.schema.json takes, so that no editor complains about what
runs; and the schema refuses what is plainly wrong. usage: schema.py CALLGATE FOLDER. Exit 77: tools are missing."""

import json
import pathlib
import re
import subprocess
import sys

try:
    import jsonschema
    import yaml
except ImportError as missing:
    print(f"schema: {missing}")
    sys.exit(77)
if not hasattr(jsonschema, "Draft202012Validator"):
    print("schema: python3-jsonschema is older than draft 2020-12")
    sys.exit(77)

callgate, root = sys.argv[1], pathlib.Path(sys.argv[2])
schema = json.loads((root / "policy/native/policy.schema.json").read_text("utf-8"))
jsonschema.Draft202012Validator.check_schema(schema)
validator = jsonschema.Draft202012Validator(schema)
bad = 0
counted = {True: 0, False: 0}


def taken(text):
    """Not refused: warnings are fine."""
    run = subprocess.run([callgate, "policy", "check", "--var", "opt=/opt", "-"], input=text, encoding="utf-8", errors="replace",
                         capture_output=True, timeout=200, cwd="/")
    return run.returncode != 2, run.stdout + run.stderr


def fits(text):
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    errors = [f"{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(document)]
    return errors


def report(what, where, detail):
    global bad
    bad += 1
    print(f"schema: {where}: {what}\n{detail}")


# Whole policies: examples, the corpus, what the manual shows.
files = sorted((root / "examples").rglob("*.yaml")) + sorted((root / "tests").rglob("*.yaml"))
# Objects of Kubernetes are none.
files = [file for file in files if "\napiVersion:" not in "\n" + file.read_text("utf-8", errors="replace")]
texts = [(str(f), f.read_text("utf-8", errors="replace")) for f in files]
texts = [(name, text) for name, text in texts if re.search(r"^rules:|^include:|^overlays:|^binds:", text, re.M)]
manual = (root / "docs/POLICY.md").read_text("utf-8")
texts += [(f"docs/POLICY.md, block {i}", block)
          for i, block in enumerate(re.findall(r"```yaml\n(.*?)```", manual, re.S)) if "rules:" in block]
for name, text in texts:
    # What is included or read beside the policy is not there for a policy on standard input.
    alone = re.sub(r"^(include|base):.*$", "", text, flags=re.M)
    ok, said = taken(alone)
    errors = fits(alone)
    if ok and errors:
        report("callgate takes it, the schema does not", name, "\n".join(errors))
    counted[ok] += 1
    if name.startswith(("docs/", str(root / "examples"))) and not ok:
        report("is refused", name, said)

# Single rules: (rule, does callgate take it?). Where the schema can know, it says the same.
RULES = [
    ("{ syscalls: open, do: allow }", True),
    ("{ syscalls: [open, openat], do: { errno: 0 } }", True),
    ("{ syscalls: open, do: { errno: EPERM }, where: { args: { flags: { has: O_CREAT } } } }", True),
    ("{ syscalls: open, do: log, where: { args: { flags: [O_RDONLY, 1, '0x2'] } } }", True),
    ("{ family: files, do: { redirect: /x }, where: { path: /a/* } }", True),
    ("{ family: open, do: { substitute: { text: '' } } }", True),
    ("{ do: { emulate: uname } }", True),
    ("{ do: { emulate: { uname: { release: '5.10' } } } }", True),
    ("{ do: { emulate: { sysinfo: { memory: 16G, uptime: 2h } } } }", True),
    ("{ syscalls: kill, do: ask, where: { rate: { above: 5/s, of: process } } }", True),
    ("{ syscalls: kill, do: { ask: { timeout: 3s, otherwise: allow } }, where: { uid: [0, 5-9], bits: 32 } }", True),
    ("{ do: allow }", False),
    ("{ syscalls: open }", False),
    ("{ syscalls: [], do: allow }", False),
    ("{ syscalls: open, do: deny }", False),
    ("{ syscalls: open, do: { errno: EPERM, return: 0 } }", False),
    ("{ syscalls: open, do: { errno: 5000 } }", False),
    ("{ syscalls: open, do: allow, were: {} }", False),
    ("{ syscalls: open, do: allow, where: { paht: /x } }", False),
    ("{ syscalls: open, do: allow, where: { path: x/y } }", False),
    ("{ syscalls: open, do: allow, where: { bits: 16 } }", False),
    ("{ syscalls: open, do: allow, where: { args: { flags: { mask: 1 } } } }", False),
    ("{ syscalls: open, do: allow, where: { args: { flags: { haz: 1 } } } }", False),
    ("{ syscalls: open, do: allow, where: { rate: { of: process } } }", False),
    ("{ syscalls: open, do: allow, where: { rate: { above: 1/s }, count: { above: 1 } } }", False),
    ("{ family: opens, do: log }", False),
    ("{ do: { emulate: unam } }", False),
    ("{ do: { emulate: { uname: { relaese: x } } } }", False),
    ("{ do: { emulate: processors } }", False),
    ("{ do: { emulate: { uname: { release: 5.10 } } } }", False),
]
for rule, expected in RULES:
    text = f"version: 1\nrules: [ {rule} ]\n"
    ok, said = taken(text)
    errors = fits(text)
    if ok != expected:
        report(f"callgate {'takes' if ok else 'refuses'} it", rule, said)
    if (not errors) != expected:
        report(f"the schema {'refuses' if errors else 'takes'} it", rule, "\n".join(errors or []))
for text in ["defalut: allow\n", "version: 2\n", "on-error: allow\n", "binds: [ { from: x } ]\n", "tmpfs: [ x ]\n",
             "authority: [ mont ]\n"]:
    if taken(text)[0] or not fits(text):
        report("is taken", text, "")

print(f"schema: {counted[True]} policies fit, {counted[False]} are refused by both or by callgate, {bad} mistakes")
sys.exit(1 if bad or counted[True] < 4 else 0)
