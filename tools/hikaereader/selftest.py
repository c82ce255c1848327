"""Encodes a store with every kind of object and entry, reads it back, and holds that damage is refused."""

import hashlib
import json
import os
import shutil
import stat
import tempfile

from . import container as c
from . import encode as e
from . import keys
from . import manifest as m
from . import vectors as v
from .check import check
from .container import Damaged, demand
from .restore import Restore
from .store import Blobs, Store


class Writer:
    """A store in a folder, with one tenant and one snapshot."""

    def __init__(self, folder):
        self.folder, self.salts, self.found, self.roster = folder, 0, {}, []

    def put(self, name, data):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)

    def seal(self, place, kind, clear, blocks, roster_class=0):
        self.salts += 1
        sealed = e.Sealer(kind, 0, v.KEY, v.TID, v.KEY_ID, v.fixed("salt %d" % self.salts), clear).seal(blocks)
        sha = hashlib.sha256(sealed).digest()
        self.put("hikae1/t/%s/%s/%s" % (v.TID.hex(), place, sha.hex()), sealed)
        if roster_class:
            self.roster.append((roster_class, sha, len(sealed)))
        return sha, sealed

    def blob(self, kind, data):
        wanted = keys.blob_id(v.ID_KEY, kind, data)
        self.found[wanted] = kind, data
        return wanted

    def keystore(self):
        root, file_key, sheet_key = v.ROOT, v.fixed("key file"), v.fixed("sheet")
        groups = [
            (
                "daily",
                v.fixed("g1", 16),
                v.fixed("n1", 12),
                [("file", "host", e.file_params(file_key), file_key, v.fixed("s1"), v.fixed("n2", 12))],
            ),
            (
                "paper",
                v.fixed("g2", 16),
                v.fixed("n3", 12),
                [
                    (
                        "sheet",
                        "paper",
                        e.sheet_params(sheet_key),
                        c.hkdf(sheet_key, b"hikae1 sheet", 32),
                        v.fixed("s2"),
                        v.fixed("n4", 12),
                    )
                ],
            ),
        ]
        store_tid = v.fixed("store tid", 16)
        body = e.key_entry(1, 1, v.NOW, v.TID, v.KEY_ID, v.KEY) + e.key_entry(
            2, 1, v.NOW, v.TID, v.fixed("d", 16), v.DEDUP
        )
        body += e.key_entry(3, 1, v.NOW, store_tid, v.fixed("x", 16), v.fixed("seed")) + e.key_entry(
            4, 1, v.NOW, store_tid, v.fixed("y", 16), v.fixed("seed 2")
        )
        epoch = keys.epoch_id(root)
        for sealed in (
            e.slots_object(1, root, e.slots_clear(1, root, "2026-11-21T09:12:46Z", groups), v.fixed("salt of slots")),
            e.Sealer(c.KEYS, 2, root, bytes(16), epoch, v.fixed("salt of keys")).seal([(1, body, [])]),
        ):
            self.put("hikae1/k/%010d-%s" % (1, hashlib.sha256(sealed).hexdigest()), sealed)
        line, signature, _ = v.store_lines(v.fixed("seed"), v.fixed("seed 2"), store_tid)
        self.put("hikae1/store", line + b"\n" + signature + b"\n")

    def extent_tree(self, pieces):
        """An extent list of depth 1 with one extent to a leaf."""
        nodes = b""
        for piece in pieces:
            leaf = self.blob(m.EXTENTS, e.extent(m.DATA, len(piece), self.blob(m.CONTENT, piece)))
            nodes += e.varint(1) + e.varint(len(piece)) + leaf
        return 1, len(pieces), self.blob(m.EXTENT_NODE, nodes)

    def manifest(self, entries, per_leaf):
        children = []
        for place in range(0, len(entries), per_leaf):
            run = entries[place : place + per_leaf]
            children.append(
                (
                    run[0].path(),
                    len(run),
                    sum(entry.size for entry in run),
                    self.blob(m.NAMES, e.names_leaf(run)),
                    self.blob(m.TIMES, e.times_leaf(run)),
                )
            )
        level = 1
        while level == 1 or len(children) > 1:
            groups = [children[place : place + 3] for place in range(0, len(children), 3)]
            children = [
                (
                    group[0][0],
                    sum(child[1] for child in group),
                    sum(child[2] for child in group),
                    self.blob(m.NODE, e.node(level, group)),
                    None,
                )
                for group in groups
            ]
            level += 1
        return children[0][3], level - 1

    def packs(self):
        """All blobs into two packs, described by one segment."""
        described, entries, first = [], [], 0
        for kind, wanted in (
            (c.PACK_DATA, lambda number: number == m.CONTENT),
            (c.PACK_META, lambda number: number != m.CONTENT),
        ):
            chosen = [(found, data, number) for found, (number, data) in self.found.items() if wanted(number)]
            blocks = [
                (
                    place % 2,
                    b"".join(data for _, data, _ in chosen[place : place + 4]),
                    [(found, len(data), number) for found, data, number in chosen[place : place + 4]],
                )
                for place in range(0, len(chosen), 4)
            ]
            sha, sealed = self.seal(
                "p",
                kind,
                b"",
                [((number + 1) % 2, plain, listed) for number, (_, plain, listed) in enumerate(blocks)],
                1,
            )
            opened = c.Container(
                lambda offset, size, sealed=sealed: sealed[offset : offset + size], len(sealed), lambda _: v.KEY
            )
            fields = [block.field() for block in opened.blocks]
            described.append((sha, len(sealed), opened.header.raw, fields))
            entries += [blob._replace(block=blob.block + first) for blob in opened.blobs]
            first += len(fields)
        self.seal("i", c.SEGMENT, b"", [(1, e.segment([], described, entries), [])], 2)

    def record(self, kind, sequence, sections, body):
        sealed = e.Sealer(
            c.RECORD,
            0,
            v.KEY,
            v.TID,
            v.KEY_ID,
            v.fixed("salt of record %d" % sequence),
            e.record_clear(kind, sequence, v.NOW + sequence, v.fixed("writer", 16), v.fixed("run", 16), sections),
        ).seal([(0, e.compact(body), [])])
        self.put(e.record_name(v.TID, v.NOW + sequence, sealed), sealed)
        return hashlib.sha256(sealed).digest()


