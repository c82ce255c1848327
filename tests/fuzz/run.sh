#!/bin/bash
# One fuzzer for some seconds: tests/fuzz/run.sh PROGRAM SECONDS
#
# It starts from tests/fuzz/corpus/NAME; inputs that reach something new are kept under the build's folder, not in the
# tree. An input that fails is kept there too, and named. To keep it as a test, put it into the corpus.
set -euo pipefail
cd "$(dirname "$0")/../.."
program=$1 seconds=$2
name=${program##*/fuzz_}
found=${program%/*}/found/$name
mkdir -p "$found"
echo "fuzz $name: $seconds s"
if ! UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 "$program" -max_total_time="$seconds" -timeout=10 \
    -rss_limit_mb=2048 -max_len=65536 -print_final_stats=1 -artifact_prefix="$found-" "$found" \
    "tests/fuzz/corpus/$name" >"$found.log" 2>&1; then
    tail -n 60 "$found.log"
    exit 1
fi
grep -E 'DONE ' "$found.log" | tail -n 1
