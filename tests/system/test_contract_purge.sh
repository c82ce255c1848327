#!/bin/bash
# From the end of a contract to the erasure: what stands in the way, what a cancellation stops, what survives it.
# shellcheck disable=SC2317 # functions that check and expect call by name
. tests/system/lib.sh
. tests/system/purge_lib.sh
check store make_store --target "a=file://$WORK/a?country=JP&site=x" --target "b=file://$WORK/b?country=JP&site=y" --target "c=file://$WORK/c?country=JP&site=z" --min-copies 2
mkdir -p "$WORK/h/policies" "$WORK/own"; echo own >"$WORK/own/a"
cat >"$WORK/h/policies/short.yaml" <<'Y'
schema: 1
name: short
title: {ja: 短, en: short}
zone: UTC
promises: [{id: erased, status: internal, ja: 期限までに消去する。, en: Erased in time.}]
schedule: {every: daily, tenants: [customer, provider]}
generations: {keep: {daily: 3}, on_demand: 5d}
restores: {on_request: false, staging: false, customer_export: true}
contract_end: {keeps: [erased], within: 1m, proof: deletion, survives: [{what: contract, fields: [record], keep: 7y}]}
Y
check policy hikae policy apply "$WORK/h/policies/short.yaml"
for t in gone stays; do check "tenant $t" add_tenant $t; done
# Later: with the same time for both, the slower of two commands could be the earlier entry.
export HIKAE_NOW=2026-11-21T10:10:00Z
for t in gone stays; do check "policy of $t" hikae tenant set $t --policy short; done
check own hikae tenant add own --provider --policy short --source "data=dir:$WORK/own"
id=$(pseudonym gone)
plan() { hikae purge plan gone --requester mori; }
sqlite3_of() { /usr/bin/python3 -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute(sys.argv[2]).fetchone())' "$WORK/h/state/catalogue.db" "$1"; }
expect 8 no-end-no-plan plan
check ends hikae contract end gone --on 2026-11-21 --who sales --reason left
expect 8 the-last-day-is-not-over plan
says "not over" says-so
export HIKAE_NOW=2026-11-22T10:00:00Z
expect 8 survivors-stand-in-the-way plan
says "contract survivors" names-the-command
echo '{"contract":{"record":"C-17"}}' >"$WORK/s.json"
check survivors hikae contract survivors gone --from "$WORK/s.json" --into own
expect 8 the-receipt-stands-in-the-way plan
check export hikae contract export gone --to "$WORK/gone.tar" --recipient Gone
check hold hikae hold add gone --who court --why case
expect 8 a-hold-stands-in-the-way plan
hold=$(hikae --json hold list gone 2>/dev/null | jq -r '.holds[0].id')
hash=$(hikae hold remove gone "$hold" --who c --why o --dry-run 2>&1 | grep -o 'plan [0-9a-f]\{64\}' | head -1 | cut -d' ' -f2)
for o in sato tanaka; do hikae approve hold-remove gone --plan "$hash" --operator "$OPERATORS/$o.pem" >/dev/null 2>&1; done
check hold-removed hikae hold remove gone "$hold" --who c --why o
check planned plan
hash=$(hikae --json purge status gone 2>/dev/null | jq -r .plan)
for o in sato tanaka; do check "signed by $o" sign gone "$hash" $o; done
# The contract goes on after all: what was approved does not run.
check cancel hikae contract cancel gone --who sales --reason renewed
expect 8 cancelled-is-not-erased hikae purge run gone
check still-restores restores gone
check is-backed-up hikae backup gone
# And ends again: the approvals bind the plan, which is the same.
check ends-again hikae contract end gone --on 2026-11-21 --who sales --reason 'left after all'
# One target is away: the keys are destroyed in time, and what was promised is that everything is deleted.
mv "$WORK/c" "$WORK/c-away"
hikae purge run gone >"$WORK/out" 2>"$WORK/err"
check unreadable test "$(hikae --json purge status "$id" 2>/dev/null | jq -r .stage)" = unreadable
hikae --json contract show gone >"$WORK/json" 2>/dev/null
check the-contract-is-still-known test "$(field stage)/$(field on)/$(field missed)" = unreadable/2026-11-21/False
hikae --json status >"$WORK/json" 2>/dev/null
check the-deadline-is-still-open test "$(jq -r '.deadlines[] | select(.what == "erasure") | .missed' "$WORK/json")" = false
hikae -q purge declare 1/paper/sheet --who tanaka --how burnt --operator "$OPERATORS/sato.pem" 2>/dev/null
export HIKAE_NOW=2026-12-22T10:00:00Z
expect 1 only-complete-deletion-meets-the-promise hikae contract show gone
says MISSED and-says-so
hikae --json status >"$WORK/json" 2>/dev/null
check status-says-that-it-is-missed test "$(jq -r '.deadlines[] | select(.what == "erasure") | .missed' "$WORK/json")" = true
hikae run >"$WORK/out" 2>"$WORK/err"
says "the deadline of its erasure is missed" so-does-the-nightly-run
hikae --json nonconformity list >"$WORK/json" 2>/dev/null
check it-is-a-nonconformity grep -q "\"$id\"" "$WORK/json"
mv "$WORK/c-away" "$WORK/c"
hikae purge run gone >"$WORK/out" 2>"$WORK/err"
check erased test "$(hikae --json purge status "$id" 2>/dev/null | jq -r '.stage + " " + (.missed | tostring)')" = "gone true"
expect 1 too-late-stays-too-late hikae contract show gone
expect 8 too-late-to-cancel hikae contract cancel gone --who sales --reason 'too late'
says "it is erased, irrevocably since 2026-11-22T" and-since-when
expect 8 nor-by-its-pseudonym hikae contract cancel "$id" --who sales --reason 'too late'
expect 4 a-tenant-that-never-was hikae contract cancel nobody --who sales --reason 'too late'
expect 4 nothing-to-restore hikae restore gone --to "$WORK/r"
snapshot=$(hikae --json snapshots own 2>/dev/null | jq -r '.snapshots[] | select(.tag == "survivors") | .id')
hikae cat own "survivors/$id/contract.json" --snapshot "$snapshot" >"$WORK/out" 2>/dev/null
check what-survives-is-read test "$(jq -c .fields "$WORK/out")" = '{"record":"C-17"}'
check the-other-restores restores stays
hikae --json status >"$WORK/json" 2>/dev/null
check no-deadline-is-left test "$(jq '.deadlines | length' "$WORK/json")" = 0

