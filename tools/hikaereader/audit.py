"""The audit log (§10): segments, checkpoints, the tree of RFC 6962, and proofs. Needs no key for all but the entries."""

import hashlib
import os
import re
from collections import namedtuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from . import container as c
from .container import Container, Cursor, Damaged, demand, from_base64, parse_json

NAME = re.compile(
    r"hikae1/a/(?P<log>[0-9a-f]{32})/(?:(?P<first>[0-9]{12})-(?P<count>[0-9]{4})|c/(?P<size>[0-9]{12}))-(?P<sha>[0-9a-f]{64})"
)
MAX_LEAVES, MAX_ENTRY, NONCE_SIZE = 4096, 65536, 32
CLASSES = ("access", "operation", "authentication", "system", "evidence")
ORIGIN = re.compile(r"hikae/([0-9a-f]{32})/([0-9a-f]{32})")

Segment = namedtuple("Segment", "log first revision hashes leaves")
Checkpoint = namedtuple("Checkpoint", "store log size root time")


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_root(leaves):
    """MTH of RFC 6962 §2.1, level by level: a last node without a sibling moves up as it is."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    while len(leaves) > 1:
        pairs = [node_hash(*leaves[place : place + 2]) for place in range(0, len(leaves) - 1, 2)]
        leaves = pairs + leaves[len(leaves) & ~1 :]
    return leaves[0]


def root_from_path(index, size, leaf, path):
    """The root to which an audit path leads (RFC 9162 §2.1.3.2)."""
    demand(0 <= index < size, "there is no such leaf")
    node, last, found = index, size - 1, leaf
    for sibling in path:
        demand(last, "the path is too long")
        if node & 1 or node == last:
            found = node_hash(sibling, found)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        node, last = node >> 1, last >> 1
    demand(not last, "the path is too short")
    return found


def key_hash(name, public):
    return hashlib.sha256(name.encode() + b"\n\1" + public).digest()[:4]


def open_note(note, name, public):
    """The text of a signed note (c2sp.org/signed-note) that one line of signatures signs with this key."""
    demand(b"\n\n" in note and note.endswith(b"\n"), "it is no signed note")
    text, signatures = note.rsplit(b"\n\n", 1)
    text += b"\n"
    good = 0
    for line in signatures[:-1].split(b"\n"):
        words = line.decode().split(" ")
        demand(len(words) == 3 and words[0] == "\u2014", "a line of signatures is none")
        signature = from_base64(words[2])
        if words[1] == name and signature[:4] == key_hash(name, public):
            try:
                Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], text)
            except InvalidSignature as error:
                raise Damaged("the signature of a note is wrong") from error
            good += 1
    demand(good == 1, "the note is not signed by %s" % name)
    return text.decode()


def open_checkpoint(note, public):
    origin = ORIGIN.fullmatch(note.split(b"\n", 1)[0].decode())
    demand(origin, "it is no checkpoint")
    lines = open_note(note, origin[0], public).split("\n")
    demand(len(lines) >= 5 and re.fullmatch("0|[1-9][0-9]*", lines[1]), "the text of a checkpoint is none")
    root = from_base64(lines[2])
    demand(len(root) == 32 and lines[3].startswith("time "), "the text of a checkpoint is none")
    return Checkpoint(bytes.fromhex(origin[1]), bytes.fromhex(origin[2]), int(lines[1]), root, lines[3][5:])


def read_clear(clear):
    cursor = Cursor(clear)
    demand(cursor.number(1) == 1, "unknown format of a segment")
    cursor.zeros(7)
    log, first, count, revision = cursor.take(16), cursor.number(8), cursor.number(4), cursor.number(4)
    demand(1 <= count <= MAX_LEAVES, "a segment has no leaf, or too many")
    hashes = [cursor.take(32) for _ in range(count)]
    cursor.end()
    return Segment(log, first, revision, hashes, None)


def read_segment(data, find_key):
    """A segment; its leaves are None without a key, and each None where it has expired."""
    header = c.parse_header(data[: c.HEADER_SIZE])
    demand(header.kind == c.AUDIT, "it is no segment of the audit log")
    segment = read_clear(data[c.HEADER_SIZE : c.HEADER_SIZE + header.clear_length])
    if not find_key:
        return segment
    cursor = Cursor(Container(lambda offset, size: data[offset : offset + size], len(data), find_key).body())
    leaves = []
    for expected in segment.hashes:
        leaf = cursor.take(cursor.varint())
        leaves.append(leaf or None)
        demand(not leaf or leaf_hash(leaf) == expected, "an entry does not match its hash")
    cursor.end()
    return segment._replace(leaves=leaves)


def read_entry(leaf, log, number):
    demand(NONCE_SIZE < len(leaf) <= NONCE_SIZE + MAX_ENTRY, "an entry is too short or too long")
    entry = parse_json(leaf[NONCE_SIZE:].decode())
    demand(entry["v"] == 1 and entry["class"] in CLASSES, "unknown version or class of an entry")
    demand(entry["seq"] == number and entry["log"] == log.hex(), "entry %d says that it is another one" % number)
    for name, kind in (("op", str), ("user", str), ("host", str), ("result", str), ("uid", int), ("duration_ns", int)):
        demand(isinstance(entry[name], kind), "the %s of an entry is none" % name)
    return entry


class Logs:
    """Every log on one target, verified with the public key of the store object."""

    def __init__(self, folder, public, store, find_key=None):
        self.logs = {}
        top = os.path.join(folder, "hikae1/a")
        found = {}
        for parent, _, names in os.walk(top):
            for name in names:
                path = os.path.relpath(os.path.join(parent, name), folder)
                match = NAME.fullmatch(path)
                if match:
                    with open(os.path.join(folder, path), "rb") as file:
                        data = file.read()
                    demand(hashlib.sha256(data).hexdigest() == match["sha"], "%s: the bytes hash to another name" % path)
                    found.setdefault(bytes.fromhex(match["log"]), []).append((match, data))
        for log, objects in found.items():
            self.logs[log] = self.verify(log, objects, public, store, find_key)

    @staticmethod
    def verify(log, objects, public, store, find_key):
        segments = []
        for match, data in objects:
            if match["first"]:
                segment = read_segment(data, find_key)
                named = (log, int(match["first"]), int(match["count"]))
                demand((segment.log, segment.first, len(segment.hashes)) == named, "a segment has another one's name")
                segments.append(segment)
        hashes, leaves = {}, {}
        for segment in sorted(segments, key=lambda segment: segment.revision):
            for place, value in enumerate(segment.hashes, segment.first):
                demand(hashes.setdefault(place, value) == value, "there are two versions of entry %d" % place)
                if segment.leaves is not None:
                    leaf = segment.leaves[place - segment.first]
                    demand(leaf or segment.revision, "entry %d is gone from a segment never rewritten" % place)
                    leaves[place] = leaf
        demand(sorted(hashes) == list(range(len(hashes))), "entries are missing")
        ordered = [hashes[place] for place in range(len(hashes))]
        entries = [leaves[p] and read_entry(leaves[p], log, p) for p in range(len(leaves))]
        head = Checkpoint(store, log, 0, tree_root([]), "")
        for match, data in objects:
            if match["size"]:
                checkpoint = open_checkpoint(data, public)
                demand((checkpoint.store, checkpoint.log) == (store, log), "a checkpoint of another log")
                demand(checkpoint.size == int(match["size"]), "a checkpoint has another one's name")
                demand(checkpoint.size <= len(ordered), "a checkpoint covers more entries than there are")
                demand(tree_root(ordered[: checkpoint.size]) == checkpoint.root, "the entries lead to another root")
                head = max(head, checkpoint, key=lambda one: one.size)
        return ordered, entries, head


def check_logs(folder, description, find_key=None, earlier=None):
    """Verify all logs of a target, and that one of them continues an earlier checkpoint (a note)."""
    public, store = from_base64(description["audit"]), bytes.fromhex(description["store"])
    logs = Logs(folder, public, store, find_key).logs
    demand(logs, "there is no audit log: nothing was checked")
    if earlier:
        then = open_checkpoint(earlier, public)
        ordered = logs[then.log][0] if then.log in logs else []
        demand(then.size <= len(ordered), "the log is shorter than the earlier checkpoint")
        demand(tree_root(ordered[: then.size]) == then.root, "the log does not continue the earlier checkpoint")
    return [
        {
            "log": log.hex(),
            "size": len(ordered),
            "root": tree_root(ordered).hex(),
            "covered": head.size,
            "expired": sum(entry is None for entry in entries),
            "operations": [entry["op"] for entry in entries if entry],
        }
        for log, (ordered, entries, head) in logs.items()
    ]


def check_proof(proof, public=None):
    """Verify what `hikae audit prove -o` wrote; without a public key, with the one that it brings along."""
    name, short, typed = proof["verifier"].split("+", 2)
    key = from_base64(typed)
    demand(key[:1] == b"\1" and key_hash(name, key[1:]).hex() == short, "the verifier key is none")
    demand(public in (None, key[1:]), "the proof brings another key than the store's")
    checkpoint = open_checkpoint(proof["checkpoint"].encode(), key[1:])
    found = bytes.fromhex(proof["leaf_hash"])
    if proof["leaf"]:
        leaf = from_base64(proof["leaf"])
        demand(leaf_hash(leaf) == found, "the entry does not match its hash")
        read_entry(leaf, checkpoint.log, proof["index"])
    path = [bytes.fromhex(step) for step in proof["path"]]
    demand(
        root_from_path(proof["index"], checkpoint.size, found, path) == checkpoint.root,
        "the path does not lead to the root that was signed",
    )
    return {"log": checkpoint.log.hex(), "index": proof["index"], "size": checkpoint.size, "root": checkpoint.root.hex()}
