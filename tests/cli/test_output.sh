#!/bin/bash
# Where output goes that cannot go anywhere: a full disk, a reader that left, a stream that was closed. What was not written is
# never said to be, and nothing of the store is written in its place.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
mkdir -p "$WORK/src"
seq 20000 >"$WORK/src/a"
check init "$HIKAE" init --dir "$WORK/h" --target "one=file://$WORK/t"
hikae tenant add acme --source "d=dir:$WORK/src" >/dev/null 2>&1
hikae backup acme >/dev/null 2>&1

# libarchive 3.6 loses 32 bytes when its client cannot write; that is not what is looked for here.
full() { ASAN_OPTIONS=${ASAN_OPTIONS:-}${ASAN_OPTIONS:+:}detect_leaks=0 hikae "$@" >/dev/full; }
for command in status "ls acme" "cat acme d/a" "inventory --csv" "--json status" "--json ls acme" "help" "version" "report" "metrics" \
    "export acme" "audit export"; do
    # shellcheck disable=SC2086 # words of a command
    expect 6 "full: $command" full $command
    says "No space left on device" "full says so: $command"
    check "full claims nothing: $command" sh -c "! grep -q written '$WORK/check.err'"
done

closed() { hikae "$@" >&-; }
find "$WORK/h" "$WORK/t" -type f -exec sha256sum {} + | grep -v '/audit\|catalog' | sort >"$WORK/before"
expect 6 "closed standard output" closed status
says "standard output" "closed standard output says so"
expect 6 "closed standard output, JSON" closed --json status
find "$WORK/h" "$WORK/t" -type f -exec sha256sum {} + | grep -v '/audit\|catalog' | sort >"$WORK/after"
check "nothing was written in its place" diff "$WORK/before" "$WORK/after"
check "the store is sound" hikae verify --level data
all_closed() { hikae backup acme <&- >&- 2>&-; }
expect 6 "all three closed" all_closed
check "the backup was made all the same" sh -c "test \$('$HIKAE' --config '$WORK/h/hikae.yaml' --json snapshots acme | grep -o '\"verified\"' | wc -l) = 2"

left() { hikae "$@" 2>"$WORK/err" | head -c 10 >/dev/null; return "${PIPESTATUS[0]}"; }
expect 6 "a reader that left" left cat acme d/a
check "wants no message" test ! -s "$WORK/err"

expect 4 "locks of no tenant" hikae locks nobody
expect 2 "a period that is none" hikae evidence --period 2026-99
expect 4 "a period without a policy" hikae evidence --period 2026-09
expect 2 "cat of a folder" hikae cat acme d
says "hikae ls" "cat of a folder says what to do"
expect 2 "a far guess" hikae ls acme --reason x
check "is not offered" sh -c "! grep -q 'did you mean' '$WORK/check.err'"
# ---- CSV in a spreadsheet ----
hikae tenant add '=1+1' --source "d=dir:$WORK/src" >/dev/null 2>&1
bytes() { head -c 3 "$1" | od -An -tx1 | tr -d ' '; }
month=$(date -u +%Y-%m)
hikae inventory --csv >"$WORK/plain.csv" 2>/dev/null
hikae inventory --csv --bom >"$WORK/bom.csv" 2>/dev/null
check "no mark unless it is asked for" test "$(bytes "$WORK/plain.csv")" = 636c61
check "a mark that is asked for" test "$(bytes "$WORK/bom.csv")" = efbbbf
check "and nothing else" sh -c "tail -c +4 '$WORK/bom.csv' | cmp - '$WORK/plain.csv'"
check "an export with its mark" hikae audit export --period "$month" --bom -o "$WORK/audit.csv" --receipt "$WORK/audit.note"
check "has it" test "$(bytes "$WORK/audit.csv")" = efbbbf
check "the receipt is of the file" grep -q "$(sha256sum "$WORK/audit.csv" | cut -c1-64)" "$WORK/audit.note"
check "no cell is a formula" sh -c "! grep -hE '(^|,)\"?=' '$WORK/audit.csv' '$WORK/bom.csv'"
check "the name is there" grep -q "'=1+1" "$WORK/bom.csv"
expect 2 "a mark of no CSV" hikae inventory --bom
expect 2 "a mark of other formats" hikae audit export --format jsonl --bom
expect 2 "a mark of no file" hikae evidence --period "$month" --bom
finish
