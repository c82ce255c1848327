#!/bin/bash
# Erasure with devices: a token whose key is gone at once, a key service whose key is unusable at once and gone after its
# waiting period. In between somebody can cancel that: it is noticed, and ended again; and it does bring old copies back,
# which is why the certificate does not call it irrevocable before.
# shellcheck disable=SC2317 # functions that check calls by name
. tests/system/lib.sh
. tests/system/purge_lib.sh
unset HIKAE_NOW
export SOFTHSM2_CONF=$WORK/softhsm2.conf
mkdir "$WORK/tokens" && printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK/tokens" >"$SOFTHSM2_CONF"
softhsm2-util --init-token --free --label hikae --so-pin 0000 --pin 738291 >/dev/null || { not_ok "make a token"; exit 1; }
(umask 077; echo 738291 >"$WORK/pin"; printf 'aws_access_key_id = AKIDTEST\naws_secret_access_key = SecretOfTests\n' >"$WORK/aws")
/usr/bin/python3 "$ROOT/tests/servers/kms.py" --ready "$WORK/kms.ready" --state "$WORK/kms.json" --log "$WORK/kms.log" --owner $$ &
wait_for test -s "$WORK/kms.ready"
KMS=$(cat "$WORK/kms.ready") || { not_ok "start the key service"; exit 1; }
control() { curl -sf --noproxy '*' -o /dev/null -d "$2" "$KMS/control/$1"; }
fate() { hikae --json purge status acme 2>/dev/null >"$WORK/json"; /usr/bin/python3 -c 'import json,sys
print(" ".join("%s:%s" % (h["kind"], h["fate"]) for h in json.load(open(sys.argv[1]))["holders"]))' "$WORK/json"; }
cat >"$WORK/cancel.py" <<'PYTHON'
import json, sys, boto3, botocore.config
client = boto3.client("kms", endpoint_url=sys.argv[1], region_name="ap-northeast-1", aws_access_key_id="AKIDTEST",
                      aws_secret_access_key="SecretOfTests", config=botocore.config.Config(proxies={}))
for name, key in json.load(open(sys.argv[2]))["keys"].items():
    if key["state"] == "PendingDeletion":
        client.cancel_key_deletion(KeyId=name)
        client.enable_key(KeyId=name)
PYTHON
check "a store held by a token and a key service" "$HIKAE" init --test-clock --dir "$WORK/h" --target "a=file://$WORK/a" --target "b=file://$WORK/b" --min-copies 2 \
    --holder "hsm/token=pkcs11,module=/usr/lib/softhsm/libsofthsm2.so,token=hikae,pin=file:$WORK/pin" \
    --holder "cloud/kms=aws-kms,region=ap-northeast-1,endpoint=$KMS,credentials=file:$WORK/aws,waiting_days=7"
mkdir -p "$OPERATORS"
for o in sato tanaka; do "$HIKAE" keys operator new --out "$OPERATORS/$o.pem" >"$OPERATORS/$o.pub" 2>/dev/null; hikae keys operator add $o --key "$OPERATORS/$o.pub" >/dev/null 2>&1; done
add_tenant keep; check "tenants" add_tenant acme
check "approved" approve acme
cp -a "$WORK/h" "$WORK/h-old"; cp -a "$WORK/a" "$WORK/a-old"; cp -a "$WORK/b" "$WORK/b-old"
# A service that does not answer: nothing begins.
mv "$WORK/aws" "$WORK/aws-away"
hikae purge run acme >"$WORK/out" 2>"$WORK/err"; code=$?
check "a holder that cannot be reached: nothing is begun" test $code -ge 2 -a "$(stage acme)" = approved
# A timer comes every quarter of an hour: what fails for want of a holder is not tried each time.
tries() { hikae --json run --only "$1" 2>/dev/null | grep -c '"job":"purge"'; }
check "a night tries it" test "$(tries retain,purge)" = 1
check "the next run does not" test "$(tries retain,purge)" = 0
check "who asks for nothing else is heard at once" test "$(tries purge)" = 1
mv "$WORK/aws-away" "$WORK/aws"
check "and the tenant is alive" restores acme
expect 1 "erased; the key service's key ends later" hikae purge run acme
check "the token's key is gone, the service's scheduled" test "$(fate)" = "pkcs11:destroyed aws-kms:scheduled"
check "unreadable, not irrevocable" test "$(field unreadable)" != None -a "$(field irrevocable)" = None
check "a certificate says so" hikae purge certificate acme --operator "$OPERATORS/sato.pem" --out "$WORK/one.json"
"$HIKAE" --json audit verify "$WORK/one.json" --key "$OPERATORS/sato.pub" >"$WORK/json" 2>/dev/null
check "with the date of the end" test "$(field irrevocable)" = None -a "$(field statement.predicate.holders.1.final)" != None
# The old machine, the old targets: unreadable, as long as nobody cancels.
old() { rm -rf "$WORK/old-back"; (mv "$WORK/a" "$WORK/a-new"; mv "$WORK/b" "$WORK/b-new"; cp -a "$WORK/a-old" "$WORK/a"; cp -a "$WORK/b-old" "$WORK/b"
    "$HIKAE" --config "$WORK/h-old/hikae.yaml" restore acme --to "$WORK/old-back" >"$WORK/old.out" 2>&1; code=$?
    rm -rf "$WORK/a" "$WORK/b"; mv "$WORK/a-new" "$WORK/a"; mv "$WORK/b-new" "$WORK/b"; exit $code); }
sed -i "s|$WORK/h/|$WORK/h-old/|g" "$WORK/h-old/hikae.yaml"
expect 7 "the old machine with all old objects: unreadable" old
check "somebody cancels the deletion" /usr/bin/python3 "$WORK/cancel.py" "$KMS" "$WORK/kms.json"
check "which brings the old copies back" old
check "the same data" diff -r "$WORK/src/acme" "$WORK/old-back/data"
expect 5 "and is noticed by the next run" hikae purge run
says "brought back" "in words"
check "which ended it again" test "$(fate)" = "pkcs11:destroyed aws-kms:scheduled"
expect 7 "so that the old copies are unreadable again" old
expect 1 "it waits" hikae purge run
control clock '{"days": 8}'
check "when the waiting period is over" hikae purge run
check "it is irrevocable" test "$(fate)" = "pkcs11:destroyed aws-kms:absent" -a "$(field irrevocable)" != None -a "$(field waiting)" = None
check "a second certificate" hikae purge certificate acme --operator "$OPERATORS/sato.pem" --out "$WORK/two.json"
"$HIKAE" --json audit verify "$WORK/two.json" --key "$OPERATORS/sato.pub" >"$WORK/json" 2>/dev/null
check "claims it" test "$(field irrevocable)" != None
check "the other restores" restores keep
finish
