#!/bin/bash
# A store on S3: what hikae writes, looked at with another client; requests counted; every fault that a line or a store
# can have, made by a proxy; rights; ten thousand objects.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT

export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_CA_BUNDLE
export AWS_EC2_METADATA_DISABLED=true
as() { AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2; unset AWS_SESSION_TOKEN; }
s3() { tests/servers/s3.py "$@"; }
server ceph

# ---- A store on S3: backup, then what lies there in the eyes of another client ----

as "$CEPH_ACCESS" "$CEPH_SECRET"
mkdir "$WORK/src"
for i in 1 2 3; do head -c 300000 /dev/urandom >"$WORK/src/file $i"; done
proxy FAULTY "$CEPH_HTTP"
rules() { ask -d "$1" "$FAULTY_CONTROL/rules" && ask -d '' "$FAULTY_CONTROL/clear"; }
count() { ask "$FAULTY_CONTROL/count?$1"; }
check "init makes the bucket" "$HIKAE" init --dir "$WORK/h" --target "ceph=s3://store/deep/down?endpoint=$FAULTY&provider=ceph"
check "a tenant" hikae tenant add acme --source "data=dir:$WORK/src"
rules '[]'
sleep 2 # what is as young as that is read again the next night
check "the first night" hikae backup acme
check "it is two PUTs" same "$(count method=PUT)" 2
rules '[]'
check "a night without changes" hikae backup acme
check "it is one PUT" same "$(count method=PUT)" 1
check "and few requests in all ($(count ''))" test "$(count '')" -le 10
rules '[]'
echo new >"$WORK/src/new"
check "a small night" hikae backup acme
check "it is two PUTs again" same "$(count method=PUT)" 2
s3 "$CEPH_HTTP" list store deep/down/ >"$WORK/listing"
/usr/bin/python3 - "$CEPH_HTTP" <<'PYTHON' >"$WORK/hashes" 2>&1
import hashlib, sys, boto3
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
named = 0
for page in s3.get_paginator("list_objects_v2").paginate(Bucket="store", Prefix="deep/down/hikae1/"):
    for found in page["Contents"]:
        body = s3.get_object(Bucket="store", Key=found["Key"])["Body"].read()
        name = found["Key"][-64:]
        if len(name) == 64 and set(name) <= set("0123456789abcdef"):
            assert hashlib.sha256(body).hexdigest() == name, found["Key"]
            named += 1
assert named >= 8, named
print("sound", named)
PYTHON
check "boto3 finds each object to be what its name says" grep -q '^sound' "$WORK/hashes"
check "no tenant's name is in a key" test "$(grep -c acme "$WORK/listing")" = 0
restore_is_whole() { rm -rf "$WORK/back"; hikae restore acme --to "$WORK/back" && diff -r "$WORK/src" "$WORK/back/data"; }
check "restore" restore_is_whole
check "recover on an empty machine" "$HIKAE" recover --dir "$WORK/r" --key-file "$WORK/h/keys/epoch-1.key" \
    --target "ceph=s3://store/deep/down?endpoint=$CEPH_HTTP&provider=ceph"
check "restore from what was recovered" "$HIKAE" --config "$WORK/r/hikae.yaml" restore acme --to "$WORK/back2"
check "it is the same" diff -r "$WORK/src" "$WORK/back2/data"

# ---- Faults ----

# night NAME RULES [CODE]: change something, back it up under these faults.
night() {
    head -c 50000 /dev/urandom >"$WORK/src/changing"
    rules "$2"
    expect "${3:-0}" "$1" hikae backup acme
}
for status in 408 429 500 502 503 504; do
    night "one $status for each PUT is tried again" "[{\"method\": \"PUT\", \"status\": $status, \"count\": 1}]"
