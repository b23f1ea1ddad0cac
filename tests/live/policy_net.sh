#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Socket calls under a policy: carried out for the task they come to the same as without us, errno for errno; what is
# refused is not reached, whatever the program changes meanwhile; what is redirected arrives. The referees are the native
# run and servers that count who came.

network=own
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export HOME=$work # what somebody has set for curl does not matter here
unset http_proxy all_proxy HTTP_PROXY ALL_PROXY

need /usr/bin/python3 curl
read -r right refused other redis_port nginx_port nowhere < <(free_ports 6)

cat >identity.yaml <<'Y'
version: 1
rules: [{ family: net, do: { emulate: identity } }]
Y
# Looks at every address, and stops none of those that the test uses.
cat >looks.yaml <<'Y'
version: 1
rules:
  - { family: net, where: { address: ["203.0.113.0/24", "unix:/never"] }, do: { errno: EPERM } }
  - { do: { emulate: addresses } }
Y

# ---- every mistake there is ----
for program in netcalls netcalls32; do
  [ -x "$programs/$program" ] || continue
  mkdir native identity looks
  (cd native && limited "$programs/$program" >../out.native 2>&1 </dev/null)
  same "$program: ends well without us" 0 $?
  # With no more rights than the task, a supervisor cannot speak for it.
  if is_root; then export NETCALLS_PID=yes; fi
  (cd native && rm -f -- * && limited "$programs/$program" >../out.native 2>&1 </dev/null)
  (cd identity && limited "$callgate" run -q --policy ../identity.yaml -- "$programs/$program" >../out.identity 2>../err </dev/null)
  same "$program: ends well" 0 $? err
  same_file "$program: every result is the kernel's" out.native out.identity
  (cd looks && limited "$callgate" run -q --policy ../looks.yaml -- "$programs/$program" >../out.looks 2>../err </dev/null)
  unset NETCALLS_PID
  # A batch to several addresses ends where the address changes: said in EMULATED.md.
  for run in native looks; do grep -v '^batch: \|^length \|^receiver ' out.$run >out.$run.most; done
  same_file "$program: every result is the kernel's where addresses are looked at" out.native.most out.looks.most
  has "$program: a batch ends before another address" out.looks "batch: 2 -"
  rm -rf native identity looks
done

# ---- a program that changes what it asked for ----
cat >flip.yaml <<Y
version: 1
rules: [{ family: [connect, send], where: { address: ["*:$refused", "unix:/**/refused"] }, do: { errno: EPERM } }]
Y
for program in netflip netflip32; do
  [ -x "$programs/$program" ] || continue
  missed=0
  for mode in connect sendto sendmsg sendmmsg number path; do
    names=("$right" "$refused")
    [ $mode = path ] && names=(allowed refused)
    rm -f allowed refused flip flip.new
    [ "$(limited "$programs/$program" $mode "${names[@]}" 2000 | cut -d' ' -f4)" = 0 ] && missed=$((missed + 1))
    rm -f allowed refused flip flip.new
    limited "$callgate" run -q --policy flip.yaml -- "$programs/$program" $mode "${names[@]}" 2000 >out 2>err
    same "$program $mode: ends well" 0 $? err
    same "$program $mode: how often the refused address was reached" 0 "$(cut -d' ' -f4 out)" err
    [ $mode = number ] || { [ "$(cut -d' ' -f2 out)" -gt 0 ] && pass || fail "$program $mode: the allowed address is reached" out err; }
  done
  # Otherwise the program would not be much of an attack.
  [ $missed -lt 6 ] && pass || fail "$program: natively the refused address is reached"
done

# ---- refused, by network and port ----
mkdir www && echo 'from the server' >www/index.html
(cd www && exec /usr/bin/python3 -m http.server --bind 127.0.0.1 "$right") >http.log 2>&1 &
(cd www && exec /usr/bin/python3 -m http.server --bind 127.0.0.1 "$refused") >http.refused 2>&1 &
port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
until_true port_open "$right" && until_true port_open "$refused" || fail "the servers of the test start" http.log
: >http.refused
cat >refuse.yaml <<Y
version: 1
rules:
  - { name: closed, syscalls: [connect], where: { address: "127.0.0.0/8:$refused" }, do: { errno: EHOSTUNREACH }, message: no such luck }
  - { name: named, syscalls: [connect], where: { address: "unix:$PWD/*.sock" }, do: { errno: ECONNRESET } }
  - { name: low, syscalls: [bind], where: { address: "*:1-99" }, do: { errno: EADDRINUSE } }
