#!/bin/bash
# A restore from an object store: reads that are worth their requests, and what damaged or missing answers to them cost.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
server ceph
export AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET AWS_EC2_METADATA_DISABLED=true
proxy LINE "$CEPH_HTTP"
reads() { ask -G "$LINE_CONTROL/count" -d method=GET --data-urlencode 'path=/p/' "$@"; }
whole() { rm -rf "$WORK/back"; hikae restore t "$@" --to "$WORK/back" && diff -r "$WORK/src" "$WORK/back/data"; }

# 25 blocks of 4 MiB, small when they are compressed; and many small files.
mkdir "$WORK/src"
seq 1 12000000 >"$WORK/src/numbers"
seq 5000000 5200000 | split -l 400 -a 3 - "$WORK/src/small-"
check "a store in a bucket and in a folder" "$HIKAE" init --dir "$WORK/h" --target "disk=file://$WORK/disk" \
    --target "a=s3://reads-$$/x?endpoint=$LINE&provider=ceph"
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
check "a night" hikae backup t

rules '[]'
check "restored from the bucket alone" whole --target a
check "25 blocks in few requests ($(reads))" test "$(reads)" -ge 2 -a "$(reads)" -le 8
rules '[{"method": "GET", "path": "/p/", "every": 2, "flip": 300000}]'
check "every other answer is damaged on its way: restored" whole --target a
rules '[{"method": "GET", "path": "/p/", "every": 3, "cut": 100000}]'
check "every third answer breaks off: restored" whole --target a
rules '[{"method": "GET", "path": "/p/", "truncate": 1000}]'
expect 5 "every answer is too short: damaged, with one target" hikae restore t --target a --to "$WORK/none"
check "the folder has it all" whole
rules '[]'
finish
