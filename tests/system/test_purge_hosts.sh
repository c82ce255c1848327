#!/bin/bash
# Erasing while others work: a second host that adds tenants while the root epoch changes, backups under way, two
# erasures at once, a target that is away the whole time.
. tests/system/lib.sh
. tests/system/purge_lib.sh
make_store --target "a=file://$WORK/a" --target "b=file://$WORK/b" --target "c=file://$WORK/c" --min-copies 2 && add_tenant keep && add_tenant one && add_tenant two && add_tenant three || { not_ok "store"; finish; }
# A second host: the same targets and key, a state folder of its own.
sed "s|^state:.*|state: \"$WORK/state2\"|" "$WORK/h/hikae.yaml" >"$WORK/host2.yaml"
host2() { "$HIKAE" --config "$WORK/host2.yaml" "$@"; }
host2_key() { sed -i "s|epoch-[0-9]*.key|$(basename "$(grep -o 'epoch-[0-9]*\.key' "$WORK/h/hikae.yaml" | tail -n 1)")|" "$WORK/host2.yaml"; }
check "the second host works" host2 -q backup keep
held() { # STEP: an erasure in the background, stopped there
    HIKAE_TEST_HOLD=$1 "$HIKAE" --config "$WORK/h/hikae.yaml" purge run >"$WORK/held.out" 2>&1 & pid=$!
    wait_for is_stopped $pid
}
go() { kill -CONT $pid; wait $pid; [ $? -le 1 ]; }
check "approved" approve one
check "held before the change" held frozen
expect 3 "two erasures at once: the second waits" hikae purge run
expect 8 "a backup of the tenant from another host: refused" host2 backup one
expect 3 "here its lock is held" hikae backup one
check "another tenant is backed up meanwhile" hikae -q backup two
check "it goes on" go
check "erased" test "$(stage one)" = gone
host2_key
mkdir -p "$WORK/src/four" && echo four >"$WORK/src/four/file"
check "approved" approve two
check "held while the epoch is prepared" held epoch-prepared
check "the other host adds a tenant under the old epoch" host2 -q tenant add four --source "data=dir:$WORK/src/four"
check "and backs it up" host2 -q backup four
check "it goes on" go
hikae --json purge status two >"$WORK/json" 2>/dev/null
check "erased" test "$(field stage)" = gone
host2_key
check "the late tenant came along" host2 -q backup four
rm -rf "$WORK/back"; host2 -q restore four --to "$WORK/back" >/dev/null 2>&1
check "and restores" diff -r "$WORK/src/four" "$WORK/back/data"
check "every tenant opens" hikae keys check
mkdir -p "$WORK/src/five" && echo five >"$WORK/src/five/file"
check "approved" approve three
check "held with the new epoch in force" held in-force
expect 7 "the other host cannot add under the old one any more" host2 tenant add five --source "data=dir:$WORK/src/five"
check "it goes on" go
check "erased" test "$(stage three)" = gone
host2_key
check "with the new key it can" host2 -q tenant add five --source "data=dir:$WORK/src/five"
check "and back up" host2 -q backup five
# Backups under way.
mkdir -p "$WORK/gate"
# gated NAME: a tenant whose source begins, and ends when the gate is not shut any more.
gated() { hikae -q tenant add "$1" --source "data=cmd:touch $WORK/gate/$1; while [ -e $WORK/gate/shut ]; do sleep 0.1; done; echo $1" >/dev/null 2>&1; }
# under_way NAME: a backup of it that waits there.
under_way() { touch "$WORK/gate/shut"; rm -f "$WORK/gate/$1"; hikae -q backup "$1" >"$WORK/slow.out" 2>&1 & backup=$!; wait_for test -e "$WORK/gate/$1"; }
gated slow
hikae -q backup slow >/dev/null 2>&1
check "approved" approve slow
check "a backup begins" under_way slow
expect 3 "a backup of the same tenant is under way" hikae purge run
rm "$WORK/gate/shut"; wait $backup; code=$?
check "it ends well" test $code -eq 0
add_tenant other >/dev/null; gated slow2
check "another begins" under_way slow2
hikae purge run >"$WORK/out" 2>"$WORK/err"; code=$?
check "a backup of another tenant hinders nothing" test $code -le 1
check "erased" test "$(stage slow)" = gone
rm "$WORK/gate/shut"; wait $backup; code=$?
check "and it ends well, across the change of epoch" test $code -le 1
check "what it stored restores" hikae -q restore slow2 --to "$WORK/slow2"
# A target that is away for the whole erasure.
check "approved" approve other
cp -a "$WORK/c" "$WORK/c-kept"; mv "$WORK/c" "$WORK/c-away"
expect 1 "erased with a target away: it waits for that one" hikae purge run
hikae --json purge status other >"$WORK/json" 2>/dev/null
check "unreadable, but not gone" test "$(field stage)" = unreadable -a "$(field gone)" = None -a "$(field unreadable)" != None
check "the target away is unknown" test "$(field targets.2.state)" = unknown
check "the first stage is certified" hikae purge certificate other --operator "$OPERATORS/sato.pem" --out "$WORK/one.json"
says "unreadable" "as unreadable only"
mv "$WORK/c-away" "$WORK/c"
check "the target has it still" test -n "$(find "$WORK/c/hikae1/t/$(field tenant)" -type f)"
hikae run --only purge >"$WORK/out" 2>"$WORK/err"; code=$?
check "the nightly run goes on when it is back" test $code -le 1
hikae --json purge status other >"$WORK/json" 2>/dev/null
check "gone everywhere" test "$(field stage)" = gone -a "$(field targets.2.state)" = gone
check "nothing lies there" test ! -e "$WORK/c/hikae1/t/$(field tenant)"
check "and the second stage is certified" hikae purge certificate other --operator "$OPERATORS/sato.pem" --out "$WORK/two.json"
says "gone from every target" "as gone"
check "the target is caught up" hikae -q replicate
mv "$WORK/a" "$WORK/a-away"; mv "$WORK/b" "$WORK/b-away"
check "from it alone the others restore" restores keep
mv "$WORK/a-away" "$WORK/a"; mv "$WORK/b-away" "$WORK/b"
# Too many away: a key of another tenant might lie there alone.
check "approved" approve slow2
mv "$WORK/b" "$WORK/b-away"; mv "$WORK/c" "$WORK/c-away"
hikae purge run >"$WORK/out" 2>"$WORK/err"; code=$?
check "too many targets away: nothing is begun" test $code -ge 6 -a $code -le 8
mv "$WORK/b-away" "$WORK/b"; mv "$WORK/c-away" "$WORK/c"
check "the tenant is alive" test "$(stage slow2)" = approved
finish
