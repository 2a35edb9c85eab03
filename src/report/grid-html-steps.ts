// SPDX-License-Identifier: GPL-2.0-only
/** The steps above a grid of HTML: who did what, what came of it, and what was expected instead. */
import type { Grid, GridColumn } from '../explain/show-grid.js';
import { fold } from '../scenario/folded.js';
import { escapeHtml } from './html-escape.js';

/** Groups of equal elements of a list that are shown. */
const MAX_GROUPS = 64;

const SIGNAL = /\bSIG(?:SEGV|BUS|KILL)\b/g;

function listText(list: readonly (number | string)[]): string {
  const groups = fold(list);
  const more = groups.length - MAX_GROUPS;
  return more > 0 ? `${groups.slice(0, MAX_GROUPS).join(', ')}, and ${more} more` : groups.join(', ');
}

function answerHtml({ result, warnings }: GridColumn): string {
  const answers = Object.entries(result).map(([key, value]) => {
    return `${key} ${Array.isArray(value) ? listText(value) : value}`;
  });
  const lines = [answers.length === 0 ? 'done' : answers.join('; '), ...warnings.map((w) => `WARNING ${w}`)];
  return lines.map(escapeHtml).join('<br>').replace(SIGNAL, '<strong>$&</strong>');
}

function rowHtml(column: GridColumn): string {
  const { step, process, text, differs } = column;
  const what = text.slice(process.length + 1);
  const failed = differs === undefined ? '' : `<br><em>${escapeHtml(differs)}</em>`;
  const cells = [process, what].map((cell) => `<td>${escapeHtml(cell)}</td>`).join('');
  return `<tr${failed === '' ? '' : ' class="bad"'}><td>${step}</td>${cells}<td>${answerHtml(column)}${failed}</td></tr>`;
}

/** What is not as expected stands below the answer; an errno is an answer like any other. */
export function stepsHtml({ columns, unmet }: Grid): string {
  const rows = columns.map(rowHtml).join('\n');
  const log = unmet === undefined ? '' : `\n<p class="bad"><em>${escapeHtml(unmet)}</em></p>`;
  return `<table class="steps">
<thead><tr><th>step</th><th>process</th><th>what</th><th>answer</th></tr></thead>
<tbody>
${rows}
</tbody>
</table>${log}`;
}
