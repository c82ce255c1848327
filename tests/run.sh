#!/bin/bash
# Runs test programs, two at a time, and counts: tests/run.sh PROGRAM…
#
# A program prints a line "ok NAME" or "not ok NAME" for each of its tests (cmocka is told to do so) and ends with 0 if
# all were ok. One that ends otherwise without naming what failed, that runs out of time, or that tested nothing counts as
# one failure, and so does one that leaves something behind in its temporary folder (unless KEEP is set, by which scripts
# keep their folders). The last line is "N passed, M failed".
#
#   BUILD          folder of the build that is tested; logs go to $BUILD/tests      (default: build)
#   HIKAE          the program that scripts test                                    (default: $BUILD/hikae)
#   TEST_JOBS      programs at a time                                               (default: 2)
#   TEST_SECONDS   a program is stopped after this long: it hangs                   (default: 1800)
#   TEST_WRAP      what programs that are no scripts are run by, such as valgrind   (default: nothing)
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
cd "$top"

export BUILD=${BUILD:-build}
export HIKAE=${HIKAE:-$top/$BUILD/hikae}
export CMOCKA_MESSAGE_OUTPUT=TAP
unset HIKAE_CONFIG HIKAE_NOW
export TEST_TMP=${TEST_TMP:-${TMPDIR:-/tmp}}
logs=$BUILD/tests

name_of() {
    local name=${1#tests/}
    name=${name%.sh}
    name=${name#"$BUILD"/tests/}
    echo "${name//\//-}"
}

stop_program() {
    trap '' INT TERM HUP
    kill -TERM "$program_pid" || true
    wait "$program_pid" || true
    rm -rf "$scratch"
    exit 130
}

# Run one program; its log, and a line "passed failed skipped seconds status", lie beside each other.
run_one() {
    local program=$1 name status=0 passed failed skipped planned start left wrap=()
    name=$(name_of "$program")
    start=$(date +%s.%N)
    [[ $program == */* ]] || program=./$program
    [[ $program == *.sh || $program == *.py ]] || wrap=(${TEST_WRAP:-})
    # A temporary folder of its own shows what it leaves behind; its name is short because sockets lie below it.
    scratch=$(mktemp -d "$TEST_TMP/hk-XXXXXX")
    chmod 711 "$scratch" # tests that become another user must reach what they made
    # timeout has a process group of its own, which Ctrl-C does not reach: it is told, and tells its group. What runs in
    # the background would ignore Ctrl-C, and so would the programs that are tested.
    TMPDIR=$scratch env --default-signal=INT,QUIT timeout -k 10 "${TEST_SECONDS:-1800}" "${wrap[@]}" "$program" </dev/null \
        >"$logs/$name.log" 2>&1 &
    program_pid=$!
    trap stop_program INT TERM HUP
    wait "$program_pid" || status=$?
    left=$(ls -A "$scratch")
    [[ -n ${KEEP:-} ]] || rm -rf "$scratch"
    skipped=$(grep -acE '^ok .*# *SKIP' "$logs/$name.log" || true)
    passed=$(($(grep -acE '^ok( |$)' "$logs/$name.log" || true) - skipped))
    failed=$(grep -acE '^not ok( |$)' "$logs/$name.log" || true)
    planned=$(grep -aoE '^1\.\.[0-9]+$' "$logs/$name.log" | tail -n 1 | cut -d. -f3 || true)
    if ((failed == 0)); then
        if ((status == 124 || status == 137)); then
            echo "not ok $name: stopped after ${TEST_SECONDS:-1800} seconds" >>"$logs/$name.log"
            failed=1
        elif ((status != 0)); then
            echo "not ok $name: ended with status $status" >>"$logs/$name.log"
            failed=1
        elif ((passed + skipped == 0 || passed + skipped < ${planned:-0})); then
            echo "not ok $name: of ${planned:-some} tests only $((passed + skipped)) were run" >>"$logs/$name.log"
            failed=1
        elif [[ -n $left && -z ${KEEP:-} ]]; then
            echo "not ok $name: in its temporary folder it left ${left//$'\n'/, }" >>"$logs/$name.log"
            failed=1
        fi
    fi
    echo "$passed $failed $skipped $status" >"$logs/$name.result"
    if ((failed > 0)); then
        printf 'FAILED %s: %d of %d\n' "$name" "$failed" "$((passed + failed))"
    else
        printf 'passed %-32s %4d tests %7.1f s\n' "$name" "$passed" \
            "$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')"
    fi
}

if [[ ${1-} == --one ]]; then
    run_one "$2"
    exit 0
fi

mkdir -p "$logs"
rm -f "$logs"/*.log "$logs"/*.result
# Servers that scripts share (tests/servers/lib.sh): started by the first that needs one, stopped here.
TEST_SERVERS=$(mktemp -d "$TEST_TMP/hikae-servers-XXXXXX")
export TEST_SERVERS TEST_SERVERS_OWNER=$$
stop_servers() {
    local script
    for script in tests/servers/{ceph,swift}.sh; do
        "$script" stop "$TEST_SERVERS/$(basename "$script" .sh)"
    done
    rm -rf "$TEST_SERVERS"
}
trap stop_servers EXIT
printf '%s\0' "$@" | xargs -0 -n 1 -P "${TEST_JOBS:-2}" "$0" --one || true

passed=0 failed=0 skipped=0
for program in "$@"; do
    name=$(name_of "$program")
    if [[ ! -s $logs/$name.result ]]; then
        echo "FAILED $name: it could not be run"
        failed=$((failed + 1))
        continue
    fi
    read -r p f s _ <"$logs/$name.result"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if ((f > 0)); then
        printf '\n---- %s ----\n' "$logs/$name.log"
        tail -n 200 "$logs/$name.log"
    fi
done
((skipped == 0)) || echo "$skipped skipped"
echo "$passed passed, $failed failed"
((failed == 0 && passed > 0))
