# SPDX-License-Identifier: GPL-2.0-or-later
"""Results of a benchmark as text, Markdown, CSV, and a page with plots (plots.py)"""

import csv
import fnmatch
import html as markup
import io
import re
import statistics

import cases
import plots
from cases import BUSY_POLL, KERNEL, OURS

LEGEND = """Medians of all rounds. "kernel" is the kernel alone: for what crosses a tap
device or a socket, the same guest joined to the host by a pair of veth devices of the
same MTU; over loopback, the host's own. CPU is that of the program measured, not of
clients, servers and kernel threads. System calls are counted by strace in a pass of
their own, which slows the program down."""


def median(values):
    values = [v for v in values if v is not None]
    return statistics.median(values) if values else None


def place(case):
    """Where to show it: what has no way first, then by way, version, kind and MTU"""
    if "/" not in case:
        return (-1,)
    path, kind, *rest = case.split("/")
    mtu, ver = rest if len(rest) == 2 else (kind, "")
    kinds = cases.STREAMS + cases.SMALL + cases.DATAGRAMS
    return (list(cases.PATHS).index(path), ver,
            kinds.index(kind) if kind in kinds else -1, int(mtu))


def summary(results):
    """{case: {stand: figures}}"""
    seen = {}
    for r in results:
        if r.get("case") and r.get("stand"):
            seen.setdefault(r["case"], {}).setdefault(r["stand"], []).append(r)
    return {c: {s: figures(lines) for s, lines in seen[c].items()}
            for c in sorted(seen, key=place)}


def figures(lines):
    values = [x["value"] for x in lines if "value" in x]
    f = {key: median(x.get(key) for x in lines)
         for key in ("value", "cpu", "calls", "p50", "p99", "lost", "rss", "pss", "peak")}
    f["min"], f["max"] = (min(values), max(values)) if values else (None, None)
    f["rounds"] = len(values)
    f["error"] = next((x["error"] for x in lines if "error" in x), "")
    return f


def errors(rows):
    return [(c, s, f["error"]) for c, row in rows.items() for s, f in row.items()
            if f["error"]]


def stands_of(rows):
    names = []
    for row in rows.values():
        names += [s for s in row if s not in names]
    first = [s for s in (KERNEL, OURS, BUSY_POLL) if s in names]
    return first + sorted(set(names) - set(first))


def num(x, error=""):
    if x is None:
        return "fails" if error else ""
    return "%.0f" % x if abs(x) >= 100 else "%.3g" % x


def ratio(row, stand):
    """Our figure to that of @stand"""
    ours, other = row.get(OURS, {}).get("value"), row.get(stand, {}).get("value")
    return ours / other if ours and other else None


def spread(f):
    """Per cent that rounds were off the median, at most"""
    if f.get("rounds", 0) < 2 or not f["value"]:
        return ""
    return "±%.0f %%" % (50 * (f["max"] - f["min"]) / f["value"])


# ---- targets ----

def measured(row, t):
    """What the target is about, in one case; None if that was not measured"""
    mine = row.get(t.stand, {}).get(t.figure)
    if t.against is None or mine is None:
        return mine
    other = next((f.get(t.figure) for s, f in row.items() if s.startswith(t.against)), None)
    return mine / other if other else None


def verdict(rows, t):
    """[title, wanted, measured, verdict, case] of the worst of all cases"""
    got = [(measured(row, t), c) for c, row in rows.items()
           if fnmatch.fnmatchcase(c, t.case)]
    got = [g for g in got if g[0] is not None]
    wanted = "%s %g%s" % ("≤" if t.most else "≥", t.bound,
                          " × " + t.against if t.against else "")
    if not got:
        return [t.title, wanted, "", "not measured", ""]
    worst, case = (max if t.most else min)(got)
    reached = worst <= t.bound if t.most else worst >= t.bound
    said = "reached" if reached else "missed, wanted later" if t.later else "MISSED"
    return [t.title, wanted, num(worst), said, case]


def targets(rows):
    return [["target", "wanted", "measured", "verdict", "in the worst case"]] + \
        [verdict(rows, t) for t in cases.TARGETS
         if any(fnmatch.fnmatchcase(c, t.case) for c in rows)]


# ---- how cost grows ----

def growth_of(rows, wanted):
    """[label, figure] of what was measured"""
    _, _, key, points = wanted
    found = []
    for label, (pattern, factor) in points.items():
        for case in fnmatch.filter(rows, pattern):
            x = rows[case].get(OURS, {}).get(key)
            number = re.search(r"\d+", case)
            if x is not None:
                found.append((label.replace("%d", number.group() if number else ""),
                              num(x * factor)))
    return found


