#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# emulate: root. Two referees: the kernel, where we are root and can have the same done for real, and fakeroot, which can
# pretend the same for programs that use the C library.

network=own
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need fakeroot tar cpio rsync dpkg-deb python3 perl setpriv
umask 022
cat >root.yaml <<'Y'
version: 1
rules:
  - { name: root, do: { emulate: root } }
Y
pretend() { limited "$callgate" run -q --policy "$work/root.yaml" -- "$@"; }
in_new_directory() { # name command…
  rm -rf "$1" && mkdir "$1" && (cd "$1" && "${@:2}")
}

# ---- the kernel: what root.c says of itself as root of this machine is what it says as pretended root ----
variants=()
for variant in root root-static root32; do [ -x "$programs/$variant" ] && variants+=("$variant"); done
for variant in "${variants[@]}"; do
  in_new_directory "cg-$variant" pretend "$programs/$variant" >"$variant.cg" 2>err
  same "$variant: ends well" 0 $? err
  if is_root; then
    in_new_directory "real-$variant" limited "$programs/$variant" >"$variant.real"
    same_file "$variant: as root of the machine, and pretended" "$variant.real" "$variant.cg"
    # An ordinary user has nothing of root, so what comes out is ours alone.
    stage=$work/stage-$variant
    mkdir "$stage" && cp "$bin/callgate" "$bin/callgated" "$programs/$variant" root.yaml "$stage" && chown "$TEST_UID" "$stage"
    (cd "$stage" && limited setpriv --reuid "$TEST_UID" --regid "$TEST_UID" --clear-groups ./callgate run -q --policy root.yaml -- \
      "./$variant") >"$variant.user" 2>err
    same_file "$variant: as root of the machine, and pretended for an ordinary user" "$variant.real" "$variant.user"
    same "$variant: nothing belongs to anybody else" "" "$(find "$stage" -mindepth 1 -newer "$stage/root.yaml" ! -uid "$TEST_UID")"
    same "$variant: nothing is really set-id or a device" "" \
      "$(find "$stage" "cg-$variant" \( -perm /6000 ! -type d -o -type b -o -type c \) -print)"
  fi
  same_file "$variant: as the first of its kind" root.cg "$variant.cg"
done
has "who it believes to be" root.cg "start: uid 0 0 0 fs 0 get 0 0 gid 0 0 0 fs 0 get 0 0 groups 0 chown 1 setuid 1 keep 0"
has "who it has become" root.cg "dropped: uid 33 33 33 fs 33 get 33 33 gid 33 33 33 fs 33 get 33 33 groups 33 34 chown 0 setuid 0 keep 0"
has "who its children are" root.cg "child of one that drops: uid 0"

# ---- fakeroot ----
cat >archive.py <<'P'
import io, sys, tarfile
odd = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
def add(name, kind, mode, uid, gid, data=b"", **more):
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.uid, info.gid, info.mtime, info.size = kind, mode, uid, gid, 1600000000, len(data)
    for key, value in more.items():
        setattr(info, key, value)
    odd.addfile(info, io.BytesIO(data))
add("d", tarfile.DIRTYPE, 0o755, 0, 0)
add("d/closed", tarfile.DIRTYPE, 0, 7, 8)
add("d/sticky", tarfile.DIRTYPE, 0o1777, 0, 0)
add("d/setgid", tarfile.DIRTYPE, 0o2775, 0, 50)
add("d/setgid/f", tarfile.REGTYPE, 0o640, 0, 50, b"f\n")
add("d/setuid", tarfile.REGTYPE, 0o4755, 0, 0, b"#!\n")
add("d/both", tarfile.REGTYPE, 0o6711, 1, 2, b"x")
add("d/read-only", tarfile.REGTYPE, 0o444, 1, 2, b"x" * 100000)
add("d/big-ids", tarfile.REGTYPE, 0o644, 4000000000, 3000000000, b"x")
add("d/hard", tarfile.LNKTYPE, 0o4755, 0, 0, linkname="d/setuid")
add("d/link", tarfile.SYMTYPE, 0o777, 33, 34, linkname="nowhere")
add("d/null", tarfile.CHRTYPE, 0o666, 0, 0, devmajor=1, devminor=3)
add("d/sda", tarfile.BLKTYPE, 0o660, 0, 6, devmajor=8, devminor=0)
add("d/large", tarfile.CHRTYPE, 0o600, 0, 5, devmajor=510, devminor=70000)
add("d/fifo", tarfile.FIFOTYPE, 0o600, 33, 33)
add("d/mine", tarfile.REGTYPE, 0o644, 61803, 61803, b"x")
odd.close()
P
python3 archive.py odd.tar || fail "the archive"

cat >unpack.sh <<'S'
mkdir out && tar -xpf ../odd.tar -C out && tar -C out --mtime=@1600000000 --sort=name --format=pax \
  --pax-option=delete=atime,delete=ctime -cf again.tar .
