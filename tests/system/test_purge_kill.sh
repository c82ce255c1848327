#!/bin/bash
# An erasure killed at each of its steps, by name: afterwards the tenant is wholly alive or wholly erased, the next run
# finishes what began, and the others always restore.
. tests/system/lib.sh
. tests/system/purge_lib.sh
make_store --target "a=file://$WORK/a" --target "b=file://$WORK/b" --min-copies 2 && add_tenant other && add_tenant gone && approve gone || { not_ok "a store with an approved plan"; finish; }
ok "a store with an approved plan"
tar -C "$WORK" -cf "$WORK/image.tar" h a b
# Everything that belongs to one step: where it must still be alive, and what the journal says.
alive="locked tombstone frozen inventory intent epoch-begun epoch-prepared commit-recorded"
committed="commit in-force stragglers changed holders-destroyed destroyed forgotten deleted done"
# Steps are named in the code, or are stages of the journal: none may be left out here.
check "every step of the code is tried" test -z "$(comm -23 <({ grep -ohE 'purge_step\([^,]*, "[a-z-]+"' src/ops/*.c; grep -ohE '\[PURGE_[A-Z]+\] = "[a-z]+"' src/ops/purge_journal.c; } | grep -oE '"[a-z-]+"' | tr -d '"' | sort -u) <(printf '%s\n' $alive $committed finished | sort -u))"
back() { rm -rf "$WORK/h" "$WORK/a" "$WORK/b"; tar -C "$WORK" -xf "$WORK/image.tar"; }
kill_at() { HIKAE_TEST_STOP=$1 "$HIKAE" --config "$WORK/h/hikae.yaml" purge run >"$WORK/out" 2>"$WORK/err"; [ $? -eq 137 ]; }
erased() {
    local id
    id=$(hikae --json purge status gone 2>/dev/null | sed 's/.*"tenant":"\([0-9a-f]*\)".*/\1/')
    [ "$(stage gone)" = gone ] && [ ! -e "$WORK/h/keys/epoch-1.key" ] && [ -z "$(find "$WORK/a" "$WORK/b" -path "*$id*" -type f)" ] &&
        hikae tenant list 2>/dev/null | grep -q "$id.*erased" && ! restores gone
}
finishes() { hikae purge run >"$WORK/out" 2>"$WORK/err"; [ $? -le 1 ] && erased && restores other && hikae -q keys check >/dev/null 2>&1; }
for step in $alive; do
    back
    check "killed at $step" kill_at $step
    check "$step: the others restore" restores other
    check "$step: it is wholly alive" restores gone
    check "$step: the next run erases it" finishes
done
for step in $committed; do
    back
    # Without the recovery sheet's declaration an erasure does not end: declare it before the last step.
    if [ $step = done ]; then hikae purge run >/dev/null 2>&1; hikae purge declare 1/paper/sheet --who tanaka --how burnt --operator "$OPERATORS/sato.pem" >/dev/null 2>&1; fi
    check "killed at $step" kill_at $step
    check "$step: the others restore" restores other
    check "$step: the next run erases it" finishes
    rm -f "$WORK/c.json"; hikae -q purge certificate gone --operator "$OPERATORS/sato.pem" --out "$WORK/c.json" >/dev/null 2>&1
    check "$step: the control is on the certificate" bash -c 'jq -r .payload "$0" | base64 -d | jq -e ".predicate.verified.opened_before and .predicate.holders[0].before == \"opens\""' "$WORK/c.json"
done
# Killed twice on the way, and again at the same place.
back; kill_at epoch-prepared; kill_at commit; kill_at in-force; kill_at in-force; kill_at holders-destroyed
check "killed five times, and finished" finishes
# After the commit a rotation would bring nothing back, and must not come between.
back; kill_at commit
expect 8 "no rotation in the middle of an erasure" hikae keys rotate --root
check "it finishes" finishes
# What was cut short before the commit can be taken back, and the tenant goes on.
back; kill_at intent
expect 8 "its writers are stopped" hikae backup gone
check "withdrawn in the middle" hikae purge withdraw gone --why "the contract goes on"
check "its writers go on" hikae -q backup gone
check "nothing is left to erase" hikae purge run
check "it is alive" restores gone
back; kill_at commit
expect 8 "after the commit it cannot be taken back" hikae purge withdraw gone --why "too late"
check "and is erased" finishes
# A key that is rotated meanwhile, a plan that waits: the epoch changes, the plan stays good.
back
check "a rotation between approval and run" hikae keys rotate --root
check "the sheet of epoch 2 leaves the machine" bash -c 'mv "$0"/h/recovery-sheet-epoch-2*.txt "$0/safe/"' "$WORK"
check "both epochs are ended" finishes
check "both are in the journal" bash -c '"$0" --config "$1/h/hikae.yaml" --json purge status gone 2>/dev/null | grep -q "\"epoch\":1.*\"epoch\":2"' "$HIKAE" "$WORK"
finish
