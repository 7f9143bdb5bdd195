# SPDX-License-Identifier: GPL-2.0-or-later
"""A flame graph of the whole machine, by perf(1), drawn as SVG

Width is time, what calls is below what is called. The lowest row is the program. What
can't be seen (paranoid kernels) is said, and left out.
"""

import html
import os
import re
import subprocess
import sys
from itertools import zip_longest

WIDTH, ROW, LEAST = 1400, 17, 0.0005


class Recorder:
    def __init__(self, tmp, seconds):
        self.data, self.seconds, self.process = os.path.join(tmp, "perf"), seconds, None

    def begin(self):
        base = ["perf", "record", "-q", "-a", "-g", "-F", "997", "-o", self.data]
        for event in ("cycles", "cpu-clock"):
            try:
                self.process = subprocess.Popen(
                    [*base, "-e", event, "--", "sleep", str(self.seconds)],
                    stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                self.process.wait(0.5)
            except subprocess.TimeoutExpired:
                return
            except FileNotFoundError:
                break
        said = self.process.stderr.read().strip() if self.process else "not installed"
        print("perf: " + said[:300], file=sys.stderr)
        self.process = None

    def write(self, out, title):
        if not self.process:
            return False
        self.process.wait()
        script = subprocess.run(
            ["perf", "script", "-i", self.data, "-F", "comm,period,ip,sym"],
            capture_output=True, text=True, errors="replace").stdout
        tree, total = fold(script)
        if not total:
            return False
        with open(out, "w") as f:
            f.write(draw(tree, total, title))
        hot(script)
        return True


def samples(script):
    """(period, [program, outermost, ..., innermost]) of each sample"""
    for block in script.split("\n\n"):
        lines = block.strip("\n").split("\n")
        head = re.match(r"\s*(.*?)\s+(\d+)\s*:?\s*$", lines[0])
        if not head or len(lines) < 2:
            continue
        stack = [re.sub(r"\+0x[0-9a-f]+$", "", line.split(None, 1)[-1].strip())
                 for line in lines[:0:-1]]
        yield int(head.group(2)), [head.group(1)] + stack


def fold(script):
    """Tree of {name: [time, subtree]}; the idle processor is left out"""
    tree, total = {}, 0
    for period, stack in samples(script):
        if stack[0].startswith("swapper"):
            continue
        total += period
        at = tree
        for name in stack:
            node = at.setdefault(name, [0, {}])
            node[0] += period
            at = node[1]
    return tree, total


def of_call(stack):
    """The system call that a stack is in"""
    if "do_syscall_64" not in stack:
        return "(none)"
    for name in stack[stack.index("do_syscall_64") + 1:]:
        if name != "x64_sys_call":
            return re.sub(r"^(__x64_sys_|ksys_|__sys_|___sys_|do_)", "", name)
    return "do_syscall_64"


def hot(script):
    """Where programs spend their time: below which system call, and in which function"""
    per, below, itself = {}, {}, {}
    for period, stack in samples(script):
        prog = stack[0]
        per[prog] = per.get(prog, 0) + period
        for table, key in (below, of_call(stack)), (itself, stack[-1]):
            table.setdefault(prog, {})
            table[prog][key] = table[prog].get(key, 0) + period
    total = sum(per.values())
    for prog in sorted(per, key=per.get, reverse=True)[:4]:
        print("%5.1f %% of the machine: %s" % (100 * per[prog] / total, prog))
        rows = [sorted(t[prog].items(), key=lambda x: -x[1])[:14] for t in (below, itself)]
        for a, b in zip_longest(*rows, fillvalue=("", 0)):
            print("    %-42s %s" % tuple(
                "%5.1f %%  %s" % (100 * n / per[prog], k) if n else "" for k, n in (a, b)))


def depth_of(tree):
    return 1 + max((depth_of(sub) for _, sub in tree.values()), default=-1) if tree else 0


def colour(name):
    h = sum(name.encode()) * 7
    return "rgb(%d,%d,%d)" % (205 + h % 50, 90 + h // 3 % 120, 40 + h // 7 % 40)


def boxes(tree, total, x, level, height):
    for name, (time, sub) in sorted(tree.items()):
        w = time / total
        if w >= LEAST:
            n = html.escape(name)
            px, pw, y = x * WIDTH, w * WIDTH, height - (level + 2) * ROW
            yield ('<g><title>%s: %.2f %%</title><rect x="%.1f" y="%d" width="%.1f" '
                   'height="%d" fill="%s"/>' % (
                       n, 100 * w, px, y, pw, ROW - 1, colour(name)))
            if pw > 30:
                yield '<text x="%.1f" y="%d">%s</text>' % (
                    px + 2, y + 12, html.escape(name[:int(pw / 6.6)]))
            yield "</g>"
            yield from boxes(sub, total, x, level + 1, height)
        x += w


def draw(tree, total, title):
    height = (depth_of(tree) + 4) * ROW
    return ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'font-family="monospace" font-size="11"><rect width="100%%" height="100%%" '
            'fill="white"/><text x="8" y="18" font-size="14">%s, all programs, '
            'idle time left out</text>\n%s\n</svg>\n' % (
                WIDTH, height, html.escape(title),
                "\n".join(boxes(tree, total, 0, 0, height))))
