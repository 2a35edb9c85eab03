// SPDX-License-Identifier: GPL-2.0-only
/** Verdicts on the pages of a range, made one by one as they are asked for: a range may have a quarter of a million. */
import type { PageVerdict } from './verdict.js';

export class Verdicts implements Iterable<PageVerdict> {
  constructor(
    readonly length: number,
    private readonly make: (index: number) => PageVerdict,
  ) {}

  *[Symbol.iterator](): Generator<PageVerdict> {
    for (let index = 0; index < this.length; index++) yield this.make(index);
  }
}

export const NO_VERDICTS = new Verdicts(0, () => {
  throw new RangeError('no pages');
});
