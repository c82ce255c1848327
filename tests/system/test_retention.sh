#!/bin/bash
# 400 days of each shipped policy, two at a time, against an oracle written from the promises.
# Thousands of small files, each of which waits for the disk: in memory where there is room.
[ -z "${TMPDIR:-}" ] && [ -w /dev/shm ] && [ "$(df --output=avail /dev/shm | tail -n 1)" -gt 1000000 ] && export TMPDIR=/dev/shm
. tests/system/lib.sh
drive=$PWD/${BUILD:-build}/tests/drive
policies=(daily-30-days two-clouds-japan daily-7-generations customer-export monthly-1-year)
one() {
    mkdir "$WORK/$1" && /usr/bin/python3 tests/oracle/retention.py "$1" "$WORK/$1" "$drive" "$HIKAE" >"$WORK/$1.log" 2>&1
}
export -f one; export WORK drive HIKAE
printf '%s\n' "${policies[@]}" | xargs -P 2 -I{} bash -c 'one {}'
for policy in "${policies[@]}"; do
    grep -q "^ok $policy" "$WORK/$policy.log" || FAILED=1
    grep -E '^(ok|not ok)' "$WORK/$policy.log" || { not_ok "$policy"; tail -n 5 "$WORK/$policy.log"; }
    grep '^#' "$WORK/$policy.log" | head -n 40
done
finish
