// SPDX-License-Identifier: GPL-2.0-only
/** Parts of regions, for scenarios that keep in mind what each page holds. */
import type { Dice } from '../scenario/dice.js';
import type { Fields } from '../scenario/steps/contract.js';

/** A region, and what is known of each of its pages. */
export interface Paged<P> {
  readonly name: string;
  readonly pages: readonly P[];
}

/** Pages of a region that follow each other. */
export interface Part<R> {
  readonly region: R;
  readonly page: number;
  readonly pages: number;
}

/** Most pages of a part that is drawn. */
const MOST = 8;

export const rangeOf = ({ region, page, pages }: Part<{ readonly name: string }>): Fields => ({
  region: region.name,
  page,
  pages,
});

/** What is known of the pages of a part. */
export const pagesOf = <P>({ region, page, pages }: Part<Paged<P>>): P[] =>
  region.pages.slice(page, page + pages);

/** Some pages that fit, and of which each may stand beside the first one; null where there are none. */
export function drawPart<P, R extends Paged<P>>(
  dice: Dice,
  among: readonly R[],
  fits: (page: P) => boolean,
  beside: (first: P, next: P) => boolean = () => true,
): Part<R> | null {
  const regions = among.filter(({ pages }) => pages.some(fits));
  if (regions.length === 0) return null;
  const region = dice.pick(regions);
  const page = dice.pick([...region.pages.keys()].filter((at) => fits(region.pages[at]!)));
  const first = region.pages[page]!;
  const most = Math.min(dice.between(1, MOST), region.pages.length - page);
  let pages = 1;
  while (pages < most && fits(region.pages[page + pages]!) && beside(first, region.pages[page + pages]!))
    pages++;
  return { region, page, pages };
}

/** All pages of a region that fit, as parts that are as large as can be. */
export function partsOf<P, R extends Paged<P>>(region: R, fits: (page: P) => boolean): Part<R>[] {
  const parts: Part<R>[] = [];
  for (let page = 0; page < region.pages.length; page++) {
    let end = page;
    while (end < region.pages.length && fits(region.pages[end]!)) end++;
    if (end > page) parts.push({ region, page, pages: end - page });
    page = end;
  }
  return parts;
}
