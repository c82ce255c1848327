#!/usr/bin/python3
"""Measures hikae, restic and Borg on the same data in one run and writes the figures as JSON and as a page.

Called by run.sh. Each scenario runs one tool after the other on the same state of the data, then the data is changed
and the next scenario runs. Wall time is measured here; processor time and peak memory come from /usr/bin/time, whose
own memory is too small to blur them. Nothing drops the page cache: all figures are of warm data. Restores go into
folders of their own, which stay until the end (see Bench.settle).
"""

import argparse
import contextlib
import datetime
import glob
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from tools import TOOLS, folder_bytes

HERE = os.path.dirname(os.path.abspath(__file__))
MIB = 1 << 20

# What hikae is to reach: (scenario, figure, tool, compared with, at most this ratio).
REQUIRED = [
    ("tree first", "wall_s", "hikae", "restic", 0.40),
    ("tree first", "wall_s", "hikae_unverified", "restic", 0.33),
    ("tree first", "wall_s", "hikae_unverified", "tar", 1.00),
    ("tree first", "stored", "hikae", "restic", 0.87),
    ("tree unchanged", "wall_s", "hikae", "restic", 0.12),
    ("tree 1 % changed", "wall_s", "hikae", "restic", 0.15),
    ("tree restore", "wall_s", "hikae", "restic", 0.50),
    ("tree check", "wall_s", "hikae", "restic", 0.50),
    ("image first", "wall_s", "hikae", "restic", 0.45),
    ("image pages", "wall_s", "hikae", "restic", 0.30),
    ("image pages", "new", "hikae", "restic", 0.20),
    ("tree touched", "metadata", "hikae", "restic", 1.00),
    ("tree 1 % changed", "metadata", "hikae", "restic", 1.00),
    ("tree folder renamed", "metadata", "hikae", "restic", 1.00),
]
LIMITS = [("tree ls", "wall_s", 0.15), ("tree cat", "wall_s", 0.15)]
PEAK_MIB = 256
# For so long after their deletion ext4 passes inodes over when it looks for a free one (fs/ext4/ialloc.c: 60 s, and
# 300 more while their block is dirty). Whoever makes 160,000 files meanwhile searches among those that were deleted.
SETTLED_S = 360
PEAK_GROWTH = 1.20  # peak memory at 1,000,000 files against that at 100,000


