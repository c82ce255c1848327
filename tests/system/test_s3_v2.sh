#!/bin/bash
# Signature V2 through libs3, on Ceph (TLS) and Swift: the conformance suite, a backup that a client of others checks, and
# what the store does wrong on the way.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
BUILD=${BUILD:-build}
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
s3() { tests/servers/s3.py "$@"; }
ask() { curl -s --noproxy '*' --max-time 10 "$@"; }
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }
# conform NAME KEY SECRET QUERY: hands on the suite's own lines.
conform() {
    AWS_ACCESS_KEY_ID=$2 AWS_SECRET_ACCESS_KEY=$3 CMOCKA_MESSAGE_OUTPUT=TAP \
        "$BUILD/tests/s3_conformance" "$1" "v2-$1" "$4&signature=v2" >"$WORK/$1.tap" 2>&1
}
hand_on() {
    if [ "$2" -eq 0 ]; then sed -n "s/^ok [0-9]* - /ok $1: /p" "$WORK/$1.tap"; else not_ok "the suite on $1"; cat "$WORK/$1.tap"; fi
}

server swift
server ceph
conform swift "$SWIFT_ACCESS" "$SWIFT_SECRET" "endpoint=$SWIFT_HTTP&provider=swift" &
conform ceph "$CEPH_ACCESS" "$CEPH_SECRET" "endpoint=$CEPH_HTTPS&provider=ceph&insecure=true&ca_file=$CEPH_CA"
hand_on ceph $?
wait $!
hand_on swift $?
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET

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
s3 "$CEPH_HTTP" list kept | while read -r _ key; do
    name=${key##*/}; name=${name##*-}
    [ ${#name} -ne 64 ] || [ "$(s3 "$CEPH_HTTP" get kept "$key" | sha256sum | cut -c1-64)" = "$name" ] || echo "$key"
done >"$WORK/wrong"
check "boto3 reads bytes that hash to their names" same "$(cat "$WORK/wrong")" ""

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
