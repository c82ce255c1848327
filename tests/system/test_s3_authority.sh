#!/bin/bash
# The file of authorities (ca_file) that a store's certificate is checked by, from one run to the next: missing, unreadable,
# empty, no certificates at all, another authority's, one added before the old one goes. Nothing is lost meanwhile, nothing
# is taken for damage, and the message names the file.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
server ceph
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
AUTHORITY=$WORK/authority.pem
other() { openssl req -x509 -newkey rsa:2048 -nodes -keyout /dev/null -subj "/CN=$1" -days 2 2>/dev/null; }
mkdir "$WORK/src"
echo first >"$WORK/src/file"
cp "$CEPH_CA" "$AUTHORITY"
check "init over TLS" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" \
    --target "b=s3://authority/x?endpoint=$CEPH_HTTPS&provider=ceph&ca_file=$AUTHORITY"
check "a tenant" hikae tenant add t --source "data=dir:$WORK/src"
check "a night" hikae backup t

# fails NAME CODE TEXT: with the file as it is now, a night goes to the folder alone (a warning), and what is only on the
# store is unknown.
fails() {
    echo "$1" >>"$WORK/src/file"
    expect 1 "$1: a night goes to the other target" hikae backup t
    says "$2" "$1: the message says so"
    says "$AUTHORITY" "$1: and names the file"
    expect 6 "$1: the store is unknown" hikae target check b
    if grep -qi damaged "$WORK/check.out" "$WORK/check.err"; then not_ok "$1: nothing is called damaged"; else ok "$1: nothing is called damaged"; fi
}
rm "$AUTHORITY"
fails "missing" "No such file"
: >"$AUTHORITY"
fails "empty" "holds no certificates"
head -c 3000 /dev/urandom >"$AUTHORITY"
fails "garbage" "holds no certificates"
rm "$AUTHORITY" && mkdir "$AUTHORITY"
fails "a folder" "is a folder"
rmdir "$AUTHORITY"
other "somebody else" >"$AUTHORITY"
fails "another authority" "certificate"

# A rotation: the new authority is added before the old one goes; then the store's own is the only one again.
{ other "the next one"; cat "$CEPH_CA"; } >"$AUTHORITY"
expect 1 "two authorities: the store is trusted again" hikae target check b
check "what it missed is caught up" hikae replicate
cp "$CEPH_CA" "$AUTHORITY"
echo last >>"$WORK/src/file"
check "a night to both" hikae backup t
check "everything is sound" hikae verify t --level data
rm -rf "$WORK/a"
check "and restores from the store alone" hikae restore t --to "$WORK/back"
check "whole" diff -r "$WORK/src" "$WORK/back/data"
rm -rf "$WORK/n"
expect 6 "a new store is not made without" "$HIKAE" init --dir "$WORK/n" \
    --target "b=s3://authority-two/x?endpoint=$CEPH_HTTPS&provider=ceph&ca_file=$WORK/none.pem"
says "$WORK/none.pem" "and the file is named"
check "nor is anything left of it" test ! -e "$WORK/n/hikae.yaml"
finish
