#!/bin/bash
# A policy with two drills of one mode: each is measured against what its own rule promises.
. tests/system/lib.sh
mkdir -p "$WORK/src"
head -c 30000 /dev/urandom >"$WORK/src/file"
export HIKAE_NOW=2026-11-21T20:00:00Z
"$HIKAE" init --dir "$WORK/h" --test-clock --target "a=file://$WORK/a" >/dev/null 2>&1
cat >"$WORK/twice.yaml" <<'YAML'
schema: 1
name: twice
title: {ja: 二つの約束, en: two promises}
zone: Asia/Tokyo
schedule: {every: daily, tenants: [customer, provider], window: "01:00-05:00"}
generations: {keep: all}
drills:
  - {mode: full, every: 30d, rto: 8h, rpo: 3d}
  - {mode: full, every: 90d, rto: 2h, rpo: 1d}
YAML
check "the policy" hikae policy apply "$WORK/twice.yaml"
hikae tenant add t --policy twice --source "data=dir:$WORK/src" >/dev/null 2>&1
check "a night" hikae run --only backup
# A day is as short as the calendar lets it be: 23 hours. Two days later, without a backup in between: within what the one rule promises, not the other.
export HIKAE_NOW=2026-11-23T22:00:00Z
hikae --json run --only drill >"$WORK/json" 2>"$WORK/err"
check "both are due" test "$(jq '[.done[] | select(.job == "drill")] | length' "$WORK/json")" = 2
hikae --json drill list t >"$WORK/json" 2>/dev/null
of() { jq -r ".drills[] | select(.plan == \"$1\") | .promised.$2" "$WORK/json"; }
check "the first by its own times" test "$(of drills.1 rto_s)" = 28800 -a "$(of drills.1 rpo_s)" = 255600 -a "$(of drills.1 rpo_kept)" = true
check "the second by its own" test "$(of drills.2 rto_s)" = 7200 -a "$(of drills.2 rpo_s)" = 82800 -a "$(of drills.2 rpo_kept)" = false
finish
