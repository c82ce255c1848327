#!/usr/bin/env python3
"""Functions that nobody calls have no place in src/: each that a header there declares is used in a second place, be it a
test. Prints "ok" or "not ok", and which."""

import collections
import pathlib
import re

DECLARED = re.compile(r"^[a-zA-Z][^;{}=#]*?\b([a-z][a-z0-9_]*)\([^;{}]*\)[^;{}]*;", re.M)


NOISE = re.compile(r"""/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'""", re.S)


def code(path):
    """A file without comments and strings."""
    return NOISE.sub(" ", path.read_text(encoding="utf-8"))


def main():
    top = pathlib.Path(__file__).resolve().parent.parent
    declared = {}
    for header in sorted(top.glob("src/*/*.h")):
        for name in DECLARED.findall(re.sub(r"\btypedef\b[^;]*;", "", code(header))):
            declared.setdefault(name, header.relative_to(top))
    uses = collections.Counter()
    for folder in ("src", "tests", "bench"):
        for path in top.glob(f"{folder}/**/*.[ch]"):
            uses.update(re.findall(r"\b[a-z][a-z0-9_]*\b", code(path)))
    # The declaration and the definition are two mentions.
    unused = [name for name in declared if uses[name] < 3]
    for name in unused:
        print(f"# {declared[name]}: nobody calls {name}")
    print(f"{'not ok' if unused or not declared else 'ok'} each of the {len(declared)} functions of src/ is called somewhere")
    return 1 if unused or not declared else 0


raise SystemExit(main())
