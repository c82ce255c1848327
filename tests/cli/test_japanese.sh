#!/bin/bash
# Japanese: every phrase of the catalogue is one that hikae can say, and what a person gets to see of a store's life is told
# in Japanese, but for names, paths and figures. --json stays as it is.
# shellcheck source=tests/system/lib.sh
. "$(dirname "$0")/../system/lib.sh"

check "phrases are those of the sources" /usr/bin/python3 "$ROOT/tests/cli/phrases.py" "$ROOT"

cd "$WORK" || exit 1
mkdir -p src/docs
seq 500 >src/docs/a
# seen ARGUMENTS…: a command as its reader sees it, both streams.
seen() { printf '\n$ hikae %s\n' "$*"; "$HIKAE" --config h/hikae.yaml --lang ja "$@" 2>&1 </dev/null; }
{
    seen status
    "$HIKAE" --lang ja init --dir h --target "tokyo=file://$WORK/t?country=JP&site=tokyo" --target "osaka=file://$WORK/o" 2>&1
    seen doctor
    seen tenant add 海商事 --source "d=dir:$WORK/src"
    seen tenant add 海商事 --source "d=dir:$WORK/src"
    seen tenant show 海商事
    seen backup 海商事
    seen backup nobody
    seen snapshots 海商事
    seen restore 海商事 --to back
    seen restore 海商事 --to back
    seen restore 海商事 nothing --to back2
    seen verify
    seen drill 海商事
    seen retain --dry-run
    seen gc --dry-run
    seen target list
    seen target check
    seen keys status
    seen keys check
    seen roles
    seen inventory
    seen forecast
    seen run --dry-run
    seen run
    seen log list
    seen purge status
    seen purge run 海商事
    seen policy check "$ROOT/policies/daily-7-generations.yaml"
    seen backup 海商事 --keep 5x
    seen tenat list
    seen status --jsn
    seen cat 海商事 d
    seen audit prove 9999
    "$HIKAE" keys operator new --out sato.pem >sato.pub 2>/dev/null
    seen keys operator add sato --key sato.pub
    seen drill 海商事 --mode full --damage 5%
    seen notify list
    seen attest list
    seen contract show 海商事
    seen contract survivors 海商事 --from x --into y
    seen hold add 海商事 --who a --why b --until 2020-01-01
    seen hold add 海商事 --who a --why b
    seen purge plan 海商事 --requester s
    seen drill kit 海商事 --out k --expires 7d
    seen target set osaka foo=bar
    seen target retire osaka --dry-run
    seen tenant set 海商事 --priority 77
    seen recover --target "tokyo=file://$WORK/t"
    seen import 海商事 nofile
    sed 's/^min_copies.*/min_copies: nine/' h/hikae.yaml >h/wrong.yaml
    printf '\n$ a wrong configuration\n'
    "$HIKAE" --config h/wrong.yaml --lang ja status 2>&1
    printf '\n$ no key\n'
    mv h/keys keys
    seen snapshots 海商事
    mv keys h/keys
    mv o gone
    seen status
    seen backup 海商事
    seen doctor
} >ja.txt

# Lines without a Japanese character, but for what has none to say: names and places, and values below a label.
/usr/bin/python3 - ja.txt >english.txt <<'P'
import re, sys
command = ""
for line in open(sys.argv[1], encoding="utf-8"):
    if line.startswith("$ "):
        command = line.strip()
    words = re.sub(r"`[^`]*`|--?[a-z-]+|\"[^\"]*\"|published-where.*|hikae( [a-z]+)+|[^ ]*/[^ ]*|\b[0-9a-f]{16,32}\b|[0-9T:.Z+-]{10,}", "", line)
    if not line.startswith("$ ") and re.search(r"[A-Za-z]{2,} [A-Za-z]{2,} [A-Za-z]{2,}", words):
        print(command, "|", line.rstrip()[:160])
P
check "no sentence is English" test ! -s english.txt
[ ! -s english.txt ] || sed 's/^/    /' english.txt
has() { check "$1" grep -qF -- "$2" ja.txt; }
has "errors" "hikae: nobody のバックアップ: テナント 'nobody' はありません"
has "hints" "→ \`hikae tenant list\` で一覧を表示"
has "warnings" "警告: 保存先 osaka"
has "words of the system" "そのようなファイルまたはフォルダーはありません"
has "reasons in lists" "随時取得: 取り除くまで保持; 最新の完全なもの"
has "durations" "秒"
has "what a file may say" "1 から 16 までの整数"
has "a refusal that names two options" "--confidence"
# Whatever a command gets, its help tells it in Japanese.
"$HIKAE" help --json | /usr/bin/python3 -c 'import json, sys
for c in json.load(sys.stdin)["commands"]: print(c["name"])' | while read -ra words; do
    "$HIKAE" --lang ja help "${words[@]}" | sed '1,/^$/d' | grep -v '^  \$ ' |
        sed -E 's/`[^`]*`|hikae [a-z ]+//g' | grep -E '[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}' | sed "s/^/${words[*]}: /"
done >help.txt
check "the help of every command is in Japanese" test ! -s help.txt
[ ! -s help.txt ] || head -n 20 help.txt
"$HIKAE" --config h/hikae.yaml --lang ja --json backup nobody >ja.json 2>/dev/null
"$HIKAE" --config h/hikae.yaml --lang en --json backup nobody >en.json 2>/dev/null
check "--json is the same in both languages" cmp ja.json en.json
finish
