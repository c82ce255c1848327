#!/usr/bin/python3
"""Lines that the tests reached, per folder of src/: coverage.py BUILD FLOOR

Reads what a build with --coverage left behind through `gcov --json-format`. FLOOR is a file of lines "FOLDER PERCENT";
the exit code is 1 if a folder lies below. The floor only rises: with --raise, it is written anew from what was reached.
"""

import collections
import json
import os
import subprocess
import sys


def reached(build):
    """{source: {line: count}} over all objects of the build."""
    lines = collections.defaultdict(lambda: collections.defaultdict(int))
    for folder, _, names in os.walk(os.path.join(build, "src")):
        notes = [os.path.join(folder, name) for name in sorted(names) if name.endswith(".gcno")]
        if not notes:
            continue
        out = subprocess.run(["gcov", "--stdout", "--json-format", *notes], capture_output=True, check=True).stdout
        for text in out.splitlines():
            if not text.startswith(b"{"):
                continue
            for file in json.loads(text)["files"]:
                name = os.path.relpath(file["file"])
                if not name.startswith("src/"):
                    continue
                for line in file["lines"]:
                    lines[name][line["line_number"]] += line["count"]
    return lines


def main():
    build, floor_path = sys.argv[1:3]
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    lines = reached(build)
    if not lines:
        sys.exit(f"coverage: nothing was measured in {build}")
    totals = collections.defaultdict(lambda: [0, 0])
    for name, counts in lines.items():
        hit = sum(1 for count in counts.values() if count)
        for key in (name.split("/")[1], "total"):
            totals[key][0] += hit
            totals[key][1] += len(counts)
    floor = {}
    if os.path.exists(floor_path):
        with open(floor_path, encoding="utf-8") as file:
            floor = {key: float(value) for key, value in (line.split() for line in file if line.strip() and line[0] != "#")}

    print("The least covered files:")
    share = {name: sum(1 for c in counts.values() if c) / len(counts) for name, counts in lines.items() if counts}
    for name in sorted(share, key=share.get)[:10]:
        print(f"  {name:40} {100 * share[name]:5.1f} %")
    print("Folders:")
    below = False
    for key in sorted(totals, key=lambda key: (key == "total", key)):
        hit, count = totals[key]
        percent = 100 * hit / count
        low = percent < floor.get(key, 0)
        below |= low
        print(f"  {key:40} {percent:5.1f} %  {hit} of {count} lines" + (f"  below {floor[key]} %" if low else ""))
    if "--raise" in sys.argv and not below:
        with open(floor_path, "w", encoding="utf-8") as file:
            file.write("# Least share of lines that the tests reach, in percent (make coverage). It only rises.\n")
            for key in sorted(totals, key=lambda key: (key == "total", key)):
                hit, count = totals[key]
                file.write(f"{key} {max(int(1000 * hit / count) / 10, floor.get(key, 0))}\n")
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
