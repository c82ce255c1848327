#!/bin/bash
# make_tree.sh DIR: a small tree with every kind of entry that this user may make.
set -e
umask 022
mkdir -p "$1"; cd "$1"
echo hello >file; : >empty; head -c 70000 /dev/urandom >random; seq 1 200000 >numbers
mkdir -p sub/deeper "name with spaces" 'sub-a' 'sub.b'
echo x >"sub/deeper/x"; echo y >"name with spaces/y"; echo z >'sub-a/z'; echo w >'sub.b/w'
printf 'a' >"$(printf 'latin\351')"; printf 'b' >"$(printf 'new\nline')"; printf 'c' >'日本語'
ln -s file link; ln -s /nowhere/at/all dangling; ln file hard1; ln file sub/hard2
mkfifo fifo
truncate -s 10M sparse; printf 'middle' | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
truncate -s 5G huge; printf 'end' | dd of=huge bs=1 seek=5368709000 conv=notrunc status=none
head -c 3000000 /dev/zero >zeros; head -c 20000000 /dev/urandom >blocks; cat blocks blocks >twice
chmod 4755 random; chmod 0 empty; chmod 1777 sub
touch -d '1969-12-31 23:59:58.123456789 UTC' file; touch -d '2040-01-01 00:00:00.000000001 UTC' numbers
setfattr -n user.test -v value file 2>/dev/null || true
setfattr -n user.long -v "$(head -c 3000 /dev/zero | tr '\0' x)" numbers 2>/dev/null || true
setfacl -m u:12345:rw,g:54321:r file 2>/dev/null || true
setfacl -d -m u:12345:rx sub 2>/dev/null || true
if [ "$(id -u)" = 0 ]; then
    mknod null c 1 3; mknod loop b 7 200; chown 12345:54321 random; chown -h 1:1 link
    setfattr -n trusted.test -v secret file 2>/dev/null || true
    chattr +d sub/deeper/x 2>/dev/null || true
fi
i=0; p=deep; while [ $i -lt 60 ]; do p=$p/$(printf 'd%079d' $i); i=$((i+1)); done
# Longer than one path may be for the kernel: made step by step.
( mkdir deep; cd deep; for i in $(seq 0 59); do d=$(printf 'd%079d' "$i"); mkdir "$d"; cd -P "$d" || exit 1; done; echo bottom >bottom ) 2>/dev/null || true
for i in $(seq 1 300); do echo "$i" >"sub/deeper/n$i"; done
touch -d '2020-02-29 12:00:00 UTC' sub .
