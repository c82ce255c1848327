#!/bin/bash
# hikae in a minute, on real files: back up to two targets, damage one, restore, prove it in a drill, erase a customer
# and prove that too, lose the machine, recover from one target and a sheet of paper. Every command is shown before it runs; what must hold is checked, not claimed.
#
#   tests/demo/demo.sh [HIKAE]        DEMO_SOURCE=FOLDER takes that folder; DEMO_KEEP=1 keeps what was made
set -euo pipefail
hikae=$(realpath "${1:-build/hikae}")
[[ -x $hikae ]] || {
    echo "demo: $hikae is missing; run make first" >&2
    exit 2
}
export PATH=${hikae%/*}:$PATH
unset HIKAE_CONFIG HIKAE_NOW
work=$(mktemp -d "${TMPDIR:-/tmp}/hikae-demo-XXXXXX")
cd "$work"

if [[ -t 1 ]]; then
    bold=$'\e[1m' blue=$'\e[36m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' blue='' green='' red='' plain=''
fi
checks=0

finish() {
    local status=$?
    if ((status != 0)); then
        printf '\n%sThe demo stopped at a step that should have worked (exit code %d).%s\n' "$red" "$status" "$plain" >&2
    fi
    if [[ -n ${DEMO_KEEP-} ]]; then
        echo "Everything is left in $work" >&2
    else
        chmod -R u+rwX "$work" 2>/dev/null || true
        rm -rf "$work"
    fi
    exit "$status"
}
trap finish EXIT

step() {
    printf '\n%s%s%s\n' "$bold" "$1" "$plain"
    shift
    (($# == 0)) || printf '%s\n' "$@"
}

# The command as it can be typed: words that a shell would take apart stand in quotes.
run() {
    local word shown=()
    for word in "$@"; do
        [[ $word == *[!A-Za-z0-9_./:=,@%+-]* ]] && word="'$word'"
        shown+=("$word")
    done
    printf '%s$ %s%s\n' "$blue" "${shown[*]}" "$plain"
    "$@"
}

# Commands in which a shell has something to do: pipes, patterns.
run_shell() {
    printf '%s$ %s%s\n' "$blue" "$1" "$plain"
    bash -c "$1"
}

holds() {
    checks=$((checks + 1))
    printf '%s  ✓ %s%s\n' "$green" "$1" "$plain"
}

same() { # SOURCE RESTORED
    # diff knows nothing of pipes, and says so; rsync compares that one.
    run diff -r --no-dereference --exclude pipe "$1" "$2"
    holds "not one byte differs"
    # Times, modes, owners, links, extended attributes and ACLs too: rsync would have nothing to do.
    printf '%s$ rsync -aHAXn --delete --itemize-changes %s/ %s/%s\n' "$blue" "$1" "$2" "$plain"
    local differences
    differences=$(rsync -aHAXn --delete --itemize-changes "$1/" "$2/")
    if [[ -n $differences ]]; then
        head -n 20 <<<"$differences"
        return 1
    fi
    holds "nor a time, mode, owner, link or attribute"
}

# A number out of a file of JSON.
number() { # FIELD FILE
    grep -oE "\"$1\": *[0-9]+" "$2" | grep -oE '[0-9]+$'
}

# A folder of real files, some 100 MB of them: what every Linux system has, copied so that the demo may change it.
take_source() {
    local folder
    mkdir srv
    for folder in "${DEMO_SOURCE-}" /usr/share/doc /usr/include /usr/share/perl /usr/share/zoneinfo /usr/lib/python3; do
        [[ -n $folder && -d $folder ]] || continue
        cp -a "$folder" srv/ 2>/dev/null || true
        [[ -z ${DEMO_SOURCE-} ]] || break
        (($(du -sm srv | cut -f1) < 100)) || break
    done
    # What copies tend to lose: names, holes, links, attributes.
    mkdir -p srv/odd
    echo 'a file with a name in Japanese' >'srv/odd/控え.txt'
    printf 'not UTF-8\n' >"srv/odd/$(printf 'caf\xe9')"
    truncate -s 1G srv/odd/sparse
    printf 'an end' >>srv/odd/sparse
    ln 'srv/odd/控え.txt' srv/odd/hardlink
    ln -s ../nowhere srv/odd/dangling
    mkfifo srv/odd/pipe
    setfattr -n user.note -v 'kept' 'srv/odd/控え.txt' 2>/dev/null || true
    chmod 0640 srv/odd/hardlink
    mkdir -m 0700 srv/odd/empty
}

step "1. Something to protect"
take_source
printf '%s: %s in %s entries\n' "srv" "$(du -sh srv | cut -f1)" "$(find srv | wc -l)"

step "2. A store with two targets, in two sites in Japan" \
    "init makes a commented hikae.yaml, a key file, and a recovery sheet: the key once more, to be printed and locked away."
run hikae init --dir etc --target "tokyo=file://$work/tokyo?country=JP&site=tokyo" \
    --target "osaka=file://$work/osaka?country=JP&site=osaka"
export HIKAE_CONFIG=$work/etc/hikae.yaml
sheet=$(find etc -name '*sheet*' -type f | head -n 1)
mkdir safe
run mv "$sheet" safe/sheet.txt

step "3. A tenant: one customer, with keys of its own"
run hikae tenant add acme --policy plain --source "www=dir:$work/srv"

step "4. The first backup goes to both targets at once"
run hikae backup acme --tag first

step "5. Nothing changed: nothing is read, and one small record is written"
# Files that were changed a moment before they were read are read once more, to be sure. Let that moment pass.
sleep 2.5
hikae --quiet backup acme >/dev/null
printf '%s$ hikae --json backup acme%s\n' "$blue" "$plain"
hikae --json backup acme >unchanged.json
cat unchanged.json
[[ $(number files_new unchanged.json) == 0 && $(number bytes_read unchanged.json) == 0 ]]
holds "no file was opened"

step "6. Something changes"
run_shell 'echo "one more line" >>"srv/odd/控え.txt"; rm srv/odd/dangling; mkdir srv/new; seq 200000 >srv/new/numbers'
run hikae backup acme --tag second
run hikae snapshots acme
first=$(hikae --json snapshots acme | grep -oE '"id": *"[0-9a-f]+"' | head -n 1 | grep -oE '[0-9a-f]{16}')
run hikae diff acme "$first" latest

step "7. A disk in Tokyo goes bad" "64 bytes in the middle of the largest pack are overwritten."
pack=$(find tokyo/hikae1/t/*/p -type f -printf '%s %p\n' | sort -rn | head -n 1 | cut -d' ' -f2)
chmod u+w "$pack" "${pack%/*}"
before=$(sha256sum <"$pack")
run_shell "head -c 64 /dev/urandom | dd of='${pack#./}' bs=1 seek=$(($(stat -c %s "$pack") / 2)) conv=notrunc status=none"
[[ $(sha256sum <"$pack") != "$before" ]]

