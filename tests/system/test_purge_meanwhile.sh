#!/bin/bash
# What happens while an erasure is under way: a legal hold that another host puts on the tenant before the commit.
. tests/system/lib.sh
. tests/system/purge_lib.sh
make_store --target "a=file://$WORK/a" --target "b=file://$WORK/b" && add_tenant keep && add_tenant held && add_tenant one || { not_ok "store"; finish; }
sed "s|^state:.*|state: \"$WORK/state2\"|" "$WORK/h/hikae.yaml" >"$WORK/host2.yaml"
host2() { "$HIKAE" --config "$WORK/host2.yaml" "$@"; }
check "the second host works" host2 -q backup keep
check "approved" approve held
HIKAE_TEST_HOLD=epoch-prepared "$HIKAE" --config "$WORK/h/hikae.yaml" purge run >"$WORK/out" 2>"$WORK/err" & pid=$!
wait_for is_stopped $pid
check "a court orders a hold, on another host, while keys are wrapped" host2 hold add held --who court --why "case 12"
kill -CONT $pid; wait $pid; code=$?
check "nothing is erased" test $code -eq 8
says "a legal hold by court is in force" "and why"
check "the tenant lives" test "$(stage held)" = approved
check "and restores" restores held
check "and is backed up" hikae -q backup held
hikae --json keys status >"$WORK/json" 2>/dev/null
check "the epoch is what it was" test "$(field epoch)" = 1
finish
