#!/bin/bash
# Operators and their signatures: who counts, what needs two, and that nothing goes round it.
# shellcheck disable=SC2317 # functions that check and expect call by name
. tests/system/lib.sh
export HIKAE_NOW=2026-11-21T10:00:00Z
D=$WORK/h
mkdir -p "$D" "$WORK/src" "$WORK/keys"
echo one >"$WORK/src/a"
check init "$HIKAE" init --dir "$D" --test-clock --target "a=file://$WORK/ta?country=JP&site=x" --target "b=file://$WORK/tb?country=JP&site=y"
check tenant hikae tenant add acme --policy plain --source "data=dir:$WORK/src"
check backup hikae backup acme

key() { "$HIKAE" keys operator new --out "$WORK/keys/$1.pem" >"$WORK/keys/$1.pub" 2>/dev/null; }
for name in sato tanaka abe mori ito; do key $name; done
check key-mode test "$(stat -c %a "$WORK/keys/sato.pem")" = 600
expect 8 key-is-not-replaced "$HIKAE" keys operator new --out "$WORK/keys/sato.pem"
openssl pkey -in "$WORK/keys/sato.pem" -pubout 2>/dev/null | cmp -s - "$WORK/keys/sato.pub" && ok openssl-reads-the-key || not_ok openssl-reads-the-key

# ---- Before there are two: a name and a reason, as before ----
check hold hikae hold add acme --who legal --why case
hold=$(hikae --json hold list acme 2>/dev/null | jq -r '.holds[0].id')
expect 8 unsigned-needs-a-name hikae hold remove acme "$hold" --why closed
says "--who NAME" says-how-to-answer-for-it
expect 2 a-reason-always hikae hold remove acme "$hold" --who legal
check unsigned-hold-remove hikae hold remove acme "$hold" --who legal --why closed
says unsigned says-it-is-unsigned

expect 7 private-key-is-no-public-one hikae keys operator add sato --key "$WORK/keys/sato.pem"
check add-first hikae keys operator add sato --key "$WORK/keys/sato.pub"
expect 8 name-is-given-once hikae keys operator add sato --key "$WORK/keys/tanaka.pub"
expect 8 key-is-given-once hikae keys operator add other --key "$WORK/keys/sato.pub"
expect 8 deputy-of-nobody hikae keys operator add abe --key "$WORK/keys/abe.pub" --deputy-of nobody
expect 2 bad-name hikae keys operator add 'a b' --key "$WORK/keys/abe.pub"
check add-deputy hikae keys operator add abe --key "$WORK/keys/abe.pub" --deputy-of sato
check add-second hikae keys operator add tanaka --key "$WORK/keys/tanaka.pub"
hikae --json keys operator list >"$WORK/json" 2>/dev/null
check two-people test "$(field people)" = 2
check id-is-that-of-openssl test "$(field operators.0.keyid)" = "$(openssl pkey -pubin -in "$WORK/keys/sato.pub" -outform DER | sha256sum | cut -d' ' -f1)"

# ---- From now on two signatures ----
plan_of() { "$HIKAE" --config "$D/hikae.yaml" "$@" 2>&1 | grep -o 'plan [0-9a-f]\{64\}' | head -1 | cut -d' ' -f2; }
sign() { hikae approve "$1" "$2" --plan "$3" --operator "$WORK/keys/$4.pem" "${@:5}"; }

