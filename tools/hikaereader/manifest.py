"""The manifest: entries of a snapshot in order, and the extents of their content (§5)."""

from dataclasses import dataclass, field

from .container import Cursor, demand, i64

CONTENT, NAMES, TIMES, NODE, EXTENTS, EXTENT_NODE, XATTR = range(1, 8)
FILE, FOLDER, LINK, HARD_LINK, CHARACTER, BLOCK, FIFO, SOCKET = range(1, 9)
HAS_XATTRS, HAS_FILE_FLAGS, CHANGED, UNREADABLE = 1, 2, 4, 8
DATA, HOLE, ZEROS = range(3)
MAX_DEPTH, MAX_LIST, MAX_INLINE_EXTENTS = 16, 8192, 16  # MAX_LIST: entries of a leaf, owners, children of a node
MAX_PATH, MAX_XATTRS, MAX_XATTR_NAME, MAX_XATTR, MAX_INLINE_XATTR = 1 << 20, 4096, 255, 1 << 20, 1024
MAX_OWNER_NAME, U32 = 1024, 1 << 32


@dataclass
class Entry:
    """One entry; `folder` is the list of components of its parent directory."""

    folder: tuple
    name: bytes
    type: int
    flags: int
    mode: int
    owner: tuple
    file_flags: int = 0
    xattrs: list = field(default_factory=list)  # (name, value or (length, id of a blob))
    target: bytes = b""
    device: tuple = (0, 0)
    size: int = 0
    extents: object = None  # [(kind, length, id)], or (depth, count, id) of a tree
    mtime: tuple = (0, 0)
    ctime: tuple = (0, 0)
    inode: int = 0
    racy: bool = False

    def path(self):
        return b"/".join(self.folder + (self.name,))


def split(path):
    """The components of a path in a snapshot, each a name that cannot lead anywhere else."""
    demand(len(path) <= MAX_PATH, "a path is too long")
    names = tuple(path.split(b"/"))
    for name in names:
        demand(
            0 < len(name) <= 4096 and name not in (b".", b"..") and b"\0" not in name,
            "a path has the component %r" % name,
        )
    return names


def read_extent(cursor):
    length, kind = divmod(cursor.varint(), 4)
    demand(length and kind <= ZEROS, "an extent is empty or of unknown kind")
    demand(kind != DATA or length < 4 << 20, "an extent is longer than a blob may be")
    return kind, length, cursor.take(20) if kind == DATA else None


def read_content(cursor, entry):
    entry.size = cursor.varint()
    demand(entry.size < 1 << 63, "a file is larger than any file can be")
    if not entry.size or entry.flags & UNREADABLE:
        entry.extents = []
        return
    count = cursor.varint()
    if count:
        demand(count <= MAX_INLINE_EXTENTS, "a leaf holds more extents than it may")
        entry.extents = [read_extent(cursor) for _ in range(count)]
        demand(
            sum(extent[1] for extent in entry.extents) == entry.size, "extents do not add up to the size of the file"
        )
    else:
        entry.extents = cursor.number(1), cursor.varint(), cursor.take(20)
        demand(entry.extents[0] <= MAX_DEPTH and entry.extents[1], "an extent list is too deep or empty")


def read_xattrs(cursor):
    xattrs, count = [], cursor.varint()
    demand(count <= MAX_XATTRS, "an entry has too many extended attributes")
    for _ in range(count):
        name, kind = cursor.string(), cursor.number(1)
        demand(
            0 < len(name) <= MAX_XATTR_NAME and b"\0" not in name and kind <= 1,
            "an extended attribute has no name or is of unknown kind",
        )
        value = (cursor.varint(), cursor.take(20)) if kind else cursor.string()
        demand(not kind or 0 < value[0] <= MAX_XATTR, "a value of an extended attribute has no length or is too long")
        demand(kind or len(value) <= MAX_INLINE_XATTR, "a long value stands in the leaf")
        xattrs.append((name, value))
    demand(
        xattrs and all(a[0] < b[0] for a, b in zip(xattrs, xattrs[1:])), "extended attributes are missing or not sorted"
    )
    return xattrs


def read_entry(cursor, folder, owners):
    kind, flags, name, mode, owner = (
        cursor.number(1),
        cursor.number(1),
        cursor.string(),
        cursor.varint(),
        cursor.varint(),
    )
    demand(FILE <= kind <= SOCKET and flags < 16, "unknown type %d or flags %d of an entry" % (kind, flags))
    demand(split(name) == (name,), "a name has a slash")
    demand(mode <= 0o7777 and owner < len(owners), "a mode or an owner is out of range")
    entry = Entry(folder, name, kind, flags, mode, owners[owner])
    if flags & HAS_FILE_FLAGS:
        entry.file_flags = cursor.varint()
        demand(entry.file_flags < U32, "file flags are out of range")
    if flags & HAS_XATTRS:
        entry.xattrs = read_xattrs(cursor)
    if kind in (LINK, HARD_LINK):
        entry.target = cursor.string()
        demand(len(entry.target) <= MAX_PATH and b"\0" not in entry.target, "what a link holds is out of range")
    if kind == HARD_LINK:
        split(entry.target)
    if kind in (CHARACTER, BLOCK):
        entry.device = cursor.varint(), cursor.varint()
        demand(max(entry.device) < U32, "the number of a device is out of range")
    if kind == FILE:
        read_content(cursor, entry)
    return entry


