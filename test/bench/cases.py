# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases: what is carried, which way, at which MTU, over which IP version; the targets

A case is named PATH/KIND/MTU/vN, such as out/tcp1-up/1500/v4.

    out         from the guest to the host
    in          from the host to the guest
    splice      from the host to the guest over the loopback of each: no tap device
    splice-out  the same from the guest to the host
    passt-out, passt-in     with frames over a socket instead of a tap device

tcpN-up, tcpN-down: N streams, from or to who opened the connection; rr, crr: request and
response on one connection, or on one each, with the number of those at once (crrs:
closed first by the server); udprr; udp64, udp1400: datagrams of that size; udpgso: of
1400 bytes, cut by the kernel. Those without a size of their own have the default MTU.
"""

import fnmatch
from collections import namedtuple

MTU = 65520
MTUS = (1280, 1500, 9000, MTU)
STREAMS = ("tcp1-up", "tcp1-down", "tcp8-up", "tcp8-down")
SMALL = ("rr", "rr16", "rr256", "crr", "crrs", "crr4", "crr16", "crr64", "crr256", "udprr")
DATAGRAMS = ("udp64", "udp1400", "udpgso")
PATHS = {
    "out": "guest to host, tap device",
    "in": "host to guest, tap device",
    "splice": "host to guest, loopback",
    "splice-out": "guest to host, loopback",
    "passt-out": "guest to host, frames over a socket",
    "passt-in": "host to guest, frames over a socket",
}

# What --busy-poll is for
BUSY = ("rr", "crr", "udprr")

OURS, BUSY_POLL, KERNEL, PEER = "ours", "busy-poll", "kernel", "pasta"

Case = namedtuple("Case", "path kind mtu ver")

# A figure of @stand in all cases that match: at least, or at most (@most), @bound times
# that of @against, or @bound itself. @later: wanted, but not yet.
Target = namedtuple("Target", "title case figure against bound most stand later",
                    defaults=(False, OURS, False))


def more(title, case, kernel=None, peer=None, **other):
    """Targets of a figure of which more is better"""
    return [Target(title, case, "value", who, bound, **other)
            for who, bound in ((KERNEL, kernel), (PEER, peer)) if bound]


def cheap(title, case, bound):
    return [Target(title + ": CPU", case, "cpu", PEER, bound, True)]


TARGETS = [
    *more("TCP from the guest, MTU 65520", "out/tcp1-up/65520/*", 0.55, 20),
    *more("TCP to the guest, MTU 65520", "out/tcp1-down/65520/*", 0.6, 1.4),
    *more("TCP, each way, MTU 1500", "out/tcp1-*/1500/*", 0.5, 15),
    *more("TCP, 8 flows, each way, MTU 65520", "out/tcp8-*/65520/*", 0.35, 1.5),
    *more("TCP, loopback, each way", "splice*/tcp1-*", 0.7, 1.2),
    *more("TCP request and response", "out/rr/*", None, 1.05),
    *cheap("TCP request and response", "out/rr/*", 0.6),
    *more("TCP request and response, busy-poll", "out/rr/*", None, 1.3, stand=BUSY_POLL),
    *more("TCP connections", "out/crr/*", 0.8, 1.15),
    *cheap("TCP connections", "out/crr/*", 0.6),
    *more("UDP GSO", "out/udpgso/*", 0.3, 5, later=True),
    *more("UDP, 1400 bytes", "out/udp1400/*", 0.85, 1.3, later=True),
    *more("UDP GSO, loopback", "splice*/udpgso/*", 0.35, 15, later=True),
    *more("UDP request and response", "out/udprr/*", None, 1.05),
    *cheap("UDP request and response", "out/udprr/*", 0.7),
    *more("UDP request and response, busy-poll", "out/udprr/*", None, 1.3,
          stand=BUSY_POLL),
    Target("CPU s/GiB, tap, MTU 65520", "out/tcp1-*/65520/*", "cpu", None, 0.25, True),
    Target("CPU s/GiB, loopback", "splice*/tcp1-*", "cpu", None, 0.08, True),
    Target("memory, idle", "memory, idle", "rss", PEER, 0.25, True),
    Target("memory, peak", "memory, * flows", "peak", PEER, 0.7, True),
    Target("start to ready", "start", "value", PEER, 0.6, True),
]


# From s/GiB to microseconds for a datagram of 1400 bytes
EACH_1400 = 1400 * 1e6 / (1 << 30)

# How our cost grows: title, unit, figure, {label: (case, factor)}
GROWTH = [
    *[("TCP by MTU, %s" % way, "CPU s/GiB", "cpu",
       {"%d" % m: ("%s/%d/v4" % (case, m), 1) for m in MTUS})
      for way, case in (("from the guest", "out/tcp1-up"), ("to the guest", "out/tcp1-down"),
                        ("from the guest, frames over a socket", "passt-out/tcp1-up"),
                        ("to the guest, frames over a socket", "passt-out/tcp1-down"))],
    ("TCP by number of streams, from the guest", "CPU s/GiB", "cpu",
     {"%d" % n: ("out/tcp%d-up/%d/v4" % (n, MTU), 1) for n in (1, 8)}),
    ("UDP by size, from the guest", "CPU µs each", "cpu", {
        "64": ("out/udp64/%d/v4" % MTU, 1),
        "1400": ("out/udp1400/%d/v4" % MTU, EACH_1400),
        "1400, GSO": ("out/udpgso/%d/v4" % MTU, EACH_1400)}),
    ("TCP RR by connections at once", "CPU µs each", "cpu",
     {"%d" % n: ("out/rr%s/%d/v4" % (n if n > 1 else "", MTU), 1) for n in (1, 16, 256)}),
    ("TCP CRR by connections at once", "CPU µs each", "cpu",
     {"%d" % n: ("out/crr%s/%d/v4" % (n if n > 1 else "", MTU), 1)
      for n in (1, 4, 16, 64, 256)}),
    ("TCP RR beside idle flows", "CPU µs each", "cpu", {
        "0": ("out/rr/%d/v4" % MTU, 1), "%d": ("rr beside * flows", 1)}),
    ("Resident memory by flows", "MiB", "rss", {
        "0": ("memory, idle", 1 / 1024), "%d": ("memory, * flows", 1 / 1024),
        "0 again": ("memory, after", 1 / 1024)}),
]


def name(c):
    return "%s/%s/%d/v%d" % c


def full():
    cases = []
    for ver in (4, 6):
        for path in PATHS:
            for mtu in MTUS if not path.startswith("splice") else (MTU,):
                for kind in STREAMS:
                    cases.append(Case(path, kind, mtu, ver))
            for kind in SMALL + DATAGRAMS:
                cases.append(Case(path, kind, MTU, ver))
    return cases


def quick():
    """What the targets ask for, over IPv4, and some of each other way"""
    more_of = ("in/tcp1-up/65520/v4", "in/crr/65520/v4", "out/crr64/65520/v4",
               "splice/rr/65520/v4", "splice/crr/65520/v4", "passt-out/tcp1-up/65520/v4",
               "passt-out/tcp1-down/65520/v4", "passt-out/rr/65520/v4")
    wanted = [t.case for t in TARGETS if not t.case.startswith("splice*")] + \
        ["splice/tcp1-*", "splice/udpgso/*", "splice-out/tcp1-up/*"]
    return [c for c in full() if c.ver == 4 and (name(c) in more_of or any(
        fnmatch.fnmatchcase(name(c), w) for w in wanted))]


def is_stream(kind):
    return kind.startswith("tcp")


def seconds(kind, wanted):
    """How long one measurement takes, preparations included"""
    if is_stream(kind):
        return max(1, round(wanted)) + 0.25
    return wanted + (0.25 if kind in DATAGRAMS else 0.06)


def unit(case):
    """Of the figure; of the daemon's processor time; of the system calls"""
    kind = case.split("/")[1] if "/" in case else ""
    if is_stream(kind) or kind in ("udp1400", "udpgso"):
        return "Gbit/s", "s/GiB", "per 64 KiB"
    if kind == "udp64":
        return "1000/s", "µs each", "each"
    if kind.isdigit():          # a way that does not work
        return "", "", ""
    if kind or "rr beside" in case:
        return "1/s", "µs each", "each"
    if "memory" in case:
        return "MiB", "", ""
    if "CPU" in case:
        return "%", "", ""
    return ("1/s" if "open" in case else "ms"), "", ""


def is_cost(case):
    """Of the figure, less is better"""
    return unit(case)[0] in ("MiB", "%", "ms")
