#!/bin/bash
# Drills: each mode passes, and fails when it should: damage on one target, a dump that lost a row, a disk too small, a
# check that hangs, a holder that is away, nothing to check, a budget that is used up; nothing is left behind.
. tests/system/lib.sh
mkdir -p "$WORK/src/deep" "$WORK/scratch"
for i in $(seq 1 40); do head -c 3000 /dev/urandom >"$WORK/src/deep/file $i [*]"; done
export HIKAE_NOW=2026-09-01T02:00:00Z
"$HIKAE" init --dir "$WORK/h" --test-clock --target "tokyo=file://$WORK/a" --target "osaka=file://$WORK/b" >/dev/null 2>&1
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
drill() { hikae --json drill t --scratch "$WORK/scratch" "$@" >"$WORK/json" 2>"$WORK/err"; }
# fails NAME CODE ARGUMENTS…: the drill ends with that code.
fails() { local name=$1 code=$2; shift 2; expect "$code" "$name" drill "$@"; }
minute=0
# Each backup is a minute later, however long the one before took.
later() { minute=$((minute + 1)); export HIKAE_NOW=${today:-2026-11-21}T08:$(printf %02d $minute):00Z; hikae backup "$1" >/dev/null 2>&1; }
empty() { [ -z "$(ls -A "$WORK/scratch")" ]; }
is() { check "$1" test "$(field "$2")" = "$3"; }
night() { head -c 200000 /dev/urandom >"$WORK/src/night"; hikae backup t >/dev/null 2>&1; }
expect 4 "nothing was backed up: nothing can be drilled" drill
for day in 2026-09-01 2026-10-25 2026-11-18 2026-11-20 2026-11-21; do export HIKAE_NOW=${day}T02:00:00Z; night; done
export HIKAE_NOW=2026-11-21T08:00:00Z

# ---- It passes ----
check "a dry run draws and restores nothing" drill --dry-run
is "and says so" result planned
seed=$(field seed) expected=$(field bytes_expected)
check "a sample of every age, from each target" drill
is "it fetches what the dry run said" bytes_fetched "$expected"
check "and nothing twice, though the ages share most of it" test "$(field targets.0.bytes_fetched)" -le "$(find "$WORK/a/hikae1/t" -path '*/p/*' -type f -printf '%s\n' | awk '{ sum += $1 } END { print sum }')"
is "passed" result passed
is "what the dry run drew is what is drilled" seed "$seed"
is "four ages" snapshots.3.age year
check "the data is six hours old" /usr/bin/python3 -c 'import json,sys; sys.exit(not 21590 <= json.load(open(sys.argv[1]))["rpo_s"] < 21700)' "$WORK/json"
check "the confidence holds" /usr/bin/python3 -c 'import json,sys; v=json.load(open(sys.argv[1])); sys.exit(not (v["confidence_reached"] >= 0.95 and all(t["checked"] == t["sample"] > 0 for t in v["targets"])))' "$WORK/json"
check "the wanted confidence decides" drill --confidence 50% --damage 10%
check "fewer files then" test "$(field sample)" -lt 60
first=$(field drill)
check "a whole snapshot" drill --mode full
is "every entry" checked 43
check "bare: nothing but a target and the key" drill --mode bare --target osaka
is "with its holder" targets.0.key.holder file
check "bare, with the sheet" drill --mode bare --target osaka --sheet "$WORK/h/recovery-sheet-epoch-1.txt"
check "nothing is left of them" empty
check "nor of the state folder" test ! -d "$WORK/h/state/drills"
hikae --json drill show "${first:0:6}" --html "$WORK/page.html" >"$WORK/json" 2>/dev/null
is "one of them is shown" drill "$first"
. "$(dirname "$0")/page.sh"
sound_page page "$WORK/page.html"
check "as a page in two languages" grep -q 復元試験 "$WORK/page.html"
check "with the keys, the ages and the versions" test "$(grep -c 'epoch 1, file\|エポック 1、file\|of the last month\|1 か月以内\|libarchive' "$WORK/page.html")" -ge 5
check "and nothing of the drill's own in English only" test -z "$(sed -n '/id="ja-contents"/,$p' "$WORK/page.html" | grep 'are there with')"
hikae drill show "$first" --statement 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["payloadType"])' >"$WORK/out"
says application/vnd.hikae.drill+json "its statement is a DSSE envelope"
rm -rf "$WORK/h/state/tenants" "$WORK/h/state/catalog"*
check "drills are in the history, not on this machine" test "$(hikae --json drill list t 2>/dev/null | grep -o '"seed"' | wc -l)" = 5
check "the audit log knows of them" test "$(hikae --json audit list 2>/dev/null | grep -o '"op":"drill"\|"operation":"drill"' | wc -l)" -ge 5

