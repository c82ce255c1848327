#!/bin/bash
# README, the other documents, the examples of the help and the units say nothing that hikae does not understand, and
# what README shows can be done as it stands there, from the first command to the recovery of a lost machine. Absolute
# folders are moved below a scratch folder; nothing else of a command is changed.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
mkdir -p "$WORK/bin" "$WORK/home" "$WORK/cwd" "$WORK/none"
ln -s "$HIKAE" "$WORK/bin/hikae"
export PATH=$WORK/bin:$PATH HOME=$WORK/home LC_ALL=C.UTF-8
unset HIKAE_CONFIG HIKAE_NOW

commands_of() { /usr/bin/python3 "$ROOT/tests/cli/commands_of.py" "$@"; }
# Absolute folders, wherever a word or a value begins with one.
moved() { sed -E "s#(^|[ ='\":/])/(etc|mnt|srv|tmp|var|root|opt)/#\\1$WORK/\\2/#g"; }

# ---- Every command named anywhere is there, with its options ----

documents=("$ROOT"/README.md "$ROOT"/policies/README.md "$ROOT"/src/repo/FORMAT.md)
units=("$ROOT"/tools/systemd/*)
commands_of named "${documents[@]}" "${units[@]}" >"$WORK/named"
"$HIKAE" help --json >"$WORK/commands.json"
/usr/bin/python3 - "$WORK/commands.json" "$WORK/named" >"$WORK/unknown" <<'P'
import json, sys
commands = {c["name"]: c["options"] for c in json.load(open(sys.argv[1]))["commands"]}
everywhere = {"config", "json", "quiet", "verbose", "lang", "help"}
for line in open(sys.argv[2]):
    words, options, value = [], [], False
    for word in line.split()[1:]:
        if word.startswith("--"):
            options.append(word[2:].split("=")[0])
            value = options[-1] in ("lang", "config")
        elif not value and not options[len(options):] and word[0] != "-":
            words.append(word)
            value = False
        else:
            value = False
    name = " ".join(words[:2]) if " ".join(words[:2]) in commands else words[0]
    if name not in commands:
        print("no such command:", line.strip())
    else:
        for option in options:
            if option not in everywhere and option not in commands[name]:
                print("no such option:", line.strip())
P
check "running text names $(wc -l <"$WORK/named") commands, and all of them are there" \
    test -s "$WORK/named" -a ! -s "$WORK/unknown"
cat "$WORK/unknown"

# Whole calls are parsed by the program itself: without a store, all that may fail is that there is none.
/usr/bin/python3 -c 'import json, sys
for c in json.load(sys.stdin)["commands"]: print(c["name"])' <"$WORK/commands.json" | while read -ra words; do
    "$HIKAE" help "${words[@]}"
done >"$WORK/help"
commands_of whole "${documents[@]}" "${units[@]}" "$WORK/help" | moved >"$WORK/whole"
cd "$WORK/cwd" || exit 1
touch sheet.txt typed.txt hikae.key acme.kit phrase
try() { # the call is on standard input; what it is piped into, and other programs, are not run
    # shellcheck disable=SC2317 # functions that the call calls
    (
        hikae() {
            local json=--json
            [[ " $* " == *" cat "* || " $* " == *" --csv "* ]] && json=--quiet
            timeout 120 "$HIKAE" "$json" "$@" </dev/null >>"$WORK/answer" 2>&1
        }
        ssh() { :; }
        psql() { :; }
        HIKAE_CONFIG=$WORK/none/hikae.yaml
        export HIKAE_CONFIG
        eval "$1"
    ) >/dev/null 2>"$WORK/complaint" </dev/null
}
while IFS= read -r call; do
    : >"$WORK/answer"
    try "$call"
    if [ -s "$WORK/complaint" ] || [ ! -s "$WORK/answer" ] || grep -qE '"kind":"usage"|→ see hikae help' "$WORK/answer"; then
        echo "# $call"
        cut -c1-300 "$WORK/answer" "$WORK/complaint"
    fi
done <"$WORK/whole" >"$WORK/misunderstood"
check "hikae understands the $(wc -l <"$WORK/whole") calls that documents, help and units show" \
    test -s "$WORK/whole" -a ! -s "$WORK/misunderstood"
cat "$WORK/misunderstood"

# ---- README, from top to bottom ----

# What README takes to be there: a customer's files, a program that dumps a database, a list of customers, the collector.
rm -rf "${WORK:?}"/{etc,mnt,srv,tmp,var,root}
mkdir -p "$WORK/readme/policies" "$WORK"/{mnt,etc,tmp} "$WORK/srv/acme/etc" "$WORK/srv/umi" "$WORK/srv/kawa" "$WORK/var/lib/prometheus/node-exporter"
cp -r "$ROOT"/policies/. "$WORK/readme/policies/"
echo 'one of theirs' >"$WORK/srv/acme/etc/file"
seq 20000 >"$WORK/srv/acme/numbers"
printf '#!/bin/sh\nseq 1000\n' >"$WORK/bin/pg_dump"
chmod +x "$WORK/bin/pg_dump"
sed -n '/^```csv/,/^```/{/^```/!p}' "$ROOT/README.md" | moved >"$WORK/readme/customers.csv"
export HIKAE_CONFIG=$WORK/etc/hikae/hikae.yaml TZ=UTC
cd "$WORK/readme" || exit 1
commands_of blocks "$ROOT/README.md" | sed 's/--at 2026-11-20/--at $(date -u +%F)/' | moved | csplit -s -z -f block- - '/^#### /' '{*}'
ran=0
for block in block-*; do
    place=$(sed -n '1s/^#### .*README/README/p' "$block")
    if grep -qE '(^|&& )make' "$block"; then
        # These install, build and test; what they name must be there.
        for target in $(grep -oE '\bmake( install| [a-z]+)' "$block" | cut -d' ' -f2); do
            check "$place: make $target is there" grep -q "^$target:" "$ROOT/Makefile"
        done
        continue
    fi
    input=/dev/null
    if grep -q 'cat >sheet.txt' "$block"; then
        # The machine is lost, and Tokyo with it; the sheet is typed.
        rm -rf "$WORK/etc/hikae" "$WORK/mnt/tokyo"
        input=$WORK/typed
    fi
    # shellcheck disable=SC2094
    check "$place: does what it says" bash -euo pipefail "$block" <"$input"
    ran=$((ran + 1))
    # README: print the sheet now, and delete the file.
    if grep -q '^hikae init' "$block"; then mv "$WORK"/etc/hikae/recovery-sheet-*.txt "$WORK/typed"; fi
done
check "README has blocks to run" test "$ran" -ge 6
check "the folder that README restores is the customer's" diff -r "$WORK/srv/acme" "$WORK/tmp/back/www"
check "so is the one after everything was lost" diff -r "$WORK/srv/acme" "$WORK/srv/restored/www"
check "the database is back too" cmp <(seq 1000) "$WORK/srv/restored/db"
finish
