#!/bin/bash
# shellcheck disable=SC2218 # s3 is defined anew for the second server
# Erasing from real object stores: versions, delete markers and unfinished uploads go too; what a compliance lock keeps is
# unreadable at once, counted, and certified with the date until which it stays. Ceph and Swift.
. tests/system/lib.sh
. tests/servers/lib.sh
. tests/system/purge_lib.sh
unset HIKAE_NOW
trap 'stop_servers; cleanup' EXIT
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
server ceph
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
s3() { tests/servers/s3.py "$CEPH_HTTP" "$@"; }
s3 make purge-versions versions
s3 make purge-locked lock
check "a store on versioned and locked buckets" make_store --min-copies 2 --target "v=s3://purge-versions/x?endpoint=$CEPH_HTTP&provider=ceph" \
    --target "l=s3://purge-locked/x?endpoint=$CEPH_HTTP&provider=ceph&lock=compliance:1" --target "d=file://$WORK/d"
check "tenants" add_tenant keep
check "the tenant" add_tenant acme
id=$(pseudonym acme); prefix=x/hikae1/t/$id/
# Versions of one name, markers on top, uploads that nobody finished.
pack=$(s3 list purge-versions "${prefix}p/" | head -n 1 | cut -d' ' -f2)
head -c 500 /dev/urandom >"$WORK/junk"
s3 put purge-versions "$pack" "$WORK/junk"; s3 put purge-versions "${prefix}p/stray" "$WORK/junk"; s3 put-marker purge-versions "${prefix}p/stray"
s3 start-upload purge-versions "${prefix}p/unfinished" >/dev/null; s3 start-upload purge-locked "${prefix}p/unfinished" >/dev/null
check "the versions are there" test "$(s3 versions purge-versions "$prefix" | wc -l)" -gt "$(s3 list purge-versions "$prefix" | wc -l)"
check "a plan" approve acme
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "it counts versions, markers and uploads" test "$(field plan_text.targets.0.versions)" -gt "$(field plan_text.targets.0.objects)" -a "$(field plan_text.targets.0.markers)" -ge 1 -a "$(field plan_text.targets.0.uploads)" -ge 1
check "and the date of the lock" test "$(field plan_text.targets.1.locked_until)" != None
expect 1 "erased, but for what is locked" hikae purge run acme
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "unreadable" test "$(field stage)" = unreadable -a "$(field unreadable)" != None
check "gone from the versioned bucket" test "$(field targets.0.state)" = gone -a "$(field targets.2.state)" = gone
check "the bucket itself says so" test -z "$(s3 versions purge-versions "$prefix")"
check "no upload is left" bash -c '! "$0" "$1" uploads purge-versions | grep -q "$2"; ' tests/servers/s3.py "$CEPH_HTTP" "$prefix"
check "nor in the locked one" bash -c '! "$0" "$1" uploads purge-locked | grep -q "$2"' tests/servers/s3.py "$CEPH_HTTP" "$prefix"
check "what is locked is counted" test "$(field targets.1.objects)" -ge 3 -a "$(field targets.1.locked_until)" != None
until=$(s3 retentions purge-locked "$prefix" | cut -d' ' -f2 | sort | tail -n 1 | cut -c1-10)
check "with the date that the bucket tells" bash -c 'case $1 in $2*) ;; *) exit 1;; esac' x "$(field targets.1.locked_until)" "$until"
check "a certificate of the first stage" hikae purge certificate acme --operator "$OPERATORS/sato.pem" --out "$WORK/c.json" --page "$WORK/c.html"
"$HIKAE" --json audit verify "$WORK/c.json" --key "$OPERATORS/sato.pub" >"$WORK/json" 2>/dev/null
check "which claims no deletion" test "$(field gone)" = None -a "$(field unreadable)" != None
check "and says until when what remains" test "$(field statement.predicate.targets.1.locked_until)" != None
expect 4 "nothing can be restored" hikae restore acme --to "$WORK/r"
check "the other restores" restores keep
expect 1 "the next run looks again" hikae purge run
check "the objects are locked still, and the erasure waits" test "$(stage acme)" = unreadable
# Swift: versions, and a listing that may be stale: nothing is certified gone by one look.
server swift
AWS_ACCESS_KEY_ID=$SWIFT_ACCESS AWS_SECRET_ACCESS_KEY=$SWIFT_SECRET
s3() { tests/servers/s3.py "$SWIFT_HTTP" "$@"; }
s3 make purge-swift versions
rm -rf "$WORK/h" "$WORK/safe" "$OPERATORS" "$WORK/src"
check "a store on swift" make_store --target "s=s3://purge-swift/x?endpoint=$SWIFT_HTTP&provider=swift" --min-copies 1
check "tenants on swift" add_tenant keep
add_tenant acme
id=$(pseudonym acme); prefix=x/hikae1/t/$id/
s3 start-upload purge-swift "${prefix}p/unfinished" >/dev/null 2>&1
pack=$(s3 list purge-swift "${prefix}p/" | head -n 1 | cut -d' ' -f2)
s3 put purge-swift "$pack" "$WORK/junk"
check "the versions are there" test "$(s3 versions purge-swift "$prefix" | wc -l)" -gt "$(s3 list purge-swift "$prefix" | wc -l)"
check "approved" approve acme
expect 1 "erased" hikae purge run acme
check "the container lists nothing" test -z "$(s3 list purge-swift "$prefix")"
check "and no version" test -z "$(s3 versions purge-swift "$prefix")"
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "its listing may be stale: not certified yet" test "$(field stage)" = unreadable
HIKAE_NOW=$(date -u -d '+2 hours' +%Y-%m-%dT%H:%M:%SZ) hikae purge run >"$WORK/out" 2>"$WORK/err"; code=$?
check "an hour later it is" test $code -le 1 -a "$(stage acme)" = gone
check "the other restores from swift" restores keep
finish
