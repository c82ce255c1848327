#!/bin/bash
# The certificate: what it says, who can check it and how, and that no changed one passes. Checked by hikae without a
# store, and by the commands that its page prints, as they stand there.
. tests/system/lib.sh
. tests/system/purge_lib.sh
make_store --target "a=file://$WORK/a" --target "b=file://$WORK/b" --min-copies 2 && add_tenant keep && add_tenant acme && approve acme || { not_ok "a store with an approved plan"; finish; }
certify() { hikae purge certificate acme --operator "$OPERATORS/sato.pem" --out "$WORK/$1.json" --page "$WORK/$1.html"; }
expect 8 "nothing to certify before" certify early
expect 1 "erased" hikae purge run acme
"$HIKAE" keys operator new --out "$OPERATORS/nobody.pem" >"$OPERATORS/nobody.pub" 2>/dev/null
expect 7 "only an operator certifies" hikae purge certificate acme --operator "$OPERATORS/nobody.pem" --out "$WORK/x.json"
check "a certificate" certify c
expect 8 "which is never replaced" certify c
# Elsewhere: the file, a public key, nothing else.
mkdir "$WORK/elsewhere"; cp "$WORK/c.json" "$OPERATORS/sato.pub" "$WORK/elsewhere/"; cp "$OPERATORS/sato.pub" "$WORK/elsewhere/operator.pem"
mv "$WORK/h" "$WORK/h-away"
offline() { (cd "$WORK/elsewhere" && env -u HIKAE_NOW -u HIKAE_CONFIG "$HIKAE" audit verify "$@"); }
check "checked offline" offline c.json --key sato.pub
expect 5 "not signed by another" offline c.json --key "$OPERATORS/tanaka.pub"
expect 5 "both must have signed" offline c.json --key sato.pub --key "$OPERATORS/tanaka.pub"
expect 2 "without a key nothing is checked" offline c.json
says "give the operator's public key" "which is said"
expect 2 "a key alone checks nothing" offline --key sato.pub
offline --json c.json --key sato.pub >"$WORK/json" 2>/dev/null
check "it names the tenant as it was given" test "$(field name)" = acme
check "and when it became unreadable and gone" test "$(field unreadable | cut -c1-16)" = 2026-11-21T10:00 -a "$(field gone | cut -c1-16)" = 2026-11-21T10:00
check "but not irrevocable, while the sheet is with people" test "$(field irrevocable)" = None
check "requester and approvers" test "$(field statement.predicate.requester)" = mori -a "$(field statement.predicate.approvers.1.operator)" = tanaka
check "holders and their worth" test "$(field statement.predicate.holders.0.fate)" = destroyed -a -n "$(field statement.predicate.holders.0.worth)"
check "which was opened before, and does not open after" test "$(field statement.predicate.holders.0.before)" = opens -a "$(field statement.predicate.holders.0.after)" != opens
check "the sheet is left to people" test "$(field statement.predicate.holders.1.fate)" = people
check "targets with counts" test "$(field statement.predicate.targets.1.deleted)" -ge 3 -a "$(field statement.predicate.targets.1.versions)" -eq 0
check "the control" test "$(field statement.predicate.verified.opened_before)" = True
check "an in-toto statement" test "$(field statement._type)" = https://in-toto.io/Statement/v1
check "strength" test "$(field statement.predicate.algorithms.0.bits)" -eq 256
# The page's own commands.
/usr/bin/python3 - "$WORK/c.html" >"$WORK/elsewhere/commands.sh" <<'PY'
import html, re, sys
blocks = re.findall(r"<pre[^>]*>(.*?)</pre>", open(sys.argv[1], encoding="utf-8").read(), re.S)
print(html.unescape(re.sub(r"<[^>]+>", "", next(b for b in blocks if "openssl" in b))))
PY
page_check() { (cd "$WORK/elsewhere" && sh commands.sh); }
check "the page's commands check it" page_check
says "operator.pem: signed: yes" "by the operator's key"
says "store.pem: signed: yes" "and the store's"
check "the page is in Japanese and English" grep -q 消去実施報告書 "$WORK/c.html"
# Sentences in English have no place in the Japanese half: what is left of it without commands, names and codes.
/usr/bin/python3 - "$WORK/c.html" >"$WORK/english" <<'PY'
import html, re, sys
page = open(sys.argv[1], encoding="utf-8").read()
ja = page[page.index('<article lang="ja"') : page.index('<article lang="en"')]
text = html.unescape(re.sub(r"<[^>]+>", "\n", re.sub(r"<(pre|code)\b.*?</\1>", "", ja, flags=re.S)))
given = {"asked for by the customer"}
print("\n".join(m[0] for m in re.finditer(r"(?:\b[A-Za-z]{2,}[ ,]+){3,}[A-Za-z]{2,}", text) if m[0] not in given))
PY
check "both halves are there" test $? -eq 0
check "no English sentence in the Japanese half" test -z "$(cat "$WORK/english")"
check "scope, holders and verification are in Japanese" grep -q '旧ルート鍵がその保持者により開くことを確認' "$WORK/c.html"
check "and says that the clock is a test's" grep -qi "test clock" "$WORK/c.html"
cp "$OPERATORS/tanaka.pub" "$WORK/elsewhere/operator.pem"
expect 1 "they refuse another key" page_check
cp "$OPERATORS/sato.pub" "$WORK/elsewhere/operator.pem"
# Every change is found: of any byte of the payload, of the signatures, and a proof of something else.
change() { /usr/bin/python3 - "$WORK/c.json" "$WORK/elsewhere/bad.json" "$1" <<'PY'
import base64, json, sys
e = json.load(open(sys.argv[1])); p = base64.b64decode(e["payload"])
what = sys.argv[3]
if what == "name": p = p.replace(b'"acme"', b'"bcme"')
elif what == "time": p = p.replace(b"2026-11-21T10:00:00Z", b"2026-11-20T10:00:00Z")
elif what == "claim": p = p.replace(b'"people"', b'"destroyed"')
elif what == "order": e["signatures"].reverse()
elif what == "one": e["signatures"] = e["signatures"][:1]
elif what == "type": e["payloadType"] = "application/json"
elif what == "sig":
    s = bytearray(base64.b64decode(e["signatures"][0]["sig"])); s[7] ^= 1
    e["signatures"][0]["sig"] = base64.b64encode(bytes(s)).decode()
e["payload"] = base64.b64encode(p).decode()
json.dump(e, open(sys.argv[2], "w"))
PY
}
for what in name time claim one type sig; do change $what; expect 5 "changed: $what" offline bad.json --key sato.pub; done
cp "$WORK/elsewhere/c.json" "$WORK/elsewhere/kept.json"; change sig; cp "$WORK/elsewhere/bad.json" "$WORK/elsewhere/c.json"
expect 1 "the page's commands find it too" page_check
cp "$WORK/elsewhere/kept.json" "$WORK/elsewhere/c.json"
change order; check "the order of signatures means nothing" offline bad.json --key sato.pub
head -c 3000 "$WORK/c.json" >"$WORK/elsewhere/bad.json"; expect 5 "cut short" offline bad.json --key sato.pub
# Checkpoints: the same, another size, another log.
mv "$WORK/h-away" "$WORK/h"
/usr/bin/python3 -c 'import json,sys; sys.stdout.write(json.load(open(sys.argv[1]))["statement"]["predicate"]["log"]["checkpoint"])' "$WORK/json" >"$WORK/elsewhere/same"
check "the auditor has the same checkpoint" offline c.json --key sato.pub --checkpoint same
hikae audit verify --save "$WORK/elsewhere/later" >/dev/null 2>&1
expect 1 "a later one: only the store can tell" offline c.json --key sato.pub --checkpoint later
sed '3s/^./X/' "$WORK/elsewhere/same" >"$WORK/elsewhere/forged"
expect 5 "a forged one" offline c.json --key sato.pub --checkpoint forged
check "the store's own log goes on" hikae audit verify "$WORK/elsewhere/same"
# When people have destroyed the sheet, a new certificate says so.
hikae purge declare 1/paper/sheet --who tanaka --how "shredded, witnessed by mori" --operator "$OPERATORS/sato.pem" >/dev/null 2>&1
check "the rest" hikae purge run
check "a second certificate" certify d
offline --json "$WORK/d.json" --key sato.pub >"$WORK/json" 2>/dev/null
check "irrevocable now" test "$(field irrevocable | cut -c1-16)" = 2026-11-21T10:00
check "with whose word" test "$(field statement.predicate.holders.1.declared.who)" = tanaka
check "and the control is not forgotten, asked again" test "$(field statement.predicate.holders.0.before)" = opens -a "$(field statement.predicate.holders.0.fate)" = destroyed
# The declaration is signed by itself: openssl verifies it with the operator's public key.
/usr/bin/python3 - "$WORK" <<'PY'
import base64, json, sys
w = sys.argv[1]
e = json.loads(json.load(open(w + "/json"))["statement"]["predicate"]["holders"][1]["declared"]["envelope"])
p = base64.b64decode(e["payload"]); t = e["payloadType"].encode()
open(w + "/pae", "wb").write(b"DSSEv1 %d %s %d %s" % (len(t), t, len(p), p))
open(w + "/sig", "wb").write(base64.b64decode(e["signatures"][0]["sig"]))
s = json.loads(p)
assert (s["epoch"], s["group"], s["holder"], s["who"], s["operator"]) == (1, "paper", "sheet", "tanaka", "sato")
PY
check "openssl verifies the operator's signature on it" openssl pkeyutl -verify -rawin -pubin -inkey "$OPERATORS/sato.pub" -sigfile "$WORK/sig" -in "$WORK/pae"
. "$(dirname "$0")/page.sh"
sound_page certificate "$WORK/c.html"
finish
