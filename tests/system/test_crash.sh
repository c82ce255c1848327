#!/bin/bash
# Killed in the middle, disks that fill up, targets that lie.
. tests/system/lib.sh
check "init" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" --target "b=file://$WORK/b" --min-copies 2
mkdir "$WORK/src"; for i in $(seq 1 24); do head -c 5000000 /dev/urandom >"$WORK/src/$i"; done
sed -i 's/^\( *pack_mib:\).*/\1 4/; s/^\( *#* *pack_mib\):.*/pack_mib: 4/' "$WORK/h/hikae.yaml"
check "tenant add" hikae tenant add t --source "data=dir:$WORK/src"
packs() { find "$1"/hikae1/t/*/p -type f 2>/dev/null | wc -l; }
"$HIKAE" --config "$WORK/h/hikae.yaml" backup t >/dev/null 2>&1 & pid=$!
begun() { [ "$(packs "$WORK/a")" -ge "$1" ] && [ "$(packs "$WORK/b")" -ge "$1" ] || has_ended $pid; }
wait_for begun 3
kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
# The last pack reached one target only: nobody's snapshot names it.
rm -f "$(ls -t "$WORK"/a/hikae1/t/*/p/* | head -n 1)"
had=$(packs "$WORK/a")
rm -rf "$WORK/h/state"
hikae --json backup t >"$WORK/json" 2>"$WORK/err"; code=$?
[ $code -eq 0 ] || cat "$WORK/err" "$WORK/json"; check "after kill -9 and the loss of the state the next run succeeds" test $code -eq 0
stored=$(field bytes_stored)
check "and reuses what $had finished packs hold" test "$stored" -le $((120000000 - (had - 1) * 3700000))
check "nothing is stored twice" test "$(packs "$WORK/a")" -le $((had + (120000000 - had * 3700000) / 3700000 + 3))
find "$WORK/a" "$WORK/b" -name '.hikae-tmp*' -size +0 >"$WORK/out"
hikae backup t >/dev/null 2>&1
check "verify" hikae verify t --level data
# SIGINT keeps what is finished.
for i in $(seq 25 48); do head -c 5000000 /dev/urandom >"$WORK/src/$i"; done
before=$(packs "$WORK/a")
hikae backup t >"$WORK/out" 2>"$WORK/err" & pid=$!
wait_for begun $((before + 3))
pkill -INT -P $pid 2>/dev/null || kill -INT $pid; wait $pid; code=$?
check "SIGINT: exit 9" test $code -eq 9 -o $code -eq 0
kept=$(($(packs "$WORK/a") - before))
hikae --json backup t >"$WORK/json" 2>"$WORK/err"
check "SIGINT keeps what is finished" test "$(field bytes_stored)" -le $((125000000 - (kept - 1) * 3700000))
# One byte of a pack flipped on one target: the restore succeeds, and mends it.
flip() { /usr/bin/python3 -c 'import sys
f=open(sys.argv[1],"r+b"); f.seek(int(sys.argv[2])); b=f.read(1); f.seek(int(sys.argv[2])); f.write(bytes([b[0]^1]))' "$1" "$2"; }
pack=$(find "$WORK"/a/hikae1/t/*/p -type f -size +1M | sort | head -n 1)
flip "$pack" 700000
hikae --json restore t --to "$WORK/r1" >"$WORK/json" 2>"$WORK/err"
check "a flipped byte on one target: restored and mended" test "$(field repaired)" -ge 1
check "the content is right" diff -r "$WORK/src" "$WORK/r1/data"
check "the pack is mended" bash -c '[ "$(sha256sum <"$0" | cut -d" " -f1)" = "${0##*/}" ]' "$pack"
rm "$pack"; truncate -s 100000 "$(find "$WORK"/b/hikae1/t/*/p -type f -size +1M | sort | tail -n 1)"
expect 5 "a missing and a truncated pack are found" hikae verify t --level inventory
expect 1 "and mended" hikae verify t --level objects --repair
check "and all is sound again" hikae verify t --level data
pack=$(ls -t "$WORK"/b/hikae1/t/*/p/* | head -n 1); truncate -s 100 "$pack"
for r in $(ls "$WORK"/b/hikae1/t/*/h/* | tail -n 2); do rm "$r"; done
expect 1 "a damaged pack and lost records on one target are mended in one go, the pack first" hikae verify t --level objects --repair
check "all is there" bash -c '[ "$(ls "$0"/a/hikae1/t/*/h "$0"/a/hikae1/t/*/p | grep -v :)" = "$(ls "$0"/b/hikae1/t/*/h "$0"/b/hikae1/t/*/p | grep -v :)" ]' "$WORK"
check "and sound" hikae verify t --level data
p1=$(find "$WORK"/a/hikae1/t/*/p -type f -size +1M | sort | sed -n 2p); p2=$(find "$WORK"/a/hikae1/t/*/p -type f -size +1M | sort | sed -n 3p)
mv "$p1" "$WORK/x"; mv "$p2" "$p1"; mv "$WORK/x" "$p2"
expect 5 "two packs swapped on one target are found" hikae verify t --level objects --target a
expect 1 "and mended" hikae verify t --level objects --repair
other=$(find "$WORK"/b/hikae1/t/*/p -type f -size +1M | sort | head -n 1)
flip "$other" 5000; flip "$WORK/a/${other#"$WORK"/b/}" 5000
hikae verify t --level data >"$WORK/out" 2>"$WORK/err"; code=$?
check "damaged on all targets: exit 5" test $code -eq 5
says "data/" "and the paths that it costs are named"
hikae restore t --to "$WORK/r2" >"$WORK/out" 2>"$WORK/err"; code=$?
check "the rest is restored all the same" test $code -ge 1 -a "$(ls "$WORK/r2/data" | wc -l)" -ge 40
hikae backup t >"$WORK/out" 2>"$WORK/err"
# The newest record hidden on one target, and on both.
rec=$(ls "$WORK"/a/hikae1/t/*/h/* | sort | tail -n 1)
mv "$rec" "$WORK/hidden"
hikae snapshots t >"$WORK/out" 2>"$WORK/err"
check "a record hidden on one target is still seen" bash -c 'test "$(grep -c . "$0")" -ge 3' "$WORK/out"
rec2=$WORK/b/${rec#"$WORK"/a/}; mv "$rec2" "$WORK/hidden2"
hikae snapshots t >"$WORK/out" 2>"$WORK/err"
says "hides or has lost" "a record hidden on all targets is noticed"
mv "$WORK/hidden" "$rec"; mv "$WORK/hidden2" "$rec2"
if [ "$(id -u)" = 0 ] && mkdir "$WORK/mnt" && mount -t tmpfs -o size=30M tmpfs "$WORK/mnt" 2>/dev/null; then
    mkdir "$WORK/f"
    check "disk full: init" "$HIKAE" init --dir "$WORK/f/h" --target "full=file://$WORK/mnt/full" --target "b=file://$WORK/f/b"
    "$HIKAE" --config "$WORK/f/h/hikae.yaml" tenant add t --source "data=dir:$WORK/src" >/dev/null
    expect 1 "one target full: done, with a warning" "$HIKAE" --config "$WORK/f/h/hikae.yaml" backup t
    check "and it restores from the other" "$HIKAE" --config "$WORK/f/h/hikae.yaml" restore t --to "$WORK/rf"
    sed -i 's/^min_copies:.*/min_copies: 2/; s/^#* *min_copies:.*/min_copies: 2/' "$WORK/f/h/hikae.yaml"
    echo new >"$WORK/src/new"
    "$HIKAE" --config "$WORK/f/h/hikae.yaml" backup t >"$WORK/out" 2>"$WORK/err"; code=$?
    check "the quorum is not reached: refused" test $code -eq 8
    says "nothing was committed" "and it says that nothing was committed"
fi
# A target that has lost the object that names the store: the finding says how it becomes a copy again.
"$HIKAE" init --dir "$WORK/e/h" --target "a=file://$WORK/e/a" --target "b=file://$WORK/e/b" >/dev/null 2>&1
small() { "$HIKAE" --config "$WORK/e/h/hikae.yaml" "$@"; }
small tenant add t --source "data=dir:$WORK/r2" >/dev/null 2>&1; small backup t >/dev/null 2>&1
rm "$WORK/e/b/hikae1/store"
expect 1 "a target without a store object is found" small verify t
says "hikae replicate --to b" "and how it becomes a copy again"
check "which it does" small replicate --to b
check "and all is sound on both" small verify t --level data
finish
