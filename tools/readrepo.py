#!/usr/bin/python3
"""Reads hikae stores without hikae: it follows src/repo/FORMAT.md alone and shares no code with it.

    readrepo.py [--key-file F | --sheet F | --passphrase-file F]… TARGET-FOLDER COMMAND

    tenants                             names and ids of the tenants
    snapshots TENANT                    the snapshots, and whether this target holds all of each
    ls TENANT [SNAPSHOT]                the entries of a snapshot (default: the latest that counts)
    restore TENANT [SNAPSHOT] DIR       writes a snapshot below a new or empty folder
    check TENANT                        opens every object and asserts what the format demands
    dump OBJECT-FILE                    what an object holds
    audit [CHECKPOINT-FILE]             verifies the audit logs, and that one continues an earlier checkpoint; without
                                        a holder all but what the entries say

    readrepo.py proof FILE [TARGET-FOLDER]
                                        verifies what `hikae audit prove -o` wrote, with the store's key if given

    readrepo.py vectors FILE            writes the test vectors of the format
    readrepo.py selftest                encodes a store of its own and reads it back

A holder may be given several times where a group needs several. TENANT is a name or an id. Exit code: 0 done, 1 with
notes on what could not be restored, 5 damaged, 7 no key. It needs Debian's python3-cryptography and python3-zstandard.
"""

import argparse
import json
import os
import stat
import sys

sys.dont_write_bytecode = True  # Before the modules beside this file: a reader leaves nothing in its own folder.

from hikaereader import manifest as m
from hikaereader.audit import check_logs, check_proof
from hikaereader.check import check, describe
from hikaereader.container import Damaged, NoKey, from_base64, parse_json
from hikaereader.erasure import Register
from hikaereader.keys import Holder
from hikaereader.restore import Restore
from hikaereader.selftest import selftest
from hikaereader.store import Blobs, Store, name_time, read_description
from hikaereader.vectors import make

KINDS = {
    m.FILE: stat.S_IFREG,
    m.FOLDER: stat.S_IFDIR,
    m.LINK: stat.S_IFLNK,
    m.HARD_LINK: stat.S_IFREG,
    m.CHARACTER: stat.S_IFCHR,
    m.BLOCK: stat.S_IFBLK,
    m.FIFO: stat.S_IFIFO,
    m.SOCKET: stat.S_IFSOCK,
}


def tenants(store):
    for tid, body in store.tenants().items():
        print(tid.hex(), body["name"] if body else "(the store)" if tid == store.tid else "(without a name)")


def snapshots(store, tenant):
    tid = store.tenant(tenant)
    for name, record, retired in store.snapshots(tid):
        missing = store.missing(tid, record)
        state = "retired" if retired else "lacks %d objects" % len(missing) if missing else "whole"
        print(name, name_time(record.time), record.body["entries"], record.body["bytes"], state)


def ls(store, tenant, snapshot=None):
    tid = store.tenant(tenant)
    record = store.snapshot(tid, snapshot)
    blobs = Blobs(store, tid, store.roster(tid, record))
    for entry in m.walk(blobs, record.body):
        arrow = {m.LINK: b" -> ", m.HARD_LINK: b" = "}.get(entry.type, b"") + entry.target
        line = "%s %d:%d %12d %d.%09d " % (
            stat.filemode(KINDS[entry.type] | entry.mode),
            *entry.owner[:2],
            entry.size,
            *entry.mtime,
        )
        sys.stdout.buffer.write(line.encode() + entry.path() + arrow + b"\n")


def restore(store, tenant, *where):
    *snapshot, target = where
    tid = store.tenant(tenant)
    record = store.snapshot(tid, *(snapshot or [None]))
    blobs = Blobs(store, tid, store.roster(tid, record))
    job = Restore(target, blobs)
    register, left_out = Register(store.history(tid)), 0
    for entry in m.walk(blobs, record.body):
        if register.omits(entry):
            left_out += 1
        else:
            job.entry(entry)
    job.finish()
    job.close()
    for note in job.notes:
        print(note, file=sys.stderr)
    if left_out:
        print("%d entries are left out: the erasure register names them" % left_out, file=sys.stderr)
    print("restored %d entries, %d bytes" % (record.body["entries"] - left_out, record.body["bytes"]))
    return 1 if job.notes else 0


def show(value):
    print(json.dumps(value, indent=1))


# Each command with the least and the most words after it.
COMMANDS = {
    "tenants": (tenants, 0, 0),
    "snapshots": (snapshots, 1, 1),
    "ls": (ls, 1, 2),
    "restore": (restore, 2, 3),
    "check": (lambda store, tenant: show(check(store, store.tenant(tenant))), 1, 1),
    "dump": (lambda store, path: show(describe(store, path)), 1, 1),
    "audit": (lambda store, *earlier: audit(store.folder, store.find_key, *earlier), 0, 1),
}


def audit(folder, find_key, earlier=None):
    note = None
    if earlier:
        with open(earlier, "rb") as file:
            note = file.read()
    show(check_logs(folder, read_description(folder), find_key, note))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for kind in ("key-file", "sheet", "passphrase-file"):
        parser.add_argument("--" + kind, action="append", default=[], metavar="F")
    parser.add_argument("words", nargs="+", metavar="WORD")
    args = parser.parse_args()
    target, command, *words = args.words + [""] * (len(args.words) == 1)
    if args.words == ["selftest"]:
        show(selftest())
        return 0
    if target == "vectors" and len(args.words) == 2:
        with open(command, "w", encoding="utf-8") as file:
            file.write(json.dumps(make(), indent=1) + "\n")
        return 0
    if target == "proof" and 2 <= len(args.words) <= 3:
        with open(command, encoding="utf-8") as file:
            proof = parse_json(file.read())
        show(check_proof(proof, *(from_base64(read_description(folder)["audit"]) for folder in words)))
        return 0
    run, least, most = COMMANDS.get(command, (None, 0, 0))
    if not run or not least <= len(words) <= most:
        parser.error("see --help for the commands and their arguments")
    holders = []
    for kind, paths in (("file", args.key_file), ("sheet", args.sheet), ("passphrase", args.passphrase_file)):
        for path in paths:
            with open(path, "rb") as file:
                holders.append(Holder(kind, file.read()))
    if command == "audit" and not holders:
        return audit(target, None, *words) or 0
    return run(Store(target, holders), *words) or 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except NoKey as error:
        sys.exit((print("readrepo: %s" % error, file=sys.stderr), 7)[1])
    except (Damaged, ValueError, KeyError, TypeError) as error:  # The latter three: JSON of another shape.
        sys.exit((print("readrepo: %s" % (str(error) or repr(error)), file=sys.stderr), 5)[1])
    except BrokenPipeError:
        os._exit(0)
