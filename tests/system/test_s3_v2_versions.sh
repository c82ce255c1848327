#!/bin/bash
# Signature V2 on a bucket that keeps versions: what is collected, erased or taken out of use leaves no version, marker or
# unfinished upload behind, and what the store refuses stays and is told.
. tests/system/lib.sh
. tests/servers/lib.sh
. tests/system/purge_lib.sh
unset HIKAE_NOW
trap 'stop_servers; cleanup' EXIT
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
BUILD=${BUILD:-build}
[ -x "$BUILD/tests/test_collect_nights" ] || make --no-print-directory BUILD="$BUILD" "$BUILD/tests/test_collect_nights" >/dev/null
server ceph
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
proxy LINE "$CEPH_HTTP"
count() { ask -G "$LINE_CONTROL/count" "$@"; }
s3() { tests/servers/s3.py "$CEPH_HTTP" "$@"; }
at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
freed() { /usr/bin/python3 -c 'import json,sys; print(sum(t["objects"] for t in json.load(open(sys.argv[1]))["freed"]))' "$WORK/check.out"; }
url() { echo "s3://$1/x?signature=v2&endpoint=$LINE&provider=ceph"; }

# ---- Collection ----
s3 make v2-collected versions
mkdir "$WORK/src"
check "a store" "$HIKAE" init --dir "$WORK/h" --target "a=$(url v2-collected)" --test-clock
at 2027-01-01T02:00:00Z tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
for n in 1 2 3 4; do
    head -c 30000 /dev/urandom >"$WORK/src/$((n % 2))"
    at 2027-01-0${n}T03:00:00Z backup t >/dev/null 2>&1 || not_ok "night $n"
done
HIKAE_NOW=2027-01-04T04:00:00Z "$BUILD/tests/test_collect_nights" retire "$WORK/h/hikae.yaml" t 2
check "condemned" at 2027-01-04T05:00:00Z gc t
rules '[{"method": "DELETE", "path": "/p/.*versionId=", "status": 403, "code": "AccessDenied", "count": 1}]'
expect 0 "deleted, but for one that the store refuses" at 2027-01-07T06:00:00Z --json gc t
says AccessDenied "which is told"
first=$(freed)
check "each version by its id, and signed so ($first objects)" test "$first" -ge 2 -a \
    "$(count -d method=DELETE -d status=204)" = "$(count -d method=DELETE -d status=204 --data-urlencode 'path=versionId=.')" -a \
    "$(count -d method=DELETE -d status=204)" -ge "$first"
rules '[]'
expect 0 "the next collection takes it" at 2027-01-07T07:00:00Z --json gc t
check "one object" same "$(freed)" 1
check "no marker, and nothing older, is left" same "$(s3 versions v2-collected x/hikae1/t/ | grep -cv ' latest object ')" 0
check "what is kept is sound" at 2027-01-07T08:00:00Z verify t --level data

# ---- Erasure ----
rm -rf "$WORK/h" "$WORK/src"
s3 make v2-erased versions
check "a store with operators" make_store --target "a=$(url v2-erased)" --min-copies 1
check "tenants" add_tenant keep
add_tenant acme
id=$(pseudonym acme) prefix=x/hikae1/t/$(pseudonym acme)/
pack=$(s3 list v2-erased "${prefix}p/" | head -n 1 | cut -d' ' -f2)
head -c 500 /dev/urandom >"$WORK/junk"
s3 put v2-erased "$pack" "$WORK/junk"
s3 put v2-erased "${prefix}p/stray" "$WORK/junk"
s3 put-marker v2-erased "${prefix}p/stray"
s3 start-upload v2-erased "${prefix}p/unfinished" >/dev/null
check "approved" approve acme
hikae --json purge status acme >"$WORK/json" 2>/dev/null
check "the plan counts versions, markers and uploads" test "$(field plan_text.targets.0.versions)" -gt "$(field plan_text.targets.0.objects)" \
    -a "$(field plan_text.targets.0.markers)" -ge 1 -a "$(field plan_text.targets.0.uploads)" = 1
expect 1 "erased, but for the sheet of paper that people destroy" hikae purge run acme
check "and gone" same "$(stage acme)" gone
check "no version or marker of $id is left" same "$(s3 versions v2-erased "$prefix")" ""
check "no upload either" same "$(s3 uploads v2-erased)" ""
check "the other tenant restores" restores keep

# ---- Out of use ----
check "a second target" hikae target add "f=file://$WORK/f"
check "which holds everything" hikae replicate
expect 0 "retire --erase" hikae --json target retire a --erase
check "leaves nothing" same "$(s3 versions v2-erased x/ | wc -l)" 0
finish
