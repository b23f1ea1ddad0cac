#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# What a receiver got (receiver.js): sums.py FILE… prints one fact per line. An entry is known by its chunk and its place
# in it; one that came twice must be the same both times, and counts once.
import json
import sys

entries = {}
twice = 0
for path in sys.argv[1:]:
    for number, line in enumerate(open(path)):
        entry = json.loads(line)
        key = (entry["chunk"], entry["place"]) if entry["chunk"] else (path, number)
        if key in entries:
            twice += 1
            if entries[key] != entry:
                print("CHANGED", key)
        entries[key] = entry

records = [entry["record"] for entry in entries.values()]
calls = [r for r in records if r["kind"] in ("row", "call")]
ends = [r for r in records if r["kind"] == "end"]
holes = [r for r in records if r["kind"] == "dropped"]
by_session = {}
for record in calls:
    by_session[record["session"]] = by_session.get(record["session"], 0) + record["count"]
print("twice", twice)
print("records", len(records))
print("begins", sum(r["kind"] == "begin" for r in records))
print("ends", len(ends))
print("calls", sum(r["count"] for r in calls))
print("recorded", sum(r["calls_recorded"] for r in ends))
print("unequal", sum(by_session.get(r["session"], 0) != r["calls_recorded"] for r in ends))
print("getppid", sum(r["count"] for r in calls if r["syscall"] == "getppid"))
print("holes", len(holes))
print("hole-records", sum(r["records"] for r in holes))
print("hole-calls", sum(r["calls"] for r in holes))
print("tags", " ".join(sorted({e["tag"] for e in entries.values()})))
