#!/bin/bash
# Tenants: labels, priority, limits, filters; loading in bulk from JSON and CSV; the trial; the asset register.
. "$(dirname "$0")/lib.sh"

mkdir -p "$WORK/src/a" "$WORK/src/b" "$WORK/src/c"
for d in a b c; do echo "data of $d" >"$WORK/src/$d/file"; done
hikae_init() { "$HIKAE" init --dir "$WORK/h" --target "one=file://$WORK/one?country=JP&site=east" --target "two=file://$WORK/two?country=JP&site=west"; }
check init hikae_init

# ---- One by one ----
check add hikae tenant add acme --source "d=dir:$WORK/src/a" --label plan=gold --label responsible=ops@example --priority 2 --limit-time 1h --limit-size 10G
check add-provider hikae tenant add auth --provider --source "d=dir:$WORK/src/b"
hikae --json tenant show acme >"$WORK/json" 2>/dev/null
check label test "$(field labels.plan)" = gold
check priority test "$(field priority)" = 2
check limits test "$(field limits.seconds) $(field limits.bytes)" = "3600 10737418240"
check set-label hikae tenant set acme --label plan=silver --label responsible=
hikae --json tenant show acme >"$WORK/json" 2>/dev/null
check label-changed test "$(field labels)" = "{'plan': 'silver'}"
check sources-stay test "$(field sources.0.name)" = d
expect 2 set-nothing hikae tenant set acme
expect 2 bad-label hikae tenant set acme --label nonsense
expect 2 bad-priority hikae tenant set acme --priority 10
expect 2 bad-size hikae tenant set acme --limit-size 10X
names() { hikae --json tenant list "$@" 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(" ".join(t["name"] for t in json.load(sys.stdin)["tenants"]))'; }
check filter-class test "$(names --class provider)" = auth
check filter-label test "$(names --label plan=silver) $(names --label plan)" = "acme acme"
check filter-no-label test "$(names --label plan=gold)" = ""
check suspend hikae tenant suspend acme
check filter-state test "$(names --state suspended)" = acme
check resume hikae tenant resume acme

# ---- Mistakes in files: each has its line, and nothing is loaded ----
bad() { # NAME TEXT EXTENSION CONTENT
    printf '%b' "$4" >"$WORK/bad.$3"
    expect 2 "refused-$1" hikae tenant load "$WORK/bad.$3"
    says "$2" "told-$1"
}
bad json-syntax 'bad.json:3: ' json '[\n{"name":"x1","sources":[{"name":"d","spec":"dir:/x"}]},\n{"name" "x2"}]'
bad json-member "bad.json:2: a tenant has no 'nane'" json '[\n{"nane":"x"}]'
bad json-twice 'bad.json:3: tenant '"'x1'"' stands in line 2 already' json '[\n{"name":"x1","sources":[{"name":"d","spec":"dir:/x"}]},\n{"name":"x1","sources":[{"name":"d","spec":"dir:/x"}]}]'
bad json-tail 'bad.json:2: something stands after the end' json '[]\n x'
bad json-no-list 'bad.json:1: ' json '{"tenant":[]}'
bad json-no-source 'bad.json:1: tenant '"'x1'"' is new, and needs a source' json '[{"name":"x1"}]'
bad json-priority 'bad.json:1: priority is not a whole number' json '[{"name":"x1","priority":"1","sources":[{"name":"d","spec":"dir:/x"}]}]'
bad json-class 'neither customer nor provider' json '[{"name":"x1","class":"client","sources":[{"name":"d","spec":"dir:/x"}]}]'
bad json-spec 'bad.json:1: ' json '[{"name":"x1","sources":[{"name":"d","spec":"ftp:/x"}]}]'
bad json-relative 'not absolute' json '[{"name":"x1","sources":[{"name":"d","spec":"dir:x"}]}]'
bad json-name 'cannot be the name of a tenant' json '[{"name":"a/b","sources":[{"name":"d","spec":"dir:/x"}]}]'
bad json-policy 'was never applied' json '[{"name":"x1","policy":"nothing-like-it","sources":[{"name":"d","spec":"dir:/x"}]}]'
bad json-class-change 'never changes its class' json '[{"name":"acme","class":"provider"}]'
bad json-sources 'sources is not a list' json '[{"name":"x1","sources":{}}]'
bad json-limit "limits has no 'second'" json '[{"name":"x1","limits":{"second":1},"sources":[{"name":"d","spec":"dir:/x"}]}]'
bad csv-column 'bad.csv:1: column '"'colour'"' is not known' csv 'name,colour\nx1,red\n'
bad csv-column-twice 'bad.csv:1: column '"'name'"' comes twice' csv 'name,name\nx1,x1\n'
bad csv-few 'bad.csv:3: fewer cells' csv 'name,source.d\nx1,dir:/x\nx2\n'
bad csv-many 'bad.csv:2: more cells' csv 'name,source.d\nx1,dir:/x,y\n'
bad csv-quote 'bad.csv:2: a quoted cell has no end' csv 'name,source.d\nx1,"dir:/x\n'
bad csv-behind-quote 'bad.csv:2: something stands behind' csv 'name,source.d\n"x1"y,dir:/x\n'
bad csv-inner-quote 'bad.csv:2: a quote stands in the middle' csv 'name,source.d\nx"1,dir:/x\n'
bad csv-zero 'a zero byte' csv 'name,source.d\nx1\0,dir:/x\n'
bad csv-number 'bad.csv:3: priority' csv 'name,priority,source.d\nx1,3,dir:/x\nx2,03,dir:/x\n'
bad csv-lines-in-cells 'bad.csv:4: ' csv 'name,source.d,label.note\nx1,dir:/x,"two\nlines"\nx2,ftp:/x,\n'
bad extension 'named neither .json nor .csv' txt 'name\n'
expect 4 no-file hikae tenant load "$WORK/none.json"
check nothing-loaded test "$(names)" = "acme auth"

# ---- Loading ----
cat >"$WORK/load.csv" <<EOF
name,policy,priority,limit.seconds,source.data,label.plan,label.responsible
cust-1,plain,3,600,dir:$WORK/src/a,gold,"Sato, Hanako"
cust-2,,,,dir:$WORK/src/b,silver,

cust-3,,,,dir:$WORK/src/c,,
EOF
check dry-run hikae tenant load "$WORK/load.csv" --dry-run
check dry-run-changes-nothing test "$(names)" = "acme auth"
hikae --json tenant load "$WORK/load.csv" --per-night 2 >"$WORK/json" 2>"$WORK/err"
check loaded test "$(field added) $(field changed) $(field same)" = "3 0 0"
hikae --json tenant load "$WORK/load.csv" >"$WORK/json" 2>"$WORK/err"
check idempotent test "$(field added) $(field changed) $(field same)" = "0 0 3"
hikae --json tenant show cust-1 >"$WORK/json" 2>/dev/null
check loaded-as-said test "$(field state) $(field priority) $(field limits.seconds) $(field labels.responsible)" = "new 3 600 Sato, Hanako"
check not-staggered test "$(field not_before)" = None
hikae --json tenant show cust-3 >"$WORK/json" 2>/dev/null
check staggered test "$(field not_before)" != None
cat >"$WORK/load.json" <<EOF
{"tenants": [
  {"name": "cust-1", "sources": [{"name": "more", "spec": "dir:$WORK/src/b", "exclude": ["*.tmp"]}], "labels": {"zone": "tokyo"}},
  {"name": "cust-2", "labels": {"plan": "silver"}},
  {"name": "own-1", "class": "provider", "sources": [{"name": "d", "spec": "dir:$WORK/src/c"}]}
]}
EOF
hikae --json tenant load "$WORK/load.json" >"$WORK/json" 2>"$WORK/err"
check loaded-json test "$(field added) $(field changed) $(field same)" = "1 1 1"
hikae --json tenant show cust-1 >"$WORK/json" 2>/dev/null
check nothing-removed test "$(field sources.0.name) $(field sources.1.name) $(field labels.plan) $(field labels.zone)" = "data more gold tokyo"
check others-stay test "$(names)" = "acme auth cust-1 cust-2 cust-3 own-1"

# ---- Many at once: their keys are a few objects; a load that is killed costs no command more than a look a day ----
gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/inject.c -o "$WORK/inject.so" -ldl || { not_ok "build the fault injector"; finish; }
mkdir "$WORK/many"; "$HIKAE" init --dir "$WORK/many/h" --target "a=file://$WORK/many/a" --test-clock >/dev/null 2>&1
many() { "$HIKAE" --config "$WORK/many/h/hikae.yaml" "$@"; }
/usr/bin/python3 -c 'import json,sys; json.dump([{"name": "t%04d" % i, "sources": [{"name": "d", "spec": "dir:" + sys.argv[1]}]} for i in range(600)], sys.stdout)' "$WORK/src" >"$WORK/many.json"
export HIKAE_NOW=2026-11-01T02:00:00Z
keys=$(find "$WORK/many/a/hikae1/k" -type f | wc -l)
{ LD_PRELOAD=$WORK/inject.so FAULT_KILL=400 many tenant load "$WORK/many.json" >/dev/null 2>&1; } 2>/dev/null
check killed-while-adding test "$(many --json tenant list 2>/dev/null | grep -c '"state"')" -lt 256
given_up=$((256 - $(many --json tenant list 2>/dev/null | grep -c '"state"')))
many --json tenant load "$WORK/many.json" >"$WORK/json" 2>"$WORK/err"
check loaded-many test "$(($(field added) + $(field same)))" = 600
check few-objects-of-keys test "$(($(find "$WORK/many/a/hikae1/k" -type f | wc -l) - keys))" -le 4
# The system calls of a command that opens the keystore: some ten for each tenant whose history it asks for.
calls() { LD_PRELOAD=$WORK/inject.so FAULT_COUNTS=$WORK/counts many keys status >/dev/null 2>&1; cut -d' ' -f1 "$WORK/counts"; }
fresh=$(calls)
export HIKAE_NOW=2026-11-01T04:00:00Z; calls >/dev/null; later=$(calls)
check "given-up-is-not-asked-for ($given_up: $fresh calls, then $later)" test "$given_up" -gt 50 -a "$((fresh - later))" -gt "$((3 * given_up))"
export HIKAE_NOW=2026-11-02T04:00:01Z; next=$(calls)
check asked-for-once-a-day test "$((next - later))" -gt "$((3 * given_up))" -a "$(calls)" -lt "$((later + given_up))"
unset HIKAE_NOW

# ---- The trial ----
expect 8 new-not-resumed hikae tenant resume cust-1
expect 0 trial hikae tenant trial cust-1
hikae --json tenant show cust-1 >"$WORK/json" 2>/dev/null
check active test "$(field state) $(field snapshots)" = "active 1"
check trial-cleaned test -z "$(find "$WORK/h" -name trial)"
expect 8 trial-once hikae tenant trial cust-1
rm -r "$WORK/src/c"
expect 6 trial-fails hikae tenant trial cust-3
hikae --json tenant show cust-3 >"$WORK/json" 2>/dev/null
check stays-new test "$(field state)" = new
expect 4 trial-nobody hikae tenant trial nobody

# ---- The asset register ----
hikae --json inventory >"$WORK/json" 2>/dev/null
check inventory-apart test "$(field customers.1.name) $(field provider.0.name)" = "cust-1 auth"
check inventory-places test "$(field customers.1.targets.0.country) $(field customers.1.targets.1.site)" = "JP west"
check inventory-facts test "$(field customers.1.responsible) $(field customers.1.snapshots) $(field key_epoch)" = "Sato, Hanako 1 1"
check inventory-bytes test "$(field customers.1.targets.0.bytes)" -gt 0
check inventory-table hikae inventory
says "cust-1" inventory-shows
hikae inventory --csv >"$WORK/csv" 2>/dev/null
csv_rows() { /usr/bin/python3 -c 'import csv,sys; r=list(csv.DictReader(open(sys.argv[1],newline=""))); print(len(r), r[2]["tenant"], r[2]["responsible"], r[2]["site"])' "$WORK/csv"; }
check inventory-csv test "$(csv_rows)" = "12 cust-1 Sato, Hanako east"
expect 2 inventory-both hikae --json inventory --csv
mv "$WORK/two" "$WORK/two.gone"
expect 1 inventory-target-down hikae inventory
mv "$WORK/two.gone" "$WORK/two"

# ---- All of it is on the targets, not only in the catalogue ----
rm "$WORK/h/state/catalogue.db"*
hikae --json tenant show cust-1 >"$WORK/json" 2>/dev/null
check survives test "$(field priority) $(field limits.seconds) $(field labels.zone)" = "3 600 tokyo"
# A damaged one is moved aside, which is said once, and made anew.
rm "$WORK/h/state/catalogue.db"*
head -c 4096 /dev/urandom >"$WORK/h/state/catalogue.db"
hikae --json tenant show cust-1 >"$WORK/json" 2>"$WORK/err"
check damage-is-told grep -q 'the catalogue was damaged: it is moved to' "$WORK/err"
check damage-costs-nothing test "$(field priority) $(field limits.seconds) $(field labels.zone)" = "3 600 tokyo"
check told-once bash -c '"$0" --config "$1" tenant show cust-1 2>&1 | grep -c damaged | grep -qx 0' "$HIKAE" "$WORK/h/hikae.yaml"

# ---- Another host learns what this one did ----
cp -a "$WORK/h" "$WORK/h2"; sed -i "s|$WORK/h/|$WORK/h2/|g" "$WORK/h2/hikae.yaml"
other() { "$HIKAE" --config "$WORK/h2/hikae.yaml" "$@"; }
check other-works other tenant list
mkdir "$WORK/src/late"; check added-here hikae tenant add late --source "data=dir:$WORK/src/late"
check known-there other backup late
check suspended-there other tenant suspend late
check opened-here hikae snapshots late
hikae --json tenant show late >"$WORK/json" 2>/dev/null
check suspended-here test "$(field state)" = suspended
finish
