#!/usr/bin/python3
"""Checks the direction of dependencies: folders of src/ include only those to their left.

    base < crypto policy target < keys < repo catalog audit < pipeline < ops < report < cli

Folders of one group do not include each other. The command line stands on include/hikae.h and base/ alone. Whoever can
delete is on a list. Prints "ok" or "not ok" lines, and where.
"""

import os
import re
import sys

GROUPS = [
    ("base",),
    ("crypto", "policy", "target"),
    ("keys",),
    ("repo", "catalog", "audit"),
    ("pipeline",),
    ("ops",),
    ("report",),
    ("cli",),
]
LEVEL = {folder: level for level, group in enumerate(GROUPS) for folder in group}
PUBLIC = "hikae.h"
# The handle that deletes: collection and purge make it, targets implement it (DESIGN: deletion is a capability).
DELETE = "target/delete.h"
MAY_DELETE = re.compile(r"^(src/ops/(collect|purge)[^/]*|src/target/[^/]*|tests/.*)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def sources(top):
    for folder, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            if name.endswith((".c", ".h")):
                yield os.path.join(folder, name)


def fault(path, included):
    """Why the file `path` may not include `included`, or None."""
    if included == DELETE and not MAY_DELETE.match(path):
        return "only collection and purge may delete"
    if not path.startswith("src/"):
        return None
    folder = path.split("/")[1]
    if included == PUBLIC or included.startswith("hikae/"):
        return None if LEVEL[folder] >= LEVEL["ops"] else "the public interface lies to the right"
    if "/" not in included:
        return 'write the folder too: "folder/file.h"'
    other = included.split("/")[0]
    if other not in LEVEL:
        return f"no folder {other} is known"
    if not os.path.exists(os.path.join("src", included)):
        return "there is no such file"
    if other == folder:
        return None
    if folder == "cli" and other != "base":
        return "the command line stands on include/hikae.h and base/ alone"
    if LEVEL[other] == LEVEL[folder]:
        return f"{folder} and {other} stand side by side"
    if LEVEL[other] > LEVEL[folder]:
        return f"{other} lies to the right of {folder}"
    if included.endswith("_internal.h") or included.endswith("/internal.h"):
        return "an internal header is for its own folder"
    return None


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
    faults = []
    count = 0
    for folder in sorted(os.listdir("src")):
        if os.path.isdir(os.path.join("src", folder)) and folder not in LEVEL:
            faults.append(f"src/{folder}: this folder has no place in the order")
    for path in [*sources("src"), *sources("tests")]:
        if path.startswith("src/") and (path.count("/") != 2 or path.split("/")[1] not in LEVEL):
            faults.append(f"{path}: every source lies in one of the folders {', '.join(LEVEL)}")
            continue
        with open(path, encoding="utf-8") as file:
            text = file.read()
        for match in INCLUDE.finditer(text):
            count += 1
            why = fault(path, match.group(1))
            if why:
                line = text.count("\n", 0, match.start(1)) + 1
                faults.append(f'{path}:{line}: "{match.group(1)}": {why}')
    for line in faults:
        print(f"# {line}")
    print(f"{'not ok' if faults or count == 0 else 'ok'} {count} includes point to the left")
    return 1 if faults or count == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
