#!/bin/bash
# The audit log through the command line: what is recorded, what a stranger can check, what tampering looks like.
. "$(dirname "$0")/lib.sh"
readrepo() { /usr/bin/python3 "$ROOT/tools/readrepo.py" "$@"; }
json() { hikae --json "$@" >"$WORK/json" 2>"$WORK/err"; }
audit_files() { find "$WORK/$1/hikae1/a" -type f | sort; }
key=$WORK/h/keys/epoch-1.key

mkdir "$WORK/src"
echo one >"$WORK/src/secret-name.txt"
check init "$HIKAE" init --dir "$WORK/h" --target "one=file://$WORK/one" --target "two=file://$WORK/two"
check 'tenant add' hikae tenant add acme-corp --source "data=dir:$WORK/src"
check backup hikae backup acme-corp
[ ! -e "$WORK/one/hikae1/a" ] && ok 'a backup stores no segment of its own' || not_ok 'a backup stores no segment of its own'
check 'restore is stored at once' hikae restore acme-corp --to "$WORK/restored" --reason 'a customer asked' --ticket T-1
[ "$(audit_files one | wc -l)" = 2 ] && ok 'one segment and one checkpoint for all that waited' || not_ok 'one segment and one checkpoint for all that waited'
check 'both targets hold the same' diff <(cd "$WORK/one" && find hikae1/a | sort) <(cd "$WORK/two" && find hikae1/a | sort)

json audit list
[ "$(/usr/bin/python3 -c 'import json,sys; print(*[e["operation"] for e in json.load(open(sys.argv[1]))["entries"]], sep=",")' "$WORK/json")" = 'init,tenant add,backup,restore' ] &&
    ok 'every operation is there, in order' || not_ok 'every operation is there, in order'
[ "$(field entries.3.details.ticket)" = T-1 ] && ok 'reason and ticket are recorded' || not_ok 'reason and ticket are recorded'
[ "$(field entries.3.tenant_name)" = acme-corp ] && ok 'the tenant is shown by name' || not_ok 'the tenant is shown by name'
readrepo --key-file "$key" "$WORK/one" audit >"$WORK/out.txt" && ok 'the independent reader verifies it' || not_ok 'the independent reader verifies it'
hikae audit prove 3 2>/dev/null | sed -n 's/^echo \([^ ]*\) | base64 -d >"$t\/leaf"/\1/p' | base64 -d >"$WORK/leaf"
grep -qaF '"op":"restore"' "$WORK/leaf" && ! grep -qaE 'acme-corp|secret-name' "$WORK/leaf" && ok 'an entry names neither tenant nor file' || not_ok 'an entry names neither tenant nor file'

# ---- What a stranger checks ----
expect 0 'audit verify' hikae audit verify --save "$WORK/earlier"
json audit verify
[ "$(field ok)" = True ] && [ "$(field size)" = 4 ] && [ "$(field root)" != None ] && ok 'size, root, ok' || not_ok 'size, root, ok'
check 'the commands of a proof' bash -c "'$HIKAE' --config '$WORK/h/hikae.yaml' audit prove 2 -o '$WORK/proof' 2>/dev/null | sh"
check 'the reader checks the proof, without a key' readrepo proof "$WORK/proof" "$WORK/two"
sed 's/"backup"/"export"/' "$WORK/proof" >"$WORK/forged"
/usr/bin/python3 - "$WORK/proof" "$WORK/forged" <<'P'
import base64, json, sys
proof = json.load(open(sys.argv[1]))
leaf = bytearray(base64.b64decode(proof["leaf"])); leaf[40] ^= 1
proof["leaf"] = base64.b64encode(leaf).decode()
json.dump(proof, open(sys.argv[2], "w"))
P
expect 5 'a forged proof is refused' readrepo proof "$WORK/forged"
expect 4 'no such entry' hikae audit prove 999
expect 2 'no number' hikae audit prove one
check 'the reader verifies trees without any key' readrepo "$WORK/one" audit "$WORK/earlier"
check 'a snapshot later' hikae export acme-corp -o "$WORK/a.tar"
expect 0 'the log continues the earlier checkpoint' hikae audit verify "$WORK/earlier"
check 'the reader says so too' readrepo "$WORK/two" audit "$WORK/earlier"
sed '2s/.*/3/' "$WORK/earlier" >"$WORK/bad"
expect 5 'a forged checkpoint is refused' hikae audit verify "$WORK/bad"
expect 4 'no such checkpoint file' hikae audit verify "$WORK/nowhere"

