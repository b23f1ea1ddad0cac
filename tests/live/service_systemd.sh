#!/usr/bin/env bash
# The service under systemd, which is the first process of a container here: readiness, sockets that systemd opened,
# reload, watchdog, end.
# shellcheck source-path=SCRIPTDIR source=runtimes/lib.sh
. "$(dirname "$0")/runtimes/lib.sh"
need runc systemctl journalctl
[ -x /lib/systemd/systemd ] || skip "systemd is not installed"

# ---- a machine: the host's programs, its own settings and results ----
make_machine() {
  mkdir -p machine/{usr,proc,sys,dev,run,tmp,var/log/journal,root,opt,etc/systemd/system,etc/callgate/profiles}
  local name
  for name in bin sbin lib lib32 lib64 libx32; do
    [ ! -L /$name ] || ln -s "$(readlink /$name)" machine/$name
  done
  printf 'root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n' >machine/etc/passwd
  printf 'root:x:0:\nadm:x:4:\nsystemd-journal:x:101:\nnogroup:x:65534:\n' >machine/etc/group
  echo 0123456789abcdef0123456789abcdef >machine/etc/machine-id
  echo testmachine >machine/etc/hostname
  printf 'passwd: files\ngroup: files\n' >machine/etc/nsswitch.conf
  cp -r /etc/ld.so.c* /etc/alternatives machine/etc/ 2>/dev/null
  cp "$CALLGATE_TEST_BUILD/callgated.service" "$live/../../dist/systemd/"*.socket machine/etc/systemd/system/
  # A container has no right to these; and here it is started more often in ten seconds than systemd lets it be.
  mkdir machine/etc/systemd/system/callgated.service.d
  printf '[Unit]\nStartLimitIntervalSec=0\n[Service]\nOOMScoreAdjust=0\nLimitNOFILE=\n' >machine/etc/systemd/system/callgated.service.d/test.conf
  printf '[Journal]\nStorage=volatile\nRateLimitBurst=0\n' >machine/etc/systemd/journald.conf
  # What a machine has at boot and nobody asks for here.
  for name in systemd-udevd systemd-udev-trigger systemd-logind getty@ console-getty systemd-networkd systemd-resolved \
    systemd-timesyncd systemd-update-utmp systemd-random-seed systemd-sysusers systemd-firstboot systemd-tmpfiles-setup e2scrub_reap dbus; do
    ln -s /dev/null "machine/etc/systemd/system/$name.service"
  done
  ln -s /usr/lib/systemd/system/basic.target machine/etc/systemd/system/default.target
}

make_bundle() {
  python - "$work/machine" "${bin:?}" "$cgroup" "$programs" >config.json <<'P'
import json, os, sys
root, programs, cgroup, tasks = sys.argv[1:]
caps = [name for name in """CAP_AUDIT_CONTROL CAP_AUDIT_READ CAP_AUDIT_WRITE CAP_CHOWN CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER
CAP_FSETID CAP_IPC_OWNER CAP_KILL CAP_LEASE CAP_MKNOD CAP_NET_ADMIN CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SETFCAP CAP_SETGID
CAP_SETPCAP CAP_SETUID CAP_SYS_ADMIN CAP_SYS_CHROOT CAP_SYS_NICE CAP_SYS_PTRACE CAP_SYS_TTY_CONFIG""".split()]
mount = lambda to, kind, source, *options: {"destination": to, "type": kind, "source": source, "options": list(options)}
json.dump({
    "ociVersion": "1.0.2",
    "process": {
        "terminal": False, "user": {"uid": 0, "gid": 0}, "cwd": "/", "args": ["/lib/systemd/systemd", "--log-target=console"],
        "env": ["PATH=/usr/local/bin:/usr/sbin:/usr/bin", "container=runc", "CALLGATE_TEST_MARK=" + os.environ["CALLGATE_TEST_MARK"]],
        "capabilities": {kind: caps for kind in ("bounding", "effective", "permitted", "inheritable", "ambient")},
    },
    "root": {"path": root, "readonly": False},
    "hostname": "testmachine",
    "mounts": [
        mount("/proc", "proc", "proc"),
        mount("/dev", "tmpfs", "tmpfs", "nosuid", "mode=755"),
        mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666"),
        mount("/dev/shm", "tmpfs", "shm", "nosuid"),
        mount("/sys", "sysfs", "sysfs", "ro"),
        mount("/sys/fs/cgroup", "cgroup", "cgroup", "rw", "nosuid", "noexec"),
        mount("/run", "tmpfs", "tmpfs", "nosuid", "mode=755"),
        mount("/tmp", "tmpfs", "tmpfs"),
        mount("/usr", "bind", "/usr", "rbind", "ro"),
        mount("/usr/local/bin", "bind", programs, "rbind", "ro"),
        mount("/opt", "bind", tasks, "rbind", "ro"),
    ],
    "linux": {
        "cgroupsPath": cgroup + "/machine",
        "namespaces": [{"type": kind} for kind in ("pid", "mount", "network", "ipc", "uts", "cgroup")],
        "resources": {"devices": [{"allow": True, "access": "rwm"}]},
    },
}, sys.stdout, indent=1)
P
}

