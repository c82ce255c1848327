#!/usr/bin/python3
"""An adversary who has everything that was ever stored, and wants one tenant's data.

    adversary.py --tenant TID [--key FILE]… [--find HEX]… FOLDER-OR-FILE…

Folders are walked: every object of every copy of every target, every keystore entry of every epoch, configuration,
catalogue, caches. Files that are no objects (raw images, memory dumps, databases) are searched for whatever might be a
key: lines of key files, recovery sheets, 32 bytes in hexadecimal or base64, what stands where a row of keys would have
its key, and in memory dumps every aligned 32 bytes. Each candidate is tried as the key of every holder, as a sheet, as
every root key, and as a key of the tenant. --key gives a file more (the control). --find looks for known bytes.

It knows the format from src/repo/FORMAT.md, through tools/hikaereader. Prints one JSON object.
"""

import argparse
import json
import mmap
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from hikaereader import container as c  # noqa: E402
from hikaereader import keys  # noqa: E402

OBJECT = re.compile(r"hikae1/(?:t/([0-9a-f]{32})/[pirh]/[^/]+|k/(\d{10})-[0-9a-f]{64})$")
HEX = re.compile(rb"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
BASE64 = re.compile(rb"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=")
KEYFILE = re.compile(rb"hikae-key-1 epoch [1-9][0-9]{0,9} ([0-9a-f]{64}) [0-9a-f]{8}")
SHEET = re.compile(rb"(?:[0-9A-HJKMNP-TV-Z]{4}[ \t\r\n-]*){14}", re.IGNORECASE)


class Adversary:
    def __init__(self, tenant):
        self.tenant = bytes.fromhex(tenant)
        self.slots, self.key_objects, self.objects = {}, {}, {}
        self.candidates, self.roots, self.keys, self.others = set(), {}, {}, set()
        self.searched = 0

    # ---- Gathering ----

    def take(self, path, memory):
        """One file: an object, or something to be searched."""
        match = OBJECT.search(path)
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                if match:
                    self.take_object(match, bytes(data))
                else:
                    self.search(data, memory)

    def take_object(self, match, data):
        try:
            header = c.parse_header(data[: c.HEADER_SIZE])
        except c.Damaged:
            return
        if match[1] and header.tid == self.tenant:
            self.objects[data] = header
        elif match[2] and header.kind == c.SLOTS:
            self.slots[data] = header
        elif match[2]:
            self.key_objects[data] = header

    def search(self, data, memory):
        self.searched += len(data)
        for pattern in (HEX, KEYFILE):
            for match in pattern.finditer(data):
                self.candidates.add(bytes.fromhex((match[1] if match.groups() else match[0]).decode()))
        for match in BASE64.finditer(data):
            raw = c.base64.b64decode(match[0])
            if len(raw) == 32:
                self.candidates.add(raw)
        for match in SHEET.finditer(data):
            self.take_sheet(match[0])
        self.search_rows(data)
        if memory:
            for place in range(0, len(data) - 31, 8):
                window = data[place : place + 32]
                if len(set(window)) > 20:
                    self.candidates.add(window)

    def take_sheet(self, text):
        digits = re.sub(rb"[ \t\r\n-]", b"", text).decode().upper().translate(str.maketrans("OIL", "011"))
        number = 0
        for digit in digits:
            number = number << 5 | keys.CROCKFORD.index(digit)
        self.candidates.add((number >> 24).to_bytes(32, "big"))

    def search_rows(self, data):
        """A row of the keystore: the tenant's id, a key id, the key."""
        place = data.find(self.tenant)
        while place >= 0:
            for distance in (32, -48, 16, 48):
                window = data[max(0, place + distance) : place + distance + 32]
                if len(window) == 32:
                    self.candidates.add(bytes(window))
            place = data.find(self.tenant, place + 1)

    # ---- Trying ----

    def forms(self):
        """Each candidate as a holder's key: as it stands, and as what is on a sheet."""
        for candidate in self.candidates:
            yield candidate
            yield keys.hkdf(candidate, b"hikae1 sheet", 32)

    def open_slots(self):
        """Every member of every group of every epoch, with every candidate."""
        forms = None
        for data, header in self.slots.items():
            slots = c.parse_json(data[c.HEADER_SIZE : c.HEADER_SIZE + header.clear_length])
            for group in slots["groups"]:
                name, shares = group["name"].encode(), []
                forms = forms if forms is not None else list(self.forms())
                for member in group["members"]:
                    context = b"hikae1 share" + keys.u64(slots["epoch"]) + name + b"\0" + member["name"].encode()
                    wrapped = member["wrapped"]
                    shares.append(next((s for s in (keys.unwrap(k, wrapped, context) for k in forms) if s), None))
                if None not in shares:
                    key = keys.hkdf(b"".join(shares), b"hikae1 group", 32, bytes.fromhex(group["salt"]))
                    root = keys.unwrap(key, group["root"], b"hikae1 root" + keys.u64(slots["epoch"]) + name)
                    if root:
                        self.roots[header.key_id] = (slots["epoch"], root)
        wanted = {header.key_id for header in list(self.slots.values()) + list(self.key_objects.values())}
        for candidate in self.candidates:
            if keys.epoch_id(candidate) in wanted:
                self.roots.setdefault(keys.epoch_id(candidate), (0, candidate))

    def open_keys(self):
        for data, header in self.key_objects.items():
            if header.key_id not in self.roots:
                continue
            root = self.roots[header.key_id][1]
            body = c.Container(lambda offset, size, d=data: d[offset : offset + size], len(data), lambda _: root).body()
            for entry in keys.read_entries(body):
                if entry.tid != self.tenant:
                    self.others.add(entry.tid)
                elif entry.type == keys.SEALING:
                    self.keys[entry.key_id] = entry.key

    def open_objects(self):
        """How many of the tenant's objects open, block by block."""
        opened = 0
        smallest = min(self.objects.items(), key=lambda item: len(item[0]), default=None)
        for candidate in self.candidates if smallest else ():
            try:
                c.derive(smallest[1], candidate)
                self.keys[smallest[1].key_id] = candidate
            except c.Damaged:
                continue
        for data, header in self.objects.items():
            if header.key_id in self.keys:
                key = self.keys[header.key_id]
                c.Container(lambda offset, size, d=data: d[offset : offset + size], len(data), lambda _, k=key: k).body()
                opened += 1
        return opened


def find(paths, wanted):
    """Where known bytes stand, as they are, in hexadecimal and in base64."""
    hits = []
    for text in wanted:
        key = bytes.fromhex(text)
        for form in (key, text.encode(), text.upper().encode(), c.base64.b64encode(key)):
            for path in paths:
                with open(path, "rb") as file:
                    if os.fstat(file.fileno()).st_size == 0:
                        continue
                    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                        if data.find(form) >= 0:
                            hits.append("%s: %s…" % (path, text[:8]))
    return hits


def files_of(paths):
    for path in paths:
        if os.path.isdir(path):
            for parent, _, names in os.walk(path):
                yield from (os.path.join(parent, name) for name in names)
        else:
            yield path


def main():
    parser = argparse.ArgumentParser(description="tries to read one tenant's data with everything that was ever stored")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--key", action="append", default=[])
    parser.add_argument("--find", action="append", default=[])
    parser.add_argument("--memory", action="append", default=[])
    parser.add_argument("paths", nargs="*")
    given = parser.parse_args()
    adversary = Adversary(given.tenant)
    everything = [path for path in files_of(given.paths) if os.path.isfile(path) and not os.path.islink(path)]
    for path in everything + given.key:
        adversary.take(path, False)
    for path in given.memory:
        adversary.take(path, True)
    adversary.open_slots()
    adversary.open_keys()
    opened = adversary.open_objects()
    hits = find(everything + given.memory, given.find)
    json.dump(
        {
            "slots": len(adversary.slots),
            "key_objects": len(adversary.key_objects),
            "objects": len(adversary.objects),
            "searched_bytes": adversary.searched,
            "candidates": len(adversary.candidates),
            "roots": sorted({epoch for epoch, _ in adversary.roots.values()}),
            "tenant_keys": len(adversary.keys),
            "opened": opened,
            "other_tenants": len(adversary.others),
            "secrets": [root.hex() for _, root in adversary.roots.values()] + [key.hex() for key in adversary.keys.values()],
            "found": hits,
        },
        sys.stdout,
    )
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