def growth(rows):
    lines = [["what", "unit", "grows"]]
    for wanted in cases.GROWTH:
        found = growth_of(rows, wanted)
        if len(found) > 1:
            lines.append([*wanted[:2], ", ".join("%s: %s" % f for f in found)])
    return lines


# ---- tables ----

def columns(names):
    """[group, stand, function of case and row to a cell]"""
    others = [s for s in names if s != KERNEL]
    cols = [("figure", s, lambda c, r, s=s: num(
        r.get(s, {}).get("value"), r.get(s, {}).get("error"))) for s in names]
    cols += [("ours to", s, lambda c, r, s=s: num(ratio(r, s)))
             for s in names if s not in (OURS, BUSY_POLL)]
    cols += [("CPU", s, lambda c, r, s=s: num(r.get(s, {}).get("cpu"))) for s in others]
    cols += [("CPU", "unit", lambda c, r: cases.unit(c)[1])]
    cols += [("calls", s, lambda c, r, s=s: num(r.get(s, {}).get("calls"))) for s in others]
    cols += [("calls", "unit", lambda c, r: cases.unit(c)[2])]
    return cols


def table(rows):
    """Columns that are not empty, and lines of cells"""
    cols = [("", "case", lambda c, r: c), ("", "unit", lambda c, r: cases.unit(c)[0])]
    cols += columns(stands_of(rows))
    full = [k for k in cols if k[1] != "unit" and any(k[2](c, r) for c, r in rows.items())]
    groups = {k[0] for k in full}
    cols = [k for k in cols if k in full or (k[1] == "unit" and k[0] in groups)]
    return cols, [[k[2](c, r) for k in cols] for c, r in rows.items()]


def blocks(rows):
    """A title and the rows of each way"""
    found = {}
    for case, row in rows.items():
        way = cases.PATHS[case.split("/")[0]] if "/" in case else "start, memory, idle"
        found.setdefault(way, {})[case] = row
    return found


def flat(rows):
    """Table with one line of heads"""
    cols, lines = table(rows)
    heads = {"figure": "", "ours to": "/ ", "CPU": "CPU: ", "calls": "calls: ", "": ""}
    return [["" if k[1] == "unit" and k[0] else heads[k[0]] + k[1] for k in cols]] + lines


def aligned(lines):
    width = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return ["  ".join(c.rjust(w) if i else c.ljust(w)
                      for i, (c, w) in enumerate(zip(line, width))).rstrip()
            for line in lines]


def text(rows):
    out = []
    for title, some in blocks(rows).items():
        out += ["", title] + aligned(flat(some))
    if len(growth(rows)) > 1:
        out += ["", "how cost grows"] + aligned(growth(rows))
    out += ["", "targets"] + aligned(targets(rows))
    return "\n".join(out)


def md_table(lines):
    lines = lines[:1] + [["---"] + ["---:"] * (len(lines[0]) - 1)] + lines[1:]
    return "\n".join("| %s |" % " | ".join(line) for line in lines)


def markdown(rows, about):
    out = ["%s, %d processors (%s), Linux %s; %s; %d rounds, %g s each; peers: %s." % (
        about["date"], about["processors"], about["model"], about["kernel"],
        about["congestion control"], about["rounds"], about["seconds"],
        about["peers"] or "none")]
    out += ["### Targets", md_table(targets(rows))]
    if len(growth(rows)) > 1:
        out += ["### How cost grows", md_table(growth(rows))]
    for title, some in blocks(rows).items():
        out += ["### " + title[0].upper() + title[1:], md_table(flat(some))]
    return "\n\n".join(out) + "\n"


def csv_of(rows):
    out = io.StringIO()
    w = csv.writer(out)
    w.writerow(["case", "stand", "figure", "unit", "least", "most", "rounds",
                "ours to this", "cpu", "cpu unit", "system calls", "calls unit",
                "p50 us", "p99 us", "rss KiB", "pss KiB", "peak KiB", "error"])
    for case, row in rows.items():
        unit = cases.unit(case)
        for s, f in row.items():
            w.writerow([case, s, f["value"], unit[0], f["min"], f["max"], f["rounds"],
                        ratio(row, s), f["cpu"], unit[1], f["calls"], unit[2],
                        f["p50"], f["p99"], f["rss"], f["pss"], f["peak"], f["error"]])
    return out.getvalue()


# ---- the page ----

STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1500px;
       padding: 0 1.5em; color: #1c2733 }
