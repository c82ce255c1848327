#!/bin/bash
# The page of the morning in headless Chromium: what it says, that it fetches and runs nothing, that names stay text, and
# that it can be read on a phone, in the dark, on paper, with a keyboard. KEEP_PAGES=DIR keeps pages and pictures.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/page.sh"

at() { local now=$1; shift; HIKAE_NOW=$now "$HIKAE" --config "$WORK/h/hikae.yaml" "$@"; }
page_has() { grep -qF -- "$1" "$WORK/page.html"; }
page_lacks() { ! grep -qF -- "$1" "$WORK/page.html"; }

for t in acme bell coil; do mkdir -p "$WORK/src/$t"; head -c 40000 /dev/urandom >"$WORK/src/$t/file"; done
EVIL='<img src=x onerror=alert(1)>"'"'"'</td><script>alert(2)</script>'
mkdir -p "$WORK/src/evil${EVIL//\//|}"
check init env HIKAE_NOW=2026-11-14T00:00:00Z "$HIKAE" init --dir "$WORK/h" --test-clock --target "tokyo=file://$WORK/one" --target "osaka=file://$WORK/two"
day_policy notices: '  - {keeps: [p], event: incident, within: 72h, from: occurrence, strength: aim, channels: [mail]}'
check apply at 2026-11-14T00:00:00Z policy apply day
for t in acme bell coil; do at 2026-11-14T00:00:00Z tenant add $t --policy day --source "d=dir:$WORK/src/$t" >/dev/null 2>&1; done
at 2026-11-14T00:00:00Z tenant add evil --policy day --source "d=dir:$WORK/src/evil${EVIL//\//|}" >/dev/null 2>&1

# ---- Before anything ran ----
expect 1 before-a-run at 2026-11-14T01:00:00Z report -o "$WORK/page.html"
check before-a-run-says page_has "No nightly run yet."
check before-a-run-is-not-well page_lacks "Nothing failed, nothing is late."

# ---- Nights; one is missed; then a source and a target fail ----
ack() { at "$1" review ack --day "$2" --who mori --comment well >/dev/null 2>&1; }
ack 2026-11-14T02:00:00Z 2026-11-14
at 2026-11-14T17:00:00Z run >/dev/null 2>&1
ack 2026-11-14T23:00:00Z 2026-11-15
at 2026-11-15T17:00:00Z run >/dev/null 2>&1
ack 2026-11-15T22:00:00Z 2026-11-16
check all-well-made at 2026-11-15T23:00:00Z --lang en report -o "$WORK/page.html"
check all-well page_has "Nothing failed, nothing is late."
check all-well-no-bad page_lacks 'class="note bad"'
cp "$WORK/page.html" "$WORK/good.html"
for day in 17 18; do at 2026-11-${day}T17:00:00Z run >/dev/null 2>&1; done
at 2026-11-18T23:10:00Z review ack --who 'sato <b>' --comment "all well $EVIL" --owner "$EVIL" >/dev/null 2>&1
rm -r "$WORK/src/evil${EVIL//\//|}"
mv "$WORK/two" "$WORK/two.gone"
at 2026-11-19T17:00:00Z run --retries 0 >/dev/null 2>&1
at 2026-11-19T20:00:00Z incident open --title "Key $EVIL copied" --severity high --occurred 2026-11-19T00:00:00Z --aware 2026-11-19T02:00:00Z --tenant acme --who sato >/dev/null 2>&1
at 2026-11-19T23:00:00Z --lang en --json report -o "$WORK/page.html" >"$WORK/json" 2>/dev/null; CODE=$?
check made test "$CODE $(field bytes)" = "1 $(stat -c %s "$WORK/page.html")"
check for-its-owner test "$(stat -c %a "$WORK/page.html")" = 600
check title page_has "2026-11-20"
check target-down page_has "Target osaka does not answer"
check failure page_has "cannot open the source"
check safe page_has "Of all 4 tenants the latest snapshot lies whole on a target"
check incident-due page_has "First notice of incident"
check nonconformity page_has "A backup was not made in its window"
check looked page_has "sato &lt;b&gt;"
check escaped page_has "&lt;img src=x onerror=alert(1)&gt;&quot;&#39;&lt;/td&gt;&lt;script&gt;"
check no-markup page_lacks "<img"
check no-script page_lacks "<script"
check fetches-nothing sh -c "! grep -Eqi '(src|data|action)=\"|@import|url\\(|https?:|<link' '$WORK/page.html'"
cp "$WORK/page.html" "$WORK/en.html"
at 2026-11-19T23:00:00Z --lang ja report >"$WORK/ja.html" 2>/dev/null
cp "$WORK/ja.html" "$WORK/page.html"
check japanese page_has 'lang="ja"'
check japanese-says page_has "対応事項"
at 2026-11-19T23:00:00Z report --both -o "$WORK/both.html" >/dev/null 2>&1
sound_page english "$WORK/en.html"
sound_page japanese "$WORK/ja.html"
probe "$WORK/both.html" 360
check both-phone test "$(field overflow) $(field double_ids) $(field dead_links) $(field h1)" = "0 0 0 2"

# ---- Past days ----
at 2026-11-19T23:00:00Z --lang en report --date 2026-11-19 -o "$WORK/page.html" >/dev/null 2>&1
check past-day page_has "A page of a past day"
check past-day-ran page_has "2026-11-19 02:00 JST"
check past-day-looked page_has "Looked at by"
expect 2 day-ahead at 2026-11-19T23:00:00Z report --date 2026-12-01
expect 2 no-day at 2026-11-19T23:00:00Z report --date 2026-11
expect 6 no-folder at 2026-11-19T23:00:00Z report -o "$WORK/nowhere/page.html"

if [ -n "${KEEP_PAGES:-}" ]; then
    mkdir -p "$KEEP_PAGES"
    for page in en ja both good; do
        cp "$WORK/$page.html" "$KEEP_PAGES/"
        chromium_page --window-size=1280,2400 --screenshot="$KEEP_PAGES/$page-desk.png" "file://$WORK/$page.html" >/dev/null 2>&1
        chromium_page --window-size=500,2400 --screenshot="$KEEP_PAGES/$page-phone.png" "file://$WORK/$page.html" >/dev/null 2>&1
        chromium_page --blink-settings=preferredColorScheme=0 --window-size=1280,2400 --screenshot="$KEEP_PAGES/$page-dark.png" "file://$WORK/$page.html" >/dev/null 2>&1
    done
    cp "$WORK/page.pdf" "$KEEP_PAGES/" 2>/dev/null
fi
finish
