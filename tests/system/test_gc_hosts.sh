#!/bin/bash
# Two hosts on one tenant: a backup that is stopped at each step that others can see, while the other host collects; and
# a collection that is stopped at each step, while the other host backs up. Whatever comes in between, what is committed
# is whole after everything that was condemned has been deleted.
IN_MEMORY=1
. tests/system/lib.sh
BUILD=${BUILD:-build}
[ -x "$BUILD/tests/test_collect_nights" ] || make --no-print-directory BUILD="$BUILD" "$BUILD/tests/test_collect_nights" >/dev/null
if nm -D "$HIKAE" 2>/dev/null | grep -q '__asan_init'; then ok "not under a sanitizer, which has its own allocator"; finish; fi
S=$WORK/s
on() { local host=$1 now=$2; shift 2; HIKAE_NOW=$now "$HIKAE" --config "$S/$host/hikae.yaml" "$@"; }
check "init" "$HIKAE" init --dir "$S/one" --target "a=file://$S/a" --test-clock
mkdir "$S/src"
on one 2027-01-01T02:00:00Z tenant add t --source "data=dir:$S/src" >/dev/null 2>&1
for n in 1 2 3 4 5 6; do
    for f in 1 2 3 4 5; do head -c $((40000 * f)) /dev/urandom >"$S/src/$(((n + f) % 8))"; done
    on one 2027-01-0${n}T03:00:00Z backup t >/dev/null 2>&1
    [ $n != 2 ] || cp -a "$S/src" "$WORK/second"
done
cp -a "$S/one" "$S/two"; sed -i "s|$S/one/|$S/two/|g" "$S/two/hikae.yaml"
# The second host sees files of the second night again, which the collector is about to take away.
HIKAE_NOW=2027-01-06T04:00:00Z "$BUILD/tests/test_collect_nights" retire "$S/one/hikae.yaml" t 2
head -c 100000 /dev/urandom >"$S/src/new"
cp -a "$WORK/second" "$S/src/again"
gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/inject.c -o "$WORK/inject.so" -ldl
cp -a "$S" "$WORK/base-condemn"
on one 2027-01-06T05:00:00Z gc t >/dev/null 2>&1
cp -a "$S" "$WORK/base-delete"
copy() { rm -rf "$S"; cp -a "$1" "$S"; }
# stopped N HOST NOW ARG…: starts it, returns 0 when it stopped before that step, 1 when it ended before it came there.
stopped() {
    local n=$1 host=$2 now=$3; shift 3
    HIKAE_NOW=$now LD_PRELOAD=$WORK/inject.so FAULT_STOP=$n "$HIKAE" --config "$S/$host/hikae.yaml" "$@" >"$WORK/stopped.out" 2>&1 &
    PID=$!
    local state
    while :; do
        state=$(sed 's/.*) //' /proc/$PID/stat 2>/dev/null | cut -c1)
        case $state in T) return 0 ;; Z | '') wait $PID; CODE=$?; return 1 ;; esac
        sleep 0.01
    done
}
go_on() { kill -CONT $PID; wait $PID; CODE=$?; }
whole() { # NOW: sound, and every snapshot restores
    on one "$1" verify t --level data >"$WORK/out" 2>"$WORK/err" || return 1
    local id
    for id in $(on one "$1" --json snapshots t 2>/dev/null | grep -o '"id": *"[0-9a-f]*"' | grep -o '[0-9a-f]\{16\}'); do
        rm -rf "$WORK/back"
        on one "$1" restore t --snapshot "$id" --to "$WORK/back" >/dev/null 2>"$WORK/err" || return 1
    done
}
# The latest snapshot is what the second host saw.
latest() { rm -rf "$WORK/back"; on one "$1" restore t --to "$WORK/back" >/dev/null 2>&1 && diff -r "$S/src" "$WORK/back/data" >/dev/null; }
# interleave NAME BASE NOW-OF-BOTH STOPPED(host and command) OTHER(host and command)
interleave() {
    local name=$1 base=$2 now=$3 first=$4 second=$5 n=1 steps=0 bad=0 other
    while :; do
        copy "$base"
        # shellcheck disable=SC2086 # a host and its command
        stopped $n ${first%% *} "$now" ${first#* } t || break
        steps=$((steps + 1))
        # shellcheck disable=SC2086
        on ${second%% *} "$now" ${second#* } t >"$WORK/other.out" 2>&1; other=$?
        go_on
        [ $other -le 1 ] && [ $CODE -le 1 ] || { bad=$((bad + 1)); echo "    step $n: $first ended $CODE, $second $other"; tail -n 2 "$WORK/stopped.out" "$WORK/other.out"; }
        latest 2027-01-09T12:00:00Z || { bad=$((bad + 1)); echo "    step $n: the latest snapshot is another one"; }
        for later in 2027-01-13T07:00:00Z 2027-01-17T09:00:00Z; do
            on one $later gc t >"$WORK/other.out" 2>&1 || { bad=$((bad + 1)); echo "    step $n: collection at $later"; tail -n 2 "$WORK/other.out"; }
        done
        whole 2027-01-17T10:00:00Z || { bad=$((bad + 1)); echo "    step $n: not whole"; head -n 3 "$WORK/err"; }
        n=$((n + 1))
    done
    check "$name: stopped at each of $steps steps, all is whole" test $bad -eq 0 -a $steps -ge "$6"
}
interleave "a backup, while the other host condemns" "$WORK/base-condemn" 2027-01-06T05:00:00Z "two backup" "one gc" 4
interleave "a collection that condemns, while the other host backs up" "$WORK/base-condemn" 2027-01-06T05:00:00Z "one gc" "two backup" 4
interleave "a backup, while the other host deletes" "$WORK/base-delete" 2027-01-09T06:00:00Z "two backup" "one gc" 4
interleave "a collection that deletes, while the other host backs up" "$WORK/base-delete" 2027-01-09T06:00:00Z "one gc" "two backup" 4
finish
