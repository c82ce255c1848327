"""The erasure register (§6, records of type 20): what is left out when data is given back."""

import re

from .container import Damaged
from .manifest import HARD_LINK

ERASURE = 20


def translate(pattern):
    """A pattern of fnmatch(3) with FNM_PATHNAME as a regular expression over bytes."""
    out, at = b"", 0
    while at < len(pattern):
        char = pattern[at : at + 1]
        at += 1
        if char == b"*":
            out += b"[^/]*"
        elif char == b"?":
            out += b"[^/]"
        elif char == b"[" and (end := pattern.find(b"]", at + 1 + (pattern[at : at + 1] in (b"!", b"^")))) > 0:
            inside = pattern[at:end]
            negated = inside[:1] in (b"!", b"^")
            body = inside[negated:].replace(b"\\", b"\\\\").replace(b"[", b"\\[").replace(b"^", b"\\^").replace(b"]", b"\\]")
            out += b"(?!/)[" + (b"^" if negated else b"") + body + b"]"
            at = end + 1
        else:
            if char == b"\\" and at < len(pattern):
                char = pattern[at : at + 1]
                at += 1
            out += re.escape(char)
    return re.compile(out, re.DOTALL)


class Register:
    """What a tenant's data subjects had erased."""

    def __init__(self, records):
        patterns = []
        for record in records:
            if record.type != ERASURE:
                continue
            named = record.body.get("patterns")
            if not named or not all(isinstance(text, str) for text in named):
                raise Damaged("an entry of the erasure register cannot be read: nothing may be given back")
            patterns += [text.encode() for text in named]
        self.rules = [translate(pattern) for pattern in patterns]

    def names(self, path):
        """Is it this path, or a folder above it?"""
        parts = path.split(b"/")
        above = [b"/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        return any(rule.fullmatch(part) for rule in self.rules for part in above)

    def omits(self, entry):
        return self.names(entry.path()) or (entry.type == HARD_LINK and self.names(entry.target))
