#!/bin/bash
# What goes in comes out: every kind of entry, compared by tools that know nothing of hikae.
. tests/system/lib.sh
tests/system/make_tree.sh "$WORK/src"
check "init" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a?country=JP&site=one" --target "b=file://$WORK/b"
check "tenant add" hikae tenant add t --source "data=dir:$WORK/src"
sleep 2.1
hikae --json backup t >"$WORK/json" 2>"$WORK/err"
check "first backup" test "$(field errors)" = "[]"
cp "$WORK/json" "$WORK/first.json"
check "restore" hikae restore t --to "$WORK/r1"
same() {
    local differences
    differences=$(rsync -aAXHn --delete --exclude=/deep --itemize-changes "$1/" "$2/" 2>&1 | grep -v '^\.d\.\.t\.\.\.\.\.\. \./$')
    [ -z "$differences" ] || { echo "$differences" | head; return 1; }
}
check "rsync finds no difference" same "$WORK/src" "$WORK/r1/data"
check "tar --compare finds no difference" bash -c 'tar -C "$0" --exclude=./deep --warning=no-file-ignored -cf - . | tar -C "$1" --compare -f -' "$WORK/src" "$WORK/r1/data"
attributes() { (cd "$1" && getfattr -R -P -h -d -m - . 2>/dev/null | grep -v '^$' | sort); }
acls() { (cd "$1" && getfacl -R -P -n -p . 2>/dev/null); }
attributes "$WORK/src" >"$WORK/x1"; attributes "$WORK/r1/data" >"$WORK/x2"
check "extended attributes are the same" cmp "$WORK/x1" "$WORK/x2"
acls "$WORK/src" >"$WORK/x1"; acls "$WORK/r1/data" >"$WORK/x2"
check "ACLs are the same" cmp "$WORK/x1" "$WORK/x2"
times() { (cd "$1" && find . -printf '%p %T@ %m %U %G %y %n %s\n' | sort); }
times "$WORK/src" >"$WORK/x1"; times "$WORK/r1/data" >"$WORK/x2"
check "times to the nanosecond, modes, owners, links, sizes" cmp "$WORK/x1" "$WORK/x2"
check "holes stay holes" test "$(du -s --block-size=1K "$WORK/r1/data/huge" | cut -f1)" -lt 1000
check "the folder deeper than 4096 bytes is there" test "$(find "$WORK/r1/data/deep" -name bottom | wc -l)" = 1
hikae --json backup t >"$WORK/json"
check "an unchanged run reads nothing" test "$(field bytes_read)" = 0
check "an unchanged run stores no object but the record" test "$(field bytes_stored)" = 0
# A same-size edit within the tick of the file system's clock, right after a backup.
mkdir "$WORK/src/racy"; echo 1 >"$WORK/src/racy/f"
hikae backup t >/dev/null 2>&1
s=$(stat -c %y "$WORK/src/racy/f"); echo 2 >"$WORK/src/racy/f"; touch -d "$s" "$WORK/src/racy/f"
hikae --json backup t >"$WORK/json"
check "a same-size edit in the same tick is found" test "$(hikae cat t data/racy/f)" = 2
# Refusals and other ways to restore.
expect 8 "restore refuses to overwrite" hikae restore t --to "$WORK/r1"
says "nothing was written" "and says that nothing was written"
echo changed >"$WORK/r1/data/file.changed"; echo changed >"$WORK/r1/data/hard1"
check "restore --overwrite" hikae restore t --to "$WORK/r1" --overwrite
rm -f "$WORK/r1/data/file.changed"
check "and all is as it was" same "$WORK/src" "$WORK/r1/data"
printf 'XXXX' | dd of="$WORK/r1/data/blocks" bs=1 seek=3000000 conv=notrunc status=none
hikae --json restore t --to "$WORK/r1" --overwrite --delta >"$WORK/json" 2>"$WORK/err"
check "restore --delta mends" cmp "$WORK/src/blocks" "$WORK/r1/data/blocks"
# The block with the bytes that were overwritten, the one with the file that is gone: 4 MiB at most each; the manifest.
check "restore --delta fetches only what differs" test "$(field bytes_fetched 2>/dev/null || echo 9999999)" -lt 8500000
check "one path" hikae restore t data/sub --to "$WORK/r2"
check "has what is below, and no more" bash -c 'cmp "$0/sub/deeper/x" "$1/data/sub/deeper/x" && test ! -e "$1/data/numbers"' "$WORK/src" "$WORK/r2"
check "a pattern" hikae restore t 'data/sub/deeper/n1?' --to "$WORK/r3"
check "matches ten files" test "$(find "$WORK/r3" -name 'n1?' | wc -l)" = 10
# The same language as `--exclude`, wherever entries are chosen.
below() { (cd "$1" && find . -type f | sort); }
hikae find t 'n1?' 2>/dev/null | sed 's|^|./|' | sort >"$WORK/found"
check "find: a pattern without a slash is a name anywhere" test "$(wc -l <"$WORK/found")" -ge 10
for pattern in 'data/**/n1?' 'n1?' '**/n1?'; do
    rm -rf "$WORK/r3"; hikae restore t "$pattern" --to "$WORK/r3" >/dev/null 2>&1
    below "$WORK/r3" >"$WORK/restored"
    check "restore $pattern" cmp "$WORK/found" "$WORK/restored"
    hikae find t "$pattern" 2>/dev/null | sed 's|^|./|' | sort >"$WORK/found-again"
    check "find $pattern" cmp "$WORK/found" "$WORK/found-again"
    hikae export t "$pattern" 2>/dev/null | tar t | grep -v '/$' | sed 's|^|./|' | sort >"$WORK/exported"
    check "export $pattern" cmp "$WORK/found" "$WORK/exported"
