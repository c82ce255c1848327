#!/bin/bash
# The end of a contract: deadline, freezing, survivors, receipt, hold, cancel, a missed deadline; the erasure register in
# restores, exports, cat and disclosures; disclosure with approvals; and that another machine knows all of it.
# shellcheck disable=SC2317 # functions that check and expect call by name
. tests/system/lib.sh
D=$WORK/h
mkdir -p "$D/policies" "$WORK/src/users/42" "$WORK/src/users/43" "$WORK/src/users/99" "$WORK/own"
at() { export HIKAE_NOW=$1; }
at 2027-01-10T10:00:00Z
echo forty-two >"$WORK/src/users/42/mail"; ln "$WORK/src/users/42/mail" "$WORK/src/users/99/link"
echo forty-three >"$WORK/src/users/43/mail"; echo other >"$WORK/src/other"; echo own >"$WORK/own/a"
check init "$HIKAE" init --dir "$D" --test-clock --target "a=file://$WORK/ta?country=JP&site=x" --target "b=file://$WORK/tb?country=JP&site=y" --min-copies 2
cat >"$D/policies/small.yaml" <<'Y'
schema: 1
name: small
title: {ja: 小, en: small}
zone: Asia/Tokyo
schedule: {every: daily, tenants: [customer, provider]}
generations: {keep: {daily: 3}, on_demand: 5d}
restores: {on_request: false, staging: false, customer_export: true, approver: two}
contract_end:
  within: 1m
  proof: deletion
  survives:
    - what: contract
      fields: [record, manager_name]
      keep: 5y
    - what: named-log
      fields: [entry]
Y
check policy hikae policy apply "$D/policies/small.yaml"
check tenant hikae tenant add acme --policy small --source "data=dir:$WORK/src"
check own hikae tenant add own --provider --policy small --source "data=dir:$WORK/own"
check plain hikae tenant add plain --source "data=dir:$WORK/own"
check backup hikae backup acme
check backup-own hikae backup own

# ---- The end ----
expect 8 policy-without-a-rule hikae contract end plain --on 2027-01-31 --who s --reason r
expect 2 no-day hikae contract end acme --on 2027-02-29 --who s --reason r
expect 2 no-reason hikae contract end acme --on 2027-01-31 --who s
expect 4 nobody hikae contract end nobody --on 2027-01-31 --who s --reason r
expect 4 nothing-to-cancel hikae contract cancel acme --who s --reason r
hikae --json contract end acme --on 2027-01-31 --who s --reason r --dry-run >"$WORK/json" 2>/dev/null
check dry-run-tells-the-deadline test "$(field deadline)" = 2027-02-28T14:59:59Z
hikae --json contract show acme >"$WORK/json" 2>/dev/null
check dry-run-writes-nothing test "$(field stage)" = none
hikae --json contract end acme --on 2027-01-31 --who sales --reason notice >"$WORK/json" 2>"$WORK/err"
check deadline test "$(field deadline)" = 2027-02-28T14:59:59Z
check stage-ending test "$(field stage)" = ending
check survivors-listed test "$(field survivors.0.fields)" = "['record', 'manager_name']"
expect 8 another-day-is-refused hikae contract end acme --on 2027-02-15 --who s --reason r
check same-day-again hikae contract end acme --on 2027-01-31 --who s --reason r
at 2027-01-31T14:00:00Z
check backups-go-on-until-the-end hikae backup acme
at 2027-01-31T15:00:00Z
expect 8 frozen-after-the-last-day hikae backup acme
says frozen says-frozen
hikae --json contract show acme >"$WORK/json" 2>/dev/null
check stage-frozen test "$(field stage)" = frozen
before=$(hikae --json snapshots acme 2>/dev/null | jq '.snapshots | length')
at 2027-02-10T10:00:00Z
hikae retain acme >/dev/null 2>"$WORK/err"
check frozen-keeps test "$(hikae --json snapshots acme 2>/dev/null | jq '.snapshots | length')" = "$before"
hikae --json run >"$WORK/json" 2>/dev/null
check run-skips-it test "$(jq '[.done[], .failed[]] | map(select(.tenant == "acme")) | length' "$WORK/json")" = 0
check run-does-the-others test "$(jq '[.done[]] | map(select(.tenant == "own")) | length > 0' "$WORK/json")" = true

