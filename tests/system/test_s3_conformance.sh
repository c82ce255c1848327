#!/bin/bash
# The driver for S3 on two real stores that differ, over HTTP and TLS: what every driver must do, and what only object
# stores have.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT

CONFORMANCE=${CONFORMANCE:-${HIKAE%/hikae}/tests/s3_conformance}
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_CA_BUNDLE CMOCKA_MESSAGE_OUTPUT=TAP
export AWS_EC2_METADATA_DISABLED=true
as() { AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2; unset AWS_SESSION_TOKEN; }
s3() { tests/servers/s3.py "$@"; }
# conforms NAME BUCKET QUERY [WORD]…: the suite's own lines, each with the name of the store before it.
conforms() {
    "$CONFORMANCE" "$@" >"$WORK/conformance-$1" 2>&1
    grep -E '^(ok|not ok) [0-9]' "$WORK/conformance-$1" | sed -E "s/^((not )?ok) [0-9]+ - /\1 $1: /"
    grep -q '^# ok - ' "$WORK/conformance-$1" || { not_ok "$1 conforms"; grep -v '^ok' "$WORK/conformance-$1" | head -n 30; }
}

server ceph
server swift

# ---- Every driver's checks, on both stores, over HTTP and TLS ----

as "$CEPH_ACCESS" "$CEPH_SECRET"; AWS_CA_BUNDLE=$CEPH_CA
s3 "$CEPH_HTTP" make lockable lock
s3 "$CEPH_HTTP" make plain
s3 "$CEPH_HTTP" start-upload plain left/hikae1/t/cut-off >/dev/null
(export UNFINISHED=left; conforms ceph plain "endpoint=$CEPH_HTTP&provider=ceph" once; exit $FAILED) & one=$!
(conforms ceph-tls lockable "endpoint=$CEPH_HTTPS&provider=ceph&ca_file=$CEPH_CA" locks versions; exit $FAILED) & two=$!
(conforms ceph-locked lockable "endpoint=$CEPH_HTTPS&provider=ceph&ca_file=$CEPH_CA&lock=governance:1" locks versions locked
    exit $FAILED) & three=$!
as "$SWIFT_ACCESS" "$SWIFT_SECRET"
s3 "$SWIFT_HTTP" make plain
s3 "$SWIFT_HTTP" start-upload plain left/hikae1/t/cut-off >/dev/null
(export UNFINISHED=left; conforms swift plain "endpoint=$SWIFT_HTTP&provider=swift"; exit $FAILED) & four=$!
(conforms swift-tls overtls "endpoint=$SWIFT_HTTPS&provider=swift&ca_file=$SWIFT_CA"; exit $FAILED) & five=$!
for pid in $one $two $three $four $five; do wait "$pid" || FAILED=1; done

finish
