#!/bin/bash
# What a target is held to: checksums, a rate, a number of connections, TLS 1.2, rights that do not delete, a bucket that
# locks by itself, secrets that are told nowhere; and that nothing comes back which was retired while a target was down.
. tests/system/lib.sh
. tests/servers/lib.sh
trap 'stop_servers; [ -z "${OLD_TLS:-}" ] || kill "$OLD_TLS"; cleanup' EXIT
export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_EC2_METADATA_DISABLED=true
server ceph
AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
proxy LINE "$CEPH_HTTP"
count() { ask -G "$LINE_CONTROL/count" "$@"; }
s3() { tests/servers/s3.py "$CEPH_HTTP" "$@"; }
mkdir "$WORK/src"
change() { head -c 2000000 /dev/urandom >"$WORK/src/changing"; }
store() { # TARGET… [SETTING: VALUE]: a new store on these targets, the S3 ones with this setting, and a tenant
    rm -rf "$WORK/h"
    rules '[]'
    local t words=() setting=
    for t in "$@"; do case $t in *=*) words+=(--target "$t") ;; *) setting=$t ;; esac; done
    "$HIKAE" init --dir "$WORK/h" --test-clock "${words[@]}" || return
    [ -z "$setting" ] || sed -i "/^    url: \"*s3:/a\\    $setting" "$WORK/h/hikae.yaml"
    hikae tenant add t --source "data=dir:$WORK/src"
}
change

