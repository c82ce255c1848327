#!/bin/bash
# The claim of an erasure, against somebody who has every object ever stored, every keystore entry of every epoch,
# configuration, catalogue, caches, the memory of the process and the raw image of the disk on which all of it lived: he
# must recover nothing of the erased tenant. The controls: with the destroyed epoch's key he recovers everything; what
# was given to people (a backup of the key file, a recovery sheet that was kept) brings the data back, which is why the
# plan lists them.
. tests/system/lib.sh
. tests/system/purge_lib.sh
DISK=$WORK/mnt
make_disk() { # a loop device, so that the raw image is the disk's; else the folder alone
    truncate -s 64M "$WORK/disk.img" && mkfs.ext4 -q -F "$WORK/disk.img" && mkdir -p "$DISK" && mount -o loop "$WORK/disk.img" "$DISK"
}
if make_disk >/dev/null 2>&1; then ok "a disk of its own, mounted from an image"; else echo "# no loop devices here: the raw image is left out"; mkdir -p "$DISK"; rm -f "$WORK/disk.img"; fi
make_store --target "a=file://$DISK/a" --target "b=file://$DISK/b" --min-copies 2 || { not_ok "store"; finish; }
# State and key file lie on that disk, the key file written once; the sheet never did.
mkdir -p "$DISK/keys" && mv "$WORK/h/state" "$DISK/state" && cp "$WORK/h/keys/epoch-1.key" "$DISK/keys/" &&
    sed -i "s|^state:.*|state: \"$DISK/state\"|; s|$WORK/h/keys/epoch-1.key|$DISK/keys/epoch-1.key|" "$WORK/h/hikae.yaml"
mkdir "$WORK/holder" && mv "$WORK/h/keys/epoch-1.key" "$WORK/holder/"
check "tenants" add_tenant keep
add_tenant victim 200000; hikae -q backup victim >/dev/null 2>&1
tid=$(pseudonym victim)
step=0
copy() { step=$((step + 1)); mkdir "$WORK/copy$step"; cp -a "$DISK/a" "$DISK/b" "$DISK/state" "$WORK/h" "$WORK/copy$step/"; }
copy
hikae -q keys rotate --tenant victim >/dev/null 2>&1 || hikae -q keys rotate victim >/dev/null 2>&1
echo more >"$WORK/src/victim/more"; hikae -q backup victim >/dev/null 2>&1
copy
# A catalogue that was found damaged while it lived lies beside the new one.
for suffix in '' -wal; do cp "$DISK/state/catalogue.db" "$DISK/state/catalogue.db-damaged-20261101T000000Z$suffix"; done
check "approved" approve victim
adversary() { /usr/bin/python3 "$ROOT/tests/adversary/adversary.py" --tenant "$tid" "$@" >"$WORK/json"; }
# While it lives he recovers it from the disk: he knows how to look.
check "before: he looks" adversary "$WORK"/copy* "$DISK/a" "$DISK/keys"
check "before: everything opens, the adversary is able" test "$(field opened)" -gt 0 -a "$(field opened)" -eq "$(field objects)" -a "$(field other_tenants)" -ge 2
secrets=$(/usr/bin/python3 -c 'import json,sys; print(" ".join("--find "+s for s in json.load(open(sys.argv[1]))["secrets"]))' "$WORK/json")
keyline=$(sed 's/hikae-key-1 epoch 1 \([0-9a-f]*\).*/\1/' "$WORK/holder/epoch-1.key")
if [ -e "$WORK/disk.img" ]; then
    sync; cp "$WORK/disk.img" "$WORK/before.img"
    check "before: the raw image has the key" adversary --find "$keyline" "$WORK/before.img"
    check "before: found" test "$(field found)" != "[]"
    rm "$WORK/before.img"
fi
# The erasure, copied at each of its steps.
for stop in frozen intent epoch-prepared commit in-force changed holders-destroyed; do
    HIKAE_TEST_STOP=$stop "$HIKAE" --config "$WORK/h/hikae.yaml" purge run >/dev/null 2>&1
    copy
