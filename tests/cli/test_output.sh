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

full() { hikae "$@" >/dev/full; }
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
finish
