#!/usr/bin/python3
"""
A year of an operator's work under the five shipped policies, for tests/system/test_evidence.sh: a run each night, and what
people do by hand. What goes wrong on purpose stands in one place, beside what evidence must say of it; it must say
nothing else. Prints "ok NAME" and "not ok NAME".

    year.py HIKAE WORK
"""
import datetime
import json
import os
import subprocess
import sys

HIKAE, WORK = sys.argv[1], sys.argv[2]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "HIKAE_CONFIG"}
FAILED = False

# name: policy, the provider's own?, kind of source
TENANTS = {
    "acme": ("daily-7-generations", False, "dir"),
    "leaver": ("daily-7-generations", False, "dir"),
    "beta": ("daily-30-days", False, "dir"),
    "gamma": ("two-clouds-japan", False, "dir"),
    "own": ("customer-export", True, "dir"),
    "echo": ("customer-export", False, "dir"),
    "delta": ("monthly-1-year", False, "image"),
    "keeper": ("monthly-1-year", True, "image"),
}
NO_SOURCE = ("acme", "2026-03-10")  # its source cannot be read that night
NO_RUN = "2026-08-20"  # the machine is off that night
DRILLS = {"acme": "sample", "leaver": "sample", "beta": "sample", "gamma": "sample"}  # on the fifth of each month
NO_DRILL = ("gamma", "2026-06")
NO_REVIEW = "2026-04"
LATE_LOG = "2026-09"
CONTRACT_END = ("leaver", "2026-05-31")  # and nobody erases it


def say(name, good, what=""):
    global FAILED
    print(f"{'ok' if good else 'not ok'} {name}{'' if good else ' ' + what}", flush=True)
    FAILED = FAILED or not good


def call(now, *args, wants=(0, 1)):
    done = subprocess.run([HIKAE, "--config", WORK + "/h/hikae.yaml", "--json", *args],
                          env=dict(ENVIRONMENT, HIKAE_NOW=now), capture_output=True, text=True, check=False)
    if done.returncode not in wants:
        sys.exit(f"not ok {now} {' '.join(args)} (exit {done.returncode})\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}")
    return json.loads(done.stdout)


def source(tenant):
    return f"{WORK}/src/{tenant}" + ("/disk" if TENANTS[tenant][2] == "image" else "")


def write_data(tenant, text):
    os.makedirs(f"{WORK}/src/{tenant}", exist_ok=True)
    with open(f"{WORK}/src/{tenant}/disk", "w", encoding="ascii") as file:
        file.write(text)


def write_file(name, text):
    path = f"{WORK}/{name}"
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


def set_up():
    for name, (policy, provider, kind) in TENANTS.items():
        write_data(name, "data\n")
        call("2025-12-31T12:00:00Z", "tenant", "add", name, "--policy", policy, "--source", f"d={kind}:{source(name)}",
             *(["--provider"] if provider else []))
    document = write_file("zones.pdf", "where the zones are\n")
    for policy, promise in (("daily-7-generations", "sites-japan"), ("two-clouds-japan", "access-by-few"), ("customer-export", "customer-exports"),
                            ("monthly-1-year", "restore-test-yearly")):
        call("2025-12-31T12:30:00Z", "attest", "add", promise, "--policy", policy, "--file", document, "--by", "Cloud",
             "--from", "2026-01-01", "--expires", "2027-04-01")


# ---- What people do, by the day (JST) ----


def take_logs_in(date, period):
    for name in ("operation", "monitoring"):
        path = write_file(f"{name}.csv", f"time,what\r\n{period}-01T00:00:00Z,something\r\n")
        call(f"{date}T05:00:00Z", "log", "ingest", "--tenant", "keeper", "--class", name, "--period", period, path)


def previous_month(date):
    return (date.replace(day=1) - datetime.timedelta(days=1)).strftime("%Y-%m")


def by_hand(date):
    day, month = date.isoformat(), date.strftime("%Y-%m")
    if date.day == 4 and previous_month(date) != LATE_LOG:
        take_logs_in(day, previous_month(date))
    if date.day == 20 and previous_month(date) == LATE_LOG:
        take_logs_in(day, LATE_LOG)
    if date.day == 3 and month != NO_REVIEW:
        call(f"{day}T06:00:00Z", "review", "ack", "--of", "backups", "--policy", "monthly-1-year", "--period", month,
             "--comment", "looked", "--who", "sato")
    if (date.month, date.day) in ((6, 15), (12, 15)):
        for of, policy in (("inventory", "customer-export"), ("access", "two-clouds-japan"), ("drills", "monthly-1-year")):
            call(f"{day}T06:00:00Z", "review", "ack", "--of", of, "--policy", policy, "--period", month, "--comment",
                 "looked", "--who", "sato")
    if day == "2026-05-20":
        call(f"{day}T06:00:00Z", "contract", "end", CONTRACT_END[0], "--on", CONTRACT_END[1], "--who", "sales",
             "--reason", "notice")
    if day == "2026-07-02":
        tell(day, "acme", "2026-07-01T00:00:00Z", "2026-07-05T00:00:00Z", ("mail", "web"))
    if day == "2026-09-01":
        tell(day, "own", "2026-08-31T00:00:00Z", "2026-09-02T00:00:00Z", ("mail",))
    if day == "2026-08-10":
        restore(day)
    if day == "2026-04-15":
        call(f"{day}T06:00:00Z", "backup", "delta", "--tag", "before-the-move", "--keep", "30d")
    drill(date)


