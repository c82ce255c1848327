"""An encoder of the format as FORMAT.md has it: it makes the test vectors and the store of the self-test."""

import base64
import hashlib
import json

import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from . import container as c
from . import keys
from . import manifest as m
from .store import name_time


def u(size, value):
    return value.to_bytes(size, "little")


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def svarint(value):
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def string(data):
    return varint(len(data)) + data


def compact(value):
    return json.dumps(value, separators=(",", ":")).encode()


class Sealer:
    """One object. `blocks` are (codec, plain bytes, [(blob id, length, type)])."""

    def __init__(self, kind, key_kind, key, tid, key_id, salt, clear=b""):
        head = c.MAGIC + u(2, 1) + bytes([kind, 1, key_kind, 1, 0, 0]) + tid + key_id
        material = c.hkdf(key, b"hikae1 object\0\0\0" + head[8:48], 64, salt)
        self.key, self.clear = material[:32], clear
        self.header = head + salt + material[32:] + u(8, len(clear)) + bytes(8)

    def record(self, role, number, plain):
        return AESGCM(self.key).encrypt(c.nonce(role, number), plain, c.aad(self.header, self.clear, role, number))

    def seal(self, blocks):
        fields, blobs, body = b"", b"", b""
        for number, (codec, plain, listed) in enumerate(blocks):
            sealed = self.record(c.BLOCK, number, zstandard.ZstdCompressor(level=3).compress(plain) if codec else plain)
            fields += u(4, len(sealed)) + u(4, len(plain)) + u(4, len(listed)) + bytes([codec, 0, 0, 0])
            blobs += b"".join(wanted + u(3, length) + bytes([kind]) for wanted, length, kind in listed)
            body += sealed
        directory = fields + blobs
        start = c.HEADER_SIZE + len(self.clear)
        pad = start + len(body)
        least = pad + c.TAG_SIZE + len(directory) + c.TAG_SIZE + c.TRAILER_SIZE + c.TAG_SIZE
        zeros = c.padme(least) - least
        trailer = (
            u(8, start)
            + u(8, pad)
            + u(8, pad + c.TAG_SIZE + zeros)
            + u(8, len(directory) + c.TAG_SIZE)
            + u(8, least + zeros)
        )
        trailer += u(4, len(blocks)) + u(4, len(blobs) // 24) + bytes(16)
        return (
            self.header
            + self.clear
            + body
            + self.record(c.PAD, 0, bytes(zeros))
            + self.record(c.DIRECTORY, 0, directory)
            + self.record(c.TRAILER, 0, trailer)
        )


def extent(kind, length, wanted):
    return varint(length * 4 + kind) + (wanted if kind == m.DATA else b"")


def content(entry):
    data = varint(entry.size)
    if not entry.size or entry.flags & m.UNREADABLE:
        return data
    if isinstance(entry.extents, tuple):
        depth, count, root = entry.extents
        return data + varint(0) + u(1, depth) + varint(count) + root
    return data + varint(len(entry.extents)) + b"".join(extent(*item) for item in entry.extents)


def entry_bytes(entry, owners):
    data = (
        bytes([entry.type, entry.flags]) + string(entry.name) + varint(entry.mode) + varint(owners.index(entry.owner))
    )
    if entry.flags & m.HAS_FILE_FLAGS:
        data += varint(entry.file_flags)
    if entry.flags & m.HAS_XATTRS:
        data += varint(len(entry.xattrs))
        for name, value in entry.xattrs:
            data += string(name) + (
                b"\0" + string(value) if isinstance(value, bytes) else b"\1" + varint(value[0]) + value[1]
            )
    if entry.type in (m.LINK, m.HARD_LINK):
        data += string(entry.target)
    if entry.type in (m.CHARACTER, m.BLOCK):
        data += varint(entry.device[0]) + varint(entry.device[1])
    return data + (content(entry) if entry.type == m.FILE else b"")


def names_leaf(entries):
    owners, folder = [], entries[0].folder
    for entry in entries:
        if entry.owner not in owners:
            owners.append(entry.owner)
    data = varint(len(entries)) + varint(len(owners))
    for uid, gid, user, group in owners:
        data += varint(uid) + varint(gid) + string(user) + string(group)
    for entry in entries:
        if entry.folder == folder:
            data += varint(0)
        else:
            data += varint(len(folder) - len(entry.folder) + 2) + string(entry.folder[-1])
        folder = entry.folder
        data += entry_bytes(entry, owners)
    return data


def times_leaf(entries):
    data, mtime, inode = b"", 0, 0
    for entry in entries:
        data += svarint(c.i64(entry.mtime[0] - mtime)) + varint(entry.mtime[1])
        data += svarint(c.i64(entry.ctime[0] - entry.mtime[0])) + varint(entry.ctime[1])
        data += svarint(c.i64(entry.inode - inode)) + bytes([entry.racy])
        mtime, inode = entry.mtime[0], entry.inode
    return data


def key(before, path):
    """The key of a node's child, told from that of the child before."""
    (*last, _), (*folder, name) = before.split(b"/"), path.split(b"/")
    if last == folder:
        return varint(0) + string(name)
    shared = 0
    while shared < min(len(last), len(folder)) and last[shared] == folder[shared]:
        shared += 1
    return varint(1 + len(last) - shared) + string(b"/".join(folder[shared:])) + string(name)


def node(level, children):
    """children: (path, entries, bytes, id, id of the times or None); the path of the first is the parent's to state."""
    data, before = bytes([level]) + varint(len(children)), None
    for path, entries, size, first, times in children:
        data += key(before, path) if before is not None else b""
        data += varint(entries) + varint(size) + first + (times or b"")
        before = path
    return data


def listed(items):
    """A roster: (class, SHA-256, length), sorted."""
    return b"".join(u(1, cls) + bytes(7) + sha + u(8, size) for cls, sha, size in sorted(items))


def record_clear(kind, sequence, time, writer, run, sections):
    """sections: (type, critical, bytes)."""
    data = (
        bytes([kind, 1])
        + u(2, len(sections))
        + bytes(4)
        + u(8, sequence)
        + time.to_bytes(8, "little", signed=True)
        + writer
        + run
    )
    return data + b"".join(
        bytes([section, critical, 0, 0]) + u(4, len(body)) + body for section, critical, body in sections
    )


def record_name(tid, time, sealed):
    return "hikae1/t/%s/h/%s-%s" % (tid.hex(), name_time(time), hashlib.sha256(sealed).hexdigest())


def segment(superseded, packs, entries):
    """packs: (SHA-256, length, header, [16-byte fields of blocks]); entries: (id, block, offset, length, type)."""
    data = (
        u(4, len(packs))
        + u(4, sum(len(pack[3]) for pack in packs))
        + u(4, len(entries))
        + u(4, len(superseded))
        + b"".join(superseded)
    )
    data += b"".join(sha + u(8, size) + u(4, len(blocks)) + bytes(4) + header for sha, size, header, blocks in packs)
    data += b"".join(b"".join(blocks) for _, _, _, blocks in packs)
    return data + b"".join(
        wanted + u(4, block) + u(4, offset) + u(3, length) + u(1, kind)
        for wanted, block, offset, length, kind in sorted(entries)
    )


def key_entry(kind, generation, created, tid, key_id, key):
    return (
        u(1, kind)
        + bytes(3)
        + u(4, generation)
        + created.to_bytes(8, "little", signed=True)
        + tid
        + key_id
        + key
        + bytes(16)
    )


def key_file(epoch, key):
    line = "hikae-key-1 epoch %d %s " % (epoch, key.hex())
    return line + hashlib.sha256(line.encode()).hexdigest()[:8] + "\n"


def sheet(epoch, key):
    """The digits of a recovery sheet, in 14 groups of four."""
    number = int.from_bytes(key, "big") << 24 | keys.sheet_check(epoch, key)
    digits = "".join(keys.CROCKFORD[number >> shift & 31] for shift in range(275, -5, -5))
    return "-".join(digits[place : place + 4] for place in range(0, 56, 4))


def wrap(key, nonce, plain, context):
    return base64.b64encode(nonce + AESGCM(key).encrypt(nonce, plain, context)).decode()


def slots_clear(epoch, root, created, groups):
    """groups: (name, salt, nonce, [(holder, member name, params, holder key, share, nonce)])."""
    shown = []
    for name, salt, group_nonce, members in groups:
        context = keys.u64(epoch) + name.encode()
        wrapped = [
            {
                "holder": holder,
                "name": member,
                "params": params,
                "wrapped": wrap(key, nonce, share, b"hikae1 share" + context + b"\0" + member.encode()),
            }
            for holder, member, params, key, share, nonce in members
        ]
        key = c.hkdf(b"".join(member[4] for member in members), b"hikae1 group", 32, salt)
        shown.append(
            {
                "name": name,
                "salt": salt.hex(),
                "root": wrap(key, group_nonce, root, b"hikae1 root" + context),
                "members": wrapped,
            }
        )
    return compact({"v": 1, "epoch": epoch, "created": created, "groups": shown})


def slots_object(epoch, root, clear, salt):
    body = compact({"v": 1, "epoch": epoch, "epoch_id": keys.epoch_id(root).hex(), "state": "live"})
    return Sealer(c.SLOTS, 2, root, bytes(16), keys.epoch_id(root), salt, clear).seal([(0, body, [])])


def file_params(key):
    return {"key_id": hashlib.sha256(b"hikae1 key file" + key).hexdigest()[:16]}


def sheet_params(key):
    return {"key_id": hashlib.sha256(b"hikae1 sheet" + key).hexdigest()[:16]}
