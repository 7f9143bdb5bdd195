# SPDX-License-Identifier: GPL-2.0-or-later
"""Benchmark: this build beside the kernel alone and whatever peers there are

    run.py [--quick] [--rounds N] [--seconds S] [--limit S] [--cc NAME] [--out DIR]
           [--peer PROGRAM]... [--case PATTERN]... [--no-calls] [--estimate]
           --tools DIR...
    run.py --profile CASE [--stand NAME] ...

Measures in namespaces of its own, without privilege (inside.py); prints a table, and
writes bench.csv, .json, .md (for doc/performance.md) and .html to DIR. A PATTERN is that
of a shell, on the names of cases.py, or startup, memory, instances. With --profile, one
case: a flame graph of the whole machine, profile.svg, and the system calls of the daemon.
With --estimate, only how long it takes. What is not there is left out, and said.
"""

import argparse
import fnmatch
import json
import os
import platform
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import cases
import flame
import page
import stands

HERE = os.path.dirname(os.path.abspath(__file__))
PEERS = ("pasta", "passt", "slirp4netns", "qemu-system-x86_64")
EXTRA = {False: {"startup": 20, "memory": 10000, "instances": 100},
         True: {"startup": 9, "memory": 10000}}
EXTRA_SECONDS = {"startup": 0.1, "memory": 10, "instances": 8}     # for each program
QUICK = 345             # seconds: as many rounds as go into it


def arguments():
    a = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    a.add_argument("--tools", action="append", required=True,
                   help="where pasta, passt, rig and shuttle are")
    a.add_argument("--quick", action="store_true", help="about five minutes")
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
    a.add_argument("--estimate", action="store_true")
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


def missing(what, why):
    print("left out: %s (%s)" % (what, why), file=sys.stderr)


def find_peers(wanted, tools):
    """[name to show, path] of each; a name may be given, or a path"""
    peers = []
    ours = [find(t, tools) for t in ("pasta", "passt")]
    for p in wanted or PEERS:
        path = shutil.which(p)
        if not path:
            missing(p, "no such program")
            continue
        path = os.path.abspath(path)
        if any(os.path.samefile(path, t) for t in ours):
            missing(p, "this build")
        elif not stands.kind_of(path):
            missing(p, "not known by that name")
        else:
            base = re.sub("^qemu-system.*", "qemu", os.path.basename(p))
            same = sum(x[0].split(" (")[0] == base for x in peers)
            peers.append(["%s (%d)" % (base, same + 1) if same else base, path])
    return peers


def is_wanted(name, patterns):
    return not patterns or any(fnmatch.fnmatchcase(name, p) for p in patterns)


def most_flows():
    """That programs with two descriptors for each may have"""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return (files // 2 - 400) // 100 * 100 if files > 0 else sys.maxsize


def chosen_of(args):
    """Cases, and what else is measured"""
    if args.profile:
        todo = [c for c in cases.full() if cases.name(c) == args.profile]
        if not todo:
            sys.exit("no case %s; they are named like out/tcp1-up/65520/v4, "
                     "see test/bench/cases.py" % args.profile)
        return todo, {}
    todo = cases.quick() if args.quick and not args.case else cases.full()
    todo = [c for c in todo if is_wanted(cases.name(c), args.case)]
    extra = {k: v for k, v in EXTRA[args.quick].items() if is_wanted(k, args.case)}
    if "memory" in extra:
        extra["memory"] = min(extra["memory"], most_flows())
    if not shutil.which("iperf3") and any(cases.is_stream(c.kind) for c in todo):
        missing("TCP streams", "iperf3 is not installed")
        todo = [c for c in todo if not cases.is_stream(c.kind)]
    if not todo and not extra:
        sys.exit("no case matches; they are named like out/tcp1-up/65520/v4, "
                 "see test/bench/cases.py")
    return todo, extra


def job_of(args, tools):
    todo, extra = chosen_of(args)
    helps = subprocess.run([find("pasta", args.tools), "--help"],
                           capture_output=True, text=True, check=False).stdout
    quick, calls = args.quick, not args.no_calls
    if calls and not shutil.which("strace"):
        missing("system calls", "strace is not installed")
        calls = False
    job = {
        "tools": tools, "cc": args.cc, "cases": todo, "extra": extra,
        "peers": find_peers(args.peer, args.tools) if not args.profile else [],
        "seconds": args.seconds or (10 if args.profile else 0.6 if quick else 2),
        "rounds": args.rounds or (1 if args.profile else 3),
        "limit": args.limit or (QUICK + 15 if quick else 6 * 3600),
        "busy": "--busy-poll" in helps, "calls": calls,
        "only": [args.stand] if args.profile else [], "profile": bool(args.profile),
        "quick": quick,
    }
    while quick and not args.rounds and job["rounds"] > 1 and estimate(job) > QUICK:
        job["rounds"] -= 1
    return job


def stands_at(job, path):
    """How many programs are measured there, beside the kernel"""
    kinds = [stands.kind_of(p) for _, p in job["peers"]]
    frames = path.startswith("passt")
    return 1 + sum(issubclass(k, stands.Frames) == frames and
                   (not path.startswith("splice") or k is stands.Pasta) for k in kinds)


def estimate(job):
    """Seconds that all of it takes, about"""
    total = 0
    for c in job["cases"]:
        n, t = stands_at(job, c.path), cases.seconds(c.kind, job["seconds"])
        busy = job["busy"] and c.kind in cases.BUSY and not c.path.startswith("passt")
        total += job["rounds"] * (n + 1 + busy) * t
        if job["calls"]:
            total += (n + busy) * (cases.seconds(c.kind, min(1, job["seconds"])) + 0.1)
    for group in {(c.path, c.mtu, c.ver) for c in job["cases"]}:
        total += 0.5 * (stands_at(job, group[0]) + 1)
    for what, n in job["extra"].items():
        programs = stands_at(job, "out")
        if what == "memory":
            programs = 2.5 if job["quick"] else programs + 1 + stands_at(job, "passt-out")
        total += EXTRA_SECONDS[what] * programs * (n if what == "startup" else 1)
    return total


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
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                         start_new_session=True)
    try:
        json.dump(job, p.stdin)
        p.stdin.close()
        for line in p.stdout:
            try:
                on_line(json.loads(line))
            except ValueError:
                print(line, end="", file=sys.stderr)    # of the sandbox
        return p.wait()
    finally:
        if p.poll() is None:
            os.killpg(p.pid, signal.SIGTERM)
            p.wait()


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
             "kernel alone": "a pair of veth devices; the host's loopback",
             "seconds": job["seconds"], "rounds": job["rounds"],
             "peers": ", ".join("%s %s" % (n, version_of(p)) for n, p in job["peers"])}
    rows = page.summary(results)
    print(page.text(rows))
    for e in page.errors(rows):
        print("failed: %s, %s: %s" % e)
    os.makedirs(args.out, exist_ok=True)
    for name, content in (("csv", page.csv_of(rows)), ("html", page.html(rows, about)),
                          ("md", page.markdown(rows, about)),
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
            per = cases.unit(args.profile)[2]
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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    tmp, tools = lay_out(args.tools)
    try:
        job = job_of(args, tools)
        print("%d cases, %d rounds: about %.1f minutes" % (
            len(job["cases"]), job["rounds"], estimate(job) / 60), file=sys.stderr)
        if args.estimate:
            return 0
        return (profile if args.profile else bench)(args, job, tmp)
    finally:
        shutil.rmtree(tmp)


sys.exit(main())
