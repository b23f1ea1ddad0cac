#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# From "it refuses to run" to a policy: ledgerd, a stubborn closed program (of our own making), step by step. Works as
# root and as an ordinary user; writes only to a temporary folder that it removes. CALLGATE names another callgate than
# that of build/release.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
export CALLGATE="${CALLGATE:-$here/../../build/release/callgate}"
exec 2>&1 # one stream, so that the program's words and callgate's keep their order

bold='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
        bold=$'\e[1m' plain=$'\e[0m'
else
        export COLUMNS="${COLUMNS:-140}"
fi

step() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
tell() { printf '%s\n' "$*"; }
show() { # a command as the reader would type it, then its output
        status=0
        printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
        "$@" || status=$?
}
fail() {
        printf '\nvendor-binary: %s\n' "$*"
        exit 1
}

work='' maker=''
clean_up() {
        [ -z "$maker" ] || kill "$maker" 2>/dev/null || true
        [ -z "$work" ] || rm -rf "$work"
}
trap clean_up EXIT
trap 'printf "\nvendor-binary: interrupted\n"; exit 130' INT TERM HUP

[ -x "$CALLGATE" ] || fail "no callgate; build it first: cmake --preset release && cmake --build --preset release"
PATH=$(cd "$(dirname "$CALLGATE")" && pwd):$PATH
for tool in cc perl; do
        command -v $tool >/dev/null || fail "$tool is needed (Debian: apt-get install gcc libc6-dev perl)"
done
[ "$(uname -m)" = x86_64 ] || fail "dates are pretended on x86_64 only, this is $(uname -m)"

work=$(mktemp -d "${TMPDIR:-/tmp}/cg.XXXX")
cd "$work"

# ---------------------------------------------------------------------------------------------------------
step "1/6 the program"

tell "ledgerd keeps the books. Its maker and its source are gone (we pretend: examples/vendor-binary/ledgerd.c)."
tell "It is installed in a folder of ours, as it would lie in /opt:"
mkdir -p opt/acme/bin
cc -O2 -o opt/acme/bin/ledgerd "$here/ledgerd.c"
cp "$here/ledgerd.yaml" "$here/ledgerd.cases.yaml" .
printf '\125\316\254\000' >hostid # 00acce55, as its processor has it in memory
show ls -l opt/acme/bin

# ---------------------------------------------------------------------------------------------------------
step "2/6 it refuses to run"

show opt/acme/bin/ledgerd
[ "$status" -ne 0 ] || fail "it was not meant to run here"
if command -v strace >/dev/null; then
        tell
        tell "And it does not like to be looked at. Whatever works by ptrace (strace, proot) is noticed:"
        printf '\n%s$ strace -o strace.out opt/acme/bin/ledgerd%s\n' "$bold" "$plain"
        strace -o strace.out opt/acme/bin/ledgerd || true
fi

# ---------------------------------------------------------------------------------------------------------
step "3/6 what does it ask for?"

tell "callgate records without being noticed. What it made of the machine until it gave up:"
printf '\n%s$ callgate record --events events -o seen.json -- opt/acme/bin/ledgerd%s\n' "$bold" "$plain"
callgate record --events events -o seen.json -- opt/acme/bin/ledgerd >out.record 2>&1 || true
tail -n 3 out.record
printf '\n%s$ callgate events events | grep -E "uname|etuid|setgroups|hostid|machine-id|ioctl|connect"%s\n' "$bold" "$plain"
callgate events events | grep -E "uname|etuid|setgroups|hostid|machine-id|ioctl|connect" || true

# ---------------------------------------------------------------------------------------------------------
step "4/6 rule by rule"

# Somebody has to say yes where its maker's server did.
cat >maker.pl <<'PERL'
use IO::Socket::INET;
my $server = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => 0, Listen => 5) or die "no socket: $!\n";
open(my $port, ">", "port.new") or die "port.new: $!\n";
print $port $server->sockport;
close $port;
rename "port.new", "port";
alarm 600;
while (my $peer = $server->accept) { <$peer>; print $peer "YES\n"; close $peer }
PERL
perl maker.pl &
maker=$!
for _ in $(seq 100); do
        [ -s port ] && break
        sleep 0.1
done
[ -s port ] || fail "the stand-in for the maker's server did not start"
address=127.0.0.1:$(cat port)

# rules NAME…: a policy with these rules of ledgerd.yaml.
rules() {
        awk -v wanted=" $* " '
                /^  - name: / { keep = index(wanted, " " $3 " ") > 0; if (keep) print ""; }
                /^rules:/ { print; rules = 1; next }
                /^ *#/ { next }
                !rules || (keep && NF) { print }' ledgerd.yaml
}

tell "Each refusal names a call and what would satisfy it; each becomes a rule of ledgerd.yaml:"
tell
names=()
for name in '(none)' root kernel host-id machine-id mac date lock maker; do
        [ "$name" = '(none)' ] || names+=("$name")
        if [ ${#names[@]} -eq 0 ]; then
                opt/acme/bin/ledgerd >out.step 2>&1 || true
        else
                rules "${names[@]}" >step.yaml
                callgate run --quiet --policy step.yaml --var maker="$address" -- /opt/acme/bin/ledgerd >out.step 2>&1 || true
        fi
        printf '%-14s %s\n' "+ $name" "$(grep '^\[' out.step | tail -n 1)"
done
grep -q 'books are balanced' out.step || { cat out.step; fail "the rules were not enough"; }
rm -rf opt/acme/var

# ---------------------------------------------------------------------------------------------------------
step "5/6 the policy, before it is used"

show cat ledgerd.yaml
tell
tell "What is wrong or doubtful in it, where each thing is decided, and whether it says what was meant:"
show callgate policy check ledgerd.yaml
[ "$status" -le 1 ] || fail "the policy is refused"
show callgate policy explain ledgerd.yaml connect
show callgate policy test ledgerd.yaml ledgerd.cases.yaml
[ "$status" -eq 0 ] || fail "the policy does not say what was meant"

# ---------------------------------------------------------------------------------------------------------
step "6/6 it runs"

show callgate run --policy ledgerd.yaml --var maker="$address" -- /opt/acme/bin/ledgerd
[ "$status" -eq 0 ] || fail "ledgerd ended with status $status"
tell
tell "Its ledger, in our folder; the date in it is the licence's. The machine's own is what it was, and so are its"
tell "/opt, its host id, and who we are:"
show cat opt/acme/var/ledger
grep -q '^2012-06-01 balance 42.00$' opt/acme/var/ledger || fail "the ledger is not what it should be"
show date -u +%F
show id -un
[ ! -e /opt/acme/var/ledger ] || fail "it wrote to the real /opt"

step "done in $SECONDS s. README.md has the same with the reasons; docs/EMULATED.md says what is not pretended."
