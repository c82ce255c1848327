#!/bin/bash
# Collection on a store that speaks S3: many objects a request, what is refused stays, a store that takes no such request
# is asked one by one; beside a backup on another host nothing that the backup uses goes away.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
BUILD=${BUILD:-build}
[ -x "$BUILD/tests/test_collect_nights" ] || make --no-print-directory BUILD="$BUILD" "$BUILD/tests/test_collect_nights" >/dev/null
server ceph
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
proxy LINE "$CEPH_HTTP"
count() { ask "$LINE_CONTROL/count?$1"; }
s3() { tests/servers/s3.py "$CEPH_HTTP" "$@"; }
at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
freed() { /usr/bin/python3 -c 'import json,sys; print(sum(t["objects"] for t in json.load(open(sys.argv[1]))["freed"]))' "$WORK/check.out"; }
list() { s3 list "$1" x/hikae1/t/ | sort; }

# store BUCKET: six nights, of which four are retired.
store() {
    rm -rf "$WORK/h" "$WORK/src"
    mkdir "$WORK/src"
    check "$1: init" "$HIKAE" init --dir "$WORK/h" --target "a=s3://$1/x?endpoint=$LINE&provider=ceph" --test-clock
    at 2027-01-01T02:00:00Z tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
    for n in 1 2 3 4 5 6; do
        for f in 1 2 3; do head -c $((30000 * f)) /dev/urandom >"$WORK/src/$(((n + f) % 6))"; done
        at 2027-01-0${n}T03:00:00Z backup t >/dev/null 2>&1 || not_ok "$1: night $n"
    done
    HIKAE_NOW=2027-01-06T04:00:00Z "$BUILD/tests/test_collect_nights" retire "$WORK/h/hikae.yaml" t 2
}
whole() { # NOW: what is kept restores, and all is sound
    rm -rf "$WORK/back"
    at "$1" verify t --level data && at "$1" restore t --to "$WORK/back" && diff -r "$WORK/src" "$WORK/back/data"
}

s3 make collected
store collected
check "condemned" at 2027-01-06T05:00:00Z gc t
list collected >"$WORK/before"
rules '[{"method": "POST", "path": "delete", "status": 503}]'
expect 0 "a store that is throttled keeps what it has" at 2027-01-09T06:00:00Z --json gc t
check "all of it" same "$(list collected | comm -13 - "$WORK/before")" ""
# One by one, then, and the first answer that does not come ends it.
rules '[{"method": "POST", "path": "delete", "status": 501, "code": "NotImplemented"}, {"method": "DELETE", "path": "/p/", "status": 403, "code": "AccessDenied", "count": 1}]'
expect 0 "a store that takes no request for many" at 2027-01-09T06:00:00Z --json gc t
says AccessDenied "one that it refuses waits, and why is told"
singly=$(freed)
check "is asked one by one ($singly)" test "$(count 'method=DELETE&status=204')" -ge "$singly" -a "$singly" -ge 5
check "what is kept is whole" whole 2027-01-09T06:30:00Z
rules '[]'
expect 0 "the next collection takes it" at 2027-01-09T07:00:00Z --json gc t
check "one object" same "$(freed)" 1
check "with one request" same "$(count 'method=POST&path=delete') $(count method=DELETE)" "1 0"
check "then everything is sound" whole 2027-01-09T08:00:00Z

# Many a request: all of a class at once.
s3 make batches
store batches
check "condemned again" at 2027-01-06T05:00:00Z gc t
rules '[]'
expect 0 "deleted in batches" at 2027-01-09T06:00:00Z --json gc t
check "of many each ($(freed) objects, $(count 'method=POST&path=delete') requests)" \
    test "$(freed)" -ge 6 -a "$(count 'method=POST&path=delete')" -le 3 -a "$(count method=DELETE)" = 0
check "and everything is sound" whole 2027-01-09T08:00:00Z

# A bucket that keeps versions: nothing is left below what was deleted.
s3 make kept-and-collected versions
store kept-and-collected
check "versions: condemned" at 2027-01-06T05:00:00Z gc t
expect 0 "versions: deleted" at 2027-01-09T06:00:00Z --json gc t
check "versions: something was" test "$(freed)" -ge 6
check "versions: no marker, and nothing older, is left" same "$(s3 versions kept-and-collected x/hikae1/t/ | grep -cv ' latest object ')" 0
check "versions: sound" whole 2027-01-09T08:00:00Z

