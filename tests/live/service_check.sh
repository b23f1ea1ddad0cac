#!/usr/bin/env bash
# callgated --check: what a configuration means, for people and machines, and what is wrong with it.
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need python3

check() { limited "$bin/callgated" --check "$@" >out 2>err; }
field() { python3 -c 'import json, sys; print(eval(sys.argv[1], {}, {"c": json.load(open("out"))}))' "$1"; }

# ---- the shipped example ----
cp -r "$live/../../examples/service" .
check --config service/callgated.yaml
same "example: exit status" 0 $? err
has "example: it is good" out "callgated.yaml: good"
has "example: a rule is told" out "namespace=prod pod=web-*"
has "example: its profile is not there" err "[no-profile]"
check --config service/callgated.yaml --json
same "example as JSON: exit status" 0 $? err
same "example as JSON: valid" True "$(field 'c["valid"]')"
same "example as JSON: rules" "['dry-run', 'record']" "$(field '[s["mode"] for s in c["sessions"]]')"
same "example as JSON: nothing beside it" "" "$(cat err)"
mkdir folder
cp "$live/../../examples/no-network/no-network.json" folder/web.json
sed "s|^profiles:.*|profiles: folder|" service/callgated.yaml >here.yaml
check --config here.yaml
same "with the profile: exit status" 0 $? err
has "with the profile: it is found" out "profile web.json: found"
same "with the profile: nothing to warn of" "" "$(cat err)"

# ---- no file ----
export XDG_CONFIG_HOME=$work/settings XDG_STATE_HOME=$work/results XDG_RUNTIME_DIR=$work/run
if ! is_root; then
  check
  same "nothing: exit status" 0 $? err
  has "nothing: all by default" out "all by default"
  has "nothing: sockets are the user's" out "$work/run/callgate/agent.sock"
  has "nothing: so is the state" out "$work/results/callgate/events"
  mkdir -p settings/callgate
  echo 'node: mine' >settings/callgate/callgated.yaml
  check
  has "the usual file is found" out "mine"
fi
absent "--check makes nothing" results
absent "--check opens nothing" run

# ---- what is wrong ----
printf 'sockets:\n  agent: here.sock\nevents: { intervall: 1s }\nsessions: [ { mode: dryrun } ]\n' >bad.yaml
check --config bad.yaml
same "wrong: exit status" 2 $? err
has "wrong: place and remedy of the first" err "bad.yaml:2:10: sockets.agent: error:"
has "wrong: of the second" err "bad.yaml:3:22: events.intervall: error: there is no field \"intervall\" here; did you mean interval?"
has "wrong: of the third" err "bad.yaml:4:21: sessions[0].mode: error: \"dryrun\" is not dry-run, record, enforce or policy; did you mean dry-run?"
has "wrong: how many" err "3 errors"
same "wrong: nothing is promised" "" "$(cat out)"
check --config bad.yaml --json
same "wrong as JSON: exit status" 2 $? err
same "wrong as JSON: findings" "False 3" "$(field 'str(c["valid"]) + " " + str(len(c["findings"]))')"
printf 'sessions: [\n' >bad.yaml
check --config bad.yaml
same "syntax: exit status" 2 $? err
check --config missing.yaml
same "missing: exit status" 2 $? err
has "missing: it is said" err "missing.yaml: error: cannot be read: No such file or directory"
check --private 3
same "options that do not go together" 2 $? err
finish
