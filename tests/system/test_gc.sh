#!/bin/bash
# Collection: killed before each change of a file, it goes on where it was; beside a backup on another host nothing that
# the backup uses goes away.
IN_MEMORY=1
. tests/system/lib.sh
BUILD=${BUILD:-build}
[ -x "$BUILD/tests/test_collect_nights" ] || make --no-print-directory BUILD="$BUILD" "$BUILD/tests/test_collect_nights" >/dev/null
retire() { HIKAE_NOW=$2 "$BUILD/tests/test_collect_nights" retire "$1/h/hikae.yaml" t 2; }
at() { local now=$1 dir=$2; shift 2; HIKAE_NOW=$now "$HIKAE" --config "$dir/h/hikae.yaml" "$@"; }
S=$WORK/s
check "init" "$HIKAE" init --dir "$S/h" --target "a=file://$S/a" --target "b=file://$S/b" --min-copies 2 --test-clock
mkdir "$WORK/src"
at 2027-01-01T02:00:00Z "$S" tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
for n in 1 2 3 4 5 6; do
    for f in 1 2 3 4 5; do head -c $((40000 * f)) /dev/urandom >"$WORK/src/$(((n + f) % 8))"; done
    at 2027-01-0${n}T03:00:00Z "$S" backup t >/dev/null 2>&1
    cp -a "$WORK/src" "$WORK/ref$n"
done
check "four of six are retired" retire "$S" 2027-01-06T04:00:00Z
whole() { # DIR NOW: what is kept restores, and all is sound, once a record that one target lacks was copied there
    rm -rf "$1/r"
    at "$2" "$1" replicate t >/dev/null 2>&1 || return 1
    at "$2" "$1" verify t --level data >"$WORK/out" 2>"$WORK/err" && at "$2" "$1" restore t --to "$1/r" >/dev/null 2>&1 &&
        diff -r "$WORK/ref6" "$1/r/data" >/dev/null
}
gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/inject.c -o "$WORK/inject.so" -ldl
# The same store under another folder: paths stand in its configuration.
copy() { rm -rf "$S"; cp -a "$1" "$S"; }
cp -a "$S" "$WORK/base1"
expect 0 "the dry run shows the plan" at 2027-01-06T05:00:00Z "$S" gc t --dry-run
says "needed" "with its reasons"
at 2027-01-06T05:00:00Z "$S" gc t >/dev/null 2>&1
check "condemned: all is whole" whole "$S" 2027-01-06T06:00:00Z
cp -a "$S" "$WORK/base2"
expect 0 "72 hours later it is deleted" at 2027-01-09T06:00:00Z "$S" --json gc t
says '"objects":' "and told"
check "deleted: all is whole" whole "$S" 2027-01-09T07:00:00Z
# Killed before the Nth change: in the collection that condemns, and in the one that deletes.
phases='1 2'
if nm -D "$HIKAE" 2>/dev/null | grep -q '__asan_init'; then phases=; fi # which has its own allocator
for phase in $phases; do
    now=2027-01-06T05:00:00Z; [ $phase = 1 ] || now=2027-01-09T06:00:00Z
    bad=0; n=1; steps=0
    while :; do
        copy "$WORK/base$phase"
        { HIKAE_NOW=$now LD_PRELOAD=$WORK/inject.so FAULT_KILL=$n "$HIKAE" --config "$S/h/hikae.yaml" gc t >/dev/null 2>&1; code=$?; } 2>/dev/null
        [ $code -eq 137 ] || break
        steps=$((steps + 1))
        whole "$S" 2027-01-09T08:00:00Z || { bad=$((bad + 1)); echo "    after the kill before change $n"; }
        at 2027-01-09T08:00:00Z "$S" gc t >/dev/null 2>&1 || bad=$((bad + 1))
        at 2027-01-12T09:00:00Z "$S" gc t >/dev/null 2>&1 || bad=$((bad + 1))
        whole "$S" 2027-01-12T10:00:00Z || { bad=$((bad + 1)); echo "    after going on from the kill before change $n"; }
        n=$((n + 1 + n / ${FAULT_STRIDE:-4}))
    done
    check "phase $phase: killed at $steps steps, nothing is lost, and it goes on" test $bad -eq 0 -a $steps -gt 5
done
# Two hosts: one condemns and deletes while the other backs up with what it learned before.
copy "$WORK/base1"
cp -a "$S/h" "$WORK/h2"; sed -i "s|$S/h/|$WORK/h2/|g" "$WORK/h2/hikae.yaml"
mkfifo "$WORK/pipe"
HIKAE_NOW=2027-01-06T05:00:00Z "$HIKAE" --config "$WORK/h2/hikae.yaml" import t "$WORK/pipe" --as x >"$WORK/out2" 2>"$WORK/err2" & pid=$!
exec 9>"$WORK/pipe"
sleep 1
at 2027-01-06T05:30:00Z "$S" gc t >/dev/null 2>&1
tar -C "$WORK/src" -cf - . >&9; exec 9>&-
wait $pid; code=$?
check "a backup that was under way while the other host condemned" test $code -le 1
at 2027-01-09T07:00:00Z "$S" gc t >/dev/null 2>&1
at 2027-01-12T09:00:00Z "$S" gc t >/dev/null 2>&1
expect 0 "is whole after what was condemned was deleted" at 2027-01-12T10:00:00Z "$S" verify t --level data
rm -rf "$S/r"
at 2027-01-12T10:00:00Z "$S" restore t --to "$S/r" >/dev/null 2>&1
check "and restores" bash -c 'for f in "$0"/*; do cmp -s "$f" "$1/r/x/${f##*/}" || exit 1; done' "$WORK/src" "$S"
finish