done 2>/dev/null
# The last part is held at its end, and its memory read.
HIKAE_TEST_HOLD=finished "$HIKAE" --config "$WORK/h/hikae.yaml" purge run >/dev/null 2>&1 & pid=$!
check "the process is held" wait_for is_stopped $pid
check "no copy of the catalogue names it" bash -c '! grep -qrl victim "$0"' "$DISK/state"
/usr/bin/python3 - $pid >"$WORK/memory" <<'PY'
import sys
pid = sys.argv[1]
with open("/proc/%s/mem" % pid, "rb", 0) as memory:
    for line in open("/proc/%s/maps" % pid):
        span, rights = line.split()[:2]
        first, end = (int(x, 16) for x in span.split("-"))
        if "r" not in rights or "w" not in rights:
            continue
        try:
            memory.seek(first)
            sys.stdout.buffer.write(memory.read(end - first))
        except (OSError, ValueError):
            pass
PY
check "its memory is read" test "$(stat -c %s "$WORK/memory")" -gt 1000000
kill -CONT $pid; wait $pid
check "erased" test "$(stage victim)" = gone
copy
sync; image=; if [ -e "$WORK/disk.img" ]; then umount "$DISK"; cp "$WORK/disk.img" "$WORK/raw.img"; mount -o loop "$WORK/disk.img" "$DISK"; image=$WORK/raw.img; fi
cp "$DISK"/state/catalogue.db* "$WORK/" 2>/dev/null
# Copies made while it lived hold the key file only where it lay: on the disk, which he has as it is now.
check "he tries everything" adversary --memory "$WORK/memory" $secrets --find "$keyline" "$WORK"/copy* "$DISK" $image "$WORK"/catalogue.db*
check "he has all objects ever stored, and the slots of both epochs" test "$(field objects)" -ge 6 -a "$(field slots)" -ge 2
check "he opens nothing of the tenant" test "$(field opened)" = 0 -a "$(field tenant_keys)" = 0
check "and not the old epoch: only the one in force, whose key file lies there" bash -c '! grep -q "\"roots\": \[[^]]*\b1\b" "$0"' "$WORK/json"
check "the same search finds the others' keys" test "$(field other_tenants)" -ge 2
check "no known key stands in image, memory, catalogue or log" test "$(field found)" = "[]"
echo "# $(field candidates) candidates from $(field searched_bytes) bytes against $(field slots) slots, $(field key_objects) key entries, $(field objects) objects"
# The control: with the destroyed key it is all there, or else this test would prove nothing.
check "control: with the destroyed epoch's key" adversary --key "$WORK/holder/epoch-1.key" "$WORK"/copy*
check "control: everything opens" test "$(field opened)" -gt 0 -a "$(field opened)" -eq "$(field objects)"
check "control: its bytes are found where they are" adversary --find "$keyline" "$WORK/holder/epoch-1.key"
check "control: found" test "$(field found)" != "[]"
# What people keep brings it back: the plan names them.
check "a sheet that was kept" adversary --key "$WORK/safe/recovery-sheet-epoch-1.txt" "$WORK"/copy*
check "brings the data back" test "$(field opened)" -gt 0
check "which is why the plan lists it" bash -c '"$0" --config "$1/h/hikae.yaml" --json purge status victim 2>/dev/null | grep -q "recovery sheet: its paper"' "$HIKAE" "$WORK"
check "and backups of the key file" bash -c '"$0" --config "$1/h/hikae.yaml" --json purge status victim 2>/dev/null | grep -q "every backup of the key file"' "$HIKAE" "$WORK"
# An old machine, an old catalogue, an old keystore put back.
expect 4 "the present machine knows no such tenant" hikae restore victim --to "$WORK/r1"
cp -a "$WORK/copy2/state/." "$WORK/old-state" 2>/dev/null
sed "s|$DISK/state|$WORK/old-state|" "$WORK/h/hikae.yaml" >"$WORK/h/old-catalogue.yaml"
expect 4 "an old catalogue learns that the tenant is erased" "$HIKAE" --config "$WORK/h/old-catalogue.yaml" restore victim --to "$WORK/r2"
cp -n "$WORK"/copy2/a/hikae1/k/* "$DISK/a/hikae1/k/"; cp -n "$WORK"/copy2/b/hikae1/k/* "$DISK/b/hikae1/k/"; cp -a "$WORK/copy2/a/hikae1/t/$tid" "$DISK/a/hikae1/t/"
expect 4 "an old keystore and all objects put back: nobody knows such a tenant" "$HIKAE" --config "$WORK/h/old-catalogue.yaml" restore victim --to "$WORK/r3"
check "nothing was restored" test ! -e "$WORK/r2/data" -a ! -e "$WORK/r3/data"
check "the others restore all the same" restores keep
finish