done
rm -rf "$WORK/r3"; hikae restore t data/sub/ '!n1?' --to "$WORK/r3" >/dev/null 2>&1
check "a pattern takes away" test "$(below "$WORK/r3" | grep -c '/n1.$')" = 0 -a "$(below "$WORK/r3" | grep -c .)" -gt 5
rm -rf "$WORK/r3"
expect 4 "an empty path means nothing" hikae restore t '' --to "$WORK/r3"
expect 2 "find: no pattern" hikae find t 'a['
says "a '[' is not closed" "it says why"
expect 4 "a pattern that matches nothing" hikae restore t 'data/*/no-such-*' --to "$WORK/none"
check "leaves no folder behind" test ! -e "$WORK/none"
expect 4 "a path that is not there" hikae restore t data/nothing --to "$WORK/r4"
expect 4 "a tenant that is not there" hikae backup nobody
expect 2 "an unknown option" hikae backup t --frobnicate
# Look inside.
check "ls of a folder" bash -c '[ "$("$0" --config "$1" ls t data/sub/deeper | grep -c .)" -ge 301 ]' "$HIKAE" "$WORK/h/hikae.yaml"
check "cat" bash -c '"$0" --config "$1" cat t data/numbers | cmp - "$2/numbers"' "$HIKAE" "$WORK/h/hikae.yaml" "$WORK/src"
check "cat of a hard link" test "$(hikae cat t data/sub/hard2)" = hello
check "find" bash -c '"$0" --config "$1" find t n300 | grep -q data/sub/deeper/n300' "$HIKAE" "$WORK/h/hikae.yaml"
first=$(/usr/bin/python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["snapshot"])' "$WORK/first.json")
check "diff names what came" bash -c '"$0" --config "$1" diff t "$2" latest | grep -q racy/f' "$HIKAE" "$WORK/h/hikae.yaml" "$first"
check "restore of an older snapshot" hikae restore t --snapshot "$first" --to "$WORK/r5"
check "has not what came later" test ! -e "$WORK/r5/data/racy"
# Archives.
check "export" hikae export t -o "$WORK/e.tar"
check "the export is what the source is" bash -c 'mkdir "$1/e" && tar -C "$1/e" --exclude=data/deep --warning=no-timestamp --warning=no-unknown-keyword -xpf "$1/e.tar" && diff -r --no-dereference "$0/sub" "$1/e/data/sub" && cmp "$0/twice" "$1/e/data/twice"' "$WORK/src" "$WORK"
check "import" hikae import t "$WORK/e.tar" --as again
check "restore of the import" hikae restore t --to "$WORK/r6"
check "has the same content" bash -c 'cmp "$0/numbers" "$1/again/data/numbers" && test "$(stat -c %h "$1/again/data/file")" = 3' "$WORK/src" "$WORK/r6"
check "export as zip" hikae export t again/data/sub --format zip -o "$WORK/e.zip"
check "unzip reads it" unzip -tq "$WORK/e.zip"
check "verify finds all data sound" hikae verify t --level data
check "verify of the inventory" hikae verify t --level inventory
check "verify of the objects" hikae verify t --level objects
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 711 "$WORK"; chmod -R a+rX "$WORK/h" "$WORK/a" "$WORK/b"; chmod 644 "$WORK/h/keys/epoch-1.key" 2>/dev/null
    cp -r "$WORK/h" "$WORK/h2"; chmod 600 "$WORK/h2/keys/epoch-1.key"; sed -i "s|$WORK/h/|$WORK/h2/|" "$WORK/h2/hikae.yaml"; chown -R nobody "$WORK/h2"
    mkdir "$WORK/nobody"; chown nobody "$WORK/nobody"
    setpriv --reuid=nobody --clear-groups "$HIKAE" --config "$WORK/h2/hikae.yaml" restore t --snapshot "$first" --to "$WORK/nobody/r" >"$WORK/out" 2>"$WORK/err"
    code=$?
    check "without privileges: done, with warnings" test $code -eq 1
    check "and the content is there" cmp "$WORK/src/numbers" "$WORK/nobody/r/data/numbers"
fi
finish
