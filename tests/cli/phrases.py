#!/usr/bin/python3
"""Holds the catalogue of Japanese phrases against the sources: each must be a text that hikae can say. Prints what is not.

A phrase is made of literals of the sources, whole or cut at their conversions, one after another; what the system says
(strerror), and libyaml, counts too. Each place of the English text stands in the Japanese one, and no other.
"""

import errno
import glob
import os
import re
import sys

LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')
# A literal (kept), or a comment or a character.
TOKEN = re.compile(r"""("(?:[^"\\\n]|\\.)*")|/\*.*?\*/|'(?:[^'\\]|\\.)+'""", re.DOTALL)
CONVERSION = re.compile(r"%(?!%)[-+ 0#.*\d]*(?:hh|h|ll|l|z|j)?[a-zA-Z]")
ROW = re.compile(r'\{"((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)"\}')


# What libyaml's parser says.
LIBYAML = {
    "did not find expected node content",
    "did not find expected key",
    "could not find expected ':'",
    "mapping values are not allowed in this context",
}


def fragments(top):
    found = {os.strerror(number) for number in errno.errorcode} | LIBYAML
    for path in glob.glob(f"{top}/src/**/*.[ch]", recursive=True):
        if os.path.basename(path).startswith("phrase"):
            continue
        with open(path, encoding="utf-8") as file:
            text = TOKEN.sub(lambda match: match.group(1) or " ", file.read())
        for literal in LITERAL.findall(re.sub(r'(?<!\\)"\s*"', "", text)):
            found.add(literal)
            found.update(CONVERSION.split(literal))
    found.discard("")
    return found


def made_of(text, pieces):
    """Is the text one of the pieces, or several of them in a row?"""
    reached = {0}
    for start in range(len(text)):
        if start in reached:
            reached.update(end for end in range(start + 1, len(text) + 1) if text[start:end] in pieces)
    return len(text) in reached


def main():
    top = sys.argv[1]
    pieces = fragments(top)
    count = faults = 0
    for path in sorted(glob.glob(f"{top}/src/base/phrase_*.c")):
        with open(path, encoding="utf-8") as file:
            rows = ROW.findall(re.sub(r'(?<!\\)"\s*\n\s*"', "", file.read()))
        for english, japanese in rows:
            count += 1
            parts = CONVERSION.split(english)
            places = {int(number) for number in re.findall(r"[{<](\d)[}>]", japanese)}
            strange = [part for part in parts if part and not made_of(part, pieces)]
            if strange:
                print(f"{path}: nothing says {strange[0]!r} of {english!r}")
            if not places <= set(range(1, len(parts))):
                print(f"{path}: places {sorted(places)} in the Japanese of {english!r}")
            faults += bool(strange) + (not places <= set(range(1, len(parts))))
    print(f"{count} phrases, {faults} faults")
    sys.exit(1 if faults or count < 500 else 0)


main()
