"""Test vectors: what the format's words mean in bytes, made by the encoder here and never by the writer under test.

Every secret, salt and nonce is derived from a label, so that the same vectors come out each time. All bytes are hex.
Objects with zstd blocks are for reading only: another version of the library may find other frames as good.
"""

import base64
import hashlib
import hmac

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from . import container as c
from . import encode as e
from . import keys
from . import manifest as m

NOW = 1795252366123456789  # 2026-11-21T09:12:46.123456789Z


def fixed(label, size=32):
    """Bytes that look random and are the same each time."""
    return hashlib.shake_128(b"hikae test vector: " + label.encode()).digest(size)


TID, KEY, KEY_ID, DEDUP, ROOT = (
    fixed("tid", 16),
    fixed("sealing key"),
    fixed("key id", 16),
    fixed("dedup secret"),
    fixed("root"),
)
ID_KEY = c.hkdf(DEDUP, b"hikae1 blob id", 32)
CUT_KEY = c.hkdf(DEDUP, b"hikae1 manifest cut", 32)
OWNER, ROOT_OWNER = (1000, 1000, b"aki", b"users"), (0, 0, b"root", b"")


def hexed(value):
    """JSON of a value, bytes as hex."""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {key: hexed(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [hexed(item) for item in value]
    return value


def sample_entries(wanted=fixed("content", 20), tree=fixed("tree", 20), value=fixed("value", 20)):
    """One entry of each type; times before 1970, names that are not UTF-8, an inode number over 2^63."""

    def entry(folder, name, kind, **more):
        fields = dict(
            flags=0, mode=0o644, owner=OWNER, mtime=(1795252366, 123456789), ctime=(1795252370, 0), inode=4711
        )
        fields.update(more)
        return m.Entry(folder, name, kind, **fields)

    top, below = (b"data",), (b"data", b"a")
    return [
        entry((), b"data", m.FOLDER, mode=0o755, owner=ROOT_OWNER, inode=2),
        entry(top, b"a", m.FOLDER, mode=0o1777, flags=m.HAS_FILE_FLAGS, file_flags=0x40),
        entry(top, b"a-b", m.FILE, size=0, extents=[]),
        entry(top, b"char", m.CHARACTER, mode=0o620, device=(4, 300)),
        entry(top, b"disk", m.BLOCK, mode=0o660, device=(259, 1)),
        entry(
            top,
            b"file",
            m.FILE,
            size=1000000,
            extents=[(m.DATA, 5000, wanted), (m.HOLE, 990000, None), (m.ZEROS, 5000, None)],
            flags=m.HAS_XATTRS | m.CHANGED,
            xattrs=[(b"user.long", (2000, value)), (b"user.short", b"\0\xff")],
            racy=True,
        ),
        entry(top, b"hard", m.HARD_LINK, target=b"data/file"),
        entry(top, b"link", m.LINK, mode=0o777, target=b"../elsewhere"),
        entry(top, b"pipe", m.FIFO, inode=(1 << 64) - 3),
        entry(top, b"sock", m.SOCKET, mtime=(-1, 999999999), ctime=(-5, 1)),
        entry(top, b"unreadable", m.FILE, flags=m.UNREADABLE, size=77, extents=[]),
        entry(below, b"\xff\xfe name", m.FILE, size=10**12, extents=(1, 300000, tree)),
    ]


def entry_json(entry):
    shown = dict(vars(entry), path=entry.path(), inode=str(entry.inode))  # Few JSON parsers take 64 bits.
    if isinstance(entry.extents, tuple):
        depth, count, root = shown.pop("extents")
        shown["extent_tree"] = {"depth": depth, "count": count, "root": root}
    return shown


def container_vector(name, kind, clear, blocks):
    salt = fixed("salt of " + name)
    sealer = e.Sealer(kind, 0, KEY, TID, KEY_ID, salt, clear)
    sealed = sealer.seal(blocks)
    return {
        "name": name,
        "kind": kind,
        "key_kind": 0,
        "key": KEY,
        "tid": TID,
        "key_id": KEY_ID,
        "salt": salt,
        "clear": clear,
        "object_key": sealer.key,
        "commitment": sealer.header[80:112],
        "blocks": [
            {
                "codec": codec,
                "plain": plain,
                "blobs": [{"id": wanted, "length": length, "type": number} for wanted, length, number in listed],
            }
            for codec, plain, listed in blocks
        ],
        "object": sealed,
        "sha256": hashlib.sha256(sealed).digest(),
    }


def blob(kind, data):
    return keys.blob_id(ID_KEY, kind, data), len(data), kind


def containers():
    texts = [b"hikae keeps a copy. " * 40, b"x", fixed("incompressible", 700)]
    record = e.record_clear(
        3, 7, NOW, fixed("writer", 16), fixed("run", 16), [(1, 1, fixed("head")), (4, 1, fixed("retired"))]
    )
    return [
        container_vector(
            "stored pack",
            c.PACK_DATA,
            b"",
            [(0, texts[0] + texts[1], [blob(1, texts[0]), blob(1, texts[1])]), (0, texts[2], [blob(1, texts[2])])],
        ),
        container_vector(
            "zstd pack", c.PACK_MIXED, b"", [(1, texts[0], [blob(2, texts[0])]), (0, texts[2], [blob(1, texts[2])])]
        ),
        container_vector("record", c.RECORD, record, [(0, b'{"v":1,"reasons":[]}', [])]),
        container_vector("roster part", c.ROSTER_PART, e.listed([(1, fixed("pack"), 33554432)]), []),
    ]


def manifest_vectors():
    entries = sample_entries()
    first, second = fixed("node 1", 20), fixed("node 2", 20)
    extents = [
        (m.DATA, 65536, fixed("e1", 20)),
        (m.HOLE, 1 << 40, None),
        (m.DATA, (4 << 20) - 1, fixed("e2", 20)),
        (m.ZEROS, 1, None),
    ]
    # The key of a node is that of its first child; that of a root is empty.
    root_children = [(b"", 12, 10**12 + 1000077, first, second), (b"data/a/b", 3, 0, second, first)]
    leaf_children = [
        (b"data/a/b/file", 3, 1, first, second),
        (b"data/a/b/other", 1, 0, second, first),  # The same directory.
        (b"data/a/b/c/d/file", 7, 9, first, first),  # Two down.
        (b"data/a/b-c/e/file", 2, 1 << 33, first, second),  # Three up, two down.
        (b"other/\xff\xfe name/file", 300, 5, second, second),  # All the way.
    ]
    node_children = [
        (b"data/b", 400, 1 << 40, first, None),
        (b"data/b/c", 5, 6, second, None),
        (b"data/c/d", 1, 0, first, None),
    ]

    def children(listed):
        return [dict(zip(("path", "entries", "bytes", "id", "times"), child)) for child in listed]

    return {
        "leaf": {
            "folder": [],
            "entries": [entry_json(entry) for entry in entries],
            "names": e.names_leaf(entries),
            "times": e.times_leaf(entries),
        },
        "leaf_inside": {
            "folder": entries[-1].folder,
            "entries": [entry_json(entries[-1])],
            "names": e.names_leaf(entries[-1:]),
            "times": e.times_leaf(entries[-1:]),
        },
        "extent_leaf": {
            "extents": [list(item) for item in extents],
            "bytes": b"".join(e.extent(*item) for item in extents),
        },
        "extent_node": {
            "children": [[4, 70000, first], [200, 1 << 33, second]],
            "bytes": b"".join(
                e.varint(n) + e.varint(size) + wanted for n, size, wanted in ((4, 70000, first), (200, 1 << 33, second))
            ),
        },
        "nodes": [
            {"level": level, "key": listed[0][0], "children": children(listed), "bytes": e.node(level, listed)}
            for level, listed in ((1, root_children), (1, leaf_children), (2, node_children))
        ],
        "cuts": [
            {
                "level": level,
                "name": name,
                "value": int.from_bytes(hmac.digest(CUT_KEY, bytes([level]) + name, "sha256")[:4], "little"),
            }
            for level, name in ((0, b"a"), (0, b"\xff\xfe name"), (1, b"a"), (2, b""))
        ],
    }


def key_vectors():
    file_key, sheet_key, phrase = fixed("key file"), fixed("sheet"), b"a long passphrase, \xe6\x8e\xa7"
    params = {"salt": fixed("scrypt salt", 16).hex(), "n": 1024, "r": 8, "p": 1}
    phrase_key = Scrypt(bytes.fromhex(params["salt"]), 32, 1024, 8, 1).derive(phrase)
    shares = [fixed("share %d" % number) for number in range(3)]
    groups = [
        (
            "daily",
            fixed("group salt 1", 16),
            fixed("nonce 1", 12),
            [("file", "host", e.file_params(file_key), file_key, shares[0], fixed("nonce 2", 12))],
        ),
        (
            "safe",
            fixed("group salt 2", 16),
            fixed("nonce 3", 12),
            [
                (
                    "sheet",
                    "paper",
                    e.sheet_params(sheet_key),
                    c.hkdf(sheet_key, b"hikae1 sheet", 32),
                    shares[1],
                    fixed("nonce 4", 12),
                ),
                ("passphrase", "person", params, phrase_key, shares[2], fixed("nonce 5", 12)),
            ],
        ),
    ]
    clear = e.slots_clear(3, ROOT, "2026-11-21T09:12:46Z", groups)
    body = (
        e.key_entry(keys.SEALING, 1, NOW, TID, KEY_ID, KEY)
        + e.key_entry(keys.DEDUP, 1, NOW, TID, fixed("dedup id", 16), DEDUP)
        + e.key_entry(keys.STORE_SIGNING, 1, NOW, fixed("store tid", 16), fixed("sign id", 16), fixed("seed"))
    )
    line, signature, public = store_lines(fixed("seed"), fixed("seed"), fixed("store tid", 16))
    return {
        "key_file": {
            "epoch": 3,
            "key": file_key,
            "line": e.key_file(3, file_key),
            "key_id": e.file_params(file_key)["key_id"],
        },
        "sheet": {
            "epoch": 3,
            "key": sheet_key,
            "digits": e.sheet(3, sheet_key),
            "key_id": e.sheet_params(sheet_key)["key_id"],
            "holder_key": c.hkdf(sheet_key, b"hikae1 sheet", 32),
        },
        "passphrase": {"passphrase": phrase, "params": params, "holder_key": phrase_key},
        "slots": {
            "epoch": 3,
            "root": ROOT,
            "epoch_id": keys.epoch_id(ROOT),
            "clear": clear.decode(),
            "shares": shares,
            "object": e.slots_object(3, ROOT, clear, fixed("slots salt")),
        },
        "keys": {
            "body": body,
            "entries": [dict(entry._asdict()) for entry in keys.read_entries(body)],
            "object": e.Sealer(c.KEYS, 2, ROOT, bytes(16), keys.epoch_id(ROOT), fixed("keys salt")).seal(
                [(0, body, [])]
            ),
        },
        "store": {
            "seed": fixed("seed"),
            "public": public,
            "line": line.decode(),
            "signature": signature.decode(),
            "object": line + b"\n" + signature + b"\n",
        },
    }


def store_lines(sign_seed, audit_seed, tid):
    """(line, base64 signature, public key) of a store object."""
    private = [Ed25519PrivateKey.from_private_bytes(seed) for seed in (sign_seed, audit_seed)]
    public = [
        key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw) for key in private
    ]
    line = e.compact(
        {
            "v": 1,
            "format": "hikae1",
            "store": fixed("store", 16).hex(),
            "store_tid": tid.hex(),
            "created": "2026-11-21T09:12:46Z",
            "test_clock": True,
            "sign": base64.b64encode(public[0]).decode(),
            "audit": base64.b64encode(public[1]).decode(),
        }
    )
    return line, base64.b64encode(private[0].sign(line)), public[0]


def integers():
    numbers = [0, 1, 127, 128, 300, 16383, 16384, 2**32 - 1, 2**63 - 1, 2**64 - 1]
    signed = [0, -1, 1, -64, 64, 2**31, -(2**63), 2**63 - 1]
    refused = ["8000", "80", "ff00", "ffffffffffffffffff02", "ffffffffffffffffffff01"]
    return {
        "varint": [[str(number), e.varint(number)] for number in numbers],
        "svarint": [[str(number), e.svarint(number)] for number in signed],
        "refused": refused,
    }


def segment_vector(pack):
    """A segment over one pack of the container vectors."""
    opened = c.Container(
        lambda offset, size: pack["object"][offset : offset + size], len(pack["object"]), lambda _: KEY
    )
    fields = [block.field() for block in opened.blocks]
    body = e.segment([fixed("superseded")], [(pack["sha256"], opened.size, opened.header.raw, fields)], opened.blobs)
    return {
        "body": body,
        "superseded": [fixed("superseded")],
        "pack": pack["name"],
        "entries": [item._asdict() for item in sorted(opened.blobs)],
    }


def record_vectors():
    roster = [(1, fixed("pack"), 33554432), (2, fixed("segment"), 70000), (1, fixed("pack 2"), 1024)]
    writer, run = fixed("writer", 16), fixed("run", 16)
    inline = [(1, 1, fixed("head") + fixed("head 2")), (2, 1, e.listed(roster))]
    head = (1, 1, fixed("head"))
    parts = [head, (3, 1, fixed("part") + e.u(8, 49152)), (99, 0, b"to be ignored")]

    def shown(sections):
        return [{"type": kind, "critical": critical, "bytes": data} for kind, critical, data in sections]

    return {
        "roster": [{"class": cls, "sha256": sha, "length": size} for cls, sha, size in sorted(roster)],
        "roster_bytes": e.listed(roster),
        "records": [
            {
                "type": 2,
                "sequence": number,
                "time": NOW + number,
                "writer": writer,
                "run": run,
                "sections": shown(sections),
                "clear": e.record_clear(2, number, NOW + number, writer, run, sections),
            }
            for number, sections in ((8, inline), (9, parts))
        ],
        "name": {"time": NOW, "tid": TID, "sealed": b"sealed", "name": e.record_name(TID, NOW, b"sealed")},
        "refused": [
            e.record_clear(*fields, sections)
            for fields, sections in (
                ((3, 8, NOW, writer, run), [head, (99, 1, b"")]),  # unknown and critical
                ((2, 8, NOW, writer, run), [head, (2, 1, b"\1" * 47)]),  # no whole row
                ((2, 8, NOW, writer, run), [head, inline[1], parts[1]]),  # a roster and roster parts
                ((2, 8, NOW, writer, run), [head]),  # neither
                ((3, 8, NOW, writer, run), [head, head]),  # a section twice
                ((3, 8, NOW, writer, run), [head, parts[2], parts[2]]),  # an unknown one twice
                ((3, 8, NOW, writer, run), []),  # a sequence number without previous records
                ((3, 1, NOW, writer, run), [head]),  # the first one, after another
                ((3, 1 << 63, NOW, writer, run), [head]),
                ((13, 8, NOW, writer, run), [head]),
                ((2, 8, NOW, writer, run), [head, (2, 1, e.listed(roster)[48:] + e.listed(roster)[:48])]),  # unsorted
            )
        ],
    }


def make():
    labels = [(b"hikae1 blob id", 32), (b"hikae1 chunker", 2048), (b"hikae1 manifest cut", 32)]
    lengths = [226, 256, 257, 300, 1000, 4095, 4096, 4097, 65537, 1000000, 33554432, 33554433, 2**40 + 1]
    return hexed(
        {
            "format": 1,
            "integers": integers(),
            "hkdf": [
                {"key": DEDUP, "label": label.decode(), "size": size, "out": c.hkdf(DEDUP, label, size)}
                for label, size in labels
            ],
            "padme": [[length, c.padme(length)] for length in lengths],
            "blob_ids": {
                "dedup": DEDUP,
                "id_key": ID_KEY,
                "ids": [
                    {"type": kind, "data": data, "id": keys.blob_id(ID_KEY, kind, data)}
                    for kind, data in ((1, b"a"), (2, b"a"), (7, fixed("data", 100)))
                ],
            },
            "containers": containers(),
            "segment": segment_vector(containers()[0]),
            "manifest": manifest_vectors(),
            "history": record_vectors(),
            "keys": key_vectors(),
        }
    )
