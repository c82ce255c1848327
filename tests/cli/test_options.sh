#!/bin/bash
# Options that would be ignored are refused, whatever else was asked for; a dry run says that it was one, to people and in
# JSON; lists without rows say so; and the graver of two failures gives the exit code.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"
cd "$WORK" || exit 1
mkdir -p src/docs people
seq 20000 >src/a
echo one >src/docs/b
check init "$HIKAE" init --dir h --target "one=file://$WORK/t" --target "two=file://$WORK/u"
mv h/recovery-sheet-epoch-1.txt people/sheet
hikae tenant add acme --source "d=dir:$WORK/src" >/dev/null 2>&1
hikae backup acme >/dev/null 2>&1

# ---- Options that exclude or need each other ----

# refused TEXT ARGUMENTS…: ends with 2, and says which of them.
refused() {
    local text=$1; shift
    expect 2 "refused: $*" hikae "$@"
    says "$text" "and why: $*"
}
refused "--quiet and --verbose exclude each other" status -q -v
refused "--null and --long exclude each other" ls acme -l -0
refused "--null and --json exclude each other" find acme '*' --null --json
refused "--snapshot and --at exclude each other" ls acme --snapshot x --at 2026-01-01
refused "--delta needs --overwrite" restore acme --to back --delta
refused "--overwrite needs --output" export acme --overwrite
refused "--csv and --json exclude each other" inventory --csv --json
refused "--bom needs --csv" inventory --bom
refused "--bom needs --csv" evidence --period 2026-09 --bom
refused "--csv and --html name files" evidence --period 2026-09 --csv -
refused "--gaps needs --json" evidence --period 2026-09 --gaps
refused "--save and --key exclude each other" audit verify x --key y --save z
refused "--key and --log exclude each other" audit verify x --key y --log z
refused "--checkpoint needs --key" audit verify x --checkpoint y
refused "--day and --period exclude each other" review ack --who a --comment b --day 2026-01-01 --period 2026-01
refused "--passphrase-file needs --operator" review ack --who a --comment b --passphrase-file x
refused "--passphrase-file needs --operator" purge declare 1/a/b --who a --how b --passphrase-file x
refused "--notice needs --notice-date" policy apply x --notice n
refused "--notice-date needs --notice" policy apply x --notice-date 2026-01-01
refused "--root and --tenant exclude each other" keys rotate --root --tenant acme
refused "--mode full restores everything" drill acme --mode full --confidence 99%
refused "takes no --deputy-of" keys operator new --out x.pem --deputy-of sato
refused "takes no --out" keys operator add sato --key x --out y
refused "takes no --key" keys operator list --key x
refused "needs a NAME" keys operator revoke
expect 0 "-h among short options explains" hikae backup acme -qh
says "Usage: hikae backup" "and does nothing else"

# ---- A dry run ----

head -c 32 /dev/urandom | base64 >phrase
echo document >document
hikae policy list >/dev/null
# planned NAME ARGUMENTS…: says in both ways that nothing was done.
planned() {
    local name=$1; shift
    check "$name" hikae --lang en "$@" --dry-run
    says "Dry run" "$name says that it is a dry run"
    hikae --json "$@" --dry-run >json 2>/dev/null
    check "$name says so in JSON" test "$(field dry_run)" = True
}
planned kit drill kit acme --out acme.kit --passphrase-file phrase --expires 7d
check "no kit was made" test ! -e acme.kit
planned new-key keys operator new --out sato.pem
check "no key was made" test ! -e sato.pem
hikae keys operator new --out sato.pem >sato.pub 2>/dev/null
planned operator keys operator add sato --key sato.pub
planned erasure erasure add acme --path d/docs --who mori --reason request
planned incident incident open --title t --severity low --who mori --occurred 2026-01-01 --aware 2026-01-01
hikae restore acme --to back --keep-copy 1d >/dev/null 2>&1
hikae --json restores list >json 2>/dev/null
copy=$(field copies.0.copy)
planned wiped restores wiped "$copy" --declared --by mori
hikae --json restores list >json 2>/dev/null
check "the copy is still out" test "$(field out)" = 1

# ---- Lists without rows, and rows in the reader's words ----

expect 0 "no document" hikae --lang en attest list
says "No document answers" "says so"
hikae --lang ja restores list >ja.txt 2>/dev/null
check "the state of a copy in Japanese" grep -q 貸出中 ja.txt
hikae --lang ja roles >ja.txt 2>/dev/null
check "files have rights and an owner, in Japanese" grep -qE '権限|所有者' ja.txt
hikae --lang ja keys operator add sato --key sato.pub >ja.txt 2>/dev/null
check "who vouches for an operator, in Japanese" grep -q 署名なし ja.txt
"$HIKAE" help --json >en.json
"$HIKAE" --lang ja help --json >ja.json
check "help --json is the same in both languages" cmp en.json ja.json
"$HIKAE" help --json keys >json
check "help --json of a family has its commands only" test "$(field commands.0.name)" = "keys status"
"$HIKAE" --lang ja help keys >ja.txt
check "the help of a family is in Japanese" grep -q '各コマンドの説明' ja.txt
check "a command that has a family names it" sh -c "'$HIKAE' help drill | grep -q 'drill accept'"

# ---- A proof for the files ----

expect 0 "a proof to a file" hikae --lang en audit prove 0 -o proof.json
says "proof.json proves it" "says where it is"
check "and prints no script" test ! -s "$WORK/check.out"
check "it is a proof" /usr/bin/python3 -c 'import json; json.load(open("proof.json"))'
expect 8 "which it never replaces" hikae audit prove 0 -o proof.json
check "nor says that it did" sh -c "! grep -q 'proves it' '$WORK/check.err'"
check "without a file the script" sh -c "'$HIKAE' --config h/hikae.yaml audit prove 0 2>/dev/null | head -1 | grep -q ."

check "- is standard output: a proof" sh -c "'$HIKAE' --config h/hikae.yaml audit prove 0 -o - 2>/dev/null | cmp - proof.json"
check "- is standard output: figures" sh -c "'$HIKAE' --config h/hikae.yaml metrics -o - 2>/dev/null | grep -q '^hikae_'"
check "- is standard output: the page" sh -c "'$HIKAE' --config h/hikae.yaml report -o - 2>/dev/null | grep -q '</html>'"
check "and no file" test ! -e ./-
expect 0 "nobody to tell" hikae --lang en notify list
says "Nobody is told" "says so"

# ---- Two failures ----

pack=$(find t/hikae1 u/hikae1 -path '*/p/*' -type f | head -1)
rm -f t/"${pack#*/}" u/"${pack#*/}"
full() { hikae "$@" >/dev/full; }
expect 5 "damage that cannot be told either" full verify --level objects
says "No space left on device" "is told as far as it can be"
left() { hikae verify --level objects 2>/dev/null | head -c 0; return "${PIPESTATUS[0]}"; }
expect 5 "damage that nobody reads of" left
finish
