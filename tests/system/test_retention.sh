#!/bin/bash
# 400 days of each shipped policy, two at a time, against an oracle written from the promises.
IN_MEMORY=1
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
