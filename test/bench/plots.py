# SPDX-License-Identifier: GPL-2.0-or-later
"""Plots of a benchmark: SVG to be put into a page, by matplotlib"""

import fnmatch
import io
import re

import cases
from cases import BUSY_POLL, KERNEL, OURS

COLOURS = {KERNEL: "#a9b4bf", OURS: "#1668b8", BUSY_POLL: "#7fb5e6"}
OTHERS = ("#e08a1e", "#4f9d54", "#9467bd", "#c44e52", "#8c6d4f")


def by_mtu(path, kind):
    return {"%s/%s/%d/v4" % (path, kind, m): str(m) for m in cases.MTUS}


def some(*names):
    """PATH/KIND: label"""
    return {n.split(":")[0] + "/%d/v4" % cases.MTU: n.split(":")[1] for n in names}


def at_once(kind, *numbers):
    return {"out/%s%s/%d/v4" % (kind, n if n > 1 else "", cases.MTU): str(n)
            for n in numbers}


# Title, figure, its unit, what is below each group of bars
PLOTS = (
    ("TCP, one flow, guest to host, by MTU", "value", "Gbit/s", by_mtu("out", "tcp1-up")),
    ("TCP, one flow, host to guest, by MTU", "value", "Gbit/s", by_mtu("out", "tcp1-down")),
    ("CPU for TCP, guest to host, by MTU", "cpu", "s/GiB", by_mtu("out", "tcp1-up")),
    ("CPU for TCP, host to guest, by MTU", "cpu", "s/GiB", by_mtu("out", "tcp1-down")),
    ("TCP, eight flows, guest to host, by MTU", "value", "Gbit/s", by_mtu("out", "tcp8-up")),
    ("TCP, eight flows, host to guest, by MTU", "value", "Gbit/s",
     by_mtu("out", "tcp8-down")),
    ("TCP, loopback, flows and way", "value", "Gbit/s", some(
        "splice/tcp1-up:1 to guest", "splice/tcp1-down:1 to host",
        "splice/tcp8-up:8 to guest", "splice/tcp8-down:8 to host")),
    ("Frames over a socket, guest to host, by MTU", "value", "Gbit/s",
     by_mtu("passt-out", "tcp1-up")),
    ("Frames over a socket, host to guest, by MTU", "value", "Gbit/s",
     by_mtu("passt-out", "tcp1-down")),
    ("Requests, connections, datagrams and answers", "value", "1/s", some(
        "out/rr:TCP RR", "out/crr:TCP CRR", "out/udprr:UDP RR")),
    ("CPU for each of these", "cpu", "µs", some(
        "out/rr:TCP RR", "out/crr:TCP CRR", "out/udprr:UDP RR")),
    ("Requests, that many connections at once", "value", "1/s", at_once("rr", 1, 16, 256)),
    ("Connections, that many at once", "value", "1/s",
     at_once("crr", 1, 4, 16, 64, 256)),
    ("CPU for a connection, that many at once", "cpu", "µs",
     at_once("crr", 1, 4, 16, 64, 256)),
    ("UDP", "value", "Gbit/s", some(
        "out/udp1400:1400 bytes", "out/udpgso:GSO", "in/udpgso:GSO, to guest",
        "splice/udpgso:GSO, loopback")),
    ("Resident memory", "rss", "KiB", {
        "memory, idle": "idle", "memory, * flows": "with flows", "memory, after": "after"}),
    ("Start, until connected", "value", "ms", {"start": "start"}),
)


def short(x):
    if x >= 10000:
        return "%.0fk" % (x / 1000)
    if x >= 1000:
        return "%.1fk" % (x / 1000)
    return "%.0f" % x if x >= 100 else "%.2g" % x


def colour_of(stand, stands):
    others = [s for s in stands if s not in COLOURS]
    return COLOURS.get(stand) or OTHERS[others.index(stand) % len(OTHERS)]


def bars(ax, rows, key, names, stands, colours):
    width = min(0.84 / len(stands), 0.06 + 0.08 * len(names))
    for i, s in enumerate(stands):
        for j, n in enumerate(names):
            f = rows[n].get(s, {})
            y = f.get(key)
            if y is None:
                continue
            x = j + (i + 0.5 - len(stands) / 2) * width
            ax.bar(x, y, width * 0.94, color=colours[s], label=s)
            if key == "value" and f["rounds"] > 1:
                ax.plot([x, x], [f["min"], f["max"]], color="#333", linewidth=0.9)
            ax.annotate(short(y), (x, max(y, f["max"] if key == "value" else y)),
                        xytext=(0, 1.5), textcoords="offset points", ha="center",
                        va="bottom", fontsize=6.5, color="#333")


def plot(plt, rows, what, all_stands):
    """None without any figure for it"""
    title, key, unit, labels = what
    labels = {n: text for pattern, text in labels.items()
              for n in fnmatch.filter(rows, pattern)}
    names = [n for n in labels if any(f.get(key) is not None for f in rows[n].values())]
    stands = [s for s in all_stands
              if any(rows[n].get(s, {}).get(key) is not None for n in names)]
    if not stands:
        return None
    fig, ax = plt.subplots(figsize=(5.6, 3.1))
    bars(ax, rows, key, names, stands, {s: colour_of(s, all_stands) for s in stands})
    ax.set_xticks(range(len(names)))
    ax.set_xticklabels([labels[n] for n in names], fontsize=8)
    ax.set_xlim(-0.6, len(names) - 0.4)
    ax.set_ylim(0, ax.get_ylim()[1] * 1.08)
    ax.set_title(title, fontsize=10, loc="left", fontweight="bold")
    ax.set_ylabel(unit, fontsize=8)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(axis="y", color="#e6ebf0", linewidth=0.7)
    ax.set_axisbelow(True)
    once = dict(zip(*reversed(ax.get_legend_handles_labels())))
    ax.legend(once.values(), once.keys(), fontsize=7, frameon=False, ncols=len(once),
              loc="upper center", bbox_to_anchor=(0.5, -0.1))
    fig.tight_layout()
    out = io.StringIO()
    fig.savefig(out, format="svg")
    plt.close(fig)
    svg = out.getvalue()[out.getvalue().index("<svg"):]
    return re.sub("<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)


def all_of(rows, stands_of):
    try:
        import matplotlib
        matplotlib.use("svg")
        import matplotlib.pyplot as plt
    except ImportError:
        return ["<p>No plots: python3-matplotlib is not installed.</p>"]
    plt.rcParams["svg.fonttype"] = "none"
    plt.rcParams["font.family"] = ["DejaVu Sans", "sans-serif"]
    found = [plot(plt, rows, p, stands_of(rows)) for p in PLOTS]
    return [p for p in found if p]
