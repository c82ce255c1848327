/*
 * The stylesheet of all pages. Colours have a contrast of at least 4.5 to 1 for text (WCAG 2.1, 1.4.3) and 3 to 1 for
 * what carries meaning (1.4.11), in light and in dark; every state has a sign of its own beside its colour (1.4.1).
 * On paper everything is open, black on white, and pages are numbered; no page ends in a heading or in the head of a
 * table, and the head stands again on each page that a table goes on to (buttons are not drawn again: there they are
 * plain text).
 */
#include "report/page_internal.h"

/* clang-format off */
/* NOLINTBEGIN(bugprone-suspicious-missing-comma): long lines of the stylesheet are several literals. */
const char *const page_style[] = {
":root{color-scheme:light dark;--bg:#fbfaf8;--card:#fff;--ink:#1d2024;--dim:#575d66;--line:#d9d6d0;--link:#0b5cad;"
"--good:#17673a;--good-bg:#e4f3e9;--warn:#7a4b00;--warn-bg:#fdf0d5;--bad:#a3211b;--bad-bg:#fde7e4;"
"--unknown:#4f4a78;--unknown-bg:#eceaf6;--s0:#0b5cad;--s1:#b4540a;--s2:#17673a;--s3:#7a2a86}\n",
"@media (prefers-color-scheme:dark){:root{--bg:#14171b;--card:#1c2026;--ink:#e8e6e3;--dim:#a9b0ba;--line:#363c45;"
"--link:#85bdf5;--good:#86d8a4;--good-bg:#173324;--warn:#f0c36d;--warn-bg:#3a2c10;--bad:#ff9d94;--bad-bg:#45201d;"
"--unknown:#bdb6ee;--unknown-bg:#2b2844;--s0:#85bdf5;--s1:#f0a868;--s2:#86d8a4;--s3:#dba0e6}}\n",
"*{box-sizing:border-box}\n",
"html{background:var(--bg);color:var(--ink);font:1rem/1.6 system-ui,-apple-system,'Segoe UI','Hiragino Sans','Yu Gothic UI',"
"'Noto Sans','Noto Sans JP','Noto Sans CJK JP',Meiryo,sans-serif;-webkit-text-size-adjust:100%}\n",
":lang(ja){line-height:1.75;word-break:auto-phrase}\n",
"body{margin:0 auto;padding:1.5rem 1rem 4rem;max-width:72rem;overflow-wrap:anywhere}\n",
"h1{font-size:1.75rem;line-height:1.25;margin:0}\nh1 .about{color:var(--dim);font-weight:400;display:inline-block;max-width:100%}\n",
"h2{font-size:1.25rem;line-height:1.35;margin:0 0 .75rem}\nh3{font-size:1rem;margin:1.5rem 0 .5rem}\n",
"p{margin:.5rem 0;max-width:48rem}\na{color:var(--link)}\nul{padding-left:1.25rem;margin:.5rem 0}\nli{margin:.25rem 0}\n",
".made,small{color:var(--dim);font-size:.875rem}\nsmall{display:block;line-height:1.45}\n",
".lang{float:right;margin:-3.5rem 0 0}\n",
"article+article{margin-top:4rem;border-top:4px double var(--line);padding-top:2rem}\n",
"section{margin-top:2rem;padding:1.25rem;background:var(--card);border:1px solid var(--line);border-radius:.5rem}\n",
"[tabindex='-1']:focus{outline:none}\n",
"a:focus-visible,summary:focus-visible,button:focus-visible,input:focus-visible,.frame:focus-visible,pre:focus-visible{outline:3px solid var(--link);"
"outline-offset:2px;border-radius:2px}\n",
".skip{position:absolute;left:-100vw}\n.skip:focus{left:1rem;top:.5rem;background:var(--card);padding:.5rem 1rem;z-index:1}\n",
".unseen,.rows .unseen{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}\n",
"nav ul{display:flex;flex-wrap:wrap;gap:0 1.25rem;list-style:none;padding:0;margin:.75rem 0 0}\nnav li{margin:0}\n",
"nav a{display:inline-block;padding:.25rem 0}\n",
"code,pre{font:.875em/1.5 ui-monospace,'SFMono-Regular',Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono','Noto Sans Mono','Noto Sans Mono CJK JP',monospace}\n",
"code{overflow-wrap:anywhere}\n",
"pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--bg);border:1px solid var(--line);border-radius:.25rem;"
"padding:.75rem;max-height:30rem;overflow:auto}\n",
".badge{display:inline-block;border-radius:1rem;padding:0 .65rem;font-size:.875rem;font-weight:600;line-height:1.6;"
"border:1px solid currentColor;overflow-wrap:normal;word-break:keep-all}\n",
".badge.good,.note.good,.tiles .good{color:var(--good);background:var(--good-bg)}\n",
".badge.warn,.note.warn,.tiles .warn{color:var(--warn);background:var(--warn-bg)}\n",
".badge.bad,.note.bad,.tiles .bad{color:var(--bad);background:var(--bad-bg)}\n",
".badge.unknown,.note.unknown,.tiles .unknown{color:var(--unknown);background:var(--unknown-bg)}\n",
".badge.plain{color:var(--dim)}\n",
".badge.good::before{content:'\\2713\\a0'/''}\n.badge.warn::before{content:'!\\a0'/''}\n",
".badge.bad::before{content:'\\2715\\a0'/''}\n.badge.unknown::before{content:'?\\a0'/''}\n",
".note{border-left:.375rem solid currentColor;border-radius:.25rem;padding:.75rem 1rem;margin:.75rem 0}\n",
"h2+.note{font-weight:600}\n.note>*{max-width:none}\n.note>:first-child{margin-top:0}\n.note>:last-child{margin-bottom:0}\n",
".note.good,.note.warn,.note.bad,.note.unknown,.note.plain{color:var(--ink)}\n",
".note.good{border-color:var(--good)}\n.note.warn{border-color:var(--warn)}\n.note.bad{border-color:var(--bad)}\n",
".note.unknown{border-color:var(--unknown)}\n.note.plain{border-color:var(--line)}\n.note small{color:inherit;opacity:.9}\n",
".tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,8.5rem),1fr));gap:.75rem;margin:.75rem 0}\n",
".tiles>div{border:1px solid var(--line);border-radius:.5rem;padding:.75rem 1rem;min-width:0}\n",
".tiles:has(time){grid-template-columns:repeat(auto-fit,minmax(min(100%,14rem),1fr))}\n",
".tiles dt{font-size:.875rem;color:var(--dim);text-wrap:balance}\n.tiles dd{margin:0;font-size:1.375rem;font-weight:650;line-height:1.3;overflow-wrap:anywhere}\n",
".tiles time{white-space:normal}.tiles small{font-weight:400;margin-top:.25rem}\n",
".terms{margin:.5rem 0;display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.25rem 1.25rem}\n",
".terms>div{display:contents}\n.terms dt{color:var(--dim)}\n.terms dd{margin:0;min-width:0}\n",
".frame{overflow-x:auto;margin:.75rem 0}\n",
"table{border-collapse:collapse;width:100%}\n",
"caption{text-align:left;font-weight:600;padding:0 0 .5rem;caption-side:top}\n",
".rows th,.rows td{padding:.4rem .75rem .4rem 0;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}\n",
".rows thead th{color:var(--dim);font-size:.875rem;font-weight:600;vertical-align:bottom;word-break:keep-all}\n.n small{white-space:nowrap}\n",
".rows th,.rows td{overflow-wrap:break-word}.rows td:last-child{overflow-wrap:anywhere}.rows tbody th{font-weight:600;min-width:5rem}\n.rows .n{text-align:right;font-variant-numeric:tabular-nums;padding-right:1.5rem}\n",
"td>.badge+.badge{margin-left:.25rem}.rows small time{white-space:nowrap}\n",
".tools{display:flex;flex-wrap:wrap;gap:.25rem 1rem;align-items:center}\n.tools input{font:inherit;color:inherit;background:var(--bg);"
"border:1px solid var(--dim);border-radius:.25rem;padding:.25rem .5rem;width:16rem;max-width:100%}\n",
".sorted th button{all:unset;cursor:pointer;display:inline-block;min-height:1.5rem;text-decoration:underline dotted;text-underline-offset:.2em}\n"
".sorted th button:focus-visible{outline:3px solid var(--link);outline-offset:2px}\n",
".sorted th[aria-sort]::after{content:' \\25b2'/''}\n.sorted th[aria-sort=descending]::after{content:' \\25bc'/''}\n",
".sorted tr[hidden],.sorted tr[hidden]>*{display:none}\n",
"time{white-space:nowrap}\n",
    "summary{cursor:pointer;padding:.35rem 0}\n",
"details{border-top:1px solid var(--line)}\ndetails>.body{padding:.25rem 0 .75rem 1.15rem}\n",
"figure details{border:0;font-size:.875rem}\n",
".charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(20rem,100%),1fr));gap:1.5rem}\n",
"figure{margin:0;min-width:0}\nfigcaption{font-weight:600;margin-bottom:.25rem}\n",
".chart{display:block;width:100%;height:auto;max-width:36rem}\n",
".chart text{font-size:12px;fill:var(--dim)}\n.chart .y{text-anchor:end}\n.chart .grid{stroke:var(--line)}\n",
"path.s0,path.s1,path.s2,path.s3{fill:none;stroke-width:2.5;stroke-linecap:round;stroke-linejoin:round}\n",
"path.s0{stroke:var(--s0)}\npath.s1{stroke:var(--s1);stroke-dasharray:8 5}\n",
"path.s2{stroke:var(--s2);stroke-dasharray:1 5}\npath.s3{stroke:var(--s3);stroke-dasharray:8 4 1 4}\n",
"rect.s0{fill:var(--s0)}\nrect.s1{fill:var(--s1)}\nrect.s2{fill:var(--s2)}\nrect.s3{fill:var(--s3)}\n",
".legend{display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;list-style:none;padding:0;margin:.25rem 0;font-size:.875rem}\n",
".legend svg{width:28px;height:10px;margin-right:.4rem}\n",
".months{display:flex;flex-wrap:wrap;align-items:flex-start;gap:1.5rem}\n.month{width:19rem;flex:1 1 19rem;min-width:0;max-width:min(30rem,100%);table-layout:fixed;"
"border-collapse:separate;border-spacing:3px}\n",
".month th{font-size:.75rem;color:var(--dim);font-weight:600;text-align:center}\n",
".month td{height:3rem;padding:.1rem .3rem;vertical-align:top;border-radius:.3rem;font-size:.75rem;line-height:1.3;"
"border:1px solid transparent;overflow-wrap:normal}\n",
".month .day{display:block;color:var(--dim)}\n.month .says{display:block;font-weight:650;font-size:.8125rem;overflow-wrap:anywhere}\n",
".month .none{border-color:var(--line)}\n",
".month .good{background:var(--good-bg);color:var(--good);border-color:var(--good)}\n",
".month .warn{background:var(--warn-bg);color:var(--warn);border-color:var(--warn);border-style:dashed}\n",
".month .bad{background:var(--bad-bg);color:var(--bad);border-color:var(--bad);border-width:2px}\n",
".month .unknown{background:var(--unknown-bg);color:var(--unknown);border-style:dotted;border-color:var(--unknown)}\n",
".month .plain{border-color:var(--line)}\n",
".month td:not(.none) .day{color:inherit}\n",
".strip{display:block;width:13rem;max-width:100%;height:auto}\n",
".strip .good{fill:var(--good)}\n.strip .warn{fill:var(--warn)}\n.strip .bad{fill:var(--bad)}\n",
".strip .unknown{fill:var(--unknown)}\n.strip .plain{fill:var(--line)}\n",
"@media (min-width:40.01rem){.rows .badge{white-space:nowrap}}\n",
"@media (max-width:40rem){body{padding:1rem .75rem 3rem}section{padding:1rem .75rem}.lang{float:none;margin:.5rem 0}"
".terms{display:block}.terms>div{display:block;margin:.5rem 0}.terms dt{font-size:.875rem}"
"nav ul{flex-wrap:nowrap;overflow-x:auto;white-space:nowrap}"
".month td{padding:.1rem .1rem}.month .says{font-size:.6875rem;letter-spacing:-.02em}"
".rows,.rows tbody,.rows tr,.rows th,.rows td,.rows caption{display:block}.rows thead{position:absolute;width:1px;height:1px;"
"overflow:hidden;clip-path:inset(50%)}.rows tr{border-bottom:1px solid var(--line);padding:.5rem 0}"
".rows tbody th,.rows tbody td,.rows tbody .n{border:0;padding:.1rem 0;text-align:left}"
".rows tbody td,.rows tbody td.n{position:relative;padding-left:8.5rem;min-height:1.75rem}"
".rows td::before{content:attr(data-l);color:var(--dim);font-size:.875rem;position:absolute;left:0;width:8rem}"
".rows td time,.rows td small time{white-space:normal}.sorted thead:has(button){position:static;width:auto;height:auto;clip-path:none}.sorted thead:has(button) tr{display:flex;"
"flex-wrap:wrap;gap:.25rem 1rem}.sorted tr[hidden],.sorted tr[hidden]>*{display:none}}\n",
"@media print{:root{--bg:#fff;--card:#fff;--ink:#000;--dim:#444;--line:#999;--link:#000;--good:#0a4a26;--good-bg:#fff;"
"--warn:#5c3900;--warn-bg:#fff;--bad:#8a1410;--bad-bg:#fff;--unknown:#35315a;--unknown-bg:#fff;color-scheme:light}"
"html{font-size:10pt}body{max-width:none;padding:0 1px}.skip,nav,.lang,.tools{display:none}"
"section{border:0;padding:0;margin-top:1.25rem}h2,h3,summary,figcaption,caption{break-after:avoid}"
"tr,figure,.tiles>div,.note,.month{break-inside:avoid}thead{display:table-header-group}"
"details::details-content{content-visibility:visible;display:block;height:auto}summary{list-style:none}"
".frame,pre{overflow:visible;max-height:none}a{text-decoration:none}figure details{display:none}"
"article+article{break-before:page;border:0;margin:0;padding:0}"
"tbody>tr:first-child{break-before:avoid}.sorted th button{display:contents}.rows .n{white-space:nowrap;padding-right:1rem}"
"pre{-webkit-box-decoration-break:clone;box-decoration-break:clone}"
".tiles{grid-template-columns:repeat(auto-fit,minmax(min(100%,6.75rem),1fr))}}\n",
"@page{margin:14mm 12mm 16mm;@bottom-right{content:counter(page) ' / ' counter(pages);font:8pt system-ui,sans-serif;color:#444}}\n",
NULL};
/* clang-format on */
/* NOLINTEND(bugprone-suspicious-missing-comma) */
