#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A program started by callgate is what it would be if env(1) had started it: everything a process inherits is
# compared line by line, for every launching verb, under ordinary and odd circumstances of the caller.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

state=$programs/selfstate

# The verbs that launch, each as a prefix like env(1). verify is not one of them: it runs things twice.
verbs=(dry-run dry-run-audit record run)
prefix_of() {
  case $1 in
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/violation.json" -o "$work/out.report" --) ;;
  dry-run-audit) prefix=("$callgate" dry-run --profile "$profiles/audit.json" --all --) ;;
  record) prefix=("$callgate" record -o "$work/out.profile" --events "$work/out.events" --) ;;
  run) prefix=("$callgate" run --quiet --profile "$work/allow.json" --) ;;
  esac
}
echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO" }] }' >allow.json

# Redirections of the launching shell show in selfstate as well, so both launches share one shape.
# $1 names the circumstance, $2 is shell text run before the launch, $3 redirections.
circumstance() {
  local name=$1 before=$2 redirections=${3:-}
  bash -c "$before
exec env \"\$@\" $redirections" bash "$state" "$work/state.env" 'an argument' '' '*' >/dev/null 2>"$work/err.env" </dev/null
  [ -s state.env ] || { fail "$name: env itself did not run" err.env; return; }
  local verb
  for verb in "${verbs[@]}"; do
    prefix_of "$verb"
    rm -f "state.$verb"
    limited bash -c "$before
exec \"\$@\" $redirections" bash "${prefix[@]}" "$state" "$work/state.$verb" 'an argument' '' '*' >/dev/null 2>"$work/err.$verb" </dev/null
    if [ ! -s "state.$verb" ]; then
      fail "$name, $verb: the program did not run" "err.$verb"
      continue
    fi
    # The group and session are the caller's own in both launches, but each launch has its own caller.
    same_file "$name, $verb: state of the program" <(normal state.env) <(normal "state.$verb")
  done
}
normal() {
  # no_new_privs, which callgate needs without privilege, changes what the kernel calls dumpable for nobody.
  # A standard stream captured by the launch has another file in each run.
  sed -E 's,err\.[a-z-]+,err,; s,^(umask [0-7]+) pgrp [0-9]+ session ([0-9]+),\1 session \2,; s, offset [0-9-]+ -> (.*)/err, -> \1/err,; s,pipe:\[[0-9]+\],pipe,' "$1"
}

circumstance "plain" ':'
circumstance "umask and limits" 'umask 0027; ulimit -S -n 77; ulimit -c 0; ulimit -S -s 4096; ulimit -S -t 1000'
circumstance "ignored signals" "trap '' INT QUIT HUP TERM USR1 PIPE CHLD TSTP"
circumstance "ignored SIGCHLD alone" "trap '' CHLD"
circumstance "further descriptors" 'exec 5</dev/null 7>/dev/null 9<>/dev/null 33</etc/passwd'
circumstance "a descriptor where callgate might put its own" 'exec 3</etc/passwd 4</etc/group 10</etc/hosts 11</etc/hosts'
circumstance "another directory" 'cd /usr/lib'
circumstance "no environment" 'env -i true; export -n HOME; unset HOME TZ TMPDIR'
circumstance "nice" 'renice -n 5 -p $$ >/dev/null'
circumstance "closed standard input" ':' '<&-'
circumstance "closed standard output" ':' '>&-'
circumstance "closed standard error" ':' '2>&-'
circumstance "everything closed" ':' '<&- >&- 2>&-'
circumstance "standard streams on one pipe" ':' '2>&1 | cat'
circumstance "batch scheduling" 'command -v chrt >/dev/null && chrt -b -p 0 $$'
circumstance "one processor" 'command -v taskset >/dev/null && taskset -pc 0 $$ >/dev/null'

# A directory that was removed, and one that may not be searched by name any more.
mkdir gone-directory
circumstance "a removed directory" "mkdir -p '$work/gone-directory' && cd '$work/gone-directory' && rmdir '$work/gone-directory'"

if [ -x /usr/bin/python3 ]; then
  # Blocked signals cannot be arranged from a shell.
  block='import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1, signal.SIGCHLD, signal.SIGALRM, signal.SIGRTMIN + 3}); signal.signal(signal.SIGPIPE, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])'
  /usr/bin/python3 -E -c "$block" /usr/bin/env "$state" "$work/state.env" >/dev/null 2>err.env </dev/null
  for verb in "${verbs[@]}"; do
    prefix_of "$verb"
    limited /usr/bin/python3 -E -c "$block" "${prefix[@]}" "$state" "$work/state.$verb" >/dev/null 2>"err.$verb" </dev/null
    same_file "blocked signals, $verb: state of the program" <(normal state.env) <(normal "state.$verb")
  done
  has "blocked signals: the test arranges some" state.env "SigBlk:	0000"
  has_not "blocked signals: the test arranges some" state.env "SigBlk:	0000000000000000"
