#!/bin/bash
# Drills of object stores: every option of a target in hikae.yaml reaches a bare drill and a kit; damage in a bucket is
# found; another machine drills with a kit and rights to read only, writes nothing, and both machines are on record.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; cleanup' EXIT
server ceph
bucket=drills
s3() { AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET tests/servers/s3.py "$CEPH_HTTP" "$@"; }
keys() { printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$2" "$3" >"$WORK/$1"; chmod 600 "$WORK/$1"; }
keys owner "$CEPH_ACCESS" "$CEPH_SECRET"; keys reader "$CEPH_READ_ACCESS" "$CEPH_READ_SECRET"
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY
export AWS_EC2_METADATA_DISABLED=true AWS_SHARED_CREDENTIALS_FILE=/nonexistent AWS_CONFIG_FILE=/nonexistent HOME=/nonexistent
s3 make $bucket
s3 allow $bucket reader s3:GetObject,s3:ListBucket
mkdir -p "$WORK/src"
for i in $(seq 1 60); do head -c $((i * 700)) /dev/urandom >"$WORK/src/file $i"; done
export HIKAE_NOW=2026-11-20T02:00:00Z
url="s3://$bucket/x?country=JP&site=a"
check "a store on Ceph and a folder" "$HIKAE" init --dir "$WORK/h" --test-clock --target "d=file://$WORK/d" \
    --target "c=$url&endpoint=$CEPH_HTTPS&provider=ceph&credentials=file:$WORK/owner&ca_file=$CEPH_CA"
# The same target as hikae.yaml says it, with nothing in its URL.
check "its options are in the file" hikae target set c "url=$url" "endpoint=$CEPH_HTTPS" provider=ceph region=us-east-1 signature=v4 \
    "credentials=file:$WORK/owner" "ca_file=$CEPH_CA" connections=4 timeout_s=30 rate_kib=1000000
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
for day in 20 21; do export HIKAE_NOW=2026-11-${day}T02:00:00Z; head -c 100000 /dev/urandom >"$WORK/src/night"; hikae backup t >/dev/null 2>&1; done
drill() { hikae --json drill t --scratch "$WORK/scratch" "$@" >"$WORK/json" 2>"$WORK/err"; }
is() { check "$1" test "$(field "$2")" = "$3"; }
on_target() { s3 list $bucket x/hikae1/ | grep -v '/a/' | sort; }

# ---- Each kind ----
check "a dry run says what it will fetch" drill --dry-run --target c
expected=$(field bytes_expected)
check "a sample" drill --target c
is "it fetches just that" bytes_fetched "$expected"
check "full, both" drill --mode full
is "every entry, from Ceph" targets.1.checked 62
on_target >"$WORK/before"
check "bare, with nothing but Ceph and the key" drill --mode bare --target c
is "it passed" result passed
is "from the key file" targets.0.key.holder file
on_target >"$WORK/after"
check "it adds nothing but its record" test "$(comm -13 "$WORK/before" "$WORK/after" | grep -vc '/h/')" = 0

# ---- Damage in the bucket ----
pack=$(s3 list $bucket x/hikae1/t/ | grep '/p/' | sort -rn | head -n 1 | cut -d' ' -f2)
s3 get $bucket "$pack" >"$WORK/pack"
cp "$WORK/pack" "$WORK/flipped"; printf '\x55\xaa\x55' | dd of="$WORK/flipped" bs=1 seek=5000 conv=notrunc 2>/dev/null
s3 put $bucket "$pack" "$WORK/flipped"
expect 5 "an object that was flipped" drill --mode full
is "on Ceph" targets.1.result failed
is "and not in the folder" targets.0.result passed
s3 delete $bucket "$pack"
expect 5 "an object that is missing" drill --mode full --target c
s3 put $bucket "$pack" "$WORK/pack"
check "sound again" drill --mode full --target c

# ---- Another machine: its own machine-id, no state, no keys but its own ----
echo 'six words for a kit that travels' >"$WORK/phrase"; chmod 600 "$WORK/phrase"
check "a kit, opened by a passphrase" hikae drill kit t --out "$WORK/kit" --passphrase-file "$WORK/phrase" --expires 7d
check "another, opened by a key that was made for it" hikae drill kit t --out "$WORK/kit2" --key-file "$WORK/kit.key" --expires 7d
expect 2 "not by both" hikae drill kit t --out "$WORK/kit3" --key-file "$WORK/kit3.key" --passphrase-file "$WORK/phrase" --expires 7d
expect 2 "nor by nothing" hikae drill kit t --out "$WORK/kit3" --expires 7d
check "no key is left of what was refused" test ! -e "$WORK/kit3.key"
mkdir "$WORK/away"
cp "$WORK"/{kit,kit2,kit.key,phrase,reader} "$WORK/away/"
mv "$WORK/h" "$WORK/home"; mv "$WORK/owner" "$WORK/owner.home"; mv "$WORK/d" "$WORK/moved"; cp "$CEPH_CA" "$WORK/ca.home"
echo 5ca1ab1e00000000000000000000cafe >"$WORK/machine-id"
cat >"$WORK/elsewhere" <<'SH'
mount --bind "$1" /etc/machine-id && shift && exec "$@"
SH
if unshare -m sh "$WORK/elsewhere" "$WORK/machine-id" true 2>/dev/null; then
    elsewhere() { unshare -m sh "$WORK/elsewhere" "$WORK/machine-id" "$@"; }
else
    echo "# no mount namespaces here: the other machine has the same id"
    elsewhere() { "$@"; }
fi
far() { (cd "$WORK/away" && elsewhere "$HIKAE" --config /nonexistent --json drill away "$@" --scratch "$WORK/away/scratch" --report "$WORK/away/report") >"$WORK/json" 2>"$WORK/err"; }
expect 2 "without keys of its own, it says where they are named" far kit --passphrase-file phrase --target c
expect 7 "the kit that has a key wants no passphrase" far kit2 --passphrase-file phrase
expect 2 "a setting that is none" far kit --passphrase-file phrase --set tokyo
expect 4 "a target that is none" far kit --passphrase-file phrase --set tokyo.url=file:///x
s3 list $bucket | sort >"$WORK/before"
check "with keys that may only read, and the folder mounted elsewhere" far kit --passphrase-file phrase --mode full --set "c.credentials=file:$WORK/away/reader" --set "d.url=file://$WORK/moved?country=JP"
is "all of it" result passed
is "from both" targets.1.checked 62
check "a sample, with the key" far kit2 --key-file kit.key --set "c.credentials=file:$WORK/away/reader" --set "d.url=file://$WORK/moved"
s3 list $bucket | sort >"$WORK/after"
check "nothing was written to Ceph" cmp "$WORK/before" "$WORK/after"
check "nothing is left there" test -z "$(ls -A "$WORK/away/scratch")"
mv "$WORK/home" "$WORK/h"; mv "$WORK/owner.home" "$WORK/owner"; mv "$WORK/moved" "$WORK/d"
hikae --json drill accept "$WORK/away/report" >"$WORK/json" 2>"$WORK/err"
is "at home it is on record" result passed
check "home is where the kit is from" test "$(field kit.machine)" = "$(field accepted.machine)"
if unshare -m sh "$WORK/elsewhere" "$WORK/machine-id" true 2>/dev/null; then
    check "and it was done on another machine" test "$(field machine)" != "$(field kit.machine)"
fi
check "the record is a drill like any other" hikae drill show "$(field drill)"
finish
