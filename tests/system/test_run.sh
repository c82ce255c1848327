#!/bin/bash
# The nightly run: what is due when, failures beside successes, retries, hooks, a second run, shares, killing.
. "$(dirname "$0")/lib.sh"

for t in a b c d; do mkdir -p "$WORK/src/$t"; echo "data of $t" >"$WORK/src/$t/file"; done
at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
# jobs KEY: "tenant:job" of the last run's JSON, sorted.
jobs() { /usr/bin/python3 -c 'import json,sys; print(" ".join(sorted(j["tenant"]+":"+j["job"] for j in json.load(open(sys.argv[1]))[sys.argv[2]])))' "$WORK/json" "$1"; }
WRITER="--only backup,replicate,verify"
# shellcheck disable=SC2086
run_at() { local now=$1 only=$WRITER; shift; case " $* " in *" --only "*) only= ;; esac; at "$now" --json run --retries 0 $only "$@" >"$WORK/json" 2>"$WORK/err"; CODE=$?; }
snapshots() { at 2026-12-31T00:00:00Z --json snapshots "$1" 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(len(json.load(sys.stdin)["snapshots"]))'; }

check init env HIKAE_NOW=2026-11-20T00:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --target "one=file://$WORK/one" --target "two=file://$WORK/two"
for t in a b c; do at 2026-11-20T00:00:00Z tenant add "$t" --source "d=dir:$WORK/src/$t" >/dev/null 2>&1; done

# ---- What is due ----
run_at 2026-11-20T10:00:00Z --dry-run
check planned test "$CODE $(jobs planned)" = "0 a:backup b:backup c:backup"
check dry-run-does-nothing test "$(snapshots a)" = 0
run_at 2026-11-20T10:00:00Z
check first-night test "$CODE $(jobs done)" = "0 a:backup b:backup c:backup"
check clock-recorded test -n "$(field clock.source)"
run_at 2026-11-20T23:59:00Z
check nothing-due test "$CODE $(jobs done)$(jobs failed)" = "0 "
run_at 2026-11-21T00:00:01Z
check next-day test "$(jobs done)" = "a:backup b:backup c:backup"
run_at 2026-11-28T12:00:00Z
check missed-once test "$(jobs done)" = "a:backup b:backup c:backup"
check missed-told test "$(field done.0.windows_missed)" = 6
check not-seven-times test "$(snapshots a)" = 3

# ---- One fails, one is suspended; the others are backed up ----
mv "$WORK/src/b" "$WORK/src/b.gone"
at 2026-11-29T00:00:00Z tenant suspend c >/dev/null 2>&1
run_at 2026-11-29T01:00:00Z
check failing-source test "$CODE $(jobs done) $(jobs failed)" = "6 a:backup b:backup"
check failing-named test "$(field error.message | grep -c 'backup of b')" = 1
run_at 2026-11-29T02:00:00Z
check still-due test "$CODE $(jobs done) $(jobs failed)" = "6  b:backup"
mv "$WORK/src/b.gone" "$WORK/src/b"
run_at 2026-11-29T03:00:00Z
check made-up test "$CODE $(jobs done)" = "0 b:backup"
at 2026-11-29T04:00:00Z --json status >"$WORK/json" 2>/dev/null
check next-due test "$(field tenants.0.next_due) $(field tenants.0.overdue)" = "2026-11-30T00:00:00Z False"
at 2026-12-03T04:00:00Z --json status >"$WORK/json" 2>/dev/null; CODE=$?
check overdue test "$CODE $(field tenants.0.overdue)" = "1 True"
at 2026-11-29T05:00:00Z tenant resume c >/dev/null 2>&1

# ---- A target that is down: told once, and caught up when it is back ----
mv "$WORK/two" "$WORK/two.gone"
run_at 2026-11-30T01:00:00Z
check target-down test "$CODE $(jobs done)" = "1 a:backup b:backup c:backup"
check target-told-once test "$(/usr/bin/python3 -c 'import json,sys; print(sum("two" in w for w in json.load(open(sys.argv[1]))["warnings"]))' "$WORK/json")" = 1
mv "$WORK/two.gone" "$WORK/two"
run_at 2026-11-30T02:00:00Z
check caught-up test "$CODE $(jobs done)" = "0 a:replicate b:replicate c:replicate"
run_at 2026-11-30T03:00:00Z
check caught-up-once test "$CODE $(jobs done)" = "0 "

# ---- --only, --shard, what is refused ----
run_at 2026-12-01T01:00:00Z --only replicate
check only test "$CODE $(jobs done)" = "0 "
run_at 2026-12-01T01:00:00Z --only replicate,backup --shard 1/2 --dry-run
one=$(jobs planned)
run_at 2026-12-01T01:00:00Z --shard 2/2 --dry-run
check shards test "$(printf '%s %s' "$one" "$(jobs planned)" | xargs -n1 | sort | xargs)" = "a:backup b:backup c:backup"
expect 2 bad-only at 2026-12-01T01:00:00Z run --only backup,nonsense
says "there is no job 'nonsense'" bad-only-told
for bad in 0/2 3/2 2 2/ x/2 1/2x; do expect 2 "bad-shard-$bad" at 2026-12-01T01:00:00Z run --shard "$bad"; done

# ---- A second run; a job that takes too long; stopping; killing ----
mkfifo "$WORK/gate"
at_gate() { pgrep -fx "cat $WORK/gate"; }
at 2026-12-01T00:00:00Z tenant add slow --source "s=cmd:cat $WORK/gate" --priority 1 >/dev/null 2>&1
HIKAE_NOW=2026-12-01T01:00:00Z "$HIKAE" --config "$WORK/h/hikae.yaml" --json run >"$WORK/first.json" 2>/dev/null &
FIRST=$!
others() { [ "$(snapshots c)" = 5 ]; }
check others-beside-slow wait_for others
expect 3 busy at 2026-12-01T01:00:00Z run
HIKAE_NOW=2026-12-01T01:30:00Z "$HIKAE" --config "$WORK/h/hikae.yaml" --json run --wait >"$WORK/second.json" 2>/dev/null &
SECOND=$!
echo data >"$WORK/gate"
wait $FIRST; check first-ends test $? = 0
wait $SECOND; check second-waited test $? = 0
at 2026-12-02T00:00:00Z tenant set slow --limit-time 1s >/dev/null 2>&1
run_at 2026-12-02T01:00:00Z
check too-long test "$CODE $(jobs failed)" = "6 slow:backup"
says "longer than the tenant's limit" too-long-told
check too-long-others test "$(jobs done)" = "a:backup b:backup c:backup"
at 2026-12-02T02:00:00Z tenant set slow --limit-time 1h >/dev/null 2>&1
HIKAE_NOW=2026-12-02T02:00:00Z "$HIKAE" --config "$WORK/h/hikae.yaml" --json run >"$WORK/json" 2>/dev/null &
FIRST=$!
check at-the-gate wait_for at_gate
kill -TERM $FIRST; wait $FIRST; CODE=$?
check stopped test "$CODE $(jobs left)" = "9 slow:backup"
HIKAE_NOW=2026-12-03T01:00:00Z "$HIKAE" --config "$WORK/h/hikae.yaml" --json run >/dev/null 2>&1 &
FIRST=$!
check at-the-gate-again wait_for at_gate
# A snapshot is there a moment before the catalogue says that its job is done.
noted() { [ "$(/usr/bin/python3 -c 'import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM job WHERE job = ? AND done_ns / 1000000000 >= unixepoch(?)", ("backup", "2026-12-03T01:00:00Z")).fetchone())' "$WORK/h/state/catalogue.db")" = 3 ]; }
check others-noted wait_for noted
kill -KILL $FIRST; wait $FIRST 2>/dev/null
# What SIGKILL leaves no time for: the source's command still waits at the gate. It ends when that is opened and closed.
check gate-opened timeout 60 bash -c ": >'$WORK/gate'"
nobody_there() { ! at_gate; }
check nothing-hangs wait_for nobody_there
at 2026-12-03T02:00:00Z tenant suspend slow >/dev/null 2>&1
run_at 2026-12-03T03:00:00Z
says "did not come to its end" killed-told
run_at 2026-12-03T04:00:00Z
check after-killed test "$CODE $(jobs done)$(jobs failed)" = "0 "
check no-night-twice test "$(snapshots c)" = 7

# ---- Retries in the same run ----
rm -r "$WORK/src/d"
at 2026-12-03T05:00:00Z tenant add d --source "d=cmd:test -e $WORK/now || { touch $WORK/now; exit 1; }; echo data" >/dev/null 2>&1
at 2026-12-03T06:00:00Z --json run --only backup --retries 1 >"$WORK/json" 2>"$WORK/err"; CODE=$?
check retried test "$CODE $(jobs done) $(field done.0.attempts)" = "0 d:backup 2"

# ---- A pruner's jobs: collection once a week where nothing is dropped, and not on the nights between ----
run_at 2026-12-03T07:00:00Z --only gc,retain
check collected-last-week test "$CODE $(jobs done)" = "0 d:gc"
run_at 2026-12-09T07:00:00Z --only gc,retain
check collected-again test "$CODE $(jobs done)" = "0 a:gc b:gc c:gc slow:gc"

# ---- Hooks ----
printf '#!/bin/sh\necho "$HIKAE_HOOK $HIKAE_STATUS $(env | grep -c SECRET)" >>%s\n[ ! -e %s ]\n' "$WORK/hooks" "$WORK/refuse" >"$WORK/hook"
chmod +x "$WORK/hook"
printf 'hook_before: %s\nhook_after: %s\nhook_seconds: 60\n' "$WORK/hook" "$WORK/hook" >>"$WORK/h/hikae.yaml"
SECRET_WORD=x run_at 2026-12-04T01:00:00Z
check hooks test "$CODE $(tr '\n' ';' <"$WORK/hooks")" = "0 before  0;after 0 0;"
touch "$WORK/refuse"
run_at 2026-12-05T01:00:00Z
check hook-refuses test "$CODE" = 6
check hook-refused-nothing-done test "$(jobs done)" = ""
rm "$WORK/refuse"
printf '#!/bin/sh\nsleep 300 & sleep 300\n' >"$WORK/hook"
sed -i 's/^hook_seconds: .*/hook_seconds: 1/' "$WORK/h/hikae.yaml"
run_at 2026-12-05T02:00:00Z
check hook-too-long test "$CODE" = 6
says "took longer than 1 s" hook-too-long-told
finish
