#!/bin/bash
# What the months to come will take: from the nights that were, with prices that are named and dated.
. "$(dirname "$0")/lib.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
forecast() { at 2026-11-27T12:00:00Z --json forecast --months 3 --prices "$WORK/prices.yaml" "$@" >"$WORK/json" 2>"$WORK/err"; }
# holds EXPRESSION: about the JSON, as v.
holds() { /usr/bin/python3 -c 'import json,sys; v=json.load(open(sys.argv[1])); t=v["targets"][0]; m=t["months"]; sys.exit(not eval(sys.argv[2]))' "$WORK/json" "$1"; }

mkdir -p "$WORK/src"
printf 'date: 2026-11-20\ncurrency: JPY\nprices:\n  - {provider: folder, region: any, storage_gb_month: 1000000, put_1000: 500, egress_gb: 2000000}\n' >"$WORK/prices.yaml"
check init env HIKAE_NOW=2026-11-19T00:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --target "one=file://$WORK/one"
at 2026-11-19T00:00:00Z tenant add a --source "d=dir:$WORK/src" >/dev/null 2>&1
forecast
check nothing-known holds 't["nights"] == 0 and t["bytes_a_day"] == 0 and m[2]["bytes"] == t["bytes"]'
for day in 20 21 22 23 24 25 26; do
    head -c 200000 /dev/urandom >"$WORK/src/$day"
    [ $day != 23 ] || head -c 3000000 /dev/urandom >"$WORK/src/odd"
    at "2026-11-${day}T01:00:00Z" run --retries 0 --only backup >/dev/null 2>&1
    at "2026-11-${day}T02:00:00Z" run --retries 0 --only backup >/dev/null 2>&1
done
forecast
check one-point-a-night holds 't["nights"] == 7'
# 200 kB a night in spite of the odd one; the range holds what a straight line from end to end says.
check growth holds '190e3 < t["bytes_a_day_low"] <= t["bytes_a_day"] < 1.1e6 and t["bytes_a_day"] <= t["bytes_a_day_high"]'
check months holds 'len(m) == 3 and abs(m[1]["bytes"] - t["bytes"] - 60 * t["bytes_a_day"]) < 2 and m[0]["bytes_low"] <= m[0]["bytes"] <= m[0]["bytes_high"]'
check requests holds 'm[0]["requests"] >= 120'
check cost holds 'abs(m[0]["cost"] - ((t["bytes"] + 15 * t["bytes_a_day"]) / 1e9 * 1e6 + m[0]["requests"] / 1000 * 500)) < 0.01'
check restore-cost holds 'abs(m[2]["restore_cost"] - m[2]["bytes"] / 1e9 * 2e6) < 0.01'
check disk holds 't["free_bytes"] > 0'
check dated holds 'v["prices_date"] == "2026-11-20" and v["currency"] == "JPY" and not v["prices_old"]'
expect 0 own-prices at 2026-11-27T12:00:00Z forecast
says "name a newer file with --prices" old-prices-told
at 2026-11-27T12:00:00Z --json forecast >"$WORK/json" 2>/dev/null
check no-price-for-a-folder holds 't["priced"] is False and m[0]["cost"] is None and v["prices_old"]'
expect 2 no-months at 2026-11-27T12:00:00Z forecast --months 0
expect 2 many-months at 2026-11-27T12:00:00Z forecast --months 121
expect 4 no-file at 2026-11-27T12:00:00Z forecast --prices "$WORK/none"
echo 'date: 2026-11-20' >"$WORK/bad.yaml"
expect 2 bad-file at 2026-11-27T12:00:00Z forecast --prices "$WORK/bad.yaml"
finish
