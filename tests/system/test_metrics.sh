#!/bin/bash
# Figures for Prometheus: the format (promtool reads it), what they say, and that the file is replaced as a whole.
. "$(dirname "$0")/lib.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
# value NAME{LABELS}: of the last figures.
value() { awk -v name="$1" '$1 == name { print $2 }' "$WORK/m.prom"; }
promtool_reads() { promtool check metrics <"$1"; }
take() { at "$1" metrics -o "$WORK/m.prom" >"$WORK/out" 2>"$WORK/err"; CODE=$?; }

for t in a b; do mkdir -p "$WORK/src/$t"; head -c 5000 /dev/zero >"$WORK/src/$t/file"; done
check init env HIKAE_NOW=2026-11-20T00:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --target "one=file://$WORK/one" --target "two=file://$WORK/two"
for t in a b; do at 2026-11-20T00:00:00Z tenant add "$t" --source "d=dir:$WORK/src/$t" >/dev/null 2>&1; done

at 2026-11-20T00:00:00Z metrics >"$WORK/m.prom" 2>/dev/null
check before-a-run test "$(value 'hikae_last_success_timestamp_seconds{tenant="a"}') $(value 'hikae_snapshots{tenant="a"}') $(value hikae_run_exit_code)" = "0 0 "
check promtool-before-a-run promtool_reads "$WORK/m.prom"

rm -r "$WORK/src/b"
at 2026-11-20T01:00:00Z run --retries 0 >/dev/null 2>&1
take 2026-11-20T03:00:00Z
check quiet-with-a-file test "$CODE$(cat "$WORK/out")" = 0
check promtool promtool_reads "$WORK/m.prom"
check last-success test "$(value 'hikae_last_success_timestamp_seconds{tenant="a"}' | cut -d. -f1)" = "$(date -ud 2026-11-20T01:00:00Z +%s)"
check age test "$(value 'hikae_last_success_age_seconds{tenant="a"}' | cut -d. -f1)" -le 7200
check no-age-of-none test -z "$(value 'hikae_last_success_age_seconds{tenant="b"}')"
check source-bytes test "$(value 'hikae_source_bytes{tenant="a"}') $(value 'hikae_snapshots{tenant="a"}')" = "5000 1"
check failed test "$(value hikae_run_exit_code) $(value hikae_run_finished) $(value hikae_run_jobs_failed)" = "6 1 1"
check next test "$(value 'hikae_next_backup_timestamp_seconds{tenant="a"}')" = "$(date -ud 2026-11-21T00:00:00Z +%s)"
check target test "$(value 'hikae_target_up{target="one"}') $(value 'hikae_target_stored_objects{target="one"}')" = "1 $(find "$WORK/one" -path "*/p/*" -type f -o -path "*/i/*" -type f -o -path "*/r/*" -type f | wc -l)"
check readable test "$(stat -c %a "$WORK/m.prom")" = 644
check nothing-left-behind test "$(find "$WORK" -maxdepth 1 -name '*m.prom*' | wc -l)" = 1

mv "$WORK/two" "$WORK/two.gone"
take 2026-11-23T03:00:00Z
check down test "$(value 'hikae_target_up{target="one"}') $(value 'hikae_target_up{target="two"}') $(value 'hikae_targets_behind{tenant="a"}')" = "1 0 1"
check overdue test "$(value 'hikae_backup_overdue{tenant="a"}')" = 1
check promtool-with-a-target-down promtool_reads "$WORK/m.prom"
at 2026-11-23T03:00:00Z --json metrics >"$WORK/json" 2>/dev/null
check json test "$(field schema) $(field metrics | grep -c '^# TYPE')" = "1 $(grep -c '^# TYPE' "$WORK/m.prom")"
expect 6 no-folder at 2026-11-23T03:00:00Z metrics -o "$WORK/nowhere/m.prom"
finish
