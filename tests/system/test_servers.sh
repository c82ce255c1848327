#!/bin/bash
# The servers that the tests of object stores stand on do what those tests take for granted; so does the proxy that makes
# faults. No line of hikae runs here: what fails here is the test bed.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT

export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_CA_BUNDLE
as() { AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2; unset AWS_SESSION_TOKEN; }
s3() { tests/servers/s3.py "$@"; }
head -c 300000 /dev/urandom >"$WORK/bytes"

server ceph
server swift

AWS_CA_BUNDLE=$CEPH_CA; as "$CEPH_ACCESS" "$CEPH_SECRET"
check "Ceph makes a bucket with locks" s3 "$CEPH_HTTPS" make locked lock
check "Ceph stores over TLS" s3 "$CEPH_HTTPS" put locked a "$WORK/bytes"
check "Ceph takes a default retention" s3 "$CEPH_HTTPS" default-lock locked compliance 1
check "Ceph locks what comes" s3 "$CEPH_HTTP" put locked b "$WORK/bytes"
version=$(s3 "$CEPH_HTTP" versions locked b | cut -d' ' -f2)
expect 1 "a locked version cannot be deleted" s3 "$CEPH_HTTP" delete locked b "$version"
says AccessDenied "Ceph says why"
check "Ceph makes a bucket" s3 "$CEPH_HTTP" make shared
check "Ceph takes a policy" s3 "$CEPH_HTTP" allow shared writer 's3:*' reader 's3:*'
check "the owner stores" s3 "$CEPH_HTTP" put shared a "$WORK/bytes"
as "$CEPH_WRITE_ACCESS" "$CEPH_WRITE_SECRET"
check "the writer stores" s3 "$CEPH_HTTP" put shared b "$WORK/bytes"
expect 1 "the writer deletes nothing" s3 "$CEPH_HTTP" delete shared b
as "$CEPH_READ_ACCESS" "$CEPH_READ_SECRET"
s3 "$CEPH_HTTP" get shared b >"$WORK/got"
check "the reader reads" cmp "$WORK/got" "$WORK/bytes"
expect 1 "the reader stores nothing" s3 "$CEPH_HTTP" put shared c "$WORK/bytes"
as "$CEPH_OTHER_ACCESS" "$CEPH_OTHER_SECRET"
expect 1 "a stranger sees nothing" s3 "$CEPH_HTTP" list shared
as "$CEPH_SUSPENDED_ACCESS" "$CEPH_SUSPENDED_SECRET"
expect 1 "a suspended user is refused" s3 "$CEPH_HTTP" list shared
says UserSuspended "and told so"
as "$CEPH_ACCESS" "$CEPH_SECRET"
eval "$(s3 "$CEPH_HTTP" token - 900 | sed 's/^/export /')"
check "Ceph takes a session token" s3 "$CEPH_HTTP" list shared

AWS_CA_BUNDLE=$SWIFT_CA; as "$SWIFT_ACCESS" "$SWIFT_SECRET"
check "Swift makes a bucket with versions" s3 "$SWIFT_HTTPS" make kept versions
check "Swift stores over TLS" s3 "$SWIFT_HTTPS" put kept a "$WORK/bytes"
s3 "$SWIFT_HTTP" get kept a >"$WORK/got"
check "Swift gives it back" cmp "$WORK/got" "$WORK/bytes"
as "$SWIFT_OTHER_ACCESS" "$SWIFT_OTHER_SECRET"
expect 1 "a user without rights is refused" s3 "$SWIFT_HTTP" list kept

as "$CEPH_ACCESS" "$CEPH_SECRET"
proxy FAULTY "$CEPH_HTTP"
rules() { ask -d "$1" "$FAULTY_CONTROL/rules" && ask -d '' "$FAULTY_CONTROL/clear"; }
count() { ask "$FAULTY_CONTROL/count?$1"; }
# Like s3, but once: clients try again of their own accord.
once() { AWS_MAX_ATTEMPTS=1 s3 "$FAULTY" "$@"; }

check "the proxy passes everything on" s3 "$FAULTY" put shared p "$WORK/bytes"
s3 "$FAULTY" get shared p >"$WORK/got"
check "the bytes stay the same" cmp "$WORK/got" "$WORK/bytes"
rules '[{"method": "PUT", "status": 503, "count": 1}]'
check "a client that is throttled tries again" s3 "$FAULTY" put shared q "$WORK/bytes"
check "the log has both" same "$(count 'method=PUT&status=503') $(count 'method=PUT&status=200')" "1 1"
rules '[{"method": "PUT", "reset": true, "after": true, "count": 1}]'
ask -o /dev/null -X PUT "$FAULTY/shared/r" -H 'Content-Length: 0'
check "an answer is lost" same "$? $(ask "$FAULTY_CONTROL/log" | grep -c '"upstream": 403')" "56 1"
rules '[{"path": "shared/q", "cut": 1000}]'
expect 1 "an answer ends early" once get shared q
rules '[{"path": "shared/q", "flip": 7}]'
once get shared q >"$WORK/got"
check "a byte changes" same "$(cmp -l "$WORK/got" "$WORK/bytes" | cut -c1-7 | tr -d ' ')" 8
rules '[{"path": "shared/q", "truncate": 100}]'
check "an answer is shorter" same "$(once get shared q | wc -c)" 100
rules '[{"skew": 600}]'
expect 1 "the clock is wrong" once list shared
says RequestTimeTooSkewed "and the answer says so"
rules '[{"path": "list-type", "replace": [["<Key>a</Key>", "<Key>z</Key>"]]}]'
check "a listing changes" same "$(once list shared | cut -d' ' -f2 | tr '\n' ' ')" "z b p q "
rules '[{"stall": 1}]'
ask -o /dev/null "$FAULTY/shared/q"
check "a request waits, then the connection ends" same $? 56
rules '[]'
ask -d '' "$FAULTY_CONTROL/down"
ask "$FAULTY/"
check "connections are refused" same $? 7
ask -d '' "$FAULTY_CONTROL/up"
check "and taken again" s3 "$FAULTY" list shared
check "a rule with a word that is none is refused" same "$(ask -o /dev/null -w '%{http_code}' -d '[{"sttus": 1}]' "$FAULTY_CONTROL/rules")" 400

server swift own
stop_servers
check "nothing runs any more" same "$(cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -c "$WORK/server-[a-z]*/etc")" 0
check "nothing is left" same "$(ls -d "$WORK"/server-* 2>/dev/null)" ""
finish
