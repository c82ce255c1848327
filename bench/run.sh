#!/bin/bash
# Measures hikae beside Debian's restic and Borg, and tar | zstd as the floor, on the same data in one run.
#
#   BENCH_DIR   folder for data and repositories, about 30 GiB, and 3 for each tool and run (default: build/bench)
#   RUNS        runs; the report gives medians                      (default: 3)
#   TOOLS       what to measure, with commas                        (default: hikae,hikae_unverified,restic,borg,tar)
#   ONCE        of these, those that run once only                  (default: none)
#   SCENARIOS   of tree, image, small, s3, with commas              (default: all; s3 is bench/s3.sh)
#   RESULTS     folder for the report                               (default: bench/results)
#
# The exit code is 1 if a figure misses what is required of it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
tools=${TOOLS:-hikae,hikae_unverified,restic,borg,tar}

need() {
    command -v "$1" >/dev/null || { echo "bench: $1 is missing; install it with: apt-get install $2" >&2; exit 2; }
}

[[ $tools == *restic* ]] && need restic restic
[[ $tools == *borg* ]] && need borg borgbackup
[[ $tools == *tar* ]] && need zstd zstd
need /usr/bin/time time
need /usr/sbin/mke2fs e2fsprogs
if [[ $tools == *hikae* && ! -x $here/../build/hikae ]]; then
    echo "bench: build/hikae is missing; run make first, or leave hikae out with TOOLS=restic,borg,tar" >&2
    exit 2
fi

scenarios=,${SCENARIOS:-tree,image,small,s3},
missed=0
if [[ $scenarios == *,s3,* ]]; then
    need radosgw "ceph-mon ceph-osd radosgw ceph-common"
    "$here/s3.sh" || missed=1
    scenarios=${scenarios/,s3,/,}
fi
scenarios=${scenarios#,}
scenarios=${scenarios%,}
[[ -z $scenarios ]] || /usr/bin/python3 "$here/bench.py" --dir "${BENCH_DIR:-$here/../build/bench}" --results "${RESULTS:-$here/results}" \
    --runs "${RUNS:-3}" --tools "$tools" --scenarios "$scenarios" --once "${ONCE:-}" || missed=1
exit $missed
