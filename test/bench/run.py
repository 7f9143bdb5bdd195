# SPDX-License-Identifier: GPL-2.0-or-later
"""Benchmark: this build beside the kernel alone and whatever peers there are

    run.py [--quick] [--rounds N] [--seconds S] [--limit S] [--cc NAME] [--out DIR]
           [--peer PROGRAM]... [--case PATTERN]... [--no-calls] --tools DIR...
    run.py --profile CASE [--stand NAME] ...

Measures in namespaces of its own, without privilege (inside.py); prints a table, and
writes bench.csv, .json, .md (for doc/performance.md) and .html to DIR. A PATTERN is that of a shell, on
the names of cases.py, or start, memory, instances. With --profile, one case: a flame
graph of the whole machine, profile.svg, and the system calls of the daemon.
"""

import argparse
import fnmatch
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time

import cases
import flame
import page

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ("pasta", "passt", "slirp4netns", "qemu-system-x86_64")
EXTRA = {False: {"startup": 20, "memory": 10000, "instances": 100},
         True: {"startup": 10, "memory": 1000}}


def arguments():
    a = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    a.add_argument("--tools", action="append", required=True,
                   help="where pasta, passt, rig and shuttle are")
    a.add_argument("--quick", action="store_true", help="less than three minutes")
    a.add_argument("--rounds", type=int)
    a.add_argument("--seconds", type=float)
    a.add_argument("--limit", type=int, help="start no case after that many seconds")
    a.add_argument("--cc", default="cubic", help="congestion control everywhere")
    a.add_argument("--out", default=".")
    a.add_argument("--peer", action="append", default=[])
    a.add_argument("--case", action="append", default=[])
    a.add_argument("--stand", default="ours")
    a.add_argument("--profile", metavar="CASE")
    a.add_argument("--no-calls", action="store_true")
    return a.parse_args()


def version_of(program):
    try:
        said = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=5).stdout
        return next((w for w in said.split() if w[0].isdigit()), "")
    except (OSError, subprocess.TimeoutExpired, IndexError):
        return ""


def find(tool, dirs):
    for d in dirs:
        if os.path.exists(os.path.join(d, tool)):
            return os.path.join(d, tool)
    sys.exit("%s: not in %s" % (tool, ", ".join(dirs)))


def find_peers(wanted, tools):
    """[name to show, path] of each; a name may be given, or a path"""
    peers = []
    for p in wanted or PEERS:
        path = shutil.which(p)
        if not path:
            if wanted:
                sys.exit("%s: no such program" % p)
            continue
        path = os.path.abspath(path)
        if not any(os.path.samefile(path, find(t, tools)) for t in ("pasta", "passt")):
            name, n = os.path.basename(p), 1
            while name in [x[0] for x in peers]:
                n += 1
                name = "%s (%d)" % (os.path.basename(p), n)
            peers.append([name, path])
    return peers


def is_wanted(name, patterns):
    return not patterns or any(fnmatch.fnmatchcase(name, p) for p in patterns)


def job_of(args, tools):
    chosen = cases.quick() if args.quick and not args.case else cases.full()
    todo = [c for c in chosen if is_wanted(cases.name(c), args.case)]
    extra = {k: v for k, v in EXTRA[args.quick].items() if is_wanted(k, args.case)}
    if args.profile:
        todo = [c for c in cases.full() if cases.name(c) == args.profile]
        extra = {}
        if not todo:
            sys.exit("no case %s; they are named like out/tcp1-up/65520/v4, "
                     "see test/bench/cases.py" % args.profile)
    helps = subprocess.run([find("pasta", args.tools), "--help"],
                           capture_output=True, text=True, check=False).stdout
    quick = args.quick
    return {
        "tools": tools, "cc": args.cc, "cases": todo, "extra": extra,
        "peers": find_peers(args.peer, args.tools) if not args.profile else [],
        "seconds": args.seconds or (10 if args.profile else 0.5 if quick else 2),
        "rounds": args.rounds or (2 if quick else 3),
        "limit": args.limit or (130 if quick else 4 * 3600),
        "busy": "--busy-poll" in helps, "calls": not args.no_calls,
        "only": [args.stand] if args.profile else [], "profile": bool(args.profile),
    }


