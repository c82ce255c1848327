#!/bin/bash
# The figures on the page of the morning against those of status, snapshots, forecast and review list; a target that
# comes back late, a tenant that cannot be read, no target at all; and a table of many tenants, filtered and sorted in
# headless Chromium.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/page.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
json_at() { local name=$1; shift; at "$@" >"$WORK/$name.json" 2>/dev/null; }
page_at() { at "$1" --lang "${2:-en}" report -o "$WORK/page.html" >"$WORK/out" 2>"$WORK/err"; CODE=$?; }
page_has() { grep -qF -- "$1" "$WORK/page.html"; }

# table ID [N]: the rows of the N-th table of a section as JSON: lists of cells' texts, the head first. Needs no browser:
# pages are well-formed except for void elements.
cat >"$WORK/table.py" <<'END'
import html.parser, json, sys
class Reader(html.parser.HTMLParser):
    def __init__(self, section, number):
        super().__init__()
        self.section, self.number, self.inside, self.count, self.rows, self.cell = section, number, False, -1, [], None
    def handle_starttag(self, tag, attributes):
        if tag == "section":
            self.inside = dict(attributes).get("id") == self.section
        if not self.inside:
            return
        if tag == "table":
            self.count += 1
        if self.count != self.number:
            return
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.cell = ""
        if tag == "small" and self.cell is not None:
            self.cell += "|"
    def handle_endtag(self, tag):
        if tag in ("td", "th") and self.cell is not None:
            self.rows[-1].append(self.cell.strip())
            self.cell = None
        if tag == "section":
            self.inside = False
    def handle_data(self, data):
        if self.cell is not None:
            self.cell += data
