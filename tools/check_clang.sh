#!/bin/bash
# The whole tree compiles with clang too, without a warning. Objects only, beside those of gcc.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build}/clang
if ! command -v clang >/dev/null; then
    echo "ok clang builds everything # SKIP clang is not installed"
    exit 0
fi
if "${MAKE:-make}" -j"$(nproc)" CC=clang BUILD="$build" objects; then
    echo "ok clang builds everything without a warning"
else
    echo "not ok clang builds everything without a warning"
    exit 1
fi
