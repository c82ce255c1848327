#!/bin/bash
# retain, snapshot forget, hold remove, policy simulate: what is dropped and what refuses; killed before each change.
. tests/system/lib.sh
mkdir "$WORK/src"; echo one >"$WORK/src/file"
export HIKAE_NOW=2026-11-01T02:00:00Z
"$HIKAE" init --dir "$WORK/h" --test-clock --target "a=file://$WORK/a" --target "b=file://$WORK/b" >/dev/null 2>&1
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
at() { export HIKAE_NOW=$1; }
ids() { hikae --json snapshots t 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(*[s["id"] for s in json.load(sys.stdin)["snapshots"]])'; }
count() { ids | wc -w; }
for day in 01 02 03; do at "2026-11-${day}T02:00:00Z"; echo "$day" >>"$WORK/src/file"; hikae backup t --keep 10d >/dev/null 2>&1; done
at 2026-11-04T02:00:00Z; hikae backup t --tag before-upgrade >/dev/null 2>&1
at 2026-11-05T02:00:00Z; hikae backup t --keep 1h >/dev/null 2>&1
tagged=$(ids | cut -d' ' -f4) latest=$(ids | cut -d' ' -f5)

# ---- Plans, and what refuses ----
at 2026-11-05T12:00:00Z
hikae --json retain t --dry-run >"$WORK/json" 2>"$WORK/err"
check "a dry run says why of each" test "$(field keep.4.reason)" = "on demand: until 2026-11-11"
check "the latest complete one stays past its expiry" test "$(field keep.0.reason)" = "latest complete"
check "nothing is dropped before its time" test "$(field drop)" = "[]"
at 2026-11-12T12:00:00Z
hikae --json retain t --dry-run >"$WORK/json" 2>"$WORK/err"
check "then two are over" test "$(field drop.1.reason)" = "on demand: over since 2026-11-11"
check "and a dry run drops none" test "$(count)" = 5
hikae snapshots t >"$WORK/out" 2>"$WORK/err"
says "nothing: the next" "snapshots says what nothing keeps"
at 2026-11-05T01:54:00Z; expect 8 "snapshots of the future stop it" hikae retain t
says "is of 2026-11-05" "and it says which, and what time it is"
at 2026-11-05T01:56:00Z; expect 0 "five minutes do not" hikae retain t
at 2026-11-12T12:00:00Z
mv "$WORK/b" "$WORK/b.away"; expect 6 "a silent target could have a hold: nothing is dropped" hikae retain t; mv "$WORK/b.away" "$WORK/b"
record=$(ls "$WORK"/a/hikae1/t/*/h/* | sort | sed -n 3p); other=$WORK/b/${record#"$WORK"/a/}
cp "$record" "$WORK/kept.record"; mv "$WORK/h/state" "$WORK/state.away"; echo junk >"$record"; echo junk >"$other"
expect 5 "a history with gaps: nothing is dropped" hikae retain t
cp "$WORK/kept.record" "$record"; cp "$WORK/kept.record" "$other"; rm -rf "$WORK/h/state"; mv "$WORK/state.away" "$WORK/h/state"
check "still all are there" test "$(count)" = 5

# ---- Holds, and the loss of all that is local ----
check "hold" hikae hold add t --who counsel --why "case 1"
check "hold until a day" hikae hold add t --who audit --why year --until 2026-11-20
rm -rf "$WORK/h/state"
hikae --json retain t >"$WORK/json" 2>"$WORK/err"
check "holds keep everything, also after the loss of the catalogue" test "$(field drop)" = "[]" -a "$(count)" = 5
hikae --json snapshots t >"$WORK/json" 2>"$WORK/err"
check "and the tag is there" test "$(field snapshots.3.tag)" = before-upgrade
expect 8 "a hold refuses snapshot forget" hikae snapshot forget t "$latest" --who sato --why mistake
hold=$(hikae --json hold list t 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print([h["id"] for h in json.load(sys.stdin)["holds"] if h["who"]=="counsel"][0])')
expect 4 "no such hold" hikae hold remove t zzzz --who sato --why over
expect 2 "nobody answers for it" hikae hold remove t "$hold"
check "a dry run removes no hold" hikae hold remove t "$hold" --who sato --why over --dry-run
check "there are two still" test "$(hikae --json hold list t 2>/dev/null | grep -o '"id"' | wc -l)" = 2
check "hold remove, by a start of the id" hikae hold remove t "${hold:0:12}" --who sato --why "case 1 is closed"
hikae retain t >"$WORK/out" 2>"$WORK/err"
check "the other hold still keeps everything" test "$(count)" = 5
at 2026-11-20T00:00:01Z

# ---- Killed before each change: all or nothing ----
inject=$WORK/inject.so
if gcc -std=gnu11 -O2 -shared -fPIC -D_GNU_SOURCE tests/faults/inject.c -o "$inject" -ldl && ! nm -D "$HIKAE" 2>/dev/null | grep -q __asan_init; then
    cp -a "$WORK/h" "$WORK/base-h"; cp -a "$WORK/a" "$WORK/base-a"; cp -a "$WORK/b" "$WORK/base-b"
    fresh() { for x in h a b; do rm -rf "${WORK:?}/$x"; cp -a "$WORK/base-$x" "$WORK/$x"; done; }
    LD_PRELOAD=$inject FAULT_COUNTS=$WORK/counts hikae retain t >/dev/null 2>&1
    read -r calls _ changes <"$WORK/counts"
    bad=0
    # then NAME N CODE: what must hold after a run that was disturbed.
    then_all_or_nothing() {
        local left; left=$(count)
        [ "$left" = 5 ] || [ "$left" = 2 ] || { echo "    $1=$2: $left snapshots"; bad=1; }
        hikae retain t >/dev/null 2>"$WORK/err" || { echo "    $1=$2: the next retain: $(tail -n 1 "$WORK/err")"; bad=1; }
        [ "$(ids)" = "$tagged $latest" ] || { echo "    $1=$2: then there are $(ids)"; bad=1; }
    }
    for ((n = 1; n <= changes; n++)); do
        fresh; { LD_PRELOAD=$inject FAULT_KILL=$n hikae retain t >/dev/null 2>&1; } 2>/dev/null
        then_all_or_nothing kill "$n"
    done
    check "killed before each of $changes changes: all or nothing, and the next run ends it" test $bad = 0 -a "$changes" -gt 5
    bad=0
    for ((n = 1 + RANDOM % 9; n <= calls; n += 9)); do
        fresh; LD_PRELOAD=$inject FAULT_CALL=$n hikae retain t >/dev/null 2>&1; code=$?
        [ $code -le 10 ] || { echo "    call=$n: exit $code"; bad=1; }
        then_all_or_nothing call "$n"
    done
    check "each ninth of $calls system calls fails: the same" test $bad = 0
    fresh
fi

# ---- Doing it, and taking one out ----
hikae --json retain t >"$WORK/json" 2>"$WORK/err"
check "what is over is dropped" test "$(ids)" = "$tagged $latest"
hikae --json retain t >"$WORK/json" 2>"$WORK/err"
check "once more: nothing to do" test "$(field drop)" = "[]"
check "what is left restores" hikae restore t --to "$WORK/r" --snapshot "$tagged"
expect 4 "what was dropped is retired" hikae restore t --to "$WORK/r1" --snapshot 0000
check "snapshot forget" hikae snapshot forget t "$latest" --who sato --why "caught a key"
check "it is gone" test "$(ids)" = "$tagged"
expect 8 "the only one cannot be taken out" hikae snapshot forget t "$tagged" --who sato --why mistake
expect 2 "nobody answers for it" hikae snapshot forget t "$tagged"
check "a backup by hand is on demand" bash -c '"$0" --config "$1" --json snapshots t 2>/dev/null | grep -q "\"on_demand\":true"' "$HIKAE" "$WORK/h/hikae.yaml"

# ---- All tenants: one that cannot be read stops no other ----
hikae tenant add u --source "data=dir:$WORK/src" >/dev/null 2>&1; hikae backup u --keep 1h >/dev/null 2>&1
at 2026-12-01T00:00:00Z; hikae backup u --keep 1h >/dev/null 2>&1
at 2026-11-25T00:00:00Z; hikae backup t >/dev/null 2>&1
hikae --json retain >"$WORK/json" 2>"$WORK/err"; code=$?
check "of two tenants one fails: its exit code" test $code = 8
check "it is named" test "$(field failed.0.tenant)" = u
check "the other is planned" test "$(field keep.0.tenant)" = t

# ---- Simulation ----
expect 2 "simulate what?" hikae policy simulate
expect 2 "too many days" hikae policy simulate policies/daily-7-generations.yaml --days 3661
"$HIKAE" --json policy simulate policies/daily-7-generations.yaml --days 400 >"$WORK/json" 2>"$WORK/err"
check "400 days without a store" test "$(/usr/bin/python3 -c 'import json,sys; d=json.load(open(sys.argv[1]))["days"]; print(len(d), {len(x["keep"]) for x in d[6:]}, {len(x["drop"]) for x in d[7:]})' "$WORK/json")" = "400 {7} {1}"
"$HIKAE" policy simulate policies/monthly-1-year.yaml --days 400 >"$WORK/out" 2>"$WORK/err"
check "monthly, one year: as text, twelve or thirteen" grep -Eq ' 1[23] ' "$WORK/out"
hikae --json policy simulate policies/daily-30-days.yaml --tenant t --days 3 >"$WORK/json" 2>"$WORK/err"
check "from a tenant's own snapshots" grep -q "$tagged" "$WORK/json"
finish
