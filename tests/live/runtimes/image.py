#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: image.py OUT NAME ROOTFS [COMMAND…]

Writes a root file system as an image archive of one layer, such as `docker save` makes it and docker, podman and
containerd load it."""
import hashlib
import io
import json
import sys
import tarfile


def add(archive, name, data):
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def own(entry):
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


out, name, rootfs, *command = sys.argv[1:]
layer = io.BytesIO()
with tarfile.open(fileobj=layer, mode="w") as archive:
    archive.add(rootfs, arcname=".", filter=own)
layer = layer.getvalue()
config = json.dumps({
    "architecture": "amd64",
    "os": "linux",
    "config": {"Cmd": command or ["/bin/sh"], "Env": ["PATH=/usr/bin:/bin"]},
    "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
}).encode()
config_name = hashlib.sha256(config).hexdigest() + ".json"
manifest = json.dumps([{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
with tarfile.open(out, "w") as archive:
    add(archive, config_name, config)
    add(archive, "layer.tar", layer)
    add(archive, "manifest.json", manifest)
