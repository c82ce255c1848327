#!/bin/bash
# restore --all: every tenant into a folder of its own, the most urgent first; one that fails stops no other.
. "$(dirname "$0")/lib.sh"
for name in kawa umi yama; do
    mkdir -p "$WORK/src/$name"
    echo "of $name" >"$WORK/src/$name/file"
done
check init "$HIKAE" init --dir "$WORK/h" --target "one=file://$WORK/one"
check kawa hikae tenant add kawa --source "s=dir:$WORK/src/kawa"
check umi hikae tenant add umi --source "s=dir:$WORK/src/umi" --priority 1
check yama hikae tenant add yama --source "s=dir:$WORK/src/yama" --priority 9
check never hikae tenant add never --source "s=dir:$WORK/src/yama"
for name in kawa umi yama; do check "backup-$name" hikae backup "$name"; done

expect 2 all-and-a-tenant hikae restore kawa --all --to "$WORK/r"
says "restore --all takes every tenant" all-and-a-tenant-is-told
expect 2 all-and-a-snapshot hikae restore --all --snapshot 1234 --to "$WORK/r"
expect 2 no-tenant hikae restore --to "$WORK/r"
says "restore needs TENANT, or --all" no-tenant-is-told
expect 0 dry-run hikae restore --all --to "$WORK/r" --dry-run
check nothing-is-written test ! -e "$WORK/r"

hikae --json restore --all --to "$WORK/r" >"$WORK/json" 2>"$WORK/err"
check restored test $? = 0
check by-priority test "$(field tenants.0.name) $(field tenants.1.name) $(field tenants.2.name) $(field tenants.3.name)" = "umi kawa never yama"
check never-is-empty test "$(field tenants.2.state)" = empty
for name in kawa umi yama; do check "same-$name" diff -r "$WORK/src/$name" "$WORK/r/$name/s"; done

# What is in the way of one is in nobody else's; its code is the one that counts.
rm -r "$WORK/r/umi" "$WORK/r/yama"
hikae --json restore --all --to "$WORK/r" >"$WORK/json" 2>"$WORK/err"
check refused-for-one test $? = 8
check kawa-failed test "$(field tenants.1.name) $(field tenants.1.state) $(field tenants.1.exit)" = "kawa failed 8"
for name in umi yama; do check "again-$name" diff -r "$WORK/src/$name" "$WORK/r/$name/s"; done
rm -r "$WORK/r"
expect 4 people hikae --lang ja restore --all --to "$WORK/r" --at 2020-01-01
finish
