// SPDX-License-Identifier: GPL-2.0-only
/** Where the path of a real kernel and ours part, for people. */
import type { ComparedStep } from '../paths/compare.js';

/** Functions of the common way that are shown. */
const BEFORE = 6;

function beforeText(before: readonly string[]): string {
  if (before.length === 0) return 'from the beginning';
  const shown = before.slice(-BEFORE).join(', ');
  return `after ${before.length > BEFORE ? '..., ' : ''}${shown}`;
}

/** The lines about a step in which they part; `step` is its text. */
export function partingLines(name: string, step: string, { index, parting }: ComparedStep): string[] {
  if (parting === undefined) return [];
  const { before, real, here } = parting;
  const page = here?.page === undefined ? '' : `  ${here.page}`;
  const why = here?.why === undefined ? '' : `  (${here.why})`;
  return [
    `${name} step ${index}  ${step}`,
    `  ${beforeText(before)}`,
    `  real  ${real ?? 'ends'}`,
    `  here  ${here === undefined ? 'ends' : `${here.fn}${page}${why}`}`,
  ];
}
