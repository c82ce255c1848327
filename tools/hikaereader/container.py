"""Integers and strings, and the container that every sealed object is (§2)."""

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections import namedtuple

import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

MAGIC = b"\x89HIKAE\r\n"
HEADER_SIZE, TRAILER_SIZE, TAG_SIZE = 128, 64, 16
MAX_CLEAR, MAX_BLOCK, MAX_OBJECT = 16 << 20, 4 << 20, 1 << 30
MAX_PAYLOAD = MAX_BLOCK + (MAX_BLOCK >> 8)  # The bound of zstd for a block that does not compress.
PACK_DATA, PACK_META, PACK_MIXED, SEGMENT, ROSTER_PART, RECORD, SLOTS, KEYS, AUDIT = range(1, 10)
BLOCK, PAD, DIRECTORY, TRAILER = range(4)
# The types of blobs that each kind of pack may hold.
HELD_TYPES = {PACK_DATA: range(1, 2), PACK_META: range(2, 8), PACK_MIXED: range(1, 8)}

Header = namedtuple("Header", "raw kind key_kind tid key_id salt commitment clear_length")
Blob = namedtuple("Blob", "id block offset length type")


class Block(namedtuple("Block", "offset sealed plain blobs codec")):
    """A block and where its record lies; `field` is how directories and segments list it."""

    def field(self):
        return struct.pack("<III4B", self.sealed, self.plain, self.blobs, self.codec, 0, 0, 0)


class Damaged(Exception):
    """What was read is not what the format allows."""


class NoKey(Damaged):
    """Nothing at hand opens this."""


def demand(condition, text):
    if not condition:
        raise Damaged(text)