reader = Reader(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 0)
reader.feed(open(sys.argv[1]).read())
print(json.dumps(reader.rows))
END
table() { /usr/bin/python3 "$WORK/table.py" "$WORK/page.html" "$@" >"$WORK/json"; }
# rows EXPRESSION: a Python expression over t, the last table without its head, and over J, which reads NAME.json.
rows() { (cd "$WORK" && /usr/bin/python3 -c '
import json, sys, datetime
t = json.load(open("json"))[1:]
J = lambda name: json.load(open(name + ".json"))
def jst(text): return (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) + datetime.timedelta(hours=9)).strftime("%Y-%m-%d %H:%M")
def size(bytes):
    units = ["B", "KiB", "MiB", "GiB"]
    while bytes >= 1023.95 and len(units) > 1: bytes /= 1024; del units[0]
    return ("%.0f %s" if units[0] == "B" or bytes >= 99.95 else "%.1f %s") % (bytes, units[0])
print(eval(sys.argv[1]))' "$1"); }

# ---- Fourteen tenants, two targets, one night whole, one night while a target is away ----
NAMES="acme bell coil dyne echo flux gale halo 株式会社東京情報処理 ohm pico quad rune שלום"
for t in $NAMES; do
    mkdir -p "$WORK/src/$t"
    head -c $((20000 + 3000 * ${#t})) /dev/urandom >"$WORK/src/$t/file"
done
check init env HIKAE_NOW=2026-11-14T15:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --target "tokyo=file://$WORK/one" --target "osaka=file://$WORK/two"
page_at 2026-11-14T15:00:00Z
check empty-store-is-not-well page_has "There are no tenants yet: nothing is backed up."
day_policy
check apply at 2026-11-14T15:00:00Z policy apply day
for t in $NAMES; do at 2026-11-14T15:00:00Z tenant add "$t" --policy day --source "d=dir:$WORK/src/$t" >/dev/null 2>&1; done
for day in 14 15 16; do at "2026-11-${day}T17:00:00Z" run >/dev/null 2>&1; done
at 2026-11-16T18:00:00Z verify acme --level data >/dev/null 2>&1
mv "$WORK/two" "$WORK/two.gone"
for t in $NAMES; do head -c 5000 /dev/urandom >"$WORK/src/$t/new"; done
head -c 90000 /dev/urandom >"$WORK/src/rune/new"
at 2026-11-17T17:00:00Z run --retries 0 >/dev/null 2>&1
at 2026-11-17T20:00:00Z review ack --who mori --comment 'osaka is away' --owner sato >/dev/null 2>&1
mv "$WORK/two.gone" "$WORK/two"

# ---- The figures: osaka answers again, and lacks the last night ----
NOW=2026-11-17T23:00:00Z
json_at status $NOW --json status
json_at forecast $NOW --json forecast --months 3
json_at reviews $NOW --json review list
json_at acme $NOW --json snapshots acme
page_at $NOW
check warns test "$CODE" = 1
table tenants
check every-tenant test "$(rows 'sorted(r[0] for r in t) == sorted(x["name"] for x in J("status")["tenants"]) and len(t)')" = 14
check latest-is-status test "$(rows 'all(r[3].split("|")[0] == jst(x["last_success"]) for r in t for x in J("status")["tenants"] if x["name"] == r[0])')" = True
check ages test "$(rows '{r[3].split("|")[1] for r in t}')" = "{'5 h 59 min'}"
check copies test "$(rows '{r[4] for r in t} == {"1 of 2|osaka: 2026-11-17 02:00"} and all(x["behind"] == ["osaka"] for x in J("status")["tenants"])')" = True
check generations test "$(rows '[r[7] == str(len(J("acme")["snapshots"])) for r in t if r[0] == "acme"]')" = "[True]"
check size-is-latest-snapshot test "$(rows '[r[6].split("|")[0] == size(J("acme")["snapshots"][-1]["bytes"]) for r in t if r[0] == "acme"]')" = "[True]"
check growth test "$(rows '[r[6].split("|")[1] for r in t if r[0] == "acme"]')" = "['+4.9 KiB in 7 days']"
check verified test "$(rows '[(r[5].split("|")[0], r[5].split("|")[1].split(":")[0]) for r in t if r[0] == "acme"]')" = "[('2026-11-17 03:00', 'tokyo')]"
check not-verified test "$(rows '{r[5] for r in t if r[0] != "acme"}')" = "{'–'}"
table safe
check targets test "$(rows '[(r[0], r[2], r[3].split("|")[0]) for r in t]')" = "[('tokyo', '0', '2026-11-18 02:00'), ('osaka', '14', '2026-11-17 02:00')]"
check stored-is-forecast test "$(rows 'all(r[6].split("|")[0] == size(x["bytes"]) and r[5] == str(x["objects"]) for r in t for x in J("forecast")["targets"] if x["name"] == r[0]) and len(t)')" = 2
table deadlines
check deadlines test "$(rows 'sorted((r[0], r[1] == "✕ over" or r[1] == "over") for r in t) == sorted((jst(d["at"]), d["missed"]) for d in J("status")["deadlines"])')" = True
table looks
check looks test "$(rows '[(r[0], r[2], r[3], r[4]) for r in t] == [(jst(x["time"]), x["who"], x["comment"], x["owner"]) for x in J("reviews")["reviews"]]')" = True
cp "$WORK/page.html" "$WORK/many.html"

# ---- Many rows are filtered and sorted by the page itself; it needs nothing else, and nothing else runs ----
sound_page many "$WORK/many.html"
look() { # JAVASCRIPT: what it returns, of the page opened in Chromium
    sed -e "s#^const say = .*#const say = () => { const doc = document.getElementById('page').contentDocument; const found = (() => { $1 })(); document.getElementById('found').textContent = 'FOUND' + JSON.stringify({found}) + 'END'; };#" \
        "$WORK/probe.html" >"$WORK/look.html"
    chromium_page --window-size=1280,900 --dump-dom "file://$WORK/look.html" >"$WORK/look.dom" 2>/dev/null
    /usr/bin/python3 -c 'import html,json,re,sys; print(json.loads(html.unescape(re.search(r"FOUND(.*?)END", open(sys.argv[1]).read(), re.S).group(1)))["found"])' "$WORK/look.dom"
}
check filter test "$(look 'const field = doc.querySelector("input"); field.value = "ｅｃｈｏ"; field.dispatchEvent(new Event("input")); return [doc.querySelector("[role=status]").textContent, [...doc.querySelectorAll("table.sorted tbody tr")].filter((r) => !r.hidden).map((r) => r.cells[0].textContent).join()];')" = "['1 of 14 shown', 'echo']"
check sort-by-name-down test "$(look 'const head = doc.querySelector("table.sorted th"); head.querySelector("button").click(); head.querySelector("button").click(); const names = [...doc.querySelectorAll("table.sorted tbody th")].map((c) => c.textContent); return [head.ariaSort, names.length, names.indexOf("acme") > names.indexOf("rune")];')" = "['descending', 14, True]"
check sort-by-figure test "$(look 'const heads = doc.querySelectorAll("table.sorted thead th"); heads[6].querySelector("button").click(); const sizes = [...doc.querySelectorAll("table.sorted tbody tr")].map((r) => Number(r.cells[6].querySelector("data").value)); return sizes.every((s, i) => i === 0 || sizes[i - 1] <= s);')" = True
sed 's/<script>/<script>document.title = 1;/' "$WORK/many.html" >"$WORK/changed.html"
probe "$WORK/changed.html" 1280
check another-script-is-refused test "$(field idle_scripts)" = 1

# ---- An erasure that is under way ----
check no-erasure-yet sh -c "! grep -q 'id=\"erasures\"' '$WORK/many.html'"
at $NOW purge plan quad --requester mori --without-contract 'asked for by the customer' >/dev/null 2>&1
page_at $NOW
table erasures
check erasure-under-way test "$(rows '[(r[0], r[1]) for r in t]')" = "[('quad', 'planned')]"

# ---- A tenant that cannot be read is on the page all the same ----
TID=$(at $NOW --json tenant show bell 2>/dev/null | /usr/bin/python3 -c 'import json,sys; print(json.load(sys.stdin)["id"])')
chmod -R u+w "$WORK/one" "$WORK/two"
rm -rf "$WORK/one/hikae1/t/$TID/r" "$WORK/two/hikae1/t/$TID/r" "$WORK/one/hikae1/t/$TID/h" "$WORK/two/hikae1/t/$TID/h"
rm -rf "$WORK/h/state/tenants/$TID"
page_at $NOW
check unread-code test "$CODE" = 1
table tenants
check unread test "$(rows '[r[1] for r in t if r[0] == "bell"]')" != "[]"

# ---- No target answers: a page all the same, of what this machine remembers ----
mv "$WORK/one" "$WORK/one.gone"
mv "$WORK/two" "$WORK/two.gone"
page_at $NOW
check away-code test "$CODE" = 1
says "no target can be used" away-says
check away-not-known page_has "what is safe is not known"
check away-targets test "$(grep -o 'Target [a-z]* does not answer' "$WORK/page.html" | sort -u | wc -l)" = 2
check away-no-false-alarm sh -c "! grep -q 'No target holds all' '$WORK/page.html'"
check away-runs page_has "2026-11-18 02:00 JST"
table tenants
check away-tenants test "$(rows '[(r[0], r[1], r[3].split("|")[0]) for r in t if r[0] == "acme"]')" = "[('acme', 'unknown', '2026-11-18 02:00')]"
page_at $NOW ja
check away-japanese page_has "ストアに接続できない"
probe "$WORK/page.html" 390
check away-phone test "$(field overflow) $(field mains)" = "0 1"
finish
