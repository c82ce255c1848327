#!/bin/bash
# Holds help, manual and completions, which all come from the command table, against golden text, and checks that the
# shells and groff understand them. UPDATE=1 writes the golden text anew.
# shellcheck disable=SC2317 # functions that check calls by name
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${BUILD:-$root/build}
case $build in /*) ;; *) build=$root/$build ;; esac
hikae=${HIKAE:-$build/hikae}
golden=$root/tests/golden
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export LC_ALL=C.UTF-8 NO_COLOR=1
unset HIKAE_CONFIG HIKAE_NOW
failed=0

fail() {
    echo "not ok $*"
    failed=1
}

compare() { # NAME: $work/NAME against the golden text
    if [ "${UPDATE:-}" = 1 ]; then
        cp "$work/$1" "$golden/$1"
    elif ! diff -u "$golden/$1" "$work/$1"; then
        fail "$1 differs; if that is meant, run UPDATE=1 $0"
    else
        echo "ok $1"
    fi
}

expect() { # STATUS TEXT ARGUMENTS…: exit code, and what stderr must hold
    local want=$1 text=$2 got=0
    shift 2
    "$hikae" "$@" >"$work/out" 2>"$work/err" || got=$?
    if [ "$got" != "$want" ]; then
        fail "hikae $*: exit $got, not $want"
    elif ! grep -qF -- "$text" "$work/err"; then
        fail "hikae $*: stderr lacks: $text"
    else
        echo "ok hikae $*"
    fi
}

"$hikae" >"$work/help-all.txt"
compare help-all.txt
"$hikae" --lang ja help >"$work/help-all-ja.txt"
compare help-all-ja.txt

# Every command but the hidden ones, each explained by `help` and by --help alike.
"$hikae" help --json >"$work/commands.json"
python3 -c 'import json, sys; [print(c["name"]) for c in json.load(sys.stdin)["commands"]]' \
    <"$work/commands.json" >"$work/names"
while IFS= read -r name; do
    read -ra words <<<"$name"
    "$hikae" help "${words[@]}"
    echo
    "$hikae" help "${words[@]}" >"$work/one"
    "$hikae" "${words[@]}" --help >"$work/two"
    cmp "$work/one" "$work/two" >&2 || echo "help and --help differ: $name"
    awk 'length($0) > 100' "$work/one" >&2
done <"$work/names" >"$work/help-commands.txt"
compare help-commands.txt

expect 2 'did you mean "hikae restore"?' resotre
expect 2 'did you mean "hikae tenant add"?' tenant ad
expect 2 'did you mean "--snapshot"?' ls acme --snapshto x
expect 2 'restore needs --to DIR' restore acme
expect 2 'takes no value' --json=1 status
expect 2 'is one of inventory|objects|data' verify --level all
expect 2 '--snapshot is given twice' ls acme --snapshot a --snapshot b
expect 2 'one argument too many' tenant show a b
expect 2 'needs a value' restore acme --to
expect 2 'there is no command' -- --help
expect 2 'has no --json' cat acme path --json
check() { # NAME COMMAND…
    local name=$1
    shift
    if "$@" >"$work/checked" 2>&1; then echo "ok $name"; else
        fail "$name"
        head -5 "$work/checked"
    fi
}
error_is_json() {
    "$hikae" resotre --json >"$work/error.json" 2>/dev/null && return 1
    python3 - "$work/error.json" <<'PY'
import json, sys
value = json.load(open(sys.argv[1]))
assert value["schema"] == 1 and value["error"]["exit"] == 2 and value["error"]["kind"] == "usage"
assert "resotre" in value["error"]["message"] and "restore" in value["error"]["hint"]
PY
}
full_disk() {
    local got=0
    "$hikae" version >/dev/full 2>"$work/err" || got=$?
    [ "$got" = 6 ] && grep -q 'standard output' "$work/err"
}
groff_is_silent() { [ -z "$(groff -man -Tutf8 -ww -z "$1" 2>&1)" ]; }
complete_words() { # WANTED WORDS…: what bash offers for the last one
    local got
    # shellcheck disable=SC2016
    got=$(bash -c 'source "$1"; shift; COMP_WORDS=(hikae "$@"); COMP_CWORD=$#; _hikae; echo "${COMPREPLY[@]}"' \
        bash "$work/completion/hikae.bash" "${@:2}")
    echo "offered: $got"
    [ "$got" = "$1" ]
}
check "an error is the JSON value that is promised" error_is_json
check "a full disk at standard output is noticed" full_disk
check "the manual is written" "$hikae" generate man "$work/man"
check "the completions are written" "$hikae" generate completion "$work/completion"
if command -v groff >/dev/null; then check "groff reads the manual" groff_is_silent "$work/man/hikae.1"; fi
if command -v mandoc >/dev/null; then check "mandoc reads the manual" mandoc -T lint -W warning "$work/man/hikae.1"; fi
check "bash reads its completion" bash -n "$work/completion/hikae.bash"
if command -v zsh >/dev/null; then check "zsh reads its completion" zsh -n "$work/completion/_hikae"; fi
if command -v fish >/dev/null; then check "fish reads its completion" fish --no-execute "$work/completion/hikae.fish"; fi
check "bash completes a command" complete_words replicate repl
check "bash completes a second word" complete_words rotate keys ro
check "bash completes a choice" complete_words data verify --level da
check "bash completes an option" complete_words --delta restore acme --del
check "bash completes an option of a family" complete_words --one-file-system tenant add x --one
exit "$failed"
