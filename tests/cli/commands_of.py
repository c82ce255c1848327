#!/usr/bin/env python3
"""Commands that documents name, for tests that hold them against the program.

  commands_of.py whole FILE…     every whole call: of fenced blocks, of examples in help ("  $ …"), of units and cron lines
  commands_of.py named FILE…     what running text names in backticks: `hikae keys holder add|remove`, a call a line
  commands_of.py blocks FILE     the fenced blocks marked sh, each after a line "#### FILE:LINE"
"""

import itertools
import re
import sys

FENCE = re.compile(r"^\s*```(\w*)\s*$")
BARE = re.compile(r"^(hikae .*)$")
LEADING = re.compile(r"^(?:\$ |ExecStart=\S*/|\S+ \S+ \S+ \S+ \S+ hikae-\w+ (?:\S*/)?)(hikae .*)$")
SPAN = re.compile(r"`(hikae [^`]*)`")


def fences(path):
    """(line number, language, lines) of each fenced block; indented ones lose their indent."""
    block = None
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        mark = FENCE.match(line)
        if mark and block is None:
            block = (number, mark.group(1), [])
        elif mark:
            yield block
            block = None
        elif block is not None:
            block[2].append(line.rstrip("\n"))


def joined(lines):
    """Lines with those that a backslash goes on in."""
    whole = ""
    for line in lines:
        whole += line.strip()
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        yield whole
        whole = ""


def whole(path):
    lines, form = open(path, encoding="utf-8").read().split("\n"), LEADING
    if path.endswith(".md"):
        lines, form = [line for _, _, block in fences(path) for line in block], BARE
    for line in joined(lines):
        found = form.match(line)
        if found:
            yield found.group(1)


def named(path):
    """A word a|b stands for two calls; what follows an ellipsis or a capital placeholder is left to the reader."""
    text = re.sub(r"```.*?```", "", open(path, encoding="utf-8").read(), flags=re.S)
    for span in SPAN.findall(" ".join(text.split())):
        choices = [word.split("|") if re.fullmatch(r"[a-z|]+", word) else [word] for word in span.split(" ")]
        for call in itertools.product(*choices):
            yield " ".join(call)


def main():
    mode, paths = sys.argv[1], sys.argv[2:]
    for path in paths:
        if mode == "blocks":
            for number, language, lines in fences(path):
                if language == "sh":
                    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
                    print(f"#### {path}:{number}")
                    print("\n".join(line[indent:] for line in lines))
            continue
        for call in {"whole": whole, "named": named}[mode](path):
            print(call)


main()