# ---- Lists, exports, reviews ----
check 'export with receipt' hikae audit export --tenant acme-corp --period 2020/2099 --tz JST -o "$WORK/e.csv" --to Acme --receipt "$WORK/receipt"
grep -q '+09:00' "$WORK/e.csv" && ! grep -q ',init,' "$WORK/e.csv" && ok 'the tenant only, in JST' || not_ok 'the tenant only, in JST'
grep -q "sha256 $(sha256sum <"$WORK/e.csv" | cut -c1-64)" "$WORK/receipt" && ok 'the receipt has the hash' || not_ok 'the receipt has the hash'
expect 8 'an export replaces nothing' hikae audit export -o "$WORK/e.csv"
check 'JSONL' bash -c "'$HIKAE' --config '$WORK/h/hikae.yaml' audit export --format jsonl 2>/dev/null | /usr/bin/python3 -c 'import json,sys; assert all(json.loads(l)[\"seq\"]>=0 for l in sys.stdin)'"
check 'table' hikae audit export --format table
expect 2 'no such period' hikae audit list --period 2026-13
expect 2 'no such zone' hikae audit list --tz Nowhere/Land
expect 4 'no such tenant' hikae audit list --tenant nobody
json audit list --period 1999
[ "$(field entries)" = '[]' ] && ok 'a period without entries' || not_ok 'a period without entries'
json audit list --class access --privileged
[ "$(field entries.0.operation)" = restore ] && ok 'class and privilege' || not_ok 'class and privilege'
expect 2 'a review names its reviewer' hikae audit review --period 2026
check 'review' hikae audit review --reviewer 'Hanako Sato' -o "$WORK/review"
check 'the receipt is genuine, and the log continues it' hikae audit verify "$WORK/receipt"
check 'so is the review' hikae audit verify "$WORK/review"
sed 's/^given-to Acme/given-to Evil/' "$WORK/receipt" >"$WORK/bad"
expect 5 'a receipt that was changed is refused' hikae audit verify "$WORK/bad"
says 'signature of the note is wrong' 'and it is said why'
expect 2 'an operation that there is not' hikae audit list --operation restored
check 'durations have as many digits as they need' bash -c "'$HIKAE' --config '$WORK/h/hikae.yaml' audit export --format jsonl 2>/dev/null | grep -q '\"duration_s\":[0-9]*\.[0-9]\{1,3\},' && ! '$HIKAE' --config '$WORK/h/hikae.yaml' audit export --format jsonl 2>/dev/null | grep -q '\"duration_s\":[0-9]*\.[0-9]\{4,\}'"
check 'counts are for people' bash -c "'$HIKAE' --config '$WORK/h/hikae.yaml' audit list --operation backup | grep -q 'entries [0-9]*, bytes [0-9]'"
grep -q 'reviewer Hanako Sato' "$WORK/review" && ok 'the review is signed' || not_ok 'the review is signed'

# ---- Crashes ----
touch "$WORK/shut"
check 'a slow tenant' hikae tenant add slow --source "x=cmd:while [ -e $WORK/shut ]; do sleep 0.1; done"
"$HIKAE" --config "$WORK/h/hikae.yaml" backup slow >/dev/null 2>&1 &
pid=$!
is_open() { [ -n "$(ls -A "$WORK/h/state/audit/open")" ]; }
wait_for is_open
json audit verify
[ "$(field open | grep -c 'under way')" = 1 ] && ok 'an operation under way is told' || not_ok 'an operation under way is told'
kill -9 $pid; wait $pid 2>/dev/null
rm "$WORK/shut"
json audit verify
[ "$(field open | grep -c 'process is gone')" = 1 ] && ok 'so is one whose process is gone' || not_ok 'so is one whose process is gone'
json audit list --operation backup --tenant slow
[ "$(field entries.0.result)" = interrupted ] && [ "$(field entries.0.details.crashed)" = True ] && ok 'a killed operation is recorded as interrupted' || not_ok 'a killed operation is recorded as interrupted'

# ---- A target down, and caught up ----
mv "$WORK/two" "$WORK/two.away"
expect 0 'restore while a target is down' hikae restore acme-corp --to "$WORK/restored2"
mv "$WORK/two.away" "$WORK/two"
expect 1 'a target that is behind is told' hikae audit verify
says behind 'as behind'
check 'the next upload brings it up to date' hikae audit list
expect 0 'then all is well' hikae audit verify

