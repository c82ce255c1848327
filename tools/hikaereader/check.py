"""Opens every object of a tenant and asserts what holds between objects."""

import os
from collections import Counter

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from . import container as c
from . import keys
from . import manifest as m
from .container import NoKey, demand, from_base64
from .store import CLASSES, LINKED, PREVIOUS, RETIRED, SNAPSHOT, Blobs, read_hashes, read_roster, read_segment


def check_unique(store, counts):
    """No two objects of the repository share a salt or a derived key, so no two records share key and nonce.

    In one object, role and number make every nonce, and an opened object has each of them once: the tiling shows it.
    """
    salts, derived = set(), set()
    for name in store.objects:
        with open(os.path.join(store.folder, name), "rb") as file:
            header = c.parse_header(file.read(c.HEADER_SIZE))
        demand(header.salt not in salts, "%s: its salt is used twice" % name)
        salts.add(header.salt)
        try:
            key = c.derive(header, store.find_key(header))
        except NoKey:
            counts["objects_without_key"] += 1
            continue
        demand(key not in derived, "%s: its key is used twice" % name)
        derived.add(key)
    counts["salts"], counts["object_keys"] = len(salts), len(derived)


def check_description(store):
    """The store's public keys belong to signing keys of its keystore."""
    for field, kind in (("sign", keys.STORE_SIGNING), ("audit", keys.AUDIT_SIGNING)):
        public = from_base64(store.description[field])
        seeds = [entry.key for entry in store.entries if entry.type == kind and entry.tid == store.tid]
        raw = [
            Ed25519PrivateKey.from_private_bytes(seed)
            .public_key()
            .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            for seed in seeds
        ]
        demand(public in raw, "the keystore lacks the signing key '%s' of the store object" % field)


def check_packs(store, tid, counts):
    """Every block of every pack decompresses, and every blob has the bytes that its id says."""
    packs, id_keys = {}, store.id_keys(tid)
    for name in store.names(tid, "p"):
        pack = packs[bytes.fromhex(store.objects[name]["sha"])] = store.open(name)
        current, data = None, b""
        for blob in pack.blobs:
            if blob.block != current:
                current, data = blob.block, pack.block(blob.block)
            piece = data[blob.offset : blob.offset + blob.length]
            demand(
                any(keys.blob_id(key, blob.type, piece) == blob.id for key in id_keys),
                "%s: blob %s has other bytes" % (name, blob.id.hex()),
            )
            counts["blobs_of_type_%d" % blob.type] += 1
            counts["bytes_of_type_%d" % blob.type] += blob.length
        pack.read = None  # What stays is the directory; the bytes need not.
        counts["packs"] += 1
        counts["blocks"] += len(pack.blocks)
    return packs


def check_segments(store, tid, packs, counts):
    """Segments say of the packs that are here what the packs say themselves."""
    for name in store.names(tid, "i"):
        opened = store.open(name)
        _, listed, blocks, entries = read_segment(opened.body())
        found = set()
        for sha, size, numbers, header in listed:
            pack = packs.get(sha)
            if pack is None:
                counts["packs_of_segments_not_here"] += 1
                continue
            demand(
                pack.header == header and pack.size == size and len(pack.blocks) == len(numbers),
                "%s: a pack is described wrongly" % name,
            )
            for number, block in zip(numbers, pack.blocks):
                demand(blocks[number] == block.field(), "%s: a block is described wrongly" % name)
            found.update(blob._replace(block=numbers[blob.block]) for blob in pack.blobs)
        here = {number for sha, _, numbers, _ in listed if sha in packs for number in numbers}
        for entry in entries:
            demand(entry.block not in here or entry in found, "%s: blob %s is elsewhere" % (name, entry.id.hex()))
        counts["segments"] += 1
        counts["segment_entries"] += len(entries)


def check_snapshot(store, tid, record, counts):
    """The whole manifest, and every blob that it names: there, of its type and length."""
    absent = store.missing(tid, record)
    if absent:
        counts["snapshots_that_do_not_count"] += 1
        return
    blobs = Blobs(store, tid, store.roster(tid, record))
    for entry in m.walk(blobs, record.body):
        counts["entries"] += 1
        for kind, length, wanted in m.extents(blobs, entry):
            counts["extents"] += 1
            demand(
                kind != m.DATA or blobs.length(wanted, m.CONTENT) == length,
                "%r: a blob has another length than its extent" % entry.path(),
            )
        for _, value in entry.xattrs:
            m.xattr_value(blobs, value)
    counts["snapshots"] += 1


def check_history(store, tid, counts):
    """Sequence numbers grow along the links, and retirements name snapshots; returns the number of heads."""
    records = {record.sha: record for record in store.history(tid)}
    linked = set()
    for record in records.values():
        previous = read_hashes(record.sections.get(PREVIOUS, b""))
        known = [records[sha].sequence for sha in previous if sha in records]
        counts["linked_records_not_here"] += len(previous) - len(known)
        if len(known) == len(previous):
            demand(
                record.sequence == 1 + max(known, default=0), "record %s has another sequence number" % record.sha.hex()
            )
        for sha in read_hashes(record.sections.get(RETIRED, b"")):
            demand(sha not in records or records[sha].type == SNAPSHOT, "something else than a snapshot is retired")
        linked.update(previous, read_hashes(record.sections.get(LINKED, b"")))
        counts["records"] += 1
    counts["heads"] = len(set(records) - linked)
    return records.values()


def check_parts(store, tid, counts):
    for name in store.names(tid, "r"):
        part = store.open(name)
        counts["roster_parts"] += 1
        counts["roster_part_objects"] += len(read_roster(part.clear))


def check(store, tid):
    """Checks a tenant and what all tenants share; returns what was counted. Damage is an exception."""
    counts = Counter()
    check_unique(store, counts)
    check_description(store)
    packs = check_packs(store, tid, counts)
    check_segments(store, tid, packs, counts)
    check_parts(store, tid, counts)
    check_history(store, tid, counts)
    for _, record, retired in store.snapshots(tid):
        if not retired:
            check_snapshot(store, tid, record, counts)
    demand(counts["packs"] or counts["records"], "nothing was checked")
    return dict(sorted(counts.items()))


def describe(store, path):
    """What an object file holds, for people: the header, and what the keys at hand open."""
    with open(path, "rb") as file:
        data = file.read()
    header = c.parse_header(data[: c.HEADER_SIZE])
    shown = {
        key: value.hex() if isinstance(value, bytes) else value
        for key, value in header._asdict().items()
        if key != "raw"
    }
    opened = c.Container(lambda offset, size: data[offset : offset + size], len(data), store.find_key)
    shown["blocks"] = [block._asdict() for block in opened.blocks]
    shown["blobs"] = [dict(blob._asdict(), id=blob.id.hex()) for blob in opened.blobs]
    if header.kind in (c.RECORD, c.SLOTS):
        shown["body"] = opened.body().decode()
    if header.kind == c.SLOTS:
        shown["clear"] = opened.clear.decode()
    if header.kind == c.ROSTER_PART:
        shown["roster"] = [[CLASSES[item.cls], item.sha.hex(), item.size] for item in read_roster(opened.clear)]
    if header.kind == c.KEYS:
        shown["entries"] = [
            [entry.type, entry.generation, entry.tid.hex(), entry.key_id.hex()]
            for entry in keys.read_entries(opened.body())
        ]
    return shown
