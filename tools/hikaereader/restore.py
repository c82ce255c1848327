"""Writes a snapshot below a new or empty folder and never outside of it.

Every directory is opened component by component without following links, and everything is made relative to it.
"""

import fcntl
import os
import stat
import struct

from . import manifest as m
from .container import demand

FS_IOC_SETFLAGS = 0x40086602
SETTABLE = 0x000380FF  # FS_FL_USER_MODIFIABLE: what the kernel lets anybody set; the others describe a file.
ZERO_RUN = bytes(1 << 20)
NODES = {m.CHARACTER: stat.S_IFCHR, m.BLOCK: stat.S_IFBLK, m.FIFO: stat.S_IFIFO, m.SOCKET: stat.S_IFSOCK}


class Restore:
    """`notes` collects what could not be restored, as lines for people."""

    def __init__(self, target, blobs):
        os.makedirs(target, exist_ok=True)
        demand(not os.listdir(target), "%s is not empty" % target)
        self.blobs, self.notes, self.folders, self.flagged = blobs, [], [], []
        self.root = os.open(target, os.O_RDONLY | os.O_DIRECTORY)
        self.at, self.fd = (), os.dup(self.root)

    def close(self):
        os.close(self.fd)
        os.close(self.root)

    def open_folder(self, names):
        """A descriptor of a directory that this restore has made."""
        fd = os.dup(self.root)
        for name in names:
            below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = below
        return fd

    def enter(self, names):
        if names != self.at:
            os.close(self.fd)
            self.fd, self.at = self.open_folder(names), names

    def attempt(self, path, what, call):
        """Does what needs a privilege or a capable file system, and notes it if it fails."""
        try:
            call()
        except OSError as error:
            self.notes.append("%s: %s: %s" % (os.fsdecode(path), what, error.strerror))

    def write(self, fd, entry):
        for kind, length, wanted in m.extents(self.blobs, entry):
            if kind == m.HOLE:
                os.lseek(fd, length, os.SEEK_CUR)
            elif kind == m.ZEROS:
                for start in range(0, length, len(ZERO_RUN)):
                    self.write_all(fd, ZERO_RUN[: length - start])
            else:
                data = self.blobs.get(wanted, m.CONTENT)
                demand(len(data) == length, "%r: a blob has another length than its extent" % entry.path())
                self.write_all(fd, data)
        os.ftruncate(fd, entry.size)

    @staticmethod
    def write_all(fd, data):
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]

    def entry(self, entry):
        """Makes one entry; directories get their metadata at the end, when nothing below them changes any more."""
        self.enter(entry.folder)
        path, name = entry.path(), entry.name
        if entry.type == m.FILE and entry.flags & m.UNREADABLE:
            self.notes.append("%s: content could not be read when it was backed up" % os.fsdecode(path))
            return
        if entry.type == m.HARD_LINK:
            self.attempt(path, "hard link", lambda: self.link(m.split(entry.target), name))
        elif entry.type == m.FOLDER:
            os.mkdir(name, 0o700, dir_fd=self.fd)
            self.folders.append(entry)
        elif entry.type == m.LINK:
            os.symlink(entry.target, name, dir_fd=self.fd)
            self.metadata(entry, None)
        elif entry.type == m.FILE:
            fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=self.fd)
            self.write(fd, entry)
            self.metadata(entry, fd)
            os.close(fd)
        else:
            device = os.makedev(*entry.device)
            try:
                os.mknod(name, NODES[entry.type] | 0o600, device, dir_fd=self.fd)
            except PermissionError:
                self.notes.append("%s: devices need privileges" % os.fsdecode(path))
                return
            self.metadata(entry, None)

    def link(self, names, name):
        source = self.open_folder(names[:-1])
        try:
            os.link(names[-1], name, src_dir_fd=source, dst_dir_fd=self.fd, follow_symlinks=False)
        finally:
            os.close(source)

    def metadata(self, entry, fd):
        """Owner, attributes, mode, times of what `fd` is, or else of the name in the current directory."""
        path, name = entry.path(), entry.name
        if os.geteuid() == 0:
            os.chown(name, entry.owner[0], entry.owner[1], dir_fd=self.fd, follow_symlinks=False)
        for key, value in entry.xattrs:
            value = m.xattr_value(self.blobs, value)
            place = fd if fd is not None else "/proc/self/fd/%d/" % self.fd + os.fsdecode(name)
            follow = {} if fd is not None else {"follow_symlinks": False}
            self.attempt(path, os.fsdecode(key), lambda key=key, value=value: os.setxattr(place, key, value, **follow))
        if entry.type != m.LINK:
            os.chmod(name, entry.mode, dir_fd=self.fd)
        times = tuple([entry.mtime[0] * 10**9 + entry.mtime[1]] * 2)
        os.utime(name, ns=times, dir_fd=self.fd, follow_symlinks=False)
        if entry.file_flags & SETTABLE:
            self.flagged.append(entry)

    def set_flags(self, entry):
        self.enter(entry.folder)
        fd = os.open(entry.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=self.fd)
        try:
            fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("l", entry.file_flags & SETTABLE))
        finally:
            os.close(fd)

    def finish(self):
        """Directories from the last to the first, so that a parent's times come after its children's; then flags."""
        for entry in reversed(self.folders):
            self.enter(entry.folder)
            fd = os.open(entry.name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self.fd)
            self.metadata(entry, fd)
            os.close(fd)
        for entry in reversed(self.flagged):
            self.attempt(entry.path(), "file flags", lambda entry=entry: self.set_flags(entry))
