#!/bin/bash
# The same sources give the same bytes wherever they lie: builds a copy in another path and compares.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
copy=$scratch/another/path
mkdir -p "$copy"
cp -R Makefile hikae.pc.in src include tests bench tools "$copy"
env -u BUILD -u MAKEFLAGS "${MAKE:-make}" -C "$copy" -j"$(nproc)" all >"$scratch/log" 2>&1 || {
    tail -n 20 "$scratch/log"
    echo "not ok a copy of the sources builds"
    exit 1
}
status=0
for file in hikae libhikae.so.0 libhikae.a; do
    if cmp "$build/$file" "$copy/build/$file"; then
        echo "ok $file is the same, built in another path"
    else
        echo "not ok $file is the same, built in another path"
        status=1
    fi
done
exit "$status"