# ---- Tampering ----
cp -a "$WORK/one" "$WORK/one.good"; cp -a "$WORK/two" "$WORK/two.good"
back() { rm -rf "$WORK/one" "$WORK/two"; cp -a "$WORK/one.good" "$WORK/one"; cp -a "$WORK/two.good" "$WORK/two"; }
segment() { ls -d "$WORK/$1"/hikae1/a/*/000000000000-*; }
printf xxxxxxxx | dd of="$(segment one)" bs=1 seek=300 conv=notrunc 2>/dev/null # eight bytes: one may be x already
expect 5 'a changed segment' hikae audit verify
says changed 'is found'
expect 5 'verification finds it too' hikae verify --level objects
expect 1 'and mends it from the other target' hikae verify --level objects --repair
expect 0 'the log is what it was' hikae audit verify
back; rm "$(segment one)"
expect 5 'a segment removed from one target' hikae audit verify
says removed 'is found'
back; rm "$(segment one)" "$(segment two)"
expect 5 'a segment removed everywhere' hikae audit verify
back
for t in one two; do
    d=$(echo "$WORK/$t"/hikae1/a/*)
    rm "$(ls -d "$d"/0* | tail -1)" "$(ls -d "$d"/c/* | tail -1)"
done
expect 5 'a truncated log' hikae audit verify
says truncated 'is found'
back; rm -rf "$WORK/one/hikae1/a" "$WORK/two/hikae1/a"
expect 5 'a log that is gone' hikae audit verify
back
expect 0 'what is put back is sound' hikae audit verify

# ---- A state folder from yesterday ----
cp -a "$WORK/h/state" "$WORK/state.old"
check 'an operation that the copy does not know' hikae restore acme-corp --to "$WORK/restored3"
rm -rf "$WORK/h/state"; mv "$WORK/state.old" "$WORK/h/state"
hikae restore acme-corp --to "$WORK/restored4" >"$WORK/out" 2>"$WORK/err"
says 'restored or copied' 'an old state folder is noticed before it writes'
expect 0 'the old log stays whole, another goes on' hikae audit verify
json audit list --operation 'audit fork'
[ "$(field entries.0.details.previous_log)" != None ] && ok 'the new log says why it began' || not_ok 'the new log says why it began'
check 'the reader verifies both' readrepo --key-file "$key" "$WORK/two" audit
# ---- Expiry: a store whose clock the test sets ----
export HIKAE_NOW=2026-01-10T00:00:00Z
old() { "$HIKAE" --config "$WORK/old/hikae.yaml" "$@"; }
check 'a store with a test clock' "$HIKAE" init --test-clock --dir "$WORK/old" --target "one=file://$WORK/three"
for t in held gone; do old tenant add $t --source "data=dir:$WORK/src"; old backup $t; old restore $t --to "$WORK/old-$t"; old replicate $t; done >/dev/null 2>&1
old hold add held --who counsel --why 'case 7' >/dev/null 2>&1
old audit verify --save "$WORK/old-earlier" >/dev/null 2>&1
before=$(sed -n 3p "$WORK/old-earlier")
export HIKAE_NOW=2028-03-01T00:00:00Z
expect 8 'evidence stays three years' old audit expire --keep evidence=2y
expect 2 'a class that there is not' old audit expire --keep gossip=1y
old --json audit expire --keep access=1y --keep operation=2y --dry-run >"$WORK/json" 2>"$WORK/err"
plan=$(field expired)
old --json audit expire --keep access=1y --keep operation=2y >"$WORK/json" 2>"$WORK/err"
[ "$(field expired)" = "$plan" ] && [ "$plan" -ge 2 ] && [ "$(field held)" -ge 2 ] && ok "$plan entries expire, those of a hold stay" || { not_ok 'entries expire, those of a hold stay'; cat "$WORK/json" "$WORK/err"; }
superseded=$(field superseded.0)
old --json audit list --class access >"$WORK/json" 2>"$WORK/err"
[ "$(/usr/bin/python3 -c 'import json,sys; print(*{e["tenant_name"] for e in json.load(open(sys.argv[1]))["entries"]})' "$WORK/json")" = held ] && ok 'only the held tenant was accessed, it seems' || not_ok 'only the held tenant was accessed, it seems'
expect 0 'the log verifies as before' old audit verify "$WORK/old-earlier"
old --json audit verify >"$WORK/json" 2>"$WORK/err"
[ "$(field superseded.0)" = "$superseded" ] && [ "$(field logs.0.expired)" = "$plan" ] && ok 'superseded objects are listed' || not_ok 'superseded objects are listed'
old --json gc held >"$WORK/json" 2>"$WORK/err"
[ $? = 8 ] && [ -e "$WORK/three/$superseded" ] && ok 'collection of one tenant, which is held, is refused' || not_ok 'collection of one tenant, which is held, is refused'
old --json gc >"$WORK/json" 2>"$WORK/err"
[ $? = 0 ] && [ "$(field held.0.tenant)" = held ] && [ "$(field held.0.state)" = held ] && ok 'among all it waits' || not_ok 'among all it waits'
[ ! -e "$WORK/three/$superseded" ] && grep -q superseded "$WORK/json" && ok 'the collector takes away what is superseded' || not_ok 'the collector takes away what is superseded'
old --json gc >"$WORK/json" 2>"$WORK/err"
grep -q superseded "$WORK/json" && not_ok 'and nothing more' || ok 'and nothing more'
expect 0 'and without the superseded objects' old audit verify "$WORK/old-earlier"
check 'the reader verifies what is left' readrepo --key-file "$WORK/old/keys/epoch-1.key" "$WORK/three" audit "$WORK/old-earlier"
old --json audit expire --keep access=1y --keep operation=2y >"$WORK/json" 2>"$WORK/err"
[ "$(field expired)" = 0 ] && ok 'a second time nothing expires' || not_ok 'a second time nothing expires'
check 'an expired entry is still proved by its hash' bash -c "'$HIKAE' --config '$WORK/old/hikae.yaml' audit prove 2 2>/dev/null | sh"
unset HIKAE_NOW
finish
