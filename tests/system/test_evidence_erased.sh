#!/bin/bash
# What evidence says of tenants that are erased, whose history nobody can read any more: what was promised of them is told
# by the audit log, on the machine that erased them and on one that was recovered since. And of two hosts, whose logs are
# two; of damage, which is one tenant's; of what a person took out by another name than its id.
# shellcheck disable=SC2317 # functions that check and expect call by name
. tests/system/lib.sh
. tests/system/purge_lib.sh
export HIKAE_NOW=2026-11-01T10:00:00Z
check store make_store --target "a=file://$WORK/a?country=JP&site=x" --target "b=file://$WORK/b?country=JP&site=y" --min-copies 2
mkdir -p "$WORK/h/policies"
policy() {
    cat <<Y
schema: 1
name: $1
title: {ja: 短, en: short}
zone: UTC
promises:
  - {id: nightly, status: internal, ja: a, en: a}
  - {id: generations, status: internal, ja: a, en: a}
  - {id: kinds, status: internal, ja: a, en: a}
  - {id: copies, status: internal, ja: a, en: a}
  - {id: checked, status: internal, ja: a, en: a}
  - {id: drilled, status: internal, ja: a, en: a}
  - {id: restored, status: internal, ja: a, en: a}
  - {id: erased, status: internal, ja: a, en: a}
schedule: {keeps: [nightly], every: daily, tenants: [customer], window: "01:00-06:00"}
sources: {keeps: [kinds], method: any, kinds: [dir]}
generations: {keeps: [generations], keep: {daily: 3}, on_demand: 5d}
targets: {keeps: [copies], min_copies: 2}
verification: [{keeps: [checked], level: inventory, every: 1d}]
drills: [{keeps: [drilled], mode: sample, every: 1m}]
restores: {keeps: [restored], on_request: false, staging: false, approver: one}
contract_end: {keeps: [erased], within: 1m, proof: deletion}
Y
}
for name in short other; do
    policy $name >"$WORK/h/policies/$name.yaml"
    check "policy $name" hikae policy apply "$WORK/h/policies/$name.yaml"
done
for t in acme beta; do
    mkdir -p "$WORK/src/$t"; head -c 50000 /dev/urandom >"$WORK/src/$t/file"
    check "tenant $t" hikae tenant add $t --policy short --source "data=dir:$WORK/src/$t"