class Cursor:
    """Reads fields one after the other and refuses to read past the end."""

    def __init__(self, data):
        self.data, self.place = data, 0

    def take(self, size):
        demand(size <= len(self.data) - self.place, "a field runs past the end")
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self, size, signed=False):
        return int.from_bytes(self.take(size), "little", signed=signed)

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            byte = self.number(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                demand(byte or not shift, "a varint is longer than it needs to be")
                demand(value < 1 << 64, "a varint exceeds 64 bits")
                return value
        raise Damaged("a varint is longer than 10 bytes")

    def svarint(self):
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def string(self):
        return self.take(self.varint())

    def zeros(self, size):
        demand(not any(self.take(size)), "a reserved field is not zero")

    def more(self):
        return self.place < len(self.data)

    def end(self):
        demand(not self.more(), "bytes are left over")


def parse_json(text):
    """JSON in which no object has a member twice."""

    def members(pairs):
        demand(len(dict(pairs)) == len(pairs), "a member of a JSON object comes twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=members)


def from_base64(text):
    """RFC 4648 §4 in its one form: with padding, and unused bits zero."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise Damaged("this is not base64: %s" % error) from error
    demand(base64.b64encode(data) == (text if isinstance(text, bytes) else text.encode()), "a sloppy form of base64")
    return data


def i64(value):
    """A number modulo 2^64 as two's complement: differences of i64 wrap."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def hkdf(key, label, size, salt=None):
    return HKDF(hashes.SHA256(), size, salt, label).derive(key)


def padme(length):
    """The smallest Padmé length that is not below `length`."""
    e = length.bit_length() - 1
    low = (1 << max(0, e - e.bit_length())) - 1
    return (length + low) & ~low


def parse_header(raw):
    cursor = Cursor(raw)
    demand(cursor.take(8) == MAGIC, "this is not a hikae container")
    demand(cursor.number(2) == 1, "unknown version of the container")
    kind, suite, key_kind, kdf = cursor.take(4)
    demand(1 <= kind <= 9, "unknown kind of object %d" % kind)
    demand(suite == 1 and kdf == 1, "unknown suite %d or KDF %d" % (suite, kdf))
    allowed = (2,) if kind in (SLOTS, KEYS) else (0, 2) if kind == AUDIT else (0,)
    demand(key_kind in allowed, "kind %d is not sealed under key kind %d" % (kind, key_kind))
    cursor.zeros(2)
    header = Header(raw, kind, key_kind, *(cursor.take(size) for size in (16, 16, 32, 32)), cursor.number(8))
    cursor.zeros(8)
    demand(header.clear_length <= MAX_CLEAR, "the clear part is too long")
    demand(kind > SEGMENT and kind != KEYS or not header.clear_length, "kind %d has no clear part" % kind)
    demand(kind not in (SLOTS, KEYS) or not any(header.tid), "a keystore entry names a tenant in its header")
    return header


def derive(header, key):
    """The object's own key, once the commitment shows that `key` is the right one."""
    material = hkdf(key, b"hikae1 object\0\0\0" + header.raw[8:48], 64, header.salt)
    demand(hmac.compare_digest(material[32:], header.commitment), "the commitment differs: wrong key or damaged header")
    return material[:32]


def nonce(role, number):
    return bytes([role, 0, 0, 0]) + number.to_bytes(8, "big")


def aad(header, clear, role, number):
    return hashlib.sha256(header + clear).digest() + bytes([role]) + number.to_bytes(8, "big")


def zstd_frame_size(data):
    """The length of the frame that data starts with: RFC 8878, section 3.1.1."""
    place, last = zstandard.frame_header_size(data), False
    while not last:
        head = int.from_bytes(data[place : place + 3], "little")
        last, kind, size = head & 1, head >> 1 & 3, head >> 3
        place += 3 + (1 if kind == 1 else size)
        demand(place <= len(data), "a zstd frame is cut short")
    return place + (4 if zstandard.get_frame_parameters(data).has_checksum else 0)


def decompress(data, plain):
    """One zstd frame of exactly `plain` bytes; more is never allocated."""
    try:
        parameters = zstandard.get_frame_parameters(data)
        demand(parameters.content_size == plain and parameters.dict_id == 0, "a zstd frame announces another size")
        demand(zstd_frame_size(data) == len(data), "a zstd block is not one frame")
        return zstandard.ZstdDecompressor().decompress(data)
    except zstandard.ZstdError as error:
        raise Damaged("a zstd block does not decompress: %s" % error) from error


class Container:
    """An opened object. `read(offset, size)` gives bytes; `find_key(header)` the key that the header names."""

    def __init__(self, read, size, find_key):
        self.read, self.size = read, size
        demand(HEADER_SIZE + TRAILER_SIZE + TAG_SIZE <= size <= MAX_OBJECT, "the object's length is out of range")
        self.header = parse_header(read(0, HEADER_SIZE))
        self.clear = read(HEADER_SIZE, self.header.clear_length)
        demand(len(self.clear) == self.header.clear_length, "the clear part is cut short")
        self.key = derive(self.header, find_key(self.header))
        self.prefix = hashlib.sha256(self.header.raw + self.clear).digest()
        self.read_trailer()

    def open(self, role, number, offset, size):
        try:
            context = self.prefix + bytes([role]) + number.to_bytes(8, "big")
            return AESGCM(self.key).decrypt(nonce(role, number), self.read(offset, size), context)
        except (InvalidTag, ValueError) as error:
            raise Damaged("record %d of role %d does not open" % (number, role)) from error

    def read_trailer(self):
        offset = self.size - TRAILER_SIZE - TAG_SIZE
        trailer = Cursor(self.open(TRAILER, 0, offset, TRAILER_SIZE + TAG_SIZE))
        start, pad, directory, directory_size, size = (trailer.number(8) for _ in range(5))
        block_count, blob_count = trailer.number(4), trailer.number(4)
        trailer.zeros(16)
        demand(size == self.size, "the trailer gives another length of the object")
        demand(start == HEADER_SIZE + len(self.clear), "the blocks do not start behind the clear part")
        demand(directory_size == block_count * 16 + blob_count * 24 + TAG_SIZE, "the directory does not fit its counts")
        demand(
            start <= pad and pad + TAG_SIZE <= directory and directory + directory_size == offset,
            "the records do not tile the object",
        )
        self.read_directory(
            Cursor(self.open(DIRECTORY, 0, directory, directory_size)), start, pad, block_count, blob_count
        )
        zeros = directory - pad - TAG_SIZE
        demand(self.open(PAD, 0, pad, zeros + TAG_SIZE) == bytes(zeros), "the padding is not zero")
        demand(size == padme(size - zeros), "the object's length is not the Padmé length of its content")

    def read_directory(self, cursor, start, pad, block_count, blob_count):
        self.blocks, self.blobs = [], []
        for _ in range(block_count):
            sealed, plain, blobs = (cursor.number(4) for _ in range(3))
            codec, dictionary = cursor.take(2)
            cursor.zeros(2)
            demand(codec in (0, 1) and dictionary == 0, "unknown codec %d or dictionary %d" % (codec, dictionary))
            demand(0 < plain <= MAX_BLOCK, "a block's plain length is out of range")
            demand(TAG_SIZE < sealed <= MAX_PAYLOAD + TAG_SIZE, "a block's sealed length is out of range")
            demand(bool(blobs) == self.is_pack(), "a block of a pack holds no blob, or another one holds blobs")
            demand(codec or sealed == plain + TAG_SIZE, "a stored block's lengths differ")
            self.blocks.append(Block(start, sealed, plain, blobs, codec))
            start += sealed
        demand(start == pad, "the blocks do not tile the object")
        demand(sum(block.blobs for block in self.blocks) == blob_count, "the blob counts of the blocks do not add up")
        for number, block in enumerate(self.blocks):
            offset = 0
            for _ in range(block.blobs):
                blob = Blob(cursor.take(20), number, offset, cursor.number(3), cursor.number(1))
                demand(self.may_hold(blob.type) and blob.length, "a blob's type or length is out of range")
                self.blobs.append(blob)
                offset += blob.length
            demand(not self.is_pack() or offset == block.plain, "the blobs of a block do not add up to it")
        cursor.end()
        demand(self.header.kind != ROSTER_PART or not self.blocks, "a roster part has blocks")

    def is_pack(self):
        return self.header.kind in HELD_TYPES

    def may_hold(self, blob_type):
        return blob_type in HELD_TYPES[self.header.kind]

    def block(self, number):
        block = self.blocks[number]
        data = self.open(BLOCK, number, block.offset, block.sealed)
        return decompress(data, block.plain) if block.codec else data

    def body(self):
        return b"".join(self.block(number) for number in range(len(self.blocks)))
