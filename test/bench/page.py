# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of a benchmark as a table, CSV, and a page with plots"""

import csv
import html as markup
import io
import statistics

import cases

OURS, KERNEL = "ours", "kernel"
PLOTS = (
    ("TCP, one flow, by MTU", "Gbit/s", ("out/tcp1-up/%d/v4", "out/tcp1-down/%d/v4",
                                         "in/tcp1-up/%d/v4", "in/tcp1-down/%d/v4")),
    ("TCP, eight flows, by MTU", "Gbit/s", ("out/tcp8-up/%d/v4", "out/tcp8-down/%d/v4")),
    ("TCP, loopback", "Gbit/s", ("splice/tcp1-up/%d/v4", "splice/tcp1-down/%d/v4",
                                 "splice/tcp8-up/%d/v4", "splice/tcp8-down/%d/v4")),
    ("TCP, frames over a socket", "Gbit/s", ("passt-out/tcp1-up/%d/v4",
                                             "passt-out/tcp1-down/%d/v4")),
    ("Request and response", "1/s", ("out/rr/%d/v4", "out/crr/%d/v4", "out/udprr/%d/v4")),
    ("Connections a second, that many at once", "1/s", (
        "out/crr/%d/v4", "out/crr4/%d/v4", "out/crr16/%d/v4", "out/crr64/%d/v4",
        "out/crr256/%d/v4")),
    ("UDP", "Gbit/s", ("out/udp1400/%d/v4", "out/udpgso/%d/v4", "in/udpgso/%d/v4",
                       "splice/udpgso/%d/v4")),
)


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def units(case):
    if "/" in case:
        return cases.unit(case.split("/")[1])
    if case.startswith("memory") or case.endswith("memory"):
        return "MiB", "", ""
    if "CPU" in case:
        return "%", "", ""
    return ("1/s" if case.startswith("open") else "ms"), "", ""


def summary(results):
    """{case: {stand: figures}}, in the order of the first result"""
    rows, seen = {}, {}
    for r in results:
        if "case" in r and r.get("stand"):
            row = rows.setdefault(r["case"], {})
            row.setdefault(r["stand"], {})
            seen.setdefault((r["case"], r["stand"]), []).append(r)
    for (case, stand), lines in seen.items():
        f = rows[case][stand]
        values = [x["value"] for x in lines if "value" in x]
        f["value"] = median(values)
        if values:
            f["min"], f["max"] = min(values), max(values)
        for key in ("cpu", "calls", "p50", "p99", "lost", "pss", "peak"):
            f[key] = median(x.get(key) for x in lines)
        f["rounds"] = len(values)
        f["error"] = next((x["error"] for x in lines if "error" in x), "")
    return rows


def stands_of(rows):
    names = []
    for row in rows.values():
        names += [s for s in row if s not in names]
    return sorted(names, key=lambda s: (s != KERNEL, not s.startswith(OURS), s))


def num(x, error=""):
    if x is None:
        return "fails" if error else ""
    return "%.0f" % x if x >= 1000 else "%.3g" % x


def ratio(row, stand):
    """Our figure to that of @stand"""
    ours, other = row.get(OURS, {}).get("value"), row.get(stand, {}).get("value")
    return ours / other if ours and other else None


def table(rows):
    """Heads, then lines of cells"""
    names = stands_of(rows)
    lines = [["case", "unit"] + names +
             ["/ " + s for s in names if not s.startswith(OURS)] +
             ["CPU: " + s for s in names if s != KERNEL] + ["unit"] +
             ["calls: " + s for s in names if s != KERNEL]]
    for case, row in rows.items():
        unit = units(case)
        cell = [case, unit[0]]
        for s in names:
            f = row.get(s, {})
            cell.append(num(f.get("value"), f.get("error")))
        cell += [num(ratio(row, s)) for s in names if not s.startswith(OURS)]
        cell += [num(row.get(s, {}).get("cpu")) for s in names if s != KERNEL] + [unit[1]]
        cell += [num(row.get(s, {}).get("calls")) for s in names if s != KERNEL]
        lines.append(cell)
    return lines


def text(rows):
    lines = table(rows)
    width = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("| " + " | ".join(c.ljust(w) for c, w in zip(line, width)) + " |"
                     for line in lines)


