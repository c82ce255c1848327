#!/bin/bash
# Two real object stores, measured: what they can do, what they cannot, and what contradicts the configuration.
# shellcheck source=tests/system/lib.sh
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
export AWS_EC2_METADATA_DISABLED=true
server ceph
server swift
keys() { printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$1" "$2" >"$3"; chmod 600 "$3"; }
mkdir "$WORK/src" "$WORK/keys"; echo data >"$WORK/src/file"
keys "$CEPH_ACCESS" "$CEPH_SECRET" "$WORK/keys/ceph"
keys "$CEPH_READ_ACCESS" "$CEPH_READ_SECRET" "$WORK/keys/reader"
keys "$SWIFT_ACCESS" "$SWIFT_SECRET" "$WORK/keys/swift"
json() { hikae "$@" --json >"$WORK/json" 2>"$WORK/err"; }
is() { if [ "$(field "$1")" = "$2" ]; then ok "$3"; else not_ok "$3 ($1 is $(field "$1"), not $2)"; fi; }
state() { /usr/bin/python3 -c 'import json,sys; print([c["state"] for c in json.load(open(sys.argv[1]))["targets"][0]["checks"] if c["name"]==sys.argv[2]][0])' "$WORK/json" "$1"; }
found() { if [ "$(state "$1")" = "$2" ]; then ok "$3"; else not_ok "$3 ($1 is $(state "$1"), not $2)"; fi; }
check "init" "$HIKAE" init --dir "$WORK/h" \
    --target "ceph=s3://check-one/x?endpoint=$CEPH_HTTPS&ca_file=$CEPH_CA&provider=ceph&country=JP&site=a&credentials=file:$WORK/keys/ceph" \
    --target "swift=s3://check-two/x?endpoint=$SWIFT_HTTP&provider=swift&country=JP&site=b&credentials=file:$WORK/keys/swift" \
    --target "vault=s3://check-vault/x?endpoint=$CEPH_HTTP&provider=ceph&country=JP&site=a&lock=compliance:2&credentials=file:$WORK/keys/ceph"

json target list
is targets.0.capabilities "[]" "before it was measured, a store is said to be able to do nothing"
is targets.2.capabilities "['lock']" "but for the lock that is configured"
hikae target list >"$WORK/out" 2>&1
if grep -qw versions "$WORK/out"; then not_ok "the table says the same"; else ok "the table says the same"; fi

# ---- Ceph over TLS ----
check "check of Ceph" hikae target check ceph
json target check ceph --speed
for c in reachable tls clock country versioning write read conditional-writes checksums list-order speed; do found $c ok "Ceph: $c"; done
is targets.0.measured.create_once True "Ceph lets one of several writers win"
is targets.0.measured.tls_version TLSv1.3 "the version of TLS is known"
is targets.0.measured.versioning off "and versioning"
if [ "$(field targets.0.measured.up_bytes_per_s)" -gt 1000000 ]; then ok "rates are measured"; else not_ok "rates are measured"; fi

# ---- Swift ----
expect 1 "Swift warns" hikae target check swift
json target check swift
found conditional-writes warn "Swift takes no conditional writes"
found tls warn "and plain HTTP is told of"
found list-order ok "its listings are in order"


json target list
is targets.0.capabilities "['create-once']" "the list has what was measured of Ceph"
is targets.1.capabilities "[]" "and of Swift"

# ---- One place is one copy, whatever it is called ----
cp "$WORK/h/hikae.yaml" "$WORK/saved"
expect 8 "the same bucket under another name" hikae target add "again=s3://check-one/x/?provider=ceph&endpoint=$CEPH_HTTPS&ca_file=$CEPH_CA&credentials=file:$WORK/keys/ceph"
says "in use as ceph" "is told to be in use"
expect 8 "and by another address" hikae target add "again=s3://check-one/x?endpoint=$CEPH_HTTP&provider=ceph&credentials=file:$WORK/keys/ceph"
says "in use as ceph" "as well"
check "none is added" cmp "$WORK/saved" "$WORK/h/hikae.yaml"
expect 8 "locks that a store does not know" hikae target add "again=s3://check-two/y?endpoint=$SWIFT_HTTP&provider=swift&lock=compliance:1&credentials=file:$WORK/keys/swift"
says "cannot lock objects" "are not believed to be there"

# ---- A bucket with locks: probes are not locked, data is ----
json target check vault
found lock ok "a bucket with locks"
is targets.0.measured.lock_enabled True "which it says itself"
is targets.0.measured.versioning on "with versions"
is targets.0.capabilities "['versions', 'lock']" "its capabilities say so at once"
json target list
is targets.2.capabilities "['versions', 'lock']" "and from then on"
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET /usr/bin/python3 - "$CEPH_HTTP" >"$WORK/probes" 2>&1 <<'PYTHON'
import sys, boto3, botocore
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
count = 0
for version in s3.list_object_versions(Bucket="check-vault", Prefix="x/hikae1/probe/")["Versions"]:
    try:
        s3.get_object_retention(Bucket="check-vault", Key=version["Key"], VersionId=version["VersionId"])
        sys.exit("locked: " + version["Key"])
    except botocore.exceptions.ClientError:
        count += 1
print("unlocked", count)
PYTHON
cat "$WORK/probes"; check "no probe is locked" grep -q '^unlocked [1-9]' "$WORK/probes"

# ---- Locks are kept ahead of time, of what is alive ----
until_of() { AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET /usr/bin/python3 - "$CEPH_HTTP" "$1" <<'PYTHON'
import sys, datetime, boto3
s3 = boto3.client("s3", endpoint_url=sys.argv[1], region_name="us-east-1")
now, ends = datetime.datetime.now(datetime.timezone.utc), []
for item in s3.list_objects_v2(Bucket="check-vault", Prefix="x/hikae1/" + sys.argv[2])["Contents"]:
    ends.append((s3.get_object_retention(Bucket="check-vault", Key=item["Key"])["Retention"]["RetainUntilDate"] - now).total_seconds())
print(*[round(seconds / 86400) for seconds in (min(ends), max(ends))])
PYTHON
}
hikae tenant add acme --source "data=dir:$WORK/src" >/dev/null
check "a backup" hikae backup acme
cp "$WORK/h/hikae.yaml" "$WORK/saved-two"
check "locked for two days" same "$(until_of t/)" "2 2"
sed -i 's/lock=compliance:2/lock=compliance:30/' "$WORK/h/hikae.yaml"
cat >"$WORK/japan.yaml" <<'YAML'
schema: 1
name: japan
title: {ja: 国内, en: In Japan}
zone: Asia/Tokyo
calendar: japan
promises: [{id: kept, status: internal, ja: すべて残す。, en: All is kept.}]
schedule: {keeps: [kept], every: daily, tenants: [customer], window: 00:00-23:59}
sources: {kinds: [dir], method: any}
generations: {keeps: [kept], keep: all}
targets: {min_copies: 1, countries: [JP]}
YAML
check "a policy" hikae policy apply "$WORK/japan.yaml"
check "of the tenant" hikae tenant set acme --policy japan
hikae run --only backup,locks >"$WORK/out" 2>"$WORK/err"; hikae run --only locks --json >"$WORK/json" 2>>"$WORK/err"
cat "$WORK/out" "$WORK/err"
check "the nightly run extends the locks of what is alive" same "$(until_of t/)" "30 30"
check "of keys too" same "$(until_of k/)" "30 30"
check "and of the store object" same "$(until_of store)" "30 30"
cp "$WORK/saved-two" "$WORK/h/hikae.yaml"

# ---- What contradicts the configuration ----
cp "$WORK/h/hikae.yaml" "$WORK/saved"
sed -i "s|two/x?|two/x?lock=compliance:1\&|" "$WORK/h/hikae.yaml"
expect 5 "locks are wanted where there are none" hikae target check swift
cp "$WORK/saved" "$WORK/h/hikae.yaml"
sed -i "s|$WORK/keys/swift|$WORK/keys/none|" "$WORK/h/hikae.yaml"
expect 7 "a key that is not there" hikae target check swift
cp "$WORK/saved" "$WORK/h/hikae.yaml"
# A region from the environment that the provider's table knows says where data lies, as a named one does.
(
    export AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET AWS_REGION=ap-northeast-1
    tests/servers/s3.py "$CEPH_HTTP" make check-region
    check "a region from the environment" "$HIKAE" init --dir "$WORK/r" \
        --target "wasabi=s3://check-region/x?provider=wasabi&endpoint=$CEPH_HTTP&style=path"
    expect 5 "which the store contradicts" "$HIKAE" --config "$WORK/r/hikae.yaml" target check
    says "but ap-northeast-1 is configured" "fails like a named one"
    sed -i 's/provider=wasabi/provider=ceph/' "$WORK/r/hikae.yaml"
    expect 1 "one that no table knows" "$HIKAE" --config "$WORK/r/hikae.yaml" target check
    says "as it says itself" "only signs: whose provider has no table"
    exit $FAILED
) || FAILED=1
finish