S
cat >work.sh <<'S'
set -e
mkdir src; tar -xpf ../odd.tar -C src
(cd src && find . | sort | cpio --quiet -o -H newc >../a.cpio)
mkdir cpio; (cd cpio && cpio --quiet -idm <../a.cpio)
rsync -aHX --numeric-ids src/ rsync/
cp -a src copy
chown -R 5:6 copy/d/setgid; chmod -R g+s copy/d/setgid
install -o 11 -g 12 -m 4750 /bin/true installed
install -d -o 11 -g 12 -m 1750 folder
mknod n c 5 1; mknod -m 600 b b 8 17; mkfifo -m 620 f
mkdir -m 0 closed; touch closed/x; mv closed/x closed/y; ls closed; rm closed/y; ln src/d/setuid hard
chgrp 77 n; ln -s x link; chown -h 9:10 link
rm -r src/d/sticky
mkdir -p deb/DEBIAN deb/usr/bin
printf 'Package: x\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n' >deb/DEBIAN/control
cp /bin/true deb/usr/bin/x; chown 0:50 deb/usr/bin/x; chmod 4755 deb/usr/bin/x
touch -d @1600000000 deb/usr/bin/x deb/usr/bin deb/usr deb
dpkg-deb -b deb x.deb >/dev/null; dpkg-deb -c x.deb; dpkg-deb -x x.deb unpacked
find . ! -name '*.deb' ! -name '*.cpio' -printf '%y %m %U %G %n %p %l\n' | sort -k6
ls -ln src/d | sed 1d | awk '{ print $1, $2, $3, $4, $NF }'
id; whoami; id -G
stat -c '%n %t:%T %F' n b f
python3 - <<'P'
import os
os.chown("n", 3, 4)
print(os.getresuid(), os.getresgid(), os.getgroups(), os.stat("n").st_rdev, os.stat("n").st_uid, os.lstat("link").st_uid)
P
perl -e 'print "$< $> $( $)\n"; chown 12, 13, "f"; print join(" ", (stat "f")[2, 4, 5]), "\n"'
S
in_new_directory fr limited fakeroot sh ../unpack.sh >fr.out 2>&1
same "tar under fakeroot" 0 $? fr.out
in_new_directory cg pretend sh ../unpack.sh >cg.out 2>&1
same "tar pretended" 0 $? cg.out
list() { tar --numeric-owner --full-time -tvf "$1"; }
same_file "tar: listing, fakeroot and we" <(list fr/again.tar) <(list cg/again.tar)
# The same names in the same order: the archives differ in nothing.
if cmp -s fr/again.tar cg/again.tar; then pass; else fail "tar: the archives, fakeroot's and ours"; fi
in_new_directory fr limited fakeroot bash ../work.sh >fr.out 2>&1
same "tools under fakeroot" 0 $? fr.out
in_new_directory cg pretend bash ../work.sh >cg.out 2>&1
same "tools pretended" 0 $? cg.out
same_file "tools: fakeroot and we" fr.out cg.out
has "tools: there was something to compare" cg.out "b 600 0 0 1 ./b"
pretend chmod -R u+rwx cg fr 2>/dev/null

# ---- what fakeroot cannot: static programs, and modes that shut the owner out ----
# shellcheck disable=SC2016
static='busybox touch s; busybox chown 33:34 s; busybox chmod 4711 s; busybox mknod n c 1 3; busybox stat -c "%a %u %g %t:%T" s n; busybox id'
if busybox=$(command -v busybox) && ! grep -aq 'ld-linux' "$busybox"; then
  in_new_directory busybox pretend busybox sh -c "$static" >out 2>err
  same "a static program" "4711 33 34 0:0 644 0 0 1:3 uid=0(root) gid=0(root) groups=0(root)" "$(xargs <out)" err
fi
in_new_directory shut pretend sh -c 'umask 777; echo a >f; mkdir d; echo b >d/g; cat f d/g; stat -c %a f d d/g' >out 2>err
same "modes that would shut an ordinary user out" "a b 0 0 0" "$(xargs <out)" err

# Programs that ask for types do not look again where a directory says what its entries are.
in_new_directory types pretend sh -c 'mknod a c 1 3; mknod b b 1 3; touch c; find . -type b -o -type c | sort; find . -type f' >out 2>err
same "devices are found by type" "./a ./b ./c" "$(xargs <out)" err

# ---- daemons: root at first, somebody else then ----
cat >daemon.py <<'P'
import os
os.mkdir("spool"); os.chown("spool", 33, 33)
pid = os.fork()
if pid == 0:
    os.setsid(); os.setgroups([33]); os.setgid(33); os.setuid(33)
    print(os.getresuid(), os.getresgid(), os.getgroups(), flush=True)
    try: os.setuid(0)
    except PermissionError as error: print("setuid:", error.strerror, flush=True)
    try: os.chown("spool", 0, 0)
    except PermissionError as error: print("chown:", error.strerror, flush=True)
    open("spool/job", "w").write("x")
    print(os.stat("spool/job").st_uid, os.access("spool", os.W_OK), flush=True)
    os.execvp("id", ["id", "-u"])
