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

# ---- A target that is taken out of the configuration while an erasure waits for it ----
add_tenant five && add_tenant six || not_ok "tenants"
five=$(pseudonym five)
check "one more is approved" approve five
mv "$WORK/c" "$WORK/c-away"
expect 1 "purge run" hikae purge run five
says "c: " "waits for the target that is away"
declare() { hikae purge declare "$1" --who tanaka --how "disks shredded" --operator "$OPERATORS/sato.pem"; }
expect 8 "a target that is configured is asked, not declared" declare target/c
check "another one is planned while c is there" approve six
check "c is retired" hikae target retire c
expect 1 "purge run" hikae purge run
hikae purge status five >"$WORK/out" 2>"$WORK/err"
says "hikae purge declare target/c --who" "says what people can do about it"
hikae --json purge status six >"$WORK/json" 2>/dev/null
check "an erasure that begins without it waits for it too" test "$(field stage)/$(field gone)/$(field waits_for)" = unreadable/None/people
expect 2 "no target is named" declare target/
expect 4 "a target that nothing waits for" declare target/d
expect 8 "an operator signs" hikae purge declare target/c --who tanaka --how shredded
check "dry run" hikae purge declare target/c --who tanaka --how x --operator "$OPERATORS/sato.pem" --dry-run
check "changed nothing" test "$(stage five)" = unreadable
check "declared" declare target/c
hikae --json purge status five >"$WORK/json" 2>/dev/null
check "gone, by that word" test "$(jq -r '.stage + " " + (.targets[] | select(.name == "c") | .state + ": " + .why)' "$WORK/json")" = "gone declared: as tanaka declares, signed by sato: disks shredded"
check "and the other" test "$(stage six)" = gone
expect 1 "the next run takes nothing back" hikae purge run
check "it is gone" test "$(stage five)" = gone
expect 4 "a second time nothing waits for it" declare target/c
check "a certificate" hikae purge certificate five --operator "$OPERATORS/sato.pem" --out "$WORK/five.json"
"$HIKAE" --json audit verify "$WORK/five.json" --key "$OPERATORS/sato.pub" >"$WORK/json" 2>/dev/null
check "says whose word it is" test "$(jq -r '.statement.predicate.targets[] | select(.target == "c") | .declared | .who + " " + .operator' "$WORK/json")" = "tanaka sato"
# It was not shredded after all.
mv "$WORK/c-away" "$WORK/c"
check "c is configured again" hikae target add "c=file://$WORK/c"
check "what lay there lies there" test -n "$(find "$WORK/c/hikae1/t" -path "*$five*" -type f)"
expect 1 "and asked" hikae purge run
check "what lay there is deleted" test "$(stage five)" = gone -a -z "$(find "$WORK/c/hikae1/t" -path "*$five*" -type f)"
check "a new certificate" hikae purge certificate five --operator "$OPERATORS/sato.pem" --out "$WORK/five2.json"
"$HIKAE" --json audit verify "$WORK/five2.json" --key "$OPERATORS/sato.pub" >"$WORK/json" 2>/dev/null
check "rests on nobody's word there" test "$(jq -r '.statement.predicate.targets[] | select(.target == "c") | .declared' "$WORK/json")" = null
check "the others restore" restores keep
finish
