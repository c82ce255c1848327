#!/usr/bin/python3
"""Where the time of a command goes, per thread: profile.py COMMAND…

hikae names its threads after its stages. Their processor time is read from /proc while the command runs, often enough
that little of it is missed; the table says how much each stage used, and which share of one core that was.
"""

import os
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")


def threads(pid):
    for tid in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/stat" % (pid, tid), encoding="utf-8", errors="replace") as file:
                text = file.read()
        except OSError:
            continue
        name, rest = text[text.index("(") + 1 : text.rindex(")")], text[text.rindex(")") + 2 :].split()
        yield tid, name, int(rest[11]) / TICK, int(rest[12]) / TICK


def main():
    start = time.monotonic()
    process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
    seen = {}
    while process.poll() is None:
        try:
            for tid, name, user, system in threads(process.pid):
                seen[tid] = (name, user, system)
        except OSError:
            break
        time.sleep(0.01)
    wall = time.monotonic() - start
    total = {}
    for name, user, system in seen.values():
        known = total.setdefault(name, [0.0, 0.0])
        known[0] += user
        known[1] += system
    print("%-16s %8s %8s %7s" % ("stage", "user s", "system s", "core"))
    for name, (user, system) in sorted(total.items(), key=lambda item: -sum(item[1])):
        print("%-16s %8.2f %8.2f %6.0f%%" % (name, user, system, 100 * (user + system) / wall))
    print("%-16s %8.2f s of wall time" % ("in all", wall))
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
