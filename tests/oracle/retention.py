#!/usr/bin/python3
"""400 days of a policy on real data, day by day against what its promises say: retention.py POLICY WORK DRIVE HIKAE

The rules are written here a second time, from the sentences of the promises and not from hikae's planner: sets of dates,
Python's own calendar and zones. Nights fail, targets go away and come back, sources disappear, people take snapshots in
between, put on holds and take them off, the whole local state is lost; all by chance from a seed. After each day's
retention the snapshots that hikae lists must be those that the promises ask for. Some of them are restored and compared
with what the source was that night. Prints "ok" and "not ok" lines.
"""

import calendar
import datetime
import hashlib
import os
import random
import shutil
import subprocess
import sys
import zoneinfo

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
from hikaereader import container, store

UTC = datetime.timezone.utc
DAYS = 400
FIRST = datetime.date(2027, 2, 1)  # with 29 February 2028, and a change of year
TARGETS = ("a", "b")

# What each policy promises. Rules: (period, how many, within), each may be None. copies: what makes a snapshot complete;
# quorum: min_copies of the installation, with less than which a night fails (1 unless said: there are partial snapshots).
PROMISES = {
    "daily-7-generations": dict(
        zone="Asia/Tokyo", at=(1, 0), copies=2, quorum=2, demand=("days", 7), rules=[("day", 7, None)]
    ),
    "daily-30-days": dict(
        zone="Asia/Tokyo", at=(0, 30), copies=2, demand=("days", 30), rules=[("all", None, ("days", 30))]
    ),
    "monthly-1-year": dict(
        zone="UTC",
        at=(15, 0),
        copies=1,
        demand=("months", 12),
        monthly=True,
        image=True,
        rules=[("month", None, ("months", 12))],
    ),
    "two-clouds-japan": dict(
        zone="Asia/Tokyo", at=(1, 0), copies=2, demand=("months", 1), rules=[("day", 14, None), ("month", 6, None)]
    ),
    "customer-export": dict(zone="Asia/Tokyo", at=(2, 0), copies=1, demand=("days", 14), rules=[("day", 14, None)]),
}


def later(time, span, zone):
    """A span after an instant, by the calendar of the zone."""
    unit, count = span
    local = time.astimezone(zone)
    if unit == "days":
        local = datetime.datetime.combine(local.date() + datetime.timedelta(days=count), local.timetz())
    else:
        month = local.year * 12 + local.month - 1 + count
        year, month = divmod(month, 12)
        day = min(local.day, calendar.monthrange(year, month + 1)[1])
        local = local.replace(year=year, month=month + 1, day=day)
    return local.astimezone(UTC)


class Snapshot:
    def __init__(self, words):
        self.id = words[1]
        self.time = datetime.datetime.fromtimestamp(int(words[2]), UTC)
        self.demanded = words[3] == "1"
        self.until = datetime.datetime.fromtimestamp(int(words[4]), UTC) if words[4] != "0" else None
        self.verified = words[5] != "0"
        self.tag = None if words[6] == "-" else words[6]
        self.targets = [] if words[7] == "-" else words[7].split(",")
        self.reasons = " ".join(words[8:])


def generations(rule, snapshots, now, zone):
    """The snapshots that one sentence asks for, among those that count."""
    period, count, within = rule
    if period == "all":
        return {s.id for s in snapshots if later(s.time, within, zone) > now}
    last_of = {}
    for s in sorted(snapshots, key=lambda s: s.time):
        local = s.time.astimezone(zone)
        last_of[(local.year, local.month) + ((local.day,) if period == "day" else ())] = s
    chosen = [last_of[key] for key in sorted(last_of, reverse=True)]
    if within:
        chosen = [s for s in chosen if later(s.time, within, zone) > now]
    return {s.id for s in chosen[: count or len(chosen)]}


