#!/bin/bash
# The scenario `s3`: backup and restore to a Ceph on loopback, beside restic to the same Ceph, in one run.
#
#   BENCH_DIR     folder for data and the server                (default: build/bench)
#   BENCH_RUNS    runs, each with a server of its own           (default: 3)
#   BENCH_FILES   files of the tree                             (default: 160000; BENCH_BYTES: 2.6 GiB)
#   BENCH_TREE    a tree that bench/make_data.py made before    (default: one is made)
#   BENCH_RAW_MIB incompressible data for the line's own figure (default: 1024)
#
# Prints the median of each figure, beside it those of all runs, then the median of each ratio (of two figures of one run)
# that is required, and ends with 1 if one is missed. Signing is part of a PUT, so the parallel PUTs that hikae is compared
# with are signed, too. Those compute nothing else and leave all cores to the server, which then is faster than it is for
# anybody who has work to do. So that the line is compared and not who gets the cores, server and client have half of them
# each, as if each were a machine; the figure without that is printed as well. The tree is for both programs alike, with
# all cores for everybody.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
ROOT=$(dirname "$here")
cd "$ROOT"
HIKAE=$ROOT/build/hikae
WORK=$(realpath -m "${BENCH_DIR:-build/bench}")/s3
rm -rf "$WORK"
mkdir -p "$WORK"
. tests/servers/lib.sh
not_ok() { echo "bench: $1" >&2; exit 2; }
trap 'stop_servers; rm -rf "$WORK"' EXIT
CLIENT=()
cores=$(nproc)
[[ $cores -ge 2 ]] || not_ok "a core each for the server and its client is needed"
# place apart|shared: which cores the server and what is measured run on.
place() {
    local server=0-$((cores - 1)) pid
    CLIENT=()
    if [[ $1 = apart ]]; then
        server=0-$((cores / 2 - 1))
        CLIENT=(taskset -c "$((cores / 2))-$((cores - 1))")
    fi
    for pid in $(pids_of "$WORK/server-ceph"); do taskset -apc "$server" "$pid" >/dev/null || true; done
}
export AWS_EC2_METADATA_DISABLED=true RESTIC_PASSWORD=bench

# took COMMAND…: nanoseconds of wall time.
took() {
    local begun
    sync
    begun=$(date +%s%N)
    "$@" >"$RUN/log" 2>&1 || { tail -n 5 "$RUN/log" >&2; not_ok "$*"; }
    echo "$(($(date +%s%N) - begun))"
}
# figure NAME COMMAND…: measures it, and notes the seconds.
figure() {
    local name=$1 ns
    ns=$(took "${@:2}") || exit 2
    awk -v n="$name" -v t="$ns" 'BEGIN { printf "%s\t%.3f\n", n, t / 1e9 }' >>"$WORK/figures"
}
store() {
    local name=$1; shift
    "$HIKAE" init --dir "$RUN/$name" "$@" >/dev/null 2>&1
}
hikae() { local name=$1; shift; "${CLIENT[@]}" "$HIKAE" --config "$RUN/$name/hikae.yaml" --quiet "$@"; }
backup() { # FIGURE STORE TENANT SOURCE [OPTION]
    hikae "$2" tenant add "$3" --source "data=dir:$4" >/dev/null 2>&1
    figure "$1" hikae "$2" backup "$3" "${@:5}"
}

# ---- The line: signed PUTs of 32 MiB, four at once ----

mib=${BENCH_RAW_MIB:-1024}
raw() {
    "${CLIENT[@]}" /usr/bin/python3 - "$CEPH_HTTP" "$RUN/raw/0" "$((mib / 32))" <<'PYTHON'
import hashlib, http.client, sys
from concurrent.futures import ThreadPoolExecutor
import botocore.auth, botocore.awsrequest, botocore.session
endpoint, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
data = open(path, "rb").read(32 << 20)
digest = hashlib.sha256(data).hexdigest()  # once: what is compared is the line and the server, not this program
botocore.auth.S3SigV4Auth.payload = lambda self, request: digest
signer = botocore.auth.S3SigV4Auth(botocore.session.get_session().get_credentials(), "s3", "us-east-1")
def work(first):
    line = http.client.HTTPConnection(endpoint[7:])
    for i in range(first, count, 4):
        request = botocore.awsrequest.AWSRequest("PUT", f"{endpoint}/raw/o{i}", {"X-Amz-Content-SHA256": digest})
        signer.add_auth(request)
        line.request("PUT", f"/raw/o{i}", data, dict(request.headers))
        answer = line.getresponse()
        answer.read()
        assert answer.status == 200, answer.status
with ThreadPoolExecutor(4) as pool:
    list(pool.map(work, range(4)))
PYTHON
}
measure_line() {
    local i where
    mkdir "$RUN/raw"
    for ((i = 0; i < mib; i += 128)); do head -c 128M /dev/urandom >"$RUN/raw/$i"; done
    tests/servers/s3.py "$CEPH_HTTP" make raw
    raw # once unmeasured: the server takes its memory from the system
    for where in shared apart; do
        place $where
        figure "parallel PUTs, cores $where" raw
        backup "hikae: upload, cores $where" one "raw-$where" "$RUN/raw"
    done
    place shared
    rm -rf "$RUN/raw"
}