h1 { margin-bottom: .2em } h2 { margin: 1.8em 0 .5em; border-bottom: 2px solid #d7dee6 }
h3 { margin: 1.4em 0 .3em }
dl { display: grid; grid-template-columns: max-content auto; gap: 1px 1.2em; color: #455 }
dd { margin: 0 } dt { font-weight: 600 }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr));
         gap: 14px }
.plots svg { width: 100%; height: auto; border: 1px solid #e3e8ee; border-radius: 6px }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { border-bottom: 1px solid #e3e8ee; padding: 3px 9px; text-align: right;
         white-space: nowrap }
th:first-child, td:first-child { text-align: left }
thead th { background: #f2f5f8; vertical-align: bottom } tbody tr:hover { background: #eef4fb }
th.first, td.first { border-left: 2px solid #d7dee6 }
.text td, .text th { text-align: left }
small { color: #7a8794; margin-left: .4em }
.yes { color: #0a7a33; font-weight: 600 } .no { color: #c01c28; font-weight: 600 }
.later { color: #9a6700 } .ours { background: #f0f7ff }
"""


def esc(x):
    return markup.escape(str(x))


def html_targets(rows):
    lines = targets(rows)
    kinds = {"reached": "yes", "MISSED": "no"}
    out = ["<table><thead><tr>%s</tr></thead><tbody>" %
           "".join("<th>%s</th>" % esc(c) for c in lines[0])]
    for line in lines[1:]:
        cells = ["<td>%s</td>" % esc(c) for c in line]
        cells[3] = '<td class="%s">%s</td>' % (kinds.get(line[3], "later"), esc(line[3]))
        out.append("<tr>%s</tr>" % "".join(cells))
    return "\n".join(out) + "</tbody></table>"


def html_plain(lines):
    """A table whose cells are text"""
    rows = ["".join("<td>%s</td>" % esc(c) for c in line) for line in lines[1:]]
    return '<table class="text"><thead><tr>%s</tr></thead><tbody>%s</tbody></table>' % (
        "".join("<th>%s</th>" % esc(c) for c in lines[0]),
        "".join("<tr>%s</tr>" % r for r in rows))


def html_heads(cols):
    """Two lines of heads; a group is as wide as it has columns"""
    top, names = [], {"": "", "figure": "figure", "ours to": "ours relative to",
                      "CPU": "CPU of the program", "calls": "system calls"}
    for group in dict.fromkeys(k[0] for k in cols):
        top.append('<th colspan="%d"%s>%s</th>' % (
            sum(k[0] == group for k in cols), ' class="first"' if group else "",
            names[group]))
    low = "".join("<th%s>%s</th>" % (classes(cols, i), esc("" if k[1] == "unit" else k[1]))
                  for i, k in enumerate(cols))
    return "<thead><tr>%s</tr><tr>%s</tr></thead>" % ("".join(top), low)


def classes(cols, i):
    names = ["first"] if i and cols[i][0] != cols[i - 1][0] else []
    names += ["ours"] if cols[i][0] == "figure" and cols[i][1] == OURS else []
    return ' class="%s"' % " ".join(names) if names else ""


def html_table(rows):
    cols, lines = table(rows)
    out = ['<div class="wide"><table>', html_heads(cols), "<tbody>"]
    for (case, row), line in zip(rows.items(), lines):
        cells = []
        for i, (k, cell) in enumerate(zip(cols, line)):
            f = row.get(k[1], {})
            small = spread(f) if k[0] == "figure" else ""
            cells.append("<td%s>%s%s</td>" % (
                classes(cols, i), esc(cell), "<small>%s</small>" % small if small else ""))
        out.append("<tr>%s</tr>" % "".join(cells))
    return "\n".join(out) + "</tbody></table></div>"


def html(rows, about):
    facts = "".join("<dt>%s</dt><dd>%s</dd>" % (esc(k), esc(v)) for k, v in about.items())
    failed = "".join("<li>%s, %s: %s</li>" % tuple(map(esc, e)) for e in errors(rows))
    tables = "".join("<h3>%s</h3>%s" % (esc(title), html_table(some))
                     for title, some in blocks(rows).items())
    return """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><title>passt and pasta: benchmark</title>
<style>%s</style>
<h1>passt and pasta: benchmark</h1>
<dl>%s</dl>
<p>%s</p>
<h2>Targets</h2>
%s
<h2>How cost grows</h2>
%s
<h2>Plots</h2>
<div class="plots">%s</div>
<h2>All figures</h2>
%s
%s</html>
""" % (STYLE, facts, esc(LEGEND), html_targets(rows), html_plain(growth(rows)),
       "\n".join(plots.all_of(rows, stands_of)), tables,
       "<h2>What failed</h2><ul>%s</ul>" % failed if failed else "")
