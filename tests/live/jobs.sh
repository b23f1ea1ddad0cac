#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Job control on a real (pseudo) terminal, compared with env(1): ctrl-C, ctrl-Z and fg, ctrl-\, background jobs,
# signals sent to the launcher, the window's size. jobs.py plays the person.

. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
need /usr/bin/python3
/usr/bin/python3 -E -c 'import pty' 2>/dev/null || skip "python3 has no module pty (python3-minimal)"

echo '{ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{ "names": ["mkdir"], "action": "SCMP_ACT_ERRNO" }] }' >allow.json
LIMIT=240
limited /usr/bin/python3 -E "$live/jobs.py" "$programs" env >jobs.env 2>err.env
same "the scenarios work with env(1)" 0 $?
cat jobs.env err.env

for verb in dry-run record run; do
  case $verb in
  dry-run) prefix=("$callgate" dry-run --profile "$profiles/violation.json" -o "$work/out.report" --) ;;
  record) prefix=("$callgate" record -o "$work/out.profile" --) ;;
  run) prefix=("$callgate" run --quiet --profile "$work/allow.json" --) ;;
  esac
  limited /usr/bin/python3 -E "$live/jobs.py" "$programs" "${prefix[@]}" >"jobs.$verb" 2>"err.$verb"
  same_file "$verb: what the person at the terminal notices" jobs.env "jobs.$verb"
  [ -s "err.$verb" ] && cat "err.$verb"
  expect_no_leftovers "$verb"
done

finish
