#!/bin/bash
# The scenario `s3`: backup and restore to a Ceph on loopback, beside restic to the same Ceph, in one run.
#
#   BENCH_DIR     folder for data and the server                (default: build/bench)
#   BENCH_FILES   files of the tree                             (default: 160000; BENCH_BYTES: 2.6 GiB)
#   BENCH_TREE    a tree that bench/make_data.py made before  (default: one is made)
#   BENCH_RAW_MIB incompressible data for the line's own figure (default: 1536)
#
# Prints a line for each figure and for each ratio that is required, and ends with 1 if one is missed. Signing is part of a
# PUT, so the parallel PUTs that hikae is compared with are signed, too. Those compute nothing else and leave all cores to
# the server, which then is faster than it is for anybody who has work to do. So that the line is compared and not who
# gets the cores, server and client have half of them each, as if each were a machine; the figure without that is printed
# as well. The tree is for both programs alike, with all cores for everybody.
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
server ceph
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
export AWS_ACCESS_KEY_ID=$CEPH_ACCESS AWS_SECRET_ACCESS_KEY=$CEPH_SECRET AWS_EC2_METADATA_DISABLED=true
export RESTIC_PASSWORD=bench RESTIC_REPOSITORY=s3:$CEPH_HTTP/restic RESTIC_CACHE_DIR=$WORK/cache
missed=0

# took COMMAND…: seconds of wall time.
took() {
    local begun
    sync
    begun=$(date +%s%N)
    "$@" >"$WORK/log" 2>&1 || { tail -n 5 "$WORK/log" >&2; not_ok "$*"; }
    echo "$(($(date +%s%N) - begun))"
}
figure() { awk -v n="$1" -v t="$2" 'BEGIN { printf "%-44s %8.2f s\n", n, t / 1e9 }'; }
# ratio NAME A B at_most|at_least LIMIT
ratio() {
    awk -v n="$1" -v a="$2" -v b="$3" -v kind="$4" -v limit="$5" 'BEGIN {
        r = a / b; good = kind == "at_most" ? r <= limit : r >= limit
        printf "%-44s %8.2f   (%s %s) %s\n", n, r, kind, limit, good ? "ok" : "MISSED"; exit !good }' || missed=1
}
store() {
    local name=$1; shift
    "$HIKAE" init --dir "$WORK/$name" "$@" >/dev/null 2>&1
}
hikae() { local name=$1; shift; "${CLIENT[@]}" "$HIKAE" --config "$WORK/$name/hikae.yaml" --quiet "$@"; }
backed_up() { # NAME TENANT SOURCE
    hikae "$1" tenant add "$2" --source "data=dir:$3" >/dev/null 2>&1
    took hikae "$1" backup "$2"
}

# ---- The line: signed PUTs of 32 MiB, four at once ----

mib=${BENCH_RAW_MIB:-1536}
mkdir "$WORK/raw"
for ((i = 0; i < mib; i += 128)); do head -c 128M /dev/urandom >"$WORK/raw/$i"; done
tests/servers/s3.py "$CEPH_HTTP" make raw
raw() {
    "${CLIENT[@]}" /usr/bin/python3 - "$CEPH_HTTP" "$WORK/raw/0" "$((mib / 32))" <<'PYTHON'
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
store one --target "a=s3://one/x?endpoint=$CEPH_HTTP&provider=ceph"
for where in shared apart; do
    place $where
    t_raw=$(took raw); figure "parallel PUTs of $mib MiB, cores $where" "$t_raw"
    t_hikae=$(backed_up one "raw-$where" "$WORK/raw"); figure "hikae: backup of the same" "$t_hikae"
    [[ $where = apart ]] || awk -v a="$t_raw" -v b="$t_hikae" \
        'BEGIN { printf "%-44s %8.2f   (with the server on the same cores)\n", "upload: hikae'"'"'s speed / parallel PUTs", a / b }'
done
ratio "upload: hikae's speed / parallel PUTs" "$t_raw" "$t_hikae" at_least 0.9
place shared
rm -rf "$WORK/raw"

# ---- The tree ----

tree=${BENCH_TREE:-$WORK/tree}
[[ -n ${BENCH_TREE:-} ]] ||
    /usr/bin/python3 bench/make_data.py tree "$tree" --files "${BENCH_FILES:-160000}" --bytes "${BENCH_BYTES:-2726297600}" >/dev/null
tar cf - -C "$tree" . | cat >/dev/null # warm for both
restic init >/dev/null
r_backup=$(took restic backup -q "$tree"); figure "restic: backup of the tree" "$r_backup"
h_backup=$(backed_up one tree "$tree"); figure "hikae: backup of the tree" "$h_backup"
ratio "backup: hikae / restic" "$h_backup" "$r_backup" at_most 0.35
# restic opens nothing again that it is about to store: the same of hikae.
store fast --target "a=s3://fast/x?endpoint=$CEPH_HTTP&provider=ceph"
hikae fast tenant add tree --source "data=dir:$tree" >/dev/null 2>&1
h_fast=$(took hikae fast backup tree --no-verify-writes); figure "hikae: backup without verify_writes" "$h_fast"
awk -v a="$h_fast" -v b="$r_backup" 'BEGIN { printf "%-44s %8.2f   (without verify_writes)\n", "backup: hikae / restic", a / b }'
r_restore=$(took restic restore -q latest --target "$WORK/r"); figure "restic: restore" "$r_restore"
# Nothing is deleted in between: ext4 is slow to create files while it avoids the inodes of those deleted just before.
h_restore=$(took hikae one restore tree --to "$WORK/restored"); figure "hikae: restore" "$h_restore"
ratio "restore: hikae / restic" "$h_restore" "$r_restore" at_most 0.5
store two --target "a=s3://two-a/x?endpoint=$CEPH_HTTP&provider=ceph" --target "b=s3://two-b/x?endpoint=$CEPH_HTTP&provider=ceph"
h_two=$(backed_up two tree "$tree"); figure "hikae: backup to two targets" "$h_two"
ratio "two targets / one" "$h_two" "$h_backup" at_most 1.5
exit $missed