def promised(promise, snapshots, now, held):
    """The ids that must be there after retention, and no others."""
    zone = zoneinfo.ZoneInfo(promise["zone"])
    if held:
        return {s.id for s in snapshots}
    complete = [s for s in snapshots if len(s.targets) >= promise["copies"]]
    nightly = [s for s in snapshots if not s.demanded]
    keep = set()
    for rule in promise["rules"]:
        keep |= generations(rule, [s for s in complete if not s.demanded], now, zone)
        # What is not complete yet must not be lost while catch-up may still make a generation of it.
        keep |= generations(rule, nightly, now, zone) - {s.id for s in complete}
    for s in snapshots:
        if s.demanded and (s.until or later(s.time, promise["demand"], zone)) > now:
            keep.add(s.id)
    for always in (complete, [s for s in complete if s.verified], [s for s in snapshots if s.verified]):
        if always:
            keep.add(max(always, key=lambda s: s.time).id)
    return keep


class Drive:
    """libhikae, in one process."""

    def __init__(self, program, environment):
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def __call__(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) != ".\n":
            if line == "":
                raise SystemExit(f"not ok the driver ended at: {words}")
            lines.append(line.rstrip("\n"))
        status, _, message = lines[0].partition(" ")
        return int(status), message, [line.split(" ") for line in lines[1:]]


def digest(folder):
    """What a folder, or one file, holds."""
    found = {}
    if os.path.isfile(folder):
        with open(folder, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    for where, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(where, name), "rb") as file:
                found[os.path.relpath(os.path.join(where, name), folder)] = hashlib.sha256(file.read()).hexdigest()
    return found


