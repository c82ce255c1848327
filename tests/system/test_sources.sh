#!/bin/bash
# Sources: commands, images, archives, exclusions, files that cannot be read or change.
. tests/system/lib.sh
mkdir -p "$WORK/src/keep" "$WORK/src/skip" "$WORK/src/cache"
echo 1 >"$WORK/src/keep/a"; echo 2 >"$WORK/src/keep/b.log"; echo 3 >"$WORK/src/skip/c"; echo 4 >"$WORK/src/cache/d"
printf 'Signature: 8a477f597d28d172789f06886806bc55\n' >"$WORK/src/cache/CACHEDIR.TAG"
check "init" "$HIKAE" init --dir "$WORK/h" --target "a=file://$WORK/a" --target "b=file://$WORK/b"
check "exclusions: add" hikae tenant add x --source "data=dir:$WORK/src" --exclude '*.log' --exclude '/skip' --exclude-caches
check "exclusions: back up" hikae backup x
hikae ls x --recursive >"$WORK/out" 2>&1
check "what is excluded is not there" bash -c '! grep -q "b.log\|skip/c\|cache/d" "$0" && grep -q keep/a "$0" && grep -q CACHEDIR.TAG "$0"' "$WORK/out"
check "a command's output: add" hikae tenant add c --source "dump=cmd:seq 1 300000"
check "a command's output: back up" hikae backup c
check "is what it printed" bash -c '"$0" --config "$1" cat c dump | cmp - <(seq 1 300000)' "$HIKAE" "$WORK/h/hikae.yaml"
# Where cuts fall does not depend on the sizes in which a command happens to write.
{ head -c 1000000 /dev/urandom; head -c 3000000 /dev/zero; head -c 500001 /dev/urandom; } >"$WORK/stream"
check "a command that writes in pieces: add" hikae tenant add pieces --source "dump=cmd:cat $WORK/stream"
check "a command that writes in pieces: back up" hikae backup pieces
check "a command that writes in pieces: smaller ones" hikae tenant set pieces --source "dump=cmd:dd if=$WORK/stream bs=7777 status=none"
hikae --json backup pieces >"$WORK/json"
check "nothing of it is new" test "$(field bytes_new)" = 0
check "a command that goes on without output: add" hikae tenant add quiet --source "dump=cmd:echo x; exec >&-; touch $WORK/closed; exec sleep 300"
timeout 100 "$HIKAE" --config "$WORK/h/hikae.yaml" backup quiet >"$WORK/out" 2>"$WORK/err" & pid=$!
for _ in $(seq 600); do [ -e "$WORK/closed" ] && break; sleep 0.1; done
kill -TERM $pid; wait $pid; code=$?
check "is stopped when asked" test $code = 9
mkfifo "$WORK/fifo"
check "a pipe is no image: add" hikae tenant add fifo --source "disk=image:$WORK/fifo"
expect 6 "a pipe is no image, and nobody waits for it" timeout 30 "$HIKAE" --config "$WORK/h/hikae.yaml" backup fifo
says "neither a file nor a block device" "and says so"
check "a command's environment: add" hikae tenant add e --source "dump=cmd:env"
check "a command's environment: back up" env AWS_ACCESS_KEY_ID=AKIA AWS_SECRET_ACCESS_KEY=hidden-1 TOKYO_SESSION_TOKEN=hidden-2 \
    AWS_CONTAINER_AUTHORIZATION_TOKEN=hidden-3 SEEN=yes "$HIKAE" --config "$WORK/h/hikae.yaml" backup e
