# SPDX-License-Identifier: GPL-2.0-or-later
"""Measures, inside test/sandbox; one line of JSON on standard output for each result

Cases are grouped by way and MTU. Within a group, all stands are there at once, and take
turns in measuring each case, so that what else the machine does meets all alike.
"""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time

import cases
import stands
from stands import Failed, call, start, stop, wait_for

GIB = 1 << 30
HOLD_S = 30             # for many connections to open
ERRORS = (Failed, subprocess.TimeoutExpired, OSError, ValueError, KeyError)


def emit(**line):
    print(json.dumps(line), flush=True)


def client(prefix, cmd, seconds):
    """Output of a client, which must be done soon after its time"""
    try:
        p = subprocess.run([*prefix, *cmd], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=seconds + 10)
    except subprocess.TimeoutExpired:
        raise Failed("hung") from None
    if p.returncode:
        raise Failed((p.stderr or p.stdout).strip()[-200:] or "status %d" % p.returncode)
    r = json.loads(p.stdout)
    if "error" in r:
        raise Failed(r["error"])
    return r


def listening(pid, port):
    try:
        with open("/proc/%d/net/tcp6" % pid) as f:
            return ":%04X %s:0000 0A" % (port, "0" * 32) in f.read()
    except OSError:
        return False


class Measure:
    def __init__(self, job):
        self.job, self.seconds, self.cc = job, job["seconds"], job["cc"]
        self.rig = job["tools"]["rig"]
        self.world = stands.World(job["tools"], self.cc, os.environ["SANDBOX"])
        self.host_rig = start([*self.world.host, self.rig, "serve",
                               str(stands.PORT + 1)])
        self.end = time.monotonic() + job["limit"]

    def late(self):
        return time.monotonic() > self.end

    # Which stands there are for a way

    def stands(self, path):
        found = []

        def add(kind, name, program):
            if not self.job["only"] or name in self.job["only"]:
                found.append(kind(self.world, name, program))
        add(stands.Loopback if path.startswith("splice") else stands.Kernel, "kernel", None)
        frames = path.startswith("passt")
        if frames:
            add(stands.Passt, "ours", self.job["tools"]["passt"])
        else:
            add(stands.Pasta, "ours", self.job["tools"]["pasta"])
            if self.job["busy"]:
                add(stands.PastaBusy, cases.BUSY_POLL, self.job["tools"]["pasta"])
        for name, program in self.job["peers"]:
            kind = stands.kind_of(program)
            if kind and issubclass(kind, stands.Frames) == frames:
                if not path.startswith("splice") or kind is stands.Pasta:
                    add(kind, name, program)
        return found

    # One measurement

    def ends(self, s, path):
        """Where client and server run, the address and port of the latter"""
        local = path.startswith("splice")
        if path.endswith("out"):
            return s.guest, self.world.host, s.lo if local else s.out, stands.PORT
        return self.world.host, s.guest, s.lo if local else s.into, s.port

    def patient(self, *args):
        """A client whose server has just begun to listen: that may not be known yet"""
        end = time.monotonic() + 3
        while True:
            try:
                return client(*args)
            except Failed as e:
                if "refused" not in str(e) or time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def stream(self, s, c, seconds):
        at, server_at, addrs, port = self.ends(s, c.path)
        flows, way = re.fullmatch(r"tcp(\d+)-(up|down)", c.kind).groups()
        server = start([*server_at, "iperf3", "-s", "-1", "-p", str(port)])
        try:
            wait_for(5, "iperf3", lambda: listening(server.pid, port))
            r = self.patient(at, [
                "iperf3", "-J", "-c", addrs[c.ver], "-p", str(port), "-P", flows,
                "-t", str(max(1, round(seconds))),
                *(["-R"] if way == "down" else [])], seconds)
        finally:
            stop(server)
        end = r["end"]["sum_received"]
        return {"value": end["bits_per_second"] / 1e9, "units": end["bytes"] / GIB,
                "blocks": end["bytes"] / 65536, "time": end["seconds"],
                "retransmits": r["end"]["sum_sent"].get("retransmits")}

    def small(self, s, c, seconds):
        at, _, addrs, port = self.ends(s, c.path)
        kind, n = re.fullmatch(r"(\D+)(\d*)", c.kind).groups()
        cmd = [self.rig, kind, "-t", str(seconds)]
        if kind.startswith("udp") and n:
            cmd = [self.rig, "udp", "-t", str(seconds), "-s", n]
        elif kind == "udpgso":
            cmd = [self.rig, "udp", "-t", str(seconds), "-g"]
        elif n:
            cmd += ["-n", n]
        r = client(at, [*cmd, addrs[c.ver], str(port + 1)], seconds)
        if r["units"] == 0:
            raise Failed("nothing came through")
        r["value"] = r["gbps"] if c.kind in ("udp1400", "udpgso") else r["rate"]
        r["blocks"] = r["units"]
        if c.kind in ("udp1400", "udpgso"):
            r["units"] *= 1400 / GIB
            r["blocks"] *= 1400 / 65536
        if c.kind == "udp64":
            r["value"] /= 1000
        return r

    def run(self, s, c, seconds):
        before = stands.cpu_ns(s.pid) if s.pid else 0
        try:
            r = (self.stream if cases.is_stream(c.kind) else self.small)(s, c, seconds)
        except ERRORS as e:
            if s.pid and not stands.is_alive(s.pid):
                raise Failed("the daemon has ended; " + s.said()) from None
            raise Failed(str(e)) from None
        if s.pid and r["units"]:
            cpu = (stands.cpu_ns(s.pid) - before) / 1e9 / r["units"]
            r["cpu"] = cpu if cases.unit(cases.name(c))[1] == "s/GiB" else cpu * 1e6
        return r

    # System calls, in a pass of their own

    def calls(self, s, c):
        out = os.path.join(self.world.dir, "strace")
        # No children: one of vfork() and strace at its end can wait for each other for ever
        p = start(["strace", "-c", "-p", str(s.pid), "-o", out])

        def traced():
            with open("/proc/%d/status" % s.pid) as f:
                return "TracerPid:\t0\n" not in f.read()
        try:
            wait_for(5, "strace", traced)
            r = self.run(s, c, min(1, self.seconds))
        finally:
            p.send_signal(signal.SIGINT)
            p.wait(10)
        with open(out) as f:
            table = {w[-1]: int(w[3]) for w in map(str.split, f)
                     if len(w) >= 5 and w[3].isdigit()}
        total = table.pop("total", sum(table.values()))
        emit(case=cases.name(c), stand=s.name, calls=total / r["blocks"],
             table={k: v / r["blocks"] for k, v in table.items()})

    # All of a group

    def group(self, path, mtu, todo):
        there = []
        for s in self.stands(path):
            try:
                s.up(mtu)
                self.probe(s, path, todo[0].ver)
                there.append(s)
            except ERRORS as e:
                emit(case="%s/%d" % (path, mtu), stand=s.name, error=str(e))
                s.down()
        try:
            for c in todo:
                self.case([s for s in there if not isinstance(s, stands.PastaBusy)
                           or c.kind in cases.BUSY], c)
        finally:
            for s in there:
                s.down()

    def probe(self, s, path, ver):
        """A way that does not work is not measured"""
        at, _, addrs, port = self.ends(s, path)
        last, used = [], {}

        def works():
            try:
                used.update(client(at, [self.rig, "cc", addrs[ver], str(port + 1)], 0))
                return True
            except Failed as e:
                last[:] = [str(e)]
                return False
        try:
            wait_for(3, "", works)
        except Failed:
            raise Failed("no way through: " + "".join(last)) from None
        for end, cc in used.items():
            if cc != self.cc:
                emit(case=path, stand=s.name,
                     error="congestion control of the %s is %s" % (end, cc))

    def case(self, there, c):
        if self.late():
            emit(case=cases.name(c), stand="", error="no time left")
            return
        dead = set()
        for r in range(self.job["rounds"]):
            turn = there[r % len(there):] + there[:r % len(there)] if there else []
            for s in turn:
                if s.name in dead:
                    continue
                try:
                    emit(case=cases.name(c), stand=s.name, round=r,
                         **self.run(s, c, self.seconds))
                except ERRORS as e:
                    emit(case=cases.name(c), stand=s.name, round=r, error=str(e))
                    dead.add(s.name)
        for s in there:
            if self.job["calls"] and s.pid and s.name not in dead:
                try:
                    self.calls(s, c)
                except ERRORS as e:
                    emit(case=cases.name(c), stand=s.name, error="strace: %s" % e)

    # Start, memory, many at once

    def programs(self, path="out"):
        return [s for s in self.stands(path) if s.program]

    def startup(self, times):
        """Until a namespace that is there is connected, with addresses and routes"""
        took = {}
        for _ in range(times):
            for s in self.programs():
                if isinstance(s, stands.PastaBusy):
                    continue
                try:
                    s.holder = self.world.new_guest()
                    t = time.monotonic()
                    s.connect(cases.MTU)
                    took.setdefault(s.name, []).append((time.monotonic() - t) * 1e3)
                except ERRORS as e:
                    emit(case="start", stand=s.name, error=str(e))
                finally:
                    s.down()
        for name, ms in took.items():
            for r, x in enumerate(ms):
                emit(case="start", stand=name, round=r, value=x)

    def memory(self, flows):
        for path, prefix in ("out", ""), ("passt-out", "passt: "):
            for s in self.programs(path):
                if self.job["quick"] and not isinstance(s, stands.Pasta):
                    continue
                try:
                    s.up(cases.MTU)
                    self.probe(s, path, 4)
                    self.memory_of(s, path, flows, prefix)
                except ERRORS as e:
                    emit(case=prefix + "memory", stand=s.name, error=str(e))
                finally:
                    s.down()

    def memory_of(self, s, path, flows, prefix):
        """Idle is after there was traffic: who looks for more has to stop"""
        rr = cases.Case(path, "rr", cases.MTU, 4)
        self.run(s, rr, 0.2)
        self.emit_idle(s, prefix + "idle, CPU")
        if isinstance(s, stands.PastaBusy):
            return
        self.emit_memory(s, prefix + "memory, idle")
        p = subprocess.Popen([
            *s.guest, self.rig, "hold", "-n", str(flows), "-t", str(HOLD_S), s.out[4],
            str(stands.PORT + 1)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        try:
            if not select.select([p.stdout], [], [], HOLD_S + 10)[0]:
                raise Failed("%d flows: hung" % flows)
            said = p.stdout.readline()
            if not said:
                raise Failed("%d flows: %s" % (flows, p.stderr.read().strip()))
            r = json.loads(said)
            emit(case=prefix + "open %d flows" % flows, stand=s.name, round=0,
                 value=r["rate"])
            if r["units"] < flows:
                emit(case=prefix + "open %d flows" % flows, stand=s.name,
                     error="only %d; memory is with these" % r["units"])
            self.emit_memory(s, prefix + "memory, %d flows" % flows)
            self.emit_idle(s, prefix + "idle with %d flows, CPU" % flows)
            emit(case=prefix + "rr beside %d flows" % flows, stand=s.name, round=0,
                 **self.run(s, rr, 1))
        finally:
            stop(p)
        time.sleep(2)
        self.emit_memory(s, prefix + "memory, after")

    def emit_memory(self, s, case):
        m = stands.memory(s.pid)
        emit(case=case, stand=s.name, round=0, value=m["rss"] / 1024, **m)

    def emit_idle(self, *group):
        """Per cent of a processor that programs without traffic use"""
        *programs, case = group
        time.sleep(3)           # what is done for a while after a start or a change is over
        before = sum(stands.cpu_ns(s.pid) for s in programs)
        time.sleep(2)
        cpu = (sum(stands.cpu_ns(s.pid) for s in programs) - before) / 2e9
        emit(case=case, stand=programs[0].name, round=0, value=cpu * 100)

    def instances(self, count):
        """Each with ports of its own, as they are the host's"""
        for first in self.programs():
            if isinstance(first, stands.PastaBusy):
                continue
            up, what = [], "%d instances, " % count
            try:
                t = time.monotonic()
                for _ in range(count):
                    s = type(first)(self.world, first.name, first.program)
                    s.holder = self.world.new_guest()
                    up.append(s)
                    s.connect(cases.MTU)
                wall = time.monotonic() - t
                emit(case=what + "memory", stand=first.name, round=0,
                     value=sum(stands.memory(s.pid)["pss"] for s in up) / 1024)
                self.emit_idle(*up, what + "idle, CPU")
                emit(case=what + "start", stand=first.name, round=0, value=wall * 1e3)
            except ERRORS as e:
                emit(case=what + "start", stand=first.name, error=str(e))
            finally:
                for s in up:
                    s.down()

    def all(self):
        for what, arg in self.job["extra"].items():
            getattr(self, what)(arg)
        groups = {}
        for c in map(lambda w: cases.Case(*w), self.job["cases"]):
            groups.setdefault((c.path, c.mtu, c.ver), []).append(c)
        for (path, mtu, _), todo in groups.items():
            self.group(path, mtu, todo)

    def profile(self):
        """One case, long enough for a profile, which is taken from outside"""
        c = cases.Case(*self.job["cases"][0])
        found = [x for x in self.stands(c.path) if x.program]
        if not found:
            raise Failed("nothing of that name to profile")
        s = found[0]
        s.up(c.mtu)
        try:
            self.probe(s, c.path, c.ver)
            self.calls(s, c)
            emit(profile="begin")
            emit(case=cases.name(c), stand=s.name, round=0,
                 **self.run(s, c, self.seconds))
        finally:
            s.down()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # none for process 1
    job = json.load(sys.stdin)
    m = Measure(job)
    try:
        if job["profile"]:
            m.profile()
        else:
            m.all()
    except Failed as e:
        emit(error=str(e))
        sys.exit(1)


main()
