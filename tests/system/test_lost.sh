#!/bin/bash
# What is damaged on every target: the next backup stores anew what the sources still have, and all restores again.
. tests/system/lib.sh
mkdir -p "$WORK/src/sub"; for i in 1 2 3; do head -c 40000 /dev/urandom >"$WORK/src/f$i"; done; echo text >"$WORK/src/sub/readme"
"$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" --target "b=file://$WORK/b" >/dev/null
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null
sleep 2.1 # a younger file is marked so in the manifest, and the first snapshot needed one that is never made again
check "back up" hikae --json backup t
cp "$WORK/check.out" "$WORK/json"; first=$(field snapshot)
pack=$(cd "$WORK/a" && find hikae1/t/*/p -type f)
cp "$WORK/a/$pack" "$WORK/sound"
for t in a b; do printf XXXX | dd of="$WORK/$t/$pack" bs=1 seek=3000 conv=notrunc status=none; done
check "a backup that was not told builds on what is damaged" hikae backup t
expect 5 "verification finds it" hikae verify t --level data
says data/f1 "and what it costs"
touch "$WORK/src/f1" # so that the list of the files is another one, and the first lies in the old pack alone
expect 0 "the next backup stores it anew" hikae --json backup t
says "damaged on every target: 1 of the packs" "and says why"
cp "$WORK/check.out" "$WORK/json"
check "all of it" test "$(field bytes_new)" -ge 120000
check "the list of files that could not be read is no missing file" test "$(field errors)" = "[]"
expect 0 "the latest snapshot restores" hikae restore t --to "$WORK/r1"
check "all of it" diff -r "$WORK/src" "$WORK/r1/data"
expect 0 "so does the first, from what is sound of the old pack and from the new one" hikae restore t --snapshot "$first" --to "$WORK/r2"
says "what is sound of them is read" "which is told"
check "all of it" diff -r "$WORK/src" "$WORK/r2/data"
expect 0 "the backup after that builds on the new pack" hikae --json backup t
cp "$WORK/check.out" "$WORK/json"
check "and stores nothing" test "$(field bytes_new)" = 0
rm -rf "$WORK/h/state"
expect 5 "without the state folder verification finds it again" hikae verify t --level objects
expect 0 "and the latest restores" hikae restore t --to "$WORK/r3"
check "all of it" diff -r "$WORK/src" "$WORK/r3/data"
cp "$WORK/sound" "$WORK/a/$pack"
expect 1 "once a copy is sound again it is used to mend the other" hikae verify t --level objects --repair
expect 0 "and nothing is left out any more" hikae restore t --snapshot "$first" --to "$WORK/r4"
check "which no warning says" test ! -s "$WORK/check.err"

# ---- Two packs hold the same, each damaged elsewhere: together they are whole ----
mkdir "$WORK/twice"; for i in 1 2 3; do head -c 4000000 /dev/urandom >"$WORK/twice/f$i"; done
packs() { (cd "$WORK/a" && find hikae1/t/*/p -type f | sort); }
largest() { (cd "$WORK/a" && xargs ls -S | head -n 1); }
damage() { local t; for t in a b; do printf XXXX | dd of="$WORK/$t/$1" bs=1 seek="$2" conv=notrunc status=none; done; }
packs >"$WORK/before"
hikae tenant add u --source "data=dir:$WORK/twice" >/dev/null
check "back up" hikae --json backup u
cp "$WORK/check.out" "$WORK/json"; first=$(field snapshot)
packs >"$WORK/first"
damage "$(comm -13 "$WORK/before" "$WORK/first" | largest)" 3000
expect 5 "verification finds the first pack damaged" hikae verify u --level data
check "its contents are stored anew" hikae backup u
packs >"$WORK/second"
pack=$(comm -13 "$WORK/first" "$WORK/second" | largest)
damage "$pack" $(($(stat -c %s "$WORK/a/$pack") / 2))
rm -rf "$WORK/h/state"
check "another host, which was not told, knows both" hikae backup u
expect 0 "what one does not give, the other does" hikae restore u --snapshot "$first" --to "$WORK/r5"
check "all of it" diff -r "$WORK/twice" "$WORK/r5/data"
check "for whoever looks, too" cmp "$WORK/twice/f1" <(hikae cat u data/f1 --snapshot "$first")
check "and an export" sh -c "'$HIKAE' --config '$WORK/h/hikae.yaml' export u --snapshot $first --format pax 2>/dev/null | tar xO data/f2 | cmp - '$WORK/twice/f2'"
expect 5 "verification tells of both" hikae verify u --level data
check "and that no file is lost" sh -c "! grep -q data/f '$WORK/check.out'"
finish
