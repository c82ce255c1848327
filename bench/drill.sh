#!/bin/bash
# Times of a drill's phases: a sample and a whole snapshot from each of two targets, and a bare machine from one.
#
#   BENCH_DIR          folder for data, targets and scratch  (default: build/bench)
#   BENCH_DRILL_FILES  files of the tree                     (default: 20000, of 16 KiB on average)
#
# Prints a line for each drill. A sample's time to choose grows with the number of files, its restore does not.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$(dirname "$here")"
HIKAE=$PWD/build/hikae
WORK=$(realpath -m "${BENCH_DIR:-build/bench}")/drill
FILES=${BENCH_DRILL_FILES:-20000}
rm -rf "$WORK"
mkdir -p "$WORK/scratch"
trap 'rm -rf "$WORK"' EXIT
/usr/bin/python3 - "$WORK/src" "$FILES" <<'PY'
import os, random, sys
random.seed(17)
for i in range(int(sys.argv[2])):
    folder = os.path.join(sys.argv[1], f"{i // 200:05d}")
    if i % 200 == 0:
        os.makedirs(folder)
    with open(os.path.join(folder, f"{i:08d}"), "wb") as file:
        file.write(random.randbytes(random.randrange(1, 32768)))
PY
hikae() { "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
"$HIKAE" init --dir "$WORK/h" --target "tokyo=file://$WORK/a" --target "osaka=file://$WORK/b" >/dev/null 2>&1
hikae tenant add t --source "data=dir:$WORK/src" >/dev/null 2>&1
hikae backup t >/dev/null 2>&1
phases() { # NAME ARGUMENTS…
    local name=$1; shift
    hikae --json drill t --scratch "$WORK/scratch" "$@" >"$WORK/json" 2>"$WORK/log" || { tail -n 5 "$WORK/log" >&2; exit 2; }
    /usr/bin/python3 - "$WORK/json" "$name" <<'PY'
import json, sys
drill = json.load(open(sys.argv[1]))
for target in drill["targets"]:
    times = "  ".join(f"{name[:-2]} {seconds:6.2f} s" for name, seconds in target["phases"].items())
    print(f"drill {sys.argv[2]:8} {target['name']:6} {target['checked']:7} of {target['population']:7}  {times}"
          f"  {target['bytes'] / 2**20:7.1f} MiB restored, {target['bytes_fetched'] / 2**20:7.1f} fetched")
PY
}
phases sample
phases full --mode full
phases bare --mode bare --target osaka
