#!/usr/bin/python3
"""A nightly run over many small tenants, nothing changed, beside one restic run a tenant.

    bench/nightly.py [--tenants 1000] [--restic 50] [--idle 10000] [--dir build/bench-nightly] [--results FILE]

Prints a page, and ends with 1 if a figure misses what is required: wall time at most 0.03 of as many restic runs
(measured on some of them), at most 256 MiB, and tenants that are not due found within a second per 10,000.
"""
import argparse
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import time

HIKAE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "hikae")


def timed(argv, env):
    """Wall seconds and peak KiB of a command; what it says goes to stderr if it fails."""
    began = time.monotonic()
    process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate()
    wall = time.monotonic() - began
    if process.returncode != 0:
        sys.exit("%s: exit %d\n%s" % (" ".join(argv), process.returncode, err.decode()[-2000:]))
    return wall, out


def peak_of(argv, env):
    """The same with the peak of this command alone, which only a child of its own can tell."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read)
        wall, out = timed(argv, env)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        done = len(json.loads(out)["done"]) if b'"done"' in out else 0
        os.write(write, json.dumps([wall, peak, done]).encode())
        os._exit(0)
    os.close(write)
    text = os.read(read, 4096)
    os.waitpid(pid, 0)
    if not text:
        sys.exit("the measurement failed")
    return json.loads(text)


def make_sources(folder, tenants, files):
    random.seed(1)
    for i in range(tenants):
        path = "%s/%05d" % (folder, i)
        os.makedirs(path)
        for k in range(files):
            with open("%s/file-%02d" % (path, k), "wb") as out:
                out.write(random.randbytes(random.randint(200, 6000)))


def environment(folder):
    env = dict(os.environ, HIKAE_NOW="2026-11-20T02:00:00Z", HIKAE_CONFIG=folder + "/h/hikae.yaml", NO_COLOR="1")
    env.pop("NOTIFY_SOCKET", None)
    return env


def make_store(folder, tenants, sources):
    env = environment(folder)
    timed([HIKAE, "init", "--dir", folder + "/h", "--test-clock", "--target", "one=file://%s/one" % folder], env)
    with open(folder + "/tenants.json", "w") as out:
        json.dump([{"name": "t%05d" % i, "sources": [{"name": "data", "spec": "dir:%s/%05d" % (sources, i)}]}
                   for i in range(tenants)], out)
    timed([HIKAE, "tenant", "load", folder + "/tenants.json", "--per-night", "0"], env)
    return env


def prepare_hikae(folder, tenants, sources):
    timed([HIKAE, "run"], make_store(folder + "/hikae", tenants, sources))  # the trials


def measure_hikae(folder, tenants):
    env = environment(folder + "/hikae")
    nights = []
    for day in (21, 22, 23):
        env["HIKAE_NOW"] = "2026-11-%dT02:00:00Z" % day
        wall, peak, done = peak_of([HIKAE, "--json", "run"], env)
        if done < tenants:
            sys.exit("only %d of %d tenants were backed up" % (done, tenants))
        nights.append((wall, peak))
    return sorted(n[0] for n in nights)[1], max(n[1] for n in nights)


def prepare_idle(folder, tenants):
    """Tenants whose first backup waits for a later day: nothing is due."""
    os.makedirs(folder + "/idle")
    env = make_store(folder + "/idle", 1, folder)
    with open(folder + "/idle/many.json", "w") as out:
        json.dump([{"name": "x", "sources": [{"name": "data", "spec": "dir:/nonexistent"}]}] +
                  [{"name": "i%05d" % i, "sources": [{"name": "data", "spec": "dir:/nonexistent"}]}
                   for i in range(tenants)], out)
    timed([HIKAE, "tenant", "load", folder + "/idle/many.json", "--per-night", "1"], env)
    for name in ("t00000", "x", "i00000"):
        timed([HIKAE, "tenant", "suspend", name], env)
    timed([HIKAE, "run"], env)  # what is due weekly, of those three


def measure_idle(folder):
    walls = []
    for _ in range(3):
        wall, _, done = peak_of([HIKAE, "--json", "run"], environment(folder + "/idle"))
        if done:
            sys.exit("%d jobs were due" % done)
        walls.append(wall)
    return sorted(walls)[1]


def restic_of(folder, number):
    return dict(os.environ, RESTIC_PASSWORD="x", RESTIC_CACHE_DIR=folder + "/cache",
                RESTIC_REPOSITORY="%s/restic/%05d" % (folder, number))


def prepare_restic(folder, runs, sources):
    for i in range(runs):
        timed(["restic", "-q", "init"], restic_of(folder, i))
        timed(["restic", "-q", "backup", "%s/%05d" % (sources, i)], restic_of(folder, i))


def measure_restic(folder, runs, sources):
    return sum(timed(["restic", "-q", "backup", "%s/%05d" % (sources, i)], restic_of(folder, i))[0]
               for i in range(runs)) / runs


def prepare(folder, options):
    shutil.rmtree(folder, ignore_errors=True)
    make_sources(folder + "/src", options.tenants, options.files)
    prepare_restic(folder, options.restic, folder + "/src")
    prepare_hikae(folder, options.tenants, folder + "/src")
    prepare_idle(folder, options.idle)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--files", type=int, default=50)
    parser.add_argument("--restic", type=int, default=50)
    parser.add_argument("--idle", type=int, default=10000)
    parser.add_argument("--dir", default="build/bench-nightly")
    parser.add_argument("--results")
    parser.add_argument("--only", choices=("prepare", "measure"),
                        help="half of it, so that what is measured can be done in a quiet moment; measure once only")
    options = parser.parse_args()
    folder = os.path.abspath(options.dir)
    if options.only != "measure":
        prepare(folder, options)
    if options.only == "prepare":
        return
    restic = measure_restic(folder, options.restic, folder + "/src")
    wall, peak = measure_hikae(folder, options.tenants)
    idle = measure_idle(folder)
    ratio = wall / (restic * options.tenants)
    verdicts = [("of %d restic runs" % options.tenants, "%.4f" % ratio, "0.03", ratio <= 0.03),
                ("peak MiB", "%.0f" % (peak / 1024), "256", peak <= 256 * 1024),
                ("s for %d tenants that are not due" % options.idle, "%.2f" % idle, "%.2f" % (options.idle / 1e4),
                 idle <= options.idle / 1e4)]
    page = "# Nightly run: %d tenants of %d files, nothing changed\n\n" % (options.tenants, options.files)
    page += "hikae %.2f s in one process (%.1f ms a tenant); restic %.0f ms a tenant (mean of %d).\n\n" % (
        wall, 1000 * wall / options.tenants, 1000 * restic, options.restic)
    page += "| figure | measured | at most | |\n| --- | ---: | ---: | --- |\n"
    for name, measured, most, good in verdicts:
        page += "| %s | %s | %s | %s |\n" % (name, measured, most, "met" if good else "**missed**")
    print(page)
    if options.results:
        with open(options.results, "w") as out:
            out.write(page)
    shutil.rmtree(folder, ignore_errors=True)
    return 0 if all(v[3] for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
