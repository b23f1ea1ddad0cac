#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# What is installed works where it was put: the prefix may be chosen when it is installed.
set -u
unset DESTDIR CMAKE_INSTALL_MODE
export LC_ALL=C
build=$1
prefix=$(mktemp -d "${TMPDIR:-/tmp}/callgate-install.XXXXXX") || exit 1
trap 'rm -rf "$prefix"' EXIT
prefix=$(cd "$prefix" && pwd -P) || exit 1
bad=0
complain() {
  echo "install: $*"
  bad=1
}

cmake --install "$build" --prefix "$prefix" >"$prefix/log" 2>&1 || { cat "$prefix/log"; exit 1; }
bin=$(dirname "$(find "$prefix" -name callgated -type f -perm -u+x | head -1)")
unit=$(find "$prefix" -name callgated.service)
documents=$(dirname "$(find "$prefix" -name README.md -path '*/doc/callgate/README.md')")

"$bin/callgate" --version >/dev/null || complain "callgate does not run"
grep -qxF "ExecStart=$bin/callgated" "$unit" || complain "$(grep ExecStart "$unit") is not where callgated is"
for path in share/man/man1/callgate.1 share/man/man8/callgated.8 share/bash-completion/completions/callgate; do
  [ -s "$prefix/$path" ] || complain "there is no $path"
done
# Links of the README lead somewhere, but for those to manual pages, which are elsewhere.
grep -oE '\]\([a-zA-Z][^):#]*\)' "$documents/README.md" | sed 's/^](//; s/)$//' | grep -v '^docs/man/' | sort -u >"$prefix/links"
while read -r link; do
  [ -e "$documents/$link" ] || complain "README.md: $link is not installed"
done <"$prefix/links"
[ -s "$prefix/links" ] || complain "README.md has no links"

[ $bad -eq 0 ] && echo "install: $(wc -l <"$prefix/links") links, the unit and the programs are right"
exit $bad
