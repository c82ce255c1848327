#!/bin/bash
# Signature V2 through libs3, on Ceph (TLS) and Swift: the conformance suite, a backup that a client of others checks, and
# what the store does wrong on the way.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
BUILD=${BUILD:-build}
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
s3() { tests/servers/s3.py "$@"; }
# conform NAME KEY SECRET QUERY [WORD]…: hands on the suite's own lines.
conform() {
    local name=$1 key=$2 secret=$3 query=$4
    shift 4
    AWS_ACCESS_KEY_ID=$key AWS_SECRET_ACCESS_KEY=$secret CMOCKA_MESSAGE_OUTPUT=TAP \
        "$BUILD/tests/s3_conformance" "$name" "v2-$name" "$query&signature=v2" "$@" >"$WORK/$name.tap" 2>&1
}
hand_on() {
    if [ "$2" -eq 0 ]; then sed -n "s/^ok [0-9]* - /ok $1: /p" "$WORK/$1.tap"; else not_ok "the suite on $1"; cat "$WORK/$1.tap"; fi
}

server swift
server ceph
conform swift "$SWIFT_ACCESS" "$SWIFT_SECRET" "endpoint=$SWIFT_HTTP&provider=swift" & swift=$!
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
s3 "$CEPH_HTTP" make v2-versions versions
s3 "$CEPH_HTTP" make v2-ceph
s3 "$CEPH_HTTP" start-upload v2-ceph left/hikae1/t/cut-off >/dev/null
conform versions "$CEPH_ACCESS" "$CEPH_SECRET" "endpoint=$CEPH_HTTP&provider=ceph" versions & versions=$!
UNFINISHED=left conform ceph "$CEPH_ACCESS" "$CEPH_SECRET" "endpoint=$CEPH_HTTPS&provider=ceph&insecure=true&ca_file=$CEPH_CA"
hand_on ceph $?
wait $versions
hand_on versions $?
wait $swift
hand_on swift $?

# ---- What is refused ----

init() { rm -rf "$WORK/n"; "$HIKAE" init --dir "$WORK/n" --target "v2=s3://refused/x?signature=v2&$1"; }
expect 2 "TLS that libs3 does not check counts as none" init "endpoint=$CEPH_HTTPS"
says "does not check the certificate" "and the message says why"
expect 2 "no lock" init "endpoint=$CEPH_HTTP&lock=compliance:1"
says "cannot lock objects" "and the message says why"
expect 2 "AWS takes no Signature V2" init "region=ap-northeast-1"
says "AWS refuses Signature V2" "and the message says why"
expect 2 "a signature that is none" init "signature=v3&endpoint=$CEPH_HTTP"
(
    eval "$(s3 "$CEPH_HTTP" token - 900 | sed 's/^/export /')"
    expect 2 "no session token" init "endpoint=$CEPH_HTTP"
    says "session token" "and the message says why"
    exit $FAILED
) || FAILED=1

# ---- A backup through a server that makes mistakes ----

proxy FAULTY "$CEPH_HTTP"
rules() { ask -d "$1" "$FAULTY_CONTROL/rules" && ask -d '' "$FAULTY_CONTROL/clear"; }
count() { ask "$FAULTY_CONTROL/count?$1"; }
mkdir "$WORK/src"
for i in 1 2 3; do head -c 400000 /dev/urandom >"$WORK/src/$i"; done
check "init makes the bucket" "$HIKAE" init --dir "$WORK/h" --target "v2=s3://kept/deep?signature=v2&endpoint=$FAULTY"
check "tenant add" hikae tenant add t --source "data=dir:$WORK/src"
check "backup" hikae backup t
/usr/bin/python3 - "$CEPH_HTTP" <<'PYTHON' >"$WORK/hashes" 2>&1
import hashlib, sys, boto3
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
named = 0
for found in s3.list_objects_v2(Bucket="kept", Prefix="deep/hikae1/")["Contents"]:
    name = found["Key"][-64:]
    if len(name) == 64 and set(name) <= set("0123456789abcdef"):
        body = s3.get_object(Bucket="kept", Key=found["Key"])["Body"].read()
        assert hashlib.sha256(body).hexdigest() == name, found["Key"]
        named += 1
assert named >= 4, named
print("sound", named)
PYTHON
check "boto3 reads bytes that hash to their names" grep -q '^sound' "$WORK/hashes"

echo more >"$WORK/src/4"
rules '[{"method": "PUT", "status": 503, "count": 2}, {"method": "PUT", "reset": true, "after": true, "count": 1},
    {"method": "GET", "path": "prefix=", "cut": 200, "count": 1}]'
check "throttling, a lost answer and a listing that breaks off: done all the same" hikae backup t
check "each was met" same "$(count 'method=PUT&status=503') $(count 'method=PUT&status=None')" "2 1"
rules '[{"method": "GET", "path": "prefix=", "cut": 200}]'
echo yet more >"$WORK/src/5"
expect 6 "a listing that always breaks off is a failure, never a shorter listing" hikae backup t
rules '[]'
check "restore" hikae restore t --to "$WORK/back"
rm "$WORK/src/5"
check "what comes back is what went" diff -r "$WORK/src" "$WORK/back/data"
check "verify" hikae verify t
finish
