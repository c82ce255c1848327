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
        rows, blobs = b"", b""
        at = 128
        for block in item["blocks"]:
            blobs += b"".join(
                hexed(blob["id"]) + struct.pack("<I", blob["length"] | blob["type"] << 24) for blob in block["blobs"]
            )
        put("directory", name, bytes([item["kind"]]) + bytes(56) + struct.pack("<HH", 0, 0) + rows + blobs)
        assert at == 128
    put("directory", "one-block", one_block())
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
        2: '{"v":1,"manifest":{"root":"%s","depth":1,"entries":3,"bytes":100},"started":"2026-11-21T09:12:46Z",'
        '"finished":"2026-11-21T09:12:47Z","host":"h","version":"0.1.0","errors":0,"sources":[]}' % ("ab" * 20),
        5: '{"v":1,"id":"%s","who":"counsel","why":"case 4711"}' % ("0" * 32),
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
    put("config", "short", "state: /var/lib/hikae\ntargets:\n  a: file:///a\n")
    for i, url in enumerate(URLS):
        put("url", f"url-{i}", url)
    for i, text in enumerate(EXCLUDES):
        put("exclude", f"patterns-{i}", text)


def one_block():
    """A pack of one stored block that holds one blob of 1,000 bytes."""
    row = struct.pack("<IIIB3x", 1000 + 16, 1000, 1, 0)
    blob = bytes(range(20)) + struct.pack("<I", 1000 | 1 << 24)
    trailer = bytes(40) + struct.pack("<II", 1, 1) + bytes(8)
    return bytes([1]) + trailer + struct.pack("<HH", 1016, 100) + row + blob


def first_clear(vectors, kind):
    """The clear part of a first record: no predecessor, no sections."""
    clear = bytearray(hexed_clear(vectors))
    clear[0] = kind
    clear[2:4] = b"\0\0"
    clear[8:16] = struct.pack("<Q", 1)
    return bytes(clear[:56])


def hexed_clear(vectors):
    return bytes.fromhex(vectors["history"]["records"][0]["clear"])


CONFIG = """state: /var/lib/hikae
targets:
  - name: tokyo
    url: file:///backup/tokyo?country=JP&site=tokyo
  - name: osaka
    url: file:///backup/osaka?country=JP&site=osaka
keys:
  - group: daily
    holders:
      - type: file
        name: host
        path: /etc/hikae/key
  - group: paper
    holders:
      - type: sheet
        name: safe
limits:
  memory: 256
"""
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