Y
limited "$callgate" run -q --policy refuse.yaml -- curl -s "http://127.0.0.1:$right/" >out 2>err
same "an address that is not refused" "from the server" "$(cat out)" err
limited "$callgate" run --policy refuse.yaml -- curl -sS "http://127.0.0.1:$refused/" >out 2>err
same "a refused address: curl's status" 7 $? err
has "a refused address: what curl was told" err "closed"
for host in 0.0.0.0 127.1.2.3 '[::ffff:127.0.0.1]' '[::ffff:0.0.0.0]'; do
  limited "$callgate" run -q --policy refuse.yaml -- curl -s --max-time 90 "http://$host:$refused/" >out 2>err
  same "$host is refused as well" 7 $? err
done
same "nobody came to the refused server" "" "$(grep GET http.refused)"
limited "$callgate" run -q --policy refuse.yaml -- /usr/bin/python3 - "$PWD" >out 2>err <<'P'
import errno, os, socket, sys
def told(f, *args):
    try:
        f(*args)
        return "done"
    except OSError as e:
        return errno.errorcode[e.errno]
server = socket.socket(socket.AF_UNIX)
print(told(server.bind, sys.argv[1] + "/x.sock"), server.getsockname() != "")
server.listen(1)
os.symlink("x.sock", "alias")
for name in (sys.argv[1] + "/x.sock", "x.sock", "./x.sock", "alias", "/proc/self/cwd/x.sock", "none.sock"):
    print(told(socket.socket(socket.AF_UNIX).connect, name))
os.rename("x.sock", "x.other")
print(told(socket.socket(socket.AF_UNIX).connect, "x.other"))
print(told(socket.socket().bind, ("127.0.0.1", 80)), told(socket.socket().bind, ("127.0.0.1", 0)))
P
same "paths of sockets, whatever they are called" \
  "done True ECONNRESET ECONNRESET ECONNRESET ECONNRESET ECONNRESET ECONNRESET done EADDRINUSE done" "$(xargs <out)" err

# ---- another root, another thread, other credentials ----
if is_root; then
  cat >jailed.py <<'P'
import os, socket, sys, threading
socket.socket().connect_ex(("127.0.0.1", 1))
os.mkdir(sys.argv[1])
os.mkdir(sys.argv[1] + "/in")
os.chroot(sys.argv[1])
os.chdir("/in")
os.umask(0o77)
def told(what, f, *args):
    try:
        f(*args)
        print(what, args, "done")
    except OSError as e:
        print(what, args, e.strerror)
def work():
    s = socket.socket(socket.AF_UNIX)
    told("bind", s.bind, "/in/s")
    s.listen(9)
    print(s.getsockname(), oct(os.stat("/in/s").st_mode))
    os.symlink("/in/s", "/link")
    for path in ("/in/s", "s", "../link", "../../../in/s"):
        told("connect", socket.socket(socket.AF_UNIX).connect, path)
    told("bind", socket.socket(socket.AF_UNIX).bind, "/refused.sock")
    os.setresuid(61803, 61803, 61803)
    told("as a user: connect", socket.socket(socket.AF_UNIX).connect, "/in/s")
    told("as a user: bind", socket.socket(socket.AF_UNIX).bind, "/in/t")
    told("as a user: bind", socket.socket().bind, ("127.0.0.1", 81))
thread = threading.Thread(target=work)
thread.start()
thread.join()
P
  cat >jailed.yaml <<'Y'
version: 1
rules:
  - { family: net, where: { address: "unix:/refused.sock" }, do: { errno: EACCES } }
  - { do: { emulate: addresses } }
Y
  limited /usr/bin/python3 jailed.py "$PWD/jail.native" >out.native 2>err
  limited "$callgate" run -q --policy jailed.yaml -- /usr/bin/python3 jailed.py "$PWD/jail" >out.jailed 2>err
  same_file "in another root" <(sed "/refused/s/done/Permission denied/" out.native) out.jailed
  same "in another root: lines" 10 "$(wc -l <out.jailed)" err
fi

# ---- redirected ----
cat >hello.py <<'P'
import os, socket, sys, threading
def serve(listener, who):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection, who), daemon=True).start()
def answer(connection, who):
    said = connection.recv(1000)
    if said.startswith(b"GET "):
        said = b"GET"
        connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(who) + 5))
    connection.sendall(who + b": " + said)
    connection.close()
