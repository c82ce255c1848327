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
hikae doctor >"$WORK/out" 2>/dev/null; says 'it was never measured' 'doctor says so, too'
check 'check' hikae target check
hikae doctor >"$WORK/out" 2>/dev/null; says 'measured 2026-11-01: 0 of' 'doctor knows the last check'
HIKAE_NOW=2027-03-01T03:00:00Z hikae doctor >"$WORK/out" 2>/dev/null; says 'more than 90 days ago' 'and warns when it is old'
json target check a; is targets.0.recorded False 'the same again is not recorded again'
is targets.0.checked 2026-11-01T03:00:00Z 'when it was measured is known'
is targets.0.attested True 'a folder lies where the operator says'
for c in reachable write read list-order speed country site; do found $c ok "$c is measured"; done
json target list; is targets.1.checked 2026-11-01T03:00:00Z 'the other target was measured too'
check 'the store verifies with what probes leave' hikae verify
check 'collection' hikae gc
check 'leaves what was put there lately' test -e "$WORK/a/hikae1/probe/rights"
touch -d '25 hours ago' "$WORK/a/hikae1/probe/rights"
check 'a dry run' hikae gc --dry-run
check 'changes nothing' test -e "$WORK/a/hikae1/probe/rights"
check 'collection again' hikae gc
if [ -e "$WORK/a/hikae1/probe/rights" ]; then not_ok 'takes what is older'; else ok 'takes what is older'; fi
check 'and only that' test -e "$WORK/b/hikae1/probe/rights"
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

# ---- set ----
sed -i 's/^targets:/# of us all\ntargets: # the copies/' "$WORK/h/hikae.yaml"
check 'set, dry' hikae target set b site=kobe --dry-run
check 'changes nothing' grep -q 'site=osaka' "$WORK/h/hikae.yaml"
check 'set' hikae target set b site=kobe connections=4
json target list; is targets.1.site kobe 'what the URL said gives way'
check 'set again' hikae target set b site=nara
json target list; is targets.1.site nara 'and what was set before'
check 'comments stay' grep -q '^targets: # the copies' "$WORK/h/hikae.yaml"
check 'a setting is taken out' hikae target set b connections=
if grep -q '^    connections' "$WORK/h/hikae.yaml"; then not_ok 'for good'; else ok 'for good'; fi
cp "$WORK/h/hikae.yaml" "$WORK/saved"
expect 2 'an unknown key' hikae target set b nothing=1
expect 2 'a value that is none' hikae target set b connections=many
expect 2 'a country that is none' hikae target set b country=Japan
expect 2 'no form' hikae target set b country
expect 2 'a folder has no lock' hikae target set b lock=compliance:3
expect 8 'another store is there' hikae target set b "url=file://$WORK/other"
expect 6 'nothing is there' hikae target set b "url=file://$WORK/nowhere"
expect 4 'no such target' hikae target set nothing site=x
expect 8 'a name stays' hikae target set b name=c
check 'none of these changed the file' cmp "$WORK/saved" "$WORK/h/hikae.yaml"

# ---- one place is one copy, whatever it is called ----
ln -s "$WORK/a" "$WORK/link"
expect 8 'a link to a folder that is in use' hikae target add "again=file://$WORK/link?country=JP"
says 'in use as a' 'is told to be in use'
check 'and not added' cmp "$WORK/saved" "$WORK/h/hikae.yaml"
expect 8 'a target does not move to the place of another' hikae target set b "url=file://$WORK/link?country=JP"
says 'which counts once' 'which is said'
sed -i "s|file://$WORK/b?|file://$WORK/link?|" "$WORK/h/hikae.yaml"
hikae target list >"$WORK/out" 2>"$WORK/err"
says 'b and a are one place' 'written by hand, it counts once'
cp "$WORK/saved" "$WORK/h/hikae.yaml"
expect 2 'a new store on one place twice' "$HIKAE" init --dir "$WORK/twice" --target "x=file://$WORK/new" --target "y=file://$WORK/./new"
says 'are one place' 'is none'

# ---- where data may lie ----
cat >"$WORK/japan.yaml" <<'YAML'
schema: 1
name: japan
title: {ja: 国内, en: In Japan}
zone: Asia/Tokyo
calendar: japan
promises:
  - {id: in-japan, status: internal, ja: 国内に置く。, en: Data stays in Japan.}
  - {id: kept, status: internal, ja: すべて残す。, en: All is kept.}
schedule:
  keeps: [kept]
  every: daily
  tenants: [customer]
  window: 02:00-05:00
sources: {kinds: [dir], method: any}
generations:
  keeps: [kept]
  keep: all
targets:
  keeps: [in-japan]
  countries: [JP]
  min_copies: 1
  sites: 1
