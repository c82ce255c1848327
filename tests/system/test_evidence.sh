#!/bin/bash
# Evidence of a simulated year under the five shipped policies: some nights, a drill and deadlines are missed on purpose;
# each is found by name and date, and nothing else (tests/system/year.py). Then what a report can be asked for.
IN_MEMORY=1
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/page.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
apply() { at 2025-12-31T00:00:00Z policy apply "$1" ${2:+--accept "$2"} --approve-as sato --why test; }
check init env HIKAE_NOW=2025-12-31T00:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock \
    --target "tokyo=file://$WORK/tokyo?country=JP&site=tokyo" --target "osaka=file://$WORK/osaka?country=JP&site=osaka"
sed -i 's/^min_copies:.*/min_copies: 2/' "$WORK/h/hikae.yaml"
cp -r "$ROOT/policies" "$WORK/h/"
for policy in daily-7-generations:holder-class daily-30-days:target-region customer-export: monthly-1-year: \
    two-clouds-japan:target-providers; do
    check "apply ${policy%%:*}" apply "${policy%%:*}" "${policy##*:}"
done
/usr/bin/python3 "$ROOT/tests/system/year.py" "$HIKAE" "$WORK" || not_ok "the year"

# ---- The forms of a report ----
END=2026-12-31T15:40:00Z
expect 1 forms at $END evidence --period 2026 --csv "$WORK/e.csv" --html "$WORK/e.html"
check csv /usr/bin/python3 -c 'import csv,sys
rows = list(csv.DictReader(open(sys.argv[1], newline="")))
assert any(r["kind"] == "night-missed" and r["tenant"] == "acme" and r["date"] == "2026-03-10" for r in rows)
assert sum(r["kind"] in ("night", "night-late") and r["tenant"] == "acme" for r in rows) == 363
assert all(r["audit_log"] for r in rows if r["kind"] == "night")' "$WORK/e.csv"
check page grep -q 'night-missed\|no backup was made' "$WORK/e.html"
check page-in-japanese grep -q 'バックアップが取得されなかった' "$WORK/e.html"
. "$(dirname "$0")/page.sh"
sound_page evidence "$WORK/e.html"
check page-alone test "$(grep -cE '(src|href)="?https?:' "$WORK/e.html")" = 0
expect 1 a-month at $END --lang ja evidence --policy daily-7-generations --period 2026-08 --html "$WORK/month.html" --csv "$WORK/month.csv"
check sentences-in-japanese grep -q 'バックアップが取得されなかった' "$WORK/month.csv"
check names-what-was-open grep -q 'N-20260310-' "$WORK/month.html"
sound_page month "$WORK/month.html"
expect 8 not-over-a-file at $END evidence --period 2026-10 --csv "$WORK/e.csv"
expect 4 no-such-policy at $END evidence --policy nonsense --period 2026-10
expect 4 no-such-tenant at $END evidence --tenant nobody --period 2026-10
expect 4 before-any-policy at $END evidence --period 2024
expect 2 not-begun at $END evidence --period 2028
says "has not begun" not-begun-told
for bad in 2026-13 2026-1 x 2026-10/2026-09; do expect 2 "bad-period-$bad" at $END evidence --period "$bad"; done
at $END --json evidence --policy monthly-1-year --period 2026-02 >"$WORK/json" 2>/dev/null; CODE=$?
check a-good-month test "$CODE $(field counts.broken) $(field counts.missed)" = "0 0 0"
check controls test "$(field promises.0.controls.0.standard)" = "ISO/IEC 27017"
# Rows are written as they come: the JSON of a year takes no more memory than its table, a row costing some 2 KB as JSON.
peak() { /usr/bin/python3 -c 'import resource,subprocess,sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)' env HIKAE_NOW=$END "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
table=$(peak evidence --period 2026) value=$(peak --json evidence --period 2026)
check "the JSON of a year takes no memory ($table and $value KiB)" test "$value" -lt "$((table + 5000))"
# An entry that proves a night convinces a stranger.
LOG=$(field promises.0.proof.0.entry.log) SEQ=$(field promises.0.proof.0.entry.seq)
check proven at $END audit prove --log "$LOG" "$SEQ" -o "$WORK/proof.json"

# ---- Documents ----
echo new >"$WORK/new.pdf"
expect 4 no-such-promise at $END attest add nothing --policy monthly-1-year --file "$WORK/new.pdf" --by x --expires 2027-12-31
expect 8 expired-document at $END attest add on-demand --policy monthly-1-year --file "$WORK/new.pdf" --by x --expires 2026-12-31
expect 2 bad-day at $END attest add on-demand --policy monthly-1-year --file "$WORK/new.pdf" --by x --expires 2027-02-30
: >"$WORK/empty.pdf"
expect 2 empty-document at $END attest add on-demand --policy monthly-1-year --file "$WORK/empty.pdf" --by x --expires 2027-12-31
check revoked at $END attest add sites-japan --policy daily-7-generations --file "$WORK/zones.pdf" --by Cloud --from 2026-01-01 --expires 2027-04-01 --revoke
at 2027-01-02T00:00:00Z --json evidence --policy daily-7-generations --period 2027-01 >"$WORK/json" 2>/dev/null
check taken-back test "$(field promises.2.id) $(field promises.2.result)" = "sites-japan not-observable"
finish