hikae cat e dump >"$WORK/out" 2>&1
check "has no keys of object stores" bash -c 'grep -q ^SEEN=yes "$0" && ! grep -q hidden "$0"' "$WORK/out"
check "a failing command: add" hikae tenant add f --source "dump=cmd:head -c 20000000 /dev/urandom; exit 3"
hikae backup f >"$WORK/out" 2>"$WORK/err"
check "a failing command makes no snapshot" bash -c '[ "$1" -ne 0 ] && grep -q "exit code 3" "$0"' "$WORK/err" $?
expect 4 "and there is none" hikae ls f
truncate -s 64M "$WORK/image"; head -c 3000000 /dev/urandom | dd of="$WORK/image" bs=4096 seek=1000 conv=notrunc status=none
check "an image: add" hikae tenant add i --source "disk=image:$WORK/image"
check "an image: back up" hikae backup i
check "an image: restore" hikae restore i --to "$WORK/ri"
check "is the same, with its holes" bash -c 'cmp "$0/image" "$0/ri/disk" && test "$(du -k "$0/ri/disk" | cut -f1)" -lt 4000' "$WORK"
printf 'changed!' | dd of="$WORK/image" bs=1 seek=5000000 conv=notrunc status=none
hikae --json backup i >"$WORK/json"
check "a page of it changed: little is new" test "$(field bytes_new)" -lt 1100000
if [ "$(id -u)" = 0 ] && loop=$(losetup -f --show "$WORK/image" 2>/dev/null); then
    check "a block device: add" hikae tenant add dev --source "disk=image:$loop"
    check "a block device: back up" hikae backup dev
    check "is the same as the image" bash -c '"$0" --config "$1" cat dev disk | cmp - "$2"' "$HIKAE" "$WORK/h/hikae.yaml" "$WORK/image"
    losetup -d "$loop"
fi
mkdir "$WORK/other"; echo 5 >"$WORK/other/a"; mkdir "$WORK/other/keep"; echo 6 >"$WORK/other/keep/z"
check "several sources: add" hikae tenant add several --source "a-z=dir:$WORK/src" --source "a=dir:$WORK/other" --source "b=cmd:seq 5" --source "c=image:$WORK/other/a"
check "several sources: back up" hikae backup several
check "several sources: restore" hikae restore several --to "$WORK/rs"
check "several sources: all is there" bash -c 'diff -r "$0/other" "$0/rs/a" && diff -r "$0/src" "$0/rs/a-z" && test "$(tail -n1 "$0/rs/b")" = 5 && cmp "$0/other/a" "$0/rs/c"' "$WORK"
hikae --json backup several >"$WORK/json"
check "several sources: unchanged files are not read" test "$(field files_changed) $(field files_new)" = "0 1"
(cd "$WORK/src" && zip -qr "$WORK/z.zip" keep)
check "an archive: add" hikae tenant add z --source "files=archive:$WORK/z.zip"
check "an archive: back up" hikae backup z
check "an archive: its content is there" test "$(hikae cat z files/keep/a)" = 1
mkdir "$WORK/links"; (cd "$WORK/links" && echo one >zz && ln zz aa && tar cf "$WORK/l.tar" zz aa)
check "an archive whose link comes first: back up" bash -c '"$0" --config "$1" tenant add l --source "f=archive:$2/l.tar" && "$0" --config "$1" backup l && "$0" --config "$1" restore l --to "$2/rl" && test "$(stat -c %h "$2/rl/f/aa")" = 2' "$HIKAE" "$WORK/h/hikae.yaml" "$WORK"
/usr/bin/python3 - "$WORK/evil.tar" <<'P'
import io, sys, tarfile
t = tarfile.open(sys.argv[1], "w")
def add(name, data=b"evil", kind=None, link=""):
    i = tarfile.TarInfo(name); i.size = len(data) if kind is None else 0
    if kind: i.type = kind; i.linkname = link
    t.addfile(i, io.BytesIO(data) if kind is None else None)
add("good"); add("../outside"); add("/absolute"); add("a/../../b")
add("lnk", kind=tarfile.SYMTYPE, link="/tmp"); add("lnk/through-link")
t.close()
P
hikae tenant add evil --source "e=archive:$WORK/evil.tar" >/dev/null
hikae backup evil >"$WORK/out" 2>"$WORK/err"
check "a hostile archive: what cannot be in a snapshot is reported" bash -c '[ "$1" -eq 1 ] && grep -q outside "$0"' "$WORK/err" $?
hikae restore evil --to "$WORK/re" >"$WORK/out" 2>"$WORK/err"
check "a hostile archive: nothing is written through its links" bash -c 'test ! -e /tmp/through-link && test ! -e "$0/outside" && test "$(cat "$0/re/e/good")" = evil' "$WORK"
# What is no archive says so, and makes no snapshot.
check "imports: add" hikae tenant add imp --source "d=dir:$WORK/other"
expect 4 "an archive that is not there" hikae import imp "$WORK/none.tar"
says "open the archive $WORK/none.tar: No such file" "says which, and why"
expect 2 "a folder is no archive" hikae import imp "$WORK/other"
says "--source NAME=dir:PATH" "and what to do with it"
echo "no archive" >"$WORK/text.tar"; tar cf "$WORK/none-in-it.tar" -T /dev/null; : >"$WORK/empty.tar"; head -c 5000 "$WORK/l.tar" >"$WORK/cut.tar"; truncate -s 3M "$WORK/zeros.tar"
head -c 700000 /dev/urandom >"$WORK/random"; (cd "$WORK" && tar czf whole.tar.gz random && head -c 400000 whole.tar.gz >cut.tar.gz)
for file in text none-in-it empty zeros; do
    expect 6 "import of $file" hikae import imp "$WORK/$file.tar"
    says "the archive $WORK/$file.tar" "names it"