def restore(day):
    """A customer's request is refused; what the provider needs himself is approved and done."""
    call(f"{day}T06:00:00Z", "restore", "acme", "--to", f"{WORK}/no", "--on-request", "--requester", "customer", "--reason",
         "lost a file", "--approver", "suzuki", wants=(8,))
    call(f"{day}T07:00:00Z", "restore", "acme", "--to", f"{WORK}/yes", "--requester", "sato", "--reason", "a disk failed",
         "--approver", "suzuki")


def tell(day, tenant, occurred, noticed, channels):
    """An incident, and its first notice."""
    incident = call(f"{day}T01:00:00Z", "incident", "open", "--title", "lost laptop", "--severity", "high", "--occurred",
                    occurred, "--aware", f"{day}T00:00:00Z", "--confirmed", f"{day}T00:30:00Z", "--tenant", tenant,
                    "--who", "sato")
    name = incident["id"]
    for channel in channels:
        call(noticed.replace("T00:00", "T00:10"), "incident", "notice", name, "--stage", "first", "--channel", channel,
             "--at", noticed, "--who", "sato")


def drill_elsewhere(day, tenant):
    """On a server of its own: another machine-id, and nothing but a kit. Here it would not count."""
    call(f"{day}T05:00:00Z", "drill", tenant, "--mode", "full")
    kit, key, report, machine = (f"{WORK}/{name}-{tenant}" for name in ("kit", "key", "report", "machine-id"))
    call(f"{day}T06:00:00Z", "drill", "kit", tenant, "--out", kit, "--key-file", key, "--expires", "1d")
    with open(machine, "w", encoding="ascii") as file:
        file.write("5ca1ab1e00000000000000000000cafe\n")
    away = [HIKAE, "--json", "drill", "away", kit, "--key-file", key, "--mode", "full", "--scratch", f"{WORK}/far", "--report", report]
    subprocess.run(["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/machine-id && exec "$@"', machine, *away],
                   env=dict(ENVIRONMENT, HIKAE_NOW=f"{day}T06:00:00Z"), capture_output=True, check=True)
    call(f"{day}T07:00:00Z", "drill", "accept", report)


def drill(date):
    day, month = date.isoformat(), date.strftime("%Y-%m")
    if date.day == 5:
        for tenant, mode in DRILLS.items():
            if (tenant, month) != NO_DRILL and (tenant != CONTRACT_END[0] or day < CONTRACT_END[1]):
                call(f"{day}T06:00:00Z", "drill", tenant, "--mode", mode)
    if date.day == 6 and date.month in (1, 3, 6, 9, 12):
        call(f"{day}T06:00:00Z", "drill", "own", "--mode", "full")
    if date.day == 6 and date.month in (1, 6, 12):
        call(f"{day}T06:00:00Z", "drill", "beta", "--mode", "full")
    if (date.month, date.day) == (11, 6):
        for tenant in ("delta", "keeper"):
            drill_elsewhere(day, tenant)


# ---- The nights ----


def night(date):
    day = date.isoformat()
    now = f"{(date - datetime.timedelta(days=1)).isoformat()}T18:30:00Z"  # 03:30 in Japan
    if day == NO_RUN:
        return
    for tenant in TENANTS:
        write_data(tenant, f"data of {day}\n")
    broken = NO_SOURCE[0] if day == NO_SOURCE[1] else None
    if broken:
        os.rename(f"{WORK}/src/{broken}", f"{WORK}/src/{broken}.gone")
    # Collection and the logs every ten days: a year has enough of both.
    jobs = "backup,verify,retain" + (",gc,logs" if date.day in (1, 11, 21) else "")
    call(now, "run", "--retries", "0", "--only", jobs, wants=(0, 1, 6))
    if broken:
        os.rename(f"{WORK}/src/{broken}.gone", f"{WORK}/src/{broken}")


def spend_year():
    date = datetime.date(2026, 1, 1)
    while date.year == 2026:
        night(date)
        by_hand(date)
        date += datetime.timedelta(days=1)


# ---- What evidence must say ----

# policy: promise: (result, its gaps as (kind, tenant or what it is about, date), but for what is only declared)
EXPECTED = {
    "daily-7-generations": {
        "backup-daily": ("broken", [("night-missed", "acme", "2026-03-10"), ("night-missed", "acme", NO_RUN)]),
        "generations-7": ("kept", []),
        "sites-japan": ("attested", []),
        "encryption-key-service": ("broken", [("unmet-accepted", "holder-class", None)]),
        "erase-1-month": ("broken", [("erasure-missed", "leaver", "2026-06-30")]),
        "survives-contract": ("not-yet-due", []),
        "no-restore-on-request": ("kept", []),
        "log-times": ("kept", []),
        "logs-1-year": ("kept", []),
        "notice-72-hours": ("missed", [("notice-late", None, "2026-07-04")]),
        "restores-work": ("broken", [("verification-missed", "acme", NO_RUN)]),
    },
    "daily-30-days": {
        "backup-daily": ("broken", [("night-missed", "beta", NO_RUN)]),
        "kept-30-days": ("kept", []),
        "encryption-aes-256": ("kept", []),
        "region-tokyo": ("broken", [("target-elsewhere", "osaka", "2026-01-01"), ("target-elsewhere", "tokyo", "2026-01-01")]),
        "other-zone": ("kept", []),
        "restore-tests": ("broken", [("verification-missed", "beta", NO_RUN)]),
        "recovery-latest": ("kept", []),
        "logs-30-days": ("kept", []),
        "tls-1-2": ("kept", []),
        "cryptrec": ("kept", []),
    },
    "customer-export": {
        "no-backup-service": ("kept", []),
        "customer-exports": ("attested", []),
        "leftovers-deleted": ("not-yet-due", []),
        "inventory-apart": ("kept", []),
        "operation-logs-30-days": ("kept", []),
        "notice-3-business-days": ("kept", []),
        "own-data": ("broken", [("night-missed", "own", NO_RUN)]),
        "own-restores": ("kept", []),
    },
    "monthly-1-year": {
        "image-monthly": ("kept", []),
        "kept-1-year": ("kept", []),
        "on-demand": ("kept", []),
        "looked-at": ("broken", [("review-missed", "backups", "2026-04-07")]),
        "restore-test-yearly": ("attested", [("drill-server", None, None)]),
        "times-utc": ("kept", []),
        "logs-csv": ("broken", [("log-missed", "operation", LATE_LOG)]),
        "monitoring-5-years": ("kept", []),
        "logs-after-contract": ("kept", []),
        "erase-after-contract": ("not-yet-due", []),
    },
    "two-clouds-japan": {
        "two-providers": ("broken", "one provider"),
        "japan-only": ("not-observable", []),
        "times-jst": ("kept", []),
        "notice-72-hours": ("not-yet-due", []),
        "access-by-few": ("attested", []),
        "schedule": ("broken", [("night-missed", "gamma", NO_RUN)]),
        "retention": ("kept", []),
        "proof": ("broken", [("verification-missed", "gamma", NO_RUN), ("drill-missed", "gamma", "2026-06-05")]),
    },
}


# promise: proof that must be there, each as (kind, tenant, date)
PROOFS = {
    "no-restore-on-request": [("request-refused", "acme", "2026-08-10"), ("restore", "acme", "2026-08-10")],
    "on-demand": [("on-demand", "delta", "2026-04-15")],
}


def gaps_of(promise):
    """Declared places are said in the result: what is left are things that went wrong."""
    return sorted((g["kind"], g.get("tenant") or (g.get("about") if g["kind"] != "notice-late" else None), g.get("date"))
                  for g in promise["gaps"] if g["kind"] not in ("target-declared", "storage-declared"))


def check_policy(policy):
    report = call("2026-12-31T15:30:00Z", "evidence", "--policy", policy, "--period", "2026", wants=(1,))
    with open(f"{WORK}/{policy}.json", "w", encoding="utf-8") as file:
        json.dump(report, file)
    found = {p["id"]: p for p in report["promises"]}
    say(f"{policy}: every promise is judged", sorted(found) == sorted(EXPECTED[policy]), str(sorted(found)))
    for name, (result, gaps) in EXPECTED[policy].items():
        promise = found[name]
        say(f"{policy}: {name} is {result}", promise["result"] == result,
            f"({promise['result']}: {gaps_of(promise)[:6]})")
        if gaps == "one provider":
            gaps = [("copies-one-provider", "gamma", (datetime.date(2026, 1, 1) + datetime.timedelta(days=n)).isoformat())
                    for n in range(365)]
            gaps = [g for g in gaps if g[2] != NO_RUN]
        say(f"{policy}: {name} has these gaps and no other", gaps_of(promise) == sorted(gaps, key=str),
            f"({gaps_of(promise)[:6]})")
        if result in ("kept", "attested"):
            say(f"{policy}: {name} has proof", len(promise["proof"]) > 0)
        proofs = sorted({(p["kind"], p["tenant"], p["date"]) for p in promise["proof"]
                         if name in PROOFS and p["kind"] in {kind for kind, _, _ in PROOFS[name]}})
        say(f"{policy}: {name} is shown by what was done", proofs == PROOFS.get(name, []), f"({proofs})")
    return report


def main():
    set_up()
    spend_year()
    for policy in EXPECTED:
        check_policy(policy)
    sys.exit(FAILED)


main()