tcp = socket.create_server(("127.0.0.1", int(sys.argv[1])))
unix = socket.socket(socket.AF_UNIX)
unix.bind("hello.sock")
unix.listen(16)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind(("127.0.0.1", int(sys.argv[1])))
threading.Thread(target=serve, args=(unix, b"unix"), daemon=True).start()
threading.Thread(target=serve, args=(tcp, b"tcp"), daemon=True).start()
os.chmod("hello.sock", 0o777)
print("ready", flush=True)
while True:
    said, who = udp.recvfrom(1000)
    udp.sendto(b"udp: " + said, who)
P
/usr/bin/python3 hello.py "$other" >hello.ready 2>hello.err &
until_true test -s hello.ready || fail "the server of the test starts" hello.err
cat >redirect.yaml <<Y
version: 1
rules:
  - { syscalls: [connect], where: { address: "192.0.2.1:80" }, do: { redirect: "127.0.0.1:$other" } }
  - { syscalls: [connect], where: { address: "[2001:db8::1]:80" }, do: { redirect: "127.0.0.1:$other" } }
  - { syscalls: [connect], where: { address: "192.0.2.2:80" }, do: { redirect: "unix:$PWD/hello.sock" } }
  - { syscalls: [connect], where: { address: "192.0.2.3:80" }, do: { redirect: "unix:$PWD/nobody.sock" } }
  - { syscalls: [connect], where: { address: "192.0.2.4" }, do: { redirect: "127.0.0.1" } }
  - { syscalls: [connect], where: { address: "unix:/run/nowhere.sock" }, do: { redirect: "unix:$PWD/hello.sock" } }
  - { family: send, where: { address: "192.0.2.1:53" }, do: { redirect: "127.0.0.1:$other" } }
  - { syscalls: [bind], where: { address: "127.0.0.1:7" }, do: { redirect: "*:$nowhere" } }
  - { do: { emulate: addresses } }
Y
cat >asks.py <<'P'
import asyncio, errno, os, select, socket, sys
other, nowhere = int(sys.argv[1]), int(sys.argv[2])
def ask(family, address, kind=socket.SOCK_STREAM):
    s = socket.socket(family, kind)
    try:
        s.connect(address)
        s.sendall(b"hi")
        return s.getpeername() == address or s.getpeername()[:2] == address, s.recv(100)
    except OSError as e:
        return errno.errorcode[e.errno]
print("tcp", ask(socket.AF_INET, ("192.0.2.1", 80)))
print("tcp6", ask(socket.AF_INET6, ("2001:db8::1", 80)))
print("mapped", ask(socket.AF_INET6, ("::ffff:192.0.2.1", 80)))
print("host", ask(socket.AF_INET, ("192.0.2.4", other)))
print("to unix", ask(socket.AF_INET, ("192.0.2.2", 80)))
print("to nobody", ask(socket.AF_INET, ("192.0.2.3", 80)))
print("unix", ask(socket.AF_UNIX, "/run/nowhere.sock"))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
print("udp", s.sendto(b"q", ("192.0.2.1", 53)), s.recv(100))
s.sendmsg([b"q", b"2"], [], 0, ("192.0.2.1", 53))
print("udp", s.recv(100))
s = socket.socket()
s.bind(("127.0.0.1", 7))
print("bound", s.getsockname())
s.listen(1)
P
cat >>asks.py <<'P'
c = socket.create_connection(("127.0.0.1", nowhere))
print("really", s.accept()[0] is not None)
# epoll instances and copies made before the connect, edge-triggered, non-blocking
for name, address in (("tcp", ("192.0.2.1", 80)), ("unix", ("192.0.2.2", 80))):
    s = socket.socket()
    s.setblocking(False)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, b"\x09" + b"\0" * 15)
    copy, first, second = s.dup(), select.epoll(), select.epoll()
    first.register(s.fileno(), select.EPOLLIN | select.EPOLLOUT | select.EPOLLET)
    second.register(copy.fileno(), select.EPOLLIN)
    print(name, "started", s.connect_ex(address) in (0, errno.EINPROGRESS))
    print(name, "writable", [(fd == s.fileno(), events) for fd, events in first.poll(60)])
    copy.send(b"copy")
    print(name, "readable", [(fd == copy.fileno(), events & select.EPOLLIN) for fd, events in second.poll(60)])
    print(name, s.recv(100), s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), os.get_blocking(s.fileno()),
          os.get_inheritable(s.fileno()), s.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 1))
    first.modify(s.fileno(), select.EPOLLIN)
    first.unregister(s.fileno())
    second.unregister(copy.fileno())