# ---- Cancelled: it goes on; and ends again ----
check cancel hikae contract cancel acme --who sales --reason renewed
hikae --json contract show acme >"$WORK/json" 2>/dev/null
check cancelled test "$(field stage)" = none
check backups-go-on hikae backup acme
check ends-again hikae contract end acme --on 2027-02-10 --who sales --reason left
hikae --json contract show acme >"$WORK/json" 2>/dev/null
check deadline-again test "$(field deadline)" = 2027-03-10T14:59:59Z
at 2027-02-11T10:00:00Z
expect 8 frozen-again hikae backup acme

# ---- Survivors: exactly what was promised ----
cd "$WORK" || exit 1
echo '{"contract":{"record":"C-17","manager_name":"Sato"},"named-log":{"entry":"x"}}' >good.json
refused() { echo "$2" >bad.json; expect 8 "$1" hikae contract survivors acme --from bad.json --into own; }
refused survivor-missing '{"contract":{"record":"C-17","manager_name":"Sato"}}'
refused field-missing '{"contract":{"record":"C-17"},"named-log":{"entry":"x"}}'
refused field-too-many '{"contract":{"record":"C-17","manager_name":"S","manager_phone":"1"},"named-log":{"entry":"x"}}'
refused survivor-too-many '{"contract":{"record":"C-17","manager_name":"S"},"named-log":{"entry":"x"},"more":{}}'
refused field-is-no-text '{"contract":{"record":17,"manager_name":"S"},"named-log":{"entry":"x"}}'
refused field-is-empty '{"contract":{"record":"","manager_name":"S"},"named-log":{"entry":"x"}}'
echo '[]' >bad.json; expect 2 no-object hikae contract survivors acme --from bad.json --into own
expect 8 not-into-itself hikae contract survivors acme --from good.json --into acme
expect 8 not-into-a-customer hikae contract survivors acme --from good.json --into plain
hikae --json contract survivors acme --from good.json --into own >"$WORK/json" 2>"$WORK/err"
check survivors-stored test "$(field survivors.0.into)" = own
again=$(field survivors.0.snapshot)
hikae --json contract survivors acme --from good.json --into own >"$WORK/json" 2>"$WORK/err"
check the-same-again-is-stored-once test "$(field survivors.0.snapshot)" = "$again" -a "$(hikae --json snapshots own 2>/dev/null | jq '[.snapshots[] | select(.tag == "survivors")] | length')" = 2
echo '{"contract":{"record":"C-18","manager_name":"Sato"},"named-log":{"entry":"x"}}' >other.json
hikae --json contract survivors acme --from other.json --into own >"$WORK/json" 2>"$WORK/err"
check another-text-is-stored test "$(field survivors.0.snapshot)" != "$again"
says "hikae snapshot forget own $again" and-the-first-is-not-forgotten-silently
hikae --json contract survivors acme --from good.json --into own >"$WORK/json" 2>"$WORK/err"
check kept-five-years test "$(field survivors.0.keep_until)" = 2032-02-10T15:00:00Z
snapshot=$(field survivors.0.snapshot)
tid=$(hikae --json tenant show acme 2>/dev/null | jq -r '.id // .tenants[0].id')
hikae cat own "survivors/$tid/contract.json" --snapshot "$snapshot" >"$WORK/out" 2>/dev/null
check survivors-read-back test "$(jq -c '.fields' "$WORK/out")" = '{"record":"C-17","manager_name":"Sato"}'

