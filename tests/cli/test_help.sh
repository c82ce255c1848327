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
    awk -v name="$name" 'length($0) > 100 && !/^  \$ / { print name ": " $0 }' "$work/one" >>"$work/wide"
done <"$work/names" >"$work/help-commands.txt"
compare help-commands.txt
# Only what is typed may pass the edge of a page.
if [ -s "$work/wide" ]; then fail "wide lines: $(cat "$work/wide")"; else echo "ok no line of the help is too wide"; fi

expect 2 'did you mean "hikae restore"?' resotre
expect 2 'did you mean "hikae tenant add"?' tenant ad
expect 2 'did you mean "--snapshot"?' ls acme --snapshto x
cut -d' ' -f1 "$work/names" | sort | uniq -d | while IFS= read -r family; do
    expect 2 "did you mean \"hikae $family" "${family}x" list
done >"$work/families"
cat "$work/families"
if grep -q '^not ok' "$work/families" || ! [ -s "$work/families" ]; then failed=1; fi
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
        fail "$name (exit $?)"
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
groff_is_silent() {
    [ -z "$({ groff -man -Tutf8 -ww -z "$work"/man/*.1 && groff -k -mja -man -Tutf8 -ww -z "$work"/man/ja/*.1; } 2>&1 |
        tee "$work/complaints")" ]
}
# hikae(1) names a page for each command, and each is there, as the units and --help say.
every_command_has_its_page() {
    sed 's/ /-/g; s/.*/hikae-&.1/' "$work/names" | sort >"$work/pages"
    (cd "$work/man" && ls -- *.1) | grep -v '^hikae.1$' | sort | diff "$work/pages" - &&
        (cd "$work/man/ja" && ls -- *.1) | grep -v '^hikae.1$' | sort | diff "$work/pages" - &&
        grep -h '^Documentation=man:' "$root"/tools/systemd/*.in | sed 's/.*man:\(.*\)(1)/\1.1/' | while IFS= read -r page; do
            [ -s "$work/man/$page" ] || exit 1
        done
}
# Nothing but what is typed, and commands of running text, is English in a Japanese page.
japanese_pages() {
    ! sed -s '/^\.nf/,/^\.fi/d; /^[.[]/d; s/`[^`]*`//g; s/\\-/-/g; s/hikae [a-z ]*//g' "$work"/man/ja/*.1 |
        grep -E '[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}'
}
# A program that is not here is said to be skipped.
with() { # PROGRAM NAME COMMAND…
    if command -v "$1" >/dev/null; then check "${@:2}"; else echo "ok $2 # SKIP $1 is not installed"; fi
}
complete_words() { # WANTED WORDS…: what bash offers for the last one
    local got
    # shellcheck disable=SC2016
    got=$(bash -c 'source "$1"; shift; COMP_WORDS=(hikae "$@"); COMP_CWORD=$#; _hikae; echo "${COMPREPLY[@]}"' \
        bash "$work/completion/hikae.bash" "${@:2}")
    echo "offered: $got"
    [ "$got" = "$1" ]
}
version_is_said() { [ "$("$hikae" --version)" = "$("$hikae" version)" ] && "$hikae" backup acme --version --json | grep -q '"version"'; }
check "--version says the version, and nothing else is done" version_is_said
check "an error is the JSON value that is promised" error_is_json
check "a full disk at standard output is noticed" full_disk
check "the manual is written" "$hikae" generate man "$work/man"
check "the completions are written" "$hikae" generate completion "$work/completion"
check "every command has its page of the manual" every_command_has_its_page
check "the Japanese pages are in Japanese" japanese_pages
with groff "groff reads the manual" groff_is_silent
with mandoc "mandoc reads the manual" mandoc -T lint -W warning "$work"/man/*.1 "$work"/man/ja/*.1
check "bash reads its completion" bash -n "$work/completion/hikae.bash"
check "bash completes a command" complete_words replicate repl
check "bash completes a second word" complete_words rotate keys ro
check "bash completes a choice" complete_words data verify --level da
check "bash completes a choice of this command's option" complete_words "pax zip cpio 7zip" export acme --format ""
check "bash completes an option" complete_words --delta restore acme --del
check "bash completes an option of a family" complete_words --one-file-system tenant add x --one
check "bash completes what is a command and a family" complete_words --mode drill acme --mo
check "bash completes a command after an option" complete_words version --config x vers
check "bash offers no file for a word" complete_words "" backup acme --tag ""

"$hikae" init --dir "$work/h" >/dev/null 2>&1
"$hikae" --config "$work/h/hikae.yaml" tenant add acme --source "s=dir:$work/man" >/dev/null
export HIKAE_CONFIG=$work/h/hikae.yaml PATH=$work/path:$PATH
mkdir "$work/path"
ln -s "$hikae" "$work/path/hikae"
check "bash completes a tenant" complete_words acme tenant show ""
check "bash completes a family's words and its tenants" complete_words "list show kit away accept acme" drill ""
fish_completes() { # WANTED LINE
    local got
    got=$(HOME=$work fish --no-config -c "source '$work/completion/hikae.fish'; complete -C '$2'" 2>&1 | cut -f1 | xargs)
    echo "offered: $got"
    [ "$got" = "$1" ]
}
with fish "fish reads its completion" fish --no-execute "$work/completion/hikae.fish"
with fish "fish completes a command after an option" fish_completes "verify version" "hikae --config x ver"
with fish "fish completes a second word" fish_completes rotate "hikae keys ro"
with fish "fish completes a tenant" fish_completes acme "hikae tenant show a"
with fish "fish completes a choice" fish_completes "bare full sample" "hikae drill acme --mode "
# zsh in a terminal of its own. Keys are sent once its line editor says that it takes them, and what it prints is read until
# it is what is wanted; the limit only ends a test that failed.
cat >"$work/complete.zsh" <<'Z'
zmodload zsh/zpty
await() { # PATTERN
    for ((i = 0; i < 2500; i++)); do
        while zpty -r -t z part; do got+=$part; done
        plain=${${${got//$'\e'\[[0-9;?]#[a-zA-Z]/}//[[:space:]]##/ }//$'\r'/}
        [[ $plain == *$~1* ]] && return
        sleep 0.1
    done
    print -r -- "$1 is not in what zsh printed: $plain"
    exit 1
}
zpty z zsh -f -i
zpty -w z "PROMPT=; stty cols 200; fpath=($1 \$fpath); autoload -Uz compinit; compinit -u -d $1/dump; bindkey '^I' list-choices; zle-line-init() { print -n READY''NOW }; zle -N zle-line-init"
await READYNOW
got=
zpty -w -n z "$3"$'\t'
await "$2"
Z
zsh_completes() { # PATTERN LINE
    timeout 300 zsh -f -o extendedglob "$work/complete.zsh" "$work/completion" "$1" "$2"
}
with zsh "zsh reads its completion" zsh -n "$work/completion/_hikae"
with zsh "zsh completes a command after an option" zsh_completes 'verify -- *version --' "hikae --config x ver"
with zsh "zsh completes a second word" zsh_completes 'check*holder*rotate' "hikae keys "
with zsh "zsh completes a tenant" zsh_completes 'show *acme' "hikae tenant show "
with zsh "zsh completes a choice" zsh_completes 'bare*full*sample' "hikae drill acme --mode "
exit "$failed"