def read_names(data, folder):
    """The entries of a names leaf whose first entry lies in `folder`."""
    cursor, entries = Cursor(data), []
    count = cursor.varint()
    number_of_owners = cursor.varint()
    demand(1 <= count <= MAX_LIST and number_of_owners <= MAX_LIST, "a leaf has no entry, or too many or their owners")
    owners = [(cursor.varint(), cursor.varint(), cursor.string(), cursor.string()) for _ in range(number_of_owners)]
    demand(all(max(owner[:2]) < U32 for owner in owners), "an owner's id is out of range")
    demand(all(max(map(len, owner[2:])) <= MAX_OWNER_NAME for owner in owners), "an owner's name is too long")
    for number in range(count):
        pops = cursor.varint()
        if pops:
            demand(number and pops - 1 <= len(folder), "an entry leaves more directories than there are")
            push = cursor.string()
            demand(split(push) == (push,), "a name has a slash")
            folder = folder[: len(folder) - (pops - 1)] + (push,)
        entries.append(read_entry(cursor, folder, owners))
        demand(len(entries[-1].path()) <= MAX_PATH, "a path is too long")
    cursor.end()
    return entries


def read_times(data, entries):
    cursor, mtime, inode = Cursor(data), 0, 0
    for entry in entries:
        mtime = i64(mtime + cursor.svarint())
        entry.mtime = mtime, cursor.varint()
        entry.ctime = i64(mtime + cursor.svarint()), cursor.varint()
        inode = i64(inode + cursor.svarint())
        racy = cursor.number(1)
        demand(max(entry.mtime[1], entry.ctime[1]) < 10**9 and racy <= 1, "a time or a mark is out of range")
        entry.inode, entry.racy = inode % (1 << 64), bool(racy)
    cursor.end()


def read_key(cursor, folder, name):
    """(folder, name) of the next child of a node, told from those of the child before."""
    pops = cursor.varint()
    if not pops:
        found = folder, cursor.string()
    else:
        kept = len(folder) - (pops - 1)
        demand(kept >= 0, "a key leaves more directories than there are")
        push = split(cursor.string())
        demand(kept == len(folder) or push[0] > folder[kept], "a key drops more than it must, or goes back")
        found = folder[:kept] + push, cursor.string()
    demand(split(found[1]) == found[1:], "a name has a slash")
    demand((folder, name) < found, "the keys of a node are not in order")
    demand(len(b"/".join(found[0] + found[1:])) <= MAX_PATH, "a path is too long")
    return found


def read_node(data, key):
    """(level, [((folder, name), entries, bytes, id, id of the times)]) of an inner node that has the key (folder, name).

    A name that nothing states is empty, and so comes before any other.
    """
    cursor, children = Cursor(data), []
    level, count = cursor.number(1), cursor.varint()
    demand(1 <= level <= MAX_DEPTH and 1 <= count <= MAX_LIST, "an inner node's level or number is out of range")
    for place in range(count):
        key = read_key(cursor, *key) if place else key
        entries, size, first = cursor.varint(), cursor.varint(), cursor.take(20)
        children.append((key, entries, size, first, cursor.take(20) if level == 1 else None))
    cursor.end()
    return level, children


def walk_node(blobs, wanted, level, key=((), b"")):
    """Yields the entries below a node; returns their number and bytes."""
    found, children = read_node(blobs.get(wanted, NODE), key)
    demand(found == level, "a node has another level than its place")
    total = size = 0
    for place, count, length, first, times in children:
        if level > 1:
            result = yield from walk_node(blobs, first, level - 1, place)
        else:
            entries = read_names(blobs.get(first, NAMES), place[0])
            demand(place[1] in (b"", entries[0].name), "a leaf begins with another entry than its node says")
            read_times(blobs.get(times, TIMES), entries)
            yield from entries
            result = len(entries), sum(entry.size for entry in entries)
        demand(count and result == (count, length), "what lies below %r is not what its node says" % (place,))
        total, size = total + count, size + length
    return total, size


def walk(blobs, body):
    """Yields all entries of a snapshot, and checks that they are in order, in a directory, and as many as announced."""
    folders, files, last = {()}, set(), ((), b"")
    total = size = 0
    for entry in walk_node(blobs, bytes.fromhex(body["root"]), body["depth"]):
        place = (entry.folder, entry.name)
        demand(last < place, "%r is out of order" % entry.path())
        demand(entry.folder in folders, "%r lies in no directory" % entry.path())
        if entry.type == FOLDER:
            folders.add(entry.folder + (entry.name,))
        elif entry.type == HARD_LINK:
            demand(entry.target in files, "%r is a link to what does not come before it" % entry.path())
        else:
            files.add(entry.path())
        last, total, size = place, total + 1, size + entry.size
        yield entry
    demand((total, size) == (body["entries"], body["bytes"]), "a snapshot holds other entries or bytes than it says")


def walk_extents(blobs, depth, count, size, wanted):
    """Yields the extents below a node of an extent list, which are `count` and add up to `size`."""
    found = total = 0
    cursor = Cursor(blobs.get(wanted, EXTENT_NODE if depth else EXTENTS))
    while cursor.more():
        if depth:
            children, length, child = cursor.varint(), cursor.varint(), cursor.take(20)
            yield from walk_extents(blobs, depth - 1, children, length, child)
        else:
            extent = read_extent(cursor)
            children, length = 1, extent[1]
            yield extent
        demand(children and length, "a child of an extent list is empty")
        found, total = found + children, total + length
    demand((found, total) == (count, size), "an extent list holds other extents or bytes than announced")


def extents(blobs, entry):
    if isinstance(entry.extents, tuple):
        depth, count, root = entry.extents
        yield from walk_extents(blobs, depth, count, entry.size, root)
    else:
        yield from entry.extents or ()


def xattr_value(blobs, value):
    if isinstance(value, bytes):
        return value
    data = blobs.get(value[1], XATTR)
    demand(len(data) == value[0], "a value of an extended attribute has another length")
    return data