def sample(writer):
    """The entries of the vectors with content that exists."""
    content, pieces, value = (
        v.fixed("some content", 5000),
        [v.fixed("piece %d" % n, 3000 + n) for n in range(9)],
        b"v" * 2000,
    )
    entries = v.sample_entries(writer.blob(m.CONTENT, content), None, writer.blob(m.XATTR, value))
    entries[-1].extents, entries[-1].size = writer.extent_tree(pieces), sum(map(len, pieces))
    return entries, b"".join(pieces)


def build(folder):
    writer = Writer(folder)
    writer.keystore()
    entries, big = sample(writer)
    root, depth = writer.manifest(entries, 2)
    writer.packs()
    head = writer.record(
        1,
        1,
        [],
        {
            "v": 1,
            "name": "acme",
            "policy": "plain",
            "state": "active",
            "class": "customer",
            "sources": [],
            "labels": {},
        },
    )
    body = {
        "v": 1,
        "root": root.hex(),
        "depth": depth,
        "leaf_mean": 2,
        "fan_out": 3,
        "started": "2026-11-21T09:12:46Z",
        "finished": "2026-11-21T09:12:47Z",
        "entries": len(entries),
        "bytes": sum(entry.size for entry in entries),
    }
    head = writer.record(2, 2, [(1, 1, head), (2, 1, e.listed(writer.roster))], body)
    halves = [sorted(writer.roster)[:2], sorted(writer.roster)[2:]]
    parts = [writer.seal("r", c.ROSTER_PART, e.listed(half), []) for half in halves]
    writer.record(
        2,
        3,
        [(1, 1, head), (3, 1, b"".join(sha + e.u(8, len(sealed)) for sha, sealed in parts)), (77, 0, b"unknown")],
        body,
    )
    return entries, big


def verify_restored(target, entries, big):
    """What was restored has the types, sizes, modes, times and content of the entries."""
    for entry in entries:
        path = os.path.join(os.fsencode(target), entry.path())
        if entry.flags & m.UNREADABLE or (entry.type in (m.CHARACTER, m.BLOCK) and not os.path.lexists(path)):
            continue
        info = os.lstat(path)
        if entry.type != m.HARD_LINK:
            demand(info.st_mtime_ns == entry.mtime[0] * 10**9 + entry.mtime[1], "times of %r" % path)
            demand(entry.type == m.LINK or stat.S_IMODE(info.st_mode) == entry.mode, "mode of %r" % path)
    base = os.path.join(os.fsencode(target), b"data/")
    with open(base + b"file", "rb") as file:
        demand(file.read() == v.fixed("some content", 5000) + bytes(995000), "content with a hole")
    with open(base + b"a/\xff\xfe name", "rb") as file:
        demand(file.read() == big, "content of an extent list")
    demand(os.stat(base + b"file").st_blocks * 512 < 100000, "a hole was filled")
    demand(os.path.samefile(base + b"file", base + b"hard") and os.readlink(base + b"link") == b"../elsewhere", "links")
    try:
        demand(os.getxattr(base + b"file", b"user.long") == b"v" * 2000, "extended attribute")
    except OSError:
        pass  # The file system of the temporary folder has none.


