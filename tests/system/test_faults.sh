#!/bin/bash
# Every system call of a backup and of a restore fails in turn; allocations fail; the process is killed before each
# change. After each: a clear error or success, no crash, the store verifies, every committed snapshot restores.
#
# FAULT_STRIDE=N  every Nth system call and allocation only (default: as many as fit a short run; 1 tries all)
# FAULT_SEED=N    which one of the first N is the first: another seed tries others (default: 1)
. tests/system/lib.sh
inject=$WORK/inject.so
gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/inject.c -o "$inject" -ldl || { not_ok "build the fault injector"; finish; }
if nm -D "$HIKAE" 2>/dev/null | grep -q '__asan_init'; then ok "faults: left out under a sanitizer, which has its own allocator"; finish; fi
mkdir -p "$WORK/src/d"; for i in 1 2 3 4 5; do seq "$i" 400 >"$WORK/src/d/$i"; done
head -c 300000 /dev/urandom >"$WORK/src/big"; ln -s big "$WORK/src/link"; truncate -s 1M "$WORK/src/sparse"
RANDOM=${FAULT_SEED:-1}
echo "# seed ${FAULT_SEED:-1}, stride ${FAULT_STRIDE:-by itself}"
mkdir "$WORK/s"
hk() { "$HIKAE" --config "$WORK/s/h/hikae.yaml" "$@"; }
"$HIKAE" init --dir "$WORK/s/h" --target "a=file://$WORK/s/a" --target "b=file://$WORK/s/b" >/dev/null || { not_ok "init"; finish; }
hk tenant add t --source "data=dir:$WORK/src" >/dev/null; hk backup t >/dev/null
head -c 200000 /dev/urandom >"$WORK/src/new"; echo more >"$WORK/src/d/6"
cp -a "$WORK/s" "$WORK/base"
fresh() { rm -rf "$WORK/s"; cp -a "$WORK/base" "$WORK/s"; }
counts() { fresh; rm -rf "$WORK/r"; LD_PRELOAD=$inject FAULT_COUNTS=$WORK/counts hk "$@" >/dev/null 2>&1; cat "$WORK/counts"; }
# run KIND N ARGS…: one fault, then what must hold.
BAD=0
run() {
    local kind=$1 n=$2 code; shift 2
    fresh; rm -rf "$WORK/r"
    { timeout 300 env LD_PRELOAD="$inject" "$kind=$n" ${ERRNO:+FAULT_ERRNO=$ERRNO} "$HIKAE" --config "$WORK/s/h/hikae.yaml" "$@" >"$WORK/out" 2>"$WORK/err"; code=$?; } 2>/dev/null
    if [ "$kind" = FAULT_KILL ]; then
        [ $code -eq 137 ] || [ $code -le 10 ] || { echo "    $kind=$n: exit $code"; BAD=1; }
    elif [ $code -gt 10 ]; then echo "    $kind=$n ERRNO=${ERRNO:-5}: exit $code: $(tail -n 1 "$WORK/err")"; BAD=1
    elif [ $code -ge 1 ] && [ ! -s "$WORK/err" ]; then echo "    $kind=$n: exit $code without a word"; BAD=1
    fi
    # 1: all that is there is sound, a target is behind.
    hk verify t --level data >"$WORK/out2" 2>"$WORK/err2"; code=$?
    if [ $code -gt 1 ]; then echo "    $kind=$n: the store does not verify (exit $code): $(head -n 1 "$WORK/err2")"; BAD=1; fi
}
result() { if [ $BAD = 0 ]; then ok "$1"; else not_ok "$1"; fi; BAD=0; }
sweep() { # NAME KIND TOTAL WANTED ARGS…
    local name=$1 kind=$2 total=$3 wanted=$4 n stride; shift 4
    stride=${FAULT_STRIDE:-$(((total + wanted - 1) / wanted))}; [ "$stride" -ge 1 ] || stride=1
    for ((n = 1 + RANDOM % stride; n <= total; n += stride)); do run "$kind" "$n" "$@"; done
    result "$name: $((total / stride)) of $total"
}
read -r calls allocs changes <<<"$(counts backup t)"
sweep "backup: a system call fails (EIO)" FAULT_CALL "$calls" 220 backup t
ERRNO=28 sweep "backup: a system call fails (ENOSPC)" FAULT_CALL "$calls" 120 backup t
sweep "backup: an allocation fails" FAULT_ALLOC "$allocs" 160 backup t
sweep "backup: killed before a change" FAULT_KILL "$changes" 150 backup t
fresh; hk backup t >/dev/null; rm -rf "$WORK/base"; cp -a "$WORK/s" "$WORK/base"
read -r calls allocs changes <<<"$(counts restore t --to "$WORK/r")"
sweep "restore: a system call fails (EIO)" FAULT_CALL "$calls" 160 restore t --to "$WORK/r"
sweep "restore: an allocation fails" FAULT_ALLOC "$allocs" 120 restore t --to "$WORK/r"
fresh
check "and the last snapshot restores" hk restore t --to "$WORK/final"
check "as it was" diff -r --no-dereference "$WORK/src" "$WORK/final/data"
finish
