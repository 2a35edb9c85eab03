// SPDX-License-Identifier: GPL-2.0-only
/** Verdicts on the pages of a range, made one by one as they are asked for: a range may have a quarter of a million. */
import type { PageVerdict } from './verdict.js';

export class Verdicts implements Iterable<PageVerdict> {
  /**
   * `isAlike`: whether a page's verdict is known to differ from that of the page before it in its name and its pfns
   * alone; asked of every page of a long range, so that it makes nothing.
   */
  constructor(
    readonly length: number,
    private readonly make: (index: number) => PageVerdict,
    private readonly isAlike?: (index: number) => boolean,
  ) {}

  at(index: number): PageVerdict {
    return this.make(index);
  }

  /** From `index` on, the first page of which it is not known that it is told as the page before it. */
  skipAlike(index: number): number {
    if (this.isAlike === undefined) return index;
    let next = index;
    while (next < this.length && this.isAlike(next)) next++;
    return next;
  }

  *[Symbol.iterator](): Generator<PageVerdict> {
    for (let index = 0; index < this.length; index++) yield this.make(index);
  }
}

export const NO_VERDICTS = new Verdicts(0, () => {
  throw new RangeError('no pages');
});
