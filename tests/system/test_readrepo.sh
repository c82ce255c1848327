#!/bin/bash
# What hikae writes, the independent reader checks and restores: two targets, two snapshots, key file and recovery sheet.
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
hikae=${HIKAE:-$top/build/hikae}
. "$top/tests/fixtures/tree.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/hikae-readrepo-XXXXXX")
trap 'chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
failed=0

# expect NAME COMMAND…: one line for the result, and what the command said if it failed.
expect() {
    local name=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        echo "ok $name"
    else
        echo "not ok $name"
        sed 's/^/# /' "$work/output" | tail -n 30
        failed=1
    fi
}

hikae() {
    "$hikae" --config "$work/home/hikae.yaml" "$@"
}

readrepo() {
    python3_debian "$top/tools/readrepo.py" "$@"
}

# One snapshot into SNAPSHOT; warnings (status 1) are none of this test's business.
back_up() {
    local status=0
    hikae --json backup acme >"$work/backup.json" || status=$?
    ((status <= 1)) || return 1
    SNAPSHOT=$(python3_debian -c 'import json, sys; print(json.load(sys.stdin)["snapshot"])' <"$work/backup.json")
    [ -n "$SNAPSHOT" ]
}

# restores_as LISTING SNAPSHOT HOLDER-OPTION FILE TARGET: the reader brings back what the listing says.
restores_as() {
    local listing=$1 snapshot=$2 option=$3 file=$4 target=$5 status=0
    rm -rf "$work/restored"
    readrepo "$option" "$file" "$target" restore acme "$snapshot" "$work/restored" || status=$?
    ((status <= 1)) || return 1 # 1: something needs privileges that this user lacks; the listings then tell
    python3_debian "$top/tests/fixtures/listing.py" "$work/restored/data" ${portable:+"$portable"} >"$work/listing"
    diff "$listing" "$work/listing"
}

# The reader opens everything, and what it counts shows that nothing of importance was left out.
sound() {
    readrepo --key-file "$key" "$1" check acme >"$work/counts" || return 1
    cat "$work/counts"
    for kind in packs segments blobs_of_type_{1,2,3,4,5}; do
        grep -q "\"$kind\": [1-9]" "$work/counts" || return 1
    done
    grep -q '"snapshots": 2' "$work/counts" && grep -q '"heads": 1' "$work/counts"
}

portable=$([ "$(id -u)" = 0 ] || echo --portable)
make_tree "$work/data"

init() {
    "$hikae" init --dir "$work/home" --target "one=file://$work/one" --target "two=file://$work/two" &&
        hikae tenant add acme --source "data=dir:$work/data"
}
expect 'a store with two targets' init
key=$work/home/keys/epoch-1.key
sheet=$work/home/recovery-sheet-epoch-1.txt
python3_debian "$top/tests/fixtures/listing.py" "$work/data" ${portable:+"$portable"} >"$work/listing-1"
expect 'the first snapshot' back_up
first=${SNAPSHOT:-}
change_tree "$work/data"
python3_debian "$top/tests/fixtures/listing.py" "$work/data" ${portable:+"$portable"} >"$work/listing-2"
expect 'the second snapshot' back_up
second=${SNAPSHOT:-}
expect 'both targets hold the same names' diff <(cd "$work/one" && find hikae1 | sort) <(cd "$work/two" && find hikae1 | sort)
for target in one two; do
    expect "the reader finds target $target sound" sound "$work/$target"
done
expect 'the reader restores the first snapshot by key file' restores_as "$work/listing-1" "$first" --key-file "$key" "$work/one"
expect 'the reader restores the first snapshot by sheet' restores_as "$work/listing-1" "$first" --sheet "$sheet" "$work/two"
expect 'the reader restores the second snapshot by key file' restores_as "$work/listing-2" "$second" --key-file "$key" "$work/two"
expect 'the reader restores the second snapshot by sheet' restores_as "$work/listing-2" "$second" --sheet "$sheet" "$work/one"
exit $failed