done
expect 6 "import of an archive that is cut" hikae import imp "$WORK/cut.tar.gz"
expect 4 "none of them made a snapshot" hikae ls imp
truncate -s 1T "$WORK/thin"; echo middle | dd of="$WORK/thin" bs=1 seek=500000000000 conv=notrunc status=none
(cd "$WORK" && tar -cSf thin.tar thin)
check "holes in an archive are holes: a terabyte takes no time" timeout 60 "$HIKAE" --config "$WORK/h/hikae.yaml" import imp "$WORK/thin.tar"
check "and comes back" hikae restore imp --to "$WORK/rt"
check "with its holes and what lies between" bash -c 'cd "$0" && test "$(stat -c %s rt/thin/thin)" = 1099511627776 && test "$(du -k rt/thin/thin | cut -f1)" -lt 1000 && test "$(dd if=rt/thin/thin bs=1 skip=500000000000 count=6 status=none)" = middle' "$WORK"
/usr/bin/python3 - "$WORK/long.tar" <<'P'
import io, sys, tarfile
t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
def add(name, **fields):
    i = tarfile.TarInfo(name); i.size = 4
    for k, v in fields.items(): setattr(i, k, v)
    t.addfile(i, io.BytesIO(b"data"))
add("owner", uname="u" * 3000); add("xattr", pax_headers={"SCHILY.xattr.user." + "x" * 300: "v", "SCHILY.xattr.user.kept": "w"})
add("n" * 5000); add("good")
t.close()
P
expect 1 "what is too long for a snapshot costs itself, not the import" hikae import imp "$WORK/long.tar"
says "longer than a snapshot can hold" "an attribute is told of"; says "cannot be in a snapshot" "a name is"
check "the rest is there" test "$(hikae ls imp long 2>/dev/null | grep -c 'good\|owner\|xattr')" = 3
mkdir "$WORK/many" "$WORK/many/d"; (cd "$WORK/many/d" && seq 1 100000 | xargs touch)
check "a folder of 100,000 entries" bash -c '"$0" --config "$1" tenant add m --source "m=dir:$2/many" && "$0" --config "$1" backup m && test "$("$0" --config "$1" --json backup m | grep -o "\"entries\": *[0-9]*" | grep -o "[0-9]*$")" = 100002' "$HIKAE" "$WORK/h/hikae.yaml" "$WORK"
mkdir "$WORK/deep"; (cd "$WORK/deep" && for i in $(seq 1 1000); do mkdir d && cd -P d || exit 1; done; echo deep >f) 2>/dev/null
check "folders 1,000 deep" bash -c '"$0" --config "$1" tenant add deep --source "d=dir:$2/deep" && "$0" --config "$1" backup deep && "$0" --config "$1" restore deep --to "$2/rd" && test "$(find "$2/rd" -name f | wc -l)" = 1' "$HIKAE" "$WORK/h/hikae.yaml" "$WORK"
if [ "$(id -u)" = 0 ] && command -v setpriv >/dev/null; then
    mkdir "$WORK/priv"; echo s >"$WORK/priv/secret"; echo p >"$WORK/priv/public"; chmod 600 "$WORK/priv/secret"; chmod 755 "$WORK" "$WORK/priv"
    mkdir "$WORK/n"; chown nobody "$WORK/n"
    as() { setpriv --reuid=nobody --clear-groups "$HIKAE" "$@"; }
    as init --dir "$WORK/n/h" >/dev/null; as --config "$WORK/n/h/hikae.yaml" tenant add p --source "d=dir:$WORK/priv" >/dev/null
    expect 1 "a file that cannot be read is a warning" as --config "$WORK/n/h/hikae.yaml" backup p
    says "secret" "and is named"
    check "the rest is there" test "$(as --config "$WORK/n/h/hikae.yaml" cat p d/public)" = p
fi
finish