inside() { limited runc --root "$work/runc" exec machine "$@" </dev/null; }
is_up() { inside systemctl is-active basic.target; }

make_machine
make_bundle
cp "$live/../../examples/no-network/no-network.json" machine/etc/callgate/profiles/
cat >machine/etc/systemd/system/job.service <<'U'
[Service]
Type=oneshot
ExecStart=/usr/local/bin/callgate dry-run --supervisor /run/callgate/agent.sock -o /tmp/dry.txt \
  --profile /etc/callgate/profiles/no-network.json -- python3 -c 'import socket; socket.socket()'
U
printf 'events: { outlets: [ journal ] }\n' >machine/etc/callgate/callgated.yaml
PATIENCE=60
limited runc --root "$work/runc" run --detach --bundle "$work" machine >boot.log 2>&1 </dev/null ||
  skip "runc makes no such container here: $(tail -n 1 boot.log)"
until_true is_up || skip "systemd does not come up in a container here: $(tail -n 3 boot.log)"
property() { inside systemctl show -P "$1" callgated.service; }
journal() { inside journalctl -q --no-pager -o cat -u callgated.service; }
holds() { [ "$(property "$1")" = "$2" ]; }
says_serving() { property StatusText | grep -q '^serving'; }
serves() { # sentence
  if until_true says_serving; then
    pass
  else
    journal >journal.txt
    fail "$1: $(property ActiveState), $(property StatusText)" journal.txt
  fi
}

# ---- systemd listens; the first who connects starts the service ----
inside systemctl start callgated-agent.socket callgated-oci.socket callgated-control.socket >out 2>&1
same "the sockets: exit status" 0 $? out
same "nobody asked for the service yet" inactive "$(property ActiveState)"
inside callgate record --supervisor /run/callgate/agent.sock -o /tmp/one.json -- true >out 2>&1
same "a launcher finds it: exit status" 0 $? out
until_true holds ActiveState active # systemd may hear of it later than whoever connected
same "and it is active" active "$(property ActiveState)"
serves "it says that it is ready"
first=$(property MainPID)
same "the state folder is the service's" "700 root" "$(inside stat -c '%a %U' /var/lib/callgate)"

# ---- what it tells, in the journal, with the unit that the program belongs to ----
inside systemctl start job.service >out 2>&1
same "a unit's program: exit status" 0 $? out
told() {
  inside journalctl -q --no-pager -o json CALLGATE_SYSCALL=socket >journal.json && [ -s journal.json ]
}
if until_true told; then pass; else
  inside journalctl -q --no-pager -o verbose SYSLOG_IDENTIFIER=callgated >journal.txt
  fail "the journal has no refusal of socket" journal.txt
