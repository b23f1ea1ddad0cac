# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Sourced after lib.sh: what is asked of every runtime. A run is a function that takes a profile, a name and a command
# (lib.sh). flow_seen needs callgated; flow_alone comes when it is gone, and only the runtime enforces.

ask() { limited "$callgate" "$1" --control "$work/control.sock" "${@:2}"; }

newest_session() { # number, once its last task is gone
  ask sessions -a --json >sessions.json 2>sessions.err || return 1
  python - <<'P'
import json, sys
sessions = json.load(open("sessions.json"))
newest = max(sessions, key=lambda session: session["session"], default=None)
if not newest or not newest["ended_ns"]:
    sys.exit(1)
print(newest["session"])
P
}

counter=0
session=0
in_container() { # run profile output command…
  local run=$1 profile=$2 output=$3
  shift 3
  counter=$((counter + 1))
  "$run" "$profile" "flow-$counter" "$@" >"$output.out" 2>"$output.err"
}

works_as_before() { # sentence run profile
  in_container "$2" "$3" done "${workload[@]}"
  same "$1: exit status" 33 $? done.err
  same_file "$1: output" plain.out done.out
}

ended_session() { # sets session
  until_true newest_session || { fail "$1: its session does not end" sessions.json sessions.err; return 1; }
  session=$(newest_session)
}

has_label() { # sentence name value-pattern
  ask sessions "$session" --json >session.json 2>session.err
  python - "$2" "$3" <<'P' >label.out 2>&1 && pass || fail "$1: label $2 is not $3" label.out session.err
import fnmatch, json, sys
labels = json.load(open("session.json"))["labels"]
print(labels)
sys.exit(not fnmatch.fnmatch(labels.get(sys.argv[1], ""), sys.argv[2]))
P
}

# Which calls a report says were or would have been refused.
refused_names() { # report
  python - "$1" <<'P'
import json, sys
rows = json.load(open(sys.argv[1]))["rows"]
print(" ".join(sorted({row["syscall_name"] for row in rows if not row.get("runtime")})))
P
}

without() { # from to name…
  python - "$@" <<'P'
import json, sys
profile = json.load(open(sys.argv[1]))
for rule in profile["syscalls"]:
    rule["names"] = [name for name in rule["names"] if name not in sys.argv[3:]]
profile["syscalls"] = [rule for rule in profile["syscalls"] if rule["names"]]
json.dump(profile, open(sys.argv[2], "w"))
P
}

# What a runtime's own labels are is checked by the caller, with $session.
flow_record() { # what run for runtime
  local what=$1 run=$2 for=$3 runtime=$4
  limited "$callgate" profile dry-run-profile --record -o "$PWD/$what-record.json" --listener "$service_sock" \
    --runtime "$runtime" 2>make.err || fail "$what: no profile to record with" make.err
  works_as_before "$what, recorded" "$run" "$PWD/$what-record.json"
  ended_session "$what, recorded" || return
  ask snapshot "$session" --for "$for" -o "$PWD/$what.json" >snapshot.out 2>snapshot.err
  same "$what: snapshot as a profile" 0 $? snapshot.err
  without "$what.json" "profiles/$what-strict.json" mkdir mkdirat symlink symlinkat
}

flow_dry_run() { # what run for runtime
  local what=$1 run=$2 for=$3 runtime=$4
  in_container "$run" "$PWD/profiles/$what-strict.json" strict "${workload[@]}"
  has_not "$what: the strict profile breaks it" strict.out removed
  limited "$callgate" profile dry-run-profile "profiles/$what-strict.json" -o "$PWD/$what-dry.json" \
    --listener "$service_sock" --runtime "$runtime" 2>make.err || fail "$what: no profile for a dry run" make.err
  works_as_before "$what, dry run" "$run" "$PWD/$what-dry.json"
  ended_session "$what, dry run" || return
  ask snapshot "$session" --json >report.json 2>report.err
  same "$what, dry run: what would have been refused" "mkdir symlink" "$(refused_names report.json)" report.err report.json
  ask snapshot "$session" --base "profiles/$what-strict.json" --for "$for" -o "$PWD/$what-fixed.json" >/dev/null 2>snapshot.err
  same "$what, dry run: the profile with what it lacked" 0 $? snapshot.err
}

# What is started in a running container comes by a listener of its own, under the same labels.
refused_in_exec() { # label=value: of the container, whose exec has ended; is mkdir in one of its two sessions?
  ask sessions -a --json --label "$1" >sessions.json 2>sessions.err || return 1
  python - <<'P'
import json, sys
sessions = json.load(open("sessions.json"))
ended = [session["refused"] for session in sessions if session["ended_ns"]]
sys.exit(not (len(sessions) == 2 and ended == [1]))
P
}
flow_exec() { # what label=value status-of-exec
  same "$1, exec: exit status" 0 "$3"
  until_true refused_in_exec "$2" && pass || fail "$1, exec: no session of its own with one refusal" sessions.json
}

bundle_profile() { # folder of a bundle; to
  python - "$1/config.json" "$2" <<'P' || fail "no default profile in a bundle"
import json, sys
json.dump(json.load(open(sys.argv[1]))["linux"]["seccomp"], open(sys.argv[2], "w"))
P
}

# A default profile of a runtime in profiles/: it refuses nothing of the workload, and a new host name, which needs a privilege
# that containers lack anyway.
flow_default() { # what run for-runtime profile context-option…
  local what=$1 run=$2 runtime=$3 profile=$4
  shift 4
  limited "$callgate" profile dry-run-profile "profiles/$profile.json" -o "$PWD/$profile-dry.json" \
    --listener "$service_sock" --runtime "$runtime" "$@" 2>make.err || fail "$what: no profile for a dry run" make.err
  in_container "$run" "$PWD/$profile-dry.json" done /bin/sh -c 'hostname other; exec sh /work/script.sh'
  same "$what, dry run: exit status" 33 $? done.err
  same_file "$what, dry run: output" plain.out done.out
  has "$what, dry run: the refused call" done.err "hostname:"
  ended_session "$what, dry run" || return
  ask snapshot "$session" --json >report.json 2>report.err
  same "$what, dry run: what would have been refused" sethostname "$(refused_names report.json)" report.err report.json
}

flow_alone() { # what run
  local what=$1 run=$2 profile
  for profile in "$what" "$what-fixed"; do
    works_as_before "$what, enforced ($profile)" "$run" "$PWD/$profile.json"
    in_container "$run" "$PWD/$profile.json" chmod /bin/chmod 700 /work/script.sh
    [ $? -ne 0 ] && pass || fail "$what, enforced ($profile): chmod, which was never seen, works"
  done
}

flow_plain() { # run: what it does without any filter; skips where this runtime does not run here
  in_container "$1" none plain "${workload[@]}"
  [ $? -eq 33 ] || { head -c 1000 plain.err; skip "$1: does not run containers here"; }
  has "plain" plain.out removed
  in_container "$1" none chmod /bin/chmod 700 /work/script.sh
  same "plain: chmod" 0 $?
}