def lay_out(dirs):
    """A directory that every user can read, with all that runs inside"""
    tmp = tempfile.mkdtemp()
    os.chmod(tmp, 0o755)
    for f in ("inside.py", "stands.py", "cases.py"):
        shutil.copy(os.path.join(HERE, f), tmp)
    tools = {}
    for t in ("pasta", "passt", "rig", "shuttle"):
        tools[t] = shutil.copy(find(t, dirs), tmp)
    subprocess.run(["chmod", "-R", "a+rX", tmp], check=True)
    return tmp, tools


def machine():
    model = ""
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    return {"kernel": platform.release(), "processors": os.cpu_count(), "model": model,
            "date": time.strftime("%Y-%m-%d %H:%M"), "load": os.getloadavg()[0]}


def measure(job, tmp, on_line):
    p = subprocess.Popen([os.path.join(HERE, "../sandbox"), "/usr/bin/env", "python3",
                          "-B", os.path.join(tmp, "inside.py")],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    json.dump(job, p.stdin)
    p.stdin.close()
    for line in p.stdout:
        try:
            on_line(json.loads(line))
        except ValueError:
            print(line, end="", file=sys.stderr)	# of the sandbox
    return p.wait()


def show(line):
    what = line.get("error") or ("%.4g" % line["value"] if "value" in line else
                                 "%.1f system calls" % line["calls"])
    print("%-28s %-24s %s" % (line.get("case", ""), line.get("stand", ""), what),
          file=sys.stderr)


def bench(args, job, tmp):
    results, begin = [], machine()

    def on_line(line):
        results.append(line)
        show(line)
    rc = measure(job, tmp, on_line)
    about = {**begin, "load at the end": os.getloadavg()[0],
             "version": version_of(find("pasta", args.tools)),
             "congestion control": job["cc"],
             "seconds": job["seconds"], "rounds": job["rounds"],
             "peers": ", ".join("%s %s" % (n, version_of(p)) for n, p in job["peers"])}
    rows = page.summary(results)
    print(page.text(rows))
    os.makedirs(args.out, exist_ok=True)
    for name, content in (("csv", page.csv_of(rows)), ("html", page.html(rows, about)),
                          ("md", page.markdown(rows)),
                          ("json", json.dumps({"about": about, "results": results},
                                              indent=1))):
        with open(os.path.join(args.out, "bench." + name), "w") as f:
            f.write(content)
    print("written to %s: bench.csv, .json, .md, .html" % args.out)
    return rc


def profile(args, job, tmp):
    os.makedirs(args.out, exist_ok=True)
    recorder = flame.Recorder(tmp, job["seconds"] - 1)

    def on_line(line):
        if line.get("profile") == "begin":
            recorder.begin()
        elif "table" in line:
            per = cases.unit(args.profile.split("/")[1])[2]
            print("system calls of the daemon, %s:" % per)
            for name, n in sorted(line["table"].items(), key=lambda x: -x[1]):
                print("  %8.3f  %s" % (n, name))
            print("  %8.3f  in all" % line["calls"])
        else:
            show(line)
    rc = measure(job, tmp, on_line)
    out = os.path.join(args.out, "profile.svg")
    if rc == 0 and recorder.write(out, args.profile):
        print("written to " + out)
    return rc


def main():
    args = arguments()
    tmp, tools = lay_out(args.tools)
    try:
        job = job_of(args, tools)
        return (profile if args.profile else bench)(args, job, tmp)
    finally:
        shutil.rmtree(tmp)


sys.exit(main())
