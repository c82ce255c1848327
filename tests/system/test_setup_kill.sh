#!/bin/bash
# init and recover killed right before anything that they change: what is left says what to do, and that works.
# shellcheck disable=SC2317 # functions that check calls by name
. tests/system/lib.sh
export HIKAE_NOW=2026-11-21T10:00:00Z
inject=$WORK/inject.so
gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/inject.c -o "$inject" -ldl || { not_ok "build the fault injector"; finish; }
A="a=file://$WORK/a?country=JP&site=x"
B="b=file://$WORK/b?country=JP&site=y"
changes() { LD_PRELOAD=$inject FAULT_COUNTS=$WORK/counts "$HIKAE" "$@" >/dev/null 2>&1; cut -d' ' -f3 "$WORK/counts"; }
killed() {
    local n=$1; shift
    { LD_PRELOAD=$inject FAULT_KILL=$n "$HIKAE" "$@" >/dev/null 2>&1; code=$?; } 2>/dev/null
    [ $code -eq 137 ]
}

# ---- init ----
init() { "$HIKAE" init --dir "$WORK/h" --test-clock --target "$A" --target "$B" --min-copies 2; }
fresh() { rm -rf "$WORK/h" "$WORK/a" "$WORK/b"; }
mkdir "$WORK/src"
echo one >"$WORK/src/file"
fresh
count=$(changes init --dir "$WORK/h" --test-clock --target "$A" --target "$B" --min-copies 2)
check "init changes something" test "$count" -gt 10
# Again: at once, or after doing what the hint says.
begins_again() {
    init >"$WORK/out" 2>"$WORK/err" && return 0
    if [ -e "$WORK/h/hikae.yaml" ]; then # it was ready
        hikae tenant add t --source "data=dir:$WORK/src" >"$WORK/out" 2>"$WORK/err" && hikae backup t >>"$WORK/out" 2>"$WORK/err"
        return
    elif grep -q 'keys of a store, and no store' "$WORK/err"; then
        rm -rf "$WORK"/[ab]/hikae1/k
    elif grep -q 'holds a store already' "$WORK/err"; then
        test -e "$WORK/a/hikae1/store" -o -e "$WORK/b/hikae1/store" || return 1
        rm -rf "$WORK"/[ab]/hikae1
    fi
    rm -rf "$WORK/h"
    init >"$WORK/out" 2>"$WORK/err"
}
failed=
keys_alone=0
for n in $(seq 1 "$count"); do
    fresh
    killed "$n" init --dir "$WORK/h" --test-clock --target "$A" --target "$B" --min-copies 2 || failed="$failed $n(not killed)"
    [ -d "$WORK/a/hikae1/k" ] && [ ! -e "$WORK/a/hikae1/store" ] && keys_alone=$((keys_alone + 1))
    begins_again || failed="$failed $n"
done
[ -z "$failed" ] || cat "$WORK/err"
check "init killed before each of $count changes can be begun again ($failed)" test -z "$failed"
check "keys without a store were among what was left ($keys_alone times)" test "$keys_alone" -gt 0

# ---- init with a key inside a key service: what was made there and is of no store ends ----
(umask 077; printf 'aws_access_key_id = AKIDTEST\naws_secret_access_key = SecretOfTests\n' >"$WORK/aws")
/usr/bin/python3 "$ROOT/tests/servers/kms.py" --ready "$WORK/kms.ready" --state "$WORK/kms.json" --log "$WORK/kms.log" --owner $$ &
for _ in $(seq 1 200); do [ -s "$WORK/kms.ready" ] && break; sleep 0.05; done
KMS=$(cat "$WORK/kms.ready") || not_ok "start the key service"
given=(init --dir "$WORK/h" --test-clock --target "$A" --target "$B" --min-copies 2
    --holder "cloud/kms=aws-kms,region=ap-northeast-1,endpoint=$KMS,credentials=file:$WORK/aws,waiting_days=7")