# ---- Checksums ----
for kind in md5:content-md5 sha256:x-amz-checksum-sha256; do
    check "a store that wants ${kind%:*}" store "a=s3://sums/${kind%:*}?endpoint=$LINE&provider=ceph" "checksum: ${kind%:*}"
    rules '[]'
    check "a night" hikae backup t
    puts=$(count -d method=PUT)
    check "each of $puts PUTs has it" test "$puts" -ge 2 -a "$puts" = \
        "$(count -d method=PUT -d "header=${kind#*:}" --data-urlencode 'value=^[A-Za-z0-9+/]+=*$')"
done

# ---- A rate, and a number of connections ----
check "a rate of 1 MiB/s" store "a=s3://paced/x?endpoint=$LINE&provider=ceph" "rate_kib: 1024"
begun=$(date +%s%N)
check "a night" hikae backup t
took=$((($(date +%s%N) - begun) / 1000000))
check "2 MB take more than 1.5 s ($took ms)" test $took -ge 1500
check "one connection" store "a=s3://single/x?endpoint=$LINE&provider=ceph" "connections: 1"
sed -i 's/^pack_mib: .*/pack_mib: 1/' "$WORK/h/hikae.yaml"
head -c 6000000 /dev/urandom >"$WORK/src/large"
rules '[{"method": "PUT", "path": "/p/", "delay": 1}]'
begun=$(date +%s%N)
check "a night" hikae backup t
took=$((($(date +%s%N) - begun) / 1000000)) packs=$(count -d method=PUT --data-urlencode 'path=/p/')
check "$packs packs go one after the other ($took ms)" test "$packs" -ge 3 -a $took -ge $((packs * 1000))
rm "$WORK/src/large"

# ---- TLS 1.2 or newer, whatever the machine's OpenSSL would take ----
read -r old_port <<<"$(free_ports 1)"
printf 'openssl_conf = c\n[c]\nssl_conf = s\n[s]\nsystem_default = d\n[d]\nMinProtocol = TLSv1\nCipherString = ALL:@SECLEVEL=0\n' >"$WORK/lax.cnf"
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$WORK/old.key" -out "$WORK/old.crt" -days 2 -subj /CN=localhost \
    -addext subjectAltName=IP:127.0.0.1 >/dev/null 2>&1
OPENSSL_CONF=$WORK/lax.cnf openssl s_server -accept "127.0.0.1:$old_port" -key "$WORK/old.key" -cert "$WORK/old.crt" -www \
    -no_tls1_2 -no_tls1_3 -cipher 'ALL:@SECLEVEL=0' >"$WORK/old.log" 2>&1 &
OLD_TLS=$!
wait_for listens "$old_port"
check "a server of TLS 1.1 answers who takes it" env OPENSSL_CONF="$WORK/lax.cnf" \
    curl -s --noproxy '*' --cacert "$WORK/old.crt" --tlsv1.0 -o /dev/null "https://127.0.0.1:$old_port/"
old_tls() {
    OPENSSL_CONF=$WORK/lax.cnf "$HIKAE" init --dir "$WORK/old" \
        --target "a=s3://old/x?endpoint=https://127.0.0.1:$old_port&ca_file=$WORK/old.crt"
}
expect 6 "it is none of ours" old_tls
says "SSL" "and the message is of TLS"
kill $OLD_TLS; OLD_TLS=

# ---- A nightly host that has no right to delete; secrets that are told nowhere ----
keys() { printf '[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n' "$1" "$2" >"$3"; chmod 600 "$3"; }
keys "$CEPH_WRITE_ACCESS" "$CEPH_WRITE_SECRET" "$WORK/writer"
s3 make nightly
s3 allow nightly writer 's3:GetObject,s3:PutObject,s3:ListBucket,s3:ListBucketVersions,s3:GetBucketVersioning,s3:GetBucketLocation' >/dev/null
check "credentials that cannot delete" store "a=s3://nightly/x?endpoint=$LINE&provider=ceph&credentials=file:$WORK/writer"
change
check "the nightly run with them" hikae run --only backup,replicate,verify --json
rules '[{"method": "PUT", "path": "/p/", "hold": true}]'
change
(cd "$WORK" && ulimit -c unlimited && exec "$HIKAE" --config "$WORK/h/hikae.yaml" --verbose backup t) >"$WORK/held" 2>&1 & pid=$!
sends() { [ "$(count -d method=PUT --data-urlencode 'path=/p/')" != 0 ]; }
wait_for sends
check "it runs" kill -0 $pid
tr '\0' '\n' <"/proc/$pid/cmdline" >"$WORK/argv"
check "its memory is nobody's to dump" same "$(awk '/Max core file size/ {print $5, $6}' "/proc/$pid/limits")" "0 0"
kill -ABRT $pid; wait $pid 2>/dev/null
check "no core is left" same "$(find "$WORK" -name 'core*' -size +0 | wc -l)" 0
rules '[{"status": 403, "code": "SignatureDoesNotMatch", "message": "no"}]'
expect 7 "a refusal" hikae backup t
check "no secret key in argv, answers, messages, state or log" test "$(grep -rlF "$CEPH_WRITE_SECRET" "$WORK/argv" \
    "$WORK/held" "$WORK/check.out" "$WORK/check.err" "$WORK/h" | wc -l)" = 0
rules '[]'

# ---- A bucket that locks what it gets by itself ----
s3 make locks-itself lock
s3 default-lock locks-itself GOVERNANCE 1
check "a bucket with a default retention" store "a=file://$WORK/a" "b=s3://locks-itself/x?endpoint=$LINE&provider=ceph"
check "a night" hikae backup t
change
check "another" hikae backup t
key=$(s3 list locks-itself x/hikae1/t/ | grep -o 'x/[^ ]*/p/.*' | head -n 1)
check "the store locked it" bash -c '[[ $1 = GOVERNANCE* ]]' - "$(s3 retention locks-itself "$key")"
expect 0 "its locks are looked after" hikae run --only locks --json
expect 1 "nothing of it can be erased yet" hikae --json target retire b --erase
cp "$WORK/check.out" "$WORK/json"
check "what waits is told, and for how long" test "$(field objects_locked)" -ge 4 -a "$(field locked_until)" != None

# ---- What was retired while a target was down ----
at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
rm -rf "$WORK/a"
check "two targets" store "a=file://$WORK/a" "b=s3://was-down/x?endpoint=$LINE&provider=ceph" "timeout_s: 2"
at 2026-11-01T02:00:00Z backup t >/dev/null 2>&1
packs() { find "$WORK/a/hikae1/t" -path '*/p/*' -type f -printf '%f\n' | sort; }
rows() { s3 list was-down x/hikae1/t/ | sed -n 's|.*/p/||p' | sort; }
packs >"$WORK/first"
ask -d '' "$LINE_CONTROL/down"
change
expect 1 "a night that one target misses" at 2026-11-02T02:00:00Z backup t --keep 1d
packs | comm -13 "$WORK/first" - >"$WORK/missed"
ask -d '' "$LINE_CONTROL/up"
change
check "a night later" at 2026-11-09T02:00:00Z backup t
at 2026-11-09T03:00:00Z --json retain t >"$WORK/json"
check "the missed one is retired" same "$(jq '.drop | length' "$WORK/json")" 1
none_came() { rows >"$WORK/rows"; [ -s "$WORK/missed" ] && [ "$(comm -12 "$WORK/missed" "$WORK/rows" | wc -l)" = 0 ]; }
check "caught up" at 2026-11-09T04:00:00Z replicate t
check "it does not come back" none_came
rm -rf "$WORK/r"
check "all that is local is lost" "$HIKAE" recover --dir "$WORK/r" \
    --key-file "$WORK/h/keys/epoch-1.key" --target "a=file://$WORK/a" --target "b=s3://was-down/x?endpoint=$LINE&provider=ceph"
check "caught up again" "$HIKAE" --config "$WORK/r/hikae.yaml" replicate t
check "still it does not come back" none_came
rm -rf "$WORK/back"
check "what is kept is on the target that was down" "$HIKAE" --config "$WORK/r/hikae.yaml" \
    restore t --target b --to "$WORK/back"
check "whole" diff -r "$WORK/src" "$WORK/back/data"
finish