# ---- The tree ----

measure_tree() {
    tar cf - -C "$tree" . | cat >/dev/null # warm for both
    restic init >/dev/null
    figure "restic: backup" restic backup -q "$tree"
    backup "hikae: backup" one tree "$tree"
    store two --target "a=s3://two-a/x?endpoint=$CEPH_HTTP&provider=ceph" \
        --target "b=s3://two-b/x?endpoint=$CEPH_HTTP&provider=ceph"
    backup "hikae: backup to two targets" two tree "$tree"
    # restic opens nothing again that it is about to store: the same of hikae.
    store fast --target "a=s3://fast/x?endpoint=$CEPH_HTTP&provider=ceph"
    backup "hikae: backup, no verify_writes" fast tree "$tree" --no-verify-writes
    # Nothing is deleted in between: ext4 is slow to create files while it avoids the inodes of those deleted just before.
    figure "restic: restore" restic restore -q latest --target "$RUN/r"
    figure "hikae: restore" hikae one restore tree --to "$RUN/restored"
}

tree=${BENCH_TREE:-$WORK/tree}
[[ -n ${BENCH_TREE:-} ]] ||
    /usr/bin/python3 bench/make_data.py tree "$tree" --files "${BENCH_FILES:-160000}" --bytes "${BENCH_BYTES:-2726297600}" >/dev/null
for ((run = 1; run <= ${BENCH_RUNS:-3}; run++)); do
    RUN=$WORK/run
    mkdir -p "$RUN"
    server ceph
    export AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET
    export RESTIC_REPOSITORY=s3:$CEPH_HTTP/restic RESTIC_CACHE_DIR=$RUN/cache
    store one --target "a=s3://one/x?endpoint=$CEPH_HTTP&provider=ceph"
    measure_line
    measure_tree
    stop_servers
    rm -rf "$RUN"
done

/usr/bin/python3 - "$WORK/figures" <<'PYTHON'
import statistics, sys
figures = {}
for line in open(sys.argv[1]):
    name, value = line.rstrip("\n").split("\t")
    figures.setdefault(name, []).append(float(value))
for name, values in figures.items():
    print(f"{name:<44} {statistics.median(values):8.2f} s   {' '.join(f'{v:.2f}' for v in values)}")
missed = False
for name, above, below, most, least in [
    ("upload: hikae's speed / parallel PUTs, shared", "parallel PUTs, cores shared", "hikae: upload, cores shared", None, None),
    ("upload: hikae's speed / parallel PUTs, apart", "parallel PUTs, cores apart", "hikae: upload, cores apart", None, 0.9),
    ("backup: hikae / restic", "hikae: backup", "restic: backup", 0.35, None),
    ("backup: hikae, no verify_writes / restic", "hikae: backup, no verify_writes", "restic: backup", None, None),
    ("restore: hikae / restic", "hikae: restore", "restic: restore", 0.5, None),
    ("two targets / one", "hikae: backup to two targets", "hikae: backup", 1.5, None),
]:
    ratios = [a / b for a, b in zip(figures[above], figures[below])]
    ratio = statistics.median(ratios)
    good = (most is None or ratio <= most) and (least is None or ratio >= least)
    missed = missed or not good
    rule = f"at most {most}" if most else f"at least {least}" if least else "no limit"
    print(f"{name:<46} {ratio:6.2f}     {' '.join(f'{r:.2f}' for r in ratios)}   ({rule}) {'ok' if good else 'MISSED'}")
sys.exit(missed)
PYTHON