# ---- The customer's copy, and its receipt ----
hikae --json contract show acme >"$WORK/json" 2>/dev/null
check receipt-blocks test "$(jq '.blocks | map(select(contains("receipt"))) | length' "$WORK/json")" = 1
check export hikae contract export acme --to "$WORK/acme.tar" --recipient 'Acme K.K.'
expect 8 export-replaces-nothing hikae contract export acme --to "$WORK/acme.tar" --recipient x
hikae --json contract show acme >"$WORK/json" 2>/dev/null
check receipt-on-record test "$(field receipts.0.sha256)" = "$(sha256sum <"$WORK/acme.tar" | cut -d' ' -f1)"
check receipt-frees test "$(jq '.blocks | length' "$WORK/json")" = 0
check receipt-says-so test "$(jq -r '.payload' "$WORK/acme.tar.receipt.json" | base64 -d | jq -r '.sha256 + .recipient')" = "$(sha256sum <"$WORK/acme.tar" | cut -d' ' -f1)Acme K.K."
# The store's public key, as openssl wants it, verifies the receipt.
/usr/bin/python3 - "$WORK" <<'P' || not_ok receipt-pae
import base64, json, sys
w = sys.argv[1]
e = json.load(open(w + "/acme.tar.receipt.json")); p = base64.b64decode(e["payload"]); t = e["payloadType"].encode()
open(w + "/pae", "wb").write(b"DSSEv1 %d %s %d %s" % (len(t), t, len(p), p))
open(w + "/sig", "wb").write(base64.b64decode(e["signatures"][0]["sig"]))
store = json.loads(open(w + "/ta/hikae1/store").read().splitlines()[0])
open(w + "/pub.der", "wb").write(bytes.fromhex("302a300506032b6570032100") + base64.b64decode(store["sign"]))
P
check openssl-verifies-the-receipt openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey "$WORK/pub.der" -sigfile "$WORK/sig" -in "$WORK/pae"

# ---- A hold stands in the way; the deadline is missed, and everything says so ----
check hold hikae hold add acme --who legal --why case
hikae --json contract show acme >"$WORK/json" 2>/dev/null
check hold-blocks test "$(jq '.blocks | map(select(contains("hold"))) | length' "$WORK/json")" = 1
at 2027-03-10T14:59:00Z
expect 0 not-missed-yet hikae contract show acme
at 2027-03-10T15:00:01Z
expect 1 missed hikae contract show acme
says MISSED says-missed
hikae --json status >"$WORK/json" 2>/dev/null
check status-says-missed test "$(jq -r '.deadlines[] | select(.tenant == "acme") | .missed' "$WORK/json")" = true
hikae run >"$WORK/out" 2>"$WORK/err"
says "the deadline of its erasure is missed" run-says-missed

# ---- Data subjects: what the register names is never given back ----
expect 2 erasure-needs-a-reason hikae erasure add acme --path data/users/42 --who s
expect 2 no-path-in-a-snapshot hikae erasure add acme --path /data/users --who s --reason r
hikae --json erasure add acme --path data/users/42 --who support --reason 'request 17' --dry-run >"$WORK/json" 2>/dev/null
check dry-run-registers-nothing test "$(hikae --json erasure list acme 2>/dev/null | jq '.erasures | length')" = 0
check restore-before hikae restore acme --reason look --requester mori --approver sato --approver tanaka --to "$WORK/r0"
check it-was-there test -f "$WORK/r0/data/users/42/mail"
hikae --json erasure add acme --path data/users/42 --who support --reason 'request 17' >"$WORK/json" 2>"$WORK/err"
check says-how-many-snapshots test "$(field erasures.0.snapshots)" = "$(hikae --json snapshots acme 2>/dev/null | jq '.snapshots | length')"
hikae --json restore acme --reason look --requester mori --approver sato --approver tanaka --to "$WORK/r1" >"$WORK/json" 2>/dev/null
check counted test "$(field left_out)" = 3
check left-out sh -c "test ! -e '$WORK/r1/data/users/42' && test -f '$WORK/r1/data/users/43/mail' && test -f '$WORK/r1/data/other'"
check links-to-it-are-left-out test ! -e "$WORK/r1/data/users/99/link"
expect 8 asked-for-by-name hikae restore acme --reason look --requester mori --approver sato --approver tanaka data/users/42/mail --to "$WORK/r2"
check nothing-of-it test ! -e "$WORK/r2/data/users/42/mail"
expect 8 cat-refuses hikae cat acme data/users/42/mail
expect 8 cat-refuses-the-link hikae cat acme data/users/99/link
hikae export acme -o "$WORK/x.tar" >/dev/null 2>&1
check export-leaves-it-out sh -c "! tar tf '$WORK/x.tar' | grep -q 'users/42\|users/99/link'"
check export-has-the-rest sh -c "tar tf '$WORK/x.tar' | grep -q users/43/mail"
at 2027-03-11T10:00:00Z
check own-register hikae erasure add own --path 'data/*' --who s --reason r
hikae --json erasure list own --expiry >"$WORK/json" 2>/dev/null
check expiry-by-the-policy test "$(field erasures.0.expiry_known)" = True
check three-days-keep-three test "$(field erasures.0.expires | cut -c1-7)" = 2027-03

