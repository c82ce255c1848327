#!/bin/bash
# Policies as an operator uses them: looked at, checked, applied, edited, shortened with an approval, and brought back
# by recover.
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
export HIKAE_POLICIES=$ROOT/policies
mkdir -p "$WORK/src" && echo data >"$WORK/src/file"
A="tokyo=file://$WORK/a?country=JP&site=tokyo&provider=one"
B="osaka=file://$WORK/b?country=JP&site=osaka&provider=two"
"$HIKAE" init --dir "$WORK/h" --target "$A" --target "$B" --min-copies 2 --test-clock >/dev/null
export HIKAE_NOW=2026-11-01T03:00:00Z
json() { hikae "$@" --json >"$WORK/json" 2>"$WORK/err"; }
is() { if [ "$(field "$1")" = "$2" ]; then ok "$3"; else not_ok "$3 ($1 is $(field "$1"), not $2)"; fi; }

# ---- list, show, check ----
check 'list' hikae policy list
says 'two-clouds-japan' 'list names what is shipped'
says 'built-in' 'list names what is built in'
check 'show' hikae policy show daily-7-generations
says 'schedule' 'show says which part keeps a promise'
says 'generations.keep.daily' 'show lists the rules'
hikae --lang ja policy show daily-7-generations >"$WORK/out"
says '7世代' 'show speaks Japanese'
hikae policy show daily-30-days --text >"$WORK/out"
check 'show --text gives the file back' cmp "$WORK/out" policies/daily-30-days.yaml
expect 4 'no such policy' hikae policy show nothing
expect 1 'a shipped policy is kept, but for where it is published' hikae policy check two-clouds-japan
expect 8 'a key service is promised, and there is none' hikae policy check daily-7-generations
says 'holder-class' 'the rule is named'
expect 8 'a region is promised, and none is declared' hikae policy check daily-30-days
expect 1 'without a configuration the policy alone is checked' "$HIKAE" --config "$WORK/none.yaml" policy check daily-7-generations
sed 's/daily: 7$/daily: seven/' policies/daily-7-generations.yaml >"$WORK/bad.yaml"
expect 2 'a mistake is refused' hikae policy check "$WORK/bad.yaml"
line=$(grep -n 'daily: seven' "$WORK/bad.yaml" | cut -d: -f1)
says "$WORK/bad.yaml:$line:12: " 'with line and column'
says 'a whole number' 'and with what is allowed'
sed 's/zone: Asia\/Tokyo/zone: Asia\/Tokio/' policies/two-clouds-japan.yaml >"$WORK/bad.yaml"
expect 8 'an unknown time zone is a contradiction' hikae policy check "$WORK/bad.yaml"
json policy check "$WORK/bad.yaml"; is findings.0.rule time-zones 'findings as JSON'; is findings.0.line 9 'with their line'

# ---- apply ----
expect 4 'a tenant cannot have a policy that is not in force' hikae tenant add acme --policy two-clouds-japan --source "d=dir:$WORK/src"
check 'dry run' hikae policy apply two-clouds-japan --dry-run
json policy list; is policies.5.state shipped 'which applies nothing'
check 'apply' hikae policy apply two-clouds-japan
json policy list; is policies.5.state applied 'the policy is in force'
is policies.5.applied 2026-11-01T03:00:00Z 'with its date'
check 'apply again changes nothing' hikae policy apply two-clouds-japan
json policy show two-clouds-japan; is versions 1 'and writes no second version'
expect 8 'what is unmet is refused' hikae policy apply daily-7-generations
expect 8 'accepting it needs somebody who answers for it' hikae policy apply daily-7-generations --accept holder-class
check 'accepted by name' hikae policy apply daily-7-generations --accept holder-class --approve-as sato --why 'token ordered'
expect 2 'a contradiction cannot be accepted' hikae policy apply two-clouds-japan --accept time-zones
expect 8 'the built-in policy stays' hikae policy apply plain
check 'a tenant takes a policy in force' hikae tenant add acme --policy two-clouds-japan --source "d=dir:$WORK/src"
check 'also one with an accepted rule' hikae tenant add beta --policy daily-7-generations --source "d=dir:$WORK/src"
check 'images only' hikae policy apply monthly-1-year
expect 8 'a policy refuses kinds of sources' hikae tenant add gamma --policy monthly-1-year --source "d=dir:$WORK/src"

