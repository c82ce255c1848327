#!/bin/bash
# Who holds the root key: a token (SoftHSM2) and a key service (tests/servers/kms.py) from the first epoch on, their
# ends, what they refuse, and what happens when they do not answer.
# shellcheck disable=SC2317 # functions that check calls by name
. tests/system/lib.sh

keys() { hikae "$@" --json >"$WORK/json"; }
# value EXPRESSION: of the JSON, as Python's v
value() { /usr/bin/python3 -c 'import json,sys; v=json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$WORK/json" "$1"; }
is() { [ "$(value "$1")" = "$2" ] || { echo "$1 is $(value "$1"), not $2"; return 1; }; }
control() { curl -sf -o /dev/null -d "$2" "$KMS/control/$1"; }
calls() { grep -c "^$1 " "$WORK/kms.log"; }
# kms_keys STATE: how many keys of that state the service has
kms_keys() { /usr/bin/python3 -c 'import json,sys
print(sum(k["state"]==sys.argv[2] for k in json.load(open(sys.argv[1]))["keys"].values()))' "$WORK/kms.json" "$1"; }
tokens() { find "$WORK/tokens" -name '*.object' | grep -vc token.object; }

start_kms() {
    rm -f "$WORK/kms.ready"
    /usr/bin/python3 "$ROOT/tests/servers/kms.py" --ready "$WORK/kms.ready" --state "$WORK/kms.json" --log "$WORK/kms.log" \
        --owner $$ --port "${1:-0}" &
    KMS_PID=$!
    wait_for test -s "$WORK/kms.ready" || { not_ok "start the key service"; exit 1; }
    KMS=$(cat "$WORK/kms.ready")
}
stop_kms() { kill "$KMS_PID"; wait "$KMS_PID" 2>/dev/null; }

export SOFTHSM2_CONF=$WORK/softhsm2.conf
mkdir "$WORK/tokens" "$WORK/source"
printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK/tokens" >"$SOFTHSM2_CONF"
softhsm2-util --init-token --free --label hikae --so-pin 0000 --pin 738291 >/dev/null || { not_ok "make a token"; exit 1; }
(umask 077; echo 738291 >"$WORK/pin"; printf 'aws_access_key_id = AKIDTEST\naws_secret_access_key = SecretOfTests\n' >"$WORK/aws")
start_kms
token="pkcs11,module=/usr/lib/softhsm/libsofthsm2.so,token=hikae,pin=file:$WORK/pin"
service="aws-kms,region=ap-northeast-1,endpoint=$KMS,credentials=file:$WORK/aws,waiting_days=7"
head -c 300000 /dev/urandom >"$WORK/source/data"
echo 'some text' >"$WORK/source/text"

# ---- From the first epoch on ----
check "a store begins with a token and a key service" "$HIKAE" init --dir "$WORK/h" --target "one=file://$WORK/one?country=JP" \
    --target "two=file://$WORK/two?country=JP" --min-copies 2 --holder "hsm/token=$token" --holder "cloud/kms=$service"
check "no key file, no sheet" test ! -e "$WORK/h/keys/epoch-1.key" -a ! -e "$WORK/h/recovery-sheet-epoch-1.txt"
check "tenant" hikae tenant add acme --policy plain --source "data=dir:$WORK/source"
check "backup" hikae backup acme
check "keys check proves it through each group" keys keys check
check "both open" is '[h["state"] for h in v["holders"]]' "['opens', 'opens']"
check "the keys are in their devices" is '[(h["presence"], h["extractable"]) for h in v["holders"]]' "[('present', False), ('present', False)]"
check "the key service is in Japan" is '[h["country"] for h in v["holders"] if h["kind"] == "aws-kms"]' "['JP']"
check "keys holder list" hikae keys holder list
says "arn:aws:kms:ap-northeast-1:111122223333:key/" "which key, at the service"
says "token hikae (serial " "which key, on the token"
check "doctor" hikae doctor
calls_before=$(calls Decrypt)
check "a backup asks the service no more than once" sh -c "'$HIKAE' --config '$WORK/h/hikae.yaml' backup acme && test \$((\$(grep -c '^Decrypt ' '$WORK/kms.log') - $calls_before)) -le 1"

# ---- One is enough, none is not ----
mv "$WORK/tokens" "$WORK/away"
mkdir "$WORK/tokens"
check "without the token the service opens" hikae restore acme --to "$WORK/r1"
check "the same data" diff -r "$WORK/source" "$WORK/r1/data"
stop_kms
expect 6 "with neither, nobody knows" hikae status
says "no group of holders opens epoch 1" "and says of each group why"
rmdir "$WORK/tokens" 2>/dev/null || rm -r "$WORK/tokens"
mv "$WORK/away" "$WORK/tokens"
check "without the service the token opens" hikae restore acme --to "$WORK/r2"
expect 6 "keys check does not call a silent service wrong" hikae keys check
says "does not answer" "but unknown"
start_kms "${KMS##*:}"

# ---- A PIN ----
echo 111111 >"$WORK/pin"
check "with a wrong PIN the service opens" hikae snapshots acme
for i in 1 2 3 4; do expect 7 "keys check tells of the wrong PIN, time $i" hikae keys check; done
says "the PIN is wrong" "in words"
echo 738291 >"$WORK/pin"
check "and the token is not locked" hikae keys check
chmod 644 "$WORK/pin"
expect 7 "a PIN that others can read is refused" hikae keys check
says "chmod 600" "with what to do"
chmod 600 "$WORK/pin"
check "the PIN is nowhere but in its file" sh -c "! grep -rlF 738291 '$WORK/h' '$WORK/one' '$WORK/two'"

# ---- Rotation ----
before=$(calls Encrypt)
check "rotate" keys keys rotate --root
check "epoch 2" is 'v["epoch"]' 2
check "one call to encrypt" test $(($(calls Encrypt) - before)) = 1
check "one key on the token" test "$(tokens)" = 1
check "one key at the service, one that is to be deleted" test "$(kms_keys Enabled) $(kms_keys PendingDeletion)" = "1 1"
check "status" keys keys status
check "which tells until when" is '[(o["epoch"], o["kind"], o["fate"], o["final"] is not None) for o in v["old_holders"]]' "[(1, 'aws-kms', 'scheduled', True)]"
check "everything restores" hikae restore acme --to "$WORK/r3"
check "the same data as before" diff -r "$WORK/source" "$WORK/r3/data"

# Somebody cancels the deletion, with a client that shares no code with hikae.
cat >"$WORK/cancel.py" <<'PYTHON'
import json, sys, boto3, botocore.config
client = boto3.client("kms", endpoint_url=sys.argv[1], region_name="ap-northeast-1", aws_access_key_id="AKIDTEST",
                      aws_secret_access_key="SecretOfTests", config=botocore.config.Config(proxies={}))
for name, key in json.load(open(sys.argv[2]))["keys"].items():
    if key["state"] == "PendingDeletion":
        client.cancel_key_deletion(KeyId=name)
PYTHON
check "a cancelled deletion" /usr/bin/python3 "$WORK/cancel.py" "$KMS" "$WORK/kms.json"
check "status again" keys keys status
check "is noticed" is '[(o["epoch"], o["fate"]) for o in v["old_holders"]]' "[(1, 'unknown')]"
control clock '{"days": 8}'

# A rotation that fails half way: the key that was made for it is destroyed, its number never used again.
control fail '{"action": "Decrypt", "status": 500, "code": "KMSInternalException", "times": 40}'
expect 6 "a service that fails in the middle" hikae keys rotate --root
control fail '{"action": "-", "status": 500, "code": "-", "times": 0}'
stop_kms; start_kms "${KMS##*:}"
check "status after it" keys keys status
check "the old epoch is in force" is 'v["epoch"]' 2
check "one key on the token, as before" test "$(tokens)" = 1
check "rotate again" keys keys rotate --root
check "with another number" is 'v["epoch"]' 4
check "status at the end" keys keys status
check "the cancelled key is to be deleted, too" is 'sorted({o["fate"] for o in v["old_holders"]})' "['scheduled']"
control clock '{"days": 8}'
check "when the waiting is over" keys keys status
check "nothing is left of older epochs" is 'v["old_holders"]' '[]'
check "at the service neither" test "$(kms_keys Enabled) $(kms_keys PendingDeletion) $(kms_keys Disabled)" = "1 0 0"

# A key that the service makes while its answer is lost is found by its tag, and used; or, if nobody may look for it,
# destroyed by the next rotation.
control lose '{"action": "CreateKey"}'
check "rotate while the answer to CreateKey is lost" keys keys rotate --root
check "one key is in use, one is to be deleted" test "$(kms_keys Enabled) $(kms_keys PendingDeletion)" = "1 1"
control lose '{"action": "CreateKey"}'
control fail '{"action": "ListKeys", "status": 400, "code": "AccessDeniedException", "times": 2}'
expect 6 "the answer is lost, and the key cannot be looked for" hikae keys rotate --root
check "a key too many" test "$(kms_keys Enabled)" = 2
check "rotate after it" keys keys rotate --root
check "no key too many" test "$(kms_keys Enabled)" = 1
check "one key on the token" test "$(tokens)" = 1
control clock '{"days": 8}'

# ---- Holders come and go, policies have their say ----
(umask 077; echo 'six random words are a passphrase' >"$WORK/words")
check "a passphrase in PBKDF2, in a group of its own" keys keys holder add spare/words "passphrase,path=$WORK/words,kdf=pbkdf2"
check "is a new epoch" is 'v["epoch"]' 8
check "it opens" keys keys check
check "as three groups" is '[h["group"] for h in v["holders"]]' "['hsm', 'cloud', 'spare']"
expect 8 "no two of one name" hikae keys holder add spare/words "passphrase,path=$WORK/words"
expect 2 "no holder without what it needs" hikae keys holder add spare/x pkcs11,token=hikae
expect 4 "none that is not there" hikae keys holder remove spare/other
cat >"$WORK/promise.yaml" <<'YAML'
schema: 1
name: promise
title: {ja: 鍵は鍵管理サービスに, en: Keys in a key service}
zone: Asia/Tokyo
schedule: {every: daily, tenants: [customer]}
generations: {keep: {daily: 3}}
processors: {key_service: [JP]}
encryption: {holder: key-service, key_service_waits: 7d}
YAML
expect 8 "a promise of a key service is refused while groups go without" hikae policy apply "$WORK/promise.yaml"
says "holder-class" "by its rule"
check "remove the passphrase" hikae keys holder remove spare/words
check "remove the token" hikae keys holder remove hsm/token
check "no key on the token" test "$(tokens)" = 0
expect 8 "the last one stays" hikae keys holder remove cloud/kms
check "now the promise can be kept" hikae policy apply "$WORK/promise.yaml"
check "by a tenant" hikae tenant set acme --policy promise
expect 8 "and then a token alone may not come" hikae keys holder add hsm/token "$token"
says "policy promise" "which the message names"
check "nothing changed" keys keys holder list
check "one holder" is '[h["name"] for h in v["holders"]]' "['kms']"
check "in hikae.yaml neither" sh -c "! grep -q 'name: .hsm' '$WORK/h/hikae.yaml'"
check "a sheet may: people keep it" keys keys holder add paper/sheet sheet
sheet=$(value 'v["sheet"]')
check "it is written" test -s "$sheet"
check "and opens" hikae keys sheet --check "$sheet"
check "rotate with the sheet" hikae keys rotate --root
check "status with an old sheet" keys keys status
hikae --lang ja keys status >"$WORK/out" 2>/dev/null
says "暗号学的消去になりません" "what a sheet's end is worth, in Japanese"
says "hikae purge declare で記録" "and what is left to do"
check "which people have to destroy" is '[(o["kind"], o["fate"]) for o in v["old_holders"] if o["kind"] == "sheet"]' "[('sheet', 'people')]"

# ---- What people destroy ----
expect 8 "nobody destroys what is in force" hikae purge declare "$(value 'v["epoch"]')/paper/sheet" --who tanaka --how shredded
says "is in force" "which is said"
expect 8 "nor what is to come" hikae purge declare 999/paper/sheet --who tanaka --how shredded
old=$(value '[o["epoch"] for o in v["old_holders"] if o["kind"] == "sheet"][0]')
expect 4 "nor a holder that never was" hikae purge declare "$old/paper/sheets" --who tanaka --how shredded
expect 2 "nor one without a name" hikae purge declare paper --who tanaka --how shredded
expect 8 "nor one that still lies here" hikae purge declare "$old/paper/sheet" --who tanaka --how "shredded, with its copy"
says "still opens its epoch from here" "which is said, too"
mv "$sheet" "$WORK/shredded"
check "the old sheet was shredded" hikae purge declare "$old/paper/sheet" --who tanaka --how "shredded, with its copy"
check "status without it" keys keys status
check "lists it no more" is '[o["kind"] for o in v["old_holders"] if o["kind"] == "sheet"]' "[]"
cp "$WORK/shredded" "$WORK/h/recovery-sheet-epoch-$old.txt"
expect 1 "an old sheet that lies about" hikae doctor
says "recovery-sheet-epoch-$old.txt is of an epoch that is over" "is to be destroyed, not printed"
rm "$WORK/h/recovery-sheet-epoch-$old.txt"
check "the sheet goes" hikae keys holder remove paper/sheet
says "one group of holders opens this store" "and that one group is left is said"
check "status of what it leaves" keys keys status
check "its end is with people, though no sheet is configured any more" is '[o["fate"] for o in v["old_holders"] if o["kind"] == "sheet"]' "['people']"
check "and no rotation is kept open by it" keys keys rotate --root
check "a sheet again" keys keys holder add paper/sheet sheet

# ---- An empty machine ----
check "recover with the key service" "$HIKAE" recover --dir "$WORK/again" --target "one=file://$WORK/one?country=JP" \
    --target "two=file://$WORK/two?country=JP" --holder "cloud/kms=$service"
check "restore there" "$HIKAE" --config "$WORK/again/hikae.yaml" restore acme --to "$WORK/r4"
check "all of it" diff -r "$WORK/source" "$WORK/r4/data"

# ---- Killed while an epoch is made ----
mv "$WORK/h" "$WORK/h.kms"; mv "$WORK/one" "$WORK/one.kms"; mv "$WORK/two" "$WORK/two.kms"
check "a store with a clock for tests" "$HIKAE" init --dir "$WORK/h" --test-clock --target "one=file://$WORK/one" \
    --holder "hsm/token=$token" --holder "cloud/kms=$service"
enabled=$(kms_keys Enabled)
HIKAE_TEST_STOP=epoch-prepared hikae keys rotate --root >"$WORK/check.out" 2>&1
check "killed before the epoch came into force" test $? = 137
check "two keys on the token, one more at the service" test "$(tokens) $(kms_keys Enabled)" = "2 $((enabled + 1))"
check "rotate after it" keys keys rotate --root
check "with a number of its own" is 'v["epoch"]' 3
check "the keys of the epoch that never was are destroyed" test "$(tokens) $(kms_keys Enabled)" = "1 $enabled"
HIKAE_TEST_STOP=in-force hikae keys rotate --root >"$WORK/check.out" 2>&1
check "killed when the epoch was in force" test $? = 137
check "it opens" keys keys check
check "as epoch 4" is 'v["epoch"]' 4
check "the old keys are still to be destroyed" is 'sorted((o["epoch"], o["kind"], o["fate"]) for o in v["old_holders"] if o["epoch"] == 3)' \
    "[(3, 'aws-kms', 'unknown'), (3, 'pkcs11', 'unknown')]"
check "rotate once more" keys keys rotate --root
check "one key on the token, one at the service" test "$(tokens) $(kms_keys Enabled)" = "1 $enabled"
check "and everything opens" hikae keys check

# ---- What was put back from a backup ----
rm -rf "$WORK/h" "$WORK/one" "$WORK/two"
check "a store of files" "$HIKAE" init --dir "$WORK/h" --target "one=file://$WORK/one" --target "two=file://$WORK/two"
cp -a "$WORK/one" "$WORK/one.old"; cp -a "$WORK/two" "$WORK/two.old"
cp -a "$WORK/h/keys" "$WORK/keys.old"; cp "$WORK/h/hikae.yaml" "$WORK/old.yaml"
check "rotate it" hikae keys rotate --root
cp "$WORK/h/hikae.yaml" "$WORK/new.yaml"
cp "$WORK/old.yaml" "$WORK/h/hikae.yaml"; cp -a "$WORK/keys.old/epoch-1.key" "$WORK/h/keys/"
expect 7 "an old key file" hikae keys status
says "epoch 2" "is of another epoch"
mv "$WORK/one" "$WORK/one.new"; mv "$WORK/one.old" "$WORK/one"
expect 7 "one old target beside it changes nothing" hikae keys status
mv "$WORK/two" "$WORK/two.new"; mv "$WORK/two.old" "$WORK/two"
expect 7 "all of it put back is refused" hikae keys status
says "put back from a backup" "and says so"
expect 7 "for reading, too" hikae status
rm -rf "$WORK/one" "$WORK/two"
mv "$WORK/one.new" "$WORK/one"; mv "$WORK/two.new" "$WORK/two"
cp "$WORK/new.yaml" "$WORK/h/hikae.yaml"
check "the right one opens" hikae keys check
stop_kms
finish