expect 8 third-needs-signatures hikae keys operator add mori --key "$WORK/keys/mori.pub"
says "hikae approve operator-add mori --plan" refusal-names-the-command
plan=$(plan_of keys operator add mori --key "$WORK/keys/mori.pub" --dry-run)
check dry-run-names-the-plan test ${#plan} = 64
expect 7 stranger-cannot-sign sign operator-add mori "$plan" ito
check first-signature sign operator-add mori "$plan" sato
check again-is-no-second sign operator-add mori "$plan" sato
says "had signed already" says-again
check deputy-is-the-same-person sign operator-add mori "$plan" abe
expect 8 one-person-is-not-two hikae keys operator add mori --key "$WORK/keys/mori.pub"
says "has 1: sato" says-who-has-signed
expect 8 not-for-another-key hikae keys operator add mori --key "$WORK/keys/ito.pub"
check second-signature sign operator-add mori "$plan" tanaka
check added hikae keys operator add mori --key "$WORK/keys/mori.pub"
hikae --json keys operator list >"$WORK/json" 2>/dev/null
check three-people test "$(field people)" = 3
check third-is-signed test "$(field operators.3.signed)" = True

check hold-again hikae hold add acme --who legal --why case2
hold=$(hikae --json hold list acme 2>/dev/null | jq -r '.holds[0].id')
expect 8 hold-remove-needs-two hikae hold remove acme "$hold" --who legal --why closed
plan=$(plan_of hold remove acme "$hold" --why closed --dry-run)
check hold-signed-1 sign hold-remove acme "$plan" tanaka
check hold-signed-2 sign hold-remove acme "$plan" mori --days 1
# The second is good for a day only.
expect 8 expired env HIKAE_NOW=2026-11-22T10:00:01Z "$HIKAE" --config "$D/hikae.yaml" hold remove acme "$hold" --who legal --why closed
says "expired" says-expired
check hold-removed-by-those-who-signed hikae hold remove acme "$hold" --why closed
hikae --json audit list --op 'hold remove' >"$WORK/json" 2>/dev/null || hikae --json audit list >"$WORK/json" 2>/dev/null
check audit-names-both sh -c "grep -q 'tanaka, mori' '$WORK/json'"

# An approval serves the plan it names, nothing else.
check hold-third hikae hold add acme --who legal --why case3
hold=$(hikae --json hold list acme 2>/dev/null | jq -r '.holds[0].id')
expect 8 used-approvals-open-nothing-else hikae hold remove acme "$hold" --who legal --why closed
check hold-later env HIKAE_NOW=2026-11-21T11:00:00Z "$HIKAE" --config "$D/hikae.yaml" backup acme
snapshot=$(hikae --json snapshots acme 2>/dev/null | jq -r '.snapshots[0].id')
expect 8 forget-needs-two hikae snapshot forget acme "$snapshot" --who a --why b
says "approve snapshot-forget acme" forget-names-the-command

# ---- Revoking: what was signed before no longer counts ----
plan=$(plan_of hold remove acme "$hold" --who legal --why closed --dry-run)
check signed-by-mori sign hold-remove acme "$plan" mori
check signed-by-sato sign hold-remove acme "$plan" sato
revoke=$(plan_of keys operator revoke mori)
check revoke-1 sign operator-revoke mori "$revoke" sato
check revoke-2 sign operator-revoke mori "$revoke" tanaka
check revoked hikae keys operator revoke mori
expect 8 revoked-no-longer-counts hikae hold remove acme "$hold" --who legal --why closed
says "was revoked" says-revoked
expect 7 revoked-cannot-sign sign hold-remove acme "$plan" mori
expect 8 two-must-be-left hikae keys operator revoke tanaka
expect 8 name-stays-taken hikae keys operator add mori --key "$WORK/keys/ito.pub"
expect 4 nobody-of-that-name hikae keys operator revoke nobody
expect 2 no-such-act sign dance acme "$plan" sato
expect 2 no-plan sign hold-remove acme 123 sato
expect 2 purge-has-its-own sign purge acme "$plan" sato
chmod 644 "$WORK/keys/tanaka.pem"
expect 7 key-that-others-read sign hold-remove acme "$plan" tanaka
chmod 600 "$WORK/keys/tanaka.pem"

# ---- A promise shortened by moving a tenant to another policy ----
mkdir -p "$D/policies"
for n in long short; do
    keep=30; [ $n = short ] && keep=3
    printf 'schema: 1\nname: %s\ntitle: {ja: p, en: p}\nzone: UTC\nschedule: {every: daily, tenants: [customer]}\ngenerations: {keep: {daily: %s}}\ncontract_end: {within: 1m}\n' $n $keep >"$D/policies/$n.yaml"
    check "apply $n" hikae policy apply "$D/policies/$n.yaml"
done
check from-plain-nothing-is-shortened hikae tenant set acme --policy long
expect 8 a-shorter-one-needs-two hikae tenant set acme --policy short
says "approve tenant-policy acme" names-the-command-for-it
printf '{"tenants":[{"name":"acme","policy":"short"}]}' >"$WORK/load.json"
expect 8 in-bulk-too hikae tenant load "$WORK/load.json"
move=$(plan_of tenant set acme --policy short --dry-run)
check move-1 sign tenant-policy acme "$move" sato
check move-2 sign tenant-policy acme "$move" tanaka
check moved hikae tenant set acme --policy short
check back-to-more hikae tenant set acme --policy long
expect 8 signatures-serve-once hikae tenant set acme --policy short

# ---- Keys of openssl, with a passphrase ----
echo 'correct horse battery' >"$WORK/pass"; chmod 600 "$WORK/pass"
check sealed-key "$HIKAE" keys operator new --out "$WORK/keys/sealed.pem" --passphrase-file "$WORK/pass"
check sealed-is-sealed grep -q 'BEGIN ENCRYPTED PRIVATE KEY' "$WORK/keys/sealed.pem"
check openssl-opens-it openssl pkey -in "$WORK/keys/sealed.pem" -passin "file:$WORK/pass" -noout
openssl pkey -in "$WORK/keys/tanaka.pem" -aes-256-cbc -passout "file:$WORK/pass" -out "$WORK/keys/tanaka2.pem" 2>/dev/null
expect 7 needs-the-passphrase sign hold-remove acme "$plan" tanaka2
check with-the-passphrase sign hold-remove acme "$plan" tanaka2 --passphrase-file "$WORK/pass"
check two-signed hikae hold remove acme "$hold" --who legal --why closed

# ---- An empty machine knows all of it again ----
check recover-config mkdir -p "$WORK/new"
sed "s#$D#$WORK/new#g" "$D/hikae.yaml" >"$WORK/new/hikae.yaml"
cp -r "$D/keys" "$WORK/new/" 2>/dev/null
"$HIKAE" --config "$WORK/new/hikae.yaml" --json keys operator list >"$WORK/json" 2>"$WORK/err"
check other-machine-knows-operators test "$(field people)" = 2
"$HIKAE" --config "$WORK/new/hikae.yaml" --json snapshots acme >"$WORK/json" 2>"$WORK/err"
snapshot=$(field snapshots.0.id)
expect 8 other-machine-asks-too "$HIKAE" --config "$WORK/new/hikae.yaml" snapshot forget acme "$snapshot" --who a --why b
finish