in_service() { /usr/bin/python3 -c 'import json,sys; print(sum(k["state"] == "Enabled" for k in json.load(open(sys.argv[1]))["keys"].values()))' "$WORK/kms.json"; }
fresh
count=$(changes "${given[@]}")
check "an init with a key service changes something" test "$count" -gt 12
failed=
left=0
# Killed before change N, and begun again in its folder: one key more is in the service, the store's.
once() {
    local n=$1 before made
    fresh
    before=$(in_service)
    killed "$n" "${given[@]}" || failed="$failed $n(not killed)"
    [ -e "$WORK/h/hikae.yaml" ] && return # it was ready
    left=$((left + $(in_service) - before))
    rm -rf "$WORK"/[ab]/hikae1 "$WORK"/h/recovery-sheet*
    "$HIKAE" "${given[@]}" >"$WORK/out" 2>"$WORK/err" || failed="$failed $n"
    made=$(($(in_service) - before))
    [ $made = 1 ] || failed="$failed $n($made keys)"
    [ ! -e "$WORK/h/state/init.json" ] || failed="$failed $n(still noted)"
}
# Each of those around the making of the key, and one in nine of the others.
first=0
for n in $(seq 9 9 "$count"); do
    once "$n"
    if [ $first = 0 ] && [ $left -gt 0 ]; then
        first=$n
        for m in $(seq $((n - 8)) $((n - 1))); do once "$m"; done
    fi
done
[ -z "$failed" ] || cat "$WORK/err"
check "killed and begun again in its folder, it leaves one key in the service ($failed)" test -z "$failed"
check "kills had left a key of no store there ($left times)" test "$left" -gt 3
# The notes are of the targets that were written to: elsewhere, or without the holder, nothing is destroyed.
fresh; killed "$first" "${given[@]}"
rm -rf "$WORK"/[ab]/hikae1 "$WORK"/h/recovery-sheet*; before=$(in_service)
expect 8 "an init with other targets destroys nothing" "$HIKAE" init --dir "$WORK/h" --test-clock --target "c=file://$WORK/c"
says "init.json" "and says which they were"
expect 4 "an init without that holder is told" "$HIKAE" init --dir "$WORK/h" --test-clock --target "$A" --target "$B" --min-copies 2
check "nothing was destroyed" test "$(in_service)" = "$before"

# ---- recover ----
fresh
check init init
cat >"$WORK/two.yaml" <<'Y'
schema: 1
name: two
title: {ja: 二, en: two}
zone: UTC
promises: [{id: copies, status: internal, ja: 二箇所に保存する。, en: Kept at two places.}]
targets: {keeps: [copies], min_copies: 2}
Y
check policy hikae policy apply "$WORK/two.yaml"
check tenant hikae tenant add t --policy two --source "data=dir:$WORK/src"
check backup hikae backup t
cp -r "$WORK/h/keys" "$WORK/keys"
key=$(echo "$WORK"/keys/*.key)
recover() { "$HIKAE" recover --dir "$WORK/n" --target "$A" --target "$B" --key-file "$key"; }
count=$(changes recover --dir "$WORK/n" --target "$A" --target "$B" --key-file "$key")
check "recover changes something" test "$count" -gt 10
check "and asks for two copies" grep -q '^min_copies: 2' "$WORK/n/hikae.yaml"
failed=
for n in $(seq 1 "$count"); do
    rm -rf "$WORK/n"
    killed "$n" recover --dir "$WORK/n" --target "$A" --target "$B" --key-file "$key" || failed="$failed $n(not killed)"
    # The configuration is there before all else, and never goes away again.
    [ ! -e "$WORK/n/state/catalog.db" ] || [ -s "$WORK/n/hikae.yaml" ] || failed="$failed $n(no configuration)"
    [ ! -e "$WORK/n/hikae.yaml" ] || grep -q '^min_copies: [12]' "$WORK/n/hikae.yaml" || failed="$failed $n(torn)"
    rm -rf "$WORK/n"
done
rm -rf "$WORK/n"
check "recover killed before each of $count changes leaves no torn or lost configuration ($failed)" test -z "$failed"
check "and can be begun again in an empty folder" recover
check "what was backed up is restored" "$HIKAE" --config "$WORK/n/hikae.yaml" restore t --to "$WORK/r"
check "as it was" grep -q one "$WORK"/r/data/file
finish