step "8. Restore" "The damage is seen, the bytes come from Osaka, and the pack in Tokyo is mended on the way."
run hikae restore acme --to restored
same srv restored/www

step "9. Verify everything, down to the last byte, on both targets"
run hikae verify acme --level data
holds "both targets hold all data, sound"

step "10. A restore drill" \
    "A sample that nobody can choose is restored from each target in turn, checked and wiped; the report is signed."
run hikae drill acme --mode sample --scratch "$work/drills"

step "11. Another customer's contract ends: everything of theirs is erased" \
    "Two operators sign the plan. A thief has copied both targets and the whole machine before, all but the key file."
mkdir umi people
run_shell 'echo "what nobody may read after the contract" >umi/secret'
hikae --quiet tenant add umi --source "files=dir:$work/umi" >/dev/null
run hikae --quiet backup umi
for person in sato tanaka; do
    hikae keys operator new --out people/$person.pem >people/$person.pub 2>/dev/null
    hikae --quiet keys operator add $person --key people/$person.pub >/dev/null 2>&1
done
mkdir thief
cp -a etc tokyo osaka thief/
rm thief/etc/keys/*
sed -i "s|$work/|$work/thief/|" thief/etc/hikae.yaml
run hikae purge plan umi --requester umi --without-contract "the customer asked for it"
plan=$(hikae --json purge status umi | grep -oE '"plan": *"[0-9a-f]{64}"' | head -n 1 | grep -oE '[0-9a-f]{64}')
run hikae purge approve umi --plan "$plan" --operator people/sato.pem
run hikae purge approve umi --plan "$plan" --operator people/tanaka.pem
run hikae purge run umi || [[ $? == 1 ]]
echo "One thing is left to people: the sheet in the safe opens the old root epoch. It is burnt, and the new one takes its place."
rm safe/sheet.txt
mv etc/recovery-sheet-epoch-2.txt safe/sheet.txt
run hikae purge declare 1/paper/sheet --who sato --how "burnt in the presence of tanaka" --operator people/sato.pem
run hikae purge certificate umi --operator people/sato.pem --out umi-certificate.json --page umi-certificate.html
run hikae audit verify umi-certificate.json --key people/sato.pub
holds "the certificate is right, and says so without the store"
if run hikae --config thief/etc/hikae.yaml restore umi --to thief/loot; then
    false
fi
[[ ! -e thief/loot/files/secret ]]
holds "the thief, with every object and every copy of the keystore, reads nothing"
run hikae verify acme --level data
holds "and the others are as safe as before"

step "12. The machine is lost, and Tokyo with it" \
    "What is left: one target, and the sheet from the safe. No configuration, no key file, no catalogue."
run rm -rf etc tokyo restored
unset HIKAE_CONFIG
run hikae recover --target "osaka=file://$work/osaka?country=JP&site=osaka" --dir new-machine --sheet safe/sheet.txt
export HIKAE_CONFIG=$work/new-machine/hikae.yaml
run hikae snapshots acme
run hikae restore acme --to recovered
same srv recovered/www

step "That was hikae" "$checks checks held, in $SECONDS seconds."
