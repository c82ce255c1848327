#!/usr/bin/python3
"""Makes the data that the benchmarks read, and changes it step by step.

    make_data.py tree DIR [--files N] [--bytes B]     a tree of real files of this machine
    make_data.py small DIR --files N                  N small files
    make_data.py image FILE TREE                      a sparse 6 GiB ext4 image that holds part of TREE
    make_data.py touch|change|rename DIR --seed S     one step of change in a tree
    make_data.py pages FILE --seed S [--pages N]      overwrites N pages of 8 KiB where the image holds data

The same machine and the same arguments give the same data. Real files are used because ratios of deduplication and
compression of invented ones say nothing; what the machine lacks is derived from its own files by seeded variation.
"""

import argparse
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import time

ROOTS = [
    "/usr/include",
    "/usr/share",
    "/usr/lib/gcc",
    "/usr/lib/python3",
    "/usr/lib/python3.11",
    "/usr/src",
    "/usr/lib/git-core",
    "/usr/lib/systemd",
    "/usr/lib/llvm-14",
    "/usr/lib/postgresql",
    "/usr/lib/node_modules",
    "/usr/lib/google-cloud-sdk",
    "/usr/bin",
    "/usr/lib/x86_64-linux-gnu",
]
LARGEST = 64 << 20  # A few huge files would hide what the many small ones cost.
RANDOM_BYTES = 96 << 20  # Photos, archives, ciphertext: a part of any tree that no codec makes smaller.
IMAGE_BYTES = 6 << 30
IMAGE_DATA = 2500 << 20
PAGE = 8192
SEED = 20261121


def walk(root):
    """Yields the directories, files and links under root in a fixed order, as (path, lstat)."""
    stack = [root]
    while stack:
        folder = stack.pop()
        try:
            names = sorted(os.listdir(folder), reverse=True)
        except OSError:
            continue
        for name in names:
            path = os.path.join(folder, name)
            try:
                info = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISDIR(info.st_mode):
                stack.append(path)
            yield path, info


def copy_real(target, goal_bytes):
    """Copies what ROOTS hold until goal_bytes are there; returns (files, bytes, text files for variation)."""
    files = size = 0
    texts = []
    for root in ROOTS:
        for path, info in walk(root):
            copy = os.path.join(target, path.lstrip("/"))
            if stat.S_ISLNK(info.st_mode):
                os.makedirs(os.path.dirname(copy), exist_ok=True)
                os.symlink(os.readlink(path), copy)
                continue
            if not stat.S_ISREG(info.st_mode) or info.st_size > LARGEST or size + info.st_size > goal_bytes:
                continue
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            try:
                shutil.copy2(path, copy)
            except PermissionError:
                continue
            files += 1
            size += info.st_size
            if 1024 <= info.st_size <= 48 << 10 and path.endswith((".h", ".py", ".c", ".hpp", ".txt", ".pm", ".html")):
                texts.append(copy)
    return files, size, texts


