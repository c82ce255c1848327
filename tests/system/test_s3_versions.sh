#!/bin/bash
# What lies below: a good version under junk or a delete marker restores and is mended, on a locked bucket, too. Two hosts
# that write for one tenant at the same time, with and without conditional writes. Uploads that nobody finished.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
server ceph
server swift
proxy CEPH_LINE "$CEPH_HTTP"
proxy SWIFT_LINE "$SWIFT_HTTP"
as_ceph() { AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET; }
as_swift() { AWS_ACCESS_KEY_ID=$SWIFT_ACCESS AWS_SECRET_ACCESS_KEY=$SWIFT_SECRET; }
mkdir "$WORK/src"
for i in 1 2 3; do head -c 400000 /dev/urandom >"$WORK/src/file$i"; done
head -c 1000 /dev/urandom >"$WORK/junk"

# ---- Below junk and markers ----

s3() { tests/servers/s3.py "$CEPH_HTTP" "$@"; }
whole() { rm -rf "$WORK/back"; hikae restore acme --to "$WORK/back" && diff -r "$WORK/src" "$WORK/back/data"; }
key_of() { s3 list "$1" x/hikae1/t/ | grep -o "x/[^ ]*/$2/.*" | head -n 1; }
as_ceph
s3 make kept-versions versions
s3 make locked-versions lock
for bucket in kept-versions locked-versions; do
    lock=
    [ $bucket = kept-versions ] || lock='&lock=compliance:1'
    rm -rf "$WORK/h"
    check "$bucket: init" "$HIKAE" init --dir "$WORK/h" --target "a=s3://$bucket/x?endpoint=$CEPH_HTTP&provider=ceph$lock"
    check "$bucket: a tenant" hikae tenant add acme --source "data=dir:$WORK/src"
    check "$bucket: a night" hikae backup acme
    pack=$(key_of $bucket p) record=$(key_of $bucket h)
    s3 put $bucket "$pack" "$WORK/junk"
    s3 put $bucket "$record" "$WORK/junk"
    check "$bucket: junk on top: restored" whole
    s3 put $bucket "$pack" "$WORK/junk"
    s3 put $bucket "$record" "$WORK/junk"
    expect 1 "$bucket: junk on top: verify mends" hikae verify acme --level data --repair
    check "$bucket: for good" hikae verify acme --level data
    s3 put-marker $bucket "$pack"
    check "$bucket: a delete marker on a pack: restored" whole
    says "mended from a sound copy" "$bucket: and reported"
    s3 put-marker $bucket "$pack"
    expect 1 "$bucket: a marker on a pack: verify mends in one call" hikae verify acme --level data --repair
    s3 put-marker $bucket "$record"
    expect 1 "$bucket: a marker on a record: verify mends" hikae verify acme --level data --repair
    check "$bucket: that, too" hikae verify acme --level data
    check "$bucket: restored after that" whole
done

# ---- Two hosts, one tenant: with conditional writes (Ceph) and without (Swift) ----

sources_of() { hikae snapshots acme --json | grep -o '"id": *"[0-9a-f]*"' | sort -u | wc -l; }
hosts() { # NAME URL LINE CONTROL
    rm -rf "$WORK/h" "$WORK/h2"
    check "$1: init" "$HIKAE" init --dir "$WORK/h" --target "a=$2"
    check "$1: a tenant" hikae tenant add acme --source "data=dir:$WORK/src"
    check "$1: the first night" hikae backup acme
    cp -a "$WORK/h" "$WORK/h2"
    sed -i "s|$WORK/h/|$WORK/h2/|g" "$WORK/h2/hikae.yaml"
    local before
    before=$(sources_of)
    head -c 300000 /dev/urandom >"$WORK/src/changing"
    # The second host's record is held on its way while the first one's whole night passes.
    sed -i "s|endpoint=[^&]*|endpoint=$3|" "$WORK/h2/hikae.yaml"
    ask -d '[{"method": "PUT", "path": "/h/", "hold": true}]' "$4/rules"
    ask -d '' "$4/clear"
    "$HIKAE" --config "$WORK/h2/hikae.yaml" backup acme >"$WORK/two.out" 2>&1 & local two=$!
    commits() { [ "$(ask -G "$1/count" -d method=PUT --data-urlencode path=/h/)" != 0 ]; }
    check "$1: the second host is about to commit" wait_for commits "$4"
    hikae backup acme >"$WORK/one.out" 2>&1; local one=$?
    ask -d '[]' "$4/rules"
    wait $two; two=$?
    check "$1: both hosts commit at the same time" test "$one$two" = 00
    check "$1: both commits are kept" test "$(($(sources_of) - before))" = 2
    hikae snapshots acme >"$WORK/out" 2>"$WORK/err"
    says heads "$1: the fork is reported"
    hikae backup acme >/dev/null 2>&1
    hikae snapshots acme >"$WORK/out" 2>"$WORK/err"
    check "$1: the next record joins what forked" bash -c '! grep -q heads "$0"' "$WORK/err"
    check "$1: everything is sound" hikae verify acme --level data
    check "$1: restored" whole
}
as_ceph
hosts ceph "s3://two-hosts/x?endpoint=$CEPH_HTTP&provider=ceph" "$CEPH_LINE" "$CEPH_LINE_CONTROL"
as_swift
hosts swift "s3://two-hosts/x?endpoint=$SWIFT_HTTP&provider=swift" "$SWIFT_LINE" "$SWIFT_LINE_CONTROL"
finish
