#!/bin/bash
# A backup that takes two days, while another host condemns what it builds on: it begins again, and what it tells and
# records is of the second time alone.
. tests/system/lib.sh
BUILD=${BUILD:-build}
[ -x "$BUILD/tests/test_collect_nights" ] || make --no-print-directory BUILD="$BUILD" "$BUILD/tests/test_collect_nights" >/dev/null
S=$WORK/s
on() { local host=$1 now=$2; shift 2; HIKAE_NOW=$now "$HIKAE" --config "$S/$host/hikae.yaml" "$@"; }
check "init" "$HIKAE" init --dir "$S/one" --target "a=file://$S/a" --test-clock
mkdir "$S/src"
# The second source is a command, in whose time the other host collects: once, as of two days ago.
cat >"$S/meanwhile" <<SH
#!/bin/sh
[ ! -e "$S/armed" ] || { rm "$S/armed"; HIKAE_NOW=2027-01-06T05:00:00Z "$HIKAE" --config "$S/one/hikae.yaml" gc t >"$S/gc.out" 2>&1; }
echo done
SH
chmod +x "$S/meanwhile"
on one 2027-01-01T02:00:00Z tenant add t --source "data=dir:$S/src" --source "last=cmd:$S/meanwhile" >/dev/null 2>&1
for n in 1 2 3 4 5 6; do
    for f in 1 2 3 4 5; do head -c $((40000 * f)) /dev/urandom >"$S/src/$(((n + f) % 8))"; done
    on one 2027-01-0${n}T03:00:00Z backup t >/dev/null 2>&1
    [ $n != 2 ] || cp -a "$S/src" "$WORK/second"
done
cp -a "$S/one" "$S/two"; sed -i "s|$S/one/|$S/two/|g" "$S/two/hikae.yaml"
HIKAE_NOW=2027-01-06T04:00:00Z "$BUILD/tests/test_collect_nights" retire "$S/one/hikae.yaml" t 2
cp -a "$WORK/second" "$S/src/again"
touch "$S/armed"
expect 0 "a backup two days later" on two 2027-01-08T05:00:00Z --json backup t
cp "$WORK/check.out" "$WORK/json"
says "it begins again" "begins again, as the other host has condemned what it builds on"
says "condemned more than 36 hours ago" "and says why"
check "the other host did" grep -q condemn "$S/gc.out"
check "entries are counted once" test "$(field entries)" -eq "$(($(find "$S/src" | wc -l) + 1))"
check "files are counted once" test "$(($(field files_new) + $(field files_changed) + $(field files_unchanged)))" -eq "$(($(find "$S/src" -type f | wc -l) + 1))"
check "bytes are counted once" test "$(field bytes_source)" -eq "$(($(find "$S/src" -type f -printf '%s+') 5))"
for later in 2027-01-12T07:00:00Z 2027-01-16T09:00:00Z; do check "collected at $later" on one $later gc t; done
rm -rf "$WORK/back"
check "it restores" on one 2027-01-17T10:00:00Z restore t --to "$WORK/back"
check "as it was" diff -r --no-dereference "$S/src" "$WORK/back/data"
finish