async def main():
    for host in ("192.0.2.1", "192.0.2.2"):
        reader, writer = await asyncio.open_connection(host, 80)
        writer.write(b"aio")
        print("asyncio", await reader.read())
        writer.close()
asyncio.run(main())
P
limited "$callgate" run -q --policy redirect.yaml -- /usr/bin/python3 asks.py "$other" "$nowhere" >out 2>err
same "redirected calls: exit status" 0 $? err
cat >wanted <<W
tcp (True, b'tcp: hi')
tcp6 (True, b'tcp: hi')
mapped (True, b'tcp: hi')
host (True, b'tcp: hi')
to unix (True, b'unix: hi')
to nobody ENOENT
unix (True, b'unix: hi')
udp 1 b'udp: q'
udp b'udp: q2'
bound ('127.0.0.1', 7)
really True
tcp started True
tcp writable [(True, 4)]
tcp readable [(True, 1)]
tcp b'tcp: copy' 0 False False b'\t'
unix started True
unix writable [(True, 4)]
unix readable [(True, 1)]
unix b'unix: copy' 0 False False b'\t'
asyncio b'tcp: aio'
asyncio b'unix: aio'
W
same_file "redirected calls" wanted out
limited "$callgate" run -q --policy redirect.yaml -- curl -s http://192.0.2.1/ >out 2>err
same "curl to another address" "tcp: GET" "$(cat out)" err
limited "$callgate" run -q --policy redirect.yaml -- curl -s http://192.0.2.2/ >out 2>err
same "curl to a Unix socket" "unix: GET" "$(cat out)" err

# ---- servers and clients of others ----
if command -v redis-server >/dev/null && command -v redis-cli >/dev/null; then
  redis-server --port "$redis_port" --bind 127.0.0.1 --unixsocket "$PWD/redis.sock" --save '' --dir "$PWD" >redis.log 2>&1 &
  until_true redis-cli -p "$redis_port" ping || fail "redis starts" redis.log
  sed "s|127.0.0.1:$other|127.0.0.1:$redis_port|; s|hello.sock|redis.sock|" redirect.yaml >redis.yaml
  for host in 192.0.2.1 192.0.2.2; do
    limited "$callgate" run -q --policy redis.yaml -- redis-cli -h $host -p 80 set key "by $host" >out 2>err
    same "redis-cli to $host" OK "$(cat out)" err
    same "what redis was told" "by $host" "$(redis-cli -p "$redis_port" get key)"
  done
  if command -v redis-benchmark >/dev/null; then
    LIMIT=120 limited "$callgate" run -q --policy redis.yaml -- redis-benchmark -h 192.0.2.2 -p 80 -n 2000 -c 20 -q -t set,get >out 2>err
    same "redis-benchmark through a Unix socket" 0 $? err
    same "redis-benchmark's tests" 2 "$(tr '\r' '\n' <out | grep -c 'requests per second,')" out
  fi
fi
if command -v nginx >/dev/null; then
  mkdir -p temp
  cat >nginx.conf <<S
