"""A target folder: objects, keystore, histories with their rosters, and the blobs of a snapshot (§1, §4, §6, §9)."""

import hashlib
import os
import re
from collections import OrderedDict, namedtuple
from datetime import datetime, timezone

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from . import container as c
from . import keys
from .container import Blob, Container, Cursor, Damaged, NoKey, demand, from_base64, parse_json

PLACES = {"p": (c.PACK_DATA, c.PACK_META, c.PACK_MIXED), "i": (c.SEGMENT,), "r": (c.ROSTER_PART,), "h": (c.RECORD,)}
CLASSES = {1: "p", 2: "i", 3: "r"}
CONDEMNABLE = {**CLASSES, 4: "h"}
# Only the names of history records have a time before the hash; the look-behinds see to that.
NAME = re.compile(
    r"hikae1/(?:t/(?P<tid>[0-9a-f]{32})/(?P<place>[pirh])/(?P<time>(?<=h/)[0-9TZ.]+-|(?<!h/))"
    r"|k/(?P<epoch>[0-9]{10})-)(?P<sha>[0-9a-f]{64})"
)
PREVIOUS, ROSTER, PARTS, RETIRED, CONDEMNED, SNAPSHOTS, LINKED = range(1, 8)
TENANT, SNAPSHOT, NEW_ROSTER = 1, 2, 13
MAX_RECORD, MAX_PREVIOUS, MAX_INLINE_ROSTER, MAX_CONDEMNED = 64 << 20, 256, 1024, 1 << 18
TIME_BASE = datetime(1970, 1, 1, tzinfo=timezone.utc)

Listed = namedtuple("Listed", "cls sha size")
Record = namedtuple("Record", "sha type sequence time writer run sections body")


