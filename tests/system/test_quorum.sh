#!/bin/bash
# min_copies: 2 with old packs on A only, B down, C behind: refused. A fork is reported and joined.
. tests/system/lib.sh
mkdir "$WORK/src"; head -c 3000000 /dev/urandom >"$WORK/src/a"
check "init" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" --target "b=file://$WORK/b" --target "c=file://$WORK/c"
check "tenant add" hikae tenant add t --source "data=dir:$WORK/src"
mv "$WORK/b" "$WORK/b.down"; mv "$WORK/c" "$WORK/c.down"
expect 1 "B and C down: done on A, with warnings" hikae backup t
mv "$WORK/c.down" "$WORK/c"
sed -i 's/^min_copies:.*/min_copies: 2/; s/^#* *min_copies:.*/min_copies: 2/' "$WORK/h/hikae.yaml"
echo more >"$WORK/src/b"
expect 8 "old packs on A only, B down, C behind: refused" hikae backup t
says "nothing was committed" "and nothing is committed"
check "replicate brings C up to date" bash -c '"$0" --config "$1" replicate t; test $? -le 1' "$HIKAE" "$WORK/h/hikae.yaml"
expect 1 "now two count" hikae backup t
mv "$WORK/b.down" "$WORK/b"
check "replicate brings B up to date" hikae replicate
check "and all three count" hikae backup t
# Two machines that did not see each other: a fork.
cp -a "$WORK/h" "$WORK/h2"; sed -i "s|$WORK/h/|$WORK/h2/|g" "$WORK/h2/hikae.yaml"
for d in a b c; do cp -a "$WORK/$d" "$WORK/$d.copy"; done
hikae backup t >/dev/null 2>&1
for d in a b c; do mv "$WORK/$d" "$WORK/$d.one"; mv "$WORK/$d.copy" "$WORK/$d"; done
"$HIKAE" --config "$WORK/h2/hikae.yaml" backup t >/dev/null 2>&1
for d in a b c; do cp -an "$WORK/$d.one/." "$WORK/$d/"; done
hikae snapshots t >"$WORK/out" 2>"$WORK/err"
says "heads" "a fork is reported"
hikae backup t >/dev/null 2>&1
hikae snapshots t >"$WORK/out" 2>"$WORK/err"
check "and joined by the next record" bash -c '! grep -q heads "$0"' "$WORK/err"
# What a dry run announces is what is copied: to a target that is behind, and to one that is empty.
announced() {
    hikae --json replicate --dry-run >"$WORK/json" 2>/dev/null
    local said copied
    said=$(field copied)
    hikae --json replicate >"$WORK/json" 2>/dev/null
    copied=$(field copied)
    [ "$said" -gt "$1" ] && [ "$said" = "$copied" ] || { echo "$said were announced, $copied copied"; return 1; }
}
mv "$WORK/c" "$WORK/c.down"; echo again >"$WORK/src/c"
hikae backup t >/dev/null 2>&1
hikae audit list >/dev/null 2>&1
mv "$WORK/c.down" "$WORK/c"
check "a dry run announces what follows" announced 1
mv "$WORK/c" "$WORK/c.lost"; mkdir -p "$WORK/c/hikae1"
check "also to an empty target" announced 10
check "which is whole then" bash -c '! "$0" --config "$1" --json status 2>/dev/null | grep -q "\"c\""' "$HIKAE" "$WORK/h/hikae.yaml"
finish
