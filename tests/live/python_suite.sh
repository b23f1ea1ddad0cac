# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
#
# Python's own tests of a module, natively and under a policy: each comes out the same. They know what programs rely
# on, and have races and time limits of their own: the few that came out otherwise are tried again, each by itself, and
# then must come out as natively every time.

python=${CALLGATE_TEST_PYTHON:-/usr/bin/python3}

# In a folder of its own, for what it leaves.
python_tests() { # output, policy or nothing, what regrtest is to do
  local output=$1 launcher=()
  [ -z "$2" ] || launcher=("$callgate" run -q --policy "$2" --)
  shift 2
  mkdir -p python.tests
  (cd python.tests && LIMIT=300 limited "${launcher[@]}" "$python" -m test -v -i '*VSOCK*' "$@") >"$output" 2>&1 </dev/null
  chmod -R u+rwx python.tests
  rm -rf python.tests
}

# A line for each test: its name, a blank, its outcome. (What a test prints may stand between them.)
python_outcomes() { # output
  awk 'match($0, /^[A-Za-z0-9_]+ \([A-Za-z0-9_.]+\)/) { id = $2; gsub(/[()]/, "", id) }
    id != "" && match($0, /(^|\.\.\. )(ok|FAIL|ERROR|skipped|expected failure|unexpected success)( .*)?$/) {
      word = substr($0, RSTART, RLENGTH)
      sub(/^\.\.\. /, "", word)
      sub(/ .*/, "", word)
      print id, word
      id = ""
    }' "$1" | sort -u
}

python_comes_out_the_same() { # test, policy, suite, options…
  local id=$1 policy=$2 round
  shift 2
  python_tests again.native "" -m "$id" "$@"
  python_outcomes again.native >again.outcomes
  grep -F "$id " outcomes.native >>again.outcomes
  for round in 1 2 3; do
    python_tests again.policed "$policy" -m "$id" "$@"
    python_outcomes again.policed >again.policed.outcomes
    [ -s again.policed.outcomes ] || return 1
    grep -vxFf again.outcomes again.policed.outcomes && return 1
  done
  echo "note: $id was tried again"
}

python_suite() { # policy, suite, options for regrtest…
  local policy=$1 suite=$2 tests
  shift
  python_tests suite.native "" "$@"
  python_tests suite.policed "$policy" "$@"
  python_outcomes suite.native >outcomes.native
  python_outcomes suite.policed >outcomes.policed
  [ "$(grep -c ' ok$' outcomes.native)" -ge 5 ] && pass || fail "python's $suite: runs" suite.native
  tests=$(comm -3 outcomes.native outcomes.policed | sed 's/^\t//; s/ .*//' | sort -u)
  if [ -z "$tests" ]; then
    pass
  elif [ "$(wc -w <<<"$tests")" -le 5 ]; then
    for id in $tests; do
      python_comes_out_the_same "$id" "$policy" "$@" && pass || fail "python's $suite: $id" again.policed again.native
    done
  else
    same_file "python's $suite: outcomes" outcomes.native outcomes.policed
  fi
}
