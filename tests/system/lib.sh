# shellcheck shell=bash
# Shared by the system tests: sourced, not run. Each prints "ok NAME" or "not ok NAME" lines and ends in `finish`.
# With IN_MEMORY set before, the test works in memory where there is a gigabyte of it: for those that make thousands of
# small writes, each of which would wait for the disk.
set -u
HIKAE=${HIKAE:-build/hikae}
case $HIKAE in /*) ;; *) HIKAE=$PWD/$HIKAE ;; esac
ROOT=$PWD
FAILED=0
if [ -n "${IN_MEMORY:-}" ] && [ -w /dev/shm ] && [ "$(df --output=avail /dev/shm | tail -n 1)" -gt 1000000 ]; then
    export TMPDIR=/dev/shm
fi
WORK=$(mktemp -d "${TMPDIR:-/tmp}/hikae-test-XXXXXX")
cleanup() {
    chattr -R -i -a "$WORK" 2>/dev/null
    for m in "$WORK"/mnt*; do mountpoint -q "$m" 2>/dev/null && umount "$m"; done
    chmod -R u+rwX "$WORK" 2>/dev/null
    rm -rf "$WORK"
}
[ -n "${KEEP:-}" ] || trap cleanup EXIT
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1"; FAILED=1; }
# check NAME COMMAND…: ok if the command succeeds.
check() {
    local name=$1; shift
    if "$@" >"$WORK/check.out" 2>"$WORK/check.err"; then ok "$name"; else not_ok "$name (exit $?)"; show; fi
}
# expect CODE NAME COMMAND…: ok if it ends with that exit code.
expect() {
    local want=$1 name=$2 got; shift 2
    : >"$WORK/out"; : >"$WORK/err"
    "$@" >"$WORK/check.out" 2>"$WORK/check.err"; got=$?
    if [ "$got" -eq "$want" ]; then ok "$name"; else not_ok "$name (exit $got, not $want)"; show; fi
}
show() { cat "$WORK/check.out" "$WORK/check.err" | cut -c1-300 | head -n 20 | sed 's/^/    /'; }
# says TEXT NAME: the last command's output or messages, in out and err or by expect, hold this text.
says() { if cat "$WORK/out" "$WORK/err" "$WORK/check.out" "$WORK/check.err" 2>/dev/null | grep -qF -- "$1"; then ok "$2"; else not_ok "$2 (no '$1')"; head -n 5 "$WORK/err"; fi; }
# wait_for COMMAND…: until it succeeds, for two minutes at most: much longer than it takes on the slowest machine.
wait_for() {
    local n=0
    until "$@" >/dev/null 2>&1; do
        n=$((n + 1)); [ $n -lt 2400 ] || return 1
        sleep 0.05
    done
}
# For wait_for: a process was stopped by SIGSTOP; it is no more.
is_stopped() { grep -q '^State:.*T' "/proc/$1/status"; }
has_ended() { ! grep -q '^State:.[^ZX]' "/proc/$1/status" 2>/dev/null; }
hikae() { "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
# field NAME: of the JSON in $WORK/json.
field() { /usr/bin/python3 -ISc 'import json,sys; v=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v=v[int(k)] if isinstance(v,list) else v[k]
print(v)' "$WORK/json" "$1"; }
finish() { exit $FAILED; }