done
check "a throttled PUT was made again" same "$(count 'method=PUT&status=504') $(count 'method=PUT&status=200')" "1 2"
night "a connection that is reset" '[{"method": "PUT", "reset": true, "count": 2}]'
night "an upload that is cut off" '[{"method": "PUT", "path": "/p/", "cut_request": 20000, "count": 1}]'
night "an answer that is lost is found" '[{"method": "PUT", "reset": true, "after": true, "count": 2}]'
check "by HEAD" test "$(count 'method=HEAD')" -ge 1
night "an answer of 500 after the object was stored" '[{"method": "PUT", "status": 500, "after": true, "count": 1}]'
sed -i '/url: .*deep/a\    timeout_s: 3' "$WORK/h/hikae.yaml"
night "a store that stalls" '[{"method": "PUT", "hold": true, "count": 1}]'
sed -i '/^    timeout_s: 3$/d' "$WORK/h/hikae.yaml"
night "a clock that is ten minutes off" '[{"skew": 600}]'
night "a listing that is cut off" '[{"path": "list-type", "cut": 200, "count": 1}]'
rules '[{"method": "GET", "path": "/p/", "cut": 1000, "count": 2}]'
check "answers that end early are fetched again" restore_is_whole
rules '[{"method": "GET", "status": 503, "every": 3}]'
check "a store that throttles every third request" restore_is_whole
rules '[]'
check "after all that, everything is sound" hikae verify acme --level data

# What cannot be known is unknown (6), what is refused is denied (7): neither is damaged (5).
rules '[{"status": 503}]'
expect 6 "a store that throttles for good" hikae backup acme
says SlowDown "says so"
rules '[{"path": "list-type", "replace": [["<IsTruncated>false", "<IsTruncated>true"]]}]'
expect 6 "a listing that goes on but says not where" hikae backup acme
says "says not where" "is found out"
rules '[{"path": "list-type.*prefix=.*%2Ft%2F", "replace": [["<KeyCount>[0-9]+", "<KeyCount>77"]]}]'
expect 6 "a page that ends early" hikae backup acme
says "another number of names" "is found out, too"
rules '[{"method": "PUT", "status": 403, "code": "ExpiredToken"}]'
expect 8 "a token that has expired while it runs" hikae backup acme
says "403 ExpiredToken" "is named as the reason"
rules '[]'
(as nobody wrong; expect 7 "keys that the store does not know" hikae backup acme; says "403 " "are denied"; exit $FAILED) || FAILED=1
(as "$CEPH_OTHER_ACCESS" "$CEPH_OTHER_SECRET"; expect 7 "a stranger" hikae backup acme; says AccessDenied "is denied"; exit $FAILED) || FAILED=1
(as "$CEPH_ACCESS" not-the-secret-at-all
    expect 7 "a wrong secret" hikae backup acme
    if cat "$WORK/check.out" "$WORK/check.err" | grep -q not-the-secret; then not_ok "the secret is not shown"; else ok "the secret is not shown"; fi
    exit $FAILED) || FAILED=1
sed -e 's|s3://store/|s3://no-such-bucket/|' "$WORK/h/hikae.yaml" >"$WORK/h/missing.yaml"
expect 6 "a bucket that does not exist" "$HIKAE" --config "$WORK/h/missing.yaml" backup acme
says "there is no bucket no-such-bucket" "is said not to exist"
ask -d '' "$FAULTY_CONTROL/down"
expect 6 "a store that is down" hikae backup acme
ask -d '' "$FAULTY_CONTROL/up"
expect 2 "plain HTTP beyond this machine is refused" "$HIKAE" init --dir "$WORK/x" --target 'far=s3://bucket/x?endpoint=http://192.0.2.1'
expect 6 "a certificate that nobody vouches for is refused" "$HIKAE" init --dir "$WORK/x" \
    --target "tls=s3://overtls/x?endpoint=$CEPH_HTTPS&provider=ceph"
check "nothing of all that was taken for damage" hikae verify acme

# ---- Ten thousand objects ----

s3 "$CEPH_HTTP" make many
s3 "$CEPH_HTTP" fill many many/hikae1/t/0123456789abcdef0123456789abcdef/p/ 10000
expect 8 "ten thousand objects are listed" "$HIKAE" init --dir "$WORK/m" --target "many=s3://many/many?endpoint=$CEPH_HTTP&provider=ceph"
says "holds a store already" "and a bucket that holds something is not taken for a new store"

finish
