#!/bin/bash
# Export to formats that hold less than a snapshot does, and back.
. tests/system/lib.sh
mkdir -p "$WORK/src/dir"; echo hello >"$WORK/src/dir/file"; ln "$WORK/src/dir/file" "$WORK/src/dir/second"; ln -s file "$WORK/src/dir/link"
: >"$WORK/src/empty"; mkfifo "$WORK/src/dir/fifo"; echo odd >"$WORK/src/$(printf 'odd\377')"; echo ü >"$WORK/src/ü"
"$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" >/dev/null
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null
check "back up" hikae backup t
expect 0 "pax holds all" hikae export t -o "$WORK/t.tar"
check "and says so" test ! -s "$WORK/check.err"
mkdir "$WORK/x" && tar xf "$WORK/t.tar" -C "$WORK/x" 2>/dev/null
check "as tar reads it" bash -c 'diff -r --exclude=fifo "$0/src" "$0/x/data" && test -p "$0/x/data/dir/fifo" && test "$(stat -c %h "$0/x/data/dir/second")" = 2' "$WORK"
expect 1 "zip has no fifos" hikae export t --format zip -o "$WORK/t.zip"
says "data/dir/fifo is left out" "which is told"
check "and the rest is in it" unzip -tq "$WORK/t.zip"
check "a second name has the content, for zip knows no links" test "$(unzip -p "$WORK/t.zip" data/dir/second)" = hello
check "a part" hikae export t data/dir/second -o "$WORK/part.tar"
check "holds what its link leads to, which is not in it" test "$(tar xOf "$WORK/part.tar" data/dir/second)" = hello
expect 0 "cpio has fifos" hikae export t data/dir --format cpio -o "$WORK/t.cpio"
expect 0 "and what it holds comes back" hikae import t "$WORK/t.cpio" --as cpio
expect 0 "with the content of the second name" hikae cat t cpio/data/dir/second
says hello "as it was"
expect 0 "import what was exported" hikae import t "$WORK/t.tar" --as again
expect 0 "and restore it" hikae restore t --to "$WORK/r"
check "all is there" diff -r --exclude=fifo "$WORK/src" "$WORK/r/again/data"
expect 8 "what exists is not replaced" hikae export t -o "$WORK/t.tar"
expect 2 "no such format" hikae export t --format rar -o "$WORK/t.rar"

# ---- What a backup could not read is not an empty file ----
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    chmod 711 "$WORK"; mkdir -m 777 "$WORK/nobody" "$WORK/open"
    echo secret >"$WORK/open/mine"; chmod 600 "$WORK/open/mine"; ln "$WORK/open/mine" "$WORK/open/too"; echo text >"$WORK/open/theirs"
    as() { setpriv --reuid=nobody --clear-groups "$HIKAE" --config "$WORK/nobody/h/hikae.yaml" "$@"; }
    setpriv --reuid=nobody --clear-groups "$HIKAE" init --dir "$WORK/nobody/h" --target "a=file://$WORK/nobody/a" >/dev/null
    as tenant add n --source "data=dir:$WORK/open" >/dev/null
    expect 1 "a file of somebody else's" as backup n
    expect 1 "is left out of an archive" as export n -o "$WORK/nobody/n.tar"
    says "data/mine is left out of the archive: it could not be read" "which is told"
    check "with its other name, and nothing else" test "$(tar tf "$WORK/nobody/n.tar" | tr '\n' ' ')" = "data/ data/theirs "
    expect 1 "the customer's archive says so, too" as contract export n --to "$WORK/nobody/customer.tar" --recipient Customer
    check "with a receipt" test -s "$WORK/nobody/customer.tar.receipt.json"
fi

# ---- What is damaged is no archive ----
for pack in $(find "$WORK/a" -path '*/p/*' -type f); do printf XXXX | dd of="$pack" bs=1 seek=200 conv=notrunc status=none; done
expect 5 "damaged data is not exported" hikae export t -o "$WORK/damaged.tar"
expect 5 "nor given to the customer" hikae contract export t --to "$WORK/customer.tar" --recipient Customer
check "and no half archive stays" test ! -e "$WORK/damaged.tar" -a ! -e "$WORK/customer.tar" -a ! -e "$WORK/customer.tar.receipt.json"
finish
