# SPDX-License-Identifier: GPL-2.0-or-later
"""The namespaces of a benchmark, and what stands between guest and host in them

    world ── veth ── host ┄┄ (what is measured) ┄┄ guest, one for each stand

All of it is made inside test/sandbox, without privilege outside of it. A stand is one
way to connect a guest: the kernel alone, or a program. All of them offer the same:

    guest       command prefix that runs something in the guest
    out[4], out[6]      where a client in the guest finds the host's servers
    into[4], into[6]    where a client on the host finds the guest's servers
    lo[4], lo[6]        the same over the host's loopback
    pid         of the program, or None

Congestion control is set on every route of every side, loopback's among them, and not by
clients: a socket that began with BBR goes on pacing whatever it is told to use then.
"""

import json
import os
import select
import socket
import subprocess
import time

PORT = 10000            # of the host's servers; each stand has the next ten
HOST_PORTS = "%d-%d" % (PORT, PORT + 2)
LOCAL_PORTS = "30000 65535"     # of clients
NO_TCP = ("broadcast", "anycast", "multicast", "unreachable")
LO = {4: "127.0.0.1", 6: "::1"}


class Failed(Exception):
    """What went wrong in one stand or measurement; the others go on"""


def wait_for(seconds, what, check):
    end = time.monotonic() + seconds
    while not check():
        if time.monotonic() > end:
            raise Failed("waited in vain for " + what)
        time.sleep(0.005)


def call(*cmd, timeout=20):
    """Standard output; a failure raises with what the program said"""
    p = subprocess.run(cmd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       timeout=timeout)
    if p.returncode:
        said = (p.stderr or p.stdout).strip()[-300:]
        raise Failed("%s: %s" % (" ".join(cmd[-6:]), said))
    return p.stdout


def quiet(cmd):
    subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=20, check=False)


def start(cmd, log=subprocess.DEVNULL, **more):
    return subprocess.Popen(cmd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more)


def stop(p):
    if p and p.poll() is None:
        p.kill()
    if p:
        p.wait()


def is_alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def cpu_ns(pid):
    """Processor time of all threads of a process, exact"""
    ns = 0
    for t in os.listdir("/proc/%d/task" % pid):
        with open("/proc/%d/task/%s/schedstat" % (pid, t)) as f:
            ns += int(f.read().split()[0])
    return ns


def memory(pid):
    """KiB: resident, proportional, and the largest resident ever"""
    kib = {}
    for name in "status", "smaps_rollup":
        with open("/proc/%d/%s" % (pid, name)) as f:
            for line in f:
                w = line.replace(":", "").split()
                if w[-1] == "kB":
                    kib[w[0]] = int(w[1])
    return {"rss": kib["VmRSS"], "pss": kib["Pss"], "peak": kib["VmHWM"]}


def holder(prefix, *unshare):
    """A process that keeps new namespaces alive"""
    p = start([*prefix, "unshare", *unshare, "sleep", "infinity"])

    def inside():
        if p.poll() is not None:
            raise Failed("no namespaces")
        with open("/proc/%d/comm" % p.pid) as f:
            return f.read().strip() == "sleep"
    wait_for(5, "a namespace", inside)
    return p