daemon off; pid $PWD/nginx.pid; error_log $PWD/error.log warn; worker_processes 2;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path $PWD/temp/a; proxy_temp_path $PWD/temp/b; fastcgi_temp_path $PWD/temp/c;
  uwsgi_temp_path $PWD/temp/d; scgi_temp_path $PWD/temp/e;
  server { listen 127.0.0.1:$nginx_port;
    location /tcp { proxy_pass http://192.0.2.1/; }
    location /unix { proxy_pass http://192.0.2.2/; } }
}
S
  "$callgate" run -q --policy redirect.yaml -- nginx -e "$PWD/error.log" -c "$PWD/nginx.conf" -p "$PWD" >nginx.out 2>&1 &
  nginx=$!
  until_true port_open "$nginx_port" || fail "nginx starts" nginx.out error.log
  for round in 1 2 3 4 5 6 7 8; do
    for way in tcp unix; do
      same "nginx asks a redirected server, $way $round" "$way: GET" "$(limited curl -s "http://127.0.0.1:$nginx_port/$way")" error.log nginx.out
    done
  done
  kill -QUIT "$(cat nginx.pid)"
  wait $nginx
  same "nginx ends well" 0 $? nginx.out
fi

# ---- the tests of Python's own socket module ----
. "$live/python_suite.sh"
if "$python" -c 'import test.test_socket' 2>/dev/null; then
  for suite in test_socket test_asyncio.test_sock_lowlevel test_asyncio.test_unix_events; do
    python_suite "$work/identity.yaml" "$suite" -i '*Timeout*'
  done
fi

# ---- waiting ----
# A full queue of a listener is a hole: what connects to it waits.
cat >hole.py <<'P'
import os, signal, socket, sys, time
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(0)
fill = [socket.socket() for i in range(4)]
for s in fill:
    s.setblocking(False)
    s.connect_ex(server.getsockname())
time.sleep(0.2)
class Enough(Exception): pass
# A signal that comes before the call it is meant for would change nothing, so it comes again; late ones are nobody's.
connecting = False
def stop(*args):
    global connecting
    if connecting:
        connecting = False
        raise Enough
def child(number):
    parent, pid = os.getpid(), os.fork()
    while pid == 0:
        time.sleep(0.3)
        os.kill(parent, number)
    return pid
signal.signal(signal.SIGALRM, stop)
signal.signal(signal.SIGINT, stop)
for how in sys.argv[1:]:
    s, begin = socket.socket(), time.monotonic()
    if how == "alarm": signal.setitimer(signal.ITIMER_REAL, 0.3, 0.3)
    sender = child(signal.SIGINT) if how == "int" else 0
    if how == "timeout": s.settimeout(0.3)
    if how == "sndtimeo": s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, (0).to_bytes(8, "little") + (300000).to_bytes(8, "little"))
    if how == "kill" and os.fork() == 0:
        time.sleep(0.3)
        os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
    try:
        connecting = True
        s.connect(server.getsockname())
        print(how, "connected")
    except (Enough, OSError) as e:
        connecting = False
        print(how, type(e).__name__, time.monotonic() - begin < 60, flush=True)
    signal.setitimer(signal.ITIMER_REAL, 0)
    if sender: os.kill(sender, signal.SIGKILL)
P
for run in native looks; do
  launch=()
  [ $run = looks ] && launch=("$callgate" run -q --policy looks.yaml --)
  limited "${launch[@]}" /usr/bin/python3 hole.py alarm int timeout sndtimeo kill >out.$run 2>err.$run
  same "$run: a program that is killed while it connects" 137 $? err.$run
done
same_file "connects that are given up" out.native out.looks
same "all of them were given up" 4 "$(grep -c True out.native)" out.native

# ---- trouble of ours ----
# A supervisor without descriptors left says so, and goes on when it has some.
cat >trouble.yaml <<'Y'
version: 1
rules: [{ family: net, where: { address: "203.0.113.1" }, do: { errno: EPERM } }]
Y
cat >trouble.py <<'P'
import errno, os, socket, sys, time
port = int(sys.argv[1])
def attempt():
    try:
        socket.socket().connect(("127.0.0.1", port))
        return "connected"
    except OSError as e:
        return errno.errorcode[e.errno]
for step in ("before", "without", "after"):
    print(step, attempt(), flush=True)
    open(step, "w").close()
    while not os.path.exists(step + ".go"):
        time.sleep(0.02)
P
"$callgate" run -q --policy trouble.yaml -- /usr/bin/python3 trouble.py "$right" >out 2>err &
run=$!
until_true test -e before || fail "the program starts" err
supervisor=$(for pid in /proc/[0-9]*; do
  [ "$(cat "$pid/comm" 2>/dev/null)" = callgated ] && grep -qsz "$mark" "$pid/environ" && basename "$pid"; done | head -1)
if [ -n "$supervisor" ] && prlimit --pid "$supervisor" --nofile=3:4096 2>/dev/null; then
  touch before.go
  until_true test -e without
  prlimit --pid "$supervisor" --nofile=1024:4096
else
  touch before.go
  until_true test -e without
fi
touch without.go after.go
wait $run
same "the program ends well" 0 $? err
[ -z "$supervisor" ] || same "a supervisor without descriptors" "before connected without ENFILE after connected" "$(xargs <out)" err

kill $(jobs -p) 2>/dev/null
wait 2>/dev/null
finish
