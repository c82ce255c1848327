#!/bin/bash
# What requests say: buckets as host names, storage classes, encryption by the store, a forward proxy, a region that is
# corrected once; and stores that are full, or have a quota.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
server ceph
server swift
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
proxy LINE "$CEPH_HTTP"
count() { ask -G "$LINE_CONTROL/count" "$@"; }
sent() { # HEADER VALUE: of all PUTs of packs, each had it
    local all with
    all=$(count -d method=PUT --data-urlencode 'path=/p/') with=$(count -d method=PUT --data-urlencode 'path=/p/' -d "header=$1" --data-urlencode "value=$2")
    [ "$all" -ge 1 ] && [ "$all" = "$with" ] || { echo "$with of $all PUTs had $1: $2"; return 1; }
}
s3() { tests/servers/s3.py "$CEPH_HTTP" "$@"; }
mkdir "$WORK/src"
change() { head -c 1500000 /dev/urandom >"$WORK/src/changing"; }
whole() { rm -rf "$WORK/back"; hikae restore t --to "$WORK/back" && diff -r "$WORK/src" "$WORK/back/data"; }
store() { # TARGET [SETTING…]: a store on one target with these settings, and a tenant
    rm -rf "$WORK/h"
    rules '[]'
    "$HIKAE" init --dir "$WORK/h" --target "$1" >/dev/null 2>"$WORK/err" || { local code=$?; cat "$WORK/err"; return $code; }
    shift
    [ $# = 0 ] || hikae target set a "$@" >/dev/null 2>"$WORK/err" || { cat "$WORK/err"; return 1; }
    hikae tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
}
change

# ---- Buckets as host names ----
check "virtual style on Ceph, over TLS" store "a=s3://by-name/x?endpoint=https://s3.localhost:$CEPH_TLS_PORT&style=virtual&provider=ceph&ca_file=$CEPH_CA"
check "a night" hikae backup t
check "it restores" whole
check "boto3 finds it in the bucket of that name" bash -c '[ "$1" -ge 4 ]' - "$(s3 list by-name x/hikae1/ | wc -l)"
expect 2 "plain HTTP to a name that is not this machine's" store "a=s3://by-name/x?endpoint=http://s3.example.org&style=virtual"
(
    AWS_ACCESS_KEY_ID=$SWIFT_ACCESS AWS_SECRET_ACCESS_KEY=$SWIFT_SECRET
    check "virtual style on Swift" store "a=s3://by-name/x?endpoint=http://s3.localhost:${SWIFT_HTTP##*:}&style=virtual&provider=swift&insecure=true"
    check "a night there" hikae backup t
    check "which restores" whole
    exit $FAILED
) || FAILED=1

# ---- Storage classes ----
check "a storage class" store "a=s3://classes/x?endpoint=$LINE&provider=ceph" storage_class=STANDARD
rules '[]'
check "a night with it" hikae backup t
check "the header is sent" sent x-amz-storage-class '^STANDARD$'
check "another class" hikae target set a storage_class=NO_SUCH_CLASS
rules '[{"method": "PUT", "path": "/p/", "status": 400, "code": "InvalidStorageClass"}]'
change
expect 8 "one that the store does not have" hikae backup t
says "400 InvalidStorageClass" "is named as the reason"
check "the header was sent" sent x-amz-storage-class '^NO_SUCH_CLASS$'

# ---- Encryption by the store ----
# (hikae target set would try it out and refuse it: this Ceph does not encrypt.)
check "SSE-S3" store "a=s3://encrypted/x?endpoint=$LINE&provider=ceph"
sed -i '/^    url: "*s3:/a\    sse: s3' "$WORK/h/hikae.yaml"
rules '[{"method": "PUT", "path": "/p/", "status": 501, "code": "NotImplemented"}]'
expect 8 "a store that does not encrypt" hikae backup t
says "NotImplemented" "is not taken for one that does"
check "SSE-S3: the header is sent" sent x-amz-server-side-encryption '^AES256$'
sed -i 's/^    sse: s3/    sse: kms\n    sse_key: key-one/' "$WORK/h/hikae.yaml"
rules '[{"method": "PUT", "path": "/p/", "status": 403, "code": "KMS.DisabledException"}]'
expect 8 "SSE-KMS with a key that may not be used" hikae backup t
says "KMS.DisabledException" "is named as the reason"
check "SSE-KMS: the header is sent" sent x-amz-server-side-encryption '^aws:kms$'
check "and the key" sent x-amz-server-side-encryption-aws-kms-key-id '^key-one$'
check "they are signed" sent authorization 'SignedHeaders=[^,]*x-amz-server-side-encryption;x-amz-server-side-encryption-aws-kms-key-id'

# ---- A forward proxy ----
check "a forward proxy" store "a=s3://by-proxy/x?endpoint=$CEPH_HTTP&provider=ceph&proxy=$LINE"
rules '[]'
check "a night through it" hikae backup t
check "every request is the proxy's" test "$(count --data-urlencode "path=^$CEPH_HTTP/by-proxy")" -ge 5 -a "$(count)" = "$(count --data-urlencode "path=^$CEPH_HTTP/")"
check "and it restores" whole
ask -d '' "$LINE_CONTROL/down"
expect 6 "a proxy that is down" hikae backup t
ask -d '' "$LINE_CONTROL/up"

# ---- The region ----
check "a region" store "a=s3://regions/x?endpoint=$LINE&provider=ceph&region=eu-wrong-1"
rules '[{"status": 400, "code": "AuthorizationHeaderMalformed", "headers": {"x-amz-bucket-region": "eu-right-1"}, "count": 1}]'
check "a wrong one is corrected" hikae backup t
check "once, for all requests" test "$(count -d header=authorization --data-urlencode 'value=/eu-wrong-1/s3/')" -le 2 -a "$(count -d header=authorization --data-urlencode 'value=/eu-right-1/s3/')" -ge 4
rules '[{"status": 301, "code": "PermanentRedirect", "headers": {"x-amz-bucket-region": "eu-right-1"}, "count": 1}]'
check "a redirection, too" hikae backup t
rules '[{"status": 400, "code": "AuthorizationHeaderMalformed", "headers": {"x-amz-bucket-region": "eu-other-1"}}]'
expect 6 "a store that always names another" hikae backup t
check "is not asked for ever ($(count) requests)" test "$(count)" -le 20

# ---- Full ----
rm -rf "$WORK/h"
rules '[]'
check "a folder and a store" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" --target "b=s3://filled/x?endpoint=$LINE&provider=ceph"
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
rules '[{"method": "PUT", "path": "/p/", "status": 507, "code": "XMinioStorageFull"}]'
change
expect 1 "a store that is full makes a warning" hikae backup t
says "507 XMinioStorageFull" "which says so"
check "it is not tried again and again" test "$(count -d status=507)" -le 2
rules '[]'
admin() { radosgw-admin -c "$CEPH_CONF" -n client.rgw --admin-socket= "$@"; }
check "a quota of the store itself" admin quota set --quota-scope=bucket --bucket=filled --max-size=65536
check "in force" admin quota enable --quota-scope=bucket --bucket=filled
change
expect 1 "a night beyond it is a warning" hikae backup t
says "QuotaExceeded" "which names the quota"
check "raised" admin quota disable --quota-scope=bucket --bucket=filled
check "caught up when there is room" hikae replicate t
check "both are whole" hikae verify t --level data

# Swift says it of its quota in other words.
AWS_ACCESS_KEY_ID=$SWIFT_ACCESS AWS_SECRET_ACCESS_KEY=$SWIFT_SECRET
quota() { # HEADER VALUE
    local answer
    answer=$(ask -i -H "X-Auth-User: $SWIFT_ACCESS" -H "X-Auth-Key: $SWIFT_SECRET" "$SWIFT_AUTH" | tr -d '\r')
    ask -f -X POST -H "$(echo "$answer" | grep '^X-Auth-Token: ')" -H "$1: $2" \
        "$(echo "$answer" | sed -n 's/^X-Storage-Url: //p')/with-quota"
}
rm -rf "$WORK/h"
check "a folder and Swift" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a2" --target "b=s3://with-quota/x?endpoint=$SWIFT_HTTP&provider=swift"
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
check "a quota of Swift" quota X-Container-Meta-Quota-Bytes 65536
change
expect 1 "a night beyond it is a warning" hikae backup t
says "EntityTooLarge: Upload exceeds quota" "which has Swift's words"
check "raised" quota X-Remove-Container-Meta-Quota-Bytes x
check "caught up when there is room" hikae replicate t
check "both are whole" hikae verify t --level data
finish
