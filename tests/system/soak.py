#!/usr/bin/python3
"""Many days of a store's life in a minute, drawn at random: does it always give back what was put in?

Two hosts share a store on three targets. Each step changes a source, or does one of the things that a service does or
suffers: backups, retention, collection, replication, verification, rotation of keys, an erasure; each of them possibly
killed before a change of a file, or beside another one on the other host; a target away; an object damaged, cut or lost
on one target; the local state lost, or an older one back; the machine lost. What every snapshot must hold is kept here,
in plain dictionaries, so that hikae is never asked to judge itself. After each step one snapshot is restored and
compared; at the end all of them are, everything is verified down to the data, and what was erased must be nowhere.

    soak.py WORK [--steps N] [--seed S]     HIKAE names the program, INJECT the library of tests/faults/inject.c

A failure names its seed and step, and the steps so far: the same seed does the same again, but for where a kill falls
among threads.
"""
import argparse
import datetime
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import time

HIKAE = os.environ.get("HIKAE", "build/hikae")
TARGETS = ("a", "b", "c")
START = datetime.datetime(2027, 1, 4, 1, 0, 0)
# Exit codes that say in so many words that nothing was done, or not everything yet, and nothing was lost.
DONE, WARNED, BUSY, MISSING, DAMAGED, AWAY, REFUSED, KILLED = 0, 1, 3, 4, 5, 6, 8, -9


class Broken(Exception):
    """A promise that hikae did not keep."""


