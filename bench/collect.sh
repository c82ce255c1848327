#!/bin/bash
# Collection of a tenant with ten million blobs: the memory that it takes, and what it does with the index.
#
#   BENCH_BLOBS   blobs                                 (default: 10000000)
#   BENCH_DIR     folder for the store, about 3 GiB     (default: build/bench)
#
# Ends with 1 if it takes more than 256 MiB, or if what is kept is not sound afterwards.
set -euo pipefail
cd "$(dirname "$0")/.."
blobs=${BENCH_BLOBS:-10000000}
work=$(realpath -m "${BENCH_DIR:-build/bench}")/collect
rm -rf "$work"
mkdir -p "$work"
trap 'rm -rf "$work"' EXIT
at() { local now=$1; shift; HIKAE_NOW=$now build/hikae --config "$work/h/hikae.yaml" --quiet "$@" >/dev/null 2>"$work/err" || { cat "$work/err" >&2; exit 2; }; }
# measured NAME NOW ARG…: seconds and peak of a command.
measured() {
    local name=$1 now=$2; shift 2
    HIKAE_NOW=$now /usr/bin/time -o "$work/time" -f '%e %M' build/hikae --config "$work/h/hikae.yaml" --json "$@" >"$work/json" 2>"$work/err" ||
        { cat "$work/err" >&2; exit 2; }
    read -r seconds peak <"$work/time"
    printf '%-40s %8.1f s %8.0f MiB\n' "$name" "$seconds" "$((peak / 1024))"
}
segments() { find "$work/a" -path '*/i/*' -type f | wc -l; }
build/hikae init --dir "$work/h" --target "a=file://$work/a" --test-clock >/dev/null 2>&1
mkdir "$work/src"
at 2027-01-01T01:00:00Z tenant add t --source "data=dir:$work/src"
build/bench/entries $((blobs / 100)) 1 | at 2027-01-01T02:00:00Z import t - --as old
mkfifo "$work/pipe"
build/bench/entries "$blobs" 2 >"$work/pipe" &
measured "import of $blobs files" 2027-01-02T02:00:00Z import t "$work/pipe" --as new
before=$(segments)
HIKAE_NOW=2027-01-03T02:00:00Z build/tests/test_collect_nights retire "$work/h/hikae.yaml" t 1
measured "collection: condemned, segments merged" 2027-01-03T03:00:00Z gc t
worst=$peak
at 2027-01-06T04:00:00Z gc t
measured "collection without anything to do" 2027-01-06T05:00:00Z gc t
[[ $peak -lt $worst ]] || worst=$peak
echo "segments: $before before, $(segments) after"
measured "verify: every object" 2027-01-06T06:00:00Z verify t --level objects
awk -v p="$worst" 'BEGIN { good = p <= 256 * 1024; printf "collection: peak %.0f MiB   (at_most 256) %s\n", p / 1024, good ? "ok" : "MISSED"; exit !good }'