def vary(text, rng):
    """A plausible sibling of a text: some lines dropped, some repeated elsewhere, some numbers replaced."""
    lines = text.splitlines(keepends=True)
    for _ in range(1 + len(lines) // 12):
        place = rng.randrange(len(lines))
        choice = rng.random()
        if choice < 0.4 and len(lines) > 1:
            del lines[place]
        elif choice < 0.7:
            lines.insert(rng.randrange(len(lines) + 1), lines[place])
        else:
            lines[place] = b"%x %s" % (rng.getrandbits(32), lines[place])
    return b"".join(lines)


def derive(target, texts, files, size, rng):
    """Writes so many files with about so many bytes, each a variation of a real one."""
    mean = max(1024, size // max(files, 1))
    base = int(time.mktime((2026, 3, 1, 0, 0, 0, 0, 0, 0)))
    written = 0
    for number in range(files):
        folder = os.path.join(target, "derived", "%03d" % (number // 400), "%02d" % (number // 20 % 20))
        if number % 20 == 0:
            os.makedirs(folder, exist_ok=True)
        source = rng.choice(texts)
        with open(source, "rb") as file:
            data = vary(file.read(), rng)[: 2 * mean]
        path = os.path.join(folder, "%05d-%s" % (number, os.path.basename(source)))
        with open(path, "wb") as file:
            file.write(data)
        stamp = base + rng.randrange(200 * 86400)
        os.utime(path, (stamp, stamp))
        written += len(data)
    return written


def make_tree(target, goal_files, goal_bytes):
    """Assembles the tree; it is finished when its note, beside it, is written."""
    rng = random.Random(SEED)
    os.makedirs(target)
    size = files = 0
    os.makedirs(os.path.join(target, "photos"))
    while size < RANDOM_BYTES:
        length = rng.randrange(20 << 10, 4 << 20)
        with open(os.path.join(target, "photos", "%04d.jpg" % files), "wb") as file:
            file.write(rng.randbytes(length))
        size += length
        files += 1
    real_files, real_bytes, texts = copy_real(target, goal_bytes - size)
    files, size = files + real_files, size + real_bytes
    derived = max(0, goal_files - files, -(-(goal_bytes - size) // (24 << 10)))
    if derived:
        size += derive(target, texts, derived, max(goal_bytes - size, derived * 2048), rng)
        files += derived
    return {"files": files, "bytes": size, "real_files": real_files, "derived_files": derived}


def make_small(target, count):
    """Writes count files of 60 to 300 bytes, a hundred to a folder."""
    rng = random.Random(SEED)
    size = 0
    for number in range(count):
        folder = os.path.join(target, "%03d" % (number // 10000), "%02d" % (number // 100 % 100))
        if number % 100 == 0:
            os.makedirs(folder)
        data = b"%d %s\n" % (number, rng.randbytes(rng.randrange(30, 150)).hex().encode())
        with open(os.path.join(folder, "%08d.txt" % number), "wb") as file:
            file.write(data)
        size += len(data)
    return {"files": count, "bytes": size}


def make_image(image, tree):
    """Builds an ext4 file system that holds the first files of the tree, up to IMAGE_DATA bytes, without being root."""
    part = image + ".part"
    size = 0
    os.makedirs(part)
    for path, info in walk(tree):
        copy = os.path.join(part, os.path.relpath(path, tree))
        if stat.S_ISREG(info.st_mode) and size + info.st_size <= IMAGE_DATA:
            os.makedirs(os.path.dirname(copy), exist_ok=True)
            os.link(path, copy)
            size += info.st_size
    with open(image, "wb") as file:
        file.truncate(IMAGE_BYTES)
    uuid = "6e1a3c52-0b0d-4d0e-8f4e-2d7f5b1c9a10"
    subprocess.run(
        [
            "/usr/sbin/mke2fs",
            "-q",
            "-F",
            "-t",
            "ext4",
            "-b",
            "4096",
            "-U",
            uuid,
            "-E",
            "hash_seed=%s,lazy_itable_init=1,nodiscard" % uuid,
            "-d",
            part,
            image,
        ],
        check=True,
    )
    shutil.rmtree(part)
    return {"bytes": IMAGE_BYTES, "allocated": os.stat(image).st_blocks * 512}


def regular_files(tree):
    return [(path, info) for path, info in walk(tree) if stat.S_ISREG(info.st_mode)]


def touch(tree, rng):
    """New times for every file, nothing else: a restored or rsynced tree looks like that."""
    files = regular_files(tree)
    stamp = time.time_ns()
    for path, _ in files:
        stamp += 1000 + rng.randrange(1000)
        os.utime(path, ns=(stamp, stamp))
    return {"touched": len(files)}


def change(tree, rng):
    """One file in a hundred: a few bytes overwritten in place, or a line appended."""
    files = [entry for entry in regular_files(tree) if entry[1].st_size > 0]
    chosen = rng.sample(files, len(files) // 100)
    for path, info in chosen:
        os.chmod(path, info.st_mode | stat.S_IWUSR)
        patch = b"changed %016x\n" % rng.getrandbits(64)
        with open(path, "r+b") as file:
            file.seek(info.st_size if rng.random() < 0.3 else rng.randrange(info.st_size))
            file.write(patch)
    return {"changed": len(chosen), "bytes_of_changed_files": sum(info.st_size for _, info in chosen)}


def rename(tree, rng):
    """Renames the fullest of a few folders that hold a good part of the tree; a second call renames it back."""
    for name in ("usr/share/man", "usr/share/doc", "usr/include", "derived"):
        old, new = os.path.join(tree, name), os.path.join(tree, name + ".renamed")
        if os.path.exists(new):
            old, new = new, old
        if os.path.exists(old):
            files = len(regular_files(old))
            os.rename(old, new)
            return {"renamed": os.path.relpath(old, tree), "files_below": files}
    raise SystemExit("rename: %s was not made by this script" % tree)


def data_extents(file):
    """The ranges of a sparse file that hold data."""
    end, place = os.fstat(file.fileno()).st_size, 0
    while place < end:
        try:
            start = os.lseek(file.fileno(), place, os.SEEK_DATA)
        except OSError:
            return
        place = os.lseek(file.fileno(), start, os.SEEK_HOLE)
        yield start, place


def pages(image, rng, count):
    """Overwrites whole pages at random places of the data with what compresses to a half, as a busy database does."""
    with open(image, "r+b", buffering=0) as file:
        places = [
            page for start, end in data_extents(file) for page in range(-(-start // PAGE) * PAGE, end - PAGE + 1, PAGE)
        ]
        for place in rng.sample(places, count):
            file.seek(place)
            file.write(rng.randbytes(PAGE // 2).hex().encode())
    return {"pages": count, "page_bytes": PAGE, "of_pages": len(places)}


def main():
    parser = argparse.ArgumentParser(description="Makes and changes the data of the benchmarks.")
    parser.add_argument("verb", choices=["tree", "small", "image", "touch", "change", "rename", "pages"])
    parser.add_argument("path")
    parser.add_argument("tree", nargs="?")
    parser.add_argument("--files", type=int, default=160000)
    parser.add_argument("--bytes", type=int, default=2600 << 20)
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random("%s %d" % (args.verb, args.seed))
    if args.verb == "image" and not args.tree:
        parser.error("image needs the tree to take files from")
    result = {
        "tree": lambda: make_tree(args.path, args.files, args.bytes),
        "small": lambda: make_small(args.path, args.files),
        "image": lambda: make_image(args.path, args.tree),
        "touch": lambda: touch(args.path, rng),
        "change": lambda: change(args.path, rng),
        "rename": lambda: rename(args.path, rng),
        "pages": lambda: pages(args.path, rng, args.pages),
    }[args.verb]()
    json.dump(result, sys.stdout)
    print()


if __name__ == "__main__":
    main()
