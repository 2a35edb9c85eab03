// SPDX-License-Identifier: GPL-2.0-only
/** Grids as one HTML file that needs nothing else: no network, no fonts, no library. */

import type { Cell, Grid, GridColumn, GridRow } from '../explain/show-grid.js';
import { cellDetails, cellText, occurring } from './grid-cell.js';
import { stepsHtml } from './grid-html-steps.js';
import { escapeHtml } from './html-escape.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2024; --paper: #fcfcfd; --line: #d9dbe0; --soft: #60646c;
  --none: #f0f0f3; --zero: #dcdee4; --system: #c7ebd1; --pl: #bcd7ff; --pr: #e3ccf4; --cl: #b6ecec; --cr: #fbe3a2;
  --ex: #ffc9c2; --mi: #ffd8b5; }
@media (prefers-color-scheme: dark) { :root { --ink: #edeef0; --paper: #111113; --line: #363a3f; --soft: #b0b4ba;
  --none: #212225; --zero: #3a3d43; --system: #20573b; --pl: #104d87; --pr: #55346f; --cl: #0d5a5f; --cr: #6b4f0a;
  --ex: #7d2b28; --mi: #7e451d; } }
body { margin: 2rem; font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.35rem; margin: 2rem 0 .25rem; } h1:first-child { margin-top: 0; }
p { margin: .25rem 0 1rem; color: var(--soft); max-width: 60rem; }
ul.legend { display: flex; flex-wrap: wrap; gap: .4rem .9rem; list-style: none; padding: 0; margin: .75rem 0; }
.legend span { display: inline-block; min-width: 1.4em; text-align: center; border-radius: 3px; margin-right: .35em;
  border: 1px solid var(--line); font: 12px/1.5 ui-monospace, monospace; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: 6px; width: fit-content; max-width: 100%; }
table { border-collapse: separate; border-spacing: 0; }
th, td { padding: .3rem .55rem; border-bottom: 1px solid var(--line); border-right: 1px solid var(--line);
  font: 12.5px/1.4 ui-monospace, monospace; white-space: nowrap; text-align: left; }
tr:last-child > * { border-bottom: 0; } tr > :last-child { border-right: 0; }
thead th { vertical-align: bottom; font-weight: 600; cursor: help; } thead th b { display: block; color: var(--soft); font-weight: 400; }
.bad { color: #c62a2f; } .steps .bad td { font-weight: 600; } @media (prefers-color-scheme: dark) { .bad { color: #ff9592; } }
.steps { margin: .75rem 0; } .steps td { white-space: normal; vertical-align: top; overflow-wrap: anywhere; max-width: 40rem; }
.steps :is(th, td) { border-right: 0; } td.moved { box-shadow: inset 3px 0 0 var(--ink); }
th[scope=row], thead th:first-child { position: sticky; left: 0; background: var(--paper); font-weight: 400; }
td[tabindex]:hover, td[tabindex]:focus { outline: 2px solid var(--ink); outline-offset: -2px; }
.none { background: var(--none); color: var(--soft); } .zero { background: var(--zero); }
.system { background: var(--system); } .private-local { background: var(--pl); } .huge-local { background: var(--pl); }
.private-remote { background: var(--pr); } .huge-remote { background: var(--pr); }
.coherent-local { background: var(--cl); }
.coherent-remote { background: var(--cr); } .exclusive { background: var(--ex); } .dax { background: var(--cl); } .migrating, .swapped, .hwpoison { background: var(--mi); }
#tip { position: fixed; display: none; pointer-events: none; max-width: 34rem; padding: .5rem .7rem; border-radius: 6px;
  background: var(--ink); color: var(--paper); font: 12.5px/1.45 ui-monospace, monospace; white-space: pre-wrap; z-index: 2; }
`;

/** Shows the details of what the pointer is on, or the keyboard's focus. */
const SCRIPT = `
const tip = document.getElementById('tip');
const show = (event) => {
  const cell = event.target.closest('[data-tip]');
  if (!cell) { tip.style.display = 'none'; return; }
  tip.textContent = cell.dataset.tip;
  tip.style.display = 'block';
  const box = cell.getBoundingClientRect();
  const left = Math.min(box.left, innerWidth - tip.offsetWidth - 8);
  const below = box.bottom + 6 + tip.offsetHeight < innerHeight;
  tip.style.left = Math.max(8, left) + 'px';
  tip.style.top = (below ? box.bottom + 6 : Math.max(8, box.top - tip.offsetHeight - 6)) + 'px';
};
for (const type of ['mouseover', 'focusin']) document.addEventListener(type, show);
for (const type of ['mouseleave', 'focusout', 'scroll']) document.addEventListener(type, () => { tip.style.display = 'none'; }, true);
`;

function headCell({ step, head, text, answer, process, differs }: GridColumn): string {
  const failed = differs !== undefined;
  const tip = escapeHtml(`step ${step}: ${text}\nanswer: ${answer}${failed ? `\n${differs}` : ''}`);
  return `<th scope="col"${failed ? ' class="bad"' : ''} tabindex="0" data-tip="${tip}"><b>${step} ${escapeHtml(process)}</b>${escapeHtml(head)}</th>`;
}

function bodyCell(row: GridRow, column: GridColumn, cell: Cell | null): string {
  if (cell === null || cell.tone === 'unmapped') return '<td></td>';
  const tip = escapeHtml([`${row.name} after step ${column.step}`, ...cellDetails(cell)].join('\n'));
  const [moved, mark] = cell.moved ? [' moved', `${MOVED} `] : ['', ''];
  return `<td class="${cell.tone}${moved}" tabindex="0" data-tip="${tip}">${mark}${escapeHtml(cellText(cell))}</td>`;
}

/** Before a page that is another one than after the step before. */
const MOVED = '\u2192';

/** What there is in the grid, and nothing else. */
function legend(grid: Grid): string {
  const { tones, moved, notes } = occurring(grid);
  const items = tones.map(
    ([tone, letter, meaning]) => `<li><span class="${tone}">${letter}</span>${meaning}</li>`,
  );
  if (moved) items.push(`<li><span>${MOVED}</span>another page (pfn) than after the step before</li>`);
  if (items.length === 0) return '';
  const list = `<ul class="legend">\n${items.join('\n')}\n</ul>`;
  return notes.length === 0 ? list : `${list}\n<p>${escapeHtml(notes.join(' '))}</p>`;
}

function section(grid: Grid): string {
  const head = grid.columns.map(headCell).join('');
  const body = grid.rows.map((row) => {
    const cells = grid.columns.map((column, i) => bodyCell(row, column, row.cells[i] ?? null)).join('');
    return `<tr><th scope="row">${escapeHtml(row.name)}</th>${cells}</tr>`;
  });
  const hidden = grid.hidden === 0 ? '' : `\n<p>${grid.hidden} pages of large regions are not shown.</p>`;
  return `<h1>${escapeHtml(grid.title)}</h1>
<p>on kernel ${escapeHtml(grid.kernel)}</p>
${stepsHtml(grid)}
${legend(grid)}
<div class="scroll"><table>
<thead><tr><th></th>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody>
</table></div>${hidden}`;
}

/** The file. */
export function gridHtml(grids: readonly Grid[]): string {
  const title = grids.length === 1 ? grids[0]!.title : `${grids.length} scenarios`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)} - hmm-sim</title>
<style>${STYLE}</style>
</head>
<body>
${grids.map(section).join('\n')}
<div id="tip" role="tooltip"></div>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
