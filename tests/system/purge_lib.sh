# shellcheck shell=bash
# For the tests of erasure: sourced after lib.sh. A store with a test clock, two operators, and a way to erase.
export HIKAE_NOW=2026-11-21T10:00:00Z
OPERATORS=$WORK/operators
# make_store TARGET…: two operators among them; the recovery sheet leaves the machine, as its text asks.
make_store() {
    "$HIKAE" init --test-clock --dir "$WORK/h" "$@" >"$WORK/init.out" 2>&1 || return
    mkdir -p "$OPERATORS" "$WORK/safe"
    mv "$WORK/h/recovery-sheet-epoch-1.txt" "$WORK/safe/" || return
    local o
    for o in sato tanaka; do
        "$HIKAE" keys operator new --out "$OPERATORS/$o.pem" >"$OPERATORS/$o.pub" 2>/dev/null || return
        hikae keys operator add $o --key "$OPERATORS/$o.pub" >/dev/null 2>&1 || return
    done
}
# add_tenant NAME [BYTES]: with one snapshot.
add_tenant() {
    mkdir -p "$WORK/src/$1/sub" && head -c "${2:-100000}" /dev/urandom >"$WORK/src/$1/file" && echo "of $1" >"$WORK/src/$1/sub/note" &&
        hikae -q tenant add "$1" --source "data=dir:$WORK/src/$1" >/dev/null 2>&1 && hikae -q backup "$1" >/dev/null 2>&1
}
plan_hash() { hikae --json purge plan "$1" --requester mori --without-contract "asked for by the customer" 2>/dev/null | sed 's/.*"plan":"\([0-9a-f]*\)".*/\1/'; }
sign() { hikae -q purge approve "$1" --plan "$2" --operator "$OPERATORS/$3.pem" >/dev/null 2>&1; }
# approve TENANT…: planned, and signed by both.
approve() { local t h; for t; do h=$(plan_hash "$t") && sign "$t" "$h" sato && sign "$t" "$h" tanaka || return; done; }
# restores NAME: its latest snapshot is what its source is.
restores() { rm -rf "$WORK/back"; hikae -q restore "$1" --reason check --requester mori --approver sato --approver tanaka --to "$WORK/back" >/dev/null 2>&1 && diff -r "$WORK/src/$1" "$WORK/back/data" >/dev/null; }
stage() { hikae --json purge status "$1" 2>/dev/null | sed 's/.*"stage":"\([a-z]*\)".*/\1/'; }
pseudonym() { hikae --json tenant show "$1" 2>/dev/null | sed 's/.*"id":"\([0-9a-f]*\)".*/\1/'; }
