#!/bin/bash
# A tenant erased, step by step: who may, in which order, what is left, and what others notice of it: nothing.
. tests/system/lib.sh
. tests/system/purge_lib.sh
check "store" make_store --target "a=file://$WORK/a" --target "b=file://$WORK/b" --min-copies 2
for t in one two three; do check "tenant $t" add_tenant $t; done
id=$(pseudonym two)
expect 2 "a plan without a requester" hikae purge plan two
expect 8 "no contract has ended" hikae purge plan two --requester mori
check "hold" hikae hold add two --who court --why "case 12"
expect 8 "a legal hold forbids the plan" hikae purge plan two --requester mori --without-contract test
hold=$(hikae --json hold list two 2>/dev/null | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/')
hikae hold remove two "$hold" --who court --why over >"$WORK/out" 2>"$WORK/err"
hash=$(grep -o 'plan [0-9a-f]\{64\}' "$WORK/err" | head -n 1 | cut -d' ' -f2)
for o in sato tanaka; do hikae -q approve hold-remove two --plan "$hash" --operator "$OPERATORS/$o.pem" >/dev/null 2>&1; done
check "the hold is removed" hikae hold remove two "$hold" --who court --why over
check "dry run of a plan" hikae purge plan two --requester mori --without-contract test --dry-run
check "and nothing is planned" test "$(stage two)" = none
hash=$(plan_hash two)
hikae --json purge status two >"$WORK/json" 2>/dev/null
check "a plan" test "$(field stage)" = planned -a "$(field plan)" = "$hash"
check "its hash is that of its canonical text" test "$(/usr/bin/python3 -c 'import json,sys,hashlib
print(hashlib.sha256(json.dumps(json.load(open(sys.argv[1]))["plan_text"],sort_keys=True,separators=(",",":"),ensure_ascii=False).encode()).hexdigest())' "$WORK/json")" = "$hash"
check "it names the recovery sheet" grep -q 'recovery sheet' "$WORK/json"
check "and counts what lies on each target" test "$(field plan_text.targets.0.objects)" -ge 3 -a "$(field plan_text.targets.1.versions)" -ge 3
check "and every copy of every key" test "$(field plan_text.epochs.0.entries.0.objects)" -ge 4
expect 8 "nobody has approved it" hikae purge run two
expect 8 "another plan cannot be approved" hikae purge approve two --plan "$(printf 0%.0s {1..64})" --operator "$OPERATORS/sato.pem"
check "one signature" sign two "$hash" sato
expect 8 "one is not enough" hikae purge run two
check "the same again" sign two "$hash" sato
expect 8 "the same operator twice is one" hikae purge run two
check "withdrawn" hikae purge withdraw two --why "not yet"
expect 8 "what is withdrawn does not run" hikae purge run two
hash=$(plan_hash two)
check "signed" sign two "$hash" sato
check "by two" sign two "$hash" tanaka
check "approved" test "$(stage two)" = approved
check "dry run" hikae purge run two --dry-run
check "changes nothing" restores two
cp -a "$WORK/h" "$WORK/h-before"; cp -a "$WORK/a" "$WORK/a-before"
grep -c two "$WORK/h/state/catalogue.db" >/dev/null
expect 1 "erased; the sheet is for people to destroy" hikae purge run two
hikae --json purge status two >"$WORK/json" 2>/dev/null
check "gone from every target" test "$(field stage)" = gone -a "$(field targets.0.state)" = gone -a "$(field targets.1.objects)" = 0
check "the key file is destroyed" test "$(field holders.0.fate)" = destroyed
check "as the policy promises deletion, only that meets it" test "$(field met_by)" = deletion
check "nothing lies on the targets" test -z "$(find "$WORK/a" "$WORK/b" -path "*$id*" -type f)"
check "nor in the state folder" test -z "$(find "$WORK/h/state" -path "*$id*")"
check "no name is left in the catalogue" bash -c '! cat "$0"/h/state/catalogue.db* | grep -aq "dir:$0/src/two"' "$WORK"
check "the old key file is gone" test ! -e "$WORK/h/keys/epoch-1.key"
expect 4 "nothing to restore" hikae restore two --to "$WORK/r"
for t in one three; do check "$t restores" restores $t; check "$t is backed up" hikae -q backup $t; done
check "every tenant opens" hikae keys check
check "the erased one is listed by its pseudonym" bash -c '"$0" --config "$1/h/hikae.yaml" --json tenant list --state erased 2>/dev/null | grep -q "$2"' "$HIKAE" "$WORK" "$id"
check "its name names nobody there" bash -c '! "$0" --config "$1/h/hikae.yaml" --json tenant list 2>/dev/null | grep -q "\"two\""' "$HIKAE" "$WORK"
check "the status is found by pseudonym" hikae purge status "$id"
check "and holds are listed" hikae hold list
check "overview" hikae status
expect 8 "it cannot be withdrawn" hikae purge withdraw two --why "too late"
# The sheet: people say that they destroyed it.
declare() { hikae purge declare "$1" --who tanaka --how "shredded on 2026-11-21" --operator "$OPERATORS/${2:-sato}.pem"; }
expect 2 "a holder has an epoch" declare paper/sheet
expect 4 "the epoch had no such holder" declare 1/paper/sheeet
expect 4 "nor such a group" declare 1/papers/sheet
expect 8 "the epoch in force is needed" declare 2/paper/sheet
expect 8 "as is one to come" declare 7/paper/sheet
expect 8 "an operator signs" hikae purge declare 1/paper/sheet --who tanaka --how shredded
"$HIKAE" keys operator new --out "$OPERATORS/nobody.pem" >/dev/null 2>&1
expect 7 "nobody else does" declare 1/paper/sheet nobody
check "dry run" hikae purge declare 1/paper/sheet --who tanaka --how x --operator "$OPERATORS/sato.pem" --dry-run
hikae --json purge status two >"$WORK/json" 2>/dev/null
check "nothing of that counts" test "$(field irrevocable)" = None -a "$(field holders.1.fate)" = people -a "$(field waits_for)" = people
check "declared" declare 1/paper/sheet
hikae --json purge status two >"$WORK/json" 2>/dev/null
check "irrevocable at once, by the last word that it waited for" test "$(field irrevocable | cut -c1-16)" = 2026-11-21T10:00 -a "$(field holders.1.fate)" = declared
check "signed" test "$(field holders.1.declared_by)" = sato
check "the nightly run finishes it" hikae run --only purge
hikae --json purge status two >"$WORK/json" 2>/dev/null
check "irrevocable" test "$(field irrevocable | cut -c1-16)" = 2026-11-21T10:00 -a "$(field holders.1.who)" = tanaka -a "$(field waiting)" = None
check "no entry of the old epoch is left" test -z "$(ls "$WORK"/a/hikae1/k/0000000001-* 2>/dev/null)"
check "nothing more to do" hikae purge run
# A disk that is put back from a copy has it all again, which opens for nobody, and is not to stay.
cp -a "$WORK/a-before/hikae1/t/$id" "$WORK/a/hikae1/t/"
HIKAE_NOW=2026-11-22T12:00:00Z hikae run --only purge >"$WORK/out" 2>"$WORK/err"
says "again" "a nightly run tells what is there again"
check "and deletes it" test -z "$(find "$WORK/a/hikae1/t/$id" -type f 2>/dev/null)"
hikae --json purge status two >"$WORK/json" 2>/dev/null
check "it is gone since then only" test "$(field gone | cut -c1-13)" = 2026-11-22T12 -a "$(field waiting)" = None
check "the log verifies" hikae audit verify
check "and has the commit" bash -c '"$0" --config "$1/h/hikae.yaml" --json audit list --operation "purge commit" --tenant "$2" 2>/dev/null | grep -q "\"operator\":\"sato, tanaka\""' "$HIKAE" "$WORK" "$id"
check "another tenant may have the name" add_tenant two
check "and restores" restores two
# The old machine: refused, and unreadable although it has every object of before.
cp -a "$WORK/a" "$WORK/a-after"; rm -rf "$WORK/a"; cp -a "$WORK/a-before" "$WORK/a"
cp -a "$WORK/b" "$WORK/b-after"; rm -rf "$WORK/b"; cp -a "$WORK/a-before" "$WORK/b"
rm -rf "$WORK/h-before/keys"
expect 7 "the old machine with all old objects, but without the old key" "$HIKAE" --config "$WORK/h-before/hikae.yaml" restore two --to "$WORK/old"
rm -rf "$WORK/a" "$WORK/b"; cp -a "$WORK/a-after" "$WORK/a"; cp -a "$WORK/b-after" "$WORK/b"
check "rotation goes on" hikae keys rotate --root
check "and all open" restores one
finish
