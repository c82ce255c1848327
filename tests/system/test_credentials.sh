#!/bin/bash
# Keys that last a few seconds: sessions that a real STS gives and a real store checks, renewed in the middle of a backup
# and of a restore, from the metadata of a container and of an instance, and from a file that another program writes anew.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'kill $(jobs -p) 2>/dev/null; stop_servers; cleanup' EXIT
unset AWS_PROFILE AWS_SESSION_TOKEN AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_EC2_METADATA_DISABLED
server ceph
proxy LINE "$CEPH_HTTP"
as_owner() { env -u AWS_SESSION_TOKEN -u AWS_CREDENTIAL_EXPIRATION AWS_ACCESS_KEY_ID="$CEPH_ACCESS" AWS_SECRET_ACCESS_KEY="$CEPH_SECRET" "$@"; }
s3() { as_owner tests/servers/s3.py "$CEPH_HTTP" "$@"; }
SECONDS_EACH=4
as_owner tests/servers/metadata.py --ready "$WORK/metadata" --log "$WORK/sessions" --keys "$WORK/keys" \
    --seconds $SECONDS_EACH --owner $$ "$CEPH_HTTP" &
wait_for test -s "$WORK/metadata" || { not_ok 'start the metadata service'; exit 1; }
METADATA=$(cat "$WORK/metadata")

mkdir "$WORK/src"
for i in 1 2 3 4 5 6; do head -c 1200000 /dev/urandom >"$WORK/src/$i"; done
store() { # BUCKET SOURCE: a store whose keys come from there, with small packs that go one after the other
    rm -rf "$WORK/h"
    rules '[]'
    s3 make "$1"
    "$HIKAE" init --dir "$WORK/h" --target "a=s3://$1/x?endpoint=$LINE&provider=ceph&credentials=$2" &&
        sed -i -e 's/^pack_mib: .*/pack_mib: 1/' -e '/^    url: /a\    connections: 1' "$WORK/h/hikae.yaml" &&
        hikae tenant add t --source "data=dir:$WORK/src"
}
slow='[{"method": "PUT", "path": "/p/", "delay": 1.2}, {"method": "GET", "path": "/p/", "delay": 1.2}]'
change() { for i in 1 2 3 4 5 6; do head -c 1200000 /dev/urandom >"$WORK/src/$i"; done; }
tokens() { # how many sessions signed what the store took
    ask "$LINE_CONTROL/log" | /usr/bin/python3 -c 'import json,sys
good = [e["headers"] for e in json.load(sys.stdin) if (e["status"] or 500) < 300]
assert all("x-amz-security-token" in h and "x-amz-security-token" in h["authorization"] for h in good)
print(len({h["x-amz-security-token"] for h in good}))'
}
# lasts NAME: a night and a restore that take longer than a session does, and end well.
lasts() {
    change
    rules "$slow"
    check "$1: a night of several sessions" hikae backup t
    check "$1: one after the other signed ($(tokens))" test "$(tokens)" -ge 2
    rules "$slow"
    rm -rf "$WORK/back"
    check "$1: a restore of several sessions" hikae restore t --to "$WORK/back"
    check "$1: one after the other signed that ($(tokens))" test "$(tokens)" -ge 2
    check "$1: it is whole" diff -r "$WORK/src" "$WORK/back/data"
}

# ---- That these sessions end at all is the store's doing ----
(
    export AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
    check 'a store' store from-environment environment
    change
    # The answer to the second pack comes when the session has ended; the third is refused.
    rules '[{"method": "PUT", "path": "/p/", "from": 2, "count": 1, "delay": '$((2 * SECONDS_EACH + 1))'}]'
    eval "$(s3 token - $((2 * SECONDS_EACH)) | sed 's/^/export /')"
    expect 8 'a session that nobody renews ends in the middle of the night' hikae backup t
    says '403 AccessDenied' 'which the store says'
    rules '[]'
    expect 7 'and then opens nothing' hikae snapshots t
    says 'if their session is over' 'and the message has the reason'
    export AWS_SESSION_TOKEN=${AWS_SESSION_TOKEN:0:40}AAAA${AWS_SESSION_TOKEN:44}
    expect 6 'a token that was tampered with opens nothing either' hikae snapshots t
    exit $FAILED
) || FAILED=1

# ---- Renewed ----
export AWS_CONTAINER_CREDENTIALS_FULL_URI=$METADATA/container AWS_CONTAINER_AUTHORIZATION_TOKEN=let-me-in
check 'a container' store from-container metadata
lasts container
check 'the service was asked each time' test "$(grep -c '^container' "$WORK/sessions")" -ge 6
unset AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN
export AWS_EC2_METADATA_SERVICE_ENDPOINT=$METADATA
check 'an instance' store from-instance metadata
lasts instance
check 'the service was asked with a token of its own' test "$(grep -c '^instance' "$WORK/sessions")" -ge 6
unset AWS_EC2_METADATA_SERVICE_ENDPOINT

# A file says nothing of when its session ends: what the store refuses is read again.
wait_for test -s "$WORK/keys"
check 'a file that is written anew' store from-file "file:$WORK/keys"
lasts file
touch "$WORK/keys.stop"
sleep $((2 * SECONDS_EACH))
rules '[]'
expect 7 'and when it is not written any more, the keys are over' hikae snapshots t
says 'if their session is over' 'which is said as well'

# ---- Told nowhere ----
cut -d ' ' -f 2 "$WORK/sessions" | sort -u >"$WORK/words"
check "none of $(wc -l <"$WORK/words") tokens is in state, log or messages" same "$(grep -rlFf "$WORK/words" "$WORK/h" \
    "$WORK/check.out" "$WORK/check.err" | wc -l)" 0
finish
