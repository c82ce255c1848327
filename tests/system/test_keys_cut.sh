#!/bin/bash
# Rotations of the root key that are cut short, with a recovery sheet that has a place in the configuration and no key
# file beside it: what the configuration names opens, whichever side of the commit it was.
IN_MEMORY=1
. tests/system/lib.sh
export HIKAE_NOW=2026-11-21T10:00:00Z
mkdir "$WORK/keys"
echo "a passphrase of some length" >"$WORK/keys/phrase"; chmod 600 "$WORK/keys/phrase"
check "init" "$HIKAE" init --test-clock --dir "$WORK/h" --target "a=file://$WORK/a" --holder "machine/phrase=passphrase,path=$WORK/keys/phrase" --holder "paper/sheet=sheet,path=$WORK/keys/sheet-epoch-1.txt"
opens() { hikae --json keys status >"$WORK/json" 2>/dev/null && jq -e '[.holders[].state] == ["opens", "opens"]' "$WORK/json" >/dev/null; }
check "both open" opens
epoch=1
for stop in epoch-prepared in-force; do
    HIKAE_TEST_STOP=$stop "$HIKAE" --config "$WORK/h/hikae.yaml" keys rotate --root >/dev/null 2>"$WORK/err"
    check "$stop: killed" test $? -eq 137
    check "$stop: the next one" hikae keys rotate --root
    check "$stop: what the configuration names opens" opens
    before=$epoch; epoch=$(jq .epoch "$WORK/json")
    check "$stop: a later epoch" test "$epoch" -gt "$before"
    [ $stop != in-force ] || check "$stop: the one that was cut short is finished, and no other begun" test "$epoch" = 4 -a -e "$WORK/keys/sheet-epoch-4.txt"
    check "$stop: nothing is left over" bash -c '! grep -q "new-epoch\|epoch-new" "$0"' "$WORK/h/hikae.yaml"
done
finish