class Bench:
    """The figures of all runs: figures[scenario][tool] is a list with one dictionary for each run."""

    def __init__(self, folder, tools):
        self.folder, self.tools, self.figures, self.changes = folder, tools, {}, {}
        self.own = set()  # data that this call has changed
        self.restored = []  # folders that are not deleted yet
        self.deleted_at = None

    def record(self, scenario, tool, figure):
        self.figures.setdefault(scenario, {}).setdefault(tool.name, []).append(figure)
        shown = ", ".join("%s %s" % (key, round(value, 2)) for key, value in figure.items())
        print(
            "%s %-20s %-16s %s" % (time.strftime("%H:%M:%S"), scenario, tool.name, shown), file=sys.stderr, flush=True
        )

    def measure(self, tool, argv, directory=None, output=None):
        """Runs one command to its end and returns its wall time, processor time and peak memory."""
        os.sync()
        with tempfile.NamedTemporaryFile("r") as usage:
            timed = ["/usr/bin/time", "-q", "-o", usage.name, "-f", "%U %S %M", *argv]
            start = time.perf_counter()
            subprocess.run(timed, env=tool.environment, cwd=directory, check=True, stdout=output or subprocess.DEVNULL)
            wall = time.perf_counter() - start
            user, system, peak = usage.read().split()
        return {"wall_s": wall, "cpu_s": float(user) + float(system), "peak_mib": int(peak) / 1024}

    @staticmethod
    def warm(path):
        """Reads a source once, so that the first tool does not pay for a cold cache."""
        subprocess.run("tar cf - '%s' 2>/dev/null | cat >/dev/null" % path, shell=True, check=False)

    def backup(self, scenario, tools):
        for tool in tools:
            before = tool.sizes()
            argv, directory = tool.backup()
            figure = self.measure(tool, argv, directory)
            after = tool.sizes()
            figure["new"] = sum(size for name, size in after.items() if before.get(name) != size)
            figure["stored"] = sum(after.values())
            figure.update(tool.metadata(before) or {})
            self.record(scenario, tool, figure)

    def change(self, verb, path, seed, *more):
        """Changes the data by one step of make_data.py; three seconds later no tool sees times as too fresh."""
        argv = [sys.executable, os.path.join(HERE, "make_data.py"), verb, path, "--seed", str(seed), *more]
        self.own.add(path)
        with contextlib.suppress(FileNotFoundError):
            os.remove(path + ".json")
        self.changes[verb] = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
        self.warm(path)
        time.sleep(3)

    def make(self, verb, path, *more):
        """
        Makes data once; an unfinished piece from an interrupted call is made again, and what an earlier call changed:
        the same changes once more would change nothing.
        """
        note = path + ".json"
        if path in self.own:
            return path
        if not os.path.exists(note):
            shutil.rmtree(path, ignore_errors=True)
            argv = [sys.executable, os.path.join(HERE, "make_data.py"), verb, path, *more]
            made = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
            with open(note, "w", encoding="utf-8") as file:
                file.write(made)
        with open(note, encoding="utf-8") as file:
            self.changes[os.path.basename(path)] = json.load(file)
        return path

    def bind(self, source, names):
        """Fresh repositories of the named tools for one source."""
        tools = [TOOLS[name](os.path.join(self.folder, "store-" + name), source) for name in names]
        for tool in tools:
            tool.prepare()
        return tools

    def release(self, tools):
        for tool in tools:
            shutil.rmtree(tool.folder)

    def tree(self, seed):
        tree = self.make("tree", os.path.join(self.folder, "tree"))
        tools = self.bind(tree, self.tools)
        self.warm(tree)
        self.backup("tree first", tools)
        again = [tool for tool in tools if tool.name not in ("tar", "hikae_unverified")]
        self.backup("tree unchanged", again)
        for verb, scenario in (
            ("touch", "tree touched"),
            ("change", "tree 1 % changed"),
            ("rename", "tree folder renamed"),
        ):
            self.change(verb, tree, seed)
            self.backup(scenario, again)
        # In turns the one and the other way round: what the first leaves to the next must not favour one of them.
        for tool in again if seed % 2 == 1 else reversed(again):
            self.restore(tool, tree, seed)
            self.record("tree check", tool, self.measure(tool, *tool.check()))
            self.look(tool, tree)
        self.release(tools)

    def delete_restored(self):
        """Deletes what restores left; the next one waits until that cannot be felt any more."""
        for folder in self.restored:
            shutil.rmtree(folder, ignore_errors=True)
            self.deleted_at = time.monotonic()
        self.restored = []

    def settle(self, size):
        """The same start for every restore: room, nothing to be written, and no inodes that were just deleted."""
        if shutil.disk_usage(self.folder).free < 4 * size:
            self.delete_restored()
        os.sync()
        if self.deleted_at is not None:
            time.sleep(max(0, self.deleted_at + SETTLED_S - time.monotonic()))

    def restore(self, tool, tree, seed):
        """A restore counts only if as many files and bytes came back as the source holds."""
        want = folder_bytes(tree)
        target = os.path.join(self.folder, "restored-%d-%s" % (seed, tool.name))
        self.settle(sum(want.values()))
        os.makedirs(target)
        self.restored.append(target)
        argv, directory = tool.restore(target)
        self.record("tree restore", tool, self.measure(tool, argv, directory))
        got = folder_bytes(target)
        if (len(want), sum(want.values())) != (len(got), sum(got.values())):
            raise SystemExit("%s restored %d files of %d" % (tool.name, len(got), len(want)))

    def look(self, tool, tree):
        """`ls` of one folder, and `cat` of one file, whose bytes must be right."""
        folder = "usr/share/perl"
        path = next(
            os.path.join(parent, name)
            for parent, _, names in sorted(os.walk(os.path.join(tree, folder)))
            for name in sorted(names)
            if not os.path.islink(os.path.join(parent, name))
        )
        self.record("tree ls", tool, self.measure(tool, *tool.ls(folder)))
        with tempfile.TemporaryFile() as output:
            argv, directory = tool.cat(os.path.relpath(path, tree))
            self.record("tree cat", tool, self.measure(tool, argv, directory, output))
            output.seek(0)
            with open(path, "rb") as file:
                if output.read() != file.read():
                    raise SystemExit("%s gave other bytes than %s holds" % (tool.name, path))

    def image(self, seed):
        tree = self.make("tree", os.path.join(self.folder, "tree"))
        image = self.make("image", os.path.join(self.folder, "disk.img"), tree)
        tools = self.bind(image, self.tools)
        self.warm(image)
        self.backup("image first", tools)
        again = [tool for tool in tools if tool.name not in ("tar", "hikae_unverified")]
        self.backup("image unchanged", again)
        self.change("pages", image, seed)
        self.backup("image pages", again)
        self.release(tools)

    def small(self, _):
        for count in (100000, 1000000):
            tree = self.make("small", os.path.join(self.folder, "small-%d" % count), "--files", str(count))
            tools = self.bind(tree, [name for name in self.tools if name not in ("tar", "hikae_unverified")])
            self.backup("small %d first" % count, tools)
            self.backup("small %d unchanged" % count, tools)
            self.release(tools)

    def medians(self):
        return {
            scenario: {
                tool: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                for tool, runs in tools.items()
            }
            for scenario, tools in self.figures.items()
        }


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo", encoding="utf-8") as file:
        memory = int(file.readline().split()[1]) // 1024
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "memory_mib": memory,
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }


