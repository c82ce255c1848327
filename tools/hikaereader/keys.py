"""Holders, slots, root epochs and the keystore (§8)."""

import hashlib
import hmac
import re
from collections import namedtuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from .container import Cursor, Damaged, demand, from_base64, hkdf, parse_json

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
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


def sheet_digits(text):
    """Yields the digits of whole lines, in a row but for blank ones, that have 56 together."""
    run = []
    for line in text.upper().split("\n") + ["end"]:
        digits = re.sub(r"[ \t\r\f-]", "", line).translate(str.maketrans("OIL", "011"))
        if set(digits) <= set(CROCKFORD) and line != "end":
            run += [digits] * bool(digits)
            continue
        for first in range(len(run)):
            for last in range(first, len(run)):
                if sum(map(len, run[first : last + 1])) == 56:
                    yield "".join(run[first : last + 1])
        run = []


def read_sheet(text, epoch):
    """The key of a recovery sheet: the digits whose checksum fits the epoch."""
    demand(len(text.encode()) <= 16384, "a recovery sheet is too long")
    for digits in sheet_digits(text):
        number = 0
        for digit in digits:
            number = number << 5 | CROCKFORD.index(digit)
        key, rest, check = number >> 24, number >> 20 & 15, number & 0xFFFFF
        key = key.to_bytes(32, "big")
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
        phrase = re.sub(rb"\r?\n.*", b"", self.content, flags=re.DOTALL)
        if self.kind == "passphrase" and "kdf" in params:
            salt, iterations = bytes.fromhex(params["salt"]), params["iterations"]
            demand(
                params["kdf"] == "pbkdf2-hmac-sha256" and len(salt) == 16 and 600000 <= iterations <= 10000000,
                "the PBKDF2 parameters are out of range",
            )
            return hashlib.pbkdf2_hmac("sha256", phrase, salt, iterations)
        if self.kind == "passphrase":
            salt, n, r, p = bytes.fromhex(params["salt"]), params["n"], params["r"], params["p"]
            demand(
                len(salt) == 16 and 2 <= n <= 1 << 20 and n & (n - 1) == 0 and 1 <= r <= 16 and 1 <= p <= 4,
                "the scrypt parameters are out of range",
            )
            return Scrypt(salt, 32, n, r, p).derive(phrase)
        text = self.content.decode()
        of_epoch, key = read_key_file(text) if self.kind == "file" else read_sheet(text, epoch)
        label = b"hikae1 key file" if self.kind == "file" else b"hikae1 sheet"
        if of_epoch != epoch or hashlib.sha256(label + key).hexdigest()[:16] != params["key_id"]:
            return None
        return key if self.kind == "file" else hkdf(key, b"hikae1 sheet", 32)


def unwrap(key, sealed, context):
    """Opens 12 bytes of nonce and a sealed 32-byte key, as shares and roots are stored; None if the key is another."""
    data = from_base64(sealed)
    demand(len(data) == 12 + 32 + 16, "a wrapped key has another length")
    try:
        return AESGCM(key).decrypt(data[:12], data[12:], context)
    except InvalidTag:
        return None


def open_group(group, epoch, holders):
    """The root key, if the holders at hand have all shares of the group."""
    name, shares = group["name"].encode(), []
    demand(NAME.fullmatch(group["name"]) and 1 <= len(group["members"]) <= 32, "a group's name or size is out of range")
    demand(re.fullmatch("[0-9a-f]{32}", group["salt"]), "a group's salt is not 16 bytes")
    for member in group["members"]:
        demand(NAME.fullmatch(member["name"]), "a member has no proper name")
        context = b"hikae1 share" + u64(epoch) + name + b"\0" + member["name"].encode()
        tries = (holder.key(member, epoch) for holder in holders)
        opened = (unwrap(key, member["wrapped"], context) for key in tries if key)
        share = next((share for share in opened if share), None)
        if share is None:
            return None
        shares.append(share)
    key = hkdf(b"".join(shares), b"hikae1 group", 32, bytes.fromhex(group["salt"]))
    return unwrap(key, group["root"], b"hikae1 root" + u64(epoch) + name)


def open_slots(clear, holders):
    """(epoch, root key or None) of the clear part of a slots object."""
    demand(len(clear) <= 1 << 20, "the slots are too long")
    slots = parse_json(clear)
    demand(slots["v"] == 1 and 1 <= slots["epoch"] < 1 << 32, "unknown version of the slots, or no epoch")
    demand(1 <= len(slots["groups"]) <= 32, "the number of groups is out of range")
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