# A target that is retired and erased: versions and markers too; what is locked stays, and that is said.
keys() { printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$1" "$2" >"$3"; chmod 600 "$3"; }
s3 make erased versions
s3 make erased-locked lock
rm -rf "$WORK/h"
check "retire: init" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" --target "v=s3://erased/x?endpoint=$LINE&provider=ceph" \
    --target "l=s3://erased-locked/x?endpoint=$LINE&provider=ceph&lock=compliance:1"
check "retire: a tenant" hikae tenant add t --source "data=dir:$WORK/src"
check "retire: a night" hikae backup t
key=$(s3 list erased x/hikae1/t/ | grep -o 'x/[^ ]*/p/.*' | head -n 1)
s3 put-marker erased "$key"
s3 start-upload erased "x/hikae1/t/nobody" >/dev/null
s3 put erased other "$WORK/src/1"
rules '[{"method": "POST", "path": "delete", "status": 403, "code": "AccessDenied"}, {"method": "DELETE", "status": 403, "code": "AccessDenied"}]'
expect 7 "without the right to delete nothing is erased" hikae target retire v --erase
check "and the target stays in use" grep -q 'name: "*v"*$' "$WORK/h/hikae.yaml"
rules '[]'
expect 0 "retire --erase" hikae --json target retire v --erase
check "no version, marker or upload is left" same "$(s3 versions erased x/ | wc -l) $(s3 uploads erased | wc -l)" "0 0"
check "what is not the store's stays" same "$(s3 list erased | grep -c other)" 1
expect 1 "what is locked cannot be erased" hikae --json target retire l --erase
cp "$WORK/check.out" "$WORK/json"
check "it says how much, and until when" test "$(field objects_locked)" -ge 4 -a "$(field objects_left)" -ge "$(field objects_locked)" -a "$(field locked_until)" != None

# Swift has no versions, and says none of what it deletes.
server swift
keys "$SWIFT_ACCESS" "$SWIFT_SECRET" "$WORK/swift"
rm -rf "$WORK/h" "$WORK/a"
check "retire from Swift: init" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" \
    --target "s=s3://erased/x?endpoint=$SWIFT_HTTP&provider=swift&credentials=file:$WORK/swift"
check "retire from Swift: a tenant" hikae tenant add t --source "data=dir:$WORK/src"
check "retire from Swift: a night" hikae backup t
expect 0 "retire --erase from Swift" hikae --json target retire s --erase
cp "$WORK/check.out" "$WORK/json"
check "nothing is left there" same "$(field objects_left) $(AWS_ACCESS_KEY_ID=$SWIFT_ACCESS AWS_SECRET_ACCESS_KEY=$SWIFT_SECRET \
    tests/servers/s3.py "$SWIFT_HTTP" list erased x/ | wc -l)" "0 0"

# Two hosts: one condemns and deletes while the other backs up with what it learned before.
s3 make gc-two-hosts
store gc-two-hosts
cp -a "$WORK/h" "$WORK/h2"; sed -i "s|$WORK/h/|$WORK/h2/|g" "$WORK/h2/hikae.yaml"
mkfifo "$WORK/pipe"
HIKAE_NOW=2027-01-06T05:00:00Z "$HIKAE" --config "$WORK/h2/hikae.yaml" import t "$WORK/pipe" --as x >"$WORK/out2" 2>"$WORK/err2" & pid=$!
exec 9>"$WORK/pipe"
sleep 1
check "condemned while another host backs up" at 2027-01-06T05:30:00Z gc t
tar -C "$WORK/src" -cf - . >&9; exec 9>&-
wait $pid; code=$?
check "that backup ends well" test $code -le 1
for now in 2027-01-09T07:00:00Z 2027-01-12T09:00:00Z; do check "deleted at $now" at $now gc t; done
expect 0 "it is whole after what was condemned was deleted" at 2027-01-12T10:00:00Z verify t --level data
rm -rf "$WORK/back"
check "and restores" at 2027-01-12T10:00:00Z restore t --to "$WORK/back"
check "to what it was" bash -c 'for f in "$0"/*; do cmp -s "$f" "$1/x/${f##*/}" || exit 1; done' "$WORK/src" "$WORK/back"
finish