# ---- eight snapshots by hand, which the policy keeps for a month; then less is promised ----
for day in 12 13 14 15 16 17 18 19; do
    HIKAE_NOW=2026-11-${day}T17:00:00Z hikae backup acme >/dev/null 2>"$WORK/err" || not_ok "backup of day $day"
done
export HIKAE_NOW=2026-11-21T03:00:00Z
mkdir -p "$WORK/h/policies"
mine=$WORK/h/policies/two-clouds-japan.yaml
sed 's/on_demand: 1m/on_demand: 5d/' policies/two-clouds-japan.yaml >"$mine"
check 'diff' hikae policy diff two-clouds-japan
says 'generations.on_demand' 'diff shows the value'
json policy diff two-clouds-japan
is changes.0.before 1m 'before'; is changes.0.after 5d 'and after'; is tenants 1 'and whom it concerns'
drops=$(/usr/bin/python3 -c 'import json,sys; print(len(json.load(open(sys.argv[1]))["drops"]))' "$WORK/json")
[ "$drops" = 4 ] && ok 'four snapshots would be dropped' || not_ok "four snapshots would be dropped, not $drops"
is drops.0.tenant acme 'of this tenant'
json policy list; is policies.5.state changed 'the list shows that the file was edited'
expect 8 'to promise less needs an approval' hikae policy apply two-clouds-japan
says 'approve' 'the hint says how'
expect 8 'an approval says why' hikae policy apply two-clouds-japan --approve-as sato
json policy show two-clouds-japan; is versions 1 'nothing was applied'
check 'approved' hikae policy apply two-clouds-japan --approve-as sato --why 'agreed in November'
json policy show two-clouds-japan; is versions 2 'a second version'; is approved_by sato 'with who approved it'
sed 's/daily: 14/daily: 30/' policies/two-clouds-japan.yaml >"$mine"
check 'to promise more needs nobody' hikae policy apply two-clouds-japan
rm -r "$WORK/h/policies"

# ---- a target abroad; a target that is down; recovery ----
cp "$WORK/h/hikae.yaml" "$WORK/h/hikae.yaml.before"
sed -i 's/country=JP&site=osaka/country=US\&site=osaka/' "$WORK/h/hikae.yaml"
expect 8 'a target abroad breaks the residency' hikae tenant add delta --policy two-clouds-japan --source "d=dir:$WORK/src"
says 'none of these countries' 'and that is said'
expect 8 'and no backup goes there' hikae backup acme
says 'target-residency' 'by that rule'
expect 8 'nor does replication' hikae replicate acme
mv "$WORK/h/hikae.yaml.before" "$WORK/h/hikae.yaml"
mv "$WORK/b" "$WORK/b.gone"
expect 8 'one target is too few' hikae policy apply customer-export
mv "$WORK/b.gone" "$WORK/b"
json policy list; is policies.0.state shipped 'and nothing is in force'
cp "$WORK/h/keys/"* "$WORK/" 2>/dev/null
key=$(ls "$WORK"/*.key 2>/dev/null | head -n 1)
sum=$(json policy show two-clouds-japan && field sha256)
rm -rf "$WORK/h"
check 'recover' "$HIKAE" recover --dir "$WORK/h" --target "$A" --target "$B" --key-file "$key"
check 'recover keeps the copies that policies promise' grep -q '^min_copies: 2' "$WORK/h/hikae.yaml"
json policy show two-clouds-japan; is sha256 "$sum" 'recover brings the applied version back'; is versions 3 'and those before'
json policy list; is policies.2.state applied 'and the other policies'
sed -i 's/^min_copies:.*/min_copies: 1/' "$WORK/h/hikae.yaml"
expect 8 'which tell what a machine does not keep' hikae tenant add epsilon --policy daily-7-generations --source "d=dir:$WORK/src"
sed -i 's/^min_copies:.*/min_copies: 2/' "$WORK/h/hikae.yaml"
check 'and else are taken by tenants at once' hikae tenant add epsilon --policy daily-7-generations --source "d=dir:$WORK/src"
finish
