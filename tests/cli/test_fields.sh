#!/bin/bash
# The fields of --json that scripts may rely on: each command that has some is run, and must answer with exactly one JSON
# value that has them all, each of its kind. Every command that changes something must know --dry-run.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
cd "$WORK" || exit 1
mkdir -p src/docs people
echo one >src/docs/a
seq 5000 >src/b
export TZ=UTC

# has CODES NAME FIELDS COMMAND…: the exit code is one of CODES ("0 1"), and the answer has the fields. FIELDS are paths with
# their kinds: snapshot:s is text, n a number, b true or false, t a time, a an array (a+ one that is not empty), * anything;
# "targets.0.name:s" goes into an array.
has() {
    local codes=$1 name=$2 fields=$3 got
    shift 3
    "$HIKAE" --config "$WORK/h/hikae.yaml" --json "$@" >"$WORK/json" 2>"$WORK/err" </dev/null
    got=$?
    check "$name" /usr/bin/python3 - "$WORK/json" "$fields" "$got" "$codes" <<'P'
import json, re, sys
path, fields, got, codes = sys.argv[1:]
text = open(path).read()
value = json.loads(text)
assert got in codes.split(), f"exit {got}: {text[:400]}"
assert value["schema"] == 1, "no schema"
kinds = {
    "s": lambda v: isinstance(v, str),
    "n": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "b": lambda v: isinstance(v, bool),
    "t": lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", v),
    "t?": lambda v: v is None or isinstance(v, str) and re.match(r"\d{4}-\d\d-\d\dT", v),
    "a": lambda v: isinstance(v, list),
    "a+": lambda v: isinstance(v, list) and v,
    "*": lambda v: True,
}
for field in fields.split():
    where, kind = field.split(":")
    at = value
    for key in where.split("."):
        try:
            at = at[int(key)] if key.isdigit() else at[key]
        except (KeyError, IndexError, TypeError):
            raise SystemExit(f"no {where}: {text[:600]}")
    if not kinds[kind](at):
        raise SystemExit(f"{where} is {at!r}")
P
}

has "0" init "config:s store:s" init --dir "$WORK/h" --target "tokyo=file://$WORK/t?country=JP&site=tokyo" \
    --target "osaka=file://$WORK/o?country=JP&site=osaka"
mv h/recovery-sheet-epoch-1.txt people/sheet
has "0 1" doctor "checks:a+ checks.0.name:s checks.0.state:s checks.0.hint:*" doctor
has "0" upgrade "" upgrade
has "0" tenant-add "name:s id:s policy:s state:s" tenant add acme --source "www=dir:$WORK/src"
has "0" tenant-show "name:s id:s policy:s state:s" tenant show acme
has "0" tenant-list "tenants:a+ tenants.0.name:s tenants.0.id:s tenants.0.policy:s tenants.0.state:s" tenant list
has "0" inventory "customers:a+ provider:a" inventory
has "0" target-list "targets:a+ targets.0.name:s targets.0.state:s targets.0.capabilities:* targets.0.country:s" target list
has "0 1" target-check "targets:a+ targets.0.name:s targets.0.state:s targets.0.capabilities:* targets.0.country:s" target check
has "0" backup "snapshot:s entries:n files_new:n files_changed:n files_unchanged:n bytes_source:n bytes_read:n bytes_new:n
    bytes_stored:n duration_s:n targets:a+ targets.0.name:s targets.0.state:s errors:a" backup acme --tag first --keep 30d
first=$(field snapshot)
echo two >src/docs/a
has "0" backup-again "snapshot:s" backup acme
has "0" run "done:a failed:a warnings:a duration_s:n" run
has "0" snapshots "snapshots:a+ snapshots.0.id:s snapshots.0.time:t snapshots.0.entries:n snapshots.0.bytes:n
    snapshots.0.targets:a+ snapshots.0.verified:* snapshots.0.kept_by:a snapshots.0.tag:*" snapshots acme
has "0" snapshot-tag "" snapshot tag acme "$first" kept
has "0" ls "entries:a+" ls acme
has "0" find "entries:a+" find acme '*a'
has "0" diff "entries:a+" diff acme "$first" latest
has "0 1" restore "snapshot:s entries:n bytes:n duration_s:n from:a+ from.0.target:s from.0.bytes:n repaired:n verified:n" \
    restore acme --to "$WORK/back"
has "0 1" restore-all "tenants:a+ tenants.0.name:s tenants.0.snapshot:s tenants.0.entries:n tenants.0.bytes:n tenants.0.from:a+
    tenants.0.repaired:n tenants.0.verified:n duration_s:n" restore --all --to "$WORK/all"
