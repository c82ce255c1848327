#!/bin/bash
# Looks that a policy promises for every day, signed: what counts, what does not, and that a day without one is a promise
# that was broken.
. "$(dirname "$0")/lib.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
json_at() { at "$@" >"$WORK/json" 2>"$WORK/err"; CODE=$?; }
# ask EXPRESSION: a Python expression over j, the last JSON.
ask() { /usr/bin/python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$WORK/json" "$1"; }

mkdir -p "$WORK/src"
echo a >"$WORK/src/f"
check init env HIKAE_NOW=2026-11-09T15:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --target "one=file://$WORK/one" --target "two=file://$WORK/two"
mkdir -p "$WORK/h/policies"
cp -r "$ROOT/policies/calendars" "$WORK/h/policies/"
cat >"$WORK/h/policies/watched.yaml" <<'END'
schema: 1
name: watched
title: {ja: 試験, en: A test}
zone: Asia/Tokyo
promises:
  - {id: looked, status: published, by: hikae, ja: 毎日確認します。, en: We look every day.}
schedule: {keeps: [looked], every: daily, tenants: [customer, provider], window: "01:00-06:00"}
sources: {kinds: [dir], method: files}
generations: {keep: all}
reviews:
  - {of: backups, keeps: [looked], every: 1d, signed: true}
END
# 00:00 in Tokyo on the 10th: that whole day is owed.
check apply at 2026-11-09T15:00:00Z policy apply watched
at 2026-11-09T15:00:00Z tenant add a --policy watched --source "d=dir:$WORK/src" >/dev/null 2>&1
check key-sato at 2026-11-09T15:00:00Z keys operator new --out "$WORK/sato.key"
openssl pkey -in "$WORK/sato.key" -pubout -out "$WORK/sato.pub"
check operator-sato at 2026-11-09T15:00:00Z keys operator add sato --key "$WORK/sato.pub"
for day in 10 11 12 13; do at "2026-11-${day}T17:00:00Z" run >/dev/null 2>&1; done

# ---- The 10th: signed. The 11th: not signed. The 12th: nobody. The 13th: a day late. ----
json_at 2026-11-10T03:00:00Z --json review ack --who sato --comment 'osaka is slow' --owner mori --operator "$WORK/sato.key" --dry-run
check dry-run test "$CODE $(ask 'j["dry_run"]')" = "0 True"
json_at 2026-11-10T03:00:00Z --json review list
check dry-run-records-nothing test "$(ask 'len(j["reviews"])')" = 0
check signed at 2026-11-10T03:00:00Z review ack --who sato --comment 'osaka is slow' --owner mori --operator "$WORK/sato.key"
expect 2 not-in-anothers-name at 2026-11-10T03:00:00Z review ack --who mori --comment well --operator "$WORK/sato.key"
says "the key is that of sato" not-in-anothers-name-says
expect 2 no-such-day at 2026-11-10T03:00:00Z review ack --who sato --comment well --day 2026-11-31
expect 4 no-such-key at 2026-11-10T03:00:00Z review ack --who sato --comment well --operator "$WORK/none.key"
check unsigned at 2026-11-11T03:00:00Z review ack --who sato --comment well
check late at 2026-11-14T03:00:00Z review ack --who sato --comment 'was ill' --day 2026-11-13 --operator "$WORK/sato.key"
json_at 2026-11-14T04:00:00Z --json review list
check dues test "$(ask '[d["state"] for d in j["dues"]]')" = "['done', 'missed', 'missed', 'late', 'open']"
check on-record test "$(ask '[(r["who"],r["signed_by"],r["comment"],r["owner"]) for r in j["reviews"]][0]')" = "('sato', 'sato', 'osaka is slow', 'mori')"
at 2026-11-14T04:00:00Z review list >"$WORK/out" 2>"$WORK/err"
check list-tells-signatures grep -q 'SIGNED' "$WORK/out"

# ---- Each day without a look that counts is a promise broken, by its date, and an alert to people ----
json_at 2026-11-14T04:00:00Z --json evidence --policy watched --period 2026-11
check evidence-found test "$CODE" -le 1
check broken-by-day test "$(ask 'sorted(i["date"] for p in j["promises"] for r in p.get("proof",[])+p.get("gaps",[]) for i in [r] if i.get("kind")=="review-missed")')" = "['2026-11-11', '2026-11-12', '2026-11-13']"
check kept-by-day test "$(ask 'sorted(i["date"] for p in j["promises"] for i in p.get("proof",[]) if i.get("kind")=="reviewed")')" = "['2026-11-10']"
check promise-broken test "$(ask '[p["result"] for p in j["promises"] if p["id"]=="looked"]')" = "['broken']"
at 2026-11-14T17:00:00Z run >/dev/null 2>&1
json_at 2026-11-14T18:00:00Z --json nonconformity list
check nonconformity test "$(ask '[i["subject"] for i in j["incidents"] if i["about"]=="review"]')" = "['backups']"
at 2026-11-14T18:00:00Z --lang en report -o "$WORK/page.html" >/dev/null 2>&1
check on-the-page grep -qF 'Not looked at yet: backups' "$WORK/page.html"
check on-the-page-signed grep -qF '<span class="badge good">signed</span>' "$WORK/page.html"
finish
