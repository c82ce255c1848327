"""The programs that the benchmark compares, each behind the same few verbs.

A tool is bound to a folder of its own (repository, cache, configuration) and to one thing to back up. Each verb
returns (argv, working directory or None); nothing here runs anything but `prepare` and the counting of bytes.
"""

import json
import os
import re
import shutil
import subprocess

PASSWORD = "benchmark"


def folder_bytes(folder):
    """Names and sizes of all files below a folder."""
    sizes = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            sizes[os.path.relpath(path, folder)] = os.lstat(path).st_size
    return sizes


class Tool:
    """What all tools have in common."""

    name = ""

    def __init__(self, folder, source):
        self.folder, self.source, self.count = folder, source, 0
        self.repository = os.path.join(folder, "repository")
        self.environment = dict(os.environ, LC_ALL="C.UTF-8")

    def prepare(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        self.run(self.init())

    def run(self, argv):
        return subprocess.run(argv, env=self.environment, check=True, stdout=subprocess.PIPE).stdout

    def sizes(self):
        return folder_bytes(self.repository)

    def metadata(self, before):
        """Bytes written since `before` that are not content, or None where the tool does not tell."""
        del before
        return None


class Restic(Tool):
    name = "restic"

    def __init__(self, folder, source):
        super().__init__(folder, source)
        self.environment.update(
            RESTIC_REPOSITORY=self.repository, RESTIC_PASSWORD=PASSWORD, RESTIC_CACHE_DIR=os.path.join(folder, "cache")
        )

    @staticmethod
    def version():
        return subprocess.run(["restic", "version"], check=True, capture_output=True, text=True).stdout.strip()

    def init(self):
        return ["restic", "init", "--quiet", "--repository-version", "2"]

    def backup(self):
        return ["restic", "backup", "--quiet", self.source], None

    def restore(self, target):
        return ["restic", "restore", "--quiet", "latest", "--target", target], None

    def check(self):
        return ["restic", "check", "--quiet", "--read-data"], None

    def ls(self, path):
        return ["restic", "ls", "--quiet", "latest", os.path.join(self.source, path)], None

    def cat(self, path):
        return ["restic", "dump", "--quiet", "latest", os.path.join(self.source, path)], None

    def metadata(self, before):
        """All new bytes but those of data blobs, which the new index files list; tree blobs are given apart."""
        new = {name: size for name, size in self.sizes().items() if name not in before}
        data = tree = 0
        for name in new:
            if name.startswith("index/"):
                index = json.loads(self.run(["restic", "cat", "--no-lock", "index", os.path.basename(name)]))
                for blob in (blob for pack in index["packs"] for blob in pack["blobs"]):
                    data += blob["length"] if blob["type"] == "data" else 0
                    tree += blob["length"] if blob["type"] == "tree" else 0
        return {"metadata": sum(new.values()) - data, "tree_blobs": tree}


class Borg(Tool):
    name = "borg"

    def __init__(self, folder, source):
        super().__init__(folder, source)
        self.environment.update(
            BORG_REPO=self.repository,
            BORG_PASSPHRASE=PASSWORD,
            BORG_BASE_DIR=os.path.join(folder, "base"),
            BORG_EXIT_CODES="modern",
        )

    @staticmethod
    def version():
        return subprocess.run(["borg", "--version"], check=True, capture_output=True, text=True).stdout.strip()

    def init(self):
        return ["borg", "init", "--encryption", "repokey"]

    def backup(self):
        self.count += 1
        return ["borg", "create", "--compression", "zstd,3", "::s%d" % self.count, self.source], None

    def restore(self, target):
        return ["borg", "extract", "::s%d" % self.count], target

    def check(self):
        return ["borg", "check", "--verify-data"], None

    def ls(self, path):
        return ["borg", "list", "::s%d" % self.count, os.path.join(self.source, path).lstrip("/")], None

    def cat(self, path):
        name = os.path.join(self.source, path).lstrip("/")
        return ["borg", "extract", "--stdout", "::s%d" % self.count, name], None


class Hikae(Tool):
    name = "hikae"
    binary = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "build", "hikae")
    verify_writes = True

    def __init__(self, folder, source):
        super().__init__(folder, source)
        self.config = os.path.join(folder, "hikae.yaml")

    @classmethod
    def version(cls):
        return subprocess.run([cls.binary, "version"], check=True, capture_output=True, text=True).stdout.strip()

    def hikae(self, *words):
        return [self.binary, "--config", self.config, "--quiet", *words]

    def init(self):
        return self.hikae("init", "--dir", self.folder, "--target", "a=file://" + self.repository)

    def prepare(self):
        super().prepare()
        if not self.verify_writes:
            self.switch_off("verify_writes")
        kind = "image" if os.path.isfile(self.source) else "dir"
        self.run(self.hikae("tenant", "add", "t", "--policy", "plain", "--source", "data=%s:%s" % (kind, self.source)))

    def switch_off(self, option):
        """Sets an option of the configuration to false, where it stands (perhaps in a comment) or at the end."""
        with open(self.config, encoding="utf-8") as file:
            text = file.read()
        line = "%s: false" % option
        text, found = re.subn(r"(?m)^#?[ ]?%s:.*$" % option, line, text)
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(text if found else text + line + "\n")

    def backup(self):
        return self.hikae("backup", "t", "--json"), None

    def restore(self, target):
        return self.hikae("restore", "t", "--to", target), None

    def check(self):
        return self.hikae("verify", "t", "--level", "data"), None

    def ls(self, path):
        return self.hikae("ls", "t", "data/" + path), None

    def cat(self, path):
        return self.hikae("cat", "t", "data/" + path), None

    def metadata(self, before):
        """All new objects but packs of content: byte 10 of a header is the kind of its object, and 1 is content."""
        total = manifest = 0
        for name, size in self.sizes().items():
            if name in before:
                continue
            with open(os.path.join(self.repository, name), "rb") as file:
                head = file.read(11)
            kind = head[10] if head[:6] == b"\x89HIKAE" else 0
            total += size if kind != 1 else 0
            manifest += size if kind in (2, 3) else 0
        return {"metadata": total, "tree_blobs": manifest}


class HikaeUnverified(Hikae):
    """hikae without verify_writes; measured for the first backup only."""

    name = "hikae_unverified"
    verify_writes = False


class Tar(Tool):
    """The floor: what reading and compressing alone costs."""

    name = "tar"

    @staticmethod
    def version():
        lines = [
            subprocess.run([name, "--version"], check=True, capture_output=True, text=True).stdout.splitlines()[0]
            for name in ("tar", "zstd")
        ]
        return "; ".join(lines)

    def init(self):
        return ["mkdir", self.repository]

    def backup(self):
        self.count += 1
        parent, name = os.path.split(self.source)
        script = 'tar -C "$1" -S -cf - "$2" | zstd -q -T0 -3 -o "$3"'
        return [
            "bash",
            "-o",
            "pipefail",
            "-c",
            script,
            "bash",
            parent,
            name,
            os.path.join(self.repository, "%d.tar.zst" % self.count),
        ], None


TOOLS = {tool.name: tool for tool in (Hikae, HikaeUnverified, Restic, Borg, Tar)}