class World:
    """The host's namespace, with an uplink, and an ordinary user in it"""

    def __init__(self, tools, cc, tmp):
        self.tools, self.cc, self.dir = tools, cc, tmp
        self.count = 0
        self.host = ["nsenter", "--net=/run/netns/host"]
        call("ip", "netns", "add", "world")
        call("ip", "netns", "add", "host")
        call("ip", "-n", "world", "link", "add", "down0", "type", "veth",
             "peer", "name", "eth0", "netns", "host")
        self.addresses(["nsenter", "--net=/run/netns/world"], "down0",
                       "192.0.2.1/24", "2001:db8:2::1/64", "fe80::1/64")
        self.addresses(self.host, "eth0", "192.0.2.2/24", "2001:db8:2::2/64")
        call(*self.host, "ip", "route", "add", "default", "via", "192.0.2.1")
        call(*self.host, "ip", "route", "add", "default", "via", "fe80::1", "dev", "eth0")
        self.settle(self.host)
        user = holder(self.host, "--user", "--map-user=1000", "--map-group=1000")
        self.user = self.enter(user.pid)

    def enter(self, pid):
        return ["nsenter", "-t", str(pid), "-U", "-n", "--preserve-credentials"]

    def new_guest(self):
        """As of a container engine: the user's own namespaces"""
        p = holder(self.user, "--user", "--map-root-user", "--net")
        call(*self.enter(p.pid), "ip", "link", "set", "lo", "up")
        return p

    def addresses(self, prefix, dev, *addrs):
        call(*prefix, "ip", "link", "set", "lo", "up")
        call(*prefix, "sysctl", "-qw", "net.ipv6.conf.%s.accept_dad=0" % dev,
             "net.ipv6.conf.%s.accept_ra=0" % dev)
        for a in addrs:
            nodad = ["nodad"] if ":" in a else []
            call(*prefix, "ip", "addr", "add", a, "dev", dev, *nodad)
        call(*prefix, "ip", "link", "set", dev, "up")

    def settle(self, prefix):
        """Congestion control of every route; ports enough for many short connections"""
        call(*prefix, "sysctl", "-qw", "net.ipv4.ip_local_port_range=" + LOCAL_PORTS,
             "net.ipv4.tcp_tw_reuse=1")
        for v in "-4", "-6":
            for table in "local", "main":
                routes = call(*prefix, "ip", v, "route", "show", "table", table)
                for r in routes.splitlines():
                    if "congctl" not in r and not r.startswith(NO_TCP):
                        self.congestion(prefix, v, table, r.split())

    def congestion(self, prefix, v, table, route):
        """What fails here is found by the check of each way (Measure.probe)"""
        words = [w for w in route if w not in ("linkdown", "pref", "medium")]
        base = [*prefix, "ip", v, "route"]
        if route[-4:-2] == ["metric", "0"]:     # of the kernel's own: not to be had again
            words = words[:-2]
            quiet([*base, "del", *words, "metric", "0", "table", table])
        quiet([*base, "replace", *words, "table", table, "congctl", self.cc])


class Stand:
    """Base of all ways; each has ports of its own"""

    def __init__(self, world, name, program):
        self.world, self.name, self.program = world, name, program
        world.count += 1
        self.port = PORT + 10 * world.count
        self.pid = self.process = self.holder = self.server = None
        self.log = os.path.join(world.dir, "log.%d" % world.count)
        self.out = {4: "192.0.2.77", 6: "2001:db8:2::77"}
        self.into = {4: "192.0.2.2", 6: "2001:db8:2::2"}
        self.lo = dict(LO)

    def up(self, mtu):
        self.holder = self.world.new_guest()
        self.guest = self.world.enter(self.holder.pid)
        self.connect(mtu)
        self.world.settle(self.guest)
        self.server = start([*self.guest, self.world.tools["rig"], "serve",
                             str(self.port + 1)])

    def connect(self, mtu):
        raise NotImplementedError

    def down(self):
        stop(self.server)
        if self.pid:
            try:
                os.kill(self.pid, 9)
            except ProcessLookupError:
                pass
        stop(self.process)
        stop(self.holder)
        self.pid = self.process = None

    def ports(self):
        return "%d-%d" % (self.port, self.port + 2)

    def said(self):
        try:
            with open(self.log) as f:
                return f.read().strip()[-300:]
        except OSError:
            return ""

    def run(self, cmd):
        """Until it has gone to the background; its process ID is in a file by then"""
        pidfile = self.log + ".pid"
        if os.path.exists(pidfile):
            os.unlink(pidfile)
        with open(self.log, "w") as log:
            p = start([*self.world.user, self.program, "--pid", pidfile, *cmd], log=log)
            try:
                rc = p.wait(20)
            except subprocess.TimeoutExpired:
                stop(p)
                rc = -1
        if rc:
            raise Failed("%s: status %d: %s" % (self.name, rc, self.said()))
        with open(pidfile) as f:
            self.pid = int(f.read())


class Kernel(Stand):
    """The kernel alone: a pair of devices, one at either side, or its loopback"""

    def connect(self, mtu):
        dev = "k%d" % self.port
        call("ip", "-n", "host", "link", "add", dev, "mtu", str(mtu), "type", "veth",
             "peer", "name", "eth0", "mtu", str(mtu), "netns", str(self.holder.pid))
        self.world.addresses(self.world.host, dev, "203.0.113.1/24", "2001:db8:3::1/64")
        self.world.addresses(self.guest, "eth0", "203.0.113.2/24", "2001:db8:3::2/64")
        self.world.settle(self.world.host)
        self.out = {4: "203.0.113.1", 6: "2001:db8:3::1"}
        self.into = {4: "203.0.113.2", 6: "2001:db8:3::2"}


class Loopback(Stand):
    """The kernel alone: the guest is the host"""

    def up(self, mtu):
        self.guest = self.world.host
        self.server = start([*self.guest, self.world.tools["rig"], "serve",
                             str(self.port + 1)])


