#!/bin/bash
# Targets on folders: measured and recorded, added, changed, retired; rules about where data lies hold at each step.
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
mkdir -p "$WORK/src" && echo data >"$WORK/src/file"
"$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a?country=JP&site=tokyo" --target "b=file://$WORK/b?country=JP&site=osaka" --test-clock >/dev/null
export HIKAE_NOW=2026-11-01T03:00:00Z
json() { hikae "$@" --json >"$WORK/json" 2>"$WORK/err"; }
is() { if [ "$(field "$1")" = "$2" ]; then ok "$3"; else not_ok "$3 ($1 is $(field "$1"), not $2)"; fi; }
# state CHECK: of the first target in the JSON.
state() { /usr/bin/python3 -c 'import json,sys; print([c["state"] for c in json.load(open(sys.argv[1]))["targets"][0]["checks"] if c["name"]==sys.argv[2]][0])' "$WORK/json" "$1"; }
found() { if [ "$(state "$1")" = "$2" ]; then ok "$3"; else not_ok "$3 ($1 is $(state "$1"), not $2)"; fi; }

# ---- check ----
hikae tenant add acme --source "d=dir:$WORK/src" >/dev/null && hikae backup acme >/dev/null
hikae target list >"$WORK/out"; says never 'a target that was never measured says so'
check 'dry run' hikae target check --dry-run
if [ -e "$WORK/a/hikae1/probe" ]; then not_ok 'puts nothing'; else ok 'puts nothing'; fi
check 'check' hikae target check
json target check a; is targets.0.recorded False 'the same again is not recorded again'
is targets.0.checked 2026-11-01T03:00:00Z 'when it was measured is known'
is targets.0.attested True 'a folder lies where the operator says'
for c in reachable write read list-order speed country site; do found $c ok "$c is measured"; done
json target list; is targets.1.checked 2026-11-01T03:00:00Z 'the other target was measured too'
check 'the store verifies with what probes leave' hikae verify
mv "$WORK/b" "$WORK/away"
expect 6 'a target that is away' hikae target check b
json target check a; is targets.0.state ok 'the other one is as it was'
mkdir -p "$WORK/b/hikae1"; expect 1 'an empty target is a warning' hikae target check b; rm -r "$WORK/b"
mv "$WORK/away" "$WORK/b"
expect 4 'no such target' hikae target check nothing
"$HIKAE" init --dir "$WORK/o" --target "x=file://$WORK/other" >/dev/null
cp "$WORK/h/hikae.yaml" "$WORK/saved"
sed -i "s|$WORK/b?|$WORK/other?|" "$WORK/h/hikae.yaml"
expect 2 "a folder with another store" hikae target check b
if [ -e "$WORK/other/hikae1/probe" ]; then not_ok 'nothing is put into it'; else ok 'nothing is put into it'; fi
cp "$WORK/saved" "$WORK/h/hikae.yaml"
HIKAE_NOW=2026-11-03T03:00:00Z json target check a; is targets.0.recorded True 'it is recorded again when a day has passed'
finish
