#!/bin/bash
# One tenant on Ceph, Swift and a folder at once: one of them stopped, throttled or gone in the middle of a night, caught
# up afterwards; restore from each alone; locks that refuse to give anything up.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT

export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true

server ceph
server swift
proxy CEPH_LINE "$CEPH_HTTP"
proxy SWIFT_LINE "$SWIFT_HTTP"
keys() { printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$1" "$2" >"$3"; chmod 600 "$3"; }
mkdir "$WORK/src" "$WORK/keys"
keys "$CEPH_ACCESS" "$CEPH_SECRET" "$WORK/keys/ceph"
keys "$SWIFT_ACCESS" "$SWIFT_SECRET" "$WORK/keys/swift"
for i in 1 2 3 4; do head -c 400000 /dev/urandom >"$WORK/src/file$i"; done

ceph="ceph=s3://copies/one?endpoint=$CEPH_LINE&provider=ceph&country=JP&site=a&credentials=file:$WORK/keys/ceph"
swift="swift=s3://copies/two?endpoint=$SWIFT_LINE&provider=swift&country=JP&site=b&credentials=file:$WORK/keys/swift"
check "init on three targets" "$HIKAE" init --dir "$WORK/h" --target "$ceph" --target "$swift" --target "disk=file://$WORK/disk"
sed -i -e 's/^min_copies: .*/min_copies: 2/' -e 's/^pack_mib: .*/pack_mib: 1/' -e '/url: .*s3:/a\    timeout_s: 2' "$WORK/h/hikae.yaml"
check "a tenant" hikae tenant add acme --source "data=dir:$WORK/src"
sleep 2
check "the first night reaches all three" hikae backup acme

change() { head -c 3000000 /dev/urandom >"$WORK/src/changing"; }
whole_from() { rm -rf "$WORK/back"; hikae restore acme --target "$1" --to "$WORK/back" && diff -r "$WORK/src" "$WORK/back/data"; }
# behind TARGET NAME: the night ends with a warning, replicate catches up, and that target alone is then enough.
caught_up() {
    expect 0 "$2: replicate catches up" hikae replicate acme
    check "$2: restore from $1 alone" whole_from "$1"
}

change
ask -d '' "$SWIFT_LINE_CONTROL/down"
expect 1 "a store that is down makes a warning" hikae backup acme
says swift "which names it"
ask -d '' "$SWIFT_LINE_CONTROL/up"
caught_up swift "after a store was down"

change
ask -d '[{"method": "PUT", "from": 2, "reset": true}]' "$CEPH_LINE_CONTROL/rules"
expect 1 "a store that goes away in the middle" hikae backup acme
ask -d '[]' "$CEPH_LINE_CONTROL/rules"
caught_up ceph "after a store went away"

change
ask -d '[{"method": "PUT", "status": 503}]' "$CEPH_LINE_CONTROL/rules"
expect 1 "a store that throttles every PUT" hikae backup acme
ask -d '[]' "$CEPH_LINE_CONTROL/rules"
caught_up ceph "after throttling"

change
ask -d '[{"method": "PUT", "slow": 400000}]' "$SWIFT_LINE_CONTROL/rules"
check "a slow store does not fail" hikae backup acme
ask -d '[]' "$SWIFT_LINE_CONTROL/rules"
check "it has everything" whole_from swift

change
ask -d '' "$SWIFT_LINE_CONTROL/down"
ask -d '' "$CEPH_LINE_CONTROL/down"
expect 8 "one target of three is no quorum" hikae backup acme
check "but it is enough to restore from" hikae restore acme --to "$WORK/alone"
ask -d '' "$SWIFT_LINE_CONTROL/up"
ask -d '' "$CEPH_LINE_CONTROL/up"
check "the next night takes up what is there" hikae backup acme

change
"$HIKAE" --config "$WORK/h/hikae.yaml" backup acme >/dev/null 2>&1 & pid=$!
sleep 0.7; kill -9 $pid 2>/dev/null; wait $pid 2>/dev/null
check "a night after one that was killed" hikae backup acme
for target in ceph swift disk; do check "restore from $target alone" whole_from $target; done
# A kill between the puts of a record leaves it on some targets: catching up brings it to the others.
hikae replicate acme >/dev/null 2>&1
check "everything is sound on all three" hikae verify acme --level data

# Damage on one is mended from another.
key=$(AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET tests/servers/s3.py "$CEPH_HTTP" list copies one/hikae1/t/ | grep -o 'one/[^ ]*/p/[0-9a-f]*' | head -n 1)
head -c 1000 /dev/urandom >"$WORK/junk"
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET tests/servers/s3.py "$CEPH_HTTP" put copies "$key" "$WORK/junk"
expect 5 "junk on one store is found" hikae verify acme --level data
expect 1 "and mended" hikae verify acme --level data --repair
check "for good" hikae verify acme --level data

# A bucket with locks: nothing goes before its time, and everything works all the same.
keys "$CEPH_ACCESS" "$CEPH_SECRET" "$WORK/keys/locked"
check "init on a bucket with locks" "$HIKAE" init --dir "$WORK/l" \
    --target "locked=s3://vault/x?endpoint=$CEPH_HTTP&provider=ceph&lock=compliance:1&credentials=file:$WORK/keys/ceph"
locked() { "$HIKAE" --config "$WORK/l/hikae.yaml" "$@"; }
check "a tenant there" locked tenant add acme --source "data=dir:$WORK/src"
check "two nights there" locked backup acme
check "the second" locked backup acme
check "verify there" locked verify acme --level data
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET /usr/bin/python3 - "$CEPH_HTTP" >"$WORK/locks" 2>&1 <<'PYTHON'
import sys, boto3, botocore
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
count = 0
for version in s3.list_object_versions(Bucket="vault")["Versions"]:
    held = s3.get_object_retention(Bucket="vault", Key=version["Key"], VersionId=version["VersionId"])["Retention"]
    assert held["Mode"] == "COMPLIANCE", held
    try:
        s3.delete_object(Bucket="vault", Key=version["Key"], VersionId=version["VersionId"])
        sys.exit("deleted " + version["Key"])
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied"
    count += 1
print("all", count, "refused")
PYTHON
check "boto3 is refused the deletion of every object" grep -q '^all .* refused' "$WORK/locks"

# Locks are kept ahead of time: what has less than half of its period left is locked again, the audit log too.
ends() { # every object that is alive is locked for more than two days
    AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET /usr/bin/python3 - "$CEPH_HTTP" <<'PYTHON'
import datetime, sys, boto3
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
kinds = set()
for version in s3.list_object_versions(Bucket="vault")["Versions"]:
    key = version["Key"]
    if "/probe/" in key:
        continue
    until = s3.get_object_retention(Bucket="vault", Key=key, VersionId=version["VersionId"])["Retention"]["RetainUntilDate"]
    assert until > soon, (key, until)
    kinds.add(key.split("hikae1/")[1].split("/")[0])
assert kinds == {"a", "k", "store", "t"}, kinds
PYTHON
}
check "a restore, so that there is an audit log" locked restore acme --to "$WORK/locked-back"
expect 0 "nothing is to be extended yet" locked locks --json
says '"extended":0' "so nothing is"
check "a longer lock" locked target set locked lock=compliance:3
expect 0 "a dry run" locked locks --dry-run --json
planned=$(grep -o '"extended":[0-9]*' "$WORK/check.out")
if ends 2>/dev/null; then not_ok "extends nothing ($planned)"; else ok "extends nothing ($planned)"; fi
expect 0 "locks are extended" locked locks --json
says "$planned" "as planned"
check "which was something" test "$planned" != '"extended":0'
check "of all that is alive" ends
expect 0 "and once only" locked locks --json
says '"extended":0' "nothing more"
check "it is in the audit log" bash -c '"$0" --config "$1/l/hikae.yaml" audit list | grep -q " locks "' "$HIKAE" "$WORK"

finish
