#!/bin/bash
# Stores that earlier versions wrote (tests/fixtures/store-*) are recovered and restored by this hikae and by the reader.
set -uo pipefail
top=$(cd "$(dirname "$0")/../.." && pwd)
hikae=${HIKAE:-$top/build/hikae}
. "$top/tests/fixtures/tree.sh"
work=$(mktemp -d "${TMPDIR:-/tmp}/hikae-fixtures-XXXXXX")
trap 'chmod -R u+rwx "$work" 2>/dev/null; rm -rf "$work"' EXIT
failed=0

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

# same LISTING: what was restored is what the listing says. Status 1 of a restore is for what needs privileges.
same() {
    python3_debian "$top/tests/fixtures/listing.py" "$work/restored/data" --portable >"$work/listing"
    diff "$1" "$work/listing"
}

by_hikae() {
    local status=0
    rm -rf "$work/restored"
    "$hikae" --config "$work/new/hikae.yaml" restore acme --snapshot "$1" --to "$work/restored" || status=$?
    ((status <= 1)) && same "$2"
}

by_reader() {
    local status=0
    rm -rf "$work/restored"
    python3_debian "$top/tools/readrepo.py" "${@:3}" "$work/store/target" restore acme "$1" "$work/restored" || status=$?
    ((status <= 1)) && same "$2"
}

found=0
for fixture in "$top"/tests/fixtures/store-*/; do
    [ -e "$fixture/store.tar.gz" ] || continue
    found=$((found + 1))
    name=$(basename "$fixture")
    chmod -R u+rwx "$work/restored" 2>/dev/null
    rm -rf "$work/store" "$work/new"
    mkdir "$work/store"
    expect "$name unpacks" tar -C "$work/store" -xzf "$fixture/store.tar.gz"
    # Key files must be private, whatever the umask was.
    chmod 600 "$work/store/epoch-1.key" "$work/store/recovery-sheet-epoch-1.txt"
    expect "$name is recovered" "$hikae" recover --dir "$work/new" --target "one=file://$work/store/target" \
        --sheet "$work/store/recovery-sheet-epoch-1.txt"
    number=0
    while read -r snapshot; do
        number=$((number + 1))
        listing=$fixture/listing-$number
        expect "$name: hikae restores snapshot $number" by_hikae "$snapshot" "$listing"
        expect "$name: the reader restores snapshot $number by key file" \
            by_reader "$snapshot" "$listing" --key-file "$work/store/epoch-1.key"
        expect "$name: the reader restores snapshot $number by sheet" \
            by_reader "$snapshot" "$listing" --sheet "$work/store/recovery-sheet-epoch-1.txt"
    done <"$fixture/snapshots"
    expect "$name is sound to the reader" python3_debian "$top/tools/readrepo.py" --key-file "$work/store/epoch-1.key" \
        "$work/store/target" check acme
done
if ((found == 0)); then
    echo 'not ok there is no store to read: tests/fixtures/make_store.sh makes one'
    failed=1
fi
exit $failed
