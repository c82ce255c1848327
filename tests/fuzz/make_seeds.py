#!/usr/bin/python3
"""Makes the seeds of the fuzzers from the test vectors of the format: make_seeds.py (run it anywhere).

Seeds that a search has found beside these stay as they are.
"""

import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def put(name, seed, data):
    folder = os.path.join(HERE, "corpus", name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, seed), "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())


def part(data):
    return struct.pack("<H", len(data)) + data


def main():
    with open(os.path.join(HERE, "..", "vectors", "format-1.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    hexed = bytes.fromhex

    for item in vectors["containers"]:
        name = item["name"].replace(" ", "-")
        put("container", name, hexed(item["object"]))
        put("record", name, hexed(item["object"]))
    put("directory", "one-block", pack([[(1000, 1)]]))
    put("directory", "two-blocks", pack([[(500, 1), (300, 2)], [(7, 4)]], kind=3))
    put("directory", "body", pack([[(900, None)]], kind=6))
    put("directory", "empty", pack([], kind=6))
    put("segment", "one-pack", hexed(vectors["segment"]["body"]))

    manifest = vectors["manifest"]
    for name in ("leaf", "leaf_inside"):
        leaf = manifest[name]
        key = hexed(leaf["entries"][0]["path"])
        put("manifest_leaf", name, part(key) + part(hexed(leaf["times"])) + hexed(leaf["names"]))
    for i, node in enumerate(manifest["nodes"]):
        put("manifest_node", f"node-{i}", bytes([node["level"]]) + hexed(node["bytes"]))
    leaf = hexed(manifest["extent_leaf"]["bytes"])
    sizes = [extent[1] for extent in manifest["extent_leaf"]["extents"]]
    put("extents", "leaf", struct.pack("<BHQ", 1, len(sizes), sum(sizes)) + part(leaf))
    node = hexed(manifest["extent_node"]["bytes"])
    put("extents", "node", struct.pack("<BHQ", 2, 2 * len(sizes), 2 * sum(sizes)) + part(node) + part(leaf) * 2)

    bodies = {
        1: '{"v":1,"name":"acme","policy":"plain","state":"active","class":"customer","sources":[],"labels":{}}',
        2: '{"v":1,"root":"%s","depth":1,"leaf_mean":32,"fan_out":64,"parent":null,"started":"2026-11-21T09:12:46Z",'
        '"finished":"2026-11-21T09:12:47Z","entries":3,"bytes":100,"errors":0,"sources":[{"name":"data","spec":"dir:/srv"}],'
        '"tag":null,"keep_until":null,"on_demand":false,"packs":1,"host":"h","version":"0.1.0"}' % ("ab" * 20),
        3: '{"v":1,"reasons":[{"snapshot":"0123456789abcdef","reason":"older than 7 days"}]}',
        5: '{"v":1,"hold":"4711","who":"counsel","why":"case 4711","until":"2027-01-01T00:00:00Z"}',
        6: '{"v":1,"hold":"4711","who":"counsel","why":"closed"}',
        7: '{"v":1,"snapshot":"0123456789abcdef","tag":"before-upgrade","keep_until":null}',
        8: '{"v":1,"snapshot":"0123456789abcdef","level":"data","target":"tokyo","checked":9,"sound":9,"damaged":0,"unknown":0}',
        9: '{"v":1,"event":"end","on":"2026-12-31","deadline":"2027-01-31"}',
        10: '{"v":1,"name":"daily","sha256":"%s","text":"keep: all"}' % ("cd" * 32),
        11: '{"v":1,"event":"add","name":"ops","key":"abc"}',
        12: '{"v":1,"event":"add","name":"tokyo","url":"file:///a"}',
    }
    chain = b""
    for i, record in enumerate(vectors["history"]["records"]):
        clear = hexed(record["clear"])
        one = part(clear) + part(bodies.get(record["type"], '{"v":1}').encode())
        put("history", f"record-{i}", one)
        chain += one
    for kind, body in bodies.items():
        put("history", f"body-{kind}", part(first_clear(vectors, kind)) + part(body.encode()))
    put("history", "chain", chain)

    put("slots", "two-groups", vectors["keys"]["slots"]["clear"])
    put("sheet", "digits", vectors["keys"]["sheet"]["digits"])
    put("sheet", "typed", vectors["keys"]["sheet"]["digits"].lower().replace("-", " ").replace("0", "o"))
    put("config", "whole", CONFIG)
    put("config", "short", "state: s\ntargets: []\n")
    for i, url in enumerate(URLS):
        put("url", f"url-{i}", url)
    for i, text in enumerate(EXCLUDES):
        put("exclude", f"patterns-{i}", text)


def padme(size):
    """The smallest length of Padme's that is not shorter (FORMAT.md, section 2)."""
    e = size.bit_length() - 1
    low = e - e.bit_length()
    return (size + (1 << low) - 1) >> low << low


def pack(blocks, kind=1):
    """Input of fuzz_directory: stored blocks, each a list of the lengths and types of its blobs (type None: no blobs)."""
    rows = blobs = b""
    room = count = 0
    for block in blocks:
        plain = sum(length for length, _ in block)
        listed = [item for item in block if item[1] is not None]
        rows += struct.pack("<IIIBBH", plain + 16, plain, len(listed), 0, 0, 0)
        for length, kind_of_blob in listed:
            blobs += bytes(range(20)) + struct.pack("<I", length | kind_of_blob << 24)
        room += plain + 16
        count += len(listed)
    whole = 128 + room + 16 + len(rows + blobs) + 16 + 80
    trailer = bytes(40) + struct.pack("<II", len(blocks), count) + bytes(8)
    return bytes([kind]) + trailer + struct.pack("<HH", room, padme(whole) - whole) + rows + blobs


def first_clear(vectors, kind):
    """The clear part of a tenant's first record; a snapshot has an empty roster, others no section."""
    head = bytes.fromhex(vectors["history"]["records"][0]["clear"])[:56]
    sections = struct.pack("<BBHI", 2, 1, 0, 0) if kind == 2 else b""
    return struct.pack("<BBHIQ", kind, 1, 1 if sections else 0, 0, 1) + head[16:] + sections


def audit_seeds():
    """One seed of each parser of the audit log; the segment is sealed under the key of the vectors."""
    import hashlib
    import sys

    sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
    from hikaereader import encode

    with open(os.path.join(HERE, "..", "vectors", "format-1.json"), encoding="utf-8") as file:
        item = json.load(file)["containers"][0]
    entry = (
        '{"v":1,"time":"2026-11-21T09:12:46.000000001Z","op":"restore","class":"access","tenant":null,"user":"root",'
        '"uid":0,"login":null,"operator":null,"host":"h","counts":{"entries":3},"details":{},"id":"%s","result":"ok",'
        '"duration_ns":5,"log":"%s","seq":0}' % ("ab" * 16, "11" * 16)
    ).encode()
    leaf = bytes(range(32)) + entry
    hashes = [hashlib.sha256(b"\0" + leaf).digest(), bytes(32)]
    clear = bytes([1]) + bytes(7) + b"\x11" * 16 + struct.pack("<QII", 0, 2, 1) + b"".join(hashes)
    tid, key_id, key = (bytes.fromhex(item[name]) for name in ("tid", "key_id", "key"))
    sealer = encode.Sealer(9, 0, key, tid, key_id, bytes(32), clear)
    name = "hikae1/a/%s/000000000000-0002-%s" % ("11" * 16, "cd" * 32)
    note = (
        "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
        "\u2014 PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    )
    checkpoint = "hikae/%s/%s\n5\n%s=\ntime 2026-11-21T00:00:00Z\n\n\u2014 a AAAA\n" % ("00" * 16, "11" * 16, "A" * 43)
    put("audit", "name", b"\0" + name.encode())
    put("audit", "name-checkpoint", b"\0" + name.replace("000000000000-0002", "c/000000000002").encode())
    put("audit", "leaf", b"\1" + leaf)
    put("audit", "note", b"\2" + note.encode())
    put("audit", "checkpoint", b"\2" + checkpoint.encode())
    put("audit", "segment", b"\3" + sealer.seal([(0, encode.string(leaf) + b"\0", [])]))


CONFIG = """state: /var/lib/hikae
targets:
  - name: tokyo
    url: file:///backup/tokyo?country=JP&site=tokyo
  - name: osaka
    url: file:///backup/osaka?country=JP&site=osaka
keys:
  - name: daily
    members:
      - holder: file
        name: host
        path: /etc/hikae/key
  - name: paper
    members:
      - holder: sheet
        name: safe
min_copies: 2
memory_mib: 256
pack_mib: 32
threads: 0
compression: 3
verify_writes: true"""
URLS = [
    "file:///backup/tokyo?country=JP&site=tokyo",
    "s3://bucket/prefix?endpoint=https%3A%2F%2Fs3.example.jp&region=jp-1&provider=ceph",
    "file:///a%2Fb?site=%3F%26",
]
EXCLUDES = [
    "*.o\n!keep.o\n/build/\nsrc/build/a.o",
    "**/cache/**\n[a-z]?.tmp\na/b/cache/c/d",
    "\\#name\nfoo/**/bar\nfoo/x/y/bar",
    "[!a-c[:digit:]]*\nd/9",
]

if __name__ == "__main__":
    main()
    audit_seeds()
