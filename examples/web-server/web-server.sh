#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A server recorded under traffic from outside: callgate holds only nginx, the requests come from a client that
# is not supervised. Then the same with the recorded profile enforced. Needs nginx and curl, no root.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
PATH=$here/../../build/release:$PATH:/usr/sbin
url=http://127.0.0.1:8087

for command in callgate nginx curl; do
        command -v "$command" >/dev/null || {
                echo "web-server.sh: $command is missing" >&2
                exit 1
        }
done

work=$(mktemp -d "${TMPDIR:-/tmp}/web.XXXX")
server=''
clean_up() {
        [ -z "$server" ] || kill -QUIT "$server" 2>/dev/null || true
        wait
        rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP
chmod 755 "$work" # nginx's workers are another user when we are root
cp "$here/nginx.conf" "$work"
mkdir "$work/html"
head -c 300000 /dev/urandom >"$work/html/large"
echo hello >"$work/index.html"

# Everything a visitor may do. What is not asked for here is not recorded, and will be refused.
traffic() {
        for _ in $(seq 100); do # until it listens
                curl -fs -o /dev/null "$url/index.html" && break
                sleep 0.1
        done
        curl -fsS -o /dev/null -o /dev/null "$url/html/large" "$url/index.html" # two requests, one connection
        curl -fsS -o /dev/null -r 1000-2000 "$url/html/large"
        curl -sS -o /dev/null "$url/missing"
        curl -sS -o /dev/null -d field=value "$url/index.html"
        curl -sSI -o /dev/null "$url/index.html"
}

# $@ is callgate with its options; a signal for callgate is one for nginx.
serve() {
        echo "$ callgate $* -- nginx -p . -c nginx.conf"
        (cd "$work" && exec callgate "$@" -- nginx -p . -c nginx.conf) &
        server=$!
        traffic
        kill -QUIT "$server"
        wait "$server"
        server=''
        echo
}

serve record --args --evidence evidence.json -o nginx.json
serve run --profile nginx.json
echo "both runs together served $(grep -c . "$work/access.log") requests; what nginx.json refused would stand above"
cp "$work/nginx.json" "$work/evidence.json" .
echo "left here: nginx.json, evidence.json"
