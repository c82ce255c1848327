# shellcheck shell=bash
# Shared by the servers' scripts and by the tests that use them: sourced, not run.
#
# For a test script (after tests/system/lib.sh, whose cleanup it extends):
#     . tests/servers/lib.sh
#     server ceph            # starts Ceph; sets CEPH_HTTP, CEPH_HTTPS, CEPH_ACCESS, … (see tests/servers/ceph.sh)
#     server swift           # the same for Swift: SWIFT_HTTP, SWIFT_ACCESS, …
#     proxy FLAKY "$CEPH_HTTP"   # starts the fault-injecting proxy; sets FLAKY (its address), FLAKY_CONTROL, FLAKY_LOG
# All are stopped and removed when the script (or, for shared ones, the run) ends, by a watchdog if it is killed.

SERVERS=${SERVERS:-}
# server KIND [own]: starts a server that lives as long as this script, and takes over its variables. In a run of
# tests/run.sh ($TEST_SERVERS) the first script that asks starts it, the others share it, each with buckets of its own
# names, and it lives as long as the run; `own` starts one all the same.
server() {
    local start="$ROOT/tests/servers/$1.sh" folder="$WORK/server-$1"
    if [ -n "${TEST_SERVERS:-}" ] && [ "${2:-}" != own ]; then
        folder=$TEST_SERVERS/$1
        flock -o "$TEST_SERVERS/$1.lock" sh -c '[ -s "$2/etc/env" ] || { "$1" stop "$2"; "$1" start "$2" "$3"; }' sh \
            "$start" "$folder" "$TEST_SERVERS_OWNER"
    else
        SERVERS="$SERVERS $1"
        "$start" start "$folder" $$
    fi || { not_ok "start the $1 server"; exit 1; }
    eval "$("$start" env "$folder")"
}
# proxy NAME UPSTREAM [OPTION…]: starts tests/servers/proxy.py before a server's address.
proxy() {
    local name=$1; shift
    /usr/bin/python3 "$ROOT/tests/servers/proxy.py" --ready "$WORK/proxy-$name" --owner $$ "$@" &
    wait_for test -s "$WORK/proxy-$name" || { not_ok "start the proxy $name"; exit 1; }
    eval "$(sed "s/^/$name/" "$WORK/proxy-$name")"
}
stop_servers() {
    local kind
    for kind in $SERVERS; do "$ROOT/tests/servers/$kind.sh" stop "$WORK/server-$kind"; done
    SERVERS=
}

# ask ARGUMENTS: of a server, or of a proxy's control address. rules TEXT: what the proxy LINE does from now on.
ask() { curl -s --noproxy '*' --max-time 20 "$@"; }
rules() { ask -d "$1" "$LINE_CONTROL/rules" && ask -d '' "$LINE_CONTROL/clear"; }
same() { [ "$1" = "$2" ] || { echo "'$1' is not '$2'"; return 1; }; }

# ---- For the servers' own scripts ----

# free_ports COUNT: port numbers on loopback that nobody listens on, below the range that the kernel gives to clients.
# Whoever uses them holds the lock of `one_start_at_a_time` until the servers listen.
free_ports() {
    /usr/bin/python3 - "$1" <<'PYTHON'
import random, socket, sys
count, found = int(sys.argv[1]), []
for port in random.sample(range(20000, 32000), 12000):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            continue
    found.append(port)
    if len(found) == count:
        break
print(*found)
PYTHON
}

# Two servers that start at the same time must not choose the same ports.
one_start_at_a_time() {
    exec 9>"${TEST_TMP:-${TMPDIR:-/tmp}}/hikae-servers-$EUID.lock"
    flock 9
}

# daemon NAME COMMAND…: runs in the background, in a session of its own, with its output in DIR/log/NAME.out. It must
# name a file below DIR/etc in its arguments: by that it is found again when it is to be killed.
daemon() {
    local name=$1; shift
    setsid "$@" </dev/null >"$DIR/log/$name.out" 2>&1 9>&- &
    disown
}

# The servers of a folder are those processes that name its etc/ in their arguments; no list of them can be out of date.
pids_of() {
    local file words
    for file in /proc/[0-9]*/cmdline; do
        { words=$(tr '\0' ' ' <"$file"); } 2>/dev/null || continue
        case $words in *"$1/etc/"*) file=${file#/proc/}; echo "${file%/cmdline}" ;; esac
    done
}
kill_servers() {
    local pids n=0
    while pids=$(pids_of "$1") && [ -n "$pids" ]; do
        # shellcheck disable=SC2086 # several words
        kill -KILL $pids 2>/dev/null
        n=$((n + 1)); [ $n -lt 50 ] || { echo "$0: processes $pids do not end" >&2; return 1; }
        sleep 0.1
    done
}

# await SECONDS WHAT COMMAND…: repeats the command until it succeeds.
await() {
    local deadline=$(($(date +%s) + $1)) what=$2; shift 2
    until "$@" >/dev/null 2>&1; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            echo "$0: $what did not come up; the last lines of its logs:" >&2
            tail -n 5 "$DIR"/log/* >&2
            return 1
        fi
        sleep 0.1
    done
}
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# An authority of the folder's own and a certificate for 127.0.0.1, localhost, s3.localhost and *.s3.localhost
# (buckets as host names; libcurl takes everything under .localhost to loopback by itself).
make_certificate() {
    (
        cd "$DIR/etc" || exit 1
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.pem -days 2 \
            -subj "/CN=hikae test authority" -addext basicConstraints=critical,CA:TRUE \
            -addext keyUsage=critical,keyCertSign,cRLSign &&
            openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.key -out server.csr \
                -subj "/CN=localhost" &&
            printf '%s\n' 'subjectAltName=DNS:localhost,DNS:s3.localhost,DNS:*.s3.localhost,IP:127.0.0.1' \
                'basicConstraints=CA:FALSE' >server.ext &&
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext \
                -out server.crt && cat server.crt server.key >server.pem
    ) >"$DIR/log/openssl.out" 2>&1
}

# server_main start DIR [OWNER] | stop DIR | env DIR: the three verbs of a server's script, which defines `bring_up`,
# `awake` and `write_env`. With OWNER, a process id, the server is stopped when that process ends, however it ends.
server_main() {
    local verb=${1:-} owner=${3:-}
    [ -n "${2:-}" ] || { echo "usage: $0 start DIR [OWNER] | stop DIR | env DIR" >&2; exit 2; }
    DIR=$(realpath -m "$2")
    case $verb in
    start)
        mkdir "$DIR" "$DIR/etc" "$DIR/log" "$DIR/run" || exit 1
        one_start_at_a_time
        make_certificate && bring_up && write_env >"$DIR/etc/env" || { kill_servers "$DIR"; exit 1; }
        exec 9>&-
        [ -z "$owner" ] || setsid bash -c 'tail --pid="$1" -f /dev/null; exec "$2" stop "$3"' watchdog \
            "$owner" "$(realpath "$0")" "$DIR" </dev/null >/dev/null 2>&1 &
        ;;
    stop)
        [ -e "$DIR" ] || exit 0
        kill_servers "$DIR" && rm -rf "$DIR"
        ;;
    env) cat "$DIR/etc/env" ;;
    *) echo "usage: $0 start DIR [OWNER] | stop DIR | env DIR" >&2; exit 2 ;;
    esac
}
