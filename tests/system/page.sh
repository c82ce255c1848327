# shellcheck shell=bash
# Shared by the tests of pages: sourced after lib.sh. A page is opened in headless Chromium inside of another one that
# measures it, and its findings are printed as JSON.

# chromium_page ARGUMENTS…: with a profile of its own, no network service and no background work.
chromium_page() {
    local profile status
    profile=$(mktemp -d "$WORK/chromium-XXXXXX")
    HOME=$profile timeout 300 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
        --disable-background-networking --disable-component-update --disable-sync --disable-extensions --hide-scrollbars \
        --host-resolver-rules='MAP * ~NOTFOUND' --allow-file-access-from-files --enable-logging=stderr --v=0 \
        --user-data-dir="$profile" "$@"
    status=$?
    rm -rf "$profile"
    return $status
}

# probe FILE WIDTH [dark]: what is wrong with a page at that width, as JSON in $WORK/json; messages in $WORK/probe.err.
probe() {
    local file=$1 width=$2 dark=${3:-}
    cat >"$WORK/probe.html" <<END
<!DOCTYPE html><meta charset="utf-8"><style>html,body{margin:0}iframe{border:0;width:${width}px;height:900px}</style>
<pre id="found"></pre><iframe id="page" src="file://$file"></iframe>
<script>
const say = (found) => { document.getElementById('found').textContent = 'FOUND' + JSON.stringify(found) + 'END'; };
const colour = (text) => { const m = text.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
const light = ([r, g, b]) => { const f = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
    return 0.2126 * f(r) + 0.7152 * f(g) + 0.0722 * f(b); };
document.getElementById('page').onload = () => {
    const doc = document.getElementById('page').contentDocument, view = doc.defaultView, found = {};
    const all = [...doc.querySelectorAll('body *')];
    const seen = (e) => { const r = e.getBoundingClientRect(); return r.width > 1 && r.height > 1; };
    for (const d of doc.querySelectorAll('details')) d.open = true;
    found.overflow = doc.documentElement.scrollWidth - doc.documentElement.clientWidth;
    const sorts = [...doc.querySelectorAll('table.sorted')];
    found.scripts = doc.querySelectorAll('script').length - (sorts.length > 0 ? 1 : 0);
    /* The page's own policy lets this one script run: it adds a field to each such table. */
    found.idle_scripts = sorts.filter((t) => !t.parentNode.previousElementSibling.matches('p.tools')).length;
    found.embedded = doc.querySelectorAll('iframe, object, embed, img, form').length + doc.querySelectorAll('input').length - sorts.length;
    found.handlers = all.filter((e) => [...e.attributes].some((a) => a.name.startsWith('on') || a.name === 'style')).length;
    found.fetches = all.filter((e) => e.hasAttribute('src') || (e.hasAttribute('href') && !e.getAttribute('href').startsWith('#'))).length;
    found.dead_links = [...doc.querySelectorAll('a')].filter((a) => !doc.getElementById(a.getAttribute('href').slice(1))).length;
    const ids = [...doc.querySelectorAll('[id]')].map((e) => e.id);
    found.double_ids = ids.length - new Set(ids).size;
    found.lang = doc.documentElement.lang;
    found.mains = doc.querySelectorAll('main').length;
    /* A heading is at most one level below the one before it; focus goes by the order of the page. */
    const levels = [...doc.querySelectorAll('h1,h2,h3')].map((h) => Number(h.localName[1]));
    found.skipped_levels = levels.filter((level, i) => level > (i > 0 ? levels[i - 1] : 0) + 1).length;
    found.tab_jumps = doc.querySelectorAll('[tabindex]:not([tabindex="0"]):not([tabindex="-1"])').length;
    const skip = doc.getElementById(doc.querySelector('a.skip').getAttribute('href').slice(1));
    skip.focus();
    found.skips = doc.activeElement === skip;
    /* Whatever can be focused can be seen to have the focus, and can be seen. */
    found.unseen_focus = [...doc.querySelectorAll('a, summary, button, input, [tabindex="0"]')].filter((e) => {
        e.focus({focusVisible: true});
        const box = e.getBoundingClientRect(), style = view.getComputedStyle(e);
        return doc.activeElement !== e || box.width < 2 || box.height < 2 || (style.outlineStyle === 'none' && !e.matches('.skip'));
    }).map((e) => e.outerHTML.slice(0, 80));
    /* Small targets are hard to hit on a phone (WCAG 2.2, 2.5.8). */
    found.small_targets = [...doc.querySelectorAll('nav a, summary, button, input')].filter((e) => e.getBoundingClientRect().height < 23.9).length;
    found.h1 = doc.querySelectorAll('h1').length;
    found.no_caption = [...doc.querySelectorAll('table')].filter((t) => !t.caption || !t.caption.textContent.trim()).length;
    found.no_scope = [...doc.querySelectorAll('th')].filter((t) => !t.scope).length;
    found.no_name = [...doc.querySelectorAll('svg[role=img]')].filter((s) => !s.getAttribute('aria-label') && !s.querySelector('title')).length;
    found.styled = view.getComputedStyle(doc.querySelector('section')).borderTopStyle === 'solid';
    const link = doc.querySelector('a');
    link.focus();
    found.focus_seen = view.getComputedStyle(link).position !== 'absolute' || link.getBoundingClientRect().left >= 0;
    found.background = view.getComputedStyle(doc.documentElement).backgroundColor;
    let worst = 99, where = '';
    for (const e of all) {
        if (!seen(e) || (e.closest('svg') && e.localName !== 'text') || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
        let back = e, b = [0, 0, 0, 0];
        for (; back && b[3] === 0; back = back.parentElement) b = colour(view.getComputedStyle(back).backgroundColor);
        if (b[3] === 0) b = colour(found.background);
        const l1 = light(colour(view.getComputedStyle(e)[e.localName === 'text' ? 'fill' : 'color'])), l2 = light(b);
        const ratio = (Math.max(l1, l2) + 0.05) / (Math.min(l1, l2) + 0.05);
        if (ratio < worst) { worst = ratio; where = e.className + ' ' + e.tagName + ' ' + e.textContent.slice(0, 30); }
    }
    found.contrast = Math.round(worst * 100) / 100;
    found.contrast_at = where;
    say(found);
};
</script>
END
    # shellcheck disable=SC2086
    chromium_page ${dark:+--blink-settings=preferredColorScheme=0} --window-size="$width,900" --dump-dom "file://$WORK/probe.html" \
        >"$WORK/probe.dom" 2>"$WORK/probe.err"
    /usr/bin/python3 -c 'import html,re,sys; m=re.search(r"FOUND(.*?)END", open(sys.argv[1]).read(), re.S); print(html.unescape(m.group(1)) if m else "{}")' "$WORK/probe.dom" >"$WORK/json"
}

numbered_paper() {
    local pages page
    pages=$(pdfinfo "$WORK/page.pdf" | sed -n 's/^Pages: *//p')
    [ -n "$pages" ] || { tail -n 5 "$WORK/print.err"; return 1; }
    for page in $(seq "$pages"); do
        pdftotext -f "$page" -l "$page" "$WORK/page.pdf" "$WORK/page.txt"
        grep -qxE "$page ?/ ?$pages" "$WORK/page.txt" || { echo "page $page of $pages is not numbered:"; tail -n 5 "$WORK/page.txt"; return 1; }
    done
}

# sound_page NAME FILE: all that a page must be, on a phone, on a desk, in the dark, on paper.
sound_page() {
    local name=$1 file=$2 want
    want="overflow=0 scripts=0 idle_scripts=0 embedded=0 handlers=0 fetches=0 dead_links=0 double_ids=0 mains=1 skipped_levels=0 tab_jumps=0 skips=True unseen_focus=[] small_targets=0 no_caption=0 no_scope=0 no_name=0 styled=True focus_seen=True"
    for shape in "phone 360" "desk 1280" "dark 1280 dark"; do
        # shellcheck disable=SC2086
        set -- $shape
        probe "$file" "$2" ${3:-}
        if [ "$(found)" = "$want" ]; then ok "$name-$1"; else not_ok "$name-$1: $(found)"; fi
        check "$name-$1-contrast" /usr/bin/python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(j["contrast"], j["contrast_at"]); sys.exit(j["contrast"] < 4.5)' "$WORK/json"
    done
    chromium_page --no-pdf-header-footer --print-to-pdf="$WORK/page.pdf" "file://$file" >"$WORK/print.err" 2>&1
    # Each page of paper has its number, and none ends in the head of a table.
    check "$name-paper" numbered_paper
}
found() { /usr/bin/python3 -c 'import json,sys; j=json.load(open(sys.argv[1])); print(*(k+"="+str(j.get(k)) for k in "overflow scripts idle_scripts embedded handlers fetches dead_links double_ids mains skipped_levels tab_jumps skips unseen_focus small_targets no_caption no_scope no_name styled focus_seen".split()))' "$WORK/json"; }

# day_policy: the policy that the tests of the morning's page go by, into the store in $WORK/h; each argument is a
# line more.
day_policy() {
    mkdir -p "$WORK/h/policies"
    cp -r "$ROOT/policies/calendars" "$WORK/h/policies/"
    cat >"$WORK/h/policies/day.yaml" <<'END'
schema: 1
name: day
title: {ja: 試験, en: A test}
zone: Asia/Tokyo
promises:
  - {id: p, status: published, by: hikae, ja: 約束, en: A promise}
schedule: {keeps: [p], every: daily, tenants: [customer, provider], window: "01:00-06:00"}
sources: {kinds: [dir], method: files}
generations: {keep: all}
reviews:
  - {of: backups, keeps: [p], every: 1d}
END
    [ $# -eq 0 ] || printf '%s\n' "$@" >>"$WORK/h/policies/day.yaml"
}
