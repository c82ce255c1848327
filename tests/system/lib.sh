# Shared by the system tests: sourced, not run. Each prints "ok NAME" or "not ok NAME" lines and ends in `finish`.
set -u
HIKAE=${HIKAE:-build/hikae}
case $HIKAE in /*) ;; *) HIKAE=$PWD/$HIKAE ;; esac
ROOT=$PWD
FAILED=0
WORK=$(mktemp -d "${TMPDIR:-/tmp}/hikae-test-XXXXXX")
cleanup() {
    chattr -R -i -a "$WORK" 2>/dev/null
    for m in "$WORK"/mnt*; do mountpoint -q "$m" 2>/dev/null && umount "$m"; done
    chmod -R u+rwX "$WORK" 2>/dev/null
    rm -rf "$WORK"
}
trap cleanup EXIT
ok() { echo "ok $1"; }
not_ok() { echo "not ok $1"; FAILED=1; }
# check NAME COMMAND…: ok if the command succeeds.
check() {
    local name=$1; shift
    if "$@" >"$WORK/out" 2>"$WORK/err"; then ok "$name"; else not_ok "$name (exit $?)"; sed 's/^/    /' "$WORK/out" "$WORK/err" | head -n 20; fi
}
# expect CODE NAME COMMAND…: ok if it ends with that exit code.
expect() {
    local want=$1 name=$2 got; shift 2
    "$@" >"$WORK/out" 2>"$WORK/err"; got=$?
    if [ "$got" -eq "$want" ]; then ok "$name"; else not_ok "$name (exit $got, not $want)"; sed 's/^/    /' "$WORK/out" "$WORK/err" | head -n 20; fi
}
# says TEXT NAME: the last command's output or messages hold this text.
says() { if grep -qF -- "$1" "$WORK/out" "$WORK/err"; then ok "$2"; else not_ok "$2 (no '$1')"; sed 's/^/    /' "$WORK/out" "$WORK/err" | head; fi; }
hikae() { "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
# field NAME: of the JSON in $WORK/out.
field() { /usr/bin/python3 -c 'import json,sys; v=json.load(open(sys.argv[1]))
for k in sys.argv[2].split("."): v=v[int(k)] if isinstance(v,list) else v[k]
print(v)' "$WORK/out" "$1"; }
finish() { exit $FAILED; }
