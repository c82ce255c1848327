#!/bin/bash
# Killed before each change that an operation makes, one after the other: there is never an operation without its record
# in the audit log, nor a record without its operation, and the log verifies. The same for a new root epoch: whatever was
# done, every holder that is named opens, and what was backed up restores.
#
# AUDIT_KILL_STRIDE=N  every Nth change only (default: every 2nd of an operation, some 24 of a rotation; 1 tries all)
IN_MEMORY=1
. tests/system/lib.sh
inject=$WORK/inject.so
gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/inject.c -o "$inject" -ldl || { not_ok "build the fault injector"; finish; }
if nm -D "$HIKAE" 2>/dev/null | grep -q '__asan_init'; then ok "audit kill: left out under a sanitizer, which has its own allocator"; finish; fi
mkdir -p "$WORK/src" "$WORK/s"; echo text >"$WORK/src/file"
hk() { "$HIKAE" --config "$WORK/s/h/hikae.yaml" "$@"; }
"$HIKAE" init --dir "$WORK/s/h" --target "a=file://$WORK/s/a" --target "b=file://$WORK/s/b" --min-copies 2 >/dev/null || { not_ok "init"; finish; }
hk tenant add t --source "data=dir:$WORK/src" >/dev/null
hk backup t >/dev/null
hk audit list >/dev/null
cp -a "$WORK/s" "$WORK/base"
fresh() { rm -rf "$WORK/s"; cp -a "$WORK/base" "$WORK/s"; }
changes() { fresh; LD_PRELOAD=$inject FAULT_COUNTS=$WORK/counts hk "$@" >/dev/null 2>&1; cut -d' ' -f3 "$WORK/counts"; }
killed() { # N ARGS…
    local n=$1; shift; fresh
    { LD_PRELOAD=$inject FAULT_KILL=$n hk "$@" >"$WORK/out" 2>"$WORK/err"; } 2>/dev/null
}
BAD=0
bad() { echo "    $*"; BAD=1; }
result() { if [ $BAD = 0 ]; then ok "$1"; else not_ok "$1"; fi; BAD=0; }
# count FILE EXPRESSION: of the JSON there, as Python's v
count() { /usr/bin/python3 -c 'import json,sys; v=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$1" "$2"; }

# ---- A hold: a record of the tenant's history and an entry that goes to the targets at once ----
total=$(changes hold add t --who sato --why 'a trial')
seen=" "
for ((n = 1; n <= total; n += ${AUDIT_KILL_STRIDE:-2})); do
    killed "$n" hold add t --who sato --why 'a trial'
    hk --json hold list t >"$WORK/holds" 2>/dev/null || bad "change $n: hold list fails"
    hk --json audit list --operation 'hold add' >"$WORK/entries" 2>/dev/null || bad "change $n: audit list fails"
    hk --json audit verify >"$WORK/verified" 2>"$WORK/err" || bad "change $n: audit verify: $(head -n 1 "$WORK/err")"
    holds=$(count "$WORK/holds" 'len(v["holds"])')
    results=$(count "$WORK/entries" '",".join(e["result"] for e in v["entries"])')
    case "$holds $results" in
    "0 " | "0 interrupted" | "1 interrupted" | "1 ok") ;;
    *) bad "change $n of $total: $holds holds, but the log says '$results'" ;;
    esac
    [ "$(count "$WORK/verified" 'len(v["open"])')" = 0 ] || bad "change $n: an operation is open for ever"
    case "$seen" in *" $holds:$results "*) ;; *) seen="$seen$holds:$results " ;; esac
done
result "killed before changes of a hold (every ${AUDIT_KILL_STRIDE:-2}th of $total): one record each"
echo "# outcomes:$seen"
check "the sweep saw it undone, cut short and done" test "$(tr ' ' '\n' <<<"$seen" | sort | tr -d '\n')" = "0:0:interrupted1:interrupted1:ok"

# ---- A new root epoch ----
total=$(changes keys rotate --root)
stride=${AUDIT_KILL_STRIDE:-$(((total + 23) / 24))}
for ((n = 1; n <= total; n += stride)); do
    killed "$n" keys rotate --root
    hk keys check >"$WORK/out" 2>"$WORK/err" || bad "change $n of $total: keys check: $(grep -v warning "$WORK/err" | head -n 1)"
    rm -rf "$WORK/r"; hk restore t --to "$WORK/r" >/dev/null 2>&1 && diff -r "$WORK/src" "$WORK/r/data" >/dev/null || bad "change $n: nothing restores"
    hk --json audit list --operation 'keys rotate' >"$WORK/entries" 2>/dev/null || bad "change $n: audit list fails"
    hk --json keys status >"$WORK/keys" 2>/dev/null
    epoch=$(count "$WORK/keys" 'v["epoch"]')
    results=$(count "$WORK/entries" '",".join(e["result"] for e in v["entries"])')
    case "$epoch $results" in
    "1 " | "1 interrupted" | "2 interrupted" | "2 ok" | "2 warnings") ;;
    *) bad "change $n of $total: epoch $epoch, but the log says '$results'" ;;
    esac
    hk -q keys rotate --root >/dev/null 2>"$WORK/err" || [ $? -eq 1 ] || bad "change $n: the next rotation: $(tail -n 1 "$WORK/err")"
    hk keys check >/dev/null 2>&1 || bad "change $n: keys check after the next rotation"
    next=$(hk --json keys status 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["epoch"])')
    [ "$next" -gt "$epoch" ] || [ "$epoch" = 2 ] || bad "change $n: the next rotation left epoch $next"
    [ "$(find "$WORK/s/h/keys" -name '*.key' | wc -l)" = 1 ] || bad "change $n: key files are left: $(ls "$WORK/s/h/keys" | tr '\n' ' ')"
done
result "killed before changes of a rotation (every ${stride}th of $total): everything opens, one record each"
finish
