// SPDX-License-Identifier: GPL-2.0-only
/** Verdicts as aligned rows; neighbours that differ in their pfns alone make one. */
import { isAlike } from './alike.js';
import type { PageVerdict, Verdict, Verdicts } from './verdict.js';

/** Columns wider than this are not made for all because of one. */
const MAX_VERDICT = 28;
const MAX_FN = 36;
const MAX_PAGE = 60;

interface Row {
  readonly page: string;
  readonly verdict: string;
  readonly fn: string;
  readonly text: string;
}

/** Fewer pages than this that are alike have a line each; of many pages fewer, so that short runs of them do not fill the screen. */
const MIN_FOLDED = 9;
const MIN_FOLDED_OF_MANY = 3;
const MANY = 32;

/** A verdict's reason in words. */
export type TextOf = (verdict: Verdict) => string;

const withoutPfns = (text: string): string => text.replace(/ pfn 0x[0-9a-f]+/g, '');

/** A page of a region, and of which process where that is another than the step's. */
const PAGE_NAME = /^((?:p\d+:)?\w+)\[(\d+)\]$/;

/** "r0[3..9]"; of pages without a region's name the first, and how many. */
function pagesName(first: string, last: string, count: number): string {
  const [, region, from] = PAGE_NAME.exec(first) ?? [];
  const [, same, to] = PAGE_NAME.exec(last) ?? [];
  return region !== undefined && region === same ? `${region}[${from}..${to}]` : `${first} +${count} pages`;
}

/** Verdicts that are alike, one after the other; of many, the first ones and the last's name. */
class Run {
  readonly #rows: Row[];
  readonly #text: string;
  #last: PageVerdict;
  #lastPage: string;
  #count = 1;

  constructor(
    first: PageVerdict,
    private readonly textOf: TextOf,
    private readonly leastFolded: number,
  ) {
    const row = this.#row(first);
    this.#rows = [row];
    this.#text = withoutPfns(row.text);
    this.#last = first;
    this.#lastPage = first.page;
  }

  /** The next `count` are told as the last one is; `page`: the name of the last of them. */
  extend(count: number, page: string): void {
    this.#count += count;
    this.#lastPage = page;
  }

  get isFolded(): boolean {
    return this.#count >= this.leastFolded;
  }

  /** Return: whether the verdict is one of them. */
  takes(verdict: PageVerdict): boolean {
    // Words are made only for those that have a row, or may differ.
    if (!isAlike(this.#last, verdict) && !this.#saysTheSame(verdict)) return false;
    if (++this.#count < this.leastFolded) this.#rows.push(this.#row(verdict));
    this.#last = verdict;
    this.#lastPage = verdict.page;
    return true;
  }

  rows(): Row[] {
    if (!this.isFolded) return this.#rows;
    const [{ page, verdict, fn }] = this.#rows as [Row];
    return [{ page: pagesName(page, this.#lastPage, this.#count), verdict, fn, text: this.#text }];
  }

  #row(verdict: PageVerdict): Row {
    const { page, verdict: word, fn } = verdict;
    return { page, verdict: word, fn, text: this.textOf(verdict) };
  }

  #saysTheSame(verdict: PageVerdict): boolean {
    const { verdict: word, fn } = this.#last;
    return verdict.verdict === word && verdict.fn === fn && withoutPfns(this.textOf(verdict)) === this.#text;
  }
}

function foldedRows(verdicts: Verdicts, textOf: TextOf): Row[] {
  const rows: Row[] = [];
  const leastFolded = verdicts.length < MANY ? MIN_FOLDED : MIN_FOLDED_OF_MANY;
  let run: Run | undefined;
  for (let index = 0; index < verdicts.length; index++) {
    const verdict = verdicts.at(index);
    if (run?.takes(verdict) !== true) {
      if (run !== undefined) rows.push(...run.rows());
      run = new Run(verdict, textOf, leastFolded);
    }
    if (!run.isFolded) continue;
    // Of the many that follow and are alike, only the last has a name.
    const count = verdicts.skipAlike(index + 1) - (index + 1);
    index += count;
    if (count > 0) run.extend(count, verdicts.at(index).page);
  }
  return run === undefined ? rows : [...rows, ...run.rows()];
}

/** Of those that are not wider than `most`. */
function width(rows: readonly Row[], key: 'page' | 'verdict' | 'fn', most: number): number {
  let found = 0;
  for (const { [key]: text } of rows) if (text.length <= most && text.length > found) found = text.length;
  return found;
}

/** Aligned columns: page, verdict, function, reason. */
export function rowLines(verdicts: Verdicts, textOf: TextOf): string[] {
  const rows = foldedRows(verdicts, textOf);
  const pages = width(rows, 'page', MAX_PAGE);
  const words = width(rows, 'verdict', MAX_VERDICT);
  const fns = width(rows, 'fn', MAX_FN);
  return rows.map(({ page, verdict, fn, text }) => {
    const columns = [page.padEnd(pages), verdict.padEnd(words), fn.padEnd(fns)];
    return `  ${[...columns, text].join('  ')}`.trimEnd();
  });
}