def refuses(what, call):
    try:
        call()
    except Damaged:
        return
    raise Damaged("the self-test went wrong: %s was not refused" % what)


def refusals(folder, holders):
    """Every byte of an object counts: each of a few hundred flips is refused, and so is a cut."""
    sealed = v.container_vector("zstd pack", c.PACK_MIXED, b"", [(1, b"abc" * 300, [v.blob(1, b"abc" * 300)])])[
        "object"
    ]

    def whole(data):
        c.Container(lambda offset, size: data[offset : offset + size], len(data), lambda _: v.KEY).body()

    whole(sealed)
    for place in range(len(sealed)):
        flipped = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        refuses("a flipped byte %d" % place, lambda flipped=flipped: whole(flipped))
    refuses("a cut object", lambda: whole(sealed[:-1]))
    for text in ("80", "8000", "ffffffffffffffffff02", "ffffffffffffffffffff01"):
        refuses("varint " + text, lambda text=text: c.Cursor(bytes.fromhex(text)).varint())
    for name in (b"..", b"a/b", b"", b".", b"a\0b"):
        entry = m.Entry((b"data",), name, m.FIFO, 0, 0o644, v.OWNER)
        refuses("the name %r" % name, lambda entry=entry: m.read_names(e.names_leaf([entry]), (b"data",)))
    place = ((b"data", b"b"), b"file")
    one = e.varint(1) + e.varint(0) + v.fixed("node 1", 20)
    m.read_node(b"\2\2" + one + e.varint(2) + e.string(b"c/d") + e.string(b"file") + one, place)
    for what, pops, push, name in (
        ("a key that goes back", 2, b"a", b"file"),
        ("a key that drops too much", 2, b"b/c", b"file"),
        ("a key that drops more than there is", 4, b"e", b"file"),
        ("a key that pushes nothing", 1, b"", b"file"),
        ("a key that pushes a dot", 1, b"c/.", b"file"),
        ("the same key twice", 0, None, b"file"),
        ("a key with a slash in its name", 0, None, b"g/h"),
    ):
        told = e.varint(pops) + (e.string(push) if push is not None else b"") + e.string(name)
        refuses(what, lambda told=told: m.read_node(b"\2\2" + one + told + one, place))
    store = Store(folder, holders)
    name = store.names(v.TID, "p")[0]
    os.rename(os.path.join(folder, name), os.path.join(folder, name + ".away"))
    refuses("a snapshot without a pack", lambda: Store(folder, holders).snapshot(v.TID, None))
    refuses("another key file", lambda: Store(folder, [keys.Holder("file", e.key_file(1, v.fixed("wrong")).encode())]))


def selftest():
    folder = tempfile.mkdtemp(prefix="hikae-readrepo-")
    try:
        store_folder, target = os.path.join(folder, "store"), os.path.join(folder, "restored")
        entries, big = build(store_folder)
        sheet = "Recovery sheet of epoch 1\n\n" + e.sheet(1, v.fixed("sheet")).lower().replace("-", " ") + "\n"
        for holder in (
            keys.Holder("file", e.key_file(1, v.fixed("key file")).encode()),
            keys.Holder("sheet", sheet.encode()),
        ):
            store = Store(store_folder, [holder])
            tid = store.tenant("acme")
            counts = check(store, tid)
            demand(
                counts["snapshots"] == 2 and counts["entries"] == 2 * len(entries) and counts["heads"] == 1,
                "the check counted otherwise",
            )
        record = store.snapshot(tid, None)
        blobs = Blobs(store, tid, store.roster(tid, record))
        restore = Restore(target, blobs)
        for entry in m.walk(blobs, record.body):
            restore.entry(entry)
        restore.finish()
        restore.close()
        verify_restored(target, entries, big)
        refusals(store_folder, [holder])
        demand(json.dumps(v.make()) == json.dumps(v.make()), "the vectors differ from call to call")
        return counts
    finally:
        shutil.rmtree(folder)