def markdown(rows):
    """Tables for a text: one for each way, without columns that stay empty"""
    out = []
    for way in dict.fromkeys(c.split("/")[0] if "/" in c else "" for c in rows):
        some = {c: r for c, r in rows.items()
                if (c.split("/")[0] if "/" in c else "") == way}
        lines = table(some)
        keep = [i for i in range(len(lines[0])) if any(line[i] for line in lines[1:])]
        lines = [[line[i] for i in keep] for line in lines]
        lines.insert(1, ["---"] + ["---:"] * (len(keep) - 1))
        out.append("\n".join("| %s |" % " | ".join(line) for line in lines))
    return "\n\n".join(out) + "\n"


def csv_of(rows):
    out = io.StringIO()
    w = csv.writer(out)
    w.writerow(["case", "stand", "figure", "unit", "least", "most", "rounds",
                "ours to this", "cpu", "cpu unit", "system calls", "calls unit",
                "p50 us", "p99 us", "error"])
    for case, row in rows.items():
        unit = units(case)
        for s, f in row.items():
            w.writerow([case, s, f["value"], unit[0], f.get("min"), f.get("max"),
                        f["rounds"], ratio(row, s), f["cpu"], unit[1], f["calls"], unit[2],
                        f["p50"], f["p99"], f["error"]])
    return out.getvalue()


def label(case):
    path, kind, mtu, _ = case.split("/")
    return "\n".join((path, kind, mtu) if cases.is_stream(kind) else (path, kind))


def plot(plt, title, unit, names, rows):
    """SVG of bars, one group for each case, one bar for each stand; None without any"""
    there = [n for n in names if n in rows]
    stands = [s for s in stands_of(rows)
              if any(rows[n].get(s, {}).get("value") for n in there)]
    if not there or not stands:
        return None
    fig, ax = plt.subplots(figsize=(max(5, 1.1 * len(there) + 2), 3.4))
    for i, s in enumerate(stands):
        y = [rows[n].get(s, {}).get("value") or 0 for n in there]
        ax.bar([j + i * 0.8 / len(stands) for j in range(len(there))], y,
               0.8 / len(stands), label=s, align="edge")
    ax.set_xticks([j + 0.4 for j in range(len(there))])
    ax.set_xticklabels([label(n) for n in there], fontsize=7)
    ax.set_title(title, fontsize=10)
    ax.set_ylabel(unit)
    ax.legend(fontsize=7)
    fig.tight_layout()
    out = io.StringIO()
    fig.savefig(out, format="svg")
    plt.close(fig)
    return out.getvalue().split("?>", 1)[-1].split(">", 1)[-1]


def plots(rows):
    try:
        import matplotlib
        matplotlib.use("svg")
        import matplotlib.pyplot as plt
    except ImportError:
        return ["<p>No plots: python3-matplotlib is not installed.</p>"]
    found = []
    for title, unit, patterns in PLOTS:
        names = [p % m for m in cases.MTUS for p in patterns]
        found.append(plot(plt, title, unit, names, rows))
    return [p for p in found if p]


def html(rows, about):
    esc = markup.escape
    lines = table(rows)
    head = "".join("<th>%s</th>" % esc(c) for c in lines[0])
    body = "".join("<tr>%s</tr>\n" % "".join("<td>%s</td>" % esc(c) for c in line)
                   for line in lines[1:])
    facts = "".join("<dt>%s</dt><dd>%s</dd>" % (esc(str(k)), esc(str(v)))
                    for k, v in about.items())
    errors = "".join("<li>%s, %s: %s</li>" % (esc(c), esc(s), esc(f["error"]))
                     for c, row in rows.items() for s, f in row.items() if f["error"])
    return """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>passt and pasta: benchmark</title>
<style>body { font: 14px sans-serif; margin: 2em } table { border-collapse: collapse }
th, td { border-bottom: 1px solid #ccc; padding: 2px 8px; text-align: right }
th:first-child, td:first-child { text-align: left; white-space: nowrap }
dl { display: grid; grid-template-columns: max-content auto; gap: 2px 1em }
dd { margin: 0 } tr:hover { background: #eef }</style>
<h1>passt and pasta: benchmark</h1>
<dl>%s</dl>
%s
<h2>All figures</h2>
<p>Medians. A column headed by a slash is our figure divided by that of the stand.</p>
<table><tr>%s</tr>
%s</table>
%s</html>
""" % (facts, "\n".join(plots(rows)), head, body,
       "<h2>What failed</h2><ul>%s</ul>" % errors if errors else "")
