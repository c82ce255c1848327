#!/bin/bash
# Restores as operators do them: what a policy refuses and asks for, copies that are out there, and their wiping.
. tests/system/lib.sh
mkdir -p "$WORK/src/docs/deep" "$WORK/policies"
echo one >"$WORK/src/docs/one"; echo two >"$WORK/src/docs/deep/two"; ln -s one "$WORK/src/docs/link"; ln "$WORK/src/docs/one" "$WORK/src/docs/hard"
export HIKAE_NOW=2026-11-20T02:00:00Z
"$HIKAE" init --dir "$WORK/h" --test-clock --target "a=file://$WORK/a" --target "b=file://$WORK/b" >/dev/null 2>&1
cat >"$WORK/policies/asks.yaml" <<'YAML'
schema: 1
name: asks
title: {ja: 復元の規則, en: rules for restores}
zone: Asia/Tokyo
schedule: {every: daily, tenants: [customer, provider], window: "01:00-05:00"}
generations: {keep: all}
restores: {on_request: false, staging: false, approver: one, latest_only: true}
YAML
sed -e 's/asks/allows/; s/on_request: false, staging: false, approver: one, latest_only: true/on_request: true, staging: true, approver: two/' "$WORK/policies/asks.yaml" >"$WORK/policies/allows.yaml"
check "policies" bash -c 'for p in asks allows; do "$1" --config "$2" policy apply "$3/$p.yaml" || exit; done' x "$HIKAE" "$WORK/h/hikae.yaml" "$WORK/policies"
hikae tenant add t --policy asks --source "data=dir:$WORK/src" >/dev/null 2>&1
hikae tenant add plain --source "data=dir:$WORK/src" >/dev/null 2>&1
hikae backup t >/dev/null 2>&1; hikae backup plain >/dev/null 2>&1
export HIKAE_NOW=2026-11-21T02:00:00Z
echo three >"$WORK/src/docs/three"; hikae backup t >/dev/null 2>&1
old=$(hikae --json snapshots t 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["snapshots"][0]["id"])')

# ---- What a policy asks for ----
hikae --json restore plain --to "$WORK/p" --dry-run >"$WORK/json" 2>/dev/null
check "a dry run says what would be fetched" test "$(field bytes_to_fetch)" -gt 0 -a ! -e "$WORK/p"
check "plain asks for nothing" hikae restore plain --to "$WORK/p"
hikae --json restores list >"$WORK/json" 2>/dev/null
check "and records no copy" test "$(field copies)" = "[]"
expect 8 "a reason is asked for" hikae restore t --to "$WORK/r" --approver sato
says "--reason" "with a hint"
expect 8 "an approver too" hikae restore t --to "$WORK/r" --reason broken
expect 8 "nobody approves for himself" hikae restore t --to "$WORK/r" --reason broken --requester sato --approver sato
expect 8 "customers may not ask" hikae restore t --to "$WORK/r" --reason broken --approver sato --on-request --requester acme
expect 8 "nor may data be tried" hikae restore t --to "$WORK/r" --reason broken --approver sato --destination staging --keep-copy 1d
expect 8 "the latest only" hikae restore t --to "$WORK/r" --reason broken --approver sato --snapshot "$old"
check "nothing was written" test ! -e "$WORK/r"
hikae --json restore t --to "$WORK/r" --reason broken --ticket 17 --requester suzuki --approver sato --keep-copy 2d >"$WORK/json" 2>"$WORK/err"
copy=$(field copy)
check "with all of it" test -f "$WORK/r/data/docs/three" -a -n "$copy"
hikae tenant set t --policy allows >/dev/null 2>&1
expect 8 "two approvers are two people" hikae restore t --to "$WORK/s" --reason try --approver sato --approver sato
expect 8 "a request is somebody's" hikae restore t --to "$WORK/s" --reason try --approver sato --approver tanaka --on-request
expect 8 "a copy for trying has an end" hikae restore t --to "$WORK/s" --reason try --approver sato --approver tanaka --destination staging
export HIKAE_NOW=2026-11-21T02:10:00Z
check "then it is restored" hikae restore t 'data/docs/deep' --to "$WORK/s" --reason try --approver sato --approver tanaka --destination staging --keep-copy 12h
check "drills ask for nothing" hikae drill t