# The reader that shares no code with hikae follows the format: it leaves it out too.
/usr/bin/python3 "$ROOT/tools/readrepo.py" --key-file "$(ls "$D"/keys/*.key)" "$WORK/ta" restore acme "$WORK/r5" >"$WORK/out" 2>"$WORK/err"
check the-other-reader-leaves-it-out sh -c "test ! -e '$WORK/r5/data/users/42' && test ! -e '$WORK/r5/data/users/99/link' && test -f '$WORK/r5/data/users/43/mail'"
says "3 entries are left out" and-counts-the-same

# ---- Disclosure ----
disclose() { hikae disclose acme "$@" --authority 'court 12' --scope 'order' --recipient clerk --who legal --why order; }
expect 2 a-folder-is-no-file disclose data/users/43 --to "$WORK/d0"
expect 4 not-there disclose data/nothing --to "$WORK/d0"
expect 8 erased-is-refused disclose data/users/42/mail --to "$WORK/d0"
expect 2 no-authority hikae disclose acme data/other --to "$WORK/d0" --scope s --recipient r --who w --why y
check nothing-was-written test ! -e "$WORK/d0"
check disclose-unsigned disclose data/users/43/mail --to "$WORK/d1"
check exactly-that test "$(cd "$WORK/d1" && find . -type f)" = ./data/users/43/mail
check its-hash test "$(jq -r .payload "$WORK/d1.disclosure.json" | base64 -d | jq -r '.files[0].sha256')" = "$(sha256sum <"$WORK/src/users/43/mail" | cut -d' ' -f1)"
expect 2 no-file-twice disclose data/other data/other --to "$WORK/d0"
mv "$WORK/tb" "$WORK/tb-away"
expect 8 not-on-record disclose data/other --to "$WORK/d0"
check is-not-given-away test ! -e "$WORK/d0" -a ! -e "$WORK/d0.disclosure.json"
mv "$WORK/tb-away" "$WORK/tb"
for n in sato tanaka; do
    "$HIKAE" keys operator new --out "$WORK/$n.pem" >"$WORK/$n.pub" 2>/dev/null
    hikae keys operator add $n --key "$WORK/$n.pub" >/dev/null 2>&1
done
expect 8 the-policy-asks-for-two disclose data/other --to "$WORK/d2"
plan=$(disclose data/other --to "$WORK/d2" --dry-run 2>&1 | grep -o 'plan [0-9a-f]\{64\}' | head -1 | cut -d' ' -f2)
check sign-1 hikae approve disclose acme --plan "$plan" --operator "$WORK/sato.pem"
check sign-2 hikae approve disclose acme --plan "$plan" --operator "$WORK/tanaka.pem"
expect 8 not-other-files disclose data/users/43/mail --to "$WORK/d2"
check disclosed disclose data/other --to "$WORK/d2"
check who-approved test "$(jq -r .payload "$WORK/d2.disclosure.json" | base64 -d | jq -r .approved_by)" = "sato, tanaka"
expect 8 into-no-folder-that-is-there disclose data/other --to "$WORK/d2"

# ---- Another machine, from the targets and the key alone ----
mkdir -p "$WORK/new" && cp -r "$D/keys" "$WORK/new/" 2>/dev/null
sed "s#$D#$WORK/new#g" "$D/hikae.yaml" >"$WORK/new/hikae.yaml"
other() { "$HIKAE" --config "$WORK/new/hikae.yaml" "$@"; }
other --json contract show acme >"$WORK/json" 2>/dev/null
check other-machine-knows-the-end test "$(field stage)/$(field deadline)/$(field survivors.0.into)" = frozen/2027-03-10T14:59:59Z/own
check other-machine-knows-the-receipt test "$(field receipts.0.recipient)" = "Acme K.K."
back() { other restore acme --reason look --requester mori --to "$WORK/r3"; }
hash=$(back 2>&1 | grep -o 'plan [0-9a-f]\{64\}' | head -n 1 | cut -d' ' -f2)
for o in sato tanaka; do other approve restore acme --plan "$hash" --operator "$WORK/$o.pem" >/dev/null 2>&1; done
back >/dev/null 2>&1
check other-machine-leaves-it-out sh -c "test ! -e '$WORK/r3/data/users/42' && test -f '$WORK/r3/data/other'"
expect 8 other-machine-is-frozen other backup acme
cd "$ROOT" || exit 1
finish
