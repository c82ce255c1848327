#!/bin/bash
# What must not grow: counts of requests, objects and bytes where tenants are long-lived, wide, deep or strange.
IN_MEMORY=1
. "$(dirname "$0")/lib.sh"

check init "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a"
packs() { find "$WORK/a/hikae1/t" -path '*/p/*' -type f | wc -l; }

# ---- Many tiny files: what a pack's directory takes in memory is bounded, however well its blobs are compressed ----
mkdir -p "$WORK/src/tiny"
/usr/bin/python3 -c 'import os,sys
os.chdir(sys.argv[1])
for i in range(70000):
    with open("f%05d" % i, "w") as f: f.write("content of %d\n" % i)' "$WORK/src/tiny"
hikae tenant add tiny --source "d=dir:$WORK/src/tiny" >/dev/null 2>&1
check "70,000 tiny files" hikae backup tiny
check "no pack has more than 32,768 of them ($(packs) packs)" test "$(packs)" -ge 3
check "one of them" cmp <(hikae cat tiny d/f69999 2>/dev/null) "$WORK/src/tiny/f69999"
rm -r "$WORK/src/tiny"

# ---- A long history: a night lists it, and reads no record of it that was read or written here ----
mkdir "$WORK/src/long"
hikae tenant add long --source "d=dir:$WORK/src/long" >/dev/null 2>&1
tid=$(hikae --json tenant show long 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["id"])')
for i in $(seq 20); do echo "$i" >"$WORK/src/long/f"; hikae backup long >/dev/null 2>&1; done
records=("$WORK/a/hikae1/t/$tid/h/"*)
cp -a "$WORK/a/hikae1/t/$tid/h" "$WORK/records"
for r in "${records[@]}"; do chmod u+w "$r"; head -c "$(stat -c %s "$r")" /dev/zero >"$r"; done
check "a night over a target whose ${#records[@]} records are junk" hikae backup long
check "no record was read" bash -c '! grep -q record "$1"' _ "$WORK/check.err"
rm -rf "$WORK/h/state/tenants/$tid/h"; hikae snapshots long >"$WORK/out" 2>"$WORK/err"
says "match its name" "without the copies here they would have been"
cp -a "$WORK/records/." "$WORK/a/hikae1/t/$tid/h/"
check "all of it is there again" test "$(hikae --json snapshots long 2>/dev/null | grep -o '"id"' | wc -l)" -eq 21

# ---- A new key of a tenant: deduplication goes on, and nothing is stored again ----
mkdir "$WORK/src/key"; head -c 5000000 /dev/urandom >"$WORK/src/key/a"
hikae tenant add key --source "d=dir:$WORK/src/key" >/dev/null 2>&1
hikae backup key >/dev/null 2>&1
check "a new key" hikae keys rotate --tenant key
cp "$WORK/src/key/a" "$WORK/src/key/b"
hikae --json backup key >"$WORK/json" 2>/dev/null
check "what was stored under the old key is not stored again" test "$(field bytes_read)" -ge 5000000 -a "$(field bytes_new)" -eq 0
check "both keys open" hikae verify key --level data
check "restored under both" hikae restore key --to "$WORK/rk"
check "and right" cmp "$WORK/src/key/a" "$WORK/rk/d/b"

# ---- Strange ones: 2,000 folders deep, names of 255 bytes, 200 GiB of hole, many names of one inode ----
/usr/bin/python3 -c 'import os,sys
os.makedirs(sys.argv[1]); os.chdir(sys.argv[1])
with open("hole", "wb") as f:
    f.truncate(200 << 30); f.seek(150_000_000_000); f.write(b"x")
for i in range(100): open("%03d" % i + "n" * 252, "w").close()
open("\u3042" * 85, "w").close()
with open("one", "w") as f: f.write("inode\n")
for i in range(5000): os.link("one", "one-%d" % i)
for i in range(2000): os.mkdir("d"); os.chdir("d")
with open("bottom", "w") as f: f.write("here\n")' "$WORK/src/odd"
hikae tenant add odd --source "d=dir:$WORK/src/odd" >/dev/null 2>&1
hikae --json backup odd >"$WORK/json" 2>/dev/null
check "holes are not read" test "$(field bytes_source)" -gt 200000000000 -a "$(field bytes_read)" -lt 10000000
check "restore them" hikae restore odd --to "$WORK/ro"
check "2,000 deep" test "$(find "$WORK/ro" -name bottom | wc -l)" = 1
check "names of 255 bytes" test "$(find "$WORK/ro/d" -maxdepth 1 -name '*nnn' | wc -l)" = 100 -a -e "$WORK/ro/d/$(printf 'あ%.0s' $(seq 85))"
check "5,001 names of one inode" test "$(stat -c %h "$WORK/ro/d/one-4999")" = 5001
check "a hole stays a hole" test "$(stat -c %s "$WORK/ro/d/hole")" = $((200 << 30)) -a "$(stat -c %b "$WORK/ro/d/hole")" -lt 4096
check "what is in it" cmp <(dd if="$WORK/ro/d/hole" bs=1 skip=149999999999 count=3 status=none) <(printf '\0x\0')
finish