class Soak:
    def __init__(self, work, seed):
        self.work = pathlib.Path(work)
        self.draw = random.Random(seed)
        self.now = START
        self.hosts = ["h1", "h2"]
        self.sources = {}       # tenant → {path: content}
        self.snapshots = {}     # tenant → {id: {path: content}}
        self.open = {}          # tenant → contents that a killed backup may have committed
        self.leaving = ["gone-1", "gone-2"]     # tenants that will be erased
        self.erased = []        # pseudonyms of those that were
        self.people = []        # files of operators' keys
        self.resting = set()    # tenants that are suspended
        self.away = None        # the target that does not answer
        self.trail = []
        self.codes = {}

    # ---- hikae ----

    def start(self, *words, host=None, kill=0, config=None):
        env = dict(os.environ, HIKAE_NOW=self.now.strftime("%Y-%m-%dT%H:%M:%SZ"), TZ="UTC", LC_ALL="C.UTF-8")
        if kill:
            env.update(LD_PRELOAD=os.environ["INJECT"], FAULT_KILL=str(kill))
        config = config or self.work / (host or self.hosts[0]) / "hikae.yaml"
        return subprocess.Popen([HIKAE, "--json", "--config", str(config), *map(str, words)], env=env, text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def end(self, process, words, codes):
        out, err = process.communicate(timeout=120)
        code = process.returncode
        self.trail.append(f"{self.now:%m-%dT%H:%M} {' '.join(map(str, words))}: {code}")
        self.codes[(words[0], code)] = self.codes.get((words[0], code), 0) + 1
        if code not in codes:
            raise Broken(f"hikae {' '.join(map(str, words))} ended with {code}:\n{out[-1500:]}{err[-3000:]}")
        return code, json.loads(out) if out.strip() and code != KILLED else {}

    def run(self, *words, codes=(DONE,), **how):
        return self.end(self.start(*words, **how), words, codes)

    # ---- the world around it ----

    def pass_time(self):
        self.now += datetime.timedelta(minutes=self.draw.choice((1, 7, 60, 400, 1500, 5000)))

    def write_sources(self, tenant):
        folder = self.work / "src" / tenant
        for path, content in self.sources[tenant].items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            if not file.exists() or file.read_bytes() != content:
                file.write_bytes(content)
        for file in list(folder.rglob("*")):
            if file.is_file() and str(file.relative_to(folder)) not in self.sources[tenant]:
                file.unlink()

    def content(self):
        size = self.draw.choice((0, 1, 700, 20_000, 150_000, 600_000))
        return self.draw.randbytes(size) if self.draw.random() < 0.7 else b"controlled \xe6\x8e\xa7\xe3\x81\x88\n" * (size // 17)

    def change(self, tenant):
        tree = self.sources[tenant]
        for _ in range(self.draw.randint(1, 4)):
            what = self.draw.random()
            if tree and what < 0.2:
                del tree[self.draw.choice(sorted(tree))]
            elif tree and what < 0.5:
                path = self.draw.choice(sorted(tree))
                old = tree[path]
                at = self.draw.randint(0, len(old))
                tree[path] = old[:at] + self.draw.randbytes(50) + old[at:]
            elif tree and what < 0.6:
                old = self.draw.choice(sorted(tree))
                tree[f"moved-{self.draw.randint(0, 99)}/{pathlib.Path(old).name}"] = tree.pop(old)
            else:
                tree[f"{self.draw.choice(('x', 'y', 'x/deep', '控え'))}/{self.draw.randint(0, 30)}"] = self.content()
        for path in sorted(tree):   # A file and a folder cannot share a name.
            if any(other.startswith(path + "/") for other in tree):
                del tree[path]
        shutil.rmtree(self.work / "src" / tenant, ignore_errors=True) if self.draw.random() < 0.02 else None
        (self.work / "src" / tenant).mkdir(parents=True, exist_ok=True)
        self.write_sources(tenant)

    def online(self):
        return [t for t in TARGETS if t != self.away]

    def objects(self, target):
        top = self.work / target / "hikae1"
        return sorted(str(f.relative_to(self.work / target)) for f in top.rglob("*") if f.is_file())

    def tenant(self):
        return self.draw.choice(sorted(self.sources))

    # ---- what must hold ----

    def listed(self, tenant):
        """The ids that hikae lists, after what it lists was held against what was put in."""
        ids = [s["id"] for s in self.run("snapshots", tenant)[1]["snapshots"]]
        known = self.snapshots[tenant]
        for new in [i for i in ids if i not in known]:
            got = self.restored(tenant, new)
            if got not in self.open[tenant]:
                raise Broken(f"snapshot {new} of {tenant} is there and holds what was never put in")
            known[new] = got
        return ids

    def settle(self, tenant, may_drop=False):
        """After a step: what is gone may go, and nothing else."""
        ids = self.listed(tenant)
        lost = [i for i in self.snapshots[tenant] if i not in ids]
        if lost and not may_drop:
            raise Broken(f"{tenant} lost the snapshots {lost}")
        for i in lost:
            del self.snapshots[tenant][i]
        if lost and not ids:
            raise Broken(f"retention left {tenant} nothing")

    def restored(self, tenant, snapshot, host=None):
        back = self.work / "back"
        shutil.rmtree(back, ignore_errors=True)
        self.run("restore", tenant, "--snapshot", snapshot, "--to", back, host=host)
        top = back / "data"
        return {str(f.relative_to(top)): f.read_bytes() for f in top.rglob("*") if f.is_file()}

    def check(self, tenant):
        if not self.snapshots[tenant]:
            return
        snapshot = self.draw.choice(sorted(self.snapshots[tenant]))
        if self.restored(tenant, snapshot, host=self.draw.choice(self.hosts)) != self.snapshots[tenant][snapshot]:
            raise Broken(f"snapshot {snapshot} of {tenant} gives back something else")

    def same_tenants(self):
        """Each host knows what the other one added, suspended or erased."""
        host = self.draw.choice(self.hosts)
        rows = self.run("tenant", "list", host=host)[1]["tenants"]
        got = {row["name"]: row["state"] for row in rows if row["state"] != "erased"}
        want = {name: "suspended" if name in self.resting else "active" for name in self.sources}
        if got != want:
            raise Broken(f"{host} knows the tenants {got}, and there are {want}")

    # ---- steps ----

    def kill_or_not(self, chance=0.25):
        if "INJECT" in os.environ and self.draw.random() < chance:
            return {"kill": self.draw.choice((self.draw.randint(1, 12), self.draw.randint(1, 60)))}
        return {}

    def step_backup(self):
        tenant = self.draw.choice(sorted(set(self.sources) - self.resting) or ["acme"])
        if tenant in self.resting:
            return
        if self.draw.random() < 0.8:
            self.change(tenant)
        keep = ["--keep", self.draw.choice(("1d", "3d", "30d"))] if self.draw.random() < 0.8 else []
        now = dict(self.sources[tenant])
        self.open[tenant].append(now)
        code, said = self.run("backup", tenant, *keep, host=self.draw.choice(self.hosts), **self.kill_or_not(),
                              codes=(DONE, WARNED, KILLED) if self.away else (DONE, WARNED, KILLED))
        if code != KILLED:
            self.snapshots[tenant][said["snapshot"]] = now
        self.settle(tenant)

    def step_retain(self):
        tenant = self.tenant()
        self.run("retain", tenant, host=self.draw.choice(self.hosts), **self.kill_or_not(),
                 codes=(DONE, AWAY, KILLED) if self.away else (DONE, KILLED))
        self.settle(tenant, may_drop=True)

    def step_forget(self):
        tenant = self.tenant()
        ids = sorted(self.snapshots[tenant])
        if len(ids) < 2:
            return
        self.run("snapshot", "forget", tenant, self.draw.choice(ids), "--who", "sato", "--why", "soak",
                 codes=(DONE, AWAY, REFUSED))
        self.settle(tenant, may_drop=True)

    def step_gc(self):
        self.run("gc", host=self.draw.choice(self.hosts), **self.kill_or_not(),
                 codes=(DONE, WARNED, AWAY, REFUSED, KILLED) if self.away else (DONE, WARNED, KILLED))

    def step_replicate(self):
        self.run("replicate", host=self.draw.choice(self.hosts), **self.kill_or_not(),
                 codes=(DONE, WARNED, AWAY, KILLED) if self.away else (DONE, KILLED))

    def bring_keys(self):
        """After a change of the root epoch: configuration and key file, as an operator brings them to the other host."""
        first, second = (self.work / h for h in self.hosts)
        text = (first / "hikae.yaml").read_text()
        if (first / "keys").is_dir():
            shutil.rmtree(second / "keys", ignore_errors=True)
            shutil.copytree(first / "keys", second / "keys")
        (second / "hikae.yaml").write_text(text.replace(f"{first}/", f"{second}/"))

    def step_rotate(self):
        if self.draw.random() < 0.6:
            self.run("keys", "rotate", "--tenant", self.tenant(), **self.kill_or_not(), codes=(DONE, AWAY, KILLED))
        elif not self.away:
            if self.run("keys", "rotate", "--root", **self.kill_or_not(), codes=(DONE, KILLED))[0] == KILLED:
                self.run("keys", "rotate", "--root")
            self.bring_keys()

    def step_suspend(self):
        tenant = self.tenant()
        if self.away:
            return
        self.run("tenant", "resume" if tenant in self.resting else "suspend", tenant, host=self.draw.choice(self.hosts))
        self.resting ^= {tenant}

    def step_add(self):
        if self.away or "late" in self.sources:
            return
        self.sources["late"], self.snapshots["late"], self.open["late"] = {}, {}, []
        self.change("late")
        self.run("tenant", "add", "late", "--source", f"data=dir:{self.work / 'src/late'}", host=self.draw.choice(self.hosts))

    def step_erase(self):
        """A customer leaves: killed anywhere, it ends with nothing of theirs, and the others untouched."""
        if self.away or not self.leaving:
            return
        if not self.people:
            for person in ("sato", "tanaka"):
                key, public = self.work / f"{person}.pem", self.work / f"{person}.pub"
                public.write_text(subprocess.run([HIKAE, "keys", "operator", "new", "--out", str(key)], check=True, text=True,
                                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
                self.people.append(key)
                self.run("keys", "operator", "add", person, "--key", public)
        tenant = self.leaving.pop()
        self.resting.discard(tenant)
        self.sources.pop(tenant), self.snapshots.pop(tenant), self.open.pop(tenant)
        pseudonym = self.run("tenant", "show", tenant)[1]["id"]
        plan = self.run("purge", "plan", tenant, "--requester", "mori", "--without-contract", "soak")[1]["plan"]
        for key in self.people:
            self.run("purge", "approve", tenant, "--plan", plan, "--operator", key)
        for _ in range(3):
            if self.run("purge", "run", **self.kill_or_not(0.7), codes=(DONE, WARNED, KILLED))[0] != KILLED:
                break
            self.check(self.tenant())
        self.run("purge", "run", codes=(DONE, WARNED))
        self.bring_keys()
        self.erased.append(pseudonym)
        self.never_again()
        if self.run("restore", tenant, "--to", self.work / "back2", codes=(MISSING, REFUSED))[0] == DONE:
            raise Broken(f"{tenant} was erased, and restores")

    def never_again(self):
        for target in self.online():
            for pseudonym in self.erased:
                if [f for f in self.objects(target) if f"/t/{pseudonym}/" in f]:
                    raise Broken(f"objects of the erased {pseudonym} are on {target}")

    def step_target(self):
        if self.away:
            (self.work / f"{self.away}.away").rename(self.work / self.away)
            self.away = None
        else:
            self.run("replicate", codes=(DONE, WARNED))     # what the others lack they could not get from it
            self.away = self.draw.choice(TARGETS)
            (self.work / self.away).rename(self.work / f"{self.away}.away")

    def step_damage(self):
        """One target lies: everything is still there, and a repair makes it whole."""
        if self.away:
            return
        self.run("replicate", codes=(DONE, WARNED))
        target = self.draw.choice(TARGETS)
        others = [t for t in TARGETS if t != target]
        # Without the store object a target counts as an empty disk, which replication fills, and verification names.
        objects = [path for path in self.objects(target) if path != "hikae1/store"]
        for path in self.draw.sample(objects, k=min(3, len(objects))):
            file = self.work / target / path
            if not any((self.work / o / path).exists() and (self.work / o / path).read_bytes() == file.read_bytes() for o in others):
                continue
            data = bytearray(file.read_bytes())
            what = self.draw.choice(("flip", "cut", "lose"))
            self.trail.append(f"    {what} {target}/{path}")
            file.chmod(0o600)
            if what == "lose" or not data:
                file.unlink()
            else:
                if what == "flip":
                    data[self.draw.randrange(len(data))] ^= 1 << self.draw.randrange(8)
                else:
                    del data[self.draw.randrange(len(data)):]
                file.write_bytes(data)
        if self.draw.random() < 0.5:
            self.check(self.tenant())
        if self.draw.random() < 0.5:
            self.step_backup()
        if self.draw.random() < 0.3:
            self.run("gc", codes=(DONE, WARNED, DAMAGED, REFUSED))
        self.run("verify", "--level", "data", "--repair", codes=(DONE, WARNED))
        self.run("verify", "--level", "data")

    def step_turn_back(self):
        """A target's disk is replaced by a copy of days ago: nothing retired or erased comes back to stay."""
        if self.away:
            return
        kept = self.work / "target.old"
        if not kept.exists():
            self.old_target = self.draw.choice(TARGETS)
            shutil.copytree(self.work / self.old_target, kept)
            return
        self.run("replicate", codes=(DONE, WARNED))
        self.trail.append(f"    {self.old_target} is what it was days ago")
        shutil.rmtree(self.work / self.old_target)
        kept.rename(self.work / self.old_target)
        for tenant in sorted(self.sources):
            self.settle(tenant)
        if self.draw.random() < 0.5:
            self.step_backup()
        self.run("replicate", codes=(DONE, WARNED))
        self.run("replicate")
        self.run("purge", "run", codes=(DONE, WARNED))
        self.run("verify", "--level", "data")
        self.never_again()

    def step_state(self):
        host = self.draw.choice(self.hosts)
        kept = self.work / f"{host}.state"
        here = self.work / host / "state"
        if not here.exists():
            return      # lost the last time, and the host has done nothing since
        if kept.exists() and self.draw.random() < 0.5:
            self.trail.append(f"    an older state comes back to {host}")
            shutil.rmtree(here)
            kept.rename(here)
        elif self.draw.random() < 0.5:
            self.trail.append(f"    {host} loses its state")
            shutil.rmtree(here)
        else:
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(here, kept)

    def step_together(self):
        """Two hosts at once, of one tenant or of two."""
        tenant, other = self.tenant(), self.tenant()
        if {tenant, other} & self.resting:
            return
        self.change(tenant)
        now = dict(self.sources[tenant])
        self.open[tenant].append(now)
        words = self.draw.choice((("gc",), ("retain", tenant), ("backup", other), ("replicate",), ("verify", other)))
        if words == ("backup", other):
            self.open[other].append(dict(self.sources[other]))
        first = self.start("backup", tenant, host=self.hosts[0])
        if self.draw.random() < 0.5:
            time.sleep(self.draw.random() * 0.05)
        second = self.start(*words, host=self.hosts[1])
        code, said = self.end(first, ("backup", tenant), (DONE, WARNED, BUSY))
        empty = (DAMAGED,) if words == ("verify", other) and not self.snapshots[other] else ()  # nothing was checked
        self.end(second, words, (DONE, WARNED, BUSY, *empty) + ((AWAY, REFUSED) if self.away else ()))
        if code != BUSY:
            self.snapshots[tenant][said["snapshot"]] = now
        for t in {tenant, other}:
            self.settle(t, may_drop=words[0] == "retain")

    def key_file(self):
        return re.search(r'path: "(.*epoch-\d+\.key|.*safe\.key)"', (self.work / "h1/hikae.yaml").read_text())[1]

    def step_recover(self):
        """The first machine burns down; a new one starts from the targets and the key."""
        if self.away:
            return
        self.run("replicate", codes=(DONE, WARNED))
        new = self.work / "h3"
        urls = [w for t in TARGETS for w in ("--target", f"{t}=file://{self.work / t}")]
        key = self.work / "safe.key"
        if self.key_file() != str(key):
            shutil.copy(self.key_file(), key)
        words = ("recover", *urls, "--dir", new, "--key-file", key)
        self.run(*words, config=new / "hikae.yaml")
        shutil.rmtree(self.work / "h1")
        shutil.rmtree(self.work / "h1.state", ignore_errors=True)
        new.rename(self.work / "h1")
        file = self.work / "h1" / "hikae.yaml"
        text = file.read_text().replace(f"{new}/", f"{self.work / 'h1'}/")
        file.write_text(text.replace("min_copies: 1", "min_copies: 2"))

    STEPS = {"backup": 30, "retain": 6, "forget": 2, "gc": 8, "replicate": 5, "rotate": 3, "target": 6, "damage": 5,
             "state": 3, "together": 8, "recover": 1, "erase": 2,
             "turn_back": 3, "suspend": 2, "add": 2}

    # ---- a life ----

    def set_up(self):
        urls = [w for t in TARGETS for w in ("--target", f"{t}=file://{self.work / t}")]
        self.run("init", "--test-clock", "--dir", self.work / "h1", *urls, "--min-copies", 2)
        shutil.copytree(self.work / "h1", self.work / "h2")
        file = self.work / "h2/hikae.yaml"
        file.write_text(file.read_text().replace(f"{self.work}/h1/", f"{self.work}/h2/"))
        for tenant in ("acme", "umi", *self.leaving):
            self.sources[tenant], self.snapshots[tenant], self.open[tenant] = {}, {}, []
            self.change(tenant)
            self.run("tenant", "add", tenant, "--source", f"data=dir:{self.work / 'src' / tenant}")

    def live(self, steps):
        self.set_up()
        names, weights = zip(*self.STEPS.items())
        for n in range(steps):
            self.pass_time()
            name = self.draw.choices(names, weights)[0]
            self.trail.append(f"  {n}. {name}")
            getattr(self, f"step_{name}")()
            self.check(self.tenant())
            self.same_tenants()
        self.trail.append("  the end")
        if self.away:
            self.step_target()
        self.pass_time()
        self.run("replicate", codes=(DONE, WARNED))
        self.run("replicate")
        self.run("verify", "--level", "data")
        total = 0
        for tenant in sorted(self.sources):
            self.settle(tenant)
            for snapshot, tree in self.snapshots[tenant].items():
                total += 1
                if self.restored(tenant, snapshot) != tree:
                    raise Broken(f"at the end: snapshot {snapshot} of {tenant} gives back something else")
        for hour in (80, 160, 240):
            self.now += datetime.timedelta(hours=hour)
            self.run("gc", codes=(DONE, WARNED))
        self.run("verify", "--level", "data")
        self.run("audit", "verify")
        self.never_again()
        return total


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=int(hashlib.sha256(os.urandom(16)).hexdigest()[:8], 16))
    args = parser.parse_args()
    soak = Soak(args.work, args.seed)
    try:
        total = soak.live(args.steps)
    except (Broken, subprocess.TimeoutExpired) as problem:
        print("\n".join(f"    {line}" for line in soak.trail[-25:]))
        print(f"    {problem}".replace("\n", "\n    "))
        print(f"seed {args.seed}: broken after {len(soak.trail)} calls")
        return 1
    codes = ", ".join(f"{w} {c}: {n}" for (w, c), n in sorted(soak.codes.items()))
    print(f"seed {args.seed}: {args.steps} steps, {total} snapshots at the end ({codes})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
