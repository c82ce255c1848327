#!/bin/bash
# An erasure after the machine was lost: the holder that burnt with it cannot be asked by anybody any more. What is stored
# is deleted all the same, nothing is claimed of the keys, the status names the holder and both ways out, and people's
# word, or the holder itself, ends it.
. tests/system/lib.sh
. tests/system/purge_lib.sh
check "store" make_store --target "a=file://$WORK/a" --target "b=file://$WORK/b" --min-copies 2
check "tenants" add_tenant keep
add_tenant acme
cp -a "$WORK/h/keys" "$WORK/burnt"
id=$(pseudonym acme)
sheet=$WORK/safe/recovery-sheet-epoch-1.txt
rm -rf "$WORK/h"
check "recovered with the sheet alone" "$HIKAE" recover --dir "$WORK/h" --sheet "$sheet" --target "a=file://$WORK/a" --target "b=file://$WORK/b"
check "approved" approve acme
expect 1 "what can be done is done" hikae purge run acme
says "cannot be asked from here" "which is said"
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "nothing is claimed of the keys" test "$(field stage)" = changed -a "$(field unreadable)" = None -a "$(field irrevocable)" = None
check "but nothing is left on the targets" test "$(field gone)" != None -a -z "$(find "$WORK/a" "$WORK/b" -path "*$id*" -type f)"
check "the burnt holder is what it waits for" test "$(field waits_for)/$(field waits_on)" = holder/1/machine/key
hikae purge status acme >"$WORK/out" 2>"$WORK/err"
says "bring it here" "one way out"
says "hikae purge declare 1/machine/key" "the other way out"
expect 8 "no certificate before" hikae purge certificate acme --operator "$OPERATORS/sato.pem" --out "$WORK/c.json"
check "the other is as safe as before" restores keep
tar -C "$WORK" -cf "$WORK/image.tar" h a b
# That it waits, perhaps for ever, keeps nobody from changing the root key, which may have become known meanwhile.
expect 0 "the root key is rotated while it waits" hikae keys rotate --root
check "the other restores with the new one" restores keep
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "it waits for the same holder" test "$(field stage)" = changed -a "$(field waits_for)/$(field waits_on)" = holder/1/machine/key
cp "$WORK/burnt/epoch-1.key" "$WORK/h/keys/" 2>/dev/null || { mkdir -p "$WORK/h/keys"; cp "$WORK/burnt/epoch-1.key" "$WORK/h/keys/"; }
expect 0 "the holder comes back, and the next rotation" hikae keys rotate --root
check "leaves it to the erasure" test -e "$WORK/h/keys/epoch-1.key"
expect 1 "which destroys it" hikae purge run
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "and notes what it saw of it" test "$(field stage)" = gone -a "$(field unreadable)" != None -a "$(field holders.0.fate)" = destroyed
check "the key is gone" test ! -e "$WORK/h/keys/epoch-1.key"
check "the other restores" restores keep
rm -rf "$WORK/h" "$WORK/a" "$WORK/b"; tar -C "$WORK" -xf "$WORK/image.tar"
# One way: it is found after all, and lies beside the key of today.
mkdir -p "$WORK/h/keys"; cp "$WORK/burnt/epoch-1.key" "$WORK/h/keys/"
expect 1 "found again: the next run destroys it" hikae purge run
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "unreadable and gone; the sheet is left" test "$(field stage)" = gone -a "$(field waits_for)/$(field waits_on)" = people/1/paper/sheet
check "the key is gone" test ! -e "$WORK/h/keys/epoch-1.key"
# The other: it burnt.
rm -rf "$WORK/h" "$WORK/a" "$WORK/b"; tar -C "$WORK" -xf "$WORK/image.tar"
check "it burnt" hikae purge declare 1/machine/key --who tanaka --how "burnt with the machine" --operator "$OPERATORS/sato.pem"
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "unreadable by that word" test "$(field stage)" = gone -a "$(field unreadable)" != None
check "not irrevocable: the sheet" test "$(field irrevocable)" = None -a "$(field waits_for)" = people
rm -f "$sheet" "$WORK"/h/recovery-sheet-epoch-1.txt "$WORK"/h/keys/*sheet*1* 2>/dev/null
hikae purge declare 1/paper/sheet --who tanaka --how "burnt too" --operator "$OPERATORS/tanaka.pem" >"$WORK/out" 2>"$WORK/err"
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "irrevocable by both" test "$(field irrevocable)" != None
check "the last run" hikae purge run
check "nothing waits" test "$(hikae --json purge status acme 2>/dev/null | jq -r .waiting)" = null
check "a certificate" hikae purge certificate acme --operator "$OPERATORS/sato.pem" --out "$WORK/c.json"
"$HIKAE" --json audit verify "$WORK/c.json" --key "$OPERATORS/sato.pub" >"$WORK/json" 2>/dev/null
check "says whose word it rests on" test "$(jq -r '[.statement.predicate.holders[].declared.operator] | join(" ")' "$WORK/json")" = "sato tanaka"
check "rotation goes on" hikae keys rotate --root
check "the other restores" restores keep
finish