def verdicts(medians):
    """Each requirement with what was measured; those whose figures are missing are left out."""
    rows = []
    for scenario, figure, tool, other, limit in REQUIRED:
        ours, theirs = (medians.get(scenario, {}).get(name, {}).get(figure) for name in (tool, other))
        if ours is not None and theirs:
            rows.append(("%s: %s, %s / %s" % (scenario, figure, tool, other), ours / theirs, limit))
    for scenario, figure, limit in LIMITS:
        if "hikae" in medians.get(scenario, {}):
            rows.append(("%s: %s" % (scenario, figure), medians[scenario]["hikae"][figure], limit))
    peaks = [tools["hikae"]["peak_mib"] for tools in medians.values() if "hikae" in tools]
    if peaks:
        rows.append(("peak memory in all scenarios, MiB", max(peaks), PEAK_MIB))
    many, few = (medians.get("small %d first" % count, {}).get("hikae") for count in (1000000, 100000))
    if many and few:
        rows.append(("peak memory at 1,000,000 / 100,000 files", many["peak_mib"] / few["peak_mib"], PEAK_GROWTH))
    return rows


def page(report):
    """The report as Markdown."""
    host = report["machine"]
    lines = [
        "# Benchmark of %s" % report["date"],
        "",
        "%s, %d cores, %d MiB, Linux %s, load before %.2f. Median of %d. The page cache was warm for all."
        % (host["processor"], host["cores"], host["memory_mib"], host["kernel"], host["load_before"], report["runs"]),
        "",
    ]
    lines += ["- %s: %s" % pair for pair in report["versions"].items()]
    lines += ["- %s: one run" % name for name in report["once"]]
    lines += ["- %s: %s" % (name, json.dumps(facts)) for name, facts in report["data"].items()]
    for scenario, tools in report["medians"].items():
        lines += [
            "",
            "## " + scenario,
            "",
            "| tool | wall s | cpu s | peak MiB | new MiB | stored MiB | metadata KiB | tree KiB | wall / restic |",
            "| --- " + "| ---: " * 8 + "|",
        ]
        base = tools.get("restic", {}).get("wall_s")
        for tool, row in tools.items():

            def cell(key, unit=1.0, form="%.1f", row=row):
                return form % (row[key] / unit) if key in row else ""

            ratio = "%.3f" % (row["wall_s"] / base) if base else ""
            lines.append(
                "| "
                + " | ".join(
                    [
                        tool,
                        cell("wall_s", form="%.2f"),
                        cell("cpu_s", form="%.2f"),
                        cell("peak_mib", form="%.0f"),
                        cell("new", MIB),
                        cell("stored", MIB),
                        cell("metadata", 1024),
                        cell("tree_blobs", 1024),
                        ratio,
                    ]
                )
                + " |"
            )
    if report["verdicts"]:
        lines += ["", "## Reached", "", "| what | measured | at most | |", "| --- | ---: | ---: | --- |"]
        lines += [
            "| %s | %.3f | %.2f | %s |" % (what, value, limit, "yes" if value <= limit else "**no**")
            for what, value, limit in report["verdicts"]
        ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description="Measures hikae beside restic, Borg and tar.")
    parser.add_argument("--dir", required=True, help="folder for data and repositories, about 30 GiB and restored trees")
    parser.add_argument("--results", required=True, help="folder for the report")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tools", default="hikae,hikae_unverified,restic,borg,tar")
    parser.add_argument("--scenarios", default="tree,image,small")
    parser.add_argument("--once", default="", help="of the tools, those that are measured in the first run only")
    args = parser.parse_args()
    bench = Bench(os.path.abspath(args.dir), [name for name in args.tools.split(",") if name])
    os.makedirs(bench.folder, exist_ok=True)
    bench.restored = glob.glob(os.path.join(bench.folder, "restored-*"))  # of a call that was interrupted
    bench.delete_restored()
    os.makedirs(args.results, exist_ok=True)
    report = {
        "date": datetime.datetime.now().strftime("%Y-%m-%d-%H%M"),
        "runs": args.runs,
        "once": [name for name in args.once.split(",") if name],
        "machine": machine(),
        "versions": {name: TOOLS[name].version() for name in bench.tools},
    }
    for run in range(args.runs):
        for scenario in args.scenarios.split(","):
            getattr(bench, scenario)(run + 1)
        bench.tools = [name for name in bench.tools if name not in args.once.split(",")]
        report.update(data=bench.changes, medians=bench.medians(), figures=bench.figures)
        report["verdicts"] = verdicts(report["medians"])
        for suffix, text in ((".json", json.dumps(report, indent=1) + "\n"), (".md", page(report))):
            with open(os.path.join(args.results, report["date"] + suffix), "w", encoding="utf-8") as file:
                file.write(text)
    bench.delete_restored()
    print(page(report), end="")
    sys.exit(1 if any(value > limit for _, value, limit in report["verdicts"]) else 0)


if __name__ == "__main__":
    main()
