/*
 * The script of pages that have a table of many rows: a field that filters it, and headings that sort it. It touches
 * nothing but such tables, stores nothing, and asks nothing of anybody. Its words come from attributes of the table.
 */
#include "report/page_internal.h"

/* clang-format off */
const char *const page_script[] = {
"'use strict';\n",
"for (const table of document.querySelectorAll('table.sorted')) {\n",
"  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells], words = table.dataset;\n",
"  const lang = table.closest('[lang]').lang, plain = (text) => text.normalize('NFKC').toLowerCase();\n",
"  const order = new Intl.Collator(lang, {numeric: true}), number = (count) => count.toLocaleString('en');\n",
   /* The field, and how many rows it leaves, which a screen reader is told. */
"  const tools = document.createElement('p'), label = document.createElement('label');\n",
"  const field = document.createElement('input'), count = document.createElement('span');\n",
"  const texts = rows.map((row) => plain(row.textContent));\n",
"  const show = () => {\n",
"    const wanted = plain(field.value).split(/\\s+/);\n",
"    let shown = 0;\n",
"    rows.forEach((row, i) => { row.hidden = !wanted.every((word) => texts[i].includes(word)); shown += !row.hidden; });\n",
"    count.textContent = words.count.replace('{1}', number(shown)).replace('{2}', number(rows.length));\n",
"  };\n",
"  tools.className = 'tools';\n",
"  field.type = 'search';\n",
"  count.setAttribute('role', 'status');\n",
"  label.append(words.filter, ' ', field);\n",
"  tools.append(label, ' ', count);\n",
"  table.parentNode.before(tools);\n",
"  field.addEventListener('input', show);\n",
"  show();\n",
   /* A cell is sorted by its figure or time where it has one, and by its text else; what has none comes last. */
"  const key = (row, column) => {\n",
"    const cell = row.cells[column], exact = cell && cell.querySelector('data, time');\n",
"    if (!exact) return cell ? cell.textContent : '';\n",
"    return exact.localName === 'data' ? Number(exact.value) : Date.parse(exact.dateTime);\n",
"  };\n",
"  const compare = (a, b, way) => {\n",
"    const known = (typeof a === 'number') - (typeof b === 'number');\n",
"    return known ? -known : way * (typeof a === 'number' ? a - b : order.compare(a, b));\n",
"  };\n",
"  heads.forEach((head, column) => {\n",
"    const button = document.createElement('button');\n",
"    button.type = 'button';\n",
"    button.title = words.sort;\n",
"    button.append(...head.childNodes);\n",
"    head.append(button);\n",
"    button.addEventListener('click', () => {\n",
"      const down = head.getAttribute('aria-sort') === 'ascending', keys = new Map(rows.map((row) => [row, key(row, column)]));\n",
"      for (const other of heads) other.removeAttribute('aria-sort');\n",
"      head.setAttribute('aria-sort', down ? 'descending' : 'ascending');\n",
"      body.append(...[...rows].sort((a, b) => compare(keys.get(a), keys.get(b), down ? -1 : 1)));\n",
"    });\n",
"  });\n",
"}\n",
NULL};
/* clang-format on */
