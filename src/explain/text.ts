// SPDX-License-Identifier: GPL-2.0-only
/** Verdicts as lines, one a page, in columns. */

import type { NameAddress } from '../scenario/place.js';
import type { Call } from '../watch/call-watch.js';
import type { Verdict } from './fault.js';

export interface Row extends Verdict {
  readonly page: string;
}

/** Columns wider than this are not made for all because of one. */
const MAX_VERDICT = 28;
const MAX_FN = 36;

function width(texts: readonly string[], most: number): number {
  return Math.max(0, ...texts.map((text) => text.length).filter((length) => length <= most));
}

/** Aligned columns: page, verdict, function, reason. */
export function rowLines(rows: readonly Row[]): string[] {
  const pages = width(
    rows.map(({ page }) => page),
    60,
  );
  const verdicts = width(
    rows.map(({ verdict }) => verdict),
    MAX_VERDICT,
  );
  const fns = width(
    rows.map(({ fn }) => fn),
    MAX_FN,
  );
  return rows.map(({ page, verdict, fn, reason }) =>
    `  ${page.padEnd(pages)}  ${verdict.padEnd(verdicts)}  ${fn.padEnd(fns)}  ${reason}`.trimEnd(),
  );
}

/** The rows of a command's pages. */
export function callRows(call: Call, verdicts: readonly Verdict[], nameOf: NameAddress): Row[] {
  return verdicts.map((verdict, index) => ({ page: nameOf(call.addr + index * 4096), ...verdict }));
}

/** A line about the pages beyond the limit. */
export function moreLine(pages: number, shown: number): string[] {
  return shown > 0 && pages > shown ? [`  ... and ${pages - shown} more pages`] : [];
}
