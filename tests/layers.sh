#!/bin/sh
# The include arrows of docs/ARCHITECTURE.md, read from the include lines. Fails on a wrong one, and on a
# library used outside the files it is meant for.
set -u
cd "$(dirname "$0")/.." || exit 1
bad=0

may() { # folder, allowed folders
  folder=$1; shift
  allowed=" $folder callgate $* "
  for line in $(grep -rhoE '^#include "[^"]+"' --include='*.[ch]' "$folder" 2>/dev/null | sed 's/#include "//; s/"$//' | sort -u); do
    case "$line" in
      */*) target=${line%%/*} ;;
      *) continue ;;
    esac
    case "$allowed" in
      *" $target "*) ;;
      *) echo "layers: $folder includes $line"; bad=1 ;;
    esac
  done
}

may base
may syscalls base
may policy base syscalls
may proto base syscalls
may agent base syscalls policy proto
may supervisor base syscalls policy proto
may cli base syscalls policy proto agent

only() { # header pattern, allowed files (regex)
  hits=$(grep -rlE "^#include [<\"]$1" --include='*.[ch]' base syscalls policy proto agent supervisor cli include 2>/dev/null | grep -vE "$2")
  [ -z "$hits" ] || { echo "layers: $1 is included by: $hits"; bad=1; }
}

only 'seccomp\.h' '^(syscalls/names\.c|policy/compile\.c)$'
only 'msgpack' '^proto/codec\.c$'
only 'uv\.h' '^supervisor/'
only 'microhttpd\.h' '^supervisor/service/metrics\.c$'
only 'nettle/' '^supervisor/service/forward_key\.c$'
only 'systemd/' '^supervisor/service/'
only 'jansson\.h' '^(policy/(native/)?(read|write)[a-z_]*\.[ch]|policy/learn_evidence\.c|proto/[a-z_]*json[a-z_]*\.[ch]|supervisor/service/(config|oci_state)[a-z_]*\.[ch]|cli/report_json\.c|supervisor/emulate/options\.c)$'
only 'yaml\.h' '^policy/(read|write)_[a-z_]*\.[ch]$'

[ $bad -eq 0 ] && echo "layers: all include arrows point the right way"
exit $bad
