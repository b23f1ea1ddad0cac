#!/usr/bin/env bash
# Whole programs: record against native and against strace -f -c, and a dry run inside its profile against the
# same profile enforced by the kernel alone. Prints medians of per-round ratios to the first line of each group.
#   tests/bench/workloads.sh [ROUNDS]        needs build/release, strace, redis-server, nginx, wrk
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-7}
bin=$PWD/build/release
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

file_heavy="tar -C /usr/share -cf - perl zoneinfo 2>/dev/null | gzip -1 > $dir/out.gz"
walk="find /usr/include /usr/lib/python3 /usr/share/doc > $dir/out"
fork_heavy='for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do /bin/true; done'
compile="gcc -O1 -c $PWD/supervisor/session.c -I$PWD -I$PWD/include -D_GNU_SOURCE -o $dir/out.o"
python="python3 -c 'import json, os, re'"

# A server's time is its client's: start it under the variant, run a fixed load, stop it.
cat > "$dir/serve.sh" <<EOS
#!/bin/bash
# serve.sh PREFIX...: redis under PREFIX, 20000 SETs by 50 clients
port=\$((20000 + \$\$ % 20000))
"\$@" redis-server --port \$port --save '' --appendonly no >/dev/null 2>&1 &
until redis-cli -p \$port ping >/dev/null 2>&1; do sleep 0.01; done
redis-benchmark -p \$port -n 20000 -P 1 -c 50 -t set -q >/dev/null
redis-cli -p \$port shutdown nosave >/dev/null 2>&1
wait
EOS
chmod +x "$dir/serve.sh"

record() { echo "$bin/callgate record -o $dir/p.json --"; }
quote() { printf '%q' "$1"; }

group() { # name, shell command
  name=$1 command=$2
  wrap="sh -c $(quote "$command")"
  echo "$name"
  "$bin/callgate" record -o "$dir/$name.json" -- sh -c "$command" 2>/dev/null
  "$bin/bench-compare" "$rounds" \
    native "$wrap" \
    record "$(record) $wrap" \
    "strace -f -c" "strace -f -c -o $dir/strace $wrap" \
    "strace -f -o /dev/null" "strace -f -o /dev/null $wrap"
}

inside() { # name, shell command: dry run within the profile against the profile in the kernel
  name=$1 wrap="sh -c $(quote "$2")"
  echo "$name inside its profile"
  "$bin/callgate" record -o "$dir/in.json" -- sh -c "$2" 2>/dev/null
  "$bin/bench-compare" "$rounds" \
    "enforced by the kernel" "$bin/callgate run --quiet --profile $dir/in.json -- $wrap" \
    "dry-run" "$bin/callgate dry-run --profile $dir/in.json -- $wrap"
}

group tar "$file_heavy"
group find "$walk"
group fork "$fork_heavy"
group gcc "$compile"
group python "$python"
if command -v redis-server redis-benchmark >/dev/null; then
  echo redis
  "$bin/bench-compare" "$rounds" \
    native "$dir/serve.sh" \
    record "$dir/serve.sh $(record)" \
    "strace -f -c" "$dir/serve.sh strace -f -c -o $dir/strace"
fi
inside gcc "for i in 1 2 3 4 5; do $compile; done"
inside tar "for i in 1 2 3 4 5; do $file_heavy; done"
echo start
"$bin/bench-compare" 25 \
  native /bin/true \
  "callgate run" "$bin/callgate run --quiet --profile $dir/fork.json -- /bin/true" \
  "callgate record" "$(record) /bin/true"