fi

# In a group of its own and in a session of its own, the program stays in its caller's.
for verb in "${verbs[@]}"; do
  prefix_of "$verb"
  # shellcheck disable=SC2016
  limited setsid -w bash -c 'echo "$$"; "$@"; true' bash "${prefix[@]}" /bin/bash -c 'ps -o pgid=,sid= -p $$ 2>/dev/null || cut -d" " -f5,6 /proc/$$/stat' >session.out 2>session.err </dev/null
  same "session and group, $verb" "$(head -1 session.out) $(head -1 session.out)" "$(sed -n 2p session.out | xargs)"
done

# What callgate says goes to standard error, what the program says is untouched, in either direction.
printf 'line 1\nline 2\n\0\377binary' >input
for verb in "${verbs[@]}"; do
  prefix_of "$verb"
  limited "${prefix[@]}" cat <input >output 2>"err.$verb"
  same_file "$verb: standard output is the program's alone" input output
  limited "${prefix[@]}" sh -c 'cat >&2' <input 2>errors
  head -c "$(stat -c %s input)" errors >errors.head
  [ $verb = dry-run-audit ] || same_file "$verb: standard error of the program comes through" input errors.head
  for status in 0 1 2 3 4 5 42 125 126 127 128 255; do
    limited "${prefix[@]}" sh -c "exit $status" >/dev/null 2>&1
    same "$verb: exit status $status" $status $?
  done
  for signal in HUP INT QUIT ILL ABRT KILL SEGV PIPE ALRM TERM USR1 SYS; do
    limited "${prefix[@]}" sh -c "ulimit -c 0; kill -$signal \$\$" >/dev/null 2>&1
    status=$?
    same "$verb: death by SIG$signal" $((128 + $(kill -l $signal))) $status
  done

  # A pipeline that ends early takes the program with it, and callgate after that.
  limited bash -c '"$@" | head -n 1; echo "${PIPESTATUS[0]}"' bash "${prefix[@]}" yes >pipe.out 2>/dev/null
  same "$verb: yes | head" "y 141" "$(xargs <pipe.out)"
  # The reader sees the end when the program closes its output, not when it ends.
  limited bash -c 'exec 3< <("$@" 2>/dev/null); cat <&3; touch seen; wait' bash "${prefix[@]}" sh -c "echo text; exec >&- 2>&-; for i in \$(seq 2000); do [ -e '$work/seen' ] && exit 0; sleep 0.02; done; touch '$work/unseen'" >pipe.out
  same "$verb: what the reader got" text "$(cat pipe.out)"
  absent "$verb: the reader sees the end as soon as the program closes its output" "$work/unseen"
  rm -f seen unseen
  # The writer is told when the program closes its input.
  limited bash -c 'trap "" PIPE; for i in $(seq 2000); do echo $i || { touch told; exit; }; sleep 0.02; done 2>/dev/null | "$@" 2>/dev/null' bash "${prefix[@]}" sh -c "exec <&-; for i in \$(seq 2000); do [ -e '$work/told' ] && exit 0; sleep 0.02; done"
  if [ -e told ]; then pass; else fail "$verb: the writer is not told that the program closed its input"; fi
  rm -f told
  # In the middle of a pipeline.
  same "$verb: in the middle" "300" "$(seq 300 | "${prefix[@]}" cat 2>/dev/null | wc -l)"
done

# A script without #! is run by sh, as execvp(3) and the shell do.
printf 'echo script "$@"; exit 6\n' >script && chmod +x script
for verb in "${verbs[@]}"; do
  prefix_of "$verb"
  same "$verb: script without #!" "script a b" "$(limited "${prefix[@]}" ./script a b 2>/dev/null)"
  limited "${prefix[@]}" ./script >/dev/null 2>&1
  same "$verb: its exit status" 6 $?
done

# Names are looked up in PATH as env(1) does, also an empty entry for the current directory.
for verb in "${verbs[@]}"; do
  prefix_of "$verb"
  same "$verb: PATH with an empty entry" "script" "$(PATH=:/usr/bin:/bin limited "${prefix[@]}" script 2>/dev/null)"
done

finish