# ---- Another one, in time; and what evidence says of both ----

other=$(pseudonym stays)
check its-contract-ends hikae contract end stays --on 2026-12-22 --who sales --reason left
export HIKAE_NOW=2026-12-23T10:00:00Z
check its-survivors hikae contract survivors stays --from "$WORK/s.json" --into own
check its-archive hikae contract export stays --to "$WORK/stays.tar" --recipient Stays
check its-plan hikae purge plan stays --requester mori
hash=$(hikae --json purge status stays 2>/dev/null | jq -r .plan)
for o in sato tanaka; do check "its plan signed by $o" sign stays "$hash" $o; done
hikae purge run stays >"$WORK/out" 2>"$WORK/err"
hikae -q purge declare 2/paper/sheet --who tanaka --how burnt --operator "$OPERATORS/sato.pem" 2>/dev/null
hikae purge run stays >"$WORK/out" 2>"$WORK/err"
check it-is-erased test "$(hikae --json purge status "$other" 2>/dev/null | jq -r '.stage + " " + (.missed | tostring)')" = "gone false"
export HIKAE_NOW=2027-02-01T10:00:00Z
# erasures PERIOD: what the promise came to, and for each erasure its kind and its day.
erasures() {
    hikae --json evidence --policy short --period "$1" 2>/dev/null | jq -r '.promises[] | select(.id == "erased") |
        .result, ((.proof + .gaps)[] | .kind + "/" + (.done // "-")[:10])' | sort | paste -sd ' '
}
check evidence-has-the-late-one test "$(erasures 2026-12)" = "broken erased/2026-12-23 erasure-missed/2026-12-22"
check evidence-has-the-one-in-time test "$(erasures 2027-01)" = "erased/2026-12-23 kept"
# The row of an erased tenant keeps its policy, and nothing that tells whose it was.
check nothing-else-is-known-of-it test "$(sqlite3_of "SELECT name || ' ' || policy || ' ' || state || ' ' || body FROM tenant WHERE state = 'erased' AND name = '$other'")" = "$other short erased {}"
finish