# ---- Copies out there ----
hikae --json restores list >"$WORK/json" 2>/dev/null
check "two are out there" test "$(field out)" = 2
check "who and why" test "$(field copies.0.reason) $(field copies.0.ticket) $(field copies.0.requester) $(field copies.0.approver)" = "broken 17 suzuki sato"
hikae restores list >"$WORK/out" 2>/dev/null
says "broken (17; for suzuki; approved by sato)" "people see it too"
hikae --json status >"$WORK/json" 2>/dev/null
check "status knows of them" test "$(field tenants.1.copies_out)" = 2
check "and of the last drill" test "$(field tenants.1.last_drill.result)" = passed
export HIKAE_NOW=2026-11-22T02:00:00Z
expect 1 "one lives longer than it may" hikae restores list
hikae metrics >"$WORK/out" 2>/dev/null
says 'hikae_copies_overdue{tenant="t"} 1' "metrics say so"
hikae --json status >"$WORK/json" 2>/dev/null
check "and so do the deadlines" test "$(field deadlines.0.what) $(field deadlines.0.tenant) $(field deadlines.0.missed)" = "copy t True"
says 'hikae_drill_passed{tenant="t"} 1' "and of the drill"
rm -rf "$WORK/h/state/catalog"*
check "they are in the history" test "$(hikae --json restores list t 2>/dev/null | grep -o '"folder"' | wc -l)" = 2

# ---- Wiping ----
echo mine >"$WORK/r/data/docs/mine"; echo changed >>"$WORK/r/data/docs/one"
mkdir "$WORK/out.d"; mv "$WORK/r/data/docs/deep" "$WORK/out.d/"; ln -s "$WORK/out.d/deep" "$WORK/r/data/docs/deep"
expect 4 "no such copy" hikae restores wiped ffffffff
expect 1 "a dry run counts" hikae restores wiped "$copy" --dry-run
check "and removes nothing" test -f "$WORK/r/data/docs/three"
expect 1 "what was restored goes" hikae restores wiped "${copy:0:8}"
check "what is as it was" test ! -e "$WORK/r/data/docs/three" -a ! -L "$WORK/r/data/docs/link"
check "not what was changed, or is somebody's own" test -f "$WORK/r/data/docs/one" -a -f "$WORK/r/data/docs/mine"
check "and no link is followed" test -f "$WORK/out.d/deep/two"
expect 8 "it is on record once" hikae restores wiped "$copy"
other=$(hikae --json restores list t 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["copies"][0]["copy"])')
expect 2 "a declaration is somebody's" hikae restores wiped "$other" --declared
check "somebody wiped the other" hikae restores wiped "$other" --declared --by tanaka --note "disk destroyed"
check "hikae removed nothing of it" test -f "$WORK/s/data/docs/deep/two"
hikae --json restores list --all >"$WORK/json" 2>/dev/null
check "both are on record" test "$(field out) $(field copies.0.how) $(field copies.1.how) $(field copies.1.by)" = "0 removed declared tanaka"
check "all of it goes where nothing was changed" bash -c '"$1" --config "$2" --json restore plain --to "$3/q" --keep-copy 1h >"$3/json" 2>/dev/null; id=$(grep -o "\"copy\":\"[0-9a-f]*" "$3/json" | cut -c9-); "$1" --config "$2" restores wiped "$id" && [ -z "$(find "$3/q" -mindepth 1)" ]' x "$HIKAE" "$WORK/h/hikae.yaml" "$WORK"

# ---- Operators: signatures, not names ----
mkdir "$WORK/keys"
for who in sato tanaka; do
    "$HIKAE" keys operator new --out "$WORK/keys/$who.pem" >"$WORK/keys/$who.pub" 2>/dev/null
    hikae keys operator add $who --key "$WORK/keys/$who.pub" >/dev/null 2>&1
done
ask() { hikae --json restore t --to "$WORK/z" --reason broken --approver sato --approver tanaka "$@"; }
expect 8 "names no longer do" ask
plan=$(grep -ho -- '--plan [0-9a-f]*' "$WORK/check.err" | head -1 | cut -d' ' -f2)
hikae approve restore t --plan "$plan" --operator "$WORK/keys/sato.pem" >/dev/null 2>&1
expect 8 "one signature of two" ask
hikae approve restore t --plan "$plan" --operator "$WORK/keys/tanaka.pem" >/dev/null 2>&1
expect 8 "for another folder they do not count" hikae restore t --to "$WORK/elsewhere" --reason broken
expect 0 "both" ask
hikae --json restores list >"$WORK/json" 2>/dev/null
check "and they are on record" test "$(field copies.0.approver)" = "sato, tanaka"
finish