has "0" export "" export acme -o acme.tar
has "0" import "" import acme acme.tar --as old
has "0" verify "checked:n sound:n damaged:n unknown:n repaired:n" verify --level data
has "0" replicate "copied:n bytes:n behind:a" replicate
has "0" retain "keep:a drop:a" retain acme --dry-run
has "0" retain-reasons "keep.0.id:s keep.0.reason:s" retain acme --dry-run
has "0" gc "freed:a waiting:a" gc
has "0" hold-add "" hold add acme --who legal --why case
has "0" hold-list "holds:a+ holds.0.tenant:s holds.0.who:s holds.0.why:s holds.0.until:t?" hold list
hold=$(field holds.0.id)
has "0" hold-remove "" hold remove acme "$hold" --who legal --why closed
has "0 1" keys-status "epoch:n holders:a+" keys status
has "0 1" keys-check "epoch:n holders:a+" keys check
has "0" audit-verify "size:n root:s ok:b" audit verify
has "0" audit-list "" audit list
has "0 1" drill "drill:s result:s rto_s:n rpo_s:n checked:n checks:a+" drill acme
cat >small.yaml <<'Y'
schema: 1
name: small
title: {ja: 小, en: small}
zone: Asia/Tokyo
promises:
  - {id: daily, status: internal, by: hikae, ja: 毎日, en: every day}
schedule: {every: daily, tenants: [customer, provider], keeps: [daily]}
generations: {keep: {daily: 3}, on_demand: 5d}
contract_end: {within: 1m, proof: deletion}
Y
has "0 1" policy-check "" policy check ./small.yaml
has "0 1" policy-diff "" policy diff ./small.yaml
has "0 1" policy-apply "" policy apply ./small.yaml
has "0" tenant-set "" tenant set acme --policy small
has "0 1 5 8" evidence "promises:a+ promises.0.id:s promises.0.result:s promises.0.proof:a" evidence --period "$(TZ=Asia/Tokyo date +%Y-%m)"
has "0" policy-list "policies:a+" policy list
has "0" simulate "" policy simulate ./small.yaml --days 3
has "0 1" report "" report -o page.html
has "0" forecast "" forecast
has "0" notify-list "" notify list
has "0" incident-list "" incident list
has "0" log-list "" log list
has "0 1" status "tenants:a+ tenants.0.name:s tenants.0.last_success:t? tenants.0.age_s:* tenants.0.behind:* tenants.0.next_due:t?
    deadlines:a" status
has "0" version "version:s" version
has "0" help "commands:a+" help
# The end of a contract, and an erasure.
has "0 1" contract-end "stage:s deadline:t" contract end acme --on "$(date -d yesterday +%F)" --who sales --reason notice
has "0 1" contract-show "stage:s deadline:t" contract show acme
for person in sato tanaka; do
    "$HIKAE" keys operator new --out "people/$person.pem" >"people/$person.pub" 2>/dev/null
    hikae keys operator add "$person" --key "people/$person.pub" >/dev/null 2>&1
done
has "0 1" purge-plan "stage:s deadline:t? plan:s approvals:a objects:n targets:a+" purge plan acme --requester sales \
    --without-contract "a test"
plan=$(field plan)
has "0 1" purge-approve "stage:s plan:s approvals:a+" purge approve acme --plan "$plan" --operator people/sato.pem
has "0 1" purge-status "purges:a+ purges.0.stage:s purges.0.plan:s purges.0.approvals:a+ purges.0.objects:n purges.0.targets:a+" \
    purge status acme
has "0" recover "tenants:n snapshots:n head:*" recover --target "osaka=file://$WORK/o" --dir "$WORK/new" --sheet people/sheet

# What changes something takes --dry-run; these look, tell, or write a file that was asked for.
looks="audit export|audit list|audit prove|audit verify|attest list|cat|contract show|diff|doctor|drill away|drill list|drill show|
erasure list|evidence|export|find|forecast|help|hold list|incident list|incident show|incident template|inventory|keys check|
keys sheet|keys status|log export|log list|ls|metrics|nonconformity list|notify list|notify test|policy check|policy diff|policy list|
policy show|policy simulate|purge certificate|purge status|report|restores list|review list|roles|snapshots|status|target list|
tenant list|tenant show|version"
"$HIKAE" help --json | /usr/bin/python3 -c 'import json, sys
for c in json.load(sys.stdin)["commands"]:
    if "dry-run" not in c["options"]: print(c["name"])' | sort >"$WORK/no-dry-run"
tr -d '\n' <<<"$looks" | tr '|' '\n' | sort | grep . >"$WORK/looks"
check "what-changes-something-takes-dry-run" diff "$WORK/looks" "$WORK/no-dry-run"
has "0 1" trial-dry-run "dry_run:b" tenant add umi --source "s=dir:$WORK/src" --trial --dry-run
"$HIKAE" --config h/hikae.yaml tenant add umi --source "s=dir:$WORK/src" --trial >/dev/null 2>&1
has "0 1" trial-dry-run "dry_run:b state:s" tenant trial umi --dry-run
check "still-new" test "$(field state)" = new
has "0 1" trial "state:s" tenant trial umi
check "active" test "$(field state)" = active
finish