fi
field() { head -n 1 journal.json | python -c 'import json, sys; print(json.load(sys.stdin).get(sys.argv[1]))' "$1"; }
same "the journal: mode" dry-run "$(field CALLGATE_MODE)"
same "the journal: unit" job.service "$(field CALLGATE_UNIT)"
same "the journal: node" testmachine "$(field CALLGATE_NODE)"

# ---- a reload ----
inside sh -c 'printf "node: renamed\n" >/etc/callgate/callgated.yaml'
inside systemctl reload callgated.service >out 2>&1
same "reload: exit status" 0 $? out
reloaded() { journal >journal.txt && grep -q 'configuration read' journal.txt; }
if until_true reloaded; then pass; else fail "reload: it is not said" journal.txt; fi
inside sh -c 'printf "nodes: wrong\n" >/etc/callgate/callgated.yaml'
inside systemctl reload callgated.service >out 2>&1
refused() { journal >journal.txt && grep -q 'did you mean node' journal.txt; }
if until_true refused; then pass; else fail "reload: what is wrong is not said" journal.txt; fi
inside sh -c 'printf "node: again\n" >/etc/callgate/callgated.yaml'
same "reload: it is the same process" "$first" "$(property MainPID)"

# ---- a container that outlives the service: its listener waits in the manager's store ----
mkfifo orders
LIMIT=200 limited runc --root "$work/runc" exec machine /opt/listeners /run/callgate/oci.sock 1 0 box <orders >answers 2>&1 &
container=$!
exec 8>orders
until_true grep -q ready answers || fail "the container does not start" answers
calls=0
answered() { [ "$(grep -c 'called 1 of 1' answers)" -eq "$calls" ]; }
call() { # sentence
  calls=$((calls + 1))
  echo call >&8
  if until_true answered; then pass; else
    journal >journal.txt
    fail "$1: $(tail -n 1 answers)" answers journal.txt
  fi
}
call "a container: its call is answered"
inside systemctl restart callgated.service >out 2>&1
same "restart: exit status" 0 $? out
call "restart: the next call is answered"
inside systemctl kill --kill-whom main --signal KILL callgated.service
call "killed: a call waits for the next service"
inside callgate sessions --json >sessions.json
same "it is one session still" "1 True" "$(python -c '
import json
sessions = [s for s in json.load(open("sessions.json")) if s["labels"].get("container-id") == "box-0"]
print(len(sessions), not sessions[0].get("ended"))')"
echo hangup >&8
exec 8>&-
wait $container
same "the container ends well" 0 $? answers
first=$(property MainPID)

# ---- a watchdog that bites ----
same "the watchdog is on" 30s "$(inside systemctl show -P WatchdogUSec callgated.service)"
printf '[Service]\nWatchdogSec=4s\n' >machine/etc/systemd/system/callgated.service.d/watchdog.conf
inside systemctl daemon-reload
inside systemctl restart callgated.service >out 2>&1
same "restart: exit status" 0 $? out
serves "restart"
second=$(property MainPID)
if [ "$second" != "$first" ]; then pass; else fail "restart: it is the same process"; fi
inside kill -STOP "$second"
bitten() { [ "$(property MainPID)" != "$second" ] && holds ActiveState active; }
if until_true bitten; then pass; else
  journal >journal.txt
  fail "watchdog: a stopped service is not started again" journal.txt
fi
if holds NRestarts 0; then fail "watchdog: systemd knows nothing of it"; else pass; fi

# ---- the end ----
inside systemctl stop callgated.service >out 2>&1
same "stop: exit status" 0 $? out
same "stop: it ended well" "inactive success" "$(property ActiveState) $(property Result)"
limited runc --root "$work/runc" delete --force machine >out 2>&1
same "the machine is gone" 0 $? out
finish