done
mkdir -p "$WORK/src/gamma"; echo gamma >"$WORK/src/gamma/file"
check "a tenant of another policy" hikae tenant add gamma --policy other --source "data=dir:$WORK/src/gamma"
[ "$FAILED" = 0 ] || finish
# Two hosts take turns: each has an audit log of its own.
on() { local host=$1; shift; "$HIKAE" --config "$WORK/$host/hikae.yaml" "$@"; }
TARGETS=(--target "a=file://$WORK/a?country=JP&site=x" --target "b=file://$WORK/b?country=JP&site=y")
recover_to() { "$HIKAE" recover --dir "$WORK/$1" --key-file "$(find "$WORK/h" -name '*.key' | sort | tail -1)" "${TARGETS[@]}" && sed -i 's/^min_copies:.*/min_copies: 2/' "$WORK/$1/hikae.yaml"; }
check "recovered elsewhere" recover_to h2
for day in 02 03 04 05 06 07 08; do
    export HIKAE_NOW=2026-11-${day}T02:00:00Z
    host=h; [ $((10#$day % 2)) = 0 ] || host=h2
    [ $day != 05 ] || mv "$WORK/src/acme" "$WORK/src/away" # a night that is missed
    on $host run --retries 0 --only backup,verify,retain >/dev/null 2>&1
    [ $day != 05 ] || mv "$WORK/src/away" "$WORK/src/acme"
done
export HIKAE_NOW=2026-11-08T10:00:00Z
check drilled hikae drill acme --mode sample
check drilled-too hikae drill beta --mode sample
# signed ACT TENANT COMMAND…: with as many signatures as it asks for.
signed() {
    local act=$1 tenant=$2 plan o; shift 2
    plan=$("$@" 2>&1 | grep -o 'plan [0-9a-f]\{64\}' | head -1 | cut -d' ' -f2)
    for o in sato tanaka; do hikae approve "$act" "$tenant" --plan "$plan" --operator "$OPERATORS/$o.pem" >/dev/null 2>&1; done
    "$@"
}
check restored signed restore acme hikae restore acme --to "$WORK/r" --reason r --requester x
# said CONFIG PERIOD: each promise with its result, and its gaps but for the name of the tenant.
said() {
    on "$1" --json evidence --policy short --period "$2" >"$WORK/json" 2>"$WORK/err"
    jq -r '.promises[] | .id + ":" + .result, (.gaps[] | "  " + .kind + " " + (.date // "-"))' "$WORK/json"
}
# kept TENANT: how many nights and restores prove something of it.
kept() { jq "[.promises[].proof[] | select(.tenant == \"$1\" and (.kind == \"night\" or .kind == \"restore\" or .kind == \"drilled\"))] | length" "$WORK/json"; }
said h 2026-11 >"$WORK/before"
# The first run of a host verifies nothing: that is told, and nothing else.
check "both logs are one story" test "$(grep -c 'verification-missed 2026-11-0[4-8]' "$WORK/before")" = 0
check "nothing that is not so" test "$(grep -c '^  ' "$WORK/before")" = 3
check "the missed night is told" grep -q "night-missed 2026-11-05" "$WORK/before"
proofs=$(kept acme)
check "the tenant's nights prove something" test "$proofs" -eq 8

# ---- Its contract ends, and it is erased ----
id=$(pseudonym acme)
check ends hikae contract end acme --on 2026-11-08 --who sales --reason left
export HIKAE_NOW=2026-11-09T10:00:00Z
check planned hikae purge plan acme --requester mori
hash=$(hikae --json purge status acme 2>/dev/null | jq -r .plan)
for o in sato tanaka; do check "signed by $o" sign acme "$hash" $o; done
hikae purge run acme >"$WORK/out" 2>"$WORK/err"
hikae -q purge declare 1/paper/sheet --who tanaka --how burnt --operator "$OPERATORS/sato.pem" 2>/dev/null
check gone test "$(hikae --json purge status "$id" 2>/dev/null | jq -r .stage)" = gone
said h 2026-11 >"$WORK/after"
check "the missed night of the erased tenant is told still" grep -q "night-missed 2026-11-05" "$WORK/after"
check "what was done for it proves as much" test "$(kept "$id")" = "$proofs"
check "its erasure is told" test "$(jq -r '.promises[] | select(.id == "erased") | .result' "$WORK/json")" = kept
check "the kinds of its sources are known" test "$(jq -r '.promises[] | select(.id == "kinds") | .result' "$WORK/json")" = kept

# ---- On a machine that never knew it ----
check recovered recover_to h3
said h3 2026-11 >"$WORK/elsewhere"
check "evidence is the same there" cmp "$WORK/after" "$WORK/elsewhere"
on h3 --json evidence --policy short --tenant acme --period 2026-11 >"$WORK/json" 2>/dev/null
check "by the name that it had, too" test "$(kept "$id")" = "$proofs"
expect 4 "of no tenant there is none" on h3 evidence --tenant nobody --period 2026-11
on h3 --json evidence --policy other --period 2026-11 >"$WORK/json" 2>/dev/null
check "another policy says nothing of it" test "$(jq "[.promises[] | (.proof + .gaps)[] | select(.tenant == \"$id\")] | length" "$WORK/json")" = 0
export HIKAE_NOW=2027-01-05T10:00:00Z
said h3 2026-12 >/dev/null
check "nor the month after, but of what was due then" test "$(jq "[.promises[] | select(.id != \"erased\") | (.proof + .gaps)[] | select(.tenant == \"$id\")] | length" "$WORK/json")" = 0

# ---- Damage is one tenant's ----
export HIKAE_NOW=2026-11-10T10:00:00Z
for day in 10 11; do HIKAE_NOW=2026-11-${day}T02:00:00Z hikae run --only backup,verify >/dev/null 2>&1; done
tid=$(pseudonym beta)
pack=$(find "$WORK/a/hikae1/t/$tid/p" -type f | head -1); chmod u+w "$pack"; truncate -s -10 "$pack"
export HIKAE_NOW=2026-11-11T10:00:00Z
expect 5 damaged hikae verify
said h 2026-11 >"$WORK/damaged"
check "whose objects are damaged is told" grep -q check-failed "$WORK/damaged"
on h --json evidence --policy other --period 2026-11 >"$WORK/json" 2>/dev/null
check "and of the others it is not" test "$(jq '[.promises[].gaps[] | select(.kind == "check-failed")] | length' "$WORK/json")" = 0

# ---- Taken out as "latest" ----
check taken-out signed snapshot-forget gamma hikae snapshot forget gamma latest --who sato --why "a mistaken capture"
hikae --json audit list --operation 'snapshot forget' >"$WORK/json" 2>/dev/null || hikae --json audit list >"$WORK/json" 2>/dev/null
check "the audit log names the snapshot" test "$(jq -r '[.entries[] | select(.operation == "snapshot forget")][-1].details.snapshot | length' "$WORK/json")" = 16

# ---- When what the audit log tells has expired, what is left is unknown, and not missed ----
export HIKAE_NOW=2030-01-05T10:00:00Z
check expired signed audit-expire - hikae audit expire --keep evidence=3y
said h 2026-11 >"$WORK/expired"
check "of the erased tenant no night is called missed" test "$(jq -r "[.promises[] | select(.id == \"nightly\").gaps[] | select(.tenant == \"$id\").kind] | unique | join(\" \")" "$WORK/json")" = "night-expired"
check "its erasure is told all the same" grep -q '"erased"' "$WORK/json"
finish