YAML
export AWS_ACCESS_KEY_ID=x AWS_SECRET_ACCESS_KEY=y AWS_EC2_METADATA_DISABLED=true
# place CODE NAME PARAMETERS: whether a target with these parameters is one for the policy.
place() {
    cp "$WORK/saved" "$WORK/h/hikae.yaml"
    sed -i "s|url: .*/b?.*|url: \"s3://bucket/p?$3\"|" "$WORK/h/hikae.yaml"
    expect "$1" "$2" hikae policy check "$WORK/japan.yaml"
}
place 1 'AWS Tokyo is in Japan' 'provider=aws\&region=ap-northeast-1'
place 1 'AWS Osaka is in Japan' 'provider=aws\&region=ap-northeast-3'
place 1 'Wasabi Osaka is in Japan' 'provider=wasabi\&region=ap-northeast-2'
place 8 'AWS Seoul, of the same name, is not' 'provider=aws\&region=ap-northeast-2'
says 'KR' 'and is told by its country'
place 2 'whatever the operator declares' 'provider=aws\&region=ap-northeast-2\&country=JP'
place 8 'a place that nobody declares is none' 'endpoint=https://store.example'
place 1 'one that the operator attests is' 'endpoint=https://store.example\&country=JP'
cp "$WORK/saved" "$WORK/h/hikae.yaml"
check 'apply' hikae policy apply "$WORK/japan.yaml"
check 'a tenant under it' hikae tenant set acme --policy japan
expect 8 'a target elsewhere is not added' hikae target add "c=file://$WORK/c?country=KR"
says 'target-residency' 'by this rule'
if [ -e "$WORK/c" ]; then not_ok 'and nothing is put there'; else ok 'and nothing is put there'; fi
expect 8 'a target does not move away' hikae target set b country=KR
sed -i 's|/b?country=JP|/b?country=KR|' "$WORK/h/hikae.yaml"
expect 8 'nothing is backed up to a target that was moved by hand' hikae backup acme
cp "$WORK/saved" "$WORK/h/hikae.yaml"

# ---- more countries than before ----
sed 's/countries: .JP./countries: [JP, SG]/' "$WORK/japan.yaml" >"$WORK/wider.yaml"
expect 8 'more countries need a notice' hikae policy apply "$WORK/wider.yaml" --approve-as sato --why test
says 'notice' 'which is told'
expect 8 'that is of an earlier day' hikae policy apply "$WORK/wider.yaml" --approve-as sato --why test --notice N-1 --notice-date 2027-01-01
check 'and is recorded' hikae policy apply "$WORK/wider.yaml" --approve-as sato --why test --notice N-1 --notice-date 2026-10-01
check 'fewer need none' hikae policy apply "$WORK/japan.yaml"

# ---- retire ----
check 'add a third' hikae target add "c=file://$WORK/c?country=JP&site=c"
HIKAE_NOW=2026-11-01T04:00:00Z check 'fill it' hikae replicate --to c
echo more >>"$WORK/src/file"; HIKAE_NOW=2026-11-01T05:00:00Z hikae backup acme >/dev/null
sed -i 's/^min_copies: .*/min_copies: 2/' "$WORK/h/hikae.yaml"
rm -f "$WORK"/a/hikae1/t/*/h/*; ls "$WORK"/a/hikae1/t/*/h >/dev/null
expect 8 'too few copies would be left' hikae target retire b
says 'would be whole on 1 other' 'and it says of what'
hikae replicate >/dev/null 2>&1
cp "$WORK/h/hikae.yaml" "$WORK/saved"
check 'dry run' hikae target retire b --dry-run
check 'which changes nothing' cmp "$WORK/saved" "$WORK/h/hikae.yaml"
json target retire b; is name b 'retired'
is objects_removed 0 'nothing was removed'
if [ "$(field objects_left)" -gt 5 ]; then ok 'what is left is counted'; else not_ok 'what is left is counted'; fi
check 'it is a comment now' grep -q '^ *# .*name: "b"' "$WORK/h/hikae.yaml"
check 'backups go on' hikae backup acme
json target list; is targets.1.name c 'without it'
expect 8 'one more would be too few' hikae target retire c
expect 4 'no such target' hikae target retire b

# ---- retire --erase ----
expect 8 'nothing is erased while too few copies would be left' hikae target retire c --erase
check 'all of it is still there' hikae verify --target c
check 'add a fourth' hikae target add "d=file://$WORK/d?country=JP&site=d"
hikae replicate >/dev/null 2>&1
mkdir "$WORK/c/other"; echo mine >"$WORK/c/other/file"
check 'dry run of an erasure' hikae target retire c --erase --dry-run
check 'removes nothing' hikae verify --target c
json target retire c --erase; is objects_left 0 'nothing is left'
if [ "$(field objects_removed)" -gt 5 ] && [ "$(field objects_locked)" = 0 ]; then ok 'and it says how much went'; else not_ok 'and it says how much went'; fi
if [ -n "$(find "$WORK/c/hikae1" -type f 2>/dev/null)" ]; then not_ok 'no file is left'; else ok 'no file is left'; fi
check 'what is not of the store stays' test -e "$WORK/c/other/file"
if grep -q '^ *- .*name: c' "$WORK/h/hikae.yaml"; then not_ok 'it is out of the configuration'; else ok 'it is out of the configuration'; fi
check 'the others are whole' hikae verify --level data
check 'and take the next night' hikae backup acme
finish