def name_time(ns):
    """The time of a record as its name shows it."""
    moment = datetime.fromtimestamp(ns // 10**9, timezone.utc)
    return moment.strftime("%Y%m%dT%H%M%S") + ".%09dZ" % (ns % 10**9)


def read_hashes(data):
    demand(len(data) % 32 == 0, "a list of hashes is cut short")
    return [data[place : place + 32] for place in range(0, len(data), 32)]


def read_roster(data, classes=None):
    """The objects of a roster, which are sorted by class and hash."""
    cursor, listed = Cursor(data), []
    while cursor.more():
        cls = cursor.number(1)
        demand(cls in (classes or CLASSES), "unknown class of object %d" % cls)
        cursor.zeros(7)
        listed.append(Listed(cls, cursor.take(32), cursor.number(8)))
        demand(listed[-1].size <= c.MAX_OBJECT, "a roster names an object that is too long")
    demand(all(a[:2] < b[:2] for a, b in zip(listed, listed[1:])), "a roster is not sorted")
    return listed


def read_condemned(sections):
    """What a record condemns: history records too."""
    return read_roster(sections.get(CONDEMNED, b""), CONDEMNABLE)


def read_record_clear(clear):
    """The clear part of a history record: its fixed fields, and its sections by type."""
    cursor = Cursor(clear)
    kind, form, count = cursor.number(1), cursor.number(1), cursor.number(2)
    # A type that this does not know is a link of the chain, and says nothing.
    demand(1 <= kind and form == 1, "unknown type %d or format %d of a record" % (kind, form))
    cursor.zeros(4)
    fixed = kind, cursor.number(8), cursor.number(8, True), cursor.take(16), cursor.take(16)
    sections = {}
    for _ in range(count):
        section, critical = cursor.number(1), cursor.number(1)
        cursor.zeros(2)
        data = cursor.take(cursor.number(4))
        demand(critical <= 1 and section not in sections, "a section is marked wrongly or comes twice")
        demand(1 <= section <= LINKED or not critical, "unknown critical section %d" % section)
        sections[section] = data
    cursor.end()
    check_sections(kind, fixed[1], sections)
    return fixed + (sections,)


def read_parts(data):
    """[(SHA-256, length)] of the roster parts of a record."""
    demand(data and len(data) % 40 == 0, "a list of roster parts is empty or cut short")
    cursor, parts = Cursor(data), []
    while cursor.more():
        parts.append((cursor.take(32), cursor.number(8)))
        demand(parts[-1][1] <= MAX_RECORD, "a roster part is too long")
    return parts


def check_sections(kind, sequence, sections):
    previous = read_hashes(sections.get(PREVIOUS, b""))
    demand(len(previous) <= MAX_PREVIOUS and 1 <= sequence < 1 << 63, "a number of a record is out of range")
    demand((sequence == 1) == (not previous), "a record's sequence number does not agree with its previous records")
    read_hashes(sections.get(RETIRED, b""))
    demand(len(read_roster(sections.get(ROSTER, b""))) <= MAX_INLINE_ROSTER, "a roster in a record is too long")
    demand(len(read_condemned(sections)) <= MAX_CONDEMNED, "a record condemns too many objects")
    if PARTS in sections:
        read_parts(sections[PARTS])
    rosters = (ROSTER in sections) + (PARTS in sections)
    demand(
        rosters <= 1 and (kind not in (SNAPSHOT, NEW_ROSTER) or rosters),
        "a snapshot needs a roster or roster parts, and not both",
    )
    demand((kind == NEW_ROSTER) == bool(read_hashes(sections.get(SNAPSHOTS, b""))), "a roster belongs to no snapshot")


def read_segment(body):
    """(superseded, packs with their blocks, entries) of a segment."""
    cursor = Cursor(body)
    pack_count, block_count, entry_count, superseded = (cursor.number(4) for _ in range(4))
    demand(entry_count <= 1 << 22, "a segment has too many entries")
    demand(
        len(body) == 16 + 32 * superseded + 176 * pack_count + 16 * block_count + 32 * entry_count,
        "a segment's size does not fit its counts",
    )
    names, packs, first = read_hashes(cursor.take(32 * superseded)), [], 0
    for _ in range(pack_count):
        sha, size, blocks = cursor.take(32), cursor.number(8), cursor.number(4)
        cursor.zeros(4)
        packs.append((sha, size, range(first, first + blocks), c.parse_header(cursor.take(c.HEADER_SIZE))))
        demand(packs[-1][3].kind in c.HELD_TYPES and size <= c.MAX_OBJECT, "a segment lists what is no pack")
        first += blocks
    demand(first == block_count, "the packs of a segment have other blocks than it lists")
    blocks = [cursor.take(16) for _ in range(block_count)]
    entries = [Blob(cursor.take(20), *(cursor.number(size) for size in (4, 4, 3, 1))) for _ in range(entry_count)]
    demand(all(a[:3] < b[:3] for a, b in zip(entries, entries[1:])), "the entries of a segment are not sorted")
    plain = [int.from_bytes(block[4:8], "little") for block in blocks]
    held = [c.HELD_TYPES[header.kind] for _, _, numbers, header in packs for _ in numbers]
    for entry in entries:
        demand(entry.block < block_count, "an entry of a segment names no block")
        demand(
            entry.length and entry.offset + entry.length <= plain[entry.block] and entry.type in held[entry.block],
            "a segment places a blob outside its block, or where its type cannot be",
        )
    return names, packs, blocks, entries


def read_description(folder):
    """The store object, whose signature is right."""
    with open(os.path.join(folder, "hikae1/store"), "rb") as file:
        lines = file.read().split(b"\n")
    demand(len(lines) == 3 and not lines[2], "the store object is not two lines")
    description = parse_json(lines[0])
    demand(description["v"] == 1 and description["format"] == "hikae1", "unknown format of the store")
    public = Ed25519PublicKey.from_public_bytes(from_base64(description["sign"]))
    try:
        public.verify(from_base64(lines[1]), lines[0])
    except InvalidSignature as error:
        raise Damaged("the store object's signature is wrong") from error
    return description


class Store:
    """All that is on a target, opened with the holders at hand."""

    def __init__(self, folder, holders):
        self.folder, self.objects, self.keys, self.histories = folder, {}, {}, {}
        base = os.path.join(folder, "hikae1")
        for parent, _, names in os.walk(base):
            for name in names:
                path = os.path.relpath(os.path.join(parent, name), folder)
                match = NAME.fullmatch(path)
                if match:
                    self.objects[path] = match
        demand(os.path.isfile(os.path.join(base, "store")), "%s holds no hikae store" % folder)
        self.open_keystore(holders)
        self.read_description()

    def open_keystore(self, holders):
        """Opens every epoch that the holders open, then all keys wrapped under those."""
        names = [name for name, match in self.objects.items() if match["epoch"]]
        kinds = {name: c.parse_header(self.bytes(name)[: c.HEADER_SIZE]).kind for name in names}
        self.roots, self.entries = {}, []
        for name in (name for name in names if kinds[name] == c.SLOTS):
            raw = self.bytes(name)
            clear = raw[c.HEADER_SIZE : c.HEADER_SIZE + c.parse_header(raw[: c.HEADER_SIZE]).clear_length]
            epoch, root = keys.open_slots(clear, holders)
            if root:
                slots = self.open(name, lambda _, root=root: root)
                body = parse_json(slots.body())
                self.roots[slots.header.key_id] = root
                demand(
                    slots.header.key_id == keys.epoch_id(root) == bytes.fromhex(body["epoch_id"]),
                    "an epoch has another id",
                )
                demand(
                    body["v"] == 1 and body["epoch"] == epoch == int(self.objects[name]["epoch"]),
                    "slots give another epoch",
                )
        if not self.roots:
            raise NoKey("no slots object of this store opens with what was given")
        for name in (name for name in names if kinds[name] == c.KEYS):
            try:
                found = keys.read_entries(self.open(name, self.find_key).body())
            except NoKey:
                continue
            self.entries += [entry for entry in found if entry not in self.entries]
        self.keys = {(entry.tid, entry.key_id): entry.key for entry in self.entries if entry.type == keys.SEALING}

    def read_description(self):
        self.description = read_description(self.folder)
        self.tid = bytes.fromhex(self.description["store_tid"])

    def find_key(self, header):
        key = self.roots.get(header.key_id) if header.key_kind == 2 else self.keys.get((header.tid, header.key_id))
        if key is None:
            raise NoKey("no key %s of tenant %s" % (header.key_id.hex(), header.tid.hex()))
        return key

    def bytes(self, name):
        """The bytes of an object, which must hash to its name."""
        with open(os.path.join(self.folder, name), "rb") as file:
            data = file.read()
        demand(
            hashlib.sha256(data).hexdigest() == self.objects[name]["sha"], "%s: the bytes hash to another name" % name
        )
        return data

    def open(self, name, find_key=None):
        """An object as a whole, checked against its place."""
        match, data = self.objects[name], self.bytes(name)
        try:
            opened = Container(lambda offset, size: data[offset : offset + size], len(data), find_key or self.find_key)
            header = opened.header
            demand(
                header.kind in (PLACES[match["place"]] if match["tid"] else (c.SLOTS, c.KEYS)),
                "the object is of another kind than its place",
            )
            demand(header.tid.hex() == (match["tid"] or "0" * 32), "the object belongs to another tenant")
        except Damaged as error:
            raise type(error)("%s: %s" % (name, error)) from error
        return opened

    def name(self, tid, place, sha):
        return "hikae1/t/%s/%s/%s" % (tid.hex(), place, sha.hex())

    def names(self, tid, place):
        return sorted(
            name for name, match in self.objects.items() if match["tid"] == tid.hex() and match["place"] == place
        )

    def tenants(self):
        """Every tenant id whose history opens, with its newest tenant record (None for the store itself)."""
        found = {}
        for tid in sorted({bytes.fromhex(match["tid"]) for match in self.objects.values() if match["tid"]}):
            try:
                records = self.history(tid)
            except NoKey:
                continue
            found[tid] = next((record.body for record in reversed(records) if record.type == TENANT), None)
        return found

    def tenant(self, name):
        for tid, body in self.tenants().items():
            if name == tid.hex() or (body and body["name"] == name):
                return tid
        raise Damaged("there is no tenant %s, or no key for it" % name)

    def record(self, name):
        opened, match = self.open(name), self.objects[name]
        kind, sequence, time, writer, run, sections = read_record_clear(opened.clear)
        demand(match["time"][:-1] == name_time(time), "%s: the name gives another time" % name)
        body = parse_json(opened.body())
        demand(body["v"] == 1, "%s: unknown version of the body" % name)
        return Record(bytes.fromhex(match["sha"]), kind, sequence, time, writer, run, sections, body)

    def history(self, tid):
        """All records of a tenant in the order in which they are folded."""
        if tid not in self.histories:
            records = [self.record(name) for name in self.names(tid, "h")]
            self.histories[tid] = sorted(records, key=lambda record: (record.sequence, record.time, record.sha))
        return self.histories[tid]

    def snapshots(self, tid):
        """[(snapshot name, record, retired)] in order."""
        records = self.history(tid)
        retired = {sha for record in records for sha in read_hashes(record.sections.get(RETIRED, b""))}
        retired |= {item.sha for record in records for item in read_condemned(record.sections) if item.cls == 4}
        return [(record.sha[:8].hex(), record, record.sha in retired) for record in records if record.type == SNAPSHOT]

    def snapshot(self, tid, name):
        """The record of the snapshot of that name, or the latest that counts."""
        for found, record, retired in reversed(self.snapshots(tid)):
            if found == name or (name is None and not retired and not self.missing(tid, record)):
                return record
        raise Damaged("there is no snapshot %s" % (name or "that counts"))

    def roster(self, tid, record):
        """Everything that a snapshot needs: from the latest record that gives it a roster, else from its own."""
        for later in self.history(tid):
            if later.type == NEW_ROSTER and record.sha in read_hashes(later.sections[SNAPSHOTS]):
                record = later
        listed = read_roster(record.sections.get(ROSTER, b""))
        for sha, size in read_parts(record.sections[PARTS]) if PARTS in record.sections else ():
            name = self.name(tid, "r", sha)
            demand(name in self.objects, "%s is missing" % name)
            part = self.open(name)
            demand(part.size == size, "%s: another length" % name)
            listed += read_roster(part.clear)
        demand(all(a[:2] < b[:2] for a, b in zip(listed, listed[1:])), "the parts of a roster do not follow each other")
        return listed

    def missing(self, tid, record):
        """The objects of a snapshot that this target lacks or holds with another size; none: it counts."""
        try:
            listed = self.roster(tid, record)
        except Damaged as error:
            return [str(error)]
        names = {self.name(tid, CLASSES[item.cls], item.sha): item.size for item in listed}
        return [
            name
            for name, size in names.items()
            if name not in self.objects or os.path.getsize(os.path.join(self.folder, name)) != size
        ]

    def id_keys(self, tid):
        return [
            keys.hkdf(entry.key, b"hikae1 blob id", 32)
            for entry in self.entries
            if entry.type == keys.DEDUP and entry.tid == tid
        ]


def ranges(path):
    """Ranged reads of a file that is not held open: a roster may name more packs than a process may open."""

    def read(offset, size):
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(size)

    return read


class Blobs:
    """The blobs of one snapshot, found through the directories of the packs in its roster."""

    CACHED_BLOCKS = 24

    def __init__(self, store, tid, listed):
        self.places, self.cache = {}, OrderedDict()
        self.id_keys = store.id_keys(tid)
        for item in (item for item in listed if CLASSES[item.cls] == "p"):
            name = store.name(tid, "p", item.sha)
            path = os.path.join(store.folder, name)
            demand(
                name in store.objects and os.path.getsize(path) == item.size, "%s is missing or of another size" % name
            )
            pack = Container(ranges(path), item.size, store.find_key)
            demand(pack.is_pack() and pack.header.tid == tid, "%s: the object belongs to another place" % name)
            self.places.update((blob.id, (pack, blob)) for blob in pack.blobs)

    def length(self, wanted, kind):
        """The length of a blob, without reading it."""
        demand(wanted in self.places, "blob %s is in no pack of the snapshot" % wanted.hex())
        blob = self.places[wanted][1]
        demand(blob.type == kind, "blob %s has type %d, not %d" % (wanted.hex(), blob.type, kind))
        return blob.length

    def get(self, wanted, kind):
        """A blob of the given type, whose id is computed again."""
        self.length(wanted, kind)
        pack, blob = self.places[wanted]
        place = (id(pack), blob.block)
        if place not in self.cache:
            self.cache[place] = pack.block(blob.block)
            if len(self.cache) > self.CACHED_BLOCKS:
                self.cache.popitem(last=False)
        self.cache.move_to_end(place)
        data = self.cache[place][blob.offset : blob.offset + blob.length]
        demand(
            any(keys.blob_id(key, kind, data) == wanted for key in self.id_keys),
            "blob %s has other bytes than its id says" % wanted.hex(),
        )
        return data
