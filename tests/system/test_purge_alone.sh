#!/bin/bash
# Erasures stand each on its own: one that cannot go on keeps no other one, is named, and gives the exit code; and a
# target that was taken out of the configuration keeps an erasure open only until somebody says what became of it.
. tests/system/lib.sh
. tests/system/purge_lib.sh
make_store --target "a=file://$WORK/a" --target "b=file://$WORK/b" --target "c=file://$WORK/c" --min-copies 2 && add_tenant keep || { not_ok "store"; finish; }
for t in one two three four; do add_tenant $t || not_ok "tenant $t"; done
sed "s|^state:.*|state: \"$WORK/state2\"|" "$WORK/h/hikae.yaml" >"$WORK/host2.yaml"
host2() { "$HIKAE" --config "$WORK/host2.yaml" "$@"; }
check "a second host" host2 -q backup keep

# ---- One of a batch comes under a hold after it was approved ----
check "two are approved" approve one two
check "one comes under a hold" hikae hold add one --who court --why trial --until 2026-11-21T10:30:00Z
expect 8 "purge run" hikae purge run
says "the erasure of one: a legal hold" "names the one that is held"
check "the other is erased" test "$(stage two)" = gone
check "the held one lives" restores one
check "and is not frozen" hikae -q backup one
expect 8 "again, with nothing else to do" hikae purge run
check "by name only that one is asked for" approve three
expect 1 "three is erased beside it" hikae purge run three

# ---- An erasure that another machine is in the middle of ----
sed -i "s|epoch-[0-9]*.key|$(basename "$(grep -o 'epoch-[0-9]*\.key' "$WORK/h/hikae.yaml" | tail -n 1)")|" "$WORK/host2.yaml"
export HIKAE_NOW=2026-11-21T11:00:00Z # the hold is over
HIKAE_TEST_STOP=frozen "$HIKAE" --config "$WORK/host2.yaml" purge run one >/dev/null 2>&1
check "the other machine stopped in the middle" test "$(stage one)" = tombstone
check "another one is approved" approve four
expect 3 "purge run" hikae purge run
says "the erasure of one: another machine is in the middle" "says what it left alone"
check "and erased the other" test "$(stage four)" = gone
export HIKAE_NOW=2026-11-21T13:00:00Z
expect 1 "two hours later it is taken over" hikae purge run
check "and erased" test "$(stage one)" = gone
check "the others restore" restores keep
finish