os.waitpid(pid, 0)
print(os.getuid(), os.stat("spool").st_uid, flush=True)
P
in_new_directory daemon pretend python3 ../daemon.py >out 2>err
same "a daemon drops what it had" "(33, 33, 33) (33, 33, 33) [33] setuid: Operation not permitted chown: Operation not permitted 33 True 33 0 33" \
  "$(xargs <out)" err
same "setpriv drops" "uid=33(www-data) gid=33(www-data) groups=33(www-data)" \
  "$(pretend setpriv --reuid 33 --regid 33 --groups 33 id 2>&1)"
same "runuser drops" "33 33" "$(pretend sh -c 'runuser -u www-data id -- -u; runuser -u www-data id -- -g' 2>&1 | xargs)"
if command -v setcap >/dev/null; then
  same "file capabilities" "c cap_net_raw=ep" "$(pretend sh -c 'touch c && setcap cap_net_raw+ep c && getcap c' 2>&1)"
  same "file capabilities: nothing is real" "" "$(getcap c)"
fi
if command -v nginx >/dev/null; then
  port=$(free_ports 1)
  mkdir -p nginx/logs
  cat >nginx/nginx.conf <<N
user www-data www-data; worker_processes 2; pid $work/nginx/pid; error_log $work/nginx/error.log notice; daemon off;
events { }
http { access_log off; client_body_temp_path $work/nginx/body; proxy_temp_path $work/nginx/p; fastcgi_temp_path $work/nginx/f;
  uwsgi_temp_path $work/nginx/u; scgi_temp_path $work/nginx/s;
  server { listen 127.0.0.1:$port; location / { return 200 "served\n"; } } }
N
  limited "$callgate" run -q --policy root.yaml -- nginx -p "$work/nginx" -c nginx.conf >nginx.out 2>&1 &
  runner=$!
  answers() { python3 -c "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:$port/').read())" 2>/dev/null | grep -q served; }
  if until_true answers; then pass; else fail "nginx with workers of another user serves" nginx.out nginx/error.log; fi
  kill -QUIT "$(cat nginx/pid)" 2>/dev/null
  wait "$runner"
  same "nginx ends" 0 $? nginx.out nginx/error.log
  has_not "nginx: nothing was refused" nginx/error.log "failed"
fi

# ---- what is remembered from one run to the next ----
keep() { limited "$callgate" run -q --policy "$work/root.yaml" --state "$work/state" -- "$@"; }
in_new_directory kept keep sh -c 'mkdir out && tar -xpf ../odd.tar -C out' 2>err
same "kept: unpacked in one run" 0 $? err
has "kept: the state says what it is" state "callgate-root 1"
(cd kept && keep tar -C out --mtime=@1600000000 --sort=name --format=pax --pax-option=delete=atime,delete=ctime -cf again.tar .) 2>err
same "kept: packed in another" 0 $? err
in_new_directory fr limited fakeroot sh ../unpack.sh >/dev/null 2>&1
same_file "kept: as fakeroot does in one" <(list fr/again.tar) <(list kept/again.tar)
keep rm -rf kept
same "kept: removed in a third" 0 $?
same "kept: nothing after the last is gone" "end 0" "$(tail -1 state)" state
for round in 1 2 3 4 5 6 7 8; do
  keep sh -c "touch f; chown $round f" 2>err
  same "kept: one run at the heels of the other: $round" "0 $round" "$? $(grep -o ' uid=[0-9]*' state | cut -d= -f2)" err state
done
mkdir lost
limited "$callgate" run -q --policy root.yaml --state lost/state -- rm -r lost 2>err
same "a state that cannot be kept" 125 $? err
has "a state that cannot be kept is said" err "lost/state: the state of pretended root cannot be kept"
limited "$callgate" run -q --policy root.yaml --state none/state -- touch ran 2>err
same "a state in a folder that is not there" 2 $? err
has "a state in a folder that is not there is said" err "--state none/state: there is no folder $work/none"
limited "$callgate" run -q --policy root.yaml --state root.yaml/state -- touch ran 2>err
same "a state in a file" 2 $? err
echo '{ "version": 1, "rules": [] }' >stateless.json
limited "$callgate" run -q --policy stateless.json --state stateless -- touch ran 2>err
same "a state that no rule keeps" 2 $? err
has "a state that no rule keeps is said" err "no rule of stateless.json says 'emulate: root'"
absent "a state that no rule keeps: is not made" stateless
absent "a state that cannot be had runs nothing" ran
echo nonsense >broken
limited "$callgate" run -q --policy root.yaml --state "$work/broken" -- touch ran 2>err
same "a broken state" 2 $? err
has "a broken state is said with its place" err "broken:1: not a state of pretended root"
absent "a broken state runs nothing" ran
limited "$callgate" run -q --policy root.yaml --state "$work/state" -- sh -c 'touch up; until [ -e down ]; do sleep 0.05; done' &
runner=$!
until_true test -e up || fail "the first with the state does not start"
limited "$callgate" run -q --policy root.yaml --state "$work/state" -- touch ran 2>err
same "a state in use" 2 $? err
has "a state in use is said" err "another session uses it"
absent "a state in use runs nothing" ran
touch down
wait "$runner"
same "the first with the state" 0 $? err
expect_no_half_files "state" "$work"

finish