class World:
    def __init__(self, policy, work, drive_program, hikae):
        self.policy = policy
        self.promise = PROMISES[policy]
        self.zone = zoneinfo.ZoneInfo(self.promise["zone"])
        self.chance = random.Random(policy)
        self.work = work
        self.source = os.path.join(work, "source")
        self.config = os.path.join(work, "h", "hikae.yaml")
        self.contents = {}  # id: what the source was
        self.there = set()  # ids after the last retention, and those made since
        self.down = set()
        self.outage = 0
        self.held = False
        self.counts = dict(kept=0, dropped=0, refused=0, failed=0, partial=0, restored=0, freed=0)
        self.complaints = []
        self.seen, self.rosters, self.named = set(), {}, set()
        if not self.promise.get("image"):
            os.makedirs(self.source)
        self.change_source()
        environment = dict(os.environ, HIKAE_NOW="2027-01-31T00:00:00Z")

        def run(*words):
            done = subprocess.run([hikae, *words], env=environment, check=False, capture_output=True, text=True)
            if done.returncode > 1:
                raise SystemExit(f"not ok {policy}: {words}: {done.stderr}")

        places = zip(TARGETS, ("tokyo", "osaka"))
        urls = [f"{name}=file://{work}/{name}?country=JP&site={site}" for name, site in places]
        targets = [word for url in urls for word in ("--target", url)]
        self.quorum = self.promise.get("quorum", 1)
        run("init", "--dir", os.path.join(work, "h"), "--test-clock", "--min-copies", str(self.quorum), *targets)
        self.hikae = lambda *words: run("--config", self.config, *words)
        # Folders have no regions, providers and key services: what the policies say of these is accepted as unmet.
        unmet = ("calendar-known", "target-region", "target-copies", "target-sites", "target-providers", "holder-class")
        accepted = [word for rule in unmet for word in ("--accept", rule)] + ["--approve-as", "sato", "--why", "a test"]
        self.hikae("policy", "apply", os.path.join("policies", policy + ".yaml"), *accepted)
        kind = "image" if self.promise.get("image") else "dir"
        whose = ["--provider"] if policy == "customer-export" else []
        self.hikae("tenant", "add", "t", "--policy", policy, "--source", f"data={kind}:{self.source}", *whose)
        self.drive = Drive(drive_program, environment)
        self.expect("open", self.config)

    def complain(self, text):
        self.complaints.append(text)
        print(f"# {self.policy}: {text}")

    def expect(self, *words, statuses=(0, 1)):
        status, message, lines = self.drive(*words)
        if status not in statuses:
            self.complain(f"{' '.join(map(str, words))}: {status} {message}")
        return status, lines

    def at(self, time):
        self.now = time
        self.expect("at", time.strftime("%Y-%m-%dT%H:%M:%SZ"))

    def change_source(self):
        if self.promise.get("image"):
            with open(self.source, "wb") as file:
                file.write(self.chance.randbytes(65536))
            return
        for _ in range(self.chance.randint(1, 3)):
            with open(os.path.join(self.source, str(self.chance.randrange(8))), "wb") as file:
                file.write(self.chance.randbytes(self.chance.randrange(6000)))

    def set_down(self, names):
        for name in TARGETS:
            path = os.path.join(self.work, name)
            if name in names and name not in self.down:
                os.rename(path, path + ".away")
            elif name not in names and name in self.down:
                os.rename(path + ".away", path)
        self.down = set(names)

    def back_up(self, *keep):
        """A snapshot now; fails when it must, and only then."""
        possible = len(TARGETS) - len(self.down) >= self.quorum and os.path.exists(self.source)
        status, message, lines = self.drive("backup", "t", *keep)
        if (status in (0, 1)) != possible:
            self.complain(f"{self.now}: backup with {self.down} down: {status} {message}")
        if status not in (0, 1):
            self.counts["failed"] += 1
            return
        self.contents[lines[0][1]] = digest(self.source)
        self.there.add(lines[0][1])
        self.note_rosters()

    def night(self, day):
        chance = self.chance
        if self.outage > 0:
            self.outage -= 1
        elif chance.random() < 0.012:
            self.outage = chance.randint(3, 12)
            self.set_down({chance.choice(TARGETS)})
        elif chance.random() < 0.06:
            self.set_down({chance.choice(TARGETS)} if chance.random() < 0.8 else set(TARGETS))
        else:
            self.set_down(set())
        if self.promise.get("monthly") and day.day != 1:
            return
        if chance.random() < 0.06:  # the machine is off
            return
        self.change_source()
        gone = chance.random() < 0.04
        if gone:
            os.rename(self.source, self.source + ".away")
        self.back_up()
        if gone:
            os.rename(self.source + ".away", self.source)
        if chance.random() < 0.15:  # and again
            self.at(self.now + datetime.timedelta(minutes=chance.randint(5, 90)))
            self.back_up()

    def people(self, number):
        chance = self.chance
        if chance.random() < 0.08:
            self.back_up(*[3600 * chance.randint(1, 500)] if chance.random() < 0.8 else [0])
        if number == 120:
            self.set_down(set())
            self.expect("hold", "t", "counsel")
            self.held = True
        if number == 150:
            self.set_down(set())
            self.expect("unhold", "t")
            self.held = False
        if number in (60, 210, 330):
            self.set_down(set())
            self.expect("verify", "t")
        if number in (130, 260):  # everything that this machine knew is lost
            self.set_down(set())
            self.expect("replicate", "t")
            self.drive.process.stdin.close()
            self.drive.process.wait()
            shutil.rmtree(os.path.join(self.work, "h", "state"))
            self.drive = Drive(self.drive.process.args[0], dict(os.environ))
            self.expect("open", self.config)
            self.at(self.now)

    def snapshots(self):
        return [Snapshot(words) for words in self.expect("list", "t")[1]]

    def retain(self):
        if len(self.down) == len(TARGETS):  # nobody can say anything
            self.expect("list", "t", statuses=(6,))
            self.expect("retain", "t", statuses=(6,))
            return
        before = self.snapshots()
        if {s.id for s in before} != self.there:
            self.complain(f"{self.now}: before retention there are {len(before)} snapshots, not {len(self.there)}")
        self.counts["partial"] += sum(len(s.targets) < self.promise["copies"] for s in before)
        wanted = promised(self.promise, before, self.now, self.held)
        if self.down:
            self.expect("retain", "t", statuses=(6,) if self.quorum == 1 else (0, 1, 8))
            self.counts["refused"] += 1
            wanted = self.there
        else:
            self.expect("retain", "t")
        after = {s.id for s in self.snapshots()}
        if after != wanted:
            self.complain(f"{self.now}: too few {sorted(wanted - after)}, too many {sorted(after - wanted)}")
            for s in before:
                print(f"#   {s.id} {s.time} {s.targets} {'demanded' if s.demanded else ''} {s.until} {s.verified} {s.reasons}")
        self.counts["dropped"] += len(self.there - after)
        self.counts["kept"] += len(after)
        self.there = after

    def restore(self, name):
        folder = os.path.join(self.work, "restored")
        self.expect("restore", "t", name, folder)
        if digest(os.path.join(folder, "data")) != self.contents[name]:
            self.complain(f"{self.now}: snapshot {name} restores to something else")
        shutil.rmtree(folder, ignore_errors=True)
        self.counts["restored"] += 1

    def collect(self):
        _, lines = self.expect("gc", "t", statuses=(8,) if self.held else (0, 1))
        self.counts["freed"] += sum(int(words[2]) for words in lines)
        self.note_rosters()

    def note_rosters(self):
        """The packs of each snapshot, by the clear parts of new records, which the format's independent reader reads."""
        for name in set(TARGETS) - self.down:
            for folder, _, files in os.walk(os.path.join(self.work, name, "hikae1", "t")):
                for file in files if os.path.basename(folder) == "h" else ():
                    if file in self.seen:
                        continue
                    self.seen.add(file)
                    with open(os.path.join(folder, file), "rb") as record:
                        header = container.parse_header(record.read(container.HEADER_SIZE))
                        clear = store.read_record_clear(record.read(header.clear_length))
                    kind, sequence, sections = clear[0], clear[1], clear[-1]
                    about = [file.rsplit("-", 1)[1]] if kind == store.SNAPSHOT else []
                    if kind == store.NEW_ROSTER:  # after collection has moved what is needed
                        about = [sha.hex() for sha in store.read_hashes(sections[store.SNAPSHOTS])]
                    packs = {row.sha.hex() for row in store.read_roster(sections.get(store.ROSTER, b"")) if row.cls == 1}
                    self.named |= packs
                    for snapshot in (full[:16] for full in about):
                        self.rosters[snapshot] = max(self.rosters.get(snapshot, (0, set())), (sequence, packs), key=lambda r: r[0])

    def left_and_lost(self):
        """
        Each target holds the packs of the kept snapshots, and none that only those that were dropped needed. (Packs of
        failed nights, which no record named, wait by the machine's clock, which this simulation does not turn.)
        """
        wanted = set().union(*(self.rosters[snapshot][1] for snapshot in self.there))
        found = []
        for name in TARGETS:
            packs = set()
            for folder, _, files in os.walk(os.path.join(self.work, name, "hikae1", "t")):
                packs |= set(files) if os.path.basename(folder) == "p" else set()
            left, lost = (packs & self.named) - wanted, wanted - packs
            if left or lost:
                found.append(f"of {len(packs)} packs on {name} {len(left)} should be gone, {len(lost)} are missing")
        return found

    def day(self, number):
        day = FIRST + datetime.timedelta(days=number)
        hour, minute = self.promise["at"]
        begin = datetime.datetime(day.year, day.month, day.day, hour, minute, tzinfo=self.zone).astimezone(UTC)
        self.at(begin)
        self.night(day)
        # Times of day that never meet: what expires does so between two retentions, not within the second of one.
        self.at(begin + datetime.timedelta(hours=2, minutes=self.chance.randint(1, 50)))
        self.people(number)
        self.at(begin + datetime.timedelta(hours=5))
        if not self.down and self.chance.random() < 0.6:
            self.expect("replicate", "t")
        self.retain()
        if not self.down and self.there and number % 4 == 3:
            self.collect()
        if not self.down and self.there and number % 25 == 24:
            self.restore(self.chance.choice(sorted(self.there)))

    def finish(self):
        self.set_down(set())
        self.at(self.now)
        self.expect("replicate", "t")
        self.expect("verify", "t")
        self.retain()
        # Condemned or, little by little, moved; waited for; deleted.
        for _ in range(12):
            self.collect()
            self.at(self.now + datetime.timedelta(hours=80))
            if not (left := self.left_and_lost()):
                break
        for text in left:
            self.complain(text)
        for name in sorted(self.there):
            self.restore(name)
        self.drive.process.stdin.close()
        self.drive.process.wait()


def main():
    policy, work, drive_program, hikae = sys.argv[1:]
    world = World(policy, work, drive_program, hikae)
    for number in range(DAYS):
        world.day(number)
        if len(world.complaints) > 5:
            break
    world.finish()
    print(f"# {policy}: {world.counts}")
    # A simulation in which nothing went wrong, or nothing was dropped, proves nothing.
    lively = all(world.counts[what] > 0 for what in ("kept", "dropped", "refused", "failed", "restored", "freed"))
    print(f"{'ok' if not world.complaints and lively else 'not ok'} {policy}: {DAYS} days as promised")
    return 1 if world.complaints or not lively else 0


sys.exit(main())
