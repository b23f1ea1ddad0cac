#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: manifests.py FILE…

Checks Kubernetes manifests against the models of Kubernetes' own Python client, which are generated from its published
OpenAPI schema: every field is known and of its type, and what is required is there. A
SeccompProfile of the Security Profiles Operator has no published schema in any package; it is checked against the table
below, which is ours."""
import re
import sys

import yaml
from kubernetes import client

ACTIONS = ["SCMP_ACT_" + name for name in
           "KILL KILL_PROCESS KILL_THREAD TRAP ERRNO TRACE ALLOW LOG NOTIFY".split()]
OPS = ["SCMP_CMP_" + name for name in "NE LT LE EQ GE GT MASKED_EQ".split()]
# Field: type, a list of words, {…} of fields, or [one element]; "!" before a name: required.
SECCOMP_PROFILE = {
    "!apiVersion": ["security-profiles-operator.x-k8s.io/v1beta1", "security-profiles-operator.x-k8s.io/v1"],
    "!kind": ["SeccompProfile"],
    "!metadata": {"!name": str, "namespace": str, "labels": dict, "annotations": dict},
    "!spec": {
        "!defaultAction": ACTIONS, "architectures": [str], "baseProfileName": str, "disabled": bool,
        "listenerPath": str, "listenerMetadata": str, "flags": [str],
        "syscalls": [{"!names": [str], "!action": ACTIONS, "errnoRet": int,
                      "args": [{"!index": int, "value": int, "valueTwo": int, "!op": OPS}]}],
    },
}
PLAIN = {"str": str, "int": int, "bool": bool, "float": (int, float), "object": object, "datetime": object}


def differs(value, kind):
    return not isinstance(value, kind) or (kind is int and isinstance(value, bool))


def by_table(value, table, place):
    if isinstance(table, dict):
        if not isinstance(value, dict):
            return ["%s: not a mapping" % place]
        known = {key.lstrip("!"): shape for key, shape in table.items()}
        found = ["%s: '%s' is required" % (place, key[1:]) for key in table if key[0] == "!" and key[1:] not in value]
        for key, item in value.items():
            found += by_table(item, known[key], place + "." + key) if key in known else \
                ["%s: '%s' is no field of it" % (place, key)]
        return found
    if isinstance(table, list) and not isinstance(table[0], str):
        if not isinstance(value, list):
            return ["%s: not a list" % place]
        return [line for i, item in enumerate(value) for line in by_table(item, table[0], "%s[%d]" % (place, i))]
    if isinstance(table, list):
        return [] if value in table else ["%s: '%s' is none of %s" % (place, value, ", ".join(table))]
    return ["%s: %r is no %s" % (place, value, table.__name__)] if differs(value, table) else []


def by_type(value, kind, place):
    many = re.fullmatch(r"list\[(.+)\]", kind)
    mapping = re.fullmatch(r"dict\(str, (.+)\)", kind)
    if many:
        if not isinstance(value, list):
            return ["%s: not a list" % place]
        return [line for i, item in enumerate(value) for line in by_type(item, many[1], "%s[%d]" % (place, i))]
    if mapping:
        if not isinstance(value, dict):
            return ["%s: not a mapping" % place]
        return [line for key, item in value.items() for line in by_type(item, mapping[1], place + "." + key)]
    if kind in PLAIN:
        return ["%s: %r is no %s" % (place, value, kind)] if differs(value, PLAIN[kind]) else []
    return by_model(value, getattr(client, kind), place)


def by_model(value, model, place):
    if not isinstance(value, dict):
        return ["%s: not a mapping" % place]
    attributes = {name: attribute for attribute, name in model.attribute_map.items()}
    found, given = [], {}
    for key, item in value.items():
        if key not in attributes:
            found.append("%s: '%s' is no field of %s" % (place, key, model.__name__))
            continue
        given[attributes[key]] = item
        found += by_type(item, model.openapi_types[attributes[key]], place + "." + key)
    try:
        model(**given)  # what is required
    except ValueError as error:
        found.append("%s: %s" % (place, error))
    return found


def check(document):
    kind, version = document.get("kind", ""), document.get("apiVersion", "")
    place = "%s/%s" % (kind, document.get("metadata", {}).get("name", "?"))
    if kind == "SeccompProfile":
        return by_table(document, SECCOMP_PROFILE, place)
    model = getattr(client, "V1" + kind, None)
    if model is None or version.split("/")[-1] != "v1":
        return ["%s: %s %s is not known" % (place, version, kind)]
    return by_model(document, model, place)


wrong = 0
for path in sys.argv[1:]:
    with open(path) as file:
        for document in yaml.safe_load_all(file):
            if document is None:
                continue
            for line in check(document):
                print(path + ": " + line)
                wrong = 1
sys.exit(wrong)
