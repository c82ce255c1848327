#!/bin/bash
# Nonconformities that hikae opens and people close; incidents that people open: deadlines by policy, notices, texts,
# frozen logs; reviews that are promised, done, late and missed.
. "$(dirname "$0")/lib.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
json_at() { at "$@" >"$WORK/json" 2>"$WORK/err"; CODE=$?; }
count() { /usr/bin/python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))[sys.argv[2]]))' "$WORK/json" "$1"; }
# ask EXPRESSION: a Python expression over j, the last JSON.
ask() { /usr/bin/python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$WORK/json" "$1"; }

# ---- A store with two policies: 72 hours as an aim, three business days as a duty, a look every month ----
policy() { # NAME NOTICE-AND-REVIEW
    cat >"$WORK/h/policies/$1.yaml" <<END
schema: 1
name: $1
title: {ja: 試験, en: A test}
zone: Asia/Tokyo
promises:
  - {id: p, status: published, by: hikae, ja: 約束, en: A promise}
schedule: {keeps: [p], every: daily, tenants: [customer, provider], window: "01:00-06:00"}
sources: {kinds: [dir], method: files}
generations: {keep: all}
contract_end: {keeps: [p], within: 1m, proof: deletion}
$2
END
}
mkdir -p "$WORK/src/a" "$WORK/src/b"
echo a >"$WORK/src/a/f"
echo b >"$WORK/src/b/f"
check init env HIKAE_NOW=2026-10-30T00:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --target "one=file://$WORK/one" --target "two=file://$WORK/two"
mkdir -p "$WORK/h/policies"
cp -r "$ROOT/policies/calendars" "$WORK/h/policies/"
policy aim 'notices:
  - {keeps: [p], event: incident, within: 72h, from: occurrence, strength: aim, channels: [mail, web]}
reviews:
  - {of: backups, keeps: [p], every: 1m, by_business_day: 5}'
policy duty 'notices:
  - {keeps: [p], event: incident, within_business_days: 3, from: confirmation, strength: duty, channels: [mail]}'
for p in aim duty; do check "apply-$p" at 2026-10-30T00:00:00Z policy apply $p; done
at 2026-10-30T00:00:00Z tenant add a --policy aim --source "d=dir:$WORK/src/a" >/dev/null 2>&1
at 2026-10-30T00:00:00Z tenant add b --policy duty --source "d=dir:$WORK/src/b" >/dev/null 2>&1

# ---- Nonconformities ----
json_at 2026-10-30T17:00:00Z --json run
check first-night test "$CODE $(ask 'len(j["done"])>=2')" = "0 True"
json_at 2026-10-31T17:00:00Z --json run
json_at 2026-10-31T18:00:00Z --json nonconformity list
check none-yet test "$(count incidents)" = 0
# Two nights without a run.
json_at 2026-11-03T17:00:00Z --json run
json_at 2026-11-03T18:00:00Z --json nonconformity list
check opened-once-per-promise test "$(ask '[(i["about"],i["policy"],i["tenants"]) for i in sorted(j["incidents"],key=lambda i:i["policy"])]')" = "[('backup', 'aim', ['a']), ('backup', 'duty', ['b'])]"
check since-the-latest-night-that-was-missed test "$(ask '{i["occurred"] for i in j["incidents"]}')" = "{'2026-11-02T16:00:00Z'}"
check by-hikae test "$(ask '{e["who"] for i in j["incidents"] for e in i["events"]}')" = "{'hikae'}"
ID=$(ask '[i["id"] for i in j["incidents"] if i["policy"]=="aim"][0]')
json_at 2026-11-06T17:00:00Z --json run
json_at 2026-11-06T18:00:00Z --json nonconformity list
check not-again-while-open test "$(count incidents)" = 2
expect 2 close-needs-cause at 2026-11-06T18:00:00Z nonconformity close "$ID" --who sato --correction c
expect 2 close-needs-correction at 2026-11-06T18:00:00Z nonconformity close "$ID" --who sato --cause c --correction ''
expect 4 close-unknown at 2026-11-06T18:00:00Z nonconformity close N-1 --who sato --cause c --correction c
expect 0 close-dry-run at 2026-11-06T18:00:00Z nonconformity close "$ID" --who sato --cause c --correction c --dry-run
check closed at 2026-11-06T18:00:00Z nonconformity close "$ID" --who sato --cause 'timer off' --correction 'timer on'
expect 8 closed-once at 2026-11-06T18:30:00Z nonconformity close "$ID" --who sato --cause c --correction c
json_at 2026-11-06T19:00:00Z --json nonconformity list
check one-left test "$(count incidents)" = 1
json_at 2026-11-06T19:00:00Z --json incident show "$ID"
check kept test "$(field state) $(field cause) $(field correction)" = "closed timer off timer on"
json_at 2026-11-09T17:00:00Z --json run
json_at 2026-11-09T18:00:00Z --json nonconformity list
check new-one-when-it-happens-again test "$(ask 'sorted((i["about"],i["policy"]) for i in j["incidents"] if i["about"]=="backup")')" = "[('backup', 'aim'), ('backup', 'duty')]"

# ---- Reviews: by the fifth business day of November, which is the 9th (the 3rd is a holiday) ----
check review-missed test "$(ask '[(i["about"],i["policy"],i["subject"]) for i in j["incidents"] if i["about"]=="review"]')" = "[('review', 'aim', 'backups')]"
json_at 2026-11-09T14:59:00Z --json review list
check review-open test "$(ask '[d["state"] for d in j["dues"]]')" = "['open']"
json_at 2026-11-09T15:00:00Z --json review list
check review-missed-at-midnight test "$(ask '[(d["due"],d["state"]) for d in j["dues"]]')" = "[('2026-11-09T15:00:00Z', 'missed')]"
expect 2 ack-no-period at 2026-11-10T00:00:00Z review ack --period 2026-13 --who sato --comment x
expect 2 ack-ahead at 2026-11-10T00:00:00Z review ack --day 2026-11-11 --who sato --comment x
expect 2 ack-no-comment at 2026-11-10T00:00:00Z review ack --who sato --comment ''
expect 4 ack-unknown-policy at 2026-11-10T00:00:00Z review ack --policy nobody --who sato --comment x
check ack-dry-run at 2026-11-10T00:00:00Z review ack --who sato --comment x --dry-run
json_at 2026-11-10T00:00:00Z --json review list
check dry-run-records-nothing test "$(count reviews)" = 0
json_at 2026-11-10T00:00:00Z --json review ack --who sato --comment 'line to osaka slow' --owner mori
check ack test "$CODE $(field period)" = "0 2026-11-10"
json_at 2026-11-10T01:00:00Z --json review list
check review-late test "$(ask '[d["state"] for d in j["dues"]]+[r["owner"] for r in j["reviews"]]')" = "['late', 'mori']"
check ack-december at 2026-12-01T00:00:00Z review ack --of backups --period 2026-12 --who sato --comment well
json_at 2026-12-01T01:00:00Z --json review list --since 2026-12-01
check review-done test "$(ask '[d["state"] for d in j["dues"]]')" = "['done']"

# ---- Signed by an operator ----
check operator-key at 2026-12-01T02:00:00Z keys operator new --out "$WORK/sato.key"
openssl genpkey -algorithm ed25519 -out "$WORK/other.key" 2>/dev/null; chmod 600 "$WORK/other.key"
openssl pkey -in "$WORK/sato.key" -pubout -out "$WORK/sato.pub"
check operator-add at 2026-12-01T02:00:00Z keys operator add sato --key "$WORK/sato.pub"
expect 7 ack-by-a-stranger at 2026-12-01T03:00:00Z review ack --who other --comment x --operator "$WORK/other.key"
check ack-signed at 2026-12-01T03:00:00Z review ack --of drills --who sato --comment 'restored "all"' --operator "$WORK/sato.key"
json_at 2026-12-01T04:00:00Z --json review list --since 2026-12-01
check signed test "$(ask '[(r["of"],r["signed_by"]) for r in j["reviews"]]')" = "[('backups', None), ('drills', 'sato')]"

# ---- An incident ----
open_at() { json_at "$1" --json incident open --title 'Key of host b1 copied' --severity high --who sato "${@:2}"; }
expect 2 no-severity at 2026-11-20T03:00:00Z incident open --title t --severity bad --occurred 2026-11-20T00:00:00Z --aware 2026-11-20T00:00:00Z --who sato
expect 2 ahead at 2026-11-20T03:00:00Z incident open --title t --severity low --occurred 2026-11-21T00:00:00Z --aware 2026-11-21T00:00:00Z --who sato
expect 2 out-of-order at 2026-11-20T03:00:00Z incident open --title t --severity low --occurred 2026-11-20T02:00:00Z --aware 2026-11-20T01:00:00Z --who sato
expect 4 no-tenant at 2026-11-20T03:00:00Z incident open --title t --severity low --occurred 2026-11-20T01:00:00Z --aware 2026-11-20T02:00:00Z --who sato --tenant nobody
open_at 2026-11-20T03:00:00Z --occurred 2026-11-20T00:00:00Z --aware 2026-11-20T02:00:00Z --tenant a --tenant b --dry-run
check open-dry-run test "$CODE $(ask 'len(j["deadlines"])')" = "0 2"
open_at 2026-11-20T03:00:00Z --occurred 2026-11-20T00:00:00Z --aware 2026-11-20T02:00:00Z --tenant a --tenant b --text 'seen in the logs'
IID=$(field id)
deadlines() { ask 'sorted((d["policy"],d["strength"],d["state"],d["due"]) for d in j["deadlines"])'; }
check deadlines test "$(deadlines)" = "[('aim', 'aim', 'open', '2026-11-23T00:00:00Z'), ('duty', 'duty', 'waiting', None)]"
json_at 2026-11-20T04:00:00Z --json incident list
check dry-run-opened-nothing test "$(count incidents)" = 1
# Confirmed on Friday the 20th in Tokyo: Monday is a holiday, so Tuesday, Wednesday, Thursday.
expect 2 confirmed-too-early at 2026-11-20T06:00:00Z incident note "$IID" --confirmed 2026-11-20T01:00:00Z --text x --who sato
json_at 2026-11-20T06:00:00Z --json incident note "$IID" --confirmed 2026-11-20T05:00:00Z --severity critical --text 'it was copied' --who sato
check confirmed test "$(deadlines)$(field severity)" = "[('aim', 'aim', 'open', '2026-11-23T00:00:00Z'), ('duty', 'duty', 'open', '2026-11-26T15:00:00Z')]critical"
expect 8 close-before-notice at 2026-11-20T06:00:00Z incident close "$IID" --text over --who sato
notice() { json_at "$1" --json incident notice "$IID" --stage "$2" --channel "$3" --at "$4" --who sato; }
expect 2 notice-ahead at 2026-11-20T07:00:00Z incident notice "$IID" --stage first --channel mail --at 2026-11-20T08:00:00Z --who sato
notice 2026-11-20T07:00:00Z first mail 2026-11-20T06:30:00Z
check one-channel-of-two test "$(ask '[d["state"] for d in sorted(j["deadlines"],key=lambda d:d["policy"])]')" = "['open', 'met']"
json_at 2026-11-23T00:00:00Z --json incident show "$IID"
check missed-after-72-hours test "$(ask '[d["state"] for d in sorted(j["deadlines"],key=lambda d:d["policy"])]')" = "['missed', 'met']"
json_at 2026-11-23T17:00:00Z --json run
json_at 2026-11-23T18:00:00Z --json nonconformity list
check missed-notice-is-a-nonconformity test "$(ask '[(i["policy"],i["subject"]) for i in j["incidents"] if i["about"]=="notice"]')" = "[('aim', '$IID')]"
notice 2026-11-24T00:00:00Z first web 2026-11-23T20:00:00Z
check late test "$(ask '[(d["state"],d["met"]) for d in sorted(j["deadlines"],key=lambda d:d["policy"])]')" = "[('late', '2026-11-23T20:00:00Z'), ('met', '2026-11-20T06:30:00Z')]"
for stage in first follow-up final; do
    for lang in en ja; do
        at 2026-11-24T01:00:00Z --lang $lang incident template "$IID" --stage $stage >"$WORK/t.$stage.$lang" 2>/dev/null
        check "template-$stage-$lang" sh -c "grep -q 'Key of host b1 copied' '$WORK/t.$stage.$lang' && grep -q '$IID' '$WORK/t.$stage.$lang' && grep -q ____ '$WORK/t.$stage.$lang' && ! grep -q '[{}]' '$WORK/t.$stage.$lang'"
    done
done
check template-japanese grep -q 最終報告 "$WORK/t.final.ja"
# For one customer: in the zone of its policy, with what that promises, and without anybody else's name.
at 2026-11-24T01:00:00Z --lang ja incident template "$IID" --stage final --tenant b >"$WORK/out" 2>/dev/null
says "対象: b" template-for-one
says "確認から3営業日以内（義務）: 期限 2026年11月26日24時00分（日本時間）、実施 2026年11月20日15時30分（日本時間）、期限内" template-in-its-zone
check template-without-other-promises sh -c "! grep -q 72時間 '$WORK/out'"
at 2026-11-24T01:00:00Z incident template "$IID" --stage final --tenant a >"$WORK/out" 2>/dev/null
says "within 72 hours of its occurrence (aim): by 2026-11-23 09:00 JST; given 2026-11-24 05:00 JST, late" template-says-late
at 2026-11-24T01:00:00Z incident template "$IID" --stage final >"$WORK/out" 2>/dev/null
says "Whom it concerned: ____" template-names-nobody-unasked
expect 2 template-for-a-stranger at 2026-11-24T01:00:00Z incident template "$IID" --stage final --tenant c0
expect 2 template-unknown at 2026-11-24T01:00:00Z incident template "$IID" --stage other

# ---- An erasure that nobody did ----
mkdir -p "$WORK/src/c"
at 2026-11-24T01:00:00Z tenant add c --policy duty --source "d=dir:$WORK/src/c" >/dev/null 2>&1
check contract-end at 2026-11-24T01:10:00Z contract end c --on 2026-11-30 --who sales --reason moved
json_at 2026-12-29T18:00:00Z --json run --only replicate
json_at 2026-12-29T19:00:00Z --json nonconformity list
check erasure-not-due-yet test "$(ask '[i["about"] for i in j["incidents"] if i["about"]=="erasure"]')" = "[]"
json_at 2027-01-02T18:00:00Z --json run --only replicate
json_at 2027-01-02T19:00:00Z --json nonconformity list
check erasure-missed test "$(ask '[i["tenants"] for i in j["incidents"] if i["about"]=="erasure"]')" = "[['c']]"

# ---- Frozen logs ----
at 2026-11-24T02:00:00Z audit list --json >"$WORK/json" 2>/dev/null
json_at 2027-11-24T00:00:00Z --json audit expire --keep operation=30d --keep access=30d --dry-run
check frozen test "$(ask 'j["held"]>0')" = True
HELD=$(field held)
check closed-incident at 2027-11-24T01:00:00Z incident close "$IID" --text 'key replaced' --cause 'laptop' --correction 'token' --who sato
expect 8 note-after-closing at 2027-11-24T01:30:00Z incident note "$IID" --text x --who sato
json_at 2027-11-24T02:00:00Z --json audit expire --keep operation=30d --keep access=30d --dry-run
check thawed test "$(field held) $(ask "j['expired']>=$HELD")" = "0 True"

# ---- Another machine reads the same; all of it is in the audit log ----
rm -f "$WORK"/h/state/catalog* "$WORK"/h/*/catalog*
json_at 2027-11-24T03:00:00Z --json incident list --all
check after-losing-the-catalogue test "$(ask '[(i["id"],i["state"],len(i["events"])) for i in j["incidents"]]')" = "[('$IID', 'closed', 5)]"
json_at 2027-11-24T03:00:00Z --json audit list
check audited test "$(ask '[sum(e.get("operation",e.get("op"))==o for e in j["entries"]) for o in ("incident close","nonconformity close")]')" = "[2, 3]"
at 2027-11-24T03:00:00Z incident list --all >"$WORK/out" 2>/dev/null
says "Key of host b1 copied" table-for-people
at 2027-11-24T03:00:00Z --lang ja incident list >"$WORK/out" 2>/dev/null
says "インシデントはありません" japanese
finish