class Pasta(Stand):
    options = ()

    def connect(self, mtu):
        self.run(["--quiet", "--config-net", "--mtu", str(mtu), *self.options,
                  "-t", self.ports(), "-u", self.ports(), "-T", HOST_PORTS, "-U", HOST_PORTS,
                  *self.maps(), str(self.holder.pid)])

    def maps(self):
        return [w for a in self.out.values() for w in ("--map-host-loopback", a)]


class PastaBusy(Pasta):
    """Looks for the next event for up to 50 microseconds before it sleeps"""
    options = ("--busy-poll", "50")


class Frames(Stand):
    """Frames over a socket: test/bench/shuttle.c takes the place of a machine"""

    def attach(self, path, mtu, addrs, via4, via6):
        wait_for(10, "the socket of " + self.name, lambda: os.path.exists(path))
        self.shuttle = start([*self.guest, self.world.tools["shuttle"], path, "tap0"])
        wait_for(5, "tap0", lambda: "tap0" in call(*self.guest, "ip", "link"))
        call(*self.guest, "ip", "link", "set", "tap0", "mtu", str(mtu),
             "txqueuelen", "10000")
        self.world.addresses(self.guest, "tap0", *addrs)
        call(*self.guest, "ip", "route", "add", "default", "via", via4)
        call(*self.guest, "ip", "route", "add", "default", "via", via6, "dev", "tap0")

    def down(self):
        stop(getattr(self, "shuttle", None))
        super().down()


class Passt(Frames):
    def connect(self, mtu):
        path = os.path.join(self.world.dir, "%d.socket" % self.port)
        self.run(["--quiet", "--socket", path, "--mtu", str(mtu),
                  "-t", self.ports(), "-u", self.ports(), *Pasta.maps(self)])
        self.attach(path, mtu, ["192.0.2.2/24", "2001:db8:2::2/64"],
                    "192.0.2.1", "fe80::1")


class Qemu(Frames):
    """QEMU's user networking without a machine: its hub connects it to a socket"""

    def connect(self, mtu):
        path = os.path.join(self.world.dir, "%d.socket" % self.port)
        forward = "".join(",hostfwd=%s::%d-:%d" % (proto, p, p)
                          for proto in ("tcp", "udp")
                          for p in range(self.port, self.port + 3))
        with open(self.log, "w") as log:
            self.process = start([
                *self.world.user, self.program, "-M", "none", "-nodefaults", "-nographic",
                "-monitor", "none", "-serial", "none",
                "-netdev", "user,id=user" + forward,
                "-netdev", "stream,id=link,server=on,addr.type=unix,addr.path=" + path,
                "-netdev", "hubport,id=p0,hubid=0,netdev=user",
                "-netdev", "hubport,id=p1,hubid=0,netdev=link"], log=log)
        self.out = {4: "10.0.2.2", 6: "fec0::2"}
        self.pid = self.process.pid
        try:
            self.attach(path, min(mtu, 1500), ["10.0.2.15/24", "fec0::15/64"],
                        "10.0.2.2", "fe80::2")
        except Failed as e:
            raise Failed("%s; %s" % (e, self.said())) from None


class Slirp4netns(Stand):
    def connect(self, mtu):
        api = os.path.join(self.world.dir, "%d.api" % self.port)
        ready, there = os.pipe()
        guest = self.holder.pid
        with open(self.log, "w") as log:
            self.process = start([
                *self.world.user, self.program, "--configure", "--enable-ipv6",
                "--mtu", str(mtu), "--userns-path", "/proc/%d/ns/user" % guest,
                "--api-socket", api, "--ready-fd", str(there), str(guest), "tap0"],
                log=log, pass_fds=[there])
        os.close(there)
        is_up = select.select([ready], [], [], 10)[0] and os.read(ready, 1)
        os.close(ready)
        if not is_up:
            raise Failed("%s: %s" % (self.name, self.said()))
        self.pid = self.process.pid
        self.out = {4: "10.0.2.2", 6: "fd00::2"}
        for proto in "tcp", "udp":
            for p in range(self.port, self.port + 3):
                self.forward(api, proto, p)

    def forward(self, api, proto, port):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(api)
            s.sendall(json.dumps({
                "execute": "add_hostfwd",
                "arguments": {"proto": proto, "host_port": port, "guest_port": port},
            }).encode())
            s.shutdown(socket.SHUT_WR)
            s.recv(4096)


def kind_of(program):
    """What a peer is, by its name; it may carry a version after it"""
    base = os.path.basename(program)
    for start_of_name, kind in (("pasta", Pasta), ("passt", Passt), ("qemu-system", Qemu),
                                ("slirp4netns", Slirp4netns)):
        if base.startswith(start_of_name):
            return kind
    return None
