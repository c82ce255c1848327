"""Holders, slots, root epochs and the keystore (§8)."""

import base64
import hashlib
import hmac
import json
import re
from collections import namedtuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from .container import Cursor, Damaged, demand, hkdf

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
SEALING, DEDUP, STORE_SIGNING, AUDIT_SIGNING = 1, 2, 3, 4
Entry = namedtuple("Entry", "type generation created tid key_id key")


def u64(number):
    return number.to_bytes(8, "little")


def read_key_file(text):
    """(epoch, key) of a key file's line."""
    match = re.fullmatch(r"(hikae-key-1 epoch ([1-9][0-9]*) ([0-9a-f]{64}) )([0-9a-f]{8})\n", text)
    demand(match, "this is not a key file")
    demand(hashlib.sha256(match[1].encode()).hexdigest()[:8] == match[4], "the key file's checksum differs")
    return int(match[2]), bytes.fromhex(match[3])


def sheet_check(epoch, key):
    return int.from_bytes(hashlib.sha256(b"hikae1 sheet check" + u64(epoch) + key).digest()[:3], "big") >> 4


def read_sheet(text, epochs):
    """(epoch, key) of a recovery sheet: the 14 groups of four in the text whose checksum fits one of the epochs."""
    text = text.upper().replace("O", "0").replace("I", "1").replace("L", "1")
    groups = re.findall(r"(?<![^\s-])[%s]{4}(?![^\s-])" % CROCKFORD, text)
    for first in range(len(groups) - 13):
        number = 0
        for digit in "".join(groups[first : first + 14]):
            number = number << 5 | CROCKFORD.index(digit)
        key, rest, check = number >> 24, number >> 20 & 15, number & 0xFFFFF
        key = key.to_bytes(32, "big")
        for epoch in epochs:
            if rest == 0 and sheet_check(epoch, key) == check:
                return epoch, key
    raise Damaged("the recovery sheet shows no key of an epoch of this store")


class Holder:
    """What the person at the keyboard has."""

    def __init__(self, kind, content):
        self.kind, self.content = kind, content

    def key(self, member, epoch):
        """The key of a member of a slot, or None if another holder is meant."""
        params = member["params"]
        if member["holder"] != self.kind:
            return None
        if self.kind == "passphrase":
            demand(params["n"] * params["r"] <= 1 << 24, "the scrypt parameters ask for more than 2 GiB")
            kdf = Scrypt(bytes.fromhex(params["salt"]), 32, params["n"], params["r"], params["p"])
            return kdf.derive(re.sub(rb"\r?\n\Z", b"", self.content))
        text = self.content.decode()
        of_epoch, key = read_key_file(text) if self.kind == "file" else read_sheet(text, [epoch])
        label = b"hikae1 key file" if self.kind == "file" else b"hikae1 sheet"
        if of_epoch != epoch or hashlib.sha256(label + key).hexdigest()[:16] != params["key_id"]:
            return None
        return key if self.kind == "file" else hkdf(key, b"hikae1 sheet", 32)


def unwrap(key, sealed, context):
    """Opens 12 bytes of nonce and a sealed 32-byte key, as shares and roots are stored; None if the key is another."""
    data = base64.b64decode(sealed, validate=True)
    demand(len(data) == 12 + 32 + 16, "a wrapped key has another length")
    try:
        return AESGCM(key).decrypt(data[:12], data[12:], context)
    except InvalidTag:
        return None


def open_group(group, epoch, holders):
    """The root key, if the holders at hand have all shares of the group."""
    name, shares = group["name"].encode(), []
    for member in group["members"]:
        context = b"hikae1 share" + u64(epoch) + name + b"\0" + member["name"].encode()
        tries = (holder.key(member, epoch) for holder in holders)
        opened = (unwrap(key, member["wrapped"], context) for key in tries if key)
        share = next((share for share in opened if share), None)
        if share is None:
            return None
        shares.append(share)
    demand(shares, "a group has no member")
    key = hkdf(b"".join(shares), b"hikae1 group", 32, bytes.fromhex(group["salt"]))
    return unwrap(key, group["root"], b"hikae1 root" + u64(epoch) + name)


def open_slots(clear, holders):
    """(epoch, root key or None) of the clear part of a slots object."""
    slots = json.loads(clear)
    demand(slots["v"] == 1, "unknown version of the slots")
    roots = (open_group(group, slots["epoch"], holders) for group in slots["groups"])
    try:
        return slots["epoch"], next((root for root in roots if root), None)
    except Damaged:
        return slots["epoch"], None


def epoch_id(root):
    return hkdf(root, b"hikae1 epoch id", 16)


def read_entries(body):
    """The entries of a keys object."""
    cursor, entries = Cursor(body), []
    while cursor.more():
        kind = cursor.number(1)
        demand(1 <= kind <= 4, "unknown type of key %d" % kind)
        cursor.zeros(3)
        entry = Entry(kind, cursor.number(4), cursor.number(8, True), cursor.take(16), cursor.take(16), cursor.take(32))
        demand(entry.generation >= 1, "a key has no generation")
        cursor.zeros(16)
        entries.append(entry)
    return entries


def blob_id(id_key, kind, data):
    return hmac.digest(id_key, bytes([kind]) + data, "sha256")[:20]