# ---- One object, on one target ----
packs() { find "$WORK/b/hikae1/t" -path '*/p/*' -type f -size +150k | sort; }
mapfile -t pack < <(packs)
break_and_drill() { # NAME: what was done to osaka's packs; every pack of the latest night is needed by the full drill
    expect 5 "$1: the drill fails" drill --mode full
    is "… osaka, and the other is sound" "targets.1.result" failed
    is "… tokyo passed" targets.0.result passed
    says osaka "… by name"
}
cp -a "$WORK/b" "$WORK/b.sound"
for p in "${pack[@]}"; do printf '\x55\xaa' | dd of="$p" bs=1 seek=100000 conv=notrunc 2>/dev/null; done
break_and_drill "flipped"
check "the failure has its path" test "$(field targets.1.failures.0.path)" != ""
rm -rf "$WORK/b"; cp -a "$WORK/b.sound" "$WORK/b"
rm "${pack[@]}"
break_and_drill "missing"
rm -rf "$WORK/b"; cp -a "$WORK/b.sound" "$WORK/b"
mv "${pack[0]}" "$WORK/x"
for ((i = 1; i < ${#pack[@]}; i++)); do mv "${pack[i]}" "${pack[i - 1]}"; done
mv "$WORK/x" "${pack[-1]}"
break_and_drill "swapped"
fails "a bare drill sees it too" 5 --mode bare --target osaka
rm -rf "$WORK/b"; cp -a "$WORK/b.sound" "$WORK/b"
mv "$WORK/b" "$WORK/b.away"
expect 6 "a target that is away is unknown, not damaged" drill
is "… osaka" targets.1.result unknown
mv "$WORK/b.away" "$WORK/b"
for r in $(find "$WORK/b/hikae1/t" -path '*/h/20261121T02*' -type f); do mv "$r" "$WORK/"; done
fails "the record of the latest snapshot is not there" 5 --target osaka
rm -rf "$WORK/b"; mv "$WORK/b.sound" "$WORK/b"
check "sound again" drill --mode full
# What the sample is drawn from is signed: a letter of the signature of the log's checkpoint is another one.
cp "$WORK/h/state/audit/tree" "$WORK/tree"
sed -i 's/\(\\u2014\|—\)\( [^ ]* [^"]\{20\}\)A/\1\2B/; t; s/\(\\u2014\|—\)\( [^ ]* [^"]\{20\}\)./\1\2A/' "$WORK/h/state/audit/tree"
expect 5 "a checkpoint that nobody signed is none" hikae drill t --scratch "$WORK/scratch"
says "signature" "and the message says why"
cp "$WORK/tree" "$WORK/h/state/audit/tree"

# ---- Limits ----
fails "a budget of bytes" 5 --mode full --max-bytes 50K
is "cut short" result cut
is "before anything was restored for nothing" bytes 0
is "so no time is told" rto_s None
check "a budget that suffices" drill --mode full --max-bytes 10M --max-time 5m
mkdir "$WORK/mnt"
if mount -t tmpfs -o size=64k tmpfs "$WORK/mnt" 2>/dev/null; then
    expect 5 "a disk too small" hikae drill t --scratch "$WORK/mnt" --mode full
    says "room for" "and it says how much is wanted"
    umount "$WORK/mnt"
else
    echo "ok # a disk too small: no mounts here"
fi
expect 8 "a folder that is backed up is no place for a drill" hikae drill t --scratch "$WORK/src/drills"
expect 8 "nor one above it" hikae drill t --scratch "$WORK"
rmdir "$WORK/src/drills" 2>/dev/null
key=$(find "$WORK/h" -name "*.key" | head -1)
mv "$key" "$WORK/key"; mv "$WORK/h/recovery-sheet-epoch-1.txt" "$WORK/sheet" 2>/dev/null
expect 7 "a holder that is away" drill
mv "$WORK/key" "$key"
echo wrong >"$WORK/passphrase"; chmod 600 "$WORK/passphrase"
fails "bare with a holder that does not open" 7 --mode bare --passphrase-file "$WORK/passphrase"
mkdir "$WORK/none"; : >"$WORK/none/empty"
hikae tenant add hollow --source "data=dir:$WORK/none" >/dev/null 2>&1; later hollow
expect 5 "nothing to check is a failure" hikae drill hollow --scratch "$WORK/scratch"
says "nothing was checked" "and says so"

# ---- On another machine, with a kit ----
echo 'six words for a kit that travels' >"$WORK/phrase"; chmod 600 "$WORK/phrase"
check "a kit" hikae drill kit t --out "$WORK/kit" --passphrase-file "$WORK/phrase" --expires 7d
expect 8 "a kit replaces nothing" hikae drill kit t --out "$WORK/kit" --passphrase-file "$WORK/phrase" --expires 7d
check "it tells nothing" test "$(grep -c 'acme\|tokyo\|file://' "$WORK/kit")" = 0
away() { "$HIKAE" --config /nonexistent --json drill away "$WORK/kit" --scratch "$WORK/far" --report "$WORK/report" "$@"; }
mv "$WORK/h" "$WORK/h.home"
expect 7 "another passphrase does not open it" away --passphrase-file "$WORK/passphrase"
away --passphrase-file "$WORK/phrase" --mode full >"$WORK/json" 2>"$WORK/err"
is "a drill with nothing but the kit" result passed
check "it has checked something" test "$(field checked)" -gt 40
check "nothing is left there" test -z "$(ls -A "$WORK/far")"
HIKAE_NOW=2026-11-29T08:00:00Z expect 8 "after its time the kit is refused" away --passphrase-file "$WORK/phrase"
mv "$WORK/h.home" "$WORK/h"
away --passphrase-file "$WORK/phrase" >"$WORK/json" 2>"$WORK/err"
hikae --json drill accept "$WORK/report" >"$WORK/json" 2>"$WORK/err"
check "at home it is on record, with both machines" test "$(field kit.machine)" = "$(field machine)" -a -n "$(field accepted.machine)"
check "as any drill" hikae drill show "$(field drill)"
sed 's/passed/failed/' "$WORK/report" >"$WORK/forged"
expect 5 "what was changed on the way is not" hikae drill accept "$WORK/forged"
sed 's/"sealed":"...../"sealed":"AAAAA/' "$WORK/kit" >"$WORK/x"; mv "$WORK/x" "$WORK/kit"; chmod 600 "$WORK/kit"
expect 7 "a kit that was changed does not open" away --passphrase-file "$WORK/phrase"

# ---- A drill that was killed ----
hikae tenant set t --check 'stop=cmd:sleep 60' >/dev/null 2>&1
"$HIKAE" --config "$WORK/h/hikae.yaml" drill t --mode full --scratch "$WORK/scratch" >/dev/null 2>&1 &
killed=$!
wait_for compgen -G "$WORK/scratch/hikae-drill-*/check"
expect 3 "one drill of a tenant at a time" hikae drill t --scratch "$WORK/scratch"
check "another tenant's drill leaves it alone" bash -c '"$1" --config "$2" drill hollow --scratch "$3"; [ -n "$(ls -A "$3")" ]' x "$HIKAE" "$WORK/h/hikae.yaml" "$WORK/scratch"
kill -9 $killed; wait $killed 2>/dev/null
mkdir "$WORK/scratch/hikae-drill-mine00"; echo keep >"$WORK/scratch/hikae-drill-mine00/file"
hikae tenant set t --check stop= >/dev/null 2>&1
hikae drill t --scratch "$WORK/scratch" >"$WORK/out" 2>"$WORK/err"
says "left by a drill that was killed" "the next one removes what it left"
check "and nothing that is not a drill's" test "$(ls "$WORK/scratch")" = hikae-drill-mine00
rm -r "$WORK/scratch/hikae-drill-mine00"

# ---- What a policy makes due, and promises ----
cat >"$WORK/drilled.yaml" <<'YAML'
schema: 1
name: drilled
title: {ja: 復元試験の約束, en: drills are promised}
zone: Asia/Tokyo
schedule: {every: daily, tenants: [customer, provider], window: "01:00-05:00"}
generations: {keep: all}
drills:
  - {mode: full, every: 30d, rto: 1h, rpo: 1d}
YAML
check "a policy promises drills and their times" hikae policy apply "$WORK/drilled.yaml"
hikae tenant add due --policy drilled --source "data=dir:$WORK/none" --source "more=dir:$WORK/src/deep" >/dev/null 2>&1
export HIKAE_NOW=2026-11-22T20:00:00Z
hikae run --only backup >/dev/null 2>&1
hikae --json drill --due >"$WORK/json" 2>"$WORK/err"
is "a drill is due" done.0.job drill
hikae --json drill --due >"$WORK/json" 2>"$WORK/err"
is "once in its time" done "[]"
hikae --json drill list due >"$WORK/json" 2>/dev/null
is "it names its rule" drills.0.plan drills.1
is "and kept what is promised" drills.0.promised.rpo_kept True
export HIKAE_NOW=2026-11-24T23:00:00Z
expect 1 "data that is older than promised is told" hikae drill due --mode full --scratch "$WORK/scratch"
says "older than" "and by how much"
expect 2 "--due takes modes from the policies" hikae drill --due --mode full

today=2026-11-29
# ---- Checks ----
/usr/bin/python3 -c 'import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute("create table o(n)"); c.executemany("insert into o values(?)", [(i,) for i in range(42)]); c.commit()' "$WORK/src/app.db"
dump() { printf 'CREATE TABLE orders (n integer PRIMARY KEY, what text);\nCOPY orders (n, what) FROM stdin;\n'; for i in $(seq "$1"); do printf '%d\torder %d\n' "$i" "$i"; done; printf '\\.\nCREATE INDEX ON orders (what);\n'; }
dump 100 >"$WORK/src/shop.sql"
later t
expect 2 "what is no check is refused" hikae tenant set t --check 'x=oracle:data/db'
check "checks of a tenant" hikae tenant set t --check db=sqlite:data/app.db --check 'rows=sql:db:42:SELECT count(*) FROM o'
check "they pass, in a sample too" drill
is "all of them" checks.2.state passed
check "a check that hangs" hikae tenant set t --check 'hang=cmd:sleep 100'
fails "has failed" 5 --mode full --target tokyo --check-time 1s
says "took longer" "in time"
fails "and it ends with the drill's budget of time" 5 --mode full --target tokyo --max-time 3s
hikae tenant set t --check hang= >/dev/null 2>&1
if ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1; then
    # Nobody may pass through the folders above: neither here nor in the state folder, where a drill works by default.
    pg=$(mktemp -d /tmp/hikae-drill-pg-XXXXXX); chmod 700 "$pg"
    hikae tenant set t --check pg=postgresql:data/shop.sql --check 'orders=sql:pg:100:SELECT count(*) FROM orders' >/dev/null 2>&1
    expect 0 "a dump of PostgreSQL is restored and asked" hikae drill t --mode full --target tokyo --scratch "$pg"
    expect 0 "in the state folder too" hikae drill t --mode full --target tokyo
    dump 99 >"$WORK/src/shop.sql"; later t
    expect 5 "a dump that restores, and has lost a row" hikae drill t --target tokyo --scratch "$pg"
    says "gives 99, not 100" "and it says which"
    head -c 300 "$WORK/src/shop.sql" >"$WORK/y"; echo 'SELECT broken;' >>"$WORK/y"; mv "$WORK/y" "$WORK/src/shop.sql"; later t
    expect 5 "a dump that does not restore" hikae drill t --target tokyo --scratch "$pg"
    # The next drill ends the server that a killed one left.
    { dump 10; echo 'SELECT pg_sleep(60);'; } >"$WORK/src/shop.sql"; later t
    "$HIKAE" --config "$WORK/h/hikae.yaml" drill t --target tokyo --scratch "$pg" >/dev/null 2>&1 &
    killed=$!
    # Servers of this test alone: their current folder is their cluster.
    servers() { for p in $(pgrep -f "$1"); do readlink "/proc/$p/cwd"; done | grep -F "$pg/"; }
    wait_for servers '[p]ostgres: drill drill'
    kill -9 $killed; wait $killed 2>/dev/null
    server=$(head -1 "$pg"/hikae-drill-*/check/server/cluster/postmaster.pid 2>/dev/null)
    check "a server outlives a drill that was killed" kill -0 "${server:-none}"
    dump 100 >"$WORK/src/shop.sql"; later t
    expect 0 "the next drill" hikae drill t --target tokyo --scratch "$pg"
    # Who inherits it may be slow to take note of its end.
    check "ends it" wait_for has_ended "$server"
    expect 1 "no server is left" servers '[p]ostgres'
    check "and nothing on the disk" test -z "$(ls -A "$pg")"
    rmdir "$pg"
else
    echo "ok # PostgreSQL: not installed"
fi
check "nothing is left of any of them" empty
finish
