# SPDX-License-Identifier: GPL-2.0-or-later
"""The cases: what is carried, which way, at which MTU, over which IP version

A case is named PATH/KIND/MTU/vN, such as out/tcp1-up/1500/v4.

    out         from the guest to the host
    in          from the host to the guest
    splice      the same over the loopback of either: no tap device
    passt-out, passt-in     with frames over a socket instead of a tap device

tcpN-up, tcpN-down: N streams, from or to who opened the connection; rr, crr: request and
response on one connection, or on one each, with the number of those at once (crrs:
closed first by the server); udprr; udp64, udp1400: datagrams of that size; udpgso: of
1400 bytes, cut by the kernel. Those without a size of their own have the default MTU.
"""

from collections import namedtuple

MTU = 65520
MTUS = (1280, 1500, 9000, MTU)
STREAMS = ("tcp1-up", "tcp1-down", "tcp8-up", "tcp8-down")
SMALL = ("rr", "crr", "crrs", "crr4", "crr16", "crr64", "crr256", "udprr")
DATAGRAMS = ("udp64", "udp1400", "udpgso")
PATHS = ("out", "in", "splice", "passt-out", "passt-in")

# What --busy-poll is for
BUSY = ("rr", "crr", "udprr")

Case = namedtuple("Case", "path kind mtu ver")


def name(c):
    return "%s/%s/%d/v%d" % c


def full():
    cases = []
    for ver in (4, 6):
        for path in PATHS:
            for mtu in MTUS if path != "splice" else (MTU,):
                for kind in STREAMS:
                    cases.append(Case(path, kind, mtu, ver))
            for kind in SMALL + DATAGRAMS:
                cases.append(Case(path, kind, MTU, ver))
    return cases


def quick():
    """The most telling ones, IPv4"""
    cases = [Case("out", "tcp1-up", 1500, 4), Case("out", "tcp1-down", 1500, 4)]
    return cases + [Case(p, k, MTU, 4) for p, kinds in (
        ("out", ("tcp1-up", "tcp1-down", "tcp8-up", "tcp8-down", "rr", "crr", "crr64",
                 "udprr", "udp1400", "udpgso")),
        ("in", ("tcp1-up", "rr", "crr")),
        ("splice", ("tcp1-up", "tcp1-down", "rr", "crr", "udpgso")),
        ("passt-out", ("tcp1-up", "tcp1-down", "rr")),
    ) for k in kinds]


def is_stream(kind):
    return kind.startswith("tcp")


def unit(kind):
    """Of the figure; of the daemon's processor time; of the system calls"""
    if kind.isdigit():          # a group of cases, none of which could be measured
        return "", "", ""
    if is_stream(kind) or kind in ("udp1400", "udpgso"):
        return "Gbit/s", "s/GiB", "per 64 KiB"
    if kind == "udp64":
        return "1000/s", "µs each", "each"
    return "1/s", "µs each", "each"
