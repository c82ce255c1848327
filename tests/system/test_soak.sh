#!/bin/bash
# Lives of a store drawn at random (soak.py): two that are always the same, but for where a kill falls among threads;
# SOAK_SEED=$RANDOM SOAK_STEPS=500 tests/run.sh tests/system/test_soak.sh looks for what they do not find.
#   SOAK_STEPS   steps of each (60)
#   SOAK_SEED    of the second one
. tests/system/lib.sh
if ! nm -D "$HIKAE" 2>/dev/null | grep -q '__asan_init'; then # which has its own allocator
    gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/inject.c -o "$WORK/inject.so" -ldl
    export INJECT=$WORK/inject.so
fi
for seed in 1 "${SOAK_SEED:-20270104}"; do
    mkdir "$WORK/$seed"
    if /usr/bin/python3 tests/system/soak.py "$WORK/$seed" --steps "${SOAK_STEPS:-60}" --seed "$seed" >"$WORK/out" 2>&1; then
        ok "$(tail -n 1 "$WORK/out" | sed 's/ (.*//')"
    else
        not_ok "seed $seed: something was lost"
        sed 's/^/    /' "$WORK/out"
    fi
done
finish
